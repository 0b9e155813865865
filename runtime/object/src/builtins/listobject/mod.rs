//! `list`: a growable array.
//!
//! Concurrency in `nogil` mode: reads of one item take no lock. Each single operation (index, assignment, `append`,
//! `extend` from a list or tuple, slice assignment, `sort`, ...) is atomic: others see its state before or after.
//! Iteration sees each item that is at its position when it gets there. During `sort` the list looks empty.
mod array;
mod iter;
mod methods;
mod slices;
mod sort;

pub(crate) use array::Items;
pub use iter::{ListIter, ListRevIter};

use crate::handle::{Attached, Layout, Locked, Ref, Visit};
use crate::layout::{Field, PyListObject, PyObject};

use crate::{FREE_THREADED, Object, PyResult, Read, gc, mem, mode, pytype, raise};
use array::{alloc_items, capacity_of, free_items, realloc_items, retire_items};
use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Release};

/// A mutable sequence.
#[repr(transparent)]
pub struct List(pub(crate) PyListObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyList_Type: "list" for List {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC, LIST_SUBCLASS, MATCH_SELF, SEQUENCE],
        fast: LIST_SUBCLASS,
        doc: "list(iterable=(), /)\n--\n\nA sequence that can change.\n\nWithout an argument it is empty; otherwise it starts with the iterable's items.",
        slots: {
            tp_dealloc = List::dealloc,
            tp_repr = List::repr,
            tp_traverse = List::traverse,
            tp_clear = |py: Attached<'_>, this: &List| this.clear(py),
            tp_richcompare = List::compare,
            tp_iter = List::make_iter,
            tp_new = List::construct,
            tp_init = List::init,
            raw tp_vectorcall = Some(methods::list_vectorcall as crate::layout::vectorcallfunc),
            length = |_, this: &List| Ok(this.len()),
            sq_concat = List::concat,
            sq_repeat = List::repeat,
            sq_item = List::sq_item,
            sq_ass_item = List::ass_item,
            sq_contains = List::contains,
            sq_inplace_concat = List::inplace_concat,
            sq_inplace_repeat = List::inplace_repeat,
            mp_subscript = List::subscript,
            mp_ass_subscript = List::ass_subscript,
        },
        methods: {
            coexist o "__getitem__" => List::subscript, "($self, index, /)", "Return self[index].";
            noargs "__reversed__" => List::reversed, "($self, /)", "Return an iterator from the last item to the first.";
            noargs "__sizeof__" => List::sizeof, "($self, /)", "Return how many bytes the list takes.";
            noargs "clear" => |py: Attached<'_>, this: &List| this.clear(py), "($self, /)", "Remove all items.";
            noargs "copy" => List::copy, "($self, /)", "Return a new list of the same items.";
            o "append" => |py: Attached<'_>, this: &List, item: &Object| this.push(py, item.to_ref()), "($self, object, /)", "Add an item at the end.";
            sig "insert" => List::py_insert, "($self, index, object, /)", "Put an item before position index.";
            o "extend" => |py: Attached<'_>, this: &List, iterable: &Object| this.extend(py, iterable), "($self, iterable, /)", "Add all items of an iterable at the end.";
            sig "pop" => List::py_pop, "($self, index=-1, /)", "Remove the item at position index and return it.\n\nRaises IndexError if there is none.";
            o "remove" => List::py_remove, "($self, value, /)", "Remove the first item that equals value.\n\nRaises ValueError if there is none.";
            sig "index" => List::py_index, "($self, value, start=0, stop=sys.maxsize, /)", "Return the position of the first item equal to value.\n\nRaises ValueError if there is none.";
            o "count" => List::count, "($self, value, /)", "Return how many items equal value.";
            noargs "reverse" => |py: Attached<'_>, this: &List| this.reverse(py), "($self, /)", "Reverse the order of the items in place.";
            sig "sort" => List::py_sort, "($self, /, *, key=None, reverse=False)", "Sort the items in place, in ascending order.\n\nThe sort is stable. With key, items are ordered by key(item), which is\ncalled once for each item. With reverse, the order is descending.";
            class o "__class_getitem__" => crate::builtins::container::generic_alias, "($type, object, /)", "See PEP 585";
        },
    }
}

