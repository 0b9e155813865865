//! Slot functions of classes: each calls the special method of its name.
pub use super::buffer_slots::{slot_bf_getbuffer, slot_bf_releasebuffer};
use super::{Type, slots};
use crate::args::{Args, ArgsBuf};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::typedef::{self, CompareOp, arg, arg_opt, ret_object};
use crate::{Bool, Int, Object, PyResult, Str, id, raise};
use std::ffi::c_int;
use std::ptr;

/// Calls the special method `name` of `this`; `None` if its type has none.
#[inline]
pub fn call_special_opt(
    py: Attached<'_>,
    this: &Object,
    name: &Str,
    args: &[&Object],
) -> PyResult<Option<Ref<Object>>> {
    match this.ty().lookup(py, name) {
        Some(method) => call_found(py, this, &method, args).map(Some),
        None => Ok(None),
    }
}

/// Calls what was found on the type of `this` as a method of `this`.
pub fn call_found(py: Attached<'_>, this: &Object, method: &Object, args: &[&Object]) -> PyResult<Ref<Object>> {
    let ty = method.ty();
    if ty.has_feature(Py_TPFLAGS_METHOD_DESCRIPTOR) && args.len() < 4 {
        let mut all = [this; 4];
        all[1..=args.len()].copy_from_slice(args);
        return method.call_pos(py, &all[..=args.len()]);
    }
    bind_found(py, this, method)?.call_pos(py, args)
}

/// What was found on the type of `this`, bound to `this` if it is a descriptor.
fn bind_found(py: Attached<'_>, this: &Object, found: &Object) -> PyResult<Ref<Object>> {
    let Some(get) = found.ty().0.tp_descr_get.get() else { return Ok(found.to_ref()) };
    // SAFETY: [slot-contract].
    unsafe { crate::protocols::call::steal_result(py, get(found.as_ptr(), this.as_ptr(), this.ty().as_ptr())) }
}

/// As [`call_special_opt`], but a missing method is an `AttributeError`.
pub fn call_special(py: Attached<'_>, this: &Object, name: &Str, args: &[&Object]) -> PyResult<Ref<Object>> {
    match call_special_opt(py, this, name, args)? {
        Some(result) => Ok(result),
        None => Err(raise!(py, AttributeError, "{name}")),
    }
}

fn or_not_implemented(result: PyResult<Option<Ref<Object>>>) -> PyResult<Ref<Object>> {
    Ok(result?.unwrap_or_else(crate::not_implemented))
}

macro_rules! unary_slots {
    ($($slot:ident $name:literal)*) => {$(
        /// # Safety
        /// [slot-contract].
        pub unsafe extern "C" fn $slot(this: *mut PyObject) -> *mut PyObject {
            // SAFETY: [slot-contract].
            let (py, this) = unsafe { (Attached::from_tls(), arg::<Object>(this)) };
            ret_object(py, call_special(py, this, id!(py, $name), &[]))
        }
    )*};
}

unary_slots! {
    slot_nb_negative "__neg__"
    slot_nb_positive "__pos__"
    slot_nb_absolute "__abs__"
    slot_nb_invert "__invert__"
    slot_nb_int "__int__"
    slot_nb_float "__float__"
    slot_nb_index "__index__"
}

macro_rules! inplace_slots {
    ($($slot:ident $name:literal)*) => {$(
        /// # Safety
        /// [slot-contract].
        pub unsafe extern "C" fn $slot(this: *mut PyObject, other: *mut PyObject) -> *mut PyObject {
            // SAFETY: [slot-contract].
            let (py, this, other) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(other)) };
            ret_object(py, call_special(py, this, id!(py, $name), &[other]))
        }
    )*};
}

