//! [`SharedTable`].

use crate::words::Words;
use crate::{Model, Protected, cover, together};
use krait_sync::qsbr::{Domain, Participant};
use krait_sync::raw_mutex::Lock;
use krait_sync::snapshot::Snapshot;
use krait_sync::table::{Lookup, SharedKeys, SharedTable};
use std::sync::Arc;

pub const MODELS: [Model; 7] = [
    Model::loom("M39", "table_insert", "a value is seen as it was when it was stored", 2, insert)
        .bounds(3, Some(4))
        .least(20)
        .covers(&["absent", "old", "new"])
        .bugs(&["table/value_relaxed", "table/value_load_relaxed"]),
    Model::loom("M39", "table_resize", "a value that old keys still have is not found in them", 2, resize)
        .bounds(3, Some(4))
        .least(20)
        .covers(&["old", "new", "locked"])
        .bugs(&["table/keys_not_rechecked", "table/free_at_once", "table/keys_relaxed"]),
    Model::loom("M39", "table_watched", "the owner frees at once only what nobody else reads", 2, watched)
        .bounds(3, Some(4))
        .least(20)
        .covers(&["read"])
        .bugs(&["table/no_watched_flag"]),
    Model::loom("M40", "table_split", "a split table becomes a combined one under its readers", 2, split)
        .bounds(3, Some(4))
        .least(20)
        .covers(&["found", "locked"])
        .bugs(&["table/keys_before_values"]),
    Model::loom("M40", "table_shared_keys", "two tables add keys to the keys that they share", 2, shared_keys)
        .bounds(3, Some(4))
        .least(20),
    Model::loom("M40", "table_size", "a block of values has room for every key", 2, size)
        .bounds(3, Some(4))
        .least(4)
        .bugs(&["table/usable_before_count"]),
    Model::loom("M40", "table_replace", "a table that is replaced is not dropped under its readers", 2, replace)
        .bounds(3, Some(4))
        .least(20)
        .covers(&["old", "new"])
        .bugs(&["snapshot/free_at_once"]),
];

struct Env {
    domain: Domain,
    lock: Lock<()>,
    table: SharedTable,
    words: Words,
    /// What the words 1 and 2 lead to: written before they are stored.
    things: [Protected; 2],
}

fn new(table: SharedTable) -> Env {
    Env {
        domain: Domain::new(),
        lock: Lock::new(()),
        table,
        words: Words::new(),
        things: [Protected::new(0), Protected::new(0)],
    }
}

impl Env {
    fn enter(&self) -> Participant {
        // SAFETY: the participants go before the domain.
        let me = unsafe { self.domain.register() };
        me.attach();
        me
    }

    /// Under the lock, attached; frees what it may afterwards.
    fn change<R>(&self, f: impl FnOnce(&SharedTable, &Participant) -> R) -> R {
        let me = self.enter();
        let held = self.lock.lock();
        let result = f(&self.table, &me);
        drop(held);
        me.flush();
        me.detach();
        result
    }

    fn insert(&self, key: usize, word: usize) -> usize {
        // SAFETY: under the lock.
        self.change(|table, me| unsafe { table.insert(key, word, me) })
    }

    /// Lets readers in.
    fn watch(&self, key: usize) -> Option<usize> {
        // SAFETY: under the lock.
        self.change(|table, _| unsafe { table.get_locked(key) })
    }

    fn get(&self, key: usize) -> Lookup<usize> {
        let me = self.enter();
        // SAFETY: attached.
        let found = unsafe {
            // Securing reads the thing: its count, in truth.
            let secure = |word: usize| {
                self.things[(word - 1).min(1)].get();
                self.words.try_incref(word)
            };
            self.table.get(key, &me, secure, |word| self.words.undo(word))
        };
        me.detach();
        found
    }
}

fn insert() {
    let env = new(SharedTable::new(2));
    env.things[0].set(1);
    env.watch(7);
    let write = |env: &Env| {
        env.insert(7, 1);
        env.change(|table, me| {
            // After the fence of attaching, which would publish it too.
            env.things[1].set(1);
            // SAFETY: under the lock.
            unsafe { table.insert(7, 2, me) };
        });
    };
    let read = |env: &Env| match env.get(7) {
        Lookup::Absent => cover("absent"),
        Lookup::Found(word) => {
            cover(if word == 1 { "old" } else { "new" });
            assert_eq!(env.things[word - 1].get(), 1, "found before it was made");
        }
        Lookup::Locked => {}
    };
    together!(env; write; read);
}

