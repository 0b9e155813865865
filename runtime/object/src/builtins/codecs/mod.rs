//! Text encodings: the codecs that are built in, the error handlers, and the registry of everything else.
//!
//! [`encode`] and [`decode`] take any encoding name; UTF-8, ASCII, Latin-1, UTF-16 and UTF-32 never touch the
//! registry.
pub mod charmap;
mod errors;
pub mod registry;
mod unicode;

pub use errors::{
    DecodeErrors, EncodeErrors, Mode, Replacement, handle_error_natively, handle_translate_error, new_decode_error,
    new_encode_error,
};
pub use unicode::{
    ByteOrder, decode_ascii, decode_raw_unicode_escape, decode_unicode_escape, decode_utf7, decode_utf8, decode_utf16,
    decode_utf32, decode_with, encode_native, encode_raw_unicode_escape, encode_unicode_escape, encode_utf7,
    warn_invalid_escape,
};

use crate::handle::{Attached, Layout, Ref};
use crate::protocols::buffer::{Buffer, stable_bytes};
use crate::{ByteArray, Bytes, Object, PyResult, Raised, Str, exc, raise};

/// An encoding that is built in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Native {
    Utf8,
    Ascii,
    Latin1,
    Utf16(ByteOrder),
    Utf32(ByteOrder),
}

impl Native {
    /// The codec of a name, if it is built in. Case, and `_`, ` ` for `-`, do not matter.
    pub fn parse(name: &str) -> Option<Native> {
        let mut buffer = [0; 12];
        let bytes = name.as_bytes();
        if bytes.len() > buffer.len() {
            return None;
        }
        for (to, from) in buffer.iter_mut().zip(bytes) {
            *to = if matches!(from, b'_' | b' ') { b'-' } else { from.to_ascii_lowercase() };
        }
        Some(match &buffer[..bytes.len()] {
            b"utf-8" | b"utf8" => Native::Utf8,
            b"ascii" | b"us-ascii" => Native::Ascii,
            b"latin-1" | b"latin1" | b"iso-8859-1" | b"iso8859-1" => Native::Latin1,
            b"utf-16" | b"utf16" => Native::Utf16(ByteOrder::Mark),
            b"utf-16-le" | b"utf-16le" => Native::Utf16(ByteOrder::Little),
            b"utf-16-be" | b"utf-16be" => Native::Utf16(ByteOrder::Big),
            b"utf-32" | b"utf32" => Native::Utf32(ByteOrder::Mark),
            b"utf-32-le" | b"utf-32le" => Native::Utf32(ByteOrder::Little),
            b"utf-32-be" | b"utf-32be" => Native::Utf32(ByteOrder::Big),
            _ => return None,
        })
    }

    /// The name that errors show.
    pub fn name(self) -> &'static str {
        match self {
            Native::Utf8 => "utf-8",
            Native::Ascii => "ascii",
            Native::Latin1 => "latin-1",
            Native::Utf16(order) => order.pick("utf-16", "utf-16-le", "utf-16-be"),
            Native::Utf32(order) => order.pick("utf-32", "utf-32-le", "utf-32-be"),
        }
    }
}

/// A `UnicodeEncodeError`, raised.
#[cold]
pub fn encode_error(py: Attached<'_>, encoding: &str, text: &Str, start: usize, end: usize, reason: &str) -> Raised {
    match new_encode_error(py, encoding, text, start, end, reason) {
        Ok(error) => py.raise_value(exc::UnicodeEncodeError(), &error),
        Err(raised) => raised,
    }
}

/// A `UnicodeDecodeError`, raised.
#[cold]
pub fn decode_error(py: Attached<'_>, encoding: &str, data: &[u8], start: usize, end: usize, reason: &str) -> Raised {
    match new_decode_error(py, encoding, data, start, end, reason) {
        Ok(error) => py.raise_value(exc::UnicodeDecodeError(), &error),
        Err(raised) => raised,
    }
}

/// `text.encode(encoding, errors)`; UTF-8 and strict by default.
pub fn encode(py: Attached<'_>, text: &Str, encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ref<Bytes>> {
    check_names(py, encoding, errors)?;
    let encoding = encoding.unwrap_or("utf-8");
    if let Some(native) = Native::parse(encoding) {
        return encode_native(py, text, native, errors).map_err(|raised| noted(py, raised, native, encoding, "encode"));
    }
    let result = registry::encode(py, text.as_object(), encoding, errors, true)?;
    match result.downcast::<Bytes>() {
        Ok(bytes) => Ok(bytes),
        Err(other) => match other.as_object().downcast::<ByteArray>() {
            Some(array) => {
                let message = format!(
                    "encoder {encoding} returned bytearray instead of bytes; use codecs.encode() to encode to \
                     arbitrary types"
                );
                (crate::hooks::hooks().warn)(py, exc::RuntimeWarning(), &message, 1)?;
                Bytes::new(py, &array.to_vec(py)?)
            }
            None => Err(raise!(
                py,
                TypeError,
                "'{encoding}' encoder returned '{}' instead of 'bytes'; use codecs.encode() to encode to arbitrary \
                 types",
                other.ty().tp_name()
            )),
        },
    }
}

