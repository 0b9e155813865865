//! The GIL: one thread of an interpreter runs, and none waits for ever.
//!
//! # Protocol
//!
//! The byte has the two bits of a [`ByteMutex`](crate::mutex): `LOCKED` and `HAS_PARKED`; threads wait for it in the
//! parking lot.
//!
//! A waiter parks for one *switch interval* (5 ms) at a time, without leaving its place in the queue.
//! When an interval passes in which the holder did not change, the waiter sets
//! [`GIL_DROP_REQUEST`] in the holder's eval breaker.
//! The holder then drops the GIL *by hand-over*: the longest waiter owns it before the holder can try again.
//! A drop that nobody asked for (the thread is about to block) frees the byte and wakes a waiter, and whoever comes first
//! gets it.
//!
//! CPython makes the dropper wait, on a second condition variable, until somebody else has had the GIL, which hangs if
//! the thread that asked is gone (gh-96387). A hand-over needs no such wait: if nobody is parked, nobody is handed it.
//!
//! Invariants:
//! * **GL1** At most one thread holds it.
//! * **GL2** After a forced drop with a waiter, another thread runs before the dropper does.
//! * **GL3** No waiter waits longer than (waiters + 1) × (interval + the holder's time to reach a check).
//! * **GL4** The holder's breaker is touched by others only while the holder cannot leave: under the bucket's lock, with
//!   `HAS_PARKED` set, which makes the holder take that lock before it releases. Between two holders the pointer is
//!   null. So a thread state may be freed as soon as it has released the GIL (gh-104341).
//!
//! Orderings: acquiring is Acquire, releasing Release. The holder pointer is stored Release and loaded Acquire, since it
//! leads to a breaker that may be new (ThreadSanitizer saw that); it is nulled before the release of the byte, and read
//! under the bucket's lock after an Acquire of the byte.
//!
//! May block: `acquire`. It never detaches; it is part of attaching.
//! Runs detached, before the rest of attaching and after the rest of detaching; `switch` for its holder.
//! Checked by the models `gil`, `gil_three` and `random_gil` (M41).
//!
//! ```
//! use krait_sync::{breaker::Breaker, gil::GilRef};
//!
//! let (main, own, legacy) = (GilRef::new(true), GilRef::new(true), GilRef::new(true));
//! let me = Breaker::new();
//! // SAFETY: all live to the end; no thread has entered before `share`.
//! unsafe {
//!     legacy.share(&main);
//!     let held = main.enter(&me);
//!     let held = held.move_to(&legacy, &me);
//!     assert!(main.gil().is_held_by(&me));
//!     let held = held.move_to(&own, &me);
//!     assert!(own.gil().is_held_by(&me) && !main.gil().is_held());
//!     held.release(&me);
//! }
//! ```

use crate::block::Wait;
use crate::breaker::{Breaker, GIL_DROP_REQUEST};
use crate::mutex::{HAS_PARKED, LOCKED};
use crate::parking_lot::{Parked, lot};
use crate::prim::{
    self, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Cell, Deadline, Ordering::*, PreLoad, RacingStore, clock,
    const_new, ord, planted,
};
use crate::thread_state::{Pauses, ShuttingDown, StateWord};
use core::ptr;
use core::time::Duration;

/// The default switch interval: 5 ms.
pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(5);

const HANDED_OVER: usize = 1;

/// See the [module](self).
pub struct Gil {
    byte: AtomicU8,
    /// Breaker of the holder; null between two.
    holder: AtomicPtr<Breaker>,
    /// Thread-state address of the last holder, to tell a switch from a return.
    last: AtomicUsize,
    /// How often it changed hands.
    switches: AtomicU64,
    interval_ns: AtomicU64,
}

impl Gil {
    const_new! {
        /// Free.
        pub const fn new() -> Gil {
            Gil {
                byte: AtomicU8::new(0),
                holder: AtomicPtr::new(ptr::null_mut()),
                last: AtomicUsize::new(0),
                switches: AtomicU64::new(0),
                interval_ns: AtomicU64::new(5_000_000),
            }
        }
    }

