//! The argument half of `modsupport.h`: what a format says, and the calls that the argument clinic writes.
use crate::capi::*;
use crate::varargs::{Va, VaList};
use krait_layout::*;
use krait_object::args::{Args, ArgsBuf, Callee, Params};
use krait_object::{
    Attached, ByteArray, Bytes, Complex, Dict, Float, Int, Layout, Object, PyResult, Str, Tuple, Type, raise,
};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

/// What a failing conversion says about its argument.
enum Fault {
    /// "must be {expected}, not {type}"
    Kind(&'static str),
    /// A whole message.
    Text(String),
    /// The error is set.
    Set,
}

/// What a conversion took that is to be given back when a later argument fails.
enum Held {
    Buffer(*mut Py_buffer),
    /// Memory of an encoded copy, and the place that holds it.
    Copy(*mut *mut c_char),
    /// A converter that is called again, without an argument.
    Converter(Converter, *mut c_void),
}

type Converter = unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int;
/// What a converter returns that is to be called again.
const CLEANUP: c_int = 0x20000;

impl Held {
    /// # Safety
    /// The place is still the caller's.
    unsafe fn give_back(self, py: Attached<'_>) {
        // SAFETY: by the contract; filled by an earlier conversion.
        unsafe {
            match self {
                Held::Buffer(view) => krait_object::protocols::buffer::release_buffer(py, &mut *view),
                Held::Copy(place) => {
                    crate::pymem::PyMem_Free((*place).cast());
                    *place = ptr::null_mut();
                }
                Held::Converter(convert, out) => {
                    let kept = py.take_raised();
                    convert(ptr::null_mut(), out);
                    if let Some(kept) = kept {
                        let _raised = py.restore(kept);
                    }
                }
            }
        }
    }
}

struct Parser<'f, 'v> {
    format: &'f [u8],
    at: usize,
    va: &'v mut Va,
    held: Vec<Held>,
    /// Where the current unit stands in nested sequences.
    place: Vec<usize>,
}

impl Parser<'_, '_> {
    fn peek(&self) -> u8 {
        self.format.get(self.at).copied().unwrap_or(0)
    }

