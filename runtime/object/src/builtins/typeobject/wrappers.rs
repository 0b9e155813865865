//! Slot wrappers: what `int.__add__(1, 2)` runs. Each takes the object, an argument tuple and the slot function.
pub use super::buffer_slots::{wrap_buffer, wrap_releasebuffer};
use crate::args::check_positional;
use crate::error::PyResult;
use crate::handle::{Attached, Layout};
use crate::layout::*;
use crate::protocols::call::{error_if, none_or_error};
use crate::typedef::{self, CompareOp};
use crate::{Object, Raised, Tuple, raise};
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr;

/// The arguments, when there are between `min` and `N` of them; missing ones are `None`.
fn unpack<'a, const N: usize>(py: Attached<'_>, args: *mut PyObject, min: usize) -> PyResult<[Option<&'a Object>; N]> {
    unpack_named(py, "", args, min)
}

/// As [`unpack`], naming the method in errors.
fn unpack_named<'a, const N: usize>(
    py: Attached<'_>,
    name: &str,
    args: *mut PyObject,
    min: usize,
) -> PyResult<[Option<&'a Object>; N]> {
    // SAFETY: [slot-contract]: wrappers are called with a tuple.
    let args = unsafe { &*args.cast::<Tuple>() };
    let mut found = [None; N];
    check_positional(py, name, args.len(), min, N).map_err(|raised| reword(py, raised, name, args.len(), min))?;
    for (place, arg) in found.iter_mut().zip(args.as_slice()) {
        *place = Some(*arg);
    }
    Ok(found)
}

fn reword(py: Attached<'_>, raised: Raised, name: &str, given: usize, min: usize) -> Raised {
    if !name.is_empty() {
        return raised;
    }
    raised.clear(py);
    let plural = if min == 1 { "" } else { "s" };
    raise!(py, TypeError, "expected {min} argument{plural}, got {given}")
}

fn power_args<'a>(py: Attached<'_>, args: *mut PyObject) -> PyResult<[Option<&'a Object>; 2]> {
    // SAFETY: [slot-contract]: wrappers are called with a tuple.
    let given = unsafe { &*args.cast::<Tuple>() }.len();
    if !matches!(given, 1 | 2) {
        return Err(raise!(py, TypeError, "expected 1 or 2 arguments, got {given}"));
    }
    unpack(py, args, 1)
}

fn one<'a>(py: Attached<'_>, args: *mut PyObject) -> PyResult<&'a Object> {
    match unpack::<1>(py, args, 1)? {
        [Some(arg)] => Ok(arg),
        _ => Err(py.bad_internal_call()),
    }
}

