//! Instances of classes: allocation, the instance dict, and the generic deallocation, traversal and clearing of heap
//! types; also those of type objects themselves.
use super::{Type, flags};
use crate::builtins::dictobject;
use crate::gc;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::*;
use crate::mem;
use crate::{Dict, Object, PyResult, Str, raise};
use std::ffi::c_int;
use std::ptr::{self, NonNull};

/// Allocates a zeroed, tracked instance (`PyType_GenericAlloc`).
#[inline]
pub fn generic_alloc(py: Attached<'_>, ty: &Type, items: usize) -> PyResult<Ref<Object>> {
    // Types have room for an end entry behind their member definitions.
    let spare = usize::from(ty.has_feature(Py_TPFLAGS_TYPE_SUBCLASS));
    let raw = mem::alloc_instance(py, ty, items + spare)?;
    // SAFETY: fresh, zeroed, count one.
    let object = unsafe { Ref::<Object>::from_raw(raw.as_ptr()) };
    if spare != 0 {
        // SAFETY: types are variable-size objects.
        unsafe { (*raw.as_ptr().cast::<PyVarObject>()).ob_size.set(items as isize) };
    }
    if ty.is_gc() {
        gc::track(&object);
    }
    Ok(object)
}

/// `tp_alloc` of every type that has no own.
///
/// # Safety
/// [slot-contract].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyType_GenericAlloc(ty: *mut PyTypeObject, items: Py_ssize_t) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, ty) = unsafe { (Attached::from_tls(), Type::from_type_ptr(ty)) };
    crate::typedef::ret_object(py, generic_alloc(py, ty, items.max(0) as usize))
}

/// `tp_new` that only allocates.
///
/// # Safety
/// [slot-contract].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyType_GenericNew(
    ty: *mut PyTypeObject,
    _args: *mut PyObject,
    _kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, ty) = unsafe { (Attached::from_tls(), Type::from_type_ptr(ty)) };
    crate::typedef::ret_object(py, ty.alloc(py, 0))
}

pub use crate::builtins::dictobject::{dict_slot, instance_get_attr as get_instance_attr};

/// The instance dict, made if the type allows one and there is none yet.
pub fn instance_dict(py: Attached<'_>, object: &Object) -> PyResult<Option<Ref<Dict>>> {
    match dict_slot(object) {
        Some(_) => dictobject::materialize_dict(py, object).map(Some),
        None => Ok(None),
    }
}

/// Stores or deletes (`None`) an attribute in the instance dict. `Some(false)`: nothing to delete; `None`: no dict.
#[inline]
pub fn set_instance_attr(
    py: Attached<'_>,
    object: &Object,
    name: &Str,
    value: Option<&Object>,
) -> PyResult<Option<bool>> {
    if object.ty().0.tp_dictoffset.get() == 0 {
        return Ok(None);
    }
    match value {
        Some(value) => dictobject::instance_set_attr(py, object, name, value).map(|()| Some(true)),
        None => dictobject::instance_del_attr(py, object, name).map(Some),
    }
}

/// Getter of `__dict__` (`PyObject_GenericGetDict`).
pub fn get_dict(py: Attached<'_>, object: &Object) -> PyResult<Ref<Dict>> {
    match instance_dict(py, object)? {
        Some(dict) => Ok(dict),
        None => Err(raise!(py, AttributeError, "This object has no __dict__")),
    }
}

/// Setter of `__dict__` (`PyObject_GenericSetDict`).
pub fn set_dict(py: Attached<'_>, object: &Object, value: Option<&Object>) -> PyResult<()> {
    if dict_slot(object).is_none() {
        return Err(raise!(py, AttributeError, "This object has no __dict__"));
    }
    let Some(value) = value else {
        if object.ty().has_feature(flags::MANAGED_DICT) {
            return dictobject::set_instance_dict(py, object, None);
        }
        return Err(raise!(py, TypeError, "cannot delete __dict__"));
    };
    let Some(dict) = value.downcast::<Dict>() else {
        return Err(raise!(py, TypeError, "__dict__ must be set to a dictionary, not a '{}'", value.ty().name()));
    };
    dictobject::set_instance_dict(py, object, Some(dict.to_ref()))
}

