//! `_curses`: full-screen programs in a terminal, by the system's ncurses.
//!
//! The library knows one screen and one terminal for the process, and is not made for several threads: [`LOCK`] lets
//! one call in at a time, but for those that wait for a key.
mod cells;
mod functions;
mod library;
mod numbers;
pub mod panel;
mod window;

use crate::objects;
use crate::util::{add_ints, add_table, int_arg, int_or, need, tuple};
use crate::vm;
use cells::narrow;
use krait_object::native::{Arg, add_type, new_exception};
use krait_object::structseq::StructSeq;
use krait_object::{
    Attached, Bytes, Int, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Str, Tuple, Type, exc, hooks, id,
    raise,
};
use libc::FILE;
use library::{Library, Mouse};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, OnceLock};
use window::Window;

/// Held while the library works.
pub static LOCK: Mutex<()> = Mutex::new(());
/// How far the library was set up: the terminal is known, the screen is open, colours are there.
static TERMINAL: AtomicBool = AtomicBool::new(false);
static SCREEN: AtomicBool = AtomicBool::new(false);
static COLOUR: AtomicBool = AtomicBool::new(false);

/// A call of the library, one at a time.
macro_rules! nc {
    ($name:ident($($arg:expr),*)) => {{
        let _one = $crate::curses::LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // SAFETY: by the library's manual; pointers are of live windows, buffers and C strings.
        #[allow(unused_unsafe)]
        unsafe { ($crate::curses::library::Library::get().$name)($($arg),*) }
    }};
}
pub(crate) use nc;

