//! `codecs.h`: the codec registry and its error handlers.
use crate::capi::*;
use crate::object::or_clear;
use krait_object::codecs::{self, registry};
use krait_object::{Attached, Int, Layout, Object, PyResult, Ref, Str, id, raise};
use std::ffi::{CStr, c_char, c_int};

fn bad_argument(py: Attached<'_>) -> krait_object::Raised {
    raise!(py, TypeError, "bad argument type for built-in operation")
}

/// The name of an encoding; NULL raises `TypeError`.
pub struct Name<'a>(&'a str);

impl CArg for Name<'_> {
    type C = *const c_char;
    unsafe fn from_c(py: Attached<'_>, raw: *const c_char) -> PyResult<Self> {
        if raw.is_null() {
            return Err(bad_argument(py));
        }
        // SAFETY: the C contract.
        unsafe { Text::from_c(py, raw) }.map(|text| Name(text.0))
    }
}

/// A member of a codec: 2 is the stream reader, 3 the stream writer.
unsafe fn stream(
    py: Attached<'_>,
    encoding: &str,
    member: usize,
    stream: &Object,
    errors: *const c_char,
) -> PyResult<Ref<Object>> {
    let codec = registry::lookup(py, encoding)?;
    let Some(factory) = codec.as_slice().get(member) else { return Err(py.bad_internal_call()) };
    // SAFETY: NULL or a C string.
    match unsafe { opt_text(errors) } {
        Some(errors) => factory.call_pos(py, &[stream, Str::new(py, errors)?.as_object()]),
        None => factory.call_pos(py, &[stream]),
    }
}

/// Calls a codec's factory of incremental coders.
unsafe fn incremental(
    py: Attached<'_>,
    encoding: &str,
    name: &'static Str,
    errors: *const c_char,
) -> PyResult<Ref<Object>> {
    let factory = registry::lookup(py, encoding)?.as_object().get_attr(py, name)?;
    // SAFETY: NULL or a C string.
    match unsafe { opt_text(errors) } {
        Some(errors) => factory.call_pos(py, &[Str::new(py, errors)?.as_object()]),
        None => factory.call0(py),
    }
}

fn handle(py: Attached<'_>, name: &str, error: Option<&Object>) -> PyResult<Ref<Object>> {
    let Some(error) = error else { return Err(raise!(py, TypeError, "codec must pass exception instance")) };
    codecs::handle_error_natively(py, codecs::Mode::parse(Some(name)), error)
}

