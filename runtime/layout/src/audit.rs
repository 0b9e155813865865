//! Structs of `audit.h`.

#[allow(unused_imports)]
use crate::prelude::*;

pub type Py_AuditHookFunction = unsafe extern "C" fn(*const c_char, *mut PyObject, *mut c_void) -> c_int;
