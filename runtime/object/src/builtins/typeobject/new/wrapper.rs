//! The `__new__` that the dict of a type with `tp_new` holds.
use super::solid_base_for_new;
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::protocols::call::steal_result;
use crate::typedef::{arg, ret_object};
use crate::{Object, PyResult, Type, raise};
use std::ptr;

static NEW_METHOD: crate::typedef::Table<PyMethodDef, 2> = crate::typedef::Table([
    crate::typedef::method_entry(
        "__new__\0",
        new_wrapper as *const (),
        METH_FASTCALL | METH_KEYWORDS,
        "__new__($type, *args, **kwargs)\n--\n\nCreate and return a new object.\0",
    ),
    crate::typedef::METHOD_END,
]);

/// The one definition behind every such `__new__`; slot updates recognise it by address.
pub(crate) fn new_method_def() -> *mut PyMethodDef {
    (&raw const NEW_METHOD).cast_mut().cast()
}

/// # Safety
/// [slot-contract]; `this` is the type that owns the `__new__`.
unsafe extern "C" fn new_wrapper(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargs: isize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let py = Attached::from_tls();
        ret_object(py, call(py, arg::<Type>(this), Args::from_vectorcall(args, nargs as usize, names)))
    }
}

fn call(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
    let name = ty.name();
    let Some((first, rest)) = args.pos.split_first() else {
        return Err(raise!(py, TypeError, "{name}.__new__(): not enough arguments"));
    };
    let Some(subtype) = first.downcast::<Type>() else {
        return Err(raise!(py, TypeError, "{name}.__new__(X): X is not a type object ({})", first.ty().name()));
    };
    if !subtype.is_subtype_of(ty) {
        let sub = subtype.name();
        return Err(raise!(py, TypeError, "{name}.__new__({sub}): {sub} is not a subtype of {name}"));
    }
    if subtype.has_feature(Py_TPFLAGS_DISALLOW_INSTANTIATION) {
        return Err(raise!(py, TypeError, "cannot create '{}' instances", subtype.name()));
    }
    // `object.__new__(dict)` would leave a dict uninitialised: the nearest native `tp_new` must be this type's.
    let native = solid_base_for_new(subtype);
    let new_of = |ty: &Type| ty.as_type().tp_new.get().map(|f| f as usize);
    if native.is_some_and(|native| new_of(native) != new_of(ty)) {
        let native_name = native.map(|native| native.name().into_owned()).unwrap_or_default();
        return Err(raise!(
            py,
            TypeError,
            "{name}.__new__({}) is not safe, use {native_name}.__new__()",
            subtype.name()
        ));
    }
    let Some(new) = ty.as_type().tp_new.get() else { return Err(py.bad_internal_call()) };
    let rest = Args { pos: rest, ..args };
    if ptr::fn_addr_eq(new, crate::builtins::object::slot_object_new as newfunc) {
        return crate::builtins::object::object_new_args(py, subtype, rest);
    }
    let pos = rest.pos_tuple(py)?;
    let kwargs = rest.kw_dict(py)?;
    let kwargs = kwargs.as_ref().map_or(ptr::null_mut(), |kwargs| kwargs.as_ptr());
    // SAFETY: [slot-contract].
    unsafe { steal_result(py, new(subtype.as_type_ptr(), pos.as_ptr(), kwargs)) }
}
