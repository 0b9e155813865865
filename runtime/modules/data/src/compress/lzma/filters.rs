//! Chains of filters, written as sequences of dicts.
use super::{error, failed, unsigned};
use krait_object::native::{Arg, required};
use krait_object::protocols::buffer::BytesArg;
use krait_object::{Attached, Bytes, Dict, Int, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, exc, raise};
use liblzma_sys as lz;
use std::ffi::c_void;
use std::ptr;

#[repr(C)]
struct DeltaOptions {
    kind: u32,
    dist: u32,
    reserved: [u64; 8],
}

#[repr(C)]
struct BcjOptions {
    start_offset: u32,
}

unsafe extern "C" {
    fn free(block: *mut c_void);
}

/// Options of one filter, at a fixed place in memory.
enum Options {
    Lzma(Box<lz::lzma_options_lzma>),
    Delta(Box<DeltaOptions>),
    Bcj(Box<BcjOptions>),
}

impl Options {
    fn as_ptr(&self) -> *mut c_void {
        match self {
            Options::Lzma(options) => ptr::from_ref(&**options).cast_mut().cast(),
            Options::Delta(options) => ptr::from_ref(&**options).cast_mut().cast(),
            Options::Bcj(options) => ptr::from_ref(&**options).cast_mut().cast(),
        }
    }
}

/// The options that a preset stands for.
pub fn preset(py: Attached<'_>, preset: u32) -> PyResult<lz::lzma_options_lzma> {
    // SAFETY: zeros are valid options, which the call fills in.
    unsafe {
        let mut options: lz::lzma_options_lzma = std::mem::zeroed();
        if lz::lzma_lzma_preset(&mut options, preset) != 0 {
            return Err(error(py, &format!("Invalid compression preset: {preset}")));
        }
        Ok(options)
    }
}

/// The number under a key of a filter specifier, if it is there.
fn number(py: Attached<'_>, spec: &Object, key: &str, bits: u32) -> PyResult<Option<u64>> {
    let value = spec.get_item_opt(py, Str::intern_static(py, key).as_object())?;
    value.map(|value| unsigned(py, &value, bits)).transpose()
}

