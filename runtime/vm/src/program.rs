//! The command line: what `python3.14t` and `Py_BytesMain` do.
//!
//! Arguments and `PYTHON*` variables become a [`Config`]; then a command, module, script, or the standard input runs.
use crate::config::Config;
use crate::paths;
use crate::{compile, errors, import, lifecycle, platform, signals, sysmodule};
use krait_object::{
    Attached, Code, Dict, FREE_THREADED, Layout, Object, PyResult, Ref, Str, Tuple, exc, id, none, raise,
};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub enum Program {
    Command(String),
    Module(String),
    Script(String),
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

const USAGE: &str = "[option] ... [-c cmd | -m mod | file | -] [arg] ...";

fn help(program: &str) -> String {
    format!(
        "usage: {program} {USAGE}
Options (and corresponding environment variables):
-b     : issue warnings about converting bytes to str and comparing them; -bb: errors
-B     : do not write .pyc files on import; also PYTHONDONTWRITEBYTECODE=x
-c cmd : run the rest of the line as a program
-d     : accepted for compatibility; also PYTHONDEBUG=x
-E     : ignore PYTHON* environment variables
-h     : print this help and exit (also -? or --help)
-i     : go on interactively after the program; also PYTHONINSPECT=x
-I     : isolate from the user's environment (implies -E, -P and -s)
-m mod : run a library module as a program
-O     : drop assertions; also PYTHONOPTIMIZE=x
-OO    : drop docstrings as well
-P     : do not put a possibly unsafe path in front of sys.path; also PYTHONSAFEPATH
-q     : do not print version and copyright when starting interactively
-s     : do not add the user's site directory; also PYTHONNOUSERSITE=x
-S     : do not import site
-u     : do not buffer standard output and error; also PYTHONUNBUFFERED=x
-v     : trace imports; also PYTHONVERBOSE=x
-V     : print the version and exit (also --version); -VV prints more
-W arg : warning control; also PYTHONWARNINGS=arg
-x     : skip the first line of the source
-X opt : implementation options
file   : run a file
-      : run the standard input
"
    )
}

const HELP_ENV: &str = "\
Environment variables that change behavior (-E ignores them):
PYTHONSTARTUP   : file executed on interactive startup (no default)
PYTHONPATH      : directories put in front of the module search path, separated by ':'
PYTHONHOME      : the prefix of the standard library
PYTHONDEBUG, PYTHONDONTWRITEBYTECODE (-B), PYTHONINSPECT (-i), PYTHONNOUSERSITE (-s), PYTHONOPTIMIZE (-O),
PYTHONSAFEPATH (-P), PYTHONUNBUFFERED (-u), PYTHONVERBOSE (-v), PYTHONWARNINGS (-W): as the options
PYTHONHASHSEED  : seed of string hashes, or 'random'
PYTHONIOENCODING: encoding[:errors] of the standard streams
PYTHONBREAKPOINT: what breakpoint() calls
PYTHONFAULTHANDLER, PYTHONUTF8, PYTHONDEVMODE, PYTHONPYCACHEPREFIX, PYTHONWARNDEFAULTENCODING,
PYTHONINTMAXSTRDIGITS, PYTHONNODEBUGRANGES, PYTHON_CPU_COUNT, PYTHON_GIL: as the options of -X
PYTHON_BASIC_REPL: use the plain interactive interpreter
";

const HELP_X: &str = "\
Implementation options:
-X context_aware_warnings=[0|1]: keep warning filters in context variables
-X cpu_count=N|default: the number that os.cpu_count() gives; also PYTHON_CPU_COUNT
-X dev : development mode, with more checks; also PYTHONDEVMODE
-X faulthandler: show tracebacks on fatal errors; also PYTHONFAULTHANDLER
-X gil=[0|1]: turn the GIL off or on; also PYTHON_GIL
-X int_max_str_digits=N: limit for conversions between int and str; also PYTHONINTMAXSTRDIGITS
-X no_debug_ranges: leave column positions out of code objects; also PYTHONNODEBUGRANGES
-X pycache_prefix=DIR: where .pyc files go; also PYTHONPYCACHEPREFIX
-X thread_inherit_context=[0|1]: threads start with a copy of their maker's context
-X utf8[=0|1]: UTF-8 mode; also PYTHONUTF8
-X warn_default_encoding: warn about files opened without an encoding; also PYTHONWARNDEFAULTENCODING
";

/// Parses arguments (with the program's name first) and the environment.
pub fn parse(args: &[String]) -> Parsed {
    let name = args.first().cloned().unwrap_or_else(platform::program_name);
    let mut config = Config { argv: Vec::new(), orig_argv: args.to_vec(), ..Config::default() };
    let mut program = None;
    let mut show_version = 0;
    let mut random_hashes = false;
    let mut at = 1;
    while program.is_none() && at < args.len() {
        let arg = &args[at];
        at += 1;
        match arg.as_str() {
            "-" => {
                program = Some(Program::Input);
                config.argv.push("-".to_owned());
                break;
            }
            "--" => break,
            "--help" => return Parsed::Print(help(&name)),
            "--help-env" => return Parsed::Print(HELP_ENV.to_owned()),
            "--help-xoptions" => return Parsed::Print(HELP_X.to_owned()),
            "--help-all" => return Parsed::Print(format!("{}\n{HELP_ENV}\n{HELP_X}", help(&name))),
            "--version" => {
                show_version += 1;
                continue;
            }
            "--check-hash-based-pycs" => {
                config.check_hash_pycs_mode = args.get(at).cloned().unwrap_or_default();
                at += 1;
                continue;
            }
            _ if !arg.starts_with('-') => {
                at -= 1;
                break;
            }
            _ => {}
        }
        if arg.starts_with("--") {
            return Parsed::Fail(
                format!("Unknown option: {arg}\nusage: {name} {USAGE}\nTry `{name} -h' for more information.\n"),
                2,
            );
        }
        for (offset, letter) in arg[1..].char_indices() {
            let rest = &arg[1 + offset + letter.len_utf8()..];
            // The value of an option is the rest of the word or the next one.
            let value = |at: &mut usize| match rest.is_empty() {
                false => Some(rest.to_owned()),
                true => {
                    *at += 1;
                    args.get(*at - 1).cloned()
                }
            };
            match letter {
                'b' => config.bytes_warning += 1,
                'B' => config.write_bytecode = false,
                'd' => config.parser_debug = true,
                'E' => config.use_environment = false,
                'i' => config.inspect = true,
                'I' => {
                    config.isolated = true;
                    config.use_environment = false;
                    config.user_site_directory = false;
                    config.safe_path = true;
                }
                'O' => config.optimization_level += 1,
                'P' => config.safe_path = true,
                'q' => config.quiet = true,
                'R' => random_hashes = true,
                't' => {}
                's' => config.user_site_directory = false,
                'S' => config.import_site = false,
                'u' => config.buffered_stdio = false,
                'v' => config.verbose += 1,
                'V' => show_version += 1,
                'x' => config.skip_first_line = true,
                'h' | '?' => return Parsed::Print(help(&name)),
                'W' | 'X' | 'c' | 'm' => {
                    let Some(value) = value(&mut at) else {
                        let usage = format!(
                            "Argument expected for the -{letter} option\nusage: {name} {USAGE}\nTry `{name} -h' for more information.\n"
                        );
                        return Parsed::Fail(usage, 2);
                    };
                    match letter {
                        'W' => config.warn_options.push(value),
                        'X' => {
                            let (key, value) = match value.split_once('=') {
                                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                                None => (value, None),
                            };
                            config.x_options.insert(key, value);
                        }
                        'c' => {
                            program = Some(Program::Command(value));
                            config.argv.push("-c".to_owned());
                        }
                        _ => {
                            program = Some(Program::Module(value));
                            config.argv.push("-m".to_owned());
                        }
                    }
                    break;
                }
                _ => {
                    let usage = format!(
                        "Unknown option: -{letter}\nusage: {name} {USAGE}\nTry `{name} -h' for more information.\n"
                    );
                    return Parsed::Fail(usage, 2);
                }
            }
        }
    }
    if show_version > 0 {
        let (major, minor, micro) = platform::VERSION;
        return Parsed::Print(match show_version {
            1 => format!("Python {major}.{minor}.{micro}\n"),
            _ => format!("Python {}\n", platform::version_text()),
        });
    }
    let program = match program {
        Some(program) => program,
        None => match args.get(at) {
            Some(script) => {
                at += 1;
                config.argv.push(script.clone());
                Program::Script(script.clone())
            }
            None => {
                config.argv.push(String::new());
                Program::Input
            }
        },
    };
    config.argv.extend(args.iter().skip(at).cloned());
    if let Err(message) = read_environment(&mut config) {
        return Parsed::Fail(format!("Fatal Python error: {message}\nPython runtime state: preinitialized\n"), 1);
    }
    if random_hashes {
        config.hash_seed = None;
    }
    paths::fill(&mut config, &name);
    Parsed::Run(Box::new(config), program)
}

/// Applies `-X` options and `PYTHON*` variables.
fn read_environment(config: &mut Config) -> Result<(), String> {
    let use_environment = config.use_environment;
    let variable = |name: &str| match use_environment {
        true => {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(|value| value.to_string_lossy().into_owned())
        }
        false => None,
    };
    let level = |name: &str| variable(name).map(|value| value.parse::<i32>().unwrap_or(1).max(0));
    let option = |config: &Config, name: &str| config.x_options.get(name).cloned();
    if variable("PYTHONDONTWRITEBYTECODE").is_some() {
        config.write_bytecode = false;
    }
    config.inspect |= variable("PYTHONINSPECT").is_some();
    config.parser_debug |= variable("PYTHONDEBUG").is_some();
    config.safe_path |= variable("PYTHONSAFEPATH").is_some();
    if variable("PYTHONNOUSERSITE").is_some() {
        config.user_site_directory = false;
    }
    if variable("PYTHONUNBUFFERED").is_some() {
        config.buffered_stdio = false;
    }
    config.optimization_level = config.optimization_level.max(level("PYTHONOPTIMIZE").unwrap_or(0));
    config.verbose = config.verbose.max(level("PYTHONVERBOSE").unwrap_or(0));
    config.dev_mode = option(config, "dev").is_some() || variable("PYTHONDEVMODE").is_some();
    config.utf8_mode = match option(config, "utf8").or_else(|| variable("PYTHONUTF8").map(Some)) {
        Some(Some(value)) if value == "0" => false,
        Some(None) => true,
        Some(Some(value)) if value == "1" => true,
        Some(Some(_)) if config.x_options.contains_key("utf8") => {
            return Err("invalid -X utf8 option value".to_owned());
        }
        Some(Some(_)) => return Err("invalid PYTHONUTF8 environment variable value".to_owned()),
        None => crate::platform::has_plain_locale(),
    };
    config.faulthandler =
        config.dev_mode || option(config, "faulthandler").is_some() || variable("PYTHONFAULTHANDLER").is_some();
    config.warn_default_encoding =
        option(config, "warn_default_encoding").is_some() || variable("PYTHONWARNDEFAULTENCODING").is_some();
    config.code_debug_ranges = option(config, "no_debug_ranges").is_none() && variable("PYTHONNODEBUGRANGES").is_none();
    config.pycache_prefix = match option(config, "pycache_prefix") {
        Some(prefix) => prefix.filter(|prefix| !prefix.is_empty()),
        None => variable("PYTHONPYCACHEPREFIX"),
    };
    if let Some(seed) = variable("PYTHONHASHSEED").filter(|seed| seed != "random") {
        let message = "config_init_hash_seed: PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]";
        config.hash_seed = Some(seed.parse().map_err(|_| message.to_owned())?);
    }
    if let Some(limit) = option(config, "int_max_str_digits")
        .map(Option::unwrap_or_default)
        .or_else(|| variable("PYTHONINTMAXSTRDIGITS"))
    {
        let message = "config_init_int_max_str_digits: invalid limit; must be >= 640 or 0 for unlimited.";
        config.int_max_str_digits =
            limit.parse().ok().filter(|limit| *limit == 0 || *limit >= 640).ok_or_else(|| message.to_owned())?;
    }
    if let Some(count) = option(config, "cpu_count").flatten().or_else(|| variable("PYTHON_CPU_COUNT"))
        && let Ok(count) = count.parse()
    {
        config.cpu_count.store(count, std::sync::atomic::Ordering::Relaxed);
    }
    for (name, field) in [("thread_inherit_context", 0), ("context_aware_warnings", 1)] {
        let variable_name = format!("PYTHON_{}", name.to_uppercase());
        if let Some(value) = option(config, name).flatten().or_else(|| variable(&variable_name)) {
            let value = value == "1";
            if field == 0 { config.thread_inherit_context = value } else { config.context_aware_warnings = value }
        }
    }
    if let Some(gil) = option(config, "gil").flatten().or_else(|| variable("PYTHON_GIL")) {
        match gil.as_str() {
            "0" if !FREE_THREADED => {
                return Err("config_read_gil: Disabling the GIL is not supported by this build".to_owned());
            }
            "0" | "1" => config.gil = Some(gil == "1"),
            _ => return Err("config_read_gil: PYTHON_GIL / -X gil must be \"0\" or \"1\"".to_owned()),
        }
    }
    let mut warnings: Vec<String> = Vec::new();
    if config.dev_mode {
        warnings.push("default".to_owned());
    }
    if let Some(list) = variable("PYTHONWARNINGS") {
        warnings.extend(list.split(',').map(str::to_owned));
    }
    warnings.append(&mut config.warn_options);
    match config.bytes_warning {
        0 => {}
        1 => warnings.push("default::BytesWarning".to_owned()),
        _ => warnings.push("error::BytesWarning".to_owned()),
    }
    config.warn_options = warnings;
    if let Some(encoding) = variable("PYTHONIOENCODING").filter(|encoding| !encoding.is_empty() && encoding != ":") {
        let (encoding, errors) = encoding.split_once(':').unwrap_or((&encoding, ""));
        if !encoding.is_empty() {
            let is_utf8 = matches!(encoding.to_lowercase().as_str(), "utf-8" | "utf_8" | "utf8");
            config.stdio_encoding = if is_utf8 { "utf-8".to_owned() } else { encoding.to_owned() };
        }
        if !errors.is_empty() {
            config.stdio_errors = errors.to_owned();
        }
    } else if config.utf8_mode
        || matches!(
            std::env::var("LC_ALL")
                .or_else(|_| std::env::var("LC_CTYPE"))
                .or_else(|_| std::env::var("LANG"))
                .as_deref(),
            Err(_) | Ok("C" | "POSIX" | "")
        )
    {
        config.stdio_errors = "surrogateescape".to_owned();
    }
    Ok(())
}

/// The process's arguments; bytes that are not UTF-8 are kept as private code points that decode back.
pub fn process_arguments() -> Vec<String> {
    std::env::args_os().map(|arg: OsString| String::from_utf8_lossy(&arg.into_vec()).into_owned()).collect()
}

/// Runs a whole program in this process and returns its exit status.
pub fn main(args: &[String]) -> i32 {
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
                    eprintln!("Fatal Python error: init_import_site: Failed to start: {message}");
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
            errors::report_pending(py)
        }
    };
    let inspect =
        crate::interp::current(py).config.inspect || std::env::var_os("PYTHONINSPECT").is_some_and(|v| !v.is_empty());
    if inspect && *program != Program::Input {
        status = interactive(py, false);
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

fn run_program(py: Attached<'_>, program: &Program) -> PyResult<()> {
    match program {
        Program::Command(text) => {
            prepend_path(py, "")?;
            let source = format!("{}\n", dedent(text));
            let name = Str::new(py, "<string>")?;
            let code = compile::compile_source(py, source.as_bytes(), &name, compile::Mode::Exec, &Default::default())?;
            // Tracebacks show the lines of the command.
            let linecache = import::import_module(py, "linecache")?;
            let text = Str::from_fs_bytes(py, source.as_bytes())?;
            let parts = [code.as_object(), text.as_object(), name.as_object()];
            linecache.call_method(py, id!(py, _register_code), &parts)?;
            run_code(py, &code)
        }
        Program::Module(name) => {
            prepend_path(
                py,
                &std::env::current_dir().map(|dir| dir.to_string_lossy().into_owned()).unwrap_or_default(),
            )?;
            run_module(py, name, true)
        }
        Program::Script(path) => run_script(py, path),
        Program::Input => {
            prepend_path(py, "")?;
            // SAFETY: only asks about the descriptor.
            let tty = unsafe { libc::isatty(0) } == 1;
            if tty || crate::interp::current(py).config.inspect {
                match interactive(py, true) {
                    0 => Ok(()),
                    status => Err(py.raise_value(
                        exc::SystemExit(),
                        krait_object::Int::from_i64(py, i64::from(status))?.as_object(),
                    )),
                }
            } else {
                let mut source = Vec::new();
                std::io::Read::read_to_end(&mut std::io::stdin(), &mut source).map_err(|error| {
                    krait_object::exceptions::raise_os_error(py, error.raw_os_error().unwrap_or(libc::EIO))
                })?;
                run_source(py, &source, "<stdin>")
            }
        }
    }
}

/// Puts a directory in front of `sys.path` unless the configuration forbids it.
fn prepend_path(py: Attached<'_>, path: &str) -> PyResult<()> {
    if crate::interp::current(py).config.safe_path {
        return Ok(());
    }
    let Some(list) = sysmodule::get(py, "path") else { return Ok(()) };
    let path = Str::from_fs_bytes(py, path.as_bytes())?;
    let zero = krait_object::Int::from_i64(py, 0)?;
    list.call_method(py, id!(py, insert), &[zero.as_object(), path.as_object()]).map(drop)
}

/// Runs source as `__main__`.
fn run_source(py: Attached<'_>, source: &[u8], filename: &str) -> PyResult<()> {
    let name = Str::from_fs_bytes(py, filename.as_bytes())?;
    let flags = compile::CompileFlags { from_file: true, stays: true, ..Default::default() };
    let code = compile::compile_source(py, source, &name, compile::Mode::Exec, &flags)?;
    run_code(py, &code)
}

fn run_code(py: Attached<'_>, code: &Code) -> PyResult<()> {
    let main = lifecycle::main_dict(py)?;
    crate::eval::eval_code(py, code, main.as_object(), None, None).map(drop)
}

fn run_module(py: Attached<'_>, name: &str, alter_argv: bool) -> PyResult<()> {
    let runpy = import::import_module(py, "runpy")?;
    let name = Str::from_fs_bytes(py, name.as_bytes())?;
    let alter = krait_object::Bool::of(alter_argv);
    runpy.call_method(py, id!(py, _run_module_as_main), &[name.as_object(), alter.as_object()]).map(drop)
}

fn run_script(py: Attached<'_>, path: &str) -> PyResult<()> {
    // A directory or archive with a `__main__` is a program too.
    if let Some(importer) = path_importer(py, path)? {
        let _ = importer;
        let Some(list) = sysmodule::get(py, "path") else { return Ok(()) };
        let text = Str::from_fs_bytes(py, path.as_bytes())?;
        let zero = krait_object::Int::from_i64(py, 0)?;
        list.call_method(py, id!(py, insert), &[zero.as_object(), text.as_object()])?;
        return run_module(py, "__main__", false);
    }
    let source = match std::fs::read(path) {
        Ok(source) => source,
        Err(error) => {
            let program = crate::interp::current(py).config.orig_argv.first().cloned().unwrap_or_default();
            let number = error.raw_os_error().unwrap_or(libc::EIO);
            let text = krait_object::exceptions::error_text(number);
            let absolute = std::path::absolute(path)
                .map(|path| path.to_string_lossy().into_owned())
                .unwrap_or_else(|_| path.to_owned());
            errors::write_stderr(py, &format!("{program}: can't open file '{absolute}': [Errno {number}] {text}\n"));
            return Err(py.raise_value(exc::SystemExit(), krait_object::Int::from_i64(py, 2)?.as_object()));
        }
    };
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let directory = real.parent().map(|parent| parent.to_string_lossy().into_owned()).unwrap_or_default();
    prepend_path(py, &directory)?;
    let main = lifecycle::main_dict(py)?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let file = Str::from_fs_bytes(py, absolute.as_os_str().as_bytes())?;
    main.set_str(py, "__file__", file.as_object())?;
    main.set_str(py, "__cached__", &none())?;
    let bootstrap = import::import_module(py, "_frozen_importlib_external")?;
    let compiled = path.ends_with(".pyc") || source.starts_with(&(platform::PYC_MAGIC_TOKEN as u32).to_le_bytes());
    let loader = if compiled { "SourcelessFileLoader" } else { "SourceFileLoader" };
    let loader = bootstrap.get_attr(py, &*Str::new(py, loader)?)?;
    let loader = loader.call_pos(py, &[id!(py, __main__).as_object(), file.as_object()])?;
    main.set_str(py, "__loader__", &loader)?;
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

/// The importer of a path that is a directory or an archive.
fn path_importer(py: Attached<'_>, path: &str) -> PyResult<Option<Ref<Object>>> {
    let is_file = std::fs::metadata(path).map(|data| data.is_file()).unwrap_or(true);
    if is_file && !path.ends_with(".zip") && !path.ends_with(".pyz") && !has_zip_end(path) {
        return Ok(None);
    }
    let pkgutil = import::import_module(py, "pkgutil")?;
    let text = Str::from_fs_bytes(py, path.as_bytes())?;
    let importer = pkgutil.call_method(py, id!(py, get_importer), &[text.as_object()])?;
    Ok((!importer.is_none()).then_some(importer))
}

/// Whether a file ends like a ZIP archive.
fn has_zip_end(path: &str) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    let Ok(mut file) = std::fs::File::open(path) else { return false };
    let mut tail = [0u8; 22];
    file.seek(SeekFrom::End(-22)).is_ok() && file.read_exact(&mut tail).is_ok() && tail.starts_with(b"PK\x05\x06")
}

/// The interactive interpreter over `__main__`; the exit status.
fn interactive(py: Attached<'_>, banner: bool) -> i32 {
    let start = || -> PyResult<()> {
        let main = lifecycle::main_dict(py)?;
        if let Ok(startup) = std::env::var("PYTHONSTARTUP")
            && banner
            && crate::interp::current(py).config.use_environment
            && let Ok(source) = std::fs::read(&startup)
        {
            run_source(py, &source, &startup)?;
        }
        if let Some(hook) = sysmodule::get(py, "__interactivehook__") {
            hook.call0(py)?;
        }
        let basic = std::env::var_os("PYTHON_BASIC_REPL").is_some_and(|value| !value.is_empty());
        // SAFETY: only asks about descriptors.
        let tty = unsafe { libc::isatty(0) == 1 && libc::isatty(1) == 1 };
        if tty && !basic && !crate::interp::current(py).config.isolated {
            match import::import_module(py, "_pyrepl.main") {
                Ok(repl) => return repl.call_method(py, id!(py, interactive_console), &[]).map(drop),
                Err(raised) => raised.clear(py),
            }
        }
        basic_console(py, &main, banner)
    };
    match start() {
        Ok(()) => 0,
        Err(_) => errors::report_pending(py),
    }
}

/// The plain read-eval-print loop of the `code` module.
fn basic_console(py: Attached<'_>, main: &Dict, banner: bool) -> PyResult<()> {
    let code = import::import_module(py, "code")?;
    let console = code.get_attr(py, id!(py, InteractiveConsole))?.call_pos(py, &[main.as_object()])?;
    console.set_attr(py, id!(py, filename), Some(Str::new(py, "<stdin>")?.as_object()))?;
    let quiet = crate::interp::current(py).config.quiet;
    let text = match banner && !quiet {
        true => format!(
            "Python {} on linux\nType \"help\", \"copyright\", \"credits\" or \"license\" for more information.",
            platform::version_text()
        ),
        false => String::new(),
    };
    let (banner, exit) = (Str::new(py, &text)?, Str::new(py, "")?);
    let args = Tuple::from_slice(py, &[banner.as_object(), exit.as_object()])?;
    console.get_attr(py, id!(py, interact))?.call_pos(py, args.as_slice()).map(drop)
}
