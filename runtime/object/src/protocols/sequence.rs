//! Sequences: `PySequence_*`.
use super::mapping::{mapping, object_result, sequence, status_result};
use super::number::BinaryOp;
use crate::handle::{Attached, Layout, Ref};
use crate::{Int, List, Object, PyResult, Raised, Slice, Tuple, exc, raise};
use std::fmt::Display;

impl Object {
    /// `value in self`.
    pub fn contains(&self, py: Attached<'_>, value: &Object) -> PyResult<bool> {
        if let Some(contains) = sequence(self.ty()).and_then(|slots| slots.sq_contains.get()) {
            // SAFETY: [slot-contract].
            return match unsafe { contains(self.as_ptr(), value.as_ptr()) } {
                status if status < 0 => Err(Raised::assume()),
                status => Ok(status != 0),
            };
        }
        let iter = self.search_iter(py, "is not a container or iterable")?;
        while let Some(item) = iter.iter_next(py)? {
            if item.eq(py, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn search_iter(&self, py: Attached<'_>, complaint: &str) -> PyResult<Ref<Object>> {
        self.iter(py).map_err(|error| {
            if error.matches(py, exc::TypeError()) {
                error.clear(py);
                let name = self.ty().name();
                raise!(py, TypeError, "argument of type '{name}' {complaint}")
            } else {
                error
            }
        })
    }

    /// How many items equal `value` (`PySequence_Count`).
    pub fn sequence_count(&self, py: Attached<'_>, value: &Object) -> PyResult<usize> {
        let iter = self.search_iter(py, "is not iterable")?;
        let mut count = 0;
        while let Some(item) = iter.iter_next(py)? {
            count += usize::from(item.eq(py, value)?);
        }
        Ok(count)
    }

    /// The position of the first item that equals `value`, else `ValueError` (`PySequence_Index`).
    pub fn sequence_index(&self, py: Attached<'_>, value: &Object) -> PyResult<usize> {
        let iter = self.search_iter(py, "is not iterable")?;
        let mut at = 0;
        while let Some(item) = iter.iter_next(py)? {
            if item.eq(py, value)? {
                return Ok(at);
            }
            at += 1;
        }
        Err(raise!(py, ValueError, "sequence.index(x): x not in sequence"))
    }

    /// The length of a sequence (`PySequence_Size`).
    pub fn sequence_len(&self, py: Attached<'_>) -> PyResult<usize> {
        let ty = self.ty();
        if let Some(length) = sequence(ty).and_then(|slots| slots.sq_length.get()) {
            // SAFETY: [slot-contract].
            return usize::try_from(unsafe { length(self.as_ptr()) }).map_err(|_| Raised::assume());
        }
        let name = ty.name();
        if mapping(ty).is_some_and(|slots| slots.mp_length.get().is_some()) {
            return Err(raise!(py, TypeError, "{name} is not a sequence"));
        }
        Err(raise!(py, TypeError, "object of type '{name}' has no len()"))
    }

    /// A negative index counted from the end, where the type knows its length.
    fn counted_from_end(&self, index: isize) -> PyResult<isize> {
        if index < 0
            && let Some(length) = sequence(self.ty()).and_then(|slots| slots.sq_length.get())
        {
            // SAFETY: [slot-contract].
            let length = unsafe { length(self.as_ptr()) };
            return if length < 0 { Err(Raised::assume()) } else { Ok(index + length) };
        }
        Ok(index)
    }

    /// Item `index`; a negative one counts from the end (`PySequence_GetItem`).
    pub fn sequence_item(&self, py: Attached<'_>, index: isize) -> PyResult<Ref<Object>> {
        if let Some(item) = sequence(self.ty()).and_then(|slots| slots.sq_item.get()) {
            let index = self.counted_from_end(index)?;
            // SAFETY: [slot-contract].
            return object_result(unsafe { item(self.as_ptr(), index) });
        }
        let name = self.ty().name();
        Err(if self.is_mapping() {
            raise!(py, TypeError, "{name} is not a sequence")
        } else {
            raise!(py, TypeError, "'{name}' object does not support indexing")
        })
    }

    pub fn sequence_set_item(&self, py: Attached<'_>, index: isize, value: &Object) -> PyResult<()> {
        self.sequence_assign(py, index, Some(value))
    }

    pub fn sequence_del_item(&self, py: Attached<'_>, index: isize) -> PyResult<()> {
        self.sequence_assign(py, index, None)
    }

    pub(super) fn sequence_assign(&self, py: Attached<'_>, index: isize, value: Option<&Object>) -> PyResult<()> {
        if let Some(assign) = sequence(self.ty()).and_then(|slots| slots.sq_ass_item.get()) {
            let index = self.counted_from_end(index)?;
            let value = value.map_or(std::ptr::null_mut(), Layout::as_ptr);
            // SAFETY: [slot-contract].
            return status_result(unsafe { assign(self.as_ptr(), index, value) });
        }
        let name = self.ty().name();
        Err(match value {
            _ if mapping(self.ty()).is_some_and(|slots| slots.mp_ass_subscript.get().is_some()) => {
                raise!(py, TypeError, "{name} is not a sequence")
            }
            Some(_) => raise!(py, TypeError, "'{name}' object does not support item assignment"),
            None => raise!(py, TypeError, "'{name}' object doesn't support item deletion"),
        })
    }

    fn slice_of(&self, py: Attached<'_>, start: isize, stop: isize, complaint: &str) -> PyResult<Ref<Slice>> {
        if !self.is_mapping() {
            let name = self.ty().name();
            return Err(raise!(py, TypeError, "'{name}' object {complaint}"));
        }
        let (start, stop) = (Int::from_i64(py, start as i64)?, Int::from_i64(py, stop as i64)?);
        Slice::new(py, Some(start.as_object()), Some(stop.as_object()), None)
    }

    /// `self[start:stop]`.
    pub fn sequence_get_slice(&self, py: Attached<'_>, start: isize, stop: isize) -> PyResult<Ref<Object>> {
        let slice = self.slice_of(py, start, stop, "is unsliceable")?;
        self.get_item(py, slice.as_object())
    }

    /// `self[start:stop] = value`, or the deletion of the slice.
    pub fn sequence_set_slice(
        &self,
        py: Attached<'_>,
        start: isize,
        stop: isize,
        value: Option<&Object>,
    ) -> PyResult<()> {
        let complaint =
            if value.is_some() { "doesn't support slice assignment" } else { "doesn't support slice deletion" };
        if mapping(self.ty()).is_none_or(|slots| slots.mp_ass_subscript.get().is_none()) {
            let name = self.ty().name();
            return Err(raise!(py, TypeError, "'{name}' object {complaint}"));
        }
        let (start, stop) = (Int::from_i64(py, start as i64)?, Int::from_i64(py, stop as i64)?);
        let slice = Slice::new(py, Some(start.as_object()), Some(stop.as_object()), None)?;
        match value {
            Some(value) => self.set_item(py, slice.as_object(), value),
            None => self.del_item(py, slice.as_object()),
        }
    }

    /// `list(self)`.
    pub fn sequence_list(&self, py: Attached<'_>) -> PyResult<Ref<List>> {
        let list = List::new(py)?;
        list.extend(py, self)?;
        Ok(list)
    }

    /// `tuple(self)`.
    pub fn sequence_tuple(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        Tuple::from_iterable(py, self)
    }

    /// A list or tuple as it is, else a new list; `TypeError(message())` if it is not iterable (`PySequence_Fast`).
    pub fn sequence_fast<M: Display>(&self, py: Attached<'_>, message: impl FnOnce() -> M) -> PyResult<Ref<Object>> {
        if self.downcast_exact::<List>().is_some() || self.downcast_exact::<Tuple>().is_some() {
            return Ok(self.to_ref());
        }
        match self.iter(py) {
            Ok(iter) => Ok(iter.sequence_list(py)?.upcast()),
            Err(error) if error.matches(py, exc::TypeError()) => {
                error.clear(py);
                Err(raise!(py, TypeError, "{}", message()))
            }
            Err(error) => Err(error),
        }
    }

    /// `self + other` for sequences.
    pub fn sequence_concat(&self, py: Attached<'_>, other: &Object) -> PyResult<Ref<Object>> {
        if let Some(concat) = sequence(self.ty()).and_then(|slots| slots.sq_concat.get()) {
            // SAFETY: [slot-contract].
            return object_result(unsafe { concat(self.as_ptr(), other.as_ptr()) });
        }
        self.concat_as_numbers(py, other, false)
    }

    /// `self += other` for sequences.
    pub fn sequence_inplace_concat(&self, py: Attached<'_>, other: &Object) -> PyResult<Ref<Object>> {
        let slots = sequence(self.ty());
        let concat = slots.and_then(|slots| slots.sq_inplace_concat.get().or(slots.sq_concat.get()));
        if let Some(concat) = concat {
            // SAFETY: [slot-contract].
            return object_result(unsafe { concat(self.as_ptr(), other.as_ptr()) });
        }
        self.concat_as_numbers(py, other, true)
    }

    fn concat_as_numbers(&self, py: Attached<'_>, other: &Object, inplace: bool) -> PyResult<Ref<Object>> {
        if self.is_sequence() && other.is_sequence() {
            return if inplace {
                self.inplace_op(py, other, BinaryOp::Add)
            } else {
                self.binary_op(py, other, BinaryOp::Add)
            };
        }
        let name = self.ty().name();
        Err(raise!(py, TypeError, "'{name}' object can't be concatenated"))
    }

    /// `self * count` for sequences.
    pub fn sequence_repeat(&self, py: Attached<'_>, count: isize) -> PyResult<Ref<Object>> {
        if let Some(repeat) = sequence(self.ty()).and_then(|slots| slots.sq_repeat.get()) {
            // SAFETY: [slot-contract].
            return object_result(unsafe { repeat(self.as_ptr(), count) });
        }
        self.repeat_as_numbers(py, count, false)
    }

    /// `self *= count` for sequences.
    pub fn sequence_inplace_repeat(&self, py: Attached<'_>, count: isize) -> PyResult<Ref<Object>> {
        let slots = sequence(self.ty());
        if let Some(repeat) = slots.and_then(|slots| slots.sq_inplace_repeat.get().or(slots.sq_repeat.get())) {
            // SAFETY: [slot-contract].
            return object_result(unsafe { repeat(self.as_ptr(), count) });
        }
        self.repeat_as_numbers(py, count, true)
    }

    fn repeat_as_numbers(&self, py: Attached<'_>, count: isize, inplace: bool) -> PyResult<Ref<Object>> {
        if self.is_sequence() {
            let count = Int::from_i64(py, count as i64)?;
            return if inplace {
                self.inplace_op(py, count.as_object(), BinaryOp::Multiply)
            } else {
                self.binary_op(py, count.as_object(), BinaryOp::Multiply)
            };
        }
        let name = self.ty().name();
        Err(raise!(py, TypeError, "'{name}' object can't be repeated"))
    }
}
