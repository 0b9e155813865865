//! Watchers of dicts, types, functions, code and contexts; data of tools at code objects; reference tracing.
use crate::capi::*;
use krait_layout::*;
use krait_object::{Attached, Code, Dict, Object, PyResult, Type, raise, watch};
use std::ffi::{c_int, c_void};

/// Ids below are the runtime's own.
const FIRST_DICT: usize = 2;
const FIRST_TYPE: usize = 1;

fn watched<'a>(py: Attached<'_>, dict: &'a Object) -> PyResult<&'a Dict> {
    dict.downcast::<Dict>().ok_or_else(|| raise!(py, ValueError, "Cannot watch non-dictionary"))
}

fn watched_type<'a>(py: Attached<'_>, ty: &'a Object) -> PyResult<&'a Type> {
    ty.downcast::<Type>().ok_or_else(|| raise!(py, ValueError, "Cannot watch non-type"))
}

capi_raw! {
    fn PyRefTracer_SetTracer(tracer: Option<PyRefTracer>, data: *mut c_void) -> c_int {
        let py = Attached::from_tls();
        // Nobody makes objects while the two words change.
        krait_vm::interp::current(py).stop_the_world(py, &mut || watch::RefTracer::set(tracer, data));
        0
    }
    fn PyRefTracer_GetTracer(data: *mut *mut c_void) -> Option<PyRefTracer> {
        let (function, value) = watch::RefTracer::get();
        if !data.is_null() { *data = value }
        function
    }
}

capi! {
    fn PyDict_AddWatcher(py, callback: PyDict_WatchCallback) -> c_int {
        krait_object::dictobject::install_watchers(watch::dict_changed);
        py.state().watch.dicts.add(py, "dict", FIRST_DICT, callback)
    }
    fn PyDict_ClearWatcher(py, id: c_int) -> () { py.state().watch.dicts.clear(py, "dict", FIRST_DICT, id) }
    fn PyDict_Watch(py, id: c_int, dict: &Object) -> () {
        let dict = watched(py, dict)?;
        let id = py.state().watch.dicts.check(py, "dict", FIRST_DICT, id)?;
        let tag = &dict.raw()._ma_watcher_tag;
        tag.set(tag.get() | 1 << id);
        Ok(())
    }
    fn PyDict_Unwatch(py, id: c_int, dict: &Object) -> () {
        let dict = watched(py, dict)?;
        let id = py.state().watch.dicts.check(py, "dict", FIRST_DICT, id)?;
        let tag = &dict.raw()._ma_watcher_tag;
        tag.set(tag.get() & !(1 << id));
        Ok(())
    }
    fn PyType_AddWatcher(py, callback: PyType_WatchCallback) -> c_int { py.state().type_watchers.add(py, "type", FIRST_TYPE, callback) }
    fn PyType_ClearWatcher(py, id: c_int) -> () { py.state().type_watchers.clear(py, "type", FIRST_TYPE, id) }
    fn PyType_Watch(py, id: c_int, ty: &Object) -> () {
        let ty = watched_type(py, ty)?;
        let id = py.state().type_watchers.check(py, "type", FIRST_TYPE, id)?;
        // Only a type with a version is told of; looking something up gives it one.
        let _ = ty.lookup(py, krait_object::id!(py, __class__));
        let bits = &ty.as_type().tp_watched;
        bits.set(bits.get() | 1 << id);
        Ok(())
    }
    fn PyType_Unwatch(py, id: c_int, ty: &Object) -> () {
        let ty = watched_type(py, ty)?;
        let id = py.state().type_watchers.check(py, "type", FIRST_TYPE, id)?;
        let bits = &ty.as_type().tp_watched;
        bits.set(bits.get() & !(1 << id));
        Ok(())
    }
    fn PyUnstable_Type_AssignVersionTag(py, ty: &Type) -> bool {
        let _ = ty.lookup(py, krait_object::id!(py, __class__));
        Ok(ty.as_type().tp_version_tag.get() != 0)
    }
    fn PyFunction_AddWatcher(py, callback: PyFunction_WatchCallback) -> c_int { py.state().watch.functions.add(py, "func", 0, callback) }
    fn PyFunction_ClearWatcher(py, id: c_int) -> () { py.state().watch.functions.clear(py, "func", 0, id) }
    fn PyCode_AddWatcher(py, callback: PyCode_WatchCallback) -> c_int { py.state().watch.code.add(py, "code", 0, callback) }
    fn PyCode_ClearWatcher(py, id: c_int) -> () { py.state().watch.code.clear(py, "code", 0, id) }
    fn PyContext_AddWatcher(py, callback: PyContext_WatchCallback) -> c_int { py.state().watch.contexts.add(py, "context", 0, callback) }
    fn PyContext_ClearWatcher(py, id: c_int) -> () { py.state().watch.contexts.clear(py, "context", 0, id) }

    fn PyUnstable_Eval_RequestCodeExtraIndex(py, free: *mut c_void) -> isize {
        let free = std::mem::transmute::<*mut c_void, Option<freefunc>>(free);
        Ok(watch::request_code_extra(py, free).map_or(-1, |index| index as isize))
    }
    fn PyUnstable_Code_GetExtra(py, code: &Object, index: isize, out: *mut *mut c_void) -> () {
        let Some(code) = code.downcast::<Code>() else { return Err(py.bad_internal_call()) };
        *out = usize::try_from(index).map_or(std::ptr::null_mut(), |index| watch::code_extra(py, code, index));
        Ok(())
    }
    fn PyUnstable_Code_SetExtra(py, code: &Object, index: isize, extra: *mut c_void) -> () {
        let Some(code) = code.downcast::<Code>() else { return Err(py.bad_internal_call()) };
        let Ok(index) = usize::try_from(index) else { return Err(py.bad_internal_call()) };
        watch::set_code_extra(py, code, index, extra)
    }
}

macro_rules! function_args {
    ($($ty:ty),*) => { $(
        impl CArg for $ty {
            type C = $ty;
            unsafe fn from_c(_: Attached<'_>, raw: $ty) -> PyResult<Self> {
                Ok(raw)
            }
        }
    )* };
}
function_args!(
    PyDict_WatchCallback,
    PyType_WatchCallback,
    PyFunction_WatchCallback,
    PyCode_WatchCallback,
    PyContext_WatchCallback
);
