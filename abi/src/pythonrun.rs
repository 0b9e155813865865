//! `pythonrun.h`, `compile.h`, `ceval.h`: running source and code.
use crate::capi::*;
use krait_layout::*;
use krait_object::{Attached, Code, Dict, Layout, Object, PyResult, Ref, Str, Tuple, raise};
use krait_vm::compile::{CompileFlags, Mode, compile_source};
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

/// `PyCompilerFlags`.
#[repr(C)]
pub struct Flags {
    pub cf_flags: c_int,
    pub cf_feature_version: c_int,
}

unsafe fn flags(raw: *const Flags) -> CompileFlags {
    // SAFETY: null or live.
    let bits = unsafe { raw.as_ref() }.map_or(0, |flags| flags.cf_flags as u32);
    let future = bits & 0x0fff_0000 & !0x7000;
    CompileFlags { future: future & 0x01fe_0000, cf_flags: bits, ..CompileFlags::default() }
}

fn mode(py: Attached<'_>, start: c_int) -> PyResult<Mode> {
    match start {
        256 => Ok(Mode::Single),
        257 => Ok(Mode::Exec),
        258 => Ok(Mode::Eval),
        _ => Err(raise!(py, SystemError, "unknown start symbol {start}")),
    }
}

unsafe fn compile(
    py: Attached<'_>,
    text: &[u8],
    file: &Str,
    start: c_int,
    cf: *const Flags,
    optimize: c_int,
) -> PyResult<Ref<Code>> {
    // SAFETY: by the contract.
    let mut options = unsafe { flags(cf) };
    options.optimize = u8::try_from(optimize).ok();
    compile_source(py, text, file, mode(py, start)?, &options)
}

fn eval(py: Attached<'_>, code: &Code, globals: &Object, locals: Option<&Object>) -> PyResult<Ref<Object>> {
    if let Some(globals) = globals.downcast::<Dict>()
        && globals.get_str(py, "__builtins__").is_none()
        && let Some(builtins) = krait_vm::import::modules(py)?.get_str(py, "builtins")
    {
        globals.set_str(py, "__builtins__", &builtins)?;
    }
    krait_vm::eval::eval_code(py, code, globals, locals, None::<&Tuple>)
}

unsafe fn run(
    py: Attached<'_>,
    text: &[u8],
    file: &str,
    start: c_int,
    globals: &Object,
    locals: Option<&Object>,
    cf: *const Flags,
) -> PyResult<Ref<Object>> {
    let name = Str::from_fs_bytes(py, file.as_bytes())?;
    // SAFETY: by the contract.
    let code = unsafe { compile(py, text, &name, start, cf, -1)? };
    eval(py, &code, globals, locals)
}

unsafe fn simple(text: *const c_char, cf: *const Flags) -> c_int {
    // SAFETY: by the contract.
    unsafe {
        let py = Attached::from_tls();
        let done = krait_vm::lifecycle::main_dict(py)
            .and_then(|main| run(py, CStr::from_ptr(text).to_bytes(), "<string>", 257, main.as_object(), None, cf));
        match done {
            Ok(_) => 0,
            Err(_) => {
                crate::pyerrors::PyErr_Print();
                -1
            }
        }
    }
}

unsafe fn file_text(file: *mut libc::FILE, close: c_int) -> Vec<u8> {
    let mut text = Vec::new();
    let mut buffer = [0u8; 4096];
    // SAFETY: an open stream.
    unsafe {
        loop {
            let n = libc::fread(buffer.as_mut_ptr().cast(), 1, buffer.len(), file);
            if n == 0 {
                break;
            }
            text.extend_from_slice(&buffer[..n]);
        }
        if close != 0 {
            libc::fclose(file);
        }
    }
    text
}

unsafe fn simple_file(file: *mut libc::FILE, name: *const c_char, close: c_int, cf: *const Flags) -> c_int {
    // SAFETY: by the contract.
    unsafe {
        let py = Attached::from_tls();
        let text = file_text(file, close);
        let name = opt_text(name).unwrap_or("???");
        let done = krait_vm::lifecycle::main_dict(py).and_then(|main| {
            main.set_str(py, "__file__", Str::from_fs_bytes(py, name.as_bytes())?.as_object())?;
            run(py, &text, name, 257, main.as_object(), None, cf)
        });
        match done {
            Ok(_) => 0,
            Err(_) => {
                crate::pyerrors::PyErr_Print();
                -1
            }
        }
    }
}

