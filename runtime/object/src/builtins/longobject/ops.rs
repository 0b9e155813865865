//! The operators of `int`.
use super::Int;
use crate::handle::{Attached, Layout, Ref};
use crate::typedef::CompareOp;
use crate::{Float, Object, PyResult, Str, not_implemented, raise};
use krait_text::intarith;
use num_bigint::BigInt;
use num_integer::Integer;
use std::cmp::Ordering;

/// Both operands as integers, or `NotImplemented` returned from the function.
macro_rules! operands {
    ($left:ident, $right:ident) => {{
        let (Some(left), Some(right)) = ($left.downcast::<Int>(), $right.downcast::<Int>()) else {
            return Ok(not_implemented());
        };
        (left, right)
    }};
}

/// Sum of two compact integers.
#[inline(always)]
pub fn compact_add(py: Attached<'_>, left: &Int, right: &Int) -> PyResult<Ref<Int>> {
    Int::from_i64(py, (left.compact_value() + right.compact_value()) as i64)
}

/// Difference of two compact integers.
#[inline(always)]
pub fn compact_sub(py: Attached<'_>, left: &Int, right: &Int) -> PyResult<Ref<Int>> {
    Int::from_i64(py, (left.compact_value() - right.compact_value()) as i64)
}

/// Product of two compact integers.
#[inline(always)]
pub fn compact_mul(py: Attached<'_>, left: &Int, right: &Int) -> PyResult<Ref<Int>> {
    Int::from_i64(py, left.compact_value() as i64 * right.compact_value() as i64)
}

/// How much more than its operands a product or quotient takes while it is made.
pub(super) const SCRATCH: usize = 6;

/// Sees to it that there is memory for `digits`, which the arithmetic takes for granted.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub(super) fn has_room(py: Attached<'_>, digits: usize) -> PyResult<()> {
    if !crate::reserve::affords(digits.saturating_mul(size_of::<u32>())) {
        return Err(py.no_memory());
    }
    Ok(())
}

impl Int {
    /// `self + other`.
    #[inline]
    pub fn add(&self, py: Attached<'_>, other: &Int) -> PyResult<Ref<Int>> {
        if self.is_compact() && other.is_compact() {
            return compact_add(py, self, other);
        }
        self.add_signed(py, other, other.is_negative())
    }

    /// `self - other`.
    #[inline]
    pub fn sub(&self, py: Attached<'_>, other: &Int) -> PyResult<Ref<Int>> {
        if self.is_compact() && other.is_compact() {
            return compact_sub(py, self, other);
        }
        self.add_signed(py, other, !other.is_negative())
    }

