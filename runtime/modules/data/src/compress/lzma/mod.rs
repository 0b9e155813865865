//! `_lzma`.
mod filters;

use super::stream::{Coder, Compressor, Decoder, Decompressor, Encoder, Output, Step};
use filters::Chain;
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, State, add_type, alloc, new_exception};
use krait_object::{
    Attached, Int, Layout, Module, Object, PyResult, Raised, Ref, Type, exc, functions, hooks, id, pytype, raise,
};
use liblzma_sys as lz;
use std::ffi::c_int;

const FORMAT_AUTO: c_int = 0;
const FORMAT_XZ: c_int = 1;
const FORMAT_ALONE: c_int = 2;
const FORMAT_RAW: c_int = 3;
const CHECK_UNKNOWN: u32 = 16;

/// A stream of the library, at a fixed place in memory. Ended when dropped.
struct Stream {
    raw: Box<lz::lzma_stream>,
}

// SAFETY: the stream has one owner at a time; the library keeps no thread state.
unsafe impl Send for Stream {}

impl Stream {
    /// A stream that `init` makes a coder of.
    fn start(init: impl FnOnce(*mut lz::lzma_stream) -> lz::lzma_ret) -> Result<Stream, lz::lzma_ret> {
        // SAFETY: null pointers and zeros are a stream before its initialisation.
        let mut this = Stream { raw: Box::new(unsafe { std::mem::zeroed() }) };
        match init(&mut *this.raw) {
            lz::LZMA_OK => Ok(this),
            code => Err(code),
        }
    }

    fn run(&mut self, input: &[u8], output: &mut [u8], action: lz::lzma_action) -> (lz::lzma_ret, usize, usize) {
        self.raw.next_in = input.as_ptr();
        self.raw.avail_in = input.len();
        self.raw.next_out = output.as_mut_ptr();
        self.raw.avail_out = output.len();
        // SAFETY: a live stream whose pointers belong to these slices.
        let code = unsafe { lz::lzma_code(&mut *self.raw, action) };
        let (read, written) = (input.len() - self.raw.avail_in, output.len() - self.raw.avail_out);
        let code = if code == lz::LZMA_BUF_ERROR && self.raw.avail_in == 0 && self.raw.avail_out > 0 {
            lz::LZMA_OK
        } else {
            code
        };
        (code, read, written)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: blank and live streams may both be ended.
        unsafe { lz::lzma_end(&mut *self.raw) };
    }
}

