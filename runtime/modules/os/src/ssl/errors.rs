//! `SSLError` and its kinds.
use super::openssl::{Ptr, api, text};
use krait_object::builtins::descrobject::MethodDescr;
use krait_object::exceptions::raise_os_error;
use krait_object::layout::PyMethodDef;
use krait_object::native::new_exception;
use krait_object::typedef::Table;
use krait_object::{
    Attached, BaseException, Dict, IntoObject, Layout, Module, Object, PyResult, Raised, Ref, Str, Tuple, Type, exc,
    id, method_def,
};
use std::ffi::{c_int, c_ulong};
use std::panic::Location;

const ERROR_SSL: c_int = 1;
pub const WANT_READ: c_int = 2;
pub const WANT_WRITE: c_int = 3;
const WANT_X509_LOOKUP: c_int = 4;
const ERROR_SYSCALL: c_int = 5;
pub const ZERO_RETURN: c_int = 6;
const WANT_CONNECT: c_int = 7;
const ERROR_EOF: c_int = 8;
const INVALID_ERROR_CODE: c_int = 10;

pub const LIB_SYS: u32 = 2;
pub const LIB_PEM: u32 = 9;
pub const LIB_SSL: u32 = 20;
pub const PEM_NO_START_LINE: u32 = 108;
const SSL_CERTIFICATE_VERIFY_FAILED: u32 = 134;
const SSL_UNEXPECTED_EOF: u32 = 294;

const HOSTNAME_MISMATCH: i64 = 62;
const IP_ADDRESS_MISMATCH: i64 = 64;

/// Numbers of `SSLError`s that Python code may test.
pub const NUMBERS: &[(&str, i64)] = &[
    ("SSL_ERROR_SSL", ERROR_SSL as i64),
    ("SSL_ERROR_WANT_READ", WANT_READ as i64),
    ("SSL_ERROR_WANT_WRITE", WANT_WRITE as i64),
    ("SSL_ERROR_WANT_X509_LOOKUP", WANT_X509_LOOKUP as i64),
    ("SSL_ERROR_SYSCALL", ERROR_SYSCALL as i64),
    ("SSL_ERROR_ZERO_RETURN", ZERO_RETURN as i64),
    ("SSL_ERROR_WANT_CONNECT", WANT_CONNECT as i64),
    ("SSL_ERROR_EOF", ERROR_EOF as i64),
    ("SSL_ERROR_INVALID_ERROR_CODE", INVALID_ERROR_CODE as i64),
];

/// The library's parts by number, as they name themselves in messages.
const PARTS: &[(u32, &str)] = &[
    (1, "NONE"),
    (2, "SYS"),
    (3, "BN"),
    (4, "RSA"),
    (5, "DH"),
    (6, "EVP"),
    (7, "BUF"),
    (8, "OBJ"),
    (9, "PEM"),
    (10, "DSA"),
    (11, "X509"),
    (13, "ASN1"),
    (14, "CONF"),
    (15, "CRYPTO"),
    (16, "EC"),
    (20, "SSL"),
    (32, "BIO"),
    (33, "PKCS7"),
    (34, "X509V3"),
    (35, "PKCS12"),
    (36, "RAND"),
    (37, "DSO"),
    (38, "ENGINE"),
    (39, "OCSP"),
    (40, "UI"),
    (41, "COMP"),
    (44, "OSSL_STORE"),
    (46, "CMS"),
    (47, "TS"),
    (50, "CT"),
    (51, "ASYNC"),
    (52, "KDF"),
    (53, "SM2"),
    (54, "ESS"),
    (55, "PROP"),
    (56, "CRMF"),
    (57, "PROV"),
    (58, "CMP"),
    (59, "OSSL_ENCODER"),
    (60, "OSSL_DECODER"),
    (61, "HTTP"),
];

/// An entry of the library's error queue.
#[derive(Clone, Copy)]
pub struct Code(c_ulong);

impl Code {
    /// The newest entry.
    pub fn last() -> Option<Code> {
        // SAFETY: the thread's own queue.
        let code = unsafe { (api().ERR_peek_last_error)() };
        (code != 0).then_some(Code(code))
    }

    fn is_system(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }

    pub fn part(self) -> u32 {
        if self.is_system() { LIB_SYS } else { (self.0 >> 23) as u32 & 0xff }
    }

    pub fn reason(self) -> u32 {
        if self.is_system() { self.0 as u32 & 0x7fff_ffff } else { self.0 as u32 & 0x7f_ffff }
    }

    fn text(self) -> String {
        // SAFETY: a constant text or null.
        unsafe { text((api().ERR_reason_error_string)(self.0)) }
    }

