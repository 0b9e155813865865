//! `_sysconfig`: what the runtime itself knows of how it was built.
use krait_object::{Attached, Dict, Int, Layout, Module, Object, PyResult, Ref, functions, mode};

/// The build variables that the runtime shows in `sysconfig`.
fn config_vars(py: Attached<'_>, _: &Object) -> PyResult<Ref<Dict>> {
    let vars = Dict::new(py)?;
    for (name, value) in [("Py_GIL_DISABLED", mode::FREE_THREADED), ("Py_DEBUG", false)] {
        vars.set_str(py, name, Int::from_i64(py, value.into())?.as_object())?;
    }
    Ok(vars)
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! { noargs "config_vars" => config_vars, "($module, /)", "The build variables that sysconfig shows."; },
    )
}