/// A `_curses.error`.
pub fn error(py: Attached<'_>, message: &str) -> Raised {
    let class = (hooks::hooks().import)(py, "_curses").and_then(|module| module.get_attr(py, id!(py, error)));
    match class.map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

/// The error of a function that failed.
pub fn fail(py: Attached<'_>, function: &str) -> Raised {
    error(py, &format!("{function}() returned ERR"))
}

/// Raises for a negative result.
pub fn check(py: Attached<'_>, code: c_int, function: &str) -> PyResult<()> {
    if code < 0 { Err(fail(py, function)) } else { Ok(()) }
}

/// After a wait for a key that brought none: a signal may have ended it.
pub fn finish(py: Attached<'_>) -> PyResult<()> {
    vm::check_signals(py)
}

/// Raises unless the screen is open.
pub fn ready(py: Attached<'_>) -> PyResult<()> {
    reached(py, &SCREEN, "must call initscr() first")
}

fn reached(py: Attached<'_>, state: &AtomicBool, message: &str) -> PyResult<()> {
    if state.load(Ordering::Acquire) { Ok(()) } else { Err(error(py, message)) }
}

fn terminal(py: Attached<'_>) -> PyResult<()> {
    reached(py, &TERMINAL, "must call (at least) setupterm() first")
}

fn coloured(py: Attached<'_>) -> PyResult<()> {
    ready(py)?;
    reached(py, &COLOUR, "must call start_color() first")
}

/// What C code finds by `_curses._C_API` (`py_curses.h`): the class of windows, and functions that tell whether the library
/// was told of a terminal, has a screen and has colours, or raise.
static CAPI: OnceLock<[AtomicPtr<c_void>; 4]> = OnceLock::new();

unsafe extern "C" fn terminal_is_set_up() -> c_int {
    // SAFETY: [attached]: the header's macros may raise.
    terminal(unsafe { Attached::from_tls() }).is_ok().into()
}

unsafe extern "C" fn screen_is_set_up() -> c_int {
    // SAFETY: as above.
    ready(unsafe { Attached::from_tls() }).is_ok().into()
}

unsafe extern "C" fn colour_is_set_up() -> c_int {
    // SAFETY: as above.
    coloured(unsafe { Attached::from_tls() }).is_ok().into()
}

/// A C string as bytes.
pub fn c_bytes(py: Attached<'_>, text: *const c_char) -> PyResult<Ref<Bytes>> {
    // SAFETY: a C string that the library keeps, and is copied at once.
    Bytes::new(py, unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// A file of the C library that has no name, closed at the end.
struct Stream(*mut FILE);

impl Stream {
    fn new(py: Attached<'_>) -> PyResult<Stream> {
        // SAFETY: no arguments.
        let stream = unsafe { libc::tmpfile() };
        if stream.is_null() {
            return Err(krait_object::exceptions::raise_os_error(py, crate::util::errno()));
        }
        Ok(Stream(stream))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: opened above, closed once.
        unsafe { libc::fclose(self.0) };
    }
}

/// What a function writes to a C file.
pub fn written(py: Attached<'_>, write: impl FnOnce(*mut FILE) -> PyResult<()>) -> PyResult<Vec<u8>> {
    let stream = Stream::new(py)?;
    write(stream.0)?;
    let (mut content, mut part) = (Vec::new(), [0u8; 4096]);
    // SAFETY: an open file, and as much room as stated.
    unsafe { libc::rewind(stream.0) };
    loop {
        // SAFETY: as above.
        let count = unsafe { libc::fread(part.as_mut_ptr().cast(), 1, part.len(), stream.0) };
        if count == 0 {
            return Ok(content);
        }
        content.extend_from_slice(&part[..count]);
    }
}

/// Sets numbers of the library as attributes of the module.
fn publish(py: Attached<'_>, module: &Object, names: &[(&str, c_int)]) -> PyResult<()> {
    for (name, value) in names {
        module.set_attr(py, &*Str::new(py, name)?, Some(&*value.into_object(py)?))?;
    }
    Ok(())
}

/// Tells the module how large the screen is, and `curses`, which has copies, once it is imported.
fn publish_size(py: Attached<'_>, module: &Object) -> PyResult<()> {
    // SAFETY: variables of the library.
    let (lines, columns) = unsafe { (*Library::get().LINES, *Library::get().COLS) };
    let names = [("LINES", lines), ("COLS", columns)];
    publish(py, module, &names)?;
    match krait_vm::import::modules(py)?.get_str(py, "curses") {
        Some(copy) => publish(py, &copy, &names),
        None => Ok(()),
    }
}

fn initscr(py: Attached<'_>, module: &Object) -> PyResult<Ref<Window>> {
    let library = Library::get();
    if SCREEN.load(Ordering::Acquire) {
        // SAFETY: a variable of the library.
        let screen = unsafe { *library.stdscr };
        check(py, nc!(wrefresh(screen)), "wrefresh")?;
        return Window::make(py, screen, None, "initscr");
    }
    let screen = nc!(initscr());
    if screen.is_null() {
        return Err(error(py, "initscr() returned a null pointer"));
    }
    TERMINAL.store(true, Ordering::Release);
    SCREEN.store(true, Ordering::Release);
    for (name, letter) in numbers::GRAPHICS {
        // SAFETY: the table has 128 entries.
        let shown = unsafe { *library.acs_map.add(usize::from(*letter)) };
        module.set_attr(py, &*Str::new(py, name)?, Some(&*shown.into_object(py)?))?;
    }
    publish_size(py, module)?;
    Window::make(py, screen, None, "initscr")
}

fn setupterm(py: Attached<'_>, _: &Object, [term, fd]: [Arg<'_>; 2]) -> PyResult<()> {
    let term = match term.filter(|term| !term.is_none()) {
        Some(term) => {
            let text = krait_object::builtins::textargs::str_arg(py, "setupterm", "argument 1", term)?;
            Some(CString::new(text.to_utf8(py)?).map_err(|_| raise!(py, ValueError, "embedded null character"))?)
        }
        None => None,
    };
    let mut fd = int_or(py, fd, -1)?;
    if fd == -1 {
        let Some(out) = krait_vm::sysmodule::get(py, "stdout").filter(|out| !out.is_none()) else {
            return Err(error(py, "lost sys.stdout"));
        };
        fd = int_arg(py, &*out.call_method(py, id!(py, fileno), &[])?)?;
    }
    if TERMINAL.load(Ordering::Acquire) {
        return Ok(());
    }
    let (name, mut code) = (term.as_ref().map_or(ptr::null(), |term| term.as_ptr()), 0);
    if nc!(setupterm(name, fd, &raw mut code)) < 0 {
        return Err(error(
            py,
            match code {
                0 => "setupterm: could not find terminal",
                -1 => "setupterm: could not find terminfo database",
                _ => "setupterm: unknown error",
            },
        ));
    }
    TERMINAL.store(true, Ordering::Release);
    Ok(())
}

fn start_color(py: Attached<'_>, module: &Object) -> PyResult<()> {
    ready(py)?;
    check(py, nc!(start_color()), "start_color")?;
    COLOUR.store(true, Ordering::Release);
    // SAFETY: variables of the library.
    let (colours, pairs) = unsafe { (*Library::get().COLORS, *Library::get().COLOR_PAIRS) };
    publish(py, module, &[("COLORS", colours), ("COLOR_PAIRS", pairs)])
}

/// A number of any size; what is too large for C becomes its largest or smallest number.
fn clamped(py: Attached<'_>, given: Arg<'_>) -> PyResult<c_int> {
    let number = need(py, given)?.index(py)?;
    let limit = if number.is_negative() { c_int::MIN } else { c_int::MAX };
    Ok(number.to_i64().and_then(|number| c_int::try_from(number).ok()).unwrap_or(limit))
}

/// A number that names a colour, or -1 where the terminal's own is meant.
fn colour_arg(py: Attached<'_>, given: Arg<'_>, least: c_int) -> PyResult<c_int> {
    let number = clamped(py, given)?;
    // SAFETY: a variable of the library.
    let most = unsafe { *Library::get().COLORS } - 1;
    match number {
        _ if number < least => Err(raise!(py, ValueError, "Color number is less than {least}.")),
        _ if number > most => Err(raise!(py, ValueError, "Color number is greater than COLORS-1 ({most}).")),
        _ => Ok(number),
    }
}

fn pair_arg(py: Attached<'_>, given: Arg<'_>) -> PyResult<c_int> {
    let number = clamped(py, given)?;
    // SAFETY: a variable of the library.
    let most = unsafe { *Library::get().COLOR_PAIRS } - 1;
    match number {
        ..0 => Err(raise!(py, ValueError, "Color pair is less than 0.")),
        _ if number > most => Err(raise!(py, ValueError, "Color pair is greater than COLOR_PAIRS-1 ({most}).")),
        _ => Ok(number),
    }
}

fn color_content(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Tuple>> {
    coloured(py)?;
    let number = colour_arg(py, Some(number), 0)?;
    let [mut red, mut green, mut blue] = [0; 3];
    let code = nc!(extended_color_content(number, &raw mut red, &raw mut green, &raw mut blue));
    check(py, code, "extended_color_content")?;
    tuple(py, objects!(py; red, green, blue))
}

fn init_color(py: Attached<'_>, _: &Object, [number, parts @ ..]: [Arg<'_>; 4]) -> PyResult<()> {
    coloured(py)?;
    let number = colour_arg(py, number, 0)?;
    let mut shares = [0; 3];
    for (share, part) in shares.iter_mut().zip(parts) {
        *share = int_arg(py, need(py, part)?)?;
        if !(0..=1000).contains(share) {
            let what = if *share < 0 { "less than 0" } else { "greater than 1000" };
            return Err(raise!(py, ValueError, "Color component is {what}"));
        }
    }
    let [red, green, blue] = shares;
    check(py, nc!(init_extended_color(number, red, green, blue)), "init_extended_color")
}

fn pair_content(py: Attached<'_>, _: &Object, number: &Object) -> PyResult<Ref<Tuple>> {
    coloured(py)?;
    let number = pair_arg(py, Some(number))?;
    let (mut front, mut back) = (0, 0);
    check(py, nc!(extended_pair_content(number, &raw mut front, &raw mut back)), "extended_pair_content")?;
    tuple(py, objects!(py; front, back))
}

fn init_pair(py: Attached<'_>, _: &Object, [number, front, back]: [Arg<'_>; 3]) -> PyResult<()> {
    coloured(py)?;
    let (number, front, back) = (pair_arg(py, number)?, colour_arg(py, front, -1)?, colour_arg(py, back, -1)?);
    check(py, nc!(init_extended_pair(number, front, back)), "init_extended_pair")
}

fn getmouse(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    ready(py)?;
    let mut event = Mouse::default();
    check(py, nc!(getmouse(&raw mut event)), "getmouse")?;
    tuple(py, objects!(py; i32::from(event.id), event.x, event.y, event.z, event.state))
}

fn ungetmouse(py: Attached<'_>, _: &Object, given: [Arg<'_>; 5]) -> PyResult<()> {
    ready(py)?;
    let [id, x, y, z, state] = given;
    let number = |given: Arg<'_>| int_arg(py, need(py, given)?);
    let id = number(id)?;
    let Ok(id) = i16::try_from(id) else {
        return Err(raise!(py, OverflowError, "signed short integer is out of range"));
    };
    let state = need(py, state)?.as_u64_mask(py)? as u32;
    let mut event = Mouse { id, x: number(x)?, y: number(y)?, z: number(z)?, state };
    check(py, nc!(ungetmouse(&raw mut event)), "ungetmouse")
}

