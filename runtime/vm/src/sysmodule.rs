//! `sys`.
use crate::interp::{RUNTIME, current};
use crate::platform;
use krait_object::args::Args;
use krait_object::layout::PyObject;
use krait_object::structseq::StructSeq;

use krait_object::{
    Attached, BaseException, Bool, Dict, FREE_THREADED, IntoObject, Layout, List, Module, Object, PyResult, Ref, Slot,
    Str, Tuple, functions, gc, id, mode, none, raise,
};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering::Relaxed;

static FLAGS: StructSeq = StructSeq::new(
    "sys.flags",
    "Flags given on the command line or in the environment.",
    &[
        ("debug", "-d"),
        ("inspect", "-i"),
        ("interactive", "-i"),
        ("optimize", "-O or -OO"),
        ("dont_write_bytecode", "-B"),
        ("no_user_site", "-s"),
        ("no_site", "-S"),
        ("ignore_environment", "-E"),
        ("verbose", "-v"),
        ("bytes_warning", "-b"),
        ("quiet", "-q"),
        ("hash_randomization", "-R"),
        ("isolated", "-I"),
        ("dev_mode", "-X dev"),
        ("utf8_mode", "-X utf8"),
        ("warn_default_encoding", "-X warn_default_encoding"),
        ("safe_path", "-P"),
        ("int_max_str_digits", "-X int_max_str_digits"),
        ("gil", "-X gil"),
        ("thread_inherit_context", "-X thread_inherit_context"),
        ("context_aware_warnings", "-X context_aware_warnings"),
    ],
)
.visible(18)
.not_constructible();

static FLOAT_INFO: StructSeq = StructSeq::new(
    "sys.float_info",
    "What doubles can represent; see `float.h`.",
    &[
        ("max", "DBL_MAX -- maximum representable finite float"),
        ("max_exp", "DBL_MAX_EXP"),
        ("max_10_exp", "DBL_MAX_10_EXP"),
        ("min", "DBL_MIN -- minimum positive normalized float"),
        ("min_exp", "DBL_MIN_EXP"),
        ("min_10_exp", "DBL_MIN_10_EXP"),
        ("dig", "DBL_DIG"),
        ("mant_dig", "DBL_MANT_DIG"),
        ("epsilon", "DBL_EPSILON"),
        ("radix", "FLT_RADIX"),
        ("rounds", "FLT_ROUNDS"),
    ],
);

static HASH_INFO: StructSeq = StructSeq::new(
    "sys.hash_info",
    "Parameters of hashing.",
    &[
        ("width", "bits of a hash value"),
        ("modulus", "prime of numeric hashes"),
        ("inf", "hash of positive infinity"),
        ("nan", "not used any more"),
        ("imag", "multiplier for imaginary parts"),
        ("algorithm", "algorithm for text and bytes"),
        ("hash_bits", "internal output size of the algorithm"),
        ("seed_bits", "seed size of the algorithm"),
        ("cutoff", "small string optimisation cutoff"),
    ],
);

static INT_INFO: StructSeq = StructSeq::new(
    "sys.int_info",
    "How integers are represented.",
    &[
        ("bits_per_digit", "bits of a digit"),
        ("sizeof_digit", "bytes of a digit"),
        ("default_max_str_digits", "default limit of text conversion"),
        ("str_digits_check_threshold", "least limit of text conversion"),
    ],
);

static THREAD_INFO: StructSeq = StructSeq::new(
    "sys.thread_info",
    "The thread implementation.",
    &[("name", "name of the implementation"), ("lock", "kind of lock"), ("version", "name and version of the library")],
);

static VERSION_INFO: StructSeq = StructSeq::new(
    "sys.version_info",
    "The version as parts.",
    &[
        ("major", "Major release number"),
        ("minor", "Minor release number"),
        ("micro", "Patch release number"),
        ("releaselevel", "'alpha', 'beta', 'candidate', or 'final'"),
        ("serial", "Serial release number"),
    ],
)
.not_constructible();

static ASYNCGEN_HOOKS: StructSeq = StructSeq::new(
    "sys.asyncgen_hooks",
    "The hooks of asynchronous generators.",
    &[
        ("firstiter", "called before a generator is first iterated"),
        ("finalizer", "called when a generator is to be finalized"),
    ],
);

static UNRAISABLE_ARGS: StructSeq = StructSeq::new(
    "UnraisableHookArgs",
    "What `sys.unraisablehook` gets.",
    &[
        ("exc_type", "Exception type"),
        ("exc_value", "Exception value"),
        ("exc_traceback", "Exception traceback"),
        ("err_msg", "Error message"),
        ("object", "Object causing the exception"),
    ],
);

/// Values of mixed Rust types as new references.
macro_rules! values {
    ($py:ident; $($value:expr),* $(,)?) => { vec![$(IntoObject::into_object($value, $py)?),*] };
}

