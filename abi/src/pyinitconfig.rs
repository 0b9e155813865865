//! `PyInitConfig` (PEP 741): configuration by the names of its options; `PyConfig_Get` and friends of a running
//! interpreter.
use crate::capi::*;
use crate::initconfig as c;
use krait_layout::*;
use krait_object::{
    Attached, Dict, FrozenSet, Int, IntoObject, Layout, List, Object, PyResult, Ref, Str, Tuple, id, none, raise,
};
use krait_vm::{interp, sysmodule};
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_ulong};
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::ptr;

/// Where an option lies.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// A number of `PyConfig`.
    Int(usize),
    /// A number that is not negative.
    Uint(usize),
    Ulong(usize),
    Text(usize),
    List(usize),
    /// A number of `PyPreConfig`.
    Pre(usize),
    /// A number of both.
    Both(usize, usize),
}
use Place::{Both, Int as Num, List as Texts, Pre, Text as Wide, Uint, Ulong};

/// How a running interpreter shows an option.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    /// Only in the configuration.
    Config,
    /// An attribute of `sys` that can be set.
    Sys(&'static str),
    /// An item of `sys.flags`; whether a bool, and whether reversed.
    Flag(&'static str, bool),
    /// Not for public eyes.
    Hidden,
}
use Shown::{Config as Only, Flag, Hidden, Sys};

macro_rules! field {
    ($name:ident) => {
        offset_of!(PyConfig, $name)
    };
}
macro_rules! pre {
    ($name:ident) => {
        offset_of!(PyPreConfig, $name)
    };
}

const OPTIONS: &[(&str, Place, Shown)] = &[
    ("allocator", Pre(pre!(allocator)), Only),
    ("argv", Texts(field!(argv)), Sys("argv")),
    ("base_exec_prefix", Wide(field!(base_exec_prefix)), Sys("base_exec_prefix")),
    ("base_executable", Wide(field!(base_executable)), Sys("_base_executable")),
    ("base_prefix", Wide(field!(base_prefix)), Sys("base_prefix")),
    ("buffered_stdio", Num(field!(buffered_stdio)), Only),
    ("bytes_warning", Uint(field!(bytes_warning)), Flag("bytes_warning", false)),
    ("check_hash_pycs_mode", Wide(field!(check_hash_pycs_mode)), Only),
    ("code_debug_ranges", Num(field!(code_debug_ranges)), Only),
    ("coerce_c_locale", Pre(pre!(coerce_c_locale)), Only),
    ("coerce_c_locale_warn", Pre(pre!(coerce_c_locale_warn)), Only),
    ("configure_c_stdio", Num(field!(configure_c_stdio)), Only),
    ("configure_locale", Pre(pre!(configure_locale)), Only),
    ("context_aware_warnings", Num(field!(context_aware_warnings)), Flag("context_aware_warnings", false)),
    ("cpu_count", Num(field!(cpu_count)), Only),
    ("dev_mode", Both(field!(dev_mode), pre!(dev_mode)), Flag("dev_mode", false)),
    ("dump_refs", Num(field!(dump_refs)), Only),
    ("dump_refs_file", Wide(field!(dump_refs_file)), Only),
    ("enable_gil", Num(field!(enable_gil)), Only),
    ("exec_prefix", Wide(field!(exec_prefix)), Sys("exec_prefix")),
    ("executable", Wide(field!(executable)), Sys("executable")),
    ("faulthandler", Num(field!(faulthandler)), Only),
    ("filesystem_encoding", Wide(field!(filesystem_encoding)), Only),
    ("filesystem_errors", Wide(field!(filesystem_errors)), Only),
    ("hash_seed", Ulong(field!(hash_seed)), Only),
    ("home", Wide(field!(home)), Only),
    ("import_time", Num(field!(import_time)), Only),
    ("inspect", Num(field!(inspect)), Flag("inspect", false)),
    ("install_signal_handlers", Num(field!(install_signal_handlers)), Only),
    ("int_max_str_digits", Num(field!(int_max_str_digits)), Flag("int_max_str_digits", false)),
    ("interactive", Num(field!(interactive)), Flag("interactive", false)),
    ("isolated", Both(field!(isolated), pre!(isolated)), Flag("isolated", false)),
    ("malloc_stats", Num(field!(malloc_stats)), Only),
    ("module_search_paths", Texts(field!(module_search_paths)), Sys("path")),
    ("optimization_level", Uint(field!(optimization_level)), Flag("optimize", false)),
    ("orig_argv", Texts(field!(orig_argv)), Sys("orig_argv")),
    ("parse_argv", Both(field!(parse_argv), pre!(parse_argv)), Only),
    ("parser_debug", Num(field!(parser_debug)), Flag("debug", false)),
    ("pathconfig_warnings", Num(field!(pathconfig_warnings)), Only),
    ("perf_profiling", Uint(field!(perf_profiling)), Only),
    ("platlibdir", Wide(field!(platlibdir)), Sys("platlibdir")),
    ("prefix", Wide(field!(prefix)), Sys("prefix")),
    ("program_name", Wide(field!(program_name)), Only),
    ("pycache_prefix", Wide(field!(pycache_prefix)), Sys("pycache_prefix")),
    ("pythonpath_env", Wide(field!(pythonpath_env)), Hidden),
    ("quiet", Num(field!(quiet)), Flag("quiet", false)),
    ("remote_debug", Num(field!(remote_debug)), Only),
    ("run_command", Wide(field!(run_command)), Only),
    ("run_filename", Wide(field!(run_filename)), Only),
    ("run_module", Wide(field!(run_module)), Only),
    ("safe_path", Num(field!(safe_path)), Flag("safe_path", false)),
    ("show_ref_count", Num(field!(show_ref_count)), Only),
    ("site_import", Num(field!(site_import)), Flag("no_site", true)),
    ("skip_source_first_line", Num(field!(skip_source_first_line)), Only),
    ("stdio_encoding", Wide(field!(stdio_encoding)), Only),
    ("stdio_errors", Wide(field!(stdio_errors)), Only),
    ("stdlib_dir", Wide(field!(stdlib_dir)), Sys("_stdlib_dir")),
    ("sys_path_0", Wide(field!(sys_path_0)), Hidden),
    ("thread_inherit_context", Num(field!(thread_inherit_context)), Flag("thread_inherit_context", false)),
    ("tlbc_enabled", Num(field!(tlbc_enabled)), Only),
    ("tracemalloc", Uint(field!(tracemalloc)), Only),
    ("use_environment", Both(field!(use_environment), pre!(use_environment)), Flag("ignore_environment", true)),
    ("use_frozen_modules", Num(field!(use_frozen_modules)), Only),
    ("use_hash_seed", Num(field!(use_hash_seed)), Only),
    ("user_site_directory", Num(field!(user_site_directory)), Flag("no_user_site", true)),
    ("utf8_mode", Pre(pre!(utf8_mode)), Flag("utf8_mode", false)),
    ("verbose", Uint(field!(verbose)), Flag("verbose", false)),
    ("warn_default_encoding", Num(field!(warn_default_encoding)), Flag("warn_default_encoding", false)),
    ("warnoptions", Texts(field!(warnoptions)), Sys("warnoptions")),
    ("write_bytecode", Num(field!(write_bytecode)), Flag("dont_write_bytecode", true)),
    ("xoptions", Texts(field!(xoptions)), Sys("_xoptions")),
];

/// The options that this mode has.
fn options() -> impl Iterator<Item = &'static (&'static str, Place, Shown)> {
    OPTIONS.iter().filter(|(name, ..)| FREE_THREADED || !matches!(*name, "enable_gil" | "tlbc_enabled"))
}

