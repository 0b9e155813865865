//! `initconfig.h`: configuration and initialisation (PEP 587), and the program entry points.
use crate::capi::opt_text;
use crate::pystate::{initialize, is_initialized};
use krait_layout::*;
use krait_object::Attached;
use krait_vm::config::Config;
use krait_vm::program::{self, Parsed, Program};
use krait_vm::{interp, lifecycle, paths, platform};
use std::cell::RefCell;
use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::ptr;
use std::sync::Mutex;

thread_local! {
    /// What `Py_RunMain` runs: set by the initialisation that parsed a command line.
    static PROGRAM: RefCell<Option<Program>> = const { RefCell::new(None) };
}

pub(crate) const OK: PyStatus = PyStatus { _type: 0, func: ptr::null(), err_msg: ptr::null(), exitcode: 0 };

fn error(message: &str) -> PyStatus {
    let text = CString::new(message).unwrap_or_default();
    PyStatus { _type: 1, func: ptr::null(), err_msg: text.into_raw(), exitcode: 0 }
}

fn exit(status: c_int) -> PyStatus {
    PyStatus { _type: 2, func: ptr::null(), err_msg: ptr::null(), exitcode: status }
}

/// A wide string as text of the system: lone surrogates are the bytes that they were decoded from.
pub(crate) unsafe fn text(wide: *const i32) -> Option<OsString> {
    if wide.is_null() {
        return None;
    }
    // SAFETY: ends with a zero.
    let units = unsafe {
        let len = (0..).take_while(|at| *wide.add(*at) != 0).count();
        std::slice::from_raw_parts(wide, len)
    };
    let mut bytes = Vec::with_capacity(units.len());
    for unit in units {
        match *unit as u32 {
            byte @ 0xDC80..=0xDCFF => bytes.push((byte - 0xDC00) as u8),
            point => {
                let point = char::from_u32(point).unwrap_or('\u{fffd}');
                bytes.extend_from_slice(point.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    Some(OsString::from_vec(bytes))
}

/// A wide string as plain text: for names and words that are Unicode.
pub(crate) unsafe fn plain(wide: *const i32) -> Option<String> {
    // SAFETY: by the contract.
    unsafe { text(wide) }.map(|text| text.to_string_lossy().into_owned())
}

/// Text of the system from C.
pub(crate) unsafe fn bytes<'a>(text: *const c_char) -> &'a OsStr {
    // SAFETY: a C string.
    OsStr::from_bytes(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// The code points of text of the system, with lone surrogates for bytes that are not UTF-8, and a zero.
pub(crate) fn units(text: &OsStr) -> Vec<i32> {
    let mut units = Vec::with_capacity(text.len() + 1);
    for chunk in text.as_bytes().utf8_chunks() {
        units.extend(chunk.valid().chars().map(|c| c as i32));
        units.extend(chunk.invalid().iter().map(|byte| 0xDC00 + i32::from(*byte)));
    }
    units.push(0);
    units
}

/// A copy of text as a wide string of `PyMem_RawMalloc`.
pub(crate) fn wide(text: impl AsRef<OsStr>) -> *mut i32 {
    let units = units(text.as_ref());
    // SAFETY: allocates and fills.
    unsafe {
        let out = crate::pymem::PyMem_RawMalloc(units.len() * 4).cast::<i32>();
        if !out.is_null() {
            ptr::copy_nonoverlapping(units.as_ptr(), out, units.len());
        }
        out
    }
}

pub(crate) unsafe fn set(place: *mut *mut i32, value: *mut i32) {
    // SAFETY: a field of a configuration.
    unsafe {
        crate::pymem::PyMem_RawFree((*place).cast());
        *place = value;
    }
}

pub(crate) unsafe fn list(list: &PyWideStringList) -> Vec<OsString> {
    // SAFETY: as many items as stated.
    (0..list.length.max(0) as usize).filter_map(|at| unsafe { text(*list.items.add(at)) }).collect()
}

pub(crate) unsafe fn clear_list(list: &mut PyWideStringList) {
    // SAFETY: as many items as stated, each its own block.
    unsafe {
        for at in 0..list.length.max(0) as usize {
            crate::pymem::PyMem_RawFree((*list.items.add(at)).cast());
        }
        crate::pymem::PyMem_RawFree(list.items.cast());
    }
    *list = PyWideStringList { length: 0, items: ptr::null_mut() };
}

pub(crate) unsafe fn push(list: &mut PyWideStringList, at: usize, item: *mut i32) -> PyStatus {
    // SAFETY: the list owns its block.
    unsafe {
        let items =
            crate::pymem::PyMem_RawRealloc(list.items.cast(), (list.length as usize + 1) * size_of::<*mut i32>())
                .cast::<*mut i32>();
        if items.is_null() {
            return error("memory allocation failed");
        }
        let at = at.min(list.length as usize);
        ptr::copy(items.add(at), items.add(at + 1), list.length as usize - at);
        *items.add(at) = item;
        list.items = items;
        list.length += 1;
    }
    OK
}

fn strings(config: &mut PyConfig) -> [*mut *mut i32; 22] {
    [
        &raw mut config.dump_refs_file,
        &raw mut config.filesystem_encoding,
        &raw mut config.filesystem_errors,
        &raw mut config.pycache_prefix,
        &raw mut config.stdio_encoding,
        &raw mut config.stdio_errors,
        &raw mut config.check_hash_pycs_mode,
        &raw mut config.program_name,
        &raw mut config.pythonpath_env,
        &raw mut config.home,
        &raw mut config.platlibdir,
        &raw mut config.stdlib_dir,
        &raw mut config.executable,
        &raw mut config.base_executable,
        &raw mut config.prefix,
        &raw mut config.base_prefix,
        &raw mut config.exec_prefix,
        &raw mut config.base_exec_prefix,
        &raw mut config.run_command,
        &raw mut config.run_module,
        &raw mut config.run_filename,
        &raw mut config.sys_path_0,
    ]
}

unsafe fn start(config: *mut PyConfig, isolated: bool) {
    // SAFETY: the caller gives the memory; zero is valid for every field.
    unsafe {
        ptr::write_bytes(config, 0, 1);
        let c = &mut *config;
        c._config_init = if isolated { 3 } else { 2 };
        c.isolated = c_int::from(isolated);
        c.use_environment = c_int::from(!isolated);
        c.dev_mode = if isolated { 0 } else { -1 };
        c.install_signal_handlers = c_int::from(!isolated);
        c.use_hash_seed = if isolated { 0 } else { -1 };
        c.faulthandler = if isolated { 0 } else { -1 };
        c.tracemalloc = if isolated { 0 } else { -1 };
        c.perf_profiling = if isolated { 0 } else { -1 };
        c.remote_debug = -1;
        c.code_debug_ranges = 1;
        c.parse_argv = c_int::from(!isolated);
        c.site_import = 1;
        c.write_bytecode = 1;
        c.user_site_directory = c_int::from(!isolated);
        c.configure_c_stdio = c_int::from(!isolated);
        c.buffered_stdio = 1;
        c.use_frozen_modules = 1;
        c.safe_path = c_int::from(isolated);
        c.int_max_str_digits = 4300;
        c.thread_inherit_context = c_int::from(krait_object::FREE_THREADED);
        c.context_aware_warnings = c_int::from(krait_object::FREE_THREADED);
        c.cpu_count = -1;
        if let Some(enable_gil) = c.enable_gil.as_mut() {
            *enable_gil = -1;
        }
        if let Some(tlbc_enabled) = c.tlbc_enabled.as_mut() {
            *tlbc_enabled = 1;
        }
        c.pathconfig_warnings = c_int::from(!isolated);
        c._install_importlib = 1;
        c._init_main = 1;
    }
}

/// The runtime's configuration from C's, and the program that its command line names.
unsafe fn resolve(c: &PyConfig) -> Result<(Config, Option<Program>), PyStatus> {
    // SAFETY: the lists and strings of a configuration are live.
    unsafe {
        let argv = list(&c.argv);
        let (mut config, mut program) = (Config::default(), None);
        config.argv = if argv.is_empty() { vec![OsString::new()] } else { argv.clone() };
        if c.parse_argv == 1 && !argv.is_empty() {
            match program::parse(&argv) {
                Parsed::Run(parsed, what) => (config, program) = (*parsed, Some(what)),
                Parsed::Print(text) => {
                    print!("{text}");
                    return Err(exit(0));
                }
                Parsed::Fail(text, status) => {
                    eprint!("{text}");
                    return Err(exit(status));
                }
            }
        }
        config.isolated |= c.isolated > 0;
        config.use_environment &= c.use_environment != 0 && c.isolated <= 0;
        config.install_signal_handlers = c.install_signal_handlers != 0;
        config.import_site &= c.site_import != 0;
        config.bytes_warning = config.bytes_warning.max(c.bytes_warning);
        config.inspect |= c.inspect > 0;
        config.interactive |= c.interactive > 0;
        config.optimization_level = config.optimization_level.max(c.optimization_level);
        config.write_bytecode &= c.write_bytecode != 0;
        config.verbose = config.verbose.max(c.verbose);
        config.quiet |= c.quiet > 0;
        config.user_site_directory &= c.user_site_directory != 0;
        config.buffered_stdio &= c.buffered_stdio != 0;
        config.safe_path |= c.safe_path > 0;
        config.dev_mode |= c.dev_mode > 0;
        config.parser_debug |= c.parser_debug > 0;
        config.skip_first_line |= c.skip_source_first_line > 0;
        config.faulthandler |= c.faulthandler > 0;
        config.tracemalloc = config.tracemalloc.max(c.tracemalloc);
        config.warn_default_encoding |= c.warn_default_encoding > 0;
        config.code_debug_ranges &= c.code_debug_ranges != 0;
        config.remote_debug &= c.remote_debug != 0;
        if c.thread_inherit_context >= 0 {
            config.thread_inherit_context = c.thread_inherit_context > 0;
        }
        if c.context_aware_warnings >= 0 {
            config.context_aware_warnings = c.context_aware_warnings > 0;
        }
        if let Some(&enable_gil) = c.enable_gil.as_ref()
            && enable_gil >= 0
        {
            config.gil = Some(enable_gil > 0);
        }
        if c.cpu_count > 0 {
            config.cpu_count.store(c.cpu_count, std::sync::atomic::Ordering::Relaxed);
        }
        if let Some(pre) = preconfig() {
            config.utf8_mode |= pre.utf8_mode > 0;
            config.dev_mode |= pre.dev_mode > 0;
        }
        config.home = text(c.home).or_else(|| crate::sysmodule::early(|early| early.home.clone()));
        if c.use_hash_seed > 0 {
            config.hash_seed = Some(c.hash_seed as u32);
        }
        if c.int_max_str_digits >= 0 {
            config.int_max_str_digits = c.int_max_str_digits as usize;
        }
        let fill = |field: &mut OsString, raw: *mut i32| {
            if let Some(value) = text(raw) {
                *field = value;
            }
        };
        let fill_word = |field: &mut String, raw: *mut i32| {
            if let Some(value) = plain(raw) {
                *field = value;
            }
        };
        fill(&mut config.executable, c.executable);
        fill(&mut config.base_executable, c.base_executable);
        fill(&mut config.prefix, c.prefix);
        fill(&mut config.base_prefix, c.base_prefix);
        fill(&mut config.exec_prefix, c.exec_prefix);
        fill(&mut config.base_exec_prefix, c.base_exec_prefix);
        fill_word(&mut config.platlibdir, c.platlibdir);
        fill_word(&mut config.stdio_encoding, c.stdio_encoding);
        fill_word(&mut config.stdio_errors, c.stdio_errors);
        fill_word(&mut config.check_hash_pycs_mode, c.check_hash_pycs_mode);
        config.stdlib_dir = text(c.stdlib_dir).or(config.stdlib_dir);
        config.pycache_prefix = text(c.pycache_prefix).or(config.pycache_prefix);
        config.warn_options.extend(list(&c.warnoptions));
        for option in list(&c.xoptions) {
            config.add_x_option(&option);
        }
        let orig = list(&c.orig_argv);
        if !orig.is_empty() {
            config.orig_argv = orig;
        }
        if c.module_search_paths_set != 0 {
            config.module_search_paths = list(&c.module_search_paths);
        }
        program = match () {
            () if !c.run_command.is_null() => text(c.run_command).map(Program::Command),
            () if !c.run_module.is_null() => text(c.run_module).map(Program::Module),
            () if !c.run_filename.is_null() => text(c.run_filename).map(Program::Script),
            () => program,
        };
        let name = text(c.program_name)
            .or_else(|| crate::sysmodule::early(|early| early.program_name.clone()))
            .unwrap_or_else(|| {
                argv.first().filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| platform::program_name().into())
            });
        config.program_name.clone_from(&name);
        paths::fill(&mut config, &name);
        Ok((config, program))
    }
}

/// What the process was preinitialised with.
static PRECONFIG: Mutex<Option<Kept>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct Kept(PyPreConfig);
// SAFETY: numbers only.
unsafe impl Send for Kept {}

fn preconfig() -> Option<PyPreConfig> {
    PRECONFIG.lock().ok().and_then(|kept| *kept).map(|kept| kept.0)
}

/// The preconfiguration that a configuration stands for.
fn implied(config: &PyConfig) -> PyPreConfig {
    PyPreConfig {
        _config_init: config._config_init,
        parse_argv: config.parse_argv,
        isolated: config.isolated,
        use_environment: config.use_environment,
        configure_locale: c_int::from(config._config_init != 3),
        coerce_c_locale: 0,
        coerce_c_locale_warn: 0,
        utf8_mode: if config._config_init == 3 { 0 } else { -1 },
        dev_mode: config.dev_mode,
        allocator: 0,
    }
}

/// Locale, UTF-8 mode and memory allocators; once in a process.
unsafe fn preinitialize(config: *const PyPreConfig, args: &[OsString]) -> PyStatus {
    // SAFETY: the caller's configuration.
    let Some(given) = (unsafe { config.as_ref() }) else {
        // SAFETY: a constant text.
        return unsafe { PyStatus_Error(c"preconfig is NULL".as_ptr()) };
    };
    if preconfig().is_some() {
        return OK;
    }
    let mut pre = *given;
    if pre.parse_argv > 0
        && let Parsed::Run(parsed, _) = program::parse(args)
    {
        if parsed.isolated {
            (pre.isolated, pre.use_environment) = (1, 0);
        }
        if !parsed.use_environment {
            pre.use_environment = 0;
        }
        if parsed.utf8_mode && pre.utf8_mode < 0 {
            pre.utf8_mode = 1;
        }
        if parsed.dev_mode && pre.dev_mode < 0 {
            pre.dev_mode = 1;
        }
    }
    if pre.isolated < 0 {
        pre.isolated = 0;
    }
    if pre.isolated > 0 {
        pre.use_environment = 0;
    }
    if pre.use_environment < 0 {
        pre.use_environment = 1;
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty() && pre.use_environment > 0);
    if pre.utf8_mode < 0 {
        pre.utf8_mode = match variable("PYTHONUTF8").as_deref() {
            Some("1") => 1,
            Some(other) if other != "0" => {
                // SAFETY: a constant text.
                return unsafe { PyStatus_Error(c"invalid PYTHONUTF8 environment variable value".as_ptr()) };
            }
            _ => 0,
        };
    }
    if pre.dev_mode < 0 {
        pre.dev_mode = c_int::from(variable("PYTHONDEVMODE").is_some());
    }
    let debug = match variable("PYTHONMALLOC").filter(|_| pre.allocator == 0).as_deref() {
        None | Some("default" | "malloc" | "pymalloc" | "mimalloc") => pre.dev_mode > 0 && pre.allocator == 0,
        Some("debug" | "malloc_debug" | "pymalloc_debug" | "mimalloc_debug") => true,
        // SAFETY: a constant text.
        Some(_) => return unsafe { PyStatus_Error(c"PYTHONMALLOC: unknown allocator".as_ptr()) },
    };
    // 2, 4, 6 and 8 are the debug forms.
    if debug || matches!(pre.allocator, 2 | 4 | 6 | 8) {
        // SAFETY: no memory of the replaced domains is in use yet.
        unsafe { crate::pymem::PyMem_SetupDebugHooks() };
    }
    if !(0..=8).contains(&pre.allocator) {
        // SAFETY: a constant text.
        return unsafe { PyStatus_Error(c"unknown allocator".as_ptr()) };
    }
    if pre.configure_locale > 0 {
        // SAFETY: the manual lets only one thread run at this time.
        unsafe { libc::setlocale(libc::LC_CTYPE, c"".as_ptr()) };
    }
    crate::sysmodule::Py_UTF8Mode.store(pre.utf8_mode, std::sync::atomic::Ordering::Relaxed);
    if let Ok(mut kept) = PRECONFIG.lock() {
        *kept = Some(Kept(pre));
    }
    OK
}

/// The command line of the process, for `Py_GetArgcArgv`.
static ARGUMENTS: Mutex<(c_int, usize)> = Mutex::new((0, 0));

fn keep_arguments(args: &[OsString]) {
    let mut items: Vec<*mut i32> = args.iter().map(wide).collect();
    items.push(ptr::null_mut());
    if let Ok(mut kept) = ARGUMENTS.lock() {
        *kept = (args.len() as c_int, Vec::leak(items).as_mut_ptr().expose_provenance());
    }
}

fn original_arguments() -> (c_int, *mut *mut i32) {
    let kept = ARGUMENTS.lock().map_or((0, 0), |kept| *kept);
    (kept.0, ptr::with_exposed_provenance_mut(kept.1))
}

/// Numbers that were open get the values that count.
fn fill_numbers(c: &mut PyConfig, resolved: &Config) {
    c.isolated = resolved.isolated.into();
    c.use_environment = resolved.use_environment.into();
    c.dev_mode = resolved.dev_mode.into();
    c.faulthandler = resolved.faulthandler.into();
    c.tracemalloc = resolved.tracemalloc;
    c.perf_profiling = c.perf_profiling.max(0);
    c.remote_debug = resolved.remote_debug.into();
    c.use_hash_seed = resolved.hash_seed.is_some().into();
    c.hash_seed = resolved.hash_seed.unwrap_or(0).into();
    c.site_import = resolved.import_site.into();
    c.bytes_warning = resolved.bytes_warning;
    c.inspect = resolved.inspect.into();
    c.interactive = resolved.interactive.into();
    c.optimization_level = resolved.optimization_level;
    c.parser_debug = resolved.parser_debug.into();
    c.write_bytecode = resolved.write_bytecode.into();
    c.verbose = resolved.verbose;
    c.quiet = resolved.quiet.into();
    c.user_site_directory = resolved.user_site_directory.into();
    c.buffered_stdio = resolved.buffered_stdio.into();
    c.safe_path = resolved.safe_path.into();
    c.warn_default_encoding = resolved.warn_default_encoding.into();
    c.code_debug_ranges = resolved.code_debug_ranges.into();
    c.int_max_str_digits = resolved.int_max_str_digits as c_int;
    c.thread_inherit_context = resolved.thread_inherit_context.into();
    c.context_aware_warnings = resolved.context_aware_warnings.into();
    if let (Some(enable_gil), Some(on)) = (c.enable_gil.as_mut(), resolved.gil) {
        *enable_gil = on.into();
    }
}

/// The program that a parsed command line names, and the arguments that are left for it.
unsafe fn fill_program(c: &mut PyConfig, resolved: &Config, program: Option<Program>) {
    // SAFETY: the fields own their blocks.
    unsafe {
        match program {
            Some(Program::Command(command)) if c.run_command.is_null() => set(&raw mut c.run_command, wide(&command)),
            Some(Program::Module(module)) if c.run_module.is_null() => set(&raw mut c.run_module, wide(&module)),
            Some(Program::Script(script)) if c.run_filename.is_null() => set(&raw mut c.run_filename, wide(&script)),
            _ => {}
        }
        let replace = |list: &mut PyWideStringList, items: &[OsString]| {
            clear_list(list);
            for item in items {
                push(list, usize::MAX, wide(item));
            }
        };
        if c.parse_argv == 1 {
            replace(&mut c.argv, &resolved.argv);
            // What was parsed is not parsed again.
            c.parse_argv = 2;
        }
        if c.argv.length == 0 {
            replace(&mut c.argv, &[OsString::new()]);
        }
        if c.orig_argv.length == 0 {
            replace(&mut c.orig_argv, &resolved.orig_argv);
        }
        replace(&mut c.warnoptions, &resolved.warn_options);
        if let Some(home) = resolved.home.as_ref().filter(|_| c.home.is_null()) {
            set(&raw mut c.home, wide(home));
        }
        if let Some(dir) = resolved.stdlib_dir.as_ref().filter(|_| c.stdlib_dir.is_null()) {
            set(&raw mut c.stdlib_dir, wide(dir));
        }
    }
}

fn run_main() -> c_int {
    let Some(py) = Attached::try_from_tls() else { return 1 };
    let program = PROGRAM.take().unwrap_or(Program::Input);
    program::run(py, &program)
}

unsafe fn whole_program(args: &[OsString]) -> c_int {
    match program::parse(args) {
        Parsed::Print(text) => {
            print!("{text}");
            0
        }
        Parsed::Fail(text, status) => {
            eprint!("{text}");
            status
        }
        Parsed::Run(config, program) => match initialize(*config) {
            Ok(()) => {
                PROGRAM.set(Some(program));
                run_main()
            }
            Err(message) => {
                eprintln!("Fatal Python error: {message}");
                1
            }
        },
    }
}

capi_raw! {
    fn PyStatus_Ok() -> PyStatus { OK }
    fn PyStatus_Error(message: *const c_char) -> PyStatus { PyStatus { _type: 1, err_msg: message, ..OK } }
    fn PyStatus_NoMemory() -> PyStatus { PyStatus { _type: 1, err_msg: c"memory allocation failed".as_ptr(), ..OK } }
    fn PyStatus_Exit(status: c_int) -> PyStatus { exit(status) }
    fn PyStatus_IsError(status: PyStatus) -> c_int { c_int::from(status._type == 1) }
    fn PyStatus_IsExit(status: PyStatus) -> c_int { c_int::from(status._type == 2) }
    fn PyStatus_Exception(status: PyStatus) -> c_int { c_int::from(status._type != 0) }
    fn Py_ExitStatusException(status: PyStatus) {
        if status._type == 2 { libc::exit(status.exitcode) }
        let text = if status.err_msg.is_null() { "unknown error" } else { opt_text(status.err_msg).unwrap_or("unknown error") };
        eprintln!("Fatal Python error: {text}\nPython runtime state: not initialized");
        libc::exit(1)
    }
    fn PyWideStringList_Append(list: *mut PyWideStringList, item: *const i32) -> PyStatus {
        push(&mut *list, usize::MAX, wide(text(item).unwrap_or_default()))
    }
    fn PyWideStringList_Insert(list: *mut PyWideStringList, at: isize, item: *const i32) -> PyStatus {
        if at < 0 { return PyStatus_Error(c"PyWideStringList_Insert index must be >= 0".as_ptr()) }
        push(&mut *list, at as usize, wide(text(item).unwrap_or_default()))
    }
    fn PyPreConfig_InitPythonConfig(config: *mut PyPreConfig) {
        *config = PyPreConfig { _config_init: 2, parse_argv: 1, isolated: -1, use_environment: -1, configure_locale: 1, coerce_c_locale: -1, coerce_c_locale_warn: -1, utf8_mode: -1, dev_mode: -1, allocator: 0 };
    }
    fn PyPreConfig_InitIsolatedConfig(config: *mut PyPreConfig) {
        *config = PyPreConfig { _config_init: 3, parse_argv: 0, isolated: 1, use_environment: 0, configure_locale: 0, coerce_c_locale: 0, coerce_c_locale_warn: 0, utf8_mode: 0, dev_mode: 0, allocator: 0 };
    }
    fn Py_PreInitialize(config: *const PyPreConfig) -> PyStatus { preinitialize(config, &[]) }
    fn Py_PreInitializeFromBytesArgs(config: *const PyPreConfig, argc: isize, argv: *mut *mut c_char) -> PyStatus {
        let args: Vec<OsString> = (0..argc.max(0) as usize).map(|at| bytes(*argv.add(at)).to_owned()).collect();
        preinitialize(config, &args)
    }
    fn Py_PreInitializeFromArgs(config: *const PyPreConfig, argc: isize, argv: *mut *mut i32) -> PyStatus {
        let args: Vec<OsString> = (0..argc.max(0) as usize).filter_map(|at| text(*argv.add(at))).collect();
        preinitialize(config, &args)
    }
    // With `_init_main` unset the main interpreter is complete all the same: nothing is left to do.
    fn _Py_InitializeMain() -> PyStatus {
        if is_initialized() { OK } else { PyStatus_Error(c"core not initialized".as_ptr()) }
    }
    fn Py_GetArgcArgv(argc: *mut c_int, argv: *mut *mut *mut i32) {
        let (count, items) = original_arguments();
        *argc = count;
        *argv = items;
    }
    fn Py_FrozenMain(argc: c_int, argv: *mut *mut c_char) -> c_int {
        let mut config: PyConfig = std::mem::zeroed();
        PyConfig_InitPythonConfig(&mut config);
        config.pathconfig_warnings = 0;
        config.parse_argv = 0;
        PyConfig_SetBytesArgv(&mut config, argc as isize, argv);
        let status = Py_InitializeFromConfig(&config);
        PyConfig_Clear(&mut config);
        if PyStatus_Exception(status) != 0 { Py_ExitStatusException(status) }
        let found = crate::import::PyImport_ImportFrozenModule(c"__main__".as_ptr());
        if found == 0 { krait_vm::fatal("Py_FrozenMain: the __main__ module is not frozen") }
        let mut status = 0;
        if found < 0 {
            crate::pyerrors::PyErr_Print();
            status = 1;
        }
        if crate::pystate::Py_FinalizeEx() < 0 { status = 120 }
        status
    }
    fn PyConfig_InitPythonConfig(config: *mut PyConfig) { start(config, false) }
    fn PyConfig_InitIsolatedConfig(config: *mut PyConfig) { start(config, true) }
    fn PyConfig_Clear(config: *mut PyConfig) {
        let config = &mut *config;
        for place in strings(config) { set(place, ptr::null_mut()) }
        for one in [&mut config.orig_argv, &mut config.argv, &mut config.xoptions, &mut config.warnoptions, &mut config.module_search_paths] { clear_list(one) }
        config.module_search_paths_set = 0;
    }
    fn PyConfig_SetString(_config: *mut PyConfig, place: *mut *mut i32, value: *const i32) -> PyStatus {
        set(place, text(value).map_or(ptr::null_mut(), wide));
        OK
    }
    fn PyConfig_SetBytesString(_config: *mut PyConfig, place: *mut *mut i32, value: *const c_char) -> PyStatus {
        let value = if value.is_null() { ptr::null_mut() } else { wide(bytes(value)) };
        set(place, value);
        OK
    }
    fn PyConfig_SetWideStringList(_config: *mut PyConfig, out: *mut PyWideStringList, length: isize, items: *mut *mut i32) -> PyStatus {
        clear_list(&mut *out);
        for at in 0..length.max(0) as usize { push(&mut *out, usize::MAX, wide(text(*items.add(at)).unwrap_or_default())); }
        OK
    }
    fn PyConfig_SetArgv(config: *mut PyConfig, argc: isize, argv: *mut *mut i32) -> PyStatus {
        PyConfig_SetWideStringList(config, &raw mut (*config).argv, argc, argv)
    }
    fn PyConfig_SetBytesArgv(config: *mut PyConfig, argc: isize, argv: *mut *mut c_char) -> PyStatus {
        clear_list(&mut (*config).argv);
        for at in 0..argc.max(0) as usize { push(&mut (*config).argv, usize::MAX, wide(bytes(*argv.add(at)))); }
        OK
    }
    fn PyConfig_Read(config: *mut PyConfig) -> PyStatus {
        let (resolved, program) = match resolve(&*config) { Ok(found) => found, Err(status) => return status };
        let config = &mut *config;
        fill_numbers(config, &resolved);
        fill_program(config, &resolved, program);
        for (place, value) in [
            (&raw mut config.executable, resolved.executable.as_os_str()),
            (&raw mut config.base_executable, &resolved.base_executable),
            (&raw mut config.prefix, &resolved.prefix),
            (&raw mut config.base_prefix, &resolved.base_prefix),
            (&raw mut config.exec_prefix, &resolved.exec_prefix),
            (&raw mut config.base_exec_prefix, &resolved.base_exec_prefix),
            (&raw mut config.platlibdir, resolved.platlibdir.as_ref()),
            (&raw mut config.program_name, &resolved.program_name),
            (&raw mut config.stdio_encoding, resolved.stdio_encoding.as_ref()),
            (&raw mut config.stdio_errors, resolved.stdio_errors.as_ref()),
            (&raw mut config.check_hash_pycs_mode, resolved.check_hash_pycs_mode.as_ref()),
            (&raw mut config.filesystem_encoding, resolved.fs_encoding().as_ref()),
            (&raw mut config.filesystem_errors, "surrogateescape".as_ref()),
        ] {
            if (*place).is_null() { set(place, wide(value)) }
        }
        if config.module_search_paths_set == 0 {
            for path in &resolved.module_search_paths { push(&mut config.module_search_paths, usize::MAX, wide(path)); }
            config.module_search_paths_set = 1;
        }
        OK
    }
    fn Py_InitializeFromConfig(config: *const PyConfig) -> PyStatus {
        if is_initialized() { return OK }
        let (resolved, program) = match resolve(&*config) { Ok(found) => found, Err(status) => return status };
        if preconfig().is_none() {
            let status = preinitialize(&implied(&*config), &[]);
            if status._type != 0 { return status }
        }
        keep_arguments(&resolved.orig_argv);
        crate::sysmodule::early(|early| {
            early.program_name = Some(resolved.program_name.clone()).filter(|name| !name.is_empty());
            early.home.clone_from(&resolved.home);
        });
        match initialize(resolved) {
            Ok(()) => { PROGRAM.set(program); OK }
            Err(message) => error(&message),
        }
    }
    fn Py_RunMain() -> c_int { run_main() }
    fn Py_BytesMain(argc: c_int, argv: *mut *mut c_char) -> c_int {
        let args: Vec<OsString> = (0..argc.max(0) as usize).map(|at| bytes(*argv.add(at)).to_owned()).collect();
        whole_program(&args)
    }
    fn Py_Main(argc: c_int, argv: *mut *mut i32) -> c_int {
        let args: Vec<OsString> = (0..argc.max(0) as usize).filter_map(|at| text(*argv.add(at))).collect();
        whole_program(&args)
    }
    fn Py_DecodeLocale(value: *const c_char, size: *mut usize) -> *mut i32 {
        let value = bytes(value);
        if !size.is_null() { *size = units(value).len() - 1 }
        wide(value)
    }
    fn Py_EncodeLocale(value: *const i32, position: *mut usize) -> *mut c_char {
        if !position.is_null() { *position = usize::MAX }
        let value = text(value).unwrap_or_default();
        let out = crate::pymem::PyMem_RawMalloc(value.len() + 1).cast::<u8>();
        ptr::copy_nonoverlapping(value.as_bytes().as_ptr(), out, value.len());
        *out.add(value.len()) = 0;
        out.cast()
    }
    fn Py_EndInterpreter(tstate: *mut PyThreadState) {
        let Some(py) = Attached::try_from_tls() else { krait_vm::fatal("Py_EndInterpreter: thread is not current") };
        if ptr::from_ref(py.tstate()).cast_mut() != tstate { krait_vm::fatal("Py_EndInterpreter: thread is not current") }
        lifecycle::finish_sub(py);
    }
}

capi_raw! {
    fn Py_NewInterpreterFromConfig(out: *mut *mut PyThreadState, config: *const PyInterpreterConfig) -> PyStatus {
        *out = ptr::null_mut();
        let config = &*config;
        if !matches!(config.gil, PyInterpreterConfig_DEFAULT_GIL | PyInterpreterConfig_SHARED_GIL | PyInterpreterConfig_OWN_GIL) {
            return PyStatus_Error(c"invalid interpreter config 'gil' value".as_ptr());
        }
        if config.use_main_obmalloc == 0 && config.check_multi_interp_extensions == 0 {
            return PyStatus_Error(c"per-interpreter obmalloc does not support single-phase init extension modules".as_ptr());
        }
        if krait_object::FREE_THREADED && config.check_multi_interp_extensions == 0 {
            return PyStatus_Error(c"The free-threaded build does not support single-phase init extension modules in subinterpreters".as_ptr());
        }
        let rules = interp::Rules {
            fork: config.allow_fork != 0,
            exec: config.allow_exec != 0,
            threads: config.allow_threads != 0,
            daemons: config.allow_daemon_threads != 0,
            any_extension: config.check_multi_interp_extensions == 0,
            own_gil: config.gil == PyInterpreterConfig_OWN_GIL,
            main_allocator: config.use_main_obmalloc != 0,
            whence: interp::Whence::Api,
        };
        match crate::pystate::new_interpreter(rules) {
            Ok(tstate) => { *out = tstate; OK }
            Err(message) => error(&format!("sub-interpreter creation failed: {message}")),
        }
    }
}
