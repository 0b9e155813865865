//! `_codecs`: the codec registry and the functions of the built-in codecs.
use krait_object::builtins::codecs::{self, ByteOrder, Mode, Native, charmap, registry};
use krait_object::builtins::textargs::{arg_type, bad_argument, bool_arg, c_int_arg, name_arg, str_arg};
use krait_object::protocols::buffer::stable_bytes;
use krait_object::{
    Attached, Bytes, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Str, Tuple, functions, raise,
};
use krait_text::codecs::{self as kernels, BytesEscape, OnBadHex};
use std::borrow::Cow;

type Arg<'a> = Option<&'a Object>;

/// A result with the amount of input used.
fn pair(py: Attached<'_>, value: &Object, used: usize) -> PyResult<Ref<Tuple>> {
    Tuple::from_slice(py, &[value, &*used.into_object(py)?])
}

fn required<'a>(py: Attached<'_>, arg: Arg<'a>) -> PyResult<&'a Object> {
    arg.ok_or_else(|| py.bad_internal_call())
}

/// The `errors` argument: `None` is strict.
fn errors_arg<'a>(py: Attached<'_>, function: &str, arg: Arg<'a>) -> PyResult<Option<&'a str>> {
    match arg.filter(|arg| !arg.is_none()) {
        None => Ok(None),
        Some(given) if given.downcast::<Str>().is_none() => {
            Err(bad_argument(py, function, "argument 2", "str or None", given))
        }
        given => name_arg(py, function, "argument 2", given),
    }
}

fn text_arg<'a>(py: Attached<'_>, function: &str, arg: Arg<'a>) -> PyResult<&'a Str> {
    str_arg(py, function, "argument 1", required(py, arg)?)
}

fn data_arg<'a>(py: Attached<'_>, arg: Arg<'a>) -> PyResult<Cow<'a, [u8]>> {
    stable_bytes(py, required(py, arg)?)
}

/// Bytes, or the UTF-8 of text.
fn data_or_text<'a>(py: Attached<'_>, arg: Arg<'a>) -> PyResult<Cow<'a, [u8]>> {
    let arg = required(py, arg)?;
    match arg.downcast::<Str>() {
        Some(text) => Ok(Cow::Borrowed(text.to_utf8(py)?.as_bytes())),
        None => stable_bytes(py, arg),
    }
}

fn register(py: Attached<'_>, _: &Object, search: &Object) -> PyResult<()> {
    registry::register(py, search)
}

fn unregister(py: Attached<'_>, _: &Object, search: &Object) -> PyResult<()> {
    registry::unregister(py, search)
}

fn name_of<'a>(py: Attached<'_>, function: &str, arg: &'a Object) -> PyResult<&'a str> {
    Ok(name_arg(py, function, "argument", Some(arg))?.unwrap_or(""))
}

fn lookup(py: Attached<'_>, _: &Object, encoding: &Object) -> PyResult<Ref<Tuple>> {
    registry::lookup(py, name_of(py, "lookup", encoding)?)
}

fn encode(py: Attached<'_>, _: &Object, [object, encoding, errors]: [Arg<'_>; 3]) -> PyResult<Ref<Object>> {
    let encoding = name_arg(py, "encode", "argument 'encoding'", encoding)?.unwrap_or("utf-8");
    let errors = name_arg(py, "encode", "argument 'errors'", errors)?;
    registry::encode(py, required(py, object)?, encoding, errors, false)
}

fn decode(py: Attached<'_>, _: &Object, [object, encoding, errors]: [Arg<'_>; 3]) -> PyResult<Ref<Object>> {
    let encoding = name_arg(py, "decode", "argument 'encoding'", encoding)?.unwrap_or("utf-8");
    let errors = name_arg(py, "decode", "argument 'errors'", errors)?;
    registry::decode(py, required(py, object)?, encoding, errors, false)
}

