//! [`super`] under shuttle: random schedules of models too large for loom, all accesses sequentially consistent.

use super::{Deadline, Ordering, Wake};
use shuttle::rand::Rng;
use shuttle::sync::{Condvar, Mutex};
use std::sync::Arc;

pub use shuttle::sync::atomic::{
    AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence,
};
pub use shuttle::thread::yield_now;

/// Few, so that waiters meet.
pub const BUCKETS: usize = 2;
/// A spinning thread adds schedules and no behaviour.
pub const SPINS: u32 = 0;
/// As above.
pub const YIELDS: u32 = 0;

/// A cell that hands out raw pointers.
#[derive(Default)]
pub struct UnsafeCell<T: ?Sized>(core::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    pub const fn new(value: T) -> Self {
        UnsafeCell(core::cell::UnsafeCell::new(value))
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Reads through a pointer that is valid during `f`.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Writes through a pointer that is valid during `f`.
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// A spinning thread makes no progress by itself.
pub fn spin_loop() {
    yield_now();
}

/// A place where the scheduler may switch.
pub fn switch_point() {
    yield_now();
}

/// Time stands still.
pub fn now_ns() -> u64 {
    1
}

/// Decided at random, since no time passes.
pub fn fair_after(_since_ns: u64, _patience_ns: u64) -> bool {
    shuttle::rand::thread_rng().r#gen()
}

/// One id per shuttle thread, never 0.
pub fn thread_id() -> usize {
    static IDS: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(1);
    shuttle::thread_local!(static ANCHOR: usize = IDS.fetch_add(1, Ordering::Relaxed));
    ANCHOR.with(|id| *id)
}

macro_rules! process_wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident() -> &$ty:ty = $init:expr) => {
        $(#[$meta])* $vis fn $name() -> &'static $ty {
            shuttle::lazy_static! { static ref VALUE: $ty = $init; }
            &VALUE
        }
    };
}
pub(crate) use process_wide;

/// One thread waits here for one notification.
pub struct Parker(Arc<Inner>);

struct Inner {
    notified: Mutex<bool>,
    condvar: Condvar,
}

impl Parker {
    /// Not notified.
    pub fn new() -> Parker {
        Parker(Arc::new(Inner { notified: Mutex::new(false), condvar: Condvar::new() }))
    }

    /// Forgets a notification that was consumed.
    pub fn reset(&self) {
        *self.0.notified.lock().unwrap() = false;
    }

    /// The right to notify, once.
    pub fn unparker(&self) -> Unparker {
        Unparker(self.0.clone())
    }

    /// See the machine's twin. A wait with a deadline ends at random.
    pub fn park(&self, deadline: Deadline, interruptible: bool) -> Wake {
        let may_end = interruptible || !deadline.is_never();
        if may_end && shuttle::rand::thread_rng().r#gen() {
            yield_now();
            if !*self.0.notified.lock().unwrap() {
                return if interruptible { Wake::Interrupted } else { Wake::TimedOut };
            }
        }
        let mut notified = self.0.notified.lock().unwrap();
        while !*notified {
            if may_end {
                drop(notified);
                yield_now();
                notified = self.0.notified.lock().unwrap();
                if !*notified && shuttle::rand::thread_rng().r#gen() {
                    return if interruptible { Wake::Interrupted } else { Wake::TimedOut };
                }
            } else {
                notified = self.0.condvar.wait(notified).unwrap();
            }
        }
        Wake::Notified
    }
}

impl Default for Parker {
    fn default() -> Self {
        Parker::new()
    }
}

/// The right to notify one [`Parker`], once.
pub struct Unparker(Arc<Inner>);

impl Unparker {
    /// Notifies.
    ///
    /// # Safety
    /// The parker is alive: its thread has not yet returned [`Wake::Notified`].
    pub unsafe fn unpark(self) {
        *self.0.notified.lock().unwrap() = true;
        self.0.condvar.notify_one();
    }
}
