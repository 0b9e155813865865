//! Powers.
use super::arith;
use super::compare;
use super::division;
use super::elementary;
use super::limbs::{self, Limbs};
use super::number::{Ctx, Dec, MAX_DIGITS, Rounding, Status, cond};

/// `a` to the power of `b`.
///
/// A power with a whole exponent is a product, so that it is exact where the precision allows; others go through the
/// logarithm with digits to spare, which rounds correctly in nearly all cases.
pub fn power(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return nan;
    }
    if b.is_zero() {
        return match a.is_zero() {
            true => Dec::invalid(status, cond::INVALID_OPERATION),
            false => Dec::from_u64(1),
        };
    }
    let whole = b.is_integer();
    let negative = a.negative && whole && b.is_odd();
    if a.is_zero() {
        return match b.negative {
            true => Dec::infinity(negative),
            false => Dec::zero(negative, 0),
        };
    }
    if a.negative && !whole {
        return Dec::invalid(status, cond::INVALID_OPERATION);
    }
    if a.is_infinite() {
        return match b.negative {
            true => Dec::zero(negative, 0),
            false => Dec::infinity(negative),
        };
    }
    let one = Dec::from_u64(1);
    let base = a.clone().with_sign(false);
    let size = compare::order(&base, &one);
    if size.is_eq() {
        return power_of_one(&base, b, whole, negative, ctx, status);
    }
    if b.is_infinite() {
        return match b.negative == size.is_lt() {
            true => Dec::infinity(negative),
            false => Dec::zero(negative, 0),
        };
    }
    if let Some(far) = out_of_range(&base, b, negative, ctx, status) {
        return far;
    }
    if ctx.prec > MAX_DIGITS / 10 && !whole {
        return Dec::invalid(status, cond::NO_MEMORY);
    }
    match whole.then(|| whole_exponent(b)).flatten() {
        Some(count) => power_whole(a, count, b.negative, ctx, status, negative),
        None => power_real(&base, b, ctx, status).with_sign(negative),
    }
}

/// The magnitude of a whole exponent.
fn whole_exponent(b: &Dec) -> Option<u64> {
    let (value, _) = if b.adjusted() < 19 { b.rescaled(0, Rounding::Down)? } else { return None };
    limbs::to_u64(&value.coeff)
}

/// A power of 1 or of another way to write it.
fn power_of_one(a: &Dec, b: &Dec, whole: bool, negative: bool, ctx: &Ctx, status: &mut Status) -> Dec {
    let padded = |places: i64, status: &mut Status| match places > MAX_DIGITS {
        true => Dec::invalid(status, cond::NO_MEMORY),
        false => Dec::new(negative, limbs::shift_left(&[1], places as usize), -places).finish(ctx, status),
    };
    if !whole {
        *status |= cond::INEXACT | cond::ROUNDED;
        return padded(ctx.prec - 1, status);
    }
    if b.negative {
        return Dec::from_u64(1).with_sign(negative);
    }
    let count = whole_exponent(b).map_or(i64::MAX, |count| i64::try_from(count).unwrap_or(i64::MAX));
    let places = (-a.exp).saturating_mul(count);
    if places > ctx.prec - 1 {
        *status |= cond::ROUNDED;
        return padded(ctx.prec - 1, status);
    }
    if places >= 0 { padded(places, status) } else { Dec::from_u64(1).with_sign(negative) }
}

/// An estimate of `log10` of a number's magnitude.
fn log10_estimate(a: &Dec) -> f64 {
    let adjusted = a.adjusted();
    let digits = a.digits();
    let top = if digits > 17 { limbs::floor_shift_right(&a.coeff, digits as usize - 17) } else { a.coeff.clone() };
    let kept = digits.min(17);
    let mantissa = limbs::to_u64(&top).unwrap_or(1) as f64 / 10f64.powi(kept as i32 - 1);
    mantissa.log10() + adjusted as f64
}

/// The result if it is surely too large or too small.
fn out_of_range(base: &Dec, b: &Dec, negative: bool, ctx: &Ctx, status: &mut Status) -> Option<Dec> {
    // The magnitude of log10(base), as a power of ten.
    let log = log10_estimate(base);
    let size = if log.abs() > 1e-6 {
        log.abs().log10()
    } else {
        // Near 1: log10(x) is about (x - 1) / ln 10.
        let mut met = 0;
        let distance =
            arith::subtract(base, &Dec::from_u64(1), &Ctx::MAX.with_prec(base.digits().max(ctx.prec) + 20), &mut met);
        log10_estimate(&distance) - std::f64::consts::LN_10.log10()
    };
    let grows = b.negative == compare::order(base, &Dec::from_u64(1)).is_lt();
    let limit = if grows { ctx.emax + 2 } else { 2 - ctx.etiny() };
    // Only orders of magnitude count: what is near the limit is computed.
    if b.adjusted() + size.floor() as i64 <= Dec::from_i64(limit).digits() {
        return None;
    }
    let far = |exp| Dec::new(negative, limbs::from_u64(1), exp);
    Some(match grows {
        true => far(4_000_000_000_000_000_000).finish(ctx, status),
        false => far(-4_000_000_000_000_000_000).finish(ctx, status),
    })
}

