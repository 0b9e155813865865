//! The interactive interpreter: the choice between the library's (`_pyrepl`) and the plain one, which is here.
//!
//! The plain one reads lines from standard input, with the prompts on standard error, and runs each statement as soon as
//! it is whole.
use super::{register_source, run_source};
use crate::interp::current;
use crate::{compile, errors, import, lifecycle, platform, signals, sysmodule};
use krait_compiler::{ErrorKind, Flags, Mode};
use krait_object::{Attached, Dict, Layout, Object, PyResult, Raised, Str, exc, id};
use std::os::unix::ffi::OsStrExt;

/// Whether standard input is a person's, or to be taken for one (`-i`).
pub(super) fn stdin_is_interactive(py: Attached<'_>) -> bool {
    // SAFETY: only asks about the descriptor.
    current(py).config.interactive || unsafe { libc::isatty(0) == 1 }
}

/// Whether a prompt follows a program: `-i`, or `PYTHONINSPECT`, which programs may set for themselves.
pub(super) fn wanted_after(py: Attached<'_>) -> bool {
    let asked = |value: std::ffi::OsString| !value.is_empty();
    let config = &current(py).config;
    let inspect = config.inspect || config.use_environment && std::env::var_os("PYTHONINSPECT").is_some_and(asked);
    inspect && stdin_is_interactive(py)
}

/// The prompt after a program; the exit status.
pub(super) fn after_program(py: Attached<'_>) -> i32 {
    run_hook(py);
    match console(py, false) {
        Ok(status) => status,
        Err(_) => errors::report_pending(py),
    }
}

/// The prompt instead of a program: banner, start-up file, hook, and then the person's turn.
pub(super) fn interactive(py: Attached<'_>) -> PyResult<()> {
    let config = &current(py).config;
    if config.verbose > 0 || !config.quiet {
        let version = platform::version_text();
        errors::write_stderr(py, &format!("Python {version} on linux\n"));
        if config.import_site {
            let more = "Type \"help\", \"copyright\", \"credits\" or \"license\" for more information.\n";
            errors::write_stderr(py, more);
        }
    }
    let fancy = has_fancy(py);
    if !fancy {
        run_startup(py)?;
    }
    run_hook(py);
    sysmodule::audit_event(py, "cpython.run_stdin", &[])?;
    match console(py, fancy)? {
        0 => Ok(()),
        status => {
            let status = krait_object::Int::from_i64(py, i64::from(status))?;
            Err(py.raise_value(exc::SystemExit(), status.as_object()))
        }
    }
}

/// Whether the library's interpreter is to be used: it needs a terminal.
fn has_fancy(py: Attached<'_>) -> bool {
    let config = &current(py).config;
    let basic = config.use_environment && std::env::var_os("PYTHON_BASIC_REPL").is_some_and(|value| !value.is_empty());
    // SAFETY: only asks about the descriptor.
    !basic && unsafe { libc::isatty(0) == 1 }
}

/// Runs the file that `PYTHONSTARTUP` names. What it raises is shown.
fn run_startup(py: Attached<'_>) -> PyResult<()> {
    let named = std::env::var_os("PYTHONSTARTUP").filter(|name| !name.is_empty());
    let Some(path) = named.filter(|_| current(py).config.use_environment) else { return Ok(()) };
    let name = Str::from_fs_bytes(py, path.as_bytes())?;
    sysmodule::audit_event(py, "cpython.run_startup", &[name.as_object()])?;
    let source = match std::fs::read(&path) {
        Ok(source) => source,
        Err(error) => {
            errors::write_stderr(py, "Could not open PYTHONSTARTUP\n");
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            let raised = krait_object::exceptions::raise_os_error_with(py, number, Some(name.as_object()), None);
            errors::display(py, &raised.take(py));
            return Ok(());
        }
    };
    let main = lifecycle::main_dict(py)?;
    main.set_str(py, "__file__", name.as_object())?;
    let result = run_source(py, &source, &path);
    drop(main.remove(py, Str::new(py, "__file__")?.as_object())?);
    let Err(raised) = result else { return Ok(()) };
    if raised.matches(py, exc::SystemExit()) {
        return Err(raised);
    }
    errors::report_pending(py);
    Ok(())
}

