//! Orders, and what is larger.
use super::limbs;
use super::number::{Ctx, Dec, Kind, Status, cond};
use std::cmp::Ordering;

/// Compares the magnitudes of finite or infinite numbers.
fn magnitudes(a: &Dec, b: &Dec) -> Ordering {
    match (a.is_infinite(), b.is_infinite()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        _ => {}
    }
    match (a.coeff.is_empty(), b.coeff.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        _ => {}
    }
    if a.exp == b.exp {
        return limbs::compare(&a.coeff, &b.coeff);
    }
    // With the first digits at the same place, the exponents differ by less than the digits of one of them.
    a.adjusted().cmp(&b.adjusted()).then_with(|| match a.exp > b.exp {
        true => limbs::compare(&limbs::shift_left(&a.coeff, (a.exp - b.exp) as usize), &b.coeff),
        false => limbs::compare(&a.coeff, &limbs::shift_left(&b.coeff, (b.exp - a.exp) as usize)),
    })
}

/// The numerical order of what is not NaN.
pub fn order(a: &Dec, b: &Dec) -> Ordering {
    let (a_zero, b_zero) = (a.is_zero(), b.is_zero());
    let sign = |number: &Dec, zero: bool| {
        if zero {
            0
        } else if number.negative {
            -1
        } else {
            1
        }
    };
    let (a_sign, b_sign) = (sign(a, a_zero), sign(b, b_zero));
    match a_sign.cmp(&b_sign) {
        Ordering::Equal if a_sign == 0 => Ordering::Equal,
        Ordering::Equal if a_sign < 0 => magnitudes(b, a),
        Ordering::Equal => magnitudes(a, b),
        other => other,
    }
}

fn as_number(order: Ordering) -> Dec {
    Dec::from_i64(order as i64)
}

/// -1, 0 or 1, or NaN.
pub fn compare(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    match Dec::propagate(&[a, b], ctx, status) {
        Some(nan) => nan,
        None => as_number(order(a, b)),
    }
}

/// As [`compare`], but every NaN is an invalid operand.
pub fn compare_signal(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    match Dec::propagate(&[a, b], ctx, status) {
        Some(nan) => {
            *status |= cond::INVALID_OPERATION;
            nan
        }
        None => as_number(order(a, b)),
    }
}

/// The order of all representations.
pub fn total_order(a: &Dec, b: &Dec) -> Ordering {
    if a.negative != b.negative {
        return b.negative.cmp(&a.negative);
    }
    let order = total_order_magnitude(a, b);
    if a.negative { order.reverse() } else { order }
}

/// As [`total_order`] of the absolute values.
pub fn total_order_magnitude(a: &Dec, b: &Dec) -> Ordering {
    let rank = |number: &Dec| match number.kind {
        Kind::Finite | Kind::Infinite => 0,
        Kind::Signaling => 1,
        Kind::Nan => 2,
    };
    rank(a).cmp(&rank(b)).then_with(|| match rank(a) {
        0 => magnitudes(a, b).then_with(|| a.exp.cmp(&b.exp)),
        _ => limbs::compare(&a.coeff, &b.coeff),
    })
}

pub fn compare_total(a: &Dec, b: &Dec) -> Dec {
    as_number(total_order(a, b))
}

pub fn compare_total_mag(a: &Dec, b: &Dec) -> Dec {
    as_number(total_order_magnitude(a, b))
}

/// The larger or smaller operand; a quiet NaN loses against a number.
fn choose(a: &Dec, b: &Dec, magnitude: bool, want: Ordering, ctx: &Ctx, status: &mut Status) -> Dec {
    if a.is_nan() || b.is_nan() {
        let number = match (a.kind, b.kind) {
            (Kind::Nan, Kind::Finite | Kind::Infinite) => b,
            (Kind::Finite | Kind::Infinite, Kind::Nan) => a,
            _ => return Dec::propagate(&[a, b], ctx, status).unwrap_or_else(Dec::nan),
        };
        return number.clone().finish(ctx, status);
    }
    let by_value = if magnitude { magnitudes(a, b) } else { order(a, b) };
    let chosen = if by_value.then_with(|| total_order(a, b)) == want { a } else { b };
    chosen.clone().finish(ctx, status)
}

pub fn max(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    choose(a, b, false, Ordering::Greater, ctx, status)
}

pub fn min(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    choose(a, b, false, Ordering::Less, ctx, status)
}

pub fn max_mag(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    choose(a, b, true, Ordering::Greater, ctx, status)
}

pub fn min_mag(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    choose(a, b, true, Ordering::Less, ctx, status)
}

/// Whether the exponents are the same, or both are infinite or NaN.
pub fn same_quantum(a: &Dec, b: &Dec) -> bool {
    match (a.kind, b.kind) {
        (Kind::Finite, Kind::Finite) => a.exp == b.exp,
        _ => a.is_nan() && b.is_nan() || a.is_infinite() && b.is_infinite(),
    }
}

/// The name of the number's class.
pub fn number_class(a: &Dec, ctx: &Ctx) -> &'static str {
    let pick = |positive, negative| if a.negative { negative } else { positive };
    match a.kind {
        Kind::Nan => "NaN",
        Kind::Signaling => "sNaN",
        Kind::Infinite => pick("+Infinity", "-Infinity"),
        Kind::Finite if a.is_zero() => pick("+Zero", "-Zero"),
        Kind::Finite if a.is_normal(ctx) => pick("+Normal", "-Normal"),
        Kind::Finite => pick("+Subnormal", "-Subnormal"),
    }
}
