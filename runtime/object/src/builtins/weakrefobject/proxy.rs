//! `weakref.proxy`: objects that pass every operation on to their referent.
use super::WeakRef;
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Visit};
use crate::layout::PyWeakReference;
use crate::protocols::number::BinaryOp;
use crate::typedef::CompareOp;
use crate::{Object, PyResult, Str, id, pytype, raise};

/// `weakref.ProxyType`.
#[repr(transparent)]
pub struct Proxy(PyWeakReference);

/// `weakref.CallableProxyType`.
#[repr(transparent)]
pub struct CallableProxy(PyWeakReference);

macro_rules! proxy_type {
    ($rust:ident, $symbol:ident, $name:literal, { $($extra:tt)* }) => {
        pytype! {
            #[unsafe(no_mangle)]
            pub static $symbol: $name for $rust {
                base: crate::Object,
                flags: [HAVE_GC],
                slots: {
                    tp_dealloc = $rust::dealloc,
                    tp_repr = |py: Attached<'_>, this: &$rust| this.weak().repr(py, "weakproxy"),
                    tp_str = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().str(py),
                    tp_getattro = |py: Attached<'_>, this: &$rust, name: &Object| get_attr(py, this.as_object(), name),
                    tp_setattro = |py: Attached<'_>, this: &$rust, name: &Object, value: Option<&Object>| set_attr(py, this.as_object(), name, value),
                    tp_traverse = |this: &$rust, visit: Visit<'_>| this.weak().traverse(visit),
                    tp_clear = |py: Attached<'_>, this: &$rust| this.weak().clear(py),
                    tp_richcompare = |py: Attached<'_>, this: &$rust, other: &Object, op: CompareOp| compare(py, this.as_object(), other, op),
                    tp_iter = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().iter(py),
                    tp_iternext = |py: Attached<'_>, this: &$rust| next(py, this.as_object()),
                    mp_length = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().len(py),
                    mp_subscript = |py: Attached<'_>, this: &$rust, key: &Object| get_item(py, this.as_object(), key),
                    mp_ass_subscript = |py: Attached<'_>, this: &$rust, key: &Object, value: Option<&Object>| set_item(py, this.as_object(), key, value),
                    sq_length = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().len(py),
                    sq_contains = |py: Attached<'_>, this: &$rust, value: &Object| contains(py, this.as_object(), value),
                    nb_bool = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().is_true(py),
                    nb_negative = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().negative(py),
                    nb_positive = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().positive(py),
                    nb_absolute = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().absolute(py),
                    nb_invert = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().invert(py),
                    nb_int = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().to_int(py),
                    nb_float = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().to_float(py),
                    nb_index = |py: Attached<'_>, this: &$rust| target(py, this.as_object())?.as_object().index(py),
                    nb_add = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::Add),
                    nb_subtract = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::Subtract),
                    nb_multiply = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::Multiply),
                    nb_floor_divide = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::FloorDivide),
                    nb_true_divide = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::TrueDivide),
                    nb_remainder = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::Remainder),
                    nb_divmod = divmod,
                    nb_power = power,
                    nb_lshift = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::Lshift),
                    nb_rshift = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::Rshift),
                    nb_and = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::And),
                    nb_xor = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::Xor),
                    nb_or = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::Or),
                    nb_matrix_multiply = |py: Attached<'_>, a: &Object, b: &Object| binary(py, a, b, BinaryOp::MatMul),
                    nb_inplace_add = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::Add),
                    nb_inplace_subtract = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::Subtract),
                    nb_inplace_multiply = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::Multiply),
                    nb_inplace_floor_divide = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::FloorDivide),
                    nb_inplace_true_divide = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::TrueDivide),
                    nb_inplace_remainder = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::Remainder),
                    nb_inplace_power = |py: Attached<'_>, a: &Object, b: &Object, _: Option<&Object>| inplace(py, a, b, BinaryOp::Power),
                    nb_inplace_lshift = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::Lshift),
                    nb_inplace_rshift = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::Rshift),
                    nb_inplace_and = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::And),
                    nb_inplace_xor = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::Xor),
                    nb_inplace_or = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::Or),
                    nb_inplace_matrix_multiply = |py: Attached<'_>, a: &Object, b: &Object| inplace(py, a, b, BinaryOp::MatMul),
                    $($extra)*
                },
                methods: {
                    noargs "__bytes__" => |py: Attached<'_>, this: &$rust| forward(py, this.as_object(), id!(py, __bytes__)), "($self, /)", "Pass bytes() on to the object.";
                    noargs "__reversed__" => |py: Attached<'_>, this: &$rust| forward(py, this.as_object(), id!(py, __reversed__)), "($self, /)", "Pass reversed() on to the object.";
                },
            }
        }

        impl $rust {
            fn weak(&self) -> &WeakRef {
                // SAFETY: [layout]: both are transparent over one layout.
                unsafe { &*std::ptr::from_ref(self).cast() }
            }

            /// # Safety
            /// The `tp_dealloc` of the type.
            unsafe fn dealloc(py: Attached<'_>, this: std::ptr::NonNull<$rust>) {
                // SAFETY: by the contract.
                unsafe { crate::mem::dealloc_with(py, this, |this| this.weak().clear(py)) };
            }
        }
    };
}

