//! Generators and coroutines: creation, `yield`, `await`, delegation.
use super::{Eval, Step};
use crate::frame::Frame;
use crate::generator::{self, AsyncGenerator, Coroutine, Generator};
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_object::layout::*;
use krait_object::{Layout, Object, PyResult, Ref, Type, exc, raise};

const SEND_SKIP: isize = 1 + Opcode::SEND.cache_entries() as isize;
const _: () = assert!(Opcode::SEND.cache_entries() == Opcode::FOR_ITER.cache_entries());

/// The generator or coroutine behind an object, if it may be resumed in this loop.
#[inline(always)]
fn resumable(object: &Object) -> Option<&Generator> {
    let ty = object.ty();
    let known = std::ptr::eq(ty, Generator::type_object()) || std::ptr::eq(ty, Coroutine::type_object());
    // SAFETY: the two types share one layout.
    known
        .then(|| unsafe { object.cast_unchecked::<Generator>() })
        .filter(|it| it.raw().gi_frame_state.get() < FRAME_EXECUTING)
}

impl Eval<'_> {
    pub(super) fn RETURN_GENERATOR(&mut self) -> Step {
        self.save();
        let py = self.py();
        let frame = self.frame;
        let created = generator::from_frame(py, self.frame())?;
        let tstate = py.tstate();
        tstate.py_recursion_remaining.set(tstate.py_recursion_remaining.get() + 1);
        // SAFETY: the frame's contents moved into the generator; it is the topmost one.
        unsafe {
            let previous = (*frame).previous();
            tstate.current_frame.set(previous.cast());
            self.frame = previous;
            crate::frame::pop_words(py, frame);
        }
        self.resume_caller(StackRef::owned(created))
    }

    #[inline(always)]
    pub(super) fn YIELD_VALUE(&mut self) -> Step {
        self.save();
        let value = self.pop().into_owned();
        let (py, frame) = (self.py(), self.frame());
        let tstate = py.tstate();
        let this = generator::of_frame(frame);
        let delegated = self.arg() as i8;
        frame.set_sp(self.sp);
        if krait_object::FREE_THREADED {
            self.own_stack();
        }
        frame.0.instr_ptr.set(frame.0.instr_ptr.get().wrapping_add(1));
        frame.0.return_offset.set(0);
        let state = &this.raw().gi_exc_state;
        tstate.exc_info.set(state.previous_item.get());
        state.previous_item.set(std::ptr::null_mut());
        tstate.py_recursion_remaining.set(tstate.py_recursion_remaining.get() + 1);
        let previous = frame.previous();
        tstate.current_frame.set(previous.cast());
        frame.0.previous.set(std::ptr::null_mut());
        // The last step: from here on another thread may resume it.
        this.raw().gi_frame_state.store(FRAME_SUSPENDED + delegated, std::sync::atomic::Ordering::Release);
        self.frame = previous;
        // SAFETY: the frame below is live.
        if unsafe { (*previous).owner() } == FRAME_OWNED_BY_INTERPRETER {
            self.home().result.set(value.as_ptr());
            self.py().ext().yielded.set(true);
            return Err(super::Stop::Exit);
        }
        // A frame that resumed a generator in this loop stands at SEND or FOR_ITER.
        self.load_frame(previous, SEND_SKIP);
        self.push(value);
        Ok(0)
    }

    /// The collector does not scan suspended frames for words without a count.
    #[inline(always)]
    fn own_stack(&self) {
        let floor = self.local(self.code().raw().co_nlocalsplus.get() as usize);
        let mut at = floor;
        while at < self.sp {
            // SAFETY: below the stack pointer every word is initialised.
            unsafe { at.write(at.read().into_owned()) };
            at = at.wrapping_add(1);
        }
    }

    /// Takes a generator for running it in this loop; `false` if it runs elsewhere or has ended.
    #[inline(always)]
    fn claim(&self, target: &Generator) -> PyResult<bool> {
        if super::foreign::is_on() {
            return Ok(false);
        }
        super::entry::enter_recursive(self.py())?;
        let claimed = target.start_running();
        if !claimed {
            let tstate = self.py().tstate();
            tstate.py_recursion_remaining.set(tstate.py_recursion_remaining.get() + 1);
        }
        Ok(claimed)
    }

    /// Resumes a claimed generator in this loop. On return the running frame goes on `done` units ahead.
    #[inline(always)]
    fn enter_generator(&mut self, target: &Generator, value: StackRef, done: isize) -> Step {
        let tstate = self.py().tstate();
        let frame: *mut Frame = (&raw const target.raw().gi_iframe).cast_mut().cast();
        self.frame().0.return_offset.set(done as u16);
        let state = &target.raw().gi_exc_state;
        state.previous_item.set(tstate.exc_info.get());
        tstate.exc_info.set(std::ptr::from_ref(state).cast_mut());
        // SAFETY: the generator is on the stack of the running frame, so it lives.
        unsafe { (*frame).0.previous.set(self.frame.cast()) };
        tstate.current_frame.set(frame.cast());
        self.load_frame(frame, 0);
        self.push(value);
        Ok(0)
    }

    #[inline(always)]
    pub(super) fn FOR_ITER_GEN(&mut self) -> Step {
        self.save();
        let object = self.object(1);
        let Some(target) = resumable(object).filter(|_| std::ptr::eq(object.ty(), Generator::type_object())) else {
            if !std::ptr::eq(object.ty(), Generator::type_object()) {
                self.unit().deoptimize(Opcode::FOR_ITER);
            }
            return self.for_iter_generic();
        };
        if !self.claim(target)? {
            return self.for_iter_generic();
        }
        let none = StackRef::borrowed(krait_object::object::none_borrowed().as_ptr());
        let done = super::flow::FOR_ITER_SKIP + self.arg() as isize;
        self.enter_generator(target, none, done)
    }

    #[inline(always)]
    pub(super) fn SEND(&mut self) -> Step {
        self.save();
        if let Some(target) = resumable(self.object(2))
            && self.claim(target)?
        {
            return self.send_to(target);
        }
        self.away(|this| this.send_generic())
    }

    #[inline(always)]
    pub(super) fn SEND_GEN(&mut self) -> Step {
        self.SEND()
    }

    #[inline(always)]
    fn send_to(&mut self, target: &Generator) -> Step {
        let value = self.pop().into_owned();
        self.frame().set_sp(self.sp);
        let done = SEND_SKIP + self.arg() as isize;
        self.enter_generator(target, value, done)
    }

    #[inline(never)]
    fn send_generic(&mut self) -> Step {
        let (py, receiver, value) = (self.py(), self.object(2), self.object(1));
        match generator::send_any(py, receiver, value)? {
            Ok(yielded) => {
                self.replace(1, yielded);
                Ok(SEND_SKIP)
            }
            Err(returned) => {
                self.replace(1, returned);
                Ok(SEND_SKIP + self.arg() as isize)
            }
        }
    }

    /// The delegate leaves the stack; its result stays.
    #[inline(always)]
    pub(super) fn END_SEND(&mut self) -> Step {
        self.save();
        let value = self.pop();
        self.drop_top();
        self.push(value);
        Ok(1)
    }

    pub(super) fn GET_YIELD_FROM_ITER(&mut self) -> Step {
        self.save();
        let (py, iterable) = (self.py(), self.object(1));
        let flags = self.code().raw().co_flags.get() as u32;
        if std::ptr::eq(iterable.ty(), Coroutine::type_object()) {
            if flags & (krait_bytecode::flags::CO_COROUTINE | krait_bytecode::flags::CO_ITERABLE_COROUTINE) == 0 {
                let text = "cannot 'yield from' a coroutine object in a non-coroutine generator";
                return Err(raise!(py, TypeError, "{text}").into());
            }
        } else if !std::ptr::eq(iterable.ty(), Generator::type_object()) {
            let iterator = iterable.iter(py)?;
            self.replace(1, iterator);
        }
        Ok(1)
    }

    pub(super) fn GET_AWAITABLE(&mut self) -> Step {
        self.save();
        let (py, object) = (self.py(), self.object(1));
        let awaitable = match generator::awaitable(py, object) {
            Ok(awaitable) => awaitable,
            Err(raised) => return Err(self.explain_await(raised, object).into()),
        };
        if let Some(coroutine) = awaitable.as_object().downcast_exact::<Coroutine>()
            && generator::delegate(coroutine.as_generator()).is_some()
        {
            return Err(raise!(py, RuntimeError, "coroutine is being awaited already").into());
        }
        self.replace(1, awaitable);
        Ok(1)
    }

    /// `async with` on something whose methods return no awaitable.
    #[cold]
    fn explain_await(&self, raised: krait_object::Raised, object: &Object) -> krait_object::Raised {
        let (py, arg) = (self.py(), self.arg());
        let no_await = object.ty().as_type().tp_as_async.get();
        // SAFETY: the table lives as long as the type.
        let no_await = unsafe { no_await.as_ref() }.is_none_or(|table| table.am_await.get().is_none());
        if !no_await || !raised.matches(py, exc::TypeError()) {
            return raised;
        }
        let (what, name) = match arg {
            1 => ("__aenter__", object.ty().name()),
            2 => ("__aexit__", object.ty().name()),
            _ => return raised,
        };
        raised.clear(py);
        raise!(py, TypeError, "'async with' received an object from {what} that does not implement __await__: {name}")
    }

    pub(super) fn GET_AITER(&mut self) -> Step {
        self.save();
        let (py, object) = (self.py(), self.object(1));
        let ty = object.ty();
        let Some(get) = async_slot(ty, |table| table.am_aiter.get()) else {
            let name = ty.name();
            let text = format!("'async for' requires an object with __aiter__ method, got {name:.100}");
            return Err(raise!(py, TypeError, "{text}").into());
        };
        // SAFETY: [slot-contract].
        let iterator = unsafe { Ref::<Object>::from_raw_opt(get(object.as_ptr())) };
        let Some(iterator) = iterator else { return Err(krait_object::Raised::assume().into()) };
        if async_slot(iterator.ty(), |table| table.am_anext.get()).is_none() {
            let name = iterator.ty().name();
            let text =
                format!("'async for' received an object from __aiter__ that does not implement __anext__: {name:.100}");
            return Err(raise!(py, TypeError, "{text}").into());
        }
        self.replace(1, iterator);
        Ok(1)
    }

    pub(super) fn GET_ANEXT(&mut self) -> Step {
        self.save();
        let (py, iterator) = (self.py(), self.object(1));
        let awaitable = next_awaitable(py, iterator)?;
        self.push_ref(awaitable);
        Ok(1)
    }

    pub(super) fn END_ASYNC_FOR(&mut self) -> Step {
        self.save();
        if self.object(1).is_instance_of(exc::StopAsyncIteration()) {
            self.drop_many(2);
            return Ok(1);
        }
        // SAFETY: the word is the exception.
        let exception = unsafe { self.pop().into_ref().cast_unchecked() };
        let _raised = self.py().restore(exception);
        if self.unwind_reraised() { Ok(0) } else { Err(self.left_loop()) }
    }
}

