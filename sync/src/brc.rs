//! Biased reference counting: the owner counts without atomics, everybody else with them.
//!
//! Layout and meaning of the three fields are CPython 3.14's, because extensions inline `Py_INCREF` and `Py_DECREF`.
//! This module gets them as a [`CountRef`] and knows nothing else of an object.
//!
//! # Protocol
//!
//! | field | meaning |
//! |---|---|
//! | `tid` | id of the owning thread, or 0 when there is none |
//! | `local` | the owner's count; [`IMMORTAL`] means that nobody counts |
//! | `shared` | everybody else's count, shifted left by two (may be negative), and two flag bits |
//!
//! The flags only go up:
//!
//! | flags | meaning |
//! |---|---|
//! | `0` | nothing happened yet; `shared == 0` means that the owner may free without looking further |
//! | [`MAYBE_WEAKREF`] | somebody may call [`try_incref`] |
//! | [`QUEUED`] | the owner has been asked to merge |
//! | [`MERGED`] | there is no owner: `shared` is the whole count |
//!
//! * **incref**: the owner adds one to `local`, others add one to `shared`.
//! * **decref** by the owner: subtracts from `local`; at zero, if `shared` is zero the object dies at once, otherwise the
//!   owner gives it up: `tid = 0`, flags to `MERGED`, and it dies if that left a count of zero.
//! * **decref** by others: if `shared` is a bare zero (with or without `MAYBE_WEAKREF`), the count would go negative:
//!   set `QUEUED` *without subtracting* and queue the object for its owner; the queue has inherited the reference.
//!   Otherwise subtract; it dies if that leaves `MERGED` with a count of zero.
//! * **merge** of a queued object, by the owner (or whoever may act for it): `local = 0`, `tid = 0`, then one
//!   compare-exchange adds the local count (and minus one for the queue's reference) to `shared` and sets `MERGED`.
//!
//! Invariants:
//! * **RC1** `local + shared >> 2` is the number of references; a queued one is still counted in it.
//! * **RC2** Exactly one decref or merge finds the count at zero, and it happens after every use through any reference.
//! * **RC3** `tid == 0` if and only if `MERGED`, immortals and objects in deallocation apart.
//! * **RC4** `tid` and `local` are written by the owner, or by a thread that acts for it: the owner is suspended
//!   (by this thread or by a pause), or is gone and this thread holds its bucket.
//! * **RC5** Nothing is written to the header after the compare-exchange that publishes a merged count: from then on
//!   another thread may free the object (gh-119999).
//! * **RC6** A thread registers before it owns an object and unregisters after its queue is empty, both under its
//!   bucket's lock; so an id that is used again never meets objects of the thread that had it before.
//! * **RC7** An immortal object stays so: merging and queueing look at `local` first (gh-152276, gh-159431).
//!
//! Orderings: an increment needs none (whoever increments has a reference already).
//! A decrement that may end in death is AcqRel: Release for the uses before it, Acquire for the uses of others when it
//! is the last.
//! The owner's fast path reads `shared` Acquire for the same reason.
//! The bare zero it sees is not stale: a legal increment happens before the decrement that could make the count zero.
//!
//! Never blocks, but for a bucket's lock in the queue.
//! Runs attached to the object's runtime (or in its pauses); the queue is for attached threads.
//! Checked by the models `brc_handoff`, `brc_fast_path` (M18), `brc_two` (M19), `brc_try_incref`, `brc_slot` (M20),
//! `brc_resurrect` (M21), `brc_exit`, `brc_orphan`, `brc_detached` (M22), `brc_id_reuse` (M23) and `brc_immortal` (M24).
//!
//! ```
//! use krait_sync::brc::{self, CountRef, Outcome};
//! use std::sync::atomic::{AtomicIsize, AtomicU32, AtomicUsize};
//!
//! let (tid, local, shared) = (AtomicUsize::new(1), AtomicU32::new(1), AtomicIsize::new(0));
//! let object = CountRef { tid: &tid, local: &local, shared: &shared };
//! brc::incref(object, 1);
//! brc::incref(object, 2);
//! assert_eq!(brc::count(object), 3);
//! assert_eq!(brc::decref(object, 2), Outcome::Alive);
//! assert_eq!(brc::decref(object, 2), Outcome::Queue, "the owner's reference is not this thread's to subtract");
//! ```

