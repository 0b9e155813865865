//! Version tags and the per-thread method cache.
//!
//! A version is a number from one process-wide counter that is never used twice; 0 means none. A type may have a
//! version only while all its bases have one. Versions are given and dropped under [`VERSIONS`]; nothing that could
//! run Python code, allocate objects or wait for a pause happens while it is held.
//!
//! A cache entry maps (version, interned name) to a borrowed value. It is per thread, so it is never torn, and it can
//! only match while the type still has the version under which the value was found. A reader secures the value with
//! `try_incref` and then checks the version again (SYNC 1.17, TV1): the mutator drops the version before it lets go
//! of the old value, and memory that a reader may still see keeps a valid head ([quiescent]).
use super::Type;
use crate::handle::{Attached, Layout, Read, Ref};
use crate::layout::PyObject;
use crate::{FREE_THREADED, Object, Str, mode};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The next version to give out; after the last one no type gets a version any more.
static VERSIONS: Mutex<u32> = Mutex::new(1);

/// A class that has used up so many versions changes too often to be worth caching.
const MAX_VERSIONS_PER_CLASS: u16 = 1000;

const ENTRIES: usize = 2048;

#[derive(Clone, Copy)]
struct Entry {
    version: u32,
    name: *const Str,
    value: *mut PyObject,
}

struct MethodCache(Cell<*mut [Entry; ENTRIES]>);

struct CacheGuard;

impl Drop for CacheGuard {
    fn drop(&mut self) {
        CACHE.with(|cache| {
            let entries = cache.0.replace(ptr::null_mut());
            if !entries.is_null() {
                // SAFETY: made by `Box::into_raw` in `make_cache` and taken out of the cell.
                drop(unsafe { Box::from_raw(entries) });
            }
        });
    }
}

thread_local! {
    static CACHE: MethodCache = const { MethodCache(Cell::new(ptr::null_mut())) };
    static GUARD: CacheGuard = const { CacheGuard };
}

#[cold]
fn make_cache() -> *mut [Entry; ENTRIES] {
    // A thread whose locals are already destroyed caches nothing.
    if GUARD.try_with(|_| ()).is_err() {
        return ptr::null_mut();
    }
    let entries = vec![Entry { version: 0, name: ptr::null(), value: ptr::null_mut() }; ENTRIES];
    let Ok(entries) = <Box<[Entry; ENTRIES]>>::try_from(entries.into_boxed_slice()) else { return ptr::null_mut() };
    let entries = Box::into_raw(entries);
    CACHE.with(|cache| cache.0.set(entries));
    entries
}

#[inline(always)]
fn index_of(version: u32, name: &Str) -> usize {
    (version as usize ^ (ptr::from_ref(name) as usize >> 4)) % ENTRIES
}