proxy_type!(Proxy, _PyWeakref_ProxyType, "weakref.ProxyType", {});
proxy_type!(CallableProxy, _PyWeakref_CallableProxyType, "weakref.CallableProxyType", {
    tp_call = |py: Attached<'_>, this: &CallableProxy, args: Args<'_>| target(py, this.as_object())?.as_object().call(py, args),
});

/// The referent of a proxy; any other object is its own referent. `ReferenceError` if it is gone.
pub fn unwrap(py: Attached<'_>, object: &Object) -> PyResult<Ref<Object>> {
    let ty = object.ty();
    if std::ptr::eq(ty, Proxy::type_object()) || std::ptr::eq(ty, CallableProxy::type_object()) {
        // SAFETY: [layout]: just checked.
        let weak = unsafe { object.as_ptr().cast::<WeakRef>().as_ref() };
        return weak
            .and_then(WeakRef::get)
            .ok_or_else(|| raise!(py, ReferenceError, "weakly-referenced object no longer exists"));
    }
    Ok(object.to_ref())
}

fn target(py: Attached<'_>, this: &Object) -> PyResult<Ref<Object>> {
    unwrap(py, this)
}

fn as_name<'a>(py: Attached<'_>, name: &'a Object) -> PyResult<&'a Str> {
    name.downcast::<Str>().ok_or_else(|| {
        let ty = name.ty().name();
        raise!(py, TypeError, "attribute name must be string, not '{ty}'")
    })
}

fn get_attr(py: Attached<'_>, this: &Object, name: &Object) -> PyResult<Ref<Object>> {
    target(py, this)?.as_object().get_attr(py, as_name(py, name)?)
}

fn set_attr(py: Attached<'_>, this: &Object, name: &Object, value: Option<&Object>) -> PyResult<()> {
    target(py, this)?.as_object().set_attr(py, as_name(py, name)?, value)
}

fn compare(py: Attached<'_>, this: &Object, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
    target(py, this)?.as_object().rich_compare(py, &*unwrap(py, other)?, op)
}

fn next(py: Attached<'_>, this: &Object) -> PyResult<Option<Ref<Object>>> {
    let object = target(py, this)?;
    if object.as_object().ty().as_type().tp_iternext.get().is_none() {
        let name = object.as_object().ty().name();
        return Err(raise!(py, TypeError, "Weakref proxy referenced a non-iterator '{name}' object"));
    }
    object.as_object().iter_next(py)
}

fn get_item(py: Attached<'_>, this: &Object, key: &Object) -> PyResult<Ref<Object>> {
    target(py, this)?.as_object().get_item(py, &*unwrap(py, key)?)
}

fn set_item(py: Attached<'_>, this: &Object, key: &Object, value: Option<&Object>) -> PyResult<()> {
    let object = target(py, this)?;
    match value {
        Some(value) => object.as_object().set_item(py, key, value),
        None => object.as_object().del_item(py, key),
    }
}

fn contains(py: Attached<'_>, this: &Object, value: &Object) -> PyResult<bool> {
    target(py, this)?.as_object().contains(py, value)
}

fn binary(py: Attached<'_>, left: &Object, right: &Object, op: BinaryOp) -> PyResult<Ref<Object>> {
    unwrap(py, left)?.as_object().binary_op(py, &*unwrap(py, right)?, op)
}

fn inplace(py: Attached<'_>, left: &Object, right: &Object, op: BinaryOp) -> PyResult<Ref<Object>> {
    unwrap(py, left)?.as_object().inplace_op(py, &*unwrap(py, right)?, op)
}

fn power(py: Attached<'_>, left: &Object, right: &Object, modulus: Option<&Object>) -> PyResult<Ref<Object>> {
    let (left, right) = (unwrap(py, left)?, unwrap(py, right)?);
    match modulus {
        Some(modulus) => left.as_object().power(py, &right, &*unwrap(py, modulus)?),
        None => left.as_object().binary_op(py, &right, BinaryOp::Power),
    }
}

fn divmod(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let (left, right) = (unwrap(py, left)?, unwrap(py, right)?);
    let divmod = crate::builtins::container::builtin(py, id!(py, divmod))?;
    divmod.as_object().call_pos(py, &[&left, &right])
}

fn forward(py: Attached<'_>, this: &Object, name: &Str) -> PyResult<Ref<Object>> {
    target(py, this)?.as_object().call_method(py, name, &[])
}
