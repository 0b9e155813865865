//! `ByteMutex`: a fair lock in one byte. It is CPython's `PyMutex`, bit for bit.
//!
//! # Protocol
//!
//! | byte | state |
//! |---|---|
//! | `0` | free |
//! | `LOCKED` | held |
//! | `LOCKED \| HAS_PARKED` | held, and threads are parked for it |
//! | `HAS_PARKED` | free, threads are parked; whoever comes may take it |
//!
//! Extensions inline the two fast paths (compare-exchange 0 → 1 and 1 → 0), so the bits are ABI.
//! A thread that finds the lock held spins a little, sets `HAS_PARKED` and parks on the byte's address.
//! An unlock that sees `HAS_PARKED` wakes the first waiter: normally the lock becomes free and the woken thread
//! competes; if the waiter has waited for 1 ms ([`PATIENCE_NS`](crate::parking_lot::PATIENCE_NS)) it is handed the lock.
//!
//! Invariants:
//! * **MX1** At most one thread is between lock and unlock.
//! * **MX2** `LOCKED` stays set during a hand-over.
//! * **MX3** If a thread is queued and the lock is held, `HAS_PARKED` is set.
//! * **MX4** A waiter older than 1 ms gets the lock at the next unlock, so overtaking is bounded.
//!
//! Orderings: taking is Acquire, releasing Release; setting `HAS_PARKED` and the parking lot's validation are Relaxed,
//! because the bucket's lock orders them.
//!
//! `HAS_PARKED` may be set with nobody parked (a waiter gave up): the unlock then finds no waiter and clears it.
//! Any thread may unlock (`threading.Lock` allows it), so nothing asserts who holds it.
//!
//! May block: the `lock` functions, as their [`Wait`] says. A hand-over may give the lock to a thread that then waits to
//! attach; see [`crate::stop_the_world`] for why that matters.
//! May run attached (a wait then detaches, unless the caller says otherwise), detached, and with or without the GIL.
//! Checked by the models `mutex`, `mutex_three` (M2), `mutex_fair` (M3), `mutex_timeout`, `random_mutex` (M4) and
//! `lot_collision` (M5).
//!
//! ```
//! use krait_sync::{Wait, mutex::Mutex};
//! use std::time::Duration;
//!
//! static COUNT: Mutex<u32> = Mutex::new(0);
//! std::thread::scope(|s| {
//!     for _ in 0..4 {
//!         s.spawn(|| *COUNT.lock() += 1);
//!     }
//! });
//! let held = COUNT.lock();
//! assert_eq!(*held, 4);
//! assert!(!COUNT.raw().lock_timed(Wait::DETACH.at_most(Duration::from_millis(1))).ok());
//! ```

use crate::block::{Acquired, Wait};
use crate::parking_lot::{Parked, lot};
use crate::prim::{self, AtomicU8, Ordering::*, PreLoad, RacingStore, UnsafeCell, const_new, ord, planted};
use core::ops::{Deref, DerefMut};

/// Bit 0 of the byte.
pub const LOCKED: u8 = 1;
/// Bit 1 of the byte.
pub const HAS_PARKED: u8 = 2;

/// Token of a waiter that got the lock with its wake-up.
const HANDED_OVER: usize = 1;

/// See the [module](self).
#[repr(transparent)]
pub struct ByteMutex {
    byte: AtomicU8,
}

impl ByteMutex {
    const_new! {
        /// A free mutex; all bits are zero.
        pub const fn new() -> ByteMutex {
            ByteMutex { byte: AtomicU8::new(0) }
        }
    }

    /// Locks; a thread that has to wait detaches meanwhile.
    #[inline(always)]
    pub fn lock(&self) {
        if !self.try_lock_fast() {
            let _ = self.slow_lock(Wait::DETACH);
        }
    }

    /// Locks, and waits in the state the thread is in.
    #[inline(always)]
    pub fn lock_no_detach(&self) {
        if !self.try_lock_fast() {
            let _ = self.slow_lock(Wait::KEEP);
        }
    }

    /// Locks, or gives up as `wait` says.
    #[inline]
    pub fn lock_timed(&self, wait: Wait) -> Acquired {
        if self.try_lock_fast() { Acquired::Yes } else { self.slow_lock(wait) }
    }