    /// `self + other` with the given sign for `other`.
    fn add_signed(&self, py: Attached<'_>, other: &Int, negative: bool) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.to_words(), other.to_words()) {
            return Self::from_words(py, if other.is_negative() == negative { a + b } else { a - b });
        }
        let (a, b) = (self.digits(), other.digits());
        has_room(py, a.len().max(b.len()))?;
        if self.is_negative() == negative {
            return Self::from_digits(py, negative, &intarith::add(a, b));
        }
        match intarith::compare(a, b) {
            Ordering::Less => Self::from_digits(py, negative, &intarith::sub(b, a)),
            _ => Self::from_digits(py, self.is_negative(), &intarith::sub(a, b)),
        }
    }

    /// `self * other`.
    #[inline]
    pub fn mul(&self, py: Attached<'_>, other: &Int) -> PyResult<Ref<Int>> {
        if self.is_compact() && other.is_compact() {
            return compact_mul(py, self, other);
        }
        if let (Some(a), Some(b)) = (self.to_words(), other.to_words())
            && let Some(product) = a.checked_mul(b)
        {
            return Self::from_words(py, product);
        }
        has_room(py, SCRATCH * (self.digits().len() + other.digits().len()))?;
        Self::from_digits(py, self.is_negative() != other.is_negative(), &intarith::mul(self.digits(), other.digits()))
    }

    /// The value, if it has at most four digits: two of them can be added without overflow.
    #[inline]
    fn to_words(&self) -> Option<i128> {
        let digits = self.digits();
        if digits.len() > 4 {
            return None;
        }
        let magnitude = digits.iter().rev().fold(0, |all, &digit| all << 30 | i128::from(digit));
        Some(if self.is_negative() { -magnitude } else { magnitude })
    }

    fn from_words(py: Attached<'_>, value: i128) -> PyResult<Ref<Int>> {
        let magnitude = value.unsigned_abs();
        let digits: [u32; 5] = std::array::from_fn(|at| (magnitude >> (30 * at)) as u32 & intarith::MASK);
        Self::from_digits(py, value < 0, &digits)
    }

    /// Floor division and its remainder of what fits machine words; `None` for larger numbers and for a zero divisor.
    fn divmod_words(&self, other: &Int) -> Option<(i128, i128)> {
        let (a, b) = (self.to_words()?, other.to_words().filter(|b| *b != 0)?);
        let (quotient, rest) = (a / b, a % b);
        // The division rounds towards zero.
        let too_high = rest != 0 && (rest < 0) != (b < 0);
        Some(if too_high { (quotient - 1, rest + b) } else { (quotient, rest) })
    }

    /// Floor division and its remainder.
    pub fn divmod(&self, py: Attached<'_>, other: &Int) -> PyResult<(Ref<Int>, Ref<Int>)> {
        if other.is_zero() {
            return Err(raise!(py, ZeroDivisionError, "division by zero"));
        }
        if self.is_compact() && other.is_compact() {
            let (quotient, rest) = floor_divmod(self.compact_value() as i64, other.compact_value() as i64);
            return Ok((Self::from_i64(py, quotient)?, Self::from_i64(py, rest)?));
        }
        if let Some((quotient, rest)) = self.divmod_words(other) {
            return Ok((Self::from_words(py, quotient)?, Self::from_words(py, rest)?));
        }
        has_room(py, SCRATCH * (self.digits().len() + other.digits().len()))?;
        let (mut quotient, mut rest) = intarith::divmod(self.digits(), other.digits());
        let negative = self.is_negative() != other.is_negative();
        if negative && !rest.is_empty() {
            quotient = intarith::add(&quotient, &[1]);
            rest = intarith::sub(other.digits(), &rest);
        }
        Ok((Self::from_digits(py, negative, &quotient)?, Self::from_digits(py, other.is_negative(), &rest)?))
    }

    /// Remainder of floor division.
    pub fn modulo(&self, py: Attached<'_>, other: &Int) -> PyResult<Ref<Int>> {
        if self.is_compact() && other.is_compact() && !other.is_zero() {
            return Self::from_i64(py, floor_divmod(self.compact_value() as i64, other.compact_value() as i64).1);
        }
        if let Some((_, rest)) = self.divmod_words(other) {
            return Self::from_words(py, rest);
        }
        Ok(self.divmod(py, other)?.1)
    }

    /// Floor division.
    pub fn floor_divide(&self, py: Attached<'_>, other: &Int) -> PyResult<Ref<Int>> {
        if self.is_compact() && other.is_compact() && !other.is_zero() {
            return Self::from_i64(py, floor_divmod(self.compact_value() as i64, other.compact_value() as i64).0);
        }
        if let Some((quotient, _)) = self.divmod_words(other) {
            return Self::from_words(py, quotient);
        }
        Ok(self.divmod(py, other)?.0)
    }

    /// `-self`.
    pub fn neg(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        if self.is_compact() {
            return Self::from_i64(py, -self.compact_value() as i64);
        }
        Self::from_digits(py, !self.is_negative(), self.digits())
    }

    /// The ordering of two integers.
    #[inline]
    pub fn compare(&self, other: &Int) -> Ordering {
        if self.is_compact() && other.is_compact() {
            return self.compact_value().cmp(&other.compact_value());
        }
        match (self.is_negative(), other.is_negative()) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => intarith::compare(self.digits(), other.digits()),
            (true, true) => intarith::compare(other.digits(), self.digits()),
        }
    }

    /// An exact `int` of the same value: itself unless it is a subclass instance.
    pub fn exact(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        if std::ptr::eq(self.as_object().ty(), Self::type_object()) {
            return Ok(self.to_ref());
        }
        Self::from_digits(py, self.is_negative(), self.digits())
    }

    pub(crate) fn nb_add(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        Ok(left.add(py, right)?.upcast())
    }

    pub(crate) fn nb_subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        Ok(left.sub(py, right)?.upcast())
    }

    pub(crate) fn nb_multiply(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        Ok(left.mul(py, right)?.upcast())
    }

    pub(crate) fn nb_remainder(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        Ok(left.modulo(py, right)?.upcast())
    }

    pub(crate) fn nb_floor_divide(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        Ok(left.floor_divide(py, right)?.upcast())
    }

    pub(crate) fn nb_divmod(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        let (quotient, rest) = left.divmod(py, right)?;
        Ok(crate::Tuple::from_vec(py, vec![quotient.upcast(), rest.upcast()])?.upcast())
    }

    pub(crate) fn nb_true_divide(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        if right.is_zero() {
            return Err(raise!(py, ZeroDivisionError, "division by zero"));
        }
        const EXACT: u64 = 1 << 53;
        let exact = |value: &Int| value.to_i64().filter(|value| value.unsigned_abs() <= EXACT);
        let quotient = match (exact(left), exact(right)) {
            (Some(a), Some(b)) => a as f64 / b as f64,
            _ => divide_exactly(left, right)
                .ok_or_else(|| raise!(py, OverflowError, "integer division result too large for a float"))?,
        };
        Ok(Float::new(py, quotient)?.upcast())
    }

    pub(crate) fn nb_power(
        py: Attached<'_>,
        left: &Object,
        right: &Object,
        modulus: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let (base, exponent) = operands!(left, right);
        let Some(modulus) = modulus else { return base.pow(py, exponent) };
        let Some(modulus) = modulus.downcast::<Int>() else { return Ok(not_implemented()) };
        if modulus.is_zero() {
            return Err(raise!(py, ValueError, "pow() 3rd argument cannot be 0"));
        }
        let m = modulus.to_bigint();
        let mut b = base.to_bigint();
        let mut e = exponent.to_bigint();
        if exponent.is_negative() {
            let magnitude = BigInt::from(m.magnitude().clone());
            let gcd = b.mod_floor(&magnitude).extended_gcd(&magnitude);
            if gcd.gcd != BigInt::from(1) {
                return Err(raise!(py, ValueError, "base is not invertible for the given modulus"));
            }
            b = gcd.x.mod_floor(&magnitude);
            e = -e;
        }
        Ok(Self::from_bigint(py, &b.modpow(&e, &m))?.upcast())
    }

    /// `self ** exponent`; a negative exponent gives a float.
    fn pow(&self, py: Attached<'_>, exponent: &Int) -> PyResult<Ref<Object>> {
        if exponent.is_negative() {
            let (base, exponent) = (Float::new(py, self.to_f64(py)?)?, Float::new(py, exponent.to_f64(py)?)?);
            return Float::nb_power(py, base.as_object(), exponent.as_object(), None);
        }
        if self.is_compact() {
            match (self.compact_value(), exponent.is_zero()) {
                (_, true) | (1, _) => return Ok(Self::from_i64(py, 1)?.upcast()),
                (0, _) => return Ok(Self::from_i64(py, 0)?.upcast()),
                (-1, _) => {
                    let odd = exponent.digits().first().is_some_and(|digit| digit & 1 == 1);
                    return Ok(Self::from_i64(py, if odd { -1 } else { 1 })?.upcast());
                }
                _ => {}
            }
            if let Some(power) = exponent
                .to_i64()
                .and_then(|e| u32::try_from(e).ok())
                .and_then(|e| (self.compact_value() as i64).checked_pow(e))
            {
                return Ok(Self::from_i64(py, power)?.upcast());
            }
        }
        if exponent.is_zero() {
            return Ok(Self::from_i64(py, 1)?.upcast());
        }
        let bits = intarith::bit_length(self.digits());
        let Some(power) =
            exponent.to_i64().and_then(|e| u32::try_from(e).ok()).filter(|e| u64::from(*e) * bits < 1 << 40)
        else {
            return Err(py.no_memory());
        };
        has_room(py, SCRATCH * usize::try_from(u64::from(power) * bits / 30).unwrap_or(usize::MAX / SCRATCH))?;
        Ok(Self::from_bigint(py, &self.to_bigint().pow(power))?.upcast())
    }

    /// The shift count; `None` when it is larger than any memory.
    fn shift_count(&self, py: Attached<'_>) -> PyResult<Option<u64>> {
        if self.is_negative() {
            return Err(raise!(py, ValueError, "negative shift count"));
        }
        Ok(self.to_u64().filter(|count| *count < 1 << 60))
    }

    pub(crate) fn nb_lshift(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        let count = right.shift_count(py)?;
        if left.is_zero() {
            return Ok(Self::from_i64(py, 0)?.upcast());
        }
        match count {
            Some(count) if left.is_compact() && count < 32 => {
                Ok(Self::from_i64(py, (left.compact_value() as i64) << count)?.upcast())
            }
            Some(count) if count < 1 << 40 => {
                let shifted = intarith::try_shl(left.digits(), count).ok_or_else(|| py.no_memory())?;
                Ok(Self::from_digits(py, left.is_negative(), &shifted)?.upcast())
            }
            Some(_) => Err(py.no_memory()),
            None => Err(raise!(py, OverflowError, "too many digits in integer")),
        }
    }

    pub(crate) fn nb_rshift(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        let count = right.shift_count(py)?;
        if left.is_compact() {
            let count = count.unwrap_or(63).min(63);
            return Ok(Self::from_i64(py, (left.compact_value() as i64) >> count)?.upcast());
        }
        let (mut digits, lost) = intarith::shr(left.digits(), count.unwrap_or(u64::MAX));
        if left.is_negative() && lost {
            digits = intarith::add(&digits, &[1]);
        }
        Ok(Self::from_digits(py, left.is_negative(), &digits)?.upcast())
    }

    fn bitwise(
        py: Attached<'_>,
        left: &Object,
        right: &Object,
        small: fn(i64, i64) -> i64,
        op: fn(u32, u32) -> u32,
    ) -> PyResult<Ref<Object>> {
        let (left, right) = operands!(left, right);
        if let (Some(a), Some(b)) = (left.to_i64(), right.to_i64()) {
            return Ok(Self::from_i64(py, small(a, b))?.upcast());
        }
        has_room(py, 3 * left.digits().len().max(right.digits().len()))?;
        let (negative, digits) =
            intarith::bitwise((left.is_negative(), left.digits()), (right.is_negative(), right.digits()), op);
        Ok(Self::from_digits(py, negative, &digits)?.upcast())
    }

    pub(crate) fn nb_and(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        Self::bitwise(py, left, right, |a, b| a & b, |a, b| a & b)
    }

    pub(crate) fn nb_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        Self::bitwise(py, left, right, |a, b| a | b, |a, b| a | b)
    }

    pub(crate) fn nb_xor(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        Self::bitwise(py, left, right, |a, b| a ^ b, |a, b| a ^ b)
    }

    pub(crate) fn nb_negative(py: Attached<'_>, this: &Int) -> PyResult<Ref<Int>> {
        this.neg(py)
    }

    pub(crate) fn nb_int(py: Attached<'_>, this: &Int) -> PyResult<Ref<Int>> {
        this.exact(py)
    }

    pub(crate) fn nb_absolute(py: Attached<'_>, this: &Int) -> PyResult<Ref<Int>> {
        if this.is_negative() { this.neg(py) } else { this.exact(py) }
    }

    pub(crate) fn nb_invert(py: Attached<'_>, this: &Int) -> PyResult<Ref<Int>> {
        if this.is_compact() {
            return Self::from_i64(py, !this.compact_value() as i64);
        }
        let one = Self::from_i64(py, 1)?;
        this.add(py, &one)?.neg(py)
    }

    pub(crate) fn nb_bool(_: Attached<'_>, this: &Int) -> PyResult<bool> {
        Ok(!this.is_zero())
    }

    pub(crate) fn nb_float(py: Attached<'_>, this: &Int) -> PyResult<f64> {
        this.to_f64(py)
    }

    pub(super) fn tp_hash(_: Attached<'_>, this: &Int) -> PyResult<isize> {
        Ok(this.hash_value())
    }

    pub(super) fn tp_repr(py: Attached<'_>, this: &Int) -> PyResult<Ref<Str>> {
        Str::new(py, &this.to_decimal(py)?)
    }

    pub(super) fn tp_richcompare(py: Attached<'_>, this: &Int, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let _ = py;
        match other.downcast::<Int>() {
            Some(other) => Ok(crate::Bool::of(op.holds(this.compare(other))).to_ref().upcast()),
            None => Ok(not_implemented()),
        }
    }
}

