//! `sysmodule.h`, and the process-wide parameters of `pylifecycle.h`: program name, home, paths, flags.
use crate::capi::*;
use crate::object::or_clear;
use crate::varargs::VaList;
use krait_layout::PyObject;
use krait_object::{Attached, Dict, Layout, List, Object, PyResult, Ref, Str, Tuple, raise};
use krait_vm::config::Config;
use krait_vm::{interp, sysmodule};
use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

/// What a host sets before it initialises the runtime with `Py_Initialize`.
#[derive(Default)]
pub(crate) struct Early {
    pub program_name: Option<OsString>,
    pub home: Option<OsString>,
    pub path: Option<OsString>,
    pub warn_options: Vec<OsString>,
    pub x_options: Vec<OsString>,
}

pub(crate) static EARLY: Mutex<Early> =
    Mutex::new(Early { program_name: None, home: None, path: None, warn_options: Vec::new(), x_options: Vec::new() });

/// Works on what was set early.
pub(crate) fn early<R>(body: impl FnOnce(&mut Early) -> R) -> R {
    body(&mut EARLY.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

macro_rules! flags {
    ($($name:ident = $value:literal;)*) => { $(
        #[unsafe(no_mangle)]
        pub static $name: AtomicI32 = AtomicI32::new($value);
    )* };
}
flags! {
    Py_DebugFlag = 0;
    Py_VerboseFlag = 0;
    Py_QuietFlag = 0;
    Py_InteractiveFlag = 0;
    Py_InspectFlag = 0;
    Py_OptimizeFlag = 0;
    Py_NoSiteFlag = 0;
    Py_BytesWarningFlag = 0;
    Py_FrozenFlag = 0;
    Py_IgnoreEnvironmentFlag = 0;
    Py_DontWriteBytecodeFlag = 0;
    Py_NoUserSiteDirectory = 0;
    Py_UnbufferedStdioFlag = 0;
    Py_HashRandomizationFlag = 0;
    Py_IsolatedFlag = 0;
    Py_UTF8Mode = 1;
    Py_HasFileSystemDefaultEncoding = 1;
}

/// Names of codecs that a host may look at.
#[repr(transparent)]
pub struct Name(*const c_char);
// SAFETY: it points to constant text.
unsafe impl Sync for Name {}

#[unsafe(no_mangle)]
pub static Py_FileSystemDefaultEncoding: Name = Name(c"utf-8".as_ptr());
#[unsafe(no_mangle)]
pub static Py_FileSystemDefaultEncodeErrors: Name = Name(c"surrogateescape".as_ptr());

/// Lets the global flags and what was set early into a configuration of `Py_Initialize`.
pub(crate) fn read_flags(config: &mut Config) {
    let flag = |flag: &AtomicI32| flag.load(Ordering::Relaxed);
    config.parser_debug |= flag(&Py_DebugFlag) > 0;
    config.verbose = config.verbose.max(flag(&Py_VerboseFlag));
    config.quiet |= flag(&Py_QuietFlag) > 0;
    config.interactive |= flag(&Py_InteractiveFlag) > 0;
    config.inspect |= flag(&Py_InspectFlag) > 0;
    config.optimization_level = config.optimization_level.max(flag(&Py_OptimizeFlag));
    config.import_site &= flag(&Py_NoSiteFlag) == 0;
    config.bytes_warning = config.bytes_warning.max(flag(&Py_BytesWarningFlag));
    config.use_environment &= flag(&Py_IgnoreEnvironmentFlag) == 0;
    config.write_bytecode &= flag(&Py_DontWriteBytecodeFlag) == 0;
    config.user_site_directory &= flag(&Py_NoUserSiteDirectory) == 0;
    config.buffered_stdio &= flag(&Py_UnbufferedStdioFlag) == 0;
    if flag(&Py_IsolatedFlag) > 0 {
        config.isolated = true;
        config.use_environment = false;
        config.user_site_directory = false;
    }
    early(|early| {
        config.warn_options.extend(early.warn_options.iter().cloned());
        early.x_options.iter().for_each(|option| config.add_x_option(option));
        if let Some(path) = &early.path {
            config.module_search_paths = std::env::split_paths(path).map(PathBuf::into_os_string).collect();
        }
    });
}

/// Shows the configuration that was used in the global flags.
pub(crate) fn write_flags(config: &Config) {
    let set = |flag: &AtomicI32, value: i32| flag.store(value, Ordering::Relaxed);
    set(&Py_DebugFlag, config.parser_debug.into());
    set(&Py_VerboseFlag, config.verbose);
    set(&Py_QuietFlag, config.quiet.into());
    set(&Py_InteractiveFlag, config.interactive.into());
    set(&Py_InspectFlag, config.inspect.into());
    set(&Py_OptimizeFlag, config.optimization_level);
    set(&Py_NoSiteFlag, (!config.import_site).into());
    set(&Py_BytesWarningFlag, config.bytes_warning);
    set(&Py_IgnoreEnvironmentFlag, (!config.use_environment).into());
    set(&Py_DontWriteBytecodeFlag, (!config.write_bytecode).into());
    set(&Py_NoUserSiteDirectory, (!config.user_site_directory).into());
    set(&Py_UnbufferedStdioFlag, (!config.buffered_stdio).into());
    set(&Py_HashRandomizationFlag, (config.hash_seed != Some(0)).into());
    set(&Py_IsolatedFlag, config.isolated.into());
}

/// Shows an option that `PyConfig_Set` changed in its global flag. `value` is what `sys.flags` has, by its name there.
pub(crate) fn write_flag(name: &str, value: i32) {
    let flag = match name {
        "bytes_warning" => &Py_BytesWarningFlag,
        "debug" => &Py_DebugFlag,
        "dont_write_bytecode" => &Py_DontWriteBytecodeFlag,
        "ignore_environment" => &Py_IgnoreEnvironmentFlag,
        "inspect" => &Py_InspectFlag,
        "interactive" => &Py_InteractiveFlag,
        "optimize" => &Py_OptimizeFlag,
        "quiet" => &Py_QuietFlag,
        "verbose" => &Py_VerboseFlag,
        _ => return,
    };
    flag.store(value, Ordering::Relaxed);
}

/// The same wide string for the same text, for ever.
fn lasting(text: &OsStr) -> *mut i32 {
    static TEXTS: Mutex<BTreeMap<OsString, usize>> = Mutex::new(BTreeMap::new());
    let mut texts = TEXTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = texts
        .entry(text.to_owned())
        .or_insert_with(|| Vec::leak(crate::initconfig::units(text)).as_mut_ptr().expose_provenance());
    ptr::with_exposed_provenance_mut(*place)
}

fn of_config(read: impl FnOnce(&Config) -> OsString) -> *mut i32 {
    match interp::Interpreter::main() {
        Some(main) if crate::pystate::is_initialized() => lasting(&read(&main.config)),
        _ => ptr::null_mut(),
    }
}

fn path_of(py: Attached<'_>) -> PyResult<Ref<List>> {
    let path = sysmodule::get(py, "path").and_then(|path| path.downcast::<List>().ok());
    path.ok_or_else(|| raise!(py, RuntimeError, "lost sys.path"))
}

/// The folder of the script in `argv[0]`, which `sys.path` begins with.
fn script_folder(first: Option<&OsStr>) -> OsString {
    match first.map(OsStr::as_bytes) {
        None | Some(b"-c") | Some(b"") => OsString::new(),
        Some(b"-m") => std::env::current_dir().map(PathBuf::into_os_string).unwrap_or_default(),
        Some(script) => {
            let script = Path::new(OsStr::from_bytes(script));
            let real = std::fs::canonicalize(script).unwrap_or_else(|_| script.into());
            real.parent().map(|dir| dir.as_os_str().to_owned()).unwrap_or_default()
        }
    }
}

unsafe fn set_argv(py: Attached<'_>, argc: c_int, argv: *mut *mut i32, update_path: bool) -> PyResult<()> {
    // SAFETY: as many wide strings as stated.
    let args: Vec<OsString> =
        unsafe { (0..argc.max(0) as usize).filter_map(|at| crate::initconfig::text(*argv.add(at))).collect() };
    let first = args.first().map(OsString::as_os_str);
    let folder = script_folder(first);
    let items = match args.is_empty() {
        true => vec![Str::new(py, "")?],
        false => args.iter().map(|arg| Str::from_fs_bytes(py, arg.as_bytes())).collect::<PyResult<Vec<_>>>()?,
    };
    let items = items.into_iter().map(Ref::upcast).collect();
    sysmodule::set(py, "argv", List::from_vec(py, items)?.as_object())?;
    if update_path {
        path_of(py)?.insert(py, 0, Str::from_fs_bytes(py, folder.as_bytes())?.upcast())?;
    }
    Ok(())
}

fn warn_options(py: Attached<'_>) -> PyResult<Ref<List>> {
    if let Some(list) = sysmodule::get(py, "warnoptions").and_then(|list| list.downcast::<List>().ok()) {
        return Ok(list);
    }
    let list = List::new(py)?;
    sysmodule::set(py, "warnoptions", list.as_object())?;
    Ok(list)
}

fn fatal_on_error(py: Attached<'_>, function: &str, result: PyResult<()>) {
    if let Err(raised) = result {
        krait_vm::errors::display(py, &raised.take(py));
        krait_vm::fatal(&format!("{function}: failed"));
    }
}

capi_raw! {
    fn Py_SetProgramName(name: *const i32) {
        let name = crate::initconfig::text(name).filter(|name| !name.is_empty());
        early(|early| if name.is_some() { early.program_name = name });
    }
    fn Py_SetPythonHome(home: *const i32) { let home = crate::initconfig::text(home); early(|early| early.home = home); }
    fn Py_SetPath(path: *const i32) { let path = crate::initconfig::text(path); early(|early| early.path = path); }
    fn Py_GetProgramName() -> *mut i32 {
        if !crate::pystate::is_initialized() { return ptr::null_mut() }
        lasting(&early(|early| early.program_name.clone()).unwrap_or_else(|| krait_vm::platform::program_name().into()))
    }
    fn Py_GetPythonHome() -> *mut i32 {
        if !crate::pystate::is_initialized() { return ptr::null_mut() }
        early(|early| early.home.clone()).map_or(ptr::null_mut(), |home| lasting(&home))
    }
    fn Py_GetProgramFullPath() -> *mut i32 { of_config(|config| config.executable.clone()) }
    fn Py_GetPrefix() -> *mut i32 { of_config(|config| config.prefix.clone()) }
    fn Py_GetExecPrefix() -> *mut i32 { of_config(|config| config.exec_prefix.clone()) }
    fn Py_GetPath() -> *mut i32 { of_config(|config| config.module_search_paths.join(OsStr::new(":"))) }

    fn PySys_SetArgvEx(argc: c_int, argv: *mut *mut i32, update_path: c_int) {
        let py = Attached::from_tls();
        fatal_on_error(py, "PySys_SetArgvEx", set_argv(py, argc, argv, update_path != 0))
    }
    fn PySys_SetArgv(argc: c_int, argv: *mut *mut i32) {
        let py = Attached::from_tls();
        let update = Py_IsolatedFlag.load(Ordering::Relaxed) == 0;
        fatal_on_error(py, "PySys_SetArgv", set_argv(py, argc, argv, update))
    }
    fn PySys_SetPath(path: *const i32) {
        let py = Attached::from_tls();
        let text = crate::initconfig::plain(path).unwrap_or_default();
        let set = || {
            let parts = text.split(':').map(|part| Ok(Str::new(py, part)?.upcast())).collect::<PyResult<Vec<_>>>()?;
            sysmodule::set(py, "path", List::from_vec(py, parts)?.as_object())
        };
        fatal_on_error(py, "PySys_SetPath", set())
    }
    fn PySys_AddWarnOption(option: *const i32) {
        let Some(option) = crate::initconfig::text(option) else { return };
        match Attached::try_from_tls() {
            Some(py) => { or_clear(py, warn_options(py).and_then(|list| list.push(py, Str::from_fs_bytes(py, option.as_bytes())?.upcast()))); }
            None => early(|early| early.warn_options.push(option)),
        }
    }
    fn PySys_AddWarnOptionUnicode(option: *mut PyObject) {
        let py = Attached::from_tls();
        or_clear(py, warn_options(py).and_then(|list| list.push(py, Object::from_ptr(option).to_ref())));
    }
    fn PySys_ResetWarnOptions() {
        match Attached::try_from_tls() {
            Some(py) => { or_clear(py, warn_options(py).and_then(|list| list.as_object().call_method(py, krait_object::id!(py, clear), &[]))); }
            None => early(|early| early.warn_options.clear()),
        }
    }
    fn PySys_HasWarnOptions() -> c_int {
        match Attached::try_from_tls() {
            Some(py) => c_int::from(or_clear(py, warn_options(py)).is_some_and(|list| !list.is_empty())),
            None => early(|early| c_int::from(!early.warn_options.is_empty())),
        }
    }
    fn PySys_AddXOption(option: *const i32) {
        let Some(option) = crate::initconfig::text(option) else { return };
        let Some(py) = Attached::try_from_tls() else { return early(|early| early.x_options.push(option)) };
        let option = option.to_string_lossy();
        let (key, value) = option.split_once('=').map_or((&*option, None), |(key, value)| (key, Some(value)));
        let set = || {
            let dict = x_options(py)?;
            match value {
                Some(value) => dict.set_str(py, key, Str::new(py, value)?.as_object()),
                None => dict.set_str(py, key, krait_object::Bool::of(true).as_object()),
            }
        };
        or_clear(py, set());
    }
    fn PySys_AddAuditHook(hook: sysmodule::NativeAuditHook, data: *mut c_void) -> c_int {
        if let Some(py) = Attached::try_from_tls()
            && let Err(raised) = sysmodule::audit_event(py, "sys.addaudithook", &[])
        {
            if !raised.matches(py, krait_object::exc::RuntimeError()) { return -1 }
            raised.clear(py);
            return 0;
        }
        sysmodule::add_native_audit_hook(hook, data.expose_provenance());
        0
    }
}

fn x_options(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    if let Some(dict) = sysmodule::get(py, "_xoptions").and_then(|dict| dict.downcast::<Dict>().ok()) {
        return Ok(dict);
    }
    let dict = Dict::new(py)?;
    sysmodule::set(py, "_xoptions", dict.as_object())?;
    Ok(dict)
}

capi! {
    fn PySys_GetObject(py, name: &CStr) -> Lent {
        // What goes wrong is nobody's business.
        match utf8(py, name.to_bytes()) {
            Ok(name) => Ok(sysmodule::get(py, name).map_or(Lent(ptr::null_mut()), Lent::of)),
            Err(raised) => {
                let _ = raised;
                sysmodule::report_unraisable(py, Some("Exception ignored in PySys_GetObject()"), None);
                Ok(Lent(ptr::null_mut()))
            }
        }
    }
    fn PySys_SetObject(py, name: Text<'_>, value: Option<&Object>) -> () {
        match value {
            Some(value) => sysmodule::set(py, name.0, value),
            None => match interp::current(py).sys_dict.get() {
                Some(dict) => dict.remove(py, name.obj(py)?.as_object()).map(drop),
                None => Ok(()),
            },
        }
    }
    fn PySys_GetXOptions(py) -> Lent { x_options(py).map(Lent::of) }
    fn PySys_AuditTuple(py, event: Text<'_>, args: Option<&Object>) -> () {
        match args.map(|args| args.downcast::<Tuple>().ok_or(args)) {
            None => sysmodule::audit_event(py, event.0, &[]),
            Some(Ok(args)) => sysmodule::audit_tuple(py, event.0, args),
            Some(Err(other)) => Err(raise!(py, TypeError, "args must be tuple, got {}", other.ty().name())),
        }
    }
    /// The body of `PySys_Audit`.
    fn krait_audit(py, event: Text<'_>, format: *const c_char, va: *mut VaList) -> () {
        if !sysmodule::has_audit_hooks(py) { return Ok(()); }
        if format.is_null() || *format == 0 { return sysmodule::audit_event(py, event.0, &[]); }
        let Some(made) = Ref::<Object>::from_raw_opt(crate::modsupport::krait_build_value(format, va)) else {
            return Err(krait_object::Raised::assume());
        };
        match (*made).downcast::<Tuple>() {
            Some(args) => sysmodule::audit_tuple(py, event.0, args),
            None => sysmodule::audit_event(py, event.0, &[&made]),
        }
    }
}

capi_raw! {
    fn Py_GETENV(name: *const c_char) -> *mut c_char {
        if Py_IgnoreEnvironmentFlag.load(Ordering::Relaxed) != 0 { ptr::null_mut() } else { libc::getenv(name) }
    }
    fn Py_FdIsInteractive(file: *mut libc::FILE, name: *const c_char) -> c_int {
        if libc::isatty(libc::fileno(file)) != 0 { return 1 }
        if Py_InteractiveFlag.load(Ordering::Relaxed) == 0 { return 0 }
        c_int::from(name.is_null() || matches!(CStr::from_ptr(name).to_bytes(), b"<stdin>" | b"???"))
    }
}
