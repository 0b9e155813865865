//! Showing exceptions: `sys.excepthook`'s work, unraisable exceptions, and the end of a program.
//!
//! The standard library's `traceback` writes the report; a plain one is written here when it cannot be used, such as early
//! in start-up or late in shutdown.
use crate::sysmodule;
use krait_object::{Attached, BaseException, Layout, Object, PyResult, Ref, Str, Type, exc, id};

/// Writes text to `sys.stderr`, or to the C stream when there is none.
pub fn write_stderr(py: Attached<'_>, text: &str) {
    let written = || -> PyResult<bool> {
        let Some(stderr) = sysmodule::get(py, "stderr").filter(|stderr| !stderr.is_none()) else { return Ok(false) };
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
    let pending = py.take_raised();
    let print = || -> PyResult<()> {
        let module = crate::import::import_module(py, "traceback")?;
        let print = module.get_attr(py, id!(py, _print_exception_bltin))?;
        print.call_pos(py, &[exception.as_object()]).map(drop)
    };
    if let Err(raised) = print() {
        raised.clear(py);
        plain(py, exception);
    }
    if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
}

/// The report without the `traceback` module: chain and messages, innermost frame last.
fn plain(py: Attached<'_>, exception: &BaseException) {
    if let Some(cause) = exception.cause() {
        plain(py, &cause);
        write_stderr(py, "\nThe above exception was the direct cause of the following exception:\n\n");
    } else if let Some(context) = exception.context()
        && !exception.suppresses_context()
    {
        plain(py, &context);
        write_stderr(py, "\nDuring handling of the above exception, another exception occurred:\n\n");
    }
    if let Some(traceback) = exception.traceback() {
        write_stderr(py, "Traceback (most recent call last):\n");
        let mut at = Some(traceback);
        while let Some(entry) = at.take() {
            let next = describe_entry(py, &entry).unwrap_or_else(|raised| {
                raised.clear(py);
                None
            });
            at = next;
        }
    }
    write_stderr(py, &format!("{}\n", summary(py, exception)));
}

/// Writes one traceback entry and returns the next.
fn describe_entry(py: Attached<'_>, entry: &Object) -> PyResult<Option<Ref<Object>>> {
    let frame = entry.get_attr(py, id!(py, tb_frame))?;
    let code = frame.get_attr(py, id!(py, f_code))?;
    let (file, name) =
        (code.get_attr(py, id!(py, co_filename))?.str(py)?, code.get_attr(py, id!(py, co_name))?.str(py)?);
    let line = entry.get_attr(py, id!(py, tb_lineno))?.str(py)?;
    write_stderr(py, &format!("  File \"{file}\", line {line}, in {name}\n"));
    let next = entry.get_attr(py, id!(py, tb_next))?;
    Ok((!next.is_none()).then_some(next))
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
    let message = message.unwrap_or("Exception ignored in");
    let line = match object {
        Some(object) => {
            let shown = object.repr(py).map(|shown| shown.to_string()).unwrap_or_else(|raised| {
                raised.clear(py);
                "<object repr() failed>".to_owned()
            });
            format!("{message}: {shown}\n")
        }
        None => format!("{message}:\n"),
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
            display(py, &exception);
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
                display(py, &exception);
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
        Ok(text) => write_stderr(py, &format!("{text}\n")),
        Err(raised) => raised.clear(py),
    }
    1
}
