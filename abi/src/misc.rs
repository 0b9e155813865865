//! Smaller headers: `genobject.h`, `pyhash.h`, `pystrtod.h`, `structseq.h`, `traceback.h`, character classes.
use crate::capi::*;
use krait_layout::*;
use krait_modules_core::contextvarsmodule::{Context, ContextVar};
use krait_modules_data::pickle::buffer::PickleBuffer;
use krait_object::{Attached, Layout, Object, Ref, Str, Type, exc, mode, raise};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

fn pickle_buffer<'a>(py: Attached<'_>, o: &'a Object) -> krait_object::PyResult<&'a PickleBuffer> {
    o.downcast::<PickleBuffer>().ok_or_else(|| raise!(py, TypeError, "expected PickleBuffer, {} found", o.ty().name()))
}

fn context_var<'a>(py: Attached<'_>, o: &'a Object) -> krait_object::PyResult<&'a ContextVar> {
    o.downcast::<ContextVar>().ok_or_else(|| raise!(py, TypeError, "an instance of ContextVar was expected"))
}

fn native_context<'a>(py: Attached<'_>, o: &'a Object) -> krait_object::PyResult<&'a Context> {
    o.downcast::<Context>().ok_or_else(|| raise!(py, TypeError, "an instance of Context was expected"))
}

capi_raw! {
    fn Py_HashPointer(p: *const c_void) -> isize { krait_object::object::hash_pointer(p) }
    fn _Py_HashDouble(_o: *mut PyObject, value: f64) -> isize {
        let py = Attached::from_tls();
        match krait_object::Float::new(py, value).and_then(|value| value.as_object().hash(py)) {
            Ok(hash) => hash,
            Err(raised) => { raised.clear(py); 0 }
        }
    }
    fn _Py_NewReference(o: *mut PyObject) { mode::new_reference(o) }
    fn _Py_SetImmortal(o: *mut PyObject) { mode::make_immortal(Object::from_ptr(o)) }
    fn PyIter_Send(o: *mut PyObject, value: *mut PyObject, out: *mut *mut PyObject) -> c_int {
        let py = Attached::from_tls();
        *out = ptr::null_mut();
        match krait_vm::generator::send_any(py, Object::from_ptr(o), Object::from_ptr(value)) {
            Ok(Ok(next)) => { put(out, Some(next)); 1 }
            Ok(Err(last)) => { put(out, Some(last)); 0 }
            Err(_) => -1,
        }
    }
    fn PyOS_strtol(text: *const c_char, end: *mut *mut c_char, base: c_int) -> i64 { libc::strtol(text, end, base) }
    fn PyOS_strtoul(text: *const c_char, end: *mut *mut c_char, base: c_int) -> u64 { libc::strtoul(text, end, base) }
    fn PyOS_mystricmp(a: *const c_char, b: *const c_char) -> c_int { libc::strcasecmp(a, b) }
    fn PyOS_mystrnicmp(a: *const c_char, b: *const c_char, n: isize) -> c_int { libc::strncasecmp(a, b, n.max(0) as usize) }
}

