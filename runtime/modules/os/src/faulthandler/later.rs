//! Tracebacks after a time, by a thread that only waits.
use super::{Opt, file_arg, keep, set_interpreter, shown_interpreter};
use crate::util::*;
use crate::vm;
use krait_object::{Attached, Object, PyResult, exc, raise};
use krait_vm::dump;
use std::ffi::c_int;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whether the thread should end, and what wakes it.
type Cancel = Arc<(Mutex<bool>, Condvar)>;

struct Watch {
    cancel: Cancel,
    thread: std::thread::JoinHandle<()>,
    /// The child of a fork has no such thread.
    process: u32,
}

static WATCH: Mutex<Option<Watch>> = Mutex::new(None);

fn stop(py: Attached<'_>) {
    let Some(watch) = WATCH.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    if watch.process != std::process::id() {
        std::mem::forget(watch);
        return;
    }
    *watch.cancel.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    watch.cancel.1.notify_all();
    let _ = vm::without(py, || watch.thread.join());
}

pub fn cancel(py: Attached<'_>, _: &Object) -> PyResult<()> {
    stop(py);
    keep(py, "later", None)
}

fn wait(cancel: &Cancel, timeout: Duration) -> bool {
    let end = Instant::now().checked_add(timeout);
    let mut cancelled = cancel.0.lock().unwrap_or_else(PoisonError::into_inner);
    while !*cancelled {
        let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return false;
        }
        cancelled = cancel.1.wait_timeout(cancelled, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    true
}

fn watch(cancel: &Cancel, timeout: Duration, repeat: bool, fd: c_int, exit: bool, header: &str) {
    // SAFETY: local variables. Signals are for the other threads.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
    while !wait(cancel, timeout) {
        dump::put(fd, header.as_bytes());
        // Somebody may be starting or ending a thread at the moment.
        for _ in 0..100 {
            match shown_interpreter() {
                Some(interpreter) if !dump::put_threads(fd, interpreter, std::ptr::null()) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                _ => break,
            }
        }
        if exit {
            // SAFETY: ends the process at once.
            unsafe { libc::_exit(1) };
        }
        if !repeat {
            return;
        }
    }
}

fn header(timeout: Duration) -> String {
    let (seconds, micros) = (timeout.as_secs(), timeout.subsec_micros());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match micros {
        0 => format!("Timeout ({hours}:{minutes:02}:{seconds:02})!\n"),
        _ => format!("Timeout ({hours}:{minutes:02}:{seconds:02}.{micros:06})!\n"),
    }
}

pub fn dump_traceback_later(py: Attached<'_>, _: &Object, args: [Opt<'_>; 4]) -> PyResult<()> {
    let [timeout, repeat, file, exit] = args;
    let nanos = krait_vm::timing::seconds_arg(py, need(py, timeout)?)?;
    let (repeat, exit) = (bool_or(py, repeat, false)?, bool_or(py, exit, false)?);
    // Rounded up to microseconds.
    let micros = (nanos + 999).div_euclid(1000);
    if micros <= 0 {
        return Err(raise!(py, ValueError, "timeout must be greater than 0"));
    }
    let Some(micros) = u64::try_from(micros).ok().filter(|micros| *micros <= i64::MAX as u64 / 1000) else {
        return Err(py.raise(exc::OverflowError(), "timeout value is too large"));
    };
    let timeout = Duration::from_micros(micros);
    let (fd, file) = file_arg(py, file)?;
    stop(py);
    set_interpreter(py);
    keep(py, "later", file)?;
    let cancel = Cancel::default();
    let (own, text) = (cancel.clone(), header(timeout));
    let thread = std::thread::Builder::new()
        .name("faulthandler".into())
        .spawn(move || watch(&own, timeout, repeat, fd, exit, &text))
        .map_err(|_| raise!(py, RuntimeError, "unable to start watchdog thread"))?;
    let new = Watch { cancel, thread, process: std::process::id() };
    *WATCH.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
    Ok(())
}
