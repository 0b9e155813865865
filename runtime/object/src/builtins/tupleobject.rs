//! `tuple`.
use crate::handle::{Attached, Ref};
use crate::layout::PyTupleObject;
use crate::{Object, PyResult};

/// An immutable sequence.
#[repr(transparent)]
pub struct Tuple(pub(crate) PyTupleObject);

pytype_stub!(PyTuple_Type: Tuple);

impl Tuple {
    #[inline(always)]
    pub fn raw(&self) -> &PyTupleObject {
        &self.0
    }

    pub fn empty(py: Attached<'_>) -> Ref<Tuple> {
        let _ = py;
        todo!()
    }
    pub fn from_vec(py: Attached<'_>, items: Vec<Ref<Object>>) -> PyResult<Ref<Tuple>> {
        let _ = (py, items);
        todo!()
    }
    pub fn from_slice(py: Attached<'_>, items: &[&Object]) -> PyResult<Ref<Tuple>> {
        let _ = (py, items);
        todo!()
    }
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.ob_base.ob_size.get() as usize
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The items; a published tuple never changes.
    #[inline(always)]
    pub fn as_slice(&self) -> &[&Object] {
        todo!()
    }
}
