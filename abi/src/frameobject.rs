//! `frameobject.h`, `pyframe.h`, `genobject.h`: frames and generators; profiling and tracing of `ceval.h`.
use crate::capi::*;
use krait_layout::*;
use krait_object::{Attached, Code, Layout, Object, PyResult, Ref, Str, Type, id, raise};
use krait_vm::frame::Frame;
use krait_vm::frameobject::FrameObject;
use krait_vm::generator::{AsyncGenerator, Coroutine, Generator};
use krait_vm::tracing;
use std::ffi::{c_char, c_int};
use std::ptr;

/// A variable of a frame, by name.
fn variable(py: Attached<'_>, frame: &FrameObject, name: &Str) -> PyResult<Ref<Object>> {
    let locals = FrameObject::locals(py, frame)?;
    match locals.get_item_opt(py, name.as_object())? {
        Some(value) => Ok(value),
        None => {
            Err(py.raise(krait_object::exc::NameError(), format_args!("variable {} does not exist", shown(py, name)?)))
        }
    }
}

fn shown(py: Attached<'_>, name: &Str) -> PyResult<String> {
    Ok(name.as_object().repr(py)?.to_string_lossy().into_owned())
}

/// Types of what an interpreter frame can run, by kind.
#[repr(transparent)]
pub struct Kinds([*const PyTypeObject; 6]);
// SAFETY: static types.
unsafe impl Sync for Kinds {}

#[unsafe(no_mangle)]
pub static PyUnstable_ExecutableKinds: Kinds = Kinds([
    (&raw const krait_object::object::_PyNone_Type).cast(),
    (&raw const krait_object::codeobject::PyCode_Type).cast(),
    (&raw const krait_object::moduleobject::PyModule_Type).cast(),
    (&raw const krait_object::methodobject::PyCFunction_Type).cast(),
    (&raw const krait_object::descrobject::PyMethodDescr_Type).cast(),
    ptr::null(),
]);

/// A generator that runs a frame object's frame.
fn generator_of(
    py: Attached<'_>,
    frame: Stolen,
    ty: &'static Type,
    names: Option<(&Str, &Str)>,
) -> PyResult<Ref<Object>> {
    match frame.map(Ref::downcast::<FrameObject>) {
        Some(Ok(frame)) => krait_vm::generator::from_frame_object(py, frame, ty, names),
        _ => Err(py.bad_internal_call()),
    }
}

