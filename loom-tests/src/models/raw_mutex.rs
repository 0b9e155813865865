//! [`RawMutex`]: exclusion, and the life of its waiters.

use crate::{Model, Protected, together};
use krait_sync::raw_mutex::RawMutex;

pub const MODELS: [Model; 2] = [
    Model::loom("M1", "raw_mutex", "one holder; a waiter outlives its notification", 2, two).least(20).bugs(&[
        "raw_mutex/lock_relaxed",
        "raw_mutex/unlock_relaxed",
        "raw_mutex/push_relaxed",
        "raw_mutex/pop_relaxed",
        "parker/trust_spurious_wake",
    ]),
    Model::loom("M1", "raw_mutex_three", "one holder, with a stack of waiters", 3, three).least(200),
];

type Env = (RawMutex, Protected);

fn new() -> Env {
    (RawMutex::new(), Protected::new(0))
}

fn work((mutex, data): &Env) {
    mutex.lock();
    data.add();
    // SAFETY: locked above.
    unsafe { mutex.unlock() };
}

fn two() {
    let env = together!(new(); work; work);
    assert_eq!(env.1.get(), 2);
}

fn three() {
    let env = together!(new(); work, work; work);
    assert_eq!(env.1.get(), 3);
}
