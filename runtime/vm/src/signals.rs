//! Signals: the C handler only notes the number and sets a bit; the main thread runs the Python handler between two
//! instructions.
use crate::interp::{Interpreter, current, native_thread_id};
use krait_object::{Attached, Int, Object, PyResult, Ref, Slot};
use krait_sync::breaker::SIGNALS_PENDING;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// One more than the largest signal number.
pub const COUNT: usize = 65;

/// Which signals arrived, for the process: a handler can reach nothing else.
static ARRIVED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
static ANY: AtomicBool = AtomicBool::new(false);
/// File descriptor that gets a byte per signal (`signal.set_wakeup_fd`), or -1.
pub static WAKEUP_FD: AtomicI32 = AtomicI32::new(-1);

/// The Python handlers of an interpreter.
pub struct Signals {
    pub handlers: [Slot; COUNT],
}

impl Signals {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Signals { handlers: [const { Slot::NULL }; COUNT] }
    }
}

/// Signals that [`note`] sent on to the main thread, which wake it and mean nothing else.
static NUDGED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
/// The kernel's identifier of the main thread, or 0.
static MAIN_TID: AtomicI32 = AtomicI32::new(0);

/// The C handler of every signal that has a Python handler.
///
/// The kernel may choose any thread for a signal to the process. When that is not the main one, which may sleep, the
/// signal is sent on to it: its wait ends early, and it runs the Python handler.
pub extern "C" fn note(signal: i32) {
    keeping_errno(|| {
        let (main, me) = (MAIN_TID.load(Ordering::Acquire), native_thread_id() as i32);
        let nudged = NUDGED.get(signal as usize);
        if me != main || !nudged.is_some_and(|nudged| nudged.swap(false, Ordering::AcqRel)) {
            trip(signal);
        }
        if main != 0
            && me != main
            && let Some(nudged) = nudged
        {
            nudged.store(true, Ordering::Release);
            // SAFETY: these calls are async-signal-safe, and a thread that is gone is an error only.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), main, signal) };
        }
    });
}

/// Runs `body` such that `errno` is afterwards what it was; async-signal-safe.
fn keeping_errno(body: impl FnOnce()) {
    // SAFETY: `errno` of this thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    body();
    // SAFETY: as above.
    unsafe { *errno = before };
}

/// Simulates the arrival of a signal (`PyErr_SetInterruptEx`); async-signal-safe.
pub fn trip(signal: i32) {
    if let Some(arrived) = ARRIVED.get(signal as usize) {
        arrived.store(true, Ordering::Relaxed);
        ANY.store(true, Ordering::Release);
    }
    let wakeup = WAKEUP_FD.load(Ordering::Relaxed);
    if wakeup >= 0 {
        let byte = signal as u8;
        keeping_errno(|| {
            // SAFETY: `write` is async-signal-safe, and the byte lives.
            unsafe { libc::write(wakeup, (&raw const byte).cast(), 1) };
        });
    }
    if let Some(breaker) = main_breaker() {
        breaker.set(SIGNALS_PENDING);
    }
}

/// Breaker of the main thread: kept apart because a signal handler may take no lock.
static MAIN_BREAKER: std::sync::atomic::AtomicPtr<krait_sync::breaker::Breaker> =
    std::sync::atomic::AtomicPtr::new(std::ptr::null_mut());

fn main_breaker() -> Option<&'static krait_sync::breaker::Breaker> {
    // SAFETY: set to the main thread's breaker, which lives until `set_main_thread(None)`.
    unsafe { MAIN_BREAKER.load(Ordering::Acquire).as_ref() }
}

/// Names the calling thread, with its breaker, as the one that serves signals; `None` at the end of the runtime.
pub fn set_main_thread(breaker: Option<&krait_sync::breaker::Breaker>) {
    let raw = breaker.map_or(std::ptr::null_mut(), |breaker| std::ptr::from_ref(breaker).cast_mut());
    MAIN_BREAKER.store(raw, Ordering::Release);
    crate::remote::set_main_thread(breaker);
    MAIN_TID.store(breaker.map_or(0, |_| native_thread_id() as i32), Ordering::Release);
}