/// Makes `sys` with what needs no import. `sys.path`, the streams and `sys.implementation` follow during start-up.
///
/// # Errors
/// `MemoryError`.
pub fn create(py: Attached<'_>) -> PyResult<Ref<Module>> {
    let module = Module::new(py, "sys")?;
    let config = &current(py).config;
    module.add_functions(py, methods())?;
    crate::sys_frames::add(py, &module)?;
    let add = |name: &str, value: PyResult<Ref<Object>>| -> PyResult<()> {
        let value = value?;
        module.add(py, name, &value)
    };
    let strings = |items: &[OsString]| -> PyResult<Ref<Object>> {
        let items = items
            .iter()
            .map(|item| Ok(Str::from_fs_bytes(py, item.as_bytes())?.upcast()))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(List::from_vec(py, items)?.upcast())
    };
    add("version", platform::version_text().into_object(py))?;
    add("hexversion", platform::HEX_VERSION.into_object(py))?;
    add("api_version", platform::API_VERSION.into_object(py))?;
    add("copyright", COPYRIGHT.to_str().unwrap_or_default().into_object(py))?;
    add("platform", "linux".into_object(py))?;
    add("byteorder", if cfg!(target_endian = "little") { "little" } else { "big" }.into_object(py))?;
    add("maxsize", isize::MAX.into_object(py))?;
    add("maxunicode", 0x10ffff.into_object(py))?;
    add("float_repr_style", "short".into_object(py))?;
    add("abiflags", platform::ABIFLAGS.into_object(py))?;
    add("platlibdir", config.platlibdir.as_str().into_object(py))?;
    add("_git", git(py))?;
    add("_framework", "".into_object(py))?;
    add("executable", config.executable.as_os_str().into_object(py))?;
    add("_base_executable", config.base_executable.as_os_str().into_object(py))?;
    add("prefix", config.prefix.as_os_str().into_object(py))?;
    add("base_prefix", config.base_prefix.as_os_str().into_object(py))?;
    add("exec_prefix", config.exec_prefix.as_os_str().into_object(py))?;
    add("base_exec_prefix", config.base_exec_prefix.as_os_str().into_object(py))?;
    add("_stdlib_dir", config.stdlib_dir.as_deref().into_object(py))?;
    add("pycache_prefix", config.pycache_prefix.as_deref().into_object(py))?;
    add("dont_write_bytecode", (!config.write_bytecode).into_object(py))?;
    add("argv", strings(&config.argv))?;
    add("orig_argv", strings(&config.orig_argv))?;
    add("path", strings(&config.module_search_paths))?;
    add("warnoptions", strings(&config.warn_options))?;
    add("_xoptions", x_options(py))?;
    for name in ["meta_path", "path_hooks"] {
        add(name, List::new(py).map(Ref::upcast))?;
    }
    add("path_importer_cache", Dict::new(py).map(Ref::upcast))?;
    add("flags", flags(py))?;
    add("float_info", float_info(py))?;
    add(
        "hash_info",
        HASH_INFO
            .make(py, values![py; 64, (1i64 << 61) - 1, 314159, 0, 1_000_003, "siphash13", 64, 128, 0])
            .map(Ref::upcast),
    )?;
    add("int_info", INT_INFO.make(py, values![py; 30, 4, krait_object::longobject::DEFAULT_MAX_STR_DIGITS, krait_object::longobject::MIN_MAX_STR_DIGITS]).map(Ref::upcast))?;
    add("thread_info", THREAD_INFO.make(py, values![py; "pthread", "semaphore", thread_library()]).map(Ref::upcast))?;
    let version_info = version_info(py)?;
    add("version_info", Ok(version_info.clone()))?;
    add("implementation", implementation(py, &version_info))?;
    add("krait", krait(py))?;
    add("_jit", jit(py))?;
    let names = crate::import::builtin_names();
    add("builtin_module_names", str_tuple(py, names.iter().copied()))?;
    add("stdlib_module_names", stdlib_names(py))?;
    for name in ["displayhook", "excepthook", "breakpointhook", "unraisablehook"] {
        let hook = module.as_object().get_attr(py, &*Str::new(py, name)?)?;
        add(&format!("__{name}__"), Ok(hook))?;
    }
    py.state().int_max_str_digits.store(config.int_max_str_digits, Relaxed);
    Ok(module)
}

/// `sys._jit`: what the reference tells of its compiler, which Krait does not have.
/// Whose the program and its parts are: `sys.copyright`, `Py_GetCopyright`.
pub const COPYRIGHT: &std::ffi::CStr =
    c"Copyright (c) The Krait authors. The standard library: Copyright (c) Python Software Foundation.";

fn jit(py: Attached<'_>) -> PyResult<Ref<Object>> {
    fn no(_: Attached<'_>, _: &Object) -> bool {
        false
    }
    let module = Module::new(py, "sys._jit")?;
    module.add_functions(
        py,
        functions! {
            noargs "is_available" => no, "($module, /)", "Whether this build has the compiler.";
            noargs "is_enabled" => no, "($module, /)", "Whether the compiler is used.";
            noargs "is_active" => no, "($module, /)", "Whether the calling frame runs compiled code.";
        },
    )?;
    Ok(module.upcast())
}

fn git(py: Attached<'_>) -> PyResult<Ref<Object>> {
    Ok(Tuple::from_vec(py, values![py; "CPython", "", ""])?.upcast())
}

fn str_tuple<'a>(py: Attached<'_>, names: impl Iterator<Item = &'a str>) -> PyResult<Ref<Object>> {
    let names = names.map(|name| Ok(Str::new(py, name)?.upcast())).collect::<PyResult<Vec<_>>>()?;
    Ok(Tuple::from_vec(py, names)?.upcast())
}

