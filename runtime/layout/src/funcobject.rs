//! Structs of `funcobject.h`.

use crate::prelude::*;

pub type PyFunction_WatchEvent = c_int;
pub type PyFunction_WatchCallback =
    unsafe extern "C" fn(PyFunction_WatchEvent, *mut PyFunctionObject, *mut PyObject) -> c_int;

/// Ingredients of a function and its frame.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyFrameConstructor {
    pub fc_globals: *mut PyObject,
    pub fc_builtins: *mut PyObject,
    pub fc_name: *mut PyObject,
    pub fc_qualname: *mut PyObject,
    pub fc_code: *mut PyObject,
    pub fc_defaults: *mut PyObject,
    pub fc_kwdefaults: *mut PyObject,
    pub fc_closure: *mut PyObject,
}

zeroed!(PyFrameConstructor);

/// A Python function.
#[repr(C)]
pub struct PyFunctionObject {
    pub ob_base: PyObject,
    pub func_globals: Field<*mut PyObject>,
    pub func_builtins: Field<*mut PyObject>,
    pub func_name: Field<*mut PyObject>,
    pub func_qualname: Field<*mut PyObject>,
    pub func_code: Field<*mut PyObject>,
    pub func_defaults: Field<*mut PyObject>,
    pub func_kwdefaults: Field<*mut PyObject>,
    pub func_closure: Field<*mut PyObject>,
    pub func_doc: Field<*mut PyObject>,
    pub func_dict: Field<*mut PyObject>,
    pub func_weakreflist: Field<*mut PyObject>,
    pub func_module: Field<*mut PyObject>,
    pub func_annotations: Field<*mut PyObject>,
    pub func_annotate: Field<*mut PyObject>,
    pub func_typeparams: Field<*mut PyObject>,
    pub vectorcall: Field<Option<vectorcallfunc>>,
    pub func_version: Field<u32>,
}

zeroed!(PyFunctionObject);
