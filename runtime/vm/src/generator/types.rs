//! The types `generator`, `coroutine`, `async_generator` and `coroutine_wrapper`.
use super::resume::{close, finalize, resume, send_method, throw_method};
use super::{delegate, drop_contents};
use crate::frameobject::{FrameObject, traverse_words};
use crate::stackref::StackRef;
use krait_object::args::Args;
use krait_object::layout::*;
use krait_object::typedef::member;
use krait_object::{Attached, Code, Layout, Object, PyResult, Ref, Slot, Str, Type, Visit, mem, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// A generator; also the common view of the three types.
#[repr(transparent)]
pub struct Generator(PyGenObject);
/// A coroutine.
#[repr(transparent)]
pub struct Coroutine(PyGenObject);
/// An asynchronous generator.
#[repr(transparent)]
pub struct AsyncGenerator(PyGenObject);

const BASIC: isize = (offset_of!(PyGenObject, gi_iframe) + offset_of!(_PyInterpreterFrame, localsplus)) as isize;
const WEAKLIST: isize = offset_of!(PyGenObject, gi_weakreflist) as isize;

krait_object::pytype! {
    #[unsafe(no_mangle)]
    pub static PyGen_Type: "generator" for Generator {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        basicsize: BASIC,
        itemsize: 8,
        slots: {
            tp_dealloc = Generator::dealloc,
            tp_repr = Generator::repr,
            tp_traverse = Generator::traverse,
            tp_iter = Generator::iter,
            tp_iternext = Generator::next,
            tp_finalize = Generator::finalize,
            raw_am_send = Some(am_send),
            raw tp_weaklistoffset = WEAKLIST,
        },
        methods: {
            o "send" => Generator::send, "($self, object, /)", "Resumes the generator with a value for its yield.";
            raw "throw" => Generator::throw, "", "Raises an exception where the generator is suspended.";
            noargs "close" => Generator::close, "($self, /)", "Raises GeneratorExit where the generator is suspended.";
            noargs "__sizeof__" => Generator::size_of, "($self, /)", "The object's size in bytes.";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "A generic alias.";
        },
        getset: {
            "__name__" => Generator::name, Generator::set_name, "The name.";
            "__qualname__" => Generator::qualname, Generator::set_qualname, "The qualified name.";
            "gi_yieldfrom" => Generator::yield_from, "What the generator waits for in yield from, or None.";
            "gi_running" => Generator::running, "Whether it runs.";
            "gi_frame" => Generator::frame_object, "Its frame, or None when finished.";
            "gi_suspended" => Generator::suspended, "Whether it stands at a yield.";
            "gi_code" => Generator::code, "Its code.";
        },
    }
}

krait_object::pytype! {
    #[unsafe(no_mangle)]
    pub static PyCoro_Type: "coroutine" for Coroutine {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        basicsize: BASIC,
        itemsize: 8,
        slots: {
            tp_dealloc = Coroutine::dealloc,
            tp_repr = Coroutine::repr,
            tp_traverse = Coroutine::traverse,
            tp_finalize = Coroutine::finalize,
            am_await = Coroutine::wrapper,
            raw_am_send = Some(am_send),
            raw tp_weaklistoffset = WEAKLIST,
        },
        methods: {
            o "send" => Coroutine::send, "($self, object, /)", "Sends a value into coroutine, as the result of its await.";
            raw "throw" => Coroutine::throw, "", "Raises an exception in coroutine, where it is suspended.";
            noargs "close" => Coroutine::close, "($self, /)", "Raises GeneratorExit inside coroutine, where it is suspended.";
            noargs "__sizeof__" => Coroutine::size_of, "($self, /)", "The object's size in bytes.";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "A generic alias.";
        },
        getset: {
            "__name__" => Coroutine::name, Coroutine::set_name, "Name of the coroutine.";
            "__qualname__" => Coroutine::qualname, Coroutine::set_qualname, "Qualified name of the coroutine.";
            "cr_await" => Coroutine::yield_from, "What the coroutine awaits, or None.";
            "cr_running" => Coroutine::running, "Whether it runs.";
            "cr_frame" => Coroutine::frame_object, "Its frame, or None when finished.";
            "cr_code" => Coroutine::code, "Its code.";
            "cr_suspended" => Coroutine::suspended, "Whether it stands at an await.";
        },
        members: [member("cr_origin\0", 6, offset_of!(PyGenObject, gi_origin_or_finalizer), 1, c"")],
    }
}

krait_object::pytype! {
    #[unsafe(no_mangle)]
    pub static PyAsyncGen_Type: "async_generator" for AsyncGenerator {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        basicsize: BASIC,
        itemsize: 8,
        slots: {
            tp_dealloc = AsyncGenerator::dealloc,
            tp_repr = AsyncGenerator::repr,
            tp_traverse = AsyncGenerator::traverse,
            tp_finalize = AsyncGenerator::finalize,
            am_aiter = AsyncGenerator::iter,
            am_anext = AsyncGenerator::anext,
            raw_am_send = Some(am_send),
            raw tp_weaklistoffset = WEAKLIST,
        },
        methods: {
            o "asend" => AsyncGenerator::asend, "($self, object, /)", "An awaitable that resumes the generator with a value.";
            raw "athrow" => AsyncGenerator::athrow, "", "An awaitable that raises an exception inside the generator.";
            noargs "aclose" => AsyncGenerator::aclose, "($self, /)", "An awaitable that closes the generator.";
            noargs "__sizeof__" => AsyncGenerator::size_of, "($self, /)", "The object's size in bytes.";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "A generic alias.";
        },
        getset: {
            "__name__" => AsyncGenerator::name, AsyncGenerator::set_name, "The name.";
            "__qualname__" => AsyncGenerator::qualname, AsyncGenerator::set_qualname, "The qualified name.";
            "ag_await" => AsyncGenerator::yield_from, "What the generator awaits, or None.";
            "ag_frame" => AsyncGenerator::frame_object, "Its frame, or None when finished.";
            "ag_code" => AsyncGenerator::code, "Its code.";
            "ag_suspended" => AsyncGenerator::suspended, "Whether it stands at a yield.";
            "ag_running" => AsyncGenerator::running_async, "Whether an asend() or its siblings are under way.";
        },
    }
}

fn class_getitem(py: Attached<'_>, ty: &Type, item: &Object) -> PyResult<Ref<Object>> {
    crate::typing::generic_alias(py, ty.as_object(), item)
}

/// The `am_send` slot of the three types.
unsafe extern "C" fn am_send(this: *mut PyObject, value: *mut PyObject, result: *mut *mut PyObject) -> PySendResult {
    // SAFETY: [slot-contract].
    unsafe {
        let py = Attached::from_tls();
        let this: &Generator = Object::from_ptr(this).cast_unchecked();
        match resume(py, this, value.cast::<Object>().as_ref(), false, false) {
            Ok(Ok(yielded)) => {
                *result = yielded.into_raw();
                1
            }
            Ok(Err(returned)) => {
                *result = returned.into_raw();
                0
            }
            Err(_) => -1,
        }
    }
}

/// The functions that the three types share.
macro_rules! common {
    ($ty:ident, $label:literal) => {
        impl $ty {
            /// The view as a generator.
            #[inline(always)]
            pub fn as_generator(&self) -> &Generator {
                // SAFETY: one layout for all three.
                unsafe { self.as_object().cast_unchecked() }
            }

            #[inline(always)]
            pub fn raw(&self) -> &PyGenObject {
                &self.0
            }

            fn repr(_py: Attached<'_>, this: &Self) -> String {
                let name = this.qualname_slot().get();
                let name = name.as_ref().map(|name| name.to_string_lossy()).unwrap_or_default();
                format!(concat!("<", $label, " object {} at {:#x}>"), name, this.as_ptr().addr())
            }

            fn name_slot(&self) -> &Slot<Str> {
                // SAFETY: the field owns a string.
                unsafe { Slot::of(&self.0.gi_name) }
            }

            fn qualname_slot(&self) -> &Slot<Str> {
                // SAFETY: the field owns a string.
                unsafe { Slot::of(&self.0.gi_qualname) }
            }

            fn name(_py: Attached<'_>, this: &Self) -> Option<Ref<Str>> {
                this.name_slot().get()
            }

            fn qualname(_py: Attached<'_>, this: &Self) -> Option<Ref<Str>> {
                this.qualname_slot().get()
            }

            fn set_name(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
                let Some(name) = value.and_then(|value| value.downcast::<Str>()) else {
                    return Err(raise!(py, TypeError, "__name__ must be set to a string object"));
                };
                drop(this.name_slot().replace(Some(name.to_ref())));
                Ok(())
            }

            fn set_qualname(py: Attached<'_>, this: &Self, value: Option<&Object>) -> PyResult<()> {
                let Some(name) = value.and_then(|value| value.downcast::<Str>()) else {
                    return Err(raise!(py, TypeError, "__qualname__ must be set to a string object"));
                };
                drop(this.qualname_slot().replace(Some(name.to_ref())));
                Ok(())
            }

            fn yield_from(_py: Attached<'_>, this: &Self) -> Option<Ref<Object>> {
                delegate(this.as_generator())
            }

            fn suspended(_py: Attached<'_>, this: &Self) -> bool {
                matches!(this.0.gi_frame_state.get(), FRAME_SUSPENDED | FRAME_SUSPENDED_YIELD_FROM)
            }

            fn frame_object(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<FrameObject>>> {
                if this.0.gi_frame_state.get() >= FRAME_COMPLETED {
                    return Ok(None);
                }
                let this = this.as_generator();
                if !krait_object::FREE_THREADED || crate::frame::Frame::is_on_stack(this.frame(), py) {
                    return this.frame().object(py).map(Some);
                }
                // Another thread may run it to its end meanwhile.
                let mut object = Ok(None);
                (krait_object::hooks::hooks().stop_the_world)(py, &mut || {
                    if this.raw().gi_frame_state.get() < FRAME_COMPLETED {
                        object = this.frame().object(py).map(Some);
                    }
                });
                object
            }

            fn code(_py: Attached<'_>, this: &Self) -> Ref<Code> {
                this.as_generator().frame().code().to_ref()
            }

            fn size_of(_py: Attached<'_>, this: &Self) -> usize {
                let raw = this.as_generator().frame().code().raw();
                BASIC as usize + 8 * (raw.co_nlocalsplus.get() + raw.co_stacksize.get()) as usize
            }

            fn finalize(py: Attached<'_>, this: &Self) {
                finalize(py, this.as_object());
            }

            fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
                visit.field(&this.0.gi_name)?;
                visit.field(&this.0.gi_qualname)?;
                visit.field(&this.0.gi_origin_or_finalizer)?;
                visit.field(&this.0.gi_exc_state.exc_value)?;
                let frame = this.as_generator().frame();
                if this.0.gi_frame_state.get() < FRAME_CLEARED {
                    return traverse_words(frame, visit);
                }
                let code = StackRef::from_layout(frame.0.f_executable.get());
                if code.is_borrowed() { Ok(()) } else { visit.raw(code.as_ptr()) }
            }

            unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
                let drop_fields = |this: &Self| {
                    let raw = &this.0;
                    if raw.gi_frame_state.get() < FRAME_CLEARED {
                        drop_contents(py, this.as_generator());
                    }
                    let code = StackRef::from_layout(this.as_generator().frame().0.f_executable.get());
                    code.close();
                    for field in [&raw.gi_name, &raw.gi_qualname, &raw.gi_origin_or_finalizer] {
                        // SAFETY: the fields own their objects.
                        drop(unsafe { Slot::<Object>::of(field) }.take());
                    }
                };
                // SAFETY: [slot-contract].
                unsafe { mem::dealloc_with(py, this, drop_fields) }
            }
        }
    };
}

