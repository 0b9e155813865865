//! Structs of `objimpl.h`.

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

/// Flag of `PyGC_Head::_gc_prev`: the finalizer has run.
pub const _PyGC_PREV_MASK_FINALIZED: usize = 1;
/// Flag of `PyGC_Head::_gc_prev`: in the generation being collected.
pub const _PyGC_PREV_MASK_COLLECTING: usize = 2;
/// Number of flag bits in `PyGC_Head::_gc_prev`.
pub const _PyGC_PREV_SHIFT: u32 = 2;
/// The bits of `PyGC_Head::_gc_prev` that are not flags.
pub const _PyGC_PREV_MASK: usize = usize::MAX << _PyGC_PREV_SHIFT;

/// `ob_gc_bits`: tracked by the collector.
pub const _PyGC_BITS_TRACKED: u8 = 1 << 0;
/// `ob_gc_bits`: the finalizer has run.
pub const _PyGC_BITS_FINALIZED: u8 = 1 << 1;
/// `ob_gc_bits`: found unreachable by the collection under way.
pub const _PyGC_BITS_UNREACHABLE: u8 = 1 << 2;
/// `ob_gc_bits`: frozen by `gc.freeze`.
pub const _PyGC_BITS_FROZEN: u8 = 1 << 3;
/// `ob_gc_bits`: memory that readers may reach without a lock, so it is freed through QSBR.
pub const _PyGC_BITS_SHARED: u8 = 1 << 4;
/// `ob_gc_bits`: found reachable by the collection under way.
pub const _PyGC_BITS_ALIVE: u8 = 1 << 5;
/// `ob_gc_bits`: counted by deferral.
pub const _PyGC_BITS_DEFERRED: u8 = 1 << 6;
