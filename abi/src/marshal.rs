//! `marshal.h`: code and plain values as bytes.
use crate::capi::*;
use krait_layout::PyObject;
use krait_object::{Attached, Bytes, Object, PyResult, Ref, raise};
use krait_vm::marshal;
use std::ffi::{c_char, c_int, c_long};

unsafe fn rest(file: *mut libc::FILE) -> Vec<u8> {
    let mut data = Vec::new();
    let mut buffer = [0u8; 8192];
    loop {
        // SAFETY: an open stream, and our own buffer.
        let n = unsafe { libc::fread(buffer.as_mut_ptr().cast(), 1, buffer.len(), file) };
        if n == 0 {
            return data;
        }
        data.extend_from_slice(&buffer[..n]);
    }
}

/// `N` bytes; `EOFError` when there are fewer.
unsafe fn exactly<const N: usize>(py: Attached<'_>, file: *mut libc::FILE) -> PyResult<[u8; N]> {
    let mut data = [0u8; N];
    // SAFETY: as above.
    match unsafe { libc::fread(data.as_mut_ptr().cast(), 1, N, file) } {
        n if n == N => Ok(data),
        _ => Err(raise!(py, EOFError, "EOF read where data expected")),
    }
}

capi! {
    fn PyMarshal_ReadObjectFromString(py, data: *const c_char, len: isize) -> Ref<Object> {
        Ok(marshal::loads(py, bytes(data.cast(), len), true)?.0)
    }
    fn PyMarshal_ReadLastObjectFromFile(py, file: *mut libc::FILE) -> Ref<Object> { Ok(marshal::loads(py, &rest(file), true)?.0) }
    fn PyMarshal_ReadObjectFromFile(py, file: *mut libc::FILE) -> Ref<Object> {
        let start = libc::ftell(file);
        let data = rest(file);
        let (object, used) = marshal::loads(py, &data, true)?;
        // The bytes behind the value stay unread.
        if start >= 0 {
            libc::fseek(file, start + used as c_long, libc::SEEK_SET);
        } else {
            for byte in data[used..].iter().rev() { libc::ungetc(c_int::from(*byte), file); }
        }
        Ok(object)
    }
    fn PyMarshal_ReadLongFromFile(py, file: *mut libc::FILE) -> c_long { Ok(c_long::from(i32::from_le_bytes(exactly(py, file)?))) }
    fn PyMarshal_ReadShortFromFile(py, file: *mut libc::FILE) -> c_int { Ok(c_int::from(i16::from_le_bytes(exactly(py, file)?))) }
    fn PyMarshal_WriteObjectToString(py, o: &Object, version: c_int) -> Ref<Bytes> { Bytes::new(py, &marshal::dumps(py, o, version, true)?) }
}

capi_raw! {
    fn PyMarshal_WriteLongToFile(value: c_long, file: *mut libc::FILE, _version: c_int) {
        libc::fwrite((value as i32).to_le_bytes().as_ptr().cast(), 1, 4, file);
    }
    fn PyMarshal_WriteObjectToFile(o: *mut PyObject, file: *mut libc::FILE, version: c_int) {
        let py = Attached::from_tls();
        // An error stays set, as the manual has it.
        if let Ok(data) = marshal::dumps(py, Object::from_ptr(o), version, true) {
            libc::fwrite(data.as_ptr().cast(), 1, data.len(), file);
        }
    }
}
