//! C-variadic exports. Rust cannot define them, and C symbols are not exported from a Rust library, so each is a naked
//! Rust symbol that jumps to its C body in `varargs.c`; the body starts the `va_list` and calls back into
//! [`modsupport`](crate::modsupport).
use std::arch::naked_asm;
use std::ffi::{c_int, c_long, c_longlong, c_uint, c_void};

/// A started argument list, as C passes it by reference.
#[repr(C)]
pub struct VaList {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn krait_va_int(list: *mut VaList) -> c_int;
    fn krait_va_uint(list: *mut VaList) -> c_uint;
    fn krait_va_long(list: *mut VaList) -> c_long;
    fn krait_va_llong(list: *mut VaList) -> c_longlong;
    fn krait_va_size(list: *mut VaList) -> usize;
    fn krait_va_double(list: *mut VaList) -> f64;
    fn krait_va_ptr(list: *mut VaList) -> *mut c_void;
}

/// The arguments that a format string describes, taken in order.
pub(crate) struct Va(pub *mut VaList);

macro_rules! takers {
    ($($name:ident = $function:ident -> $ty:ty;)*) => {
        impl Va { $(
            pub(crate) fn $name(&mut self) -> $ty {
                // SAFETY: who made the `Va` promised arguments that match the format.
                unsafe { $function(self.0) }
            }
        )* }
    };
}
takers! {
    int = krait_va_int -> c_int;
    uint = krait_va_uint -> c_uint;
    long = krait_va_long -> c_long;
    llong = krait_va_llong -> c_longlong;
    size = krait_va_size -> usize;
    double = krait_va_double -> f64;
    raw = krait_va_ptr -> *mut c_void;
}

impl Va {
    /// The next argument, a pointer.
    pub(crate) fn ptr<T>(&mut self) -> *mut T {
        self.raw().cast()
    }
}

macro_rules! variadic {
    ($($name:ident => $body:ident;)*) => {
        // A block each: several names may share a body.
        $(const _: () = {
            unsafe extern "C" {
                fn $body();
            }
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name() {
                #[cfg(target_arch = "x86_64")]
                naked_asm!("jmp {}", sym $body);
                #[cfg(target_arch = "aarch64")]
                naked_asm!("b {}", sym $body);
            }
        };)*
    };
}

variadic! {
    _Py_BuildValue_SizeT => krait_c_Py_BuildValue;
    _Py_VaBuildValue_SizeT => krait_c_Py_VaBuildValue;
    _PyArg_Parse_SizeT => krait_c_PyArg_Parse;
    _PyArg_ParseTuple_SizeT => krait_c_PyArg_ParseTuple;
    _PyArg_VaParse_SizeT => krait_c_PyArg_VaParse;
    _PyArg_ParseTupleAndKeywords_SizeT => krait_c_PyArg_ParseTupleAndKeywords;
    _PyArg_VaParseTupleAndKeywords_SizeT => krait_c_PyArg_VaParseTupleAndKeywords;
    _PyObject_CallFunction_SizeT => krait_c_PyObject_CallFunction;
    _PyObject_CallMethod_SizeT => krait_c_PyObject_CallMethod;
    PyEval_CallFunction => krait_c_PyObject_CallFunction;
    PyEval_CallMethod => krait_c_PyObject_CallMethod;
    PySys_Audit => krait_c_PySys_Audit;
    PyErr_WarnExplicitFormat => krait_c_PyErr_WarnExplicitFormat;
    _PyErr_FormatFromCause => krait_c_PyErr_FormatFromCause;
    Py_BuildValue => krait_c_Py_BuildValue;
    Py_VaBuildValue => krait_c_Py_VaBuildValue;
    PyArg_Parse => krait_c_PyArg_Parse;
    PyArg_ParseTuple => krait_c_PyArg_ParseTuple;
    PyArg_VaParse => krait_c_PyArg_VaParse;
    PyArg_ParseTupleAndKeywords => krait_c_PyArg_ParseTupleAndKeywords;
    PyArg_VaParseTupleAndKeywords => krait_c_PyArg_VaParseTupleAndKeywords;
    _PyArg_ParseStack => krait_c__PyArg_ParseStack;
    _PyArg_ParseStackAndKeywords => krait_c__PyArg_ParseStackAndKeywords;
    _PyArg_ParseTupleAndKeywordsFast => krait_c__PyArg_ParseTupleAndKeywordsFast;
    _PyObject_CallMethodId => krait_c__PyObject_CallMethodId;
    PyArg_UnpackTuple => krait_c_PyArg_UnpackTuple;
    PyTuple_Pack => krait_c_PyTuple_Pack;
    PyUnicode_FromFormat => krait_c_PyUnicode_FromFormat;
    PyUnicode_FromFormatV => krait_c_PyUnicode_FromFormatV;
    PyBytes_FromFormat => krait_c_PyBytes_FromFormat;
    PyBytes_FromFormatV => krait_c_PyBytes_FromFormatV;
    PyErr_Format => krait_c_PyErr_Format;
    PyErr_FormatV => krait_c_PyErr_FormatV;
    PyErr_WarnFormat => krait_c_PyErr_WarnFormat;
    PyErr_ResourceWarning => krait_c_PyErr_ResourceWarning;
    PyErr_FormatUnraisable => krait_c_PyErr_FormatUnraisable;
    PyObject_CallFunction => krait_c_PyObject_CallFunction;
    PyObject_CallMethod => krait_c_PyObject_CallMethod;
    PyObject_CallFunctionObjArgs => krait_c_PyObject_CallFunctionObjArgs;
    PyObject_CallMethodObjArgs => krait_c_PyObject_CallMethodObjArgs;
    PyUnicodeWriter_Format => krait_c_PyUnicodeWriter_Format;
    PyOS_snprintf => krait_c_PyOS_snprintf;
    PyOS_vsnprintf => krait_c_PyOS_vsnprintf;
    PySys_WriteStdout => krait_c_PySys_WriteStdout;
    PySys_WriteStderr => krait_c_PySys_WriteStderr;
    PySys_FormatStdout => krait_c_PySys_FormatStdout;
    PySys_FormatStderr => krait_c_PySys_FormatStderr;
}
