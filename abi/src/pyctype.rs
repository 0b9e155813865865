//! `pyctype.h`, character classes of `unicodeobject.h`, and constants that inline functions of the headers read.
use krait_layout::{Field, PyObject};
use krait_text::unicode;
use std::ffi::{c_char, c_int, c_uint};

const LOWER: c_uint = 1;
const UPPER: c_uint = 2;
const DIGIT: c_uint = 4;
const SPACE: c_uint = 8;
const XDIGIT: c_uint = 16;

const fn classes() -> [c_uint; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 128 {
        let byte = at as u8;
        table[at] = (if byte.is_ascii_lowercase() { LOWER } else { 0 })
            | (if byte.is_ascii_uppercase() { UPPER } else { 0 })
            | (if byte.is_ascii_digit() { DIGIT } else { 0 })
            | (if byte.is_ascii_hexdigit() { XDIGIT } else { 0 })
            | (if matches!(byte, b'\t'..=b'\r' | b' ') { SPACE } else { 0 });
        at += 1;
    }
    table
}

const fn cases(upper: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        table[at] = if upper { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
        at += 1;
    }
    table
}

const fn spaces() -> [u8; 128] {
    let mut table = [0; 128];
    let mut at = 0;
    while at < 128 {
        // The separators 0x1c to 0x1f count for text, though not for C.
        table[at] = matches!(at as u8, b'\t'..=b'\r' | 0x1c..=0x1f | b' ') as u8;
        at += 1;
    }
    table
}

#[unsafe(no_mangle)]
pub static _Py_ctype_table: [c_uint; 256] = classes();
#[unsafe(no_mangle)]
pub static _Py_ctype_tolower: [u8; 256] = cases(false);
#[unsafe(no_mangle)]
pub static _Py_ctype_toupper: [u8; 256] = cases(true);
#[unsafe(no_mangle)]
pub static _Py_ascii_whitespace: [u8; 128] = spaces();
/// What an empty `bytearray` points to.
#[unsafe(no_mangle)]
pub static _PyByteArray_empty_string: [Field<c_char>; 1] = [Field::new(0)];
/// The comparison with the operands exchanged.
#[unsafe(no_mangle)]
pub static _Py_SwappedOp: [c_int; 6] = [4, 5, 2, 3, 0, 1];
/// The version of the library, as `PY_VERSION_HEX`.
#[unsafe(no_mangle)]
pub static Py_Version: std::ffi::c_ulong = krait_vm::platform::HEX_VERSION as std::ffi::c_ulong;
/// The longest timeout of a lock, in microseconds.
#[unsafe(no_mangle)]
pub static PY_TIMEOUT_MAX: std::ffi::c_longlong = i64::MAX / 1000;

macro_rules! alias {
    ($($name:ident = $class:ident;)*) => { $(
        #[unsafe(no_mangle)]
        pub static $name: Field<*mut PyObject> =
            Field::new((&raw const krait_object::exceptions::$class).cast_mut().cast());
    )* };
}
alias! {
    PyExc_IOError = _PyExc_OSError;
    PyExc_EnvironmentError = _PyExc_OSError;
}

capi_raw! {
    fn _PyUnicode_IsAlpha(c: u32) -> c_int { unicode::is_alpha(c).into() }
    fn _PyUnicode_IsDecimalDigit(c: u32) -> c_int { unicode::decimal(c).is_some().into() }
    fn _PyUnicode_ToDecimalDigit(c: u32) -> c_int { unicode::decimal(c).map_or(-1, c_int::from) }
    fn _PyUnicode_IsLowercase(c: u32) -> c_int { unicode::is_lower(c).into() }
    fn _PyUnicode_IsUppercase(c: u32) -> c_int { unicode::is_upper(c).into() }
    fn _PyUnicode_IsTitlecase(c: u32) -> c_int { unicode::is_title(c).into() }
    fn _PyUnicode_IsPrintable(c: u32) -> c_int { unicode::is_printable(c).into() }
    fn _PyUnicode_IsLinebreak(c: u32) -> c_int { unicode::is_linebreak(c).into() }
    fn _PyUnicode_ToLowercase(c: u32) -> u32 { unicode::simple_lower(c) }
    fn _PyUnicode_ToUppercase(c: u32) -> u32 { unicode::simple_upper(c) }
    fn _PyUnicode_ToTitlecase(c: u32) -> u32 { unicode::simple_title(c) }
    fn _PyUnicode_IsWhitespace(c: u32) -> c_int { unicode::is_space(c).into() }
    fn _PyUnicode_IsDigit(c: u32) -> c_int { unicode::digit(c).is_some().into() }
    fn _PyUnicode_IsNumeric(c: u32) -> c_int { unicode::numeric(c).is_some().into() }
    fn _PyUnicode_ToDigit(c: u32) -> c_int { unicode::digit(c).map_or(-1, c_int::from) }
    fn _PyUnicode_ToNumeric(c: u32) -> f64 { unicode::numeric(c).unwrap_or(-1.0) }
    fn Py_PACK_FULL_VERSION(major: c_int, minor: c_int, micro: c_int, level: c_int, serial: c_int) -> u32 {
        let part = |value: c_int, mask: u32| value as u32 & mask;
        part(major, 0xff) << 24 | part(minor, 0xff) << 16 | part(micro, 0xff) << 8 | part(level, 0xf) << 4 | part(serial, 0xf)
    }
    fn Py_PACK_VERSION(major: c_int, minor: c_int) -> u32 { Py_PACK_FULL_VERSION(major, minor, 0, 0, 0) }
}
