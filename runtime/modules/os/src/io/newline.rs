//! Universal newlines: the translation itself and `IncrementalNewlineDecoder`.
use krait_object::args::{Args, Signature};
use krait_object::layout::PyObject;
use krait_object::{
    Attached, Bytes, Field, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, StrBuilder, StrData, Tuple, Type,
    Visit, id, mem, pytype, raise,
};
use std::ffi::c_int;
use std::ptr::NonNull;

pub const SEEN_CR: u8 = 1;
pub const SEEN_LF: u8 = 2;
pub const SEEN_CRLF: u8 = 4;

/// What a translation remembers between pieces of text.
#[derive(Clone, Copy, Default)]
pub struct Newlines {
    /// The last piece ended with a carriage return that is held back.
    pub pending_cr: bool,
    /// Kinds of line ends seen.
    pub seen: u8,
}

impl Newlines {
    /// Notes the line ends of `text` and, if `translate`, makes them all line feeds.
    pub fn feed(&mut self, py: Attached<'_>, text: Ref<Str>, translate: bool, last: bool) -> PyResult<Ref<Str>> {
        let mut text = text;
        if self.pending_cr && (last || !text.is_empty()) {
            let cr = Str::latin1_char(b'\r');
            text = cr.concat(py, &text)?;
            self.pending_cr = false;
        }
        let len = text.len();
        if !last && len > 0 && text.char_at(len - 1) == 13 {
            text = text.substring(py, 0, len - 1)?;
            self.pending_cr = true;
        }
        if text.is_empty() {
            return Ok(text);
        }
        if let Some(bytes) = one_byte(&text)
            && memchr::memchr(b'\r', bytes).is_none()
        {
            if self.seen & SEEN_LF == 0 && memchr::memchr(b'\n', bytes).is_some() {
                self.seen |= SEEN_LF;
            }
            return Ok(text);
        }
        let len = text.len();
        let mut out = StrBuilder::with_capacity(len);
        let (mut at, mut start, mut changed) = (0, 0, false);
        while at < len {
            match text.char_at(at) {
                10 => self.seen |= SEEN_LF,
                13 => {
                    changed = true;
                    out.push_slice(&text, start, at);
                    out.push(10);
                    if at + 1 < len && text.char_at(at + 1) == 10 {
                        self.seen |= SEEN_CRLF;
                        at += 1;
                    } else {
                        self.seen |= SEEN_CR;
                    }
                    start = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        if !translate || !changed {
            return Ok(text);
        }
        out.push_slice(&text, start, len);
        out.finish(py)
    }

    /// The `newlines` attribute.
    pub fn seen_object(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let kinds: Vec<&str> = [(SEEN_CR, "\r"), (SEEN_LF, "\n"), (SEEN_CRLF, "\r\n")]
            .iter()
            .filter(|(bit, _)| self.seen & bit != 0)
            .map(|(_, text)| *text)
            .collect();
        match kinds[..] {
            [] => Ok(krait_object::none()),
            [one] => one.into_object(py),
            _ => {
                let kinds = kinds.iter().map(|kind| kind.into_object(py)).collect::<PyResult<Vec<_>>>()?;
                Ok(Tuple::from_vec(py, kinds)?.upcast())
            }
        }
    }
}

/// The characters of text whose characters are one byte each.
pub fn one_byte(text: &Str) -> Option<&[u8]> {
    match text.data() {
        StrData::Ascii(bytes) | StrData::Latin1(bytes) => Some(bytes),
        _ => None,
    }
}

/// `_io.IncrementalNewlineDecoder`.
#[repr(C)]
pub struct IncrementalNewlineDecoder {
    ob_base: PyObject,
    decoder: Slot,
    errors: Slot,
    translate: Field<bool>,
    pending_cr: Field<bool>,
    seen: Field<u8>,
    ready: Field<bool>,
}

pytype! {
    pub static NEWLINE_DECODER_TYPE: "_io.IncrementalNewlineDecoder" for IncrementalNewlineDecoder {
        base: Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "IncrementalNewlineDecoder(decoder, translate, errors='strict')\n--\n\nA decoder around another one that notes line ends and can translate them.",
        slots: {
            tp_dealloc = IncrementalNewlineDecoder::dealloc, tp_traverse = IncrementalNewlineDecoder::traverse,
            tp_clear = IncrementalNewlineDecoder::clear, tp_init = IncrementalNewlineDecoder::init,
            tp_new = IncrementalNewlineDecoder::new_object,
        },
        methods: {
            sig "decode" => IncrementalNewlineDecoder::decode, "($self, /, input, final=False)", "Decodes a piece.";
            noargs "getstate" => IncrementalNewlineDecoder::getstate, "($self, /)", "The state.";
            o "setstate" => IncrementalNewlineDecoder::setstate, "($self, state, /)", "Sets the state.";
            noargs "reset" => IncrementalNewlineDecoder::reset, "($self, /)", "Back to the initial state.";
        },
        getset: { "newlines" => IncrementalNewlineDecoder::get_newlines, "The kinds of line ends seen."; },
    }
}

impl IncrementalNewlineDecoder {
    fn new_object(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Object>> {
        ty.alloc(py, 0)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.decoder.take());
                drop(this.errors.take());
            });
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.decoder)?;
        visit.slot(&this.errors)
    }

