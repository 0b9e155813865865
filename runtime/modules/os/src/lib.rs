//! Native modules of the standard library.
use krait_vm::import::BuiltinModule;

/// The modules of this crate.
pub fn modules() -> Vec<BuiltinModule> {
    Vec::new()
}
