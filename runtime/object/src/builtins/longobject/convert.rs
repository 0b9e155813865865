//! Conversion of integers from and to other representations.
use super::Int;
use super::ops::{SCRATCH, has_room};
use crate::handle::{Attached, Ref};
use crate::{PyResult, raise};
use krait_text::intarith;
use num_bigint::BigInt;
use std::sync::atomic::Ordering::Relaxed;

impl Int {
    /// # Errors
    /// `MemoryError`.
    pub fn from_bigint(py: Attached<'_>, value: &BigInt) -> PyResult<Ref<Int>> {
        let (negative, digits) = intarith::from_bigint(value);
        Self::from_digits(py, negative, &digits)
    }

    pub fn to_bigint(&self) -> BigInt {
        intarith::to_bigint(self.is_negative(), self.digits())
    }

    /// Truncates a float.
    ///
    /// # Errors
    /// `OverflowError` for infinities, `ValueError` for NaN.
    pub fn from_f64(py: Attached<'_>, value: f64) -> PyResult<Ref<Int>> {
        if value.abs() < 9.2e18 {
            return Self::from_i64(py, value as i64);
        }
        if value.is_infinite() {
            return Err(raise!(py, OverflowError, "cannot convert float infinity to integer"));
        }
        if value.is_nan() {
            return Err(raise!(py, ValueError, "cannot convert float NaN to integer"));
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i64 - 1075;
        let (digits, len) = intarith::from_u64(bits & ((1 << 52) - 1) | 1 << 52);
        Self::from_digits(py, value < 0.0, &intarith::shl(&digits[..len], exponent as u64))
    }

    /// Decimal text.
    ///
    /// # Errors
    /// `ValueError` beyond the interpreter's digit limit.
    pub fn to_decimal(&self, py: Attached<'_>) -> PyResult<String> {
        if let Some(value) = self.to_i64() {
            return Ok(value.to_string());
        }
        let limit = py.state().int_max_str_digits.load(Relaxed);
        let too_long = |digits: f64| limit != 0 && digits > limit as f64;
        // Three bits are less than a digit: an early refusal before the costly conversion.
        if too_long(intarith::bit_length(self.digits()) as f64 * 0.301) {
            return Err(raise!(
                py,
                ValueError,
                "Exceeds the limit ({limit} digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit"
            ));
        }
        has_room(py, SCRATCH * self.digits().len())?;
        let text = intarith::to_radix(self.digits(), 10);
        if too_long(text.len() as f64) {
            return Err(raise!(
                py,
                ValueError,
                "Exceeds the limit ({limit} digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit"
            ));
        }
        Ok(if self.is_negative() { format!("-{text}") } else { text })
    }

    /// The magnitude's digits in a base, for formatting; decimal ones are limited as in [`Int::to_decimal`].
    pub(crate) fn magnitude_text(&self, py: Attached<'_>, base: u32) -> PyResult<String> {
        if base == 10 {
            return Ok(self.to_decimal(py)?.trim_start_matches('-').to_owned());
        }
        has_room(py, SCRATCH * self.digits().len())?;
        Ok(intarith::to_radix(self.digits(), base))
    }

    /// Parses the text of `int(text, base)`: sign, prefix and underscores as in literals. `None` if it is malformed.
    ///
    /// # Errors
    /// `ValueError` beyond the interpreter's digit limit.
    pub fn parse(py: Attached<'_>, text: &str, base: u32) -> PyResult<Option<Ref<Int>>> {
        let text = text.trim_matches(|c: char| matches!(c, ' ' | '\t'..='\r' | '\x1c'..='\x1f'));
        let (negative, text) = match text.as_bytes() {
            [b'-', ..] => (true, &text[1..]),
            [b'+', ..] => (false, &text[1..]),
            _ => (false, text),
        };
        let prefix = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => 16,
            [b'0', b'o' | b'O', ..] => 8,
            [b'0', b'b' | b'B', ..] => 2,
            _ => 0,
        };
        let mut base = base;
        let mut body = text;
        if prefix != 0 && (base == 0 || base == prefix) {
            base = prefix;
            body = &text[2..];
            body = body.strip_prefix('_').unwrap_or(body);
        } else if base == 0 {
            base = 10;
            // A decimal literal may not begin with zero unless it is zero.
            if body.starts_with('0') && body.bytes().any(|byte| !matches!(byte, b'0' | b'_')) {
                return Ok(None);
            }
        }
        let bytes = body.as_bytes();
        let clean;
        let mut digits = bytes;
        if bytes.contains(&b'_') {
            if bytes.first() == Some(&b'_') || bytes.last() == Some(&b'_') || body.contains("__") {
                return Ok(None);
            }
            clean = bytes.iter().copied().filter(|byte| *byte != b'_').collect::<Vec<_>>();
            digits = &clean;
        }
        if digits.is_empty() || !digits.iter().all(|byte| (*byte as char).is_digit(base)) {
            return Ok(None);
        }
        let limit = py.state().int_max_str_digits.load(Relaxed);
        if !base.is_power_of_two() && limit != 0 && digits.len() > limit {
            return Err(raise!(
                py,
                ValueError,
                "Exceeds the limit ({limit} digits) for integer string conversion: value has {} digits; use sys.set_int_max_str_digits() to increase the limit",
                digits.len()
            ));
        }
        has_room(py, SCRATCH * (digits.len() / 8))?;
        match intarith::parse_radix(digits, base) {
            Some(digits) => Self::from_digits(py, negative, &digits).map(Some),
            None => Ok(None),
        }
    }

    /// Two's complement bytes of `length`, least significant first; `None` if the value does not fit.
    pub fn to_le_bytes(&self, length: usize, signed: bool) -> Option<Vec<u8>> {
        let mut bytes = intarith::to_biguint(self.digits()).to_bytes_le();
        if self.is_zero() {
            bytes.clear();
        }
        let fits = match bytes.len().cmp(&length) {
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal if !signed || length == 0 => true,
            // The sign bit must agree: -2^(n-1) is the one magnitude with the top bit set that fits.
            std::cmp::Ordering::Equal => {
                bytes[length - 1] < 0x80
                    || self.is_negative()
                        && bytes[length - 1] == 0x80
                        && bytes[..length - 1].iter().all(|byte| *byte == 0)
            }
        };
        if !fits {
            return None;
        }
        bytes.resize(length, 0);
        if self.is_negative() {
            negate(&mut bytes);
        }
        Some(bytes)
    }

    /// From bytes, least significant first.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn from_le_bytes(py: Attached<'_>, bytes: &[u8], signed: bool) -> PyResult<Ref<Int>> {
        if signed && bytes.last().is_some_and(|top| *top >= 0x80) {
            let mut magnitude = bytes.to_vec();
            negate(&mut magnitude);
            let value = num_bigint::BigUint::from_bytes_le(&magnitude);
            return Self::from_digits(py, true, &intarith::from_biguint(&value));
        }
        if let Ok(small) = <[u8; 8]>::try_from(bytes) {
            return Self::from_u64(py, u64::from_le_bytes(small));
        }
        Self::from_digits(py, false, &intarith::from_biguint(&num_bigint::BigUint::from_bytes_le(bytes)))
    }
}

/// Two's complement negation.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        let (value, overflow) = (!*byte).overflowing_add(u8::from(carry));
        *byte = value;
        carry = overflow;
    }
}
