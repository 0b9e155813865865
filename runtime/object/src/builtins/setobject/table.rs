//! The open-addressing table behind `set` and `frozenset`.
//!
//! Up to five items live in the object's own small table. A larger table has memory of its own, before which stands
//! its mask: a reader without a lock goes by it, because the object's `mask` may belong to the next table already.
//! Such a reader never sees items move within a table; a rebuilt table is always a new one.
use crate::builtins::dictobject::plain_eq;
use crate::handle::{Attached, Layout, Locked, Ref, Visit};
use crate::layout::{Field, PyObject, PySetObject, setentry};
use crate::reserve::{make_room, with_room};
use crate::tracemalloc::memory::{alloc_zeroed, dealloc};
use crate::{FREE_THREADED, FrozenSet, Object, PyResult, Set, Str, Type, mem, mode};
use std::alloc::Layout as MemLayout;
use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Release};

/// A `set` or a `frozenset`.
#[repr(transparent)]
pub struct AnySet(pub(crate) PySetObject);

// SAFETY: [layout]: both types and their subtypes begin with `PySetObject`.
unsafe impl Layout for AnySet {
    fn type_object() -> &'static Type {
        Set::type_object()
    }
    #[inline]
    fn is_type_of(ty: &Type) -> bool {
        let (set, frozen) = (Set::type_object(), FrozenSet::type_object());
        ptr::eq(ty, set) || ptr::eq(ty, frozen) || ty.is_subtype_of(set) || ty.is_subtype_of(frozen)
    }
}

const SMALL: usize = 8;
/// How many neighbours are tried before the probe jumps.
const LINEAR_PROBES: usize = 9;
const MIN_MASK: usize = SMALL - 1;

/// What stands in a slot whose item was removed.
static DUMMY: PyObject = PyObject::immortal((&raw const super::super::object::PyBaseObject_Type).cast_mut());

#[inline(always)]
fn dummy() -> *mut PyObject {
    (&raw const DUMMY).cast_mut()
}

/// The slots that a hash visits, in order.
struct Probe {
    base: usize,
    at: usize,
    left: usize,
    perturb: usize,
    mask: usize,
}

impl Probe {
    #[inline(always)]
    fn new(hash: isize, mask: usize) -> Self {
        let mut probe = Probe { base: hash as usize & mask, at: 0, left: 0, perturb: hash as usize, mask };
        probe.start();
        probe
    }

    #[inline(always)]
    fn start(&mut self) {
        self.at = self.base;
        self.left = if self.base + LINEAR_PROBES <= self.mask { LINEAR_PROBES } else { 0 };
    }

    #[inline(always)]
    fn advance(&mut self) {
        if self.left > 0 {
            self.left -= 1;
            self.at += 1;
            return;
        }
        self.perturb >>= 5;
        self.base = self.base.wrapping_mul(5).wrapping_add(1).wrapping_add(self.perturb) & self.mask;
        self.start();
    }
}

/// A table with memory of its own: the mask, padding, then the entries.
const HEADER: usize = 16;

fn layout_of(mask: usize) -> Option<MemLayout> {
    let bytes = (mask + 1).checked_mul(size_of::<setentry>())?.checked_add(HEADER)?;
    MemLayout::from_size_align(bytes, 16).ok()
}

fn alloc_table(mask: usize) -> Option<*mut setentry> {
    let layout = layout_of(mask)?;
    // SAFETY: the layout is not empty.
    unsafe {
        let base = alloc_zeroed(layout);
        if base.is_null() {
            return None;
        }
        base.cast::<usize>().write(mask);
        Some(base.add(HEADER).cast())
    }
}

/// # Safety
/// `table` came from [`alloc_table`] with `mask` and is out of its set; without `at_once`, readers may see it.
unsafe fn free_table(py: Attached<'_>, table: *mut setentry, mask: usize, at_once: bool) {
    unsafe fn free(base: *mut u8, size: usize) {
        if let Ok(layout) = MemLayout::from_size_align(size, 16) {
            // SAFETY: `retire` hands back what it was given.
            unsafe { dealloc(base, layout) };
        }
    }
    let Some(layout) = layout_of(mask) else { return };
    // SAFETY: by the contract.
    unsafe {
        let base = table.cast::<u8>().sub(HEADER);
        if at_once { free(base, layout.size()) } else { mem::retire(py, base, layout.size(), free) }
    }
}

