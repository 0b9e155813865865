//! Natural numbers in base 10^18.
//!
//! A number is a little-endian sequence of limbs without leading zeros; zero is empty. The base leaves room for sixteen
//! products of limbs in a `u128`, and a limb is three digits of base 10^6, which the transform in [`ntt`](super::ntt)
//! works on.
use super::ntt;
use smallvec::SmallVec;
use std::cmp::Ordering;

/// The digits of a number; up to four limbs (72 decimal digits) need no memory of their own.
pub type Limbs = SmallVec<[u64; 4]>;

/// Decimal digits of a limb.
pub const WIDTH: usize = 18;
/// The base.
pub const BASE: u64 = 1_000_000_000_000_000_000;

/// Products of numbers with fewer limbs are made limb by limb.
const KARATSUBA: usize = 40;
/// Products of numbers with more limbs are made by a transform.
const TRANSFORM: usize = 700;
/// Divisors with more limbs are divided recursively.
const RECURSIVE_DIVISION: usize = 60;

/// The powers of ten that fit in a `u64`.
pub const POW10: [u64; 20] = {
    let mut table = [1; 20];
    let mut at = 1;
    while at < 20 {
        table[at] = table[at - 1] * 10;
        at += 1;
    }
    table
};

/// A divisor below 2^63 with its reciprocal: division of two words by one, as in "Improved division by invariant
/// integers" by Möller and Granlund.
#[derive(Clone, Copy)]
struct Reciprocal {
    divisor: u64,
    inverse: u64,
    shift: u32,
}

impl Reciprocal {
    const fn new(divisor: u64) -> Self {
        let shift = divisor.leading_zeros();
        let divisor = divisor << shift;
        let inverse = (u128::MAX / divisor as u128) as u64;
        Reciprocal { divisor, inverse, shift }
    }

    /// Quotient and rest; the quotient fits in a word.
    #[inline(always)]
    fn divide(self, number: u128) -> (u64, u64) {
        let number = number << self.shift;
        let (high, low) = ((number >> 64) as u64, number as u64);
        debug_assert!(high < self.divisor);
        let guess = u128::from(self.inverse) * u128::from(high) + number;
        let mut quotient = ((guess >> 64) as u64).wrapping_add(1);
        let mut rest = low.wrapping_sub(quotient.wrapping_mul(self.divisor));
        if rest > guess as u64 {
            quotient = quotient.wrapping_sub(1);
            rest = rest.wrapping_add(self.divisor);
        }
        if rest >= self.divisor {
            quotient = quotient.wrapping_add(1);
            rest -= self.divisor;
        }
        (quotient, rest >> self.shift)
    }
}

const BY_BASE: Reciprocal = Reciprocal::new(BASE);

/// Reciprocals of the powers of ten.
const BY_POW10: [Reciprocal; WIDTH + 1] = {
    let mut table = [BY_BASE; WIDTH + 1];
    let mut at = 0;
    while at <= WIDTH {
        table[at] = Reciprocal::new(POW10[at]);
        at += 1;
    }
    table
};

/// How many decimal digits a limb has; 0 for 0.
#[inline]
pub fn limb_digits(limb: u64) -> usize {
    let guess = ((64 - limb.leading_zeros()) as usize * 1233) >> 12;
    guess + usize::from(limb >= POW10[guess])
}

/// How many decimal digits a number has; 1 for zero.
#[inline]
pub fn digits(a: &[u64]) -> usize {
    match a.last() {
        Some(top) => (a.len() - 1) * WIDTH + limb_digits(*top),
        None => 1,
    }
}

/// Removes leading zeros.
#[inline]
pub fn trim(a: &mut Limbs) {
    while a.last() == Some(&0) {
        a.pop();
    }
}

/// A slice without leading zeros.
#[inline]
pub fn trimmed(mut a: &[u64]) -> &[u64] {
    while let [rest @ .., 0] = a {
        a = rest;
    }
    a
}

