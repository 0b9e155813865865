//! Specialised attribute access and global lookup.
//!
//! The first cache word holds a version (of a type, or of a dict's keys), the form it belongs to and a small index:
//! `version << 32 | form << 24 | index`. One comparison checks version and form at once, so a reader that another
//! thread's specialisation overtakes falls back. Pointers stand in later words and are borrowed: the type's dict
//! keeps their object alive while the version holds, which is checked again after a reference was made.
use super::attrs::ATTR_SKIP;
use super::{Eval, Step};
use crate::stackref::StackRef;
use krait_bytecode::Opcode;
use krait_object::dictobject::attrs;
use krait_object::layout::{
    Field, Py_TPFLAGS_INLINE_VALUES, Py_TPFLAGS_MANAGED_DICT, Py_TPFLAGS_METHOD_DESCRIPTOR, PyMemberDescrObject,
    PyObject,
};
use krait_object::property::Property;
use krait_object::typeobject::{InstanceLookup, has_plain_getattro};
use krait_object::{Dict, Function, Layout, Module, Object, Read, Ref, Slot, Str, Type};
use std::ffi::c_ulong;
use std::sync::atomic::Ordering::{Acquire, Release};

pub(super) const INSTANCE_VALUE: u64 = 1;
pub(super) const SLOT: u64 = 2;
pub(super) const METHOD_WITH_VALUES: u64 = 3;
pub(super) const METHOD_NO_DICT: u64 = 4;
const MODULE: u64 = 5;
const CLASS: u64 = 6;
const PROPERTY: u64 = 7;
pub(super) const NONDESCRIPTOR_WITH_VALUES: u64 = 8;
pub(super) const METHOD_LAZY_DICT: u64 = 9;
const GLOBAL_MODULE: u64 = 10;
const GLOBAL_BUILTIN: u64 = 11;
pub(super) const INIT: u64 = 13;
const INDEX_LIMIT: usize = 1 << 24;
/// Where the entry for a form's own opcode stands in the cache words.
pub(super) const FIRST: usize = 0;
pub(super) const STORE_SKIP: isize = 1 + Opcode::STORE_ATTR.cache_entries() as isize;
const GLOBAL_SKIP: isize = 1 + Opcode::LOAD_GLOBAL.cache_entries() as isize;
const T_OBJECT_EX: i32 = 16;

#[inline(always)]
pub(super) fn word(version: u32, form: u64, index: usize) -> u64 {
    u64::from(version) << 32 | form << 24 | index as u64
}

/// The index in a cache word, if that has this version and form.
#[inline(always)]
pub(super) fn index_for(word_now: u64, version: u32, form: u64) -> Option<usize> {
    let rest = word_now ^ word(version, form, 0);
    (rest < INDEX_LIMIT as u64).then_some(rest as usize)
}

fn generic_setattr(ty: &Type) -> bool {
    let generic = Object::type_object().as_type().tp_setattro.get();
    ty.as_type().tp_setattro.get().map(|f| f as usize) == generic.map(|f| f as usize)
}

fn has_dict(ty: &Type) -> bool {
    ty.as_type().tp_dictoffset.get() != 0 || ty.has_feature(Py_TPFLAGS_MANAGED_DICT as c_ulong)
}

/// The offset of a `__slots__` member.
fn slot_offset(descr: &Object, ty: &Type) -> Option<usize> {
    let member = descr.downcast_exact::<krait_object::descrobject::MemberDescr>()?;
    // SAFETY: [layout]; the definition lives as long as the descriptor.
    let raw = unsafe { &*member.as_ptr().cast::<PyMemberDescrObject>() };
    // SAFETY: as above.
    let (definition, owner) = unsafe { (&*raw.d_member.get(), Type::from_type_ptr(raw.d_common.d_type.get())) };
    let fits = definition.r#type == T_OBJECT_EX && definition.offset > 0 && definition.flags == 0;
    (fits && ty.is_subtype_of(owner)).then_some(definition.offset as usize)
}

/// Reads a `__slots__` member.
///
/// # Safety
/// The object's type has one at the offset.
#[inline(always)]
pub(super) unsafe fn read_slot(object: &Object, offset: usize) -> Read {
    // SAFETY: [layout]: an owned, nullable object is there.
    unsafe { Slot::<Object>::of(&*object.as_ptr().byte_add(offset).cast::<Field<*mut PyObject>>()) }.read()
}

