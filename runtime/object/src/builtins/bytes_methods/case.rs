//! Case, padding and the `is...` tests, for ASCII.
use super::{ByteString, is_space};
use crate::builtins::stringlib;
use crate::builtins::textargs::{arg_type, c_int_arg, isize_arg};
use crate::handle::{Attached, Ref};
use crate::{ByteArray, Bytes, Object, PyResult, raise};

fn map<S: ByteString>(py: Attached<'_>, this: &S, map: impl Fn(u8) -> u8) -> PyResult<Ref<S>> {
    let out: Vec<u8> = this.with(py, |text| text.iter().map(|&byte| map(byte)).collect());
    S::make(py, &out)
}

pub fn upper<S: ByteString>(py: Attached<'_>, this: &S) -> PyResult<Ref<S>> {
    map(py, this, |byte| byte.to_ascii_uppercase())
}

pub fn lower<S: ByteString>(py: Attached<'_>, this: &S) -> PyResult<Ref<S>> {
    map(py, this, |byte| byte.to_ascii_lowercase())
}

pub fn swapcase<S: ByteString>(py: Attached<'_>, this: &S) -> PyResult<Ref<S>> {
    map(py, this, stringlib::swap_ascii)
}

pub fn capitalize<S: ByteString>(py: Attached<'_>, this: &S) -> PyResult<Ref<S>> {
    let mut out = this.with(py, |text| text.to_ascii_lowercase());
    if let Some(first) = out.first_mut() {
        first.make_ascii_uppercase();
    }
    S::make(py, &out)
}

pub fn title<S: ByteString>(py: Attached<'_>, this: &S) -> PyResult<Ref<S>> {
    let mut out = this.with(py, |text| text.to_ascii_lowercase());
    let mut in_word = false;
    for byte in &mut out {
        if !in_word {
            byte.make_ascii_uppercase();
        }
        in_word = byte.is_ascii_alphabetic();
    }
    S::make(py, &out)
}

fn all<S: ByteString>(py: Attached<'_>, this: &S, test: impl Fn(u8) -> bool) -> bool {
    this.with(py, |text| !text.is_empty() && text.iter().all(|&byte| test(byte)))
}

pub fn isalnum<S: ByteString>(py: Attached<'_>, this: &S) -> bool {
    all(py, this, |byte| byte.is_ascii_alphanumeric())
}
pub fn isalpha<S: ByteString>(py: Attached<'_>, this: &S) -> bool {
    all(py, this, |byte| byte.is_ascii_alphabetic())
}
pub fn isascii<S: ByteString>(py: Attached<'_>, this: &S) -> bool {
    this.with(py, <[u8]>::is_ascii)
}
pub fn isdigit<S: ByteString>(py: Attached<'_>, this: &S) -> bool {
    all(py, this, |byte| byte.is_ascii_digit())
}
pub fn isspace<S: ByteString>(py: Attached<'_>, this: &S) -> bool {
    all(py, this, is_space)
}
pub fn islower<S: ByteString>(py: Attached<'_>, this: &S) -> bool {
    this.with(py, |text| text.iter().any(u8::is_ascii_lowercase) && !text.iter().any(u8::is_ascii_uppercase))
}
pub fn isupper<S: ByteString>(py: Attached<'_>, this: &S) -> bool {
    this.with(py, |text| text.iter().any(u8::is_ascii_uppercase) && !text.iter().any(u8::is_ascii_lowercase))
}
pub fn istitle<S: ByteString>(py: Attached<'_>, this: &S) -> bool {
    this.with(py, |text| {
        let (mut cased, mut in_word) = (false, false);
        for byte in text {
            if !byte.is_ascii_alphabetic() {
                in_word = false;
                continue;
            }
            if byte.is_ascii_uppercase() == in_word {
                return false;
            }
            (cased, in_word) = (true, true);
        }
        cased
    })
}

