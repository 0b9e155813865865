//! `faulthandler`: Python tracebacks when the process dies, hangs, or gets a signal.
//!
//! Signal handlers can reach statics only, so what they need is kept in atomics of the process. The files that the
//! tracebacks go to are kept alive by the interpreter's dict.
mod crash;
mod later;
mod signals;

use crate::util::*;
use crate::vm;
use krait_object::hooks::hooks;
use krait_object::{Attached, Dict, FREE_THREADED, Int, Layout, Module, Object, PyResult, Ref, functions, id, raise};
use krait_vm::dump;
use krait_vm::interp::{Interpreter, current};
use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

type Opt<'a> = Option<&'a Object>;

/// The interpreter whose threads are shown.
static INTERPRETER: AtomicPtr<Interpreter> = AtomicPtr::new(ptr::null_mut());

fn set_interpreter(py: Attached<'_>) {
    INTERPRETER.store(ptr::from_ref(current(py)).cast_mut(), Ordering::Release);
}

/// The interpreter whose threads are shown, unless it has ended.
fn shown_interpreter() -> Option<&'static Interpreter> {
    let raw = NonNull::new(INTERPRETER.load(Ordering::Acquire))?;
    let main = Interpreter::main()?;
    // SAFETY: the main interpreter is live; another one is shown only for as long as it is the main one.
    ptr::eq(raw.as_ptr(), main).then_some(main)
}

/// Writes tracebacks from a signal handler.
fn dump_from_signal(fd: c_int, all_threads: bool, is_fatal: bool) {
    let Some(interpreter) = shown_interpreter() else { return };
    let own = dump::own_state(interpreter);
    let mut all_threads = all_threads;
    if all_threads && is_fatal && FREE_THREADED {
        dump::put(fd, b"<Cannot show all threads while the GIL is disabled>\n");
        all_threads = false;
    }
    if all_threads && dump::put_threads(fd, interpreter, own) {
        return;
    }
    // SAFETY: the calling thread's own state.
    dump::put_stack(fd, unsafe { own.as_ref() });
}

/// Keeps `file` alive under `key`, or lets go of what was there.
fn keep(py: Attached<'_>, key: &str, file: Option<Ref<Object>>) -> PyResult<()> {
    let slot = &current(py).dict;
    let dict = match slot.get() {
        Some(dict) => dict,
        None => {
            let dict = Dict::new(py)?;
            drop(slot.replace(Some(dict.clone())));
            dict
        }
    };
    dict.set_str(py, &format!("faulthandler.{key}"), &file.unwrap_or_else(krait_object::none))
}

/// The descriptor that a `file` argument stands for, and the file to keep alive.
fn file_arg(py: Attached<'_>, file: Opt<'_>) -> PyResult<(c_int, Option<Ref<Object>>)> {
    let file = match given(file) {
        Some(file) => file.to_ref(),
        None => match krait_vm::sysmodule::get(py, "stderr") {
            None => return Err(raise!(py, RuntimeError, "unable to get sys.stderr")),
            Some(file) if file.is_none() => return Err(raise!(py, RuntimeError, "sys.stderr is None")),
            Some(file) => file,
        },
    };
    if (*file).downcast::<Int>().is_some() {
        let fd = int_arg(py, &file)?;
        if fd < 0 {
            return Err(raise!(py, ValueError, "file is not a valid file descriptor"));
        }
        return Ok((fd, None));
    }
    let fd = file.call_method(py, id!(py, fileno), &[])?;
    let fd = (*fd).downcast::<Int>().and_then(|fd| fd.to_i64()).and_then(|fd| c_int::try_from(fd).ok());
    let Some(fd) = fd.filter(|fd| *fd >= 0) else {
        return Err(raise!(py, RuntimeError, "file.fileno() is not a valid file descriptor"));
    };
    if let Err(raised) = file.call_method(py, id!(py, flush), &[]) {
        raised.clear(py);
    }
    Ok((fd, Some(file)))
}

fn dump_traceback(py: Attached<'_>, _: &Object, [file, all_threads]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, _file) = file_arg(py, file)?;
    if !bool_or(py, all_threads, true)? {
        dump::put_stack(fd, Some(py.tstate()));
        return vm::check_signals(py);
    }
    (hooks().stop_the_world)(py, &mut || {
        dump::put_threads(fd, current(py), py.tstate());
    });
    vm::check_signals(py)
}

fn dump_c_stack(py: Attached<'_>, _: &Object, [file]: [Opt<'_>; 1]) -> PyResult<()> {
    let (fd, _file) = file_arg(py, file)?;
    dump::put_native_stack(fd);
    vm::check_signals(py)
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "enable" => crash::enable, "($module, /, file=sys.stderr, all_threads=True)", "Has tracebacks written when the process dies.";
        noargs "disable" => crash::disable, "($module, /)", "Undoes enable(); whether it was in effect.";
        noargs "is_enabled" => crash::is_enabled, "($module, /)", "Whether enable() is in effect.";
        sig "dump_traceback" => dump_traceback, "($module, /, file=sys.stderr, all_threads=True)", "Writes tracebacks now.";
        sig "dump_c_stack" => dump_c_stack, "($module, /, file=sys.stderr)", "Writes the native stack now.";
        sig "dump_traceback_later" => later::dump_traceback_later, "($module, /, timeout, repeat=False, file=sys.stderr, exit=False)", "Writes tracebacks after some seconds.";
        noargs "cancel_dump_traceback_later" => later::cancel, "($module, /)", "Undoes dump_traceback_later().";
        sig "register" => signals::register, "($module, /, signum, file=sys.stderr, all_threads=True, chain=False)", "Has tracebacks written when a signal comes.";
        o "unregister" => signals::unregister, "($module, signum, /)", "Undoes register(); whether it was in effect.";
        noargs "_read_null" => crash::read_null, "($module, /)", "Reads where no memory is: the process dies.";
        sig "_sigsegv" => crash::sigsegv, "($module, release_gil=False, /)", "Sends SIGSEGV: the process dies.";
        noargs "_sigabrt" => crash::sigabrt, "($module, /)", "Sends SIGABRT: the process dies.";
        noargs "_sigfpe" => crash::sigfpe, "($module, /)", "Sends SIGFPE: the process dies.";
        noargs "_fatal_error_c_thread" => crash::fatal_error_c_thread, "($module, /)", "A fatal error in a native thread: the process dies.";
        noargs "_stack_overflow" => crash::stack_overflow, "($module, /)", "Uses up the native stack: the process dies.";
    })?;
    dump::prepare_native();
    Ok(())
}
