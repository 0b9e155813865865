//! `SharedTable`: a hash table of words that is read without a lock, with its keys its own or shared.
//!
//! It is the protocol of a dictionary in a free-threaded runtime. Keys and values are words (addresses); a key is compared by
//! identity. 0 is no key and no value.
//!
//! # Protocol
//!
//! The table points to *keys*: an *index* by hash, and *entries* in the order of insertion, with a count of the entries
//! there are and of those that may still be added.
//! A **combined** table has keys of its own, with the values in the entries. A **split** one shares its keys, which
//! only grow, with others (the instances of a class), and has its values in a block of its own, by the number of the entry.
//! A split table becomes a combined one when it needs a key that the shared ones have no room for.
//!
//! Writers hold the table's lock; shared keys have one of their own. Readers hold nothing:
//!
//! 1. load the keys, and find the entry;
//! 2. load the pointer to the values, which is null in a combined table: in a split one, the values are there;
//! 3. read the value as [`slot`](crate::slot) says, where *look again* covers the slot and the keys. (The values change only
//!    before the keys do.)
//!
//! A key that is not found is absent if the keys are the same still.
//!
//! **Append**: write the value, the key, the index, then the count, then lower what may be added.
//! **Resize**: fill new keys, publish them, retire the old ones through [`qsbr`](crate::qsbr).
//! **Combine** (a split table): fill new keys, *take the values away, then* publish the keys.
//!
//! While no other thread has read a table without its lock, its owner may free what it replaces at once. A reader of another
//! thread therefore takes the lock the first time, and marks the table *watched*.
//!
//! Invariants:
//! * **TB1** What a reader returns was the key's value at some moment during the call.
//! * **TB2** No reader looks at an entry that was not written, beyond a block, or at a block that was freed.
//! * **TB3** A reader that sees new keys does not take its value from the values of the old ones: their numbers differ.
//! * **TB4** `count + usable` of shared keys, read without a lock in the order *usable, count*, is never less than the keys'
//!   capacity: a block of values made by it has room for every key (gh-112075).
//! * **TB5** A block is freed at once only if the table was never watched; watching is decided under the lock.
//!
//! Orderings: pointers to keys and values are stored Release and loaded Acquire. So are values: one that replaces another
//! must be seen as it was when it was stored. So are keys, for a runtime that looks at them to compare. The index is
//! Relaxed: who meets a number before its entry finds key 0 or value 0 there, which is before the insertion.
//!
//! Readers never block.
//! Readers run attached; writers attached, under the table's lock.
//! Checked by the models `table_insert`, `table_resize`, `table_watched` (M39), `table_split`, `table_size` and
//! `table_replace` (M40).
//!
//! ```
//! use krait_sync::{qsbr::Domain, table::{Lookup, SharedTable}};
//!
//! let domain = Domain::new();
//! // SAFETY: the domain outlives it.
//! let me = unsafe { domain.register() };
//! me.attach();
//! let table = SharedTable::new(4);
//! // SAFETY: attached; nobody else has the table, so its lock is ours.
//! unsafe {
//!     table.insert(7, 70, &me);
//!     assert_eq!(table.get(7, &me, Some, drop), Lookup::Locked);
//!     assert_eq!(table.get_locked(7), Some(70));
//!     assert_eq!(table.get(7, &me, Some, drop), Lookup::Found(70));
//!     assert_eq!(table.get(8, &me, Some, drop), Lookup::Absent);
//! }
//! me.detach();
//! ```

use crate::prim::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*, PreLoad, ord, planted};
use crate::qsbr::Participant;
use crate::raw_mutex::Lock;
use core::ptr;
use std::sync::Arc;

struct Entry {
    key: AtomicUsize,
    value: AtomicUsize,
}

/// See the [module](self). Made by a table, or [shared](SharedKeys).
struct Keys {
    shared: bool,
    /// Number of an entry plus one; 0 is empty. Twice as many as entries, so that every search ends.
    index: Box<[AtomicUsize]>,
    entries: Box<[Entry]>,
    count: AtomicUsize,
    usable: AtomicUsize,
}

