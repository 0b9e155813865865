//! Products of long numbers by a number-theoretic transform.
//!
//! The field is that of the prime p = 2^64 - 2^32 + 1, which has roots of unity of every order up to 2^32. A limb of
//! base 10^18 is three digits of base 10^6, so sums of up to 1.8 * 10^7 products of digits stay below p.
use super::limbs::BASE;

const P: u64 = 0xFFFF_FFFF_0000_0001;
/// 2^32 - 1, which is 2^64 modulo p.
const EPSILON: u64 = 0xFFFF_FFFF;
const DIGIT: u64 = 1_000_000;

/// How many limbs the shorter factor may have for the sums to be exact.
pub const MAX_SHORT: usize = 6_000_000;

#[inline(always)]
fn add(a: u64, b: u64) -> u64 {
    let (sum, over) = a.overflowing_add(b);
    let (less, under) = sum.overflowing_sub(P);
    if over || !under { less } else { sum }
}

#[inline(always)]
fn sub(a: u64, b: u64) -> u64 {
    let (rest, under) = a.overflowing_sub(b);
    if under { rest.wrapping_add(P) } else { rest }
}

/// The product modulo p: with n = a + b * 2^64 + c * 2^96, n = a - c + b * (2^32 - 1).
#[inline(always)]
fn mul(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let (low, high) = (product as u64, (product >> 64) as u64);
    let (mut rest, under) = low.overflowing_sub(high >> 32);
    if under {
        rest = rest.wrapping_sub(EPSILON);
    }
    let (sum, over) = rest.overflowing_add((high & EPSILON) * EPSILON);
    let sum = if over { sum.wrapping_add(EPSILON) } else { sum };
    if sum >= P { sum - P } else { sum }
}

fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1;
    while exponent != 0 {
        if exponent & 1 == 1 {
            result = mul(result, base);
        }
        base = mul(base, base);
        exponent >>= 1;
    }
    result
}

/// The first half of the powers of a root of unity of order `size`.
fn roots(size: usize, inverse: bool) -> Vec<u64> {
    // 7 generates the multiplicative group.
    let mut root = power(7, (P - 1) / size as u64);
    if inverse {
        root = power(root, P - 2);
    }
    std::iter::successors(Some(1), |value| Some(mul(*value, root))).take(size / 2).collect()
}

/// Decimation in frequency: natural order to bit-reversed order.
fn forward(data: &mut [u64], roots: &[u64]) {
    let (mut width, mut step) = (data.len() / 2, 1);
    while width > 0 {
        for block in data.chunks_exact_mut(2 * width) {
            let (low, high) = block.split_at_mut(width);
            for ((a, b), root) in low.iter_mut().zip(high).zip(roots.iter().step_by(step)) {
                let (x, y) = (*a, *b);
                *a = add(x, y);
                *b = mul(sub(x, y), *root);
            }
        }
        width /= 2;
        step *= 2;
    }
}

/// Decimation in time: bit-reversed order to natural order.
fn backward(data: &mut [u64], roots: &[u64]) {
    let (mut width, mut step) = (1, data.len() / 2);
    while step > 0 {
        for block in data.chunks_exact_mut(2 * width) {
            let (low, high) = block.split_at_mut(width);
            for ((a, b), root) in low.iter_mut().zip(high).zip(roots.iter().step_by(step)) {
                let (x, y) = (*a, mul(*b, *root));
                *a = add(x, y);
                *b = sub(x, y);
            }
        }
        width *= 2;
        step /= 2;
    }
}

fn spread(limbs: &[u64], size: usize) -> Vec<u64> {
    let mut data = Vec::with_capacity(size);
    for limb in limbs {
        data.extend([limb % DIGIT, limb / DIGIT % DIGIT, limb / (DIGIT * DIGIT)]);
    }
    data.resize(size, 0);
    data
}

/// Writes the product; `out` is as long as both factors together.
pub fn multiply(out: &mut [u64], a: &[u64], b: &[u64]) {
    let size = (3 * (a.len() + b.len())).next_power_of_two();
    let table = roots(size, false);
    let mut data = spread(a, size);
    forward(&mut data, &table);
    if std::ptr::eq(a, b) {
        data.iter_mut().for_each(|value| *value = mul(*value, *value));
    } else {
        let mut other = spread(b, size);
        forward(&mut other, &table);
        data.iter_mut().zip(other).for_each(|(value, other)| *value = mul(*value, other));
    }
    drop(table);
    backward(&mut data, &roots(size, true));
    let scale = power(size as u64, P - 2);
    let mut carry = 0;
    for (limb, digits) in out.iter_mut().zip(data.chunks_exact(3).chain(std::iter::repeat(&[0; 3][..]))) {
        let mut unit = 1;
        *limb = 0;
        for digit in digits {
            let sum = u128::from(mul(*digit, scale)) + carry;
            *limb += (sum % u128::from(DIGIT)) as u64 * unit;
            carry = sum / u128::from(DIGIT);
            unit = unit.wrapping_mul(DIGIT);
        }
        debug_assert!(*limb < BASE);
    }
    debug_assert_eq!(carry, 0);
}