impl List {
    #[inline(always)]
    pub fn raw(&self) -> &PyListObject {
        &self.0
    }

    pub fn new(py: Attached<'_>) -> PyResult<Ref<List>> {
        Self::from_vec(py, Vec::new())
    }

    pub fn from_vec(py: Attached<'_>, items: Vec<Ref<Object>>) -> PyResult<Ref<List>> {
        List::from_items(py, items.into_iter())
    }

    /// A list that takes over items.
    pub fn from_items(py: Attached<'_>, mut items: impl ExactSizeIterator<Item = Ref<Object>>) -> PyResult<Ref<List>> {
        let count = items.len();
        List::build(py, count, |_| items.next().expect("as many items as there are said to be"))
    }

    /// A list of `count` items whose item `i` is what `item(i)` makes; nothing is asked for when memory is short.
    #[inline]
    pub fn build(py: Attached<'_>, count: usize, mut item: impl FnMut(usize) -> Ref<Object>) -> PyResult<Ref<List>> {
        let list = List::with_capacity(py, count)?;
        let array = list.items();
        for at in 0..count {
            // SAFETY: the array has room for `count` items.
            unsafe { (*array.add(at)).set(item(at).into_raw()) };
        }
        list.0.ob_base.ob_size.set(count as isize);
        gc::track(list.as_object());
        Ok(list)
    }

    pub fn from_slice(py: Attached<'_>, items: &[&Object]) -> PyResult<Ref<List>> {
        let list = List::with_capacity(py, items.len())?;
        let array = list.items();
        for (at, item) in items.iter().enumerate() {
            // SAFETY: the array has room for the items.
            unsafe { (*array.add(at)).set(item.to_ref().into_raw()) };
        }
        list.0.ob_base.ob_size.set(items.len() as isize);
        gc::track(list.as_object());
        Ok(list)
    }

    /// A list of items of `parts`, one after the other, each part as it is at one moment. From the length of a part,
    /// `pick` says which items: the first one's place, the step to the next, and how many.
    pub(crate) fn joined(
        py: Attached<'_>,
        parts: &[&List],
        pick: impl Fn(usize) -> (isize, isize, usize),
    ) -> PyResult<Ref<List>> {
        loop {
            // Made before the locks are taken; too small if a list grows meanwhile.
            let joined = List::with_capacity(py, parts.iter().map(|list| pick(list.len()).2).sum())?;
            if parts.iter().all(|list| joined.take_items(&list.lock(py), &pick)) {
                joined.clear_spare();
                gc::track(joined.as_object());
                return Ok(joined);
            }
        }
    }

    /// Appends the items that `pick` names to a fresh list; `false` when there is no room for them.
    fn take_items(&self, other: &Locked<List>, pick: impl Fn(usize) -> (isize, isize, usize)) -> bool {
        let (from, step, count) = pick(other.len());
        let (cells, at) = (other.cells(), self.len());
        if count > self.0.allocated.get() as usize - at {
            return false;
        }
        if count == 0 {
            return true;
        }
        // SAFETY: there is room, which nobody else sees.
        let new = unsafe { std::slice::from_raw_parts(self.items().add(at), count) };
        if step == 1 {
            let old = &cells[from as usize..from as usize + count];
            // SAFETY: [locked]: nobody writes the old cells.
            unsafe { ptr::copy_nonoverlapping(old.as_ptr().cast::<*mut PyObject>(), new[0].as_ptr(), count) };
        } else {
            let old = |index: usize| &cells[(from + index as isize * step) as usize];
            new.iter().enumerate().for_each(|(index, new)| new.set(old(index).get()));
        }
        // SAFETY: [locked]: the other list owns its items; a list that C is filling has null ones.
        unsafe { mode::incref_each(new.iter().map(Field::get)) };
        self.0.ob_base.ob_size.set((at + count) as isize);
        true
    }

