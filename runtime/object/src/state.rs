//! What the object model keeps per interpreter.
use crate::handle::Attached;
use std::sync::Mutex;

/// The first part of every `PyInterpreterState`: object-level state of one interpreter.
///
/// Static types, interned strings and small integers are immortal and shared by all interpreters; what differs per
/// interpreter lives here.
#[repr(C)]
pub struct ObjectState {
    /// Direct subclasses of static types: (address of the base, weak list), see `typeobject`.
    pub static_subclasses: Mutex<Vec<(usize, Vec<usize>)>>,
}

impl ObjectState {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ObjectState { static_subclasses: Mutex::new(Vec::new()) }
    }
}

/// Makes all builtin types ready. Called once per process, before the first interpreter runs code.
pub fn init_types(py: Attached<'_>) {
    crate::builtins::init_types(py);
}