/// The hash of a set item.
#[inline(always)]
pub fn hash_item(py: Attached<'_>, item: &Object) -> PyResult<isize> {
    match item.downcast_exact::<Str>() {
        Some(text) => Ok(text.hash()),
        None => {
            item.hash(py).map_err(|error| super::super::container::explain_unhashable(py, error, item, "a set element"))
        }
    }
}

/// The content of a set at one moment: items with their hashes, in table order.
pub(crate) type Items = Vec<(Ref<Object>, isize)>;

impl AnySet {
    #[inline(always)]
    pub fn raw(&self) -> &PySetObject {
        &self.0
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.used.get() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    fn small(&self) -> *mut setentry {
        ptr::from_ref(&self.0.smalltable).cast_mut().cast()
    }

    /// Makes zeroed memory an empty set.
    pub(super) fn init(&self) {
        self.0.mask.set(MIN_MASK as isize);
        self.0.table.set(self.small());
        self.0.hash.set(-1);
    }

    #[inline(always)]
    pub(super) fn mask(&self) -> usize {
        self.0.mask.get() as usize
    }

    #[inline(always)]
    fn entry(&self, at: usize) -> &setentry {
        // SAFETY: [locked]: table and mask belong together, and `at` is masked.
        unsafe { &*self.0.table.get().add(at) }
    }

    /// Whether a sized iteration may go on at `pos`: the item there or after, and moves `pos` on. The lock is held.
    pub fn step(&self, pos: &mut usize) -> Option<(Ref<Object>, isize)> {
        while *pos <= self.mask() {
            let entry = self.entry(*pos);
            *pos += 1;
            let key = entry.key.get();
            if !key.is_null() && key != dummy() {
                // SAFETY: [locked]: the entry owns its item.
                return unsafe { Some((Object::from_ptr(key).to_ref(), entry.hash.get())) };
            }
        }
        None
    }

    /// The items with their hashes at one moment.
    pub(crate) fn snapshot(&self, py: Attached<'_>) -> PyResult<Items> {
        let this = self.lock(py);
        let mut items = with_room(py, this.len())?;
        let mut pos = 0;
        while let Some(item) = this.step(&mut pos) {
            items.push(item);
        }
        Ok(items)
    }

    pub fn to_vec(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        Ok(self.snapshot(py)?.into_iter().map(|(item, _)| item).collect())
    }

    /// `key in self`, without the rule that sets may be looked up in place of frozensets.
    #[inline]
    pub fn contains_known(&self, py: Attached<'_>, key: &Object, hash: isize) -> PyResult<bool> {
        if FREE_THREADED
            && mode::readable_unlocked(self.as_object())
            && let Ok(found) = self.try_contains(key, hash)
        {
            return Ok(found);
        }
        let this = self.lock(py);
        if FREE_THREADED {
            mode::set_shared(self.as_object());
        }
        let found = this.find(py, key, hash)?;
        if FREE_THREADED && let Some(at) = found {
            // SAFETY: [locked]: the entry owns its item.
            unsafe { mode::publish(this.entry(at).key.get()) };
        }
        Ok(found.is_some())
    }

    /// The optimistic lookup of `nogil` mode; `Err` when it needs the lock.
    #[inline]
    fn try_contains(&self, wanted: &Object, hash: isize) -> Result<bool, ()> {
        let table = self.0.table.load(Acquire);
        let mask = match table == self.small() {
            true => MIN_MASK,
            // SAFETY: [quiescent]: a replaced table is retired; the mask before it never changes.
            false => unsafe { *table.cast::<u8>().sub(HEADER).cast::<usize>() },
        };
        let same_table = || ptr::eq(self.0.table.load(Acquire), table);
        let mut probe = Probe::new(hash, mask);
        loop {
            // SAFETY: as above; the probe stays within the mask.
            let entry = unsafe { &*table.add(probe.at) };
            let key = entry.key.load(Acquire);
            if key.is_null() {
                return if same_table() { Ok(false) } else { Err(()) };
            }
            if ptr::eq(key, wanted.as_ptr()) {
                return if same_table() { Ok(true) } else { Err(()) };
            }
            if entry.hash.load(Acquire) == hash && key != dummy() {
                // SAFETY: [quiescent]: the item's head outlives this read.
                if !unsafe { mode::try_incref(key) } {
                    return Err(());
                }
                // SAFETY: the reference just made.
                let found = unsafe { Ref::<Object>::from_raw(key) };
                if !ptr::eq(entry.key.load(Acquire), key) || !same_table() {
                    return Err(());
                }
                match plain_eq(&found, wanted) {
                    Some(true) => return Ok(true),
                    Some(false) => {}
                    None => return Err(()),
                }
            }
            probe.advance();
        }
    }

    /// Drops everything in a set that nobody else can reach.
    pub(super) fn dealloc_table(&self, py: Attached<'_>) {
        let (table, mask) = (self.0.table.get(), self.mask());
        let at_once = mode::frees_at_once(self.as_object());
        // SAFETY: table and mask belong together, and nobody uses them afterwards.
        unsafe {
            if self.0.fill.get() > 0 {
                let_go(std::slice::from_raw_parts(table, mask + 1));
            }
            if table != self.small() {
                free_table(py, table, mask, at_once);
            }
        }
    }

    /// Drops everything. Nobody else can reach the set's old content afterwards.
    pub(super) fn clear_table(&self, py: Attached<'_>) {
        drop(self.take(py));
    }

    /// Takes everything out.
    fn take<'py>(&self, py: Attached<'py>) -> Content<'py> {
        self.lock(py).replace(py, Content::empty(py))
    }

    pub(super) fn traverse_table(&self, visit: Visit<'_>) -> Result<(), c_int> {
        if self.0.table.get().is_null() {
            return Ok(());
        }
        (0..=self.mask()).try_for_each(|at| match self.entry(at).key.get() {
            key if key == dummy() => Ok(()),
            key => visit.raw(key),
        })
    }

    pub(super) fn table_bytes(&self) -> usize {
        if self.0.table.get() == self.small() { 0 } else { (self.mask() + 1) * size_of::<setentry>() }
    }

    /// Puts the content of `other`, which is left empty, in place of the set's own; what that was.
    pub(super) fn take_content<'py>(&self, py: Attached<'py>, other: &AnySet) -> PyResult<Content<'py>> {
        let mut new = other.take(py);
        let this = self.lock(py);
        if !mode::frees_at_once(self.as_object()) {
            new.leave_small_table()?;
        } else if matches!(new.place, Place::Own { at_once: false, .. }) {
            mode::set_shared(self.as_object());
        }
        Ok(this.replace(py, new))
    }
}

