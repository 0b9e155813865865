//! Biased reference counts.

use crate::object::{Heap, Object};
use crate::{Model, cover, together};
use krait_sync::brc::{self, BrcTable, MAYBE_WEAKREF, Outcome};
use krait_sync::breaker::Breaker;
use krait_sync::prim::{AtomicUsize, Ordering, yield_now};
use krait_sync::stop_the_world::{Scope, StopTheWorld};
use krait_sync::thread_state::{DETACHED, Pauses, StateWord};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub const MODELS: [Model; 12] = [
    Model::loom("M18", "brc_handoff", "a reference given to another thread comes back through the queue", 2, handoff)
        .bounds(3, Some(4))
        .least(4)
        .covers(&["queued"])
        .bugs(&["brc/queue_subtracts"]),
    Model::loom("M18", "brc_fast_path", "the owner's last decref sees the uses of others", 2, fast_path)
        .bounds(3, Some(4))
        .least(10)
        .bugs(&["brc/fast_path_relaxed", "brc/decref_relaxed"]),
    Model::loom("M19", "brc_two", "two threads and the owner drop their references: one death", 3, two)
        .least(200)
        .bugs(&["brc/merge_by_store", "brc/tid_after_merge"]),
    Model::loom("M20", "brc_try_incref", "a try succeeds if and only if the object does not die", 2, try_incref)
        .bounds(3, Some(4))
        .least(10)
        .covers(&["took one", "refused"])
        .bugs(&["brc/try_incref_ignores_merged"]),
    Model::loom("M20", "brc_try_incref_unmarked", "a try on an object that may die unseen is refused", 2, unmarked)
        .bounds(3, Some(4))
        .least(4)
        .bugs(&["brc/try_incref_ignores_zero"]),
    Model::loom("M20", "brc_slot", "a reference found in a slot is to the object that the slot holds", 2, slot)
        .bounds(3, Some(4))
        .least(30)
        .covers(&["took one", "changed meanwhile"])
        .bugs(&["brc/try_incref_relaxed"]),
    Model::loom("M21", "brc_resurrect", "a finaliser's object is not revived by another thread", 2, resurrect)
        .bounds(3, Some(4))
        .least(4)
        .bugs(&["brc/revive_keeps_flags"]),
    Model::loom("M22", "brc_exit", "an owner that leaves does not leave objects behind", 2, exit)
        .bounds(3, Some(4))
        .least(4)
        .bugs(&["brc/exit_without_recheck"]),
    Model::loom("M22", "brc_orphan", "whoever drops a reference merges what a dead owner left", 3, orphan)
        .bounds(2, Some(3))
        .least(50)
        .bugs(&["brc/merge_by_store", "brc/decref_relaxed"]),
    Model::loom("M22", "brc_detached", "the queue of a detached owner is merged for it, not under its hands", 2, detached)
        .bounds(3, Some(4))
        .least(20)
        .covers(&["merged for the owner"])
        .bugs(&["brc/merge_without_suspend"]),
    Model::loom("M23", "brc_id_reuse", "an id that is used again does not meet a merge of its old objects", 2, id_reuse)
        .bounds(3, Some(4))
        .least(8)
        .bugs(&["brc/merge_orphan_unlocked"]),
    Model::loom("M24", "brc_immortal", "an object made immortal stays so", 2, immortal)
        .bounds(3, Some(4))
        .least(4)
        .bugs(&["brc/merge_ignores_immortal"]),
];

/// An interpreter with one registered owner, whose id is 1.
struct Env {
    table: BrcTable,
    breaker: Breaker,
    state: StateWord,
    pauses: (StopTheWorld, StopTheWorld),
    object: Object,
    flag: AtomicUsize,
    dying: AtomicBool,
}

fn new(local: u32, shared: isize) -> Env {
    let env = Env {
        table: BrcTable::new(),
        breaker: Breaker::new(),
        state: StateWord::new(DETACHED),
        pauses: (StopTheWorld::new(Scope::Interpreter), StopTheWorld::new(Scope::Process)),
        object: Object::new(1, local, shared),
        flag: AtomicUsize::new(0),
        dying: AtomicBool::new(false),
    };
    assert!(env.state.try_attach());
    env
}

impl Env {
    /// The owner enters; it must be called when `self` does not move any more.
    fn register(&self) {
        // SAFETY: both live as long as the table, and the owner has not used the object.
        unsafe { self.table.register(1, &self.breaker, &self.state) };
    }

    fn unregister(&self) {
        // SAFETY: this is the owner.
        unsafe { self.table.unregister(&Heap, 1, &self.breaker, &self.state) };
    }

    fn merge(&self) {
        // SAFETY: this is the owner.
        unsafe { self.table.merge_own(&Heap, 1) };
    }

    fn pauses(&self) -> Pauses<'_> {
        Pauses { interpreter: &self.pauses.0, global: &self.pauses.1 }
    }

    fn decref(&self, me: usize) {
        self.object.decref(&self.table, me);
    }
}

macro_rules! with_owner {
    ($env:expr; $($other:expr),+; $owner:expr) => {{
        let shared = loom::sync::Arc::new($env);
        shared.register();
        let mut threads = Vec::new();
        $({
            let shared = shared.clone();
            threads.push(crate::spawn(move || ($other)(&*shared)));
        })+
        ($owner)(&*shared);
        for thread in threads {
            thread.join().unwrap();
        }
        shared.merge();
        shared
    }};
}

