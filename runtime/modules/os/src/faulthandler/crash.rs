//! Handlers of the signals that end a process, and functions that cause them.
use super::{Opt, dump_from_signal, file_arg, keep, set_interpreter};
use crate::util::*;
use crate::vm;
use krait_object::exceptions::raise_os_error;
use krait_object::{Attached, Layout, Object, PyResult, Str, raise};
use krait_vm::dump;
use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// A signal that ends the process, and what its handler was before.
struct Fatal {
    number: c_int,
    name: &'static str,
    enabled: AtomicBool,
    previous: UnsafeCell<MaybeUninit<libc::sigaction>>,
}

// SAFETY: `previous` is written before `enabled` is set, and read by whoever clears it.
unsafe impl Sync for Fatal {}

const fn fatal(number: c_int, name: &'static str) -> Fatal {
    Fatal { number, name, enabled: AtomicBool::new(false), previous: UnsafeCell::new(MaybeUninit::uninit()) }
}

/// SIGSEGV last, so that a fault in `enable` is still handled as before.
static SIGNALS: [Fatal; 5] = [
    fatal(libc::SIGBUS, "Bus error"),
    fatal(libc::SIGILL, "Illegal instruction"),
    fatal(libc::SIGFPE, "Floating-point exception"),
    fatal(libc::SIGABRT, "Aborted"),
    fatal(libc::SIGSEGV, "Segmentation fault"),
];

static ENABLED: AtomicBool = AtomicBool::new(false);
static FD: AtomicI32 = AtomicI32::new(2);
static ALL_THREADS: AtomicBool = AtomicBool::new(true);
/// A handler runs; a second fault in it writes nothing.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Whether the signal is one that only `enable` serves.
pub fn is_fatal(number: c_int) -> bool {
    SIGNALS.iter().any(|signal| signal.number == number)
}

/// Size of the stack that handlers run on: an overflow leaves none of the thread's own.
const STACK: usize = 128 << 10;

/// Gives the calling thread a stack for handlers, once.
pub fn use_own_stack() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Ordering::Relaxed) {
        return;
    }
    let memory = Box::leak(vec![0u8; STACK].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK };
    // SAFETY: the memory is never freed.
    unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
}

fn restore(signal: &Fatal) {
    if signal.enabled.swap(false, Ordering::AcqRel) {
        // SAFETY: it was filled when the handler was installed.
        unsafe { libc::sigaction(signal.number, signal.previous.get().cast(), std::ptr::null_mut()) };
    }
}

extern "C" fn on_fatal(number: c_int) {
    if !ENABLED.load(Ordering::Acquire) {
        return;
    }
    // SAFETY: the calling thread's error number.
    let errno = unsafe { *libc::__errno_location() };
    let fd = FD.load(Ordering::Relaxed);
    let Some(signal) = SIGNALS.iter().find(|signal| signal.number == number) else { return };
    restore(signal);
    if !RUNNING.swap(true, Ordering::AcqRel) {
        dump::put(fd, b"Fatal Python error: ");
        dump::put(fd, signal.name.as_bytes());
        dump::put(fd, b"\n\n");
        dump_from_signal(fd, ALL_THREADS.load(Ordering::Relaxed), true);
        dump::put(fd, b"\n");
        dump::put_native_stack(fd);
        put_extension_modules(fd);
    }
    // SAFETY: the calling thread's error number; then the signal goes to whoever had it before.
    unsafe {
        *libc::__errno_location() = errno;
        libc::raise(number);
        if matches!(number, libc::SIGSEGV | libc::SIGBUS) {
            // The handler of Rust's runtime only goes back to the default and returns.
            libc::signal(number, libc::SIG_DFL);
            libc::raise(number);
        }
    }
}

/// Names the native modules that are not part of the standard library.
fn put_extension_modules(fd: c_int) {
    let Some(py) = Attached::try_from_tls() else { return };
    let Some(modules) = krait_vm::interp::current(py).modules.get() else { return };
    let known = krait_vm::sysmodule::get(py, "stdlib_module_names");
    let native = krait_vm::import::builtin_names();
    let (mut at, mut count) = (0, 0);
    while let Some((name, module)) = modules.next(py, &mut at) {
        let Some(name) = (*name).downcast::<Str>() else { continue };
        let is_native = name.as_str().is_some_and(|name| native.binary_search(&name).is_ok()) || {
            let module = (*module).downcast::<krait_object::Module>();
            module.is_some_and(|module| !module.raw().md_def.get().is_null())
        };
        let is_known = known.as_ref().is_some_and(|known| match known.contains(py, name.as_object()) {
            Ok(found) => found,
            Err(raised) => {
                raised.clear(py);
                false
            }
        });
        if !is_native || is_known {
            continue;
        }
        dump::put(fd, if count == 0 { b"\nExtension modules: " } else { b", " });
        dump::put_text(fd, name);
        count += 1;
    }
    if count > 0 {
        dump::put(fd, b" (total: ");
        dump::put_decimal(fd, count);
        dump::put(fd, b")\n");
    }
}

