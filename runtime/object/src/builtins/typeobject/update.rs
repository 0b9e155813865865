//! Keeping the C slots of classes in step with their special methods.
use super::{Type, mro, slotdefs, slots};
use crate::builtins::descrobject::{Descr, WrapperDescr};
use crate::builtins::methodobject::CFunction;
use crate::handle::{Attached, Layout};
use crate::layout::*;
use crate::{Object, PyResult, Str, Tuple, raise};
use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr;

/// The only slot among those of one method name that the type has, for names with several slots such as `__add__`.
fn resolve_duplicates(ty: &Type, name: &Str) -> Option<*const Field<*mut c_void>> {
    let mut found: Option<*const Field<*mut c_void>> = None;
    for row in slotdefs::rows_named(name) {
        let Some(cell) = slots::cell(ty, row.offset.get()) else { continue };
        if cell.get().is_null() {
            continue;
        }
        if found.is_some_and(|other| !ptr::eq(other, cell)) {
            return None;
        }
        found = Some(cell);
    }
    found
}

/// Recomputes the slot that the row at `index` is about; gives the index of the next slot's first row.
fn update_one_slot(py: Attached<'_>, ty: &Type, mut index: usize) -> usize {
    let rows = slotdefs::all();
    let offset = rows[index].offset.get();
    let Some(cell) = slots::cell(ty, offset) else {
        while index < rows.len() && rows[index].offset.get() == offset {
            index += 1;
        }
        return index;
    };
    let mut specific: *mut c_void = ptr::null_mut();
    let mut generic: *mut c_void = ptr::null_mut();
    let mut use_generic = false;
    while index < rows.len() && rows[index].offset.get() == offset {
        let row = &rows[index];
        index += 1;
        let name = slotdefs::name(row);
        let Some(descr) = ty.find_in_mro(py, name) else {
            if offset == offset_of!(PyTypeObject, tp_iternext) as i32 {
                specific = slots::_PyObject_NextNotImplemented as *mut c_void;
            }
            continue;
        };
        if let Some(wrapper) = descr.as_object().downcast_exact::<WrapperDescr>()
            && wrapper.row().name_strobj.get() == row.name_strobj.get()
        {
            let only = resolve_duplicates(ty, name);
            if only.is_none_or(|only| ptr::eq(only, cell)) {
                generic = row.function.get();
            }
            if (specific.is_null() || specific == wrapper.wrapped())
                && slotdefs::same_wrapper(wrapper.row(), row)
                && ty.is_subtype_of(wrapper.owner())
            {
                specific = wrapper.wrapped();
            } else {
                // The wrapper fits another slot or type: the method must be called by name.
                use_generic = true;
            }
        } else if offset == offset_of!(PyTypeObject, tp_new) as i32
            && descr
                .as_object()
                .downcast_exact::<CFunction>()
                .is_some_and(|function| ptr::eq(function.raw_method(), super::new::new_method_def()))
        {
            // `__new__` is the wrapper of some type's `tp_new`, inherited as it is.
            specific = cell.get();
        } else if descr.is_none() && offset == offset_of!(PyTypeObject, tp_hash) as i32 {
            specific = slots::PyObject_HashNotImplemented as *mut c_void;
        } else {
            use_generic = true;
            generic = row.function.get();
            if offset == offset_of!(PyTypeObject, tp_call) as i32 {
                // A method named `__call__` and a vectorcall function would disagree.
                ty.clear_flags(Py_TPFLAGS_HAVE_VECTORCALL);
            }
        }
    }
    cell.set(if !specific.is_null() && !use_generic { specific } else { generic });
    index
}

/// Sets all slots of a new class from its special methods.
pub(super) fn fixup_slots(py: Attached<'_>, ty: &Type) {
    let mut index = 0;
    while index < slotdefs::all().len() {
        index = update_one_slot(py, ty, index);
    }
}

/// The special method `name` of `ty` changed: updates the slots of `ty` and of subclasses that inherit it.
pub(super) fn update_slot(py: Attached<'_>, ty: &Type, name: &Str) {
    let rows = slotdefs::all();
    let mut firsts: Vec<usize> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if row.name_strobj.get() != name.as_ptr() {
            continue;
        }
        let mut first = index;
        while first > 0 && rows[first - 1].offset.get() == row.offset.get() {
            first -= 1;
        }
        if !firsts.contains(&first) {
            firsts.push(first);
        }
    }
    if !firsts.is_empty() {
        update_subclasses(py, ty, name, &firsts);
    }
}

fn update_subclasses(py: Attached<'_>, ty: &Type, name: &Str, firsts: &[usize]) {
    for &first in firsts {
        update_one_slot(py, ty, first);
    }
    for subclass in ty.subclasses(py) {
        let overrides = subclass
            .dict()
            .is_some_and(|dict| dict.get_known(py, name.as_object(), name.hash()).is_ok_and(|found| found.is_some()));
        if !overrides {
            update_subclasses(py, &subclass, name, firsts);
        }
    }
}

/// Recomputes every slot of `ty` and its subclasses, after its bases changed.
fn update_all_slots(py: Attached<'_>, ty: &Type) {
    ty.modified(py);
    fixup_slots(py, ty);
    for subclass in ty.subclasses(py) {
        update_all_slots(py, &subclass);
    }
}

