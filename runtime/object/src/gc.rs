//! The cycle collector.
//!
//! It walks the pages of the interpreter's heaps for tracked objects and marks what modules and running frames reach.
//! From copies of the counts of the others it subtracts the references that they hold on each other, and treats what
//! is left above zero as reachable from outside; everything that reachable objects reach is reachable, the rest is
//! garbage. `gil` mode keeps a young generation: the objects
//! tracked since the last collection, which is often enough. `nogil` mode stops the world for finding the garbage,
//! and runs finalizers, weak reference callbacks and clearing after the pause.
//!
//! Order of the end of garbage, as PEP 442 and the manual of `gc` have it: weak references are cleared and their
//! callbacks run, finalizers run, what they revived is found by a second pass over the garbage, the rest is cleared.
use crate::builtins::weakrefobject::{Cleared, clear_garbage};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyObject;
use crate::mem::{PAGES_IN_USE, Page};
use crate::mode::{self, FREE_THREADED};
use crate::{Object, PyResult};
use std::cell::{Cell, RefCell};
use std::collections::TryReserveError;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// Marker in a page's count array: reachable.
const REACHABLE: u32 = u32::MAX;
/// Marker: not part of this collection.
const ABSENT: u32 = u32::MAX - 1;

/// One generation's statistics, as `gc.get_stats()` shows them.
#[derive(Clone, Copy, Default)]
pub struct Stats {
    pub collections: usize,
    pub collected: usize,
    pub uncollectable: usize,
}

/// The collector of one interpreter.
pub struct GcState {
    pub enabled: AtomicBool,
    collecting: AtomicBool,
    pub debug: AtomicU32,
    pub thresholds: [AtomicUsize; 3],
    /// Net allocations of collectable objects since the last collection.
    pub count: AtomicIsize,
    /// Objects that survived young collections since the last full one, and those that survived that one.
    pub pending: AtomicUsize,
    pub long_lived: AtomicUsize,
    /// Pages of the process when allocations last asked for a collection.
    pages_before: AtomicUsize,
    pub young_collections: AtomicUsize,
    /// Collections of the middle generation since the last full one.
    pub middle_collections: AtomicUsize,
    young: GilCell<Vec<NonNull<PyObject>>>,
    pub stats: Mutex<[Stats; 3]>,
    /// `gc.freeze`: objects found then are left out of collections.
    pub frozen: Mutex<Vec<usize>>,
    /// `gc.garbage` and `gc.callbacks`, made by the `gc` module.
    pub garbage: crate::Slot,
    pub callbacks: crate::Slot,
}

/// A cell that only the GIL's holder uses.
struct GilCell<T>(RefCell<T>);
// SAFETY: used in `gil` mode only, under the GIL.
unsafe impl<T> Sync for GilCell<T> {}
// SAFETY: as above.
unsafe impl<T> Send for GilCell<T> {}

impl GcState {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        GcState {
            enabled: AtomicBool::new(true),
            collecting: AtomicBool::new(false),
            debug: AtomicU32::new(0),
            thresholds: [AtomicUsize::new(2000), AtomicUsize::new(10), AtomicUsize::new(0)],
            count: AtomicIsize::new(0),
            pending: AtomicUsize::new(0),
            long_lived: AtomicUsize::new(if FREE_THREADED { AT_START } else { 0 }),
            pages_before: AtomicUsize::new(0),
            young_collections: AtomicUsize::new(0),
            middle_collections: AtomicUsize::new(0),
            young: GilCell(RefCell::new(Vec::new())),
            stats: Mutex::default(),
            frozen: Mutex::default(),
            garbage: crate::Slot::NULL,
            callbacks: crate::Slot::NULL,
        }
    }

    /// Whether a collection runs.
    pub fn is_collecting(&self) -> bool {
        self.collecting.load(Relaxed)
    }
}

/// Counts an allocation of a collectable object; asks for a collection when it is time. The collection itself runs
/// when the evaluation loop next looks at its breaker.
#[inline(always)]
pub(crate) fn count_allocation(py: Attached<'_>) {
    let ext = py.ext();
    let count = ext.gc_allocations.get() + 1;
    ext.gc_allocations.set(count);
    if count >= COUNT_BATCH {
        flush_count(py);
    }
}

