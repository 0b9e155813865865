//! How much native stack is left.
//!
//! The limit of a thread is found once from the operating system; a check is one load and a comparison.
use crate::handle::Attached;
use std::cell::Cell;

/// Room kept for native code that does not check, such as destructors and C libraries.
const RESERVE: usize = 128 * 1024;

thread_local! {
    /// Addresses below this are too close to the end of the stack. Zero until found.
    static LIMIT: Cell<usize> = const { Cell::new(0) };
    /// Where the stack begins: its highest address. Zero while unknown.
    static TOP: Cell<usize> = const { Cell::new(0) };
}

/// Whether the calling thread's stack is nearly used up.
#[inline(always)]
pub fn is_low(py: Attached<'_>) -> bool {
    let limit = LIMIT.get();
    let here = pointer();
    here < limit && !is_handling_overflow(py, here, limit) || (limit == 0 && here < find_limit())
}

/// While an overflow is being reported, half of the reserve may be used.
#[cold]
fn is_handling_overflow(py: Attached<'_>, here: usize, limit: usize) -> bool {
    py.tstate().recursion_headroom.get() > 0 && here > limit - RESERVE / 2
}

/// The stack pointer.
#[inline(always)]
pub fn pointer() -> usize {
    let here: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) here, options(nomem, nostack, preserves_flags))
    };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) here, options(nomem, nostack, preserves_flags))
    };
    here
}

/// Sets the lowest usable address for the calling thread, for code that switches native stacks.
pub fn set_limit(lowest: usize) {
    LIMIT.set(lowest + RESERVE);
}

/// Goes back to the limit that the operating system gives the calling thread.
pub fn reset_limit() {
    LIMIT.set(0);
}

/// How much of the stack is in use, in KiB; `None` where its bounds are unknown.
pub fn used_kib() -> Option<usize> {
    match TOP.get() {
        0 => None,
        top => Some(top.saturating_sub(pointer()) / 1024),
    }
}

#[cold]
fn find_limit() -> usize {
    let limit = bounds().map_or(1, |(lowest, size)| {
        TOP.set(lowest + size);
        lowest + RESERVE.min(size / 4)
    });
    LIMIT.set(limit);
    limit
}

#[cfg(target_os = "linux")]
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: plain queries of the calling thread's attributes; the struct is initialised by the first call and
    // destroyed by the last.
    unsafe {
        let mut attributes = std::mem::zeroed::<libc::pthread_attr_t>();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut start, mut size) = (std::ptr::null_mut(), 0);
        let status = libc::pthread_attr_getstack(&attributes, &mut start, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        (status == 0).then_some((start.addr(), size))
    }
}

#[cfg(not(target_os = "linux"))]
fn bounds() -> Option<(usize, usize)> {
    None
}
