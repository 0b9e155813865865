//! The module of `sample.c`, by PyO3.
use pyo3::prelude::*;

/// The sum.
#[pyfunction]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[pymodule(gil_used = false)]
fn sample(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("mode", if cfg!(Py_GIL_DISABLED) { "nogil" } else { "gil" })?;
    module.add_function(wrap_pyfunction!(add, module)?)
}
