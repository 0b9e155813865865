//! Weak references: a link to something that may die, and the list by which the dying thing finds its links.
//!
//! # Protocol
//!
//! A [`WeakCell`] names its referent, or nothing any more (0). A [`WeakList`] in the referent links its cells; list and
//! links are changed under one of a fixed set of locks, which the referent's address chooses ([`WeakLocks`]).
//!
//! * **follow** a cell: no lock; as [`slot`] says.
//! * **insert** a cell, by a thread that has a reference to the referent: under the lock.
//! * **detach** a cell (it dies itself, or is cleared): under the lock, if it still is in a list, take it out.
//! * **clear**, by the thread that found the referent's count at zero: take out all cells. When the list is empty it does
//!   not take the lock: that is the usual case.
//!
//! Taking a cell out is: set it to 0, Release; then unlink it, *the head of the list last*, Release. So a dying thing that
//! sees an empty list, Acquire, without the lock, also sees that no cell names it any more. (With the head first it might
//! go, and its memory become another object, while a cell still names the old one; a reader of the cell would get the new
//! one. CPython tests for an empty list without a lock in the wrong order, gh-135607.)
//!
//! Invariants:
//! * **WK1** What following returns was alive, and the cell's referent, at some moment during the call.
//! * **WK2** When `clear` has returned, no cell names the dying thing, so its memory may become another one.
//! * **WK3** Each inserted cell is taken out once: by `detach`, which says so, or by `clear`, which hands it to its caller.
//!   Whoever takes it out has its callback.
//! * **WK4** A cell touches the list only while it names the referent, under the lock: then the referent, though it may be
//!   dying, has not passed `clear`.
//!
//! Orderings: as said; the lock orders the rest.
//!
//! May block: for the lock, in the state that the thread is in, for a few stores. Nothing of others runs under it.
//! May run attached. Checked by the models `weak_list`, `weak_list_new` and `weak_list_death` (M26).
//!
//! ```
//! use krait_sync::{slot::Seen, weak::{WeakCell, WeakList, WeakLocks}};
//!
//! static LOCKS: WeakLocks = WeakLocks::new();
//! let (list, cell) = (WeakList::new(), WeakCell::new());
//! let referent = 0x1000;
//! // SAFETY: the referent lives, and the cell goes after it was cleared.
//! unsafe {
//!     list.insert(&cell, referent, &LOCKS.lock(referent));
//!     assert_eq!(cell.follow(Some, drop), Seen::Secured(referent));
//!     let mut callbacks = 0;
//!     list.clear(&LOCKS, referent, |_| callbacks += 1);
//!     assert_eq!((callbacks, cell.follow(Some, drop)), (1, Seen::Empty));
//! }
//! ```

use crate::prim::{AtomicPtr, AtomicUsize, Cell, Ordering::*, const_new, ord, planted};
use crate::raw_mutex::{Guard, Lock};
use crate::slot::{self, Seen};
use core::ptr;

const STRIPES: usize = if cfg!(feature = "loom") { 1 } else { 128 };

/// The locks of all lists. One set for a process.
pub struct WeakLocks([Lock<()>; STRIPES]);

/// The lock of a list is held.
pub type Held<'a> = Guard<'a, ()>;

impl WeakLocks {
    /// All free.
    #[cfg(not(feature = "loom"))]
    pub const fn new() -> WeakLocks {
        WeakLocks([const { Lock::new(()) }; STRIPES])
    }

    /// All free.
    #[cfg(feature = "loom")]
    pub fn new() -> WeakLocks {
        WeakLocks(core::array::from_fn(|_| Lock::new(())))
    }

    /// Locks the list of the referent at this address.
    pub fn lock(&self, referent: usize) -> Held<'_> {
        self.0[(referent >> 4) % STRIPES].lock()
    }

    /// All free, in the child of a fork.
    ///
    /// # Safety
    /// No other thread of this process exists.
    pub unsafe fn reset_after_fork(&self) {
        // SAFETY: the caller's promise.
        self.0.iter().for_each(|lock| unsafe { lock.reset_after_fork() });
    }
}

impl Default for WeakLocks {
    fn default() -> Self {
        WeakLocks::new()
    }
}

/// A weak reference. It stays in place while it is in a list.
pub struct WeakCell {
    referent: AtomicUsize,
    // Under the list's lock.
    prev: Cell<*const WeakCell>,
    next: Cell<*const WeakCell>,
}

