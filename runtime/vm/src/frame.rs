//! Interpreter frames and the data stack they live on.
//!
//! A frame is CPython's `_PyInterpreterFrame`: header, locals, cells, evaluation stack. Frames of a thread lie one
//! above the other in chunks that the thread state points to; a generator's frame lies inside the generator; a frame
//! whose frame object outlives it is copied into that object.
//!
//! The code object is borrowed from the function; globals and builtins likewise.
use crate::exec::{Exec, Unit};
use crate::stackref::StackRef;
use krait_object::layout::*;
use krait_object::{Attached, Code, Function, Layout, Object, Ref, Str};
use std::alloc::{Layout as Memory, alloc, dealloc};
use std::ptr::null_mut;

/// An interpreter frame.
#[repr(transparent)]
pub struct Frame(pub _PyInterpreterFrame);

/// Words of a frame before its locals.
pub const FRAME_HEAD: usize = std::mem::offset_of!(_PyInterpreterFrame, localsplus) / size_of::<usize>();
const CHUNK_SIZE: usize = 32 * 1024;

impl Frame {
    /// The first local.
    #[inline(always)]
    pub fn locals(this: *const Frame) -> *mut StackRef {
        this.cast_mut().cast::<StackRef>().wrapping_add(FRAME_HEAD)
    }

    #[inline(always)]
    pub fn code(&self) -> &Code {
        // SAFETY: [layout]: a frame that runs code has its code object here, alive with the function.
        unsafe { StackRef::from_layout(self.0.f_executable.get()).object().cast_unchecked() }
    }

    #[inline(always)]
    pub fn function(&self) -> StackRef {
        StackRef::from_layout(self.0.f_funcobj.get())
    }

    #[inline(always)]
    pub fn globals(&self) -> &Object {
        // SAFETY: borrowed from the function.
        unsafe { Object::from_ptr(self.0.f_globals.get()) }
    }

    #[inline(always)]
    pub fn builtins(&self) -> &Object {
        // SAFETY: borrowed from the function.
        unsafe { Object::from_ptr(self.0.f_builtins.get()) }
    }

    /// The namespace of module and class bodies.
    #[inline(always)]
    pub fn namespace(&self) -> Option<&Object> {
        // SAFETY: the frame owns it.
        unsafe { self.0.f_locals.get().cast::<Object>().as_ref() }
    }

    #[inline(always)]
    pub fn previous(&self) -> *mut Frame {
        self.0.previous.get().cast()
    }

    #[inline(always)]
    pub fn owner(&self) -> std::ffi::c_char {
        self.0.owner.get()
    }

    #[inline(always)]
    pub fn sp(&self) -> *mut StackRef {
        self.0.stackpointer.get().cast()
    }

    #[inline(always)]
    pub fn set_sp(&self, sp: *mut StackRef) {
        self.0.stackpointer.set(sp.cast());
    }

    /// Index of the current instruction.
    #[inline(always)]
    pub fn lasti(&self) -> usize {
        let start = (&raw const self.code().raw().co_code_adaptive).addr();
        self.0.instr_ptr.get().addr().wrapping_sub(start) / 2
    }

    /// Sets the current instruction; -1 (before the first) is allowed.
    pub fn set_lasti(&self, unit: isize) {
        let start = (&raw const self.code().raw().co_code_adaptive).cast_mut().cast::<_Py_CODEUNIT>();
        self.0.instr_ptr.set(start.wrapping_offset(unit));
    }

    /// The execution unit of the current instruction.
    #[inline(always)]
    pub fn unit(&self) -> *const Unit {
        Exec::units(Exec::of(self.code())).wrapping_add(self.lasti())
    }

    /// Fills a fresh frame. `function` and `namespace` are taken over. Locals are not touched.
    ///
    /// # Safety
    /// `this` has room for a frame of `code`, which is the function's code.
    #[inline(always)]
    pub unsafe fn init(
        this: *mut Frame,
        function: StackRef,
        code: &Code,
        namespace: *mut PyObject,
        previous: *mut Frame,
        stack_at: usize,
    ) {
        // SAFETY: by the contract.
        unsafe {
            let raw = &(*this).0;
            let func = &*function.as_ptr().cast::<Function>();
            raw.f_executable.set(StackRef::borrowed(code.as_ptr()).to_layout());
            raw.previous.set(previous.cast());
            raw.f_funcobj.set(function.to_layout());
            raw.f_globals.set(func.raw().func_globals.get());
            raw.f_builtins.set(func.raw().func_builtins.get());
            raw.f_locals.set(namespace);
            raw.frame_obj.set(null_mut());
            raw.instr_ptr.set((&raw const code.raw().co_code_adaptive).cast_mut().cast());
            raw.stackpointer.set(Frame::locals(this).wrapping_add(stack_at).cast());
            if let Some(index) = raw.tlbc_index.as_ref() {
                index.set(0);
            }
            raw.return_offset.set(0);
            raw.owner.set(FRAME_OWNED_BY_THREAD);
            raw.visited.set(0);
        }
    }

