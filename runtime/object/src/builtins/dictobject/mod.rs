//! `dict`: a hash table that keeps insertion order.
//!
//! Concurrency in `nogil` mode: a lookup takes no lock unless it has to call a key's `__eq__`. Each single operation
//! (lookup, assignment, deletion, `setdefault`, `pop`, `popitem`, `update` from a dict, `copy`, `clear`) is atomic
//! as far as it runs no Python code. Iterators notice a change of size. Distinct keys written by distinct threads are never lost.
pub mod attrs;
mod iter;
mod keys;
mod methods;
mod table;
mod values;
mod views;
mod watch;

pub(crate) use attrs::shared_keys;
pub use attrs::{
    clear_instance_dict, dict_slot, has_inline_values, init_inline_values, inline_index_of, inline_read, inline_set,
    inline_value_offset, inline_values_bytes, instance_del_attr, instance_dict, instance_get_attr, instance_set_attr,
    is_instance_dict_empty, materialize_dict, set_instance_dict, visit_instance_dict,
};
pub use iter::{
    DictItemIter, DictIter, DictIterKind, DictKeyIter, DictRevItemIter, DictRevKeyIter, DictRevValueIter, DictValueIter,
};
pub use keys::Keys as DictKeys;
pub use methods::Merge;
pub(crate) use methods::key_error;
pub(crate) use views::new_view;
pub use views::{DictItems, DictKeysView, DictValues};
pub use watch::{DictEvent, Notify as WatchNotify, WATCHER_MASK, install as install_watchers};

use crate::handle::{Attached, Layout, Read, Ref, Visit};
use crate::layout::{PyDictObject, PyObject};
use crate::{FREE_THREADED, Object, PyResult, Str, mem, mode, pytype};
pub(crate) use keys::plain_eq;
use keys::{Keys, hash_key};
use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Release};
use values::Values;

/// An insertion-ordered hash table.
#[repr(transparent)]
pub struct Dict(pub(crate) PyDictObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyDict_Type: "dict" for Dict {
        base: crate::Object,
        flags: [BASETYPE, HAVE_GC, DICT_SUBCLASS, MATCH_SELF, MAPPING],
        fast: DICT_SUBCLASS,
        doc: "dict() -> new empty dict\ndict(mapping) -> a dict of a mapping's keys and values\ndict(iterable) -> a dict of (key, value) pairs\ndict(**kwargs) -> a dict of the keyword arguments, added to what stands before",
        slots: {
            tp_dealloc = Dict::dealloc,
            tp_repr = Dict::repr,
            tp_traverse = Dict::traverse,
            tp_clear = |py: Attached<'_>, this: &Dict| this.clear(py),
            tp_richcompare = Dict::compare,
            tp_iter = Dict::make_iter,
            tp_new = Dict::construct,
            tp_init = Dict::init,
            raw tp_vectorcall = Some(methods::dict_vectorcall as crate::layout::vectorcallfunc),
            mp_length = |_, this: &Dict| Ok(this.len()),
            mp_subscript = Dict::subscript,
            mp_ass_subscript = Dict::ass_subscript,
            sq_contains = |py: Attached<'_>, this: &Dict, key: &Object| this.contains(py, key),
            nb_or = Dict::or,
            nb_inplace_or = Dict::inplace_or,
        },
        methods: {
            coexist o "__contains__" => |py: Attached<'_>, this: &Dict, key: &Object| this.contains(py, key), "($self, key, /)", "Return whether the dict has the key.";
            coexist o "__getitem__" => Dict::subscript, "($self, key, /)", "Return self[key].";
            noargs "__sizeof__" => Dict::sizeof, "($self, /)", "Return how many bytes the dict takes.";
            sig "get" => Dict::py_get, "($self, key, default=None, /)", "Return the value of key, or default if there is none.";
            sig "setdefault" => Dict::py_setdefault, "($self, key, default=None, /)", "Return the value of key; if there is none, store default first.";
            raw "pop" => Dict::py_pop, "($self, key, default=<unrepresentable>, /)", "D.pop(k[,d]) -> v, remove the key and return its value.\n\nWithout the key, d is returned if given, else KeyError is raised.";
            noargs "popitem" => Dict::popitem, "($self, /)", "Remove the pair that was added last and return it.\n\nRaises KeyError if the dict is empty.";
            noargs "keys" => Dict::keys_view, "($self, /)", "Return a set-like view of the keys.";
            noargs "items" => Dict::items_view, "($self, /)", "Return a set-like view of the (key, value) pairs.";
            noargs "values" => Dict::values_view, "($self, /)", "Return a view of the values.";
            raw "update" => Dict::py_update, "", "D.update([E, ]**F) -> None.  Add what E and F hold.\n\nE is a mapping (anything with keys()) or an iterable of (key, value) pairs;\nF are keyword arguments. Later values win.";
            class sig "fromkeys" => methods::fromkeys, "($type, iterable, value=None, /)", "Return a new dict whose keys come from iterable, all with one value.";
            noargs "clear" => |py: Attached<'_>, this: &Dict| this.clear(py), "($self, /)", "Remove all pairs.";
            noargs "copy" => |py: Attached<'_>, this: &Dict| this.copy(py), "($self, /)", "Return a new dict of the same pairs.";
            noargs "__reversed__" => Dict::reversed, "($self, /)", "Return an iterator over the keys, last added first.";
            class o "__class_getitem__" => crate::builtins::container::generic_alias, "($type, object, /)", "See PEP 585";
        },
    }
}

