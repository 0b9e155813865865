//! `__reduce__`, `__reduce_ex__` and `__getstate__` of plain objects.
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyObject;
use crate::{Dict, Int, List, Object, PyResult, Str, Tuple, Type, hooks, id, raise};

fn copyreg(py: Attached<'_>) -> PyResult<Ref<Object>> {
    (hooks::hooks().import)(py, "copyreg")
}

/// `copyreg._slotnames(cls)`, cached as `__slotnames__` in the class.
fn slot_names(py: Attached<'_>, class: &Type) -> PyResult<Option<Ref<List>>> {
    let cached = match class.dict() {
        Some(dict) => dict.get(py, id!(py, __slotnames__).as_object())?,
        None => None,
    };
    let names = match cached {
        Some(names) => names,
        None => copyreg(py)?.call_method(py, id!(py, _slotnames), &[class.as_object()])?,
    };
    if names.is_none() {
        return Ok(None);
    }
    match names.downcast::<List>() {
        Ok(names) => Ok(Some(names)),
        Err(other) => {
            Err(raise!(py, TypeError, "copyreg._slotnames didn't return a list or None, not {}", other.ty().name()))
        }
    }
}

/// Bytes that instances of `ty` have when only dict, weak references and `slots` are stored.
fn plain_size(ty: &Type, slots: usize) -> isize {
    let word = size_of::<*mut PyObject>() as isize;
    let mut size = Object::type_object().as_type().tp_basicsize.get();
    let raw = ty.as_type();
    if raw.tp_dictoffset.get() > 0 {
        size += word;
    }
    if raw.tp_weaklistoffset.get() > 0 {
        size += word;
    }
    size + word * slots as isize
}

fn default_state(py: Attached<'_>, this: &Object, required: bool) -> PyResult<Ref<Object>> {
    let ty = this.ty();
    if required && ty.as_type().tp_itemsize.get() != 0 {
        return Err(raise!(py, TypeError, "cannot pickle {} objects", ty.name()));
    }
    let mut state = if crate::builtins::dictobject::is_instance_dict_empty(this) {
        crate::none()
    } else {
        match crate::typeobject::instance::instance_dict(py, this)? {
            Some(dict) => dict.upcast(),
            None => crate::none(),
        }
    };
    let names = slot_names(py, ty)?;
    let count = names.as_ref().map_or(0, |names| names.len());
    if required && ty.as_type().tp_basicsize.get() > plain_size(ty, count) {
        return Err(raise!(py, TypeError, "cannot pickle '{}' object", ty.name()));
    }
    if let Some(names) = names.filter(|names| !names.is_empty()) {
        let slots = Dict::new(py)?;
        for name in names.to_vec(py)? {
            if let Some(text) = name.as_object().downcast::<Str>()
                && let Some(value) = this.get_attr_opt(py, text)?
            {
                slots.set(py, &name, &value)?;
            }
        }
        if !slots.is_empty() {
            state = Tuple::from_slice(py, &[&state, slots.as_object()])?.upcast();
        }
    }
    Ok(state)
}

/// `object.__getstate__()`.
pub(super) fn object_getstate(py: Attached<'_>, this: &Object) -> PyResult<Ref<Object>> {
    default_state(py, this, false)
}

fn state_of(py: Attached<'_>, this: &Object, required: bool) -> PyResult<Ref<Object>> {
    let method = this.get_attr(py, id!(py, __getstate__))?;
    let is_default = Object::type_object()
        .lookup(py, id!(py, __getstate__))
        .is_some_and(|ours| this.ty().lookup(py, id!(py, __getstate__)).is_some_and(|found| found.is(&*ours)));
    if is_default && method.as_object().downcast_exact::<crate::builtins::methodobject::CFunction>().is_some() {
        return default_state(py, this, required);
    }
    method.call0(py)
}

