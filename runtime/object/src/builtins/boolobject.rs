//! `bool`.

use crate::layout::PyLongObject;

/// `True` or `False`.
#[repr(transparent)]
pub struct Bool(pub(crate) PyLongObject);

pytype_stub!(PyBool_Type: Bool);

impl Bool {
    #[inline(always)]
    pub fn raw(&self) -> &PyLongObject {
        &self.0
    }

    /// The singleton, borrowed.
    #[inline(always)]
    pub fn of(value: bool) -> &'static Bool {
        let _ = value;
        todo!()
    }
}
