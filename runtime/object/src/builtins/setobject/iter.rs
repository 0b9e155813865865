//! The iterator over sets. Threads that share one may get an item twice.
use super::AnySet;
use crate::builtins::container::builtin;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::{FREE_THREADED, List, Object, PyResult, Tuple, id, mem, pytype, raise};
use std::ffi::c_int;
use std::ptr::NonNull;

/// `set_iterator`.
#[repr(C)]
pub struct SetIter {
    ob_base: PyObject,
    set: Slot<AnySet>,
    /// The set's size at the start; -1 after an error.
    used: Field<isize>,
    /// The next slot; negative once exhausted.
    pos: Field<isize>,
    left: Field<isize>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PySetIter_Type: "set_iterator" for SetIter {
        base: crate::Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = SetIter::dealloc,
            tp_traverse = SetIter::traverse,
            tp_iter = |_, this: &SetIter| this.to_ref(),
            tp_iternext = SetIter::next,
        },
        methods: {
            noargs "__length_hint__" => SetIter::length_hint, "($self, /)", "Estimate how many items are left.";
            noargs "__reduce__" => SetIter::reduce, "($self, /)", "What pickle needs to build it again.";
        },
    }
}

impl SetIter {
    pub(super) fn new(py: Attached<'_>, set: &AnySet) -> PyResult<Ref<SetIter>> {
        mem::new_instance(py, SetIter::type_object(), |iter: &SetIter| {
            drop(iter.set.replace(Some(set.to_ref())));
            iter.used.set(set.len() as isize);
            iter.left.set(set.len() as isize);
        })
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<SetIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |iter| drop(iter.set.take())) };
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.set)
    }

    #[inline(always)]
    fn live(&self) -> Option<&AnySet> {
        if FREE_THREADED && self.pos.get() < 0 {
            return None;
        }
        // SAFETY: [frozen] in `nogil` mode, where the set stays until deallocation; [attached] in `gil` mode.
        unsafe { self.set.borrow() }
    }

    #[inline]
    pub fn next(py: Attached<'_>, this: &SetIter) -> PyResult<Option<Ref<Object>>> {
        let Some(set) = this.live() else { return Ok(None) };
        if this.used.get() != set.len() as isize {
            this.used.set(-1);
            return Err(raise!(py, RuntimeError, "Set changed size during iteration"));
        }
        let mut pos = this.pos.get().max(0) as usize;
        let item = set.lock(py).step(&mut pos);
        match item {
            Some((item, _)) => {
                this.pos.set(pos as isize);
                this.left.set(this.left.get() - 1);
                Ok(Some(item))
            }
            None => {
                this.pos.set(-1);
                this.left.set(0);
                if !FREE_THREADED {
                    drop(this.set.take());
                }
                Ok(None)
            }
        }
    }

    fn length_hint(_py: Attached<'_>, this: &SetIter) -> PyResult<usize> {
        let same = this.live().is_some_and(|set| set.len() as isize == this.used.get());
        Ok(if same { this.left.get().max(0) as usize } else { 0 })
    }

    /// `(iter, (remaining items,))`; the iterator itself does not move.
    fn reduce(py: Attached<'_>, this: &SetIter) -> PyResult<Ref<Tuple>> {
        let rest = List::new(py)?;
        if let Some(set) = this.live() {
            let copy = SetIter::new(py, set)?;
            copy.used.set(this.used.get());
            copy.pos.set(this.pos.get());
            copy.left.set(this.left.get());
            rest.extend(py, copy.as_object())?;
        }
        let args = Tuple::from_slice(py, &[rest.as_object()])?;
        let iter = builtin(py, id!(py, iter))?;
        Tuple::from_slice(py, &[&iter, args.as_object()])
    }
}
