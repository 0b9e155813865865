//! Blocking: what a thread does before it sleeps and after it wakes.
//!
//! A thread of the runtime must not sleep while it is *attached*: a stop-the-world pause, the GIL and memory
//! reclamation would wait for it.
//! The runtime installs [`BlockHooks`] once; a wait that asks for it ([`Wait::detach`]) calls `detach` when the thread
//! is already queued and is about to sleep, and `attach` when it has been woken.
//! This crate calls nothing else upwards.
//!
//! Invariants:
//! * **BL1** `detach` and `attach` run without any lock of this crate held, so they may lock, unlock, wake and wait
//!   (with waits that do not detach, or from a state in which `detach` returns null).
//! * **BL2** Each `detach` is followed by exactly one `attach` with its result, on the same thread, also when the wait
//!   fails.
//!
//! The order *queue, then detach* matters: the detaching thread may release critical sections, and a thread that gets
//! them may at once unlock what we wait for; we are already there to be woken.
//!
//! Orderings: none of its own; what a wait orders is the business of what is waited for.
//! May block: [`detached`] and every wait that detaches, in `attach`. They may run attached, then with the GIL if there is
//! one, or detached, when nothing happens.
//! Checked by the models `block` and `block_timeout`, and with what waits through it by `critical_section` (M11) and
//! `stop_the_world` (M14).
//!
//! ```
//! use krait_sync::block::{self, BlockHooks};
//! use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
//!
//! static AWAY: AtomicUsize = AtomicUsize::new(0);
//! static HOOKS: BlockHooks = BlockHooks {
//!     detach: || {
//!         AWAY.fetch_add(1, Relaxed);
//!         (&raw const AWAY).cast_mut().cast()
//!     },
//!     attach: |_| {
//!         AWAY.fetch_sub(1, Relaxed);
//!     },
//! };
//! assert!(block::install(&HOOKS).is_ok());
//! assert_eq!(block::detached(|| AWAY.load(Relaxed)), 1);
//! assert_eq!(AWAY.load(Relaxed), 0);
//! ```

use crate::prim::{Deadline, Setting, planted};
use core::ptr;
use core::time::Duration;

/// The two functions of the runtime.
pub struct BlockHooks {
    /// Detaches the calling thread if it is attached.
    /// The result is handed to `attach`; null means that there was nothing to detach.
    pub detach: fn() -> *mut (),
    /// Attaches the calling thread again; never called with null.
    pub attach: unsafe fn(*mut ()),
}

static HOOKS: Setting<&'static BlockHooks> = Setting::new();

/// Installs the hooks for the process.
///
/// # Errors
/// Returns them when others are installed.
pub fn install(hooks: &'static BlockHooks) -> Result<(), &'static BlockHooks> {
    match HOOKS.set(hooks) {
        Err(_) if !ptr::eq(*HOOKS.get().expect("set"), hooks) => Err(hooks),
        _ => Ok(()),
    }
}

/// How to wait: a choice of each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When to give up.
    pub deadline: Deadline,
    /// Detach the thread while it sleeps.
    pub detach: bool,
    /// Give up when a signal handler ran.
    pub interruptible: bool,
}

impl Wait {
    /// Wait for ever, detached: right for code that can be attached.
    pub const DETACH: Wait = Wait { deadline: Deadline::NEVER, detach: true, interruptible: false };
    /// Wait for ever in the state the thread is in: for code below attaching.
    pub const KEEP: Wait = Wait { deadline: Deadline::NEVER, detach: false, interruptible: false };
    /// Do not wait.
    pub const POLL: Wait = Wait { deadline: Deadline::POLL, detach: false, interruptible: false };

    /// Until the deadline at most.
    pub const fn until(self, deadline: Deadline) -> Wait {
        Wait { deadline, ..self }
    }

    /// For this long at most.
    pub fn at_most(self, timeout: Duration) -> Wait {
        self.until(Deadline::after(timeout))
    }

    /// Give up when a signal handler ran.
    pub const fn interruptible(self) -> Wait {
        Wait { interruptible: true, ..self }
    }
}

/// A detached stretch of a thread's life; attaches when dropped.
pub(crate) struct Detached(*mut ());

impl Detached {
    pub(crate) fn new(wait: &Wait) -> Detached {
        match HOOKS.get() {
            Some(hooks) if wait.detach && !planted("block/no_detach") => Detached((hooks.detach)()),
            _ => Detached(ptr::null_mut()),
        }
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if !self.0.is_null() && !planted("block/no_attach") {
            let hooks = HOOKS.get().expect("hooks are never removed");
            // SAFETY: [BL2] the result of this thread's `detach`, used once.
            unsafe { (hooks.attach)(self.0) }
        }
    }
}

/// Runs `f` with the calling thread detached, as `Py_BEGIN_ALLOW_THREADS` does.
pub fn detached<R>(f: impl FnOnce() -> R) -> R {
    let _detached = Detached::new(&Wait::DETACH);
    f()
}

/// How an attempt to acquire something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Acquired {
    /// It is ours.
    Yes,
    /// The deadline passed.
    TimedOut,
    /// A signal handler ran first, and the wait was interruptible.
    Interrupted,
}

impl Acquired {
    /// Is it ours?
    pub fn ok(self) -> bool {
        self == Acquired::Yes
    }
}
