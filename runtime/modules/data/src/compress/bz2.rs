//! `_bz2`.
use super::stream::{Decoder, Decompressor, Output, Step, Stop, detached, input, limit};
use krait_object::args::Args;
use krait_object::native::{Arg, State, Trace, add_type, alloc, required};
use krait_object::{Attached, Bytes, Layout, Module, Object, PyResult, Raised, Ref, Type, pytype, raise};
use libbz2_rs_sys as bz;
use std::ffi::c_int;

/// A stream of the library, at a fixed place in memory. Ended when dropped.
struct Stream {
    raw: Box<bz::bz_stream>,
    compresses: bool,
}

// SAFETY: the stream has one owner at a time; the library keeps no thread state.
unsafe impl Send for Stream {}

impl Stream {
    fn start(compresses: bool, level: c_int) -> Result<Stream, c_int> {
        // SAFETY: null pointers and zeros are a valid stream before its initialisation.
        let mut raw: Box<bz::bz_stream> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: a blank stream.
        let code = unsafe {
            match compresses {
                true => bz::BZ2_bzCompressInit(&mut *raw, level, 0, 0),
                false => bz::BZ2_bzDecompressInit(&mut *raw, 0, 0),
            }
        };
        if code == bz::BZ_OK { Ok(Stream { raw, compresses }) } else { Err(code) }
    }

    /// One call of the coder: the code, and how much was read and written.
    fn run(&mut self, input: &[u8], output: &mut [u8], action: c_int) -> (c_int, usize, usize) {
        let (most_in, most_out) = (input.len().min(u32::MAX as usize), output.len().min(u32::MAX as usize));
        self.raw.next_in = input.as_ptr().cast();
        self.raw.avail_in = most_in as u32;
        self.raw.next_out = output.as_mut_ptr().cast();
        self.raw.avail_out = most_out as u32;
        // SAFETY: a live stream whose pointers belong to these slices.
        let code = unsafe {
            match self.compresses {
                true => bz::BZ2_bzCompress(&mut *self.raw, action),
                false => bz::BZ2_bzDecompress(&mut *self.raw),
            }
        };
        (code, most_in - self.raw.avail_in as usize, most_out - self.raw.avail_out as usize)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: a live stream, ended once.
        unsafe {
            match self.compresses {
                true => bz::BZ2_bzCompressEnd(&mut *self.raw),
                false => bz::BZ2_bzDecompressEnd(&mut *self.raw),
            };
        }
    }
}

fn failed(py: Attached<'_>, code: c_int) -> Raised {
    match code {
        bz::BZ_MEM_ERROR => py.no_memory(),
        bz::BZ_PARAM_ERROR => {
            raise!(py, ValueError, "Internal error - invalid parameters passed to libbzip2")
        }
        bz::BZ_DATA_ERROR | bz::BZ_DATA_ERROR_MAGIC => raise!(py, OSError, "Invalid data stream"),
        bz::BZ_IO_ERROR => raise!(py, OSError, "Unknown I/O error"),
        bz::BZ_UNEXPECTED_EOF => {
            raise!(py, EOFError, "Compressed file ended before the logical end-of-stream was detected")
        }
        bz::BZ_SEQUENCE_ERROR => {
            raise!(py, RuntimeError, "Internal error - Invalid sequence of commands sent to libbzip2")
        }
        code => raise!(py, OSError, "Unrecognized error from libbzip2: {code}"),
    }
}

struct Encoder {
    stream: Stream,
    flushed: bool,
}

impl Trace for Encoder {}

impl Encoder {
    fn feed(&mut self, mut input: &[u8], action: c_int) -> Result<Vec<u8>, c_int> {
        let mut out = Output::new(None);
        loop {
            if action == bz::BZ_RUN && input.is_empty() {
                break;
            }
            let space = out.space().ok_or(bz::BZ_MEM_ERROR)?;
            let (code, read, written) = self.stream.run(input, space, action);
            input = &input[read..];
            out.advance(written);
            match code {
                bz::BZ_STREAM_END => break,
                code if code < 0 => return Err(code),
                _ => {}
            }
        }
        Ok(out.finish())
    }
}

krait_object::native! {
    /// `BZ2Compressor`.
    struct Compressor { state: State<Encoder> }
}
pytype! {
    static COMPRESSOR: "_bz2.BZ2Compressor" for Compressor {
        base: Object, flags: [],
        doc: "BZ2Compressor(compresslevel=9, /)\n--\n\nCreate a compressor object for compressing data incrementally.\n\n  compresslevel\n    1 (fast, little memory) to 9 (small output).",
        slots: { tp_dealloc = Compressor::dealloc, tp_new = Compressor::construct },
        methods: {
            o "compress" => Compressor::compress, "($self, data, /)", "Compress data and return what output there is.\n\nThe rest comes from flush().";
            noargs "flush" => Compressor::flush, "($self, /)", "Finish the compression and return the rest of the output.\n\nThe object cannot be used afterwards.";
            noargs "__reduce__" => |py: Attached<'_>, this: &Compressor| super::not_picklable(py, this.as_object()), "($self, /)", "Refuse to be pickled.";
        },
    }
}

