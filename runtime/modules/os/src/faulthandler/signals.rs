//! Handlers of signals that the user chose.
use super::{Opt, crash, dump_from_signal, file_arg, keep, set_interpreter};
use crate::util::*;
use krait_object::exceptions::raise_os_error;
use krait_object::{Attached, Object, PyResult, raise};
use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

struct User {
    enabled: AtomicBool,
    fd: AtomicI32,
    all_threads: AtomicBool,
    chain: AtomicBool,
    previous: UnsafeCell<MaybeUninit<libc::sigaction>>,
}

// SAFETY: `previous` is written before `enabled` is set, and read while it is set.
unsafe impl Sync for User {}

static SIGNALS: [User; krait_vm::signals::COUNT] = [const {
    User {
        enabled: AtomicBool::new(false),
        fd: AtomicI32::new(2),
        all_threads: AtomicBool::new(true),
        chain: AtomicBool::new(false),
        previous: UnsafeCell::new(MaybeUninit::uninit()),
    }
}; krait_vm::signals::COUNT];

/// Installs the handler; the old one goes to `previous` if it is given.
fn install(number: c_int, chain: bool, previous: Option<&User>) -> c_int {
    // SAFETY: the action is filled; the handler is made for this.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(c_int) as libc::sighandler_t;
        libc::sigemptyset(&raw mut action.sa_mask);
        // When the signal is passed on, it must come through while the handler runs; else system calls go on.
        action.sa_flags = libc::SA_ONSTACK | if chain { libc::SA_NODEFER } else { libc::SA_RESTART };
        let old = previous.map_or(std::ptr::null_mut(), |user| user.previous.get().cast());
        libc::sigaction(number, &raw const action, old)
    }
}

extern "C" fn on_signal(number: c_int) {
    let Some(user) = SIGNALS.get(number as usize).filter(|user| user.enabled.load(Ordering::Acquire)) else { return };
    // SAFETY: the calling thread's error number.
    let errno = unsafe { *libc::__errno_location() };
    dump_from_signal(user.fd.load(Ordering::Relaxed), user.all_threads.load(Ordering::Relaxed), false);
    if user.chain.load(Ordering::Relaxed) {
        // SAFETY: `previous` was filled when the handler was installed.
        unsafe {
            libc::sigaction(number, user.previous.get().cast(), std::ptr::null_mut());
            *libc::__errno_location() = errno;
            libc::raise(number);
        }
        install(number, true, None);
    }
    // SAFETY: the calling thread's error number.
    unsafe { *libc::__errno_location() = errno };
}

fn number_arg(py: Attached<'_>, number: &Object) -> PyResult<c_int> {
    let number = int_arg(py, number)?;
    if crash::is_fatal(number) {
        return Err(raise!(py, RuntimeError, "signal {number} cannot be registered, use enable() instead"));
    }
    if !(1..SIGNALS.len() as c_int).contains(&number) {
        return Err(raise!(py, ValueError, "signal number out of range"));
    }
    Ok(number)
}

pub fn register(py: Attached<'_>, _: &Object, args: [Opt<'_>; 4]) -> PyResult<()> {
    let [number, file, all_threads, chain] = args;
    let number = number_arg(py, need(py, number)?)?;
    let (fd, file) = file_arg(py, file)?;
    let (all_threads, chain) = (bool_or(py, all_threads, true)?, bool_or(py, chain, false)?);
    let user = &SIGNALS[number as usize];
    if !user.enabled.load(Ordering::Acquire) {
        crash::use_own_stack();
        if install(number, chain, Some(user)) != 0 {
            return Err(raise_os_error(py, errno()));
        }
    }
    user.fd.store(fd, Ordering::Relaxed);
    user.all_threads.store(all_threads, Ordering::Relaxed);
    user.chain.store(chain, Ordering::Relaxed);
    set_interpreter(py);
    keep(py, &format!("register.{number}"), file)?;
    user.enabled.store(true, Ordering::Release);
    Ok(())
}

pub fn unregister(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<bool> {
    let number = number_arg(py, number)?;
    let user = &SIGNALS[number as usize];
    if !user.enabled.swap(false, Ordering::AcqRel) {
        return Ok(false);
    }
    // SAFETY: `previous` was filled when the handler was installed.
    unsafe { libc::sigaction(number, user.previous.get().cast(), std::ptr::null_mut()) };
    keep(py, &format!("register.{number}"), None)?;
    Ok(true)
}
