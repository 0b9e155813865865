//! Exponential function and logarithms, correctly rounded half to even.
//!
//! They are computed as fixed-point numbers: with `n` limbs of fraction, a sequence of limbs stands for its value divided
//! by the base to the power of `n`. As a result is never just half-way between two numbers of the context (Lindemann),
//! digits are added until it is clear how it rounds.
use super::compare;
use super::limbs::{self, BASE, Limbs, WIDTH};
use super::number::{Ctx, Dec, MAX_DIGITS, Rounding, Status, cond};
use std::cmp::Ordering;
use std::sync::{Mutex, PoisonError};

/// An exponent that no context holds.
const FAR: i64 = 4_000_000_000_000_000_000;

/// ln 10 with the most digits that were needed so far, and their number of limbs.
static LN10: Mutex<(usize, Limbs)> = Mutex::new((0, Limbs::new_const()));

/// A fixed-point number with a sign.
struct Signed {
    negative: bool,
    value: Limbs,
}

impl Signed {
    fn plus(self, other: Signed) -> Signed {
        if self.negative == other.negative {
            return Signed { negative: self.negative, value: limbs::add(&self.value, &other.value) };
        }
        let (larger, smaller) = match limbs::compare(&self.value, &other.value) {
            Ordering::Less => (other, self),
            _ => (self, other),
        };
        Signed { negative: larger.negative, value: limbs::sub(&larger.value, &smaller.value) }
    }

    fn difference(a: &[u64], b: &[u64]) -> Signed {
        match limbs::compare(a, b) {
            Ordering::Less => Signed { negative: true, value: limbs::sub(b, a) },
            _ => Signed { negative: false, value: limbs::sub(a, b) },
        }
    }
}

/// The number without its lowest limbs.
fn drop_limbs(a: &[u64], count: usize) -> Limbs {
    Limbs::from_slice(a.get(count..).unwrap_or(&[]))
}

/// The number with more limbs of fraction.
fn widen(a: &[u64], count: usize) -> Limbs {
    if a.is_empty() {
        return Limbs::new();
    }
    let mut out = Limbs::from_elem(0, count);
    out.extend_from_slice(a);
    out
}

/// 1 with `n` limbs of fraction.
fn one(n: usize) -> Limbs {
    widen(&[1], n)
}

fn multiply(a: &[u64], b: &[u64], n: usize) -> Limbs {
    drop_limbs(&limbs::mul(a, b), n)
}

/// `factor * atanh(1 / x)`.
fn atanh_inverse(factor: u64, x: u64, n: usize) -> Limbs {
    let (mut term, _) = limbs::divrem_small(&limbs::mul_small(&one(n), factor), x);
    let mut sum = term.clone();
    let mut odd = 3;
    loop {
        term = limbs::divrem_small(&term, x * x).0;
        if term.is_empty() {
            return sum;
        }
        sum = limbs::add(&sum, &limbs::divrem_small(&term, odd).0);
        odd += 2;
    }
}

/// ln 10, a few units of the last place too small at most.
fn ln10(n: usize) -> Limbs {
    let mut cached = LN10.lock().unwrap_or_else(PoisonError::into_inner);
    if cached.0 < n {
        let wide = n + 1;
        // 10 = (32/30)^46 * (50/48)^34 * (162/160)^20
        let sum = limbs::add(&atanh_inverse(46, 31, wide), &atanh_inverse(34, 49, wide));
        let sum = limbs::add(&sum, &atanh_inverse(20, 161, wide));
        *cached = (n, drop_limbs(&sum, 1));
    }
    drop_limbs(&cached.1, cached.0 - n)
}

/// e to the power of a number from 0 to 2.5.
fn exp_fixed(r: &[u64], n: usize) -> Limbs {
    // The argument is halved until few terms of the series are needed; squaring undoes that.
    let halvings = ((n * WIDTH) as f64 * 3.33).sqrt() as u32 + 1;
    let guard = 1 + halvings as usize / 40;
    let wide = n + guard;
    let mut x = widen(r, guard);
    let mut left = halvings;
    while left > 0 {
        let step = left.min(50);
        x = limbs::divrem_small(&x, 1 << step).0;
        left -= step;
    }
    let mut sum = one(wide);
    let mut term = one(wide);
    for k in 1.. {
        term = limbs::divrem_small(&multiply(&term, &x, wide), k).0;
        if term.is_empty() {
            break;
        }
        sum = limbs::add(&sum, &term);
    }
    for _ in 0..halvings {
        sum = multiply(&sum, &sum, wide);
    }
    drop_limbs(&sum, guard)
}

