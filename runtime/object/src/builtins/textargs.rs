//! Argument conversions that `str`, `bytes` and `bytearray` share.
use crate::args::Args;
use crate::handle::Attached;
use crate::{Int, Object, PyResult, Raised, Str, Type, raise};
use std::borrow::Cow;
use std::ffi::CStr;

impl Type {
    /// The type's name as messages of argument conversions show it: with the module for types made from a spec.
    pub fn tp_name(&self) -> Cow<'_, str> {
        // SAFETY: [layout]: every type has a name that lives as long as the type.
        unsafe { CStr::from_ptr(self.as_type().tp_name.get()) }.to_string_lossy()
    }
}

/// The name of an argument's type, `None` for `None`.
pub fn arg_type(object: &Object) -> Cow<'_, str> {
    if object.is_none() { Cow::Borrowed("None") } else { object.ty().tp_name() }
}

/// `f() argument must be str, not int`.
#[cold]
pub fn bad_argument(py: Attached<'_>, function: &str, which: &str, expected: &str, given: &Object) -> Raised {
    raise!(py, TypeError, "{function}() {which} must be {expected}, not {}", arg_type(given))
}

/// A `str` argument.
#[inline]
pub fn str_arg<'a>(py: Attached<'_>, function: &str, which: &str, given: &'a Object) -> PyResult<&'a Str> {
    given.downcast::<Str>().ok_or_else(|| bad_argument(py, function, which, "str", given))
}

/// An optional `str` argument without NUL, such as the name of an encoding.
pub fn name_arg<'a>(
    py: Attached<'_>,
    function: &str,
    which: &str,
    given: Option<&'a Object>,
) -> PyResult<Option<&'a str>> {
    let Some(given) = given else { return Ok(None) };
    let text = str_arg(py, function, which, given)?.to_utf8(py)?;
    if text.contains('\0') {
        return Err(raise!(py, ValueError, "embedded null character"));
    }
    Ok(Some(text))
}

/// An integer argument as a machine word.
#[inline]
pub fn isize_arg(py: Attached<'_>, given: Option<&Object>, default: isize) -> PyResult<isize> {
    match given {
        None => Ok(default),
        Some(given) => match given.downcast_exact::<Int>() {
            Some(int) if int.is_compact() => Ok(int.compact_value()),
            _ => given.as_isize(py),
        },
    }
}

/// An integer argument as a C `int`.
pub fn c_int_arg(py: Attached<'_>, given: Option<&Object>, default: i32) -> PyResult<i32> {
    let Some(given) = given else { return Ok(default) };
    let narrow = given.index(py)?.to_i64().and_then(|value| i32::try_from(value).ok());
    narrow.ok_or_else(|| raise!(py, OverflowError, "Python int too large to convert to C int"))
}

/// A position that `__setstate__` gets: an `int`, and nothing that only stands for one.
pub fn state_index(py: Attached<'_>, state: &Object) -> PyResult<isize> {
    match state.downcast::<Int>() {
        Some(_) => state.as_isize(py),
        None => Err(raise!(py, TypeError, "an integer is required")),
    }
}

/// A truth value argument.
pub fn bool_arg(py: Attached<'_>, given: Option<&Object>, default: bool) -> PyResult<bool> {
    given.map_or(Ok(default), |given| given.is_true(py))
}

/// A bound of a slice: `None` is `default`, anything else goes through `__index__` and is clamped.
pub fn slice_index(py: Attached<'_>, given: Option<&Object>, default: isize) -> PyResult<isize> {
    match given {
        None => Ok(default),
        Some(given) if given.is_none() => Ok(default),
        Some(given) if given.has_index() => given.as_isize_clamped(py),
        Some(_) => Err(raise!(py, TypeError, "slice indices must be integers or None or have an __index__ method")),
    }
}

/// The arguments of `find` and its like: what to search for, and the bounds as given.
#[inline]
pub fn search_args<'a>(
    py: Attached<'_>,
    ty: &str,
    function: &str,
    args: Args<'a>,
) -> PyResult<(&'a Object, isize, isize)> {
    if !args.names.is_empty() {
        return Err(raise!(py, TypeError, "{ty}.{function}() takes no keyword arguments"));
    }
    let pos = args.unpack(py, function, 1, 3)?;
    let start = slice_index(py, pos.get(1).copied(), 0)?;
    let end = slice_index(py, pos.get(2).copied(), isize::MAX)?;
    Ok((pos[0], start, end))
}

/// A subscript that is an integer: `IndexError` when it does not fit a machine word.
pub fn index_arg(py: Attached<'_>, key: &Object) -> PyResult<isize> {
    if let Some(int) = key.downcast_exact::<Int>().filter(|int| int.is_compact()) {
        return Ok(int.compact_value());
    }
    key.as_isize(py).map_err(|raised| {
        if raised.matches(py, crate::exc::OverflowError()) {
            raised.clear(py);
            let given = key.ty().tp_name();
            return raise!(py, IndexError, "cannot fit '{given}' into an index-sized integer");
        }
        raised
    })
}

/// The items that a slice picks: `start`, `start + step` and so on, `count` of them.
pub fn slice_positions(start: isize, step: isize, count: usize) -> impl Iterator<Item = usize> {
    (0..count as isize).map(move |at| (start + at * step) as usize)
}