/// Takes a freed collectable object off the count, so that short-lived objects do not bring collections about.
#[inline(always)]
pub(crate) fn count_release(py: Attached<'_>) {
    let ext = py.ext();
    let count = ext.gc_allocations.get() - 1;
    ext.gc_allocations.set(count);
    if count <= -COUNT_BATCH {
        flush_count(py);
    }
}

/// About as many collectable objects as the library makes before a program starts, which live as long as that.
const AT_START: usize = 10_000;

/// How many allocations or releases a thread counts alone before it adds them to the interpreter's.
const COUNT_BATCH: i32 = 256;

/// How many times the threshold is waited for while the process takes no more memory.
const STEADY: isize = 4;

#[cold]
fn flush_count(py: Attached<'_>) {
    let gc = &py.state().gc;
    let count = py.ext().gc_allocations.replace(0) as isize;
    let total = gc.count.fetch_add(count, Relaxed) + count;
    if total < 0 {
        // Objects that a collection let live died: they were taken off the count then.
        gc.count.fetch_max(0, Relaxed);
        return;
    }
    let threshold = gc.thresholds[0].load(Relaxed) as isize;
    if threshold == 0 || !gc.enabled.load(Relaxed) || total < threshold {
        return;
    }
    if FREE_THREADED {
        // All objects are looked at: that must be worth it. While memory does not grow, objects come and go by their
        // counts.
        let pages = PAGES_IN_USE.load(Relaxed);
        let before = gc.pages_before.load(Relaxed);
        let grows = pages > before + before / 10;
        if (total as usize) < gc.long_lived.load(Relaxed) / 2 || !grows && total < threshold * STEADY {
            return;
        }
        gc.pages_before.store(pages, Relaxed);
    }
    mode::breaker(py.tstate()).set(krait_sync::breaker::GC_SCHEDULED);
}

/// Makes the collector visit `object`. Static objects are never visited.
#[inline]
pub fn track(object: &Object) {
    if mode::is_immortal(object) && !object.ty().is_heap() {
        return;
    }
    mode::set_tracked(object, true);
    if !FREE_THREADED {
        // SAFETY: [attached].
        note_young(unsafe { Attached::from_tls() }, object);
    }
}

#[inline]
fn note_young(py: Attached<'_>, object: &Object) {
    let raw = object.as_ptr();
    // SAFETY: tracked objects are the heap's.
    let page = unsafe { Page::of(raw) };
    // The memory of a large object goes as soon as it dies, so no list may name it: it counts as old.
    if page.is_large() {
        return;
    }
    let mut young = py.state().gc.young.0.borrow_mut();
    if young.len() == young.capacity() {
        if young.len() >= 4096 {
            compact_young(&mut young);
        }
        // What does not fit counts as old: full collections find objects by themselves.
        if young.try_reserve(1).is_err() {
            return;
        }
    }
    Page::set_bit(&page.young, Page::granule(raw), true);
    young.push(NonNull::from(object).cast());
}

/// Drops entries of objects that died or were untracked.
#[cold]
fn compact_young(young: &mut Vec<NonNull<PyObject>>) {
    // A second entry of one address (the block was used again) goes too: the first keeps the bit.
    young.sort_unstable();
    young.dedup();
    young.retain(|object| {
        // SAFETY: pages of small objects are released only by full collections, which empty the list first.
        let page = unsafe { Page::of(object.as_ptr()) };
        let granule = Page::granule(object.as_ptr());
        Page::bit(&page.young, granule) && Page::bit(&page.tracked, granule)
    });
    let room = young.len().max(4096);
    // The caller sees to it that the next entry has a place.
    let _ = young.try_reserve(room);
}

/// Forgets a block that is being freed (`gil` mode's page bits).
#[inline(always)]
pub(crate) fn forget(object: *mut PyObject) {
    // SAFETY: the block is the heap's.
    let page = unsafe { Page::of(object) };
    let granule = Page::granule(object);
    Page::set_bit(&page.tracked, granule, false);
    Page::set_bit(&page.finalized, granule, false);
    Page::set_bit(&page.young, granule, false);
}

