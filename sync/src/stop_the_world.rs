//! `StopTheWorld`: one thread runs, the others of an interpreter (or of the process) do not.
//!
//! # Protocol
//!
//! Builds on [`StateWord`](crate::thread_state).
//!
//! 1. Wait (detached) for the right to pause: the scope's lock. A pause of one interpreter also holds the process's
//!    [`PauseScopes`] lock as a reader, one of the process holds it as the writer; it is taken *before* the scope's lock
//!    (the reverse order can deadlock at shutdown, gh-137433).
//! 2. Announce: `requested`, and an expected count of one, for the requester itself.
//! 3. With the list of threads locked, ask each other thread: a detached one becomes suspended there and then, an
//!    attached one is added to the expected count, gets its `STOP` flag and a mark in its eval breaker.
//! 4. Subtract the one, and wait for the count to reach zero. The wait does **not** detach: the requester could not get
//!    back in (gh-118332).
//! 5. The world is stopped. The requester takes no lock here that an attached thread could hold or be handed.
//! 6. Start: with the list locked, let all suspended threads go; release the locks.
//!
//! A thread that is created meanwhile starts as [`initial_state`](StopTheWorld::initial_state) says, decided under the
//! list's lock; a thread that is removed has detached, and so has counted itself.
//!
//! Invariants:
//! * **ST1** While the world is stopped every other registered thread is suspended or shut down.
//! * **ST2** The requester waits for nothing that only a suspended thread can give.
//! * **ST3** Every suspended thread is let go; one that wants in is attached by that, so it gets in after one pause.
//! * **ST4** Two pauses never overlap on the same thread.
//! * **ST5** The count cannot reach zero before the requester has asked everyone, because it holds one itself; and
//!   exactly one thread brings it to zero.
//!
//! Orderings: the count's decrements are Release and its reader Acquire, so what the stopped threads wrote is visible.
//!
//! While a pause is requested no lock is handed over ([`crate::parking_lot`]): a hand-over could go to a thread that is
//! already suspended on its way back, and the lock would stay taken for the whole pause (gh-133130).
//! That makes such locks rare, not impossible, so rule 5 stands.
//!
//! May block: `stop`.
//! For attached threads, which hold the GIL if there is one; what runs in the pause must not detach.
//! Checked by the models `stop_the_world` (M14), `two_scopes` (M15), `birth_and_death`
//! (M16), `stop_the_world_ticket` (M17) and `random_pauses`.
//!
//! ```
//! use krait_sync::breaker::Breaker;
//! use krait_sync::stop_the_world::{PauseScopes, Scope, StopTheWorld};
//! use krait_sync::thread_state::{DETACHED, SUSPENDED, StateWord};
//!
//! let (scopes, world) = (PauseScopes::new(), StopTheWorld::new(Scope::Interpreter));
//! let (me, other, breaker) = (StateWord::new(DETACHED), StateWord::new(DETACHED), Breaker::new());
//! assert!(me.try_attach());
//! let pause = world.stop(&scopes, &me, |visit: &mut dyn FnMut(&StateWord, &Breaker)| visit(&other, &breaker));
//! assert_eq!(other.state(), SUSPENDED);
//! assert!(!other.try_attach());
//! pause.start();
//! assert!(other.try_attach());
//! ```

use crate::block::Wait;
use crate::breaker::{Breaker, PLEASE_STOP};
use crate::mutex::ByteMutex;
use crate::parking_lot::{NO_TOKEN, lot};
use crate::prim::{AtomicBool, AtomicIsize, Ordering::*, const_new, ord, planted};
use crate::rwlock::RwLock;
use crate::thread_state::{DETACHED, STOP, STOP_GLOBAL, SUSPENDED, StateWord};

/// Orders the pauses of interpreters and of the process. One for the process.
pub struct PauseScopes(RwLock);

impl PauseScopes {
    const_new! {
        /// No pause.
        pub const fn new() -> PauseScopes {
            PauseScopes(RwLock::new())
        }
    }
}

impl Default for PauseScopes {
    fn default() -> Self {
        PauseScopes::new()
    }
}

/// Whom a pause stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The threads of one interpreter.
    Interpreter,
    /// All threads.
    Process,
}

/// See the [module](self). One for each interpreter and one for the process.
pub struct StopTheWorld {
    scope: Scope,
    /// Serialises pauses of this scope.
    mutex: ByteMutex,
    requested: AtomicBool,
    stopped: AtomicBool,
    /// Threads that have not stopped yet, and the requester while it is asking.
    running: AtomicIsize,
}

/// The other threads, as the requester finds them.
pub trait Threads {
    /// Locks the list, calls `visit` with the state word and the breaker of every registered thread but the calling one,
    /// and unlocks it.
    /// Waiting for the list's lock must not detach, nor may anybody detach, stop or allocate who holds it.
    fn for_each_other(&self, visit: &mut dyn FnMut(&StateWord, &Breaker));
}

impl<F: Fn(&mut dyn FnMut(&StateWord, &Breaker))> Threads for F {
    fn for_each_other(&self, visit: &mut dyn FnMut(&StateWord, &Breaker)) {
        self(visit)
    }
}

