//! Structs of `setobject.h`.

use crate::prelude::*;

/// `set` and `frozenset`.
#[repr(C)]
pub struct PySetObject {
    pub ob_base: PyObject,
    pub fill: Field<Py_ssize_t>,
    pub used: Field<Py_ssize_t>,
    pub mask: Field<Py_ssize_t>,
    pub table: Field<*mut setentry>,
    pub hash: Field<Py_hash_t>,
    pub finger: Field<Py_ssize_t>,
    pub smalltable: [setentry; 8],
    pub weakreflist: Field<*mut PyObject>,
}

zeroed!(PySetObject);

/// One entry of a set table.
#[repr(C)]
pub struct setentry {
    pub key: Field<*mut PyObject>,
    pub hash: Field<Py_hash_t>,
}

zeroed!(setentry);
