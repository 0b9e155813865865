//! Making a class from a name, bases and a namespace.
use super::slots::{SlotPlan, plan_slots};
use crate::args::Args;
use crate::builtins::classmethod::{ClassMethod, StaticMethod};
use crate::builtins::dictobject::DictKeys;
use crate::handle::{Attached, Layout, Ref, Slot};
use crate::layout::*;
use crate::protocols::call::steal_result;
use crate::typedef::{arg, arg_opt, ret_object};
use crate::typeobject::{flags, instance, update};
use crate::{Cell, Dict, Function, Object, PyResult, Str, Tuple, Type, hooks, id, raise};
use std::ffi::CString;
use std::ptr;

/// # Safety
/// [slot-contract].
pub(in crate::builtins::typeobject) unsafe extern "C" fn slot_type_new(
    metatype: *mut PyTypeObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, metatype) = (Attached::from_tls(), Type::from_type_ptr(metatype));
        let (args, kwargs) = (arg::<Tuple>(args), arg_opt::<Dict>(kwargs));
        let result = match args.as_slice() {
            [name, bases, dict] => match (name.downcast::<Str>(), bases.downcast::<Tuple>(), dict.downcast::<Dict>()) {
                (Some(name), Some(bases), Some(dict)) => type_new(py, metatype, name, bases, dict, kwargs),
                (None, ..) => Err(raise!(
                    py,
                    TypeError,
                    "type.__new__() argument 1 must be str, not {}",
                    crate::builtins::textargs::arg_type(name)
                )),
                (_, None, _) => Err(raise!(
                    py,
                    TypeError,
                    "type.__new__() argument 2 must be tuple, not {}",
                    crate::builtins::textargs::arg_type(bases)
                )),
                _ => Err(raise!(
                    py,
                    TypeError,
                    "type.__new__() argument 3 must be dict, not {}",
                    crate::builtins::textargs::arg_type(dict)
                )),
            },
            other => Err(raise!(py, TypeError, "type.__new__() takes exactly 3 arguments ({} given)", other.len())),
        };
        ret_object(py, result)
    }
}

pub(in crate::builtins::typeobject) fn type_init(py: Attached<'_>, _this: &Type, args: Args<'_>) -> PyResult<()> {
    if !args.names.is_empty() && args.pos.len() == 1 {
        return Err(raise!(py, TypeError, "type.__init__() takes no keyword arguments"));
    }
    if args.pos.len() != 1 && args.pos.len() != 3 {
        return Err(raise!(py, TypeError, "type.__init__() takes 1 or 3 arguments"));
    }
    Ok(())
}

/// The most derived metaclass of `metatype` and those of `bases`.
pub fn calculate_metaclass<'a>(py: Attached<'_>, metatype: &'a Type, bases: &'a Tuple) -> PyResult<&'a Type> {
    let mut winner = metatype;
    for base in bases.as_slice() {
        let candidate = base.ty();
        if winner.is_subtype_of(candidate) {
            continue;
        }
        if !candidate.is_subtype_of(winner) {
            return Err(raise!(
                py,
                TypeError,
                "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases"
            ));
        }
        winner = candidate;
    }
    Ok(winner)
}

/// `type.__new__(metatype, name, bases, dict, **kwargs)`.
pub fn type_new(
    py: Attached<'_>,
    metatype: &Type,
    name: &Str,
    bases: &Tuple,
    dict: &Dict,
    kwargs: Option<&Dict>,
) -> PyResult<Ref<Type>> {
    for base in bases.as_slice() {
        if base.downcast::<Type>().is_none() && base.get_attr_opt(py, id!(py, __mro_entries__))?.is_some() {
            return Err(raise!(py, TypeError, "type() doesn't support MRO entry resolution; use types.new_class()"));
        }
    }
    let winner = calculate_metaclass(py, metatype, bases)?;
    if !ptr::eq(winner, metatype) {
        let Some(new) = winner.as_type().tp_new.get() else {
            return Err(raise!(py, TypeError, "cannot create '{}' instances", winner.name()));
        };
        if !ptr::fn_addr_eq(new, slot_type_new as newfunc) {
            let args = Tuple::from_slice(py, &[name.as_object(), bases.as_object(), dict.as_object()])?;
            let kwargs = kwargs.map_or(ptr::null_mut(), Layout::as_ptr);
            // SAFETY: [slot-contract].
            let made = unsafe { steal_result(py, new(winner.as_type_ptr(), args.as_ptr(), kwargs))? };
            return made.downcast::<Type>().map_err(|_| py.bad_internal_call());
        }
    }
    make_class(py, winner, name, bases, dict, kwargs)
}

