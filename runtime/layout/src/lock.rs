//! Structs of `lock.h`.

use crate::prelude::*;

/// A one-byte lock.
#[repr(C)]
pub struct PyMutex {
    pub _bits: AtomicU8,
}

zeroed!(PyMutex);
