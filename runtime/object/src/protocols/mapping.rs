//! Subscription and mappings: `PyObject_GetItem`, `PyMapping_*`.
use crate::handle::{Attached, Ref};
use crate::{Object, PyResult, Str};

impl Object {
    pub fn len(&self, py: Attached<'_>) -> PyResult<usize> {
        let _ = py;
        todo!()
    }
    pub fn get_item(&self, py: Attached<'_>, key: &Object) -> PyResult<Ref<Object>> {
        let _ = (py, key);
        todo!()
    }
    pub fn set_item(&self, py: Attached<'_>, key: &Object, value: &Object) -> PyResult<()> {
        let _ = (py, key, value);
        todo!()
    }
    pub fn del_item(&self, py: Attached<'_>, key: &Object) -> PyResult<()> {
        let _ = (py, key);
        todo!()
    }
    /// `None` in place of `KeyError`.
    pub fn get_item_opt(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        let _ = (py, key);
        todo!()
    }
    pub fn get_item_str(&self, py: Attached<'_>, key: &Str) -> PyResult<Ref<Object>> {
        self.get_item(py, key.as_object())
    }
}
use crate::handle::Layout;
