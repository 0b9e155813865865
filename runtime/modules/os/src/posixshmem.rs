//! `_posixshmem`: named shared memory.
use crate::util::*;
use krait_object::exceptions::raise_os_error_with;
use krait_object::{Attached, Module, Object, PyResult, Str, functions, raise};
use std::ffi::{CString, c_int};

type Opt<'a> = Option<&'a Object>;

fn name_arg(py: Attached<'_>, function: &str, name: &Object) -> PyResult<CString> {
    let Some(text) = name.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "{function}() argument 1 must be str, not {}",
            krait_object::builtins::textargs::arg_type(name)
        ));
    };
    CString::new(text.to_utf8(py)?).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

fn shm_open(py: Attached<'_>, _: &Object, [path, flags, mode]: [Opt<'_>; 3]) -> PyResult<c_int> {
    let path = need(py, path)?;
    let name = name_arg(py, "shm_open", path)?;
    let flags = int_arg(py, need(py, flags)?)?;
    let mode = int_or(py, mode, 0o777)? as libc::mode_t;
    // SAFETY: a C string that lives through the call.
    retry(py, || unsafe { libc::shm_open(name.as_ptr(), flags | libc::O_CLOEXEC, mode) })?
        .map_err(|errno| raise_os_error_with(py, errno, Some(path), None))
}

fn shm_unlink(py: Attached<'_>, _: &Object, path: &Object) -> PyResult<()> {
    let name = name_arg(py, "shm_unlink", path)?;
    // SAFETY: a C string that lives through the call.
    retry(py, || unsafe { libc::shm_unlink(name.as_ptr()) })?
        .map(drop)
        .map_err(|errno| raise_os_error_with(py, errno, Some(path), None))
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "shm_open" => shm_open, "($module, /, path, flags, mode=511)", "Opens shared memory by its name; the descriptor.";
        o "shm_unlink" => shm_unlink, "($module, path, /)", "Removes the name of shared memory.";
    })
}
