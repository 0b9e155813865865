//! `objimpl.h`, `pymem.h`: memory and the collector.
use krait_layout::*;
use krait_object::{Attached, Layout, Object, Type, gc, mem, mode};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// Copies text into memory of `PyMem_Malloc`; NULL without memory.
pub(crate) fn copy_text(text: &str) -> *mut c_char {
    // SAFETY: fresh memory with room for the text and its end.
    unsafe {
        let block = crate::pymem::PyMem_Malloc(text.len() + 1).cast::<u8>();
        if !block.is_null() {
            ptr::copy_nonoverlapping(text.as_ptr(), block, text.len());
            *block.add(text.len()) = 0;
        }
        block.cast()
    }
}

unsafe fn init(object: *mut PyObject, ty: &Type) {
    // SAFETY: fresh memory of at least a head.
    unsafe {
        (*object).ob_type.set(ty.as_type_ptr());
        if ty.is_heap() {
            mode::incref(ty.as_type_ptr().cast());
        }
        mode::new_reference(object);
    }
}

capi! {
    fn _PyObject_New(py, ty: &Type) -> *mut PyObject { Ok(mem::alloc_instance(py, ty, 0)?.as_ptr()) }
    fn _PyObject_NewVar(py, ty: &Type, items: isize) -> *mut PyObject { Ok(mem::alloc_instance(py, ty, items.max(0) as usize)?.as_ptr()) }
    fn _PyObject_GC_New(py, ty: &Type) -> *mut PyObject { Ok(mem::alloc_instance(py, ty, 0)?.as_ptr()) }
    fn _PyObject_GC_NewVar(py, ty: &Type, items: isize) -> *mut PyObject { Ok(mem::alloc_instance(py, ty, items.max(0) as usize)?.as_ptr()) }
    fn PyUnstable_Object_GC_NewWithExtraData(py, ty: &Type, extra: usize) -> *mut PyObject {
        Ok(mem::alloc_sized(py, ty, ty.as_type().tp_basicsize.get() as usize + extra)?.as_ptr())
    }
    fn PyObject_Init(py, object: *mut PyObject, ty: &Type) -> *mut PyObject {
        if object.is_null() { return Err(py.no_memory()); }
        init(object, ty);
        Ok(object)
    }
    fn PyObject_InitVar(py, object: *mut PyObject, ty: &Type, items: isize) -> *mut PyObject {
        if object.is_null() { return Err(py.no_memory()); }
        init(object, ty);
        (*object.cast::<PyVarObject>()).ob_size.set(items);
        Ok(object)
    }
}

capi_raw! {
    fn PyObject_GC_Del(p: *mut c_void) {
        if let Some(object) = p.cast::<Object>().as_ref() {
            gc::untrack(object);
            mem::object_free(p)
        }
    }
    fn PyObject_GC_Track(p: *mut c_void) { gc::track(Object::from_ptr(p.cast())) }
    fn PyObject_GC_UnTrack(p: *mut c_void) { let object = Object::from_ptr(p.cast()); if gc::is_tracked(object) { gc::untrack(object) } }
    fn PyObject_GC_IsTracked(p: *mut PyObject) -> c_int { c_int::from(gc::is_tracked(Object::from_ptr(p))) }
    fn PyObject_GC_IsFinalized(p: *mut PyObject) -> c_int { c_int::from(gc::is_finalized(Object::from_ptr(p))) }
    fn PyObject_IS_GC(p: *mut PyObject) -> c_int { c_int::from(gc::is_collectable(Object::from_ptr(p))) }
    fn PyGC_Collect() -> isize {
        let py = Attached::from_tls();
        let kept = py.take_raised();
        let found = gc::collect(py, gc::Generation::Full);
        if let Some(kept) = kept { let _ = py.restore(kept); }
        (found.collected + found.uncollectable) as isize
    }
    fn PyGC_Enable() -> c_int { set_gc(true) }
    fn PyGC_Disable() -> c_int { set_gc(false) }
    fn PyGC_IsEnabled() -> c_int { c_int::from(gc_state()) }
    fn PyUnstable_GC_VisitObjects(visit: unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int, arg: *mut c_void) {
        let py = Attached::from_tls();
        let objects = gc::objects(py).unwrap_or_else(|raised| {
            raised.clear(py);
            Vec::new()
        });
        for object in objects {
            if visit(object.as_ptr(), arg) == 0 { break }
        }
    }
}

fn gc_switch() -> &'static std::sync::atomic::AtomicBool {
    // SAFETY: the C API demands an attached thread; an interpreter outlives its attached threads.
    unsafe { &Attached::from_tls().state().gc.enabled }
}

fn gc_state() -> bool {
    gc_switch().load(std::sync::atomic::Ordering::Relaxed)
}

fn set_gc(on: bool) -> c_int {
    c_int::from(gc_switch().swap(on, std::sync::atomic::Ordering::Relaxed))
}
