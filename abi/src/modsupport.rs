//! `modsupport.h` and every function that takes a format: arguments in, values out, messages.
use crate::capi::*;
use crate::varargs::{Va, VaList};
use krait_layout::*;
use krait_object::{
    Attached, Bytes, Complex, Dict, Float, Int, IntoObject, Layout, List, Object, PyResult, Ref, Str, StrBuilder,
    Tuple, Type, exc, raise,
};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

// ---- values ----

/// Builds one value per format unit up to `end`.
struct Builder<'f> {
    format: &'f [u8],
    at: usize,
}

impl Builder<'_> {
    fn peek(&self) -> u8 {
        self.format.get(self.at).copied().unwrap_or(0)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b',' | b':') {
            self.at += 1;
        }
    }

    /// The values up to `end` (which is passed over).
    unsafe fn items(&mut self, py: Attached<'_>, va: &mut Va, end: u8) -> PyResult<Vec<Ref<Object>>> {
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() == end {
                self.at += usize::from(end != 0);
                return Ok(items);
            }
            if self.peek() == 0 {
                return Err(raise!(py, SystemError, "unmatched paren in format"));
            }
            // SAFETY: by the contract.
            items.push(unsafe { self.value(py, va)? });
        }
    }

    /// The length after `#`.
    fn length(&mut self, va: &mut Va) -> Option<isize> {
        if self.peek() != b'#' {
            return None;
        }
        self.at += 1;
        Some(va.size() as isize)
    }

    unsafe fn value(&mut self, py: Attached<'_>, va: &mut Va) -> PyResult<Ref<Object>> {
        let unit = self.peek();
        self.at += 1;
        // SAFETY: the arguments match the format.
        unsafe {
            match unit {
                b'(' => Ok(Tuple::from_vec(py, self.items(py, va, b')')?)?.upcast()),
                b'[' => Ok(List::from_vec(py, self.items(py, va, b']')?)?.upcast()),
                b'{' => {
                    let items = self.items(py, va, b'}')?;
                    if items.len() % 2 != 0 {
                        return Err(raise!(py, SystemError, "Bad dict format"));
                    }
                    let dict = Dict::new(py)?;
                    for pair in items.chunks(2) {
                        dict.set(py, &pair[0], &pair[1])?;
                    }
                    Ok(dict.upcast())
                }
                b'b' | b'B' | b'h' | b'i' => (va.int() as i64).into_object(py),
                b'H' => i64::from(va.int() as u16).into_object(py),
                b'I' => u64::from(va.uint()).into_object(py),
                b'l' => va.long().into_object(py),
                b'k' => (va.long() as u64).into_object(py),
                b'L' => va.llong().into_object(py),
                b'K' => (va.llong() as u64).into_object(py),
                b'n' => (va.size() as isize).into_object(py),
                b'p' => (va.int() != 0).into_object(py),
                b'd' | b'f' => va.double().into_object(py),
                b'D' => {
                    let value = *va.ptr::<crate::longobject::ComplexValue>();
                    Ok(Complex::new(py, value.real, value.imag)?.upcast())
                }
                b'c' => Ok(Bytes::new(py, &[va.int() as u8])?.upcast()),
                b'C' => Ok(Str::from_char(py, va.int() as u32)?.upcast()),
                b's' | b'z' | b'U' => {
                    let data = va.ptr::<c_char>();
                    let length = self.length(va);
                    if data.is_null() {
                        return Ok(krait_object::none());
                    }
                    let length = length.unwrap_or_else(|| CStr::from_ptr(data).count_bytes() as isize);
                    Ok(krait_object::codecs::decode(py, bytes(data.cast(), length), Some("utf-8"), None)?.upcast())
                }
                b'y' => {
                    let data = va.ptr::<c_char>();
                    let length = self.length(va);
                    if data.is_null() {
                        return Ok(krait_object::none());
                    }
                    let length = length.unwrap_or_else(|| CStr::from_ptr(data).count_bytes() as isize);
                    Ok(Bytes::new(py, bytes(data.cast(), length))?.upcast())
                }
                b'u' => {
                    let data = va.ptr::<i32>();
                    let length = self.length(va).unwrap_or(-1);
                    if data.is_null() {
                        return Ok(krait_object::none());
                    }
                    let text = crate::unicodeobject::PyUnicode_FromWideChar(data, length);
                    Ref::from_raw_opt(text).ok_or_else(krait_object::Raised::assume)
                }
                b'N' | b'S' | b'O' => {
                    if self.peek() == b'&' {
                        self.at += 1;
                        let convert = std::mem::transmute::<
                            *mut c_void,
                            unsafe extern "C" fn(*mut c_void) -> *mut PyObject,
                        >(va.raw());
                        let made = convert(va.raw());
                        return Ref::from_raw_opt(made).ok_or_else(krait_object::Raised::assume);
                    }
                    let object = va.ptr::<PyObject>();
                    let object = if unit == b'N' { Ref::from_raw_opt(object) } else { Ref::from_borrowed_opt(object) };
                    object.ok_or_else(|| match py.pending() {
                        Some(_) => krait_object::Raised::assume(),
                        None => raise!(py, SystemError, "NULL object passed to Py_BuildValue"),
                    })
                }
                _ => Err(raise!(py, SystemError, "bad format char passed to Py_BuildValue")),
            }
        }
    }
}

