//! Arithmetic on constants, within bounds that keep code objects small.

use crate::ast::{Expr, ExprKind, Operator, UnaryOp};
use krait_bytecode::oparg::BinaryOp;
use krait_bytecode::wtf8::Wtf8Buf;
use krait_bytecode::{Constant, Wtf8};
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

const MAX_INT_BITS: u64 = 128;
const MAX_COLLECTION: usize = 256;
const MAX_STR: usize = 4096;
const MAX_ITEMS: usize = 1024;

/// Unary operators of constants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Negative,
    Invert,
    Positive,
}

/// The set of these constants.
pub(crate) fn frozenset(items: Vec<Constant>) -> Constant {
    let mut unique: Vec<Constant> = Vec::with_capacity(items.len());
    for item in items {
        if !unique.iter().any(|u| python_eq(u, &item)) {
            unique.push(item);
        }
    }
    Constant::FrozenSet(unique)
}

/// Equality as Python sees it between constants (numbers of different types may be equal).
pub(crate) fn python_eq(a: &Constant, b: &Constant) -> bool {
    let number = |c: &Constant| match c {
        Constant::True => Some(1.0),
        Constant::False => Some(0.0),
        Constant::Int(v) if v.bits() <= 53 => v.to_f64(),
        Constant::Float(v) => Some(*v),
        Constant::Complex(re, im) if *im == 0.0 => Some(*re),
        _ => None,
    };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn as_int(c: &Constant) -> Option<BigInt> {
    match c {
        Constant::Int(v) => Some(v.clone()),
        Constant::True => Some(1.into()),
        Constant::False => Some(0.into()),
        _ => None,
    }
}

/// A number as a float, if it is one exactly.
fn as_float(c: &Constant) -> Option<f64> {
    match c {
        Constant::Float(v) => Some(*v),
        _ => as_int(c).filter(|v| v.bits() <= 53).and_then(|v| v.to_f64()),
    }
}

/// The result of a unary operator, if it is folded.
pub(crate) fn unary(op: Unary, value: &Constant) -> Option<Constant> {
    if op == Unary::Not {
        return Some(Constant::bool(!value.truth()));
    }
    if let Some(int) = as_int(value) {
        return Some(Constant::Int(match op {
            Unary::Negative => -int,
            Unary::Positive => int,
            // Inverting a bool is deprecated and has to warn.
            _ if !matches!(value, Constant::Int(_)) => return None,
            _ => !int,
        }));
    }
    match (op, value) {
        (Unary::Negative, Constant::Float(v)) => Some(Constant::Float(-v)),
        (Unary::Positive, Constant::Float(v)) => Some(Constant::Float(*v)),
        (Unary::Negative, Constant::Complex(re, im)) => Some(Constant::Complex(-re, -im)),
        (Unary::Positive, Constant::Complex(re, im)) => Some(Constant::Complex(*re, *im)),
        _ => None,
    }
}

/// The result of `BINARY_OP` with this argument, if it is folded.
pub(crate) fn binary(oparg: u32, left: &Constant, right: &Constant) -> Option<Constant> {
    let op = BinaryOp::from_u32(oparg)?;
    if op == BinaryOp::Subscr {
        return subscript(left, right);
    }
    if let (Some(a), Some(b)) = (as_int(left), as_int(right)) {
        return ints(op, &a, &b, left, right);
    }
    if matches!(left, Constant::Complex(..)) || matches!(right, Constant::Complex(..)) {
        return complexes(op, left, right);
    }
    if let (Some(a), Some(b)) = (as_float(left), as_float(right)) {
        return floats(op, a, b).map(Constant::Float);
    }
    sequences(op, left, right)
}

fn ints(op: BinaryOp, a: &BigInt, b: &BigInt, left: &Constant, right: &Constant) -> Option<Constant> {
    let bools = !matches!(left, Constant::Int(_)) && !matches!(right, Constant::Int(_));
    let value = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => {
            if a.bits() + b.bits() > MAX_INT_BITS {
                return None;
            }
            a * b
        }
        BinaryOp::FloorDivide if !b.is_zero() => num_integer::Integer::div_floor(a, b),
        BinaryOp::Remainder if !b.is_zero() => num_integer::Integer::mod_floor(a, b),
        BinaryOp::TrueDivide if !b.is_zero() && a.bits() <= 53 && b.bits() <= 53 => {
            return Some(Constant::Float(a.to_f64()? / b.to_f64()?));
        }
        BinaryOp::Power => return int_power(a, b),
        BinaryOp::LShift if !b.is_negative() => {
            let shift = b.to_u64()?;
            if !a.is_zero() && (shift > MAX_INT_BITS || a.bits() > MAX_INT_BITS - shift) {
                return None;
            }
            a << shift
        }
        BinaryOp::RShift if !b.is_negative() => a >> b.to_u64()?,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        _ => return None,
    };
    if bools && matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor) {
        return Some(Constant::bool(!value.is_zero()));
    }
    Some(Constant::Int(value))
}

