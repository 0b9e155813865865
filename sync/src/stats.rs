//! Counters of contention, for each thread and in all: how often and how long it waited, for what, and for whom.
//!
//! Off by default. Off, they cost a load and a branch in `park` and in the wake, where a thread is about to enter the kernel
//! anyway; nothing on any fast path.
//!
//! On, each thread adds to numbers of its own ([`thread_totals`]) and to the process's ([`totals`]), and an observer sees each
//! wait with the address it was for, from which a runtime can tell the object, and the thread that ended it: the *owner*
//! until then, if it was a lock. The observer runs on the thread that waited, after the wait, without any lock of this crate
//! (and perhaps detached: it must not touch what only attached threads may).
//!
//! Invariant: **CS1** a process's totals are the sums over its threads, but for those taken or waiting at the moment.
//! Orderings: Relaxed; the numbers order nothing. Never blocks. Under a model checker nothing is counted; the test
//! `contention_is_counted` of `sync/tests/stress.rs` checks it.
//!
//! ```
//! use krait_sync::{Wait, event::Event, stats};
//! use std::time::Duration;
//!
//! stats::enable();
//! let never = Event::new();
//! assert!(!never.wait_for(Wait::DETACH.at_most(Duration::from_millis(2))).ok());
//! let mine = stats::take_thread();
//! assert_eq!(mine.waits, 1);
//! assert!(mine.longest_ns >= 2_000_000);
//! ```

#[cfg(not(any(feature = "loom", feature = "shuttle")))]
pub use real::*;

/// A finished wait.
#[derive(Clone, Copy, Debug)]
pub struct WaitEvent {
    /// What it waited for: the address of the lock.
    pub address: usize,
    /// How long, in nanoseconds.
    pub ns: u64,
    /// Did it end by a wake-up? Otherwise by time or by a signal.
    pub woken: bool,
    /// The [`thread_id`](crate::prim::thread_id) of the thread that woke it: the owner that it waited for. 0 if none did, or
    /// if counting was off then.
    pub owner: usize,
}

/// Sums since [`enable`], or the last [`take`] or [`take_thread`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of waits.
    pub waits: u64,
    /// Their time in nanoseconds.
    pub ns: u64,
    /// The longest.
    pub longest_ns: u64,
}

#[cfg(not(any(feature = "loom", feature = "shuttle")))]
mod real {
    use super::{Totals, WaitEvent};
    use crate::prim::{self, AtomicBool, AtomicU64, Ordering::Relaxed, Setting, Wake, clock, thread_own};

    static ON: AtomicBool = AtomicBool::new(false);
    static WAITS: AtomicU64 = AtomicU64::new(0);
    static NS: AtomicU64 = AtomicU64::new(0);
    static LONGEST: AtomicU64 = AtomicU64::new(0);
    static OBSERVER: Setting<fn(&WaitEvent)> = Setting::new();

    thread_own!(
        /// The calling thread's sums.
        fn own() -> Totals = Totals { waits: 0, ns: 0, longest_ns: 0 }
    );

    /// Starts to count.
    pub fn enable() {
        ON.store(true, Relaxed);
    }

    /// Stops to count.
    pub fn disable() {
        ON.store(false, Relaxed);
    }

    /// Calls `observer` after each wait while counting is on. The first one stays; false for others.
    pub fn observe(observer: fn(&WaitEvent)) -> bool {
        OBSERVER.set(observer).is_ok()
    }

    /// The process's sums so far.
    pub fn totals() -> Totals {
        Totals { waits: WAITS.load(Relaxed), ns: NS.load(Relaxed), longest_ns: LONGEST.load(Relaxed) }
    }

    /// The process's sums so far, which start again at zero.
    pub fn take() -> Totals {
        Totals { waits: WAITS.swap(0, Relaxed), ns: NS.swap(0, Relaxed), longest_ns: LONGEST.swap(0, Relaxed) }
    }

    /// The calling thread's sums so far.
    pub fn thread_totals() -> Totals {
        own(|own| own.get()).unwrap_or_default()
    }

    /// The calling thread's sums so far, which start again at zero.
    pub fn take_thread() -> Totals {
        own(|own| own.take()).unwrap_or_default()
    }

    /// Who wakes a waiter: the calling thread.
    pub(crate) fn waker() -> usize {
        if ON.load(Relaxed) { prim::thread_id() } else { 0 }
    }

    /// Measures one wait.
    pub(crate) struct Timer(Option<u64>);

    impl Timer {
        pub(crate) fn start() -> Timer {
            Timer(ON.load(Relaxed).then(clock::now_ns))
        }

        pub(crate) fn stop(self, address: usize, outcome: Wake, waker: usize) {
            let Some(start) = self.0 else { return };
            let ns = clock::now_ns().saturating_sub(start);
            WAITS.fetch_add(1, Relaxed);
            NS.fetch_add(ns, Relaxed);
            LONGEST.fetch_max(ns, Relaxed);
            let _ = own(|own| {
                let Totals { waits, ns: sum, longest_ns } = own.get();
                own.set(Totals { waits: waits + 1, ns: sum + ns, longest_ns: longest_ns.max(ns) });
            });
            if let Some(observer) = OBSERVER.get() {
                let woken = outcome == Wake::Notified;
                observer(&WaitEvent { address, ns, woken, owner: if woken { waker } else { 0 } });
            }
        }
    }
}

#[cfg(any(feature = "loom", feature = "shuttle"))]
pub(crate) fn waker() -> usize {
    0
}

/// Under a model checker nothing is counted.
#[cfg(any(feature = "loom", feature = "shuttle"))]
pub(crate) struct Timer;

#[cfg(any(feature = "loom", feature = "shuttle"))]
impl Timer {
    pub(crate) fn start() -> Timer {
        Timer
    }

    pub(crate) fn stop(self, _address: usize, _outcome: crate::prim::Wake, _waker: usize) {}
}
