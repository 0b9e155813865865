//! Structs of `genobject.h` and their private parts.

use crate::prelude::*;

/// A generator, coroutine or asynchronous generator; the frame closes it.
///
/// The three have one layout in C, under three field prefixes; the generator's serves for all.
#[repr(C)]
pub struct PyGenObject {
    pub ob_base: PyObject,
    pub gi_weakreflist: Field<*mut PyObject>,
    pub gi_name: Field<*mut PyObject>,
    pub gi_qualname: Field<*mut PyObject>,
    pub gi_exc_state: _PyErr_StackItem,
    pub gi_origin_or_finalizer: Field<*mut PyObject>,
    pub gi_hooks_inited: Field<c_char>,
    pub gi_closed: Field<c_char>,
    pub gi_running_async: Field<c_char>,
    pub gi_frame_state: Field<i8>,
    pub gi_iframe: _PyInterpreterFrame,
}

zeroed!(PyGenObject);

/// A coroutine: laid out as a generator.
pub type PyCoroObject = PyGenObject;
/// An asynchronous generator: laid out as a generator.
pub type PyAsyncGenObject = PyGenObject;

const _: () = assert!(core::mem::offset_of!(PyGenObject, gi_iframe) - size_of::<PyObject>() == 56);

const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(PyGenObject, gi_iframe.localsplus) == if FREE_THREADED { 168 } else { 152 });
};

/// `gi_frame_state`: not started.
pub const FRAME_CREATED: i8 = -3;
/// `gi_frame_state`: stopped at a yield.
pub const FRAME_SUSPENDED: i8 = -2;
/// `gi_frame_state`: stopped inside `yield from` or `await`.
pub const FRAME_SUSPENDED_YIELD_FROM: i8 = -1;
/// `gi_frame_state`: running.
pub const FRAME_EXECUTING: i8 = 0;
/// `gi_frame_state`: returned or raised.
pub const FRAME_COMPLETED: i8 = 1;
/// `gi_frame_state`: the frame's contents are gone.
pub const FRAME_CLEARED: i8 = 4;
