//! libpython3.14[t]: everything that `krait-abi` exports, as a shared and as a static library.
//!
//! A crate of its own because cargo applies link-time optimisation to a library only when nothing else is built from
//! the same crate; see docs/adr/0002-libpython-crate.md. There is no code here.

#![forbid(unsafe_code)]

pub use krait_abi as abi;