fn versions() -> MutexGuard<'static, u32> {
    VERSIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Type {
    /// What the calling thread's cache has for `name` under the type's present version.
    #[inline(always)]
    fn cached(&self, name: &Str) -> Option<Entry> {
        let version = self.0.tp_version_tag.load(Acquire);
        let entries = CACHE.with(|cache| cache.0.get());
        if version == 0 || entries.is_null() {
            return None;
        }
        // SAFETY: the cache of this thread lives until the thread ends; the index is in range.
        let entry = unsafe { (*entries)[index_of(version, name)] };
        (entry.version == version && ptr::eq(entry.name, name)).then_some(entry)
    }

    /// Finds `name` along the MRO; raises nothing. Uses the per-thread method cache.
    #[inline]
    pub fn lookup(&self, py: Attached<'_>, name: &Str) -> Option<Ref<Object>> {
        if let Some(entry) = self.cached(name) {
            if entry.value.is_null() {
                return None;
            }
            // SAFETY: [quiescent]: see the module doc.
            if unsafe { mode::try_incref(entry.value) } {
                // SAFETY: we own the reference just made.
                let value = unsafe { Ref::from_raw(entry.value) };
                if !FREE_THREADED || self.0.tp_version_tag.load(Acquire) == entry.version {
                    return Some(value);
                }
            }
        }
        self.lookup_uncached(py, name).0
    }

    /// As [`Type::lookup`], for a word of a frame.
    #[inline]
    pub fn lookup_read(&self, py: Attached<'_>, name: &Str) -> Read {
        if let Some(entry) = self.cached(name)
            && !entry.value.is_null()
            // SAFETY: [quiescent]: see the module doc.
            && unsafe { mode::needs_no_count(entry.value) }
            && (!FREE_THREADED || self.0.tp_version_tag.load(Acquire) == entry.version)
        {
            return Read::borrowed(entry.value);
        }
        self.lookup(py, name).map_or(Read::NOTHING, Read::counted)
    }

    /// As [`Type::lookup`], with the version under which the answer holds; 0 when it must not be cached.
    pub fn lookup_with_version(&self, py: Attached<'_>, name: &Str) -> (Option<Ref<Object>>, u32) {
        self.lookup_uncached(py, name)
    }

    #[cold]
    fn lookup_uncached(&self, py: Attached<'_>, name: &Str) -> (Option<Ref<Object>>, u32) {
        // The version comes first: what the walk finds belongs to it only if it is still valid afterwards.
        let mut version = if name.is_interned() { self.version(py) } else { 0 };
        let found = self.find_in_mro(py, name);
        if version != 0 && self.0.tp_version_tag.load(Acquire) == version {
            let mut entries = CACHE.with(|cache| cache.0.get());
            if entries.is_null() {
                entries = make_cache();
            }
            if !entries.is_null() {
                let value = found.as_ref().map_or(ptr::null_mut(), |value| value.as_ptr());
                if !value.is_null() {
                    // SAFETY: we own a reference.
                    unsafe { mode::publish(value) };
                }
                // SAFETY: this thread's own cache; the index is in range.
                unsafe { (*entries)[index_of(version, name)] = Entry { version, name, value } };
            }
        } else {
            version = 0;
        }
        (found, version)
    }

    /// Walks the MRO without any cache. Errors of odd keys in class dicts are dropped.
    pub(crate) fn find_in_mro(&self, py: Attached<'_>, name: &Str) -> Option<Ref<Object>> {
        let hash = name.hash();
        for class in self.mro() {
            let Some(dict) = class.dict() else { continue };
            match dict.get_known(py, name.as_object(), hash) {
                Ok(Some(value)) => return Some(value),
                Ok(None) => {}
                Err(raised) => {
                    raised.clear(py);
                    return None;
                }
            }
        }
        None
    }

    /// The version tag for inline caches, assigned on demand; 0 when none can be had.
    #[inline]
    pub fn version(&self, _py: Attached<'_>) -> u32 {
        match self.0.tp_version_tag.load(Acquire) {
            0 if self.is_ready() => self.assign_version(&mut versions()),
            version => version,
        }
    }

    /// The version that the type has now, without giving it one.
    #[inline(always)]
    pub fn version_now(&self) -> u32 {
        self.0.tp_version_tag.load(Acquire)
    }

    fn assign_version(&self, next: &mut u32) -> u32 {
        let version = self.0.tp_version_tag.get();
        if version != 0 {
            return version;
        }
        let used = self.0.tp_versions_used.get();
        if *next == u32::MAX || used >= MAX_VERSIONS_PER_CLASS {
            return 0;
        }
        for base in self.bases() {
            // SAFETY: bases are types.
            if unsafe { base.cast_unchecked::<Type>() }.assign_version(next) == 0 {
                return 0;
            }
        }
        if *next == u32::MAX {
            return 0;
        }
        if !self.is_immutable() {
            self.0.tp_versions_used.set(used + 1);
        }
        let version = *next;
        *next += 1;
        self.0.tp_version_tag.store(version, Release);
        version
    }

    /// The type was changed: drops its version and those of its subclasses (`PyType_Modified`), and tells watchers.
    pub fn modified(&self, py: Attached<'_>) {
        if self.0.tp_version_tag.load(Acquire) == 0 {
            return;
        }
        let mut watched = Vec::new();
        let guard = versions();
        self.drop_version(&mut watched);
        drop(guard);
        for ty in watched {
            ty.tell_watchers(py);
        }
    }

    /// Never gives this type and its subclasses a version again: its MRO is not that of its bases.
    pub(crate) fn forbid_version(&self) {
        let mut watched = Vec::new();
        let guard = versions();
        self.drop_version(&mut watched);
        self.0.tp_versions_used.set(u16::MAX);
        drop(guard);
    }

    /// The caller holds [`VERSIONS`]. Types that somebody watches are added to `watched`.
    fn drop_version(&self, watched: &mut Vec<Ref<Type>>) {
        if self.0.tp_version_tag.get() == 0 {
            return;
        }
        self.0.tp_version_tag.store(0, Release);
        if let Some(heap) = self.as_heap() {
            heap._spec_cache.getitem_version.set(0);
        }
        // SAFETY: a type in a list of subclasses is live memory; it may be dying.
        if self.0.tp_watched.get() != 0 && unsafe { mode::try_incref(self.as_ptr()) } {
            // SAFETY: the reference just made.
            watched.push(unsafe { Ref::from_raw(self.as_ptr()) });
        }
        self.for_each_subclass(&mut |subclass| subclass.drop_version(watched));
    }

    #[cold]
    fn tell_watchers(&self, py: Attached<'_>) {
        let bits = self.0.tp_watched.get();
        for (id, watcher) in py.state().type_watchers.each(bits) {
            // SAFETY: the callback is a C function of this type; [slot-contract].
            if unsafe { watcher(self.as_type_ptr()) } < 0 {
                let subject = crate::watch::shown(py, self.as_object());
                crate::watch::failed(py, &format!("type watcher callback #{id}"), &subject);
            }
        }
    }

    /// Sets and clears flags of this class and of the subclasses that have other values, as `abc` does for patterns.
    pub fn set_flags_recursive(&self, py: Attached<'_>, mask: std::ffi::c_ulong, flags: std::ffi::c_ulong) {
        if self.is_immutable() || self.0.tp_flags.get() & mask == flags {
            return;
        }
        self.0.tp_flags.set(self.0.tp_flags.get() & !mask | flags);
        self.modified(py);
        for subclass in self.subclasses(py) {
            subclass.set_flags_recursive(py, mask, flags);
        }
    }
}
