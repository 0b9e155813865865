//! The machine underneath: atomics, cells, parking, clocks, thread-locals.
//!
//! This is the only module of the crate that names them (the suite of `loom-tests` looks for exceptions).
//! [`Cell`] and [`RefCell`] are `core`'s: what is in them belongs to one thread, or to the holder of a lock that a model
//! checks. What threads share is an atomic or an [`UnsafeCell`], which the checkers watch.
//! Three implementations have the same names, and a Cargo feature picks one:
//!
//! | file | feature | what it is |
//! |---|---|---|
//! | `real.rs` | none | the hardware, futexes on Linux, `std::thread::park` elsewhere |
//! | `with_loom.rs` | `loom` | [loom](https://docs.rs/loom): every interleaving of a small model |
//! | `with_shuttle.rs` | `shuttle` | [shuttle](https://docs.rs/shuttle): random schedules of a large one |
//!
//! With both features, loom it is.
//!
//! Everything that waits, wakes or switches goes through [`Parker`], [`Unparker`], [`yield_now`] and [`spin_loop`].
//! On the real machine a [`sched::Scheduler`] can take these over at run time, which lets a controlled scheduler
//! explore the interleavings of a whole program.
//!
//! # Rules that keep models honest
//!
//! loom 0.7.2 has two gaps, and the code is written so that neither can hide a bug:
//!
//! * A load whose value feeds a compare-exchange or a store on the same atomic is written with [`PreLoad::pre_load`].
//!   loom keeps one last access per object; a plain load by the same thread replaces the racing one and the
//!   interleaving is never tried (tokio-rs/loom#166).
//! * A store that can race a read-modify-write on the same atomic is written with [`RacingStore::store_racing_rmw`].
//!   loom may otherwise lose the read-modify-write and report a bug that no machine has (tokio-rs/loom#254).
//!
//! `SeqCst` accesses are `AcqRel` in loom, so store-buffering protocols use [`fence`]`(SeqCst)`, which it does model.

#[cfg(not(any(feature = "loom", feature = "shuttle")))]
#[path = "real.rs"]
mod imp;
#[cfg(feature = "loom")]
#[path = "with_loom.rs"]
mod imp;
#[cfg(all(feature = "shuttle", not(feature = "loom")))]
#[path = "with_shuttle.rs"]
mod imp;

pub mod clock;
#[cfg(not(any(feature = "loom", feature = "shuttle")))]
pub mod sched;

pub use clock::Deadline;
pub use core::cell::{Cell, RefCell};
pub use core::sync::atomic::Ordering;
#[cfg(feature = "loom")]
pub use imp::model;
pub(crate) use imp::process_wide;
#[cfg(not(any(feature = "loom", feature = "shuttle")))]
pub(crate) use imp::thread_own;
pub use imp::{
    AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, BUCKETS, Parker, SPINS, Unparker,
    UnsafeCell, YIELDS, fair_after, fence, spin_loop, switch_point, yield_now,
};

/// A setting of the process, given once: not part of any protocol, and so not explored by a model checker.
///
/// Empty, then being written, then there for good. (`OnceLock` publishes in code of the standard library that
/// ThreadSanitizer does not see.)
pub(crate) struct Setting<T> {
    state: core::sync::atomic::AtomicU8,
    value: core::cell::UnsafeCell<Option<T>>,
}

// SAFETY: the value is written once, by the thread that changed the state from empty, and read after it was seen there.
unsafe impl<T: Send + Sync> Sync for Setting<T> {}

impl<T> Setting<T> {
    const EMPTY: u8 = 0;
    const BEING_WRITTEN: u8 = 1;
    const THERE: u8 = 2;

    pub(crate) const fn new() -> Setting<T> {
        Setting { state: core::sync::atomic::AtomicU8::new(Self::EMPTY), value: core::cell::UnsafeCell::new(None) }
    }

    /// The value, once it is there.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != Self::THERE {
            return None;
        }
        // SAFETY: there, so it is not written any more.
        unsafe { (*self.value.get()).as_ref() }
    }

    /// Gives it, unless there is one; then that is there when this returns.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let taken = self.state.compare_exchange(Self::EMPTY, Self::BEING_WRITTEN, Ordering::Acquire, Ordering::Acquire);
        if taken.is_err() {
            while self.state.load(Ordering::Acquire) != Self::THERE {
                core::hint::spin_loop();
            }
            return Err(value);
        }
        // SAFETY: this thread alone changed the state, and nobody reads before the store below.
        unsafe { *self.value.get() = Some(value) };
        self.state.store(Self::THERE, Ordering::Release);
        Ok(())
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Its [`Unparker`] was used.
    Notified,
    /// The deadline passed first.
    TimedOut,
    /// A signal handler ran, and the wait was interruptible.
    Interrupted,
}