inplace_slots! {
    slot_nb_inplace_add "__iadd__"
    slot_nb_inplace_subtract "__isub__"
    slot_nb_inplace_multiply "__imul__"
    slot_nb_inplace_remainder "__imod__"
    slot_nb_inplace_lshift "__ilshift__"
    slot_nb_inplace_rshift "__irshift__"
    slot_nb_inplace_and "__iand__"
    slot_nb_inplace_xor "__ixor__"
    slot_nb_inplace_or "__ior__"
    slot_nb_inplace_floor_divide "__ifloordiv__"
    slot_nb_inplace_true_divide "__itruediv__"
    slot_nb_inplace_matrix_multiply "__imatmul__"
    slot_mp_subscript "__getitem__"
}

/// Whether the type of `other` gives `name` another meaning than the type of `this`.
fn is_overloaded(py: Attached<'_>, this: &Object, other: &Object, name: &Str) -> PyResult<bool> {
    let Some(theirs) = other.ty().lookup(py, name) else { return Ok(false) };
    match this.ty().lookup(py, name) {
        None => Ok(true),
        Some(ours) if ours.is(&*theirs) => Ok(false),
        Some(ours) => ours.compare_bool(py, &theirs, CompareOp::Ne),
    }
}

/// The reflected-operand rules for a class: `is_ours` tells whether a type's slot is the calling slot function.
fn binary(
    py: Attached<'_>,
    this: &Object,
    other: &Object,
    is_ours: impl Fn(&Type) -> bool,
    name: &Str,
    reflected: &Str,
    third: Option<&Object>,
) -> PyResult<Ref<Object>> {
    let call = |receiver: &Object, operand: &Object, name: &Str| {
        let args = [operand, third.unwrap_or(operand)];
        or_not_implemented(call_special_opt(py, receiver, name, &args[..1 + usize::from(third.is_some())]))
    };
    let same_type = ptr::eq(this.ty(), other.ty());
    let mut try_other = !same_type && is_ours(other.ty());
    if is_ours(this.ty()) {
        if try_other && other.ty().is_subtype_of(this.ty()) && is_overloaded(py, this, other, reflected)? {
            let result = call(other, this, reflected)?;
            if !result.is_not_implemented() {
                return Ok(result);
            }
            try_other = false;
        }
        let result = call(this, other, name)?;
        if !result.is_not_implemented() || same_type {
            return Ok(result);
        }
    }
    if try_other {
        return call(other, this, reflected);
    }
    Ok(crate::not_implemented())
}

macro_rules! binary_slots {
    ($($slot:ident $field:ident $name:literal $reflected:literal)*) => {$(
        /// # Safety
        /// [slot-contract].
        pub unsafe extern "C" fn $slot(this: *mut PyObject, other: *mut PyObject) -> *mut PyObject {
            // SAFETY: [slot-contract].
            let (py, this, other) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(other)) };
            let is_ours = |ty: &Type| {
                // SAFETY: the protocol table lives as long as the type.
                unsafe { ty.0.tp_as_number.get().as_ref() }
                    .and_then(|nb| nb.$field.get())
                    .is_some_and(|slot| ptr::fn_addr_eq(slot, $slot as binaryfunc))
            };
            ret_object(py, binary(py, this, other, is_ours, id!(py, $name), id!(py, $reflected), None))
        }
    )*};
}

binary_slots! {
    slot_nb_add nb_add "__add__" "__radd__"
    slot_nb_subtract nb_subtract "__sub__" "__rsub__"
    slot_nb_multiply nb_multiply "__mul__" "__rmul__"
    slot_nb_remainder nb_remainder "__mod__" "__rmod__"
    slot_nb_divmod nb_divmod "__divmod__" "__rdivmod__"
    slot_nb_lshift nb_lshift "__lshift__" "__rlshift__"
    slot_nb_rshift nb_rshift "__rshift__" "__rrshift__"
    slot_nb_and nb_and "__and__" "__rand__"
    slot_nb_xor nb_xor "__xor__" "__rxor__"
    slot_nb_or nb_or "__or__" "__ror__"
    slot_nb_floor_divide nb_floor_divide "__floordiv__" "__rfloordiv__"
    slot_nb_true_divide nb_true_divide "__truediv__" "__rtruediv__"
    slot_nb_matrix_multiply nb_matrix_multiply "__matmul__" "__rmatmul__"
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_nb_power(
    this: *mut PyObject,
    other: *mut PyObject,
    third: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this, other) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(other)) };
    // SAFETY: null or a live object.
    let third = unsafe { arg_opt::<Object>(third) }.filter(|third| !third.is_none());
    let is_ours = |ty: &Type| {
        // SAFETY: the protocol table lives as long as the type.
        unsafe { ty.0.tp_as_number.get().as_ref() }
            .and_then(|nb| nb.nb_power.get())
            .is_some_and(|slot| ptr::fn_addr_eq(slot, slot_nb_power as ternaryfunc))
    };
    ret_object(py, binary(py, this, other, is_ours, id!(py, __pow__), id!(py, __rpow__), third))
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_nb_inplace_power(
    this: *mut PyObject,
    other: *mut PyObject,
    _third: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this, other) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(other)) };
    ret_object(py, call_special(py, this, id!(py, __ipow__), &[other]))
}

