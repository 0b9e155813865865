//! Comparison, conversion to text, hashing, truth, `isinstance` and `dir`: `PyObject_*`.
use crate::handle::{Attached, Layout, Ref};
use crate::protocols::call::steal_result;
use crate::typedef::CompareOp;
use crate::{Bool, Bytes, Dict, List, Object, PyResult, Raised, Str, Tuple, Type, id, raise};
use std::ffi::c_int;

fn text_result(py: Attached<'_>, result: Ref<Object>, what: &str) -> PyResult<Ref<Str>> {
    match result.downcast::<Str>() {
        Ok(text) => Ok(text),
        Err(other) => Err(raise!(py, TypeError, "{what} returned non-string (type {})", other.ty().name())),
    }
}

impl Object {
    pub fn repr(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        let Some(repr) = self.ty().as_type().tp_repr.get() else {
            return Str::new(py, &format!("<{} object at {self:p}>", self.ty().name()));
        };
        let _depth = py.enter_recursive(" while getting the repr of an object")?;
        // SAFETY: [slot-contract].
        let result = unsafe { steal_result(py, repr(self.as_ptr()))? };
        text_result(py, result, "__repr__")
    }

    pub fn str(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        if let Some(text) = self.downcast_exact::<Str>() {
            return Ok(text.to_ref());
        }
        let Some(str) = self.ty().as_type().tp_str.get() else { return self.repr(py) };
        let _depth = py.enter_recursive(" while getting the str of an object")?;
        // SAFETY: [slot-contract].
        let result = unsafe { steal_result(py, str(self.as_ptr()))? };
        text_result(py, result, "__str__")
    }

    /// `ascii(self)`: the `repr` with everything but ASCII escaped.
    pub fn ascii(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        let text = self.repr(py)?;
        if text.is_ascii() {
            return Ok(text);
        }
        text.escape_non_ascii(py)
    }

    /// `bytes(self)` (`PyObject_Bytes`).
    pub fn bytes(&self, py: Attached<'_>) -> PyResult<Ref<Bytes>> {
        if let Some(bytes) = self.downcast_exact::<Bytes>() {
            return Ok(bytes.to_ref());
        }
        if let Some(method) = self.lookup_special(py, id!(py, __bytes__))? {
            return match method.call0(py)?.downcast::<Bytes>() {
                Ok(bytes) => Ok(bytes),
                Err(other) => Err(raise!(py, TypeError, "__bytes__ returned non-bytes (type {})", other.ty().name())),
            };
        }
        let content =
            crate::builtins::bytes_methods::bytes_from_object(py, self, "bytes", "bytes must be in range(0, 256)")?;
        Bytes::new(py, &content)
    }

    #[inline]
    pub fn hash(&self, py: Attached<'_>) -> PyResult<isize> {
        if let Some(text) = self.downcast_exact::<Str>() {
            return Ok(text.hash());
        }
        let ty = self.ty();
        let mut slot = ty.as_type().tp_hash.get();
        if slot.is_none() && !ty.is_ready() {
            ty.ready(py)?;
            slot = ty.as_type().tp_hash.get();
        }
        let Some(hash) = slot else {
            return Err(raise!(py, TypeError, "unhashable type: '{}'", ty.name()));
        };
        // SAFETY: [slot-contract].
        match unsafe { hash(self.as_ptr()) } {
            -1 => Err(Raised::assume()),
            hash => Ok(hash),
        }
    }

    #[inline]
    pub fn is_true(&self, py: Attached<'_>) -> PyResult<bool> {
        if self.is(Bool::of(true)) {
            return Ok(true);
        }
        if self.is(Bool::of(false)) || self.is_none() {
            return Ok(false);
        }
        self.slow_is_true(py)
    }

    fn slow_is_true(&self, py: Attached<'_>) -> PyResult<bool> {
        let raw = self.ty().as_type();
        // SAFETY: protocol tables live as long as the type; [slot-contract].
        let answer = unsafe {
            if let Some(bool) = raw.tp_as_number.get().as_ref().and_then(|table| table.nb_bool.get()) {
                bool(self.as_ptr()) as isize
            } else if let Some(len) = raw.tp_as_mapping.get().as_ref().and_then(|table| table.mp_length.get()) {
                len(self.as_ptr())
            } else if let Some(len) = raw.tp_as_sequence.get().as_ref().and_then(|table| table.sq_length.get()) {
                len(self.as_ptr())
            } else {
                1
            }
        };
        if answer < 0 {
            return Err(if py.pending().is_some() {
                Raised::assume()
            } else {
                raise!(py, SystemError, "error return without exception set")
            });
        }
        Ok(answer != 0)
    }

