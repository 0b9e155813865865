//! Iteration: `PyObject_GetIter`, `PyIter_Next`, and the iterators over sequences and over calls.
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::protocols::call::steal_result;
use crate::typeobject::slots::{_PyObject_NextNotImplemented, PyObject_SelfIter};
use crate::{Object, PyResult, Raised, Tuple, exc, id, mem, pytype, raise};
use std::ffi::c_int;
use std::ptr::NonNull;

impl Object {
    /// Whether it is an iterator: has a real `__next__`.
    #[inline]
    pub fn is_iterator(&self) -> bool {
        self.ty().as_type().tp_iternext.get().is_some_and(|next| {
            !std::ptr::fn_addr_eq(next, _PyObject_NextNotImplemented as crate::layout::iternextfunc)
        })
    }

    /// Whether it can be indexed as a sequence (`PySequence_Check`).
    pub fn is_sequence(&self) -> bool {
        if self.downcast::<crate::Dict>().is_some() {
            return false;
        }
        // SAFETY: the protocol table lives as long as the type.
        unsafe { self.ty().as_type().tp_as_sequence.get().as_ref() }.is_some_and(|table| table.sq_item.get().is_some())
    }

    pub fn iter(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let Some(make) = self.ty().as_type().tp_iter.get() else {
            if self.is_sequence() {
                return Ok(SeqIter::new(py, self)?.upcast());
            }
            return Err(raise!(py, TypeError, "'{}' object is not iterable", self.ty().name()));
        };
        // SAFETY: [slot-contract].
        let iterator = unsafe { steal_result(py, make(self.as_ptr()))? };
        if !iterator.is_iterator() {
            return Err(raise!(py, TypeError, "iter() returned non-iterator of type '{}'", iterator.ty().name()));
        }
        Ok(iterator)
    }

    /// The next item of an iterator; `None` at the end (`StopIteration` is cleared).
    #[inline]
    pub fn iter_next(&self, py: Attached<'_>) -> PyResult<Option<Ref<Object>>> {
        let Some(next) = self.ty().as_type().tp_iternext.get() else {
            return Err(raise!(py, TypeError, "'{}' object is not an iterator", self.ty().name()));
        };
        // Iterators over iterators may nest without end.
        let _guard = py.enter_recursive("")?;
        // SAFETY: [slot-contract].
        match unsafe { Ref::from_raw_opt(next(self.as_ptr())) } {
            Some(item) => Ok(Some(item)),
            None => end_of_iteration(py),
        }
    }

    /// All items of an iterable.
    pub fn collect(&self, py: Attached<'_>) -> PyResult<Vec<Ref<Object>>> {
        if let Some(items) = crate::builtins::container::items_at_once(py, self)? {
            return Ok(items);
        }
        let iterator = self.iter(py)?;
        let mut items = Vec::new();
        let hint = self.length_hint(py, 8)?;
        if items.try_reserve(hint.min(1 << 24)).is_err() {
            return Err(py.no_memory());
        }
        while let Some(item) = iterator.iter_next(py)? {
            if items.try_reserve(1).is_err() {
                return Err(py.no_memory());
            }
            items.push(item);
        }
        Ok(items)
    }

    /// `operator.length_hint`.
    pub fn length_hint(&self, py: Attached<'_>, default: usize) -> PyResult<usize> {
        let raw = self.ty().as_type();
        // SAFETY: protocol tables live as long as the type.
        let has_len = unsafe {
            raw.tp_as_sequence.get().as_ref().is_some_and(|table| table.sq_length.get().is_some())
                || raw.tp_as_mapping.get().as_ref().is_some_and(|table| table.mp_length.get().is_some())
        };
        if has_len {
            match self.len(py) {
                Ok(len) => return Ok(len),
                Err(raised) if raised.matches(py, exc::TypeError()) => raised.clear(py),
                Err(raised) => return Err(raised),
            }
        }
        let Some(hint) = self.lookup_special(py, id!(py, __length_hint__))? else { return Ok(default) };
        let hint = match hint.call0(py) {
            Ok(hint) => hint,
            Err(raised) if raised.matches(py, exc::TypeError()) => {
                raised.clear(py);
                return Ok(default);
            }
            Err(raised) => return Err(raised),
        };
        if hint.is_not_implemented() {
            return Ok(default);
        }
        let Some(value) = hint.as_object().downcast::<crate::Int>() else {
            return Err(raise!(py, TypeError, "__length_hint__ must be an integer, not {}", hint.ty().name()));
        };
        match value.as_isize(py)? {
            negative if negative < 0 => Err(raise!(py, ValueError, "__length_hint__() should return >= 0")),
            hint => Ok(hint as usize),
        }
    }
}

