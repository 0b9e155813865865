//! `_asyncio.Task`: a coroutine that an event loop drives.
use super::future::{DICT_OFFSET, Future, PENDING, WEAKLIST_OFFSET, call_soon, keep_pending, new_future};
use super::state::{Known, TaskList, known, link, unlink};
use super::{enter_task, leave_task, register_other, swap_task};
use krait_object::args::{Args, Signature};
use krait_object::layout::{Field, PyMethodDef};
use krait_object::methodobject::CFunction;
use krait_object::native::{Arg, Part, ready, required};
use krait_object::typedef::Table;
use krait_object::{
    Attached, BaseException, Dict, Int, IntoObject, Layout, Object, PyResult, Ref, Set, Slot, Str, Type, Visit, exc,
    hooks::hooks, id, mem, method_def, none, pytype, raise,
};
use krait_vm::generator::{self, Coroutine, Generator, Outcome};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// `_asyncio.Task`.
#[repr(C)]
pub struct Task {
    base: Future,
    waiter: Slot,
    coroutine: Slot,
    /// A `str`, or the number of a default name.
    name: Slot,
    context: Slot,
    cancels_requested: Field<i64>,
    /// The list of the thread that made the task, while the task is on it.
    pub list: Field<*mut TaskList>,
    /// Where on the list.
    pub index: Field<usize>,
    must_cancel: Field<bool>,
    log_destroy_pending: Field<bool>,
}

pytype! {
    pub static TASK_TYPE: "_asyncio.Task" for Task {
        base: Future,
        flags: [BASETYPE, HAVE_GC],
        doc: "Task(coro, *, loop=None, name=None, context=None, eager_start=False)\n--\n\nA coroutine that an event loop drives.",
        slots: {
            tp_new = new_future, tp_init = Task::init, tp_dealloc = Task::dealloc, tp_repr = Task::repr,
            tp_traverse = Task::traverse, tp_clear = Task::clear, tp_finalize = Task::finalize,
            raw tp_dictoffset = DICT_OFFSET, raw tp_weaklistoffset = WEAKLIST_OFFSET,
        },
        methods: {
            o "set_result" => Task::set_result, "($self, result, /)", "Not for tasks.";
            o "set_exception" => Task::set_exception, "($self, exception, /)", "Not for tasks.";
            sig "cancel" => Task::cancel, "($self, /, msg=None)", "Asks the task to end by a CancelledError.";
            noargs "cancelling" => |_: Attached<'_>, this: &Task| this.cancels_requested.get(), "($self, /)", "How often the task was asked to end.";
            noargs "uncancel" => Task::uncancel, "($self, /)", "Takes one request to end back; how many are left.";
            sig "get_stack" => Task::get_stack, "($self, /, *, limit=None)", "The frames of the task's coroutine.";
            sig "print_stack" => Task::print_stack, "($self, /, *, limit=None, file=None)", "Prints the frames of the task's coroutine.";
            noargs "get_name" => Task::get_name, "($self, /)", "The task's name.";
            o "set_name" => Task::set_name, "($self, value, /)", "Names the task.";
            noargs "get_coro" => |_: Attached<'_>, this: &Task| this.coroutine.get(), "($self, /)", "The task's coroutine.";
            noargs "get_context" => |_: Attached<'_>, this: &Task| this.context.get(), "($self, /)", "The context that the task runs in.";
            class o "__class_getitem__" => krait_object::genericaliasobject::class_getitem, "($type, object, /)", "See PEP 585";
        },
        getset: {
            "_log_destroy_pending" => |_: Attached<'_>, this: &Task| this.log_destroy_pending.get(), Task::set_log_destroy_pending, "";
            "_must_cancel" => |_: Attached<'_>, this: &Task| this.must_cancel.get(), "";
            "_coro" => |_: Attached<'_>, this: &Task| this.coroutine.get(), "";
            "_fut_waiter" => |_: Attached<'_>, this: &Task| this.waiter.get(), "";
        },
    }
}

