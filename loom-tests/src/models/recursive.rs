//! [`RecursiveMutex`].

use crate::{Model, Protected, together};
use krait_sync::recursive::RecursiveMutex;

pub const MODELS: [Model; 1] = [Model::loom("M8", "recursive", "a thread recognises itself, and nobody else", 2, model)
    .bounds(3, Some(4))
    .least(50)
    .bugs(&["recursive/unlock_before_owner", "recursive/owner_not_cleared"])];

type Env = (RecursiveMutex, Protected);

fn twice(me: usize) -> impl Fn(&Env) {
    move |(mutex, data)| {
        for _ in 0..2 {
            mutex.lock(me);
            mutex.lock(me);
            assert_eq!(mutex.depth(me), 2);
            data.add();
            assert!(mutex.try_unlock(me));
            assert!(mutex.try_unlock(me));
        }
    }
}

fn model() {
    let env = together!((RecursiveMutex::new(), Protected::new(0)); twice(1); twice(2));
    assert_eq!(env.1.get(), 4);
    assert!(!env.0.try_unlock(1) && !env.0.try_unlock(2) && !env.0.is_locked());
}
