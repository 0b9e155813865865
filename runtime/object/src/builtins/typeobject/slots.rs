//! Type slots by their offset in `PyHeapTypeObject`, and slot functions that are known by address.
use super::Type;
use crate::handle::Attached;
use crate::layout::*;
use crate::{Object, raise};
use std::ffi::{c_int, c_void};
use std::mem::{offset_of, size_of};

/// The cell of the slot at `offset` (in `PyHeapTypeObject`), or `None` when the type lacks that protocol table.
pub fn cell(ty: &Type, offset: c_int) -> Option<&Field<*mut c_void>> {
    let offset = offset as usize;
    let (table, start): (*mut u8, usize) = if offset >= offset_of!(PyHeapTypeObject, as_buffer) {
        (ty.0.tp_as_buffer.get().cast(), offset_of!(PyHeapTypeObject, as_buffer))
    } else if offset >= offset_of!(PyHeapTypeObject, as_sequence) {
        (ty.0.tp_as_sequence.get().cast(), offset_of!(PyHeapTypeObject, as_sequence))
    } else if offset >= offset_of!(PyHeapTypeObject, as_mapping) {
        (ty.0.tp_as_mapping.get().cast(), offset_of!(PyHeapTypeObject, as_mapping))
    } else if offset >= offset_of!(PyHeapTypeObject, as_number) {
        (ty.0.tp_as_number.get().cast(), offset_of!(PyHeapTypeObject, as_number))
    } else if offset >= size_of::<PyTypeObject>() {
        (ty.0.tp_as_async.get().cast(), offset_of!(PyHeapTypeObject, as_async))
    } else {
        (ty.as_type_ptr().cast(), 0)
    };
    if table.is_null() {
        return None;
    }
    // SAFETY: protocol tables live as long as their type, and the offset is that of a pointer-sized slot in it.
    Some(unsafe { &*table.add(offset - start).cast() })
}

/// The function in the slot at `offset`, if any.
#[inline]
pub fn get(ty: &Type, offset: c_int) -> Option<*mut c_void> {
    cell(ty, offset).map(Field::get).filter(|function| !function.is_null())
}

/// `tp_hash` of types whose instances cannot be hashed.
///
/// # Safety
/// [slot-contract].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_HashNotImplemented(this: *mut PyObject) -> Py_hash_t {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), Object::from_ptr(this)) };
    let _ = raise!(py, TypeError, "unhashable type: '{}'", this.ty().name());
    -1
}

/// `tp_iternext` that stands for "has `__next__` but it was deleted".
///
/// # Safety
/// [slot-contract].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyObject_NextNotImplemented(this: *mut PyObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), Object::from_ptr(this)) };
    let _ = raise!(py, TypeError, "'{}' object is not iterable", this.ty().name());
    std::ptr::null_mut()
}

/// `tp_getattro` of ordinary objects.
///
/// # Safety
/// [slot-contract].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GenericGetAttr(this: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this, name) = unsafe { (Attached::from_tls(), Object::from_ptr(this), Object::from_ptr(name)) };
    crate::typedef::ret_object(
        py,
        crate::protocols::attributes::checked_name(py, name).and_then(|n| this.generic_get_attr(py, n)),
    )
}

/// `tp_setattro` of ordinary objects.
///
/// # Safety
/// [slot-contract].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GenericSetAttr(
    this: *mut PyObject,
    name: *mut PyObject,
    value: *mut PyObject,
) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this, name) = unsafe { (Attached::from_tls(), Object::from_ptr(this), Object::from_ptr(name)) };
    // SAFETY: null or a live object.
    let value = unsafe { crate::typedef::arg_opt::<Object>(value) };
    crate::typedef::ret_status(
        crate::protocols::attributes::checked_name(py, name).and_then(|n| this.generic_set_attr(py, n, value)),
    )
}

/// `tp_iter` of iterators.
///
/// # Safety
/// [slot-contract].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_SelfIter(this: *mut PyObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe { crate::mode::incref(this) };
    this
}
