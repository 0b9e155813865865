//! Construction from arguments and hexadecimal text, and the text forms.
use super::{ByteString, byte_value};
use crate::args::{Args, Signature};
use crate::builtins::textargs::{c_int_arg, name_arg};
use crate::builtins::{codecs, unicode::StrBuilder};
use crate::handle::{Attached, Ref};
use crate::protocols::buffer::{Buffer, stable_bytes};
use crate::{Bytes, Int, List, Object, PyResult, Str, Tuple, exc, raise};

static BYTES: Signature = Signature::parse("bytes", "(source=b'', encoding='utf-8', errors='strict')");
static BYTEARRAY: Signature = Signature::parse("bytearray", "(source=b'', encoding='utf-8', errors='strict')");

/// What `bytes(...)` and `bytearray(...)` are made from.
pub enum Source<'a> {
    /// The bytes themselves.
    Content(Vec<u8>),
    /// An object whose exact `bytes` may be shared.
    Bytes(Ref<Bytes>),
    /// That many zeros.
    Zeros(usize),
    /// An object that is neither, to be read by [`bytes_from_object`].
    Object(&'a Object),
}

/// Sorts out the arguments that both constructors take.
pub fn source<'a, S: ByteString>(py: Attached<'_>, args: Args<'a>, use_dunder: bool) -> PyResult<Source<'a>> {
    let signature = if S::NAME == "bytes" { &BYTES } else { &BYTEARRAY };
    if args.pos.len() > 3 {
        return Err(raise!(py, TypeError, "{}() takes at most 3 arguments ({} given)", S::NAME, args.len()));
    }
    let [source, encoding, errors] = signature.bind::<3>(py, args)?;
    let encoding_name = name_arg(py, S::NAME, "argument 'encoding'", encoding)?;
    let errors_name = name_arg(py, S::NAME, "argument 'errors'", errors)?;
    let given = if encoding.is_some() { "encoding" } else { "errors" };
    let named = encoding.is_some() || errors.is_some();
    let Some(source) = source else {
        if named {
            return Err(raise!(py, TypeError, "{given} without a string argument"));
        }
        return Ok(Source::Content(Vec::new()));
    };
    if encoding.is_some() {
        return match source.downcast::<Str>() {
            Some(text) => Ok(Source::Bytes(codecs::encode(py, text, encoding_name, errors_name)?)),
            None => Err(raise!(py, TypeError, "encoding without a string argument")),
        };
    }
    // Exact objects of these types have no `__bytes__`, or one that changes nothing.
    let plain = source.downcast_exact::<Bytes>().is_some()
        || source.downcast_exact::<Int>().is_some()
        || source.downcast_exact::<List>().is_some()
        || source.downcast_exact::<Tuple>().is_some();
    if use_dunder
        && !plain
        && let Some(method) = source.lookup_special(py, crate::id!(py, __bytes__))?
    {
        if errors.is_some() {
            return Err(raise!(py, TypeError, "errors without a string argument"));
        }
        return match method.call0(py)?.downcast::<Bytes>() {
            Ok(bytes) => Ok(Source::Bytes(bytes)),
            Err(other) => Err(raise!(py, TypeError, "__bytes__ returned non-bytes (type {})", other.ty().tp_name())),
        };
    }
    if source.downcast::<Str>().is_some() {
        return Err(raise!(py, TypeError, "string argument without an encoding"));
    }
    if errors.is_some() {
        return Err(raise!(py, TypeError, "errors without a string argument"));
    }
    if source.has_index() {
        match size_of_index(py, source) {
            Ok(size) if size < 0 => return Err(raise!(py, ValueError, "negative count")),
            Ok(size) => return Ok(Source::Zeros(size as usize)),
            Err(raised) if raised.matches(py, exc::TypeError()) => raised.clear(py),
            Err(raised) => return Err(raised),
        }
    }
    Ok(Source::Object(source))
}

