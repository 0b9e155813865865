//! `sys.settrace` and `sys.setprofile`.
//!
//! A thread with a trace or profile function has a version in the upper bits of its breaker, so `RESUME` takes its
//! slow path. There the code that begins to run is instrumented once and for all: instructions that start a line,
//! returns, yields and calls get instrumented opcodes, whose handlers ask whether *this* thread traces.
//! The line that was traced last is kept in the registers of the loop; a jump backwards traces its line again.
use crate::exec::Exec;
use crate::frame::Frame;
use crate::frameobject::FrameObject;
use krait_object::layout::*;
use krait_object::{Attached, Layout, Object, PyResult, Raised, Ref, Str, id, none, raise};
use std::ffi::c_int;
use std::ptr::null_mut;

pub const CALL: c_int = 0;
pub const EXCEPTION: c_int = 1;
pub const LINE: c_int = 2;
pub const RETURN: c_int = 3;
pub const C_CALL: c_int = 4;
pub const C_EXCEPTION: c_int = 5;
pub const C_RETURN: c_int = 6;
pub const OPCODE: c_int = 7;

/// The breaker's word above its event bits while the thread traces.
const ACTIVE: usize = 1 << krait_sync::breaker::EVENT_BITS;

/// `frame.f_lineno = line`.
pub fn set_lineno(py: Attached<'_>, frame: &FrameObject, value: Option<&Object>) -> PyResult<()> {
    let _ = frame;
    match value {
        None => Err(raise!(py, AttributeError, "cannot delete attribute")),
        Some(_) => Err(raise!(py, ValueError, "f_lineno can only be set in a trace function")),
    }
}

/// A frame got a trace function of its own: the code that runs must report its lines.
pub fn frame_traced(py: Attached<'_>) {
    instrument_stack(py);
}

/// Whether the thread has a trace or profile function that is not running already.
#[inline]
pub fn is_active(py: Attached<'_>) -> bool {
    let tstate = py.tstate();
    tstate.tracing.get() == 0 && (tstate.c_tracefunc.get().is_some() || tstate.c_profilefunc.get().is_some())
}

/// Instruments the code of every frame of the thread.
fn instrument_stack(py: Attached<'_>) {
    let mut at = Frame::current(py);
    while let Some(frame) = at {
        Exec::instrument(frame.code());
        at = Frame::first_complete(frame.previous());
    }
}

/// Sets the thread's trace function (`PyEval_SetTrace`) or profile function.
pub fn set_function(py: Attached<'_>, profile: bool, function: Option<Py_tracefunc>, argument: Option<&Object>) {
    let tstate = py.tstate();
    let (function_field, argument_field) =
        if profile { (&tstate.c_profilefunc, &tstate.c_profileobj) } else { (&tstate.c_tracefunc, &tstate.c_traceobj) };
    function_field.set(None);
    let old = argument_field.get();
    argument_field.set(argument.map_or(null_mut(), |argument| argument.to_ref().into_raw()));
    function_field.set(function);
    // SAFETY: the field owned it.
    drop(unsafe { Ref::<Object>::from_raw_opt(old) });
    let active = tstate.c_tracefunc.get().is_some() || tstate.c_profilefunc.get().is_some();
    // The lower bits belong to other threads too, so the word changes atomically.
    let word = &tstate.eval_breaker;
    let mut now = word.get();
    loop {
        let next = if active { now | ACTIVE } else { now & !ACTIVE };
        match word.compare_exchange(
            now,
            next,
            std::sync::atomic::Ordering::AcqRel,
            std::sync::atomic::Ordering::Relaxed,
        ) {
            Ok(_) => break,
            Err(other) => now = other,
        }
    }
    if active {
        instrument_stack(py);
    }
}

/// Reports an event of a frame to the thread's trace (or profile) function.
pub fn report(py: Attached<'_>, profile: bool, frame: &Frame, event: c_int, argument: &Object) -> PyResult<()> {
    let tstate = py.tstate();
    let (function, object) = if profile {
        (tstate.c_profilefunc.get(), tstate.c_profileobj.get())
    } else {
        (tstate.c_tracefunc.get(), tstate.c_traceobj.get())
    };
    let Some(function) = function.filter(|_| tstate.tracing.get() == 0) else { return Ok(()) };
    let frame_object = frame.object(py)?;
    let old_event = tstate.what_event.get();
    tstate.tracing.set(tstate.tracing.get() + 1);
    tstate.what_event.set(event);
    // SAFETY: the function was set for this thread with its argument.
    let status = unsafe { function(object, frame_object.as_ptr().cast(), event, argument.as_ptr()) };
    tstate.what_event.set(old_event);
    tstate.tracing.set(tstate.tracing.get() - 1);
    frame_object.raw().f_lineno.set(0);
    if status == 0 { Ok(()) } else { Err(Raised::assume()) }
}

/// Reports an event to both functions.
pub fn report_both(py: Attached<'_>, frame: &Frame, event: c_int, argument: &Object) -> PyResult<()> {
    report(py, false, frame, event, argument)?;
    report(py, true, frame, event, argument)
}

