//! Division: Knuth's algorithm D (The Art of Computer Programming 4.3.1) and the quotient as a float.

use super::{MASK, SHIFT, bit_length, shl, shr, to_u64, trim};
use crate::float::{Overflow, compose};

/// `a / b` and `a % b`, where `b` has at least two digits and is not longer than `a`.
pub(super) fn knuth(a: &[u32], b: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let n = b.len();
    // With the divisor's top bit set, an estimate from two digits is at most two too high.
    let shift = SHIFT - (u32::BITS - b[n - 1].leading_zeros());
    let v = shl(b, shift.into());
    let mut u = shl(a, shift.into());
    u.resize(a.len() + 1, 0);
    let (top, second) = (u64::from(v[n - 1]), u64::from(v[n - 2]));
    let mut quotient = vec![0; a.len() - n + 1];
    for j in (0..quotient.len()).rev() {
        let head = u64::from(u[j + n]) << SHIFT | u64::from(u[j + n - 1]);
        let (mut q, mut r) = (head / top, head % top);
        while q > u64::from(MASK) || q * second > (r << SHIFT | u64::from(u[j + n - 2])) {
            q -= 1;
            r += top;
            if r > u64::from(MASK) {
                break;
            }
        }
        let (mut carry, mut borrow) = (0u64, 0i64);
        for (slot, &digit) in u[j..].iter_mut().zip(&v) {
            carry += q * u64::from(digit);
            borrow += i64::from(*slot) - (carry as u32 & MASK) as i64;
            *slot = borrow as u32 & MASK;
            carry >>= SHIFT;
            borrow >>= SHIFT;
        }
        borrow += i64::from(u[j + n]) - carry as i64;
        u[j + n] = 0;
        if borrow < 0 {
            q -= 1;
            let mut carry = 0;
            for (slot, &digit) in u[j..].iter_mut().zip(&v) {
                carry += *slot + digit;
                *slot = carry & MASK;
                carry >>= SHIFT;
            }
        }
        quotient[j] = q as u32;
    }
    trim(&mut quotient);
    u.truncate(n);
    trim(&mut u);
    (quotient, shr(&u, shift.into()).0)
}

/// `a / b` as the nearest float, ties to even; `b` is not zero.
pub fn true_divide(a: &[u32], b: &[u32]) -> Result<f64, Overflow> {
    const EXACT: u64 = 1 << 53;
    if let (Some(x), Some(y)) = (to_u64(a), to_u64(b))
        && x <= EXACT
        && y <= EXACT
    {
        return Ok(x as f64 / y as f64);
    }
    if a.is_empty() {
        return Ok(0.0);
    }
    let difference = bit_length(a) as i64 - bit_length(b) as i64;
    if difference > 1025 {
        return Err(Overflow);
    }
    if difference < -1080 {
        return Ok(0.0);
    }
    // The quotient of a * 2**-shift and b has 62 or 63 bits.
    let shift = difference - 62;
    let (quotient, rest) = if shift >= 0 {
        super::divmod(a, &shl(b, shift as u64))
    } else {
        super::divmod(&shl(a, shift.unsigned_abs()), b)
    };
    compose(to_u64(&quotient).unwrap_or(u64::MAX), !rest.is_empty(), shift)
}

/// `(m, e)` with the value nearest to `m * 2**e` and `0.5 <= m < 1`, for values beyond a float's range.
/// Zero gives `(0.0, 0)`.
pub fn frexp(digits: &[u32]) -> (f64, u64) {
    let bits = bit_length(digits);
    if bits == 0 {
        return (0.0, 0);
    }
    let (top, lost) = if bits <= 62 { (digits.to_vec(), false) } else { shr(digits, bits - 62) };
    let top = to_u64(&top).unwrap_or(u64::MAX);
    let mantissa = compose(top, lost, -(bits.min(62) as i64)).unwrap_or(1.0);
    if mantissa == 1.0 { (0.5, bits + 1) } else { (mantissa, bits) }
}
