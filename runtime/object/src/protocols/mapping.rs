//! Subscription and mappings: `PyObject_GetItem`, `PyMapping_*`.
use crate::builtins::container::index_value;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{PyMappingMethods, PyObject, PySequenceMethods};
use crate::{Dict, List, Object, PyResult, Raised, Str, Tuple, Type, exc, id, raise};
use std::ffi::c_int;

/// The mapping slots of a type.
#[inline(always)]
pub(super) fn mapping(ty: &Type) -> Option<&PyMappingMethods> {
    // SAFETY: [layout]: a type's method tables live as long as it.
    unsafe { ty.as_type().tp_as_mapping.get().as_ref() }
}

/// The sequence slots of a type.
#[inline(always)]
pub(super) fn sequence(ty: &Type) -> Option<&PySequenceMethods> {
    // SAFETY: as `mapping`.
    unsafe { ty.as_type().tp_as_sequence.get().as_ref() }
}

/// The result of an object slot.
#[inline(always)]
pub(super) fn object_result(raw: *mut PyObject) -> PyResult<Ref<Object>> {
    // SAFETY: a slot returns a new reference, or null with an exception set.
    unsafe { Ref::from_raw_opt(raw) }.ok_or_else(Raised::assume)
}

/// The result of a status slot.
#[inline(always)]
pub(super) fn status_result(status: c_int) -> PyResult<()> {
    if status < 0 { Err(Raised::assume()) } else { Ok(()) }
}

#[inline(always)]
fn length_result(length: isize) -> PyResult<usize> {
    usize::try_from(length).map_err(|_| Raised::assume())
}

impl Object {
    /// `len(self)`.
    pub fn len(&self, py: Attached<'_>) -> PyResult<usize> {
        let ty = self.ty();
        if let Some(length) = sequence(ty).and_then(|slots| slots.sq_length.get()) {
            // SAFETY: [slot-contract].
            return length_result(unsafe { length(self.as_ptr()) });
        }
        self.mapping_len(py)
    }

    /// The length of a mapping (`PyMapping_Size`).
    pub fn mapping_len(&self, py: Attached<'_>) -> PyResult<usize> {
        let ty = self.ty();
        if let Some(length) = mapping(ty).and_then(|slots| slots.mp_length.get()) {
            // SAFETY: [slot-contract].
            return length_result(unsafe { length(self.as_ptr()) });
        }
        let name = ty.name();
        if sequence(ty).is_some_and(|slots| slots.sq_length.get().is_some()) {
            return Err(raise!(py, TypeError, "{name} is not a mapping"));
        }
        Err(raise!(py, TypeError, "object of type '{name}' has no len()"))
    }

    /// `self[key]`.
    #[inline]
    pub fn get_item(&self, py: Attached<'_>, key: &Object) -> PyResult<Ref<Object>> {
        if let Some(subscript) = mapping(self.ty()).and_then(|slots| slots.mp_subscript.get()) {
            // SAFETY: [slot-contract].
            return object_result(unsafe { subscript(self.as_ptr(), key.as_ptr()) });
        }
        self.get_item_slow(py, key)
    }

    #[cold]
    fn get_item_slow(&self, py: Attached<'_>, key: &Object) -> PyResult<Ref<Object>> {
        let ty = self.ty();
        if sequence(ty).is_some_and(|slots| slots.sq_item.get().is_some()) {
            return match index_value(py, key)? {
                Some(index) => self.sequence_item(py, index),
                None => {
                    let name = key.ty().name();
                    Err(raise!(py, TypeError, "sequence index must be integer, not '{name}'"))
                }
            };
        }
        if let Some(class) = self.downcast::<Type>() {
            if std::ptr::eq(class, Type::type_object()) {
                return crate::builtins::container::generic_alias(py, class, key);
            }
            if let Some(method) = self.get_attr_opt(py, id!(py, __class_getitem__))?.filter(|method| !method.is_none())
            {
                return method.call_pos(py, &[key]);
            }
            let name = class.name();
            return Err(raise!(py, TypeError, "type '{name}' is not subscriptable"));
        }
        let name = ty.name();
        Err(raise!(py, TypeError, "'{name}' object is not subscriptable"))
    }

