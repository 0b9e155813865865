//! Searching and splitting methods of `str`.
use super::Str;
use crate::args::Args;
use crate::builtins::stringlib::{self, Unit};
use crate::builtins::textargs::{arg_type, bad_argument, bool_arg, isize_arg, search_args};
use crate::handle::{Attached, Layout, Ref};
use crate::{List, Object, PyResult, Tuple, raise, with_units};
use krait_text::unicode;
use std::borrow::Cow;
use std::ptr;

/// The characters of `needle` as units of the kind of `_text`; `None` when they do not fit, so cannot occur.
#[inline]
pub(super) fn fit<'a, T: Unit>(_text: &[T], needle: &'a Str) -> Option<Cow<'a, [T]>> {
    if needle.kind() == T::SIZE {
        // SAFETY: [exact-size]: the needle's units are of this type.
        return Some(Cow::Borrowed(unsafe { std::slice::from_raw_parts(needle.data_ptr().cast(), needle.len()) }));
    }
    if needle.kind() > T::SIZE {
        return None;
    }
    Some(Cow::Owned(with_units!(needle, |units| units.iter().map(|unit| T::truncate(unit.to_u32())).collect())))
}

/// Limit of a count argument: negative means none.
pub(crate) fn limit(count: isize) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Str {
    /// First place of `needle` in the characters `start..end`, which are clamped as in `str.find`.
    pub fn find(&self, needle: &Str, start: isize, end: isize) -> Option<usize> {
        let (start, end) = stringlib::clamp_range(start, end, self.len());
        if start > end {
            return None;
        }
        with_units!(self, |text| {
            let found = stringlib::find(&text[start..end], &fit(text, needle)?);
            found.map(|at| start + at)
        })
    }

    /// Last place of `needle`, else as [`Str::find`].
    pub fn rfind(&self, needle: &Str, start: isize, end: isize) -> Option<usize> {
        let (start, end) = stringlib::clamp_range(start, end, self.len());
        if start > end {
            return None;
        }
        with_units!(self, |text| {
            let found = stringlib::rfind(&text[start..end], &fit(text, needle)?);
            found.map(|at| start + at)
        })
    }

    /// Non-overlapping occurrences of `needle`.
    pub fn count(&self, needle: &Str, start: isize, end: isize) -> usize {
        let (start, end) = stringlib::clamp_range(start, end, self.len());
        if start > end {
            return 0;
        }
        with_units!(self, |text| {
            fit(text, needle).map_or(0, |needle| stringlib::count(&text[start..end], &needle, usize::MAX))
        })
    }

    /// Whether `needle` occurs.
    pub fn contains_str(&self, needle: &Str) -> bool {
        self.find(needle, 0, isize::MAX).is_some()
    }

    /// Whether the characters `start..end` begin (or end, if `at_end`) with `affix`.
    pub fn has_affix(&self, affix: &Str, start: isize, end: isize, at_end: bool) -> bool {
        let (start, end) = stringlib::clamp_range(start, end, self.len());
        if start > end || affix.len() > end - start {
            return false;
        }
        with_units!(self, |text| {
            let text = &text[start..end];
            fit(text, affix).is_some_and(|affix| if at_end { text.ends_with(&affix) } else { text.starts_with(&affix) })
        })
    }

    pub(super) fn py_find(py: Attached<'_>, this: &Str, args: Args<'_>) -> PyResult<isize> {
        let (needle, start, end) = this.needle(py, "find", args)?;
        Ok(this.find(needle, start, end).map_or(-1, |at| at as isize))
    }

    pub(super) fn py_rfind(py: Attached<'_>, this: &Str, args: Args<'_>) -> PyResult<isize> {
        let (needle, start, end) = this.needle(py, "rfind", args)?;
        Ok(this.rfind(needle, start, end).map_or(-1, |at| at as isize))
    }

    pub(super) fn py_index(py: Attached<'_>, this: &Str, args: Args<'_>) -> PyResult<usize> {
        let (needle, start, end) = this.needle(py, "index", args)?;
        this.find(needle, start, end).ok_or_else(|| raise!(py, ValueError, "substring not found"))
    }

    pub(super) fn py_rindex(py: Attached<'_>, this: &Str, args: Args<'_>) -> PyResult<usize> {
        let (needle, start, end) = this.needle(py, "rindex", args)?;
        this.rfind(needle, start, end).ok_or_else(|| raise!(py, ValueError, "substring not found"))
    }

    pub(super) fn py_count(py: Attached<'_>, this: &Str, args: Args<'_>) -> PyResult<usize> {
        let (needle, start, end) = this.needle(py, "count", args)?;
        Ok(this.count(needle, start, end))
    }

    fn needle<'a>(&self, py: Attached<'_>, function: &str, args: Args<'a>) -> PyResult<(&'a Str, isize, isize)> {
        if let (Some(first), true) = (args.pos.first(), args.names.is_empty() && args.pos.len() <= 3)
            && first.downcast::<Str>().is_none()
        {
            return Err(bad_argument(py, function, "argument 1", "str", first));
        }
        let (needle, start, end) = search_args(py, "str", function, args)?;
        match needle.downcast::<Str>() {
            Some(needle) => Ok((needle, start, end)),
            None => Err(bad_argument(py, function, "argument 1", "str", needle)),
        }
    }

    pub(super) fn py_startswith(py: Attached<'_>, this: &Str, args: Args<'_>) -> PyResult<bool> {
        this.affix_test(py, "startswith", args, false)
    }

    pub(super) fn py_endswith(py: Attached<'_>, this: &Str, args: Args<'_>) -> PyResult<bool> {
        this.affix_test(py, "endswith", args, true)
    }

    fn affix_test(&self, py: Attached<'_>, function: &str, args: Args<'_>, at_end: bool) -> PyResult<bool> {
        let (affix, start, end) = search_args(py, "str", function, args)?;
        if let Some(affix) = affix.downcast::<Str>() {
            return Ok(self.has_affix(affix, start, end, at_end));
        }
        let Some(all) = affix.downcast::<Tuple>() else {
            let given = affix.ty().tp_name();
            return Err(raise!(py, TypeError, "{function} first arg must be str or a tuple of str, not {given}"));
        };
        for affix in all.as_slice() {
            let Some(affix) = affix.downcast::<Str>() else {
                let given = affix.ty().tp_name();
                return Err(raise!(py, TypeError, "tuple for {function} must only contain str, not {given}"));
            };
            if self.has_affix(affix, start, end, at_end) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `value in self`.
    pub fn contains_object(py: Attached<'_>, this: &Str, value: &Object) -> PyResult<bool> {
        match value.downcast::<Str>() {
            Some(value) => Ok(this.contains_str(value)),
            None => Err(raise!(
                py,
                TypeError,
                "'in <string>' requires string as left operand, not {}",
                value.ty().tp_name()
            )),
        }
    }

    pub(super) fn py_removeprefix(py: Attached<'_>, this: &Str, prefix: &Object) -> PyResult<Ref<Str>> {
        let Some(prefix) = prefix.downcast::<Str>() else {
            return Err(bad_argument(py, "removeprefix", "argument", "str", prefix));
        };
        let start = if this.has_affix(prefix, 0, isize::MAX, false) { prefix.len() } else { 0 };
        this.substring(py, start, this.len())
    }

    pub(super) fn py_removesuffix(py: Attached<'_>, this: &Str, suffix: &Object) -> PyResult<Ref<Str>> {
        let Some(suffix) = suffix.downcast::<Str>() else {
            return Err(bad_argument(py, "removesuffix", "argument", "str", suffix));
        };
        let cut = if this.has_affix(suffix, 0, isize::MAX, true) { suffix.len() } else { 0 };
        this.substring(py, 0, this.len() - cut)
    }

    fn separator<'a>(py: Attached<'_>, sep: &'a Object, expected: &str) -> PyResult<&'a Str> {
        let Some(sep) = sep.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "must be {expected}, not {}", sep.ty().tp_name()));
        };
        if sep.is_empty() {
            return Err(raise!(py, ValueError, "empty separator"));
        }
        Ok(sep)
    }

    /// The parts before and after the separator, and the separator.
    fn cut_at(&self, py: Attached<'_>, at: usize, sep: &Str) -> PyResult<Ref<Tuple>> {
        let (head, tail) = (self.substring(py, 0, at)?, self.substring(py, at + sep.len(), self.len())?);
        Tuple::from_slice(py, &[head.as_object(), sep.as_object(), tail.as_object()])
    }

    pub(super) fn py_partition(py: Attached<'_>, this: &Str, sep: &Object) -> PyResult<Ref<Tuple>> {
        let sep = Self::separator(py, sep, "str")?;
        match this.find(sep, 0, isize::MAX) {
            Some(at) => this.cut_at(py, at, sep),
            None => {
                let (all, empty) = (this.to_exact(py)?, Str::empty_static().as_object());
                Tuple::from_slice(py, &[all.as_object(), empty, empty])
            }
        }
    }

    pub(super) fn py_rpartition(py: Attached<'_>, this: &Str, sep: &Object) -> PyResult<Ref<Tuple>> {
        let sep = Self::separator(py, sep, "str")?;
        match this.rfind(sep, 0, isize::MAX) {
            Some(at) => this.cut_at(py, at, sep),
            None => {
                let (all, empty) = (this.to_exact(py)?, Str::empty_static().as_object());
                Tuple::from_slice(py, &[empty, empty, all.as_object()])
            }
        }
    }

    pub(super) fn py_split(py: Attached<'_>, this: &Str, [sep, max]: [Option<&Object>; 2]) -> PyResult<Ref<List>> {
        let max = limit(isize_arg(py, max, -1)?);
        match sep.filter(|sep| !sep.is_none()) {
            Some(sep) => this.split(py, Some(Self::separator(py, sep, "str or None")?), max),
            None => this.split(py, None, max),
        }
    }

    /// `self.split(sep, max)`; `sep` is not empty.
    pub fn split(&self, py: Attached<'_>, sep: Option<&Str>, max: usize) -> PyResult<Ref<List>> {
        let mut parts = Vec::new();
        let emit = |start, end| -> PyResult<()> {
            parts.push(self.substring(py, start, end)?.upcast());
            Ok(())
        };
        match sep {
            None => with_units!(self, |text| {
                stringlib::split_space(text, max, |unit| unicode::is_space(unit.to_u32()), emit)
            })?,
            Some(sep) => with_units!(self, |text| match fit(text, sep) {
                Some(sep) => stringlib::split(text, &sep, max, emit),
                None => stringlib::split(text, text, 0, emit),
            })?,
        }
        List::from_vec(py, parts)
    }

    pub(super) fn py_rsplit(py: Attached<'_>, this: &Str, [sep, max]: [Option<&Object>; 2]) -> PyResult<Ref<List>> {
        let max = limit(isize_arg(py, max, -1)?);
        let mut parts = Vec::new();
        let emit = |start, end| -> PyResult<()> {
            parts.push(this.substring(py, start, end)?.upcast());
            Ok(())
        };
        match sep.filter(|sep| !sep.is_none()) {
            None => with_units!(this, |text| {
                stringlib::rsplit_space(text, max, |unit| unicode::is_space(unit.to_u32()), emit)
            })?,
            Some(sep) => {
                let sep = Self::separator(py, sep, "str or None")?;
                with_units!(this, |text| match fit(text, sep) {
                    Some(sep) => stringlib::rsplit(text, &sep, max, emit),
                    None => stringlib::rsplit(text, text, 0, emit),
                })?;
            }
        }
        parts.reverse();
        List::from_vec(py, parts)
    }

    pub(super) fn py_splitlines(py: Attached<'_>, this: &Str, [keep]: [Option<&Object>; 1]) -> PyResult<Ref<List>> {
        let keep = bool_arg(py, keep, false)?;
        let mut parts = Vec::new();
        with_units!(this, |text| {
            stringlib::splitlines(
                text,
                keep,
                |unit| unicode::is_linebreak(unit.to_u32()),
                |start, end| -> PyResult<()> {
                    parts.push(this.substring(py, start, end)?.upcast());
                    Ok(())
                },
            )
        })?;
        List::from_vec(py, parts)
    }

    /// `self.join(iterable)`.
    pub fn join(py: Attached<'_>, this: &Str, iterable: &Object) -> PyResult<Ref<Str>> {
        let items = match iterable.downcast_exact::<List>() {
            Some(list) => {
                // Joining strings runs no Python code, so the list can stay locked.
                let list = list.lock(py);
                match list.as_slice() {
                    Some(items) => return this.join_items(py, items),
                    None => list.to_vec(py)?,
                }
            }
            None => match iterable.downcast_exact::<Tuple>() {
                Some(tuple) => return this.join_items(py, tuple.as_slice()),
                None => match iterable.collect(py) {
                    Ok(items) => items,
                    Err(raised) => {
                        let no_iterator = iterable.ty().as_type().tp_iter.get().is_none();
                        if no_iterator && raised.matches(py, crate::exc::TypeError()) {
                            raised.clear(py);
                            return Err(raise!(py, TypeError, "can only join an iterable"));
                        }
                        return Err(raised);
                    }
                },
            },
        };
        this.join_items(py, crate::args::as_borrowed(&items))
    }

    /// Joins items, which must be strings.
    pub fn join_items(&self, py: Attached<'_>, items: &[&Object]) -> PyResult<Ref<Str>> {
        if let [only] = items
            && let Some(only) = only.downcast_exact::<Str>()
        {
            return Ok(only.to_ref());
        }
        if let Some((at, item)) = items.iter().enumerate().find(|(_, item)| item.downcast::<Str>().is_none()) {
            let given = arg_type_or_none(item);
            return Err(raise!(py, TypeError, "sequence item {at}: expected str instance, {given} found"));
        }
        // SAFETY: all are strings, and a borrowed string is a borrowed object.
        let parts = unsafe { &*(ptr::from_ref(items) as *const [&Str]) };
        self.join_all(py, parts).map_err(|raised| {
            if raised.matches(py, crate::exc::OverflowError()) {
                raised.clear(py);
                return raise!(py, OverflowError, "join() result is too long for a Python string");
            }
            raised
        })
    }
}

fn arg_type_or_none(object: &Object) -> Cow<'_, str> {
    if object.is_none() { Cow::Borrowed("NoneType") } else { arg_type(object) }
}
