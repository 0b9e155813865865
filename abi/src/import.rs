//! `import.h`, and the loader of extension modules.
use crate::capi::*;
use krait_layout::*;
use krait_object::moduleobject::{ModuleDef, module_exec_def, module_from_def_and_spec};
use krait_object::{Attached, Layout, Module, Object, PyResult, Ref, Str, exc, id, raise};
use krait_vm::import as vm;
use std::cell::{RefCell, UnsafeCell};
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

thread_local! {
    /// The full name of the extension module whose init function runs on this thread.
    static PACKAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The full name that a single-phase module gets when its definition has the last part only.
pub(crate) fn package_context() -> Option<String> {
    PACKAGE.with_borrow(Clone::clone)
}

/// Makes extension modules loadable, and says where lines are allocated. Repeating it is harmless.
pub(crate) fn install() {
    vm::set_extension_loader(vm::ExtensionLoader { create, exec, builtin_names, create_builtin, frozen });
    krait_vm::line_input::install_memory(krait_vm::line_input::RawMemory {
        alloc: crate::pymem::PyMem_RawMalloc,
        free: crate::pymem::PyMem_RawFree,
    });
}

/// The library's symbols become visible to the extensions that are loaded from now on, however the host loaded it.
fn make_global() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: asks the dynamic linker about our own address and opens the same object again.
        unsafe {
            let mut info: libc::Dl_info = std::mem::zeroed();
            if libc::dladdr(make_global as *const c_void, &mut info) != 0 && !info.dli_fname.is_null() {
                libc::dlopen(info.dli_fname, libc::RTLD_NOW | libc::RTLD_GLOBAL | libc::RTLD_NOLOAD);
            }
        }
    });
}

