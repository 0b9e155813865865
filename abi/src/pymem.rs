//! `pymem.h` and the memory half of `objimpl.h`: three domains, each with an allocator that the host may replace.
//!
//! Without a replacement a domain costs one load more than the allocator itself. Objects that the runtime makes lie in
//! pages of its own; what C allocates in the object domain passes through the domain's allocator.
use krait_layout::*;
use krait_object::{Attached, mem};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

const RAW: usize = 0;
const MEM: usize = 1;
const OBJ: usize = 2;

/// The host's allocators by domain; null for the runtime's own. A table that was set once is never freed, because
/// another thread may be using it.
static CUSTOM: [AtomicPtr<PyMemAllocatorEx>; 3] = [const { AtomicPtr::new(ptr::null_mut()) }; 3];

#[inline(always)]
fn custom(domain: usize) -> Option<&'static PyMemAllocatorEx> {
    // SAFETY: null or leaked.
    unsafe { CUSTOM[domain].load(Ordering::Acquire).as_ref() }
}

pub(crate) const MOST: usize = isize::MAX as usize;

fn total(n: usize, size: usize) -> Option<usize> {
    n.checked_mul(size).filter(|total| *total <= MOST)
}

unsafe extern "C" fn c_malloc(_: *mut c_void, n: usize) -> *mut c_void {
    // SAFETY: at least one byte.
    unsafe { libc::malloc(n.max(1)) }
}
unsafe extern "C" fn c_calloc(_: *mut c_void, n: usize, size: usize) -> *mut c_void {
    match total(n, size) {
        // SAFETY: as above.
        Some(total) => unsafe { libc::calloc(1, total.max(1)) },
        None => ptr::null_mut(),
    }
}
unsafe extern "C" fn c_realloc(_: *mut c_void, p: *mut c_void, n: usize) -> *mut c_void {
    // SAFETY: memory of these functions, or null.
    unsafe { libc::realloc(p, n.max(1)) }
}
unsafe extern "C" fn c_free(_: *mut c_void, p: *mut c_void) {
    // SAFETY: as above.
    unsafe { libc::free(p) }
}

unsafe extern "C" fn object_malloc(_: *mut c_void, n: usize) -> *mut c_void {
    // SAFETY: the object domain demands an attached thread.
    let py = unsafe { Attached::from_tls() };
    mem::alloc_raw(py, mem::Kind::Raw, n).map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}
unsafe extern "C" fn object_calloc(context: *mut c_void, n: usize, size: usize) -> *mut c_void {
    let Some(total) = total(n, size) else { return ptr::null_mut() };
    // SAFETY: fresh memory of that size.
    unsafe {
        let block = object_malloc(context, total);
        if !block.is_null() {
            ptr::write_bytes(block.cast::<u8>(), 0, total);
        }
        block
    }
}
unsafe extern "C" fn object_realloc(context: *mut c_void, old: *mut c_void, n: usize) -> *mut c_void {
    // SAFETY: memory of these functions, or null.
    unsafe {
        if old.is_null() {
            return object_malloc(context, n);
        }
        let have = mem::usable_size(old.cast());
        if have >= n && n * 2 >= have {
            return old;
        }
        let new = object_malloc(context, n);
        if !new.is_null() {
            ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), have.min(n));
            mem::free_raw(old);
        }
        new
    }
}
unsafe extern "C" fn object_release(_: *mut c_void, p: *mut c_void) {
    // SAFETY: as above.
    unsafe { mem::free_raw(p) }
}

const C: PyMemAllocatorEx = PyMemAllocatorEx {
    ctx: ptr::null_mut(),
    malloc: Some(c_malloc),
    calloc: Some(c_calloc),
    realloc: Some(c_realloc),
    free: Some(c_free),
};
const OBJECTS: PyMemAllocatorEx = PyMemAllocatorEx {
    ctx: ptr::null_mut(),
    malloc: Some(object_malloc),
    calloc: Some(object_calloc),
    realloc: Some(object_realloc),
    free: Some(object_release),
};

fn own(domain: usize) -> &'static PyMemAllocatorEx {
    if domain == OBJ { &OBJECTS } else { &C }
}

