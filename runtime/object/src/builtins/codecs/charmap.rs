//! Codecs by character map: a table, a mapping, or an `EncodingMap`.
use super::{DecodeErrors, EncodeErrors, Native, Replacement, encode_native};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Field, PyObject};
use crate::{Bytes, Dict, Int, Object, PyResult, Str, StrBuilder, exc, mem, pytype, raise, with_units};
use krait_text::codecs as kernels;
use std::ptr::NonNull;

const UNDEFINED: &str = "character maps to <undefined>";

/// The inverse of a decoding table of 256 characters.
#[repr(C)]
pub struct EncodingMap {
    ob_base: PyObject,
    map: Field<*mut kernels::EncodingMap>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _Py_EncodingMapType: "EncodingMap" for EncodingMap {
        base: Object,
        flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = EncodingMap::dealloc, },
        methods: {
            noargs "size" => EncodingMap::size, "($self, /)", "Size in memory, in bytes.";
        },
    }
}

impl EncodingMap {
    fn new(py: Attached<'_>, map: kernels::EncodingMap) -> PyResult<Ref<EncodingMap>> {
        mem::new_instance::<EncodingMap>(py, Self::type_object(), |this| this.map.set(Box::into_raw(Box::new(map))))
    }

    fn map(&self) -> &kernels::EncodingMap {
        // SAFETY: [frozen]: set before the object was published, freed with it.
        unsafe { &*self.map.get() }
    }

    fn size(_: Attached<'_>, _: &EncodingMap) -> usize {
        size_of::<EncodingMap>() + size_of::<kernels::EncodingMap>()
    }

    /// # Safety
    /// As a `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<EncodingMap>) {
        // SAFETY: by the contract; the box is this object's.
        unsafe { mem::dealloc_with(py, this, |this| drop(Box::from_raw(this.map.get()))) };
    }
}

/// `codecs.charmap_build(table)`: an `EncodingMap`, or a dict for tables that are not of 256 characters from NUL on.
pub fn build(py: Attached<'_>, table: &Str) -> PyResult<Ref<Object>> {
    if table.len() == 256 && table.char_at(0) == 0 {
        let map = with_units!(table, |units| kernels::EncodingMap::new(units));
        return Ok(EncodingMap::new(py, map)?.upcast());
    }
    let dict = Dict::new(py)?;
    for (byte, point) in table.code_points().take(256).enumerate() {
        let (key, value) = (Int::from_u64(py, point.into())?, Int::from_u64(py, byte as u64)?);
        dict.set(py, key.as_object(), value.as_object())?;
    }
    Ok(dict.upcast())
}

/// What a decoding mapping makes of a byte: false when it is undefined.
fn decode_byte(py: Attached<'_>, mapping: &Object, byte: u8, out: &mut StrBuilder) -> PyResult<bool> {
    let value = match mapping.get_item(py, Int::from_u64(py, byte.into())?.as_object()) {
        Ok(value) => value,
        Err(raised) if raised.matches(py, exc::LookupError()) => {
            raised.clear(py);
            return Ok(false);
        }
        Err(raised) => return Err(raised),
    };
    if value.is_none() {
        return Ok(false);
    }
    if let Some(int) = value.as_object().downcast::<Int>() {
        return match int.to_i64() {
            Some(0xFFFE) => Ok(false),
            Some(point @ 0..=0x10_FFFF) => {
                out.push(point as u32);
                Ok(true)
            }
            _ => Err(raise!(py, TypeError, "character mapping must be in range(0x110000)")),
        };
    }
    let Some(text) = value.as_object().downcast::<Str>() else {
        return Err(raise!(py, TypeError, "character mapping must return integer, None or str"));
    };
    if text.len() == 1 && text.char_at(0) == 0xFFFE {
        return Ok(false);
    }
    out.push_obj(text);
    Ok(true)
}

/// `codecs.charmap_decode(data, errors, mapping)`; Latin-1 without a mapping.
pub fn decode(py: Attached<'_>, data: &[u8], errors: Option<&str>, mapping: Option<&Object>) -> PyResult<Ref<Str>> {
    let Some(mapping) = mapping else { return Str::from_latin1(py, data) };
    if let Some(table) = mapping.downcast_exact::<Str>() {
        let result = super::decode_with(py, data, "charmap", errors, 0, |input, at, out| {
            with_units!(table, |units| kernels::charmap_decode(input, at, out, units))
        });
        return Ok(result?.0);
    }
    let mut handler = DecodeErrors::new(py, "charmap", errors);
    let mut changed: Option<Vec<u8>> = None;
    let (mut out, mut at) = (StrBuilder::with_capacity(data.len()), 0);
    loop {
        let input = changed.as_deref().unwrap_or(data);
        let Some(&byte) = input.get(at) else { return out.finish(py) };
        if decode_byte(py, mapping, byte, &mut out)? {
            at += 1;
            continue;
        }
        let (next, new) = handler.handle(input, at, at + 1, UNDEFINED, &mut out)?;
        at = next;
        changed = new.or(changed);
    }
}

/// Appends what an encoding mapping makes of a character: false when it is undefined.
fn encode_char(py: Attached<'_>, mapping: &Object, point: u32, out: &mut Vec<u8>) -> PyResult<bool> {
    if let Some(map) = mapping.downcast_exact::<EncodingMap>() {
        let byte = map.map().get(point);
        out.extend(byte);
        return Ok(byte.is_some());
    }
    let value = match mapping.get_item(py, Int::from_u64(py, point.into())?.as_object()) {
        Ok(value) => value,
        Err(raised) if raised.matches(py, exc::LookupError()) => {
            raised.clear(py);
            return Ok(false);
        }
        Err(raised) => return Err(raised),
    };
    if value.is_none() {
        return Ok(false);
    }
    if let Some(int) = value.as_object().downcast::<Int>() {
        return match int.to_i64() {
            Some(byte @ 0..=255) => {
                out.push(byte as u8);
                Ok(true)
            }
            _ => Err(raise!(py, TypeError, "character mapping must be in range(256)")),
        };
    }
    match value.as_object().downcast::<Bytes>() {
        Some(bytes) => {
            out.extend_from_slice(bytes.as_slice());
            Ok(true)
        }
        None => {
            let given = value.ty().tp_name();
            Err(raise!(py, TypeError, "character mapping must return integer, bytes or None, not {given}"))
        }
    }
}

/// `codecs.charmap_encode(text, errors, mapping)`; Latin-1 without a mapping.
pub fn encode(py: Attached<'_>, text: &Str, errors: Option<&str>, mapping: Option<&Object>) -> PyResult<Ref<Bytes>> {
    let Some(mapping) = mapping else { return encode_native(py, text, Native::Latin1, errors) };
    let mut handler = EncodeErrors::new(py, "charmap", text, errors);
    let (mut out, mut at) = (crate::reserve::with_room(py, text.len())?, 0);
    while at < text.len() {
        if out.len() == out.capacity() {
            crate::reserve::make_room(py, &mut out, 64)?;
        }
        if encode_char(py, mapping, text.char_at(at), &mut out)? {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < text.len() && !encode_char(py, mapping, text.char_at(end), &mut Vec::new())? {
            end += 1;
        }
        let (replacement, next) = handler.handle(at, end, UNDEFINED)?;
        match replacement {
            Replacement::Bytes(bytes) => out.extend(bytes),
            Replacement::Text(made) => {
                for point in made.code_points() {
                    if !encode_char(py, mapping, point, &mut out)? {
                        return Err(handler.fail(at, end, UNDEFINED));
                    }
                }
            }
        }
        at = next;
    }
    Bytes::new(py, &out)
}
