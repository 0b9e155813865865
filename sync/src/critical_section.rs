//! Critical sections: locks of objects that let go while their thread is detached.
//!
//! They replace the GIL for code that holds one object still: like the GIL, they are given up whenever the thread
//! blocks, so they cannot deadlock among themselves, and like the GIL, they protect only until the next such moment.
//!
//! # Protocol
//!
//! Each thread has a stack of frames, linked through the frames themselves, which lie on the native stack.
//! The stack's head is a word of the thread state ([`ThreadCtx::sections`], `PyThreadState.critical_section`): the
//! address of the top frame with two tag bits, [`INACTIVE`] and [`TWO_MUTEXES`].
//! Frames and tags are ABI: extensions inline `begin` and `end`.
//!
//! * **begin** locks the mutex and pushes a frame. If it must wait, the frame is pushed first with no mutex, so that
//!   blocking (which detaches, and so suspends the frames below) finds a well-formed stack.
//! * **detach** calls [`suspend_all`]: from the top, until a frame that is already inactive, it unlocks each frame's
//!   mutexes and tags the frame inactive.
//! * **attach** calls [`resume_top`]: it locks the mutexes of the top frame only.
//! * **end** unlocks, pops, and resumes the frame below if that is inactive.
//!
//! A section for two objects locks in the order of addresses, whatever the order of the arguments, and is recorded only
//! when both are held; that order is what prevents a deadlock between two such sections.
//! A section whose mutex the top frame already holds pushes nothing (its mutex is null and `end` does nothing), so a
//! function may be called with its object locked or not.
//!
//! Invariants:
//! * **CS1** The mutexes of the top frame are held while the thread is attached; those of other frames may not be.
//! * **CS2** No thread sleeps while it holds a mutex of a recorded frame.
//! * **CS3** Frames resume in the reverse order of their beginning.
//! * **CS4** What an outer frame protects must be looked at again after anything that can detach.
//! * **CS5** A thread that has stopped the world takes no mutex here: everyone else is suspended, perhaps with a mutex
//!   that was handed to it in its sleep (gh-144513). Its sections are empty.
//!
//! Orderings: the head and the frames belong to the thread; the mutexes bring their own.
//! May block: `begin`, and `end` and `resume_top` when they resume. Never while `suspend_all`.
//! For attached threads, without the GIL: who holds that needs no sections.
//! Checked by the models `critical_section` (M11), `critical_section2` (M12), `critical_section_pause` (M13).
//!
//! ```
//! use krait_sync::ByteMutex;
//! use krait_sync::critical_section::{self as cs, ThreadCtx};
//! use krait_sync::thread_state::{DETACHED, StateWord};
//! use std::cell::Cell;
//!
//! let (sections, state) = (Cell::new(0), StateWord::new(DETACHED));
//! assert!(state.try_attach());
//! let (ctx, outer, inner) = (ThreadCtx { sections: &sections, state: &state }, ByteMutex::new(), ByteMutex::new());
//! // SAFETY: this thread's context, attached.
//! unsafe {
//!     cs::with(ctx, &outer, || {
//!         cs::with(ctx, &inner, || {
//!             // About to wait for something: everything is let go of, and afterwards only the innermost is taken again.
//!             cs::suspend_all(ctx);
//!             assert!(!outer.is_locked() && !inner.is_locked());
//!             cs::resume_top(ctx);
//!             assert!(!outer.is_locked() && inner.is_locked());
//!         });
//!         assert!(outer.is_locked() && !inner.is_locked());
//!     });
//! }
//! ```

use crate::mutex::ByteMutex;
use crate::prim::{Cell, planted};
use crate::thread_state::StateWord;
use core::ptr;

/// Tag of a link to a frame whose mutexes are not held.
pub const INACTIVE: usize = 1;
/// Tag of a link to a [`CriticalSection2`].
pub const TWO_MUTEXES: usize = 2;
/// Both tags.
pub const TAGS: usize = 3;

/// A frame: `PyCriticalSection`.
#[repr(C)]
pub struct CriticalSection {
    /// Link to the frame below, with tags, or 0.
    pub _cs_prev: Cell<usize>,
    /// The mutex, or null: empty, or about to be locked.
    pub _cs_mutex: Cell<*const ByteMutex>,
}