impl Keys {
    fn new(capacity: usize, shared: bool) -> Keys {
        let cells = (2 * capacity).next_power_of_two();
        Keys {
            shared,
            index: (0..cells).map(|_| AtomicUsize::new(0)).collect(),
            entries: (0..capacity).map(|_| Entry { key: AtomicUsize::new(0), value: AtomicUsize::new(0) }).collect(),
            count: AtomicUsize::new(0),
            usable: AtomicUsize::new(capacity),
        }
    }

    fn start(&self, key: usize) -> usize {
        ((key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & (self.index.len() - 1)
    }

    /// The number of a key's entry.
    #[inline]
    fn find(&self, key: usize) -> Option<usize> {
        let mut at = self.start(key);
        loop {
            let number = self.index[at].load(Relaxed);
            if number == 0 {
                return None;
            }
            if self.entries[number - 1].key.load(Acquire) == key {
                return Some(number - 1);
            }
            at = (at + 1) & (self.index.len() - 1);
        }
    }

    /// Adds an entry; the lock of these keys is held, and there is room. (TB2)
    fn append(&self, key: usize, value: usize) -> usize {
        let number = self.count.pre_load(Relaxed);
        let entry = &self.entries[number];
        entry.value.store(value, Release);
        entry.key.store(key, Release);
        let mut at = self.start(key);
        while self.index[at].pre_load(Relaxed) != 0 {
            at = (at + 1) & (self.index.len() - 1);
        }
        self.index[at].store(number + 1, Relaxed);
        let usable = self.usable.pre_load(Relaxed) - 1;
        // [TB4]
        if planted("table/usable_before_count") {
            self.usable.store(usable, Release);
            self.count.store(number + 1, Release);
        } else {
            self.count.store(number + 1, Release);
            self.usable.store(usable, Release);
        }
        number
    }

    fn has_room(&self) -> bool {
        self.usable.pre_load(Relaxed) != 0
    }
}

/// Keys that several tables share.
pub struct SharedKeys {
    keys: Keys,
    lock: Lock<()>,
}

impl SharedKeys {
    /// Keys with room for `capacity` of them.
    pub fn new(capacity: usize) -> Arc<SharedKeys> {
        Arc::new(SharedKeys { keys: Keys::new(capacity, true), lock: Lock::new(()) })
    }

    /// How many values a table with these keys may need, without a lock; never less than their capacity. (TB4)
    pub fn size_bound(&self) -> usize {
        let usable = self.keys.usable.load(Acquire);
        self.keys.count.load(Relaxed) + usable
    }

    /// The number of a key, which is added while there is room.
    pub fn intern(&self, key: usize) -> Option<usize> {
        if let Some(number) = self.keys.find(key) {
            return Some(number);
        }
        let _held = self.lock.lock();
        self.keys.find(key).or_else(|| self.keys.has_room().then(|| self.keys.append(key, 0)))
    }
}

struct Values(Box<[AtomicUsize]>);

/// How a read without a lock ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<R> {
    /// The value, secured.
    Found(R),
    /// There was no such key.
    Absent,
    /// Take the lock: something changed, or the table is not watched yet.
    Locked,
}

/// See the [module](self).
pub struct SharedTable {
    keys: AtomicPtr<Keys>,
    values: AtomicPtr<Values>,
    /// Readers of other threads have announced themselves.
    watched: AtomicBool,
    /// Keeps the shared keys, also after the table has combined: readers may still look at them.
    _shared: Option<Arc<SharedKeys>>,
}

impl SharedTable {
    /// An empty combined table with room for `capacity` keys.
    pub fn new(capacity: usize) -> SharedTable {
        SharedTable {
            keys: AtomicPtr::new(Box::into_raw(Box::new(Keys::new(capacity.max(1), false)))),
            values: AtomicPtr::new(ptr::null_mut()),
            watched: AtomicBool::new(false),
            _shared: None,
        }
    }

