//! What interrupts the evaluation loop.
use krait_object::{Attached, PyResult};

/// The bits of `eval_breaker` that ask for work; the rest is a version number of instrumentation.
pub const EVENTS: usize = krait_sync::breaker::EVENTS;

/// Does the work that was asked for.
///
/// # Errors
/// What signal handlers, pending calls and asynchronous exceptions raise.
#[cold]
pub fn handle(py: Attached<'_>) -> PyResult<()> {
    crate::interp::serve_breaker(py)
}
