//! Structs of `floatobject.h`.

#[allow(unused_imports)]
use crate::prelude::*;

/// `float`.
#[repr(C)]
pub struct PyFloatObject {
    pub ob_base: PyObject,
    pub ob_fval: Field<f64>,
}

zeroed!(PyFloatObject);