    fn next_is(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    /// How many units there are up to the closing parenthesis.
    fn units_inside(&self) -> usize {
        let (mut depth, mut count, mut before) = (0, 0, 0);
        for &byte in &self.format[self.at..] {
            match byte {
                b')' if depth == 0 => break,
                b')' => depth -= 1,
                b'(' => {
                    count += usize::from(depth == 0);
                    depth += 1;
                }
                b's' | b't' if before == b'e' => {}
                byte if depth == 0 && byte.is_ascii_alphabetic() => count += 1,
                _ => {}
            }
            before = byte;
        }
        count
    }

    /// Whether a unit up to the closing parenthesis gives a pointer into an item, which only a tuple surely keeps.
    fn borrows_inside(&self) -> bool {
        let mut depth = 0;
        let rest = &self.format[self.at..];
        for (at, byte) in rest.iter().enumerate() {
            let next = rest.get(at + 1).copied().unwrap_or(0);
            match byte {
                b')' if depth == 0 => break,
                b')' => depth -= 1,
                b'(' => depth += 1,
                b's' | b't' if at > 0 && rest[at - 1] == b'e' => {}
                b'O' if next != b'&' => return true,
                b'S' | b'Y' | b'U' => return true,
                b's' | b'z' | b'y' if next != b'*' => return true,
                _ => {}
            }
        }
        false
    }

    /// Converts one argument where that is quickly done; false where nothing was done.
    ///
    /// # Safety
    /// The places match the format.
    #[inline]
    unsafe fn common(&mut self, arg: &Object) -> bool {
        let next = self.format.get(self.at + 1).copied().unwrap_or(0);
        // SAFETY: by the contract.
        unsafe {
            match self.peek() {
                b'O' if next != b'!' && next != b'&' => *self.va.ptr() = arg.as_ptr(),
                b'i' => match arg.downcast_exact::<Int>() {
                    Some(value) if value.is_compact() => *self.va.ptr() = value.compact_value() as c_int,
                    _ => return false,
                },
                b's' if next != b'*' && next != b'#' => match arg.downcast_exact::<Str>().and_then(Str::as_str) {
                    Some(text) if !text.as_bytes().contains(&0) => *self.va.ptr() = text.as_ptr().cast::<c_char>(),
                    _ => return false,
                },
                _ => return false,
            }
        }
        self.at += 1;
        true
    }

    /// Converts one argument, or (for `None`) only takes its places from the list.
    unsafe fn unit(&mut self, py: Attached<'_>, arg: Option<&Object>) -> Result<(), Fault> {
        let unit = self.peek();
        self.at += 1;
        // SAFETY: the places match the format.
        unsafe {
            match unit {
                b'(' => {
                    let Some(arg) = arg else {
                        while !self.next_is(b')') && self.peek() != 0 {
                            self.unit(py, None)?;
                        }
                        return Ok(());
                    };
                    let count = self.units_inside();
                    let is_tuple = arg.downcast::<Tuple>().is_some();
                    let is_text = arg.downcast::<Str>().is_some()
                        || arg.downcast::<Bytes>().is_some()
                        || arg.downcast::<ByteArray>().is_some();
                    if !is_tuple && (!arg.is_sequence() || is_text) {
                        return Err(Fault::Text(format!("must be {count}-item tuple, not {}", shown(arg))));
                    }
                    let wants_tuple = is_tuple || self.borrows_inside();
                    if wants_tuple && !is_tuple {
                        let text = format!("argument must be {count}-item tuple, not {}", shown(arg));
                        let category = krait_object::exc::DeprecationWarning();
                        (krait_object::hooks::hooks().warn)(py, category, &text, 1).map_err(|_| Fault::Set)?;
                    }
                    let items = arg.sequence_tuple(py).map_err(|_| Fault::Set)?;
                    if count != items.len() {
                        let kind = if wants_tuple { "tuple" } else { "sequence" };
                        return Err(Fault::Text(format!("must be {kind} of length {count}, not {}", items.len())));
                    }
                    for place in 0..count {
                        self.place.push(place);
                        self.unit(py, items.get(place))?;
                        self.place.pop();
                    }
                    self.at += 1;
                    // The items outlive the call only if the sequence keeps them, as borrowed results demand.
                    Ok(())
                }
                b'b' | b'B' | b'h' | b'H' | b'i' | b'I' | b'l' | b'k' | b'L' | b'K' | b'n' => {
                    self.integer(py, unit, arg)
                }
                b'f' => {
                    let out = self.va.ptr::<f32>();
                    if let Some(arg) = arg {
                        *out = arg.as_f64(py).map_err(|_| Fault::Set)? as f32;
                    }
                    Ok(())
                }
                b'd' => {
                    let out = self.va.ptr::<f64>();
                    if let Some(arg) = arg {
                        *out = match arg.downcast::<Float>() {
                            Some(value) => value.value(),
                            None => arg.as_f64(py).map_err(|_| Fault::Set)?,
                        };
                    }
                    Ok(())
                }
                b'D' => {
                    let out = self.va.ptr::<crate::longobject::ComplexValue>();
                    if let Some(arg) = arg {
                        let (real, imag) = match arg.downcast::<Complex>() {
                            Some(value) => value.value(),
                            None => Complex::from_object(py, arg).map_err(|_| Fault::Set)?,
                        };
                        *out = crate::longobject::ComplexValue { real, imag };
                    }
                    Ok(())
                }
                b'c' => {
                    let out = self.va.ptr::<c_char>();
                    if let Some(arg) = arg {
                        let (data, kind) = match (arg.downcast::<Bytes>(), arg.downcast::<ByteArray>()) {
                            (Some(data), _) => (data.as_slice().to_vec(), "bytes"),
                            (_, Some(data)) => (data.to_vec(py).map_err(|_| Fault::Set)?, "bytearray"),
                            _ => return Err(Fault::Kind("a byte string of length 1")),
                        };
                        let [byte] = *data.as_slice() else {
                            let length = data.len();
                            return Err(Fault::Text(format!(
                                "must be a byte string of length 1, not a {kind} object of length {length}"
                            )));
                        };
                        *out = byte as c_char;
                    }
                    Ok(())
                }
                b'C' => {
                    let out = self.va.ptr::<c_int>();
                    if let Some(arg) = arg {
                        match arg.downcast::<Str>() {
                            Some(text) if text.len() == 1 => *out = text.char_at(0) as c_int,
                            Some(text) => {
                                return Err(Fault::Text(format!(
                                    "must be a unicode character, not a string of length {}",
                                    text.len()
                                )));
                            }
                            None => return Err(Fault::Kind("a unicode character")),
                        }
                    }
                    Ok(())
                }
                b'p' => {
                    let out = self.va.ptr::<c_int>();
                    if let Some(arg) = arg {
                        *out = c_int::from(arg.is_true(py).map_err(|_| Fault::Set)?);
                    }
                    Ok(())
                }
                b'w' if self.peek() != b'*' => Err(Fault::Text("(invalid use of 'w' format character)".to_owned())),
                b's' | b'z' | b'y' | b'w' => self.text(py, unit, arg),
                b'e' => self.encoded(py, arg),
                b'S' | b'Y' | b'U' => {
                    let out = self.va.ptr::<*mut PyObject>();
                    let Some(arg) = arg else { return Ok(()) };
                    let (fits, wanted) = match unit {
                        b'S' => (arg.downcast::<Bytes>().is_some(), "bytes"),
                        b'Y' => (arg.downcast::<ByteArray>().is_some(), "bytearray"),
                        _ => (arg.downcast::<Str>().is_some(), "str"),
                    };
                    if !fits {
                        return Err(Fault::Kind(wanted));
                    }
                    *out = arg.as_ptr();
                    Ok(())
                }
                b'O' => self.object(py, arg),
                _ => Err(Fault::Text("(impossible<bad format char>)".to_owned())),
            }
        }
    }

    unsafe fn integer(&mut self, py: Attached<'_>, unit: u8, arg: Option<&Object>) -> Result<(), Fault> {
        let out = self.va.ptr::<c_void>();
        let Some(arg) = arg else { return Ok(()) };
        let set = |_| Fault::Set;
        // SAFETY: the place has the type that the unit says.
        unsafe {
            match unit {
                b'B' => *out.cast::<u8>() = arg.as_u64_mask(py).map_err(set)? as u8,
                b'H' => *out.cast::<u16>() = arg.as_u64_mask(py).map_err(set)? as u16,
                b'I' => *out.cast::<u32>() = arg.as_u64_mask(py).map_err(set)? as u32,
                b'k' | b'K' => {
                    if arg.downcast::<Int>().is_none() && !arg.has_index() {
                        return Err(Fault::Kind("int"));
                    }
                    *out.cast::<u64>() = arg.as_u64_mask(py).map_err(set)?;
                }
                _ => {
                    let value = arg.index(py).map_err(set)?;
                    let fault = |name: &str| {
                        let _ = raise!(py, OverflowError, "Python int too large to convert to C {name}");
                        Fault::Set
                    };
                    let wide = value.to_i64().ok_or_else(|| match unit {
                        b'L' => {
                            let _ = raise!(py, OverflowError, "int too big to convert");
                            Fault::Set
                        }
                        b'n' => fault("ssize_t"),
                        _ => fault("long"),
                    })?;
                    let bound = |least: i64, most: i64, name: &str| {
                        if wide < least {
                            let _ = raise!(py, OverflowError, "{name} is less than minimum");
                            return Err(Fault::Set);
                        }
                        if wide > most {
                            let _ = raise!(py, OverflowError, "{name} is greater than maximum");
                            return Err(Fault::Set);
                        }
                        Ok(())
                    };
                    match unit {
                        b'b' => {
                            bound(0, 255, "unsigned byte integer")?;
                            *out.cast::<u8>() = wide as u8;
                        }
                        b'h' => {
                            bound(i64::from(i16::MIN), i64::from(i16::MAX), "signed short integer")?;
                            *out.cast::<i16>() = wide as i16;
                        }
                        b'i' => {
                            bound(i64::from(i32::MIN), i64::from(i32::MAX), "signed integer")?;
                            *out.cast::<i32>() = wide as i32;
                        }
                        _ => *out.cast::<i64>() = wide,
                    }
                }
            }
        }
        Ok(())
    }

    unsafe fn text(&mut self, py: Attached<'_>, unit: u8, arg: Option<&Object>) -> Result<(), Fault> {
        // SAFETY: the places match the format.
        unsafe {
            if self.next_is(b'*') {
                let view = self.va.ptr::<Py_buffer>();
                let Some(arg) = arg else { return Ok(()) };
                if unit == b'z' && arg.is_none() {
                    let _ =
                        krait_object::protocols::buffer::fill_info(py, &mut *view, None, ptr::null_mut(), 0, true, 0);
                    return Ok(());
                }
                (*view).obj = ptr::null_mut();
                if let Some(text) = arg.downcast::<Str>()
                    && unit != b'y'
                    && unit != b'w'
                {
                    let data = text.to_utf8(py).map_err(|_| Fault::Set)?;
                    krait_object::protocols::buffer::fill_info(
                        py,
                        &mut *view,
                        Some(arg),
                        data.as_ptr().cast_mut().cast(),
                        data.len() as isize,
                        true,
                        0,
                    )
                    .map_err(|_| Fault::Set)?;
                } else {
                    let flags = if unit == b'w' { 1 } else { 0 };
                    if let Err(raised) = krait_object::protocols::buffer::get_buffer(py, arg, &mut *view, flags) {
                        if unit != b'w' {
                            return Err(Fault::Set);
                        }
                        raised.clear(py);
                        return Err(Fault::Kind("read-write bytes-like object"));
                    }
                }
                self.held.push(Held::Buffer(view));
                return Ok(());
            }
            let out = self.va.ptr::<*const c_char>();
            let length = self.next_is(b'#').then(|| self.va.ptr::<isize>());
            let Some(arg) = arg else { return Ok(()) };
            let data: &[u8] = if unit == b'z' && arg.is_none() {
                *out = ptr::null();
                if let Some(length) = length {
                    *length = 0;
                }
                return Ok(());
            } else if let Some(text) = arg.downcast::<Str>().filter(|_| unit != b'y') {
                text.to_utf8(py).map_err(|_| Fault::Set)?.as_bytes()
            } else if unit == b'y' || length.is_some() {
                plain_buffer(py, arg)?
            } else {
                return Err(Fault::Kind(if unit == b'z' { "str or None" } else { "str" }));
            };
            *out = data.as_ptr().cast();
            match length {
                Some(length) => *length = data.len() as isize,
                None if data.contains(&0) => {
                    let _ = match unit {
                        b'y' => raise!(py, ValueError, "embedded null byte"),
                        _ => raise!(py, ValueError, "embedded null character"),
                    };
                    return Err(Fault::Set);
                }
                None => {}
            }
            Ok(())
        }
    }

    /// `es`, `et` and their forms with a length: a copy in an encoding.
    unsafe fn encoded(&mut self, py: Attached<'_>, arg: Option<&Object>) -> Result<(), Fault> {
        let kind = self.peek();
        if !matches!(kind, b's' | b't') {
            return Err(Fault::Text("(impossible<bad format char>)".to_owned()));
        }
        self.at += 1;
        // SAFETY: the places match the format.
        unsafe {
            let encoding = opt_text(self.va.ptr::<c_char>()).unwrap_or("utf-8");
            let out = self.va.ptr::<*mut c_char>();
            let length = self.next_is(b'#').then(|| self.va.ptr::<isize>());
            let Some(arg) = arg else { return Ok(()) };
            let data = match arg.downcast::<Str>() {
                Some(text) => krait_object::codecs::encode(py, text, Some(encoding), None)
                    .map_err(|_| Fault::Set)?
                    .as_slice()
                    .to_vec(),
                None if kind == b't' => match (arg.downcast::<Bytes>(), arg.downcast::<ByteArray>()) {
                    (Some(data), _) => data.as_slice().to_vec(),
                    (_, Some(data)) => data.to_vec(py).map_err(|_| Fault::Set)?,
                    _ => return Err(Fault::Kind("str, bytes or bytearray")),
                },
                None => return Err(Fault::Kind("str")),
            };
            if length.is_none() && data.contains(&0) {
                return Err(Fault::Kind("encoded string without null bytes"));
            }
            if let Some(length) = length {
                if !(*out).is_null() && *length < data.len() as isize + 1 {
                    let _ = raise!(
                        py,
                        ValueError,
                        "encoded string too long ({}, maximum length {})",
                        data.len(),
                        *length - 1
                    );
                    return Err(Fault::Set);
                }
                *length = data.len() as isize;
            }
            if length.is_none() || (*out).is_null() {
                *out = crate::pymem::PyMem_Malloc(data.len() + 1).cast();
                if (*out).is_null() {
                    let _ = py.no_memory();
                    return Err(Fault::Set);
                }
                self.held.push(Held::Copy(out));
            }
            ptr::copy_nonoverlapping(data.as_ptr(), (*out).cast(), data.len());
            *(*out).add(data.len()) = 0;
            Ok(())
        }
    }

    unsafe fn object(&mut self, _py: Attached<'_>, arg: Option<&Object>) -> Result<(), Fault> {
        // SAFETY: the places match the format.
        unsafe {
            if self.next_is(b'!') {
                let ty = Type::from_type_ptr(self.va.ptr());
                let out = self.va.ptr::<*mut PyObject>();
                let Some(arg) = arg else { return Ok(()) };
                if !arg.ty().is_subtype_of(ty) {
                    return Err(Fault::Text(format!("must be {}, not {}", ty.tp_name(), shown(arg))));
                }
                *out = arg.as_ptr();
                return Ok(());
            }
            if self.next_is(b'&') {
                let convert = std::mem::transmute::<*mut c_void, Converter>(self.va.raw());
                let out = self.va.raw();
                let Some(arg) = arg else { return Ok(()) };
                return match convert(arg.as_ptr(), out) {
                    0 => Err(Fault::Set),
                    CLEANUP => {
                        self.held.push(Held::Converter(convert, out));
                        Ok(())
                    }
                    _ => Ok(()),
                };
            }
            let out = self.va.ptr::<*mut PyObject>();
            if let Some(arg) = arg {
                *out = arg.as_ptr();
            }
            Ok(())
        }
    }
}

/// The bytes of an object that lends them without wanting them back.
fn plain_buffer<'a>(py: Attached<'_>, arg: &'a Object) -> Result<&'a [u8], Fault> {
    use krait_object::protocols::buffer::Buffer;
    // SAFETY: the table of a type lives as long as the type.
    let wants_back = unsafe { arg.ty().as_type().tp_as_buffer.get().as_ref() }
        .is_some_and(|table| table.bf_releasebuffer.get().is_some());
    if Buffer::is_exporter(arg) && wants_back {
        return Err(Fault::Kind("read-only bytes-like object"));
    }
    let buffer = Buffer::get(py, arg, PyBUF_SIMPLE).map_err(|_| Fault::Set)?;
    let view = buffer.view();
    // SAFETY: the object keeps the memory, since it does not ask for its return.
    Ok(unsafe { bytes(view.buf, view.len) })
}

fn shown(arg: &Object) -> String {
    if arg.is_none() { "None".to_owned() } else { arg.ty().tp_name().into_owned() }
}

/// What a format says before its arguments are looked at.
struct Shape<'f> {
    units: usize,
    /// How many units stand before the first `|`.
    optional: Option<usize>,
    /// How many units stand before the first `$`.
    keyword: Option<usize>,
    /// What is wrong with those marks.
    fault: Option<&'static str>,
    name: Option<Cow<'f, str>>,
    message: Option<Cow<'f, str>>,
}

impl<'f> Shape<'f> {
    fn of(format: &'f [u8]) -> Self {
        let mut shape = Shape { units: 0, optional: None, keyword: None, fault: None, name: None, message: None };
        // Most formats are one letter for each unit.
        shape.units = format.iter().take_while(|byte| byte.is_ascii_alphabetic() && **byte != b'e').count();
        let rest = &format[shape.units..];
        for (byte, at) in marks_and_units(rest) {
            match byte {
                b':' => shape.name = Some(String::from_utf8_lossy(&rest[at + 1..])),
                b';' => shape.message = Some(String::from_utf8_lossy(&rest[at + 1..])),
                b'|' if shape.optional.is_some() => shape.fault = shape.fault.or(Some("(| specified twice)")),
                b'|' if shape.keyword.is_some() => shape.fault = shape.fault.or(Some("($ before |)")),
                b'|' => shape.optional = Some(shape.units),
                b'$' if shape.keyword.is_some() => shape.fault = shape.fault.or(Some("($ specified twice)")),
                b'$' => shape.keyword = Some(shape.units),
                _ => shape.units += 1,
            }
        }
        shape
    }

