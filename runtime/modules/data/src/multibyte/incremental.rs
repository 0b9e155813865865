//! Codecs that take their input in pieces.
use super::run;
use super::{DECODER_ARGS, ENCODER_ARGS, MultibyteCodec, errors_of, errors_value, text_of};
use krait_object::args::Args;
use krait_object::builtins::codecs::{decode_error, decode_utf8};
use krait_object::builtins::textargs::bool_arg;
use krait_object::native::{Arg, State as Cell, Trace, alloc, part, required, type_name};
use krait_object::protocols::buffer::stable_bytes;
use krait_object::{
    Attached, Bytes, Int, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, pytype, raise,
};
use krait_text::codecs::multibyte::{Codec, State};

/// The most bytes that wait in a decoder, and the most that waiting characters have as UTF-8.
const MOST: usize = 8;

/// An encoder between two calls.
#[derive(Clone)]
pub struct Encoder {
    codec: &'static Codec,
    state: State,
    /// Characters that wait for what follows.
    pending: Vec<u32>,
}

impl Trace for Encoder {}

impl Encoder {
    pub fn new(codec: &'static Codec) -> Encoder {
        Encoder { codec, state: codec.encoder_state(), pending: Vec::new() }
    }

    /// Encodes what was pending and `text`; all of it and the way back to ASCII if `last`. What goes wrong leaves the
    /// pending characters.
    pub fn encode(py: Attached<'_>, cell: &Cell<Encoder>, text: &Str, errors: &Str, last: bool) -> PyResult<Vec<u8>> {
        let Encoder { codec, mut state, pending } = cell.lock().clone();
        let joined = match pending.is_empty() {
            true => text.to_ref(),
            false => Str::from_code_points(py, &pending)?.concat(py, text)?,
        };
        let result = run::encode(py, codec, &mut state, &joined, Some(errors.to_utf8(py)?), last);
        let result = result.map(|(mut out, used)| {
            if last {
                codec.reset_encoder(&mut state, &mut out);
            }
            (out, (used..joined.len()).map(|at| joined.char_at(at)).collect())
        });
        let mut cell = cell.lock();
        cell.state = state;
        let (out, pending) = result?;
        cell.pending = pending;
        Ok(out)
    }

    /// Whether characters wait.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn reset(&mut self) {
        self.codec.reset_encoder(&mut self.state, &mut Vec::new());
        self.pending.clear();
    }
}

/// A decoder between two calls.
#[derive(Clone)]
pub struct Decoder {
    pub codec: &'static Codec,
    pub state: State,
    /// Bytes that wait for what follows.
    pub pending: Vec<u8>,
}

impl Trace for Decoder {}

impl Decoder {
    pub fn new(codec: &'static Codec) -> Decoder {
        Decoder { codec, state: codec.decoder_state(), pending: Vec::new() }
    }

    /// Decodes what was pending and `data`; all of it if `last`. What is wrong in itself takes the pending bytes with it;
    /// what only lacks its end leaves them.
    pub fn decode(py: Attached<'_>, cell: &Cell<Decoder>, data: &[u8], errors: &Str, last: bool) -> PyResult<Ref<Str>> {
        let Decoder { codec, mut state, mut pending } = cell.lock().clone();
        let data = match pending.is_empty() {
            true => data,
            false => {
                pending.extend_from_slice(data);
                &pending
            }
        };
        let mut cut = false;
        let result = run::decode(py, codec, &mut state, data, Some(errors.to_utf8(py)?), last, &mut cut);
        let rest = match &result {
            Ok((_, used)) if data.len() - used > MOST => Some(Vec::new()),
            Ok((_, used)) => Some(data[*used..].to_vec()),
            Err(_) if cut => None,
            Err(_) => Some(Vec::new()),
        };
        {
            let mut cell = cell.lock();
            cell.state = state;
            if let Some(rest) = rest {
                cell.pending = rest;
            }
        }
        let (text, used) = result?;
        if data.len() - used > MOST {
            return Err(decode_error(py, codec.name, data, 0, data.len(), "pending buffer overflow"));
        }
        Ok(text)
    }

    pub fn reset(&mut self) {
        self.codec.reset_decoder(&mut self.state);
        self.pending.clear();
    }
}