    /// Whether Python code may see the frame: it has run its first `RESUME` (or a generator creation).
    pub fn is_complete(&self) -> bool {
        if self.owner() == FRAME_OWNED_BY_INTERPRETER {
            return false;
        }
        self.owner() == FRAME_OWNED_BY_GENERATOR || {
            let lasti = self.lasti() as isize;
            lasti >= self.code().raw()._co_firsttraceable.get() as isize
        }
    }

    /// This frame or the first one below it that Python code may see.
    pub fn first_complete<'a>(mut this: *mut Frame) -> Option<&'a Frame> {
        // SAFETY: frames below a live frame are live.
        while let Some(frame) = unsafe { this.as_ref() } {
            if frame.is_complete() {
                return Some(frame);
            }
            this = frame.previous();
        }
        None
    }

    /// The innermost frame of the thread that Python code may see.
    pub fn current<'py>(py: Attached<'py>) -> Option<&'py Frame> {
        Self::first_complete(py.tstate().current_frame.get().cast())
    }

    /// Whether the calling thread runs a frame at this address, which may be a stale one.
    pub fn is_on_stack(this: *const Frame, py: Attached<'_>) -> bool {
        let mut at = py.tstate().current_frame.get().cast::<Frame>().cast_const();
        // SAFETY: the frames of the calling thread are live.
        while let Some(own) = unsafe { at.as_ref() } {
            if std::ptr::eq(own, this) {
                return true;
            }
            at = own.previous();
        }
        false
    }

    /// Words from the first local to the stack pointer.
    pub fn used(&self) -> usize {
        (self.sp().addr() - Frame::locals(self).addr()) / size_of::<usize>()
    }

    /// Drops locals, stack and namespace; the function stays.
    pub fn clear_contents(&self) {
        let (locals, used) = (Frame::locals(self), self.used());
        for at in (0..used).rev() {
            // SAFETY: below the stack pointer every word is initialised.
            unsafe {
                let word = locals.add(at).replace(StackRef::NULL);
                self.set_sp(locals.add(at));
                word.close();
            }
        }
        let namespace = self.0.f_locals.get();
        self.0.f_locals.set(null_mut());
        // SAFETY: the frame owned it.
        drop(unsafe { Ref::<Object>::from_raw_opt(namespace) });
    }
}

/// Takes `words` words from the thread's data stack; null when memory is exhausted.
#[inline(always)]
pub fn push_words(py: Attached<'_>, words: usize) -> *mut Frame {
    let frame = push_words_at_hand(py, words);
    if frame.is_null() { push_chunk(py, words) } else { frame }
}

/// As [`push_words`] from the present chunk; null when it has no room.
#[inline(always)]
pub fn push_words_at_hand(py: Attached<'_>, words: usize) -> *mut Frame {
    let tstate = py.tstate();
    let top = tstate.datastack_top.get();
    let room = (tstate.datastack_limit.get().addr() - top.addr()) / size_of::<usize>();
    if room < words + 1 || top.is_null() {
        return null_mut();
    }
    tstate.datastack_top.set(top.wrapping_add(words));
    top.cast()
}

#[cold]
fn push_chunk(py: Attached<'_>, words: usize) -> *mut Frame {
    let tstate = py.tstate();
    let head = std::mem::offset_of!(_PyStackChunk, data);
    let mut size = CHUNK_SIZE;
    while size < head + (words + 2) * size_of::<usize>() {
        size *= 2;
    }
    let cached = tstate.datastack_cached_chunk.get();
    // SAFETY: the cached chunk is ours; a fresh one has the size given.
    unsafe {
        let chunk = if !cached.is_null() && (*cached).size.get() >= size {
            tstate.datastack_cached_chunk.set(null_mut());
            cached
        } else {
            let raw = alloc(Memory::from_size_align_unchecked(size, 16)).cast::<_PyStackChunk>();
            if raw.is_null() {
                return null_mut();
            }
            (*raw).size.set(size);
            raw
        };
        let old = tstate.datastack_chunk.get();
        if let Some(old) = old.as_ref() {
            let start = (&raw const old.data).addr();
            old.top.set((tstate.datastack_top.get().addr() - start) / size_of::<usize>());
        }
        (*chunk).previous.set(old);
        (*chunk).top.set(0);
        tstate.datastack_chunk.set(chunk);
        let data = (&raw mut (*chunk).data).cast::<*mut PyObject>();
        tstate.datastack_limit.set(chunk.cast::<u8>().add((*chunk).size.get()).cast());
        // The root chunk's first word stays unused, so that it is never popped.
        let base = if old.is_null() { data.add(1) } else { data };
        tstate.datastack_top.set(base.add(words));
        base.cast()
    }
}

/// Gives back the memory of the topmost frame.
///
/// # Safety
/// `frame` was the last one pushed and is not used any more.
#[inline(always)]
pub unsafe fn pop_words(py: Attached<'_>, frame: *mut Frame) {
    let tstate = py.tstate();
    let chunk = tstate.datastack_chunk.get();
    // SAFETY: a pushed frame lies in the current chunk.
    if frame.addr() == unsafe { (&raw const (*chunk).data).addr() } {
        pop_chunk(py);
    } else {
        tstate.datastack_top.set(frame.cast());
    }
}

