//! `StateWord`: attached, detached or suspended, in one word with the request to stop.
//!
//! # Protocol
//!
//! | state | meaning |
//! |---|---|
//! | `DETACHED` | runs no code of the runtime, or sleeps |
//! | `ATTACHED` | may touch everything that is not locked |
//! | `SUSPENDED` | may not attach before the pause ends |
//! | `SHUTTING_DOWN` | will never attach again |
//!
//! With `ATTACHED` come two flags, `STOP` (of the interpreter's pause) and `STOP_GLOBAL` (of the process's), set by the
//! thread that requests a pause.
//! With `SUSPENDED` comes `WANTS_IN`: the thread is parked on the word; and `BORROWED`: not a pause but another thread
//! keeps it out for a moment ([`StateWord::try_suspend_detached`]).
//! `HOLDS_PAUSE` marks the (attached) thread that has stopped the world.
//!
//! | from | to | by |
//! |---|---|---|
//! | `DETACHED` | `ATTACHED` | the thread: attach |
//! | `ATTACHED` | `DETACHED` | the thread: detach |
//! | `ATTACHED` | `ATTACHED \| STOP` | requester |
//! | `ATTACHED \| STOP` | `SUSPENDED` | the thread, at a safe point or when it wants to detach; counts itself |
//! | `DETACHED` | `SUSPENDED` | requester |
//! | `SUSPENDED` | `SUSPENDED \| WANTS_IN` | the thread: attach; it parks |
//! | `SUSPENDED` | `DETACHED` | requester: start |
//! | `SUSPENDED \| WANTS_IN` | `ATTACHED` | requester: start; wakes the thread, which is attached already |
//! | `DETACHED` | `SUSPENDED \| BORROWED` | borrower |
//! | `SUSPENDED \| BORROWED` | `DETACHED`, or `ATTACHED` if it wants in | borrower, when done |
//! | `SUSPENDED \| BORROWED` | the same with `STOP` | requester; the borrower then leaves it `SUSPENDED` |
//!
//! `WANTS_IN` survives the transitions that do not let the thread in.
//!
//! Every transition is a compare-exchange or a swap on one word, so *detach* and *stop* cannot miss each other: a detach
//! that does not see the request succeeds before it, and the requester finds `DETACHED`.
//! There is nothing to poll. (CPython keeps the request elsewhere and looks every millisecond for threads that detached
//! without noticing.)
//!
//! `SUSPENDED | WANTS_IN` to `ATTACHED` is what keeps a thread from starving under back-to-back pauses (gh-151518): it does not have to be
//! quick to attach between two of them, because the end of the first attaches it.
//!
//! Invariants:
//! * **TS1** Only the thread itself leaves `ATTACHED`; only a requester enters and leaves `SUSPENDED` for others.
//! * **TS2** What a thread did while attached happens before the requester sees it stopped; what a requester did happens
//!   before the thread is attached again.
//!
//! Orderings: leaving `ATTACHED` is Release and entering it Acquire; the requester's transitions are the mirror image.
//! May block: `attach`, while a pause lasts.
//! `attach` runs detached (with the GIL if there is one), `detach` and `safe_point` attached.
//! Checked by the models `stop_the_world` (M14 to M17), `borrow` (M22) and `shut_down` (M47).
//!
//! ```
//! use krait_sync::stop_the_world::{Scope, StopTheWorld};
//! use krait_sync::thread_state::{DETACHED, Pauses, StateWord};
//!
//! let (interpreter, global) = (StopTheWorld::new(Scope::Interpreter), StopTheWorld::new(Scope::Process));
//! let word = StateWord::new(DETACHED);
//! word.attach().expect("nothing shuts down");
//! assert!(word.is_attached() && !word.stop_requested());
//! word.detach(Pauses { interpreter: &interpreter, global: &global });
//! assert_eq!(word.state(), DETACHED);
//! ```

use crate::block::Wait;
use crate::parking_lot::{NO_TOKEN, lot};
use crate::prim::{self, AtomicU32, Ordering::*, PreLoad, const_new, ord, planted};
use crate::stop_the_world::StopTheWorld;

/// See the [module](self).
pub const DETACHED: u32 = 0;
/// See the [module](self).
pub const ATTACHED: u32 = 1;
/// See the [module](self).
pub const SUSPENDED: u32 = 2;
/// See the [module](self).
pub const SHUTTING_DOWN: u32 = 3;
/// A pause of the interpreter waits for this thread.
pub const STOP: u32 = 4;
/// A pause of the process waits for this thread.
pub const STOP_GLOBAL: u32 = 8;
/// The thread is parked and is to be attached when the pause ends.
pub const WANTS_IN: u32 = 16;
/// The thread has stopped the world.
pub const HOLDS_PAUSE: u32 = 32;
/// Another thread keeps the thread out for a moment.
pub const BORROWED: u32 = 64;