/// What null from `tp_iternext` means.
#[cold]
fn end_of_iteration(py: Attached<'_>) -> PyResult<Option<Ref<Object>>> {
    if py.pending().is_none() {
        return Ok(None);
    }
    let raised = Raised::assume();
    if raised.matches(py, exc::StopIteration()) {
        raised.clear(py);
        return Ok(None);
    }
    Err(raised)
}

/// `value in iterable` by iterating (`_PySequence_IterSearch`).
pub fn search(py: Attached<'_>, iterable: &Object, value: &Object) -> PyResult<bool> {
    let iterator = match iterable.iter(py) {
        Ok(iterator) => iterator,
        Err(raised) if raised.matches(py, exc::TypeError()) => {
            raised.clear(py);
            return Err(raise!(
                py,
                TypeError,
                "argument of type '{}' is not a container or iterable",
                iterable.ty().name()
            ));
        }
        Err(raised) => return Err(raised),
    };
    while let Some(item) = iterator.iter_next(py)? {
        if item.eq(py, value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Layout of [`SeqIter`]; opaque to C.
#[repr(C)]
pub struct SeqIterObject {
    pub ob_base: PyObject,
    pub index: Field<isize>,
    pub sequence: Slot,
}

/// An iterator that calls `sequence[0]`, `sequence[1]`, ... until `IndexError`. Steps of several threads may return
/// the same item; none is returned twice by one thread.
#[repr(transparent)]
pub struct SeqIter(pub(crate) SeqIterObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PySeqIter_Type: "iterator" for SeqIter {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = SeqIter::dealloc,
            raw tp_iter = Some(PyObject_SelfIter),
            tp_iternext = SeqIter::next,
            tp_traverse = |this: &SeqIter, visit: Visit<'_>| visit.slot(&this.0.sequence),
        },
        methods: {
            noargs "__length_hint__" => SeqIter::length_hint, "($self, /)", "How many items are probably left.";
            noargs "__reduce__" => SeqIter::reduce, "($self, /)", "State for pickling.";
            o "__setstate__" => SeqIter::set_state, "($self, state, /)", "Restores the state.";
        },
    }
}

impl SeqIter {
    /// An iterator over `sequence` (`PySeqIter_New`).
    pub fn new(py: Attached<'_>, sequence: &Object) -> PyResult<Ref<SeqIter>> {
        mem::new_instance::<SeqIter>(py, Self::type_object(), |iterator| {
            drop(iterator.0.sequence.replace(Some(sequence.to_ref())));
        })
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<SeqIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.0.sequence.take())) };
    }

    fn next(py: Attached<'_>, this: &SeqIter) -> PyResult<Option<Ref<Object>>> {
        let Some(sequence) = this.0.sequence.get() else { return Ok(None) };
        let index = this.0.index.get();
        if index == isize::MAX {
            return Err(raise!(py, OverflowError, "iter index too large"));
        }
        match sequence.sequence_item(py, index) {
            Ok(item) => {
                this.0.index.set(index + 1);
                Ok(Some(item))
            }
            Err(raised) if raised.matches(py, exc::IndexError()) || raised.matches(py, exc::StopIteration()) => {
                raised.clear(py);
                drop(this.0.sequence.take());
                Ok(None)
            }
            Err(raised) => Err(raised),
        }
    }

    fn length_hint(py: Attached<'_>, this: &SeqIter) -> PyResult<Ref<Object>> {
        let Some(sequence) = this.0.sequence.get() else { return crate::IntoObject::into_object(0i64, py) };
        // SAFETY: the protocol table lives as long as the type.
        let has_len = unsafe { sequence.ty().as_type().tp_as_sequence.get().as_ref() }
            .is_some_and(|table| table.sq_length.get().is_some());
        if !has_len {
            return Ok(crate::not_implemented());
        }
        let left = sequence.len(py)? as isize - this.0.index.get();
        crate::IntoObject::into_object(left.max(0), py)
    }

    fn reduce(py: Attached<'_>, this: &SeqIter) -> PyResult<Ref<Tuple>> {
        let iter = crate::builtins::descrobject::builtin(py, "iter")?;
        match this.0.sequence.get() {
            Some(sequence) => {
                let args = Tuple::from_slice(py, &[&sequence])?;
                let index = crate::Int::from_i64(py, this.0.index.get() as i64)?;
                Tuple::from_slice(py, &[&iter, args.as_object(), index.as_object()])
            }
            None => {
                let args = Tuple::from_slice(py, &[Tuple::empty(py).as_object()])?;
                Tuple::from_slice(py, &[&iter, args.as_object()])
            }
        }
    }

    fn set_state(py: Attached<'_>, this: &SeqIter, state: &Object) -> PyResult<()> {
        let index = state.as_isize(py)?;
        if !this.0.sequence.is_null() {
            this.0.index.set(index.max(0));
        }
        Ok(())
    }
}

