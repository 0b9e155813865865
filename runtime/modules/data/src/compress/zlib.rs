//! `zlib`.
use super::stream::{Coder, Decoder, Decompressor, Output, Step, detached, input};
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, State, Trace, add_type, alloc, new_exception, required};
use krait_object::protocols::buffer::Buffer;
use krait_object::{
    Attached, Bytes, Int, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Str, Type, exc, functions, hooks,
    id, pytype, raise,
};
use libz_rs_sys as z;
use std::ffi::{CStr, c_int};

const DEFAULT_WBITS: c_int = 15;
const DEFAULT_MEM_LEVEL: c_int = 8;
const DEFAULT_BUFFER: isize = 16 * 1024;

/// What a call of the library returned, and the message that it left.
struct Failure {
    code: c_int,
    message: Option<String>,
}

/// A stream, at a fixed place in memory. Ended when dropped.
struct Stream {
    raw: Box<z::z_stream>,
    deflates: bool,
    live: bool,
}

// SAFETY: the stream has one owner at a time; the library keeps no thread state.
unsafe impl Send for Stream {}

impl Stream {
    fn blank(deflates: bool) -> Stream {
        // SAFETY: null pointers and zeros are a valid stream before its initialisation.
        Stream { raw: Box::new(unsafe { std::mem::zeroed() }), deflates, live: false }
    }

    fn deflate(level: c_int, method: c_int, wbits: c_int, mem_level: c_int, strategy: c_int) -> Result<Stream, c_int> {
        let mut this = Self::blank(true);
        let size = size_of::<z::z_stream>() as c_int;
        // SAFETY: a blank stream and the library's own version.
        let code = unsafe {
            z::deflateInit2_(&mut *this.raw, level, method, wbits, mem_level, strategy, z::zlibVersion(), size)
        };
        this.started(code)
    }

    fn inflate(wbits: c_int) -> Result<Stream, c_int> {
        let mut this = Self::blank(false);
        let size = size_of::<z::z_stream>() as c_int;
        // SAFETY: as above.
        let code = unsafe { z::inflateInit2_(&mut *this.raw, wbits, z::zlibVersion(), size) };
        this.started(code)
    }

    fn started(mut self, code: c_int) -> Result<Stream, c_int> {
        self.live = code == z::Z_OK;
        if self.live { Ok(self) } else { Err(code) }
    }

    fn duplicate(&mut self) -> Result<Stream, c_int> {
        let mut copy = Self::blank(self.deflates);
        // SAFETY: a live stream and a blank one.
        let code = unsafe {
            match self.deflates {
                true => z::deflateCopy(&mut *copy.raw, &mut *self.raw),
                false => z::inflateCopy(&mut *copy.raw, &*self.raw),
            }
        };
        copy.started(code)
    }

    fn set_dictionary(&mut self, dictionary: &[u8]) -> c_int {
        let (data, len) = (dictionary.as_ptr(), dictionary.len() as u32);
        // SAFETY: a live stream; the bytes are read at once.
        unsafe {
            match self.deflates {
                true => z::deflateSetDictionary(&mut *self.raw, data, len),
                false => z::inflateSetDictionary(&mut *self.raw, data, len),
            }
        }
    }

    /// One call of the coder: the code, and how much was read and written.
    fn run(&mut self, input: &[u8], output: &mut [u8], flush: c_int) -> (c_int, usize, usize) {
        if !self.live {
            return (z::Z_STREAM_ERROR, 0, 0);
        }
        let (most_in, most_out) = (input.len().min(u32::MAX as usize), output.len().min(u32::MAX as usize));
        self.raw.next_in = input.as_ptr().cast_mut();
        self.raw.avail_in = most_in as u32;
        self.raw.next_out = output.as_mut_ptr();
        self.raw.avail_out = most_out as u32;
        let flush = if most_in < input.len() { z::Z_NO_FLUSH } else { flush };
        // SAFETY: a live stream whose pointers belong to these slices.
        let code = unsafe {
            match self.deflates {
                true => z::deflate(&mut *self.raw, flush),
                false => z::inflate(&mut *self.raw, flush),
            }
        };
        (code, most_in - self.raw.avail_in as usize, most_out - self.raw.avail_out as usize)
    }