fn pad<S: ByteString>(py: Attached<'_>, this: &S, left: usize, right: usize, fill: u8) -> PyResult<Ref<S>> {
    if left == 0 && right == 0 {
        return this.unchanged(py);
    }
    let text = this.content(py)?;
    let mut out = Vec::new();
    let total = left.saturating_add(right).saturating_add(text.len());
    out.try_reserve_exact(total).map_err(|_| py.no_memory())?;
    out.resize(left, fill);
    out.extend_from_slice(&text);
    out.resize(total, fill);
    S::make(py, &out)
}

fn fill_byte(py: Attached<'_>, function: &str, fill: Option<&Object>) -> PyResult<u8> {
    let Some(fill) = fill else { return Ok(b' ') };
    let single = |bytes: &[u8], kind| match bytes {
        [byte] => Ok(*byte),
        _ => Err(raise!(
            py,
            TypeError,
            "{function}(): argument 2 must be a byte string of length 1, not a {kind} object of length {}",
            bytes.len()
        )),
    };
    if let Some(bytes) = fill.downcast::<Bytes>() {
        return single(bytes.as_slice(), "bytes");
    }
    if let Some(array) = fill.downcast::<ByteArray>() {
        return single(&array.to_vec(py)?, "bytearray");
    }
    let given = arg_type(fill);
    Err(raise!(py, TypeError, "{function}() argument 2 must be a byte string of length 1, not {given}"))
}

fn padding<S: ByteString>(
    py: Attached<'_>,
    this: &S,
    function: &str,
    [width, fill]: [Option<&Object>; 2],
) -> PyResult<(usize, usize, u8)> {
    let width = usize::try_from(isize_arg(py, width, 0)?).unwrap_or(0);
    let fill = fill_byte(py, function, fill)?;
    let len = this.with(py, <[u8]>::len);
    Ok((width.saturating_sub(len), len, fill))
}

pub fn ljust<S: ByteString>(py: Attached<'_>, this: &S, args: [Option<&Object>; 2]) -> PyResult<Ref<S>> {
    let (padding, _, fill) = padding(py, this, "ljust", args)?;
    pad(py, this, 0, padding, fill)
}

pub fn rjust<S: ByteString>(py: Attached<'_>, this: &S, args: [Option<&Object>; 2]) -> PyResult<Ref<S>> {
    let (padding, _, fill) = padding(py, this, "rjust", args)?;
    pad(py, this, padding, 0, fill)
}

pub fn center<S: ByteString>(py: Attached<'_>, this: &S, args: [Option<&Object>; 2]) -> PyResult<Ref<S>> {
    let (padding, len, fill) = padding(py, this, "center", args)?;
    let left = padding / 2 + (padding & (len + padding) & 1);
    pad(py, this, left, padding - left, fill)
}

pub fn zfill<S: ByteString>(py: Attached<'_>, this: &S, width: &Object) -> PyResult<Ref<S>> {
    let width = usize::try_from(isize_arg(py, Some(width), 0)?).unwrap_or(0);
    let text = this.content(py)?;
    let padding = width.saturating_sub(text.len());
    if padding == 0 {
        return this.unchanged(py);
    }
    let (sign, digits) = text.split_at(usize::from(matches!(text.first(), Some(b'+' | b'-'))));
    let mut out = Vec::new();
    out.try_reserve_exact(width).map_err(|_| py.no_memory())?;
    out.extend_from_slice(sign);
    out.resize(sign.len() + padding, b'0');
    out.extend_from_slice(digits);
    S::make(py, &out)
}

pub fn expandtabs<S: ByteString>(py: Attached<'_>, this: &S, [size]: [Option<&Object>; 1]) -> PyResult<Ref<S>> {
    let size = c_int_arg(py, size, 8)? as isize;
    match this.with(py, |text| stringlib::expand_tabs(text, size)) {
        Some(out) => S::make(py, &out),
        None => Err(raise!(py, OverflowError, "result too long")),
    }
}
