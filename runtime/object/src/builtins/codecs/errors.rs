//! Error handlers. Those with known names run without making an exception object.
use super::{decode_error, encode_error, registry};
use crate::builtins::exceptions::{UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError};
use crate::handle::{Attached, Layout, Ref};
use crate::{BaseException, Bytes, Int, IntoObject, Object, PyResult, Str, StrBuilder, Tuple, exc, raise};
use std::fmt::Write;

/// The handler that a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Strict,
    Ignore,
    Replace,
    BackslashReplace,
    XmlCharRefReplace,
    NameReplace,
    SurrogateEscape,
    SurrogatePass,
    /// A registered handler.
    Custom,
}

impl Mode {
    pub fn parse(name: Option<&str>) -> Mode {
        match name {
            None | Some("strict") => Mode::Strict,
            Some("ignore") => Mode::Ignore,
            Some("replace") => Mode::Replace,
            Some("backslashreplace") => Mode::BackslashReplace,
            Some("xmlcharrefreplace") => Mode::XmlCharRefReplace,
            Some("namereplace") => Mode::NameReplace,
            Some("surrogateescape") => Mode::SurrogateEscape,
            Some("surrogatepass") => Mode::SurrogatePass,
            Some(_) => Mode::Custom,
        }
    }
}

/// `UnicodeEncodeError(encoding, text, start, end, reason)`.
pub fn new_encode_error(
    py: Attached<'_>,
    encoding: &str,
    text: &Str,
    start: usize,
    end: usize,
    reason: &str,
) -> PyResult<Ref<Object>> {
    new_error(py, exc::UnicodeEncodeError(), encoding, text.as_object(), start, end, reason)
}

/// `UnicodeDecodeError(encoding, data, start, end, reason)`.
pub fn new_decode_error(
    py: Attached<'_>,
    encoding: &str,
    data: &[u8],
    start: usize,
    end: usize,
    reason: &str,
) -> PyResult<Ref<Object>> {
    let data = Bytes::new(py, data)?;
    new_error(py, exc::UnicodeDecodeError(), encoding, data.as_object(), start, end, reason)
}

fn new_error(
    py: Attached<'_>,
    class: &crate::Type,
    encoding: &str,
    object: &Object,
    start: usize,
    end: usize,
    reason: &str,
) -> PyResult<Ref<Object>> {
    let (encoding, reason) = (Str::new(py, encoding)?, Str::new(py, reason)?);
    let (start, end) = (Int::from_u64(py, start as u64)?, Int::from_u64(py, end as u64)?);
    class
        .as_object()
        .call_pos(py, &[encoding.as_object(), object, start.as_object(), end.as_object(), reason.as_object()])
}

/// What an error handler puts in place of the bad part.
pub enum Replacement {
    Text(Ref<Str>),
    Bytes(Vec<u8>),
}

/// How one call of an encoder treats characters that it cannot encode.
pub struct EncodeErrors<'py, 'a> {
    pub py: Attached<'py>,
    /// The codec's name.
    pub encoding: &'a str,
    pub text: &'a Str,
    errors: Option<&'a str>,
    mode: Mode,
    handler: Option<(Ref<Object>, Ref<Object>)>,
}

impl<'py, 'a> EncodeErrors<'py, 'a> {
    pub fn new(py: Attached<'py>, encoding: &'a str, text: &'a Str, errors: Option<&'a str>) -> EncodeErrors<'py, 'a> {
        EncodeErrors { py, encoding, text, errors, mode: Mode::parse(errors), handler: None }
    }

    /// The error for the characters `start..end`.
    #[cold]
    pub fn fail(&self, start: usize, end: usize, reason: &str) -> crate::Raised {
        encode_error(self.py, self.encoding, self.text, start, end, reason)
    }