/// The name of the init function: `PyInit_` and the last part, or `PyInitU_` and its punycode form.
fn init_name(py: Attached<'_>, last: &str) -> PyResult<CString> {
    let name = match last.is_ascii() {
        true => format!("PyInit_{last}"),
        false => {
            let text = Str::new(py, last)?;
            let coded = text.as_object().call_method(py, id!(py, encode), &[Str::new(py, "punycode")?.as_object()])?;
            let coded = coded.bytes(py)?;
            format!("PyInitU_{}", String::from_utf8_lossy(coded.as_slice()).replace('-', "_"))
        }
    };
    CString::new(name).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

fn import_error(py: Attached<'_>, text: &str, name: &Object, path: &Object) -> krait_object::Raised {
    krait_object::exceptions::raise_import_error(
        py,
        exc::ImportError(),
        format_args!("{text}"),
        Some(name),
        Some(path),
        None,
    )
}

fn create(py: Attached<'_>, spec: &Object, _file: Option<&Object>) -> PyResult<Ref<Object>> {
    let name_object = spec.get_attr(py, id!(py, name))?;
    let path_object = spec.get_attr(py, id!(py, origin))?;
    let name = name_object.str(py)?.to_string();
    let path_text = krait_vm::compile::filename(py, &path_object)?;
    let path =
        CString::new(path_text.to_fs_bytes(py)?).map_err(|_| raise!(py, ValueError, "embedded null character"))?;
    let last = name.rsplit('.').next().unwrap_or(&name);
    let symbol = init_name(py, last)?;
    let key = (name.clone(), path_text.to_string_lossy().into_owned());
    if let Some(module) = copied(py, &key, &name_object, &path_object)? {
        return Ok(module);
    }
    make_global();
    let flags = krait_vm::interp::current(py).dlopen_flags.load(std::sync::atomic::Ordering::Relaxed);
    // SAFETY: loading runs the object's constructors: the program asked for it.
    let handle = unsafe { libc::dlopen(path.as_ptr(), flags) };
    if handle.is_null() {
        return Err(import_error(py, &dl_error(), &name_object, &path_object));
    }
    // SAFETY: a loaded object.
    let init = unsafe { libc::dlsym(handle, symbol.as_ptr()) };
    if init.is_null() {
        let prefix = symbol.to_string_lossy();
        let text = format!("dynamic module does not define module export function ({prefix})");
        return Err(import_error(py, &text, &name_object, &path_object));
    }
    // SAFETY: a function of this name has this type.
    let init: unsafe extern "C" fn() -> *mut PyObject = unsafe { std::mem::transmute(init) };
    let outer = PACKAGE.replace(Some(name.clone()));
    // SAFETY: [attached].
    let made = unsafe { init() };
    PACKAGE.set(outer);
    let module = finish(py, made, spec, &name, &name_object, &path_object)?;
    keep(py, key, &module)?;
    Ok(module)
}

/// A module whose state is in C globals and that was loaded before: a copy of what it was then.
fn copied(py: Attached<'_>, key: &(String, String), name: &Object, path: &Object) -> PyResult<Option<Ref<Object>>> {
    let known =
        krait_vm::interp::current(py).import.single_phase.lock().expect("no panic under this lock").get(key).cloned();
    let Some((definition, copy)) = known.and_then(|known| Some((known.definition, known.copy?))) else {
        return Ok(None);
    };
    refuse_single_phase(py, &key.0, name, path)?;
    let module = add_module(py, name)?;
    if let Some(real) = (*module).downcast::<Module>() {
        real.dict().merge(py, copy.as_object(), true)?;
    }
    crate::interpreters::add_state(py, ptr::with_exposed_provenance_mut(definition), &module);
    Ok(Some(module))
}

/// Remembers a single-phase module for the next time that it is loaded.
fn keep(py: Attached<'_>, key: (String, String), module: &Object) -> PyResult<()> {
    let Some(module) = module.downcast::<Module>().filter(|module| crate::interpreters::is_single_phase(module)) else {
        return Ok(());
    };
    let definition = module.definition();
    if definition.is_null() {
        return Ok(());
    }
    // SAFETY: the definition of a module outlives it.
    let copy = match unsafe { (*definition).m_size.get() } {
        -1 => {
            let copy = krait_object::Dict::new(py)?;
            copy.merge(py, module.dict().as_object(), true)?;
            Some(copy)
        }
        _ => None,
    };
    let known = vm::SinglePhase { definition: definition.expose_provenance(), copy };
    let table = &krait_vm::interp::current(py).import.single_phase;
    let old = table.lock().expect("no panic under this lock").insert(key, known);
    drop(old);
    Ok(())
}

/// Raises where the interpreter loads only modules that support several.
fn refuse_single_phase(py: Attached<'_>, text: &str, name: &Object, path: &Object) -> PyResult<()> {
    if py.state().extension_check.load(Ordering::Relaxed) == 0 {
        return Ok(());
    }
    let text = format!("module {text} does not support loading in subinterpreters");
    Err(import_error(py, &text, name, path))
}

fn finish(
    py: Attached<'_>,
    made: *mut PyObject,
    spec: &Object,
    name: &str,
    name_object: &Object,
    path: &Object,
) -> PyResult<Ref<Object>> {
    let module = initialized(py, made, spec, name)?;
    turn_gil_on_for(py, &module, name)?;
    let single = (*module).downcast::<Module>().is_none_or(crate::interpreters::is_single_phase);
    if single {
        refuse_single_phase(py, name, name_object, path)?;
    }
    remember(py, &module);
    // Single-phase: the module is ready, and belongs into `sys.modules` by now or soon.
    if (*module).downcast::<Module>().is_some_and(|module| module.definition().is_null() || has_no_slots(module)) {
        module.set_attr(py, id!(py, __file__), Some(path))?;
        vm::modules(py)?.set(py, name_object, &module)?;
    }
    Ok(module)
}

/// Turns the GIL on for a module that does not say that it runs without, and warns of it; `-X gil=0` forbids that.
fn turn_gil_on_for(py: Attached<'_>, module: &Object, name: &str) -> PyResult<()> {
    let needs = module.downcast::<Module>().is_some_and(|module| module.raw().md_gil.get().is_null());
    if !krait_object::FREE_THREADED || !needs || krait_vm::interp::current(py).config.gil == Some(false) {
        return Ok(());
    }
    if !krait_vm::interp::enable_gil(py) {
        return Ok(());
    }
    let message = format!(
        "The global interpreter lock (GIL) has been enabled to load module '{name}', which has not declared that it can \
         run safely without the GIL. To override this behavior and keep the GIL disabled (at your own risk), run with \
         PYTHON_GIL=0 or -Xgil=0."
    );
    krait_vm::warnings::warn(py, exc::RuntimeWarning(), &message, 1)
}

/// Lets `PyState_FindModule` find a single-phase module.
fn remember(py: Attached<'_>, module: &Object) {
    if let Some(real) = module.downcast::<Module>().filter(|module| crate::interpreters::is_single_phase(module)) {
        crate::interpreters::add_state(py, real.definition(), module);
    }
}

/// What an init function returned, as a module.
fn initialized(py: Attached<'_>, made: *mut PyObject, spec: &Object, name: &str) -> PyResult<Ref<Object>> {
    if made.is_null() {
        return Err(match py.pending() {
            Some(_) => krait_object::Raised::assume(),
            None => raise!(py, SystemError, "initialization of {name} failed without raising an exception"),
        });
    }
    if py.pending().is_some() {
        let cause = py.take_raised();
        let raised = raise!(py, SystemError, "initialization of {name} raised unreported exception");
        return Err(match cause {
            Some(cause) => krait_vm::traceback::set_cause(py, raised, cause),
            None => raised,
        });
    }
    // SAFETY: a non-null result is an object; a definition is static.
    unsafe {
        if (*made).ob_type.get().is_null() {
            return Err(raise!(py, SystemError, "init function of {name} returned uninitialized object"));
        }
        let object = Object::from_ptr(made);
        if object.ty().is_subtype_of(ModuleDef::type_object()) {
            return module_from_def_and_spec(py, made.cast(), spec);
        }
        Ok(Ref::<Object>::from_raw(made))
    }
}

fn dl_error() -> String {
    // SAFETY: NULL or a C string.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            "unknown dlopen() error".to_owned()
        } else {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}

fn exec(py: Attached<'_>, module: &Object) -> PyResult<()> {
    let Some(real) = module.downcast::<Module>() else { return Ok(()) };
    let def = real.definition();
    // SAFETY: the definition of a module outlives it.
    if def.is_null() || unsafe { (*def).m_slots.get() }.is_null() {
        return Ok(());
    }
    if !real.state().is_null() {
        return Ok(());
    }
    // SAFETY: as above.
    unsafe { module_exec_def(py, module, def) }
}

fn by_level(
    py: Attached<'_>,
    name: Option<&Object>,
    globals: Option<&Object>,
    from: Option<&Object>,
    level: c_int,
) -> PyResult<Ref<Object>> {
    let Some(name) = name else { return Err(raise!(py, ValueError, "Empty module name")) };
    vm::import_name(py, name, globals, from, level as isize)
}

/// The module of an absolute name itself, not its package.
fn by_name(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    if name.is_empty() {
        return Err(raise!(py, ValueError, "Empty module name"));
    }
    vm::import_module(py, name)
}

fn add_module(py: Attached<'_>, name: &Object) -> PyResult<Ref<Object>> {
    let modules = vm::modules(py)?;
    if let Some(module) = modules.get(py, name)?
        && (*module).downcast::<Module>().is_some()
    {
        return Ok(module);
    }
    let module = match name.downcast::<Str>() {
        Some(name) => Module::with_name(py, name)?,
        // Any key of the dict may name a module.
        None => {
            let module = Module::with_name(py, &Str::empty())?;
            module.add(py, "__name__", name)?;
            module
        }
    };
    modules.set(py, name, module.as_object())?;
    Ok(module.upcast())
}

/// A path that C gave, or none.
unsafe fn fs_text(py: Attached<'_>, path: *const c_char) -> PyResult<Option<Ref<Str>>> {
    if path.is_null() {
        return Ok(None);
    }
    // SAFETY: the C contract.
    Str::from_fs_bytes(py, unsafe { CStr::from_ptr(path) }.to_bytes()).map(Some)
}

/// The source that a compiled file is of, as far as the name says; the file itself where it says nothing.
fn source_of(py: Attached<'_>, cached: &Str) -> PyResult<Ref<Str>> {
    let bootstrap = vm::import_module(py, "_frozen_importlib_external")?;
    let found = bootstrap.call_method(py, &*Str::new(py, "_get_sourcefile")?, &[cached.as_object()]);
    match found.map(Ref::downcast::<Str>) {
        Ok(Ok(path)) => Ok(path),
        Ok(Err(_)) => Ok(cached.to_ref()),
        Err(raised) => {
            raised.clear(py);
            Ok(cached.to_ref())
        }
    }
}

fn exec_code(
    py: Attached<'_>,
    name: &Object,
    code: &Object,
    path: Option<&Object>,
    cached: Option<&Object>,
) -> PyResult<Ref<Object>> {
    let Some(code) = code.downcast::<krait_object::Code>() else { return Err(py.bad_internal_call()) };
    let module = add_module(py, name)?;
    let Some(real) = (*module).downcast::<Module>() else { return Err(py.bad_internal_call()) };
    if let Some(builtins) = vm::modules(py)?.get_str(py, "builtins") {
        real.dict().set_str(py, "__builtins__", &builtins)?;
    }
    let Some(name) = name.downcast::<Str>() else {
        return Err(raise!(py, AttributeError, "'{}' object has no attribute 'rpartition'", name.ty().name()));
    };
    let file = path.map_or_else(|| code.filename().as_object().to_ref(), Layout::to_ref);
    // Sets file, loader and spec, where they are not set yet.
    let bootstrap = vm::import_module(py, "_frozen_importlib_external")?;
    let cached = cached.unwrap_or(krait_object::none_borrowed());
    let args = [real.dict().as_object(), name.as_object(), &file, cached];
    bootstrap.call_method(py, &*Str::new(py, "_fix_up_module")?, &args)?;
    krait_vm::eval::eval_code(py, code, real.dict().as_object(), None, None)?;
    let loaded = vm::modules(py)?.get(py, name.as_object())?;
    loaded.ok_or_else(|| raise!(py, ImportError, "Loaded module {name} not found in sys.modules"))
}

/// A table that ends with an entry without a name.
#[repr(transparent)]
pub struct End<T>(UnsafeCell<[T; 1]>);
// SAFETY: never written.
unsafe impl<T> Sync for End<T> {}

static NO_MODULES: End<_inittab> = End(UnsafeCell::new([_inittab { name: ptr::null(), initfunc: None }]));

/// The modules that the host linked in. The runtime's own are not in the table.
#[unsafe(no_mangle)]
pub static PyImport_Inittab: AtomicPtr<_inittab> = AtomicPtr::new((&raw const NO_MODULES).cast_mut().cast());

/// The modules that the host froze; NULL for none.
#[unsafe(no_mangle)]
pub static PyImport_FrozenModules: AtomicPtr<_frozen> = AtomicPtr::new(ptr::null_mut());

/// The entries of a host's table of built-in modules.
unsafe fn entries(mut at: *const _inittab) -> Vec<_inittab> {
    let mut found = Vec::new();
    // SAFETY: the table ends with a NULL name.
    unsafe {
        while !at.is_null() && !(*at).name.is_null() {
            found.push(*at);
            at = at.add(1);
        }
    }
    found
}

fn host_modules() -> Vec<_inittab> {
    // SAFETY: a table that is in place lives for ever.
    unsafe { entries(PyImport_Inittab.load(Ordering::Acquire)) }
}

fn entry_name(entry: &_inittab) -> &'static str {
    // SAFETY: names of a table live as long as the table.
    unsafe { CStr::from_ptr(entry.name) }.to_str().unwrap_or_default()
}

