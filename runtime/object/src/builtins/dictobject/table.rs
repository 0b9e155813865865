//! Lookup and changes of a dict under its lock.
use super::keys::{Keys, Kind, MIN_LOG2, Probe, Slot, log2_for, plain_eq};
use super::values::Values;
use super::watch::{is_watched, notify};
use super::{Dict, DictEvent};
use crate::handle::{Attached, Layout, Locked, Ref};
use crate::layout::PyObject;
use crate::{FREE_THREADED, Object, PyResult, Str, mode};
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::Release;

/// A removed pair.
pub(super) type Pair = (Ref<Object>, Ref<Object>);

impl Dict {
    /// A new reference to the value of entry `at`; `None` where a split dict has no value. The lock is held.
    #[inline(always)]
    pub(super) fn value_at(&self, at: usize) -> Option<Ref<Object>> {
        // SAFETY: [locked]: the cell owns its value.
        unsafe { Ref::from_borrowed_opt(self.raw_value_at(at)) }
    }

    #[inline(always)]
    fn raw_value_at(&self, at: usize) -> *mut PyObject {
        match self.split() {
            Some(values) if at < values.capacity() => values.cell(at).get(),
            Some(_) => ptr::null_mut(),
            None => self.table().entry(at).value.get(),
        }
    }
}

