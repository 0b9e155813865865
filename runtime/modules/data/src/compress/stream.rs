//! What coders have in common: a compressor's end, a decompressor's input that is kept for later, and the limit of the
//! output. The methods of their Python objects are here too.
use krait_object::native::{Arg, State, Trace, required};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Bytes, Object, PyResult, Raised, Ref, raise};

/// What a decoder did with a piece of input.
pub struct Step {
    pub read: usize,
    pub written: usize,
    /// The stream is at its end.
    pub end: bool,
}

/// A coder of one format.
pub trait Coder: Send {
    type Error;
    /// The exception for an error, raised.
    fn failed(py: Attached<'_>, error: Self::Error) -> Raised;
}

/// A coder that compresses.
pub trait Encoder: Coder {
    /// Encodes all of `input`; with `end`, finishes the stream.
    ///
    /// # Errors
    /// What the library reports.
    fn feed(&mut self, input: &[u8], end: bool) -> Result<Vec<u8>, Self::Error>;
}

/// An encoder until it is flushed.
pub struct Compressor<E> {
    encoder: E,
    flushed: bool,
}

impl<E> Trace for Compressor<E> {}

impl<E: Encoder> Compressor<E> {
    pub fn new(encoder: E) -> Self {
        Compressor { encoder, flushed: false }
    }

    /// `compress(data)` of the object with this state.
    pub fn compress(py: Attached<'_>, state: &State<Self>, data: &Object) -> PyResult<Ref<Bytes>> {
        let data = input(py, data)?;
        let out = detached(|| {
            let mut state = state.lock();
            if state.flushed { None } else { Some(state.encoder.feed(data.as_slice(), false)) }
        });
        match out {
            None => Err(raise!(py, ValueError, "Compressor has been flushed")),
            Some(out) => Bytes::new(py, &out.map_err(|error| E::failed(py, error))?),
        }
    }

    /// `flush()` of the object with this state.
    pub fn flush(py: Attached<'_>, state: &State<Self>) -> PyResult<Ref<Bytes>> {
        let out = detached(|| {
            let mut state = state.lock();
            if std::mem::replace(&mut state.flushed, true) { None } else { Some(state.encoder.feed(b"", true)) }
        });
        match out {
            None => Err(raise!(py, ValueError, "Repeated call to flush()")),
            Some(out) => Bytes::new(py, &out.map_err(|error| E::failed(py, error))?),
        }
    }
}

/// A coder that decompresses.
pub trait Decoder: Coder {
    /// Decodes as much as fits.
    ///
    /// # Errors
    /// What is wrong with the data.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Self::Error>;
    /// Whether output may remain inside when the output was full and no input was left.
    const HOLDS_BACK: bool = false;
    /// Whether the end of the stream can be found without room for output.
    const NEEDS_NO_SPACE: bool = false;
    /// Whether an error makes the decoder unusable.
    const FRAGILE: bool = false;
    /// What `EOFError` says after the end of the stream.
    const AT_END: &'static str = "End of stream already reached";
}

/// Why there is no output.
enum Stop<E> {
    /// The end of the stream was reached before.
    End,
    /// There was an error before.
    Broken,
    NoMemory,
    Decoder(E),
}

/// A decoder with the input that it has not taken yet.
pub struct Decompressor<D: Decoder> {
    pub decoder: D,
    pending: Vec<u8>,
    unused: Vec<u8>,
    pub eof: bool,
    pub needs_input: bool,
    broken: bool,
}

impl<D: Decoder> Trace for Decompressor<D> {}

impl<D: Decoder> Decompressor<D> {
    pub fn new(decoder: D) -> Self {
        Decompressor { decoder, pending: Vec::new(), unused: Vec::new(), eof: false, needs_input: true, broken: false }
    }

