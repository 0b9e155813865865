//! Structs of `pythread.h`.

use crate::prelude::*;

pub type PyLockStatus = c_int;

/// A thread-specific storage key (PEP 539).
#[repr(C)]
pub struct Py_tss_t {
    pub _is_initialized: Field<c_int>,
    pub _key: Field<c_uint>,
}

zeroed!(Py_tss_t);
