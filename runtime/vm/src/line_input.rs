//! Lines from a terminal: what `input` and the interactive interpreter read by, with the hooks through which a line
//! editor takes part (`PyOS_Readline`).
use crate::interp::{with_attached, without};
use crate::signals;
use krait_object::layout::Field;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Str, Tuple, codecs, id, raise};
use libc::FILE;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::OnceLock;

/// What is called while a line is awaited.
pub type Hook = unsafe extern "C" fn() -> c_int;
/// A line editor: called without an attached thread, with the streams and the prompt. It returns the line with its end
/// in memory of `PyMem_RawMalloc`: empty at the end of the input, null after an interrupt.
pub type ReadLine = unsafe extern "C" fn(*mut FILE, *mut FILE, *const c_char) -> *mut c_char;

/// Called while the interpreter waits for a line.
#[unsafe(no_mangle)]
pub static PyOS_InputHook: Field<Option<Hook>> = Field::new(None);
/// The line editor, if there is one.
#[unsafe(no_mangle)]
pub static PyOS_ReadlineFunctionPointer: Field<Option<ReadLine>> = Field::new(None);

unsafe extern "C" {
    #[cfg_attr(target_os = "macos", link_name = "__stdinp")]
    static stdin: *mut FILE;
    #[cfg_attr(target_os = "macos", link_name = "__stdoutp")]
    static stdout: *mut FILE;
}

/// The functions behind `PyMem_RawMalloc` and `PyMem_RawFree`.
#[derive(Clone, Copy)]
pub struct RawMemory {
    pub alloc: unsafe extern "C" fn(usize) -> *mut c_void,
    pub free: unsafe extern "C" fn(*mut c_void),
}

static MEMORY: OnceLock<RawMemory> = OnceLock::new();

/// The C API tells where lines are allocated. Repeating it is harmless.
pub fn install_memory(memory: RawMemory) {
    let _ = MEMORY.set(memory);
}

/// The memory of lines; the C library's where there is no C API.
pub fn memory() -> RawMemory {
    unsafe extern "C" fn alloc(size: usize) -> *mut c_void {
        // SAFETY: no precondition.
        unsafe { libc::malloc(size.max(1)) }
    }
    unsafe extern "C" fn free(block: *mut c_void) {
        // SAFETY: by the caller's contract a block of `alloc`.
        unsafe { libc::free(block) }
    }
    MEMORY.get().copied().unwrap_or(RawMemory { alloc, free })
}

/// A line as C gets it, in memory of `PyMem_RawMalloc`; null without memory.
pub fn to_c(line: &[u8]) -> *mut c_char {
    // SAFETY: a fresh block with room for the line and its end.
    unsafe {
        let block = (memory().alloc)(line.len() + 1).cast::<u8>();
        if !block.is_null() {
            std::ptr::copy_nonoverlapping(line.as_ptr(), block, line.len());
            *block.add(line.len()) = 0;
        }
        block.cast()
    }
}

/// One thread at a time reads from the terminal.
static READING: std::sync::Mutex<()> = std::sync::Mutex::new(());

thread_local! {
    /// Whether this thread is reading: signal handlers and completion functions run meanwhile.
    static INSIDE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Reads a line with its end; empty at the end of the input, `None` after an interrupt (an exception may be set).
///
/// # Safety
/// `input` and `output` are open streams.
pub unsafe fn read_line(input: *mut FILE, output: *mut FILE, prompt: &CStr) -> Option<Vec<u8>> {
    let streams = (input as usize, output as usize);
    if INSIDE.replace(true) {
        return with_attached(|py| {
            let _raised = raise!(py, RuntimeError, "can't re-enter readline");
            None
        });
    }
    let read = || {
        let _guard = READING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (input, output) = (streams.0 as *mut FILE, streams.1 as *mut FILE);
        // SAFETY: by the contract.
        unsafe {
            let terminal = libc::isatty(libc::fileno(input)) != 0 && libc::isatty(libc::fileno(output)) != 0;
            let Some(editor) = PyOS_ReadlineFunctionPointer.get().filter(|_| terminal) else {
                return plain_line(input, output, prompt);
            };
            let line = editor(input, output, prompt.as_ptr());
            if line.is_null() {
                return None;
            }
            let copy = CStr::from_ptr(line).to_bytes().to_vec();
            (memory().free)(line.cast());
            Some(copy)
        }
    };
    let line = match Attached::try_from_tls() {
        Some(py) => without(py, read),
        None => read(),
    };
    INSIDE.set(false);
    line
}

/// Reads a line without an editor, detached.
///
/// # Safety
/// `input` and `output` are open streams.
unsafe fn plain_line(input: *mut FILE, output: *mut FILE, prompt: &CStr) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    // SAFETY: by the contract.
    unsafe {
        libc::fflush(output);
        eprint!("{}", prompt.to_string_lossy());
        if let Some(hook) = PyOS_InputHook.get() {
            hook();
        }
        while line.last() != Some(&b'\n') {
            match libc::fgetc(input) {
                libc::EOF if libc::feof(input) == 0 && interrupted() => {
                    libc::clearerr(input);
                    // Handlers of signals run now; what they raise ends the line.
                    if with_attached(|py| signals::check(py).is_err()) {
                        return None;
                    }
                }
                libc::EOF => {
                    libc::clearerr(input);
                    break;
                }
                byte => line.push(byte as u8),
            }
        }
    }
    Some(line)
}