use crate::breaker::{Breaker, EXPLICIT_MERGE};
use crate::prim::{AtomicIsize, AtomicU32, AtomicUsize, Ordering::*, PreLoad, RacingStore, ord, planted};
use crate::raw_mutex::Lock;
use crate::thread_state::StateWord;
use core::ptr::NonNull;

/// `_Py_IMMORTAL_REFCNT_LOCAL`: `local` of an object that nobody counts.
pub const IMMORTAL: u32 = u32::MAX;
/// `_Py_IMMORTAL_INITIAL_REFCNT`: what an immortal object says when asked for its count.
pub const IMMORTAL_COUNT: isize = 3 << 30;
/// `_Py_REF_SHARED_SHIFT`.
pub const SHARED_SHIFT: u32 = 2;
/// `_Py_REF_SHARED_FLAG_MASK`.
pub const FLAGS: isize = 3;
/// `_Py_REF_MAYBE_WEAKREF`.
pub const MAYBE_WEAKREF: isize = 1;
/// `_Py_REF_QUEUED`.
pub const QUEUED: isize = 2;
/// `_Py_REF_MERGED`.
pub const MERGED: isize = 3;
/// One reference in `shared`.
pub const ONE_SHARED: isize = 1 << SHARED_SHIFT;
/// `_Py_REF_DEFERRED`: added to the shared count of an object whose references are counted late.
pub const DEFERRED: isize = isize::MAX / 8;
/// `tid` of an object without owner.
pub const UNOWNED: usize = 0;

/// The three fields of a header.
#[derive(Clone, Copy)]
pub struct CountRef<'a> {
    /// `ob_tid`.
    pub tid: &'a AtomicUsize,
    /// `ob_ref_local`.
    pub local: &'a AtomicU32,
    /// `ob_ref_shared`.
    pub shared: &'a AtomicIsize,
}

/// What the caller of a decrement has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Nothing.
    Alive,
    /// It was the last reference: deallocate the object.
    Dead,
    /// The reference now belongs to the queue: hand the object to [`BrcTable::queue`].
    Queue,
}

/// Adds a reference. The calling thread, whose id is `me`, has one.
#[inline(always)]
pub fn incref(c: CountRef<'_>, me: usize) {
    let local = c.local.load(Relaxed).wrapping_add(1);
    if local == 0 {
        return;
    }
    if c.tid.load(Relaxed) == me {
        c.local.store(local, Relaxed);
    } else {
        c.shared.fetch_add(ONE_SHARED, Relaxed);
    }
}

/// Adds `n` references at once.
#[inline]
pub fn incref_by(c: CountRef<'_>, me: usize, n: u32) {
    let local = c.local.load(Relaxed);
    if local == IMMORTAL {
        return;
    }
    if c.tid.load(Relaxed) == me {
        c.local.store(local + n, Relaxed);
    } else {
        c.shared.fetch_add((n as isize) << SHARED_SHIFT, Relaxed);
    }
}

/// Gives up a reference of the calling thread, whose id is `me`.
#[inline(always)]
pub fn decref(c: CountRef<'_>, me: usize) -> Outcome {
    let local = c.local.load(Relaxed);
    if local == IMMORTAL {
        return Outcome::Alive;
    }
    if c.tid.load(Relaxed) == me {
        debug_assert_ne!(local, 0, "more references dropped than taken");
        let local = local - 1;
        c.local.store(local, Relaxed);
        if local != 0 { Outcome::Alive } else { merge_zero_local(c) }
    } else {
        decref_shared(c)
    }
}

