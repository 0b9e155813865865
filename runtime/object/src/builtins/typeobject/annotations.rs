//! `__annotations__` and `__annotate__` of classes: computed on first use (PEP 649).
use super::Type;
use crate::handle::{Attached, Layout, Ref};
use crate::{Dict, Int, Object, PyResult, id, raise};

fn own(py: Attached<'_>, ty: &Type, name: &crate::Str) -> PyResult<Option<Ref<Object>>> {
    match ty.dict() {
        Some(dict) => dict.get(py, name.as_object()),
        None => Ok(None),
    }
}

/// What a class attribute means on the class itself.
fn bind(py: Attached<'_>, ty: &Type, value: Ref<Object>) -> PyResult<Ref<Object>> {
    match value.ty().as_type().tp_descr_get.get() {
        // SAFETY: [slot-contract].
        Some(get) => unsafe {
            crate::protocols::call::steal_result(py, get(value.as_ptr(), std::ptr::null_mut(), ty.as_ptr()))
        },
        None => Ok(value),
    }
}

pub(super) fn get_annotate(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Object>> {
    if !ty.is_heap() {
        return Err(raise!(py, AttributeError, "type object '{}' has no attribute '__annotate__'", ty.name()));
    }
    // A function that the class body names `__annotate__` comes before the compiler's.
    for name in [id!(py, __annotate__), id!(py, __annotate_func__)] {
        if let Some(found) = own(py, ty, name)? {
            return bind(py, ty, found);
        }
    }
    let Some(dict) = ty.dict() else { return Ok(crate::none()) };
    dict.set(py, id!(py, __annotate_func__).as_object(), crate::none_borrowed())?;
    ty.modified(py);
    Ok(crate::none())
}

pub(super) fn set_annotate(py: Attached<'_>, ty: &Type, value: Option<&Object>) -> PyResult<()> {
    let Some(value) = value else {
        return Err(raise!(py, TypeError, "cannot delete __annotate__ attribute"));
    };
    if ty.is_immutable() {
        return Err(raise!(py, TypeError, "cannot set '__annotate__' attribute of immutable type '{}'", ty.name()));
    }
    if !value.is_none() && !value.is_callable() {
        return Err(raise!(py, TypeError, "__annotate__ must be callable or None"));
    }
    let Some(dict) = ty.dict() else { return Err(py.bad_internal_call()) };
    dict.set(py, id!(py, __annotate_func__).as_object(), value)?;
    if !value.is_none() {
        drop(dict.remove(py, id!(py, __annotations_cache__).as_object())?);
    }
    ty.modified(py);
    Ok(())
}

pub(super) fn get_annotations(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Object>> {
    if !ty.is_heap() {
        return Err(raise!(py, AttributeError, "type object '{}' has no attribute '__annotations__'", ty.name()));
    }
    for name in [id!(py, __annotations__), id!(py, __annotations_cache__)] {
        if let Some(found) = own(py, ty, name)? {
            return bind(py, ty, found);
        }
    }
    let annotate = ty.as_object().get_attr(py, id!(py, __annotate__))?;
    let result = if annotate.is_none() {
        Dict::new(py)?.upcast()
    } else {
        let format = Int::from_i64(py, 1)?;
        let result = annotate.call_pos(py, &[format.as_object()])?;
        if result.as_object().downcast::<Dict>().is_none() {
            return Err(raise!(py, TypeError, "__annotate__ returned non-dict of type '{}'", result.ty().name()));
        }
        result
    };
    if let Some(dict) = ty.dict() {
        dict.set(py, id!(py, __annotations_cache__).as_object(), &result)?;
    }
    ty.modified(py);
    Ok(result)
}

pub(super) fn set_annotations(py: Attached<'_>, ty: &Type, value: Option<&Object>) -> PyResult<()> {
    if ty.is_immutable() {
        return Err(raise!(py, TypeError, "cannot set '__annotations__' attribute of immutable type '{}'", ty.name()));
    }
    let Some(dict) = ty.dict() else { return Err(py.bad_internal_call()) };
    let explicit = dict.contains(py, id!(py, __annotations__).as_object())?;
    match value {
        Some(value) => {
            let name = if explicit { id!(py, __annotations__) } else { id!(py, __annotations_cache__) };
            dict.set(py, name.as_object(), value)?;
        }
        None => {
            let removed = dict.remove(py, id!(py, __annotations__).as_object())?.is_some()
                | dict.remove(py, id!(py, __annotations_cache__).as_object())?.is_some();
            if !removed {
                return Err(raise!(py, AttributeError, "__annotations__"));
            }
        }
    }
    for name in [id!(py, __annotate_func__), id!(py, __annotate__)] {
        drop(dict.remove(py, name.as_object())?);
    }
    ty.modified(py);
    Ok(())
}