fn register_error(py: Attached<'_>, _: &Object, [name, handler]: [Arg<'_>; 2]) -> PyResult<()> {
    let name = name_arg(py, "register_error", "argument 1", name)?.unwrap_or("");
    registry::register_error(py, name, required(py, handler)?)
}

fn lookup_error(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<Ref<Object>> {
    registry::lookup_error(py, name_of(py, "lookup_error", name)?)
}

fn unregister_error(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<bool> {
    let name = name_of(py, "_unregister_error", name)?;
    if Mode::parse(Some(name)) != Mode::Custom {
        return Err(raise!(py, ValueError, "cannot un-register built-in error handler '{name}'"));
    }
    let name = Str::new(py, name)?;
    Ok(registry::error_handlers(py)?.remove(py, name.as_object())?.is_some())
}

/// The encode and decode functions of one codec.
macro_rules! encoders {
    ($($function:ident = $name:literal, $native:expr;)*) => {
        $(fn $function(py: Attached<'_>, _: &Object, [text, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
            let text = text_arg(py, $name, text)?;
            let errors = errors_arg(py, $name, errors)?;
            pair(py, codecs::encode_native(py, text, $native, errors)?.as_object(), text.len())
        })*
    };
}
encoders! {
    utf_8_encode = "utf_8_encode", Native::Utf8;
    latin_1_encode = "latin_1_encode", Native::Latin1;
    ascii_encode = "ascii_encode", Native::Ascii;
    utf_16_le_encode = "utf_16_le_encode", Native::Utf16(ByteOrder::Little);
    utf_16_be_encode = "utf_16_be_encode", Native::Utf16(ByteOrder::Big);
    utf_32_le_encode = "utf_32_le_encode", Native::Utf32(ByteOrder::Little);
    utf_32_be_encode = "utf_32_be_encode", Native::Utf32(ByteOrder::Big);
}

fn order_arg(py: Attached<'_>, order: Arg<'_>) -> PyResult<ByteOrder> {
    Ok(match c_int_arg(py, order, 0)? {
        0 => ByteOrder::Mark,
        ..0 => ByteOrder::Little,
        _ => ByteOrder::Big,
    })
}

fn utf_16_encode(py: Attached<'_>, _: &Object, [text, errors, order]: [Arg<'_>; 3]) -> PyResult<Ref<Tuple>> {
    let text = text_arg(py, "utf_16_encode", text)?;
    let errors = errors_arg(py, "utf_16_encode", errors)?;
    let native = Native::Utf16(order_arg(py, order)?);
    pair(py, codecs::encode_native(py, text, native, errors)?.as_object(), text.len())
}

fn utf_32_encode(py: Attached<'_>, _: &Object, [text, errors, order]: [Arg<'_>; 3]) -> PyResult<Ref<Tuple>> {
    let text = text_arg(py, "utf_32_encode", text)?;
    let errors = errors_arg(py, "utf_32_encode", errors)?;
    let native = Native::Utf32(order_arg(py, order)?);
    pair(py, codecs::encode_native(py, text, native, errors)?.as_object(), text.len())
}

fn utf_7_encode(py: Attached<'_>, _: &Object, [text, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let text = text_arg(py, "utf_7_encode", text)?;
    errors_arg(py, "utf_7_encode", errors)?;
    pair(py, codecs::encode_utf7(py, text)?.as_object(), text.len())
}

fn unicode_escape_encode(py: Attached<'_>, _: &Object, [text, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let text = text_arg(py, "unicode_escape_encode", text)?;
    errors_arg(py, "unicode_escape_encode", errors)?;
    pair(py, codecs::encode_unicode_escape(py, text)?.as_object(), text.len())
}

fn raw_unicode_escape_encode(py: Attached<'_>, _: &Object, [text, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let text = text_arg(py, "raw_unicode_escape_encode", text)?;
    errors_arg(py, "raw_unicode_escape_encode", errors)?;
    pair(py, codecs::encode_raw_unicode_escape(py, text)?.as_object(), text.len())
}

