//! `syslog`: the system's log.
use crate::util::*;
use crate::{linux_tty, vm};
use krait_object::args::Args;
use krait_object::{Attached, IntoObject, List, Module, Object, PyResult, Str, functions, none, raise};
use std::ffi::{CStr, CString, c_int};
use std::sync::{Mutex, PoisonError};

type Opt<'a> = Option<&'a Object>;

/// The C library keeps a pointer to the name that `openlog` got, so the name lives here.
struct Log {
    open: bool,
    name: Option<CString>,
}

static LOG: Mutex<Log> = Mutex::new(Log { open: false, name: None });

/// The last part of `sys.argv[0]`, if there is one.
fn program_name(py: Attached<'_>) -> Option<CString> {
    let argv = krait_vm::sysmodule::get(py, "argv")?.downcast::<List>().ok()?;
    let first = argv.get(py, 0)?.downcast::<Str>().ok()?;
    let text = first.to_string_lossy();
    let name = text.rsplit('/').next().filter(|name| !name.is_empty())?;
    CString::new(name).ok()
}

fn text_arg(py: Attached<'_>, function: &str, argument: &str, object: &Object) -> PyResult<CString> {
    let Some(text) = object.downcast::<Str>() else {
        let class = krait_object::builtins::textargs::arg_type(object);
        return Err(raise!(py, TypeError, "{function}() argument {argument} must be str, not {class}"));
    };
    CString::new(text.to_utf8(py)?).map_err(|_| raise!(py, ValueError, "embedded null character"))
}

/// Raises `RuntimeError` outside the main interpreter: the log is one for the process.
fn main_only(py: Attached<'_>, what: &str) -> PyResult<()> {
    if krait_vm::interp::current(py).is_main() {
        return Ok(());
    }
    Err(raise!(py, RuntimeError, "subinterpreter can't use syslog.{what}"))
}

fn open(py: Attached<'_>, name: Option<CString>, options: c_int, facility: c_int) {
    let name = name.or_else(|| program_name(py));
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let raw = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
    // SAFETY: the name stays in the static until the next `openlog` or `closelog`.
    unsafe { libc::openlog(raw, options, facility) };
    log.open = true;
    log.name = name;
}

fn openlog(py: Attached<'_>, _: &Object, [ident, options, facility]: [Opt<'_>; 3]) -> PyResult<()> {
    let name = ident.map(|ident| match ident.downcast::<Str>() {
        // What follows a NUL is not part of a C string.
        Some(text) => {
            let text = text.to_utf8(py)?;
            Ok(CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default())
        }
        None => text_arg(py, "openlog", "'ident'", ident),
    });
    let name = name.transpose()?;
    let (options, facility) = (int_or(py, options, 0)?, int_or(py, facility, libc::LOG_USER)?);
    let shown = ident.map_or_else(none, krait_object::Layout::to_ref);
    vm::audit(py, "syslog.openlog", &[&shown, &*options.into_object(py)?, &*facility.into_object(py)?])?;
    main_only(py, "openlog()")?;
    open(py, name, options, facility);
    Ok(())
}

fn syslog(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    args.no_keywords(py, "syslog.syslog")?;
    let (priority, message) = match args.pos {
        [message] => (libc::LOG_INFO, text_arg(py, "syslog", "1", message)?),
        [priority, message] => (int_arg(py, priority)?, text_arg(py, "syslog", "2", message)?),
        _ => return Err(raise!(py, TypeError, "syslog.syslog requires 1 to 2 arguments")),
    };
    let shown = args.pos[args.pos.len() - 1];
    vm::audit(py, "syslog.syslog", &[&*priority.into_object(py)?, shown])?;
    if !LOG.lock().unwrap_or_else(PoisonError::into_inner).open {
        main_only(py, "syslog() until the syslog is opened by the main interpreter")?;
        vm::audit(py, "syslog.openlog", &[&none(), &*0.into_object(py)?, &*libc::LOG_USER.into_object(py)?])?;
        open(py, None, 0, libc::LOG_USER);
    }
    // SAFETY: the format takes one string.
    vm::without(py, || unsafe { libc::syslog(priority, c"%s".as_ptr(), CStr::as_ptr(&message)) });
    Ok(())
}

fn closelog(py: Attached<'_>, _: &Object) -> PyResult<()> {
    main_only(py, "closelog()")?;
    vm::audit(py, "syslog.closelog", &[])?;
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    if log.open {
        // SAFETY: no memory is involved.
        unsafe { libc::closelog() };
        log.open = false;
        log.name = None;
    }
    Ok(())
}

fn setlogmask(py: Attached<'_>, _: &Object, mask: &Object) -> PyResult<c_int> {
    let number = int_arg(py, mask)?;
    vm::audit(py, "syslog.setlogmask", &[mask])?;
    // SAFETY: no memory is involved.
    Ok(unsafe { libc::setlogmask(number) })
}

fn log_mask(py: Attached<'_>, _: &Object, priority: &Object) -> PyResult<c_int> {
    Ok(1_i32.wrapping_shl(int_arg(py, priority)? as u32))
}

fn log_upto(py: Attached<'_>, _: &Object, priority: &Object) -> PyResult<c_int> {
    Ok(1_i32.wrapping_shl((int_arg(py, priority)?.wrapping_add(1)) as u32).wrapping_sub(1))
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "openlog" => openlog, "($module, /, ident=<unrepresentable>, logoption=0, facility=LOG_USER)", "Sets how later messages are logged.";
        raw "syslog" => syslog, "", "syslog([priority=LOG_INFO,] message)\n\nLogs a message.";
        noargs "closelog" => closelog, "($module, /)", "Closes the log and forgets its settings.";
        o "setlogmask" => setlogmask, "($module, maskpri, /)", "Sets which priorities are logged; returns the old mask.";
        o "LOG_MASK" => log_mask, "($module, pri, /)", "The mask of one priority.";
        o "LOG_UPTO" => log_upto, "($module, pri, /)", "The mask of a priority and all above it.";
    })?;
    add_ints(py, module, linux_tty::SYSLOG)
}