/// The owner's local count has become zero: `_Py_MergeZeroLocalRefcount`. [`Outcome::Alive`] or [`Outcome::Dead`].
#[cold]
pub fn merge_zero_local(c: CountRef<'_>) -> Outcome {
    let mut shared = c.shared.load(ord!("brc/fast_path_relaxed", Acquire => Relaxed));
    if shared == 0 {
        // Nobody else ever had a reference that is not given back, and nobody may try. `tid` stays (gh-121794).
        return Outcome::Dead;
    }
    // [RC5]
    c.tid.store(UNOWNED, Relaxed);
    loop {
        let merged = shared & !FLAGS | MERGED;
        match c.shared.compare_exchange(shared, merged, AcqRel, Acquire) {
            Ok(_) if merged == MERGED => return Outcome::Dead,
            Ok(_) => return Outcome::Alive,
            Err(now) => shared = now,
        }
    }
}

/// [`merge_zero_local`] without an atomic exchange.
///
/// # Safety
/// No other thread uses the counts before a point that orders this thread's stores before it, such as a pause.
pub unsafe fn merge_zero_local_alone(c: CountRef<'_>) -> Outcome {
    let shared = c.shared.load(Relaxed);
    if shared == 0 {
        return Outcome::Dead;
    }
    // [RC5]
    c.tid.store(UNOWNED, Relaxed);
    let merged = shared & !FLAGS | MERGED;
    c.shared.store(merged, Relaxed);
    if merged == MERGED { Outcome::Dead } else { Outcome::Alive }
}

/// Gives up a reference of a thread that is not the owner: the first half of `_Py_DecRefShared`.
#[cold]
pub fn decref_shared(c: CountRef<'_>) -> Outcome {
    let mut shared = c.shared.pre_load(Relaxed);
    loop {
        let must_queue = shared == 0 || shared == MAYBE_WEAKREF;
        let after = if !must_queue {
            shared - ONE_SHARED
        } else if planted("brc/queue_subtracts") {
            QUEUED - ONE_SHARED
        } else {
            // The flags go up, and the reference stays counted, for the queue.
            QUEUED
        };
        let both = ord!("brc/decref_relaxed", AcqRel => Relaxed);
        match c.shared.compare_exchange(shared, after, both, Relaxed) {
            Ok(_) if must_queue => return Outcome::Queue,
            Ok(_) if after == MERGED => return Outcome::Dead,
            Ok(_) => return Outcome::Alive,
            Err(now) => shared = now,
        }
    }
}

/// Merges the counts, adds `extra`, and returns the number of references: at 0 the caller deallocates.
/// `_Py_ExplicitMergeRefcount`.
///
/// # Safety
/// The caller may act for the owner (RC4).
#[cold]
pub unsafe fn explicit_merge(c: CountRef<'_>, extra: isize) -> isize {
    let local = c.local.load(Relaxed);
    if local == IMMORTAL && !planted("brc/merge_ignores_immortal") {
        // [RC7]
        return IMMORTAL_COUNT;
    }
    // [RC5]
    if !planted("brc/tid_after_merge") {
        c.local.store(0, Relaxed);
        c.tid.store(UNOWNED, Relaxed);
    }
    let mut shared = c.shared.pre_load(Relaxed);
    let count = loop {
        let count = (shared >> SHARED_SHIFT) + local as isize + extra;
        let merged = count << SHARED_SHIFT | MERGED;
        if planted("brc/merge_by_store") {
            c.shared.swap(merged, AcqRel);
            break count;
        }
        match c.shared.compare_exchange(shared, merged, AcqRel, Relaxed) {
            Ok(_) => break count,
            Err(now) => shared = now,
        }
    };
    if planted("brc/tid_after_merge") {
        c.local.store(0, Relaxed);
        c.tid.store(UNOWNED, Relaxed);
    }
    count
}

/// Takes a reference if that needs no atomic operation: the object is immortal or owned by `me`.
///
/// The memory is an object's header, perhaps of a dead object (type-stable memory).
#[inline(always)]
pub fn try_incref_fast(c: CountRef<'_>, me: usize) -> bool {
    let local = c.local.load(Relaxed).wrapping_add(1);
    if local == 0 {
        return true;
    }
    if c.tid.load(Relaxed) == me {
        c.local.store(local, Relaxed);
        return true;
    }
    false
}

