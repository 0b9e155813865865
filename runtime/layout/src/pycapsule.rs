//! Structs of `pycapsule.h`.

#[allow(unused_imports)]
use crate::prelude::*;

pub type PyCapsule_Destructor = unsafe extern "C" fn(*mut PyObject);
