//! What interrupts the evaluation loop.
use krait_object::{Attached, PyResult};

/// The bits of `eval_breaker` that ask for work; the rest is a version number of instrumentation.
pub const EVENTS: usize = 0xff;

/// Does the work that was asked for.
#[cold]
pub fn handle(py: Attached<'_>) -> PyResult<()> {
    let _ = py;
    Ok(())
}
