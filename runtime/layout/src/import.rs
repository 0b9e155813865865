//! Structs of `import.h`.

use crate::prelude::*;

/// One entry of the table of frozen modules.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _frozen {
    pub name: *const c_char,
    pub code: *const u8,
    pub size: c_int,
    pub is_package: c_int,
}

zeroed!(_frozen);

/// One entry of the table of built-in modules.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _inittab {
    pub name: *const c_char,
    pub initfunc: Option<unsafe extern "C" fn() -> *mut PyObject>,
}

zeroed!(_inittab);