/// Hides `object` from the collector; untracking twice is allowed.
#[inline]
pub fn untrack(object: &Object) {
    if !mode::is_immortal(object) || object.ty().is_heap() {
        mode::set_tracked(object, false);
    }
}

/// Whether the collector visits `object`.
pub fn is_tracked(object: &Object) -> bool {
    is_collectable(object) && mode::is_tracked(object)
}

/// Whether the object is of a collectable kind and on the heap.
pub fn is_collectable(object: &Object) -> bool {
    let ty = object.ty();
    if !ty.is_gc() || mode::is_immortal(object) && is_static(object) {
        return false;
    }
    match ty.as_type().tp_is_gc.get() {
        // SAFETY: [slot-contract].
        Some(is_gc) => unsafe { is_gc(object.as_ptr()) != 0 },
        None => true,
    }
}

/// Static type objects and other immortals that are not in a page.
fn is_static(object: &Object) -> bool {
    object.downcast::<crate::Type>().is_none_or(|ty| !ty.is_heap())
}

pub fn is_finalized(object: &Object) -> bool {
    is_collectable(object) && mode::is_finalized(object)
}

/// Calls `tp_finalize` once for a live object (`PyObject_CallFinalizer`).
pub fn call_finalizer(object: &Object) {
    let ty = object.ty();
    let Some(finalize) = ty.as_type().tp_finalize.get() else { return };
    if ty.is_gc() {
        if mode::is_finalized(object) {
            return;
        }
        mode::set_finalized(object);
    }
    // SAFETY: [slot-contract].
    unsafe { finalize(object.as_ptr()) };
}

/// Calls the finalizer of an object whose count is zero; whether it lives on (`PyObject_CallFinalizerFromDealloc`).
///
/// # Safety
/// Called from the object's `tp_dealloc`.
pub unsafe fn finalize_from_dealloc(py: Attached<'_>, object: &Object) -> bool {
    if object.ty().is_gc() && mode::is_finalized(object) {
        return false;
    }
    // The pending exception, if any, is not the finalizer's business.
    let pending = py.take_raised();
    // SAFETY: by the contract.
    let dead = unsafe {
        mode::resurrect_start(object);
        call_finalizer(object);
        mode::resurrect_end(object)
    };
    if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
    if !dead && object.ty().is_gc() {
        track(object);
    }
    !dead
}

/// Which objects a collection looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Generation {
    Young = 0,
    /// As `Full`, but counted by itself.
    Middle = 1,
    Full = 2,
}

/// What a collection did.
#[derive(Clone, Copy, Default, Debug)]
pub struct Collected {
    pub collected: usize,
    pub uncollectable: usize,
}

/// Runs the collection that allocations asked for. Called by the evaluation loop.
pub fn run_scheduled(py: Attached<'_>) {
    let gc = &py.state().gc;
    if !gc.enabled.load(Relaxed) {
        return;
    }
    let full = FREE_THREADED
        || gc.young_collections.load(Relaxed) > gc.thresholds[1].load(Relaxed)
            && gc.pending.load(Relaxed) > gc.long_lived.load(Relaxed) / 4;
    let pending = py.take_raised();
    collect(py, if full { Generation::Full } else { Generation::Young });
    if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
}