/// Takes a reference to an object of another thread, unless it is dying or may die without looking.
///
/// On failure take the lock of whatever you found it in, and then call [`incref_marking`].
#[inline]
pub fn try_incref_shared(c: CountRef<'_>) -> bool {
    let mut shared = c.shared.pre_load(Relaxed);
    loop {
        // A bare zero: the owner may free it by its fast path at this moment.
        let refuse = shared == 0 && !planted("brc/try_incref_ignores_zero")
            || shared == MERGED && !planted("brc/try_incref_ignores_merged");
        if refuse {
            return false;
        }
        let acquire = ord!("brc/try_incref_relaxed", Acquire => Relaxed);
        match c.shared.compare_exchange(shared, shared + ONE_SHARED, acquire, Relaxed) {
            Ok(_) => return true,
            Err(now) => shared = now,
        }
    }
}

/// Takes a reference to an object found without a lock; `_Py_TryIncref`.
///
/// After success check that the place where it was found still holds it, and decref it if not.
#[inline]
pub fn try_incref(c: CountRef<'_>, me: usize) -> bool {
    try_incref_fast(c, me) || try_incref_shared(c)
}

/// Adds a reference, and if the object is another thread's, lets [`try_incref`] succeed from now on;
/// `_Py_NewRefWithLock`. The caller holds a lock that keeps the object alive.
#[inline]
pub fn incref_marking(c: CountRef<'_>, me: usize) {
    if try_incref_fast(c, me) {
        return;
    }
    let mut shared = c.shared.pre_load(Relaxed);
    loop {
        let flags = if shared & FLAGS == 0 { MAYBE_WEAKREF } else { 0 };
        let after = shared + ONE_SHARED + flags;
        match c.shared.compare_exchange_weak(shared, after, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(now) => shared = now,
        }
    }
}

/// Lets [`try_incref`] succeed on this object: `PyUnstable_EnableTryIncRef`.
///
/// Call it before the object becomes reachable without a lock or a reference. The caller has a reference.
pub fn enable_try_incref(c: CountRef<'_>) {
    let mut shared = c.shared.pre_load(Relaxed);
    while shared & FLAGS == 0 {
        match c.shared.compare_exchange_weak(shared, shared | MAYBE_WEAKREF, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(now) => shared = now,
        }
    }
}

/// May [`try_incref`] succeed on it?
#[inline]
pub fn try_incref_enabled(c: CountRef<'_>) -> bool {
    c.shared.load(Relaxed) & FLAGS != 0
}

/// Starts to count the object's references late: the collector alone decides when it dies.
/// The caller has a reference. Whether they were counted at once until now.
pub fn set_deferred(c: CountRef<'_>) -> bool {
    let mut shared = c.shared.pre_load(Relaxed);
    while shared <= DEFERRED {
        match c.shared.compare_exchange_weak(shared, shared + (DEFERRED << SHARED_SHIFT), Relaxed, Relaxed) {
            Ok(_) => return true,
            Err(now) => shared = now,
        }
    }
    false
}

/// Ends [`set_deferred`]; the caller has stopped the world or has the only reference.
pub fn clear_deferred(c: CountRef<'_>) {
    c.shared.fetch_sub(DEFERRED << SHARED_SHIFT, AcqRel);
}

/// Does nobody count its references?
#[inline(always)]
pub fn is_immortal(c: CountRef<'_>) -> bool {
    c.local.load(Relaxed) == IMMORTAL
}

/// Makes it immortal.
///
/// `shared` stays as it is: decrements by threads that looked too early still go there, and find that the caller's
/// reference, which is now nobody's, keeps the count above zero.
///
/// # Safety
/// The caller owns the object or acts for its owner (RC4), and leaves a reference behind for ever.
pub unsafe fn make_immortal(c: CountRef<'_>) {
    c.local.store(IMMORTAL, Relaxed);
    // Release: who sees that there is no owner (and then counts again) sees the immortal count.
    c.tid.store(UNOWNED, Release);
}

