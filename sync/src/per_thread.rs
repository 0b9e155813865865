//! Counts that each thread keeps for itself, and a collector adds up.
//!
//! Every instance refers to its class, so threads that make instances of one class would all write its shared count.
//! A thing whose true count matters to a collector only gets an *id* instead, under which each thread counts the
//! references that it makes and drops in a table of its own, without an atomic operation.
//!
//! # Protocol
//!
//! * **enter** a thing: it gets an id, never 0, under the table's lock.
//! * **count**: the thread adds to its own number for the id. A thread's own count may be negative: it dropped what another
//!   made.
//! * **grow**: a thread without room for an id takes the lock, enters the list of threads and makes room.
//! * **merge**: with all threads stopped, a collector adds every thread's numbers to the true counts and leaves zeros.
//! * **leave**: a thread that ends does the same for its own, under the lock, and is forgotten.
//! * **remove**: in the pause in which the counts were merged, and before the thing may die, its id is taken away; who
//!   reads its id finds 0 and counts the thing itself.
//!
//! Invariants:
//! * **PT1** True count + the sum of all threads' numbers = number of references. In a pause, after a merge, the true count
//!   alone is.
//! * **PT2** A thread's numbers are used by that thread while it is attached, or under the table's lock while it is stopped,
//!   or on its way out.
//! * **PT3** All numbers under an id are zero when it is given back, so its next holder starts from zero.
//! * **PT4** A thing with an id does not die but by the hand of the collector that removed its id: its true count says
//!   nothing outside a pause.
//!
//! Orderings: none are needed. The numbers are plain memory; the pause (see [`stop_the_world`](crate::stop_the_world))
//! orders a thread's writes before the collector's reads and the collector's before the thread's next ones, and the lock
//! does it for threads that come and go.
//!
//! May block: for the table's lock, in the state that the thread is in, for as long as a merge takes. Counting never blocks
//! but to grow. Counting is for attached threads; merging for the holder of a pause.
//! Checked by the models `per_thread_counts`, `per_thread_exit` and `per_thread_reuse` (M25).
//!
//! ```
//! use krait_sync::per_thread::{CountTable, Counts};
//!
//! let (table, mine) = (CountTable::new(), Counts::new());
//! let id = table.enter("a class");
//! // SAFETY: this thread's own numbers, and no other thread counts.
//! unsafe {
//!     if !mine.add(id, 3) {
//!         table.grow(&mine);
//!         assert!(mine.add(id, 3));
//!     }
//!     let mut total = 0;
//!     table.merge_all(|_, by| total += by);
//!     assert_eq!(total, 3);
//!     table.leave(&mine, |_, _| unreachable!("merged already"));
//! }
//! ```

use crate::prim::{UnsafeCell, planted};
use crate::raw_mutex::Lock;
use core::ptr;

/// One thread's numbers, by id. It stays in place until the thread has [left](CountTable::leave).
#[derive(Default)]
pub struct Counts(UnsafeCell<Vec<isize>>);

/// The things that have an id, and the threads that count them. `T` names a thing; it is a pointer or an index.
pub struct CountTable<T>(Lock<Inner<T>>);

struct Inner<T> {
    /// By id; `None` where the id is free. Id 0 stands for none.
    things: Vec<Option<T>>,
    free: Vec<usize>,
    threads: Vec<*const Counts>,
}

// SAFETY: the pointers are used under the lock, and only as [PT2] allows.
unsafe impl<T: Send> Send for Inner<T> {}

/// No id.
pub const NO_ID: usize = 0;

/// A thread makes room for this many ids at least.
const ROOM: usize = if cfg!(feature = "loom") { 2 } else { 64 };

impl Counts {
    /// No numbers, and no room.
    pub fn new() -> Counts {
        Counts(UnsafeCell::new(Vec::new()))
    }

    /// Adds to the thread's number for `id`. False if there is no room for it: [`CountTable::grow`] makes some.
    /// Always false for [`NO_ID`].
    ///
    /// # Safety
    /// PT2: they are the calling thread's, which is attached.
    #[inline(always)]
    pub unsafe fn add(&self, id: usize, by: isize) -> bool {
        // SAFETY: [PT2]
        self.0.with_mut(|counts| match unsafe { &mut *counts }.get_mut(id) {
            Some(count) if id != NO_ID => {
                *count += by;
                true
            }
            _ => false,
        })
    }
}

