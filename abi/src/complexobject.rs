//! `complexobject.h`: arithmetic on C's complex numbers; `pystrtod.h`: floats as text.
use krait_layout::Py_complex;
use krait_object::complexobject::{divide, multiply};
use krait_object::raise;
use krait_text::float::{self, Options, Style};
use std::ffi::{c_char, c_int};

fn pair(value: Py_complex) -> (f64, f64) {
    (value.real, value.imag)
}

fn made((real, imag): (f64, f64)) -> Py_complex {
    Py_complex { real, imag }
}

fn set_errno(number: c_int) {
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() = number }
}

fn power(base: (f64, f64), exponent: (f64, f64)) -> (f64, f64) {
    if exponent == (0.0, 0.0) {
        return (1.0, 0.0);
    }
    if base == (0.0, 0.0) {
        if exponent.1 != 0.0 || exponent.0 < 0.0 {
            set_errno(libc::EDOM);
        }
        return (0.0, 0.0);
    }
    let (radius, angle) = (base.0.hypot(base.1), base.1.atan2(base.0));
    let mut length = radius.powf(exponent.0);
    let mut turn = angle * exponent.0;
    if exponent.1 != 0.0 {
        length *= (-angle * exponent.1).exp();
        turn += exponent.1 * radius.ln();
    }
    let result = (length * turn.cos(), length * turn.sin());
    let overflowed = result.0.is_infinite() || result.1.is_infinite();
    if overflowed && [base.0, base.1, exponent.0, exponent.1].iter().all(|part| part.is_finite()) {
        set_errno(libc::ERANGE);
    }
    result
}

capi_raw! {
    fn _Py_c_sum(a: Py_complex, b: Py_complex) -> Py_complex { Py_complex { real: a.real + b.real, imag: a.imag + b.imag } }
    fn _Py_c_diff(a: Py_complex, b: Py_complex) -> Py_complex { Py_complex { real: a.real - b.real, imag: a.imag - b.imag } }
    fn _Py_c_neg(a: Py_complex) -> Py_complex { Py_complex { real: -a.real, imag: -a.imag } }
    fn _Py_c_prod(a: Py_complex, b: Py_complex) -> Py_complex { made(multiply(pair(a), pair(b))) }
    fn _Py_c_quot(a: Py_complex, b: Py_complex) -> Py_complex {
        match divide(pair(a), pair(b)) {
            Some(quotient) => made(quotient),
            None => { set_errno(libc::EDOM); made((0.0, 0.0)) }
        }
    }
    fn _Py_c_pow(a: Py_complex, b: Py_complex) -> Py_complex { made(power(pair(a), pair(b))) }
    fn _Py_c_abs(a: Py_complex) -> f64 {
        set_errno(0);
        let length = a.real.hypot(a.imag);
        if length.is_infinite() && a.real.is_finite() && a.imag.is_finite() { set_errno(libc::ERANGE) }
        length
    }
    fn _Py_cr_sum(a: Py_complex, b: f64) -> Py_complex { Py_complex { real: a.real + b, imag: a.imag } }
    fn _Py_cr_diff(a: Py_complex, b: f64) -> Py_complex { Py_complex { real: a.real - b, imag: a.imag } }
    fn _Py_rc_diff(a: f64, b: Py_complex) -> Py_complex { Py_complex { real: a - b.real, imag: -b.imag } }
    fn _Py_cr_prod(a: Py_complex, b: f64) -> Py_complex { Py_complex { real: a.real * b, imag: a.imag * b } }
    fn _Py_cr_quot(a: Py_complex, b: f64) -> Py_complex {
        if b == 0.0 { set_errno(libc::EDOM); return made((0.0, 0.0)) }
        Py_complex { real: a.real / b, imag: a.imag / b }
    }
}

capi! {
    fn PyOS_double_to_string(py, value: f64, style: c_char, precision: c_int, flags: c_int, kind: *mut c_int) -> *mut c_char {
        let letter = style as u8;
        let (style, precision) = match letter.to_ascii_lowercase() {
            b'r' if letter == b'r' && precision == 0 => (Style::Repr, 0),
            b'e' => (Style::Exp, precision),
            b'f' => (Style::Fixed, precision),
            // No digits would not tell one value from another.
            b'g' => (Style::General, precision.max(1)),
            _ => return Err(py.bad_internal_call()),
        };
        let Ok(precision) = usize::try_from(precision) else { return Err(raise!(py, ValueError, "precision must not be negative")) };
        let options = Options {
            style, precision,
            upper: letter.is_ascii_uppercase(),
            sign: flags & 1 != 0,
            add_dot_0: flags & 2 != 0,
            alternate: flags & 4 != 0,
        };
        let mut text = float::format(value, &options);
        if flags & 8 != 0 && text.starts_with('-') && text.bytes().all(|byte| !matches!(byte, b'1'..=b'9')) && value.is_finite() {
            text.remove(0);
        }
        if !kind.is_null() { *kind = if value.is_infinite() { 1 } else if value.is_nan() { 2 } else { 0 } }
        let block = crate::objimpl::copy_text(&text);
        if block.is_null() { return Err(py.no_memory()); }
        Ok(block)
    }
}
