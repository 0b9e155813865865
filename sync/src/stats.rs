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
//! Invariants: **CS1** a process's totals are the sums over its threads, but for those taken or waiting at the moment;
//! **CS2** each wait is in the result of exactly one `take`, or still there.
//! Orderings: Relaxed; the numbers order nothing, and [`Counters::take`] takes one number after the other.
//! May block: nothing does. May run attached or detached, with or without the GIL.
//! Checked by the model `stats`, for [`Counters`]; the waits of a model are not counted themselves. The test
//! `contention_is_counted` of `sync/tests/stress.rs` checks the rest.
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

use crate::prim::{AtomicU64, Ordering::Relaxed, PreLoad, RacingStore, const_new, planted};

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

/// Sums that any thread may add to and take: the process has one, and a runtime may have more, for each interpreter say.
pub struct Counters {
    waits: AtomicU64,
    ns: AtomicU64,
    longest_ns: AtomicU64,
}

impl Counters {
    const_new! {
        /// Zero.
        pub const fn new() -> Counters {
            Counters { waits: AtomicU64::new(0), ns: AtomicU64::new(0), longest_ns: AtomicU64::new(0) }
        }
    }

    /// A wait of so many nanoseconds.
    pub fn add(&self, ns: u64) {
        if planted("stats/add_by_store") {
            let waits = self.waits.pre_load(Relaxed);
            self.waits.store_racing_rmw(waits + 1, Relaxed);
        } else {
            self.waits.fetch_add(1, Relaxed);
        }
        self.ns.fetch_add(ns, Relaxed);
        if planted("stats/longest_by_store") {
            let longest = self.longest_ns.pre_load(Relaxed);
            self.longest_ns.store_racing_rmw(longest.max(ns), Relaxed);
        } else {
            self.longest_ns.fetch_max(ns, Relaxed);
        }
    }

    /// The sums so far.
    pub fn totals(&self) -> Totals {
        let (waits, ns) = (self.waits.load(Relaxed), self.ns.load(Relaxed));
        Totals { waits, ns, longest_ns: self.longest_ns.load(Relaxed) }
    }

    /// The sums so far, which start again at zero. [CS2]
    pub fn take(&self) -> Totals {
        if planted("stats/take_by_store") {
            let taken = self.totals();
            for sum in [&self.waits, &self.ns, &self.longest_ns] {
                sum.store_racing_rmw(0, Relaxed);
            }
            return taken;
        }
        let (waits, ns) = (self.waits.swap(0, Relaxed), self.ns.swap(0, Relaxed));
        Totals { waits, ns, longest_ns: self.longest_ns.swap(0, Relaxed) }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Counters::new()
    }
}

#[cfg(not(any(feature = "loom", feature = "shuttle")))]
mod real {
    use super::{Counters, Totals, WaitEvent};
    use crate::prim::{self, AtomicBool, Ordering::Relaxed, Setting, Wake, clock, thread_own};

    static ON: AtomicBool = AtomicBool::new(false);
    static PROCESS: Counters = Counters::new();
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
        PROCESS.totals()
    }

    /// The process's sums so far, which start again at zero.
    pub fn take() -> Totals {
        PROCESS.take()
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
            PROCESS.add(ns);
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