unsafe fn build(py: Attached<'_>, format: *const c_char, va: &mut Va) -> PyResult<Vec<Ref<Object>>> {
    // SAFETY: by the contract.
    unsafe {
        let format = if format.is_null() { c"" } else { CStr::from_ptr(format) };
        Builder { format: format.to_bytes(), at: 0 }.items(py, va, 0)
    }
}

capi! {
    fn krait_build_value(py, format: *const c_char, va: *mut VaList) -> Ref<Object> {
        let mut items = build(py, format, &mut Va(va))?;
        match items.len() {
            0 => Ok(krait_object::none()),
            1 => Ok(items.remove(0)),
            _ => Ok(Tuple::from_vec(py, items)?.upcast()),
        }
    }
    fn krait_call_format(py, callable: &Object, name: *const c_char, format: *const c_char, va: *mut VaList) -> Ref<Object> {
        let callable = match opt_text(name) {
            Some(name) => callable.get_attr(py, &*Str::new(py, name)?)?,
            None => callable.to_ref(),
        };
        let items = build(py, format, &mut Va(va))?;
        // A single tuple is the argument list.
        if let [one] = &items[..]
            && let Some(tuple) = (**one).downcast::<Tuple>()
        {
            return callable.call_with(py, tuple, None);
        }
        callable.call_pos(py, krait_object::args::as_borrowed(&items))
    }
    fn krait_call_objargs(py, callable: &Object, name: Option<&Object>, va: *mut VaList) -> Ref<Object> {
        let mut va = Va(va);
        let mut args: Vec<&Object> = Vec::new();
        while let Some(arg) = va.ptr::<Object>().as_ref() {
            args.push(arg);
        }
        match name {
            Some(name) => callable.call_method(py, krait_object::protocols::attributes::checked_name(py, name)?, &args),
            None => callable.call_pos(py, &args),
        }
    }
    fn krait_tuple_pack(py, count: isize, va: *mut VaList) -> Ref<Tuple> {
        let mut va = Va(va);
        Tuple::from_vec(py, (0..count).map(|_| Object::from_ptr(va.ptr()).to_ref()).collect())
    }
    fn krait_format(py, format: &CStr, va: *mut VaList) -> Ref<Str> { message(py, format.to_bytes(), &mut Va(va))?.finish(py) }
    fn krait_bytes_format(py, format: &CStr, va: *mut VaList) -> Ref<Bytes> {
        let text = message(py, format.to_bytes(), &mut Va(va))?.finish(py)?;
        krait_object::codecs::encode(py, &text, Some("utf-8"), Some("surrogatepass"))
    }
    fn krait_err_format(py, class: &Object, format: &CStr, va: *mut VaList) -> Lent {
        let text = message(py, format.to_bytes(), &mut Va(va))?.finish(py)?;
        Err(crate::pyerrors::set_object(py, class, Some(text.as_object())))
    }
    fn krait_err_format_from_cause(py, class: &Object, format: &CStr, va: *mut VaList) -> Lent {
        let cause = py.take_raised();
        let text = message(py, format.to_bytes(), &mut Va(va))?.finish(py)?;
        let raised = crate::pyerrors::set_object(py, class, Some(text.as_object()));
        let Some(cause) = cause else { return Err(raised) };
        if let Some(now) = py.pending() { now.replace_context(Some(cause.clone())); }
        Err(krait_vm::traceback::set_cause(py, raised, cause))
    }
    fn krait_warn_explicit_format(py, category: Option<&Object>, file: Text<'_>, line: c_int, module: *const c_char, registry: Option<&Object>, format: &CStr, va: *mut VaList) -> () {
        let text = message(py, format.to_bytes(), &mut Va(va))?.finish(py)?;
        let module = match opt_text(module) { Some(module) => Some(Str::new(py, module)?.upcast()), None => None };
        crate::pyerrors::warn_explicit(py, category, text.as_object(), file.obj(py)?.as_object(), line, module.as_deref(), registry)
    }
    fn krait_warn_format(py, category: *mut PyObject, level: isize, format: &CStr, va: *mut VaList) -> () {
        let text = message(py, format.to_bytes(), &mut Va(va))?.finish(py)?;
        let class = match category.addr() {
            0 => exc::RuntimeWarning(),
            usize::MAX => exc::ResourceWarning(),
            _ => Object::from_ptr(category).downcast::<Type>().unwrap_or_else(|| exc::RuntimeWarning()),
        };
        krait_vm::warnings::warn(py, class, &text.to_string_lossy(), level)
    }
    fn krait_unraisable_format(py, format: *const c_char, va: *mut VaList) -> Void {
        if format.is_null() { crate::pyerrors::unraisable(py, None, None); return Ok(Void); }
        let kept = py.take_raised();
        let text = message(py, CStr::from_ptr(format).to_bytes(), &mut Va(va)).and_then(|text| text.finish(py));
        let text = crate::object::or_clear(py, text);
        if let Some(kept) = kept { let _ = py.restore(kept); }
        let text = text.map(|text| text.to_string_lossy().into_owned());
        crate::pyerrors::unraisable(py, text.as_deref(), None);
        Ok(Void)
    }
    fn krait_writer_format(py, writer: *mut StrBuilder, format: &CStr, va: *mut VaList) -> () {
        let text = message(py, format.to_bytes(), &mut Va(va))?.finish(py)?;
        (*writer).push_obj(&text);
        Ok(())
    }
    fn krait_sys_write(py, fd: c_int, text: &CStr) -> Void { write(py, fd, &*Str::new(py, &text.to_string_lossy())?); Ok(Void) }
    fn krait_sys_write_object(py, fd: c_int, text: Stolen) -> Void {
        if let Some(text) = text && let Some(text) = (*text).downcast::<Str>() { write(py, fd, text) }
        Ok(Void)
    }
}

