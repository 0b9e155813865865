//! `type`: static and heap types, readiness, lookup, construction.
//!
//! Concurrency: a type's dict, bases, MRO and slots change only under the interpreter's type lock
//! ([`lock_types`]). Lookups take no lock: they trust a version tag that the mutator drops before *and* after the
//! change, while it keeps the displaced value alive (see [`cache`]). A replaced MRO tuple stays alive in
//! `tp_cache` until the type dies, so [`Type::mro`] may be borrowed. Static types never change after
//! [`Type::ready`].
mod annotations;
mod attrs;
mod buffer_slots;
mod cache;
mod call;
mod getset;
mod inherit;
pub mod instance;
mod mro;
mod new;
mod ready;
pub mod slot_functions;
pub mod slotdefs;
pub mod slots;
pub mod spec;
mod subclasses;
#[cfg(test)]
mod tests;
mod update;
pub mod wrappers;

pub use attrs::{clear_descriptors, has_plain_getattro, type_getattr_opt, type_getattro, type_setattro};
pub use buffer_slots::BufferWrapper;
pub use call::type_call;
pub(crate) use getset::merge_class_dict;
pub use instance::{PyType_GenericAlloc, PyType_GenericNew};
pub(crate) use new::check_compatible_base;
pub use new::{calculate_metaclass, type_new};
pub use slot_functions::InstanceLookup;

use crate::handle::{Attached, Layout, Ref};
use crate::layout::{PyHeapTypeObject, PyTypeObject};
use crate::mode::CriticalSection;
use crate::{Dict, Object, Tuple, pytype};
use std::borrow::Cow;
use std::ffi::CStr;
use std::mem::{offset_of, size_of};

/// A type object.
#[repr(transparent)]
pub struct Type(pub(crate) PyTypeObject);

const WORD: std::ffi::c_int = crate::layout::Py_T_PYSSIZET;

pytype! {
    #[unsafe(no_mangle)]
    pub static PyType_Type: "type" for Type {
        base: Object,
        flags: [HAVE_GC, BASETYPE, TYPE_SUBCLASS, HAVE_VECTORCALL, ITEMS_AT_END],
        fast: TYPE_SUBCLASS,
        basicsize: size_of::<PyHeapTypeObject>() as isize,
        itemsize: size_of::<PyMemberDef>() as isize,
        doc: "type(object) -> the type of the object\ntype(name, bases, dict, **kwds) -> a new type",
        slots: {
            tp_dealloc = instance::type_dealloc,
            tp_repr = getset::type_repr,
            raw tp_call = Some(call::slot_type_call),
            tp_getattro = attrs::type_getattro,
            tp_setattro = attrs::type_setattro,
            tp_traverse = instance::type_traverse,
            tp_clear = instance::type_clear,
            raw tp_is_gc = Some(instance::type_is_gc),
            raw tp_new = Some(new::slot_type_new),
            tp_init = new::type_init,
            raw tp_vectorcall = Some(call::slot_type_vectorcall),
            raw tp_vectorcall_offset = offset_of!(PyTypeObject, tp_vectorcall) as isize,
            raw tp_dictoffset = offset_of!(PyTypeObject, tp_dict) as isize,
            raw tp_weaklistoffset = offset_of!(PyTypeObject, tp_weaklist) as isize,
            nb_or = crate::builtins::unionobject::type_or,
        },
        methods: {
            noargs "mro" => getset::type_mro_method, "($self, /)", "Compute the method resolution order of a type.";
            noargs "__subclasses__" => getset::type_subclasses, "($self, /)", "List the immediate subclasses that are alive.";
            class raw "__prepare__" => getset::type_prepare, "($cls, name, bases, /, **kwds)", "Make the namespace in which a class body runs.";
            o "__instancecheck__" => getset::type_instancecheck, "($self, instance, /)", "Tell whether an object is an instance.";
            o "__subclasscheck__" => getset::type_subclasscheck, "($self, subclass, /)", "Tell whether a class is a subclass.";
            noargs "__dir__" => getset::type_dir, "($self, /)", "Specialized dir() for classes.";
            noargs "__sizeof__" => getset::type_sizeof, "($self, /)", "Size of the type object in bytes.";
        },
        getset: {
            "__name__" => getset::get_name, getset::set_name, "";
            "__qualname__" => getset::get_qualname, getset::set_qualname, "";
            "__bases__" => getset::get_bases, update::set_bases, "";
            "__mro__" => getset::get_mro, "";
            "__flags__" => getset::get_flags, "";
            "__module__" => getset::get_module, getset::set_module, "";
            "__abstractmethods__" => getset::get_abstractmethods, getset::set_abstractmethods, "";
            "__dict__" => getset::get_dict, "";
            "__doc__" => getset::get_doc, getset::set_doc, "";
            "__text_signature__" => getset::get_text_signature, "";
            "__annotations__" => annotations::get_annotations, annotations::set_annotations, "";
            "__annotate__" => annotations::get_annotate, annotations::set_annotate, "";
            "__type_params__" => getset::get_type_params, getset::set_type_params, "";
        },
        members: [
            crate::typedef::member("__basicsize__\0", WORD, offset_of!(PyTypeObject, tp_basicsize), 1, c""),
            crate::typedef::member("__itemsize__\0", WORD, offset_of!(PyTypeObject, tp_itemsize), 1, c""),
            crate::typedef::member("__weakrefoffset__\0", WORD, offset_of!(PyTypeObject, tp_weaklistoffset), 1, c""),
            crate::typedef::member("__base__\0", crate::layout::_Py_T_OBJECT, offset_of!(PyTypeObject, tp_base), 1, c""),
            crate::typedef::member("__dictoffset__\0", WORD, offset_of!(PyTypeObject, tp_dictoffset), 1, c""),
        ],
    }
}

