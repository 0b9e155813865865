//! Numbers from and to other Python objects.
use super::context::Context;
use super::kernel::limbs::{self, BASE, Limbs, WIDTH};
use super::kernel::number::{MAX_DIGITS, MAX_EMAX, MAX_PREC, MIN_ETINY};
use super::kernel::{Ctx, Dec, Kind, Rounding, Status, arith, cond, text};
use super::number::{Decimal, finished};
use super::state::{Known, known};
use krait_object::args::as_borrowed;
use krait_object::native::{Arg, type_name};
use krait_object::{
    Attached, Complex, Float, Int, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Str, Tuple, Type, id, raise,
};
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use std::borrow::Cow;

/// The exponents of numbers that no context holds are cut to this.
const FAR: i64 = 4_000_000_000_000_000_000;

/// The number of an operand that operators take: a `Decimal` or an `int`.
#[inline]
pub fn implicit(value: &Object) -> Option<Cow<'_, Dec>> {
    if let Some(value) = value.downcast::<Decimal>() {
        return Some(Cow::Borrowed(value.value()));
    }
    value.downcast::<Int>().map(|int| Cow::Owned(from_int(int)))
}

#[cold]
pub fn unsupported(py: Attached<'_>, value: &Object) -> Raised {
    raise!(py, TypeError, "conversion from {} to Decimal is not supported", type_name(value))
}

pub fn from_int(int: &Int) -> Dec {
    match int.to_i64() {
        Some(value) => Dec::from_i64(value),
        None => from_bigint(&int.to_bigint()),
    }
}

fn from_bigint(value: &BigInt) -> Dec {
    Dec::new(value.sign() == Sign::Minus, limbs::from_words(&value.magnitude().to_u64_digits()), 0)
}

/// The exact value of a float.
pub fn from_f64(value: f64) -> Dec {
    let negative = value.is_sign_negative();
    if value.is_nan() {
        return Dec::nan().with_sign(negative);
    }
    if value.is_infinite() {
        return Dec::infinity(negative);
    }
    if value == 0.0 {
        return Dec::zero(negative, 0);
    }
    let (_, mut mantissa, mut exponent) = krait_text::float::integer_ratio(value);
    let spare = mantissa.trailing_zeros().min(exponent.min(0).unsigned_abs());
    mantissa >>= spare;
    exponent += spare as i32;
    let power = |base: u64| power_of(base, exponent.unsigned_abs());
    let mantissa = limbs::from_u64(mantissa);
    match exponent >= 0 {
        true => Dec::new(negative, limbs::mul(&mantissa, &power(2)), 0),
        false => Dec::new(negative, limbs::mul(&mantissa, &power(5)), i64::from(exponent)),
    }
}

fn power_of(base: u64, exponent: u32) -> Limbs {
    let mut result = limbs::from_u64(1);
    for bit in (0..32 - exponent.leading_zeros()).rev() {
        result = limbs::mul(&result, &result);
        if exponent >> bit & 1 == 1 {
            result = limbs::mul_small(&result, base);
        }
    }
    result
}

/// The number of a text, or `None`. If it is read with `leniency`, spaces around it and underscores do not count.
fn from_str(text: &Str, leniency: bool) -> Option<Dec> {
    let mut ascii = krait_text::float::to_ascii_number(text.code_points());
    if !leniency {
        return text::parse(&ascii);
    }
    ascii.retain(|byte| *byte != b'_');
    let start = ascii.iter().position(|byte| !is_space(*byte)).unwrap_or(ascii.len());
    let end = ascii.iter().rposition(|byte| !is_space(*byte)).map_or(start, |at| at + 1);
    text::parse(&ascii[start..end])
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0x0B | 0x1C..=0x1F)
}

