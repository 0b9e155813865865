//! `modsupport.h` and every function that takes a format: arguments in, values out, messages.
use crate::capi::*;
use crate::varargs::{Va, VaList};
use krait_layout::*;
use krait_object::{
    Attached, Bytes, Complex, Dict, IntoObject, Layout, List, Object, PyResult, Ref, Str, StrBuilder, Tuple, Type, exc,
    raise,
};
use smallvec::SmallVec;
use std::ffi::{CStr, c_char, c_int, c_void};

// ---- values ----

/// The values of a format.
type Items = SmallVec<[Ref<Object>; 8]>;

/// Builds one value per format unit up to `end`.
struct Builder<'f> {
    /// The format has a unit that is none.
    is_bad: bool,
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
    unsafe fn items(&mut self, py: Attached<'_>, va: &mut Va, end: u8) -> PyResult<Items> {
        let mut items = Items::new();
        // References that are given away are taken even after a failure.
        let mut failed: Option<Ref<krait_object::BaseException>> = None;
        loop {
            self.skip_blanks();
            if self.peek() == end {
                self.at += usize::from(end != 0);
                return match failed {
                    Some(failed) => Err(py.restore(failed)),
                    None => Ok(items),
                };
            }
            if self.peek() == 0 {
                return Err(raise!(py, SystemError, "unmatched paren in format"));
            }
            // SAFETY: by the contract.
            match unsafe { self.value(py, va) } {
                Ok(value) => items.push(value),
                // Behind a unit that is none the arguments cannot be told.
                Err(raised) if self.is_bad => return Err(raised),
                Err(raised) if failed.is_some() => raised.clear(py),
                Err(raised) => failed = Some(raised.take(py)),
            }
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
                b'(' => Ok(Tuple::from_items(py, self.items(py, va, b')')?.into_iter())?.upcast()),
                b'[' => Ok(List::from_items(py, self.items(py, va, b']')?.into_iter())?.upcast()),
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
                b'C' => match u32::try_from(va.int()) {
                    Ok(point @ ..=0x10_ffff) => Ok(Str::from_char(py, point)?.upcast()),
                    _ => Err(raise!(py, ValueError, "chr() arg not in range(0x110000)")),
                },
                b's' | b'z' | b'U' => {
                    let data = va.ptr::<c_char>();
                    let length = self.length(va);
                    if data.is_null() {
                        return Ok(krait_object::none());
                    }
                    let length = length.unwrap_or_else(|| CStr::from_ptr(data).count_bytes() as isize);
                    Ok(krait_object::codecs::decode_utf8(py, bytes(data.cast(), length), None, true)?.0.upcast())
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
                _ => {
                    self.is_bad = true;
                    Err(raise!(py, SystemError, "bad format char passed to Py_BuildValue"))
                }
            }
        }
    }
}

unsafe fn build(py: Attached<'_>, format: *const c_char, va: &mut Va) -> PyResult<Items> {
    // SAFETY: by the contract.
    unsafe {
        let format = if format.is_null() { c"" } else { CStr::from_ptr(format) };
        Builder { format: format.to_bytes(), at: 0, is_bad: false }.items(py, va, 0)
    }
}

