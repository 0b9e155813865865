//! Import: the registry of native modules, frozen modules, `_imp`, and the entry that `import` statements use.
//!
//! Finding and loading is importlib's own work. Its two bootstrap modules come from the embedded standard library and are
//! *frozen*: part of the library as code. When no directory of the standard library is found, every module of the
//! embedded copy counts as frozen, so that the library works as a single file.
use crate::compile::{CompileFlags, Mode, compile_source};
use crate::import_time::Clock;
use crate::interp::{current, thread_ident};
use krait_object::{
    Attached, Bytes, Code, Dict, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Str, Tuple, functions, id,
    none, raise,
};
use krait_sync::recursive::RecursiveMutex;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI32, AtomicUsize};
use std::sync::{Mutex, OnceLock};

/// A native module of the standard library.
pub struct BuiltinModule {
    pub name: &'static str,
    pub doc: &'static str,
    /// Fills a fresh module. Runs once per interpreter.
    pub exec: fn(py: Attached<'_>, module: &Module) -> PyResult<()>,
}

static REGISTRY: OnceLock<Vec<BuiltinModule>> = OnceLock::new();

/// Installs the native modules of the process; the first caller wins.
pub fn register(mut modules: Vec<BuiltinModule>) {
    modules.extend(crate::modules());
    let _ = REGISTRY.set(modules);
}

/// The native modules' names, sorted (`sys.builtin_module_names`).
pub fn builtin_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = registry().iter().map(|module| module.name).chain(["sys", "builtins"]).collect();
    names.extend(EXTENSIONS.get().map(|host| (host.builtin_names)()).unwrap_or_default());
    names.sort_unstable();
    names.dedup();
    names
}

fn registry() -> &'static [BuiltinModule] {
    REGISTRY.get_or_init(crate::modules)
}

fn builtin(name: &Str) -> Option<&'static BuiltinModule> {
    registry().iter().find(|module| name.eq_str(module.name))
}

/// An interpreter's import state.
pub struct ImportState {
    lock: RecursiveMutex,
    /// Thread that ends the interpreter, once one does.
    pub finalizer: AtomicUsize,
    /// Above or below 0 when tests turn frozen modules on or off.
    frozen_override: AtomicI32,
    /// Above or below 0 when tests turn the check of extensions on or off.
    extensions_override: AtomicI32,
    /// How long imports take (`-X importtime`).
    clock: Clock,
    /// Extension modules of single-phase initialisation that were loaded, by name and path.
    pub single_phase: Mutex<HashMap<(String, String), SinglePhase>>,
}

/// What loading an extension module of single-phase initialisation again needs.
#[derive(Clone)]
pub struct SinglePhase {
    /// Address of its definition.
    pub definition: usize,
    /// Its attributes when it was loaded first: a module whose state is in C globals is made from them, and its init
    /// function does not run again.
    pub copy: Option<Ref<Dict>>,
}

/// Forgets that an extension module of single-phase initialisation was loaded.
pub fn forget_extension(py: Attached<'_>, name: &str, path: &str) {
    let interpreter = current(py);
    let known = &interpreter.import.single_phase;
    let old = known.lock().expect("no panic under this lock").remove(&(name.to_owned(), path.to_owned()));
    let states = &interpreter.module_states;
    let module = old.as_ref().and_then(|old| states.lock().expect("no panic under this lock").remove(&old.definition));
    drop((old, module));
}

impl ImportState {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ImportState {
            lock: RecursiveMutex::new(),
            finalizer: AtomicUsize::new(0),
            frozen_override: AtomicI32::new(0),
            extensions_override: AtomicI32::new(0),
            clock: Clock::new(),
            single_phase: Mutex::default(),
        }
    }

    /// Waits for the import lock before a fork, so that the child finds no module half imported.
    pub fn lock_for_fork(&self) {
        self.lock.lock(thread_ident());
    }

    /// Gives the import lock back after a fork, on either side.
    pub fn unlock_after_fork(&self) {
        self.lock.try_unlock(thread_ident());
    }

    /// Frees the import lock, unless the forking thread held it.
    ///
    /// # Safety
    /// In the child of a fork, before anything else runs.
    pub unsafe fn reset_after_fork(&self) {
        let me = thread_ident();
        // SAFETY: by the contract.
        unsafe { self.lock.reset_after_fork(me, me) };
    }
}

