//! Memory kept for the runtime's own small needs, so that running out of memory is an exception and not the end.
//!
//! Rust's collections end the process when they get no memory. [`Reserving`], which programs and the shared library make
//! their global allocator, therefore gives a small request that fails a second try, after it has let go of a reserve of
//! address space. From then on objects get no new memory until the reserve could be taken again: the program sees
//! `MemoryError`, and what it gives back fills the reserve first. Requests that are large beside the reserve do not touch
//! it; code whose buffers follow the program's sizes asks with `try_reserve`, or before with [`affords`].
use crate::{Attached, PyResult};
use std::alloc::{GlobalAlloc, Layout, System, alloc_zeroed};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The reserve, in bytes: an eighth of the address space the process may have, within these bounds.
static SIZE: AtomicUsize = AtomicUsize::new(LEAST);
const LEAST: usize = 8 << 20;
const MOST: usize = 64 << 20;

/// The reserve: null before the start, a mapping, or [`TAKEN`].
static HELD: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
/// Stands for a reserve that was let go.
const TAKEN: *mut u8 = ptr::dangling_mut();

/// The system's allocator with a reserve for small requests.
pub struct Reserving;

// SAFETY: every request goes to the system's allocator, at most twice.
unsafe impl GlobalAlloc for Reserving {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the contract.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() && let_go(layout.size()) {
            // SAFETY: as above.
            return unsafe { System.alloc(layout) };
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the contract.
        let block = unsafe { System.alloc_zeroed(layout) };
        if block.is_null() && let_go(layout.size()) {
            // SAFETY: as above.
            return unsafe { System.alloc_zeroed(layout) };
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: by the contract.
        unsafe { System.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the contract.
        let moved = unsafe { System.realloc(block, layout, size) };
        if moved.is_null() && let_go(size) {
            // SAFETY: as above; the block is still there.
            return unsafe { System.realloc(block, layout, size) };
        }
        moved
    }
}

/// Lets go of the reserve for a request of `size` bytes; whether there was one.
#[cold]
fn let_go(size: usize) -> bool {
    let reserve = SIZE.load(Ordering::Relaxed);
    // Others may need of it before it is whole again.
    if size > reserve / 2 {
        return false;
    }
    let held = HELD.load(Ordering::Acquire);
    if held.is_null() || held == TAKEN {
        return false;
    }
    if HELD.compare_exchange(held, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        // SAFETY: the mapping was ours, and nobody reads it.
        unsafe { libc::munmap(held.cast(), reserve) };
    }
    true
}

fn map() -> *mut u8 {
    // SAFETY: asks for fresh address space.
    let mapping = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        libc::mmap(ptr::null_mut(), SIZE.load(Ordering::Relaxed), libc::PROT_NONE, flags, -1, 0)
    };
    if mapping == libc::MAP_FAILED { ptr::null_mut() } else { mapping.cast() }
}

/// Takes the reserve, once in a process.
pub fn keep() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: fills the structure.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } == 0;
        let eighth = if known { usize::try_from(limit.rlim_cur / 8).unwrap_or(MOST) } else { LEAST };
        SIZE.store(eighth.clamp(LEAST, MOST), Ordering::Relaxed);
        put(ptr::null_mut());
    });
}

/// Whether the system would give `bytes` now without the reserve: for libraries whose own requests may not fail. A few
/// always find place in the reserve.
#[inline]
pub fn affords(bytes: usize) -> bool {
    const FEW: usize = 1 << 18;
    bytes <= FEW || is_whole() && would_give(bytes)
}

#[cold]
fn would_give(bytes: usize) -> bool {
    let Ok(layout) = Layout::from_size_align(bytes, 16) else { return false };
    // SAFETY: the layout is not empty, and the block is given back as it was got.
    unsafe {
        let block = System.alloc(layout);
        if !block.is_null() {
            System.dealloc(block, layout);
        }
        !block.is_null()
    }
}

/// Whether objects may have new memory: the reserve is whole, or could be taken again just now.
#[inline]
pub fn is_whole() -> bool {
    HELD.load(Ordering::Relaxed) != TAKEN || put(TAKEN)
}

#[cold]
fn put(before: *mut u8) -> bool {
    let mapping = map();
    if mapping.is_null() {
        return false;
    }
    if HELD.compare_exchange(before, mapping, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        // Another thread was quicker.
        // SAFETY: nobody else knows the mapping.
        unsafe { libc::munmap(mapping.cast(), SIZE.load(Ordering::Relaxed)) };
    }
    true
}

/// An empty vector with room for `count` items; `MemoryError` if there is no memory for them.
#[inline]
pub fn with_room<T>(py: Attached<'_>, count: usize) -> PyResult<Vec<T>> {
    let mut items = Vec::new();
    make_room(py, &mut items, count)?;
    Ok(items)
}

/// Makes room for `more` items in a vector; `MemoryError` if there is no memory for them.
#[inline]
pub fn make_room<T>(py: Attached<'_>, items: &mut Vec<T>, more: usize) -> PyResult<()> {
    if items.capacity() - items.len() >= more {
        return Ok(());
    }
    items.try_reserve(more).map_err(|_| py.no_memory())
}

/// What [`zeros`] makes vectors of.
///
/// # Safety
/// Zero bytes are a value of the type.
pub unsafe trait Zero {}

macro_rules! zero {
    ($($ty:ty),*) => {
        // SAFETY: a number, or a struct of numbers.
        $(unsafe impl Zero for $ty {})*
    };
}

zero!(u8, u16, u32, u64, usize, libc::epoll_event);

/// `count` zeros; `MemoryError` if there is no memory for them. Those of a large vector are the system's: what is never
/// written takes no memory.
pub fn zeros<T: Zero>(py: Attached<'_>, count: usize) -> PyResult<Vec<T>> {
    let Ok(layout) = Layout::array::<T>(count) else { return Err(py.no_memory()) };
    if layout.size() == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the layout is not empty.
    let block = unsafe { alloc_zeroed(layout) };
    if block.is_null() {
        return Err(py.no_memory());
    }
    // SAFETY: by the contract of `Zero` the block, which has the layout of a vector, holds `count` values.
    Ok(unsafe { Vec::from_raw_parts(block.cast(), count, count) })
}

/// A copy of a slice; `MemoryError` if there is no memory for it.
pub fn copied<T: Clone>(py: Attached<'_>, items: &[T]) -> PyResult<Vec<T>> {
    let mut copy = with_room(py, items.len())?;
    copy.extend_from_slice(items);
    Ok(copy)
}

/// `MemoryError` unless the system would give `bytes` now, as [`affords`] says: before work whose own requests may not
/// fail and need at most about that much.
#[inline]
pub fn need(py: Attached<'_>, bytes: usize) -> PyResult<()> {
    if affords(bytes) { Ok(()) } else { Err(py.no_memory()) }
}