fn size_of_index(py: Attached<'_>, source: &Object) -> PyResult<isize> {
    source.as_isize(py).map_err(|raised| {
        if raised.matches(py, exc::OverflowError()) {
            raised.clear(py);
            let given = source.ty().tp_name();
            return raise!(py, OverflowError, "cannot fit '{given}' into an index-sized integer");
        }
        raised
    })
}

/// The bytes of a buffer or of an iterable of integers. `range` is the message for values that are no bytes.
pub fn bytes_from_object(py: Attached<'_>, object: &Object, kind: &str, range: &str) -> PyResult<Vec<u8>> {
    if let Some(array) = object.downcast::<crate::ByteArray>() {
        return array.to_vec(py);
    }
    if Buffer::is_exporter(object) {
        return Buffer::get(py, object, crate::layout::PyBUF_FULL_RO)?.to_vec(py);
    }
    if object.downcast::<Str>().is_none() {
        match integers(py, object, range) {
            Ok(Some(bytes)) => return Ok(bytes),
            Ok(None) => {}
            Err(raised) => return Err(raised),
        }
    }
    Err(raise!(py, TypeError, "cannot convert '{}' object to {kind}", object.ty().tp_name()))
}

/// The bytes of an iterable of integers, or `None` when the object cannot be iterated over.
fn integers(py: Attached<'_>, object: &Object, range: &str) -> PyResult<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let mut take = |item: &Object| -> PyResult<()> {
        let byte = match item.downcast_exact::<Int>().filter(|int| int.is_compact()).map(|int| int.compact_value()) {
            Some(byte @ 0..=255) => byte as u8,
            _ => byte_value(py, item, range)?,
        };
        out.push(byte);
        Ok(())
    };
    if let Some(tuple) = object.downcast_exact::<Tuple>() {
        tuple.as_slice().iter().try_for_each(|item| take(item))?;
        return Ok(Some(out));
    }
    if let Some(list) = object.downcast_exact::<List>() {
        let mut at = 0;
        while let Some(item) = list.get(py, at) {
            take(&item)?;
            at += 1;
        }
        return Ok(Some(out));
    }
    let iter = match object.iter(py) {
        Ok(iter) => iter,
        Err(raised) if raised.matches(py, exc::TypeError()) => {
            raised.clear(py);
            return Ok(None);
        }
        Err(raised) => return Err(raised),
    };
    while let Some(item) = iter.iter_next(py)? {
        take(&item)?;
    }
    Ok(Some(out))
}

/// `fromhex`: the bytes of hexadecimal text.
pub fn from_hex(py: Attached<'_>, text: &Object) -> PyResult<Vec<u8>> {
    let parse = |text: &[u8]| -> Result<Vec<u8>, Option<usize>> {
        let digit = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let (mut out, mut at) = (Vec::with_capacity(text.len() / 2), 0);
        while at < text.len() {
            if super::is_space(text[at]) {
                at += 1;
                continue;
            }
            let high = digit(at).ok_or(Some(at))?;
            let low = digit(at + 1).ok_or(if at + 1 < text.len() { Some(at + 1) } else { None })?;
            out.push((high * 16 + low) as u8);
            at += 2;
        }
        Ok(out)
    };
    let result = if let Some(text) = text.downcast::<Str>() {
        // The text as bytes and the result.
        crate::reserve::need(py, text.len() * 3 / 2)?;
        let bytes: Vec<u8> = text.code_points().map(|point| u8::try_from(point).unwrap_or(0xFF)).collect();
        parse(&bytes)
    } else if Buffer::is_exporter(text) {
        let text = stable_bytes(py, text)?;
        crate::reserve::need(py, text.len() / 2)?;
        parse(&text)
    } else {
        let given = text.ty().full_name();
        return Err(raise!(py, TypeError, "fromhex() argument must be str or bytes-like, not {given}"));
    };
    result.map_err(|place| match place {
        Some(at) => raise!(py, ValueError, "non-hexadecimal number found in fromhex() arg at position {at}"),
        None => raise!(py, ValueError, "fromhex() arg must contain an even number of hexadecimal digits"),
    })
}

