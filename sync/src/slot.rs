//! Reading a slot without a lock: load the word, secure what it names, look again.
//!
//! # Protocol
//!
//! A slot holds a word that names something counted (an object), or 0. Writers change it under a lock of theirs, and
//! may let go of what it named at any moment. A reader
//!
//! 1. loads the word, Acquire;
//! 2. *secures* it: takes a reference, by an operation that is safe on memory which may have died and become another
//!    thing of its kind (type-stable memory), and that fails on what is dying;
//! 3. looks at the slot again. If it holds the same word, the reference is to what the slot named at that moment. If not,
//!    it is given back.
//!
//! Step 3 is what makes step 2 mean something: between 1 and 2 the named thing may have died, and its memory become a
//! different live one, whose reference is as easily taken. (If the slot named the old one, then another, then a new one in
//! the old one's memory, the reference is to the new one, which is what the slot names: that is right.)
//!
//! Invariant: **SL1** What is returned was named by the slot at some moment during the call, and is alive.
//!
//! Orderings: the loads are Acquire, for what was written before the word was stored. The second is ordered after
//! securing, because that is an Acquire read-modify-write or, for the owner, in program order with no other writer.
//!
//! Never blocks. May run attached or, under whatever protects the slot's own memory, detached.
//! Checked by the models `brc_slot` (M20), `array` (M37), `table_resize` (M39) and `weak_list` (M26).

use crate::prim::planted;

/// What a reader saw.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen<R> {
    /// The slot holds nothing.
    Empty,
    /// It changed meanwhile, or what it names is dying: try again, or take the lock.
    Changed,
    /// It named this, which is secured.
    Secured(R),
}

impl<R> Seen<R> {
    /// What was secured.
    pub fn secured(self) -> Option<R> {
        match self {
            Seen::Secured(secured) => Some(secured),
            Seen::Empty | Seen::Changed => None,
        }
    }
}

/// Reads a slot.
///
/// `load` loads its word, Acquire; `secure` gets a word that may be stale, and may fail; `undo` gives back what turned out
/// to be stale.
///
/// ```
/// use krait_sync::slot::{self, Seen};
/// use std::sync::atomic::{AtomicUsize, Ordering::*};
///
/// // Two objects, which are named 1 and 2; a count of 0 means that one is dying.
/// let counts = [AtomicUsize::new(1), AtomicUsize::new(0)];
/// let take = |name: usize| {
///     counts[name - 1].fetch_update(Acquire, Relaxed, |n| (n != 0).then_some(n + 1)).is_ok().then_some(name)
/// };
/// let give_back = |name: usize| drop(counts[name - 1].fetch_sub(1, AcqRel));
/// let slot = AtomicUsize::new(1);
/// assert_eq!(slot::read(|| slot.load(Acquire), take, give_back), Seen::Secured(1));
/// slot.store(2, Release);
/// assert_eq!(slot::read(|| slot.load(Acquire), take, give_back), Seen::Changed);
/// ```
#[inline(always)]
pub fn read<R>(load: impl Fn() -> usize, secure: impl FnOnce(usize) -> Option<R>, undo: impl FnOnce(R)) -> Seen<R> {
    let word = load();
    if word == 0 {
        return Seen::Empty;
    }
    let Some(secured) = secure(word) else { return Seen::Changed };
    // [SL1]
    if load() == word || planted("slot/no_second_look") {
        Seen::Secured(secured)
    } else {
        undo(secured);
        Seen::Changed
    }
}
