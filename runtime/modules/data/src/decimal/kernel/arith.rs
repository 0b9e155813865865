//! Sums, products, rounding to an exponent, and other operations without division.
use super::limbs::{self, Limbs};
use super::number::{Ctx, Dec, Kind, MAX_DIGITS, Rounding, Status, cond};

/// The exact coefficients of two numbers at their smaller exponent; a number far below the precision of the other one
/// is replaced by something of the same effect on rounding. Neither is zero.
fn align(a: &Dec, b: &Dec, prec: i64) -> Option<(Limbs, Limbs, i64)> {
    let swapped = a.exp < b.exp;
    let (upper, lower) = if swapped { (b, a) } else { (a, b) };
    let least = upper.exp + (upper.digits() - prec - 2).min(-1);
    let tiny;
    let (low, exp) = if lower.adjusted() < least {
        tiny = limbs::from_u64(1);
        (&tiny, least)
    } else {
        (&lower.coeff, lower.exp)
    };
    let shift = upper.exp - exp;
    if shift + upper.digits() > MAX_DIGITS {
        return None;
    }
    let high = limbs::shift_left(&upper.coeff, shift as usize);
    Some(if swapped { (low.clone(), high, exp) } else { (high, low.clone(), exp) })
}

pub fn add(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    add_signed(a, b, b.negative, ctx, status)
}

pub fn subtract(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    add_signed(a, b, !b.negative, ctx, status)
}

/// `a + b`, where the sign of `b` is given.
#[inline]
fn add_signed(a: &Dec, b: &Dec, b_negative: bool, ctx: &Ctx, status: &mut Status) -> Dec {
    if !a.is_finite() || !b.is_finite() {
        return add_special(a, b, b_negative, ctx, status);
    }
    if a.coeff.is_empty() || b.coeff.is_empty() {
        return add_zero(a, b, b_negative, ctx, status);
    }
    let sum = |x: &[u64], y: &[u64], exp: i64, status: &mut Status| {
        if a.negative == b_negative {
            return Dec::new(a.negative, limbs::add(x, y), exp).finish(ctx, status);
        }
        match limbs::compare(x, y) {
            std::cmp::Ordering::Greater => Dec::new(a.negative, limbs::sub(x, y), exp),
            std::cmp::Ordering::Less => Dec::new(b_negative, limbs::sub(y, x), exp),
            std::cmp::Ordering::Equal => Dec::zero(ctx.rounding == Rounding::Floor, exp),
        }
        .finish(ctx, status)
    };
    if a.exp == b.exp {
        return sum(&a.coeff, &b.coeff, a.exp, status);
    }
    match align(a, b, ctx.prec) {
        Some((x, y, exp)) => sum(&x, &y, exp, status),
        None => Dec::invalid(status, cond::NO_MEMORY),
    }
}

#[cold]
fn add_special(a: &Dec, b: &Dec, b_negative: bool, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return nan;
    }
    match (a.is_infinite(), b.is_infinite()) {
        (true, true) if a.negative != b_negative => Dec::invalid(status, cond::INVALID_OPERATION),
        (true, _) => a.clone(),
        _ => b.clone().with_sign(b_negative),
    }
}

fn add_zero(a: &Dec, b: &Dec, b_negative: bool, ctx: &Ctx, status: &mut Status) -> Dec {
    let exp = a.exp.min(b.exp);
    if a.coeff.is_empty() && b.coeff.is_empty() {
        let negative = if a.negative == b_negative { a.negative } else { ctx.rounding == Rounding::Floor };
        return Dec::zero(negative, exp).finish(ctx, status);
    }
    let (number, negative) = if a.coeff.is_empty() { (b, b_negative) } else { (a, a.negative) };
    // Zeros are added as far as the precision goes, and beyond so that rounding is seen.
    let exp = exp.max(number.exp - ctx.prec - 1);
    match number.rescaled(exp, ctx.rounding) {
        Some((sum, _)) => sum.with_sign(negative).finish(ctx, status),
        None => Dec::invalid(status, cond::NO_MEMORY),
    }
}

