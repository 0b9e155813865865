//! `_zstd`.
use super::stream::{Coder, Decoder, Decompressor, Output, Step, detached, input};
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, Fixed, State, Trace, add_type, alloc, new_exception, required, type_name};
use krait_object::{
    Attached, Bytes, Dict, Int, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Str, Tuple, Type, exc,
    functions, hooks::hooks, pytype, raise,
};
use std::ffi::{CStr, c_int, c_void};
use std::fmt::Display;
use std::sync::Arc;
use zstd_safe::zstd_sys as z;

/// Raises `ZstdError`.
fn fail(py: Attached<'_>, message: impl Display) -> Raised {
    let class = global(py, "ZstdError");
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

fn global(py: Attached<'_>, name: &'static str) -> PyResult<Ref<Object>> {
    (hooks().import)(py, "_zstd")?.get_attr(py, Str::intern_static(py, name))
}

/// A result code of the library, or the text of the error that it is.
fn checked(code: usize) -> Result<usize, String> {
    // SAFETY: pure functions of a code; the name is a constant text.
    unsafe {
        match z::ZSTD_isError(code) {
            0 => Ok(code),
            _ => Err(CStr::from_ptr(z::ZSTD_getErrorName(code)).to_string_lossy().into_owned()),
        }
    }
}

/// As [`checked`], for functions of the dictionary builder.
fn dict_checked(code: usize) -> Result<usize, String> {
    // SAFETY: as above.
    unsafe {
        match z::ZDICT_isError(code) {
            0 => Ok(code),
            _ => Err(CStr::from_ptr(z::ZDICT_getErrorName(code)).to_string_lossy().into_owned()),
        }
    }
}

const LEVEL: i32 = 100;

const COMPRESSION_NAMES: [(i32, &str); 19] = [
    (LEVEL, "compression_level"),
    (101, "window_log"),
    (102, "hash_log"),
    (103, "chain_log"),
    (104, "search_log"),
    (105, "min_match"),
    (106, "target_length"),
    (107, "strategy"),
    (160, "enable_long_distance_matching"),
    (161, "ldm_hash_log"),
    (162, "ldm_min_match"),
    (163, "ldm_bucket_size_log"),
    (164, "ldm_hash_rate_log"),
    (200, "content_size_flag"),
    (201, "checksum_flag"),
    (202, "dict_id_flag"),
    (400, "nb_workers"),
    (401, "job_size"),
    (402, "overlap_log"),
];

/// A parameter of the compressor; unknown numbers have none.
fn compression_parameter(key: i32) -> Option<z::ZSTD_cParameter> {
    use z::ZSTD_cParameter as P;
    Some(match key {
        LEVEL => P::ZSTD_c_compressionLevel,
        101 => P::ZSTD_c_windowLog,
        102 => P::ZSTD_c_hashLog,
        103 => P::ZSTD_c_chainLog,
        104 => P::ZSTD_c_searchLog,
        105 => P::ZSTD_c_minMatch,
        106 => P::ZSTD_c_targetLength,
        107 => P::ZSTD_c_strategy,
        160 => P::ZSTD_c_enableLongDistanceMatching,
        161 => P::ZSTD_c_ldmHashLog,
        162 => P::ZSTD_c_ldmMinMatch,
        163 => P::ZSTD_c_ldmBucketSizeLog,
        164 => P::ZSTD_c_ldmHashRateLog,
        200 => P::ZSTD_c_contentSizeFlag,
        201 => P::ZSTD_c_checksumFlag,
        202 => P::ZSTD_c_dictIDFlag,
        400 => P::ZSTD_c_nbWorkers,
        401 => P::ZSTD_c_jobSize,
        402 => P::ZSTD_c_overlapLog,
        _ => return None,
    })
}

/// The bounds of a parameter.
fn bounds(key: i32, compression: bool) -> Result<(c_int, c_int), String> {
    const UNSUPPORTED: &str = "Unsupported parameter";
    // SAFETY: pure functions.
    let bounds = unsafe {
        match (compression, compression_parameter(key)) {
            (true, Some(parameter)) => z::ZSTD_cParam_getBounds(parameter),
            (false, _) if key == 100 => z::ZSTD_dParam_getBounds(z::ZSTD_dParameter::ZSTD_d_windowLogMax),
            _ => return Err(UNSUPPORTED.to_owned()),
        }
    };
    checked(bounds.error).map(|_| (bounds.lowerBound, bounds.upperBound))
}

/// What a bad parameter raises.
fn bad_parameter(py: Attached<'_>, key: i32, value: i32, compression: bool) -> Raised {
    let kind = if compression { "compression" } else { "decompression" };
    let names: &[(i32, &str)] = if compression { &COMPRESSION_NAMES } else { &[(100, "window_log_max")] };
    let name = names.iter().find(|(known, _)| *known == key).map(|(_, name)| *name);
    match (name, bounds(key, compression)) {
        (Some(name), Ok((low, high))) => raise!(
            py,
            ValueError,
            "{kind} parameter '{name}' received an illegal value {value}; the valid range is [{low}, {high}]"
        ),
        (Some(name), Err(_)) => raise!(py, ValueError, "invalid {kind} parameter '{name}'"),
        _ => raise!(py, ValueError, "invalid {kind} parameter 'unknown parameter (key {key})'"),
    }
}

/// A C `int` of an option.
fn option_int(py: Attached<'_>, value: &Object) -> PyResult<i32> {
    let too_large = || raise!(py, OverflowError, "Python int too large to convert to C int");
    value.index(py)?.to_i64().and_then(|value| i32::try_from(value).ok()).ok_or_else(too_large)
}

/// The options as numbers.
fn options(py: Attached<'_>, value: &Object, function: &str, compression: bool) -> PyResult<Vec<(i32, i32)>> {
    let Some(options) = value.downcast::<Dict>() else {
        let kind = krait_object::builtins::textargs::arg_type(value);
        return Err(raise!(py, TypeError, "{function}() argument 'options' must be dict, not {kind}"));
    };
    let (kind, wrong, slot) = match compression {
        true => ("compression", "DecompressionParameter", "_d_parameter_type"),
        false => ("decompression", "CompressionParameter", "_c_parameter_type"),
    };
    let wrong_type = global(py, slot)?;
    let mut found = Vec::new();
    for (key, value) in options.items_snapshot(py)? {
        if wrong_type.is(key.ty()) {
            return Err(raise!(py, TypeError, "{kind} options dictionary key must not be a {wrong} attribute"));
        }
        found.push((option_int(py, &key)?, option_int(py, &value)?));
    }
    Ok(found)
}

/// The content of a dictionary, shared with the coders that use it.
struct Content {
    bytes: Arc<[u8]>,
    id: u32,
}

impl Trace for Content {}

krait_object::native! {
    /// `ZstdDict`.
    struct ZstdDict { content: Fixed<Content> }
}
pytype! {
    static ZSTD_DICT: "compression.zstd.ZstdDict" for ZstdDict {
        base: Object, flags: [],
        doc: "ZstdDict(dict_content, /, *, is_raw=False)\n--\n\nA dictionary for the compression of many small pieces of data.\n\n  dict_content\n    Its bytes.\n  is_raw\n    Whether the bytes may be anything.",
        slots: {
            tp_dealloc = ZstdDict::dealloc,
            tp_new = ZstdDict::construct,
            tp_repr = |py: Attached<'_>, this: &ZstdDict| -> PyResult<String> { let content = this.content(py)?; Ok(format!("<ZstdDict dict_id={} dict_size={}>", content.id, content.bytes.len())) },
            sq_length = |py: Attached<'_>, this: &ZstdDict| Ok(this.content(py)?.bytes.len()),
        },
        getset: {
            "dict_id" => |py: Attached<'_>, this: &ZstdDict| -> PyResult<i64> { Ok(this.content(py)?.id.into()) }, "The dictionary's number; 0 for raw content.";
            "dict_content" => |py: Attached<'_>, this: &ZstdDict| -> PyResult<Ref<Bytes>> { Bytes::new(py, &this.content(py)?.bytes) }, "The dictionary's bytes.";
            "as_digested_dict" => |py: Attached<'_>, this: &ZstdDict| this.used_as(py, 0), "Load as a digested dictionary.";
            "as_undigested_dict" => |py: Attached<'_>, this: &ZstdDict| this.used_as(py, 1), "Load as an undigested dictionary.";
            "as_prefix" => |py: Attached<'_>, this: &ZstdDict| this.used_as(py, 2), "Load as a prefix, for one frame.";
        },
    }
}

impl ZstdDict {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<ZstdDict>> {
        const SIG: Signature = Signature::parse("ZstdDict", "(dict_content, /, *, is_raw=False)");
        if args.pos.len() != 1 {
            let given = args.pos.len();
            return Err(raise!(py, TypeError, "ZstdDict() takes exactly 1 positional argument ({given} given)"));
        }
        let [content, raw] = SIG.bind::<2>(py, args)?;
        let content = input(py, required(py, content)?)?;
        let raw = raw.map_or(Ok(false), |raw| raw.is_true(py))?;
        let bytes: Arc<[u8]> = content.as_slice().into();
        if bytes.len() < 8 {
            let message = "Zstandard dictionary content too short (must have at least eight bytes)";
            return Err(raise!(py, ValueError, "{message}"));
        }
        // SAFETY: so many bytes are there.
        let id = unsafe { z::ZSTD_getDictID_fromDict(bytes.as_ptr().cast(), bytes.len()) };
        if !raw && id == 0 {
            return Err(raise!(py, ValueError, "invalid Zstandard dictionary"));
        }
        let this = alloc::<ZstdDict>(py, ty)?;
        this.content.init(Content { bytes, id });
        Ok(this)
    }

    fn content(&self, py: Attached<'_>) -> PyResult<&Content> {
        self.content.get().ok_or_else(|| py.bad_internal_call())
    }

    fn used_as(&self, py: Attached<'_>, how: i64) -> PyResult<Ref<Tuple>> {
        Tuple::pair(py, self.to_ref().upcast(), how.into_object(py)?)
    }
}

/// How a coder uses a dictionary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Digested,
    Undigested,
    Prefix,
}

