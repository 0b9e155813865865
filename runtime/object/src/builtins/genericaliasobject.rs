//! `types.GenericAlias`.
use crate::handle::{Attached, Ref};
use crate::{Object, PyResult, Type};

/// `__class_getitem__` of generic builtin classes.
pub fn class_getitem(py: Attached<'_>, class: &Type, item: &Object) -> PyResult<Ref<Object>> {
    let _ = (py, class, item);
    todo!()
}
