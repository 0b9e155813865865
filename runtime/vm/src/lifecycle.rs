//! The life of the runtime: start-up of the main interpreter, the streams, running a program, and the end.
use crate::config::Config;
use crate::interp::{self, Interpreter, RUNTIME, current};
use crate::{bltinmodule, import, signals, sysmodule};
use krait_object::args::Args;
use krait_object::hooks::{self, Hooks};
use krait_object::{
    Attached, Dict, Int, Layout, Module, Object, PyResult, Raised, Ref, Str, WeakRef, gc, id, mode, none, raise, state,
};
use std::sync::Once;
use std::sync::atomic::Ordering;

/// A function that `Py_AtExit` registered, or an `atexit` callback.
pub enum ExitCall {
    Native(unsafe extern "C" fn()),
    /// With the address that it is called with (`PyUnstable_AtExit`).
    WithData(unsafe extern "C" fn(*mut std::ffi::c_void), usize),
}

static TYPES: Once = Once::new();
static HASH_KEY: Once = Once::new();

/// Starts the main interpreter and attaches the calling thread to it. `sys`, `builtins`, import and the streams work
/// afterwards; `site` has run if the configuration wants it.
///
/// # Errors
/// The indicator is set; the interpreter cannot be used and should be finalised.
pub fn start(config: Config) -> Result<Attached<'static>, String> {
    RUNTIME.main_thread.store(interp::thread_ident(), Ordering::Relaxed);
    RUNTIME.finalizing.store(false, Ordering::Relaxed);
    // Strings that outlive an interpreter keep their hash, so the first key stays.
    HASH_KEY.call_once(|| seed_hash(config.hash_seed));
    krait_object::unicodeobject::set_fs_ascii(config.ascii_file_names);
    interp::install_block_hooks();
    install_hooks();
    let interpreter = Interpreter::create(config);
    let thread = interpreter.new_thread();
    // SAFETY: a fresh thread state.
    let py: Attached<'static> = unsafe {
        interp::bind(thread);
        interp::attach(thread)
    };
    TYPES.call_once(|| {
        state::init_types(py);
        crate::init_static_types(py);
    });
    signals::set_main_thread(Some(mode::breaker(py.tstate())));
    crate::remote::enable(current(py).config.remote_debug);
    boot(py).map(|()| py).map_err(|failure| failure.describe(py))
}

/// Why an interpreter cannot start.
struct Failure {
    /// What was tried, and how far the runtime was.
    stage: (&'static str, &'static str),
    raised: Raised,
}

impl From<Raised> for Failure {
    fn from(raised: Raised) -> Failure {
        Failure { stage: ("init_main: the interpreter cannot be filled", "core initialized"), raised }
    }
}

impl Failure {
    fn at(stage: &'static str, state: &'static str) -> impl FnOnce(Raised) -> Failure {
        move |raised| Failure { stage: (stage, state), raised }
    }

    /// Shows the exception; the message for the host.
    fn describe(self, py: Attached<'_>) -> String {
        let (stage, state) = self.stage;
        let exception = self.raised.take(py);
        if stage == NO_ENCODINGS {
            crate::errors::write_stderr(py, &crate::paths::describe(&current(py).config));
        }
        let mut message = format!("{stage}\nPython runtime state: {state}\n");
        if exception.traceback().is_some() {
            crate::errors::display(py, &exception);
        } else {
            message.push_str(&format!("{}\n", crate::errors::summary(py, &exception)));
        }
        message
    }
}

const NO_ENCODINGS: &str = "Failed to import encodings module";

/// Sets the key of string hashes: from a seed (0 for none), or random.
fn seed_hash(seed: Option<u32>) {
    match seed {
        Some(seed) => krait_object::hash::set_seed(seed),
        None => {
            let mut key = [0u8; 16];
            // SAFETY: the buffer is as long as stated; a short or failed read leaves a weaker key, not a wrong one.
            unsafe { libc::getrandom(key.as_mut_ptr().cast(), key.len(), 0) };
            let half = |at: usize| u64::from_le_bytes(key[at..at + 8].try_into().expect("eight bytes"));
            krait_object::hash::set_secret(half(0), half(8));
        }
    }
}