impl StopTheWorld {
    const_new! {
        /// The world runs.
        pub const fn new(scope: Scope) -> StopTheWorld {
            StopTheWorld {
                scope,
                mutex: ByteMutex::new(),
                requested: AtomicBool::new(false),
                stopped: AtomicBool::new(false),
                running: AtomicIsize::new(0),
            }
        }
    }

    /// Is a pause requested or under way?
    pub fn requested(&self) -> bool {
        self.requested.load(Acquire)
    }

    /// Is the world stopped? Of use to the thread that stopped it, and to assertions.
    pub fn stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// The state in which a thread enters the list. Call it with the list locked, and with both scopes:
    /// the thread is `SUSPENDED` if either says so.
    pub fn initial_state(&self) -> u32 {
        if self.requested.load(Relaxed) && !planted("stop_the_world/born_detached") { SUSPENDED } else { DETACHED }
    }

    /// Stops the world; returns when every other thread of the scope is suspended.
    ///
    /// `me` is the calling thread's word; it must be attached. What waits for a turn detaches through the hooks.
    pub fn stop<'a, T: Threads>(&'a self, scopes: &'a PauseScopes, me: &'a StateWord, threads: T) -> Pause<'a, T> {
        self.stop_raw(scopes, me, &threads);
        Pause { world: self, scopes, me, threads }
    }

    /// [`stop`](Self::stop) without a guard; [`start_raw`](Self::start_raw) must follow on the same thread.
    pub fn stop_raw(&self, scopes: &PauseScopes, me: &StateWord, threads: &dyn Threads) {
        let flag = match self.scope {
            Scope::Interpreter => STOP,
            Scope::Process => STOP_GLOBAL,
        };
        let enter = || match self.scope {
            Scope::Interpreter => scopes.0.read(),
            Scope::Process => scopes.0.write(),
        };
        if !planted("stop_the_world/no_scopes") {
            enter();
        }
        self.mutex.lock();
        lot().forbid_hand_over();
        // [ST5]
        self.running.store(1, Relaxed);
        // Before the list is locked: a thread that enters the list later sees it, one that entered it earlier is asked.
        self.requested.store(true, Relaxed);
        threads.for_each_other(&mut |state, breaker| {
            let asked = state.request_stop(flag, |change| {
                self.running.fetch_add(change, Relaxed);
            });
            if asked {
                breaker.set(PLEASE_STOP);
            }
        });
        let acquire = ord!("stop_the_world/count_relaxed", Acquire => Relaxed);
        if self.running.fetch_sub(1, acquire) != 1 && !planted("stop_the_world/no_wait") {
            while self.running.load(acquire) != 0 {
                // [ST2]
                lot().park(self.key(), Wait::KEEP, || self.running.load(Relaxed) != 0);
            }
        }
        self.stopped.store(true, Relaxed);
        me.set_holds_pause(true);
    }

    /// Lets the world go on after [`stop_raw`](Self::stop_raw).
    ///
    /// # Safety
    /// The calling thread stopped it, with the same arguments.
    pub unsafe fn start_raw(&self, scopes: &PauseScopes, me: &StateWord, threads: &dyn Threads) {
        me.set_holds_pause(false);
        self.stopped.store(false, Relaxed);
        // Before the list is locked: a thread that enters the list later needs nobody to let it go.
        self.requested.store(false, Relaxed);
        threads.for_each_other(&mut |state, breaker| {
            breaker.clear(PLEASE_STOP);
            state.resume();
        });
        lot().allow_hand_over();
        // SAFETY: `stop_raw` locked both.
        unsafe {
            self.mutex.unlock();
            if planted("stop_the_world/no_scopes") {
                return;
            }
            match self.scope {
                Scope::Interpreter => scopes.0.unread(),
                Scope::Process => scopes.0.unwrite(),
            }
        }
    }

    /// A thread of the scope has stopped.
    pub(crate) fn count_down(&self) {
        let release = ord!("stop_the_world/count_down_relaxed", Release => Relaxed);
        if self.running.fetch_sub(1, release) == 1 {
            lot().unpark_all(self.key(), NO_TOKEN);
        }
    }

    /// No pause, in the child of a fork, whichever thread had asked for one.
    ///
    /// # Safety
    /// No other thread of this process exists; the forking thread's [`Pause`] is forgotten, not dropped.
    pub unsafe fn reset_after_fork(&self, scopes: &PauseScopes, me: &StateWord) {
        me.set_holds_pause(false);
        self.requested.store(false, Relaxed);
        self.stopped.store(false, Relaxed);
        self.running.store(0, Relaxed);
        // SAFETY: the caller's promise.
        unsafe {
            self.mutex.reset_after_fork();
            scopes.0.reset_after_fork();
        }
    }

    fn key(&self) -> usize {
        &raw const self.running as usize
    }
}

/// The world is stopped; dropping it lets the world go on.
#[must_use]
pub struct Pause<'a, T: Threads> {
    world: &'a StopTheWorld,
    scopes: &'a PauseScopes,
    me: &'a StateWord,
    threads: T,
}

impl<T: Threads> Pause<'_, T> {
    /// Lets the world go on.
    pub fn start(self) {}
}

impl<T: Threads> Drop for Pause<'_, T> {
    fn drop(&mut self) {
        // SAFETY: made by `stop`, with these.
        unsafe { self.world.start_raw(self.scopes, self.me, &self.threads) }
    }
}
