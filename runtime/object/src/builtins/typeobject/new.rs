//! `type.__new__`: the layout of a new class.
use super::Type;
use crate::handle::{Attached, Layout};
use crate::layout::*;
use crate::{Object, PyResult, Tuple, raise};

mod class;
pub(crate) mod slots;
mod wrapper;
pub use class::{calculate_metaclass, type_new};
pub(super) use class::{slot_type_new, type_init};
pub(crate) use wrapper::new_method_def;

/// Whether `ty` adds fields to the layout of its base.
fn extra_ivars(ty: &Type, base: &Type) -> bool {
    ty.0.tp_basicsize.get() != base.0.tp_basicsize.get() || ty.0.tp_itemsize.get() != base.0.tp_itemsize.get()
}

/// The nearest ancestor (or `ty` itself) that determines the memory layout of instances.
pub(super) fn solid_base(ty: &Type) -> &Type {
    let base: &Type = match ty.base() {
        Some(base) => solid_base(base),
        None => Object::type_object(),
    };
    if extra_ivars(ty, base) { ty } else { base }
}

/// The base whose layout a class with these bases extends.
pub(super) fn best_base<'a>(py: Attached<'_>, bases: &'a Tuple) -> PyResult<&'a Type> {
    let mut best: Option<(&Type, &Type)> = None;
    for base in bases.as_slice() {
        let Some(base) = base.downcast::<Type>() else {
            return Err(raise!(py, TypeError, "bases must be types"));
        };
        base.ready(py)?;
        if !base.has_feature(Py_TPFLAGS_BASETYPE) {
            return Err(raise!(py, TypeError, "type '{}' is not an acceptable base type", base.name()));
        }
        let candidate = solid_base(base);
        match best {
            None => best = Some((base, candidate)),
            Some((_, winner)) if winner.is_subtype_of(candidate) => {}
            Some((_, winner)) if candidate.is_subtype_of(winner) => best = Some((base, candidate)),
            Some(_) => {
                return Err(raise!(py, TypeError, "multiple bases have instance lay-out conflict"));
            }
        }
    }
    match best {
        Some((base, _)) => Ok(base),
        None => Err(py.bad_internal_call()),
    }
}

fn same_slots_added(a: &Type, b: &Type) -> bool {
    let word = size_of::<*mut PyObject>() as isize;
    let (Some(a_base), Some(b_base)) = (a.base(), b.base()) else { return false };
    if !std::ptr::eq(a_base, b_base) {
        return false;
    }
    let mut size = a_base.0.tp_basicsize.get();
    if a.0.tp_dictoffset.get() == size && b.0.tp_dictoffset.get() == size {
        size += word;
    }
    if a.0.tp_weaklistoffset.get() == size && b.0.tp_weaklistoffset.get() == size {
        size += word;
    }
    // `__slots__` of both must have the same names.
    if let (Some(a_heap), Some(b_heap)) = (a.as_heap(), b.as_heap()) {
        // SAFETY: a heap type owns its sorted slot names.
        let names =
            unsafe { (a_heap.ht_slots.get().cast::<Tuple>().as_ref(), b_heap.ht_slots.get().cast::<Tuple>().as_ref()) };
        if let (Some(a_slots), Some(b_slots)) = names {
            let equal = a_slots.len() == b_slots.len()
                && a_slots.as_slice().iter().zip(b_slots.as_slice()).all(|(x, y)| {
                    matches!((x.downcast::<crate::Str>(), y.downcast::<crate::Str>()), (Some(x), Some(y)) if x.eq(y))
                });
            if !equal {
                return false;
            }
            size += word * a_slots.len() as isize;
        }
    }
    size == a.0.tp_basicsize.get() && size == b.0.tp_basicsize.get()
}

/// Whether instances of one type can become instances of the other: for `__class__` and `__bases__`.
pub(crate) fn check_compatible_base(py: Attached<'_>, old: &Type, new: &Type, what: &str) -> PyResult<()> {
    // Collected objects lie behind another header than others.
    let dealloc = |ty: &Type| (ty.is_gc(), ty.0.tp_free.get().map(|f| f as usize));
    if dealloc(old) != dealloc(new) {
        return Err(raise!(
            py,
            TypeError,
            "{what} assignment: '{}' deallocator differs from '{}'",
            new.name(),
            old.name()
        ));
    }
    let same_size = |a: &Type, b: &Type| {
        a.0.tp_basicsize.get() == b.0.tp_basicsize.get() && a.0.tp_itemsize.get() == b.0.tp_itemsize.get()
    };
    let same_traits = |a: &Type, b: &Type| {
        let kinds = Py_TPFLAGS_HAVE_GC | super::flags::INLINE_VALUES | super::flags::PREHEADER;
        same_size(a, b)
            && a.0.tp_dictoffset.get() == b.0.tp_dictoffset.get()
            && a.0.tp_weaklistoffset.get() == b.0.tp_weaklistoffset.get()
            && a.0.tp_flags.get() & kinds == b.0.tp_flags.get() & kinds
    };
    let skip = |mut ty| {
        loop {
            let current: &Type = ty;
            match current.base() {
                Some(base) if same_traits(current, base) => ty = base,
                _ => return current,
            }
        }
    };
    let (old_solid, new_solid) = (skip(old), skip(new));
    let same = std::ptr::eq(old_solid, new_solid)
        || matches!((old_solid.base(), new_solid.base()), (Some(a), Some(b)) if std::ptr::eq(a, b))
            && same_slots_added(old_solid, new_solid);
    if !same || !same_traits(old, new) {
        return Err(raise!(
            py,
            TypeError,
            "{what} assignment: '{}' object layout differs from '{}'",
            new.name(),
            old.name()
        ));
    }
    Ok(())
}

/// The nearest ancestor (or `ty` itself) whose `tp_new` is not that of a Python class.
fn solid_base_for_new(ty: &Type) -> Option<&Type> {
    let mut at = Some(ty);
    while let Some(class) = at {
        let python = class
            .0
            .tp_new
            .get()
            .is_some_and(|slot| std::ptr::fn_addr_eq(slot, super::slot_functions::slot_tp_new as newfunc));
        if !python {
            return Some(class);
        }
        at = class.base();
    }
    None
}