    /// The switch interval.
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval_ns.load(Relaxed))
    }

    /// Sets the switch interval; at least a microsecond.
    pub fn set_interval(&self, interval: Duration) {
        let ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1_000);
        self.interval_ns.store(ns, Relaxed);
    }

    /// Waits for it and takes it. `me` is the calling thread's breaker.
    ///
    /// # Safety
    /// The thread does not hold it. `me` stays valid until it is released.
    #[inline]
    pub unsafe fn acquire(&self, me: &Breaker) {
        let acquire = ord!("gil/acquire_relaxed", Acquire => Relaxed);
        if self.byte.compare_exchange(0, LOCKED, acquire, Relaxed).is_err() {
            self.slow_acquire(me);
        }
        self.taken(me);
    }

    /// Takes it if it is free.
    ///
    /// # Safety
    /// As for [`acquire`](Self::acquire).
    pub unsafe fn try_acquire(&self, me: &Breaker) -> bool {
        let free = self.byte.compare_exchange(0, LOCKED, Acquire, Relaxed).is_ok();
        if free {
            self.taken(me);
        }
        free
    }

    fn taken(&self, me: &Breaker) {
        let address = ptr::from_ref(me).cast_mut();
        // Release: whoever sets the request sees the breaker made.
        self.holder.store(address, Release);
        if self.last.load(Relaxed) != address as usize {
            self.last.store(address as usize, Relaxed);
            self.switches.store(self.switches.load(Relaxed).wrapping_add(1), Relaxed);
        }
        me.clear(GIL_DROP_REQUEST);
        prim::switch_point();
    }

    #[cold]
    fn slow_acquire(&self, _me: &Breaker) {
        let acquire = ord!("gil/acquire_relaxed", Acquire => Relaxed);
        let mut byte = self.byte.pre_load(Relaxed);
        loop {
            if byte & LOCKED == 0 {
                match self.byte.compare_exchange(byte, byte | LOCKED, acquire, Relaxed) {
                    Ok(_) => return,
                    Err(now) => byte = now,
                }
                continue;
            }
            let expected = LOCKED | HAS_PARKED;
            if byte & HAS_PARKED == 0
                && let Err(now) = self.byte.compare_exchange(byte, expected, Relaxed, Relaxed)
            {
                byte = now;
                continue;
            }
            let seen = Cell::new(self.switches.load(Relaxed));
            let interval = || clock::now_ns().saturating_add(self.interval_ns.load(Relaxed));
            let wait = Wait::KEEP.until(Deadline::at_ns(interval()));
            let parked = lot().park_with(
                self.key(),
                0,
                wait,
                || self.byte.load(Relaxed) == expected,
                |_| {
                    // Under the bucket's lock, and we are in the queue, so `HAS_PARKED` is set. [GL4]
                    let switches = self.switches.load(Relaxed);
                    if switches == seen.replace(switches) || cfg!(feature = "loom") {
                        self.request_drop();
                    }
                    // loom's waits time out once only.
                    let later = if cfg!(feature = "loom") { Deadline::NEVER } else { Deadline::at_ns(interval()) };
                    Some(later)
                },
            );
            if parked == Parked::Unparked(HANDED_OVER) {
                return;
            }
            byte = self.byte.pre_load(Relaxed);
        }
    }

    fn request_drop(&self) {
        if self.byte.load(Acquire) != LOCKED | HAS_PARKED {
            return;
        }
        // SAFETY: [GL4] a holder's breaker lives until it releases, and it cannot release while we hold the bucket.
        if let Some(holder) = unsafe { self.holder.load(Acquire).as_ref() } {
            holder.set(GIL_DROP_REQUEST);
        }
    }

    /// Gives it up because the thread is about to block or ends; whoever comes first gets it.
    /// Afterwards nobody touches `me`.
    ///
    /// # Safety
    /// The calling thread holds it with this breaker.
    #[inline]
    pub unsafe fn release(&self, me: &Breaker) {
        self.leave(me);
        let release = ord!("gil/release_relaxed", Release => Relaxed);
        if self.byte.compare_exchange(LOCKED, 0, release, Relaxed).is_err() {
            self.slow_release(false);
        }
    }

    /// Gives it up because somebody asked, and takes it again after another thread has had it.
    /// Returns at once if nobody waits any more.
    ///
    /// # Safety
    /// The calling thread holds it with this breaker.
    pub unsafe fn switch(&self, me: &Breaker) {
        me.clear(GIL_DROP_REQUEST);
        if self.byte.load(Relaxed) & HAS_PARKED == 0 {
            return;
        }
        self.leave(me);
        self.slow_release(!planted("gil/switch_without_hand_over"));
        // SAFETY: released, and the breaker is the caller's.
        unsafe { self.acquire(me) };
    }

    fn leave(&self, me: &Breaker) {
        debug_assert!(ptr::eq(self.holder.load(Relaxed), me), "release of a GIL that another thread holds");
        if !planted("gil/stale_holder") {
            self.holder.store(ptr::null_mut(), Relaxed);
        }
    }

    #[cold]
    fn slow_release(&self, hand_over: bool) {
        let release = ord!("gil/release_relaxed", Release => Relaxed);
        if planted("gil/release_forgets_waiters") {
            self.byte.swap(0, release);
            return;
        }
        lot().unpark_one(self.key(), |waiter, more| {
            let mut after = 0;
            let mut token = 0;
            if waiter.is_some() {
                // Also when it has waited long enough by the mutex's measure there is no hand-over on a plain release:
                // the waiter may sleep for long, and the GIL must not be idle meanwhile.
                if hand_over {
                    token = HANDED_OVER;
                    if !planted("gil/hand_over_unlocked") {
                        after |= LOCKED;
                    }
                }
                if more {
                    after |= HAS_PARKED;
                }
            }
            self.byte.store_racing_rmw(after, release);
            token
        });
    }

    /// Does any thread hold it?
    pub fn is_held(&self) -> bool {
        self.byte.load(Relaxed) & LOCKED != 0
    }

    /// Is a thread parked for it, for certain? Looks under the bucket's lock; for tests.
    pub fn has_waiters(&self) -> bool {
        lot().has_waiters(self.key())
    }

    /// Does the thread with this breaker hold it?
    pub fn is_held_by(&self, me: &Breaker) -> bool {
        ptr::eq(self.holder.load(Relaxed), me)
    }

    /// How often it changed hands.
    pub fn switches(&self) -> u64 {
        self.switches.load(Relaxed)
    }

    /// In the child of a fork: held by the calling thread with this breaker, or by nobody.
    ///
    /// # Safety
    /// No other thread of this process exists, and this one held it if and only if there is a breaker.
    pub unsafe fn reset_after_fork(&self, me: Option<&Breaker>) {
        self.byte.store(if me.is_some() { LOCKED } else { 0 }, Relaxed);
        match me {
            Some(me) => self.taken(me),
            None => self.holder.store(ptr::null_mut(), Relaxed),
        }
    }

    fn key(&self) -> usize {
        &raw const *self as usize
    }
}