/// Gives a class with managed dicts what its instances share.
pub(super) fn setup_managed_dict(py: Attached<'_>, ty: &Type) -> PyResult<()> {
    if ty.has_feature(flags::MANAGED_DICT) && !ty.is_heap() {
        return Err(raise!(
            py,
            SystemError,
            "type {} has the Py_TPFLAGS_MANAGED_DICT flag but not Py_TPFLAGS_HEAPTYPE flag",
            ty.name()
        ));
    }
    let Some(heap) = ty.as_heap().filter(|_| ty.has_feature(flags::MANAGED_DICT)) else { return Ok(()) };
    if heap.ht_cached_keys.get().is_null() {
        heap.ht_cached_keys.set(dictobject::DictKeys::new_shared(py, None));
    }
    let generic = ty.0.tp_alloc.get().is_none_or(|alloc| ptr::fn_addr_eq(alloc, PyType_GenericAlloc as allocfunc));
    if ty.0.tp_itemsize.get() == 0 && generic && !heap.ht_cached_keys.get().is_null() {
        ty.add_flags(flags::INLINE_VALUES);
    }
    Ok(())
}

/// Member definitions of `__slots__` that follow a heap type.
pub(super) fn slot_members(ty: &Type) -> &[PyMemberDef] {
    let count = ty.0.ob_base.ob_size.get();
    if !ty.is_heap() || count <= 0 {
        return &[];
    }
    let metatype = ty.as_object().ty();
    // SAFETY: [exact-size]: the definitions begin where the metatype's fixed part ends.
    unsafe {
        let start = ty.as_ptr().byte_offset(metatype.0.tp_basicsize.get()).cast::<PyMemberDef>();
        std::slice::from_raw_parts(start, count as usize)
    }
}

/// The cells of an instance that the `__slots__` of `ty` itself made.
fn slot_cells<'a>(ty: &'a Type, object: &'a Object) -> impl Iterator<Item = &'a Slot> + 'a {
    slot_members(ty).iter().filter(|member| member.r#type == Py_T_OBJECT_EX && member.flags & Py_READONLY == 0).map(
        // SAFETY: [layout]: an owned reference lies there.
        |member| unsafe { &*object.as_ptr().byte_offset(member.offset).cast::<Slot>() },
    )
}

/// The nearest base whose `tp_dealloc` is not [`subtype_dealloc`], after `visit` saw the classes before it.
fn native_base(ty: &Type, mut visit: impl FnMut(&Type)) -> &Type {
    let mut at = ty;
    loop {
        let native = !at.0.tp_dealloc.get().is_some_and(|f| ptr::fn_addr_eq(f, subtype_dealloc as destructor));
        match at.base() {
            Some(base) if !native => {
                visit(at);
                at = base;
            }
            _ => return at,
        }
    }
}

/// `tp_dealloc` of classes.
///
/// # Safety
/// [slot-contract]: called once, when the last reference is gone.
pub unsafe extern "C" fn subtype_dealloc(this: *mut PyObject) {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, object) = (Attached::from_tls(), Object::from_ptr(this));
        let ty = object.ty();
        let ext = py.ext();
        if ty.is_gc() {
            gc::untrack(object);
            if ext.nested_deallocs.get() > mem::MAX_NESTED_DEALLOCS - 10 {
                ext.put_off_dealloc(NonNull::new_unchecked(this));
                return;
            }
        }
        if ty.0.tp_finalize.get().is_some() {
            if gc::finalize_from_dealloc(py, object) {
                return;
            }
            if ty.is_gc() {
                gc::untrack(object);
            }
        }
        let ty = object.ty();
        let base = native_base(ty, |_| {});
        if ty.0.tp_weaklistoffset.get() != 0 && base.0.tp_weaklistoffset.get() == 0 {
            crate::builtins::weakrefobject::clear_all(py, object);
        }
        if let Some(del) = ty.0.tp_del.get() {
            // The finalizer of old may keep the object, by leaving it a count.
            if ty.is_gc() {
                gc::track(object);
            }
            del(this);
            if crate::mode::refcount(object) > 0 {
                return;
            }
            if ty.is_gc() {
                gc::untrack(object);
            }
        }
        ext.nested_deallocs.set(ext.nested_deallocs.get() + 1);
        native_base(ty, |class| slot_cells(class, object).for_each(|cell| drop(cell.take())));
        if ty.0.tp_dictoffset.get() != 0 && base.0.tp_dictoffset.get() == 0 {
            dictobject::clear_instance_dict(py, object);
        }
        let release = ty.is_heap() && !base.is_heap();
        if let Some(dealloc) = base.0.tp_dealloc.get() {
            dealloc(this);
        }
        if release {
            crate::type_refs::decref(py, ty);
        }
        ext.nested_deallocs.set(ext.nested_deallocs.get() - 1);
        if ext.nested_deallocs.get() == 0 {
            ext.run_put_off_deallocs();
        }
    }
}

