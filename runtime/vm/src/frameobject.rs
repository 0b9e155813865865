//! `frame`: the Python view of an interpreter frame.
//!
//! A frame object points to the interpreter frame while that runs; when the frame ends and the object lives on, the
//! frame's contents move into the object.
//!
//! Concurrency: looking at a frame that another thread runs gives some recent state. Whoever looks holds the frame
//! object's lock, and the contents of an ending frame move under it, so the frame stays while it is looked at; so do
//! the frames below, which end later. Local variables of such a frame are read while the world is stopped.
use crate::frame::{Frame, pop_words};
use crate::generator;
use crate::locals_proxy::FrameLocalsProxy;
use crate::stackref::StackRef;
use krait_object::layout::*;
use krait_object::{Attached, Code, Dict, Int, Layout, Object, PyResult, Ref, Slot, Visit, mem, mode, none, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// A frame object.
#[repr(transparent)]
pub struct FrameObject(pub(crate) PyFrameObject);

/// Bytes of a frame object before the words of its frame's locals and stack.
const BASIC_SIZE: usize = offset_of!(PyFrameObject, _f_frame_data) + offset_of!(_PyInterpreterFrame, localsplus);

krait_object::pytype! {
    #[unsafe(no_mangle)]
    pub static PyFrame_Type: "frame" for FrameObject {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        basicsize: BASIC_SIZE as isize,
        itemsize: 8,
        slots: {
            tp_dealloc = FrameObject::dealloc,
            tp_repr = FrameObject::repr,
            tp_traverse = FrameObject::traverse,
            tp_clear = FrameObject::clear_slot,
        },
        methods: {
            noargs "clear" => FrameObject::clear, "($self, /)", "Drops what the finished frame refers to.";
            noargs "__sizeof__" => FrameObject::size_of, "($self, /)", "The object's size in bytes.";
        },
        getset: {
            "f_back" => FrameObject::back, "The calling frame, or None.";
            "f_locals" => FrameObject::locals, "The local variables; writing to them changes the frame's.";
            "f_lineno" => FrameObject::lineno, FrameObject::set_lineno, "The current line.";
            "f_trace" => FrameObject::get_trace, FrameObject::set_trace, "The frame's trace function.";
            "f_lasti" => FrameObject::lasti, "Offset of the current instruction.";
            "f_globals" => FrameObject::globals, "The global variables.";
            "f_builtins" => FrameObject::builtins, "The builtins.";
            "f_code" => FrameObject::code_object, "The code that runs.";
            "f_trace_opcodes" => FrameObject::get_trace_opcodes, FrameObject::set_trace_opcodes, "Whether each instruction is traced.";
            "f_trace_lines" => FrameObject::get_trace_lines, FrameObject::set_trace_lines, "Whether each line is traced.";
            "f_generator" => FrameObject::generator, "The generator that owns the frame, or None.";
        },
    }
}

impl Frame {
    /// The frame object, made on first use.
    pub fn object(&self, py: Attached<'_>) -> PyResult<Ref<FrameObject>> {
        // SAFETY: the frame owns its frame object, which another thread may have made.
        if let Some(present) = unsafe { Ref::from_borrowed_opt(self.0.frame_obj.load(Acquire).cast()) } {
            return Ok(present);
        }
        // Making it must not disturb an exception that is being unwound.
        let pending = py.take_raised();
        let raw = self.code().raw();
        let words = (raw.co_nlocalsplus.get() + raw.co_stacksize.get()) as usize;
        let made = mem::alloc_instance(py, FrameObject::type_object(), words)?;
        // SAFETY: fresh zeroed memory of this type.
        let made = unsafe { Ref::<FrameObject>::from_raw(made.as_ptr()) };
        // The item count was stored where this layout has another field.
        made.0.f_back.set(null_mut());
        made.0.f_frame.set(std::ptr::from_ref(self).cast_mut().cast());
        made.0.f_trace_lines.set(1);
        // SAFETY: we have a reference.
        unsafe { mode::publish(made.as_ptr()) };
        let given = made.clone().into_raw().cast();
        let made = match self.0.frame_obj.compare_exchange(null_mut(), given, AcqRel, Acquire) {
            Ok(_) => made,
            // SAFETY: what was to be stored is ours still; the frame owns what another thread stored.
            Err(present) => unsafe {
                drop(Ref::<FrameObject>::from_raw(given.cast()));
                FrameObject::cast(present).to_ref()
            },
        };
        if let Some(pending) = pending {
            let _raised = py.restore(pending);
        }
        Ok(made)
    }

    /// The current line; `None` where there is none.
    pub fn line(&self) -> Option<i32> {
        self.code().line_of(self.lasti() as i32)
    }
}

/// The frame object of the innermost frame, if Python code runs.
pub fn current(py: Attached<'_>) -> PyResult<Option<Ref<FrameObject>>> {
    Frame::current(py).map(|frame| frame.object(py)).transpose()
}

/// Takes a frame off that a thread's data stack holds: moves its contents into its frame object if that lives on, else
/// drops them.
///
/// # Safety
/// `frame` is the topmost frame of the data stack; it is not used afterwards.
#[inline(always)]
pub unsafe fn clear_thread_frame(py: Attached<'_>, frame: *mut Frame, previous: *mut Frame) {
    // SAFETY: by the contract.
    unsafe {
        py.tstate().current_frame.set(previous.cast());
        if !(*frame).0.frame_obj.load(Acquire).is_null() {
            let gone = release_object(py, &*frame);
            if !gone {
                pop_words(py, frame);
                return;
            }
        }
        // Nobody else can see the frame any more, so its words need no reset.
        let (locals, end) = (Frame::locals(frame), (*frame).sp());
        let mut at = locals;
        while at < end {
            at.read().close();
            at = at.add(1);
        }
        let namespace = (*frame).0.f_locals.get();
        if !namespace.is_null() {
            mode::decref(namespace);
        }
        (*frame).function().close();
        pop_words(py, frame);
    }
}

/// Drops a frame that was pushed but never ran.
///
/// # Safety
/// As [`clear_thread_frame`]; the frame is not the thread's current one.
pub unsafe fn discard_frame(py: Attached<'_>, frame: *mut Frame) {
    // SAFETY: by the contract.
    unsafe {
        let function = (*frame).function();
        (*frame).clear_contents();
        function.close();
        pop_words(py, frame);
    }
}

/// Lets go of the frame's object. Whether the frame's contents are still to be dropped: `false` when they moved.
#[cold]
pub(crate) fn release_object(py: Attached<'_>, frame: &Frame) -> bool {
    // SAFETY: the frame owns its object.
    let object = unsafe { Ref::<FrameObject>::from_raw(frame.0.frame_obj.load(Acquire).cast()) };
    frame.0.frame_obj.set(null_mut());
    if mode::is_uniquely_referenced(object.as_object()) {
        return true;
    }
    object.take_ownership(py, frame);
    false
}

impl FrameObject {
    pub fn raw(&self) -> &PyFrameObject {
        &self.0
    }

    /// The interpreter frame.
    pub fn frame(&self) -> &Frame {
        // SAFETY: `f_frame` points to the running frame, or into this object.
        unsafe { &*self.0.f_frame.get().cast::<Frame>() }
    }

    /// # Safety
    /// `raw` is a live frame object.
    unsafe fn cast<'a>(raw: *mut PyFrameObject) -> &'a FrameObject {
        // SAFETY: [layout].
        unsafe { &*raw.cast::<FrameObject>() }
    }

    /// Looks at the frame's local variables while nobody changes them: with the world stopped if another thread runs
    /// the frame. `look` must not run Python code.
    pub(crate) fn with_still<R>(&self, py: Attached<'_>, look: impl FnOnce(&Frame) -> R) -> R {
        if !mode::FREE_THREADED || self.is_own(py) {
            return look(self.frame());
        }
        let (mut look, mut result) = (Some(look), None);
        (krait_object::hooks::hooks().stop_the_world)(py, &mut || {
            result = look.take().map(|look| look(self.frame()));
        });
        result.expect("the hook calls once")
    }

    /// Whether no other thread runs the frame.
    fn is_own(&self, py: Attached<'_>) -> bool {
        let section = self.lock(py);
        let frame = std::ptr::from_ref(self.frame());
        if self.frame().owner() == FRAME_OWNED_BY_FRAME_OBJECT {
            return true;
        }
        drop(section);
        Frame::is_on_stack(frame, py)
    }

    /// A frame object of code that does not run: native functions put it into tracebacks. `namespace` is what holds
    /// the local variables of code that is no function's.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn for_code(
        py: Attached<'_>,
        code: &krait_object::Code,
        globals: &Object,
        namespace: Option<&Object>,
    ) -> PyResult<Ref<FrameObject>> {
        let function = krait_object::Function::new(py, code, globals, None)?;
        let raw = code.raw();
        let locals = raw.co_nlocalsplus.get() as usize;
        let made = mem::alloc_instance(py, FrameObject::type_object(), locals + raw.co_stacksize.get() as usize)?;
        // SAFETY: fresh zeroed memory of this type with room for a frame of this code.
        unsafe {
            let made = Ref::<FrameObject>::from_raw(made.as_ptr());
            made.0.f_back.set(null_mut());
            let target = (&raw const made.0._f_frame_data).cast_mut().cast::<Frame>();
            let namespace = namespace.map_or(null_mut(), |namespace| namespace.to_ref().into_raw());
            Frame::init(target, crate::stackref::StackRef::owned(function), code, namespace, null_mut(), locals);
            for at in 0..locals {
                Frame::locals(target).add(at).write(crate::stackref::StackRef::NULL);
            }
            (*target).0.owner.set(FRAME_OWNED_BY_FRAME_OBJECT);
            (*target).set_lasti(raw._co_firsttraceable.get() as isize);
            made.0.f_frame.set(target.cast());
            made.0.f_trace_lines.set(1);
            krait_object::gc::track(made.as_object());
            Ok(made)
        }
    }

    /// Moves the contents of an ending frame into this object.
    fn take_ownership(&self, py: Attached<'_>, frame: &Frame) {
        let back = Frame::first_complete(frame.previous()).map(|back| {
            let pending = py.take_raised();
            let back = back.object(py).map_err(|raised| raised.clear(py)).ok();
            if let Some(pending) = pending {
                let _raised = py.restore(pending);
            }
            back
        });
        let target = (&raw const self.0._f_frame_data).cast_mut().cast::<Frame>();
        let used = frame.used();
        // Waiting for the lock may let the collector run, which scans this frame no more: its words need counts.
        // SAFETY: below the stack pointer every word is initialised.
        unsafe {
            for at in 0..used {
                let place = Frame::locals(frame).add(at);
                place.write(place.read().into_owned());
            }
        }
        frame.0.f_funcobj.set(frame.function().into_owned().to_layout());
        let _section = self.lock(py);
        if let Some(back) = back.flatten() {
            self.0.f_back.set(back.into_raw().cast());
        }
        // SAFETY: the object has room for a frame of this code; the old frame is not used afterwards.
        unsafe {
            let words = std::ptr::from_ref(frame).cast::<usize>();
            std::ptr::copy_nonoverlapping(words, target.cast(), crate::frame::FRAME_HEAD);
            std::ptr::copy_nonoverlapping(Frame::locals(frame), Frame::locals(target), used);
            let owned = &*target;
            owned.set_sp(Frame::locals(target).add(used));
            owned.0.owner.set(FRAME_OWNED_BY_FRAME_OBJECT);
            owned.0.previous.set(null_mut());
            if !frame.is_complete() {
                owned.set_lasti(owned.code().raw()._co_firsttraceable.get() as isize);
            }
            self.0.f_frame.store(target.cast(), std::sync::atomic::Ordering::Release);
        }
        krait_object::gc::track(self.as_object());
    }

    fn back(py: Attached<'_>, this: &FrameObject) -> PyResult<Option<Ref<FrameObject>>> {
        let recorded = || {
            let _section = this.lock(py);
            // SAFETY: the field owns its frame object.
            unsafe { Ref::from_borrowed_opt(this.0.f_back.get().cast()) }
        };
        if let Some(back) = recorded() {
            return Ok(Some(back));
        }
        // The frames below another thread's come and go as it runs.
        let back = this.with_still(py, |frame| {
            Frame::first_complete(frame.previous()).map(|frame| frame.object(py)).transpose()
        })?;
        // The thread may have left the frame before it stood still.
        Ok(back.or_else(recorded))
    }

    pub fn locals(py: Attached<'_>, this: &FrameObject) -> PyResult<Ref<Object>> {
        let optimized =
            Self::code_object(py, this).raw().co_flags.get() as u32 & krait_bytecode::flags::CO_OPTIMIZED != 0;
        if optimized || this.with_still(py, crate::locals_proxy::has_hidden) {
            return Ok(FrameLocalsProxy::new(py, this)?.upcast());
        }
        let _section = this.lock(py);
        let frame = this.frame();
        match frame.namespace() {
            Some(namespace) => Ok(namespace.to_ref()),
            None => {
                let dict = Dict::new(py)?;
                frame.0.f_locals.set(dict.clone().into_raw());
                Ok(dict.upcast())
            }
        }
    }

    fn lineno(py: Attached<'_>, this: &FrameObject) -> PyResult<Ref<Object>> {
        let line = match this.0.f_lineno.get() {
            0 => {
                let _section = this.lock(py);
                this.frame().line()
            }
            set => Some(set),
        };
        match line {
            Some(line) => Ok(Int::from_i64(py, line.into())?.upcast()),
            None => Ok(none()),
        }
    }

    fn set_lineno(py: Attached<'_>, this: &FrameObject, value: Option<&Object>) -> PyResult<()> {
        crate::frame_lineno::set(py, this, value)
    }

    fn get_trace(_py: Attached<'_>, this: &FrameObject) -> Option<Ref<Object>> {
        this.trace_slot().get()
    }

    pub(crate) fn trace_slot(&self) -> &Slot {
        // SAFETY: the field owns its object.
        unsafe { Slot::of(&self.0.f_trace) }
    }

    fn set_trace(py: Attached<'_>, this: &FrameObject, value: Option<&Object>) -> PyResult<()> {
        let value = value.filter(|value| !value.is_none());
        drop(this.trace_slot().replace(value.map(Object::to_ref)));
        if value.is_some() && this.0.f_trace_opcodes.get() != 0 {
            crate::tracing::trace_opcodes(py, this, true);
        }
        Ok(())
    }

    fn lasti(py: Attached<'_>, this: &FrameObject) -> isize {
        let _section = this.lock(py);
        let frame = this.frame();
        let start = (&raw const frame.code().raw().co_code_adaptive).addr();
        frame.0.instr_ptr.get().addr().wrapping_sub(start) as isize
    }

    fn globals(py: Attached<'_>, this: &FrameObject) -> Ref<Object> {
        let _section = this.lock(py);
        this.frame().globals().to_ref()
    }

    fn builtins(py: Attached<'_>, this: &FrameObject) -> Ref<Object> {
        let _section = this.lock(py);
        this.frame().builtins().to_ref()
    }

    fn code_object(py: Attached<'_>, this: &FrameObject) -> Ref<Code> {
        let _section = this.lock(py);
        this.frame().code().to_ref()
    }

    fn get_trace_opcodes(_py: Attached<'_>, this: &FrameObject) -> bool {
        this.0.f_trace_opcodes.get() != 0
    }

    fn set_trace_opcodes(py: Attached<'_>, this: &FrameObject, value: Option<&Object>) -> PyResult<()> {
        if value.is_none() {
            let text = "attribute 'f_trace_opcodes' of 'frame' objects cannot be deleted";
            return Err(raise!(py, AttributeError, "{text}"));
        }
        let on = flag_of(py, value)?;
        this.0.f_trace_opcodes.set(on.into());
        crate::tracing::trace_opcodes(py, this, on);
        Ok(())
    }

    fn get_trace_lines(_py: Attached<'_>, this: &FrameObject) -> bool {
        this.0.f_trace_lines.get() != 0
    }

    fn set_trace_lines(py: Attached<'_>, this: &FrameObject, value: Option<&Object>) -> PyResult<()> {
        let on = flag_of(py, value)?;
        this.0.f_trace_lines.set(on.into());
        Ok(())
    }

    fn generator(py: Attached<'_>, this: &FrameObject) -> Option<Ref<Object>> {
        let _section = this.lock(py);
        let frame = this.frame();
        (frame.owner() == FRAME_OWNED_BY_GENERATOR).then(|| generator::of_frame(frame).as_object().to_ref())
    }

    fn clear(py: Attached<'_>, this: &FrameObject) -> PyResult<()> {
        let (frame, owner) = {
            let _section = this.lock(py);
            (this.frame(), this.frame().owner())
        };
        match owner {
            FRAME_OWNED_BY_GENERATOR => {
                let owner = generator::of_frame(frame);
                match owner.raw().gi_frame_state.get() {
                    FRAME_EXECUTING => return Err(raise!(py, RuntimeError, "cannot clear an executing frame")),
                    FRAME_SUSPENDED | FRAME_SUSPENDED_YIELD_FROM => {
                        return Err(raise!(py, RuntimeError, "cannot clear a suspended frame"));
                    }
                    _ => generator::finalize(py, owner.as_object()),
                }
            }
            FRAME_OWNED_BY_THREAD => return Err(raise!(py, RuntimeError, "cannot clear an executing frame")),
            _ => Self::clear_slot(py, this),
        }
        Ok(())
    }

    fn size_of(py: Attached<'_>, this: &FrameObject) -> usize {
        let code = Self::code_object(py, this);
        let raw = code.raw();
        BASIC_SIZE + 8 * (raw.co_nlocalsplus.get() + raw.co_stacksize.get()) as usize
    }

    fn repr(py: Attached<'_>, this: &FrameObject) -> PyResult<String> {
        let code = Self::code_object(py, this);
        let file = code.filename().as_object().repr(py)?;
        let line = Self::lineno(py, this)?.str(py)?;
        let (file, name) = (file.to_string_lossy(), code.name().to_string_lossy());
        Ok(format!("<frame at {:#x}, file {file}, line {line}, code {name}>", this.as_ptr().addr()))
    }

    fn owned_fields(&self) -> [&Field<*mut PyObject>; 4] {
        [&self.0.f_trace, &self.0.f_extra_locals, &self.0.f_locals_cache, &self.0.f_overwritten_fast_locals]
    }

    pub(crate) fn owns_frame(&self) -> bool {
        !self.0.f_frame.get().is_null() && self.frame().owner() == FRAME_OWNED_BY_FRAME_OBJECT
    }

    fn traverse(this: &FrameObject, visit: Visit<'_>) -> Result<(), c_int> {
        for field in this.owned_fields() {
            visit.field(field)?;
        }
        visit.raw(this.0.f_back.get().cast())?;
        if !this.owns_frame() {
            return Ok(());
        }
        traverse_words(this.frame(), visit)
    }

    fn clear_slot(_py: Attached<'_>, this: &FrameObject) {
        for field in this.owned_fields() {
            // SAFETY: the fields own their objects.
            drop(unsafe { Slot::<Object>::of(field) }.take());
        }
        if this.owns_frame() {
            this.frame().clear_contents();
            this.frame().set_sp(Frame::locals(this.frame()));
            clear_stack_mark(this.frame());
        }
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<FrameObject>) {
        let drop_fields = |this: &FrameObject| {
            for field in this.owned_fields() {
                // SAFETY: the fields own their objects.
                drop(unsafe { Slot::<Object>::of(field) }.take());
            }
            let back = this.0.f_back.get();
            this.0.f_back.set(null_mut());
            // SAFETY: the field owned it.
            drop(unsafe { Ref::<Object>::from_raw_opt(back.cast()) });
            if this.owns_frame() {
                let frame = this.frame();
                frame.clear_contents();
                frame.function().close();
                frame.0.f_funcobj.set(StackRef::NULL.to_layout());
            }
        };
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, drop_fields) }
    }
}