/// Decoders of `(data, errors=None, final=...)`.
macro_rules! decoders {
    ($($function:ident = $name:literal, $data:ident, $last:literal, |$py:ident, $bytes:ident, $errors:ident, $final:ident| $body:expr;)*) => {
        $(fn $function($py: Attached<'_>, _: &Object, [data, errors, last]: [Arg<'_>; 3]) -> PyResult<Ref<Tuple>> {
            let $bytes = $data($py, data)?;
            let $errors = errors_arg($py, $name, errors)?;
            let $final = bool_arg($py, last, $last)?;
            let (text, used) = $body;
            pair($py, text.as_object(), used)
        })*
    };
}
decoders! {
    utf_8_decode = "utf_8_decode", data_arg, false, |py, data, errors, last| codecs::decode_utf8(py, &data, errors, last)?;
    utf_7_decode = "utf_7_decode", data_arg, false, |py, data, errors, last| codecs::decode_utf7(py, &data, errors, last)?;
    utf_16_decode = "utf_16_decode", data_arg, false, |py, data, errors, last| {
        let (text, used, _) = codecs::decode_utf16(py, &data, errors, ByteOrder::Mark, last)?;
        (text, used)
    };
    utf_16_le_decode = "utf_16_le_decode", data_arg, false, |py, data, errors, last| {
        let (text, used, _) = codecs::decode_utf16(py, &data, errors, ByteOrder::Little, last)?;
        (text, used)
    };
    utf_16_be_decode = "utf_16_be_decode", data_arg, false, |py, data, errors, last| {
        let (text, used, _) = codecs::decode_utf16(py, &data, errors, ByteOrder::Big, last)?;
        (text, used)
    };
    utf_32_decode = "utf_32_decode", data_arg, false, |py, data, errors, last| {
        let (text, used, _) = codecs::decode_utf32(py, &data, errors, ByteOrder::Mark, last)?;
        (text, used)
    };
    utf_32_le_decode = "utf_32_le_decode", data_arg, false, |py, data, errors, last| {
        let (text, used, _) = codecs::decode_utf32(py, &data, errors, ByteOrder::Little, last)?;
        (text, used)
    };
    utf_32_be_decode = "utf_32_be_decode", data_arg, false, |py, data, errors, last| {
        let (text, used, _) = codecs::decode_utf32(py, &data, errors, ByteOrder::Big, last)?;
        (text, used)
    };
    unicode_escape_decode = "unicode_escape_decode", data_or_text, true, |py, data, errors, last| {
        codecs::decode_unicode_escape(py, &data, errors, last)?
    };
    raw_unicode_escape_decode = "raw_unicode_escape_decode", data_or_text, true, |py, data, errors, last| {
        codecs::decode_raw_unicode_escape(py, &data, errors, last)?
    };
}

fn ex_result(
    py: Attached<'_>,
    text: &Str,
    used: usize,
    asked: ByteOrder,
    found: Option<ByteOrder>,
) -> PyResult<Ref<Tuple>> {
    let order = found.unwrap_or(asked).pick(0, -1, 1);
    Tuple::from_slice(py, &[text.as_object(), &*used.into_object(py)?, &*order.into_object(py)?])
}

fn utf_16_ex_decode(py: Attached<'_>, _: &Object, [data, errors, order, last]: [Arg<'_>; 4]) -> PyResult<Ref<Tuple>> {
    let data = data_arg(py, data)?;
    let errors = errors_arg(py, "utf_16_ex_decode", errors)?;
    let (order, last) = (order_arg(py, order)?, bool_arg(py, last, false)?);
    let (text, used, found) = codecs::decode_utf16(py, &data, errors, order, last)?;
    ex_result(py, &text, used, order, found)
}

