//! Structs of `structseq.h`.

use crate::prelude::*;

/// Declaration of a struct sequence type.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyStructSequence_Desc {
    pub name: *const c_char,
    pub doc: *const c_char,
    pub fields: *mut PyStructSequence_Field,
    pub n_in_sequence: c_int,
}

zeroed!(PyStructSequence_Desc);

/// One field of a struct sequence type.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyStructSequence_Field {
    pub name: *const c_char,
    pub doc: *const c_char,
}

zeroed!(PyStructSequence_Field);
