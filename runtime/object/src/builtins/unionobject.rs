//! `typing.Union`: what `int | str` makes.
use crate::handle::{Attached, Ref};
use crate::{Object, PyResult, Tuple};

/// A union of types.
#[repr(C)]
pub struct Union(pub(crate) crate::layout::PyObject);
pytype_stub!(_PyUnion_Type: Union);
impl Union {
    pub fn args(&self) -> &Tuple {
        todo!()
    }
}

/// `|` of classes.
pub fn type_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let _ = (py, left, right);
    todo!()
}
