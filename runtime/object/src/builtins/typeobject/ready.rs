//! [`Type::ready`]: what turns a filled-in struct into a usable type.
use super::{Type, flags, inherit, mro, slotdefs};
use crate::builtins::descrobject::{self, Descr, WrapperDescr};
use crate::builtins::methodobject::CFunction;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::{Dict, Object, PyResult, Str, Tuple, id, raise};
use std::ffi::CStr;
use std::ptr;

/// Makes an object that belongs to a static type immortal.
pub(super) fn immortalise(object: &Object) {
    if object.ty().is_gc() && crate::gc::is_tracked(object) {
        crate::gc::untrack(object);
    }
    crate::mode::make_immortal(object);
}

impl Type {
    /// Fills in what the type inherits and makes it usable (`PyType_Ready`).
    pub fn ready(&self, py: Attached<'_>) -> PyResult<()> {
        if self.is_ready() {
            return Ok(());
        }
        // Two threads may import the extension that owns a static type.
        let _lock = (!self.is_heap()).then(|| super::lock_types(py));
        if self.is_ready() || self.has_feature(Py_TPFLAGS_READYING) {
            return Ok(());
        }
        self.add_flags(Py_TPFLAGS_READYING);
        let result = self.ready_steps(py);
        self.clear_flags(Py_TPFLAGS_READYING);
        if result.is_ok() {
            self.add_flags(Py_TPFLAGS_READY);
            if !self.is_heap() {
                self.version(py);
            }
        }
        result
    }

    fn ready_steps(&self, py: Attached<'_>) -> PyResult<()> {
        slotdefs::intern_names(py);
        if self.0.tp_name.get().is_null() {
            return Err(raise!(py, SystemError, "Type does not define the tp_name field."));
        }
        if !self.is_heap() {
            self.add_flags(Py_TPFLAGS_IMMUTABLETYPE);
            // Counting references to `int` or `object` would make every thread write the same word.
            crate::mode::make_immortal(self.as_object());
        }
        self.set_base_and_type(py)?;
        self.set_new(py)?;
        if !self.is_heap() && self.0.tp_richcompare.get().is_some() && self.0.tp_hash.get().is_none() {
            self.0.tp_hash.set(Some(super::slots::PyObject_HashNotImplemented));
        }
        self.fill_dict(py)?;
        mro::install(py, self)?;
        if !self.is_heap()
            && let Some(mro) = self.mro_tuple()
        {
            immortalise(mro.as_object());
        }
        self.inherit_all(py)?;
        self.set_preheader(py)?;
        self.set_hash(py)?;
        for base in self.bases() {
            // SAFETY: bases are types.
            unsafe { base.cast_unchecked::<Type>() }.add_subclass(py, self);
        }
        super::instance::setup_managed_dict(py, self)?;
        self.check_consistency(py)
    }

    /// Gives a static type several bases, before it is made ready; the first one is its layout's.
    pub(crate) fn set_static_bases(&self, py: Attached<'_>, bases: &[&Type]) {
        let bases: Vec<&Object> = bases.iter().map(|base| base.as_object()).collect();
        match Tuple::from_slice(py, &bases) {
            Ok(bases) => {
                immortalise(bases.as_object());
                self.0.tp_bases.set(bases.into_raw());
            }
            Err(raised) => raised.clear(py),
        }
    }

    fn set_base_and_type(&self, py: Attached<'_>) -> PyResult<()> {
        let object = Object::type_object();
        if self.0.tp_base.get().is_null() && !std::ptr::eq(self, object) {
            self.0.tp_base.set(object.as_type_ptr());
            if self.is_heap() {
                let _ = object.to_ref().into_raw();
            }
        }
        if let Some(base) = self.base() {
            base.ready(py)?;
        }
        if self.0.ob_base.ob_base.ob_type.get().is_null()
            && let Some(base) = self.base()
        {
            self.0.ob_base.ob_base.ob_type.set(base.as_object().ty().as_type_ptr());
        }
        if self.0.tp_bases.get().is_null() {
            let bases = match self.base() {
                Some(base) => Tuple::from_slice(py, &[base.as_object()])?,
                None => Tuple::from_vec(py, Vec::new())?,
            };
            if !self.is_heap() {
                immortalise(bases.as_object());
            }
            self.0.tp_bases.set(bases.into_raw());
        }
        for base in self.bases() {
            let Some(base) = base.downcast::<Type>() else { return Err(py.bad_internal_call()) };
            base.ready(py)?;
        }
        self.ensure_dict(py).map(drop)
    }

