//! Handlers of instrumented instructions.
use super::calls::{CALL_SKIP, as_python_function};
use super::flow::{FOR_ITER_SKIP, POP_JUMP_SKIP};
use super::{Eval, Step, Stop};
use crate::exec::Exec;
use crate::generator::{Coroutine, Generator};
use crate::monitoring::marks::Marks;
use crate::monitoring::{self, Event, Site, tools_at};
use krait_object::superobject::Super;
use krait_object::{BaseException, Bool, Int, Layout, Method, Object, PyResult, Ref, Tuple, exc};

/// Stands for the line that was executed last where the next line is always reported.
pub(super) const ANY_LINE: i32 = -2;

fn is_generator(object: &Object) -> bool {
    object.downcast_exact::<Generator>().is_some() || object.downcast_exact::<Coroutine>().is_some()
}

impl<'py> Eval<'py> {
    fn marks<'a>(&self) -> Option<&'a Marks> {
        Exec::marks(self.code())
    }

    /// Index of the current instruction.
    fn here(&self) -> usize {
        self.frame().lasti()
    }

    fn fire(&self, event: Event, tools: u8, rest: &[&Object]) -> PyResult<()> {
        Site { frame: self.frame(), unit: self.here(), event }.fire(self.py(), tools, None, rest)
    }

    /// Reports a jump of the current instruction to `units` further on, before it is done. Whether a callback made
    /// the frame go on somewhere else.
    fn fire_jump(&mut self, event: Event, units: isize) -> PyResult<bool> {
        let unit = self.here();
        let tools = tools_at(self.frame(), unit);
        if tools == 0 {
            return Ok(false);
        }
        let target = Int::from_i64(self.py(), (unit as isize + units) as i64 * 2)?;
        let source = self.marks().map_or(unit, |marks| marks.source(unit));
        let site = Site { frame: self.frame(), unit, event };
        site.fire(self.py(), tools, Some(source as i32 * 2), &[target.as_object()])?;
        Ok(self.follow(unit))
    }

    /// As [`Eval::fire_jump`] where nothing is left to do but to jump.
    fn jumped(&mut self, event: Event, units: isize) -> Step {
        self.save();
        Ok(if self.fire_jump(event, units)? { 0 } else { units })
    }

    /// Follows a callback that made the frame go on somewhere else.
    fn follow(&mut self, unit: usize) -> bool {
        let moved = self.here() != unit;
        if moved {
            self.load_frame(self.frame, 0);
            self.home().traced.set((self.frame, ANY_LINE));
        }
        moved
    }

    /// A line or an instruction may be watched: reports it, and gives what is to be executed then.
    #[cold]
    pub(super) fn trace_mark(&mut self) -> Result<u8, Stop> {
        let Some(marks) = self.marks() else { return Err(self.bad_mark()) };
        let before = match self.home().traced.get() {
            (frame, line) if frame == self.frame => line,
            _ => marks.line(self.here()),
        };
        self.save();
        let unit = self.here();
        if marks.begins_line(unit) {
            let line = marks.line(unit);
            self.home().traced.set((self.frame, line));
            let tools = marks.line_tools(unit);
            if tools != 0 && line >= 0 && line != before {
                let site = Site { frame: self.frame(), unit, event: Event::Line };
                site.fire(self.py(), tools, Some(line), &[])?;
                if self.follow(unit) {
                    return Ok(self.unit().opcode());
                }
            }
        }
        let tools = marks.instruction_tools(unit);
        if tools != 0 {
            self.fire(Event::Instruction, tools, &[])?;
            if self.follow(unit) {
                return Ok(self.unit().opcode());
            }
        }
        marks.inner_opcode(unit).ok_or_else(|| self.bad_mark())
    }

    #[cold]
    fn bad_mark(&self) -> Stop {
        krait_object::raise!(self.py(), SystemError, "an instrumented instruction without its table").into()
    }

    /// The code may have to be instrumented before it goes on. Whether its `RESUME` is to be reported.
    #[cold]
    pub(super) fn update_code(&mut self) -> bool {
        monitoring::update(self.py(), self.code());
        self.marks().is_some_and(|marks| marks.tools(self.here()) != 0)
    }

    #[cold]
    pub(super) fn INSTRUMENTED_RESUME(&mut self) -> Step {
        self.save();
        monitoring::update(self.py(), self.code());
        let unit = self.here();
        let line = self.marks().map_or(
            ANY_LINE,
            |marks| {
                if marks.begins_line(unit + 1) { ANY_LINE } else { marks.line(unit) }
            },
        );
        self.home().traced.set((self.frame, line));
        let tools = tools_at(self.frame(), unit);
        if tools != 0 {
            let event = if self.arg() & 3 == 0 { Event::PyStart } else { Event::PyResume };
            self.fire(event, tools, &[])?;
            if self.follow(unit) {
                return Ok(0);
            }
        }
        if self.arg() & 3 < 2 {
            self.check_breaker()?;
        }
        Ok(1)
    }

