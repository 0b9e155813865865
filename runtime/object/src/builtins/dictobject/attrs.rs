//! Attributes of instances: inline values, managed dicts and `tp_dictoffset` dicts.
//!
//! An object whose type has `INLINE_VALUES` keeps its first attributes in [`Values`] behind its basic size, keyed by
//! the class's shared table. The first look at `__dict__` makes a dict over the same values; from then on the dict's
//! lock guards them, before that the object's. When the dict outgrows them, they become invalid for good.
use super::keys::{Keys, Kind};
use super::table::{new_split, shared_index};
use super::values::{MAX_SHARED, Taken, Values};
use super::{Dict, keys};
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{
    Field, Py_TPFLAGS_INLINE_VALUES, Py_TPFLAGS_MANAGED_DICT, PyDictKeysObject, PyHeapTypeObject, PyObject,
};

use crate::{Object, PyResult, Read, Str, Tuple, Type, mem, mode};
use std::ffi::{c_int, c_ulong};
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Release};

impl Keys {
    /// The shared table of a new class, with the attribute names that its methods are known to set.
    /// Null without memory, which only costs speed.
    pub fn new_shared(_py: Attached<'_>, names: Option<&Tuple>) -> *mut PyDictKeysObject {
        let Some(table) = Keys::alloc(6, Kind::Shared) else { return ptr::null_mut() };
        table.limit_usable(MAX_SHARED);
        for name in names.map_or(&[][..], Tuple::as_slice) {
            if let Some(name) = name.downcast_exact::<Str>() {
                shared_index(table, name, name.hash());
            }
        }
        table.as_raw()
    }

    /// A class gives its shared table up.
    ///
    /// # Safety
    /// `raw` came from [`Keys::new_shared`] and is not used by the class any more.
    pub unsafe fn release_shared(py: Attached<'_>, raw: *mut PyDictKeysObject) {
        if let Some(table) = NonNull::new(raw.cast::<Keys>()) {
            // SAFETY: by the contract.
            unsafe { Keys::release(py, table, false) };
        }
    }
}

/// The shared table of a class, if it has one.
#[inline(always)]
pub(crate) fn shared_keys(ty: &Type) -> Option<&Keys> {
    // SAFETY: [layout]: heap types are `PyHeapTypeObject`; the class owns its table.
    unsafe {
        let heap = &*ptr::from_ref(ty.as_type()).cast::<PyHeapTypeObject>();
        heap.ht_cached_keys.get().cast::<Keys>().as_ref()
    }
}

#[inline(always)]
fn has_inline(ty: &Type) -> bool {
    ty.has_feature(Py_TPFLAGS_INLINE_VALUES as c_ulong)
}

#[inline(always)]
fn has_managed(ty: &Type) -> bool {
    ty.has_feature(Py_TPFLAGS_MANAGED_DICT as c_ulong)
}

/// Bytes that an instance needs behind its basic size; 0 for types without inline values.
#[inline]
pub fn inline_values_bytes(ty: &Type) -> usize {
    if !has_inline(ty) {
        return 0;
    }
    shared_keys(ty).map_or(0, |keys| Values::bytes(keys.count() + keys.usable()))
}

/// Initialises the inline values of a fresh, zeroed instance that has [`inline_values_bytes`] of room. Each new
/// instance leaves a little less room for names that the class has not seen yet.
#[inline]
pub fn init_inline_values(object: &Object, ty: &Type, bytes: usize) {
    let Some(keys) = shared_keys(ty) else { return };
    if keys.usable() > 1 {
        keys.with_lock(|| {
            if keys.usable() > 1 {
                keys.limit_usable(keys.usable() - 1);
            }
        });
    }
    let fits = |capacity: usize| Values::bytes(capacity) <= bytes;
    let mut capacity = (keys.count() + keys.usable()).min(MAX_SHARED);
    while !fits(capacity) {
        capacity -= 1;
    }
    inline_values_of(object, ty).init(capacity, true);
}

#[inline(always)]
fn inline_values_of<'a>(object: &'a Object, ty: &Type) -> &'a Values {
    // SAFETY: [layout]: types with inline values reserve them behind the basic size.
    unsafe { &*ptr::from_ref(object).byte_add(ty.as_type().tp_basicsize.get() as usize).cast::<Values>() }
}