/// `sys.stdlib_module_names`: top-level modules of the library and the native ones.
fn stdlib_names(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let mut names: Vec<String> = krait_lib::paths()
        .filter_map(|path| {
            let top = path.split('/').next()?;
            let name = top.strip_suffix(".py").unwrap_or(top);
            (name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then(|| name.to_owned())
        })
        .chain(crate::import::builtin_names().into_iter().map(str::to_owned))
        .collect();
    names.sort_unstable();
    names.dedup();
    let names = names.iter().map(|name| Ok(Str::new(py, name)?.upcast())).collect::<PyResult<Vec<Ref<Object>>>>()?;
    Ok(krait_object::FrozenSet::from_items(py, krait_object::args::as_borrowed(&names))?.upcast())
}

fn x_options(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let dict = Dict::new(py)?;
    for (name, value) in &current(py).config.x_options {
        let value = match value {
            Some(value) => Str::from_fs_bytes(py, value.as_bytes())?.upcast(),
            None => Bool::of(true).to_ref().upcast(),
        };
        dict.set(py, Str::from_fs_bytes(py, name.as_bytes())?.as_object(), &value)?;
    }
    Ok(dict.upcast())
}

fn flags(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let config = &current(py).config;
    let gil = if FREE_THREADED { config.gil.map(i64::from) } else { Some(1) };
    let fields = values![py;
        i64::from(config.parser_debug), i64::from(config.inspect), i64::from(config.interactive), config.optimization_level,
        i64::from(!config.write_bytecode), i64::from(!config.user_site_directory), i64::from(!config.import_site),
        i64::from(!config.use_environment), config.verbose, config.bytes_warning, i64::from(config.quiet),
        i64::from(config.hash_seed != Some(0)), i64::from(config.isolated), config.dev_mode, i64::from(config.utf8_mode),
        i64::from(config.warn_default_encoding), config.safe_path, config.int_max_str_digits,
        gil, i64::from(config.thread_inherit_context), i64::from(config.context_aware_warnings)];
    Ok(FLAGS.make(py, fields)?.upcast())
}

fn float_info(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let fields = values![py; f64::MAX, f64::MAX_EXP, f64::MAX_10_EXP, f64::MIN_POSITIVE, f64::MIN_EXP, f64::MIN_10_EXP, 15, 53, f64::EPSILON, 2, 1];
    Ok(FLOAT_INFO.make(py, fields)?.upcast())
}

fn version_info(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let (major, minor, micro) = platform::VERSION;
    Ok(VERSION_INFO.make(py, values![py; major, minor, micro, "final", 0])?.upcast())
}

/// A namespace with these attributes.
fn namespace(py: Attached<'_>, items: &[(&str, Ref<Object>)]) -> PyResult<Ref<Object>> {
    let dict = Dict::new(py)?;
    for (name, value) in items {
        dict.set_str(py, name, value)?;
    }
    Ok(krait_object::namespaceobject::Namespace::new(py, Some(&dict))?.upcast())
}

fn implementation(py: Attached<'_>, version: &Object) -> PyResult<Ref<Object>> {
    namespace(
        py,
        &[
            ("name", "cpython".into_object(py)?),
            ("cache_tag", platform::CACHE_TAG.into_object(py)?),
            ("version", version.to_ref()),
            ("hexversion", platform::HEX_VERSION.into_object(py)?),
            ("_multiarch", platform::MULTIARCH.into_object(py)?),
            ("supports_isolated_interpreters", true.into_object(py)?),
            ("krait_version", platform::KRAIT_VERSION.into_object(py)?),
        ],
    )
}

fn krait(py: Attached<'_>) -> PyResult<Ref<Object>> {
    namespace(
        py,
        &[
            ("version", platform::KRAIT_VERSION.into_object(py)?),
            ("mode", if FREE_THREADED { "nogil" } else { "gil" }.into_object(py)?),
        ],
    )
}

fn methods() -> &'static [krait_object::layout::PyMethodDef] {
    functions! {
        raw "addaudithook" => addaudithook, "($module, /, hook)", "Add a hook that is called for every audit event.";
        raw "audit" => audit, "($module, event, /, *args)", "audit(event, *args)\n\nPass an event to the audit hooks.";
        raw "breakpointhook" => breakpointhook, "($module, /, *args, **kwargs)", "breakpointhook(*args, **kws)\n\nWhat breakpoint() calls: the debugger that PYTHONBREAKPOINT names.";
        noargs "_debugmallocstats" => debug_malloc_stats, "($module, /)", "Prints how much object memory is in use to stderr.";
        noargs "_clear_type_cache" => clear_type_cache, "($module, /)", "Does nothing: the caches need no clearing.";
        noargs "_clear_internal_caches" => nothing, "($module, /)", "Does nothing: the caches need no clearing.";
        o "_clear_type_descriptors" => clear_type_descriptors, "($module, type, /)", "Removes the descriptors of __dict__ and __weakref__ from a class.";
        o "displayhook" => displayhook, "($module, object, /)", "Prints an object to sys.stdout and keeps it as builtins._";
        sig "excepthook" => excepthook, "($module, exctype, value, traceback, /)", "Prints an exception to sys.stderr.";
        noargs "exception" => exception, "($module, /)", "The exception being handled, or None.";
        noargs "exc_info" => exc_info, "($module, /)", "Type, value and traceback of the exception being handled.";
        sig "exit" => exit, "($module, status=None, /)", "Ends the program by raising SystemExit.";
        noargs "getdefaultencoding" => getdefaultencoding, "($module, /)", "The encoding of str by default: utf-8.";
        noargs "getdlopenflags" => getdlopenflags, "($module, /)", "Flags of dlopen() for extension modules.";
        o "setdlopenflags" => setdlopenflags, "($module, flags, /)", "Sets the flags of dlopen() for extension modules.";
        noargs "getallocatedblocks" => getallocatedblocks, "($module, /)", "How many blocks of object memory are in use.";
        noargs "getfilesystemencoding" => getfilesystemencoding, "($module, /)", "The encoding of file names.";
        noargs "getfilesystemencodeerrors" => getfilesystemencodeerrors, "($module, /)", "The error handler of file names.";
        noargs "getrecursionlimit" => getrecursionlimit, "($module, /)", "How deep calls may nest.";
        o "setrecursionlimit" => setrecursionlimit, "($module, limit, /)", "Sets how deep calls may nest.";
        o "getrefcount" => getrefcount, "($module, object, /)", "The reference count of an object, with the argument's.";
        sig "getsizeof" => getsizeof, "($module, object, default=None, /)", "Bytes of memory that an object takes.";
        noargs "getswitchinterval" => getswitchinterval, "($module, /)", "Seconds after which a waiting thread asks for the GIL.";
        o "setswitchinterval" => setswitchinterval, "($module, interval, /)", "Sets after how many seconds a waiting thread asks for the GIL.";
        sig "getunicodeinternedsize" => getunicodeinternedsize, "($module, /, *, _only_immortal=False)", "How many strings are interned.";
        noargs "get_int_max_str_digits" => get_int_max_str_digits, "($module, /)", "The digit limit of conversions between int and text.";
        sig "set_int_max_str_digits" => set_int_max_str_digits, "($module, /, maxdigits)", "Sets the digit limit of conversions between int and text.";
        sig "set_asyncgen_hooks" => set_asyncgen_hooks, "($module, /, firstiter=None, finalizer=None)", "Sets the hooks of asynchronous generators.";
        noargs "get_asyncgen_hooks" => get_asyncgen_hooks, "($module, /)", "The hooks of asynchronous generators.";
        sig "set_coroutine_origin_tracking_depth" => set_origin_depth, "($module, /, depth)", "Sets how many frames coroutines remember of where they were made.";
        noargs "get_coroutine_origin_tracking_depth" => get_origin_depth, "($module, /)", "How many frames coroutines remember of where they were made.";
        o "intern" => intern, "($module, string, /)", "The one string of all equal ones.";
        o "_is_interned" => is_interned, "($module, string, /)", "Whether a string is interned.";
        o "_is_immortal" => is_immortal, "($module, op, /)", "Whether an object is immortal.";
        noargs "is_finalizing" => is_finalizing, "($module, /)", "Whether the interpreter shuts down.";
        noargs "_is_gil_enabled" => is_gil_enabled, "($module, /)", "Whether the GIL is on.";
        noargs "_baserepl" => crate::program::base_repl, "($module, /)", "The plain interactive interpreter.";
        noargs "is_remote_debug_enabled" => remote_debug_enabled, "($module, /)", "Whether other processes may ask for scripts to be run.";
        sig "remote_exec" => crate::remote::remote_exec, "($module, /, pid, script)", "Asks another process to run a Python script in its main thread, between two instructions.";
        noargs "is_stack_trampoline_active" => no, "($module, /)", "Whether a stack profiler trampoline is active.";
        noargs "deactivate_stack_trampoline" => nothing, "($module, /)", "Does nothing: there is no trampoline.";
        o "unraisablehook" => unraisablehook, "($module, unraisable, /)", "Prints an exception that nobody can catch.";
        noargs "_get_cpu_count_config" => get_cpu_count_config, "($module, /)", "The CPU count given by -X cpu_count, or -1.";
    }
}

