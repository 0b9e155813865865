//! Frames that a host's function evaluates (PEP 523).
//!
//! While an interpreter has such a function, calls are not inlined: each frame that is pushed, and each generator that
//! is resumed, is handed to the function, which runs it with the loop's own function or in its own way and gives back
//! the result. Without one, a call costs the load of a flag more.
use super::entry::eval_frame;
use super::{Eval, Step};
use crate::frame::Frame;
use crate::interp::{Interpreter, current};
use crate::stackref::StackRef;
use krait_object::layout::*;
use krait_object::{Attached, Object, Raised, Ref, raise};
use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A frame evaluation function: gets the thread state, the frame and whether the pending exception is raised in it.
pub type Evaluate = unsafe extern "C" fn(*mut PyThreadState, *mut _PyInterpreterFrame, c_int) -> *mut PyObject;

/// How many interpreters have a function.
static USERS: AtomicUsize = AtomicUsize::new(0);

/// Sets the interpreter's function; `None` for the loop's own.
pub fn set(interpreter: &Interpreter, function: Option<Evaluate>) {
    let had = interpreter.evaluate.get().is_some();
    interpreter.evaluate.set(function);
    match (had, function.is_some()) {
        (false, true) => USERS.fetch_add(1, Ordering::AcqRel),
        (true, false) => USERS.fetch_sub(1, Ordering::AcqRel),
        _ => 0,
    };
}

/// The interpreter's function, if it has one.
pub fn get(interpreter: &Interpreter) -> Option<Evaluate> {
    interpreter.evaluate.get()
}

/// Whether some interpreter has a function.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    USERS.load(Ordering::Relaxed) != 0
}

/// Runs a frame by the interpreter's function, or by the loop.
///
/// # Safety
/// As [`eval_frame`].
#[inline(always)]
pub(crate) unsafe fn run(py: Attached<'_>, frame: *mut Frame, raise: bool) -> *mut PyObject {
    // SAFETY: by the contract.
    unsafe { if is_on() { hand_over(py, frame, raise) } else { eval_frame(py, frame, raise) } }
}

#[cold]
unsafe fn hand_over(py: Attached<'_>, frame: *mut Frame, raise: bool) -> *mut PyObject {
    let Some(function) = get(current(py)) else {
        // SAFETY: by the caller's contract.
        return unsafe { eval_frame(py, frame, raise) };
    };
    let tstate = std::ptr::from_ref(py.tstate()).cast_mut();
    // SAFETY: the host's function; the frame is ready to run.
    let result = unsafe { function(tstate, frame.cast(), raise.into()) };
    if result.is_null() && py.pending().is_none() {
        let _raised = raise!(py, SystemError, "frame evaluation returned NULL without setting an exception");
    }
    result
}

impl Eval<'_> {
    /// Runs a frame that was pushed and counted by the host's function, and goes on with the result.
    #[cold]
    #[inline(never)]
    pub(super) fn start_foreign(&mut self, frame: *mut Frame) -> Step {
        // SAFETY: the frame was just pushed.
        let raw = unsafe { hand_over(self.py(), frame, false) };
        // SAFETY: a new reference, or null with an exception set.
        let Some(result) = (unsafe { Ref::<Object>::from_raw_opt(raw) }) else { return Err(Raised::assume().into()) };
        self.resume_caller(StackRef::owned(result))
    }
}
