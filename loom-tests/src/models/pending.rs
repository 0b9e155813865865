//! [`PendingCalls`].

use crate::{Model, Protected, cover, together};
use krait_sync::breaker::{Breaker, CALLS_TO_DO};
use krait_sync::pending::PendingCalls;
use std::cell::RefCell;
use std::sync::Mutex;

pub const MODELS: [Model; 4] = [
    Model::loom("M44", "pending", "calls run once, in order, with what was written before them", 2, two)
        .bounds(3, Some(4))
        .least(5)
        .bugs(&["pending/publish_relaxed", "pending/take_relaxed"]),
    Model::loom("M44", "pending_announce", "a call that was announced is run, or is announced still", 2, announce)
        .bounds(3, Some(4))
        .least(20)
        .bugs(&["pending/unsignal_after_drain"]),
    Model::loom("M44", "pending_drainers", "one thread drains; the other's announcement is not lost", 3, drainers)
        .least(50)
        .covers(&["turned away"])
        .bugs(&["pending/two_drainers", "pending/no_second_look"]),
    Model::loom("M44", "pending_full", "a full queue refuses, and a freed cell is used again", 2, full).least(10),
];

fn two() {
    type Env = (PendingCalls<usize>, Protected);
    let push = |(queue, data): &Env| {
        data.set(1);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
    };
    let take = |(queue, data): &Env| {
        let mut drain = queue.drain().unwrap();
        let mut last = 0;
        while let Some(n) = drain.pop() {
            assert_eq!(n, last + 1);
            assert_eq!(data.get(), 1);
            last = n;
        }
    };
    let env = together!((PendingCalls::new(2), Protected::new(0)); push; take);
    let mut left = 0;
    while env.0.drain().unwrap().pop().is_some() {
        left += 1;
    }
    assert!(left <= 2);
}

struct Env {
    queue: PendingCalls<usize>,
    breakers: [Breaker; 2],
    // Ghost state: what ran.
    ran: Mutex<Vec<usize>>,
    running: Protected,
}

fn new() -> Env {
    Env {
        queue: PendingCalls::new(3),
        breakers: [Breaker::new(), Breaker::new()],
        ran: Mutex::new(Vec::new()),
        running: Protected::new(0),
    }
}

impl Env {
    fn run(&self, breaker: usize) {
        let result: Result<(), ()> = self.queue.run(&self.breakers[breaker], 10, |n| {
            self.running.add();
            self.ran.lock().unwrap().push(n);
            Ok(())
        });
        result.unwrap();
    }

    fn add(&self, n: usize, breaker: usize) {
        self.queue.push(n).unwrap();
        self.breakers[breaker].set(CALLS_TO_DO);
    }
}

fn announce() {
    let env = together!(new();
        |env: &Env| {
            env.add(1, 0);
            env.add(2, 0);
        };
        |env: &Env| {
            if env.breakers[0].is_set(CALLS_TO_DO) {
                env.run(0);
            }
        });
    if env.breakers[0].is_set(CALLS_TO_DO) {
        env.run(0);
    }
    assert_eq!(*env.ran.lock().unwrap(), [1, 2]);
}

fn drainers() {
    let env = together!(new();
        |env: &Env| {
            env.add(1, 0);
            env.run(0);
        };
        |env: &Env| {
            env.add(2, 1);
            let before = env.ran.lock().unwrap().len();
            env.run(1);
            if env.ran.lock().unwrap().len() == before {
                cover("turned away");
            }
        });
    // Whoever was told last runs what is left.
    for n in 0..2 {
        if env.breakers[n].is_set(CALLS_TO_DO) {
            env.run(n);
        }
    }
    let mut ran = env.ran.lock().unwrap().clone();
    ran.sort();
    assert_eq!(ran, [1, 2]);
}

fn full() {
    let taken = RefCell::new(Vec::new());
    let env = {
        let shared = loom::sync::Arc::new(PendingCalls::new(2));
        let other = shared.clone();
        let thread = crate::spawn(move || (1..=3).filter(|n| other.push(*n).is_ok()).count());
        for _ in 0..2 {
            taken.borrow_mut().extend(shared.drain().unwrap().pop());
        }
        let pushed = thread.join().unwrap();
        while let Some(n) = shared.drain().unwrap().pop() {
            taken.borrow_mut().push(n);
        }
        assert_eq!(taken.borrow().len(), pushed);
        assert!(pushed >= 2);
        shared
    };
    assert!(env.is_empty());
    assert!(taken.borrow().is_sorted());
}
