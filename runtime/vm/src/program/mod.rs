//! The command line: what `python3.14t` and `Py_BytesMain` do.
//!
//! Arguments and `PYTHON*` variables become a [`Config`]; then a command, module, script, or the standard input runs.
//! Both may hold any bytes: what is not text in the encoding of file names becomes lone surrogates in Python.
mod arguments;
mod environment;
mod help;
mod repl;

use crate::config::Config;
use crate::{compile, errors, import, lifecycle, platform, signals, sysmodule};
pub use arguments::parse;
use krait_object::{Attached, Code, Layout, PyResult, Ref, Str, exc, id, none, raise};
pub use repl::base_repl;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub enum Program {
    Command(OsString),
    Module(OsString),
    Script(OsString),
    /// The standard input: a program, or a person.
    Input,
}

/// What the arguments ask for.
pub enum Parsed {
    Run(Box<Config>, Program),
    /// Print this to standard output and end.
    Print(String),
    /// Print this to standard error and end with the status.
    Fail(String, i32),
}

/// The process's arguments.
pub fn process_arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// Runs a whole program in this process and returns its exit status.
pub fn main(args: &[OsString]) -> i32 {
    match parse(args) {
        Parsed::Print(text) => {
            print!("{text}");
            0
        }
        Parsed::Fail(text, status) => {
            eprint!("{text}");
            status
        }
        Parsed::Run(config, program) => {
            let py = match lifecycle::start(*config) {
                Ok(py) => py,
                Err(message) => {
                    eprintln!("Fatal Python error: {message}");
                    return 1;
                }
            };
            run(py, &program)
        }
    }
}

/// Runs a program in the main interpreter and ends the runtime.
pub fn run(py: Attached<'_>, program: &Program) -> i32 {
    let interpreter = crate::interp::current(py);
    interpreter.main_runner.store(py.tstate().id.get(), std::sync::atomic::Ordering::Relaxed);
    let result = run_program(py, program);
    let mut interrupted = false;
    let mut status = match result {
        Ok(()) => 0,
        Err(raised) => {
            interrupted = raised.matches(py, exc::KeyboardInterrupt());
            report(py, program)
        }
    };
    if *program != Program::Input && repl::wanted_after(py) {
        status = repl::after_program(py);
    }
    let end = lifecycle::finish(py);
    if interrupted {
        // The parent sees that the signal ended us.
        let _ = signals::install(libc::SIGINT, libc::SIG_DFL);
        // SAFETY: raises the signal in this process.
        unsafe { libc::kill(libc::getpid(), libc::SIGINT) };
    }
    if status == 0 { end } else { status }
}

/// A command without the white space that all of its lines begin with.
fn dedent(text: &str) -> String {
    let is_blank = |line: &str| line.trim_matches([' ', '\t', '\r', '\x0c']).is_empty();
    let mut margin: Option<&str> = None;
    for line in text.split('\n').filter(|line| !is_blank(line)) {
        let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        margin = Some(match margin {
            None => indent,
            Some(margin) => {
                let common = margin.bytes().zip(indent.bytes()).take_while(|(a, b)| a == b).count();
                &margin[..common]
            }
        });
    }
    let cut = margin.map_or(0, str::len);
    if cut == 0 {
        return text.to_owned();
    }
    let lines = text.split('\n').map(|line| if is_blank(line) { "" } else { &line[cut..] });
    lines.collect::<Vec<_>>().join("\n")
}

/// Reports what ended a program; the exit status. Before a prompt `SystemExit` is an exception like others.
fn report(py: Attached<'_>, program: &Program) -> i32 {
    if *program == Program::Input || !repl::wanted_after(py) {
        return errors::report_pending(py);
    }
    if let Some(exception) = py.take_raised() {
        errors::show(py, &exception);
    }
    1
}

fn run_program(py: Attached<'_>, program: &Program) -> PyResult<()> {
    match program {
        Program::Command(text) => run_command(py, text),
        Program::Module(name) => {
            let name = fs_text(py, name)?;
            sysmodule::audit_event(py, "cpython.run_module", &[name.as_object()])?;
            prepend_path(py, std::env::current_dir().unwrap_or_default().as_os_str())?;
            run_module(py, &name, true)
        }
        Program::Script(path) => run_script(py, path),
        Program::Input => {
            prepend_path(py, OsStr::new(""))?;
            if repl::stdin_is_interactive(py) {
                return repl::interactive(py);
            }
            sysmodule::audit_event(py, "cpython.run_stdin", &[])?;
            let mut source = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut source).map_err(|error| {
                krait_object::exceptions::raise_os_error(py, error.raw_os_error().unwrap_or(libc::EIO))
            })?;
            run_source(py, &source, OsStr::new("<stdin>"))
        }
    }
}

