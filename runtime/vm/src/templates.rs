//! Template strings: the objects of `string.templatelib`.
use krait_object::{Attached, Object, PyResult, Ref, raise};

/// `string.templatelib.Interpolation`.
pub fn interpolation(
    py: Attached<'_>,
    value: &Object,
    text: &Object,
    conversion: Option<char>,
    spec: Option<&Object>,
) -> PyResult<Ref<Object>> {
    let _ = (value, text, conversion, spec);
    Err(raise!(py, NotImplementedError, "template strings"))
}

/// `string.templatelib.Template` from its strings and its interpolations.
pub fn template(py: Attached<'_>, strings: &Object, interpolations: &Object) -> PyResult<Ref<Object>> {
    let _ = (strings, interpolations);
    Err(raise!(py, NotImplementedError, "template strings"))
}
