//! `bytes`.
use crate::PyResult;
use crate::handle::{Attached, Ref};
use crate::layout::PyBytesObject;

/// Immutable bytes.
#[repr(transparent)]
pub struct Bytes(pub(crate) PyBytesObject);

pytype_stub!(PyBytes_Type: Bytes);

impl Bytes {
    #[inline(always)]
    pub fn raw(&self) -> &PyBytesObject {
        &self.0
    }

    pub fn new(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Bytes>> {
        let _ = (py, bytes);
        todo!()
    }
    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        todo!()
    }
}