/// Starts a further interpreter in the calling thread, which stays attached to it.
///
/// # Errors
/// As [`start`].
pub fn start_sub(config: Config) -> Result<Attached<'static>, String> {
    start_sub_with(config, interp::Rules::default())
}

/// As [`start_sub`] with what the interpreter may do.
///
/// # Errors
/// As [`start`].
pub fn start_sub_with(config: Config, rules: interp::Rules) -> Result<Attached<'static>, String> {
    let interpreter = Interpreter::create_with(config, rules);
    let thread = interpreter.new_thread();
    // SAFETY: a fresh thread state; the caller detached its own.
    let py: Attached<'static> = unsafe {
        interp::bind(thread);
        interp::attach(thread)
    };
    boot(py).map(|()| py).map_err(|failure| crate::errors::summary(py, &failure.raised.take(py)))
}

/// Fills a new interpreter.
fn boot(py: Attached<'_>) -> Result<(), Failure> {
    let interpreter = current(py);
    if interpreter.config.tracemalloc > 0 && interpreter.is_main() {
        krait_object::tracemalloc::start(interpreter.config.tracemalloc as usize);
    }
    let modules = Dict::new(py)?;
    drop(interpreter.modules.replace(Some(modules.clone())));
    let builtins = bltinmodule::create(py)?;
    drop(interpreter.builtins.replace(Some(builtins.dict().to_ref())));
    for (slot, name) in interpreter.common.iter().zip(["all", "any"]) {
        drop(slot.replace(builtins.dict().get_str(py, name)));
    }
    modules.set_str(py, "builtins", builtins.as_object())?;
    let import_func = builtins.as_object().get_attr(py, id!(py, __import__))?;
    drop(interpreter.import_func.replace(Some(import_func)));
    let sys = sysmodule::create(py)?;
    drop(interpreter.sys_dict.replace(Some(sys.dict().to_ref())));
    sys.add(py, "modules", modules.as_object())?;
    modules.set_str(py, "sys", sys.as_object())?;
    // Until the streams are open.
    sys.add(py, "stderr", crate::stdprinter::StdPrinter::new(py, 2)?.as_object())?;
    import::install_importlib(py)?;
    if interpreter.config.install_signal_handlers && interpreter.is_main() {
        install_signal_handlers(py)?;
    }
    // Before the first search of `sys.path`, which keeps what it finds.
    install_zip_importer(py)?;
    import::import_module(py, "encodings").map_err(Failure::at(NO_ENCODINGS, "core initialized"))?;
    let encoding = stream_encoding(py).map_err(Failure::at(
        "init_stdio_encoding: failed to get the Python codec name of the stdio encoding",
        "core initialized",
    ))?;
    open_streams(py, &encoding)?;
    if interpreter.config.faulthandler && interpreter.is_main() {
        import::import_module(py, "faulthandler")?.call_method(py, id!(py, enable), &[])?;
    }
    let main = Module::new(py, "__main__")?;
    main.add(py, "__builtins__", builtins.as_object())?;
    let loader = import::import_module(py, "_frozen_importlib")?.get_attr(py, id!(py, BuiltinImporter))?;
    main.add(py, "__loader__", &loader)?;
    modules.set_str(py, "__main__", main.as_object())?;
    py.state().codecs.checks_names.store(interpreter.config.dev_mode, std::sync::atomic::Ordering::Relaxed);
    if !interpreter.config.warn_options.is_empty() || interpreter.config.dev_mode {
        import::import_module(py, "warnings")?;
    }
    if interpreter.config.import_site {
        let failed = Failure::at("init_import_site: Failed to import the site module", "initialized");
        import::import_module(py, "site").map_err(failed)?;
    }
    Ok(())
}