    pub fn rich_compare(&self, py: Attached<'_>, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let _depth = py.enter_recursive(" in comparison")?;
        let (left, right) = (self.ty(), other.ty());
        let try_slot = |ty: &Type, a: &Object, b: &Object, op: CompareOp| match ty.as_type().tp_richcompare.get() {
            // SAFETY: [slot-contract].
            Some(compare) => unsafe { steal_result(py, compare(a.as_ptr(), b.as_ptr(), op as c_int)) }
                .map(|result| (!result.is_not_implemented()).then_some(result)),
            None => Ok(None),
        };
        let mut reflected_tried = false;
        if !std::ptr::eq(left, right) && right.is_subtype_of(left) && right.as_type().tp_richcompare.get().is_some() {
            reflected_tried = true;
            if let Some(result) = try_slot(right, other, self, op.swapped())? {
                return Ok(result);
            }
        }
        if let Some(result) = try_slot(left, self, other, op)? {
            return Ok(result);
        }
        if !reflected_tried && let Some(result) = try_slot(right, other, self, op.swapped())? {
            return Ok(result);
        }
        match op {
            CompareOp::Eq => Ok(Bool::of(self.is(other)).as_object().to_ref()),
            CompareOp::Ne => Ok(Bool::of(!self.is(other)).as_object().to_ref()),
            _ => Err(raise!(
                py,
                TypeError,
                "'{}' not supported between instances of '{}' and '{}'",
                op.symbol(),
                left.name(),
                right.name()
            )),
        }
    }

    /// As `rich_compare` to a truth value; identity counts as equality for `==` and `!=`.
    #[inline]
    pub fn compare_bool(&self, py: Attached<'_>, other: &Object, op: CompareOp) -> PyResult<bool> {
        if self.is(other) {
            match op {
                CompareOp::Eq => return Ok(true),
                CompareOp::Ne => return Ok(false),
                _ => {}
            }
        }
        self.rich_compare(py, other, op)?.is_true(py)
    }

    pub fn eq(&self, py: Attached<'_>, other: &Object) -> PyResult<bool> {
        self.compare_bool(py, other, CompareOp::Eq)
    }

