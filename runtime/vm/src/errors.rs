//! Showing exceptions: `sys.excepthook`'s work, unraisable exceptions, and the end of a program.
//!
//! The standard library's `traceback` writes the report; a plain one is written here when it cannot be used, such as early
//! in start-up or late in shutdown.
use crate::sysmodule;
use krait_object::{Attached, BaseException, Layout, Object, PyResult, Ref, Str, Type, exc, id};

/// Writes text to `sys.stderr`, or to the C stream when there is none. A `sys.stderr` of `None` swallows it.
pub fn write_stderr(py: Attached<'_>, text: &str) {
    let written = || -> PyResult<bool> {
        let Some(stderr) = sysmodule::get(py, "stderr") else { return Ok(false) };
        if stderr.is_none() {
            return Ok(true);
        }
        let text = Str::new(py, text)?;
        stderr.call_method(py, id!(py, write), &[text.as_object()])?;
        if let Some(flush) = stderr.get_attr_opt(py, id!(py, flush))? {
            flush.call0(py)?;
        }
        Ok(true)
    };
    match written() {
        Ok(true) => {}
        Ok(false) => eprint!("{text}"),
        Err(raised) => {
            raised.clear(py);
            eprint!("{text}");
        }
    }
}

/// Prints an exception with traceback, chain and notes to `sys.stderr`.
pub fn display(py: Attached<'_>, exception: &BaseException) {
    if sysmodule::get(py, "stderr").is_some_and(|stderr| stderr.is_none()) {
        return;
    }
    let pending = py.take_raised();
    let print = || -> PyResult<()> {
        let module = crate::import::import_module(py, "traceback")?;
        let print = module.get_attr(py, id!(py, _print_exception_bltin))?;
        print.call_pos(py, &[exception.as_object()]).map(drop)
    };
    if let Err(raised) = print() {
        raised.clear(py);
        plain(py, exception, &mut Vec::new());
    }
    if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
}

/// The report without the `traceback` module: chain and messages, innermost frame last.
fn plain(py: Attached<'_>, exception: &BaseException, seen: &mut Vec<*const BaseException>) {
    seen.push(exception);
    let is_new = |other: &BaseException| !seen.iter().any(|seen| std::ptr::eq(*seen, other));
    if let Some(cause) = exception.cause() {
        if is_new(&cause) {
            plain(py, &cause, seen);
            write_stderr(py, "\nThe above exception was the direct cause of the following exception:\n\n");
        }
    } else if let Some(context) = exception.context()
        && !exception.suppresses_context()
        && is_new(&context)
    {
        plain(py, &context, seen);
        write_stderr(py, "\nDuring handling of the above exception, another exception occurred:\n\n");
    }
    if let Some(traceback) = exception.traceback() {
        write_stderr(py, "Traceback (most recent call last):\n");
        let written = write_traceback(py, &traceback, &mut |text| {
            write_stderr(py, text);
            Ok(())
        });
        if let Err(raised) = written {
            raised.clear(py);
        }
    }
    let shown = describe_syntax(py, exception).unwrap_or_else(|raised| {
        raised.clear(py);
        None
    });
    write_stderr(py, &format!("{}\n", shown.unwrap_or_else(|| summary(py, exception))));
    if let Err(raised) = describe_notes(py, exception) {
        raised.clear(py);
    }
}

fn number(object: &Object) -> Option<usize> {
    usize::try_from(object.downcast::<krait_object::Int>()?.to_i64()?).ok()
}

/// Whether programs can open files: without `io.open` a report shows no source, as CPython's does not.
fn can_open(py: Attached<'_>) -> bool {
    let found = crate::import::import_module(py, "io").and_then(|io| io.get_attr(py, id!(py, open)));
    found.map_err(|raised| raised.clear(py)).is_ok()
}

