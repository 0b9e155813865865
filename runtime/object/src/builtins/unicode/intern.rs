//! The table of interned strings: one per process, its entries immortal.
use super::{Str, statics};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::SSTATE_INTERNED_IMMORTAL;
use crate::{PyResult, mem, mode};
use std::sync::{Mutex, MutexGuard};

const SHARDS: usize = 64;

/// Open addressing with linear probing; entries are never removed.
struct Shard {
    slots: Vec<Option<&'static Str>>,
    used: usize,
}

static TABLE: [Mutex<Shard>; SHARDS] = [const { Mutex::new(Shard { slots: Vec::new(), used: 0 }) }; SHARDS];

impl Shard {
    fn find(&self, hash: usize, equal: impl Fn(&Str) -> bool) -> Option<&'static Str> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash & mask;
        while let Some(entry) = self.slots[at] {
            if entry.hash() as usize / SHARDS == hash && equal(entry) {
                return Some(entry);
            }
            at = (at + 1) & mask;
        }
        None
    }

    fn insert(&mut self, hash: usize, text: &'static Str) {
        if (self.used + 1) * 3 > self.slots.len() * 2 {
            let old = std::mem::take(&mut self.slots);
            self.slots = vec![None; (old.len() * 2).max(64)];
            for entry in old.into_iter().flatten() {
                self.place(entry.hash() as usize / SHARDS, entry);
            }
        }
        self.place(hash, text);
        self.used += 1;
    }

    fn place(&mut self, hash: usize, text: &'static Str) {
        let mask = self.slots.len() - 1;
        let mut at = hash & mask;
        while self.slots[at].is_some() {
            at = (at + 1) & mask;
        }
        self.slots[at] = Some(text);
    }
}

fn shard(hash: usize) -> MutexGuard<'static, Shard> {
    TABLE[hash % SHARDS].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// How many strings are interned.
pub fn interned_count() -> usize {
    (0..SHARDS).map(|at| shard(at).used).sum()
}

impl Str {
    /// The interned string equal to a literal; immortal.
    ///
    /// # Panics
    /// When not even the reserve has memory for the string.
    pub fn intern_static(py: Attached<'_>, text: &str) -> &'static Str {
        match mem::urgently(py, || Str::new(py, text)) {
            Ok(text) => Str::intern(py, text),
            Err(_) => panic!("no memory for an identifier"),
        }
    }

    /// The interned, immortal string equal to `text` (`sys.intern`).
    pub fn intern(py: Attached<'_>, text: Ref<Str>) -> &'static Str {
        mem::urgently(py, || Self::try_intern(py, text)).unwrap_or_else(|_| panic!("no memory to intern a string"))
    }

    /// As [`Str::intern`]; fails when a copy is needed and there is no memory.
    pub fn try_intern(py: Attached<'_>, text: Ref<Str>) -> PyResult<&'static Str> {
        if text.is_interned() {
            // SAFETY: [immortal]: interned strings are never freed.
            return Ok(unsafe { &*text.into_raw().cast() });
        }
        if text.is_empty() {
            return Ok(statics::empty());
        }
        if let (1, point @ 0..=255) = (text.len(), text.char_at(0)) {
            return Ok(statics::latin1_char(point as u8));
        }
        let full_hash = text.hash() as usize;
        let hash = full_hash / SHARDS;
        if let Some(found) = shard(full_hash).find(hash, |entry| Str::eq(entry, &text)) {
            return Ok(found);
        }
        // Immortalising writes the count words plainly, which only the owning thread may do.
        let exact = std::ptr::eq(text.as_object().ty(), Str::type_object());
        let text = if exact && mode::may_immortalize(text.as_object()) { text } else { text.copy_exact(py)? };
        text.hash();
        let mut shard = shard(full_hash);
        if let Some(found) = shard.find(hash, |entry| Str::eq(entry, &text)) {
            drop(shard);
            return Ok(found);
        }
        mode::make_immortal(text.as_object());
        // SAFETY: [immortal] from here on.
        let text: &'static Str = unsafe { &*text.into_raw().cast() };
        text.0.state.set(text.0.state.get().with_interned(SSTATE_INTERNED_IMMORTAL as u32));
        shard.insert(hash, text);
        Ok(text)
    }

    #[inline(always)]
    pub fn is_interned(&self) -> bool {
        self.0.state.get().interned() != 0
    }
}
