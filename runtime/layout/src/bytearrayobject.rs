//! Structs of `bytearrayobject.h`.

use crate::prelude::*;

/// `bytearray`.
#[repr(C)]
pub struct PyByteArrayObject {
    pub ob_base: PyVarObject,
    pub ob_alloc: Field<Py_ssize_t>,
    pub ob_bytes: Field<*mut c_char>,
    pub ob_start: Field<*mut c_char>,
    pub ob_exports: Field<Py_ssize_t>,
}

zeroed!(PyByteArrayObject);