/// Collects garbage now. Returns what was found; nothing when a collection is under way, or has no memory to work with.
pub fn collect(py: Attached<'_>, generation: Generation) -> Collected {
    let gc = &py.state().gc;
    if gc.collecting.swap(true, Relaxed) {
        return Collected::default();
    }
    let started = (gc.debug.load(Relaxed) & DEBUG_STATS != 0).then(|| {
        show_start(py, generation);
        std::time::Instant::now()
    });
    gc.count.store(0, Relaxed);
    let (asked, generation) = match generation {
        Generation::Young if !FREE_THREADED => (generation, generation),
        _ => (generation, Generation::Full),
    };
    let (mut dying, mut garbage, mut weak) = (Vec::new(), Vec::new(), Cleared::default());
    let mut legacy = Vec::new();
    let mut find = || {
        if FREE_THREADED {
            // SAFETY: the world is stopped.
            dying = unsafe { merge_counts(py) };
        }
        garbage = find_garbage(py, generation);
        legacy = take_uncollectable(&mut garbage);
        weak = clear_garbage(garbage.iter().map(|object| &**object));
    };
    if FREE_THREADED {
        (crate::hooks::hooks().stop_the_world)(py, &mut find);
    } else {
        find();
    }
    drop(dying);
    weak.finish(py);
    show_found(py, DEBUG_COLLECTABLE, "collectable", &garbage);
    show_found(py, DEBUG_UNCOLLECTABLE, "uncollectable", &legacy);
    let mut result = dispose(py, garbage);
    result.uncollectable += legacy.len();
    let all = gc.debug.load(Relaxed) & DEBUG_SAVEALL != 0;
    legacy.iter().filter(|object| all || has_old_finalizer(object)).for_each(|object| keep(py, object));
    drop(legacy);
    let mut stats = gc.stats.lock().expect("no panic under this lock");
    let entry = &mut stats[asked as usize];
    entry.collections += 1;
    entry.collected += result.collected;
    entry.uncollectable += result.uncollectable;
    drop(stats);
    match asked {
        Generation::Young => {
            gc.young_collections.fetch_add(1, Relaxed);
        }
        Generation::Middle => {
            gc.young_collections.store(0, Relaxed);
            gc.middle_collections.fetch_add(1, Relaxed);
        }
        Generation::Full => {
            gc.young_collections.store(0, Relaxed);
            gc.middle_collections.store(0, Relaxed);
        }
    }
    gc.collecting.store(false, Relaxed);
    if let Some(started) = started {
        let (stuck, seconds) = (result.uncollectable, started.elapsed().as_secs_f64());
        let found = result.collected + stuck;
        eprintln!("gc: done, {found} unreachable, {stuck} uncollectable, {seconds:.4}s elapsed");
    }
    result
}

/// Visits all tracked objects of the interpreter. [stopped-world] or the GIL.
fn for_each_tracked(py: Attached<'_>, mut visit: impl FnMut(&Object)) {
    let mut look = |raw: *mut PyObject| {
        // SAFETY: the slot was handed out, so it is an object head, or a free block that looks like one.
        let object = unsafe { Object::from_ptr(raw) };
        if mode::is_tracked(object) {
            visit(object);
        }
    };
    let state = py.state();
    for heap in state.heaps.lock().expect("no panic under this lock").iter() {
        // SAFETY: nobody allocates meanwhile.
        for page in unsafe { &*heap.pages.get() } {
            // SAFETY: pages of a heap are live.
            unsafe { page.as_ref() }.for_each_slot(&mut look);
        }
    }
    for region in state.large.lock().expect("no panic under this lock").values() {
        // SAFETY: a large region begins with a page head and holds one object.
        unsafe { region.0.cast::<Page>().as_ref() }.for_each_slot(&mut look);
    }
}

/// All tracked objects of the interpreter, borrowed. [stopped-world] or the GIL.
fn tracked_objects(py: Attached<'_>) -> Result<Vec<NonNull<PyObject>>, TryReserveError> {
    let mut count = 0;
    for_each_tracked(py, |_| count += 1);
    let mut objects = Vec::new();
    objects.try_reserve_exact(count)?;
    for_each_tracked(py, |object| objects.push(NonNull::from(object).cast()));
    Ok(objects)
}

/// How many objects are tracked.
pub fn count_objects(py: Attached<'_>) -> usize {
    let mut count = 0;
    let mut gather = || for_each_tracked(py, |_| count += 1);
    if FREE_THREADED {
        (crate::hooks::hooks().stop_the_world)(py, &mut gather)
    } else {
        gather()
    }
    count
}

