//! `_signal`: the native part of `signal`.
use crate::util::*;
use crate::{linux, objects, posix, vm};
use krait_object::exceptions::raise_os_error;
use krait_object::{
    Attached, Dict, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Set, Str, StructSeq, Tuple, exc, functions,
    id, raise,
};
use krait_vm::interp::current;
use krait_vm::signals;
use std::ffi::{CStr, c_int};
use std::sync::atomic::Ordering;

type Opt<'a> = Option<&'a Object>;

static SIGINFO: StructSeq = StructSeq::new(
    "signal.struct_siginfo",
    "Facts about a signal that came.",
    &[
        ("si_signo", "signal number"),
        ("si_code", "signal code"),
        ("si_errno", "errno associated with this signal"),
        ("si_pid", "sending process ID"),
        ("si_uid", "real user ID of sending process"),
        ("si_status", "exit value or signal"),
        ("si_band", "band event for SIGPOLL"),
    ],
);

fn number_arg(py: Attached<'_>, object: Opt<'_>) -> PyResult<c_int> {
    let number = int_arg(py, need(py, object)?)?;
    if !(1..signals::COUNT as c_int).contains(&number) {
        return Err(raise!(py, ValueError, "signal number out of range"));
    }
    Ok(number)
}

fn default_int_handler(py: Attached<'_>, _: &Object, _: [Opt<'_>; 2]) -> PyResult<()> {
    let empty = Tuple::empty(py);
    Err(py.raise_value(exc::KeyboardInterrupt(), empty.as_object()))
}

/// The handler that Python code sees for a signal nobody set through Python.
fn present(number: c_int) -> Option<libc::sighandler_t> {
    // SAFETY: asks only; the struct is filled by a successful call.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(number, std::ptr::null(), &raw mut action) == 0).then_some(action.sa_sigaction)
    }
}

fn signal(py: Attached<'_>, _: &Object, [number, handler]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let handler = need(py, handler)?;
    let signed = int_arg(py, need(py, number)?)?;
    if !signals::is_main_thread(py) {
        return Err(raise!(py, ValueError, "signal only works in main thread of the main interpreter"));
    }
    let number = number_arg(py, Some(&*signed.into_object(py)?))?;
    let special = handler.downcast::<Int>().and_then(|value| value.to_i64());
    let action = if handler.is_callable() {
        signals::noting()
    } else if special == Some(libc::SIG_IGN as i64) {
        libc::SIG_IGN
    } else if special == Some(libc::SIG_DFL as i64) {
        libc::SIG_DFL
    } else {
        return Err(raise!(
            py,
            TypeError,
            "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object"
        ));
    };
    vm::check_signals(py)?;
    signals::install(number, action).map_err(|errno| raise_os_error(py, errno))?;
    let slot = &current(py).signals.handlers[number as usize];
    let old = slot.replace(Some(match special.filter(|_| !handler.is_callable()) {
        Some(value) => Int::from_i64(py, value)?.upcast(),
        None => handler.to_ref(),
    }));
    Ok(old.unwrap_or_else(krait_object::none))
}