/// What a set holds, while it is in none.
///
/// Nobody else changes it, so its items are let go one by one: that takes no memory, and may run any code.
pub(super) struct Content<'py> {
    py: Attached<'py>,
    fill: isize,
    used: isize,
    place: Place,
}

enum Place {
    /// What was in a small table.
    Small([setentry; SMALL]),
    /// A table with memory of its own; without `at_once`, readers may see it.
    Own { table: *mut setentry, mask: usize, at_once: bool },
}

const NO_ENTRY: setentry = setentry { key: Field::new(ptr::null_mut()), hash: Field::new(0) };

/// Moves the entries of one table to another. The order lets readers of the second one see whole entries only.
fn move_entries(from: &[setentry; SMALL], to: &[setentry]) {
    for (from, to) in from.iter().zip(to) {
        to.hash.set(from.hash.get());
        to.key.store(from.key.get(), Release);
    }
}

/// Drops the items of a table one by one, which takes no memory.
///
/// # Safety
/// The table is in no set that anybody can reach, so that the caller owns its items.
unsafe fn let_go(entries: &[setentry]) {
    for entry in entries {
        let key = entry.key.get();
        if !key.is_null() && key != dummy() {
            entry.key.store(ptr::null_mut(), Release);
            // SAFETY: by the contract.
            drop(unsafe { Ref::<Object>::from_raw(key) });
        }
    }
}

impl<'py> Content<'py> {
    fn empty(py: Attached<'py>) -> Self {
        Content { py, fill: 0, used: 0, place: Place::Small([NO_ENTRY; SMALL]) }
    }

    /// Gives the items a table of their own, for a set in whose small table readers may be under way.
    fn leave_small_table(&mut self) -> PyResult<()> {
        if let Place::Small(entries) = &self.place
            && self.fill > 0
        {
            let Some(table) = alloc_table(MIN_MASK) else { return Err(self.py.no_memory()) };
            // SAFETY: the new table has as many entries as the small one.
            move_entries(entries, unsafe { std::slice::from_raw_parts(table, SMALL) });
            self.place = Place::Own { table, mask: MIN_MASK, at_once: true };
        }
        Ok(())
    }
}

impl Drop for Content<'_> {
    fn drop(&mut self) {
        // SAFETY: the table is out of its set.
        unsafe {
            match &self.place {
                Place::Small(entries) => let_go(entries),
                &Place::Own { table, mask, at_once } => {
                    let_go(std::slice::from_raw_parts(table, mask + 1));
                    free_table(self.py, table, mask, at_once);
                }
            }
        }
    }
}

