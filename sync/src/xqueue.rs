//! `CrossQueue`: a queue between interpreters.
//!
//! # Protocol
//!
//! A list of items under a lock, and two condition variables: *not empty* and *not full*. Each item remembers the
//! interpreter that sent it, because the item's data is that interpreter's until somebody receives it.
//! When an interpreter ends it *unbinds* its items: drops them, or leaves a marker in their place.
//! *Close* refuses new items and wakes everybody.
//!
//! Waiting blocks on the parking lot. (CPython's queue polls: at most about 60 operations a second, gh-143017.)
//!
//! Invariants:
//! * **XQ1** An item is received once or dropped once.
//! * **XQ2** A blocked receiver is woken by an item, by close, and by nothing else for long; a blocked sender by room, by
//!   close and by items that are unbound.
//! * **XQ3** After `unbind(i)` returns, nothing of interpreter `i` is in the queue.
//!
//! Orderings: the lock's; there is nothing else to order.
//! May block: `send` (when bounded) and `recv`, as their [`Wait`] says.
//! May run attached (a wait then detaches, if its [`Wait`] says so) or detached.
//! Checked by the models `xqueue` and `xqueue_unbind` (M46).
//!
//! ```
//! use krait_sync::{Wait, xqueue::{CrossQueue, Received, Unbind}};
//!
//! let queue = CrossQueue::new(1);
//! std::thread::scope(|s| {
//!     s.spawn(|| queue.send(1, Unbind::Drop, "hello", Wait::DETACH));
//!     assert_eq!(queue.recv(Wait::DETACH), Ok(Received::Item("hello")));
//! });
//! ```

use crate::block::{Acquired, Wait};
use crate::condvar::Condvar;
use crate::mutex::{Mutex, ValueGuard};
use crate::prim::{Deadline, planted};
use std::collections::VecDeque;

/// Number of an interpreter.
pub type Sender = i64;

/// What is received.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// An item.
    Item(T),
    /// The marker of an item whose interpreter has ended.
    Unbound,
}

/// Why nothing was received or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The deadline passed while the queue was empty (or full).
    TimedOut,
    /// A signal handler ran.
    Interrupted,
    /// The queue is closed (and empty).
    Closed,
}

/// What becomes of the items of an interpreter that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbind {
    /// They vanish.
    Drop,
    /// Each leaves a marker.
    Mark,
}

struct Item<T> {
    sender: Sender,
    unbind: Unbind,
    value: Received<T>,
}

struct State<T> {
    items: VecDeque<Item<T>>,
    closed: bool,
}

/// See the [module](self).
pub struct CrossQueue<T> {
    state: Mutex<State<T>>,
    not_empty: Condvar,
    not_full: Condvar,
    capacity: usize,
}

impl<T: Send> CrossQueue<T> {
    /// An empty queue for at most `capacity` items; 0 is no limit.
    pub fn new(capacity: usize) -> CrossQueue<T> {
        CrossQueue {
            state: Mutex::new(State { items: VecDeque::new(), closed: false }),
            not_empty: Condvar::new(),
            not_full: Condvar::new(),
            capacity: if capacity == 0 { usize::MAX } else { capacity },
        }
    }

    /// Waits on `condvar` and returns with the lock held again.
    fn wait<'a>(&'a self, guard: ValueGuard<'a, State<T>>, condvar: &Condvar, wait: Wait) -> Acquired {
        core::mem::forget(guard);
        // SAFETY: the guard held the mutex, and gave it to us.
        let outcome = unsafe { condvar.wait(self.state.raw(), wait) };
        // SAFETY: `Condvar::wait` returns with it locked.
        unsafe { self.state.raw().unlock() };
        outcome
    }

    /// Adds an item of the interpreter `sender`; waits for room as `wait` says.
    ///
    /// # Errors
    /// Why not, with the item.
    pub fn send(&self, sender: Sender, unbind: Unbind, value: T, mut wait: Wait) -> Result<(), (NotDone, T)> {
        loop {
            let mut state = self.state.lock();
            if state.closed {
                return Err((NotDone::Closed, value));
            }
            if state.items.len() < self.capacity {
                state.items.push_back(Item { sender, unbind, value: Received::Item(value) });
                drop(state);
                self.not_empty.notify_one();
                return Ok(());
            }
            if wait.deadline.is_poll() {
                return Err((NotDone::TimedOut, value));
            }
            match self.wait(state, &self.not_full, wait) {
                Acquired::Yes => {}
                // Look once more: the notification may have come with the deadline.
                Acquired::TimedOut => wait.deadline = Deadline::POLL,
                Acquired::Interrupted => return Err((NotDone::Interrupted, value)),
            }
        }
    }

    /// Takes the first item; waits for one as `wait` says.
    ///
    /// # Errors
    /// Why there is none.
    pub fn recv(&self, mut wait: Wait) -> Result<Received<T>, NotDone> {
        loop {
            let mut state = self.state.lock();
            if let Some(item) = state.items.pop_front() {
                drop(state);
                self.not_full.notify_one();
                return Ok(item.value);
            }
            if state.closed {
                return Err(NotDone::Closed);
            }
            if wait.deadline.is_poll() {
                return Err(NotDone::TimedOut);
            }
            match self.wait(state, &self.not_empty, wait) {
                Acquired::Yes => {}
                Acquired::TimedOut => wait.deadline = Deadline::POLL,
                Acquired::Interrupted => {
                    // A notification that we may have used up goes to the next one.
                    self.not_empty.notify_one();
                    return Err(NotDone::Interrupted);
                }
            }
        }
    }

    /// The interpreter `sender` ends: its items vanish or become markers. Returns what it had in the queue.
    pub fn unbind(&self, sender: Sender) -> Vec<T> {
        let mut taken = Vec::new();
        let mut state = self.state.lock();
        let items = core::mem::take(&mut state.items);
        for item in items {
            if item.sender != sender {
                state.items.push_back(item);
                continue;
            }
            if let Received::Item(value) = item.value {
                taken.push(value);
                if item.unbind == Unbind::Mark {
                    state.items.push_back(Item { value: Received::Unbound, ..item });
                }
            } else {
                state.items.push_back(Item { value: Received::Unbound, ..item });
            }
        }
        drop(state);
        self.not_full.notify_all();
        taken
    }

    /// Refuses new items, and wakes everybody; what is in the queue can still be received.
    pub fn close(&self) {
        self.state.lock().closed = true;
        if !planted("xqueue/close_wakes_nobody") {
            self.not_empty.notify_all();
            self.not_full.notify_all();
        }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Is it empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Greatest number of items; `None` without limit.
    pub fn capacity(&self) -> Option<usize> {
        (self.capacity != usize::MAX).then_some(self.capacity)
    }
}