pub fn from_u128(mut value: u128) -> Limbs {
    let mut limbs = Limbs::new();
    while value != 0 {
        limbs.push((value % u128::from(BASE)) as u64);
        value /= u128::from(BASE);
    }
    limbs
}

#[inline]
pub fn from_u64(value: u64) -> Limbs {
    let mut limbs = Limbs::new();
    if value >= BASE {
        limbs.push(value % BASE);
        limbs.push(value / BASE);
    } else if value != 0 {
        limbs.push(value);
    }
    limbs
}

/// The value if it fits in a `u64`.
pub fn to_u64(a: &[u64]) -> Option<u64> {
    match a {
        [] => Some(0),
        [a] => Some(*a),
        [a, b] => b.checked_mul(BASE)?.checked_add(*a),
        _ => None,
    }
}

#[inline]
pub fn compare(a: &[u64], b: &[u64]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// `a += b`, where `a` is as long as `b` at least; returns the carry.
fn add_assign(a: &mut [u64], b: &[u64]) -> bool {
    let mut carry = 0;
    let (low, high) = a.split_at_mut(b.len());
    for (a, b) in low.iter_mut().zip(b) {
        let sum = *a + *b + carry;
        carry = u64::from(sum >= BASE);
        *a = sum - if carry != 0 { BASE } else { 0 };
    }
    for a in high {
        if carry == 0 {
            return false;
        }
        let sum = *a + 1;
        carry = u64::from(sum == BASE);
        *a = if carry != 0 { 0 } else { sum };
    }
    carry != 0
}

/// `a -= b`, where `a` is as long as `b` at least; returns the borrow.
fn sub_assign(a: &mut [u64], b: &[u64]) -> bool {
    let mut borrow = 0;
    let (low, high) = a.split_at_mut(b.len());
    for (a, b) in low.iter_mut().zip(b) {
        let take = *b + borrow;
        borrow = u64::from(*a < take);
        *a = a.wrapping_add(if borrow != 0 { BASE } else { 0 }).wrapping_sub(take);
    }
    for a in high {
        if borrow == 0 {
            return false;
        }
        borrow = u64::from(*a == 0);
        *a = if borrow != 0 { BASE - 1 } else { *a - 1 };
    }
    borrow != 0
}

pub fn add(a: &[u64], b: &[u64]) -> Limbs {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut sum = Limbs::with_capacity(long.len() + 1);
    sum.extend_from_slice(long);
    if add_assign(&mut sum, short) {
        sum.push(1);
    }
    sum
}

/// `a - b`, where `a >= b`.
pub fn sub(a: &[u64], b: &[u64]) -> Limbs {
    let mut rest = Limbs::from_slice(a);
    let borrow = sub_assign(&mut rest, b);
    debug_assert!(!borrow);
    trim(&mut rest);
    rest
}

/// `a += 1`.
pub fn increment(a: &mut Limbs) {
    if a.is_empty() || add_assign(a, &[1]) {
        a.push(1);
    }
}

pub fn mul_small(a: &[u64], factor: u64) -> Limbs {
    debug_assert!(factor < BASE);
    let mut product = Limbs::with_capacity(a.len() + 1);
    let mut carry = 0;
    for limb in a {
        let (high, low) = BY_BASE.divide(u128::from(*limb) * u128::from(factor) + u128::from(carry));
        product.push(low);
        carry = high;
    }
    if carry != 0 {
        product.push(carry);
    }
    trim(&mut product);
    product
}

/// Quotient and rest of a division by one limb.
pub fn divrem_small(a: &[u64], divisor: u64) -> (Limbs, u64) {
    let by = Reciprocal::new(divisor);
    let mut quotient = Limbs::from_elem(0, a.len());
    let mut rest = 0;
    for (at, limb) in a.iter().enumerate().rev() {
        let (high, low) = by.divide(u128::from(rest) * u128::from(BASE) + u128::from(*limb));
        quotient[at] = high;
        rest = low;
    }
    trim(&mut quotient);
    (quotient, rest)
}

/// The product, column by column. `out` is as long as both factors together.
fn mul_columns(out: &mut [u64], a: &[u64], b: &[u64]) {
    let mut carry = 0u128;
    for column in 0..a.len() + b.len() - 1 {
        let first = column.saturating_sub(b.len() - 1);
        let last = column.min(a.len() - 1);
        let (mut sum, mut next) = (carry, 0u128);
        for block in (first..=last).step_by(16) {
            for at in block..=last.min(block + 15) {
                sum += u128::from(a[at]) * u128::from(b[column - at]);
            }
            let (high, low) = BY_BASE.divide(sum);
            next += u128::from(high);
            sum = u128::from(low);
        }
        out[column] = sum as u64;
        carry = next;
    }
    out[a.len() + b.len() - 1] = carry as u64;
}

/// Karatsuba's product of two numbers of the same length.
fn mul_karatsuba(out: &mut [u64], a: &[u64], b: &[u64]) {
    let half = a.len().div_ceil(2);
    let ((a0, a1), (b0, b1)) = (a.split_at(half), b.split_at(half));
    {
        let (low, high) = out.split_at_mut(2 * half);
        mul_into(low, a0, b0);
        mul_into(high, a1, b1);
    }
    let (sum_a, sum_b) = (add(a0, a1), add(b0, b1));
    let mut middle = vec![0; sum_a.len() + sum_b.len()];
    mul_into(&mut middle, &sum_a, &sum_b);
    sub_assign(&mut middle, &out[..2 * half]);
    sub_assign(&mut middle, trimmed(&out[2 * half..]));
    add_assign(&mut out[half..], trimmed(&middle));
}

/// Writes the product; `out` is as long as both factors together.
fn mul_into(out: &mut [u64], a: &[u64], b: &[u64]) {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    if short.is_empty() {
        out.fill(0);
    } else if short.len() < KARATSUBA {
        mul_columns(out, long, short);
    } else if short.len() > TRANSFORM && short.len() <= ntt::MAX_SHORT && long.len() < 4 * short.len() {
        ntt::multiply(out, long, short);
    } else if long.len() == short.len() {
        mul_karatsuba(out, long, short);
    } else {
        out.fill(0);
        let mut part = vec![0; 2 * short.len()];
        for (at, block) in long.chunks(short.len()).enumerate() {
            let part = &mut part[..block.len() + short.len()];
            mul_into(part, block, short);
            add_assign(&mut out[at * short.len()..], part);
        }
    }
}

pub fn mul(a: &[u64], b: &[u64]) -> Limbs {
    match (a, b) {
        ([], _) | (_, []) => return Limbs::new(),
        ([a], [b]) => {
            let (high, low) = BY_BASE.divide(u128::from(*a) * u128::from(*b));
            let mut product = Limbs::new();
            product.push(low);
            if high != 0 {
                product.push(high);
            }
            return product;
        }
        _ => {}
    }
    let mut product = Limbs::from_elem(0, a.len() + b.len());
    mul_into(&mut product, a, b);
    trim(&mut product);
    product
}

/// Quotient and rest of `a / b`, where `b` is not zero.
pub fn divrem(a: &[u64], b: &[u64]) -> (Limbs, Limbs) {
    if compare(a, b).is_lt() {
        return (Limbs::new(), Limbs::from_slice(a));
    }
    if let [b] = b {
        let (quotient, rest) = divrem_small(a, *b);
        return (quotient, from_u64(rest));
    }
    // The top limb of the divisor becomes at least half the base.
    let scale = BASE / (b[b.len() - 1] + 1);
    let divisor = mul_small(b, scale);
    let mut rest: Vec<u64> = mul_small(a, scale).to_vec();
    if rest.len() == a.len() {
        rest.push(0);
    }
    let quotient = if divisor.len() <= RECURSIVE_DIVISION || a.len() - b.len() <= RECURSIVE_DIVISION {
        let mut quotient = vec![0; rest.len() - divisor.len()];
        divide_long(&mut quotient, &mut rest, &divisor);
        quotient
    } else {
        divide_blocks(&mut rest, &divisor)
    };
    let mut quotient = Limbs::from_vec(quotient);
    trim(&mut quotient);
    let mut rest = Limbs::from_vec(rest);
    trim(&mut rest);
    let (rest, _) = divrem_small(&rest, scale);
    (quotient, rest)
}

/// Knuth's algorithm D: `a` becomes the rest. The top limb of `b` is at least half the base, `b` has two limbs or more,
/// and the top `b.len()` limbs of `a` are less than `b`.
fn divide_long(quotient: &mut [u64], a: &mut [u64], b: &[u64]) {
    let n = b.len();
    let by = Reciprocal::new(b[n - 1]);
    let second = u128::from(b[n - 2]);
    for at in (0..a.len() - n).rev() {
        let top = u128::from(a[at + n]) * u128::from(BASE) + u128::from(a[at + n - 1]);
        let (mut guess, rest) = by.divide(top);
        let mut rest = u128::from(rest);
        while guess >= BASE || u128::from(guess) * second > rest * u128::from(BASE) + u128::from(a[at + n - 2]) {
            guess -= 1;
            rest += u128::from(b[n - 1]);
            if rest >= u128::from(BASE) {
                break;
            }
        }
        let part = &mut a[at..=at + n];
        let mut carry = 0;
        for (a, b) in part.iter_mut().zip(b) {
            let (high, low) = BY_BASE.divide(u128::from(guess) * u128::from(*b) + u128::from(carry));
            carry = high;
            if *a < low {
                *a += BASE;
                carry += 1;
            }
            *a -= low;
        }
        if part[n] < carry {
            part[n] = part[n].wrapping_sub(carry);
            guess -= 1;
            add_assign(&mut part[..n], b);
            part[n] = 0;
        } else {
            part[n] -= carry;
        }
        quotient[at] = guess;
    }
}

/// Division of a long number by blocks of the divisor's length.
fn divide_blocks(a: &mut Vec<u64>, b: &[u64]) -> Vec<u64> {
    let n = b.len();
    let mut quotient = vec![0; a.len().div_ceil(n) * n];
    let blocks = a.len().div_ceil(n);
    a.resize(blocks * n, 0);
    if compare(trimmed(&a[(blocks - 1) * n..]), b).is_ge() {
        a.resize((blocks + 1) * n, 0);
        quotient.resize((blocks + 1) * n, 0);
    }
    let blocks = a.len() / n;
    for at in (0..blocks - 1).rev() {
        divide_recursive(&mut quotient[at * n..(at + 1) * n], &mut a[at * n..(at + 2) * n], b);
    }
    quotient
}

/// Burnikel and Ziegler's division of `a`, of at most `2n` limbs, by the `n` limbs of `b`: `a` becomes the rest. The
/// top `n` limbs of `a` are less than `b`; the quotient has `a.len() - n` limbs.
fn divide_recursive(quotient: &mut [u64], a: &mut [u64], b: &[u64]) {
    let (n, count) = (b.len(), a.len() - b.len());
    if count <= RECURSIVE_DIVISION || n <= RECURSIVE_DIVISION {
        return divide_long(quotient, a, b);
    }
    let low = count / 2;
    divide_step(&mut quotient[low..], &mut a[low..], b);
    divide_step(&mut quotient[..low], &mut a[..low + n], b);
}

/// As [`divide_recursive`] for a quotient shorter than the divisor: divides by the top of the divisor and corrects.
fn divide_step(quotient: &mut [u64], a: &mut [u64], b: &[u64]) {
    let (n, count) = (b.len(), a.len() - b.len());
    if count <= RECURSIVE_DIVISION {
        return divide_long(quotient, a, b);
    }
    let skip = n - count;
    if skip == 0 {
        return divide_recursive(quotient, a, b);
    }
    let top = &b[skip..];
    // The quotient's upper bound is all nines when the tops are the same.
    let above = &a[skip + count..];
    if compare(trimmed(above), top).is_ge() {
        quotient.fill(BASE - 1);
        // a - (10^k - 1) * top
        sub_assign(&mut a[skip + count..], top);
        let carry = add_assign(&mut a[skip..], top);
        debug_assert!(!carry);
    } else {
        divide_recursive(quotient, &mut a[skip..], top);
    }
    let product = mul(trimmed(quotient), &b[..skip]);
    // The rest may fall below zero; the borrow tells.
    let mut below = sub_assign(a, &product);
    while below {
        let borrow = sub_assign(quotient, &[1]);
        debug_assert!(!borrow);
        below = !add_assign(a, b);
    }
}

/// `a * 10^count`.
pub fn shift_left(a: &[u64], count: usize) -> Limbs {
    if a.is_empty() || count == 0 {
        return Limbs::from_slice(a);
    }
    let (limbs, part) = (count / WIDTH, count % WIDTH);
    let mut out = Limbs::with_capacity(a.len() + limbs + 1);
    out.resize(limbs, 0);
    if part == 0 {
        out.extend_from_slice(a);
        return out;
    }
    let (factor, by) = (POW10[part], BY_POW10[WIDTH - part]);
    let mut carry = 0;
    for limb in a {
        let (high, low) = by.divide(u128::from(*limb));
        out.push(low * factor + carry);
        carry = high;
    }
    if carry != 0 {
        out.push(carry);
    }
    out
}

/// What a right shift drops, as a part of the unit of the last digit that stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Dropped {
    Nothing,
    BelowHalf,
    Half,
    AboveHalf,
}