/// A dictionary argument: a `ZstdDict`, or a pair of one and how it is used.
fn dictionary(py: Attached<'_>, value: &Object, usual: Use) -> PyResult<(Arc<[u8]>, Use)> {
    let bad = || raise!(py, TypeError, "zstd_dict argument should be a ZstdDict object.");
    if let Some(dict) = value.downcast::<ZstdDict>() {
        return Ok((dict.content(py)?.bytes.clone(), usual));
    }
    let Some([dict, how]) = value.downcast::<Tuple>().and_then(|pair| <&[&Object; 2]>::try_from(pair.as_slice()).ok())
    else {
        return Err(bad());
    };
    let Some(dict) = dict.downcast::<ZstdDict>() else { return Err(bad()) };
    if how.downcast::<Int>().is_some_and(|how| how.to_i64().is_none()) {
        return Err(raise!(py, OverflowError, "Python int too large to convert to C int"));
    }
    let how = match how.downcast::<Int>().and_then(Int::to_i64) {
        Some(0) => Use::Digested,
        Some(1) => Use::Undigested,
        Some(2) => Use::Prefix,
        _ => return Err(bad()),
    };
    Ok((dict.content(py)?.bytes.clone(), how))
}

/// Raises what a dictionary that cannot be loaded raises.
fn undigestible(py: Attached<'_>, kind: &str) -> Raised {
    fail(py, format_args!("Failed to create a {kind} instance from Zstandard dictionary content."))
}

