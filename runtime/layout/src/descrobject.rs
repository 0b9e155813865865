//! Structs of `descrobject.h`.

use crate::prelude::*;

pub type wrapperfunc_kwds =
    unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut c_void, *mut PyObject) -> *mut PyObject;
pub type wrapperfunc = unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut c_void) -> *mut PyObject;
pub type setter = unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut c_void) -> c_int;
pub type getter = unsafe extern "C" fn(*mut PyObject, *mut c_void) -> *mut PyObject;

/// Common prefix of the descriptors of built-in types.
#[repr(C)]
pub struct PyDescrObject {
    pub ob_base: PyObject,
    pub d_type: Field<*mut PyTypeObject>,
    pub d_name: Field<*mut PyObject>,
    pub d_qualname: Field<*mut PyObject>,
}

zeroed!(PyDescrObject);

/// Declaration of a computed attribute.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyGetSetDef {
    pub name: *const c_char,
    pub get: Option<getter>,
    pub set: Option<setter>,
    pub doc: *const c_char,
    pub closure: *mut c_void,
}

zeroed!(PyGetSetDef);

/// Descriptor of a computed attribute.
#[repr(C)]
pub struct PyGetSetDescrObject {
    pub d_common: PyDescrObject,
    pub d_getset: Field<*mut PyGetSetDef>,
}

zeroed!(PyGetSetDescrObject);

/// Declaration of an attribute at a fixed offset.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyMemberDef {
    pub name: *const c_char,
    pub r#type: c_int,
    pub offset: Py_ssize_t,
    pub flags: c_int,
    pub doc: *const c_char,
}

zeroed!(PyMemberDef);

/// Descriptor of an attribute at a fixed offset.
#[repr(C)]
pub struct PyMemberDescrObject {
    pub d_common: PyDescrObject,
    pub d_member: Field<*mut PyMemberDef>,
}

zeroed!(PyMemberDescrObject);

/// Descriptor of a built-in method.
#[repr(C)]
pub struct PyMethodDescrObject {
    pub d_common: PyDescrObject,
    pub d_method: Field<*mut PyMethodDef>,
    pub vectorcall: Field<Option<vectorcallfunc>>,
}

zeroed!(PyMethodDescrObject);

/// Descriptor that exposes a type slot as a special method.
#[repr(C)]
pub struct PyWrapperDescrObject {
    pub d_common: PyDescrObject,
    pub d_base: Field<*mut wrapperbase>,
    pub d_wrapped: Field<*mut c_void>,
}

zeroed!(PyWrapperDescrObject);

/// Declaration of a special method that stands for a slot.
#[repr(C)]
pub struct wrapperbase {
    pub name: Field<*const c_char>,
    pub offset: Field<c_int>,
    pub function: Field<*mut c_void>,
    pub wrapper: Field<Option<wrapperfunc>>,
    pub doc: Field<*const c_char>,
    pub flags: Field<c_int>,
    pub name_strobj: Field<*mut PyObject>,
}

zeroed!(wrapperbase);