capi! {
    fn PyCodec_Register(py, search: Option<&Object>) -> () {
        match search {
            Some(search) => registry::register(py, search),
            None => Err(bad_argument(py)),
        }
    }
    fn PyCodec_Unregister(py, search: Option<&Object>) -> () {
        match search { Some(search) => registry::unregister(py, search), None => Ok(()) }
    }
    fn PyCodec_Encode(py, o: Option<&Object>, encoding: Name<'_>, errors: *const c_char) -> Ref<Object> {
        let Some(o) = o else { return Err(bad_argument(py)) };
        registry::encode(py, o, encoding.0, opt_text(errors), false)
    }
    fn PyCodec_Decode(py, o: Option<&Object>, encoding: Name<'_>, errors: *const c_char) -> Ref<Object> {
        let Some(o) = o else { return Err(bad_argument(py)) };
        registry::decode(py, o, encoding.0, opt_text(errors), false)
    }
    fn PyCodec_Encoder(py, encoding: Name<'_>) -> Ref<Object> { registry::encoder(py, encoding.0) }
    fn PyCodec_Decoder(py, encoding: Name<'_>) -> Ref<Object> { registry::decoder(py, encoding.0) }
    fn PyCodec_IncrementalEncoder(py, encoding: Name<'_>, errors: *const c_char) -> Ref<Object> {
        incremental(py, encoding.0, id!(py, incrementalencoder), errors)
    }
    fn PyCodec_IncrementalDecoder(py, encoding: Name<'_>, errors: *const c_char) -> Ref<Object> {
        incremental(py, encoding.0, id!(py, incrementaldecoder), errors)
    }
    fn PyCodec_StreamReader(py, encoding: Name<'_>, from: &Object, errors: *const c_char) -> Ref<Object> { stream(py, encoding.0, 2, from, errors) }
    fn PyCodec_StreamWriter(py, encoding: Name<'_>, to: &Object, errors: *const c_char) -> Ref<Object> { stream(py, encoding.0, 3, to, errors) }
    fn PyCodec_RegisterError(py, name: Text<'_>, handler: &Object) -> () { registry::register_error(py, name.0, handler) }
    fn PyCodec_LookupError(py, name: *const c_char) -> Ref<Object> { registry::lookup_error(py, opt_text(name).unwrap_or("strict")) }
    fn PyCodec_StrictErrors(py, error: Option<&Object>) -> Ref<Object> { handle(py, "strict", error) }
    fn PyCodec_IgnoreErrors(py, error: Option<&Object>) -> Ref<Object> { handle(py, "ignore", error) }
    fn PyCodec_ReplaceErrors(py, error: Option<&Object>) -> Ref<Object> { handle(py, "replace", error) }
    fn PyCodec_XMLCharRefReplaceErrors(py, error: Option<&Object>) -> Ref<Object> { handle(py, "xmlcharrefreplace", error) }
    fn PyCodec_BackslashReplaceErrors(py, error: Option<&Object>) -> Ref<Object> { handle(py, "backslashreplace", error) }
    fn PyCodec_NameReplaceErrors(py, error: Option<&Object>) -> Ref<Object> { handle(py, "namereplace", error) }

    fn PyUnicode_BuildEncodingMap(py, table: &Object) -> Ref<Object> {
        match table.downcast::<Str>().filter(|table| table.len() == 256) {
            Some(table) => codecs::charmap::build(py, table),
            None => Err(raise!(py, TypeError, "bad argument type for built-in operation")),
        }
    }
    fn PyUnicode_AsDecodedObject(py, o: &Str, encoding: *const c_char, errors: *const c_char) -> Ref<Object> { PyCodec_decode(py, o.as_object(), encoding, errors) }
    fn PyUnicode_AsEncodedObject(py, o: &Str, encoding: *const c_char, errors: *const c_char) -> Ref<Object> {
        registry::encode(py, o.as_object(), opt_text(encoding).unwrap_or("utf-8"), opt_text(errors), false)
    }
    fn PyUnicode_AsDecodedUnicode(py, o: &Str, encoding: *const c_char, errors: *const c_char) -> Ref<Object> {
        only_text(py, PyCodec_decode(py, o.as_object(), encoding, errors)?, "decoder")
    }
    fn PyUnicode_AsEncodedUnicode(py, o: &Str, encoding: *const c_char, errors: *const c_char) -> Ref<Object> {
        let made = registry::encode(py, o.as_object(), opt_text(encoding).unwrap_or("utf-8"), opt_text(errors), false)?;
        only_text(py, made, "encoder")
    }
    fn PyUnicode_DecodeUTF7Stateful(py, data: *const c_char, size: isize, errors: *const c_char, consumed: *mut isize) -> Ref<Str> {
        let (text, used) = codecs::decode_utf7(py, bytes(data.cast(), size), opt_text(errors), consumed.is_null())?;
        if !consumed.is_null() { *consumed = used as isize }
        Ok(text)
    }
    fn PyUnicode_DecodeUTF16Stateful(py, data: *const c_char, size: isize, errors: *const c_char, order: *mut c_int, consumed: *mut isize) -> Ref<Str> {
        stateful(py, bytes(data.cast(), size), opt_text(errors), order, consumed, 16)
    }
    fn PyUnicode_DecodeUTF32Stateful(py, data: *const c_char, size: isize, errors: *const c_char, order: *mut c_int, consumed: *mut isize) -> Ref<Str> {
        stateful(py, bytes(data.cast(), size), opt_text(errors), order, consumed, 32)
    }
}

#[allow(non_snake_case)]
unsafe fn PyCodec_decode(
    py: Attached<'_>,
    o: &Object,
    encoding: *const c_char,
    errors: *const c_char,
) -> PyResult<Ref<Object>> {
    // SAFETY: NULL or C strings.
    unsafe { registry::decode(py, o, opt_text(encoding).unwrap_or("utf-8"), opt_text(errors), false) }
}

fn only_text(py: Attached<'_>, made: Ref<Object>, what: &str) -> PyResult<Ref<Object>> {
    if (*made).downcast::<Str>().is_some() {
        return Ok(made);
    }
    Err(raise!(py, TypeError, "'{what}' returned '{}' instead of 'str'", made.ty().name()))
}

/// Decodes text of 16 or 32 bit units whose byte order `order` tells and learns.
pub(crate) unsafe fn stateful(
    py: Attached<'_>,
    data: &[u8],
    errors: Option<&str>,
    order: *mut c_int,
    consumed: *mut isize,
    width: usize,
) -> PyResult<Ref<Str>> {
    // SAFETY: each is NULL or writable.
    unsafe {
        let name = format!("utf_{width}_ex_decode");
        let module = krait_vm::import::import_module(py, "_codecs")?;
        let start = if order.is_null() { 0 } else { *order };
        let args: [&Object; 4] = [
            &krait_object::Bytes::new(py, data)?.upcast(),
            &Str::new(py, errors.unwrap_or("strict"))?.upcast(),
            &Int::from_i64(py, i64::from(start))?.upcast(),
            krait_object::Bool::of(consumed.is_null()).as_object(),
        ];
        let made = module.get_attr(py, &*Str::new(py, &name)?)?.call_pos(py, &args)?;
        let Some(parts) = (*made).downcast::<krait_object::Tuple>() else { return Err(py.bad_internal_call()) };
        let [text, used, found] = parts.as_slice() else { return Err(py.bad_internal_call()) };
        if !order.is_null() {
            *order = found.as_i32(py)?;
        }
        if !consumed.is_null() {
            *consumed = used.as_isize(py)?;
        }
        text.downcast::<Str>().map(Layout::to_ref).ok_or_else(|| py.bad_internal_call())
    }
}

capi_raw! {
    fn PyCodec_KnownEncoding(encoding: *const c_char) -> c_int {
        let py = Attached::from_tls();
        let Ok(name) = CStr::from_ptr(encoding).to_str() else { return 0 };
        c_int::from(or_clear(py, registry::lookup(py, name)).is_some())
    }
}

/// The digits of hexadecimal numbers.
#[repr(transparent)]
pub struct Digits(*const c_char);
// SAFETY: a constant.
unsafe impl Sync for Digits {}

#[unsafe(no_mangle)]
pub static Py_hexdigits: Digits = Digits(c"0123456789abcdef".as_ptr());
