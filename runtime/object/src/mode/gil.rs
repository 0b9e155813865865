//! `gil` mode: plain counters; locks that compile to nothing because the GIL is held.
use crate::Object;
use crate::handle::{Attached, Layout};
use crate::layout::PyThreadState;
use crate::layout::{_Py_IMMORTAL_INITIAL_REFCNT, Field, Head, PyObject};
use crate::mem::Page;
use krait_sync::breaker::Breaker;
use krait_sync::thread_state::StateWord;
use std::marker::PhantomData;
use std::sync::atomic::Ordering::Relaxed;

/// Adds a reference.
///
/// # Safety
/// [attached], and `object` is live.
#[inline(always)]
pub unsafe fn incref(object: *mut PyObject) {
    // SAFETY: by the contract.
    let count = unsafe { &(*object).head }.ob_refcnt();
    let now = count.load(Relaxed);
    if now < _Py_IMMORTAL_INITIAL_REFCNT as u32 {
        count.store(now + 1, Relaxed);
    }
}

/// Adds a reference to each of the objects, of which some may be null.
///
/// # Safety
/// As [`incref`].
#[inline(always)]
pub unsafe fn incref_each(objects: impl Iterator<Item = *mut PyObject>) {
    for object in objects.filter(|object| !object.is_null()) {
        // SAFETY: by the contract.
        unsafe { incref(object) };
    }
}

/// Gives up a reference; deallocates with the last one.
///
/// # Safety
/// [attached], and the caller owned a reference.
#[inline(always)]
pub unsafe fn decref(object: *mut PyObject) {
    // SAFETY: by the contract.
    let count = unsafe { &(*object).head }.ob_refcnt();
    let now = count.load(Relaxed);
    if (now as i32) < 0 {
        return;
    }
    count.store(now - 1, Relaxed);
    if now == 1 {
        // SAFETY: that was the last reference.
        unsafe { super::dealloc(object) };
    }
}

/// Gives up a reference if that is not the last one. Whether it did; if not, [`decref`] is left to do.
///
/// # Safety
/// As [`decref`].
#[inline(always)]
pub unsafe fn decref_if_more(object: *mut PyObject) -> bool {
    // SAFETY: by the contract.
    let count = unsafe { &(*object).head }.ob_refcnt();
    let now = count.load(Relaxed);
    if (now as i32) < 0 {
        return true;
    }
    if now != 1 {
        count.store(now - 1, Relaxed);
    }
    now != 1
}

/// A new reference to `object` unless it is being freed. Under the GIL it never is.
///
/// # Safety
/// [attached], and `object` is live.
#[inline(always)]
pub unsafe fn try_incref(object: *mut PyObject) -> bool {
    // SAFETY: by the contract.
    unsafe { incref(object) };
    true
}

/// Prepares `object` for readers that take no lock: nothing to do under the GIL.
///
/// # Safety
/// `object` is live.
#[inline(always)]
pub unsafe fn publish(_object: *mut PyObject) {}

/// Loads a field that owns its object and makes a new reference; null stays null.
///
/// # Safety
/// The field owns a reference.
#[inline(always)]
pub unsafe fn load_ref(field: &Field<*mut PyObject>) -> *mut PyObject {
    let object = field.get();
    if !object.is_null() {
        // SAFETY: the field owns a reference, and the GIL keeps it from changing.
        unsafe { incref(object) };
    }
    object
}

/// [`load_ref`], which always succeeds in this mode.
///
/// # Safety
/// As [`load_ref`].
#[inline(always)]
pub unsafe fn try_load_ref(field: &Field<*mut PyObject>) -> Option<*mut PyObject> {
    // SAFETY: by the contract.
    Some(unsafe { load_ref(field) })
}

/// Whether the caller's reference is the only one.
#[inline(always)]
pub fn is_uniquely_referenced(object: &Object) -> bool {
    object.raw().head.ob_refcnt().load(Relaxed) == 1
}

