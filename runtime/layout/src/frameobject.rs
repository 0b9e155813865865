//! Structs of `frameobject.h`.

use crate::prelude::*;

/// The write-through view that `frame.f_locals` returns (PEP 667).
#[repr(C)]
pub struct PyFrameLocalsProxyObject {
    pub ob_base: PyObject,
    pub frame: Field<*mut PyFrameObject>,
}

zeroed!(PyFrameLocalsProxyObject);

/// A tagged reference as frames store it.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct _PyStackRef {
    pub bits: usize,
}

/// One instruction unit: an opcode and its argument.
#[repr(C, align(2))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct _Py_CODEUNIT {
    pub code: u8,
    pub arg: u8,
}

/// An interpreter frame; locals and stack lie in `localsplus`.
///
/// Private in C, but profilers and greenlet rely on its order.
#[repr(C)]
pub struct _PyInterpreterFrame {
    pub f_executable: Field<_PyStackRef>,
    pub previous: Field<*mut _PyInterpreterFrame>,
    pub f_funcobj: Field<_PyStackRef>,
    pub f_globals: Field<*mut PyObject>,
    pub f_builtins: Field<*mut PyObject>,
    pub f_locals: Field<*mut PyObject>,
    pub frame_obj: Field<*mut PyFrameObject>,
    pub instr_ptr: Field<*mut _Py_CODEUNIT>,
    pub stackpointer: Field<*mut _PyStackRef>,
    /// Index of the thread's copy of the instructions that `instr_ptr` points into.
    pub tlbc_index: NogilOnly<Field<i32>>,
    /// How far past the call the caller resumes.
    pub return_offset: Field<u16>,
    /// One of the `FRAME_OWNED_BY_*` values.
    pub owner: Field<c_char>,
    /// Mark of the collector's walk over frames.
    pub visited: Field<u8>,
    pub localsplus: [Field<_PyStackRef>; 1],
}

zeroed!(_PyInterpreterFrame);

pub const FRAME_OWNED_BY_THREAD: c_char = 0;
pub const FRAME_OWNED_BY_GENERATOR: c_char = 1;
pub const FRAME_OWNED_BY_FRAME_OBJECT: c_char = 2;
pub const FRAME_OWNED_BY_INTERPRETER: c_char = 3;
pub const FRAME_OWNED_BY_CSTACK: c_char = 4;

/// A frame object; `_f_frame_data` holds the interpreter frame once the object owns it.
#[repr(C)]
pub struct PyFrameObject {
    pub ob_base: PyObject,
    pub f_back: Field<*mut PyFrameObject>,
    pub f_frame: Field<*mut _PyInterpreterFrame>,
    pub f_trace: Field<*mut PyObject>,
    pub f_lineno: Field<c_int>,
    pub f_trace_lines: Field<c_char>,
    pub f_trace_opcodes: Field<c_char>,
    pub f_extra_locals: Field<*mut PyObject>,
    pub f_locals_cache: Field<*mut PyObject>,
    pub f_overwritten_fast_locals: Field<*mut PyObject>,
    pub _f_frame_data: [Field<*mut PyObject>; 1],
}

zeroed!(PyFrameObject);

const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(_PyInterpreterFrame, stackpointer) == 64);
    assert!(offset_of!(_PyInterpreterFrame, return_offset) == if FREE_THREADED { 76 } else { 72 });
    assert!(offset_of!(_PyInterpreterFrame, owner) == if FREE_THREADED { 78 } else { 74 });
    assert!(offset_of!(_PyInterpreterFrame, localsplus) == 80);
    assert!(size_of::<_PyInterpreterFrame>() == 88);
    assert!(size_of::<PyFrameObject>() - size_of::<PyObject>() == 64);
};

/// Low bits of a `_PyStackRef` that hold a small integer instead of an object.
pub const Py_INT_TAG: usize = 3;
/// Low bit of a `_PyStackRef` that owns no reference count of its object.
pub const Py_TAG_REFCNT: usize = 1;

impl _PyStackRef {
    /// No object: the tag alone.
    pub const NULL: Self = Self { bits: Py_TAG_REFCNT };
}