/// The bytes of a state given as an integer.
fn state_bytes(py: Attached<'_>, int: &Int, len: usize) -> PyResult<Vec<u8>> {
    if int.is_negative() {
        return Err(raise!(py, OverflowError, "can't convert negative int to unsigned"));
    }
    int.to_le_bytes(len, false).ok_or_else(|| raise!(py, OverflowError, "int too big to convert"))
}

fn state_from(bytes: &[u8]) -> State {
    let mut state = State::default();
    for (to, from) in state.0.iter_mut().zip(bytes) {
        *to = *from;
    }
    state
}

krait_object::native! {
    /// `MultibyteIncrementalEncoder`.
    pub struct IncrementalEncoder { errors: Slot<Str>, encoder: Cell<Encoder> }
}
pytype! {
    static ENCODER: "_multibytecodec.MultibyteIncrementalEncoder" for IncrementalEncoder {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Encode text that comes in pieces.\n\nSubclasses have the codec in their attribute codec.",
        slots: {
            tp_dealloc = IncrementalEncoder::dealloc, tp_traverse = IncrementalEncoder::traverse,
            tp_new = IncrementalEncoder::construct, tp_init = |_: Attached<'_>, _: &IncrementalEncoder, _: Args<'_>| Ok(()),
        },
        methods: {
            sig "encode" => IncrementalEncoder::encode, "($self, /, input, final=False)", "Encode the next piece of text.\n\nThe last piece is to be final.";
            noargs "getstate" => IncrementalEncoder::getstate, "($self, /)", "Return the state as an integer that setstate() understands.";
            o "setstate" => IncrementalEncoder::setstate, "($self, state, /)", "Go back to a state that getstate() returned.";
            noargs "reset" => |_: Attached<'_>, this: &IncrementalEncoder| this.encoder.lock().reset(), "($self, /)", "Forget what is pending and begin anew.";
        },
        getset: {
            "errors" => |_: Attached<'_>, this: &IncrementalEncoder| this.errors.get(), IncrementalEncoder::set_errors, "The name of the error handler.";
        },
    }
}

