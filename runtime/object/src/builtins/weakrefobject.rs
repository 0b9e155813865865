//! Weak references.
use crate::Object;
use crate::handle::{Attached, Ref};

/// Clears the weak references of a dying object and runs their callbacks.
pub fn clear_all(py: Attached<'_>, object: &Object) {
    let _ = (py, object);
    todo!()
}

/// Clears the weak references to garbage, then runs the callbacks of those that are not garbage themselves.
pub fn clear_garbage(py: Attached<'_>, garbage: &[Ref<Object>]) {
    let _ = (py, garbage);
    todo!()
}
