//! `memory_iterator`.
use super::{MemoryView, access};
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::{FREE_THREADED, Object, PyResult, mem, pytype, raise};
use std::ffi::c_int;
use std::ptr::NonNull;

/// Iterator over the items of a one-dimensional view.
#[repr(C)]
pub struct MemoryIter {
    ob_base: PyObject,
    index: Field<isize>,
    seq: Slot<MemoryView>,
    length: Field<isize>,
    format: Field<usize>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyMemoryIter_Type: "memory_iterator" for MemoryIter {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = MemoryIter::dealloc,
            tp_traverse = MemoryIter::traverse,
            tp_iter = MemoryIter::py_iter,
            tp_iternext = MemoryIter::next,
        },
    }
}

impl MemoryIter {
    pub(super) fn new(py: Attached<'_>, view: &MemoryView) -> PyResult<Ref<Object>> {
        view.check_released(py)?;
        super::format::code(py, view.format())?;
        let length = match view.view().ndim {
            0 => return Err(raise!(py, TypeError, "invalid indexing of 0-dim memory")),
            1 => MemoryView::length(py, view)?,
            _ => {
                return Err(raise!(py, NotImplementedError, "multi-dimensional sub-views are not implemented"));
            }
        };
        let view = view.to_ref();
        let new = mem::new_instance::<MemoryIter>(py, Self::type_object(), |this| {
            this.seq.replace(Some(view));
            this.length.set(length as isize);
        })?;
        Ok(new.upcast())
    }

    /// # Safety
    /// As a `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<MemoryIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.seq.take())) };
    }

    fn traverse(this: &MemoryIter, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.seq)
    }

    fn py_iter<'a>(_: Attached<'_>, this: &'a MemoryIter) -> &'a MemoryIter {
        this
    }

    fn next(py: Attached<'_>, this: &MemoryIter) -> PyResult<Option<Ref<Object>>> {
        let Some(view) = this.seq.get() else { return Ok(None) };
        let index = this.index.get();
        if index >= this.length.get() {
            if !FREE_THREADED {
                drop(this.seq.take());
            }
            return Ok(None);
        }
        this.index.set(index + 1);
        access::item(py, &view, index).map(Some)
    }
}
