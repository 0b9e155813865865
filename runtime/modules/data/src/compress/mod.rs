//! Compression: `zlib`, `_bz2`, `_lzma`, `_zstd`.
//!
//! The coders are foreign code behind a lock; a thread works on them detached, so that others go on meanwhile.
pub mod bz2;
pub mod lzma;
pub mod stream;
pub mod zlib;
pub mod zstd;

use krait_object::{Attached, Object, PyResult, Ref, raise};

/// What `__reduce__` of a coder does.
fn not_picklable(py: Attached<'_>, object: &Object) -> PyResult<Ref<Object>> {
    Err(raise!(py, TypeError, "cannot pickle '{}' object", object.ty().full_name()))
}