    /// The class dict, made when there is none: extensions may store attributes before `PyType_Ready`.
    pub(super) fn ensure_dict(&self, py: Attached<'_>) -> PyResult<&Dict> {
        if self.0.tp_dict.get().is_null() {
            let dict = Dict::new(py)?;
            if !self.is_heap() {
                immortalise(dict.as_object());
            }
            self.0.tp_dict.set(dict.into_raw());
        }
        self.dict().ok_or_else(|| py.bad_internal_call())
    }

    /// Stores a dict entry that a static type owns for good.
    fn put(&self, py: Attached<'_>, name: &Str, value: &Object, overwrite: bool) -> PyResult<()> {
        let Some(dict) = self.dict() else { return Err(py.bad_internal_call()) };
        if !overwrite && dict.contains(py, name.as_object())? {
            return Ok(());
        }
        if !self.is_heap() {
            immortalise(value);
        }
        dict.set(py, name.as_object(), value)
    }

    fn fill_dict(&self, py: Attached<'_>) -> PyResult<()> {
        self.add_operators(py)?;
        self.add_methods(py, self.0.tp_methods.get())?;
        let mut member = self.0.tp_members.get();
        // SAFETY: the table ends with an entry without a name.
        while let Some(_def) = unsafe { member.as_ref() }.filter(|def| !def.name.is_null()) {
            let descr = descrobject::MemberDescr::new(py, self, member)?;
            self.put(py, descr.name(), descr.as_object(), false)?;
            // SAFETY: not the end yet.
            member = unsafe { member.add(1) };
        }
        let mut getset = self.0.tp_getset.get();
        // SAFETY: as above.
        while unsafe { getset.as_ref() }.is_some_and(|def| !def.name.is_null()) {
            let descr = descrobject::GetSetDescr::new(py, self, getset)?;
            self.put(py, descr.name(), descr.as_object(), false)?;
            // SAFETY: not the end yet.
            getset = unsafe { getset.add(1) };
        }
        let doc = self.0.tp_doc.get();
        if doc.is_null() {
            return self.put(py, id!(py, __doc__), crate::none_borrowed(), false);
        }
        // SAFETY: `tp_doc` is a C string.
        let text = unsafe { CStr::from_ptr(doc) }.to_string_lossy();
        let text = Str::new(
            py,
            descrobject::doc_without_signature(self.name().rsplit('.').next().unwrap_or_default(), &text),
        )?;
        self.put(py, id!(py, __doc__), text.as_object(), false)
    }

    fn add_operators(&self, py: Attached<'_>) -> PyResult<()> {
        for def in slotdefs::all() {
            let Some(function) = super::slots::get(self, def.offset.get()) else { continue };
            if def.wrapper.get().is_none() {
                continue;
            }
            let name = slotdefs::name(def);
            if self.dict().is_some_and(|dict| dict.contains(py, name.as_object()).unwrap_or(false)) {
                continue;
            }
            if ptr::addr_eq(function, super::slots::PyObject_HashNotImplemented as *const ()) {
                self.put(py, name, crate::none_borrowed(), false)?;
            } else {
                let descr = WrapperDescr::new(py, self, def, function)?;
                self.put(py, name, descr.as_object(), false)?;
            }
        }
        Ok(())
    }

    fn add_methods(&self, py: Attached<'_>, mut method: *mut PyMethodDef) -> PyResult<()> {
        // SAFETY: the table ends with an entry without a name.
        while let Some(def) = unsafe { method.as_ref() }.filter(|def| !def.ml_name.get().is_null()) {
            let kind = def.ml_flags.get();
            // SAFETY: `ml_name` is a C string.
            let name = Str::intern_static(py, &unsafe { CStr::from_ptr(def.ml_name.get()) }.to_string_lossy());
            let descr: Ref<Object> = if kind & METH_CLASS != 0 {
                if kind & METH_STATIC != 0 {
                    return Err(raise!(py, ValueError, "method cannot be both class and static"));
                }
                descrobject::ClassMethodDescr::new(py, self, method)?.upcast()
            } else if kind & METH_STATIC != 0 {
                let function = CFunction::new(py, method, Some(self.as_object()), None, None)?;
                if !self.is_heap() {
                    immortalise(function.as_object());
                }
                crate::builtins::classmethod::StaticMethod::new(py, function.as_object())?.upcast()
            } else {
                descrobject::MethodDescr::new(py, self, method)?.upcast()
            };
            self.put(py, name, &descr, kind & METH_COEXIST != 0)?;
            // SAFETY: not the end yet.
            method = unsafe { method.add(1) };
        }
        Ok(())
    }

