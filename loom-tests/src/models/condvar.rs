//! [`Condvar`].

use crate::{Model, Protected, together};
use krait_sync::block::Wait;
use krait_sync::condvar::Condvar;
use krait_sync::mutex::ByteMutex;

pub const MODELS: [Model; 1] =
    [Model::loom("-", "condvar", "a notification between unlock and park is not lost", 2, model)
        .bounds(3, Some(4))
        .least(30)
        .bugs(&["condvar/no_counter"])];

fn model() {
    type Env = (ByteMutex, Condvar, Protected);
    let wait = |(mutex, changed, data): &Env| {
        mutex.lock();
        while data.get() == 0 {
            // SAFETY: locked above.
            let _ = unsafe { changed.wait(mutex, Wait::DETACH) };
        }
        // SAFETY: locked by `wait`.
        unsafe { mutex.unlock() };
    };
    let change = |(mutex, changed, data): &Env| {
        mutex.lock();
        data.set(1);
        // SAFETY: locked above.
        unsafe { mutex.unlock() };
        changed.notify_one();
    };
    together!((ByteMutex::new(), Condvar::new(), Protected::new(0)); wait; change);
}
