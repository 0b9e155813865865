//! Iteration: `PyObject_GetIter`, `PyIter_Next`.
use crate::handle::{Attached, Ref};
use crate::{Object, PyResult};

impl Object {
    pub fn iter(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let _ = py;
        todo!()
    }
    /// The next item of an iterator; `None` at the end (`StopIteration` is cleared).
    pub fn iter_next(&self, py: Attached<'_>) -> PyResult<Option<Ref<Object>>> {
        let _ = py;
        todo!()
    }
    /// All items of an iterable.
    pub fn collect(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        let _ = py;
        todo!()
    }
    /// `operator.length_hint`.
    pub fn length_hint(&self, py: Attached<'_>, default: usize) -> PyResult<usize> {
        let _ = (py, default);
        todo!()
    }
}