impl Compressor {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Compressor>> {
        let args = args.unpack(py, "BZ2Compressor", 0, 1)?;
        let level = args.first().map_or(Ok(9), |level| level.as_i32(py))?;
        if !(1..=9).contains(&level) {
            return Err(raise!(py, ValueError, "compresslevel must be between 1 and 9"));
        }
        let stream = Stream::start(true, level).map_err(|code| failed(py, code))?;
        let this = alloc::<Compressor>(py, ty)?;
        this.state.init(Encoder { stream, flushed: false });
        Ok(this)
    }

    fn compress(py: Attached<'_>, this: &Compressor, data: &Object) -> PyResult<Ref<Bytes>> {
        let data = input(py, data)?;
        let out = detached(|| {
            let mut state = this.state.lock();
            if state.flushed { None } else { Some(state.feed(data.as_slice(), bz::BZ_RUN)) }
        });
        match out {
            None => Err(raise!(py, ValueError, "Compressor has been flushed")),
            Some(out) => Bytes::new(py, &out.map_err(|code| failed(py, code))?),
        }
    }

    fn flush(py: Attached<'_>, this: &Compressor) -> PyResult<Ref<Bytes>> {
        let out = detached(|| {
            let mut state = this.state.lock();
            if std::mem::replace(&mut state.flushed, true) { None } else { Some(state.feed(b"", bz::BZ_FINISH)) }
        });
        match out {
            None => Err(raise!(py, ValueError, "Repeated call to flush()")),
            Some(out) => Bytes::new(py, &out.map_err(|code| failed(py, code))?),
        }
    }
}

impl Decoder for Stream {
    type Error = c_int;
    const FRAGILE: bool = true;

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, c_int> {
        let (code, read, written) = self.run(input, output, bz::BZ_RUN);
        if code < 0 {
            return Err(code);
        }
        Ok(Step { read, written, end: code == bz::BZ_STREAM_END })
    }
}

krait_object::native! {
    /// `BZ2Decompressor`.
    struct BzDecompressor { state: State<Decompressor<Stream>> }
}
pytype! {
    static DECOMPRESSOR: "_bz2.BZ2Decompressor" for BzDecompressor {
        base: Object, flags: [],
        doc: "BZ2Decompressor()\n--\n\nCreate a decompressor object for decompressing data incrementally.",
        slots: { tp_dealloc = BzDecompressor::dealloc, tp_new = BzDecompressor::construct },
        methods: {
            sig "decompress" => BzDecompressor::decompress, "($self, /, data, max_length=-1)", "Decompress data, up to max_length bytes if that is not negative.\n\nInput that was not needed is kept; needs_input tells whether more is.\nRaises EOFError after the end of the stream; what comes behind it is in\nunused_data.";
            noargs "__reduce__" => |py: Attached<'_>, this: &BzDecompressor| super::not_picklable(py, this.as_object()), "($self, /)", "Refuse to be pickled.";
        },
        getset: {
            "eof" => |_: Attached<'_>, this: &BzDecompressor| this.state.lock().eof, "True if the end-of-stream marker has been reached.";
            "unused_data" => |py: Attached<'_>, this: &BzDecompressor| { let bytes = this.state.lock().unused.clone(); Bytes::new(py, &bytes) }, "Data found after the end of the compressed stream.";
            "needs_input" => |_: Attached<'_>, this: &BzDecompressor| this.state.lock().needs_input, "True if more input is needed before more decompressed data can be produced.";
        },
    }
}

impl BzDecompressor {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<BzDecompressor>> {
        if !args.pos.is_empty() {
            return Err(raise!(py, TypeError, "BZ2Decompressor() takes no positional arguments"));
        }
        args.no_keywords(py, "BZ2Decompressor")?;
        let stream = Stream::start(false, 0).map_err(|code| failed(py, code))?;
        let this = alloc::<BzDecompressor>(py, ty)?;
        this.state.init(Decompressor::new(stream));
        Ok(this)
    }

    fn decompress(py: Attached<'_>, this: &BzDecompressor, [data, max]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
        let data = input(py, required(py, data)?)?;
        let limit = limit(py, max)?;
        let result = detached(|| this.state.lock().decompress(data.as_slice(), limit));
        match result {
            Ok(out) => Bytes::new(py, &out),
            Err(Stop::End) => Err(raise!(py, EOFError, "End of stream already reached")),
            Err(Stop::Broken) => Err(raise!(py, ValueError, "Decompressor is unusable after a previous error")),
            Err(Stop::NoMemory) => Err(py.no_memory()),
            Err(Stop::Decoder(code)) => Err(failed(py, code)),
        }
    }
}

/// Fills `_bz2`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<Compressor>(py, module, "BZ2Compressor")?;
    add_type::<BzDecompressor>(py, module, "BZ2Decompressor")
}
