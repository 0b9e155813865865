//! Tells AddressSanitizer which bytes of object memory are in use, when a host brings it: then instrumented C code that
//! reads a freed object, or past the end of one, is reported as it is for the memory of `malloc`.
//!
//! While that watches, a freed block of a page is never given out again, so a stale pointer stays one. Development
//! builds only: others do not ask.
use std::ffi::{CStr, c_void};
use std::sync::OnceLock;

type Mark = unsafe extern "C" fn(*const c_void, usize);
type Find = unsafe extern "C" fn(*const c_void, usize) -> *const c_void;

struct Shadow {
    poison: Mark,
    unpoison: Mark,
    first_poisoned: Find,
}

static SHADOW: OnceLock<Option<Shadow>> = OnceLock::new();

#[inline(always)]
fn shadow() -> Option<&'static Shadow> {
    if cfg!(debug_assertions) { SHADOW.get_or_init(find).as_ref() } else { None }
}

/// The sanitizer's functions, where the process has them.
fn find() -> Option<Shadow> {
    let find = |name: &CStr| {
        // SAFETY: a name that ends; the whole process is searched.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    };
    // SAFETY: the sanitizer's interface, which has these types.
    unsafe {
        Some(Shadow {
            poison: std::mem::transmute::<*mut c_void, Mark>(find(c"__asan_poison_memory_region")?),
            unpoison: std::mem::transmute::<*mut c_void, Mark>(find(c"__asan_unpoison_memory_region")?),
            first_poisoned: std::mem::transmute::<*mut c_void, Find>(find(c"__asan_region_is_poisoned")?),
        })
    }
}

/// Whether somebody watches.
#[inline(always)]
pub fn is_on() -> bool {
    shadow().is_some()
}

/// Nobody may use these bytes. Says whether somebody watches.
#[inline(always)]
pub(crate) fn close(start: *const u8, size: usize) -> bool {
    let Some(shadow) = shadow() else { return false };
    // SAFETY: only the sanitizer's own notes change.
    unsafe { (shadow.poison)(start.cast(), size) };
    true
}

/// These bytes are in use.
#[inline(always)]
pub(crate) fn open(start: *const u8, size: usize) {
    if let Some(shadow) = shadow() {
        // SAFETY: as in `close`.
        unsafe { (shadow.unpoison)(start.cast(), size) };
    }
}

/// How many of `size` bytes are in use from the first on.
#[inline(always)]
pub(crate) fn open_bytes(start: *const u8, size: usize) -> usize {
    let Some(shadow) = shadow() else { return size };
    // SAFETY: as in `close`.
    let end = unsafe { (shadow.first_poisoned)(start.cast(), size) };
    if end.is_null() { size } else { end.addr() - start.addr() }
}