/// A compression context with what it refers to.
struct Encoding {
    raw: *mut z::ZSTD_CCtx,
    digested: *mut z::ZSTD_CDict,
    /// Named again for each frame.
    prefix: Option<Arc<[u8]>>,
    last_mode: c_int,
}

// SAFETY: the context has one owner at a time.
unsafe impl Send for Encoding {}
impl Trace for Encoding {}

impl Drop for Encoding {
    fn drop(&mut self) {
        if self.last_mode != FLUSH_FRAME && !self.raw.is_null() {
            // The library frees its dictionary before its threads are done with it; so they come to an end first.
            let _ = self.run(b"", FLUSH_FRAME);
        }
        // SAFETY: made by the constructor; null is allowed.
        unsafe {
            z::ZSTD_freeCCtx(self.raw);
            z::ZSTD_freeCDict(self.digested);
        }
    }
}

const CONTINUE: c_int = 0;
const FLUSH_BLOCK: c_int = 1;
const FLUSH_FRAME: c_int = 2;

impl Encoding {
    fn run(&mut self, data: &[u8], mode: c_int) -> Result<Vec<u8>, Option<String>> {
        let directive = match mode {
            CONTINUE => z::ZSTD_EndDirective::ZSTD_e_continue,
            FLUSH_BLOCK => z::ZSTD_EndDirective::ZSTD_e_flush,
            _ => z::ZSTD_EndDirective::ZSTD_e_end,
        };
        if self.last_mode == FLUSH_FRAME
            && let Some(prefix) = &self.prefix
        {
            // SAFETY: the prefix lives as long as the context.
            checked(unsafe { z::ZSTD_CCtx_refPrefix(self.raw, prefix.as_ptr().cast(), prefix.len()) }).map_err(Some)?;
        }
        let mut out = Output::new(None);
        let mut source = z::ZSTD_inBuffer { src: data.as_ptr().cast(), size: data.len(), pos: 0 };
        loop {
            let Some(space) = out.space() else { return Err(None) };
            let mut sink = z::ZSTD_outBuffer { dst: space.as_mut_ptr().cast(), size: space.len(), pos: 0 };
            // SAFETY: both buffers are live for the call.
            let left = unsafe { z::ZSTD_compressStream2(self.raw, &mut sink, &mut source, directive) };
            let written = sink.pos;
            let full = written == sink.size;
            out.advance(written);
            match checked(left) {
                Err(message) => {
                    self.last_mode = FLUSH_FRAME;
                    // SAFETY: a live context.
                    unsafe { z::ZSTD_CCtx_reset(self.raw, z::ZSTD_ResetDirective::ZSTD_reset_session_only) };
                    return Err(Some(message));
                }
                Ok(left) => {
                    let done = if mode == CONTINUE { source.pos == source.size && !full } else { left == 0 };
                    if done {
                        self.last_mode = mode;
                        return Ok(out.finish());
                    }
                }
            }
        }
    }
}

