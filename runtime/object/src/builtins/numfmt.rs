//! What the number types share: formatting by specification and the acceptance of subclass results.
use super::format::{locale_of, spec_error};
use crate::handle::{Attached, Layout, Ref};
use crate::{Float, Int, Object, PyResult, Str, raise};
use krait_text::format::{self, Align, Spec};

/// The specification argument of `__format__`.
pub(crate) fn spec_text<'a>(py: Attached<'_>, spec: &'a Object) -> PyResult<&'a Str> {
    spec.downcast::<Str>()
        .ok_or_else(|| crate::builtins::textargs::bad_argument(py, "__format__", "argument", "str", spec))
}

fn parse(py: Attached<'_>, spec: &Str, kind: char, type_name: &str) -> PyResult<Spec> {
    super::format::parse(spec, kind, Align::Right).map_err(|error| spec_error(py, &error, type_name))
}

/// `format(int, spec)`.
pub fn format_int(py: Attached<'_>, value: &Int, spec: &Str) -> PyResult<Ref<Str>> {
    let type_name = value.as_object().ty().name().into_owned();
    if spec.is_empty() {
        return value.as_object().str(py);
    }
    let parsed = parse(py, spec, 'd', &type_name)?;
    let text = if let Some(base) = parsed.int_base() {
        let digits = value.magnitude_text(py, base)?;
        format::format_int(&parsed, value.is_negative(), &digits, locale_of(&parsed).as_ref())
    } else if parsed.is_float() {
        format::format_float(&parsed, value.to_f64(py)?, None)
    } else if parsed.is_char() {
        format::check_char(&parsed).map_err(|error| spec_error(py, &error, &type_name))?;
        let point = match value.to_i64() {
            Some(point @ 0..=0x10_FFFF) => point,
            Some(_) => return Err(raise!(py, OverflowError, "%c arg not in range(0x110000)")),
            None => return Err(raise!(py, OverflowError, "Python int too large to convert to C long")),
        };
        format::format_char(&parsed, point as u32)
    } else {
        Err(parsed.unknown())
    };
    Str::from_text(py, text.map_err(|error| spec_error(py, &error, &type_name))?)
}

/// `format(float, spec)`.
pub fn format_float(py: Attached<'_>, value: &Float, spec: &Str) -> PyResult<Ref<Str>> {
    let type_name = value.as_object().ty().name().into_owned();
    if spec.is_empty() {
        return value.as_object().str(py);
    }
    let parsed = parse(py, spec, '\0', &type_name)?;
    let text = format::format_float(&parsed, value.value(), locale_of(&parsed).as_ref());
    Str::from_text(py, text.map_err(|error| spec_error(py, &error, &type_name))?)
}

/// `format(complex, spec)`.
pub fn format_complex(py: Attached<'_>, value: &crate::Complex, spec: &Str) -> PyResult<Ref<Str>> {
    let type_name = value.as_object().ty().name().into_owned();
    if spec.is_empty() {
        return value.as_object().str(py);
    }
    let parsed = parse(py, spec, '\0', &type_name)?;
    let (real, imag) = value.value();
    let text = format::format_complex(&parsed, real, imag, locale_of(&parsed).as_ref());
    Str::from_text(py, text.map_err(|error| spec_error(py, &error, &type_name))?)
}

/// Warns that a conversion method returned an instance of a strict subclass.
pub(crate) fn warn_subclass(
    py: Attached<'_>,
    object: &Object,
    result: &Object,
    method: &str,
    kind: &str,
) -> PyResult<()> {
    let message = format!(
        "{}.{method}() returned non-{kind} (type {}).  The ability to return an instance of a strict subclass of {kind} is deprecated, and may not be supported in a future version of Python.",
        object.ty().name(),
        result.ty().name()
    );
    (crate::hooks::hooks().warn)(py, crate::exc::DeprecationWarning(), &message, 1)
}

/// A result of `__int__` or `__index__` that is not exactly an `int`: a subclass is accepted with a warning.
pub(crate) fn accept_int_subclass(py: Attached<'_>, result: &Object, method: &str) -> PyResult<Ref<Int>> {
    let Some(int) = result.downcast::<Int>() else {
        return Err(raise!(py, TypeError, "{method} returned non-int (type {})", result.ty().name()));
    };
    let message = format!(
        "{method} returned non-int (type {}).  The ability to return an instance of a strict subclass of int is deprecated, and may not be supported in a future version of Python.",
        result.ty().name()
    );
    (crate::hooks::hooks().warn)(py, crate::exc::DeprecationWarning(), &message, 1)?;
    if method == "__int__" { int.exact(py) } else { Ok(int.to_ref()) }
}
