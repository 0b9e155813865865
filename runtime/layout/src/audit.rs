//! Structs of `audit.h`.

use crate::prelude::*;

pub type Py_AuditHookFunction = unsafe extern "C" fn(*const c_char, *mut PyObject, *mut c_void) -> c_int;