/// The natural logarithm of a number from 0.3 to 3.3.
fn ln_fixed(m: &[u64], n: usize) -> Signed {
    let (guess, known) = if n <= 2 {
        let value = m.iter().rev().take(2).fold(0.0, |value, limb| value * BASE as f64 + *limb as f64);
        let value = value / (BASE as f64).powi(m.len().min(2) as i32 - (m.len() as i32 - n as i32));
        let guess = value.ln();
        (Signed { negative: guess < 0.0, value: limbs::from_u64((guess.abs() * BASE as f64) as u64) }, 1)
    } else {
        let known = n.div_ceil(3) + 1;
        (ln_fixed(&drop_limbs(m, n - known), known), known)
    };
    // Halley's step for e^y = m triples the digits.
    let guess = Signed { negative: guess.negative, value: widen(&guess.value, n - known) };
    let power = exp_fixed(&guess.value, n);
    let (left, right) = match guess.negative {
        false => (Limbs::from_slice(m), power),
        true => (multiply(m, &power, n), one(n)),
    };
    let difference = Signed::difference(&left, &right);
    let twice = limbs::add(&difference.value, &difference.value);
    let (step, _) = limbs::divrem(&widen(&twice, n), &limbs::add(&left, &right));
    guess.plus(Signed { negative: difference.negative, value: step })
}

/// Whether a cut number with an error of 10^20 units at most rounds like the exact one to `prec` digits.
fn is_clear(coeff: &[u64], prec: i64) -> bool {
    let below = limbs::digits(coeff) as i64 - prec;
    if below < 22 {
        return false;
    }
    let below = below as usize;
    let half = limbs::shift_left(&[5], below - 1);
    let distance = Signed::difference(&limbs::low_digits(coeff, below), &half);
    limbs::digits(&distance.value) > 21
}

/// Limbs of fraction for a result of `prec` digits, the first of which is `zeros` places behind the point.
fn fraction_limbs(prec: i64, zeros: i64) -> usize {
    (prec + zeros + 6) as usize / WIDTH + 3
}

/// A fixed-point number that is not exact, times a power of ten. It rounds as the exact one does.
fn as_number(mut value: Signed, n: usize, scale: i64) -> Dec {
    // The exact number is between this one and the next one.
    if value.value.first().is_none_or(|limb| limb % 5 == 0) {
        limbs::increment(&mut value.value);
    }
    Dec::new(value.negative, value.value, scale - (n * WIDTH) as i64)
}

/// The coefficient as a fixed-point number for the exponent `exp`.
fn to_fixed(coeff: &[u64], exp: i64, n: usize) -> Limbs {
    let shift = exp + (n * WIDTH) as i64;
    match shift >= 0 {
        true => limbs::shift_left(coeff, shift as usize),
        false => limbs::floor_shift_right(coeff, shift.unsigned_abs().min(limbs::digits(coeff) as u64) as usize),
    }
}

fn too_precise(ctx: &Ctx) -> bool {
    ctx.prec > MAX_DIGITS / 10
}

/// e to the power of `a`.
pub fn exp(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return nan;
    }
    if a.is_infinite() {
        return if a.negative { Dec::zero(false, 0) } else { a.clone() };
    }
    if a.is_zero() {
        return Dec::from_u64(1);
    }
    let half_even = ctx.rounded(Rounding::HalfEven);
    if a.adjusted() < -(ctx.prec + 2) && !too_precise(ctx) {
        *status |= cond::INEXACT | cond::ROUNDED;
        let coeff = limbs::shift_left(&[1], ctx.prec as usize - 1);
        return Dec::new(false, coeff, 1 - ctx.prec).finish(&half_even, status);
    }
    match exp_digits(a, ctx.prec, true) {
        Some(result) => result.finish(&half_even, status),
        None => Dec::invalid(status, cond::NO_MEMORY),
    }
}

