//! Buffers, managed buffers and memory views.

use crate::prelude::*;

pub type releasebufferproc = unsafe extern "C" fn(*mut PyObject, *mut Py_buffer);
pub type getbufferproc = unsafe extern "C" fn(*mut PyObject, *mut Py_buffer, c_int) -> c_int;

/// The exporter side of a memory view: one acquired buffer, shared by its views.
#[repr(C)]
pub struct _PyManagedBufferObject {
    pub ob_base: PyObject,
    pub flags: Field<c_int>,
    pub exports: Field<Py_ssize_t>,
    pub master: Field<Py_buffer>,
}

zeroed!(_PyManagedBufferObject);

/// A memory region that an exporter lends (PEP 3118).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Py_buffer {
    pub buf: *mut c_void,
    pub obj: *mut PyObject,
    pub len: Py_ssize_t,
    pub itemsize: Py_ssize_t,
    pub readonly: c_int,
    pub ndim: c_int,
    pub format: *mut c_char,
    pub shape: *mut Py_ssize_t,
    pub strides: *mut Py_ssize_t,
    pub suboffsets: *mut Py_ssize_t,
    pub internal: *mut c_void,
}

zeroed!(Py_buffer);

/// `memoryview`; shape, strides and suboffsets lie in `ob_array`.
#[repr(C)]
pub struct PyMemoryViewObject {
    pub ob_base: PyVarObject,
    pub mbuf: Field<*mut _PyManagedBufferObject>,
    pub hash: Field<Py_hash_t>,
    pub flags: Field<c_int>,
    pub exports: Field<Py_ssize_t>,
    pub view: Field<Py_buffer>,
    pub weakreflist: Field<*mut PyObject>,
    pub ob_array: [Field<Py_ssize_t>; 1],
}

zeroed!(PyMemoryViewObject);