/// `sys.modules`.
pub fn modules(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    current(py).modules.get().ok_or_else(|| raise!(py, RuntimeError, "unable to get sys.modules"))
}

/// Imports a module by absolute name and returns it, not its top package.
///
/// # Errors
/// What the import raises.
pub fn import_module(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    let name = Str::new(py, name)?;
    find_or_load(py, &name).map_err(|raised| trimmed(py, raised))
}

/// A failed import's exception without the import machinery in its traceback, unless `-v` wants to see it.
fn trimmed(py: Attached<'_>, raised: Raised) -> Raised {
    if current(py).config.verbose > 0 {
        return raised;
    }
    let all = raised.matches(py, krait_object::exc::ImportError());
    let exception = raised.take(py);
    crate::traceback::trim_imports(&exception, all);
    py.restore(exception)
}

/// The module `name` from `sys.modules`, or imported.
fn find_or_load(py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
    if let Some(module) = modules(py)?.get(py, name.as_object())?
        && !module.is_none()
    {
        if is_initializing(py, &module)? {
            let importlib = importlib(py)?;
            importlib.call_method(py, id!(py, _lock_unlock_module), &[name.as_object()])?;
            // The import that was waited for may have failed.
            match modules(py)?.get(py, name.as_object())? {
                Some(again) if again.is(&*module) => {}
                _ => return load(py, name),
            }
        }
        if current(py).config.import_time > 1 {
            current(py).import.clock.cached(name);
        }
        return Ok(module);
    }
    load(py, name)
}

/// Lets importlib find and load a module.
fn load(py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
    let interpreter = current(py);
    let import = interpreter.import_func.get().unwrap_or_else(none);
    let importlib = importlib(py)?;
    let find = || importlib.call_method(py, id!(py, _find_and_load), &[name.as_object(), &import]);
    if interpreter.config.import_time == 0 { find() } else { interpreter.import.clock.time(name, find) }
}

/// Whether another thread (or an outer import) is still executing the module.
fn is_initializing(py: Attached<'_>, module: &Object) -> PyResult<bool> {
    let Some(spec) = module.get_attr_opt(py, id!(py, __spec__))? else { return Ok(false) };
    if spec.is_none() {
        return Ok(false);
    }
    match spec.get_attr_opt(py, id!(py, _initializing))? {
        Some(flag) => flag.is_true(py),
        None => Ok(false),
    }
}

fn importlib(py: Attached<'_>) -> PyResult<Ref<Object>> {
    current(py).importlib.get().ok_or_else(|| raise!(py, ImportError, "import machinery is not initialised"))
}

/// What `__import__` does.
///
/// # Errors
/// `ImportError` and what modules raise while they are executed.
pub fn import_name(
    py: Attached<'_>,
    name: &Object,
    globals: Option<&Object>,
    fromlist: Option<&Object>,
    level: isize,
) -> PyResult<Ref<Object>> {
    import_level(py, name, globals, fromlist, level).map_err(|raised| trimmed(py, raised))
}

fn import_level(
    py: Attached<'_>,
    name: &Object,
    globals: Option<&Object>,
    fromlist: Option<&Object>,
    level: isize,
) -> PyResult<Ref<Object>> {
    let Some(name) = name.downcast::<Str>() else { return Err(raise!(py, TypeError, "module name must be a string")) };
    if level < 0 {
        return Err(raise!(py, ValueError, "level must be >= 0"));
    }
    let absolute = if level > 0 {
        resolve(py, name, globals, level)?
    } else if name.is_empty() {
        return Err(raise!(py, ValueError, "Empty module name"));
    } else {
        name.to_ref()
    };
    let module = find_or_load(py, &absolute)?;
    let wants_names = match fromlist {
        Some(fromlist) if !fromlist.is_none() => fromlist.is_true(py)?,
        _ => false,
    };
    if wants_names {
        if module.get_attr_opt(py, id!(py, __path__))?.is_none() {
            return Ok(module);
        }
        let import = current(py).import_func.get().unwrap_or_else(none);
        let fromlist = fromlist.expect("a list of names was given");
        return importlib(py)?.call_method(py, id!(py, _handle_fromlist), &[&module, fromlist, &import]);
    }
    if level > 0 && name.is_empty() {
        return Ok(module);
    }
    let text = name.to_string_lossy();
    let Some((front, _)) = text.split_once('.') else { return Ok(module) };
    if level == 0 {
        return find_or_load(py, &*Str::new(py, front)?);
    }
    // `import .a.b` gives `pkg.a`: cut as much from the absolute name as follows the first part.
    let absolute = absolute.to_string_lossy();
    let cut = &absolute[..absolute.len() - (text.len() - front.len())];
    match modules(py)?.get(py, Str::new(py, cut)?.as_object())? {
        Some(module) => Ok(module),
        None => Err(raise!(py, KeyError, "'{cut}' not in sys.modules as expected")),
    }
}

