//! Raising, catching, `with`.
use super::{Eval, Step, Stop};
use crate::stackref::StackRef;
use krait_object::layout::{_PyErr_StackItem, Py_TPFLAGS_BASE_EXC_SUBCLASS, PyThreadState};
use krait_object::{Attached, BaseException, Layout, Object, PyResult, Raised, Ref, Tuple, Type, exc, id, none, raise};

/// Whether an object is a class that derives from `BaseException`.
fn as_exception_class(object: &Object) -> Option<&Type> {
    object.downcast::<Type>().filter(|ty| ty.has_feature(Py_TPFLAGS_BASE_EXC_SUBCLASS))
}

/// The exception that the thread handles, innermost first, borrowed as a new reference.
pub fn handled_exception(py: Attached<'_>) -> Option<Ref<Object>> {
    handled_by(py.tstate())
}

/// As [`handled_exception`] for a thread that stands still, or the own one.
pub fn handled_by(thread: &PyThreadState) -> Option<Ref<Object>> {
    let mut item = thread.exc_info.get();
    // SAFETY: the chain consists of live items of this thread and its running generators.
    while let Some(at) = unsafe { item.as_ref() } {
        let value = at.exc_value.get();
        // SAFETY: the item owns its value.
        if let Some(value) = unsafe { value.cast::<Object>().as_ref() }
            && !value.is_none()
        {
            return Some(value.to_ref());
        }
        item = at.previous_item.get();
    }
    None
}