fn int_power(a: &BigInt, b: &BigInt) -> Option<Constant> {
    if b.is_negative() {
        if a.is_zero() {
            return None;
        }
        let (base, exponent) = (as_float(&Constant::Int(a.clone()))?, as_float(&Constant::Int(b.clone()))?);
        return Some(Constant::Float(base.powf(exponent)));
    }
    let exponent = b.to_u32()?;
    if !a.is_zero() && u64::from(exponent) > 0 && a.bits() > MAX_INT_BITS / u64::from(exponent) {
        return None;
    }
    Some(Constant::Int(a.pow(exponent)))
}

fn floats(op: BinaryOp, a: f64, b: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::TrueDivide if b != 0.0 => a / b,
        BinaryOp::Remainder if b != 0.0 => {
            let rest = a % b;
            if rest == 0.0 {
                0.0f64.copysign(b)
            } else if (rest < 0.0) != (b < 0.0) {
                rest + b
            } else {
                rest
            }
        }
        BinaryOp::FloorDivide if b != 0.0 => {
            let rest = floats(BinaryOp::Remainder, a, b)?;
            let quotient = (a - rest) / b;
            if quotient == 0.0 {
                0.0f64.copysign(a / b)
            } else {
                let floor = quotient.floor();
                if quotient - floor > 0.5 { floor + 1.0 } else { floor }
            }
        }
        BinaryOp::Power if (a != 0.0 || b >= 0.0) && (a >= 0.0 || b.fract() == 0.0) => {
            let value = a.powf(b);
            if value.is_infinite() && a.is_finite() && b.is_finite() {
                return None;
            }
            value
        }
        _ => return None,
    })
}

fn complexes(op: BinaryOp, left: &Constant, right: &Constant) -> Option<Constant> {
    let parts = |c: &Constant| match c {
        Constant::Complex(re, im) => Some((*re, Some(*im))),
        other => as_float(other).map(|v| (v, None)),
    };
    let ((a, ai), (b, bi)) = (parts(left)?, parts(right)?);
    // Since 3.14 a real operand has no imaginary part, not one of zero.
    let (re, im) = match op {
        BinaryOp::Add => (
            a + b,
            match (ai, bi) {
                (Some(x), Some(y)) => x + y,
                (x, y) => x.or(y)?,
            },
        ),
        BinaryOp::Subtract => (
            a - b,
            match (ai, bi) {
                (Some(x), Some(y)) => x - y,
                (Some(x), None) => x,
                (_, y) => -y?,
            },
        ),
        BinaryOp::Multiply => match (ai, bi) {
            (Some(x), Some(y)) => (a * b - x * y, a * y + x * b),
            (Some(x), None) => (a * b, x * b),
            (_, y) => (a * b, a * y?),
        },
        _ => return None,
    };
    Some(Constant::Complex(re, im))
}

fn sequences(op: BinaryOp, left: &Constant, right: &Constant) -> Option<Constant> {
    match (op, left, right) {
        (BinaryOp::Add, Constant::Str(a), Constant::Str(b)) => {
            let mut out = Wtf8Buf::new();
            out.push_wtf8(a);
            out.push_wtf8(b);
            Some(Constant::Str(out.finish()))
        }
        (BinaryOp::Add, Constant::Bytes(a), Constant::Bytes(b)) => Some(Constant::Bytes([&a[..], &b[..]].concat())),
        (BinaryOp::Add, Constant::Tuple(a), Constant::Tuple(b)) => Some(Constant::Tuple([&a[..], &b[..]].concat())),
        (BinaryOp::Multiply, sequence, count) if as_int(count).is_some() => repeat(sequence, &as_int(count)?),
        (BinaryOp::Multiply, count, sequence) if as_int(count).is_some() => repeat(sequence, &as_int(count)?),
        _ => None,
    }
}

