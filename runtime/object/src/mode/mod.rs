//! The two modes of reference counting and object locking.
//!
//! The only place of this crate that names the `nogil` feature; elsewhere write `if FREE_THREADED { .. }`.
//! Both twins give: [`incref`], [`decref`], [`try_incref`], [`publish`], [`load_ref`], [`try_load_ref`],
//! [`is_uniquely_referenced`], [`refcount`], [`is_immortal`], [`make_immortal`], [`init_head`] and [`CriticalSection`] / [`CriticalSection2`].
pub use crate::layout::FREE_THREADED;

#[cfg(not(feature = "nogil"))]
mod gil;
#[cfg(not(feature = "nogil"))]
pub use gil::*;
#[cfg(feature = "nogil")]
mod nogil;
#[cfg(feature = "nogil")]
pub use nogil::*;

use crate::handle::Attached;
use crate::layout::PyObject;
use crate::watch::{RefEvent, RefTracer};

/// Gives a fresh object, whose type is set, the count one.
///
/// # Safety
/// `object` is memory for an object that nobody else uses.
#[inline(always)]
pub unsafe fn new_reference(object: *mut PyObject) {
    // SAFETY: by the contract.
    unsafe { init_head(object) };
    RefTracer::tell(object, RefEvent::Create);
}

/// The count dropped to zero: runs the type's `tp_dealloc`.
///
/// # Safety
/// `object` is live but no reference to it is left.
pub unsafe fn dealloc(object: *mut PyObject) {
    RefTracer::tell(object, RefEvent::Destroy);
    // SAFETY: by the contract.
    unsafe { run_dealloc(object) };
}

/// Runs the type's `tp_dealloc`.
///
/// # Safety
/// As [`dealloc`].
pub(crate) unsafe fn run_dealloc(object: *mut PyObject) {
    // SAFETY: the type outlives its instances; `tp_dealloc` is set by `Type::ready`.
    unsafe {
        let ty = (*object).ob_type.get();
        debug_assert!(Attached::try_from_tls().is_some(), "the last reference is dropped on an attached thread");
        match (*ty).tp_dealloc.get() {
            Some(dealloc) => dealloc(object),
            None => unreachable!("a ready type has tp_dealloc"),
        }
    }
}
