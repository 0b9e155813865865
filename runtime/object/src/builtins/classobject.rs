//! Bound methods.
use crate::handle::{Attached, Ref};
use crate::layout::PyMethodObject;
use crate::{Object, PyResult};

/// A function bound to an instance.
#[repr(transparent)]
pub struct Method(pub(crate) PyMethodObject);

pytype_stub!(PyMethod_Type: Method);

impl Method {
    #[inline(always)]
    pub fn raw(&self) -> &PyMethodObject {
        &self.0
    }

    /// `function` with `instance` as its first argument.
    pub fn new(py: Attached<'_>, function: &Object, instance: &Object) -> PyResult<Ref<Method>> {
        let _ = (py, function, instance);
        todo!()
    }
}
