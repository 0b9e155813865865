//! `monitoring.h`: events that C code fires for functions of its own.
use krait_object::layout::{PyMonitoringState, PyObject};
use krait_object::{Layout, Object, PyResult, Ref};
use krait_vm::monitoring::{self, Event};
use std::ffi::c_int;

/// The state that C code keeps for one event of one function.
type State = *mut PyMonitoringState;

/// A function that fires an event with these arguments behind code and offset.
macro_rules! fire {
    ($($name:ident $event:ident($($arg:ident),*);)*) => {
        capi! {$(
            fn $name(py, state: State, code: &Object, offset: i32 $(, $arg: &Object)*) -> () {
                monitoring::fire_from_native(py, &*state, code, offset, Event::$event, None, &[$($arg),*])
            }
        )*}
    };
}

fire! {
    _PyMonitoring_FirePyStartEvent PyStart();
    _PyMonitoring_FirePyResumeEvent PyResume();
    _PyMonitoring_FirePyReturnEvent PyReturn(value);
    _PyMonitoring_FirePyYieldEvent PyYield(value);
    _PyMonitoring_FireJumpEvent Jump(target);
    _PyMonitoring_FireBranchEvent BranchRight(target);
    PyMonitoring_FireBranchEvent BranchRight(target);
    _PyMonitoring_FireBranchLeftEvent BranchLeft(target);
    _PyMonitoring_FireBranchRightEvent BranchRight(target);
    _PyMonitoring_FireCReturnEvent CReturn(value);
}

/// A function that fires an event about the pending exception.
macro_rules! fire_exception {
    ($($name:ident $event:ident;)*) => {
        capi! {$(
            fn $name(py, state: State, code: &Object, offset: i32) -> () {
                monitoring::fire_exception_from_native(py, &*state, code, offset, Event::$event)
            }
        )*}
    };
}

fire_exception! {
    _PyMonitoring_FirePyThrowEvent PyThrow;
    _PyMonitoring_FireRaiseEvent Raise;
    _PyMonitoring_FireReraiseEvent Reraise;
    _PyMonitoring_FireExceptionHandledEvent ExceptionHandled;
    _PyMonitoring_FireCRaiseEvent CRaise;
    _PyMonitoring_FirePyUnwindEvent PyUnwind;
}

capi! {
    fn _PyMonitoring_FireCallEvent(py, state: State, code: &Object, offset: i32, callable: &Object, first: Option<&Object>) -> () {
        let first = match first {
            Some(first) => first,
            None => monitoring::module::missing(py)?,
        };
        monitoring::fire_from_native(py, &*state, code, offset, Event::Call, None, &[callable, first])
    }
    fn _PyMonitoring_FireLineEvent(py, state: State, code: &Object, offset: i32, line: i32) -> () {
        monitoring::fire_from_native(py, &*state, code, offset, Event::Line, Some(line), &[])
    }
    fn _PyMonitoring_FireStopIterationEvent(py, state: State, code: &Object, offset: i32, value: *mut PyObject) -> () {
        let value = Ref::<Object>::from_borrowed_opt(value).unwrap_or_else(krait_object::none);
        let exception = krait_vm::generator::raise_stop(py, &value).take(py);
        monitoring::fire_from_native(py, &*state, code, offset, Event::StopIteration, None, &[exception.as_object()])
    }
    fn PyMonitoring_EnterScope(
        py, states: State, version: *mut u64, events: *const u8, length: isize,
    ) -> () {
        let length = usize::try_from(length).unwrap_or(0);
        let (states, events) = if length == 0 {
            (&[][..], &[][..])
        } else {
            (std::slice::from_raw_parts(states.cast_const(), length), std::slice::from_raw_parts(events, length))
        };
        monitoring::enter_scope(py, states, events, &mut *version);
        PyResult::Ok(())
    }
}

crate::capi_raw! {
    fn PyMonitoring_ExitScope() -> c_int { 0 }
}