unsafe fn malloc(domain: usize, n: usize) -> *mut c_void {
    if n > MOST {
        return ptr::null_mut();
    }
    let with = custom(domain).unwrap_or(own(domain));
    // SAFETY: an allocator's function with its pointer.
    with.malloc.map_or(ptr::null_mut(), |call| unsafe { call(with.ctx, n) })
}
unsafe fn calloc(domain: usize, n: usize, size: usize) -> *mut c_void {
    if total(n, size).is_none() {
        return ptr::null_mut();
    }
    let with = custom(domain).unwrap_or(own(domain));
    // SAFETY: as above.
    with.calloc.map_or(ptr::null_mut(), |call| unsafe { call(with.ctx, n, size) })
}
unsafe fn realloc(domain: usize, p: *mut c_void, n: usize) -> *mut c_void {
    if n > MOST {
        return ptr::null_mut();
    }
    let with = custom(domain).unwrap_or(own(domain));
    // SAFETY: as above.
    with.realloc.map_or(ptr::null_mut(), |call| unsafe { call(with.ctx, p, n) })
}
unsafe fn release(domain: usize, p: *mut c_void) {
    let with = custom(domain).unwrap_or(own(domain));
    if let Some(call) = with.free {
        // SAFETY: as above.
        unsafe { call(with.ctx, p) }
    }
}

macro_rules! domains {
    ($($domain:ident: $malloc:ident $calloc:ident $realloc:ident $free:ident;)*) => { capi_raw! { $(
        fn $malloc(n: usize) -> *mut c_void { malloc($domain, n) }
        fn $calloc(n: usize, size: usize) -> *mut c_void { calloc($domain, n, size) }
        fn $realloc(p: *mut c_void, n: usize) -> *mut c_void { realloc($domain, p, n) }
        fn $free(p: *mut c_void) { release($domain, p) }
    )* } };
}
domains! {
    RAW: PyMem_RawMalloc PyMem_RawCalloc PyMem_RawRealloc PyMem_RawFree;
    MEM: PyMem_Malloc PyMem_Calloc PyMem_Realloc PyMem_Free;
    OBJ: PyObject_Malloc PyObject_Calloc PyObject_Realloc PyObject_Free;
}

/// Bytes of a debug block before the caller's: the size, the domain's letter, a pattern.
const BEFORE: usize = 16;
const AFTER: usize = 8;
const GUARD: u8 = 0xfd;
const CLEAN: u8 = 0xcd;
const DEAD: u8 = 0xdd;

/// An allocator with guards around each block, which looks at them when the block comes back.
struct Debug {
    below: PyMemAllocatorEx,
    letter: u8,
}

unsafe fn guard(block: *mut u8, n: usize, letter: u8) -> *mut c_void {
    // SAFETY: the block has room for the guards.
    unsafe {
        block.cast::<usize>().write_unaligned(n.to_be());
        *block.add(8) = letter;
        ptr::write_bytes(block.add(9), GUARD, 7);
        ptr::write_bytes(block.add(BEFORE + n), GUARD, AFTER);
        block.add(BEFORE).cast()
    }
}

/// The block and its size, after a look at the guards.
unsafe fn looked_at(debug: &Debug, p: *mut c_void, function: &str) -> (*mut u8, usize) {
    // SAFETY: memory of this allocator.
    unsafe {
        let block = p.cast::<u8>().sub(BEFORE);
        let (n, letter) = (usize::from_be(block.cast::<usize>().read_unaligned()), *block.add(8));
        if letter != debug.letter {
            krait_vm::fatal(&format!(
                "{function}: bad ID: Allocated using API '{}', verified using API '{}'",
                letter as char, debug.letter as char
            ));
        }
        if (9..BEFORE).any(|at| *block.add(at) != GUARD) {
            krait_vm::fatal(&format!("{function}: bad leading pad byte"));
        }
        if (0..AFTER).any(|at| *block.add(BEFORE + n + at) != GUARD) {
            krait_vm::fatal(&format!("{function}: bad trailing pad byte"));
        }
        (block, n)
    }
}