fn option(name: &[u8]) -> Option<&'static (&'static str, Place, Shown)> {
    options().find(|(known, ..)| known.as_bytes() == name)
}

/// A configuration in the making.
pub struct InitConfig {
    config: PyConfig,
    pre: PyPreConfig,
    inittab: Vec<_inittab>,
    status: PyStatus,
    /// What `PyInitConfig_GetError` shows.
    message: CString,
}

fn fail(this: &mut InitConfig, message: &'static CStr) -> c_int {
    this.status = PyStatus { _type: 1, func: ptr::null(), err_msg: message.as_ptr(), exitcode: 0 };
    -1
}

impl InitConfig {
    fn at<T>(&mut self, offset: usize) -> *mut T {
        // SAFETY: the offset of a field of this type.
        unsafe { (&raw mut self.config).byte_add(offset).cast() }
    }
    fn pre_at(&mut self, offset: usize) -> *mut c_int {
        // SAFETY: the offset of a number.
        unsafe { (&raw mut self.pre).byte_add(offset).cast() }
    }
}

unsafe fn named(this: &mut InitConfig, name: *const c_char) -> Option<Place> {
    // SAFETY: a C string.
    match option(unsafe { CStr::from_ptr(name) }.to_bytes()) {
        Some((_, place, _)) => Some(*place),
        None => {
            fail(this, c"unknown config option name");
            None
        }
    }
}

