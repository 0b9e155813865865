//! Krait's object model: handles, reference counts, memory, the type machinery, abstract protocols and the
//! builtin types.
//!
//! This crate knows no frame and no evaluation loop; what it needs from above goes through type slots or the one
//! [`hooks::Hooks`] table that the VM installs at start.
//!
//! Vocabulary, in reading order: [`handle`] (who owns what), [`error`] (how a Python exception travels),
//! [`args`] (how a call's arguments arrive), [`typedef`] (how a type, its slots and methods are declared),
//! [`state`] (what belongs to an interpreter), [`invariants`] (what every `SAFETY` comment refers to).
extern crate self as krait_object;

pub mod args;
pub mod convert;
pub mod error;
pub mod gc;
pub mod handle;
pub mod hash;
pub mod hooks;
pub mod invariants;
pub mod mem;
pub mod mode;
pub mod names;
pub mod native;
pub mod reserve;
pub mod shadow;
pub mod stack;
pub mod state;
pub mod suggest;
#[cfg(test)]
mod testing;
pub mod tracemalloc;
pub mod type_refs;
pub mod typedef;
pub mod watch;

pub mod builtins;
pub mod protocols;

pub use builtins::*;
pub use convert::IntoObject;
pub use error::{PyResult, Raised, exc};
pub use handle::{Attached, Layout, Locked, Read, Ref, Slot, Visit};
pub use krait_layout as layout;
pub use krait_layout::Field;
pub use mode::FREE_THREADED;
