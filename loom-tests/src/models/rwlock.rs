//! [`RwLock`].

use crate::{Model, Protected, together};
use krait_sync::rwlock::RwLock;

pub const MODELS: [Model; 3] = [
    Model::loom("M9", "rwlock", "a writer is alone, and whoever waits is woken", 2, one_of_each)
        .bounds(3, Some(4))
        .least(30)
        .bugs(&[
            "rwlock/unread_relaxed",
            "rwlock/write_relaxed",
            "rwlock/unwrite_relaxed",
            "rwlock/unread_wakes_nobody",
            "rwlock/unwrite_wakes_nobody",
        ]),
    Model::loom("M9", "rwlock_two_readers", "the last reader wakes the writer", 3, two_readers).least(200),
    Model::loom("M9", "rwlock_two_writers", "writers and a reader take turns", 3, two_writers).least(200),
];

type Env = (RwLock, Protected);

fn new() -> Env {
    (RwLock::new(), Protected::new(0))
}

fn read((lock, data): &Env) {
    lock.read();
    data.get();
    // SAFETY: entered above.
    unsafe { lock.unread() };
}

fn write((lock, data): &Env) {
    lock.write();
    data.add();
    // SAFETY: entered above.
    unsafe { lock.unwrite() };
}

fn one_of_each() {
    let env = together!(new(); read; write);
    assert_eq!(env.1.get(), 1);
    assert!(env.0.try_write(), "left locked");
}

fn two_readers() {
    let env = together!(new(); read, read; write);
    assert_eq!(env.1.get(), 1);
    assert!(env.0.try_write(), "left locked");
}

fn two_writers() {
    let env = together!(new(); read, write; write);
    assert_eq!(env.1.get(), 2);
    assert!(env.0.try_write(), "left locked");
}
