//! [`super`] under loom: bounded but exhaustive exploration of small models.

use super::{Deadline, Ordering, Wake};
use std::sync::Arc;

pub use loom::cell::UnsafeCell;
pub use loom::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence};
pub use loom::thread::yield_now;

/// One bucket: all waiters of a model meet, which is the interesting case.
pub const BUCKETS: usize = 1;
/// A spinning thread adds interleavings and no behaviour.
pub const SPINS: u32 = 0;
/// As above.
pub const YIELDS: u32 = 0;

/// loom needs to be told that a thread makes no progress by itself.
pub fn spin_loop() {
    yield_now();
}

/// loom switches at each of its operations already.
pub fn switch_point() {}

/// Time stands still; what depends on it is chosen by [`model`].
pub fn now_ns() -> u64 {
    1
}

/// Decided by the model's [`model::Fairness`], since no time passes.
pub fn fair_after(_since_ns: u64, _patience_ns: u64) -> bool {
    model::fair()
}

/// One id per loom thread, never 0.
pub fn thread_id() -> usize {
    loom::thread_local!(static ANCHOR: AtomicUsize = AtomicUsize::new(model::next_id()));
    ANCHOR.with(|id| id.load(Ordering::Relaxed))
}

/// Choices that a model makes before it starts.
pub mod model {
    use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

    // Not loom's: these are settings, and a load of one must not be a scheduling point.
    static FAIR: AtomicBool = AtomicBool::new(false);
    static IDS: AtomicUsize = AtomicUsize::new(1);

    /// Are locks handed over?
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fairness {
        /// Every unlock with a waiter hands the lock over.
        Always,
        /// No unlock does.
        Never,
    }

    /// Sets the policy for the process.
    pub fn set_fairness(policy: Fairness) {
        FAIR.store(policy == Fairness::Always, Relaxed);
    }

    pub(super) fn fair() -> bool {
        FAIR.load(Relaxed)
    }

    pub(super) fn next_id() -> usize {
        IDS.fetch_add(1, Relaxed)
    }
}

macro_rules! process_wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident() -> &$ty:ty = $init:expr) => {
        $(#[$meta])* $vis fn $name() -> &'static $ty {
            loom::lazy_static! { static ref VALUE: $ty = $init; }
            &VALUE
        }
    };
}
pub(crate) use process_wide;

/// One thread waits here for one notification.
///
/// `Notify` wakes without a reason once, so each wait is also explored with a spurious wake.
/// A wait with a deadline takes that wake for the passing of the deadline, and so is explored both ways.
pub struct Parker(Arc<Inner>);

struct Inner {
    notified: AtomicBool,
    notify: loom::sync::Notify,
    alive: core::sync::atomic::AtomicBool,
}

impl Parker {
    /// Not notified.
    pub fn new() -> Parker {
        Parker(Arc::new(Inner {
            notified: AtomicBool::new(false),
            notify: loom::sync::Notify::new(),
            alive: core::sync::atomic::AtomicBool::new(true),
        }))
    }

    /// Forgets a notification that was consumed.
    pub fn reset(&self) {
        self.0.notified.store(false, Ordering::Relaxed);
    }

    /// The right to notify, once.
    pub fn unparker(&self) -> Unparker {
        Unparker(self.0.clone())
    }

    /// See the machine's twin.
    pub fn park(&self, deadline: Deadline, interruptible: bool) -> Wake {
        loop {
            if self.0.notified.load(Ordering::Acquire) {
                return Wake::Notified;
            }
            self.0.notify.wait();
            if self.0.notified.load(Ordering::Acquire) {
                return Wake::Notified;
            }
            if interruptible {
                return Wake::Interrupted;
            }
            if !deadline.is_never() {
                return Wake::TimedOut;
            }
            if super::planted("parker/trust_spurious_wake") {
                return Wake::Notified;
            }
        }
    }
}

impl Default for Parker {
    fn default() -> Self {
        Parker::new()
    }
}

impl Drop for Parker {
    fn drop(&mut self) {
        self.0.alive.store(false, Ordering::Relaxed);
    }
}

/// The right to notify one [`Parker`], once.
pub struct Unparker(Arc<Inner>);

impl Unparker {
    /// Notifies.
    ///
    /// # Safety
    /// The parker is alive: its thread has not yet returned [`Wake::Notified`].
    /// The model fails when that is broken.
    pub unsafe fn unpark(self) {
        // A loom operation comes first, so that the check sees every schedule.
        self.0.notified.fetch_or(false, Ordering::Relaxed);
        assert!(self.0.alive.load(Ordering::Relaxed), "notified a waiter that is gone");
        self.0.notified.store(true, Ordering::Release);
        self.0.notify.notify();
    }
}