/// A frame with two mutexes: `PyCriticalSection2`.
#[repr(C)]
pub struct CriticalSection2 {
    /// The first mutex (that with the lower address) and the link.
    pub _cs_base: CriticalSection,
    /// The second mutex, or null.
    pub _cs_mutex2: Cell<*const ByteMutex>,
}

impl CriticalSection {
    /// A frame that is in no stack.
    pub const fn new() -> CriticalSection {
        CriticalSection { _cs_prev: Cell::new(0), _cs_mutex: Cell::new(ptr::null()) }
    }
}

impl CriticalSection2 {
    /// A frame that is in no stack.
    pub const fn new() -> CriticalSection2 {
        CriticalSection2 { _cs_base: CriticalSection::new(), _cs_mutex2: Cell::new(ptr::null()) }
    }
}

impl Default for CriticalSection {
    fn default() -> Self {
        CriticalSection::new()
    }
}

impl Default for CriticalSection2 {
    fn default() -> Self {
        CriticalSection2::new()
    }
}

/// What the functions here need to know about the calling thread: two words of its state.
#[derive(Clone, Copy)]
pub struct ThreadCtx<'a> {
    /// The head of its stack of critical sections.
    pub sections: &'a Cell<usize>,
    /// Its state word; tells whether it has stopped the world.
    pub state: &'a StateWord,
}

/// Begins a section on one mutex.
///
/// # Safety
/// `ctx` is the calling thread's and it is attached.
/// `frame` stays in place until [`end`], which is called on this thread in the reverse order of beginning.
/// `mutex` lives as long.
#[inline(always)]
pub unsafe fn begin(ctx: ThreadCtx<'_>, frame: &CriticalSection, mutex: &ByteMutex) {
    // SAFETY: the caller's promise.
    unsafe { begin_by(ctx, frame, mutex, ByteMutex::try_lock_fast) }
}

/// As [`begin`] with another way to take a free mutex.
///
/// # Safety
/// As for [`begin`]; `try_lock` says whether it locked the mutex.
#[inline(always)]
pub unsafe fn begin_by(
    ctx: ThreadCtx<'_>,
    frame: &CriticalSection,
    mutex: &ByteMutex,
    try_lock: impl FnOnce(&ByteMutex) -> bool,
) {
    if try_lock(mutex) {
        frame._cs_mutex.set(mutex);
        frame._cs_prev.set(ctx.sections.get());
        ctx.sections.set(&raw const *frame as usize);
    } else {
        // SAFETY: the caller's promise.
        unsafe { slow_begin(ctx, frame, mutex) }
    }
}

/// The part of [`begin`] for a mutex that is not free: `_PyCriticalSection_BeginSlow`.
///
/// # Safety
/// As for [`begin`].
#[cold]
pub unsafe fn slow_begin(ctx: ThreadCtx<'_>, frame: &CriticalSection, mutex: &ByteMutex) {
    frame._cs_mutex.set(ptr::null());
    frame._cs_prev.set(0);
    // [CS5]
    if ctx.state.holds_pause() && !planted("critical_section/lock_in_pause") {
        return;
    }
    // SAFETY: the stack belongs to this thread, and its frames are in place.
    if unsafe { top_holds(ctx, mutex) } {
        return;
    }
    frame._cs_prev.set(ctx.sections.get());
    ctx.sections.set(&raw const *frame as usize);
    mutex.lock();
    // While it waited the frame was suspended and resumed, both without effect, and is active again.
    frame._cs_mutex.set(mutex);
}

/// Ends a section.
///
/// # Safety
/// `ctx` is the calling thread's and it is attached; `frame` is its top frame, or an empty one.
#[inline(always)]
pub unsafe fn end(ctx: ThreadCtx<'_>, frame: &CriticalSection) {
    // SAFETY: the caller's promise; [CS1] the top frame's mutex is held.
    unsafe { end_by(ctx, frame, |mutex| mutex.unlock()) }
}

/// As [`end`] with another way to unlock the mutex.
///
/// # Safety
/// As for [`end`].
#[inline(always)]
pub unsafe fn end_by(ctx: ThreadCtx<'_>, frame: &CriticalSection, unlock: impl FnOnce(&ByteMutex)) {
    let mutex = frame._cs_mutex.get();
    if !mutex.is_null() {
        // SAFETY: [CS1] the top frame's mutex is held, and lives until here.
        unlock(unsafe { &*mutex });
        // SAFETY: the caller's promise.
        unsafe { pop(ctx, frame) };
    }
}

