//! `CrossChannel`: a channel between interpreters, with two ends that are given up, and senders that wait for receipt.
//!
//! # Protocol
//!
//! A [`CrossQueue`] of *letters*. A letter has a value and a state:
//!
//! | state | the value belongs to |
//! |---|---|
//! | `POSTED` | the letter |
//! | `TAKEN` | the receiver that moved it there |
//! | `WITHDRAWN` | its sender, whose patience ended first |
//! | `LOST` | whoever closed the channel or unbound the sender's interpreter |
//!
//! From `POSTED` there is one step, by compare-exchange, so the value goes to one place. A receiver skips letters that are
//! not `POSTED` any more. A sender that waits parks on the letter's event, which is set after the step.
//!
//! Each interpreter that sends or receives is *associated* with that end, until it *releases* it. When the last one has
//! released the receiving end, the channel closes and what is in it is lost; when the last one has released the sending end
//! it closes for senders, and what is in it can still be received.
//!
//! Invariants:
//! * **XC1** A value that was sent is received once, or given back to its sender, or dropped by a close or an unbinding.
//! * **XC2** A sender that waits is woken by receipt, by close and by unbinding.
//! * **XC3** An interpreter that has released an end does not use it again.
//!
//! Orderings: the step away from `POSTED` is AcqRel: Acquire for the value, Release with what follows for the sender that
//! gets nothing back. The event orders receipt before the sender's return.
//!
//! May block: `send_and_wait` and `recv`, as their [`Wait`] says; the rest only for the queue's lock.
//! May run attached or detached. Checked by the models `xchannel`, `xchannel_close` and `random_channel` (M46).
//!
//! ```
//! use krait_sync::{Wait, xchannel::{CrossChannel, End}, xqueue::{NotDone, Received, Unbind}};
//!
//! let channel = CrossChannel::new();
//! std::thread::scope(|s| {
//!     s.spawn(|| assert_eq!(channel.recv(2, Wait::DETACH), Ok(Received::Item(7))));
//!     assert_eq!(channel.send_and_wait(1, Unbind::Drop, 7, Wait::DETACH), Ok(()));
//! });
//! channel.release(2, End::Recv);
//! assert_eq!(channel.send(1, Unbind::Drop, 8), Err((NotDone::Closed, 8)));
//! ```

use crate::block::{Acquired, Wait};
use crate::event::Event;
use crate::mutex::Mutex;
use crate::prim::{AtomicU8, Ordering::*, UnsafeCell, planted};
use crate::xqueue::{CrossQueue, NotDone, Received, Sender, Unbind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Number of an interpreter.
pub type Interpreter = Sender;

const POSTED: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;
const LOST: u8 = 3;

struct Letter<T> {
    state: AtomicU8,
    value: UnsafeCell<Option<T>>,
    settled: Event,
}

// SAFETY: [XC1] the value is used by the one that moved the state away from `POSTED`.
unsafe impl<T: Send> Sync for Letter<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Letter<T> {}

impl<T> Letter<T> {
    fn new(value: T) -> Arc<Letter<T>> {
        Arc::new(Letter { state: AtomicU8::new(POSTED), value: UnsafeCell::new(Some(value)), settled: Event::new() })
    }

    /// Takes the value for a state, if nobody has it yet.
    fn settle(&self, state: u8) -> Option<T> {
        if planted("xchannel/settle_by_store") {
            if self.state.load(Acquire) != POSTED {
                return None;
            }
            self.state.swap(state, AcqRel);
        } else if self.state.compare_exchange(POSTED, state, AcqRel, Acquire).is_err() {
            return None;
        }
        // SAFETY: [XC1] we moved the state.
        let value = self.value.with_mut(|value| unsafe { (*value).take() });
        if !planted("xchannel/receipt_wakes_nobody") {
            self.settled.set();
        }
        value
    }
}

/// An end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where values go in.
    Send,
    /// Where they come out.
    Recv,
}

/// The interpreters that use an end: true until they release it.
type Users = BTreeMap<Interpreter, bool>;

/// See the [module](self).
pub struct CrossChannel<T> {
    letters: CrossQueue<Arc<Letter<T>>>,
    ends: Mutex<[Users; 2]>,
}

