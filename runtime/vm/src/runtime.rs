//! The process's interpreter: bootstrap, hooks, builtins.
use krait_object::hooks::{self, Hooks};
use krait_object::layout::PyThreadState;
use krait_object::state::{ObjectState, ThreadExt, init_types};
use krait_object::{Attached, Code, Dict, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, raise};
use std::ptr::NonNull;

/// One interpreter.
#[repr(C)]
pub struct Interpreter {
    pub object: ObjectState,
    /// The namespace of `builtins`.
    pub builtins: Slot<Dict>,
    /// The namespace of `sys`.
    pub sys: Slot<Dict>,
}

/// The interpreter of an attached thread.
pub fn interpreter<'py>(py: Attached<'py>) -> &'py Interpreter {
    // SAFETY: the VM makes every interpreter as an `Interpreter`.
    unsafe { &*py.tstate().interp.get().cast::<Interpreter>() }
}

/// An object of the `builtins` module.
pub fn builtin(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    let found = interpreter(py).builtins.get().and_then(|dict| dict.get_str(py, name));
    found.ok_or_else(|| raise!(py, RuntimeError, "lost builtins.{name}"))
}

/// An attribute of the `sys` module.
pub fn sys_attr(py: Attached<'_>, name: &str) -> Option<Ref<Object>> {
    interpreter(py).sys.get()?.get_str(py, name)
}

fn import(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    Err(raise!(py, ModuleNotFoundError, "No module named '{name}'"))
}

fn warn(py: Attached<'_>, category: &Type, message: &str, _level: isize) -> PyResult<()> {
    let _ = py;
    eprintln!("{}: {message}", category.name());
    Ok(())
}

fn unraisable(py: Attached<'_>, message: Option<&str>, object: Option<&Object>) {
    if let Some(message) = message {
        eprintln!("{message}");
    }
    if let Some(object) = object {
        eprintln!("Exception ignored in: <{} object>", object.ty().name());
    }
    if let Some(exception) = py.take_raised() {
        report(py, exception.as_object());
    }
}

fn generator_send(
    py: Attached<'_>,
    generator: &Object,
    value: Option<&Object>,
    raise: bool,
) -> PyResult<Result<Ref<Object>, Ref<Object>>> {
    // SAFETY: the caller passes an object of one of the generator types.
    crate::generator::resume(py, unsafe { generator.cast_unchecked() }, value, raise, false)
}

fn current_globals(py: Attached<'_>) -> Option<Ref<Object>> {
    crate::frame::Frame::current(py).map(|frame| frame.globals().to_ref())
}

fn current_builtins(py: Attached<'_>) -> Ref<Object> {
    if let Some(frame) = crate::frame::Frame::current(py) {
        return frame.builtins().to_ref();
    }
    interpreter(py).builtins.get().expect("an interpreter has builtins").upcast()
}

fn no_codec(
    py: Attached<'_>,
    _encode: bool,
    _object: &Object,
    encoding: &str,
    _errors: Option<&str>,
) -> PyResult<Ref<Object>> {
    Err(raise!(py, LookupError, "unknown encoding: {encoding}"))
}

fn no_handler(py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
    Err(raise!(py, LookupError, "unknown error handler name '{name}'"))
}

fn install_hooks() {
    hooks::install(Hooks {
        import,
        warn,
        unraisable,
        function_vectorcall: crate::eval::function_vectorcall,
        free_executable: crate::exec::Exec::free,
        generator_send,
        super_context: crate::frame_context::super_context,
        handled_exception: crate::eval::handled_exception,
        sys_attr,
        stop_the_world: |_py, body| body(),
        check_signals: crate::breaker::handle,
        current_globals,
        current_builtins,
        codec: no_codec,
        codec_error_handler: no_handler,
    });
}

/// Prints an exception with a plain traceback.
pub fn report(py: Attached<'_>, exception: &Object) {
    let traceback = exception.downcast::<krait_object::BaseException>().and_then(|e| e.traceback());
    let mut entry = traceback.and_then(|tb| tb.downcast::<crate::traceback::Traceback>().ok());
    if entry.is_some() {
        eprintln!("Traceback (most recent call last):");
    }
    while let Some(at) = entry {
        let code = at.frame().frame().code();
        eprintln!("  File \"{}\", line {}, in {}", code.filename(), at.line().unwrap_or(-1), code.qualname());
        entry = at.next_entry();
    }
    let text = exception.str(py).map(|text| text.to_string_lossy().into_owned()).unwrap_or_else(|raised| {
        raised.clear(py);
        "<exception str() failed>".to_owned()
    });
    if text.is_empty() {
        eprintln!("{}", exception.ty().full_name());
    } else {
        eprintln!("{}: {text}", exception.ty().full_name());
    }
}

/// Starts the process's interpreter on the calling thread.
pub fn start<'py>() -> Attached<'py> {
    install_hooks();
    let interpreter =
        Box::leak(Box::new(Interpreter { object: ObjectState::new(), builtins: Slot::NULL, sys: Slot::NULL }));
    let thread = Box::leak(ThreadExt::new(&interpreter.object));
    let tstate: &PyThreadState = &thread.public;
    tstate.interp.set(std::ptr::from_ref(interpreter).cast_mut().cast());
    tstate.exc_info.set((&raw const tstate.exc_state).cast_mut());
    tstate.py_recursion_limit.set(1000);
    tstate.py_recursion_remaining.set(1000);
    Attached::set_current_raw(std::ptr::from_ref(tstate).cast_mut());
    // SAFETY: the calling thread is attached from here on.
    let py = unsafe { Attached::from_raw(NonNull::from(tstate)) };
    init_types(py);
    crate::init_static_types(py);
    crate::bootstrap::fill(py, interpreter).unwrap_or_else(|raised| {
        let exception = raised.take(py);
        report(py, exception.as_object());
        crate::fatal("cannot make the builtins");
    });
    py
}

/// Runs a code object as `__main__`.
pub fn run_main(py: Attached<'_>, code: &Code) -> PyResult<()> {
    let globals = Dict::new(py)?;
    globals.set_str(py, "__name__", Str::new(py, "__main__")?.as_object())?;
    if let Some(builtins) = interpreter(py).builtins.get() {
        globals.set_str(py, "__builtins__", builtins.as_object())?;
    }
    crate::eval::eval_code(py, code, globals.as_object(), None, None::<&Tuple>)?;
    Ok(())
}

/// Runs a file: Python source, or (by its magic number) a `.pyc`.
pub fn run_file(path: &str, bytes: &[u8]) -> std::process::ExitCode {
    let py = start();
    let code = if bytes.starts_with(&krait_bytecode::PYC_MAGIC_NUMBER.to_le_bytes()) && bytes.len() >= 16 {
        crate::marshal::loads(py, &bytes[16..], true).and_then(|(code, _)| {
            code.downcast::<Code>().map_err(|_| raise!(py, RuntimeError, "Bad code object in .pyc file"))
        })
    } else {
        compile(py, bytes, path)
    };
    match code.and_then(|code| run_main(py, &code)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(raised) => {
            let exception = raised.take(py);
            report(py, exception.as_object());
            std::process::ExitCode::FAILURE
        }
    }
}

fn compile(py: Attached<'_>, source: &[u8], path: &str) -> PyResult<Ref<Code>> {
    use krait_compiler::{Flags, Mode, compile_bytes};
    match compile_bytes(source, path, Mode::Exec, Flags::default()) {
        Ok(compiled) => crate::codegen_glue::code_object(py, &compiled.code),
        Err(error) => Err(raise!(py, SyntaxError, "{error:?}")),
    }
}