#[inline(always)]
unsafe fn pop(ctx: ThreadCtx<'_>, frame: &CriticalSection) {
    let below = frame._cs_prev.get();
    ctx.sections.set(below);
    if below & INACTIVE != 0 && !planted("critical_section/no_resume") {
        // SAFETY: the frames below are in place, and the thread is attached.
        unsafe { resume_top(ctx) }
    }
}

/// Begins a section on two mutexes, in the order of their addresses. They may be the same.
///
/// # Safety
/// As for [`begin`].
#[inline]
pub unsafe fn begin2(ctx: ThreadCtx<'_>, frame: &CriticalSection2, a: &ByteMutex, b: &ByteMutex) {
    if ptr::eq(a, b) {
        frame._cs_mutex2.set(ptr::null());
        // SAFETY: the caller's promise.
        return unsafe { begin(ctx, &frame._cs_base, a) };
    }
    let swap = ptr::from_ref(b) < ptr::from_ref(a) && !planted("critical_section/unsorted");
    let (first, second) = if swap { (b, a) } else { (a, b) };
    let first_locked = first.try_lock_fast();
    if first_locked && second.try_lock_fast() {
        frame._cs_base._cs_mutex.set(first);
        frame._cs_mutex2.set(second);
        frame._cs_base._cs_prev.set(ctx.sections.get());
        ctx.sections.set(&raw const *frame as usize | TWO_MUTEXES);
    } else {
        // SAFETY: the caller's promise; the order is right.
        unsafe { slow_begin2(ctx, frame, first, second, first_locked) }
    }
}

/// The part of [`begin2`] for mutexes that are not both free: `_PyCriticalSection2_BeginSlow`.
///
/// # Safety
/// As for [`begin`]; `first` has the lower address, and `first_locked` says whether the caller holds it.
#[cold]
pub unsafe fn slow_begin2(
    ctx: ThreadCtx<'_>,
    frame: &CriticalSection2,
    first: &ByteMutex,
    second: &ByteMutex,
    first_locked: bool,
) {
    frame._cs_base._cs_mutex.set(ptr::null());
    frame._cs_base._cs_prev.set(0);
    frame._cs_mutex2.set(ptr::null());
    let unlock_first = || {
        if first_locked {
            // SAFETY: the caller holds it.
            unsafe { first.unlock() }
        }
    };
    // [CS5]
    if ctx.state.holds_pause() {
        return unlock_first();
    }
    // SAFETY: the stack belongs to this thread, and its frames are in place.
    let (holds_first, holds_second) = unsafe { (top_holds(ctx, first), top_holds(ctx, second)) };
    if holds_first && holds_second {
        return;
    }
    let mut first_locked = first_locked;
    if holds_first || holds_second {
        // The frame below holds one of them: suspend it as a detach would, and take the pair anew.
        // It resumes when this section ends.
        unlock_first();
        first_locked = false;
        // SAFETY: the thread is attached, and its frames are in place.
        unsafe { suspend_all(ctx) };
    }
    // Pushed without mutexes: if locking detaches, the frames below are suspended and stay so, and a `first` that is
    // held already is kept. The order of addresses makes that safe.
    frame._cs_base._cs_prev.set(ctx.sections.get());
    ctx.sections.set(&raw const *frame as usize | TWO_MUTEXES);
    if !first_locked {
        first.lock();
    }
    second.lock();
    frame._cs_base._cs_mutex.set(first);
    frame._cs_mutex2.set(second);
}

/// Ends a section on two mutexes.
///
/// # Safety
/// As for [`end`].
#[inline]
pub unsafe fn end2(ctx: ThreadCtx<'_>, frame: &CriticalSection2) {
    let (first, second) = (frame._cs_base._cs_mutex.get(), frame._cs_mutex2.get());
    if first.is_null() {
        return;
    }
    if !second.is_null() {
        // SAFETY: [CS1]
        unsafe { (*second).unlock() };
    }
    // SAFETY: [CS1]
    unsafe { (*first).unlock() };
    // SAFETY: the caller's promise.
    unsafe { pop(ctx, &frame._cs_base) };
}

