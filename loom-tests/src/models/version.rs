//! [`VersionTag`] and [`LookupEntry`].

use crate::{Model, cover, together};
use krait_sync::prim::{AtomicUsize, Ordering::*};
use krait_sync::version::{LookupEntry, VersionAllocator, VersionTag};

pub const MODELS: [Model; 3] = [
    Model::loom("M34", "version", "a cached word is paired with its version", 2, pairing)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["old", "new"])
        .bugs(&["version/version_first", "version/store_relaxed", "version/load_relaxed"]),
    Model::loom("M34", "version_reuse", "memory that was used again is not taken for what was cached", 2, reuse)
        .bounds(3, Some(4))
        .least(10)
        .covers(&["hit"])
        .bugs(&["version/no_second_look"]),
    Model::loom("M35", "version_modify", "a fact that has changed is not found under the old version", 2, modify)
        .bounds(3, Some(4))
        .least(4)
        .bugs(&["version/no_invalidate_fence"]),
];

const KEY: usize = 7;

/// The type changes and is cached again; the cached word of before is dead by then.
fn pairing() {
    type Env = (VersionTag, LookupEntry, AtomicUsize);
    let entry = LookupEntry::new();
    entry.store(1, KEY, 100);
    let change = |(tag, entry, _): &Env| {
        tag.invalidate();
        let version = tag.assign(&VersionAllocator::starting_at(2));
        entry.store(version, KEY, 200);
    };
    let look = |(tag, entry, _): &Env| {
        // Securing follows the word: with the new version seen, a dead word must not be followed.
        let before = tag.get();
        let found = entry.lookup(
            tag,
            KEY,
            |word| {
                assert!(before != 2 || word == 200, "a new version with an old word");
                Some(word)
            },
            drop,
        );
        match found {
            Some(100) => cover("old"),
            Some(200) => cover("new"),
            _ => {}
        }
    };
    together!((VersionTag::new(1), entry, AtomicUsize::new(0)); change; look);
}

/// The cached object dies after the type has changed, and its memory becomes another object, which is alive.
fn reuse() {
    struct Env {
        tag: VersionTag,
        entry: LookupEntry,
        count: AtomicUsize,
        generation: AtomicUsize,
    }
    let entry = LookupEntry::new();
    entry.store(1, KEY, 100);
    let env = Env { tag: VersionTag::new(1), entry, count: AtomicUsize::new(1), generation: AtomicUsize::new(0) };
    let change = |env: &Env| {
        env.tag.invalidate();
        if env.count.fetch_sub(1, AcqRel) == 1 {
            env.generation.store(1, Relaxed);
            env.count.fetch_add(1, Release);
        }
    };
    let look = |env: &Env| {
        let try_incref = |word: usize| {
            let mut count = env.count.fetch_add(0, Relaxed);
            while count != 0 {
                match env.count.compare_exchange(count, count + 1, Acquire, Relaxed) {
                    Ok(_) => return Some(word),
                    Err(now) => count = now,
                }
            }
            None
        };
        let give_back = |_| {
            env.count.fetch_sub(1, AcqRel);
        };
        if env.entry.lookup(&env.tag, KEY, try_incref, give_back).is_some() {
            cover("hit");
            assert_eq!(env.generation.load(Relaxed), 0, "found another object");
        }
    };
    together!(env; change; look);
}

/// A reader that sees the new fact does not see the old version after that.
fn modify() {
    type Env = (VersionTag, AtomicUsize);
    let change = |(tag, fact): &Env| {
        tag.invalidate();
        fact.store(2, Relaxed);
    };
    let look = |(tag, fact): &Env| {
        if fact.load(Acquire) == 2 {
            assert_ne!(tag.get(), 1, "the old version with a new fact");
        }
    };
    together!((VersionTag::new(1), AtomicUsize::new(1)); change; look);
}
