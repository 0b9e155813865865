//! `find` and its like.
use super::{ByteString, byte_value};
use crate::args::Args;
use crate::builtins::stringlib;
use crate::builtins::textargs::search_args;
use crate::handle::{Attached, Ref};
use crate::protocols::buffer::{Buffer, BytesArg};
use crate::{Object, PyResult, Tuple, raise};

/// What to search for: a byte or a run of bytes.
enum Needle<'a> {
    Byte(u8),
    Run(BytesArg<'a>),
}

impl<'a> Needle<'a> {
    fn new(py: Attached<'_>, object: &'a Object) -> PyResult<Self> {
        if Buffer::is_exporter(object) {
            return Ok(Needle::Run(BytesArg::new(py, object)?));
        }
        if object.has_index() {
            return Ok(Needle::Byte(byte_value(py, object, "byte must be in range(0, 256)")?));
        }
        let given = object.ty().tp_name();
        Err(raise!(py, TypeError, "argument should be integer or bytes-like object, not '{given}'"))
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Needle::Byte(byte) => std::slice::from_ref(byte),
            Needle::Run(run) => run.as_slice(),
        }
    }
}

fn search<S: ByteString, R>(
    py: Attached<'_>,
    this: &S,
    function: &str,
    args: Args<'_>,
    missing: R,
    find: impl FnOnce(&[u8], &[u8], usize) -> R,
) -> PyResult<R> {
    let (needle, start, end) = search_args(py, S::NAME, function, args)?;
    let _pin = this.pin(py, Some(needle));
    let needle = Needle::new(py, needle)?;
    Ok(this.with(py, |text| {
        let (start, end) = stringlib::clamp_range(start, end, text.len());
        if start > end { missing } else { find(&text[start..end], needle.as_slice(), start) }
    }))
}

fn first<S: ByteString>(py: Attached<'_>, this: &S, name: &str, args: Args<'_>) -> PyResult<Option<usize>> {
    search(py, this, name, args, None, |text, needle, start| stringlib::find(text, needle).map(|at| at + start))
}

fn last<S: ByteString>(py: Attached<'_>, this: &S, name: &str, args: Args<'_>) -> PyResult<Option<usize>> {
    search(py, this, name, args, None, |text, needle, start| stringlib::rfind(text, needle).map(|at| at + start))
}

pub fn find<S: ByteString>(py: Attached<'_>, this: &S, args: Args<'_>) -> PyResult<isize> {
    Ok(first(py, this, "find", args)?.map_or(-1, |at| at as isize))
}

pub fn rfind<S: ByteString>(py: Attached<'_>, this: &S, args: Args<'_>) -> PyResult<isize> {
    Ok(last(py, this, "rfind", args)?.map_or(-1, |at| at as isize))
}

pub fn index<S: ByteString>(py: Attached<'_>, this: &S, args: Args<'_>) -> PyResult<usize> {
    first(py, this, "index", args)?.ok_or_else(|| raise!(py, ValueError, "subsection not found"))
}

pub fn rindex<S: ByteString>(py: Attached<'_>, this: &S, args: Args<'_>) -> PyResult<usize> {
    last(py, this, "rindex", args)?.ok_or_else(|| raise!(py, ValueError, "subsection not found"))
}

pub fn count<S: ByteString>(py: Attached<'_>, this: &S, args: Args<'_>) -> PyResult<usize> {
    search(py, this, "count", args, 0, |text, needle, _| stringlib::count(text, needle, usize::MAX))
}

pub fn contains<S: ByteString>(py: Attached<'_>, this: &S, value: &Object) -> PyResult<bool> {
    let _pin = this.pin(py, Some(value));
    if value.has_index() && !Buffer::is_exporter(value) {
        match byte_value(py, value, "byte must be in range(0, 256)") {
            Ok(byte) => return Ok(this.with(py, |text| stringlib::find_unit(text, byte).is_some())),
            // What is no number after all is asked for its bytes, and refused as such.
            Err(raised) if raised.matches(py, crate::exc::TypeError()) => raised.clear(py),
            Err(raised) => return Err(raised),
        }
    }
    let needle = BytesArg::new(py, value)?;
    Ok(this.with(py, |text| stringlib::find(text, needle.as_slice()).is_some()))
}

fn affix_test<S: ByteString>(
    py: Attached<'_>,
    this: &S,
    function: &str,
    args: Args<'_>,
    test: fn(&[u8], &[u8]) -> bool,
) -> PyResult<bool> {
    let (affix, start, end) = search_args(py, S::NAME, function, args)?;
    let matches = |affix: &Object| -> PyResult<bool> {
        let affix = BytesArg::new(py, affix)?;
        Ok(this.with(py, |text| {
            let (start, end) = stringlib::clamp_range(start, end, text.len());
            start <= end && test(&text[start..end], affix.as_slice())
        }))
    };
    if let Some(all) = affix.downcast::<Tuple>() {
        for affix in all.as_slice() {
            if matches(affix)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if !Buffer::is_exporter(affix) {
        let given = affix.ty().tp_name();
        return Err(raise!(py, TypeError, "{function} first arg must be bytes or a tuple of bytes, not {given}"));
    }
    matches(affix)
}

pub fn startswith<S: ByteString>(py: Attached<'_>, this: &S, args: Args<'_>) -> PyResult<bool> {
    affix_test(py, this, "startswith", args, |text, affix| text.starts_with(affix))
}

pub fn endswith<S: ByteString>(py: Attached<'_>, this: &S, args: Args<'_>) -> PyResult<bool> {
    affix_test(py, this, "endswith", args, |text, affix| text.ends_with(affix))
}

pub fn removeprefix<S: ByteString>(py: Attached<'_>, this: &S, prefix: &Object) -> PyResult<Ref<S>> {
    let prefix = BytesArg::new(py, prefix)?;
    match this.content(py)?.strip_prefix(prefix.as_slice()).filter(|_| !prefix.as_slice().is_empty()) {
        Some(rest) => S::make(py, rest),
        None => this.unchanged(py),
    }
}

pub fn removesuffix<S: ByteString>(py: Attached<'_>, this: &S, suffix: &Object) -> PyResult<Ref<S>> {
    let suffix = BytesArg::new(py, suffix)?;
    match this.content(py)?.strip_suffix(suffix.as_slice()).filter(|_| !suffix.as_slice().is_empty()) {
        Some(rest) => S::make(py, rest),
        None => this.unchanged(py),
    }
}