    /// An empty split table.
    pub fn split(keys: &Arc<SharedKeys>) -> SharedTable {
        let values = Values((0..keys.size_bound()).map(|_| AtomicUsize::new(0)).collect());
        SharedTable {
            keys: AtomicPtr::new(ptr::from_ref(&keys.keys).cast_mut()),
            values: AtomicPtr::new(Box::into_raw(Box::new(values))),
            watched: AtomicBool::new(false),
            _shared: Some(keys.clone()),
        }
    }

    /// The value of `key`, secured, without a lock. See [`slot::read`](crate::slot::read) for `secure` and `undo`.
    ///
    /// # Safety
    /// The calling thread is attached to the domain of the participants that writers use.
    #[inline]
    pub unsafe fn get<R>(
        &self,
        key: usize,
        _reader: &Participant,
        secure: impl FnOnce(usize) -> Option<R>,
        undo: impl FnOnce(R),
    ) -> Lookup<R> {
        // [TB5] Relaxed: seen set, it was set under the lock by a reader; this one looks at nothing older than its attach.
        if !self.watched.load(Acquire) && !planted("table/no_watched_flag") {
            return Lookup::Locked;
        }
        let raw = self.keys.load(Acquire);
        // SAFETY: [TB2] retired, not freed, while we are attached.
        let keys = unsafe { &*raw };
        let Some(number) = keys.find(key) else {
            return if self.keys.load(Acquire) == raw { Lookup::Absent } else { Lookup::Locked };
        };
        let values = self.values.load(Acquire);
        // SAFETY: as above.
        let slot = match unsafe { values.as_ref() } {
            Some(values) => match values.0.get(number) {
                Some(slot) => slot,
                None => return Lookup::Locked,
            },
            // [TB3] The values are gone, and the keys about to follow.
            None if keys.shared => return Lookup::Locked,
            None => &keys.entries[number].value,
        };
        let word = slot.load(ord!("table/value_load_relaxed", Acquire => Relaxed));
        if word == 0 {
            return Lookup::Locked;
        }
        let Some(secured) = secure(word) else { return Lookup::Locked };
        // [TB1]
        let same =
            slot.load(Acquire) == word && (self.keys.load(Acquire) == raw || planted("table/keys_not_rechecked"));
        if same {
            Lookup::Found(secured)
        } else {
            undo(secured);
            Lookup::Locked
        }
    }

    /// The value of `key`. From here on readers without a lock are let in.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn get_locked(&self, key: usize) -> Option<usize> {
        self.watched.store(true, Release);
        // SAFETY: writers are excluded.
        let keys = unsafe { &*self.keys.load(Relaxed) };
        let number = keys.find(key)?;
        // SAFETY: as above.
        let value = unsafe { self.slot(keys, number) }?.load(Relaxed);
        (value != 0).then_some(value)
    }

    /// # Safety
    /// The lock is held.
    unsafe fn slot<'a>(&'a self, keys: &'a Keys, number: usize) -> Option<&'a AtomicUsize> {
        // SAFETY: writers are excluded, and this is the values' owner.
        match unsafe { self.values.load(Relaxed).as_ref() } {
            Some(values) => values.0.get(number),
            None => Some(&keys.entries[number].value),
        }
    }

    /// Stores a value, and returns the one that it replaces, or 0.
    ///
    /// # Safety
    /// The caller holds the lock, and is attached. Neither word is 0.
    pub unsafe fn insert(&self, key: usize, value: usize, participant: &Participant) -> usize {
        // SAFETY: writers are excluded.
        let keys = unsafe { &*self.keys.load(Relaxed) };
        if let Some(number) = keys.find(key)
            // SAFETY: the lock is held.
            && let Some(slot) = unsafe { self.slot(keys, number) }
        {
            return slot.swap(value, ord!("table/value_relaxed", AcqRel => Relaxed));
        }
        if keys.shared {
            if let Some(shared) = &self._shared
                && let Some(number) = shared.intern(key)
                // SAFETY: the lock is held.
                && let Some(slot) = unsafe { self.slot(keys, number) }
            {
                return slot.swap(value, AcqRel);
            }
            // SAFETY: the caller's promise.
            unsafe { self.resize(keys.entries.len() * 2, participant) };
        } else if !keys.has_room() {
            // SAFETY: the caller's promise.
            unsafe { self.resize(keys.entries.len() * 2, participant) };
        }
        // SAFETY: writers are excluded.
        unsafe { &*self.keys.load(Relaxed) }.append(key, value);
        0
    }

