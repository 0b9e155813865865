//! Structs of `pyhash.h`.

use crate::prelude::*;

/// Description of the string hash in use.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyHash_FuncDef {
    pub hash: Option<unsafe extern "C" fn(*const c_void, Py_ssize_t) -> Py_hash_t>,
    pub name: *const c_char,
    pub hash_bits: c_int,
    pub seed_bits: c_int,
}

zeroed!(PyHash_FuncDef);