fn mousemask(py: Attached<'_>, _: &Object, mask: &Object) -> PyResult<Ref<Tuple>> {
    ready(py)?;
    let (mask, mut old) = (mask.as_u64_mask(py)? as u32, 0);
    let new = nc!(mousemask(mask, &raw mut old));
    tuple(py, objects!(py; new, old))
}

fn getsyx(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    ready(py)?;
    // SAFETY: a variable of the library.
    let screen = unsafe { *Library::get().newscr };
    if nc!(is_leaveok(screen)) {
        return tuple(py, objects!(py; -1, -1));
    }
    window::cursor(py, screen)
}

fn setsyx(py: Attached<'_>, _: &Object, [y, x]: [Arg<'_>; 2]) -> PyResult<()> {
    ready(py)?;
    let (y, x) = (int_arg(py, need(py, y)?)?, int_arg(py, need(py, x)?)?);
    // SAFETY: a variable of the library.
    let screen = unsafe { *Library::get().newscr };
    let leave = y == -1 && x == -1;
    nc!(leaveok(screen, leave));
    if !leave {
        nc!(wmove(screen, y, x));
    }
    Ok(())
}

fn newwin(py: Attached<'_>, _: &Object, args: krait_object::args::Args<'_>) -> PyResult<Ref<Window>> {
    args.no_keywords(py, "newwin")?;
    ready(py)?;
    let mut place = [0; 4];
    if !matches!(args.pos.len(), 2 | 4) {
        return Err(raise!(py, TypeError, "newwin requires 2 or 4 arguments"));
    }
    for (to, given) in place.iter_mut().zip(args.pos) {
        *to = int_arg(py, given)?;
    }
    let [lines, columns, y, x] = place;
    Window::make(py, nc!(newwin(lines, columns, y, x)), None, "newwin")
}