    /// An empty, untracked list with room for `capacity` items, which the caller fills: readers without a lock go by the
    /// capacity, so no cell may stay as it is.
    pub(crate) fn with_capacity(py: Attached<'_>, capacity: usize) -> PyResult<Ref<List>> {
        let raw = mem::alloc_instance(py, List::type_object(), 0)?;
        // SAFETY: a fresh instance of the type; zeroed fields are an empty list.
        let list = unsafe { Ref::<List>::from_raw(raw.as_ptr()) };
        if capacity > 0 {
            let array = alloc_items(capacity);
            if array.is_null() {
                return Err(py.no_memory());
            }
            list.0.ob_item.set(array.cast());
            list.0.allocated.set(capacity as isize);
        }
        Ok(list)
    }

    /// Sets the cells behind the last item of a fresh list to null.
    fn clear_spare(&self) {
        let (len, capacity) = (self.len(), self.0.allocated.get() as usize);
        if FREE_THREADED && len < capacity {
            // SAFETY: the array has room for `capacity` words.
            unsafe { ptr::write_bytes(self.items().add(len), 0, capacity - len) };
        }
    }

    /// A tracked list of `size` null items, for `PyList_New`.
    pub fn with_null_items(py: Attached<'_>, size: usize) -> PyResult<Ref<List>> {
        let list = List::with_capacity(py, size)?;
        // SAFETY: the array has room for `size` words.
        unsafe { ptr::write_bytes(list.items(), 0, size) };
        list.0.ob_base.ob_size.set(size as isize);
        gc::track(list.as_object());
        Ok(list)
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.ob_base.ob_size.get() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub(crate) fn items(&self) -> Items {
        self.0.ob_item.get().cast()
    }

    /// The item cells. The caller holds the lock, or nobody else knows the list.
    #[inline(always)]
    pub(crate) fn cells(&self) -> &[Field<*mut PyObject>] {
        match self.len() {
            0 => &[],
            // SAFETY: [locked]: array and size belong together; the array has at least `len` items.
            len => unsafe { std::slice::from_raw_parts(self.items(), len) },
        }
    }

    /// A new reference to item `index`, lock-free on the fast path; `None` when out of range.
    #[inline]
    pub fn get(&self, py: Attached<'_>, index: usize) -> Option<Ref<Object>> {
        if index >= self.len() {
            return None;
        }
        if !FREE_THREADED {
            // SAFETY: [attached]: nobody changes the list meanwhile.
            return unsafe { Ref::from_borrowed_opt((*self.items().add(index)).get()) };
        }
        match self.try_get(index) {
            Some(item) => Some(item),
            None => self.slow_get(py, index),
        }
    }

    /// The optimistic read of `nogil` mode.
    #[inline(always)]
    fn try_get(&self, index: usize) -> Option<Ref<Object>> {
        // SAFETY: at once.
        unsafe { self.read(index).into_ref() }
    }

    /// Reads item `index` without a lock, for a word of a frame.
    #[inline(always)]
    pub fn read(&self, index: usize) -> Read {
        if index >= self.len() || !mode::readable_unlocked(self.as_object()) {
            return Read::NOTHING;
        }
        let array = self.0.ob_item.load(Acquire);
        if array.is_null() {
            return Read::NOTHING;
        }
        // SAFETY: [quiescent]: neither a replaced array nor an item's head goes away before this thread's next
        // quiescent point; the index is checked against this array's own capacity, and unused cells are null.
        unsafe {
            let items: Items = array.cast();
            if FREE_THREADED && index >= capacity_of(items) {
                return Read::NOTHING;
            }
            Read::of(&*items.add(index), || self.0.ob_item.load(Acquire) == array)
        }
    }

    #[cold]
    fn slow_get(&self, py: Attached<'_>, index: usize) -> Option<Ref<Object>> {
        let this = self.lock_briefly(py);
        mode::set_shared(self.as_object());
        let item = this.cells().get(index)?.get();
        // A list that C code is still filling has cells without items.
        if item.is_null() {
            return None;
        }
        // SAFETY: [locked]: the list owns the item.
        unsafe {
            mode::publish(item);
            Ref::from_borrowed_opt(item)
        }
    }

    /// Adds an item at the end. Out of line: its guard must not be a handler's.
    #[inline(never)]
    pub fn push(&self, py: Attached<'_>, item: Ref<Object>) -> PyResult<()> {
        let this = self.lock_briefly(py);
        if let Err(raised) = this.reserve_one(py) {
            // The item may be the last reference: it goes after the lock.
            drop(this);
            return Err(raised);
        }
        this.put(item);
        Ok(())
    }

    /// Replaces item `index`; `IndexError` when out of range. Out of line as [`List::push`].
    #[inline(never)]
    pub fn set(&self, py: Attached<'_>, index: usize, item: Ref<Object>) -> PyResult<()> {
        // The guard goes at the end of the statement: dropping the old item may run code.
        let outcome = self.lock_briefly(py).replace(index, item);
        match outcome {
            Ok(old) => {
                drop(old);
                Ok(())
            }
            Err(_) => Err(raise!(py, IndexError, "list assignment index out of range")),
        }
    }

    pub fn insert(&self, py: Attached<'_>, index: isize, item: Ref<Object>) -> PyResult<()> {
        self.lock(py).insert(py, index, item)
    }

    /// New references to all items at one moment.
    pub fn to_vec(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        self.lock_briefly(py).to_vec(py)
    }

    /// Gives `take` new references to all items, the last first, at one moment, if there are `count` and none is null; whether
    /// that is so. `take` runs under the lock: it may run no Python code.
    pub fn hand_out(&self, py: Attached<'_>, count: usize, mut take: impl FnMut(Ref<Object>)) -> bool {
        let this = self.lock_briefly(py);
        let items = this.as_slice().filter(|items| items.len() == count);
        items.inspect(|items| items.iter().rev().for_each(|item| take(item.to_ref()))).is_some()
    }

    /// Removes and returns item `index`.
    pub fn pop(&self, py: Attached<'_>, index: usize) -> Option<Ref<Object>> {
        self.lock_briefly(py).remove(py, index)
    }

    pub fn clear(&self, py: Attached<'_>) {
        let taken = self.lock(py).take_array();
        taken.drop(py);
    }

    pub fn reverse(&self, py: Attached<'_>) {
        let this = self.lock(py);
        let cells = this.cells();
        let len = cells.len();
        for at in 0..len / 2 {
            let (low, high) = (&cells[at], &cells[len - 1 - at]);
            let item = low.get();
            low.store(high.get(), Release);
            high.store(item, Release);
        }
    }

    /// The list's items as a new tuple.
    pub fn to_tuple(&self, py: Attached<'_>) -> PyResult<Ref<crate::Tuple>> {
        // The memory is asked for before the lock, for what is there now.
        let count = self.len();
        if count > 0 {
            let tuple = crate::Tuple::alloc(py, count)?;
            let mut cells = tuple.cells().iter().rev();
            let fill = |item: Ref<Object>| {
                if let Some(cell) = cells.next() {
                    cell.set(item.into_raw());
                }
            };
            if self.hand_out(py, count, fill) {
                tuple.track_if_needed();
                return Ok(tuple);
            }
        }
        crate::Tuple::from_vec(py, self.to_vec(py)?)
    }

    /// # Safety
    /// The `tp_dealloc` of lists.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<List>) {
        // SAFETY: by the contract; the items are the list's own.
        unsafe {
            mem::dealloc_with(py, this, |list| {
                let at_once = mode::frees_at_once(list.as_object());
                drop_items(py, list.items(), list.len(), list.0.allocated.get().max(0) as usize, at_once);
            });
        }
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.cells().iter().try_for_each(|cell| visit.field(cell))
    }
}

