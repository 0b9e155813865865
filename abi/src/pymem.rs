//! `pymem.h` and the memory half of `objimpl.h`: three domains, each with an allocator that the host may replace.
//!
//! Without a replacement a domain costs one load more than the allocator itself. Objects that the runtime makes lie in
//! pages of its own; what C allocates in the object domain passes through the domain's allocator.
use krait_layout::*;
use krait_object::{Attached, Object, Ref, mem, shadow, tracemalloc};
use std::ffi::{c_int, c_uint, c_void};
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
    let Some(py) = Attached::try_from_tls() else { no_thread() };
    mem::alloc_domain(py, mem::Kind::Raw, n).map_or(ptr::null_mut(), |block| block.as_ptr().cast())
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
        if have >= n && n * 2 >= have && !shadow::is_on() {
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

/// Whether the domain's blocks are traced here. What the runtime's own allocator of objects makes is traced there.
#[inline(always)]
fn is_traced(domain: usize) -> bool {
    tracemalloc::is_on() && (domain != OBJ || custom(OBJ).is_some())
}

unsafe fn malloc(domain: usize, n: usize) -> *mut c_void {
    if n > MOST {
        return ptr::null_mut();
    }
    let with = custom(domain).unwrap_or(own(domain));
    // SAFETY: an allocator's function with its pointer.
    let block = with.malloc.map_or(ptr::null_mut(), |call| unsafe { call(with.ctx, n) });
    if is_traced(domain) && !block.is_null() {
        tracemalloc::allocated(block.cast(), n);
    }
    block
}
unsafe fn calloc(domain: usize, n: usize, size: usize) -> *mut c_void {
    let Some(total) = total(n, size) else { return ptr::null_mut() };
    let with = custom(domain).unwrap_or(own(domain));
    // SAFETY: as above.
    let block = with.calloc.map_or(ptr::null_mut(), |call| unsafe { call(with.ctx, n, size) });
    if is_traced(domain) && !block.is_null() {
        tracemalloc::allocated(block.cast(), total);
    }
    block
}
unsafe fn realloc(domain: usize, p: *mut c_void, n: usize) -> *mut c_void {
    if n > MOST {
        return ptr::null_mut();
    }
    let with = custom(domain).unwrap_or(own(domain));
    // SAFETY: as above.
    let block = with.realloc.map_or(ptr::null_mut(), |call| unsafe { call(with.ctx, p, n) });
    if is_traced(domain) && !block.is_null() {
        tracemalloc::freed(p.cast());
        tracemalloc::allocated(block.cast(), n);
    }
    block
}
unsafe fn release(domain: usize, p: *mut c_void) {
    let with = custom(domain).unwrap_or(own(domain));
    if is_traced(domain) {
        tracemalloc::freed(p.cast());
    }
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

/// A thread that is not attached uses memory of a domain that demands it.
#[cold]
fn no_thread() -> ! {
    let how = if krait_object::FREE_THREADED {
        "without an active thread state. Are you trying to call it inside of a Py_BEGIN_ALLOW_THREADS block?"
    } else {
        "without holding the GIL"
    };
    krait_vm::fatal(&format!("_PyMem_DebugMalloc: Python memory allocator called {how}"))
}

/// Describes a damaged block on the standard error stream.
unsafe fn describe(p: *const u8, n: usize, letter: u8) {
    use std::fmt::Write;
    let mut text = format!("Debug memory block at address p={p:p}: API '{}'\n", letter as char);
    // What a full disk or closed stream swallows is lost in any case.
    let _ = writeln!(text, "    {n} bytes originally requested");
    let mut pads = |name: String, at: *const u8, count: usize, label: &str| {
        // SAFETY: the guards of a block can be read.
        let bytes = unsafe { std::slice::from_raw_parts(at, count) };
        if bytes.iter().all(|byte| *byte == GUARD) {
            let _ = writeln!(text, "    The {count} pad bytes at {name} are FORBIDDENBYTE, as expected.");
            return;
        }
        let _ = writeln!(text, "    The {count} pad bytes at {name} are not all FORBIDDENBYTE (0x{GUARD:02x}):");
        for (at, byte) in bytes.iter().enumerate() {
            let mark = if *byte == GUARD { "" } else { " *** OUCH" };
            let _ = match label {
                "p" => writeln!(text, "        at p-{}: 0x{byte:02x}{mark}", count - at),
                _ => writeln!(text, "        at tail+{at}: 0x{byte:02x}{mark}"),
            };
        }
    };
    // SAFETY: the guards of a block and, where they are whole, its bytes can be read.
    unsafe {
        pads(format!("p-{}", BEFORE - 9), p.sub(BEFORE - 9), BEFORE - 9, "p");
        pads(format!("tail={:p}", p.add(n)), p.add(n), AFTER, "tail");
        let shown: Vec<String> = (0..n.min(8)).map(|at| format!("{:02x}", *p.add(at))).collect();
        if n > 0 {
            let dots = if n > 8 { " ..." } else { "" };
            let _ = writeln!(text, "    Data at p: {}{dots}", shown.join(" "));
        }
    }
    text.push_str("\nEnable tracemalloc to get the memory block allocation traceback\n\n");
    krait_vm::dump::put(2, text.as_bytes());
}

/// The block and its size, after a look at the guards.
unsafe fn looked_at(debug: &Debug, p: *mut c_void, function: &str) -> (*mut u8, usize) {
    // SAFETY: memory of this allocator.
    unsafe {
        let block = p.cast::<u8>().sub(BEFORE);
        let (n, letter) = (usize::from_be(block.cast::<usize>().read_unaligned()), *block.add(8));
        let fault = if letter != debug.letter {
            let (made, asked) = (letter as char, debug.letter as char);
            format!("bad ID: Allocated using API '{made}', verified using API '{asked}'")
        } else if (9..BEFORE).any(|at| *block.add(at) != GUARD) {
            "bad leading pad byte".to_owned()
        } else if (0..AFTER).any(|at| *block.add(BEFORE + n + at) != GUARD) {
            "bad trailing pad byte".to_owned()
        } else {
            return (block, n);
        };
        describe(p.cast(), n, letter);
        krait_vm::fatal(&format!("{function}: {fault}"))
    }
}

unsafe extern "C" fn debug_malloc(context: *mut c_void, n: usize) -> *mut c_void {
    // SAFETY: the context is one of ours; the block is as large as asked for.
    unsafe {
        let debug = &*context.cast::<Debug>();
        if debug.letter != b'r' && Attached::try_from_tls().is_none() {
            no_thread()
        }
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
        let (_, old) = looked_at(debug, p, "_PyMem_DebugRawRealloc");
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
        let (block, n) = looked_at(debug, p, "_PyMem_DebugRawFree");
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
    if domain == OBJ {
        // Objects lie in pages of the runtime; a host's allocator may still refuse them.
        let is_own = allocator.malloc.is_some_and(|call| ptr::fn_addr_eq(call, object_malloc as Malloc));
        krait_object::watch::set_gate((!is_own).then_some(asks_host as fn(usize) -> bool));
    }
}

type Malloc = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;

/// Whether the host's allocator of objects would have that many bytes.
fn asks_host(size: usize) -> bool {
    let Some(with) = custom(OBJ) else { return true };
    let (Some(take), Some(give)) = (with.malloc, with.free) else { return true };
    // SAFETY: the host's own functions with their pointer.
    unsafe {
        let block = take(with.ctx, size);
        if block.is_null() {
            return false;
        }
        give(with.ctx, block);
    }
    true
}

/// Installs the debug hooks of every domain, as `PyMem_SetupDebugHooks` does.
pub(crate) fn install_debug_hooks() {
    // SAFETY: it only replaces tables.
    unsafe { PyMem_SetupDebugHooks() }
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
            if below.malloc.is_some_and(|call| ptr::fn_addr_eq(call, debug_malloc as Malloc)) { continue }
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
    /// Enters a block of a domain of the caller's; -2 when nobody traces.
    fn PyTraceMalloc_Track(domain: c_uint, address: usize, size: usize) -> c_int {
        if !tracemalloc::is_on() { return -2 }
        // A thread that let the interpreter go takes it again, to read its frames.
        let again = Attached::try_from_tls().is_none() && !krait_vm::interp::own_thread().is_null();
        let state = again.then(|| crate::pystate::PyGILState_Ensure());
        let tracked = tracemalloc::track(Attached::try_from_tls(), domain, address, size);
        if let Some(state) = state { crate::pystate::PyGILState_Release(state) }
        if tracked { 0 } else { -2 }
    }
    /// Takes a block out; -2 when nobody traces.
    fn PyTraceMalloc_Untrack(domain: c_uint, address: usize) -> c_int {
        if tracemalloc::is_on() && tracemalloc::untrack(domain, address) { 0 } else { -2 }
    }
}

capi! {
    fn _PyTraceMalloc_GetTraceback(py, domain: c_uint, address: usize) -> Ref<Object> {
        Ok(tracemalloc::traceback_of(py, domain, address)?.map_or_else(krait_object::none, Ref::upcast))
    }
}
