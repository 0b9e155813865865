//! `str` as a sequence, and its comparison.
use super::{Str, base};
use crate::builtins::stringlib::Unit;
use crate::builtins::textargs::{index_arg, slice_positions};
use crate::handle::{Attached, Ref};
use crate::typedef::CompareOp;
use crate::{IntoObject, Object, PyResult, Slice, raise, with_units};
use std::ptr;

impl Str {
    pub(super) fn py_len(_: Attached<'_>, this: &Str) -> PyResult<usize> {
        Ok(this.len())
    }

    /// `self + other`.
    pub fn py_concat(py: Attached<'_>, this: &Str, other: &Object) -> PyResult<Ref<Str>> {
        match other.downcast::<Str>() {
            Some(other) => this.concat(py, other),
            None => {
                let given = other.ty().tp_name();
                Err(raise!(py, TypeError, "can only concatenate str (not \"{given}\") to str"))
            }
        }
    }

    /// `self * count`.
    pub fn repeat(py: Attached<'_>, this: &Str, count: isize) -> PyResult<Ref<Str>> {
        if count < 1 || this.is_empty() {
            return Ok(Str::empty());
        }
        if count == 1 {
            return this.to_exact(py);
        }
        let len = this.len().checked_mul(count as usize).filter(|&len| len <= isize::MAX as usize);
        let Some(len) = len else {
            return Err(raise!(py, OverflowError, "repeated string is too long"));
        };
        let text = Str::alloc(py, len, this.max_char())?;
        // SAFETY: fresh, of the same kind, and as long as the copies.
        unsafe {
            match this.kind() {
                1 => this.repeat_into(text.units_mut::<u8>()),
                2 => this.repeat_into(text.units_mut::<u16>()),
                _ => this.repeat_into(text.units_mut::<u32>()),
            }
        }
        Ok(text)
    }

    fn repeat_into<T: Unit>(&self, out: &mut [T]) {
        let mut have = self.len();
        with_units!(self, |units| {
            if let [one] = units {
                return out.fill(T::truncate(one.to_u32()));
            }
            base::copy_units(units, &mut out[..have]);
        });
        while have < out.len() {
            let more = have.min(out.len() - have);
            out.copy_within(..more, have);
            have += more;
        }
    }

    /// The character at `index` as a string; `IndexError` when out of range.
    pub fn item(py: Attached<'_>, this: &Str, index: isize) -> PyResult<Ref<Str>> {
        if index < 0 || index as usize >= this.len() {
            return Err(raise!(py, IndexError, "string index out of range"));
        }
        Str::from_char(py, this.char_at(index as usize))
    }

    /// `self[key]`.
    pub fn subscript(py: Attached<'_>, this: &Str, key: &Object) -> PyResult<Ref<Str>> {
        if let Some(slice) = key.downcast_exact::<Slice>() {
            let (start, _, step, count) = slice.indices(py, this.len())?;
            return this.slice(py, start, step, count);
        }
        if key.has_index() {
            let index = index_arg(py, key)?;
            return Self::item(py, this, if index < 0 { index + this.len() as isize } else { index });
        }
        Err(raise!(py, TypeError, "string indices must be integers, not '{}'", key.ty().tp_name()))
    }

    /// The `count` characters at `start`, `start + step` and so on, which lie in range.
    pub fn slice(&self, py: Attached<'_>, start: isize, step: isize, count: usize) -> PyResult<Ref<Str>> {
        if count == 0 {
            return Ok(Str::empty());
        }
        if step == 1 {
            return self.substring(py, start as usize, start as usize + count);
        }
        with_units!(self, |units| {
            let picked: Vec<_> = slice_positions(start, step, count).map(|at| units[at]).collect();
            Str::from_units(py, &picked)
        })
    }

    /// `self <op> other`.
    pub fn rich_compare(py: Attached<'_>, this: &Str, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Str>() else {
            return Ok(crate::object::not_implemented());
        };
        let holds = match op {
            CompareOp::Eq => Str::eq(this, other),
            CompareOp::Ne => !Str::eq(this, other),
            _ if ptr::eq(this, other) => matches!(op, CompareOp::Le | CompareOp::Ge),
            _ => op.holds(Str::cmp(this, other)),
        };
        holds.into_object(py)
    }

    pub(super) fn py_hash(_: Attached<'_>, this: &Str) -> PyResult<isize> {
        Ok(this.hash())
    }

    pub(super) fn py_str(py: Attached<'_>, this: &Str) -> PyResult<Ref<Str>> {
        this.to_exact(py)
    }
}
