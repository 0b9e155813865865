//! Methods and computed attributes of `type`.
use super::update::checked_set;
use super::{Type, mro};
use crate::args::Args;
use crate::builtins::descrobject;
use crate::handle::{Attached, Layout, Ref, Slot};
use crate::layout::*;
use crate::{Dict, List, Object, PyResult, Str, Tuple, id, raise};
use std::ffi::CStr;
use std::mem::size_of;

pub(super) fn type_repr(py: Attached<'_>, this: &Type) -> PyResult<Ref<Str>> {
    if this.0.tp_name.get().is_null() {
        return Str::new(py, &format!("<class at {:p}>", this));
    }
    let module = match module_of(py, this) {
        Ok(module) => module,
        Err(raised) => {
            raised.clear(py);
            crate::none()
        }
    };
    let qualname = get_qualname(py, this)?;
    match module.as_object().downcast::<Str>() {
        Some(module) if !module.eq_str("builtins") => {
            Str::new(py, &format!("<class '{module}.{}'>", display(&qualname)))
        }
        _ => Str::new(py, &format!("<class '{}'>", this.short_or_full(&qualname))),
    }
}

fn display(object: &Object) -> String {
    object.downcast::<Str>().map_or_else(String::new, |text| text.to_string_lossy().into_owned())
}

impl Type {
    fn short_or_full(&self, qualname: &Object) -> String {
        if self.is_heap() { display(qualname) } else { self.name().into_owned() }
    }
}

pub(super) fn type_mro_method(py: Attached<'_>, this: &Type) -> PyResult<Ref<List>> {
    List::from_vec(py, mro::linearise(py, this)?)
}

pub(super) fn type_subclasses(py: Attached<'_>, this: &Type) -> PyResult<Ref<List>> {
    List::from_vec(py, this.subclasses(py).into_iter().map(Ref::upcast).collect())
}

pub(super) fn type_prepare(py: Attached<'_>, _class: &Type, _args: Args<'_>) -> PyResult<Ref<Dict>> {
    Dict::new(py)
}

pub(super) fn type_instancecheck(py: Attached<'_>, this: &Type, instance: &Object) -> PyResult<bool> {
    crate::protocols::abstract_object::recursive_is_instance(py, instance, this.as_object())
}

pub(super) fn type_subclasscheck(py: Attached<'_>, this: &Type, subclass: &Object) -> PyResult<bool> {
    crate::protocols::abstract_object::recursive_is_subclass(py, subclass, this.as_object())
}

pub(super) fn type_dir(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    let names = Dict::new(py)?;
    merge_class_dict(py, &names, this.as_object())?;
    crate::protocols::abstract_object::keys_list(py, &names).map(Ref::upcast)
}

/// Adds the names of a class and of its bases, from their `__dict__` and `__bases__`.
pub(crate) fn merge_class_dict(py: Attached<'_>, names: &Dict, class: &Object) -> PyResult<()> {
    if let Some(dict) = class.get_attr_opt(py, id!(py, __dict__))? {
        names.merge(py, &dict, true)?;
    }
    if let Some(bases) = class.get_attr_opt(py, id!(py, __bases__))? {
        for base in bases.sequence_list(py)?.to_vec(py)? {
            merge_class_dict(py, names, &base)?;
        }
    }
    Ok(())
}

pub(super) fn type_sizeof(_py: Attached<'_>, this: &Type) -> usize {
    if this.is_heap() {
        let shared = crate::builtins::dictobject::shared_keys(this).map_or(0, |keys| keys.byte_size());
        size_of::<PyHeapTypeObject>() + size_of_val(super::instance::slot_members(this)) + shared
    } else {
        size_of::<PyTypeObject>()
    }
}