/// The number of a tuple of sign, digits and exponent.
fn from_parts(py: Attached<'_>, parts: &[Ref<Object>]) -> PyResult<Dec> {
    let [sign, digits, exponent] = *as_borrowed(parts) else {
        return Err(raise!(py, ValueError, "argument must be a sequence of length 3"));
    };
    let sign = sign.downcast::<Int>().and_then(Int::to_i64).filter(|sign| matches!(sign, 0 | 1));
    let Some(sign) = sign else {
        return Err(raise!(py, ValueError, "sign must be an integer with the value 0 or 1"));
    };
    let mut kind = Kind::Finite;
    let mut exp = 0;
    if let Some(text) = exponent.downcast::<Str>() {
        kind = match () {
            () if text.eq_str("F") => Kind::Infinite,
            () if text.eq_str("n") => Kind::Nan,
            () if text.eq_str("N") => Kind::Signaling,
            () => {
                let message = "string argument in the third position must be 'F', 'n' or 'N'";
                return Err(raise!(py, ValueError, "{message}"));
            }
        };
    } else if exponent.downcast::<Int>().is_some() {
        exp = exponent.as_isize(py)? as i64;
    } else {
        return Err(raise!(py, ValueError, "exponent must be an integer"));
    }
    if kind == Kind::Infinite {
        return Ok(Dec::infinity(sign == 1));
    }
    let bad = || raise!(py, ValueError, "coefficient must be a tuple of digits");
    let digits: Vec<Ref<Object>> = match (digits.downcast::<Tuple>(), digits.downcast::<List>()) {
        (Some(digits), _) => digits.as_slice().iter().map(|digit| digit.to_ref()).collect(),
        (_, Some(digits)) => digits.to_vec(py)?,
        _ => return Err(bad()),
    };
    let mut text = krait_object::reserve::with_room(py, digits.len())?;
    for digit in as_borrowed(&digits) {
        match digit.downcast::<Int>().and_then(Int::to_i64) {
            Some(digit @ 0..=9) => text.push(b'0' + digit as u8),
            _ => return Err(bad()),
        }
    }
    Ok(Dec { kind, ..Dec::new(sign == 1, limbs::from_text(&text), exp.clamp(-FAR, FAR)) })
}

/// How texts are converted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    Refused,
    Strict,
    Lenient,
}

/// The exact number of a value of any supported type, before bounds are checked.
pub fn exact_value(py: Attached<'_>, value: &Object, context: &Context, texts: Texts) -> PyResult<Dec> {
    if let Some(value) = value.downcast::<Decimal>() {
        return Ok(value.value().clone());
    }
    if let Some(int) = value.downcast::<Int>() {
        return Ok(from_int(int));
    }
    if let Some(text) = value.downcast::<Str>().filter(|_| texts != Texts::Refused) {
        // Growing step by step asks for up to twice the text at once.
        krait_object::reserve::need(py, text.len().saturating_mul(3))?;
        return match from_str(text, texts == Texts::Lenient) {
            Some(number) => Ok(number),
            None => {
                context.settle(py, cond::CONVERSION_SYNTAX)?;
                Ok(Dec::nan())
            }
        };
    }
    if let Some(float) = value.downcast::<Float>() {
        context.settle(py, cond::FLOAT_OPERATION)?;
        return Ok(from_f64(float.value()));
    }
    match (value.downcast::<Tuple>(), value.downcast::<List>()) {
        (Some(tuple), _) => {
            let parts: Vec<_> = tuple.as_slice().iter().map(|part| part.to_ref()).collect();
            from_parts(py, &parts)
        }
        (_, Some(list)) => from_parts(py, &list.to_vec(py)?),
        _ => Err(unsupported(py, value)),
    }
}

/// `Decimal(value)`: the exact value, if the widest context holds it.
pub fn exact(py: Attached<'_>, ty: &Type, value: &Object, context: &Context) -> PyResult<Ref<Decimal>> {
    let mut number = exact_value(py, value, context, Texts::Lenient)?;
    let digits = number.digits();
    let easy = digits < MAX_PREC && (MIN_ETINY / 2..=MAX_EMAX / 2).contains(&number.exp);
    if !easy {
        let mut status = 0;
        number = number.finish(&Ctx::MAX, &mut status);
        if status & (cond::INEXACT | cond::ROUNDED | cond::CLAMPED) != 0 {
            number = Dec::invalid(&mut status, cond::INVALID_OPERATION);
        }
        context.settle(py, status & (cond::ANY_INVALID | cond::DIVISION_BY_ZERO))?;
    }
    Decimal::make_as(py, ty, number)
}

/// `Context.create_decimal()`.
pub fn create(py: Attached<'_>, context: &Context, [value]: [Arg<'_>; 1]) -> PyResult<Ref<Decimal>> {
    let Some(value) = value else { return Decimal::make(py, Dec::zero(false, 0)) };
    let number = exact_value(py, value, context, Texts::Strict)?;
    rounded(py, context, number)
}

/// A converted number under a context; a NaN whose payload is too long is a syntax error.
fn rounded(py: Attached<'_>, context: &Context, number: Dec) -> PyResult<Ref<Decimal>> {
    finished(py, context, |ctx: &Ctx, status: &mut Status| {
        if number.is_nan() && !number.coeff.is_empty() && number.digits() > ctx.prec - i64::from(ctx.clamp) {
            return Dec::invalid(status, cond::CONVERSION_SYNTAX);
        }
        number.finish(ctx, status)
    })
}

