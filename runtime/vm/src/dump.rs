//! Tracebacks written to a descriptor without memory, locks or Python code, for signal handlers and fatal errors.
//!
//! Frames of threads that run are read without care for what those threads do meanwhile: the output may be wrong, and
//! in the worst case the reader crashes. It is used when the process is lost anyway, while the world is stopped, or
//! when the user asks for the state of a process that hangs.
use crate::frame::Frame;
use crate::interp::{Interpreter, RUNTIME, thread_ident};
use krait_object::layout::{FRAME_OWNED_BY_INTERPRETER, PyThreadState};
use krait_object::{Attached, Str};
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::Ordering;

/// More frames than this are not shown.
const MAX_FRAMES: usize = 100;
/// More threads than this are not shown.
const MAX_THREADS: usize = 100;
/// Longer names are cut.
const MAX_TEXT: usize = 500;

/// Writes all of `bytes`, as far as the descriptor takes them.
pub fn put(fd: c_int, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the slice is as long as stated; `write` is async-signal-safe.
        let done = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if done < 0 {
            // SAFETY: the calling thread's error number.
            if unsafe { *libc::__errno_location() } == libc::EINTR {
                continue;
            }
            return;
        }
        bytes = bytes.get(done as usize..).unwrap_or_default();
    }
}

/// A number in decimal.
pub fn put_decimal(fd: c_int, number: usize) {
    let (mut text, mut at, mut rest) = ([0u8; 20], 20, number);
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    put(fd, &text[at..]);
}

