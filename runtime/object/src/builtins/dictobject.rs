//! `dict`.
use crate::handle::{Attached, Ref};
use crate::layout::PyDictObject;
use crate::{Object, PyResult};

/// An insertion-ordered hash table.
#[repr(transparent)]
pub struct Dict(pub(crate) PyDictObject);

pytype_stub!(PyDict_Type: Dict);

impl Dict {
    #[inline(always)]
    pub fn raw(&self) -> &PyDictObject {
        &self.0
    }

    pub fn new(py: Attached<'_>) -> PyResult<Ref<Dict>> {
        let _ = py;
        todo!()
    }
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.ma_used.get() as usize
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Looks `key` up: lock-free on the fast path. Errors come from `__hash__` and `__eq__`.
    pub fn get(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        let _ = (py, key);
        todo!()
    }
    /// Looks an exact `str` key up with its known hash.
    pub fn get_known(&self, py: Attached<'_>, key: &Object, hash: isize) -> PyResult<Option<Ref<Object>>> {
        let _ = (py, key, hash);
        todo!()
    }
    /// Lookup of a literal name; cannot fail in exact-`str`-keyed dicts, errors are cleared otherwise.
    pub fn get_str(&self, py: Attached<'_>, key: &str) -> Option<Ref<Object>> {
        let _ = (py, key);
        todo!()
    }
    pub fn set(&self, py: Attached<'_>, key: &Object, value: &Object) -> PyResult<()> {
        let _ = (py, key, value);
        todo!()
    }
    pub fn set_str(&self, py: Attached<'_>, key: &str, value: &Object) -> PyResult<()> {
        let _ = (py, key, value);
        todo!()
    }
    /// Removes and returns the value.
    pub fn remove(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        let _ = (py, key);
        todo!()
    }
    /// The present value, or `default` after storing it; and whether it was there.
    pub fn set_default(&self, py: Attached<'_>, key: &Object, default: &Object) -> PyResult<(Ref<Object>, bool)> {
        let _ = (py, key, default);
        todo!()
    }
    pub fn contains(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        Ok(self.get(py, key)?.is_some())
    }
    pub fn clear(&self, py: Attached<'_>) {
        let _ = py;
        todo!()
    }
    pub fn copy(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        let _ = py;
        todo!()
    }
    /// `PyDict_Merge`: from a dict or anything with `keys`.
    pub fn merge(&self, py: Attached<'_>, other: &Object, overwrite: bool) -> PyResult<()> {
        let _ = (py, other, overwrite);
        todo!()
    }
    /// All items at one moment, in order.
    pub fn items_snapshot(&self, py: Attached<'_>) -> Vec<(Ref<Object>, Ref<Object>)> {
        let _ = py;
        todo!()
    }
    /// `PyDict_Next`: the entry at or after `*pos`, and moves `*pos` on.
    pub fn next(&self, py: Attached<'_>, pos: &mut usize) -> Option<(Ref<Object>, Ref<Object>)> {
        let _ = (py, pos);
        todo!()
    }
}
