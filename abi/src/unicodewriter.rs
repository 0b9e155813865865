//! The writers of text: `PyUnicodeWriter`, and the private one that came before it and that some extensions still use
//! (`unicodeobject.h`).
use crate::capi::*;
use crate::unicodeobject::sized;
use krait_layout::PyObject;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Str, codecs, raise};
use std::ffi::{c_char, c_int, c_uchar, c_void};
use std::ptr;

/// `_PyUnicodeWriter`: text in the making, whose fields C code reads and writes.
///
/// A `PyUnicodeWriter` is one too, in memory of its own: extensions take one for the other.
#[repr(C)]
pub struct Writer {
    buffer: *mut PyObject,
    data: *mut c_void,
    kind: c_int,
    max_char: u32,
    size: isize,
    pos: isize,
    min_length: isize,
    min_char: u32,
    overallocate: c_uchar,
    readonly: c_uchar,
}

impl Default for Writer {
    fn default() -> Self {
        Writer {
            buffer: ptr::null_mut(),
            data: ptr::null_mut(),
            kind: 0,
            max_char: 0,
            size: 0,
            pos: 0,
            min_length: 0,
            min_char: 0,
            overallocate: 0,
            readonly: 0,
        }
    }
}

/// The writer points to its text again.
unsafe fn update(this: &mut Writer) {
    // SAFETY: the buffer is a text that the writer owns.
    unsafe {
        let text = &*this.buffer.cast::<Str>();
        this.max_char = text.max_char();
        this.data = text.data_ptr().cast();
        if this.readonly == 0 {
            this.kind = text.kind() as c_int;
            this.size = text.len() as isize;
        } else {
            // Nothing may be written into a text of somebody else.
            this.kind = 0;
            this.size = 0;
        }
    }
}

/// Units as wider ones.
///
/// # Safety
/// `count` units can be read and written.
unsafe fn widen<T: Copy + Into<U>, U>(from: *const T, to: *mut U, count: usize) {
    for at in 0..count {
        // SAFETY: by the contract.
        unsafe { *to.add(at) = (*from.add(at)).into() };
    }
}

/// Copies units of `from` into the writer's own text.
///
/// # Safety
/// As [`copy_units`].
unsafe fn copy(this: &Writer, at: isize, from: &Str, start: usize, count: usize) {
    let kind = from.kind();
    // SAFETY: by the contract.
    unsafe { copy_units(this, at, from.data_ptr().cast::<u8>().add(start * kind), kind, count) }
}

/// Copies `count` units of `kind` bytes into the writer's own text.
///
/// # Safety
/// There is room for them, and the text is as wide as they are.
unsafe fn copy_units(this: &Writer, at: isize, source: *const u8, kind: usize, count: usize) {
    // SAFETY: the caller made room, and the text is the writer's own.
    unsafe {
        let to = &*this.buffer.cast::<Str>();
        let wide = to.kind();
        let target = to.data_ptr().cast::<u8>().add(at as usize * wide);
        match (kind, wide) {
            (1, 2) => widen(source, target.cast::<u16>(), count),
            (1, 4) => widen(source, target.cast::<u32>(), count),
            (2, 4) => widen(source.cast::<u16>(), target.cast::<u32>(), count),
            _ => ptr::copy_nonoverlapping(source, target, count * wide),
        }
    }
}

/// Appends Latin-1 characters.
unsafe fn put_latin1(py: Attached<'_>, this: &mut Writer, data: &[u8]) -> PyResult<()> {
    if data.is_empty() {
        return Ok(());
    }
    let max_char = if data.is_ascii() { 0x7f } else { 0xff };
    // SAFETY: room is made first; the text is the writer's own.
    unsafe {
        prepare(py, this, data.len() as isize, max_char)?;
        copy_units(this, this.pos, data.as_ptr(), 1, data.len());
    }
    this.pos += data.len() as isize;
    Ok(())
}

unsafe fn put_char(py: Attached<'_>, this: &mut Writer, point: u32) -> PyResult<()> {
    // SAFETY: room is made first; the text is the writer's own.
    unsafe {
        prepare(py, this, 1, point)?;
        crate::unicodeobject::write_unit(&*this.buffer.cast::<Str>(), this.pos as usize, point);
    }
    this.pos += 1;
    Ok(())
}