/// Setter of `__bases__`.
pub(super) fn set_bases(py: Attached<'_>, ty: &Type, value: Option<&Object>) -> PyResult<()> {
    let value = checked_set(py, ty, value, "__bases__")?;
    let Some(bases) = value.downcast::<Tuple>() else {
        return Err(raise!(
            py,
            TypeError,
            "can only assign tuple to {}.__bases__, not {}",
            ty.name(),
            value.ty().name()
        ));
    };
    if bases.is_empty() {
        return Err(raise!(py, TypeError, "can only assign non-empty tuple to {}.__bases__, not ()", ty.name()));
    }
    for base in bases.as_slice() {
        let Some(base) = base.downcast::<Type>() else {
            return Err(raise!(
                py,
                TypeError,
                "{}.__bases__ must be tuple of classes, not '{}'",
                ty.name(),
                base.ty().name()
            ));
        };
        // During another assignment's `mro()` call the bases are new while the MROs are still old.
        if base.is_subtype_of(ty) || inherits_by_base(base, ty) {
            return Err(raise!(py, TypeError, "a __bases__ item causes an inheritance cycle"));
        }
    }
    let best = super::new::best_base(py, bases)?;
    let Some(current) = ty.base() else { return Err(py.bad_internal_call()) };
    super::new::check_compatible_base(py, current, best, "__bases__")?;
    let _lock = lock(py);
    // SAFETY: a heap type owns its bases.
    let slot = unsafe { crate::Slot::<Tuple>::of(&ty.0.tp_bases) };
    let old_bases = slot.replace(Some(bases.to_ref()));
    let old_base = ty.0.tp_base.get();
    ty.0.tp_base.set(best.to_ref().into_raw().cast());
    let mut undo = Vec::new();
    if let Err(raised) = mro_hierarchy(py, ty, &mut undo) {
        let pending = raised.take(py);
        for (class, old) in undo {
            // SAFETY: a heap type owns its MRO.
            drop(unsafe { crate::Slot::<Tuple>::of(&class.0.tp_mro) }.replace(old));
        }
        if slot.raw() != bases.as_ptr() {
            // A custom `mro()` assigned the bases again: theirs stay.
            for displaced in [old_bases.map(crate::Ref::upcast), displaced_base(old_base)].into_iter().flatten() {
                mro::keep_displaced(py, ty, displaced)?;
            }
            return Err(py.restore(pending));
        }
        drop(slot.replace(old_bases));
        let new_base = ty.0.tp_base.get();
        ty.0.tp_base.set(old_base);
        // SAFETY: taken just above.
        drop(unsafe { crate::Ref::<Object>::from_raw_opt(new_base.cast()) });
        ty.modified(py);
        return Err(py.restore(pending));
    }
    if slot.raw() != bases.as_ptr() {
        // A custom `mro()` assigned the bases again, and that assignment did the rest.
        for displaced in [old_bases.map(crate::Ref::upcast), displaced_base(old_base)].into_iter().flatten() {
            mro::keep_displaced(py, ty, displaced)?;
        }
        return Ok(());
    }
    if let Some(old) = &old_bases {
        for base in old.as_slice() {
            if let Some(base) = base.downcast::<Type>() {
                base.remove_subclass(py, ty);
            }
        }
        mro::keep_displaced(py, ty, old.clone().upcast())?;
    }
    for base in bases.as_slice() {
        if let Some(base) = base.downcast::<Type>() {
            base.add_subclass(py, ty);
        }
    }
    if let Some(old) = displaced_base(old_base) {
        mro::keep_displaced(py, ty, old)?;
    }
    update_all_slots(py, ty);
    Ok(())
}

fn lock<'a>(py: Attached<'a>) -> crate::mode::CriticalSection<'a> {
    super::lock_types(py)
}

/// The reference that a type held to the base it had; a reader may still borrow it, so it must live as long as the type.
fn displaced_base(base: *mut PyTypeObject) -> Option<crate::Ref<Object>> {
    // SAFETY: a heap type owns its base, and the caller has just replaced it.
    unsafe { crate::Ref::<Object>::from_raw_opt(base.cast()) }
}

fn inherits_by_base(ty: &Type, base: &Type) -> bool {
    let mut at = Some(ty);
    while let Some(class) = at {
        if ptr::eq(class, base) {
            return true;
        }
        at = class.base();
    }
    false
}

/// Recomputes the MRO of `ty` and of all its subclasses.
fn mro_hierarchy(
    py: Attached<'_>,
    ty: &Type,
    undo: &mut Vec<(crate::Ref<Type>, Option<crate::Ref<Tuple>>)>,
) -> PyResult<()> {
    let old = ty.mro_tuple().map(Layout::to_ref);
    mro::install(py, ty)?;
    undo.push((ty.to_ref(), old));
    for subclass in ty.subclasses(py) {
        mro_hierarchy(py, &subclass, undo)?;
    }
    Ok(())
}

/// Refuses to set or delete special attributes of immutable types.
pub(super) fn checked_set<'a>(
    py: Attached<'_>,
    ty: &Type,
    value: Option<&'a Object>,
    name: &str,
) -> PyResult<&'a Object> {
    if ty.is_immutable() {
        return Err(raise!(py, TypeError, "cannot set '{name}' attribute of immutable type '{}'", ty.name()));
    }
    match value {
        Some(value) => Ok(value),
        None => Err(raise!(py, TypeError, "cannot delete '{name}' attribute of immutable type '{}'", ty.name())),
    }
}