/// Name and version of the C library's threads.
fn thread_library() -> Option<String> {
    let mut text = [0u8; 64];
    // SAFETY: writes at most as many bytes as the buffer has.
    let len = unsafe { libc::confstr(libc::_CS_GNU_LIBPTHREAD_VERSION, text.as_mut_ptr().cast(), text.len()) };
    let text = text.get(..len.checked_sub(1)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn debug_malloc_stats(py: Attached<'_>, _: &Object) {
    show_memory(py);
}

/// Prints how much object memory is in use to standard error (`PYTHONMALLOCSTATS`).
pub fn show_memory(py: Attached<'_>) {
    let stats = krait_object::mem::stats(py);
    let (largest, count) = (krait_object::mem::MAX_SMALL, stats.classes.len());
    let mut out = format!(
        "Small block threshold = {largest}, in {count} size classes.\n\n\
         class   size   num pages   blocks in use  avail blocks\n\
         -----   ----   ---------   -------------  ------------\n"
    );
    let (mut pages, mut used, mut free) = (0, 0, 0);
    for (index, class) in stats.classes.iter().enumerate().filter(|(_, class)| class.pages > 0) {
        out.push_str(&format!(
            "{index:>5} {:>6} {:>11} {:>15} {:>13}\n",
            class.size, class.pages, class.used, class.free
        ));
        pages += class.pages;
        used += class.size * class.used;
        free += class.size * class.free;
    }
    let objects = gc::count_objects(py);
    for (what, number) in [
        ("pages", pages),
        ("bytes in blocks in use", used),
        ("bytes in available blocks", free),
        ("blocks above the threshold", stats.large),
        ("objects under the collector's care", objects),
    ] {
        out.push_str(&format!("# {what:<38} = {number:>20}\n"));
    }
    eprint!("{out}");
}

fn clear_type_cache(py: Attached<'_>, _: &Object) -> PyResult<()> {
    let text = "sys._clear_type_cache() is deprecated and scheduled for removal in a future version. \
                Use sys._clear_internal_caches() instead.";
    (krait_object::hooks::hooks().warn)(py, krait_object::exc::DeprecationWarning(), text, 1)
}

fn nothing(_: Attached<'_>, _: &Object) {}
fn clear_type_descriptors(py: Attached<'_>, _: &Object, class: &Object) -> PyResult<()> {
    let Some(class) = class.downcast::<krait_object::Type>() else {
        let given = krait_object::builtins::textargs::arg_type(class);
        return Err(raise!(py, TypeError, "_clear_type_descriptors() argument must be type, not {given}"));
    };
    krait_object::typeobject::clear_descriptors(py, class)
}
fn no(_: Attached<'_>, _: &Object) -> bool {
    false
}

fn remote_debug_enabled(py: Attached<'_>, _: &Object) -> bool {
    current(py).config.remote_debug
}

/// An audit hook of the host: event name, tuple of arguments, the host's own pointer; not 0 means that it raised.
pub type NativeAuditHook = unsafe extern "C" fn(*const std::ffi::c_char, *mut PyObject, *mut std::ffi::c_void) -> i32;

/// Hooks of the host with their pointers. They hear of the events of every interpreter and are never removed.
static NATIVE_AUDIT: std::sync::RwLock<Vec<(NativeAuditHook, usize)>> = std::sync::RwLock::new(Vec::new());

/// Whether the interpreter or the host has audit hooks.
pub fn has_audit_hooks(py: Attached<'_>) -> bool {
    !current(py).audit_hooks.is_null() || !native_audit_hooks().is_empty()
}

fn native_audit_hooks() -> Vec<(NativeAuditHook, usize)> {
    NATIVE_AUDIT.read().map(|hooks| hooks.clone()).unwrap_or_default()
}

/// Adds a hook of the host (`PySys_AddAuditHook`). Needs no attached thread.
pub fn add_native_audit_hook(hook: NativeAuditHook, data: usize) {
    if let Ok(mut hooks) = NATIVE_AUDIT.write() {
        hooks.push((hook, data));
    }
}

/// Opens files of code for the host: path, the host's own pointer; a file object, or NULL with an exception set.
pub type OpenCodeHook = unsafe extern "C" fn(*mut PyObject, *mut std::ffi::c_void) -> *mut PyObject;

static OPEN_CODE: std::sync::RwLock<Option<(OpenCodeHook, usize)>> = std::sync::RwLock::new(None);

/// Lets the host open files of code; whether no other hook was there before.
pub fn set_open_code_hook(hook: OpenCodeHook, data: usize) -> bool {
    match OPEN_CODE.write() {
        Ok(mut place) if place.is_none() => {
            *place = Some((hook, data));
            true
        }
        _ => false,
    }
}

/// What the host's hook opens; `None` without a hook.
pub fn open_code_by_hook(py: Attached<'_>, path: &Object) -> Option<PyResult<Ref<Object>>> {
    let (hook, data) = OPEN_CODE.read().ok().and_then(|hook| *hook)?;
    // SAFETY: the host's function gets what it asked for and a live object.
    let file = unsafe { Ref::from_raw_opt(hook(path.as_ptr(), data as *mut std::ffi::c_void)) };
    Some(file.ok_or_else(|| match py.pending() {
        Some(_) => krait_object::Raised::assume(),
        None => raise!(py, SystemError, "the open_code hook failed without setting an exception"),
    }))
}

/// Raises an audit event with arguments.
///
/// # Errors
/// What a hook raises.
pub fn audit_event(py: Attached<'_>, event: &str, args: &[&Object]) -> PyResult<()> {
    if !has_audit_hooks(py) {
        return Ok(());
    }
    let args = Tuple::from_slice(py, args)?;
    audit_tuple(py, event, &args)
}

/// Raises an audit event with a tuple of arguments.
///
/// # Errors
/// What a hook raises.
pub fn audit_tuple(py: Attached<'_>, event: &str, args: &Tuple) -> PyResult<()> {
    let native = native_audit_hooks();
    if !native.is_empty() {
        let name = std::ffi::CString::new(event).map_err(|_| raise!(py, ValueError, "embedded null character"))?;
        for (hook, data) in native {
            // SAFETY: the host's function gets what it asked for and live objects.
            if unsafe { hook(name.as_ptr(), args.as_ptr(), data as *mut std::ffi::c_void) } != 0 {
                return Err(match py.pending() {
                    Some(_) => krait_object::Raised::assume(),
                    None => raise!(py, SystemError, "audit hook failed without setting an exception"),
                });
            }
        }
    }
    let Some(hooks) = current(py).audit_hooks.get() else { return Ok(()) };
    let event = Str::new(py, event)?;
    for hook in hooks.collect(py)? {
        hook.call_pos(py, &[event.as_object(), args.as_object()])?;
    }
    Ok(())
}

fn addaudithook(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    const SIG: krait_object::args::Signature = krait_object::args::Signature::parse("addaudithook", "(hook)");
    let [hook]: [Option<&Object>; 1] = SIG.bind(py, args)?;
    let hook = hook.ok_or_else(|| py.bad_internal_call())?;
    if let Err(raised) = audit_event(py, "sys.addaudithook", &[]) {
        if raised.matches(py, krait_object::exc::RuntimeError()) {
            raised.clear(py);
            return Ok(());
        }
        return Err(raised);
    }
    let slot = &current(py).audit_hooks;
    match slot.get().map(Ref::downcast::<List>) {
        Some(Ok(hooks)) => hooks.push(py, hook.to_ref()),
        _ => {
            drop(slot.replace(Some(List::from_vec(py, vec![hook.to_ref()])?.upcast())));
            Ok(())
        }
    }
}

fn audit(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    args.no_keywords(py, "audit")?;
    let [event, rest @ ..] = args.pos else {
        return Err(raise!(py, TypeError, "audit() missing 1 required positional argument: 'event'"));
    };
    let Some(event) = event.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "expected str for argument 'event', not {}", event.ty().name()));
    };
    audit_event(py, &event.to_string_lossy(), rest)
}

