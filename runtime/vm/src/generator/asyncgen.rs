//! The awaitables of asynchronous generators, and of `anext()` with a default.
use super::resume::{awaitable, exception_from, send_method, throw};
use super::{AsyncGenerator, Generator, raise_stop, stopped};
use krait_object::args::Args;
use krait_object::hooks::hooks;
use krait_object::layout::PyObject;
use krait_object::{
    Attached, Field, Layout, Object, PyResult, Raised, Ref, Slot, Tuple, Visit, exc, id, mem, none, raise,
};
use std::ffi::c_int;
use std::ptr::NonNull;

/// A value that an asynchronous generator yields, as opposed to one that goes through `await`.
#[repr(C)]
pub struct AsyncWrapped {
    head: PyObject,
    value: Slot,
}

krait_object::pytype! {
    pub static AsyncGenWrappedValue_Type: "async_generator_wrapped_value" for AsyncWrapped {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = AsyncWrapped::dealloc, tp_traverse = AsyncWrapped::traverse, },
    }
}

impl AsyncWrapped {
    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.value)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, |this| drop(this.value.take())) }
    }
}

/// Marks a value as yielded by an asynchronous generator.
pub fn wrap_yield(py: Attached<'_>, value: &Object) -> PyResult<Ref<Object>> {
    let wrapped = mem::new_instance::<AsyncWrapped>(py, AsyncWrapped::type_object(), |this| {
        drop(this.value.replace(Some(value.to_ref())));
    })?;
    Ok(wrapped.upcast())
}

const INIT: u8 = 0;
const RUNNING: u8 = 1;
const CLOSED: u8 = 2;
const ASEND_REUSED: &str = "cannot reuse already awaited __anext__()/asend()";
const ATHROW_REUSED: &str = "cannot reuse already awaited aclose()/athrow()";

/// What `asend()` and `__anext__()` return.
#[repr(C)]
pub struct AsyncAsend {
    head: PyObject,
    generator: Slot<AsyncGenerator>,
    value: Slot,
    state: Field<u8>,
}

/// What `athrow()` and `aclose()` return.
#[repr(C)]
pub struct AsyncAthrow {
    head: PyObject,
    generator: Slot<AsyncGenerator>,
    /// The arguments of `athrow()`; none for `aclose()`.
    args: Slot<Tuple>,
    state: Field<u8>,
}

