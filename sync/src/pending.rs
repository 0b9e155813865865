//! `PendingCalls`: a bounded queue of calls that another thread is to make.
//!
//! # Protocol
//!
//! A ring of cells, each with a turn number. A producer takes a position by a compare-exchange on `tail` when the cell's
//! turn says *free in this round*, writes the call and sets the turn to *full*. The consumer, of which there is one at a
//! time, takes the cell at `head` when it is *full*, and sets the turn to *free in the next round*.
//!
//! There is no lock, so a signal handler may push.
//! (A handler that interrupts a producer between its two steps finds its own call behind a hole, which the consumer
//! passes as soon as the interrupted producer goes on.)
//!
//! The announcement (an eval-breaker bit) is the caller's: **push, then set the bit; clear the bit, then drain**. A call
//! pushed during the drain sets the bit again.
//!
//! Invariants:
//! * **PC1** A call that was pushed is run, or the bit is set, or somebody is draining.
//! * **PC2** Calls run in the order in which their positions were taken.
//! * **PC3** A full queue refuses; it never waits.
//! * **PC4** Each call runs once; at most one thread drains (gh-118095).
//!
//! Orderings: the turn is stored Release after the call is written, and loaded Acquire before it is read; the other way
//! round for reuse.
//! Never blocks.
//! `push` may run anywhere, in a signal handler too; draining for attached threads.
//! Checked by the models `pending`, `pending_announce`, `pending_drainers` and `pending_full` (M44).
//!
//! ```
//! use krait_sync::breaker::{Breaker, CALLS_TO_DO};
//! use krait_sync::pending::{Full, PendingCalls};
//!
//! let (calls, breaker) = (PendingCalls::new(2), Breaker::new());
//! assert_eq!((calls.push(1), calls.push(2), calls.push(3)), (Ok(()), Ok(()), Err(Full(3))));
//! breaker.set(CALLS_TO_DO);
//! let mut made = Vec::new();
//! let result: Result<(), ()> = calls.run(&breaker, 100, |call| Ok(made.push(call)));
//! assert!(result.is_ok() && calls.is_empty() && breaker.word() == 0);
//! assert_eq!(made, [1, 2]);
//! ```

use crate::breaker::{Breaker, CALLS_TO_DO};
use crate::prim::{AtomicBool, AtomicUsize, Ordering::*, PreLoad, RacingStore, UnsafeCell, ord, planted};

/// A call: what `Py_AddPendingCall` gets. A result other than 0 ends the drain.
#[derive(Clone, Copy)]
pub struct Call {
    /// The function.
    pub function: unsafe extern "C" fn(*mut core::ffi::c_void) -> core::ffi::c_int,
    /// Its argument.
    pub argument: *mut core::ffi::c_void,
}

// SAFETY: who pushes a call allows another thread to make it.
unsafe impl Send for Call {}

struct Cell<T> {
    turn: AtomicUsize,
    value: UnsafeCell<Option<T>>,
}

/// See the [module](self).
pub struct PendingCalls<T = Call> {
    cells: Box<[Cell<T>]>,
    tail: AtomicUsize,
    head: AtomicUsize,
    draining: AtomicBool,
}

// SAFETY: a cell's value is used by the producer that took the position, then by the one consumer, as the turn says.
unsafe impl<T: Send> Send for PendingCalls<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for PendingCalls<T> {}

/// The queue is full; the value comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

/// The right to drain, which one thread has at a time.
pub struct Drain<'a, T>(&'a PendingCalls<T>);

impl<T> PendingCalls<T> {
    /// An empty queue for `capacity` calls (at least two).
    pub fn new(capacity: usize) -> PendingCalls<T> {
        assert!(capacity >= 2);
        let cells = (0..capacity).map(|turn| Cell { turn: AtomicUsize::new(turn), value: UnsafeCell::new(None) });
        PendingCalls {
            cells: cells.collect(),
            tail: AtomicUsize::new(0),
            head: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
        }
    }

    // Turns: position p may be filled when the cell's turn is p, is full when it is p + 1, and is free for the next
    // round when it is p + capacity.

    /// Adds a call at the end. Async-signal-safe. The caller then sets its announcement.
    ///
    /// # Errors
    /// The queue is full.
    pub fn push(&self, value: T) -> Result<(), Full<T>> {
        let mut position = self.tail.pre_load(Relaxed);
        loop {
            let cell = &self.cells[position % self.cells.len()];
            let turn = cell.turn.pre_load(Acquire);
            if turn == position {
                match self.tail.compare_exchange_weak(position, position + 1, Relaxed, Relaxed) {
                    Err(now) => position = now,
                    Ok(_) => {
                        // SAFETY: we took the position, so the cell is ours until its turn says full.
                        cell.value.with_mut(|slot| unsafe { *slot = Some(value) });
                        cell.turn.store_racing_rmw(position + 1, ord!("pending/publish_relaxed", Release => Relaxed));
                        return Ok(());
                    }
                }
            } else if (turn.wrapping_sub(position) as isize) < 0 {
                return Err(Full(value));
            } else {
                position = self.tail.pre_load(Relaxed);
            }
        }
    }

    /// Becomes the one who drains; `None` while another thread is.
    pub fn drain(&self) -> Option<Drain<'_, T>> {
        if planted("pending/two_drainers") {
            return Some(Drain(self));
        }
        (!self.draining.swap(true, AcqRel)).then(|| Drain(self))
    }

    /// Runs the calls that [`Breaker`] announced to the calling thread, at most `limit` of them, until one says stop.
    ///
    /// Clears the announcement first; sets it again if calls are left, or if another thread is draining (which may
    /// have passed the end already). Returns what the stopping call returned.
    pub fn run<E>(&self, breaker: &Breaker, limit: usize, mut call: impl FnMut(T) -> Result<(), E>) -> Result<(), E> {
        if !planted("pending/unsignal_after_drain") {
            breaker.clear(CALLS_TO_DO);
        }
        let Some(mut drain) = self.drain() else {
            // [PC1] The draining thread looks again when it has stopped, and then sees what we saw: both changes of
            // `draining` are read-modify-writes, and ours came first.
            return Ok(());
        };
        for _ in 0..limit {
            let Some(value) = drain.pop() else { break };
            if let Err(stop) = call(value) {
                drop(drain);
                self.announce_rest(breaker);
                return Err(stop);
            }
        }
        drop(drain);
        if planted("pending/unsignal_after_drain") {
            breaker.clear(CALLS_TO_DO);
        } else {
            self.announce_rest(breaker);
        }
        Ok(())
    }

    fn announce_rest(&self, breaker: &Breaker) {
        if !self.is_empty() && !planted("pending/no_second_look") {
            breaker.set(CALLS_TO_DO);
        }
    }

    /// Is it empty at some instant during the call? A call being pushed counts.
    pub fn is_empty(&self) -> bool {
        self.head.load(Acquire) == self.tail.load(Acquire)
    }
}

impl<T> Drain<'_, T> {
    /// Takes the first call.
    pub fn pop(&mut self) -> Option<T> {
        let position = self.0.head.load(Relaxed);
        let cell = &self.0.cells[position % self.0.cells.len()];
        if cell.turn.pre_load(ord!("pending/take_relaxed", Acquire => Relaxed)) != position + 1 {
            return None;
        }
        // SAFETY: the cell is full, and we are the one consumer.
        let value = cell.value.with_mut(|slot| unsafe { (*slot).take() });
        self.0.head.store(position + 1, Relaxed);
        cell.turn.store_racing_rmw(position + self.0.cells.len(), Release);
        value
    }
}

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        self.0.draining.swap(false, AcqRel);
    }
}