/// The functions that generators and coroutines share.
macro_rules! sync_methods {
    ($ty:ident) => {
        impl $ty {
            fn send(py: Attached<'_>, this: &Self, value: &Object) -> PyResult<Ref<Object>> {
                send_method(py, this.as_generator(), value)
            }

            fn throw(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
                args.no_keywords(py, "throw")?;
                throw_method(py, this.as_generator(), args.pos)
            }

            fn close(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
                close(py, this.as_generator())
            }

            fn running(_py: Attached<'_>, this: &Self) -> bool {
                this.0.gi_frame_state.get() == FRAME_EXECUTING
            }
        }
    };
}

common!(Generator, "generator");
common!(Coroutine, "coroutine");
common!(AsyncGenerator, "async_generator");
sync_methods!(Generator);
sync_methods!(Coroutine);

impl Generator {
    fn iter<'a>(_py: Attached<'_>, this: &'a Generator) -> &'a Generator {
        this
    }

    fn next(py: Attached<'_>, this: &Generator) -> PyResult<Option<Ref<Object>>> {
        match resume(py, this, None, false, false)? {
            Ok(yielded) => Ok(Some(yielded)),
            Err(returned) if returned.is_none() => Ok(None),
            Err(returned) => Err(super::raise_stop(py, &returned)),
        }
    }
}