capi_raw! {
    fn PyRun_SimpleString(text: *const c_char) -> c_int { simple(text, ptr::null()) }
    fn PyRun_SimpleStringFlags(text: *const c_char, cf: *const Flags) -> c_int { simple(text, cf) }
    fn PyRun_SimpleFile(file: *mut libc::FILE, name: *const c_char) -> c_int { simple_file(file, name, 0, ptr::null()) }
    fn PyRun_SimpleFileEx(file: *mut libc::FILE, name: *const c_char, close: c_int) -> c_int { simple_file(file, name, close, ptr::null()) }
    fn PyRun_SimpleFileExFlags(file: *mut libc::FILE, name: *const c_char, close: c_int, cf: *const Flags) -> c_int { simple_file(file, name, close, cf) }
    fn PyRun_AnyFile(file: *mut libc::FILE, name: *const c_char) -> c_int { simple_file(file, name, 0, ptr::null()) }
    fn PyRun_AnyFileEx(file: *mut libc::FILE, name: *const c_char, close: c_int) -> c_int { simple_file(file, name, close, ptr::null()) }
    fn PyEval_GetGlobals() -> *mut PyObject {
        let globals = (krait_object::hooks::hooks().current_globals)(Attached::from_tls());
        globals.map_or(ptr::null_mut(), |globals| globals.as_ptr())
    }
    fn PyEval_GetBuiltins() -> *mut PyObject { (krait_object::hooks::hooks().current_builtins)(Attached::from_tls()).as_ptr() }
    fn Py_EnterRecursiveCall(place: *const c_char) -> c_int {
        let py = Attached::from_tls();
        let place = opt_text(place).unwrap_or("");
        match py.enter_recursive(place) {
            Ok(_) => 0,
            Err(_) => -1,
        }
    }
    fn Py_LeaveRecursiveCall() {
        let tstate = Attached::from_tls().tstate();
        leave_recursive(tstate)
    }
    fn Py_SetRecursionLimit(limit: c_int) {
        let Some(py) = Attached::try_from_tls() else { return };
        let interpreter = krait_vm::interp::current(py);
        let old = interpreter.config.recursion_limit.swap(limit, std::sync::atomic::Ordering::Relaxed);
        for thread in interpreter.threads() {
            let public = &thread.as_ref().public;
            public.py_recursion_limit.set(limit);
            public.py_recursion_remaining.set(public.py_recursion_remaining.get() + limit - old);
        }
    }
    fn Py_GetRecursionLimit() -> c_int {
        let py = Attached::from_tls();
        krait_vm::interp::current(py).config.recursion_limit.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Undoes `Py_EnterRecursiveCall`, as dropping its guard does.
fn leave_recursive(tstate: &PyThreadState) {
    let _ = tstate;
}

capi! {
    fn PyRun_String(py, text: &CStr, start: c_int, globals: &Object, locals: Option<&Object>) -> Ref<Object> {
        run(py, text.to_bytes(), "<string>", start, globals, locals, ptr::null())
    }
    fn PyRun_StringFlags(py, text: &CStr, start: c_int, globals: &Object, locals: Option<&Object>, cf: *const Flags) -> Ref<Object> {
        run(py, text.to_bytes(), "<string>", start, globals, locals, cf)
    }
    fn PyRun_File(py, file: *mut libc::FILE, name: Text<'_>, start: c_int, globals: &Object, locals: Option<&Object>) -> Ref<Object> {
        run(py, &file_text(file, 0), name.0, start, globals, locals, ptr::null())
    }
    fn PyRun_FileEx(py, file: *mut libc::FILE, name: Text<'_>, start: c_int, globals: &Object, locals: Option<&Object>, close: c_int) -> Ref<Object> {
        run(py, &file_text(file, close), name.0, start, globals, locals, ptr::null())
    }
    fn PyRun_FileExFlags(py, file: *mut libc::FILE, name: Text<'_>, start: c_int, globals: &Object, locals: Option<&Object>, close: c_int, cf: *const Flags) -> Ref<Object> {
        run(py, &file_text(file, close), name.0, start, globals, locals, cf)
    }
    fn Py_CompileString(py, text: &CStr, file: Text<'_>, start: c_int) -> Ref<Code> {
        compile(py, text.to_bytes(), &*Str::from_fs_bytes(py, file.0.as_bytes())?, start, ptr::null(), -1)
    }
    fn Py_CompileStringFlags(py, text: &CStr, file: Text<'_>, start: c_int, cf: *const Flags) -> Ref<Code> {
        compile(py, text.to_bytes(), &*Str::from_fs_bytes(py, file.0.as_bytes())?, start, cf, -1)
    }
    fn Py_CompileStringExFlags(py, text: &CStr, file: Text<'_>, start: c_int, cf: *const Flags, optimize: c_int) -> Ref<Code> {
        compile(py, text.to_bytes(), &*Str::from_fs_bytes(py, file.0.as_bytes())?, start, cf, optimize)
    }
    fn Py_CompileStringObject(py, text: &CStr, file: &Str, start: c_int, cf: *const Flags, optimize: c_int) -> Ref<Code> {
        compile(py, text.to_bytes(), file, start, cf, optimize)
    }
    fn PyEval_EvalCode(py, code: &Code, globals: &Object, locals: Option<&Object>) -> Ref<Object> { eval(py, code, globals, locals) }
    fn PyEval_GetFrameGlobals(py) -> Option<Ref<Object>> { Ok((krait_object::hooks::hooks().current_globals)(py)) }
    fn PyEval_GetFrameBuiltins(py) -> Ref<Object> { Ok((krait_object::hooks::hooks().current_builtins)(py)) }
    fn PyEval_GetFrameLocals(py) -> Ref<Object> {
        krait_vm::bltinmodule::current_locals(py)
    }
    fn PyEval_GetFrame(py) -> Lent { Ok(krait_vm::frameobject::current(py)?.map_or(Lent(ptr::null_mut()), Lent::of)) }
}