macro_rules! awaitable_type {
    ($(#[$meta:meta])* $symbol:ident, $name:literal, $ty:ident) => {
        krait_object::pytype! {
            $(#[$meta])*
            pub static $symbol: $name for $ty {
                base: Object,
                flags: [HAVE_GC, DISALLOW_INSTANTIATION],
                slots: {
                    tp_dealloc = $ty::dealloc,
                    tp_traverse = $ty::traverse,
                    tp_finalize = $ty::finalize,
                    tp_iter = $ty::iter,
                    tp_iternext = $ty::next,
                    am_await = $ty::iter,
                },
                methods: {
                    o "send" => $ty::send, "($self, object, /)", "Resumes the awaitable with a value.";
                    raw "throw" => $ty::throw, "", "Raises an exception inside the awaitable.";
                    noargs "close" => $ty::close, "($self, /)", "Closes the awaitable.";
                },
            }
        }

        impl $ty {
            fn iter<'a>(_py: Attached<'_>, this: &'a Self) -> &'a Self {
                this
            }

            fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
                $ty::send(py, this, &none()).map(Some)
            }

            fn target(&self, py: Attached<'_>) -> PyResult<Ref<AsyncGenerator>> {
                self.generator.get().ok_or_else(|| py.bad_internal_call())
            }

            fn close(py: Attached<'_>, this: &Self) -> PyResult<()> {
                if this.state.get() == CLOSED {
                    return Ok(());
                }
                match this.throw_args(py, &[exc::GeneratorExit().as_object()]) {
                    Ok(_) => Err(raise!(py, RuntimeError, "coroutine ignored GeneratorExit")),
                    Err(raised) => {
                        let ended = [exc::StopIteration(), exc::StopAsyncIteration(), exc::GeneratorExit()];
                        if ended.iter().any(|ty| raised.matches(py, ty)) {
                            raised.clear(py);
                            return Ok(());
                        }
                        Err(raised)
                    }
                }
            }

            fn throw(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
                args.no_keywords(py, "throw")?;
                this.throw_args(py, args.pos)
            }

            fn finalize(py: Attached<'_>, this: &Self) {
                if this.state.get() != INIT {
                    return;
                }
                let Some(generator) = this.generator.get() else { return };
                warn_never_awaited(py, &generator, this.method());
            }
        }
    };
}

awaitable_type!(
    #[unsafe(no_mangle)]
    _PyAsyncGenASend_Type,
    "async_generator_asend",
    AsyncAsend
);
awaitable_type!(AsyncGenAThrow_Type, "async_generator_athrow", AsyncAthrow);

fn warn_never_awaited(py: Attached<'_>, generator: &AsyncGenerator, method: &str) {
    let pending = py.take_raised();
    let name = generator.as_object().get_attr(py, id!(py, __qualname__)).and_then(|name| name.str(py));
    let warned = name.and_then(|name| {
        let text = format!("coroutine method '{method}' of '{}' was never awaited", name.to_string_lossy());
        (hooks().warn)(py, exc::RuntimeWarning(), &text, 1)
    });
    if warned.is_err() {
        (hooks().unraisable)(py, None, Some(generator.as_object()));
    }
    if let Some(pending) = pending {
        let _raised = py.restore(pending);
    }
}

/// A value from the generator's frame: a yielded one ends the awaitable, anything else goes through.
fn unwrap(py: Attached<'_>, generator: &AsyncGenerator, result: PyResult<Ref<Object>>) -> PyResult<Ref<Object>> {
    let raw = generator.raw();
    match result {
        Err(raised) => {
            if raised.matches(py, exc::StopAsyncIteration()) || raised.matches(py, exc::GeneratorExit()) {
                raw.gi_closed.set(1);
            }
            raw.gi_running_async.set(0);
            Err(raised)
        }
        Ok(value) => match value.as_object().downcast_exact::<AsyncWrapped>() {
            Some(wrapped) => {
                raw.gi_running_async.set(0);
                let value = wrapped.value.get().unwrap_or_else(none);
                Err(raise_stop(py, &value))
            }
            None => Ok(value),
        },
    }
}

/// Raises an exception inside the generator; a return is an exception too.
fn throw_inside(
    py: Attached<'_>,
    generator: &AsyncGenerator,
    args: &[&Object],
    close_on_exit: bool,
) -> PyResult<Ref<Object>> {
    let this: &Generator = generator.as_generator();
    let exception = exception_from(py, args)?;
    match throw(py, this, exception, close_on_exit)? {
        Ok(yielded) => Ok(yielded),
        Err(returned) => Err(stopped(py, this, &returned)),
    }
}

impl AsyncAsend {
    fn new(py: Attached<'_>, generator: &AsyncGenerator, value: Option<&Object>) -> PyResult<Ref<AsyncAsend>> {
        mem::new_instance::<AsyncAsend>(py, AsyncAsend::type_object(), |this| {
            drop(this.generator.replace(Some(generator.to_ref())));
            drop(this.value.replace(value.map(Object::to_ref)));
        })
    }

    fn method(&self) -> &'static str {
        "asend"
    }

    /// Starts the awaitable if it is fresh.
    fn begin(&self, py: Attached<'_>, generator: &AsyncGenerator) -> PyResult<bool> {
        match self.state.get() {
            CLOSED => Err(raise!(py, RuntimeError, "{ASEND_REUSED}")),
            INIT => {
                if generator.raw().gi_running_async.get() != 0 {
                    self.state.set(CLOSED);
                    let text = "anext(): asynchronous generator is already running";
                    return Err(raise!(py, RuntimeError, "{text}"));
                }
                self.state.set(RUNNING);
                generator.raw().gi_running_async.set(1);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn send(py: Attached<'_>, this: &Self, value: &Object) -> PyResult<Ref<Object>> {
        let generator = this.target(py)?;
        let fresh = this.begin(py, &generator)?;
        let own = if fresh && value.is_none() { this.value.get() } else { None };
        let sent = send_method(py, generator.as_generator(), own.as_deref().unwrap_or(value));
        this.finish(py, &generator, sent)
    }

    fn throw_args(&self, py: Attached<'_>, args: &[&Object]) -> PyResult<Ref<Object>> {
        let generator = self.target(py)?;
        self.begin(py, &generator)?;
        let thrown = throw_inside(py, &generator, args, true);
        self.finish(py, &generator, thrown)
    }

    fn finish(
        &self,
        py: Attached<'_>,
        generator: &AsyncGenerator,
        result: PyResult<Ref<Object>>,
    ) -> PyResult<Ref<Object>> {
        let result = unwrap(py, generator, result);
        if result.is_err() {
            self.state.set(CLOSED);
        }
        result
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.generator)?;
        visit.slot(&this.value)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        let drop_fields = |this: &Self| {
            drop(this.generator.take());
            drop(this.value.take());
        };
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, drop_fields) }
    }
}

impl AsyncAthrow {
    fn new(py: Attached<'_>, generator: &AsyncGenerator, args: Option<Ref<Tuple>>) -> PyResult<Ref<AsyncAthrow>> {
        mem::new_instance::<AsyncAthrow>(py, AsyncAthrow::type_object(), |this| {
            drop(this.generator.replace(Some(generator.to_ref())));
            drop(this.args.replace(args));
        })
    }

