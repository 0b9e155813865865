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
        345 => Ok(Mode::FuncType),
        _ => Err(raise!(py, ValueError, "invalid start argument")),
    }
}

/// The flags of a compilation with their level of optimisation, -1 for the interpreter's.
///
/// # Safety
/// `cf` is NULL or readable.
unsafe fn options(cf: *const Flags, optimize: c_int) -> CompileFlags {
    // SAFETY: by the contract.
    CompileFlags { optimize: u8::try_from(optimize).ok(), ..unsafe { flags(cf) } }
}

unsafe fn compile(py: Attached<'_>, text: &[u8], file: &Str, start: c_int, cf: *const Flags) -> PyResult<Ref<Code>> {
    // SAFETY: by the contract.
    compile_source(py, text, file, mode(py, start)?, &unsafe { options(cf, -1) })
}

/// Code, or the syntax tree when the flags ask for it.
unsafe fn compile_or_parse(
    py: Attached<'_>,
    text: &[u8],
    file: &Str,
    start: c_int,
    cf: *const Flags,
    optimize: c_int,
) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    let options = unsafe { options(cf, optimize) };
    if options.cf_flags & krait_bytecode::flags::PYCF_ONLY_AST == 0 {
        return compile_source(py, text, file, mode(py, start)?, &options).map(Ref::upcast);
    }
    let source = krait_object::Bytes::new(py, text)?;
    krait_vm::compile::parse_object(py, source.as_object(), file, mode(py, start)?, &options)
}

/// The globals of a run with these namespaces, as the functions with source text take them.
fn check_namespaces<'a>(
    py: Attached<'_>,
    globals: Option<&'a Object>,
    locals: Option<&Object>,
) -> PyResult<&'a Object> {
    let globals = match globals {
        Some(globals) if globals.downcast::<Dict>().is_some() => globals,
        Some(_) => return Err(raise!(py, SystemError, "globals must be a real dict; try eval(code, {{}}, mapping)")),
        None => return Err(raise!(py, SystemError, "globals and locals cannot be NULL")),
    };
    match locals.filter(|locals| locals.downcast::<Dict>().is_none() && !locals.is_mapping()) {
        Some(_) => Err(raise!(py, TypeError, "locals must be a mapping")),
        None => Ok(globals),
    }
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
    file: &CStr,
    start: c_int,
    globals: Option<&Object>,
    locals: Option<&Object>,
    cf: *const Flags,
) -> PyResult<Ref<Object>> {
    let name = Str::from_fs_bytes(py, file.to_bytes())?;
    // SAFETY: by the contract.
    let code = unsafe { compile(py, text, &name, start, cf)? };
    eval(py, &code, check_namespaces(py, globals, locals)?, locals)
}

