//! `#[repr(C)]` mirror of the CPython 3.14 structs, in both modes, and the integer constants of its headers.
//!
//! Data only: nothing here counts references, allocates or calls a slot.
//! Names are the C names; a file has the stem of the header that declares its structs.
//! [`Field`] is the one interior-mutable cell; fields of objects and tables are made of it.
//! What differs between the modes comes from [`mode`], the only place that names the feature.
//!
//! The assertions under `generated/` hold each struct against the fact tables in this mode;
//! `gen.py` writes them, and `generated/constants.rs`, from the folder of tables given to it.

#[macro_use]
mod macros;

mod field;
mod generated;
pub mod mode;

mod prelude;

pub mod audit;
pub mod bytearrayobject;
pub mod bytesobject;
pub mod cellobject;
pub mod ceval;
pub mod classobject;
pub mod code;
pub mod compile;
pub mod complexobject;
pub mod context;
pub mod critical_section;
pub mod datetime;
pub mod descrobject;
pub mod dictobject;
pub mod fileobject;
pub mod floatobject;
pub mod frameobject;
pub mod funcobject;
pub mod genobject;
pub mod import;
pub mod initconfig;
pub mod listobject;
pub mod lock;
pub mod longobject;
pub mod memoryobject;
pub mod methodobject;
pub mod modsupport;
pub mod moduleobject;
pub mod monitoring;
pub mod object;
pub mod objimpl;
pub mod odictobject;
pub mod pycapsule;
pub mod pyerrors;
pub mod pyhash;
pub mod pylifecycle;
pub mod pymem;
pub mod pyport;
pub mod pystate;
pub mod pythread;
pub mod setobject;
pub mod sliceobject;
pub mod structseq;
pub mod traceback;
pub mod tupleobject;
pub mod typeobject;
pub mod unicodeobject;
pub mod weakrefobject;

pub use audit::*;
pub use bytearrayobject::*;
pub use bytesobject::*;
pub use cellobject::*;
pub use ceval::*;
pub use classobject::*;
pub use code::*;
pub use compile::*;
pub use complexobject::*;
pub use context::*;
pub use critical_section::*;
pub use datetime::*;
pub use descrobject::*;
pub use dictobject::*;
pub use field::Field;
pub use fileobject::*;
pub use floatobject::*;
pub use frameobject::*;
pub use funcobject::*;
pub use generated::constants::*;
pub use genobject::*;
pub use import::*;
pub use initconfig::*;
pub use listobject::*;
pub use lock::*;
pub use longobject::*;
pub use memoryobject::*;
pub use methodobject::*;
pub use mode::{FREE_THREADED, Head, NogilOnly};
pub use modsupport::*;
pub use moduleobject::*;
pub use monitoring::*;
pub use object::*;
pub use objimpl::*;
pub use odictobject::*;
pub use pycapsule::*;
pub use pyerrors::*;
pub use pyhash::*;
pub use pylifecycle::*;
pub use pymem::*;
pub use pyport::*;
pub use pystate::*;
pub use pythread::*;
pub use setobject::*;
pub use sliceobject::*;
pub use structseq::*;
pub use traceback::*;
pub use tupleobject::*;
pub use typeobject::*;
pub use unicodeobject::*;
pub use weakrefobject::*;