    fn method(&self) -> &'static str {
        if self.args.is_null() { "aclose" } else { "athrow" }
    }

    fn already_running(&self, py: Attached<'_>) -> Raised {
        self.state.set(CLOSED);
        raise!(py, RuntimeError, "{}(): asynchronous generator is already running", self.method())
    }

    fn send(py: Attached<'_>, this: &Self, value: &Object) -> PyResult<Ref<Object>> {
        let generator = this.target(py)?;
        let raw = generator.raw();
        if this.state.get() == CLOSED {
            return Err(raise!(py, RuntimeError, "{ATHROW_REUSED}"));
        }
        if generator.as_generator().is_finished() {
            this.state.set(CLOSED);
            return Err(py.raise_value(exc::StopIteration(), &none()));
        }
        let args = this.args.get();
        if this.state.get() == RUNNING {
            let sent = send_method(py, generator.as_generator(), value);
            return match (args, sent) {
                (Some(_), sent) => unwrap(py, &generator, sent),
                (None, sent) => this.closing(py, &generator, sent),
            };
        }
        if raw.gi_running_async.get() != 0 {
            return Err(this.already_running(py));
        }
        if raw.gi_closed.get() != 0 {
            this.state.set(CLOSED);
            return Err(py.raise_value(exc::StopAsyncIteration(), &none()));
        }
        if !value.is_none() {
            return Err(raise!(py, RuntimeError, "can't send non-None value to a just-started coroutine"));
        }
        this.state.set(RUNNING);
        raw.gi_running_async.set(1);
        match args {
            None => {
                raw.gi_closed.set(1);
                let thrown = throw_inside(py, &generator, &[exc::GeneratorExit().as_object()], false);
                this.closing(py, &generator, thrown)
            }
            Some(args) => {
                let thrown = throw_inside(py, &generator, args.as_slice(), false);
                match unwrap(py, &generator, thrown) {
                    Ok(value) => Ok(value),
                    Err(raised) => Err(this.ended(py, &generator, raised, false)),
                }
            }
        }
    }

    /// A step of `aclose()`: a yielded value is an error, an end is the success.
    fn closing(
        &self,
        py: Attached<'_>,
        generator: &AsyncGenerator,
        result: PyResult<Ref<Object>>,
    ) -> PyResult<Ref<Object>> {
        match result {
            Ok(value) if value.as_object().downcast_exact::<AsyncWrapped>().is_some() => {
                generator.raw().gi_running_async.set(0);
                self.state.set(CLOSED);
                Err(raise!(py, RuntimeError, "async generator ignored GeneratorExit"))
            }
            Ok(value) => Ok(value),
            Err(raised) => Err(self.ended(py, generator, raised, true)),
        }
    }

    fn ended(&self, py: Attached<'_>, generator: &AsyncGenerator, raised: Raised, closing: bool) -> Raised {
        generator.raw().gi_running_async.set(0);
        self.state.set(CLOSED);
        let ended = raised.matches(py, exc::StopAsyncIteration()) || raised.matches(py, exc::GeneratorExit());
        if closing && ended {
            raised.clear(py);
            return py.raise_value(exc::StopIteration(), &none());
        }
        raised
    }

    fn throw_args(&self, py: Attached<'_>, args: &[&Object]) -> PyResult<Ref<Object>> {
        let generator = self.target(py)?;
        match self.state.get() {
            CLOSED => return Err(raise!(py, RuntimeError, "{ATHROW_REUSED}")),
            INIT => {
                if generator.raw().gi_running_async.get() != 0 {
                    return Err(self.already_running(py));
                }
                self.state.set(RUNNING);
                generator.raw().gi_running_async.set(1);
            }
            _ => {}
        }
        let thrown = throw_inside(py, &generator, args, true);
        if self.args.is_null() {
            return self.closing(py, &generator, thrown);
        }
        let result = unwrap(py, &generator, thrown);
        if result.is_err() {
            self.state.set(CLOSED);
        }
        result
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.generator)?;
        visit.slot(&this.args)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        let drop_fields = |this: &Self| {
            drop(this.generator.take());
            drop(this.args.take());
        };
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, drop_fields) }
    }
}

impl AsyncGenerator {
    /// Tells the thread's hooks (`sys.set_asyncgen_hooks`) about a generator that is iterated first.
    fn init_hooks(&self, py: Attached<'_>) -> PyResult<()> {
        let (raw, tstate) = (self.raw(), py.tstate());
        if raw.gi_hooks_inited.get() != 0 {
            return Ok(());
        }
        raw.gi_hooks_inited.set(1);
        // SAFETY: the thread state owns its hooks.
        let hook = |hook: &Field<*mut PyObject>| unsafe { Ref::<Object>::from_borrowed_opt(hook.get()) };
        if let Some(finalizer) = hook(&tstate.async_gen_finalizer) {
            raw.gi_origin_or_finalizer.set(finalizer.into_raw());
        }
        if let Some(first) = hook(&tstate.async_gen_firstiter) {
            first.call_pos(py, &[self.as_object()])?;
        }
        Ok(())
    }