/// Text from the system.
fn fs_text(py: Attached<'_>, text: &OsStr) -> PyResult<Ref<Str>> {
    Str::from_fs_bytes(py, text.as_bytes())
}

fn run_command(py: Attached<'_>, text: &OsStr) -> PyResult<()> {
    let command = fs_text(py, text)?;
    let command = match command.to_utf8(py) {
        Ok(command) => command,
        Err(raised) => {
            let error = raised.take(py);
            let summary = errors::summary(py, &error);
            errors::write_stderr(py, &format!("Unable to decode the command from the command line:\n{summary}\n"));
            return Err(py.raise_value(exc::SystemExit(), krait_object::Int::from_i64(py, 1)?.as_object()));
        }
    };
    let source = format!("{}\n", dedent(command));
    let text = Str::new(py, &source)?;
    sysmodule::audit_event(py, "cpython.run_command", &[text.as_object()])?;
    prepend_path(py, OsStr::new(""))?;
    let name = Str::new(py, "<string>")?;
    let cf_flags = krait_bytecode::flags::PYCF_IGNORE_COOKIE;
    let flags = compile::CompileFlags { cf_flags, ..Default::default() };
    let code = compile::compile_source(py, source.as_bytes(), &name, compile::Mode::Exec, &flags)?;
    register_source(py, &code, &text, &name)?;
    run_code(py, &code)
}

/// Lets tracebacks show the lines of code that no file has.
fn register_source(py: Attached<'_>, code: &Code, source: &Str, name: &Str) -> PyResult<()> {
    let linecache = import::import_module(py, "linecache")?;
    let parts = [code.as_object(), source.as_object(), name.as_object()];
    linecache.call_method(py, id!(py, _register_code), &parts).map(drop)
}

/// Puts a directory in front of `sys.path` unless the configuration forbids it.
fn prepend_path(py: Attached<'_>, path: &OsStr) -> PyResult<()> {
    if crate::interp::current(py).config.safe_path {
        return Ok(());
    }
    let _ = crate::interp::current(py).config.sys_path_0.set(path.to_owned());
    let Some(list) = sysmodule::get(py, "path") else { return Ok(()) };
    let path = fs_text(py, path)?;
    let zero = krait_object::Int::from_i64(py, 0)?;
    list.call_method(py, id!(py, insert), &[zero.as_object(), path.as_object()]).map(drop)
}

/// Runs source as `__main__`.
fn run_source(py: Attached<'_>, source: &[u8], filename: &OsStr) -> PyResult<()> {
    let name = fs_text(py, filename)?;
    let flags = compile::CompileFlags { from_file: true, stays: true, ..Default::default() };
    let code = compile::compile_source(py, source, &name, compile::Mode::Exec, &flags)?;
    run_code(py, &code)
}

fn run_code(py: Attached<'_>, code: &Code) -> PyResult<()> {
    let main = lifecycle::main_dict(py)?;
    crate::eval::eval_code(py, code, main.as_object(), None, None).map(drop)
}

fn run_module(py: Attached<'_>, name: &Str, alter_argv: bool) -> PyResult<()> {
    let runpy = import::import_module(py, "runpy")?;
    let alter = krait_object::Bool::of(alter_argv);
    runpy.call_method(py, id!(py, _run_module_as_main), &[name.as_object(), alter.as_object()]).map(drop)
}

/// What installs the debug hooks of the C API's allocators.
static DEBUG_HOOKS: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();

/// Tells what installs the debug hooks of the C API's allocators; the first caller wins.
pub fn set_debug_hooks(install: fn()) {
    let _ = DEBUG_HOOKS.set(install);
}

/// `PYTHONMALLOC=debug` and development mode.
fn debug_memory() {
    if let Some(install) = DEBUG_HOOKS.get() {
        install();
    }
}

