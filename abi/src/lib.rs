//! The C API: one exported function per name of the 3.14 manual that is done, in a file named after its header.
//!
//! Functions here check and convert; the work is in `krait_object` and `krait_vm`. [`capi`] has the vocabulary.
//! What is not done is not exported.

// Exported functions take what C gives them; the contract of each is the manual's.
#![allow(clippy::missing_safety_doc)]

#[macro_use]
pub mod capi;

#[path = "abstract.rs"]
mod abstract_;
mod bytesobject;
mod ceval;
mod containers;
mod descrobject;
mod import;
mod initconfig;
mod longobject;
mod misc;
mod modsupport;
mod moduleobject;
mod monitoring;
mod object;
mod objimpl;
mod pyerrors;
mod pystate;
mod pythonrun;
mod unicodeobject;
mod varargs;

/// Lets the runtime load extension modules. A host that starts the runtime without the C API calls it first; repeating
/// it is harmless.
pub fn install() {
    import::install();
}
