//! [`Event`].

use crate::{Model, Protected, together};
use krait_sync::event::Event;

pub const MODELS: [Model; 2] = [
    Model::loom("M6", "event", "what happened before `set` is seen after `wait`", 2, one)
        .bounds(3, Some(4))
        .least(8)
        .bugs(&["event/set_relaxed", "event/wait_relaxed", "event/set_wakes_nobody"]),
    Model::loom("M6", "event_two_waiters", "all waiters are woken", 3, two).least(100).bugs(&["event/set_wakes_one"]),
];

type Env = (Event, Protected);

fn wait((event, data): &Env) {
    event.wait();
    assert_eq!(data.get(), 1);
}

fn set((event, data): &Env) {
    data.add();
    event.set();
}

fn one() {
    together!((Event::new(), Protected::new(0)); wait; set);
}

fn two() {
    together!((Event::new(), Protected::new(0)); wait, wait; set);
}
