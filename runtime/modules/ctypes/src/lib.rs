//! `_ctypes`: data with C's layout, and calls between Python and C.
//!
//! A class with C layout is an instance of one of the metaclasses in [`info`]; what the module knows about the class lies
//! in its [`info::Desc`], which never changes once it is published. Instances ([`cdata::CData`]) own memory or look into
//! somebody else's. Reading and writing that memory holds the instance's lock for the copy only, and no Python code runs
//! meanwhile; other threads, and C code, may change memory that several instances share at any time, as in C.
mod array;
mod call;
mod callback;
mod cdata;
mod cfield;
mod codes;
mod ffi;
mod float80;
mod funcptr;
mod functions;
mod info;
mod libffi;
mod pointer;
mod simple;
mod structs;

use krait_vm::import::BuiltinModule;

/// The modules of this crate.
pub fn modules() -> Vec<BuiltinModule> {
    vec![BuiltinModule {
        name: "_ctypes",
        doc: "Create and manipulate C compatible data types in Python.",
        exec: functions::exec,
    }]
}