impl Locked<'_, Dict> {
    /// As `value_at`, and lets readers without a lock take the object next time.
    #[inline]
    pub(super) fn published_value_at(&self, at: usize) -> Option<Ref<Object>> {
        let value = self.value_at(at)?;
        if FREE_THREADED {
            // SAFETY: we have a reference.
            unsafe {
                mode::publish(value.as_ptr());
                mode::publish(self.table().entry(at).key.get());
            }
        }
        Some(value)
    }

    /// The entry of a key. In a split dict it may be one without a value.
    ///
    /// Comparisons may run Python code, which may change the dict and which suspends the lock; the search starts
    /// over then. Whatever is returned is true at the moment of return.
    pub(super) fn find(&self, py: Attached<'_>, key: &Object, hash: isize) -> PyResult<Option<usize>> {
        loop {
            let table = self.table();
            if table.is_text()
                && let Some(text) = key.downcast_exact::<Str>()
            {
                return Ok(table.find_text(text, hash));
            }
            if let Some(found) = self.find_slow(py, table, key, hash)? {
                return Ok(found);
            }
        }
    }

    /// `None` when the dict changed and the search must start over.
    fn find_slow(&self, py: Attached<'_>, table: &Keys, key: &Object, hash: isize) -> PyResult<Option<Option<usize>>> {
        let (mask, raw) = (table.mask(), table.as_raw());
        let mut probe = Probe::new(hash, mask);
        loop {
            match table.slot(probe.at) {
                Slot::Empty => return Ok(Some(None)),
                Slot::Deleted => {}
                Slot::Entry(at) => {
                    let found = table.entry(at).key.get();
                    if ptr::eq(found, key.as_ptr()) {
                        return Ok(Some(Some(at)));
                    }
                    if table.hash_of(at) == hash {
                        // SAFETY: [locked]: the entry owns its key.
                        let found = unsafe { Object::from_ptr(found) }.to_ref();
                        let equal = match plain_eq(&found, key) {
                            Some(equal) => equal,
                            None => {
                                let equal = found.eq(py, key)?;
                                if !ptr::eq(self.raw().ma_keys.get(), raw)
                                    || table.mask() != mask
                                    || at >= table.count()
                                    || !ptr::eq(table.entry(at).key.get(), found.as_ptr())
                                {
                                    return Ok(None);
                                }
                                equal
                            }
                        };
                        if equal {
                            return Ok(Some(Some(at)));
                        }
                    }
                }
            }
            probe.advance();
        }
    }

    /// Stores a pair and returns the value it replaces.
    pub fn insert(
        &self,
        py: Attached<'_>,
        key: &Object,
        hash: isize,
        value: Ref<Object>,
    ) -> PyResult<Option<Ref<Object>>> {
        if let Some(at) = self.find(py, key, hash)?
            && !self.raw_value_at(at).is_null()
        {
            notify(py, self, DictEvent::Modified, Some(key), Some(&value));
            return Ok(self.replace_value(at, value));
        }
        self.insert_absent(py, key, hash, value)?;
        Ok(None)
    }

    /// Whether a string can be stored without running code: the table is the dict's own and holds nothing else, and
    /// nobody watches the dict.
    #[inline(always)]
    pub(super) fn takes_texts(&self) -> bool {
        self.table().kind() == Kind::Text && self.raw().ma_values.get().is_null() && !is_watched(self)
    }

    /// [`Locked::insert`] where [`Locked::takes_texts`] holds; runs no code.
    pub(super) fn insert_text(
        &self,
        py: Attached<'_>,
        key: &Str,
        hash: isize,
        value: Ref<Object>,
    ) -> PyResult<Option<Ref<Object>>> {
        let table = self.table();
        match table.find_text_slot(key, hash) {
            Ok(at) => return Ok(self.replace_value(at, value)),
            Err(slot) if table.usable() > 0 => {
                table.invalidate_version();
                table.append_at(slot, key.to_ref().upcast(), hash, value.into_raw());
                self.raw().ma_used.store(self.len() as isize + 1, Release);
            }
            Err(_) => {
                let table = self.table_with_room(py, true)?;
                self.append(table, key.as_object(), hash, value);
            }
        }
        Ok(None)
    }

    /// Replaces the value of an entry that has one.
    #[inline]
    fn replace_value(&self, at: usize, value: Ref<Object>) -> Option<Ref<Object>> {
        if let Some(values) = self.split() {
            return values.replace(at, value);
        }
        let cell = &self.table().entry(at).value;
        let old = cell.get();
        cell.store(value.into_raw(), Release);
        // SAFETY: [locked]: the entry owned it.
        unsafe { Ref::from_raw_opt(old) }
    }

    /// Stores a pair whose key [`Locked::find`] has just not found (or found without a value).
    pub(super) fn insert_absent(
        &self,
        py: Attached<'_>,
        key: &Object,
        hash: isize,
        value: Ref<Object>,
    ) -> PyResult<()> {
        notify(py, self, DictEvent::Added, Some(key), Some(&value));
        let text = key.downcast_exact::<Str>();
        if let Some(values) = self.split() {
            if let Some(text) = text
                && let Some(at) = shared_index(self.table(), text, hash)
                && at < values.capacity()
            {
                let old = values.replace(at, value);
                debug_assert!(old.is_none());
                self.raw().ma_used.set(self.len() as isize + 1);
                return Ok(());
            }
            self.resize(
                py,
                log2_for((self.len() + 1) * 3 / 2),
                if text.is_some() { Kind::Text } else { Kind::General },
            )?;
        }
        let table = self.table_with_room(py, text.is_some())?;
        self.append(table, key, hash, value);
        Ok(())
    }

    /// The dict's own table, after making room for one more key in it, which is an exact string or not.
    #[inline]
    fn table_with_room(&self, py: Attached<'_>, text: bool) -> PyResult<&Keys> {
        let table = self.table();
        if table.is_text() && !text {
            let log2 = if table.is_static_empty() { MIN_LOG2 } else { log2_for((self.len() + 1) * 3 / 2) };
            self.resize(py, log2.max(MIN_LOG2), Kind::General)?;
        } else if table.usable() == 0 {
            let log2 =
                if table.is_static_empty() { MIN_LOG2 } else { (self.len() * 3).next_power_of_two().ilog2() as u8 };
            self.resize(py, log2.max(MIN_LOG2), table.kind())?;
        }
        Ok(self.table())
    }

    /// Adds a pair to the dict's table, which has room for it.
    #[inline]
    fn append(&self, table: &Keys, key: &Object, hash: isize, value: Ref<Object>) {
        table.invalidate_version();
        table.append(key.to_ref(), hash, value.into_raw());
        self.raw().ma_used.store(self.len() as isize + 1, Release);
    }

    /// Moves all pairs to a new table of the dict's own.
    pub(super) fn resize(&self, py: Attached<'_>, log2: u8, kind: Kind) -> PyResult<()> {
        debug_assert!(kind != Kind::Shared);
        let old = self.table();
        let old_values = self.split();
        let mut log2 = log2;
        while super::keys::usable_of(log2) <= self.len() {
            log2 += 1;
        }
        let Some(new) = Keys::alloc(log2, kind) else { return Err(py.no_memory()) };
        let mut count = 0;
        if let Some(values) = old_values {
            for place in 0..values.len() {
                let at = values.key_at(place);
                let entry = old.entry(at);
                // SAFETY: [locked]: the shared table owns its keys; the new one gets references of its own.
                let key = unsafe { Object::from_ptr(entry.key.get()) }.to_ref();
                new.fill(count, key.into_raw(), values.cell(at).get(), old.hash_of(at));
                count += 1;
            }
        } else {
            for at in 0..old.count() {
                let entry = old.entry(at);
                let value = entry.value.get();
                if !value.is_null() {
                    new.fill(count, entry.key.get(), value, if kind == Kind::General { old.hash_of(at) } else { 0 });
                    count += 1;
                }
            }
        }
        new.set_filled(count);
        let at_once = mode::frees_at_once(self.as_object());
        if let Some(values) = old_values {
            // Values before keys: a reader that still finds the old values rechecks both words.
            if values.is_inline() {
                values.invalidate();
            }
            self.raw().ma_values.store(ptr::null_mut(), Release);
            self.raw().ma_keys.store(new.as_raw(), Release);
            // The references moved to the new table.
            values.take_all().into_iter().for_each(|value| {
                let _ = value.into_raw();
            });
            // SAFETY: the dict gave up its ownership of both.
            unsafe {
                if !values.is_inline() {
                    values.free(py, at_once);
                }
                Keys::release(py, NonNull::from(old), at_once);
            }
        } else {
            self.raw().ma_keys.store(new.as_raw(), Release);
            old.invalidate_version();
            // SAFETY: the entries moved, so only the memory is left.
            unsafe { Keys::free(py, NonNull::from(old), at_once) };
        }
        Ok(())
    }

    /// Removes entry `at`, which may be without value in a split dict.
    pub(super) fn delete(&self, py: Attached<'_>, at: usize) -> PyResult<Option<Pair>> {
        if self.raw_value_at(at).is_null() {
            return Ok(None);
        }
        let table = self.table();
        let entry = table.entry(at);
        // SAFETY: [locked]: the table owns its key.
        let key = unsafe { Object::from_ptr(entry.key.get()) };
        notify(py, self, DictEvent::Deleted, Some(key), None);
        if let Some(values) = self.split() {
            let key = key.to_ref();
            let value = values.remove(at);
            self.raw().ma_used.set(self.len() as isize - 1);
            return Ok(value.map(|value| (key, value)));
        }
        table.invalidate_version();
        table.unplace(table.hash_of(at), at);
        // SAFETY: [locked]: the entry owned both.
        let pair = unsafe {
            let (key, value) = (entry.key.get(), entry.value.get());
            entry.value.store(ptr::null_mut(), Release);
            entry.key.store(ptr::null_mut(), Release);
            (Ref::from_raw(key), Ref::from_raw(value))
        };
        self.raw().ma_used.store(self.len() as isize - 1, Release);
        Ok(Some(pair))
    }

    /// Removes the pair that was added last.
    pub(super) fn delete_last(&self, py: Attached<'_>) -> PyResult<Option<Pair>> {
        if self.is_empty() {
            return Ok(None);
        }
        if let Some(values) = self.split() {
            let at = values.key_at(values.len() - 1);
            return self.delete(py, at);
        }
        let table = self.table();
        let mut at = table.count();
        while at > 0 {
            at -= 1;
            if !table.entry(at).value.get().is_null() {
                let pair = self.delete(py, at)?;
                table.truncate(at);
                return Ok(pair);
            }
        }
        Ok(None)
    }

    /// The pair at or after `*pos` with its entry's position in the table, and moves `*pos` behind it.
    #[inline]
    pub(super) fn step(&self, pos: &mut usize) -> Option<(usize, Ref<Object>, Ref<Object>)> {
        let table = self.table();
        if let Some(values) = self.split() {
            if *pos >= values.len() {
                return None;
            }
            let at = values.key_at(*pos);
            *pos += 1;
            // SAFETY: [locked]: the table owns its keys.
            let key = unsafe { Object::from_ptr(table.entry(at).key.get()) }.to_ref();
            return self.value_at(at).map(|value| (at, key, value));
        }
        let count = table.count();
        while *pos < count {
            let at = *pos;
            let entry = table.entry(at);
            *pos += 1;
            let value = entry.value.get();
            if !value.is_null() {
                // SAFETY: [locked]: the entry owns both.
                return unsafe {
                    Some((at, Object::from_ptr(entry.key.get()).to_ref(), Object::from_ptr(value).to_ref()))
                };
            }
        }
        None
    }

    /// The pair at or before position `pos - 1`, and moves `*pos` before it.
    pub(super) fn step_back(&self, pos: &mut usize) -> Option<(Ref<Object>, Ref<Object>)> {
        let end = if let Some(values) = self.split() { values.len() } else { self.table().count() };
        if *pos > end {
            return None;
        }
        while *pos > 0 {
            *pos -= 1;
            let mut at = *pos;
            if let Some((_, key, value)) = self.step(&mut at)
                && at == *pos + 1
            {
                return Some((key, value));
            }
        }
        None
    }

    /// The position behind the last entry.
    pub(super) fn end(&self) -> usize {
        if let Some(values) = self.split() { values.len() } else { self.table().count() }
    }

    /// A table of its own with the same pairs: a copy of the memory where that wastes little, or entry by entry.
    pub(super) fn clone_table(&self, py: Attached<'_>) -> PyResult<&'static Keys> {
        let table = self.table();
        let len = self.len();
        if len == 0 {
            return Ok(Keys::empty());
        }
        if self.split().is_none() && table.count() <= len + len / 2 {
            return table.duplicate().ok_or_else(|| py.no_memory());
        }
        let text = table.is_text();
        let kind = if text { Kind::Text } else { Kind::General };
        let Some(new) = Keys::alloc(log2_for(len), kind) else { return Err(py.no_memory()) };
        let mut count = 0;
        let mut add = |key: *mut PyObject, value: *mut PyObject, hash: isize| {
            // SAFETY: [locked]: the dict owns both.
            unsafe {
                mode::incref(key);
                mode::incref(value);
            }
            new.fill(count, key, value, hash);
            count += 1;
        };
        if let Some(values) = self.split() {
            for place in 0..values.len() {
                let at = values.key_at(place);
                add(table.entry(at).key.get(), values.cell(at).get(), 0);
            }
        } else {
            for at in 0..table.count() {
                let entry = table.entry(at);
                let value = entry.value.get();
                if !value.is_null() {
                    add(entry.key.get(), value, if text { 0 } else { table.hash_of(at) });
                }
            }
        }
        new.set_filled(count);
        Ok(new)
    }

    /// Makes room for `count` more keys.
    pub(super) fn reserve(&self, py: Attached<'_>, count: usize, text: bool) -> PyResult<()> {
        let table = self.table();
        if self.split().is_some() || table.usable() >= count {
            return Ok(());
        }
        let log2 = log2_for(self.len() + count);
        if log2 <= table.log2() && !table.is_static_empty() {
            return Ok(());
        }
        let kind = if table.is_text() && (text || !table.is_static_empty()) { Kind::Text } else { Kind::General };
        self.resize(py, log2, kind)
    }

    /// Takes over a fresh table with `count` pairs; the dict was empty.
    pub(super) fn adopt(&self, py: Attached<'_>, table: &'static Keys, count: usize) {
        let old = self.table();
        let at_once = mode::frees_at_once(self.as_object());
        self.raw().ma_keys.store(table.as_raw(), Release);
        self.raw().ma_used.store(count as isize, Release);
        old.invalidate_version();
        // SAFETY: the old table was empty, so it only loses its owner.
        unsafe { Keys::release(py, NonNull::from(old), at_once) };
    }

    /// Whether the dict is empty and has a table of its own.
    pub(super) fn is_blank(&self) -> bool {
        self.is_empty() && self.split().is_none()
    }
}