/// The absolute name of a relative import.
fn resolve(py: Attached<'_>, name: &Str, globals: Option<&Object>, level: isize) -> PyResult<Ref<Str>> {
    let Some(globals) = globals.filter(|globals| !globals.is_none()) else {
        return Err(raise!(py, KeyError, "'__name__' not in globals"));
    };
    if globals.downcast::<Dict>().is_none() {
        return Err(raise!(py, TypeError, "globals must be a dict"));
    }
    let importlib = importlib(py)?;
    let package = importlib.call_method(py, id!(py, _calc___package__), &[globals])?;
    let Some(text) = (*package).downcast::<Str>() else {
        return Err(raise!(py, TypeError, "package must be a string"));
    };
    if text.is_empty() {
        return Err(raise!(py, ImportError, "attempted relative import with no known parent package"));
    }
    let level = krait_object::Int::from_i64(py, level as i64)?;
    let absolute =
        importlib.call_method(py, id!(py, _resolve_name), &[name.as_object(), &package, level.as_object()])?;
    absolute.downcast().map_err(|_| raise!(py, TypeError, "module name must be a string"))
}

/// A frozen module.
struct Frozen {
    /// The module of the library that it is; `None` for one that the library does not have.
    origin: Option<Cow<'static, str>>,
    package: bool,
    content: Content,
}

