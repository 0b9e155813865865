//! Resuming, throwing into, closing and finalizing generators; awaiting.
use super::{AsyncGenerator, Coroutine, Generator, delegate, drop_contents, raise_stop, take_stop_value};
use crate::eval::entry::enter_recursive;
use crate::eval::foreign;
use crate::frame::Frame;
use crate::stackref::StackRef;
use crate::traceback::Traceback;
use krait_bytecode::Opcode;
use krait_bytecode::flags::{CO_GENERATOR, CO_ITERABLE_COROUTINE};
use krait_object::hooks::hooks;
use krait_object::layout::*;
use krait_object::{Attached, BaseException, Layout, Object, PyResult, Raised, Ref, Type, exc, id, none, raise};
use std::sync::atomic::Ordering::Release;

/// What resuming came to: a yielded value, or the returned one.
pub type Outcome = Result<Ref<Object>, Ref<Object>>;

/// Runs a generator up to its next `yield` or its end. With `raising`, the pending exception is raised inside.
pub fn resume(
    py: Attached<'_>,
    this: &Generator,
    value: Option<&Object>,
    raising: bool,
    closing: bool,
) -> PyResult<Outcome> {
    let state = this.raw().gi_frame_state.get();
    if state == FRAME_CREATED && value.is_some_and(|value| !value.is_none()) {
        let kind = this.kind();
        return Err(raise!(py, TypeError, "can't send non-None value to a just-started {kind}"));
    }
    let pending = if raising { py.take_raised() } else { None };
    if !this.start_running() {
        // Whoever runs it may have suspended it again meanwhile.
        if this.raw().gi_frame_state.get() <= FRAME_EXECUTING {
            drop(pending);
            return Err(raise!(py, ValueError, "{} already executing", this.kind()));
        }
        if std::ptr::eq(this.as_object().ty(), Coroutine::type_object()) && !closing {
            drop(pending);
            return Err(raise!(py, RuntimeError, "cannot reuse already awaited coroutine"));
        }
        return match pending {
            Some(pending) => Err(py.restore(pending)),
            None => Ok(Err(none())),
        };
    }
    let frame: *mut Frame = std::ptr::from_ref(this.frame()).cast_mut();
    let tstate = py.tstate();
    if let Err(raised) = enter_recursive(py) {
        this.raw().gi_frame_state.store(state, std::sync::atomic::Ordering::Release);
        return Err(raised);
    }
    let word = value.map_or_else(|| StackRef::owned(none()), |value| StackRef::owned(value.to_ref()));
    // SAFETY: the frame is ours while it is marked as executing; it has room for the value.
    unsafe {
        (*frame).sp().write(word);
        (*frame).set_sp((*frame).sp().add(1));
    }
    let item = &this.raw().gi_exc_state;
    item.previous_item.set(tstate.exc_info.get());
    tstate.exc_info.set(std::ptr::from_ref(item).cast_mut());
    if let Some(pending) = pending {
        // The thrown exception came while the generator's own was handled, if it handles one.
        let _raised = if item.exc_value.get().is_null() {
            py.restore(pending)
        } else {
            krait_object::exceptions::raise_exception(py, pending)
        };
    }
    let _alive = this.to_ref();
    // SAFETY: a suspended frame, ready to run.
    let raw = unsafe { foreign::run(py, frame, raising) };
    // The state says nothing any more: another thread may run the generator by now. What a host's evaluation function
    // runs afterwards clears the mark, though, so that the state has to do for it.
    let mut yielded = py.ext().yielded.replace(false);
    if foreign::is_on() {
        yielded = !raw.is_null() && this.raw().gi_frame_state.get() < FRAME_EXECUTING;
    }
    // SAFETY: the loop returns an owned reference or null with an exception set.
    let Some(result) = (unsafe { Ref::<Object>::from_raw_opt(raw) }) else { return Err(Raised::assume()) };
    Ok(if yielded { Ok(result) } else { Err(result) })
}

/// `send()` as Python sees it: a return is `StopIteration`.
pub(super) fn send_method(py: Attached<'_>, this: &Generator, value: &Object) -> PyResult<Ref<Object>> {
    match resume(py, this, Some(value), false, false)? {
        Ok(yielded) => Ok(yielded),
        Err(returned) => Err(stopped(py, this, &returned)),
    }
}

/// The exception for a generator that returned.
pub(super) fn stopped(py: Attached<'_>, this: &Generator, returned: &Object) -> Raised {
    if std::ptr::eq(this.as_object().ty(), AsyncGenerator::type_object()) {
        return py.raise_value(exc::StopAsyncIteration(), &none());
    }
    raise_stop(py, returned)
}

