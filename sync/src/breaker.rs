//! `Breaker`: the word that an evaluation loop looks at between instructions.
//!
//! # Protocol
//!
//! The low eight bits are events, which any thread may set and the owner clears when it handles them; the bits above are
//! the version of the instrumentation, which the owner (or a thread that has stopped it) sets.
//! All changes are read-modify-writes, so that a version update never loses an event that arrives meanwhile.
//!
//! Invariants: **BK1** an event that was set stays until it is cleared, whatever happens to the version; **BK2** an event
//! is cleared *before* what it announces is looked at, so that an announcement after the look sets it again.
//!
//! Orderings: setting is Release and clearing Acquire, so the handler sees what was written before the event was set.
//! The loop's test is Relaxed.
//! Never blocks; setting is async-signal-safe.
//! May run attached, detached, and with or without the GIL.
//! Checked by the models `breaker` and `breaker_publishes` (M45).
//!
//! ```
//! use krait_sync::breaker::{Breaker, GC_SCHEDULED, SIGNALS_PENDING};
//!
//! let breaker = Breaker::new();
//! breaker.set(GC_SCHEDULED | SIGNALS_PENDING);
//! assert!(breaker.is_set(GC_SCHEDULED));
//! assert_eq!(breaker.take(SIGNALS_PENDING), SIGNALS_PENDING);
//! assert_eq!(breaker.word(), GC_SCHEDULED);
//! ```

use crate::prim::{AtomicUsize, Ordering::*, PreLoad, const_new, ord, planted};

/// Number of event bits.
pub const EVENT_BITS: u32 = 8;
/// All event bits.
pub const EVENTS: usize = (1 << EVENT_BITS) - 1;

/// Another thread wants the GIL.
pub const GIL_DROP_REQUEST: usize = 1 << 0;
/// A signal arrived.
pub const SIGNALS_PENDING: usize = 1 << 1;
/// The queue of pending calls is not empty.
pub const CALLS_TO_DO: usize = 1 << 2;
/// An exception was sent to the thread.
pub const ASYNC_EXCEPTION: usize = 1 << 3;
/// The collector should run.
pub const GC_SCHEDULED: usize = 1 << 4;
/// A pause waits for the thread.
pub const PLEASE_STOP: usize = 1 << 5;
/// Objects of the thread wait for their reference counts to be merged.
pub const EXPLICIT_MERGE: usize = 1 << 6;
/// Cold compiled code should be thrown away.
pub const JIT_INVALIDATE_COLD: usize = 1 << 7;

/// See the [module](self). It is `PyThreadState.eval_breaker`.
#[repr(transparent)]
pub struct Breaker(AtomicUsize);

impl Breaker {
    const_new! {
        /// No events, version 0.
        pub const fn new() -> Breaker {
            Breaker(AtomicUsize::new(0))
        }
    }

    /// Is anything to do for a loop that was compiled for `version`?
    #[inline(always)]
    pub fn word(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Is one of these events set?
    #[inline(always)]
    pub fn is_set(&self, events: usize) -> bool {
        self.0.load(Relaxed) & events != 0
    }

    /// Sets events.
    #[inline]
    pub fn set(&self, events: usize) {
        debug_assert_eq!(events & !EVENTS, 0);
        if planted("breaker/set_by_store") {
            let word = self.0.load(Relaxed);
            self.0.swap(word | events, Release);
            return;
        }
        self.0.fetch_or(events, ord!("breaker/set_relaxed", Release => Relaxed));
    }

    /// Clears events.
    #[inline]
    pub fn clear(&self, events: usize) {
        debug_assert_eq!(events & !EVENTS, 0);
        self.0.fetch_and(!events, Acquire);
    }

    /// Clears events and returns those of them that were set.
    #[inline]
    pub fn take(&self, events: usize) -> usize {
        debug_assert_eq!(events & !EVENTS, 0);
        self.0.fetch_and(!events, Acquire) & events
    }

    /// The instrumentation version, in place above the event bits.
    #[inline]
    pub fn version(&self) -> usize {
        self.0.load(Relaxed) & !EVENTS
    }

    /// Sets the version, which has no event bits, and keeps the events.
    pub fn set_version(&self, version: usize) {
        debug_assert_eq!(version & EVENTS, 0);
        if planted("breaker/version_by_store") {
            let word = self.0.load(Relaxed);
            self.0.swap(version | word & EVENTS, AcqRel);
            return;
        }
        let mut word = self.0.pre_load(Relaxed);
        while let Err(now) = self.0.compare_exchange_weak(word, version | word & EVENTS, AcqRel, Relaxed) {
            word = now;
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker::new()
    }
}
