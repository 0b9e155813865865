//! Counters of contention: how often and how long threads waited, and for what.
//!
//! Off by default. Off, they cost a load and a branch in `park`, which is about to sleep anyway; nothing on any fast
//! path.
//! An observer sees each wait with the address it was for, from which a runtime can tell the object; it runs on the
//! thread that waited, after the wait, without any lock of this crate.

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
}

/// Sums since [`enable`], or the last [`take`].
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
    use crate::prim::{AtomicBool, AtomicU64, Ordering::Relaxed, Wake, clock};
    use std::sync::OnceLock;

    static ON: AtomicBool = AtomicBool::new(false);
    static WAITS: AtomicU64 = AtomicU64::new(0);
    static NS: AtomicU64 = AtomicU64::new(0);
    static LONGEST: AtomicU64 = AtomicU64::new(0);
    static OBSERVER: OnceLock<fn(&WaitEvent)> = OnceLock::new();

    /// Starts to count.
    pub fn enable() {
        ON.store(true, Relaxed);
    }

    /// Stops to count.
    pub fn disable() {
        ON.store(false, Relaxed);
    }

    /// Calls `observer` after each wait while counting is on. The first one stays.
    pub fn observe(observer: fn(&WaitEvent)) -> bool {
        OBSERVER.set(observer).is_ok()
    }

    /// The sums so far.
    pub fn totals() -> Totals {
        Totals { waits: WAITS.load(Relaxed), ns: NS.load(Relaxed), longest_ns: LONGEST.load(Relaxed) }
    }

    /// The sums so far, which start again at zero.
    pub fn take() -> Totals {
        Totals { waits: WAITS.swap(0, Relaxed), ns: NS.swap(0, Relaxed), longest_ns: LONGEST.swap(0, Relaxed) }
    }

    /// Measures one wait.
    pub(crate) struct Timer(Option<u64>);

    impl Timer {
        pub(crate) fn start() -> Timer {
            Timer(ON.load(Relaxed).then(clock::now_ns))
        }

        pub(crate) fn stop(self, address: usize, outcome: Wake) {
            let Some(start) = self.0 else { return };
            let ns = clock::now_ns().saturating_sub(start);
            WAITS.fetch_add(1, Relaxed);
            NS.fetch_add(ns, Relaxed);
            LONGEST.fetch_max(ns, Relaxed);
            if let Some(observer) = OBSERVER.get() {
                observer(&WaitEvent { address, ns, woken: outcome == Wake::Notified });
            }
        }
    }
}

/// Under a model checker nothing is counted.
#[cfg(any(feature = "loom", feature = "shuttle"))]
pub(crate) struct Timer;

#[cfg(any(feature = "loom", feature = "shuttle"))]
impl Timer {
    pub(crate) fn start() -> Timer {
        Timer
    }

    pub(crate) fn stop(self, _address: usize, _outcome: crate::prim::Wake) {}
}