/// `Context.create_decimal_from_float()`.
pub fn create_from_float(py: Attached<'_>, context: &Context, value: &Object) -> PyResult<Ref<Decimal>> {
    let number = match (value.downcast::<Int>(), value.downcast::<Float>()) {
        (Some(int), _) => from_int(int),
        (_, Some(float)) => from_f64(float.value()),
        _ => return Err(raise!(py, TypeError, "argument must be int or float")),
    };
    rounded(py, context, number)
}

/// What a number is compared with.
pub enum Pairing<'a> {
    /// The number itself with this one.
    Same(Cow<'a, Dec>),
    /// The first with the second.
    Scaled(Dec, Dec),
    Unknown,
}

/// The numbers that decide a comparison with another object.
pub fn comparable<'a>(
    py: Attached<'_>,
    context: &Context,
    this: &Dec,
    other: &'a Object,
    equality: bool,
) -> PyResult<Pairing<'a>> {
    if let Some(number) = implicit(other) {
        return Ok(Pairing::Same(number));
    }
    let float = |value: f64| -> PyResult<Pairing<'a>> {
        if equality {
            context.flags().set_bits(context.flags().bits() | cond::FLOAT_OPERATION);
        } else {
            context.settle(py, cond::FLOAT_OPERATION)?;
        }
        Ok(Pairing::Same(Cow::Owned(from_f64(value))))
    };
    if let Some(value) = other.downcast::<Float>() {
        return float(value.value());
    }
    if let Some(value) = other.downcast::<Complex>() {
        return match value.value() {
            (real, 0.0) if equality => float(real),
            _ => Ok(Pairing::Unknown),
        };
    }
    if !other.is_instance(py, known(py, Known::Rational)?)? {
        return Ok(Pairing::Unknown);
    }
    let numerator = other.get_attr(py, id!(py, numerator))?;
    let denominator = other.get_attr(py, id!(py, denominator))?;
    let (Some(numerator), Some(denominator)) = ((*numerator).downcast::<Int>(), (*denominator).downcast::<Int>())
    else {
        return Err(raise!(py, TypeError, "numerator and denominator must be integers"));
    };
    if this.is_nan() || this.is_infinite() {
        return Ok(Pairing::Scaled(this.clone(), Dec::zero(false, 0)));
    }
    let mut status = 0;
    let scaled = arith::multiply(this, &from_int(denominator), &Ctx::MAX, &mut status);
    Ok(Pairing::Scaled(scaled, from_int(numerator)))
}

/// 2^61 - 1, the modulus of numerical hashes.
const MODULUS: u64 = (1 << 61) - 1;

fn times(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(MODULUS)) as u64
}

fn power_modulo(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1;
    while exponent != 0 {
        if exponent & 1 == 1 {
            result = times(result, base);
        }
        base = times(base, base);
        exponent >>= 1;
    }
    result
}

/// The hash, the same as that of equal numbers of other types.
pub fn hash(py: Attached<'_>, this: &Decimal) -> PyResult<isize> {
    const INFINITY: isize = 314_159;
    let value = this.value();
    let magnitude = match value.kind {
        Kind::Signaling => return Err(raise!(py, TypeError, "Cannot hash a signaling NaN value")),
        Kind::Nan => return Ok(krait_object::builtins::object::hash_pointer(this)),
        Kind::Infinite => INFINITY,
        Kind::Finite => {
            let coeff = value.coeff.iter().rev().fold(0, |hash, limb| {
                (u128::from(times(hash, BASE % MODULUS)) + u128::from(*limb)).rem_euclid(u128::from(MODULUS)) as u64
            });
            // 10^(p-2) is the inverse of 10.
            let base = if value.exp >= 0 { 10 } else { power_modulo(10, MODULUS - 2) };
            times(coeff, power_modulo(base, value.exp.unsigned_abs())) as isize
        }
    };
    Ok(match if value.negative { -magnitude } else { magnitude } {
        -1 => -2,
        hash => hash,
    })
}

/// The binary form of a number in base 10^18.
fn to_biguint(a: &[u64]) -> BigUint {
    if a.len() <= 24 {
        return a.iter().rev().fold(BigUint::ZERO, |value, limb| value * BASE + *limb);
    }
    let (low, high) = a.split_at(a.len() / 2);
    to_biguint(high) * BigUint::from(BASE).pow(low.len() as u32) + to_biguint(low)
}