fn newpad(py: Attached<'_>, _: &Object, [lines, columns]: [Arg<'_>; 2]) -> PyResult<Ref<Window>> {
    ready(py)?;
    let (lines, columns) = (int_arg(py, need(py, lines)?)?, int_arg(py, need(py, columns)?)?);
    Window::make(py, nc!(newpad(lines, columns)), None, "newpad")
}

fn getwin(py: Attached<'_>, _: &Object, file: &Object) -> PyResult<Ref<Window>> {
    ready(py)?;
    let content = file.call_method(py, id!(py, read), &[])?;
    let Some(content) = content.as_object().downcast::<Bytes>() else {
        let name = content.ty().name();
        return Err(raise!(py, TypeError, "f.read() returned {name} instead of bytes"));
    };
    let stream = Stream::new(py)?;
    let bytes = content.as_slice();
    // SAFETY: as many bytes as stated, and an open file.
    let count = unsafe { libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), stream.0) };
    if count != bytes.len() {
        return Err(krait_object::exceptions::raise_os_error(py, crate::util::errno()));
    }
    // SAFETY: an open file.
    unsafe { libc::rewind(stream.0) };
    Window::make(py, nc!(getwin(stream.0)), None, "getwin")
}

fn keyname(py: Attached<'_>, _: &Object, key: &Object) -> PyResult<Ref<Bytes>> {
    ready(py)?;
    let key = int_arg(py, key)?;
    if key < 0 {
        return Err(raise!(py, ValueError, "invalid key number"));
    }
    let name = nc!(keyname(key));
    if name.is_null() { Bytes::new(py, b"") } else { c_bytes(py, name) }
}

