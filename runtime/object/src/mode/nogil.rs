//! `nogil` mode: biased reference counts and the per-object mutex. The algorithms live in `krait-sync`.
use crate::Object;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{_PyGC_BITS_SHARED, Field, Head, PyObject, PyThreadState};
use krait_sync::alone::Alone;
use krait_sync::brc::{self, BrcTable, CountRef, Outcome};
use krait_sync::breaker::Breaker;
use krait_sync::critical_section::{self, ThreadCtx};
use krait_sync::mutex::ByteMutex;
use krait_sync::thread_state::StateWord;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

const IMMORTAL: u32 = u32::MAX;

static ALONE: Alone = Alone::new();

/// Whether plain stores do where other threads would call for atomic exchanges: [alone].
#[inline(always)]
pub fn is_alone() -> bool {
    ALONE.is_alone()
}

/// A thread state is about to be used for the first time: the second one of the process ends [alone] in a pause.
pub fn first_use(pause: impl FnOnce(&mut dyn FnMut())) {
    ALONE.first_use(pause);
}

/// The calling thread's id as the headers' inline functions compute it: its thread pointer register.
#[inline(always)]
pub fn thread_id() -> usize {
    let id: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: on x86-64 Linux `fs:0` holds the thread pointer itself.
    unsafe {
        std::arch::asm!("mov {}, fs:0", out(reg) id, options(nostack, preserves_flags, readonly, pure))
    };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads the thread pointer register.
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) id, options(nostack, preserves_flags, nomem, pure))
    };
    id
}

/// Adds a reference.
///
/// # Safety
/// [attached], and `object` is live.
#[inline(always)]
pub unsafe fn incref(object: *mut PyObject) {
    // SAFETY: by the contract.
    unsafe { incref_on(object, thread_id) }
}

/// Adds a reference to each of the objects, of which some may be null.
///
/// # Safety
/// As [`incref`].
#[inline(always)]
pub unsafe fn incref_each(objects: impl Iterator<Item = *mut PyObject>) {
    // Asked for once: the compiler must take it for something that changes.
    let me = thread_id();
    for object in objects.filter(|object| !object.is_null()) {
        // SAFETY: by the contract.
        unsafe { incref_on(object, || me) };
    }
}

/// [`incref`] on the thread that `me` names; it is not asked for immortal objects.
///
/// # Safety
/// As [`incref`].
#[inline(always)]
unsafe fn incref_on(object: *mut PyObject, me: impl FnOnce() -> usize) {
    // SAFETY: by the contract.
    let head = unsafe { &(*object).head };
    let local = head.ob_ref_local.load(Relaxed).wrapping_add(1);
    if local == 0 {
        return;
    }
    if head.ob_tid.load(Relaxed) == me() {
        head.ob_ref_local.store(local, Relaxed);
    } else {
        head.ob_ref_shared.fetch_add(1 << 2, Relaxed);
    }
}

/// Gives up a reference; deallocates with the last one.
///
/// # Safety
/// [attached], and the caller owned a reference.
#[inline(always)]
pub unsafe fn decref(object: *mut PyObject) {
    // SAFETY: by the contract.
    let head = unsafe { &(*object).head };
    let local = head.ob_ref_local.load(Relaxed);
    if local == IMMORTAL {
        return;
    }
    if head.ob_tid.load(Relaxed) == thread_id() {
        head.ob_ref_local.store(local - 1, Relaxed);
        if local == 1 {
            // SAFETY: the owner's count reached zero.
            unsafe { merge_zero_local(object) };
        }
    } else {
        // SAFETY: the caller owned a shared reference.
        unsafe { decref_shared(object) };
    }
}

/// Gives up a reference if that cannot be the last one, as far as the calling thread sees at once. Whether it did; if
/// not, [`decref`] is left to do.
///
/// # Safety
/// As [`decref`].
#[inline(always)]
pub unsafe fn decref_if_more(object: *mut PyObject) -> bool {
    // SAFETY: by the contract.
    let head = unsafe { &(*object).head };
    let local = head.ob_ref_local.load(Relaxed);
    if local == IMMORTAL {
        return true;
    }
    let more = local != 1 && head.ob_tid.load(Relaxed) == thread_id();
    if more {
        head.ob_ref_local.store(local - 1, Relaxed);
    }
    more
}

