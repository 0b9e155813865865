//! Structs of `pyerrors.h`.

use crate::prelude::*;

/// `AttributeError`.
#[repr(C)]
pub struct PyAttributeErrorObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub obj: Field<*mut PyObject>,
    pub name: Field<*mut PyObject>,
}

zeroed!(PyAttributeErrorObject);

/// `BaseExceptionGroup`.
#[repr(C)]
pub struct PyBaseExceptionGroupObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub msg: Field<*mut PyObject>,
    pub excs: Field<*mut PyObject>,
    pub excs_str: Field<*mut PyObject>,
}

zeroed!(PyBaseExceptionGroupObject);

/// `BaseException`, the common prefix of all exceptions.
#[repr(C)]
pub struct PyBaseExceptionObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
}

zeroed!(PyBaseExceptionObject);

/// `ImportError`.
#[repr(C)]
pub struct PyImportErrorObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub msg: Field<*mut PyObject>,
    pub name: Field<*mut PyObject>,
    pub path: Field<*mut PyObject>,
    pub name_from: Field<*mut PyObject>,
}

zeroed!(PyImportErrorObject);

/// `NameError`.
#[repr(C)]
pub struct PyNameErrorObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub name: Field<*mut PyObject>,
}

zeroed!(PyNameErrorObject);

/// `OSError`.
#[repr(C)]
pub struct PyOSErrorObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub myerrno: Field<*mut PyObject>,
    pub strerror: Field<*mut PyObject>,
    pub filename: Field<*mut PyObject>,
    pub filename2: Field<*mut PyObject>,
    pub written: Field<Py_ssize_t>,
}

zeroed!(PyOSErrorObject);

/// `StopIteration`.
#[repr(C)]
pub struct PyStopIterationObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub value: Field<*mut PyObject>,
}

zeroed!(PyStopIterationObject);

/// `SyntaxError`.
#[repr(C)]
pub struct PySyntaxErrorObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub msg: Field<*mut PyObject>,
    pub filename: Field<*mut PyObject>,
    pub lineno: Field<*mut PyObject>,
    pub offset: Field<*mut PyObject>,
    pub end_lineno: Field<*mut PyObject>,
    pub end_offset: Field<*mut PyObject>,
    pub text: Field<*mut PyObject>,
    pub print_file_and_line: Field<*mut PyObject>,
    pub metadata: Field<*mut PyObject>,
}

zeroed!(PySyntaxErrorObject);

/// `SystemExit`.
#[repr(C)]
pub struct PySystemExitObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub code: Field<*mut PyObject>,
}

zeroed!(PySystemExitObject);

/// The encoding, decoding and translation errors.
#[repr(C)]
pub struct PyUnicodeErrorObject {
    pub ob_base: PyObject,
    pub dict: Field<*mut PyObject>,
    pub args: Field<*mut PyObject>,
    pub notes: Field<*mut PyObject>,
    pub traceback: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub cause: Field<*mut PyObject>,
    pub suppress_context: Field<c_char>,
    pub encoding: Field<*mut PyObject>,
    pub object: Field<*mut PyObject>,
    pub start: Field<Py_ssize_t>,
    pub end: Field<Py_ssize_t>,
    pub reason: Field<*mut PyObject>,
}

zeroed!(PyUnicodeErrorObject);