    /// The replacement of the characters `start..end`, and where to go on.
    pub fn handle(&mut self, start: usize, end: usize, reason: &str) -> PyResult<(Replacement, usize)> {
        if self.mode == Mode::Custom {
            return self.call_handler(start, end, reason);
        }
        match encode_replacement(self.mode, self.encoding, self.text, start, end) {
            Some((Made::Text(text), next)) => Ok((Replacement::Text(text.finish(self.py)?), next)),
            Some((Made::Bytes(bytes), next)) => Ok((Replacement::Bytes(bytes), next)),
            None => Err(self.fail(start, end, reason)),
        }
    }

    fn call_handler(&mut self, start: usize, end: usize, reason: &str) -> PyResult<(Replacement, usize)> {
        let py = self.py;
        if self.handler.is_none() {
            let handler = registry::lookup_error(py, self.errors.unwrap_or("strict"))?;
            let error = new_encode_error(py, self.encoding, self.text, start, end, reason)?;
            self.handler = Some((handler, error));
        }
        let Some((handler, error)) = &self.handler else { return Err(py.bad_internal_call()) };
        if let Some(error) = error.as_object().downcast::<UnicodeEncodeError>() {
            error.set_range(start as isize, end as isize);
            error.set_reason(&*Str::new(py, reason)?);
        }
        let result = handler.call_pos(py, &[error])?;
        let wrong = "encoding error handler must return (str/bytes, int) tuple";
        let (value, at) = handler_result(py, &result, wrong)?;
        let next = position(py, at, self.text.len())?;
        if let Some(text) = value.downcast::<Str>() {
            return Ok((Replacement::Text(text.to_ref()), next));
        }
        match value.downcast::<Bytes>() {
            Some(bytes) => Ok((Replacement::Bytes(bytes.as_slice().to_vec()), next)),
            None => Err(raise!(py, TypeError, "{wrong}")),
        }
    }
}

/// What the error handler of a name puts in place of the characters `range` of `text` that a table does not map, and
/// where to go on.
///
/// # Errors
/// What the handler raises; `LookupError` when there is none of that name.
pub fn handle_translate_error(
    py: Attached<'_>,
    text: &Str,
    errors: Option<&str>,
    range: std::ops::Range<usize>,
    reason: &str,
) -> PyResult<(Ref<Str>, usize)> {
    let handler = registry::lookup_error(py, errors.unwrap_or("strict"))?;
    let (start, end) = (Int::from_u64(py, range.start as u64)?, Int::from_u64(py, range.end as u64)?);
    let reason = Str::new(py, reason)?;
    let parts = [text.as_object(), start.as_object(), end.as_object(), reason.as_object()];
    let error = exc::UnicodeTranslateError().as_object().call_pos(py, &parts)?;
    let result = handler.call_pos(py, &[&error])?;
    let wrong = "translating error handler must return (str, int) tuple";
    let (value, at) = handler_result(py, &result, wrong)?;
    match value.downcast::<Str>() {
        Some(value) => Ok((value.to_ref(), position(py, at, text.len())?)),
        None => Err(raise!(py, TypeError, "{wrong}")),
    }
}

fn handler_result<'a>(py: Attached<'_>, result: &'a Object, wrong: &str) -> PyResult<(&'a Object, isize)> {
    match result.downcast::<Tuple>().map(|tuple| tuple.as_slice()) {
        Some([value, at]) => match at.downcast::<Int>() {
            Some(at) => Ok((value, at.as_isize(py)?)),
            None => Err(raise!(py, TypeError, "{wrong}")),
        },
        _ => Err(raise!(py, TypeError, "{wrong}")),
    }
}

fn position(py: Attached<'_>, at: isize, len: usize) -> PyResult<usize> {
    let next = if at < 0 { at + len as isize } else { at };
    if next < 0 || next as usize > len {
        return Err(raise!(py, IndexError, "position {next} from error handler out of bounds"));
    }
    Ok(next as usize)
}

enum Made {
    Text(StrBuilder),
    Bytes(Vec<u8>),
}

