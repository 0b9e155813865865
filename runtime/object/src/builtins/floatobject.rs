//! `float`.
use crate::PyResult;
use crate::handle::{Attached, Ref};
use crate::layout::PyFloatObject;

/// A double.
#[repr(transparent)]
pub struct Float(pub(crate) PyFloatObject);

pytype_stub!(PyFloat_Type: Float);

impl Float {
    #[inline(always)]
    pub fn raw(&self) -> &PyFloatObject {
        &self.0
    }

    #[inline]
    pub fn new(py: Attached<'_>, value: f64) -> PyResult<Ref<Float>> {
        let _ = (py, value);
        todo!()
    }
    #[inline(always)]
    pub fn value(&self) -> f64 {
        self.0.ob_fval.get()
    }
}