capi! {
    fn PyFrame_GetVar(py, frame: &FrameObject, name: &Object) -> Ref<Object> {
        match name.downcast::<Str>() {
            Some(name) => variable(py, frame, name),
            None => Err(raise!(py, TypeError, "name must be str, not {}", name.ty().name())),
        }
    }
    fn PyFrame_GetVarString(py, frame: &FrameObject, name: Text<'_>) -> Ref<Object> { variable(py, frame, &*name.obj(py)?) }
    fn PyFrame_GetGenerator(py, frame: &FrameObject) -> Option<Ref<Object>> {
        let found = frame.as_object().get_attr(py, id!(py, f_generator))?;
        Ok((!found.is_none()).then_some(found))
    }
    fn PyFrame_FastToLocalsWithError(py, frame: &Object) -> () { Ok(()) }
    fn PyUnstable_InterpreterFrame_GetCode(py, frame: *mut _PyInterpreterFrame) -> Ref<Code> { Ok((*frame.cast::<Frame>()).code().to_ref()) }

    fn PyGen_New(py, frame: Stolen) -> Ref<Object> { generator_of(py, frame, Generator::type_object(), None) }
    fn PyGen_NewWithQualName(py, frame: Stolen, name: &Str, qualname: &Str) -> Ref<Object> {
        generator_of(py, frame, Generator::type_object(), Some((name, qualname)))
    }
    fn PyCoro_New(py, frame: Stolen, name: &Str, qualname: &Str) -> Ref<Object> {
        generator_of(py, frame, Coroutine::type_object(), Some((name, qualname)))
    }
    fn PyAsyncGen_New(py, frame: Stolen, name: &Str, qualname: &Str) -> Ref<Object> {
        generator_of(py, frame, AsyncGenerator::type_object(), Some((name, qualname)))
    }
    fn PyEval_EvalFrame(py, frame: &FrameObject) -> Ref<Object> { evaluate(py, frame, false) }
    fn PyEval_EvalFrameEx(py, frame: &FrameObject, raise: c_int) -> Ref<Object> { evaluate(py, frame, raise != 0) }
    fn PyEval_GetLocals(py) -> Lent {
        match krait_vm::frameobject::current(py)? {
            // The thread keeps the snapshot alive.
            Some(frame) => {
                let locals = FrameObject::locals(py, &frame)?;
                let kept = snapshot(py, &frame, locals)?;
                Ok(Lent::of(kept))
            }
            None => Err(raise!(py, SystemError, "frame does not exist")),
        }
    }
    fn _PyGen_FetchStopIterationValue(py, out: *mut *mut PyObject) -> () {
        put::<Object>(out, None);
        match py.pending() {
            None => { put(out, Some(krait_object::none())); Ok(()) }
            Some(_) => {
                let value = krait_vm::generator::take_stop_value(py, krait_object::Raised::assume())?;
                put(out, Some(value));
                Ok(())
            }
        }
    }
}

/// What `PyEval_GetLocals` gives: the namespace itself, or a dict with the variables of a function's frame, which is
/// the same one each time.
fn snapshot(py: Attached<'_>, frame: &FrameObject, locals: Ref<Object>) -> PyResult<Ref<Object>> {
    if (*locals).downcast::<krait_vm::locals_proxy::FrameLocalsProxy>().is_none() {
        return Ok(locals);
    }
    // SAFETY: the field owns null or a dict.
    let slot = unsafe { krait_object::Slot::<Object>::of(&frame.raw().f_locals_cache) };
    let dict = match slot.get().and_then(|dict| dict.downcast::<krait_object::Dict>().ok()) {
        Some(dict) => dict,
        None => {
            let dict = krait_object::Dict::new(py)?;
            drop(slot.replace(Some(dict.clone().upcast())));
            dict
        }
    };
    dict.as_object().call_method(py, id!(py, update), &[&locals])?;
    Ok(dict.upcast())
}

/// Runs a frame that was made with `PyFrame_New`.
fn evaluate(py: Attached<'_>, frame: &FrameObject, raise: bool) -> PyResult<Ref<Object>> {
    if raise {
        return Err(match py.pending() {
            Some(_) => krait_object::Raised::assume(),
            None => py.bad_internal_call(),
        });
    }
    let inner = frame.frame();
    let locals = inner.namespace().map(|namespace| namespace.to_ref());
    krait_vm::eval::eval_code(py, inner.code(), inner.globals(), locals.as_deref(), None)
}

fn trace(profile: bool, function: Option<Py_tracefunc>, argument: *mut PyObject) {
    // SAFETY: [attached]; the argument is null or a live object.
    let (py, argument) = unsafe { (Attached::from_tls(), argument.cast::<Object>().as_ref()) };
    tracing::set_function(py, profile, function, argument);
}

capi_raw! {
    // greenlet passes a frame object of its own making, which is no more than its two links.
    fn PyFrame_GetBack(frame: *mut PyFrameObject) -> *mut PyObject {
        let back: *mut PyObject = (*frame).f_back.get().cast();
        if !back.is_null() {
            krait_object::mode::incref(back);
            return back;
        }
        let previous: *mut Frame = (*(*frame).f_frame.get()).previous.get().cast();
        let Some(previous) = Frame::first_complete(previous) else { return ptr::null_mut() };
        let py = Attached::from_tls();
        crate::object::or_clear(py, previous.object(py)).map_or(ptr::null_mut(), Ref::into_raw)
    }
    fn PyEval_SetTrace(function: Option<Py_tracefunc>, argument: *mut PyObject) { trace(false, function, argument) }
    fn PyEval_SetProfile(function: Option<Py_tracefunc>, argument: *mut PyObject) { trace(true, function, argument) }
    fn PyEval_SetTraceAllThreads(function: Option<Py_tracefunc>, argument: *mut PyObject) {
        tracing::set_function_everywhere(Attached::from_tls(), false, function, argument.cast::<Object>().as_ref())
    }
    fn PyEval_SetProfileAllThreads(function: Option<Py_tracefunc>, argument: *mut PyObject) {
        tracing::set_function_everywhere(Attached::from_tls(), true, function, argument.cast::<Object>().as_ref())
    }
    fn PyThreadState_EnterTracing(tstate: *mut PyThreadState) { (*tstate).tracing.set((*tstate).tracing.get() + 1) }
    fn PyThreadState_LeaveTracing(tstate: *mut PyThreadState) { (*tstate).tracing.set((*tstate).tracing.get() - 1) }
    fn PyUnstable_InterpreterFrame_GetLasti(frame: *mut _PyInterpreterFrame) -> c_int { (*frame.cast::<Frame>()).lasti() as c_int * 2 }
    fn PyUnstable_InterpreterFrame_GetLine(frame: *mut _PyInterpreterFrame) -> c_int { (*frame.cast::<Frame>()).line().unwrap_or(-1) }
    // Locals are written through `f_locals` since 3.13: nothing is copied to and fro.
    fn PyFrame_FastToLocals(_frame: *mut PyFrameObject) {}
    fn PyFrame_LocalsToFast(_frame: *mut PyFrameObject, _clear: c_int) {}

    fn PyEval_GetFuncName(o: *mut PyObject) -> *const c_char {
        let object = Object::from_ptr(o);
        let py = Attached::from_tls();
        if let Some(method) = object.downcast::<krait_object::Method>() { return PyEval_GetFuncName(method.function().as_ptr()) }
        if let Some(function) = object.downcast::<krait_object::Function>()
            && let Some(name) = function.name_slot().get()
        {
            return crate::object::or_clear(py, name.to_utf8(py).map(|text| text.as_ptr().cast())).unwrap_or(ptr::null());
        }
        if let Some(function) = object.downcast::<krait_object::methodobject::CFunction>() { return function.definition().ml_name.get() }
        object.ty().as_type().tp_name.get()
    }
    fn PyEval_GetFuncDesc(o: *mut PyObject) -> *const c_char {
        let object = Object::from_ptr(o);
        let is_function = object.downcast::<krait_object::Method>().is_some()
            || object.downcast::<krait_object::Function>().is_some()
            || object.downcast::<krait_object::methodobject::CFunction>().is_some();
        if is_function { c"()".as_ptr() } else { c" object".as_ptr() }
    }
}
