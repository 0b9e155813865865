//! `Condvar`: waits for a change of what a [`ByteMutex`] protects.
//!
//! # Protocol
//!
//! A counter of notifications. A waiter reads it while it holds the mutex, unlocks, and parks if the counter still is
//! the same; a notifier increments it and wakes.
//! So a notification between unlock and park makes the validation fail instead of being lost.
//!
//! Invariant: **CV1** a thread that called `wait` before a `notify_all` (in the mutex's order) returns.
//! A wait may return without a notification; callers loop.
//! (It would take 2³² notifications between unlock and park for the counter to come back to its value.)
//!
//! Orderings: Relaxed throughout; the mutex orders the data, the bucket's lock the counter.
//! May block: `wait`, and to lock the mutex again.
//! May run attached (a wait then detaches, if it says so), detached, and with or without the GIL.
//! Checked by the model `condvar`.
//!
//! ```
//! use krait_sync::{ByteMutex, Wait, condvar::Condvar};
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//!
//! let (mutex, changed, letters) = (ByteMutex::new(), Condvar::new(), AtomicU32::new(0));
//! std::thread::scope(|s| {
//!     s.spawn(|| {
//!         let guard = mutex.guard();
//!         letters.store(1, Relaxed);
//!         drop(guard);
//!         changed.notify_one();
//!     });
//!     mutex.lock();
//!     while letters.load(Relaxed) == 0 {
//!         // SAFETY: locked above.
//!         let _ = unsafe { changed.wait(&mutex, Wait::DETACH) };
//!     }
//!     // SAFETY: `wait` locked it again.
//!     unsafe { mutex.unlock() };
//! });
//! ```

use crate::block::{Acquired, Wait};
use crate::mutex::ByteMutex;
use crate::parking_lot::{NO_TOKEN, Parked, lot};
use crate::prim::{AtomicU32, Ordering::*, const_new, planted};

/// See the [module](self).
pub struct Condvar {
    notifications: AtomicU32,
}

impl Condvar {
    const_new! {
        /// Nobody waits.
        pub const fn new() -> Condvar {
            Condvar { notifications: AtomicU32::new(0) }
        }
    }

    /// Unlocks `mutex`, waits to be notified, and locks it again.
    ///
    /// # Safety
    /// The calling thread holds `mutex`.
    pub unsafe fn wait(&self, mutex: &ByteMutex, wait: Wait) -> Acquired {
        let seen = self.notifications.load(Relaxed);
        // SAFETY: the caller's promise.
        unsafe { mutex.unlock() };
        let validate = || planted("condvar/no_counter") || self.notifications.load(Relaxed) == seen;
        let parked = lot().park(self.key(), wait, validate);
        if wait.detach {
            mutex.lock()
        } else {
            mutex.lock_no_detach()
        }
        match parked {
            Parked::TimedOut => Acquired::TimedOut,
            Parked::Interrupted => Acquired::Interrupted,
            Parked::Unparked(_) | Parked::Invalid => Acquired::Yes,
        }
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.notifications.fetch_add(1, Relaxed);
        lot().unpark_one(self.key(), |_, _| NO_TOKEN);
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.notifications.fetch_add(1, Relaxed);
        lot().unpark_all(self.key(), NO_TOKEN);
    }

    fn key(&self) -> usize {
        &raw const *self as usize
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}