const STATE: u32 = 3;
const STOPS: u32 = STOP | STOP_GLOBAL;

/// The thread was refused, because the runtime is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShuttingDown;

/// The two pauses that can stop a thread.
#[derive(Clone, Copy)]
pub struct Pauses<'a> {
    /// Of its interpreter.
    pub interpreter: &'a StopTheWorld,
    /// Of the process.
    pub global: &'a StopTheWorld,
}

/// See the [module](self). It is `PyThreadState.state`.
#[repr(transparent)]
pub struct StateWord(AtomicU32);

impl StateWord {
    const_new! {
        /// A word in this state: `DETACHED`, or what [`StopTheWorld::initial_state`] says.
        pub const fn new(state: u32) -> StateWord {
            StateWord(AtomicU32::new(state))
        }
    }

    /// The state, without flags.
    #[inline]
    pub fn state(&self) -> u32 {
        self.0.load(Relaxed) & STATE
    }

    /// Is the thread attached?
    #[inline]
    pub fn is_attached(&self) -> bool {
        self.state() == ATTACHED
    }

    /// Has the thread, which must be the calling one, stopped the world?
    #[inline]
    pub fn holds_pause(&self) -> bool {
        self.0.load(Relaxed) & HOLDS_PAUSE != 0
    }

    /// Does a pause wait for the thread? One Relaxed load: the test of a safe point.
    #[inline(always)]
    pub fn stop_requested(&self) -> bool {
        self.0.load(Relaxed) & STOPS != 0
    }

    /// Attaches if that needs no wait.
    #[inline]
    pub fn try_attach(&self) -> bool {
        let acquire = ord!("thread_state/attach_relaxed", Acquire => Relaxed);
        if planted("thread_state/attach_by_store") {
            if self.0.load(Acquire) == DETACHED {
                self.0.swap(ATTACHED, Acquire);
                return true;
            }
            return false;
        }
        self.0.compare_exchange(DETACHED, ATTACHED, acquire, Relaxed).is_ok()
    }

    /// Attaches the calling thread, whose word this is and which is not attached; waits while a pause lasts.
    ///
    /// # Errors
    /// The runtime is shutting down; the thread must not touch it again.
    #[inline]
    pub fn attach(&self) -> Result<(), ShuttingDown> {
        if self.try_attach() { Ok(()) } else { self.slow_attach() }
    }

    #[cold]
    fn slow_attach(&self) -> Result<(), ShuttingDown> {
        let mut word = self.0.pre_load(Relaxed);
        loop {
            debug_assert_ne!(word & STATE, ATTACHED, "attach of an attached thread");
            match word & STATE {
                DETACHED => {
                    if self.try_attach() {
                        return Ok(());
                    }
                }
                SHUTTING_DOWN if planted("thread_state/attach_after_shut_down") => return Ok(()),
                SHUTTING_DOWN => return Err(ShuttingDown),
                _ if planted("stop_the_world/no_ticket") => {
                    lot().park(self.key(), Wait::KEEP, || self.0.load(Relaxed) == SUSPENDED);
                }
                _ => {
                    if word & WANTS_IN == 0
                        && let Err(now) = self.0.compare_exchange(word, word | WANTS_IN, Relaxed, Relaxed)
                    {
                        word = now;
                        continue;
                    }
                    let wanted = word | WANTS_IN;
                    lot().park(self.key(), Wait::KEEP, || self.0.load(Relaxed) == wanted);
                }
            }
            word = self.0.pre_load(Acquire);
            if word & STATE == ATTACHED {
                // Let in. A wake-up alone does not say so: it may be a late one, of an earlier time.
                return Ok(());
            }
        }
    }

    /// Detaches the calling thread, whose word this is and which is attached.
    ///
    /// When a pause waits for it, it becomes suspended and counts itself.
    #[inline]
    pub fn detach(&self, pauses: Pauses<'_>) {
        let release = ord!("thread_state/detach_relaxed", Release => Relaxed);
        if planted("thread_state/detach_ignores_stop") {
            self.0.swap(DETACHED, Release);
            return;
        }
        if self.0.compare_exchange(ATTACHED, DETACHED, release, Relaxed).is_err() {
            self.suspend(pauses);
        }
    }

    /// Stops if a pause waits for the calling thread, and returns attached when it is over.
    ///
    /// The caller has released what [`detach`](Self::detach) would: critical sections, its QSBR slot.
    ///
    /// # Errors
    /// The runtime began to shut down meanwhile.
    pub fn safe_point(&self, pauses: Pauses<'_>) -> Result<(), ShuttingDown> {
        prim::switch_point();
        if self.stop_requested() {
            self.suspend(pauses);
            self.attach()
        } else {
            Ok(())
        }
    }

