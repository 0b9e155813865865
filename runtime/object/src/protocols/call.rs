//! Calling: `PyObject_Call*` and vectorcall.
//!
//! Every call ends in a vectorcall function when the callable has one (its address is in the object, at the type's
//! `tp_vectorcall_offset`), else in `tp_call` with a tuple and a dict made for it.
use crate::args::{Args, ArgsBuf, as_borrowed};
use crate::builtins::descrobject::WrapperDescr;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::ternaryfunc;
use crate::layout::{Field, Py_TPFLAGS_HAVE_VECTORCALL, Py_TPFLAGS_METHOD_DESCRIPTOR, PyObject, vectorcallfunc};
use crate::typeobject::slot_functions;
use crate::{Dict, Object, PyResult, Raised, Str, Tuple, exc, raise};
use std::ffi::c_int;
use std::ptr;

/// The bit of `nargsf` that lends the callee the slot before the arguments.
pub const ARGUMENTS_OFFSET: usize = 1 << 63;

/// Takes over what a C function returned: null means that the error indicator is set.
///
/// # Safety
/// `raw` is null or a strong reference given up by the caller.
#[inline(always)]
pub unsafe fn steal_result(py: Attached<'_>, raw: *mut PyObject) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    match unsafe { Ref::from_raw_opt(raw) } {
        Some(object) => Ok(object),
        None => Err(missing_error(py, None)),
    }
}

/// As [`steal_result`] for a call of `callable`, checked in both directions as `_Py_CheckFunctionResult` does.
///
/// # Safety
/// As [`steal_result`].
#[inline(always)]
pub unsafe fn steal_call_result(py: Attached<'_>, callable: &Object, raw: *mut PyObject) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    match unsafe { Ref::from_raw_opt(raw) } {
        Some(object) if py.tstate().current_exception.get().is_null() => Ok(object),
        Some(object) => Err(surplus_error(py, callable, object)),
        None => Err(missing_error(py, Some(callable))),
    }
}

#[cold]
fn missing_error(py: Attached<'_>, callable: Option<&Object>) -> Raised {
    if py.pending().is_some() {
        return Raised::assume();
    }
    match callable.map(|callable| callable.repr(py)) {
        Some(Ok(text)) => raise!(py, SystemError, "{text} returned NULL without setting an exception"),
        Some(Err(raised)) => raised,
        None => raise!(py, SystemError, "error return without exception set"),
    }
}

/// `SystemError` for a call that returned a result although an exception is set, which becomes its cause.
#[cold]
pub fn surplus_error(py: Attached<'_>, callable: &Object, result: Ref<Object>) -> Raised {
    let cause = py.take_raised();
    drop(result);
    let raised = match callable.repr(py) {
        Ok(text) => raise!(py, SystemError, "{text} returned a result with an exception set"),
        Err(raised) => raised,
    };
    if let (Some(cause), Some(error)) = (cause, py.pending()) {
        error.replace_cause(Some(cause.clone()));
        error.replace_context(Some(cause));
    }
    raised
}

/// `Err` for a true condition; the caller knows that the indicator is set then.
#[inline(always)]
pub fn error_if(condition: bool) -> PyResult<()> {
    if condition { Err(Raised::assume()) } else { Ok(()) }
}

/// `None` as a new reference, or the error that a negative C status stands for.
#[inline(always)]
pub fn none_or_error(status: c_int) -> PyResult<*mut PyObject> {
    error_if(status < 0)?;
    Ok(crate::none().into_raw())
}

/// The error that a negative C status stands for.
#[inline(always)]
pub fn check_status(py: Attached<'_>, status: c_int) -> PyResult<()> {
    if status >= 0 {
        return Ok(());
    }
    Err(missing_error(py, None))
}

impl Object {
    /// The callable's vectorcall function, if it has one.
    #[inline(always)]
    pub fn vectorcall_function(&self) -> Option<vectorcallfunc> {
        let ty = self.ty();
        if !ty.has_feature(Py_TPFLAGS_HAVE_VECTORCALL) {
            return None;
        }
        let offset = ty.as_type().tp_vectorcall_offset.get();
        // SAFETY: the flag promises a function pointer or null at the offset.
        unsafe { *self.as_ptr().cast::<u8>().offset(offset).cast::<Option<vectorcallfunc>>() }
    }