/// The options of a specifier, which may have these keys only.
fn fields<const N: usize>(
    py: Attached<'_>,
    spec: &Object,
    keys: [&'static str; N],
    known: &[&str],
    kind: &str,
) -> PyResult<[Option<u32>; N]> {
    let invalid = |raised: Option<Raised>| {
        if let Some(raised) = raised {
            if !raised.matches(py, exc::TypeError())
                && !raised.matches(py, exc::ValueError())
                && !raised.matches(py, exc::OverflowError())
            {
                return raised;
            }
            raised.clear(py);
        }
        raise!(py, ValueError, "Invalid filter specifier for {kind} filter")
    };
    for key in spec.mapping_keys(py)?.to_vec(py)? {
        let found = key
            .as_object()
            .downcast::<Str>()
            .is_some_and(|key| keys.iter().chain(known).any(|known| key.eq_str(known)));
        if !found {
            return Err(invalid(None));
        }
    }
    let mut out = [None; N];
    for (slot, key) in out.iter_mut().zip(keys) {
        *slot = number(py, spec, key, 32).map_err(|raised| invalid(Some(raised)))?.map(|value| value as u32);
    }
    Ok(out)
}

fn lzma_options(py: Attached<'_>, spec: &Object) -> PyResult<Options> {
    let level = number(py, spec, "preset", 32)?.map_or(lz::LZMA_PRESET_DEFAULT, |level| level as u32);
    let mut options = Box::new(preset(py, level)?);
    let keys = ["dict_size", "lc", "lp", "pb", "mode", "nice_len", "mf", "depth"];
    let [dict_size, lc, lp, pb, mode, nice_len, mf, depth] = fields(py, spec, keys, &["id", "preset"], "LZMA")?;
    let set = |target: &mut u32, value: Option<u32>| {
        if let Some(value) = value {
            *target = value;
        }
    };
    set(&mut options.dict_size, dict_size);
    set(&mut options.lc, lc);
    set(&mut options.lp, lp);
    set(&mut options.pb, pb);
    if let Some(mode) = mode {
        options.mode = mode as lz::lzma_mode;
    }
    set(&mut options.nice_len, nice_len);
    if let Some(mf) = mf {
        options.mf = mf as lz::lzma_match_finder;
    }
    set(&mut options.depth, depth);
    Ok(Options::Lzma(options))
}

/// One filter of a dict.
fn filter(py: Attached<'_>, spec: &Object) -> PyResult<(lz::lzma_vli, Options)> {
    if !spec.is_mapping() {
        return Err(raise!(py, TypeError, "Filter specifier must be a dict or dict-like object"));
    }
    let Some(id) = number(py, spec, "id", 64)? else {
        return Err(raise!(py, ValueError, "Filter specifier must have an \"id\" entry"));
    };
    let options = match id {
        lz::LZMA_FILTER_LZMA1 | lz::LZMA_FILTER_LZMA2 => lzma_options(py, spec)?,
        lz::LZMA_FILTER_DELTA => {
            let [dist] = fields(py, spec, ["dist"], &["id"], "delta")?;
            Options::Delta(Box::new(DeltaOptions { kind: 0, dist: dist.unwrap_or(1), reserved: [0; 8] }))
        }
        lz::LZMA_FILTER_X86
        | lz::LZMA_FILTER_POWERPC
        | lz::LZMA_FILTER_IA64
        | lz::LZMA_FILTER_ARM
        | lz::LZMA_FILTER_ARMTHUMB
        | lz::LZMA_FILTER_SPARC => {
            let [start_offset] = fields(py, spec, ["start_offset"], &["id"], "BCJ")?;
            Options::Bcj(Box::new(BcjOptions { start_offset: start_offset.unwrap_or(0) }))
        }
        id => return Err(raise!(py, ValueError, "Invalid filter ID: {id}")),
    };
    Ok((id, options))
}

/// A chain of up to four filters.
pub struct Chain {
    raw: Vec<lz::lzma_filter>,
    options: Vec<Options>,
}

impl Chain {
    pub fn new(py: Attached<'_>, specs: &Object) -> PyResult<Chain> {
        let len = specs.sequence_len(py)?;
        if len > 4 {
            return Err(raise!(py, ValueError, "Too many filters - liblzma supports a maximum of 4"));
        }
        let mut chain = Chain { raw: Vec::new(), options: Vec::new() };
        for at in 0..len {
            let (id, options) = filter(py, &*specs.sequence_item(py, at as isize)?)?;
            chain.raw.push(lz::lzma_filter { id, options: options.as_ptr() });
            chain.options.push(options);
        }
        chain.raw.push(lz::lzma_filter { id: u64::MAX, options: ptr::null_mut() });
        Ok(chain)
    }

    pub fn as_ptr(&self) -> *const lz::lzma_filter {
        self.raw.as_ptr()
    }

    /// The options of a chain that is one LZMA1 filter.
    pub fn only_lzma1(&self) -> Option<&lz::lzma_options_lzma> {
        match (self.raw[0].id, &self.options[..]) {
            (lz::LZMA_FILTER_LZMA1, [Options::Lzma(options)]) => Some(options),
            _ => None,
        }
    }
}

/// `_encode_filter_properties`.
pub fn encode(py: Attached<'_>, _: &Object, spec: &Object) -> PyResult<Ref<Bytes>> {
    let (id, options) = filter(py, spec)?;
    let raw = lz::lzma_filter { id, options: options.as_ptr() };
    let mut size = 0;
    // SAFETY: a filter with its options.
    match unsafe { lz::lzma_properties_size(&mut size, &raw) } {
        lz::LZMA_OK => {}
        code => return Err(failed(py, code)),
    }
    let mut out = vec![0; size as usize + 1];
    // SAFETY: the buffer has the size that was asked for.
    match unsafe { lz::lzma_properties_encode(&raw, out.as_mut_ptr()) } {
        lz::LZMA_OK => Bytes::new(py, &out[..size as usize]),
        code => Err(failed(py, code)),
    }
}

/// `_decode_filter_properties`.
pub fn decode(py: Attached<'_>, _: &Object, [id, props]: [Arg<'_>; 2]) -> PyResult<Ref<Dict>> {
    let id = unsigned(py, required(py, id)?, 64)?;
    let props = BytesArg::new(py, required(py, props)?)?;
    let props = props.as_slice();
    let mut raw = lz::lzma_filter { id, options: ptr::null_mut() };
    // SAFETY: a slice and its length; without an allocator the options come from malloc.
    match unsafe { lz::lzma_properties_decode(&mut raw, ptr::null(), props.as_ptr(), props.len()) } {
        lz::LZMA_OK => {}
        code => return Err(failed(py, code)),
    }
    let mut fields: Vec<(&str, u32)> = Vec::new();
    if !raw.options.is_null() {
        // SAFETY: the options are those of the filter's kind, and are ours to free.
        unsafe {
            match id {
                lz::LZMA_FILTER_LZMA1 => {
                    let options = &*raw.options.cast::<lz::lzma_options_lzma>();
                    fields.extend([
                        ("lc", options.lc),
                        ("lp", options.lp),
                        ("pb", options.pb),
                        ("dict_size", options.dict_size),
                    ]);
                }
                lz::LZMA_FILTER_LZMA2 => {
                    fields.push(("dict_size", (*raw.options.cast::<lz::lzma_options_lzma>()).dict_size));
                }
                lz::LZMA_FILTER_DELTA => fields.push(("dist", (*raw.options.cast::<DeltaOptions>()).dist)),
                _ => fields.push(("start_offset", (*raw.options.cast::<BcjOptions>()).start_offset)),
            }
            free(raw.options);
        }
    }
    let dict = Dict::new(py)?;
    dict.set_str(py, "id", Int::from_u64(py, id)?.as_object())?;
    for (name, value) in fields {
        dict.set_str(py, name, &*value.into_object(py)?)?;
    }
    Ok(dict)
}
