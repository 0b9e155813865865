//! `errno`.
use crate::linux;
use crate::util::add_ints;
use krait_object::{Attached, Dict, IntoObject, Layout, Module, PyResult};

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_ints(py, module, linux::ERRNO)?;
    let codes = Dict::new(py)?;
    // Where two names share a number, the usual one is listed.
    const LESS_USUAL: &[&str] = &["EWOULDBLOCK", "EDEADLOCK", "EOPNOTSUPP"];
    for (name, value) in linux::ERRNO {
        if !LESS_USUAL.contains(name) || *name == "EOPNOTSUPP" {
            codes.set(py, &*value.into_object(py)?, &*name.into_object(py)?)?;
        }
    }
    module.add(py, "errorcode", codes.as_object())
}
