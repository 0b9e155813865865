//! Floats as text: `repr`, the `e f g r` formats, parsing, hexadecimal, exact rounding.
//!
//! Shortest digits come from `zmij`; digits to a given precision come from the standard library,
//! which rounds the exact binary value correctly, ties to even.
//! This module only lays the digits out by Python's rules.

mod bits;
mod hex;
mod parse;

pub use bits::{Overflow, compose, integer_ratio, round_to_digits};
pub use hex::{FromHexError, from_hex, to_hex};
pub use parse::{parse, parse_complex, remove_underscores, to_ascii_number};

/// Presentation of a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Shortest text that reads back the same.
    Repr,
    /// `d.ddde+dd`
    Exp,
    /// `ddd.ddd`
    Fixed,
    /// `Exp` or `Fixed`, whichever suits the magnitude.
    General,
}

/// How [`format`] writes a float.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Presentation.
    pub style: Style,
    /// `E`, `INF` ... instead of `e`, `inf`.
    pub upper: bool,
    /// A `+` before what is not negative.
    pub sign: bool,
    /// Add `.0` to what would read as an integer.
    pub add_dot_0: bool,
    /// Keep the point and, in `General`, trailing zeros (`#`).
    pub alternate: bool,
    /// Digits after the point, or significant digits in `General`; not used by `Repr`.
    pub precision: usize,
}

impl Options {
    /// A style and a precision without flags.
    pub fn new(style: Style, precision: usize) -> Self {
        Options { style, upper: false, sign: false, add_dot_0: false, alternate: false, precision }
    }
}

/// No double has more digits after the point, or more significant ones.
const MAX_DIGITS: usize = 1100;

/// `repr(x)`.
pub fn repr(x: f64) -> String {
    let mut out = String::with_capacity(24);
    write_repr(&mut out, x, true, false);
    out
}

