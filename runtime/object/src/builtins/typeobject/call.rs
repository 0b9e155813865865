//! Calling a type: construction of instances.
use super::{Type, slot_functions};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::protocols::call::{check_status, steal_call_result};
use crate::typedef::{arg, arg_opt, ret_object};
use crate::{Dict, Object, PyResult, Tuple, raise};
use std::ptr;

/// `tp_call` of `type`.
///
/// # Safety
/// [slot-contract].
pub(super) unsafe extern "C" fn slot_type_call(
    this: *mut PyObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe { ret_object(Attached::from_tls(), type_call(Attached::from_tls(), arg(this), arg(args), arg_opt(kwargs))) }
}

/// `tp_vectorcall` of `type` itself: `type(x)` and `type(name, bases, dict)`.
///
/// # Safety
/// [slot-contract].
pub(super) unsafe extern "C" fn slot_type_vectorcall(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, ty) = (Attached::from_tls(), arg::<Type>(this));
        let args = Args::from_vectorcall(args, nargsf & (usize::MAX >> 1), names);
        if let (Args { pos: [object], names: [], .. }, true) = (args, ptr::eq(ty, Type::type_object())) {
            return object.ty().to_ref().into_raw();
        }
        let result = args
            .pos_tuple(py)
            .and_then(|pos| args.kw_dict(py).and_then(|kwargs| type_call(py, ty, &pos, kwargs.as_deref())));
        ret_object(py, result)
    }
}

fn no_instances(py: Attached<'_>, ty: &Type) -> crate::Raised {
    raise!(py, TypeError, "cannot create '{}' instances", ty.name())
}

/// `type.__call__`.
pub fn type_call(py: Attached<'_>, ty: &Type, args: &Tuple, kwargs: Option<&Dict>) -> PyResult<Ref<Object>> {
    if ptr::eq(ty, Type::type_object()) {
        let has_keywords = kwargs.is_some_and(|kwargs| !kwargs.is_empty());
        if let ([object], false) = (args.as_slice(), has_keywords) {
            return Ok(object.ty().to_ref().upcast());
        }
        if args.len() == 1 {
            return Err(raise!(py, TypeError, "type() takes no keyword arguments"));
        }
        if args.len() != 3 {
            return Err(raise!(py, TypeError, "type() takes 1 or 3 arguments"));
        }
    }
    let Some(new) = ty.0.tp_new.get() else { return Err(no_instances(py, ty)) };
    let raw_kwargs = kwargs.map_or(ptr::null_mut(), Layout::as_ptr);
    // SAFETY: [slot-contract].
    let object = unsafe { steal_call_result(py, ty.as_object(), new(ty.as_type_ptr(), args.as_ptr(), raw_kwargs))? };
    if !object.is_instance_of(ty) {
        return Ok(object);
    }
    if let Some(init) = object.ty().0.tp_init.get() {
        // SAFETY: [slot-contract].
        check_status(py, unsafe { init(object.as_ptr(), args.as_ptr(), raw_kwargs) })?;
    }
    Ok(object)
}

impl Type {
    /// Whether calling the type means [`type_call`].
    #[inline]
    pub(crate) fn has_plain_call(&self) -> bool {
        self.as_object().ty().0.tp_call.get().is_some_and(|slot| ptr::fn_addr_eq(slot, slot_type_call as ternaryfunc))
    }

    /// Whether instances are made by `object.__new__` alone.
    #[inline]
    pub fn has_object_new(&self) -> bool {
        self.0
            .tp_new
            .get()
            .is_some_and(|slot| ptr::fn_addr_eq(slot, crate::builtins::object::slot_object_new as newfunc))
    }

    /// Calls the type as its metatype's `type.__call__` does: `tp_vectorcall`, or `tp_new` then `tp_init`.
    pub fn instantiate(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Object>> {
        if self.0.tp_vectorcall.get().is_some() && self.as_object().vectorcall_function().is_some() {
            return self.as_object().call(py, args);
        }
        self.construct(py, args)
    }

    /// `tp_new` then `tp_init`, without a tuple for classes that only have an `__init__` method.
    pub(crate) fn construct(&self, py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Object>> {
        let init_is_method =
            self.0.tp_init.get().is_some_and(|slot| ptr::fn_addr_eq(slot, slot_functions::slot_tp_init as initproc));
        if self.has_object_new() && !self.has_feature(Py_TPFLAGS_IS_ABSTRACT) {
            if init_is_method {
                let object = self.alloc(py, 0)?;
                slot_functions::call_init(py, &object, args)?;
                return Ok(object);
            }
            let no_init = self
                .0
                .tp_init
                .get()
                .is_some_and(|slot| ptr::fn_addr_eq(slot, crate::builtins::object::slot_object_init as initproc));
            if no_init && args.is_empty() {
                return self.alloc(py, 0);
            }
        }
        let pos = args.pos_tuple(py)?;
        let kwargs = args.kw_dict(py)?;
        type_call(py, self, &pos, kwargs.as_deref())
    }
}