#[inline(never)]
unsafe fn merge_zero_local(object: *mut PyObject) {
    // SAFETY: by the caller's contract.
    unsafe {
        // SAFETY (both): [alone] where it is asked.
        let merge = if is_alone() {
            brc::merge_zero_local_alone(counts(object))
        } else {
            brc::merge_zero_local(counts(object))
        };
        if merge == Outcome::Dead {
            super::dealloc(object);
        }
    }
}

#[cold]
unsafe fn decref_shared(object: *mut PyObject) {
    // SAFETY: by the caller's contract.
    unsafe { settle(object, brc::decref_shared(counts(object))) };
}

/// Does what a decrement asks for.
///
/// # Safety
/// `outcome` is that of a decrement of `object` by this thread.
unsafe fn settle(object: *mut PyObject, outcome: Outcome) {
    match outcome {
        Outcome::Alive => {}
        // SAFETY: the last reference is gone.
        Outcome::Dead => unsafe { super::dealloc(object) },
        // SAFETY: [attached]; the queue takes our reference over.
        Outcome::Queue => unsafe {
            let py = Attached::from_tls();
            py.state().mode.queues.queue(&Objects, NonNull::new_unchecked(object).cast(), thread_id());
        },
    }
}

/// The counts of an object as the algorithms take them.
///
/// # Safety
/// `object` points to an object head.
#[inline(always)]
unsafe fn counts<'a>(object: *mut PyObject) -> CountRef<'a> {
    // SAFETY: by the contract.
    let head = unsafe { &(*object).head };
    CountRef { tid: &head.ob_tid, local: &head.ob_ref_local, shared: &head.ob_ref_shared }
}

/// Krait's objects as the queues of biased reference counting see them.
pub struct Objects;

impl brc::Objects for Objects {
    unsafe fn counts<'a>(&self, object: NonNull<()>) -> CountRef<'a> {
        // SAFETY: the queue holds a reference.
        unsafe { counts(object.as_ptr().cast()) }
    }
    unsafe fn dealloc(&self, object: NonNull<()>) {
        // SAFETY: the last reference is gone.
        unsafe { super::dealloc(object.as_ptr().cast()) }
    }
}

/// The mode's part of an interpreter's object state: objects that wait for their owner to merge their counts.
pub struct InterpreterPart {
    pub queues: BrcTable,
}

impl InterpreterPart {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        InterpreterPart { queues: BrcTable::new() }
    }
}

/// Enters a thread before it owns objects. Called when a thread state is bound to its thread.
///
/// # Safety
/// `tstate` is live until [`unregister_thread`].
pub unsafe fn register_thread(state: &crate::state::ObjectState, tstate: &PyThreadState) {
    // SAFETY: by the contract.
    unsafe { state.mode.queues.register(thread_id(), breaker(tstate), state_word(tstate)) };
}

/// In the child of a fork: forgets the other threads' queues.
///
/// # Safety
/// The calling thread is the only one of the process.
pub unsafe fn reset_after_fork(state: &crate::state::ObjectState) {
    // SAFETY: by the contract; a thread keeps its identifier over a fork.
    unsafe { state.mode.queues.reset_after_fork(thread_id(), thread_id()) };
}

/// Removes a thread; what waits for it is merged.
///
/// # Safety
/// The calling thread is attached through `tstate` and owns no object afterwards through it.
pub unsafe fn unregister_thread(state: &crate::state::ObjectState, tstate: &PyThreadState) {
    // SAFETY: by the contract.
    unsafe { state.mode.queues.unregister(&Objects, thread_id(), breaker(tstate), state_word(tstate)) };
}