/// Gives `__main__` a loader of a class of the import system, such as "SourceFileLoader".
///
/// # Errors
/// What the class raises.
pub fn set_main_loader(py: Attached<'_>, main: &krait_object::Dict, file: &Str, class: &str) -> PyResult<()> {
    let bootstrap = import::import_module(py, "_frozen_importlib_external")?;
    let loader = bootstrap.get_attr(py, &*Str::new(py, class)?)?;
    let loader = loader.call_pos(py, &[id!(py, __main__).as_object(), file.as_object()])?;
    main.set_str(py, "__loader__", &loader)
}

fn run_script(py: Attached<'_>, path: &OsStr) -> PyResult<()> {
    let text = fs_text(py, path)?;
    // A directory or archive with a `__main__` is a program too.
    if path_importer(py, path, &text)? {
        let Some(list) = sysmodule::get(py, "path") else { return Ok(()) };
        let zero = krait_object::Int::from_i64(py, 0)?;
        list.call_method(py, id!(py, insert), &[zero.as_object(), text.as_object()])?;
        return run_module(py, &*Str::new(py, "__main__")?, false);
    }
    sysmodule::audit_event(py, "cpython.run_file", &[text.as_object()])?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let file = fs_text(py, absolute.as_os_str())?;
    let source = match std::fs::read(path) {
        Ok(source) => source,
        Err(error) => {
            let program = crate::interp::current(py).config.orig_argv.first().cloned().unwrap_or_default();
            let program = program.to_string_lossy();
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            let message = krait_object::exceptions::error_text(number);
            let file = file.as_object().ascii(py)?.to_string_lossy().into_owned();
            let file = file.trim_matches('\'');
            errors::write_stderr(py, &format!("{program}: can't open file '{file}': [Errno {number}] {message}\n"));
            return Err(py.raise_value(exc::SystemExit(), krait_object::Int::from_i64(py, 2)?.as_object()));
        }
    };
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    prepend_path(py, real.parent().map_or(OsStr::new(""), Path::as_os_str))?;
    let main = lifecycle::main_dict(py)?;
    main.set_str(py, "__file__", file.as_object())?;
    main.set_str(py, "__cached__", &none())?;
    let compiled =
        path.as_bytes().ends_with(b".pyc") || source.starts_with(&(platform::PYC_MAGIC_TOKEN as u32).to_le_bytes());
    let loader = if compiled { "SourcelessFileLoader" } else { "SourceFileLoader" };
    set_main_loader(py, &main, &file, loader)?;
    let code = if compiled {
        load_compiled(py, &source)?
    } else {
        let mut source = source;
        if crate::interp::current(py).config.skip_first_line {
            let end = source.iter().position(|byte| *byte == b'\n').unwrap_or(source.len());
            source.drain(..end);
        }
        let flags = compile::CompileFlags { from_file: true, stays: true, ..Default::default() };
        compile::compile_source(py, &source, &file, compile::Mode::Exec, &flags)?
    };
    run_code(py, &code)
}

/// The code in the bytes of a `.pyc` file.
fn load_compiled(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Code>> {
    if bytes.len() < 16 || bytes[..4] != (platform::PYC_MAGIC_TOKEN as u32).to_le_bytes() {
        return Err(raise!(py, RuntimeError, "Bad magic number in .pyc file"));
    }
    let (code, _) = crate::marshal::loads(py, &bytes[16..], true)?;
    code.downcast::<Code>().map_err(|_| raise!(py, RuntimeError, "Bad code object in .pyc file"))
}

/// Whether a path is a directory or an archive with an importer of its own.
fn path_importer(py: Attached<'_>, path: &OsStr, text: &Str) -> PyResult<bool> {
    let is_file = match std::fs::metadata(path) {
        Ok(data) => data.is_file(),
        // What lies below a file may be a directory in an archive.
        Err(error) => error.kind() != std::io::ErrorKind::NotADirectory,
    };
    let bytes = path.as_bytes();
    if is_file && !bytes.ends_with(b".zip") && !bytes.ends_with(b".pyz") && !has_zip_end(path) {
        return Ok(false);
    }
    let pkgutil = import::import_module(py, "pkgutil")?;
    let importer = pkgutil.call_method(py, id!(py, get_importer), &[text.as_object()])?;
    Ok(!importer.is_none())
}

/// Whether a file ends like a ZIP archive.
fn has_zip_end(path: &OsStr) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    let Ok(mut file) = std::fs::File::open(path) else { return false };
    let mut tail = [0u8; 22];
    file.seek(SeekFrom::End(-22)).is_ok() && file.read_exact(&mut tail).is_ok() && tail.starts_with(b"PK\x05\x06")
}
