//! Native modules of the standard library that need no other library.
pub mod codecsmodule;

use krait_vm::import::BuiltinModule;

/// The modules of this crate.
pub fn modules() -> Vec<BuiltinModule> {
    vec![BuiltinModule { name: "_codecs", doc: "Codecs and their registry.", exec: codecsmodule::exec }]
}
