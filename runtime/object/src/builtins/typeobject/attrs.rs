//! Attributes of type objects: metatype descriptors first, then the MRO.
use super::{Type, lock_types, update};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{descrgetfunc, getattrofunc};
use crate::protocols::call::{check_status, steal_result};
use crate::{Object, PyResult, Raised, Str, id, raise};
use std::ptr;

enum Found {
    Value(Ref<Object>),
    Nothing,
}

fn bind(py: Attached<'_>, descr: &Object, get: descrgetfunc, instance: Option<&Type>, owner: &Type) -> PyResult<Found> {
    let instance = instance.map_or(ptr::null_mut(), Layout::as_ptr);
    // SAFETY: [slot-contract].
    unsafe { steal_result(py, get(descr.as_ptr(), instance, owner.as_ptr())) }.map(Found::Value)
}

fn find(py: Attached<'_>, ty: &Type, name: &Str) -> PyResult<Found> {
    if !ty.is_ready() {
        ty.ready(py)?;
    }
    let metatype = ty.as_object().ty();
    let meta = metatype.lookup(py, name);
    let mut meta_get = None;
    if let Some(descr) = &meta {
        let descr_type = descr.ty().as_type();
        meta_get = descr_type.tp_descr_get.get();
        if let Some(get) = meta_get
            && descr_type.tp_descr_set.get().is_some()
        {
            return bind(py, descr, get, Some(ty), metatype);
        }
    }
    if let Some(found) = ty.lookup(py, name) {
        return match found.ty().as_type().tp_descr_get.get() {
            Some(get) => bind(py, &found, get, None, ty),
            None => Ok(Found::Value(found)),
        };
    }
    match (meta, meta_get) {
        (Some(descr), Some(get)) => bind(py, &descr, get, Some(ty), metatype),
        (Some(descr), None) => Ok(Found::Value(descr)),
        (None, _) => Ok(Found::Nothing),
    }
}

#[cold]
fn no_attribute(py: Attached<'_>, ty: &Type, name: &Str) -> Raised {
    let text = format_args!("type object '{}' has no attribute '{name}'", ty.name());
    crate::protocols::attributes::attribute_error(py, ty.as_object(), name, text)
}

/// `tp_getattro` of `type`.
pub fn type_getattro(py: Attached<'_>, ty: &Type, name: &Object) -> PyResult<Ref<Object>> {
    let name = crate::protocols::attributes::checked_name(py, name)?;
    match find(py, ty, name)? {
        Found::Value(value) => Ok(value),
        Found::Nothing => Err(no_attribute(py, ty, name)),
    }
}

/// Whether attribute access on the type goes through [`type_getattro`].
pub fn has_plain_getattro(ty: &Type) -> bool {
    let plain: Option<getattrofunc> = Type::type_object().0.tp_getattro.get();
    match (plain, ty.as_object().ty().0.tp_getattro.get()) {
        (Some(plain), Some(slot)) => ptr::fn_addr_eq(plain, slot),
        _ => false,
    }
}

/// As [`type_getattro`] with `None` in place of `AttributeError`.
pub fn type_getattr_opt(py: Attached<'_>, ty: &Type, name: &Str) -> PyResult<Option<Ref<Object>>> {
    match find(py, ty, name) {
        Ok(Found::Value(value)) => Ok(Some(value)),
        Ok(Found::Nothing) => Ok(None),
        Err(raised) if raised.matches(py, crate::exc::AttributeError()) => {
            raised.clear(py);
            Ok(None)
        }
        Err(raised) => Err(raised),
    }
}

/// `tp_setattro` of `type`; `None` deletes.
pub fn type_setattro(py: Attached<'_>, ty: &Type, name: &Object, value: Option<&Object>) -> PyResult<()> {
    let name = crate::protocols::attributes::checked_name(py, name)?;
    if ty.is_immutable() {
        let name = name.as_object().repr(py)?;
        return Err(raise!(py, TypeError, "cannot set {name} attribute of immutable type '{}'", ty.name()));
    }
    let name = if name.is_interned() { name } else { Str::intern(py, name.to_exact(py)?) };
    let metatype = ty.as_object().ty();
    if let Some(descr) = metatype.lookup(py, name)
        && let Some(set) = descr.ty().as_type().tp_descr_set.get()
    {
        let raw = value.map_or(ptr::null_mut(), Layout::as_ptr);
        // SAFETY: [slot-contract].
        return check_status(py, unsafe { set(descr.as_ptr(), ty.as_ptr(), raw) });
    }
    if !store(py, ty, name, value)? {
        return Err(no_attribute(py, ty, name));
    }
    Ok(())
}

/// Changes an entry of a class dict and everything that depends on it. `false`: nothing to delete.
pub(super) fn store(py: Attached<'_>, ty: &Type, name: &Str, value: Option<&Object>) -> PyResult<bool> {
    let dict = ty.ensure_dict(py)?;
    // The displaced value stays alive until no cache can name it any more.
    let displaced;
    {
        let _lock = lock_types(py);
        displaced = dict.get_known(py, name.as_object(), name.hash())?;
        ty.modified(py);
        match value {
            Some(value) => dict.set(py, name.as_object(), value)?,
            None if displaced.is_none() => return Ok(false),
            None => drop(dict.remove(py, name.as_object())?),
        }
        if is_dunder(name) {
            update::update_slot(py, ty, name);
        }
        ty.modified(py);
    }
    drop(displaced);
    Ok(true)
}

/// Removes the descriptors `__dict__` and `__weakref__` that a class made for itself (`sys._clear_type_descriptors`).
pub fn clear_descriptors(py: Attached<'_>, ty: &Type) -> PyResult<()> {
    if ty.is_immutable() {
        return Err(raise!(py, TypeError, "argument is immutable"));
    }
    store(py, ty, id!(py, __dict__), None)?;
    store(py, ty, id!(py, __weakref__), None)?;
    Ok(())
}

pub(super) fn is_dunder(name: &Str) -> bool {
    let len = name.len();
    let underscore = |at: usize| name.char_at(at) == u32::from(b'_');
    len > 4 && underscore(0) && underscore(1) && underscore(len - 1) && underscore(len - 2)
}
