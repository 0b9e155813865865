//! `PickleBuffer`: memory that may travel beside a pickle.
use krait_object::args::{Args, Signature};
use krait_object::builtins::MemoryView;
use krait_object::layout::{Field, Py_buffer, PyBUF_FULL_RO, PyObject};
use krait_object::native::{alloc, required};
use krait_object::protocols::buffer::get_buffer;
use krait_object::{Attached, Layout, Object, PyResult, Raised, Ref, Slot, Type, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;

krait_object::native! {
    /// `pickle.PickleBuffer`.
    pub struct PickleBuffer { view: Slot<MemoryView>, weaklist: Field<*mut PyObject> }
}
pytype! {
    #[unsafe(no_mangle)]
    pub static PyPickleBuffer_Type: "pickle.PickleBuffer" for PickleBuffer {
        base: Object, flags: [HAVE_GC],
        doc: "Wrapper for potentially out-of-band buffers",
        slots: {
            tp_dealloc = PickleBuffer::dealloc,
            tp_traverse = PickleBuffer::traverse,
            tp_clear = |_: Attached<'_>, this: &PickleBuffer| drop(this.view.take()),
            tp_new = PickleBuffer::construct,
            raw tp_weaklistoffset = offset_of!(PickleBuffer, weaklist) as isize,
            bf_getbuffer = PickleBuffer::get_buffer,
        },
        methods: {
            noargs "raw" => PickleBuffer::raw, "($self, /)", "Return a memoryview of the raw memory underlying this buffer.\n\nWill raise BufferError is the buffer isn't contiguous.";
            noargs "release" => |_: Attached<'_>, this: &PickleBuffer| drop(this.view.take()), "($self, /)", "Release the underlying buffer controlled by the PickleBuffer object.";
        },
    }
}

fn released(py: Attached<'_>) -> Raised {
    raise!(py, ValueError, "operation forbidden on released PickleBuffer object")
}

impl PickleBuffer {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<PickleBuffer>> {
        const SIG: Signature = Signature::parse("PickleBuffer", "(object, /)");
        let [object] = SIG.bind::<1>(py, args)?;
        let object = required(py, object)?;
        if !krait_object::protocols::buffer::Buffer::is_exporter(object) {
            let given = object.ty().name();
            return Err(raise!(py, TypeError, "a bytes-like object is required, not '{given}'"));
        }
        let view = MemoryView::from_flags(py, object, PyBUF_FULL_RO as c_int)?;
        let this = alloc::<PickleBuffer>(py, ty)?;
        drop(this.view.replace(Some(view)));
        Ok(this)
    }

    /// Lets go of the memory.
    pub fn release(&self) {
        drop(self.view.take());
    }

    pub fn memory(&self, py: Attached<'_>) -> PyResult<Ref<MemoryView>> {
        self.view.get().ok_or_else(|| released(py))
    }

    /// The memory as bytes in one dimension.
    pub fn raw(py: Attached<'_>, this: &PickleBuffer) -> PyResult<Ref<Object>> {
        let view = this.memory(py)?.upcast();
        let name = |name: &'static str| krait_object::Str::intern_static(py, name);
        if !view.get_attr(py, name("contiguous"))?.is_true(py)? {
            return Err(raise!(py, BufferError, "cannot extract raw buffer from non-contiguous buffer"));
        }
        if view.get_attr(py, name("c_contiguous"))?.is_true(py)? {
            let format = krait_object::Str::new(py, "B")?;
            return view.call_method(py, name("cast"), &[format.as_object()]);
        }
        // Fortran order: the bytes as they lie in memory.
        Ok(this.memory(py)?.flat(py)?.upcast())
    }

    fn get_buffer(py: Attached<'_>, this: &PickleBuffer, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        // The view's own exporter lends the memory, so that what is lent names it.
        let exporter = this.memory(py)?.as_object().get_attr(py, krait_object::id!(py, obj))?;
        get_buffer(py, &exporter, view, flags)
    }
}
