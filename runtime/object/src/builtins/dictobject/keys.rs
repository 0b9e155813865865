//! The table behind a dict: an index of small integers by hash, and the entries in insertion order.
//!
//! A table begins with [`Keys`]; then come the index (`1 << log2` cells of one to eight bytes) and the entries. An entry is key, value
//! and, in general tables, the hash: tables that hold exact `str` keys only leave it to the strings' cached hashes.
//! *Shared* tables (keys of the instances of one class) hold keys only; the values lie in [`super::values::Values`].
//!
//! Readers without a lock rely on this order of stores: entry, then index cell, then `entries`, all with release
//! order; deleting clears the value before the key. A private table is written under its dict's lock, a shared one
//! under its own.
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Field, PyDictKeysObject, PyObject};
use crate::tracemalloc::memory::{alloc, dealloc};
use crate::{FREE_THREADED, Object, PyResult, Str, mem, mode};
use std::alloc::Layout as MemLayout;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicIsize, AtomicU8, AtomicU32};

/// What a table's entries are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    General = 0,
    /// Exact `str` keys only.
    Text = 1,
    /// As `Text`, without values.
    Shared = 2,
}

/// The head of a table; 32 bytes.
#[repr(C)]
pub struct Keys {
    /// Owners: one dict, or the class and the dicts of its instances.
    refs: AtomicIsize,
    log2: u8,
    /// Log2 of an index cell's bytes.
    width: u8,
    kind: u8,
    lock: AtomicU8,
    /// Identifies this set of keys to inline caches; 0 means unassigned.
    version: AtomicU32,
    /// How many entries may still be added.
    usable: Field<isize>,
    /// How many entries were added (some may be deleted again).
    entries: Field<isize>,
}

/// One entry; `hash` exists in general tables only.
#[repr(C)]
pub(crate) struct Entry {
    pub key: Field<*mut PyObject>,
    pub value: Field<*mut PyObject>,
    hash: Field<isize>,
}

/// What a probed slot of the index holds.
pub(crate) enum Slot {
    Empty,
    Deleted,
    Entry(usize),
}

pub(crate) const MIN_LOG2: u8 = 3;
const TEXT_STRIDE: usize = 16;
const GENERAL_STRIDE: usize = 24;

/// The table of every empty dict that never held anything.
#[repr(C)]
struct EmptyKeys {
    keys: Keys,
    index: [u8; 8],
}
// SAFETY: [immortal]: never written.
unsafe impl Sync for EmptyKeys {}

static EMPTY: EmptyKeys = EmptyKeys {
    keys: Keys {
        refs: AtomicIsize::new(1),
        log2: 0,
        width: 0,
        kind: Kind::Text as u8,
        lock: AtomicU8::new(0),
        version: AtomicU32::new(0),
        usable: Field::new(0),
        entries: Field::new(0),
    },
    index: [0xFF; 8],
};

static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);

/// How many entries an index of `1 << log2` cells serves.
pub(crate) const fn usable_of(log2: u8) -> usize {
    (1usize << log2 << 1) / 3
}

/// The smallest index size for `count` entries.
pub(crate) fn log2_for(count: usize) -> u8 {
    let cells = (count.saturating_mul(3) / 2 + 1).max(1 << MIN_LOG2);
    cells.next_power_of_two().ilog2() as u8
}

/// The probing sequence of a hash.
pub(crate) struct Probe {
    pub at: usize,
    perturb: usize,
    mask: usize,
}

impl Probe {
    #[inline(always)]
    pub(crate) fn new(hash: isize, mask: usize) -> Self {
        Probe { at: hash as usize & mask, perturb: hash as usize, mask }
    }

    #[inline(always)]
    pub(crate) fn advance(&mut self) {
        self.perturb >>= 5;
        self.at = self.at.wrapping_mul(5).wrapping_add(self.perturb).wrapping_add(1) & self.mask;
    }
}

