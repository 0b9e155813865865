//! `sys.settrace` and `sys.setprofile`, as two tools of [`crate::monitoring`].
//!
//! The tools watch an interpreter while any of its threads has such a function; what they hear of is reported to the
//! function of the thread at hand.
use crate::frame::Frame;
use crate::frameobject::FrameObject;
use crate::interp::current;
use crate::monitoring::{self, Event, PROFILE_TOOL, Site, TRACE_TOOL};
use krait_object::descrobject::MethodDescr;
use krait_object::layout::*;
use krait_object::methodobject::CFunction;
use krait_object::{Attached, BaseException, Layout, Object, PyResult, Raised, Ref, Str, id, none};
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

const fn set_of(events: &[Event]) -> u32 {
    let (mut set, mut at) = (0, 0);
    while at < events.len() {
        set |= 1 << events[at] as u32;
        at += 1;
    }
    set
}

const PROFILE_EVENTS: u32 = set_of(&[
    Event::PyStart,
    Event::PyResume,
    Event::PyReturn,
    Event::PyYield,
    Event::Call,
    Event::PyUnwind,
    Event::PyThrow,
]);
const TRACE_EVENTS: u32 = set_of(&[
    Event::PyStart,
    Event::PyResume,
    Event::PyReturn,
    Event::PyYield,
    Event::Line,
    Event::Jump,
    Event::StopIteration,
    Event::Raise,
    Event::PyUnwind,
    Event::PyThrow,
]);

/// A frame wants to hear of each instruction, or no longer.
pub fn trace_opcodes(py: Attached<'_>, frame: &FrameObject, on: bool) {
    let code = frame.frame().code().to_ref();
    let events = if on { set_of(&[Event::Instruction]) } else { 0 };
    monitoring::module::set_local_events(py, TRACE_TOOL, &code, events);
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
    watch(py, profile);
}

/// Makes the tool watch while some thread has a function.
fn watch(py: Attached<'_>, profile: bool) {
    let (tool, events) = if profile { (PROFILE_TOOL, PROFILE_EVENTS) } else { (TRACE_TOOL, TRACE_EVENTS) };
    monitoring::set_events(py, tool, if current(py).any_traced(profile) { events } else { 0 });
}

/// Sets the function of every thread of the interpreter.
pub fn set_function_everywhere(
    py: Attached<'_>,
    profile: bool,
    function: Option<Py_tracefunc>,
    argument: Option<&Object>,
) {
    let interpreter = current(py);
    let mut old = Vec::new();
    interpreter.stop_the_world(py, &mut || {
        interpreter.visit_threads(&mut |thread| {
            let public = &thread.public;
            let (function_field, argument_field) = if profile {
                (&public.c_profilefunc, &public.c_profileobj)
            } else {
                (&public.c_tracefunc, &public.c_traceobj)
            };
            old.push(argument_field.get());
            argument_field.set(argument.map_or(null_mut(), |argument| argument.to_ref().into_raw()));
            function_field.set(function);
        });
    });
    for old in old {
        // SAFETY: the fields owned them.
        drop(unsafe { Ref::<Object>::from_raw_opt(old) });
    }
    watch(py, profile);
}

