//! `None`, `NotImplemented`, `Ellipsis` and their types.
use super::Object;
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{PyObject, PyTypeObject};
use crate::typedef::CompareOp;
use crate::{IntoObject, PyResult, Type, id, pytype, raise};
use std::ptr::NonNull;

/// Layout of `None`.
#[repr(transparent)]
pub struct NoneObject(#[allow(dead_code)] PyObject);
/// Layout of `NotImplemented`.
#[repr(transparent)]
pub struct NotImplementedObject(#[allow(dead_code)] PyObject);
/// Layout of `Ellipsis`.
#[repr(transparent)]
pub struct EllipsisObject(#[allow(dead_code)] PyObject);

/// # Safety
/// As `tp_dealloc`.
unsafe fn never_freed<T: Layout>(_py: Attached<'_>, this: NonNull<T>) {
    // SAFETY: the singleton is static. A C caller that counted wrongly gets an immortal object again.
    crate::mode::make_immortal(unsafe { this.as_ref() }.as_object());
}

fn singleton(py: Attached<'_>, ty: &Type, args: Args<'_>, value: &'static Object) -> PyResult<Ref<Object>> {
    if !args.is_empty() {
        let name = if ty.name() == "ellipsis" { "EllipsisType".into() } else { ty.name() };
        return Err(raise!(py, TypeError, "{name} takes no arguments"));
    }
    Ok(value.to_ref())
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyNone_Type: "NoneType" for NoneObject {
        base: Object,
        flags: [],
        doc: "NoneType()\n--\n\nThe type of the None singleton.",
        slots: {
            tp_dealloc = never_freed::<NoneObject>,
            tp_repr = |py: Attached<'_>, _: &NoneObject| id!(py, "None"),
            tp_hash = |_: Attached<'_>, _: &NoneObject| PyResult::Ok(0xfca8_6420),
            tp_richcompare = |py: Attached<'_>, _: &NoneObject, other: &Object, op: CompareOp| match op {
                CompareOp::Eq if other.is_none() => true.into_object(py),
                CompareOp::Ne if other.is_none() => false.into_object(py),
                _ => Ok(crate::not_implemented()),
            },
            constructor = |py, ty, args| singleton(py, ty, args, none_borrowed()),
            nb_bool = |_: Attached<'_>, _: &NoneObject| PyResult::Ok(false),
        },
    }
}

fn not_implemented_bool(py: Attached<'_>, _: &NotImplementedObject) -> PyResult<bool> {
    Err(raise!(py, TypeError, "NotImplemented should not be used in a boolean context"))
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyNotImplemented_Type: "NotImplementedType" for NotImplementedObject {
        base: Object,
        flags: [],
        doc: "NotImplementedType()\n--\n\nThe type of the NotImplemented singleton.",
        slots: {
            tp_dealloc = never_freed::<NotImplementedObject>,
            tp_repr = |py: Attached<'_>, _: &NotImplementedObject| id!(py, "NotImplemented"),
            constructor = |py, ty, args| singleton(py, ty, args, not_implemented_borrowed()),
            nb_bool = not_implemented_bool,
        },
        methods: {
            noargs "__reduce__" => |py: Attached<'_>, _: &NotImplementedObject| id!(py, "NotImplemented"), "($self, /)", "";
        },
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyEllipsis_Type: "ellipsis" for EllipsisObject {
        base: Object,
        flags: [],
        doc: "ellipsis()\n--\n\nThe type of the Ellipsis singleton.",
        slots: {
            tp_dealloc = never_freed::<EllipsisObject>,
            tp_repr = |py: Attached<'_>, _: &EllipsisObject| id!(py, "Ellipsis"),
            constructor = |py, ty, args| singleton(py, ty, args, ellipsis_borrowed()),
        },
        methods: {
            noargs "__reduce__" => |py: Attached<'_>, _: &EllipsisObject| id!(py, "Ellipsis"), "($self, /)", "";
        },
    }
}

const fn static_object(ty: *const PyTypeObject) -> PyObject {
    PyObject::immortal(ty.cast_mut())
}

/// `None` itself.
#[unsafe(no_mangle)]
pub static _Py_NoneStruct: PyObject = static_object(&raw const _PyNone_Type);
/// `NotImplemented` itself.
#[unsafe(no_mangle)]
pub static _Py_NotImplementedStruct: PyObject = static_object(&raw const _PyNotImplemented_Type);
/// `...` itself.
#[unsafe(no_mangle)]
pub static _Py_EllipsisObject: PyObject = static_object(&raw const PyEllipsis_Type);

/// `None`, borrowed.
#[inline(always)]
pub fn none_borrowed() -> &'static Object {
    // SAFETY: [immortal]; `Object` is transparent over `PyObject`.
    unsafe { &*(&raw const _Py_NoneStruct).cast() }
}
/// A reference to `None`.
#[inline(always)]
pub fn none() -> Ref<Object> {
    none_borrowed().to_ref()
}
/// `NotImplemented`, borrowed.
#[inline(always)]
pub fn not_implemented_borrowed() -> &'static Object {
    // SAFETY: as `none_borrowed`.
    unsafe { &*(&raw const _Py_NotImplementedStruct).cast() }
}
/// A reference to `NotImplemented`.
#[inline]
pub fn not_implemented() -> Ref<Object> {
    not_implemented_borrowed().to_ref()
}
/// `Ellipsis`, borrowed.
#[inline(always)]
pub fn ellipsis_borrowed() -> &'static Object {
    // SAFETY: as `none_borrowed`.
    unsafe { &*(&raw const _Py_EllipsisObject).cast() }
}
/// A reference to `Ellipsis`.
pub fn ellipsis() -> Ref<Object> {
    ellipsis_borrowed().to_ref()
}