/// Inline values of an object, valid or not.
#[inline(always)]
fn inline_values(object: &Object) -> Option<&Values> {
    let ty = object.ty();
    has_inline(ty).then(|| inline_values_of(object, ty))
}

/// Offset of the inline value of name `index` from the object's start, for inline caches.
pub fn inline_value_offset(ty: &Type, index: usize) -> usize {
    ty.as_type().tp_basicsize.get() as usize + size_of::<Values>() + index * 8
}

/// The field that holds an object's dict: managed or at `tp_dictoffset`.
#[inline]
pub fn dict_slot(object: &Object) -> Option<&Slot<Dict>> {
    let ty = object.ty();
    let offset = if has_managed(ty) {
        mem::MANAGED_DICT_OFFSET
    } else {
        let offset = ty.as_type().tp_dictoffset.get();
        if offset >= 0 {
            offset
        } else {
            // SAFETY: [layout]: types with a negative offset have a variable size.
            let size = unsafe { (*object.as_ptr().cast::<crate::layout::PyVarObject>()).ob_size.get() };
            let bytes = ty.as_type().tp_basicsize.get() + size.abs() * ty.as_type().tp_itemsize.get();
            (bytes as usize).next_multiple_of(8) as isize + offset
        }
    };
    // SAFETY: [layout]: the type says that a dict pointer lies there.
    (offset != 0)
        .then(|| unsafe { Slot::of(&*ptr::from_ref(object).byte_offset(offset).cast::<Field<*mut PyObject>>()) })
}

/// The object's dict if it has been made.
pub fn instance_dict(object: &Object) -> Option<Ref<Dict>> {
    dict_slot(object)?.get()
}

/// Whether the object has no attributes of its own. It makes no dict.
pub fn is_instance_dict_empty(object: &Object) -> bool {
    match instance_dict(object) {
        Some(dict) => dict.is_empty(),
        None => inline_values(object).is_none_or(|values| !values.is_valid() || values.len() == 0),
    }
}

/// Whether the object's attributes lie in the object itself.
pub fn has_inline_values(object: &Object) -> bool {
    inline_values(object).is_some_and(Values::is_valid)
}

/// The object's dict, made on first use. Callers know that the type gives its instances one.
pub fn materialize_dict(py: Attached<'_>, object: &Object) -> PyResult<Ref<Dict>> {
    let Some(slot) = dict_slot(object) else { return Err(py.bad_internal_call()) };
    if let Some(dict) = slot.get() {
        return Ok(dict);
    }
    let _section = object.lock(py);
    if let Some(dict) = slot.get() {
        return Ok(dict);
    }
    let ty = object.ty();
    let dict = match (inline_values(object), shared_keys_of(ty)) {
        (Some(values), Some(keys)) if values.is_valid() => new_split(py, keys, values)?,
        (_, Some(keys)) if keys.usable() + keys.count() > 0 => {
            let capacity = (keys.usable() + keys.count()).min(MAX_SHARED);
            let Some(values) = Values::alloc(capacity) else { return Err(py.no_memory()) };
            new_split(py, keys, values)?
        }
        _ => Dict::new(py)?,
    };
    let displaced = slot.replace(Some(dict.clone()));
    debug_assert!(displaced.is_none());
    Ok(dict)
}

fn shared_keys_of(ty: &Type) -> Option<&Keys> {
    if ty.is_heap() { shared_keys(ty) } else { None }
}

/// Replaces or (with `None`) forgets the object's dict. The old one keeps its content.
pub fn set_instance_dict(py: Attached<'_>, object: &Object, dict: Option<Ref<Dict>>) -> PyResult<()> {
    let Some(slot) = dict_slot(object) else { return Err(py.bad_internal_call()) };
    let (taken, old) = {
        let _section = object.lock(py);
        let mut taken = Taken::new();
        if let Some(values) = inline_values(object).filter(|values| values.is_valid()) {
            match slot.get() {
                Some(old) => detach(py, &old, values)?,
                None => {
                    values.invalidate();
                    taken = values.take_all();
                }
            }
        }
        (taken, slot.replace(dict))
    };
    drop((taken, old));
    Ok(())
}