/// The codec's own name of the standard streams' encoding.
fn stream_encoding(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let encoding = Str::new(py, &current(py).config.stdio_encoding)?;
    if encoding.eq_str("utf-8") {
        return Ok(encoding.upcast());
    }
    let codecs = import::import_module(py, "_codecs")?;
    codecs.call_method(py, id!(py, lookup), &[encoding.as_object()])?.get_attr(py, id!(py, name))
}

/// Puts the importer of ZIP archives in front of the hooks.
fn install_zip_importer(py: Attached<'_>) -> PyResult<()> {
    let importer = import::import_module(py, "zipimport")?.get_attr(py, id!(py, zipimporter))?;
    let Some(hooks) = sysmodule::get(py, "path_hooks") else { return Ok(()) };
    let zero = Int::from_i64(py, 0)?;
    hooks.call_method(py, id!(py, insert), &[zero.as_object(), &importer]).map(drop)
}

fn install_signal_handlers(py: Attached<'_>) -> PyResult<()> {
    for ignored in [libc::SIGPIPE, libc::SIGXFSZ] {
        let _ = signals::install(ignored, libc::SIG_IGN);
    }
    import::import_module(py, "_signal").map(drop).or_else(|raised| {
        raised.clear(py);
        Ok(())
    })
}

/// Makes `sys.stdin`, `sys.stdout` and `sys.stderr`.
fn open_streams(py: Attached<'_>, encoding: &Object) -> PyResult<()> {
    let io = import::import_module(py, "_io")?;
    let builtins = current(py).builtins.get().ok_or_else(|| py.bad_internal_call())?;
    builtins.set_str(py, "open", &*io.get_attr(py, id!(py, open))?)?;
    for (fd, name, label) in [(0, "stdin", "<stdin>"), (1, "stdout", "<stdout>"), (2, "stderr", "<stderr>")] {
        let stream = match open_stream(py, &io, fd, label, encoding) {
            Ok(stream) => stream,
            Err(raised) if raised.matches(py, krait_object::exc::OSError()) => {
                raised.clear(py);
                none()
            }
            Err(raised) => return Err(raised),
        };
        sysmodule::set(py, name, &stream)?;
        sysmodule::set(py, &format!("__{name}__"), &stream)?;
    }
    Ok(())
}

/// One text stream over a file descriptor; `None` when that is closed.
fn open_stream(py: Attached<'_>, io: &Object, fd: i32, label: &str, encoding: &Object) -> PyResult<Ref<Object>> {
    // SAFETY: only asks for the descriptor's flags.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Ok(none());
    }
    let config = &current(py).config;
    let buffered = config.buffered_stdio || fd == 0;
    let mode = if fd == 0 { "rb" } else { "wb" };
    let number = Int::from_i64(py, i64::from(fd))?;
    let (mode_text, buffering) = (Str::new(py, mode)?, Int::from_i64(py, if buffered { -1 } else { 0 })?);
    let (none, false_) = (none(), krait_object::Bool::of(false));
    let open = io.get_attr(py, id!(py, open))?;
    let buffer = open.call(
        py,
        Args {
            pos: &[
                number.as_object(),
                mode_text.as_object(),
                buffering.as_object(),
                &none,
                &none,
                &none,
                false_.as_object(),
            ],
            names: &[],
            values: &[],
        },
    )?;
    let raw = if buffered { buffer.get_attr(py, id!(py, raw))? } else { buffer.clone() };
    let label = Str::new(py, label)?;
    raw.set_attr(py, id!(py, name), Some(label.as_object()))?;
    let is_tty = raw.call_method(py, id!(py, isatty), &[])?.is_true(py)?;
    let line_buffering = krait_object::Bool::of(fd == 2 || fd != 0 && is_tty && buffered);
    let write_through = krait_object::Bool::of(!config.buffered_stdio && fd != 0);
    let errors = Str::new(py, if fd == 2 { "backslashreplace" } else { &config.stdio_errors })?;
    let newline = if fd == 0 { none.clone() } else { Str::new(py, "\n")?.upcast() };
    let wrapper = io.get_attr(py, id!(py, TextIOWrapper))?;
    let stream = wrapper.call_pos(
        py,
        &[&buffer, encoding, errors.as_object(), &newline, line_buffering.as_object(), write_through.as_object()],
    )?;
    let mode = Str::new(py, if fd == 0 { "r" } else { "w" })?;
    stream.set_attr(py, id!(py, mode), Some(mode.as_object()))?;
    Ok(stream)
}