krait_object::native! {
    /// What the event loop calls for a step of a task.
    pub struct StepCall { task: Slot<Task>, argument: Slot }
}

pytype! {
    pub static STEP_CALL_TYPE: "_asyncio.TaskStepMethWrapper" for StepCall {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = StepCall::dealloc, tp_traverse = StepCall::traverse,
            tp_clear = |_: Attached<'_>, this: &StepCall| drop((this.task.take(), this.argument.take())),
            tp_call = StepCall::call,
        },
        getset: { "__self__" => |_: Attached<'_>, this: &StepCall| this.task.get(), ""; },
    }
}

impl StepCall {
    fn call(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        if !args.names.is_empty() {
            return Err(raise!(py, TypeError, "function takes no keyword arguments"));
        }
        if !args.pos.is_empty() {
            return Err(raise!(py, TypeError, "function takes no positional arguments"));
        }
        let Some(task) = this.task.get() else { return Err(py.bad_internal_call()) };
        task.step(py, this.argument.get())
    }
}

/// Makes the types ready.
pub fn exec(py: Attached<'_>) -> PyResult<()> {
    ready::<Task>(py)?;
    ready::<StepCall>(py).map(drop)
}

static WAKEUP: Table<PyMethodDef, 1> =
    Table([method_def!(Task; o "task_wakeup" => Task::wakeup, "", "Goes on after what the task waited for.")]);

/// Numbers of default names.
static NEXT_NAME: AtomicU64 = AtomicU64::new(1);

/// Whether an object is a coroutine for `asyncio`.
fn is_coroutine(py: Attached<'_>, object: &Object) -> PyResult<bool> {
    if object.downcast_exact::<Coroutine>().is_some() {
        return Ok(true);
    }
    known(py, Known::IsCoroutine)?.call_pos(py, &[object])?.is_true(py)
}

impl Task {
    pub fn future(&self) -> &Future {
        &self.base
    }

    fn parts(&self) -> [&dyn Part; 4] {
        [&self.waiter, &self.coroutine, &self.name, &self.context]
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.base.traverse(visit)?;
        self.parts().iter().try_for_each(|part| part.visit(visit))
    }