/// Writes to a standard stream, or past it when there is none.
fn write(py: Attached<'_>, fd: c_int, text: &Str) {
    let kept = py.take_raised();
    let stream =
        krait_vm::sysmodule::get(py, if fd == 1 { "stdout" } else { "stderr" }).filter(|stream| !stream.is_none());
    let done = stream.is_some_and(|stream| {
        crate::object::or_clear(py, stream.call_method(py, krait_object::id!(py, write), &[text.as_object()])).is_some()
    });
    if !done {
        let text = text.to_string_lossy();
        // SAFETY: writes to an open descriptor.
        unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
    }
    if let Some(kept) = kept {
        let _ = py.restore(kept);
    }
}

// ---- messages ----

/// One conversion of a message format.
#[derive(Default)]
struct Spec {
    left: bool,
    zero: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    long: u8,
    size: bool,
}

/// `PyUnicode_FromFormat`.
fn message(py: Attached<'_>, format: &[u8], va: &mut Va) -> PyResult<StrBuilder> {
    let mut out = StrBuilder::new();
    let mut at = 0;
    while at < format.len() {
        if format[at] != b'%' {
            let end = format[at..].iter().position(|byte| *byte == b'%').map_or(format.len(), |n| at + n);
            out.push_str(&String::from_utf8_lossy(&format[at..end]));
            at = end;
            continue;
        }
        at += 1;
        let mut spec = Spec::default();
        loop {
            match format.get(at) {
                Some(b'-') => spec.left = true,
                Some(b'0') => spec.zero = true,
                Some(b'#') => spec.alternate = true,
                _ => break,
            }
            at += 1;
        }
        let number = |at: &mut usize, va: &mut Va| -> usize {
            if format.get(*at) == Some(&b'*') {
                *at += 1;
                return va.int().max(0) as usize;
            }
            let mut value = 0usize;
            while let Some(digit) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
                value = value.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
                *at += 1;
            }
            value
        };
        spec.width = number(&mut at, va);
        if format.get(at) == Some(&b'.') {
            at += 1;
            spec.precision = Some(number(&mut at, va));
        }
        loop {
            match format.get(at) {
                Some(b'l') => spec.long += 1,
                Some(b'j') => spec.long = 2,
                Some(b'z' | b't') => spec.size = true,
                _ => break,
            }
            at += 1;
        }
        let Some(unit) = format.get(at).copied() else {
            return Err(raise!(py, SystemError, "invalid format string: %"));
        };
        at += 1;
        convert(py, unit, &spec, va, &mut out)?;
    }
    Ok(out)
}

