//! Reading a line through the library, and the Python functions that it calls meanwhile.
use super::library::Library;
use super::{AUTO_HISTORY, entry, history_size, store_delimiters};
use crate::util::{given, object};
use krait_object::{Attached, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Slot, Str, hooks, raise};
use krait_vm::interp::with_attached;
use krait_vm::line_input::{PyOS_InputHook, PyOS_ReadlineFunctionPointer, to_c};
use krait_vm::signals;
use libc::FILE;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Relaxed};

/// The functions that Python code may set.
#[derive(Clone, Copy)]
pub enum Hook {
    Startup,
    PreInput,
    Completer,
    Display,
}

/// The functions that are set, one for each [`Hook`]. The library has one state for the process.
static FUNCTIONS: [Slot; 4] = [const { Slot::NULL }; 4];
/// Where the word to complete begins and ends.
static SPAN: [AtomicI32; 2] = [const { AtomicI32::new(0) }; 2];
/// The line that was read, from the library's handler to the reader.
static LINE: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
/// How far reading has come.
static STATE: AtomicI32 = AtomicI32::new(WAITING);
const WAITING: c_int = 0;
const COMPLETE: c_int = 1;
const END: c_int = 2;

impl Hook {
    /// The function that is set.
    pub fn get(self) -> Option<Ref<Object>> {
        FUNCTIONS[self as usize].get()
    }

    /// Sets the function, or none.
    ///
    /// # Errors
    /// `TypeError` for what cannot be called.
    pub fn set(self, py: Attached<'_>, function: Option<&Object>, name: &str) -> PyResult<()> {
        let function = given(function);
        if function.is_some_and(|function| !function.is_callable()) {
            return Err(raise!(py, TypeError, "set_{name}(func): argument not callable"));
        }
        let old = FUNCTIONS[self as usize].replace(function.map(Object::to_ref));
        if let Hook::Display = self {
            let display = function.map(|_| show_matches as super::library::Display);
            // SAFETY: a variable of the open library.
            unsafe { *Library::get().rl_completion_display_matches_hook = display };
        }
        drop(old);
        Ok(())
    }
}

/// Where the word to complete begins and ends.
pub fn span() -> (c_int, c_int) {
    (SPAN[0].load(Relaxed), SPAN[1].load(Relaxed))
}

/// Reports what a hook raised, since nobody can catch it.
fn forget(py: Attached<'_>, _: Raised) {
    (hooks::hooks().unraisable)(py, None, None);
}

/// Calls a hook without arguments; its result is a number, 0 for `None`.
fn call_hook(hook: Hook) -> c_int {
    with_attached(|py| {
        let Some(function) = hook.get() else { return 0 };
        let result = function.call0(py).and_then(|result| if result.is_none() { Ok(0) } else { result.as_i64(py) });
        match result {
            Ok(number) => number as c_int,
            Err(raised) => {
                raised.clear(py);
                0
            }
        }
    })
}

unsafe extern "C" fn startup() -> c_int {
    call_hook(Hook::Startup)
}

unsafe extern "C" fn pre_input() -> c_int {
    call_hook(Hook::PreInput)
}

/// A string for the library, which frees it.
fn allocated(text: &CStr) -> *mut c_char {
    // SAFETY: a C string.
    unsafe { libc::strdup(text.as_ptr()) }
}

/// Asks the completer for one more word.
unsafe extern "C" fn next_match(text: *const c_char, state: c_int) -> *mut c_char {
    let ask = |py: Attached<'_>| -> PyResult<*mut c_char> {
        let Some(function) = Hook::Completer.get() else { return Ok(ptr::null_mut()) };
        // SAFETY: a C string of the library's.
        let text = Str::from_fs_bytes(py, unsafe { CStr::from_ptr(text) }.to_bytes())?;
        let word = function.call_pos(py, &[text.as_object(), &*state.into_object(py)?])?;
        let Some(word) = (*word).downcast::<Str>() else { return Ok(ptr::null_mut()) };
        match CString::new(word.to_fs_bytes(py)?) {
            Ok(word) => Ok(allocated(&word)),
            Err(_) => Ok(ptr::null_mut()),
        }
    };
    with_attached(|py| {
        // SAFETY: a variable of the open library.
        unsafe { *Library::get().rl_attempted_completion_over = 1 };
        ask(py).unwrap_or_else(|raised| {
            raised.clear(py);
            ptr::null_mut()
        })
    })
}

/// Completes a word with the completer, and with nothing else.
unsafe extern "C" fn complete(text: *const c_char, start: c_int, end: c_int) -> *mut *mut c_char {
    let library = Library::get();
    // SAFETY: variables and functions of the open library, with its own text. Python counts characters, not bytes.
    unsafe {
        *library.rl_completion_append_character = 0;
        *library.rl_completion_suppress_append = 0;
        let line = CStr::from_ptr(*library.rl_line_buffer).to_bytes();
        let count = |end: c_int| match line.get(..end.max(0) as usize).map(std::str::from_utf8) {
            Some(Ok(text)) => text.chars().count() as c_int,
            _ => end,
        };
        SPAN[0].store(count(start), Relaxed);
        SPAN[1].store(count(end), Relaxed);
        (library.rl_completion_matches)(text, next_match)
    }
}