/// All tracked objects as new references (`gc.get_objects`).
///
/// # Errors
/// `MemoryError`.
pub fn objects(py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
    let mut found = Ok(Vec::new());
    let mut gather = || {
        // SAFETY: tracked objects are live. The references take the place of the pointers.
        let hold = |object: NonNull<PyObject>| unsafe { Object::from_ptr(object.as_ptr()) }.to_ref();
        found = tracked_objects(py).map(|objects| objects.into_iter().map(hold).collect());
    };
    if FREE_THREADED {
        (crate::hooks::hooks().stop_the_world)(py, &mut gather)
    } else {
        gather()
    }
    found.map_err(|_| py.no_memory())
}

/// The counts of one collection, in scratch arrays of the pages.
struct Counts {
    pages: Vec<(NonNull<Page>, Vec<u32>)>,
}

impl Counts {
    /// Enters an object with its count.
    fn enter(&mut self, object: NonNull<PyObject>, count: u32) -> Result<(), TryReserveError> {
        // SAFETY: tracked objects are the heap's.
        let page = unsafe { Page::of(object.as_ptr()) };
        if page.gc_refs.get().is_null() {
            let mut counts = Vec::new();
            counts.try_reserve_exact(crate::mem::PAGE / 16)?;
            counts.resize(crate::mem::PAGE / 16, ABSENT);
            self.pages.try_reserve(1)?;
            page.gc_refs.set(counts.as_mut_ptr());
            self.pages.push((NonNull::from(page), counts));
        }
        *entry(object.as_ptr()).expect("just made") = count;
        Ok(())
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        for (page, _) in &self.pages {
            // SAFETY: pages are not released during a collection.
            unsafe { page.as_ref() }.gc_refs.set(ptr::null_mut());
        }
    }
}

/// The count of an object in the running collection, unless it is not part of it.
#[inline]
fn entry<'a>(object: *mut PyObject) -> Option<&'a mut u32> {
    // SAFETY: the callers pass collectable objects, which are the heap's.
    unsafe {
        let counts = Page::of(object).gc_refs.get();
        if counts.is_null() { None } else { Some(&mut *counts.add(Page::granule(object))) }
    }
}

/// The count of what a visitor got, if it takes part.
#[inline]
fn visited_entry<'a>(object: *mut PyObject) -> Option<&'a mut u32> {
    // SAFETY: visitors get live objects.
    let object = unsafe { Object::from_ptr(object) };
    // The mark in the object's head says it all; in pages there are none of static objects.
    let part = if FREE_THREADED { mode::is_tracked(object) } else { is_collectable(object) };
    if !part {
        return None;
    }
    entry(object.as_ptr()).filter(|count| **count != ABSENT)
}

unsafe extern "C" fn visit_subtract(object: *mut PyObject, _: *mut c_void) -> c_int {
    if let Some(count) = visited_entry(object)
        && *count != REACHABLE
        && *count > 0
    {
        *count -= 1;
    }
    0
}

unsafe extern "C" fn visit_reach(object: *mut PyObject, work: *mut c_void) -> c_int {
    if let Some(count) = visited_entry(object)
        && *count != REACHABLE
    {
        *count = REACHABLE;
        // SAFETY: the collector passes its work list.
        unsafe { (*work.cast::<Vec<NonNull<PyObject>>>()).push(NonNull::new_unchecked(object)) };
    }
    0
}

fn traverse(object: NonNull<PyObject>, visit: crate::layout::visitproc, arg: *mut c_void) {
    // SAFETY: tracked objects are live and their type has `tp_traverse`.
    unsafe {
        let ty = Object::from_ptr(object.as_ptr()).ty();
        if let Some(traverse) = ty.as_type().tp_traverse.get() {
            traverse(object.as_ptr(), visit, arg);
        }
    }
}