/// The text that was written; the writer is empty then.
unsafe fn finish(py: Attached<'_>, this: &mut Writer) -> PyResult<Ref<Str>> {
    // SAFETY: the writer owns its text.
    let Some(text) = (unsafe { Ref::<Str>::from_raw_opt(std::mem::replace(&mut this.buffer, ptr::null_mut())) }) else {
        return Ok(Str::empty());
    };
    match this.pos {
        1 => Str::from_char(py, text.char_at(0)),
        written if written as usize == text.len() => Ok(text),
        written => text.substring(py, 0, written as usize),
    }
}

/// Makes room for `length` characters up to `max_char`.
unsafe fn prepare(py: Attached<'_>, this: &mut Writer, length: isize, max_char: u32) -> PyResult<()> {
    if length > isize::MAX - this.pos {
        return Err(py.no_memory());
    }
    let needed = this.pos + length;
    let max_char = max_char.max(this.min_char);
    let fits = !this.buffer.is_null() && this.readonly == 0 && max_char <= this.max_char && needed <= this.size;
    if fits {
        return Ok(());
    }
    let mut size = needed.max(if this.buffer.is_null() { this.min_length } else { this.size });
    if this.overallocate != 0 && needed > this.size {
        size = size.max(needed + needed / 4);
    }
    let new = Str::alloc(py, size as usize, max_char.max(this.max_char))?;
    // SAFETY: the old text has `pos` characters; the new one is ours.
    unsafe {
        let old = Ref::<Object>::from_raw_opt(this.buffer);
        this.buffer = new.into_raw();
        this.readonly = 0;
        update(this);
        if let Some(old) = old
            && let Some(old) = (*old).downcast::<Str>()
        {
            copy(this, 0, old, 0, this.pos as usize);
        }
    }
    Ok(())
}

unsafe fn write(py: Attached<'_>, this: &mut Writer, text: &Str, start: usize, end: usize) -> PyResult<()> {
    let len = end - start;
    if len == 0 {
        return Ok(());
    }
    // SAFETY: room is made first.
    unsafe {
        if this.buffer.is_null() && this.overallocate == 0 && len == text.len() {
            this.readonly = 1;
            this.buffer = text.to_ref().into_raw();
            update(this);
            this.pos += len as isize;
            return Ok(());
        }
        prepare(py, this, len as isize, text.max_char())?;
        copy(this, this.pos, text, start, len);
    }
    this.pos += len as isize;
    Ok(())
}

/// Appends a whole text.
///
/// # Safety
/// The writer is one of ours.
pub(crate) unsafe fn put(py: Attached<'_>, this: &mut Writer, text: &Str) -> PyResult<()> {
    // SAFETY: by the contract.
    unsafe { write(py, this, text, 0, text.len()) }
}

