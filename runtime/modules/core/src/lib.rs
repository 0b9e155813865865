//! Native modules of the standard library that need no other library.
pub mod codecsmodule;

use krait_object::{Attached, Module, PyResult};

/// Name, doc string and filling function of a module.
pub type Entry = (&'static str, &'static str, fn(Attached<'_>, &Module) -> PyResult<()>);

/// The modules of this crate.
pub const MODULES: &[Entry] = &[("_codecs", "Codecs and their registry.", codecsmodule::exec)];