/// Raises `exception` at the point where the generator is suspended.
pub fn throw(
    py: Attached<'_>,
    this: &Generator,
    exception: Ref<BaseException>,
    close_on_exit: bool,
) -> PyResult<Outcome> {
    if let Some(inner) = delegate(this) {
        if exception.as_object().is_instance_of(exc::GeneratorExit()) && close_on_exit {
            let closed = while_executing(this, || close_iterator(py, &inner));
            drop(inner);
            return match closed {
                Ok(()) => raise_inside(py, this, exception),
                Err(raised) => resume_raised(py, this, raised),
            };
        }
        let thrown = while_executing(this, || throw_into(py, this, &inner, &exception, close_on_exit));
        drop(inner);
        return match thrown {
            Ok(None) => raise_inside(py, this, exception),
            Ok(Some(yielded)) => Ok(Ok(yielded)),
            Err(raised) => resume_raised(py, this, raised),
        };
    }
    raise_inside(py, this, exception)
}

/// Throws into a delegate. `None` when it cannot be thrown into.
fn throw_into(
    py: Attached<'_>,
    this: &Generator,
    inner: &Object,
    exception: &BaseException,
    close_on_exit: bool,
) -> PyResult<Option<Ref<Object>>> {
    // The outer frame is between the caller and the inner one while that runs.
    let (frame, tstate) = (this.frame(), py.tstate());
    let below = tstate.current_frame.get();
    frame.0.previous.set(below);
    tstate.current_frame.set(std::ptr::from_ref(frame).cast_mut().cast());
    let result = match as_generator(inner) {
        Some(generator) => throw(py, generator, exception.to_ref(), close_on_exit).map(Some),
        None => match inner.get_attr_opt(py, id!(py, throw)) {
            Ok(Some(method)) => method.call_pos(py, &[exception.as_object()]).map(|yielded| Some(Ok(yielded))),
            Ok(None) => Ok(None),
            Err(raised) => Err(raised),
        },
    };
    tstate.current_frame.set(below);
    frame.0.previous.set(std::ptr::null_mut());
    match result? {
        None => Ok(None),
        Some(Ok(yielded)) => Ok(Some(yielded)),
        Some(Err(returned)) => Err(raise_stop(py, &returned)),
    }
}

/// A generator or coroutine by exact type.
fn as_generator(object: &Object) -> Option<&Generator> {
    let ty = object.ty();
    let known = std::ptr::eq(ty, Generator::type_object()) || std::ptr::eq(ty, Coroutine::type_object());
    // SAFETY: the types share one layout.
    known.then(|| unsafe { object.cast_unchecked() })
}

/// Marks the generator as executing while its delegate is worked on.
fn while_executing<R>(this: &Generator, work: impl FnOnce() -> R) -> R {
    let state = &this.raw().gi_frame_state;
    let before = state.get();
    state.set(FRAME_EXECUTING);
    let result = work();
    state.set(before);
    result
}

fn raise_inside(py: Attached<'_>, this: &Generator, exception: Ref<BaseException>) -> PyResult<Outcome> {
    let raised = py.restore(exception);
    resume_raised(py, this, raised)
}

fn resume_raised(py: Attached<'_>, this: &Generator, _raised: Raised) -> PyResult<Outcome> {
    resume(py, this, Some(&none()), true, false)
}

/// `throw(type, value, traceback)` as Python calls it.
pub(super) fn throw_method(py: Attached<'_>, this: &Generator, args: &[&Object]) -> PyResult<Ref<Object>> {
    let exception = exception_from(py, args)?;
    match throw(py, this, exception, true)? {
        Ok(yielded) => Ok(yielded),
        Err(returned) => Err(stopped(py, this, &returned)),
    }
}

/// The exception that the arguments of `throw()` describe.
pub(super) fn exception_from(py: Attached<'_>, args: &[&Object]) -> PyResult<Ref<BaseException>> {
    krait_object::args::check_positional(py, "throw", args.len(), 1, 3)?;
    if args.len() > 1 {
        let text = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.";
        (hooks().warn)(py, exc::DeprecationWarning(), text, 1)?;
    }
    let given = |at: usize| args.get(at).copied().filter(|arg| !arg.is_none());
    let (ty, value, traceback) = (args[0], given(1), given(2));
    if traceback.is_some_and(|traceback| traceback.downcast_exact::<Traceback>().is_none()) {
        return Err(raise!(py, TypeError, "throw() third argument must be a traceback object"));
    }
    let class = ty.downcast::<Type>().filter(|class| class.has_feature(Py_TPFLAGS_BASE_EXC_SUBCLASS));
    let exception = if let Some(class) = class {
        let none = none();
        match krait_object::exceptions::make_exception(py, class, value.unwrap_or(&none)) {
            Ok(exception) => exception,
            // What making it raised is thrown instead.
            Err(raised) => raised.take(py),
        }
    } else if let Some(exception) = ty.downcast::<BaseException>() {
        if value.is_some() {
            return Err(raise!(py, TypeError, "instance exception may not have a separate value"));
        }
        exception.to_ref()
    } else {
        let given = ty.ty().name();
        let text = "exceptions must be classes or instances deriving from BaseException, not";
        return Err(raise!(py, TypeError, "{text} {given}"));
    };
    if let Some(traceback) = traceback {
        exception.replace_traceback(Some(traceback.to_ref()));
    }
    Ok(exception)
}