    fn failure(&self, code: c_int) -> Failure {
        let message = match (code, self.raw.msg.is_null()) {
            (z::Z_BUF_ERROR, _) => Some("incomplete or truncated stream".to_owned()),
            // SAFETY: the library's messages are static strings.
            (_, false) if self.live => Some(unsafe { CStr::from_ptr(self.raw.msg) }.to_string_lossy().into_owned()),
            (z::Z_STREAM_ERROR, _) => Some("inconsistent stream state".to_owned()),
            (z::Z_DATA_ERROR, _) => Some("invalid input data".to_owned()),
            _ => None,
        };
        Failure { code, message }
    }

    fn end(&mut self) {
        if !std::mem::take(&mut self.live) {
            return;
        }
        // SAFETY: a live stream, ended once.
        unsafe {
            match self.deflates {
                true => z::deflateEnd(&mut *self.raw),
                false => z::inflateEnd(&mut *self.raw),
            };
        }
    }

    /// Feeds `input` and collects all output.
    fn feed(&mut self, mut input: &[u8], flush: c_int) -> (c_int, Vec<u8>) {
        let mut out = Output::new(None);
        loop {
            let Some(space) = out.space() else { return (z::Z_MEM_ERROR, Vec::new()) };
            let room = space.len();
            let (code, read, written) = self.run(input, space, flush);
            input = &input[read..];
            out.advance(written);
            let more = written == room || !input.is_empty();
            if code != z::Z_OK || !more {
                // There was nothing left to do.
                let code = if code == z::Z_BUF_ERROR && input.is_empty() { z::Z_OK } else { code };
                return (code, out.finish());
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.end();
    }
}

/// Raises `zlib.error`.
fn error(py: Attached<'_>, message: &str) -> Raised {
    let class = (hooks::hooks().import)(py, "zlib").and_then(|module| module.get_attr(py, id!(py, error)));
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

fn failed(py: Attached<'_>, failure: Failure, doing: &str) -> Raised {
    let Failure { code, message } = failure;
    if code == z::Z_MEM_ERROR {
        return py.no_memory();
    }
    let tail = message.map(|message| format!(": {message}")).unwrap_or_default();
    error(py, &format!("Error {code} {doing}{tail}"))
}

fn int(py: Attached<'_>, arg: Arg<'_>, default: c_int) -> PyResult<c_int> {
    arg.map_or(Ok(default), |arg| arg.as_i32(py))
}

fn compress(py: Attached<'_>, _: &Object, [data, level, wbits]: [Arg<'_>; 3]) -> PyResult<Ref<Bytes>> {
    let data = input(py, required(py, data)?)?;
    let (level, wbits) = (int(py, level, z::Z_DEFAULT_COMPRESSION)?, int(py, wbits, DEFAULT_WBITS)?);
    let mut stream = match Stream::deflate(level, z::Z_DEFLATED, wbits, DEFAULT_MEM_LEVEL, z::Z_DEFAULT_STRATEGY) {
        Ok(stream) => stream,
        Err(z::Z_MEM_ERROR) => return Err(raise!(py, MemoryError, "Out of memory while compressing data")),
        Err(z::Z_STREAM_ERROR) => return Err(error(py, "Bad compression level")),
        Err(code) => return Err(failed(py, Stream::blank(true).failure(code), "while compressing data")),
    };
    let (code, out) = detached(|| stream.feed(data.as_slice(), z::Z_FINISH));
    if code != z::Z_STREAM_END {
        return Err(failed(py, stream.failure(code), "while compressing data"));
    }
    Bytes::new(py, &out)
}

fn decompress(py: Attached<'_>, _: &Object, [data, wbits, bufsize]: [Arg<'_>; 3]) -> PyResult<Ref<Bytes>> {
    let data = input(py, required(py, data)?)?;
    let wbits = int(py, wbits, DEFAULT_WBITS)?;
    if bufsize.map_or(Ok(DEFAULT_BUFFER), |size| size.as_isize(py))? < 0 {
        return Err(raise!(py, ValueError, "bufsize must be non-negative"));
    }
    let mut stream = match Stream::inflate(wbits) {
        Ok(stream) => stream,
        Err(z::Z_MEM_ERROR) => return Err(raise!(py, MemoryError, "Out of memory while decompressing data")),
        Err(code) => {
            return Err(failed(py, Stream::blank(false).failure(code), "while preparing to decompress data"));
        }
    };
    let (code, out) = detached(|| stream.feed(data.as_slice(), z::Z_NO_FLUSH));
    match code {
        z::Z_STREAM_END => Bytes::new(py, &out),
        z::Z_OK => Err(failed(py, stream.failure(z::Z_BUF_ERROR), "while decompressing data")),
        code => Err(failed(py, stream.failure(code), "while decompressing data")),
    }
}

impl Trace for Stream {}

krait_object::native! {
    /// What `compressobj` makes.
    struct Compress { stream: State<Stream> }
}
pytype! {
    static COMPRESS: "zlib.Compress" for Compress {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = Compress::dealloc },
        methods: {
            o "compress" => Compress::compress, "($self, data, /)", "Compress data and return what output there is.\n\nSome input may stay inside until flush().";
            sig "flush" => Compress::flush, "($self, mode=zlib.Z_FINISH, /)", "Return what output is left inside.\n\n  mode\n    Z_FINISH ends the stream; Z_SYNC_FLUSH and Z_FULL_FLUSH let it go on.";
            noargs "copy" => Compress::copy, "($self, /)", "Return a copy of the compression object.";
            noargs "__copy__" => Compress::copy, "($self, /)", "Return a copy of the compression object.";
            o "__deepcopy__" => |py: Attached<'_>, this: &Compress, _: &Object| Compress::copy(py, this), "($self, memo, /)", "Return a copy of the compression object.";
        },
    }
}