fn utf_32_ex_decode(py: Attached<'_>, _: &Object, [data, errors, order, last]: [Arg<'_>; 4]) -> PyResult<Ref<Tuple>> {
    let data = data_arg(py, data)?;
    let errors = errors_arg(py, "utf_32_ex_decode", errors)?;
    let (order, last) = (order_arg(py, order)?, bool_arg(py, last, false)?);
    let (text, used, found) = codecs::decode_utf32(py, &data, errors, order, last)?;
    ex_result(py, &text, used, order, found)
}

fn latin_1_decode(py: Attached<'_>, _: &Object, [data, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let data = data_arg(py, data)?;
    errors_arg(py, "latin_1_decode", errors)?;
    pair(py, Str::from_latin1(py, &data)?.as_object(), data.len())
}

fn ascii_decode(py: Attached<'_>, _: &Object, [data, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let data = data_arg(py, data)?;
    let errors = errors_arg(py, "ascii_decode", errors)?;
    pair(py, codecs::decode_ascii(py, &data, errors)?.as_object(), data.len())
}

fn charmap_decode(py: Attached<'_>, _: &Object, [data, errors, mapping]: [Arg<'_>; 3]) -> PyResult<Ref<Tuple>> {
    let data = data_arg(py, data)?;
    let errors = errors_arg(py, "charmap_decode", errors)?;
    let text = charmap::decode(py, &data, errors, mapping.filter(|mapping| !mapping.is_none()))?;
    pair(py, text.as_object(), data.len())
}

fn charmap_encode(py: Attached<'_>, _: &Object, [text, errors, mapping]: [Arg<'_>; 3]) -> PyResult<Ref<Tuple>> {
    let text = text_arg(py, "charmap_encode", text)?;
    let errors = errors_arg(py, "charmap_encode", errors)?;
    let bytes = charmap::encode(py, text, errors, mapping.filter(|mapping| !mapping.is_none()))?;
    pair(py, bytes.as_object(), text.len())
}

fn charmap_build(py: Attached<'_>, _: &Object, map: &Object) -> PyResult<Ref<Object>> {
    charmap::build(py, str_arg(py, "charmap_build", "argument", map)?)
}

fn readbuffer_encode(py: Attached<'_>, _: &Object, [data, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let data = data_or_text(py, data)?;
    errors_arg(py, "readbuffer_encode", errors)?;
    pair(py, Bytes::new(py, &data)?.as_object(), data.len())
}

fn escape_encode(py: Attached<'_>, _: &Object, [data, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let data = required(py, data)?;
    let Some(bytes) = data.downcast::<Bytes>() else {
        let given = arg_type(data);
        return Err(raise!(py, TypeError, "escape_encode() argument 1 must be bytes, not {given}"));
    };
    errors_arg(py, "escape_encode", errors)?;
    let out = Bytes::new(py, &kernels::escape_encode(bytes.as_slice()))?;
    pair(py, out.as_object(), bytes.len())
}

fn escape_decode(py: Attached<'_>, _: &Object, [data, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let data = data_or_text(py, data)?;
    let errors = errors_arg(py, "escape_decode", errors)?;
    let on_bad = match errors {
        Some("replace") => OnBadHex::Replace,
        Some("ignore") => OnBadHex::Ignore,
        _ => OnBadHex::Strict,
    };
    let (out, invalid) = kernels::escape_decode(&data, on_bad).map_err(|error| -> Raised {
        match (errors, error) {
            (Some(other), BytesEscape::Hex(_)) if other != "strict" => {
                raise!(py, ValueError, "decoding error; unknown error handling code: {other}")
            }
            _ => raise!(py, ValueError, "{}", error.message()),
        }
    })?;
    codecs::warn_invalid_escape(py, &data, invalid, "b\"")?;
    pair(py, Bytes::new(py, &out)?.as_object(), data.len())
}

