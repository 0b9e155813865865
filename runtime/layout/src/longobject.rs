//! Structs of `longobject.h`.

use crate::prelude::*;

/// Sign, digit count and digits of an integer.
#[repr(C)]
pub struct _PyLongValue {
    pub lv_tag: Field<usize>,
    pub ob_digit: [Field<digit>; 1],
}

zeroed!(_PyLongValue);

/// View of an integer's value (PEP 757).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyLongExport {
    pub value: i64,
    pub negative: u8,
    pub ndigits: Py_ssize_t,
    pub digits: *const c_void,
    pub _reserved: Py_uintptr_t,
}

zeroed!(PyLongExport);

/// Description of the digit format (PEP 757).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyLongLayout {
    pub bits_per_digit: u8,
    pub digit_size: u8,
    pub digits_order: i8,
    pub digit_endianness: i8,
}

zeroed!(PyLongLayout);

/// `int`.
#[repr(C)]
pub struct PyLongObject {
    pub ob_base: PyObject,
    pub long_value: _PyLongValue,
}

zeroed!(PyLongObject);

opaque!(
    /// Opaque here; its layout belongs to the object crate.
    PyLongWriter
);
