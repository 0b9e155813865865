//! The parking lot: queues of waiting threads, found by the address they wait for.
//!
//! It lets a lock be one byte: the byte says *somebody waits*, and the lot knows who.
//!
//! # Protocol
//!
//! A bucket (by the hash of the address) has a [`RawMutex`] and a list of queues, one per address; the queue's first
//! waiter links to the bucket's next queue.
//! So waking is constant time whatever else hashes to the bucket, and *are there more waiters for this address* is
//! exact.
//! (CPython keeps one list a bucket: a scan per wake, and a *has parked* bit that a stranger can set; gh-135641.)
//!
//! * `park`: lock the bucket; **validate**, under the lock, that there still is a reason to wait; enqueue; unlock;
//!   detach; sleep.
//! * `unpark_one`: lock the bucket; take the first waiter of the address; run the caller's callback, still under the
//!   lock, which rewrites the lock word and chooses the token the waiter wakes with; unlock; notify.
//! * a waiter whose time is up, or that a signal interrupted, locks the bucket again: if it is still queued it unlinks
//!   itself; if it is not, an unparker has it and it waits for that notification (gh-114944).
//!
//! Invariants:
//! * **PL1** No lost wake-up: validation and enqueueing are one step to every unparker.
//! * **PL2** A dequeued waiter gets exactly one notification, and leaves only with it.
//! * **PL3** A waiter is unlinked by exactly one side, under the bucket lock.
//! * **PL4** The callback runs before the waiter can.
//!
//! Orderings: everything is under the bucket's lock; the token travels with the notification (Release, Acquire).
//! Validation may read the lock word Relaxed, because whoever changes it *and then looks for waiters* takes the bucket
//! lock.
//!
//! May block: `park` sleeps as its [`Wait`] says; the rest only spins on a bucket.
//! May run attached (`park` then detaches, if it says so), detached, and with or without the GIL. Callbacks run under a
//! bucket's lock: they must not park, attach or detach.
//! Checked by the models `mutex` (M2, M3), `mutex_timeout` (M4), `lot_collision` (M5), `event` (M6).
//!
//! ```
//! use krait_sync::Wait;
//! use krait_sync::parking_lot::{NO_TOKEN, Parked, lot};
//! use std::sync::atomic::{AtomicBool, Ordering::*};
//!
//! // A gate that opens once, in one byte.
//! let open = AtomicBool::new(false);
//! let key = &raw const open as usize;
//! std::thread::scope(|s| {
//!     s.spawn(|| {
//!         while !open.load(Acquire) {
//!             // Looked at again under the bucket's lock, so that an opening in between is not missed.
//!             let parked = lot().park(key, Wait::DETACH, || !open.load(Relaxed));
//!             assert!(matches!(parked, Parked::Unparked(_) | Parked::Invalid));
//!         }
//!     });
//!     open.store(true, Release);
//!     lot().unpark_all(key, NO_TOKEN);
//! });
//! ```

use crate::block::{Detached, Wait};
use crate::prim::{
    self, AtomicUsize, Cell, Deadline, Ordering::*, Parker, UnsafeCell, Wake, clock, const_new, planted,
};
use crate::raw_mutex::RawMutex;
use crate::stats;
use core::ptr;

/// Token of a waiter that was woken without a message.
pub const NO_TOKEN: usize = 0;

/// How a call of [`ParkingLot::park`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Woken, with the token of the unparker's callback.
    Unparked(usize),
    /// The validation failed; it did not wait.
    Invalid,
    /// The deadline passed.
    TimedOut,
    /// A signal handler ran.
    Interrupted,
}

/// What the callback of an unparker may know about the waiter it wakes.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// When it began to wait (on the clock of [`clock::now_ns`]).
    pub since_ns: u64,
    /// What it gave to [`ParkingLot::park_with`].
    pub park_token: usize,
}