/// Merges the counts of objects that wait for the calling thread (the eval breaker asks for it).
pub fn merge_own(py: Attached<'_>) {
    // SAFETY: [attached]; the thread registered when it was bound.
    unsafe { py.state().mode.queues.merge_own(&Objects, thread_id()) };
}

/// Objects whose last reference is found to be gone during a pause. They get a new one, to be dropped after the pause:
/// their deallocation may run code.
#[derive(Default)]
struct Dying(RefCell<Vec<Ref<Object>>>);

impl brc::Objects for Dying {
    unsafe fn counts<'a>(&self, object: NonNull<()>) -> CountRef<'a> {
        // SAFETY: the queue holds a reference.
        unsafe { counts(object.as_ptr().cast()) }
    }
    unsafe fn dealloc(&self, object: NonNull<()>) {
        let object = object.as_ptr().cast::<PyObject>();
        // SAFETY: [stopped-world]: the count is merged and zero, and nobody else looks at it.
        unsafe {
            (*object).head.ob_ref_shared.store(brc::ONE_SHARED | brc::MERGED, Relaxed);
            self.0.borrow_mut().push(Ref::from_raw(object));
        }
    }
}

/// Merges every queue. What has no other reference left is the caller's to drop after the pause.
///
/// # Safety
/// [stopped-world].
pub unsafe fn merge_all(py: Attached<'_>) -> Vec<Ref<Object>> {
    let dying = Dying::default();
    // SAFETY: by the contract.
    unsafe { py.state().mode.queues.merge_all_in_pause(&dying) };
    dying.0.into_inner()
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

/// A new reference to `object` unless it is being freed, or belongs to another thread and was not published.
///
/// # Safety
/// [attached] and [quiescent]: `object` points to memory that is still an object head.
#[inline(always)]
pub unsafe fn try_incref(object: *mut PyObject) -> bool {
    // SAFETY: by the contract.
    let head = unsafe { &(*object).head };
    let local = head.ob_ref_local.load(Relaxed).wrapping_add(1);
    if local == 0 {
        return true;
    }
    if head.ob_tid.load(Relaxed) == thread_id() {
        head.ob_ref_local.store(local, Relaxed);
        return true;
    }
    let mut shared = head.ob_ref_shared.load(Relaxed);
    loop {
        if shared == 0 || shared == 3 {
            return false;
        }
        match head.ob_ref_shared.compare_exchange_weak(shared, shared + (1 << 2), Acquire, Relaxed) {
            Ok(_) => return true,
            Err(now) => shared = now,
        }
    }
}

/// Lets threads other than the owner [`try_incref`] the object from now on.
///
/// # Safety
/// `object` is live and the caller has a reference.
#[inline(always)]
pub unsafe fn publish(object: *mut PyObject) {
    // SAFETY: by the contract.
    let head = unsafe { &(*object).head };
    if head.ob_ref_local.load(Relaxed) == IMMORTAL || head.ob_ref_shared.load(Relaxed) & 3 != 0 {
        return;
    }
    if is_alone() {
        head.ob_ref_shared.store(head.ob_ref_shared.load(Relaxed) | 1, Relaxed);
    } else {
        head.ob_ref_shared.fetch_or(1, Relaxed);
    }
}

/// Loads a field that owns its object and makes a new reference; null stays null. Retries while it changes.
///
/// # Safety
/// [attached] and [quiescent]; the field owns a published reference.
#[inline]
pub unsafe fn load_ref(field: &Field<*mut PyObject>) -> *mut PyObject {
    for _ in 0..1000 {
        // SAFETY: by the contract.
        if let Some(object) = unsafe { try_load_ref(field) } {
            return object;
        }
        std::hint::spin_loop();
    }
    // SAFETY: by the contract.
    unsafe { load_unpublished(field) }
}

/// [`load_ref`] of a field whose object its owner never published: the world stands still for the new reference.
///
/// # Safety
/// As [`load_ref`].
#[cold]
unsafe fn load_unpublished(field: &Field<*mut PyObject>) -> *mut PyObject {
    // SAFETY: [attached].
    let py = unsafe { Attached::from_tls() };
    let mut object = std::ptr::null_mut();
    (crate::hooks::hooks().stop_the_world)(py, &mut || {
        object = field.load(Acquire);
        if !object.is_null() {
            // SAFETY: [stopped-world]: the field owns its object, and nobody takes it away now.
            unsafe {
                incref(object);
                publish(object);
            }
        }
    });
    object
}

/// One try of [`load_ref`]. `None` when the field changed meanwhile, or holds a reference of another thread's that was
/// never published, as fields that C code wrote may.
///
/// # Safety
/// [attached] and [quiescent]; the field owns its reference.
#[inline]
pub unsafe fn try_load_ref(field: &Field<*mut PyObject>) -> Option<*mut PyObject> {
    let object = field.load(Acquire);
    // SAFETY: by the contract.
    if object.is_null() || unsafe { try_incref(object) } {
        if field.load(Acquire) == object {
            return Some(object);
        }
        if !object.is_null() {
            // SAFETY: [owned]: the reference just made.
            unsafe { decref(object) };
        }
    }
    None
}

/// Whether the caller's reference is the only one.
#[inline(always)]
pub fn is_uniquely_referenced(object: &Object) -> bool {
    let head = &object.raw().head;
    head.ob_ref_local.load(Relaxed) == 1
        && head.ob_tid.load(Relaxed) == thread_id()
        && head.ob_ref_shared.load(Relaxed) & !3 == 0
        && head.ob_ref_shared.load(Relaxed) & 3 < 2
}

/// The reference count as `sys.getrefcount` shows it.
pub fn refcount(object: &Object) -> isize {
    let head = &object.raw().head;
    match head.ob_ref_local.load(Relaxed) {
        IMMORTAL => IMMORTAL as isize,
        local => {
            let shared = head.ob_ref_shared.load(Relaxed);
            let deferred = if shared > brc::DEFERRED { brc::DEFERRED } else { 0 };
            local as isize + (shared >> 2) - deferred
        }
    }
}

#[inline(always)]
pub fn is_immortal(object: &Object) -> bool {
    object.raw().head.ob_ref_local.load(Relaxed) == IMMORTAL
}

/// Makes an object immortal. The caller has a reference and nobody else uses the object yet.
pub fn make_immortal(object: &Object) {
    let head = &object.raw().head;
    head.ob_tid.store(0, Relaxed);
    head.ob_ref_local.store(IMMORTAL, Relaxed);
    head.ob_ref_shared.store(0, Relaxed);
}

/// Whether [`make_immortal`] is safe: the calling thread owns the object's count.
#[inline]
pub fn may_immortalize(object: &Object) -> bool {
    object.raw().head.ob_tid.load(Relaxed) == thread_id()
}

/// Adds to the shared count of an object whose count is deferred.
///
/// # Safety
/// `object` is live, and the sum counts its references.
pub(crate) unsafe fn add_shared(object: *mut PyObject, by: isize) {
    // SAFETY: by the contract.
    unsafe { &(*object).head }.ob_ref_shared.fetch_add(by << 2, Relaxed);
}

/// Defers counting of a widely shared object: only the collector frees it. Whether that is new.
pub fn set_deferred(object: &Object) -> bool {
    // SAFETY: the object is live.
    brc::set_deferred(unsafe { counts(object.as_ptr()) })
}

/// Whether counting of the object is deferred.
pub fn is_deferred(object: &Object) -> bool {
    object.raw().head.ob_ref_shared.load(Relaxed) > brc::DEFERRED
}

/// Makes the counts of garbage such that whoever drops its last reference frees it: without an owner, and counted by
/// frames again. An owner elsewhere may not look at its queue for long, and a shared count that went below zero while
/// the object was deferred has told nobody.
///
/// # Safety
/// [stopped-world]; the object is unreachable.
pub unsafe fn take_over_garbage(object: &Object) {
    let deferred = is_deferred(object);
    // SAFETY: the object is live; the world is stopped, so its owner does not count.
    unsafe {
        let counts = counts(object.as_ptr());
        if deferred {
            brc::clear_deferred(counts);
        }
        if deferred || counts.tid.load(Relaxed) != thread_id() {
            let left = brc::explicit_merge(counts, 0);
            debug_assert!(left > 0, "the collector holds a reference");
        }
    }
}

/// Whether references to the object need no count while a frame holds them: it is immortal, or only the collector
/// frees it, with the world stopped and the frames scanned.
///
/// # Safety
/// [quiescent]: `object` points to memory that is still an object head.
#[inline(always)]
pub unsafe fn needs_no_count(object: *mut PyObject) -> bool {
    // SAFETY: by the contract.
    let head = unsafe { &(*object).head };
    head.ob_ref_local.load(Relaxed) == IMMORTAL || head.ob_ref_shared.load(Relaxed) > brc::DEFERRED
}

/// Gives a fresh object the count one, owned by the calling thread.
///
/// # Safety
/// `object` points to memory of at least a head that nobody else uses.
#[inline(always)]
pub unsafe fn init_head(object: *mut PyObject) {
    // SAFETY: by the contract.
    let head: &Head = unsafe { &(*object).head };
    head.ob_flags.store(0, Relaxed);
    head.ob_mutex.store(0, Relaxed);
    head.ob_gc_bits.store(0, Relaxed);
    head.ob_ref_local.store(1, Relaxed);
    head.ob_ref_shared.store(0, Relaxed);
    head.ob_tid.store(thread_id(), Relaxed);
}

fn context<'a>(py: Attached<'a>) -> ThreadCtx<'a> {
    let tstate = py.tstate();
    // SAFETY: the word is the thread's own stack head; only the attached thread uses it.
    let sections = unsafe { &*tstate.critical_section.as_ptr().cast::<Cell<usize>>() };
    ThreadCtx { sections, state: state_word(tstate) }
}

