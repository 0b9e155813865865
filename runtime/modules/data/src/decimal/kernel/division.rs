//! Quotients, rests and square roots.
use super::arith::strip_zeros;
use super::limbs::{self, Limbs};
use super::number::{Ctx, Dec, MAX_DIGITS, Rounding, Status, cond};

/// Makes a cut coefficient round as the exact number does: its last digit becomes one that rounding does not mistake for
/// an exact half or whole.
fn mark_inexact(coeff: &mut Limbs) {
    if coeff.first().is_none_or(|limb| limb % 5 == 0) {
        limbs::increment(coeff);
    }
}

pub fn divide(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    let negative = a.negative != b.negative;
    if !a.is_finite() || !b.is_finite() {
        if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
            return nan;
        }
        return match (a.is_infinite(), b.is_infinite()) {
            (true, true) => Dec::invalid(status, cond::INVALID_OPERATION),
            (true, false) => Dec::infinity(negative),
            _ => {
                *status |= cond::CLAMPED;
                Dec::zero(negative, ctx.etiny())
            }
        };
    }
    if b.coeff.is_empty() {
        if a.coeff.is_empty() {
            return Dec::invalid(status, cond::DIVISION_UNDEFINED);
        }
        *status |= cond::DIVISION_BY_ZERO;
        return Dec::infinity(negative);
    }
    let ideal = a.exp - b.exp;
    if a.coeff.is_empty() {
        return Dec::zero(negative, ideal).finish(ctx, status);
    }
    quotient(a, b, negative, ideal, ctx, status)
}

/// The quotient of finite numbers that are not zero.
fn quotient(a: &Dec, b: &Dec, negative: bool, ideal: i64, ctx: &Ctx, status: &mut Status) -> Dec {
    let needed = |prec: i64| b.digits() - a.digits() + prec + 1;
    let mut shift = needed(ctx.prec);
    // An exact quotient needs no more digits than this, so greater precisions are not worth the memory at first.
    let enough = a.digits() + 4 * b.digits() + 4;
    let bounded = ctx.prec > enough.max(10_000);
    if bounded {
        shift = needed(enough);
    }
    let attempt = |shift: i64| match shift >= 0 {
        true => limbs::divrem(&limbs::shift_left(&a.coeff, shift as usize), &b.coeff),
        false => limbs::divrem(&a.coeff, &limbs::shift_left(&b.coeff, -shift as usize)),
    };
    let (mut coeff, mut rest) = attempt(shift);
    if bounded && !rest.is_empty() {
        shift = needed(ctx.prec);
        if shift + a.digits() > MAX_DIGITS {
            return Dec::invalid(status, cond::NO_MEMORY);
        }
        (coeff, rest) = attempt(shift);
    }
    let exact = rest.is_empty();
    if !exact {
        mark_inexact(&mut coeff);
    }
    let mut result = Dec::new(negative, coeff, ideal - shift);
    if exact && shift > 0 {
        strip_zeros(&mut result, ideal);
    }
    result.finish(ctx, status)
}

/// The whole quotient and the rest of finite numbers, exact; `None` if the quotient has more digits than the precision.
fn whole(a: &Dec, b: &Dec, ctx: &Ctx) -> Option<(Limbs, Dec)> {
    let exp = a.exp.min(b.exp);
    let distance = a.adjusted() - b.adjusted();
    if a.coeff.is_empty() || distance <= -2 {
        return Some((Limbs::new(), rest_at(a, exp)?));
    }
    if distance > ctx.prec {
        return None;
    }
    let (quotient, rest) = if a.exp >= b.exp {
        let shift = a.exp - b.exp;
        if shift + a.digits() > MAX_DIGITS {
            return None;
        }
        limbs::divrem(&limbs::shift_left(&a.coeff, shift as usize), &b.coeff)
    } else {
        let shift = b.exp - a.exp;
        limbs::divrem(&a.coeff, &limbs::shift_left(&b.coeff, shift as usize))
    };
    (limbs::digits(&quotient) as i64 <= ctx.prec).then(|| (quotient, Dec::new(a.negative, rest, exp)))
}

/// A rest that is the dividend itself, with the exponent that a rest has.
fn rest_at(a: &Dec, exp: i64) -> Option<Dec> {
    a.rescaled(exp, Rounding::Down).map(|(rest, _)| rest)
}

/// Which result of a whole division is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Quotient,
    Rest,
}

/// The results of a whole division of special numbers.
fn whole_special(a: &Dec, b: &Dec, wanted: Wanted, ctx: &Ctx, status: &mut Status) -> Option<Dec> {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return Some(nan);
    }
    let negative = a.negative != b.negative;
    if a.is_infinite() {
        return Some(match wanted {
            Wanted::Quotient if !b.is_infinite() => Dec::infinity(negative),
            _ => Dec::invalid(status, cond::INVALID_OPERATION),
        });
    }
    if b.is_infinite() {
        return Some(match wanted {
            Wanted::Quotient => Dec::zero(negative, 0),
            Wanted::Rest => a.clone().finish(ctx, status),
        });
    }
    if !b.coeff.is_empty() {
        return None;
    }
    Some(match (a.coeff.is_empty(), wanted) {
        (true, _) => Dec::invalid(status, cond::DIVISION_UNDEFINED),
        (_, Wanted::Rest) => Dec::invalid(status, cond::INVALID_OPERATION),
        _ => {
            *status |= cond::DIVISION_BY_ZERO;
            Dec::infinity(negative)
        }
    })
}