    fn clear(_: Attached<'_>, this: &Self) {
        drop(this.decoder.take());
        drop(this.errors.take());
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("IncrementalNewlineDecoder", "(decoder, translate, errors='strict')");
        let [decoder, translate, errors]: [Option<&Object>; 3] = SIG.bind(py, args)?;
        let translate = crate::util::need(py, translate)?.is_true(py)?;
        let decoder = crate::util::need(py, decoder)?;
        drop(this.decoder.replace(Some(decoder.to_ref())));
        let errors = errors.map_or_else(|| "strict".into_object(py), |errors| Ok(errors.to_ref()))?;
        drop(this.errors.replace(Some(errors)));
        this.translate.set(translate);
        this.pending_cr.set(false);
        this.seen.set(0);
        this.ready.set(true);
        Ok(())
    }

    fn inner(&self, py: Attached<'_>) -> PyResult<Option<Ref<Object>>> {
        if !self.ready.get() {
            return Err(raise!(py, ValueError, "IncrementalNewlineDecoder.__init__() not called"));
        }
        Ok(self.decoder.get().filter(|decoder| !decoder.is_none()))
    }

    fn decode(py: Attached<'_>, this: &Self, [input, last]: [Option<&Object>; 2]) -> PyResult<Ref<Str>> {
        let input = crate::util::need(py, input)?;
        let last = crate::util::bool_or(py, last, false)?;
        let output = match this.inner(py)? {
            Some(decoder) => {
                decoder.call_method(py, id!(py, decode), &[input, krait_object::Bool::of(last).as_object()])?
            }
            None => input.to_ref(),
        };
        let Ok(text) = output.clone().downcast::<Str>() else {
            return Err(raise!(py, TypeError, "decoder should return a string result, not '{}'", output.ty().name()));
        };
        let mut newlines = Newlines { pending_cr: this.pending_cr.get(), seen: this.seen.get() };
        let result = newlines.feed(py, text, this.translate.get(), last)?;
        this.pending_cr.set(newlines.pending_cr);
        this.seen.set(newlines.seen);
        Ok(result)
    }

    fn getstate(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let (buffer, flag) = match this.inner(py)? {
            None => (Bytes::empty().upcast(), 0),
            Some(decoder) => {
                let state = decoder.call_method(py, id!(py, getstate), &[])?;
                state_parts(py, &state)?
            }
        };
        let flag = (flag << 1) | u64::from(this.pending_cr.get());
        Tuple::from_vec(py, vec![buffer, flag.into_object(py)?])
    }

    fn setstate(py: Attached<'_>, this: &Self, state: &Object) -> PyResult<()> {
        let decoder = this.inner(py)?;
        let Some([buffer, flag]) = state.downcast::<Tuple>().map(Tuple::as_slice) else {
            return Err(raise!(py, TypeError, "state argument must be a tuple"));
        };
        let flag = flag.as_u64_mask(py)?;
        this.pending_cr.set(flag & 1 != 0);
        if let Some(decoder) = decoder {
            let state = Tuple::from_vec(py, vec![buffer.to_ref(), (flag >> 1).into_object(py)?])?;
            decoder.call_method(py, id!(py, setstate), &[state.as_object()])?;
        }
        Ok(())
    }

    fn reset(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let decoder = this.inner(py)?;
        this.seen.set(0);
        this.pending_cr.set(false);
        if let Some(decoder) = decoder {
            decoder.call_method(py, id!(py, reset), &[])?;
        }
        Ok(())
    }

    fn get_newlines(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.inner(py)?;
        Newlines { pending_cr: false, seen: this.seen.get() }.seen_object(py)
    }
}

/// The two parts of a decoder's state.
pub fn state_parts(py: Attached<'_>, state: &Object) -> PyResult<(Ref<Object>, u64)> {
    let Some([buffer, flags]) = state.downcast::<Tuple>().map(Tuple::as_slice) else {
        return Err(raise!(py, TypeError, "illegal decoder state"));
    };
    if buffer.downcast::<Bytes>().is_none() {
        return Err(raise!(
            py,
            TypeError,
            "illegal decoder state: the first item should be a bytes object, not '{}'",
            buffer.ty().name()
        ));
    }
    Ok((buffer.to_ref(), flags.as_u64_mask(py)?))
}
