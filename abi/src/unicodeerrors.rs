//! The parts of Unicode exceptions (`pyerrors.h`).
use crate::capi::*;
use krait_object::exceptions::{UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError};
use krait_object::{Attached, Bytes, Layout, Object, PyResult, Ref, Str, raise};

/// Index of the parts.
const ENCODING: usize = 0;
const OBJECT: usize = 1;
const REASON: usize = 2;

fn instance<'a, T: Layout>(py: Attached<'_>, o: &'a Object, class: &str) -> PyResult<&'a T> {
    let any = o.downcast::<UnicodeEncodeError>().is_some()
        || o.downcast::<UnicodeDecodeError>().is_some()
        || o.downcast::<UnicodeTranslateError>().is_some();
    if !any {
        return Err(raise!(py, TypeError, "expecting a {class} object, got {}", o.ty().name()));
    }
    // SAFETY: the three classes have the same fields, and the reference takes any of them.
    Ok(unsafe { o.cast_unchecked() })
}

fn text(py: Attached<'_>, part: Option<Ref<Object>>, name: &str) -> PyResult<Ref<Object>> {
    match part {
        None => Err(raise!(py, TypeError, "UnicodeError '{name}' attribute is not set")),
        Some(part) if (*part).downcast::<Str>().is_some() => Ok(part),
        Some(part) => {
            Err(raise!(py, TypeError, "UnicodeError '{name}' attribute must be a string, not {}", part.ty().name()))
        }
    }
}

/// What could not be converted, and its length.
fn subject(py: Attached<'_>, part: Option<Ref<Object>>, as_bytes: bool) -> PyResult<(Ref<Object>, isize)> {
    let Some(part) = part else { return Err(raise!(py, TypeError, "UnicodeError 'object' attribute is not set")) };
    let len = if as_bytes {
        (*part).downcast::<Bytes>().map(|data| data.as_slice().len())
    } else {
        (*part).downcast::<Str>().map(|text| text.len())
    };
    match len {
        Some(len) => Ok((part, len as isize)),
        None => {
            let wanted = if as_bytes { "bytes" } else { "string" };
            Err(raise!(py, TypeError, "UnicodeError 'object' attribute must be a {wanted}, not {}", part.ty().name()))
        }
    }
}

/// A start inside of the text.
fn clip_start(start: isize, len: isize) -> isize {
    start.clamp(0, (len - 1).max(0))
}

/// An end inside of the text, which leaves at least one unit where there is one.
fn clip_end(end: isize, len: isize) -> isize {
    end.max(1).min(len)
}

macro_rules! accessors {
    ($($class:ident $bytes:literal: $object:ident $reason:ident $start:ident $end:ident $set_start:ident $set_end:ident $set_reason:ident;)*) => { capi! { $(
        fn $object(py, o: &Object) -> Ref<Object> {
            Ok(subject(py, instance::<$class>(py, o, stringify!($class))?.parts()[OBJECT].take(), $bytes)?.0)
        }
        fn $reason(py, o: &Object) -> Ref<Object> { text(py, instance::<$class>(py, o, stringify!($class))?.parts()[REASON].take(), "reason") }
        fn $start(py, o: &Object, out: *mut isize) -> () {
            let error = instance::<$class>(py, o, stringify!($class))?;
            let (_, len) = subject(py, error.parts()[OBJECT].take(), $bytes)?;
            if !out.is_null() { *out = clip_start(error.range().0, len) }
            Ok(())
        }
        fn $end(py, o: &Object, out: *mut isize) -> () {
            let error = instance::<$class>(py, o, stringify!($class))?;
            let (_, len) = subject(py, error.parts()[OBJECT].take(), $bytes)?;
            if !out.is_null() { *out = clip_end(error.range().1, len) }
            Ok(())
        }
        fn $set_start(py, o: &Object, start: isize) -> () {
            let error = instance::<$class>(py, o, stringify!($class))?;
            error.set_range(start, error.range().1);
            Ok(())
        }
        fn $set_end(py, o: &Object, end: isize) -> () {
            let error = instance::<$class>(py, o, stringify!($class))?;
            error.set_range(error.range().0, end);
            Ok(())
        }
        fn $set_reason(py, o: &Object, reason: Text<'_>) -> () {
            instance::<$class>(py, o, stringify!($class))?.set_reason(&*reason.obj(py)?);
            Ok(())
        }
    )* } };
}
accessors! {
    UnicodeEncodeError false: PyUnicodeEncodeError_GetObject PyUnicodeEncodeError_GetReason PyUnicodeEncodeError_GetStart PyUnicodeEncodeError_GetEnd PyUnicodeEncodeError_SetStart PyUnicodeEncodeError_SetEnd PyUnicodeEncodeError_SetReason;
    UnicodeDecodeError true: PyUnicodeDecodeError_GetObject PyUnicodeDecodeError_GetReason PyUnicodeDecodeError_GetStart PyUnicodeDecodeError_GetEnd PyUnicodeDecodeError_SetStart PyUnicodeDecodeError_SetEnd PyUnicodeDecodeError_SetReason;
    UnicodeTranslateError false: PyUnicodeTranslateError_GetObject PyUnicodeTranslateError_GetReason PyUnicodeTranslateError_GetStart PyUnicodeTranslateError_GetEnd PyUnicodeTranslateError_SetStart PyUnicodeTranslateError_SetEnd PyUnicodeTranslateError_SetReason;
}

capi! {
    fn PyUnicodeEncodeError_GetEncoding(py, o: &Object) -> Ref<Object> {
        text(py, instance::<UnicodeEncodeError>(py, o, "UnicodeEncodeError")?.parts()[ENCODING].take(), "encoding")
    }
    fn PyUnicodeDecodeError_GetEncoding(py, o: &Object) -> Ref<Object> {
        text(py, instance::<UnicodeDecodeError>(py, o, "UnicodeDecodeError")?.parts()[ENCODING].take(), "encoding")
    }
}