/// The position of a name in a shared table, adding it while there is room.
pub(super) fn shared_index(table: &Keys, name: &Str, hash: isize) -> Option<usize> {
    if table.kind() != Kind::Shared {
        return None;
    }
    table.with_lock(|| {
        if let Some(at) = table.find_text(name, hash) {
            return Some(at);
        }
        if table.usable() == 0 {
            return None;
        }
        table.invalidate_version();
        if FREE_THREADED {
            // SAFETY: `name` is borrowed from a live reference.
            unsafe { mode::publish(name.as_ptr()) };
        }
        Some(table.append(name.to_ref().upcast(), hash, ptr::null_mut()))
    })
}

/// A split dict over inline or own `values`.
pub(super) fn new_split(py: Attached<'_>, table: &Keys, values: &Values) -> PyResult<Ref<Dict>> {
    table.add_owner();
    crate::mem::new_instance(py, Dict::type_object(), |dict: &Dict| {
        dict.0.ma_keys.set(table.as_raw());
        dict.0.ma_values.set(values.as_tagged());
        dict.0.ma_used.set(values.len() as isize);
    })
}

/// Reordering, for `OrderedDict`. The dict is not split.
impl Locked<'_, Dict> {
    /// The first entry at or after `from` that has a value.
    pub(crate) fn first_entry(&self, from: usize) -> Option<usize> {
        let table = self.table();
        (from..table.count()).find(|&at| !table.entry(at).value.get().is_null())
    }

    /// The last entry that has a value.
    pub(crate) fn last_entry(&self) -> Option<usize> {
        let table = self.table();
        (0..table.count()).rev().find(|&at| !table.entry(at).value.get().is_null())
    }

    /// Makes room so that [`Locked::move_entry`] can follow; entries may change their places.
    pub(crate) fn prepare_move(&self, py: Attached<'_>, last: bool) -> PyResult<()> {
        let table = self.table();
        if last {
            if table.usable() == 0 {
                self.resize(py, log2_for(self.len() * 2), table.kind())?;
            }
            return Ok(());
        }
        if table.entry(0).value.get().is_null() {
            return Ok(());
        }
        // Leaves as many free places in front as there are entries, so that moving to the front is cheap on average.
        let (len, count) = (self.len(), table.count());
        let Some(new) = Keys::alloc(log2_for(len * 3 + 4), table.kind()) else { return Err(py.no_memory()) };
        let gap = len + 2;
        let mut at = gap;
        for from in 0..count {
            let entry = table.entry(from);
            let value = entry.value.get();
            if !value.is_null() {
                new.fill(at, entry.key.get(), value, if table.is_text() { 0 } else { table.hash_of(from) });
                at += 1;
            }
        }
        new.set_filled_behind(gap, at);
        let at_once = mode::frees_at_once(self.as_object());
        self.raw().ma_keys.store(new.as_raw(), Release);
        table.invalidate_version();
        // SAFETY: the entries moved, so only the memory is left.
        unsafe { Keys::free(py, NonNull::from(table), at_once) };
        Ok(())
    }

    /// Moves entry `at` behind the last or before the first one; [`Locked::prepare_move`] came before. The key is
    /// found at every moment. Returns its new place.
    pub(crate) fn move_entry(&self, at: usize, last: bool) -> usize {
        let table = self.table();
        let to = if last {
            table.count()
        } else {
            match self.first_entry(0) {
                Some(first) if first > 0 && first != at => first - 1,
                _ => return at,
            }
        };
        if last && at + 1 == table.count() {
            return at;
        }
        table.move_entry(at, to, last);
        to
    }

    /// Removes entry `at`, which has a value.
    pub(crate) fn take_entry(&self, py: Attached<'_>, at: usize) -> PyResult<Option<Pair>> {
        let pair = self.delete(py, at)?;
        if at + 1 == self.table().count() && self.split().is_none() {
            self.table().truncate(at);
        }
        Ok(pair)
    }

    /// The entry of a key that has a value.
    pub(crate) fn find_entry(&self, py: Attached<'_>, key: &Object, hash: isize) -> PyResult<Option<usize>> {
        Ok(self.find(py, key, hash)?.filter(|&at| !self.raw_value_at(at).is_null()))
    }

    /// Whether the table is the one at `address`, for hints that are valid in one table only.
    pub(crate) fn table_address(&self) -> usize {
        self.raw().ma_keys.get() as usize
    }

    /// The pair at or after `*pos`; see `PyDict_Next`.
    pub(crate) fn step_pair(&self, pos: &mut usize) -> Option<Pair> {
        self.step(pos).map(|(_, key, value)| (key, value))
    }

    /// The pair before `*pos`, going backwards.
    pub(crate) fn step_pair_back(&self, pos: &mut usize) -> Option<Pair> {
        self.step_back(pos)
    }

    /// The position behind the last pair.
    pub(crate) fn end_position(&self) -> usize {
        self.end()
    }
}