fn handoff() {
    let env = with_owner!(new(2, 0);
        |env: &Env| {
            env.object.incref(2);
            env.decref(2);
            env.decref(2);
        };
        |env: &Env| {
            env.decref(1);
            if env.breaker.word() != 0 {
                cover("queued");
            }
            env.merge();
        });
    assert_eq!(env.object.deaths(), 1);
}

fn fast_path() {
    let env = with_owner!(new(1, 0);
        |env: &Env| {
            // Under a lock that the owner's reference keeps the object alive with; the flag stands for the unlock.
            env.object.incref(2);
            env.flag.store(1, Ordering::Release);
            env.object.touch();
            env.decref(2);
        };
        |env: &Env| {
            while env.flag.load(Ordering::Acquire) == 0 {
                yield_now();
            }
            env.decref(1);
        });
    assert_eq!(env.object.deaths(), 1);
}

fn two() {
    let env = with_owner!(new(3, 0); |env: &Env| env.decref(2), |env: &Env| env.decref(3); |env: &Env| {
        env.merge();
        env.decref(1);
        env.merge();
    });
    assert_eq!(env.object.deaths(), 1);
}

fn look(env: &Env) {
    if env.object.try_incref(2) {
        cover("took one");
        env.object.touch();
        env.decref(2);
    } else {
        cover("refused");
    }
}

fn try_incref() {
    let env = with_owner!(new(1, MAYBE_WEAKREF); look; |env: &Env| {
        env.decref(1);
        env.merge();
    });
    assert_eq!(env.object.deaths(), 1);
}

fn unmarked() {
    let env = with_owner!(new(1, 0);
        |env: &Env| {
            look(env);
            look(env);
        };
        |env: &Env| {
            env.object.incref(1);
            env.decref(1);
            env.decref(1);
        });
    assert_eq!(env.object.deaths(), 1);
}

/// A slot holds the first object, then the second; a reader takes what it finds without a lock.
fn slot() {
    struct Slot {
        table: BrcTable,
        slot: AtomicUsize,
        objects: [Object; 2],
    }
    let env = Slot {
        table: BrcTable::new(),
        slot: AtomicUsize::new(0),
        // Merged, with one reference each: the slot's, and the writer's for the second.
        objects: [Object::new(0, 0, brc::ONE_SHARED | brc::MERGED), Object::new(0, 0, brc::MERGED)],
    };
    let env = together!(env;
        |env: &Slot| {
            // The second object is made: its payload is written before its count says that it lives.
            env.objects[1].be_born();
            env.slot.store(1, Ordering::Release);
            env.objects[0].decref(&env.table, 1);
        };
        |env: &Slot| {
            let found = env.slot.load(Ordering::Relaxed);
            if env.objects[found].try_incref(2) {
                // Whatever the slot's load was ordered with, the count's load orders the payload.
                env.objects[found].touch();
                cover(if env.slot.load(Ordering::Acquire) == found { "took one" } else { "changed meanwhile" });
                env.objects[found].decref(&env.table, 2);
            }
        });
    env.objects[1].decref(&env.table, 1);
    assert_eq!((env.objects[0].deaths(), env.objects[1].deaths()), (1, 1));
}

fn resurrect() {
    let env = with_owner!(new(1, MAYBE_WEAKREF);
        |env: &Env| {
            if env.object.try_incref(2) {
                assert!(!env.dying.load(Relaxed), "revived in its finaliser");
                env.object.touch();
                env.decref(2);
            }
        };
        |env: &Env| {
            let c = env.object.counts();
            if brc::decref(c, 1) == Outcome::Dead {
                env.dying.store(true, Relaxed);
                // SAFETY: the count is zero and this thread deallocates.
                unsafe { brc::resurrect_start(c, 1) };
                env.object.incref(1);
                env.decref(1);
                // SAFETY: begun above.
                match unsafe { brc::resurrect_end(c, 1) } {
                    Outcome::Dead => env.object.die(),
                    outcome => panic!("{outcome:?} after a finaliser that keeps nothing"),
                }
            }
        });
    assert_eq!(env.object.deaths(), 1);
}

fn exit() {
    let env = with_owner!(new(2, 0); |env: &Env| env.decref(2); |env: &Env| {
        env.decref(1);
        env.unregister();
    });
    assert_eq!(env.object.deaths(), 1);
}

fn orphan() {
    let env = together!(new(3, 0); |env: &Env| env.decref(2), |env: &Env| env.decref(3); |env: &Env| env.decref(4));
    assert_eq!(env.object.deaths(), 1);
}

fn detached() {
    let env = with_owner!(new(3, 0); |env: &Env| env.decref(2); |env: &Env| {
        env.state.detach(env.pauses());
        env.state.attach().unwrap();
        if env.object.header().0 == 0 {
            cover("merged for the owner");
        }
        env.object.incref(1);
        env.decref(1);
        env.decref(1);
        env.decref(1);
    });
    assert_eq!(env.object.deaths(), 1);
}

fn id_reuse() {
    let env = with_owner!(new(3, 0); |env: &Env| env.decref(2); |env: &Env| {
        env.decref(1);
        env.unregister();
        // A new thread with the same id; the object looks like its own.
        env.register();
        env.object.incref(1);
        env.decref(1);
        env.decref(1);
    });
    assert_eq!(env.object.deaths(), 1);
}

fn immortal() {
    let env = with_owner!(new(2, 0); |env: &Env| env.decref(2); |env: &Env| {
        // SAFETY: the owner, which leaves its reference behind.
        unsafe { brc::make_immortal(env.object.counts()) };
        env.merge();
    });
    assert_eq!(env.object.deaths(), 0);
    assert!(brc::is_immortal(env.object.counts()));
}
