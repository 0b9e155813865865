//! `SeqLock`: readers that write nothing, and try again when a writer was there.
//!
//! # Protocol
//!
//! The counter is even when the data is stable and odd while a writer is in.
//! A writer makes it odd (Acquire), **fences** (Release), stores the data with Relaxed atomics, and stores the next even
//! number (Release).
//! A reader loads the counter (Acquire) until it is even, loads the data with Relaxed atomics, **fences** (Acquire), and
//! loads the counter again (Relaxed): equal means that no writer was in between.
//!
//! All four barriers carry weight: without the Acquire at the beginning a reader may miss a finished write's data,
//! without the Release at the end a later reader may; without the writer's fence its data can be seen before the odd
//! number, and without the reader's fence its check can be done before its loads.
//!
//! Invariant: **SL1** data read between a `read_begin` and a `validate` that says yes is one writer's, whole.
//! A reader must not follow a pointer before it has validated, unless the memory is type-stable.
//! A writer that gives up may restore the old number only if it stored nothing ([`WriteGuard::abandon`]).
//! The counter wraps after 2³¹ writes, which a reader would have to sleep through.
//!
//! May spin: readers and writers, while a writer is in; so a writer must not block, detach or drop references.
//! May run attached, detached, and with or without the GIL; a writer must not give the GIL up (gh-119525).
//! Checked by the models `seqlock`, `seqlock_two_writers` and `seqlock_abandon` (M10).
//!
//! ```
//! use krait_sync::seqlock::SeqLock;
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//!
//! let (lock, pair) = (SeqLock::new(), [AtomicU32::new(1), AtomicU32::new(1)]);
//! let guard = lock.write();
//! pair.iter().for_each(|part| part.store(2, Relaxed));
//! drop(guard);
//! let seen = loop {
//!     let sequence = lock.read_begin();
//!     let seen = [pair[0].load(Relaxed), pair[1].load(Relaxed)];
//!     if lock.validate(sequence) {
//!         break seen;
//!     }
//! };
//! assert_eq!(seen, [2, 2]);
//! ```

use crate::prim::{AtomicU32, Ordering::*, PreLoad, const_new, fence, ord, planted, yield_now};

/// See the [module](self).
#[repr(transparent)]
pub struct SeqLock {
    sequence: AtomicU32,
}

impl SeqLock {
    const_new! {
        /// No writer.
        pub const fn new() -> SeqLock {
            SeqLock { sequence: AtomicU32::new(0) }
        }
    }

    /// Begins to read, when no writer is in.
    #[inline]
    pub fn read_begin(&self) -> u32 {
        loop {
            let sequence = self.sequence.load(ord!("seqlock/begin_relaxed", Acquire => Relaxed));
            if sequence & 1 == 0 {
                return sequence;
            }
            yield_now();
        }
    }

    /// Begins to read; `None` if a writer is in.
    #[inline]
    pub fn try_read_begin(&self) -> Option<u32> {
        let sequence = self.sequence.load(ord!("seqlock/begin_relaxed", Acquire => Relaxed));
        (sequence & 1 == 0).then_some(sequence)
    }

    /// Was there no writer since `sequence` was returned by a begin?
    #[inline]
    pub fn validate(&self, sequence: u32) -> bool {
        if !planted("seqlock/no_acquire_fence") {
            fence(Acquire);
        }
        self.sequence.load(Relaxed) == sequence
    }

    /// Enters as the writer.
    pub fn write(&self) -> WriteGuard<'_> {
        let mut sequence = self.sequence.pre_load(Relaxed);
        loop {
            if sequence & 1 == 0 {
                match self.sequence.compare_exchange(sequence, sequence.wrapping_add(1), Acquire, Relaxed) {
                    Ok(_) => {
                        if !planted("seqlock/no_release_fence") {
                            fence(Release);
                        }
                        return WriteGuard { lock: self, sequence };
                    }
                    Err(now) => sequence = now,
                }
            } else {
                yield_now();
                sequence = self.sequence.pre_load(Relaxed);
            }
        }
    }

    /// In the child of a fork: says whether a writer was in, and lets it out; what it guarded must then be cleared.
    ///
    /// # Safety
    /// No other thread of this process uses the lock.
    pub unsafe fn reset_after_fork(&self) -> bool {
        let sequence = self.sequence.load(Relaxed);
        self.sequence.store(sequence.wrapping_add(sequence & 1), Relaxed);
        sequence & 1 != 0
    }
}

impl Default for SeqLock {
    fn default() -> Self {
        SeqLock::new()
    }
}

/// The writer; leaves when dropped.
pub struct WriteGuard<'a> {
    lock: &'a SeqLock,
    sequence: u32,
}

impl WriteGuard<'_> {
    fn leave(&self, sequence: u32) {
        let release = ord!("seqlock/unlock_relaxed", Release => Relaxed);
        crate::prim::RacingStore::store_racing_rmw(&self.lock.sequence, sequence, release);
    }

    /// Leaves without having written anything; readers that are under way stay valid.
    pub fn abandon(self) {
        self.leave(self.sequence);
        core::mem::forget(self);
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        self.leave(self.sequence.wrapping_add(2));
    }
}
