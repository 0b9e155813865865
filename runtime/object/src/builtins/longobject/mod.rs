//! `int`: 30-bit digits in place, exactly as extensions read them.
//!
//! `lv_tag` holds the digit count above three bits, the lowest two of which are the sign: 0 positive, 1 zero, 2
//! negative. Integers are immutable. Those from -5 to 256 are static.
mod convert;
mod methods;
mod ops;

pub use ops::{compact_add, compact_mul, compact_sub, floor_divmod};

use crate::handle::{Attached, Layout, Ref};
use crate::layout::{_PyLongValue, Field, PyLongObject, PyObject, PyTypeObject};
use crate::{PyResult, Type, mem, raise};
use krait_text::intarith;
use std::mem::offset_of;

/// An arbitrary-precision integer: 30-bit digits in place.
#[repr(transparent)]
pub struct Int(pub(crate) PyLongObject);

const SIGN_MASK: usize = 3;
const ZERO: usize = 1;
const NEGATIVE: usize = 2;
const SIZE_SHIFT: u32 = 3;
/// Marks the shared small integers.
const IS_SMALL: usize = 4;
const DIGITS: usize = offset_of!(PyLongObject, long_value) + offset_of!(_PyLongValue, ob_digit);

const SMALL_MIN: i64 = -5;
const SMALL_MAX: i64 = 256;
const SMALL_COUNT: usize = (SMALL_MAX - SMALL_MIN + 1) as usize;

/// A static integer of at most one digit, with a mark for the third bit of its tag.
pub(crate) const fn static_int(ty: *const PyTypeObject, value: i64, mark: usize) -> PyLongObject {
    let tag = mark
        | match value {
            0 => ZERO,
            1.. => 1 << SIZE_SHIFT,
            _ => 1 << SIZE_SHIFT | NEGATIVE,
        };
    PyLongObject {
        ob_base: PyObject::immortal(ty.cast_mut()),
        long_value: _PyLongValue { lv_tag: Field::new(tag), ob_digit: [Field::new(value.unsigned_abs() as u32)] },
    }
}

static SMALL: [PyLongObject; SMALL_COUNT] = {
    let mut small = [const { PyLongObject::EMPTY }; SMALL_COUNT];
    let mut at = 0;
    while at < SMALL_COUNT {
        small[at] = static_int(&raw const methods::PyLong_Type, at as i64 + SMALL_MIN, IS_SMALL);
        at += 1;
    }
    small
};

/// `sys.set_int_max_str_digits`'s default and least limit.
pub const DEFAULT_MAX_STR_DIGITS: usize = 4300;
pub const MIN_MAX_STR_DIGITS: usize = 640;

impl Int {
    #[inline(always)]
    pub fn raw(&self) -> &PyLongObject {
        &self.0
    }

    #[inline(always)]
    fn tag(&self) -> usize {
        self.0.long_value.lv_tag.get()
    }

