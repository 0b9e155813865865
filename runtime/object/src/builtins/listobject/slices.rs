//! Subscription of `list`: single items and slices.
use super::List;
use crate::builtins::container::index_value;
use crate::handle::{Attached, Layout, Locked, Ref};
use crate::{Object, PyResult, Slice, raise};
use std::ptr;
use std::sync::atomic::Ordering::Release;

impl List {
    pub(super) fn sq_item(py: Attached<'_>, this: &List, index: isize) -> PyResult<Ref<Object>> {
        match usize::try_from(index).ok().and_then(|at| this.get(py, at)) {
            Some(item) => Ok(item),
            None => Err(raise!(py, IndexError, "list index out of range")),
        }
    }

    pub(super) fn ass_item(py: Attached<'_>, this: &List, index: isize, value: Option<&Object>) -> PyResult<()> {
        let out_of_range = || raise!(py, IndexError, "list assignment index out of range");
        let at = usize::try_from(index).map_err(|_| out_of_range())?;
        match value {
            Some(value) => this.set(py, at, value.to_ref()),
            None => match this.pop(py, at) {
                Some(_) => Ok(()),
                None => Err(out_of_range()),
            },
        }
    }

    /// `self[key]` for an index or a slice.
    pub fn subscript(py: Attached<'_>, this: &List, key: &Object) -> PyResult<Ref<Object>> {
        if let Some(index) = index_value(py, key)? {
            let index = if index < 0 { index.wrapping_add_unsigned(this.len()) } else { index };
            return List::sq_item(py, this, index);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            let name = key.ty().name();
            return Err(raise!(py, TypeError, "list indices must be integers or slices, not {name}"));
        };
        let (start, stop, step) = slice.unpack(py)?;
        let pick = |len| {
            let (start, _, count) = Slice::adjust(len, start, stop, step);
            (start, step, count)
        };
        Ok(List::joined(py, &[this], pick)?.upcast())
    }

    /// The items from `start` to before `end`, clamped, as a new list.
    pub fn slice(&self, py: Attached<'_>, start: usize, end: usize) -> PyResult<Ref<List>> {
        List::joined(py, &[self], |len| {
            let end = end.min(len);
            let start = start.min(end);
            (start as isize, 1, end - start)
        })
    }

    /// `self[key] = value`, or `del self[key]` without a value.
    pub fn ass_subscript(py: Attached<'_>, this: &List, key: &Object, value: Option<&Object>) -> PyResult<()> {
        if let Some(index) = index_value(py, key)? {
            let index = if index < 0 { index.wrapping_add_unsigned(this.len()) } else { index };
            return List::ass_item(py, this, index, value);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            let name = key.ty().name();
            return Err(raise!(py, TypeError, "list indices must be integers or slices, not {name}"));
        };
        let (start, stop, step) = slice.unpack(py)?;
        let Some(value) = value else {
            let removed = {
                let locked = this.lock(py);
                let (start, _, count) = Slice::adjust(locked.len(), start, stop, step);
                crate::reserve::need(py, count.saturating_mul(size_of::<usize>()))?;
                locked.delete_stepped(py, start, step, count)
            };
            drop(removed);
            return Ok(());
        };
        let items = List::items_to_assign(py, value)?;
        let removed = {
            let locked = this.lock(py);
            let (start, stop, count) = Slice::adjust(locked.len(), start, stop, step);
            if step == 1 {
                let stop = stop.max(start);
                locked.splice(py, start as usize, stop as usize, items)?
            } else if items.len() == count {
                items
                    .into_iter()
                    .enumerate()
                    .filter_map(|(at, item)| locked.replace((start + at as isize * step) as usize, item).ok().flatten())
                    .collect()
            } else {
                drop(locked);
                let given = items.len();
                return Err(raise!(
                    py,
                    ValueError,
                    "attempt to assign sequence of size {given} to extended slice of size {count}"
                ));
            }
        };
        drop(removed);
        Ok(())
    }

    fn items_to_assign(py: Attached<'_>, value: &Object) -> PyResult<Vec<Ref<Object>>> {
        if let Some(list) = value.downcast_exact::<List>() {
            return list.to_vec(py);
        }
        match value.iter(py) {
            Ok(_) => value.collect(py),
            Err(error) if error.matches(py, crate::exc::TypeError()) => {
                error.clear(py);
                Err(raise!(py, TypeError, "must assign iterable to extended slice"))
            }
            Err(error) => Err(error),
        }
    }

