//! Extension modules: made from a definition, in one or two phases (PEP 489).
use super::Module;
use crate::builtins::descrobject::c_text;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::protocols::call::check_status;
use crate::{Object, PyResult, Str, id, pytype, raise};
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr;

/// A module definition seen as an object.
#[repr(transparent)]
pub struct ModuleDef(#[allow(dead_code)] pub(crate) PyModuleDef);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyModuleDef_Type: "moduledef" for ModuleDef {
        base: Object,
        flags: [],
        slots: {
            tp_dealloc = never_freed,
        },
    }
}

/// # Safety
/// As `tp_dealloc`.
unsafe fn never_freed(_py: Attached<'_>, _this: ptr::NonNull<ModuleDef>) {}

/// The name to give the module: of a package's submodule the full one, if the last part agrees.
fn qualified(py: Attached<'_>, name: &str, package_context: Option<&str>) -> PyResult<Ref<Str>> {
    match package_context {
        Some(context) if context.rsplit('.').next() == Some(name) => Str::new(py, context),
        _ => Str::new(py, name),
    }
}

fn allocate_state(py: Attached<'_>, module: &Module, def: &PyModuleDef) -> PyResult<()> {
    let size = def.m_size.get();
    // State of no size tells that the module was filled.
    if size < 0 || size == 0 && def.m_slots.get().is_null() || !module.0.md_state.get().is_null() {
        return Ok(());
    }
    // SAFETY: zeroed memory that the module frees.
    let state = unsafe { libc::calloc(1, (size as usize).max(1)) };
    if state.is_null() {
        return Err(py.no_memory());
    }
    module.0.md_state.set(state);
    Ok(())
}

fn set_doc(py: Attached<'_>, module: &Object, def: &PyModuleDef) -> PyResult<()> {
    if def.m_doc.get().is_null() {
        return Ok(());
    }
    let doc = Str::new(py, &c_text(def.m_doc.get()))?;
    module.set_attr(py, id!(py, __doc__), Some(doc.as_object()))
}

/// A module of single-phase initialisation (`PyModule_Create2`, after the version check).
///
/// # Safety
/// `def` is a live definition that outlives the module.
pub unsafe fn module_from_def(
    py: Attached<'_>,
    def: *mut PyModuleDef,
    package_context: Option<&str>,
) -> PyResult<Ref<Module>> {
    // SAFETY: by the contract.
    let definition = unsafe { &*def };
    let name = c_text(definition.m_name.get());
    if !definition.m_slots.get().is_null() {
        return Err(raise!(py, SystemError, "module {name}: PyModule_Create is incompatible with m_slots"));
    }
    let module = Module::with_name(py, &*qualified(py, &name, package_context)?)?;
    allocate_state(py, &module, definition)?;
    module.0.md_def.set(def);
    if !definition.m_methods.get().is_null() {
        // SAFETY: by the contract.
        unsafe { module.add_raw_functions(py, definition.m_methods.get())? };
    }
    set_doc(py, module.as_object(), definition)?;
    Ok(module)
}

/// What the slots of a definition say before the module exists.
struct Plan {
    create: Option<unsafe extern "C" fn(*mut PyObject, *mut PyModuleDef) -> *mut PyObject>,
    has_exec: bool,
    multiple_interpreters: *mut c_void,
    gil: *mut c_void,
}

/// # Safety
/// `def` is a live definition.
unsafe fn read_slots(py: Attached<'_>, def: &PyModuleDef, name: &str) -> PyResult<Plan> {
    let mut plan = Plan {
        create: None,
        has_exec: false,
        multiple_interpreters: Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED_VALUE as *mut c_void,
        gil: ptr::null_mut(),
    };
    let (mut seen_interpreters, mut seen_gil) = (false, false);
    let mut slot = def.m_slots.get();
    // SAFETY: the table ends with a zero entry.
    while let Some(entry) = unsafe { slot.as_ref() }.filter(|entry| entry.slot != 0) {
        match entry.slot {
            Py_mod_create => {
                if plan.create.is_some() {
                    return Err(raise!(py, SystemError, "module {name} has multiple create slots"));
                }
                // SAFETY: the slot's value is such a function.
                plan.create = unsafe { transmute::<*mut c_void, Option<_>>(entry.value) };
            }
            Py_mod_exec => plan.has_exec = true,
            Py_mod_multiple_interpreters => {
                if seen_interpreters {
                    return Err(raise!(
                        py,
                        SystemError,
                        "module {name} has more than one 'multiple interpreters' slots"
                    ));
                }
                seen_interpreters = true;
                plan.multiple_interpreters = entry.value;
            }
            Py_mod_gil => {
                if seen_gil {
                    return Err(raise!(py, SystemError, "module {name} has more than one 'gil' slot"));
                }
                seen_gil = true;
                plan.gil = entry.value;
            }
            other => {
                return Err(raise!(py, SystemError, "module {name} uses unknown slot ID {other}"));
            }
        }
        // SAFETY: not the end yet.
        slot = unsafe { slot.add(1) };
    }
    Ok(plan)
}

const Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED_VALUE: usize = 1;

/// The module of a definition for a spec, not yet executed (`PyModule_FromDefAndSpec2`).
///
/// # Safety
/// `def` is a live definition that outlives the module.
pub unsafe fn module_from_def_and_spec(
    py: Attached<'_>,
    def: *mut PyModuleDef,
    spec: &Object,
) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    let definition = unsafe { &*def };
    let name = spec.get_attr(py, id!(py, name))?;
    let name = match name.downcast::<Str>() {
        Ok(name) => name,
        Err(_) => return Err(raise!(py, TypeError, "module name must be a string")),
    };
    let text = name.to_string();
    if definition.m_size.get() < 0 {
        return Err(raise!(
            py,
            SystemError,
            "module {text}: m_size may not be negative for multi-phase initialization"
        ));
    }
    // SAFETY: by the contract.
    let plan = unsafe { read_slots(py, definition, &text)? };
    let needed = py.state().extension_check.load(std::sync::atomic::Ordering::Relaxed);
    if plan.multiple_interpreters.addr() < usize::from(needed) {
        return Err(raise!(py, ImportError, "module {text} does not support loading in subinterpreters"));
    }
    let module: Ref<Object> = match plan.create {
        Some(create) => {
            // SAFETY: [slot-contract].
            let made = unsafe { Ref::<Object>::from_raw_opt(create(spec.as_ptr(), def)) };
            match made {
                Some(_) if py.pending().is_some() => {
                    return Err(raise!(py, SystemError, "creation of module {text} raised unreported exception"));
                }
                Some(module) => module,
                None if py.pending().is_some() => return Err(crate::Raised::assume()),
                None => {
                    return Err(raise!(
                        py,
                        SystemError,
                        "creation of module {text} failed without setting an exception"
                    ));
                }
            }
        }
        None => Module::with_name(py, &name)?.upcast(),
    };
    match module.as_object().downcast::<Module>() {
        Some(made) => {
            made.0.md_state.set(ptr::null_mut());
            made.0.md_def.set(def);
            made.0.md_gil.set(plan.gil);
        }
        None => {
            let plain = definition.m_size.get() > 0
                || definition.m_traverse.get().is_some()
                || definition.m_clear.get().is_some()
                || definition.m_free.get().is_some();
            if plain {
                return Err(raise!(py, SystemError, "module {text} is not a module object, but requests module state"));
            }
            if plan.has_exec {
                return Err(raise!(
                    py,
                    SystemError,
                    "module {text} specifies execution slots, but did not create a ModuleType instance"
                ));
            }
        }
    }
    if !definition.m_methods.get().is_null() {
        // SAFETY: by the contract.
        unsafe { add_functions_to(py, &module, &name, definition.m_methods.get())? };
    }
    set_doc(py, &module, definition)?;
    Ok(module)
}

