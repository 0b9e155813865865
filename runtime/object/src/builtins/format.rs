//! The format mini-language on strings, and what f-strings need.
use crate::handle::{Attached, Layout, Ref};
use crate::{Object, PyResult, Raised, Str, exc, with_units};
use krait_text::format::{self, Align, Locale, Spec, SpecError};
use krait_text::textbuf::TextBuf;
use std::ffi::CStr;

impl Str {
    /// The string of a finished text buffer.
    pub fn from_text(py: Attached<'_>, text: TextBuf) -> PyResult<Ref<Str>> {
        match text {
            TextBuf::Ascii(text) => Str::from_units_max(py, text.as_bytes(), 0x7F),
            TextBuf::Wide(text) => Str::from_code_points(py, &text),
        }
    }

    /// `str.__format__`.
    pub fn format_spec(&self, py: Attached<'_>, spec: &Str) -> PyResult<Ref<Str>> {
        if spec.is_empty() {
            return self.to_exact(py);
        }
        let layout = parse(spec, 's', Align::Left).and_then(|spec| format::layout_str(&spec, self.len()));
        let layout = layout.map_err(|error| spec_error(py, &error, "str"))?;
        let cut = self.substring(py, 0, layout.take)?;
        cut.pad(py, layout.left, layout.right, layout.fill)
    }
}

/// Parses a format specification.
pub fn parse(spec: &Str, kind: char, align: Align) -> Result<Spec, SpecError> {
    with_units!(spec, |units| format::parse_spec(units, kind, align))
}

/// The exception for a bad specification; `type_name` is the object's.
#[cold]
pub fn spec_error(py: Attached<'_>, error: &SpecError, type_name: &str) -> Raised {
    if matches!(error, SpecError::NoMemory) {
        return py.no_memory();
    }
    match Str::from_text(py, error.message(type_name)) {
        Ok(message) => py.raise_value(exc::ValueError(), message.as_object()),
        Err(raised) => raised,
    }
}

/// The C library's numeric conventions, for type `n`.
pub fn locale_of(spec: &Spec) -> Option<Locale> {
    if spec.kind != 'n' as u32 {
        return None;
    }
    // SAFETY: `localeconv` returns a struct of NUL-terminated strings that stays as it is until the locale changes.
    unsafe {
        let conv = libc::localeconv();
        let text = |raw| String::from_utf8_lossy(CStr::from_ptr(raw).to_bytes()).chars().map(u32::from).collect();
        Some(Locale {
            decimal_point: text((*conv).decimal_point),
            thousands_sep: text((*conv).thousands_sep),
            grouping: CStr::from_ptr((*conv).grouping).to_bytes().to_vec(),
        })
    }
}

/// `format(value)` of an f-string field without a specification (`FORMAT_SIMPLE`).
#[inline]
pub fn format_simple(py: Attached<'_>, value: &Object) -> PyResult<Ref<Str>> {
    match value.downcast_exact::<Str>() {
        Some(text) => Ok(text.to_ref()),
        None => value.format(py, None),
    }
}

/// The conversion of an f-string field: `!s`, `!r` or `!a` (`CONVERT_VALUE`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conversion {
    Str = 1,
    Repr = 2,
    Ascii = 3,
}

impl Conversion {
    /// From the letter after `!`.
    pub fn from_letter(letter: u32) -> Option<Self> {
        Some(match char::from_u32(letter)? {
            's' => Conversion::Str,
            'r' => Conversion::Repr,
            'a' => Conversion::Ascii,
            _ => return None,
        })
    }

    pub fn apply(self, py: Attached<'_>, value: &Object) -> PyResult<Ref<Str>> {
        match self {
            Conversion::Str => value.str(py),
            Conversion::Repr => value.repr(py),
            Conversion::Ascii => value.ascii(py),
        }
    }
}

/// The concatenation of an f-string's parts (`BUILD_STRING`).
pub fn build_string(py: Attached<'_>, parts: &[&Str]) -> PyResult<Ref<Str>> {
    match parts {
        [only] => only.to_exact(py),
        _ => Str::concat_all(py, parts),
    }
}