/// A number in hexadecimal with at least `width` digits.
pub fn put_hex(fd: c_int, number: usize, width: usize) {
    let (mut text, mut at, mut rest) = ([b'0'; 16], 16, number);
    while rest != 0 {
        at -= 1;
        text[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    put(fd, &text[at.min(16 - width.min(16))..]);
}

/// Text in ASCII with escapes, cut when it is long.
pub fn put_text(fd: c_int, text: &Str) {
    for point in text.code_points().take(MAX_TEXT) {
        match point {
            0x20..=0x7e => put(fd, &[point as u8]),
            0..=0xff => {
                put(fd, b"\\x");
                put_hex(fd, point as usize, 2);
            }
            0x100..=0xffff => {
                put(fd, b"\\u");
                put_hex(fd, point as usize, 4);
            }
            _ => {
                put(fd, b"\\U");
                put_hex(fd, point as usize, 8);
            }
        }
    }
    if text.len() > MAX_TEXT {
        put(fd, b"...");
    }
}

fn put_frame(fd: c_int, frame: &Frame) {
    let code = frame.code();
    put(fd, b"  File ");
    let text = |raw: *mut krait_object::layout::PyObject, fd| {
        // SAFETY: code objects hold strings here; see the module's remark on other threads.
        match unsafe { raw.cast::<Str>().as_ref() } {
            Some(text) => put_text(fd, text),
            None => put(fd, b"???"),
        }
    };
    put(fd, b"\"");
    text(code.raw().co_filename.get(), fd);
    put(fd, b"\", line ");
    match code.line_of(frame.lasti() as i32) {
        Some(line) if line >= 0 => put_decimal(fd, line as usize),
        _ => put(fd, b"???"),
    }
    put(fd, b" in ");
    text(code.raw().co_name.get(), fd);
    put(fd, b"\n");
}

/// The frames of one thread, the innermost first.
pub fn put_frames(fd: c_int, thread: &PyThreadState) {
    let mut raw: *mut Frame = thread.current_frame.get().cast();
    let mut shown = 0;
    // SAFETY: frames below a live frame are live; see the module's remark on other threads.
    while let Some(frame) = unsafe { raw.as_ref() } {
        raw = frame.previous();
        if frame.owner() >= FRAME_OWNED_BY_INTERPRETER {
            continue;
        }
        if shown == MAX_FRAMES {
            put(fd, b"  ...\n");
            return;
        }
        put_frame(fd, frame);
        shown += 1;
    }
    if shown == 0 {
        put(fd, b"  <no Python frame>\n");
    }
}

/// The traceback of one thread with its heading; `None` is a thread without a state.
pub fn put_stack(fd: c_int, thread: Option<&PyThreadState>) {
    put(fd, b"Stack (most recent call first):\n");
    match thread {
        Some(thread) => put_frames(fd, thread),
        None => put(fd, b"  <no Python frame>\n"),
    }
}

fn put_thread(fd: c_int, interpreter: &Interpreter, thread: &PyThreadState, current: *const PyThreadState) {
    let is_current = std::ptr::eq(thread, current);
    put(fd, if is_current { b"Current thread 0x" } else { b"Thread 0x" });
    put_hex(fd, thread.thread_id.get() as usize, 16);
    let mut name = [0u8; 32];
    // SAFETY: the listed thread runs; the buffer is as long as stated.
    let status = unsafe {
        libc::pthread_getname_np(thread.thread_id.get() as libc::pthread_t, name.as_mut_ptr().cast(), name.len())
    };
    if status == 0 && name[0] != 0 {
        put(fd, b" [");
        put(fd, name.split(|byte| *byte == 0).next().unwrap_or_default());
        put(fd, b"]");
    }
    put(fd, b" (most recent call first):\n");
    if is_current && interpreter.object.gc.is_collecting() {
        put(fd, b"  Garbage-collecting\n");
    }
    put_frames(fd, thread);
}

/// The tracebacks of an interpreter's threads, the newest first. Whether the list of threads could be read.
pub fn put_threads(fd: c_int, interpreter: &Interpreter, current: *const PyThreadState) -> bool {
    let mut shown = 0;
    interpreter.peek_threads(&mut |thread| {
        // A state that no operating-system thread uses yet.
        if thread.thread_id.get() == 0 || shown > MAX_THREADS {
            return;
        }
        if shown == MAX_THREADS {
            put(fd, b"...\n");
        } else {
            if shown > 0 {
                put(fd, b"\n");
            }
            put_thread(fd, interpreter, thread, current);
        }
        shown += 1;
    })
}

/// The state of the calling thread, attached or not; null when it has none or the list is being changed.
pub fn own_state(interpreter: &Interpreter) -> *const PyThreadState {
    let attached = Attached::current_raw();
    if !attached.is_null() {
        return attached;
    }
    let (own, mut found) = (thread_ident() as u64, std::ptr::null());
    interpreter.peek_threads(&mut |thread| {
        if thread.thread_id.get() == own {
            found = thread;
        }
    });
    found
}

unsafe extern "C" {
    fn backtrace(buffer: *mut *mut c_void, size: c_int) -> c_int;
}

const MAX_NATIVE: usize = 32;

/// Loads what `backtrace` loads at its first call, which a signal handler must not do.
pub fn prepare_native() {
    let mut buffer = [std::ptr::null_mut(); 1];
    // SAFETY: the buffer is as long as stated.
    unsafe { backtrace(buffer.as_mut_ptr(), 1) };
}

/// The native frames of the calling thread.
pub fn put_native_stack(fd: c_int) {
    put(fd, b"Current thread's C stack trace (most recent call first):\n");
    let mut frames = [std::ptr::null_mut(); MAX_NATIVE];
    // SAFETY: the buffer is as long as stated.
    let count = unsafe { backtrace(frames.as_mut_ptr(), MAX_NATIVE as c_int) }.max(0) as usize;
    for &frame in &frames[..count.min(MAX_NATIVE)] {
        // SAFETY: plain data, filled by the call; the strings belong to loaded files.
        unsafe {
            let mut facts: libc::Dl_info = std::mem::zeroed();
            let known = libc::dladdr(frame, &raw mut facts) != 0 && !facts.dli_fname.is_null();
            put(fd, b"  Binary file \"");
            put(fd, if known { CStr::from_ptr(facts.dli_fname).to_bytes() } else { b"<unknown>" });
            put(fd, b"\"");
            if known {
                put(fd, b", at ");
                let mut base = facts.dli_fbase.addr();
                if !facts.dli_sname.is_null() {
                    put(fd, CStr::from_ptr(facts.dli_sname).to_bytes());
                    base = facts.dli_saddr.addr();
                }
                put(fd, if frame.addr() >= base { b"+0x" } else { b"-0x" });
                put_hex(fd, frame.addr().abs_diff(base), 1);
            }
            put(fd, b" [0x");
            put_hex(fd, frame.addr(), 1);
            put(fd, b"]\n");
        }
    }
    if count == MAX_NATIVE {
        put(fd, b"  <truncated rest of calls>\n");
    }
}

/// What a fatal error shows of the state of the process.
pub fn put_fatal(message: &str) {
    const STDERR: c_int = 2;
    put(STDERR, b"Fatal Python error: ");
    put(STDERR, message.as_bytes());
    put(STDERR, b"\nPython runtime state: ");
    let Some(interpreter) = Interpreter::main() else {
        put(STDERR, b"uninitialized\n");
        return;
    };
    let finalizing = RUNTIME.finalizing.load(Ordering::Relaxed) || interpreter.finalizing.load(Ordering::Relaxed);
    put(STDERR, if finalizing { b"finalizing\n\n" } else { b"initialized\n\n" });
    let own = Attached::current_raw();
    if krait_object::FREE_THREADED {
        put(STDERR, b"Stack (most recent call first):\n");
        // SAFETY: the calling thread's own state.
        match unsafe { own.as_ref() } {
            Some(own) => put_frames(STDERR, own),
            None => put(STDERR, b"  <tstate is freed>\n"),
        }
    } else {
        put_threads(STDERR, interpreter, own);
    }
}