capi! {
    fn PyOS_string_to_double(py, text: &CStr, end: *mut *mut c_char, overflow: Option<&Type>) -> f64 {
        let data = text.to_bytes();
        let shown = text.to_string_lossy();
        // The longest beginning that is a number.
        let mut used = data.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')).count();
        while used > 0 && krait_text::float::parse(&data[..used]).is_none() { used -= 1 }
        if used == 0 || end.is_null() && used != data.len() {
            return Err(raise!(py, ValueError, "could not convert string to float: '{shown}'"));
        }
        let value = krait_text::float::parse(&data[..used]).unwrap_or(-1.0);
        if !end.is_null() { *end = text.as_ptr().cast_mut().add(used) }
        let is_word = data[..used].iter().any(|byte| matches!(byte, b'n' | b'N'));
        if value.is_infinite() && !is_word {
            let Some(class) = overflow else { return Ok(value) };
            return Err(py.raise(class, format_args!("value too large to convert to float: '{shown}'")));
        }
        Ok(value)
    }
    fn PyTraceBack_Print(py, traceback: &Object, file: &Object) -> () {
        let header = krait_object::Str::new(py, "Traceback (most recent call last):\n")?;
        file.call_method(py, krait_object::id!(py, write), &[header.as_object()])?;
        krait_vm::errors::write_traceback(py, traceback, &mut |text| {
            let text = krait_object::Str::new(py, text)?;
            file.call_method(py, krait_object::id!(py, write), &[text.as_object()]).map(drop)
        })
    }
    fn PyGen_GetCode(py, o: &Object) -> Ref<Object> { o.get_attr(py, krait_object::id!(py, gi_code)) }
    fn PyObject_AsFileDescriptor(py, o: &Object) -> c_int {
        let number = if o.downcast::<krait_object::Int>().is_some() {
            if o.downcast::<krait_object::Bool>().is_some() {
                let warn = krait_object::hooks::hooks().warn;
                warn(py, exc::RuntimeWarning(), "bool is used as a file descriptor", 1)?;
            }
            o.as_i32(py)?
        } else {
            match o.get_attr_opt(py, krait_object::id!(py, fileno))? {
                Some(method) => {
                    let value = method.call0(py)?;
                    if (*value).downcast::<krait_object::Int>().is_none() { return Err(raise!(py, TypeError, "fileno() returned a non-integer")); }
                    value.as_i32(py)?
                }
                None => return Err(raise!(py, TypeError, "argument must be an int, or have a fileno() method")),
            }
        };
        if number < 0 { return Err(raise!(py, ValueError, "file descriptor cannot be a negative integer ({number})")); }
        Ok(number)
    }
    fn _PyErr_SetKeyError(py, key: &Object) -> Void { let _ = py.raise_value(exc::KeyError(), key); Ok(Void) }
    fn PyUnicodeDecodeError_Create(py, encoding: Text<'_>, data: *const c_char, len: isize, start: isize, end: isize, reason: Text<'_>) -> Ref<Object> {
        let data = krait_object::Bytes::new(py, bytes(data.cast(), len))?;
        let (start, end) = (krait_object::Int::from_i64(py, start as i64)?, krait_object::Int::from_i64(py, end as i64)?);
        let args: [&Object; 5] = [&*encoding.obj(py)?.upcast(), data.as_object(), start.as_object(), end.as_object(), &*reason.obj(py)?.upcast()];
        exc::UnicodeDecodeError().as_object().call_pos(py, &args)
    }
    fn PyFrame_New(py, tstate: *mut PyThreadState, code: &krait_object::Code, globals: &Object, locals: Option<&Object>) -> Ref<krait_vm::frameobject::FrameObject> {
        krait_vm::frameobject::FrameObject::for_code(py, code, globals, locals)
    }
    fn PyContextVar_New(py, name: Text<'_>, default: Option<&Object>) -> Ref<Object> {
        let class = krait_vm::import::import_module(py, "_contextvars")?.get_attr(py, krait_object::id!(py, ContextVar))?;
        let name = name.obj(py)?;
        let Some(default) = default else { return class.call_pos(py, &[name.as_object()]) };
        class.call(py, krait_object::args::Args { pos: &[name.as_object()], names: &[krait_object::id!(py, default).as_object()], values: &[default] })
    }
    fn PyContextVar_Get(py, var: &Object, default: Option<&Object>, out: Out) -> () {
        out.set(context_var(py, var)?.value_or(py, default)?);
        Ok(())
    }
    fn PyContextVar_Set(py, var: &Object, value: &Object) -> Ref<Object> { Ok(ContextVar::set(py, context_var(py, var)?, value)?.upcast()) }
    fn PyContextVar_Reset(py, var: &Object, token: &Object) -> () { ContextVar::reset(py, context_var(py, var)?, token) }
    fn PyContext_CopyCurrent(py) -> Ref<Object> {
        krait_vm::import::import_module(py, "_contextvars")?.call_method(py, krait_object::id!(py, copy_context), &[])
    }
    fn PyContext_Copy(py, context: &Object) -> Ref<Object> { native_context(py, context)?.as_object().call_method(py, krait_object::id!(py, copy), &[]) }
    fn PyPickleBuffer_FromObject(py, o: &Object) -> Ref<Object> {
        let class = krait_vm::import::import_module(py, "_pickle")?.get_attr(py, &*Str::new(py, "PickleBuffer")?)?;
        class.call_pos(py, &[o])
    }
    fn PyPickleBuffer_GetBuffer(py, o: &Object) -> *const Py_buffer {
        let view = pickle_buffer(py, o)?.memory(py)?;
        // The object keeps the view.
        Ok(std::ptr::from_ref(&view.raw().view).cast())
    }
    fn PyPickleBuffer_Release(py, o: &Object) -> () { pickle_buffer(py, o)?.release(); Ok(()) }
    fn PyContext_Enter(py, context: &Object) -> () { Context::enter(py, native_context(py, context)?) }
    fn PyContext_Exit(py, context: &Object) -> () { Context::exit(py, native_context(py, context)?) }
    fn PyObject_CopyData(py, to: &Object, from: &Object) -> () {
        use krait_object::protocols::buffer::Buffer;
        if !Buffer::is_exporter(to) || !Buffer::is_exporter(from) {
            return Err(raise!(py, TypeError, "both destination and source must have the buffer interface"));
        }
        let target = Buffer::get(py, to, PyBUF_FULL)?;
        let source = Buffer::get(py, from, PyBUF_FULL_RO)?;
        if target.view().len < source.view().len { return Err(raise!(py, BufferError, "destination is too small to store data from source")); }
        let data = source.to_vec(py)?;
        if crate::abstract_::PyBuffer_FromContiguous(target.view(), data.as_ptr().cast(), data.len() as isize, b'C' as c_char) < 0 {
            return Err(krait_object::Raised::assume());
        }
        Ok(())
    }
    fn PyContext_New(py) -> Ref<Object> {
        krait_vm::import::import_module(py, "_contextvars")?.get_attr(py, krait_object::id!(py, Context))?.call0(py)
    }
}
