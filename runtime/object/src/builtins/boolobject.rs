//! `bool`: the two truth values, static subclasses of `int` in layout and type.
use super::longobject::static_int;
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyLongObject;
use crate::{Int, Object, PyResult, Str, Type, pytype};

/// `True` or `False`.
#[repr(transparent)]
pub struct Bool(pub(crate) PyLongObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyBool_Type: "bool" for Bool {
        base: Int,
        flags: [LONG_SUBCLASS, MATCH_SELF],
        basicsize: size_of::<PyLongObject>() as isize - 8,
        itemsize: 4,
        doc: "bool(object=False, /)\n--\n\nWhether an object counts as true.",
        slots: {
            constructor = Bool::new_object,
            tp_repr = Bool::repr,
            nb_and = Bool::and,
            nb_or = Bool::or,
            nb_xor = Bool::xor,
            nb_invert = Bool::invert,
        },
    }
}

/// `True`.
#[unsafe(no_mangle)]
pub static _Py_TrueStruct: PyLongObject = static_int(&raw const PyBool_Type, 1, 0);
/// `False`.
#[unsafe(no_mangle)]
pub static _Py_FalseStruct: PyLongObject = static_int(&raw const PyBool_Type, 0, 0);

impl Bool {
    /// The singleton, borrowed.
    #[inline(always)]
    pub fn of(value: bool) -> &'static Bool {
        let object = if value { &raw const _Py_TrueStruct } else { &raw const _Py_FalseStruct };
        // SAFETY: `repr(transparent)` over the static's type.
        unsafe { &*object.cast() }
    }

    /// Which of the two it is.
    #[inline(always)]
    pub fn value(&self) -> bool {
        std::ptr::eq(&raw const self.0, &raw const _Py_TrueStruct)
    }

    fn new_object(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<bool> {
        match args.unpack(py, "bool", 0, 1)? {
            [] => Ok(false),
            args => args[0].is_true(py),
        }
    }

    fn repr(py: Attached<'_>, this: &Bool) -> &'static Str {
        if this.value() { crate::id!(py, True) } else { crate::id!(py, False) }
    }

    /// Both as truth values, if both are.
    fn both(left: &Object, right: &Object) -> Option<(bool, bool)> {
        Some((left.downcast_exact::<Bool>()?.value(), right.downcast_exact::<Bool>()?.value()))
    }

    fn and(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        match Self::both(left, right) {
            Some((left, right)) => Ok(Bool::of(left & right).to_ref().upcast()),
            None => Int::nb_and(py, left, right),
        }
    }

    fn or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        match Self::both(left, right) {
            Some((left, right)) => Ok(Bool::of(left | right).to_ref().upcast()),
            None => Int::nb_or(py, left, right),
        }
    }

    fn xor(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        match Self::both(left, right) {
            Some((left, right)) => Ok(Bool::of(left ^ right).to_ref().upcast()),
            None => Int::nb_xor(py, left, right),
        }
    }

    fn invert(py: Attached<'_>, this: &Bool) -> PyResult<i64> {
        (crate::hooks::hooks().warn)(
            py,
            crate::exc::DeprecationWarning(),
            "Bitwise inversion '~' on bool is deprecated and will be removed in Python 3.16. This returns the bitwise inversion of the underlying int object and is usually not what you expect from the negation of a bool object. Use the 'not' operator for boolean negation or ~int(x) for the bitwise inversion of the underlying int.",
            1,
        )?;
        Ok(if this.value() { -2 } else { -1 })
    }
}
