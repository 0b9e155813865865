//! `slice`.
use crate::handle::{Attached, Ref};
use crate::layout::PySliceObject;
use crate::{Object, PyResult};

/// A slice of start, stop and step.
#[repr(transparent)]
pub struct Slice(pub(crate) PySliceObject);

pytype_stub!(PySlice_Type: Slice);

impl Slice {
    #[inline(always)]
    pub fn raw(&self) -> &PySliceObject {
        &self.0
    }

    pub fn new(
        py: Attached<'_>,
        start: Option<&Object>,
        stop: Option<&Object>,
        step: Option<&Object>,
    ) -> PyResult<Ref<Slice>> {
        let _ = (py, start, stop, step);
        todo!()
    }
    /// Start, stop, step and item count for a sequence of `len` items (`PySlice_Unpack` and `AdjustIndices`).
    pub fn indices(&self, py: Attached<'_>, len: usize) -> PyResult<(isize, isize, isize, usize)> {
        let _ = (py, len);
        todo!()
    }
}
