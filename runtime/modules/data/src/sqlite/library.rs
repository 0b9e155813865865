//! The library's handles, and how threads go into it and come back out of it.
//!
//! A call that may take long runs detached. When the library calls back meanwhile, the thread attaches for as long as the
//! callback lasts.
use krait_object::Attached;
use krait_object::state::ThreadExt;
use krait_vm::interp;
use libsqlite3_sys as ffi;
use std::cell::Cell;
use std::ffi::c_int;
use std::ptr::{self, NonNull};

thread_local! {
    /// The thread state that this thread left to go into the library.
    static INSIDE: Cell<*mut ThreadExt> = const { Cell::new(ptr::null_mut()) };
}

/// Calls the library with the thread detached.
pub fn inside<R>(py: Attached<'_>, call: impl FnOnce() -> R) -> R {
    let before = INSIDE.replace(ptr::from_ref(py.ext()).cast_mut());
    let result = interp::without(py, call);
    INSIDE.set(before);
    result
}

/// Runs a callback of the library attached; `None` on a thread that is not Python's.
pub fn outside<R>(callback: impl FnOnce(Attached<'_>) -> R) -> Option<R> {
    if let Some(py) = Attached::try_from_tls() {
        return Some(callback(py));
    }
    let thread = NonNull::new(INSIDE.get())?;
    // SAFETY: `inside` detached this thread from that state, and waits for the library.
    let py = unsafe { interp::attach(thread) };
    let result = callback(py);
    interp::detach(py);
    Some(result)
}

unsafe extern "C" {
    /// Not among the crate's declarations.
    fn sqlite3_close_v2(db: *mut ffi::sqlite3) -> c_int;
}

/// An open database; dropping it closes it once its statements are gone.
pub struct Handle(pub *mut ffi::sqlite3);

// SAFETY: the library is built to serialise what threads do with a database.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: opened by the connection, closed once.
        unsafe { sqlite3_close_v2(self.0) };
    }
}