/// Calls `sys.__interactivehook__`, which prepares completion and history.
fn run_hook(py: Attached<'_>) {
    let call = || -> PyResult<()> {
        let Some(hook) = sysmodule::get(py, "__interactivehook__") else { return Ok(()) };
        sysmodule::audit_event(py, "cpython.run_interactivehook", &[&hook])?;
        hook.call0(py).map(drop)
    };
    if call().is_err() {
        errors::write_stderr(py, "Failed calling sys.__interactivehook__\n");
        errors::report_pending(py);
    }
}

/// The interpreter that fits the terminal; the exit status. `startup` lets the library's one run the start-up file.
fn console(py: Attached<'_>, startup: bool) -> PyResult<i32> {
    if !has_fancy(py) {
        return base_loop(py);
    }
    match import::import_module(py, "_pyrepl.main") {
        Ok(module) => {
            let main = import::import_module(py, "__main__")?;
            let (yes, quiet) = (krait_object::Bool::of(startup), krait_object::Bool::of(true));
            let console = module.get_attr(py, id!(py, interactive_console))?;
            console.call_pos(py, &[&main, quiet.as_object(), yes.as_object()])?;
            Ok(0)
        }
        Err(raised) => {
            errors::write_stderr(py, "Could not import _pyrepl.main\n");
            errors::display(py, &raised.take(py));
            base_loop(py)
        }
    }
}

/// `sys._baserepl()`: the plain interpreter.
///
/// # Errors
/// `SystemExit` when a statement asked for the end.
pub fn base_repl(py: Attached<'_>, _: &Object) -> PyResult<()> {
    match base_loop(py)? {
        0 => Ok(()),
        status => {
            let status = krait_object::Int::from_i64(py, i64::from(status))?;
            Err(py.raise_value(exc::SystemExit(), status.as_object()))
        }
    }
}

/// What the person typed.
enum Statement {
    /// Source lines, and whether the input ended with them.
    Lines(Vec<u8>, bool),
    /// Nothing more comes.
    End,
}

/// Reads and runs statements until the input ends or a program asks for the end; the exit status.
fn base_loop(py: Attached<'_>) -> PyResult<i32> {
    for (name, prompt) in [("ps1", ">>> "), ("ps2", "... ")] {
        if sysmodule::get(py, name).is_none() {
            sysmodule::set(py, name, Str::new(py, prompt)?.as_object())?;
        }
    }
    let main = lifecycle::main_dict(py)?;
    let (mut future, mut count) = (0, 0);
    loop {
        let (source, ended) = match read_statement(py) {
            Ok(Statement::Lines(source, ended)) => (source, ended),
            Ok(Statement::End) => {
                errors::write_stderr(py, "\n");
                return Ok(0);
            }
            Err(raised) if raised.matches(py, exc::KeyboardInterrupt()) => {
                raised.clear(py);
                errors::write_stderr(py, "\nKeyboardInterrupt\n");
                continue;
            }
            Err(raised) => return Err(raised),
        };
        if ended && source.is_empty() {
            continue;
        }
        if ended {
            errors::write_stderr(py, "\n");
        }
        if let Err(raised) = run_statement(py, &main, &source, &mut future, count) {
            if raised.matches(py, exc::SystemExit()) {
                return Ok(errors::report_pending(py));
            }
            errors::report_pending(py);
        }
        lifecycle::flush_streams(py);
        count += 1;
    }
}

/// Runs a statement, the one of number `count`. The future features that it turns on stay on.
fn run_statement(py: Attached<'_>, main: &Dict, source: &[u8], future: &mut u32, count: usize) -> PyResult<()> {
    let name = Str::new(py, "<stdin>")?;
    let cf_flags = krait_bytecode::flags::PYCF_IGNORE_COOKIE;
    let flags = compile::CompileFlags { future: *future, cf_flags, ..Default::default() };
    let code = compile::compile_source(py, source, &name, Mode::Single, &flags)
        .map_err(|raised| with_source(py, raised, source, count))?;
    *future |= code.raw().co_flags.get() as u32 & krait_bytecode::flags::FUTURE_MASK;
    register_source(py, &code, &*Str::from_fs_bytes(py, source)?, &name)?;
    crate::eval::eval_code(py, &code, main.as_object(), None, None).map(drop)
}

