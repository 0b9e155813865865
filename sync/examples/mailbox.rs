//! Checking your own data structure: a mailbox built on `krait_sync`, and its model.
//!
//! `cargo run -p krait-sync --example mailbox` uses it on the machine;
//! `cargo run -p krait-sync --example mailbox --features loom` tries every interleaving of `model`.

use krait_sync::event::Event;
use krait_sync::prim::UnsafeCell;
use std::sync::Arc;

/// A place for one letter: written once, read by any number of threads, which wait for it.
pub struct Mailbox<T> {
    arrived: Event,
    // Not `std::cell::UnsafeCell`: under loom this one reports accesses that race.
    letter: UnsafeCell<Option<T>>,
}

// SAFETY: the letter is written before `arrived` is set, and only read after it was seen set.
unsafe impl<T: Send + Sync> Sync for Mailbox<T> {}

impl<T> Mailbox<T> {
    pub fn new() -> Mailbox<T> {
        Mailbox { arrived: Event::new(), letter: UnsafeCell::new(None) }
    }

    /// Delivers the letter.
    ///
    /// # Safety
    /// Called once.
    pub unsafe fn send(&self, letter: T) {
        // SAFETY: nobody reads before `set`, and nobody else writes.
        self.letter.with_mut(|slot| unsafe { *slot = Some(letter) });
        // Swap these two lines, and the model fails: "Concurrent read and write accesses".
        self.arrived.set();
    }

    /// Waits for the letter.
    pub fn read(&self) -> &T {
        self.arrived.wait();
        // SAFETY: set, so the letter has been written and is not written again.
        self.letter.with(|slot| unsafe { (*slot).as_ref() }).expect("delivered")
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Mailbox::new()
    }
}

#[cfg(feature = "loom")]
use loom::thread;
#[cfg(not(feature = "loom"))]
use std::thread;

/// One execution: two readers and a sender. On the machine it runs once; loom runs it in every way there is.
pub fn model() {
    let mailbox = Arc::new(Mailbox::new());
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let mailbox = mailbox.clone();
            thread::spawn(move || assert_eq!(*mailbox.read(), 42))
        })
        .collect();
    // SAFETY: once.
    unsafe { mailbox.send(42) };
    for reader in readers {
        reader.join().unwrap();
    }
}

#[allow(dead_code)]
fn main() {
    #[cfg(not(feature = "loom"))]
    model();
    #[cfg(feature = "loom")]
    {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(model);
    }
    println!("the letter arrived");
}