/// Leaves those of `objects` that only reach each other. Counts are as large as a `u32` allows.
///
/// # Errors
/// There is no memory for the search; the objects are as they were.
fn keep_unreachable(py: Attached<'_>, objects: &mut Vec<NonNull<PyObject>>, extra: u32) -> Result<(), TryReserveError> {
    let mut counts = Counts { pages: Vec::new() };
    for &object in &*objects {
        // SAFETY: live.
        let count = mode::refcount(unsafe { Object::from_ptr(object.as_ptr()) });
        counts.enter(object, (count.clamp(0, (ABSENT - 1) as isize) as u32).saturating_sub(extra))?;
    }
    // Each object gets on the list once at most.
    let mut work = Vec::new();
    work.try_reserve_exact(objects.len())?;
    let reach = |work: &mut Vec<NonNull<PyObject>>| {
        while let Some(object) = work.pop() {
            traverse(object, visit_reach, ptr::from_mut(work).cast());
        }
    };
    // Most objects hang on the modules and the running frames: what those reach needs no counting. Frames hold objects
    // that are counted late without a count.
    (crate::hooks::hooks().visit_roots)(py, &mut |object| {
        // SAFETY: roots are live objects; the list is the one that `visit_reach` wants.
        unsafe { visit_reach(object, (&raw mut work).cast()) };
    });
    reach(&mut work);
    for &object in &*objects {
        if *entry(object.as_ptr()).expect("entered above") != REACHABLE {
            traverse(object, visit_subtract, ptr::null_mut());
        }
    }
    for &object in &*objects {
        let count = entry(object.as_ptr()).expect("entered above");
        if *count != 0 && *count != REACHABLE {
            *count = REACHABLE;
            work.push(object);
            reach(&mut work);
        }
    }
    objects.retain(|object| *entry(object.as_ptr()).expect("entered above") != REACHABLE);
    Ok(())
}

/// Makes all counts true: those that wait for their owners, and those that threads keep for themselves. What turns out
/// to have no reference left is the caller's to drop after the pause.
///
/// # Safety
/// [stopped-world].
#[must_use]
unsafe fn merge_counts(py: Attached<'_>) -> Vec<Ref<Object>> {
    // SAFETY: by the contract.
    unsafe {
        let dying = mode::merge_all(py);
        py.state().type_refs.merge_all();
        dying
    }
}

/// Finds the garbage and holds a reference to each of it. The world is stopped. Without memory to search with, nothing is
/// found; a later collection looks at all objects.
fn find_garbage(py: Attached<'_>, generation: Generation) -> Vec<Ref<Object>> {
    let gc = &py.state().gc;
    let mut objects = match generation {
        Generation::Middle | Generation::Full => {
            gc.young.0.borrow_mut().clear();
            tracked_objects(py).unwrap_or_default()
        }
        Generation::Young => {
            let mut young = std::mem::take(&mut *gc.young.0.borrow_mut());
            compact_young(&mut young);
            young
        }
    };
    let frozen = gc.frozen.lock().expect("no panic under this lock");
    if !frozen.is_empty() {
        objects.retain(|object| frozen.binary_search(&object.as_ptr().addr()).is_err());
    }
    drop(frozen);
    if !FREE_THREADED {
        for object in &objects {
            // SAFETY: tracked objects are the heap's.
            let page = unsafe { Page::of(object.as_ptr()) };
            Page::set_bit(&page.young, Page::granule(object.as_ptr()), false);
        }
    }
    let looked_at = objects.len();
    if keep_unreachable(py, &mut objects, 0).is_err() {
        return Vec::new();
    }
    let survivors = looked_at - objects.len();
    match generation {
        Generation::Young => drop(gc.pending.fetch_add(survivors, Relaxed)),
        Generation::Middle | Generation::Full => {
            gc.pending.store(0, Relaxed);
            gc.long_lived.store(survivors, Relaxed);
        }
    }
    // SAFETY: garbage is live until it is cleared. The references take the place of the pointers.
    objects.into_iter().map(|object| unsafe { Object::from_ptr(object.as_ptr()) }.to_ref()).collect()
}