    #[cold]
    pub(super) fn INSTRUMENTED_RETURN_VALUE(&mut self) -> Step {
        self.save();
        let value = self.object(1).to_ref();
        self.fire(Event::PyReturn, tools_at(self.frame(), self.here()), &[&value])?;
        self.RETURN_VALUE()
    }

    #[cold]
    pub(super) fn INSTRUMENTED_YIELD_VALUE(&mut self) -> Step {
        self.save();
        let (value, unit) = (self.object(1).to_ref(), self.here());
        self.fire(Event::PyYield, tools_at(self.frame(), unit), &[&value])?;
        if self.follow(unit) {
            return Ok(0);
        }
        self.YIELD_VALUE()
    }

    #[cold]
    pub(super) fn INSTRUMENTED_JUMP_FORWARD(&mut self) -> Step {
        self.save();
        let units = self.JUMP_FORWARD()?;
        self.jumped(Event::Jump, units)
    }

    #[cold]
    pub(super) fn INSTRUMENTED_JUMP_BACKWARD(&mut self) -> Step {
        self.save();
        let units = self.JUMP_BACKWARD()?;
        self.jumped(Event::Jump, units)
    }

    /// A conditional jump that pops what it tests.
    fn branch(&mut self, taken: bool, plain: fn(&mut Self) -> Step) -> Step {
        self.save();
        if taken && self.fire_jump(Event::BranchRight, POP_JUMP_SKIP + self.arg() as isize)? {
            return Ok(0);
        }
        plain(self)
    }

    #[cold]
    pub(super) fn INSTRUMENTED_POP_JUMP_IF_TRUE(&mut self) -> Step {
        let taken = self.object(1).is(Bool::of(true).as_object());
        self.branch(taken, |this| this.POP_JUMP_IF_TRUE())
    }

    #[cold]
    pub(super) fn INSTRUMENTED_POP_JUMP_IF_FALSE(&mut self) -> Step {
        let taken = self.object(1).is(Bool::of(false).as_object());
        self.branch(taken, |this| this.POP_JUMP_IF_FALSE())
    }

    #[cold]
    pub(super) fn INSTRUMENTED_POP_JUMP_IF_NONE(&mut self) -> Step {
        let taken = self.object(1).is_none();
        self.branch(taken, |this| this.POP_JUMP_IF_NONE())
    }

    #[cold]
    pub(super) fn INSTRUMENTED_POP_JUMP_IF_NOT_NONE(&mut self) -> Step {
        let taken = !self.object(1).is_none();
        self.branch(taken, |this| this.POP_JUMP_IF_NOT_NONE())
    }

    #[cold]
    pub(super) fn INSTRUMENTED_NOT_TAKEN(&mut self) -> Step {
        self.jumped(Event::BranchLeft, 1)
    }

    #[cold]
    pub(super) fn INSTRUMENTED_FOR_ITER(&mut self) -> Step {
        self.save();
        let units = self.for_iter_generic()?;
        if units != FOR_ITER_SKIP {
            return Ok(units);
        }
        let item = self.pop();
        self.save();
        let moved = self.fire_jump(Event::BranchLeft, units);
        if !matches!(moved, Ok(false)) {
            item.close();
            return moved.map(|_| 0).map_err(Stop::from);
        }
        self.push(item);
        Ok(units)
    }

    #[cold]
    pub(super) fn INSTRUMENTED_POP_ITER(&mut self) -> Step {
        self.save();
        if self.fire_jump(Event::BranchRight, 1)? {
            return Ok(0);
        }
        self.POP_ITER()
    }

    #[cold]
    pub(super) fn INSTRUMENTED_END_ASYNC_FOR(&mut self) -> Step {
        self.save();
        if self.fire_jump(Event::BranchRight, 1)? {
            return Ok(0);
        }
        self.END_ASYNC_FOR()
    }

    fn stopped(&mut self) -> PyResult<()> {
        self.save();
        let tools = tools_at(self.frame(), self.here());
        if tools != 0 && is_generator(self.object(2)) {
            monitoring::fire_stop(self.py(), self.frame(), self.here(), tools, self.object(1))?;
        }
        Ok(())
    }

    #[cold]
    pub(super) fn INSTRUMENTED_END_FOR(&mut self) -> Step {
        self.stopped()?;
        self.END_FOR()
    }

    #[cold]
    pub(super) fn INSTRUMENTED_END_SEND(&mut self) -> Step {
        self.stopped()?;
        self.END_SEND()
    }

    /// Reports a call, with the first argument that stands at `first`.
    fn calling(&self, callable: &Object, first: Option<&Object>) -> PyResult<Ref<Object>> {
        let first = match first {
            Some(first) => first.to_ref(),
            None => monitoring::module::missing(self.py())?.to_ref(),
        };
        self.fire(Event::Call, tools_at(self.frame(), self.here()), &[callable, &first])?;
        Ok(first)
    }