/// A power with a whole exponent that fits in a word.
fn power_whole(a: &Dec, count: u64, inverse: bool, ctx: &Ctx, status: &mut Status, negative: bool) -> Dec {
    let extra = Dec::from_u64(count).digits() + 4;
    let work = Ctx {
        prec: (ctx.prec + extra).min(super::number::MAX_PREC),
        rounding: Rounding::HalfEven,
        clamp: false,
        ..*ctx
    };
    let mut met = 0;
    let base = match inverse {
        true => division::divide(&Dec::from_u64(1), a, &work, &mut met),
        false => a.clone(),
    };
    let mut result = base.clone();
    // The first bit is done.
    for bit in (0..63 - count.leading_zeros().min(63)).rev() {
        result = arith::multiply(&result, &result, &work, &mut met);
        if count >> bit & 1 == 1 {
            result = arith::multiply(&result, &base, &work, &mut met);
        }
        if !result.is_finite() || result.is_zero() {
            break;
        }
    }
    *status |= met;
    if result.is_infinite() {
        // The way there overflowed; the rounding mode says what stands for the result.
        return Dec::new(negative, limbs::from_u64(1), 4_000_000_000_000_000_000).finish(ctx, status);
    }
    let mut result = result.with_sign(negative);
    if met & cond::INEXACT != 0 && result.is_finite() {
        // What was cut must not look like an exact half.
        if result.digits() > ctx.prec && limbs::digit(&result.coeff, 0).is_multiple_of(5) {
            limbs::increment(&mut result.coeff);
        }
    }
    result.finish(ctx, status)
}

/// A power through the logarithm. The base is positive.
fn power_real(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    let work = Ctx::MAX.with_prec(ctx.prec + 30);
    let mut met = 0;
    let log = elementary::ln(a, &work, &mut met);
    let product = arith::multiply(&log, b, &work, &mut met);
    if product.is_zero() {
        return Dec::from_u64(1);
    }
    let Some(mut result) = elementary::exp_digits(&product, ctx.prec + 6, false) else {
        return Dec::invalid(status, cond::NO_MEMORY);
    };
    *status |= cond::INEXACT | cond::ROUNDED;
    if result.is_finite() && !result.is_zero() && result.digits() < ctx.prec {
        let places = ctx.prec - result.digits();
        result.coeff = limbs::shift_left(&result.coeff, places as usize);
        result.exp -= places;
    }
    let mut shaped = 0;
    let result = result.finish(ctx, &mut shaped);
    // A subnormal result is not exact, though its digits may all be there.
    *status |= shaped | if shaped & cond::SUBNORMAL != 0 { cond::UNDERFLOW } else { 0 };
    result
}

/// `a^b` modulo `m`, all of them whole.
pub fn power_modulo(a: &Dec, b: &Dec, m: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a, b, m], ctx, status) {
        return nan;
    }
    let invalid = |status: &mut Status| Dec::invalid(status, cond::INVALID_OPERATION);
    if !(a.is_integer() && b.is_integer() && m.is_integer()) || b.negative && !b.is_zero() || m.is_zero() {
        return invalid(status);
    }
    if m.adjusted() >= ctx.prec || a.is_zero() && b.is_zero() {
        return invalid(status);
    }
    let negative = a.negative && b.is_odd();
    let Some((modulus, _)) = m.rescaled(0, Rounding::Down) else { return invalid(status) };
    let modulus = modulus.coeff;
    let reduce = |value: &[u64]| limbs::divrem(value, &modulus).1;
    let times = |x: &[u64], y: &[u64]| reduce(&limbs::mul(x, y));
    let pow10 = |base: &Limbs| {
        let square = times(base, base);
        let fourth = times(&square, &square);
        times(&times(&fourth, &fourth), &square)
    };
    let small = |base: &Limbs, digit: u8| (0..digit).fold(reduce(&[1]), |value, _| times(&value, base));
    let raise = |base: &Limbs, exponent: &[u64]| {
        let mut result = reduce(&[1]);
        for at in (0..limbs::digits(exponent)).rev() {
            result = times(&pow10(&result), &small(base, limbs::digit(exponent, at)));
        }
        result
    };
    // A whole number with its exponent at zero, or its coefficient and the exponent that is left.
    let split = |number: &Dec| match number.exp >= 0 {
        true => (number.coeff.clone(), number.exp),
        false => (limbs::floor_shift_right(&number.coeff, -number.exp as usize), 0),
    };
    let (coeff, exp) = split(a);
    let ten = raise(&limbs::from_u64(10), &limbs::from_u64(exp as u64));
    let mut base = times(&reduce(&coeff), &ten);
    let (coeff, exp) = split(b);
    if exp > 1_000_000 {
        return Dec::invalid(status, cond::NO_MEMORY);
    }
    for _ in 0..exp {
        base = pow10(&base);
    }
    let result = raise(&base, &coeff);
    Dec::new(negative, result, 0)
}
