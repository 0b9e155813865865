//! `unicodeobject.h`: text.
use crate::capi::*;
use krait_layout::*;
use krait_object::{Attached, Bytes, Layout, List, Object, PyResult, Ref, Str, codecs, raise};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

/// A string; anything else raises `TypeError` as operations on text do.
pub struct Must<'a>(&'a Str);
/// A string; anything else raises `TypeError` as functions with one argument do.
pub struct Builtin<'a>(&'a Str);

macro_rules! text_args {
    ($($name:ident: |$py:ident, $o:ident| $error:expr;)*) => {$(
        impl CArg for $name<'_> {
            type C = *mut PyObject;
            unsafe fn from_c($py: Attached<'_>, raw: *mut PyObject) -> PyResult<Self> {
                // SAFETY: the C contract.
                let Some($o) = (unsafe { raw.cast::<Object>().as_ref() }) else { return Err($py.bad_internal_call()) };
                $o.downcast::<Str>().map($name).ok_or_else(|| $error)
            }
        }
        impl std::ops::Deref for $name<'_> {
            type Target = Str;
            fn deref(&self) -> &Str {
                self.0
            }
        }
    )*};
}
text_args! {
    Must: |py, o| raise!(py, TypeError, "must be str, not {}", o.ty().name());
    Builtin: |py, o| raise!(py, TypeError, "bad argument type for built-in operation");
}

/// Strings that a function of the Unicode writer gets: `size` bytes, or all of a C string when it is negative.
pub(crate) unsafe fn sized<'a>(data: *const c_char, size: isize) -> &'a [u8] {
    // SAFETY: by the contract.
    unsafe { if size < 0 { CStr::from_ptr(data).to_bytes() } else { bytes(data.cast(), size) } }
}

fn codec(py: Attached<'_>, data: &[u8], name: &str, errors: Option<&str>) -> PyResult<Ref<Str>> {
    codecs::decode(py, data, Some(name), errors)
}