/// `a / 10^count`, and what is dropped.
pub fn shift_right(a: &[u64], count: usize) -> (Limbs, Dropped) {
    if count == 0 {
        return (Limbs::from_slice(a), Dropped::Nothing);
    }
    let total = digits(a);
    if a.is_empty() {
        return (Limbs::new(), Dropped::Nothing);
    }
    if count > total {
        return (Limbs::new(), Dropped::BelowHalf);
    }
    // The first dropped digit and the ones below it.
    let first = digit(a, count - 1);
    let below = match first {
        0 | 5 => !lowest_digits_zero(a, count - 1),
        _ => false,
    };
    let dropped = match first {
        0 if !below => Dropped::Nothing,
        0..5 => Dropped::BelowHalf,
        5 if !below => Dropped::Half,
        _ => Dropped::AboveHalf,
    };
    (floor_shift_right(a, count), dropped)
}

/// `a / 10^count`.
pub fn floor_shift_right(a: &[u64], count: usize) -> Limbs {
    let (limbs, part) = (count / WIDTH, count % WIDTH);
    let a = a.get(limbs..).unwrap_or(&[]);
    if part == 0 {
        return Limbs::from_slice(a);
    }
    let (by, factor) = (BY_POW10[part], POW10[WIDTH - part]);
    let mut out = Limbs::from_elem(0, a.len());
    let mut above = 0;
    for (at, limb) in a.iter().enumerate().rev() {
        let (high, low) = by.divide(u128::from(*limb));
        out[at] = above * factor + high;
        above = low;
    }
    trim(&mut out);
    out
}