/// A GIL that may be off until something needs it: a free-threaded build that loads a module which cannot do without.
///
/// # Protocol
///
/// Attaching is: take the GIL if it is enabled, attach the state word, and **look again**: if the GIL was enabled or
/// disabled meanwhile, undo both and start over.
/// Enabling and disabling happen in a pause of everyone who may take it, so that no thread is attached which looked before.
/// A thread that was waiting to attach is let in by the end of the pause without the GIL; it has touched nothing yet when
/// it looks again.
///
/// Invariant: **OG1** while it is enabled, a thread that is attached and has looked holds the GIL.
///
/// Orderings: the flag is stored Release in the pause and loaded Acquire; the pause orders the rest.
/// May block: `attach`, as [`Gil::acquire`] and [`StateWord::attach`]. It runs detached, `detach` attached.
/// Checked by the model `gil_enable` (M42).
pub struct OptionalGil {
    gil: Gil,
    enabled: AtomicU8,
}

impl OptionalGil {
    const_new! {
        /// Enabled or not.
        pub const fn new(enabled: bool) -> OptionalGil {
            OptionalGil { gil: Gil::new(), enabled: AtomicU8::new(enabled as u8) }
        }
    }

    /// The GIL itself.
    pub fn gil(&self) -> &Gil {
        &self.gil
    }