    /// `decompress(data, max_length)` of the object with this state.
    pub fn decompress(py: Attached<'_>, state: &State<Self>, [data, max]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
        let data = input(py, required(py, data)?)?;
        let limit = limit(py, max)?;
        match detached(|| state.lock().decode(data.as_slice(), limit)) {
            Ok(out) => Bytes::new(py, &out),
            Err(Stop::End) => Err(raise!(py, EOFError, "{}", D::AT_END)),
            Err(Stop::Broken) => Err(raise!(py, ValueError, "Decompressor is unusable after a previous error")),
            Err(Stop::NoMemory) => Err(py.no_memory()),
            Err(Stop::Decoder(error)) => Err(D::failed(py, error)),
        }
    }

    /// `unused_data` of the object with this state.
    pub fn unused_data(py: Attached<'_>, state: &State<Self>) -> PyResult<Ref<Bytes>> {
        let unused = state.lock().unused.clone();
        Bytes::new(py, &unused)
    }

    /// Decodes `data` after what is pending, up to `limit` bytes.
    fn decode(&mut self, data: &[u8], limit: Option<usize>) -> Result<Vec<u8>, Stop<D::Error>> {
        if self.eof {
            return Err(Stop::End);
        }
        if self.broken {
            return Err(Stop::Broken);
        }
        let mut kept = std::mem::take(&mut self.pending);
        let input = if kept.is_empty() {
            data
        } else {
            kept.extend_from_slice(data);
            &kept[..]
        };
        let mut out = Output::new(limit);
        let mut at = 0;
        let full = loop {
            let mut nothing = [];
            let space = match out.space() {
                None if D::NEEDS_NO_SPACE && limit == Some(0) && at == 0 => Some(&mut nothing[..]),
                space => space,
            };
            let Some(space) = space else {
                if limit.is_some_and(|limit| out.len() >= limit) {
                    break true;
                }
                return Err(Stop::NoMemory);
            };
            let room = space.len();
            match self.decoder.step(&input[at..], space) {
                Ok(step) => {
                    at += step.read;
                    out.advance(step.written);
                    self.eof = step.end;
                    if self.eof || at == input.len() && step.written < room {
                        break false;
                    }
                    if step.read == 0 && step.written == 0 {
                        break limit.is_some_and(|limit| out.len() >= limit);
                    }
                }
                Err(error) => {
                    self.pending = input[at..].to_vec();
                    self.broken = D::FRAGILE;
                    self.needs_input &= !D::FRAGILE;
                    return Err(Stop::Decoder(error));
                }
            }
        };
        let rest = &input[at..];
        if self.eof {
            self.needs_input = false;
            self.unused = rest.to_vec();
        } else {
            self.needs_input = rest.is_empty() && !(D::HOLDS_BACK && full);
            self.pending = rest.to_vec();
        }
        Ok(out.finish())
    }
}

/// Output that grows, up to a limit.
pub struct Output {
    bytes: Vec<u8>,
    len: usize,
    limit: usize,
}

const FIRST: usize = 16 * 1024;

impl Output {
    pub fn new(limit: Option<usize>) -> Self {
        Output { bytes: Vec::new(), len: 0, limit: limit.unwrap_or(usize::MAX) }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Room for more. `None` at the limit, or without memory.
    pub fn space(&mut self) -> Option<&mut [u8]> {
        if self.len == self.bytes.len() {
            if self.len >= self.limit {
                return None;
            }
            let size = (self.len * 2).max(FIRST).min(self.limit);
            self.bytes.try_reserve_exact(size - self.len).ok()?;
            self.bytes.resize(size, 0);
        }
        Some(&mut self.bytes[self.len..])
    }

    pub fn advance(&mut self, written: usize) {
        self.len += written;
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }
}

/// A limit argument: negative numbers mean none.
fn limit(py: Attached<'_>, arg: Option<&Object>) -> PyResult<Option<usize>> {
    Ok(usize::try_from(arg.map_or(Ok(-1), |arg| arg.as_isize(py))?).ok())
}

/// Input that nobody changes while the thread is detached.
pub fn input<'a>(py: Attached<'_>, object: &'a Object) -> PyResult<BytesArg<'a>> {
    BytesArg::new(py, object)
}

/// Runs foreign code without holding others up.
pub fn detached<R>(work: impl FnOnce() -> R) -> R {
    krait_sync::block::detached(work)
}
