//! `_asyncio.FutureIter`: what `await future` runs.
use super::future::{Future, PENDING};
use krait_object::args::Args;
use krait_object::exceptions::{make_exception, raise_exception};
use krait_object::hooks::hooks;
use krait_object::layout::PyObject;
use krait_object::native::ready;
use krait_object::{
    Attached, BaseException, Layout, Object, PyResult, Raised, Ref, Slot, Type, exc, mem, pytype, raise,
};
use krait_vm::generator::raise_stop;
use krait_vm::traceback::Traceback;
use std::ffi::c_int;
use std::ptr;

krait_object::native! {
    /// `_asyncio.FutureIter`.
    pub struct FutureIter { future: Slot<Future> }
}

pytype! {
    pub static FUTURE_ITER_TYPE: "_asyncio.FutureIter" for FutureIter {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = FutureIter::dealloc, tp_traverse = FutureIter::traverse,
            tp_clear = |_: Attached<'_>, this: &FutureIter| drop(this.future.take()),
            tp_iter = |_: Attached<'_>, this: &FutureIter| this.to_ref(),
            tp_iternext = FutureIter::next,
            raw_am_send = Some(send_slot),
        },
        methods: {
            o "send" => FutureIter::send, "($self, value, /)", "The next step.";
            raw "throw" => FutureIter::throw, "", "throw(type[, value[, traceback]])\n\nRaises an exception.";
            noargs "close" => |_: Attached<'_>, this: &FutureIter| drop(this.future.take()), "($self, /)", "Ends the iteration.";
        },
    }
}

/// Makes the type ready.
pub fn exec(py: Attached<'_>) -> PyResult<()> {
    ready::<FutureIter>(py).map(drop)
}

/// What one step gives.
enum Step {
    /// The future is to be waited for.
    Wait(Ref<Future>),
    Result(Ref<Object>),
    /// The iterator was closed.
    Closed,
}

unsafe extern "C" fn send_slot(this: *mut PyObject, _: *mut PyObject, result: *mut *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    unsafe {
        let py = Attached::from_tls();
        let (status, value) = match (*this.cast::<FutureIter>()).step(py) {
            Ok(Step::Wait(future)) => (1, future.into_raw()),
            Ok(Step::Result(value)) => (0, value.into_raw()),
            Ok(Step::Closed) => (0, krait_object::none().into_raw()),
            Err(_) => (-1, ptr::null_mut()),
        };
        *result = value;
        status
    }
}

impl FutureIter {
    pub fn new(py: Attached<'_>, future: &Future) -> PyResult<Ref<Self>> {
        mem::new_instance(py, Self::type_object(), |this: &Self| drop(this.future.replace(Some(future.to_ref()))))
    }

    fn step(&self, py: Attached<'_>) -> PyResult<Step> {
        let Some(future) = self.future.get() else { return Ok(Step::Closed) };
        if future.state() == PENDING {
            if future.blocking.get() {
                return Err(raise!(py, RuntimeError, "await wasn't used with future"));
            }
            future.blocking.set(true);
            return Ok(Step::Wait(future));
        }
        Future::py_result(py, &future).map(Step::Result)
    }

    fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        match this.step(py)? {
            Step::Wait(future) => Ok(Some(future.upcast())),
            Step::Result(result) => Err(raise_stop(py, &result)),
            Step::Closed => Ok(None),
        }
    }

    fn send(py: Attached<'_>, this: &Self, _: &Object) -> PyResult<Ref<Object>> {
        match Self::next(py, this)? {
            Some(future) => Ok(future),
            None => Err(py.raise_value(exc::StopIteration(), &krait_object::none())),
        }
    }

    fn throw(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        let pos = args.unpack(py, "throw", 1, 3)?;
        if pos.len() > 1 {
            let text = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.";
            (hooks().warn)(py, exc::DeprecationWarning(), text, 1)?;
        }
        let given = |at: usize| pos.get(at).copied().filter(|arg| !arg.is_none());
        let traceback = given(2);
        if traceback.is_some_and(|traceback| traceback.downcast_exact::<Traceback>().is_none()) {
            return Err(raise!(py, TypeError, "throw() third argument must be a traceback"));
        }
        let class = pos[0].downcast::<Type>().filter(|class| class.is_subtype_of(exc::BaseException()));
        let exception = if let Some(class) = class {
            match given(1) {
                Some(value) => make_exception(py, class, value)?,
                None => class.as_object().call0(py)?.downcast::<BaseException>().map_err(|_| bad_exception(py))?,
            }
        } else if let Some(exception) = pos[0].downcast::<BaseException>() {
            if given(1).is_some() {
                return Err(raise!(py, TypeError, "instance exception may not have a separate value"));
            }
            exception.to_ref()
        } else {
            return Err(bad_exception(py));
        };
        if let Some(traceback) = traceback {
            exception.replace_traceback(Some(traceback.to_ref()));
        }
        drop(this.future.take());
        Err(raise_exception(py, exception))
    }
}

fn bad_exception(py: Attached<'_>) -> Raised {
    raise!(py, TypeError, "exceptions must be classes deriving BaseException or instances of such a class")
}