/// A class of the metaclass that was chosen.
fn make_class(
    py: Attached<'_>,
    winner: &Type,
    name: &Str,
    bases: &Tuple,
    dict: &Dict,
    kwargs: Option<&Dict>,
) -> PyResult<Ref<Type>> {
    let bases =
        if bases.is_empty() { Tuple::from_slice(py, &[Object::type_object().as_object()])? } else { bases.to_ref() };
    let base = super::best_base(py, &bases)?;
    let dict = dict.copy(py)?;
    let plan = plan_slots(py, name, base, &bases, &dict)?;
    if !dict.has_text_keys()
        && dict.items_snapshot(py)?.iter().any(|(key, _)| key.as_object().downcast::<Str>().is_none())
    {
        let text = format!("non-string key in the __dict__ of class {name}");
        (hooks::hooks().warn)(py, crate::exc::RuntimeWarning(), &text, 1)?;
    }
    let ty = allocate(py, winner, name, &bases, base, &dict, &plan)?;
    set_attributes(py, &ty, name, base, &dict, &plan)?;
    ty.ready(py)?;
    update::fixup_slots(py, &ty);
    if ty.has_feature(flags::MANAGED_DICT) {
        share_keys(py, &ty, &dict)?;
    }
    set_names(py, &ty)?;
    init_subclass(py, &ty, kwargs)?;
    Ok(ty)
}

/// A fresh type object with its names, bases and sizes set.
fn allocate(
    py: Attached<'_>,
    metatype: &Type,
    name: &Str,
    bases: &Tuple,
    base: &Type,
    dict: &Dict,
    plan: &SlotPlan,
) -> PyResult<Ref<Type>> {
    let text = name.to_utf8(py)?;
    let Ok(c_name) = CString::new(text) else {
        return Err(raise!(py, ValueError, "type name must not contain null characters"));
    };
    let ty = metatype.alloc(py, plan.names.len())?;
    // SAFETY: a metatype's instance is a type.
    let ty = unsafe { ty.cast_unchecked::<Type>() };
    ty.add_flags(Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC);
    // SAFETY: [layout]: an instance of a metatype has the heap part.
    let heap = unsafe { &*ty.as_type_ptr().cast::<PyHeapTypeObject>() };
    let raw = ty.as_type();
    raw.tp_as_async.set((&raw const heap.as_async).cast_mut());
    raw.tp_as_number.set((&raw const heap.as_number).cast_mut());
    raw.tp_as_sequence.set((&raw const heap.as_sequence).cast_mut());
    raw.tp_as_mapping.set((&raw const heap.as_mapping).cast_mut());
    raw.tp_as_buffer.set((&raw const heap.as_buffer).cast_mut());
    // SAFETY: a C string copy that the type owns.
    let c_name = unsafe { libc::strdup(c_name.as_ptr()) };
    if c_name.is_null() {
        return Err(py.no_memory());
    }
    raw.tp_name.set(c_name);
    heap._ht_tpname.set(c_name);
    heap.ht_name.set(name.to_ref().into_raw());
    heap.ht_qualname.set(name.to_ref().into_raw());
    if let Some(names) = &plan.sorted {
        heap.ht_slots.set(names.clone().into_raw());
    }
    raw.tp_bases.set(bases.to_ref().into_raw());
    raw.tp_base.set(base.to_ref().into_raw().cast());
    raw.tp_dict.set(dict.to_ref().into_raw());
    raw.tp_dealloc.set(Some(instance::subtype_dealloc));
    raw.tp_traverse.set(Some(instance::subtype_traverse));
    raw.tp_clear.set(Some(instance::subtype_clear));
    raw.tp_alloc.set(Some(instance::PyType_GenericAlloc));
    raw.tp_free.set(Some(crate::mem::object_free));
    raw.tp_itemsize.set(base.as_type().tp_itemsize.get());
    crate::mode::set_deferred(ty.as_object());
    py.state().type_refs.enter(&ty);
    Ok(ty)
}

