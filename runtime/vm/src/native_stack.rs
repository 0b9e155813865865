//! The native stack: running into its end is a `RecursionError`.
use krait_object::{Attached, PyResult, raise};

/// An error when the native stack is nearly used up.
#[inline(always)]
pub fn check(py: Attached<'_>) -> PyResult<()> {
    if krait_object::stack::is_low(py) { overflow(py) } else { Ok(()) }
}

#[cold]
fn overflow(py: Attached<'_>) -> PyResult<()> {
    Err(raise!(py, RecursionError, "maximum recursion depth exceeded"))
}