/// The reference count as `sys.getrefcount` shows it.
pub fn refcount(object: &Object) -> isize {
    object.raw().head.ob_refcnt().load(Relaxed) as isize
}

#[inline(always)]
pub fn is_immortal(object: &Object) -> bool {
    (object.raw().head.ob_refcnt().load(Relaxed) as i32) < 0
}

/// Makes an object immortal. The caller has a reference.
pub fn make_immortal(object: &Object) {
    object.raw().head.ob_refcnt_full.set(Head::IMMORTAL_STATIC.ob_refcnt_full.get());
}

/// Whether [`make_immortal`] is safe: always, under the GIL.
#[inline]
pub fn may_immortalize(_object: &Object) -> bool {
    true
}

/// Adds to the shared count of an object whose count is deferred: there are none.
///
/// # Safety
/// None.
pub(crate) unsafe fn add_shared(_object: *mut PyObject, _by: isize) {}

/// Defers counting of a widely shared object: nothing to do under the GIL.
pub fn set_deferred(_object: &Object) -> bool {
    false
}

/// Whether counting of the object is deferred.
pub fn is_deferred(_object: &Object) -> bool {
    false
}

/// The collector found the object dead: nothing to do under the GIL.
///
/// # Safety
/// The object is unreachable.
pub unsafe fn take_over_garbage(_object: &Object) {}

/// Whether references to the object need no count: it is immortal.
///
/// # Safety
/// `object` is live.
#[inline(always)]
pub unsafe fn needs_no_count(object: *mut PyObject) -> bool {
    // SAFETY: by the contract.
    (unsafe { (*object).head.ob_refcnt() }.load(Relaxed) as i32) < 0
}

/// Gives a fresh object the count one.
///
/// # Safety
/// `object` points to memory of at least a head that nobody else uses.
#[inline(always)]
pub unsafe fn init_head(object: *mut PyObject) {
    // SAFETY: by the contract.
    unsafe { (*object).head.ob_refcnt_full.set(1) };
}

/// The object's critical section. The GIL already excludes everybody else.
pub struct CriticalSection<'a>(PhantomData<&'a Object>);

impl<'a> CriticalSection<'a> {
    #[inline(always)]
    pub fn enter(_py: Attached<'_>, _object: &'a Object) -> Self {
        CriticalSection(PhantomData)
    }
}

/// The object's lock for a short piece of work: nothing, the GIL does.
pub struct BriefSection<'a>(PhantomData<&'a Object>);

impl<'a> BriefSection<'a> {
    #[inline(always)]
    pub fn enter(_py: Attached<'_>, _object: &'a Object) -> Self {
        BriefSection(PhantomData)
    }
}

impl<'a> From<CriticalSection<'a>> for BriefSection<'a> {
    #[inline(always)]
    fn from(_section: CriticalSection<'a>) -> Self {
        BriefSection(PhantomData)
    }
}

/// Critical sections of two objects at once.
pub struct CriticalSection2<'a>(PhantomData<&'a Object>);

impl<'a> CriticalSection2<'a> {
    #[inline(always)]
    pub fn enter(_py: Attached<'_>, _first: &'a Object, _second: &'a Object) -> Self {
        CriticalSection2(PhantomData)
    }
}

