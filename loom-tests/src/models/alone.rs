//! [`Alone`].

use crate::world::World;
use crate::{Model, Protected, cover, together};
use krait_sync::ByteMutex;
use krait_sync::alone::Alone;

pub const MODELS: [Model; 1] =
    [Model::loom("-", "alone", "plain locks of the first thread hold against the second", 2, second_thread)
        .bounds(2, Some(3))
        .least(30)
        .covers(&["alone", "not alone"])
        .bugs(&["alone/no_pause"])];

struct Env {
    world: World,
    alone: Alone,
    mutex: ByteMutex,
    data: Protected,
}

impl Env {
    fn lock(&self) {
        // SAFETY: [AL1].
        if !self.alone.is_alone() || !unsafe { self.mutex.try_lock_alone() } {
            cover("not alone");
            self.mutex.lock();
        }
    }

    fn unlock(&self) {
        // SAFETY: locked above; [AL1].
        unsafe { if self.alone.is_alone() { self.mutex.unlock_alone() } else { self.mutex.unlock() } }
    }
}

fn work(n: usize) -> impl Fn(&Env) {
    move |env| {
        env.world.enter(n);
        env.alone.first_use(|end| {
            let pause = env.world.stop(n);
            end();
            pause.start();
        });
        for _ in 0..2 {
            env.lock();
            if env.alone.is_alone() {
                cover("alone");
            }
            env.data.add();
            // A pause may come while the lock is held.
            env.world.safe_point(n);
            env.data.add();
            env.unlock();
        }
        env.world.leave(n);
    }
}

fn second_thread() {
    let env = Env { world: World::new(2), alone: Alone::new(), mutex: ByteMutex::new(), data: Protected::new(0) };
    let env = together!(env; work(1); work(0));
    assert_eq!(env.data.get(), 8);
}