/// # Safety
/// `table` ends with an entry without a name and outlives the functions.
unsafe fn add_functions_to(py: Attached<'_>, module: &Object, name: &Str, mut table: *mut PyMethodDef) -> PyResult<()> {
    // SAFETY: by the contract.
    while let Some(def) = unsafe { table.as_ref() }.filter(|def| !def.ml_name.get().is_null()) {
        if def.ml_flags.get() & (METH_CLASS | METH_STATIC) != 0 {
            return Err(raise!(py, ValueError, "module functions cannot set METH_CLASS or METH_STATIC"));
        }
        let function =
            crate::builtins::methodobject::CFunction::new(py, table, Some(module), Some(name.as_object()), None)?;
        crate::mode::set_deferred(function.as_object());
        let key = Str::intern(py, Str::new(py, &c_text(def.ml_name.get()))?);
        module.set_attr(py, key, Some(function.as_object()))?;
        // SAFETY: not the end yet.
        table = unsafe { table.add(1) };
    }
    Ok(())
}

/// Runs the `Py_mod_exec` slots (`PyModule_ExecDef`).
///
/// # Safety
/// `def` is a live definition that outlives the module.
pub unsafe fn module_exec_def(py: Attached<'_>, module: &Object, def: *mut PyModuleDef) -> PyResult<()> {
    // SAFETY: by the contract.
    let definition = unsafe { &*def };
    let name = c_text(definition.m_name.get());
    if let Some(module) = module.downcast::<Module>() {
        allocate_state(py, module, definition)?;
    }
    let mut slot = definition.m_slots.get();
    // SAFETY: the table ends with a zero entry.
    while let Some(entry) = unsafe { slot.as_ref() }.filter(|entry| entry.slot != 0) {
        if entry.slot == Py_mod_exec {
            // SAFETY: the slot's value is such a function.
            let exec = unsafe { transmute::<*mut c_void, unsafe extern "C" fn(*mut PyObject) -> c_int>(entry.value) };
            // SAFETY: [slot-contract].
            let status = unsafe { exec(module.as_ptr()) };
            if status != 0 && py.pending().is_none() {
                return Err(raise!(py, SystemError, "execution of module {name} failed without setting an exception"));
            }
            if status == 0 && py.pending().is_some() {
                return Err(raise!(py, SystemError, "execution of module {name} raised unreported exception"));
            }
            check_status(py, if status == 0 { 0 } else { -1 })?;
        }
        // SAFETY: not the end yet.
        slot = unsafe { slot.add(1) };
    }
    Ok(())
}