/// Leaves critical sections: there are none.
#[inline(always)]
pub fn suspend_sections(_py: Attached<'_>) {}

/// Enters critical sections again: there are none.
#[inline(always)]
pub fn resume_sections(_py: Attached<'_>) {}

/// Marks a dead object's head: nothing to do, nobody reads it.
///
/// # Safety
/// The object is being freed.
#[inline(always)]
pub unsafe fn poison_head(_object: *mut PyObject) {}

/// The mode's part of an interpreter's object state: nothing.
pub struct InterpreterPart;

impl InterpreterPart {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        InterpreterPart
    }
}

/// Stands for `nogil` mode's frames of critical sections.
#[derive(Default)]
pub struct SectionFrames;

/// The calling thread's id: not needed under the GIL.
#[inline(always)]
pub fn thread_id() -> usize {
    0
}

/// Enters a thread: nothing to do.
///
/// # Safety
/// None.
pub unsafe fn register_thread(_state: &crate::state::ObjectState, _tstate: &PyThreadState) {}

/// Removes a thread: nothing to do.
///
/// # Safety
/// None.
pub unsafe fn unregister_thread(_state: &crate::state::ObjectState, _tstate: &PyThreadState) {}

/// In the child of a fork: forgets the other threads' queues.
///
/// # Safety
/// The calling thread is the only one of the process.
pub unsafe fn reset_after_fork(_state: &crate::state::ObjectState) {}

/// Merges waiting counts: there are none.
pub fn merge_own(_py: Attached<'_>) {}

/// Merges waiting counts: there are none.
///
/// # Safety
/// None.
pub unsafe fn merge_all(_py: Attached<'_>) -> Vec<crate::Ref<Object>> {
    Vec::new()
}

/// The eval breaker of a thread state.
#[inline(always)]
pub fn breaker(tstate: &PyThreadState) -> &Breaker {
    // SAFETY: `Breaker` is one atomic word, as `eval_breaker` is.
    unsafe { &*tstate.eval_breaker.as_ptr().cast() }
}

/// The attach state of a thread state.
#[inline(always)]
pub fn state_word(tstate: &PyThreadState) -> &StateWord {
    // SAFETY: `StateWord` is one atomic `u32`, as `state` is.
    unsafe { &*tstate.state.as_ptr().cast() }
}

fn page(object: &Object) -> (&Page, usize) {
    let raw = object.as_ptr();
    // SAFETY: only objects of the heap are asked about; see `gc`.
    (unsafe { Page::of(raw) }, Page::granule(raw))
}

/// Whether the collector visits the object.
#[inline(always)]
pub fn is_tracked(object: &Object) -> bool {
    let (page, granule) = page(object);
    Page::bit(&page.tracked, granule)
}

/// Sets or clears the collector's mark.
#[inline(always)]
pub fn set_tracked(object: &Object, tracked: bool) {
    let (page, granule) = page(object);
    Page::set_bit(&page.tracked, granule, tracked);
}

/// Whether the object's finalizer ran.
pub fn is_finalized(object: &Object) -> bool {
    let (page, granule) = page(object);
    Page::bit(&page.finalized, granule)
}

pub fn set_finalized(object: &Object) {
    let (page, granule) = page(object);
    Page::set_bit(&page.finalized, granule, true);
}

/// Revives an object whose count is zero for the time of its finalizer.
///
/// # Safety
/// Called from its deallocation.
pub unsafe fn resurrect_start(object: &Object) {
    object.raw().head.ob_refcnt().store(1, Relaxed);
}

/// Ends what [`resurrect_start`] began; whether the object is dead.
///
/// # Safety
/// As there.
pub unsafe fn resurrect_end(object: &Object) -> bool {
    let count = object.raw().head.ob_refcnt();
    let now = count.load(Relaxed);
    count.store(now - 1, Relaxed);
    now == 1
}

/// Whether arrays that `object` replaces may be freed at once: nobody reads them without the GIL.
#[inline(always)]
pub fn frees_at_once(_object: &Object) -> bool {
    true
}

/// Whether readers that take no lock may look into `object` already: the GIL makes it so.
#[inline(always)]
pub fn readable_unlocked(_object: &Object) -> bool {
    true
}

/// Announces readers that take no lock: nothing to do under the GIL.
#[inline(always)]
pub fn set_shared(_object: &Object) {}

/// Plain stores always do: the GIL's holder is the only thread that uses an interpreter's objects. What interpreters
/// share (static types, interned strings) needs locks of its own.
#[inline(always)]
pub fn is_alone() -> bool {
    true
}

/// Of no consequence: [`is_alone`].
pub fn first_use(_pause: impl FnOnce(&mut dyn FnMut())) {}
