//! The error of `from module import name` when the module has no such name.
use krait_object::exceptions::raise_import_error;
use krait_object::{Attached, Layout, List, Object, PyResult, Raised, Ref, Str, exc, id};

/// A module attribute that is a string.
fn text_attr(py: Attached<'_>, object: &Object, name: &Str) -> PyResult<Option<Ref<Str>>> {
    Ok(object.get_attr_opt(py, name)?.and_then(|value| value.downcast::<Str>().ok()))
}

/// Raises the `ImportError`, with hints about circular imports and shadowing scripts.
pub fn cannot_import(py: Attached<'_>, module: &Object, package: Option<&Object>, name: &Str) -> PyResult<Raised> {
    let package = package.and_then(|package| package.downcast::<Str>());
    let shown = package.map_or_else(|| "<unknown module name>".to_owned(), |name| name.to_string_lossy().into_owned());
    let spec = module.get_attr_opt(py, id!(py, __spec__))?;
    let mut origin = None;
    let mut initializing = false;
    if let Some(spec) = spec.as_ref().filter(|spec| !spec.is_none()) {
        if let Some(located) = spec.get_attr_opt(py, id!(py, has_location))?
            && located.is_true(py)?
        {
            origin = text_attr(py, spec, id!(py, origin))?;
        }
        if let Some(flag) = spec.get_attr_opt(py, id!(py, _initializing))? {
            initializing = flag.is_true(py)?;
        }
    }
    if origin.is_none() {
        origin = text_attr(py, module, id!(py, __file__))?;
    }
    let place = origin.as_ref().map_or_else(|| "unknown location".to_owned(), |o| o.to_string_lossy().into_owned());
    let name_text = name.to_string_lossy();
    let message = if initializing {
        if origin.is_some() && shadows_stdlib(py, &shown, &place) {
            format!(
                "cannot import name '{name_text}' from '{shown}' (consider renaming '{place}' since it has the same \
                 name as the standard library module named '{shown}' and prevents importing that standard library \
                 module)"
            )
        } else {
            format!(
                "cannot import name '{name_text}' from partially initialized module '{shown}' (most likely due to a \
                 circular import) ({place})"
            )
        }
    } else {
        format!("cannot import name '{name_text}' from '{shown}' ({place})")
    };
    let raised = raise_import_error(
        py,
        exc::ImportError(),
        format_args!("{message}"),
        package.map(Layout::as_object),
        origin.as_deref().map(Layout::as_object),
        Some(name.as_object()),
    );
    Ok(raised)
}

/// Whether a script beside the main program hides a standard module.
fn shadows_stdlib(py: Attached<'_>, module: &str, file: &str) -> bool {
    let Some(names) = crate::sysmodule::get(py, "stdlib_module_names") else { return false };
    let Ok(module) = Str::new(py, module) else { return false };
    let standard = names.contains(py, module.as_object()).unwrap_or_else(|raised| {
        raised.clear(py);
        false
    });
    if !standard {
        return false;
    }
    let path = crate::sysmodule::get(py, "path");
    let first = path.as_ref().and_then(|path| path.as_object().downcast::<List>()).and_then(|path| path.get(py, 0));
    let first = first.as_ref().and_then(|first| first.as_object().downcast::<Str>());
    let Some(first) = first.map(|first| first.to_string_lossy().into_owned()) else { return false };
    let parent = std::path::Path::new(file).parent().map(|parent| parent.to_string_lossy().into_owned());
    parent.is_some_and(|parent| parent == first)
}