/// `__module__`: from the dict of heap types, from `tp_name` of static ones.
pub(super) fn module_of(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    if this.is_heap() {
        let found = match this.dict() {
            Some(dict) => dict.get(py, id!(py, __module__).as_object())?,
            None => None,
        };
        return match found {
            Some(module) => Ok(module),
            None => Err(raise!(py, AttributeError, "__module__")),
        };
    }
    let name = this.name();
    match name.rsplit_once('.') {
        Some((module, _)) => Ok(Str::intern(py, Str::new(py, module)?).as_object().to_ref()),
        None => Ok(id!(py, builtins).as_object().to_ref()),
    }
}

pub(super) fn get_module(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    module_of(py, this)
}

pub(super) fn set_module(py: Attached<'_>, this: &Type, value: Option<&Object>) -> PyResult<()> {
    let value = checked_set(py, this, value, "__module__")?;
    if let Some(dict) = this.dict() {
        drop(dict.remove(py, id!(py, __firstlineno__).as_object())?);
    }
    super::attrs::store(py, this, id!(py, __module__), Some(value))?;
    Ok(())
}

/// A new reference to an owned string of the heap part.
fn heap_name(py: Attached<'_>, field: &Field<*mut PyObject>) -> PyResult<Ref<Object>> {
    // SAFETY: a heap type owns the string.
    match unsafe { Slot::<Object>::of(field) }.get() {
        Some(name) => Ok(name),
        None => Err(py.bad_internal_call()),
    }
}

pub(super) fn get_name(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    match this.as_heap() {
        Some(heap) => heap_name(py, &heap.ht_name),
        None => Ok(Str::new(py, &this.short_name())?.upcast()),
    }
}

pub(super) fn set_name(py: Attached<'_>, this: &Type, value: Option<&Object>) -> PyResult<()> {
    let value = checked_set(py, this, value, "__name__")?;
    let Some(name) = value.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "can only assign string to {}.__name__, not '{}'",
            this.name(),
            value.ty().name()
        ));
    };
    let Ok(text) = std::ffi::CString::new(name.to_utf8(py)?) else {
        return Err(raise!(py, ValueError, "type name must not contain null characters"));
    };
    let Some(heap) = this.as_heap() else { return Err(py.bad_internal_call()) };
    let _lock = super::lock_types(py);
    // SAFETY: the heap type owns its name.
    drop(unsafe { Slot::<Str>::of(&heap.ht_name) }.replace(Some(name.to_ref())));
    // SAFETY: a copy that the type owns; the old text may still be read and stays.
    unsafe {
        let copy = libc::strdup(text.as_ptr());
        this.0.tp_name.set(copy);
        heap._ht_tpname.set(copy);
    }
    Ok(())
}

pub(super) fn get_qualname(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    match this.as_heap() {
        Some(heap) => heap_name(py, &heap.ht_qualname),
        None => get_name(py, this),
    }
}

pub(super) fn set_qualname(py: Attached<'_>, this: &Type, value: Option<&Object>) -> PyResult<()> {
    let value = checked_set(py, this, value, "__qualname__")?;
    let Some(name) = value.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "can only assign string to {}.__qualname__, not '{}'",
            this.name(),
            value.ty().name()
        ));
    };
    let Some(heap) = this.as_heap() else { return Err(py.bad_internal_call()) };
    // SAFETY: the heap type owns its qualified name.
    drop(unsafe { Slot::<Str>::of(&heap.ht_qualname) }.replace(Some(name.to_ref())));
    Ok(())
}

/// `__flags__`. The classes of modules, which name their module, are heap types in the reference, and `copyreg` takes
/// the first class that is none for the one that holds an object's state.
pub(super) fn get_flags(_py: Attached<'_>, this: &Type) -> std::ffi::c_ulong {
    let flags = this.0.tp_flags.get();
    if this.name().contains('.') { flags | Py_TPFLAGS_HEAPTYPE } else { flags }
}

pub(super) fn get_bases(py: Attached<'_>, this: &Type) -> PyResult<Ref<Tuple>> {
    match this.bases_tuple() {
        Some(bases) => Ok(bases.to_ref()),
        None => Ok(Tuple::empty(py)),
    }
}