/// `a % 10^count`.
pub fn low_digits(a: &[u64], count: usize) -> Limbs {
    let (limbs, part) = (count / WIDTH, count % WIDTH);
    if limbs >= a.len() {
        return Limbs::from_slice(a);
    }
    let mut out = Limbs::from_slice(&a[..limbs]);
    if part != 0 {
        out.push(a[limbs] % POW10[part]);
    }
    trim(&mut out);
    out
}

/// The decimal digit at a position, 0 for the lowest.
pub fn digit(a: &[u64], at: usize) -> u8 {
    let limb = a.get(at / WIDTH).copied().unwrap_or(0);
    (limb / POW10[at % WIDTH] % 10) as u8
}

fn lowest_digits_zero(a: &[u64], count: usize) -> bool {
    let (limbs, part) = (count / WIDTH, count % WIDTH);
    a.iter().take(limbs).all(|limb| *limb == 0)
        && (part == 0 || a.get(limbs).is_none_or(|limb| limb % POW10[part] == 0))
}

/// How many zeros a number ends in; 0 for zero.
pub fn trailing_zeros(a: &[u64]) -> usize {
    let Some(limbs) = a.iter().position(|limb| *limb != 0) else { return 0 };
    let (mut limb, mut count) = (a[limbs], 0);
    for step in [16, 8, 4, 2, 1] {
        if limb % POW10[step] == 0 {
            limb /= POW10[step];
            count += step;
        }
    }
    limbs * WIDTH + count
}

