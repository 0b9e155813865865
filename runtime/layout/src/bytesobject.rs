//! Structs of `bytesobject.h`.

use crate::prelude::*;

/// `bytes`; the data and a closing NUL lie in `ob_sval`.
#[repr(C)]
pub struct PyBytesObject {
    pub ob_base: PyVarObject,
    pub ob_shash: Field<Py_hash_t>,
    pub ob_sval: [Field<c_char>; 1],
}

zeroed!(PyBytesObject);
