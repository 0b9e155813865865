//! Callbacks that hosts register, by small numbers: who hears of changed dicts, types, functions, code and contexts.
//!
//! Concurrency: the tables are read without a lock; ids are taken and given back one at a time.
use crate::layout::*;
use crate::{Attached, Layout, Object, PyResult, raise};
use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use std::sync::{Mutex, RwLock};

/// A table of eight callbacks.
pub struct Watchers<F: Copy> {
    slots: [Field<Option<F>>; 8],
    /// One bit for each id in use.
    used: Field<u8>,
}

impl<F: Copy> Watchers<F> {
    pub const fn new() -> Self {
        Watchers { slots: [const { Field::new(None) }; 8], used: Field::new(0) }
    }

    /// Whether nobody listens.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.used.get() == 0
    }

    /// The callback of an id.
    pub fn get(&self, id: usize) -> Option<F> {
        self.slots.get(id)?.get()
    }

    /// Every callback whose bit is set, with its id.
    pub fn each(&self, bits: u8) -> impl Iterator<Item = (usize, F)> + '_ {
        let wanted = bits & self.used.get();
        (0..8).filter(move |id| wanted & 1 << id != 0).filter_map(|id| Some((id, self.slots[id].get()?)))
    }

    /// Registers a callback under the first free id from `first` on.
    ///
    /// # Errors
    /// `RuntimeError` when none is free.
    pub fn add(&self, py: Attached<'_>, what: &str, first: usize, callback: F) -> PyResult<i32> {
        for id in first..8 {
            let now = self.used.get();
            if now & 1 << id == 0 {
                self.slots[id].set(Some(callback));
                self.used.set(now | 1 << id);
                return Ok(id as i32);
            }
        }
        Err(raise!(py, RuntimeError, "no more {what} watcher IDs available"))
    }

    /// An id that is in use.
    ///
    /// # Errors
    /// `ValueError` for any other.
    pub fn check(&self, py: Attached<'_>, what: &str, first: usize, id: i32) -> PyResult<usize> {
        match usize::try_from(id) {
            Ok(at) if (first..8).contains(&at) => match self.slots[at].get() {
                Some(_) => Ok(at),
                None if what == "func" => Err(raise!(py, ValueError, "no {what} watcher set for ID {id}")),
                None => Err(raise!(py, ValueError, "No {what} watcher set for ID {id}")),
            },
            _ if what == "func" => Err(raise!(py, ValueError, "invalid {what} watcher ID {id}")),
            _ => Err(raise!(py, ValueError, "Invalid {what} watcher ID {id}")),
        }
    }

    /// Gives an id back.
    ///
    /// # Errors
    /// `ValueError` when it is not in use.
    pub fn clear(&self, py: Attached<'_>, what: &str, first: usize, id: i32) -> PyResult<()> {
        let at = self.check(py, what, first, id)?;
        self.used.set(self.used.get() & !(1 << at));
        self.slots[at].set(None);
        Ok(())
    }
}

impl<F: Copy> Default for Watchers<F> {
    fn default() -> Self {
        Watchers::new()
    }
}

/// The tables of an interpreter; those of types lie beside the type cache.
#[derive(Default)]
pub struct Tables {
    pub dicts: Watchers<PyDict_WatchCallback>,
    pub functions: Watchers<PyFunction_WatchCallback>,
    pub code: Watchers<PyCode_WatchCallback>,
    pub contexts: Watchers<PyContext_WatchCallback>,
    /// What frees the data that tools attach to code objects, by index.
    pub code_extra: Mutex<Vec<Option<freefunc>>>,
}

/// Who hears of objects and their memory: [`OBJECTS`] and [`TRACES`]. One byte, so that who makes an object looks once.
static WATCHERS: AtomicU8 = AtomicU8::new(0);
/// A [`RefTracer`] is set.
pub const OBJECTS: u8 = 1;
/// Memory is traced.
pub const TRACES: u8 = 2;
/// A host's allocator is asked for each object.
const GATE: u8 = 4;

/// Whether an object of that many bytes may be made.
type Gate = fn(usize) -> bool;
static GATE_KEEPER: RwLock<Option<Gate>> = RwLock::new(None);

