//! `_asyncio.Future`.
//!
//! Concurrency: a future belongs to the thread of its event loop. Fields are atomic, so that other threads that use
//! it all the same see whole values.
use super::iter::FutureIter;
use super::state::{Known, known};
use super::task::Task;
use krait_object::args::{Args, Signature, check_positional};
use krait_object::exceptions::raise_exception;
use krait_object::layout::{Field, PyObject};
use krait_object::native::{Arg, Part, required};
use krait_object::{
    Attached, BaseException, Dict, FrozenSet, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Set, Slot,
    Tuple, Type, Visit, exc, hooks::hooks, id, mem, none, pytype, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

pub const PENDING: u8 = 0;
pub const CANCELLED: u8 = 1;
pub const FINISHED: u8 = 2;

/// `_asyncio.Future`, and the first part of a task.
#[repr(C)]
pub struct Future {
    ob_base: PyObject,
    pub event_loop: Slot,
    /// The first callback and its context; most futures have one.
    callback: Slot,
    callback_context: Slot,
    callbacks: Slot<List>,
    exception: Slot<BaseException>,
    exception_tb: Slot,
    result: Slot,
    pub source_traceback: Slot,
    pub cancel_message: Slot,
    pub cancelled_error: Slot<BaseException>,
    /// Who awaits it: one future, or a set of them.
    awaited_by: Slot,
    dict: Slot<Dict>,
    weaklist: Field<*mut PyObject>,
    state: Field<u8>,
    pub log_traceback: Field<bool>,
    pub blocking: Field<bool>,
    awaited_by_set: Field<bool>,
}

pub const DICT_OFFSET: isize = offset_of!(Future, dict) as isize;
pub const WEAKLIST_OFFSET: isize = offset_of!(Future, weaklist) as isize;

pytype! {
    pub static FUTURE_TYPE: "_asyncio.Future" for Future {
        base: Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "Future(*, loop=None)\n--\n\nA result that will be there later.",
        slots: {
            tp_new = new_future, tp_init = Future::init, tp_dealloc = Future::dealloc, tp_repr = Future::repr,
            tp_traverse = Future::traverse, tp_clear = |_: Attached<'_>, this: &Future| this.clear(),
            tp_finalize = Future::finalize, tp_iter = Future::iter, am_await = Future::iter,
            raw tp_dictoffset = DICT_OFFSET, raw tp_weaklistoffset = WEAKLIST_OFFSET,
        },
        methods: {
            noargs "result" => Future::py_result, "($self, /)", "The result; raises the exception if that was set.";
            noargs "exception" => Future::py_exception, "($self, /)", "The exception that was set, or None.";
            o "set_result" => Future::py_set_result, "($self, result, /)", "Makes the future done with a result.";
            o "set_exception" => Future::py_set_exception, "($self, exception, /)", "Makes the future done with an exception.";
            raw "add_done_callback" => Future::add_done_callback, "($self, fn, /, *, context=<unrepresentable>)", "Has a function called with the future when that is done.";
            o "remove_done_callback" => Future::remove_done_callback, "($self, fn, /)", "Forgets a callback; how many there were.";
            sig "cancel" => Future::py_cancel, "($self, /, msg=None)", "Cancels the future; whether it was pending.";
            noargs "cancelled" => |_: Attached<'_>, this: &Future| this.is_alive() && this.state() == CANCELLED, "($self, /)", "Whether the future was cancelled.";
            noargs "done" => |_: Attached<'_>, this: &Future| this.is_alive() && this.state() != PENDING, "($self, /)", "Whether the future is done.";
            noargs "get_loop" => Future::get_loop, "($self, /)", "The event loop that the future belongs to.";
            noargs "_make_cancelled_error" => Future::make_cancelled_error, "($self, /)", "The CancelledError of a cancelled future.";
            class o "__class_getitem__" => krait_object::genericaliasobject::class_getitem, "($type, object, /)", "See PEP 585";
        },
        getset: {
            "_state" => Future::get_state, "";
            "_asyncio_future_blocking" => Future::get_blocking, Future::set_blocking, "";
            "_asyncio_awaited_by" => Future::get_awaited_by, "";
            "_loop" => |_: Attached<'_>, this: &Future| this.event_loop.get(), "";
            "_callbacks" => Future::get_callbacks, "";
            "_result" => |py: Attached<'_>, this: &Future| -> PyResult<_> { this.check_alive(py)?; Ok(this.result.get()) }, "";
            "_exception" => |py: Attached<'_>, this: &Future| -> PyResult<_> { this.check_alive(py)?; Ok(this.exception.get()) }, "";
            "_log_traceback" => Future::get_log_traceback, Future::set_log_traceback, "";
            "_source_traceback" => |_: Attached<'_>, this: &Future| this.source_traceback.get(), "";
            "_cancel_message" => |_: Attached<'_>, this: &Future| this.cancel_message.get(), Future::set_cancel_message, "";
        },
    }
}

pub fn new_future(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Object>> {
    ty.alloc(py, 0)
}

/// `loop.call_soon(function, *argument, context=context)`.
pub fn call_soon(
    py: Attached<'_>,
    event_loop: &Object,
    function: &Object,
    argument: Option<&Object>,
    context: Option<&Object>,
) -> PyResult<()> {
    let method = event_loop.get_attr(py, id!(py, call_soon))?;
    let (one, two);
    let pos: &[&Object] = match argument {
        None => {
            one = [function];
            &one
        }
        Some(argument) => {
            two = [function, argument];
            &two
        }
    };
    let (names, values) = ([id!(py, context).as_object()], context.map(|context| [context]));
    let args = match &values {
        None => Args::positional(pos),
        Some(values) => Args { pos, names: &names, values },
    };
    method.call(py, args).map(drop)
}

/// The `AttributeError` of a getter's setter that is asked to delete.
fn cannot_delete(py: Attached<'_>, this: &Future, name: &str) -> Raised {
    let class = this.as_object().ty().tp_name();
    raise!(py, AttributeError, "attribute '{name}' of '{class}' objects cannot be deleted")
}

impl Future {
    /// The native future that an object is, of this class or a subclass.
    pub fn of(object: &Object) -> Option<&Future> {
        object.downcast::<Future>()
    }

    pub fn is_exact(object: &Object) -> bool {
        let ty = object.ty();
        std::ptr::eq(ty, Future::type_object()) || std::ptr::eq(ty, Task::type_object())
    }

    pub fn state(&self) -> u8 {
        self.state.get()
    }

    pub fn is_alive(&self) -> bool {
        !self.event_loop.is_null()
    }

    pub fn check_alive(&self, py: Attached<'_>) -> PyResult<()> {
        match self.is_alive() {
            true => Ok(()),
            false => Err(raise!(py, RuntimeError, "Future object is not initialized.")),
        }
    }

    fn parts(&self) -> [&dyn Part; 12] {
        [
            &self.event_loop,
            &self.callback,
            &self.callback_context,
            &self.callbacks,
            &self.exception,
            &self.exception_tb,
            &self.result,
            &self.source_traceback,
            &self.cancel_message,
            &self.cancelled_error,
            &self.awaited_by,
            &self.dict,
        ]
    }

    pub fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.parts().iter().try_for_each(|part| part.visit(visit))
    }

    /// Drops everything that may be part of a cycle.
    pub fn clear(&self) {
        self.parts().iter().for_each(|part| part.release());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, Future::clear) };
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("Future", "(*, loop=None)");
        if !args.pos.is_empty() {
            return Err(raise!(py, TypeError, "Future() takes no positional arguments"));
        }
        let [event_loop]: [Arg<'_>; 1] = SIG.bind(py, args)?;
        this.start(py, event_loop)
    }

    /// Makes the future pending.
    pub fn start(&self, py: Attached<'_>, event_loop: Arg<'_>) -> PyResult<()> {
        let event_loop = match event_loop.filter(|event_loop| !event_loop.is_none()) {
            Some(event_loop) => event_loop.to_ref(),
            None => super::get_event_loop(py)?,
        };
        for part in &self.parts()[..11] {
            part.release();
        }
        self.state.set(PENDING);
        self.log_traceback.set(false);
        self.blocking.set(false);
        self.awaited_by_set.set(false);
        drop(self.event_loop.replace(Some(event_loop.clone())));
        if event_loop.call_method(py, id!(py, get_debug), &[])?.is_true(py)? {
            let stack = known(py, Known::ExtractStack)?.call0(py)?;
            drop(self.source_traceback.replace(Some(stack)));
        }
        Ok(())
    }

    /// Tells the event loop that the exception of a future was never asked for.
    fn finalize(py: Attached<'_>, this: &Self) {
        this.report_unseen(py);
    }

    pub fn report_unseen(&self, py: Attached<'_>) {
        if !self.log_traceback.get() {
            return;
        }
        self.log_traceback.set(false);
        let (Some(event_loop), Some(exception)) = (self.event_loop.get(), self.exception.get()) else { return };
        let report = || -> PyResult<()> {
            let context = Dict::new(py)?;
            let message = format!("{} exception was never retrieved", self.as_object().ty().short_name());
            context.set_str(py, "message", &*message.into_object(py)?)?;
            context.set_str(py, "exception", exception.as_object())?;
            context.set_str(py, "future", self.as_object())?;
            if let Some(stack) = self.source_traceback.get() {
                context.set_str(py, "source_traceback", &stack)?;
            }
            event_loop.call_method(py, id!(py, call_exception_handler), &[context.as_object()]).map(drop)
        };
        keep_pending(py, || {
            if report().is_err() {
                (hooks().unraisable)(py, None, Some(self.as_object()));
            }
        });
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        this.check_alive(py)?;
        known(py, Known::FutureRepr)?.call_pos(py, &[this.as_object()])
    }

    fn iter(py: Attached<'_>, this: &Self) -> PyResult<Ref<FutureIter>> {
        this.check_alive(py)?;
        FutureIter::new(py, this)
    }

    /// Hands the callbacks over to the event loop.
    fn schedule_callbacks(&self, py: Attached<'_>) -> PyResult<()> {
        let Some(event_loop) = self.event_loop.get() else { return Ok(()) };
        let (callback, context) = (self.callback.take(), self.callback_context.take());
        if let Some(callback) = callback {
            call_soon(py, &event_loop, &callback, Some(self.as_object()), context.as_deref())?;
        }
        let Some(list) = self.callbacks.take() else { return Ok(()) };
        for entry in list.to_vec(py)? {
            if let Some([callback, context]) = (*entry).downcast::<Tuple>().map(Tuple::as_slice) {
                call_soon(py, &event_loop, callback, Some(self.as_object()), Some(context))?;
            }
        }
        Ok(())
    }

    fn invalid_state(py: Attached<'_>, message: &str) -> Raised {
        match known(py, Known::InvalidStateError) {
            Ok(class) => match class.downcast::<Type>() {
                Some(class) => py.raise(class, message),
                None => py.bad_internal_call(),
            },
            Err(raised) => raised,
        }
    }

    pub fn set_result(&self, py: Attached<'_>, result: &Object) -> PyResult<()> {
        self.check_alive(py)?;
        if self.state() != PENDING {
            return Err(Self::invalid_state(py, "invalid state"));
        }
        drop(self.result.replace(Some(result.to_ref())));
        self.state.set(FINISHED);
        self.schedule_callbacks(py)
    }

    fn py_set_result(py: Attached<'_>, this: &Self, result: &Object) -> PyResult<()> {
        this.set_result(py, result)
    }

    pub fn set_exception(&self, py: Attached<'_>, given: &Object) -> PyResult<()> {
        self.check_alive(py)?;
        if self.state() != PENDING {
            return Err(Self::invalid_state(py, "invalid state"));
        }
        let made;
        let given = if given.downcast::<Type>().is_some() {
            made = given.call0(py)?;
            &*made
        } else {
            given
        };
        let Some(exception) = given.downcast::<BaseException>() else {
            return Err(raise!(py, TypeError, "invalid exception object"));
        };
        let mut exception = exception.to_ref();
        if exception.as_object().ty().is_subtype_of(exc::StopIteration()) {
            let text = "StopIteration interacts badly with generators and cannot be raised into a Future";
            let other = krait_object::exceptions::make_exception(py, exc::RuntimeError(), &*text.into_object(py)?)?;
            other.replace_cause(Some(exception.clone()));
            other.replace_context(Some(exception));
            exception = other;
        }
        drop(self.exception_tb.replace(exception.traceback()));
        drop(self.exception.replace(Some(exception)));
        self.state.set(FINISHED);
        self.schedule_callbacks(py)?;
        self.log_traceback.set(true);
        Ok(())
    }

    fn py_set_exception(py: Attached<'_>, this: &Self, exception: &Object) -> PyResult<()> {
        this.set_exception(py, exception)
    }

    fn make_cancelled_error(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        if let Some(error) = this.cancelled_error.take() {
            return Ok(error.upcast());
        }
        let class = known(py, Known::CancelledError)?;
        match this.cancel_message.get().filter(|message| !message.is_none()) {
            Some(message) => class.call_pos(py, &[&message]),
            None => class.call0(py),
        }
    }

    /// The exception to raise for a cancelled future.
    pub fn cancelled_exception(&self, py: Attached<'_>) -> PyResult<Ref<BaseException>> {
        let made = Self::make_cancelled_error(py, self)?;
        made.downcast().map_err(|_| py.bad_internal_call())
    }

    fn raise_cancelled(&self, py: Attached<'_>) -> Raised {
        match self.cancelled_exception(py) {
            Ok(error) => raise_exception(py, error),
            Err(raised) => raised,
        }
    }

    /// The result, or the exception as a value.
    ///
    /// # Errors
    /// `CancelledError` and `InvalidStateError`.
    pub fn outcome(&self, py: Attached<'_>) -> PyResult<Result<Ref<Object>, Ref<BaseException>>> {
        if !self.is_alive() {
            return Err(Self::invalid_state(py, "Future object is not initialized."));
        }
        match self.state() {
            CANCELLED => return Err(self.raise_cancelled(py)),
            PENDING => return Err(Self::invalid_state(py, "Result is not set.")),
            _ => {}
        }
        self.log_traceback.set(false);
        match self.exception.get() {
            Some(exception) => {
                exception.replace_traceback(self.exception_tb.take());
                Ok(Err(exception))
            }
            None => Ok(Ok(self.result.get().unwrap_or_else(none))),
        }
    }

    pub fn py_result(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        match this.outcome(py)? {
            Ok(result) => Ok(result),
            Err(exception) => Err(raise_exception(py, exception)),
        }
    }

    fn py_exception(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<BaseException>>> {
        if !this.is_alive() {
            return Err(Self::invalid_state(py, "Future object is not initialized."));
        }
        match this.state() {
            CANCELLED => return Err(this.raise_cancelled(py)),
            PENDING => return Err(Self::invalid_state(py, "Exception is not set.")),
            _ => {}
        }
        this.log_traceback.set(false);
        Ok(this.exception.get())
    }

    fn add_done_callback(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        const SIG: Signature = Signature::parse("add_done_callback", "(fn, /, *, context=None)");
        if args.pos.len() != 1 {
            let given = args.pos.len();
            return Err(raise!(
                py,
                TypeError,
                "add_done_callback() takes exactly 1 positional argument ({given} given)"
            ));
        }
        let [function, context]: [Arg<'_>; 2] = SIG.bind(py, args)?;
        let function = required(py, function)?;
        match context.filter(|context| !context.is_none()) {
            Some(context) => this.add_callback(py, function, context),
            None => this.add_callback(py, function, &*known(py, Known::CopyContext)?.call0(py)?),
        }
    }

    /// Has `function` called when the future is done.
    pub fn add_callback(&self, py: Attached<'_>, function: &Object, context: &Object) -> PyResult<()> {
        let Some(event_loop) = self.event_loop.get() else {
            return Err(raise!(py, RuntimeError, "uninitialized Future object"));
        };
        if self.state() != PENDING {
            return call_soon(py, &event_loop, function, Some(self.as_object()), Some(context));
        }
        let list = self.callbacks.get();
        if list.is_none() && self.callback.is_null() {
            drop(self.callback_context.replace(Some(context.to_ref())));
            drop(self.callback.replace(Some(function.to_ref())));
            return Ok(());
        }
        let list = match list {
            Some(list) => list,
            None => {
                let list = List::new(py)?;
                drop(self.callbacks.replace(Some(list.clone())));
                list
            }
        };
        list.push(py, Tuple::from_slice(py, &[function, context])?.upcast())
    }

    fn remove_done_callback(py: Attached<'_>, this: &Self, function: &Object) -> PyResult<usize> {
        this.check_alive(py)?;
        let mut removed = 0;
        if let Some(callback) = this.callback.get()
            && function.eq(py, &callback)?
        {
            drop((this.callback.take(), this.callback_context.take()));
            removed += 1;
        }
        let Some(list) = this.callbacks.get() else { return Ok(removed) };
        let (entries, mut kept) = (list.to_vec(py)?, Vec::new());
        let before = entries.len();
        for entry in entries {
            let callback = (*entry).downcast::<Tuple>().and_then(|entry| entry.get(0));
            let same = match callback {
                Some(callback) => callback.eq(py, function)?,
                None => false,
            };
            if !same {
                kept.push(entry);
            }
        }
        if kept.len() == before {
            return Ok(removed);
        }
        removed += before - kept.len();
        // What was added while callbacks were compared stays.
        let (all, mut new) = (list.to_vec(py)?, kept);
        new.extend(all.into_iter().skip(before));
        let list = if new.is_empty() { None } else { Some(List::from_vec(py, new)?) };
        drop(this.callbacks.replace(list));
        Ok(removed)
    }

    /// Cancels a pending future; whether it was one.
    pub fn cancel(&self, py: Attached<'_>, message: Option<&Object>) -> PyResult<bool> {
        self.log_traceback.set(false);
        if self.state() != PENDING {
            return Ok(false);
        }
        self.state.set(CANCELLED);
        drop(self.cancel_message.replace(message.map(Layout::to_ref)));
        self.schedule_callbacks(py)?;
        Ok(true)
    }

    fn py_cancel(py: Attached<'_>, this: &Self, [message]: [Arg<'_>; 1]) -> PyResult<bool> {
        this.check_alive(py)?;
        this.cancel(py, message)
    }

    fn get_loop(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        this.check_alive(py)?;
        Ok(this.event_loop.get())
    }

    fn get_state(py: Attached<'_>, this: &Self) -> PyResult<&'static str> {
        this.check_alive(py)?;
        Ok(["PENDING", "CANCELLED", "FINISHED"][usize::from(this.state() % 3)])
    }

    fn get_blocking(_: Attached<'_>, this: &Self) -> bool {
        this.is_alive() && this.blocking.get()
    }

    fn set_blocking(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        this.check_alive(py)?;
        let Some(value) = value else { return Err(cannot_delete(py, this, "_asyncio_future_blocking")) };
        this.blocking.set(value.is_true(py)?);
        Ok(())
    }

    fn get_log_traceback(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        this.check_alive(py)?;
        Ok(this.log_traceback.get())
    }

    fn set_log_traceback(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else { return Err(cannot_delete(py, this, "_log_traceback")) };
        if value.is_true(py)? {
            return Err(raise!(py, ValueError, "_log_traceback can only be set to False"));
        }
        this.log_traceback.set(false);
        Ok(())
    }

    fn set_cancel_message(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else { return Err(cannot_delete(py, this, "_cancel_message")) };
        drop(this.cancel_message.replace(Some(value.to_ref())));
        Ok(())
    }

    fn get_callbacks(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<List>>> {
        this.check_alive(py)?;
        let mut all = Vec::new();
        if let Some(callback) = this.callback.get() {
            let context = this.callback_context.get().unwrap_or_else(none);
            all.push(Tuple::pair(py, callback, context)?.upcast());
        }
        if let Some(callbacks) = this.callbacks.get() {
            all.extend(callbacks.to_vec(py)?);
        }
        if all.is_empty() { Ok(None) } else { List::from_vec(py, all).map(Some) }
    }

    fn get_awaited_by(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<FrozenSet>>> {
        match this.awaited_by.get() {
            None => Ok(None),
            Some(all) if this.awaited_by_set.get() => FrozenSet::from_iterable(py, &all).map(Some),
            Some(one) => FrozenSet::from_items(py, &[&one]).map(Some),
        }
    }

    /// Notes that `waiter` awaits the future.
    pub fn add_awaited_by(&self, py: Attached<'_>, waiter: &Object) -> PyResult<()> {
        let Some(present) = self.awaited_by.get() else {
            drop(self.awaited_by.replace(Some(waiter.to_ref())));
            return Ok(());
        };
        if self.awaited_by_set.get() {
            let Some(set) = (*present).downcast::<Set>() else { return Err(py.bad_internal_call()) };
            return set.add(py, waiter).map(drop);
        }
        if present.is(waiter) {
            return Ok(());
        }
        let set = Set::new(py)?;
        set.add(py, &present)?;
        set.add(py, waiter)?;
        drop(self.awaited_by.replace(Some(set.upcast())));
        self.awaited_by_set.set(true);
        Ok(())
    }

    /// Notes that `waiter` does not await the future any more.
    pub fn discard_awaited_by(&self, py: Attached<'_>, waiter: &Object) -> PyResult<()> {
        let Some(present) = self.awaited_by.get() else { return Ok(()) };
        if self.awaited_by_set.get() {
            let Some(set) = (*present).downcast::<Set>() else { return Err(py.bad_internal_call()) };
            return set.discard(py, waiter).map(drop);
        }
        if present.is(waiter) {
            drop(self.awaited_by.take());
        }
        Ok(())
    }
}

/// Runs `work` with no exception pending, and puts back one that was.
pub fn keep_pending(py: Attached<'_>, work: impl FnOnce()) {
    let pending = py.take_raised();
    work();
    if let Some(pending) = pending {
        let _raised = py.restore(pending);
    }
}

/// `future_add_to_awaited_by` and `future_discard_from_awaited_by`: what is not native is passed over.
pub fn awaited_by_function(py: Attached<'_>, args: Args<'_>, add: bool) -> PyResult<()> {
    let name = if add { "future_add_to_awaited_by" } else { "future_discard_from_awaited_by" };
    args.no_keywords(py, name)?;
    check_positional(py, name, args.pos.len(), 2, 2)?;
    let (Some(future), Some(waiter)) = (Future::of(args.pos[0]), Future::of(args.pos[1])) else { return Ok(()) };
    match add {
        true => future.add_awaited_by(py, waiter.as_object()),
        false => future.discard_awaited_by(py, waiter.as_object()),
    }
}
