//! The error of `from module import name` when the module has no such name.
use krait_object::exceptions::raise_import_error;
use krait_object::moduleobject::{is_shadowing, is_stdlib_name};
use krait_object::{Attached, Layout, Object, PyResult, Raised, Ref, Str, exc, id};

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
    let shadowing = origin.as_ref().is_some_and(|origin| is_shadowing(py, origin));
    let hides_library = match package {
        Some(package) if shadowing => is_stdlib_name(py, package)?,
        _ => false,
    };
    let message = if hides_library {
        format!(
            "cannot import name '{name_text}' from '{shown}' (consider renaming '{place}' since it has the same name \
             as the standard library module named '{shown}' and prevents importing that standard library module)"
        )
    } else if initializing && shadowing {
        format!(
            "cannot import name '{name_text}' from '{shown}' (consider renaming '{place}' if it has the same name as a \
             library you intended to import)"
        )
    } else if initializing {
        format!(
            "cannot import name '{name_text}' from partially initialized module '{shown}' (most likely due to a \
             circular import) ({place})"
        )
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
