//! Numbers: `PyNumber_*`.
use crate::handle::{Attached, Ref};
use crate::{Int, Object, PyResult};

/// The binary operators, in the order of `BINARY_OP`'s argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BinaryOp {
    Add,
    And,
    FloorDivide,
    Lshift,
    MatMul,
    Multiply,
    Remainder,
    Or,
    Power,
    Rshift,
    Subtract,
    TrueDivide,
    Xor,
}

impl Object {
    pub fn binary_op(&self, py: Attached<'_>, other: &Object, op: BinaryOp) -> PyResult<Ref<Object>> {
        let _ = (py, other, op);
        todo!()
    }
    pub fn inplace_op(&self, py: Attached<'_>, other: &Object, op: BinaryOp) -> PyResult<Ref<Object>> {
        let _ = (py, other, op);
        todo!()
    }
    pub fn power(&self, py: Attached<'_>, exponent: &Object, modulus: &Object) -> PyResult<Ref<Object>> {
        let _ = (py, exponent, modulus);
        todo!()
    }
    pub fn negative(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let _ = py;
        todo!()
    }
    pub fn positive(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let _ = py;
        todo!()
    }
    pub fn invert(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let _ = py;
        todo!()
    }
    pub fn absolute(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let _ = py;
        todo!()
    }
    /// `operator.index`.
    pub fn index(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        let _ = py;
        todo!()
    }
    /// `__index__` as a machine word; `OverflowError` when it does not fit.
    pub fn as_isize(&self, py: Attached<'_>) -> PyResult<isize> {
        let _ = py;
        todo!()
    }
    /// `__index__` clamped to the machine word, as slices and indices use it.
    pub fn as_isize_clamped(&self, py: Attached<'_>) -> PyResult<isize> {
        let _ = py;
        todo!()
    }
    pub fn as_i64(&self, py: Attached<'_>) -> PyResult<i64> {
        Ok(self.as_isize(py)? as i64)
    }
    pub fn as_i32(&self, py: Attached<'_>) -> PyResult<i32> {
        let _ = py;
        todo!()
    }
    /// Float conversion (`PyFloat_AsDouble`).
    pub fn as_f64(&self, py: Attached<'_>) -> PyResult<f64> {
        let _ = py;
        todo!()
    }
    pub fn has_index(&self) -> bool {
        todo!()
    }
    /// `int(self)`.
    pub fn to_int(&self, py: Attached<'_>) -> PyResult<Ref<Int>> {
        let _ = py;
        todo!()
    }
    /// `float(self)`.
    pub fn to_float(&self, py: Attached<'_>) -> PyResult<Ref<crate::Float>> {
        let _ = py;
        todo!()
    }
}