/// Closes a delegate: a generator, or anything with a `close` method.
fn close_iterator(py: Attached<'_>, inner: &Object) -> PyResult<()> {
    if let Some(generator) = as_generator(inner) {
        return close(py, generator).map(drop);
    }
    match inner.get_attr_opt(py, id!(py, close)) {
        Ok(Some(method)) => method.call0(py).map(drop),
        Ok(None) => Ok(()),
        Err(_) => {
            unraisable_about(py, "Exception ignored while closing generator", inner);
            Ok(())
        }
    }
}

/// `close()`: raises `GeneratorExit` inside and expects the generator to end.
pub fn close(py: Attached<'_>, this: &Generator) -> PyResult<Ref<Object>> {
    match this.raw().gi_frame_state.get() {
        FRAME_CREATED => {
            if this.start_running() {
                drop_contents(py, this);
            }
            return Ok(none());
        }
        FRAME_COMPLETED.. => return Ok(none()),
        _ => {}
    }
    let inner = delegate(this);
    if inner.is_none() && ends_unnoticed(py, this) && this.start_running() {
        if ends_unnoticed(py, this) {
            drop_contents(py, this);
            return Ok(none());
        }
        // Another thread moved it on meanwhile.
        this.raw().gi_frame_state.store(FRAME_SUSPENDED, Release);
    }
    let closed = match inner {
        Some(inner) => while_executing(this, || close_iterator(py, &inner)),
        None => Ok(()),
    };
    if closed.is_ok() {
        let _raised = py.raise_value(exc::GeneratorExit(), &none());
    }
    match resume(py, this, Some(&none()), true, true) {
        Ok(Ok(_)) => Err(raise!(py, RuntimeError, "{} ignored GeneratorExit", this.kind())),
        Ok(Err(returned)) => Ok(returned),
        Err(raised) if raised.matches(py, exc::GeneratorExit()) => {
            raised.clear(py);
            Ok(none())
        }
        Err(raised) => take_stop_value(py, raised),
    }
}

/// Whether nobody would see `GeneratorExit` pass through a suspended frame: it stands at a `yield` outside of all `try`
/// blocks, and no tool waits for frames that exceptions leave.
fn ends_unnoticed(py: Attached<'_>, this: &Generator) -> bool {
    let (code, unit) = (this.frame().code().code(), this.frame().lasti());
    let at_yield = code.get(2 * unit..2 * unit + 2).is_some_and(|unit| {
        unit[0] == Opcode::RESUME as u8 && u32::from(unit[1]) & krait_bytecode::oparg::RESUME_DEPTH1 != 0
    });
    at_yield && crate::interp::current(py).monitoring.watchers(crate::monitoring::Event::PyUnwind) == 0
}

/// `__del__`: closes an unfinished generator.
pub fn finalize(py: Attached<'_>, object: &Object) {
    // SAFETY: only types of this layout have this finalizer.
    let this: &Generator = unsafe { object.cast_unchecked() };
    if this.is_finished() {
        return;
    }
    let pending = py.take_raised();
    let raw = this.raw();
    let finalizer = raw.gi_origin_or_finalizer.get();
    if std::ptr::eq(object.ty(), AsyncGenerator::type_object()) && !finalizer.is_null() && raw.gi_closed.get() == 0 {
        // SAFETY: the field owns the finalizer.
        let finalizer = unsafe { Object::from_ptr(finalizer) }.to_ref();
        if finalizer.call_pos(py, &[object]).is_err() {
            (hooks().unraisable)(py, None, Some(object));
        }
    } else if std::ptr::eq(object.ty(), Coroutine::type_object()) && raw.gi_frame_state.get() == FRAME_CREATED {
        warn_never_awaited(py, object);
        if this.start_running() {
            drop_contents(py, this);
        }
    } else if close(py, this).is_err() {
        unraisable_about(py, "Exception ignored while closing generator", object);
    }
    if let Some(pending) = pending {
        let _raised = py.restore(pending);
    }
}

/// Reports the pending exception with an object's text in the message.
fn unraisable_about(py: Attached<'_>, message: &str, object: &Object) {
    let pending = py.take_raised();
    let text = object.repr(py).map(|text| text.to_string_lossy().into_owned());
    let message = match text {
        Ok(text) => format!("{message} {text}"),
        Err(raised) => {
            raised.clear(py);
            message.to_owned()
        }
    };
    if let Some(pending) = pending {
        let _raised = py.restore(pending);
    }
    (hooks().unraisable)(py, Some(&message), None);
}

