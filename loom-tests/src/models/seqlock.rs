//! [`SeqLock`].

use crate::{Model, cover, together};
use krait_sync::prim::{AtomicUsize, Ordering::Relaxed};
use krait_sync::seqlock::SeqLock;

pub const MODELS: [Model; 3] = [
    Model::loom("M10", "seqlock", "what is validated is one writer's, whole", 2, one_writer)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["old", "new", "torn but noticed"])
        .bugs(&[
            "seqlock/no_acquire_fence",
            "seqlock/no_release_fence",
            "seqlock/begin_relaxed",
            "seqlock/unlock_relaxed",
        ]),
    Model::loom("M10", "seqlock_two_writers", "writers exclude each other", 3, two_writers).bounds(2, Some(2)).least(200),
    Model::loom("M10", "seqlock_abandon", "a writer that wrote nothing may leave no trace", 2, abandon).least(8),
];

struct Env {
    lock: SeqLock,
    a: AtomicUsize,
    b: AtomicUsize,
}

fn new() -> Env {
    Env { lock: SeqLock::new(), a: AtomicUsize::new(0), b: AtomicUsize::new(0) }
}

fn write(n: usize) -> impl Fn(&Env) {
    move |env| {
        let guard = env.lock.write();
        env.a.store(n, Relaxed);
        env.b.store(n, Relaxed);
        drop(guard);
    }
}

fn read(env: &Env) {
    let sequence = env.lock.read_begin();
    let (a, b) = (env.a.load(Relaxed), env.b.load(Relaxed));
    if env.lock.validate(sequence) {
        assert_eq!(a, b, "torn read");
        // An even sequence says how many writers have finished.
        assert_eq!(a != 0, sequence != 0, "a finished write was missed, or an unfinished one seen");
        cover(if a == 0 { "old" } else { "new" });
    } else if a != b {
        cover("torn but noticed");
    }
}

fn one_writer() {
    together!(new(); write(1); read);
}

fn two_writers() {
    together!(new(); write(1), write(2); read);
}

fn abandon() {
    let env = together!(new(); |env: &Env| env.lock.write().abandon(); read);
    assert_eq!(env.lock.read_begin(), 0);
}