/// Lets a Python function show the matches.
unsafe extern "C" fn show_matches(matches: *mut *mut c_char, count: c_int, longest: c_int) {
    let show = |py: Attached<'_>| -> PyResult<()> {
        let Some(function) = Hook::Display.get() else { return Ok(()) };
        // SAFETY: `count` C strings after the common beginning.
        let text = |at: usize| unsafe { Str::from_fs_bytes(py, CStr::from_ptr(*matches.add(at)).to_bytes()) };
        let found = List::new(py)?;
        for at in 1..=count as usize {
            found.push(py, text(at)?.upcast())?;
        }
        let arguments = [text(0)?.upcast(), found.upcast(), object(py, longest)?];
        function.call_pos(py, &[&arguments[0], &arguments[1], &arguments[2]]).map(drop)
    };
    with_attached(|py| {
        if let Err(raised) = show(py) {
            forget(py, raised);
        }
    })
}

/// Takes the line that is complete; null at the end of the input.
unsafe extern "C" fn take_line(line: *mut c_char) {
    LINE.store(line, Relaxed);
    STATE.store(if line.is_null() { END } else { COMPLETE }, Relaxed);
    // SAFETY: the reader installed the handler.
    unsafe { (Library::get().rl_callback_handler_remove)() };
}

/// Waits until there is input, or a signal arrives.
fn wait(descriptor: c_int) -> bool {
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    let hook = PyOS_InputHook.get();
    loop {
        // With a hook, the wait ends ten times a second for it.
        let timeout = if hook.is_some() { 100 } else { -1 };
        // SAFETY: one entry; the hook is a C function of the host's.
        match unsafe { libc::poll(&mut poll, 1, timeout) } {
            0 => {
                if let Some(hook) = hook {
                    // SAFETY: as above.
                    unsafe { hook() };
                }
            }
            result => return result > 0,
        }
    }
}

/// Gives up the line after a signal whose handler raised.
fn abandon() {
    let library = Library::get();
    // SAFETY: the reader installed the handler.
    unsafe {
        (library.rl_free_line_state)();
        if let Some(cleanup) = library.rl_callback_sigcleanup {
            cleanup();
        }
        (library.rl_cleanup_after_signal)();
        (library.rl_callback_handler_remove)();
    }
}

/// Reads a line: the C function of [`PyOS_ReadlineFunctionPointer`]. Detached.
unsafe extern "C" fn read_line(input: *mut FILE, output: *mut FILE, prompt: *const c_char) -> *mut c_char {
    let library = Library::get();
    // SAFETY: variables and functions of the open library; open streams and a C string by the contract of the reader.
    unsafe {
        *library.rl_instream = input;
        *library.rl_outstream = output;
        *library.rl_catch_signals = 0;
        STATE.store(WAITING, Relaxed);
        (library.rl_callback_handler_install)(prompt, take_line);
        while STATE.load(Relaxed) == WAITING {
            if wait(libc::fileno(input)) {
                (library.rl_callback_read_char)();
            } else if with_attached(|py| signals::check(py).is_ok()) {
                // The window may have changed its size.
                (library.rl_resize_terminal)();
            } else {
                abandon();
                return ptr::null_mut();
            }
        }
        if STATE.load(Relaxed) == END {
            return to_c(b"");
        }
        let raw = LINE.swap(ptr::null_mut(), Relaxed);
        let text = CStr::from_ptr(raw).to_owned();
        libc::free(raw.cast());
        remember(&text);
        let mut line = text.into_bytes();
        line.push(b'\n');
        to_c(&line)
    }
}

/// Adds a line to the history unless it is empty or the last one again.
fn remember(line: &CStr) {
    if line.is_empty() || !AUTO_HISTORY.load(Relaxed) {
        return;
    }
    let _guard = super::lock();
    // SAFETY: a live line while the lock is held; C strings.
    unsafe {
        let size = history_size();
        if size > 0
            && let Some(last) = entry(size).as_ref()
            && !last.line.is_null()
            && CStr::from_ptr(last.line) == line
        {
            return;
        }
        (Library::get().add_history)(line.as_ptr());
    }
}

/// Makes the library ready for Python, and Python read its lines from terminals by it.
pub fn set_up() {
    let library = Library::get();
    let escape = |key: u8| c_int::from(key);
    // SAFETY: variables and functions of the open library; constant C strings.
    unsafe {
        (library.using_history)();
        *library.rl_readline_name = c"python".as_ptr();
        (library.rl_bind_key)(escape(b'\t'), library.rl_insert);
        // The same function at Meta-Tab and Meta-Escape completes words.
        for binding in [c"\"\\M-\\t\": complete", c"\"\\M-\\e\": complete"] {
            let mut line = binding.to_bytes_with_nul().to_vec();
            (library.rl_parse_and_bind)(line.as_mut_ptr().cast());
        }
        *library.rl_startup_hook = Some(startup);
        *library.rl_pre_input_hook = Some(pre_input);
        *library.rl_attempted_completion_function = Some(complete);
        *library.rl_completion_append_character = 0;
        // What a terminal's start-up sends must not reach a pipe.
        if libc::isatty(libc::STDOUT_FILENO) == 0 {
            (library.rl_variable_bind)(c"enable-meta-key".as_ptr(), c"off".as_ptr());
        }
        store_delimiters(CString::from(DELIMITERS));
        (library.rl_variable_bind)(c"enable-bracketed-paste".as_ptr(), c"off".as_ptr());
        (library.rl_initialize)();
    }
    PyOS_ReadlineFunctionPointer.set(Some(read_line));
}

/// The characters between words: everything that is not part of a dotted name.
const DELIMITERS: &CStr = c" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?";
