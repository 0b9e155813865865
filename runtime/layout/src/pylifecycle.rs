//! Structs of `pylifecycle.h`.

use crate::prelude::*;

pub type atexit_datacallbackfunc = unsafe extern "C" fn(*mut c_void);
pub type PyOS_sighandler_t = unsafe extern "C" fn(c_int);

/// Configuration of a subinterpreter (PEP 684).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyInterpreterConfig {
    pub use_main_obmalloc: c_int,
    pub allow_fork: c_int,
    pub allow_exec: c_int,
    pub allow_threads: c_int,
    pub allow_daemon_threads: c_int,
    pub check_multi_interp_extensions: c_int,
    pub gil: c_int,
}

zeroed!(PyInterpreterConfig);
