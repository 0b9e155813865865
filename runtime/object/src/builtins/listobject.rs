//! `list`.
use crate::handle::{Attached, Ref};
use crate::layout::PyListObject;
use crate::{Object, PyResult};

/// A mutable sequence.
#[repr(transparent)]
pub struct List(pub(crate) PyListObject);

pytype_stub!(PyList_Type: List);

impl List {
    #[inline(always)]
    pub fn raw(&self) -> &PyListObject {
        &self.0
    }

    pub fn new(py: Attached<'_>) -> PyResult<Ref<List>> {
        Self::from_vec(py, Vec::new())
    }
    pub fn from_vec(py: Attached<'_>, items: Vec<Ref<Object>>) -> PyResult<Ref<List>> {
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
    /// A new reference to item `index`, lock-free on the fast path; `None` when out of range.
    #[inline]
    pub fn get(&self, py: Attached<'_>, index: usize) -> Option<Ref<Object>> {
        let _ = (py, index);
        todo!()
    }
    pub fn push(&self, py: Attached<'_>, item: Ref<Object>) -> PyResult<()> {
        let _ = (py, item);
        todo!()
    }
    /// Replaces item `index`; `IndexError` when out of range.
    pub fn set(&self, py: Attached<'_>, index: usize, item: Ref<Object>) -> PyResult<()> {
        let _ = (py, index, item);
        todo!()
    }
    pub fn insert(&self, py: Attached<'_>, index: isize, item: Ref<Object>) -> PyResult<()> {
        let _ = (py, index, item);
        todo!()
    }
    pub fn extend(&self, py: Attached<'_>, iterable: &Object) -> PyResult<()> {
        let _ = (py, iterable);
        todo!()
    }
    /// New references to all items at one moment.
    pub fn to_vec(&self, py: Attached<'_>) -> Vec<Ref<Object>> {
        let _ = py;
        todo!()
    }
    pub fn sort(&self, py: Attached<'_>, key: Option<&Object>, reverse: bool) -> PyResult<()> {
        let _ = (py, key, reverse);
        todo!()
    }
    pub fn reverse(&self, py: Attached<'_>) {
        let _ = py;
        todo!()
    }
    /// The list's items as a new tuple.
    pub fn to_tuple(&self, py: Attached<'_>) -> PyResult<Ref<crate::Tuple>> {
        crate::Tuple::from_vec(py, self.to_vec(py))
    }
}
