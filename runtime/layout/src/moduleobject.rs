//! Structs of `moduleobject.h`.

use crate::prelude::*;

/// Declaration of an extension module.
#[repr(C)]
pub struct PyModuleDef {
    pub m_base: PyModuleDef_Base,
    pub m_name: Field<*const c_char>,
    pub m_doc: Field<*const c_char>,
    pub m_size: Field<Py_ssize_t>,
    pub m_methods: Field<*mut PyMethodDef>,
    pub m_slots: Field<*mut PyModuleDef_Slot>,
    pub m_traverse: Field<Option<traverseproc>>,
    pub m_clear: Field<Option<inquiry>>,
    pub m_free: Field<Option<freefunc>>,
}

zeroed!(PyModuleDef);

/// Object head and bookkeeping of a module declaration.
#[repr(C)]
pub struct PyModuleDef_Base {
    pub ob_base: PyObject,
    pub m_init: Field<Option<unsafe extern "C" fn() -> *mut PyObject>>,
    pub m_index: Field<Py_ssize_t>,
    pub m_copy: Field<*mut PyObject>,
}

zeroed!(PyModuleDef_Base);

/// One step of a module's initialisation (PEP 489).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyModuleDef_Slot {
    pub slot: c_int,
    pub value: *mut c_void,
}

zeroed!(PyModuleDef_Slot);