/// Raises `LZMAError`.
fn error(py: Attached<'_>, message: &str) -> Raised {
    let class = (hooks::hooks().import)(py, "_lzma").and_then(|module| module.get_attr(py, id!(py, LZMAError)));
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

fn failed(py: Attached<'_>, code: lz::lzma_ret) -> Raised {
    match code {
        lz::LZMA_MEM_ERROR => py.no_memory(),
        lz::LZMA_UNSUPPORTED_CHECK => error(py, "Unsupported integrity check"),
        lz::LZMA_MEMLIMIT_ERROR => error(py, "Memory usage limit exceeded"),
        lz::LZMA_FORMAT_ERROR => error(py, "Input format not supported by decoder"),
        lz::LZMA_OPTIONS_ERROR => error(py, "Invalid or unsupported options"),
        lz::LZMA_DATA_ERROR => error(py, "Corrupt input data"),
        lz::LZMA_BUF_ERROR => error(py, "Insufficient buffer space"),
        lz::LZMA_PROG_ERROR => error(py, "Internal error"),
        code => error(py, &format!("Unrecognized error from liblzma: {code}")),
    }
}

/// An unsigned number of up to `bits` bits.
fn unsigned(py: Attached<'_>, value: &Object, bits: u32) -> PyResult<u64> {
    let int: Ref<Int> = value.index(py)?;
    if int.is_negative() {
        return Err(raise!(py, ValueError, "Cannot convert negative int"));
    }
    match int.to_u64() {
        None => Err(raise!(py, OverflowError, "Python int too large for C unsigned long long")),
        Some(value) if bits < 64 && value >> bits != 0 => {
            Err(raise!(py, OverflowError, "Value too large for uint{bits}_t type"))
        }
        Some(value) => Ok(value),
    }
}

fn given(arg: Arg<'_>) -> Arg<'_> {
    arg.filter(|arg| !arg.is_none())
}

impl Coder for Stream {
    type Error = lz::lzma_ret;

    fn failed(py: Attached<'_>, code: lz::lzma_ret) -> Raised {
        failed(py, code)
    }
}

impl Encoder for Stream {
    fn feed(&mut self, mut input: &[u8], end: bool) -> Result<Vec<u8>, lz::lzma_ret> {
        let action = if end { lz::LZMA_FINISH } else { lz::LZMA_RUN };
        let mut out = Output::new(None);
        loop {
            let space = out.space().ok_or(lz::LZMA_MEM_ERROR)?;
            let room = space.len();
            let (code, read, written) = self.run(input, space, action);
            input = &input[read..];
            out.advance(written);
            match code {
                lz::LZMA_OK if !end && input.is_empty() && written < room => break,
                lz::LZMA_OK => {}
                lz::LZMA_STREAM_END => break,
                code => return Err(code),
            }
        }
        Ok(out.finish())
    }
}

krait_object::native! {
    /// `LZMACompressor`.
    struct LzmaCompressor { state: State<Compressor<Stream>> }
}
pytype! {
    static COMPRESSOR: "_lzma.LZMACompressor" for LzmaCompressor {
        base: Object, flags: [],
        doc: "LZMACompressor(format=FORMAT_XZ, check=-1, preset=None, filters=None)\n\nCreate a compressor object for compressing data incrementally.\n\nformat is the container: FORMAT_XZ, FORMAT_ALONE or FORMAT_RAW.\ncheck is the integrity check, for FORMAT_XZ only (default CHECK_CRC64).\npreset is a level from 0 to 9, perhaps with PRESET_EXTREME; filters is\nthe chain of filters in detail, a sequence of dicts with the key \"id\" and\nthe options of the filter. FORMAT_RAW needs filters; one cannot give both.",
        slots: { tp_dealloc = LzmaCompressor::dealloc, tp_new = LzmaCompressor::construct },
        methods: {
            o "compress" => |py: Attached<'_>, this: &LzmaCompressor, data: &Object| Compressor::compress(py, &this.state, data), "($self, data, /)", "Compress data and return what output there is.\n\nThe rest comes from flush().";
            noargs "flush" => |py: Attached<'_>, this: &LzmaCompressor| Compressor::flush(py, &this.state), "($self, /)", "Finish the compression and return the rest of the output.\n\nThe object cannot be used afterwards.";
            noargs "__reduce__" => |py: Attached<'_>, this: &LzmaCompressor| super::not_picklable(py, this.as_object()), "($self, /)", "Refuse to be pickled.";
        },
    }
}

impl LzmaCompressor {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<LzmaCompressor>> {
        const SIG: Signature =
            Signature::parse("LZMACompressor", "(format=FORMAT_XZ, check=-1, preset=None, filters=None)");
        let [format, check, preset, chain] = SIG.bind::<4>(py, args)?;
        let format = format.map_or(Ok(FORMAT_XZ), |format| format.as_i32(py))?;
        let check = check.map_or(Ok(-1), |check| check.as_i32(py))?;
        let (preset, chain) = (given(preset), given(chain));
        if preset.is_some() && chain.is_some() {
            return Err(raise!(py, ValueError, "Cannot specify both preset and filter chain"));
        }
        let preset = match preset {
            Some(preset) => unsigned(py, preset, 32)? as u32,
            None => lz::LZMA_PRESET_DEFAULT,
        };
        if format != FORMAT_XZ && check != -1 && check != lz::LZMA_CHECK_NONE as c_int {
            return Err(raise!(py, ValueError, "Integrity checks are only supported by FORMAT_XZ"));
        }
        let stream = Self::start(py, format, check, preset, chain)?.map_err(|code| failed(py, code))?;
        let this = alloc::<LzmaCompressor>(py, ty)?;
        this.state.init(Compressor::new(stream));
        Ok(this)
    }

    fn start(
        py: Attached<'_>,
        format: c_int,
        check: c_int,
        preset: u32,
        chain: Arg<'_>,
    ) -> PyResult<Result<Stream, lz::lzma_ret>> {
        let check = if check == -1 { lz::LZMA_CHECK_CRC64 } else { check as lz::lzma_check };
        let chain = match (format, chain) {
            (FORMAT_XZ..=FORMAT_RAW, Some(chain)) => Some(Chain::new(py, chain)?),
            _ => None,
        };
        Ok(match (format, &chain) {
            // SAFETY: a blank stream.
            (FORMAT_XZ, None) => Stream::start(|raw| unsafe { lz::lzma_easy_encoder(raw, preset, check) }),
            (FORMAT_XZ, Some(chain)) => {
                // SAFETY: a blank stream and a terminated chain.
                Stream::start(|raw| unsafe { lz::lzma_stream_encoder(raw, chain.as_ptr(), check) })
            }
            (FORMAT_ALONE, None) => {
                let options = filters::preset(py, preset)?;
                // SAFETY: a blank stream and complete options.
                Stream::start(|raw| unsafe { lz::lzma_alone_encoder(raw, &options) })
            }
            (FORMAT_ALONE, Some(chain)) => match chain.only_lzma1() {
                // SAFETY: as above.
                Some(options) => Stream::start(|raw| unsafe { lz::lzma_alone_encoder(raw, options) }),
                None => {
                    return Err(raise!(
                        py,
                        ValueError,
                        "Invalid filter chain for FORMAT_ALONE - must be a single LZMA1 filter"
                    ));
                }
            },
            (FORMAT_RAW, Some(chain)) => {
                // SAFETY: a blank stream and a terminated chain.
                Stream::start(|raw| unsafe { lz::lzma_raw_encoder(raw, chain.as_ptr()) })
            }
            (FORMAT_RAW, None) => return Err(raise!(py, ValueError, "Must specify filters for FORMAT_RAW")),
            _ => return Err(raise!(py, ValueError, "Invalid container format: {format}")),
        })
    }
}

struct Xz {
    stream: Stream,
    check: u32,
}

impl Coder for Xz {
    type Error = lz::lzma_ret;

    fn failed(py: Attached<'_>, code: lz::lzma_ret) -> Raised {
        failed(py, code)
    }
}

impl Decoder for Xz {
    const HOLDS_BACK: bool = true;
    const AT_END: &'static str = "Already at end of stream";

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, lz::lzma_ret> {
        let (code, read, written) = self.stream.run(input, output, lz::LZMA_RUN);
        match code {
            lz::LZMA_GET_CHECK | lz::LZMA_NO_CHECK => {
                // SAFETY: a live decoder.
                self.check = unsafe { lz::lzma_get_check(&*self.stream.raw) };
                let next = self.step(&input[read..], &mut output[written..])?;
                Ok(Step { read: read + next.read, written: written + next.written, end: next.end })
            }
            lz::LZMA_OK | lz::LZMA_STREAM_END => Ok(Step { read, written, end: code == lz::LZMA_STREAM_END }),
            code => Err(code),
        }
    }
}

krait_object::native! {
    /// `LZMADecompressor`.
    struct LzmaDecompressor { state: State<Decompressor<Xz>> }
}
pytype! {
    static DECOMPRESSOR: "_lzma.LZMADecompressor" for LzmaDecompressor {
        base: Object, flags: [],
        doc: "LZMADecompressor(format=FORMAT_AUTO, memlimit=None, filters=None)\n--\n\nCreate a decompressor object for decompressing data incrementally.\n\n  format\n    The container; FORMAT_AUTO tells FORMAT_XZ and FORMAT_ALONE apart.\n  memlimit\n    The most memory that the decompressor may use.\n  filters\n    The chain of filters, for FORMAT_RAW only.",
        slots: { tp_dealloc = LzmaDecompressor::dealloc, tp_new = LzmaDecompressor::construct },
        methods: {
            sig "decompress" => |py: Attached<'_>, this: &LzmaDecompressor, args: [Arg<'_>; 2]| Decompressor::decompress(py, &this.state, args), "($self, /, data, max_length=-1)", "Decompress data, up to max_length bytes if that is not negative.\n\nInput that was not needed is kept; needs_input tells whether more is.\nRaises EOFError after the end of the stream; what comes behind it is in\nunused_data.";
            noargs "__reduce__" => |py: Attached<'_>, this: &LzmaDecompressor| super::not_picklable(py, this.as_object()), "($self, /)", "Refuse to be pickled.";
        },
        getset: {
            "check" => |_: Attached<'_>, this: &LzmaDecompressor| this.state.lock().decoder.check, "ID of the integrity check used by the input stream.";
            "eof" => |_: Attached<'_>, this: &LzmaDecompressor| this.state.lock().eof, "True if the end-of-stream marker has been reached.";
            "unused_data" => |py: Attached<'_>, this: &LzmaDecompressor| Decompressor::unused_data(py, &this.state), "Data found after the end of the compressed stream.";
            "needs_input" => |_: Attached<'_>, this: &LzmaDecompressor| this.state.lock().needs_input, "True if more input is needed before more decompressed data can be produced.";
        },
    }
}

impl LzmaDecompressor {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<LzmaDecompressor>> {
        const SIG: Signature =
            Signature::parse("LZMADecompressor", "(format=FORMAT_AUTO, memlimit=None, filters=None)");
        let [format, limit, chain] = SIG.bind::<3>(py, args)?;
        let format = format.map_or(Ok(FORMAT_AUTO), |format| format.as_i32(py))?;
        let (limit, chain) = (given(limit), given(chain));
        let memory = match limit {
            Some(_) if format == FORMAT_RAW => {
                return Err(raise!(py, ValueError, "Cannot specify memory limit with FORMAT_RAW"));
            }
            Some(limit) => unsigned(py, limit, 64)?,
            None => u64::MAX,
        };
        let chain = match (format == FORMAT_RAW, chain) {
            (true, None) => return Err(raise!(py, ValueError, "Must specify filters for FORMAT_RAW")),
            (false, Some(_)) => {
                return Err(raise!(py, ValueError, "Cannot specify filters except with FORMAT_RAW"));
            }
            (_, chain) => chain.map(|chain| Chain::new(py, chain)).transpose()?,
        };
        let flags = lz::LZMA_TELL_ANY_CHECK | lz::LZMA_TELL_NO_CHECK;
        let mut check = CHECK_UNKNOWN;
        let stream = match (format, &chain) {
            // SAFETY: a blank stream.
            (FORMAT_AUTO, _) => Stream::start(|raw| unsafe { lz::lzma_auto_decoder(raw, memory, flags) }),
            // SAFETY: as above.
            (FORMAT_XZ, _) => Stream::start(|raw| unsafe { lz::lzma_stream_decoder(raw, memory, flags) }),
            (FORMAT_ALONE, _) => {
                check = lz::LZMA_CHECK_NONE;
                // SAFETY: as above.
                Stream::start(|raw| unsafe { lz::lzma_alone_decoder(raw, memory) })
            }
            (FORMAT_RAW, Some(chain)) => {
                check = lz::LZMA_CHECK_NONE;
                // SAFETY: a blank stream and a terminated chain.
                Stream::start(|raw| unsafe { lz::lzma_raw_decoder(raw, chain.as_ptr()) })
            }
            _ => return Err(raise!(py, ValueError, "Invalid container format: {format}")),
        };
        let stream = stream.map_err(|code| failed(py, code))?;
        let this = alloc::<LzmaDecompressor>(py, ty)?;
        this.state.init(Decompressor::new(Xz { stream, check }));
        Ok(this)
    }
}

fn is_check_supported(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<bool> {
    let id = id.as_i32(py)?;
    // SAFETY: any number may be asked for.
    Ok(unsafe { lz::lzma_check_is_supported(id as lz::lzma_check) } != 0)
}

/// Fills `_lzma`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            o "is_check_supported" => is_check_supported, "($module, check_id, /)", "Test whether the given integrity check is supported.";
            o "_encode_filter_properties" => filters::encode, "($module, filter, /)", "The properties of a filter as .xz files hold them, without its ID.";
            sig "_decode_filter_properties" => filters::decode, "($module, filter_id, encoded_props, /)", "A dict that describes a filter with these properties.";
        },
    )?;
    add_type::<LzmaCompressor>(py, module, "LZMACompressor")?;
    add_type::<LzmaDecompressor>(py, module, "LZMADecompressor")?;
    module.add(py, "LZMAError", &*new_exception(py, "_lzma", "LZMAError", exc::Exception())?)?;
    let constants: [(&str, u64); 28] = [
        ("FORMAT_AUTO", 0),
        ("FORMAT_XZ", 1),
        ("FORMAT_ALONE", 2),
        ("FORMAT_RAW", 3),
        ("CHECK_NONE", 0),
        ("CHECK_CRC32", 1),
        ("CHECK_CRC64", 4),
        ("CHECK_SHA256", 10),
        ("CHECK_ID_MAX", 15),
        ("CHECK_UNKNOWN", 16),
        ("FILTER_LZMA1", lz::LZMA_FILTER_LZMA1),
        ("FILTER_LZMA2", lz::LZMA_FILTER_LZMA2),
        ("FILTER_DELTA", lz::LZMA_FILTER_DELTA),
        ("FILTER_X86", lz::LZMA_FILTER_X86),
        ("FILTER_POWERPC", lz::LZMA_FILTER_POWERPC),
        ("FILTER_IA64", lz::LZMA_FILTER_IA64),
        ("FILTER_ARM", lz::LZMA_FILTER_ARM),
        ("FILTER_ARMTHUMB", lz::LZMA_FILTER_ARMTHUMB),
        ("FILTER_SPARC", lz::LZMA_FILTER_SPARC),
        ("MF_HC3", 3),
        ("MF_HC4", 4),
        ("MF_BT2", 18),
        ("MF_BT3", 19),
        ("MF_BT4", 20),
        ("MODE_FAST", 1),
        ("MODE_NORMAL", 2),
        ("PRESET_DEFAULT", 6),
        ("PRESET_EXTREME", 1 << 31),
    ];
    for (name, value) in constants {
        module.add(py, name, Int::from_u64(py, value)?.as_object())?;
    }
    Ok(())
}