impl Coroutine {
    fn wrapper(py: Attached<'_>, this: &Coroutine) -> PyResult<Ref<CoroutineWrapper>> {
        mem::new_instance::<CoroutineWrapper>(py, CoroutineWrapper::type_object(), |wrapper| {
            drop(wrapper.coroutine.replace(Some(this.to_ref())));
        })
    }
}

impl AsyncGenerator {
    fn iter<'a>(_py: Attached<'_>, this: &'a AsyncGenerator) -> &'a AsyncGenerator {
        this
    }

    fn running_async(_py: Attached<'_>, this: &AsyncGenerator) -> bool {
        this.0.gi_running_async.get() != 0
    }
}

/// What `coroutine.__await__()` returns: an iterator over the coroutine.
#[repr(C)]
pub struct CoroutineWrapper {
    head: PyObject,
    coroutine: Slot<Coroutine>,
}

krait_object::pytype! {
    pub static CoroutineWrapper_Type: "coroutine_wrapper" for CoroutineWrapper {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "An iterator that drives a coroutine.",
        slots: {
            tp_dealloc = CoroutineWrapper::dealloc,
            tp_traverse = CoroutineWrapper::traverse,
            tp_clear = CoroutineWrapper::clear,
            tp_iter = CoroutineWrapper::iter,
            tp_iternext = CoroutineWrapper::next,
        },
        methods: {
            o "send" => CoroutineWrapper::send, "($self, object, /)", "Sends a value into coroutine.";
            raw "throw" => CoroutineWrapper::throw, "", "Raises an exception in coroutine, where it is suspended.";
            noargs "close" => CoroutineWrapper::close, "($self, /)", "Closes the coroutine.";
        },
    }
}

impl CoroutineWrapper {
    fn target(&self, py: Attached<'_>) -> PyResult<Ref<Coroutine>> {
        self.coroutine.get().ok_or_else(|| py.bad_internal_call())
    }

    fn iter<'a>(_py: Attached<'_>, this: &'a Self) -> &'a Self {
        this
    }

    fn next(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        Generator::next(py, this.target(py)?.as_generator())
    }

    fn send(py: Attached<'_>, this: &Self, value: &Object) -> PyResult<Ref<Object>> {
        send_method(py, this.target(py)?.as_generator(), value)
    }

    fn throw(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        throw_method(py, this.target(py)?.as_generator(), args.pos)
    }

    fn close(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        close(py, this.target(py)?.as_generator())
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.coroutine)
    }

    fn clear(_py: Attached<'_>, this: &Self) {
        drop(this.coroutine.take());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, |this| drop(this.coroutine.take())) }
    }
}
