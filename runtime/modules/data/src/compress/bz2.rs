//! `_bz2`.
use super::stream::{Coder, Compressor, Decoder, Decompressor, Encoder, Output, Step};
use krait_object::args::Args;
use krait_object::native::{Arg, State, add_type, alloc};
use krait_object::{Attached, Layout, Module, Object, PyResult, Raised, Ref, Type, pytype, raise};
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

impl Coder for Stream {
    type Error = c_int;

    fn failed(py: Attached<'_>, code: c_int) -> Raised {
        failed(py, code)
    }
}

impl Encoder for Stream {
    fn feed(&mut self, mut input: &[u8], end: bool) -> Result<Vec<u8>, c_int> {
        let action = if end { bz::BZ_FINISH } else { bz::BZ_RUN };
        let mut out = Output::new(None);
        loop {
            if !end && input.is_empty() {
                break;
            }
            let space = out.space().ok_or(bz::BZ_MEM_ERROR)?;
            let (code, read, written) = self.run(input, space, action);
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
    struct BzCompressor { state: State<Compressor<Stream>> }
}
pytype! {
    static COMPRESSOR: "_bz2.BZ2Compressor" for BzCompressor {
        base: Object, flags: [],
        doc: "BZ2Compressor(compresslevel=9, /)\n--\n\nCreate a compressor object for compressing data incrementally.\n\n  compresslevel\n    1 (fast, little memory) to 9 (small output).",
        slots: { tp_dealloc = BzCompressor::dealloc, tp_new = BzCompressor::construct },
        methods: {
            o "compress" => |py: Attached<'_>, this: &BzCompressor, data: &Object| Compressor::compress(py, &this.state, data), "($self, data, /)", "Compress data and return what output there is.\n\nThe rest comes from flush().";
            noargs "flush" => |py: Attached<'_>, this: &BzCompressor| Compressor::flush(py, &this.state), "($self, /)", "Finish the compression and return the rest of the output.\n\nThe object cannot be used afterwards.";
            noargs "__reduce__" => |py: Attached<'_>, this: &BzCompressor| super::not_picklable(py, this.as_object()), "($self, /)", "Refuse to be pickled.";
        },
    }
}

impl BzCompressor {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<BzCompressor>> {
        let args = args.unpack(py, "BZ2Compressor", 0, 1)?;
        let level = args.first().map_or(Ok(9), |level| level.as_i32(py))?;
        if !(1..=9).contains(&level) {
            return Err(raise!(py, ValueError, "compresslevel must be between 1 and 9"));
        }
        let stream = Stream::start(true, level).map_err(|code| failed(py, code))?;
        let this = alloc::<BzCompressor>(py, ty)?;
        this.state.init(Compressor::new(stream));
        Ok(this)
    }
}

impl Decoder for Stream {
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
            sig "decompress" => |py: Attached<'_>, this: &BzDecompressor, args: [Arg<'_>; 2]| Decompressor::decompress(py, &this.state, args), "($self, /, data, max_length=-1)", "Decompress data, up to max_length bytes if that is not negative.\n\nInput that was not needed is kept; needs_input tells whether more is.\nRaises EOFError after the end of the stream; what comes behind it is in\nunused_data.";
            noargs "__reduce__" => |py: Attached<'_>, this: &BzDecompressor| super::not_picklable(py, this.as_object()), "($self, /)", "Refuse to be pickled.";
        },
        getset: {
            "eof" => |_: Attached<'_>, this: &BzDecompressor| this.state.lock().eof, "True if the end-of-stream marker has been reached.";
            "unused_data" => |py: Attached<'_>, this: &BzDecompressor| Decompressor::unused_data(py, &this.state), "Data found after the end of the compressed stream.";
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
}

/// Fills `_bz2`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<BzCompressor>(py, module, "BZ2Compressor")?;
    add_type::<BzDecompressor>(py, module, "BZ2Decompressor")
}