/// Sets who is asked before memory for an object is taken, or nobody.
pub fn set_gate(gate: Option<Gate>) {
    if let Ok(mut place) = GATE_KEEPER.write() {
        *place = gate;
    }
    set_watcher(GATE, gate.is_some());
}

/// Whether a host refuses an object of `size` bytes, one that is not made by [`crate::mem::urgently`]; `watchers` are who [`watchers`] says listen.
#[inline(always)]
pub fn refuses(py: Attached<'_>, watchers: u8, size: usize) -> bool {
    watchers & GATE != 0 && gate_refuses(py, size)
}

#[cold]
fn gate_refuses(py: Attached<'_>, size: usize) -> bool {
    let gate = GATE_KEEPER.read().ok().and_then(|gate| *gate);
    gate.is_some_and(|gate| !gate(size)) && !crate::mem::is_urgent(py)
}

/// The bits of those who listen.
#[inline(always)]
pub fn watchers() -> u8 {
    WATCHERS.load(Ordering::Relaxed)
}

/// Says that somebody listens, or no longer.
pub fn set_watcher(bit: u8, on: bool) {
    if on {
        WATCHERS.fetch_or(bit, Ordering::AcqRel);
    } else {
        WATCHERS.fetch_and(!bit, Ordering::AcqRel);
    }
}

/// Who is told of every object that is made or goes (`PyRefTracer_SetTracer`); the whole process has one.
pub struct RefTracer {
    function: AtomicPtr<c_void>,
    data: AtomicPtr<c_void>,
}

static REF_TRACER: RefTracer =
    RefTracer { function: AtomicPtr::new(std::ptr::null_mut()), data: AtomicPtr::new(std::ptr::null_mut()) };

/// Events of a [`RefTracer`], with C's numbers.
#[derive(Clone, Copy)]
pub enum RefEvent {
    Create = 0,
    Destroy = 1,
}

impl RefTracer {
    /// Sets the tracer, or none. No other thread may make objects meanwhile.
    pub fn set(function: Option<PyRefTracer>, data: *mut c_void) {
        REF_TRACER.function.store(std::ptr::null_mut(), Ordering::Release);
        REF_TRACER.data.store(data, Ordering::Release);
        let function = function.map_or(std::ptr::null_mut(), |function| function as *mut c_void);
        REF_TRACER.function.store(function, Ordering::Release);
        set_watcher(OBJECTS, !function.is_null());
    }

    /// The tracer and its data.
    pub fn get() -> (Option<PyRefTracer>, *mut c_void) {
        let function = REF_TRACER.function.load(Ordering::Acquire);
        // SAFETY: null is `None`, and anything else came from `set`.
        let function = unsafe { std::mem::transmute::<*mut c_void, Option<PyRefTracer>>(function) };
        (function, REF_TRACER.data.load(Ordering::Acquire))
    }

    /// Tells of an object whose type and count are set.
    #[inline(always)]
    pub fn tell(object: *mut PyObject, event: RefEvent) {
        if watchers() & OBJECTS != 0 {
            RefTracer::slow_tell(object, event);
        }
    }

    #[cold]
    fn slow_tell(object: *mut PyObject, event: RefEvent) {
        let (Some(function), data) = RefTracer::get() else { return };
        // SAFETY: the host's function with its data and a live object.
        unsafe { function(object, event as std::ffi::c_int, data) };
    }
}

/// Events of functions, with C's numbers.
pub mod function_event {
    pub const CREATE: i32 = 0;
    pub const DESTROY: i32 = 1;
    pub const MODIFY_CODE: i32 = 2;
    pub const MODIFY_DEFAULTS: i32 = 3;
    pub const MODIFY_KWDEFAULTS: i32 = 4;
    pub const MODIFY_QUALNAME: i32 = 5;
}

/// Reports what the callback for an event raised. The text names the subject: the reporter must not get an object
/// that may be about to go.
pub(crate) fn failed(py: Attached<'_>, event: &str, subject: &str) {
    let text = format!("Exception ignored in {event} for {subject}");
    (crate::hooks::hooks().unraisable)(py, Some(&text), None);
}