/// An array that was taken out of its list.
struct Taken {
    items: Items,
    len: usize,
    capacity: usize,
    at_once: bool,
}

impl Taken {
    /// Drops the items and frees the array. The list must not be locked: dropping items may run Python code.
    fn drop(self, py: Attached<'_>) {
        if !self.items.is_null() {
            // SAFETY: the array is out of the list, so its references are ours alone.
            unsafe { drop_items(py, self.items, self.len, self.capacity, self.at_once) };
        }
    }
}

/// Drops the items of a detached array, last first, and frees it.
///
/// # Safety
/// The array has `capacity` cells, the first `len` own their items, and no list refers to it.
unsafe fn drop_items(py: Attached<'_>, items: Items, len: usize, capacity: usize, at_once: bool) {
    // SAFETY: by the contract; readers without a lock recheck the list's array and let go.
    unsafe {
        for at in (0..len).rev() {
            let cell = &*items.add(at);
            let item = cell.get();
            if !at_once {
                cell.set(ptr::null_mut());
            }
            drop(Ref::<Object>::from_raw_opt(item));
        }
        if at_once {
            free_items(items, capacity);
        } else {
            retire_items(py, items, capacity);
        }
    }
}

/// The largest number of cells that a list keeps however few of them it uses.
const MOST_KEPT: usize = 32;