/// The calling thread ends: its functions go.
pub fn thread_ends(py: Attached<'_>) {
    let tstate = py.tstate();
    for profile in [false, true] {
        let function = if profile { tstate.c_profilefunc.get() } else { tstate.c_tracefunc.get() };
        if function.is_some() {
            set_function(py, profile, None, None);
        }
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
    tstate.tracing.set(tstate.tracing.get() + 1);
    // SAFETY: the function was set for this thread with its argument.
    let status = unsafe { function(object, frame_object.as_ptr().cast(), event, argument.as_ptr()) };
    tstate.tracing.set(tstate.tracing.get() - 1);
    frame_object.raw().f_lineno.set(0);
    if status == 0 { Ok(()) } else { Err(Raised::assume()) }
}

/// Reports an event of the interpreter's as the older interface words it.
pub fn report_event(py: Attached<'_>, profile: bool, site: &Site<'_>, rest: &[&Object]) -> PyResult<()> {
    let tstate = py.tstate();
    let function = if profile { tstate.c_profilefunc.get() } else { tstate.c_tracefunc.get() };
    if function.is_none() {
        return Ok(());
    }
    let frame = site.frame;
    // SAFETY: the frame owns its frame object.
    let object = unsafe { frame.0.frame_obj.get().as_ref() };
    let argument = rest.first().copied();
    match site.event {
        Event::PyStart | Event::PyResume | Event::PyThrow => report(py, profile, frame, CALL, &none()),
        Event::PyReturn | Event::PyYield => report(py, profile, frame, RETURN, argument.unwrap_or(&none())),
        Event::PyUnwind => report(py, profile, frame, RETURN, &none()),
        Event::Line if object.is_none_or(|object| object.f_trace_lines.get() != 0) => {
            report(py, profile, frame, LINE, &none())
        }
        Event::Jump if object.is_none_or(|object| object.f_trace_lines.get() != 0) => {
            // A jump backwards to the start of its own line begins that line again.
            let target = argument.and_then(|target| target.downcast::<krait_object::Int>()).and_then(|to| to.to_i64());
            let target = target.map_or(usize::MAX, |target| target as usize / 2);
            let line = |unit: usize| frame.code().line_of(unit as i32);
            if target > site.unit || line(target).is_none() || line(target) != line(site.unit) {
                return Ok(());
            }
            report(py, profile, frame, LINE, &none())
        }
        Event::Instruction if object.is_some_and(|object| object.f_trace_opcodes.get() != 0) => {
            report(py, profile, frame, OPCODE, &none())
        }
        Event::Raise | Event::StopIteration => {
            let Some(exception) = argument.and_then(|exception| exception.downcast::<BaseException>()) else {
                return Ok(());
            };
            let traceback = exception.traceback().unwrap_or_else(none);
            let parts = [exception.as_object().ty().as_object(), exception.as_object(), &*traceback];
            let argument = krait_object::Tuple::from_slice(py, &parts)?;
            report(py, profile, frame, EXCEPTION, argument.as_object())
        }
        Event::Call | Event::CReturn | Event::CRaise => {
            let (Some(callable), Some(first)) = (argument, rest.get(1)) else { return Ok(()) };
            let Some(function) = native_function(py, callable, first)? else { return Ok(()) };
            let event = match site.event {
                Event::Call => C_CALL,
                Event::CReturn => C_RETURN,
                _ => C_EXCEPTION,
            };
            report(py, profile, frame, event, &function)
        }
        _ => Ok(()),
    }
}

/// The built-in function that is called; a method's is bound to the first argument.
fn native_function(py: Attached<'_>, callable: &Object, first: &Object) -> PyResult<Option<Ref<Object>>> {
    if callable.downcast::<CFunction>().is_some() {
        return Ok(Some(callable.to_ref()));
    }
    if callable.downcast_exact::<MethodDescr>().is_none() || first.is(monitoring::module::missing(py)?) {
        return Ok(None);
    }
    match callable.call_method(py, id!(py, __get__), &[first, first.ty().as_object()]) {
        Ok(bound) => Ok(bound.as_object().downcast::<CFunction>().is_some().then_some(bound)),
        Err(raised) => {
            raised.clear(py);
            Ok(None)
        }
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

/// Ends the tracing whose function raised, and says so to the caller.
fn stop(py: Attached<'_>, raised: Raised, end: impl FnOnce()) -> c_int {
    let exception = raised.take(py);
    end();
    let _raised = py.restore(exception);
    -1
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
            Err(raised) => stop(py, raised, || {
                set_function(py, false, None, None);
                drop(frame.trace_slot().take());
            }),
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
        match Object::from_ptr(this).call_pos(py, &[frame, event_name(py, event).as_object(), &argument]) {
            Ok(_) => 0,
            Err(raised) => stop(py, raised, || set_function(py, true, None, None)),
        }
    }
}

fn set_python(py: Attached<'_>, profile: bool, everywhere: bool, function: &Object) -> PyResult<()> {
    crate::sysmodule::audit_event(py, if profile { "sys.setprofile" } else { "sys.settrace" }, &[])?;
    let set = if everywhere { set_function_everywhere } else { set_function };
    if function.is_none() {
        set(py, profile, None, None);
        return Ok(());
    }
    let trampoline: Py_tracefunc = if profile { profile_trampoline } else { trace_trampoline };
    set(py, profile, Some(trampoline), Some(function));
    Ok(())
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
        o "settrace" => |py: Attached<'_>, _: &Object, function: &Object| set_python(py, false, false, function), "($module, function, /)", "Sets the function that is told about calls, lines, returns and exceptions of this thread.";
        noargs "gettrace" => |py: Attached<'_>, _: &Object| get_python(py, false), "($module, /)", "The trace function, or None.";
        o "setprofile" => |py: Attached<'_>, _: &Object, function: &Object| set_python(py, true, false, function), "($module, function, /)", "Sets the function that is told about calls and returns of this thread.";
        noargs "getprofile" => |py: Attached<'_>, _: &Object| get_python(py, true), "($module, /)", "The profile function, or None.";
        o "_settraceallthreads" => |py: Attached<'_>, _: &Object, function: &Object| set_python(py, false, true, function), "($module, function, /)", "Sets the trace function.";
        o "_setprofileallthreads" => |py: Attached<'_>, _: &Object, function: &Object| set_python(py, true, true, function), "($module, function, /)", "Sets the profile function.";
    };
    module.add_functions(py, functions)?;
    let monitoring = monitoring::module::create(py)?;
    module.add(py, "monitoring", monitoring.as_object())
}
