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
mod codecs;
mod complexobject;
mod containers;
mod descrobject;
mod fileobject;
mod frameobject;
mod funcobject;
mod getargs;
mod import;
mod initconfig;
mod internal;
mod interpreters;
mod longobject;
mod marshal;
mod misc;
mod modsupport;
mod moduleobject;
mod monitoring;
mod object;
mod objimpl;
mod private;
mod pyctype;
mod pyerrors;
mod pyinitconfig;
mod pymem;
mod pystate;
mod pythonrun;
mod pytime;
mod structseq;
mod sysmodule;
mod unicodeerrors;
mod unicodeobject;
mod unicodewriter;
mod varargs;
mod watchers;

#[global_allocator]
static ALLOCATOR: krait_object::reserve::Reserving = krait_object::reserve::Reserving;

/// Lets the runtime load extension modules. A host that starts the runtime without the C API calls it first; repeating
/// it is harmless.
pub fn install() {
    import::install();
    krait_vm::program::set_debug_hooks(pymem::install_debug_hooks);
}