fn breakpointhook(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let name = std::env::var("PYTHONBREAKPOINT").ok().filter(|_| current(py).config.use_environment);
    let name = name.as_deref().filter(|name| !name.is_empty()).unwrap_or("pdb.set_trace");
    if name == "0" {
        return Ok(none());
    }
    let (module, attribute) = name.rsplit_once('.').unwrap_or(("builtins", name));
    let hook =
        crate::import::import_module(py, module).and_then(|module| module.get_attr(py, &*Str::new(py, attribute)?));
    match hook {
        Ok(hook) => hook.call(py, args),
        Err(raised)
            if raised.matches(py, krait_object::exc::ImportError())
                || raised.matches(py, krait_object::exc::AttributeError()) =>
        {
            raised.clear(py);
            let message = format!("Ignoring unimportable $PYTHONBREAKPOINT: \"{name}\"");
            (krait_object::hooks::hooks().warn)(py, krait_object::exc::RuntimeWarning(), &message, 1)?;
            Ok(none())
        }
        Err(raised) => Err(raised),
    }
}

/// An attribute of `sys`, if it is there.
pub fn get(py: Attached<'_>, name: &str) -> Option<Ref<Object>> {
    current(py).sys_dict.get()?.get_str(py, name)
}

/// Sets an attribute of `sys`.
///
/// # Errors
/// `MemoryError`.
pub fn set(py: Attached<'_>, name: &str, value: &Object) -> PyResult<()> {
    match current(py).sys_dict.get() {
        Some(dict) => dict.set_str(py, name, value),
        None => Err(raise!(py, RuntimeError, "lost sys module")),
    }
}

