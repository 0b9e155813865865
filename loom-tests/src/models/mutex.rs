//! [`ByteMutex`] and the parking lot below it.

use crate::{Model, Protected, cover, together};
use krait_sync::block::{Acquired, Wait};
use krait_sync::event::Event;
use krait_sync::mutex::ByteMutex;
use krait_sync::prim::Deadline;

pub const MODELS: [Model; 6] = [
    Model::loom("M2", "mutex", "one holder; no wake-up is lost", 2, two).bounds(3, Some(4)).least(50).bugs(&[
        "mutex/lock_relaxed",
        "mutex/unlock_relaxed",
        "mutex/unlock_forgets_waiters",
        "mutex/park_without_bit",
        "lot/no_validate",
    ]),
    Model::loom("M2", "mutex_three", "the parked bit lasts as long as there are waiters", 3, three)
        .least(400)
        .bugs(&["mutex/drop_parked_bit"]),
    Model::loom("M3", "mutex_fair", "the lock is never free while it is handed over", 3, three)
        .fair()
        .least(400)
        .bugs(&["mutex/hand_over_unlocked"]),
    Model::loom("M4", "mutex_timeout", "a waiter that gives up is unlinked once and is not notified any more", 2, timeout)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["gave up", "got it"])
        .bugs(&["lot/timeout_no_handshake"]),
    Model::loom("M4", "mutex_timeout_among", "others get the lock when a waiter gives up", 3, timeout_among)
        .bounds(2, Some(2))
        .least(200)
        .covers(&["gave up", "got it"]),
    Model::loom("M5", "lot_collision", "a waiter for another address in the same bucket is left alone", 3, collision)
        .bounds(2, Some(2))
        .least(50)
        .bugs(&["lot/wakes_stranger"]),
];

type Env = (ByteMutex, Protected);

fn new() -> Env {
    (ByteMutex::new(), Protected::new(0))
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
    assert!(env.0.try_lock(), "left locked");
}

fn three() {
    let env = together!(new(); work, work; work);
    assert_eq!(env.1.get(), 3);
    assert!(env.0.try_lock(), "left locked");
}

fn impatient((mutex, data): &Env) {
    match mutex.lock_timed(Wait::DETACH.until(Deadline::at_ns(5))) {
        Acquired::Yes => {
            cover("got it");
            data.add();
            // SAFETY: locked above.
            unsafe { mutex.unlock() };
        }
        _ => cover("gave up"),
    }
}

fn timeout() {
    let env = together!(new(); impatient; work);
    assert!(env.0.try_lock(), "left locked");
}

fn timeout_among() {
    let env = together!(new(); impatient, work; work);
    assert!(env.0.try_lock(), "left locked");
}

fn collision() {
    // The model's lot has one bucket: the event's waiter is in the way of the mutex's.
    type Env = (ByteMutex, Protected, Event);
    let add = |(mutex, data, _): &Env| {
        mutex.lock();
        data.add();
        // SAFETY: locked above.
        unsafe { mutex.unlock() };
    };
    let env = together!((ByteMutex::new(), Protected::new(0), Event::new());
        |env: &Env| env.2.wait(),
        add;
        |env: &Env| {
            add(env);
            env.2.set();
        });
    assert_eq!(env.1.get(), 2);
    assert!(env.0.try_lock(), "left locked");
}
