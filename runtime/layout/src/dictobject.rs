//! Structs of `dictobject.h`.

use crate::prelude::*;

pub type PyDict_WatchEvent = c_int;
pub type PyDict_WatchCallback =
    unsafe extern "C" fn(PyDict_WatchEvent, *mut PyObject, *mut PyObject, *mut PyObject) -> c_int;

/// `dict`; keys and values are private to the object crate.
#[repr(C)]
pub struct PyDictObject {
    pub ob_base: PyObject,
    pub ma_used: Field<Py_ssize_t>,
    pub _ma_watcher_tag: Field<u64>,
    pub ma_keys: Field<*mut PyDictKeysObject>,
    pub ma_values: Field<*mut PyDictValues>,
}

zeroed!(PyDictObject);

opaque!(
    /// Keys of a dict; the layout belongs to the object crate.
    PyDictKeysObject
);

opaque!(
    /// Values of a split dict; the layout belongs to the object crate.
    PyDictValues
);