fn getsignal(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Option<Ref<Object>>> {
    let number = number_arg(py, Some(number))?;
    Ok(current(py).signals.handlers[number as usize].get())
}

fn strsignal(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Option<Ref<Object>>> {
    let number = number_arg(py, Some(number))?;
    // SAFETY: a C string of the C library, copied at once.
    unsafe {
        let text = libc::strsignal(number);
        if text.is_null() || CStr::from_ptr(text).to_bytes().starts_with(b"Unknown signal") {
            return Ok(None);
        }
        c_text(py, text).map(Some)
    }
}

fn raise_signal(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<()> {
    let number = int_arg(py, number)?;
    // SAFETY: no memory is involved.
    let result = vm::without(py, || unsafe { if libc::raise(number) == 0 { 0 } else { errno() } });
    if result != 0 {
        return Err(raise_os_error(py, result));
    }
    vm::check_signals(py)
}

fn alarm(py: Attached<'_>, _: &Object, seconds: &Object) -> PyResult<u32> {
    let seconds = int_arg(py, seconds)?;
    // SAFETY: no memory is involved.
    Ok(unsafe { libc::alarm(seconds as libc::c_uint) })
}

fn pause(py: Attached<'_>, _: &Object) -> PyResult<()> {
    // SAFETY: no memory is involved.
    vm::without(py, || unsafe { libc::pause() });
    vm::check_signals(py)
}

fn timer_error(py: Attached<'_>, errno: c_int) -> krait_object::Raised {
    fn build(py: Attached<'_>, errno: c_int) -> PyResult<krait_object::Raised> {
        let class = (krait_object::hooks::hooks().import)(py, "_signal")?.get_attr(py, id!(py, ItimerError))?;
        let args = tuple(py, objects!(py; errno, krait_object::exceptions::error_text(errno)))?;
        Ok(match (*class).downcast::<krait_object::Type>() {
            Some(class) => py.raise_value(class, args.as_object()),
            None => py.bad_internal_call(),
        })
    }
    build(py, errno).unwrap_or_else(|raised| raised)
}

fn timer_result(py: Attached<'_>, timer: &libc::itimerval) -> PyResult<Ref<Tuple>> {
    let seconds = |time: &libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    tuple(py, objects!(py; seconds(&timer.it_value), seconds(&timer.it_interval)))
}

fn timer_part(py: Attached<'_>, object: Opt<'_>) -> PyResult<libc::timeval> {
    let Some(object) = object else { return Ok(libc::timeval { tv_sec: 0, tv_usec: 0 }) };
    let micros = (krait_vm::timing::seconds_arg(py, object)? + 999).div_euclid(1000);
    Ok(libc::timeval { tv_sec: micros.div_euclid(1_000_000) as i64, tv_usec: micros.rem_euclid(1_000_000) as i64 })
}

unsafe extern "C" {
    fn setitimer(which: c_int, new: *const libc::itimerval, old: *mut libc::itimerval) -> c_int;
    fn getitimer(which: c_int, value: *mut libc::itimerval) -> c_int;
}

const NO_TIMER: libc::itimerval = libc::itimerval {
    it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
    it_value: libc::timeval { tv_sec: 0, tv_usec: 0 },
};

fn py_setitimer(py: Attached<'_>, _: &Object, [which, first, interval]: [Opt<'_>; 3]) -> PyResult<Ref<Tuple>> {
    let which = int_arg(py, need(py, which)?)?;
    let new = libc::itimerval { it_value: timer_part(py, first)?, it_interval: timer_part(py, interval)? };
    let mut old = NO_TIMER;
    // SAFETY: local variables.
    if unsafe { setitimer(which, &raw const new, &raw mut old) } != 0 {
        return Err(timer_error(py, errno()));
    }
    timer_result(py, &old)
}

fn py_getitimer(py: Attached<'_>, _: &Object, which: &Object) -> PyResult<Ref<Tuple>> {
    let which = int_arg(py, which)?;
    let mut value = NO_TIMER;
    // SAFETY: a local variable.
    if unsafe { getitimer(which, &raw mut value) } != 0 {
        return Err(timer_error(py, errno()));
    }
    timer_result(py, &value)
}

fn set_wakeup_fd(py: Attached<'_>, _: &Object, [fd, _warn]: [Opt<'_>; 2]) -> PyResult<c_int> {
    let fd = int_arg(py, need(py, fd)?)?;
    if !signals::is_main_thread(py) {
        return Err(raise!(py, ValueError, "set_wakeup_fd only works in main thread of the main interpreter"));
    }
    if fd != -1 {
        // SAFETY: no memory is involved.
        let flags = quick(py, || unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
        if flags & libc::O_NONBLOCK == 0 {
            return Err(raise!(py, ValueError, "the fd {fd} must be in non-blocking mode"));
        }
    }
    Ok(signals::WAKEUP_FD.swap(fd, Ordering::Relaxed))
}

fn siginterrupt(py: Attached<'_>, _: &Object, [number, flag]: [Opt<'_>; 2]) -> PyResult<()> {
    let number = number_arg(py, number)?;
    let flag = int_arg(py, need(py, flag)?)?;
    // SAFETY: changes one flag of the present action.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        quick(py, || libc::sigaction(number, std::ptr::null(), &raw mut action))?;
        if flag != 0 {
            action.sa_flags &= !libc::SA_RESTART;
        } else {
            action.sa_flags |= libc::SA_RESTART;
        }
        quick(py, || libc::sigaction(number, &raw const action, std::ptr::null_mut())).map(drop)
    }
}

