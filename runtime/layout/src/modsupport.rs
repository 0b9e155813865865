//! Structs of `modsupport.h`.

use crate::prelude::*;

/// Parsed form of an argument format, filled on first use.
#[repr(C)]
pub struct _PyArg_Parser {
    pub format: Field<*const c_char>,
    pub keywords: Field<*const *const c_char>,
    pub fname: Field<*const c_char>,
    pub custom_msg: Field<*const c_char>,
    pub once: _PyOnceFlag,
    pub is_kwtuple_owned: Field<c_int>,
    pub pos: Field<c_int>,
    pub min: Field<c_int>,
    pub max: Field<c_int>,
    pub kwtuple: Field<*mut PyObject>,
    pub next: Field<*mut _PyArg_Parser>,
}

zeroed!(_PyArg_Parser);

/// State of a one-time initialisation.
#[repr(C)]
pub struct _PyOnceFlag {
    pub v: Field<u8>,
}

zeroed!(_PyOnceFlag);
