//! Structs of `context.h`.

use crate::prelude::*;

pub type PyContext_WatchCallback = unsafe extern "C" fn(PyContextEvent, *mut PyObject) -> c_int;
pub type PyContextEvent = c_int;

opaque!(
    /// Opaque here; its layout belongs to the object crate.
    PyContext
);

opaque!(
    /// Opaque here; its layout belongs to the object crate.
    PyContextToken
);

opaque!(
    /// Opaque here; its layout belongs to the object crate.
    PyContextVar
);