    /// Calls with the raw vectorcall convention.
    ///
    /// # Safety
    /// `args` points to the positional and keyword values that `nargsf` and `kwnames` (null or a tuple of `str`) count;
    /// with [`ARGUMENTS_OFFSET`] set, `args[-1]` may be changed during the call.
    #[inline]
    pub unsafe fn vectorcall(
        &self,
        py: Attached<'_>,
        args: *const *mut PyObject,
        nargsf: usize,
        kwnames: *mut PyObject,
    ) -> PyResult<Ref<Object>> {
        if let Some(function) = self.vectorcall_function() {
            // SAFETY: by the contract.
            return unsafe { steal_call_result(py, self, function(self.as_ptr(), args, nargsf, kwnames)) };
        }
        // SAFETY: by the contract.
        self.call_slot(py, unsafe { Args::from_vectorcall(args, nargsf & !ARGUMENTS_OFFSET, kwnames) })
    }

    /// Calls through `tp_call`.
    fn call_slot(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Object>> {
        let Some(slot) = self.ty().as_type().tp_call.get() else { return Err(self.not_callable(py)) };
        if ptr::fn_addr_eq(slot, slot_functions::slot_tp_call as ternaryfunc) {
            let _depth = py.enter_recursive(" while calling a Python object")?;
            return slot_functions::call_dunder_call(py, self, args);
        }
        if let Some(wrapper) = self.downcast_exact::<WrapperDescr>() {
            return WrapperDescr::call_args(py, wrapper, args);
        }
        if let Some(ty) = self.downcast::<crate::Type>()
            && ty.has_plain_call()
        {
            let _depth = py.enter_recursive(" while calling a Python object")?;
            return ty.construct(py, args);
        }
        let pos = args.pos_tuple(py)?;
        let kwargs = args.kw_dict(py)?;
        self.call_tuple_dict(py, &pos, kwargs.as_deref())
    }

    /// What was meant by calling a module that has a callable of its own name.
    fn callable_in_module(&self, py: Attached<'_>) -> Option<String> {
        self.downcast::<crate::Module>()?;
        let find = || -> PyResult<Option<String>> {
            let Some(name) = self.get_attr_opt(py, crate::id!(py, __name__))? else { return Ok(None) };
            let Some(name) = (*name).downcast::<crate::Str>() else { return Ok(None) };
            let Some(found) = self.get_attr_opt(py, name)? else { return Ok(None) };
            Ok(found.is_callable().then(|| format!("{name}.{name}(...)")))
        };
        find().unwrap_or_else(|raised| {
            raised.clear(py);
            None
        })
    }

    #[cold]
    fn not_callable(&self, py: Attached<'_>) -> Raised {
        if let Some(hint) = self.callable_in_module(py) {
            return raise!(py, TypeError, "'module' object is not callable. Did you mean: '{hint}'?");
        }
        raise!(py, TypeError, "'{}' object is not callable", self.ty().name())
    }

    /// Calls with a tuple and a dict (`PyObject_Call`): straight through `tp_call` when there is no vectorcall.
    pub fn call_with(&self, py: Attached<'_>, args: &Tuple, kwargs: Option<&Dict>) -> PyResult<Ref<Object>> {
        if self.vectorcall_function().is_some() {
            let buf = ArgsBuf::new(py, args, kwargs);
            return self.call(py, buf.args());
        }
        self.call_tuple_dict(py, args, kwargs)
    }

    /// Calls through the vectorcall function that the type has a place for, whatever its flags say
    /// (`PyVectorcall_Call`, which types have for `tp_call`).
    pub fn call_by_vector(&self, py: Attached<'_>, args: &Tuple, kwargs: Option<&Dict>) -> PyResult<Ref<Object>> {
        let offset = self.ty().as_type().tp_vectorcall_offset.get();
        let place = (offset > 0).then(|| self.as_ptr().wrapping_byte_offset(offset));
        // SAFETY: [layout]: objects of the type keep a function or null there.
        let function = place.and_then(|place| unsafe { (*place.cast::<Field<Option<vectorcallfunc>>>()).get() });
        let Some(function) = function else {
            return Err(raise!(py, TypeError, "'{}' object does not support vectorcall", self.ty().name()));
        };
        let buf = ArgsBuf::new(py, args, kwargs);
        self.call_function(py, function, buf.args())
    }

    fn call_tuple_dict(&self, py: Attached<'_>, args: &Tuple, kwargs: Option<&Dict>) -> PyResult<Ref<Object>> {
        let Some(call) = self.ty().as_type().tp_call.get() else { return Err(self.not_callable(py)) };
        let kwargs = kwargs.map_or(ptr::null_mut(), Layout::as_ptr);
        let _depth = py.enter_recursive(" while calling a Python object")?;
        // SAFETY: [slot-contract].
        unsafe { steal_call_result(py, self, call(self.as_ptr(), args.as_ptr(), kwargs)) }
    }

    pub fn call(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Object>> {
        match self.vectorcall_function() {
            Some(function) => self.call_function(py, function, args),
            None => self.call_slot(py, args),
        }
    }

    #[inline]
    fn call_function(&self, py: Attached<'_>, function: vectorcallfunc, args: Args<'_>) -> PyResult<Ref<Object>> {
        if args.names.is_empty() {
            // SAFETY: borrowed arguments, live for the call; `&Object` is a pointer.
            return unsafe {
                let raw = function(self.as_ptr(), args.pos.as_ptr().cast(), args.pos.len(), ptr::null_mut());
                steal_call_result(py, self, raw)
            };
        }
        let names = Tuple::from_slice(py, args.names)?;
        let adjacent = ptr::eq(args.pos.as_ptr_range().end, args.values.as_ptr()) && !args.pos.is_empty();
        let joined: Vec<&Object>;
        let all = if adjacent || args.pos.is_empty() {
            if args.pos.is_empty() { args.values.as_ptr() } else { args.pos.as_ptr() }
        } else {
            joined = args.pos.iter().chain(args.values).copied().collect();
            joined.as_ptr()
        };
        // SAFETY: as above; positional and keyword values stand in one array.
        unsafe {
            let raw = function(self.as_ptr(), all.cast(), args.pos.len(), names.as_ptr());
            steal_call_result(py, self, raw)
        }
    }

    /// Positional arguments only.
    #[inline]
    pub fn call_pos(&self, py: Attached<'_>, args: &[&Object]) -> PyResult<Ref<Object>> {
        self.call(py, Args::positional(args))
    }

    #[inline]
    pub fn call0(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        self.call_pos(py, &[])
    }

    /// `self.name(*args)` without making a bound method where possible.
    pub fn call_method(&self, py: Attached<'_>, name: &Str, args: &[&Object]) -> PyResult<Ref<Object>> {
        let (method, unbound) = self.get_method(py, name)?;
        if !unbound {
            return method.call_pos(py, args);
        }
        call_prepended(py, &method, self, Args::positional(args))
    }

    /// Loads `self.name` for a call: `true` when the function must get `self` as its first argument.
    pub fn get_method(&self, py: Attached<'_>, name: &Str) -> PyResult<(Ref<Object>, bool)> {
        crate::protocols::attributes::get_method(py, self, name)
    }

    /// Whether it has `tp_call`.
    pub fn is_callable(&self) -> bool {
        self.ty().as_type().tp_call.get().is_some()
    }
}

/// Calls `callable(first, *args)`.
pub fn call_prepended(py: Attached<'_>, callable: &Object, first: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    const SMALL: usize = 8;
    let total = 1 + args.len();
    let mut small = [first; SMALL];
    let mut large = Vec::new();
    let all: &mut [&Object] = if total <= SMALL {
        &mut small[..total]
    } else {
        large.resize(total, first);
        &mut large
    };
    for (slot, arg) in all[1..].iter_mut().zip(args.pos.iter().chain(args.values)) {
        *slot = arg;
    }
    let split = 1 + args.pos.len();
    callable.call(py, Args { pos: &all[..split], names: args.names, values: &all[split..] })
}

/// Whether the type's instances, found on a class, take the receiver as their first argument.
#[inline(always)]
pub fn is_method_descriptor(object: &Object) -> bool {
    object.ty().has_feature(Py_TPFLAGS_METHOD_DESCRIPTOR)
}

/// Counts one level of C recursion while it lives.
pub struct RecursionGuard<'py>(#[allow(dead_code)] Attached<'py>);

impl<'py> Attached<'py> {
    /// Checks that the native stack has room for another nested call of native code.
    ///
    /// # Errors
    /// `RecursionError` with `place` at the end of its text.
    #[inline]
    pub fn enter_recursive(self, place: &str) -> PyResult<RecursionGuard<'py>> {
        if crate::stack::is_low(self) {
            return Err(self.stack_overflow(place));
        }
        Ok(RecursionGuard(self))
    }

    #[cold]
    fn stack_overflow(self, place: &str) -> Raised {
        let headroom = &self.tstate().recursion_headroom;
        if headroom.get() > 0 {
            eprintln!("Fatal Python error: Cannot recover from stack overflow.");
            std::process::abort();
        }
        headroom.set(headroom.get() + 1);
        let raised = match crate::stack::used_kib() {
            Some(used) => self.raise(exc::RecursionError(), format_args!("Stack overflow (used {used} kB){place}")),
            None => self.raise(exc::RecursionError(), format_args!("Stack overflow{place}")),
        };
        headroom.set(headroom.get() - 1);
        raised
    }
}

/// Borrowed views of owned arguments, for [`Args::positional`].
#[inline(always)]
pub fn borrowed(refs: &[Ref<Object>]) -> &[&Object] {
    as_borrowed(refs)
}