#[cold]
fn pop_chunk(py: Attached<'_>) {
    let tstate = py.tstate();
    let chunk = tstate.datastack_chunk.get();
    // SAFETY: the chunk is ours and empty; it has a predecessor because the root chunk is never popped.
    unsafe {
        let previous = (*chunk).previous.get();
        tstate.datastack_chunk.set(previous);
        let data = (&raw mut (*previous).data).cast::<*mut PyObject>();
        tstate.datastack_top.set(data.add((*previous).top.get()));
        tstate.datastack_limit.set(previous.cast::<u8>().add((*previous).size.get()).cast());
        let cached = tstate.datastack_cached_chunk.get();
        tstate.datastack_cached_chunk.set(chunk);
        if !cached.is_null() {
            free_chunk(cached);
        }
    }
}

/// # Safety
/// The chunk came from [`push_chunk`] and is not used any more.
unsafe fn free_chunk(chunk: *mut _PyStackChunk) {
    // SAFETY: by the contract.
    unsafe { dealloc(chunk.cast(), Memory::from_size_align_unchecked((*chunk).size.get(), 16)) };
}

/// Frees the data stack of a thread state that runs no frame any more.
pub fn free_data_stack(tstate: &PyThreadState) {
    // SAFETY: the chunks belong to the thread state, and no frame uses them.
    unsafe {
        let cached = tstate.datastack_cached_chunk.swap(null_mut(), std::sync::atomic::Ordering::Relaxed);
        if !cached.is_null() {
            free_chunk(cached);
        }
        let mut chunk = tstate.datastack_chunk.get();
        while !chunk.is_null() {
            let previous = (*chunk).previous.get();
            free_chunk(chunk);
            chunk = previous;
        }
    }
    tstate.datastack_chunk.set(null_mut());
    tstate.datastack_top.set(null_mut());
    tstate.datastack_limit.set(null_mut());
}

/// Whether the only reference to an object is one that the running frame's stack owns: no variable, container or C code
/// has another, so that who gets it as an argument may change it.
pub fn is_unique_temporary(py: Attached<'_>, object: &Object) -> bool {
    if !krait_object::mode::is_uniquely_referenced(object) {
        return false;
    }
    let Some(frame) = Frame::current(py) else { return false };
    let locals = frame.code().raw().co_nlocalsplus.get() as usize;
    let mut at = Frame::locals(frame).wrapping_add(locals);
    while at < frame.sp() {
        // SAFETY: words below the stack pointer are initialised.
        let word = unsafe { at.read() };
        if word.as_ptr() == object.as_ptr() && !word.is_borrowed() {
            return true;
        }
        at = at.wrapping_add(1);
    }
    false
}

/// Visits file and line of the calling thread's frames that Python code may see, the innermost first; how many there
/// are.
pub fn visit_lines(py: Attached<'_>, visit: &mut dyn FnMut(&Str, u32)) -> usize {
    let mut count = 0;
    let mut next = Frame::first_complete(py.tstate().current_frame.get().cast());
    while let Some(frame) = next {
        let code = frame.code();
        // SAFETY: [frozen]: the name of a code object's file is a string.
        if let Some(file) = unsafe { code.raw().co_filename.get().cast::<Str>().as_ref() } {
            visit(file, code.line_of(frame.lasti() as i32).map_or(0, |line| line.max(0) as u32));
            count += 1;
        }
        next = Frame::first_complete(frame.previous());
    }
    count
}

/// Visits what the frames of a thread refer to, for the collector ([stopped-world] or own thread).
pub fn visit_frames(tstate: &PyThreadState, visit: &mut dyn FnMut(*mut PyObject)) {
    let mut at = tstate.current_frame.get().cast::<Frame>();
    // SAFETY: frames of a stopped (or the own) thread are live.
    while let Some(frame) = unsafe { at.as_ref() } {
        if frame.owner() != FRAME_OWNED_BY_INTERPRETER {
            visit_frame(frame, visit);
        }
        at = frame.previous();
    }
}

/// Visits what one frame refers to, counted or not.
pub fn visit_frame(frame: &Frame, visit: &mut dyn FnMut(*mut PyObject)) {
    let mut word = |word: StackRef| {
        if !word.is_null() && !word.is_int() && !word.as_ptr().is_null() {
            visit(word.as_ptr());
        }
    };
    word(frame.function());
    word(StackRef::from_layout(frame.0.f_executable.get()));
    let locals = Frame::locals(frame);
    for at in 0..frame.used() {
        // SAFETY: below the stack pointer every word is initialised.
        word(unsafe { *locals.add(at) });
    }
    if let Some(namespace) = frame.namespace() {
        visit(namespace.as_ptr());
    }
    if !frame.0.frame_obj.get().is_null() {
        visit(frame.0.frame_obj.get().cast());
    }
}