fn set_result(py: Attached<'_>, set: &libc::sigset_t) -> PyResult<Ref<Object>> {
    let mut numbers = Vec::new();
    for number in 1..signals::COUNT as c_int {
        // SAFETY: an initialised set.
        if unsafe { libc::sigismember(set, number) } == 1 {
            numbers.push(number.into_object(py)?);
        }
    }
    let list = krait_object::List::from_vec(py, numbers)?;
    Set::type_object().as_object().call_pos(py, &[list.as_object()])
}

fn pthread_sigmask(py: Attached<'_>, _: &Object, [how, mask]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let how = int_arg(py, need(py, how)?)?;
    let mask = posix::signal_set(py, need(py, mask)?)?;
    let mut old = mask;
    // SAFETY: initialised sets.
    match unsafe { libc::pthread_sigmask(how, &raw const mask, &raw mut old) } {
        0 => {}
        errno => return Err(raise_os_error(py, errno)),
    }
    vm::check_signals(py)?;
    set_result(py, &old)
}

fn empty_set() -> libc::sigset_t {
    // SAFETY: plain data, initialised by the call.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        set
    }
}

fn sigpending(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    let mut set = empty_set();
    // SAFETY: a local variable.
    quick(py, || unsafe { libc::sigpending(&raw mut set) })?;
    set_result(py, &set)
}

fn sigwait(py: Attached<'_>, _: &Object, set: &Object) -> PyResult<c_int> {
    let set = posix::signal_set(py, set)?;
    let mut number = 0;
    // SAFETY: local variables.
    match vm::without(py, || unsafe { libc::sigwait(&raw const set, &raw mut number) }) {
        0 => Ok(number),
        errno => Err(raise_os_error(py, errno)),
    }
}

fn info_result(py: Attached<'_>, info: &libc::siginfo_t) -> PyResult<Ref<Tuple>> {
    // SAFETY: fields of a filled struct; those that the signal does not set are zero.
    unsafe {
        SIGINFO.make(
            py,
            objects!(
                py; info.si_signo, info.si_code, info.si_errno, info.si_pid(), id_object(py, info.si_uid())?,
                info.si_status(), 0
            ),
        )
    }
}

fn sigwaitinfo(py: Attached<'_>, _: &Object, set: &Object) -> PyResult<Ref<Tuple>> {
    let set = posix::signal_set(py, set)?;
    // SAFETY: plain data, filled by the call.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: local variables.
    sys(py, || unsafe { libc::sigwaitinfo(&raw const set, &raw mut info) })?;
    info_result(py, &info)
}

fn sigtimedwait(py: Attached<'_>, _: &Object, [set, timeout]: [Opt<'_>; 2]) -> PyResult<Option<Ref<Tuple>>> {
    let set = posix::signal_set(py, need(py, set)?)?;
    let timeout = krait_vm::timing::seconds_arg(py, need(py, timeout)?)?;
    if timeout < 0 {
        return Err(raise!(py, ValueError, "timeout must be non-negative"));
    }
    let end = std::time::Instant::now() + std::time::Duration::from_nanos(timeout as u64);
    // SAFETY: plain data, filled by the call.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        let left = end.saturating_duration_since(std::time::Instant::now());
        let spec = libc::timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        // SAFETY: local variables.
        match once(py, || unsafe { libc::sigtimedwait(&raw const set, &raw mut info, &raw const spec) }) {
            Ok(_) => return info_result(py, &info).map(Some),
            Err(libc::EAGAIN) => return Ok(None),
            Err(libc::EINTR) => vm::check_signals(py)?,
            Err(errno) => return Err(raise_os_error(py, errno)),
        }
    }
}

fn pthread_kill(py: Attached<'_>, _: &Object, [thread, number]: [Opt<'_>; 2]) -> PyResult<()> {
    let thread = need(py, thread)?.as_u64_mask(py)?;
    let number = int_arg(py, need(py, number)?)?;
    // SAFETY: the caller names a thread that runs, as the manual demands.
    match unsafe { libc::pthread_kill(thread as libc::pthread_t, number) } {
        0 => vm::check_signals(py),
        errno => Err(raise_os_error(py, errno)),
    }
}

fn pidfd_send_signal(py: Attached<'_>, _: &Object, args: [Opt<'_>; 4]) -> PyResult<()> {
    let [fd, number, info, flags] = args;
    let (fd, number) = (int_arg(py, need(py, fd)?)?, int_arg(py, need(py, number)?)?);
    let flags = int_or(py, flags, 0)?;
    if given(info).is_some() {
        return Err(raise!(py, TypeError, "siginfo must be None"));
    }
    // SAFETY: the info may be null.
    quick(py, || unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, fd, number, std::ptr::null::<libc::siginfo_t>(), flags)
    })
    .map(drop)
}