/// `tp_traverse` of classes.
///
/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn subtype_traverse(this: *mut PyObject, visit: visitproc, arg: *mut std::ffi::c_void) -> c_int {
    // SAFETY: [slot-contract].
    unsafe {
        let object = Object::from_ptr(this);
        let ty = object.ty();
        let visitor = Visit::new(visit, arg);
        let mut base = ty;
        while base.0.tp_traverse.get().is_some_and(|f| ptr::fn_addr_eq(f, subtype_traverse as traverseproc)) {
            for cell in slot_cells(base, object) {
                if let Err(stop) = visitor.slot(cell) {
                    return stop;
                }
            }
            match base.base() {
                Some(next) => base = next,
                None => break,
            }
        }
        let own_dict = ty.has_feature(flags::MANAGED_DICT) || ty.0.tp_dictoffset.get() != base.0.tp_dictoffset.get();
        if own_dict && let Err(stop) = dictobject::visit_instance_dict(object, visitor) {
            return stop;
        }
        let base_traverse = base.0.tp_traverse.get();
        if ty.is_heap()
            && (base_traverse.is_none() || !base.is_heap())
            && let Err(stop) = visitor.raw(ty.as_ptr())
        {
            return stop;
        }
        base_traverse.map_or(0, |traverse| traverse(this, visit, arg))
    }
}

/// `tp_clear` of classes.
///
/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn subtype_clear(this: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    unsafe {
        let object = Object::from_ptr(this);
        let ty = object.ty();
        let mut base = ty;
        while base.0.tp_clear.get().is_some_and(|f| ptr::fn_addr_eq(f, subtype_clear as inquiry)) {
            slot_cells(base, object).for_each(|cell| drop(cell.take()));
            match base.base() {
                Some(next) => base = next,
                None => break,
            }
        }
        let own_dict = ty.has_feature(flags::MANAGED_DICT) || ty.0.tp_dictoffset.get() != base.0.tp_dictoffset.get();
        if own_dict {
            dictobject::clear_instance_dict(Attached::from_tls(), object);
        }
        base.0.tp_clear.get().map_or(0, |clear| clear(this))
    }
}

/// Whether a type object is of interest to the collector: heap types only.
///
/// # Safety
/// [slot-contract].
pub(super) unsafe extern "C" fn type_is_gc(this: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    c_int::from(unsafe { crate::typedef::arg::<Type>(this) }.is_heap())
}

/// # Safety
/// As `tp_dealloc`.
pub(super) unsafe fn type_dealloc(py: Attached<'_>, this: NonNull<Type>) {
    // SAFETY: by the contract.
    unsafe {
        let ty = this.as_ref();
        debug_assert!(ty.is_heap(), "static types are immortal");
        for base in ty.bases() {
            base.cast_unchecked::<Type>().remove_subclass(py, ty);
        }
        mem::dealloc_with(py, this, |ty| {
            release_fields(ty);
            ty.free_subclass_list();
            if let Some(heap) = ty.as_heap() {
                libc::free(ty.0.tp_doc.get().cast_mut().cast());
                libc::free(heap._ht_tpname.get().cast());
                crate::builtins::dictobject::DictKeys::release_shared(py, heap.ht_cached_keys.get());
                for field in [&heap.ht_name, &heap.ht_qualname, &heap.ht_slots, &heap.ht_module] {
                    drop(Slot::<Object>::of(field).take());
                }
            }
        });
    }
}

fn release_fields(ty: &Type) {
    for field in [&ty.0.tp_dict, &ty.0.tp_bases, &ty.0.tp_mro, &ty.0.tp_cache] {
        // SAFETY: a heap type owns these.
        drop(unsafe { Slot::<Object>::of(field) }.take());
    }
    let base = ty.0.tp_base.get();
    ty.0.tp_base.set(ptr::null_mut());
    // SAFETY: a heap type owns a reference to its base.
    drop(unsafe { Ref::<Object>::from_raw_opt(base.cast()) });
}

pub(super) fn type_traverse(this: &Type, visit: Visit<'_>) -> Result<(), c_int> {
    let Some(heap) = this.as_heap() else { return Ok(()) };
    for field in [&this.0.tp_dict, &this.0.tp_cache, &this.0.tp_mro, &this.0.tp_bases, &heap.ht_module] {
        visit.field(field)?;
    }
    visit.raw(this.0.tp_base.get().cast())
}

pub(super) fn type_clear(py: Attached<'_>, this: &Type) {
    this.modified(py);
    if let Some(dict) = this.dict() {
        dict.clear(py);
    }
    if let Some(heap) = this.as_heap() {
        // SAFETY: the heap type owns it.
        drop(unsafe { Slot::<Object>::of(&heap.ht_module) }.take());
    }
    // The MRO contains the type itself. Nobody else can reach the type any more.
    for field in [&this.0.tp_mro, &this.0.tp_cache] {
        // SAFETY: the heap type owns it.
        drop(unsafe { Slot::<Object>::of(field) }.take());
    }
}
