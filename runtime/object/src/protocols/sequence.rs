//! Sequences: `PySequence_*`.
use crate::handle::{Attached, Ref};
use crate::{List, Object, PyResult, Tuple};

impl Object {
    /// `value in self`.
    pub fn contains(&self, py: Attached<'_>, value: &Object) -> PyResult<bool> {
        let _ = (py, value);
        todo!()
    }
    pub fn sequence_item(&self, py: Attached<'_>, index: isize) -> PyResult<Ref<Object>> {
        let _ = (py, index);
        todo!()
    }
    pub fn sequence_list(&self, py: Attached<'_>) -> PyResult<Ref<List>> {
        let _ = py;
        todo!()
    }
    pub fn sequence_tuple(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        let _ = py;
        todo!()
    }
    pub fn sequence_concat(&self, py: Attached<'_>, other: &Object) -> PyResult<Ref<Object>> {
        let _ = (py, other);
        todo!()
    }
    pub fn sequence_repeat(&self, py: Attached<'_>, count: isize) -> PyResult<Ref<Object>> {
        let _ = (py, count);
        todo!()
    }
}