    #[cold]
    fn suspend(&self, pauses: Pauses<'_>) {
        // Nobody but this thread changes an attached word that has a stop flag.
        let before = self.0.swap(SUSPENDED, Release);
        debug_assert_eq!(before & STATE, ATTACHED, "detach of a thread that is not attached");
        debug_assert_eq!(before & HOLDS_PAUSE, 0, "the thread that has stopped the world may not detach");
        if before & STOP_GLOBAL != 0 {
            pauses.global.count_down();
        }
        if before & STOP != 0 {
            pauses.interpreter.count_down();
        }
    }

    /// For a requester: stops the thread if it is detached, or asks it to stop with `flag`.
    /// True when the thread will count itself.
    pub(crate) fn request_stop(&self, flag: u32, mut expect: impl FnMut(isize)) -> bool {
        let mut word = self.0.pre_load(Relaxed);
        loop {
            match word & STATE {
                DETACHED => match self.0.compare_exchange(DETACHED, SUSPENDED, Acquire, Relaxed) {
                    Ok(_) => return false,
                    Err(now) => word = now,
                },
                ATTACHED => {
                    // The thread may count itself at once, so it must be expected before it is asked.
                    expect(1);
                    match self.0.compare_exchange(word, word | flag, AcqRel, Relaxed) {
                        Ok(_) => return true,
                        Err(now) => {
                            expect(-1);
                            word = now;
                        }
                    }
                }
                SUSPENDED if word & BORROWED != 0 && !planted("thread_state/borrower_ignores_stop") => {
                    // The borrower is attached, and will have returned the thread when it stops itself.
                    match self.0.compare_exchange(word, word | flag, AcqRel, Relaxed) {
                        Ok(_) => return false,
                        Err(now) => word = now,
                    }
                }
                _ => return false,
            }
        }
    }

    /// For a requester: lets a suspended thread go, and in if it wants.
    pub(crate) fn resume(&self) {
        let release = ord!("stop_the_world/start_relaxed", Release => Relaxed);
        let mut word = self.0.pre_load(Relaxed);
        loop {
            let after = match word & !STOPS {
                SUSPENDED => DETACHED,
                wanted if wanted == SUSPENDED | WANTS_IN => ATTACHED,
                // Still borrowed: the borrower lets it go.
                borrowed if borrowed & BORROWED != 0 => borrowed,
                _ => return,
            };
            match self.0.compare_exchange(word, after, release, Relaxed) {
                Err(now) => word = now,
                Ok(_) => {
                    if after == ATTACHED && !planted("stop_the_world/start_wakes_nobody")
                        || planted("stop_the_world/no_ticket")
                    {
                        lot().unpark_all(self.key(), NO_TOKEN);
                    }
                    return;
                }
            }
        }
    }

    /// Suspends the thread if it is detached, on behalf of a thread that needs it to stay so for a moment, such as one
    /// that merges its reference counts. On success [`resume_detached`](Self::resume_detached) must follow soon.
    pub fn try_suspend_detached(&self) -> bool {
        if planted("brc/merge_without_suspend") {
            return true;
        }
        self.0.compare_exchange(DETACHED, SUSPENDED | BORROWED, Acquire, Relaxed).is_ok()
    }

    /// Ends [`try_suspend_detached`](Self::try_suspend_detached).
    ///
    /// # Safety
    /// The caller's `try_suspend_detached` was the one that suspended the thread.
    pub unsafe fn resume_detached(&self) {
        if planted("brc/merge_without_suspend") {
            return;
        }
        let mut word = self.0.pre_load(Relaxed);
        loop {
            debug_assert_eq!(word & (STATE | BORROWED), SUSPENDED | BORROWED);
            let after = if word & STOPS != 0 {
                // A pause has taken it over.
                word & !(BORROWED | STOPS)
            } else if word & WANTS_IN != 0 {
                ATTACHED
            } else {
                DETACHED
            };
            match self.0.compare_exchange(word, after, Release, Relaxed) {
                Err(now) => word = now,
                Ok(_) => {
                    // Whoever is parked validated another word; let it look again.
                    if word & WANTS_IN != 0 {
                        lot().unpark_all(self.key(), NO_TOKEN);
                    }
                    return;
                }
            }
        }
    }

    /// Marks the calling thread as the one that has stopped the world, or not any more.
    pub(crate) fn set_holds_pause(&self, holds: bool) {
        if holds {
            self.0.fetch_or(HOLDS_PAUSE, Relaxed);
        } else {
            self.0.fetch_and(!HOLDS_PAUSE, Relaxed);
        }
    }

    /// Lets the thread never attach again: it gets [`ShuttingDown`], now if it is waiting.
    ///
    /// # Safety
    /// The thread is not attached and cannot become so: the caller has stopped the world, or nobody runs the thread.
    pub unsafe fn shut_down(&self) {
        self.0.swap(SHUTTING_DOWN, Release);
        if planted("thread_state/shut_down_wakes_nobody") {
            return;
        }
        lot().unpark_all(self.key(), NO_TOKEN);
    }

    fn key(&self) -> usize {
        &raw const *self as usize
    }
}