fn async_slot(ty: &Type, get: impl Fn(&PyAsyncMethods) -> Option<unaryfunc>) -> Option<unaryfunc> {
    // SAFETY: the table lives as long as the type.
    unsafe { ty.as_type().tp_as_async.get().as_ref() }.and_then(get)
}

/// `iterator.__anext__()`, as something to await.
fn next_awaitable(py: krait_object::Attached<'_>, iterator: &Object) -> PyResult<Ref<Object>> {
    let ty = iterator.ty();
    let Some(next) = async_slot(ty, |table| table.am_anext.get()) else {
        let name = ty.name();
        return Err(raise!(py, TypeError, "'async for' requires an iterator with __anext__ method, got {name:.100}"));
    };
    // SAFETY: [slot-contract].
    let Some(awaitable) = (unsafe { Ref::<Object>::from_raw_opt(next(iterator.as_ptr())) }) else {
        return Err(krait_object::Raised::assume());
    };
    if std::ptr::eq(ty, AsyncGenerator::type_object()) {
        return Ok(awaitable);
    }
    generator::awaitable(py, &awaitable).map_err(|raised| {
        let cause = raised.take(py);
        let name = awaitable.ty().name();
        let outer = raise!(py, TypeError, "'async for' received an invalid object from __anext__: {name:.100}");
        crate::traceback::set_cause(py, outer, cause)
    })
}
