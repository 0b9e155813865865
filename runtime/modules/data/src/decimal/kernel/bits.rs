//! Logical operations on the digits 0 and 1.
use super::limbs;
use super::number::{Ctx, Dec, MAX_DIGITS, Status, cond};

/// The digits of a logical operand, lowest first, as many as the precision has at most.
fn bits(a: &Dec, ctx: &Ctx) -> Option<Vec<bool>> {
    if !a.is_finite() || a.negative || a.exp != 0 {
        return None;
    }
    let mut text = Vec::new();
    limbs::push_text(&a.coeff, &mut text);
    if text.iter().any(|digit| *digit > b'1') {
        return None;
    }
    Some(text.iter().rev().take(ctx.prec.min(MAX_DIGITS) as usize).map(|digit| *digit == b'1').collect())
}

fn number(bits: impl DoubleEndedIterator<Item = bool>) -> Dec {
    let text: Vec<u8> = bits.rev().map(|bit| b'0' + u8::from(bit)).collect();
    Dec::new(false, limbs::from_text(&text), 0)
}

fn combine(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status, with: fn(bool, bool) -> bool) -> Dec {
    let (Some(a), Some(b)) = (bits(a, ctx), bits(b, ctx)) else {
        return Dec::invalid(status, cond::INVALID_OPERATION);
    };
    let at = |bits: &[bool], at: usize| bits.get(at).copied().unwrap_or(false);
    number((0..a.len().max(b.len())).map(|index| with(at(&a, index), at(&b, index))))
}

pub fn and(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    combine(a, b, ctx, status, |a, b| a && b)
}

pub fn or(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    combine(a, b, ctx, status, |a, b| a || b)
}

pub fn xor(a: &Dec, b: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    combine(a, b, ctx, status, |a, b| a != b)
}

/// Exchanges 0 and 1 in all digits of the precision.
pub fn invert(a: &Dec, ctx: &Ctx, status: &mut Status) -> Dec {
    let Some(bits) = bits(a, ctx) else {
        return Dec::invalid(status, cond::INVALID_OPERATION);
    };
    if ctx.prec > MAX_DIGITS {
        return Dec::invalid(status, cond::NO_MEMORY);
    }
    number((0..ctx.prec as usize).map(|at| !bits.get(at).copied().unwrap_or(false)))
}
