//! `RwLock`: many readers or one writer, writers first.
//!
//! # Protocol
//!
//! The word is `WRITER` (bit 0), `HAS_PARKED` (bit 1) and the number of readers above.
//! A reader enters unless `WRITER` or `HAS_PARKED` is set: once anybody is parked newcomers queue, so readers cannot
//! starve a writer.
//! The last reader wakes everybody if `HAS_PARKED` is set, and so does a leaving writer; they clear the bit with that.
//!
//! Invariants: **RW1** a writer is alone; **RW2** whoever is parked is woken when the lock becomes free.
//!
//! Orderings: entering is Acquire, leaving Release; marks are Relaxed.
//!
//! Not reentrant: a reader that reads again deadlocks if a writer waits.
//! Waking everybody is simple and enough for its uses (many readers, a rare writer).
//! May block: `read`, `write`.
//! May run attached (a wait then detaches, if it says so), detached, and with or without the GIL.
//! Checked by the models `rwlock`, `rwlock_two_readers` and `rwlock_two_writers` (M9).
//!
//! ```
//! use krait_sync::rwlock::RwLock;
//!
//! let lock = RwLock::new();
//! lock.read();
//! assert!(lock.try_read() && !lock.try_write());
//! // SAFETY: two reads above, and the write that follows them.
//! unsafe {
//!     lock.unread();
//!     lock.unread();
//!     lock.write();
//!     assert!(!lock.try_read());
//!     lock.unwrite();
//! }
//! ```

use crate::block::Wait;
use crate::parking_lot::{NO_TOKEN, lot};
use crate::prim::{AtomicUsize, Ordering::*, PreLoad, const_new, ord, planted};

const WRITER: usize = 1;
const HAS_PARKED: usize = 2;
const READER: usize = 4;

/// See the [module](self).
pub struct RwLock {
    word: AtomicUsize,
}

impl RwLock {
    const_new! {
        /// Nobody is in.
        pub const fn new() -> RwLock {
            RwLock { word: AtomicUsize::new(0) }
        }
    }

    /// Enters as a reader, detached while it waits.
    #[inline]
    pub fn read(&self) {
        self.read_with(Wait::DETACH)
    }

    /// Enters as a reader. The deadline of `wait` is ignored.
    pub fn read_with(&self, wait: Wait) {
        let mut word = self.word.pre_load(Relaxed);
        loop {
            if word & (WRITER | HAS_PARKED) != 0 {
                word = self.park(word, wait);
                continue;
            }
            match self.word.compare_exchange_weak(word, word + READER, Acquire, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Enters as a reader if that needs no wait.
    pub fn try_read(&self) -> bool {
        let mut word = self.word.pre_load(Relaxed);
        while word & (WRITER | HAS_PARKED) == 0 {
            match self.word.compare_exchange_weak(word, word + READER, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Leaves as a reader.
    ///
    /// # Safety
    /// The caller has entered as one.
    pub unsafe fn unread(&self) {
        let release = ord!("rwlock/unread_relaxed", Release => Relaxed);
        let mut word = self.word.fetch_sub(READER, release) - READER;
        // The last one clears the mark and wakes; if somebody enters first, that is left to him.
        while word == HAS_PARKED {
            match self.word.compare_exchange(HAS_PARKED, 0, Relaxed, Relaxed) {
                Ok(_) => {
                    if !planted("rwlock/unread_wakes_nobody") {
                        lot().unpark_all(self.key(), NO_TOKEN);
                    }
                    return;
                }
                Err(now) => word = now,
            }
        }
    }

    /// Enters as the writer, detached while it waits.
    #[inline]
    pub fn write(&self) {
        self.write_with(Wait::DETACH)
    }

    /// Enters as the writer. The deadline of `wait` is ignored.
    pub fn write_with(&self, wait: Wait) {
        let mut word = self.word.pre_load(Relaxed);
        loop {
            if word & !HAS_PARKED != 0 {
                word = self.park(word, wait);
                continue;
            }
            let acquire = ord!("rwlock/write_relaxed", Acquire => Relaxed);
            match self.word.compare_exchange_weak(word, word | WRITER, acquire, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Enters as the writer if nobody is in.
    pub fn try_write(&self) -> bool {
        self.word.compare_exchange(0, WRITER, Acquire, Relaxed).is_ok()
    }

    /// Leaves as the writer.
    ///
    /// # Safety
    /// The caller is the writer.
    pub unsafe fn unwrite(&self) {
        let before = self.word.swap(0, ord!("rwlock/unwrite_relaxed", Release => Relaxed));
        debug_assert_eq!(before & !HAS_PARKED, WRITER);
        if before & HAS_PARKED != 0 && !planted("rwlock/unwrite_wakes_nobody") {
            lot().unpark_all(self.key(), NO_TOKEN);
        }
    }

    fn park(&self, mut word: usize, wait: Wait) -> usize {
        if word & HAS_PARKED == 0 {
            match self.word.compare_exchange(word, word | HAS_PARKED, Relaxed, Relaxed) {
                Err(now) => return now,
                Ok(_) => word |= HAS_PARKED,
            }
        }
        lot().park(self.key(), wait, || self.word.load(Relaxed) == word);
        self.word.pre_load(Relaxed)
    }

    /// Nobody is in, in the child of a fork.
    ///
    /// # Safety
    /// No other thread of this process uses the lock.
    pub unsafe fn reset_after_fork(&self) {
        self.word.store(0, Relaxed);
    }

    fn key(&self) -> usize {
        &raw const *self as usize
    }
}

impl Default for RwLock {
    fn default() -> Self {
        RwLock::new()
    }
}
