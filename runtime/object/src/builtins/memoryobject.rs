//! `memoryview`.
use crate::handle::{Attached, Ref};
use crate::layout::PyMemoryViewObject;
use crate::{Object, PyResult};

/// A view of another object's memory.
#[repr(transparent)]
pub struct MemoryView(pub(crate) PyMemoryViewObject);

pytype_stub!(PyMemoryView_Type: MemoryView);

impl MemoryView {
    #[inline(always)]
    pub fn raw(&self) -> &PyMemoryViewObject {
        &self.0
    }

    /// `memoryview(object)`.
    pub fn new(py: Attached<'_>, object: &Object) -> PyResult<Ref<MemoryView>> {
        let _ = (py, object);
        todo!()
    }
}