/// Moves inline values that a dict refers to into memory of the dict's own.
fn detach(py: Attached<'_>, dict: &Dict, values: &Values) -> PyResult<()> {
    let this = dict.lock(py);
    if !this.split().is_some_and(|of_dict| ptr::eq(of_dict, values)) {
        return Ok(());
    }
    let Some(own) = Values::alloc(values.capacity()) else { return Err(py.no_memory()) };
    for place in 0..values.len() {
        let at = values.key_at(place);
        // SAFETY: [locked]: the cell owned it; the reference moves.
        let moved = unsafe { Ref::<Object>::from_raw_opt(values.cell(at).get()) };
        if let Some(value) = moved {
            own.replace(at, value);
        }
    }
    dict.0.ma_values.store(own.as_tagged(), Release);
    values.invalidate();
    values.take_all().into_iter().for_each(|value| {
        let _ = value.into_raw();
    });
    Ok(())
}

/// For the deallocation of an instance and its `tp_clear`: drops inline values and the reference to the dict.
pub fn clear_instance_dict(py: Attached<'_>, object: &Object) {
    let Some(slot) = dict_slot(object) else { return };
    if let Some(values) = inline_values(object).filter(|values| values.is_valid()) {
        match slot.get() {
            Some(dict) => {
                if detach(py, &dict, values).is_err() {
                    drop(py.take_raised());
                    dict.clear(py);
                }
            }
            None => {
                values.invalidate();
                drop(values.take_all());
            }
        }
    }
    drop(slot.take());
}

/// Visits the dict, or the inline values while there is none.
pub fn visit_instance_dict(object: &Object, visit: Visit<'_>) -> Result<(), c_int> {
    let Some(slot) = dict_slot(object) else { return Ok(()) };
    if !slot.is_null() {
        return visit.slot(slot);
    }
    match inline_values(object) {
        Some(values) if values.is_valid() => values.traverse(visit),
        _ => Ok(()),
    }
}

/// The value of instance attribute `name`, without looking at the type.
#[inline]
pub fn instance_get_attr(py: Attached<'_>, object: &Object, name: &Str) -> PyResult<Option<Ref<Object>>> {
    let ty = object.ty();
    if has_inline(ty)
        && let Some(keys) = shared_keys(ty)
    {
        let values = inline_values_of(object, ty);
        if values.is_valid() {
            match try_inline_get(keys, values, name) {
                Ok(Some(value)) => return Ok(Some(value)),
                Ok(None) if values.is_valid() => return Ok(None),
                _ => {}
            }
            let _section = object.lock(py);
            if dict_slot(object).is_none_or(Slot::is_null) && values.is_valid() {
                let at = keys.find_text(name, name.hash());
                // SAFETY: [locked]: the cell owns its value.
                let value = at
                    .filter(|&at| at < values.capacity())
                    .and_then(|at| unsafe { Ref::<Object>::from_borrowed_opt(values.cell(at).get()) });
                if let Some(value) = &value {
                    // SAFETY: we have a reference.
                    unsafe { mode::publish(value.as_ptr()) };
                }
                return Ok(value);
            }
        }
    }
    match dict_slot(object).and_then(Slot::get) {
        Some(dict) => dict.get_known(py, name.as_object(), name.hash()),
        None => Ok(None),
    }
}

/// Reads an inline value without a lock; the caller holds a reference to the object.
#[inline(always)]
fn try_inline_get(keys: &Keys, values: &Values, name: &Str) -> Result<Option<Ref<Object>>, ()> {
    let at = match keys.find_text(name, name.hash()) {
        Some(at) if at < values.capacity() => at,
        _ => return Ok(None),
    };
    let cell = values.cell(at);
    let value = cell.load(Acquire);
    if value.is_null() {
        return Ok(None);
    }
    // SAFETY: [quiescent]: the value's head outlives this read.
    if !unsafe { mode::try_incref(value) } {
        return Err(());
    }
    // SAFETY: the reference just made.
    let value = unsafe { Ref::<Object>::from_raw(value) };
    if cell.load(Acquire) == value.as_ptr() { Ok(Some(value)) } else { Err(()) }
}

