//! Generators, coroutines and asynchronous generators: an object that owns a suspended frame.
//!
//! The three types share one layout. `gi_frame_state` says where the frame stands; who changes it from "suspended"
//! to "executing" owns the frame until it changes it back, so two threads never run one generator.
//!
//! Concurrency: resuming is exclusive (the second thread gets `ValueError: generator already executing`); names are
//! replaced atomically.
mod asyncgen;
mod resume;
mod types;

pub use asyncgen::{AnextAwaitable, AsyncAsend, AsyncAthrow, AsyncWrapped, wrap_yield};
use resume::stopped;
pub use resume::{Outcome, awaitable, close, finalize, resume, send_any, throw};
pub use types::{AsyncGenerator, Coroutine, CoroutineWrapper, Generator};

use crate::frame::{FRAME_HEAD, Frame};
use crate::frameobject::{self, FrameObject};
use crate::stackref::StackRef;
use krait_bytecode::flags::{CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR};
use krait_bytecode::{Instructions, Opcode};
use krait_object::layout::*;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Slot, Str, Type, exc, mem, none};
use std::mem::offset_of;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

/// The generator that owns a frame.
#[inline(always)]
pub fn of_frame<'a>(frame: &Frame) -> &'a Generator {
    let address = std::ptr::from_ref(frame).cast::<u8>();
    // SAFETY: [layout]: callers pass a frame with `FRAME_OWNED_BY_GENERATOR`, which lies in its generator.
    unsafe { &*address.sub(offset_of!(PyGenObject, gi_iframe)).cast() }
}

/// Moves a frame into a new generator of the kind that its code says. The frame's memory is the caller's to pop.
pub fn from_frame(py: Attached<'_>, frame: &Frame) -> PyResult<Ref<Object>> {
    let ty = match frame.code().raw().co_flags.get() as u32 & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) {
        CO_COROUTINE => Coroutine::type_object(),
        CO_ASYNC_GENERATOR => AsyncGenerator::type_object(),
        _ => Generator::type_object(),
    };
    Ok(moved_frame(py, frame, ty)?.upcast())
}

/// A generator of type `ty` that runs the frame of a frame object, which has not run yet (`PyGen_NewWithQualName`).
/// Without names it has those of the code.
///
/// # Errors
/// `SystemError` when the frame runs, has run, or is not one of a generator function.
pub fn from_frame_object(
    py: Attached<'_>,
    object: Ref<FrameObject>,
    ty: &'static Type,
    names: Option<(&Str, &Str)>,
) -> PyResult<Ref<Object>> {
    let frame = object.frame();
    let start = Instructions::new(frame.code().code()).find(|i| i.op.base() == Opcode::RETURN_GENERATOR);
    let (Some(start), true) = (start, object.owns_frame()) else { return Err(py.bad_internal_call()) };
    frame.set_lasti(start.offset as isize);
    // The new frame owns the object, as a running frame does.
    frame.0.frame_obj.set(object.as_ptr().cast());
    let made = moved_frame(py, frame, ty);
    frame.0.frame_obj.set(null_mut());
    let made = made?;
    let _moved = object.into_raw();
    if let Some((name, qualname)) = names {
        let this = made.raw();
        // SAFETY: the fields own their strings.
        unsafe {
            drop(Slot::<Str>::of(&this.gi_name).replace(Some(name.to_ref())));
            drop(Slot::<Str>::of(&this.gi_qualname).replace(Some(qualname.to_ref())));
        }
    }
    Ok(made.upcast())
}

/// Moves a frame into a new generator of type `ty`.
fn moved_frame(py: Attached<'_>, frame: &Frame, ty: &'static Type) -> PyResult<Ref<Generator>> {
    let raw = frame.code().raw();
    let words = (raw.co_nlocalsplus.get() + raw.co_stacksize.get()) as usize;
    let made = mem::alloc_instance(py, ty, words)?;
    // SAFETY: fresh zeroed memory of this layout.
    let made = unsafe { Ref::<Generator>::from_raw(made.as_ptr()) };
    let this = made.raw();
    // The item count was stored where this layout has another field.
    this.gi_weakreflist.set(null_mut());
    // SAFETY: the frame runs a function.
    let function: &krait_object::Function = unsafe { frame.function().object().cast_unchecked() };
    this.gi_name.set(function.name_slot().get().map_or(null_mut(), Ref::into_raw));
    this.gi_qualname.set(function.qualname_slot().get().map_or(null_mut(), Ref::into_raw));
    let target = (&raw const this.gi_iframe).cast_mut().cast::<Frame>();
    let used = frame.used();
    // SAFETY: the generator has room for a frame of this code; the old one is not used afterwards.
    unsafe {
        std::ptr::copy_nonoverlapping(std::ptr::from_ref(frame).cast::<usize>(), target.cast(), FRAME_HEAD);
        for at in 0..used {
            let word = Frame::locals(frame).add(at).read();
            Frame::locals(target).add(at).write(word.into_owned());
        }
        let owned = &*target;
        owned.0.f_funcobj.set(frame.function().into_owned().to_layout());
        owned.set_sp(Frame::locals(target).add(used));
        owned.0.instr_ptr.set(frame.0.instr_ptr.get().wrapping_add(1));
        owned.0.return_offset.set(0);
        owned.0.owner.set(FRAME_OWNED_BY_GENERATOR);
        owned.0.previous.set(null_mut());
        if let Some(object) = owned.0.frame_obj.get().as_ref() {
            object.f_frame.set(target.cast());
        }
    }
    this.gi_frame_state.store(FRAME_CREATED, std::sync::atomic::Ordering::Release);
    if std::ptr::eq(ty, Coroutine::type_object()) {
        set_origin(py, &made)?;
    }
    krait_object::gc::track(made.as_object());
    Ok(made)
}