enum Content {
    /// A marshalled code object.
    Code(&'static [u8]),
    /// A file of the embedded library.
    Source(String),
}

/// Whether modules are frozen that the library has as files too (`-X frozen_modules`).
fn uses_frozen(py: Attached<'_>) -> bool {
    let interpreter = current(py);
    match interpreter.import.frozen_override.load(Relaxed) {
        0 => interpreter.config.use_frozen_modules,
        forced => forced > 0,
    }
}

/// Frozen modules under a second name: the name, whose code it has, whether it is a package, and what it says it is.
const ALIASES: [(&str, &str, bool, Option<&str>); 6] = [
    ("__hello_alias__", "__hello__", false, Some("__hello__")),
    ("__hello_only__", "__hello__", false, None),
    ("__phello_alias__", "__hello__", true, Some("__hello__")),
    ("__phello_alias__.spam", "__hello__", false, Some("__hello__")),
    ("__phello__.__init__", "__phello__", false, Some("<__phello__")),
    ("__phello__.ham.__init__", "__phello__.ham", false, Some("<__phello__.ham")),
];

fn frozen(py: Attached<'_>, name: &Str) -> Option<Frozen> {
    let name = name.as_str()?;
    if let Some(found) = krait_lib::frozen(name).filter(|found| found.always || uses_frozen(py)) {
        let (origin, content) = (Some(Cow::Borrowed(found.origin)), Content::Code(found.code));
        return Some(Frozen { origin, package: found.package, content });
    }
    if let Some((_, target, package, origin)) = ALIASES.iter().find(|alias| alias.0 == name)
        && uses_frozen(py)
        && let Some(found) = krait_lib::frozen(target)
    {
        let (origin, content) = (origin.map(Cow::Borrowed), Content::Code(found.code));
        return Some(Frozen { origin, package: *package, content });
    }
    if let Some((code, package)) = EXTENSIONS.get().and_then(|host| (host.frozen)(name)) {
        return Some(Frozen { origin: Some(Cow::Owned(name.to_owned())), package, content: Content::Code(code) });
    }
    let config = &current(py).config;
    // Who names a home and wants no frozen modules means the files there.
    let wants_files = config.stdlib_dir.is_some() || config.home.is_some() && !uses_frozen(py);
    if wants_files || name.contains('/') || name.is_empty() {
        return None;
    }
    let stem = name.replace('.', "/");
    let file = |path: String, package| {
        let origin = Some(Cow::Owned(name.to_owned()));
        krait_lib::contains(&path).then_some(Frozen { origin, package, content: Content::Source(path) })
    };
    file(format!("{stem}/__init__.py"), true).or_else(|| file(format!("{stem}.py"), false))
}

/// Whether a frozen module has the name, and whether it is a package.
pub fn frozen_kind(py: Attached<'_>, name: &Str) -> Option<bool> {
    frozen(py, name).map(|frozen| frozen.package)
}

/// The code of a frozen module.
///
/// # Errors
/// `ImportError` when there is none.
pub fn frozen_code(py: Attached<'_>, name: &Str) -> PyResult<Ref<Code>> {
    let missing = || {
        krait_object::exceptions::raise_import_error(
            py,
            krait_object::exc::ImportError(),
            format_args!("No such frozen object named '{name}'"),
            Some(name.as_object()),
            None,
            None,
        )
    };
    let frozen = frozen(py, name).ok_or_else(missing)?;
    match frozen.content {
        Content::Code(data) => crate::marshal::load_module(py, data)?
            .downcast::<Code>()
            .map_err(|_| raise!(py, TypeError, "frozen object {name} is not a code object")),
        Content::Source(path) => {
            let source = krait_lib::get(&path).ok_or_else(missing)?;
            let filename = Str::new(py, &format!("<frozen {name}>"))?;
            compile_source(py, &source, &filename, Mode::Exec, &CompileFlags { stays: true, ..Default::default() })
        }
    }
}

/// Loads importlib's bootstrap modules and installs them. `sys`, `builtins` and `_imp` exist.
///
/// # Errors
/// What the bootstrap raises: the interpreter cannot start then.
pub fn install_importlib(py: Attached<'_>) -> PyResult<()> {
    let interpreter = current(py);
    let name = id!(py, _frozen_importlib);
    let code = frozen_code(py, name)?;
    let module = Module::new(py, "_frozen_importlib")?;
    let builtins = interpreter.builtins.get().ok_or_else(|| py.bad_internal_call())?;
    module.add(py, "__builtins__", builtins.as_object())?;
    module.add(py, "__origname__", &Str::new(py, "importlib._bootstrap")?.upcast())?;
    modules(py)?.set(py, name.as_object(), module.as_object())?;
    crate::eval::eval_code(py, &code, module.dict().as_object(), None, None)?;
    drop(interpreter.importlib.replace(Some(module.clone().upcast())));
    let imp = Module::new(py, "_imp")?;
    fill_imp(py, &imp)?;
    let sys = modules(py)?.get_str(py, "sys").ok_or_else(|| py.bad_internal_call())?;
    // `_warnings`, which the bootstrap imports, has a context variable.
    load_builtin(py, "_contextvars")?;
    module.as_object().call_method(py, id!(py, _install), &[&sys, imp.as_object()])?;
    module.as_object().call_method(py, id!(py, _install_external_importers), &[])?;
    Ok(())
}

fn want_str<'a>(py: Attached<'_>, function: &str, object: &'a Object) -> PyResult<&'a Str> {
    object.downcast::<Str>().ok_or_else(|| {
        raise!(
            py,
            TypeError,
            "{function}() argument must be str, not {}",
            krait_object::builtins::textargs::arg_type(object)
        )
    })
}

fn acquire_lock(py: Attached<'_>, _: &Object) {
    current(py).import.lock.lock(thread_ident());
}

fn release_lock(py: Attached<'_>, _: &Object) -> PyResult<()> {
    let lock = &current(py).import.lock;
    if lock.try_unlock(thread_ident()) {
        return Ok(());
    }
    Err(raise!(py, RuntimeError, "not holding the import lock"))
}

fn lock_held(py: Attached<'_>, _: &Object) -> bool {
    current(py).import.lock.is_locked()
}

fn extension_suffixes(py: Attached<'_>, _: &Object) -> PyResult<Ref<krait_object::List>> {
    let mut suffixes = vec![Str::new(py, crate::platform::EXT_SUFFIX)?.upcast()];
    if !krait_object::FREE_THREADED {
        suffixes.push(Str::new(py, ".abi3.so")?.upcast());
    }
    suffixes.push(Str::new(py, ".so")?.upcast());
    krait_object::List::from_vec(py, suffixes)
}

fn is_builtin(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<i64> {
    let name = want_str(py, "is_builtin", name)?;
    if name.eq_str("sys") || name.eq_str("builtins") {
        return Ok(-1);
    }
    let of_host = || {
        let names = EXTENSIONS.get().map(|host| (host.builtin_names)()).unwrap_or_default();
        names.into_iter().any(|other| name.eq_str(other))
    };
    Ok((builtin(name).is_some() || of_host()).into())
}

fn is_frozen(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<bool> {
    Ok(frozen(py, want_str(py, "is_frozen", name)?).is_some())
}

fn is_frozen_package(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<bool> {
    let name = want_str(py, "is_frozen_package", name)?;
    match frozen(py, name) {
        Some(frozen) => Ok(frozen.package),
        None => Err(raise!(py, ImportError, "No such frozen object named {name}")),
    }
}

fn find_frozen(py: Attached<'_>, _: &Object, [name, withdata]: [Option<&Object>; 2]) -> PyResult<Option<Ref<Tuple>>> {
    let name = want_str(py, "find_frozen", name.ok_or_else(|| py.bad_internal_call())?)?;
    let Some(frozen) = frozen(py, name) else { return Ok(None) };
    let package = krait_object::Bool::of(frozen.package);
    let origin = frozen.origin.as_deref().into_object(py)?;
    let withdata = withdata.map_or(Ok(false), |flag| flag.is_true(py))?;
    let data = match frozen.content {
        Content::Code(data) if withdata => {
            krait_object::MemoryView::new(py, Bytes::new(py, data)?.as_object())?.upcast()
        }
        _ => none(),
    };
    Tuple::from_slice(py, &[&data, package.as_object(), &origin]).map(Some)
}

fn get_frozen_object(py: Attached<'_>, _: &Object, [name, data]: [Option<&Object>; 2]) -> PyResult<Ref<Code>> {
    let name = want_str(py, "get_frozen_object", name.ok_or_else(|| py.bad_internal_call())?)?;
    let Some(data) = data.filter(|data| !data.is_none()) else { return frozen_code(py, name) };
    let data = data.bytes(py)?;
    match crate::marshal::loads(py, data.as_slice(), false) {
        Ok((code, _)) => {
            code.downcast::<Code>().map_err(|_| raise!(py, TypeError, "frozen object '{name}' is not a code object"))
        }
        Err(raised) => {
            raised.clear(py);
            Err(krait_object::exceptions::raise_import_error(
                py,
                krait_object::exc::ImportError(),
                format_args!("Frozen object named '{name}' is invalid"),
                Some(name.as_object()),
                None,
                None,
            ))
        }
    }
}

fn frozen_module_names(py: Attached<'_>, _: &Object) -> PyResult<Ref<krait_object::List>> {
    let mut names = krait_lib::all_frozen().map(|frozen| frozen.name.to_owned()).collect::<Vec<_>>();
    names.extend(ALIASES.map(|alias| alias.0.to_owned()));
    if current(py).config.stdlib_dir.is_none() {
        let files = krait_lib::paths().filter_map(|path| path.strip_suffix(".py"));
        let modules = files.map(|stem| stem.strip_suffix("/__init__").unwrap_or(stem).replace('/', "."));
        names.extend(modules.filter(|name| krait_lib::frozen(name).is_none()));
    }
    let names = names.iter().map(|name| Ok(Str::new(py, name)?.upcast())).collect::<PyResult<Vec<_>>>()?;
    krait_object::List::from_vec(py, names)
}

/// The native module that a spec names: empty until `exec_builtin` fills it.
fn create_builtin(py: Attached<'_>, _: &Object, spec: &Object) -> PyResult<Ref<Object>> {
    let name = spec.get_attr(py, id!(py, name))?;
    let Some(text) = (*name).downcast::<Str>() else {
        return Err(raise!(py, TypeError, "name must be string, not {}", name.ty().name()));
    };
    if let Some(module) = modules(py)?.get(py, &name)?
        && (text.eq_str("sys") || text.eq_str("builtins"))
    {
        return Ok(module);
    }
    let Some(entry) = builtin(text) else {
        let made = match EXTENSIONS.get() {
            Some(host) => (host.create_builtin)(py, text, spec)?,
            None => None,
        };
        return Ok(made.unwrap_or_else(none));
    };
    let module = Module::new(py, entry.name)?;
    if !entry.doc.is_empty() {
        module.add(py, "__doc__", Str::new(py, entry.doc)?.as_object())?;
    }
    Ok(module.upcast())
}

fn exec_builtin(py: Attached<'_>, _: &Object, module: &Object) -> PyResult<i64> {
    let Some(module) = module.downcast::<Module>() else { return Ok(0) };
    let name = module.as_object().get_attr(py, id!(py, __name__))?;
    let Some(entry) = (*name).downcast::<Str>().and_then(builtin) else {
        return match EXTENSIONS.get() {
            Some(host) => (host.exec)(py, module.as_object()).map(|()| 0),
            None => Ok(0),
        };
    };
    (entry.exec)(py, module)?;
    Ok(0)
}

/// Makes and fills a native module outside of importlib, for start-up.
///
/// # Errors
/// What the module raises; `ImportError` if there is none.
pub fn load_builtin(py: Attached<'_>, name: &str) -> PyResult<Ref<Module>> {
    if let Some(module) = modules(py)?.get_str(py, name)
        && let Ok(module) = module.downcast::<Module>()
    {
        return Ok(module);
    }
    let Some(entry) = registry().iter().find(|entry| entry.name == name) else {
        return Err(raise!(py, ImportError, "no built-in module named '{name}'"));
    };
    let module = Module::new(py, entry.name)?;
    (entry.exec)(py, &module)?;
    modules(py)?.set_str(py, name, module.as_object())?;
    Ok(module)
}

fn create_dynamic(py: Attached<'_>, _: &Object, [spec, file]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    let spec = spec.ok_or_else(|| py.bad_internal_call())?;
    match EXTENSIONS.get() {
        Some(loader) => (loader.create)(py, spec, file),
        None => Err(raise!(py, ImportError, "extension modules cannot be loaded by this host")),
    }
}

fn exec_dynamic(py: Attached<'_>, _: &Object, module: &Object) -> PyResult<i64> {
    match EXTENSIONS.get() {
        Some(loader) => (loader.exec)(py, module).map(|()| 0),
        None => Ok(0),
    }
}

/// How extension modules are loaded: the C API crate installs it.
pub struct ExtensionLoader {
    pub create: fn(py: Attached<'_>, spec: &Object, file: Option<&Object>) -> PyResult<Ref<Object>>,
    pub exec: fn(py: Attached<'_>, module: &Object) -> PyResult<()>,
    /// Names of the modules that the host linked in.
    pub builtin_names: fn() -> Vec<&'static str>,
    /// Makes a module that the host linked in; `None` when it has none of this name.
    pub create_builtin: fn(py: Attached<'_>, name: &Str, spec: &Object) -> PyResult<Option<Ref<Object>>>,
    /// The marshalled code of a module that the host froze, and whether it is a package.
    pub frozen: fn(name: &str) -> Option<(&'static [u8], bool)>,
}

static EXTENSIONS: OnceLock<ExtensionLoader> = OnceLock::new();

/// Installs the loader of extension modules.
pub fn set_extension_loader(loader: ExtensionLoader) {
    let _ = EXTENSIONS.set(loader);
}

/// Gives code another file name, and the code among its constants that came from the same file.
fn fix_filename(code: &Code, from: &Str, path: &Str) {
    if !code.filename().eq(from) {
        return;
    }
    // SAFETY: the field owns a string. Readers see the old or the new one.
    let slot = unsafe { krait_object::Slot::<Object>::of(&code.raw().co_filename) };
    drop(slot.replace(Some(path.as_object().to_ref())));
    for constant in code.consts().as_slice() {
        if let Some(inner) = constant.downcast::<Code>() {
            fix_filename(inner, from, path);
        }
    }
}

fn fix_co_filename(py: Attached<'_>, _: &Object, [code, path]: [Option<&Object>; 2]) -> PyResult<()> {
    let (Some(code), Some(path)) = (code, path) else { return Err(py.bad_internal_call()) };
    let Some(code) = code.downcast::<Code>() else {
        return Err(raise!(
            py,
            TypeError,
            "_fix_co_filename() argument 1 must be code, not {}",
            krait_object::builtins::textargs::arg_type(code)
        ));
    };
    let (from, path) = (code.filename().to_ref(), want_str(py, "_fix_co_filename", path)?);
    if !from.eq(path) {
        fix_filename(code, &from, path);
    }
    Ok(())
}

/// Hash of a source file for hash-based `.pyc` files: SipHash-1-3 with the magic number as key.
fn source_hash(py: Attached<'_>, _: &Object, [key, source]: [Option<&Object>; 2]) -> PyResult<Ref<Bytes>> {
    let (Some(key), Some(source)) = (key, source) else { return Err(py.bad_internal_call()) };
    let key = key.as_u64_mask(py)?;
    let source = source.bytes(py)?;
    Bytes::new(py, &krait_text::hash::siphash13(krait_text::hash::Key(key, 0), source.as_slice()).to_le_bytes())
}

fn override_extensions_check(py: Attached<'_>, _: &Object, value: &Object) -> PyResult<i32> {
    if current(py).is_main() {
        let name = "_imp._override_multi_interp_extensions_check()";
        return Err(raise!(py, RuntimeError, "{name} cannot be used in the main interpreter"));
    }
    let (interpreter, value) = (current(py), value.as_i32(py)?);
    interpreter.check_extensions(value);
    Ok(interpreter.import.extensions_override.swap(value, Relaxed))
}

fn override_frozen_modules(py: Attached<'_>, _: &Object, value: &Object) -> PyResult<()> {
    current(py).import.frozen_override.store(value.as_i32(py)?, Relaxed);
    Ok(())
}

fn fill_imp(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        noargs "lock_held" => lock_held, "($module, /)", "Whether the import lock is held.";
        noargs "acquire_lock" => acquire_lock, "($module, /)", "Takes the import lock.";
        noargs "release_lock" => release_lock, "($module, /)", "Releases the import lock.";
        noargs "extension_suffixes" => extension_suffixes, "($module, /)", "Suffixes of extension modules.";
        o "is_builtin" => is_builtin, "($module, name, /)", "Whether a native module has the name: 1 yes, -1 yes but not again, 0 no.";
        o "is_frozen" => is_frozen, "($module, name, /)", "Whether a frozen module has the name.";
        o "is_frozen_package" => is_frozen_package, "($module, name, /)", "Whether a frozen package has the name.";
        sig "find_frozen" => find_frozen, "($module, name, /, *, withdata=False)", "Data, package flag and original name of a frozen module.";
        sig "get_frozen_object" => get_frozen_object, "($module, name, data=None, /)", "The code of a frozen module.";
        noargs "_frozen_module_names" => frozen_module_names, "($module, /)", "Names of the frozen modules.";
        o "create_builtin" => create_builtin, "($module, spec, /)", "Makes a native module.";
        o "exec_builtin" => exec_builtin, "($module, mod, /)", "Fills a native module.";
        sig "create_dynamic" => create_dynamic, "($module, spec, file=None, /)", "Loads an extension module.";
        o "exec_dynamic" => exec_dynamic, "($module, mod, /)", "Fills an extension module.";
        sig "_fix_co_filename" => fix_co_filename, "($module, code, path, /)", "Changes the file name of code and of the code in it.";
        sig "source_hash" => source_hash, "($module, /, key, source)", "Hash of a source text.";
        o "_override_frozen_modules_for_tests" => override_frozen_modules, "($module, override, /)", "Uses frozen modules (1), only those that import needs (-1), or what the options say (0).";
        o "_override_multi_interp_extensions_check" => override_extensions_check, "($module, override, /)", "Loads only extensions that support several interpreters (1), all (-1), or what the interpreter's rules say (0); the value before.";
    })?;
    let mode = &current(py).config.check_hash_pycs_mode;
    module.add(py, "check_hash_based_pycs", Str::new(py, mode)?.as_object())?;
    let magic = krait_object::Int::from_i64(py, crate::platform::PYC_MAGIC_TOKEN)?;
    module.add(py, "pyc_magic_number_token", magic.as_object())
}

/// `_imp` as a native module, for interpreters that import it by name.
pub const IMP: BuiltinModule = BuiltinModule { name: "_imp", doc: "The native half of importlib.", exec: fill_imp };