fn mutex(object: &Object) -> &ByteMutex {
    // SAFETY: `ByteMutex` is one atomic byte, as `ob_mutex` is.
    unsafe { &*std::ptr::from_ref(&object.raw().head.ob_mutex).cast() }
}

/// Frames for critical sections, which must not move: one stack per thread, whose state stays in place too.
#[derive(Default)]
pub struct SectionFrames {
    depth: Cell<usize>,
    first: [critical_section::CriticalSection2; FIRST_FRAMES],
    // Boxed so that frames stay in place while the vector grows.
    #[allow(clippy::vec_box)]
    chunks: RefCell<Vec<Box<[critical_section::CriticalSection2; CHUNK_FRAMES]>>>,
}

const FIRST_FRAMES: usize = 8;
const CHUNK_FRAMES: usize = 32;

impl SectionFrames {
    #[inline(always)]
    fn push(&self) -> &critical_section::CriticalSection2 {
        let depth = self.depth.get();
        self.depth.set(depth + 1);
        match self.first.get(depth) {
            Some(frame) => frame,
            None => self.deep(depth - FIRST_FRAMES),
        }
    }

    #[cold]
    fn deep(&self, depth: usize) -> &critical_section::CriticalSection2 {
        let mut chunks = self.chunks.borrow_mut();
        if depth / CHUNK_FRAMES == chunks.len() {
            chunks.push(Box::new([const { critical_section::CriticalSection2::new() }; CHUNK_FRAMES]));
        }
        // SAFETY: chunks are boxed and never freed before the thread state, so the frame stays in place.
        unsafe { &*std::ptr::from_ref(&chunks[depth / CHUNK_FRAMES][depth % CHUNK_FRAMES]) }
    }

