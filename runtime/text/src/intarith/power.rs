//! Powers, modular powers, greatest common divisors and the bytes of integers.

use super::{LONG, MASK, SHIFT, bit_length, divmod, from_biguint, from_u64, mul, to_biguint, to_u64, trim};
use num_integer::Integer;

fn word(value: u64) -> Vec<u32> {
    let (digits, len) = from_u64(value);
    digits[..len].to_vec()
}

/// `a ** exponent`.
pub fn pow(a: &[u32], exponent: u64) -> Vec<u32> {
    if let Some(value) = to_u64(a)
        && let Some(result) = u32::try_from(exponent).ok().and_then(|e| value.checked_pow(e))
    {
        return word(result);
    }
    if a == [1] || exponent == 0 {
        return vec![1];
    }
    // A power of two needs no multiplication.
    if a.iter().map(|d| d.count_ones()).sum::<u32>() == 1 {
        return super::shl(&[1], (bit_length(a) - 1) * exponent);
    }
    if a.len() as u64 * exponent > LONG as u64
        && let Ok(e) = u32::try_from(exponent)
    {
        return from_biguint(&to_biguint(a).pow(e));
    }
    let mut out = a.to_vec();
    for bit in (0..u64::BITS - 1 - exponent.leading_zeros()).rev() {
        out = mul(&out, &out);
        if exponent >> bit & 1 == 1 {
            out = mul(&out, a);
        }
    }
    out
}

/// `a ** exponent % modulus` of magnitudes; `modulus` is not zero.
pub fn powmod(a: &[u32], exponent: &[u32], modulus: &[u32]) -> Vec<u32> {
    let Some(m) = to_u64(modulus) else {
        return from_biguint(&to_biguint(a).modpow(&to_biguint(exponent), &to_biguint(modulus)));
    };
    let m = u128::from(m);
    let base = u128::from(to_u64(&divmod(a, modulus).1).unwrap_or(0));
    let mut out = 1 % m;
    for &digit in exponent.iter().rev() {
        for bit in (0..SHIFT).rev() {
            out = out * out % m;
            if digit >> bit & 1 == 1 {
                out = out * base % m;
            }
        }
    }
    word(out as u64)
}

/// Greatest common divisor.
pub fn gcd(a: &[u32], b: &[u32]) -> Vec<u32> {
    match (to_u64(a), to_u64(b)) {
        (Some(x), Some(y)) => word(x.gcd(&y)),
        // One division makes both short.
        (Some(x), None) if x != 0 => gcd(&divmod(b, a).1, a),
        (None, Some(y)) if y != 0 => gcd(&divmod(a, b).1, b),
        _ => from_biguint(&to_biguint(a).gcd(&to_biguint(b))),
    }
}

/// Floor of the square root.
pub fn isqrt(digits: &[u32]) -> Vec<u32> {
    match to_u64(digits) {
        Some(value) => word(value.isqrt()),
        None => from_biguint(&to_biguint(digits).sqrt()),
    }
}

/// Number of bits set.
pub fn bit_count(digits: &[u32]) -> u64 {
    digits.iter().map(|d| u64::from(d.count_ones())).sum()
}

/// Number of zero bits below the lowest set bit; 0 for zero.
pub fn trailing_zeros(digits: &[u32]) -> u64 {
    let zeros = digits.iter().take_while(|&&d| d == 0).count();
    digits.get(zeros).map_or(0, |d| zeros as u64 * u64::from(SHIFT) + u64::from(d.trailing_zeros()))
}

/// Why an integer has no bytes of the length asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesError {
    /// `int too big to convert`
    TooBig,
    /// `can't convert negative int to unsigned`
    Negative,
}

/// The two's complement in `out.len()` bytes, least significant first.
pub fn to_le_bytes(negative: bool, digits: &[u32], signed: bool, out: &mut [u8]) -> Result<(), BytesError> {
    if negative && !signed {
        return Err(BytesError::Negative);
    }
    let room = out.len() as u64 * 8;
    let bits = bit_length(digits);
    let fits = match (signed, negative) {
        (false, _) => bits <= room,
        (true, false) => bits < room || bits == 0,
        // -2**(room - 1) still fits.
        (true, true) => bits < room || (bits == room && trailing_zeros(digits) + 1 == bits),
    };
    if !fits {
        return Err(BytesError::TooBig);
    }
    let (mut buffer, mut have, mut carry, mut rest) = (0u64, 0, 1u32, digits.iter());
    for slot in out {
        if have < 8 {
            buffer |= u64::from(rest.next().copied().unwrap_or(0)) << have;
            have += SHIFT;
        }
        let mut byte = u32::from(buffer as u8);
        if negative {
            carry += byte ^ 0xFF;
            byte = carry & 0xFF;
            carry >>= 8;
        }
        *slot = byte as u8;
        buffer >>= 8;
        have -= 8;
    }
    Ok(())
}

/// Sign and magnitude of bytes, least significant first.
pub fn from_le_bytes(bytes: &[u8], signed: bool) -> (bool, Vec<u32>) {
    let negative = signed && bytes.last().is_some_and(|&b| b >= 0x80);
    let mut digits = Vec::with_capacity(bytes.len() * 8 / SHIFT as usize + 1);
    let (mut buffer, mut have, mut carry) = (0u64, 0, 1u32);
    for &byte in bytes {
        let mut byte = u32::from(byte);
        if negative {
            carry += byte ^ 0xFF;
            byte = carry & 0xFF;
            carry >>= 8;
        }
        buffer |= u64::from(byte) << have;
        have += 8;
        if have >= SHIFT {
            digits.push(buffer as u32 & MASK);
            buffer >>= SHIFT;
            have -= SHIFT;
        }
    }
    digits.push(buffer as u32 & MASK);
    digits.push((buffer >> SHIFT) as u32);
    trim(&mut digits);
    (negative, digits)
}

/// The integer part of a finite float: sign and magnitude.
pub fn from_f64(value: f64) -> (bool, Vec<u32>) {
    let (negative, mantissa, exp) = crate::float::integer_ratio(value.trunc());
    let digits = super::shl(&word(mantissa), exp.max(0) as u64);
    (negative && !digits.is_empty(), digits)
}