impl Compress {
    fn wrap(py: Attached<'_>, stream: Stream) -> PyResult<Ref<Compress>> {
        let this = alloc::<Compress>(py, Self::type_object())?;
        this.stream.init(stream);
        Ok(this)
    }

    fn compress(py: Attached<'_>, this: &Compress, data: &Object) -> PyResult<Ref<Bytes>> {
        let data = input(py, data)?;
        let result = detached(|| {
            let mut stream = this.stream.lock();
            match stream.feed(data.as_slice(), z::Z_NO_FLUSH) {
                (code @ (z::Z_STREAM_ERROR | z::Z_MEM_ERROR), _) => Err(stream.failure(code)),
                (_, out) => Ok(out),
            }
        });
        let out = result.map_err(|failure| failed(py, failure, "while compressing data"))?;
        Bytes::new(py, &out)
    }

    fn flush(py: Attached<'_>, this: &Compress, [mode]: [Arg<'_>; 1]) -> PyResult<Ref<Bytes>> {
        let mode = int(py, mode, z::Z_FINISH)?;
        if mode == z::Z_NO_FLUSH {
            return Bytes::new(py, b"");
        }
        let result = detached(|| {
            let mut stream = this.stream.lock();
            let (code, out) = stream.feed(b"", mode);
            match code {
                z::Z_STREAM_END if mode == z::Z_FINISH => stream.end(),
                z::Z_OK | z::Z_BUF_ERROR => {}
                code => return Err(stream.failure(code)),
            }
            Ok(out)
        });
        let out = result.map_err(|failure| failed(py, failure, "while flushing"))?;
        Bytes::new(py, &out)
    }

    fn copy(py: Attached<'_>, this: &Compress) -> PyResult<Ref<Compress>> {
        let copy = {
            let mut stream = this.stream.lock();
            if stream.live { stream.duplicate() } else { Err(z::Z_STREAM_ERROR) }
        };
        Self::wrap(py, copy.map_err(|code| not_copied(py, code))?)
    }
}