    fn clear(_: Attached<'_>, this: &Self) {
        this.base.clear();
        this.parts().iter().for_each(|part| part.release());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                unlink(this);
                Task::clear(py, this);
            });
        }
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature =
            Signature::parse("Task", "(coro, *, loop=None, name=None, context=None, eager_start=False)");
        let [coroutine, event_loop, name, context, eager]: [Arg<'_>; 5] = SIG.bind(py, args)?;
        let coroutine = required(py, coroutine)?;
        this.base.start(py, event_loop)?;
        if !is_coroutine(py, coroutine)? {
            this.log_destroy_pending.set(false);
            return Err(raise!(py, TypeError, "a coroutine was expected, got {}", coroutine.repr(py)?));
        }
        let context = match context.filter(|context| !context.is_none()) {
            Some(context) => context.to_ref(),
            None => known(py, Known::CopyContext)?.call0(py)?,
        };
        let name = match name.filter(|name| !name.is_none()) {
            None => Int::from_u64(py, NEXT_NAME.fetch_add(1, Ordering::Relaxed))?.upcast(),
            Some(name) if name.downcast_exact::<Str>().is_some() => name.to_ref(),
            Some(name) => name.str(py)?.upcast(),
        };
        drop(this.context.replace(Some(context.clone())));
        drop(this.waiter.take());
        this.must_cancel.set(false);
        this.log_destroy_pending.set(true);
        this.cancels_requested.set(0);
        drop(this.coroutine.replace(Some(coroutine.to_ref())));
        drop(this.name.replace(Some(name)));
        let event_loop = this.event_loop(py)?;
        if eager.map_or(Ok(false), |eager| eager.is_true(py))?
            && event_loop.call_method(py, id!(py, is_running), &[])?.is_true(py)?
        {
            return this.start_eagerly(py, &event_loop, &context);
        }
        this.step_soon(py, None)?;
        link(py, this);
        Ok(())
    }

    fn event_loop(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.base.check_alive(py)?;
        self.base.event_loop.get().ok_or_else(|| py.bad_internal_call())
    }

    /// Runs the first step at once.
    fn start_eagerly(&self, py: Attached<'_>, event_loop: &Object, context: &Object) -> PyResult<()> {
        let previous = swap_task(py, event_loop, Some(self.as_object()))?;
        let eager = known(py, Known::EagerTasks)?;
        let Some(eager) = eager.downcast::<Set>() else { return Err(py.bad_internal_call()) };
        eager.add(py, self.as_object())?;
        static STEP: Table<PyMethodDef, 1> =
            Table([method_def!(Task; noargs "eager_step" => Task::eager_step, "", "The first step.")]);
        let step = CFunction::new(py, (&raw const STEP.0[0]).cast_mut(), Some(self.as_object()), None, None)?;
        let ran = context.call_method(py, id!(py, run), &[step.as_object()]);
        let pending = ran.is_err().then(|| py.take_raised()).flatten();
        eager.discard(py, self.as_object())?;
        swap_task(py, event_loop, previous.as_deref())?;
        if self.base.state() == PENDING {
            link(py, self);
        } else {
            // A task that is done needs no coroutine.
            drop(self.coroutine.take());
        }
        match pending {
            Some(pending) => Err(py.restore(pending)),
            None => Ok(()),
        }
    }

    fn eager_step(py: Attached<'_>, this: &Self) -> PyResult<()> {
        this.run_step(py, None)
    }

    /// Has the event loop make the next step; `argument` is an exception to throw.
    fn step_soon(&self, py: Attached<'_>, argument: Option<&Object>) -> PyResult<()> {
        let call = mem::new_instance(py, StepCall::type_object(), |call: &StepCall| {
            drop(call.task.replace(Some(self.to_ref())));
            drop(call.argument.replace(argument.map(Layout::to_ref)));
        })?;
        let context = self.context.get();
        call_soon(py, &*self.event_loop(py)?, call.as_object(), None, context.as_deref())
    }

    /// One step as the loop's current task.
    fn step(&self, py: Attached<'_>, thrown: Option<Ref<Object>>) -> PyResult<()> {
        let event_loop = self.event_loop(py)?;
        enter_task(py, &event_loop, self.as_object())?;
        match self.run_step(py, thrown) {
            Ok(()) => leave_task(py, &event_loop, self.as_object()),
            Err(_) => {
                let pending = py.take_raised();
                leave_task(py, &event_loop, self.as_object())?;
                match pending {
                    Some(pending) => Err(py.restore(pending)),
                    None => Err(py.bad_internal_call()),
                }
            }
        }
    }

    fn run_step(&self, py: Attached<'_>, thrown: Option<Ref<Object>>) -> PyResult<()> {
        if self.base.state() != PENDING {
            let shown = match &thrown {
                Some(thrown) => thrown.repr(py)?,
                None => none().repr(py)?,
            };
            let class = known(py, Known::InvalidStateError)?;
            let text = format!("__step(): already done: {} {shown}", self.as_object().repr(py)?);
            return Err(match class.downcast::<Type>() {
                Some(class) => py.raise(class, text),
                None => py.bad_internal_call(),
            });
        }
        let mut thrown = thrown;
        if self.must_cancel.get() {
            let cancelled = known(py, Known::CancelledError)?;
            let is_cancelled = match &thrown {
                Some(thrown) => thrown.is_instance(py, cancelled)?,
                None => false,
            };
            if !is_cancelled {
                thrown = Some(self.base.cancelled_exception(py)?.upcast());
            }
            self.must_cancel.set(false);
        }
        drop(self.waiter.take());
        let Some(coroutine) = self.coroutine.get() else {
            return Err(raise!(py, RuntimeError, "uninitialized Task object"));
        };
        let outcome = match &thrown {
            None => generator::send_any(py, &coroutine, krait_object::none_borrowed()),
            Some(thrown) => throw(py, &coroutine, thrown),
        };
        drop(thrown);
        match outcome {
            Ok(Ok(yielded)) => self.wait_for(py, &yielded),
            Ok(Err(returned)) if self.must_cancel.get() => {
                // The task was cancelled just before the coroutine ended.
                drop(returned);
                self.must_cancel.set(false);
                self.base.cancel(py, self.base.cancel_message.get().as_deref()).map(drop)
            }
            Ok(Err(returned)) => self.base.set_result(py, &returned),
            Err(raised) => {
                let error = raised.take(py);
                self.end_with(py, error)
            }
        }
    }

    /// Ends the task by the exception that left its coroutine.
    fn end_with(&self, py: Attached<'_>, error: Ref<BaseException>) -> PyResult<()> {
        let cancelled = known(py, Known::CancelledError)?;
        let class = error.as_object().ty();
        if cancelled.downcast::<Type>().is_some_and(|cancelled| class.is_subtype_of(cancelled)) {
            drop(self.base.cancelled_error.replace(Some(error)));
            return self.base.cancel(py, None).map(drop);
        }
        self.base.set_exception(py, error.as_object())?;
        if class.is_subtype_of(exc::KeyboardInterrupt()) || class.is_subtype_of(exc::SystemExit()) {
            return Err(py.restore(error));
        }
        Ok(())
    }

    /// Raises `RuntimeError` in the coroutine at its next step.
    fn fail_soon(&self, py: Attached<'_>, message: String) -> PyResult<()> {
        let message = message.into_object(py)?;
        let error = exc::RuntimeError().as_object().call_pos(py, &[&message])?;
        self.step_soon(py, Some(&error))
    }

    fn yield_error(&self, py: Attached<'_>, what: &str, yielded: &Object) -> PyResult<()> {
        let message = format!(
            "yield was used instead of yield from {what}in task {} with {}",
            self.as_object().repr(py)?,
            yielded.repr(py)?
        );
        self.fail_soon(py, message)
    }

    fn other_loop_error(&self, py: Attached<'_>, yielded: &Object) -> PyResult<()> {
        let message = format!(
            "Task {} got Future {} attached to a different loop",
            self.as_object().repr(py)?,
            yielded.repr(py)?
        );
        self.fail_soon(py, message)
    }

    /// Goes on when what the coroutine yielded is done.
    fn wait_for(&self, py: Attached<'_>, yielded: &Object) -> PyResult<()> {
        if yielded.is(self) {
            let message = format!("Task cannot await on itself: {}", self.as_object().repr(py)?);
            return self.fail_soon(py, message);
        }
        if let Some(future) = Future::of(yielded).filter(|_| Future::is_exact(yielded)) {
            if !std::ptr::eq(future.event_loop.raw(), self.base.event_loop.raw()) {
                return self.other_loop_error(py, yielded);
            }
            if !future.blocking.get() {
                return self.yield_error(py, "", yielded);
            }
            future.add_awaited_by(py, self.as_object())?;
            future.blocking.set(false);
            let wakeup = self.wakeup_function(py)?;
            let context = self.context.get().unwrap_or_else(none);
            future.add_callback(py, wakeup.as_object(), &context)?;
            return self.start_waiting(py, yielded);
        }
        if yielded.is_none() {
            return self.step_soon(py, None);
        }
        let blocking = match yielded.get_attr_opt(py, id!(py, _asyncio_future_blocking))? {
            Some(blocking) if !blocking.is_none() => blocking,
            _ if yielded.downcast_exact::<Generator>().is_some() => {
                return self.yield_error(py, "for generator ", yielded);
            }
            _ => {
                let message = format!("Task got bad yield: {}", yielded.repr(py)?);
                return self.fail_soon(py, message);
            }
        };
        let blocking = blocking.is_true(py)?;
        if !loop_of(py, yielded)?.is(&*self.event_loop(py)?) {
            return self.other_loop_error(py, yielded);
        }
        if !blocking {
            return self.yield_error(py, "", yielded);
        }
        if let Some(future) = Future::of(yielded) {
            future.add_awaited_by(py, self.as_object())?;
        }
        let no = false.into_object(py)?;
        yielded.set_attr(py, id!(py, _asyncio_future_blocking), Some(&no))?;
        let wakeup = self.wakeup_function(py)?;
        let add = yielded.get_attr(py, id!(py, add_done_callback))?;
        let context = self.context.get().unwrap_or_else(none);
        let names = [id!(py, context).as_object()];
        add.call(py, Args { pos: &[wakeup.as_object()], names: &names, values: &[&context] })?;
        self.start_waiting(py, yielded)
    }

    fn wakeup_function(&self, py: Attached<'_>) -> PyResult<Ref<CFunction>> {
        CFunction::new(py, (&raw const WAKEUP.0[0]).cast_mut(), Some(self.as_object()), None, None)
    }

    fn start_waiting(&self, py: Attached<'_>, future: &Object) -> PyResult<()> {
        drop(self.waiter.replace(Some(future.to_ref())));
        if self.must_cancel.get() && self.cancel_waiter(py, future, self.base.cancel_message.get().as_deref())? {
            self.must_cancel.set(false);
        }
        Ok(())
    }

    fn cancel_waiter(&self, py: Attached<'_>, waiter: &Object, message: Option<&Object>) -> PyResult<bool> {
        let cancel = waiter.get_attr(py, id!(py, cancel))?;
        let none = none();
        let message = message.unwrap_or(&none);
        let names = [id!(py, msg).as_object()];
        cancel.call(py, Args { pos: &[], names: &names, values: &[message] })?.is_true(py)
    }

    /// What the task waited for is done.
    fn wakeup(py: Attached<'_>, this: &Self, future: &Object) -> PyResult<()> {
        if let Some(native) = Future::of(future) {
            native.discard_awaited_by(py, this.as_object())?;
            if Future::is_exact(future) {
                return match native.outcome(py) {
                    Ok(Ok(_)) => this.step(py, None),
                    Ok(Err(exception)) => this.step(py, Some(exception.upcast())),
                    Err(raised) => {
                        let error = raised.take(py);
                        this.step(py, Some(error.upcast()))
                    }
                };
            }
        }
        match future.call_method(py, id!(py, result), &[]) {
            Ok(_) => this.step(py, None),
            Err(raised) => {
                let error = raised.take(py);
                this.step(py, Some(error.upcast()))
            }
        }
    }

    fn finalize(py: Attached<'_>, this: &Self) {
        if this.base.state() == PENDING
            && this.log_destroy_pending.get()
            && let Some(event_loop) = this.base.event_loop.get()
        {
            let report = || -> PyResult<()> {
                let context = Dict::new(py)?;
                context.set_str(py, "task", this.as_object())?;
                let message = "Task was destroyed but it is pending!".into_object(py)?;
                context.set_str(py, "message", &message)?;
                if let Some(stack) = this.base.source_traceback.get() {
                    context.set_str(py, "source_traceback", &stack)?;
                }
                event_loop.call_method(py, id!(py, call_exception_handler), &[context.as_object()]).map(drop)
            };
            keep_pending(py, || {
                if report().is_err() {
                    (hooks().unraisable)(py, None, Some(this.as_object()));
                }
            });
        }
        this.base.report_unseen(py);
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        known(py, Known::TaskRepr)?.call_pos(py, &[this.as_object()])
    }

    fn set_result(py: Attached<'_>, _: &Self, _: &Object) -> PyResult<()> {
        Err(raise!(py, RuntimeError, "Task does not support set_result operation"))
    }

    fn set_exception(py: Attached<'_>, _: &Self, _: &Object) -> PyResult<()> {
        Err(raise!(py, RuntimeError, "Task does not support set_exception operation"))
    }

    fn cancel(py: Attached<'_>, this: &Self, [message]: [Arg<'_>; 1]) -> PyResult<bool> {
        this.base.log_traceback.set(false);
        if this.base.state() != PENDING {
            return Ok(false);
        }
        this.cancels_requested.set(this.cancels_requested.get() + 1);
        if let Some(waiter) = this.waiter.get()
            && this.cancel_waiter(py, &waiter, message)?
        {
            return Ok(true);
        }
        this.must_cancel.set(true);
        drop(this.base.cancel_message.replace(message.map(Layout::to_ref)));
        Ok(true)
    }

    fn uncancel(_: Attached<'_>, this: &Self) -> i64 {
        let left = (this.cancels_requested.get() - 1).max(0);
        this.cancels_requested.set(left);
        if left == 0 {
            this.must_cancel.set(false);
        }
        left
    }

    fn get_stack(py: Attached<'_>, this: &Self, [limit]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
        let none = none();
        let limit = limit.unwrap_or(&none);
        known(py, Known::TaskGetStack)?.call_pos(py, &[this.as_object(), limit])
    }

    fn print_stack(py: Attached<'_>, this: &Self, [limit, file]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
        let none = none();
        let [limit, file] = [limit, file].map(|arg| arg.unwrap_or(&none));
        known(py, Known::TaskPrintStack)?.call_pos(py, &[this.as_object(), limit, file])
    }

    fn get_name(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        match this.name.get() {
            Some(number) if (*number).downcast::<Int>().is_some() => {
                let name = format!("Task-{}", number.str(py)?).into_object(py)?;
                drop(this.name.replace(Some(name.clone())));
                Ok(Some(name))
            }
            name => Ok(name),
        }
    }

    fn set_name(py: Attached<'_>, this: &Self, name: &Object) -> PyResult<()> {
        let name = if name.downcast_exact::<Str>().is_some() { name.to_ref() } else { name.str(py)?.upcast() };
        drop(this.name.replace(Some(name)));
        Ok(())
    }

    fn set_log_destroy_pending(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else {
            let class = this.as_object().ty().tp_name();
            return Err(raise!(
                py,
                AttributeError,
                "attribute '_log_destroy_pending' of '{class}' objects cannot be deleted"
            ));
        };
        this.log_destroy_pending.set(value.is_true(py)?);
        Ok(())
    }
}

