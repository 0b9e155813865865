//! The [`Gil`].

use crate::world::World;
use crate::{Model, Protected, cover, together};
use krait_sync::breaker::{Breaker, GIL_DROP_REQUEST};
use krait_sync::gil::{Gil, OptionalGil};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub const MODELS: [Model; 3] = [
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
    Model::loom("M42", "gil_enable", "when it is enabled, nobody stays attached without it", 2, enable)
        .bounds(2, Some(3))
        .least(100)
        .covers(&["with", "without"])
        .bugs(&["gil/enable_without_second_look"]),
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

fn enable() {
    type Env = (World, OptionalGil, Protected);
    let attach = |(world, gil, _): &Env, n: usize| {
        let thread = &world.threads[n];
        // SAFETY: detached; the breaker lives as long as the world.
        unsafe { gil.attach(&thread.state, world.pauses(), &thread.breaker) }.unwrap()
    };
    let detach = |(world, gil, _): &Env, n: usize, held: bool| {
        let thread = &world.threads[n];
        // SAFETY: attached with this.
        unsafe { gil.detach(&thread.state, world.pauses(), &thread.breaker, held) };
    };
    let runs = move |env: &Env| {
        let held = attach(env, 1);
        cover(if held { "with" } else { "without" });
        env.2.add();
        detach(env, 1, held);
    };
    let enables = move |env: &Env| {
        let held = attach(env, 0);
        let pause = env.0.stop(0);
        // SAFETY: the world is stopped.
        unsafe { env.1.set_enabled_in_pause(true) };
        pause.start();
        detach(env, 0, held);
        let held = attach(env, 0);
        assert!(held);
        env.2.add();
        detach(env, 0, held);
    };
    let env = together!((World::new(2), OptionalGil::new(), Protected::new(0)); runs; enables);
    assert_eq!(env.2.get(), 2);
}