fn truth(py: Attached<'_>, this: &Object) -> PyResult<bool> {
    let (result, by_len) = match call_special_opt(py, this, id!(py, __bool__), &[])? {
        Some(result) => (result, false),
        None => match call_special_opt(py, this, id!(py, __len__), &[])? {
            Some(result) => (result, true),
            None => return Ok(true),
        },
    };
    if by_len {
        return Ok(checked_length(py, &result)? != 0);
    }
    if result.as_object().downcast::<Bool>().is_none() {
        return Err(raise!(py, TypeError, "__bool__ should return bool, returned {}", result.ty().name()));
    }
    result.is_true(py)
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_nb_bool(this: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), arg::<Object>(this)) };
    typedef::ret_bool(truth(py, this))
}

/// The value of a `__len__` result.
fn checked_length(py: Attached<'_>, result: &Object) -> PyResult<usize> {
    let index = result.index(py)?;
    if index.is_negative() {
        return Err(raise!(py, ValueError, "__len__() should return >= 0"));
    }
    match index.to_i64() {
        Some(len) => Ok(len as usize),
        None => {
            let given = index.as_object().ty().name();
            Err(raise!(py, OverflowError, "cannot fit '{given}' into an index-sized integer"))
        }
    }
}

fn length(py: Attached<'_>, this: &Object) -> PyResult<usize> {
    let result = call_special(py, this, id!(py, __len__), &[])?;
    checked_length(py, &result)
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_sq_length(this: *mut PyObject) -> Py_ssize_t {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), arg::<Object>(this)) };
    typedef::ret_len(length(py, this))
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_mp_length(this: *mut PyObject) -> Py_ssize_t {
    // SAFETY: [slot-contract].
    unsafe { slot_sq_length(this) }
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_sq_item(this: *mut PyObject, index: Py_ssize_t) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), arg::<Object>(this)) };
    let result = Int::from_i64(py, index as i64)
        .and_then(|index| call_special(py, this, id!(py, __getitem__), &[index.as_object()]));
    ret_object(py, result)
}

fn store_item(py: Attached<'_>, this: &Object, key: &Object, value: Option<&Object>) -> PyResult<()> {
    match value {
        Some(value) => call_special(py, this, id!(py, __setitem__), &[key, value])?,
        None => call_special(py, this, id!(py, __delitem__), &[key])?,
    };
    Ok(())
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_sq_ass_item(this: *mut PyObject, index: Py_ssize_t, value: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this, value) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg_opt::<Object>(value)) };
    typedef::ret_status(
        Int::from_i64(py, index as i64).and_then(|index| store_item(py, this, index.as_object(), value)),
    )
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_mp_ass_subscript(this: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this, key) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(key)) };
    // SAFETY: null or a live object.
    typedef::ret_status(store_item(py, this, key, unsafe { arg_opt(value) }))
}

