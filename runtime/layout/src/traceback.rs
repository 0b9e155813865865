//! Structs of `traceback.h`.

use crate::prelude::*;

/// One entry of a traceback.
#[repr(C)]
pub struct PyTracebackObject {
    pub ob_base: PyObject,
    pub tb_next: Field<*mut PyTracebackObject>,
    pub tb_frame: Field<*mut PyFrameObject>,
    pub tb_lasti: Field<c_int>,
    pub tb_lineno: Field<c_int>,
}

zeroed!(PyTracebackObject);