/// Flushes the standard streams; whether that worked.
pub fn flush_streams(py: Attached<'_>) -> bool {
    let mut fine = true;
    for name in ["stdout", "stderr"] {
        let Some(stream) = sysmodule::get(py, name).filter(|stream| !stream.is_none()) else { continue };
        let closed = match stream.get_attr_opt(py, id!(py, closed)) {
            Ok(closed) => closed.is_some_and(|closed| closed.is_true(py).unwrap_or(false)),
            Err(raised) => {
                raised.clear(py);
                false
            }
        };
        if closed {
            continue;
        }
        if let Err(raised) = stream.call_method(py, id!(py, flush), &[]) {
            if name == "stdout" {
                fine = false;
                let _ = raised;
                sysmodule::report_unraisable(py, Some("Exception ignored while flushing sys.stdout"), None);
            } else {
                raised.clear(py);
            }
        }
    }
    fine
}

/// Runs what a program left for its end: non-daemon threads, `atexit` callbacks.
fn run_exit_calls(py: Attached<'_>) {
    let threading = current(py).modules.get().and_then(|modules| modules.get_str(py, "threading"));
    if let Some(threading) = threading
        && let Err(raised) = threading.call_method(py, id!(py, _shutdown), &[])
    {
        let _ = raised;
        sysmodule::report_unraisable(py, Some("Exception ignored on threading shutdown"), Some(&threading));
    }
    let atexit = current(py).modules.get().and_then(|modules| modules.get_str(py, "atexit"));
    if let Some(atexit) = atexit
        && let Err(raised) = atexit.call_method(py, id!(py, _run_exitfuncs), &[])
    {
        let _ = raised;
        sysmodule::report_unraisable(py, None, Some(&atexit));
    }
    let native = std::mem::take(&mut *current(py).atexit.lock().expect("no panic under this lock"));
    for call in native.into_iter().rev() {
        match call {
            // SAFETY: registered to be called once, now.
            ExitCall::Native(function) => unsafe { function() },
            // SAFETY: as above.
            ExitCall::WithData(function, data) => unsafe { function(std::ptr::with_exposed_provenance_mut(data)) },
        }
    }
}

/// Ends the main interpreter: returns 0, or 120 when the standard streams could not be flushed.
///
/// Threads that come back afterwards sleep until the process ends.
pub fn finish(py: Attached<'_>) -> i32 {
    let interpreter = current(py);
    let address: *const Interpreter = interpreter;
    run_exit_calls(py);
    interpreter.import.finalizer.store(interp::thread_ident(), Ordering::Relaxed);
    interpreter.finalizing.store(true, Ordering::Release);
    RUNTIME.finalizing.store(true, Ordering::Release);
    // From here on other threads do not run any more, whatever the streams do.
    let flushed = flush_streams(py);
    if interpreter.config.malloc_stats {
        sysmodule::show_memory(py);
    }
    signals::finish(py);
    clear_modules(py);
    krait_object::tracemalloc::stop(py);
    gc::collect(py, gc::Generation::Full);
    crate::gcmodule::report_garbage(py);
    flush_streams(py);
    // The thread's part goes last: the interpreter is reached through it.
    drop_interpreter(py, interpreter);
    // SAFETY: an ended main interpreter lives until the next one has ended.
    unsafe { (*address).retire_main() };
    signals::set_main_thread(None);
    if flushed { 0 } else { 120 }
}