/// How messages show an object: its `repr()`. What that raises is nobody's concern; the pending exception stays.
pub(crate) fn shown(py: Attached<'_>, object: &Object) -> String {
    let kept = py.take_raised();
    let text = object.repr(py).map_or_else(
        |raised| {
            raised.clear(py);
            format!("<{} object at {:p}>", object.ty().name(), object.as_ptr())
        },
        |text| text.to_string_lossy().into_owned(),
    );
    if let Some(kept) = kept {
        let _raised = py.restore(kept);
    }
    text
}

/// Tells of a function that was made, changes, or goes.
#[inline]
pub(crate) fn function(py: Attached<'_>, event: i32, function: &Object, value: Option<&Object>) {
    if !py.state().watch.functions.is_empty() {
        function_slow(py, event, function, value);
    }
}

#[cold]
fn function_slow(py: Attached<'_>, event: i32, function: &Object, value: Option<&Object>) {
    let kept = py.take_raised();
    let value = value.map_or(std::ptr::null_mut(), Layout::as_ptr);
    for (_, callback) in py.state().watch.functions.each(u8::MAX) {
        // SAFETY: a C callback with live objects.
        if unsafe { callback(event, function.as_ptr().cast(), value) } < 0 {
            let names = ["CREATE", "DESTROY", "MODIFY_CODE", "MODIFY_DEFAULTS", "MODIFY_KWDEFAULTS", "MODIFY_QUALNAME"];
            let name = names.get(event as usize).unwrap_or(&"?");
            let subject = shown(py, function);
            let subject = subject.trim_start_matches('<').trim_end_matches('>');
            failed(py, &format!("PyFunction_EVENT_{name} watcher callback"), subject);
        }
    }
    if let Some(kept) = kept {
        let _raised = py.restore(kept);
    }
}

/// Tells of a code object that was made.
#[inline]
pub(crate) fn code_made(py: Attached<'_>, code: &Object) {
    if !py.state().watch.code.is_empty() {
        code_slow(py, false, code);
    }
}

#[cold]
fn code_slow(py: Attached<'_>, goes: bool, code: &Object) {
    let kept = py.take_raised();
    for (_, callback) in py.state().watch.code.each(u8::MAX) {
        // SAFETY: a C callback with a live object.
        if unsafe { callback(goes.into(), code.as_ptr().cast()) } < 0 {
            let name = if goes { "DESTROY" } else { "CREATE" };
            failed(py, &format!("PY_CODE_EVENT_{name} watcher callback"), &shown(py, code));
        }
    }
    if let Some(kept) = kept {
        let _raised = py.restore(kept);
    }
}

/// Tells of an object that is about to be freed; whether a callback kept it.
///
/// # Safety
/// Called from the object's `tp_dealloc`, with the last reference gone.
unsafe fn last_words(object: &Object, tell: impl FnOnce()) -> bool {
    // SAFETY: by the contract.
    unsafe {
        crate::mode::resurrect_start(object);
        tell();
        !crate::mode::resurrect_end(object)
    }
}

/// Tells of a function that is freed; whether a callback kept it.
///
/// # Safety
/// Called from `tp_dealloc`.
#[inline]
pub(crate) unsafe fn function_goes(py: Attached<'_>, object: &Object) -> bool {
    // SAFETY: by the contract.
    !py.state().watch.functions.is_empty()
        && unsafe { last_words(object, || function_slow(py, function_event::DESTROY, object, None)) }
}

/// Tells of code that is freed; whether a callback kept it.
///
/// # Safety
/// Called from `tp_dealloc`.
#[inline]
pub(crate) unsafe fn code_goes(py: Attached<'_>, object: &Object) -> bool {
    // SAFETY: by the contract.
    !py.state().watch.code.is_empty() && unsafe { last_words(object, || code_slow(py, true, object)) }
}

/// Tells of the thread's new context.
pub fn context_switched(py: Attached<'_>, context: Option<&Object>) {
    let watchers = &py.state().watch.contexts;
    if watchers.is_empty() {
        return;
    }
    let none = crate::none();
    let context = context.unwrap_or(&none);
    for (_, callback) in watchers.each(u8::MAX) {
        // SAFETY: a C callback with a live object; 1 is the event of a switch.
        if unsafe { callback(1, context.as_ptr()) } < 0 {
            failed(py, "Py_CONTEXT_SWITCHED watcher callback", &shown(py, context));
        }
    }
}

