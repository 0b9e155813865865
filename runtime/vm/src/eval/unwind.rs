//! Unwinding: from an exception to its handler, or out of the frame.
use super::Eval;
use crate::exec::Exec;
use crate::stackref::StackRef;
use krait_object::layout::FRAME_OWNED_BY_INTERPRETER;

impl Eval<'_> {
    /// The pending exception was raised at the current instruction. Finds the handler in this frame or the ones
    /// below; `false` when it leaves the loop.
    #[cold]
    #[inline(never)]
    pub(super) fn unwind(&mut self) -> bool {
        self.save();
        debug_assert!(self.py.pending().is_some(), "an error without an exception");
        if self.py.pending().is_none() {
            let _raised = krait_object::raise!(self.py, SystemError, "error return without exception set");
        }
        if self.frame().is_complete() {
            crate::traceback::add_here(self.py, self.frame());
            crate::tracing::report_exception(self.py, self.frame());
        }
        self.find_handler(self.frame().lasti())
    }

    /// As [`Eval::unwind`] for an exception whose traceback already names this frame.
    #[cold]
    #[inline(never)]
    pub(super) fn unwind_reraised(&mut self) -> bool {
        // The frame may name the position of the first raise instead of the current instruction.
        let start = (&raw const self.code().raw().co_code_adaptive).addr();
        let here = self.ip.addr().wrapping_add(self.bias) >> 2;
        self.find_handler((here - start) / 2)
    }

    /// As [`Eval::unwind`] for an exception that native code raises into a frame it enters.
    #[cold]
    pub(super) fn unwind_at_entry(&mut self) -> bool {
        if self.frame().is_complete() {
            crate::traceback::add_here(self.py, self.frame());
        }
        // A suspended frame stands after the instruction that is to blame.
        self.find_handler(self.frame().lasti().saturating_sub(1))
    }

    fn find_handler(&mut self, mut unit: usize) -> bool {
        loop {
            let Some(exception) = self.py.take_raised() else { return false };
            // SAFETY: the execution form lives as long as the code.
            let handler = unsafe { (*Exec::of(self.code())).handler(unit) }.copied();
            if let Some(handler) = handler {
                let nlocals = self.code().raw().co_nlocalsplus.get() as usize;
                let floor = self.local(nlocals + handler.depth as usize);
                while self.sp > floor {
                    self.drop_top();
                }
                if handler.lasti {
                    self.push(StackRef::int(unit));
                }
                self.push(StackRef::owned(exception));
                // SAFETY: the target lies in the same code.
                self.ip = unsafe { Exec::units(Exec::of(self.code())).add(handler.target as usize) };
                self.save();
                return true;
            }
            self.frame().set_sp(self.sp);
            let exception = self.trace_unwound(exception);
            self.leave_frame();
            let _raised = self.py.restore(exception);
            // SAFETY: the frame below is live.
            let frame = unsafe { &*self.frame };
            if frame.owner() == FRAME_OWNED_BY_INTERPRETER {
                return false;
            }
            self.load_frame(self.frame, 0);
            unit = frame.lasti();
            if frame.is_complete() {
                crate::traceback::add_here(self.py, frame);
                crate::tracing::report_exception(self.py, frame);
            }
        }
    }
}
