//! Formatting: the mini-language of `format()`, `%` directives and the markup of `str.format`.
//!
//! The parsers read slices of code units of any width; results are [`TextBuf`](crate::textbuf::TextBuf).

pub mod markup;
pub mod printf;
mod render;
mod spec;

pub use render::{
    Locale, MAX_FLOAT_PRECISION, StrLayout, check_char, format_char, format_complex, format_float, format_int,
    format_str, layout_number, layout_str,
};
pub use spec::{Align, Grouping, Sign, Spec, SpecError, parse_spec};

/// A code unit: `u8`, `u16` or `u32`.
pub trait Unit: Copy + Into<u32> {}
impl<T: Copy + Into<u32>> Unit for T {}

/// Digits from `*at` on as a number, which must fit a `Py_ssize_t`; `None` if there are none.
/// Any decimal digit of Unicode counts.
pub(crate) fn read_integer<U: Unit>(text: &[U], at: &mut usize) -> Result<Option<usize>, SpecError> {
    let mut value: Option<usize> = None;
    while let Some(&u) = text.get(*at) {
        let Some(digit) = crate::unicode::decimal(u.into()) else { break };
        let next = value.unwrap_or(0).checked_mul(10).and_then(|v| v.checked_add(digit as usize));
        value = Some(next.filter(|&v| v <= isize::MAX as usize).ok_or(SpecError::TooManyDigits)?);
        *at += 1;
    }
    Ok(value)
}