/// Calls the watchers of a dict whose bits are set.
pub fn dict_changed(
    py: Attached<'_>,
    bits: u8,
    event: crate::dictobject::DictEvent,
    dict: &crate::Dict,
    key: *mut PyObject,
    value: *mut PyObject,
) {
    let kept = py.take_raised();
    for (_, callback) in py.state().watch.dicts.each(bits) {
        // SAFETY: a C callback with live objects.
        if unsafe { callback(event as i32, dict.as_ptr(), key, value) } < 0 {
            let name = ["ADDED", "MODIFIED", "DELETED", "CLONED", "CLEARED", "DEALLOCATED"];
            let name = name.get(event as usize).unwrap_or(&"?");
            failed(py, &format!("PyDict_EVENT_{name} watcher callback"), &format!("<dict at {:p}>", dict.as_ptr()));
        }
    }
    if let Some(kept) = kept {
        let _raised = py.restore(kept);
    }
}

/// Data of tools at a code object, by index.
type Extra = Vec<usize>;

/// An index for a tool's data at code objects.
pub fn request_code_extra(py: Attached<'_>, free: Option<freefunc>) -> Option<usize> {
    let mut table = py.state().watch.code_extra.lock().ok()?;
    if table.len() >= 255 {
        return None;
    }
    table.push(free);
    Some(table.len() - 1)
}

/// A tool's data at a code object; null where it set none.
pub fn code_extra(py: Attached<'_>, code: &crate::Code, index: usize) -> *mut std::ffi::c_void {
    let _locked = code.lock(py);
    // SAFETY: [locked]: only `set_code_extra` stores here.
    let extra = unsafe { code.raw().co_extra.get().cast::<Extra>().as_ref() };
    std::ptr::with_exposed_provenance_mut(extra.and_then(|extra| extra.get(index).copied()).unwrap_or(0))
}

/// Sets a tool's data at a code object; the old data is freed by the tool's function.
///
/// # Errors
/// `SystemError` for an index that nobody requested.
pub fn set_code_extra(
    py: Attached<'_>,
    code: &crate::Code,
    index: usize,
    value: *mut std::ffi::c_void,
) -> PyResult<()> {
    let free = match py.state().watch.code_extra.lock() {
        Ok(table) if index < table.len() => table[index],
        _ => return Err(py.bad_internal_call()),
    };
    let old = {
        let _locked = code.lock(py);
        let field = &code.raw().co_extra;
        if field.get().is_null() {
            field.store(Box::into_raw(Box::new(Extra::new())).cast(), Ordering::Release);
        }
        // SAFETY: [locked]: set above or by an earlier call.
        let extra = unsafe { &mut *field.get().cast::<Extra>() };
        if extra.len() <= index {
            extra.resize(index + 1, 0);
        }
        std::mem::replace(&mut extra[index], value.expose_provenance())
    };
    if let Some(free) = free.filter(|_| old != 0) {
        // SAFETY: the tool's own function for its own data.
        unsafe { free(std::ptr::with_exposed_provenance_mut(old)) };
    }
    Ok(())
}

/// Frees the tools' data of a code object that goes.
pub(crate) fn free_code_extra(py: Attached<'_>, code: &crate::Code) {
    let raw = code.raw().co_extra.swap(std::ptr::null_mut(), Ordering::AcqRel).cast::<Extra>();
    if raw.is_null() {
        return;
    }
    // SAFETY: `set_code_extra` made it; nobody else sees the code object any more.
    let extra = unsafe { Box::from_raw(raw) };
    let table = py.state().watch.code_extra.lock().map(|table| table.clone()).unwrap_or_default();
    for (value, free) in extra.into_iter().zip(table) {
        if let Some(free) = free.filter(|_| value != 0) {
            // SAFETY: as above.
            unsafe { free(std::ptr::with_exposed_provenance_mut(value)) };
        }
    }
}
