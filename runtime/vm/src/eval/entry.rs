//! Ways into the evaluation loop from native code.
use super::{Eval, Home};
use crate::call;
use crate::frame::Frame;
use crate::stackref::StackRef;
use krait_object::layout::*;
use krait_object::{Attached, Code, Function, Layout, Object, PyResult, Raised, Ref, Tuple, raise};
use std::ptr::{NonNull, null, null_mut};

/// Counts a Python frame that is entered against the recursion limit.
#[inline(always)]
pub(crate) fn enter_recursive(py: Attached<'_>) -> PyResult<()> {
    let tstate = py.tstate();
    let left = tstate.py_recursion_remaining.get() - 1;
    tstate.py_recursion_remaining.set(left);
    if left < 0 { recursion_error(py) } else { Ok(()) }
}

/// The limit is reached: an error, unless the frames that handle that very error still have head room.
#[cold]
fn recursion_error(py: Attached<'_>) -> PyResult<()> {
    let tstate = py.tstate();
    if tstate.recursion_headroom.get() > 0 {
        if tstate.py_recursion_remaining.get() >= -50 {
            return Ok(());
        }
        tstate.py_recursion_remaining.set(tstate.py_recursion_remaining.get() + 1);
        crate::fatal("Cannot recover from Python stack overflow.");
    }
    tstate.recursion_headroom.set(tstate.recursion_headroom.get() + 1);
    let raised = raise!(py, RecursionError, "maximum recursion depth exceeded");
    tstate.recursion_headroom.set(tstate.recursion_headroom.get() - 1);
    tstate.py_recursion_remaining.set(tstate.py_recursion_remaining.get() + 1);
    Err(raised)
}

/// Runs a frame that has been pushed (and counted) to its end, or to its next `yield` if a generator owns it.
/// With `raise`, the pending exception is raised at its current instruction.
pub fn run_frame(py: Attached<'_>, frame: NonNull<_PyInterpreterFrame>, raise: bool) -> PyResult<Ref<Object>> {
    // SAFETY: the caller's frame is ready to run.
    let raw = unsafe { eval_frame(py, frame.as_ptr().cast(), raise) };
    // SAFETY: the loop returns an owned reference or null with an exception set.
    unsafe { Ref::from_raw_opt(raw) }.ok_or_else(Raised::assume)
}

/// # Safety
/// `frame` is a live frame on top of the thread's frames, ready to run.
#[inline(never)]
pub(crate) unsafe fn eval_frame(py: Attached<'_>, frame: *mut Frame, raise: bool) -> *mut PyObject {
    let tstate = py.tstate();
    let entry = _PyInterpreterFrame::EMPTY;
    entry.f_executable.set(StackRef::NULL.to_layout());
    entry.f_funcobj.set(StackRef::NULL.to_layout());
    entry.owner.set(FRAME_OWNED_BY_INTERPRETER);
    entry.previous.set(tstate.current_frame.get());
    entry.stackpointer.set((&raw const entry.localsplus).cast_mut().cast());
    // SAFETY: by the contract.
    unsafe { (*frame).0.previous.set((&raw const entry).cast_mut()) };
    tstate.current_frame.set(frame.cast());
    let overflow = crate::native_stack::check(py);
    let home = Home::new(py);
    let mut eval = Eval { home: &raw const home, ip: null(), sp: null_mut(), frame };
    // A suspended generator's current instruction is its YIELD_VALUE; anything else begins at its first one.
    // SAFETY: as above.
    let ahead = unsafe { (*frame).0.return_offset.get() } as isize;
    eval.load_frame(frame, ahead);
    let result = if raise || overflow.is_err() {
        if !eval.unwind_at_entry(raise) { null_mut() } else { eval.run() }
    } else {
        eval.run()
    };
    tstate.current_frame.set(entry.previous.get());
    result
}

/// `tp_vectorcall` of Python functions.
///
/// # Safety
/// [slot-contract]: the vectorcall convention, with a Python function.
pub unsafe extern "C" fn function_vectorcall(
    function: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let py = Attached::from_tls();
        let names = names.cast::<Tuple>().as_ref();
        let nargs = nargsf & (usize::MAX >> 1);
        let total = nargs + names.map_or(0, Tuple::len);
        // The caller keeps the arguments alive for the whole call.
        let mut small = [StackRef::NULL; 12];
        let mut large = Vec::new();
        let words: *const StackRef = if total <= small.len() {
            for (at, word) in small[..total].iter_mut().enumerate() {
                *word = StackRef::borrowed(*args.add(at));
            }
            small.as_ptr()
        } else {
            large.extend((0..total).map(|at| StackRef::borrowed(*args.add(at))));
            large.as_ptr()
        };
        let function = StackRef::borrowed(function).duplicate();
        match call_words(py, function, None, words, nargs, names) {
            Ok(result) => result.into_raw(),
            Err(_) => null_mut(),
        }
    }
}

/// Calls a Python function with argument words, which are taken over.
///
/// # Safety
/// As [`call::push_frame`].
pub(crate) unsafe fn call_words(
    py: Attached<'_>,
    function: StackRef,
    namespace: Option<Ref<Object>>,
    args: *const StackRef,
    nargs: usize,
    names: Option<&Tuple>,
) -> PyResult<Ref<Object>> {
    let previous = py.tstate().current_frame.get().cast();
    // SAFETY: by the contract.
    unsafe {
        let frame = call::push_frame(py, function, namespace, args, nargs, names, previous)?;
        if let Err(raised) = enter_recursive(py) {
            crate::frameobject::discard_frame(py, frame);
            return Err(raised);
        }
        let raw = super::foreign::run(py, frame, false);
        Ref::from_raw_opt(raw).ok_or_else(Raised::assume)
    }
}

/// Runs code in a namespace: a module, a class body, `exec`.
///
/// `locals` is the namespace (globals when `None`); `closure` must have as many cells as the code has free variables.
pub fn eval_code(
    py: Attached<'_>,
    code: &Code,
    globals: &Object,
    locals: Option<&Object>,
    closure: Option<&Tuple>,
) -> PyResult<Ref<Object>> {
    let free = code.raw().co_nfreevars.get() as usize;
    let cells = closure.map_or(0, Tuple::len);
    if free != cells {
        return Err(raise!(py, TypeError, "code object requires a closure of exactly length {free}"));
    }
    let function = Function::new(py, code, globals, None)?;
    drop(function.closure_slot().replace(closure.map(Layout::to_ref)));
    let namespace = locals.unwrap_or(globals).to_ref();
    // SAFETY: a Python function and no arguments.
    unsafe { call_words(py, StackRef::owned(function), Some(namespace), null(), 0, None) }
}
