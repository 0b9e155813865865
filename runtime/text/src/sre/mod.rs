//! Regular expressions: an engine for the code words that Python's `re._compiler` makes.
//!
//! [`Program::new`] checks the words completely and lowers them to operations of its own: literals in a
//! row become one string, every one-character test becomes a bitmap for code points below 256, and
//! what may come first is known for alternatives, repeats and the search.
//! [`Program::run`] is a backtracking machine with an explicit stack of choices and a trail of register
//! values to undo, so its native stack does not grow with the text.
//! Captures and loop counters are registers; an atomic group or an assertion drops the choices made
//! inside it and keeps the trail.
//!
//! Rejected: interpreting the words directly (each step would have to trust or recheck offsets), and an
//! automaton (back references, atomic groups and the order of alternatives need backtracking anyway).

mod lower;
mod run;
mod set;

pub use lower::{CodeError, Program};
pub use run::{Env, How, Matcher, RunError};
pub use set::{LocaleTable, Unit};

use crate::unicode;

/// Version of the code words (`_sre.MAGIC`).
pub const MAGIC: u32 = 20_230_612;
/// No limit for a repeat (`_sre.MAXREPEAT`).
pub const MAXREPEAT: u32 = u32::MAX;
/// Most groups of a pattern (`_sre.MAXGROUPS`).
pub const MAXGROUPS: u32 = (i32::MAX / 2) as u32;
/// Size of a code word in bytes.
pub const CODESIZE: u32 = 4;

/// `_sre.ascii_tolower`
pub fn ascii_lower(cp: u32) -> u32 {
    if (0x41..=0x5A).contains(&cp) { cp + 32 } else { cp }
}

/// `_sre.unicode_tolower`
pub fn unicode_lower(cp: u32) -> u32 {
    if cp < 128 { ascii_lower(cp) } else { unicode::simple_lower(cp) }
}

/// `_sre.ascii_iscased`
pub fn ascii_is_cased(cp: u32) -> bool {
    cp < 128 && (cp as u8).is_ascii_alphabetic()
}

/// `_sre.unicode_iscased`
pub fn unicode_is_cased(cp: u32) -> bool {
    unicode_lower(cp) != cp || unicode::simple_upper(cp) != cp
}