    /// Locks if the mutex is free.
    #[inline]
    pub fn try_lock(&self) -> bool {
        self.try_lock_fast() || self.slow_lock(Wait::POLL).ok()
    }

    /// Locks if the byte is zero: the path that extensions inline. May fail although the mutex is free.
    #[inline(always)]
    pub fn try_lock_fast(&self) -> bool {
        let acquire = ord!("mutex/lock_relaxed", Acquire => Relaxed);
        self.byte.compare_exchange(0, LOCKED, acquire, Relaxed).is_ok()
    }

    /// [`try_lock_fast`](Self::try_lock_fast) without an atomic exchange.
    ///
    /// # Safety
    /// No other thread uses the mutex before a point that orders this thread's stores before it, such as a pause.
    #[inline(always)]
    pub unsafe fn try_lock_alone(&self) -> bool {
        let free = self.byte.load(Relaxed) == 0;
        if free {
            self.byte.store(LOCKED, Relaxed);
        }
        free
    }

    /// [`unlock`](Self::unlock) without an atomic exchange.
    ///
    /// # Safety
    /// The mutex is locked, and as for [`try_lock_alone`](Self::try_lock_alone).
    #[inline(always)]
    pub unsafe fn unlock_alone(&self) {
        debug_assert_eq!(self.byte.load(Relaxed), LOCKED, "nobody else can have parked");
        self.byte.store(0, Relaxed);
    }

    #[cold]
    fn slow_lock(&self, wait: Wait) -> Acquired {
        let acquire = ord!("mutex/lock_relaxed", Acquire => Relaxed);
        let mut spins = 0;
        let mut byte = self.byte.pre_load(Relaxed);
        loop {
            if byte & LOCKED == 0 {
                match self.byte.compare_exchange(byte, byte | LOCKED, acquire, Relaxed) {
                    Ok(_) => return Acquired::Yes,
                    Err(now) => byte = now,
                }
                continue;
            }
            // A poll neither spins nor yields (gh-135871).
            if wait.deadline.is_poll() {
                return Acquired::TimedOut;
            }
            // Spinning pays only while nobody is parked: parked threads come first.
            if byte & HAS_PARKED == 0 && spins < prim::SPINS + prim::YIELDS {
                if spins < prim::SPINS {
                    for _ in 0..4u32 << spins {
                        prim::spin_loop();
                    }
                } else {
                    prim::yield_now();
                }
                spins += 1;
                byte = self.byte.load(Relaxed);
                continue;
            }
            let mut expected = byte;
            if !planted("mutex/park_without_bit") {
                expected |= HAS_PARKED;
                if byte & HAS_PARKED == 0
                    && let Err(now) = self.byte.compare_exchange(byte, expected, Relaxed, Relaxed)
                {
                    byte = now;
                    continue;
                }
            }
            match lot().park(self.key(), wait, || self.byte.load(Relaxed) == expected) {
                Parked::Unparked(HANDED_OVER) => return Acquired::Yes,
                Parked::TimedOut => return Acquired::TimedOut,
                Parked::Interrupted => return Acquired::Interrupted,
                Parked::Unparked(_) | Parked::Invalid => byte = self.byte.pre_load(Relaxed),
            }
        }
    }

    /// Unlocks.
    ///
    /// # Safety
    /// The mutex is locked, on behalf of whoever calls. It need not be the thread that locked it.
    ///
    /// # Panics
    /// In debug builds, if it is not locked.
    #[inline(always)]
    pub unsafe fn unlock(&self) {
        let release = ord!("mutex/unlock_relaxed", Release => Relaxed);
        if self.byte.compare_exchange(LOCKED, 0, release, Relaxed).is_err() {
            let unlocked = self.slow_unlock();
            debug_assert!(unlocked, "unlock of a free ByteMutex");
        }
    }

    /// Unlocks if it is locked; says whether it was.
    pub fn try_unlock(&self) -> bool {
        self.byte.compare_exchange(LOCKED, 0, Release, Relaxed).is_ok() || self.slow_unlock()
    }

