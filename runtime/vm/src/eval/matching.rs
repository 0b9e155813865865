//! Pattern matching.
use super::{Eval, Step};
use crate::stackref::StackRef;
use krait_object::layout::{Py_TPFLAGS_MAPPING, Py_TPFLAGS_SEQUENCE};
use krait_object::{
    Attached, Layout, Object, PyResult, Ref, Set, Str, Tuple, Type, id, none, object::object_new, raise,
};

const MATCH_SELF: std::ffi::c_ulong = 1 << 22;

impl Eval<'_> {
    pub(super) fn MATCH_MAPPING(&mut self) -> Step {
        let matches = self.object(1).ty().has_feature(Py_TPFLAGS_MAPPING as std::ffi::c_ulong);
        self.push(super::arith::bool_word(matches));
        Ok(1)
    }

    pub(super) fn MATCH_SEQUENCE(&mut self) -> Step {
        let matches = self.object(1).ty().has_feature(Py_TPFLAGS_SEQUENCE as std::ffi::c_ulong);
        self.push(super::arith::bool_word(matches));
        Ok(1)
    }

    /// Pushes the values of the keys on top, or `None` when one is missing.
    pub(super) fn MATCH_KEYS(&mut self) -> Step {
        self.save();
        // SAFETY: the compiler puts a tuple there.
        let keys: &Tuple = unsafe { self.object(1).cast_unchecked() };
        let values = match_keys(self.py(), self.object(2), keys)?;
        self.push_ref(values);
        Ok(1)
    }

    pub(super) fn MATCH_CLASS(&mut self) -> Step {
        self.save();
        let (subject, class) = (self.object(3), self.object(2));
        // SAFETY: the compiler puts a tuple there.
        let names: &Tuple = unsafe { self.object(1).cast_unchecked() };
        let found = match_class(self.py(), subject, class, self.arg(), names)?;
        self.drop_many(3);
        self.push(found.map_or_else(|| StackRef::owned(none()), StackRef::owned));
        Ok(1)
    }
}

fn match_keys(py: Attached<'_>, subject: &Object, keys: &Tuple) -> PyResult<Ref<Object>> {
    if keys.is_empty() {
        return Ok(Tuple::empty(py).upcast());
    }
    let seen = Set::new(py)?;
    let sentinel = object_new(py, Object::type_object())?;
    let get = subject.get_attr(py, id!(py, get))?;
    let mut values = Vec::with_capacity(keys.len());
    for key in keys.as_slice() {
        if !seen.add(py, key)? {
            let key = key.repr(py)?;
            return Err(raise!(py, ValueError, "mapping pattern checks duplicate key ({key})"));
        }
        let value = get.call_pos(py, &[key, &sentinel])?;
        if value.is(&*sentinel) {
            return Ok(none());
        }
        values.push(value);
    }
    Ok(Tuple::from_vec(py, values)?.upcast())
}

fn match_attribute(
    py: Attached<'_>,
    subject: &Object,
    class: &Object,
    name: &Object,
    seen: &Set,
) -> PyResult<Option<Ref<Object>>> {
    if !seen.add(py, name)? {
        let (class, name) = (class_name(class), name.repr(py)?);
        return Err(raise!(py, TypeError, "{class}() got multiple sub-patterns for attribute {name}"));
    }
    let Some(name) = name.downcast::<Str>() else { return Err(py.bad_internal_call()) };
    subject.get_attr_opt(py, name)
}

fn class_name(class: &Object) -> String {
    class.downcast::<Type>().map(|class| class.name().into_owned()).unwrap_or_default()
}

/// The attributes that a class pattern asks for, or `None` when the subject does not match.
fn match_class(
    py: Attached<'_>,
    subject: &Object,
    class: &Object,
    positional: usize,
    names: &Tuple,
) -> PyResult<Option<Ref<Tuple>>> {
    let Some(ty) = class.downcast::<Type>() else {
        return Err(raise!(py, TypeError, "called match pattern must be a class"));
    };
    if !subject.is_instance(py, class)? {
        return Ok(None);
    }
    let seen = Set::new(py)?;
    let mut values = Vec::with_capacity(positional + names.len());
    if positional > 0 {
        let match_args = class.get_attr_opt(py, id!(py, __match_args__))?;
        let (match_args, match_self) = match match_args {
            Some(args) => match args.downcast_exact::<Tuple>() {
                Ok(args) => (args, false),
                Err(other) => {
                    let (class, given) = (class_name(class), other.ty().name());
                    return Err(raise!(py, TypeError, "{class}.__match_args__ must be a tuple (got {given})"));
                }
            },
            None => (Tuple::empty(py), ty.has_feature(MATCH_SELF)),
        };
        let allowed = if match_self { 1 } else { match_args.len() };
        if allowed < positional {
            let plural = if allowed == 1 { "" } else { "s" };
            let class = class_name(class);
            return Err(raise!(
                py,
                TypeError,
                "{class}() accepts {allowed} positional sub-pattern{plural} ({positional} given)"
            ));
        }
        if match_self {
            values.push(subject.to_ref());
        } else {
            for name in &match_args.as_slice()[..positional] {
                if name.downcast_exact::<Str>().is_none() {
                    let given = name.ty().name();
                    return Err(raise!(py, TypeError, "__match_args__ elements must be strings (got {given})"));
                }
                match match_attribute(py, subject, class, name, &seen)? {
                    Some(value) => values.push(value),
                    None => return Ok(None),
                }
            }
        }
    }
    for name in names.as_slice() {
        match match_attribute(py, subject, class, name, &seen)? {
            Some(value) => values.push(value),
            None => return Ok(None),
        }
    }
    Ok(Some(Tuple::from_vec(py, values)?))
}