krait_object::native! {
    /// `ZstdCompressor`.
    struct ZstdCompressor { state: State<Encoding> }
}
pytype! {
    static ZSTD_COMPRESSOR: "compression.zstd.ZstdCompressor" for ZstdCompressor {
        base: Object, flags: [],
        doc: "ZstdCompressor(level=None, options=None, zstd_dict=None)\n--\n\nCreate a compressor object for compressing data incrementally.\n\n  level\n    The compression level.\n  options\n    A dict of parameters.\n  zstd_dict\n    A ZstdDict.",
        slots: {
            tp_dealloc = ZstdCompressor::dealloc,
            tp_new = ZstdCompressor::construct,
        },
        methods: {
            sig "compress" => ZstdCompressor::compress, "($self, /, data, mode=ZstdCompressor.CONTINUE)", "Give data to the compressor; returns what is ready.";
            sig "flush" => ZstdCompressor::flush, "($self, /, mode=ZstdCompressor.FLUSH_FRAME)", "Return what the compressor holds back, as the end of a block or a frame.";
            o "set_pledged_input_size" => ZstdCompressor::pledge, "($self, size, /)", "Say how much data the next frame will have; None if that is not known.";
        },
        getset: {
            "last_mode" => |_: Attached<'_>, this: &ZstdCompressor| this.state.lock().last_mode, "The mode of the last call of compress() or flush().";
        },
    }
}

impl ZstdCompressor {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<ZstdCompressor>> {
        const SIG: Signature = Signature::parse("ZstdCompressor", "(level=None, options=None, zstd_dict=None)");
        let given = |arg: Arg<'_>| arg.is_some_and(|arg| !arg.is_none());
        let [level, chosen, dict] = SIG.bind::<3>(py, args)?;
        if given(level) && given(chosen) {
            return Err(raise!(py, TypeError, "Only one of level or options should be used."));
        }
        // SAFETY: only allocates.
        let raw = unsafe { z::ZSTD_createCCtx() };
        let mut state = Encoding { raw, digested: std::ptr::null_mut(), prefix: None, last_mode: FLUSH_FRAME };
        if raw.is_null() {
            return Err(fail(py, "Unable to create ZSTD_CCtx instance."));
        }
        let mut effective = 3;
        let mut settings = Vec::new();
        if let Some(level) = level.filter(|level| !level.is_none()) {
            let Some(int) = level.downcast::<Int>() else {
                return Err(raise!(py, TypeError, "invalid type for level, expected int"));
            };
            match int.to_i64().and_then(|level| i32::try_from(level).ok()) {
                Some(level) => settings.push((LEVEL, level)),
                None => {
                    let (low, high) = bounds(LEVEL, true).unwrap_or((0, 0));
                    return Err(raise!(
                        py,
                        ValueError,
                        "illegal compression level; the valid range is [{low}, {high}]"
                    ));
                }
            }
        }
        if let Some(chosen) = chosen.filter(|chosen| !chosen.is_none()) {
            settings = options(py, chosen, "ZstdCompressor", true)?;
        }
        for (key, value) in settings {
            if key == LEVEL {
                let (low, high) = bounds(LEVEL, true).unwrap_or((0, 0));
                if !(low..=high).contains(&value) {
                    return Err(raise!(
                        py,
                        ValueError,
                        "illegal compression level {value}; the valid range is [{low}, {high}]"
                    ));
                }
                effective = value;
            }
            let Some(parameter) = compression_parameter(key) else { return Err(bad_parameter(py, key, value, true)) };
            // SAFETY: a live context.
            if checked(unsafe { z::ZSTD_CCtx_setParameter(raw, parameter, value) }).is_err() {
                return Err(bad_parameter(py, key, value, true));
            }
        }
        let this = alloc::<ZstdCompressor>(py, ty)?;
        if let Some(dict) = dict.filter(|dict| !dict.is_none()) {
            let (bytes, how) = dictionary(py, dict, Use::Undigested)?;
            let (start, len) = (bytes.as_ptr().cast::<c_void>(), bytes.len());
            // SAFETY: a live context; the library copies what it does not only refer to.
            let code = unsafe {
                match how {
                    Use::Digested => {
                        state.digested = z::ZSTD_createCDict(start, len, effective);
                        if state.digested.is_null() {
                            return Err(undigestible(py, "ZSTD_CDict"));
                        }
                        z::ZSTD_CCtx_refCDict(raw, state.digested)
                    }
                    Use::Undigested => z::ZSTD_CCtx_loadDictionary(raw, start, len),
                    Use::Prefix => {
                        state.prefix = Some(bytes.clone());
                        0
                    }
                }
            };
            if let Err(message) = checked(code) {
                return Err(fail(
                    py,
                    format_args!("Unable to load Zstandard dictionary or prefix for compression: {message}"),
                ));
            }
        }
        this.state.init(state);
        Ok(this)
    }

    fn run(&self, py: Attached<'_>, data: &[u8], mode: c_int) -> PyResult<Ref<Bytes>> {
        match detached(|| self.state.lock().run(data, mode)) {
            Ok(out) => Bytes::new(py, &out),
            Err(None) => Err(py.no_memory()),
            Err(Some(message)) => Err(fail(py, format_args!("Unable to compress Zstandard data: {message}"))),
        }
    }

