//! `readline`: line editing, history and completion by the system's GNU Readline, opened when the module is first
//! imported (`docs/adr/0006-libraries-at-run-time.md`).
//!
//! The library has one state for the process, so one lock guards it. Reading a line happens in [`editor`] without the
//! lock, under the one of [`krait_vm::line_input`]; its callbacks attach the thread.
mod editor;
mod library;

use crate::util::*;
use editor::Hook;
use krait_object::exceptions::raise_os_error;
use krait_object::native::type_name;
use krait_object::{Attached, IntoObject, Layout, Module, Object, PyResult, Ref, Str, exc, functions, raise};
use library::{Entry, Library};
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

type Opt<'a> = Option<&'a Object>;

/// Guards the library's history and settings.
static LOCK: Mutex<()> = Mutex::new(());
/// How many lines files of history keep; negative for all.
static LENGTH: AtomicI32 = AtomicI32::new(-1);
/// Whether lines go into the history by themselves.
static AUTO_HISTORY: AtomicBool = AtomicBool::new(true);
/// The delimiters of words in memory that the library points to.
static DELIMITERS: Mutex<Option<CString>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, ()> {
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Text for the library, in the locale's encoding.
fn text_arg(py: Attached<'_>, object: &Object) -> PyResult<CString> {
    let Some(text) = object.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "bad argument type for built-in operation"));
    };
    let bytes = text.to_fs_bytes(py)?;
    CString::new(bytes).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

/// Text of the library; `None` for null.
///
/// # Safety
/// `text` is null or a C string.
unsafe fn text_object(py: Attached<'_>, text: *const c_char) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    unsafe { c_text(py, text) }
}

fn number(py: Attached<'_>, object: &Object) -> PyResult<c_int> {
    let value = object.as_i64(py)?;
    c_int::try_from(value).map_err(|_| raise!(py, OverflowError, "Python int too large to convert to C int"))
}

fn parse_and_bind(py: Attached<'_>, _: &Object, string: &Object) -> PyResult<()> {
    let text = text_arg(py, string)?;
    let _guard = lock();
    // The library writes into the line.
    let mut line = text.into_bytes_with_nul();
    // SAFETY: a C string of our own.
    unsafe { (Library::get().rl_parse_and_bind)(line.as_mut_ptr().cast()) };
    Ok(())
}

/// The path of a file argument and the pointer for it: null for the default.
fn file_arg(py: Attached<'_>, path: Opt<'_>) -> PyResult<Option<CString>> {
    given(path).map(|path| fs_bytes(py, path)).transpose()
}

fn pointer(path: &Option<CString>) -> *const c_char {
    path.as_ref().map_or(ptr::null(), |path| path.as_ptr())
}

fn done(py: Attached<'_>, error: c_int) -> PyResult<()> {
    if error == 0 { Ok(()) } else { Err(raise_os_error(py, error)) }
}

fn read_init_file(py: Attached<'_>, _: &Object, [path_object]: [Opt<'_>; 1]) -> PyResult<()> {
    let path = file_arg(py, path_object)?;
    if let Some(path) = given(path_object) {
        audit(py, Some(path), "r")?;
    }
    let _guard = lock();
    // SAFETY: null or a C string.
    done(py, unsafe { (Library::get().rl_read_init_file)(pointer(&path)) })
}

/// Tells about a file of history that is opened.
fn audit(py: Attached<'_>, path: Opt<'_>, mode: &str) -> PyResult<()> {
    let shown = match given(path) {
        Some(path) => path.to_ref(),
        None => object(py, "~/.history")?,
    };
    krait_vm::sysmodule::audit_event(py, "open", &[&shown, &*object(py, mode)?, &*object(py, 0)?])
}

fn read_history_file(py: Attached<'_>, _: &Object, [path]: [Opt<'_>; 1]) -> PyResult<()> {
    let file = file_arg(py, path)?;
    audit(py, path, "r")?;
    let _guard = lock();
    // SAFETY: null or a C string.
    done(py, unsafe { (Library::get().read_history)(pointer(&file)) })
}

/// Shortens a file to the length that was set.
fn truncate(file: &Option<CString>) {
    let length = LENGTH.load(Relaxed);
    if length >= 0 {
        // SAFETY: null or a C string.
        unsafe { (Library::get().history_truncate_file)(pointer(file), length) };
    }
}

fn write_history_file(py: Attached<'_>, _: &Object, [path]: [Opt<'_>; 1]) -> PyResult<()> {
    let file = file_arg(py, path)?;
    audit(py, path, "w")?;
    let _guard = lock();
    // SAFETY: null or a C string.
    let error = unsafe { (Library::get().write_history)(pointer(&file)) };
    if error == 0 {
        truncate(&file);
    }
    done(py, error)
}