fn pad(out: &mut StrBuilder, spec: &Spec, text: &str) {
    let count = text.chars().count();
    let fill = spec.width.saturating_sub(count);
    if !spec.left {
        out.push_many(u32::from(b' '), fill);
    }
    out.push_str(text);
    if spec.left {
        out.push_many(u32::from(b' '), fill);
    }
}

fn pad_object(out: &mut StrBuilder, spec: &Spec, text: &Str) {
    let count = spec.precision.map_or(text.len(), |most| most.min(text.len()));
    let fill = spec.width.saturating_sub(count);
    if !spec.left {
        out.push_many(u32::from(b' '), fill);
    }
    out.push_slice(text, 0, count);
    if spec.left {
        out.push_many(u32::from(b' '), fill);
    }
}

fn number(out: &mut StrBuilder, spec: &Spec, negative: bool, digits: String, prefix: &str) {
    let mut digits = digits;
    if let Some(least) = spec.precision {
        while digits.len() < least {
            digits.insert(0, '0');
        }
    }
    let sign = if negative { "-" } else { "" };
    if spec.zero && spec.precision.is_none() && !spec.left {
        while digits.len() + sign.len() + prefix.len() < spec.width {
            digits.insert(0, '0');
        }
    }
    pad(out, spec, &format!("{sign}{prefix}{digits}"));
}

