//! `complex`.
use crate::PyResult;
use crate::handle::{Attached, Ref};
use crate::layout::PyComplexObject;

/// A complex number.
#[repr(transparent)]
pub struct Complex(pub(crate) PyComplexObject);

pytype_stub!(PyComplex_Type: Complex);

impl Complex {
    #[inline(always)]
    pub fn raw(&self) -> &PyComplexObject {
        &self.0
    }

    pub fn new(py: Attached<'_>, real: f64, imag: f64) -> PyResult<Ref<Complex>> {
        let _ = (py, real, imag);
        todo!()
    }
    /// Real and imaginary part.
    pub fn value(&self) -> (f64, f64) {
        todo!()
    }
}