impl Dict {
    #[inline(always)]
    pub fn raw(&self) -> &PyDictObject {
        &self.0
    }

    pub fn new(py: Attached<'_>) -> PyResult<Ref<Dict>> {
        Dict::with_keys(py, Keys::empty())
    }

    /// A dict that takes over one owner of `keys`, empty as yet.
    fn with_keys(py: Attached<'_>, keys: &Keys) -> PyResult<Ref<Dict>> {
        mem::new_instance(py, Dict::type_object(), |dict: &Dict| dict.0.ma_keys.set(keys.as_raw()))
    }

    /// An empty dict with room for `count` keys; `text` promises that they are exact strings.
    pub fn with_capacity(py: Attached<'_>, count: usize, text: bool) -> PyResult<Ref<Dict>> {
        if count <= 5 {
            return Dict::new(py);
        }
        let kind = if text { keys::Kind::Text } else { keys::Kind::General };
        let Some(keys) = Keys::alloc(keys::log2_for(count), kind) else { return Err(py.no_memory()) };
        Dict::with_keys(py, keys)
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.ma_used.get() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The table. Without the lock, its memory stays as it is until the next quiescent point.
    #[inline(always)]
    /// Whether all keys are exact strings, as far as the table tells.
    pub fn has_text_keys(&self) -> bool {
        self.table().is_text()
    }

    /// Whether the dict shares its keys with other instances of a class.
    pub fn has_split_table(&self) -> bool {
        matches!(self.table().kind(), keys::Kind::Shared)
    }

    fn table(&self) -> &Keys {
        // SAFETY: [published], [quiescent]: `ma_keys` always points to a table.
        unsafe { Keys::from_raw(self.0.ma_keys.load(Acquire)) }
    }

    /// The values of a split dict. The caller holds the lock.
    #[inline(always)]
    fn split(&self) -> Option<&Values> {
        // SAFETY: [locked].
        unsafe { Values::from_tagged(self.0.ma_values.load(Acquire)) }
    }

    /// Looks `key` up: lock-free on the fast path. Errors come from `__hash__` and `__eq__`.
    #[inline(never)]
    pub fn get(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        let hash = hash_key(py, key)?;
        self.get_known(py, key, hash)
    }

    /// Looks a key up with its known hash.
    #[inline]
    pub fn get_known(&self, py: Attached<'_>, key: &Object, hash: isize) -> PyResult<Option<Ref<Object>>> {
        if !FREE_THREADED {
            let table = self.table();
            if table.is_text()
                && let Some(text) = key.downcast_exact::<Str>()
            {
                return Ok(table.find_text(text, hash).and_then(|at| self.value_at(at)));
            }
        } else if let Ok(value) = self.try_get(key, hash) {
            return Ok(value);
        }
        let this = self.lock(py);
        if FREE_THREADED {
            mode::set_shared(self.as_object());
        }
        Ok(this.find(py, key, hash)?.and_then(|at| this.published_value_at(at)))
    }

    /// The optimistic read of `nogil` mode; `Err` when it needs the lock.
    #[inline]
    fn try_get(&self, key: &Object, hash: isize) -> Result<Option<Ref<Object>>, ()> {
        if !mode::readable_unlocked(self.as_object()) {
            return Err(());
        }
        let table = self.table();
        let found = if table.is_text() {
            table.try_find_text(key.downcast_exact::<Str>().ok_or(())?, hash)?
        } else {
            table.try_find_general(key, hash)?
        };
        let still = || ptr::eq(self.0.ma_keys.load(Acquire), table.as_raw());
        match found {
            None if still() => Ok(None),
            None => Err(()),
            Some(found) => self.try_value(table, found.at, found.key),
        }
    }

    /// Reads the value of entry `at` of `table` without a lock, as long as the entry has that key.
    #[inline]
    fn try_value(&self, table: &Keys, at: usize, key: *mut PyObject) -> Result<Option<Ref<Object>>, ()> {
        let tagged = self.0.ma_values.load(Acquire);
        let entry = table.entry(at);
        let cell = if tagged.is_null() {
            if table.kind() == keys::Kind::Shared {
                return Err(());
            }
            &entry.value
        } else {
            if Values::is_tagged_inline(tagged) {
                return Err(());
            }
            // SAFETY: [quiescent]: values of their own are retired, not freed.
            let values = unsafe { Values::from_tagged(tagged) }.ok_or(())?;
            if at >= values.capacity() {
                return Err(());
            }
            values.cell(at)
        };
        let value = cell.load(Acquire);
        // SAFETY: [quiescent]: the value's head outlives this read.
        if value.is_null() || !unsafe { mode::try_incref(value) } {
            return Err(());
        }
        // SAFETY: the reference just made.
        let value = unsafe { Ref::<Object>::from_raw(value) };
        let same = ptr::eq(entry.key.load(Acquire), key)
            && ptr::eq(cell.load(Acquire), value.as_ptr())
            && ptr::eq(self.0.ma_keys.load(Acquire), table.as_raw())
            && ptr::eq(self.0.ma_values.load(Acquire), tagged);
        if same { Ok(Some(value)) } else { Err(()) }
    }

    /// Lookup of a literal name; cannot fail in exact-`str`-keyed dicts, errors are cleared otherwise.
    pub fn get_str(&self, py: Attached<'_>, key: &str) -> Option<Ref<Object>> {
        match Str::new(py, key).and_then(|key| self.get(py, key.as_object())) {
            Ok(value) => value,
            Err(error) => {
                error.clear(py);
                None
            }
        }
    }

    pub fn set(&self, py: Attached<'_>, key: &Object, value: &Object) -> PyResult<()> {
        let hash = hash_key(py, key)?;
        self.set_known(py, key, hash, value)
    }

    /// Stores a pair whose key has a known hash.
    #[inline]
    pub fn set_known(&self, py: Attached<'_>, key: &Object, hash: isize, value: &Object) -> PyResult<()> {
        if let Some(text) = key.downcast_exact::<Str>() {
            let this = self.lock_briefly(py);
            if this.takes_texts() {
                let outcome = this.insert_text(py, text, hash, value.to_ref());
                // Dropping the old value may run code: the lock goes first.
                drop(this);
                return outcome.map(drop);
            }
        }
        let old = self.lock(py).insert(py, key, hash, value.to_ref())?;
        drop(old);
        Ok(())
    }

    pub fn set_str(&self, py: Attached<'_>, key: &str, value: &Object) -> PyResult<()> {
        let key = Str::intern(py, Str::new(py, key)?);
        self.set(py, key.as_object(), value)
    }

    /// Removes and returns the value.
    pub fn remove(&self, py: Attached<'_>, key: &Object) -> PyResult<Option<Ref<Object>>> {
        let hash = hash_key(py, key)?;
        self.remove_known(py, key, hash)
    }

    pub fn remove_known(&self, py: Attached<'_>, key: &Object, hash: isize) -> PyResult<Option<Ref<Object>>> {
        let removed = {
            let this = self.lock(py);
            match this.find(py, key, hash)? {
                Some(at) => this.delete(py, at)?,
                None => None,
            }
        };
        Ok(removed.map(|(key, value)| {
            drop(key);
            value
        }))
    }

    /// The present value, or `default` after storing it; and whether it was there.
    pub fn set_default(&self, py: Attached<'_>, key: &Object, default: &Object) -> PyResult<(Ref<Object>, bool)> {
        let hash = hash_key(py, key)?;
        let this = self.lock(py);
        if let Some(value) = this.find(py, key, hash)?.and_then(|at| this.published_value_at(at)) {
            return Ok((value, true));
        }
        this.insert_absent(py, key, hash, default.to_ref())?;
        Ok((default.to_ref(), false))
    }

    pub fn contains(&self, py: Attached<'_>, key: &Object) -> PyResult<bool> {
        Ok(self.get(py, key)?.is_some())
    }

    pub fn clear(&self, py: Attached<'_>) {
        let (old, values, at_once) = {
            let this = self.lock(py);
            watch::notify(py, self, DictEvent::Cleared, None, None);
            let (keys, tagged) = (this.0.ma_keys.get(), this.0.ma_values.get());
            let at_once = mode::frees_at_once(self.as_object());
            this.0.ma_keys.store(Keys::empty().as_raw(), Release);
            this.0.ma_values.store(ptr::null_mut(), Release);
            this.0.ma_used.set(0);
            // SAFETY: [locked].
            let (keys, values) = unsafe { (Keys::from_raw(keys), Values::from_tagged(tagged)) };
            if values.is_none() && keys.kind() != keys::Kind::Shared {
                keys.invalidate_version();
            }
            if let Some(values) = values.filter(|values| values.is_inline()) {
                values.invalidate();
            }
            let taken = values.map(|values| (values, values.take_all()));
            (keys, taken, at_once)
        };
        if let Some((values, taken)) = values {
            drop(taken);
            if !values.is_inline() {
                // SAFETY: out of the dict.
                unsafe { values.free(py, at_once) };
            }
        }
        // SAFETY: the dict gave up its ownership above.
        unsafe { Keys::release(py, NonNull::from(old), at_once) };
    }

    /// All items at one moment, in order.
    pub fn items_snapshot(&self, py: Attached<'_>) -> PyResult<Vec<(Ref<Object>, Ref<Object>)>> {
        let mut items = crate::reserve::with_room(py, self.len())?;
        self.each_item(py, |key, value| items.push((key, value)));
        Ok(items)
    }

    /// Gives all items, as they are at one moment, to `take`, which runs no Python code.
    pub fn each_item(&self, py: Attached<'_>, mut take: impl FnMut(Ref<Object>, Ref<Object>)) {
        let this = self.lock(py);
        let mut pos = 0;
        while let Some((_, key, value)) = this.step(&mut pos) {
            take(key, value);
        }
    }

    /// All keys at one moment with their hashes.
    pub(crate) fn keys_with_hashes(&self, py: Attached<'_>) -> PyResult<Vec<(Ref<Object>, isize)>> {
        let this = self.lock(py);
        let mut items = crate::reserve::with_room(py, this.len())?;
        let mut pos = 0;
        while let Some((at, key, _)) = this.step(&mut pos) {
            items.push((key, this.table().hash_of(at)));
        }
        Ok(items)
    }

    /// The pair at or after `*pos` for iterators: without a lock where that is possible.
    #[inline]
    fn step_pair(&self, py: Attached<'_>, pos: &mut usize) -> Option<(Ref<Object>, Ref<Object>)> {
        if FREE_THREADED
            && mode::readable_unlocked(self.as_object())
            && let Ok(pair) = self.try_step(pos)
        {
            return pair;
        }
        let this = self.lock(py);
        if FREE_THREADED {
            mode::set_shared(self.as_object());
        }
        let pair = this.step(pos).map(|(_, key, value)| (key, value));
        if FREE_THREADED && let Some((key, value)) = &pair {
            // SAFETY: we have references.
            unsafe {
                mode::publish(key.as_ptr());
                mode::publish(value.as_ptr());
            }
        }
        pair
    }

    /// The optimistic step of `nogil` mode; `Err` when it needs the lock.
    #[inline]
    fn try_step(&self, pos: &mut usize) -> Result<Option<(Ref<Object>, Ref<Object>)>, ()> {
        let table = self.table();
        if table.kind() == keys::Kind::Shared || !self.0.ma_values.load(Acquire).is_null() {
            return Err(());
        }
        let count = table.count();
        let mut at = *pos;
        while at < count {
            let entry = table.entry(at);
            at += 1;
            let value = entry.value.load(Acquire);
            if value.is_null() {
                continue;
            }
            let key = entry.key.load(Acquire);
            // SAFETY: [quiescent]: the heads of key and value outlive this read.
            let (key, value) = unsafe {
                if key.is_null() || !mode::try_incref(key) {
                    return Err(());
                }
                let key = Ref::<Object>::from_raw(key);
                if !mode::try_incref(value) {
                    return Err(());
                }
                (key, Ref::<Object>::from_raw(value))
            };
            let same = ptr::eq(entry.key.load(Acquire), key.as_ptr())
                && ptr::eq(entry.value.load(Acquire), value.as_ptr())
                && ptr::eq(self.0.ma_keys.load(Acquire), table.as_raw());
            if !same {
                return Err(());
            }
            *pos = at;
            return Ok(Some((key, value)));
        }
        if !ptr::eq(self.0.ma_keys.load(Acquire), table.as_raw()) {
            return Err(());
        }
        *pos = at;
        Ok(None)
    }

    /// `PyDict_Next`: the entry at or after `*pos`, and moves `*pos` on.
    pub fn next(&self, py: Attached<'_>, pos: &mut usize) -> Option<(Ref<Object>, Ref<Object>)> {
        self.step_pair(py, pos)
    }

    /// The place of a name's value in the table, for inline caches: in bytes from its start.
    pub fn lookup_place(&self, name: &Str) -> Option<usize> {
        let table = self.table();
        if !table.is_text() {
            return None;
        }
        let at = if FREE_THREADED {
            table.try_find_text(name, name.hash()).ok().flatten()?.at
        } else {
            table.find_text(name, name.hash())?
        };
        Some(ptr::from_ref(&table.entry(at).value).addr() - ptr::from_ref(table).addr())
    }

    /// The version of the set of keys, for inline caches that remember a position; 0 when it cannot be relied on.
    pub fn keys_version(&self, py: Attached<'_>) -> u32 {
        let this = self.lock(py);
        if FREE_THREADED {
            mode::set_shared(self.as_object());
        }
        let table = this.table();
        if table.kind() != keys::Kind::Text { 0 } else { table.version() }
    }

    /// Whether the set of keys has that version.
    #[inline(always)]
    pub fn has_keys_version(&self, version: u32) -> bool {
        self.table().current_version() == version
    }

    /// The value at a place that [`Dict::lookup_place`] gave, while the keys have that version; `None` when they have
    /// changed.
    #[inline(always)]
    pub fn read_at_version(&self, version: u32, place: usize) -> Option<Read> {
        let table = self.table();
        if table.current_version() != version {
            return None;
        }
        // SAFETY: keys of that version have the value there, and own it.
        Some(unsafe { Read::of(table.value_at_place(place), || table.current_version() == version) })
    }

    /// # Safety
    /// The `tp_dealloc` of dicts.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Dict>) {
        // SAFETY: by the contract; table and values are the dict's own.
        unsafe {
            mem::dealloc_with(py, this, |dict| {
                dict.drop_content(py);
            });
        }
    }