/// Feature bits that the generated constants give as `c_int`.
pub mod flags {
    use std::ffi::c_ulong;
    pub const INLINE_VALUES: c_ulong = 1 << 2;
    pub const MANAGED_WEAKREF: c_ulong = 1 << 3;
    pub const MANAGED_DICT: c_ulong = 1 << 4;
    pub const SEQUENCE: c_ulong = 1 << 5;
    pub const MAPPING: c_ulong = 1 << 6;
    pub const PREHEADER: c_ulong = MANAGED_DICT | MANAGED_WEAKREF;
    /// One of the `*_SUBCLASS` bits.
    pub const ANY_SUBCLASS: c_ulong = 0xff << 24;
}

/// Enters the critical section in which types of the current interpreter change.
pub fn lock_types<'a>(py: Attached<'a>) -> CriticalSection<'a> {
    CriticalSection::enter(py, py.state().type_lock())
}

impl Type {
    #[inline(always)]
    pub fn raw(&self) -> &PyTypeObject {
        &self.0
    }
    #[inline(always)]
    pub fn as_type(&self) -> &PyTypeObject {
        &self.0
    }
    #[inline(always)]
    pub fn as_type_ptr(&self) -> *mut PyTypeObject {
        std::ptr::from_ref(&self.0).cast_mut()
    }
    /// Views a raw type pointer.
    ///
    /// # Safety
    /// `raw` points to a live type.
    #[inline(always)]
    pub unsafe fn from_type_ptr<'a>(raw: *mut PyTypeObject) -> &'a Type {
        // SAFETY: by the contract.
        unsafe { &*raw.cast() }
    }
    #[inline(always)]
    pub fn has_feature(&self, flag: std::ffi::c_ulong) -> bool {
        self.0.tp_flags.get() & flag != 0
    }
    pub(crate) fn add_flags(&self, flag: std::ffi::c_ulong) {
        self.0.tp_flags.set(self.0.tp_flags.get() | flag);
    }
    pub(crate) fn clear_flags(&self, flag: std::ffi::c_ulong) {
        self.0.tp_flags.set(self.0.tp_flags.get() & !flag);
    }
    #[inline(always)]
    pub fn is_gc(&self) -> bool {
        self.has_feature(crate::layout::Py_TPFLAGS_HAVE_GC)
    }
    #[inline(always)]
    pub fn is_heap(&self) -> bool {
        self.has_feature(crate::layout::Py_TPFLAGS_HEAPTYPE)
    }
    #[inline(always)]
    pub fn is_ready(&self) -> bool {
        self.has_feature(crate::layout::Py_TPFLAGS_READY)
    }
    #[inline(always)]
    pub fn is_immutable(&self) -> bool {
        self.has_feature(crate::layout::Py_TPFLAGS_IMMUTABLETYPE)
    }

    /// The heap part of a heap type.
    #[inline(always)]
    pub fn as_heap(&self) -> Option<&PyHeapTypeObject> {
        // SAFETY: [layout]: a type with the flag is allocated with the heap part behind it.
        self.is_heap().then(|| unsafe { &*self.as_type_ptr().cast() })
    }

    #[inline(always)]
    pub fn base(&self) -> Option<&Type> {
        // SAFETY: a type owns its base, and a replaced base stays alive in `tp_cache`.
        unsafe { self.0.tp_base.get().cast::<Type>().as_ref() }
    }

    /// The type's own dict; null only before [`Type::ready`].
    #[inline(always)]
    pub fn dict(&self) -> Option<&Dict> {
        // SAFETY: [frozen]: a type keeps its dict for life.
        unsafe { self.0.tp_dict.get().cast::<Dict>().as_ref() }
    }

    #[inline(always)]
    pub fn bases_tuple(&self) -> Option<&Tuple> {
        // SAFETY: a replaced tuple stays alive in `tp_cache`.
        unsafe { self.0.tp_bases.load(std::sync::atomic::Ordering::Acquire).cast::<Tuple>().as_ref() }
    }

