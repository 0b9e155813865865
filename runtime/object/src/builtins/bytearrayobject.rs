//! `bytearray`.
use crate::PyResult;
use crate::handle::{Attached, Ref};
use crate::layout::PyByteArrayObject;

/// Mutable bytes.
#[repr(transparent)]
pub struct ByteArray(pub(crate) PyByteArrayObject);

pytype_stub!(PyByteArray_Type: ByteArray);

impl ByteArray {
    #[inline(always)]
    pub fn raw(&self) -> &PyByteArrayObject {
        &self.0
    }

    pub fn new(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<ByteArray>> {
        let _ = (py, bytes);
        todo!()
    }
    /// A copy of the content.
    pub fn to_vec(&self, py: Attached<'_>) -> Vec<u8> {
        let _ = py;
        todo!()
    }
}
