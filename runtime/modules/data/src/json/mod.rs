//! `_json`: the fast paths of `json`.
mod encoder;
mod escape;
mod scanner;

use encoder::Encoder;
use krait_object::native::{add_type, type_name};
use krait_object::{Attached, Module, Object, PyResult, Ref, Str, StrBuilder, functions, raise};
use scanner::Scanner;

/// `encode_basestring` and `encode_basestring_ascii`.
fn quote(py: Attached<'_>, text: &Object, ascii: bool) -> PyResult<Ref<Str>> {
    let Some(text) = text.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "first argument must be a string, not {}", type_name(text)));
    };
    let mut out = StrBuilder::with_capacity(text.len() + 2);
    escape::push(&mut out, text, ascii);
    out.finish(py)
}

/// Fills `_json`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "encode_basestring_ascii" => |py: Attached<'_>, _: &Object, text: &Object| quote(py, text, true), "($self, object, /)", "encode_basestring_ascii(string) -> string\n\nThe JSON text of a string, in ASCII only.";
            o "encode_basestring" => |py: Attached<'_>, _: &Object, text: &Object| quote(py, text, false), "($self, object, /)", "encode_basestring(string) -> string\n\nThe JSON text of a string.";
            raw "scanstring" => scanner::scanstring, "", "scanstring(string, end, strict=True) -> (string, end)\n\nReads a JSON string whose opening quote is before end.\nReturns its content and the index after the closing quote.";
        },
    )?;
    add_type::<Scanner>(py, module, "make_scanner")?;
    add_type::<Encoder>(py, module, "make_encoder")
}
