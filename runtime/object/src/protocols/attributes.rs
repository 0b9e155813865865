//! Attribute access on ordinary objects: type lookup, descriptors and the instance dict.
use crate::builtins::exceptions::AttributeError;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::Py_TPFLAGS_METHOD_DESCRIPTOR;
use crate::protocols::call::{check_status, steal_result};
use crate::typeobject::flags;
use crate::typeobject::instance;
use crate::typeobject::slots::PyObject_GenericSetAttr;
use crate::{Dict, Object, PyResult, Raised, Str, Type, exc, raise};
use std::ptr;

/// An attribute name as a `str`, else `TypeError`.
#[inline]
pub fn checked_name<'a>(py: Attached<'_>, name: &'a Object) -> PyResult<&'a Str> {
    match name.downcast::<Str>() {
        Some(name) => Ok(name),
        None => Err(raise!(py, TypeError, "attribute name must be string, not '{}'", name.ty().name())),
    }
}

/// Raises `AttributeError` with `name` and `obj` set.
#[cold]
pub fn attribute_error(py: Attached<'_>, object: &Object, name: &Str, message: std::fmt::Arguments<'_>) -> Raised {
    crate::builtins::exceptions::raise_attribute_error(py, object, name, message)
}

/// Gives a pending `AttributeError` without `name` and `obj` these attributes.
pub fn add_context(py: Attached<'_>, object: &Object, name: &Str) {
    if let Some(error) = py.pending().and_then(|error| error.as_object().downcast::<AttributeError>()) {
        error.set_subject(object, name);
    }
}

#[cold]
fn no_attribute(py: Attached<'_>, object: &Object, name: &Str) -> Raised {
    attribute_error(py, object, name, format_args!("'{}' object has no attribute '{name}'", object.ty().name()))
}

/// Calls `tp_descr_get` of a descriptor found on the type of `object`.
#[inline]
fn bind(py: Attached<'_>, descr: &Object, object: &Object, get: crate::layout::descrgetfunc) -> PyResult<Ref<Object>> {
    // SAFETY: [slot-contract].
    unsafe { steal_result(py, get(descr.as_ptr(), object.as_ptr(), object.ty().as_ptr())) }
}

/// Drops an `AttributeError`, keeps every other error.
#[inline]
fn suppress(py: Attached<'_>, result: PyResult<Ref<Object>>) -> PyResult<Option<Ref<Object>>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(raised) if raised.matches(py, exc::AttributeError()) => {
            raised.clear(py);
            Ok(None)
        }
        Err(raised) => Err(raised),
    }
}

/// `object.__getattribute__`, with `None` where nothing is found and no `AttributeError` made for it.
pub fn generic_get_attr_opt(py: Attached<'_>, object: &Object, name: &Str) -> PyResult<Option<Ref<Object>>> {
    match generic_lookup(py, object, name)? {
        Found::Value(value) => Ok(Some(value)),
        Found::Bind(descr, get) => {
            // SAFETY: [slot-contract].
            match unsafe { Ref::from_raw_opt(get(descr.as_ptr(), object.as_ptr(), object.ty().as_ptr())) } {
                Some(value) => Ok(Some(value)),
                // Extensions say so that there is nothing, and where a missing attribute is an error it is one.
                None if py.pending().is_none() => Ok(None),
                None => suppress(py, Err(crate::Raised::assume())),
            }
        }
        Found::Nothing => Ok(None),
    }
}

enum Found {
    Value(Ref<Object>),
    Bind(Ref<Object>, crate::layout::descrgetfunc),
    Nothing,
}

#[inline]
fn generic_lookup(py: Attached<'_>, object: &Object, name: &Str) -> PyResult<Found> {
    let ty = object.ty();
    if !ty.is_ready() {
        ty.ready(py)?;
    }
    let descr = ty.lookup(py, name);
    let mut get = None;
    if let Some(descr) = &descr {
        let descr_type = descr.ty().as_type();
        get = descr_type.tp_descr_get.get();
        if let Some(get) = get
            && descr_type.tp_descr_set.get().is_some()
        {
            return Ok(Found::Bind(descr.clone(), get));
        }
    }
    if let Some(value) = instance::get_instance_attr(py, object, name)? {
        return Ok(Found::Value(value));
    }
    Ok(match (descr, get) {
        (Some(descr), Some(get)) => Found::Bind(descr, get),
        (Some(descr), None) => Found::Value(descr),
        (None, _) => Found::Nothing,
    })
}