fn builtin_names() -> Vec<&'static str> {
    host_modules().iter().map(entry_name).collect()
}

fn create_builtin(py: Attached<'_>, name: &Str, spec: &Object) -> PyResult<Option<Ref<Object>>> {
    let Some(entry) = host_modules().into_iter().find(|entry| name.eq_str(entry_name(entry))) else { return Ok(None) };
    let text = name.to_string_lossy();
    let Some(init) = entry.initfunc else { return vm::import_module(py, &text).map(Some) };
    let outer = PACKAGE.replace(Some(text.clone().into_owned()));
    // SAFETY: [attached].
    let made = unsafe { init() };
    PACKAGE.set(outer);
    let module = initialized(py, made, spec, &text)?;
    remember(py, &module);
    if (*module).downcast::<Module>().is_some_and(|module| module.definition().is_null() || has_no_slots(module)) {
        vm::modules(py)?.set(py, name.as_object(), &module)?;
    }
    Ok(Some(module))
}

fn has_no_slots(module: &Module) -> bool {
    // SAFETY: the definition of a module outlives it.
    unsafe { (*module.definition()).m_slots.get() }.is_null()
}

fn frozen(name: &str) -> Option<(&'static [u8], bool)> {
    let mut at = PyImport_FrozenModules.load(Ordering::Acquire);
    // SAFETY: the host's table lives for ever and ends with a NULL name.
    unsafe {
        while !at.is_null() && !(*at).name.is_null() {
            let entry = &*at;
            if CStr::from_ptr(entry.name).to_bytes() == name.as_bytes() && !entry.code.is_null() {
                let code = std::slice::from_raw_parts(entry.code, entry.size.unsigned_abs() as usize);
                return Some((code, entry.is_package != 0));
            }
            at = at.add(1);
        }
    }
    None
}