fn append_history_file(py: Attached<'_>, _: &Object, [count, path]: [Opt<'_>; 2]) -> PyResult<()> {
    let count = number(py, need(py, count)?)?;
    if count < 0 {
        return Err(raise!(py, ValueError, "nelements must be non-negative"));
    }
    let file = file_arg(py, path)?;
    audit(py, path, "a")?;
    let _guard = lock();
    // SAFETY: null or a C string.
    let error = unsafe { (Library::get().append_history)(count, pointer(&file)) };
    if error == 0 {
        truncate(&file);
    }
    done(py, error)
}

fn set_history_length(py: Attached<'_>, _: &Object, length: &Object) -> PyResult<()> {
    LENGTH.store(number(py, length)?, Relaxed);
    Ok(())
}

fn set_auto_history(py: Attached<'_>, _: &Object, enabled: &Object) -> PyResult<()> {
    AUTO_HISTORY.store(enabled.is_true(py)?, Relaxed);
    Ok(())
}

/// How many lines the history has.
fn history_size() -> c_int {
    // SAFETY: a variable of the open library.
    unsafe { *Library::get().history_length }
}

/// A line of the history by its number from 1, borrowed until the history changes.
fn entry(number: c_int) -> *mut Entry {
    // SAFETY: any number will do.
    unsafe {
        let base = *Library::get().history_base;
        (Library::get().history_get)(number.wrapping_sub(1).wrapping_add(base))
    }
}

/// Frees a line that is no longer in the history. Its data is of nobody.
///
/// # Safety
/// The history gave it up.
unsafe fn free_entry(entry: *mut Entry) {
    // SAFETY: by the contract.
    unsafe { (Library::get().free_history_entry)(entry) };
}

fn position(py: Attached<'_>, object: &Object) -> PyResult<c_int> {
    let position = number(py, object)?;
    if position < 0 {
        return Err(raise!(py, ValueError, "History index cannot be negative"));
    }
    Ok(position)
}

fn remove_history_item(py: Attached<'_>, _: &Object, [place]: [Opt<'_>; 1]) -> PyResult<()> {
    let place = position(py, need(py, place)?)?;
    let _guard = lock();
    // SAFETY: any position will do; what is given up is freed.
    unsafe {
        let entry = (Library::get().remove_history)(place);
        if entry.is_null() {
            return Err(raise!(py, ValueError, "No history item at position {place}"));
        }
        free_entry(entry);
    }
    Ok(())
}

fn replace_history_item(py: Attached<'_>, _: &Object, [place, line]: [Opt<'_>; 2]) -> PyResult<()> {
    let (place, line) = (need(py, place)?, need(py, line)?);
    if line.downcast::<Str>().is_none() {
        return Err(raise!(py, TypeError, "replace_history_item() argument 2 must be str, not {}", type_name(line)));
    }
    let (place, line) = (position(py, place)?, text_arg(py, line)?);
    let _guard = lock();
    // SAFETY: a C string; what is given up is freed.
    unsafe {
        let old = (Library::get().replace_history_entry)(place, line.as_ptr(), ptr::null_mut());
        if old.is_null() {
            return Err(raise!(py, ValueError, "No history item at position {place}"));
        }
        free_entry(old);
    }
    Ok(())
}

fn add_history(py: Attached<'_>, _: &Object, string: &Object) -> PyResult<()> {
    let line = text_arg(py, string)?;
    let _guard = lock();
    // SAFETY: a C string.
    unsafe { (Library::get().add_history)(line.as_ptr()) };
    Ok(())
}

fn clear_history(_: Attached<'_>, _: &Object) {
    let _guard = lock();
    // SAFETY: no precondition.
    unsafe { (Library::get().clear_history)() };
}

fn get_history_item(py: Attached<'_>, _: &Object, [index]: [Opt<'_>; 1]) -> PyResult<Ref<Object>> {
    let index = number(py, need(py, index)?)?;
    let _guard = lock();
    // SAFETY: a live line while the lock is held; null is checked.
    unsafe {
        match entry(index).as_ref() {
            Some(entry) => text_object(py, entry.line),
            None => Ok(krait_object::none()),
        }
    }
}

fn line_buffer(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    let _guard = lock();
    // SAFETY: a variable of the open library, null or a C string.
    unsafe {
        let text = *Library::get().rl_line_buffer;
        if text.is_null() { object(py, "") } else { text_object(py, text) }
    }
}

fn insert_text(py: Attached<'_>, _: &Object, string: &Object) -> PyResult<()> {
    let text = text_arg(py, string)?;
    let _guard = lock();
    // SAFETY: a C string.
    unsafe { (Library::get().rl_insert_text)(text.as_ptr()) };
    Ok(())
}

fn redisplay(_: Attached<'_>, _: &Object) {
    let _guard = lock();
    // SAFETY: no precondition.
    unsafe { (Library::get().rl_redisplay)() };
}

fn completer_delims(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    let _guard = lock();
    // SAFETY: a variable of the open library, null or a C string.
    unsafe { text_object(py, *Library::get().rl_completer_word_break_characters) }
}

/// Gives the library delimiters, whose memory stays until the next ones come.
fn store_delimiters(text: CString) {
    let _guard = lock();
    let mut place = DELIMITERS.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: a variable of the open library; the text lives in `DELIMITERS`.
    unsafe { *Library::get().rl_completer_word_break_characters = text.as_ptr().cast_mut() };
    *place = Some(text);
}