// SAFETY: the links are used under the list's lock.
unsafe impl Sync for WeakCell {}
// SAFETY: as above.
unsafe impl Send for WeakCell {}

impl WeakCell {
    const_new! {
        /// It names nothing.
        pub const fn new() -> WeakCell {
            WeakCell { referent: AtomicUsize::new(0), prev: Cell::new(ptr::null()), next: Cell::new(ptr::null()) }
        }
    }

    /// The referent, secured: see [`slot::read`]. [`Seen::Empty`] when it is gone; [`Seen::Changed`] when it is going.
    #[inline]
    pub fn follow<R>(&self, secure: impl FnOnce(usize) -> Option<R>, undo: impl FnOnce(R)) -> Seen<R> {
        slot::read(|| self.referent.load(Acquire), secure, undo)
    }

    /// Takes the cell out of the list that it is in, which `list_of` finds from the referent; false if it was in none, or is
    /// not any more.
    ///
    /// # Safety
    /// The cell was inserted with these locks, or not at all.
    pub unsafe fn detach<'a>(&self, locks: &WeakLocks, list_of: impl FnOnce(usize) -> &'a WeakList) -> bool {
        let referent = self.referent.load(Relaxed);
        if referent == 0 && !planted("weak/detach_twice") {
            return false;
        }
        let held = locks.lock(referent);
        // [WK4] Unless it has been cleared while we came.
        let now = self.referent.load(Relaxed);
        if now == 0 && !planted("weak/detach_twice") {
            return false;
        }
        list_of(referent).unlink(self, &held);
        true
    }
}

impl Default for WeakCell {
    fn default() -> Self {
        WeakCell::new()
    }
}

/// The cells that name something, in it.
pub struct WeakList {
    head: AtomicPtr<WeakCell>,
}

impl WeakList {
    const_new! {
        /// Nothing names it.
        pub const fn new() -> WeakList {
            WeakList { head: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Adds a cell that names `referent`, which this list belongs to.
    ///
    /// # Safety
    /// The caller has a reference to the referent, and lets it be secured from now on. The cell is in no list; it stays in
    /// place, and is [detached](WeakCell::detach) before it goes. The lock is the referent's.
    pub unsafe fn insert(&self, cell: &WeakCell, referent: usize, _held: &Held<'_>) {
        let first = self.head.load(Relaxed);
        cell.prev.set(ptr::null());
        cell.next.set(first);
        // SAFETY: cells in the list are in place, and their links belong to the lock that is held.
        if let Some(first) = unsafe { first.as_ref() } {
            first.prev.set(cell);
        }
        self.head.store(ptr::from_ref(cell).cast_mut(), Relaxed);
        cell.referent.store(referent, Release);
    }

    /// Takes all cells out, and shows each to `each`, under the lock, the youngest first. The referent dies.
    ///
    /// # Safety
    /// The calling thread found the referent's count at zero: nobody inserts any more. The locks are those of `insert`.
    pub unsafe fn clear(&self, locks: &WeakLocks, referent: usize, mut each: impl FnMut(&WeakCell)) {
        // [WK2] An empty list is a list that was left properly: the head comes last.
        if self.head.load(ord!("weak/null_check_relaxed", Acquire => Relaxed)).is_null() {
            return;
        }
        let held = locks.lock(referent);
        // SAFETY: cells in the list are in place, because whoever ends one takes it out under the lock first.
        while let Some(cell) = unsafe { self.head.load(Relaxed).as_ref() } {
            self.unlink(cell, &held);
            each(cell);
        }
    }

    fn unlink(&self, cell: &WeakCell, _held: &Held<'_>) {
        let (prev, next) = (cell.prev.get(), cell.next.get());
        if !planted("weak/head_first") {
            cell.referent.store(0, Release);
        }
        // SAFETY: cells in the list are in place, and their links belong to the lock that is held.
        unsafe {
            if let Some(next) = next.as_ref() {
                next.prev.set(prev);
            }
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                // Last: see the module.
                None => self.head.store(next.cast_mut(), Release),
            }
        }
        if planted("weak/head_first") {
            cell.referent.store(0, Release);
        }
    }

    /// Is it empty? True for certain only under the lock or when nobody inserts.
    pub fn is_empty(&self) -> bool {
        self.head.load(Acquire).is_null()
    }
}

impl Default for WeakList {
    fn default() -> Self {
        WeakList::new()
    }
}
