//! Splitting, joining, stripping and replacing.
use super::{ByteString, is_space};
use crate::builtins::stringlib;
use crate::builtins::textargs::{bool_arg, isize_arg};
use crate::handle::{Attached, Ref};
use crate::protocols::buffer::{Buffer, BytesArg};
use crate::{Bytes, List, Object, PyResult, Tuple, exc, raise};

fn limit(count: isize) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn separator<'a>(py: Attached<'_>, sep: &'a Object) -> PyResult<BytesArg<'a>> {
    let sep = BytesArg::new(py, sep)?;
    if sep.as_slice().is_empty() {
        return Err(raise!(py, ValueError, "empty separator"));
    }
    Ok(sep)
}

pub fn split<S: ByteString>(py: Attached<'_>, this: &S, [sep, max]: [Option<&Object>; 2]) -> PyResult<Ref<List>> {
    let max = limit(isize_arg(py, max, -1)?);
    let _pin = this.pin(py, sep);
    let text = this.content(py)?;
    let mut parts = Vec::new();
    let emit = |start, end| -> PyResult<()> {
        parts.push(S::make(py, &text[start..end])?.upcast());
        Ok(())
    };
    match sep.filter(|sep| !sep.is_none()) {
        None => stringlib::split_space(&text, max, is_space, emit)?,
        Some(sep) => stringlib::split(&text, separator(py, sep)?.as_slice(), max, emit)?,
    }
    List::from_vec(py, parts)
}

pub fn rsplit<S: ByteString>(py: Attached<'_>, this: &S, [sep, max]: [Option<&Object>; 2]) -> PyResult<Ref<List>> {
    let max = limit(isize_arg(py, max, -1)?);
    let _pin = this.pin(py, sep);
    let text = this.content(py)?;
    let mut parts = Vec::new();
    let emit = |start, end| -> PyResult<()> {
        parts.push(S::make(py, &text[start..end])?.upcast());
        Ok(())
    };
    match sep.filter(|sep| !sep.is_none()) {
        None => stringlib::rsplit_space(&text, max, is_space, emit)?,
        Some(sep) => stringlib::rsplit(&text, separator(py, sep)?.as_slice(), max, emit)?,
    }
    parts.reverse();
    List::from_vec(py, parts)
}

pub fn splitlines<S: ByteString>(py: Attached<'_>, this: &S, [keep]: [Option<&Object>; 1]) -> PyResult<Ref<List>> {
    let keep = bool_arg(py, keep, false)?;
    let text = this.content(py)?;
    let mut parts = Vec::new();
    stringlib::splitlines(
        &text,
        keep,
        |byte| matches!(byte, 10 | 13),
        |start, end| -> PyResult<()> {
            parts.push(S::make(py, &text[start..end])?.upcast());
            Ok(())
        },
    )?;
    List::from_vec(py, parts)
}

/// What is before and after the separator at `at`, and the separator.
fn cut_at<S: ByteString>(
    py: Attached<'_>,
    text: &[u8],
    at: usize,
    object: &Object,
    sep: &[u8],
) -> PyResult<Ref<Tuple>> {
    let (head, tail) = (S::make(py, &text[..at])?, S::make(py, &text[at + sep.len()..])?);
    let middle = S::separator(py, object, sep)?;
    Tuple::from_slice(py, &[head.as_object(), &middle, tail.as_object()])
}

pub fn partition<S: ByteString>(py: Attached<'_>, this: &S, sep: &Object) -> PyResult<Ref<Tuple>> {
    let arg = separator(py, sep)?;
    let text = this.content(py)?;
    match stringlib::find(&text, arg.as_slice()) {
        Some(at) => cut_at::<S>(py, &text, at, sep, arg.as_slice()),
        None => {
            let (all, first, second) = (this.unchanged(py)?, S::make(py, b"")?, S::make(py, b"")?);
            Tuple::from_slice(py, &[all.as_object(), first.as_object(), second.as_object()])
        }
    }
}

pub fn rpartition<S: ByteString>(py: Attached<'_>, this: &S, sep: &Object) -> PyResult<Ref<Tuple>> {
    let arg = separator(py, sep)?;
    let text = this.content(py)?;
    match stringlib::rfind(&text, arg.as_slice()) {
        Some(at) => cut_at::<S>(py, &text, at, sep, arg.as_slice()),
        None => {
            let (first, second, all) = (S::make(py, b"")?, S::make(py, b"")?, this.unchanged(py)?);
            Tuple::from_slice(py, &[first.as_object(), second.as_object(), all.as_object()])
        }
    }
}

/// The bytes of `separator.join(iterable)`.
pub fn join_bytes(py: Attached<'_>, separator: &[u8], iterable: &Object) -> PyResult<Vec<u8>> {
    let items = iterable.collect(py).map_err(|raised| {
        if iterable.ty().as_type().tp_iter.get().is_none() && raised.matches(py, exc::TypeError()) {
            raised.clear(py);
            return raise!(py, TypeError, "can only join an iterable");
        }
        raised
    })?;
    let mut parts = crate::reserve::with_room(py, items.len())?;
    let mut total = separator.len().saturating_mul(items.len().saturating_sub(1));
    for (at, item) in items.iter().enumerate() {
        let part = if Buffer::is_exporter(item) { BytesArg::new(py, item).ok() } else { None };
        let Some(part) = part else {
            if let Some(raised) = py.pending().map(|_| crate::Raised::assume()) {
                raised.clear(py);
            }
            let given = item.ty().tp_name();
            return Err(raise!(py, TypeError, "sequence item {at}: expected a bytes-like object, {given} found"));
        };
        total = total.saturating_add(part.as_slice().len());
        if iterable.downcast::<List>().is_some_and(|list| list.len() != items.len()) {
            return Err(raise!(py, RuntimeError, "sequence changed size during iteration"));
        }
        parts.push(part);
    }
    if total > isize::MAX as usize {
        return Err(raise!(py, OverflowError, "join() result is too long"));
    }
    let mut out = Vec::new();
    out.try_reserve_exact(total).map_err(|_| py.no_memory())?;
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(part.as_slice());
    }
    Ok(out)
}