/// In the child of a fork: signals that came to the parent are not the child's, and the calling thread serves new ones.
pub fn after_fork(breaker: &krait_sync::breaker::Breaker) {
    for arrived in ARRIVED.iter().chain(&NUDGED) {
        arrived.store(false, Ordering::Relaxed);
    }
    ANY.store(false, Ordering::Relaxed);
    set_main_thread(Some(breaker));
}

/// Sets a C handler. `SIG_DFL` and `SIG_IGN` are 0 and 1, as in C.
///
/// # Errors
/// The operating system's error number.
pub fn install(signal: i32, handler: libc::sighandler_t) -> Result<(), i32> {
    // SAFETY: the action is fully initialised; the handler is async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        libc::sigemptyset(&mut action.sa_mask);
        match libc::sigaction(signal, &action, std::ptr::null_mut()) {
            0 => Ok(()),
            _ => Err(*libc::__errno_location()),
        }
    }
}

/// The address of [`note`] as a handler.
pub fn noting() -> libc::sighandler_t {
    note as extern "C" fn(i32) as libc::sighandler_t
}

/// Takes back that a signal arrived; whether it had.
pub fn take(signal: i32) -> bool {
    ARRIVED.get(signal as usize).is_some_and(|arrived| arrived.swap(false, Ordering::AcqRel))
}

/// Changes the descriptor that gets a byte per signal; gives the old one.
pub fn set_wakeup_fd(fd: i32) -> i32 {
    WAKEUP_FD.swap(fd, Ordering::AcqRel)
}

/// Whether the calling thread may run handlers: the main thread of the main interpreter.
pub fn is_main_thread(py: Attached<'_>) -> bool {
    current(py).is_main() && crate::interp::RUNTIME.main_thread.load(Ordering::Relaxed) == crate::interp::thread_ident()
}

/// Runs the Python handlers of the signals that arrived (`PyErr_CheckSignals`).
///
/// # Errors
/// What the first failing handler raised; the remaining signals stay noted.
pub fn run_handlers(py: Attached<'_>) -> PyResult<()> {
    let breaker = krait_object::mode::breaker(py.tstate());
    if !is_main_thread(py) {
        breaker.clear(SIGNALS_PENDING);
        return Ok(());
    }
    breaker.clear(SIGNALS_PENDING);
    if !ANY.swap(false, Ordering::AcqRel) {
        return Ok(());
    }
    let interpreter: &Interpreter = current(py);
    for (number, arrived) in ARRIVED.iter().enumerate() {
        if !arrived.swap(false, Ordering::AcqRel) {
            continue;
        }
        let handler = interpreter.signals.handlers[number].get().filter(|handler| handler.is_callable());
        let Some(handler) = handler else {
            // The handler was taken away after the signal came.
            let message = format_args!("Signal {number} ignored due to race condition");
            let _raised = py.raise(krait_object::exc::OSError(), message);
            crate::sysmodule::report_unraisable(py, None, Some(&krait_object::none()));
            continue;
        };
        let frame = crate::frameobject::current(py)?.map(Ref::upcast);
        let result = Int::from_i64(py, number as i64).and_then(|number| {
            handler.call_pos(py, &[&number.upcast(), frame.as_deref().unwrap_or(&krait_object::none())])
        });
        if let Err(raised) = result {
            ANY.store(true, Ordering::Release);
            breaker.set(SIGNALS_PENDING);
            return Err(raised);
        }
    }
    Ok(())
}

/// Runs handlers if any signal arrived and this is the main thread; for long native loops.
pub fn check(py: Attached<'_>) -> PyResult<()> {
    if ANY.load(Ordering::Relaxed) && is_main_thread(py) { run_handlers(py) } else { Ok(()) }
}

/// At the end of the interpreter: signals have no Python handlers any more, and the system's default action.
pub fn finish(py: Attached<'_>) {
    for (number, slot) in current(py).signals.handlers.iter().enumerate() {
        if slot.take().is_some_and(|handler| handler.is_callable()) {
            let _ = install(number as i32, libc::SIG_DFL);
        }
    }
}

/// The present handler object of a signal.
pub fn handler(py: Attached<'_>, signal: usize) -> Option<Ref<Object>> {
    current(py).signals.handlers.get(signal)?.get()
}