/// The value of a yes-or-no attribute.
fn flag_of(py: Attached<'_>, value: Option<&Object>) -> PyResult<bool> {
    let Some(value) = value else { return Err(raise!(py, TypeError, "can't delete numeric/char attribute")) };
    match value.downcast::<krait_object::Bool>() {
        Some(value) => Ok(value.as_object().is(krait_object::Bool::of(true))),
        None => Err(raise!(py, TypeError, "attribute value type must be bool")),
    }
}

/// A cleared frame keeps its locals as nulls, so that they can still be looked up.
fn clear_stack_mark(frame: &Frame) {
    let count = frame.code().raw().co_nlocalsplus.get() as usize;
    // SAFETY: the words were reset when they were cleared.
    frame.set_sp(unsafe { Frame::locals(frame).add(count) });
}

/// Visits what a frame owns.
pub(crate) fn traverse_words(frame: &Frame, visit: Visit<'_>) -> Result<(), c_int> {
    let function = frame.function();
    if !function.is_borrowed() {
        visit.raw(function.as_ptr())?;
    }
    visit.raw(frame.0.f_locals.get())?;
    let locals = Frame::locals(frame);
    for at in 0..frame.used() {
        // SAFETY: below the stack pointer every word is initialised.
        let word = unsafe { locals.add(at).read() };
        if !word.is_borrowed() {
            visit.raw(word.as_ptr())?;
        }
    }
    Ok(())
}
