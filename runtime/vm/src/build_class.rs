//! `__build_class__`: what a `class` statement calls.
use krait_object::args::Args;
use krait_object::{Attached, Cell, Dict, Function, Layout, Object, PyResult, Ref, Str, Tuple, Type, id, raise};

/// Replaces bases that have `__mro_entries__`.
pub fn resolve_bases(py: Attached<'_>, bases: &Tuple) -> PyResult<Option<Ref<Tuple>>> {
    let mut resolved: Option<Vec<Ref<Object>>> = None;
    for (at, base) in bases.as_slice().iter().enumerate() {
        let entries =
            if base.downcast::<Type>().is_some() { None } else { base.get_attr_opt(py, id!(py, __mro_entries__))? };
        let Some(entries) = entries else {
            if let Some(resolved) = &mut resolved {
                resolved.push(base.to_ref());
            }
            continue;
        };
        let replacement = entries.call_pos(py, &[bases.as_object()])?;
        let Some(replacement) = replacement.as_object().downcast::<Tuple>() else {
            return Err(raise!(py, TypeError, "__mro_entries__ must return a tuple"));
        };
        let list = resolved.get_or_insert_with(|| bases.as_slice()[..at].iter().map(|base| base.to_ref()).collect());
        list.extend(replacement.as_slice().iter().map(|base| base.to_ref()));
    }
    resolved.map(|bases| Tuple::from_vec(py, bases)).transpose()
}

/// The most derived of a metaclass and the metaclasses of the bases.
pub fn most_derived<'a>(py: Attached<'_>, meta: &'a Type, bases: &'a Tuple) -> PyResult<&'a Type> {
    let mut winner = meta;
    for base in bases.as_slice() {
        let candidate = base.ty();
        if winner.is_subtype_of(candidate) {
            continue;
        }
        if !candidate.is_subtype_of(winner) {
            return Err(raise!(
                py,
                TypeError,
                "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the \
                 metaclasses of all its bases"
            ));
        }
        winner = candidate;
    }
    Ok(winner)
}

/// `__build_class__(function, name, /, *bases, metaclass=None, **kwds)`.
pub fn build_class(py: Attached<'_>, args: Args<'_>) -> PyResult<Ref<Object>> {
    let [function, name, given_bases @ ..] = args.pos else {
        return Err(raise!(py, TypeError, "__build_class__: not enough arguments"));
    };
    let Some(function) = function.downcast_exact::<Function>() else {
        return Err(raise!(py, TypeError, "__build_class__: func must be a function"));
    };
    if name.downcast::<Str>().is_none() {
        return Err(raise!(py, TypeError, "__build_class__: name is not a string"));
    }
    let original = Tuple::from_slice(py, given_bases)?;
    let resolved = resolve_bases(py, &original)?;
    let bases = resolved.as_ref().unwrap_or(&original);
    let mut keywords: Vec<(&Object, &Object)> = Vec::new();
    let mut metaclass = None;
    for (key, value) in args.names.iter().zip(args.values) {
        if key.downcast::<Str>().is_some_and(|key| key.eq_str("metaclass")) {
            metaclass = Some(value.to_ref());
        } else {
            keywords.push((key, value));
        }
    }
    let mut metaclass = match metaclass {
        Some(metaclass) => metaclass,
        None => match bases.as_slice().first() {
            Some(base) => base.ty().as_object().to_ref(),
            None => Type::type_object().as_object().to_ref(),
        },
    };
    let is_class = metaclass.as_object().downcast::<Type>().is_some();
    if let Some(meta) = metaclass.as_object().downcast::<Type>() {
        let winner = most_derived(py, meta, bases)?;
        metaclass = winner.as_object().to_ref();
    }
    let names: Vec<&Object> = keywords.iter().map(|(key, _)| *key).collect();
    let values: Vec<&Object> = keywords.iter().map(|(_, value)| *value).collect();
    let namespace = match metaclass.get_attr_opt(py, id!(py, __prepare__))? {
        None => Dict::new(py)?.upcast(),
        Some(prepare) => prepare.call(py, Args { pos: &[*name, bases.as_object()], names: &names, values: &values })?,
    };
    // SAFETY: the table lives as long as the type.
    let mapping = unsafe { namespace.ty().as_type().tp_as_mapping.get().as_ref() };
    if mapping.is_none_or(|table| table.mp_subscript.get().is_none()) {
        let meta = match metaclass.as_object().downcast::<Type>() {
            Some(meta) => meta.name().into_owned(),
            None => "<metaclass>".to_owned(),
        };
        let given = namespace.ty().name();
        return Err(raise!(py, TypeError, "{meta}.__prepare__() must return a mapping, not {given}"));
    }
    let closure = function.closure_slot().get();
    let cell = run_body(py, function, &namespace, closure.as_deref())?;
    if resolved.is_some() {
        namespace.set_item(py, id!(py, __orig_bases__).as_object(), original.as_object())?;
    }
    let pos = [*name, bases.as_object(), &*namespace];
    let class = metaclass.call(py, Args { pos: &pos, names: &names, values: &values })?;
    let _ = is_class;
    if let (Some(cell), Some(_)) = (cell.as_object().downcast_exact::<Cell>(), class.as_object().downcast::<Type>()) {
        match cell.get() {
            None => {
                let (name, class) = (name.repr(py)?, class.repr(py)?);
                return Err(raise!(
                    py,
                    RuntimeError,
                    "__class__ not set defining {name} as {class}. Was __classcell__ propagated to type.__new__?"
                ));
            }
            Some(set) if !set.is(&*class) => {
                let (set, name, class) = (set.repr(py)?, name.repr(py)?, class.repr(py)?);
                return Err(raise!(py, TypeError, "__class__ set to {set} defining {name} as {class}"));
            }
            Some(_) => {}
        }
    }
    Ok(class)
}

/// Runs the class body in `namespace`; returns the `__class__` cell or None.
fn run_body(
    py: Attached<'_>,
    function: &Function,
    namespace: &Object,
    closure: Option<&Tuple>,
) -> PyResult<Ref<Object>> {
    let _ = closure;
    let function = crate::stackref::StackRef::owned(function.to_ref());
    // SAFETY: a Python function without arguments.
    unsafe { crate::eval::entry::call_words(py, function, Some(namespace.to_ref()), std::ptr::null(), 0, None) }
}