fn not_copied(py: Attached<'_>, code: c_int) -> Raised {
    match code {
        z::Z_STREAM_ERROR => raise!(py, ValueError, "Inconsistent stream state"),
        z::Z_MEM_ERROR => raise!(py, MemoryError, "Can't allocate memory for compression object"),
        code => failed(py, Stream::blank(true).failure(code), "while copying compression object"),
    }
}

fn compressobj(py: Attached<'_>, _: &Object, args: [Arg<'_>; 6]) -> PyResult<Ref<Compress>> {
    let [level, method, wbits, mem_level, strategy, zdict] = args;
    let zdict = zdict.filter(|zdict| !zdict.is_none()).map(|zdict| input(py, zdict)).transpose()?;
    let stream = Stream::deflate(
        int(py, level, z::Z_DEFAULT_COMPRESSION)?,
        int(py, method, z::Z_DEFLATED)?,
        int(py, wbits, DEFAULT_WBITS)?,
        int(py, mem_level, DEFAULT_MEM_LEVEL)?,
        int(py, strategy, z::Z_DEFAULT_STRATEGY)?,
    );
    let mut stream = stream.map_err(|code| match code {
        z::Z_MEM_ERROR => raise!(py, MemoryError, "Can't allocate memory for compression object"),
        z::Z_STREAM_ERROR => raise!(py, ValueError, "Invalid initialization option"),
        code => failed(py, Stream::blank(true).failure(code), "while creating compression object"),
    })?;
    if let Some(zdict) = zdict {
        match stream.set_dictionary(zdict.as_slice()) {
            z::Z_OK => {}
            z::Z_STREAM_ERROR => return Err(raise!(py, ValueError, "Invalid dictionary")),
            _ => return Err(raise!(py, ValueError, "deflateSetDictionary()")),
        }
    }
    Compress::wrap(py, stream)
}

/// A decompressor and what it has not taken.
struct Inflater {
    stream: Stream,
    zdict: Option<Vec<u8>>,
    unused: Vec<u8>,
    tail: Vec<u8>,
    eof: bool,
}

impl Trace for Inflater {}

/// What went wrong, and when.
type Problem = (Failure, &'static str);

impl Inflater {
    /// Inflates up to `limit` bytes; what is not taken is kept.
    fn run(&mut self, data: &[u8], limit: Option<usize>, finish: bool) -> Result<Vec<u8>, Problem> {
        let mut out = Output::new(limit);
        let mut at = 0;
        let code = loop {
            let Some(space) = out.space() else { break z::Z_OK };
            let room = space.len();
            let flush = if finish { z::Z_FINISH } else { z::Z_SYNC_FLUSH };
            let (code, read, written) = self.stream.run(&data[at..], space, flush);
            at += read;
            out.advance(written);
            match (code, &self.zdict) {
                (z::Z_NEED_DICT, Some(zdict)) => match self.stream.set_dictionary(zdict) {
                    z::Z_OK => continue,
                    code => return Err((self.stream.failure(code), "while setting zdict")),
                },
                (z::Z_OK, _) if written == room || at < data.len() => continue,
                (z::Z_BUF_ERROR, _) if written == room => continue,
                _ => break code,
            }
        };
        let rest = &data[at..];
        if code == z::Z_STREAM_END {
            self.unused.extend_from_slice(rest);
            self.tail.clear();
            self.eof = true;
        } else {
            self.tail = rest.to_vec();
        }
        match code {
            z::Z_OK | z::Z_BUF_ERROR | z::Z_STREAM_END => Ok(out.finish()),
            code => Err((self.stream.failure(code), "while decompressing data")),
        }
    }
}

krait_object::native! {
    /// What `decompressobj` makes.
    struct Decompress { state: State<Inflater> }
}
pytype! {
    static DECOMPRESS: "zlib.Decompress" for Decompress {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = Decompress::dealloc },
        methods: {
            sig "decompress" => Decompress::decompress, "($self, data, /, max_length=0)", "Decompress data.\n\n  max_length\n    The output is no longer; input that was not needed for it is in\n    unconsumed_tail. 0 means no limit.";
            sig "flush" => Decompress::flush, "($self, length=zlib.DEF_BUF_SIZE, /)", "Decompress the input that is left.\n\n  length\n    The size of the first buffer.";
            noargs "copy" => Decompress::copy, "($self, /)", "Return a copy of the decompression object.";
            noargs "__copy__" => Decompress::copy, "($self, /)", "Return a copy of the decompression object.";
            o "__deepcopy__" => |py: Attached<'_>, this: &Decompress, _: &Object| Decompress::copy(py, this), "($self, memo, /)", "Return a copy of the decompression object.";
        },
        getset: {
            "unused_data" => |py: Attached<'_>, this: &Decompress| { let bytes = this.state.lock().unused.clone(); Bytes::new(py, &bytes) }, "Input after the end of the stream.";
            "unconsumed_tail" => |py: Attached<'_>, this: &Decompress| { let bytes = this.state.lock().tail.clone(); Bytes::new(py, &bytes) }, "Input that the limit of the output left.";
            "eof" => |_: Attached<'_>, this: &Decompress| this.state.lock().eof, "Whether the end of the stream was reached.";
        },
    }
}

