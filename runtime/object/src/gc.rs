//! The cycle collector.
use crate::Object;

/// Makes the collector visit `object` (its type has `Py_TPFLAGS_HAVE_GC`).
#[inline]
pub fn track(object: &Object) {
    let _ = object;
    todo!()
}

/// Hides `object` from the collector; untracking twice is allowed.
#[inline]
pub fn untrack(object: &Object) {
    let _ = object;
    todo!()
}

/// Whether the collector visits `object`.
pub fn is_tracked(object: &Object) -> bool {
    let _ = object;
    todo!()
}
