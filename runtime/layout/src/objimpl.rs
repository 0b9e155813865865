//! Structs of `objimpl.h`.

#[allow(unused_imports)]
use crate::prelude::*;

pub type gcvisitobjects_t = unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int;

/// Source of the small-object allocator's arenas.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyObjectArenaAllocator {
    pub ctx: *mut c_void,
    pub alloc: Option<unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void>,
    pub free: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, usize)>,
}

zeroed!(PyObjectArenaAllocator);

/// The two words before a tracked object of the `gil` mode: links of the collector's list, with flags in low bits.
#[repr(C)]
pub struct PyGC_Head {
    pub _gc_next: Field<usize>,
    pub _gc_prev: Field<usize>,
}

zeroed!(PyGC_Head);