    fn compress(py: Attached<'_>, this: &ZstdCompressor, [data, mode]: [Arg<'_>; 2]) -> PyResult<Ref<Bytes>> {
        let data = input(py, required(py, data)?)?;
        let mode = mode.map_or(Ok(CONTINUE), |mode| mode.as_i32(py))?;
        if !(CONTINUE..=FLUSH_FRAME).contains(&mode) {
            return Err(raise!(
                py,
                ValueError,
                "mode argument wrong value, it should be one of ZstdCompressor.CONTINUE, ZstdCompressor.FLUSH_BLOCK, ZstdCompressor.FLUSH_FRAME."
            ));
        }
        this.run(py, data.as_slice(), mode)
    }

    fn flush(py: Attached<'_>, this: &ZstdCompressor, [mode]: [Arg<'_>; 1]) -> PyResult<Ref<Bytes>> {
        let mode = mode.map_or(Ok(FLUSH_FRAME), |mode| mode.as_i32(py))?;
        if !(FLUSH_BLOCK..=FLUSH_FRAME).contains(&mode) {
            return Err(raise!(
                py,
                ValueError,
                "mode argument wrong value, it should be ZstdCompressor.FLUSH_FRAME or ZstdCompressor.FLUSH_BLOCK."
            ));
        }
        this.run(py, b"", mode)
    }

    fn pledge(py: Attached<'_>, this: &ZstdCompressor, size: &Object) -> PyResult<()> {
        const UNKNOWN: u64 = u64::MAX;
        let size = if size.is_none() {
            UNKNOWN
        } else {
            let Some(int) = size.downcast::<Int>() else {
                return Err(raise!(py, TypeError, "an integer is required"));
            };
            match int.to_u64().filter(|size| *size < UNKNOWN - 1 && !int.is_negative()) {
                Some(size) => size,
                None => {
                    let most = UNKNOWN - 1;
                    return Err(raise!(py, ValueError, "size argument should be a positive int less than {most}"));
                }
            }
        };
        let state = this.state.lock();
        if state.last_mode != FLUSH_FRAME {
            drop(state);
            let message = "set_pledged_input_size() method must be called when last_mode == FLUSH_FRAME";
            return Err(raise!(py, ValueError, "{message}"));
        }
        // SAFETY: a live context.
        let code = unsafe { z::ZSTD_CCtx_setPledgedSrcSize(state.raw, size) };
        drop(state);
        match checked(code) {
            Ok(_) => Ok(()),
            Err(message) => Err(fail(py, format_args!("Unable to set pledged uncompressed content size: {message}"))),
        }
    }
}

/// A decompression context with what it refers to.
struct Decoding {
    raw: *mut z::ZSTD_DCtx,
    digested: *mut z::ZSTD_DDict,
    _prefix: Option<Arc<[u8]>>,
}

// SAFETY: the context has one owner at a time.
unsafe impl Send for Decoding {}

impl Drop for Decoding {
    fn drop(&mut self) {
        // SAFETY: made by the constructor; null is allowed.
        unsafe {
            z::ZSTD_freeDCtx(self.raw);
            z::ZSTD_freeDDict(self.digested);
        }
    }
}

impl Coder for Decoding {
    type Error = String;

    fn failed(py: Attached<'_>, message: String) -> Raised {
        fail(py, format_args!("Unable to decompress Zstandard data: {message}"))
    }
}

impl Decoder for Decoding {
    const HOLDS_BACK: bool = true;
    const NEEDS_NO_SPACE: bool = true;
    const AT_END: &'static str = "Already at the end of a Zstandard frame.";

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        let mut source = z::ZSTD_inBuffer { src: input.as_ptr().cast(), size: input.len(), pos: 0 };
        let mut sink = z::ZSTD_outBuffer { dst: output.as_mut_ptr().cast(), size: output.len(), pos: 0 };
        // SAFETY: both buffers are live for the call.
        let code = unsafe { z::ZSTD_decompressStream(self.raw, &mut sink, &mut source) };
        match checked(code) {
            Ok(left) => Ok(Step { read: source.pos, written: sink.pos, end: left == 0 }),
            Err(message) => {
                // SAFETY: a live context.
                unsafe { z::ZSTD_DCtx_reset(self.raw, z::ZSTD_ResetDirective::ZSTD_reset_session_only) };
                Err(message)
            }
        }
    }
}

