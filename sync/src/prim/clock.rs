//! Monotonic time and deadlines.

use core::time::Duration;

/// Nanoseconds on a monotonic clock with an arbitrary start.
///
/// Under loom and shuttle time stands still.
#[inline]
pub fn now_ns() -> u64 {
    super::imp::now_ns()
}

/// The moment until which an operation may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    /// Wait for ever.
    pub const NEVER: Deadline = Deadline(u64::MAX);
    /// Do not wait at all: a poll.
    pub const POLL: Deadline = Deadline(0);

    /// The moment `timeout` from now.
    /// Zero is a poll, and what lies beyond the clock's range (584 years) is never.
    pub fn after(timeout: Duration) -> Deadline {
        if timeout.is_zero() {
            return Deadline::POLL;
        }
        match u64::try_from(timeout.as_nanos()) {
            Ok(ns) => Deadline(now_ns().saturating_add(ns).max(1)),
            Err(_) => Deadline::NEVER,
        }
    }

    /// The moment on the clock of [`now_ns`].
    pub const fn at_ns(ns: u64) -> Deadline {
        Deadline(ns)
    }

    /// Its place on the clock of [`now_ns`].
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// Does it never come?
    pub const fn is_never(self) -> bool {
        self.0 == u64::MAX
    }

    /// Is it a poll?
    pub const fn is_poll(self) -> bool {
        self.0 == 0
    }

    /// What is left; `None` when it has passed.
    /// Meaningless for [`Deadline::NEVER`], which has about 584 years left.
    pub fn remaining(self) -> Option<Duration> {
        self.0.checked_sub(now_ns()).filter(|&ns| ns > 0).map(Duration::from_nanos)
    }

    /// Has it passed?
    pub fn expired(self) -> bool {
        !self.is_never() && (self.is_poll() || self.remaining().is_none())
    }
}
