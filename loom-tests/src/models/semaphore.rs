//! [`Semaphore`].

use crate::{Model, Protected, together};
use krait_sync::block::Wait;
use krait_sync::semaphore::Semaphore;

pub const MODELS: [Model; 2] = [
    Model::loom("-", "semaphore", "one permit excludes", 2, two)
        .bounds(3, Some(4))
        .least(20)
        .bugs(&["semaphore/acquire_relaxed", "semaphore/release_relaxed"]),
    Model::loom("-", "semaphore_three", "a release wakes a waiter as long as there is one", 3, three)
        .least(200)
        .bugs(&["semaphore/parked_bit_dropped"]),
];

type Env = (Semaphore, Protected);

fn work((permits, data): &Env) {
    assert!(permits.acquire(Wait::DETACH).ok());
    data.add();
    permits.release(1);
}

fn two() {
    let env = together!((Semaphore::new(1), Protected::new(0)); work; work);
    assert_eq!((env.0.permits(), env.1.get()), (1, 2));
}

fn three() {
    let env = together!((Semaphore::new(1), Protected::new(0)); work, work; work);
    assert_eq!((env.0.permits(), env.1.get()), (1, 3));
}
