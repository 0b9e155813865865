//! Private functions that wheels import all the same, and those that the stable ABI keeps for old extensions.
use crate::capi::*;
use krait_layout::*;
use krait_object::protocols::buffer::Buffer;
use krait_object::{Attached, Dict, Layout, Object, PyResult, Ref, Str, Type, raise};
use krait_sync::mutex::ByteMutex;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

/// An index of a slice, from the limits of C's range for what is too large.
fn slice_index(py: Attached<'_>, value: &Object, out: *mut isize) -> PyResult<Truth> {
    if !value.has_index() {
        return Err(raise!(py, TypeError, "slice indices must be integers or None or have an __index__ method"));
    }
    let index = value.as_isize_clamped(py)?;
    // SAFETY: by the contract of the callers.
    unsafe { *out = index };
    Ok(Truth(1))
}

capi! {
    fn _PyEval_SliceIndex(py, value: &Object, out: *mut isize) -> Truth { if value.is_none() { Ok(Truth(1)) } else { slice_index(py, value, out) } }
    fn _PyEval_SliceIndexNotNone(py, value: &Object, out: *mut isize) -> Truth { slice_index(py, value, out) }
    fn _PyDict_SetItem_KnownHash_LockHeld(py, dict: &Dict, key: &Object, value: &Object, hash: isize) -> () { dict.set(py, key, value) }
    fn PyEval_CallObjectWithKeywords(py, callable: &Object, args: Option<&Object>, kwargs: Option<&Object>) -> Ref<Object> {
        let empty = krait_object::Tuple::empty(py);
        let args = match args.map(|args| args.downcast::<krait_object::Tuple>()) {
            None => &*empty,
            Some(Some(args)) => args,
            Some(None) => return Err(raise!(py, TypeError, "argument list must be a tuple")),
        };
        let kwargs = match kwargs.map(|kwargs| kwargs.downcast::<Dict>()) {
            None => None,
            Some(Some(kwargs)) => Some(kwargs),
            Some(None) => return Err(raise!(py, TypeError, "keyword list must be a dictionary")),
        };
        callable.call_with(py, args, kwargs)
    }
    fn PyCFunction_Call(py, callable: &Object, args: &krait_object::Tuple, kwargs: Option<&Dict>) -> Ref<Object> { callable.call_with(py, args, kwargs) }
    fn PyUnicode_GetSize(py, o: &Object) -> isize {
        match o.downcast::<Str>() { Some(text) => Ok(text.len() as isize), None => Err(raise!(py, TypeError, "bad argument type for built-in operation")) }
    }
    fn PyUnstable_Object_ClearWeakRefsNoCallbacks(py, o: &Object) -> Void {
        krait_object::weakrefobject::clear_without_callbacks(py, o);
        Ok(Void)
    }
    fn PyObject_AsReadBuffer(py, o: &Object, out: *mut *const c_void, len: *mut isize) -> () {
        let view = Buffer::contiguous(py, o)?;
        (*out, *len) = (view.view().buf.cast_const(), view.view().len);
        Ok(())
    }
    fn PyObject_AsCharBuffer(py, o: &Object, out: *mut *const c_char, len: *mut isize) -> () {
        let view = Buffer::contiguous(py, o)?;
        (*out, *len) = (view.view().buf.cast_const().cast(), view.view().len);
        Ok(())
    }
    fn PyObject_AsWriteBuffer(py, o: &Object, out: *mut *mut c_void, len: *mut isize) -> () {
        let view = Buffer::writable(py, o)?;
        (*out, *len) = (view.view().buf, view.view().len);
        Ok(())
    }
    fn PyObject_GenericHash(py, o: &Object) -> isize { Ok(krait_object::object::hash_pointer(o.as_ptr())) }
    fn _PyObject_GC_Resize(py, o: *mut PyObject, items: isize) -> *mut PyObject {
        let ty = Type::from_type_ptr((*o).ob_type.get());
        let raw = ty.as_type();
        let size = |items: isize| ((raw.tp_basicsize.get() + items * raw.tp_itemsize.get()) as usize).next_multiple_of(8);
        let kind = krait_object::mem::Kind::of(ty);
        let Some(block) = krait_object::mem::alloc_raw(py, kind, size(items)) else { return Err(py.no_memory()) };
        let old = (*o.cast::<PyVarObject>()).ob_size.get();
        // An object that is resized is not tracked and has one reference: a copy may take its place.
        let (new, head) = (block.as_ptr(), kind.pre());
        ptr::copy_nonoverlapping(o.cast::<u8>().sub(head), new.sub(head), head + size(old.min(items)));
        if items > old { ptr::write_bytes(new.add(size(old)), 0, size(items) - size(old)) }
        (*new.cast::<PyVarObject>()).ob_size.set(items);
        krait_object::mem::object_free(o.cast());
        Ok(new.cast())
    }
}

