//! `Semaphore`: a number of permits.
//!
//! # Protocol
//!
//! The word is the number of permits shifted left by one, with `HAS_PARKED` in bit 0.
//! Taking a permit is a compare-exchange; when there is none the thread sets `HAS_PARKED` and parks.
//! Releasing adds permits and, if `HAS_PARKED` was set, wakes one waiter for each, which competes for a permit; the one
//! that finds no more waiters clears the bit.
//!
//! Invariants: **SE1** permits taken never exceed permits released; **SE2** while a thread is parked and there are
//! permits, somebody is on the way who will take them or wake the thread.
//!
//! Orderings: taking is Acquire, releasing Release.
//! May block: `acquire`.
//! May run attached (a wait then detaches, if it says so), detached, and with or without the GIL.
//! Checked by the models `semaphore` and `semaphore_three`.
//!
//! ```
//! use krait_sync::{Wait, semaphore::Semaphore};
//!
//! let permits = Semaphore::new(1);
//! assert!(permits.acquire(Wait::DETACH).ok());
//! assert!(!permits.try_acquire());
//! permits.release(1);
//! assert_eq!(permits.permits(), 1);
//! ```

use crate::block::{Acquired, Wait};
use crate::parking_lot::{NO_TOKEN, Parked, lot};
use crate::prim::{AtomicUsize, Ordering::*, PreLoad, const_new, ord, planted};

const HAS_PARKED: usize = 1;
const PERMIT: usize = 2;

/// See the [module](self).
pub struct Semaphore {
    word: AtomicUsize,
}

impl Semaphore {
    const_new! {
        /// A semaphore with this many permits.
        pub const fn new(permits: usize) -> Semaphore {
            Semaphore { word: AtomicUsize::new(permits * PERMIT) }
        }
    }

    /// Takes a permit, or gives up as `wait` says.
    pub fn acquire(&self, wait: Wait) -> Acquired {
        let acquire = ord!("semaphore/acquire_relaxed", Acquire => Relaxed);
        let mut word = self.word.pre_load(Relaxed);
        loop {
            if word >= PERMIT {
                match self.word.compare_exchange_weak(word, word - PERMIT, acquire, Relaxed) {
                    Ok(_) => return Acquired::Yes,
                    Err(now) => word = now,
                }
                continue;
            }
            if wait.deadline.is_poll() {
                return Acquired::TimedOut;
            }
            if word & HAS_PARKED == 0
                && let Err(now) = self.word.compare_exchange(word, word | HAS_PARKED, Relaxed, Relaxed)
            {
                word = now;
                continue;
            }
            match lot().park(self.key(), wait, || self.word.load(Relaxed) == HAS_PARKED) {
                Parked::TimedOut => return Acquired::TimedOut,
                Parked::Interrupted => return Acquired::Interrupted,
                Parked::Unparked(_) | Parked::Invalid => word = self.word.pre_load(Relaxed),
            }
        }
    }

    /// Takes a permit if there is one.
    pub fn try_acquire(&self) -> bool {
        self.acquire(Wait::POLL).ok()
    }

    /// Adds `permits`.
    pub fn release(&self, permits: usize) {
        let release = ord!("semaphore/release_relaxed", Release => Relaxed);
        let before = self.word.fetch_add(permits * PERMIT, release);
        if before & HAS_PARKED == 0 {
            return;
        }
        for _ in 0..permits {
            let mut more = false;
            lot().unpark_one(self.key(), |_, others| {
                more = others;
                if !others || planted("semaphore/parked_bit_dropped") {
                    self.word.fetch_and(!HAS_PARKED, Relaxed);
                }
                NO_TOKEN
            });
            if !more {
                break;
            }
        }
    }

    /// The number of permits at some instant during the call.
    pub fn permits(&self) -> usize {
        self.word.load(Relaxed) / PERMIT
    }

    fn key(&self) -> usize {
        &raw const *self as usize
    }
}
