//! Structs of `methodobject.h`.

use crate::prelude::*;

pub type _PyCFunctionFastWithKeywords = PyCFunctionFastWithKeywords;
pub type _PyCFunctionFast = PyCFunctionFast;
pub type PyCMethod = unsafe extern "C" fn(
    *mut PyObject,
    *mut PyTypeObject,
    *const *mut PyObject,
    Py_ssize_t,
    *mut PyObject,
) -> *mut PyObject;
pub type PyCFunctionWithKeywords = unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;
pub type PyCFunctionFastWithKeywords =
    unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, Py_ssize_t, *mut PyObject) -> *mut PyObject;
pub type PyCFunctionFast = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, Py_ssize_t) -> *mut PyObject;
pub type PyCFunction = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;

/// A built-in function or bound built-in method.
#[repr(C)]
pub struct PyCFunctionObject {
    pub ob_base: PyObject,
    pub m_ml: Field<*mut PyMethodDef>,
    pub m_self: Field<*mut PyObject>,
    pub m_module: Field<*mut PyObject>,
    pub m_weakreflist: Field<*mut PyObject>,
    pub vectorcall: Field<Option<vectorcallfunc>>,
}

zeroed!(PyCFunctionObject);

/// A built-in method that also receives its defining class.
#[repr(C)]
pub struct PyCMethodObject {
    pub func: PyCFunctionObject,
    pub mm_class: Field<*mut PyTypeObject>,
}

zeroed!(PyCMethodObject);

/// Declaration of a built-in function; writable, and read at each call.
#[repr(C)]
pub struct PyMethodDef {
    pub ml_name: Field<*const c_char>,
    pub ml_meth: Field<Option<PyCFunction>>,
    pub ml_flags: Field<c_int>,
    pub ml_doc: Field<*const c_char>,
}

zeroed!(PyMethodDef);

impl PyMethodDef {
    /// An entry of a method table; `flags` are `METH_*` and say what `meth` really takes.
    pub const fn new(name: *const c_char, meth: Option<PyCFunction>, flags: c_int, doc: *const c_char) -> Self {
        Self {
            ml_name: Field::new(name),
            ml_meth: Field::new(meth),
            ml_flags: Field::new(flags),
            ml_doc: Field::new(doc),
        }
    }
}
