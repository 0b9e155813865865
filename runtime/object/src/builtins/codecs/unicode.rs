//! The built-in codecs: the kernels of `krait_text` run with error handlers.
use super::{DecodeErrors, EncodeErrors, Native, Replacement};
use crate::builtins::stringlib::Unit;
use crate::handle::{Attached, Ref};
use crate::{Bytes, PyResult, Str, StrBuilder, StrData, exc, with_units};
use krait_text::codecs::{self as kernels, Endian, InvalidEscape, Problem};

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

    fn endian(self) -> Endian {
        self.pick(Endian::NATIVE, Endian::Little, Endian::Big)
    }
}

impl From<Endian> for ByteOrder {
    fn from(endian: Endian) -> Self {
        match endian {
            Endian::Little => ByteOrder::Little,
            Endian::Big => ByteOrder::Big,
        }
    }
}

impl kernels::Sink for StrBuilder {
    fn push(&mut self, point: u32) {
        StrBuilder::push(self, point);
    }
    fn push_latin1(&mut self, bytes: &[u8]) {
        StrBuilder::push_latin1(self, bytes);
    }
    fn push_ucs2(&mut self, units: &[u16]) {
        StrBuilder::push_ucs2(self, units);
    }
    fn push_str(&mut self, text: &str) {
        StrBuilder::push_str(self, text);
    }
    fn len(&self) -> usize {
        StrBuilder::len(self)
    }
    fn truncate(&mut self, len: usize) {
        StrBuilder::truncate(self, len);
    }
}

impl Native {
    /// The bytes that the encoded text takes if all of it can be encoded.
    fn room(self, text: &Str) -> usize {
        let wide = |limit: u32| with_units!(text, |units| units.iter().filter(|unit| unit.to_u32() >= limit).count());
        let more = match self {
            Native::Utf8 => wide(0x80) + wide(0x800) + wide(0x10000),
            Native::Ascii | Native::Latin1 => 0,
            Native::Utf16(_) => text.len() + 2 * wide(0x10000) + 2,
            Native::Utf32(_) => text.len() * 3 + 4,
        };
        text.len() + more
    }

    /// Encodes units from `*at` on.
    fn encode<T: Unit + Into<u32>>(self, units: &[T], at: &mut usize, out: &mut Vec<u8>) -> Result<(), Problem> {
        match self {
            Native::Utf8 => kernels::utf8_encode(units, at, out),
            Native::Ascii => kernels::narrow_encode(units, at, out, 128),
            Native::Latin1 => kernels::narrow_encode(units, at, out, 256),
            Native::Utf16(order) => kernels::utf16_encode(units, at, out, order.endian()),
            Native::Utf32(order) => kernels::utf32_encode(units, at, out, order.endian()),
        }
    }
}

/// Texts of fewer characters are encoded without looking how many bytes they will take.
const LARGE: usize = 1 << 20;

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
    let mut out = Vec::new();
    let room = if text.len() < LARGE { text.len() + text.len() / 8 } else { native.room(text) };
    out.try_reserve(room).map_err(|_| py.no_memory())?;
    let mut at = 0;
    // The mark is a character like any other.
    if matches!(native, Native::Utf16(ByteOrder::Mark) | Native::Utf32(ByteOrder::Mark)) {
        let _ = native.encode(&[0xFEFFu32], &mut 0, &mut out);
    }
    let unit = match native {
        Native::Utf16(_) => 2,
        Native::Utf32(_) => 4,
        _ => 1,
    };
    let only_ascii = !matches!(native, Native::Ascii | Native::Latin1);
    let mut handler = EncodeErrors::new(py, native.name(), text, errors);
    while let Err(problem) = with_units!(text, |units| native.encode(units, &mut at, &mut out)) {
        let (replacement, next) = handler.handle(problem.start, problem.end, problem.reason)?;
        if let Replacement::Text(made) = &replacement {
            // As code points, and encoded.
            crate::reserve::need(py, made.len().saturating_mul(8))?;
            crate::reserve::make_room(py, &mut out, made.len().saturating_mul(4))?;
        }
        match replacement {
            Replacement::Bytes(bytes) if bytes.len() % unit == 0 => {
                crate::reserve::make_room(py, &mut out, bytes.len())?;
                out.extend(bytes);
            }
            Replacement::Text(made)
                if (made.is_ascii() || !only_ascii)
                    && native.encode(&made.to_code_points(), &mut 0, &mut out).is_ok() => {}
            _ => return Err(handler.fail(problem.start, problem.end, problem.reason)),
        }
        at = next;
    }
    Bytes::new(py, &out)
}

/// Runs a decoding kernel with an error handler: the text and how many bytes were used.
pub fn decode_with(
    py: Attached<'_>,
    data: &[u8],
    name: &str,
    errors: Option<&str>,
    start: usize,
    mut kernel: impl FnMut(&[u8], &mut usize, &mut StrBuilder) -> Result<(), Problem>,
) -> PyResult<(Ref<Str>, usize)> {
    let mut changed: Option<Vec<u8>> = None;
    let mut handler = DecodeErrors::new(py, name, errors);
    let (mut out, mut at) = (StrBuilder::with_capacity(data.len()), start);
    loop {
        let input = changed.as_deref().unwrap_or(data);
        match kernel(input, &mut at, &mut out) {
            Ok(()) => return Ok((out.finish(py)?, at)),
            Err(problem) => {
                let (next, new) = handler.handle(input, problem.start, problem.end, problem.reason, &mut out)?;
                at = next;
                changed = new.or(changed);
            }
        }
    }
}