impl Decompress {
    fn wrap(py: Attached<'_>, state: Inflater) -> PyResult<Ref<Decompress>> {
        let this = alloc::<Decompress>(py, Self::type_object())?;
        this.state.init(state);
        Ok(this)
    }

    fn decompress(py: Attached<'_>, this: &Decompress, [data, max]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
        let data = input(py, required(py, data)?)?;
        let max = max.map_or(Ok(0), |max| max.as_isize(py))?;
        if max < 0 {
            return Err(raise!(py, ValueError, "max_length must be non-negative"));
        }
        let limit = Some(max as usize).filter(|&max| max > 0);
        let result = detached(|| this.state.lock().run(data.as_slice(), limit, false));
        let out = result.map_err(|(failure, doing)| failed(py, failure, doing))?;
        Bytes::new(py, &out)
    }

    fn flush(py: Attached<'_>, this: &Decompress, [length]: [Arg<'_>; 1]) -> PyResult<Ref<Bytes>> {
        if length.map_or(Ok(DEFAULT_BUFFER), |length| length.as_isize(py))? <= 0 {
            return Err(raise!(py, ValueError, "length must be greater than zero"));
        }
        let result = detached(|| {
            let mut state = this.state.lock();
            if !state.stream.live {
                return Ok(Vec::new());
            }
            let tail = std::mem::take(&mut state.tail);
            let out = state.run(&tail, None, true)?;
            if state.eof {
                state.stream.end();
            }
            Ok(out)
        });
        let out = result.map_err(|(failure, doing)| failed(py, failure, doing))?;
        Bytes::new(py, &out)
    }

    fn copy(py: Attached<'_>, this: &Decompress) -> PyResult<Ref<Decompress>> {
        let copy = {
            let mut state = this.state.lock();
            let stream = if state.stream.live { state.stream.duplicate() } else { Err(z::Z_STREAM_ERROR) };
            stream.map(|stream| Inflater {
                stream,
                zdict: state.zdict.clone(),
                unused: state.unused.clone(),
                tail: state.tail.clone(),
                eof: state.eof,
            })
        };
        Self::wrap(py, copy.map_err(|code| not_copied(py, code))?)
    }
}

/// A stream for `wbits` that knows the dictionary if the format has no place to ask for it.
fn inflater(py: Attached<'_>, wbits: Arg<'_>, zdict: Arg<'_>) -> PyResult<(Stream, Option<Vec<u8>>)> {
    let wbits = int(py, wbits, DEFAULT_WBITS)?;
    let zdict = match zdict {
        Some(zdict) if !Buffer::is_exporter(zdict) => {
            return Err(raise!(py, TypeError, "zdict argument must support the buffer protocol"));
        }
        Some(zdict) => Some(input(py, zdict)?.as_slice().to_vec()),
        None => None,
    };
    let mut stream = Stream::inflate(wbits).map_err(|code| match code {
        z::Z_MEM_ERROR => raise!(py, MemoryError, "Can't allocate memory for decompression object"),
        z::Z_STREAM_ERROR => raise!(py, ValueError, "Invalid initialization option"),
        code => failed(py, Stream::blank(false).failure(code), "while creating decompression object"),
    })?;
    if let Some(zdict) = zdict.as_ref().filter(|_| wbits < 0) {
        match stream.set_dictionary(zdict) {
            z::Z_OK => {}
            code => return Err(failed(py, stream.failure(code), "while setting zdict")),
        }
    }
    Ok((stream, zdict))
}