/// The pending exception passes through the frame.
pub fn report_exception(py: Attached<'_>, frame: &Frame) {
    if py.tstate().c_tracefunc.get().is_none() || py.tstate().tracing.get() != 0 {
        return;
    }
    let Some(exception) = py.take_raised() else { return };
    let parts = [
        exception.as_object().ty().as_object().to_ref(),
        exception.clone().upcast(),
        exception.traceback().unwrap_or_else(none),
    ];
    let reported = krait_object::Tuple::from_vec(py, parts.into())
        .and_then(|argument| report(py, false, frame, EXCEPTION, argument.as_object()));
    if reported.is_ok() {
        let _raised = py.restore(exception);
    }
}

/// A frame ends by an exception.
pub fn report_unwound(py: Attached<'_>, frame: &Frame) {
    if !is_active(py) || !frame.is_complete() {
        return;
    }
    let Some(exception) = py.take_raised() else { return };
    if report_both(py, frame, RETURN, &none()).is_ok() {
        let _raised = py.restore(exception);
    }
}

fn event_name(py: Attached<'_>, event: c_int) -> &'static Str {
    match event {
        CALL => id!(py, "call"),
        EXCEPTION => id!(py, "exception"),
        LINE => id!(py, "line"),
        RETURN => id!(py, "return"),
        C_CALL => id!(py, "c_call"),
        C_EXCEPTION => id!(py, "c_exception"),
        C_RETURN => id!(py, "c_return"),
        _ => id!(py, "opcode"),
    }
}

/// The C trace function behind `sys.settrace`: calls the Python function, or the frame's own.
unsafe extern "C" fn trace_trampoline(
    this: *mut PyObject,
    frame: *mut PyFrameObject,
    event: c_int,
    argument: *mut PyObject,
) -> c_int {
    // SAFETY: the evaluation loop passes live objects.
    unsafe {
        let py = Attached::from_tls();
        let frame: &FrameObject = &*frame.cast();
        let callback = if event == CALL { Some(Object::from_ptr(this).to_ref()) } else { frame.trace_slot().get() };
        let Some(callback) = callback else { return 0 };
        let argument = Ref::<Object>::from_borrowed_opt(argument).unwrap_or_else(none);
        match callback.call_pos(py, &[frame.as_object(), event_name(py, event).as_object(), &argument]) {
            Ok(result) => {
                if !result.is_none() {
                    drop(frame.trace_slot().replace(Some(result)));
                }
                0
            }
            Err(_) => {
                let pending = py.take_raised();
                set_function(py, false, None, None);
                drop(frame.trace_slot().take());
                if let Some(pending) = pending {
                    let _raised = py.restore(pending);
                }
                -1
            }
        }
    }
}

/// The C function behind `sys.setprofile`.
unsafe extern "C" fn profile_trampoline(
    this: *mut PyObject,
    frame: *mut PyFrameObject,
    event: c_int,
    argument: *mut PyObject,
) -> c_int {
    // SAFETY: the evaluation loop passes live objects.
    unsafe {
        let py = Attached::from_tls();
        let frame = Object::from_ptr(frame.cast());
        let argument = Ref::<Object>::from_borrowed_opt(argument).unwrap_or_else(none);
        let result = Object::from_ptr(this).call_pos(py, &[frame, event_name(py, event).as_object(), &argument]);
        if result.is_ok() {
            return 0;
        }
        let pending = py.take_raised();
        set_function(py, true, None, None);
        if let Some(pending) = pending {
            let _raised = py.restore(pending);
        }
        -1
    }
}

fn set_python(py: Attached<'_>, profile: bool, function: &Object) {
    if function.is_none() {
        return set_function(py, profile, None, None);
    }
    let trampoline: Py_tracefunc = if profile { profile_trampoline } else { trace_trampoline };
    set_function(py, profile, Some(trampoline), Some(function));
}

fn get_python(py: Attached<'_>, profile: bool) -> Ref<Object> {
    let tstate = py.tstate();
    let raw = if profile { tstate.c_profileobj.get() } else { tstate.c_traceobj.get() };
    // SAFETY: the thread state owns it.
    unsafe { Ref::from_borrowed_opt(raw) }.unwrap_or_else(none)
}

/// Adds the functions to `sys`.
pub fn fill_sys(py: Attached<'_>, module: &krait_object::Module) -> PyResult<()> {
    let functions = krait_object::functions! {
        o "settrace" => |py: Attached<'_>, _: &Object, function: &Object| set_python(py, false, function), "($module, function, /)", "Sets the function that is told about calls, lines, returns and exceptions of this thread.";
        noargs "gettrace" => |py: Attached<'_>, _: &Object| get_python(py, false), "($module, /)", "The trace function, or None.";
        o "setprofile" => |py: Attached<'_>, _: &Object, function: &Object| set_python(py, true, function), "($module, function, /)", "Sets the function that is told about calls and returns of this thread.";
        noargs "getprofile" => |py: Attached<'_>, _: &Object| get_python(py, true), "($module, /)", "The profile function, or None.";
        o "_settraceallthreads" => |py: Attached<'_>, _: &Object, function: &Object| set_python(py, false, function), "($module, function, /)", "Sets the trace function.";
        o "_setprofileallthreads" => |py: Attached<'_>, _: &Object, function: &Object| set_python(py, true, function), "($module, function, /)", "Sets the profile function.";
    };
    module.add_functions(py, functions)
}
