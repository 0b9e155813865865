//! `sys.settrace`: the parts that frames need.
use crate::frameobject::FrameObject;
use krait_object::{Attached, Object, PyResult, raise};

/// `frame.f_lineno = line`.
pub fn set_lineno(py: Attached<'_>, frame: &FrameObject, value: Option<&Object>) -> PyResult<()> {
    let _ = frame;
    match value {
        None => Err(raise!(py, AttributeError, "cannot delete attribute")),
        Some(_) => Err(raise!(py, ValueError, "f_lineno can only be set in a trace function")),
    }
}

/// A frame got a trace function of its own.
pub fn frame_traced(py: Attached<'_>) {
    let _ = py;
}