    /// Takes the value of a key away, and returns it, or 0. (The key stays, without a value.)
    ///
    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn remove(&self, key: usize) -> usize {
        // SAFETY: writers are excluded.
        let keys = unsafe { &*self.keys.load(Relaxed) };
        let Some(number) = keys.find(key) else { return 0 };
        // SAFETY: the lock is held.
        unsafe { self.slot(keys, number) }.map_or(0, |slot| slot.swap(0, AcqRel))
    }

    /// Moves all pairs to new keys of the table's own; a split table becomes a combined one.
    ///
    /// # Safety
    /// The caller holds the lock, and is attached.
    pub unsafe fn resize(&self, capacity: usize, participant: &Participant) {
        let old = self.keys.pre_load(Relaxed);
        // SAFETY: writers are excluded.
        let keys = unsafe { &*old };
        let new = Keys::new(capacity.max(keys.entries.len()), false);
        for number in 0..keys.count.load(Acquire) {
            // SAFETY: the lock is held.
            if let Some(slot) = unsafe { self.slot(keys, number) }
                && let value = slot.load(Relaxed)
                && value != 0
            {
                new.append(keys.entries[number].key.load(Acquire), value);
            }
        }
        let new = Box::into_raw(Box::new(new));
        let values = self.values.pre_load(Relaxed);
        // [TB3]
        if planted("table/keys_before_values") {
            self.keys.store(new, Release);
            self.values.store(ptr::null_mut(), Release);
        } else {
            if !values.is_null() {
                self.values.store(ptr::null_mut(), Release);
            }
            self.keys.store(new, ord!("table/keys_relaxed", Release => Relaxed));
        }
        if !values.is_null() {
            // SAFETY: unreachable since the store.
            unsafe { self.let_go(values.cast(), 8 * (&*values).0.len(), free_values, participant) };
        }
        if !keys.shared {
            // SAFETY: as above.
            unsafe { self.let_go(old.cast(), 24 * keys.entries.len(), free_keys, participant) };
        }
    }

    /// # Safety
    /// The lock is held, and the block unreachable since.
    unsafe fn let_go(&self, block: *mut (), size: usize, free: crate::qsbr::FreeFn, participant: &Participant) {
        // [TB5]
        if !self.watched.load(Relaxed) || planted("table/free_at_once") {
            // SAFETY: nobody reads without the lock.
            unsafe { free(block, size) }
        } else {
            // SAFETY: [QS3] unreachable.
            unsafe { participant.retire(block, size, free) };
        }
    }
}

/// In a model, what the slots of a freed block hold.
pub const FREED: usize = usize::MAX;

unsafe fn free_keys(block: *mut (), _size: usize) {
    // SAFETY: made by `Box::into_raw`, and let go once.
    let keys = unsafe { Box::from_raw(block.cast::<Keys>()) };
    if cfg!(feature = "loom") {
        keys.entries.iter().for_each(|entry| entry.value.store(FREED, Relaxed));
        core::mem::forget(keys);
    }
}

unsafe fn free_values(block: *mut (), _size: usize) {
    // SAFETY: as above.
    let values = unsafe { Box::from_raw(block.cast::<Values>()) };
    if cfg!(feature = "loom") {
        values.0.iter().for_each(|slot| slot.store(FREED, Relaxed));
        core::mem::forget(values);
    }
}

impl Drop for SharedTable {
    fn drop(&mut self) {
        let (keys, values) = (self.keys.load(Relaxed), self.values.load(Relaxed));
        // SAFETY: no reader is left; shared keys belong to themselves.
        unsafe {
            if !(*keys).shared {
                drop(Box::from_raw(keys));
            }
            if !values.is_null() {
                drop(Box::from_raw(values));
            }
        }
    }
}
