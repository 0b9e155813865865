//! [`Breaker`].

use crate::{Model, Protected, together};
use krait_sync::breaker::{Breaker, CALLS_TO_DO, GIL_DROP_REQUEST};

pub const MODELS: [Model; 2] = [
    Model::loom("M45", "breaker", "no event is lost to a version update or to another event", 3, events)
        .bounds(3, Some(4))
        .least(10)
        .bugs(&["breaker/set_by_store", "breaker/version_by_store"]),
    Model::loom("M45", "breaker_publishes", "who takes an event sees what was written before it was set", 2, publishes)
        .bounds(3, Some(4))
        .bugs(&["breaker/set_relaxed"]),
];

fn events() {
    let env = together!(Breaker::new();
        |breaker: &Breaker| breaker.set(CALLS_TO_DO),
        |breaker: &Breaker| breaker.set_version(0x300);
        |breaker: &Breaker| breaker.set(GIL_DROP_REQUEST));
    assert_eq!(env.word(), 0x300 | CALLS_TO_DO | GIL_DROP_REQUEST);
}

fn publishes() {
    type Env = (Breaker, Protected);
    let announce = |(breaker, data): &Env| {
        data.set(1);
        breaker.set(CALLS_TO_DO);
    };
    let handle = |(breaker, data): &Env| {
        if breaker.take(CALLS_TO_DO) != 0 {
            assert_eq!(data.get(), 1);
        }
    };
    together!((Breaker::new(), Protected::new(0)); announce; handle);
}
