//! The methods that `bytes` and `bytearray` share.
//!
//! They are generic over [`ByteString`]. A `bytearray` is read under its lock, by code that runs no Python, or copied.
mod case;
mod construct;
mod search;
mod split;

pub use case::*;
pub use construct::*;
pub use search::*;
pub use split::*;

use crate::handle::{Attached, Layout, Ref};
use crate::{Object, PyResult, raise};
use std::borrow::Cow;

/// `bytes` or `bytearray`.
pub trait ByteString: Layout {
    /// The Python name of the type.
    const NAME: &'static str;
    /// Reads the content. `read` runs no Python code and drops no reference.
    fn with<R>(&self, py: Attached<'_>, read: impl FnOnce(&[u8]) -> R) -> R;
    /// The content: borrowed when it cannot change; `MemoryError` if there is no memory for a copy.
    fn content(&self, py: Attached<'_>) -> PyResult<Cow<'_, [u8]>>;
    /// A new exact object.
    fn make(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Self>>;
    /// The same content as a result: the object itself when it is exact and immutable.
    fn unchanged(&self, py: Attached<'_>) -> PyResult<Ref<Self>>;
    /// Keeps the size as it is while an argument is read that may run Python code.
    fn pin<'a, 'py>(
        &'a self,
        _py: Attached<'py>,
        _argument: Option<&Object>,
    ) -> Option<crate::bytearrayobject::Pin<'a, 'py>> {
        None
    }
    /// The separator as `partition` returns it; `object` is the argument and `bytes` its content.
    fn separator(py: Attached<'_>, object: &Object, bytes: &[u8]) -> PyResult<Ref<Object>>;
}

/// A byte value from an integer argument; `message` is for values out of range.
pub fn byte_value(py: Attached<'_>, value: &Object, message: &str) -> PyResult<u8> {
    match value.index(py)?.to_i64() {
        Some(byte @ 0..=255) => Ok(byte as u8),
        _ => Err(raise!(py, ValueError, "{message}")),
    }
}

/// White space as `bytes.split` sees it.
#[inline]
pub fn is_space(byte: u8) -> bool {
    matches!(byte, 9..=13 | 32)
}
