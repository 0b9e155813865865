//! `RawMutex`: one word that needs nothing else; it guards the buckets of the parking lot.
//!
//! # Protocol
//!
//! The word is `LOCKED` (bit 0) or-ed with a pointer to the youngest of a stack of waiters, each on its own thread's
//! stack.
//!
//! | from | to | by |
//! |---|---|---|
//! | `0` | `LOCKED` | lock |
//! | `w`, unlocked | `w \| LOCKED` | lock that overtakes the waiters |
//! | `w \| LOCKED` | `me \| LOCKED`, `me.next = w` | waiter that is about to park |
//! | `LOCKED` | `0` | unlock |
//! | `w \| LOCKED` | `w.next` | unlock: releases the lock and pops `w` in one step, then notifies `w` |
//!
//! Invariants:
//! * **RM1** A waiter leaves its stack frame only after it consumed its own notification. (CPython gh-148820: a
//!   spurious wake-up let it leave early, and the unlocker posted to a dead semaphore.)
//! * **RM2** Only the holder pops, so a node that the holder read is still on the stack: no ABA.
//!
//! Orderings: lock is Acquire and unlock Release, as for any lock.
//! A push is Release because it publishes `me.next`; the unlocker's load and failed compare-exchange are Acquire
//! because it reads `next` through what it saw.
//! A woken waiter competes again; there is no hand-over and no fairness, since the lock is held for a few
//! instructions.
//!
//! May block without detaching: never hold it while running code of others.
//! May run attached, detached, with or without the GIL, and in a pause if no stopped thread can hold it.
//! Checked by the models `raw_mutex` and `raw_mutex_three` (M1).
//!
//! ```
//! use krait_sync::raw_mutex::Lock;
//!
//! let count = Lock::new(0);
//! std::thread::scope(|s| {
//!     for _ in 0..4 {
//!         s.spawn(|| *count.lock() += 1);
//!     }
//! });
//! assert_eq!(*count.lock(), 4);
//! ```

use crate::prim::{self, AtomicUsize, Deadline, Ordering::*, Parker, PreLoad, UnsafeCell, const_new, ord};
use core::ops::{Deref, DerefMut};

const LOCKED: usize = 1;

/// See the [module](self).
pub struct RawMutex {
    word: AtomicUsize,
}

#[repr(align(8))]
struct Node {
    next: UnsafeCell<usize>,
    parker: Parker,
}

impl RawMutex {
    const_new! {
        /// An unlocked mutex.
        pub const fn new() -> RawMutex {
            RawMutex { word: AtomicUsize::new(0) }
        }
    }

    /// Locks.
    #[inline]
    pub fn lock(&self) {
        let acquire = ord!("raw_mutex/lock_relaxed", Acquire => Relaxed);
        if self.word.compare_exchange(0, LOCKED, acquire, Relaxed).is_err() {
            self.slow_lock();
        }
    }

    #[cold]
    fn slow_lock(&self) {
        let acquire = ord!("raw_mutex/lock_relaxed", Acquire => Relaxed);
        let mut spins = 0;
        let mut node: Option<Node> = None;
        let mut word = self.word.pre_load(Relaxed);
        loop {
            if word & LOCKED == 0 {
                match self.word.compare_exchange(word, word | LOCKED, acquire, Relaxed) {
                    Ok(_) => return,
                    Err(now) => word = now,
                }
                continue;
            }
            if spins < prim::SPINS && word & !LOCKED == 0 {
                for _ in 0..1u32 << spins {
                    prim::spin_loop();
                }
                spins += 1;
                word = self.word.load(Relaxed);
                continue;
            }
            let node = &*node.get_or_insert_with(|| Node { next: UnsafeCell::new(0), parker: Parker::new() });
            node.parker.reset();
            // SAFETY: the node is not published, so this thread alone uses `next`.
            node.next.with_mut(|next| unsafe { *next = word & !LOCKED });
            let release = ord!("raw_mutex/push_relaxed", Release => Relaxed);
            let mine = &raw const *node as usize | LOCKED;
            match self.word.compare_exchange(word, mine, release, Relaxed) {
                Err(now) => word = now,
                Ok(_) => {
                    // [RM1] `park` without a deadline returns only when notified.
                    node.parker.park(Deadline::NEVER, false);
                    word = self.word.pre_load(Relaxed);
                }
            }
        }
    }

    /// Unlocks.
    ///
    /// # Safety
    /// The calling thread holds the lock.
    #[inline]
    pub unsafe fn unlock(&self) {
        let release = ord!("raw_mutex/unlock_relaxed", Release => Relaxed);
        if self.word.compare_exchange(LOCKED, 0, release, Relaxed).is_err() {
            // SAFETY: as above.
            unsafe { self.slow_unlock() };
        }
    }

    #[cold]
    unsafe fn slow_unlock(&self) {
        let acquire = ord!("raw_mutex/pop_relaxed", Acquire => Relaxed);
        let mut word = self.word.pre_load(acquire);
        loop {
            debug_assert!(word & LOCKED != 0, "unlock of an unlocked RawMutex");
            let top = (word & !LOCKED) as *const Node;
            let next = if top.is_null() {
                0
            } else {
                // SAFETY: [RM2] `top` is on the stack of waiters until we pop it, and its owner waits for that [RM1].
                unsafe { (*top).next.with(|next| *next) }
            };
            match self.word.compare_exchange(word, next, Release, acquire) {
                Err(now) => word = now,
                Ok(_) => {
                    if !top.is_null() {
                        // SAFETY: [RM1] popped but not notified, so its owner still waits.
                        unsafe { (*top).parker.unparker().unpark() };
                    }
                    return;
                }
            }
        }
    }

    /// Forgets holder and waiters, in the child of a fork where only the calling thread is left.
    ///
    /// # Safety
    /// No other thread of this process uses the mutex.
    pub unsafe fn reset_after_fork(&self) {
        self.word.store(0, Relaxed);
    }
}

impl Default for RawMutex {
    fn default() -> Self {
        RawMutex::new()
    }
}

/// A value behind a [`RawMutex`], for short steps inside this crate and the runtime below Python.
pub struct Lock<T> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the mutex lets one thread at a time reach the value, and hands it from thread to thread.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    #[cfg(not(feature = "loom"))]
    /// A lock around `value`.
    pub const fn new(value: T) -> Lock<T> {
        Lock { raw: RawMutex::new(), value: UnsafeCell::new(value) }
    }

    #[cfg(feature = "loom")]
    /// A lock around `value`.
    pub fn new(value: T) -> Lock<T> {
        Lock { raw: RawMutex::new(), value: UnsafeCell::new(value) }
    }

    /// Locks.
    pub fn lock(&self) -> Guard<'_, T> {
        self.raw.lock();
        Guard { lock: self }
    }

    /// Forgets holder and waiters in the child of a fork; the value stays as the dead holder left it.
    ///
    /// # Safety
    /// No other thread of this process uses the lock.
    pub unsafe fn reset_after_fork(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.reset_after_fork() }
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Lock::new(T::default())
    }
}

/// Unlocks when dropped.
pub struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held, and the borrow of the guard keeps out `deref_mut`.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and the guard is borrowed mutably.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the guard was made by `lock` on this thread or was sent here with the lock held.
        unsafe { self.lock.raw.unlock() }
    }
}