/// A word for an object that a cache points to, if the cache is `unchanged` afterwards.
#[inline(always)]
pub(super) fn read_cached(raw: *mut PyObject, unchanged: impl FnOnce() -> bool) -> Read {
    // SAFETY: [quiescent]: while the version held, the object was alive; its head outlives this read.
    unsafe { Read::checked(raw, unchanged) }
}

impl Eval<'_> {
    #[cold]
    pub(super) fn specialize_load_attr(&mut self) {
        let (arg, unit, object) = (self.arg(), self.unit(), self.object(1));
        let name = self.name(arg >> 1);
        let form = if let Some(module) = object.downcast_exact::<Module>() {
            self.plan_module(module, name)
        } else if let Some(class) = object.downcast::<Type>() {
            self.plan_class(class, name)
        } else {
            self.plan_instance(object.ty(), name, arg & 1 != 0, FIRST)
        };
        match form {
            Some(op) => unit.specialize(op),
            None => unit.miss(),
        }
    }

    /// Fills the cache entry at `at`; whether this thread did.
    fn fill(&self, at: usize, first: u64, second: u64, pointer: *mut PyObject) -> bool {
        // SAFETY: LOAD_ATTR has room for three entries.
        unsafe { self.unit().fill_entry(at, first, second, pointer) }
    }

    fn plan_module(&self, module: &Module, name: &Str) -> Option<Opcode> {
        let dict = module.dict();
        let version = dict.keys_version(self.py());
        let place = dict.lookup_place(name).filter(|place| *place < INDEX_LIMIT)?;
        if version == 0 || Module::type_object().lookup(self.py(), name).is_some() {
            return None;
        }
        self.fill(FIRST, word(version, MODULE, place), 0, std::ptr::null_mut()).then_some(Opcode::LOAD_ATTR_MODULE)
    }

    fn plan_class(&self, class: &Type, name: &Str) -> Option<Opcode> {
        let meta = class.as_object().ty();
        if !has_plain_getattro(class) {
            return None;
        }
        let meta_version = meta.version(self.py());
        if meta_version == 0 || meta.lookup(self.py(), name).is_some() {
            return None;
        }
        let version = class.version(self.py());
        let value = class.lookup(self.py(), name)?;
        let plain = value.ty().as_type().tp_descr_get.get().is_none()
            || value.as_object().downcast_exact::<Function>().is_some();
        if version == 0 || !plain {
            return None;
        }
        self.fill(FIRST, word(version, CLASS, 0), meta_version.into(), value.as_ptr())
            .then_some(Opcode::LOAD_ATTR_CLASS)
    }

    /// Fills the cache entry at `at` for instances of `ty`; the instruction's form if the entry is the first one.
    pub(super) fn plan_instance(&self, ty: &Type, name: &Str, call: bool, at: usize) -> Option<Opcode> {
        let py = self.py();
        let lookup = ty.instance_lookup(py);
        if lookup == InstanceLookup::Own {
            return None;
        }
        let version = ty.version(py);
        if version == 0 {
            return None;
        }
        let inline = ty.has_feature(Py_TPFLAGS_INLINE_VALUES as c_ulong);
        let Some(descr) = ty.lookup(py, name) else {
            let index = attrs::inline_index_of(ty, name).filter(|index| inline && *index < INDEX_LIMIT)?;
            return self
                .fill(at, word(version, INSTANCE_VALUE, index), 0, std::ptr::null_mut())
                .then_some(Opcode::LOAD_ATTR_INSTANCE_VALUE);
        };
        if let Some(offset) = slot_offset(&descr, ty).filter(|offset| *offset < INDEX_LIMIT) {
            return self
                .fill(at, word(version, SLOT, offset), 0, std::ptr::null_mut())
                .then_some(Opcode::LOAD_ATTR_SLOT);
        }
        let kind = descr.ty().as_type();
        if let Some(property) = descr.as_object().downcast_exact::<Property>().filter(|_| !call) {
            // What the getter raises may be for `__getattr__`.
            if lookup == InstanceLookup::Hooked {
                return None;
            }
            let getter = property.getter()?;
            getter
                .as_object()
                .downcast_exact::<Function>()
                .filter(|getter| getter.code().raw().co_argcount.get() == 1)?;
            return self.fill(at, word(version, PROPERTY, 0), 0, getter.as_ptr()).then_some(Opcode::LOAD_ATTR_PROPERTY);
        }
        if kind.tp_descr_set.get().is_some() {
            return None;
        }
        let is_method = descr.ty().has_feature(Py_TPFLAGS_METHOD_DESCRIPTOR as c_ulong);
        let plain = kind.tp_descr_get.get().is_none();
        if is_method != call || !(is_method || plain) {
            return None;
        }
        if inline {
            let keys = attrs::shared_keys_version(ty);
            if keys == 0 || attrs::inline_index_of(ty, name).is_some() {
                return None;
            }
            let form = if call { METHOD_WITH_VALUES } else { NONDESCRIPTOR_WITH_VALUES };
            return self.fill(at, word(version, form, 0), keys.into(), descr.as_ptr()).then_some(if call {
                Opcode::LOAD_ATTR_METHOD_WITH_VALUES
            } else {
                Opcode::LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES
            });
        }
        if !call {
            return None;
        }
        if !has_dict(ty) {
            return self
                .fill(at, word(version, METHOD_NO_DICT, 0), 0, descr.as_ptr())
                .then_some(Opcode::LOAD_ATTR_METHOD_NO_DICT);
        }
        self.fill(at, word(version, METHOD_LAZY_DICT, 0), 0, descr.as_ptr())
            .then_some(Opcode::LOAD_ATTR_METHOD_LAZY_DICT)
    }

    /// The specialised form does not fit: back to the generic one, and that one's work.
    #[cold]
    pub(super) fn attr_deopt(&mut self) -> Step {
        self.save();
        self.unit().deoptimize(Opcode::LOAD_ATTR);
        self.load_attr_generic()
    }

    /// The form fits, but this object needs the whole lookup.
    #[inline(never)]
    pub(super) fn attr_slow(&mut self) -> Step {
        self.save();
        self.load_attr_generic()
    }

    /// The first cache word.
    #[inline(always)]
    pub(super) fn first_word(&self) -> u64 {
        // SAFETY: all instructions with these forms have cache units.
        unsafe { self.unit().cache(0) }.load(Acquire)
    }

    #[inline(always)]
    pub(super) fn finish_attr(&mut self, value: StackRef) -> Step {
        self.save();
        self.replace_word(1, value);
        if self.arg() & 1 != 0 {
            self.push(StackRef::NULL);
        }
        Ok(ATTR_SKIP)
    }

    #[inline(always)]
    pub(super) fn LOAD_ATTR_INSTANCE_VALUE(&mut self) -> Step {
        let object = self.object(1);
        let ty = object.ty();
        let Some(index) = index_for(self.first_word(), ty.version_now(), INSTANCE_VALUE) else {
            return self.away(|this| this.attr_other());
        };
        match self.settle(attrs::inline_read(object, ty, index)) {
            Some(value) => self.finish_attr(value),
            None => self.away(|this| this.attr_slow()),
        }
    }

    #[inline(always)]
    pub(super) fn LOAD_ATTR_SLOT(&mut self) -> Step {
        let object = self.object(1);
        let Some(offset) = index_for(self.first_word(), object.ty().version_now(), SLOT) else {
            return self.away(|this| this.attr_other());
        };
        // SAFETY: a type of that version has a slot there.
        let read = unsafe { read_slot(object, offset) };
        match self.settle(read) {
            Some(value) => self.finish_attr(value),
            None => self.away(|this| this.attr_slow()),
        }
    }

    /// The word for what was read, if that is good.
    #[inline(always)]
    pub(super) fn settle(&mut self, read: Read) -> Option<StackRef> {
        match read.into_word() {
            Ok(word) => Some(StackRef(word)),
            Err(stale) => {
                self.drop_stale(stale);
                None
            }
        }
    }

    /// The object in cache word 2, while the first word stays what it is.
    #[inline(always)]
    fn cached_pointer(&mut self, ty: &Type, first: u64) -> Option<StackRef> {
        self.entry_pointer(FIRST, ty, first)
    }

    /// As [`Eval::cached_pointer`] for the entry at `at`.
    #[inline(always)]
    pub(super) fn entry_pointer(&mut self, at: usize, ty: &Type, first: u64) -> Option<StackRef> {
        let unit = self.unit();
        // SAFETY: the instruction has nine cache units.
        let (word, raw) = unsafe { (unit.cache(at), unit.cache_ptr(at + 2)) };
        let unchanged = || word.load(Acquire) == first && ty.version_now() == (first >> 32) as u32;
        let read = read_cached(raw.load(Acquire), unchanged);
        self.settle(read)
    }

    /// Leaves method and receiver.
    #[inline(always)]
    pub(super) fn finish_method(&mut self, method: StackRef) -> Step {
        let receiver = self.peek(1);
        self.poke(1, method);
        self.push(receiver);
        Ok(ATTR_SKIP)
    }

    #[inline(always)]
    pub(super) fn LOAD_ATTR_METHOD_WITH_VALUES(&mut self) -> Step {
        let object = self.object(1);
        let (ty, first) = (object.ty(), self.first_word());
        if index_for(first, ty.version_now(), METHOD_WITH_VALUES).is_none() {
            return self.away(|this| this.attr_other());
        }
        // SAFETY: the instruction has nine cache units.
        let keys = unsafe { self.unit().cache(1) }.load(Acquire) as u32;
        if !attrs::inline_keys_unchanged(object, ty, keys) {
            return self.away(|this| this.attr_shape());
        }
        match self.cached_pointer(ty, first) {
            Some(method) => self.finish_method(method),
            None => self.away(|this| this.attr_slow()),
        }
    }

    /// The instance has a dict of its own, or its class got new attribute names.
    #[cold]
    fn attr_shape(&mut self) -> Step {
        if self.unit().warm() {
            return self.attr_deopt();
        }
        self.attr_slow()
    }

    #[inline(always)]
    pub(super) fn LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES(&mut self) -> Step {
        let object = self.object(1);
        let (ty, first) = (object.ty(), self.first_word());
        if index_for(first, ty.version_now(), NONDESCRIPTOR_WITH_VALUES).is_none() {
            return self.away(|this| this.attr_other());
        }
        // SAFETY: the instruction has nine cache units.
        let keys = unsafe { self.unit().cache(1) }.load(Acquire) as u32;
        if !attrs::inline_keys_unchanged(object, ty, keys) {
            return self.away(|this| this.attr_shape());
        }
        match self.cached_pointer(ty, first) {
            Some(value) => self.finish_attr(value),
            None => self.away(|this| this.attr_slow()),
        }
    }

    #[inline(always)]
    pub(super) fn LOAD_ATTR_METHOD_NO_DICT(&mut self) -> Step {
        let (ty, first) = (self.object(1).ty(), self.first_word());
        if index_for(first, ty.version_now(), METHOD_NO_DICT).is_none() {
            return self.away(|this| this.attr_other());
        }
        match self.cached_pointer(ty, first) {
            Some(method) => self.finish_method(method),
            None => self.away(|this| this.attr_slow()),
        }
    }

    #[inline(always)]
    pub(super) fn LOAD_ATTR_METHOD_LAZY_DICT(&mut self) -> Step {
        let object = self.object(1);
        let (ty, first) = (object.ty(), self.first_word());
        if index_for(first, ty.version_now(), METHOD_LAZY_DICT).is_none() {
            return self.away(|this| this.attr_other());
        }
        if !attrs::dict_slot(object).is_none_or(Slot::is_null) {
            return self.away(|this| this.attr_slow());
        }
        match self.cached_pointer(ty, first) {
            Some(method) => self.finish_method(method),
            None => self.away(|this| this.attr_slow()),
        }
    }

    #[inline(always)]
    pub(super) fn LOAD_ATTR_MODULE(&mut self) -> Step {
        let Some(module) = self.object(1).downcast_exact::<Module>() else {
            return self.away(|this| this.attr_deopt());
        };
        let first = self.first_word();
        let version = (first >> 32) as u32;
        let Some(place) = index_for(first, version, MODULE) else { return self.away(|this| this.attr_deopt()) };
        let Some(read) = module.dict().read_at_version(version, place) else {
            return self.away(|this| this.attr_deopt());
        };
        match self.settle(read) {
            Some(value) => self.finish_attr(value),
            None => self.away(|this| this.attr_slow()),
        }
    }

    #[inline(always)]
    pub(super) fn LOAD_ATTR_CLASS(&mut self) -> Step {
        let first = self.first_word();
        let object = self.object(1);
        // SAFETY: LOAD_ATTR has nine cache units.
        let meta = unsafe { self.unit().cache(1) }.load(Acquire);
        let class = match object.downcast::<Type>() {
            Some(class)
                if index_for(first, class.version_now(), CLASS).is_some()
                    && u64::from(object.ty().version_now()) == meta =>
            {
                class
            }
            _ => return self.away(|this| this.attr_deopt()),
        };
        match self.cached_pointer(class, first) {
            Some(value) => self.finish_attr(value),
            None => self.away(|this| this.attr_slow()),
        }
    }

    /// A property whose getter is a Python function: enters that.
    #[inline(always)]
    pub(super) fn LOAD_ATTR_PROPERTY(&mut self) -> Step {
        let (ty, first) = (self.object(1).ty(), self.first_word());
        if index_for(first, ty.version_now(), PROPERTY).is_none() {
            return self.away(|this| this.attr_other());
        }
        let Some(getter) = self.cached_pointer(ty, first) else { return self.away(|this| this.attr_slow()) };
        // SAFETY: the cache holds a Python function.
        unsafe { self.enter_method(getter, 1, ATTR_SKIP) }
    }

    #[cold]
    pub(super) fn specialize_store_attr(&mut self) {
        let (unit, ty, py) = (self.unit(), self.object(1).ty(), self.py());
        let name = self.name(self.arg());
        let version = ty.version(py);
        if version == 0 || !generic_setattr(ty) {
            return unit.miss();
        }
        let descr = ty.lookup(py, name);
        let (first, op) = match &descr {
            None if ty.has_feature(Py_TPFLAGS_INLINE_VALUES as c_ulong) => match attrs::inline_index_of(ty, name) {
                Some(index) => (word(version, INSTANCE_VALUE, index), Opcode::STORE_ATTR_INSTANCE_VALUE),
                None => return unit.miss(),
            },
            Some(descr) => match slot_offset(descr, ty).filter(|offset| *offset < INDEX_LIMIT) {
                Some(offset) => (word(version, SLOT, offset), Opcode::STORE_ATTR_SLOT),
                None => return unit.miss(),
            },
            None => return unit.miss(),
        };
        // SAFETY: STORE_ATTR has four cache units.
        unsafe { unit.cache(0) }.store(first, Release);
        unit.specialize(op);
    }

    #[cold]
    fn store_deopt(&mut self) -> Step {
        self.save();
        self.unit().deoptimize(Opcode::STORE_ATTR);
        self.store_attr_generic()
    }

    #[inline(always)]
    pub(super) fn STORE_ATTR_INSTANCE_VALUE(&mut self) -> Step {
        let object = self.object(1);
        let ty = object.ty();
        let Some(index) = index_for(self.first_word(), ty.version_now(), INSTANCE_VALUE) else {
            return self.away(|this| this.store_deopt());
        };
        self.save();
        match attrs::inline_set(self.py(), object, ty, index, self.take_value(2)) {
            Ok(old) => self.finish_store(old),
            Err(value) => {
                self.poke(2, StackRef::owned(value));
                self.away(|this| this.store_attr_generic())
            }
        }
    }

    /// A reference for a value that is about to be stored; its word on the stack is left without a count.
    #[inline(always)]
    fn take_value(&mut self, depth: usize) -> Ref<Object> {
        let word = self.peek(depth);
        self.poke(depth, word.borrow());
        // SAFETY: a value's word, which does not own any more.
        unsafe { word.into_ref() }
    }

    /// The value below the owner was stored: both go, and what stood there before.
    #[inline(always)]
    fn finish_store(&mut self, old: Option<Ref<Object>>) -> Step {
        let owner = self.pop();
        self.pop();
        self.frame().set_sp(self.sp);
        if let Some(old) = old {
            self.close(StackRef::owned(old));
        }
        self.close(owner);
        Ok(STORE_SKIP)
    }

    #[inline(always)]
    pub(super) fn STORE_ATTR_SLOT(&mut self) -> Step {
        let object = self.object(1);
        let Some(offset) = index_for(self.first_word(), object.ty().version_now(), SLOT) else {
            return self.away(|this| this.store_deopt());
        };
        self.save();
        // SAFETY: [layout]: a type of that version has an owned, nullable object at the offset.
        let slot = unsafe { Slot::<Object>::of(&*object.as_ptr().byte_add(offset).cast::<Field<*mut PyObject>>()) };
        let old = slot.replace(Some(self.take_value(2)));
        self.finish_store(old)
    }

    #[cold]
    pub(super) fn specialize_global(&mut self) {
        let (unit, py) = (self.unit(), self.py());
        let name = self.name(self.arg() >> 1);
        let (globals, builtins) = (self.frame().globals(), self.frame().builtins());
        let (Some(globals), Some(builtins)) = (globals.downcast_exact::<Dict>(), builtins.downcast_exact::<Dict>())
        else {
            return unit.miss();
        };
        let version = globals.keys_version(py);
        if version == 0 {
            return unit.miss();
        }
        if let Some(place) = globals.lookup_place(name) {
            if place >= INDEX_LIMIT {
                return unit.miss();
            }
            // SAFETY: LOAD_GLOBAL has four cache units.
            unsafe { unit.cache(0) }.store(word(version, GLOBAL_MODULE, place), Release);
            return unit.specialize(Opcode::LOAD_GLOBAL_MODULE);
        }
        let builtins_version = builtins.keys_version(py);
        match builtins.lookup_place(name).filter(|place| *place < INDEX_LIMIT && builtins_version != 0) {
            Some(place) => {
                // SAFETY: as above. The reader checks both versions, each with its own form.
                unsafe {
                    unit.cache(0).store(word(builtins_version, GLOBAL_BUILTIN, place), Release);
                    unit.cache(1).store(word(version, GLOBAL_BUILTIN, 0), Release);
                }
                unit.specialize(Opcode::LOAD_GLOBAL_BUILTIN);
            }
            None => unit.miss(),
        }
    }

    #[cold]
    fn global_deopt(&mut self) -> Step {
        self.save();
        self.unit().deoptimize(Opcode::LOAD_GLOBAL);
        self.load_global_generic()
    }

    /// The keys are the same, but the value needs a lock.
    #[inline(never)]
    fn global_slow(&mut self) -> Step {
        self.save();
        self.load_global_generic()
    }

    #[inline(always)]
    fn finish_global(&mut self, read: Read) -> Step {
        let Some(value) = self.settle(read) else { return self.away(|this| this.global_slow()) };
        self.push(value);
        if self.arg() & 1 != 0 {
            self.push(StackRef::NULL);
        }
        Ok(GLOBAL_SKIP)
    }

    #[inline(always)]
    pub(super) fn LOAD_GLOBAL_MODULE(&mut self) -> Step {
        let first = self.first_word();
        let version = (first >> 32) as u32;
        let Some(place) = index_for(first, version, GLOBAL_MODULE) else {
            return self.away(|this| this.global_deopt());
        };
        let Some(globals) = self.frame().globals().downcast_exact::<Dict>() else {
            return self.away(|this| this.global_deopt());
        };
        match globals.read_at_version(version, place) {
            Some(read) => self.finish_global(read),
            None => self.away(|this| this.global_deopt()),
        }
    }

    #[inline(always)]
    pub(super) fn LOAD_GLOBAL_BUILTIN(&mut self) -> Step {
        let first = self.first_word();
        let version = (first >> 32) as u32;
        let Some(place) = index_for(first, version, GLOBAL_BUILTIN) else {
            return self.away(|this| this.global_deopt());
        };
        // SAFETY: LOAD_GLOBAL has four cache units.
        let second = unsafe { self.unit().cache(1) }.load(Acquire);
        let frame = self.frame();
        let (Some(globals), Some(builtins)) =
            (frame.globals().downcast_exact::<Dict>(), frame.builtins().downcast_exact::<Dict>())
        else {
            return self.away(|this| this.global_deopt());
        };
        if index_for(second, (second >> 32) as u32, GLOBAL_BUILTIN).is_none()
            || !globals.has_keys_version((second >> 32) as u32)
        {
            return self.away(|this| this.global_deopt());
        }
        match builtins.read_at_version(version, place) {
            Some(read) => self.finish_global(read),
            None => self.away(|this| this.global_deopt()),
        }
    }
}
