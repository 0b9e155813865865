//! Structs of `complexobject.h`.

use crate::prelude::*;

/// A complex number of two C doubles.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Py_complex {
    pub real: f64,
    pub imag: f64,
}

zeroed!(Py_complex);

/// `complex`.
#[repr(C)]
pub struct PyComplexObject {
    pub ob_base: PyObject,
    pub cval: Field<Py_complex>,
}

zeroed!(PyComplexObject);