fn unctrl(py: Attached<'_>, _: &Object, ch: &Object) -> PyResult<Ref<Bytes>> {
    ready(py)?;
    let ch = narrow(py, None, ch)?;
    c_bytes(py, nc!(unctrl(ch)))
}

fn ungetch(py: Attached<'_>, _: &Object, ch: &Object) -> PyResult<()> {
    ready(py)?;
    let ch = narrow(py, None, ch)?;
    check(py, nc!(ungetch(ch as c_int)), "ungetch")
}

fn unget_wch(py: Attached<'_>, _: &Object, ch: &Object) -> PyResult<()> {
    ready(py)?;
    let point = match ch.downcast::<Str>() {
        Some(text) if text.len() == 1 => text.char_at(0),
        Some(text) => {
            let len = text.len();
            return Err(raise!(py, TypeError, "expect str of length 1 or int, got a str of length {len}"));
        }
        None if ch.downcast::<Int>().is_some() => {
            u32::try_from(ch.as_i64(py)?).map_err(|_| raise!(py, OverflowError, "character doesn't fit in wchar_t"))?
        }
        None => {
            let name = krait_object::native::type_name(ch);
            return Err(raise!(py, TypeError, "expect str of length 1 or int, got {name}"));
        }
    };
    check(py, nc!(unget_wch(point as libc::wchar_t)), "unget_wch")
}

/// The name of a capability.
fn capability(py: Attached<'_>, function: &str, name: &Object) -> PyResult<CString> {
    terminal(py)?;
    let name = krait_object::builtins::textargs::str_arg(py, function, "argument", name)?;
    CString::new(name.to_utf8(py)?).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

fn tigetstr(py: Attached<'_>, _: &Object, name: &Object) -> PyResult<Option<Ref<Bytes>>> {
    let name = capability(py, "tigetstr", name)?;
    let text = nc!(tigetstr(name.as_ptr()));
    // Absent capabilities are null, names of others -1.
    if text.is_null() || text as isize == -1 { Ok(None) } else { c_bytes(py, text).map(Some) }
}

fn tparm(py: Attached<'_>, _: &Object, [text, numbers @ ..]: [Arg<'_>; 10]) -> PyResult<Ref<Bytes>> {
    terminal(py)?;
    let text = krait_object::protocols::buffer::BytesArg::new(py, need(py, text)?)?;
    let text = CString::new(text.as_slice()).map_err(|_| raise!(py, ValueError, "embedded null byte"))?;
    let mut given = [0; 9];
    for (to, number) in given.iter_mut().zip(numbers) {
        *to = int_or(py, number, 0)? as isize;
    }
    let [a, b, c, d, e, f, g, h, i] = given;
    let made = nc!(tparm(text.as_ptr(), a, b, c, d, e, f, g, h, i));
    if made.is_null() { Err(error(py, "tparm() returned a null pointer")) } else { c_bytes(py, made) }
}