fn valid_signals(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    // SAFETY: plain data, initialised by the call.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        set
    };
    set_result(py, &set)
}

/// Fills the module, and takes over SIGINT in the main interpreter.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "default_int_handler" => default_int_handler, "($module, signalnum, frame, /)", "Raises KeyboardInterrupt.";
        sig "signal" => signal, "($module, signalnum, handler, /)", "Sets a signal's handler; returns the old one.";
        o "getsignal" => getsignal, "($module, signalnum, /)", "A signal's handler.";
        o "strsignal" => strsignal, "($module, signalnum, /)", "A signal's description.";
        o "raise_signal" => raise_signal, "($module, signalnum, /)", "Sends a signal to the process.";
        o "alarm" => alarm, "($module, seconds, /)", "Has SIGALRM sent after some seconds.";
        noargs "pause" => pause, "($module, /)", "Waits for a signal.";
        sig "setitimer" => py_setitimer, "($module, which, seconds, interval=0.0, /)", "Sets a timer; returns what it was.";
        o "getitimer" => py_getitimer, "($module, which, /)", "A timer's value.";
        sig "set_wakeup_fd" => set_wakeup_fd, "($module, fd, /, *, warn_on_full_buffer=True)", "Sets the descriptor that gets a byte per signal.";
        sig "siginterrupt" => siginterrupt, "($module, signalnum, flag, /)", "Whether a signal interrupts system calls.";
        sig "pthread_sigmask" => pthread_sigmask, "($module, how, mask, /)", "Changes the thread's blocked signals.";
        noargs "sigpending" => sigpending, "($module, /)", "The blocked signals that came.";
        o "sigwait" => sigwait, "($module, sigset, /)", "Waits for one of some signals.";
        o "sigwaitinfo" => sigwaitinfo, "($module, sigset, /)", "Waits for one of some signals; returns facts.";
        sig "sigtimedwait" => sigtimedwait, "($module, sigset, timeout, /)", "As sigwaitinfo(), for some time.";
        sig "pthread_kill" => pthread_kill, "($module, thread_id, signalnum, /)", "Sends a signal to a thread.";
        sig "pidfd_send_signal" => pidfd_send_signal, "($module, pidfd, signalnum, siginfo=None, flags=0, /)", "Sends a signal to a process by its descriptor.";
        noargs "valid_signals" => valid_signals, "($module, /)", "All signals there are.";
    })?;
    add_ints(py, module, linux::SIGNAL)?;
    module.add(py, "struct_siginfo", SIGINFO.ty(py)?.as_object())?;
    let dict = Dict::new(py)?;
    dict.set_str(py, "__module__", Str::new(py, "signal")?.as_object())?;
    let bases = Tuple::from_slice(py, &[exc::OSError().as_object()])?;
    let class = krait_object::Type::type_object()
        .as_object()
        .call_pos(py, &[Str::new(py, "ItimerError")?.as_object(), bases.as_object(), dict.as_object()])?;
    module.add(py, "ItimerError", &class)?;
    let interpreter = current(py);
    for number in 1..signals::COUNT {
        let slot = &interpreter.signals.handlers[number];
        if !slot.is_null() {
            continue;
        }
        let handler = match present(number as c_int) {
            Some(action) if action == libc::SIG_DFL => Some((libc::SIG_DFL as i64).into_object(py)?),
            Some(action) if action == libc::SIG_IGN => Some((libc::SIG_IGN as i64).into_object(py)?),
            _ => None,
        };
        drop(slot.replace(handler));
    }
    let interrupt = &interpreter.signals.handlers[libc::SIGINT as usize];
    let is_default = interrupt
        .get()
        .is_some_and(|handler| (*handler).downcast::<Int>().and_then(Int::to_i64) == Some(libc::SIG_DFL as i64));
    if interpreter.is_main() && interpreter.config.install_signal_handlers && is_default {
        let handler = module.as_object().get_attr(py, id!(py, default_int_handler))?;
        drop(interrupt.replace(Some(handler)));
        signals::install(libc::SIGINT, signals::noting()).map_err(|errno| raise_os_error(py, errno))?;
    }
    Ok(())
}
