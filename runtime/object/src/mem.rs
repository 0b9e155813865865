//! Object memory: allocation of instances and release of their memory.
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyObject;
use crate::mode;
use crate::{PyResult, Type};
use std::ptr::NonNull;

/// Allocates a zeroed instance of `ty` with room for `items` variable items: count one, type set (and counted if it
/// is a heap type), `ob_size` set for variable-size types, not yet tracked by the collector.
pub fn alloc_instance(py: Attached<'_>, ty: &Type, items: usize) -> PyResult<NonNull<PyObject>> {
    let _ = (py, ty, items);
    todo!()
}

/// As [`alloc_instance`] with an explicit size in bytes, for layouts whose size no item count gives.
pub fn alloc_sized(py: Attached<'_>, ty: &Type, size: usize) -> PyResult<NonNull<PyObject>> {
    let _ = (py, ty, size);
    todo!()
}

/// Frees an instance's memory and releases its type if that is a heap type. Fields are not dropped.
///
/// # Safety
/// `object` came from this module, its count is zero, and its fields have been dropped.
pub unsafe fn free_instance(object: NonNull<PyObject>) {
    let _ = object;
    todo!()
}

/// Allocates an instance of exactly `T`'s type, or a subtype `ty`, and lets `init` fill the zeroed memory before
/// the object is tracked.
#[inline]
pub fn new_instance<T: Layout>(py: Attached<'_>, ty: &Type, init: impl FnOnce(&T)) -> PyResult<Ref<T>> {
    let raw = alloc_instance(py, ty, 0)?;
    // SAFETY: [layout]: fresh memory of a subtype of `T`'s type; zeroed memory is valid for every layout.
    let object = unsafe { Ref::<T>::from_raw(raw.as_ptr()) };
    init(&object);
    if ty.is_gc() {
        crate::gc::track(object.as_object());
    }
    Ok(object)
}

/// The body of a `tp_dealloc`: untracks, finalizes (`tp_finalize`), clears weak references and the instance dict,
/// calls `drop_fields`, and frees the memory. Returns early when the finalizer resurrected the object.
///
/// # Safety
/// Called from the `tp_dealloc` of `T`'s type, with the last reference gone.
#[inline]
pub unsafe fn dealloc_with<T: Layout>(py: Attached<'_>, this: NonNull<T>, drop_fields: impl FnOnce(&T)) {
    let _ = (py, mode::FREE_THREADED);
    drop_fields(unsafe_ref(&this));
    todo!()
}

fn unsafe_ref<T>(this: &NonNull<T>) -> &T {
    // SAFETY: only `dealloc_with` calls this, with a live object.
    unsafe { this.as_ref() }
}