impl Locked<'_, AnySet> {
    /// The slot of an item. Comparisons may run Python code; the search starts over if the set changed meanwhile.
    pub(super) fn find(&self, py: Attached<'_>, wanted: &Object, hash: isize) -> PyResult<Option<usize>> {
        'restart: loop {
            let (table, mask) = (self.0.table.get(), self.mask());
            let mut probe = Probe::new(hash, mask);
            loop {
                let entry = self.entry(probe.at);
                let key = entry.key.get();
                if key.is_null() {
                    return Ok(None);
                }
                if entry.hash.get() == hash && key != dummy() {
                    if ptr::eq(key, wanted.as_ptr()) {
                        return Ok(Some(probe.at));
                    }
                    // SAFETY: [locked]: the entry owns its item.
                    let found = unsafe { Object::from_ptr(key) }.to_ref();
                    let equal = match plain_eq(&found, wanted) {
                        Some(equal) => equal,
                        None => {
                            let equal = found.eq(py, wanted)?;
                            if !ptr::eq(self.0.table.get(), table)
                                || self.mask() != mask
                                || !ptr::eq(self.entry(probe.at).key.get(), key)
                            {
                                continue 'restart;
                            }
                            equal
                        }
                    };
                    if equal {
                        return Ok(Some(probe.at));
                    }
                }
                probe.advance();
            }
        }
    }

    /// Adds an item unless an equal one is there; whether it was new.
    pub(super) fn add(&self, py: Attached<'_>, item: &Object, hash: isize) -> PyResult<bool> {
        if self.find(py, item, hash)?.is_some() {
            return Ok(false);
        }
        self.add_fresh(py, item.to_ref(), hash)?;
        Ok(true)
    }

    /// Adds an item that is known to be absent.
    pub(super) fn add_fresh(&self, py: Attached<'_>, item: Ref<Object>, hash: isize) -> PyResult<()> {
        let mut probe = Probe::new(hash, self.mask());
        while !self.entry(probe.at).key.get().is_null() {
            probe.advance();
        }
        let entry = self.entry(probe.at);
        entry.hash.set(hash);
        entry.key.store(item.into_raw(), Release);
        let fill = self.0.fill.get() + 1;
        self.0.fill.set(fill);
        self.0.used.set(self.0.used.get() + 1);
        if fill as usize * 5 < self.mask() * 3 {
            return Ok(());
        }
        let used = self.len();
        self.resize(py, if used > 50_000 { used * 2 } else { used * 4 })
    }

    /// Rebuilds the table for more than `min_used` items.
    pub(super) fn resize(&self, py: Attached<'_>, min_used: usize) -> PyResult<()> {
        let mut size = SMALL;
        while size <= min_used {
            size <<= 1;
        }
        let (old, old_mask) = (self.0.table.get(), self.mask());
        let old_inline = old == self.small();
        let at_once = mode::frees_at_once(self.as_object());
        let mask = size - 1;
        // The small table can take the items back when no reader can be under way in it.
        let new = if size == SMALL && !old_inline && at_once {
            // SAFETY: [locked]: not in use.
            unsafe { ptr::write_bytes(self.small(), 0, SMALL) };
            self.small()
        } else {
            match alloc_table(mask) {
                Some(table) => table,
                None => return Err(py.no_memory()),
            }
        };
        for at in 0..=old_mask {
            let entry = self.entry(at);
            let key = entry.key.get();
            if key.is_null() || key == dummy() {
                continue;
            }
            let hash = entry.hash.get();
            let mut probe = Probe::new(hash, mask);
            // SAFETY: the probe stays within the new table, which has room.
            unsafe {
                while !(*new.add(probe.at)).key.get().is_null() {
                    probe.advance();
                }
                (*new.add(probe.at)).hash.set(hash);
                (*new.add(probe.at)).key.set(key);
            }
        }
        self.0.table.store(new, Release);
        self.0.mask.set(mask as isize);
        self.0.fill.set(self.0.used.get());
        if !old_inline {
            // SAFETY: out of the set; the items moved.
            unsafe { free_table(py, old, old_mask, at_once) };
        }
        Ok(())
    }

    /// Takes the item of a slot out.
    pub(super) fn remove_at(&self, at: usize) -> Option<Ref<Object>> {
        let entry = self.entry(at);
        let key = entry.key.get();
        entry.key.store(dummy(), Release);
        entry.hash.set(-1);
        self.0.used.set(self.0.used.get() - 1);
        // SAFETY: [locked]: the entry owned it.
        unsafe { Ref::from_raw_opt(key) }
    }

    /// Removes an item; what was in the set.
    pub(super) fn remove(&self, py: Attached<'_>, item: &Object, hash: isize) -> PyResult<Option<Ref<Object>>> {
        Ok(self.find(py, item, hash)?.and_then(|at| self.remove_at(at)))
    }

    /// Removes some item.
    pub(super) fn pop(&self) -> Option<Ref<Object>> {
        if self.is_empty() {
            return None;
        }
        let mask = self.mask();
        let mut at = self.0.finger.get() as usize & mask;
        loop {
            let key = self.entry(at).key.get();
            if !key.is_null() && key != dummy() {
                self.0.finger.set(at as isize + 1);
                return self.remove_at(at);
            }
            at = (at + 1) & mask;
        }
    }

    /// Puts other content in place of what the set holds, and returns that.
    fn replace<'py>(&self, py: Attached<'py>, new: Content<'py>) -> Content<'py> {
        let (table, mask) = (self.0.table.get(), self.mask());
        let place = if table == self.small() {
            let entries = [NO_ENTRY; SMALL];
            move_entries(&self.0.smalltable, &entries);
            Place::Small(entries)
        } else {
            Place::Own { table, mask, at_once: mode::frees_at_once(self.as_object()) }
        };
        let old = Content { py, fill: self.0.fill.get(), used: self.0.used.get(), place };
        // Its items are the set's from here on.
        let new = ManuallyDrop::new(new);
        // A reader that meets an entry of the next table finds that it is the next.
        let mask = match &new.place {
            Place::Small(entries) => {
                move_entries(entries, &self.0.smalltable);
                self.0.table.store(self.small(), Release);
                MIN_MASK
            }
            &Place::Own { table, mask, .. } => {
                self.0.table.store(table, Release);
                move_entries(&[NO_ENTRY; SMALL], &self.0.smalltable);
                mask
            }
        };
        self.0.mask.set(mask as isize);
        self.0.fill.set(new.fill);
        self.0.used.set(new.used);
        self.0.hash.set(-1);
        old
    }

    /// Adds all items of another set, taken at one moment. An empty set of the same size gets the same layout.
    pub(super) fn merge_from(&self, py: Attached<'_>, other: &AnySet) -> PyResult<()> {
        let (items, places, mask) = {
            let other = other.lock(py);
            let clean = other.0.fill.get() == other.0.used.get();
            let (mut items, mut places, mut pos) = (with_room(py, other.len())?, Vec::new(), 0);
            if clean {
                make_room(py, &mut places, other.len())?;
            }
            while let Some(item) = other.step(&mut pos) {
                items.push(item);
                if clean {
                    places.push(pos - 1);
                }
            }
            (items, places, other.mask())
        };
        let count = items.len();
        if (self.0.fill.get() as usize + count) * 5 >= self.mask() * 3 {
            self.resize(py, (self.len() + count) * 2)?;
        }
        if self.0.fill.get() != 0 || self.mask() != mask || places.len() != count {
            return self.merge(py, items);
        }
        for ((item, hash), at) in items.into_iter().zip(places) {
            let entry = self.entry(at);
            entry.hash.set(hash);
            entry.key.store(item.into_raw(), Release);
        }
        self.0.fill.set(count as isize);
        self.0.used.set(count as isize);
        Ok(())
    }

    /// Adds the items of another set, which were taken at one moment.
    pub(super) fn merge(&self, py: Attached<'_>, items: Items) -> PyResult<()> {
        let count = items.len();
        if (self.0.fill.get() as usize + count) * 5 >= self.mask() * 3 {
            self.resize(py, (self.len() + count) * 2)?;
        }
        let blank = self.0.fill.get() == 0;
        for (item, hash) in items {
            if blank {
                let mut probe = Probe::new(hash, self.mask());
                while !self.entry(probe.at).key.get().is_null() {
                    probe.advance();
                }
                let entry = self.entry(probe.at);
                entry.hash.set(hash);
                entry.key.store(item.into_raw(), Release);
                self.0.fill.set(self.0.fill.get() + 1);
                self.0.used.set(self.0.used.get() + 1);
            } else {
                self.add(py, &item, hash)?;
            }
        }
        Ok(())
    }
}