impl<T: Copy> CountTable<T> {
    /// Nothing has an id.
    pub fn new() -> CountTable<T> {
        CountTable(Lock::new(Inner { things: Vec::new(), free: Vec::new(), threads: Vec::new() }))
    }

    /// Gives a thing an id.
    pub fn enter(&self, thing: T) -> usize {
        let mut inner = self.0.lock();
        if inner.things.is_empty() {
            inner.things.push(None);
        }
        let id = inner.free.pop().unwrap_or_else(|| {
            inner.things.push(None);
            inner.things.len() - 1
        });
        inner.things[id] = Some(thing);
        id
    }

    /// Makes room for all ids in a thread's numbers.
    ///
    /// # Safety
    /// PT2: they are the calling thread's, which is attached. They stay in place until [`leave`](Self::leave).
    #[cold]
    pub unsafe fn grow(&self, counts: &Counts) {
        let mut inner = self.0.lock();
        if !inner.threads.contains(&ptr::from_ref(counts)) {
            inner.threads.push(counts);
        }
        let room = inner.things.len().next_power_of_two().max(ROOM);
        counts.0.with_mut(|counts| {
            // SAFETY: [PT2]
            let counts = unsafe { &mut *counts };
            if planted("per_thread/grow_forgets") {
                counts.clear();
            }
            counts.resize(room, 0);
        });
    }

    /// Adds a thread's numbers to the true counts, by `add`, and forgets the thread.
    ///
    /// # Safety
    /// PT2: nobody counts in them any more, and `add` may be called for each thing that has an id.
    pub unsafe fn leave(&self, counts: &Counts, mut add: impl FnMut(T, isize)) {
        if planted("per_thread/leave_before_lock") {
            let inner = self.0.lock();
            let things = inner.things.clone();
            drop(inner);
            merge(&things, counts, &mut add);
            self.0.lock().threads.retain(|thread| !ptr::eq(*thread, counts));
            return;
        }
        let mut inner = self.0.lock();
        inner.threads.retain(|thread| !ptr::eq(*thread, counts));
        if !planted("per_thread/leave_forgets") {
            merge(&inner.things, counts, &mut add);
        }
    }

    /// Adds the numbers of all threads to the true counts, by `add`.
    ///
    /// # Safety
    /// PT2: the calling thread has stopped all others that count.
    pub unsafe fn merge_all(&self, mut add: impl FnMut(T, isize)) {
        let inner = self.0.lock();
        for thread in &inner.threads {
            // SAFETY: threads leave before their numbers go.
            merge(&inner.things, unsafe { &**thread }, &mut add);
        }
    }

    /// Takes an id back.
    ///
    /// # Safety
    /// PT3: In the pause in which, after the last count, [`merge_all`](Self::merge_all) was called. The thing is told
    /// that it has no id before the pause ends.
    pub unsafe fn remove(&self, id: usize) {
        let mut inner = self.0.lock();
        inner.things[id] = None;
        inner.free.push(id);
    }

    /// In the child of a fork: merges what the other threads had counted, and forgets all but the calling one.
    ///
    /// # Safety
    /// No other thread of this process exists, and the others' numbers are still in place.
    pub unsafe fn reset_after_fork(&self, own: &Counts, add: impl FnMut(T, isize)) {
        // SAFETY: the caller's promise. A holder that is gone was between two consistent states, or it was in `Vec`'s
        // growth; the child of a process that forks there has lost its memory allocator's lock as well.
        unsafe {
            self.0.reset_after_fork();
            self.merge_all(add);
        }
        self.0.lock().threads.retain(|thread| ptr::eq(*thread, own));
    }
}

impl<T: Copy> Default for CountTable<T> {
    fn default() -> Self {
        CountTable::new()
    }
}

/// [PT2] The table's lock is held, and the thread is stopped, gone, or the caller.
fn merge<T: Copy>(things: &[Option<T>], counts: &Counts, add: &mut impl FnMut(T, isize)) {
    counts.0.with_mut(|counts| {
        // SAFETY: [PT2]
        for (thing, count) in things.iter().zip(unsafe { &mut *counts }) {
            if let Some(thing) = thing
                && *count != 0
            {
                add(*thing, *count);
                if !planted("per_thread/merge_keeps") {
                    *count = 0;
                }
            }
        }
    });
}
