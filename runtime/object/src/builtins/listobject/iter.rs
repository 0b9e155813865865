//! Iterators over `list`. Threads that share one may get an item twice, never a wrong one.
use super::List;
use crate::builtins::container::builtin;
use crate::handle::{Attached, Layout, Read, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::{FREE_THREADED, Int, Object, PyResult, Tuple, id, mem, pytype};
use std::ffi::c_int;
use std::ptr::NonNull;

/// `list_iterator`.
#[repr(C)]
pub struct ListIter {
    ob_base: PyObject,
    /// The next position; negative once exhausted.
    index: Field<isize>,
    list: Slot<List>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyListIter_Type: "list_iterator" for ListIter {
        base: crate::Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = ListIter::dealloc,
            tp_traverse = ListIter::traverse,
            tp_iter = |_, this: &ListIter| this.to_ref(),
            tp_iternext = ListIter::next,
        },
        methods: {
            noargs "__length_hint__" => ListIter::length_hint, "($self, /)", "Estimate how many items are left.";
            noargs "__reduce__" => ListIter::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => ListIter::setstate, "($self, object, /)", "Restore the position for pickle.";
        },
    }
}

/// `list_reverseiterator`.
#[repr(C)]
pub struct ListRevIter {
    ob_base: PyObject,
    /// The next position; negative once exhausted.
    index: Field<isize>,
    list: Slot<List>,
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyListRevIter_Type: "list_reverseiterator" for ListRevIter {
        base: crate::Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = ListRevIter::dealloc,
            tp_traverse = ListRevIter::traverse,
            tp_iter = |_, this: &ListRevIter| this.to_ref(),
            tp_iternext = ListRevIter::next,
        },
        methods: {
            noargs "__length_hint__" => ListRevIter::length_hint, "($self, /)", "Estimate how many items are left.";
            noargs "__reduce__" => ListRevIter::reduce, "($self, /)", "What pickle needs to build it again.";
            o "__setstate__" => ListRevIter::setstate, "($self, object, /)", "Restore the position for pickle.";
        },
    }
}

/// `(function, ([],))`: how an exhausted iterator is pickled.
fn reduce_exhausted(py: Attached<'_>, function: &Object) -> PyResult<Ref<Tuple>> {
    let args = Tuple::from_slice(py, &[List::new(py)?.as_object()])?;
    Tuple::from_slice(py, &[function, args.as_object()])
}

fn reduce_live(py: Attached<'_>, function: &Object, list: &List, index: isize) -> PyResult<Ref<Tuple>> {
    let args = Tuple::from_slice(py, &[list.as_object()])?;
    let index = Int::from_i64(py, index as i64)?;
    Tuple::from_slice(py, &[function, args.as_object(), index.as_object()])
}

impl ListIter {
    pub(super) fn new(py: Attached<'_>, list: &List) -> PyResult<Ref<ListIter>> {
        mem::new_instance(py, ListIter::type_object(), |iter: &ListIter| {
            drop(iter.list.replace(Some(list.to_ref())));
        })
    }

    /// The list, while there may be more.
    #[inline(always)]
    fn live(&self) -> Option<&List> {
        if FREE_THREADED && self.index.get() < 0 {
            return None;
        }
        // SAFETY: [frozen] in `nogil` mode, where the list stays until deallocation; [attached] in `gil` mode.
        unsafe { self.list.borrow() }
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<ListIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |iter| drop(iter.list.take())) };
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.list)
    }

    /// The next item without a lock, for a word of a frame; [`ListIter::advance`] then takes it.
    #[inline(always)]
    pub fn read(&self) -> Read {
        self.live().map_or(Read::NOTHING, |list| list.read(self.index.get() as usize))
    }

    /// Goes on to the item after the one that [`ListIter::read`] found.
    #[inline(always)]
    pub fn advance(&self) {
        self.index.set(self.index.get() + 1);
    }

    #[inline]
    pub fn next(py: Attached<'_>, this: &ListIter) -> PyResult<Option<Ref<Object>>> {
        let Some(list) = this.live() else { return Ok(None) };
        match list.get(py, this.index.get() as usize) {
            Some(item) => {
                this.advance();
                Ok(Some(item))
            }
            None => {
                this.index.set(-1);
                if !FREE_THREADED {
                    drop(this.list.take());
                }
                Ok(None)
            }
        }
    }

    fn length_hint(_py: Attached<'_>, this: &ListIter) -> PyResult<usize> {
        Ok(this.live().map_or(0, |list| list.len().saturating_sub(this.index.get() as usize)))
    }

    fn reduce(py: Attached<'_>, this: &ListIter) -> PyResult<Ref<Tuple>> {
        // Before the state is read: it may run Python code.
        let function = builtin(py, id!(py, iter))?;
        match this.live() {
            Some(list) => reduce_live(py, &function, list, this.index.get()),
            None => reduce_exhausted(py, &function),
        }
    }

    fn setstate(py: Attached<'_>, this: &ListIter, state: &Object) -> PyResult<()> {
        let index = crate::builtins::textargs::state_index(py, state)?;
        if let Some(list) = this.live() {
            this.index.set(index.clamp(0, list.len() as isize));
        }
        Ok(())
    }
}

impl ListRevIter {
    pub(super) fn new(py: Attached<'_>, list: &List) -> PyResult<Ref<ListRevIter>> {
        mem::new_instance(py, ListRevIter::type_object(), |iter: &ListRevIter| {
            drop(iter.list.replace(Some(list.to_ref())));
            iter.index.set(list.len() as isize - 1);
        })
    }

    fn live(&self) -> Option<&List> {
        if FREE_THREADED && self.index.get() < 0 {
            return None;
        }
        // SAFETY: as `ListIter::live`.
        unsafe { self.list.borrow() }
    }

    /// # Safety
    /// The `tp_dealloc` of the type.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<ListRevIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |iter| drop(iter.list.take())) };
    }

    fn traverse(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&self.list)
    }

    fn next(py: Attached<'_>, this: &ListRevIter) -> PyResult<Option<Ref<Object>>> {
        let Some(list) = this.live() else { return Ok(None) };
        let index = this.index.get();
        let item = usize::try_from(index).ok().and_then(|at| list.get(py, at));
        this.index.set(if item.is_some() { index - 1 } else { -1 });
        if item.is_none() && !FREE_THREADED {
            drop(this.list.take());
        }
        Ok(item)
    }

    fn length_hint(_py: Attached<'_>, this: &ListRevIter) -> PyResult<usize> {
        let left = (this.index.get() + 1) as usize;
        Ok(this.live().map_or(0, |list| if list.len() < left { 0 } else { left }))
    }

    fn reduce(py: Attached<'_>, this: &ListRevIter) -> PyResult<Ref<Tuple>> {
        let function = builtin(py, id!(py, reversed))?;
        match this.live() {
            Some(list) => reduce_live(py, &function, list, this.index.get()),
            None => reduce_exhausted(py, &function),
        }
    }

    fn setstate(py: Attached<'_>, this: &ListRevIter, state: &Object) -> PyResult<()> {
        let index = crate::builtins::textargs::state_index(py, state)?;
        if let Some(list) = this.live() {
            this.index.set(index.clamp(-1, list.len() as isize - 1));
        }
        Ok(())
    }
}
