//! Structs of `sliceobject.h`.

use crate::prelude::*;

/// `slice`.
#[repr(C)]
pub struct PySliceObject {
    pub ob_base: PyObject,
    pub start: Field<*mut PyObject>,
    pub stop: Field<*mut PyObject>,
    pub step: Field<*mut PyObject>,
}

zeroed!(PySliceObject);