/// Imports a frozen module; whether there is one.
fn import_frozen(py: Attached<'_>, name: &Str) -> PyResult<bool> {
    let Some(package) = vm::frozen_kind(py, name) else { return Ok(false) };
    let code = vm::frozen_code(py, name)?;
    let module = add_module(py, name.as_object())?;
    let Some(real) = (*module).downcast::<Module>() else { return Err(py.bad_internal_call()) };
    if package {
        real.dict().set_str(py, "__path__", krait_object::List::new(py)?.as_object())?;
    }
    exec_code(py, name.as_object(), &code.upcast(), None, None)?;
    Ok(true)
}

capi! {
    fn PyImport_ImportModule(py, name: Text<'_>) -> Ref<Object> { by_name(py, name.0) }
    fn PyImport_ImportModuleNoBlock(py, name: Text<'_>) -> Ref<Object> {
        let text = "PyImport_ImportModuleNoBlock() is deprecated and scheduled for removal in Python 3.15. Use PyImport_ImportModule() instead.";
        (krait_object::hooks::hooks().warn)(py, krait_object::exc::DeprecationWarning(), text, 1)?;
        by_name(py, name.0)
    }
    fn PyImport_Import(py, name: &Object) -> Ref<Object> {
        let Some(name) = name.downcast::<Str>() else { return Err(raise!(py, TypeError, "module name must be a string")) };
        by_name(py, &name.to_string_lossy())
    }
    fn PyImport_ImportModuleLevel(py, name: Text<'_>, globals: Option<&Object>, locals: Option<&Object>, from: Option<&Object>, level: c_int) -> Ref<Object> {
        by_level(py, Some(name.obj(py)?.as_object()), globals, from, level)
    }
    fn PyImport_ImportModuleLevelObject(py, name: Option<&Object>, globals: Option<&Object>, locals: Option<&Object>, from: Option<&Object>, level: c_int) -> Ref<Object> {
        by_level(py, name, globals, from, level)
    }
    fn PyImport_ImportModuleAttr(py, module: &Object, name: &Object) -> Ref<Object> {
        let Some(module) = module.downcast::<Str>() else { return Err(raise!(py, TypeError, "module name must be a string")) };
        let name = krait_object::protocols::attributes::checked_name(py, name)?;
        by_name(py, &module.to_string_lossy())?.get_attr(py, name)
    }
    fn PyImport_ImportModuleAttrString(py, module: Text<'_>, name: Text<'_>) -> Ref<Object> { vm::import_module(py, module.0)?.get_attr(py, &*name.obj(py)?) }
    fn PyImport_GetModule(py, name: &Object) -> Option<Ref<Object>> { vm::modules(py)?.get(py, name) }
    fn PyImport_GetModuleDict(py) -> Lent { vm::modules(py).map(Lent::of) }
    fn PyImport_AddModule(py, name: Text<'_>) -> Lent { add_module(py, name.obj(py)?.as_object()).map(Lent::of) }
    fn PyImport_AddModuleObject(py, name: &Object) -> Lent { add_module(py, name).map(Lent::of) }
    fn PyImport_AddModuleRef(py, name: Text<'_>) -> Ref<Object> { add_module(py, name.obj(py)?.as_object()) }
    fn PyImport_ReloadModule(py, module: &Object) -> Ref<Object> { vm::import_module(py, "importlib")?.call_method(py, id!(py, reload), &[module]) }
    fn PyImport_ExecCodeModule(py, name: Text<'_>, code: &Object) -> Ref<Object> { exec_code(py, name.obj(py)?.as_object(), code, None, None) }
    fn PyImport_ExecCodeModuleEx(py, name: Text<'_>, code: &Object, path: *const c_char) -> Ref<Object> {
        let path = fs_text(py, path)?;
        exec_code(py, name.obj(py)?.as_object(), code, path.as_deref().map(Layout::as_object), None)
    }
    fn PyImport_ExecCodeModuleObject(py, name: &Object, code: &Object, path: Option<&Object>, cached: Option<&Object>) -> Ref<Object> { exec_code(py, name, code, path, cached) }
    fn PyImport_ExecCodeModuleWithPathnames(py, name: Text<'_>, code: &Object, path: *const c_char, cached: *const c_char) -> Ref<Object> {
        let (path, cached) = (fs_text(py, path)?, fs_text(py, cached)?);
        // Where the source was, if only its compiled form is named.
        let path = match (path, &cached) {
            (None, Some(cached)) => Some(source_of(py, cached)?),
            (path, _) => path,
        };
        exec_code(py, name.obj(py)?.as_object(), code, path.as_deref().map(Layout::as_object), cached.as_deref().map(Layout::as_object))
    }
    fn PyImport_GetImporter(py, path: &Object) -> Ref<Object> { vm::import_module(py, "pkgutil")?.call_method(py, id!(py, get_importer), &[path]) }
}

capi_raw! {
    fn PyImport_AppendInittab(name: *const c_char, init: Option<unsafe extern "C" fn() -> *mut PyObject>) -> c_int {
        let mut added = [_inittab { name, initfunc: init }, _inittab { name: ptr::null(), initfunc: None }];
        PyImport_ExtendInittab(added.as_mut_ptr())
    }
    fn PyImport_ExtendInittab(more: *mut _inittab) -> c_int {
        if crate::pystate::is_initialized() { krait_vm::fatal("PyImport_ExtendInittab: PyImport_ExtendInittab() may not be called after Py_Initialize()") }
        let mut table = host_modules();
        table.extend(entries(more));
        table.push(_inittab { name: ptr::null(), initfunc: None });
        // The old table stays: somebody may be reading it.
        PyImport_Inittab.store(Vec::leak(table).as_mut_ptr(), Ordering::Release);
        0
    }
    fn PyImport_ImportFrozenModule(name: *const c_char) -> c_int {
        let py = Attached::from_tls();
        match Text::from_c(py, name).and_then(|name| name.obj(py)).and_then(|name| import_frozen(py, &name)) {
            Ok(found) => c_int::from(found),
            Err(_) => -1,
        }
    }
    fn PyImport_ImportFrozenModuleObject(name: *mut PyObject) -> c_int {
        let py = Attached::from_tls();
        // What is no name names no module.
        let Some(name) = name.cast::<Object>().as_ref().and_then(|name| name.downcast::<Str>()) else { return 0 };
        match import_frozen(py, name) {
            Ok(found) => c_int::from(found),
            Err(_) => -1,
        }
    }
    fn PyImport_GetMagicNumber() -> c_long { krait_vm::platform::PYC_MAGIC_TOKEN }
    fn PyImport_GetMagicTag() -> *const c_char { c"krait-314".as_ptr() }
}
