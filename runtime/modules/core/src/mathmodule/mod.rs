//! `math`: functions of real numbers and integers.
mod floats;
mod integers;
mod sums;

use krait_object::{Attached, IntoObject, Module, Object, PyResult, Raised, raise};

/// An argument as a float.
fn real(py: Attached<'_>, object: Option<&Object>) -> PyResult<f64> {
    krait_object::native::required(py, object)?.as_f64(py)
}

#[cold]
fn domain_error(py: Attached<'_>) -> Raised {
    raise!(py, ValueError, "math domain error")
}

#[cold]
fn range_error(py: Attached<'_>) -> Raised {
    raise!(py, OverflowError, "math range error")
}

/// `repr` of a float, for messages.
fn shown(x: f64) -> String {
    krait_text::float::repr(x)
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, floats::table())?;
    module.add_functions(py, floats::more())?;
    module.add_functions(py, integers::table())?;
    module.add_functions(py, sums::table())?;
    let constants = [
        ("pi", std::f64::consts::PI),
        ("e", std::f64::consts::E),
        ("tau", std::f64::consts::TAU),
        ("inf", f64::INFINITY),
        ("nan", f64::NAN),
    ];
    constants.into_iter().try_for_each(|(name, value)| module.add(py, name, &*value.into_object(py)?))
}
