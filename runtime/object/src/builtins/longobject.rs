//! `int`.
use crate::handle::{Attached, Ref};
use crate::layout::PyLongObject;
use crate::{Object, PyResult};

/// An arbitrary-precision integer: 30-bit digits in place.
#[repr(transparent)]
pub struct Int(pub(crate) PyLongObject);

pytype_stub!(PyLong_Type: Int);

impl Int {
    #[inline(always)]
    pub fn raw(&self) -> &PyLongObject {
        &self.0
    }

    pub fn from_i64(py: Attached<'_>, value: i64) -> PyResult<Ref<Int>> {
        let _ = (py, value);
        todo!()
    }
    pub fn from_u64(py: Attached<'_>, value: u64) -> PyResult<Ref<Int>> {
        let _ = (py, value);
        todo!()
    }
    /// From sign and 30-bit digits, least significant first; leading zeros are allowed.
    pub fn from_digits(py: Attached<'_>, negative: bool, digits: &[u32]) -> PyResult<Ref<Int>> {
        let _ = (py, negative, digits);
        todo!()
    }
    pub fn from_bigint(py: Attached<'_>, value: &num_bigint::BigInt) -> PyResult<Ref<Int>> {
        let _ = (py, value);
        todo!()
    }
    pub fn to_bigint(&self) -> num_bigint::BigInt {
        todo!()
    }
    /// Truncates a float; `OverflowError`/`ValueError` for infinities and NaN.
    pub fn from_f64(py: Attached<'_>, value: f64) -> PyResult<Ref<Int>> {
        let _ = (py, value);
        todo!()
    }
    /// Whether it is one digit or zero.
    #[inline(always)]
    pub fn is_compact(&self) -> bool {
        todo!()
    }
    /// The value of a compact integer.
    #[inline(always)]
    pub fn compact_value(&self) -> isize {
        todo!()
    }
    pub fn is_negative(&self) -> bool {
        todo!()
    }
    pub fn is_zero(&self) -> bool {
        todo!()
    }
    pub fn digits(&self) -> &[u32] {
        todo!()
    }
    /// The value if it fits.
    pub fn to_i64(&self) -> Option<i64> {
        todo!()
    }
    pub fn to_u64(&self) -> Option<u64> {
        todo!()
    }
    /// `OverflowError` when it does not fit a C `long` / `Py_ssize_t` (`int too large to convert to ...`).
    pub fn as_isize(&self, py: Attached<'_>) -> PyResult<isize> {
        let _ = py;
        todo!()
    }
    /// Correctly rounded; `OverflowError` when out of range.
    pub fn to_f64(&self, py: Attached<'_>) -> PyResult<f64> {
        let _ = py;
        todo!()
    }
    pub fn to_decimal(&self, py: Attached<'_>) -> PyResult<String> {
        let _ = py;
        todo!()
    }
    /// Parses `int(text, base)` syntax; `None` if invalid. Checks the digit limit.
    pub fn parse(py: Attached<'_>, text: &str, base: u32) -> PyResult<Option<Ref<Int>>> {
        let _ = (py, text, base);
        todo!()
    }
}
