//! Where an unpickler reads from.
use super::cannot_unpickle;
use krait_object::native::type_name;
use krait_object::protocols::buffer::stable_bytes;
use krait_object::reserve::{copied, make_room};
use krait_object::{Attached, Bytes, IntoObject, Object, PyResult, Raised, Ref, id, raise};

/// Bytes in memory, and perhaps a file that has more.
#[derive(Default)]
pub struct Source {
    pub data: Vec<u8>,
    pub at: usize,
    /// Where the present frame ends.
    pub frame: Option<usize>,
    pub file: Option<File>,
}

/// The methods of a file.
#[derive(Clone)]
pub struct File {
    pub read: Ref<Object>,
    pub readline: Ref<Object>,
    pub peek: Option<Ref<Object>>,
    /// The bytes in memory were only looked at: the file has not moved past them.
    peeked: bool,
}

fn ended(py: Attached<'_>) -> Raised {
    raise!(py, EOFError, "Ran out of input")
}

pub fn truncated(py: Attached<'_>) -> Raised {
    cannot_unpickle(py, "pickle data was truncated")
}

impl File {
    pub fn new(py: Attached<'_>, file: &Object) -> PyResult<File> {
        let (read, readline) = (file.get_attr_opt(py, id!(py, read))?, file.get_attr_opt(py, id!(py, readline))?);
        let (Some(read), Some(readline)) = (read, readline) else {
            return Err(raise!(py, TypeError, "file must have 'read' and 'readline' attributes"));
        };
        let peek = file.get_attr_opt(py, id!(py, peek))?;
        Ok(File { read, readline, peek, peeked: false })
    }
}

/// The bytes that a method of a file gave.
fn bytes_of(py: Attached<'_>, object: &Object, method: &str) -> PyResult<Vec<u8>> {
    match object.downcast::<Bytes>() {
        Some(bytes) => copied(py, bytes.as_slice()),
        None if krait_object::protocols::buffer::Buffer::is_exporter(object) => {
            Ok(stable_bytes(py, object)?.into_owned())
        }
        None => {
            let _ = method;
            let name = type_name(object);
            Err(raise!(py, TypeError, "a bytes-like object is required, not '{name}'"))
        }
    }
}

impl Source {
    /// Begins a frame, which comes into memory at once.
    pub fn begin_frame(&mut self, py: Attached<'_>, len: usize) -> PyResult<()> {
        if self.frame.is_some_and(|end| self.at < end) {
            return Err(cannot_unpickle(py, "beginning of a new frame before end of current frame"));
        }
        self.frame = None;
        self.take(py, len)?;
        self.frame = Some(self.at);
        self.at -= len;
        Ok(())
    }

    /// Checks that nothing reaches over the end of a frame.
    fn check_frame(&mut self, py: Attached<'_>, count: usize) -> PyResult<()> {
        match self.frame {
            Some(end) if self.at >= end => self.frame = None,
            Some(end) if self.at + count > end => {
                return Err(cannot_unpickle(py, "pickle exhausted before end of frame"));
            }
            _ => {}
        }
        Ok(())
    }

    fn left(&self) -> usize {
        self.data.len() - self.at
    }

    /// Moves the file past what was only looked at and has been used.
    pub fn settle(&mut self, py: Attached<'_>) -> PyResult<()> {
        let Some(file) = self.file.as_mut().filter(|file| file.peeked) else { return Ok(()) };
        file.peeked = false;
        self.frame = None;
        let used = self.at;
        self.data.clear();
        self.at = 0;
        if used > 0 {
            file.read.clone().call_pos(py, &[&*used.into_object(py)?])?;
        }
        Ok(())
    }

    /// Gets at least `count` more bytes into memory; fewer at the end of the file.
    fn fill(&mut self, py: Attached<'_>, count: usize) -> PyResult<()> {
        const AHEAD: usize = 128 * 1024;
        self.frame = None;
        self.settle(py)?;
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        if self.at == self.data.len()
            && let Some(peek) = file.peek.clone()
        {
            match peek.call_pos(py, &[&*AHEAD.into_object(py)?]) {
                Ok(seen) => {
                    let seen = bytes_of(py, &seen, "peek")?;
                    if seen.len() >= count {
                        self.data = seen;
                        self.at = 0;
                        file.peeked = true;
                        return Ok(());
                    }
                }
                Err(raised) if raised.matches(py, krait_object::exc::NotImplementedError()) => {
                    raised.clear(py);
                    file.peek = None;
                }
                Err(raised) => return Err(raised),
            }
        }
        let missing = count - (self.data.len() - self.at);
        let read = file.read.clone();
        let more = read.call_pos(py, &[&*missing.into_object(py)?])?;
        let more = bytes_of(py, &more, "read")?;
        self.data.drain(..self.at);
        self.at = 0;
        make_room(py, &mut self.data, more.len())?;
        self.data.extend_from_slice(&more);
        Ok(())
    }

    /// The next instruction.
    pub fn opcode(&mut self, py: Attached<'_>) -> PyResult<u8> {
        if let Some(&byte) = self.data.get(self.at) {
            self.at += 1;
            return Ok(byte);
        }
        self.fill(py, 1)?;
        match self.data.get(self.at) {
            Some(&byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => Err(ended(py)),
        }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, py: Attached<'_>, count: usize) -> PyResult<&[u8]> {
        if self.frame.is_some() {
            self.check_frame(py, count)?;
        }
        if self.left() < count {
            if self.file.is_none() {
                return Err(truncated(py));
            }
            self.fill(py, count)?;
            if self.left() < count {
                return Err(truncated(py));
            }
        }
        let start = self.at;
        self.at += count;
        Ok(&self.data[start..self.at])
    }

    pub fn array<const N: usize>(&mut self, py: Attached<'_>) -> PyResult<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(py, N)?);
        Ok(out)
    }

    /// The next line, without its end.
    pub fn line(&mut self, py: Attached<'_>) -> PyResult<Vec<u8>> {
        if let Some(end) = self.data[self.at..].iter().position(|&byte| byte == b'\n') {
            if self.frame.is_some() {
                self.check_frame(py, end + 1)?;
            }
            let line = copied(py, &self.data[self.at..self.at + end])?;
            self.at += end + 1;
            return Ok(line);
        }
        if self.file.is_none() {
            return Err(truncated(py));
        }
        if self.frame.is_some() {
            self.check_frame(py, usize::MAX / 2)?;
        }
        self.frame = None;
        self.settle(py)?;
        let mut line = self.data.split_off(self.at);
        self.data.clear();
        self.at = 0;
        let Some(file) = &self.file else { return Err(truncated(py)) };
        let more = file.readline.clone().call_pos(py, &[])?;
        line.extend_from_slice(&bytes_of(py, &more, "readline")?);
        match line.pop() {
            Some(b'\n') => Ok(line),
            _ => Err(truncated(py)),
        }
    }
}
