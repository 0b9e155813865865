//! [`super`] on the real machine.

use super::{Deadline, Ordering, Wake, sched};
use std::sync::OnceLock;
use std::time::Instant;

pub use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence};

/// Buckets of the parking lot. A power of two; more than threads that wait at once on any machine of interest.
pub const BUCKETS: usize = 256;
/// Rounds of doubling pauses before a thread yields.
pub const SPINS: u32 = 5;
/// Yields before a thread parks.
pub const YIELDS: u32 = 20;

/// A cell that hands out raw pointers; loom watches the two kinds of access.
#[repr(transparent)]
#[derive(Default)]
pub struct UnsafeCell<T: ?Sized>(core::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    pub const fn new(value: T) -> Self {
        UnsafeCell(core::cell::UnsafeCell::new(value))
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Reads through a pointer that is valid during `f`.
    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Writes through a pointer that is valid during `f`.
    #[inline(always)]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// A value that exists once in the process (under a model checker: once in each execution).
macro_rules! process_wide {
    ($(#[$meta:meta])* $vis:vis fn $name:ident() -> &$ty:ty = $init:expr) => {
        #[inline(always)]
        $(#[$meta])* $vis fn $name() -> &'static $ty {
            static VALUE: $ty = $init;
            &VALUE
        }
    };
}
pub(crate) use process_wide;

pub fn now_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    if let Some(scheduler) = sched::installed() {
        return scheduler.now_ns();
    }
    // The clock starts at one second, so that no deadline is 0, which means "poll".
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1_000_000_000
}

/// Has a thread that waits since `since_ns` waited `patience_ns` by now?
pub fn fair_after(since_ns: u64, patience_ns: u64) -> bool {
    now_ns().saturating_sub(since_ns) >= patience_ns
}

/// One round of a busy wait.
#[inline]
pub fn spin_loop() {
    match sched::installed() {
        Some(scheduler) => scheduler.switch_point(),
        None => core::hint::spin_loop(),
    }
}

/// A cell of each thread's own; `None` while the thread's locals are being destroyed.
macro_rules! thread_own {
    ($(#[$meta:meta])* fn $name:ident() -> $ty:ty = $init:expr) => {
        $(#[$meta])* fn $name<R>(f: impl FnOnce(&$crate::prim::Cell<$ty>) -> R) -> Option<R> {
            std::thread_local!(static VALUE: $crate::prim::Cell<$ty> = const { $crate::prim::Cell::new($init) });
            VALUE.try_with(f).ok()
        }
    };
}
pub(crate) use thread_own;

/// Gives the processor away.
pub fn yield_now() {
    match sched::installed() {
        Some(scheduler) => scheduler.switch_point(),
        None => std::thread::yield_now(),
    }
}

/// A place where a controlled scheduler may switch threads; nothing otherwise.
#[inline]
pub fn switch_point() {
    if let Some(scheduler) = sched::installed() {
        scheduler.switch_point()
    }
}

#[inline(always)]
#[allow(unreachable_code)]
pub fn thread_id() -> usize {
    #[cfg(not(miri))]
    {
        let id: usize;
        #[cfg(all(target_arch = "x86_64", not(target_os = "macos")))]
        // SAFETY: the x86-64 ELF ABI keeps the thread control block's own address at fs:0.
        unsafe {
            core::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) id, options(nostack, preserves_flags, pure, readonly));
            return id;
        }
        #[cfg(all(target_arch = "x86_64", target_os = "macos"))]
        // SAFETY: macOS keeps the address of the thread's data at gs:0.
        unsafe {
            core::arch::asm!("mov {}, qword ptr gs:[0]", out(reg) id, options(nostack, preserves_flags, pure, readonly));
            return id;
        }
        #[cfg(all(target_arch = "aarch64", target_os = "macos"))]
        // SAFETY: reading the read-only thread pointer has no effect.
        unsafe {
            core::arch::asm!("mrs {}, tpidrro_el0", out(reg) id, options(nostack, preserves_flags, pure, nomem));
            return id;
        }
        #[cfg(all(target_arch = "aarch64", not(target_os = "macos")))]
        // SAFETY: reading the thread pointer has no effect.
        unsafe {
            core::arch::asm!("mrs {}, tpidr_el0", out(reg) id, options(nostack, preserves_flags, pure, nomem));
            return id;
        }
    }
    std::thread_local!(static ANCHOR: u8 = const { 0 });
    ANCHOR.with(|anchor| anchor as *const u8 as usize)
}

pub use parker::{Parker, Unparker};

#[cfg(target_os = "linux")]
mod parker {
    use super::*;
    use core::ptr;

    const EMPTY: u32 = 0;
    const NOTIFIED: u32 = 1;
    const ASLEEP: u32 = 2;

    /// One thread waits here, once, for one notification.
    ///
    /// It is one word of the waiter's stack.
    /// The waiter leaves only after it has seen its own notification, so the notifier's last touch of the word is the
    /// swap; what follows uses the address alone, and a stray futex wake is harmless to whoever sleeps there next.
    pub struct Parker(AtomicU32);

    impl Parker {
        /// Not notified.
        pub fn new() -> Parker {
            Parker(AtomicU32::new(EMPTY))
        }

        /// Forgets a notification that was consumed. No [`Unparker`] may be outstanding.
        pub fn reset(&self) {
            self.0.store(EMPTY, Ordering::Relaxed);
        }

        /// The right to notify, once.
        pub fn unparker(&self) -> Unparker {
            Unparker(&self.0)
        }

        /// Sleeps until notified.
        /// Everything before the notification is visible afterwards.
        /// Returns [`Wake::TimedOut`] at the deadline, and [`Wake::Interrupted`] when a signal handler ran and
        /// `interruptible` holds; in both cases a notification may still be on its way.
        pub fn park(&self, deadline: Deadline, interruptible: bool) -> Wake {
            // Release is not needed: the word carries nothing towards the notifier.
            if self.0.compare_exchange(EMPTY, ASLEEP, Ordering::Acquire, Ordering::Acquire) == Err(NOTIFIED) {
                return Wake::Notified;
            }
            loop {
                let outcome = match sched::installed() {
                    Some(scheduler) => scheduler.park(&raw const self.0 as usize, deadline, interruptible),
                    None => futex_wait(&self.0, ASLEEP, deadline),
                };
                if self.0.load(Ordering::Acquire) == NOTIFIED {
                    return Wake::Notified;
                }
                match outcome {
                    Wake::TimedOut if deadline.expired() => return Wake::TimedOut,
                    Wake::Interrupted if interruptible => return Wake::Interrupted,
                    _ => {}
                }
            }
        }
    }

    impl Default for Parker {
        fn default() -> Self {
            Parker::new()
        }
    }

    /// The right to notify one [`Parker`], once.
    pub struct Unparker(*const AtomicU32);

    // SAFETY: it is a pointer to an atomic that the waiter keeps alive until it is used.
    unsafe impl Send for Unparker {}

    impl Unparker {
        /// Notifies.
        ///
        /// # Safety
        /// The parker is alive: its thread has not yet returned [`Wake::Notified`].
        pub unsafe fn unpark(self) {
            // SAFETY: the caller's promise; the waiter cannot leave before this swap.
            let before = unsafe { &*self.0 }.swap(NOTIFIED, Ordering::Release);
            if let Some(scheduler) = sched::installed() {
                scheduler.unpark(self.0 as usize);
            } else if before == ASLEEP {
                // SAFETY: FUTEX_WAKE only uses the address, and fails harmlessly on one that is gone.
                unsafe {
                    libc::syscall(libc::SYS_futex, self.0, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1);
                }
            }
        }
    }

    fn futex_wait(word: &AtomicU32, expected: u32, deadline: Deadline) -> Wake {
        let timeout;
        let timeout = if deadline.is_never() {
            ptr::null()
        } else {
            let Some(left) = deadline.remaining() else { return Wake::TimedOut };
            timeout = libc::timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
            &raw const timeout
        };
        // SAFETY: `word` is a live futex word, and `timeout` is null or a live timespec.
        let status = unsafe {
            libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, expected, timeout)
        };
        if status == 0 {
            return Wake::Notified;
        }
        // SAFETY: errno of this thread.
        match unsafe { *libc::__errno_location() } {
            libc::ETIMEDOUT => Wake::TimedOut,
            libc::EINTR => Wake::Interrupted,
            _ => Wake::Notified,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod parker {
    use super::*;
    use std::thread::{self, Thread};

    /// One thread waits here, once, for one notification.
    pub struct Parker {
        notified: AtomicBool,
        thread: Thread,
    }

    impl Parker {
        /// Not notified; the calling thread is the one that will wait.
        pub fn new() -> Parker {
            Parker { notified: AtomicBool::new(false), thread: thread::current() }
        }

        /// Forgets a notification that was consumed. No [`Unparker`] may be outstanding.
        pub fn reset(&self) {
            self.notified.store(false, Ordering::Relaxed);
        }

        /// The right to notify, once.
        pub fn unparker(&self) -> Unparker {
            Unparker { parker: self, thread: self.thread.clone() }
        }

        /// Sleeps until notified; see the Linux twin. Signals do not interrupt it.
        pub fn park(&self, deadline: Deadline, interruptible: bool) -> Wake {
            while !self.notified.load(Ordering::Acquire) {
                if let Some(scheduler) = sched::installed() {
                    match scheduler.park(&raw const *self as usize, deadline, interruptible) {
                        Wake::TimedOut if deadline.expired() => return Wake::TimedOut,
                        Wake::Interrupted if interruptible => return Wake::Interrupted,
                        _ => {}
                    }
                } else if deadline.is_never() {
                    thread::park();
                } else {
                    match deadline.remaining() {
                        Some(left) => thread::park_timeout(left),
                        None => return Wake::TimedOut,
                    }
                }
            }
            Wake::Notified
        }
    }

    impl Default for Parker {
        fn default() -> Self {
            Parker::new()
        }
    }

    /// The right to notify one [`Parker`], once.
    pub struct Unparker {
        parker: *const Parker,
        thread: Thread,
    }

    // SAFETY: the parker is alive until this is used, and its flag is atomic.
    unsafe impl Send for Unparker {}

    impl Unparker {
        /// Notifies.
        ///
        /// # Safety
        /// The parker is alive: its thread has not yet returned [`Wake::Notified`].
        pub unsafe fn unpark(self) {
            // SAFETY: the caller's promise; the waiter cannot leave before this store.
            unsafe { &(*self.parker).notified }.store(true, Ordering::Release);
            match sched::installed() {
                Some(scheduler) => scheduler.unpark(self.parker as usize),
                None => self.thread.unpark(),
            }
        }
    }
}