/// Layout of [`CallIter`]; opaque to C.
#[repr(C)]
pub struct CallIterObject {
    pub ob_base: PyObject,
    pub callable: Slot,
    pub sentinel: Slot,
}

/// An iterator that calls a callable until it returns the sentinel.
#[repr(transparent)]
pub struct CallIter(pub(crate) CallIterObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyCallIter_Type: "callable_iterator" for CallIter {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = CallIter::dealloc,
            raw tp_iter = Some(PyObject_SelfIter),
            tp_iternext = CallIter::next,
            tp_traverse = CallIter::traverse,
        },
        methods: {
            noargs "__reduce__" => CallIter::reduce, "($self, /)", "State for pickling.";
        },
    }
}

impl CallIter {
    /// `iter(callable, sentinel)` (`PyCallIter_New`).
    pub fn new(py: Attached<'_>, callable: &Object, sentinel: &Object) -> PyResult<Ref<CallIter>> {
        mem::new_instance::<CallIter>(py, Self::type_object(), |iterator| {
            drop(iterator.0.callable.replace(Some(callable.to_ref())));
            drop(iterator.0.sentinel.replace(Some(sentinel.to_ref())));
        })
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<CallIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, Self::finish) };
    }

    fn finish(this: &CallIter) {
        drop(this.0.callable.take());
        drop(this.0.sentinel.take());
    }

    fn traverse(this: &CallIter, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.0.callable)?;
        visit.slot(&this.0.sentinel)
    }

    fn next(py: Attached<'_>, this: &CallIter) -> PyResult<Option<Ref<Object>>> {
        let (Some(callable), Some(sentinel)) = (this.0.callable.get(), this.0.sentinel.get()) else { return Ok(None) };
        match callable.call0(py) {
            Ok(result) => {
                if this.0.callable.get().is_none() {
                    // The call used the iterator up.
                    return Ok(None);
                }
                if sentinel.eq(py, &result)? {
                    Self::finish(this);
                    return Ok(None);
                }
                Ok(Some(result))
            }
            Err(raised) if raised.matches(py, exc::StopIteration()) => {
                raised.clear(py);
                Self::finish(this);
                Ok(None)
            }
            Err(raised) => Err(raised),
        }
    }

    fn reduce(py: Attached<'_>, this: &CallIter) -> PyResult<Ref<Tuple>> {
        let iter = crate::builtins::descrobject::builtin(py, "iter")?;
        let args = match (this.0.callable.get(), this.0.sentinel.get()) {
            (Some(callable), Some(sentinel)) => Tuple::from_slice(py, &[&callable, &sentinel])?,
            _ => Tuple::from_slice(py, &[Tuple::empty(py).as_object()])?,
        };
        Tuple::from_slice(py, &[&iter, args.as_object()])
    }
}

impl crate::Type {
    /// The type's slots of asynchronous protocols, if it has any.
    pub fn async_methods(&self) -> Option<&crate::layout::PyAsyncMethods> {
        // SAFETY: a type's tables live as long as the type.
        unsafe { self.as_type().tp_as_async.get().as_ref() }
    }
}