fn displayhook(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<()> {
    let Some(builtins) = current(py).builtins.get() else {
        return Err(raise!(py, RuntimeError, "lost builtins module"));
    };
    if object.is_none() {
        return Ok(());
    }
    builtins.set_str(py, "_", &none())?;
    let Some(stdout) = get(py, "stdout").filter(|stdout| !stdout.is_none()) else {
        return Err(raise!(py, RuntimeError, "lost sys.stdout"));
    };
    let text = object.repr(py)?;
    if let Err(raised) = stdout.call_method(py, id!(py, write), &[text.as_object()]) {
        if !raised.matches(py, krait_object::exc::UnicodeEncodeError()) {
            return Err(raised);
        }
        raised.clear(py);
        let encoding = stdout.get_attr(py, id!(py, encoding))?;
        let encoded =
            text.as_object().call_method(py, id!(py, encode), &[&encoding, id!(py, backslashreplace).as_object()])?;
        let decoded = encoded.call_method(py, id!(py, decode), &[&encoding])?;
        stdout.call_method(py, id!(py, write), &[&decoded])?;
    }
    stdout.call_method(py, id!(py, write), &[id!(py, "\n").as_object()])?;
    builtins.set_str(py, "_", object)
}

fn excepthook(py: Attached<'_>, _: &Object, [_, value, traceback]: [Option<&Object>; 3]) -> PyResult<()> {
    let given = value;
    let Some(value) = value.and_then(|value| value.downcast::<BaseException>()) else {
        let given = given.map_or_else(String::new, |given| given.ty().name().into_owned());
        let text = format!("TypeError: print_exception(): Exception expected for value, {given} found\n");
        crate::errors::write_stderr(py, &text);
        return Ok(());
    };
    if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none())
        && value.traceback().is_none()
    {
        value.replace_traceback(Some(traceback.to_ref()));
    }
    crate::errors::display(py, value);
    Ok(())
}

fn exception(py: Attached<'_>, _: &Object) -> Option<Ref<BaseException>> {
    krait_object::exceptions::handled_exception(py).map(Layout::to_ref)
}

fn exc_info(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    match krait_object::exceptions::handled_exception(py) {
        None => Tuple::from_vec(py, vec![none(), none(), none()]),
        Some(exception) => {
            let traceback = exception.traceback().unwrap_or_else(none);
            Tuple::from_slice(py, &[exception.as_object().ty().as_object(), exception.as_object(), &traceback])
        }
    }
}

fn exit(py: Attached<'_>, _: &Object, [status]: [Option<&Object>; 1]) -> PyResult<()> {
    Err(py.raise_value(krait_object::exc::SystemExit(), status.unwrap_or(&none())))
}

