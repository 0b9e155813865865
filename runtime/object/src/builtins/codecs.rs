//! Encoding and decoding with error handlers.
use crate::handle::{Attached, Layout, Ref};
use crate::{Int, Object, PyResult, Str, exc};

/// `UnicodeEncodeError(encoding, text, start, end, reason)`.
pub fn new_encode_error(
    py: Attached<'_>,
    encoding: &str,
    text: &Str,
    start: usize,
    end: usize,
    reason: &str,
) -> PyResult<Ref<Object>> {
    let (encoding, reason) = (Str::new(py, encoding)?, Str::new(py, reason)?);
    let (start, end) = (Int::from_u64(py, start as u64)?, Int::from_u64(py, end as u64)?);
    exc::UnicodeEncodeError()
        .as_object()
        .call_pos(py, &[encoding.as_object(), text.as_object(), start.as_object(), end.as_object(), reason.as_object()])
}
