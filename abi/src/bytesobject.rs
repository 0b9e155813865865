//! `bytesobject.h`, `bytearrayobject.h`.
use crate::capi::*;
use krait_layout::*;
use krait_object::{Attached, ByteArray, Bytes, Layout, Object, PyResult, Ref, raise};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

fn want<'a>(py: Attached<'_>, o: &'a Object) -> PyResult<&'a Bytes> {
    o.downcast::<Bytes>().ok_or_else(|| raise!(py, TypeError, "expected bytes, {} found", o.ty().name()))
}

capi! {
    fn PyBytes_FromStringAndSize(py, data: *const c_char, size: isize) -> Ref<Bytes> {
        if size < 0 { return Err(raise!(py, SystemError, "Negative size passed to PyBytes_FromStringAndSize")); }
        if data.is_null() { return Bytes::alloc(py, size as usize); }
        Bytes::new(py, bytes(data.cast(), size))
    }
    fn PyBytes_FromString(py, text: &CStr) -> Ref<Bytes> { Bytes::new(py, text.to_bytes()) }
    fn PyBytes_FromObject(py, o: &Object) -> Ref<Bytes> { Bytes::from_object(py, o) }
    fn PyBytes_Size(py, o: &Object) -> isize { Ok(want(py, o)?.len() as isize) }
    fn PyBytes_AsString(py, o: &Object) -> *mut c_char { Ok(want(py, o)?.data_ptr().cast()) }
    fn PyBytes_AsStringAndSize(py, o: &Object, data: *mut *mut c_char, size: *mut isize) -> () {
        let value = want(py, o)?;
        *data = value.data_ptr().cast();
        match size.is_null() {
            false => *size = value.len() as isize,
            true if value.as_slice().contains(&0) => return Err(raise!(py, ValueError, "embedded null byte")),
            true => {}
        }
        Ok(())
    }
    fn PyBytes_Repr(py, o: &Object, smart: c_int) -> Ref<krait_object::Str> {
        let text = o.repr(py)?;
        let data = want(py, o)?.as_slice();
        // The plain form quotes with apostrophes whatever the bytes are.
        if smart != 0 || !data.contains(&b'\'') || data.contains(&b'"') { return Ok(text); }
        let shown = text.to_string_lossy();
        let inner = shown.strip_prefix("b\"").and_then(|rest| rest.strip_suffix('"'));
        let Some(inner) = inner else { return Ok(text) };
        krait_object::Str::new(py, &format!("b'{}'", inner.replace('\'', "\\'")))
    }
    fn PyBytes_Join(py, separator: &Object, items: &Object) -> Ref<Bytes> {
        let Some(separator) = separator.downcast::<Bytes>() else {
            return Err(raise!(py, TypeError, "sep: expected bytes, got {}", separator.ty().name()));
        };
        Bytes::new(py, &krait_object::bytes_methods::join_bytes(py, separator.as_slice(), items)?)
    }
    fn PyBytes_Concat(py, place: *mut *mut PyObject, other: Option<&Object>) -> Void { concat(py, place, other); Ok(Void) }
    fn PyBytes_ConcatAndDel(py, place: *mut *mut PyObject, other: Stolen) -> Void { concat(py, place, other.as_deref()); Ok(Void) }
    fn PyBytes_DecodeEscape(py, data: *const c_char, len: isize, errors: *const c_char, unicode: isize, encoding: *const c_char) -> Ref<Object> {
        if len >= crate::pymem::MOST as isize - 64 { return Err(raise!(py, OverflowError, "byte string is too large")); }
        let module = krait_vm::import::import_module(py, "_codecs")?;
        let value = Bytes::new(py, bytes(data.cast(), len))?;
        let errors = krait_object::Str::new(py, opt_text(errors).unwrap_or("strict"))?;
        let pair = module.call_method(py, krait_object::id!(py, escape_decode), &[value.as_object(), errors.as_object()])?;
        pair.sequence_item(py, 0)
    }
    fn _PyBytes_Resize(py, place: *mut *mut PyObject, size: isize) -> () {
        let old = Ref::<Object>::from_raw_opt(std::mem::replace(&mut *place, ptr::null_mut()));
        let Some(Ok(old)) = old.map(Ref::downcast::<Bytes>) else { return Err(py.bad_internal_call()) };
        if size < 0 { return Err(py.bad_internal_call()); }
        if old.len() as isize == size { *place = old.into_raw(); return Ok(()); }
        if size == 0 { *place = Bytes::empty().into_raw(); return Ok(()); }
        let new = Bytes::alloc(py, size as usize)?;
        ptr::copy_nonoverlapping(old.data_ptr(), new.data_ptr(), old.len().min(size as usize));
        *place = new.into_raw();
        Ok(())
    }
    fn PyByteArray_FromStringAndSize(py, data: *const c_char, size: isize) -> Ref<ByteArray> {
        if size < 0 { return Err(raise!(py, SystemError, "Negative size passed to PyByteArray_FromStringAndSize")); }
        if data.is_null() { return ByteArray::zeroed(py, size as usize); }
        ByteArray::new(py, bytes(data.cast(), size))
    }
    fn PyByteArray_FromObject(py, o: &Object) -> Ref<Object> { ByteArray::type_object().as_object().call_pos(py, &[o]) }
    fn PyByteArray_Size(py, o: &ByteArray) -> isize { Ok(o.len() as isize) }
    fn PyByteArray_AsString(py, o: &ByteArray) -> *mut c_char { Ok(o.data_ptr().cast()) }
    fn PyByteArray_Resize(py, o: &ByteArray, size: isize) -> () {
        if size < 0 { return Err(raise!(py, ValueError, "Can only resize to positive sizes, got {size}")); }
        o.resize(py, size as usize)
    }
    fn PyByteArray_Concat(py, a: &Object, b: &Object) -> Ref<ByteArray> {
        ByteArray::new(py, &krait_object::bytes_methods::concat_bytes(py, a, b, "bytearray")?)
    }
}

/// Replaces the bytes at `place` by their concatenation with others, or by NULL with the error set.
unsafe fn concat(py: Attached<'_>, place: *mut *mut PyObject, other: Option<&Object>) {
    // SAFETY: by the contract.
    unsafe {
        let Some(old) = Ref::<Object>::from_raw_opt(*place) else { return };
        *place = ptr::null_mut();
        let Some(other) = other else { return };
        let made =
            krait_object::bytes_methods::concat_bytes(py, &old, other, "bytes").and_then(|data| Bytes::new(py, &data));
        if let Ok(made) = made {
            *place = made.into_raw();
        }
    }
}

#[allow(dead_code)]
fn _unused(_: *mut c_void) {}