/// 10^count - 1.
pub fn nines(count: usize) -> Limbs {
    let mut out = Limbs::from_elem(BASE - 1, count / WIDTH);
    if !count.is_multiple_of(WIDTH) {
        out.push(POW10[count % WIDTH] - 1);
    }
    out
}

/// Whether a number is 10^(digits - 1).
pub fn is_power_of_ten(a: &[u64]) -> bool {
    !a.is_empty() && trailing_zeros(a) == digits(a) - 1 && digit(a, digits(a) - 1) == 1
}

/// The largest number whose square is not above `a`.
pub fn sqrt(a: &[u64]) -> Limbs {
    if a.len() <= 2 {
        let value = a.iter().rev().fold(0u128, |value, limb| value * u128::from(BASE) + u128::from(*limb));
        return from_u128(value.isqrt());
    }
    // From the root of the top half, rounded up, Newton's steps come down to the root.
    let skip = a.len().div_ceil(4);
    let mut guess = sqrt(&a[2 * skip..]);
    increment(&mut guess);
    guess.insert_from_slice(0, &vec![0; skip]);
    loop {
        let (quotient, _) = divrem(a, &guess);
        let (next, _) = divrem_small(&add(&guess, &quotient), 2);
        if compare(&next, &guess).is_ge() {
            return guess;
        }
        guess = next;
    }
}

