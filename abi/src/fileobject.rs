//! `fileobject.h`, `fileutils.h`: file objects and streams.
use crate::capi::*;
use krait_layout::PyObject;
use krait_object::args::Args;
use krait_object::{Attached, Bool, Bytes, Int, Layout, Object, PyResult, Ref, Str, id, none, raise};
use krait_vm::sysmodule;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

fn open_code(py: Attached<'_>, path: &Object) -> PyResult<Ref<Object>> {
    if path.downcast::<Str>().is_none() {
        return Err(raise!(py, TypeError, "'path' must be 'str', not '{}'", path.ty().name()));
    }
    if let Some(file) = sysmodule::open_code_by_hook(py, path) {
        return file;
    }
    let io = krait_vm::import::import_module(py, "_io")?;
    io.call_method(py, id!(py, open), &[path, Str::new(py, "rb")?.as_object()])
}

/// One line; with `limit` less than 0 without its newline and an error at the end of the file.
fn line(py: Attached<'_>, file: &Object, limit: c_int) -> PyResult<Ref<Object>> {
    let got = match limit > 0 {
        true => file.call_method(py, id!(py, readline), &[Int::from_i64(py, limit.into())?.as_object()])?,
        false => file.call_method(py, id!(py, readline), &[])?,
    };
    let text = (*got).downcast::<Str>();
    let data = (*got).downcast::<Bytes>();
    if text.is_none() && data.is_none() {
        return Err(raise!(py, TypeError, "object.readline() returned non-string"));
    }
    if limit >= 0 {
        return Ok(got);
    }
    let end = || raise!(py, EOFError, "EOF when reading a line");
    if let Some(text) = text {
        return match text.len() {
            0 => Err(end()),
            len if text.char_at(len - 1) == u32::from(b'\n') => Ok(text.substring(py, 0, len - 1)?.upcast()),
            _ => Ok(got),
        };
    }
    let Some(data) = data else { return Err(py.bad_internal_call()) };
    match data.as_slice() {
        [] => Err(end()),
        [rest @ .., b'\n'] => Ok(Bytes::new(py, rest)?.upcast()),
        _ => Ok(got),
    }
}

fn write(py: Attached<'_>, file: &Object, text: &Object) -> PyResult<()> {
    file.call_method(py, id!(py, write), &[text]).map(drop)
}

capi! {
    fn PyFile_FromFd(py, fd: c_int, name: *const c_char, mode: *const c_char, buffering: c_int, encoding: *const c_char, errors: *const c_char, newline: *const c_char, close: c_int) -> Ref<Object> {
        let text = |raw: *const c_char| -> PyResult<Ref<Object>> {
            match opt_text(raw) { Some(text) => Ok(Str::new(py, text)?.upcast()), None => Ok(none()) }
        };
        let open = krait_vm::import::import_module(py, "_io")?.get_attr(py, id!(py, open))?;
        let mode = opt_text(mode).unwrap_or("r");
        let args: [&Object; 7] = [
            &Int::from_i64(py, fd.into())?.upcast(), &Str::new(py, mode)?.upcast(), &Int::from_i64(py, buffering.into())?.upcast(),
            &*text(encoding)?, &*text(errors)?, &*text(newline)?, Bool::of(close != 0).as_object(),
        ];
        open.call(py, Args::positional(&args))
    }
    fn PyFile_GetLine(py, file: &Object, limit: c_int) -> Ref<Object> { line(py, file, limit) }
    fn PyFile_WriteObject(py, o: Option<&Object>, file: Option<&Object>, flags: c_int) -> () {
        let Some(file) = file else { return Err(raise!(py, TypeError, "writeobject with NULL file")) };
        let text = match o {
            Some(o) if flags & 1 != 0 => o.str(py)?,
            Some(o) => o.repr(py)?,
            None => Str::new(py, "<NULL>")?,
        };
        write(py, file, text.as_object())
    }
    fn PyFile_WriteString(py, text: &CStr, file: Option<&Object>) -> () {
        if py.pending().is_some() { return Err(krait_object::Raised::assume()); }
        let Some(file) = file else { return Err(raise!(py, SystemError, "null file for PyFile_WriteString")) };
        let text = krait_object::codecs::decode(py, text.to_bytes(), Some("utf-8"), None)?;
        write(py, file, text.as_object())
    }
    fn PyFile_NewStdPrinter(py, fd: c_int) -> Ref<Object> {
        if fd != 1 && fd != 2 { return Err(py.bad_internal_call()); }
        Ok(krait_vm::stdprinter::StdPrinter::new(py, fd)?.upcast())
    }
    fn PyFile_OpenCode(py, path: Text<'_>) -> Ref<Object> { open_code(py, path.obj(py)?.as_object()) }
    fn PyFile_OpenCodeObject(py, path: &Object) -> Ref<Object> { open_code(py, path) }
    fn Py_fopen(py, path: &Object, mode: &CStr) -> *mut libc::FILE {
        let path = crate::unicodeobject::fs_bytes(py, path)?;
        let Ok(name) = std::ffi::CString::new(path.as_slice()) else { return Err(raise!(py, ValueError, "embedded null byte")) };
        loop {
            let file = krait_vm::interp::without(py, || libc::fopen(name.as_ptr(), mode.as_ptr()));
            if !file.is_null() {
                libc::fcntl(libc::fileno(file), libc::F_SETFD, libc::FD_CLOEXEC);
                return Ok(file);
            }
            let number = *libc::__errno_location();
            if number != libc::EINTR { return Err(krait_object::exceptions::raise_os_error(py, number)); }
            krait_vm::signals::check(py)?;
        }
    }
}

capi_raw! {
    fn Py_fclose(file: *mut libc::FILE) -> c_int { libc::fclose(file) }
    fn PyFile_SetOpenCodeHook(call: sysmodule::OpenCodeHook, data: *mut c_void) -> c_int {
        if sysmodule::set_open_code_hook(call, data.expose_provenance()) { return 0 }
        if let Some(py) = Attached::try_from_tls() { let _ = raise!(py, SystemError, "failed to change existing open_code hook"); }
        -1
    }
    fn Py_UniversalNewlineFgets(buffer: *mut c_char, size: c_int, file: *mut libc::FILE, object: *mut PyObject) -> *mut c_char {
        if !object.is_null() {
            *libc::__errno_location() = libc::ENXIO;
            return ptr::null_mut();
        }
        let mut at = 0;
        let mut after_return = false;
        while at + 1 < size as isize {
            let mut c = libc::fgetc(file);
            if after_return {
                after_return = false;
                if c == c_int::from(b'\n') { c = libc::fgetc(file) }
            }
            if c == libc::EOF { break }
            if c == c_int::from(b'\r') {
                // Both line ends come out as one.
                after_return = true;
                c = c_int::from(b'\n');
            }
            *buffer.offset(at) = c as c_char;
            at += 1;
            if c == c_int::from(b'\n') { break }
        }
        if after_return {
            let c = libc::fgetc(file);
            if c != c_int::from(b'\n') && c != libc::EOF { libc::ungetc(c, file); }
        }
        *buffer.offset(at) = 0;
        if at == 0 { ptr::null_mut() } else { buffer }
    }
}