impl IncrementalEncoder {
    fn construct(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<Ref<IncrementalEncoder>> {
        let [errors] = ENCODER_ARGS.bind(py, args)?;
        let errors = errors_of(py, "IncrementalEncoder", "argument 1", errors)?;
        let codec = MultibyteCodec::of_class(py, class)?;
        let this = alloc::<IncrementalEncoder>(py, class)?;
        drop(this.errors.replace(Some(errors)));
        this.encoder.init(Encoder::new(codec));
        Ok(this)
    }

    fn set_errors(py: Attached<'_>, this: &IncrementalEncoder, value: Option<&Object>) -> PyResult<()> {
        drop(this.errors.replace(Some(errors_value(py, value)?)));
        Ok(())
    }

    fn encode(py: Attached<'_>, this: &IncrementalEncoder, [input, last]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
        let last = bool_arg(py, last, false)?;
        let text = text_of(py, required(py, input)?)?;
        let out = Encoder::encode(py, &this.encoder, &text, &*part(py, &this.errors)?, last)?;
        Bytes::new(py, &out)
    }

    fn getstate(py: Attached<'_>, this: &IncrementalEncoder) -> PyResult<Ref<Int>> {
        let Encoder { state, pending, .. } = this.encoder.lock().clone();
        let pending = Str::from_code_points(py, &pending)?;
        let pending = pending.to_utf8(py)?;
        let mut bytes = vec![pending.len() as u8];
        bytes.extend(pending.bytes());
        bytes.extend(state.0);
        Int::from_le_bytes(py, &bytes, false)
    }

    fn setstate(py: Attached<'_>, this: &IncrementalEncoder, state: &Object) -> PyResult<()> {
        let Some(state) = state.downcast::<Int>() else {
            return Err(raise!(py, TypeError, "setstate() argument must be int, not {}", type_name(state)));
        };
        let bytes = state_bytes(py, state, 1 + MOST + 8)?;
        let len = usize::from(bytes[0]);
        if len > MOST {
            return Err(raise!(py, UnicodeError, "pending buffer too large"));
        }
        let (pending, state) = bytes[1..].split_at(len);
        let pending = decode_utf8(py, pending, None, true)?.0.to_code_points();
        let mut encoder = this.encoder.lock();
        encoder.pending = pending;
        encoder.state = state_from(state);
        Ok(())
    }
}

krait_object::native! {
    /// `MultibyteIncrementalDecoder`.
    pub struct IncrementalDecoder { errors: Slot<Str>, decoder: Cell<Decoder> }
}
pytype! {
    static DECODER: "_multibytecodec.MultibyteIncrementalDecoder" for IncrementalDecoder {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Decode bytes that come in pieces.\n\nSubclasses have the codec in their attribute codec.",
        slots: {
            tp_dealloc = IncrementalDecoder::dealloc, tp_traverse = IncrementalDecoder::traverse,
            tp_new = IncrementalDecoder::construct, tp_init = |_: Attached<'_>, _: &IncrementalDecoder, _: Args<'_>| Ok(()),
        },
        methods: {
            sig "decode" => IncrementalDecoder::decode, "($self, /, input, final=False)", "Decode the next piece of input.\n\nThe last piece is to be final.";
            noargs "getstate" => IncrementalDecoder::getstate, "($self, /)", "Return the pending bytes and the state as an integer.";
            o "setstate" => IncrementalDecoder::setstate, "($self, state, /)", "Go back to a state that getstate() returned.";
            noargs "reset" => |_: Attached<'_>, this: &IncrementalDecoder| this.decoder.lock().reset(), "($self, /)", "Forget what is pending and begin anew.";
        },
        getset: {
            "errors" => |_: Attached<'_>, this: &IncrementalDecoder| this.errors.get(), IncrementalDecoder::set_errors, "The name of the error handler.";
        },
    }
}

impl IncrementalDecoder {
    fn construct(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<Ref<IncrementalDecoder>> {
        let [errors] = DECODER_ARGS.bind(py, args)?;
        let errors = errors_of(py, "IncrementalDecoder", "argument 1", errors)?;
        let codec = MultibyteCodec::of_class(py, class)?;
        let this = alloc::<IncrementalDecoder>(py, class)?;
        drop(this.errors.replace(Some(errors)));
        this.decoder.init(Decoder::new(codec));
        Ok(this)
    }

    fn set_errors(py: Attached<'_>, this: &IncrementalDecoder, value: Option<&Object>) -> PyResult<()> {
        drop(this.errors.replace(Some(errors_value(py, value)?)));
        Ok(())
    }

    fn decode(py: Attached<'_>, this: &IncrementalDecoder, [input, last]: [Arg<'_>; 2]) -> PyResult<Ref<Str>> {
        let data = stable_bytes(py, required(py, input)?)?;
        let last = bool_arg(py, last, false)?;
        Decoder::decode(py, &this.decoder, &data, &*part(py, &this.errors)?, last)
    }

    fn getstate(py: Attached<'_>, this: &IncrementalDecoder) -> PyResult<Ref<Tuple>> {
        let Decoder { state, pending, .. } = this.decoder.lock().clone();
        let state = u64::from_le_bytes(state.0).into_object(py)?;
        Tuple::from_slice(py, &[Bytes::new(py, &pending)?.as_object(), &*state])
    }

    fn setstate(py: Attached<'_>, this: &IncrementalDecoder, state: &Object) -> PyResult<()> {
        let Some(parts) = state.downcast::<Tuple>() else {
            return Err(raise!(py, TypeError, "setstate() argument must be tuple, not {}", type_name(state)));
        };
        let parts = match parts.as_slice() {
            [pending, state] => pending.downcast::<Bytes>().zip(state.downcast::<Int>()),
            _ => None,
        };
        let Some((pending, state)) = parts else {
            return Err(raise!(py, TypeError, "setstate(): illegal state argument"));
        };
        let state = state_from(&state_bytes(py, state, 8)?);
        let (pending, codec) = (pending.as_slice(), this.decoder.lock().codec);
        if pending.len() > MOST {
            return Err(decode_error(py, codec.name, pending, 0, pending.len(), "pending buffer too large"));
        }
        let mut decoder = this.decoder.lock();
        decoder.pending = pending.to_vec();
        decoder.state = state;
        Ok(())
    }
}