/// The reference finds codecs with a fixed byte order in the registry, which notes what failed.
fn noted(py: Attached<'_>, raised: Raised, native: Native, encoding: &str, what: &str) -> Raised {
    match native {
        Native::Utf16(ByteOrder::Little | ByteOrder::Big) | Native::Utf32(ByteOrder::Little | ByteOrder::Big) => {
            registry::add_note(py, raised, encoding, what)
        }
        _ => raised,
    }
}

/// The result of `str.encode`.
pub fn encode_method(
    py: Attached<'_>,
    text: &Str,
    encoding: Option<&str>,
    errors: Option<&str>,
) -> PyResult<Ref<Object>> {
    Ok(encode(py, text, encoding, errors)?.upcast())
}

/// In development mode, a codec and an error handler must exist even if there is nothing to do for them.
fn check_names(py: Attached<'_>, encoding: Option<&str>, errors: Option<&str>) -> PyResult<()> {
    if !py.state().codecs.checks_names.load(std::sync::atomic::Ordering::Relaxed) {
        return Ok(());
    }
    if let Some(encoding) = encoding.filter(|encoding| Native::parse(encoding).is_none()) {
        registry::lookup(py, encoding)?;
    }
    if let Some(errors) = errors {
        registry::lookup_error(py, errors)?;
    }
    Ok(())
}

/// Decodes bytes.
pub fn decode(py: Attached<'_>, data: &[u8], encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ref<Str>> {
    check_names(py, encoding, errors)?;
    if data.is_empty() {
        return Ok(Str::empty());
    }
    match Native::parse(encoding.unwrap_or("utf-8")) {
        Some(native) => decode_native(py, data, native, errors)
            .map_err(|raised| noted(py, raised, native, encoding.unwrap_or("utf-8"), "decode")),
        None => {
            let view = Bytes::new(py, data)?;
            decode_with_registry(py, view.as_object(), encoding.unwrap_or("utf-8"), errors)
        }
    }
}

/// Decodes with a codec that is built in.
pub fn decode_native(py: Attached<'_>, data: &[u8], native: Native, errors: Option<&str>) -> PyResult<Ref<Str>> {
    Ok(match native {
        Native::Utf8 => decode_utf8(py, data, errors, true)?.0,
        Native::Ascii => decode_ascii(py, data, errors)?,
        Native::Latin1 => Str::from_latin1(py, data)?,
        Native::Utf16(order) => decode_utf16(py, data, errors, order, true)?.0,
        Native::Utf32(order) => decode_utf32(py, data, errors, order, true)?.0,
    })
}

fn decode_with_registry(py: Attached<'_>, object: &Object, encoding: &str, errors: Option<&str>) -> PyResult<Ref<Str>> {
    let result = registry::decode(py, object, encoding, errors, true)?;
    result.downcast::<Str>().map_err(|other| {
        raise!(
            py,
            TypeError,
            "'{encoding}' decoder returned '{}' instead of 'str'; use codecs.decode() to decode to arbitrary types",
            other.ty().tp_name()
        )
    })
}

/// The result of `bytes.decode` and `bytearray.decode`.
pub fn decode_method(
    py: Attached<'_>,
    object: &Object,
    encoding: Option<&str>,
    errors: Option<&str>,
) -> PyResult<Ref<Object>> {
    check_names(py, encoding, errors)?;
    let encoding = encoding.unwrap_or("utf-8");
    let data = stable_bytes(py, object)?;
    if data.is_empty() {
        return Ok(Str::empty().upcast());
    }
    match Native::parse(encoding) {
        Some(_) => Ok(decode(py, &data, Some(encoding), errors)?.upcast()),
        None => Ok(decode_with_registry(py, object, encoding, errors)?.upcast()),
    }
}

/// `str(object, encoding, errors)`.
pub fn decode_object(
    py: Attached<'_>,
    object: &Object,
    encoding: Option<&str>,
    errors: Option<&str>,
) -> PyResult<Ref<Str>> {
    if let Some(bytes) = object.downcast::<Bytes>() {
        return decode(py, bytes.as_slice(), encoding, errors);
    }
    if object.downcast::<Str>().is_some() {
        return Err(raise!(py, TypeError, "decoding str is not supported"));
    }
    if !Buffer::is_exporter(object) {
        let given = object.ty().tp_name();
        return Err(raise!(py, TypeError, "decoding to str: need a bytes-like object, {given} found"));
    }
    // A non-contiguous view is read item by item.
    let data = Buffer::get(py, object, crate::layout::PyBUF_FULL_RO)?.to_vec(py)?;
    decode(py, &data, encoding, errors)
}