impl Keys {
    #[inline(always)]
    pub(crate) fn empty() -> &'static Keys {
        let _ = &EMPTY.index;
        // SAFETY: [immortal]; the reference covers the index through the whole static.
        unsafe { &*(&raw const EMPTY).cast::<Keys>() }
    }

    #[inline(always)]
    pub(crate) fn is_static_empty(&self) -> bool {
        ptr::eq(self, Keys::empty())
    }

    #[inline(always)]
    pub(crate) fn as_raw(&self) -> *mut PyDictKeysObject {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// # Safety
    /// `raw` is a table that lives for `'a` (the caller keeps an owner of it from going, or [quiescent]).
    #[inline(always)]
    pub(crate) unsafe fn from_raw<'a>(raw: *mut PyDictKeysObject) -> &'a Keys {
        // SAFETY: by the contract.
        unsafe { &*raw.cast::<Keys>() }
    }

    #[inline(always)]
    pub(crate) fn kind(&self) -> Kind {
        match self.kind {
            0 => Kind::General,
            1 => Kind::Text,
            _ => Kind::Shared,
        }
    }

    /// Whether all keys are exact strings.
    #[inline(always)]
    pub(crate) fn is_text(&self) -> bool {
        self.kind != Kind::General as u8
    }

    #[inline(always)]
    pub(crate) fn log2(&self) -> u8 {
        self.log2
    }

    #[inline(always)]
    pub(crate) fn mask(&self) -> usize {
        (1 << self.log2) - 1
    }

    #[inline(always)]
    pub(crate) fn usable(&self) -> usize {
        self.usable.get() as usize
    }

    /// How many entries to look at; for readers without a lock never more than are initialised.
    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.entries.load(Acquire) as usize
    }

    #[inline(always)]
    fn index(&self) -> *mut u8 {
        ptr::from_ref(self).cast_mut().cast::<u8>().wrapping_add(size_of::<Keys>())
    }

    #[inline(always)]
    fn index_bytes(log2: u8, width: u8) -> usize {
        (1usize << (log2 + width)).next_multiple_of(8)
    }

    #[inline(always)]
    fn entries_start(&self) -> *mut u8 {
        self.index().wrapping_add(Self::index_bytes(self.log2, self.width))
    }

    /// Entry `at`.
    #[inline(always)]
    pub(crate) fn entry(&self, at: usize) -> &Entry {
        let stride = if self.is_text() { TEXT_STRIDE } else { GENERAL_STRIDE };
        // SAFETY: callers pass positions below the table's capacity; the hash field is not touched in text tables.
        unsafe { &*self.entries_start().wrapping_add(at * stride).cast::<Entry>() }
    }

    /// The value `place` bytes from the start of the table.
    ///
    /// # Safety
    /// An entry of this table has its value there.
    #[inline(always)]
    pub(crate) unsafe fn value_at_place(&self, place: usize) -> &Field<*mut PyObject> {
        // SAFETY: by the contract.
        unsafe { &*self.as_raw().cast::<u8>().add(place).cast() }
    }

    #[inline(always)]
    fn text_entry(&self, at: usize) -> &Entry {
        debug_assert!(self.is_text());
        // SAFETY: as `entry`.
        unsafe { &*self.entries_start().wrapping_add(at * TEXT_STRIDE).cast::<Entry>() }
    }

    /// The hash of entry `at`, whose key is live.
    #[inline(always)]
    pub(crate) fn hash_of(&self, at: usize) -> isize {
        let entry = self.entry(at);
        if self.is_text() {
            // SAFETY: [locked]: the entry owns its key, a `str`.
            unsafe { (*entry.key.get().cast::<Str>()).hash() }
        } else {
            entry.hash.get()
        }
    }

    #[inline(always)]
    pub(crate) fn slot(&self, at: usize) -> Slot {
        match self.width {
            0 => self.slot_as::<u8>(at),
            1 => self.slot_as::<u16>(at),
            2 => self.slot_as::<u32>(at),
            _ => self.slot_as::<u64>(at),
        }
    }

    #[inline(always)]
    fn slot_as<I: IndexCell>(&self, at: usize) -> Slot {
        // SAFETY: `at` is masked to the index.
        match unsafe { I::load(self.index(), at) } {
            entry if entry < I::DELETED => Slot::Entry(entry),
            empty if empty == I::EMPTY => Slot::Empty,
            _ => Slot::Deleted,
        }
    }

    fn store_slot(&self, at: usize, value: usize) {
        // SAFETY: `at` is masked to the index; writers hold the lock.
        unsafe {
            match self.width {
                0 => u8::store(self.index(), at, value),
                1 => u16::store(self.index(), at, value),
                2 => u32::store(self.index(), at, value),
                _ => u64::store(self.index(), at, value),
            }
        }
    }

    /// A fresh table for at least `usable_of(log2)` entries; `None` without memory.
    pub(crate) fn alloc(log2: u8, kind: Kind) -> Option<&'static Keys> {
        let (layout, width) = Self::layout(log2, kind)?;
        // SAFETY: the layout is not empty; head and index are initialised here, entries before they are counted.
        unsafe {
            let base = alloc(layout);
            if base.is_null() {
                return None;
            }
            base.cast::<Keys>().write(Keys::head(log2, width, kind, usable_of(log2), 0));
            ptr::write_bytes(base.add(size_of::<Keys>()), 0xFF, Self::index_bytes(log2, width));
            if FREE_THREADED || kind == Kind::Shared {
                let start = size_of::<Keys>() + Self::index_bytes(log2, width);
                ptr::write_bytes(base.add(start), 0, layout.size() - start);
            }
            Some(&*base.cast::<Keys>())
        }
    }

    /// The head of a table with one owner and no version.
    fn head(log2: u8, width: u8, kind: Kind, usable: usize, entries: usize) -> Keys {
        Keys {
            refs: AtomicIsize::new(1),
            log2,
            width,
            kind: kind as u8,
            lock: AtomicU8::new(0),
            version: AtomicU32::new(0),
            usable: Field::new(usable as isize),
            entries: Field::new(entries as isize),
        }
    }

    /// A table with the same entries in the same places, for another dict; `None` without memory. This one has values,
    /// and the caller keeps it from changing.
    pub(crate) fn duplicate(&self) -> Option<&'static Keys> {
        debug_assert!(self.kind() != Kind::Shared);
        let (layout, width) = Self::layout(self.log2, self.kind())?;
        let count = self.count();
        // SAFETY: [locked]: both tables have this layout, nobody writes this one, and it owns keys and values; places
        // that were given up are null, and stay given up in the index.
        unsafe {
            let base = alloc(layout);
            if base.is_null() {
                return None;
            }
            base.cast::<Keys>().write(Keys::head(self.log2, width, self.kind(), self.usable(), count));
            let new = &*base.cast::<Keys>();
            let (head, used) = (size_of::<Keys>(), ptr::from_ref(self.entry(count)).addr() - self.index().addr());
            ptr::copy_nonoverlapping(self.index(), base.add(head), used);
            if FREE_THREADED {
                ptr::write_bytes(base.add(head + used), 0, layout.size() - head - used);
            }
            mode::incref_each(new.entries().flat_map(|entry| [entry.key.get(), entry.value.get()]));
            Some(new)
        }
    }

    /// The entries that were added.
    #[inline(always)]
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let stride = if self.is_text() { TEXT_STRIDE } else { GENERAL_STRIDE };
        let start = self.entries_start();
        // SAFETY: as `entry`.
        (0..self.count()).map(move |at| unsafe { &*start.wrapping_add(at * stride).cast::<Entry>() })
    }

    fn layout(log2: u8, kind: Kind) -> Option<(MemLayout, u8)> {
        if log2 > 57 {
            return None;
        }
        let width = match log2 {
            0..=8 => 0,
            9..=16 => 1,
            17..=32 => 2,
            _ => 3,
        };
        let stride = if kind == Kind::General { GENERAL_STRIDE } else { TEXT_STRIDE };
        let size = size_of::<Keys>() + Self::index_bytes(log2, width) + usable_of(log2).checked_mul(stride)?;
        Some((MemLayout::from_size_align(size, 8).ok()?, width))
    }

    /// The bytes that the table takes.
    pub(crate) fn byte_size(&self) -> usize {
        Self::layout(self.log2, self.kind()).map_or(0, |(layout, _)| layout.size())
    }

    /// Frees the table's memory; the entries have been moved or dropped.
    ///
    /// # Safety
    /// No owner is left; without `at_once`, readers without a lock may be.
    pub(crate) unsafe fn free(py: Attached<'_>, keys: NonNull<Keys>, at_once: bool) {
        unsafe fn free(base: *mut u8, size: usize) {
            if let Ok(layout) = MemLayout::from_size_align(size, 8) {
                // SAFETY: `retire` hands back what it was given.
                unsafe { dealloc(base, layout) };
            }
        }
        // SAFETY: by the contract.
        unsafe {
            let table = keys.as_ref();
            if table.is_static_empty() {
                return;
            }
            let size = table.byte_size();
            if at_once {
                free(keys.as_ptr().cast(), size);
            } else {
                // A late reader finds no object that it could revive.
                for entry in table.entries() {
                    entry.value.set(ptr::null_mut());
                    entry.key.set(ptr::null_mut());
                }
                mem::retire(py, keys.as_ptr().cast(), size, free);
            }
        }
    }

    /// Adds an owner.
    pub(crate) fn add_owner(&self) {
        self.refs.fetch_add(1, Relaxed);
    }

    /// Gives up an owner; the last one drops keys and values and frees the table.
    ///
    /// # Safety
    /// The caller was an owner, and no lock is held whose object the drops could disturb.
    pub(crate) unsafe fn release(py: Attached<'_>, keys: NonNull<Keys>, at_once: bool) {
        // SAFETY: by the contract.
        unsafe {
            let table = keys.as_ref();
            if table.is_static_empty() {
                return;
            }
            // A private table has one owner, so the atomic decrement is for shared ones only.
            let left = if table.refs.load(Relaxed) == 1 { 0 } else { table.refs.fetch_sub(1, Release) - 1 };
            if left != 0 {
                return;
            }
            std::sync::atomic::fence(Acquire);
            let has_values = table.kind() != Kind::Shared;
            for entry in table.entries() {
                let (key, value) = (entry.key.get(), entry.value.get());
                if key.is_null() {
                    continue;
                }
                drop(Ref::<Object>::from_raw_opt(key));
                if has_values {
                    drop(Ref::<Object>::from_raw_opt(value));
                }
            }
            Keys::free(py, keys, at_once);
        }
    }

    /// Adds an entry whose key is known to be absent. There is room, and the caller holds the table's lock.
    #[inline]
    pub(crate) fn append(&self, key: Ref<Object>, hash: isize, value: *mut PyObject) -> usize {
        self.append_by(key, hash, value, |at| self.place(hash, at))
    }

    /// [`Keys::append`] where [`Keys::find_text_slot`] has just found that cell of the index free.
    #[inline]
    pub(crate) fn append_at(&self, slot: usize, key: Ref<Object>, hash: isize, value: *mut PyObject) {
        self.append_by(key, hash, value, |at| self.store_slot(slot, at));
    }

    #[inline(always)]
    fn append_by(&self, key: Ref<Object>, hash: isize, value: *mut PyObject, place: impl FnOnce(usize)) -> usize {
        let at = self.entries.get() as usize;
        debug_assert!(self.usable.get() > 0);
        let entry = self.entry(at);
        if !self.is_text() {
            entry.hash.set(hash);
        }
        entry.value.store(value, Release);
        entry.key.store(key.into_raw(), Release);
        place(at);
        self.entries.store(at as isize + 1, Release);
        self.usable.set(self.usable.get() - 1);
        at
    }

    /// Points the index at entry `at`.
    #[inline]
    fn place(&self, hash: isize, at: usize) {
        let mut probe = Probe::new(hash, self.mask());
        while let Slot::Entry(_) = self.slot(probe.at) {
            probe.advance();
        }
        self.store_slot(probe.at, at);
    }

    /// Makes the index cell of entry `at` a deleted one.
    pub(crate) fn unplace(&self, hash: isize, at: usize) {
        let mut probe = Probe::new(hash, self.mask());
        loop {
            match self.slot(probe.at) {
                Slot::Entry(found) if found == at => break self.store_slot(probe.at, usize::MAX - 1),
                Slot::Empty => break,
                _ => probe.advance(),
            }
        }
    }

    /// Takes back the last entries after they were deleted, so that `popitem` need not skip them again.
    pub(crate) fn truncate(&self, count: usize) {
        self.entries.store(count as isize, Release);
    }

    /// Builds the index of a table whose entries are in place.
    pub(crate) fn set_filled(&self, count: usize) {
        self.entries.store(count as isize, Release);
        self.usable.set(self.usable.get() - count as isize);
        match self.width {
            0 => self.place_all::<u8>(),
            1 => self.place_all::<u16>(),
            2 => self.place_all::<u32>(),
            _ => self.place_all::<u64>(),
        }
    }

    /// Points the empty index of a table that nobody else sees yet at its entries.
    fn place_all<I: IndexCell>(&self) {
        let (text, index, mask) = (self.is_text(), self.index(), self.mask());
        for (at, entry) in self.entries().enumerate() {
            // SAFETY: the entry owns its key, a `str` in a text table; the probe is masked to the index.
            unsafe {
                let hash = if text { (*entry.key.get().cast::<Str>()).hash() } else { entry.hash.get() };
                let mut probe = Probe::new(hash, mask);
                while I::load(index, probe.at) != I::EMPTY {
                    probe.advance();
                }
                I::store(index, probe.at, at);
            }
        }
    }

    /// As [`Keys::set_filled`] for entries `gap..end`; the places before stay free.
    pub(crate) fn set_filled_behind(&self, gap: usize, end: usize) {
        for at in 0..gap {
            let entry = self.entry(at);
            entry.key.set(ptr::null_mut());
            entry.value.set(ptr::null_mut());
        }
        for at in gap..end {
            self.place(self.hash_of(at), at);
        }
        self.entries.store(end as isize, Release);
        self.usable.set(self.usable.get() - end as isize);
    }

    /// Moves entry `at` to the free place `to`; with `append`, `to` is behind the last entry and there is room.
    pub(crate) fn move_entry(&self, at: usize, to: usize, append: bool) {
        self.invalidate_version();
        let hash = self.hash_of(at);
        let (old, new) = (self.entry(at), self.entry(to));
        if !self.is_text() {
            new.hash.set(hash);
        }
        new.value.store(old.value.get(), Release);
        new.key.store(old.key.get(), Release);
        let mut probe = Probe::new(hash, self.mask());
        loop {
            match self.slot(probe.at) {
                Slot::Entry(found) if found == at => break self.store_slot(probe.at, to),
                Slot::Empty => break,
                _ => probe.advance(),
            }
        }
        old.value.store(ptr::null_mut(), Release);
        old.key.store(ptr::null_mut(), Release);
        if append {
            self.entries.store(to as isize + 1, Release);
            self.usable.set(self.usable.get() - 1);
        }
    }

    /// Writes entry `at` of a table that nobody else sees yet.
    #[inline]
    pub(crate) fn fill(&self, at: usize, key: *mut PyObject, value: *mut PyObject, hash: isize) {
        let entry = self.entry(at);
        entry.key.set(key);
        entry.value.set(value);
        if !self.is_text() {
            entry.hash.set(hash);
        }
    }

    /// Finds a string in a text or shared table. The caller holds the dict's lock, or keeps a shared table alive: its
    /// keys are never removed.
    #[inline]
    pub(crate) fn find_text(&self, key: &Str, hash: isize) -> Option<usize> {
        self.find_text_slot(key, hash).ok()
    }

    /// [`Keys::find_text`]; without the key, a cell of the index where it may go.
    #[inline]
    pub(crate) fn find_text_slot(&self, key: &Str, hash: isize) -> Result<usize, usize> {
        match self.width {
            0 => self.find_text_as::<u8>(key, hash),
            1 => self.find_text_as::<u16>(key, hash),
            2 => self.find_text_as::<u32>(key, hash),
            _ => self.find_text_as::<u64>(key, hash),
        }
    }

    #[inline(always)]
    fn find_text_as<I: IndexCell>(&self, key: &Str, hash: isize) -> Result<usize, usize> {
        let wanted = key.as_object().as_ptr();
        let mut probe = Probe::new(hash, self.mask());
        loop {
            // SAFETY: the probe is masked to the index.
            let at = unsafe { I::load(self.index(), probe.at) };
            if at < I::DELETED {
                let found = self.text_entry(at).key.get();
                if found == wanted {
                    return Ok(at);
                }
                // SAFETY: [locked]: the entry owns its key.
                let found = unsafe { &*found.cast::<Str>() };
                if found.hash() == hash && Str::eq(found, key) {
                    return Ok(at);
                }
            } else if at == I::EMPTY {
                return Err(probe.at);
            }
            probe.advance();
        }
    }

    /// [`Keys::find_text`] without a lock: `Err` when the table changes meanwhile.
    #[inline]
    pub(crate) fn try_find_text(&self, key: &Str, hash: isize) -> Result<Option<Found>, ()> {
        let wanted = key.as_object().as_ptr();
        let mut probe = Probe::new(hash, self.mask());
        loop {
            match self.slot(probe.at) {
                Slot::Empty => return Ok(None),
                Slot::Deleted => {}
                Slot::Entry(at) => {
                    let found = self.text_entry(at).key.load(Acquire);
                    if found == wanted {
                        return Ok(Some(Found { at, key: wanted, _held: None }));
                    }
                    // SAFETY: [quiescent]: the key's head outlives this read.
                    if found.is_null() || !unsafe { mode::try_incref(found) } {
                        return Err(());
                    }
                    // SAFETY: the reference just made; text tables hold strings.
                    let found = unsafe { Ref::<Str>::from_raw(found) };
                    if found.hash() == hash && Str::eq(&found, key) {
                        return Ok(Some(Found { at, key: found.as_ptr(), _held: Some(found.upcast()) }));
                    }
                }
            }
            probe.advance();
        }
    }

    /// Finds a key by identity or, among exact strings and small integers, by value, in a general table without a
    /// lock. `Err` when that does not decide it.
    #[inline]
    pub(crate) fn try_find_general(&self, key: &Object, hash: isize) -> Result<Option<Found>, ()> {
        let wanted = key.as_ptr();
        let mut probe = Probe::new(hash, self.mask());
        loop {
            match self.slot(probe.at) {
                Slot::Empty => return Ok(None),
                Slot::Deleted => {}
                Slot::Entry(at) => {
                    let entry = self.entry(at);
                    let found = entry.key.load(Acquire);
                    if found == wanted {
                        return Ok(Some(Found { at, key: wanted, _held: None }));
                    }
                    if entry.hash.get() == hash {
                        // SAFETY: [quiescent]: the key's head outlives this read.
                        if found.is_null() || !unsafe { mode::try_incref(found) } {
                            return Err(());
                        }
                        // SAFETY: the reference just made.
                        let found = unsafe { Ref::<Object>::from_raw(found) };
                        match plain_eq(&found, key) {
                            Some(true) => return Ok(Some(Found { at, key: found.as_ptr(), _held: Some(found) })),
                            Some(false) => {}
                            None => return Err(()),
                        }
                    }
                }
            }
            probe.advance();
        }
    }

    /// Runs `f` with a shared table's own lock.
    pub(crate) fn with_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        if FREE_THREADED {
            while self.lock.compare_exchange_weak(0, 1, Acquire, Relaxed).is_err() {
                std::hint::spin_loop();
                if self.lock.load(Relaxed) != 0 {
                    std::thread::yield_now();
                }
            }
        }
        let result = f();
        if FREE_THREADED {
            self.lock.store(0, Release);
        }
        result
    }

    /// The version, assigned on demand; 0 when they ran out.
    pub(crate) fn version(&self) -> u32 {
        if self.is_static_empty() {
            return 0;
        }
        match self.version.load(Acquire) {
            0 => {
                let next = NEXT_VERSION.fetch_update(Relaxed, Relaxed, |next| next.checked_add(1)).unwrap_or(0);
                match self.version.compare_exchange(0, next, Release, Acquire) {
                    Ok(_) => next,
                    Err(other) => other,
                }
            }
            version => version,
        }
    }

    /// The version if one is assigned.
    #[inline(always)]
    pub(crate) fn current_version(&self) -> u32 {
        self.version.load(Acquire)
    }

    /// The set of keys changes: caches must not rely on it any more.
    #[inline(always)]
    pub(crate) fn invalidate_version(&self) {
        if self.version.load(Relaxed) != 0 {
            self.version.store(0, Release);
        }
    }

    /// Lets a shared table take `count` more keys at most.
    pub(crate) fn limit_usable(&self, count: usize) {
        self.usable.set(self.usable.get().min(count as isize));
    }
}

