//! Template strings: the objects of `string.templatelib`.
use krait_object::format::Conversion;
use krait_object::templateobject::{Interpolation, Template};
use krait_object::{Attached, Layout, Object, PyResult, Ref, Str, Tuple};

/// `string.templatelib.Interpolation`.
pub fn interpolation(
    py: Attached<'_>,
    value: &Object,
    text: &Object,
    conversion: Option<char>,
    spec: Option<&Object>,
) -> PyResult<Ref<Object>> {
    let conversion = match conversion {
        Some('s') => Some(Conversion::Str),
        Some('r') => Some(Conversion::Repr),
        Some(_) => Some(Conversion::Ascii),
        None => None,
    };
    let empty = Str::new(py, "")?;
    Ok(Interpolation::new(py, value, text, conversion, spec.unwrap_or(empty.as_object()))?.upcast())
}

/// `string.templatelib.Template` from its strings and its interpolations.
pub fn template(py: Attached<'_>, strings: &Object, interpolations: &Object) -> PyResult<Ref<Object>> {
    let (Some(strings), Some(interpolations)) = (strings.downcast::<Tuple>(), interpolations.downcast::<Tuple>())
    else {
        return Err(py.bad_internal_call());
    };
    Ok(Template::new(py, strings.to_ref(), interpolations.to_ref())?.upcast())
}
