//! Dict watchers: callbacks that hear of every change of the dicts they watch.
use super::Dict;
use crate::Object;
use crate::handle::{Attached, Layout};
use crate::layout::{PyDict_WatchCallback, PyObject};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What happened, with C's numbers (`PyDict_WatchEvent`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum DictEvent {
    Added = 0,
    Modified = 1,
    Deleted = 2,
    Cloned = 3,
    Cleared = 4,
    Deallocated = 5,
}

/// The low bits of `_ma_watcher_tag`: one per watcher.
pub const WATCHER_MASK: u64 = 0xFF;

/// Calls the watchers whose bit is set: the upper layer keeps them per interpreter.
pub type Notify =
    fn(py: Attached<'_>, bits: u8, event: DictEvent, dict: &Dict, key: *mut PyObject, value: *mut PyObject);

static NOTIFY: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Installs the function that calls the watchers; done once, when the first watcher is added.
pub fn install(notify: Notify) {
    NOTIFY.store(notify as *mut (), Ordering::Release);
}

/// Type check of the watchers' C signature, which [`Notify`] ends in.
#[allow(dead_code)]
type Callback = PyDict_WatchCallback;

/// Whether `dict` has watchers.
#[inline(always)]
pub(super) fn is_watched(dict: &Dict) -> bool {
    dict.0._ma_watcher_tag.get() & WATCHER_MASK != 0
}

/// Tells the watchers of `dict` of a change that is about to happen.
#[inline(always)]
pub(super) fn notify(py: Attached<'_>, dict: &Dict, event: DictEvent, key: Option<&Object>, value: Option<&Object>) {
    if is_watched(dict) {
        notify_slow(py, dict, event, key, value);
    }
}

#[cold]
fn notify_slow(py: Attached<'_>, dict: &Dict, event: DictEvent, key: Option<&Object>, value: Option<&Object>) {
    let raw = NOTIFY.load(Ordering::Acquire);
    if raw.is_null() {
        return;
    }
    // SAFETY: only `install` stores here, and it stores a `Notify`.
    let notify = unsafe { std::mem::transmute::<*mut (), Notify>(raw) };
    let pointer = |object: Option<&Object>| object.map_or(ptr::null_mut(), Layout::as_ptr);
    notify(py, (dict.0._ma_watcher_tag.get() & WATCHER_MASK) as u8, event, dict, pointer(key), pointer(value));
}