    pub fn bases(&self) -> &[&Object] {
        self.bases_tuple().map_or(&[], Tuple::as_slice)
    }

    #[inline(always)]
    pub fn mro_tuple(&self) -> Option<&Tuple> {
        // SAFETY: a replaced tuple stays alive in `tp_cache`.
        unsafe { self.0.tp_mro.load(std::sync::atomic::Ordering::Acquire).cast::<Tuple>().as_ref() }
    }

    /// The method resolution order; empty before the type is ready.
    #[inline(always)]
    pub fn mro(&self) -> &[&Type] {
        let objects = self.mro_tuple().map_or(&[][..], Tuple::as_slice);
        // SAFETY: an MRO holds types only.
        unsafe { std::slice::from_raw_parts(objects.as_ptr().cast(), objects.len()) }
    }

    /// Whether `self` is `base` or derives from it, by the MRO.
    #[inline]
    pub fn is_subtype_of(&self, base: &Type) -> bool {
        std::ptr::eq(self, base) || self.derives_from(base)
    }

    #[inline(never)]
    pub(crate) fn derives_from(&self, base: &Type) -> bool {
        match self.mro_tuple() {
            Some(mro) => mro.as_slice().iter().any(|entry| std::ptr::addr_eq(*entry, base)),
            None => {
                let mut at = Some(self);
                while let Some(ty) = at {
                    if std::ptr::eq(ty, base) {
                        return true;
                    }
                    at = ty.base();
                }
                std::ptr::eq(base, Object::type_object())
            }
        }
    }

    /// The name for messages, as C's `tp_name`: `__name__` of classes, with the module for static types that name it.
    pub fn name(&self) -> Cow<'_, str> {
        let name = self.0.tp_name.get();
        if name.is_null() {
            return Cow::Borrowed("?");
        }
        // SAFETY: `tp_name` is a NUL-terminated string that lives as long as the type.
        unsafe { CStr::from_ptr(name) }.to_string_lossy()
    }

    /// `__name__`: of static types the part after the last dot of `tp_name`.
    pub fn short_name(&self) -> Cow<'_, str> {
        if let Some(name) = self.as_heap().and_then(|heap| {
            // SAFETY: a heap type owns its name.
            unsafe { heap.ht_name.get().cast::<crate::Str>().as_ref() }
        }) {
            return Cow::Owned(name.to_string_lossy().into_owned());
        }
        match self.name() {
            Cow::Borrowed(name) => Cow::Borrowed(name.rsplit('.').next().unwrap_or(name)),
            Cow::Owned(name) => Cow::Owned(name.rsplit('.').next().unwrap_or_default().to_owned()),
        }
    }

    /// `module.qualname` without `builtins.`, as messages use it.
    pub fn full_name(&self) -> String {
        self.full_name_with(".")
    }

    /// As [`Type::full_name`] with other text between module and qualified name.
    pub fn full_name_with(&self, between: &str) -> String {
        let Some(heap) = self.as_heap() else { return self.name().into_owned() };
        // SAFETY: a heap type owns its qualified name.
        let qualname = unsafe { heap.ht_qualname.get().cast::<crate::Str>().as_ref() };
        let qualname = qualname.map_or_else(|| self.name().into_owned(), |name| name.to_string_lossy().into_owned());
        let Some(py) = Attached::try_from_tls() else { return qualname };
        let module = self.dict().and_then(|dict| dict.get_str(py, "__module__"));
        match module.as_ref().and_then(|module| module.as_object().downcast::<crate::Str>()) {
            Some(module) if !module.eq_str("builtins") && !module.eq_str("__main__") => {
                format!("{}{between}{qualname}", module.to_string_lossy())
            }
            _ => qualname,
        }
    }

    /// Allocates a zeroed instance through `tp_alloc`.
    #[inline]
    pub fn alloc(&self, py: Attached<'_>, items: usize) -> crate::PyResult<Ref<Object>> {
        match self.0.tp_alloc.get() {
            Some(alloc) if alloc as usize != PyType_GenericAlloc as *const () as usize => {
                // SAFETY: [slot-contract].
                unsafe { crate::protocols::call::steal_result(py, alloc(self.as_type_ptr(), items as isize)) }
            }
            _ => instance::generic_alloc(py, self, items),
        }
    }
}

/// The address of `type`, for static initialisers.
pub const fn type_type_ptr() -> *mut PyTypeObject {
    (&raw const PyType_Type).cast_mut()
}

impl Type {
    /// `__qualname__` as text.
    pub(crate) fn qualified_name(&self, py: Attached<'_>) -> crate::PyResult<String> {
        let name = getset::get_qualname(py, self)?;
        Ok(name
            .as_object()
            .downcast::<crate::Str>()
            .map_or_else(String::new, |text| text.to_string_lossy().into_owned()))
    }
}
