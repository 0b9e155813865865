//! [`OnceFlag`].

use crate::{Model, Protected, cover, together};
use krait_sync::once::OnceFlag;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub const MODELS: [Model; 2] = [
    Model::loom("M7", "once_flag", "one initialiser succeeds, and its result is seen", 2, succeed)
        .bounds(3, Some(4))
        .least(10)
        .bugs(&["once/fast_relaxed", "once/done_relaxed"]),
    Model::loom("M7", "once_flag_failure", "when an initialiser fails, a waiter becomes the next", 3, fail_once)
        .bounds(2, Some(2))
        .least(400)
        .covers(&["failed", "succeeded"])
        .bugs(&["once/failure_wakes_nobody"]),
];

struct Env {
    flag: OnceFlag,
    data: Protected,
    attempts: AtomicUsize,
    failures: usize,
}

fn new(failures: usize) -> Env {
    Env { flag: OnceFlag::new(), data: Protected::new(0), attempts: AtomicUsize::new(0), failures }
}

fn call(env: &Env) {
    let result = env.flag.call_once_try(|| {
        // A race of two initialisers would be seen here.
        env.data.add();
        if env.attempts.fetch_add(1, Relaxed) < env.failures { Err(()) } else { Ok(()) }
    });
    match result {
        Ok(()) => {
            cover("succeeded");
            assert_eq!(env.data.get(), env.failures + 1);
        }
        Err(()) => cover("failed"),
    }
}

fn succeed() {
    let env = together!(new(0); call; call);
    assert_eq!(env.attempts.load(Relaxed), 1);
}

fn fail_once() {
    let env = together!(new(1); call, call; call);
    assert_eq!(env.attempts.load(Relaxed), 2);
}