/// The number of references, approximately if other threads use the object.
#[inline]
pub fn count(c: CountRef<'_>) -> isize {
    let local = c.local.load(Relaxed);
    if local == IMMORTAL {
        return IMMORTAL_COUNT;
    }
    local as isize + (c.shared.load(Relaxed) >> SHARED_SHIFT)
}

/// Has the calling thread, whose id is `me`, the only reference, with nobody who may try to take another?
#[inline]
pub fn is_unique(c: CountRef<'_>, me: usize) -> bool {
    c.tid.load(Relaxed) == me && c.local.load(Relaxed) == 1 && c.shared.load(Relaxed) == 0
}

/// Begins to revive an object whose count is zero, so that its finaliser can use it: one reference, owned by `me`.
///
/// # Safety
/// The caller deallocates the object: nobody has a reference.
pub unsafe fn resurrect_start(c: CountRef<'_>, me: usize) {
    c.tid.store(me, Relaxed);
    c.local.store(1, Relaxed);
    // A bare zero makes `try_incref` by others fail; they may be trying.
    if planted("brc/revive_keeps_flags") {
        let flags = c.shared.load(Relaxed) & FLAGS;
        c.shared.store_racing_rmw(if flags == MERGED { MAYBE_WEAKREF } else { flags }, Relaxed);
    } else {
        c.shared.store_racing_rmw(0, Relaxed);
    }
}

/// Gives up the reference of [`resurrect_start`].
///
/// [`Outcome::Dead`]: deallocation goes on. [`Outcome::Alive`]: the finaliser kept the object, which must not be touched
/// any more. Never [`Outcome::Queue`].
///
/// # Safety
/// The calling thread began the resurrection.
pub unsafe fn resurrect_end(c: CountRef<'_>, me: usize) -> Outcome {
    let local = c.local.load(Relaxed);
    if local == IMMORTAL {
        return Outcome::Alive;
    }
    if c.tid.load(Relaxed) == me {
        if local == 1 && c.shared.load(Acquire) == 0 {
            c.local.store(0, Relaxed);
            return Outcome::Dead;
        }
        // SAFETY: the caller is the owner.
        if unsafe { explicit_merge(c, -1) } == 0 { Outcome::Dead } else { Outcome::Alive }
    } else {
        // The counts were merged meanwhile.
        let outcome = decref_shared(c);
        debug_assert_ne!(outcome, Outcome::Queue);
        outcome
    }
}

/// What the queue needs to know of the objects that go through it.
pub trait Objects {
    /// The header of an object.
    ///
    /// # Safety
    /// `object` came from the same runtime and has a reference.
    unsafe fn counts<'a>(&self, object: NonNull<()>) -> CountRef<'a>;

    /// Deallocates an object whose count has become zero. Runs without any lock held.
    ///
    /// # Safety
    /// Nobody has a reference, and nobody deallocates it already.
    unsafe fn dealloc(&self, object: NonNull<()>);
}

const TABLE: usize = if cfg!(feature = "loom") { 1 } else { 64 };

/// The threads of an interpreter and the objects that wait for them.
pub struct BrcTable {
    buckets: [Bucket; TABLE],
}

#[repr(align(64))]
struct Bucket(Lock<Vec<Owner>>);

struct Owner {
    tid: usize,
    /// An operating-system thread may have several thread states in one interpreter; at most one is attached.
    states: Vec<Registration>,
    queue: Vec<NonNull<()>>,
}

/// A thread state as the table knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Registration {
    breaker: NonNull<Breaker>,
    state: NonNull<StateWord>,
}

// SAFETY: the pointers are used under the bucket's lock, and registration keeps them alive; the objects are counted.
unsafe impl Send for Owner {}

impl Bucket {
    fn owner(owners: &mut [Owner], tid: usize) -> Option<&mut Owner> {
        owners.iter_mut().find(|owner| owner.tid == tid)
    }
}

impl BrcTable {
    /// A table without threads.
    pub fn new() -> BrcTable {
        BrcTable { buckets: core::array::from_fn(|_| Bucket(Lock::new(Vec::new()))) }
    }

