//! `UnicodeError` and its three concrete classes.
use super::{BaseException, ExceptionFields, ValueError, exception, object_member};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{PyBaseExceptionObject, PyUnicodeErrorObject};
use crate::{Bytes, Object, PyResult, Str, raise};
use std::mem::offset_of;

const ENCODING: usize = offset_of!(PyUnicodeErrorObject, encoding);
const OBJECT: usize = offset_of!(PyUnicodeErrorObject, object);
const REASON: usize = offset_of!(PyUnicodeErrorObject, reason);
const FIELDS: &[usize] = &[ENCODING, OBJECT, REASON];

exception!(
    UnicodeError(ValueError), PyBaseExceptionObject, &[], "A text cannot be encoded or decoded.",
    slots: { tp_new = BaseException::new_object }
);

macro_rules! unicode_exception {
    ($name:ident, $doc:literal, $init:path, $str:path) => {
        exception!(
            $name(UnicodeError), PyUnicodeErrorObject, FIELDS, $doc,
            slots: { tp_new = BaseException::new_object, tp_init = $init, tp_str = $str },
            members: [
                object_member("encoding\0", ENCODING, c"The codec's name."),
                object_member("object\0", OBJECT, c"What was to be converted."),
                crate::typedef::member("start\0", Py_T_PYSSIZET, offset_of!(PyUnicodeErrorObject, start), 0, c"First bad index."),
                crate::typedef::member("end\0", Py_T_PYSSIZET, offset_of!(PyUnicodeErrorObject, end), 0, c"Index after the last bad one."),
                object_member("reason\0", REASON, c"Why it failed."),
            ]
        );

        impl $name {
            /// Start and end of the bad part.
            pub fn range(&self) -> (isize, isize) {
                (self.0.start.get(), self.0.end.get())
            }

            /// Moves the bad part.
            pub fn set_range(&self, start: isize, end: isize) {
                self.0.start.set(start);
                self.0.end.set(end);
            }

            /// Codec name, object and reason, as far as they are set.
            pub fn parts(&self) -> [Option<Ref<Object>>; 3] {
                [ENCODING, OBJECT, REASON].map(|field| self.field(field).get())
            }

            /// Replaces the reason.
            pub fn set_reason(&self, reason: &Str) {
                drop(self.field(REASON).replace(Some(reason.as_object().to_ref())));
            }
        }
    };
}

unicode_exception!(UnicodeDecodeError, "Bytes cannot be decoded.", UnicodeDecodeError::init, UnicodeDecodeError::str);
unicode_exception!(UnicodeEncodeError, "A text cannot be encoded.", UnicodeEncodeError::init, UnicodeEncodeError::str);
unicode_exception!(
    UnicodeTranslateError,
    "A text cannot be translated.",
    UnicodeTranslateError::init,
    UnicodeTranslateError::str
);

/// The arguments of a constructor, in the words of a C function that does not say its name.
fn exactly<'a>(py: Attached<'_>, args: Args<'a>, class: &str, count: usize) -> PyResult<&'a [&'a Object]> {
    args.no_keywords(py, class)?;
    if args.pos.len() != count {
        let given = args.pos.len();
        return Err(raise!(py, TypeError, "function takes exactly {count} arguments ({given} given)"));
    }
    Ok(args.pos)
}

fn want_str(py: Attached<'_>, at: usize, value: &Object) -> PyResult<()> {
    if value.downcast::<Str>().is_some() {
        return Ok(());
    }
    Err(raise!(py, TypeError, "argument {at} must be str, not {}", crate::builtins::textargs::arg_type(value)))
}

/// Stores the arguments; `object` may be any value the caller has checked.
fn store<T: ExceptionFields>(
    py: Attached<'_>,
    this: &T,
    raw: &PyUnicodeErrorObject,
    encoding: Option<&Object>,
    object: Ref<Object>,
    rest: &[&Object],
) -> PyResult<()> {
    let (start, end) = (rest[0].as_isize(py)?, rest[1].as_isize(py)?);
    drop(this.field(ENCODING).replace(encoding.map(Layout::to_ref)));
    drop(this.field(OBJECT).replace(Some(object)));
    drop(this.field(REASON).replace(Some(rest[2].to_ref())));
    raw.start.set(start);
    raw.end.set(end);
    Ok(())
}

/// Text of a unit for messages.
fn escaped(point: u32) -> String {
    match point {
        0..=0xff => format!("\\x{point:02x}"),
        0x100..=0xffff => format!("\\u{point:04x}"),
        _ => format!("\\U{point:08x}"),
    }
}

