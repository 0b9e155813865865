//! `OnceFlag`: runs an initialiser once, and lets another thread try when it fails.
//!
//! # Protocol
//!
//! | byte | state |
//! |---|---|
//! | `0` | not initialised |
//! | `RUNNING`, `RUNNING \| HAS_PARKED` | a thread runs the initialiser, others wait |
//! | `DONE` | initialised; final |
//!
//! The initialiser's thread swaps in `DONE` or, if it failed, `0`, and in both cases wakes everybody who waits: after a
//! failure one of them becomes the next to try.
//!
//! Invariants: **ON1** one initialiser runs at a time, and none after one succeeded; **ON2** what a successful one
//! wrote is visible to every call that returns; **ON3** a failure wakes the waiters.
//!
//! Orderings: the last swap is Release; every load that may see `DONE` is Acquire, also on the fast path.
//!
//! May block: while another thread runs the initialiser. Calling it from its own initialiser deadlocks.
//! May run attached (a wait then detaches), detached, and with or without the GIL; so does the initialiser.
//! Checked by the models `once_flag` and `once_flag_failure` (M7).
//!
//! ```
//! use krait_sync::once::OnceFlag;
//!
//! let (flag, mut runs) = (OnceFlag::new(), 0);
//! for _ in 0..3 {
//!     flag.call_once(|| runs += 1);
//! }
//! assert_eq!(runs, 1);
//! ```

use crate::block::Wait;
use crate::parking_lot::{NO_TOKEN, lot};
use crate::prim::{AtomicU8, Ordering::*, PreLoad, const_new, ord, planted};

const RUNNING: u8 = 1;
const HAS_PARKED: u8 = 2;
const DONE: u8 = 4;

/// See the [module](self).
pub struct OnceFlag {
    state: AtomicU8,
}

impl OnceFlag {
    const_new! {
        /// Not initialised.
        pub const fn new() -> OnceFlag {
            OnceFlag { state: AtomicU8::new(0) }
        }
    }

    /// Did an initialiser succeed?
    #[inline(always)]
    pub fn is_done(&self) -> bool {
        self.state.load(ord!("once/fast_relaxed", Acquire => Relaxed)) == DONE
    }

    /// Makes sure that an initialiser has succeeded: returns at once if one has, runs `init` if none is running, and
    /// waits (detached) if one is.
    ///
    /// # Errors
    /// That of `init`, if this call ran it. The flag is then as before.
    #[inline]
    pub fn call_once_try<E>(&self, init: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        if self.is_done() { Ok(()) } else { self.slow_call(Wait::DETACH, init) }
    }

    /// As [`call_once_try`](Self::call_once_try) with an initialiser that cannot fail.
    #[inline]
    pub fn call_once(&self, init: impl FnOnce()) {
        let never: Result<(), core::convert::Infallible> = self.call_once_try(|| {
            init();
            Ok(())
        });
        let Ok(()) = never;
    }

    #[cold]
    fn slow_call<E>(&self, wait: Wait, init: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut state = self.state.pre_load(Acquire);
        loop {
            if state == DONE {
                return Ok(());
            }
            if state == 0 {
                match self.state.compare_exchange(0, RUNNING, Acquire, Acquire) {
                    Err(now) => state = now,
                    Ok(_) => {
                        let finish = Finish { flag: self, state: 0 };
                        return finish.run(init);
                    }
                }
                continue;
            }
            let expected = RUNNING | HAS_PARKED;
            if state & HAS_PARKED == 0
                && let Err(now) = self.state.compare_exchange(state, expected, Relaxed, Acquire)
            {
                state = now;
                continue;
            }
            lot().park(self.key(), wait, || self.state.load(Relaxed) == expected);
            state = self.state.pre_load(Acquire);
        }
    }

    fn key(&self) -> usize {
        &raw const *self as usize
    }
}

/// Ends the initialisation, also when the initialiser panics.
struct Finish<'a> {
    flag: &'a OnceFlag,
    state: u8,
}

impl Finish<'_> {
    fn run<E>(mut self, init: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        init()?;
        self.state = DONE;
        Ok(())
    }
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let release = ord!("once/done_relaxed", Release => Relaxed);
        let before = self.flag.state.swap(self.state, release);
        let silent = self.state == 0 && planted("once/failure_wakes_nobody");
        if before & HAS_PARKED != 0 && !silent {
            // [ON3]
            lot().unpark_all(self.flag.key(), NO_TOKEN);
        }
    }
}

impl Default for OnceFlag {
    fn default() -> Self {
        OnceFlag::new()
    }
}
