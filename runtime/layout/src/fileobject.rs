//! Structs of `fileobject.h`.

use crate::prelude::*;

pub type Py_OpenCodeHookFunction = unsafe extern "C" fn(*mut PyObject, *mut c_void) -> *mut PyObject;
