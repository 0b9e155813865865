//! Structs of `monitoring.h`.

use crate::prelude::*;

/// Which tools watch one event (PEP 669).
#[repr(C)]
pub struct PyMonitoringState {
    pub active: Field<u8>,
    pub opaque: Field<u8>,
}

zeroed!(PyMonitoringState);
