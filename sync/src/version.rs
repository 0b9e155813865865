//! Versions: cached facts about something that rarely changes, read without a lock.
//!
//! # Protocol
//!
//! Something with facts worth caching (a type) has a [`VersionTag`]: a number that no other state of anything has, or 0.
//! *Before* the facts change, under the writer's lock, the tag is invalidated; a fresh number is given *before* the facts
//! are read again for the cache.
//!
//! A [`LookupEntry`] maps (version, key) to a word, under a sequence lock.
//! A reader compares the entry's version with the tag's, takes the word, *secures* it (takes a reference that it can fail
//! to get), and then looks again: at the entry (was it whole?) and **at the tag**.
//! The second look at the tag is what makes the word right: between the first look and the securing the fact may have
//! changed, the object died and its memory become another live object, whose reference is just as easily taken; the
//! entry itself need not have changed meanwhile.
//!
//! Invariants:
//! * **VE1** A word is used only if the tag still had the entry's version after the word was secured.
//! * **VE2** A version number is never used twice; when the numbers run out nothing is cached any more.
//! * **VE3** A new version is never paired with an old word: the version is stored last, Release, and loaded first,
//!   Acquire (gh-132942).
//!
//! Orderings: as in [`seqlock`](crate::seqlock), and VE3, because securing follows the word before the entry is validated.
//! Readers never block; writers exclude each other by the sequence lock, for a few stores.
//! Readers run attached; writers attached, under the writer's lock.
//! Checked by the models `version`, `version_reuse` (M34) and `version_modify` (M35).
//!
//! ```
//! use krait_sync::version::{LookupEntry, VersionAllocator, VersionTag};
//!
//! let (versions, entry) = (VersionAllocator::new(), LookupEntry::new());
//! let tag = VersionTag::new(versions.allocate());
//! let (key, word) = (1, 42);
//! entry.store(tag.get(), key, word);
//! assert_eq!(entry.lookup(&tag, key, Some, drop), Some(word));
//! // The fact changes: first the tag, then the fact.
//! tag.invalidate();
//! assert_eq!(entry.lookup(&tag, key, Some, drop), None);
//! assert_ne!(tag.assign(&versions), 0);
//! assert_eq!(entry.lookup(&tag, key, Some, drop), None);
//! ```

use crate::prim::{AtomicU32, AtomicUsize, Ordering::*, PreLoad, const_new, fence, ord, planted};
use crate::seqlock::SeqLock;

/// The version of something that is not to be cached.
pub const NO_VERSION: u32 = 0;

/// Gives out version numbers. One for all tags that share caches.
pub struct VersionAllocator {
    next: AtomicU32,
}

impl VersionAllocator {
    const_new! {
        /// The first number is 1.
        pub const fn new() -> VersionAllocator {
            VersionAllocator { next: AtomicU32::new(1) }
        }
    }

    const_new! {
        /// The first number is `next`.
        pub const fn starting_at(next: u32) -> VersionAllocator {
            VersionAllocator { next: AtomicU32::new(next) }
        }
    }

    /// A number that nothing has had; [`NO_VERSION`] when there are none left. (VE2)
    pub fn allocate(&self) -> u32 {
        let mut next = self.next.pre_load(Relaxed);
        while next != NO_VERSION {
            match self.next.compare_exchange_weak(next, next.wrapping_add(1), Relaxed, Relaxed) {
                Ok(_) => return next,
                Err(now) => next = now,
            }
        }
        NO_VERSION
    }
}

impl Default for VersionAllocator {
    fn default() -> Self {
        VersionAllocator::new()
    }
}

/// See the [module](self).
#[repr(transparent)]
pub struct VersionTag(AtomicU32);

impl VersionTag {
    const_new! {
        /// A tag with this version.
        pub const fn new(version: u32) -> VersionTag {
            VersionTag(AtomicU32::new(version))
        }
    }

    /// The version.
    #[inline(always)]
    pub fn get(&self) -> u32 {
        self.0.load(Acquire)
    }

    /// The facts are about to change. The caller holds the writer's lock.
    pub fn invalidate(&self) {
        self.0.store(NO_VERSION, Relaxed);
        // Whoever sees a fact that is stored from here on also sees that the version is gone.
        if !planted("version/no_invalidate_fence") {
            fence(Release);
        }
    }

    /// Gives it a version if it has none; the facts are read after that. The caller holds the writer's lock.
    pub fn assign(&self, allocator: &VersionAllocator) -> u32 {
        match self.0.load(Relaxed) {
            NO_VERSION => {
                let version = allocator.allocate();
                // Release: a reader that sees the version sees the facts as they now are.
                self.0.store(version, Release);
                version
            }
            version => version,
        }
    }
}

/// See the [module](self).
pub struct LookupEntry {
    lock: SeqLock,
    version: AtomicU32,
    key: AtomicUsize,
    word: AtomicUsize,
}

impl LookupEntry {
    const_new! {
        /// Nothing is cached.
        pub const fn new() -> LookupEntry {
            LookupEntry {
                lock: SeqLock::new(),
                version: AtomicU32::new(NO_VERSION),
                key: AtomicUsize::new(0),
                word: AtomicUsize::new(0),
            }
        }
    }

    /// The word for `key` in the present version of `tag`, secured.
    ///
    /// `secure` gets the word, which may be stale: it must be safe on the header of a dead or another object. `None`
    /// says that it could not. `undo` gives back what turned out to be stale.
    #[inline]
    pub fn lookup<R>(
        &self,
        tag: &VersionTag,
        key: usize,
        secure: impl FnOnce(usize) -> Option<R>,
        undo: impl FnOnce(R),
    ) -> Option<R> {
        let sequence = self.lock.try_read_begin()?;
        let version = self.version.load(ord!("version/load_relaxed", Acquire => Relaxed));
        if version == NO_VERSION || version != tag.get() || self.key.load(Relaxed) != key {
            return None;
        }
        let secured = secure(self.word.load(Acquire))?;
        let entry_is_whole = self.lock.validate(sequence);
        // [VE1] After the fence in `validate`, and after the securing.
        let still_true = tag.get() == version || planted("version/no_second_look");
        if entry_is_whole && still_true {
            Some(secured)
        } else {
            undo(secured);
            None
        }
    }

    /// Caches `word` for `key` in `version`, which was assigned before the word was found.
    pub fn store(&self, version: u32, key: usize, word: usize) {
        let guard = self.lock.write();
        if planted("version/version_first") {
            self.version.store(version, Release);
        }
        self.key.store(key, Relaxed);
        self.word.store(word, Release);
        // [VE3]
        self.version.store(version, ord!("version/store_relaxed", Release => Relaxed));
        drop(guard);
    }

    /// Caches nothing.
    pub fn clear(&self) {
        self.store(NO_VERSION, 0, 0);
    }
}

impl Default for LookupEntry {
    fn default() -> Self {
        LookupEntry::new()
    }
}