/// A number of little-endian base 2^64 words.
pub fn from_words(words: &[u64]) -> Limbs {
    fn convert(words: &[u64], powers: &[Limbs]) -> Limbs {
        if words.len() <= 16 {
            // word by word from the top
            let mut out: Vec<u64> = Vec::with_capacity(words.len() * 2);
            for word in words.iter().rev() {
                let mut carry = u128::from(*word);
                for limb in &mut out {
                    let value = (u128::from(*limb) << 64) + carry;
                    let (high, low) = divide_wide(value);
                    *limb = low;
                    carry = high;
                }
                while carry != 0 {
                    out.push((carry % u128::from(BASE)) as u64);
                    carry /= u128::from(BASE);
                }
            }
            return Limbs::from_vec(out);
        }
        // powers[k] is 2^(64 * 16 * 2^k)
        let level = (words.len().div_ceil(16).next_power_of_two().trailing_zeros() - 1) as usize;
        let (low, high) = words.split_at(16 << level);
        let high = convert(trimmed(high), powers);
        let low = convert(trimmed(low), powers);
        add(&mul(&high, &powers[level]), &low)
    }
    let words = trimmed(words);
    let mut powers = Vec::new();
    if words.len() > 16 {
        let mut power = vec![0; 16];
        power.push(1);
        powers.push(convert_power(&power));
        let mut size = 16;
        while size * 2 < words.len() {
            let last = &powers[powers.len() - 1];
            powers.push(mul(last, last));
            size *= 2;
        }
    }
    convert(words, &powers)
}

/// 2^(64 * 16), limb by limb.
fn convert_power(words: &[u64]) -> Limbs {
    let mut out = from_u64(1);
    for _ in 1..words.len() {
        out = mul(&out, &from_u128(1 << 64));
    }
    out
}

/// Division by the base of what may have a quotient of more than one word.
fn divide_wide(value: u128) -> (u128, u64) {
    let base = u128::from(BASE);
    (value / base, (value % base) as u64)
}

/// The digits as text, without leading zeros; "0" for zero.
pub fn push_text(a: &[u64], out: &mut Vec<u8>) {
    let Some((top, rest)) = a.split_last() else {
        out.push(b'0');
        return;
    };
    let width = limb_digits(*top);
    push_limb(*top, width, out);
    for limb in rest.iter().rev() {
        push_limb(*limb, WIDTH, out);
    }
}