/// `hex(sep, bytes_per_sep)` of some bytes.
pub fn to_hex(py: Attached<'_>, bytes: &[u8], [sep, per]: [Option<&Object>; 2]) -> PyResult<Ref<Str>> {
    let per = c_int_arg(py, per, 1)?;
    let sep = match sep {
        None => None,
        Some(sep) => {
            if sep.len(py)? != 1 {
                return Err(raise!(py, ValueError, "sep must be length 1."));
            }
            let point = if let Some(text) = sep.downcast::<Str>() {
                if text.is_empty() { 0 } else { text.char_at(0) }
            } else if let Some(bytes) = sep.downcast::<Bytes>() {
                bytes.as_slice().first().map_or(0, |&byte| byte.into())
            } else {
                return Err(raise!(py, TypeError, "sep must be str or bytes."));
            };
            if point > 127 {
                return Err(raise!(py, ValueError, "sep must be ASCII."));
            }
            Some(point as u8)
        }
    };
    let group = per.unsigned_abs() as usize;
    let sep = sep.filter(|_| group != 0 && group < bytes.len());
    let mut out = Vec::new();
    let separators = if sep.is_some() { (bytes.len() - 1) / group } else { 0 };
    out.try_reserve_exact(bytes.len().saturating_mul(2) + separators).map_err(|_| py.no_memory())?;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(sep) = sep
            && at > 0
            && (if per < 0 { at } else { bytes.len() - at }) % group == 0
        {
            out.push(sep);
        }
        out.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
        out.push(b"0123456789abcdef"[usize::from(byte & 15)]);
    }
    Str::from_units_max(py, &out, 0x7F)
}

pub fn hex<S: ByteString>(py: Attached<'_>, this: &S, args: [Option<&Object>; 2]) -> PyResult<Ref<Str>> {
    let _pin = this.pin(py, args[0]);
    to_hex(py, &this.content(py)?, args)
}

/// `b'...'` with escapes. A `bytearray` escapes single quotes even between double ones.
pub fn repr_bytes(out: &mut StrBuilder, bytes: &[u8], escape_single: bool) {
    use std::fmt::Write;
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    out.push(b'b'.into());
    out.push(quote.into());
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\'' if escape_single => out.push_str("\\'"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            _ if byte == quote => {
                out.push_str("\\");
                out.push(byte.into());
            }
            0x20..=0x7E => out.push(byte.into()),
            _ => {
                // Writing to a builder does not fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote.into());
}

pub fn decode<S: ByteString>(
    py: Attached<'_>,
    this: &S,
    [encoding, errors]: [Option<&Object>; 2],
) -> PyResult<Ref<Object>> {
    let encoding = name_arg(py, "decode", "argument 'encoding'", encoding)?;
    let errors = name_arg(py, "decode", "argument 'errors'", errors)?;
    codecs::decode_method(py, this.as_object(), encoding, errors)
}

/// `self + other` for two bytes-like operands.
pub fn concat_bytes(py: Attached<'_>, left: &Object, right: &Object, kind: &str) -> PyResult<Vec<u8>> {
    if !Buffer::is_exporter(right) {
        return Err(raise!(py, TypeError, "can't concat {} to {kind}", right.ty().tp_name()));
    }
    let (left, right) = match (stable_bytes(py, left), stable_bytes(py, right)) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(raised), _) | (_, Err(raised)) => {
            raised.clear(py);
            return Err(raise!(py, TypeError, "can't concat {} to {kind}", right.ty().tp_name()));
        }
    };
    let mut out = Vec::new();
    out.try_reserve_exact(left.len().saturating_add(right.len())).map_err(|_| py.no_memory())?;
    out.extend_from_slice(&left);
    out.extend_from_slice(&right);
    Ok(out)
}