fn repeat(sequence: &Constant, count: &BigInt) -> Option<Constant> {
    let fits = |len: usize, limit: usize| {
        if len == 0 {
            return count.to_i64().map(|_| 0);
        }
        let times = if count.is_negative() { return None } else { count.to_usize()? };
        (times <= limit / len).then_some(times)
    };
    match sequence {
        Constant::Str(text) => {
            let len = text.code_points().count();
            let times = fits(len, MAX_STR)?;
            let mut out = Wtf8Buf::new();
            (0..times).for_each(|_| out.push_wtf8(text));
            Some(Constant::Str(out.finish()))
        }
        Constant::Bytes(bytes) => Some(Constant::Bytes(bytes.repeat(fits(bytes.len(), MAX_STR)?))),
        Constant::Tuple(items) => {
            let times = fits(items.len(), MAX_COLLECTION)?;
            let all = Constant::Tuple(items.clone());
            if times > 0 && count_items(&all, MAX_ITEMS / times).is_none() {
                return None;
            }
            Some(Constant::Tuple(std::iter::repeat_n(items, times).flatten().cloned().collect()))
        }
        _ => None,
    }
}

/// Counts nested items down from a limit.
fn count_items(value: &Constant, limit: usize) -> Option<usize> {
    match value {
        Constant::Tuple(items) => {
            let limit = limit.checked_sub(items.len())?;
            items.iter().try_fold(limit, |limit, item| count_items(item, limit))
        }
        _ => Some(limit),
    }
}

fn subscript(object: &Constant, index: &Constant) -> Option<Constant> {
    if let Constant::Slice(slice) = index {
        return subscript_slice(object, slice);
    }
    let index = as_int(index)?.to_i64()?;
    let place = |len: usize| {
        let at = if index < 0 { index + len as i64 } else { index };
        usize::try_from(at).ok().filter(|at| *at < len)
    };
    match object {
        Constant::Tuple(items) => place(items.len()).map(|at| items[at].clone()),
        Constant::Bytes(bytes) => place(bytes.len()).map(|at| Constant::Int(bytes[at].into())),
        Constant::Str(text) => {
            let points: Vec<u32> = text.code_points().collect();
            place(points.len()).map(|at| Constant::Str(from_points(&points[at..=at])))
        }
        _ => None,
    }
}

fn from_points(points: &[u32]) -> Wtf8 {
    let mut out = Wtf8Buf::new();
    points.iter().for_each(|p| out.push_code_point(*p));
    out.finish()
}

fn subscript_slice(object: &Constant, slice: &[Constant; 3]) -> Option<Constant> {
    fn pick<T: Clone>(items: &[T], slice: &[Constant; 3]) -> Option<Vec<T>> {
        let number = |c: &Constant| match c {
            Constant::None => Some(None),
            other => as_int(other)?.to_i64().map(Some),
        };
        let (start, stop, step) = (number(&slice[0])?, number(&slice[1])?, number(&slice[2])?.unwrap_or(1));
        if step == 0 {
            return None;
        }
        let len = items.len() as i64;
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let clamp = |v: i64| (if v < 0 { v + len } else { v }).clamp(low, high);
        let mut at = start.map_or(if step > 0 { low } else { high }, clamp);
        let end = stop.map_or(if step > 0 { high } else { low }, clamp);
        let mut out = Vec::new();
        while if step > 0 { at < end } else { at > end } {
            out.push(items[at as usize].clone());
            at = at.checked_add(step)?;
        }
        Some(out)
    }
    match object {
        Constant::Tuple(items) => pick(items, slice).map(Constant::Tuple),
        Constant::Bytes(bytes) => pick(bytes, slice).map(Constant::Bytes),
        Constant::Str(text) => {
            let points: Vec<u32> = text.code_points().collect();
            pick(&points, slice).map(|p| Constant::Str(from_points(&p)))
        }
        _ => None,
    }
}

/// The value of a pattern that is a literal: a constant, a negative number, or a complex number.
pub(crate) fn pattern_constant(e: &Expr) -> Option<Constant> {
    match &e.kind {
        ExprKind::Constant { value, .. } => Some(value.clone()),
        ExprKind::UnaryOp { op: UnaryOp::USub, operand } => match &operand.kind {
            ExprKind::Constant { value, .. } => unary(Unary::Negative, value),
            _ => None,
        },
        ExprKind::BinOp { left, op, right } => {
            let op = match op {
                Operator::Add => BinaryOp::Add,
                Operator::Sub => BinaryOp::Subtract,
                _ => return None,
            };
            binary(op as u32, &pattern_constant(left)?, &pattern_constant(right)?)
        }
        _ => None,
    }
}