fn contains(py: Attached<'_>, this: &Object, value: &Object) -> PyResult<bool> {
    let Some(method) = this.ty().lookup(py, id!(py, __contains__)) else {
        return crate::protocols::iter::search(py, this, value);
    };
    if method.is_none() {
        return Err(raise!(py, TypeError, "'{}' object is not a container", this.ty().name()));
    }
    call_found(py, this, &method, &[value])?.is_true(py)
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_sq_contains(this: *mut PyObject, value: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this, value) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(value)) };
    typedef::ret_bool(contains(py, this, value))
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_repr(this: *mut PyObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), arg::<Object>(this)) };
    let result = match call_special_opt(py, this, id!(py, __repr__), &[]) {
        Ok(None) => crate::builtins::object::object_repr(py, this).map(Ref::upcast),
        Ok(Some(text)) => Ok(text),
        Err(raised) => Err(raised),
    };
    ret_object(py, result)
}

unary_slots! { slot_tp_str "__str__" }

fn hash(py: Attached<'_>, this: &Object) -> PyResult<isize> {
    let Some(method) = this.ty().lookup(py, id!(py, __hash__)).filter(|method| !method.is_none()) else {
        return Err(raise!(py, TypeError, "unhashable type: '{}'", this.ty().name()));
    };
    let result = call_found(py, this, &method, &[])?;
    let Some(value) = result.as_object().downcast::<Int>() else {
        return Err(raise!(py, TypeError, "__hash__ method should return an integer"));
    };
    match value.to_i64() {
        Some(hash) => Ok(hash as isize),
        None => {
            let Some(int_hash) = Int::type_object().0.tp_hash.get() else { return Err(py.bad_internal_call()) };
            // SAFETY: [slot-contract].
            Ok(unsafe { int_hash(result.as_ptr()) })
        }
    }
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_hash(this: *mut PyObject) -> Py_hash_t {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), arg::<Object>(this)) };
    typedef::ret_hash(hash(py, this))
}

/// Calls what was found on the type of `this` as a method, with all kinds of arguments.
pub fn call_found_args(py: Attached<'_>, this: &Object, method: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    let ty = method.ty();
    if ty.has_feature(Py_TPFLAGS_METHOD_DESCRIPTOR) {
        return crate::protocols::call::call_prepended(py, method, this, args);
    }
    let Some(get) = ty.0.tp_descr_get.get() else { return method.call(py, args) };
    // SAFETY: [slot-contract].
    let bound =
        unsafe { crate::protocols::call::steal_result(py, get(method.as_ptr(), this.as_ptr(), this.ty().as_ptr()))? };
    bound.call(py, args)
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_call(
    this: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, this) = (Attached::from_tls(), arg::<Object>(this));
        let buf = ArgsBuf::new(py, arg(args), arg_opt(kwargs));
        ret_object(py, call_dunder_call(py, this, buf.args()))
    }
}

/// Calls the `__call__` method of an instance.
pub fn call_dunder_call(py: Attached<'_>, this: &Object, args: Args<'_>) -> PyResult<Ref<Object>> {
    match this.ty().lookup(py, id!(py, __call__)) {
        Some(method) => call_found_args(py, this, &method, args),
        None => Err(raise!(py, AttributeError, "__call__")),
    }
}

fn call_attribute(py: Attached<'_>, this: &Object, method: &Object, name: &Object) -> PyResult<Ref<Object>> {
    call_found(py, this, method, &[name])
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_getattro(this: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this, name) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(name)) };
    ret_object(py, call_special(py, this, id!(py, __getattribute__), &[name]))
}

/// Whether `method` is the slot wrapper of `object.__getattribute__`.
fn is_generic_getattribute(method: &Object) -> bool {
    method
        .downcast_exact::<crate::builtins::descrobject::WrapperDescr>()
        .is_some_and(|descr| ptr::addr_eq(descr.wrapped(), slots::PyObject_GenericGetAttr as *const ()))
}

/// How a class looks up the attributes of its instances.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum InstanceLookup {
    /// As `object.__getattribute__`.
    Generic,
    /// As `object.__getattribute__`, and by the class's `__getattr__` what that does not find.
    Hooked,
    /// In a way of its own.
    Own,
}

