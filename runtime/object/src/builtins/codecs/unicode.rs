//! The built-in codecs: UTF-8, ASCII, Latin-1, UTF-16 and UTF-32.
use super::{DecodeErrors, EncodeErrors, Native, Replacement};
use crate::builtins::stringlib::Unit;
use crate::handle::{Attached, Ref};
use crate::{Bytes, PyResult, Str, StrBuilder, StrData, with_units};

/// The order of bytes in UTF-16 and UTF-32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteOrder {
    /// A byte order mark decides when decoding; written in native order with a mark.
    Mark,
    Little,
    Big,
}

impl ByteOrder {
    pub fn pick<T>(self, mark: T, little: T, big: T) -> T {
        match self {
            ByteOrder::Mark => mark,
            ByteOrder::Little => little,
            ByteOrder::Big => big,
        }
    }

    fn is_big(self) -> bool {
        self.pick(cfg!(target_endian = "big"), false, true)
    }
}

/// Encodes with a built-in codec.
pub fn encode_native(py: Attached<'_>, text: &Str, native: Native, errors: Option<&str>) -> PyResult<Ref<Bytes>> {
    match (native, text.data()) {
        (Native::Utf8, _) => {
            if let Some(utf8) = text.as_str() {
                return Bytes::new(py, utf8.as_bytes());
            }
        }
        (Native::Ascii, StrData::Ascii(bytes)) | (Native::Latin1, StrData::Ascii(bytes) | StrData::Latin1(bytes)) => {
            return Bytes::new(py, bytes);
        }
        _ => {}
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    match native {
        Native::Utf8 => {
            encode_with(py, text, native, errors, &mut out, "surrogates not allowed", |point, out| {
                let Some(ch) = char::from_u32(point) else { return false };
                out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
                true
            })?;
        }
        Native::Ascii => {
            encode_with(py, text, native, errors, &mut out, "ordinal not in range(128)", |point, out| {
                let fits = point < 128;
                out.extend(fits.then_some(point as u8));
                fits
            })?;
        }
        Native::Latin1 => {
            encode_with(py, text, native, errors, &mut out, "ordinal not in range(256)", |point, out| {
                let fits = point < 256;
                out.extend(fits.then_some(point as u8));
                fits
            })?;
        }
        Native::Utf16(order) => {
            let big = order.is_big();
            let put = move |unit: u16, out: &mut Vec<u8>| {
                out.extend(if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
            };
            if order == ByteOrder::Mark {
                put(0xFEFF, &mut out);
            }
            encode_with(py, text, native, errors, &mut out, "surrogates not allowed", |point, out| {
                let Some(ch) = char::from_u32(point) else { return false };
                ch.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| put(unit, out));
                true
            })?;
        }
        Native::Utf32(order) => {
            let big = order.is_big();
            let put = move |unit: u32, out: &mut Vec<u8>| {
                out.extend(if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
            };
            if order == ByteOrder::Mark {
                put(0xFEFF, &mut out);
            }
            encode_with(py, text, native, errors, &mut out, "surrogates not allowed", |point, out| {
                let fits = char::from_u32(point).is_some();
                if fits {
                    put(point, out);
                }
                fits
            })?;
        }
    }
    Bytes::new(py, &out)
}

/// Encodes character by character; `put` appends one character, or refuses it and appends nothing.
fn encode_with(
    py: Attached<'_>,
    text: &Str,
    native: Native,
    errors: Option<&str>,
    out: &mut Vec<u8>,
    reason: &str,
    put: impl Fn(u32, &mut Vec<u8>) -> bool,
) -> PyResult<()> {
    let unit = match native {
        Native::Utf16(_) => 2,
        Native::Utf32(_) => 4,
        _ => 1,
    };
    let only_ascii = !matches!(native, Native::Ascii | Native::Latin1);
    let mut handler = EncodeErrors::new(py, native.name(), text, reason, errors);
    let mut scratch = Vec::new();
    let mut at = 0;
    while at < text.len() {
        with_units!(text, |units| {
            while at < units.len() && put(units[at].to_u32(), out) {
                at += 1;
            }
        });
        if at == text.len() {
            break;
        }
        let mut end = at + 1;
        while end < text.len() && !put(text.char_at(end), &mut scratch) {
            end += 1;
        }
        scratch.clear();
        let (replacement, next) = handler.handle(at, end)?;
        match replacement {
            Replacement::Bytes(bytes) if bytes.len() % unit == 0 => out.extend(bytes),
            Replacement::Bytes(_) => return Err(handler.fail(at, end)),
            Replacement::Text(made) => {
                if only_ascii && !made.is_ascii() || !made.code_points().all(|point| put(point, out)) {
                    return Err(handler.fail(at, end));
                }
            }
        }
        at = next;
    }
    Ok(())
}

/// Decodes ASCII.
pub fn decode_ascii(py: Attached<'_>, data: &[u8], errors: Option<&str>) -> PyResult<Ref<Str>> {
    if data.is_ascii() {
        return Str::from_units_max(py, data, 0x7F);
    }
    let mut changed: Option<Vec<u8>> = None;
    let mut handler = DecodeErrors::new(py, "ascii", errors);
    let (mut out, mut at) = (StrBuilder::with_capacity(data.len()), 0);
    loop {
        let input = changed.as_deref().unwrap_or(data);
        let good = input[at..].iter().position(|byte| !byte.is_ascii()).unwrap_or(input.len() - at);
        out.push_latin1(&input[at..at + good]);
        at += good;
        if at == input.len() {
            return out.finish(py);
        }
        let (next, new) = handler.handle(input, at, at + 1, "ordinal not in range(128)", &mut out)?;
        at = next;
        changed = new.or(changed);
    }
}

/// Decodes UTF-8. Unless `last`, an incomplete character at the end is left; also gives how many bytes were used.
pub fn decode_utf8(py: Attached<'_>, data: &[u8], errors: Option<&str>, last: bool) -> PyResult<(Ref<Str>, usize)> {
    let mut error = match std::str::from_utf8(data) {
        Ok(text) => return Ok((Str::new(py, text)?, data.len())),
        Err(error) => error,
    };
    let mut changed: Option<Vec<u8>> = None;
    let mut handler = DecodeErrors::new(py, "utf-8", errors);
    let (mut out, mut at) = (StrBuilder::with_capacity(data.len()), 0);
    loop {
        let input = changed.as_deref().unwrap_or(data);
        let bad = at + error.valid_up_to();
        // SAFETY: the decoder vouches for what comes before the error.
        out.push_str(unsafe { std::str::from_utf8_unchecked(&input[at..bad]) });
        let (len, reason) = match error.error_len() {
            None if !last => return Ok((out.finish(py)?, bad)),
            None => (input.len() - bad, "unexpected end of data"),
            Some(len) if matches!(input[bad], 0xC2..=0xF4) => (len, "invalid continuation byte"),
            Some(len) => (len, "invalid start byte"),
        };
        let (next, new) = handler.handle(input, bad, bad + len, reason, &mut out)?;
        at = next;
        changed = new.or(changed);
        let input = changed.as_deref().unwrap_or(data);
        match std::str::from_utf8(&input[at..]) {
            Ok(rest) => {
                out.push_str(rest);
                return Ok((out.finish(py)?, input.len()));
            }
            Err(next_error) => error = next_error,
        }
    }
}

/// The byte order that a mark gives, and the length of the mark.
fn read_mark(data: &[u8], order: ByteOrder, width: usize) -> (ByteOrder, usize) {
    let native = if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };
    if order != ByteOrder::Mark {
        return (order, 0);
    }
    match (width, data) {
        (2, [0xFF, 0xFE, ..]) | (4, [0xFF, 0xFE, 0, 0, ..]) => (ByteOrder::Little, width),
        (2, [0xFE, 0xFF, ..]) | (4, [0, 0, 0xFE, 0xFF, ..]) => (ByteOrder::Big, width),
        _ => (native, 0),
    }
}

/// Decodes UTF-16; results as [`decode_utf8`], and the byte order that was found.
pub fn decode_utf16(
    py: Attached<'_>,
    data: &[u8],
    errors: Option<&str>,
    order: ByteOrder,
    last: bool,
) -> PyResult<(Ref<Str>, usize, ByteOrder)> {
    let (order, mut at) = read_mark(data, order, 2);
    let big = order.is_big();
    let name = if big { "utf-16-be" } else { "utf-16-le" };
    let mut changed: Option<Vec<u8>> = None;
    let mut handler = DecodeErrors::new(py, name, errors);
    let mut out = StrBuilder::with_capacity(data.len() / 2);
    loop {
        let input = changed.as_deref().unwrap_or(data);
        let unit = |at: usize| {
            let bytes = [*input.get(at)?, *input.get(at + 1)?];
            Some(u32::from(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }))
        };
        let (end, reason) = match (unit(at), unit(at + 2)) {
            (None, _) if at >= input.len() => return Ok((out.finish(py)?, at, order)),
            (None, _) => (input.len(), "truncated data"),
            (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
                out.push(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                at += 4;
                continue;
            }
            (Some(0xD800..=0xDBFF), None) => (input.len(), "unexpected end of data"),
            (Some(0xD800..=0xDBFF), Some(_)) => (at + 2, "illegal UTF-16 surrogate"),
            (Some(0xDC00..=0xDFFF), _) => (at + 2, "illegal encoding"),
            (Some(point), _) => {
                out.push(point);
                at += 2;
                continue;
            }
        };
        if !last && end == input.len() && !reason.starts_with("illegal") {
            return Ok((out.finish(py)?, at, order));
        }
        let (next, new) = handler.handle(input, at, end, reason, &mut out)?;
        at = next;
        changed = new.or(changed);
    }
}

/// Decodes UTF-32; results as [`decode_utf16`].
pub fn decode_utf32(
    py: Attached<'_>,
    data: &[u8],
    errors: Option<&str>,
    order: ByteOrder,
    last: bool,
) -> PyResult<(Ref<Str>, usize, ByteOrder)> {
    let (order, mut at) = read_mark(data, order, 4);
    let big = order.is_big();
    let name = if big { "utf-32-be" } else { "utf-32-le" };
    let mut changed: Option<Vec<u8>> = None;
    let mut handler = DecodeErrors::new(py, name, errors);
    let mut out = StrBuilder::with_capacity(data.len() / 4);
    loop {
        let input = changed.as_deref().unwrap_or(data);
        let point = input.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        let point = point.map(|bytes| if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) });
        let (end, reason) = match point {
            None if at >= input.len() => return Ok((out.finish(py)?, at, order)),
            None if !last => return Ok((out.finish(py)?, at, order)),
            None => (input.len(), "truncated data"),
            Some(0xD800..=0xDFFF) => (at + 4, "code point in surrogate code point range(0xd800, 0xe000)"),
            Some(point @ 0..=0x10_FFFF) => {
                out.push(point);
                at += 4;
                continue;
            }
            Some(_) => (at + 4, "code point not in range(0x110000)"),
        };
        let (next, new) = handler.handle(input, at, end, reason, &mut out)?;
        at = next;
        changed = new.or(changed);
    }
}