    /// Is it enabled?
    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Acquire) != 0
    }

    /// Attaches the calling thread; says whether it holds the GIL.
    ///
    /// `step(true)` is called when the thread holds the GIL, if it is enabled, and is not attached yet; its answer says
    /// whether the thread may go on. `step(false)` is called when that attempt is undone, still before the thread detaches.
    ///
    /// # Errors
    /// The runtime is shutting down, or `step` said no; the thread is neither attached nor holds the GIL.
    ///
    /// # Safety
    /// The thread is detached and does not hold the GIL; `me` stays valid until [`detach`](Self::detach).
    pub unsafe fn attach(
        &self,
        word: &StateWord,
        pauses: Pauses<'_>,
        me: &Breaker,
        mut step: impl FnMut(bool) -> bool,
    ) -> Result<bool, ShuttingDown> {
        loop {
            let held = self.is_enabled();
            if held {
                // SAFETY: the caller's promise.
                unsafe { self.gil.acquire(me) };
            }
            let attached = step(true) && word.attach().is_ok();
            if attached && (self.is_enabled() == held || planted("gil/enable_without_second_look")) {
                return Ok(held);
            }
            step(false);
            if attached {
                word.detach(pauses);
            }
            if held {
                // SAFETY: acquired above.
                unsafe { self.gil.release(me) };
            }
            if !attached {
                return Err(ShuttingDown);
            }
        }
    }

    /// Detaches the calling thread, which holds the GIL if `held`.
    ///
    /// # Safety
    /// `held` is the result of its [`attach`](Self::attach), or the thread has taken the GIL since.
    pub unsafe fn detach(&self, word: &StateWord, pauses: Pauses<'_>, me: &Breaker, held: bool) {
        word.detach(pauses);
        if held {
            // SAFETY: the caller's promise.
            unsafe { self.gil.release(me) };
        }
    }

    /// Enables or disables it. Afterwards, when the pause has ended, the calling thread detaches (with the `held` it had)
    /// and attaches again before it touches anything; or, if it enables, it takes the GIL in the pause.
    ///
    /// # Safety
    /// The calling thread has stopped every other thread that may take this GIL.
    pub unsafe fn set_enabled_in_pause(&self, enabled: bool) {
        self.enabled.store(u8::from(enabled), Release);
    }
}

/// The GIL that the threads of an interpreter take: the interpreter's own, or another interpreter's.
///
/// # Protocol
///
/// An interpreter refers to a GIL; which one is decided before its first thread runs, and stays. A thread that moves from
/// one interpreter to another gives up the GIL *that it holds* and takes the one *that the other interpreter refers to*.
/// A thread state belongs to one interpreter, so a runtime that leaves one state and enters another needs no more than
/// [`OptionalGil::detach`] through the one and [`OptionalGil::attach`] through the other. Who keeps the GIL while it moves
/// has it as a value, [`HeldGil`], which it cannot mix up with what it should hold; if both are the same GIL, nothing
/// is given up. (CPython copies the pointer into thread states; such a copy can be the old interpreter's, gh-105699.)
///
/// Whether the GIL is enabled belongs to the GIL, so interpreters that share it share that too.
///
/// Invariants: **GR1** a thread that runs in an interpreter holds the GIL that this refers to, if it is enabled; **GR2** it
/// holds at most one, so two threads that move in opposite directions cannot wait for each other.
///
/// Orderings: the reference is stored Release and loaded Acquire, because the GIL may be new.
/// May block: `enter` and `move_to`, as [`Gil::acquire`]. Not for attached threads; it is part of attaching.
/// Checked by the models `gil_per_interpreter` and `gil_shared` (M43).
pub struct GilRef {
    own: OptionalGil,
    /// Another interpreter's; null for `own`.
    shared: AtomicPtr<OptionalGil>,
}