/// The quotient of machine words rounded down, and what remains. Operands of 32 bits are divided as such, in a fraction
/// of the time.
#[inline(always)]
pub fn floor_divmod(a: i64, b: i64) -> (i64, i64) {
    if let (Ok(a), Ok(b)) = (u32::try_from(a), u32::try_from(b)) {
        return ((a / b).into(), (a % b).into());
    }
    let (quotient, rest) = (a / b, a % b);
    if rest != 0 && (rest < 0) != (b < 0) { (quotient - 1, rest + b) } else { (quotient, rest) }
}

/// The correctly rounded quotient of two integers, `None` on overflow.
fn divide_exactly(left: &Int, right: &Int) -> Option<f64> {
    let negative = left.is_negative() != right.is_negative();
    let (a, b) = (left.digits(), right.digits());
    if a.is_empty() {
        return Some(if negative { -0.0 } else { 0.0 });
    }
    // Scale so that the quotient has 65 or 66 bits; the remainder is a sticky bit below them.
    let shift = 65 - (intarith::bit_length(a) as i64 - intarith::bit_length(b) as i64);
    let (quotient, rest) = if shift >= 0 {
        intarith::divmod(&intarith::shl(a, shift as u64), b)
    } else {
        intarith::divmod(a, &intarith::shl(b, shift.unsigned_abs()))
    };
    let drop = intarith::bit_length(&quotient).saturating_sub(64);
    let (top, lost) = intarith::shr(&quotient, drop);
    let mantissa = intarith::to_u64(&top).expect("64 bits");
    let value = krait_text::float::compose(mantissa, lost || !rest.is_empty(), drop as i64 - shift).ok()?;
    Some(if negative { -value } else { value })
}