    /// Replaces the items from `start` to before `stop` (both clamped), for `PyList_SetSlice`.
    pub fn set_slice(&self, py: Attached<'_>, start: usize, stop: usize, items: Vec<Ref<Object>>) -> PyResult<()> {
        let locked = self.lock(py);
        let start = start.min(locked.len());
        let stop = stop.clamp(start, locked.len());
        if items.is_empty() && stop - start == locked.len() {
            let taken = locked.take_array();
            drop(locked);
            taken.drop(py);
            return Ok(());
        }
        let removed = locked.splice(py, start, stop, items)?;
        drop(locked);
        drop(removed);
        Ok(())
    }
}

impl Locked<'_, List> {
    /// Adds items at the end; the new size is published once.
    pub(super) fn append_all(&self, py: Attached<'_>, items: Vec<Ref<Object>>) -> PyResult<()> {
        let (len, count) = (self.len(), items.len());
        if count == 0 {
            return Ok(());
        }
        if len == 0 && self.raw().allocated.get() == 0 {
            self.reallocate(py, (count + 1) & !1)?;
        } else {
            self.reserve(py, len + count)?;
        }
        let array = self.items();
        for (at, item) in items.into_iter().enumerate() {
            // SAFETY: [locked]: there is room for all.
            unsafe { (*array.add(len + at)).store(item.into_raw(), Release) };
        }
        self.raw().ob_base.ob_size.store((len + count) as isize, Release);
        Ok(())
    }

    /// Replaces `start..stop` by `items` and returns what was there.
    pub(super) fn splice(
        &self,
        py: Attached<'_>,
        start: usize,
        stop: usize,
        items: Vec<Ref<Object>>,
    ) -> PyResult<Vec<Ref<Object>>> {
        let len = self.len();
        let (gone, count) = (stop - start, items.len());
        let new_len = len - gone + count;
        if new_len > len {
            self.reserve(py, new_len)?;
        }
        // SAFETY: [locked]: the cells up to the old length own their items, which move to `removed`.
        let removed: Vec<_> =
            self.cells()[start..stop].iter().filter_map(|cell| unsafe { Ref::from_raw_opt(cell.get()) }).collect();
        let array = self.items();
        // SAFETY: [locked]: the array has room for the longer of both lengths; cells move one by one.
        unsafe {
            let move_cell = |from: usize, to: usize| (*array.add(to)).store((*array.add(from)).get(), Release);
            if count > gone {
                (stop..len).rev().for_each(|at| move_cell(at, at + count - gone));
            } else if count < gone {
                (stop..len).for_each(|at| move_cell(at, at + count - gone));
                (new_len..len).for_each(|at| (*array.add(at)).store(ptr::null_mut(), Release));
            }
            for (at, item) in items.into_iter().enumerate() {
                (*array.add(start + at)).store(item.into_raw(), Release);
            }
        }
        self.raw().ob_base.ob_size.store(new_len as isize, Release);
        if new_len < len {
            self.shrink(py);
        }
        Ok(removed)
    }

    /// Removes `count` items that are `step` apart, from `start`, and returns them.
    fn delete_stepped(&self, py: Attached<'_>, start: isize, step: isize, count: usize) -> Vec<Ref<Object>> {
        if count == 0 {
            return Vec::new();
        }
        let (first, step) = if step < 0 {
            ((start + (count as isize - 1) * step) as usize, step.unsigned_abs())
        } else {
            (start as usize, step as usize)
        };
        let last = first + (count - 1) * step;
        let len = self.len();
        let cells = self.cells();
        let mut removed = Vec::with_capacity(count);
        let mut to = first;
        for at in first..len {
            let item = cells[at].get();
            if at <= last && (at - first).is_multiple_of(step) {
                // SAFETY: [locked]: the cell owned it.
                removed.extend(unsafe { Ref::<Object>::from_raw_opt(item) });
            } else {
                cells[to].store(item, Release);
                to += 1;
            }
        }
        cells[to..].iter().for_each(|cell| cell.store(ptr::null_mut(), Release));
        self.raw().ob_base.ob_size.store(to as isize, Release);
        self.shrink(py);
        removed
    }
}
