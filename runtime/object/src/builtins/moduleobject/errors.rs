//! What a module does about a missing attribute: its `__getattr__`, or an error that tells the likely cause.
use super::Module;
use crate::handle::{Attached, Layout, Ref};
use crate::protocols::attributes::attribute_error;
use crate::{Object, PyResult, Str, hooks, id};

/// Whether the import of the module is still under way.
pub(super) fn is_initializing(py: Attached<'_>, module: &Module) -> bool {
    let spec = module.dict().get(py, id!(py, __spec__).as_object()).ok().flatten();
    spec.is_some_and(|spec| spec_flag(py, &spec, id!(py, _initializing)))
}

fn spec_flag(py: Attached<'_>, spec: &Object, name: &Str) -> bool {
    let flag = spec.get_attr_opt(py, name).and_then(|flag| match flag {
        Some(flag) => flag.is_true(py),
        None => Ok(false),
    });
    flag.unwrap_or_else(|raised| {
        raised.clear(py);
        false
    })
}

/// The file that the module came from, when its spec has a location.
fn origin(py: Attached<'_>, spec: &Object) -> PyResult<Option<Ref<Str>>> {
    if !spec_flag(py, spec, id!(py, has_location)) {
        return Ok(None);
    }
    let origin = spec.get_attr_opt(py, id!(py, origin))?;
    Ok(origin.and_then(|origin| origin.downcast::<Str>().ok()))
}

/// Whether a file would be imported first although it is not meant to: its directory is what the program put in front of
/// `sys.path`.
pub fn is_shadowing(py: Attached<'_>, origin: &Str) -> bool {
    if let Some(flags) = (hooks::hooks().sys_attr)(py, "flags")
        && let Ok(Some(safe)) = flags.get_attr_opt(py, id!(py, safe_path))
        && safe.is_true(py).unwrap_or(false)
    {
        return false;
    }
    let Some(first) = (hooks::hooks().first_path)(py) else { return false };
    let origin = origin.to_string();
    let Some(mut root) = origin.rsplit_once('/').map(|(root, _)| root.to_owned()) else { return false };
    if origin.ends_with("/__init__.py") {
        match root.rsplit_once('/') {
            Some((parent, _)) => root = parent.to_owned(),
            None => return false,
        }
    }
    let first = if first.is_empty() {
        match std::env::current_dir() {
            Ok(here) => here.to_string_lossy().into_owned(),
            Err(_) => return false,
        }
    } else {
        first
    };
    first == root
}

/// Whether the standard library has a module of the name (`sys.stdlib_module_names`, as long as that is a set).
///
/// # Errors
/// What hashing or comparing the name raises.
pub fn is_stdlib_name(py: Attached<'_>, name: &Str) -> PyResult<bool> {
    let names = (hooks::hooks().sys_attr)(py, "stdlib_module_names");
    let is_set = |names: &Object| {
        names.is_instance_of(crate::Set::type_object()) || names.is_instance_of(crate::FrozenSet::type_object())
    };
    match names.filter(|names| is_set(names)) {
        Some(names) => names.contains(py, name.as_object()),
        None => Ok(false),
    }
}

/// The attribute from the module's `__getattr__`, or `AttributeError`.
#[cold]
pub(super) fn missing(py: Attached<'_>, module: &Module, name: &Str) -> PyResult<Ref<Object>> {
    if let Some(getattr) = module.dict().get(py, id!(py, __getattr__).as_object())? {
        return getattr.call_pos(py, &[name.as_object()]);
    }
    let object = module.as_object();
    let Some(module_name) = module.name(py) else {
        return Err(attribute_error(py, object, name, format_args!("module has no attribute '{name}'")));
    };
    let spec = module.dict().get(py, id!(py, __spec__).as_object())?.filter(|spec| !spec.is_none());
    let Some(spec) = spec else {
        return Err(attribute_error(
            py,
            object,
            name,
            format_args!("module '{module_name}' has no attribute '{name}'"),
        ));
    };
    let origin = origin(py, &spec)?;
    let shadowing = origin.as_ref().is_some_and(|origin| is_shadowing(py, origin));
    let hides_library = shadowing && is_stdlib_name(py, &module_name)?;
    if let Some(origin) = origin.as_ref().filter(|_| hides_library) {
        return Err(attribute_error(
            py,
            object,
            name,
            format_args!(
                "module '{module_name}' has no attribute '{name}' (consider renaming '{origin}' since it has the same \
                 name as the standard library module named '{module_name}' and prevents importing that standard \
                 library module)"
            ),
        ));
    }
    if spec_flag(py, &spec, id!(py, _initializing)) {
        return Err(match &origin {
            Some(origin) if shadowing => attribute_error(
                py,
                object,
                name,
                format_args!(
                    "module '{module_name}' has no attribute '{name}' (consider renaming '{origin}' if it has the \
                     same name as a library you intended to import)"
                ),
            ),
            Some(origin) => attribute_error(
                py,
                object,
                name,
                format_args!(
                    "partially initialized module '{module_name}' from '{origin}' has no attribute '{name}' (most \
                     likely due to a circular import)"
                ),
            ),
            None => attribute_error(
                py,
                object,
                name,
                format_args!(
                    "partially initialized module '{module_name}' has no attribute '{name}' (most likely due to a \
                     circular import)"
                ),
            ),
        });
    }
    let submodules = spec.get_attr_opt(py, id!(py, _uninitialized_submodules))?;
    let pending_submodule = match submodules {
        Some(submodules) if submodules.as_object().downcast::<crate::List>().is_some() => {
            submodules.contains(py, name.as_object())?
        }
        _ => false,
    };
    if pending_submodule {
        return Err(attribute_error(
            py,
            object,
            name,
            format_args!(
                "cannot access submodule '{name}' of module '{module_name}' (most likely due to a circular import)"
            ),
        ));
    }
    Err(attribute_error(py, object, name, format_args!("module '{module_name}' has no attribute '{name}'")))
}