pub fn join<S: ByteString>(py: Attached<'_>, this: &S, iterable: &Object) -> PyResult<Ref<S>> {
    let _pin = this.pin(py, Some(iterable));
    S::make(py, &join_bytes(py, &this.content(py)?, iterable)?)
}

fn strip_ends<S: ByteString>(
    py: Attached<'_>,
    this: &S,
    set: Option<&Object>,
    left: bool,
    right: bool,
) -> PyResult<Ref<S>> {
    let set = set.filter(|set| !set.is_none()).map(|set| BytesArg::new(py, set)).transpose()?;
    let text = this.content(py)?;
    let (start, end) = match &set {
        None => stringlib::strip(&text, left, right, is_space),
        Some(set) => stringlib::strip(&text, left, right, |byte| stringlib::find_unit(set.as_slice(), byte).is_some()),
    };
    if end - start == text.len() { this.unchanged(py) } else { S::make(py, &text[start..end]) }
}

pub fn strip<S: ByteString>(py: Attached<'_>, this: &S, [set]: [Option<&Object>; 1]) -> PyResult<Ref<S>> {
    strip_ends(py, this, set, true, true)
}

pub fn lstrip<S: ByteString>(py: Attached<'_>, this: &S, [set]: [Option<&Object>; 1]) -> PyResult<Ref<S>> {
    strip_ends(py, this, set, true, false)
}

pub fn rstrip<S: ByteString>(py: Attached<'_>, this: &S, [set]: [Option<&Object>; 1]) -> PyResult<Ref<S>> {
    strip_ends(py, this, set, false, true)
}

pub fn replace<S: ByteString>(py: Attached<'_>, this: &S, [old, new, count]: [Option<&Object>; 3]) -> PyResult<Ref<S>> {
    let (Some(old), Some(new)) = (old, new) else { return Err(py.bad_internal_call()) };
    let (old, new) = (BytesArg::new(py, old)?, BytesArg::new(py, new)?);
    let count = limit(isize_arg(py, count, -1)?);
    let (text, old, new) = (this.content(py)?, old.as_slice(), new.as_slice());
    let places = stringlib::matches(&text, old, count).ok_or_else(|| py.no_memory())?;
    if places.is_empty() {
        return this.unchanged(py);
    }
    let kept = text.len() - places.len() * old.len();
    let total = new.len().checked_mul(places.len()).and_then(|more| more.checked_add(kept));
    let Some(total) = total.filter(|&total| total <= isize::MAX as usize) else {
        return Err(raise!(py, OverflowError, "replace bytes is too long"));
    };
    let mut out = Vec::new();
    out.try_reserve_exact(total).map_err(|_| py.no_memory())?;
    let mut at = 0;
    for place in places {
        out.extend_from_slice(&text[at..place]);
        out.extend_from_slice(new);
        at = place + old.len();
    }
    out.extend_from_slice(&text[at..]);
    S::make(py, &out)
}

/// `maketrans(frm, to)`.
pub fn maketrans(py: Attached<'_>, [from, to]: [Option<&Object>; 2]) -> PyResult<Ref<Bytes>> {
    let (Some(from), Some(to)) = (from, to) else { return Err(py.bad_internal_call()) };
    let (from, to) = (BytesArg::new(py, from)?, BytesArg::new(py, to)?);
    if from.as_slice().len() != to.as_slice().len() {
        return Err(raise!(py, ValueError, "maketrans arguments must have same length"));
    }
    let mut table: [u8; 256] = std::array::from_fn(|byte| byte as u8);
    for (&from, &to) in from.as_slice().iter().zip(to.as_slice()) {
        table[from as usize] = to;
    }
    Bytes::new(py, &table)
}

pub fn translate<S: ByteString>(py: Attached<'_>, this: &S, [table, delete]: [Option<&Object>; 2]) -> PyResult<Ref<S>> {
    let table = table.filter(|table| !table.is_none()).map(|table| BytesArg::new(py, table)).transpose()?;
    if table.as_ref().is_some_and(|table| table.as_slice().len() != 256) {
        return Err(raise!(py, ValueError, "translation table must be 256 characters long"));
    }
    let delete = delete.map(|delete| BytesArg::new(py, delete)).transpose()?;
    let mut gone = [false; 256];
    delete.iter().flat_map(|delete| delete.as_slice()).for_each(|&byte| gone[byte as usize] = true);
    let text = this.content(py)?;
    let map = |byte: u8| table.as_ref().map_or(byte, |table| table.as_slice()[byte as usize]);
    let out: Vec<u8> = text.iter().copied().filter(|&byte| !gone[byte as usize]).map(map).collect();
    if out == *text { this.unchanged(py) } else { S::make(py, &out) }
}