unsafe fn c_text(text: impl AsRef<OsStr>) -> *mut c_char {
    CString::new(text.as_ref().as_bytes()).map_or(ptr::null_mut(), |text| {
        // SAFETY: a fresh copy that the caller frees with `free`.
        unsafe { libc::strdup(text.as_ptr()) }
    })
}

capi_raw! {
    fn PyInitConfig_Create() -> *mut InitConfig {
        let mut made = Box::new(InitConfig {
            config: std::mem::zeroed(),
            pre: std::mem::zeroed(),
            inittab: Vec::new(),
            status: c::OK,
            message: CString::default(),
        });
        c::PyConfig_InitIsolatedConfig(&mut made.config);
        c::PyPreConfig_InitIsolatedConfig(&mut made.pre);
        Box::into_raw(made)
    }
    fn PyInitConfig_Free(config: *mut InitConfig) {
        if config.is_null() { return }
        let mut config = Box::from_raw(config);
        c::PyConfig_Clear(&mut config.config);
    }
    fn PyInitConfig_GetError(config: *mut InitConfig, out: *mut *const c_char) -> c_int {
        let this = &mut *config;
        match this.status._type {
            1 => { *out = this.status.err_msg; 1 }
            2 => {
                this.message = CString::new(format!("exit code {}", this.status.exitcode)).unwrap_or_default();
                *out = this.message.as_ptr();
                1
            }
            _ => { *out = ptr::null(); 0 }
        }
    }
    fn PyInitConfig_GetExitCode(config: *mut InitConfig, out: *mut c_int) -> c_int {
        if (*config).status._type != 2 { return 0 }
        *out = (*config).status.exitcode;
        1
    }
    fn PyInitConfig_HasOption(_config: *mut InitConfig, name: *const c_char) -> c_int {
        c_int::from(option(CStr::from_ptr(name).to_bytes()).is_some())
    }
    fn PyInitConfig_GetInt(config: *mut InitConfig, name: *const c_char, out: *mut i64) -> c_int {
        let this = &mut *config;
        let Some(place) = named(this, name) else { return -1 };
        *out = match place {
            Num(at) | Uint(at) | Both(at, _) => i64::from(*this.at::<c_int>(at)),
            Ulong(at) => *this.at::<c_ulong>(at) as i64,
            Pre(at) => i64::from(*this.pre_at(at)),
            Wide(_) | Texts(_) => return fail(this, c"config option type is not int"),
        };
        0
    }
    fn PyInitConfig_GetStr(config: *mut InitConfig, name: *const c_char, out: *mut *mut c_char) -> c_int {
        let this = &mut *config;
        let Some(place) = named(this, name) else { return -1 };
        let Wide(at) = place else { return fail(this, c"config option type is not string") };
        *out = match c::text(*this.at::<*mut i32>(at)) { Some(text) => c_text(&text), None => ptr::null_mut() };
        0
    }
    fn PyInitConfig_GetStrList(config: *mut InitConfig, name: *const c_char, length: *mut usize, items: *mut *mut *mut c_char) -> c_int {
        let this = &mut *config;
        let Some(place) = named(this, name) else { return -1 };
        let Texts(at) = place else { return fail(this, c"config option type is not string list") };
        let texts = c::list(&*this.at::<PyWideStringList>(at));
        let block = libc::malloc(texts.len().max(1) * size_of::<*mut c_char>()).cast::<*mut c_char>();
        if block.is_null() { return fail(this, c"memory allocation failed") }
        for (at, text) in texts.iter().enumerate() { *block.add(at) = c_text(text) }
        *length = texts.len();
        *items = block;
        0
    }
    fn PyInitConfig_FreeStrList(length: usize, items: *mut *mut c_char) {
        for at in 0..length { libc::free((*items.add(at)).cast()) }
        libc::free(items.cast())
    }
    fn PyInitConfig_SetInt(config: *mut InitConfig, name: *const c_char, value: i64) -> c_int {
        let this = &mut *config;
        let Some(place) = named(this, name) else { return -1 };
        let small = c_int::try_from(value);
        match (place, small) {
            (Wide(_) | Texts(_), _) => return fail(this, c"config option type is not int"),
            (Ulong(at), _) => {
                let Ok(value) = u32::try_from(value) else { return fail(this, c"config option value is out of range") };
                *this.at::<c_ulong>(at) = c_ulong::from(value);
            }
            (_, Err(_)) => return fail(this, c"config option value is out of int range"),
            (Uint(_), Ok(value)) if value < 0 => return fail(this, c"config option value is negative"),
            (Num(at) | Uint(at), Ok(value)) => *this.at::<c_int>(at) = value,
            (Pre(at), Ok(value)) => *this.pre_at(at) = value,
            (Both(at, pre), Ok(value)) => {
                *this.at::<c_int>(at) = value;
                *this.pre_at(pre) = value;
            }
        }
        // A seed is meant to be used.
        if CStr::from_ptr(name).to_bytes() == b"hash_seed" { this.config.use_hash_seed = 1 }
        0
    }
    fn PyInitConfig_SetStr(config: *mut InitConfig, name: *const c_char, value: *const c_char) -> c_int {
        let this = &mut *config;
        let Some(place) = named(this, name) else { return -1 };
        let Wide(at) = place else { return fail(this, c"config option type is not string") };
        let value = if value.is_null() { ptr::null_mut() } else { c::wide(c::bytes(value)) };
        c::set(this.at::<*mut i32>(at), value);
        0
    }
    fn PyInitConfig_SetStrList(config: *mut InitConfig, name: *const c_char, length: usize, items: *const *mut c_char) -> c_int {
        let this = &mut *config;
        let Some(place) = named(this, name) else { return -1 };
        let Texts(at) = place else { return fail(this, c"config option type is not string list") };
        let list = this.at::<PyWideStringList>(at);
        c::clear_list(&mut *list);
        for at in 0..length { c::push(&mut *list, usize::MAX, c::wide(c::bytes(*items.add(at)))); }
        if at == field!(module_search_paths) { this.config.module_search_paths_set = 1 }
        0
    }
    fn PyInitConfig_AddModule(config: *mut InitConfig, name: *const c_char, init: Option<unsafe extern "C" fn() -> *mut PyObject>) -> c_int {
        (*config).inittab.push(_inittab { name: libc::strdup(name), initfunc: init });
        0
    }
    fn Py_InitializeFromInitConfig(config: *mut InitConfig) -> c_int {
        let this = &mut *config;
        if !this.inittab.is_empty() && !crate::pystate::is_initialized() {
            let mut table = std::mem::take(&mut this.inittab);
            table.push(_inittab { name: ptr::null(), initfunc: None });
            crate::import::PyImport_ExtendInittab(table.as_mut_ptr());
        }
        let mut status = c::Py_PreInitialize(&this.pre);
        if status._type == 0 { status = c::Py_InitializeFromConfig(&this.config) }
        this.status = status;
        if status._type == 0 { 0 } else { -1 }
    }
}

