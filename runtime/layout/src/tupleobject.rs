//! Structs of `tupleobject.h`.

use crate::prelude::*;

/// `tuple`; the items lie in `ob_item`.
#[repr(C)]
pub struct PyTupleObject {
    pub ob_base: PyVarObject,
    pub ob_hash: Field<Py_hash_t>,
    pub ob_item: [Field<*mut PyObject>; 1],
}

zeroed!(PyTupleObject);
