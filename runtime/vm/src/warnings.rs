//! Issuing warnings: the native half of `warnings`.
//!
//! The filters live in the `_py_warnings` module of the standard library, which the first warning imports. During
//! start-up warnings are dropped, as nobody could have asked for them yet.
use crate::interp::current;
use krait_object::args::Args;
use krait_object::{Attached, Int, Layout, Module, Object, PyResult, Ref, Str, Type, functions, id};
use std::sync::atomic::Ordering;

fn module(py: Attached<'_>) -> PyResult<Option<Ref<Object>>> {
    let Some(modules) = current(py).modules.get() else { return Ok(None) };
    if let Some(found) = modules.get_str(py, "_py_warnings") {
        // While it is being imported it cannot show anything yet.
        return Ok(if found.get_attr_opt(py, id!(py, warn_explicit))?.is_some() { Some(found) } else { None });
    }
    // Before the program runs nobody could have asked for warnings, and at the end nothing can be imported any more.
    if modules.get_str(py, "__main__").is_none() || current(py).finalizing.load(Ordering::Acquire) {
        return Ok(None);
    }
    // `warnings` tells the other module where the functions are that a program may replace.
    match (krait_object::hooks::hooks().import)(py, "warnings") {
        Ok(_) => Ok(modules.get_str(py, "_py_warnings")),
        Err(raised) => {
            raised.clear(py);
            Ok(None)
        }
    }
}

/// Issues a warning of class `category` for the code `stack_level` frames up.
///
/// # Errors
/// The warning as an exception if a filter says so.
pub fn warn(py: Attached<'_>, category: &Type, message: &str, stack_level: isize) -> PyResult<()> {
    let Some(module) = module(py)? else { return Ok(()) };
    let message = Str::new(py, message)?;
    let level = Int::from_i64(py, stack_level as i64)?;
    module.call_method(py, id!(py, warn), &[message.as_object(), category.as_object(), level.as_object()]).map(drop)
}

/// Issues a warning for a place in a file.
///
/// # Errors
/// The warning as an exception if a filter says so.
pub fn warn_explicit(
    py: Attached<'_>,
    category: &Type,
    message: &str,
    filename: &Str,
    line: i32,
    module_name: Option<&Str>,
) -> PyResult<()> {
    let Some(module) = module(py)? else { return Ok(()) };
    let message = Str::new(py, message)?;
    let line = Int::from_i64(py, i64::from(line))?;
    let none = krait_object::none();
    let module_name = module_name.map_or(&*none, |name| name.as_object());
    let args = [message.as_object(), category.as_object(), filename.as_object(), line.as_object(), module_name];
    module.call_method(py, id!(py, warn_explicit), &args).map(drop)
}

/// Forwards a call to the module that has the filters; dropped while that is not imported.
fn forward(py: Attached<'_>, name: &'static Str, args: Args<'_>) -> PyResult<Ref<Object>> {
    match module(py)? {
        Some(module) => module.get_attr(py, name)?.call(py, args),
        None => Ok(krait_object::none()),
    }
}

fn warn_function(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    forward(py, id!(py, warn), args)
}

fn warn_explicit_function(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    forward(py, id!(py, warn_explicit), args)
}

/// Fills `_warnings`: the two functions that importlib needs before `warnings` can be imported. The filters and their
/// state are the Python half's.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        raw "warn" => warn_function, "", "warn(message, category=None, stacklevel=1, source=None)\n\nIssues a warning.";
        raw "warn_explicit" => warn_explicit_function, "", "warn_explicit(message, category, filename, lineno, module=None, registry=None)\n\nIssues a warning for a place.";
    })
}