pub fn multiply(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    match exact_product(a, b, ctx, status) {
        Ok(product) => product.finish(ctx, status),
        Err(special) => special,
    }
}

/// The product of finite numbers before it is rounded, or the result of a special case.
#[inline]
fn exact_product(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Result<Dec, Dec> {
    let negative = a.negative != b.negative;
    if a.is_finite() && b.is_finite() {
        return Ok(Dec::new(negative, limbs::mul(&a.coeff, &b.coeff), a.exp + b.exp));
    }
    Err(match Dec::propagate(&[a, b], ctx, status) {
        Some(nan) => nan,
        None if a.is_zero() || b.is_zero() => Dec::invalid(status, cond::INVALID_OPERATION),
        None => Dec::infinity(negative),
    })
}

/// `a * b + c`, rounded once.
pub fn fma(a: &Dec, b: &Dec, c: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) =
        Dec::propagate(&[a, b], ctx, status).filter(|_| a.kind == Kind::Signaling || b.kind == Kind::Signaling)
    {
        return nan;
    }
    if a.is_zero() && b.is_infinite() || a.is_infinite() && b.is_zero() {
        return Dec::invalid(status, cond::INVALID_OPERATION);
    }
    if c.kind == Kind::Signaling {
        return Dec::propagate(&[c], ctx, status).unwrap_or_else(Dec::nan);
    }
    match exact_product(a, b, ctx, status) {
        Ok(product) => add(&product, c, ctx, status),
        Err(special) if special.is_infinite() => add(&special, c, ctx, status),
        Err(special) => special,
    }
}

/// The number rounded to the context.
pub fn plus(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return nan;
    }
    let negative = a.negative && !(a.is_zero() && ctx.rounding != Rounding::Floor);
    a.clone().with_sign(negative).finish(ctx, status)
}

pub fn minus(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return nan;
    }
    let negative = !(a.negative || a.is_zero() && ctx.rounding != Rounding::Floor);
    a.clone().with_sign(negative).finish(ctx, status)
}

pub fn abs(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return nan;
    }
    a.clone().with_sign(false).finish(ctx, status)
}

/// Removes trailing zeros, after rounding.
pub fn reduce(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    let mut result = match Dec::propagate(&[a], ctx, status) {
        Some(nan) => return nan,
        None => a.clone().finish(ctx, status),
    };
    if result.is_zero() {
        result.exp = 0;
    } else if result.is_finite() {
        let top = if ctx.clamp { ctx.etop() } else { ctx.emax };
        strip_zeros(&mut result, top);
    }
    result
}

/// Removes trailing zeros while the exponent stays at `top` at most.
pub fn strip_zeros(a: &mut Dec, top: i64) {
    let count = (limbs::trailing_zeros(&a.coeff) as i64).min(top - a.exp);
    if count > 0 {
        a.coeff = limbs::floor_shift_right(&a.coeff, count as usize);
        a.exp += count;
    }
}

/// `a` with the exponent of `b`.
pub fn quantize(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return nan;
    }
    match (a.is_infinite(), b.is_infinite()) {
        (true, true) => return a.clone(),
        (false, false) => {}
        _ => return Dec::invalid(status, cond::INVALID_OPERATION),
    }
    quantize_to(a, b.exp, ctx, status)
}

/// A finite number with another exponent.
pub fn quantize_to(a: &Dec, exp: i64, ctx: &Ctx, status: &mut Status) -> Dec {
    let impossible = |status: &mut Status| Dec::invalid(status, cond::INVALID_OPERATION);
    if !(ctx.etiny()..=ctx.emax).contains(&exp) {
        return impossible(status);
    }
    if a.coeff.is_empty() {
        return Dec::zero(a.negative, exp).finish(ctx, status);
    }
    let adjusted = a.adjusted();
    if adjusted > ctx.emax || adjusted - exp + 1 > ctx.prec {
        return impossible(status);
    }
    let Some((result, met)) = a.rescaled(exp, ctx.rounding) else {
        return Dec::invalid(status, cond::NO_MEMORY);
    };
    if result.digits() > ctx.prec || result.adjusted() > ctx.emax {
        return impossible(status);
    }
    *status |= met;
    result.finish(ctx, status)
}

