//! The managed buffer: one acquired buffer that any number of views share.
use crate::handle::{Attached, Layout, Ref, Visit};
use crate::layout::{_Py_MANAGED_BUFFER_RELEASED, _PyManagedBufferObject};
use crate::protocols::buffer::{buffer_field, get_buffer, release_buffer};
use crate::{Object, PyResult, mem, pytype};
use std::ffi::c_int;
use std::ptr::NonNull;

/// Memory lent by an object, shared by memory views.
#[repr(transparent)]
pub struct ManagedBuffer(pub(crate) _PyManagedBufferObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyManagedBuffer_Type: "managedbuffer" for ManagedBuffer {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = ManagedBuffer::dealloc,
            tp_traverse = ManagedBuffer::traverse,
            tp_clear = |py: Attached<'_>, this: &ManagedBuffer| this.release(py),
        },
    }
}

impl ManagedBuffer {
    /// One without memory.
    pub fn empty(py: Attached<'_>) -> PyResult<Ref<ManagedBuffer>> {
        mem::new_instance::<ManagedBuffer>(py, Self::type_object(), |_| {})
    }

    /// The memory that `object` lends when asked with `flags`.
    pub fn new(py: Attached<'_>, object: &Object, flags: c_int) -> PyResult<Ref<ManagedBuffer>> {
        let new = Self::empty(py)?;
        // SAFETY: fresh, so nobody else uses it.
        let result = get_buffer(py, object, unsafe { buffer_field(&new.0.master) }, flags);
        if result.is_err() {
            new.0.flags.set(_Py_MANAGED_BUFFER_RELEASED);
        }
        result.map(|()| new)
    }

    pub fn is_released(&self) -> bool {
        self.0.flags.get() & _Py_MANAGED_BUFFER_RELEASED != 0
    }

    /// One more view.
    pub fn add_export(&self, py: Attached<'_>) {
        let _lock = self.lock(py);
        self.0.exports.set(self.0.exports.get() + 1);
    }

    /// One view less; the last one gives the memory back.
    pub fn drop_export(&self, py: Attached<'_>) {
        let lock = self.lock(py);
        let left = self.0.exports.get() - 1;
        self.0.exports.set(left);
        drop(lock);
        if left == 0 {
            self.release(py);
        }
    }

    fn release(&self, py: Attached<'_>) {
        let lock = self.lock(py);
        let before = self.0.flags.get();
        self.0.flags.set(before | _Py_MANAGED_BUFFER_RELEASED);
        drop(lock);
        if before & _Py_MANAGED_BUFFER_RELEASED == 0 {
            // SAFETY: the flag makes this the only user from here on.
            release_buffer(py, unsafe { buffer_field(&self.0.master) });
        }
    }

    fn traverse(this: &ManagedBuffer, visit: Visit<'_>) -> Result<(), c_int> {
        // SAFETY: the collector reads while nobody changes the buffer.
        visit.raw(unsafe { (*this.0.master.as_ptr()).obj })
    }

    /// # Safety
    /// As a `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<ManagedBuffer>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| this.release(py)) };
    }
}
