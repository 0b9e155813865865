//! Structs of `ceval.h`.

use crate::prelude::*;

/// An open perf map file and its lock.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PerfMapState {
    pub perf_map: *mut c_void,
    pub map_lock: PyThread_type_lock,
}

zeroed!(PerfMapState);