    #[inline]
    fn pop(&self) {
        self.depth.set(self.depth.get() - 1);
    }
}

/// The object's critical section, left when dropped. Sections are left in the reverse order of entering.
pub struct CriticalSection<'a> {
    frame: &'a critical_section::CriticalSection2,
    object: &'a Object,
    attached: PhantomData<*mut ()>,
}

impl<'a> CriticalSection<'a> {
    /// Blocks while another thread is in it; meanwhile the calling thread is detached.
    #[inline]
    pub fn enter(py: Attached<'_>, object: &'a Object) -> Self {
        let frame = py.ext().sections.push();
        // SAFETY: [attached]; the frame stays in place; `Drop` ends it in stack order.
        unsafe {
            critical_section::begin_by(context(py), &frame._cs_base, mutex(object), try_lock);
            CriticalSection { frame: &*std::ptr::from_ref(frame), object, attached: PhantomData }
        }
    }
}

impl Drop for CriticalSection<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: [attached]: a section is left on its thread.
        unsafe {
            let py = Attached::from_tls();
            critical_section::end_by(context(py), &self.frame._cs_base, |mutex| unlock(mutex));
            py.ext().sections.pop();
        }
    }
}

/// Locks an object's mutex if it is free.
#[inline(always)]
fn try_lock(mutex: &ByteMutex) -> bool {
    // SAFETY: [alone].
    if is_alone() { unsafe { mutex.try_lock_alone() } } else { mutex.try_lock_fast() }
}