impl Eval<'_> {
    #[inline(always)]
    fn exc_info<'a>(&self) -> &'a _PyErr_StackItem {
        // SAFETY: the thread state always points to an item: its own or a running generator's.
        unsafe { &*self.py().tstate().exc_info.get() }
    }

    #[inline(always)]
    pub(super) fn PUSH_EXC_INFO(&mut self) -> Step {
        let exception = self.pop();
        let info = self.exc_info();
        let old = info.exc_value.get();
        // SAFETY: the item owned it.
        let old = unsafe { Ref::<Object>::from_raw_opt(old) };
        self.push_ref(old.unwrap_or_else(none));
        info.exc_value.set(exception.duplicate().as_ptr());
        self.push(exception);
        Ok(1)
    }

    #[inline(always)]
    pub(super) fn POP_EXCEPT(&mut self) -> Step {
        self.save();
        let info = self.exc_info();
        // SAFETY: the word is a value.
        let previous = unsafe { self.pop().into_ref() };
        self.frame().set_sp(self.sp);
        let previous = if previous.is_none() { std::ptr::null_mut() } else { previous.into_raw() };
        let old = info.exc_value.get();
        info.exc_value.set(previous);
        // SAFETY: the item owned it.
        if let Some(old) = unsafe { Ref::<Object>::from_raw_opt(old) } {
            self.close(StackRef::owned(old));
        }
        Ok(1)
    }

    #[cold]
    pub(super) fn RAISE_VARARGS(&mut self) -> Step {
        self.save();
        let py = self.py();
        let raised = match self.arg() {
            0 => match handled_exception(py) {
                Some(exception) => {
                    // SAFETY: only exceptions are handled.
                    let _raised = py.restore(unsafe { exception.cast_unchecked::<BaseException>() });
                    // The traceback names this frame already.
                    return if self.unwind_reraised() { Ok(0) } else { Err(self.left_loop()) };
                }
                None => raise!(py, RuntimeError, "No active exception to reraise"),
            },
            1 => raise_object(py, self.object(1), None),
            _ => raise_object(py, self.object(2), Some(self.object(1))),
        };
        Err(raised.into())
    }

    #[cold]
    pub(super) fn RERAISE(&mut self) -> Step {
        self.save();
        let arg = self.arg();
        // SAFETY: the word is the exception.
        let exception = unsafe { self.pop().into_ref() };
        self.frame().set_sp(self.sp);
        if arg != 0 {
            let unit = self.peek(arg);
            if !unit.is_int() {
                return Err(raise!(self.py(), SystemError, "bad bytecode: no position to reraise at").into());
            }
            self.frame().set_lasti(unit.to_int() as isize);
        }
        // SAFETY: as above.
        let _raised = self.py().restore(unsafe { exception.cast_unchecked::<BaseException>() });
        // The traceback keeps the line of the first raise.
        if self.unwind_reraised() { Ok(0) } else { Err(self.left_loop()) }
    }

    /// What a handler returns that unwound out of the loop.
    pub(super) fn left_loop(&mut self) -> Stop {
        self.home().result.set(std::ptr::null_mut());
        Stop::Exit
    }

    pub(super) fn CHECK_EXC_MATCH(&mut self) -> Step {
        self.save();
        let (py, class) = (self.py(), self.object(1));
        check_except_type(py, class)?;
        let matches = exception_matches(py, self.object(2), class)?;
        self.replace_word(1, super::arith::bool_word(matches));
        Ok(1)
    }

    /// `except*`: splits the group into what the clause takes and what is left.
    pub(super) fn CHECK_EG_MATCH(&mut self) -> Step {
        self.save();
        let (py, class, value) = (self.py(), self.object(1), self.object(2));
        check_except_star_type(py, class)?;
        let (rest, matched) = group_match(py, value, class)?;
        self.drop_many(2);
        let handled = (!matched.is_none()).then(|| matched.clone());
        self.push_ref(rest);
        self.push_ref(matched);
        if let Some(handled) = handled {
            let info = self.exc_info();
            let old = info.exc_value.get();
            info.exc_value.set(handled.into_raw());
            // SAFETY: the item owned it.
            drop(unsafe { Ref::<Object>::from_raw_opt(old) });
        }
        Ok(1)
    }

    /// Calls `__exit__(type, value, traceback)`: exit function, its receiver or null, lasti, previous, exception.
    pub(super) fn WITH_EXCEPT_START(&mut self) -> Step {
        self.save();
        let py = self.py();
        let value = self.object(1);
        let ty = value.ty().as_object().to_ref();
        let traceback = value.get_attr(py, id!(py, __traceback__))?;
        let exit = self.object(5);
        let receiver = self.peek(4);
        let result = if receiver.is_null() {
            exit.call_pos(py, &[&ty, value, &traceback])?
        } else {
            // SAFETY: not null.
            exit.call_pos(py, &[unsafe { receiver.object() }, &ty, value, &traceback])?
        };
        self.push_ref(result);
        Ok(1)
    }

    pub(super) fn CLEANUP_THROW(&mut self) -> Step {
        self.save();
        let py = self.py();
        let exception = self.object(1);
        if !exception.is_instance_of(exc::StopIteration()) {
            // SAFETY: only exceptions are thrown.
            let exception = unsafe { self.peek(1).to_ref().cast_unchecked::<BaseException>() };
            let _raised = py.restore(exception);
            return if self.unwind_reraised() { Ok(0) } else { Err(self.left_loop()) };
        }
        let value = crate::generator::stop_value(exception);
        self.drop_many(3);
        self.push_ref(none());
        self.push_ref(value);
        Ok(1)
    }
}

/// `raise exception from cause`.
fn raise_object(py: Attached<'_>, exception: &Object, cause: Option<&Object>) -> Raised {
    match make_exception(py, exception, cause) {
        Ok(exception) => {
            let ty = exception.as_object().ty();
            py.raise_value(ty, exception.as_object())
        }
        Err(raised) => raised,
    }
}