struct Waiter {
    key: usize,
    park_token: usize,
    since_ns: Cell<u64>,
    parker: Parker,
    // All links belong to the bucket's lock.
    prev: Cell<*const Waiter>,
    next: Cell<*const Waiter>,
    /// Of a queue's first waiter: the last one, and the neighbours in the bucket's list of queues.
    tail: Cell<*const Waiter>,
    prev_queue: Cell<*const Waiter>,
    next_queue: Cell<*const Waiter>,
    queued: Cell<bool>,
    /// Written by the unparker under the bucket's lock, read by the waiter after its notification.
    token: UnsafeCell<usize>,
    /// As `token`: who woke it, while waits are counted.
    waker: Cell<usize>,
}

#[repr(align(64))]
struct Bucket {
    lock: RawMutex,
    queues: UnsafeCell<*const Waiter>,
}

// SAFETY: `queues` and everything it reaches are used under `lock` only.
unsafe impl Send for Bucket {}
// SAFETY: as above.
unsafe impl Sync for Bucket {}

impl Bucket {
    const_new! {
        const fn new() -> Bucket {
            Bucket { lock: RawMutex::new(), queues: UnsafeCell::new(ptr::null()) }
        }
    }

    fn locked(&self) -> LockedBucket<'_> {
        self.lock.lock();
        LockedBucket(self)
    }
}

/// A bucket whose lock the calling thread holds.
struct LockedBucket<'a>(&'a Bucket);

impl Drop for LockedBucket<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `locked`, which locked it.
        unsafe { self.0.lock.unlock() }
    }
}

impl LockedBucket<'_> {
    fn queues(&self) -> *const Waiter {
        // SAFETY: the bucket's lock is held.
        self.0.queues.with(|queues| unsafe { *queues })
    }

    fn set_queues(&self, head: *const Waiter) {
        // SAFETY: the bucket's lock is held.
        self.0.queues.with_mut(|queues| unsafe { *queues = head })
    }

    fn head_of(&self, key: usize) -> Option<&Waiter> {
        let mut at = self.queues();
        // SAFETY: queued waiters are alive [PL2], and the links belong to the lock that is held.
        while let Some(waiter) = unsafe { at.as_ref() } {
            if waiter.key == key || planted("lot/wakes_stranger") {
                return Some(waiter);
            }
            at = waiter.next_queue.get();
        }
        None
    }

    fn push(&self, waiter: &Waiter) {
        waiter.queued.set(true);
        if let Some(head) = self.head_of(waiter.key) {
            // SAFETY: the tail of a queue is queued, so alive.
            let tail = unsafe { &*head.tail.get() };
            tail.next.set(waiter);
            waiter.prev.set(tail);
            head.tail.set(waiter);
        } else {
            let first = self.queues();
            waiter.tail.set(waiter);
            waiter.next_queue.set(first);
            // SAFETY: queued, so alive.
            if let Some(first) = unsafe { first.as_ref() } {
                first.prev_queue.set(waiter);
            }
            self.set_queues(waiter);
        }
    }

    fn remove(&self, waiter: &Waiter) {
        debug_assert!(waiter.queued.get());
        waiter.queued.set(false);
        // SAFETY: the neighbours of a queued waiter are queued, so alive; all links belong to the lock that is held.
        let (prev, next) = unsafe { (waiter.prev.get().as_ref(), waiter.next.get().as_ref()) };
        match (prev, next) {
            (Some(prev), _) => {
                prev.next.set(waiter.next.get());
                match next {
                    Some(next) => next.prev.set(prev),
                    None => self.head_of(waiter.key).expect("a queue has a head").tail.set(prev),
                }
            }
            (None, next) => {
                // It heads its queue: the next waiter of the queue takes its place in the bucket, or the next queue.
                if let Some(next) = next {
                    next.prev.set(ptr::null());
                    next.tail.set(waiter.tail.get());
                    next.prev_queue.set(waiter.prev_queue.get());
                    next.next_queue.set(waiter.next_queue.get());
                }
                let successor = next.map_or(waiter.next_queue.get(), ptr::from_ref);
                // SAFETY: as above.
                match unsafe { waiter.prev_queue.get().as_ref() } {
                    Some(before) => before.next_queue.set(successor),
                    None => self.set_queues(successor),
                }
                let predecessor = next.map_or(waiter.prev_queue.get(), ptr::from_ref);
                // SAFETY: as above.
                if let Some(after) = unsafe { waiter.next_queue.get().as_ref() } {
                    after.prev_queue.set(predecessor);
                }
            }
        }
    }
}

