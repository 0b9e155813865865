//! Time spans as arguments.
use krait_object::{Attached, Float, Object, PyResult, raise};

/// A number of seconds in nanoseconds, rounded away from zero; it fits an `i64`.
///
/// # Errors
/// `TypeError` for what is no number, `ValueError` for NaN, `OverflowError`.
pub fn seconds_arg(py: Attached<'_>, object: &Object) -> PyResult<i128> {
    if let Some(float) = object.downcast::<Float>() {
        let value = float.value();
        if value.is_nan() {
            return Err(raise!(py, ValueError, "Invalid value NaN (not a number)"));
        }
        let nanos = value * 1e9;
        let nanos = if nanos < 0.0 { nanos.floor() } else { nanos.ceil() };
        if !(-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&nanos) {
            return Err(raise!(py, OverflowError, "timestamp out of range for C PyTime_t"));
        }
        return Ok(nanos as i128);
    }
    if !object.has_index() {
        return Err(raise!(
            py,
            TypeError,
            "'{}' object cannot be interpreted as an integer or float",
            object.ty().name()
        ));
    }
    let total = object.index(py)?.to_i64().map(|seconds| i128::from(seconds) * 1_000_000_000);
    match total {
        Some(total) if i64::try_from(total).is_ok() => Ok(total),
        _ => Err(raise!(py, OverflowError, "timestamp out of range for C PyTime_t")),
    }
}