/// The error handlers as Python functions.
macro_rules! handlers {
    ($($function:ident = $mode:expr;)*) => {
        $(fn $function(py: Attached<'_>, _: &Object, error: &Object) -> PyResult<Ref<Object>> {
            codecs::handle_error_natively(py, $mode, error)
        })*
    };
}
handlers! {
    strict_errors = Mode::Strict;
    ignore_errors = Mode::Ignore;
    replace_errors = Mode::Replace;
    xmlcharrefreplace_errors = Mode::XmlCharRefReplace;
    backslashreplace_errors = Mode::BackslashReplace;
    namereplace_errors = Mode::NameReplace;
    surrogatepass = Mode::SurrogatePass;
    surrogateescape = Mode::SurrogateEscape;
}

/// Handler names and the functions that stand for them.
const HANDLERS: [(&str, &str); 8] = [
    ("strict", "strict_errors"),
    ("ignore", "ignore_errors"),
    ("replace", "replace_errors"),
    ("xmlcharrefreplace", "xmlcharrefreplace_errors"),
    ("backslashreplace", "backslashreplace_errors"),
    ("namereplace", "namereplace_errors"),
    ("surrogatepass", "surrogatepass"),
    ("surrogateescape", "surrogateescape"),
];

/// Fills the module and registers the built-in error handlers.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "register" => register, "($module, search_function, /)", "Adds a function that finds codecs by name.";
            o "unregister" => unregister, "($module, search_function, /)", "Removes a search function and forgets what was found.";
            o "lookup" => lookup, "($module, encoding, /)", "The codec of an encoding, as a tuple of functions.";
            sig "encode" => encode, "($module, /, obj, encoding='utf-8', errors='strict')", "Encodes an object with any registered codec.";
            sig "decode" => decode, "($module, /, obj, encoding='utf-8', errors='strict')", "Decodes an object with any registered codec.";
            sig "escape_encode" => escape_encode, "($module, data, errors=None, /)", "Bytes with escapes as in a bytes literal.";
            sig "escape_decode" => escape_decode, "($module, data, errors=None, /)", "Undoes the escapes of a bytes literal.";
            sig "utf_8_encode" => utf_8_encode, "($module, str, errors=None, /)", "Encodes UTF-8.";
            sig "utf_8_decode" => utf_8_decode, "($module, data, errors=None, final=False, /)", "Decodes UTF-8.";
            sig "utf_7_encode" => utf_7_encode, "($module, str, errors=None, /)", "Encodes UTF-7.";
            sig "utf_7_decode" => utf_7_decode, "($module, data, errors=None, final=False, /)", "Decodes UTF-7.";
            sig "utf_16_encode" => utf_16_encode, "($module, str, errors=None, byteorder=0, /)", "Encodes UTF-16.";
            sig "utf_16_le_encode" => utf_16_le_encode, "($module, str, errors=None, /)", "Encodes little-endian UTF-16.";
            sig "utf_16_be_encode" => utf_16_be_encode, "($module, str, errors=None, /)", "Encodes big-endian UTF-16.";
            sig "utf_16_decode" => utf_16_decode, "($module, data, errors=None, final=False, /)", "Decodes UTF-16.";
            sig "utf_16_le_decode" => utf_16_le_decode, "($module, data, errors=None, final=False, /)", "Decodes little-endian UTF-16.";
            sig "utf_16_be_decode" => utf_16_be_decode, "($module, data, errors=None, final=False, /)", "Decodes big-endian UTF-16.";
            sig "utf_16_ex_decode" => utf_16_ex_decode, "($module, data, errors=None, byteorder=0, final=False, /)", "Decodes UTF-16 and tells the byte order.";
            sig "utf_32_encode" => utf_32_encode, "($module, str, errors=None, byteorder=0, /)", "Encodes UTF-32.";
            sig "utf_32_le_encode" => utf_32_le_encode, "($module, str, errors=None, /)", "Encodes little-endian UTF-32.";
            sig "utf_32_be_encode" => utf_32_be_encode, "($module, str, errors=None, /)", "Encodes big-endian UTF-32.";
            sig "utf_32_decode" => utf_32_decode, "($module, data, errors=None, final=False, /)", "Decodes UTF-32.";
            sig "utf_32_le_decode" => utf_32_le_decode, "($module, data, errors=None, final=False, /)", "Decodes little-endian UTF-32.";
            sig "utf_32_be_decode" => utf_32_be_decode, "($module, data, errors=None, final=False, /)", "Decodes big-endian UTF-32.";
            sig "utf_32_ex_decode" => utf_32_ex_decode, "($module, data, errors=None, byteorder=0, final=False, /)", "Decodes UTF-32 and tells the byte order.";
            sig "unicode_escape_encode" => unicode_escape_encode, "($module, str, errors=None, /)", "Text with escapes as in a string literal, as ASCII.";
            sig "unicode_escape_decode" => unicode_escape_decode, "($module, data, errors=None, final=True, /)", "Undoes the escapes of a string literal.";
            sig "raw_unicode_escape_encode" => raw_unicode_escape_encode, "($module, str, errors=None, /)", "Latin-1 with escapes for all else.";
            sig "raw_unicode_escape_decode" => raw_unicode_escape_decode, "($module, data, errors=None, final=True, /)", "Undoes \\\\u and \\\\U escapes.";
            sig "latin_1_encode" => latin_1_encode, "($module, str, errors=None, /)", "Encodes Latin-1.";
            sig "latin_1_decode" => latin_1_decode, "($module, data, errors=None, /)", "Decodes Latin-1.";
            sig "ascii_encode" => ascii_encode, "($module, str, errors=None, /)", "Encodes ASCII.";
            sig "ascii_decode" => ascii_decode, "($module, data, errors=None, /)", "Decodes ASCII.";
            sig "charmap_encode" => charmap_encode, "($module, str, errors=None, mapping=None, /)", "Encodes by a character map.";
            sig "charmap_decode" => charmap_decode, "($module, data, errors=None, mapping=None, /)", "Decodes by a character map.";
            o "charmap_build" => charmap_build, "($module, map, /)", "The encoding map of a decoding table.";
            sig "readbuffer_encode" => readbuffer_encode, "($module, data, errors=None, /)", "The bytes of a buffer or of text in UTF-8.";
            sig "register_error" => register_error, "($module, errors, handler, /)", "Registers an error handler under a name.";
            o "_unregister_error" => unregister_error, "($module, errors, /)", "Removes a registered error handler; whether there was one.";
            o "lookup_error" => lookup_error, "($module, name, /)", "The error handler of a name.";
        },
    )?;
    let handlers = Module::new(py, "_codecs")?;
    handlers.add_functions(
        py,
        functions! {
            o "strict_errors" => strict_errors, "", "Raises the exception.";
            o "ignore_errors" => ignore_errors, "", "Leaves out what cannot be converted.";
            o "replace_errors" => replace_errors, "", "Puts a replacement mark in its place.";
            o "xmlcharrefreplace_errors" => xmlcharrefreplace_errors, "", "Puts XML character references in its place.";
            o "backslashreplace_errors" => backslashreplace_errors, "", "Puts backslash escapes in its place.";
            o "namereplace_errors" => namereplace_errors, "", "Puts escapes with character names in its place.";
            o "surrogatepass" => surrogatepass, "", "Converts surrogates as if they were characters.";
            o "surrogateescape" => surrogateescape, "", "Converts between undecodable bytes and lone surrogates.";
        },
    )?;
    let table = registry::error_handlers(py)?;
    for (name, function) in HANDLERS {
        if let Some(function) = handlers.dict().get_str(py, function) {
            table.set_str(py, name, &function)?;
        }
    }
    Ok(())
}
