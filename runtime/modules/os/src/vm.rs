//! What these modules use of the virtual machine.
use krait_object::{Attached, Object, PyResult};

/// Runs `f` with the thread detached.
pub fn without<R>(_py: Attached<'_>, f: impl FnOnce() -> R) -> R {
    f()
}

/// Runs signal handlers that are due.
pub fn check_signals(_py: Attached<'_>) -> PyResult<()> {
    Ok(())
}

/// Raises an audit event.
pub fn audit(_py: Attached<'_>, _event: &str, _args: &[&Object]) -> PyResult<()> {
    Ok(())
}

/// A native module.
pub struct BuiltinModule {
    pub name: &'static str,
    pub doc: &'static str,
    pub exec: fn(py: Attached<'_>, module: &krait_object::Module) -> PyResult<()>,
}