/// `__dict__` of instances of classes.
static DICT_GETSET: crate::typedef::Table<PyGetSetDef, 2> =
    crate::typedef::Table([DICT_DEF, crate::typedef::GETSET_END]);
static WEAKREF_GETSET: crate::typedef::Table<PyGetSetDef, 2> =
    crate::typedef::Table([WEAKREF_DEF, crate::typedef::GETSET_END]);
static BOTH_GETSET: crate::typedef::Table<PyGetSetDef, 3> =
    crate::typedef::Table([DICT_DEF, WEAKREF_DEF, crate::typedef::GETSET_END]);

#[allow(clippy::declare_interior_mutable_const)]
const DICT_DEF: PyGetSetDef =
    crate::getset_def!(Object; "__dict__" => get_dict, set_dict, "dictionary for instance variables");
#[allow(clippy::declare_interior_mutable_const)]
const WEAKREF_DEF: PyGetSetDef =
    crate::getset_def!(Object; "__weakref__" => get_weakref, "list of weak references to the object");

/// The nearest native base whose instances have a dict with a `__dict__` descriptor of its own, such as a module's.
fn native_dict_descriptor(py: Attached<'_>, object: &Object) -> Option<Ref<Object>> {
    let mut at = Some(object.ty());
    while let Some(ty) = at {
        if ty.as_type().tp_dictoffset.get() != 0 && !ty.is_heap() {
            let descr = ty.lookup(py, id!(py, __dict__))?;
            return descr.ty().as_type().tp_descr_set.get().is_some().then_some(descr);
        }
        at = ty.base();
    }
    None
}

fn get_dict(py: Attached<'_>, this: &Object) -> PyResult<Ref<Object>> {
    if let Some(descr) = native_dict_descriptor(py, this)
        && let Some(get) = descr.ty().as_type().tp_descr_get.get()
    {
        // SAFETY: [slot-contract].
        return unsafe { steal_result(py, get(descr.as_ptr(), this.as_ptr(), this.ty().as_ptr())) };
    }
    Ok(instance::get_dict(py, this)?.upcast())
}

fn set_dict(py: Attached<'_>, this: &Object, value: Option<&Object>) -> PyResult<()> {
    if let Some(descr) = native_dict_descriptor(py, this)
        && let Some(set) = descr.ty().as_type().tp_descr_set.get()
    {
        let value = value.map_or(ptr::null_mut(), Layout::as_ptr);
        // SAFETY: [slot-contract].
        return crate::protocols::call::check_status(py, unsafe { set(descr.as_ptr(), this.as_ptr(), value) });
    }
    instance::set_dict(py, this, value)
}

fn get_weakref(_py: Attached<'_>, this: &Object) -> PyResult<Option<Ref<Object>>> {
    let offset = this.ty().as_type().tp_weaklistoffset.get();
    if offset == 0 {
        return Ok(None);
    }
    // SAFETY: [layout]: the head of the object's list of weak references lies there.
    Ok(unsafe { &*this.as_ptr().byte_offset(offset).cast::<Slot>() }.get())
}

