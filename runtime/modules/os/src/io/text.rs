//! `TextIOWrapper`: text over a binary stream.
//!
//! State is changed in short steps under the object's critical section, never across Python code.
//! UTF-8, ASCII and Latin-1 are coded here; other encodings go through the codec's incremental objects.
mod cookie;

use super::base::{self, IOBase, TextIOBase, unsupported};
use super::buffered::buffer_closed;
use super::newline::{Newlines, one_byte, state_parts};
use crate::util::{bool_or, given, need};
use krait_object::args::{Args, Signature};
use krait_object::codecs::{self, Native};
use krait_object::protocols::buffer::BytesArg;
use krait_object::typedef::member;
use krait_object::{
    Attached, Bytes, Field, IntoObject, Layout, Object, PyResult, Ref, Slot, Str, StrBuilder, Tuple, Visit, exc, id,
    mem, none, pytype, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// How text is coded.
#[derive(Clone, Copy, PartialEq)]
enum Coding {
    Utf8,
    Ascii,
    Latin1,
    /// By the codec's incremental encoder and decoder.
    Other,
}

/// Line ends of an argument `newline`.
#[derive(Clone, Copy, PartialEq)]
enum LineEnd {
    Universal,
    AsIs,
    Lf,
    Cr,
    CrLf,
}

struct State {
    coding: Coding,
    errors: Option<String>,
    newline: LineEnd,
    readable: bool,
    writable: bool,
    has_read1: bool,
    seekable: bool,
    telling: bool,
    pending: Vec<u8>,
    chunk_size: usize,
    /// Decoded text, of which `used` characters were given out.
    chars: Option<Ref<Str>>,
    used: usize,
    /// Bytes of an unfinished character.
    undecoded: Vec<u8>,
    newlines: Newlines,
    /// Decoder flags and the bytes since, for `tell`.
    snapshot: Option<(u64, Vec<u8>)>,
}

/// `_io.TextIOWrapper`.
#[repr(C)]
pub struct TextIOWrapper {
    base: IOBase,
    buffer: Slot,
    encoding: Slot,
    errors: Slot,
    encoder: Slot,
    decoder: Slot,
    ok: Field<bool>,
    detached: Field<bool>,
    line_buffering: Field<bool>,
    write_through: Field<bool>,
    finalizing: Field<bool>,
    state: Field<*mut State>,
}

pytype! {
    pub static TEXT_IO_WRAPPER_TYPE: "_io.TextIOWrapper" for TextIOWrapper {
        base: TextIOBase,
        flags: [BASETYPE, HAVE_GC],
        doc: "TextIOWrapper(buffer, encoding=None, errors=None, newline=None, line_buffering=False, write_through=False)\n--\n\nText over a buffered binary stream.",
        slots: {
            tp_dealloc = TextIOWrapper::dealloc, tp_traverse = TextIOWrapper::traverse, tp_clear = TextIOWrapper::clear,
            tp_repr = TextIOWrapper::repr, tp_init = TextIOWrapper::init,
            tp_iternext = TextIOWrapper::next,
        },
        methods: {
            noargs "detach" => TextIOWrapper::detach, "($self, /)", "Separates the binary stream.";
            sig "reconfigure" => TextIOWrapper::reconfigure, "($self, /, *, encoding=None, errors=None, newline=None, line_buffering=None, write_through=None)", "Changes settings.";
            o "write" => TextIOWrapper::write, "($self, text, /)", "Writes text; returns the number of characters.";
            raw "read" => TextIOWrapper::read, "($self, size=-1, /)", "Reads so many characters, or all.";
            raw "readline" => TextIOWrapper::readline, "($self, size=-1, /)", "Reads a line.";
            noargs "flush" => TextIOWrapper::flush, "($self, /)", "Writes what is pending.";
            noargs "close" => TextIOWrapper::close, "($self, /)", "Flushes and closes the stream.";
            noargs "fileno" => TextIOWrapper::fileno, "($self, /)", "The descriptor.";
            noargs "seekable" => TextIOWrapper::seekable, "($self, /)", "Whether the position can be moved.";
            noargs "readable" => TextIOWrapper::readable, "($self, /)", "Whether it can be read.";
            noargs "writable" => TextIOWrapper::writable, "($self, /)", "Whether it can be written.";
            noargs "isatty" => TextIOWrapper::isatty, "($self, /)", "Whether it is a terminal.";
            sig "seek" => TextIOWrapper::seek, "($self, cookie, whence=os.SEEK_SET, /)", "Moves to a place that tell() named.";
            noargs "tell" => TextIOWrapper::tell, "($self, /)", "The place, for seek().";
            sig "truncate" => TextIOWrapper::truncate, "($self, pos=None, /)", "Cuts the stream.";
            noargs "__getstate__" => TextIOWrapper::getstate, "($self, /)", "Streams cannot be pickled.";
        },
        getset: {
            "name" => TextIOWrapper::get_name, "The binary stream's name.";
            "closed" => TextIOWrapper::get_closed, "Whether the stream is closed.";
            "newlines" => TextIOWrapper::get_newlines, "The kinds of line ends seen.";
            "errors" => TextIOWrapper::get_errors, "How coding errors are handled.";
            "_CHUNK_SIZE" => TextIOWrapper::get_chunk_size, TextIOWrapper::set_chunk_size, "How many bytes are read at once.";
            "buffer" => TextIOWrapper::get_buffer, "The binary stream.";
        },
        members: [
            member("encoding\0", _Py_T_OBJECT, offset_of!(TextIOWrapper, encoding), Py_READONLY, c""),
            member("line_buffering\0", Py_T_BOOL, offset_of!(TextIOWrapper, line_buffering), Py_READONLY, c""),
            member("write_through\0", Py_T_BOOL, offset_of!(TextIOWrapper, write_through), Py_READONLY, c""),
            member("_finalizing\0", Py_T_BOOL, offset_of!(TextIOWrapper, finalizing), 0, c""),
        ],
    }
}

fn line_end(py: Attached<'_>, newline: Option<&str>) -> PyResult<LineEnd> {
    Ok(match newline {
        None => LineEnd::Universal,
        Some("") => LineEnd::AsIs,
        Some("\n") => LineEnd::Lf,
        Some("\r") => LineEnd::Cr,
        Some("\r\n") => LineEnd::CrLf,
        Some(other) => return Err(raise!(py, ValueError, "illegal newline value: {other}")),
    })
}

fn text_arg<'a>(py: Attached<'_>, function: &str, name: &str, value: Option<&'a Object>) -> PyResult<Option<&'a Str>> {
    let Some(value) = given(value) else { return Ok(None) };
    match value.downcast::<Str>() {
        Some(text) => Ok(Some(text)),
        None => Err(raise!(
            py,
            TypeError,
            "{function}() argument '{name}' must be str or None, not {}",
            krait_object::builtins::textargs::arg_type(value)
        )),
    }
}

fn coding_of(name: &str) -> Coding {
    match Native::parse(name) {
        Some(Native::Utf8) => Coding::Utf8,
        Some(Native::Ascii) => Coding::Ascii,
        Some(Native::Latin1) => Coding::Latin1,
        _ => Coding::Other,
    }
}

impl TextIOWrapper {
    /// A short look at the state; `f` runs no Python code.
    fn with<R>(&self, py: Attached<'_>, f: impl FnOnce(&mut State) -> R) -> R {
        let _lock = self.lock(py);
        // SAFETY: [locked]: set by `new_object`, lives as long as the object; `f` neither detaches nor comes back.
        f(unsafe { &mut *self.state.get() })
    }

    /// Makes the state of an object that `__init__` sees for the first time.
    fn make_state(&self) {
        if !self.state.get().is_null() {
            return;
        }
        self.state.set(Box::into_raw(Box::new(State {
            coding: Coding::Utf8,
            errors: None,
            newline: LineEnd::Universal,
            readable: false,
            writable: false,
            has_read1: false,
            seekable: false,
            telling: false,
            pending: Vec::new(),
            chunk_size: 8192,
            chars: None,
            used: 0,
            undecoded: Vec::new(),
            newlines: Newlines::default(),
            snapshot: None,
        })));
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero; the state is freed once.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                this.base.drop_base();
                this.drop_slots();
                let state = this.state.get();
                this.state.set(std::ptr::null_mut());
                if !state.is_null() {
                    drop(Box::from_raw(state));
                }
            });
        }
    }

    fn drop_slots(&self) {
        for slot in [&self.buffer, &self.encoding, &self.errors, &self.encoder, &self.decoder] {
            drop(slot.take());
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        IOBase::traverse(&this.base, visit)?;
        [&this.buffer, &this.encoding, &this.errors, &this.encoder, &this.decoder]
            .into_iter()
            .try_for_each(|slot| visit.slot(slot))
    }

    fn clear(py: Attached<'_>, this: &Self) {
        this.ok.set(false);
        IOBase::clear(py, &this.base);
        this.drop_slots();
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse(
            "TextIOWrapper",
            "(buffer, encoding=None, errors=None, newline=None, line_buffering=False, write_through=False)",
        );
        let [buffer, encoding, errors, newline, line_buffering, write_through]: [Option<&Object>; 6] =
            SIG.bind(py, args)?;
        let buffer = need(py, buffer)?;
        let encoding = text_arg(py, "TextIOWrapper", "encoding", encoding)?;
        let errors = text_arg(py, "TextIOWrapper", "errors", errors)?;
        let newline = text_arg(py, "TextIOWrapper", "newline", newline)?;
        let newline = newline.map(|newline| newline.to_utf8(py)).transpose()?;
        let line_buffering = bool_or(py, line_buffering, false)?;
        let write_through = bool_or(py, write_through, false)?;
        this.ok.set(false);
        this.detached.set(false);
        this.make_state();
        let newline = line_end(py, newline)?;
        let encoding = match encoding {
            Some(encoding) if !encoding.eq_str("locale") => encoding.to_ref(),
            given => {
                let config = &krait_vm::interp::current(py).config;
                if given.is_none() && config.warn_default_encoding {
                    let warn = krait_object::hooks::hooks().warn;
                    warn(py, exc::EncodingWarning(), "'encoding' argument not specified", 1)?;
                }
                let name =
                    if given.is_none() && config.utf8_mode { "utf-8".to_owned() } else { crate::locale::encoding() };
                Str::new(py, &name)?
            }
        };
        let errors = match errors {
            Some(errors) => errors.to_ref(),
            None => Str::new(py, "strict")?,
        };
        drop(this.buffer.replace(Some(buffer.to_ref())));
        this.line_buffering.set(line_buffering);
        this.write_through.set(write_through);
        this.with(py, |st| {
            st.newline = newline;
            st.chars = None;
            st.used = 0;
            st.pending.clear();
            st.snapshot = None;
            st.chunk_size = 8192;
        });
        this.set_coding(py, buffer, &encoding, &errors)?;
        let has_read1 = buffer.get_attr_opt(py, id!(py, read1))?.is_some();
        let seekable = buffer.call_method(py, id!(py, seekable), &[])?.is_true(py)?;
        this.with(py, |st| {
            st.has_read1 = has_read1;
            st.seekable = seekable;
            st.telling = seekable;
        });
        if seekable && this.with(py, |st| st.writable) {
            let position = buffer.call_method(py, id!(py, tell), &[])?;
            if position.is_true(py)? {
                this.set_encoder_started(py, true)?;
            }
        }
        this.ok.set(true);
        Ok(())
    }

    /// Chooses encoder and decoder.
    fn set_coding(&self, py: Attached<'_>, buffer: &Object, encoding: &Ref<Str>, errors: &Ref<Str>) -> PyResult<()> {
        let name = encoding.to_utf8(py)?;
        if name.contains('\0') {
            return Err(raise!(py, ValueError, "embedded null character"));
        }
        let errors_text = errors.to_utf8(py)?;
        if errors_text.contains('\0') {
            return Err(raise!(py, ValueError, "embedded null character"));
        }
        if krait_vm::interp::current(py).config.dev_mode {
            (krait_object::hooks::hooks().codec_error_handler)(py, errors)?;
        }
        let coding = coding_of(name);
        let codec = match coding {
            Coding::Other => {
                let codec = codecs::registry::lookup(py, name)?;
                let flag = codec.as_object().get_attr_opt(py, id!(py, _is_text_encoding))?;
                if let Some(flag) = flag
                    && !flag.is_true(py)?
                {
                    return Err(raise!(py, LookupError, "'{name}' is not a text encoding"));
                }
                Some(codec)
            }
            _ => None,
        };
        let readable = buffer.call_method(py, id!(py, readable), &[])?.is_true(py)?;
        let writable = buffer.call_method(py, id!(py, writable), &[])?.is_true(py)?;
        let (mut decoder, mut encoder) = (None, None);
        if let Some(codec) = &codec {
            if readable {
                let class = codec.as_object().get_attr(py, id!(py, incrementaldecoder))?;
                decoder = Some(class.call_pos(py, &[errors.as_object()])?);
            }
            if writable {
                let class = codec.as_object().get_attr(py, id!(py, incrementalencoder))?;
                encoder = Some(class.call_pos(py, &[errors.as_object()])?);
            }
        }
        drop(self.decoder.replace(decoder));
        drop(self.encoder.replace(encoder));
        drop(self.encoding.replace(Some(encoding.clone().upcast())));
        drop(self.errors.replace(Some(errors.clone().upcast())));
        let errors = (errors_text != "strict").then(|| errors_text.to_owned());
        self.with(py, |st| {
            st.coding = coding;
            st.errors = errors;
            st.readable = readable;
            st.writable = writable;
            st.undecoded.clear();
            st.newlines = Newlines::default();
        });
        Ok(())
    }

    /// Tells an encoder whether output has begun, so that it writes a mark at the beginning only.
    fn set_encoder_started(&self, py: Attached<'_>, started: bool) -> PyResult<()> {
        let Some(encoder) = self.encoder.get() else { return Ok(()) };
        if started {
            let zero = 0.into_object(py)?;
            encoder.call_method(py, id!(py, setstate), &[&zero])?;
        } else {
            encoder.call_method(py, id!(py, reset), &[])?;
        }
        Ok(())
    }

    fn buffer(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        if !self.ok.get() {
            return Err(match self.detached.get() {
                true => raise!(py, ValueError, "underlying buffer has been detached"),
                false => raise!(py, ValueError, "I/O operation on uninitialized object"),
            });
        }
        self.buffer.get().ok_or_else(|| raise!(py, ValueError, "underlying buffer has been detached"))
    }

    fn check_closed(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let buffer = self.buffer(py)?;
        if std::ptr::eq(self.as_object().ty(), Self::type_object()) {
            if buffer_closed(py, &buffer)? {
                return Err(base::closed_error(py));
            }
        } else {
            base::check_closed(py, self.as_object())?;
        }
        Ok(buffer)
    }

    fn encode(&self, py: Attached<'_>, text: &Str) -> PyResult<Ref<Bytes>> {
        let (coding, errors) = self.with(py, |st| (st.coding, st.errors.clone()));
        let name = match coding {
            Coding::Utf8 => "utf-8",
            Coding::Ascii => "ascii",
            Coding::Latin1 => "latin-1",
            Coding::Other => {
                let encoder = self.encoder.get().ok_or_else(|| unsupported(py, "not writable"))?;
                let bytes = encoder.call_method(py, id!(py, encode), &[text.as_object()])?;
                return bytes.downcast::<Bytes>().map_err(|other| {
                    raise!(py, TypeError, "encoder should return a bytes object, not '{}'", other.ty().name())
                });
            }
        };
        codecs::encode(py, text, Some(name), errors.as_deref())
    }

    /// Writes pending bytes to the binary stream.
    fn write_pending(&self, py: Attached<'_>, buffer: &Object) -> PyResult<()> {
        let pending = self.with(py, |st| std::mem::take(&mut st.pending));
        if pending.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::new(py, &pending)?;
        loop {
            match buffer.call_method(py, id!(py, write), &[bytes.as_object()]) {
                Ok(_) => return Ok(()),
                Err(raised) if raised.matches(py, exc::InterruptedError()) => raised.clear(py),
                Err(raised) => return Err(raised),
            }
        }
    }

    fn write(py: Attached<'_>, this: &Self, text: &Object) -> PyResult<usize> {
        let Some(text) = text.downcast::<Str>() else {
            return Err(raise!(
                py,
                TypeError,
                "write() argument must be str, not {}",
                krait_object::builtins::textargs::arg_type(text)
            ));
        };
        let buffer = this.check_closed(py)?;
        let (writable, newline, coding) = this.with(py, |st| (st.writable, st.newline, st.coding));
        if !writable {
            return Err(unsupported(py, "not writable"));
        }
        let bytes = one_byte(text);
        let has_lf = match bytes {
            Some(bytes) => memchr::memchr(b'\n', bytes).is_some(),
            None => text.code_points().any(|point| point == 10),
        };
        let line_buffering = this.line_buffering.get();
        let flush = line_buffering && (has_lf || text.code_points().any(|point| point == 13));
        let end = match newline {
            LineEnd::Cr if has_lf => Some("\r"),
            LineEnd::CrLf if has_lf => Some("\r\n"),
            _ => None,
        };
        let plain = match coding {
            Coding::Utf8 | Coding::Ascii => text.is_ascii(),
            Coding::Latin1 => bytes.is_some(),
            Coding::Other => false,
        };
        let encoded;
        let data: &[u8] = match (bytes, end) {
            (Some(bytes), None) if plain => bytes,
            _ => {
                let replaced;
                let source = match end {
                    None => text,
                    Some(end) if text.as_object().ty().is_heap() => {
                        // A subclass may have its own `replace`, which may change this stream.
                        let (lf, end) = (Str::latin1_char(b'\n'), Str::new(py, end)?);
                        let method = id!(py, replace);
                        let made = text.as_object().call_method(py, method, &[lf.as_object(), end.as_object()])?;
                        replaced = made.downcast::<Str>().map_err(|other| {
                            raise!(py, TypeError, "replace() should return str, not {}", other.ty().name())
                        })?;
                        this.check_closed(py)?;
                        if !this.with(py, |st| st.writable) {
                            return Err(unsupported(py, "not writable"));
                        }
                        &*replaced
                    }
                    Some(end) => {
                        replaced = text.replace(py, Str::latin1_char(b'\n'), &*Str::new(py, end)?, -1)?;
                        &*replaced
                    }
                };
                encoded = this.encode(py, source)?;
                encoded.as_slice()
            }
        };
        // What others write while the stream is written to goes first.
        while this.with(py, |st| !st.pending.is_empty() && st.pending.len() + data.len() > st.chunk_size) {
            this.write_pending(py, &buffer)?;
        }
        let write_through = this.write_through.get();
        let full = this.with(py, |st| {
            st.pending.extend_from_slice(data);
            st.pending.len() >= st.chunk_size
        });
        if full || flush || write_through {
            this.write_pending(py, &buffer)?;
        }
        if flush {
            buffer.call_method(py, id!(py, flush), &[])?;
        }
        if this.with(py, |st| st.snapshot.is_some()) {
            this.forget_chars(py);
            this.reset_decoder(py)?;
        }
        Ok(text.len())
    }

    fn forget_chars(&self, py: Attached<'_>) {
        let old = self.with(py, |st| {
            st.used = 0;
            st.snapshot = None;
            st.chars.take()
        });
        drop(old);
    }

    fn reset_decoder(&self, py: Attached<'_>) -> PyResult<()> {
        self.with(py, |st| {
            st.undecoded.clear();
            st.newlines.pending_cr = false;
        });
        if let Some(decoder) = self.decoder.get() {
            decoder.call_method(py, id!(py, reset), &[])?;
        }
        Ok(())
    }

    /// The decoder's state: its held back bytes and its flags.
    fn decoder_state(&self, py: Attached<'_>) -> PyResult<(Vec<u8>, u64)> {
        let (mut held, mut flags) = (self.with(py, |st| st.undecoded.clone()), 0);
        if let Some(decoder) = self.decoder.get() {
            let state = decoder.call_method(py, id!(py, getstate), &[])?;
            let (buffer, number) = state_parts(py, &state)?;
            held = (*buffer).downcast::<Bytes>().map(|bytes| bytes.as_slice().to_vec()).unwrap_or_default();
            flags = number;
        }
        let (universal, pending) = self.with(py, |st| (st.universal(), st.newlines.pending_cr));
        Ok((held, if universal { flags << 1 | u64::from(pending) } else { flags }))
    }

    fn set_decoder_state(&self, py: Attached<'_>, held: &[u8], flags: u64) -> PyResult<()> {
        let mut flags = flags;
        self.with(py, |st| {
            st.undecoded = held.to_vec();
            if st.universal() {
                st.newlines.pending_cr = flags & 1 != 0;
                flags >>= 1;
            }
        });
        if let Some(decoder) = self.decoder.get() {
            if held.is_empty() && flags == 0 {
                decoder.call_method(py, id!(py, reset), &[])?;
            } else {
                let state = Tuple::from_vec(py, vec![Bytes::new(py, held)?.upcast(), flags.into_object(py)?])?;
                decoder.call_method(py, id!(py, setstate), &[state.as_object()])?;
            }
        }
        Ok(())
    }

    /// Decodes the next bytes.
    fn decode(&self, py: Attached<'_>, input: &[u8], last: bool) -> PyResult<Ref<Str>> {
        let (coding, errors) = self.with(py, |st| (st.coding, st.errors.clone()));
        let errors = errors.as_deref();
        let text = match coding {
            Coding::Utf8 => {
                let held = self.with(py, |st| std::mem::take(&mut st.undecoded));
                let joined;
                let data = if held.is_empty() {
                    input
                } else {
                    joined = [&held[..], input].concat();
                    &joined[..]
                };
                let (text, consumed) = codecs::decode_utf8(py, data, errors, last)?;
                if consumed < data.len() {
                    let rest = data[consumed..].to_vec();
                    self.with(py, |st| st.undecoded = rest);
                }
                text
            }
            Coding::Ascii => codecs::decode_ascii(py, input, errors)?,
            Coding::Latin1 => Str::from_latin1(py, input)?,
            Coding::Other => {
                let decoder = self.decoder.get().ok_or_else(|| unsupported(py, "not readable"))?;
                let bytes = Bytes::new(py, input)?;
                let last = krait_object::Bool::of(last);
                let text = decoder.call_method(py, id!(py, decode), &[bytes.as_object(), last.as_object()])?;
                text.downcast::<Str>().map_err(|other| {
                    raise!(py, TypeError, "decoder should return a string result, not '{}'", other.ty().name())
                })?
            }
        };
        let (newline, mut newlines) = self.with(py, |st| (st.newline, st.newlines));
        if !matches!(newline, LineEnd::Universal | LineEnd::AsIs) {
            return Ok(text);
        }
        let text = newlines.feed(py, text, newline == LineEnd::Universal, last)?;
        self.with(py, |st| st.newlines = newlines);
        Ok(text)
    }

    /// Reads and decodes one chunk; whether there may be more.
    fn read_chunk(&self, py: Attached<'_>, buffer: &Object, hint: usize) -> PyResult<bool> {
        let (readable, telling, has_read1, chunk) =
            self.with(py, |st| (st.readable, st.telling, st.has_read1, st.chunk_size));
        if !readable {
            return Err(unsupported(py, "not readable"));
        }
        let before = if telling { Some(self.decoder_state(py)?) } else { None };
        let size = chunk.max(hint).into_object(py)?;
        let (method, name) = if has_read1 { (id!(py, read1), "read1") } else { (id!(py, read), "read") };
        let input = buffer.call_method(py, method, &[&size])?;
        let Ok(input) = BytesArg::new(py, &input).map_err(|raised| raised.clear(py)) else {
            return Err(raise!(
                py,
                TypeError,
                "underlying {name}() should have returned a bytes-like object, not '{}'",
                input.ty().name()
            ));
        };
        let input = input.as_slice();
        let text = self.decode(py, input, input.is_empty())?;
        let more = !input.is_empty() || !text.is_empty();
        let snapshot = before.map(|(held, flags)| (flags, [&held[..], input].concat()));
        let old = self.with(py, |st| {
            st.snapshot = snapshot;
            st.used = 0;
            st.chars.replace(text)
        });
        drop(old);
        Ok(more)
    }

    /// Takes at most `limit` decoded characters.
    fn take_chars(&self, py: Attached<'_>, limit: Option<usize>) -> PyResult<Ref<Str>> {
        let (chars, used) = self.with(py, |st| (st.chars.clone(), st.used));
        let Some(chars) = chars else { return Ok(Str::empty()) };
        let end = limit.map_or(chars.len(), |limit| chars.len().min(used + limit));
        let part = if used == 0 && end == chars.len() { chars } else { chars.substring(py, used, end)? };
        self.with(py, |st| st.used = end);
        Ok(part)
    }

    fn read(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Str>> {
        let size = base::size_arg(py, "read", args, -1)?;
        let buffer = this.check_closed(py)?;
        if !this.with(py, |st| st.readable) {
            return Err(unsupported(py, "not readable"));
        }
        this.write_pending(py, &buffer)?;
        if size < 0 {
            let input = buffer.call_method(py, id!(py, read), &[])?;
            if input.is_none() {
                return Err(raise!(py, BlockingIOError, "Read returned None."));
            }
            let ahead = this.take_chars(py, None)?;
            let bytes = BytesArg::new(py, &input)?;
            let text = this.decode(py, bytes.as_slice(), true)?;
            this.forget_chars(py);
            return if ahead.is_empty() { Ok(text) } else { ahead.concat(py, &text) };
        }
        let mut left = size as usize;
        let first = this.take_chars(py, Some(left))?;
        left -= first.len();
        if left == 0 {
            return Ok(first);
        }
        let mut out = StrBuilder::new();
        out.push_obj(&first);
        while left > 0 {
            if !this.read_chunk(py, &buffer, left)? {
                break;
            }
            let part = this.take_chars(py, Some(left))?;
            left -= part.len();
            out.push_obj(&part);
        }
        out.finish(py)
    }

    fn line(&self, py: Attached<'_>, limit: isize) -> PyResult<Ref<Str>> {
        let buffer = self.check_closed(py)?;
        self.write_pending(py, &buffer)?;
        let newline = self.with(py, |st| st.newline);
        let mut out: Option<StrBuilder> = None;
        let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
        loop {
            let (chars, used) = self.with(py, |st| (st.chars.clone(), st.used));
            let Some(chars) = chars.filter(|chars| used < chars.len()) else {
                if left == 0 {
                    break;
                }
                if !self.read_chunk(py, &buffer, 0)? {
                    self.forget_chars(py);
                    break;
                }
                continue;
            };
            // A carriage return at the end of one chunk and a line feed at the start of the next are one line end.
            if newline == LineEnd::CrLf
                && let Some(built) = &out
                && built.get(built.len().wrapping_sub(1)) == Some(13)
                && chars.char_at(used) == 10
                && left > 0
            {
                self.with(py, |st| st.used += 1);
                if let Some(built) = &mut out {
                    built.push(10);
                }
                break;
            }
            let found = find_line_end(&chars, used, newline);
            let end = found.unwrap_or(chars.len());
            let cut = end.min(used.saturating_add(left));
            let done = cut == end && found.is_some();
            if out.is_none() && (done || cut - used == left) {
                let line = chars.substring(py, used, cut)?;
                self.with(py, |st| st.used = cut);
                return Ok(line);
            }
            out.get_or_insert_default().push_slice(&chars, used, cut);
            self.with(py, |st| st.used = cut);
            left -= cut - used;
            if done || left == 0 {
                break;
            }
        }
        match out {
            Some(out) => out.finish(py),
            None => Ok(Str::empty()),
        }
    }

    fn readline(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Str>> {
        let limit = base::size_arg(py, "readline", args, -1)?;
        this.line(py, limit)
    }

    fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        this.buffer(py)?;
        this.with(py, |st| st.telling = false);
        let line = if std::ptr::eq(this.as_object().ty(), Self::type_object()) {
            this.line(py, -1)?
        } else {
            let line = this.as_object().call_method(py, id!(py, readline), &[])?;
            line.downcast::<Str>().map_err(|other| {
                raise!(py, OSError, "readline() should have returned a str object, not '{}'", other.ty().name())
            })?
        };
        if line.is_empty() {
            this.with(py, |st| {
                st.snapshot = None;
                st.telling = st.seekable;
            });
            return Ok(None);
        }
        Ok(Some(line.upcast()))
    }

    fn flush(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let buffer = this.check_closed(py)?;
        this.with(py, |st| st.telling = st.seekable);
        this.write_pending(py, &buffer)?;
        buffer.call_method(py, id!(py, flush), &[])
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let buffer = this.buffer(py)?;
        // Asking may have run code that took the binary stream away.
        if base::is_closed(py, this.as_object())? || this.detached.get() {
            return Ok(());
        }
        if this.finalizing.get()
            && let Err(raised) = buffer.call_method(py, id!(py, _dealloc_warn), &[this.as_object()])
        {
            raised.clear(py);
        }
        let flushed = this.as_object().call_method(py, id!(py, flush), &[]);
        base::chained(py, flushed, |py| buffer.call_method(py, id!(py, close), &[]).map(drop))
    }

    fn detach(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        this.buffer(py)?;
        this.as_object().call_method(py, id!(py, flush), &[])?;
        this.detached.set(true);
        this.ok.set(false);
        Ok(this.buffer.take())
    }

    fn forward(&self, py: Attached<'_>, method: &Str) -> PyResult<Ref<Object>> {
        self.buffer(py)?.call_method(py, method, &[])
    }

    fn fileno(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.forward(py, id!(py, fileno))
    }

    fn seekable(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.forward(py, id!(py, seekable))
    }

    fn readable(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.forward(py, id!(py, readable))
    }

    fn writable(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.forward(py, id!(py, writable))
    }

    fn isatty(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.forward(py, id!(py, isatty))
    }

    fn truncate(py: Attached<'_>, this: &Self, [size]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
        let buffer = this.buffer(py)?;
        this.as_object().call_method(py, id!(py, flush), &[])?;
        let none = none();
        buffer.call_method(py, id!(py, truncate), &[size.unwrap_or(&none)])
    }

    fn reconfigure(py: Attached<'_>, this: &Self, args: [Option<&Object>; 5]) -> PyResult<()> {
        let [encoding, errors, newline, line_buffering, write_through] = args;
        let encoding = text_arg(py, "reconfigure", "encoding", encoding)?;
        let errors = text_arg(py, "reconfigure", "errors", errors)?;
        let newline_given = newline.is_some();
        let newline = text_arg(py, "reconfigure", "newline", newline)?;
        let buffer = this.buffer(py)?;
        let changes = encoding.is_some() || errors.is_some() || newline_given;
        if changes && this.with(py, |st| st.chars.is_some()) {
            return Err(unsupported(
                py,
                "It is not possible to set the encoding or newline of stream after the first read",
            ));
        }
        let newline = match newline_given {
            true => Some(line_end(py, newline.map(|newline| newline.to_utf8(py)).transpose()?)?),
            false => None,
        };
        let flag = |flag: Option<&Object>, present: bool| match given(flag) {
            None => Ok(present),
            Some(flag) => crate::util::int_arg(py, flag).map(|flag| flag != 0),
        };
        let line_buffering = flag(line_buffering, this.line_buffering.get())?;
        let write_through = flag(write_through, this.write_through.get())?;
        this.as_object().call_method(py, id!(py, flush), &[])?;
        if let Some(newline) = newline {
            this.with(py, |st| st.newline = newline);
        }
        if encoding.is_some() || errors.is_some() {
            let new_encoding = match encoding {
                Some(encoding) if encoding.eq_str("locale") => Str::new(py, &crate::locale::encoding())?,
                Some(encoding) if encoding.to_utf8(py)?.contains('\0') => {
                    return Err(raise!(py, LookupError, "unknown encoding: {encoding}"));
                }
                Some(encoding) => encoding.to_ref(),
                None => {
                    this.encoding.get().and_then(|old| old.downcast().ok()).ok_or_else(|| py.bad_internal_call())?
                }
            };
            let new_errors = match (errors, encoding) {
                (Some(errors), _) => errors.to_ref(),
                (None, Some(_)) => Str::new(py, "strict")?,
                (None, None) => Str::new(py, "strict")?,
            };
            this.set_coding(py, &buffer, &new_encoding, &new_errors)?;
            if this.with(py, |st| st.seekable && st.writable) {
                let position = buffer.call_method(py, id!(py, tell), &[])?;
                if position.is_true(py)? {
                    this.set_encoder_started(py, true)?;
                }
            }
        }
        this.line_buffering.set(line_buffering);
        this.write_through.set(write_through);
        Ok(())
    }

    fn getstate(py: Attached<'_>, this: &Self) -> PyResult<()> {
        let name = this.as_object().ty().name().into_owned();
        let name = name.rsplit('.').next().unwrap_or_default();
        Err(raise!(py, TypeError, "cannot pickle '{name}' instances"))
    }

    fn get_name(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.buffer(py)?.get_attr(py, id!(py, name))
    }

    fn get_closed(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.buffer(py)?.get_attr(py, id!(py, closed))
    }

    fn get_newlines(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.buffer(py)?;
        this.with(py, |st| st.newlines).seen_object(py)
    }

    fn get_errors(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        if !this.detached.get() {
            this.buffer(py)?;
        }
        Ok(this.errors.get())
    }

    fn get_chunk_size(py: Attached<'_>, this: &Self) -> PyResult<usize> {
        this.buffer(py)?;
        Ok(this.with(py, |st| st.chunk_size))
    }

    fn set_chunk_size(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        this.buffer(py)?;
        let Some(value) = value else {
            let class = this.as_object().ty().tp_name();
            return Err(raise!(py, AttributeError, "attribute '_CHUNK_SIZE' of '{class}' objects cannot be deleted"));
        };
        let Some(size) = value.index(py)?.to_i64() else {
            return Err(raise!(py, ValueError, "cannot fit 'int' into an index-sized integer"));
        };
        if size <= 0 {
            return Err(raise!(py, ValueError, "a strictly positive integer is required"));
        }
        this.with(py, |st| st.chunk_size = size as usize);
        Ok(())
    }

    fn get_buffer(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.buffer(py)
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<String> {
        if !this.ok.get() && !this.detached.get() {
            return Err(raise!(py, ValueError, "I/O operation on uninitialized object"));
        }
        let mut text = format!("<{}", this.as_object().ty().full_name());
        for name in [id!(py, name), id!(py, mode)] {
            match this.as_object().get_attr_opt(py, name) {
                Ok(Some(value)) => text.push_str(&format!(" {name}={}", value.repr(py)?)),
                Ok(None) => {}
                Err(raised) if raised.matches(py, exc::ValueError()) => raised.clear(py),
                Err(raised) => return Err(raised),
            }
        }
        let encoding = this.encoding.get().unwrap_or_else(none);
        text.push_str(&format!(" encoding={}>", encoding.repr(py)?));
        Ok(text)
    }
}

impl State {
    /// Whether line ends pass through the newline decoder.
    fn universal(&self) -> bool {
        matches!(self.newline, LineEnd::Universal | LineEnd::AsIs)
    }
}

/// Where the line that begins at `start` ends, its line end included.
fn find_line_end(text: &Str, start: usize, newline: LineEnd) -> Option<usize> {
    let find = |byte: u8| match one_byte(text) {
        Some(bytes) => memchr::memchr(byte, &bytes[start..]).map(|at| start + at),
        None => (start..text.len()).find(|&at| text.char_at(at) == u32::from(byte)),
    };
    match newline {
        LineEnd::Universal | LineEnd::Lf => find(b'\n').map(|at| at + 1),
        LineEnd::Cr => find(b'\r').map(|at| at + 1),
        LineEnd::AsIs => {
            let (lf, cr) = (find(b'\n'), find(b'\r'));
            match (lf, cr) {
                (Some(lf), Some(cr)) if cr + 1 == lf => Some(lf + 1),
                (Some(lf), Some(cr)) => Some(lf.min(cr) + 1),
                (one, other) => one.or(other).map(|at| at + 1),
            }
        }
        LineEnd::CrLf => {
            let mut from = start;
            loop {
                let at = match one_byte(text) {
                    Some(bytes) => memchr::memchr(b'\r', &bytes[from..]).map(|at| from + at),
                    None => (from..text.len()).find(|&at| text.char_at(at) == 13),
                }?;
                if at + 1 < text.len() && text.char_at(at + 1) == 10 {
                    return Some(at + 2);
                }
                from = at + 1;
            }
        }
    }
}
