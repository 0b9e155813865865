//! Native modules of the standard library: numbers, text, data formats, hashes.
#[macro_use]
pub mod util;

pub mod contextvars;

use krait_vm::import::BuiltinModule;

/// The modules of this crate.
pub fn modules() -> Vec<BuiltinModule> {
    let module = |name, doc, exec| BuiltinModule { name, doc, exec };
    vec![module("_contextvars", "Variables whose values belong to a context.", contextvars::exec)]
}