unsafe fn simple(text: *const c_char, cf: *const Flags) -> c_int {
    // SAFETY: by the contract.
    unsafe {
        let py = Attached::from_tls();
        let done = krait_vm::lifecycle::main_dict(py).and_then(|main| {
            run(py, CStr::from_ptr(text).to_bytes(), c"<string>", 257, Some(main.as_object()), None, cf)
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
        let name = if name.is_null() { c"???" } else { CStr::from_ptr(name) };
        let done = krait_vm::lifecycle::main_dict(py).and_then(|main| {
            let file = Str::from_fs_bytes(py, name.to_bytes())?;
            // What the program set stays; what is set here goes again.
            let is_new = main.get_str(py, "__file__").is_none();
            if is_new {
                main.set_str(py, "__file__", file.as_object())?;
            }
            if name != c"<stdin>" {
                krait_vm::program::set_main_loader(py, &main, &file, "SourceFileLoader")?;
            }
            let done = run(py, &text, name, 257, Some(main.as_object()), None, cf);
            krait_vm::lifecycle::flush_streams(py);
            if is_new {
                let failed = py.take_raised();
                drop(main.remove(py, krait_object::id!(py, __file__).as_object())?);
                if let Some(failed) = failed {
                    return Err(py.restore(failed));
                }
            }
            done
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
    fn PyRun_AnyFile(file: *mut libc::FILE, name: *const c_char) -> c_int { PyRun_AnyFileExFlags(file, name, 0, ptr::null()) }
    fn PyRun_AnyFileEx(file: *mut libc::FILE, name: *const c_char, close: c_int) -> c_int { PyRun_AnyFileExFlags(file, name, close, ptr::null()) }
    fn PyRun_AnyFileFlags(file: *mut libc::FILE, name: *const c_char, cf: *const Flags) -> c_int { PyRun_AnyFileExFlags(file, name, 0, cf) }
    fn PyRun_AnyFileExFlags(file: *mut libc::FILE, name: *const c_char, close: c_int, cf: *const Flags) -> c_int {
        let name = if name.is_null() { c"???".as_ptr() } else { name };
        if crate::sysmodule::Py_FdIsInteractive(file, name) == 0 { return simple_file(file, name, close, cf) }
        let status = PyRun_InteractiveLoopFlags(file, name, cf);
        if close != 0 { libc::fclose(file); }
        status
    }
    fn PyRun_InteractiveOne(file: *mut libc::FILE, name: *const c_char) -> c_int { PyRun_InteractiveOneFlags(file, name, ptr::null()) }
    fn PyRun_InteractiveOneFlags(file: *mut libc::FILE, name: *const c_char, cf: *const Flags) -> c_int {
        let py = Attached::from_tls();
        let name = match Str::from_fs_bytes(py, CStr::from_ptr(name).to_bytes()) {
            Ok(name) => name,
            Err(_) => { crate::pyerrors::PyErr_Print(); return -1 }
        };
        report(interactive_one(py, file, &name, cf))
    }
    fn PyRun_InteractiveOneObject(file: *mut libc::FILE, name: *mut PyObject, cf: *const Flags) -> c_int {
        let py = Attached::from_tls();
        let result = crate::unicodeobject::Must::from_c(py, name).and_then(|name| interactive_one(py, file, &name, cf));
        report(result)
    }
    fn PyRun_InteractiveLoop(file: *mut libc::FILE, name: *const c_char) -> c_int { PyRun_InteractiveLoopFlags(file, name, ptr::null()) }
    fn PyRun_InteractiveLoopFlags(file: *mut libc::FILE, name: *const c_char, cf: *const Flags) -> c_int {
        let py = Attached::from_tls();
        for (prompt, text) in [("ps1", ">>> "), ("ps2", "... ")] {
            if krait_vm::sysmodule::get(py, prompt).is_none() {
                let set = Str::new(py, text).and_then(|text| krait_vm::sysmodule::set(py, prompt, text.as_object()));
                if let Err(raised) = set { raised.clear(py) }
            }
        }
        while PyRun_InteractiveOneFlags(file, name, cf) != END_OF_FILE {}
        0
    }
    fn PyOS_Readline(input: *mut libc::FILE, output: *mut libc::FILE, prompt: *const c_char) -> *mut c_char {
        read_line(input, output, prompt)
    }
    fn PyEval_MergeCompilerFlags(cf: *mut Flags) -> c_int {
        let py = Attached::from_tls();
        if let Some(frame) = krait_vm::frame::Frame::current(py) {
            (*cf).cf_flags |= frame.code().raw().co_flags.get() & 0x01fe_0000;
        }
        c_int::from((*cf).cf_flags != 0)
    }
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
    // Entering compares the stack pointer with the limit and counts nothing, so nothing is to be undone.
    fn Py_LeaveRecursiveCall() {}
    fn Py_SetRecursionLimit(limit: c_int) {
        let Some(py) = Attached::try_from_tls() else { return };
        let interpreter = krait_vm::interp::current(py);
        let old = interpreter.config.recursion_limit.swap(limit, std::sync::atomic::Ordering::Relaxed);
        interpreter.visit_threads(&mut |thread| {
            let public = &thread.public;
            public.py_recursion_limit.set(limit);
            public.py_recursion_remaining.set(public.py_recursion_remaining.get() + limit - old);
        });
    }
    fn Py_GetRecursionLimit() -> c_int {
        let py = Attached::from_tls();
        krait_vm::interp::current(py).config.recursion_limit.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// What `PyRun_InteractiveOne` returns at the end of the input.
const END_OF_FILE: c_int = 11;

/// A line with its end, in memory of `PyMem_Malloc`; empty at the end of the input, NULL after an interrupt.
unsafe fn read_line(input: *mut libc::FILE, output: *mut libc::FILE, prompt: *const c_char) -> *mut c_char {
    // SAFETY: open streams; null or a C string; fresh memory with room for the line and its end.
    unsafe {
        let prompt = if prompt.is_null() { c"" } else { CStr::from_ptr(prompt) };
        let Some(line) = krait_vm::line_input::read_line(input, output, prompt) else { return ptr::null_mut() };
        let block = crate::pymem::PyMem_Malloc(line.len() + 1).cast::<u8>();
        if !block.is_null() {
            ptr::copy_nonoverlapping(line.as_ptr(), block, line.len());
            *block.add(line.len()) = 0;
        }
        block.cast()
    }
}

/// Prints what a statement raised.
fn report(result: PyResult<c_int>) -> c_int {
    match result {
        Ok(status) => status,
        Err(_) => {
            // SAFETY: attached, with the exception set.
            unsafe { crate::pyerrors::PyErr_Print() };
            -1
        }
    }
}

/// Reads one statement and runs it in `__main__`: 0, or the mark of the end of the input.
unsafe fn interactive_one(py: Attached<'_>, file: *mut libc::FILE, name: &Str, cf: *const Flags) -> PyResult<c_int> {
    let codeop = krait_vm::import::import_module(py, "codeop")?;
    let prompt = |which: &str| -> String {
        let text = krait_vm::sysmodule::get(py, which).and_then(|prompt| crate::object::or_clear(py, prompt.str(py)));
        text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let mut source: Vec<u8> = Vec::new();
    loop {
        let text = std::ffi::CString::new(prompt(if source.is_empty() { "ps1" } else { "ps2" })).unwrap_or_default();
        // SAFETY: an open stream; the line is ours to free.
        let (line, ended) = unsafe {
            let raw = read_line(file, STDOUT.stream(), text.as_ptr());
            if raw.is_null() {
                krait_vm::signals::check(py)?;
                return Err(raise!(py, KeyboardInterrupt, ""));
            }
            let line = CStr::from_ptr(raw).to_bytes().to_vec();
            crate::pymem::PyMem_Free(raw.cast());
            (line.clone(), line.is_empty())
        };
        if ended && source.is_empty() {
            return Ok(END_OF_FILE);
        }
        source.extend_from_slice(&line);
        if source.iter().all(u8::is_ascii_whitespace) {
            return Ok(0);
        }
        if !ended {
            let whole = source.strip_suffix(b"\n").unwrap_or(&source);
            let text = krait_object::codecs::decode(py, whole, Some("utf-8"), None)?;
            let args: [&Object; 3] = [text.as_object(), name.as_object(), &Str::new(py, "single")?.upcast()];
            let code = codeop.get_attr(py, krait_object::id!(py, compile_command))?.call_pos(py, &args)?;
            if code.is_none() {
                continue;
            }
        }
        let main = krait_vm::lifecycle::main_dict(py)?;
        // SAFETY: by the contract.
        let code = unsafe { compile(py, &source, name, 256, cf)? };
        eval(py, &code, main.as_object(), None)?;
        krait_vm::lifecycle::flush_streams(py);
        return Ok(0);
    }
}

/// The standard output of C.
struct Standard;
static STDOUT: Standard = Standard;
unsafe extern "C" {
    #[link_name = "stdout"]
    static C_STDOUT: *mut libc::FILE;
}
impl Standard {
    fn stream(&self) -> *mut libc::FILE {
        // SAFETY: set before the program starts.
        unsafe { C_STDOUT }
    }
}

capi! {
    fn PyRun_String(py, text: &CStr, start: c_int, globals: Option<&Object>, locals: Option<&Object>) -> Ref<Object> {
        run(py, text.to_bytes(), c"<string>", start, globals, locals, ptr::null())
    }
    fn PyRun_StringFlags(py, text: &CStr, start: c_int, globals: Option<&Object>, locals: Option<&Object>, cf: *const Flags) -> Ref<Object> {
        run(py, text.to_bytes(), c"<string>", start, globals, locals, cf)
    }
    fn PyRun_File(py, file: *mut libc::FILE, name: &CStr, start: c_int, globals: Option<&Object>, locals: Option<&Object>) -> Ref<Object> {
        run(py, &file_text(file, 0), name, start, globals, locals, ptr::null())
    }
    fn PyRun_FileFlags(py, file: *mut libc::FILE, name: &CStr, start: c_int, globals: Option<&Object>, locals: Option<&Object>, cf: *const Flags) -> Ref<Object> {
        run(py, &file_text(file, 0), name, start, globals, locals, cf)
    }
    fn PyEval_EvalCodeEx(py, code: &Code, globals: &Dict, locals: Option<&Object>, args: *const *mut PyObject, argc: c_int, kwds: *const *mut PyObject, kwdc: c_int, defs: *const *mut PyObject, defc: c_int, kwdefs: Option<&Dict>, closure: Option<&Tuple>) -> Ref<Object> {
        let items = |data: *const *mut PyObject, count: c_int| -> Vec<&Object> {
            (0..count.max(0) as usize).map(|at| Object::from_ptr(*data.add(at))).collect()
        };
        let pos = items(args, argc);
        let pairs = items(kwds, kwdc.saturating_mul(2));
        let optimized = code.raw().co_flags.get() & 1 != 0;
        if !optimized && pos.is_empty() && pairs.is_empty() { return krait_vm::eval::eval_code(py, code, globals.as_object(), locals, closure); }
        let function = krait_object::Function::new(py, code, globals.as_object(), None)?;
        if defc > 0 { drop(function.defaults_slot().replace(Some(Tuple::from_slice(py, &items(defs, defc))?))) }
        drop(function.kwdefaults_slot().replace(kwdefs.map(Layout::to_ref)));
        drop(function.closure_slot().replace(closure.map(Layout::to_ref)));
        let names: Vec<&Object> = pairs.iter().copied().step_by(2).collect();
        let values: Vec<&Object> = pairs.iter().copied().skip(1).step_by(2).collect();
        function.as_object().call(py, krait_object::args::Args { pos: &pos, names: &names, values: &values })
    }
    fn PyRun_FileEx(py, file: *mut libc::FILE, name: &CStr, start: c_int, globals: Option<&Object>, locals: Option<&Object>, close: c_int) -> Ref<Object> {
        run(py, &file_text(file, close), name, start, globals, locals, ptr::null())
    }
    fn PyRun_FileExFlags(py, file: *mut libc::FILE, name: &CStr, start: c_int, globals: Option<&Object>, locals: Option<&Object>, close: c_int, cf: *const Flags) -> Ref<Object> {
        run(py, &file_text(file, close), name, start, globals, locals, cf)
    }
    fn Py_CompileString(py, text: &CStr, file: &CStr, start: c_int) -> Ref<Object> {
        compile_or_parse(py, text.to_bytes(), &*Str::from_fs_bytes(py, file.to_bytes())?, start, ptr::null(), -1)
    }
    fn Py_CompileStringFlags(py, text: &CStr, file: &CStr, start: c_int, cf: *const Flags) -> Ref<Object> {
        compile_or_parse(py, text.to_bytes(), &*Str::from_fs_bytes(py, file.to_bytes())?, start, cf, -1)
    }
    fn Py_CompileStringExFlags(py, text: &CStr, file: &CStr, start: c_int, cf: *const Flags, optimize: c_int) -> Ref<Object> {
        compile_or_parse(py, text.to_bytes(), &*Str::from_fs_bytes(py, file.to_bytes())?, start, cf, optimize)
    }
    fn Py_CompileStringObject(py, text: &CStr, file: &Str, start: c_int, cf: *const Flags, optimize: c_int) -> Ref<Object> {
        compile_or_parse(py, text.to_bytes(), file, start, cf, optimize)
    }
    fn PyEval_EvalCode(py, code: &Code, globals: &Object, locals: Option<&Object>) -> Ref<Object> { eval(py, code, globals, locals) }
    fn PyEval_GetFrameGlobals(py) -> Option<Ref<Object>> { Ok((krait_object::hooks::hooks().current_globals)(py)) }
    fn PyEval_GetFrameBuiltins(py) -> Ref<Object> { Ok((krait_object::hooks::hooks().current_builtins)(py)) }
    fn PyEval_GetFrameLocals(py) -> Ref<Object> {
        krait_vm::bltinmodule::current_locals(py)
    }
    fn PyEval_GetFrame(py) -> Lent { Ok(krait_vm::frameobject::current(py)?.map_or(Lent(ptr::null_mut()), Lent::of)) }
}