/// The line of a source file, without its indentation.
pub fn source_line(file: &str, line: usize) -> Option<String> {
    let source = std::fs::read(file).ok()?;
    let text = source.split(|byte| *byte == b'\n').nth(line.checked_sub(1)?)?;
    let text = String::from_utf8_lossy(text).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// How often an entry of a traceback is shown that repeats itself.
const REPEATS: usize = 3;

/// Writes the entries of a traceback with their lines of source, the innermost last. Those that repeat themselves are
/// counted.
///
/// # Errors
/// What `write` raises, and `TypeError` and `AttributeError` for what is no traceback.
pub fn write_traceback(
    py: Attached<'_>,
    traceback: &Object,
    write: &mut dyn FnMut(&str) -> PyResult<()>,
) -> PyResult<()> {
    let mut at = Some(traceback.to_ref());
    let (mut before, mut count) = (String::new(), 0);
    let flush = |count: usize, write: &mut dyn FnMut(&str) -> PyResult<()>| match count.saturating_sub(REPEATS) {
        0 => Ok(()),
        1 => write("  [Previous line repeated 1 more time]\n"),
        more => write(&format!("  [Previous line repeated {more} more times]\n")),
    };
    while let Some(entry) = at.take() {
        let frame = entry.get_attr(py, id!(py, tb_frame))?;
        let code = frame.get_attr(py, id!(py, f_code))?;
        let (file, name) =
            (code.get_attr(py, id!(py, co_filename))?.str(py)?, code.get_attr(py, id!(py, co_name))?.str(py)?);
        let line = entry.get_attr(py, id!(py, tb_lineno))?;
        let text = format!("  File \"{file}\", line {}, in {name}\n", line.str(py)?);
        if text != before {
            flush(count, write)?;
            (before, count) = (text, 0);
        }
        count += 1;
        if count <= REPEATS {
            write(&before)?;
            if let Some(text) = number(&line).and_then(|line| source_line(&file.to_string_lossy(), line))
                && can_open(py)
            {
                write(&format!("    {text}\n"))?;
            }
        }
        let next = entry.get_attr(py, id!(py, tb_next))?;
        at = (!next.is_none()).then_some(next);
    }
    flush(count, write)
}

/// For a syntax error: writes where it is, and gives the last line of its report.
fn describe_syntax(py: Attached<'_>, exception: &BaseException) -> PyResult<Option<String>> {
    let object = exception.as_object();
    if !object.is_instance_of(exc::SyntaxError()) {
        return Ok(None);
    }
    let part = |name: &str| -> PyResult<Option<Ref<Object>>> {
        let value = object.get_attr(py, &*Str::new(py, name)?)?;
        Ok((!value.is_none()).then_some(value))
    };
    let Some(line) = part("lineno")? else { return Ok(None) };
    let file = match part("filename")? {
        Some(file) => file.str(py)?.to_string_lossy().into_owned(),
        None => "<string>".to_owned(),
    };
    write_stderr(py, &format!("  File \"{file}\", line {}\n", line.str(py)?));
    if let Some(text) = part("text")? {
        let text = text.str(py)?.to_string_lossy().into_owned();
        let shown = text.trim_end().trim_start();
        write_stderr(py, &format!("    {shown}\n"));
        if let Some(offset) = part("offset")?.and_then(|offset| number(&offset)).filter(|offset| *offset > 0) {
            let indentation = text.chars().count() - text.trim_start().chars().count();
            let end = part("end_offset")?.and_then(|end| number(&end)).unwrap_or(offset);
            let column = (offset - 1).saturating_sub(indentation);
            let width = end.saturating_sub(offset).max(1);
            write_stderr(py, &format!("    {}{}\n", " ".repeat(column), "^".repeat(width)));
        }
    }
    let name = object.ty().full_name();
    let message = part("msg")?.map(|message| message.str(py)).transpose()?;
    Ok(Some(match message {
        Some(message) => format!("{name}: {message}"),
        None => format!("{name}: <no detail available>"),
    }))
}

/// Writes the notes of an exception.
fn describe_notes(py: Attached<'_>, exception: &BaseException) -> PyResult<()> {
    let notes = exception.as_object().get_attr_opt(py, id!(py, __notes__))?;
    let Some(notes) = notes.as_ref().and_then(|notes| notes.as_object().downcast::<krait_object::List>()) else {
        return Ok(());
    };
    for note in notes.to_vec(py)? {
        write_stderr(py, &format!("{}\n", note.str(py)?));
    }
    Ok(())
}

/// `module.Class: message`.
pub fn summary(py: Attached<'_>, exception: &BaseException) -> String {
    let name = exception.as_object().ty().full_name();
    match exception.as_object().str(py) {
        Ok(text) if text.is_empty() => name,
        Ok(text) => format!("{name}: {text}"),
        Err(raised) => {
            raised.clear(py);
            format!("{name}: <exception str() failed>")
        }
    }
}

/// Prints an exception that nobody can catch, with what was going on.
pub fn display_unraisable(py: Attached<'_>, exception: &Object, message: Option<&str>, object: Option<&Object>) {
    let line = match object {
        Some(object) => {
            let shown = object.repr(py).map(|shown| shown.to_string()).unwrap_or_else(|raised| {
                raised.clear(py);
                "<object repr() failed>".to_owned()
            });
            format!("{}: {shown}\n", message.unwrap_or("Exception ignored in"))
        }
        None => message.map_or(String::new(), |message| format!("{message}:\n")),
    };
    write_stderr(py, &line);
    if let Some(exception) = exception.downcast::<BaseException>() {
        display(py, exception);
    }
}

/// Prints the pending exception as the end of a program does, and returns the exit status: that of `SystemExit`, else 1.
pub fn report_pending(py: Attached<'_>) -> i32 {
    let Some(exception) = py.take_raised() else { return 0 };
    if let Some(exit) = exception.as_object().downcast::<krait_object::exceptions::SystemExit>() {
        return exit_status(py, &exit.code());
    }
    show(py, &exception)
}

/// Shows an exception by `sys.excepthook` and keeps it in `sys.last_exc` and its relatives; the exit status it stands for.
pub fn show(py: Attached<'_>, exception: &BaseException) -> i32 {
    let hook = sysmodule::get(py, "excepthook").filter(|hook| !hook.is_none());
    for (name, value) in
        [("last_exc", Some(exception.as_object().to_ref())), ("last_value", Some(exception.as_object().to_ref()))]
    {
        if let Some(value) = value
            && let Err(raised) = sysmodule::set(py, name, &value)
        {
            raised.clear(py);
        }
    }
    let ty: &Type = exception.as_object().ty();
    let traceback = exception.traceback().unwrap_or_else(krait_object::none);
    for (name, value) in [("last_type", ty.as_object()), ("last_traceback", &*traceback)] {
        if let Err(raised) = sysmodule::set(py, name, value) {
            raised.clear(py);
        }
    }
    match hook {
        None => {
            write_stderr(py, "sys.excepthook is missing\n");
            display(py, exception);
        }
        Some(hook) => {
            if let Err(raised) = hook.call_pos(py, &[ty.as_object(), exception.as_object(), &traceback]) {
                if raised.matches(py, exc::SystemExit()) {
                    return report_pending(py);
                }
                let second = raised.take(py);
                write_stderr(py, "Error in sys.excepthook:\n");
                display(py, &second);
                write_stderr(py, "\nOriginal exception was:\n");
                display(py, exception);
            }
        }
    }
    if exception.as_object().is_instance_of(exc::KeyboardInterrupt()) { 130 } else { 1 }
}

/// The status of `SystemExit(code)`; a code that is no number is printed.
fn exit_status(py: Attached<'_>, code: &Object) -> i32 {
    if code.is_none() {
        return 0;
    }
    if let Some(number) = code.downcast::<krait_object::Int>() {
        return number.to_i64().map_or(-1, |number| number as i32);
    }
    match code.str(py) {
        // The stream decides how to show what cannot be encoded.
        Ok(text) => match sysmodule::get(py, "stderr").filter(|stderr| !stderr.is_none()) {
            Some(stderr) if stderr.call_method(py, id!(py, write), &[text.as_object()]).is_ok() => {
                write_stderr(py, "\n");
            }
            _ => {
                drop(py.take_raised());
                write_stderr(py, &format!("{text}\n"));
            }
        },
        Err(raised) => raised.clear(py),
    }
    1
}