krait_object::native! {
    /// `ZstdDecompressor`.
    struct ZstdDecompressor { state: State<Decompressor<Decoding>> }
}
pytype! {
    static ZSTD_DECOMPRESSOR: "compression.zstd.ZstdDecompressor" for ZstdDecompressor {
        base: Object, flags: [],
        doc: "ZstdDecompressor(zstd_dict=None, options=None)\n--\n\nCreate a decompressor object for decompressing data incrementally.\n\n  zstd_dict\n    A ZstdDict.\n  options\n    A dict of parameters.",
        slots: {
            tp_dealloc = ZstdDecompressor::dealloc,
            tp_new = ZstdDecompressor::construct,
        },
        methods: {
            sig "decompress" => |py: Attached<'_>, this: &ZstdDecompressor, args: [Arg<'_>; 2]| Decompressor::decompress(py, &this.state, args), "($self, /, data, max_length=-1)", "Decompress data; returns at most max_length bytes, unless that is negative.";
        },
        getset: {
            "eof" => |_: Attached<'_>, this: &ZstdDecompressor| this.state.lock().eof, "Whether the end of the frame was reached.";
            "needs_input" => |_: Attached<'_>, this: &ZstdDecompressor| this.state.lock().needs_input, "Whether more output needs more input.";
            "unused_data" => |py: Attached<'_>, this: &ZstdDecompressor| Decompressor::unused_data(py, &this.state), "What follows the frame.";
        },
    }
}

impl ZstdDecompressor {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<ZstdDecompressor>> {
        const SIG: Signature = Signature::parse("ZstdDecompressor", "(zstd_dict=None, options=None)");
        let [dict, chosen] = SIG.bind::<2>(py, args)?;
        // SAFETY: only allocates.
        let raw = unsafe { z::ZSTD_createDCtx() };
        let mut state = Decoding { raw, digested: std::ptr::null_mut(), _prefix: None };
        if raw.is_null() {
            return Err(fail(py, "Unable to create ZSTD_DCtx instance."));
        }
        if let Some(chosen) = chosen.filter(|chosen| !chosen.is_none()) {
            for (key, value) in options(py, chosen, "ZstdDecompressor", false)? {
                let parameter = z::ZSTD_dParameter::ZSTD_d_windowLogMax;
                // SAFETY: a live context.
                if key != 100 || checked(unsafe { z::ZSTD_DCtx_setParameter(raw, parameter, value) }).is_err() {
                    return Err(bad_parameter(py, key, value, false));
                }
            }
        }
        if let Some(dict) = dict.filter(|dict| !dict.is_none()) {
            let (bytes, how) = dictionary(py, dict, Use::Digested)?;
            let (start, len) = (bytes.as_ptr().cast::<c_void>(), bytes.len());
            // SAFETY: a live context; the library copies what it does not only refer to.
            let code = unsafe {
                match how {
                    Use::Digested => {
                        state.digested = z::ZSTD_createDDict(start, len);
                        if state.digested.is_null() {
                            return Err(undigestible(py, "ZSTD_DDict"));
                        }
                        z::ZSTD_DCtx_refDDict(raw, state.digested)
                    }
                    Use::Undigested => z::ZSTD_DCtx_loadDictionary(raw, start, len),
                    Use::Prefix => {
                        let code = z::ZSTD_DCtx_refPrefix(raw, start, len);
                        state._prefix = Some(bytes.clone());
                        code
                    }
                }
            };
            if let Err(message) = checked(code) {
                let message = format!("Unable to load Zstandard dictionary or prefix for decompression: {message}");
                return Err(fail(py, message));
            }
        }
        let this = alloc::<ZstdDecompressor>(py, ty)?;
        this.state.init(Decompressor::new(state));
        Ok(this)
    }
}

/// The sizes of samples, which add up to `total`.
fn sample_sizes(py: Attached<'_>, sizes: &Object, total: usize, function: &str, at: usize) -> PyResult<Vec<usize>> {
    let Some(sizes) = sizes.downcast::<Tuple>() else {
        let kind = krait_object::builtins::textargs::arg_type(sizes);
        return Err(raise!(py, TypeError, "{function}() argument {at} must be tuple, not {kind}"));
    };
    let mut found = Vec::with_capacity(sizes.len());
    for size in sizes.as_slice() {
        let Some(int) = size.downcast::<Int>() else { return Err(raise!(py, TypeError, "an integer is required")) };
        match int.to_u64().filter(|_| !int.is_negative()) {
            Some(size) => found.push(size as usize),
            None => return Err(raise!(py, ValueError, "The samples size tuple's items should be non-negative")),
        }
    }
    if found.iter().try_fold(0usize, |sum, size| sum.checked_add(*size)) != Some(total) {
        return Err(raise!(py, ValueError, "The samples size tuple doesn't match the concatenation's size."));
    }
    Ok(found)
}

fn dict_size(py: Attached<'_>, size: Arg<'_>) -> PyResult<usize> {
    match required(py, size)?.as_isize(py)? {
        size if size > 0 => Ok(size as usize),
        _ => Err(raise!(py, ValueError, "dict_size argument should be positive number.")),
    }
}

fn bytes_argument<'a>(py: Attached<'_>, value: Arg<'a>, function: &str, at: usize) -> PyResult<&'a Bytes> {
    let value = required(py, value)?;
    match value.downcast::<Bytes>() {
        Some(bytes) => Ok(bytes),
        None => Err(raise!(
            py,
            TypeError,
            "{function}() argument {at} must be bytes, not {}",
            krait_object::builtins::textargs::arg_type(value)
        )),
    }
}

