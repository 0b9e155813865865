//! `module`.
use crate::handle::{Attached, Ref};

use crate::{Object, PyResult};

/// The layout of a module; opaque to C.
#[repr(C)]
pub struct ModuleObject {
    pub ob_base: crate::layout::PyObject,
    pub md_dict: crate::Slot<crate::Dict>,
    pub md_def: crate::Field<*mut crate::layout::PyModuleDef>,
    pub md_state: crate::Field<*mut std::ffi::c_void>,
    pub md_weaklist: crate::Field<*mut crate::layout::PyObject>,
    pub md_name: crate::Slot,
    pub md_gil: crate::Field<*mut std::ffi::c_void>,
}

/// A module.
#[repr(transparent)]
pub struct Module(pub(crate) ModuleObject);

pytype_stub!(PyModule_Type: Module);

impl Module {
    #[inline(always)]
    pub fn raw(&self) -> &ModuleObject {
        &self.0
    }

    pub fn new(py: Attached<'_>, name: &str) -> PyResult<Ref<Module>> {
        let _ = (py, name);
        todo!()
    }
    pub fn dict(&self) -> &crate::Dict {
        todo!()
    }
    /// Adds an attribute.
    pub fn add(&self, py: Attached<'_>, name: &str, value: &Object) -> PyResult<()> {
        self.dict().set_str(py, name, value)
    }
    /// Adds the functions of a table made by [`functions!`](crate::functions), bound to the module.
    pub fn add_functions(&self, py: Attached<'_>, table: &'static [crate::layout::PyMethodDef]) -> PyResult<()> {
        let _ = (py, table);
        todo!()
    }
}