/// What a known handler makes of unencodable characters; `None` when it refuses them.
fn encode_replacement(mode: Mode, encoding: &str, text: &Str, start: usize, end: usize) -> Option<(Made, usize)> {
    let mut out = StrBuilder::new();
    let points = (start..end).map(|at| text.char_at(at));
    match mode {
        Mode::Ignore => {}
        Mode::Replace => out.push_many('?' as u32, end - start),
        Mode::BackslashReplace => points.for_each(|point| push_escape(&mut out, point)),
        Mode::XmlCharRefReplace => {
            for point in points {
                // Writing to a builder does not fail.
                let _ = write!(out, "&#{point};");
            }
        }
        Mode::NameReplace => {
            for point in points {
                match krait_text::unicode::names::name(point) {
                    Some(name) => {
                        let _ = write!(out, "\\N{{{name}}}");
                    }
                    None => push_escape(&mut out, point),
                }
            }
        }
        Mode::SurrogateEscape => {
            let bytes: Vec<u8> =
                points.map_while(|point| (0xDC80..=0xDCFF).contains(&point).then_some((point & 0xFF) as u8)).collect();
            if bytes.is_empty() {
                return None;
            }
            let next = start + bytes.len();
            return Some((Made::Bytes(bytes), next));
        }
        Mode::SurrogatePass => {
            let unit = Utf::parse(encoding)?;
            let mut bytes = Vec::new();
            for point in points {
                if !(0xD800..0xE000).contains(&point) {
                    return None;
                }
                unit.push_surrogate(point, &mut bytes);
            }
            return Some((Made::Bytes(bytes), end));
        }
        Mode::Strict | Mode::Custom => return None,
    }
    Some((Made::Text(out), end))
}

fn push_escape(out: &mut StrBuilder, point: u32) {
    crate::builtins::unicode::push_escape(out, point);
}

/// The encodings that `surrogatepass` knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Utf {
    Utf8,
    Utf16 { big: bool },
    Utf32 { big: bool },
}

impl Utf {
    fn parse(encoding: &str) -> Option<Utf> {
        let name = encoding.to_ascii_lowercase().replace('_', "-");
        let rest = name.strip_prefix("utf")?;
        let rest = rest.strip_prefix('-').unwrap_or(rest);
        let little = cfg!(target_endian = "little");
        let big = |rest: &str| match rest {
            "" => Some(!little),
            "-be" | "be" => Some(true),
            "-le" | "le" => Some(false),
            _ => None,
        };
        match rest.split_at_checked(2) {
            _ if rest == "8" => Some(Utf::Utf8),
            Some(("16", rest)) => Some(Utf::Utf16 { big: big(rest)? }),
            Some(("32", rest)) => Some(Utf::Utf32 { big: big(rest)? }),
            _ => None,
        }
    }

    fn push_surrogate(self, point: u32, out: &mut Vec<u8>) {
        match self {
            Utf::Utf8 => out.extend([0xED, 0x80 | (point >> 6 & 0x3F) as u8, 0x80 | (point & 0x3F) as u8]),
            Utf::Utf16 { big: true } => out.extend((point as u16).to_be_bytes()),
            Utf::Utf16 { big: false } => out.extend((point as u16).to_le_bytes()),
            Utf::Utf32 { big: true } => out.extend(point.to_be_bytes()),
            Utf::Utf32 { big: false } => out.extend(point.to_le_bytes()),
        }
    }

    /// The surrogate at the beginning of `data` and its length.
    fn read_surrogate(self, data: &[u8]) -> Option<(u32, usize)> {
        let (point, len) = match (self, data) {
            (Utf::Utf8, &[a @ 0xE0..=0xEF, b @ 0x80..=0xBF, c @ 0x80..=0xBF, ..]) => {
                (u32::from(a & 15) << 12 | u32::from(b & 63) << 6 | u32::from(c & 63), 3)
            }
            (Utf::Utf16 { big }, &[a, b, ..]) => {
                let unit = [a, b];
                (u32::from(if big { u16::from_be_bytes(unit) } else { u16::from_le_bytes(unit) }), 2)
            }
            (Utf::Utf32 { big }, &[a, b, c, d, ..]) => {
                let unit = [a, b, c, d];
                (if big { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) }, 4)
            }
            _ => return None,
        };
        (0xD800..0xE000).contains(&point).then_some((point, len))
    }
}

