//! The [`Gil`].

use crate::{Model, Protected, cover, together};
use krait_sync::breaker::{Breaker, GIL_DROP_REQUEST};
use krait_sync::gil::Gil;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub const MODELS: [Model; 2] = [
    Model::loom("M41", "gil", "one holder; a forced drop lets the other run", 2, two)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["asked to drop", "handed over"])
        .bugs(&[
            "gil/acquire_relaxed",
            "gil/release_relaxed",
            "gil/release_forgets_waiters",
            "gil/hand_over_unlocked",
            "gil/switch_without_hand_over",
        ]),
    Model::loom("M41", "gil_three", "a thread that has left is not asked to drop it", 3, three)
        .bounds(2, Some(2))
        .least(500)
        .bugs(&["gil/stale_holder"]),
];

struct Env {
    gil: Gil,
    breakers: [Breaker; 3],
    data: Protected,
    /// Ghost state: how often anybody has got it.
    turns: AtomicUsize,
}

fn new() -> Env {
    Env {
        gil: Gil::new(),
        breakers: [Breaker::new(), Breaker::new(), Breaker::new()],
        data: Protected::new(0),
        turns: AtomicUsize::new(0),
    }
}

impl Env {
    fn turn(&self) -> usize {
        self.data.add();
        self.turns.fetch_add(1, Relaxed)
    }

    fn run(&self, n: usize, checks: usize) {
        let me = &self.breakers[n];
        // SAFETY: the breakers outlive the threads.
        unsafe { self.gil.acquire(me) };
        self.turn();
        for _ in 0..checks {
            if me.is_set(GIL_DROP_REQUEST) {
                cover("asked to drop");
                let before = self.turns.load(Relaxed);
                let waiter = self.gil_has_waiter();
                // SAFETY: held.
                unsafe { self.gil.switch(me) };
                let after = self.turn();
                if waiter {
                    cover("handed over");
                    assert!(after > before, "nobody ran in between");
                }
            }
        }
        // SAFETY: held.
        unsafe { self.gil.release(me) };
        // From here on the thread is gone: an event that arrives now has hit freed memory.
        me.take(GIL_DROP_REQUEST);
    }

    /// Is a thread queued? While we hold the GIL it stays so.
    fn gil_has_waiter(&self) -> bool {
        self.gil.has_waiters()
    }

    fn check(&self, turns: usize) {
        assert!(self.turns.load(Relaxed) >= turns);
        assert!(!self.gil.is_held());
        assert!(self.breakers.iter().all(|breaker| breaker.word() == 0), "a thread that had left was asked to drop");
    }
}

fn two() {
    let env = together!(new(); |env: &Env| env.run(1, 0); |env: &Env| env.run(0, 1));
    env.check(2);
}

fn three() {
    let env = together!(new(); |env: &Env| env.run(1, 0), |env: &Env| env.run(2, 0); |env: &Env| env.run(0, 1));
    env.check(3);
}
