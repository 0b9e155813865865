//! Structs of `weakrefobject.h`.

use crate::prelude::*;

/// `weakref.ref` and proxies.
#[repr(C)]
pub struct PyWeakReference {
    pub ob_base: PyObject,
    pub wr_object: Field<*mut PyObject>,
    pub wr_callback: Field<*mut PyObject>,
    pub hash: Field<Py_hash_t>,
    pub wr_prev: Field<*mut PyWeakReference>,
    pub wr_next: Field<*mut PyWeakReference>,
    pub vectorcall: Field<Option<vectorcallfunc>>,
    pub weakrefs_lock: NogilOnly<Field<*mut PyMutex>>,
}

zeroed!(PyWeakReference);