fn train_dict(py: Attached<'_>, _: &Object, [samples, sizes, size]: [Arg<'_>; 3]) -> PyResult<Ref<Bytes>> {
    let samples = bytes_argument(py, samples, "train_dict", 1)?;
    let sizes = required(py, sizes)?;
    if sizes.downcast::<Tuple>().is_none() {
        sample_sizes(py, sizes, 0, "train_dict", 2)?;
    }
    let size = dict_size(py, size)?;
    let sizes = sample_sizes(py, sizes, samples.len(), "train_dict", 2)?;
    let mut out = krait_object::reserve::zeros::<u8>(py, size)?;
    // SAFETY: buffers and sizes belong together.
    let code = detached(|| unsafe {
        z::ZDICT_trainFromBuffer(
            out.as_mut_ptr().cast(),
            size,
            samples.as_slice().as_ptr().cast(),
            sizes.as_ptr(),
            sizes.len() as u32,
        )
    });
    match dict_checked(code) {
        Ok(len) => Bytes::new(py, &out[..len]),
        Err(message) => Err(fail(py, format_args!("Unable to train the Zstandard dictionary: {message}"))),
    }
}

fn finalize_dict(
    py: Attached<'_>,
    _: &Object,
    [custom, samples, sizes, size, level]: [Arg<'_>; 5],
) -> PyResult<Ref<Bytes>> {
    let custom = bytes_argument(py, custom, "finalize_dict", 1)?;
    let samples = bytes_argument(py, samples, "finalize_dict", 2)?;
    let sizes = required(py, sizes)?;
    if sizes.downcast::<Tuple>().is_none() {
        sample_sizes(py, sizes, 0, "finalize_dict", 3)?;
    }
    let size = dict_size(py, size)?;
    let level = required(py, level)?.as_i32(py)?;
    let sizes = sample_sizes(py, sizes, samples.len(), "finalize_dict", 3)?;
    let mut out = krait_object::reserve::zeros::<u8>(py, size)?;
    let params = z::ZDICT_params_t { compressionLevel: level, notificationLevel: 0, dictID: 0 };
    // SAFETY: buffers and sizes belong together.
    let code = detached(|| unsafe {
        z::ZDICT_finalizeDictionary(
            out.as_mut_ptr().cast(),
            size,
            custom.as_slice().as_ptr().cast(),
            custom.len(),
            samples.as_slice().as_ptr().cast(),
            sizes.as_ptr(),
            sizes.len() as u32,
            params,
        )
    });
    match dict_checked(code) {
        Ok(len) => Bytes::new(py, &out[..len]),
        Err(message) => Err(fail(py, format_args!("Unable to finalize the Zstandard dictionary: {message}"))),
    }
}

const FRAME_HINT: &str =
    "Ensure the frame_buffer argument starts from the beginning of a frame, and its length is not less than";

fn get_frame_size(py: Attached<'_>, _: &Object, [frame]: [Arg<'_>; 1]) -> PyResult<usize> {
    let frame = input(py, required(py, frame)?)?;
    let bytes = frame.as_slice();
    // SAFETY: so many bytes are there.
    checked(unsafe { z::ZSTD_findFrameCompressedSize(bytes.as_ptr().cast(), bytes.len()) }).map_err(|message| {
        fail(
            py,
            format_args!(
                "Error when finding the compressed size of a Zstandard frame. {FRAME_HINT} this complete frame. Zstd error message: {message}."
            ),
        )
    })
}

fn get_frame_info(py: Attached<'_>, _: &Object, [frame]: [Arg<'_>; 1]) -> PyResult<Ref<Tuple>> {
    let frame = input(py, required(py, frame)?)?;
    let bytes = frame.as_slice();
    // SAFETY: so many bytes are there.
    let (size, id) = unsafe {
        (
            z::ZSTD_getFrameContentSize(bytes.as_ptr().cast(), bytes.len()),
            z::ZSTD_getDictID_fromFrame(bytes.as_ptr().cast(), bytes.len()),
        )
    };
    // The last two numbers stand for "unknown" and "error".
    let size = match size {
        u64::MAX => krait_object::none(),
        size if size == u64::MAX - 1 => {
            return Err(fail(
                py,
                format_args!(
                    "Error when getting information from the header of a Zstandard frame. {FRAME_HINT} the frame header (6~18 bytes)."
                ),
            ));
        }
        size => size.into_object(py)?,
    };
    Tuple::pair(py, size, id.into_object(py)?)
}

fn get_param_bounds(py: Attached<'_>, _: &Object, [key, compression]: [Arg<'_>; 2]) -> PyResult<Ref<Tuple>> {
    let key = required(py, key)?.as_i32(py)?;
    let compression = required(py, compression)?.is_true(py)?;
    match bounds(key, compression) {
        Ok((low, high)) => Tuple::pair(py, low.into_object(py)?, high.into_object(py)?),
        Err(message) => {
            let kind = if compression { "compression" } else { "decompression" };
            Err(fail(py, format_args!("Unable to get zstd {kind} parameter bounds: {message}")))
        }
    }
}

