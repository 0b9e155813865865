//! What a thread does before it sleeps: [`block`](krait_sync::block).

use crate::world::World;
use crate::{Model, Protected, cover, together};
use krait_sync::block::{self, Wait};
use krait_sync::event::Event;
use krait_sync::prim::Deadline;

pub const MODELS: [Model; 2] = [
    Model::loom("-", "block", "who sleeps is detached, and attached again afterwards", 2, model)
        .bounds(2, Some(3))
        .least(100)
        .bugs(&["block/no_detach", "block/no_attach", "block/hooks_under_lock"]),
    Model::loom("-", "block_timeout", "the same when the wait fails", 2, timeout)
        .bounds(2, Some(3))
        .least(100)
        .covers(&["timed out", "woken"])
        .bugs(&["block/no_attach"]),
];

type Env = (World, Event, Protected);

fn new() -> Env {
    (World::new(2), Event::new(), Protected::new(0))
}

/// The thread stops the world around its write, and wakes the other one afterwards.
fn pauses((world, event, data): &Env) {
    world.enter(0);
    let pause = world.stop(0);
    data.add();
    pause.start();
    event.set();
    world.leave(0);
}

fn model() {
    let env = together!(new(); pauses; |(world, event, data): &Env| {
        world.enter(1);
        data.add();
        // A pause that is asked for now must not wait for a thread that sleeps.
        event.wait();
        assert!(world.threads[1].state.is_attached());
        data.add();
        block::detached(|| assert!(!world.threads[1].state.is_attached()));
        assert!(world.threads[1].state.is_attached());
        world.leave(1);
    });
    assert_eq!(env.2.get(), 3);
}

fn timeout() {
    let env = together!(new(); pauses; |(world, event, data): &Env| {
        world.enter(1);
        let got = event.wait_for(Wait::DETACH.until(Deadline::at_ns(5)));
        cover(if got.ok() { "woken" } else { "timed out" });
        assert!(world.threads[1].state.is_attached());
        data.add();
        world.leave(1);
    });
    assert_eq!(env.2.get(), 2);
}