fn make_exception(py: Attached<'_>, exception: &Object, cause: Option<&Object>) -> PyResult<Ref<BaseException>> {
    let exception = if let Some(class) = as_exception_class(exception) {
        let made = class.as_object().call0(py)?;
        match made.downcast::<BaseException>() {
            Ok(made) => made,
            Err(other) => {
                let class = class.as_object().repr(py)?;
                let given = other.ty().as_object().repr(py)?;
                return Err(raise!(
                    py,
                    TypeError,
                    "calling {class} should have returned an instance of BaseException, not {given}"
                ));
            }
        }
    } else {
        match exception.downcast::<BaseException>() {
            Some(exception) => exception.to_ref(),
            None => return Err(raise!(py, TypeError, "exceptions must derive from BaseException")),
        }
    };
    let Some(cause) = cause else { return Ok(exception) };
    let cause = if let Some(class) = as_exception_class(cause) {
        let made = class.as_object().call0(py)?;
        if made.as_object().downcast::<BaseException>().is_none() {
            let class = class.as_object().repr(py)?;
            let given = made.ty().as_object().repr(py)?;
            return Err(raise!(
                py,
                TypeError,
                "calling {class} should have returned an instance of BaseException, not {given}"
            ));
        }
        made
    } else if cause.downcast::<BaseException>().is_some() || cause.is_none() {
        cause.to_ref()
    } else {
        return Err(raise!(py, TypeError, "exception causes must derive from BaseException"));
    };
    exception.as_object().set_attr(py, id!(py, __cause__), Some(&cause))?;
    Ok(exception)
}

const CANNOT_CATCH: &str = "catching classes that do not inherit from BaseException is not allowed";

fn check_except_type(py: Attached<'_>, class: &Object) -> PyResult<()> {
    let fine = match class.downcast::<Tuple>() {
        Some(classes) => classes.as_slice().iter().all(|class| as_exception_class(class).is_some()),
        None => as_exception_class(class).is_some(),
    };
    if fine { Ok(()) } else { Err(raise!(py, TypeError, "{CANNOT_CATCH}")) }
}

fn check_except_star_type(py: Attached<'_>, class: &Object) -> PyResult<()> {
    check_except_type(py, class)?;
    let group = exc::BaseExceptionGroup();
    let is_group = |class: &Object| as_exception_class(class).is_some_and(|class| class.is_subtype_of(group));
    let bad = match class.downcast::<Tuple>() {
        Some(classes) => classes.as_slice().iter().any(|class| is_group(class)),
        None => is_group(class),
    };
    if bad {
        return Err(raise!(py, TypeError, "catching ExceptionGroup with except* is not allowed. Use except instead."));
    }
    Ok(())
}

/// Whether an exception (or class) is caught by a class or tuple of classes.
pub(crate) fn exception_matches(py: Attached<'_>, exception: &Object, class: &Object) -> PyResult<bool> {
    let _ = py;
    if let Some(classes) = class.downcast::<Tuple>() {
        for class in classes.as_slice() {
            if exception_matches(py, exception, class)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let ty = as_exception_class(exception).unwrap_or(exception.ty());
    Ok(class.downcast::<Type>().is_some_and(|class| ty.is_subtype_of(class)))
}

/// The unmatched and the matched part of an exception for an `except*` clause, `None` for nothing.
fn group_match(py: Attached<'_>, value: &Object, class: &Object) -> PyResult<(Ref<Object>, Ref<Object>)> {
    if value.is_none() {
        return Ok((none(), none()));
    }
    if exception_matches(py, value, class)? {
        if value.is_instance_of(exc::BaseExceptionGroup()) {
            return Ok((none(), value.to_ref()));
        }
        // A naked exception is caught as a group of one.
        let items = Tuple::from_slice(py, &[value])?;
        let text = krait_object::Str::new(py, "")?;
        let group = exc::ExceptionGroup().as_object().call_pos(py, &[text.as_object(), items.as_object()])?;
        crate::traceback::attach_current(py, &group)?;
        return Ok((none(), group));
    }
    if value.is_instance_of(exc::BaseExceptionGroup()) {
        let pair = value.call_method(py, id!(py, split), &[class])?;
        let Some(pair) = pair.as_object().downcast::<Tuple>() else {
            let (name, given) = (value.ty().name().into_owned(), pair.ty().name());
            return Err(raise!(py, TypeError, "{name}.split must return a tuple, not {given}"));
        };
        if pair.len() < 2 {
            let (name, len) = (value.ty().name(), pair.len());
            return Err(raise!(py, TypeError, "{name}.split must return a 2-tuple, got tuple of size {len}"));
        }
        return Ok((pair.as_slice()[1].to_ref(), pair.as_slice()[0].to_ref()));
    }
    Ok((value.to_ref(), none()))
}