/// Ends an interpreter that is not the main one, and frees it. The calling thread is detached afterwards.
pub fn finish_sub(py: Attached<'_>) {
    let address: *const Interpreter = current(py);
    run_exit_calls(py);
    flush_streams(py);
    current(py).import.finalizer.store(interp::thread_ident(), Ordering::Relaxed);
    current(py).finalizing.store(true, Ordering::Release);
    clear_modules(py);
    gc::collect(py, gc::Generation::Full);
    drop_interpreter(py, current(py));
    // SAFETY: `create` leaked it, so it lives until here.
    let interpreter: &'static Interpreter = unsafe { &*address };
    if interpreter.thread_count() == 0 {
        // SAFETY: its last thread state is gone.
        unsafe { interpreter.delete() };
    }
}

/// Drops what an interpreter owns and its calling thread's state. Thread states of daemon threads stay, asleep.
fn drop_interpreter(py: Attached<'_>, interpreter: &'_ Interpreter) {
    drop(interpreter.ast.all.take());
    crate::monitoring::module::finish(interpreter);
    for slot in &interpreter.common {
        drop(slot.take());
    }
    drop(interpreter.asyncio.take());
    drop(interpreter.decimal.take());
    interpreter.warnings.clear();
    for slot in [
        &interpreter.importlib,
        &interpreter.import_func,
        &interpreter.audit_hooks,
        &interpreter.before_forkers,
        &interpreter.after_forkers_parent,
        &interpreter.after_forkers_child,
    ] {
        drop(slot.take());
    }
    for slot in [&interpreter.modules, &interpreter.sys_dict, &interpreter.builtins, &interpreter.dict] {
        drop(slot.take());
    }
    interpreter.object.codecs.clear();
    drop((interpreter.object.gc.garbage.take(), interpreter.object.gc.callbacks.take()));
    let states = std::mem::take(&mut *interpreter.module_states.lock().expect("no panic under this lock"));
    let extensions = std::mem::take(&mut *interpreter.import.single_phase.lock().expect("no panic under this lock"));
    drop((states, extensions));
    for handler in &interpreter.signals.handlers {
        drop(handler.take());
    }
    for slot in [&interpreter.before_forkers, &interpreter.after_forkers_parent, &interpreter.after_forkers_child] {
        drop(slot.take());
    }
    let tasks = std::mem::take(&mut *interpreter.task_lists.lock().expect("no panic under this lock"));
    drop(tasks);
    gc::collect(py, gc::Generation::Full);
    interp::end_thread(py);
}

/// Empties the modules in the order that lets finalizers still use what they need: programs' modules first, `sys` and
/// `builtins` last.
fn clear_modules(py: Attached<'_>) {
    let Some(modules) = current(py).modules.get() else { return };
    let entries = modules.items_snapshot(py).unwrap_or_else(|raised| {
        raised.clear(py);
        Vec::new()
    });
    for name in [
        "path",
        "argv",
        "ps1",
        "ps2",
        "last_exc",
        "last_type",
        "last_value",
        "last_traceback",
        "path_hooks",
        "path_importer_cache",
        "meta_path",
    ] {
        if let Err(raised) = sysmodule::set(py, name, &none()) {
            raised.clear(py);
        }
    }
    for name in ["stdin", "stdout", "stderr"] {
        if let Some(original) = sysmodule::get(py, &format!("__{name}__"))
            && let Err(raised) = sysmodule::set(py, name, &original)
        {
            raised.clear(py);
        }
    }
    modules.clear(py);
    let (mut last, mut others) = (Vec::new(), Vec::new());
    for (name, module) in entries {
        if (*name).downcast::<Str>().is_some_and(|name| name.eq_str("sys") || name.eq_str("builtins")) {
            last.push(module);
        } else if (*module).downcast::<Module>().is_some() {
            match WeakRef::new(py, &module, None) {
                Ok(weak) => others.push(weak),
                Err(raised) => raised.clear(py),
            }
        }
    }
    // Most modules go now, and finalizers of what they hold still find their globals.
    gc::collect(py, gc::Generation::Full);
    for module in others.iter().rev().filter_map(|weak| weak.get()) {
        if let Some(module) = (*module).downcast::<Module>() {
            clear_module_dict(py, module.dict());
        }
    }
}