capi! {
    fn PyUnicodeWriter_Create(py, len: isize) -> *mut Writer {
        if len < 0 { return Err(raise!(py, ValueError, "length must be positive")); }
        let mut this = Box::new(Writer::default());
        if len > 0 { prepare(py, &mut this, len, 0x7f)?; }
        this.overallocate = 1;
        Ok(Box::into_raw(this))
    }
    fn PyUnicodeWriter_Finish(py, writer: *mut Writer) -> Ref<Str> { finish(py, &mut Box::from_raw(writer)) }
    fn PyUnicodeWriter_WriteChar(py, writer: *mut Writer, point: u32) -> () {
        if point > 0x10ffff { return Err(raise!(py, ValueError, "character must be in range(0x110000)")); }
        put_char(py, &mut *writer, point)
    }
    fn PyUnicodeWriter_WriteUTF8(py, writer: *mut Writer, data: *const c_char, size: isize) -> () {
        let data = sized(data, size);
        if data.is_ascii() { return put_latin1(py, &mut *writer, data); }
        put(py, &mut *writer, &*codecs::decode(py, data, Some("utf-8"), None)?)
    }
    fn PyUnicodeWriter_WriteASCII(py, writer: *mut Writer, data: *const c_char, size: isize) -> () {
        put_latin1(py, &mut *writer, sized(data, size))
    }
    fn PyUnicodeWriter_WriteWideChar(py, writer: *mut Writer, data: *const i32, size: isize) -> () {
        let text = crate::unicodeobject::PyUnicode_FromWideChar(data, size.max(-1));
        let text = Ref::<Str>::from_raw_opt(text).ok_or_else(krait_object::Raised::assume)?;
        put(py, &mut *writer, &text)
    }
    fn PyUnicodeWriter_WriteUCS4(py, writer: *mut Writer, data: *const u32, size: isize) -> () {
        if size < 0 { return Err(raise!(py, ValueError, "size must be positive")); }
        if size == 0 { return Ok(()); }
        let text = crate::unicodeobject::PyUnicode_FromKindAndData(4, data.cast(), size);
        let text = Ref::<Str>::from_raw_opt(text).ok_or_else(krait_object::Raised::assume)?;
        put(py, &mut *writer, &text)
    }
    fn PyUnicodeWriter_WriteStr(py, writer: *mut Writer, o: &Object) -> () { put(py, &mut *writer, &*o.str(py)?) }
    fn PyUnicodeWriter_WriteRepr(py, writer: *mut Writer, o: Option<&Object>) -> () {
        match o { Some(o) => put(py, &mut *writer, &*o.repr(py)?), None => put_latin1(py, &mut *writer, b"<NULL>") }
    }
    fn PyUnicodeWriter_WriteSubstring(py, writer: *mut Writer, text: &Object, start: isize, end: isize) -> () {
        let text = text.downcast::<Str>().ok_or_else(|| raise!(py, TypeError, "expect str, not {}", text.ty().name()))?;
        if start < 0 { return Err(raise!(py, ValueError, "start must be positive")); }
        if start > end { return Err(raise!(py, ValueError, "end must be greater than start")); }
        if end as usize > text.len() { return Err(raise!(py, ValueError, "end must not be beyond the end of the text")); }
        write(py, &mut *writer, text, start as usize, end as usize)
    }
    fn PyUnicodeWriter_DecodeUTF8Stateful(py, writer: *mut Writer, data: *const c_char, size: isize, errors: *const c_char, consumed: *mut isize) -> () {
        if !consumed.is_null() { *consumed = 0 }
        let (text, used) = codecs::decode_utf8(py, sized(data, size), opt_text(errors), consumed.is_null())?;
        put(py, &mut *writer, &text)?;
        if !consumed.is_null() { *consumed = used as isize }
        Ok(())
    }

    fn _PyUnicodeWriter_PrepareInternal(py, writer: *mut Writer, length: isize, max_char: u32) -> () { prepare(py, &mut *writer, length, max_char) }
    fn _PyUnicodeWriter_PrepareKindInternal(py, writer: *mut Writer, kind: c_int) -> () {
        let max_char = match kind { 1 => 0xff, 2 => 0xffff, 4 => 0x10ffff, _ => return Err(py.bad_internal_call()) };
        prepare(py, &mut *writer, 0, max_char)
    }
    fn _PyUnicodeWriter_WriteChar(py, writer: *mut Writer, point: u32) -> () {
        put_char(py, &mut *writer, point)
    }
    fn _PyUnicodeWriter_WriteStr(py, writer: *mut Writer, text: &Str) -> () { put(py, &mut *writer, text) }
    fn _PyUnicodeWriter_WriteSubstring(py, writer: *mut Writer, text: &Str, start: isize, end: isize) -> () {
        let (start, end) = (start.max(0) as usize, end.max(0) as usize);
        if start > end || end > text.len() { return Err(raise!(py, IndexError, "string index out of range")); }
        write(py, &mut *writer, text, start, end)
    }
    fn _PyUnicodeWriter_WriteASCIIString(py, writer: *mut Writer, text: *const c_char, len: isize) -> () {
        put_latin1(py, &mut *writer, sized(text, len))
    }
    fn _PyUnicodeWriter_WriteLatin1String(py, writer: *mut Writer, text: *const c_char, len: isize) -> () {
        put_latin1(py, &mut *writer, bytes(text.cast(), len))
    }
    fn _PyUnicodeWriter_Finish(py, writer: *mut Writer) -> Ref<Str> {
        finish(py, &mut *writer)
    }
}

capi_raw! {
    fn PyUnicodeWriter_Discard(writer: *mut Writer) {
        if !writer.is_null() { _PyUnicodeWriter_Dealloc(&mut *Box::from_raw(writer)) }
    }
    fn _PyUnicodeWriter_Init(writer: *mut Writer) { writer.write(Writer::default()) }
    fn _PyUnicodeWriter_Dealloc(writer: *mut Writer) {
        drop(Ref::<Object>::from_raw_opt(std::mem::replace(&mut (*writer).buffer, ptr::null_mut())));
    }
}