/// Warns through `warnings._warn_unawaited_coroutine`; where that is missing or fails, in fewer words.
fn warn_never_awaited(py: Attached<'_>, coroutine: &Object) {
    const WHERE: &str = "Exception ignored while finalizing coroutine";
    let warned = (|| -> PyResult<bool> {
        let warnings = (hooks().import)(py, "warnings")?;
        let Some(warn) = warnings.get_attr_opt(py, id!(py, _warn_unawaited_coroutine))? else { return Ok(false) };
        warn.call_pos(py, &[coroutine]).map(|_| true)
    })();
    match warned {
        Ok(true) => return,
        Ok(false) => {}
        Err(raised) => {
            // A filter that makes errors of warnings has been heard.
            let was_warning = raised.matches(py, exc::RuntimeWarning());
            unraisable_about(py, WHERE, coroutine);
            if was_warning {
                return;
            }
        }
    }
    let warned = (|| -> PyResult<()> {
        // SAFETY: coroutines have this layout.
        let name =
            unsafe { coroutine.cast_unchecked::<Generator>() }.as_object().get_attr(py, id!(py, __qualname__))?;
        let text = format!("coroutine '{}' was never awaited", name.str(py)?);
        (hooks().warn)(py, exc::RuntimeWarning(), &text, 1)
    })();
    if warned.is_err() {
        unraisable_about(py, WHERE, coroutine);
    }
}

/// Sends into anything that can be iterated or sent to (`PyIter_Send`).
pub fn send_any(py: Attached<'_>, receiver: &Object, value: &Object) -> PyResult<Outcome> {
    let ty = receiver.ty();
    // SAFETY: the table lives as long as the type.
    let send = unsafe { ty.as_type().tp_as_async.get().as_ref() }.and_then(|table| table.am_send.get());
    if let Some(send) = send {
        let mut result = std::ptr::null_mut();
        // SAFETY: [slot-contract].
        let how = unsafe { send(receiver.as_ptr(), value.as_ptr(), &raw mut result) };
        // SAFETY: a new reference for both outcomes.
        return match (how, unsafe { Ref::<Object>::from_raw_opt(result) }) {
            (1, Some(yielded)) => Ok(Ok(yielded)),
            (0, Some(returned)) => Ok(Err(returned)),
            _ => Err(Raised::assume()),
        };
    }
    let sent = match ty.as_type().tp_iternext.get() {
        Some(next) if value.is_none() && receiver.is_iterator() => {
            // SAFETY: [slot-contract].
            match unsafe { Ref::<Object>::from_raw_opt(next(receiver.as_ptr())) } {
                Some(item) => Ok(item),
                None if py.pending().is_none() => return Ok(Err(none())),
                None => Err(Raised::assume()),
            }
        }
        _ => receiver.call_method(py, id!(py, send), &[value]),
    };
    match sent {
        Ok(yielded) => Ok(Ok(yielded)),
        Err(raised) => {
            crate::monitoring::note_stop(py, &raised);
            take_stop_value(py, Raised::assume()).map(Err)
        }
    }
}

/// What `await object` iterates over.
pub fn awaitable(py: Attached<'_>, object: &Object) -> PyResult<Ref<Object>> {
    if is_coroutine(object) {
        return Ok(object.to_ref());
    }
    let ty = object.ty();
    // SAFETY: the table lives as long as the type.
    let get = unsafe { ty.as_type().tp_as_async.get().as_ref() }.and_then(|table| table.am_await.get());
    let Some(get) = get else {
        let name = ty.name();
        return Err(raise!(py, TypeError, "'{name:.100}' object can't be awaited"));
    };
    // SAFETY: [slot-contract].
    let Some(iterator) = (unsafe { Ref::<Object>::from_raw_opt(get(object.as_ptr())) }) else {
        return Err(Raised::assume());
    };
    if is_coroutine(&iterator) {
        return Err(raise!(py, TypeError, "__await__() returned a coroutine"));
    }
    if !iterator.is_iterator() {
        let name = iterator.ty().name();
        return Err(raise!(py, TypeError, "__await__() returned non-iterator of type '{name:.100}'"));
    }
    Ok(iterator)
}

/// A coroutine, or a generator that `types.coroutine` marked.
fn is_coroutine(object: &Object) -> bool {
    if std::ptr::eq(object.ty(), Coroutine::type_object()) {
        return true;
    }
    let Some(generator) = object.downcast_exact::<Generator>() else { return false };
    let flags = generator.frame().code().raw().co_flags.get() as u32;
    flags & CO_ITERABLE_COROUTINE != 0 && flags & CO_GENERATOR != 0
}