    /// Makes zeroed memory an empty dict.
    pub(crate) fn init_empty(&self) {
        self.0.ma_keys.set(Keys::empty().as_raw());
    }

    /// Drops table and values of a dict that nobody else can reach.
    ///
    /// # Safety
    /// The dict is being deallocated.
    pub(crate) unsafe fn drop_content(&self, py: Attached<'_>) {
        let dict = self;
        watch::notify(py, dict, DictEvent::Deallocated, None, None);
        // SAFETY: table and values are the dict's own.
        unsafe {
            let at_once = mode::frees_at_once(dict.as_object());
            if let Some(values) = dict.split() {
                drop(values.take_all());
                if values.is_inline() {
                    values.invalidate();
                } else {
                    values.free(py, at_once);
                }
            }
            if let Some(keys) = NonNull::new(dict.0.ma_keys.get().cast::<Keys>()) {
                Keys::release(py, keys, at_once);
            }
        }
    }

    /// Visits what the dict owns, for types that derive from it.
    pub(crate) fn traverse_content(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.traverse(visit)
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        let Some(keys) = NonNull::new(self.0.ma_keys.get()) else { return Ok(()) };
        if let Some(values) = self.split() {
            return values.traverse(visit);
        }
        // SAFETY: [stopped-world] or [attached]: the dict owns its table.
        let table = unsafe { Keys::from_raw(keys.as_ptr()) };
        let text = table.is_text();
        for at in 0..table.count() {
            let entry = table.entry(at);
            visit.field(&entry.value)?;
            if !text {
                visit.field(&entry.key)?;
            }
        }
        Ok(())
    }
}