/// Unlocks an object's mutex.
///
/// # Safety
/// The mutex is locked.
#[inline(always)]
unsafe fn unlock(mutex: &ByteMutex) {
    // SAFETY: by the contract; [alone].
    unsafe { if is_alone() { mutex.unlock_alone() } else { mutex.unlock() } }
}

/// The object's lock for a short piece of work, given back when dropped: the mutex alone, as long as nobody else has it.
pub struct BriefSection<'a> {
    object: &'a Object,
    /// What was entered because the mutex was taken, by another thread or by an outer section of this one.
    section: ManuallyDrop<Option<CriticalSection<'a>>>,
}

impl<'a> BriefSection<'a> {
    /// As [`CriticalSection::enter`] for work that neither runs Python code nor waits nor detaches nor locks anything
    /// else: an outer section could not be suspended in it.
    #[inline(always)]
    pub fn enter(py: Attached<'_>, object: &'a Object) -> Self {
        let free = try_lock(mutex(object));
        BriefSection { object, section: ManuallyDrop::new(if free { None } else { Some(contended(py, object)) }) }
    }
}

#[cold]
fn contended<'a>(py: Attached<'_>, object: &'a Object) -> CriticalSection<'a> {
    CriticalSection::enter(py, object)
}

impl<'a> From<CriticalSection<'a>> for BriefSection<'a> {
    #[inline(always)]
    fn from(section: CriticalSection<'a>) -> Self {
        BriefSection { object: section.object, section: ManuallyDrop::new(Some(section)) }
    }
}

impl Drop for BriefSection<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.section.is_none() {
            // SAFETY: locked in `enter`.
            unsafe { unlock(mutex(self.object)) };
        } else {
            // SAFETY: taken once, here.
            leave(unsafe { ManuallyDrop::take(&mut self.section) });
        }
    }
}

/// Leaves the section that a brief one stands for. It comes by value: the address of a local would end up in the handlers
/// of instructions, which must not have any.
#[inline(never)]
fn leave(section: Option<CriticalSection<'_>>) {
    drop(section);
}

/// Critical sections of two objects at once, entered in address order.
pub struct CriticalSection2<'a> {
    frame: &'a critical_section::CriticalSection2,
    object: PhantomData<(&'a Object, *mut ())>,
}

impl<'a> CriticalSection2<'a> {
    /// As [`CriticalSection::enter`] for two objects, which may be the same.
    #[inline]
    pub fn enter(py: Attached<'_>, first: &'a Object, second: &'a Object) -> Self {
        let frame = py.ext().sections.push();
        // SAFETY: as for one object.
        unsafe {
            critical_section::begin2(context(py), frame, mutex(first), mutex(second));
            CriticalSection2 { frame: &*std::ptr::from_ref(frame), object: PhantomData }
        }
    }
}

impl Drop for CriticalSection2<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as for one object.
        unsafe {
            let py = Attached::from_tls();
            critical_section::end2(context(py), self.frame);
            py.ext().sections.pop();
        }
    }
}