fn resize() {
    let env = new(SharedTable::new(1));
    env.insert(7, 1);
    env.watch(7);
    let write = |env: &Env| {
        // No room: the pairs move, and then the value of the new table is replaced.
        env.insert(8, 2);
        env.words.let_go(env.insert(7, 2));
    };
    let read = |env: &Env| match env.get(7) {
        Lookup::Absent => panic!("a key that nobody removed"),
        Lookup::Found(1) => {
            cover("old");
            env.words.is_first();
        }
        Lookup::Found(_) => cover("new"),
        Lookup::Locked => cover("locked"),
    };
    together!(env; write; read);
}

fn watched() {
    let env = new(SharedTable::new(1));
    env.insert(7, 1);
    // The owner has not let anybody in; what it replaces goes at once.
    let write = |env: &Env| {
        env.insert(8, 2);
    };
    let read = |env: &Env| match env.get(7) {
        Lookup::Found(word) => assert_eq!(word, 1),
        Lookup::Absent => panic!("a key that nobody removed"),
        Lookup::Locked => {
            cover("read");
            assert_eq!(env.watch(7), Some(1));
        }
    };
    together!(env; write; read);
}

fn split() {
    let keys = SharedKeys::new(3);
    // Of the shared keys this table has all but the first one, so that their numbers change when it combines: the new
    // number of the last one is the old number of the one before.
    for key in [5, 6, 7] {
        keys.intern(key);
    }
    let env = new(SharedTable::split(&keys));
    env.insert(6, 2);
    env.insert(7, 1);
    env.watch(7);
    // SAFETY: under the lock.
    let write = |env: &Env| env.change(|table, me| unsafe { table.resize(3, me) });
    let read = |env: &Env| match env.get(7) {
        Lookup::Absent => panic!("a key that nobody removed"),
        Lookup::Found(1) => cover("found"),
        Lookup::Found(_) => panic!("another key's value"),
        Lookup::Locked => cover("locked"),
    };
    together!(env; write; read);
}

fn shared_keys() {
    let keys = SharedKeys::new(2);
    let env = (new(SharedTable::split(&keys)), new(SharedTable::split(&keys)), keys);
    type Both = (Env, Env, Arc<SharedKeys>);
    let env = together!(env;
        |both: &Both| assert_eq!((both.0.insert(7, 1), both.0.insert(8, 2)), (0, 0));
        |both: &Both| assert_eq!((both.1.insert(8, 1), both.1.insert(7, 2)), (0, 0)));
    assert_eq!((env.0.watch(7), env.0.watch(8)), (Some(1), Some(2)));
    assert_eq!((env.1.watch(7), env.1.watch(8)), (Some(2), Some(1)));
    assert_eq!(env.2.size_bound(), 2);
}

fn size() {
    let keys = SharedKeys::new(2);
    let keys = together!((keys,); |(keys,): &(Arc<SharedKeys>,)| assert_eq!(keys.intern(7), Some(0));
        |(keys,): &(Arc<SharedKeys>,)| assert!(keys.size_bound() >= 2, "a table without room for a key"));
    assert_eq!(keys.0.size_bound(), 2);
}

/// What an object's `__dict__` refers to.
struct Dict(SharedTable, Protected);

impl Drop for Dict {
    fn drop(&mut self) {
        self.1.set(0);
    }
}

fn replace() {
    struct Shared {
        domain: Domain,
        dict: Snapshot<Dict>,
    }
    impl Shared {
        fn enter(&self) -> Participant {
            // SAFETY: the participants go before the domain.
            let me = unsafe { self.domain.register() };
            me.attach();
            me
        }
    }
    let make = |domain: &Domain, word: usize| {
        // SAFETY: it goes before the domain.
        let me = unsafe { domain.register() };
        me.attach();
        let table = SharedTable::new(1);
        // SAFETY: nobody else has it.
        unsafe {
            table.insert(7, word, &me);
            table.get_locked(7);
        }
        me.detach();
        Dict(table, Protected::new(1))
    };
    let domain = Domain::new();
    let dict = Snapshot::new(make(&domain, 1));
    let write = move |shared: &Shared| {
        let new = make(&shared.domain, 2);
        let me = shared.enter();
        shared.dict.replace(new, &me);
        me.flush();
        me.detach();
    };
    let read = |shared: &Shared| {
        let me = shared.enter();
        // SAFETY: attached, and no quiescent state before the detach.
        let dict = unsafe { shared.dict.read(&me) };
        // SAFETY: attached.
        let found = unsafe { dict.0.get(7, &me, Some, drop) };
        assert_eq!(dict.1.get(), 1, "read a dropped table");
        cover(if found == Lookup::Found(1) { "old" } else { "new" });
        me.detach();
    };
    together!(Shared { domain, dict }; write; read);
}
