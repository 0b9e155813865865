//! `nogil` mode: biased reference counts and the per-object mutex. The algorithms live in `krait-sync`.
use crate::Object;
use crate::handle::Attached;
use crate::layout::{Field, Head, PyObject};
use std::marker::PhantomData;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

const IMMORTAL: u32 = u32::MAX;

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
    let head = unsafe { &(*object).head };
    let local = head.ob_ref_local.load(Relaxed).wrapping_add(1);
    if local == 0 {
        return;
    }
    if head.ob_tid.load(Relaxed) == thread_id() {
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

#[cold]
unsafe fn merge_zero_local(object: *mut PyObject) {
    let _ = object;
    todo!("krait_sync::brc")
}

#[cold]
unsafe fn decref_shared(object: *mut PyObject) {
    let _ = object;
    todo!("krait_sync::brc")
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
    head.ob_ref_shared.fetch_or(1, Relaxed);
}

/// Loads a field that owns its object and makes a new reference; null stays null. Retries while it changes.
///
/// # Safety
/// [attached] and [quiescent]; the field owns a published reference.
#[inline]
pub unsafe fn load_ref(field: &Field<*mut PyObject>) -> *mut PyObject {
    loop {
        let object = field.load(Acquire);
        // SAFETY: by the contract.
        if object.is_null() || unsafe { try_incref(object) } && field.load(Acquire) == object {
            return object;
        }
        if field.load(Acquire) != object {
            continue;
        }
        std::hint::spin_loop();
    }
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
        local => local as isize + (head.ob_ref_shared.load(Relaxed) >> 2),
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

/// Defers counting of a widely shared object: only the collector frees it.
pub fn set_deferred(object: &Object) {
    let _ = object;
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

/// The object's critical section.
pub struct CriticalSection<'a>(PhantomData<&'a Object>);

impl<'a> CriticalSection<'a> {
    #[inline(always)]
    pub fn enter(_py: Attached<'_>, _object: &'a Object) -> Self {
        todo!("krait_sync::critical_section")
    }
}

/// Critical sections of two objects at once, entered in address order.
pub struct CriticalSection2<'a>(PhantomData<&'a Object>);

impl<'a> CriticalSection2<'a> {
    #[inline(always)]
    pub fn enter(_py: Attached<'_>, _first: &'a Object, _second: &'a Object) -> Self {
        todo!("krait_sync::critical_section")
    }
}