unsafe extern "C" fn debug_malloc(context: *mut c_void, n: usize) -> *mut c_void {
    // SAFETY: the context is one of ours; the block is as large as asked for.
    unsafe {
        let debug = &*context.cast::<Debug>();
        let Some(call) = debug.below.malloc else { return ptr::null_mut() };
        let block = call(debug.below.ctx, n + BEFORE + AFTER).cast::<u8>();
        if block.is_null() {
            return ptr::null_mut();
        }
        ptr::write_bytes(block.add(BEFORE), CLEAN, n);
        guard(block, n, debug.letter)
    }
}
unsafe extern "C" fn debug_calloc(context: *mut c_void, n: usize, size: usize) -> *mut c_void {
    let Some(n) = total(n, size) else { return ptr::null_mut() };
    // SAFETY: as above.
    unsafe {
        let block = debug_malloc(context, n);
        if !block.is_null() {
            ptr::write_bytes(block.cast::<u8>(), 0, n);
        }
        block
    }
}
unsafe extern "C" fn debug_realloc(context: *mut c_void, p: *mut c_void, n: usize) -> *mut c_void {
    // SAFETY: as above.
    unsafe {
        if p.is_null() {
            return debug_malloc(context, n);
        }
        let debug = &*context.cast::<Debug>();
        let (_, old) = looked_at(debug, p, "realloc");
        let new = debug_malloc(context, n);
        if !new.is_null() {
            ptr::copy_nonoverlapping(p.cast::<u8>(), new.cast::<u8>(), old.min(n));
            debug_free(context, p);
        }
        new
    }
}
unsafe extern "C" fn debug_free(context: *mut c_void, p: *mut c_void) {
    if p.is_null() {
        return;
    }
    // SAFETY: as above.
    unsafe {
        let debug = &*context.cast::<Debug>();
        let (block, n) = looked_at(debug, p, "free");
        ptr::write_bytes(block.add(BEFORE), DEAD, n);
        if let Some(call) = debug.below.free {
            call(debug.below.ctx, block.cast());
        }
    }
}

fn current(domain: usize) -> PyMemAllocatorEx {
    *custom(domain).unwrap_or(own(domain))
}

fn install(domain: usize, allocator: PyMemAllocatorEx) {
    CUSTOM[domain].store(Box::into_raw(Box::new(allocator)), Ordering::Release);
}

unsafe extern "C" fn arena_alloc(_: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: fresh memory of the process's own.
    let block = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if block == libc::MAP_FAILED { ptr::null_mut() } else { block }
}
unsafe extern "C" fn arena_free(_: *mut c_void, block: *mut c_void, size: usize) {
    // SAFETY: memory of `arena_alloc`.
    unsafe { libc::munmap(block, size) };
}

capi_raw! {
    fn PyMem_GetAllocator(domain: PyMemAllocatorDomain, out: *mut PyMemAllocatorEx) {
        *out = match usize::try_from(domain) {
            Ok(domain) if domain <= OBJ => current(domain),
            _ => PyMemAllocatorEx { ctx: ptr::null_mut(), malloc: None, calloc: None, realloc: None, free: None },
        };
    }
    fn PyMem_SetAllocator(domain: PyMemAllocatorDomain, allocator: *mut PyMemAllocatorEx) {
        if let Ok(domain) = usize::try_from(domain)
            && domain <= OBJ
        {
            install(domain, *allocator);
        }
    }
    fn PyMem_SetupDebugHooks() {
        for (domain, letter) in [(RAW, b'r'), (MEM, b'm'), (OBJ, b'o')] {
            let below = current(domain);
            if below.malloc.is_some_and(|call| ptr::fn_addr_eq(call, debug_malloc as unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void)) { continue }
            // Blocks of the object domain may become objects, whose memory the runtime itself frees.
            if domain == OBJ { continue }
            let context = Box::into_raw(Box::new(Debug { below, letter }));
            install(domain, PyMemAllocatorEx { ctx: context.cast(), malloc: Some(debug_malloc), calloc: Some(debug_calloc), realloc: Some(debug_realloc), free: Some(debug_free) });
        }
    }
    fn PyObject_GetArenaAllocator(out: *mut PyObjectArenaAllocator) {
        *out = match mem::arenas() {
            Some(arenas) => arenas.0,
            None => PyObjectArenaAllocator { ctx: ptr::null_mut(), alloc: Some(arena_alloc), free: Some(arena_free) },
        };
    }
    fn PyObject_SetArenaAllocator(allocator: *mut PyObjectArenaAllocator) { mem::set_arenas(mem::Arenas(*allocator)) }
}