/// See the [module](self). One for the process: [`lot`].
pub struct ParkingLot {
    buckets: [Bucket; prim::BUCKETS],
    /// Number of stop-the-world pauses that want no lock handed to a thread that they may have suspended.
    no_hand_over: AtomicUsize,
}

#[cfg(not(feature = "loom"))]
prim::process_wide!(
    /// The parking lot of the process.
    pub fn lot() -> &ParkingLot = ParkingLot {
        buckets: [const { Bucket::new() }; prim::BUCKETS],
        no_hand_over: AtomicUsize::new(0),
    }
);
#[cfg(feature = "loom")]
prim::process_wide!(
    /// The parking lot of the process.
    pub fn lot() -> &ParkingLot = ParkingLot {
        buckets: core::array::from_fn(|_| Bucket::new()),
        no_hand_over: AtomicUsize::new(0),
    }
);

impl ParkingLot {
    fn bucket(&self, key: usize) -> &Bucket {
        // Fibonacci hashing; the high bits are the well mixed ones.
        let hash = (key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        &self.buckets[hash as usize % prim::BUCKETS]
    }

    /// Waits for an unparker of `key`, if `validate` says that there still is a reason to.
    ///
    /// `validate` runs under the bucket's lock and must not park, unpark or panic.
    pub fn park(&self, key: usize, wait: Wait, validate: impl FnOnce() -> bool) -> Parked {
        self.park_with(key, NO_TOKEN, wait, validate, |_| None)
    }

    /// As [`park`](Self::park), with a token for the unparker and a callback for the end of the wait.
    ///
    /// When the deadline passes, `timed_out` runs under the bucket's lock while the waiter is still in its place in the
    /// queue; a deadline that it returns lets it wait on, in that place.
    pub fn park_with(
        &self,
        key: usize,
        park_token: usize,
        mut wait: Wait,
        validate: impl FnOnce() -> bool,
        mut timed_out: impl FnMut(Waiting) -> Option<Deadline>,
    ) -> Parked {
        let bucket = self.bucket(key);
        let waiter = Waiter {
            key,
            park_token,
            since_ns: Cell::new(clock::now_ns()),
            parker: Parker::new(),
            prev: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            tail: Cell::new(ptr::null()),
            prev_queue: Cell::new(ptr::null()),
            next_queue: Cell::new(ptr::null()),
            queued: Cell::new(false),
            token: UnsafeCell::new(NO_TOKEN),
            waker: Cell::new(0),
        };
        let queues = bucket.locked();
        // [PL1]
        if !validate() && !planted("lot/no_validate") {
            return Parked::Invalid;
        }
        queues.push(&waiter);
        // [BL1]
        let wrong = if planted("block/hooks_under_lock") {
            Some(queues)
        } else {
            drop(queues);
            None
        };
        let timer = stats::Timer::start();
        // From here on the waiter is shared; it must not move or die before it is unlinked.
        let outcome = {
            let _detached = Detached::new(&wait);
            drop(wrong);
            loop {
                let wake = waiter.parker.park(wait.deadline, wait.interruptible);
                if wake == Wake::Notified {
                    break wake;
                }
                let queues = bucket.locked();
                if !waiter.queued.get() && !planted("lot/timeout_no_handshake") {
                    // [PL2] An unparker has us, and its notification is on the way.
                    drop(queues);
                    wait.deadline = Deadline::NEVER;
                    wait.interruptible = false;
                    continue;
                }
                if wake == Wake::TimedOut {
                    let about = Waiting { since_ns: waiter.since_ns.get(), park_token };
                    if let Some(later) = timed_out(about) {
                        wait.deadline = later;
                        continue;
                    }
                }
                if waiter.queued.get() {
                    queues.remove(&waiter);
                }
                break wake;
            }
        };
        timer.stop(key, outcome, waiter.waker.get());
        match outcome {
            // SAFETY: the notification orders the unparker's write before this, and nobody writes again.
            Wake::Notified => Parked::Unparked(waiter.token.with(|token| unsafe { *token })),
            Wake::TimedOut => Parked::TimedOut,
            Wake::Interrupted => Parked::Interrupted,
        }
    }

    /// Wakes the thread that waits longest for `key`.
    ///
    /// `decide` runs under the bucket's lock, with the waiter (if there is one) and whether others wait for the same
    /// key; it changes the word that waiters validate, and returns the waiter's token.
    pub fn unpark_one(&self, key: usize, decide: impl FnOnce(Option<Waiting>, bool) -> usize) {
        let bucket = self.bucket(key);
        let queues = bucket.locked();
        let Some(waiter) = queues.head_of(key) else {
            decide(None, false);
            return;
        };
        let more = !waiter.next.get().is_null();
        queues.remove(waiter);
        let token = decide(Some(Waiting { since_ns: waiter.since_ns.get(), park_token: waiter.park_token }), more);
        // SAFETY: the bucket's lock is held, and the waiter reads only after its notification.
        waiter.token.with_mut(|slot| unsafe { *slot = token });
        waiter.waker.set(stats::waker());
        let unparker = waiter.parker.unparker();
        drop(queues);
        // SAFETY: [PL2] dequeued and not notified, so it still waits.
        unsafe { unparker.unpark() };
    }

    /// Wakes all threads that wait for `key`, each with `token`; returns their number.
    pub fn unpark_all(&self, key: usize, token: usize) -> usize {
        let bucket = self.bucket(key);
        let mut woken: *const Waiter = ptr::null();
        {
            let queues = bucket.locked();
            while let Some(waiter) = queues.head_of(key) {
                queues.remove(waiter);
                // SAFETY: the bucket's lock is held, and the waiter reads only after its notification.
                waiter.token.with_mut(|slot| unsafe { *slot = token });
                waiter.waker.set(stats::waker());
                // The links of a dequeued waiter belong to its unparker [PL3]; chain them, youngest first.
                waiter.prev_queue.set(woken);
                woken = waiter;
            }
        }
        // Turn the chain, to wake in the order of arrival.
        let mut chain: *const Waiter = ptr::null();
        // SAFETY: [PL2] dequeued and not notified, so all of them still wait.
        while let Some(waiter) = unsafe { woken.as_ref() } {
            woken = waiter.prev_queue.replace(chain);
            chain = waiter;
        }
        let mut count = 0;
        // SAFETY: as above; the link is read before the notification lets the waiter go.
        while let Some(waiter) = unsafe { chain.as_ref() } {
            chain = waiter.prev_queue.get();
            // SAFETY: as above.
            unsafe { waiter.parker.unparker().unpark() };
            count += 1;
        }
        count
    }

    /// Is any thread queued for `key` at this moment?
    pub fn has_waiters(&self, key: usize) -> bool {
        self.bucket(key).locked().head_of(key).is_some()
    }

    /// While the count is above zero, unlocking hands no lock over; see [`crate::stop_the_world`].
    pub(crate) fn forbid_hand_over(&self) {
        self.no_hand_over.fetch_add(1, Relaxed);
    }

    pub(crate) fn allow_hand_over(&self) {
        self.no_hand_over.fetch_sub(1, Relaxed);
    }

    /// Should a lock be handed to a thread that has waited for it since `since_ns`?
    pub(crate) fn hand_over(&self, since_ns: u64) -> bool {
        prim::fair_after(since_ns, PATIENCE_NS)
            && (self.no_hand_over.load(Relaxed) == 0 || planted("lot/hand_over_in_pause"))
    }

    /// Forgets all waiters, in the child of a fork where only the calling thread is left.
    ///
    /// # Safety
    /// No other thread of this process exists.
    pub unsafe fn reset_after_fork(&self) {
        for bucket in &self.buckets {
            // SAFETY: the caller's promise.
            unsafe { bucket.lock.reset_after_fork() };
            // SAFETY: this thread is alone.
            bucket.queues.with_mut(|queues| unsafe { *queues = ptr::null() });
        }
        self.no_hand_over.store(0, Relaxed);
    }
}

/// A thread that has waited this long for a lock gets it at the next unlock.
pub const PATIENCE_NS: u64 = 1_000_000;