    /// `self[key] = value`.
    pub fn set_item(&self, py: Attached<'_>, key: &Object, value: &Object) -> PyResult<()> {
        self.assign_item(py, key, Some(value))
    }

    /// `del self[key]`.
    pub fn del_item(&self, py: Attached<'_>, key: &Object) -> PyResult<()> {
        self.assign_item(py, key, None)
    }

    fn assign_item(&self, py: Attached<'_>, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let ty = self.ty();
        if let Some(assign) = mapping(ty).and_then(|slots| slots.mp_ass_subscript.get()) {
            let value = value.map_or(std::ptr::null_mut(), Layout::as_ptr);
            // SAFETY: [slot-contract].
            return status_result(unsafe { assign(self.as_ptr(), key.as_ptr(), value) });
        }
        if let Some(slots) = sequence(ty)
            && slots.sq_ass_item.get().is_some()
        {
            return match index_value(py, key)? {
                Some(index) => self.sequence_assign(py, index, value),
                None => {
                    let name = key.ty().name();
                    Err(raise!(py, TypeError, "sequence index must be integer, not '{name}'"))
                }
            };
        }
        // Where an index would do, the sequence protocol speaks.
        if sequence(ty).is_some()
            && let Some(index) = index_value(py, key)?
        {
            return self.sequence_assign(py, index, value);
        }
        let name = ty.name();
        Err(match value {
            Some(_) => raise!(py, TypeError, "'{name}' object does not support item assignment"),
            None => raise!(py, TypeError, "'{name}' object does not support item deletion"),
        })
    }

    /// `None` in place of `KeyError`.
    pub fn get_item_opt(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        if let Some(dict) = self.downcast_exact::<Dict>() {
            return dict.get(py, key);
        }
        match self.get_item(py, key) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.matches(py, exc::KeyError()) => {
                error.clear(py);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub fn get_item_str(&self, py: Attached<'_>, key: &Str) -> PyResult<Ref<Object>> {
        self.get_item(py, key.as_object())
    }

    /// Whether it has `__getitem__` for keys (`PyMapping_Check`).
    pub fn is_mapping(&self) -> bool {
        mapping(self.ty()).is_some_and(|slots| slots.mp_subscript.get().is_some())
    }

    /// `list(self.keys())` (`PyMapping_Keys`).
    pub fn mapping_keys(&self, py: Attached<'_>) -> PyResult<Ref<List>> {
        if let Some(dict) = self.downcast_exact::<Dict>() {
            return List::from_vec(py, dict.items_snapshot(py)?.into_iter().map(|(key, _)| key).collect());
        }
        self.method_as_list(py, id!(py, keys))
    }

    /// `list(self.values())` (`PyMapping_Values`).
    pub fn mapping_values(&self, py: Attached<'_>) -> PyResult<Ref<List>> {
        if let Some(dict) = self.downcast_exact::<Dict>() {
            return List::from_vec(py, dict.items_snapshot(py)?.into_iter().map(|(_, value)| value).collect());
        }
        self.method_as_list(py, id!(py, values))
    }

    /// `list(self.items())` (`PyMapping_Items`).
    pub fn mapping_items(&self, py: Attached<'_>) -> PyResult<Ref<List>> {
        if let Some(dict) = self.downcast_exact::<Dict>() {
            let pairs = dict.items_snapshot(py)?.into_iter();
            let pairs: PyResult<Vec<_>> = pairs.map(|(key, value)| Ok(Tuple::pair(py, key, value)?.upcast())).collect();
            return List::from_vec(py, pairs?);
        }
        self.method_as_list(py, id!(py, items))
    }

    fn method_as_list(&self, py: Attached<'_>, name: &Str) -> PyResult<Ref<List>> {
        let result = self.call_method(py, name, &[])?;
        match result.iter(py) {
            Ok(iter) => iter.sequence_list(py),
            Err(error) if error.matches(py, exc::TypeError()) => {
                error.clear(py);
                let (own, given) = (self.ty().name(), result.ty().name());
                let name = name.to_string_lossy();
                Err(raise!(py, TypeError, "{own}.{name}() returned a non-iterable (type {given})"))
            }
            Err(error) => Err(error),
        }
    }
}
