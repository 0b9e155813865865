//! Algorithms on plain data that a Python runtime needs: text, numbers, formats, regular expressions.
//!
//! Nothing here knows a `PyObject`, an interpreter or a thread.
//! Text comes as code points (`u32`, because Python text may hold lone surrogates) or as a slice of
//! code units; errors are enums that carry the wording of the language.
#![forbid(unsafe_code)]

pub mod codecs;
pub mod float;
pub mod format;
pub mod hash;
pub mod intarith;
pub mod sre;
pub mod textbuf;
pub mod unicode;