fn decompressobj(py: Attached<'_>, _: &Object, [wbits, zdict]: [Arg<'_>; 2]) -> PyResult<Ref<Decompress>> {
    let (stream, zdict) = inflater(py, wbits, zdict)?;
    Decompress::wrap(py, Inflater { stream, zdict, unused: Vec::new(), tail: Vec::new(), eof: false })
}

/// The decoder behind `_ZlibDecompressor`.
struct Inflate {
    stream: Stream,
    zdict: Option<Vec<u8>>,
}

impl Coder for Inflate {
    type Error = Problem;

    fn failed(py: Attached<'_>, (failure, doing): Problem) -> Raised {
        failed(py, failure, doing)
    }
}

impl Decoder for Inflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        let (code, read, written) = self.stream.run(input, output, z::Z_SYNC_FLUSH);
        match (code, &self.zdict) {
            (z::Z_NEED_DICT, Some(zdict)) if !zdict.is_empty() => {
                match self.stream.set_dictionary(zdict) {
                    z::Z_OK => {}
                    code => return Err((self.stream.failure(code), "while setting zdict")),
                }
                let next = self.step(&input[read..], output)?;
                Ok(Step { read: read + next.read, ..next })
            }
            (z::Z_OK | z::Z_BUF_ERROR | z::Z_STREAM_END, _) => Ok(Step { read, written, end: code == z::Z_STREAM_END }),
            (code, _) => Err((self.stream.failure(code), "while decompressing data")),
        }
    }
}

krait_object::native! {
    /// `_ZlibDecompressor`, for files.
    struct ZlibDecompressor { state: State<Decompressor<Inflate>> }
}
pytype! {
    static ZLIB_DECOMPRESSOR: "zlib._ZlibDecompressor" for ZlibDecompressor {
        base: Object, flags: [],
        doc: "_ZlibDecompressor(wbits=15, zdict=b'')\n--\n\nCreate a decompressor object for decompressing data incrementally.\n\n  wbits\n    The size of the window and the format of the container.\n  zdict\n    The dictionary that the data was compressed with.",
        slots: { tp_dealloc = ZlibDecompressor::dealloc, tp_new = ZlibDecompressor::construct },
        methods: {
            sig "decompress" => |py: Attached<'_>, this: &ZlibDecompressor, args: [Arg<'_>; 2]| Decompressor::decompress(py, &this.state, args), "($self, /, data, max_length=-1)", "Decompress data, up to max_length bytes if that is not negative.\n\nInput that was not needed is kept; needs_input tells whether more is.\nRaises EOFError after the end of the stream; what comes behind it is in\nunused_data.";
        },
        getset: {
            "eof" => |_: Attached<'_>, this: &ZlibDecompressor| this.state.lock().eof, "True if the end-of-stream marker has been reached.";
            "unused_data" => |py: Attached<'_>, this: &ZlibDecompressor| Decompressor::unused_data(py, &this.state), "Data found after the end of the compressed stream.";
            "needs_input" => |_: Attached<'_>, this: &ZlibDecompressor| this.state.lock().needs_input, "True if more input is needed before more decompressed data can be produced.";
        },
    }
}

impl ZlibDecompressor {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<ZlibDecompressor>> {
        const SIG: Signature = Signature::parse("_ZlibDecompressor", "(wbits=15, zdict=b'')");
        let [wbits, zdict] = SIG.bind::<2>(py, args)?;
        let (stream, zdict) = inflater(py, wbits, zdict)?;
        let this = alloc::<ZlibDecompressor>(py, ty)?;
        this.state.init(Decompressor::new(Inflate { stream, zdict }));
        Ok(this)
    }
}