fn unknown(py: Attached<'_>, name: &str) -> krait_object::Raised {
    raise!(py, ValueError, "unknown config option name: {name}")
}

/// An option of the running interpreter.
fn get(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    let Some((_, _, shown)) = option(name.as_bytes()).filter(|option| option.2 != Hidden) else {
        return Err(unknown(py, name));
    };
    let config = &interp::current(py).config;
    let flag = |value: bool| -> PyResult<Ref<Object>> { Ok(krait_object::Bool::of(value).to_ref().upcast()) };
    let number = |value: i64| -> PyResult<Ref<Object>> { Ok(Int::from_i64(py, value)?.upcast()) };
    let text = |value: &str| -> PyResult<Ref<Object>> { Ok(Str::new(py, value)?.upcast()) };
    match *shown {
        Sys(attribute) => sysmodule::get(py, attribute).ok_or_else(|| raise!(py, RuntimeError, "lost sys.{attribute}")),
        _ if name == "write_bytecode" => {
            let off = sysmodule::get(py, "dont_write_bytecode");
            flag(!off.map_or(Ok(false), |off| off.is_true(py))?)
        }
        // It changes while the interpreter runs; the flag keeps what it began with.
        _ if name == "int_max_str_digits" => {
            number(py.state().int_max_str_digits.load(std::sync::atomic::Ordering::Relaxed) as i64)
        }
        Flag(attribute, reversed) => {
            let flags = sysmodule::get(py, "flags").ok_or_else(|| raise!(py, RuntimeError, "lost sys.flags"))?;
            let value = flags.get_attr(py, &*Str::new(py, attribute)?)?;
            let is_number = matches!(name, "bytes_warning" | "optimization_level" | "verbose");
            if is_number { Ok(value) } else { flag(value.is_true(py)? != reversed) }
        }
        _ => match name {
            "buffered_stdio" => flag(config.buffered_stdio),
            "check_hash_pycs_mode" => text(&config.check_hash_pycs_mode),
            "code_debug_ranges" => flag(config.code_debug_ranges),
            "remote_debug" => flag(config.remote_debug),
            "cpu_count" => number(config.cpu_count.load(std::sync::atomic::Ordering::Relaxed).into()),
            "faulthandler" => flag(config.faulthandler),
            "filesystem_encoding" => text(config.fs_encoding()),
            "filesystem_errors" => text("surrogateescape"),
            "hash_seed" => number(config.hash_seed.unwrap_or(0).into()),
            "use_hash_seed" => flag(config.hash_seed.is_some()),
            "home" => match crate::sysmodule::early(|early| early.home.clone()) {
                Some(home) => home.as_os_str().into_object(py),
                None => Ok(none()),
            },
            "install_signal_handlers" => flag(config.install_signal_handlers),
            "program_name" => crate::sysmodule::early(|early| early.program_name.clone())
                .unwrap_or_else(|| krait_vm::platform::program_name().into())
                .as_os_str()
                .into_object(py),
            "skip_source_first_line" => flag(config.skip_first_line),
            "stdio_encoding" => text(&config.stdio_encoding),
            "stdio_errors" => text(&config.stdio_errors),
            "tracemalloc" => number(config.tracemalloc.into()),
            "use_frozen_modules" => flag(config.use_frozen_modules),
            "enable_gil" => number(config.gil.map_or(-1, i64::from)),
            // Threads share their code: there is no copy of it for each to switch off.
            "tlbc_enabled" => number(1),
            "import_time" => number(config.import_time.into()),
            "malloc_stats" => flag(config.malloc_stats),
            "pathconfig_warnings" | "configure_locale" => flag(true),
            "dump_refs_file" | "run_command" | "run_filename" | "run_module" => Ok(none()),
            "allocator" | "perf_profiling" => number(0),
            _ => flag(false),
        },
    }
}

