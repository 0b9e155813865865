//! What goes wrong, as exceptions of the DB-API.
use super::constants::RESULTS;
use krait_object::{
    Attached, Int, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, Type, exc, hooks::hooks, id,
};
use libsqlite3_sys as ffi;
use std::ffi::{CStr, c_char, c_int};
use std::fmt::Display;

/// An attribute of `_sqlite3`.
pub fn global(py: Attached<'_>, name: &'static str) -> PyResult<Ref<Object>> {
    (hooks().import)(py, "_sqlite3")?.get_attr(py, Str::intern_static(py, name))
}

/// Raises one of the module's exceptions.
pub fn fail(py: Attached<'_>, class: &'static str, message: impl Display) -> Raised {
    match global(py, class).map(Ref::downcast::<Type>) {
        Ok(Ok(class)) => py.raise(&class, message),
        Ok(Err(_)) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

/// Raises `ProgrammingError`.
pub fn misuse(py: Attached<'_>, message: impl Display) -> Raised {
    fail(py, "ProgrammingError", message)
}

/// The class for a result code.
fn class_of(code: c_int) -> &'static str {
    match code & 0xFF {
        ffi::SQLITE_INTERNAL | ffi::SQLITE_NOTFOUND => "InternalError",
        ffi::SQLITE_ERROR
        | ffi::SQLITE_PERM
        | ffi::SQLITE_ABORT
        | ffi::SQLITE_BUSY
        | ffi::SQLITE_LOCKED
        | ffi::SQLITE_READONLY
        | ffi::SQLITE_INTERRUPT
        | ffi::SQLITE_IOERR
        | ffi::SQLITE_FULL
        | ffi::SQLITE_CANTOPEN
        | ffi::SQLITE_PROTOCOL
        | ffi::SQLITE_EMPTY
        | ffi::SQLITE_SCHEMA => "OperationalError",
        ffi::SQLITE_TOOBIG => "DataError",
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH => "IntegrityError",
        ffi::SQLITE_MISUSE | ffi::SQLITE_RANGE => "InterfaceError",
        _ => "DatabaseError",
    }
}

/// A C text of the library.
///
/// # Safety
/// `text` is null or a NUL-terminated text.
pub unsafe fn text(text: *const c_char) -> String {
    match text.is_null() {
        true => String::new(),
        // SAFETY: by the contract.
        false => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
    }
}

/// Raises the exception for a result code with a message.
pub fn raise_code(py: Attached<'_>, code: c_int, message: &str) -> Raised {
    if code & 0xFF == ffi::SQLITE_NOMEM {
        return py.no_memory();
    }
    let raised = fail(py, class_of(code), message);
    let add = || -> PyResult<()> {
        let Some(exception) = py.pending().map(|exception| exception.to_ref()) else { return Ok(()) };
        let raised = py.take_raised();
        let name = RESULTS.iter().find(|(_, value)| *value == i64::from(code)).map_or("unknown", |(name, _)| name);
        let exception = exception.as_object();
        exception.set_attr(py, id!(py, sqlite_errorcode), Some(Int::from_i64(py, code.into())?.as_object()))?;
        exception.set_attr(py, id!(py, sqlite_errorname), Some(&*name.into_object(py)?))?;
        if let Some(raised) = raised {
            let _ = py.restore(raised);
        }
        Ok(())
    };
    match add() {
        Ok(()) => raised,
        Err(other) => other,
    }
}

/// Raises what a call on a database failed with; an exception that a callback left goes first.
///
/// # Safety
/// `db` is an open database.
pub unsafe fn raise_db(py: Attached<'_>, db: *mut ffi::sqlite3) -> Raised {
    if py.pending().is_some() {
        return Raised::assume();
    }
    // SAFETY: by the contract.
    let (code, message) = unsafe { (ffi::sqlite3_extended_errcode(db), text(ffi::sqlite3_errmsg(db))) };
    raise_code(py, code, &message)
}

/// The DB-API's exceptions: name and base.
pub const EXCEPTIONS: [(&str, &str); 10] = [
    ("Error", "Exception"),
    ("Warning", "Exception"),
    ("InterfaceError", "Error"),
    ("DatabaseError", "Error"),
    ("InternalError", "DatabaseError"),
    ("OperationalError", "DatabaseError"),
    ("ProgrammingError", "DatabaseError"),
    ("IntegrityError", "DatabaseError"),
    ("DataError", "DatabaseError"),
    ("NotSupportedError", "DatabaseError"),
];

/// Adds the exceptions to the module.
pub fn add(py: Attached<'_>, module: &krait_object::Module) -> PyResult<()> {
    for (name, base) in EXCEPTIONS {
        let base = match base {
            "Exception" => exc::Exception().to_ref(),
            base => module
                .as_object()
                .get_attr(py, Str::intern_static(py, base))?
                .downcast::<Type>()
                .map_err(|_| py.bad_internal_call())?,
        };
        module.add(py, name, &*krait_object::native::new_exception(py, "sqlite3", name, &base)?)?;
    }
    Ok(())
}