fn interrupted() -> bool {
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR)
}

/// The exception for a line that was interrupted.
fn interrupt(py: Attached<'_>) -> krait_object::Raised {
    if let Some(exception) = py.take_raised() {
        return py.restore(exception);
    }
    match signals::check(py) {
        Err(raised) => raised,
        Ok(()) => py.raise_value(krait_object::exc::KeyboardInterrupt(), Tuple::empty(py).as_object()),
    }
}

/// Whether a Python stream is the terminal that C's stream with this descriptor is.
fn is_terminal(py: Attached<'_>, stream: &Object, descriptor: c_int) -> bool {
    let number = match stream.call_method(py, id!(py, fileno), &[]).and_then(|number| number.as_i64(py)) {
        Ok(number) => number,
        Err(raised) => {
            raised.clear(py);
            return false;
        }
    };
    // SAFETY: only asks about the descriptor.
    number == i64::from(descriptor) && unsafe { libc::isatty(descriptor) } != 0
}

/// How a stream encodes: encoding and error handler; `None` where it does not say.
fn coding(py: Attached<'_>, stream: &Object) -> PyResult<Option<(Ref<Str>, Ref<Str>)>> {
    let text = |name: &Str| -> PyResult<Option<Ref<Str>>> {
        Ok(stream.get_attr_opt(py, name)?.and_then(|value| value.downcast::<Str>().ok()))
    };
    Ok(text(id!(py, encoding))?.zip(text(id!(py, errors))?))
}

/// `input` at a terminal: reads a line through the editor. `None` when the streams are no terminal, so that the line
/// must come from `sys.stdin`.
///
/// # Errors
/// `EOFError`, `KeyboardInterrupt`, what encoding and decoding raise.
pub fn input(
    py: Attached<'_>,
    source: &Object,
    target: &Object,
    prompt: Option<&Object>,
) -> PyResult<Option<Ref<Str>>> {
    if !is_terminal(py, source, 0) || !is_terminal(py, target, 1) {
        return Ok(None);
    }
    let (Some((encoding, errors)), Some((shown_encoding, shown_errors))) = (coding(py, source)?, coding(py, target)?)
    else {
        return Ok(None);
    };
    let prompt = match prompt {
        None => CString::default(),
        Some(prompt) => {
            let text = prompt.str(py)?;
            let names = (shown_encoding.to_string_lossy(), shown_errors.to_string_lossy());
            let bytes = codecs::encode(py, &text, Some(&names.0), Some(&names.1))?;
            CString::new(bytes.as_slice())
                .map_err(|_| raise!(py, ValueError, "input: prompt string cannot contain null characters"))?
        }
    };
    // SAFETY: the C library's streams.
    let line = unsafe { read_line(stdin, stdout, &prompt) };
    let Some(line) = line else { return Err(interrupt(py)) };
    if line.is_empty() {
        return Err(py.raise_value(krait_object::exc::EOFError(), Tuple::empty(py).as_object()));
    }
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let (encoding, errors) = (encoding.to_string_lossy(), errors.to_string_lossy());
    Ok(Some(codecs::decode(py, line, Some(&encoding), Some(&errors))?))
}