/// What `CALL_METHOD` needs: the function and `true` when it must get `object` in front, else the bound attribute.
pub fn get_method(py: Attached<'_>, object: &Object, name: &Str) -> PyResult<(Ref<Object>, bool)> {
    let ty = object.ty();
    if !ty.reads_generically() {
        return Ok((object.get_attr(py, name)?, false));
    }
    let descr = ty.lookup(py, name);
    let mut get = None;
    let mut is_method = false;
    if let Some(descr) = &descr {
        let descr_type = descr.ty();
        if descr_type.has_feature(Py_TPFLAGS_METHOD_DESCRIPTOR) {
            is_method = true;
        } else {
            get = descr_type.as_type().tp_descr_get.get();
            if let Some(get) = get
                && descr_type.as_type().tp_descr_set.get().is_some()
            {
                return Ok((bind(py, descr, object, get)?, false));
            }
        }
    }
    if let Some(value) = instance::get_instance_attr(py, object, name)? {
        return Ok((value, false));
    }
    match (descr, get) {
        (Some(descr), _) if is_method => Ok((descr, true)),
        (Some(descr), Some(get)) => Ok((bind(py, &descr, object, get)?, false)),
        (Some(descr), None) => Ok((descr, false)),
        (None, _) => Err(no_attribute(py, object, name)),
    }
}

impl Object {
    pub fn get_attr(&self, py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
        let ty = self.ty().as_type();
        if let Some(getattro) = ty.tp_getattro.get() {
            // SAFETY: [slot-contract].
            return match unsafe { Ref::from_raw_opt(getattro(self.as_ptr(), name.as_ptr())) } {
                Some(value) => Ok(value),
                None => {
                    if py.pending().is_none() {
                        return Err(raise!(py, SystemError, "error return without exception set"));
                    }
                    add_context(py, self, name);
                    Err(Raised::assume())
                }
            };
        }
        if let Some(getattr) = ty.tp_getattr.get() {
            let text = c_name(py, name)?;
            // SAFETY: [slot-contract]; the text outlives the call.
            return unsafe { steal_result(py, getattr(self.as_ptr(), text.as_ptr().cast_mut())) };
        }
        Err(no_attribute(py, self, name))
    }

    /// `None` in place of `AttributeError`, without creating the exception where possible.
    pub fn get_attr_opt(&self, py: Attached<'_>, name: &Str) -> PyResult<Option<Ref<Object>>> {
        let ty = self.ty();
        if ty.reads_generically() {
            return generic_get_attr_opt(py, self, name);
        }
        if let Some(ty) = self.downcast::<Type>()
            && crate::typeobject::has_plain_getattro(ty)
        {
            return crate::typeobject::type_getattr_opt(py, ty, name);
        }
        match ty.as_type().tp_getattro.get() {
            // SAFETY: [slot-contract].
            Some(getattro) => suppress(py, unsafe { steal_result(py, getattro(self.as_ptr(), name.as_ptr())) }),
            None => suppress(py, self.get_attr(py, name)),
        }
    }

    pub fn has_attr(&self, py: Attached<'_>, name: &Str) -> PyResult<bool> {
        Ok(self.get_attr_opt(py, name)?.is_some())
    }

    /// `None` deletes.
    pub fn set_attr(&self, py: Attached<'_>, name: &Str, value: Option<&Object>) -> PyResult<()> {
        let ty = self.ty().as_type();
        let interned: Option<&'static Str> = (!name.is_interned()).then(|| Str::intern(py, name.to_ref()));
        let name = interned.unwrap_or(name);
        let raw = value.map_or(ptr::null_mut(), Layout::as_ptr);
        if let Some(setattro) = ty.tp_setattro.get() {
            // SAFETY: [slot-contract].
            return check_status(py, unsafe { setattro(self.as_ptr(), name.as_ptr(), raw) });
        }
        if let Some(setattr) = ty.tp_setattr.get() {
            let text = c_name(py, name)?;
            // SAFETY: [slot-contract]; the text outlives the call.
            return check_status(py, unsafe { setattr(self.as_ptr(), text.as_ptr().cast_mut(), raw) });
        }
        let readable = ty.tp_getattr.get().is_some() || ty.tp_getattro.get().is_some();
        let (which, action) =
            (if readable { "only read-only" } else { "no" }, if value.is_none() { "del" } else { "assign to" });
        Err(raise!(py, TypeError, "'{}' object has {which} attributes ({action} .{name})", self.ty().name()))
    }