    fn required(&self) -> usize {
        self.optional.unwrap_or(self.units)
    }

    /// Units that may be given by position.
    fn positional(&self) -> usize {
        self.keyword.unwrap_or(self.units)
    }

    /// How messages name the function.
    fn callee(&self) -> Callee<'_> {
        Callee(self.name.as_deref())
    }
}

/// The marks `|` and `$`, the beginnings of units, and the `:` or `;` that ends a format, each with its place.
fn marks_and_units(format: &[u8]) -> impl Iterator<Item = (u8, usize)> {
    let (mut depth, mut before, mut ended) = (0, 0, false);
    format.iter().enumerate().filter_map(move |(at, &byte)| {
        let second = matches!(byte, b's' | b't') && before == b'e';
        before = byte;
        if ended {
            return None;
        }
        match byte {
            b':' | b';' => ended = true,
            b'|' | b'$' => {}
            b'(' => {
                depth += 1;
                return (depth == 1).then_some((byte, at));
            }
            b')' => {
                depth -= 1;
                return None;
            }
            _ if depth > 0 || second || !byte.is_ascii_alphabetic() => return None,
            _ => {}
        }
        Some((byte, at))
    })
}

fn fail(
    py: Attached<'_>,
    shape: &Shape<'_>,
    index: Option<usize>,
    nested: &[usize],
    arg: Option<&Object>,
    fault: Fault,
) -> krait_object::Raised {
    if let Fault::Set = fault {
        return match py.pending() {
            Some(_) => krait_object::Raised::assume(),
            None => raise!(py, SystemError, "an argument converter failed without an error"),
        };
    }
    if let Some(message) = &shape.message {
        return raise!(py, TypeError, "{message}");
    }
    let function = shape.name.as_ref().map_or(String::new(), |name| format!("{name}() "));
    let mut place = index.map_or("argument".to_owned(), |index| format!("argument {}", index + 1));
    for item in nested {
        place.push_str(&format!(", item {item}"));
    }
    match fault {
        Fault::Kind(wanted) => {
            raise!(py, TypeError, "{function}{place} must be {wanted}, not {}", arg.map_or("NULL".to_owned(), shown))
        }
        // A note in parentheses is about the format.
        Fault::Text(text) if text.starts_with('(') => raise!(py, SystemError, "{function}{place} {text}"),
        Fault::Text(text) => raise!(py, TypeError, "{function}{place} {text}"),
        Fault::Set => py.bad_internal_call(),
    }
}

