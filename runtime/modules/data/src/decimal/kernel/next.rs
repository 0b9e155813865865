//! The neighbours of a number.
use super::arith;
use super::compare;
use super::number::{Ctx, Dec, Rounding, Status, cond};
use std::cmp::Ordering;

/// The nearest number of the context that is less (`down`) or more than `a`.
fn neighbour(a: &Dec, down: bool, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a], ctx, status) {
        return nan;
    }
    if a.is_infinite() {
        return if a.negative == down { a.clone() } else { Dec::largest(ctx, a.negative, status) };
    }
    let ctx = ctx.rounded(if down { Rounding::Floor } else { Rounding::Ceiling });
    let mut met = 0;
    let held = a.clone().finish(&ctx, &mut met);
    let result = if compare::order(&held, a) != Ordering::Equal {
        held
    } else {
        let step = Dec::power_of_ten(ctx.etiny() - 1).with_sign(down);
        arith::add(a, &step, &ctx, &mut met)
    };
    *status |= met & cond::ANY_INVALID;
    result
}

pub fn next_minus(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    neighbour(a, true, ctx, status)
}

pub fn next_plus(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    neighbour(a, false, ctx, status)
}

/// The neighbour of `a` on the side of `b`.
pub fn next_toward(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    if let Some(nan) = Dec::propagate(&[a, b], ctx, status) {
        return nan;
    }
    let result = match compare::order(a, b) {
        Ordering::Equal => return a.clone().with_sign(b.negative),
        Ordering::Greater => neighbour(a, true, ctx, status),
        Ordering::Less => neighbour(a, false, ctx, status),
    };
    if result.is_infinite() {
        *status |= cond::OVERFLOW | cond::INEXACT | cond::ROUNDED;
    } else if result.is_finite() && result.adjusted() < ctx.emin {
        *status |= cond::UNDERFLOW | cond::SUBNORMAL | cond::INEXACT | cond::ROUNDED;
        if result.is_zero() {
            *status |= cond::CLAMPED;
        }
    }
    result
}