    /// `isinstance(self, class)`, with `__instancecheck__`, tuples and unions.
    pub fn is_instance(&self, py: Attached<'_>, class: &Object) -> PyResult<bool> {
        if std::ptr::addr_eq(self.ty(), class) {
            return Ok(true);
        }
        if class.downcast_exact::<Type>().is_some() {
            return recursive_is_instance(py, self, class);
        }
        if let Some(union) = class.downcast_exact::<crate::builtins::unionobject::Union>() {
            return self.is_instance(py, union.args().as_object());
        }
        if let Some(classes) = class.downcast::<Tuple>() {
            let _depth = py.enter_recursive(" in __instancecheck__")?;
            for class in classes.as_slice() {
                if self.is_instance(py, class)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        if let Some(check) = class.lookup_special(py, id!(py, __instancecheck__))? {
            let _depth = py.enter_recursive(" in __instancecheck__")?;
            return check.call_pos(py, &[self])?.is_true(py);
        }
        recursive_is_instance(py, self, class)
    }

    /// `issubclass(self, class)`.
    pub fn is_subclass(&self, py: Attached<'_>, class: &Object) -> PyResult<bool> {
        if class.downcast_exact::<Type>().is_some() {
            return if self.is(class) { Ok(true) } else { recursive_is_subclass(py, self, class) };
        }
        if let Some(union) = class.downcast_exact::<crate::builtins::unionobject::Union>() {
            return self.is_subclass(py, union.args().as_object());
        }
        if let Some(classes) = class.downcast::<Tuple>() {
            let _depth = py.enter_recursive(" in __subclasscheck__")?;
            for class in classes.as_slice() {
                if self.is_subclass(py, class)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        if let Some(check) = class.lookup_special(py, id!(py, __subclasscheck__))? {
            let _depth = py.enter_recursive(" in __subclasscheck__")?;
            return check.call_pos(py, &[self])?.is_true(py);
        }
        recursive_is_subclass(py, self, class)
    }

    /// `dir(self)`: the sorted list that `__dir__` gives.
    pub fn dir(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let Some(method) = self.lookup_special(py, id!(py, __dir__))? else {
            return Err(raise!(py, TypeError, "object does not provide __dir__"));
        };
        let names = method.call0(py)?.sequence_list(py)?;
        names.sort(py, None, false)?;
        Ok(names.upcast())
    }

    /// `format(self, spec)`.
    pub fn format(&self, py: Attached<'_>, spec: Option<&Str>) -> PyResult<Ref<Str>> {
        let spec = spec.unwrap_or_else(|| Str::empty_static());
        if let Some(text) = self.downcast_exact::<Str>() {
            return text.format_spec(py, spec);
        }
        if let Some(int) = self.downcast_exact::<crate::Int>() {
            return crate::builtins::numfmt::format_int(py, int, spec);
        }
        if let Some(float) = self.downcast_exact::<crate::Float>() {
            return crate::builtins::numfmt::format_float(py, float, spec);
        }
        let Some(method) = self.ty().lookup(py, id!(py, __format__)) else {
            return Err(raise!(py, TypeError, "Type {} doesn't define __format__", self.ty().name()));
        };
        let result = crate::typeobject::slot_functions::call_found(py, self, &method, &[spec.as_object()])?;
        match result.downcast::<Str>() {
            Ok(text) => Ok(text),
            Err(other) => Err(raise!(py, TypeError, "__format__ must return a str, not {}", other.ty().name())),
        }
    }
}

/// The `__bases__` of an object that stands for a class; `None` when it has none or they are no tuple.
fn abstract_bases(py: Attached<'_>, class: &Object) -> PyResult<Option<Ref<Tuple>>> {
    let bases = class.get_attr_opt(py, id!(py, __bases__))?;
    Ok(bases.and_then(|bases| bases.downcast::<Tuple>().ok()))
}

fn abstract_is_subclass(py: Attached<'_>, derived: &Object, class: &Object) -> PyResult<bool> {
    let _depth = py.enter_recursive(" in __issubclass__")?;
    if derived.is(class) {
        return Ok(true);
    }
    let Some(bases) = abstract_bases(py, derived)? else { return Ok(false) };
    for base in bases.as_slice() {
        if abstract_is_subclass(py, base, class)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `isinstance` without `__instancecheck__`, by the type, `__class__` and `__bases__`.
pub fn recursive_is_instance(py: Attached<'_>, instance: &Object, class: &Object) -> PyResult<bool> {
    if let Some(class) = class.downcast::<Type>() {
        if instance.is_instance_of(class) {
            return Ok(true);
        }
        let claimed = instance.get_attr_opt(py, id!(py, __class__))?;
        return Ok(claimed.is_some_and(|claimed| {
            !std::ptr::addr_eq(&raw const *claimed, instance.ty())
                && claimed.downcast::<Type>().is_ok_and(|claimed| claimed.is_subtype_of(class))
        }));
    }
    if abstract_bases(py, class)?.is_none() {
        return Err(raise!(py, TypeError, "isinstance() arg 2 must be a type, a tuple of types, or a union"));
    }
    match instance.get_attr_opt(py, id!(py, __class__))? {
        Some(claimed) => abstract_is_subclass(py, &claimed, class),
        None => Ok(false),
    }
}

/// `issubclass` without `__subclasscheck__`.
pub fn recursive_is_subclass(py: Attached<'_>, derived: &Object, class: &Object) -> PyResult<bool> {
    if let (Some(derived), Some(class)) = (derived.downcast::<Type>(), class.downcast::<Type>()) {
        return Ok(derived.is_subtype_of(class));
    }
    if derived.downcast::<Type>().is_none() && abstract_bases(py, derived)?.is_none() {
        return Err(raise!(py, TypeError, "issubclass() arg 1 must be a class"));
    }
    if class.downcast::<Type>().is_none() && abstract_bases(py, class)?.is_none() {
        return Err(raise!(py, TypeError, "issubclass() arg 2 must be a class, a tuple of classes, or a union"));
    }
    abstract_is_subclass(py, derived, class)
}

/// The keys of a dict as a list.
pub(crate) fn keys_list(py: Attached<'_>, dict: &Dict) -> PyResult<Ref<List>> {
    List::from_vec(py, dict.items_snapshot(py)?.into_iter().map(|(key, _)| key).collect())
}
