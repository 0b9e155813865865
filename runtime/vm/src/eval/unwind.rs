//! Unwinding: from an exception to its handler, or out of the frame.
use super::Eval;
use crate::exec::Exec;
use crate::monitoring::Event;
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_object::Layout;
use krait_object::layout::FRAME_OWNED_BY_INTERPRETER;

impl Eval<'_> {
    /// The pending exception was raised at the current instruction. Finds the handler in this frame or the ones
    /// below; `false` when it leaves the loop.
    #[cold]
    #[inline(never)]
    pub(super) fn unwind(&mut self) -> bool {
        self.save();
        debug_assert!(self.py().pending().is_some(), "an error without an exception");
        if self.py().pending().is_none() {
            let _raised = krait_object::raise!(self.py(), SystemError, "error return without exception set");
        }
        let unit = self.frame().lasti();
        // Tools hear of the last unit of the instruction.
        let at = unit + self.unit_width(unit) - 1;
        if self.frame().is_complete() {
            crate::traceback::add_here(self.py(), self.frame());
            self.fire_exception(Event::Raise, at);
        }
        self.find_handler(unit, at)
    }

    /// How many units the instruction takes.
    fn unit_width(&self, unit: usize) -> usize {
        let op = self.code().code().get(2 * unit).copied().and_then(Opcode::from_u8);
        1 + op.map_or(0, Opcode::cache_entries)
    }

    /// As [`Eval::unwind`] for an exception whose traceback already names this frame.
    #[cold]
    #[inline(never)]
    pub(super) fn unwind_reraised(&mut self) -> bool {
        // The frame may name the position of the first raise instead of the current instruction.
        let start = (&raw const self.code().raw().co_code_adaptive).addr();
        let here = self.ip.addr().wrapping_add(self.home().bias.get()) >> 2;
        let unit = (here - start) / 2;
        self.fire_exception(Event::Reraise, unit);
        self.find_handler(unit, unit)
    }

    /// As [`Eval::unwind`] for an exception that native code raises into a frame it enters.
    #[cold]
    pub(super) fn unwind_at_entry(&mut self, thrown: bool) -> bool {
        let unit = self.frame().lasti();
        // A suspended frame stands after the instruction that is to blame.
        let at = unit.saturating_sub(1);
        if thrown {
            if self.py().tstate().eval_breaker.get() & !krait_sync::breaker::EVENTS != 0 {
                crate::monitoring::update(self.py(), self.code());
            }
            self.home().traced.set((self.frame, super::trace::ANY_LINE));
            self.fire_exception(Event::PyThrow, unit);
        }
        if self.frame().is_complete() {
            crate::traceback::add_here(self.py(), self.frame());
            self.fire_exception(Event::Raise, at);
        }
        self.find_handler(at, at)
    }

    /// Goes on with the handler of the pending exception that was raised at `unit`; tools hear of `at`.
    fn find_handler(&mut self, mut unit: usize, mut at: usize) -> bool {
        loop {
            let Some(exception) = self.py().take_raised() else { return false };
            // SAFETY: the execution form lives as long as the code.
            let handler = unsafe { (*Exec::of(self.code())).handler(unit) }.copied();
            if let Some(handler) = handler {
                let nlocals = self.code().raw().co_nlocalsplus.get() as usize;
                let floor = self.local(nlocals + handler.depth as usize);
                while self.sp > floor {
                    self.drop_top();
                }
                if handler.lasti {
                    self.push(StackRef::int(self.frame().lasti()));
                }
                self.push(StackRef::owned(exception));
                // SAFETY: the target lies in the same code.
                self.ip = unsafe { Exec::units(Exec::of(self.code())).add(handler.target as usize) };
                self.save();
                if self.handled(handler.target as usize) {
                    return true;
                }
                (unit, at) = (handler.target as usize, handler.target as usize);
                continue;
            }
            // What is left on the stack goes now: a frame object that lives on would keep it.
            let floor = self.local(self.code().raw().co_nlocalsplus.get() as usize);
            while self.sp > floor {
                self.drop_top();
            }
            self.frame().set_sp(self.sp);
            let exception = self.trace_unwound(exception, at);
            self.leave_frame();
            let _raised = self.py().restore(exception);
            // SAFETY: the frame below is live.
            let frame = unsafe { &*self.frame };
            if frame.owner() == FRAME_OWNED_BY_INTERPRETER {
                return false;
            }
            self.load_frame(self.frame, 0);
            unit = frame.lasti();
            at = unit.saturating_sub(1);
            if frame.is_complete() {
                crate::traceback::add_here(self.py(), frame);
                self.fire_exception(Event::Raise, at);
            }
        }
    }

    /// Reports that the exception on top of the stack is handled. Whether no callback raised another one.
    fn handled(&self, unit: usize) -> bool {
        if crate::interp::current(self.py()).monitoring.watchers(Event::ExceptionHandled) == 0 {
            return true;
        }
        // SAFETY: the word is an exception.
        let exception: krait_object::Ref<krait_object::BaseException> =
            unsafe { self.object(1).cast_unchecked::<krait_object::BaseException>() }.to_ref();
        let kept = exception.clone();
        let _raised = self.py().restore(exception);
        self.fire_exception(Event::ExceptionHandled, unit);
        match self.py().take_raised() {
            Some(now) if !std::ptr::eq(&*now, &*kept) => {
                let _raised = self.py().restore(now);
                false
            }
            _ => true,
        }
    }
}
