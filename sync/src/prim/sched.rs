//! The narrow interface through which a controlled scheduler takes over.
//!
//! A host that wants to choose the interleaving of a running program installs a [`Scheduler`] before it starts any
//! other thread.
//! From then on each wait, each wake and each switch point of this crate is a call to it, and the operating system's
//! primitives are not used: the scheduler keeps all threads but one blocked inside its own callbacks.
//! Without one installed the price is a load and a branch on paths that are about to enter the kernel.

use super::{Deadline, Wake};
use std::sync::OnceLock;

/// What a controlled scheduler provides.
pub trait Scheduler: Send + Sync {
    /// Blocks the calling thread until [`Scheduler::unpark`] is called with the same `id`.
    /// It may return early; the caller checks and parks again.
    /// An `unpark` that comes first must not be lost.
    fn park(&self, id: usize, deadline: Deadline, interruptible: bool) -> Wake;

    /// Lets the thread parked on `id` go on.
    fn unpark(&self, id: usize);

    /// The calling thread could be switched away from here.
    fn switch_point(&self);

    /// The clock, in nanoseconds.
    fn now_ns(&self) -> u64;
}

static INSTALLED: OnceLock<&'static dyn Scheduler> = OnceLock::new();

/// Installs `scheduler` for the rest of the process.
///
/// # Errors
/// Returns it when there already is one.
pub fn install(scheduler: &'static dyn Scheduler) -> Result<(), &'static dyn Scheduler> {
    INSTALLED.set(scheduler)
}

/// The installed scheduler.
#[inline]
pub fn installed() -> Option<&'static dyn Scheduler> {
    INSTALLED.get().copied()
}