/// Decodes ASCII.
pub fn decode_ascii(py: Attached<'_>, data: &[u8], errors: Option<&str>) -> PyResult<Ref<Str>> {
    if data.is_ascii() {
        return Str::from_units_max(py, data, 0x7F);
    }
    Ok(decode_with(py, data, "ascii", errors, 0, kernels::ascii_decode)?.0)
}

/// Decodes UTF-8. Unless `last`, an incomplete character at the end is left; also gives how many bytes were used.
pub fn decode_utf8(py: Attached<'_>, data: &[u8], errors: Option<&str>, last: bool) -> PyResult<(Ref<Str>, usize)> {
    if let Ok(text) = std::str::from_utf8(data) {
        return Ok((Str::new(py, text)?, data.len()));
    }
    decode_with(py, data, "utf-8", errors, 0, |input, at, out| kernels::utf8_decode(input, at, out, last))
}

/// Decodes UTF-16; results as [`decode_utf8`], and the byte order that was found.
pub fn decode_utf16(
    py: Attached<'_>,
    data: &[u8],
    errors: Option<&str>,
    order: ByteOrder,
    last: bool,
) -> PyResult<(Ref<Str>, usize, Option<ByteOrder>)> {
    let mark = if order == ByteOrder::Mark { kernels::utf16_bom(data) } else { None };
    let endian = mark.unwrap_or(order.endian());
    let name = if endian == Endian::Big { "utf-16-be" } else { "utf-16-le" };
    let start = if mark.is_some() { 2 } else { 0 };
    let (text, used) = decode_with(py, data, name, errors, start, |input, at, out| {
        kernels::utf16_decode(input, at, out, endian, last)
    })?;
    Ok((text, used, mark.map(ByteOrder::from)))
}

/// Decodes UTF-32; results as [`decode_utf16`].
pub fn decode_utf32(
    py: Attached<'_>,
    data: &[u8],
    errors: Option<&str>,
    order: ByteOrder,
    last: bool,
) -> PyResult<(Ref<Str>, usize, Option<ByteOrder>)> {
    let mark = if order == ByteOrder::Mark { kernels::utf32_bom(data) } else { None };
    let endian = mark.unwrap_or(order.endian());
    let name = if endian == Endian::Big { "utf-32-be" } else { "utf-32-le" };
    let start = if mark.is_some() { 4 } else { 0 };
    let (text, used) = decode_with(py, data, name, errors, start, |input, at, out| {
        kernels::utf32_decode(input, at, out, endian, last)
    })?;
    Ok((text, used, mark.map(ByteOrder::from)))
}

/// Decodes UTF-7.
pub fn decode_utf7(py: Attached<'_>, data: &[u8], errors: Option<&str>, last: bool) -> PyResult<(Ref<Str>, usize)> {
    decode_with(py, data, "utf7", errors, 0, |input, at, out| kernels::utf7_decode(input, at, out, last))
}

/// Encodes UTF-7, which cannot fail.
pub fn encode_utf7(py: Attached<'_>, text: &Str) -> PyResult<Ref<Bytes>> {
    crate::reserve::need(py, text.len().saturating_mul(3))?;
    let bytes = with_units!(text, |units| kernels::utf7_encode(units));
    Bytes::new(py, &bytes)
}

/// Warns about an escape that means nothing, as the reference does.
pub fn warn_invalid_escape(py: Attached<'_>, data: &[u8], invalid: Option<InvalidEscape>, quote: &str) -> PyResult<()> {
    let shown = |at: usize, len: usize| {
        let end = data.len().min(at + len);
        data[at.min(end)..end].iter().map(|&byte| char::from(byte)).collect::<String>()
    };
    let what = match invalid {
        None => return Ok(()),
        Some(InvalidEscape::Char(at)) => format!("{quote}\\{}\" is an invalid escape sequence", shown(at, 1)),
        Some(InvalidEscape::Octal(at)) => format!("{quote}\\{}\" is an invalid octal escape sequence", shown(at, 3)),
    };
    let message = format!("{what}. Such sequences will not work in the future. ");
    (crate::hooks::hooks().warn)(py, exc::DeprecationWarning(), &message, 1)
}

/// Decodes `unicode_escape`.
pub fn decode_unicode_escape(
    py: Attached<'_>,
    data: &[u8],
    errors: Option<&str>,
    last: bool,
) -> PyResult<(Ref<Str>, usize)> {
    let mut invalid = None;
    let result = decode_with(py, data, "unicodeescape", errors, 0, |input, at, out| {
        kernels::unicode_escape_decode(input, at, out, last, &mut invalid)
    })?;
    warn_invalid_escape(py, data, invalid, "\"")?;
    Ok(result)
}

/// Encodes `unicode_escape`, which cannot fail.
pub fn encode_unicode_escape(py: Attached<'_>, text: &Str) -> PyResult<Ref<Bytes>> {
    crate::reserve::need(py, text.len().saturating_mul(10))?;
    let bytes = with_units!(text, |units| kernels::unicode_escape_encode(units));
    Bytes::new(py, &bytes)
}

/// Decodes `raw_unicode_escape`.
pub fn decode_raw_unicode_escape(
    py: Attached<'_>,
    data: &[u8],
    errors: Option<&str>,
    last: bool,
) -> PyResult<(Ref<Str>, usize)> {
    decode_with(py, data, "rawunicodeescape", errors, 0, |input, at, out| {
        kernels::raw_unicode_escape_decode(input, at, out, last)
    })
}

/// Encodes `raw_unicode_escape`, which cannot fail.
pub fn encode_raw_unicode_escape(py: Attached<'_>, text: &Str) -> PyResult<Ref<Bytes>> {
    crate::reserve::need(py, text.len().saturating_mul(10))?;
    let bytes = with_units!(text, |units| kernels::raw_unicode_escape_encode(units));
    Bytes::new(py, &bytes)
}