/// The exponential of a finite number that is not zero, with more digits than `prec` and not yet rounded. Unless `surely`,
/// a few digits more than needed are thought enough, as the result may be half-way between two numbers. `None` if there
/// is not enough memory.
pub fn exp_digits(a: &Dec, prec: i64, surely: bool) -> Option<Dec> {
    let adjusted = a.adjusted();
    if adjusted >= 19 {
        return Some(Dec::power_of_ten(if a.negative { -FAR } else { FAR }));
    }
    if prec > MAX_DIGITS / 10 {
        return None;
    }
    if adjusted < -(prec + 2) {
        let mut coeff = limbs::shift_left(&[1], prec as usize + 2);
        match a.negative {
            true => coeff = limbs::sub(&coeff, &[1]),
            false => limbs::increment(&mut coeff),
        }
        return Some(Dec::new(false, coeff, -(prec + 2)));
    }
    let mut extra = 0;
    loop {
        let n = fraction_limbs(prec, extra);
        // Two more limbs hold a whole part of the argument.
        let wide = n + 2;
        let x = to_fixed(&a.coeff, a.exp, wide);
        let base = ln10(wide);
        let (quotient, mut rest) = limbs::divrem(&x, &base);
        let mut scale = limbs::to_u64(&quotient).unwrap_or(0) as i64;
        if a.negative {
            scale = -(scale + 1);
            rest = limbs::sub(&base, &rest);
        }
        let value = exp_fixed(&drop_limbs(&rest, 2), n);
        if !surely || is_clear(&value, prec) {
            return Some(as_number(Signed { negative: false, value }, n, scale));
        }
        extra = extra * 2 + 40;
    }
}

/// The logarithm with `n` limbs of fraction.
fn ln_value(a: &Dec, n: usize) -> Signed {
    let digits = a.digits();
    let mut scale = a.adjusted();
    let mut places = digits - 1;
    if limbs::digit(&a.coeff, places as usize) >= 3 {
        scale += 1;
        places += 1;
    }
    let near = ln_fixed(&to_fixed(&a.coeff, -places, n), n);
    if scale == 0 {
        return near;
    }
    let far = limbs::mul(&ln10(n), &limbs::from_u64(scale.unsigned_abs()));
    near.plus(Signed { negative: scale < 0, value: far })
}

/// How many places behind the point the first digit of the logarithm is.
fn leading_zeros(a: &Dec) -> i64 {
    let one = Dec::from_u64(1);
    if !(-1..=0).contains(&a.adjusted()) {
        return 0;
    }
    let exp = a.exp.min(0);
    let (Some((a, _)), Some((one, _))) = (a.rescaled(exp, Rounding::Down), one.rescaled(exp, Rounding::Down)) else {
        return 0;
    };
    let distance = Signed::difference(&a.coeff, &one.coeff);
    (-(exp + limbs::digits(&distance.value) as i64 - 1)).max(0)
}

/// What the logarithms of special numbers are.
fn log_special(a: &Dec, ctx: &Ctx, status: &mut Status) -> Option<Dec> {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return Some(nan);
    }
    if a.is_zero() {
        return Some(Dec::infinity(true));
    }
    if a.negative {
        return Some(Dec::invalid(status, cond::INVALID_OPERATION));
    }
    if a.is_infinite() {
        return Some(Dec::infinity(false));
    }
    None
}

/// The natural logarithm.
pub fn ln(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(special) = log_special(a, ctx, status) {
        return special;
    }
    if compare::order(a, &Dec::from_u64(1)).is_eq() {
        return Dec::zero(false, 0).finish(ctx, status);
    }
    if too_precise(ctx) {
        return Dec::invalid(status, cond::NO_MEMORY);
    }
    let mut extra = leading_zeros(a);
    loop {
        let n = fraction_limbs(ctx.prec, extra);
        let value = ln_value(a, n);
        if is_clear(&value.value, ctx.prec) {
            return as_number(value, n, 0).finish(&ctx.rounded(Rounding::HalfEven), status);
        }
        extra = extra * 2 + 40;
    }
}

/// The logarithm to base 10.
pub fn log10(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(special) = log_special(a, ctx, status) {
        return special;
    }
    if limbs::is_power_of_ten(&a.coeff) {
        return Dec::from_i64(a.adjusted()).finish(&ctx.rounded(Rounding::HalfEven), status);
    }
    if too_precise(ctx) {
        return Dec::invalid(status, cond::NO_MEMORY);
    }
    let mut extra = leading_zeros(a) + 1;
    loop {
        let n = fraction_limbs(ctx.prec, extra);
        let value = ln_value(a, n);
        let (value, negative) = (limbs::divrem(&widen(&value.value, n), &ln10(n)).0, value.negative);
        if is_clear(&value, ctx.prec) {
            return as_number(Signed { negative, value }, n, 0).finish(&ctx.rounded(Rounding::HalfEven), status);
        }
        extra = extra * 2 + 40;
    }
}