fn push_limb(mut limb: u64, width: usize, out: &mut Vec<u8>) {
    let mut text = [b'0'; WIDTH];
    for at in (0..width).rev() {
        text[at] = b'0' + (limb % 10) as u8;
        limb /= 10;
    }
    out.extend_from_slice(&text[..width]);
}

/// The number of a text of ASCII digits.
pub fn from_text(text: &[u8]) -> Limbs {
    let start = text.iter().position(|digit| *digit != b'0').unwrap_or(text.len());
    let mut out = Limbs::new();
    for block in text[start..].rchunks(WIDTH) {
        out.push(block.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigUint;

    fn big(a: &[u64]) -> BigUint {
        a.iter().rev().fold(BigUint::ZERO, |value, limb| value * BASE + *limb)
    }

    /// A repeatable sequence of numbers with many extreme limbs.
    fn sample(seed: u64, len: usize) -> Limbs {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut out: Limbs = (0..len)
            .map(|_| match next() % 4 {
                0 => BASE - 1 - next() % 2,
                1 => next() % 2,
                _ => next() % BASE,
            })
            .collect();
        if let Some(top) = out.last_mut() {
            *top = (*top).max(1);
        }
        out
    }

    #[test]
    fn products_of_all_sizes_are_exact() {
        for (at, (m, n)) in [(1, 1), (2, 3), (17, 40), (45, 45), (90, 300), (800, 900), (701, 3000), (1500, 1500)]
            .into_iter()
            .enumerate()
        {
            let (a, b) = (sample(at as u64 + 1, m), sample(at as u64 + 99, n));
            assert_eq!(big(&mul(&a, &b)), big(&a) * big(&b), "{m} by {n} limbs");
        }
    }

    #[test]
    fn quotients_and_rests_are_exact() {
        for seed in 0..40 {
            for (m, n) in [(3, 2), (4, 4), (50, 20), (130, 61), (300, 100), (700, 350), (500, 130), (900, 100)] {
                let (a, b) = (sample(seed * 7 + 1, m), sample(seed * 5 + 2, n));
                let (quotient, rest) = divrem(&a, &b);
                assert!(compare(&rest, &b).is_lt());
                assert_eq!(big(&quotient) * big(&b) + big(&rest), big(&a), "{m} by {n} limbs, seed {seed}");
            }
        }
        // A quotient of nines, where the first guess of each step is the largest.
        let (a, b) = (nines(18 * 600), nines(18 * 300));
        let (quotient, rest) = divrem(&a, &b);
        assert_eq!(big(&quotient) * big(&b) + big(&rest), big(&a));
    }

    #[test]
    fn roots_shifts_and_words() {
        for len in [1, 2, 3, 5, 8, 31] {
            let a = sample(len as u64, len);
            assert_eq!(big(&sqrt(&a)), big(&a).sqrt());
            for count in [0, 1, 17, 18, 19, 40] {
                assert_eq!(big(&shift_left(&a, count)), big(&a) * BigUint::from(10u32).pow(count as u32));
                let (short, _) = shift_right(&a, count);
                assert_eq!(big(&short), big(&a) / BigUint::from(10u32).pow(count as u32));
            }
        }
        for len in [1, 16, 17, 40, 100] {
            let words: Vec<u64> = (0..len).map(|at| u64::MAX - at * at * 12345).collect();
            let expected = words.iter().rev().fold(BigUint::ZERO, |value, word| (value << 64) + *word);
            assert_eq!(big(&from_words(&words)), expected);
        }
        assert_eq!(shift_right(&from_u64(1500), 3), (from_u64(1), Dropped::Half));
        assert_eq!(shift_right(&from_u64(1501), 3), (from_u64(1), Dropped::AboveHalf));
        assert_eq!(shift_right(&from_u64(7), 1), (Limbs::new(), Dropped::AboveHalf));
        assert_eq!(shift_right(&from_u64(7), 2), (Limbs::new(), Dropped::BelowHalf));
    }
}
