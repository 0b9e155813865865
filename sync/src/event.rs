//! `Event`: one thread says *it happened*, once; any number wait for it.
//!
//! # Protocol
//!
//! `UNSET → WAITED_FOR → SET`, or `UNSET → SET`; `SET` is final.
//! A waiter changes `UNSET` to `WAITED_FOR` and parks; `set` swaps `SET` in and wakes everybody if it found
//! `WAITED_FOR`.
//!
//! Invariants: **EV1** what happened before `set` is visible after `wait`; **EV2** every waiter returns once it is set.
//!
//! Orderings: `set` is Release, the load that sees `SET` Acquire; the waiter's mark is Relaxed (the bucket's lock orders
//! it against the wake).
//!
//! May block: `wait`.
//! May run attached (a wait then detaches, if its [`Wait`] says so), detached, and with or without the GIL.
//! Checked by the models `event` and `event_two_waiters` (M6).
//!
//! ```
//! use krait_sync::event::Event;
//!
//! let (ready, mut answer) = (Event::new(), 0);
//! std::thread::scope(|s| {
//!     let answer = &mut answer;
//!     s.spawn(|| {
//!         *answer = 42;
//!         ready.set();
//!     });
//!     ready.wait();
//! });
//! assert_eq!(answer, 42);
//! ```

use crate::block::{Acquired, Wait};
use crate::parking_lot::{NO_TOKEN, Parked, lot};
use crate::prim::{AtomicU8, Ordering::*, const_new, ord, planted};

const UNSET: u8 = 0;
const SET: u8 = 1;
const WAITED_FOR: u8 = 2;

/// See the [module](self).
pub struct Event {
    state: AtomicU8,
}

impl Event {
    const_new! {
        /// An event that has not happened.
        pub const fn new() -> Event {
            Event { state: AtomicU8::new(UNSET) }
        }
    }

    /// Did it happen?
    #[inline]
    pub fn is_set(&self) -> bool {
        self.state.load(Acquire) == SET
    }

    /// It happened; wakes all who wait.
    pub fn set(&self) {
        let release = ord!("event/set_relaxed", Release => Relaxed);
        let before = self.state.swap(SET, release);
        if before == WAITED_FOR && !planted("event/set_wakes_nobody") {
            if planted("event/set_wakes_one") {
                lot().unpark_one(self.key(), |_, _| NO_TOKEN);
            } else {
                lot().unpark_all(self.key(), NO_TOKEN);
            }
        }
    }

    /// Waits until it happened, detached.
    pub fn wait(&self) {
        let _ = self.wait_for(Wait::DETACH);
    }

    /// Waits until it happened, or gives up as `wait` says.
    pub fn wait_for(&self, wait: Wait) -> Acquired {
        loop {
            match self.state.load(ord!("event/wait_relaxed", Acquire => Relaxed)) {
                SET => return Acquired::Yes,
                _ if wait.deadline.is_poll() => return Acquired::TimedOut,
                UNSET if self.state.compare_exchange(UNSET, WAITED_FOR, Relaxed, Relaxed).is_err() => continue,
                _ => {}
            }
            match lot().park(self.key(), wait, || self.state.load(Relaxed) == WAITED_FOR) {
                Parked::TimedOut if !self.is_set() => return Acquired::TimedOut,
                Parked::Interrupted if !self.is_set() => return Acquired::Interrupted,
                _ => {}
            }
        }
    }

    /// Makes it not have happened.
    ///
    /// # Safety
    /// Nobody waits for it or sets it.
    pub unsafe fn reset(&self) {
        self.state.store(UNSET, Relaxed);
    }

    fn key(&self) -> usize {
        &raw const *self as usize
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}