macro_rules! codec_pairs {
    ($($decode:ident, $encode:ident = $name:literal;)*) => { capi! { $(
        fn $decode(py, data: *const c_char, len: isize, errors: *const c_char) -> Ref<Str> { codec(py, bytes(data.cast(), len), $name, opt_text(errors)) }
        fn $encode(py, text: Builtin<'_>) -> Ref<Bytes> { codecs::encode(py, &text, Some($name), None) }
    )* } };
}
codec_pairs! {
    PyUnicode_DecodeUTF8, PyUnicode_AsUTF8String = "utf-8";
    PyUnicode_DecodeASCII, PyUnicode_AsASCIIString = "ascii";
    PyUnicode_DecodeLatin1, PyUnicode_AsLatin1String = "latin-1";
    PyUnicode_DecodeUnicodeEscape, PyUnicode_AsUnicodeEscapeString = "unicode-escape";
    PyUnicode_DecodeRawUnicodeEscape, PyUnicode_AsRawUnicodeEscapeString = "raw-unicode-escape";
}

/// Text of `points` of a fixed width.
///
/// # Errors
/// `beyond` for a point that is no character.
unsafe fn from_kind(
    py: Attached<'_>,
    kind: c_int,
    data: *const c_void,
    len: isize,
    beyond: impl FnOnce() -> krait_object::Raised,
) -> PyResult<Ref<Str>> {
    if len < 0 {
        return Err(raise!(py, ValueError, "size must be positive"));
    }
    if !matches!(kind, 1 | 2 | 4) {
        return Err(raise!(py, SystemError, "invalid kind"));
    }
    if kind == 4 && !data.is_null() {
        // SAFETY: by the contract.
        let points = unsafe { std::slice::from_raw_parts(data.cast::<u32>(), len as usize) };
        if points.iter().any(|point| *point > 0x10ffff) {
            return Err(beyond());
        }
    }
    let len = if data.is_null() { 0 } else { len as usize };
    // SAFETY: by the contract there are `len` units.
    unsafe {
        match kind {
            1 => Str::from_latin1(py, bytes(data, len as isize)),
            2 if len > 0 => Str::from_units(py, std::slice::from_raw_parts(data.cast::<u16>(), len)),
            4 if len > 0 => Str::from_code_points(py, std::slice::from_raw_parts(data.cast::<u32>(), len)),
            2 | 4 => Ok(Str::empty()),
            _ => Err(raise!(py, SystemError, "invalid kind")),
        }
    }
}

fn clip(len: usize, start: isize, end: isize) -> (isize, isize) {
    let fix = |at: isize| if at < 0 { (at + len as isize).max(0) } else { at };
    (fix(start), fix(end))
}

fn convert(py: Attached<'_>, o: &Object) -> PyResult<Ref<Str>> {
    match o.downcast::<Str>() {
        Some(text) => text.to_exact(py),
        None => Err(raise!(py, TypeError, "Can't convert '{}' object to str implicitly", o.ty().name())),
    }
}

fn need<'a>(py: Attached<'_>, o: &'a Object) -> PyResult<&'a Str> {
    o.downcast::<Str>().ok_or_else(|| raise!(py, TypeError, "must be str, not {}", o.ty().name()))
}

capi! {
    fn PyUnicode_New(py, size: isize, max: u32) -> Ref<Str> {
        if size < 0 { return Err(raise!(py, SystemError, "Negative size passed to PyUnicode_New")); }
        if size == 0 { return Ok(Str::empty()); }
        if max > 0x10ffff { return Err(raise!(py, SystemError, "invalid maximum character passed to PyUnicode_New")); }
        Str::alloc(py, size as usize, max)
    }
    fn PyUnicode_FromString(py, text: Text<'_>) -> Ref<Str> { Str::new(py, text.0) }
    fn PyUnicode_FromStringAndSize(py, data: *const c_char, size: isize) -> Ref<Str> {
        if size < 0 { return Err(raise!(py, SystemError, "Negative size passed to PyUnicode_FromStringAndSize")); }
        if data.is_null() {
            if size > 0 { return Err(raise!(py, SystemError, "NULL string with positive size with NULL passed to PyUnicode_FromStringAndSize")); }
            return Ok(Str::empty());
        }
        if size as usize >= crate::pymem::MOST { return Err(py.no_memory()); }
        match std::str::from_utf8(bytes(data.cast(), size)) {
            Ok(text) => Str::new(py, text),
            Err(_) => codec(py, bytes(data.cast(), size), "utf-8", None),
        }
    }
    fn PyUnicode_FromKindAndData(py, kind: c_int, data: *const c_void, size: isize) -> Ref<Str> {
        from_kind(py, kind, data, size, || raise!(py, SystemError, "a character of the data is not in range(0x110000)"))
    }
    fn PyUnicode_FromObject(py, o: &Object) -> Ref<Str> { convert(py, o) }
    fn PyUnicode_FromOrdinal(py, ordinal: c_int) -> Ref<Str> {
        if !(0..=0x10ffff).contains(&ordinal) { return Err(raise!(py, ValueError, "chr() arg not in range(0x110000)")); }
        Str::from_char(py, ordinal as u32)
    }
    fn PyUnicode_FromEncodedObject(py, o: &Object, encoding: *const c_char, errors: *const c_char) -> Ref<Str> {
        if o.downcast::<Str>().is_some() { return Err(raise!(py, TypeError, "decoding str is not supported")); }
        codecs::decode_object(py, o, opt_text(encoding), opt_text(errors))
    }
    fn PyUnicode_FromWideChar(py, data: *const i32, size: isize) -> Ref<Str> {
        if size < -1 || data.is_null() && size != 0 { return Err(py.bad_internal_call()); }
        let size = if size < 0 { (0..).find(|at| *data.add(*at) == 0).unwrap_or(0) as isize } else { size };
        from_kind(py, 4, data.cast(), size, || raise!(py, ValueError, "character must be in range(0x110000)"))
    }
    fn PyUnicode_Decode(py, data: *const c_char, size: isize, encoding: *const c_char, errors: *const c_char) -> Ref<Str> {
        codecs::decode(py, bytes(data.cast(), size), opt_text(encoding), opt_text(errors))
    }
    fn PyUnicode_DecodeUTF8Stateful(py, data: *const c_char, size: isize, errors: *const c_char, consumed: *mut isize) -> Ref<Str> {
        let (text, used) = codecs::decode_utf8(py, bytes(data.cast(), size), opt_text(errors), consumed.is_null())?;
        if !consumed.is_null() { *consumed = used as isize }
        Ok(text)
    }
    fn PyUnicode_DecodeUTF16(py, data: *const c_char, size: isize, errors: *const c_char, order: *mut c_int) -> Ref<Str> {
        crate::codecs::stateful(py, bytes(data.cast(), size), opt_text(errors), order, ptr::null_mut(), 16)
    }
    fn PyUnicode_DecodeUTF32(py, data: *const c_char, size: isize, errors: *const c_char, order: *mut c_int) -> Ref<Str> {
        crate::codecs::stateful(py, bytes(data.cast(), size), opt_text(errors), order, ptr::null_mut(), 32)
    }
    fn PyUnicode_DecodeUTF7(py, data: *const c_char, size: isize, errors: *const c_char) -> Ref<Str> { codec(py, bytes(data.cast(), size), "utf-7", opt_text(errors)) }
    fn PyUnicode_AsUTF16String(py, text: Builtin<'_>) -> Ref<Bytes> { codecs::encode(py, &text, Some("utf-16"), None) }
    fn PyUnicode_AsUTF32String(py, text: Builtin<'_>) -> Ref<Bytes> { codecs::encode(py, &text, Some("utf-32"), None) }
    fn PyUnicode_DecodeCharmap(py, data: *const c_char, size: isize, mapping: Option<&Object>, errors: *const c_char) -> Ref<Str> {
        codecs::charmap::decode(py, bytes(data.cast(), size), opt_text(errors), mapping)
    }
    fn PyUnicode_AsCharmapString(py, text: Builtin<'_>, mapping: Option<&Object>) -> Ref<Bytes> {
        let Some(mapping) = mapping else { return Err(raise!(py, TypeError, "bad argument type for built-in operation")) };
        codecs::charmap::encode(py, &text, None, Some(mapping))
    }
    fn PyUnicode_AsEncodedString(py, text: &Object, encoding: *const c_char, errors: *const c_char) -> Ref<Bytes> {
        let Some(text) = text.downcast::<Str>() else { return Err(raise!(py, TypeError, "bad argument type for built-in operation")) };
        codecs::encode(py, text, opt_text(encoding), opt_text(errors))
    }
    fn PyUnicode_DecodeFSDefault(py, text: &CStr) -> Ref<Str> { Str::from_fs_bytes(py, text.to_bytes()) }
    fn PyUnicode_DecodeFSDefaultAndSize(py, data: *const c_char, size: isize) -> Ref<Str> { Str::from_fs_bytes(py, bytes(data.cast(), size)) }
    fn PyUnicode_EncodeFSDefault(py, text: &Str) -> Ref<Bytes> { Bytes::new(py, &text.to_fs_bytes(py)?) }
    fn PyUnicode_DecodeLocale(py, text: &CStr, errors: *const c_char) -> Ref<Str> {
        let errors = locale_errors(py, errors)?;
        codecs::decode(py, text.to_bytes(), Some(&locale_encoding()), Some(errors))
    }
    fn PyUnicode_DecodeLocaleAndSize(py, data: *const c_char, size: isize, errors: *const c_char) -> Ref<Str> {
        let errors = locale_errors(py, errors)?;
        let data = bytes(data.cast(), size);
        if data.contains(&0) { return Err(raise!(py, ValueError, "embedded null byte")); }
        codecs::decode(py, data, Some(&locale_encoding()), Some(errors))
    }
    fn PyUnicode_EncodeLocale(py, text: &Str, errors: *const c_char) -> Ref<Bytes> {
        let errors = locale_errors(py, errors)?;
        if text.code_points().any(|point| point == 0) { return Err(raise!(py, ValueError, "embedded null character")); }
        codecs::encode(py, text, Some(&locale_encoding()), Some(errors))
    }

    fn PyUnicode_AsUTF8AndSize(py, text: &Object, size: *mut isize) -> *const c_char {
        if !size.is_null() { *size = -1 }
        let Some(text) = text.downcast::<Str>() else { return Err(raise!(py, TypeError, "bad argument type for built-in operation")) };
        let text = text.to_utf8(py)?;
        if !size.is_null() { *size = text.len() as isize }
        Ok(text.as_ptr().cast())
    }
    fn PyUnicode_AsUTF8(py, text: Builtin<'_>) -> *const c_char {
        Ok(text.to_utf8(py)?.as_ptr().cast())
    }
    fn PyUnicode_GetLength(py, text: Builtin<'_>) -> isize { Ok(text.len() as isize) }
    fn PyUnicode_ReadChar(py, text: Builtin<'_>, index: isize) -> u32 {
        if index < 0 || index as usize >= text.len() { return Err(raise!(py, IndexError, "string index out of range")); }
        Ok(text.char_at(index as usize))
    }
    fn PyUnicode_WriteChar(py, text: Builtin<'_>, index: isize, point: u32) -> () {
        if index < 0 || index as usize >= text.len() { return Err(raise!(py, IndexError, "string index out of range")); }
        if point > most_char(&text) { return Err(raise!(py, ValueError, "character out of range")); }
        may_change(py, &text)?;
        write_unit(&text, index as usize, point);
        Ok(())
    }
    fn PyUnicode_Fill(py, text: &Str, start: isize, count: isize, point: u32) -> isize {
        if start < 0 { return Err(raise!(py, IndexError, "string index out of range")); }
        may_change(py, text)?;
        if point > most_char(text) { return Err(raise!(py, ValueError, "fill character is bigger than the string maximum character")); }
        let count = count.min((text.len() as isize).saturating_sub(start)).max(0);
        for at in 0..count { write_unit(text, (start + at) as usize, point) }
        Ok(count)
    }
    fn PyUnicode_CopyCharacters(py, to: &Str, to_start: isize, from: &Str, from_start: isize, count: isize) -> isize {
        if to_start < 0 || from_start < 0 || to_start as usize > to.len() || from_start as usize > from.len() {
            return Err(raise!(py, IndexError, "string index out of range"));
        }
        if count < 0 { return Err(raise!(py, SystemError, "how_many cannot be negative")); }
        let count = count.min(from.len() as isize - from_start);
        if to_start + count > to.len() as isize { return Err(raise!(py, SystemError, "Cannot write {count} characters at {to_start} in a string of {} characters", to.len())); }
        if count == 0 { return Ok(0); }
        may_change(py, to)?;
        if from.max_char() > most_char(to) {
            return Err(raise!(py, SystemError, "Cannot copy {} characters into a string of {} characters", kind_name(from), kind_name(to)));
        }
        for at in 0..count { write_unit(to, (to_start + at) as usize, from.char_at((from_start + at) as usize)) }
        Ok(count)
    }
    fn PyUnicode_Resize(py, place: *mut *mut PyObject, size: isize) -> () {
        if place.is_null() || size < 0 { return Err(py.bad_internal_call()); }
        let _: &Str = CArg::from_c(py, *place)?;
        let old = Ref::<Str>::from_raw(*place);
        if old.len() as isize == size { let _ = old.into_raw(); return Ok(()); }
        if size == 0 { *place = Str::empty().into_raw(); return Ok(()); }
        // The kind stays, because the caller goes on writing characters of it.
        let max = most_char(&old);
        let new = match Str::alloc(py, size as usize, max) {
            Ok(new) => new,
            Err(raised) => { let _ = old.into_raw(); return Err(raised); }
        };
        let (kept, unit) = (old.len().min(size as usize), old.kind());
        ptr::copy_nonoverlapping(old.data_ptr().cast::<u8>(), new.data_ptr().cast::<u8>(), kept * unit);
        // The rest shows nothing of what was there before.
        ptr::write_bytes(new.data_ptr().cast::<u8>().add(kept * unit), 0, (size as usize - kept) * unit);
        *place = new.into_raw();
        Ok(())
    }
    fn PyUnicode_Substring(py, text: &Str, start: isize, end: isize) -> Ref<Str> {
        if start < 0 || end < 0 { return Err(raise!(py, IndexError, "string index out of range")); }
        let end = (end as usize).min(text.len());
        text.substring(py, (start as usize).min(end), end)
    }
    fn PyUnicode_AsUCS4(py, text: &Str, out: *mut u32, size: isize, with_null: c_int) -> *mut u32 {
        let points = text.to_code_points();
        if size < points.len() as isize + isize::from(with_null != 0) { return Err(raise!(py, SystemError, "string is longer than the buffer")); }
        ptr::copy_nonoverlapping(points.as_ptr(), out, points.len());
        if with_null != 0 { *out.add(points.len()) = 0 }
        Ok(out)
    }
    fn PyUnicode_AsUCS4Copy(py, text: &Str) -> *mut u32 {
        let points = text.to_code_points();
        let out = crate::pymem::PyMem_Malloc((points.len() + 1) * 4).cast::<u32>();
        if out.is_null() { return Err(py.no_memory()); }
        ptr::copy_nonoverlapping(points.as_ptr(), out, points.len());
        *out.add(points.len()) = 0;
        Ok(out)
    }
    fn PyUnicode_AsWideChar(py, text: Builtin<'_>, out: *mut i32, size: isize) -> isize {
        let points = text.to_code_points();
        if out.is_null() { return Ok(points.len() as isize + 1); }
        let count = points.len().min(size.max(0) as usize);
        ptr::copy_nonoverlapping(points.as_ptr().cast(), out, count);
        if (size as usize) > count { *out.add(count) = 0 }
        Ok(count as isize)
    }
    fn PyUnicode_AsWideCharString(py, text: Builtin<'_>, size: *mut isize) -> *mut i32 {
        let points = text.to_code_points();
        if size.is_null() && points.contains(&0) { return Err(raise!(py, ValueError, "embedded null character")); }
        let out = crate::pymem::PyMem_Malloc((points.len() + 1) * 4).cast::<i32>();
        if out.is_null() { return Err(py.no_memory()); }
        ptr::copy_nonoverlapping(points.as_ptr().cast(), out, points.len());
        *out.add(points.len()) = 0;
        if !size.is_null() { *size = points.len() as isize }
        Ok(out)
    }

    fn PyUnicode_Concat(py, a: &Object, b: &Object) -> Ref<Str> { Str::py_concat(py, need(py, a)?, b) }
    fn PyUnicode_Append(py, place: *mut *mut PyObject, other: Option<&Object>) -> Void { append(py, place, other); Ok(Void) }
    fn PyUnicode_AppendAndDel(py, place: *mut *mut PyObject, other: Stolen) -> Void { append(py, place, other.as_deref()); Ok(Void) }
    fn PyUnicode_Split(py, text: Must<'_>, separator: Option<&Object>, max: isize) -> Ref<List> {
        let separator = separator.map(|separator| need(py, separator)).transpose()?;
        if separator.is_some_and(|separator| separator.is_empty()) { return Err(raise!(py, ValueError, "empty separator")); }
        text.split(py, separator, usize::try_from(max).unwrap_or(usize::MAX))
    }
    fn PyUnicode_RSplit(py, text: Must<'_>, separator: Option<&Object>, max: isize) -> Ref<Object> {
        let count = krait_object::Int::from_i64(py, max as i64)?;
        text.as_object().call_method(py, krait_object::id!(py, rsplit), &[separator.unwrap_or(krait_object::none_borrowed()), count.as_object()])
    }
    fn PyUnicode_Splitlines(py, text: Must<'_>, keep: c_int) -> Ref<Object> {
        text.as_object().call_method(py, krait_object::id!(py, splitlines), &[krait_object::Bool::of(keep != 0).as_object()])
    }
    fn PyUnicode_Partition(py, text: Must<'_>, separator: &Object) -> Ref<Object> { text.as_object().call_method(py, krait_object::id!(py, partition), &[separator]) }
    fn PyUnicode_RPartition(py, text: Must<'_>, separator: &Object) -> Ref<Object> { text.as_object().call_method(py, krait_object::id!(py, rpartition), &[separator]) }
    fn PyUnicode_Translate(py, text: Must<'_>, table: Option<&Object>, errors: *const c_char) -> Ref<Str> {
        match table {
            Some(table) => Str::translate_with(py, &text, table, opt_text(errors)),
            None => Err(raise!(py, TypeError, "bad argument type for built-in operation")),
        }
    }
    fn PyUnicode_Join(py, separator: Option<&Object>, items: &Object) -> Ref<Str> {
        let kind = |separator: &Object| raise!(py, TypeError, "separator: expected str instance, {} found", separator.ty().name());
        match separator.map(|separator| separator.downcast::<Str>().ok_or_else(|| kind(separator))).transpose()? {
            Some(separator) => Str::join(py, separator, items),
            None => Str::join(py, &*Str::new(py, " ")?, items),
        }
    }
    fn PyUnicode_Tailmatch(py, text: Must<'_>, affix: Must<'_>, start: isize, end: isize, direction: c_int) -> isize {
        Ok(isize::from(text.has_affix(&affix, start, end, direction > 0)))
    }
    fn PyUnicode_Count(py, text: Must<'_>, needle: Must<'_>, start: isize, end: isize) -> isize { Ok(text.count(&needle, start, end) as isize) }
    fn PyUnicode_Replace(py, text: Must<'_>, old: Must<'_>, new: Must<'_>, max: isize) -> Ref<Str> { text.replace(py, &old, &new, max) }
    fn PyUnicode_Contains(py, text: Must<'_>, value: &Object) -> bool { Str::contains_object(py, &text, value) }
    fn PyUnicode_IsIdentifier(py, text: &Str) -> bool { Ok(text.is_identifier()) }
    fn PyUnicode_Format(py, format: &Object, args: &Object) -> Ref<Str> { krait_object::percent::format_str(py, need(py, format)?, args) }
    fn PyUnicode_RichCompare(py, a: &Object, b: &Object, op: c_int) -> Ref<Object> {
        match (a.downcast::<Str>(), b.downcast::<Str>()) {
            (Some(a), Some(_)) => Str::rich_compare(py, a, b, krait_object::typedef::CompareOp::from_raw(op)),
            _ => Ok(krait_object::not_implemented()),
        }
    }
    fn PyUnicode_Compare(py, a: &Object, b: &Object) -> c_int {
        match (a.downcast::<Str>(), b.downcast::<Str>()) {
            (Some(a), Some(b)) => Ok(a.cmp(b) as c_int),
            _ => Err(raise!(py, TypeError, "Can't compare {} and {}", a.ty().name(), b.ty().name())),
        }
    }
    fn PyUnicode_Equal(py, a: &Object, b: &Object) -> bool {
        for (one, which) in [(a, "first"), (b, "second")] {
            if one.downcast::<Str>().is_none() { return Err(raise!(py, TypeError, "{which} argument must be str, not {}", one.ty().name())); }
        }
        Ok(need(py, a)?.eq(need(py, b)?))
    }
    fn PyUnicode_InternFromString(py, text: Text<'_>) -> Ref<Str> {
        let text = text.obj(py)?;
        Ok(Str::try_intern(py, text)?.to_ref())
    }
    fn _PyUnicode_Ready(py, o: &Object) -> () { Ok(()) }
    fn _PyUnicode_EqualToASCIIString(py, text: &Str, other: &CStr) -> bool { Ok(text.eq_str(&other.to_string_lossy())) }

    fn PyUnicode_FSConverter(py, o: Option<&Object>, out: *mut c_void) -> Truth {
        let out = out.cast::<*mut PyObject>();
        let Some(o) = o else {
            drop(Ref::<Object>::from_raw_opt(*out));
            *out = ptr::null_mut();
            return Ok(Truth(1));
        };
        converted(fs_bytes(py, o).map(Ref::upcast), out)
    }
    fn PyUnicode_FSDecoder(py, o: Option<&Object>, out: *mut c_void) -> Truth {
        let out = out.cast::<*mut PyObject>();
        let Some(o) = o else {
            drop(Ref::<Object>::from_raw_opt(*out));
            *out = ptr::null_mut();
            return Ok(Truth(1));
        };
        let path = fs_path(py, o)?;
        let text = match path.downcast::<Str>() {
            Ok(text) => Ok(text),
            Err(path) => Str::from_fs_bytes(py, path.bytes(py)?.as_slice()),
        };
        converted(text.map(Ref::upcast), out)
    }
    fn PyOS_FSPath(py, o: &Object) -> Ref<Object> { fs_path(py, o) }
}

/// The encoding of the current locale. The plain C locale counts as UTF-8, because Python coerces it.
fn locale_encoding() -> String {
    // SAFETY: the text lives until the locale changes, and is copied at once.
    let name = unsafe { CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) }.to_string_lossy();
    match &*name {
        "" | "ANSI_X3.4-1968" | "US-ASCII" => "utf-8".to_owned(),
        name => name.to_owned(),
    }
}

/// The two error handlers that the locale's functions know.
unsafe fn locale_errors(py: Attached<'_>, errors: *const c_char) -> PyResult<&'static str> {
    // SAFETY: NULL or a C string.
    match unsafe { opt_text(errors) } {
        None | Some("strict") => Ok("strict"),
        Some("surrogateescape") => Ok("surrogateescape"),
        Some("surrogatepass") => Ok("surrogatepass"),
        Some(_) => Err(raise!(py, ValueError, "unsupported error handler")),
    }
}

/// The result of a converter: 1, or 0 with the error set.
unsafe fn converted(value: PyResult<Ref<Object>>, out: *mut *mut PyObject) -> PyResult<Truth> {
    match value {
        Ok(value) => {
            // SAFETY: by the contract.
            unsafe { put(out, Some(value)) };
            Ok(Truth(0x20000))
        }
        Err(raised) => Err(raised),
    }
}

fn fs_path(py: Attached<'_>, o: &Object) -> PyResult<Ref<Object>> {
    if o.downcast::<Str>().is_some() || o.downcast::<Bytes>().is_some() {
        return Ok(o.to_ref());
    }
    let Some(method) = o.lookup_special(py, krait_object::id!(py, __fspath__))? else {
        return Err(raise!(py, TypeError, "expected str, bytes or os.PathLike object, not {}", o.ty().name()));
    };
    let path = method.call0(py)?;
    if path.downcast_ok() {
        return Ok(path);
    }
    Err(raise!(
        py,
        TypeError,
        "expected {}.__fspath__() to return str or bytes, not {}",
        o.ty().name(),
        path.ty().name()
    ))
}

trait TextOrBytes {
    fn downcast_ok(&self) -> bool;
}
impl TextOrBytes for Ref<Object> {
    fn downcast_ok(&self) -> bool {
        (**self).downcast::<Str>().is_some() || (**self).downcast::<Bytes>().is_some()
    }
}

pub(crate) fn fs_bytes(py: Attached<'_>, o: &Object) -> PyResult<Ref<Bytes>> {
    let path = fs_path(py, o)?;
    let data = match (*path).downcast::<Str>() {
        Some(text) => Bytes::new(py, &text.to_fs_bytes(py)?)?,
        None => path.bytes(py)?,
    };
    if data.as_slice().contains(&0) {
        return Err(raise!(py, ValueError, "embedded null byte"));
    }
    Ok(data)
}

/// The greatest character that the string's memory has room for.
fn most_char(text: &Str) -> u32 {
    match text.kind() {
        1 if text.is_ascii() => 0x7f,
        1 => 0xff,
        2 => 0xffff,
        _ => 0x10ffff,
    }
}

fn kind_name(text: &Str) -> &'static str {
    match most_char(text) {
        0x7f => "ASCII",
        0xff => "Latin-1",
        0xffff => "UCS-2",
        _ => "UCS-4",
    }
}

/// Whether nobody asked for the string's hash yet.
fn is_unhashed(text: &Str) -> bool {
    // SAFETY: [layout]: a string begins so.
    unsafe { (*text.as_ptr().cast::<PyASCIIObject>()).hash.get() == -1 }
}

/// Whether the caller may still write into a string: nobody else has it and no hash was taken.
fn may_change(py: Attached<'_>, text: &Str) -> PyResult<()> {
    let o = text.as_object();
    if krait_object::mode::is_uniquely_referenced(o) && is_unhashed(text) && ptr::eq(o.ty(), Str::type_object()) {
        return Ok(());
    }
    Err(raise!(py, SystemError, "Cannot modify a string currently used"))
}

pub(crate) unsafe fn write_unit(text: &Str, at: usize, point: u32) {
    // SAFETY: the caller made the text and nobody else has it; the index is in range.
    unsafe {
        match text.kind() {
            1 => *text.data_ptr().cast::<u8>().add(at) = point as u8,
            2 => *text.data_ptr().cast::<u16>().add(at) = point as u16,
            _ => *text.data_ptr().cast::<u32>().add(at) = point,
        }
    }
}

unsafe fn append(py: Attached<'_>, place: *mut *mut PyObject, other: Option<&Object>) {
    // SAFETY: by the contract.
    unsafe {
        let old = Ref::<Object>::from_raw_opt(std::mem::replace(&mut *place, ptr::null_mut()));
        match (old.map(Ref::downcast::<Str>), other.and_then(|other| other.downcast::<Str>())) {
            (Some(Ok(old)), Some(other)) => {
                if let Ok(made) = Str::append_in_place(py, old, other) {
                    *place = made.into_raw();
                }
            }
            _ if py.pending().is_some() => {}
            _ => {
                let _raised = py.bad_internal_call();
            }
        }
    }
}

capi_raw! {
    fn PyUnicode_InternInPlace(place: *mut *mut PyObject) {
        let py = Attached::from_tls();
        let Some(object) = Ref::<Object>::from_raw_opt(*place) else { return };
        match object.downcast_exact::<Str>() {
            Ok(text) => {
                let kept = text.clone();
                match Str::try_intern(py, text) {
                    Ok(interned) => *place = interned.to_ref().into_raw(),
                    Err(raised) => { raised.clear(py); *place = kept.into_raw(); }
                }
            }
            Err(object) => *place = object.into_raw(),
        }
    }
    fn PyUnicode_GetDefaultEncoding() -> *const c_char { c"utf-8".as_ptr() }
    fn PyUnicode_CompareWithASCIIString(text: *mut PyObject, other: *const c_char) -> c_int {
        let text = &*text.cast::<Str>();
        let other = CStr::from_ptr(other).to_bytes();
        text.code_points().cmp(other.iter().map(|byte| u32::from(*byte))) as c_int
    }
    fn PyUnicode_EqualToUTF8(text: *mut PyObject, other: *const c_char) -> c_int {
        let other = CStr::from_ptr(other).to_bytes();
        PyUnicode_EqualToUTF8AndSize(text, other.as_ptr().cast(), other.len() as isize)
    }
    fn PyUnicode_EqualToUTF8AndSize(text: *mut PyObject, other: *const c_char, size: isize) -> c_int {
        let text = &*text.cast::<Str>();
        c_int::from(std::str::from_utf8(bytes(other.cast(), size)).is_ok_and(|other| text.eq_str(other)))
    }
    fn PyUnicode_Find(text: *mut PyObject, needle: *mut PyObject, start: isize, end: isize, direction: c_int) -> isize {
        let py = Attached::from_tls();
        let (Some(text), Some(needle)) = (Object::from_ptr(text).downcast::<Str>(), Object::from_ptr(needle).downcast::<Str>()) else {
            let _ = raise!(py, TypeError, "must be str");
            return -2;
        };
        let (start, end) = clip(text.len(), start, end);
        let found = if direction > 0 { text.find(needle, start, end) } else { text.rfind(needle, start, end) };
        found.map_or(-1, |at| at as isize)
    }
    fn PyUnicode_FindChar(text: *mut PyObject, point: u32, start: isize, end: isize, direction: c_int) -> isize {
        let text = &*text.cast::<Str>();
        let len = text.len() as isize;
        let fix = |at: isize| if at < 0 { (at + len).max(0) } else { at.min(len) };
        let (start, end) = (fix(start), fix(end));
        let mut range = start..end;
        let hit = |at: &isize| text.char_at(*at as usize) == point;
        if direction > 0 { range.find(hit).unwrap_or(-1) } else { range.rev().find(hit).unwrap_or(-1) }
    }
}