/// Does the top frame hold `mutex`?
///
/// # Safety
/// The stack belongs to the calling thread, and its frames are in place.
pub unsafe fn top_holds(ctx: ThreadCtx<'_>, mutex: &ByteMutex) -> bool {
    let link = ctx.sections.get();
    if link & !TAGS == 0 || link & INACTIVE != 0 {
        return false;
    }
    // SAFETY: an active link points to a frame in place; the tag says of which kind.
    unsafe {
        let [first, second] = mutexes(link);
        ptr::eq(first, mutex) || ptr::eq(second, mutex)
    }
}

unsafe fn base<'a>(link: usize) -> &'a CriticalSection {
    // SAFETY: the caller's link points to a frame in place, of either kind, which begins with this one.
    unsafe { &*((link & !TAGS) as *const CriticalSection) }
}

unsafe fn mutexes(link: usize) -> [*const ByteMutex; 2] {
    // SAFETY: as above; the tag tells the kind.
    unsafe {
        let second = if link & TWO_MUTEXES != 0 {
            (*((link & !TAGS) as *const CriticalSection2))._cs_mutex2.get()
        } else {
            ptr::null()
        };
        [base(link)._cs_mutex.get(), second]
    }
}

/// Unlocks the mutexes of all active frames; part of detaching.
///
/// # Safety
/// `ctx` is the calling thread's; its frames are in place.
pub unsafe fn suspend_all(ctx: ThreadCtx<'_>) {
    if planted("critical_section/no_suspend") {
        return;
    }
    let mut slot = ctx.sections;
    loop {
        let link = slot.get();
        if link & !TAGS == 0 || link & INACTIVE != 0 {
            return;
        }
        slot.set(link | INACTIVE);
        // SAFETY: an active link points to a frame in place.
        let [first, second] = unsafe { mutexes(link) };
        for mutex in [second, first] {
            if !mutex.is_null() {
                // SAFETY: an active frame holds its mutexes.
                unsafe { (*mutex).unlock() };
            }
        }
        if planted("critical_section/suspend_top_only") {
            return;
        }
        // SAFETY: as above.
        slot = unsafe { &base(link)._cs_prev };
    }
}

/// Locks the mutexes of the top frame again; part of attaching.
///
/// # Safety
/// `ctx` is the calling thread's and it is attached; its frames are in place.
pub unsafe fn resume_top(ctx: ThreadCtx<'_>) {
    let link = ctx.sections.get();
    if link & INACTIVE == 0 {
        return;
    }
    // SAFETY: the link points to a frame in place.
    let (frame, [first, second]) = unsafe { (base(link), mutexes(link)) };
    // Locking may detach again, and that must not find the mutexes in a frame that is active but does not hold them.
    frame._cs_mutex.set(ptr::null());
    // SAFETY: as above; the tag says that it has a second mutex.
    let frame2 = (link & TWO_MUTEXES != 0).then(|| unsafe { &*((link & !TAGS) as *const CriticalSection2) });
    if let Some(frame2) = frame2 {
        frame2._cs_mutex2.set(ptr::null());
    }
    ctx.sections.set(link & !INACTIVE);
    for mutex in [first, second] {
        if !mutex.is_null() {
            // SAFETY: the mutexes of a frame live as long as the frame is in the stack.
            unsafe { (*mutex).lock() };
        }
    }
    frame._cs_mutex.set(first);
    if let Some(frame2) = frame2 {
        frame2._cs_mutex2.set(second);
    }
}

/// Runs `f` in a section on `mutex`, as `Py_BEGIN_CRITICAL_SECTION_MUTEX` does.
///
/// # Safety
/// `ctx` is the calling thread's and it is attached.
#[inline]
pub unsafe fn with<R>(ctx: ThreadCtx<'_>, mutex: &ByteMutex, f: impl FnOnce() -> R) -> R {
    let frame = CriticalSection::new();
    let _end = EndOnDrop(ctx, &frame);
    // SAFETY: the caller's promise; the frame stays until `_end` is dropped.
    unsafe { begin(ctx, &frame, mutex) };
    f()
}

struct EndOnDrop<'a>(ThreadCtx<'a>, &'a CriticalSection);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        // SAFETY: `with` began it on this thread; sections that began later have ended.
        unsafe { end(self.0, self.1) }
    }
}

const _: () = assert!(size_of::<CriticalSection>() == 2 * size_of::<usize>());
const _: () = assert!(size_of::<CriticalSection2>() == 3 * size_of::<usize>());