fn set_completer_delims(py: Attached<'_>, _: &Object, string: &Object) -> PyResult<()> {
    store_delimiters(text_arg(py, string)?);
    Ok(())
}

fn completion_type(_: Attached<'_>, _: &Object) -> c_int {
    // SAFETY: a variable of the open library.
    unsafe { *Library::get().rl_completion_type }
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    let library = match Library::open() {
        Ok(library) => library,
        Err(text) => return Err(py.raise(exc::ImportError(), text)),
    };
    module.add_functions(
        py,
        functions! {
            o "parse_and_bind" => parse_and_bind, "($module, string, /)", "Executes a line as one of an init file.";
            o "insert_text" => insert_text, "($module, string, /)", "Inserts text at the cursor.";
            noargs "redisplay" => redisplay, "($module, /)", "Brings the screen up to date with the line.";
            noargs "get_line_buffer" => line_buffer, "($module, /)", "The line as it is now.";
            sig "read_init_file" => read_init_file, "($module, filename=None, /)", "Executes an init file; the last one by default.";
            sig "read_history_file" => read_history_file, "($module, filename=None, /)", "Adds the lines of a file to the history; ~/.history by default.";
            sig "write_history_file" => write_history_file, "($module, filename=None, /)", "Writes the history to a file; ~/.history by default.";
            sig "append_history_file" => append_history_file, "($module, nelements, filename=None, /)", "Adds the history's last lines to a file; ~/.history by default.";
            sig "get_history_item" => get_history_item, "($module, index, /)", "A line of the history, counted from 1.";
            noargs "get_current_history_length" => |_: Attached<'_>, _: &Object| history_size(), "($module, /)", "How many lines the history has.";
            o "set_history_length" => set_history_length, "($module, length, /)", "How many lines files of history keep; all if negative.";
            noargs "get_history_length" => |_: Attached<'_>, _: &Object| LENGTH.load(Relaxed), "($module, /)", "How many lines files of history keep.";
            o "set_auto_history" => set_auto_history, "($module, enabled, /)", "Whether lines go into the history by themselves.";
            o "add_history" => add_history, "($module, string, /)", "Adds a line to the history.";
            sig "remove_history_item" => remove_history_item, "($module, pos, /)", "Removes a line of the history, counted from 0.";
            sig "replace_history_item" => replace_history_item, "($module, pos, line, /)", "Replaces a line of the history, counted from 0.";
            noargs "clear_history" => clear_history, "($module, /)", "Empties the history.";
            sig "set_startup_hook" => |py: Attached<'_>, _: &Object, [function]: [Opt<'_>; 1]| Hook::Startup.set(py, function, "startup_hook"), "($module, function=None, /)", "Sets the function that is called before the first prompt.";
            sig "set_pre_input_hook" => |py: Attached<'_>, _: &Object, [function]: [Opt<'_>; 1]| Hook::PreInput.set(py, function, "pre_input_hook"), "($module, function=None, /)", "Sets the function that is called after the prompt, before input is read.";
            sig "set_completer" => |py: Attached<'_>, _: &Object, [function]: [Opt<'_>; 1]| Hook::Completer.set(py, function, "completer"), "($module, function=None, /)", "Sets the function that completes words: function(text, state) for state 0, 1, 2 ... until it returns no string.";
            noargs "get_completer" => |_: Attached<'_>, _: &Object| Hook::Completer.get(), "($module, /)", "The function that completes words.";
            noargs "get_completion_type" => completion_type, "($module, /)", "How the word is being completed.";
            noargs "get_begidx" => |_: Attached<'_>, _: &Object| editor::span().0, "($module, /)", "Where the word to complete begins.";
            noargs "get_endidx" => |_: Attached<'_>, _: &Object| editor::span().1, "($module, /)", "Where the word to complete ends.";
            o "set_completer_delims" => set_completer_delims, "($module, string, /)", "Sets the characters between words to complete.";
            noargs "get_completer_delims" => completer_delims, "($module, /)", "The characters between words to complete.";
            sig "set_completion_display_matches_hook" => |py: Attached<'_>, _: &Object, [function]: [Opt<'_>; 1]| Hook::Display.set(py, function, "completion_display_matches_hook"), "($module, function=None, /)", "Sets the function that shows what a word may become: function(substitution, matches, longest_match_length).";
        },
    )?;
    // SAFETY: variables of the open library.
    let (version, text) = unsafe { (*library.rl_readline_version, CStr::from_ptr(*library.rl_library_version)) };
    module.add(py, "_READLINE_VERSION", &*version.into_object(py)?)?;
    module.add(py, "_READLINE_RUNTIME_VERSION", &*version.into_object(py)?)?;
    module.add(py, "_READLINE_LIBRARY_VERSION", &*text.to_string_lossy().into_owned().into_object(py)?)?;
    module.add(py, "backend", &*"readline".into_object(py)?)?;
    editor::set_up();
    Ok(())
}
