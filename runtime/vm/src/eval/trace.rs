//! Handlers of instrumented instructions.
use super::{Eval, Step, Stop};
use crate::exec::Exec;
use crate::tracing;
use krait_object::descrobject::MethodDescr;
use krait_object::methodobject::CFunction;
use krait_object::{BaseException, Layout, PyResult, Ref, none};

impl Eval<'_> {
    /// The frame begins or resumes.
    #[cold]
    pub(super) fn trace_call(&mut self) -> PyResult<()> {
        self.save();
        Exec::instrument(self.code());
        self.traced = (self.frame, self.ip);
        tracing::report_both(self.py, self.frame(), tracing::CALL, &none())
    }

    /// A line may begin: reports it, and gives the instruction that the mark stands for.
    #[cold]
    pub(super) fn trace_line(&mut self) -> Result<u8, Stop> {
        self.save();
        let unit = self.frame().lasti();
        // SAFETY: the execution form lives as long as the code.
        let exec = unsafe { &*Exec::of(self.code()) };
        let Some((plain, line)) = exec.plain(unit) else { return Err(self.bad_mark()) };
        let (frame, last) = self.traced;
        let same_line = frame == self.frame && {
            let units = Exec::units(exec);
            let before = (last.addr() - units.addr()) / size_of::<crate::exec::Unit>();
            exec.plain(before).is_some_and(|(_, before)| before == line) && self.ip > last
        };
        if tracing::is_active(self.py) && !same_line {
            // SAFETY: the frame owns its frame object.
            let object = unsafe { self.frame().0.frame_obj.get().as_ref() };
            if object.is_none_or(|object| object.f_trace_lines.get() != 0) {
                tracing::report(self.py, false, self.frame(), tracing::LINE, &none())?;
            }
        }
        self.traced = (self.frame, self.ip);
        Ok(plain)
    }

    #[cold]
    fn bad_mark(&self) -> Stop {
        krait_object::raise!(self.py, SystemError, "an instrumented line without its table").into()
    }

    #[cold]
    pub(super) fn INSTRUMENTED_RETURN_VALUE(&mut self) -> Step {
        self.save();
        if tracing::is_active(self.py) {
            let value = self.object(1).to_ref();
            tracing::report_both(self.py, self.frame(), tracing::RETURN, &value)?;
        }
        self.RETURN_VALUE()
    }

    #[cold]
    pub(super) fn INSTRUMENTED_YIELD_VALUE(&mut self) -> Step {
        self.save();
        if tracing::is_active(self.py) {
            let value = self.object(1).to_ref();
            tracing::report_both(self.py, self.frame(), tracing::RETURN, &value)?;
        }
        self.YIELD_VALUE()
    }

    /// A call that a profile function is told about if native code is called.
    #[cold]
    pub(super) fn INSTRUMENTED_CALL(&mut self) -> Step {
        self.save();
        let callable = self.object(self.arg() + 2);
        let native = callable.downcast::<CFunction>().is_some() || callable.downcast_exact::<MethodDescr>().is_some();
        if !native || !tracing::is_active(self.py) || self.py.tstate().c_profilefunc.get().is_none() {
            return self.call_generic(None, super::calls::CALL_SKIP);
        }
        let callable = callable.to_ref();
        tracing::report(self.py, true, self.frame(), tracing::C_CALL, &callable)?;
        let step = self.call_generic(None, super::calls::CALL_SKIP);
        match &step {
            Ok(_) => tracing::report(self.py, true, self.frame(), tracing::C_RETURN, &callable)?,
            Err(_) => {
                let pending = self.py.take_raised();
                tracing::report(self.py, true, self.frame(), tracing::C_EXCEPTION, &callable)?;
                if let Some(pending) = pending {
                    let _raised = self.py.restore(pending);
                }
            }
        }
        step
    }

    /// The frame ends by an exception, which is given back (or the one that the trace function raised).
    pub(super) fn trace_unwound(&self, exception: Ref<BaseException>) -> Ref<BaseException> {
        if !tracing::is_active(self.py) {
            return exception;
        }
        let kept = exception.clone();
        let _raised = self.py.restore(exception);
        tracing::report_unwound(self.py, self.frame());
        self.py.take_raised().unwrap_or(kept)
    }
}