/// Ends the life of garbage that the caller holds one reference to each of.
fn dispose(py: Attached<'_>, mut garbage: Vec<Ref<Object>>) -> Collected {
    if garbage.is_empty() {
        return Collected::default();
    }
    for object in &garbage {
        call_finalizer(object);
    }
    let mut still: Vec<NonNull<PyObject>> = Vec::new();
    if still.try_reserve_exact(garbage.len()).is_err() {
        return Collected::default();
    }
    still.extend(garbage.iter().map(|object| NonNull::from(&**object).cast::<PyObject>()));
    let (mut dying, mut weak) = (Vec::new(), Cleared::default());
    let mut find = || {
        if FREE_THREADED {
            // SAFETY: the world is stopped.
            dying = unsafe { merge_counts(py) };
        }
        // Our own reference to each does not count.
        if keep_unreachable(py, &mut still, 1).is_err() {
            still.clear();
        }
        // Finalizers may have made new references, which nobody may follow into half-cleared objects.
        // SAFETY: the objects are live.
        weak = clear_garbage(still.iter().map(|object| unsafe { Object::from_ptr(object.as_ptr()) }));
        if FREE_THREADED {
            // SAFETY: the world is stopped; the objects are live.
            unsafe {
                let dead = || still.iter().map(|object| Object::from_ptr(object.as_ptr()));
                py.state().type_refs.remove(dead());
                dead().for_each(|object| mode::take_over_garbage(object));
            }
        }
    };
    if FREE_THREADED {
        (crate::hooks::hooks().stop_the_world)(py, &mut find)
    } else {
        find()
    }
    drop(dying);
    weak.finish(py);
    if still.len() != garbage.len() {
        // Both are in the same order.
        let mut dead = still.iter().peekable();
        garbage.retain(|object| dead.next_if(|dead| dead.as_ptr() == object.as_ptr()).is_some());
    }
    let mut result = Collected::default();
    let save = py.state().gc.debug.load(Relaxed) & DEBUG_SAVEALL != 0;
    for object in &garbage {
        result.collected += 1;
        if save {
            keep(py, object);
            continue;
        }
        // SAFETY: [slot-contract]; our reference keeps the object alive during the call.
        unsafe {
            if let Some(clear) = object.ty().as_type().tp_clear.get() {
                clear(object.as_ptr());
            }
        }
        if let Some(pending) = py.take_raised() {
            let _ = py.restore(pending);
            (crate::hooks::hooks().unraisable)(py, Some("Exception ignored in tp_clear of"), Some(object));
        }
    }
    result
}

/// `gc.DEBUG_STATS`.
const DEBUG_STATS: u32 = 1;
/// `gc.DEBUG_COLLECTABLE`.
const DEBUG_COLLECTABLE: u32 = 2;
/// `gc.DEBUG_UNCOLLECTABLE`.
pub const DEBUG_UNCOLLECTABLE: u32 = 4;
/// `gc.DEBUG_SAVEALL`.
pub const DEBUG_SAVEALL: u32 = 32;

/// Shows the objects that a collection found, if `flag` asks for it.
fn show_found(py: Attached<'_>, flag: u32, what: &str, objects: &[Ref<Object>]) {
    if py.state().gc.debug.load(Relaxed) & flag != 0 {
        for object in objects {
            eprintln!("gc: {what} <{} {:p}>", object.ty().name(), object.as_ptr());
        }
    }
}

/// Shows that a collection begins. Those tracked since the last one are the young generation.
fn show_start(py: Attached<'_>, asked: Generation) {
    let all = count_objects(py);
    let gc = &py.state().gc;
    let allocated = gc.count.load(Relaxed) + py.ext().gc_allocations.get() as isize;
    let young = usize::try_from(allocated).unwrap_or(0).min(all);
    let frozen = gc.frozen.lock().expect("no panic under this lock").len();
    eprintln!("gc: collecting generation {}...", asked as usize);
    eprintln!("gc: objects in each generation: {young} 0 {}", all - young);
    eprintln!("gc: objects in permanent generation: {frozen}");
}

/// Whether the type has a `tp_del`, which may run at any time after the object is gone from a cycle, but not before.
fn has_old_finalizer(object: &Object) -> bool {
    object.ty().as_type().tp_del.get().is_some()
}

