//! Set algebra.
use super::table::hash_item;
use super::{AnySet, alloc_set};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::{Dict, Object, PyResult, Set};
use std::ptr;

/// Both operands as sets, or `NotImplemented`.
macro_rules! operands {
    ($left:expr, $right:expr) => {
        match ($left.downcast::<AnySet>(), $right.downcast::<AnySet>()) {
            (Some(left), Some(right)) => (left, right),
            _ => return Ok(crate::not_implemented()),
        }
    };
}

pub(super) fn nb_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (left, right) = operands!(left, right);
    let result = left.copy_as(py, left.base_type())?;
    if !ptr::eq(left, right) {
        result.update(py, right.as_object())?;
    }
    Ok(result.upcast())
}

pub(super) fn nb_and(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (left, right) = operands!(left, right);
    Ok(left.intersection(py, right.as_object())?.upcast())
}

pub(super) fn nb_subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (left, right) = operands!(left, right);
    Ok(left.difference(py, right.as_object())?.upcast())
}

pub(super) fn nb_xor(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (left, right) = operands!(left, right);
    Ok(left.symmetric_difference(py, right.as_object())?.upcast())
}

pub(super) fn nb_inplace_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (set, right) = operands!(left, right);
    set.update(py, right.as_object())?;
    Ok(left.to_ref())
}

pub(super) fn nb_inplace_and(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (set, right) = operands!(left, right);
    let result = set.intersection(py, right.as_object())?;
    drop(set.take_content(py, &result)?);
    Ok(left.to_ref())
}

pub(super) fn nb_inplace_subtract(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (set, right) = operands!(left, right);
    set.difference_update(py, right.as_object())?;
    Ok(left.to_ref())
}

pub(super) fn nb_inplace_xor(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (set, right) = operands!(left, right);
    set.symmetric_difference_update(py, right.as_object())?;
    Ok(left.to_ref())
}

