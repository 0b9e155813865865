//! The [`Gil`].

use crate::world::World;
use crate::{Model, Protected, cover, together};
use krait_sync::breaker::{Breaker, GIL_DROP_REQUEST};
use krait_sync::gil::{Gil, GilRef, OptionalGil};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub const MODELS: [Model; 5] = [
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
    Model::loom("M43", "gil_per_interpreter", "a thread holds the GIL of the interpreter that it runs in", 3, per_interpreter)
        .bounds(2, Some(2))
        .least(100)
        .bugs(&["gil/stale_reference"]),
    Model::loom("M43", "gil_shared", "interpreters that share a GIL exclude each other", 2, shared)
        .bounds(3, Some(4))
        .least(50),
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
        unsafe { gil.attach(&thread.state, world.pauses(), &thread.breaker, |_| true) }.unwrap()
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
    let env = together!((World::new(2), OptionalGil::new(false), Protected::new(0)); runs; enables);
    assert_eq!(env.2.get(), 2);
}

/// Two interpreters, and what belongs to each.
type Interpreters = (Box<[GilRef; 2]>, [Protected; 2], [Breaker; 3]);

fn interpreters() -> Interpreters {
    (Default::default(), [Protected::new(0), Protected::new(0)], Default::default())
}

/// Thread `n` runs in one interpreter after the other.
fn through(n: usize, first: usize, then: Option<usize>) -> impl Fn(&Interpreters) {
    move |(gils, data, breakers)| {
        let me = &breakers[n];
        // SAFETY: the interpreters and breakers outlive the threads.
        unsafe {
            let mut held = gils[first].enter(me);
            data[first].add();
            if let Some(then) = then {
                held = held.move_to(&gils[then], me);
                data[then].add();
            }
            held.release(me);
        }
    }
}

fn per_interpreter() {
    let env = together!(interpreters(); through(1, 0, None), through(2, 1, None); through(0, 0, Some(1)));
    assert_eq!((env.1[0].get(), env.1[1].get()), (2, 2));
    assert!(env.0.iter().all(|gil| gil.is_own() && !gil.gil().is_held()));
}

fn shared() {
    let env = interpreters();
    // SAFETY: before any thread enters.
    unsafe { env.0[1].share(&env.0[0]) };
    // One protected thing for both.
    let run = |n: usize, first: usize, then: usize| {
        move |(gils, data, breakers): &Interpreters| {
            let me = &breakers[n];
            // SAFETY: as above.
            unsafe {
                let held = gils[first].enter(me);
                data[0].add();
                let held = held.move_to(&gils[then], me);
                data[0].add();
                held.release(me);
            }
        }
    };
    let env = together!(env; run(1, 1, 0); run(0, 0, 1));
    assert_eq!(env.1[0].get(), 4);
}