    /// The static integer of a small value.
    #[inline(always)]
    pub fn small(value: i64) -> Option<&'static Int> {
        let at = value.wrapping_sub(SMALL_MIN) as usize;
        // SAFETY: `repr(transparent)` over the static's type.
        SMALL.get(at).map(|small| unsafe { &*std::ptr::from_ref(small).cast::<Int>() })
    }

    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn from_i64(py: Attached<'_>, value: i64) -> PyResult<Ref<Int>> {
        match Self::small(value) {
            Some(small) => Ok(small.to_ref()),
            None => Self::alloc_i64(py, value),
        }
    }

    fn alloc_i64(py: Attached<'_>, value: i64) -> PyResult<Ref<Int>> {
        let magnitude = value.unsigned_abs();
        if magnitude <= u64::from(intarith::MASK) {
            return Self::compact(py, value < 0, magnitude as u32);
        }
        Self::from_wide(py, value < 0, magnitude)
    }

    /// An integer of more than one digit. Out of line: its array must not be a handler's.
    #[inline(never)]
    fn from_wide(py: Attached<'_>, negative: bool, magnitude: u64) -> PyResult<Ref<Int>> {
        let (digits, len) = intarith::from_u64(magnitude);
        Self::alloc(py, Self::type_object(), negative, &digits[..len])
    }

    /// # Errors
    /// `MemoryError`.
    pub fn from_u64(py: Attached<'_>, value: u64) -> PyResult<Ref<Int>> {
        if let Ok(value) = i64::try_from(value) {
            return Self::from_i64(py, value);
        }
        let (digits, len) = intarith::from_u64(value);
        Self::alloc(py, Self::type_object(), false, &digits[..len])
    }

    /// A one-digit integer that is not small.
    #[inline]
    fn compact(py: Attached<'_>, negative: bool, digit: u32) -> PyResult<Ref<Int>> {
        let raw = mem::alloc_leaf(py, Self::type_object(), DIGITS + 4)?;
        // SAFETY: fresh memory of the size of one digit.
        unsafe {
            let this = raw.as_ptr().cast::<PyLongObject>();
            (*this).long_value.lv_tag.set(1 << SIZE_SHIFT | if negative { NEGATIVE } else { 0 });
            (*this).long_value.ob_digit[0].set(digit);
            Ok(Ref::from_raw(raw.as_ptr()))
        }
    }

    /// An instance of `ty` with these digits, trimmed; never a static one.
    fn alloc(py: Attached<'_>, ty: &Type, negative: bool, digits: &[u32]) -> PyResult<Ref<Int>> {
        let sign = match digits.is_empty() {
            true => ZERO,
            false if negative => NEGATIVE,
            false => 0,
        };
        let size = DIGITS + 4 * digits.len().max(1);
        let raw = match std::ptr::eq(ty, Self::type_object()) {
            true if size <= mem::MAX_SMALL => mem::alloc_leaf(py, ty, size)?.as_ptr(),
            true => mem::alloc_sized(py, ty, size)?.as_ptr(),
            false => ty.alloc(py, digits.len().max(1))?.into_raw(),
        };
        // SAFETY: fresh memory with room for the digits ([exact-size]).
        unsafe {
            let this = raw.cast::<PyLongObject>();
            (*this).long_value.lv_tag.set(digits.len() << SIZE_SHIFT | sign);
            (*this).long_value.ob_digit[0].set(0);
            std::ptr::copy_nonoverlapping(digits.as_ptr(), raw.byte_add(DIGITS).cast(), digits.len());
            Ok(Ref::from_raw(raw))
        }
    }

    /// From sign and 30-bit digits, least significant first; leading zeros are allowed.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn from_digits(py: Attached<'_>, negative: bool, digits: &[u32]) -> PyResult<Ref<Int>> {
        let digits = intarith::trimmed(digits);
        if digits.len() <= 1 {
            let magnitude = i64::from(digits.first().copied().unwrap_or(0));
            return Self::from_i64(py, if negative { -magnitude } else { magnitude });
        }
        Self::alloc(py, Self::type_object(), negative, digits)
    }

    /// A copy as an instance of `ty`, a subtype of `int`.
    pub(crate) fn copy_as(&self, py: Attached<'_>, ty: &Type) -> PyResult<Ref<Int>> {
        Self::alloc(py, ty, self.is_negative(), self.digits())
    }

    /// Whether it is one digit or zero.
    #[inline(always)]
    pub fn is_compact(&self) -> bool {
        self.tag() < 2 << SIZE_SHIFT
    }

    /// The value of a compact integer.
    #[inline(always)]
    pub fn compact_value(&self) -> isize {
        debug_assert!(self.is_compact());
        (1 - (self.tag() & SIGN_MASK) as isize) * self.0.long_value.ob_digit[0].get() as isize
    }

    #[inline(always)]
    pub fn is_negative(&self) -> bool {
        self.tag() & SIGN_MASK == NEGATIVE
    }

    #[inline(always)]
    pub fn is_zero(&self) -> bool {
        self.tag() & SIGN_MASK == ZERO
    }

    /// The magnitude's digits, least significant first; none for zero.
    #[inline]
    pub fn digits(&self) -> &[u32] {
        // SAFETY: [exact-size] [frozen]: an integer never changes.
        unsafe { std::slice::from_raw_parts(self.as_ptr().byte_add(DIGITS).cast(), self.tag() >> SIZE_SHIFT) }
    }

    /// The value if it fits.
    #[inline]
    pub fn to_i64(&self) -> Option<i64> {
        if self.is_compact() {
            return Some(self.compact_value() as i64);
        }
        let magnitude = intarith::to_u64(self.digits())?;
        if self.is_negative() { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
    }

    pub fn to_u64(&self) -> Option<u64> {
        if self.is_negative() { None } else { intarith::to_u64(self.digits()) }
    }

    /// # Errors
    /// `OverflowError` when it does not fit `Py_ssize_t`.
    #[inline]
    pub fn as_isize(&self, py: Attached<'_>) -> PyResult<isize> {
        match self.to_i64() {
            Some(value) => Ok(value as isize),
            None => Err(raise!(py, OverflowError, "Python int too large to convert to C ssize_t")),
        }
    }

    /// Correctly rounded.
    ///
    /// # Errors
    /// `OverflowError` when out of range.
    pub fn to_f64(&self, py: Attached<'_>) -> PyResult<f64> {
        if self.is_compact() {
            return Ok(self.compact_value() as f64);
        }
        match intarith::to_f64(self.digits()) {
            Some(value) => Ok(if self.is_negative() { -value } else { value }),
            None => Err(raise!(py, OverflowError, "int too large to convert to float")),
        }
    }

    /// The hash: the value modulo the Mersenne prime 2^61-1, with the value's sign.
    pub fn hash_value(&self) -> isize {
        if self.is_compact() {
            return match self.compact_value() {
                -1 => -2,
                value => value,
            };
        }
        const PRIME: u64 = (1 << 61) - 1;
        let mut hash = 0u64;
        for &digit in self.digits().iter().rev() {
            hash = (hash << 30 & PRIME) | hash >> 31;
            hash += u64::from(digit);
            if hash >= PRIME {
                hash -= PRIME;
            }
        }
        match if self.is_negative() { -(hash as isize) } else { hash as isize } {
            -1 => -2,
            hash => hash,
        }
    }
}