/// Leaves all critical sections of the thread for the time it is detached.
#[inline]
pub fn suspend_sections(py: Attached<'_>) {
    if py.tstate().critical_section.get() != 0 {
        // SAFETY: [attached]: the sections are this thread's.
        unsafe { critical_section::suspend_all(context(py)) };
    }
}

/// Enters the topmost critical section again.
#[inline]
pub fn resume_sections(py: Attached<'_>) {
    if py.tstate().critical_section.get() != 0 {
        // SAFETY: as above.
        unsafe { critical_section::resume_top(context(py)) };
    }
}

/// Makes a dead object's head refuse every reference, for readers that still hold its address.
///
/// # Safety
/// The object is being freed.
#[inline(always)]
pub unsafe fn poison_head(object: *mut PyObject) {
    // SAFETY: by the contract.
    let head = unsafe { &(*object).head };
    head.ob_tid.store(0, Relaxed);
    head.ob_ref_local.store(0, Relaxed);
    head.ob_ref_shared.store(brc::MERGED, Relaxed);
    head.ob_gc_bits.store(0, Relaxed);
}

const TRACKED: u8 = crate::layout::_PyGC_BITS_TRACKED;
const FINALIZED: u8 = crate::layout::_PyGC_BITS_FINALIZED;

/// Whether the collector visits the object.
#[inline(always)]
pub fn is_tracked(object: &Object) -> bool {
    object.raw().head.ob_gc_bits.load(Relaxed) & TRACKED != 0
}

/// Sets or clears the collector's mark. Only who owns or locks the object does.
#[inline(always)]
pub fn set_tracked(object: &Object, tracked: bool) {
    let bits = &object.raw().head.ob_gc_bits;
    let now = bits.load(Relaxed);
    bits.store(if tracked { now | TRACKED } else { now & !TRACKED }, Relaxed);
}

/// Whether the object's finalizer ran.
pub fn is_finalized(object: &Object) -> bool {
    object.raw().head.ob_gc_bits.load(Relaxed) & FINALIZED != 0
}

pub fn set_finalized(object: &Object) {
    object.raw().head.ob_gc_bits.fetch_or(FINALIZED, Relaxed);
}

/// Revives an object whose count is zero for the time of its finalizer.
///
/// # Safety
/// Called from its deallocation.
pub unsafe fn resurrect_start(object: &Object) {
    // SAFETY: by the contract.
    unsafe { brc::resurrect_start(counts(object.as_ptr()), thread_id()) };
}

/// Ends what [`resurrect_start`] began; whether the object is dead.
///
/// # Safety
/// As there.
pub unsafe fn resurrect_end(object: &Object) -> bool {
    // SAFETY: by the contract.
    unsafe { brc::resurrect_end(counts(object.as_ptr()), thread_id()) == Outcome::Dead }
}

/// Whether arrays that `object` replaces may be freed at once: it belongs to this thread, and no other thread has
/// looked into it. The caller holds the object's lock.
#[inline(always)]
pub fn frees_at_once(object: &Object) -> bool {
    let head = &object.raw().head;
    head.ob_gc_bits.load(Relaxed) & _PyGC_BITS_SHARED == 0 && head.ob_tid.load(Relaxed) == thread_id()
}

/// Whether a reader on this thread may look into `object` without its lock: it is the owner, or a foreign reader
/// has announced itself by [`set_shared`].
#[inline(always)]
pub fn readable_unlocked(object: &Object) -> bool {
    let head = &object.raw().head;
    head.ob_tid.load(Relaxed) == thread_id() || head.ob_gc_bits.load(Relaxed) & _PyGC_BITS_SHARED != 0
}

/// Announces readers that take no lock, so that replaced arrays go through QSBR from now on. The caller holds the
/// object's lock.
#[inline(always)]
pub fn set_shared(object: &Object) {
    object.raw().head.ob_gc_bits.fetch_or(_PyGC_BITS_SHARED, Relaxed);
}
