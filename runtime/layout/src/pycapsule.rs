//! Structs of `pycapsule.h`.

use crate::prelude::*;

pub type PyCapsule_Destructor = unsafe extern "C" fn(*mut PyObject);