capi_raw! {
    fn PyObject_CheckReadBuffer(o: *mut PyObject) -> c_int {
        let py = Attached::from_tls();
        c_int::from(crate::object::or_clear(py, Buffer::contiguous(py, Object::from_ptr(o))).is_some())
    }
    fn Py_HashBuffer(data: *const c_void, len: isize) -> isize { krait_object::hash::hash_bytes(bytes(data, len)) }
    fn _PyMutex_LockTimed(m: *mut PyMutex, nanoseconds: i64, flags: c_int) -> c_int {
        let mutex = &*m.cast::<ByteMutex>();
        if mutex.try_lock() { return 1 }
        if nanoseconds == 0 { return 0 }
        let mut wait = if flags & 1 != 0 { krait_sync::block::Wait::DETACH } else { krait_sync::block::Wait::KEEP };
        if nanoseconds > 0 { wait = wait.at_most(std::time::Duration::from_nanos(nanoseconds as u64)) }
        if flags & 2 != 0 { wait = wait.interruptible() }
        match mutex.lock_timed(wait) {
            krait_sync::block::Acquired::Yes => 1,
            krait_sync::block::Acquired::TimedOut => 0,
            krait_sync::block::Acquired::Interrupted => 2,
        }
    }
    fn _PySet_NextEntry(set: *mut PyObject, at: *mut isize, key: *mut *mut PyObject, hash: *mut isize) -> c_int {
        let found = _PySet_NextEntryRef(set, at, key, hash);
        if found > 0 { krait_object::mode::decref(*key) }
        found
    }
    fn _PySet_NextEntryRef(set: *mut PyObject, at: *mut isize, key: *mut *mut PyObject, hash: *mut isize) -> c_int {
        let py = Attached::from_tls();
        let Ok(any) = crate::containers::any_set(py, Object::from_ptr(set)) else { return -1 };
        let mut position = *at as usize;
        match any.lock(py).step(&mut position) {
            Some((item, value)) => {
                *at = position as isize;
                *hash = value;
                *key = item.into_raw();
                1
            }
            None => 0,
        }
    }
    fn _Py_CheckRecursiveCall(_tstate: *mut PyThreadState, place: *const c_char) -> c_int { crate::pythonrun::Py_EnterRecursiveCall(place) }
    fn PyEval_ThreadsInitialized() -> c_int { 1 }
    fn _PyObject_AssertFailed(o: *mut PyObject, expression: *const c_char, message: *const c_char, file: *const c_char, line: c_int, function: *const c_char) {
        let show = |text: *const c_char| if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() };
        let place = format!("{}:{line}: {}", show(file), show(function));
        eprintln!("{place}: Assertion \"{}\" failed: {} (object at {o:p})", show(expression), show(message));
        krait_vm::fatal("_PyObject_AssertFailed")
    }
    fn PyUnicode_KIND(o: *mut PyObject) -> c_int { (*o.cast::<Str>()).kind() as c_int }
    fn PyUnicode_DATA(o: *mut PyObject) -> *mut c_void { (*o.cast::<Str>()).data_ptr().cast() }
    fn PyUnicode_InternImmortal(place: *mut *mut PyObject) { crate::unicodeobject::PyUnicode_InternInPlace(place) }
    fn PyHash_GetFuncDef() -> *mut PyHash_FuncDef { (&raw const HASH.0).cast_mut() }
    fn PyCompile_OpcodeStackEffect(number: c_int, argument: c_int) -> c_int { PyCompile_OpcodeStackEffectWithJump(number, argument, -1) }
    fn PyCompile_OpcodeStackEffectWithJump(number: c_int, argument: c_int, _jump: c_int) -> c_int {
        match u8::try_from(number).ok().and_then(krait_bytecode::Opcode::from_u8) {
            Some(op) => op.stack_effect(argument as u32),
            None => c_int::MAX,
        }
    }
}

/// The function of string hashes.
struct Hash(PyHash_FuncDef);
// SAFETY: constant.
unsafe impl Sync for Hash {}
static HASH: Hash =
    Hash(PyHash_FuncDef { hash: Some(Py_HashBuffer), name: c"siphash13".as_ptr(), hash_bits: 64, seed_bits: 128 });

capi! {
    fn PyODict_New(py) -> Ref<Object> { Ok(krait_object::odictobject::ODict::new(py)?.upcast()) }
    fn PyODict_SetItem(py, dict: &Object, key: &Object, value: &Object) -> () { dict.set_item(py, key, value) }
    fn PyODict_DelItem(py, dict: &Object, key: &Object) -> () { dict.del_item(py, key) }
}