pub fn divide_int(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(special) = whole_special(a, b, Wanted::Quotient, ctx, status) {
        return special;
    }
    match whole(a, b, ctx) {
        Some((quotient, _)) => Dec::new(a.negative != b.negative, quotient, 0).finish(ctx, status),
        None => Dec::invalid(status, cond::DIVISION_IMPOSSIBLE),
    }
}

pub fn remainder(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(special) = whole_special(a, b, Wanted::Rest, ctx, status) {
        return special;
    }
    match whole(a, b, ctx) {
        Some((_, rest)) => rest.finish(ctx, status),
        None => Dec::invalid(status, cond::DIVISION_IMPOSSIBLE),
    }
}

/// Whole quotient and rest.
pub fn divmod(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> (Dec, Dec) {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return (nan.clone(), nan);
    }
    if a.is_infinite() || b.is_infinite() || b.coeff.is_empty() {
        if a.is_zero() && b.is_zero() {
            let nan = Dec::invalid(status, cond::DIVISION_UNDEFINED);
            return (nan.clone(), nan);
        }
        if a.is_infinite() && b.is_infinite() {
            let nan = Dec::invalid(status, cond::INVALID_OPERATION);
            return (nan.clone(), nan);
        }
        let quotient = whole_special(a, b, Wanted::Quotient, ctx, status).unwrap_or_else(Dec::nan);
        let rest = whole_special(a, b, Wanted::Rest, ctx, status).unwrap_or_else(Dec::nan);
        return (quotient, rest);
    }
    match whole(a, b, ctx) {
        Some((quotient, rest)) => {
            let quotient = Dec::new(a.negative != b.negative, quotient, 0).finish(ctx, status);
            (quotient, rest.finish(ctx, status))
        }
        None => {
            let nan = Dec::invalid(status, cond::DIVISION_IMPOSSIBLE);
            (nan.clone(), nan)
        }
    }
}

/// The rest of the division whose quotient is rounded to the nearest whole number.
pub fn remainder_near(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(special) = whole_special(a, b, Wanted::Rest, ctx, status) {
        return special;
    }
    // The rounded quotient may have one digit more; that is tested below.
    let Some((quotient, rest)) = whole(a, b, ctx) else {
        return Dec::invalid(status, cond::DIVISION_IMPOSSIBLE);
    };
    let exp = rest.exp;
    let near = b.adjusted() - rest.adjusted() <= 2 || b.exp <= exp;
    let Some((divisor, _)) = near.then(|| b.rescaled(exp, Rounding::Down)).flatten() else {
        // The dividend is far below the divisor.
        return rest.finish(ctx, status);
    };
    let twice = limbs::add(&rest.coeff, &rest.coeff);
    let odd = quotient.first().is_some_and(|limb| limb % 2 == 1);
    let up = match limbs::compare(&twice, &divisor.coeff) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => odd,
        std::cmp::Ordering::Less => false,
    };
    if !up {
        return rest.finish(ctx, status);
    }
    let mut quotient = quotient;
    limbs::increment(&mut quotient);
    if limbs::digits(&quotient) as i64 > ctx.prec {
        return Dec::invalid(status, cond::DIVISION_IMPOSSIBLE);
    }
    Dec::new(!a.negative, limbs::sub(&divisor.coeff, &rest.coeff), exp).finish(ctx, status)
}

/// The square root, rounded half to even.
pub fn sqrt(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return nan;
    }
    let ideal = a.exp.div_euclid(2);
    if a.is_zero() {
        return Dec::zero(a.negative, ideal).finish(ctx, status);
    }
    if a.negative {
        return Dec::invalid(status, cond::INVALID_OPERATION);
    }
    if a.is_infinite() {
        return a.clone();
    }
    let even = match a.exp.rem_euclid(2) {
        0 => a.coeff.clone(),
        _ => limbs::shift_left(&a.coeff, 1),
    };
    let length = (limbs::digits(&even) as i64 + 1) / 2;
    let shift = ctx.prec + 1 - length;
    let ctx = ctx.rounded(Rounding::HalfEven);
    if shift > 10_000 {
        // Only an exact root is worth a try without all the digits.
        let root = limbs::sqrt(&even);
        if limbs::compare(&limbs::mul(&root, &root), &even).is_eq() {
            return Dec::new(false, root, ideal).finish(&ctx, status);
        }
        if 2 * shift + 2 * length > MAX_DIGITS {
            return Dec::invalid(status, cond::NO_MEMORY);
        }
    }
    let (number, mut exact) = if shift >= 0 {
        (limbs::shift_left(&even, 2 * shift as usize), true)
    } else {
        let (number, dropped) = limbs::shift_right(&even, 2 * -shift as usize);
        (number, dropped == limbs::Dropped::Nothing)
    };
    let mut root = limbs::sqrt(&number);
    exact = exact && limbs::compare(&limbs::mul(&root, &root), &number).is_eq();
    if !exact {
        mark_inexact(&mut root);
        return Dec::new(false, root, ideal - shift).finish(&ctx, status);
    }
    let root = match shift >= 0 {
        true => limbs::floor_shift_right(&root, shift as usize),
        false => limbs::shift_left(&root, -shift as usize),
    };
    Dec::new(false, root, ideal).finish(&ctx, status)
}