    /// `object.__getattribute__` (`PyObject_GenericGetAttr`).
    pub fn generic_get_attr(&self, py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
        match generic_lookup(py, self, name)? {
            Found::Value(value) => Ok(value),
            Found::Bind(descr, get) => bind(py, &descr, self, get),
            Found::Nothing => Err(no_attribute(py, self, name)),
        }
    }

    /// `object.__setattr__` and `__delattr__`.
    pub fn generic_set_attr(&self, py: Attached<'_>, name: &Str, value: Option<&Object>) -> PyResult<()> {
        generic_set_attr_in(py, self, name, value, None)
    }

    /// Finds a special method on the type and binds it.
    pub fn lookup_special(&self, py: Attached<'_>, name: &Str) -> PyResult<Option<Ref<Object>>> {
        let Some(found) = self.ty().lookup(py, name) else { return Ok(None) };
        match found.ty().as_type().tp_descr_get.get() {
            Some(get) => bind(py, &found, self, get).map(Some),
            None => Ok(Some(found)),
        }
    }
}

/// `object.__getattribute__` with a given instance dict (`_PyObject_GenericGetAttrWithDict`).
pub fn generic_get_attr_with(
    py: Attached<'_>,
    object: &Object,
    name: &Str,
    dict: &Dict,
) -> PyResult<Option<Ref<Object>>> {
    let descr = object.ty().lookup(py, name);
    let get = descr.as_ref().and_then(|descr| descr.ty().as_type().tp_descr_get.get());
    if let (Some(descr), Some(get)) = (&descr, get)
        && descr.ty().as_type().tp_descr_set.get().is_some()
    {
        return bind(py, descr, object, get).map(Some);
    }
    if let Some(value) = dict.get(py, name.as_object())? {
        return Ok(Some(value));
    }
    match (descr, get) {
        (Some(descr), Some(get)) => bind(py, &descr, object, get).map(Some),
        (descr, _) => Ok(descr),
    }
}

/// `object.__setattr__` with an optional given instance dict.
pub fn generic_set_attr_in(
    py: Attached<'_>,
    object: &Object,
    name: &Str,
    value: Option<&Object>,
    dict: Option<&Dict>,
) -> PyResult<()> {
    let ty = object.ty();
    let descr = ty.lookup(py, name);
    if let Some(descr) = &descr
        && let Some(set) = descr.ty().as_type().tp_descr_set.get()
    {
        let raw = value.map_or(ptr::null_mut(), Layout::as_ptr);
        // SAFETY: [slot-contract].
        return check_status(py, unsafe { set(descr.as_ptr(), object.as_ptr(), raw) });
    }
    let stored = match dict {
        Some(dict) => Some(match value {
            Some(value) => dict.set(py, name.as_object(), value).map(|()| true)?,
            None => dict.remove(py, name.as_object())?.is_some(),
        }),
        None => instance::set_instance_attr(py, object, name, value)?,
    };
    match stored {
        Some(true) => Ok(()),
        Some(false) => Err(no_attribute(py, object, name)),
        None => Err(unsettable(py, object, name, descr.is_some())),
    }
}

#[cold]
fn unsettable(py: Attached<'_>, object: &Object, name: &Str, is_class_attribute: bool) -> Raised {
    let ty = object.ty().name();
    if is_class_attribute {
        return attribute_error(py, object, name, format_args!("'{ty}' object attribute '{name}' is read-only"));
    }
    let generic = object
        .ty()
        .as_type()
        .tp_setattro
        .get()
        .is_some_and(|slot| ptr::fn_addr_eq(slot, PyObject_GenericSetAttr as crate::layout::setattrofunc));
    if generic {
        return attribute_error(
            py,
            object,
            name,
            format_args!("'{ty}' object has no attribute '{name}' and no __dict__ for setting new attributes"),
        );
    }
    no_attribute(py, object, name)
}

fn c_name(py: Attached<'_>, name: &Str) -> PyResult<std::ffi::CString> {
    match std::ffi::CString::new(name.to_utf8(py)?) {
        Ok(text) => Ok(text),
        Err(_) => Err(raise!(py, ValueError, "embedded null character")),
    }
}

/// Whether the type keeps a dict (or room for one) in its instances.
pub fn has_instance_dict(ty: &Type) -> bool {
    ty.as_type().tp_dictoffset.get() != 0 || ty.has_feature(flags::MANAGED_DICT)
}