fn install(py: Attached<'_>) -> PyResult<()> {
    if ENABLED.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    use_own_stack();
    for signal in &SIGNALS {
        // SAFETY: the action is filled; the handler is made for this.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_fatal as extern "C" fn(c_int) as libc::sighandler_t;
            libc::sigemptyset(&raw mut action.sa_mask);
            // Another signal of the kind may come from the handler; it must not wait.
            action.sa_flags = libc::SA_NODEFER | libc::SA_ONSTACK;
            if libc::sigaction(signal.number, &raw const action, signal.previous.get().cast()) != 0 {
                return Err(raise_os_error(py, errno()));
            }
        }
        signal.enabled.store(true, Ordering::Release);
    }
    Ok(())
}

pub fn enable(py: Attached<'_>, _: &Object, [file, all_threads]: [Opt<'_>; 2]) -> PyResult<()> {
    let (fd, file) = file_arg(py, file)?;
    let all_threads = bool_or(py, all_threads, true)?;
    FD.store(fd, Ordering::Relaxed);
    ALL_THREADS.store(all_threads, Ordering::Relaxed);
    set_interpreter(py);
    keep(py, "enable", file)?;
    install(py)
}

pub fn disable(py: Attached<'_>, _: &Object) -> PyResult<bool> {
    let was = ENABLED.swap(false, Ordering::AcqRel);
    if was {
        SIGNALS.iter().for_each(restore);
        keep(py, "enable", None)?;
    }
    Ok(was)
}

pub fn is_enabled(_: Attached<'_>, _: &Object) -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// No core dump for a death on purpose.
fn without_core() {
    // SAFETY: a local variable.
    unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        if libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) == 0 {
            limit.rlim_cur = 0;
            libc::setrlimit(libc::RLIMIT_CORE, &raw const limit);
        }
    }
}

fn send(number: c_int) {
    without_core();
    // SAFETY: no memory is involved.
    unsafe {
        libc::raise(number);
        // The first one may have met the handler of Rust's runtime, which goes back to the default and returns.
        libc::raise(number);
    }
}

pub fn read_null(_: Attached<'_>, _: &Object) -> u8 {
    without_core();
    let address = black_box(1usize);
    // SAFETY: none: the caller wants the process to die.
    unsafe { std::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

pub fn sigsegv(py: Attached<'_>, _: &Object, [release]: [Opt<'_>; 1]) -> PyResult<()> {
    if bool_or(py, release, false)? {
        vm::without(py, || send(libc::SIGSEGV));
    } else {
        send(libc::SIGSEGV);
    }
    Ok(())
}

pub fn sigabrt(_: Attached<'_>, _: &Object) {
    without_core();
    std::process::abort();
}

pub fn sigfpe(_: Attached<'_>, _: &Object) {
    send(libc::SIGFPE);
}

pub fn fatal_error_c_thread(py: Attached<'_>, _: &Object) -> PyResult<()> {
    without_core();
    let thread = std::thread::Builder::new()
        .spawn(|| krait_vm::fatal("faulthandler_fatal_error_thread: in new thread"))
        .map_err(|_| raise!(py, RuntimeError, "unable to start the thread"))?;
    let _ = vm::without(py, || thread.join());
    Ok(())
}

/// More than any stack has.
const MOST: usize = 512 << 20;

#[inline(never)]
fn descend(top: usize, depth: &mut usize) -> usize {
    let block = black_box([1u8; 4096]);
    *depth += 1;
    let here = block.as_ptr().addr();
    if top.abs_diff(here) > MOST {
        return top.abs_diff(here);
    }
    descend(top, depth) + usize::from(black_box(&block)[0]) - 1
}

pub fn stack_overflow(py: Attached<'_>, _: &Object) -> PyResult<()> {
    without_core();
    let (mark, mut depth) = (black_box(0u8), 0);
    let size = descend((&raw const mark).addr(), &mut depth);
    Err(raise!(
        py,
        RuntimeError,
        "unable to raise a stack overflow (allocated {size} bytes on the stack, {depth} recursive calls)"
    ))
}