/// The number as a whole one. `exact` notes what rounding does.
pub fn to_integral(a: &Dec, exact: bool, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return nan;
    }
    if a.is_infinite() || a.exp >= 0 {
        return a.clone();
    }
    let Some((result, met)) = a.rescaled(0, ctx.rounding) else {
        return Dec::invalid(status, cond::NO_MEMORY);
    };
    if exact {
        *status |= met;
    }
    result
}

/// The exponent of the first digit, as a number.
pub fn logb(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return nan;
    }
    if a.is_infinite() {
        return Dec::infinity(false);
    }
    if a.is_zero() {
        *status |= cond::DIVISION_BY_ZERO;
        return Dec::infinity(true);
    }
    Dec::from_i64(a.adjusted()).finish(ctx, status)
}

/// A whole operand with exponent 0 and magnitude of `limit` at most.
fn whole_operand(b: &Dec, limit: i64) -> Option<i64> {
    if !b.is_finite() || b.exp != 0 {
        return None;
    }
    let value = i64::try_from(limbs::to_u64(&b.coeff)?).ok()?;
    (value <= limit).then_some(if b.negative { -value } else { value })
}

/// `a * 10^b`.
pub fn scaleb(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return nan;
    }
    let Some(by) = whole_operand(b, 2 * (ctx.emax + ctx.prec)) else {
        return Dec::invalid(status, cond::INVALID_OPERATION);
    };
    if a.is_infinite() {
        return a.clone();
    }
    let mut result = a.clone();
    result.exp += by;
    result.finish(ctx, status)
}

/// Moves the digits of the coefficient within the precision; zeros come in.
pub fn shift(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return nan;
    }
    let Some(by) = whole_operand(b, ctx.prec) else {
        return Dec::invalid(status, cond::INVALID_OPERATION);
    };
    if a.is_infinite() {
        return a.clone();
    }
    let mut result = a.clone();
    if by < 0 {
        let held = limbs::low_digits(&a.coeff, ctx.prec.min(MAX_DIGITS) as usize);
        result.coeff = limbs::floor_shift_right(&held, (-by).min(a.digits()) as usize);
    } else if !a.coeff.is_empty() {
        // Digits that would leave at the left go first.
        let kept = limbs::low_digits(&a.coeff, (ctx.prec - by).min(MAX_DIGITS) as usize);
        if by + limbs::digits(&kept) as i64 > MAX_DIGITS {
            return Dec::invalid(status, cond::NO_MEMORY);
        }
        result.coeff = limbs::shift_left(&kept, by as usize);
    }
    result
}

/// Moves the digits of the coefficient within the precision; what leaves at one end comes in at the other.
pub fn rotate(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return nan;
    }
    let Some(by) = whole_operand(b, ctx.prec) else {
        return Dec::invalid(status, cond::INVALID_OPERATION);
    };
    if a.is_infinite() {
        return a.clone();
    }
    let left = if by < 0 { by + ctx.prec } else { by };
    let right = ctx.prec - left;
    let held = limbs::low_digits(&a.coeff, ctx.prec.min(MAX_DIGITS) as usize);
    let above = limbs::floor_shift_right(&held, right.min(a.digits()) as usize);
    let below = limbs::low_digits(&held, right.min(MAX_DIGITS) as usize);
    if !below.is_empty() && left + limbs::digits(&below) as i64 > MAX_DIGITS {
        return Dec::invalid(status, cond::NO_MEMORY);
    }
    let mut result = a.clone();
    result.coeff = limbs::add(&limbs::shift_left(&below, left.min(MAX_DIGITS) as usize), &above);
    result
}
