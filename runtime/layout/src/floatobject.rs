//! Structs of `floatobject.h`.

use crate::prelude::*;

/// `float`.
#[repr(C)]
pub struct PyFloatObject {
    pub ob_base: PyObject,
    pub ob_fval: Field<f64>,
}

zeroed!(PyFloatObject);
