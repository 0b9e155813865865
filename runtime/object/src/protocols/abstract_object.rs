//! Attributes, comparison, conversion: `PyObject_*`.
use crate::handle::{Attached, Ref};
use crate::typedef::CompareOp;
use crate::{Bytes, Object, PyResult, Str};

impl Object {
    pub fn repr(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        let _ = py;
        todo!()
    }
    pub fn str(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        let _ = py;
        todo!()
    }
    pub fn ascii(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        let _ = py;
        todo!()
    }
    pub fn bytes(&self, py: Attached<'_>) -> PyResult<Ref<Bytes>> {
        let _ = py;
        todo!()
    }
    pub fn hash(&self, py: Attached<'_>) -> PyResult<isize> {
        let _ = py;
        todo!()
    }
    pub fn is_true(&self, py: Attached<'_>) -> PyResult<bool> {
        let _ = py;
        todo!()
    }
    pub fn rich_compare(&self, py: Attached<'_>, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let _ = (py, other, op);
        todo!()
    }
    /// As `rich_compare` to a truth value; identity counts as equality for `==` and `!=`.
    pub fn compare_bool(&self, py: Attached<'_>, other: &Object, op: CompareOp) -> PyResult<bool> {
        let _ = (py, other, op);
        todo!()
    }
    pub fn eq(&self, py: Attached<'_>, other: &Object) -> PyResult<bool> {
        self.compare_bool(py, other, CompareOp::Eq)
    }
    pub fn get_attr(&self, py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
        let _ = (py, name);
        todo!()
    }
    /// `None` in place of `AttributeError`, without creating the exception where possible.
    pub fn get_attr_opt(&self, py: Attached<'_>, name: &Str) -> PyResult<Option<Ref<Object>>> {
        let _ = (py, name);
        todo!()
    }
    pub fn has_attr(&self, py: Attached<'_>, name: &Str) -> PyResult<bool> {
        Ok(self.get_attr_opt(py, name)?.is_some())
    }
    /// `None` deletes.
    pub fn set_attr(&self, py: Attached<'_>, name: &Str, value: Option<&Object>) -> PyResult<()> {
        let _ = (py, name, value);
        todo!()
    }
    /// `object.__getattribute__` (`PyObject_GenericGetAttr`).
    pub fn generic_get_attr(&self, py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>> {
        let _ = (py, name);
        todo!()
    }
    /// `object.__setattr__` and `__delattr__`.
    pub fn generic_set_attr(&self, py: Attached<'_>, name: &Str, value: Option<&Object>) -> PyResult<()> {
        let _ = (py, name, value);
        todo!()
    }
    /// Finds a special method on the type and binds it.
    pub fn lookup_special(&self, py: Attached<'_>, name: &Str) -> PyResult<Option<Ref<Object>>> {
        let _ = (py, name);
        todo!()
    }
    /// `isinstance(self, class)`, with `__instancecheck__`, tuples and unions.
    pub fn is_instance(&self, py: Attached<'_>, class: &Object) -> PyResult<bool> {
        let _ = (py, class);
        todo!()
    }
    pub fn is_subclass(&self, py: Attached<'_>, class: &Object) -> PyResult<bool> {
        let _ = (py, class);
        todo!()
    }
    pub fn dir(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let _ = py;
        todo!()
    }
    /// `format(self, spec)`.
    pub fn format(&self, py: Attached<'_>, spec: Option<&Str>) -> PyResult<Ref<Str>> {
        let _ = (py, spec);
        todo!()
    }
}
