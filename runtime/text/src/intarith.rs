//! Arithmetic on magnitudes: slices of 30-bit digits, least significant first, without leading zeros (zero is empty).
//!
//! Short operands take the direct loops here, long ones go through `num-bigint`, whose multiplication and radix
//! conversion are sub-quadratic.
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use std::cmp::Ordering;

mod divide;
mod power;
mod radix;

pub use divide::{frexp, true_divide};
pub use power::{BytesError, bit_count, from_f64, from_le_bytes, gcd, isqrt, pow, powmod, to_le_bytes, trailing_zeros};
pub use radix::{ParseError, parse_int, parse_radix, to_radix};

/// Bits of a digit.
pub const SHIFT: u32 = 30;
/// Mask of a digit.
pub const MASK: u32 = (1 << SHIFT) - 1;
/// From how many digits of the shorter operand multiplication and division go through `num-bigint`.
const LONG: usize = 32;

/// Drops leading zero digits.
pub fn trim(digits: &mut Vec<u32>) {
    while digits.last() == Some(&0) {
        digits.pop();
    }
}

/// The slice without leading zero digits.
pub fn trimmed(mut digits: &[u32]) -> &[u32] {
    while let [rest @ .., 0] = digits {
        digits = rest;
    }
    digits
}

/// The digits of a machine word.
pub fn from_u64(value: u64) -> ([u32; 3], usize) {
    let digits = [value as u32 & MASK, (value >> SHIFT) as u32 & MASK, (value >> (2 * SHIFT)) as u32];
    let len = digits.iter().rposition(|digit| *digit != 0).map_or(0, |at| at + 1);
    (digits, len)
}

/// The value if it fits a machine word.
pub fn to_u64(digits: &[u32]) -> Option<u64> {
    match *digits {
        [] => Some(0),
        [a] => Some(u64::from(a)),
        [a, b] => Some(u64::from(a) | u64::from(b) << SHIFT),
        [a, b, c] if c < 16 => Some(u64::from(a) | u64::from(b) << SHIFT | u64::from(c) << (2 * SHIFT)),
        _ => None,
    }
}

/// How many bits the value has.
pub fn bit_length(digits: &[u32]) -> u64 {
    match digits {
        [] => 0,
        [rest @ .., top] => rest.len() as u64 * u64::from(SHIFT) + u64::from(u32::BITS - top.leading_zeros()),
    }
}

