//! [`CountTable`].

use crate::world::World;
use crate::{Model, cover, together};
use krait_sync::per_thread::{CountTable, Counts};
use krait_sync::prim::{AtomicIsize, AtomicUsize, Ordering::*, planted};
use std::sync::atomic;

pub const MODELS: [Model; 3] = [
    Model::loom("M25", "per_thread_counts", "in a pause, after a merge, the true count is the count", 2, counts)
        .bounds(3, Some(4))
        .least(30)
        .covers(&["merged some", "merged all"])
        .bugs(&["per_thread/merge_outside_pause", "per_thread/merge_keeps", "per_thread/grow_forgets"]),
    Model::loom("M25", "per_thread_exit", "what an ended thread counted is counted once", 2, exit)
        .bounds(3, Some(4))
        .least(30)
        .bugs(&["per_thread/leave_forgets", "per_thread/leave_before_lock"]),
    Model::loom("M25", "per_thread_reuse", "the next holder of an id starts from zero", 2, reuse)
        .bounds(3, Some(4))
        .least(30)
        .covers(&["counted the second"])
        .bugs(&["per_thread/remove_unmerged"]),
];

/// A class: its true count, its id, and (ghost state) how many references there are.
struct Class {
    count: AtomicIsize,
    id: AtomicUsize,
    references: atomic::AtomicIsize,
}

struct Env {
    world: World,
    table: CountTable<usize>,
    classes: [Class; 2],
    counts: [Counts; 2],
}

fn new() -> Env {
    let class =
        || Class { count: AtomicIsize::new(0), id: AtomicUsize::new(0), references: atomic::AtomicIsize::new(0) };
    let env =
        Env { world: World::new(2), table: CountTable::new(), classes: [class(), class()], counts: Default::default() };
    env.classes[0].id.store(env.table.enter(0), Relaxed);
    env
}

impl Env {
    /// Thread `n`, attached, makes (or drops) a reference to a class.
    fn count(&self, n: usize, class: usize, by: isize) {
        let class = &self.classes[class];
        let id = class.id.load(Relaxed);
        class.references.fetch_add(by, Relaxed);
        // SAFETY: the thread's own, attached.
        unsafe {
            if id == 0 {
                class.count.fetch_add(by, Relaxed);
            } else if !self.counts[n].add(id, by) {
                self.table.grow(&self.counts[n]);
                assert!(self.counts[n].add(id, by));
            }
        }
    }

    fn add(&self) -> impl FnMut(usize, isize) {
        |class: usize, by: isize| {
            self.classes[class].count.fetch_add(by, Relaxed);
        }
    }

    fn true_count(&self, class: usize) -> isize {
        let class = &self.classes[class];
        let count = class.count.load(Relaxed);
        assert_eq!(count, class.references.load(Relaxed), "the true count is not the number of references");
        count
    }

    fn leave(&self, n: usize) {
        // SAFETY: nobody counts there any more.
        unsafe { self.table.leave(&self.counts[n], self.add()) };
    }
}

fn counts() {
    let mutator = |env: &Env| {
        env.world.enter(1);
        env.count(1, 0, 1);
        env.world.safe_point(1);
        // Another class, for which there is no room yet.
        env.classes[1].id.store(env.table.enter(1), Relaxed);
        env.count(1, 1, 1);
        env.world.leave(1);
    };
    let collector = |env: &Env| {
        env.world.enter(0);
        env.count(0, 0, 1);
        let pause = (!planted("per_thread/merge_outside_pause")).then(|| env.world.stop(0));
        // SAFETY: the world is stopped.
        unsafe { env.table.merge_all(env.add()) };
        match (env.true_count(0), env.true_count(1)) {
            (2, 0) => cover("merged some"),
            (2, 1) => cover("merged all"),
            _ => {}
        }
        // Again: a merge leaves zeros.
        // SAFETY: as above.
        unsafe { env.table.merge_all(env.add()) };
        env.true_count(0);
        drop(pause);
        env.world.leave(0);
    };
    together!(new(); mutator; collector);
}

fn exit() {
    let ends = |env: &Env| {
        env.world.enter(1);
        env.count(1, 0, 1);
        env.world.leave(1);
        // As a runtime deletes thread states: detached, also during a pause.
        env.leave(1);
    };
    let collector = |env: &Env| {
        env.world.enter(0);
        let pause = env.world.stop(0);
        // SAFETY: the world is stopped.
        unsafe { env.table.merge_all(env.add()) };
        drop(pause);
        env.world.leave(0);
    };
    let env = together!(new(); ends; collector);
    env.leave(0);
    assert_eq!(env.true_count(0), 1);
}

fn reuse() {
    let mutator = |env: &Env| {
        env.world.enter(1);
        env.count(1, 0, 1);
        env.world.safe_point(1);
        // The class dies in the pause, which we have not seen, or the next one has come.
        if env.classes[1].id.load(Relaxed) != 0 {
            cover("counted the second");
            env.count(1, 1, 1);
        }
        env.world.leave(1);
        env.leave(1);
    };
    let collector = |env: &Env| {
        env.world.enter(0);
        let pause = env.world.stop(0);
        // SAFETY: the world is stopped; merged before it is removed, but for the planted bug.
        unsafe {
            if !planted("per_thread/remove_unmerged") {
                env.table.merge_all(env.add());
            }
            env.table.remove(env.classes[0].id.load(Relaxed));
        }
        env.classes[0].id.store(0, Relaxed);
        env.classes[1].id.store(env.table.enter(1), Relaxed);
        drop(pause);
        env.world.leave(0);
    };
    let env = together!(new(); mutator; collector);
    env.true_count(0);
    env.true_count(1);
}