impl Type {
    #[inline]
    fn getattro_is(&self, function: getattrofunc) -> bool {
        self.as_type().tp_getattro.get().is_some_and(|slot| ptr::fn_addr_eq(slot, function))
    }

    /// Whether attributes of instances are looked up as `object.__getattribute__` does, and in no other way.
    #[inline]
    pub fn reads_generically(&self) -> bool {
        self.getattro_is(slots::PyObject_GenericGetAttr)
    }

    /// How attributes of instances are looked up; it stays while the type's version stays.
    pub fn instance_lookup(&self, py: Attached<'_>) -> InstanceLookup {
        if self.reads_generically() {
            return InstanceLookup::Generic;
        }
        let hook = self.getattro_is(slot_tp_getattr_hook);
        match self.lookup(py, id!(py, __getattribute__)).filter(|_| hook) {
            Some(method) if is_generic_getattribute(&method) => InstanceLookup::Hooked,
            _ => InstanceLookup::Own,
        }
    }
}

fn getattr_hook(py: Attached<'_>, this: &Object, name: &Object) -> PyResult<Ref<Object>> {
    let ty = this.ty();
    let Some(getattr) = ty.lookup(py, id!(py, __getattr__)) else {
        return call_special(py, this, id!(py, __getattribute__), &[name]);
    };
    let found = match ty.lookup(py, id!(py, __getattribute__)) {
        Some(method) if !is_generic_getattribute(&method) => call_attribute(py, this, &method, name).map(Some),
        _ => crate::protocols::attributes::checked_name(py, name)
            .and_then(|name| crate::protocols::attributes::generic_get_attr_opt(py, this, name)),
    };
    match found {
        Ok(Some(value)) => return Ok(value),
        Ok(None) => {}
        Err(raised) if raised.matches(py, crate::exc::AttributeError()) => raised.clear(py),
        Err(raised) => return Err(raised),
    }
    call_attribute(py, this, &getattr, name)
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_getattr_hook(this: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this, name) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(name)) };
    ret_object(py, getattr_hook(py, this, name))
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_setattro(this: *mut PyObject, name: *mut PyObject, value: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this, name) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(name)) };
    // SAFETY: null or a live object.
    let result = match unsafe { arg_opt::<Object>(value) } {
        Some(value) => call_special(py, this, id!(py, __setattr__), &[name, value]),
        None => call_special(py, this, id!(py, __delattr__), &[name]),
    };
    typedef::ret_status(result.map(drop))
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_richcompare(this: *mut PyObject, other: *mut PyObject, op: c_int) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this, other) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(other)) };
    let name = match CompareOp::from_raw(op) {
        CompareOp::Lt => id!(py, __lt__),
        CompareOp::Le => id!(py, __le__),
        CompareOp::Eq => id!(py, __eq__),
        CompareOp::Ne => id!(py, __ne__),
        CompareOp::Gt => id!(py, __gt__),
        CompareOp::Ge => id!(py, __ge__),
    };
    // A comparison method that cannot be bound is as good as none.
    let result = match this.ty().lookup(py, name) {
        None => Ok(crate::not_implemented()),
        Some(method) if method.ty().has_feature(Py_TPFLAGS_METHOD_DESCRIPTOR) => method.call_pos(py, &[this, other]),
        Some(method) => match bind_found(py, this, &method) {
            Ok(bound) => bound.call_pos(py, &[other]),
            Err(raised) if raised.matches(py, crate::exc::AttributeError()) => {
                raised.clear(py);
                Ok(crate::not_implemented())
            }
            Err(raised) => Err(raised),
        },
    };
    ret_object(py, result)
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_iter(this: *mut PyObject) -> *mut PyObject {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), arg::<Object>(this)) };
    let not_iterable = || raise!(py, TypeError, "'{}' object is not iterable", this.ty().name());
    let result = match this.ty().lookup(py, id!(py, __iter__)) {
        Some(method) if method.is_none() => Err(not_iterable()),
        Some(method) => call_found(py, this, &method, &[]),
        None if this.ty().lookup(py, id!(py, __getitem__)).is_some() => {
            crate::protocols::iter::SeqIter::new(py, this).map(Ref::upcast)
        }
        None => Err(not_iterable()),
    };
    ret_object(py, result)
}