/// The arguments of a call, as the function that parses them got them.
enum Given<'a> {
    /// One object that stands for all, a tuple when the format wants several (`PyArg_Parse`).
    One(&'a Object),
    Positional(&'a [&'a Object]),
    Named(Args<'a>, &'a [&'a str]),
}

/// What each unit gets; those behind the last get nothing.
enum Bound<'a> {
    Leading(&'a [&'a Object]),
    One(&'a Object),
    Sorted(SmallVec<[Option<&'a Object>; 8]>),
}

impl<'a> Bound<'a> {
    /// How many units there are up to the last that gets an argument.
    fn filled(&self) -> usize {
        match self {
            Bound::Leading(args) => args.len(),
            Bound::One(_) => 1,
            Bound::Sorted(slots) => slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1),
        }
    }

    #[inline]
    fn at(&self, index: usize) -> Option<&'a Object> {
        match self {
            Bound::Leading(args) => args.get(index).copied(),
            Bound::One(arg) => Some(*arg),
            Bound::Sorted(slots) => slots.get(index).copied().flatten(),
        }
    }
}

fn positional<'a>(py: Attached<'_>, shape: &Shape<'_>, args: &'a [&'a Object]) -> PyResult<Bound<'a>> {
    let (given, required) = (args.len(), shape.required());
    if given < required || given > shape.units {
        if let Some(message) = &shape.message {
            return Err(raise!(py, TypeError, "{message}"));
        }
        let function = shape.callee();
        let wanted = if given < required { required } else { shape.units };
        let word = match () {
            () if required == shape.units => "exactly",
            () if given < required => "at least",
            () => "at most",
        };
        let plural = if wanted == 1 { "" } else { "s" };
        return Err(raise!(py, TypeError, "{function} takes {word} {wanted} argument{plural} ({given} given)"));
    }
    Ok(Bound::Leading(args))
}

/// Where an `e` stands that neither `s` nor `t` follows.
fn bad_encoded(format: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(byte) = format.get(at) {
        match (byte, format.get(at + 1)) {
            (b':' | b';', _) => return None,
            (b'e', Some(b's' | b't')) => at += 1,
            (b'e', _) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn check_marks(py: Attached<'_>, shape: &Shape<'_>, names: &[&str]) -> PyResult<()> {
    if let Some(fault) = shape.fault {
        return Err(raise!(py, SystemError, "Invalid format string {fault}"));
    }
    let unnamed = names.iter().take_while(|name| name.is_empty()).count();
    if names[unnamed..].iter().any(|name| name.is_empty()) {
        return Err(raise!(py, SystemError, "Empty keyword parameter name"));
    }
    if shape.keyword.is_some_and(|at| at < unnamed) {
        return Err(raise!(py, SystemError, "Empty parameter name after $"));
    }
    Ok(())
}

fn named<'a>(
    py: Attached<'_>,
    shape: &Shape<'_>,
    format: &[u8],
    args: Args<'a>,
    names: &[&str],
) -> PyResult<Bound<'a>> {
    if let Some(at) = bad_encoded(format) {
        let rest = String::from_utf8_lossy(&format[at..]);
        return Err(raise!(py, SystemError, "impossible<bad format char>: '{rest}'"));
    }
    if names.len() > shape.units {
        let (entries, units) = (names.len(), shape.units);
        return Err(raise!(py, SystemError, "more keyword list entries ({entries}) than format specifiers ({units})"));
    }
    check_marks(py, shape, names)?;
    if names.len() < shape.units {
        check_unnamed(py, format, names.len())?;
    }
    let required = shape.required();
    let params = Params {
        function: shape.callee(),
        names,
        positional_only: names.iter().take_while(|name| name.is_empty()).count(),
        positional: shape.positional().min(names.len()),
        required: required.min(shape.positional()),
        needs_keyword: &|at| at < required,
        variadic: false,
        looked_up: true,
    };
    let mut slots = smallvec![None; names.len()];
    params.bind(py, args, &mut slots)?;
    Ok(Bound::Sorted(slots))
}

/// Units behind a mark may lack names; `first` is the first that does.
#[cold]
fn check_unnamed(py: Attached<'_>, format: &[u8], first: usize) -> PyResult<()> {
    let is_unit = |byte: u8| !matches!(byte, b'|' | b'$' | b':' | b';');
    let Some((_, at)) = marks_and_units(format).filter(|(byte, _)| is_unit(*byte)).nth(first) else { return Ok(()) };
    if at > 0 && matches!(format[at - 1], b'|' | b'$') {
        return Ok(());
    }
    let rest = String::from_utf8_lossy(&format[at..]);
    Err(raise!(py, SystemError, "more argument specifiers than keyword list entries (remaining format:'{rest}')"))
}

unsafe fn parse(py: Attached<'_>, given: Given<'_>, format: &[u8], va: &mut Va) -> PyResult<()> {
    let shape = Shape::of(format);
    let alone = matches!(given, Given::One(_));
    let bound = match given {
        Given::One(arg) if shape.units == 1 => Bound::One(arg),
        Given::One(_) if shape.units == 0 => {
            return Err(raise!(py, TypeError, "{} takes no arguments", shape.callee()));
        }
        Given::One(arg) => match arg.downcast::<Tuple>() {
            Some(tuple) => positional(py, &shape, tuple.as_slice())?,
            None => return Err(raise!(py, SystemError, "old style getargs format uses new features")),
        },
        Given::Positional(args) => positional(py, &shape, args)?,
        Given::Named(args, names) => named(py, &shape, format, args, names)?,
    };
    // Those without a name get nothing.
    let units = if let Bound::Sorted(slots) = &bound { slots.len() } else { shape.units };
    let mut parser = Parser { format, at: 0, va, held: Vec::new(), place: Vec::new() };
    let filled = bound.filled();
    for index in 0..filled {
        let arg = bound.at(index);
        while matches!(parser.peek(), b'|' | b'$' | b' ') {
            parser.at += 1;
        }
        let begin = parser.at;
        // SAFETY: the places match the format.
        if arg.is_some_and(|arg| unsafe { parser.common(arg) }) {
            continue;
        }
        // SAFETY: as above.
        if let Err(fault) = unsafe { parser.unit(py, arg) } {
            for held in std::mem::take(&mut parser.held) {
                // SAFETY: the places are those of this call.
                unsafe { held.give_back(py) };
            }
            if let (None, Fault::Text(text)) = (arg, &fault)
                && text.starts_with('(')
            {
                let rest = String::from_utf8_lossy(&format[begin..]);
                return Err(raise!(py, SystemError, "impossible<bad format char>: '{rest}'"));
            }
            return Err(fail(py, &shape, (!alone).then_some(index), &parser.place, arg, fault));
        }
    }
    if filled < units {
        return Ok(());
    }
    match parser.peek() {
        0 | b'|' | b'$' | b':' | b';' | b'(' | b' ' => Ok(()),
        byte if byte.is_ascii_alphabetic() => Ok(()),
        _ => Err(raise!(py, SystemError, "bad format string: {}", String::from_utf8_lossy(format))),
    }
}

/// The names of a list that ends with NULL. What is no UTF-8 shows as such, and only keywords ask what it says.
struct Names<'a> {
    /// Empty for what is no UTF-8.
    texts: SmallVec<[&'a str; 8]>,
    bad: Vec<Bad<'a>>,
}

/// A name that is no UTF-8.
struct Bad<'a> {
    place: usize,
    bytes: &'a [u8],
    shown: String,
}

impl<'a> Names<'a> {
    unsafe fn of(mut at: *const *const c_char) -> Names<'a> {
        let mut names = Names { texts: SmallVec::new(), bad: Vec::new() };
        // SAFETY: by the contract.
        unsafe {
            while !at.is_null() && !(*at).is_null() {
                let bytes = CStr::from_ptr(*at).to_bytes();
                let text = std::str::from_utf8(bytes).unwrap_or_else(|_| {
                    let shown = String::from_utf8_lossy(bytes).into_owned();
                    names.bad.push(Bad { place: names.texts.len(), bytes, shown });
                    ""
                });
                names.texts.push(text);
                at = at.add(1);
            }
        }
        names
    }

    /// The names, for a call with so many arguments by place and by name.
    fn texts(&self, py: Attached<'_>, positional: usize, keywords: usize) -> PyResult<Cow<'_, [&str]>> {
        let Some(last) = self.bad.last() else { return Ok(Cow::Borrowed(&self.texts)) };
        if last.place >= positional && keywords > 0 {
            return utf8(py, last.bytes).map(|_| Cow::Borrowed(&[][..]));
        }
        let mut texts = self.texts.to_vec();
        for bad in &self.bad {
            texts[bad.place] = &bad.shown;
        }
        Ok(Cow::Owned(texts))
    }
}

/// The borrowed objects of a C array.
unsafe fn objects<'a>(args: *const *mut PyObject, count: isize) -> &'a [&'a Object] {
    // SAFETY: by the contract.
    unsafe { Args::from_vectorcall(args, count.max(0) as usize, ptr::null_mut()) }.pos
}

/// `PyArg_UnpackTuple` and the clinic's check of how many arguments there are.
unsafe fn check_count(py: Attached<'_>, name: *const c_char, given: isize, least: isize, most: isize) -> PyResult<()> {
    // SAFETY: by the contract.
    if let Some(name) = unsafe { opt_text(name) } {
        return krait_object::args::check_positional(py, name, given as usize, least as usize, most as usize);
    }
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let (bound, wanted) = match given < least {
        _ if least == most => ("", least),
        true => ("at least ", least),
        false => ("at most ", most),
    };
    let plural = if wanted == 1 { "" } else { "s" };
    Err(raise!(py, TypeError, "unpacked tuple should have {bound}{wanted} element{plural}, but has {given}"))
}

capi! {
    fn krait_parse(py, args: &Object, kwargs: Option<&Dict>, format: &CStr, names: *const *const c_char, compat: c_int, va: *mut VaList) -> Truth {
        if compat != 0 { return parse(py, Given::One(args), format.to_bytes(), &mut Va(va)).map(|()| Truth(1)); }
        let Some(tuple) = args.downcast::<Tuple>() else {
            return Err(raise!(py, SystemError, "new style getargs format but argument is not a tuple"));
        };
        if names.is_null() {
            return parse(py, Given::Positional(tuple.as_slice()), format.to_bytes(), &mut Va(va)).map(|()| Truth(1));
        }
        let (buffer, names) = (ArgsBuf::new(py, tuple, kwargs), Names::of(names));
        let names = names.texts(py, tuple.len(), kwargs.map_or(0, Dict::len))?;
        parse(py, Given::Named(buffer.args(), &names), format.to_bytes(), &mut Va(va)).map(|()| Truth(1))
    }
    fn krait_parse_stack(py, args: *const *mut PyObject, count: isize, format: &CStr, va: *mut VaList) -> Truth {
        parse(py, Given::Positional(objects(args, count)), format.to_bytes(), &mut Va(va)).map(|()| Truth(1))
    }
    fn krait_parse_stack_keywords(py, args: *const *mut PyObject, count: isize, kwnames: *mut PyObject, parser: *mut _PyArg_Parser, va: *mut VaList) -> Truth {
        let names = Names::of((*parser).keywords.get());
        let format: &CStr = CArg::from_c(py, (*parser).format.get())?;
        let args = Args::from_vectorcall(args, count.max(0) as usize, kwnames);
        let names = names.texts(py, args.pos.len(), args.names.len())?;
        parse(py, Given::Named(args, &names), format.to_bytes(), &mut Va(va)).map(|()| Truth(1))
    }
    fn krait_parse_tuple_keywords(py, args: &Tuple, kwargs: Option<&Dict>, parser: *mut _PyArg_Parser, va: *mut VaList) -> Truth {
        let names = Names::of((*parser).keywords.get());
        let names = names.texts(py, args.len(), kwargs.map_or(0, Dict::len))?;
        let format: &CStr = CArg::from_c(py, (*parser).format.get())?;
        let buffer = ArgsBuf::new(py, args, kwargs);
        parse(py, Given::Named(buffer.args(), &names), format.to_bytes(), &mut Va(va)).map(|()| Truth(1))
    }
    fn krait_unpack(py, args: &Object, name: *const c_char, least: isize, most: isize, va: *mut VaList) -> Truth {
        let Some(tuple) = args.downcast::<Tuple>() else {
            return Err(raise!(py, SystemError, "PyArg_UnpackTuple() argument list is not a tuple"));
        };
        check_count(py, name, tuple.len() as isize, least, most)?;
        let mut va = Va(va);
        for item in tuple.as_slice() { *va.ptr::<*mut PyObject>() = item.as_ptr() }
        Ok(Truth(1))
    }
    fn PyArg_ValidateKeywordArguments(py, kwargs: &Dict) -> Truth {
        for (key, _) in kwargs.items_snapshot(py)? {
            if (*key).downcast::<Str>().is_none() { return Err(raise!(py, TypeError, "keywords must be strings")); }
        }
        Ok(Truth(1))
    }
    fn _PyArg_CheckPositional(py, name: *const c_char, given: isize, least: isize, most: isize) -> Truth {
        check_count(py, name, given, least, most).map(|()| Truth(1))
    }
    fn _PyArg_BadArgument(py, function: Text<'_>, display: Text<'_>, expected: Text<'_>, arg: &Object) -> Void {
        let _ = raise!(py, TypeError, "{}() {} must be {}, not {}", function.0, display.0, expected.0, shown(arg));
        Ok(Void)
    }
    fn _PyArg_NoKeywords(py, function: Text<'_>, kwargs: Option<&Dict>) -> Truth {
        match kwargs {
            Some(kwargs) if !kwargs.is_empty() => Err(raise!(py, TypeError, "{}() takes no keyword arguments", function.0)),
            _ => Ok(Truth(1)),
        }
    }
    fn _PyArg_NoPositional(py, function: Text<'_>, args: Option<&Tuple>) -> Truth {
        match args {
            Some(args) if !args.is_empty() => Err(raise!(py, TypeError, "{}() takes no positional arguments", function.0)),
            _ => Ok(Truth(1)),
        }
    }
    /// Sorts the arguments of a call into `buffer`, one place for each parameter of the clinic's parser; NULL for those
    /// left out. Returns the buffer.
    fn _PyArg_UnpackKeywords(py, args: *const *mut PyObject, count: isize, kwargs: Option<&Dict>, kwnames: *mut PyObject, parser: *mut _PyArg_Parser,
        least: c_int, most: c_int, least_keywords: c_int, variadic: c_int, buffer: *mut *mut PyObject) -> *const *mut PyObject
    {
        let parser = &*parser;
        let names = Names::of(parser.keywords.get());
        let names = names.texts(py, 0, 1)?;
        let from_format = match parser.format.get() { format if format.is_null() => None, format => Shape::of(CStr::from_ptr(format).to_bytes()).name };
        let (least, most) = (least.max(0) as usize, most.max(0) as usize);
        let needed = match least_keywords { 0 => least, more => most + more as usize };
        let params = Params {
            function: Callee(opt_text(parser.fname.get()).or(from_format.as_deref())),
            names: &names,
            positional_only: names.iter().take_while(|name| name.is_empty()).count(),
            positional: most,
            required: least,
            needs_keyword: &|at| at < needed,
            variadic: variadic != 0,
            looked_up: kwargs.is_some(),
        };
        // The dict or the caller's array keeps the arguments alive.
        let held = ArgsBuf::over(py, objects(args, count), kwargs);
        let args = match kwargs {
            Some(_) => held.args(),
            None => Args::from_vectorcall(args, count.max(0) as usize, kwnames),
        };
        let mut bound: SmallVec<[Option<&Object>; 8]> = smallvec![None; names.len()];
        params.bind(py, args, &mut bound)?;
        for (at, arg) in bound.iter().enumerate() { *buffer.add(at) = arg.map_or(ptr::null_mut(), Layout::as_ptr) }
        Ok(buffer.cast_const())
    }
}
