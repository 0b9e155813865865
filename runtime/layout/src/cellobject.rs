//! Structs of `cellobject.h`.

use crate::prelude::*;

/// A closure cell.
#[repr(C)]
pub struct PyCellObject {
    pub ob_base: PyObject,
    pub ob_ref: Field<*mut PyObject>,
}

zeroed!(PyCellObject);
