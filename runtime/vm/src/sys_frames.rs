//! The functions of `sys` that look at frames.
use crate::frameobject::{self, FrameObject};
use crate::interp::current;
use krait_object::{
    Attached, Dict, Int, IntoObject, Layout, Module, Object, PyResult, Ref, functions, id, none, raise,
};

fn getframe(py: Attached<'_>, _: &Object, [depth]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
    let depth = depth.map_or(Ok(0), |depth| depth.as_i32(py))?;
    let mut frame: Option<Ref<Object>> = frameobject::current(py)?.map(Ref::upcast);
    for _ in 0..depth.max(0) {
        frame = match frame {
            Some(inner) => {
                let back = inner.get_attr(py, id!(py, f_back))?;
                (!back.is_none()).then_some(back)
            }
            None => None,
        };
    }
    let frame = frame.ok_or_else(|| raise!(py, ValueError, "call stack is not deep enough"))?;
    crate::sysmodule::audit_event(py, "sys._getframe", &[&frame])?;
    Ok(frame)
}

fn getframemodulename(py: Attached<'_>, module: &Object, [depth]: [Option<&Object>; 1]) -> PyResult<Ref<Object>> {
    match getframe(py, module, [depth]) {
        Ok(frame) => {
            let globals = frame.get_attr(py, id!(py, f_globals))?;
            Ok(globals.get_item_opt(py, id!(py, __name__).as_object())?.unwrap_or_else(none))
        }
        Err(raised) if raised.matches(py, krait_object::exc::ValueError()) => {
            raised.clear(py);
            Ok(none())
        }
        Err(raised) => Err(raised),
    }
}

/// The innermost frame of every thread, by thread identifier. The world is stopped while the frames are looked up.
fn current_frames(py: Attached<'_>, _: &Object) -> PyResult<Ref<Dict>> {
    let result = Dict::new(py)?;
    let mut found: Vec<(u64, Ref<FrameObject>)> = Vec::new();
    let interpreter = current(py);
    interpreter.stop_the_world(py, &mut || {
        interpreter.visit_threads(&mut |thread| {
            let public = &thread.public;
            let Some(frame) = crate::frame::Frame::first_complete(public.current_frame.get().cast()) else { return };
            if let Ok(object) = frame.object(py) {
                found.push((public.thread_id.get(), object));
            }
        });
    });
    for (ident, frame) in found {
        result.set(py, Int::from_u64(py, ident)?.as_object(), frame.as_object())?;
    }
    Ok(result)
}

/// The exception that every thread handles, by thread identifier.
fn current_exceptions(py: Attached<'_>, _: &Object) -> PyResult<Ref<Dict>> {
    let result = Dict::new(py)?;
    let mut found: Vec<(u64, Option<Ref<Object>>)> = Vec::new();
    let interpreter = current(py);
    interpreter.stop_the_world(py, &mut || {
        interpreter.visit_threads(&mut |thread| {
            found.push((thread.public.thread_id.get(), crate::eval::handled_by(&thread.public)));
        });
    });
    for (ident, exception) in found {
        let exception = exception.unwrap_or_else(none);
        result.set(py, &*ident.into_object(py)?, &exception)?;
    }
    Ok(result)
}

fn call_tracing(py: Attached<'_>, _: &Object, [function, args]: [Option<&Object>; 2]) -> PyResult<Ref<Object>> {
    let (Some(function), Some(args)) = (function, args) else { return Err(py.bad_internal_call()) };
    let Some(args) = args.downcast::<krait_object::Tuple>() else {
        return Err(raise!(
            py,
            TypeError,
            "call_tracing() argument 2 must be tuple, not {}",
            krait_object::builtins::textargs::arg_type(args)
        ));
    };
    let tstate = py.tstate();
    let tracing = tstate.tracing.get();
    tstate.tracing.set(0);
    let result = function.call_pos(py, args.as_slice());
    tstate.tracing.set(tracing);
    result
}

/// Adds the functions to `sys`.
///
/// # Errors
/// `MemoryError`.
pub fn add(py: Attached<'_>, module: &Module) -> PyResult<()> {
    crate::tracing::fill_sys(py, module)?;
    module.add_functions(py, functions! {
        sig "_getframe" => getframe, "($module, depth=0, /)", "A frame of the call stack, the caller's by default.";
        sig "_getframemodulename" => getframemodulename, "($module, /, depth=0)", "The module name of a frame of the call stack.";
        noargs "_current_frames" => current_frames, "($module, /)", "The innermost frame of every thread.";
        noargs "_current_exceptions" => current_exceptions, "($module, /)", "The exception that every thread handles.";
        sig "call_tracing" => call_tracing, "($module, func, args, /)", "Calls a function while tracing is on.";
    })
}