fn convert(py: Attached<'_>, unit: u8, spec: &Spec, va: &mut Va, out: &mut StrBuilder) -> PyResult<()> {
    match unit {
        b'%' => out.push(u32::from(b'%')),
        b'c' => {
            let point = va.int();
            if !(0..=0x10ffff).contains(&point) {
                return Err(raise!(py, OverflowError, "character argument not in range(0x110000)"));
            }
            out.push(point as u32);
        }
        b'd' | b'i' => {
            let value = match spec.long {
                _ if spec.size => va.size() as isize as i64,
                0 => i64::from(va.int()),
                1 => va.long(),
                _ => va.llong(),
            };
            number(out, spec, value < 0, value.unsigned_abs().to_string(), "");
        }
        b'u' | b'x' | b'X' | b'o' => {
            let value = match spec.long {
                _ if spec.size => va.size() as u64,
                0 => u64::from(va.uint()),
                1 => va.long() as u64,
                _ => va.llong() as u64,
            };
            let (digits, prefix) = match unit {
                b'u' => (value.to_string(), ""),
                b'x' => (format!("{value:x}"), "0x"),
                b'X' => (format!("{value:X}"), "0X"),
                _ => (format!("{value:o}"), "0"),
            };
            number(out, spec, false, digits, if spec.alternate { prefix } else { "" });
        }
        b'p' => pad(out, spec, &format!("{:#x}", va.raw().addr())),
        b's' | b'V' => {
            if unit == b'V'
                && let Some(text) = {
                    // SAFETY: the argument is an object or NULL.
                    unsafe { va.ptr::<Object>().as_ref() }
                }
            {
                let _: *mut c_char = va.ptr();
                pad_object(out, spec, &*text.str(py)?);
                return Ok(());
            }
            let data = va.ptr::<c_char>();
            let length = match spec.precision {
                // SAFETY: at most so many bytes belong to the string.
                Some(most) => unsafe { libc::strnlen(data, most) },
                // SAFETY: a C string.
                None => unsafe { libc::strlen(data) },
            };
            // SAFETY: just measured.
            let text = String::from_utf8_lossy(unsafe { bytes(data.cast(), length as isize) });
            pad(out, spec, &text);
        }
        b'A' | b'U' | b'S' | b'R' | b'T' | b'N' => {
            // SAFETY: the argument is an object.
            let object = unsafe { va.ptr::<Object>().as_ref() }
                .ok_or_else(|| raise!(py, SystemError, "NULL object in a format"))?;
            match unit {
                b'A' => pad_object(out, spec, &*object.ascii(py)?),
                b'R' => pad_object(out, spec, &*object.repr(py)?),
                b'T' => pad(out, spec, &qualified(object.ty(), spec.alternate)),
                b'N' => match object.downcast::<Type>() {
                    Some(ty) => pad(out, spec, &qualified(ty, spec.alternate)),
                    None => return Err(raise!(py, TypeError, "%N argument must be a type")),
                },
                _ => pad_object(out, spec, &*object.str(py)?),
            }
        }
        other => return Err(raise!(py, SystemError, "invalid format string: %{}", other as char)),
    }
    Ok(())
}

fn qualified(ty: &Type, colon: bool) -> String {
    let name = ty.full_name();
    match name.rsplit_once('.') {
        Some((module, last)) if colon => format!("{module}:{last}"),
        _ => name,
    }
}

// ---- arguments ----