    /// `tp_new`: inherited, or put into the dict as `__new__`.
    fn set_new(&self, py: Attached<'_>) -> PyResult<()> {
        let base = self.base();
        let is_object_child = base.is_some_and(|base| std::ptr::eq(base, Object::type_object()));
        if self.0.tp_new.get().is_none() && is_object_child && !self.is_heap() {
            self.add_flags(Py_TPFLAGS_DISALLOW_INSTANTIATION);
        }
        if self.has_feature(Py_TPFLAGS_DISALLOW_INSTANTIATION) {
            self.0.tp_new.set(None);
            return Ok(());
        }
        if let Some(new) = self.0.tp_new.get() {
            // A type that names the constructor of `object` inherits its `__new__` too.
            let inherited = base.is_some_and(|base| {
                base.0.tp_new.get().is_some_and(|theirs| ptr::fn_addr_eq(theirs, new)) && is_object_child
            });
            return if inherited { Ok(()) } else { self.add_new_wrapper(py) };
        } else if let Some(base) = base {
            self.0.tp_new.set(base.0.tp_new.get());
        }
        Ok(())
    }

    fn add_new_wrapper(&self, py: Attached<'_>) -> PyResult<()> {
        let name = id!(py, __new__);
        if self.dict().is_some_and(|dict| dict.contains(py, name.as_object()).unwrap_or(false)) {
            return Ok(());
        }
        let function = CFunction::new(py, super::new::new_method_def(), Some(self.as_object()), None, None)?;
        self.put(py, name, function.as_object(), false)
    }

    fn inherit_all(&self, py: Attached<'_>) -> PyResult<()> {
        if let Some(base) = self.base() {
            inherit::inherit_special(self, base);
        }
        for base in self.mro().iter().skip(1) {
            inherit::inherit_slots(py, self, base)?;
            inherit::inherit_match_flags(self, base);
        }
        if let Some(base) = self.base() {
            inherit::inherit_tables(self, base);
        }
        Ok(())
    }

    fn set_preheader(&self, py: Attached<'_>) -> PyResult<()> {
        let name = self.name();
        if self.has_feature(flags::MANAGED_DICT) {
            let offset = self.0.tp_dictoffset.get();
            if !(-1..=0).contains(&offset) {
                return Err(raise!(
                    py,
                    TypeError,
                    "type {name} has the Py_TPFLAGS_MANAGED_DICT flag but tp_dictoffset is set"
                ));
            }
            self.0.tp_dictoffset.set(-1);
        }
        if self.has_feature(flags::MANAGED_WEAKREF) {
            let offset = self.0.tp_weaklistoffset.get();
            if offset != 0 && offset != crate::mem::MANAGED_WEAKREF_OFFSET {
                return Err(raise!(
                    py,
                    TypeError,
                    "type {name} has the Py_TPFLAGS_MANAGED_WEAKREF flag but tp_weaklistoffset is set"
                ));
            }
            self.0.tp_weaklistoffset.set(crate::mem::MANAGED_WEAKREF_OFFSET);
        }
        Ok(())
    }

    /// A type that compares but does not hash has `__hash__ = None`.
    fn set_hash(&self, py: Attached<'_>) -> PyResult<()> {
        if self.0.tp_hash.get().is_some() {
            return Ok(());
        }
        let Some(dict) = self.dict() else { return Ok(()) };
        if !dict.contains(py, id!(py, __hash__).as_object())? {
            dict.set(py, id!(py, __hash__).as_object(), crate::none_borrowed())?;
            self.0.tp_hash.set(Some(super::slots::PyObject_HashNotImplemented));
        }
        Ok(())
    }

    fn check_consistency(&self, py: Attached<'_>) -> PyResult<()> {
        if self.is_gc() && self.0.tp_traverse.get().is_none() {
            return Err(raise!(
                py,
                SystemError,
                "type {} has the Py_TPFLAGS_HAVE_GC flag but has no traverse function",
                self.name()
            ));
        }
        Ok(())
    }
}