impl AnySet {
    /// Whether every item is in `other`.
    pub(super) fn is_subset_of(&self, py: Attached<'_>, other: &AnySet) -> PyResult<bool> {
        if self.len() > other.len() {
            return Ok(false);
        }
        for (item, hash) in self.snapshot(py)? {
            if !other.contains_known(py, &item, hash)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn is_subset(&self, py: Attached<'_>, other: &Object) -> PyResult<bool> {
        if let Some(other) = other.downcast::<AnySet>() {
            return self.is_subset_of(py, other);
        }
        let common = self.intersection(py, other)?;
        Ok(common.len() == self.len())
    }

    pub(super) fn is_superset(&self, py: Attached<'_>, other: &Object) -> PyResult<bool> {
        if let Some(other) = other.downcast::<AnySet>() {
            return other.is_subset_of(py, self);
        }
        let iter = other.iter(py)?;
        while let Some(item) = iter.iter_next(py)? {
            if !self.contains(py, &item)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn is_disjoint(&self, py: Attached<'_>, other: &Object) -> PyResult<bool> {
        if ptr::eq(self.as_object(), other) {
            return Ok(self.is_empty());
        }
        if let Some(other) = other.downcast::<AnySet>() {
            let (small, large) = if other.len() > self.len() { (self, other) } else { (other, self) };
            for (item, hash) in small.snapshot(py)? {
                if large.contains_known(py, &item, hash)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let iter = other.iter(py)?;
        while let Some(item) = iter.iter_next(py)? {
            let hash = hash_item(py, &item)?;
            if self.contains_known(py, &item, hash)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The items that are in `other`, too.
    pub(super) fn intersection(&self, py: Attached<'_>, other: &Object) -> PyResult<Ref<AnySet>> {
        if ptr::eq(self.as_object(), other) {
            return self.copy_as(py, self.base_type());
        }
        let result = alloc_set(py, self.base_type())?;
        if let Some(other) = other.downcast::<AnySet>() {
            let (small, large) = if other.len() > self.len() { (self, other) } else { (other, self) };
            for (item, hash) in small.snapshot(py)? {
                if large.contains_known(py, &item, hash)? {
                    result.lock(py).add(py, &item, hash)?;
                }
            }
            return Ok(result);
        }
        let iter = other.iter(py)?;
        while let Some(item) = iter.iter_next(py)? {
            let hash = hash_item(py, &item)?;
            if self.contains_known(py, &item, hash)? {
                result.lock(py).add(py, &item, hash)?;
                if result.len() >= self.len() {
                    break;
                }
            }
        }
        Ok(result)
    }

    /// The items that are not in `other`.
    pub(super) fn difference(&self, py: Attached<'_>, other: &Object) -> PyResult<Ref<AnySet>> {
        let set = other.downcast::<AnySet>();
        let dict = other.downcast_exact::<Dict>();
        let other_len = set.map(AnySet::len).or(dict.map(Dict::len));
        let Some(other_len) = other_len.filter(|&len| self.len() >> 2 <= len) else {
            let result = self.copy_as(py, self.base_type())?;
            result.difference_update(py, other)?;
            return Ok(result);
        };
        let _ = other_len;
        let result = alloc_set(py, self.base_type())?;
        for (item, hash) in self.snapshot(py)? {
            let found = match (set, dict) {
                (Some(set), _) => set.contains_known(py, &item, hash)?,
                (None, Some(dict)) => dict.get_known(py, &item, hash)?.is_some(),
                (None, None) => false,
            };
            if !found {
                result.lock(py).add(py, &item, hash)?;
            }
        }
        Ok(result)
    }

    pub(super) fn difference_update(&self, py: Attached<'_>, other: &Object) -> PyResult<()> {
        if ptr::eq(self.as_object(), other) {
            self.clear_table(py);
            return Ok(());
        }
        if let Some(other) = other.downcast::<AnySet>() {
            // The larger one is asked, so the work follows the smaller one.
            if other.len() >> 3 > self.len() {
                let gone = self.intersection(py, other.as_object())?;
                for (item, hash) in gone.snapshot(py)? {
                    let removed = self.lock(py).remove(py, &item, hash)?;
                    drop(removed);
                }
            } else {
                for (item, hash) in other.snapshot(py)? {
                    let removed = self.lock(py).remove(py, &item, hash)?;
                    drop(removed);
                }
            }
        } else if let Some(dict) = other.downcast_exact::<Dict>() {
            for (key, hash) in dict.keys_with_hashes(py)? {
                let removed = self.lock(py).remove(py, &key, hash)?;
                drop(removed);
            }
        } else {
            let iter = other.iter(py)?;
            while let Some(item) = iter.iter_next(py)? {
                let hash = hash_item(py, &item)?;
                let removed = self.lock(py).remove(py, &item, hash)?;
                drop(removed);
            }
        }
        let this = self.lock(py);
        let (fill, used) = (this.raw().fill.get(), this.raw().used.get());
        if (fill - used) as usize > this.mask() / 4 {
            this.resize(py, if used > 50_000 { used as usize * 2 } else { used as usize * 4 })?;
        }
        Ok(())
    }

    pub(super) fn symmetric_difference(&self, py: Attached<'_>, other: &Object) -> PyResult<Ref<AnySet>> {
        let result = alloc_set(py, self.base_type())?;
        result.update(py, other)?;
        result.symmetric_difference_update(py, self.as_object())?;
        Ok(result)
    }

    pub(super) fn symmetric_difference_update(&self, py: Attached<'_>, other: &Object) -> PyResult<()> {
        if ptr::eq(self.as_object(), other) {
            self.clear_table(py);
            return Ok(());
        }
        let items = if let Some(other) = other.downcast::<AnySet>() {
            other.snapshot(py)?
        } else if let Some(dict) = other.downcast_exact::<Dict>() {
            dict.keys_with_hashes(py)?
        } else {
            let distinct = Set::new(py)?;
            distinct.update(py, other)?;
            distinct.any().snapshot(py)?
        };
        for (item, hash) in items {
            let removed = {
                let this = self.lock(py);
                let removed = this.remove(py, &item, hash)?;
                if removed.is_none() {
                    this.add_fresh(py, item, hash)?;
                }
                removed
            };
            drop(removed);
        }
        Ok(())
    }

    pub(super) fn union_of(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<AnySet>> {
        args.no_keywords(py, "union")?;
        let result = self.copy_as(py, self.base_type())?;
        for other in args.pos {
            if !ptr::eq(*other, self.as_object()) {
                result.update(py, other)?;
            }
        }
        Ok(result)
    }

    pub(super) fn update_of(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, "update")?;
        args.pos.iter().try_for_each(|other| self.update(py, other))
    }

    pub(super) fn intersection_of(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<AnySet>> {
        args.no_keywords(py, "intersection")?;
        let Some((first, rest)) = args.pos.split_first() else { return self.copy_as(py, self.base_type()) };
        rest.iter().try_fold(self.intersection(py, first)?, |result, other| result.intersection(py, other))
    }

    pub(super) fn intersection_update_of(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, "intersection_update")?;
        let result = self.intersection_of(py, args)?;
        drop(self.take_content(py, &result)?);
        Ok(())
    }

    pub(super) fn difference_of(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<AnySet>> {
        args.no_keywords(py, "difference")?;
        let Some((first, rest)) = args.pos.split_first() else { return self.copy_as(py, self.base_type()) };
        let result = self.difference(py, first)?;
        for other in rest {
            result.difference_update(py, other)?;
        }
        Ok(result)
    }

    pub(super) fn difference_update_of(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, "difference_update")?;
        args.pos.iter().try_for_each(|other| self.difference_update(py, other))
    }
}