/// What a failing conversion says about its argument.
enum Fault {
    /// "must be {expected}, not {type}"
    Kind(&'static str),
    /// A whole message.
    Text(String),
    /// The error is set.
    Set,
}

/// Buffers and encoded copies to release when a later argument fails.
#[derive(Default)]
struct Held(Vec<*mut Py_buffer>);

struct Parser<'f, 'v> {
    format: &'f [u8],
    at: usize,
    va: &'v mut Va,
    held: Held,
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
                    if !arg.is_sequence() || arg.downcast::<Str>().is_some() || arg.downcast::<Bytes>().is_some() {
                        return Err(Fault::Kind("sequence"));
                    }
                    let items = arg.sequence_tuple(py).map_err(|_| Fault::Set)?;
                    let mut count = 0;
                    while self.peek() != b')' && self.peek() != 0 {
                        self.unit(py, items.get(count))?;
                        count += 1;
                    }
                    self.at += 1;
                    if count != items.len() {
                        return Err(Fault::Text(format!("must be sequence of length {count}, not {}", items.len())));
                    }
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
                        let data = arg
                            .downcast::<Bytes>()
                            .map(|b| b.as_slice().to_vec())
                            .or_else(|| arg.downcast::<krait_object::ByteArray>().map(|b| b.to_vec(py)));
                        match data.as_deref() {
                            Some([byte]) => *out = *byte as c_char,
                            _ => return Err(Fault::Kind("a byte string of length 1")),
                        }
                    }
                    Ok(())
                }
                b'C' => {
                    let out = self.va.ptr::<c_int>();
                    if let Some(arg) = arg {
                        match arg.downcast::<Str>() {
                            Some(text) if text.len() == 1 => *out = text.char_at(0) as c_int,
                            _ => return Err(Fault::Kind("a unicode character")),
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
                b's' | b'z' | b'y' | b'w' => self.text(py, unit, arg),
                b'e' => self.encoded(py, arg),
                b'S' | b'Y' | b'U' => {
                    let out = self.va.ptr::<*mut PyObject>();
                    let Some(arg) = arg else { return Ok(()) };
                    let (fits, wanted) = match unit {
                        b'S' => (arg.downcast::<Bytes>().is_some(), "bytes"),
                        b'Y' => (arg.downcast::<krait_object::ByteArray>().is_some(), "bytearray"),
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
                    let wide = value.to_i64().ok_or_else(|| fault(if unit == b'n' { "ssize_t" } else { "long" }))?;
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
                        raised.clear(py);
                        return Err(Fault::Kind(if unit == b'w' {
                            "read-write bytes-like object"
                        } else {
                            "bytes-like object"
                        }));
                    }
                }
                self.held.0.push(view);
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
            } else if let Some(data) = arg.downcast::<Bytes>().filter(|_| unit == b'y' || length.is_some()) {
                data.as_slice()
            } else {
                return Err(Fault::Kind(match (unit, length.is_some()) {
                    (b'y', false) => "bytes",
                    (b'y', true) => "read-only bytes-like object",
                    (b'z', false) => "str or None",
                    (b'z', true) => "str, read-only bytes-like object or None",
                    (_, true) => "str, read-only bytes-like object",
                    _ => "str",
                }));
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
                None if kind == b't' => match arg.downcast::<Bytes>() {
                    Some(data) => data.as_slice().to_vec(),
                    None => return Err(Fault::Kind("str, bytes or bytearray")),
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
                let convert = std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int,
                >(self.va.raw());
                let out = self.va.raw();
                let Some(arg) = arg else { return Ok(()) };
                return if convert(arg.as_ptr(), out) == 0 { Err(Fault::Set) } else { Ok(()) };
            }
            let out = self.va.ptr::<*mut PyObject>();
            if let Some(arg) = arg {
                *out = arg.as_ptr();
            }
            Ok(())
        }
    }
}

fn shown(arg: &Object) -> String {
    if arg.is_none() { "None".to_owned() } else { arg.ty().tp_name().into_owned() }
}

/// What a format says before its arguments are looked at.
struct Shape {
    units: usize,
    required: usize,
    /// Units that may be given by position.
    positional: usize,
    name: Option<String>,
    message: Option<String>,
}

fn shape(format: &[u8]) -> Shape {
    let mut shape = Shape { units: 0, required: usize::MAX, positional: usize::MAX, name: None, message: None };
    let mut depth = 0;
    for (at, byte) in format.iter().enumerate() {
        match byte {
            b'(' => {
                if depth == 0 {
                    shape.units += 1;
                }
                depth += 1;
            }
            b')' => depth -= 1,
            b':' => {
                shape.name = Some(String::from_utf8_lossy(&format[at + 1..]).into_owned());
                break;
            }
            b';' => {
                shape.message = Some(String::from_utf8_lossy(&format[at + 1..]).into_owned());
                break;
            }
            b'|' => shape.required = shape.required.min(shape.units),
            b'$' => shape.positional = shape.units,
            b's' | b't' if depth == 0 && at > 0 && format[at - 1] == b'e' => {}
            byte if depth == 0 && byte.is_ascii_alphabetic() => shape.units += 1,
            _ => {}
        }
    }
    shape.required = shape.required.min(shape.units);
    shape.positional = shape.positional.min(shape.units);
    shape
}

