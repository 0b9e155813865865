//! `RecursiveMutex`: a [`ByteMutex`] that its owner may lock again.
//!
//! # Protocol
//!
//! The mutex, the owner's id (0 when free) and a depth that only the owner uses.
//! Taking it: lock the mutex, then write the owner. Giving it up: clear the owner, then unlock.
//!
//! Invariants: **RE1** `owner == me` holds exactly while the thread `me` has it, because only `me` ever writes `me`, and
//! clears it before the unlock; so a Relaxed load is enough to recognise oneself, and a stale value can only be someone
//! else's id. **RE2** `depth` is touched by the owner only.
//!
//! Thread ids may be reused, and may change in the child of a fork: [`RecursiveMutex::reset_after_fork`] (gh-126688).
//!
//! Orderings: the owner and the depth are Relaxed, for RE1; the mutex orders what it protects.
//! May block: the first lock.
//! May run attached (a wait then detaches, if it says so), detached, and with or without the GIL.
//! Checked by the model `recursive` (M8).
//!
//! ```
//! use krait_sync::{prim::thread_id, recursive::RecursiveMutex};
//!
//! let (lock, me) = (RecursiveMutex::new(), thread_id());
//! lock.lock(me);
//! lock.lock(me);
//! assert_eq!(lock.depth(me), 2);
//! assert!(lock.try_unlock(me) && lock.is_owned_by(me));
//! assert!(lock.try_unlock(me) && !lock.is_locked());
//! assert!(!lock.try_unlock(me), "not ours any more");
//! ```

use crate::block::{Acquired, Wait};
use crate::mutex::ByteMutex;
use crate::prim::{AtomicUsize, Ordering::*, UnsafeCell, const_new, planted};

/// See the [module](self).
pub struct RecursiveMutex {
    mutex: ByteMutex,
    owner: AtomicUsize,
    depth: UnsafeCell<usize>,
}

// SAFETY: `depth` is used by the owner only [RE2], and the mutex orders one owner's use before the next one's.
unsafe impl Sync for RecursiveMutex {}

impl RecursiveMutex {
    const_new! {
        /// A free mutex.
        pub const fn new() -> RecursiveMutex {
            RecursiveMutex { mutex: ByteMutex::new(), owner: AtomicUsize::new(0), depth: UnsafeCell::new(0) }
        }
    }

    /// Does the thread `me` have it?
    #[inline]
    pub fn is_owned_by(&self, me: usize) -> bool {
        self.owner.load(Relaxed) == me
    }

    /// The id of the thread that has it, or 0; true for the moment of the call only, unless it is the caller.
    #[inline]
    pub fn owner(&self) -> usize {
        self.owner.load(Relaxed)
    }

    /// Does any thread have it?
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.mutex.is_locked()
    }

    /// Locks for the thread `me`, which must be the calling one and not 0.
    pub fn lock(&self, me: usize) {
        let _ = self.lock_timed(me, Wait::DETACH);
    }

    /// Locks for the thread `me`, or gives up as `wait` says.
    pub fn lock_timed(&self, me: usize, wait: Wait) -> Acquired {
        debug_assert_ne!(me, 0);
        if self.is_owned_by(me) {
            // SAFETY: [RE2]
            self.depth.with_mut(|depth| unsafe { *depth += 1 });
            return Acquired::Yes;
        }
        let acquired = self.mutex.lock_timed(wait);
        if acquired.ok() {
            self.owner.store(me, Relaxed);
            // SAFETY: [RE2]
            self.depth.with_mut(|depth| unsafe { *depth = 1 });
        }
        acquired
    }

    /// Unlocks once; says whether `me` had it.
    pub fn try_unlock(&self, me: usize) -> bool {
        if !self.is_owned_by(me) {
            return false;
        }
        // SAFETY: [RE2]
        let left = self.depth.with_mut(|depth| unsafe {
            *depth -= 1;
            *depth
        });
        if left == 0 {
            self.give_up();
        }
        true
    }

    fn give_up(&self) {
        if planted("recursive/unlock_before_owner") {
            // SAFETY: the owner has it.
            unsafe { self.mutex.unlock() };
            self.owner.store(0, Relaxed);
            return;
        }
        if !planted("recursive/owner_not_cleared") {
            self.owner.store(0, Relaxed);
        }
        // SAFETY: the owner has it.
        unsafe { self.mutex.unlock() };
    }

    /// Unlocks completely and returns the depth, for a condition variable's wait; `None` if `me` does not have it.
    pub fn release_save(&self, me: usize) -> Option<usize> {
        if !self.is_owned_by(me) {
            return None;
        }
        // SAFETY: [RE2]
        let depth = self.depth.with_mut(|depth| unsafe { core::mem::take(&mut *depth) });
        self.give_up();
        Some(depth)
    }

    /// Locks again to the depth of [`release_save`](Self::release_save).
    pub fn acquire_restore(&self, me: usize, depth: usize) {
        self.lock(me);
        // SAFETY: [RE2]
        self.depth.with_mut(|slot| unsafe { *slot = depth });
    }

    /// How often `me` has it.
    pub fn depth(&self, me: usize) -> usize {
        if self.is_owned_by(me) {
            // SAFETY: [RE2]
            self.depth.with(|depth| unsafe { *depth })
        } else {
            0
        }
    }

    /// In the child of a fork: keeps it for the thread that forked (its id may be new), frees it otherwise.
    ///
    /// # Safety
    /// No other thread of this process exists; `old` was the forking thread's id in the parent, `new` is its id now.
    pub unsafe fn reset_after_fork(&self, old: usize, new: usize) {
        if self.is_owned_by(old) {
            self.owner.store(new, Relaxed);
        } else {
            self.owner.store(0, Relaxed);
            // SAFETY: this thread is alone.
            self.depth.with_mut(|depth| unsafe { *depth = 0 });
            // SAFETY: this thread is alone.
            unsafe { self.mutex.reset_after_fork() };
        }
    }
}

impl Default for RecursiveMutex {
    fn default() -> Self {
        RecursiveMutex::new()
    }
}