fn set_parameter_types(py: Attached<'_>, _: &Object, types: [Arg<'_>; 2]) -> PyResult<()> {
    let module = (hooks().import)(py, "_zstd")?;
    for (value, name, slot) in
        [(types[0], "c_parameter_type", "_c_parameter_type"), (types[1], "d_parameter_type", "_d_parameter_type")]
    {
        let value = required(py, value)?;
        if value.downcast::<Type>().is_none() {
            let kind = type_name(value);
            return Err(raise!(py, TypeError, "set_parameter_types() argument '{name}' must be type, not {kind}"));
        }
        module.set_attr(py, Str::intern_static(py, slot), Some(value))?;
    }
    Ok(())
}

/// Fills `_zstd`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    add_type::<ZstdDict>(py, module, "ZstdDict")?;
    add_type::<ZstdCompressor>(py, module, "ZstdCompressor")?;
    add_type::<ZstdDecompressor>(py, module, "ZstdDecompressor")?;
    if let Some(dict) = ZstdCompressor::type_object().dict() {
        for (name, mode) in [("CONTINUE", CONTINUE), ("FLUSH_BLOCK", FLUSH_BLOCK), ("FLUSH_FRAME", FLUSH_FRAME)] {
            if dict.get_str(py, name).is_none() {
                dict.set_str(py, name, &*mode.into_object(py)?)?;
            }
        }
        ZstdCompressor::type_object().modified(py);
    }
    module.add(py, "ZstdError", &*new_exception(py, "compression.zstd", "ZstdError", exc::Exception())?)?;
    module.add_functions(
        py,
        functions! {
            sig "train_dict" => train_dict, "($module, samples_bytes, samples_sizes, dict_size, /)", "Train a dictionary on sample data.";
            sig "finalize_dict" => finalize_dict, "($module, custom_dict_bytes, samples_bytes, samples_sizes, dict_size, compression_level, /)", "Make a dictionary of raw content and sample data.";
            sig "get_frame_size" => get_frame_size, "($module, /, frame_buffer)", "The size of a frame, with its header and checksum.";
            sig "get_frame_info" => get_frame_info, "($module, /, frame_buffer)", "The decompressed size and the dictionary's number of a frame.";
            sig "get_param_bounds" => get_param_bounds, "($module, /, parameter, is_compress)", "The bounds of a parameter.";
            sig "set_parameter_types" => set_parameter_types, "($module, /, c_parameter_type, d_parameter_type)", "Say which classes the keys of options have.";
        },
    )?;
    let none = krait_object::none();
    module.add(py, "_c_parameter_type", &none)?;
    module.add(py, "_d_parameter_type", &none)?;
    let numbers = [
        ("ZSTD_CLEVEL_DEFAULT", 3),
        ("ZSTD_DStreamOutSize", 131_072),
        ("ZSTD_fast", 1),
        ("ZSTD_dfast", 2),
        ("ZSTD_greedy", 3),
        ("ZSTD_lazy", 4),
        ("ZSTD_lazy2", 5),
        ("ZSTD_btlazy2", 6),
        ("ZSTD_btopt", 7),
        ("ZSTD_btultra", 8),
        ("ZSTD_btultra2", 9),
        ("ZSTD_c_compressionLevel", LEVEL),
        ("ZSTD_c_windowLog", 101),
        ("ZSTD_c_hashLog", 102),
        ("ZSTD_c_chainLog", 103),
        ("ZSTD_c_searchLog", 104),
        ("ZSTD_c_minMatch", 105),
        ("ZSTD_c_targetLength", 106),
        ("ZSTD_c_strategy", 107),
        ("ZSTD_c_enableLongDistanceMatching", 160),
        ("ZSTD_c_ldmHashLog", 161),
        ("ZSTD_c_ldmMinMatch", 162),
        ("ZSTD_c_ldmBucketSizeLog", 163),
        ("ZSTD_c_ldmHashRateLog", 164),
        ("ZSTD_c_contentSizeFlag", 200),
        ("ZSTD_c_checksumFlag", 201),
        ("ZSTD_c_dictIDFlag", 202),
        ("ZSTD_c_nbWorkers", 400),
        ("ZSTD_c_jobSize", 401),
        ("ZSTD_c_overlapLog", 402),
        ("ZSTD_d_windowLogMax", 100),
    ];
    for (name, value) in numbers {
        module.add(py, name, &*value.into_object(py)?)?;
    }
    // SAFETY: constants of the library.
    let (number, text) = unsafe { (z::ZSTD_versionNumber(), CStr::from_ptr(z::ZSTD_versionString())) };
    module.add(py, "zstd_version_number", &*number.into_object(py)?)?;
    module.add(py, "zstd_version", &*text.to_string_lossy().into_owned().into_object(py)?)
}