fn set_attributes(py: Attached<'_>, ty: &Type, _name: &Str, base: &Type, dict: &Dict, plan: &SlotPlan) -> PyResult<()> {
    set_module(py, dict)?;
    set_qualname(py, ty, dict)?;
    if let Some(doc) = dict.get(py, id!(py, __doc__).as_object())?
        && let Some(doc) = doc.as_object().downcast::<Str>()
        && let Ok(text) = CString::new(doc.to_utf8(py)?)
    {
        // SAFETY: a copy that the type owns.
        ty.as_type().tp_doc.set(unsafe { libc::strdup(text.as_ptr()) });
    }
    wrap_function(py, dict, id!(py, __new__), |function| Ok(StaticMethod::new(py, function)?.upcast()))?;
    for name in [id!(py, __init_subclass__), id!(py, __class_getitem__)] {
        wrap_function(py, dict, name, |function| Ok(ClassMethod::new(py, function)?.upcast()))?;
    }
    add_members(py, ty, base, plan)?;
    set_cells(py, ty, dict)?;
    Ok(())
}

fn set_module(py: Attached<'_>, dict: &Dict) -> PyResult<()> {
    let key = id!(py, __module__).as_object();
    if dict.contains(py, key)? {
        return Ok(());
    }
    let Some(globals) = (hooks::hooks().current_globals)(py) else { return Ok(()) };
    let Some(globals) = globals.as_object().downcast::<Dict>() else { return Ok(()) };
    match globals.get(py, id!(py, __name__).as_object())? {
        Some(module) => dict.set(py, key, &module),
        None => Ok(()),
    }
}

fn set_qualname(py: Attached<'_>, ty: &Type, dict: &Dict) -> PyResult<()> {
    let Some(qualname) = dict.get(py, id!(py, __qualname__).as_object())? else { return Ok(()) };
    let qualname = match qualname.downcast::<Str>() {
        Ok(qualname) => qualname,
        Err(other) => {
            return Err(raise!(py, TypeError, "type __qualname__ must be a str, not {}", other.ty().name()));
        }
    };
    if let Some(heap) = ty.as_heap() {
        // SAFETY: the heap type owns its qualified name.
        drop(unsafe { Slot::<Str>::of(&heap.ht_qualname) }.replace(Some(qualname)));
    }
    drop(dict.remove(py, id!(py, __qualname__).as_object())?);
    Ok(())
}

/// Plain functions of some names are class or static methods without saying so.
fn wrap_function(
    py: Attached<'_>,
    dict: &Dict,
    name: &Str,
    wrap: impl FnOnce(&Object) -> PyResult<Ref<Object>>,
) -> PyResult<()> {
    match dict.get(py, name.as_object())? {
        Some(function) if function.as_object().downcast_exact::<Function>().is_some() => {
            dict.set(py, name.as_object(), &*wrap(&function)?)
        }
        _ => Ok(()),
    }
}

