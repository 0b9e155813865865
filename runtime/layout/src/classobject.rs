//! Structs of `classobject.h`.

use crate::prelude::*;

/// A callable that binds like a function.
#[repr(C)]
pub struct PyInstanceMethodObject {
    pub ob_base: PyObject,
    pub func: Field<*mut PyObject>,
}

zeroed!(PyInstanceMethodObject);

/// A bound method.
#[repr(C)]
pub struct PyMethodObject {
    pub ob_base: PyObject,
    pub im_func: Field<*mut PyObject>,
    pub im_self: Field<*mut PyObject>,
    pub im_weakreflist: Field<*mut PyObject>,
    pub vectorcall: Field<Option<vectorcallfunc>>,
}

zeroed!(PyMethodObject);