/// Records where a coroutine was created, if the thread tracks that.
fn set_origin(py: Attached<'_>, coroutine: &Generator) -> PyResult<()> {
    let depth = py.tstate().coroutine_origin_tracking_depth.get();
    if depth <= 0 {
        return Ok(());
    }
    let mut entries = Vec::new();
    // The frame being turned into the coroutine is on top, but cannot be seen yet.
    let mut at = Frame::current(py);
    while let Some(frame) = at.filter(|_| entries.len() < depth as usize) {
        let line = frame.line().unwrap_or(0);
        let line = krait_object::Int::from_i64(py, line.into())?;
        let (file, name) = (frame.code().filename().as_object(), frame.code().name().as_object());
        entries.push(krait_object::Tuple::from_slice(py, &[file, line.as_object(), name])?.upcast());
        at = Frame::first_complete(frame.previous());
    }
    let origin = krait_object::Tuple::from_vec(py, entries)?;
    coroutine.raw().gi_origin_or_finalizer.set(origin.into_raw());
    Ok(())
}

/// The frame of a finished generator: drops its contents and marks the generator.
///
/// # Safety
/// `frame` belongs to a generator and does not run any more.
pub unsafe fn clear_frame(py: Attached<'_>, frame: *mut Frame) {
    // SAFETY: by the contract.
    let frame = unsafe { &*frame };
    let this = of_frame(frame).raw();
    let tstate = py.tstate();
    let state = &this.gi_exc_state;
    tstate.exc_info.set(state.previous_item.get());
    state.previous_item.set(null_mut());
    // The caller goes on with the frame below; it has read it already.
    let below = frame.0.previous.get();
    tstate.current_frame.set(below);
    drop_contents(py, of_frame(frame));
}

/// Drops what a generator's frame refers to. The code object stays, owned by the frame's word for it.
pub(crate) fn drop_contents(py: Attached<'_>, this: &Generator) {
    let frame = this.frame();
    this.raw().gi_frame_state.store(FRAME_CLEARED, std::sync::atomic::Ordering::Release);
    frame.0.previous.set(null_mut());
    let code = frame.code().to_ref();
    let function = frame.function();
    let moved = !frame.0.frame_obj.get().is_null() && !frameobject::release_object(py, frame);
    if !moved {
        frame.clear_contents();
        function.close();
    }
    frame.0.f_funcobj.set(StackRef::NULL.to_layout());
    frame.0.f_locals.set(null_mut());
    frame.set_sp(Frame::locals(frame));
    frame.0.f_executable.set(StackRef::owned(code).to_layout());
    let handled = this.raw().gi_exc_state.exc_value.get();
    this.raw().gi_exc_state.exc_value.set(null_mut());
    // SAFETY: the item owned it.
    drop(unsafe { Ref::<Object>::from_raw_opt(handled) });
}

/// The object that a suspended generator waits for in `yield from` or `await`.
pub fn delegate(this: &Generator) -> Option<Ref<Object>> {
    if this.raw().gi_frame_state.get() != FRAME_SUSPENDED_YIELD_FROM {
        return None;
    }
    let sp = this.frame().sp();
    // SAFETY: the frame is suspended with the delegate on top of its stack.
    Some(unsafe { sp.sub(1).read().to_ref() })
}

/// The `value` of a `StopIteration`.
pub fn stop_value(exception: &Object) -> Ref<Object> {
    match exception.downcast::<krait_object::exceptions::StopIteration>() {
        Some(stop) => stop.value(),
        None => none(),
    }
}

/// Takes the pending `StopIteration`'s value; `Err` leaves any other exception pending.
pub fn take_stop_value(py: Attached<'_>, raised: krait_object::Raised) -> PyResult<Ref<Object>> {
    if !raised.matches(py, exc::StopIteration()) {
        return Err(raised);
    }
    let exception = raised.take(py);
    Ok(stop_value(exception.as_object()))
}

/// Raises `StopIteration(value)`, without unpacking tuples or exceptions.
pub fn raise_stop(py: Attached<'_>, value: &Object) -> krait_object::Raised {
    let class = exc::StopIteration().as_object();
    let made = if value.is_none() { class.call0(py) } else { class.call_pos(py, &[value]) };
    match made {
        Ok(made) => py.raise_value(exc::StopIteration(), &made),
        Err(raised) => raised,
    }
}

impl Generator {
    /// Takes the frame for running it; `false` if it is running or finished.
    #[inline(always)]
    pub fn start_running(&self) -> bool {
        let state = &self.raw().gi_frame_state;
        let mut now = state.get();
        while now < FRAME_EXECUTING {
            if !krait_object::FREE_THREADED {
                state.set(FRAME_EXECUTING);
                return true;
            }
            match state.compare_exchange(now, FRAME_EXECUTING, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    #[inline(always)]
    pub fn frame(&self) -> &Frame {
        // SAFETY: [layout]: the frame is part of the object.
        unsafe { &*(&raw const self.raw().gi_iframe).cast::<Frame>() }
    }

    /// "generator", "coroutine" or "async generator".
    pub fn kind(&self) -> &'static str {
        let ty = self.as_object().ty();
        if std::ptr::eq(ty, Coroutine::type_object()) {
            "coroutine"
        } else if std::ptr::eq(ty, AsyncGenerator::type_object()) {
            "async generator"
        } else {
            "generator"
        }
    }

    pub fn is_finished(&self) -> bool {
        self.raw().gi_frame_state.get() >= FRAME_COMPLETED
    }
}
