//! `set`.
use crate::handle::{Attached, Ref};
use crate::layout::PySetObject;
use crate::{Object, PyResult};

/// A mutable hash set.
#[repr(transparent)]
pub struct Set(pub(crate) PySetObject);

pytype_stub!(PySet_Type: Set);

impl Set {
    #[inline(always)]
    pub fn raw(&self) -> &PySetObject {
        &self.0
    }

    pub fn new(py: Attached<'_>) -> PyResult<Ref<Set>> {
        let _ = py;
        todo!()
    }
    #[inline(always)]
    pub fn len(&self) -> usize {
        todo!()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Adds `key`; whether it was new.
    pub fn add(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        let _ = (py, key);
        todo!()
    }
    pub fn contains(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        let _ = (py, key);
        todo!()
    }
    pub fn discard(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        let _ = (py, key);
        todo!()
    }
    pub fn update(&self, py: Attached<'_>, iterable: &Object) -> PyResult<()> {
        let _ = (py, iterable);
        todo!()
    }
    pub fn to_vec(&self, py: Attached<'_>) -> Vec<Ref<Object>> {
        let _ = py;
        todo!()
    }
}
/// An immutable hash set.
#[repr(transparent)]
pub struct FrozenSet(pub(crate) PySetObject);

pytype_stub!(PyFrozenSet_Type: FrozenSet);

impl FrozenSet {
    pub fn to_vec(&self, py: Attached<'_>) -> Vec<Ref<Object>> {
        let _ = py;
        todo!()
    }
    pub fn from_items(py: Attached<'_>, items: &[&Object]) -> PyResult<Ref<FrozenSet>> {
        let _ = (py, items);
        todo!()
    }
}