capi! {
    fn krait_build_value(py, format: *const c_char, va: *mut VaList) -> Ref<Object> {
        let mut items = build(py, format, &mut Va(va))?;
        match items.len() {
            0 => Ok(krait_object::none()),
            1 => Ok(items.remove(0)),
            _ => Ok(Tuple::from_items(py, items.into_iter())?.upcast()),
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
        let mut args: SmallVec<[&Object; 8]> = SmallVec::new();
        while let Some(arg) = va.ptr::<Object>().as_ref() {
            args.push(arg);
        }
        match name {
            Some(name) => callable.call_method(py, krait_object::protocols::attributes::checked_name(py, name)?, &args),
            None => callable.call_pos(py, &args),
        }
    }
    fn krait_tuple_pack(py, count: isize, va: *mut VaList) -> Ref<Tuple> {
        if count < 0 { return Err(py.bad_internal_call()); }
        if count as usize >= crate::pymem::MOST / 8 { return Err(py.no_memory()); }
        let mut va = Va(va);
        Tuple::from_items(py, (0..count as usize).map(|_| Object::from_ptr(va.ptr()).to_ref()))
    }
    fn krait_format(py, format: &CStr, va: *mut VaList) -> Ref<Str> { message(py, format.to_bytes(), &mut Va(va))?.finish(py) }
    fn krait_bytes_format(py, format: &CStr, va: *mut VaList) -> Ref<Bytes> {
        let text = laid_out(py, format.to_bytes(), &mut Va(va), true)?.finish(py)?;
        krait_object::codecs::encode(py, &text, Some("latin-1"), None)
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
    fn krait_writer_format(py, writer: *mut crate::unicodewriter::Writer, format: &CStr, va: *mut VaList) -> () {
        let text = message(py, format.to_bytes(), &mut Va(va))?.finish(py)?;
        crate::unicodewriter::put(py, &mut *writer, &text)
    }
    fn krait_sys_write(py, fd: c_int, text: &CStr) -> Void {
        // The manual's limit: 1,000 bytes and a remark.
        let whole = text.to_bytes();
        let mut shown = String::from_utf8_lossy(whole.get(..1000).unwrap_or(whole)).into_owned();
        if whole.len() > 1000 { shown.push_str("... truncated") }
        write(py, fd, &*Str::new(py, &shown)?);
        Ok(Void)
    }
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
    /// Bytes are made, each byte a character.
    raw: bool,
}

/// `PyUnicode_FromFormat`.
fn message(py: Attached<'_>, format: &[u8], va: &mut Va) -> PyResult<StrBuilder> {
    laid_out(py, format, va, false)
}

/// Bytes as text: UTF-8, or each byte a character.
fn text_of(data: &[u8], raw: bool) -> std::borrow::Cow<'_, str> {
    if raw {
        data.iter().map(|byte| char::from(*byte)).collect::<String>().into()
    } else {
        String::from_utf8_lossy(data)
    }
}

/// A format with its arguments; `raw` makes a character of each byte.
fn laid_out(py: Attached<'_>, format: &[u8], va: &mut Va, raw: bool) -> PyResult<StrBuilder> {
    let mut out = StrBuilder::new();
    let mut at = 0;
    while at < format.len() {
        if format[at] != b'%' {
            let end = format[at..].iter().position(|byte| *byte == b'%').map_or(format.len(), |n| at + n);
            if !raw && !format[at..end].is_ascii() {
                let text = "PyUnicode_FromFormatV() expects an ASCII-encoded format string, got a non-ASCII byte";
                let byte = format[at..end].iter().find(|byte| !byte.is_ascii()).copied().unwrap_or(0);
                return Err(raise!(py, ValueError, "{text}: 0x{byte:02x}"));
            }
            out.push_str(&text_of(&format[at..end], raw));
            at = end;
            continue;
        }
        at += 1;
        let begin = at - 1;
        let mut spec = Spec { raw, ..Spec::default() };
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
        let flags = at;
        spec.width = number(&mut at, va);
        let mut sized = at != flags;
        if format.get(at) == Some(&b'.') {
            at += 1;
            let dot = at;
            spec.precision = Some(number(&mut at, va));
            sized |= at != dot;
        }
        let modifiers = at;
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
            let rest = text_of(&format[begin..], raw);
            if raw {
                out.push_str(&rest);
                return Ok(out);
            }
            return Err(raise!(py, SystemError, "invalid format string: {rest}"));
        };
        sized |= at != modifiers;
        at += 1;
        if raw {
            // `PyBytes_FromFormat` pays no attention to widths, and copies from the first unknown conversion on.
            spec.width = 0;
            if !b"%cduixsp".contains(&unit) {
                out.push_str(&text_of(&format[begin..], true));
                return Ok(out);
            }
        }
        // Integers have every size, text may be wide.
        let one_size = !raw
            && !b"diuxXo".contains(&unit)
            && (spec.size || spec.long > 1 || spec.long == 1 && !b"sV".contains(&unit));
        // These take neither a width nor a precision, and the first one no flags.
        let known = raw || b"%cdiuxXopsVAUSRTN".contains(&unit);
        if !known || one_size || (unit == b'%' && at - begin != 2 || unit == b'c' && sized) && !raw {
            return Err(raise!(py, SystemError, "invalid format string: {}", text_of(&format[begin..], false)));
        }
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
    if spec.zero && !spec.left {
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
            if spec.raw && !(0..=0xff).contains(&point) {
                let text = "PyBytes_FromFormatV(): %c format expects an integer in range [0; 255]";
                return Err(raise!(py, OverflowError, "{text}"));
            }
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
            if spec.long == 1 {
                let data: *const u32 = va.ptr();
                let most = spec.precision.unwrap_or(usize::MAX);
                // SAFETY: a wide C string, of which at most so many characters are looked at.
                let points = unsafe {
                    let length = (0..most).find(|at| *data.add(*at) == 0).unwrap_or(most);
                    std::slice::from_raw_parts(data, length)
                };
                pad_object(out, spec, &*Str::from_code_points(py, points)?);
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
            let mut data = unsafe { bytes(data.cast(), length as isize) };
            // A character that the precision cuts off is left out.
            if spec.precision == Some(length)
                && !spec.raw
                && let Err(error) = std::str::from_utf8(data)
                && error.error_len().is_none()
            {
                data = &data[..error.valid_up_to()];
            }
            pad(out, spec, &text_of(data, spec.raw));
        }
        b'A' | b'U' | b'S' | b'R' | b'T' | b'N' => {
            // SAFETY: the argument is an object.
            let object = unsafe { va.ptr::<Object>().as_ref() }
                .ok_or_else(|| raise!(py, SystemError, "NULL object in a format"))?;
            match unit {
                b'A' => pad_object(out, spec, &*object.ascii(py)?),
                b'R' => pad_object(out, spec, &*object.repr(py)?),
                b'T' => pad_object(out, spec, &*Str::new(py, &qualified(object.ty(), spec.alternate))?),
                b'N' => match object.downcast::<Type>() {
                    Some(ty) => pad_object(out, spec, &*Str::new(py, &qualified(ty, spec.alternate))?),
                    None => return Err(raise!(py, TypeError, "%N argument must be a type")),
                },
                _ => pad_object(out, spec, &*object.str(py)?),
            }
        }
        _ => return Err(py.bad_internal_call()),
    }
    Ok(())
}

fn qualified(ty: &Type, colon: bool) -> String {
    if !colon {
        return ty.full_name();
    }
    let name = ty.full_name_with(":");
    // The name of a static type has a dot of its own.
    match name.rsplit_once('.') {
        Some((module, last)) if !ty.is_heap() => format!("{module}:{last}"),
        _ => name,
    }
}