/// Takes out of garbage what has a `tp_del`, with all that it reaches: that cannot be cleared.
fn take_uncollectable(garbage: &mut Vec<Ref<Object>>) -> Vec<Ref<Object>> {
    struct Reached {
        garbage: rustc_hash::FxHashSet<usize>,
        todo: Vec<NonNull<PyObject>>,
    }
    unsafe extern "C" fn visit(object: *mut PyObject, reached: *mut c_void) -> c_int {
        // SAFETY: `take_uncollectable` passes its own `Reached`.
        let reached = unsafe { &mut *reached.cast::<Reached>() };
        if reached.garbage.remove(&object.addr()) {
            reached.todo.extend(NonNull::new(object));
        }
        0
    }
    if !garbage.iter().any(|object| has_old_finalizer(object)) {
        return Vec::new();
    }
    let mut reached =
        Reached { garbage: garbage.iter().map(|object| object.as_ptr().addr()).collect(), todo: Vec::new() };
    for object in garbage.iter().filter(|object| has_old_finalizer(object)) {
        reached.garbage.remove(&object.as_ptr().addr());
        reached.todo.push(NonNull::from(&**object).cast());
    }
    while let Some(object) = reached.todo.pop() {
        traverse(object, visit, (&raw mut reached).cast());
    }
    let collectable = reached.garbage;
    let (rest, taken) =
        std::mem::take(garbage).into_iter().partition(|object| collectable.contains(&object.as_ptr().addr()));
    *garbage = rest;
    taken
}

/// Puts garbage on `gc.garbage`.
fn keep(py: Attached<'_>, object: &Object) {
    if let Some(list) = py.state().gc.garbage.get()
        && let Some(list) = list.downcast::<crate::List>().ok()
        && let Err(raised) = list.push(py, object.to_ref())
    {
        raised.clear(py);
    }
}

struct Referents<'a>(&'a mut Vec<Ref<Object>>);

unsafe extern "C" fn visit_collect(object: *mut PyObject, found: *mut c_void) -> c_int {
    // SAFETY: `referents` passes its own vector; the object is live.
    unsafe {
        (*found.cast::<Referents<'_>>()).0.push(Object::from_ptr(object).to_ref());
    }
    0
}

/// What an object refers to directly (`gc.get_referents`).
pub fn referents(object: &Object) -> Vec<Ref<Object>> {
    let mut found = Vec::new();
    let raw = object.ty().as_type();
    // SAFETY: [slot-contract].
    let has_referents =
        object.ty().is_gc() && raw.tp_is_gc.get().is_none_or(|is_gc| unsafe { is_gc(object.as_ptr()) != 0 });
    if has_referents {
        let mut referents = Referents(&mut found);
        traverse(NonNull::from(object).cast(), visit_collect, (&raw mut referents).cast());
    }
    found
}

/// Objects that refer to any of `targets` directly (`gc.get_referrers`).
///
/// # Errors
/// `MemoryError`.
pub fn referrers(py: Attached<'_>, targets: &[&Object]) -> PyResult<Vec<Ref<Object>>> {
    struct Search<'a> {
        targets: &'a [&'a Object],
        hit: Cell<bool>,
    }
    unsafe extern "C" fn visit(object: *mut PyObject, search: *mut c_void) -> c_int {
        // SAFETY: `referrers` passes its own `Search`.
        let search = unsafe { &*search.cast::<Search<'_>>() };
        let hit = search.targets.iter().any(|target| target.as_ptr() == object);
        search.hit.set(search.hit.get() || hit);
        c_int::from(hit)
    }
    let mut found = objects(py)?;
    found.retain(|object| {
        let search = Search { targets, hit: Cell::new(false) };
        traverse(NonNull::from(&**object).cast(), visit, (&raw const search).cast_mut().cast());
        search.hit.get()
    });
    Ok(found)
}

/// `gc.freeze`: leaves what is tracked now out of later collections.
///
/// # Errors
/// `MemoryError`.
pub fn freeze(py: Attached<'_>) -> PyResult<()> {
    let mut frozen: Vec<usize> = objects(py)?.iter().map(|object| object.as_ptr().addr()).collect();
    frozen.sort_unstable();
    *py.state().gc.frozen.lock().expect("no panic under this lock") = frozen;
    Ok(())
}

/// `gc.unfreeze`.
pub fn unfreeze(py: Attached<'_>) {
    py.state().gc.frozen.lock().expect("no panic under this lock").clear();
}
