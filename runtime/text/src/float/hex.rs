//! `float.hex` and `float.fromhex`.

use super::bits::compose;
use super::parse::{special, trim};

/// Why a hexadecimal float cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromHexError {
    /// `ValueError`
    Invalid,
    /// `OverflowError`
    TooLarge,
}

impl FromHexError {
    /// The reference's wording.
    pub fn message(self) -> &'static str {
        match self {
            FromHexError::Invalid => "invalid hexadecimal floating-point string",
            FromHexError::TooLarge => "hexadecimal value too large to represent as a float",
        }
    }
}

/// `x.hex()`.
pub fn to_hex(x: f64) -> String {
    if !x.is_finite() {
        return super::repr(x);
    }
    let sign = if x.is_sign_negative() { "-" } else { "" };
    if x == 0.0 {
        return format!("{sign}0x0.0p+0");
    }
    let bits = x.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let biased = (bits >> 52 & 0x7FF) as i32;
    let (lead, exp) = if biased == 0 { (0, -1022) } else { (1, biased - 1023) };
    format!("{sign}0x{lead}.{fraction:013x}p{exp:+}")
}

/// `float.fromhex(text)`.
pub fn from_hex(text: &[u8]) -> Result<f64, FromHexError> {
    let text = trim(text);
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let sign = |x: f64| if negative { -x } else { x };
    if let Some(x) = special(body) {
        return Ok(sign(x));
    }
    let body = match body {
        [b'0', b'x' | b'X', rest @ ..] => rest,
        _ => body,
    };
    let (mut mantissa, mut sticky, mut exp) = (0u64, false, 0i64);
    let (mut digits, mut point, mut at) = (0usize, false, 0);
    while let Some(&b) = body.get(at) {
        match (b as char).to_digit(16) {
            Some(d) => {
                digits += 1;
                if mantissa >> 60 == 0 {
                    mantissa = mantissa << 4 | u64::from(d);
                    exp -= if point { 4 } else { 0 };
                } else {
                    sticky |= d != 0;
                    exp += if point { 0 } else { 4 };
                }
            }
            None if b == b'.' && !point => point = true,
            None => break,
        }
        at += 1;
    }
    if digits == 0 {
        return Err(FromHexError::Invalid);
    }
    if let Some(b'p' | b'P') = body.get(at) {
        at += 1;
        let minus = body.get(at) == Some(&b'-');
        if minus || body.get(at) == Some(&b'+') {
            at += 1;
        }
        let from = at;
        let mut power = 0i64;
        while let Some(d @ b'0'..=b'9') = body.get(at) {
            power = power.saturating_mul(10).saturating_add(i64::from(d - b'0')).min(i64::MAX / 4);
            at += 1;
        }
        if from == at {
            return Err(FromHexError::Invalid);
        }
        exp = exp.saturating_add(if minus { -power } else { power });
    }
    if at != body.len() {
        return Err(FromHexError::Invalid);
    }
    compose(mantissa, sticky, exp).map(sign).map_err(|_| FromHexError::TooLarge)
}