    /// The name of the reason in the library's headers. It is the text in capitals.
    fn name(self) -> Option<String> {
        // Reasons that all parts share have no name of their own.
        if self.is_system() || self.reason() & 0x80000 != 0 {
            return None;
        }
        let text = self.text().replace("ssl/tls alert", "sslv3 alert");
        let name: String =
            text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        (!name.is_empty()).then_some(name)
    }
}

/// Empties the error queue.
pub fn clear() {
    // SAFETY: the thread's own queue.
    unsafe { (api().ERR_clear_error)() };
}

/// A class of the module.
fn class(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    krait_vm::import::import_module(py, "_ssl")?.get_attr(py, &*Str::new(py, name)?)
}

/// The peer's certificate that was refused.
struct Refused {
    code: i64,
    message: String,
}

/// Raises a class of the module with a number and a text.
fn build(
    py: Attached<'_>,
    kind: &str,
    number: c_int,
    message: Option<&str>,
    code: Option<Code>,
    refused: Option<Refused>,
    line: u32,
) -> Raised {
    let part = code.and_then(|code| PARTS.iter().find(|(part, _)| *part == code.part())).map(|(_, name)| *name);
    let reason = code.and_then(Code::name);
    let own = code.map(Code::text).filter(|text| !text.is_empty());
    let message = message.map(str::to_owned).or(own).unwrap_or_else(|| String::from("unknown error"));
    let shown = match (&refused, &reason, part) {
        (Some(refused), Some(reason), Some(part)) => format!("[{part}: {reason}] {message}: {}", refused.message),
        (_, Some(reason), Some(part)) => format!("[{part}: {reason}] {message}"),
        (_, _, Some(part)) => format!("[{part}] {message}"),
        _ => message,
    };
    let make = || -> PyResult<Raised> {
        let class = class(py, kind)?;
        let number = number.into_object(py)?;
        let shown = format!("{shown} (_ssl.c:{line})").into_object(py)?;
        let error = class.call_pos(py, &[&number, &shown])?;
        error.set_attr(py, id!(py, reason), Some(&*reason.into_object(py)?))?;
        error.set_attr(py, id!(py, library), Some(&*part.into_object(py)?))?;
        if let Some(refused) = refused {
            error.set_attr(py, id!(py, verify_code), Some(&*refused.code.into_object(py)?))?;
            error.set_attr(py, id!(py, verify_message), Some(&*refused.message.into_object(py)?))?;
        }
        let error = error.downcast::<BaseException>().map_err(|_| py.bad_internal_call())?;
        Ok(krait_object::exceptions::raise_exception(py, error))
    };
    make().unwrap_or_else(|raised| raised)
}

/// Raises the newest error of the library, and empties its queue.
#[track_caller]
pub fn raise_last(py: Attached<'_>) -> Raised {
    let code = Code::last();
    let number = code.map_or(0, |code| code.reason() as c_int);
    clear();
    build(py, "SSLError", number, None, code, None, Location::caller().line())
}

/// Raises an `SSLError` with a text of ours.
#[track_caller]
pub fn raise_text(py: Attached<'_>, text: &str) -> Raised {
    clear();
    build(py, "SSLError", 0, Some(text), None, None, Location::caller().line())
}

/// Raises an `SSLError` that has nothing but a text.
pub fn raise_plain(py: Attached<'_>, text: &str) -> Raised {
    match class(py, "SSLError") {
        Ok(class) => match (*class).downcast::<Type>() {
            Some(class) => py.raise(class, text),
            None => py.bad_internal_call(),
        },
        Err(raised) => raised,
    }
}

/// What a failed operation on a connection left behind.
pub struct Failure {
    /// What `SSL_get_error` says.
    pub kind: c_int,
    pub errno: c_int,
    pub code: Option<Code>,
    /// What the operation returned.
    pub result: c_int,
}

