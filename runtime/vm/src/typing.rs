//! Type parameters and aliases: the objects of `_typing`.
use krait_object::hooks::hooks;
use krait_object::{Attached, Object, PyResult, Ref, Str, Tuple, id};

/// An attribute of the native part of `typing`.
fn member(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    let module = (hooks().import)(py, "_typing")?;
    let name = Str::new(py, name)?;
    module.get_attr(py, &name)
}

fn call(py: Attached<'_>, name: &str, args: &[&Object]) -> PyResult<Ref<Object>> {
    member(py, name)?.call_pos(py, args)
}

/// A type variable with a lazily evaluated bound or tuple of constraints.
pub fn type_var(
    py: Attached<'_>,
    name: &Object,
    bound: Option<&Object>,
    constraints: Option<&Object>,
) -> PyResult<Ref<Object>> {
    let none = krait_object::none();
    call(py, "_make_typevar", &[name, bound.unwrap_or(&none), constraints.unwrap_or(&none)])
}

pub fn param_spec(py: Attached<'_>, name: &Object) -> PyResult<Ref<Object>> {
    call(py, "_make_paramspec", &[name])
}

pub fn type_var_tuple(py: Attached<'_>, name: &Object) -> PyResult<Ref<Object>> {
    call(py, "_make_typevartuple", &[name])
}

/// `Generic[parameters]`.
pub fn subscript_generic(py: Attached<'_>, parameters: &Object) -> PyResult<Ref<Object>> {
    call(py, "_subscript_generic", &[parameters])
}

/// A `type` statement: name, type parameters, value function.
pub fn type_alias(py: Attached<'_>, parts: &Object) -> PyResult<Ref<Object>> {
    let Some(parts) = parts.downcast::<Tuple>() else { return Err(py.bad_internal_call()) };
    call(py, "_make_typealias", parts.as_slice())
}

/// Sets the lazily evaluated default of a type parameter.
pub fn set_default(py: Attached<'_>, parameter: &Object, default: &Object) -> PyResult<Ref<Object>> {
    call(py, "_set_typeparam_default", &[parameter, default])
}

/// `origin[item]` of a builtin generic class.
pub fn generic_alias(py: Attached<'_>, origin: &Object, item: &Object) -> PyResult<Ref<Object>> {
    let types = (hooks().import)(py, "types")?;
    let alias = types.get_attr(py, id!(py, GenericAlias))?;
    alias.call_pos(py, &[origin, item])
}