impl GilRef {
    const_new! {
        /// Refers to a GIL of its own, enabled or not.
        pub const fn new(enabled: bool) -> GilRef {
            GilRef { own: OptionalGil::new(enabled), shared: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Refers to the GIL that `other` refers to, from now on.
    ///
    /// # Safety
    /// No thread has entered yet. `other`, and what it refers to, outlives every thread that enters.
    pub unsafe fn share(&self, other: &GilRef) {
        self.shared.store(ptr::from_ref(other.optional()).cast_mut(), Release);
    }

    /// Does it refer to a GIL of its own?
    pub fn is_own(&self) -> bool {
        self.shared.load(Acquire).is_null()
    }

    /// Do both refer to the same GIL?
    pub fn is_shared_with(&self, other: &GilRef) -> bool {
        ptr::eq(self.optional(), other.optional())
    }

    /// The GIL, with the switch that turns it on.
    #[inline(always)]
    pub fn optional(&self) -> &OptionalGil {
        // SAFETY: `share` promised that it lives long enough.
        unsafe { self.shared.load(Acquire).as_ref() }.unwrap_or(&self.own)
    }

    /// The GIL.
    #[inline(always)]
    pub fn gil(&self) -> &Gil {
        self.optional().gil()
    }

    /// Is it enabled?
    #[inline(always)]
    pub fn is_enabled(&self) -> bool {
        self.optional().is_enabled()
    }

    /// Takes the GIL, which is enabled, for a thread that holds none.
    ///
    /// # Safety
    /// As for [`Gil::acquire`]; the interpreter stays until the GIL is given up.
    pub unsafe fn enter(&self, me: &Breaker) -> HeldGil {
        let gil = self.gil();
        // SAFETY: the caller's promise.
        unsafe { gil.acquire(me) };
        HeldGil(gil)
    }
}

impl Default for GilRef {
    /// A GIL of its own, enabled.
    fn default() -> Self {
        GilRef::new(true)
    }
}

/// A GIL that the calling thread holds, with one breaker. See [`GilRef`].
#[must_use]
pub struct HeldGil(*const Gil);

impl HeldGil {
    /// Gives it up.
    ///
    /// # Safety
    /// It is the calling thread's, with this breaker.
    pub unsafe fn release(self, me: &Breaker) {
        // SAFETY: `enter` promised that it is there.
        unsafe { (*self.0).release(me) }
    }

    /// Gives it up and takes the GIL of another interpreter, unless that is the same one.
    ///
    /// # Safety
    /// As for [`release`](Self::release) and [`GilRef::enter`].
    pub unsafe fn move_to(self, other: &GilRef, me: &Breaker) -> HeldGil {
        if ptr::eq(self.0, other.gil()) {
            return self;
        }
        let old = self.0;
        // SAFETY: the caller's promise.
        unsafe {
            self.release(me);
            if planted("gil/stale_reference") {
                // The copy of the old interpreter.
                (*old).acquire(me);
                return HeldGil(old);
            }
            other.enter(me)
        }
    }
}

impl Default for OptionalGil {
    /// Disabled.
    fn default() -> Self {
        OptionalGil::new(false)
    }
}

impl Default for Gil {
    fn default() -> Self {
        Gil::new()
    }
}