unary_slots! {
    slot_tp_iternext "__next__"
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_descr_get(
    this: *mut PyObject,
    instance: *mut PyObject,
    owner: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, this) = (Attached::from_tls(), arg::<Object>(this));
        let instance = arg_opt::<Object>(instance).unwrap_or(crate::none_borrowed());
        let owner = arg_opt::<Object>(owner).unwrap_or(crate::none_borrowed());
        let result = match this.ty().lookup(py, id!(py, __get__)) {
            Some(get) => call_found_unbound(py, this, &get, &[instance, owner]),
            None => Ok(this.to_ref()),
        };
        ret_object(py, result)
    }
}

/// `__get__` is called with `this` in front and never bound, as the reference does.
fn call_found_unbound(py: Attached<'_>, this: &Object, method: &Object, args: &[&Object; 2]) -> PyResult<Ref<Object>> {
    method.call_pos(py, &[this, args[0], args[1]])
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_descr_set(
    this: *mut PyObject,
    instance: *mut PyObject,
    value: *mut PyObject,
) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this, instance) = unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Object>(instance)) };
    // SAFETY: null or a live object.
    let result = match unsafe { arg_opt::<Object>(value) } {
        Some(value) => call_special(py, this, id!(py, __set__), &[instance, value]),
        None => call_special(py, this, id!(py, __delete__), &[instance]),
    };
    typedef::ret_status(result.map(drop))
}

/// Calls `__init__` and checks that it returns None.
pub fn call_init(py: Attached<'_>, this: &Object, args: Args<'_>) -> PyResult<()> {
    let Some(method) = this.ty().lookup(py, id!(py, __init__)) else {
        return Err(raise!(py, AttributeError, "__init__"));
    };
    let result = call_found_args(py, this, &method, args)?;
    if !result.is_none() {
        return Err(raise!(py, TypeError, "__init__() should return None, not '{}'", result.ty().name()));
    }
    Ok(())
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_init(this: *mut PyObject, args: *mut PyObject, kwargs: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, this) = (Attached::from_tls(), arg::<Object>(this));
        let buf = ArgsBuf::new(py, arg(args), arg_opt(kwargs));
        typedef::ret_status(call_init(py, this, buf.args()))
    }
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_new(
    ty: *mut PyTypeObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, ty) = (Attached::from_tls(), Type::from_type_ptr(ty));
        let buf = ArgsBuf::new(py, arg(args), arg_opt(kwargs));
        ret_object(py, call_new(py, ty, buf.args()))
    }
}

/// Calls `ty.__new__(ty, ..)`.
pub fn call_new(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
    let new = ty.as_object().get_attr(py, id!(py, __new__))?;
    crate::protocols::call::call_prepended(py, &new, ty.as_object(), args)
}

/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_tp_finalize(this: *mut PyObject) {
    // SAFETY: [slot-contract].
    let (py, this) = unsafe { (Attached::from_tls(), arg::<Object>(this)) };
    let pending = py.take_raised();
    if let Some(method) = this.ty().lookup(py, id!(py, __del__))
        && call_found(py, this, &method, &[]).is_err()
    {
        let raised = py.take_raised();
        let message = match method.repr(py) {
            Ok(shown) => format!("Exception ignored while calling deallocator {}", shown.to_string_lossy()),
            Err(second) => {
                second.clear(py);
                "Exception ignored while calling deallocator".to_owned()
            }
        };
        if let Some(raised) = raised {
            let _ = py.restore(raised);
        }
        (crate::hooks::hooks().unraisable)(py, Some(&message), None);
    }
    if let Some(pending) = pending {
        let _ = py.restore(pending);
    }
}

unary_slots! {
    slot_am_await "__await__"
    slot_am_aiter "__aiter__"
    slot_am_anext "__anext__"
}