fn getdefaultencoding(_: Attached<'_>, _: &Object) -> &'static str {
    "utf-8"
}

fn getdlopenflags(py: Attached<'_>, _: &Object) -> i32 {
    current(py).dlopen_flags.load(Relaxed)
}

fn setdlopenflags(py: Attached<'_>, _: &Object, value: &Object) -> PyResult<()> {
    current(py).dlopen_flags.store(value.as_i32(py)?, Relaxed);
    Ok(())
}

fn getallocatedblocks(py: Attached<'_>, _: &Object) -> usize {
    krait_object::mem::allocated_blocks(py)
}

fn getfilesystemencoding(_: Attached<'_>, _: &Object) -> &'static str {
    krait_object::unicodeobject::fs_encoding()
}

fn getfilesystemencodeerrors(_: Attached<'_>, _: &Object) -> &'static str {
    "surrogateescape"
}

fn getrecursionlimit(py: Attached<'_>, _: &Object) -> i32 {
    current(py).config.recursion_limit.load(Relaxed)
}

fn setrecursionlimit(py: Attached<'_>, _: &Object, limit: &Object) -> PyResult<()> {
    let limit = limit.as_i32(py)?;
    if limit < 1 {
        return Err(raise!(py, ValueError, "recursion limit must be greater or equal than 1"));
    }
    let public = py.tstate();
    let depth = public.py_recursion_limit.get() - public.py_recursion_remaining.get();
    if depth >= limit {
        return Err(raise!(
            py,
            RecursionError,
            "cannot set the recursion limit to {limit} at the recursion depth {depth}: the limit is too low"
        ));
    }
    let interpreter = current(py);
    interpreter.config.recursion_limit.store(limit, Relaxed);
    // A racing call counts on the old or the new limit.
    interpreter.visit_threads(&mut |thread| {
        let public = &thread.public;
        let depth = public.py_recursion_limit.get() - public.py_recursion_remaining.get();
        public.py_recursion_limit.set(limit);
        public.py_recursion_remaining.set(limit - depth);
    });
    Ok(())
}

fn getrefcount(_: Attached<'_>, _: &Object, object: &Object) -> isize {
    mode::refcount(object)
}

fn getsizeof(py: Attached<'_>, _: &Object, [object, default]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    let Some(object) = object else { return Err(py.bad_internal_call()) };
    let size = || -> PyResult<isize> {
        let Some(method) = object.lookup_special(py, id!(py, __sizeof__))? else {
            return Err(raise!(py, TypeError, "Type {} doesn't define __sizeof__", object.ty().name()));
        };
        let size = method.call0(py)?.as_isize(py)?;
        if size < 0 {
            return Err(raise!(py, ValueError, "__sizeof__() should return >= 0"));
        }
        Ok(size)
    };
    match (size(), default) {
        (Ok(size), _) => {
            // The reference counts the words that it keeps in front of an object.
            let gc_head = if !FREE_THREADED && gc::is_collectable(object) { 16 } else { 0 };
            (size as usize + gc_head + krait_object::mem::Kind::of(object.ty()).pre()).into_object(py)
        }
        (Err(raised), Some(default)) if raised.matches(py, krait_object::exc::TypeError()) => {
            raised.clear(py);
            Ok(default.to_ref())
        }
        (Err(raised), _) => Err(raised),
    }
}

fn getswitchinterval(py: Attached<'_>, _: &Object) -> f64 {
    current(py).gil.gil().interval().as_secs_f64()
}

fn setswitchinterval(py: Attached<'_>, _: &Object, interval: &Object) -> PyResult<()> {
    let interval = interval.as_f64(py)?;
    if interval <= 0.0 || interval.is_nan() {
        return Err(raise!(py, ValueError, "switch interval must be strictly positive"));
    }
    current(py)
        .gil
        .gil()
        .set_interval(std::time::Duration::try_from_secs_f64(interval).unwrap_or(std::time::Duration::MAX));
    Ok(())
}

fn getunicodeinternedsize(_: Attached<'_>, _: &Object, [_only_immortal]: [Option<&Object>; 1]) -> usize {
    // All of them are.
    krait_object::unicode::interned_count()
}

fn get_int_max_str_digits(py: Attached<'_>, _: &Object) -> usize {
    py.state().int_max_str_digits.load(Relaxed)
}

fn set_int_max_str_digits(py: Attached<'_>, _: &Object, [limit]: [Option<&Object>; 1]) -> PyResult<()> {
    let limit = limit.ok_or_else(|| py.bad_internal_call())?.as_i32(py)?;
    let least = krait_object::longobject::MIN_MAX_STR_DIGITS;
    match usize::try_from(limit) {
        Ok(limit) if limit == 0 || limit >= least => {
            py.state().int_max_str_digits.store(limit, Relaxed);
            Ok(())
        }
        _ => Err(raise!(py, ValueError, "maxdigits must be 0 or larger than {least}")),
    }
}

/// A slot of the thread state that holds a hook of asynchronous generators.
fn hook_slot(field: &krait_object::Field<*mut krait_object::layout::PyObject>) -> &Slot {
    // SAFETY: the field owns its object and only its thread uses it.
    unsafe { Slot::of(field) }
}

fn set_asyncgen_hooks(py: Attached<'_>, _: &Object, [firstiter, finalizer]: [Option<&Object>; 2]) -> PyResult<()> {
    for (name, hook) in [("finalizer", finalizer), ("firstiter", firstiter)] {
        if let Some(hook) = hook
            && !hook.is_none()
            && !hook.is_callable()
        {
            return Err(raise!(py, TypeError, "callable {name} expected, got {}", hook.ty().name()));
        }
    }
    let fields = [(&py.tstate().async_gen_firstiter, firstiter), (&py.tstate().async_gen_finalizer, finalizer)];
    for (field, hook) in fields {
        if let Some(hook) = hook {
            drop(hook_slot(field).replace((!hook.is_none()).then(|| hook.to_ref())));
        }
    }
    Ok(())
}

fn get_asyncgen_hooks(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let get = |field| hook_slot(field).get().unwrap_or_else(none);
    ASYNCGEN_HOOKS.make(py, vec![get(&py.tstate().async_gen_firstiter), get(&py.tstate().async_gen_finalizer)])
}

fn set_origin_depth(py: Attached<'_>, _: &Object, [depth]: [Option<&Object>; 1]) -> PyResult<()> {
    let depth = depth.ok_or_else(|| py.bad_internal_call())?.as_i32(py)?;
    if depth < 0 {
        return Err(raise!(py, ValueError, "depth must be >= 0"));
    }
    py.tstate().coroutine_origin_tracking_depth.set(depth);
    Ok(())
}

fn get_origin_depth(py: Attached<'_>, _: &Object) -> i32 {
    py.tstate().coroutine_origin_tracking_depth.get()
}

fn intern(py: Attached<'_>, _: &Object, text: &Object) -> PyResult<&'static Str> {
    match text.downcast_exact::<Str>() {
        Some(text) => Ok(Str::intern(py, text.to_ref())),
        None if text.downcast::<Str>().is_some() => Err(raise!(py, TypeError, "can't intern {}", text.ty().name())),
        None => Err(raise!(
            py,
            TypeError,
            "intern() argument must be str, not {}",
            krait_object::builtins::textargs::arg_type(text)
        )),
    }
}

fn is_interned(py: Attached<'_>, _: &Object, text: &Object) -> PyResult<bool> {
    match text.downcast::<Str>() {
        Some(text) => Ok(text.is_interned()),
        None => Err(raise!(
            py,
            TypeError,
            "_is_interned() argument must be str, not {}",
            krait_object::builtins::textargs::arg_type(text)
        )),
    }
}

fn is_immortal(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    mode::is_immortal(object)
}

fn is_finalizing(py: Attached<'_>, _: &Object) -> bool {
    current(py).finalizing.load(Relaxed) || RUNTIME.finalizing.load(Relaxed)
}

fn is_gil_enabled(py: Attached<'_>, _: &Object) -> bool {
    current(py).gil.is_enabled()
}

fn get_cpu_count_config(py: Attached<'_>, _: &Object) -> i32 {
    current(py).config.cpu_count.load(Relaxed)
}

fn unraisablehook(py: Attached<'_>, _: &Object, unraisable: &Object) -> PyResult<()> {
    if !std::ptr::eq(unraisable.ty(), UNRAISABLE_ARGS.ty(py)?) {
        return Err(raise!(py, TypeError, "sys.unraisablehook argument type must be UnraisableHookArgs"));
    }
    let [value, message, object] =
        [id!(py, exc_value), id!(py, err_msg), id!(py, object)].map(|name| unraisable.get_attr(py, name));
    let (value, message, object) = (value?, message?, object?);
    let message = if message.is_none() { None } else { Some(message.str(py)?.to_string()) };
    crate::errors::display_unraisable(py, &value, message.as_deref(), (!object.is_none()).then_some(&*object));
    Ok(())
}

/// Reports the pending exception through `sys.unraisablehook`. `message` is a whole first line without colon.
pub fn report_unraisable(py: Attached<'_>, message: Option<&str>, object: Option<&Object>) {
    let Some(exception) = py.take_raised() else { return };
    if current(py).sys_dict.is_null() {
        // At the very end nobody is there to be told.
        return;
    }
    // An exception that native code raised shows where it was raised, too.
    if exception.traceback().is_none()
        && let Ok(Some(frame)) = crate::frameobject::current(py)
    {
        let running = frame.frame();
        let (lasti, line) = (running.lasti() as i32 * 2, running.line().unwrap_or(-1));
        match crate::traceback::Traceback::new(py, None, &frame, lasti, line) {
            Ok(made) => exception.replace_traceback(Some(made.upcast())),
            Err(raised) => raised.clear(py),
        }
    }
    let hook = get(py, "unraisablehook").filter(|hook| !hook.is_none());
    let report = || -> PyResult<()> {
        // An error of native code was raised where the program is now.
        if exception.traceback().is_none() {
            crate::traceback::attach_current(py, exception.as_object())?;
        }
        let Some(hook) = &hook else {
            crate::errors::display_unraisable(py, exception.as_object(), message, object);
            return Ok(());
        };
        let fields = values![py; exception.as_object().ty(), &*exception, exception.traceback(), message, object];
        let args = UNRAISABLE_ARGS.make(py, fields)?;
        hook.call_pos(py, &[args.as_object()]).map(drop)
    };
    if report().is_err()
        && let Some(second) = py.take_raised()
    {
        crate::errors::display_unraisable(
            py,
            second.as_object(),
            Some("Exception ignored in sys.unraisablehook"),
            hook.as_deref(),
        );
    }
}