/// Where a reader without a lock found a key. The entry may have got another key since, but not another one at this
/// address: the reader has a reference.
pub(crate) struct Found {
    pub(crate) at: usize,
    /// The entry's key.
    pub(crate) key: *mut PyObject,
    _held: Option<Ref<Object>>,
}

/// Equality of two objects with equal hashes when it needs no Python code: strings and integers.
#[inline(always)]
pub(crate) fn plain_eq(left: &Object, right: &Object) -> Option<bool> {
    if let (Some(left), Some(right)) = (left.downcast_exact::<Str>(), right.downcast_exact::<Str>()) {
        return Some(Str::eq(left, right));
    }
    if let (Some(left), Some(right)) = (left.downcast_exact::<crate::Int>(), right.downcast_exact::<crate::Int>()) {
        if left.is_compact() && right.is_compact() {
            return Some(left.compact_value() == right.compact_value());
        }
        return Some(left.is_negative() == right.is_negative() && left.digits() == right.digits());
    }
    None
}

/// The hash of a dict key, without a call for strings.
#[inline(always)]
pub(crate) fn hash_key(py: Attached<'_>, key: &Object) -> PyResult<isize> {
    match key.downcast_exact::<Str>() {
        Some(text) => Ok(text.hash()),
        None => key.hash(py).map_err(|error| super::super::container::explain_unhashable(py, error, key, "a dict key")),
    }
}

/// An index cell's integer type.
trait IndexCell {
    const EMPTY: usize;
    const DELETED: usize;
    /// # Safety
    /// Cell `at` lies in the index.
    unsafe fn load(index: *mut u8, at: usize) -> usize;
    /// # Safety
    /// As [`IndexCell::load`]; [locked].
    unsafe fn store(index: *mut u8, at: usize, value: usize);
}

macro_rules! index_cell {
    ($($int:ty),*) => {$(
        impl IndexCell for $int {
            const EMPTY: usize = <$int>::MAX as usize;
            const DELETED: usize = <$int>::MAX as usize - 1;
            #[inline(always)]
            unsafe fn load(index: *mut u8, at: usize) -> usize {
                // SAFETY: by the contract; the index is aligned to 8.
                unsafe { (*index.cast::<Field<$int>>().add(at)).load(Acquire) as usize }
            }
            #[inline(always)]
            unsafe fn store(index: *mut u8, at: usize, value: usize) {
                // SAFETY: by the contract.
                unsafe { (*index.cast::<Field<$int>>().add(at)).store(value as $int, Release) }
            }
        }
    )*};
}
index_cell!(u8, u16, u32, u64);