    #[cold]
    fn slow_unlock(&self) -> bool {
        let release = ord!("mutex/unlock_relaxed", Release => Relaxed);
        if planted("mutex/unlock_forgets_waiters") {
            self.byte.swap(0, release);
            return true;
        }
        let mut byte = self.byte.pre_load(Relaxed);
        loop {
            if byte & LOCKED == 0 {
                return false;
            }
            if byte & HAS_PARKED != 0 {
                break;
            }
            match self.byte.compare_exchange(byte, 0, release, Relaxed) {
                Ok(_) => return true,
                Err(now) => byte = now,
            }
        }
        lot().unpark_one(self.key(), |waiter, more| {
            let mut after = 0;
            let mut token = 0;
            if let Some(waiter) = waiter {
                if lot().hand_over(waiter.since_ns) {
                    token = HANDED_OVER;
                    if !planted("mutex/hand_over_unlocked") {
                        // [MX2]
                        after |= LOCKED;
                    }
                }
                if more && !planted("mutex/drop_parked_bit") {
                    // [MX3]
                    after |= HAS_PARKED;
                }
            }
            // With `LOCKED | HAS_PARKED` set nobody else changes the byte, but for waiters that find the bit set.
            self.byte.store_racing_rmw(after, release);
            token
        });
        true
    }

    /// Is it locked, by anyone?
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.byte.load(Relaxed) & LOCKED != 0
    }

    /// Locks and unlocks when the guard is dropped.
    pub fn guard(&self) -> MutexGuard<'_> {
        self.lock();
        MutexGuard(self)
    }

    /// As [`guard`](Self::guard), without detaching.
    pub fn guard_no_detach(&self) -> MutexGuard<'_> {
        self.lock_no_detach();
        MutexGuard(self)
    }

    /// The mutex, free, in the child of a fork: its holder, or the thread it was being handed to, is not there.
    ///
    /// # Safety
    /// No other thread of this process uses the mutex, and what it protects is consistent.
    pub unsafe fn reset_after_fork(&self) {
        self.byte.store(0, Relaxed);
    }

    fn key(&self) -> usize {
        &raw const *self as usize
    }
}

impl Default for ByteMutex {
    fn default() -> Self {
        ByteMutex::new()
    }
}

/// Unlocks when dropped.
#[must_use]
pub struct MutexGuard<'a>(&'a ByteMutex);

impl Drop for MutexGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: the guard was made by locking.
        unsafe { self.0.unlock() }
    }
}

/// A value behind a [`ByteMutex`].
#[derive(Default)]
pub struct Mutex<T> {
    raw: ByteMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the mutex lets one thread at a time reach the value.
unsafe impl<T: Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// A free mutex around `value`.
    #[cfg(not(feature = "loom"))]
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { raw: ByteMutex::new(), value: UnsafeCell::new(value) }
    }

    /// A free mutex around `value`.
    #[cfg(feature = "loom")]
    pub fn new(value: T) -> Mutex<T> {
        Mutex { raw: ByteMutex::new(), value: UnsafeCell::new(value) }
    }

    /// Locks; a thread that has to wait detaches meanwhile.
    #[inline]
    pub fn lock(&self) -> ValueGuard<'_, T> {
        self.raw.lock();
        ValueGuard(self)
    }

    /// Locks, and waits in the state the thread is in.
    #[inline]
    pub fn lock_no_detach(&self) -> ValueGuard<'_, T> {
        self.raw.lock_no_detach();
        ValueGuard(self)
    }

    /// Locks if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<ValueGuard<'_, T>> {
        self.raw.try_lock().then_some(ValueGuard(self))
    }

    /// The byte.
    pub fn raw(&self) -> &ByteMutex {
        &self.raw
    }
}

/// Reaches the value, and unlocks when dropped.
pub struct ValueGuard<'a, T>(&'a Mutex<T>);

impl<T> Deref for ValueGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the mutex is held, and the borrow of the guard keeps out `deref_mut`.
        self.0.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for ValueGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the mutex is held, and the guard is borrowed mutably.
        self.0.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for ValueGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard was made by locking.
        unsafe { self.0.raw.unlock() }
    }
}