impl<T: Send> CrossChannel<T> {
    /// An open channel without users.
    pub fn new() -> CrossChannel<T> {
        CrossChannel { letters: CrossQueue::new(0), ends: Mutex::new([Users::new(), Users::new()]) }
    }

    /// Associates an interpreter with an end; false if it has released it. (XC3)
    fn associate(&self, interpreter: Interpreter, end: End) -> bool {
        *self.ends.lock()[end as usize].entry(interpreter).or_insert(true)
    }

    /// Sends a value, and does not wait for its receipt.
    ///
    /// # Errors
    /// The channel is closed, or the interpreter has released its sending end; with the value.
    pub fn send(&self, from: Interpreter, unbind: Unbind, value: T) -> Result<(), (NotDone, T)> {
        self.post(from, unbind, value).map(drop)
    }

    fn post(&self, from: Interpreter, unbind: Unbind, value: T) -> Result<Arc<Letter<T>>, (NotDone, T)> {
        if !self.associate(from, End::Send) {
            return Err((NotDone::Closed, value));
        }
        let letter = Letter::new(value);
        match self.letters.send(from, unbind, letter.clone(), Wait::POLL) {
            Ok(()) => Ok(letter),
            Err((why, letter)) => Err((why, letter.settle(WITHDRAWN).expect("never posted"))),
        }
    }

    /// Sends a value, and waits until it is received.
    ///
    /// # Errors
    /// It was not: with the value, or without it if the channel was closed or the interpreter unbound meanwhile, when the
    /// value is lost.
    pub fn send_and_wait(
        &self,
        from: Interpreter,
        unbind: Unbind,
        value: T,
        wait: Wait,
    ) -> Result<(), (NotDone, Option<T>)> {
        let letter = self.post(from, unbind, value).map_err(|(why, value)| (why, Some(value)))?;
        let why = match letter.settled.wait_for(wait) {
            Acquired::Yes => NotDone::Closed,
            Acquired::TimedOut => NotDone::TimedOut,
            Acquired::Interrupted => NotDone::Interrupted,
        };
        if let Some(value) = letter.settle(WITHDRAWN) {
            return Err((why, Some(value)));
        }
        // Received, perhaps at the last moment, or lost.
        if letter.state.load(Acquire) == TAKEN { Ok(()) } else { Err((NotDone::Closed, None)) }
    }

    /// Receives a value; waits for one as `wait` says.
    ///
    /// # Errors
    /// Why there is none.
    pub fn recv(&self, to: Interpreter, wait: Wait) -> Result<Received<T>, NotDone> {
        if !self.associate(to, End::Recv) {
            return Err(NotDone::Closed);
        }
        loop {
            match self.letters.recv(wait)? {
                Received::Unbound => return Ok(Received::Unbound),
                Received::Item(letter) => {
                    if let Some(value) = letter.settle(TAKEN) {
                        return Ok(Received::Item(value));
                    }
                }
            }
        }
    }

    /// The interpreter gives an end up.
    pub fn release(&self, interpreter: Interpreter, end: End) {
        let last = {
            let mut ends = self.ends.lock();
            let users = &mut ends[end as usize];
            users.insert(interpreter, false);
            users.values().all(|open| !open)
        };
        if last {
            self.close(end == End::Recv);
        }
    }

    /// Closes the channel: nothing is sent any more, and with `force` what is in it is lost (and dropped here).
    pub fn close(&self, force: bool) {
        self.letters.close();
        if !force {
            return;
        }
        while let Ok(received) = self.letters.recv(Wait::POLL) {
            if let Received::Item(letter) = received {
                drop(letter.settle(LOST));
            }
        }
    }

    /// The interpreter ends: it releases both ends, and its values are lost, or leave markers. Returns those.
    pub fn unbind(&self, interpreter: Interpreter) -> Vec<T> {
        let lost = self.letters.unbind(interpreter).into_iter().filter_map(|letter| letter.settle(LOST)).collect();
        for end in [End::Send, End::Recv] {
            if self.ends.lock()[end as usize].contains_key(&interpreter) {
                self.release(interpreter, end);
            }
        }
        lost
    }

    /// Number of values that wait, approximately.
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Is it empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Send> Default for CrossChannel<T> {
    fn default() -> Self {
        CrossChannel::new()
    }
}