/// Append `repr(x)`; `add_dot_0` is off for the parts of a complex number, `sign` forces a `+`.
pub fn write_repr(out: &mut String, x: f64, add_dot_0: bool, sign: bool) {
    if write_special(out, x, sign, false) {
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(x.abs());
    let mut digits = [0u8; 24];
    let (mut len, mut point, mut exp, mut leading) = (0, None, 0i32, 0);
    for (at, b) in text.bytes().enumerate() {
        match b {
            b'.' => point = Some(len + leading),
            b'e' => {
                exp = text[at + 1..].parse().unwrap_or(0);
                break;
            }
            b'0' if len == 0 => leading += 1,
            _ => {
                digits[len] = b;
                len += 1;
            }
        }
    }
    let decpt = point.unwrap_or(len + leading) as i32 - leading as i32 + exp;
    while len > 0 && digits[len - 1] == b'0' {
        len -= 1;
    }
    let (digits, decpt) = if len == 0 { (&b"0"[..], 1) } else { (&digits[..len], decpt) };
    let use_exp = decpt <= -4 || decpt > 16;
    layout(out, digits, decpt, use_exp, 0, add_dot_0, false);
}

/// Write the sign, and inf or nan if it is that; whether nothing is left to write.
fn write_special(out: &mut String, x: f64, sign: bool, upper: bool) -> bool {
    if x.is_nan() {
        if sign {
            out.push('+');
        }
        out.push_str(if upper { "NAN" } else { "nan" });
        return true;
    }
    if x.is_sign_negative() {
        out.push('-');
    } else if sign {
        out.push('+');
    }
    if x.is_infinite() {
        out.push_str(if upper { "INF" } else { "inf" });
        return true;
    }
    false
}

/// `digits` with the point after `decpt` of them, at least `min_digits` digits in all.
fn layout(out: &mut String, digits: &[u8], decpt: i32, use_exp: bool, min_digits: usize, dot_0: bool, keep: bool) {
    let exp = decpt - 1;
    let decpt = if use_exp { 1 } else { decpt };
    let mut end = (digits.len() as i64).max(min_digits as i64);
    end = end.max(i64::from(decpt) + i64::from(dot_0 && !use_exp));
    let push = |out: &mut String, from: i64, to: i64| {
        for at in from..to {
            let digit = usize::try_from(at).ok().and_then(|at| digits.get(at));
            out.push(*digit.unwrap_or(&b'0') as char);
        }
    };
    let point = i64::from(decpt);
    push(out, if point <= 0 { point - 1 } else { 0 }, point);
    if end > point {
        out.push('.');
        push(out, point, end);
    } else if keep {
        out.push('.');
    }
    if use_exp {
        out.push('e');
        out.push(if exp < 0 { '-' } else { '+' });
        let exp = exp.unsigned_abs();
        if exp < 10 {
            out.push('0');
        }
        out.push_str(&exp.to_string());
    }
}

/// Format `x`; the result is ASCII.
pub fn format(x: f64, options: &Options) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(24);
    if options.style == Style::Repr {
        write_repr(&mut out, x, options.add_dot_0, options.sign);
        if options.alternate && x.is_finite() && !out.contains('.') {
            let at = out.find('e').unwrap_or(out.len());
            out.insert(at, '.');
        }
        if options.upper {
            out.make_ascii_uppercase();
        }
        return out;
    }
    if write_special(&mut out, x, options.sign, options.upper) {
        return out;
    }
    let x = x.abs();
    match options.style {
        Style::Fixed => {
            let shown = options.precision.min(MAX_DIGITS);
            // Writing to memory does not fail.
            let _ = match if (1..20).contains(&shown) { bits::scaled(x, shown) } else { None } {
                Some(whole) => {
                    let unit = 10u64.pow(shown as u32);
                    write!(out, "{}.{:0shown$}", whole / unit, whole % unit)
                }
                None => write!(out, "{x:.shown$}"),
            };
            out.extend(std::iter::repeat_n('0', options.precision - shown));
            if options.precision == 0 {
                if options.add_dot_0 {
                    out.push_str(".0");
                } else if options.alternate {
                    out.push('.');
                }
            }
        }
        Style::Exp => {
            let (digits, decpt) = significant(x, options.precision.saturating_add(1));
            layout(&mut out, &digits, decpt, true, options.precision + 1, false, options.alternate);
        }
        Style::General | Style::Repr => {
            let precision = options.precision.max(1);
            let (mut digits, decpt) = significant(x, precision);
            while digits.len() > 1 && digits.last() == Some(&b'0') {
                digits.pop();
            }
            let limit = i64::try_from(precision).unwrap_or(i64::MAX) - i64::from(options.add_dot_0);
            let use_exp = decpt <= -4 || i64::from(decpt) > limit;
            let min = if options.alternate { precision } else { 0 };
            layout(&mut out, &digits, decpt, use_exp, min, options.add_dot_0, options.alternate);
        }
    }
    if options.upper {
        out.make_ascii_uppercase();
    }
    out
}

/// Up to `count` significant digits of a finite `x >= 0`, and where the point goes.
fn significant(x: f64, count: usize) -> (Vec<u8>, i32) {
    use std::io::Write;
    let count = count.min(MAX_DIGITS);
    let mut text = Vec::with_capacity(count + 8);
    // Writing to memory does not fail.
    let _ = write!(text, "{x:.*e}", count - 1);
    let at = text.iter().rposition(|&b| b == b'e').unwrap_or(text.len());
    let exp = std::str::from_utf8(&text[at..]).ok().and_then(|t| t.trim_start_matches('e').parse::<i32>().ok());
    text.truncate(at);
    if count > 1 {
        text.remove(1);
    }
    (text, exp.unwrap_or(0) + 1)
}

/// `repr` of a complex number.
pub fn repr_complex(re: f64, im: f64) -> String {
    let mut out = String::new();
    if re == 0.0 && re.is_sign_positive() {
        write_repr(&mut out, im, false, false);
        out.push('j');
    } else {
        out.push('(');
        write_repr(&mut out, re, false, false);
        write_repr(&mut out, im, false, true);
        out.push_str("j)");
    }
    out
}
