//! Structs of `compile.h`.

use crate::prelude::*;

/// Flags handed to the compiler.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyCompilerFlags {
    pub cf_flags: c_int,
    pub cf_feature_version: c_int,
}

zeroed!(PyCompilerFlags);