/// A load that is only a guess for the compare-exchange that follows on the same atomic, or by the only writer before its
/// store.
pub trait PreLoad {
    /// The atomic's integer.
    type Value;
    /// A plain load on the machine; under loom a read-modify-write, so that the race is explored.
    fn pre_load(&self, order: Ordering) -> Self::Value;
}

/// A store that may race a read-modify-write on the same atomic.
pub trait RacingStore {
    /// The atomic's value.
    type Value;
    /// A plain store on the machine; a swap under loom, so that the other operation is not lost.
    fn store_racing_rmw(&self, value: Self::Value, order: Ordering);
}

macro_rules! racing {
    ($($atomic:ty: $value:ty),*) => {$(
        impl PreLoad for $atomic {
            type Value = $value;
            #[inline(always)]
            fn pre_load(&self, order: Ordering) -> $value {
                if cfg!(feature = "loom") { self.fetch_add(0, order) } else { self.load(order) }
            }
        }
        impl RacingStore for $atomic {
            type Value = $value;
            #[inline(always)]
            fn store_racing_rmw(&self, value: $value, order: Ordering) {
                if cfg!(feature = "loom") { self.swap(value, order); } else { self.store(value, order) }
            }
        }
    )*};
}
impl<T> PreLoad for AtomicPtr<T> {
    type Value = *mut T;
    #[inline(always)]
    fn pre_load(&self, order: Ordering) -> *mut T {
        if cfg!(feature = "loom") {
            // A pointer that is never there: the compare-exchange fails, and is a read-modify-write all the same.
            let never = core::ptr::without_provenance_mut(usize::MAX);
            self.compare_exchange(never, never, order, order).unwrap_or_else(|now| now)
        } else {
            self.load(order)
        }
    }
}
racing!(AtomicU8: u8, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize, AtomicIsize: isize);

/// Declares a constructor that is `const` on the real machine; loom's objects cannot be made in a constant.
#[cfg(not(feature = "loom"))]
macro_rules! const_new {
    ($(#[$meta:meta])* $vis:vis const fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
        $(#[$meta])* $vis const fn $name($($arg: $ty),*) -> $ret $body
    };
}
#[cfg(feature = "loom")]
macro_rules! const_new {
    ($(#[$meta:meta])* $vis:vis const fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
        $(#[$meta])* $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}
pub(crate) use const_new;

/// Is the bug of this name planted?
///
/// Each protocol names the bugs that its model must catch: `planted("mutex/lock_relaxed")`.
/// Without the feature `planted-bugs` this is the constant `false` and the wrong branch disappears.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub(crate) const fn planted(_name: &str) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub use bugs::{plant, planted};

#[cfg(feature = "planted-bugs")]
mod bugs {
    use std::sync::OnceLock;

    static PLANTED: OnceLock<String> = OnceLock::new();

    /// Plants the bug of this name for the rest of the process; call it before the model starts.
    pub fn plant(name: &str) {
        PLANTED.set(name.to_owned()).expect("one planted bug a process");
    }

    /// Is the bug of this name planted? Models may plant bugs in what the crate's callers must do.
    pub fn planted(name: &str) -> bool {
        PLANTED.get().is_some_and(|planted| planted == name)
    }
}

/// `ord!("mutex/lock_relaxed", Acquire => Relaxed)`: the ordering, and the weaker one of a planted bug.
macro_rules! ord {
    ($name:literal, $right:ident => $wrong:ident) => {
        if $crate::prim::planted($name) { $crate::prim::Ordering::$wrong } else { $crate::prim::Ordering::$right }
    };
}
pub(crate) use ord;

/// The machine word that identifies the calling thread, equal to CPython's inline `_Py_ThreadId()`.
///
/// It is the thread pointer register, so the id of a thread that has ended may come back for a new one.
/// Never 0 on the platforms below.
#[inline(always)]
pub fn thread_id() -> usize {
    imp::thread_id()
}
