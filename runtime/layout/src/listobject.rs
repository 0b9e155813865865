//! Structs of `listobject.h`.

use crate::prelude::*;

/// `list`.
#[repr(C)]
pub struct PyListObject {
    pub ob_base: PyVarObject,
    pub ob_item: Field<*mut *mut PyObject>,
    pub allocated: Field<Py_ssize_t>,
}

zeroed!(PyListObject);
