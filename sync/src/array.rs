//! `SharedArray`: a growing array of words that is read without a lock.
//!
//! # Protocol
//!
//! The array points to a *block*, which has its own capacity, and has a length.
//! Writers hold the owner's lock. Readers hold nothing: they load length and block, and read the slot as [`slot`]
//! says.
//!
//! Length and block are two words, so a reader may see the one of before and the other of after a change. Therefore an
//! index is checked against the capacity **of the block that was loaded**, and unused slots hold 0.
//! A block that is replaced is retired through [`qsbr`](crate::qsbr).
//!
//! Invariants:
//! * **AR1** What a reader returns was in that slot at some moment during the call.
//! * **AR2** No reader looks beyond the block it loaded, or at a slot that was never written: a block is filled before it
//!   is published, and published before the length that needs it.
//! * **AR3** A reader that fails did so because of a change; it then takes the lock.
//! * **AR4** Slots are written one at a time, as whole words: never by `memmove` (gh-129069).
//!
//! Orderings: block, slots and length are stored Release and loaded Acquire.
//! Readers never block.
//! Readers run attached; writers attached, under the owner's lock.
//! Checked by the models `array` (M37), `array_grow` and `array_shrink` (M38).
//!
//! ```
//! use krait_sync::array::SharedArray;
//! use krait_sync::qsbr::Domain;
//!
//! let (domain, array) = (Domain::new(), SharedArray::with_capacity(1));
//! // SAFETY: the domain outlives it.
//! let me = unsafe { domain.register() };
//! me.attach();
//! // Words that name nothing that could die need no securing.
//! // SAFETY: one thread, attached.
//! unsafe {
//!     array.push(5, &me);
//!     array.push(7, &me);
//!     assert_eq!(array.get(1, &me, Some, drop), Some(7));
//!     assert_eq!(array.get(2, &me, Some, drop), None);
//!     assert_eq!(array.replace(0, 6), 5);
//!     assert_eq!((array.pop(), array.pop(), array.pop()), (Some(7), Some(6), None));
//! }
//! me.detach();
//! ```

use crate::prim::{AtomicPtr, AtomicUsize, Ordering::*, PreLoad, ord, planted};
use crate::qsbr::Participant;
use crate::slot;

/// A block: its capacity lies with its slots.
struct Block {
    slots: Box<[AtomicUsize]>,
}

impl Block {
    fn new(capacity: usize) -> *mut Block {
        Box::into_raw(Box::new(Block { slots: (0..capacity).map(|_| AtomicUsize::new(0)).collect() }))
    }
}

/// See the [module](self). A word of 0 means that a slot is empty.
pub struct SharedArray {
    block: AtomicPtr<Block>,
    length: AtomicUsize,
}

impl SharedArray {
    /// An empty array with room for `capacity` words.
    pub fn with_capacity(capacity: usize) -> SharedArray {
        SharedArray { block: AtomicPtr::new(Block::new(capacity)), length: AtomicUsize::new(0) }
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.length.load(Acquire)
    }

    /// Is it empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The word at `index`, secured, without a lock; `None` if there is none, or something changed meanwhile.
    ///
    /// `secure` gets a word that may be stale, and may fail; `undo` gives back what turned out to be stale.
    ///
    /// # Safety
    /// The calling thread is attached to the domain of the participants that writers use.
    #[inline]
    pub unsafe fn get<R>(
        &self,
        index: usize,
        _reader: &Participant,
        secure: impl FnOnce(usize) -> Option<R>,
        undo: impl FnOnce(R),
    ) -> Option<R> {
        if index >= self.length.load(Acquire) {
            return None;
        }
        // SAFETY: [QS1] the block is not freed before our next quiescent state.
        let block = unsafe { &*self.block.load(ord!("array/block_relaxed", Acquire => Relaxed)) };
        // [AR2]
        let slot = block.slots.get(index)?;
        // [AR1]
        slot::read(|| slot.load(Acquire), secure, undo).secured()
    }

    /// The word at `index`.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn get_locked(&self, index: usize) -> Option<usize> {
        // SAFETY: writers are excluded.
        let block = unsafe { &*self.block.load(Relaxed) };
        (index < self.length.load(Relaxed)).then(|| block.slots[index].load(Relaxed))
    }

    /// Replaces the word at `index` and returns the old one.
    ///
    /// # Safety
    /// The caller holds the lock. `index` is below the length.
    pub unsafe fn replace(&self, index: usize, word: usize) -> usize {
        // SAFETY: writers are excluded.
        let block = unsafe { &*self.block.load(Relaxed) };
        block.slots[index].swap(word, AcqRel)
    }

    /// Adds a word at the end; a block that is too small is replaced and retired.
    ///
    /// # Safety
    /// The caller holds the lock, and is attached.
    pub unsafe fn push(&self, word: usize, participant: &Participant) {
        let length = self.length.pre_load(Relaxed);
        let old = self.block.pre_load(Relaxed);
        // SAFETY: writers are excluded.
        let mut block = unsafe { &*old };
        if length == block.slots.len() {
            let new = Block::new((length + length / 2).max(length + 1));
            // SAFETY: just made, and ours.
            let larger = unsafe { &*new };
            let publish = || self.block.store(new, ord!("array/publish_relaxed", Release => Relaxed));
            if planted("array/publish_before_fill") {
                publish();
            }
            for (to, from) in larger.slots.iter().zip(&block.slots) {
                to.store(from.load(Relaxed), Relaxed);
            }
            publish();
            if planted("array/free_at_once") {
                // SAFETY: none; this is the planted bug.
                unsafe { free(old.cast(), 0) };
            } else {
                // SAFETY: [QS3] the store made it unreachable.
                unsafe { participant.retire(old.cast(), size_of_val(&*block.slots), free) };
            }
            block = larger;
        }
        block.slots[length].store(word, Release);
        self.length.store(length + 1, Release);
    }

    /// Takes the last word.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn pop(&self) -> Option<usize> {
        let length = self.length.pre_load(Relaxed).checked_sub(1)?;
        self.length.store(length, Release);
        // SAFETY: writers are excluded.
        let block = unsafe { &*self.block.load(Relaxed) };
        Some(block.slots[length].swap(0, AcqRel))
    }
}

unsafe fn free(block: *mut (), _size: usize) {
    // SAFETY: made by `Block::new`, and retired once.
    let block = unsafe { Box::from_raw(block.cast::<Block>()) };
    if cfg!(feature = "loom") {
        // Seen by readers that come too late: no slot ever holds this.
        block.slots.iter().for_each(|slot| slot.store(FREED, Relaxed));
        core::mem::forget(block);
    }
}

/// In a model, what the slots of a freed block hold.
pub const FREED: usize = usize::MAX;

impl Drop for SharedArray {
    fn drop(&mut self) {
        // SAFETY: no reader is left.
        drop(unsafe { Box::from_raw(self.block.load(Relaxed)) })
    }
}