fn putp(py: Attached<'_>, _: &Object, text: &Object) -> PyResult<()> {
    let text = krait_object::protocols::buffer::BytesArg::new(py, text)?;
    let text = CString::new(text.as_slice()).map_err(|_| raise!(py, ValueError, "embedded null byte"))?;
    check(py, nc!(putp(text.as_ptr())), "putp")
}

/// A number of lines or columns of the screen, which the library keeps in a C `short`.
fn short_arg(py: Attached<'_>, given: Arg<'_>) -> PyResult<c_int> {
    let number = int_arg(py, need(py, given)?)?;
    match i16::try_from(number) {
        Ok(_) => Ok(number),
        Err(_) if number < 0 => Err(raise!(py, OverflowError, "signed short integer is less than minimum")),
        Err(_) => Err(raise!(py, OverflowError, "signed short integer is greater than maximum")),
    }
}

/// `resizeterm` and `resize_term`.
fn resize(py: Attached<'_>, module: &Object, [lines, columns]: [Arg<'_>; 2], whole: bool) -> PyResult<()> {
    ready(py)?;
    let (lines, columns) = (short_arg(py, lines)?, short_arg(py, columns)?);
    match whole {
        true => check(py, nc!(resizeterm(lines, columns)), "resizeterm")?,
        false => check(py, nc!(resize_term(lines, columns)), "resize_term")?,
    }
    publish_size(py, module)
}

fn set_positive(py: Attached<'_>, value: &Object, what: &str) -> PyResult<c_int> {
    match int_arg(py, value)? {
        ..=0 => Err(raise!(py, ValueError, "{what} must be > 0")),
        value => Ok(value),
    }
}

fn napms(py: Attached<'_>, _: &Object, time: &Object) -> PyResult<c_int> {
    ready(py)?;
    let time = int_arg(py, time)?;
    // SAFETY: no memory is involved.
    Ok(vm::without(py, || unsafe { (Library::get().napms)(time) }))
}

/// The version that the library says it has.
fn library_version(py: Attached<'_>) -> PyResult<Ref<Tuple>> {
    static VERSION: StructSeq = StructSeq::new(
        "curses.ncurses_version",
        "The version of the ncurses library.",
        &[("major", "the first number"), ("minor", "the second number"), ("patch", "the date of the last change")],
    )
    .not_constructible();
    // SAFETY: a C string that the library keeps.
    let text = unsafe { CStr::from_ptr(nc!(curses_version())) }.to_string_lossy().into_owned();
    let mut numbers = text.split(|ch: char| !ch.is_ascii_digit()).filter_map(|part| part.parse::<i64>().ok());
    let mut next = || numbers.next().unwrap_or(0);
    VERSION.make(py, objects!(py; next(), next(), next()))
}

/// Fills `_curses`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    if let Err(text) = Library::open() {
        return Err(py.raise(exc::ImportError(), text));
    }
    functions::add(py, module)?;
    add_type::<Window>(py, module, "window")?;
    module.add(py, "error", &*new_exception(py, "_curses", "error", exc::Exception())?)?;
    let version = Bytes::new(py, b"2.2")?;
    module.add(py, "version", version.as_object())?;
    module.add(py, "__version__", version.as_object())?;
    module.add(py, "ncurses_version", library_version(py)?.as_object())?;
    let table = CAPI.get_or_init(|| {
        let functions: [unsafe extern "C" fn() -> c_int; 3] = [terminal_is_set_up, screen_is_set_up, colour_is_set_up];
        let [first, second, third] = functions.map(|function| AtomicPtr::new(function as *mut c_void));
        [AtomicPtr::new(Window::type_object().as_type_ptr().cast()), first, second, third]
    });
    add_table(py, module, "_C_API", c"_curses._C_API", table)?;
    add_ints(py, module, numbers::NUMBERS)?;
    for key in 0..64 {
        module.add(py, &format!("KEY_F{key}"), &*(0o410 + key).into_object(py)?)?;
    }
    Ok(())
}