/// The single item that an error is about, if it is about one.
fn single(raw: &PyUnicodeErrorObject, len: usize) -> Option<usize> {
    let (start, end) = (raw.start.get(), raw.end.get());
    let at = usize::try_from(start).ok().filter(|at| *at < len)?;
    (start.checked_add(1) == Some(end)).then_some(at)
}

/// The object an error is about, looked up after its other attributes were turned into text.
fn subject<T: ExceptionFields>(py: Attached<'_>, this: &T) -> PyResult<Ref<Object>> {
    this.field(OBJECT).get().ok_or_else(|| raise!(py, TypeError, "object attribute not set"))
}

fn text(py: Attached<'_>, value: Option<Ref<Object>>) -> PyResult<String> {
    match value {
        Some(value) => Ok(value.str(py)?.to_string()),
        None => Ok("None".to_owned()),
    }
}

impl UnicodeDecodeError {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        BaseException::init(py, this.base_exception(), args)?;
        let pos = exactly(py, args, "UnicodeDecodeError", 5)?;
        want_str(py, 1, pos[0])?;
        let object = match pos[1].downcast::<Bytes>() {
            Some(bytes) => bytes.as_object().to_ref(),
            None => pos[1].bytes(py)?.upcast(),
        };
        want_str(py, 5, pos[4])?;
        store(py, this, &this.0, Some(pos[0]), object, &pos[2..])
    }

    fn str(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let [encoding, object, reason] = this.parts();
        if object.is_none() {
            return Str::new(py, "");
        }
        let (reason, encoding) = (text(py, reason)?, text(py, encoding)?);
        let object = subject(py, this)?;
        let bytes = object.downcast::<Bytes>().map_err(|_| raise!(py, TypeError, "object attribute must be bytes"))?;
        let (start, last) = (this.0.start.get(), this.0.end.get().wrapping_sub(1));
        let message = match single(&this.0, bytes.as_slice().len()) {
            Some(at) => {
                let byte = bytes.as_slice()[at];
                format!("'{encoding}' codec can't decode byte 0x{byte:02x} in position {start}: {reason}")
            }
            None => format!("'{encoding}' codec can't decode bytes in position {start}-{last}: {reason}"),
        };
        Str::new(py, &message)
    }
}

impl UnicodeEncodeError {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        BaseException::init(py, this.base_exception(), args)?;
        let pos = exactly(py, args, "UnicodeEncodeError", 5)?;
        for at in [0, 1, 4] {
            want_str(py, at + 1, pos[at])?;
        }
        store(py, this, &this.0, Some(pos[0]), pos[1].to_ref(), &pos[2..])
    }

    fn str(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let [encoding, object, reason] = this.parts();
        if object.is_none() {
            return Str::new(py, "");
        }
        let (reason, encoding) = (text(py, reason)?, text(py, encoding)?);
        let object = subject(py, this)?;
        let object = object.downcast::<Str>().map_err(|_| raise!(py, TypeError, "object attribute must be unicode"))?;
        let (start, last) = (this.0.start.get(), this.0.end.get().wrapping_sub(1));
        let message = if let Some(at) = single(&this.0, object.len()) {
            let point = escaped(object.char_at(at));
            format!("'{encoding}' codec can't encode character '{point}' in position {start}: {reason}")
        } else {
            format!("'{encoding}' codec can't encode characters in position {start}-{last}: {reason}")
        };
        Str::new(py, &message)
    }
}

impl UnicodeTranslateError {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        BaseException::init(py, this.base_exception(), args)?;
        let pos = exactly(py, args, "UnicodeTranslateError", 4)?;
        for at in [0, 3] {
            want_str(py, at + 1, pos[at])?;
        }
        store(py, this, &this.0, None, pos[0].to_ref(), &pos[1..])
    }

    fn str(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let [_, object, reason] = this.parts();
        if object.is_none() {
            return Str::new(py, "");
        }
        let reason = text(py, reason)?;
        let object = subject(py, this)?;
        let object = object.downcast::<Str>().map_err(|_| raise!(py, TypeError, "object attribute must be unicode"))?;
        let (start, last) = (this.0.start.get(), this.0.end.get().wrapping_sub(1));
        let message = if let Some(at) = single(&this.0, object.len()) {
            format!("can't translate character '{}' in position {start}: {reason}", escaped(object.char_at(at)))
        } else {
            format!("can't translate characters in position {start}-{last}: {reason}")
        };
        Str::new(py, &message)
    }
}