fn fail(
    py: Attached<'_>,
    shape: &Shape,
    index: Option<usize>,
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
    let place = index.map_or("argument".to_owned(), |index| format!("argument {}", index + 1));
    match fault {
        Fault::Kind(wanted) => {
            raise!(py, TypeError, "{function}{place} must be {wanted}, not {}", arg.map_or("NULL".to_owned(), shown))
        }
        Fault::Text(text) => raise!(py, TypeError, "{function}{place} {text}"),
        Fault::Set => py.bad_internal_call(),
    }
}

/// Finds the value of each parameter; `None` for those left out.
fn bind<'a>(
    py: Attached<'_>,
    shape: &Shape,
    args: &'a Tuple,
    kwargs: Option<&'a Dict>,
    names: &[&str],
) -> PyResult<Vec<Option<&'a Object>>> {
    let function = shape.name.as_ref().map_or("function".to_owned(), |name| format!("{name}()"));
    let given = args.len() + kwargs.map_or(0, Dict::len);
    if given > shape.units {
        let (least, plural) =
            (if shape.required < shape.units { "at most" } else { "exactly" }, if shape.units == 1 { "" } else { "s" });
        return Err(raise!(py, TypeError, "{function} takes {least} {} argument{plural} ({given} given)", shape.units));
    }
    if args.len() > shape.positional {
        let plural = if shape.positional == 1 { "" } else { "s" };
        return Err(match shape.positional {
            0 => raise!(py, TypeError, "{function} takes no positional arguments"),
            most => raise!(
                py,
                TypeError,
                "{function} takes at most {most} positional argument{plural} ({} given)",
                args.len()
            ),
        });
    }
    let mut bound: Vec<Option<&Object>> = vec![None; shape.units];
    for (slot, arg) in bound.iter_mut().zip(args.as_slice()) {
        *slot = Some(arg);
    }
    if let Some(kwargs) = kwargs {
        for (key, value) in kwargs.items_snapshot(py) {
            let Some(key) = (*key).downcast::<Str>() else {
                return Err(raise!(py, TypeError, "keywords must be strings"));
            };
            let Some(at) = names.iter().position(|name| !name.is_empty() && key.eq_str(name)) else {
                return Err(raise!(py, TypeError, "{function} got an unexpected keyword argument '{key}'"));
            };
            if bound[at].is_some() {
                return Err(raise!(
                    py,
                    TypeError,
                    "argument for {function} given by name ('{key}') and position ({})",
                    at + 1
                ));
            }
            // SAFETY: the dict keeps its value alive for the call, as borrowed results demand.
            bound[at] = Some(unsafe { Object::from_ptr(value.as_ptr()) });
        }
    }
    for (at, name) in names.iter().enumerate().take(shape.required) {
        if bound[at].is_none() {
            return Err(raise!(py, TypeError, "{function} missing required argument '{name}' (pos {})", at + 1));
        }
    }
    Ok(bound)
}