    fn bucket(&self, tid: usize) -> &Lock<Vec<Owner>> {
        let hash = (tid as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        &self.buckets[hash as usize % TABLE].0
    }

    /// Enters a thread state of the thread `tid`.
    ///
    /// # Safety
    /// RC6: Before the thread owns objects of this interpreter through this state.
    /// Both references stay valid until [`unregister`](Self::unregister).
    pub unsafe fn register(&self, tid: usize, breaker: &Breaker, state: &StateWord) {
        let registration = Registration { breaker: breaker.into(), state: state.into() };
        let mut owners = self.bucket(tid).lock();
        match Bucket::owner(&mut owners, tid) {
            Some(owner) => owner.states.push(registration),
            None => owners.push(Owner { tid, states: vec![registration], queue: Vec::new() }),
        }
    }

    /// Hands over an object for which a decrement said [`Outcome::Queue`]; the reference goes with it.
    ///
    /// Tells the owner through its eval breaker. If the owner is detached, merges its whole queue here and now
    /// (gh-157838: objects would pile up behind a thread that sleeps); if it is gone, merges this object.
    ///
    /// # Safety
    /// The decrement was of this object, by the calling thread, whose id is `me`.
    pub unsafe fn queue(&self, objects: &impl Objects, object: NonNull<()>, me: usize) {
        // SAFETY: the queue's reference keeps the object alive.
        let c = unsafe { objects.counts(object) };
        let tid = c.tid.load(Acquire);
        if tid == UNOWNED {
            // SAFETY: the reference is still ours.
            return unsafe { self.drop_again(objects, object, me) };
        }
        let mut owners = self.bucket(tid).lock();
        let orphan = match Bucket::owner(&mut owners, tid) {
            None => true,
            Some(owner) => {
                owner.queue.push(object);
                if owner.borrow_if_detached() {
                    let merged = core::mem::take(&mut owner.queue);
                    for &object in &merged {
                        // SAFETY: [RC4] the owner is suspended by us. The queue's reference stays in the count.
                        unsafe { explicit_merge(objects.counts(object), 0) };
                    }
                    owner.give_back();
                    drop(owners);
                    for object in merged {
                        // SAFETY: the queue's references are ours now, and the counts are merged.
                        unsafe { self.drop_again(objects, object, me) };
                    }
                    return;
                }
                for registration in &owner.states {
                    // SAFETY: registered, so alive.
                    unsafe { registration.breaker.as_ref() }.set(EXPLICIT_MERGE);
                }
                false
            }
        };
        if orphan {
            // The owner may have merged it on its way out, before we locked the bucket.
            let dead = if c.tid.load(Relaxed) == UNOWNED {
                drop(owners);
                // SAFETY: the reference is still ours.
                return unsafe { self.drop_again(objects, object, me) };
            } else if planted("brc/merge_orphan_unlocked") {
                drop(owners);
                // SAFETY: none; this is the planted bug.
                unsafe { explicit_merge(c, -1) == 0 }
            } else {
                // SAFETY: [RC4] the owner is gone and we hold its bucket.
                let dead = unsafe { explicit_merge(c, -1) == 0 };
                drop(owners);
                dead
            };
            if dead {
                // SAFETY: the merge found the count at zero.
                unsafe { objects.dealloc(object) };
            }
        }
    }

    unsafe fn drop_again(&self, objects: &impl Objects, object: NonNull<()>, me: usize) {
        // SAFETY: the caller's promise.
        match decref(unsafe { objects.counts(object) }, me) {
            Outcome::Alive => {}
            // SAFETY: the decrement found the count at zero.
            Outcome::Dead => unsafe { objects.dealloc(object) },
            // Only an object without `MERGED` is queued, and one without owner has it or is immortal; an immortal one
            // whose `shared` was touched by a late decrement has nobody to go to and needs nothing.
            Outcome::Queue => {}
        }
    }

    /// Merges what waits for the calling thread, whose id is `me`.
    ///
    /// # Safety
    /// The thread is attached through a state that is registered here.
    pub unsafe fn merge_own(&self, objects: &impl Objects, me: usize) {
        let queue = match Bucket::owner(&mut self.bucket(me).lock(), me) {
            Some(owner) => core::mem::take(&mut owner.queue),
            None => return,
        };
        for object in queue {
            // SAFETY: [RC4] we are the owner.
            unsafe { merge_queued(objects, object) };
        }
    }

    /// Merges what waits for any thread.
    ///
    /// # Safety
    /// The calling thread has stopped the interpreter's world. `dealloc` runs in the pause.
    pub unsafe fn merge_all_in_pause(&self, objects: &impl Objects) {
        for bucket in &self.buckets {
            let queues: Vec<_> =
                bucket.0.lock().iter_mut().flat_map(|owner| core::mem::take(&mut owner.queue)).collect();
            for object in queues {
                // SAFETY: [RC4] every owner is suspended.
                unsafe { merge_queued(objects, object) };
            }
        }
    }

    /// Removes a thread state of the calling thread, whose id is `me`; if it is the thread's last one here, merges what
    /// waits for it first. Afterwards the thread's objects are merged by whoever drops a reference next.
    ///
    /// # Safety
    /// It is attached through this state, or nobody runs the thread; afterwards it owns no object through this state,
    /// and changes no count as an owner.
    pub unsafe fn unregister(&self, objects: &impl Objects, me: usize, breaker: &Breaker, state: &StateWord) {
        let registration = Registration { breaker: breaker.into(), state: state.into() };
        loop {
            let queue = {
                let mut owners = self.bucket(me).lock();
                let Some(index) = owners.iter().position(|owner| owner.tid == me) else { return };
                let owner = &mut owners[index];
                if owner.states.len() > 1 {
                    owner.states.retain(|other| *other != registration);
                    return;
                }
                // [RC6] Finding the queue empty and leaving are one step.
                if owner.queue.is_empty() || planted("brc/exit_without_recheck") {
                    owners.swap_remove(index);
                    return;
                }
                core::mem::take(&mut owner.queue)
            };
            for object in queue {
                // SAFETY: [RC4] we are the owner.
                unsafe { merge_queued(objects, object) };
            }
        }
    }

    /// In the child of a fork: keeps the calling thread, whose id was `old` and is `new`, and empties everything else.
    /// Objects of threads that are gone are merged by whoever drops a reference next.
    ///
    /// # Safety
    /// No other thread of this process exists.
    pub unsafe fn reset_after_fork(&self, old: usize, new: usize) {
        let mut kept = None;
        for bucket in &self.buckets {
            // SAFETY: the caller's promise.
            unsafe { bucket.0.reset_after_fork() };
            for owner in bucket.0.lock().drain(..) {
                if owner.tid == old {
                    kept = Some(owner);
                }
            }
        }
        if let Some(mut owner) = kept {
            owner.tid = new;
            self.bucket(new).lock().push(owner);
        }
    }
}

impl Default for BrcTable {
    fn default() -> Self {
        BrcTable::new()
    }
}

impl Owner {
    /// Suspends all states of the thread if all are detached.
    fn borrow_if_detached(&self) -> bool {
        for (index, registration) in self.states.iter().enumerate() {
            // SAFETY: registered, so alive.
            if !unsafe { registration.state.as_ref() }.try_suspend_detached() {
                for registration in &self.states[..index] {
                    // SAFETY: suspended by the loop above.
                    unsafe { registration.state.as_ref().resume_detached() };
                }
                return false;
            }
        }
        true
    }

    fn give_back(&self) {
        for registration in &self.states {
            // SAFETY: suspended by `borrow_if_detached`.
            unsafe { registration.state.as_ref().resume_detached() };
        }
    }
}

unsafe fn merge_queued(objects: &impl Objects, object: NonNull<()>) {
    // SAFETY: the queue's reference keeps the object alive; the caller may act for the owner.
    unsafe {
        if explicit_merge(objects.counts(object), -1) == 0 {
            objects.dealloc(object);
        }
    }
}