impl Locked<'_, List> {
    /// Leaves the list empty and gives what it had.
    fn take_array(&self) -> Taken {
        let taken = Taken {
            items: self.items(),
            len: self.len(),
            capacity: self.0.allocated.get().max(0) as usize,
            at_once: mode::frees_at_once(self.as_object()),
        };
        if !taken.items.is_null() {
            self.0.ob_base.ob_size.set(0);
            self.0.ob_item.store(ptr::null_mut(), Release);
            self.0.allocated.set(0);
        }
        taken
    }

    /// Makes room for `len` items and lets the list have that length; new cells are null.
    ///
    /// The growth leaves an eighth spare, so that appending takes constant time on average.
    pub(crate) fn reserve(&self, py: Attached<'_>, len: usize) -> PyResult<()> {
        // During a sort the capacity is -1.
        if self.0.allocated.get() >= len as isize {
            return Ok(());
        }
        let old_len = self.len();
        let mut wanted = (len + (len >> 3) + 6) & !3;
        if len - old_len > wanted - len {
            wanted = (len + 3) & !3;
        }
        self.reallocate(py, wanted)
    }

    /// Moves the items to an array of `capacity` cells, no fewer than there are items.
    pub(crate) fn reallocate(&self, py: Attached<'_>, capacity: usize) -> PyResult<()> {
        let (old, old_capacity) = (self.items(), self.0.allocated.get().max(0) as usize);
        let len = self.len();
        let at_once = mode::frees_at_once(self.as_object());
        // SAFETY: [locked]; with `at_once` nobody reads the old array, else it is left as it is and retired.
        unsafe {
            if at_once && !old.is_null() {
                let new = realloc_items(old, old_capacity, capacity);
                if new.is_null() {
                    return Err(py.no_memory());
                }
                if FREE_THREADED {
                    ptr::write_bytes(new.add(len), 0, capacity - len);
                }
                self.0.ob_item.store(new.cast(), Release);
                self.0.allocated.set(capacity as isize);
                return Ok(());
            }
            let new = alloc_items(capacity);
            if new.is_null() {
                return Err(py.no_memory());
            }
            for at in 0..len {
                (*new.add(at)).set((*old.add(at)).get());
            }
            if FREE_THREADED {
                ptr::write_bytes(new.add(len), 0, capacity - len);
            }
            self.0.ob_item.store(new.cast(), Release);
            self.0.allocated.set(capacity as isize);
            if at_once {
                free_items(old, old_capacity);
            } else {
                retire_items(py, old, old_capacity);
            }
        }
        Ok(())
    }

    #[inline]
    pub fn push(&self, py: Attached<'_>, item: Ref<Object>) -> PyResult<()> {
        self.reserve_one(py)?;
        self.put(item);
        Ok(())
    }

    /// Makes room for one more item.
    #[inline]
    fn reserve_one(&self, py: Attached<'_>) -> PyResult<()> {
        let len = self.len();
        if len as isize >= self.0.allocated.get() { self.reserve(py, len + 1) } else { Ok(()) }
    }

    /// Adds an item that there is room for.
    #[inline]
    fn put(&self, item: Ref<Object>) {
        let len = self.len();
        // SAFETY: [locked]: there is room.
        unsafe { (*self.items().add(len)).store(item.into_raw(), Release) };
        self.0.ob_base.ob_size.store(len as isize + 1, Release);
    }

    /// A new reference to item `index`; `None` when out of range.
    pub fn item(&self, index: usize) -> Option<Ref<Object>> {
        // SAFETY: [locked]: the list owns its items.
        unsafe { Ref::from_borrowed_opt(self.cells().get(index)?.get()) }
    }

    /// Exchanges two items; `false` when one is out of range.
    pub fn swap(&self, first: usize, second: usize) -> bool {
        let cells = self.cells();
        let (Some(first), Some(second)) = (cells.get(first), cells.get(second)) else { return false };
        let item = first.get();
        first.store(second.get(), Release);
        second.store(item, Release);
        true
    }

    /// Replaces item `index` and returns what was there; gives the new item back when out of range.
    pub fn replace(&self, index: usize, item: Ref<Object>) -> Result<Option<Ref<Object>>, Ref<Object>> {
        match self.cells().get(index) {
            Some(cell) => {
                let old = cell.get();
                cell.store(item.into_raw(), Release);
                // SAFETY: [locked]: the cell owned it.
                Ok(unsafe { Ref::from_raw_opt(old) })
            }
            None => Err(item),
        }
    }

    /// Inserts before `index`, which is clamped as Python's `insert` does.
    pub fn insert(&self, py: Attached<'_>, index: isize, item: Ref<Object>) -> PyResult<()> {
        let len = self.len();
        let at = if index < 0 { index.saturating_add_unsigned(len).max(0) } else { index.min(len as isize) } as usize;
        self.reserve(py, len + 1)?;
        let items = self.items();
        // SAFETY: [locked]: there is room for one more; cells move one by one, so readers see whole pointers.
        unsafe {
            let mut to = len;
            while to > at {
                (*items.add(to)).store((*items.add(to - 1)).get(), Release);
                to -= 1;
            }
            (*items.add(at)).store(item.into_raw(), Release);
        }
        self.0.ob_base.ob_size.store(len as isize + 1, Release);
        Ok(())
    }

    /// Takes item `index` out and closes the gap.
    pub fn remove(&self, py: Attached<'_>, index: usize) -> Option<Ref<Object>> {
        let len = self.len();
        let cells = self.cells();
        let item = cells.get(index)?.get();
        for at in index..len - 1 {
            cells[at].store(cells[at + 1].get(), Release);
        }
        cells[len - 1].store(ptr::null_mut(), Release);
        self.0.ob_base.ob_size.set(len as isize - 1);
        self.shrink(py);
        // SAFETY: [locked]: the cell owned it.
        unsafe { Ref::from_raw_opt(item) }
    }

    /// Gives memory back when less than half of it is used, and it is more than little or all.
    pub(crate) fn shrink(&self, py: Attached<'_>) {
        let (len, allocated) = (self.len(), self.0.allocated.get().max(0) as usize);
        if len >= allocated >> 1 || len > 0 && allocated <= MOST_KEPT {
            return;
        }
        if len == 0 {
            let at_once = mode::frees_at_once(self.as_object());
            let old = self.items();
            self.0.ob_item.store(ptr::null_mut(), Release);
            self.0.allocated.set(0);
            // SAFETY: [locked]: the array is out of the list.
            unsafe { if at_once { free_items(old, allocated) } else { retire_items(py, old, allocated) } }
            return;
        }
        let wanted = (len + (len >> 3) + 6) & !3;
        if wanted < allocated && self.reallocate(py, wanted).is_err() {
            // A larger array than needed is no error.
            drop(py.take_raised());
        }
    }

    /// The items, borrowed; `None` when C code left one null.
    pub fn as_slice(&self) -> Option<&[&Object]> {
        let cells = self.cells();
        if cells.iter().any(|cell| cell.get().is_null()) {
            return None;
        }
        // SAFETY: [locked]: the items stay; a non-null cell and `&Object` have one representation.
        Some(unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), cells.len()) })
    }

    pub fn to_vec(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        let mut items = crate::reserve::with_room(py, self.cells().len())?;
        // SAFETY: [locked]: the list owns its items.
        items.extend(self.cells().iter().filter_map(|cell| unsafe { Ref::from_borrowed_opt(cell.get()) }));
        Ok(items)
    }
}
