//! Thread states and what they point to.

use crate::prelude::*;

pub type _PyFrameEvalFunction =
    unsafe extern "C" fn(*mut PyThreadState, *mut _PyInterpreterFrame, c_int) -> *mut PyObject;
pub type Py_tracefunc = unsafe extern "C" fn(*mut PyObject, *mut PyFrameObject, c_int, *mut PyObject) -> c_int;
pub type PyGILState_STATE = c_int;

/// One link of the chain of exceptions being handled.
#[repr(C)]
pub struct _PyErr_StackItem {
    pub exc_value: Field<*mut PyObject>,
    pub previous_item: Field<*mut _PyErr_StackItem>,
}

zeroed!(_PyErr_StackItem);

/// Mailbox through which another process asks for a script to run.
#[repr(C)]
pub struct _PyRemoteDebuggerSupport {
    pub debugger_pending_call: Field<i32>,
    pub debugger_script_path: [Field<c_char>; 512],
}

zeroed!(_PyRemoteDebuggerSupport);

/// A block of the data stack that holds interpreter frames.
#[repr(C)]
pub struct _PyStackChunk {
    pub previous: Field<*mut _PyStackChunk>,
    pub size: Field<usize>,
    pub top: Field<usize>,
    pub data: [Field<*mut PyObject>; 1],
}

zeroed!(_PyStackChunk);

/// A thread attached to an interpreter; extensions read and write its fields.
#[repr(C)]
pub struct PyThreadState {
    pub prev: Field<*mut PyThreadState>,
    pub next: Field<*mut PyThreadState>,
    pub interp: Field<*mut PyInterpreterState>,
    pub eval_breaker: Field<usize>,
    pub _status: Field<ThreadStatus>,
    pub holds_gil: Field<c_int>,
    pub _whence: Field<c_int>,
    pub state: Field<c_int>,
    pub py_recursion_remaining: Field<c_int>,
    pub py_recursion_limit: Field<c_int>,
    pub recursion_headroom: Field<c_int>,
    pub tracing: Field<c_int>,
    pub what_event: Field<c_int>,
    pub current_frame: Field<*mut _PyInterpreterFrame>,
    pub c_profilefunc: Field<Option<Py_tracefunc>>,
    pub c_tracefunc: Field<Option<Py_tracefunc>>,
    pub c_profileobj: Field<*mut PyObject>,
    pub c_traceobj: Field<*mut PyObject>,
    pub current_exception: Field<*mut PyObject>,
    pub exc_info: Field<*mut _PyErr_StackItem>,
    pub dict: Field<*mut PyObject>,
    pub gilstate_counter: Field<c_int>,
    pub async_exc: Field<*mut PyObject>,
    pub thread_id: Field<c_ulong>,
    pub native_thread_id: Field<c_ulong>,
    pub delete_later: Field<*mut PyObject>,
    pub critical_section: Field<usize>,
    pub coroutine_origin_tracking_depth: Field<c_int>,
    pub async_gen_firstiter: Field<*mut PyObject>,
    pub async_gen_finalizer: Field<*mut PyObject>,
    pub context: Field<*mut PyObject>,
    pub context_ver: Field<u64>,
    pub id: Field<u64>,
    pub datastack_chunk: Field<*mut _PyStackChunk>,
    pub datastack_top: Field<*mut *mut PyObject>,
    pub datastack_limit: Field<*mut *mut PyObject>,
    pub exc_state: _PyErr_StackItem,
    pub current_executor: Field<*mut PyObject>,
    pub dict_global_version: Field<u64>,
    pub threading_local_key: Field<*mut PyObject>,
    pub threading_local_sentinel: Field<*mut PyObject>,
    pub remote_debugger_support: _PyRemoteDebuggerSupport,
    pub datastack_cached_chunk: Field<*mut _PyStackChunk>,
}

zeroed!(PyThreadState);

opaque!(
    /// An interpreter; its layout belongs to the virtual machine.
    PyInterpreterState
);

/// The life-cycle flags of a thread state, one bit each.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadStatus(pub u32);

impl ThreadStatus {
    pub const INITIALIZED_SHIFT: u32 = 0;
    pub const BOUND_SHIFT: u32 = 1;
    pub const UNBOUND_SHIFT: u32 = 2;
    pub const BOUND_GILSTATE_SHIFT: u32 = 3;
    pub const ACTIVE_SHIFT: u32 = 4;
    pub const FINALIZING_SHIFT: u32 = 5;
    pub const CLEARED_SHIFT: u32 = 6;
    pub const FINALIZED_SHIFT: u32 = 7;

    /// No flag set.
    pub const EMPTY: Self = Self(0);

    /// Whether the flag at `shift` (one of the `*_SHIFT` constants) is set.
    pub const fn has(self, shift: u32) -> bool {
        (self.0 >> shift) & 1 != 0
    }

    /// The status with the flag at `shift` set or cleared.
    #[must_use]
    pub const fn with(self, shift: u32, value: bool) -> Self {
        Self((self.0 & !(1 << shift)) | ((value as u32) << shift))
    }
}