fn ten_to(exponent: i64) -> BigUint {
    BigUint::from(10u32).pow(exponent as u32)
}

/// The number rounded to an `int`.
pub fn to_int(py: Attached<'_>, value: &Dec, rounding: Rounding) -> PyResult<Ref<Int>> {
    match value.kind {
        Kind::Infinite => return Err(raise!(py, OverflowError, "cannot convert Infinity to integer")),
        Kind::Nan | Kind::Signaling => return Err(raise!(py, ValueError, "cannot convert NaN to integer")),
        Kind::Finite => {}
    }
    let whole = match value.exp >= 0 {
        true => Cow::Borrowed(value),
        false => match value.rescaled(0, rounding) {
            Some((whole, _)) => Cow::Owned(whole),
            None => return Err(py.no_memory()),
        },
    };
    if whole.coeff.is_empty() {
        return Int::from_i64(py, 0);
    }
    if whole.exp + whole.digits() <= WIDTH as i64 {
        let magnitude = limbs::to_u64(&limbs::shift_left(&whole.coeff, whole.exp as usize)).unwrap_or(0) as i64;
        return Int::from_i64(py, if whole.negative { -magnitude } else { magnitude });
    }
    if whole.exp > MAX_DIGITS / 10 {
        return Err(py.no_memory());
    }
    let sign = if whole.negative { Sign::Minus } else { Sign::Plus };
    let magnitude = to_biguint(&whole.coeff) * ten_to(whole.exp);
    Int::from_bigint(py, &BigInt::from_biguint(sign, magnitude))
}

/// The nearest float.
pub fn to_float(py: Attached<'_>, value: &Dec) -> PyResult<f64> {
    match value.kind {
        Kind::Signaling => return Err(raise!(py, ValueError, "cannot convert signaling NaN to float")),
        Kind::Nan => return Ok(if value.negative { -f64::NAN } else { f64::NAN }),
        Kind::Infinite => return Ok(if value.negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        Kind::Finite => {}
    }
    let text = text::to_text(value, false, false);
    krait_text::float::parse(text.as_bytes())
        .ok_or_else(|| raise!(py, ValueError, "could not convert string to float: {text}"))
}

/// `DecimalTuple` of the parts.
pub fn as_tuple(py: Attached<'_>, this: &Decimal) -> PyResult<Ref<Object>> {
    let value = this.value();
    let exponent = match value.kind {
        Kind::Finite => value.exp.into_object(py)?,
        Kind::Infinite => "F".into_object(py)?,
        Kind::Nan => "n".into_object(py)?,
        Kind::Signaling => "N".into_object(py)?,
    };
    let mut digits = Vec::new();
    if value.is_infinite() || value.is_finite() || !value.coeff.is_empty() {
        limbs::push_text(&value.coeff, &mut digits);
    }
    let digits = digits.iter().map(|digit| (digit - b'0').into_object(py)).collect::<PyResult<Vec<_>>>()?;
    let digits = Tuple::from_vec(py, digits)?;
    let sign = u8::from(value.negative).into_object(py)?;
    known(py, Known::DecimalTuple)?.call_pos(py, &[&sign, digits.as_object(), &exponent])
}

/// Numerator and denominator in lowest terms.
pub fn as_integer_ratio(py: Attached<'_>, this: &Decimal) -> PyResult<Ref<Tuple>> {
    let value = this.value();
    match value.kind {
        Kind::Infinite => return Err(raise!(py, OverflowError, "cannot convert Infinity to integer ratio")),
        Kind::Nan | Kind::Signaling => {
            return Err(raise!(py, ValueError, "cannot convert NaN to integer ratio"));
        }
        Kind::Finite => {}
    }
    if value.exp.unsigned_abs() > MAX_DIGITS as u64 / 10 && !value.is_zero() {
        return Err(py.no_memory());
    }
    let mut top = to_biguint(&value.coeff);
    let mut bottom = BigUint::from(1u32);
    if value.is_zero() {
        top = BigUint::ZERO;
    } else if value.exp >= 0 {
        top *= ten_to(value.exp);
    } else {
        bottom = ten_to(-value.exp);
        let common = top.gcd(&bottom);
        top /= &common;
        bottom /= &common;
    }
    let sign = if value.negative { Sign::Minus } else { Sign::Plus };
    let top = Int::from_bigint(py, &BigInt::from_biguint(sign, top))?;
    let bottom = Int::from_bigint(py, &BigInt::from_biguint(Sign::Plus, bottom))?;
    Tuple::pair(py, top.upcast(), bottom.upcast())
}