/// Gives a syntax error that was found after parsing its source line. Such errors name the statement.
fn with_source(py: Attached<'_>, raised: Raised, source: &[u8], count: usize) -> Raised {
    if !raised.matches(py, exc::SyntaxError()) {
        return raised;
    }
    let exception = raised.take(py);
    let complete = || -> PyResult<()> {
        let object = exception.as_object();
        let (line, text) = (Str::new(py, "lineno")?, Str::new(py, "text")?);
        let line = object.get_attr(py, &line)?;
        if line.is_none() || !object.get_attr(py, &text)?.is_none() {
            return Ok(());
        }
        let number = usize::try_from(line.as_i64(py)? - 1).unwrap_or(0);
        let Some(shown) = source.split_inclusive(|byte| *byte == b'\n').nth(number) else { return Ok(()) };
        object.set_attr(py, &text, Some(Str::from_fs_bytes(py, shown)?.as_object()))?;
        let file = Str::new(py, &format!("<stdin-{count}>"))?;
        object.set_attr(py, &*Str::new(py, "filename")?, Some(file.as_object()))
    };
    if let Err(second) = complete() {
        second.clear(py);
    }
    py.restore(exception)
}

/// Reads lines until they make a statement, or cannot become one.
fn read_statement(py: Attached<'_>) -> PyResult<Statement> {
    let mut source = Vec::new();
    loop {
        let Some(line) = read_line(py, if source.is_empty() { "ps1" } else { "ps2" })? else {
            return Ok(if source.is_empty() { Statement::End } else { Statement::Lines(source, true) });
        };
        let text = line.strip_suffix(b"\n").unwrap_or(&line).trim_ascii();
        if source.is_empty() && (text.is_empty() || text.starts_with(b"#")) {
            continue;
        }
        source.extend_from_slice(&line);
        if !source.ends_with(b"\n") {
            source.push(b'\n');
            return Ok(Statement::Lines(source, true));
        }
        if is_whole(&source) {
            return Ok(Statement::Lines(source, false));
        }
    }
}

/// Whether lines are a statement, or wrong whatever follows.
fn is_whole(source: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(source) else { return true };
    let flags =
        Flags { dont_imply_dedent: true, allow_incomplete_input: true, ignore_cookie: true, ..Flags::default() };
    let text_without_end = text.strip_suffix('\n').unwrap_or(text);
    match krait_compiler::parse_text(text_without_end, Mode::Single, flags) {
        Ok(_) => true,
        Err(_) => match krait_compiler::parse_text(text, Mode::Single, flags) {
            Ok(_) => false,
            Err(error) => error.kind != ErrorKind::IncompleteInput,
        },
    }
}

/// A line of standard input with its end, after a prompt; `None` at the end of the input.
fn read_line(py: Attached<'_>, prompt: &str) -> PyResult<Option<Vec<u8>>> {
    if let Some(prompt) = sysmodule::get(py, prompt) {
        let text = match prompt.str(py) {
            Ok(text) => text.to_string_lossy().into_owned(),
            Err(raised) => {
                raised.clear(py);
                String::new()
            }
        };
        errors::write_stderr(py, &text);
    }
    let mut line = Vec::new();
    loop {
        // One byte at a time: what follows the line is for the program that the line starts.
        let mut byte = 0u8;
        // SAFETY: the buffer has one byte.
        let (count, error) = crate::interp::without(py, || unsafe {
            let count = libc::read(0, (&raw mut byte).cast(), 1);
            (count, *libc::__errno_location())
        });
        match count {
            1 => line.push(byte),
            _ if count < 0 && error == libc::EINTR => {}
            _ => return Ok((!line.is_empty()).then_some(line)),
        }
        signals::check(py)?;
        if byte == b'\n' {
            return Ok(Some(line));
        }
    }
}