/// How one call of a decoder treats bytes that it cannot decode.
pub struct DecodeErrors<'py, 'a> {
    pub py: Attached<'py>,
    /// The codec's name.
    pub encoding: &'a str,
    errors: Option<&'a str>,
    mode: Mode,
    handler: Option<(Ref<Object>, Ref<Object>)>,
}

impl<'py, 'a> DecodeErrors<'py, 'a> {
    pub fn new(py: Attached<'py>, encoding: &'a str, errors: Option<&'a str>) -> DecodeErrors<'py, 'a> {
        DecodeErrors { py, encoding, errors, mode: Mode::parse(errors), handler: None }
    }

    /// Appends the replacement of the bytes `start..end`; where to go on, and the new input if the handler changed it.
    pub fn handle(
        &mut self,
        data: &[u8],
        start: usize,
        end: usize,
        reason: &str,
        out: &mut StrBuilder,
    ) -> PyResult<(usize, Option<Vec<u8>>)> {
        let py = self.py;
        match self.mode {
            Mode::Custom => return self.call_handler(data, start, end, reason, out),
            Mode::XmlCharRefReplace | Mode::NameReplace => {
                let what = "don't know how to handle UnicodeDecodeError in error callback";
                return Err(raise!(py, TypeError, "{what}"));
            }
            _ => {}
        }
        match decode_replacement(self.mode, self.encoding, data, start, end, out) {
            Some(next) => Ok((next, None)),
            None => Err(decode_error(py, self.encoding, data, start, end, reason)),
        }
    }

    fn call_handler(
        &mut self,
        data: &[u8],
        start: usize,
        end: usize,
        reason: &str,
        out: &mut StrBuilder,
    ) -> PyResult<(usize, Option<Vec<u8>>)> {
        let py = self.py;
        if self.handler.is_none() {
            let handler = registry::lookup_error(py, self.errors.unwrap_or("strict"))?;
            self.handler = Some((handler, new_decode_error(py, self.encoding, data, start, end, reason)?));
        }
        let Some((handler, error)) = &self.handler else { return Err(py.bad_internal_call()) };
        let error_fields = error.as_object().downcast::<UnicodeDecodeError>();
        if let Some(error) = error_fields {
            error.set_range(start as isize, end as isize);
            error.set_reason(&*Str::new(py, reason)?);
        }
        let result = handler.call_pos(py, &[error])?;
        let wrong = "decoding error handler must return (str, int) tuple";
        let (value, at) = handler_result(py, &result, wrong)?;
        let Some(text) = value.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "{wrong}"));
        };
        let object = error_fields.and_then(|error| error.parts()[1].clone());
        let object = object.as_ref().and_then(|object| object.as_object().downcast::<Bytes>());
        let Some(object) = object else {
            return Err(raise!(py, TypeError, "object attribute must be bytes"));
        };
        let changed = (object.as_slice() != data).then(|| object.as_slice().to_vec());
        let next = position(py, at, object.as_slice().len())?;
        out.push_obj(text);
        Ok((next, changed))
    }
}

/// What a known handler makes of undecodable bytes: where to go on, or `None` when it refuses them.
fn decode_replacement(
    mode: Mode,
    encoding: &str,
    data: &[u8],
    start: usize,
    end: usize,
    out: &mut StrBuilder,
) -> Option<usize> {
    match mode {
        Mode::Ignore => {}
        Mode::Replace => out.push(0xFFFD),
        Mode::BackslashReplace => data[start..end].iter().for_each(|&byte| push_escape(out, byte.into())),
        Mode::SurrogateEscape => {
            let escaped = data[start..end].iter().take(4).take_while(|&&byte| byte >= 0x80);
            let mut next = start;
            for &byte in escaped {
                out.push(0xDC00 + u32::from(byte));
                next += 1;
            }
            return (next > start).then_some(next);
        }
        Mode::SurrogatePass => {
            let (point, len) = Utf::parse(encoding)?.read_surrogate(&data[start..])?;
            out.push(point);
            return Some(start + len);
        }
        _ => return None,
    }
    Some(end)
}

