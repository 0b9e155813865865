//! Code objects.

use crate::prelude::*;

pub type _PyCodeLocationInfoKind = c_int;
pub type PyCode_WatchCallback = unsafe extern "C" fn(PyCodeEvent, *mut PyCodeObject) -> c_int;
pub type PyCodeEvent = c_int;

/// Decoder position inside a line table; private part of [`PyCodeAddressRange`].
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _opaque {
    pub computed_line: c_int,
    pub lo_next: *const u8,
    pub limit: *const u8,
}

zeroed!(_opaque);

/// Objects computed from a code object on demand.
#[repr(C)]
pub struct _PyCoCached {
    pub _co_code: Field<*mut PyObject>,
    pub _co_varnames: Field<*mut PyObject>,
    pub _co_cellvars: Field<*mut PyObject>,
    pub _co_freevars: Field<*mut PyObject>,
}

zeroed!(_PyCoCached);

/// Thread-local copies of a code object's instructions, by index (`nogil`).
#[repr(C)]
pub struct _PyCodeArray {
    pub size: Field<Py_ssize_t>,
    pub entries: [Field<*mut c_char>; 1],
}

zeroed!(_PyCodeArray);

/// Executors attached to a code object.
#[repr(C)]
pub struct _PyExecutorArray {
    pub size: Field<c_int>,
    pub capacity: Field<c_int>,
    pub executors: [Field<*mut _PyExecutorObject>; 1],
}

zeroed!(_PyExecutorArray);

/// Iterator state over a line table.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyCodeAddressRange {
    pub ar_start: c_int,
    pub ar_end: c_int,
    pub ar_line: c_int,
    pub opaque: _opaque,
}

zeroed!(PyCodeAddressRange);

/// A code object; its instructions lie in `co_code_adaptive`.
#[repr(C)]
pub struct PyCodeObject {
    pub ob_base: PyVarObject,
    pub co_consts: Field<*mut PyObject>,
    pub co_names: Field<*mut PyObject>,
    pub co_exceptiontable: Field<*mut PyObject>,
    pub co_flags: Field<c_int>,
    pub co_argcount: Field<c_int>,
    pub co_posonlyargcount: Field<c_int>,
    pub co_kwonlyargcount: Field<c_int>,
    pub co_stacksize: Field<c_int>,
    pub co_firstlineno: Field<c_int>,
    pub co_nlocalsplus: Field<c_int>,
    pub co_framesize: Field<c_int>,
    pub co_nlocals: Field<c_int>,
    pub co_ncellvars: Field<c_int>,
    pub co_nfreevars: Field<c_int>,
    pub co_version: Field<u32>,
    pub co_localsplusnames: Field<*mut PyObject>,
    pub co_localspluskinds: Field<*mut PyObject>,
    pub co_filename: Field<*mut PyObject>,
    pub co_name: Field<*mut PyObject>,
    pub co_qualname: Field<*mut PyObject>,
    pub co_linetable: Field<*mut PyObject>,
    pub co_weakreflist: Field<*mut PyObject>,
    pub co_executors: Field<*mut _PyExecutorArray>,
    pub _co_cached: Field<*mut _PyCoCached>,
    pub _co_instrumentation_version: Field<usize>,
    pub _co_monitoring: Field<*mut _PyCoMonitoringData>,
    pub _co_unique_id: Field<Py_ssize_t>,
    pub _co_firsttraceable: Field<c_int>,
    pub co_extra: Field<*mut c_void>,
    pub co_tlbc: NogilOnly<Field<*mut _PyCodeArray>>,
    pub co_code_adaptive: [Field<c_char>; 1],
}

zeroed!(PyCodeObject);

opaque!(
    /// Per-code instrumentation data; designed by the virtual machine.
    _PyCoMonitoringData
);

opaque!(
    /// An optimised executor attached to a code object.
    _PyExecutorObject
);

/// `co_localspluskinds`: argument that may be given by position.
pub const CO_FAST_ARG_POS: u8 = 0x02;
/// `co_localspluskinds`: argument that may be given by keyword.
pub const CO_FAST_ARG_KW: u8 = 0x04;
/// `co_localspluskinds`: `*args` or `**kwargs`.
pub const CO_FAST_ARG_VAR: u8 = 0x08;
/// `co_localspluskinds`: any argument.
pub const CO_FAST_ARG: u8 = CO_FAST_ARG_POS | CO_FAST_ARG_KW | CO_FAST_ARG_VAR;
/// `co_localspluskinds`: name of an inlined comprehension.
pub const CO_FAST_HIDDEN: u8 = 0x10;
/// `co_localspluskinds`: local variable.
pub const CO_FAST_LOCAL: u8 = 0x20;
/// `co_localspluskinds`: variable that inner functions close over.
pub const CO_FAST_CELL: u8 = 0x40;
/// `co_localspluskinds`: variable of an enclosing function.
pub const CO_FAST_FREE: u8 = 0x80;