fn positional<'a>(py: Attached<'_>, shape: &Shape, args: &'a Tuple) -> PyResult<Vec<Option<&'a Object>>> {
    let given = args.len();
    if given < shape.required || given > shape.units {
        if let Some(message) = &shape.message {
            return Err(raise!(py, TypeError, "{message}"));
        }
        let function = shape.name.as_ref().map_or("function".to_owned(), |name| format!("{name}()"));
        let wanted = if given < shape.required { shape.required } else { shape.units };
        let word = match () {
            () if shape.required == shape.units => "exactly",
            () if given < shape.required => "at least",
            () => "at most",
        };
        let plural = if wanted == 1 { "" } else { "s" };
        return Err(match shape.units {
            0 => raise!(py, TypeError, "{function} takes no arguments"),
            _ => raise!(py, TypeError, "{function} takes {word} {wanted} argument{plural} ({given} given)"),
        });
    }
    let mut bound: Vec<Option<&Object>> = args.as_slice().iter().map(|arg| Some(*arg)).collect();
    bound.resize(shape.units, None);
    Ok(bound)
}

unsafe fn parse(
    py: Attached<'_>,
    args: &Object,
    kwargs: Option<&Dict>,
    format: &[u8],
    names: Option<&[&str]>,
    compat: bool,
    va: &mut Va,
) -> PyResult<()> {
    let shape = shape(format);
    let bound = if compat {
        match (shape.units, args.downcast::<Tuple>()) {
            (1, _) => vec![Some(args)],
            (_, Some(tuple)) => positional(py, &shape, tuple)?,
            _ => return Err(raise!(py, SystemError, "old style getargs format uses new features")),
        }
    } else {
        let Some(tuple) = args.downcast::<Tuple>() else {
            return Err(raise!(py, SystemError, "new style getargs format but argument is not a tuple"));
        };
        match names {
            Some(names) => bind(py, &shape, tuple, kwargs, names)?,
            None => positional(py, &shape, tuple)?,
        }
    };
    let mut parser = Parser { format, at: 0, va, held: Held::default() };
    for (index, arg) in bound.iter().enumerate() {
        while matches!(parser.peek(), b'|' | b'$' | b' ') {
            parser.at += 1;
        }
        // SAFETY: the places match the format.
        if let Err(fault) = unsafe { parser.unit(py, *arg) } {
            for view in std::mem::take(&mut parser.held.0) {
                // SAFETY: filled above.
                krait_object::protocols::buffer::release_buffer(py, unsafe { &mut *view });
            }
            return Err(fail(py, &shape, (!compat).then_some(index), *arg, fault));
        }
    }
    Ok(())
}

capi! {
    fn krait_parse(py, args: &Object, kwargs: Option<&Dict>, format: &CStr, names: *const *const c_char, compat: c_int, va: *mut VaList) -> Truth {
        let mut list = Vec::new();
        if !names.is_null() {
            let mut at = names;
            while !(*at).is_null() {
                list.push(utf8(py, CStr::from_ptr(*at).to_bytes())?);
                at = at.add(1);
            }
        }
        parse(py, args, kwargs, format.to_bytes(), (!names.is_null()).then_some(&list), compat != 0, &mut Va(va)).map(|()| Truth(1))
    }
    fn krait_unpack(py, args: &Object, count: isize, name: *const c_char, least: isize, most: isize, va: *mut VaList) -> Truth {
        let Some(tuple) = args.downcast::<Tuple>() else {
            let _ = raise!(py, SystemError, "PyArg_UnpackTuple() argument list is not a tuple");
            return Ok(Truth(0));
        };
        let (given, mut va) = (tuple.len() as isize, Va(va));
        if given < least || given > most {
            let name = opt_text(name).unwrap_or("unpacked tuple");
            let _ = krait_object::args::check_positional(py, name, given as usize, least as usize, most as usize);
            return Ok(Truth(0));
        }
        for item in tuple.as_slice() { *va.ptr::<*mut PyObject>() = item.as_ptr() }
        Ok(Truth(1))
    }
    fn PyArg_ValidateKeywordArguments(py, kwargs: &Dict) -> Truth {
        for (key, _) in kwargs.items_snapshot(py) {
            if (*key).downcast::<Str>().is_none() {
                let _ = raise!(py, TypeError, "keywords must be strings");
                return Ok(Truth(0));
            }
        }
        Ok(Truth(1))
    }
}
