//! The private writer of text that came before `PyUnicodeWriter` (`unicodeobject.h`); some extensions still use it.
use crate::capi::*;
use krait_layout::PyObject;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Str, raise};
use std::ffi::{c_char, c_int, c_uchar, c_void};
use std::ptr;

/// `_PyUnicodeWriter`: text in the making, whose fields C code reads and writes.
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

/// Copies units of `from` into the writer's own text.
unsafe fn copy(this: &Writer, at: isize, from: &Str, start: usize, count: usize) {
    // SAFETY: the caller made room, and the text is the writer's own.
    unsafe {
        let to = &*this.buffer.cast::<Str>();
        for offset in 0..count {
            crate::unicodeobject::write_unit(to, at as usize + offset, from.char_at(start + offset));
        }
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

capi! {
    fn _PyUnicodeWriter_PrepareInternal(py, writer: *mut Writer, length: isize, max_char: u32) -> () { prepare(py, &mut *writer, length, max_char) }
    fn _PyUnicodeWriter_PrepareKindInternal(py, writer: *mut Writer, kind: c_int) -> () {
        let max_char = match kind { 1 => 0xff, 2 => 0xffff, 4 => 0x10ffff, _ => return Err(py.bad_internal_call()) };
        prepare(py, &mut *writer, 0, max_char)
    }
    fn _PyUnicodeWriter_WriteChar(py, writer: *mut Writer, point: u32) -> () {
        let this = &mut *writer;
        prepare(py, this, 1, point)?;
        crate::unicodeobject::write_unit(&*this.buffer.cast::<Str>(), this.pos as usize, point);
        this.pos += 1;
        Ok(())
    }
    fn _PyUnicodeWriter_WriteStr(py, writer: *mut Writer, text: &Str) -> () { write(py, &mut *writer, text, 0, text.len()) }
    fn _PyUnicodeWriter_WriteSubstring(py, writer: *mut Writer, text: &Str, start: isize, end: isize) -> () {
        let (start, end) = (start.max(0) as usize, end.max(0) as usize);
        if start > end || end > text.len() { return Err(raise!(py, IndexError, "string index out of range")); }
        write(py, &mut *writer, text, start, end)
    }
    fn _PyUnicodeWriter_WriteASCIIString(py, writer: *mut Writer, text: *const c_char, len: isize) -> () {
        let data = if len < 0 { std::ffi::CStr::from_ptr(text).to_bytes() } else { bytes(text.cast(), len) };
        let text = Str::from_latin1(py, data)?;
        write(py, &mut *writer, &text, 0, text.len())
    }
    fn _PyUnicodeWriter_WriteLatin1String(py, writer: *mut Writer, text: *const c_char, len: isize) -> () {
        let text = Str::from_latin1(py, bytes(text.cast(), len))?;
        write(py, &mut *writer, &text, 0, text.len())
    }
    fn _PyUnicodeWriter_Finish(py, writer: *mut Writer) -> Ref<Str> {
        let this = &mut *writer;
        let Some(text) = Ref::<Str>::from_raw_opt(std::mem::replace(&mut this.buffer, ptr::null_mut())) else { return Ok(Str::empty()) };
        if this.pos as usize == text.len() && this.readonly != 0 { return Ok(text); }
        // The text may be narrower than it was prepared for.
        text.substring(py, 0, this.pos as usize)
    }
}

capi_raw! {
    fn _PyUnicodeWriter_Init(writer: *mut Writer) { ptr::write_bytes(writer, 0, 1) }
    fn _PyUnicodeWriter_Dealloc(writer: *mut Writer) {
        drop(Ref::<Object>::from_raw_opt(std::mem::replace(&mut (*writer).buffer, ptr::null_mut())));
    }
}
