//! What decompressors have in common: input that is kept for later, and the limit of the output.
use krait_object::native::Trace;
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Object, PyResult};

/// What a decoder did with a piece of input.
pub struct Step {
    pub read: usize,
    pub written: usize,
    /// The stream is at its end.
    pub end: bool,
}

/// A decoder of one format.
pub trait Decoder: Send {
    type Error;
    /// Decodes as much as fits.
    ///
    /// # Errors
    /// What is wrong with the data.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Self::Error>;
    /// Whether output may remain inside when the output was full and no input was left.
    const HOLDS_BACK: bool = false;
    /// Whether an error makes the decoder unusable.
    const FRAGILE: bool = false;
}

/// Why there is no output.
pub enum Stop<E> {
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
    pub unused: Vec<u8>,
    pub eof: bool,
    pub needs_input: bool,
    broken: bool,
}

impl<D: Decoder> Trace for Decompressor<D> {}

impl<D: Decoder> Decompressor<D> {
    pub fn new(decoder: D) -> Self {
        Decompressor { decoder, pending: Vec::new(), unused: Vec::new(), eof: false, needs_input: true, broken: false }
    }

    /// Decodes `data` after what is pending, up to `limit` bytes.
    pub fn decompress(&mut self, data: &[u8], limit: Option<usize>) -> Result<Vec<u8>, Stop<D::Error>> {
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
            let Some(space) = out.space() else {
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
                        break false;
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
pub fn limit(py: Attached<'_>, arg: Option<&Object>) -> PyResult<Option<usize>> {
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