/// Raises the error of a connection's failed operation.
#[track_caller]
pub fn raise_failure(py: Attached<'_>, ssl: Ptr, hostname: Option<&str>, failure: &Failure) -> Raised {
    let line = Location::caller().line();
    let code = failure.code;
    clear();
    let simple = |kind: &str, number: c_int, text: &str| build(py, kind, number, Some(text), None, None, line);
    let eof = || simple("SSLEOFError", ERROR_EOF, "EOF occurred in violation of protocol");
    match (failure.kind, code) {
        (ZERO_RETURN, _) => simple("SSLZeroReturnError", ZERO_RETURN, "TLS/SSL connection has been closed (EOF)"),
        (WANT_READ, _) => simple("SSLWantReadError", WANT_READ, "The operation did not complete (read)"),
        (WANT_WRITE, _) => simple("SSLWantWriteError", WANT_WRITE, "The operation did not complete (write)"),
        (WANT_X509_LOOKUP, _) => simple("SSLError", WANT_X509_LOOKUP, "The operation did not complete (X509 lookup)"),
        (WANT_CONNECT, _) => simple("SSLError", WANT_CONNECT, "The operation did not complete (connect)"),
        (ERROR_SYSCALL, None) if failure.errno == 0 => eof(),
        (ERROR_SYSCALL, None) => raise_os_error(py, failure.errno),
        (ERROR_SYSCALL, Some(code)) if code.part() == LIB_SYS => raise_os_error(py, code.reason() as c_int),
        (ERROR_SYSCALL, code) => build(py, "SSLSyscallError", ERROR_SYSCALL, None, code, None, line),
        (ERROR_SSL, None) => simple("SSLError", ERROR_SSL, "A failure in the SSL library occurred"),
        (ERROR_SSL, Some(code)) if code.part() == LIB_SSL && code.reason() == SSL_UNEXPECTED_EOF => {
            build(py, "SSLEOFError", ERROR_EOF, Some("EOF occurred in violation of protocol"), Some(code), None, line)
        }
        (ERROR_SSL, Some(code)) if code.part() == LIB_SSL && code.reason() == SSL_CERTIFICATE_VERIFY_FAILED => {
            // SAFETY: a live connection.
            let refused = unsafe { (api().SSL_get_verify_result)(ssl) };
            let host = hostname.unwrap_or("None");
            let message = match refused {
                HOSTNAME_MISMATCH => format!("Hostname mismatch, certificate is not valid for '{host}'."),
                IP_ADDRESS_MISMATCH => format!("IP address mismatch, certificate is not valid for '{host}'."),
                // SAFETY: a constant text.
                other => unsafe { text((api().X509_verify_cert_error_string)(other)) },
            };
            let refused = Some(Refused { code: refused, message });
            build(py, "SSLCertVerificationError", ERROR_SSL, None, Some(code), refused, line)
        }
        (ERROR_SSL, code) => build(py, "SSLError", ERROR_SSL, None, code, None, line),
        (_, code) => build(py, "SSLError", INVALID_ERROR_CODE, Some("Invalid error code"), code, None, line),
    }
}

/// `str` of an error: its text alone.
fn error_str(py: Attached<'_>, this: &Object) -> PyResult<Ref<Str>> {
    if let Some(text) = this.get_attr_opt(py, id!(py, strerror))?
        && let Ok(text) = text.downcast::<Str>()
    {
        return Ok(text);
    }
    this.get_attr(py, id!(py, args))?.str(py)
}

static STR_METHOD: Table<PyMethodDef, 1> =
    Table([method_def!(Object; noargs "__str__" => error_str, "($self, /)", "The error's text.")]);

/// Adds the error classes to the module.
pub fn add_classes(py: Attached<'_>, module: &Module) -> PyResult<()> {
    let base = new_exception(py, "ssl", "SSLError", exc::OSError())?;
    let Some(base_type) = (*base).downcast::<Type>() else { return Err(py.bad_internal_call()) };
    let method = MethodDescr::new(py, base_type, (&raw const STR_METHOD.0[0]).cast_mut())?;
    base.set_attr(py, id!(py, __str__), Some(method.as_object()))?;
    base.set_attr(py, id!(py, __doc__), Some(&*"An error occurred in the SSL implementation.".into_object(py)?))?;
    base_type.freeze(py)?;
    module.add(py, "SSLError", &base)?;
    for (name, doc) in [
        ("SSLZeroReturnError", "SSL/TLS session closed cleanly."),
        (
            "SSLWantReadError",
            "Non-blocking SSL socket needs to read more data\nbefore the requested operation can be completed.",
        ),
        (
            "SSLWantWriteError",
            "Non-blocking SSL socket needs to write more data\nbefore the requested operation can be completed.",
        ),
        ("SSLSyscallError", "System error when attempting SSL operation."),
        ("SSLEOFError", "SSL/TLS connection terminated abruptly."),
    ] {
        let class = new_exception(py, "ssl", name, base_type)?;
        class.set_attr(py, id!(py, __doc__), Some(&*doc.into_object(py)?))?;
        module.add(py, name, &class)?;
    }
    let namespace = Dict::new(py)?;
    namespace.set_str(py, "__module__", &*"ssl".into_object(py)?)?;
    namespace.set_str(py, "__doc__", &*"A certificate could not be verified.".into_object(py)?)?;
    let bases = Tuple::from_slice(py, &[&*base, exc::ValueError().as_object()])?;
    let name = "SSLCertVerificationError".into_object(py)?;
    let class = Type::type_object().as_object().call_pos(py, &[&name, bases.as_object(), namespace.as_object()])?;
    module.add(py, "SSLCertVerificationError", &class)
}