/// Sets a module's globals to `None`: names with one leading underscore first, `__builtins__` not at all.
pub fn clear_module_dict(py: Attached<'_>, dict: &Dict) {
    for private in [true, false] {
        let entries = match dict.items_snapshot(py) {
            Ok(entries) => entries,
            Err(raised) => return raised.clear(py),
        };
        for (name, value) in entries {
            let Some(text) = (*name).downcast::<Str>() else { continue };
            let text = text.to_string_lossy();
            let is_private = text.starts_with('_') && !text.starts_with("__");
            if value.is_none() || is_private != private || text == "__builtins__" {
                continue;
            }
            if let Err(raised) = dict.set(py, &name, &none()) {
                raised.clear(py);
            }
        }
    }
}

fn install_hooks() {
    hooks::install(Hooks {
        import: import::import_module,
        warn: crate::warnings::warn,
        unraisable: sysmodule::report_unraisable,
        function_vectorcall: crate::eval::function_vectorcall,
        adaptive_code: crate::exec::Exec::adaptive,
        free_executable: crate::exec::Exec::free,
        generator_send: |py, generator, value, raise| {
            // SAFETY: the caller passes an object of one of the generator types.
            crate::generator::resume(py, unsafe { generator.cast_unchecked() }, value, raise, false)
        },
        super_context: crate::frame_context::super_context,
        handled_exception: |py| {
            krait_object::exceptions::handled_exception(py).map(|exception| exception.as_object().to_ref())
        },
        sys_attr: sysmodule::get,
        first_path: |py| current(py).config.sys_path_0.get().and_then(|path| path.to_str().map(str::to_owned)),
        stop_the_world: |py, body| current(py).stop_the_world(py, body),
        visit_roots: |py, visit| {
            let interp = current(py);
            for dict in [&interp.modules, &interp.sys_dict, &interp.builtins] {
                if let Some(dict) = dict.get() {
                    visit(dict.as_ptr());
                }
            }
            interp.visit_threads(&mut |thread| crate::frame::visit_frames(&thread.public, visit));
        },
        visit_lines: crate::frame::visit_lines,
        check_signals: signals::check,
        current_globals: |py| crate::frame::Frame::current(py).map(|frame| frame.globals().to_ref()),
        current_builtins: |py| match crate::frame::Frame::current(py) {
            Some(frame) => frame.builtins().to_ref(),
            None => current(py).builtins.get().map_or_else(none, Ref::upcast),
        },
        codec: |py, encode, object, encoding, errors| {
            let module = import::import_module(py, "_codecs")?;
            let name = if encode { id!(py, encode) } else { id!(py, decode) };
            let encoding = Str::new(py, encoding)?;
            match errors {
                Some(errors) => {
                    module.call_method(py, name, &[object, encoding.as_object(), Str::new(py, errors)?.as_object()])
                }
                None => module.call_method(py, name, &[object, encoding.as_object()]),
            }
        },
        codec_error_handler: |py, name| {
            let module = import::import_module(py, "_codecs")?;
            module.call_method(py, id!(py, lookup_error), &[name.as_object()])
        },
    });
}

/// The `__main__` module's dict.
///
/// # Errors
/// `RuntimeError` when it is gone.
pub fn main_dict(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    let main = import::modules(py)?.get_str(py, "__main__").ok_or_else(|| raise!(py, RuntimeError, "lost __main__"))?;
    match (*main).downcast::<Module>() {
        Some(main) => Ok(main.dict().to_ref()),
        None => Err(raise!(py, RuntimeError, "__main__ is no module")),
    }
}