pub(super) fn get_mro(_py: Attached<'_>, this: &Type) -> Option<Ref<Tuple>> {
    this.mro_tuple().map(Layout::to_ref)
}

pub(super) fn get_dict(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    match this.dict() {
        Some(dict) => Ok(descrobject::MappingProxy::new(py, dict.as_object())?.upcast()),
        None => Ok(crate::none()),
    }
}

pub(super) fn get_abstractmethods(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    let name = id!(py, __abstractmethods__);
    // `type` itself has this very descriptor under the name.
    if !std::ptr::eq(this, Type::type_object())
        && let Some(dict) = this.dict()
        && let Some(found) = dict.get(py, name.as_object())?
    {
        return Ok(found);
    }
    Err(raise!(py, AttributeError, "__abstractmethods__"))
}

pub(super) fn set_abstractmethods(py: Attached<'_>, this: &Type, value: Option<&Object>) -> PyResult<()> {
    let abstract_now = match value {
        Some(value) => value.is_true(py)?,
        None => false,
    };
    let name = id!(py, __abstractmethods__);
    if !super::attrs::store(py, this, name, value)? {
        return Err(raise!(py, AttributeError, "__abstractmethods__"));
    }
    if abstract_now {
        this.add_flags(Py_TPFLAGS_IS_ABSTRACT);
    } else {
        this.clear_flags(Py_TPFLAGS_IS_ABSTRACT);
    }
    Ok(())
}

fn raw_doc(this: &Type) -> Option<String> {
    let doc = this.0.tp_doc.get();
    // SAFETY: `tp_doc` is null or a C string.
    (!doc.is_null()).then(|| unsafe { CStr::from_ptr(doc) }.to_string_lossy().into_owned())
}

pub(super) fn get_doc(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    if !this.is_heap()
        && let Some(doc) = raw_doc(this)
    {
        return Ok(Str::new(py, descrobject::doc_without_signature(&this.short_name(), &doc))?.upcast());
    }
    let found = match this.dict() {
        Some(dict) => dict.get(py, id!(py, __doc__).as_object())?,
        None => None,
    };
    let Some(found) = found else { return Ok(crate::none()) };
    match found.ty().0.tp_descr_get.get() {
        // SAFETY: [slot-contract].
        Some(get) => unsafe {
            crate::protocols::call::steal_result(py, get(found.as_ptr(), std::ptr::null_mut(), this.as_ptr()))
        },
        None => Ok(found),
    }
}

pub(super) fn set_doc(py: Attached<'_>, this: &Type, value: Option<&Object>) -> PyResult<()> {
    let value = checked_set(py, this, value, "__doc__")?;
    super::attrs::store(py, this, id!(py, __doc__), Some(value))?;
    Ok(())
}

pub(super) fn get_text_signature(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    let doc = raw_doc(this).unwrap_or_default();
    match descrobject::text_signature(&this.short_name(), &doc) {
        Some(text) => Ok(Str::new(py, text)?.upcast()),
        None => Ok(crate::none()),
    }
}

pub(super) fn get_type_params(py: Attached<'_>, this: &Type) -> PyResult<Ref<Object>> {
    if std::ptr::eq(this, Type::type_object()) {
        return Ok(Tuple::empty(py).upcast());
    }
    let found = match this.dict() {
        Some(dict) => dict.get(py, id!(py, __type_params__).as_object())?,
        None => None,
    };
    Ok(found.unwrap_or_else(|| Tuple::empty(py).upcast()))
}

pub(super) fn set_type_params(py: Attached<'_>, this: &Type, value: Option<&Object>) -> PyResult<()> {
    let value = checked_set(py, this, value, "__type_params__")?;
    super::attrs::store(py, this, id!(py, __type_params__), Some(value))?;
    Ok(())
}