/// The order of two values.
pub fn compare(a: &[u32], b: &[u32]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// `a + b`.
pub fn add(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (a, b) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let (low, high) = a.split_at(b.len());
    let mut sum = Vec::with_capacity(a.len() + 1);
    let mut carry = 0;
    let mut digit = |value: u32| {
        carry += value;
        let digit = carry & MASK;
        carry >>= SHIFT;
        digit
    };
    sum.extend(low.iter().zip(b).map(|(x, y)| digit(x + y)));
    sum.extend(high.iter().map(|x| digit(*x)));
    if carry != 0 {
        sum.push(carry);
    }
    sum
}

/// `a - b` for `a >= b`.
pub fn sub(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut difference = Vec::with_capacity(a.len());
    let mut borrow = 0i32;
    for (at, &digit) in a.iter().enumerate() {
        borrow += digit as i32 - b.get(at).copied().unwrap_or(0) as i32;
        difference.push(borrow as u32 & MASK);
        borrow >>= SHIFT;
    }
    debug_assert_eq!(borrow, 0, "the first operand is not smaller");
    trim(&mut difference);
    difference
}

/// `a * b`.
pub fn mul(a: &[u32], b: &[u32]) -> Vec<u32> {
    if a.is_empty() || b.is_empty() {
        return Vec::new();
    }
    if a.len().min(b.len()) > LONG {
        return from_biguint(&(to_biguint(a) * to_biguint(b)));
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let mut product = vec![0u32; a.len() + b.len()];
    for (at, digits) in short.chunks(2).enumerate() {
        add_product(&mut product[2 * at..], long, pair(digits));
    }
    trim(&mut product);
    product
}

/// One or two digits as a word.
#[inline(always)]
fn pair(digits: &[u32]) -> u64 {
    match *digits {
        [low, high] => u64::from(low) | u64::from(high) << SHIFT,
        [low] => u64::from(low),
        _ => 0,
    }
}

/// `sum += digits * factor` for a factor of two digits at most; the sum has room for the result.
fn add_product(sum: &mut [u32], digits: &[u32], factor: u64) {
    let (low, high) = sum.split_at_mut(digits.len());
    let mut carry = 0u64;
    let (mut slots, pairs) = (low.chunks_exact_mut(2), digits.chunks_exact(2));
    let rest = pairs.remainder();
    for (slot, digits) in (&mut slots).zip(pairs) {
        // Two digits: 2 * (2^60 - 1) + (2^60 - 1)^2 is below 2^120.
        let value = u128::from(factor) * u128::from(pair(digits)) + u128::from(pair(slot)) + u128::from(carry);
        slot[0] = value as u32 & MASK;
        slot[1] = (value >> SHIFT) as u32 & MASK;
        carry = (value >> (2 * SHIFT)) as u64;
    }
    for (slot, digit) in slots.into_remainder().iter_mut().zip(rest) {
        let value = u128::from(factor) * u128::from(*digit) + u128::from(*slot) + u128::from(carry);
        *slot = value as u32 & MASK;
        carry = (value >> SHIFT) as u64;
    }
    for slot in high {
        if carry == 0 {
            break;
        }
        carry += u64::from(*slot);
        *slot = carry as u32 & MASK;
        carry >>= SHIFT;
    }
}

/// `a / b` and `a % b` for one digit `b`, which is not zero.
pub fn divmod_digit(a: &[u32], b: u32) -> (Vec<u32>, u32) {
    let mut quotient = vec![0; a.len()];
    let mut rest = 0u64;
    for (slot, &digit) in quotient.iter_mut().zip(a).rev() {
        rest = rest << SHIFT | u64::from(digit);
        *slot = (rest / u64::from(b)) as u32;
        rest %= u64::from(b);
    }
    trim(&mut quotient);
    (quotient, rest as u32)
}

/// `a / b` and `a % b`, both truncated; `b` is not zero.
pub fn divmod(a: &[u32], b: &[u32]) -> (Vec<u32>, Vec<u32>) {
    match b {
        _ if compare(a, b).is_lt() => (Vec::new(), a.to_vec()),
        [digit] => {
            let (quotient, rest) = divmod_digit(a, *digit);
            (quotient, if rest == 0 { Vec::new() } else { vec![rest] })
        }
        _ if let (Some(a), Some(b)) = (to_u64(a), to_u64(b)) => {
            let word = |value| {
                let (digits, len) = from_u64(value);
                digits[..len].to_vec()
            };
            (word(a / b), word(a % b))
        }
        _ if b.len() <= LONG || a.len() - b.len() <= LONG => divide::knuth(a, b),
        _ => {
            let (quotient, rest) = to_biguint(a).div_rem(&to_biguint(b));
            (from_biguint(&quotient), from_biguint(&rest))
        }
    }
}

/// `a << bits`.
pub fn shl(a: &[u32], bits: u64) -> Vec<u32> {
    if a.is_empty() {
        return Vec::new();
    }
    let mut shifted = Vec::with_capacity((bits / u64::from(SHIFT)) as usize + a.len() + 1);
    shift_into(&mut shifted, a, bits);
    shifted
}

fn shift_into(shifted: &mut Vec<u32>, a: &[u32], bits: u64) {
    let (words, bits) = ((bits / u64::from(SHIFT)) as usize, (bits % u64::from(SHIFT)) as u32);
    shifted.resize(words, 0);
    let mut carry = 0u64;
    for &digit in a {
        carry |= u64::from(digit) << bits;
        shifted.push(carry as u32 & MASK);
        carry >>= SHIFT;
    }
    if carry != 0 {
        shifted.push(carry as u32);
    }
}

/// `a << bits`, or `None` if there is no memory for it.
pub fn try_shl(a: &[u32], bits: u64) -> Option<Vec<u32>> {
    let words = usize::try_from(bits / u64::from(SHIFT)).ok()?;
    let mut shifted = Vec::new();
    if !a.is_empty() {
        shifted.try_reserve_exact(words.checked_add(a.len() + 1)?).ok()?;
        shift_into(&mut shifted, a, bits);
    }
    Some(shifted)
}

/// `a >> bits`, and whether a set bit fell out.
pub fn shr(a: &[u32], bits: u64) -> (Vec<u32>, bool) {
    let (words, bits) = (bits / u64::from(SHIFT), (bits % u64::from(SHIFT)) as u32);
    if words >= a.len() as u64 {
        return (Vec::new(), !a.is_empty());
    }
    let words = words as usize;
    let lost = a[..words].iter().any(|digit| *digit != 0) || a[words] & ((1 << bits) - 1) != 0;
    let mut shifted: Vec<u32> = (words..a.len())
        .map(|at| a[at] >> bits | (a.get(at + 1).copied().unwrap_or(0) << (SHIFT - bits)) & MASK)
        .collect();
    if bits == 0 {
        shifted = a[words..].to_vec();
    }
    trim(&mut shifted);
    (shifted, lost)
}

/// The two's complement of a magnitude over `len` digits.
fn complement(digits: &[u32], negative: bool, len: usize) -> Vec<u32> {
    let mut out: Vec<u32> = (0..len).map(|at| digits.get(at).copied().unwrap_or(0)).collect();
    if negative {
        let mut carry = 1;
        for digit in &mut out {
            carry += *digit ^ MASK;
            *digit = carry & MASK;
            carry >>= SHIFT;
        }
    }
    out
}

/// A bitwise operation on two's complements of unlimited width: sign and magnitude of the result.
pub fn bitwise(a: (bool, &[u32]), b: (bool, &[u32]), op: impl Fn(u32, u32) -> u32) -> (bool, Vec<u32>) {
    let len = a.1.len().max(b.1.len()) + 1;
    let (x, y) = (complement(a.1, a.0, len), complement(b.1, b.0, len));
    let mut out: Vec<u32> = x.iter().zip(&y).map(|(x, y)| op(*x, *y) & MASK).collect();
    let negative = out[len - 1] >> (SHIFT - 1) != 0;
    if negative {
        out = complement(&out, true, len);
    }
    trim(&mut out);
    (negative, out)
}

/// Repacks the digits for `num-bigint`.
pub fn to_biguint(digits: &[u32]) -> BigUint {
    let mut words = Vec::with_capacity(digits.len());
    let (mut bits, mut have) = (0u64, 0);
    for &digit in digits {
        bits |= u64::from(digit) << have;
        have += SHIFT;
        if have >= 32 {
            words.push(bits as u32);
            bits >>= 32;
            have -= 32;
        }
    }
    if have > 0 {
        words.push(bits as u32);
    }
    BigUint::new(words)
}

/// Repacks from `num-bigint`.
pub fn from_biguint(value: &BigUint) -> Vec<u32> {
    let mut digits = Vec::with_capacity((value.bits() / u64::from(SHIFT) + 1) as usize);
    let (mut bits, mut have) = (0u64, 0);
    for word in value.iter_u32_digits() {
        bits |= u64::from(word) << have;
        have += 32;
        while have >= SHIFT {
            digits.push(bits as u32 & MASK);
            bits >>= SHIFT;
            have -= SHIFT;
        }
    }
    if bits != 0 {
        digits.push(bits as u32);
    }
    trim(&mut digits);
    digits
}

/// A signed value for `num-bigint`.
pub fn to_bigint(negative: bool, digits: &[u32]) -> BigInt {
    BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, to_biguint(digits))
}

/// Sign and magnitude of a signed value.
pub fn from_bigint(value: &BigInt) -> (bool, Vec<u32>) {
    (value.sign() == Sign::Minus, from_biguint(value.magnitude()))
}

/// The nearest double, ties to even; `None` when it is out of range.
pub fn to_f64(digits: &[u32]) -> Option<f64> {
    if let Some(value) = to_u64(digits) {
        return Some(value as f64);
    }
    let bits = bit_length(digits);
    if bits > 1024 {
        return None;
    }
    // 64 leading bits, the lowest of which is sticky, round like the whole value.
    let (top, lost) = shr(digits, bits - 64);
    let top = to_u64(&top).expect("64 bits") | u64::from(lost);
    let value = top as f64 * 2f64.powi((bits - 64) as i32);
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn big(text: &str) -> Vec<u32> {
        parse_radix(text.as_bytes(), 10).expect("digits")
    }

    #[test]
    fn repacking_round_trips() {
        for text in ["0", "1", "1073741823", "1073741824", "123456789012345678901234567890123456789"] {
            assert_eq!(to_radix(&big(text), 10), text);
            assert_eq!(from_biguint(&to_biguint(&big(text))), big(text));
        }
    }

    #[test]
    fn division_undoes_multiplication() {
        let (a, b) = (big("98765432109876543210987654321"), big("12345678901234567890"));
        let (quotient, rest) = divmod(&add(&mul(&a, &b), &big("77")), &b);
        assert_eq!((to_radix(&quotient, 10), rest), (to_radix(&a, 10), big("77")));
    }

    #[test]
    fn bitwise_follows_twos_complement() {
        for (a, b) in [(5i64, -3i64), (-8, -1), (1 << 40, -(1 << 35)), (0, -7)] {
            let (da, db) = (from_u64(a.unsigned_abs()), from_u64(b.unsigned_abs()));
            let (negative, out) = bitwise((a < 0, &da.0[..da.1]), (b < 0, &db.0[..db.1]), |x, y| x & y);
            let value = to_u64(&out).expect("small") as i64;
            assert_eq!(if negative { -value } else { value }, a & b);
        }
    }

    #[test]
    fn rounding_to_double_is_to_even() {
        for text in ["9007199254740993", "36893488147419107329", "170141183460469231731687303715884105727"] {
            assert_eq!(to_f64(&big(text)), text.parse().ok());
        }
        assert_eq!(to_f64(&shl(&[1], 1024)), None);
    }
}