fn adler32(py: Attached<'_>, _: &Object, [data, value]: [Arg<'_>; 2]) -> PyResult<u32> {
    let data = input(py, required(py, data)?)?;
    let start = value.map_or(Ok(1), |value| value.as_u64_mask(py))? as u32;
    let data = data.as_slice();
    // SAFETY: a slice and its length.
    let sum = || unsafe { z::adler32_z(start.into(), data.as_ptr(), data.len()) } as u32;
    Ok(if data.len() > 5 * 1024 { detached(sum) } else { sum() })
}

/// Fills `zlib`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "adler32" => adler32, "($module, data, value=1, /)", "Compute an Adler-32 checksum of data.\n\n  value\n    The checksum of what comes before.";
            sig "crc32" => crate::binascii::crc32, "($module, data, value=0, /)", "Compute a CRC-32 checksum of data.\n\n  value\n    The checksum of what comes before.";
            sig "compress" => compress, "($module, data, /, level=Z_DEFAULT_COMPRESSION, wbits=MAX_WBITS)", "Returns a bytes object containing compressed data.\n\n  level\n    0 (none) to 9 (best), or -1 for the default.\n  wbits\n    The size of the window and the format of the container.";
            sig "decompress" => decompress, "($module, data, /, wbits=MAX_WBITS, bufsize=DEF_BUF_SIZE)", "Returns a bytes object containing the uncompressed data.\n\n  wbits\n    The size of the window and the format of the container.\n  bufsize\n    The size of the first buffer.";
            sig "compressobj" => compressobj, "($module, /, level=Z_DEFAULT_COMPRESSION, method=DEFLATED, wbits=MAX_WBITS, memLevel=DEF_MEM_LEVEL, strategy=Z_DEFAULT_STRATEGY, zdict=None)", "Return a compressor object.\n\n  level\n    0 (none) to 9 (best), or -1 for the default.\n  method\n    DEFLATED is the only one.\n  wbits\n    The size of the window and the format of the container.\n  memLevel\n    How much memory to use, 1 to 9.\n  strategy\n    What the compressor is tuned to.\n  zdict\n    Bytes that are expected to occur often.";
            sig "decompressobj" => decompressobj, "($module, /, wbits=MAX_WBITS, zdict=b'')", "Return a decompressor object.\n\n  wbits\n    The size of the window and the format of the container.\n  zdict\n    The dictionary that the data was compressed with.";
        },
    )?;
    krait_object::native::ready::<Compress>(py)?;
    krait_object::native::ready::<Decompress>(py)?;
    add_type::<ZlibDecompressor>(py, module, "_ZlibDecompressor")?;
    module.add(py, "error", &*new_exception(py, "zlib", "error", exc::Exception())?)?;
    let constants = [
        ("MAX_WBITS", 15),
        ("DEFLATED", 8),
        ("DEF_MEM_LEVEL", 8),
        ("DEF_BUF_SIZE", DEFAULT_BUFFER as i64),
        ("Z_BEST_COMPRESSION", 9),
        ("Z_BEST_SPEED", 1),
        ("Z_BLOCK", 5),
        ("Z_DEFAULT_COMPRESSION", -1),
        ("Z_DEFAULT_STRATEGY", 0),
        ("Z_FILTERED", 1),
        ("Z_FINISH", 4),
        ("Z_FIXED", 4),
        ("Z_FULL_FLUSH", 3),
        ("Z_HUFFMAN_ONLY", 2),
        ("Z_NO_COMPRESSION", 0),
        ("Z_NO_FLUSH", 0),
        ("Z_PARTIAL_FLUSH", 1),
        ("Z_RLE", 3),
        ("Z_SYNC_FLUSH", 2),
        ("Z_TREES", 6),
    ];
    for (name, value) in constants {
        module.add(py, name, Int::from_i64(py, value)?.as_object())?;
    }
    for name in ["ZLIB_VERSION", "ZLIB_RUNTIME_VERSION"] {
        module.add(py, name, Str::new(py, "1.3.1")?.as_object())?;
    }
    module.add(py, "__version__", &*"1.0".into_object(py)?)
}