/// Defines wrappers: `name(py, this, args, wrapped as type) -> *mut PyObject`.
macro_rules! wrappers {
    ($($(#[$meta:meta])* fn $name:ident($py:ident, $this:ident, $args:ident, $wrapped:ident: $fn:ty) $body:block)*) => {$(
        /// # Safety
        /// [slot-contract]; `args` is a tuple and `wrapped` a slot function of the right type.
        $(#[$meta])*
        pub unsafe extern "C" fn $name(this: *mut PyObject, args: *mut PyObject, wrapped: *mut c_void) -> *mut PyObject {
            // SAFETY: by the contract.
            unsafe {
                #[allow(unused_variables)]
                let ($py, $this, $args) = (Attached::from_tls(), this, args);
                #[allow(unused_variables)]
                let $wrapped: $fn = transmute::<*mut c_void, $fn>(wrapped);
                let result: PyResult<*mut PyObject> = (|| $body)();
                result.unwrap_or(ptr::null_mut())
            }
        }
    )*};
}

/// Refuses `object.__setattr__` and its like on objects whose type has a more specific one in C.
fn guard_setattr(py: Attached<'_>, this: &Object, function: setattrofunc, what: &str) -> PyResult<()> {
    let ty = this.ty();
    // The nearest class in the MRO that is not a heap type decides.
    let mut at = Some(ty);
    while let Some(class) = at {
        let slot = class.0.tp_setattro.get();
        if slot.is_some_and(|slot| ptr::fn_addr_eq(slot, function)) {
            return Ok(());
        }
        let generic =
            slot.is_some_and(|slot| ptr::fn_addr_eq(slot, super::slot_functions::slot_tp_setattro as setattrofunc));
        if !generic {
            return Err(raise!(py, TypeError, "can't apply this {what} to {} object", ty.name()));
        }
        at = class.base();
    }
    Ok(())
}

fn sequence_index(py: Attached<'_>, this: *mut PyObject, arg: &Object) -> PyResult<isize> {
    let index = arg.as_isize(py)?;
    if index < 0 {
        // SAFETY: [slot-contract]: a live object.
        let this = unsafe { Object::from_ptr(this) };
        // SAFETY: the protocol table lives as long as the type.
        if let Some(length) = unsafe { this.ty().0.tp_as_sequence.get().as_ref() }.and_then(|sq| sq.sq_length.get()) {
            // SAFETY: [slot-contract].
            let len = unsafe { length(this.as_ptr()) };
            if len < 0 {
                return Err(Raised::assume());
            }
            return Ok(index + len);
        }
    }
    Ok(index)
}

wrappers! {
    fn wrap_unaryfunc(py, this, args, f: unaryfunc) {
        unpack::<0>(py, args, 0)?;
        Ok(f(this))
    }
    fn wrap_binaryfunc(py, this, args, f: binaryfunc) { Ok(f(this, one(py, args)?.as_ptr())) }
    fn wrap_binaryfunc_l(py, this, args, f: binaryfunc) { Ok(f(this, one(py, args)?.as_ptr())) }
    fn wrap_binaryfunc_r(py, this, args, f: binaryfunc) { Ok(f(one(py, args)?.as_ptr(), this)) }
    fn wrap_ternaryfunc(py, this, args, f: ternaryfunc) {
        let [other, third] = power_args(py, args)?;
        let other = other.unwrap_or(crate::none_borrowed());
        Ok(f(this, other.as_ptr(), third.unwrap_or(crate::none_borrowed()).as_ptr()))
    }
    fn wrap_ternaryfunc_r(py, this, args, f: ternaryfunc) {
        let [other, third] = power_args(py, args)?;
        let other = other.unwrap_or(crate::none_borrowed());
        Ok(f(other.as_ptr(), this, third.unwrap_or(crate::none_borrowed()).as_ptr()))
    }
    fn wrap_inquirypred(py, this, args, f: inquiry) {
        unpack::<0>(py, args, 0)?;
        let answer = f(this);
        error_if(answer < 0 && py.pending().is_some())?;
        Ok(typedef::ret_object(py, answer != 0))
    }
    fn wrap_lenfunc(py, this, args, f: lenfunc) {
        unpack::<0>(py, args, 0)?;
        let len = f(this);
        error_if(len < 0 && py.pending().is_some())?;
        Ok(typedef::ret_object(py, len))
    }
    fn wrap_hashfunc(py, this, args, f: hashfunc) {
        unpack::<0>(py, args, 0)?;
        let hash = f(this);
        error_if(hash == -1 && py.pending().is_some())?;
        Ok(typedef::ret_object(py, hash))
    }
    fn wrap_indexargfunc(py, this, args, f: ssizeargfunc) { Ok(f(this, one(py, args)?.as_isize(py)?)) }
    fn wrap_sq_item(py, this, args, f: ssizeargfunc) { Ok(f(this, sequence_index(py, this, one(py, args)?)?)) }
    fn wrap_sq_setitem(py, this, args, f: ssizeobjargproc) {
        let [index, value] = unpack_named(py, "__setitem__", args, 2)?;
        let (Some(index), Some(value)) = (index, value) else { return Err(py.bad_internal_call()) };
        none_or_error(f(this, sequence_index(py, this, index)?, value.as_ptr()))
    }
    fn wrap_sq_delitem(py, this, args, f: ssizeobjargproc) {
        none_or_error(f(this, sequence_index(py, this, one(py, args)?)?, ptr::null_mut()))
    }
    fn wrap_objobjproc(py, this, args, f: objobjproc) {
        let answer = f(this, one(py, args)?.as_ptr());
        error_if(answer < 0 && py.pending().is_some())?;
        Ok(typedef::ret_object(py, answer != 0))
    }
    fn wrap_objobjargproc(py, this, args, f: objobjargproc) {
        let [key, value] = unpack_named(py, "__setitem__", args, 2)?;
        let (Some(key), Some(value)) = (key, value) else { return Err(py.bad_internal_call()) };
        none_or_error(f(this, key.as_ptr(), value.as_ptr()))
    }
    fn wrap_delitem(py, this, args, f: objobjargproc) {
        none_or_error(f(this, one(py, args)?.as_ptr(), ptr::null_mut()))
    }
    fn wrap_setattr(py, this, args, f: setattrofunc) {
        let [name, value] = unpack_named(py, "__setattr__", args, 2)?;
        let (Some(name), Some(value)) = (name, value) else { return Err(py.bad_internal_call()) };
        guard_setattr(py, Object::from_ptr(this), f, "__setattr__")?;
        none_or_error(f(this, name.as_ptr(), value.as_ptr()))
    }
    fn wrap_delattr(py, this, args, f: setattrofunc) {
        let name = one(py, args)?;
        guard_setattr(py, Object::from_ptr(this), f, "__delattr__")?;
        none_or_error(f(this, name.as_ptr(), ptr::null_mut()))
    }
    fn wrap_next(py, this, args, f: unaryfunc) {
        unpack::<0>(py, args, 0)?;
        let item = f(this);
        if item.is_null() && py.pending().is_none() {
            return Err(py.raise_value(crate::exc::StopIteration(), crate::none_borrowed()));
        }
        Ok(item)
    }
    fn wrap_descr_get(py, this, args, f: descrgetfunc) {
        let [instance, owner] = unpack_named(py, "__get__", args, 1)?;
        let instance = instance.filter(|object| !object.is_none());
        let owner = owner.filter(|object| !object.is_none());
        if instance.is_none() && owner.is_none() {
            return Err(raise!(py, TypeError, "__get__(None, None) is invalid"));
        }
        let raw = |object: Option<&Object>| object.map_or(ptr::null_mut(), Layout::as_ptr);
        Ok(f(this, raw(instance), raw(owner)))
    }
    fn wrap_descr_set(py, this, args, f: descrsetfunc) {
        let [instance, value] = unpack_named(py, "__set__", args, 2)?;
        let (Some(instance), Some(value)) = (instance, value) else { return Err(py.bad_internal_call()) };
        none_or_error(f(this, instance.as_ptr(), value.as_ptr()))
    }
    fn wrap_descr_delete(py, this, args, f: descrsetfunc) {
        none_or_error(f(this, one(py, args)?.as_ptr(), ptr::null_mut()))
    }
    fn wrap_del(py, this, args, f: destructor) {
        unpack::<0>(py, args, 0)?;
        f(this);
        none_or_error(0)
    }
    fn richcmp_lt(py, this, args, f: richcmpfunc) { Ok(f(this, one(py, args)?.as_ptr(), CompareOp::Lt as c_int)) }
    fn richcmp_le(py, this, args, f: richcmpfunc) { Ok(f(this, one(py, args)?.as_ptr(), CompareOp::Le as c_int)) }
    fn richcmp_eq(py, this, args, f: richcmpfunc) { Ok(f(this, one(py, args)?.as_ptr(), CompareOp::Eq as c_int)) }
    fn richcmp_ne(py, this, args, f: richcmpfunc) { Ok(f(this, one(py, args)?.as_ptr(), CompareOp::Ne as c_int)) }
    fn richcmp_gt(py, this, args, f: richcmpfunc) { Ok(f(this, one(py, args)?.as_ptr(), CompareOp::Gt as c_int)) }
    fn richcmp_ge(py, this, args, f: richcmpfunc) { Ok(f(this, one(py, args)?.as_ptr(), CompareOp::Ge as c_int)) }
}

/// # Safety
/// [slot-contract]; `args` is a tuple, `kwargs` null or a dict, `wrapped` a `ternaryfunc`.
pub unsafe extern "C" fn wrap_call(
    this: *mut PyObject,
    args: *mut PyObject,
    wrapped: *mut c_void,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: by the contract.
    unsafe { transmute::<*mut c_void, ternaryfunc>(wrapped)(this, args, kwargs) }
}

/// # Safety
/// As [`wrap_call`], with an `initproc`.
pub unsafe extern "C" fn wrap_init(
    this: *mut PyObject,
    args: *mut PyObject,
    wrapped: *mut c_void,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: by the contract.
    match unsafe { transmute::<*mut c_void, initproc>(wrapped)(this, args, kwargs) } {
        status if status < 0 => ptr::null_mut(),
        _ => crate::none().into_raw(),
    }
}
