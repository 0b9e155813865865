//! `_multibytecodec` and the modules of the East Asian codecs (`_codecs_cn` and its siblings).
//!
//! The codecs are kernels of `krait_text`; here they meet error handlers, pending input and streams.
mod incremental;
mod run;
mod stream;

use incremental::{IncrementalDecoder, IncrementalEncoder};
use krait_object::args::Signature;
use krait_object::builtins::textargs::name_arg;
use krait_object::native::{Arg, add_type, alloc, ready, required};
use krait_object::protocols::buffer::stable_bytes;
use krait_object::{
    Attached, Bytes, Field, IntoObject, Layout, Module, Object, PyResult, Ref, Str, Tuple, Type, functions, id, pytype,
    raise,
};
use krait_text::codecs::multibyte::Codec;
use stream::{StreamReader, StreamWriter};

krait_object::native! {
    /// `MultibyteCodec`.
    pub struct MultibyteCodec { codec: Field<Option<&'static Codec>> }
}
pytype! {
    static CODEC: "_multibytecodec.MultibyteCodec" for MultibyteCodec {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = MultibyteCodec::dealloc },
        methods: {
            sig "encode" => MultibyteCodec::encode, "($self, /, input, errors=None)", "Encode input and return the bytes and the number of characters used.\n\n  errors\n    What to do with characters that the encoding does not have: 'strict'\n    (the default) raises UnicodeEncodeError; other names are those of\n    handlers, built in or registered with codecs.register_error().";
            sig "decode" => MultibyteCodec::decode, "($self, /, input, errors=None)", "Decode input and return the text and the number of bytes used.\n\n  errors\n    What to do with bytes that mean nothing: 'strict' (the default) raises\n    UnicodeDecodeError; other names are those of handlers, built in or\n    registered with codecs.register_error().";
        },
    }
}

impl MultibyteCodec {
    fn get(&self, py: Attached<'_>) -> PyResult<&'static Codec> {
        self.codec.get().ok_or_else(|| py.bad_internal_call())
    }

    /// The `codec` attribute of a class whose instances encode or decode.
    fn of_class(py: Attached<'_>, class: &Type) -> PyResult<&'static Codec> {
        let codec = class.as_object().get_attr(py, id!(py, codec))?;
        match codec.as_object().downcast_exact::<MultibyteCodec>() {
            Some(codec) => codec.get(py),
            None => Err(raise!(py, TypeError, "codec is unexpected type")),
        }
    }

    fn encode(py: Attached<'_>, this: &MultibyteCodec, [input, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
        let (codec, input) = (this.get(py)?, required(py, input)?);
        let errors = errors_arg(py, "encode", errors)?;
        let text = text_of(py, input)?;
        let mut state = codec.encoder_state();
        let (mut out, used) = run::encode(py, codec, &mut state, &text, errors, true)?;
        codec.reset_encoder(&mut state, &mut out);
        let bytes = Bytes::new(py, &out)?;
        Tuple::from_slice(py, &[bytes.as_object(), &*used.into_object(py)?])
    }

    fn decode(py: Attached<'_>, this: &MultibyteCodec, [input, errors]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
        let (codec, input) = (this.get(py)?, required(py, input)?);
        let data = stable_bytes(py, input)?;
        let errors = errors_arg(py, "decode", errors)?;
        let (text, _) = run::decode(py, codec, &mut codec.decoder_state(), &data, errors, true, &mut false)?;
        Tuple::from_slice(py, &[text.as_object(), &*data.len().into_object(py)?])
    }
}

/// The `errors` argument of a method: `None` is strict.
fn errors_arg<'a>(py: Attached<'_>, function: &str, arg: Arg<'a>) -> PyResult<Option<&'a str>> {
    match arg.filter(|arg| !arg.is_none()) {
        Some(given) if given.downcast::<Str>().is_none() => {
            Err(krait_object::builtins::textargs::bad_argument(py, function, "argument 'errors'", "str or None", given))
        }
        given => name_arg(py, function, "argument 'errors'", given),
    }
}

/// What is to be encoded, as text.
fn text_of(py: Attached<'_>, input: &Object) -> PyResult<Ref<Str>> {
    match input.downcast::<Str>() {
        Some(text) => Ok(text.to_ref()),
        None => input.str(py),
    }
}

/// The `errors` argument of a constructor at `place`: the name of a handler.
fn errors_of(py: Attached<'_>, signature: &str, place: &str, arg: Arg<'_>) -> PyResult<Ref<Str>> {
    match name_arg(py, signature, place, arg)? {
        Some(name) => Str::new(py, name),
        None => Ok(id!(py, strict).to_ref()),
    }
}

/// The value for an `errors` attribute.
fn errors_value(py: Attached<'_>, value: Option<&Object>) -> PyResult<Ref<Str>> {
    let Some(value) = value else { return Err(raise!(py, AttributeError, "cannot delete attribute")) };
    match value.downcast::<Str>() {
        Some(value) => Str::new(py, value.to_utf8(py)?),
        None => Err(raise!(py, TypeError, "errors must be a string")),
    }
}

const ERRORS_ONLY: &str = "($self, /, errors='strict')";
static ENCODER_ARGS: Signature = Signature::parse("IncrementalEncoder", ERRORS_ONLY);
static DECODER_ARGS: Signature = Signature::parse("IncrementalDecoder", ERRORS_ONLY);
const STREAM_ARGS: &str = "($self, /, stream, errors='strict')";
static READER_ARGS: Signature = Signature::parse("StreamReader", STREAM_ARGS);
static WRITER_ARGS: Signature = Signature::parse("StreamWriter", STREAM_ARGS);

/// Fills `_multibytecodec`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<MultibyteCodec>(py)?;
    add_type::<IncrementalEncoder>(py, module, "MultibyteIncrementalEncoder")?;
    add_type::<IncrementalDecoder>(py, module, "MultibyteIncrementalDecoder")?;
    add_type::<StreamReader>(py, module, "MultibyteStreamReader")?;
    add_type::<StreamWriter>(py, module, "MultibyteStreamWriter")
}

fn codec(py: Attached<'_>, family: &str, name: &Object) -> PyResult<Ref<MultibyteCodec>> {
    let Some(name) = name.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "encoding name must be a string."));
    };
    let Some(codec) = Codec::find(family, name.to_utf8(py)?) else {
        return Err(raise!(py, LookupError, "no such codec is supported."));
    };
    let this = alloc::<MultibyteCodec>(py, ready::<MultibyteCodec>(py)?)?;
    this.codec.set(Some(codec));
    Ok(this)
}

/// The `exec` of a module that gives the codecs of one family.
macro_rules! families {
    ($($exec:ident $family:literal),*) => {
        $(
            /// Fills the module of the family.
            ///
            /// # Errors
            /// `MemoryError`.
            pub fn $exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
                module.add_functions(py, functions! {
                    o "getcodec" => |py: Attached<'_>, _: &Object, name: &Object| codec(py, $family, name), "($module, name, /)", "Return the codec object of an encoding of this module.";
                })
            }
        )*
    };
}
families!(exec_cn "cn", exec_hk "hk", exec_iso2022 "iso2022", exec_jp "jp", exec_kr "kr", exec_tw "tw");