    pub(super) fn anext(py: Attached<'_>, this: &AsyncGenerator) -> PyResult<Ref<AsyncAsend>> {
        this.init_hooks(py)?;
        AsyncAsend::new(py, this, None)
    }

    pub(super) fn asend(py: Attached<'_>, this: &AsyncGenerator, value: &Object) -> PyResult<Ref<AsyncAsend>> {
        this.init_hooks(py)?;
        AsyncAsend::new(py, this, Some(value))
    }

    pub(super) fn athrow(py: Attached<'_>, this: &AsyncGenerator, args: Args<'_>) -> PyResult<Ref<AsyncAthrow>> {
        args.no_keywords(py, "athrow")?;
        krait_object::args::check_positional(py, "athrow", args.pos.len(), 1, 3)?;
        if args.pos.len() > 1 {
            let text = "the (type, exc, tb) signature of athrow() is deprecated, use the single-arg signature instead.";
            (hooks().warn)(py, exc::DeprecationWarning(), text, 1)?;
        }
        this.init_hooks(py)?;
        AsyncAthrow::new(py, this, Some(args.pos_tuple(py)?))
    }

    pub(super) fn aclose(py: Attached<'_>, this: &AsyncGenerator) -> PyResult<Ref<AsyncAthrow>> {
        this.init_hooks(py)?;
        AsyncAthrow::new(py, this, None)
    }
}

/// What `anext(iterator, default)` returns.
#[repr(C)]
pub struct AnextAwaitable {
    head: PyObject,
    wrapped: Slot,
    default: Slot,
}

krait_object::pytype! {
    pub static AnextAwaitable_Type: "anext_awaitable" for AnextAwaitable {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = AnextAwaitable::dealloc,
            tp_traverse = AnextAwaitable::traverse,
            tp_iter = AnextAwaitable::iter,
            tp_iternext = AnextAwaitable::next,
            am_await = AnextAwaitable::iter,
        },
        methods: {
            o "send" => AnextAwaitable::send, "($self, object, /)", "Resumes the awaitable with a value.";
            raw "throw" => AnextAwaitable::throw, "", "Raises an exception inside the awaitable.";
            noargs "close" => AnextAwaitable::close, "($self, /)", "Closes the awaitable.";
        },
    }
}

impl AnextAwaitable {
    pub fn new(py: Attached<'_>, wrapped: &Object, default: &Object) -> PyResult<Ref<AnextAwaitable>> {
        mem::new_instance::<AnextAwaitable>(py, AnextAwaitable::type_object(), |this| {
            drop(this.wrapped.replace(Some(wrapped.to_ref())));
            drop(this.default.replace(Some(default.to_ref())));
        })
    }

    fn iter<'a>(_py: Attached<'_>, this: &'a Self) -> &'a Self {
        this
    }

    /// The iterator behind the wrapped awaitable.
    fn iterator(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let Some(wrapped) = self.wrapped.get() else { return Err(py.bad_internal_call()) };
        awaitable(py, &wrapped)
    }

    /// The end of the iteration becomes the default.
    fn or_default(&self, py: Attached<'_>, result: PyResult<Ref<Object>>) -> PyResult<Ref<Object>> {
        match result {
            Err(raised) if raised.matches(py, exc::StopAsyncIteration()) => {
                raised.clear(py);
                Err(raise_stop(py, &self.default.get().unwrap_or_else(none)))
            }
            other => other,
        }
    }

    fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        Self::send(py, this, &none()).map(Some)
    }

    fn send(py: Attached<'_>, this: &Self, value: &Object) -> PyResult<Ref<Object>> {
        let iterator = this.iterator(py)?;
        let sent = match super::send_any(py, &iterator, value) {
            Ok(Ok(yielded)) => Ok(yielded),
            Ok(Err(returned)) => Err(raise_stop(py, &returned)),
            Err(raised) => Err(raised),
        };
        this.or_default(py, sent)
    }

    fn throw(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        let iterator = this.iterator(py)?;
        let result = iterator.call_method(py, id!(py, throw), args.pos);
        this.or_default(py, result)
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let iterator = this.iterator(py)?;
        let result = iterator.call_method(py, id!(py, close), &[]);
        this.or_default(py, result)
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.wrapped)?;
        visit.slot(&this.default)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        let drop_fields = |this: &Self| {
            drop(this.wrapped.take());
            drop(this.default.take());
        };
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, drop_fields) }
    }
}