/// The handler functions that Python code sees (`codecs.lookup_error("replace")` and the others): takes the
/// exception and returns the replacement and where to go on.
pub fn handle_error_natively(py: Attached<'_>, mode: Mode, error: &Object) -> PyResult<Ref<Object>> {
    let reraise = || match error.downcast::<BaseException>() {
        Some(error) => py.raise_value(error.as_object().ty(), error.as_object()),
        None => raise!(py, TypeError, "codec must pass exception instance"),
    };
    let refuse = || raise!(py, TypeError, "don't know how to handle {} in error callback", error.ty().tp_name());
    let clamp = |(start, end): (isize, isize), len: usize| {
        let start = (start.max(0) as usize).min(len.saturating_sub(1));
        (start, (end.max(0) as usize).clamp(start.min(len), len).max((start + 1).min(len)))
    };
    let finish = |value: Ref<Object>, next: usize| -> PyResult<Ref<Object>> {
        let next = next.into_object(py)?;
        Ok(Tuple::from_slice(py, &[&value, &next])?.upcast())
    };
    if mode == Mode::Strict {
        return Err(reraise());
    }
    if let Some(failed) = error.downcast::<UnicodeEncodeError>() {
        let [encoding, object, _] = failed.parts();
        let (Some(encoding), Some(object)) = (encoding, object) else { return Err(refuse()) };
        let Some(text) = object.as_object().downcast::<Str>() else { return Err(refuse()) };
        let (start, end) = clamp(failed.range(), text.len());
        let encoding = encoding.str(py)?.to_string();
        // The escape handler takes all characters or none.
        return match encode_replacement(mode, &encoding, text, start, end) {
            Some((Made::Text(made), next)) => finish(made.finish(py)?.upcast(), next),
            Some((Made::Bytes(made), next)) if next == end => finish(Bytes::new(py, &made)?.upcast(), next),
            _ => Err(reraise()),
        };
    }
    if let Some(failed) = error.downcast::<UnicodeDecodeError>() {
        if matches!(mode, Mode::XmlCharRefReplace | Mode::NameReplace) {
            return Err(refuse());
        }
        let [encoding, object, _] = failed.parts();
        let (Some(encoding), Some(object)) = (encoding, object) else { return Err(refuse()) };
        let Some(data) = object.as_object().downcast::<Bytes>() else { return Err(refuse()) };
        let (start, end) = clamp(failed.range(), data.len());
        let encoding = encoding.str(py)?.to_string();
        let mut out = StrBuilder::new();
        return match decode_replacement(mode, &encoding, data.as_slice(), start, end, &mut out) {
            Some(next) => finish(out.finish(py)?.upcast(), next),
            None => Err(reraise()),
        };
    }
    if let Some(failed) = error.downcast::<UnicodeTranslateError>() {
        let object = failed.parts()[1].clone();
        let text = object.as_ref().and_then(|object| object.as_object().downcast::<Str>());
        let Some(text) = text else { return Err(refuse()) };
        let (start, end) = clamp(failed.range(), text.len());
        let mut out = StrBuilder::new();
        match mode {
            Mode::Ignore => {}
            Mode::Replace => out.push_many(0xFFFD, end.saturating_sub(start)),
            Mode::BackslashReplace => {
                for at in start..end.min(text.len()) {
                    push_escape(&mut out, text.char_at(at));
                }
            }
            _ => return Err(refuse()),
        }
        return finish(out.finish(py)?.upcast(), end);
    }
    Err(refuse())
}