/// Stores instance attribute `name`, without looking at the type. The type gives its instances a dict.
pub fn instance_set_attr(py: Attached<'_>, object: &Object, name: &Str, value: &Object) -> PyResult<()> {
    let ty = object.ty();
    if has_inline(ty)
        && let Some(keys) = shared_keys(ty)
        && name.as_object().downcast_exact::<Str>().is_some()
    {
        let values = inline_values_of(object, ty);
        let section = object.lock(py);
        if dict_slot(object).is_none_or(Slot::is_null)
            && values.is_valid()
            && let Some(at) = inline_index(keys, name).filter(|&at| at < values.capacity())
        {
            let old = values.replace(at, value.to_ref());
            drop(section);
            drop(old);
            return Ok(());
        }
    }
    materialize_dict(py, object)?.set_known(py, name.as_object(), keys::hash_key(py, name.as_object())?, value)
}

#[inline]
fn inline_index(keys: &Keys, name: &Str) -> Option<usize> {
    match keys.find_text(name, name.hash()) {
        Some(at) => Some(at),
        None => shared_index(keys, name, name.hash()),
    }
}

/// Deletes instance attribute `name`; whether it was there.
pub fn instance_del_attr(py: Attached<'_>, object: &Object, name: &Str) -> PyResult<bool> {
    if let Some(values) = inline_values(object)
        && let Some(keys) = shared_keys(object.ty())
    {
        let section = object.lock(py);
        if dict_slot(object).is_none_or(Slot::is_null) && values.is_valid() {
            let at = keys.find_text(name, name.hash());
            let old = at.filter(|&at| at < values.capacity()).and_then(|at| values.remove(at));
            drop(section);
            return Ok(old.is_some());
        }
    }
    match dict_slot(object).and_then(Slot::get) {
        Some(dict) => Ok(dict.remove_known(py, name.as_object(), keys::hash_key(py, name.as_object())?)?.is_some()),
        None => Ok(false),
    }
}

/// The position of `name` among the inline values of a class's instances, for inline caches.
pub fn inline_index_of(ty: &Type, name: &Str) -> Option<usize> {
    if !has_inline(ty) {
        return None;
    }
    shared_keys(ty)?.find_text(name, name.hash())
}

/// The version of the set of names that instances of a class keep inline, for inline caches; 0 when there is none.
pub fn shared_keys_version(ty: &Type) -> u32 {
    if !has_inline(ty) {
        return 0;
    }
    shared_keys(ty).map_or(0, |keys| keys.version())
}

/// Whether the object keeps its attributes inline and its class's set of names has that version.
#[inline(always)]
pub fn inline_keys_unchanged(object: &Object, ty: &Type, version: u32) -> bool {
    inline_values_of(object, ty).is_valid() && shared_keys(ty).is_some_and(|keys| keys.current_version() == version)
}

/// Reads inline value `index` if the object's values are valid: the fast path of attribute caches.
#[inline(always)]
pub fn inline_read(object: &Object, ty: &Type, index: usize) -> Read {
    let values = inline_values_of(object, ty);
    if !values.is_valid() || index >= values.capacity() {
        return Read::NOTHING;
    }
    // SAFETY: [quiescent]: the values own their objects.
    unsafe { Read::of(values.cell(index), || true) }
}

/// Stores inline value `index` if the object has valid inline values and no dict; gives `value` back otherwise. Out of
/// line: its section must not be a handler's.
#[inline(never)]
pub fn inline_set(
    py: Attached<'_>,
    object: &Object,
    ty: &Type,
    index: usize,
    value: Ref<Object>,
) -> Result<Option<Ref<Object>>, Ref<Object>> {
    let values = inline_values_of(object, ty);
    let _section = object.lock_briefly(py);
    if !values.is_valid() || index >= values.capacity() || !dict_slot(object).is_none_or(Slot::is_null) {
        return Err(value);
    }
    Ok(values.replace(index, value))
}
