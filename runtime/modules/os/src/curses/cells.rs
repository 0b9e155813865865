//! Characters and texts that are arguments: bytes in the window's encoding, or wide ones.
use super::library::Cell;
use super::window::Window;
use super::{fail, nc};
use crate::util::need;
use krait_object::native::type_name;
use krait_object::{Attached, Bytes, Int, Object, PyResult, Ref, Str, raise};
use libc::wchar_t;
use std::ffi::{CString, c_int, c_short};

type Opt<'a> = Option<&'a Object>;

/// The bits of an attribute that name a colour pair.
pub const COLOR_BITS: u32 = 0xFF00;

/// The number of the colour pair in an attribute.
pub fn pair_number(attr: u32) -> c_int {
    ((attr & COLOR_BITS) >> 8) as c_int
}

/// A character with its attributes.
pub enum Char {
    Narrow(u32),
    Wide(Cell),
}

/// An attribute argument.
pub fn attr_arg(py: Attached<'_>, attr: Opt<'_>) -> PyResult<u32> {
    attr.map_or(Ok(0), |attr| Ok(attr.as_i64(py)? as u32))
}

/// The encoding that bytes are in.
pub fn encoding(py: Attached<'_>, window: Option<&Window>) -> PyResult<Ref<Str>> {
    match window.and_then(|window| window.encoding_name()) {
        Some(name) => Ok(name),
        None => default_encoding(py),
    }
}

/// The encoding of the C library's locale.
pub fn default_encoding(py: Attached<'_>) -> PyResult<Ref<Str>> {
    // SAFETY: a C string that the library keeps.
    let name = unsafe { std::ffi::CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) };
    let name = name.to_string_lossy();
    Str::new(py, if name.is_empty() { "utf-8" } else { &name })
}

fn wrong_type(py: Attached<'_>, given: &Object) -> krait_object::Raised {
    raise!(py, TypeError, "expect bytes or str of length 1, or int, got {}", type_name(given))
}

/// A character argument as a byte or a number with attributes.
pub fn narrow(py: Attached<'_>, window: Option<&Window>, given: &Object) -> PyResult<u32> {
    let value = if let Some(text) = given.downcast::<Str>() {
        if text.len() != 1 {
            let len = text.len();
            return Err(raise!(py, TypeError, "expect bytes or str of length 1, or int, got a str of length {len}"));
        }
        match text.char_at(0) {
            point @ 0..128 => i64::from(point),
            _ => {
                let name = encoding(py, window)?;
                let bytes = krait_object::codecs::encode(py, text, Some(&*name.to_string_lossy()), None)?;
                match bytes.as_slice() {
                    [byte] => i64::from(*byte),
                    _ => return Err(raise!(py, OverflowError, "character doesn't fit in a byte")),
                }
            }
        }
    } else if let Some(bytes) = given.downcast::<Bytes>() {
        match bytes.as_slice() {
            [byte] => i64::from(*byte),
            other => {
                let len = other.len();
                return Err(raise!(
                    py,
                    TypeError,
                    "expect bytes or str of length 1, or int, got a bytes of length {len}"
                ));
            }
        }
    } else if let Some(number) = given.downcast::<Int>() {
        number.to_i64().ok_or_else(|| raise!(py, OverflowError, "int doesn't fit in long"))?
    } else {
        return Err(wrong_type(py, given));
    };
    match u32::try_from(value) {
        Ok(value) => Ok(value),
        // Characters with attributes may come as signed words.
        Err(_) if i32::try_from(value).is_ok() => Ok(value as u32),
        Err(_) => Err(raise!(py, OverflowError, "byte doesn't fit in chtype")),
    }
}

/// A wide character with attributes.
pub fn cell(py: Attached<'_>, point: u32, attr: u32) -> PyResult<Cell> {
    let mut cell = Cell { attr: 0, chars: [0; 5], color: 0 };
    let text = [point as wchar_t, 0];
    let pair = pair_number(attr);
    let code = nc!(setcchar(&raw mut cell, text.as_ptr(), attr, pair as c_short, std::ptr::null()));
    if code < 0 { Err(fail(py, "setcchar")) } else { Ok(cell) }
}

/// A character argument with attributes: text is wide, all else is not.
pub fn character(py: Attached<'_>, window: Option<&Window>, given: Opt<'_>, attr: u32) -> PyResult<Char> {
    let given = need(py, given)?;
    match given.downcast::<Str>() {
        Some(text) if text.len() == 1 => Ok(Char::Wide(cell(py, text.char_at(0), attr)?)),
        _ => Ok(Char::Narrow(narrow(py, window, given)? | attr)),
    }
}

/// Text to be shown.
pub enum Text {
    Narrow(CString),
    Wide(Vec<wchar_t>),
}

/// A text argument.
pub fn text(py: Attached<'_>, given: Opt<'_>) -> PyResult<Text> {
    let given = need(py, given)?;
    let null = || raise!(py, ValueError, "embedded null character");
    if let Some(text) = given.downcast::<Str>() {
        let mut points: Vec<wchar_t> = text.code_points().map(|point| point as wchar_t).collect();
        if points.contains(&0) {
            return Err(null());
        }
        points.push(0);
        return Ok(Text::Wide(points));
    }
    match given.downcast::<Bytes>() {
        Some(bytes) => CString::new(bytes.as_slice()).map(Text::Narrow).map_err(|_| null()),
        None => Err(raise!(py, TypeError, "expect bytes or str, got {}", type_name(given))),
    }
}