fn add_members(py: Attached<'_>, ty: &Type, base: &Type, plan: &SlotPlan) -> PyResult<()> {
    let raw = ty.as_type();
    let word = size_of::<*mut PyObject>() as isize;
    let mut offset = base.as_type().tp_basicsize.get();
    let metatype = ty.as_object().ty();
    // SAFETY: [exact-size]: `alloc` left room for the definitions and an end entry.
    let members = unsafe { ty.as_ptr().byte_offset(metatype.as_type().tp_basicsize.get()).cast::<PyMemberDef>() };
    for (index, name) in plan.names.iter().enumerate() {
        let text = name.to_utf8(py)?;
        // SAFETY: as above. The name is NUL-terminated and lives in `ht_slots`.
        unsafe {
            *members.add(index) =
                PyMemberDef { name: text.as_ptr().cast(), r#type: Py_T_OBJECT_EX, offset, flags: 0, doc: ptr::null() };
        }
        offset += word;
    }
    raw.tp_basicsize.set(offset);
    raw.tp_members.set(members);
    if plan.add_dict {
        ty.add_flags(flags::MANAGED_DICT);
        raw.tp_dictoffset.set(-1);
    }
    if plan.add_weak {
        ty.add_flags(flags::MANAGED_WEAKREF);
        raw.tp_weaklistoffset.set(crate::mem::MANAGED_WEAKREF_OFFSET);
    }
    let getset: *const PyGetSetDef = match (plan.add_dict, plan.add_weak) {
        (true, true) => (&raw const BOTH_GETSET).cast(),
        (true, false) => (&raw const DICT_GETSET).cast(),
        (false, true) => (&raw const WEAKREF_GETSET).cast(),
        (false, false) => ptr::null(),
    };
    raw.tp_getset.set(getset.cast_mut());
    Ok(())
}

/// Gives the compiler's cells the class and its namespace.
fn set_cells(py: Attached<'_>, ty: &Type, dict: &Dict) -> PyResult<()> {
    let cell_of = |name: &Str| -> PyResult<Option<Ref<Cell>>> {
        let Some(value) = dict.get(py, name.as_object())? else { return Ok(None) };
        match value.downcast::<Cell>() {
            Ok(cell) => Ok(Some(cell)),
            Err(other) => {
                let kind = other.ty().as_object().repr(py)?;
                Err(raise!(py, TypeError, "{name} must be a nonlocal cell, not {kind}"))
            }
        }
    };
    if let Some(cell) = cell_of(id!(py, __classcell__))? {
        drop(cell.replace(Some(ty.as_object().to_ref())));
        drop(dict.remove(py, id!(py, __classcell__).as_object())?);
    }
    if let Some(cell) = cell_of(id!(py, __classdictcell__))? {
        drop(cell.replace(Some(dict.as_object().to_ref())));
        drop(dict.remove(py, id!(py, __classdictcell__).as_object())?);
    }
    Ok(())
}

/// Prepares the shared key table with the attributes that methods assign.
fn share_keys(py: Attached<'_>, ty: &Type, dict: &Dict) -> PyResult<()> {
    let names = dict.get(py, id!(py, __static_attributes__).as_object())?;
    let names = names.as_ref().and_then(|names| names.as_object().downcast_exact::<Tuple>());
    if let (Some(heap), Some(names)) = (ty.as_heap(), names)
        && !names.is_empty()
    {
        let fresh = DictKeys::new_shared(py, Some(names));
        let old = heap.ht_cached_keys.swap(fresh, std::sync::atomic::Ordering::AcqRel);
        // SAFETY: no instance exists yet.
        unsafe { DictKeys::release_shared(py, old) };
    }
    Ok(())
}

/// Calls `__set_name__` of what the namespace holds.
fn set_names(py: Attached<'_>, ty: &Type) -> PyResult<()> {
    let Some(dict) = ty.dict() else { return Ok(()) };
    for (name, value) in dict.items_snapshot(py)? {
        let Some(method) = value.as_object().lookup_special(py, id!(py, __set_name__))? else { continue };
        if let Err(raised) = method.call_pos(py, &[ty.as_object(), &name]) {
            let error = raised.take(py);
            let note = format!(
                "Error calling __set_name__ on '{}' instance {} in '{}'",
                value.ty().name(),
                name.repr(py)?,
                ty.name()
            );
            let note = Str::new(py, &note)?;
            crate::BaseException::add_note(py, &error, note.as_object())?;
            return Err(py.restore(error));
        }
    }
    Ok(())
}

/// Calls `super(ty, ty).__init_subclass__(**kwargs)`.
fn init_subclass(py: Attached<'_>, ty: &Type, kwargs: Option<&Dict>) -> PyResult<()> {
    let name = id!(py, __init_subclass__);
    drop(crate::builtins::superobject::check(py, ty, ty.as_object())?);
    for class in ty.mro().iter().skip(1) {
        let Some(found) = (match class.dict() {
            Some(dict) => dict.get(py, name.as_object())?,
            None => None,
        }) else {
            continue;
        };
        let bound = match found.ty().as_type().tp_descr_get.get() {
            // SAFETY: [slot-contract].
            Some(get) => unsafe { steal_result(py, get(found.as_ptr(), ty.as_ptr(), ty.as_ptr()))? },
            None => found,
        };
        drop(bound.call_with(py, &Tuple::empty(py), kwargs)?);
        return Ok(());
    }
    Ok(())
}