fn set(py: Attached<'_>, name: &str, value: &Object) -> PyResult<()> {
    let Some((_, place, shown)) = option(name.as_bytes()).filter(|option| option.2 != Hidden) else {
        return Err(unknown(py, name));
    };
    let fits = |fits: bool, kind: &str| -> PyResult<()> {
        if fits { Ok(()) } else { Err(raise!(py, TypeError, "expected {kind}, got {}", value.ty().name())) }
    };
    match (*shown, *place) {
        (Sys("_xoptions"), _) => {
            fits(value.downcast::<Dict>().is_some(), "dict[str, str | bool]")?;
            let items = value.downcast::<Dict>().map(|dict| dict.items_snapshot(py)).transpose()?.unwrap_or_default();
            let is_text = |o: &Object| o.downcast::<Str>().is_some();
            fits(
                items.iter().all(|(key, item)| {
                    is_text(key) && (is_text(item) || (**item).downcast::<krait_object::Bool>().is_some())
                }),
                "dict[str, str | bool]",
            )?;
            sysmodule::set(py, "_xoptions", value)
        }
        (Sys(attribute), Texts(_)) => {
            fits(value.downcast::<List>().is_some(), "list[str]")?;
            let items = value.downcast::<List>().map(|list| list.to_vec(py)).transpose()?.unwrap_or_default();
            fits(items.iter().all(|item| (**item).downcast::<Str>().is_some()), "list[str]")?;
            sysmodule::set(py, attribute, value)
        }
        (Sys(attribute), _) => {
            fits(value.downcast::<Str>().is_some() || (value.is_none() && name != "platlibdir"), "str")?;
            sysmodule::set(py, attribute, value)
        }
        (Flag(..), _)
            if matches!(
                name,
                "dev_mode"
                    | "isolated"
                    | "site_import"
                    | "user_site_directory"
                    | "safe_path"
                    | "utf8_mode"
                    | "warn_default_encoding"
            ) =>
        {
            read_only(py, name)
        }
        (Flag(attribute, reversed), _) => {
            fits(value.downcast::<Int>().is_some(), "int or bool")?;
            let number = value.as_isize(py)?;
            if attribute == "int_max_str_digits" {
                let setter = sysmodule::get(py, "set_int_max_str_digits").ok_or_else(|| py.bad_internal_call())?;
                setter.call_pos(py, &[value])?;
                return set_flag(py, attribute, number);
            }
            if name == "write_bytecode" {
                sysmodule::set(py, "dont_write_bytecode", krait_object::Bool::of(number == 0).as_object())?;
            }
            let is_number = matches!(name, "bytes_warning" | "optimization_level" | "verbose");
            if number < 0 {
                return Err(raise!(py, ValueError, "value must be >= 0"));
            }
            let number = if is_number { number } else { isize::from(number != 0) };
            let shown = if reversed { isize::from(number == 0) } else { number };
            set_flag(py, attribute, shown)?;
            // The global flag keeps a number as it is.
            crate::sysmodule::write_flag(attribute, if reversed { shown as i32 } else { value.as_i32(py)? });
            Ok(())
        }
        _ if name == "cpu_count" => {
            fits(value.downcast::<Int>().is_some(), "int")?;
            interp::current(py).config.cpu_count.store(value.as_i32(py)?, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        }
        _ => read_only(py, name),
    }
}

fn read_only(py: Attached<'_>, name: &str) -> PyResult<()> {
    Err(raise!(py, ValueError, "cannot set read-only option {name}"))
}

/// Replaces an item of `sys.flags`, which Python code cannot change.
fn set_flag(py: Attached<'_>, name: &str, value: isize) -> PyResult<()> {
    let flags = sysmodule::get(py, "flags").ok_or_else(|| raise!(py, RuntimeError, "lost sys.flags"))?;
    let old = flags.get_attr(py, &*Str::new(py, name)?)?;
    let new: Ref<Object> = match (*old).downcast::<krait_object::Bool>() {
        Some(_) => krait_object::Bool::of(value != 0).to_ref().upcast(),
        None => Int::from_i64(py, value as i64)?.upcast(),
    };
    let replace = flags.get_attr(py, id!(py, __replace__))?;
    let key = Str::new(py, name)?;
    let args = krait_object::args::Args { pos: &[], names: &[key.as_object()], values: &[&new] };
    sysmodule::set(py, "flags", &*replace.call(py, args)?)
}

capi! {
    fn PyConfig_Get(py, name: Text<'_>) -> Ref<Object> { get(py, name.0) }
    fn PyConfig_GetInt(py, name: Text<'_>, out: *mut c_int) -> () {
        let value = get(py, name.0)?;
        if (*value).downcast::<Int>().is_none() { return Err(raise!(py, TypeError, "config option {} is not an int", name.0)); }
        *out = value.as_i32(py)?;
        Ok(())
    }
    fn PyConfig_Set(py, name: Text<'_>, value: &Object) -> () { set(py, name.0, value) }
    fn PyConfig_Names(py) -> Ref<FrozenSet> {
        let names = options().filter(|option| option.2 != Hidden).map(|option| Ok(Str::new(py, option.0)?.upcast()));
        let names = Tuple::from_vec(py, names.collect::<PyResult<Vec<_>>>()?)?;
        FrozenSet::from_iterable(py, names.as_object())
    }
}