/// `(args, kwargs)` for `__new__`, from `__getnewargs_ex__` or `__getnewargs__`.
fn new_arguments(py: Attached<'_>, this: &Object) -> PyResult<Option<(Ref<Tuple>, Option<Ref<Dict>>)>> {
    if let Some(method) = this.lookup_special(py, id!(py, __getnewargs_ex__))? {
        let result = method.call0(py)?;
        let Some(pair) = result.as_object().downcast::<Tuple>() else {
            return Err(raise!(py, TypeError, "__getnewargs_ex__ should return a tuple, not '{}'", result.ty().name()));
        };
        let [args, kwargs] = pair.as_slice() else {
            return Err(raise!(
                py,
                ValueError,
                "__getnewargs_ex__ should return a tuple of length 2, not {}",
                pair.len()
            ));
        };
        let Some(args) = args.downcast::<Tuple>() else {
            return Err(raise!(
                py,
                TypeError,
                "first item of the tuple returned by __getnewargs_ex__ must be a tuple, not '{}'",
                args.ty().name()
            ));
        };
        let Some(kwargs) = kwargs.downcast::<Dict>() else {
            return Err(raise!(
                py,
                TypeError,
                "second item of the tuple returned by __getnewargs_ex__ must be a dict, not '{}'",
                kwargs.ty().name()
            ));
        };
        return Ok(Some((args.to_ref(), Some(kwargs.to_ref()))));
    }
    if let Some(method) = this.lookup_special(py, id!(py, __getnewargs__))? {
        return match method.call0(py)?.downcast::<Tuple>() {
            Ok(args) => Ok(Some((args, None))),
            Err(other) => {
                Err(raise!(py, TypeError, "__getnewargs__ should return a tuple, not '{}'", other.ty().name()))
            }
        };
    }
    Ok(None)
}

fn reduce_newobj(py: Attached<'_>, this: &Object) -> PyResult<Ref<Object>> {
    let class = this.ty();
    if class.as_type().tp_new.get().is_none() {
        return Err(raise!(py, TypeError, "cannot pickle '{}' object", class.name()));
    }
    let arguments = new_arguments(py, this)?;
    let has_args = arguments.is_some();
    let copyreg = copyreg(py)?;
    let (function, new_args): (Ref<Object>, Ref<Object>) = match arguments {
        Some((args, Some(kwargs))) if !kwargs.is_empty() => {
            let function = copyreg.get_attr(py, id!(py, __newobj_ex__))?;
            let all = Tuple::from_slice(py, &[class.as_object(), args.as_object(), kwargs.as_object()])?;
            (function, all.upcast())
        }
        arguments => {
            let function = copyreg.get_attr(py, id!(py, __newobj__))?;
            let mut all = vec![class.as_object()];
            if let Some((args, _)) = &arguments {
                all.extend(args.as_slice());
            }
            (function, Tuple::from_slice(py, &all)?.upcast())
        }
    };
    let is_list = this.downcast::<List>().is_some();
    let is_dict = this.downcast::<Dict>().is_some();
    let state = state_of(py, this, !has_args && !is_list && !is_dict)?;
    let list_items = if is_list { this.iter(py)? } else { crate::none() };
    let dict_items = if is_dict { this.call_method(py, id!(py, items), &[])?.iter(py)? } else { crate::none() };
    Ok(Tuple::from_slice(py, &[&function, &new_args, &state, &list_items, &dict_items])?.upcast())
}

fn common_reduce(py: Attached<'_>, this: &Object, protocol: isize) -> PyResult<Ref<Object>> {
    if protocol >= 2 {
        return reduce_newobj(py, this);
    }
    let protocol = Int::from_i64(py, protocol as i64)?;
    copyreg(py)?.call_method(py, id!(py, _reduce_ex), &[this, protocol.as_object()])
}

/// `object.__reduce__()`.
pub(super) fn object_reduce(py: Attached<'_>, this: &Object) -> PyResult<Ref<Object>> {
    common_reduce(py, this, 0)
}

/// `object.__reduce_ex__(protocol)`: an overridden `__reduce__` wins.
pub(super) fn object_reduce_ex(py: Attached<'_>, this: &Object, protocol: &Object) -> PyResult<Ref<Object>> {
    let protocol = protocol.as_isize(py)?;
    let name = id!(py, __reduce__);
    if let Some(reduce) = this.get_attr_opt(py, name)? {
        let class = this.get_attr(py, id!(py, __class__))?;
        let found = match class.downcast::<Type>() {
            Ok(class) => class.as_object().get_attr(py, name)?,
            Err(class) => class.get_attr(py, name)?,
        };
        let ours = Object::type_object().lookup(py, name);
        if !ours.is_some_and(|ours| ours.is(&*found)) {
            return reduce.call0(py);
        }
    }
    common_reduce(py, this, protocol)
}
