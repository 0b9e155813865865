//! Structs of `critical_section.h`.

use crate::prelude::*;

/// A held per-object lock, linked from the thread state (`nogil` only in C).
#[repr(C)]
pub struct PyCriticalSection {
    pub _cs_prev: Field<usize>,
    pub _cs_mutex: Field<*mut PyMutex>,
}

zeroed!(PyCriticalSection);

/// Two held per-object locks (`nogil` only in C).
#[repr(C)]
pub struct PyCriticalSection2 {
    pub _cs_base: PyCriticalSection,
    pub _cs_mutex2: Field<*mut PyMutex>,
}

zeroed!(PyCriticalSection2);
