//! The item array of a list.
//!
//! `ob_item` points to the items. In `nogil` mode the word before them is the array's capacity, against which a reader
//! that takes no lock checks its index: the list's size and array are two words, so they may not belong together.
use crate::handle::Attached;
use crate::layout::{Field, PyObject};
use crate::tracemalloc::memory::{alloc, dealloc, realloc};
use crate::{FREE_THREADED, mem};
use std::alloc::Layout as MemLayout;

const HEADER: usize = if FREE_THREADED { 1 } else { 0 };
const MAX: usize = isize::MAX as usize / 8 - 1;

/// The items of a list.
pub(crate) type Items = *mut Field<*mut PyObject>;

fn layout_of(capacity: usize) -> Option<MemLayout> {
    if capacity > MAX { None } else { MemLayout::array::<usize>(capacity + HEADER).ok() }
}

/// An uninitialised array for `capacity > 0` items, or null without memory.
pub(crate) fn alloc_items(capacity: usize) -> Items {
    let Some(layout) = layout_of(capacity) else { return std::ptr::null_mut() };
    // SAFETY: the layout is not empty.
    unsafe { finish(alloc(layout).cast::<usize>(), capacity) }
}

/// # Safety
/// `base` is null or an array for `capacity` items and the header.
unsafe fn finish(base: *mut usize, capacity: usize) -> Items {
    if base.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: by the contract.
    unsafe {
        if HEADER == 1 {
            base.write(capacity);
        }
        base.add(HEADER).cast()
    }
}

/// The capacity that readers without a lock go by (`nogil` only).
///
/// # Safety
/// `items` is a list's array, protected by [quiescent].
#[inline(always)]
pub(crate) unsafe fn capacity_of(items: Items) -> usize {
    // SAFETY: the header precedes the items and never changes.
    unsafe { *items.cast::<usize>().sub(1) }
}

/// # Safety
/// `items` came from [`alloc_items`] with `capacity`, and nobody can reach it any more.
pub(crate) unsafe fn free_items(items: Items, capacity: usize) {
    if items.is_null() {
        return;
    }
    if let Some(layout) = layout_of(capacity) {
        // SAFETY: by the contract.
        unsafe { dealloc(items.cast::<usize>().sub(HEADER).cast(), layout) };
    }
}

/// Grows or shrinks an array that nobody else reads, in place if possible; null without memory (the old one stays).
///
/// # Safety
/// As [`free_items`], and `capacity`, `new > 0`.
pub(crate) unsafe fn realloc_items(items: Items, capacity: usize, new: usize) -> Items {
    let (Some(old), Some(wanted)) = (layout_of(capacity), layout_of(new)) else { return std::ptr::null_mut() };
    // SAFETY: by the contract.
    unsafe { finish(realloc(items.cast::<usize>().sub(HEADER).cast(), old, wanted.size()).cast::<usize>(), new) }
}

/// Frees an array that readers without a lock may still see.
///
/// # Safety
/// As [`free_items`], but such readers are allowed.
pub(crate) unsafe fn retire_items(py: Attached<'_>, items: Items, capacity: usize) {
    if items.is_null() {
        return;
    }
    unsafe fn free(base: *mut u8, size: usize) {
        if let Ok(layout) = MemLayout::from_size_align(size, align_of::<usize>()) {
            // SAFETY: `retire` hands back what it was given.
            unsafe { dealloc(base, layout) };
        }
    }
    if let Some(layout) = layout_of(capacity) {
        // SAFETY: by the contract.
        unsafe { mem::retire(py, items.cast::<usize>().sub(HEADER).cast(), layout.size(), free) };
    }
}
