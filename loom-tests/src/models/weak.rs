//! [`WeakList`].

use crate::words::Words;
use crate::{Model, cover, together};
use krait_sync::slot::Seen;
use krait_sync::weak::{WeakCell, WeakList, WeakLocks};
use std::sync::atomic::{self, Ordering::Relaxed};

pub const MODELS: [Model; 3] = [
    Model::loom("M26", "weak_list", "a reader finds the referent, or nothing; not what its memory has become", 3, list)
        .bounds(2, Some(3))
        .least(50)
        .covers(&["found", "gone"])
        .bugs(&["weak/head_first", "weak/null_check_relaxed", "slot/no_second_look"]),
    Model::loom("M26", "weak_list_death", "a cell is taken out once: its callback runs or is dropped", 2, death)
        .bounds(3, Some(4))
        .least(10)
        .covers(&["callback", "no callback"])
        .bugs(&["weak/detach_twice"]),
    Model::loom("M26", "weak_list_new", "a new reference, a detached one and the death of the referent", 3, new_cell)
        .bounds(2, Some(3))
        .least(50),
];

/// An object, named 1, with a list; two cells, of which the first is in it.
struct Env {
    words: Words,
    locks: WeakLocks,
    list: WeakList,
    /// In place: the list points to them.
    cells: Box<[WeakCell; 2]>,
    /// Ghost state: how often each was taken out, by its own hand and by the object's death.
    detached: [atomic::AtomicUsize; 2],
    cleared: [atomic::AtomicUsize; 2],
}

const OBJECT: usize = 1;

fn new() -> Env {
    let env = Env {
        words: Words::new(),
        locks: WeakLocks::new(),
        list: WeakList::new(),
        cells: Default::default(),
        detached: Default::default(),
        cleared: Default::default(),
    };
    env.insert(0);
    env
}

impl Env {
    fn insert(&self, n: usize) {
        let held = self.locks.lock(OBJECT);
        // SAFETY: the caller has a reference.
        unsafe { self.list.insert(&self.cells[n], OBJECT, &held) };
    }

    fn detach(&self, n: usize) {
        // SAFETY: inserted with these locks.
        if unsafe { self.cells[n].detach(&self.locks, |_| &self.list) } {
            self.detached[n].fetch_add(1, Relaxed);
        }
    }

    /// The first reference goes, and with it the object.
    fn let_go(&self) {
        self.words.let_go_with(OBJECT, || {
            let seen = |cell: &WeakCell| {
                let n = self.cells.iter().position(|other| std::ptr::eq(other, cell)).unwrap();
                self.cleared[n].fetch_add(1, Relaxed);
            };
            // SAFETY: the count is zero.
            unsafe { self.list.clear(&self.locks, OBJECT, seen) };
        });
    }

    fn follow(&self, n: usize) -> Seen<usize> {
        self.cells[n].follow(|word| self.words.try_incref(word), |word| self.words.undo(word))
    }

    /// What a reader that found something checks.
    fn read(&self, n: usize) {
        if self.follow(n) == Seen::Secured(OBJECT) {
            cover("found");
            self.words.is_first();
        } else {
            cover("gone");
        }
    }

    fn taken_out(&self, n: usize) -> usize {
        self.detached[n].load(Relaxed) + self.cleared[n].load(Relaxed)
    }
}

fn list() {
    let env = together!(new(); |env: &Env| env.detach(0), |env: &Env| env.read(0); |env: &Env| env.let_go());
    assert_eq!(env.follow(0), Seen::Empty);
}

fn death() {
    let env = together!(new(); |env: &Env| env.detach(0); |env: &Env| env.let_go());
    assert_eq!(env.taken_out(0), 1, "taken out more than once");
    cover(if env.cleared[0].load(Relaxed) == 1 { "callback" } else { "no callback" });
    assert!(env.list.is_empty());
}

/// A thread with a reference of its own makes a second cell, while the first is detached and the first reference goes.
fn new_cell() {
    let makes = |env: &Env| {
        env.insert(1);
        assert_eq!(env.cells[1].follow(Some, drop), Seen::Secured(OBJECT));
        env.let_go();
    };
    let env = new();
    // The second reference.
    env.words.try_incref(OBJECT).unwrap();
    let env = together!(env; makes, |env: &Env| env.detach(0); |env: &Env| env.let_go());
    assert_eq!((env.taken_out(0), env.cleared[1].load(Relaxed)), (1, 1));
    assert!(env.list.is_empty());
}