/// Throws into a coroutine.
fn throw(py: Attached<'_>, coroutine: &Object, thrown: &Object) -> PyResult<Outcome> {
    let generator = match coroutine.downcast_exact::<Coroutine>() {
        Some(coroutine) => Some(coroutine.as_generator()),
        None => coroutine.downcast_exact::<Generator>(),
    };
    if let (Some(generator), Some(exception)) = (generator, thrown.downcast::<BaseException>()) {
        return generator::throw(py, generator, exception.to_ref(), true);
    }
    match coroutine.call_method(py, id!(py, throw), &[thrown]) {
        Ok(yielded) => Ok(Ok(yielded)),
        Err(raised) => generator::take_stop_value(py, raised).map(Err),
    }
}

/// The event loop of any future.
pub fn loop_of(py: Attached<'_>, future: &Object) -> PyResult<Ref<Object>> {
    if let Some(native) = Future::of(future).filter(|_| Future::is_exact(future)) {
        return native.event_loop.get().ok_or_else(|| py.bad_internal_call());
    }
    match future.get_attr_opt(py, id!(py, get_loop))? {
        Some(method) => method.call0(py),
        None => future.get_attr(py, id!(py, _loop)),
    }
}

/// `_register_task`.
pub fn register(py: Attached<'_>, task: &Object) -> PyResult<()> {
    match task.downcast::<Task>() {
        Some(task) => {
            link(py, task);
            Ok(())
        }
        None => register_other(py, task, true),
    }
}

/// `_unregister_task`.
pub fn unregister(py: Attached<'_>, task: &Object) -> PyResult<()> {
    match task.downcast::<Task>() {
        Some(task) => {
            unlink(task);
            Ok(())
        }
        None => register_other(py, task, false),
    }
}

const _: () = assert!(offset_of!(Task, base) == 0);