    /// A call that ran to its end in native code: reports how.
    fn called(&mut self, unit: usize, step: Step, callable: &Object, first: &Object) -> Step {
        let tools = tools_at(self.frame(), unit);
        let report = |this: &Self, event| {
            Site { frame: this.frame(), unit, event }.fire(this.py(), tools, None, &[callable, first])
        };
        match step {
            Ok(_) => {
                self.save();
                report(self, Event::CReturn)?;
            }
            Err(Stop::Raised) => {
                let pending = self.py().take_raised();
                report(self, Event::CRaise)?;
                if let Some(pending) = pending {
                    let _raised = self.py().restore(pending);
                }
            }
            Err(Stop::Exit | Stop::Away(_)) => {}
        }
        step
    }

    /// The first of `count` arguments, or the receiver, of a callable `depth` from the top.
    fn first_argument<'a>(&self, depth: usize, count: usize) -> Option<&'a Object> {
        let receiver = self.peek(depth - 1);
        if !receiver.is_null() {
            return Some(self.object(depth - 1));
        }
        (count > 0).then(|| self.object(depth - 2))
    }

    fn instrumented_call(&mut self, names: Option<&Tuple>) -> Step {
        let count = self.arg();
        let depth = count + 2 + usize::from(names.is_some());
        self.unpack_method(depth);
        let callable = self.object(depth).to_ref();
        let first = self.calling(&callable, self.first_argument(depth, count))?;
        let unit = self.here();
        let python = as_python_function(&callable).is_some();
        let step = self.call_generic(names, CALL_SKIP);
        if python { step } else { self.called(unit, step, &callable, &first) }
    }

    #[cold]
    pub(super) fn INSTRUMENTED_CALL(&mut self) -> Step {
        self.save();
        self.instrumented_call(None)
    }

    #[cold]
    pub(super) fn INSTRUMENTED_CALL_KW(&mut self) -> Step {
        self.save();
        // SAFETY: the compiler puts a tuple there; it stays on the stack, or its word is kept, during the call.
        let names = unsafe { &*self.peek(1).as_ptr().cast::<Tuple>() };
        self.instrumented_call(Some(names))
    }

    #[cold]
    pub(super) fn INSTRUMENTED_CALL_FUNCTION_EX(&mut self) -> Step {
        self.save();
        self.unpack_positional()?;
        let callable = self.object(4).to_ref();
        // SAFETY: a tuple by now; it stays on the stack.
        let args: &Tuple = unsafe { self.object(2).cast_unchecked() };
        let first = self.calling(&callable, args.as_slice().first().copied())?;
        let unit = self.here();
        let python =
            as_python_function(&callable).is_some() || callable.as_object().downcast_exact::<Method>().is_some();
        let step = self.CALL_FUNCTION_EX();
        if python { step } else { self.called(unit, step, &callable, &first) }
    }

    #[cold]
    pub(super) fn INSTRUMENTED_LOAD_SUPER_ATTR(&mut self) -> Step {
        self.save();
        let callable = self.object(3).to_ref();
        let class = (self.arg() & 2 != 0).then(|| self.object(2));
        let first = self.calling(&callable, class)?;
        let unit = self.here();
        let native =
            as_python_function(&callable).is_none() && callable.as_object().downcast_exact::<Method>().is_none();
        let step = self.load_super_attr(true);
        if !native {
            return step;
        }
        // An attribute that is not there is no failure of the call itself.
        let found = match &step {
            Err(_) if callable.is(Super::type_object()) => {
                krait_object::Raised::assume().matches(self.py(), exc::AttributeError())
            }
            _ => false,
        };
        if !found {
            return self.called(unit, step, &callable, &first);
        }
        let pending = self.py().take_raised();
        let tools = tools_at(self.frame(), unit);
        Site { frame: self.frame(), unit, event: Event::CReturn }.fire(self.py(), tools, None, &[&callable, &first])?;
        if let Some(pending) = pending {
            let _raised = self.py().restore(pending);
        }
        step
    }

    /// Reports an event about the pending exception.
    pub(super) fn fire_exception(&self, event: Event, unit: usize) {
        monitoring::fire_exception(self.py(), self.frame(), unit, event);
    }

    /// The frame ends by an exception, which is given back (or the one that a callback raised).
    pub(super) fn trace_unwound(&self, exception: Ref<BaseException>, unit: usize) -> Ref<BaseException> {
        if crate::interp::current(self.py()).monitoring.watchers(Event::PyUnwind) == 0 || !self.frame().is_complete() {
            return exception;
        }
        let kept = exception.clone();
        let _raised = self.py().restore(exception);
        self.fire_exception(Event::PyUnwind, unit);
        self.py().take_raised().unwrap_or(kept)
    }
}
