//! Type parameters and aliases: `_typing`, and what the compiler's intrinsics make of them.
//!
//! Bounds, constraints, defaults and alias values are computed by functions on first use.
//!
//! Concurrency: a computed value is published once; two threads that compute at the same time agree on the last one.
mod alias;
mod params;

pub use alias::{Generic, TypeAliasType};
pub use params::{ConstEvaluator, NoDefaultObject, ParamSpec, ParamSpecArgs, ParamSpecKwargs, TypeVar, TypeVarTuple};

use krait_object::genericaliasobject::GenericAlias;
use krait_object::hooks::hooks;
use krait_object::{Attached, Int, Layout, Module, Object, PyResult, Ref, Slot, Str, Tuple, id, none};

/// A function of the Python half of `typing`.
fn helper(py: Attached<'_>, name: &str, args: &[&Object]) -> PyResult<Ref<Object>> {
    let module = (hooks().import)(py, "typing")?;
    let name = Str::new(py, name)?;
    module.get_attr(py, &name)?.call_pos(py, args)
}

/// The module that the running code belongs to, for `__module__`.
fn caller(py: Attached<'_>) -> PyResult<Ref<Object>> {
    let globals = (hooks().current_globals)(py);
    match globals {
        Some(globals) => Ok(globals.get_item_opt(py, id!(py, __name__).as_object())?.unwrap_or_else(none)),
        None => Ok(none()),
    }
}

/// The value in a slot, or what the evaluator beside it gives.
fn lazy(py: Attached<'_>, value: &Slot, evaluate: &Slot) -> PyResult<Option<Ref<Object>>> {
    if let Some(value) = value.get() {
        return Ok(Some(value));
    }
    let Some(evaluate) = evaluate.get() else { return Ok(None) };
    let format = Int::from_i64(py, 1)?;
    let computed = evaluate.call_pos(py, &[format.as_object()])?;
    drop(value.replace(Some(computed.clone())));
    Ok(Some(computed))
}

/// The evaluator, or one that gives the value that is there already.
fn evaluator(py: Attached<'_>, value: &Slot, evaluate: &Slot) -> PyResult<Ref<Object>> {
    if let Some(evaluate) = evaluate.get() {
        return Ok(evaluate);
    }
    match value.get() {
        Some(value) => Ok(ConstEvaluator::new(py, &value)?.upcast()),
        None => Ok(none()),
    }
}

/// A type variable with a lazily evaluated bound or tuple of constraints.
pub fn type_var(
    py: Attached<'_>,
    name: &Object,
    bound: Option<&Object>,
    constraints: Option<&Object>,
) -> PyResult<Ref<Object>> {
    Ok(TypeVar::lazy(py, name, bound, constraints)?.upcast())
}

pub fn param_spec(py: Attached<'_>, name: &Object) -> PyResult<Ref<Object>> {
    Ok(ParamSpec::lazy(py, name)?.upcast())
}

pub fn type_var_tuple(py: Attached<'_>, name: &Object) -> PyResult<Ref<Object>> {
    Ok(TypeVarTuple::lazy(py, name)?.upcast())
}

/// A tuple of type parameters with each `TypeVarTuple` replaced by `Unpack[it]`.
fn unpacked(py: Attached<'_>, params: &Tuple) -> PyResult<Ref<Tuple>> {
    let mut items = Vec::with_capacity(params.len());
    for param in params.as_slice() {
        items.push(match param.downcast_exact::<TypeVarTuple>() {
            Some(_) => unpack(py, param)?,
            None => param.to_ref(),
        });
    }
    Tuple::from_vec(py, items)
}

/// `typing.Unpack[object]`.
fn unpack(py: Attached<'_>, object: &Object) -> PyResult<Ref<Object>> {
    let module = (hooks().import)(py, "typing")?;
    module.get_attr(py, id!(py, Unpack))?.get_item(py, object)
}

/// `Generic[parameters]`.
pub fn subscript_generic(py: Attached<'_>, parameters: &Object) -> PyResult<Ref<Object>> {
    let Some(parameters) = parameters.downcast::<Tuple>() else { return Err(py.bad_internal_call()) };
    let parameters = unpacked(py, parameters)?;
    helper(py, "_GenericAlias", &[Generic::type_object().as_object(), parameters.as_object()])
}

/// A `type` statement: name, type parameters, value function.
pub fn type_alias(py: Attached<'_>, parts: &Object) -> PyResult<Ref<Object>> {
    let Some([name, params, compute]) = parts.downcast::<Tuple>().map(Tuple::as_slice) else {
        return Err(py.bad_internal_call());
    };
    let params = params.downcast::<Tuple>();
    Ok(TypeAliasType::lazy(py, name, params, compute)?.upcast())
}

/// Sets the lazily evaluated default of a type parameter.
pub fn set_default(py: Attached<'_>, parameter: &Object, default: &Object) -> PyResult<Ref<Object>> {
    let slot = if let Some(parameter) = parameter.downcast_exact::<TypeVar>() {
        parameter.evaluate_default_slot()
    } else if let Some(parameter) = parameter.downcast_exact::<ParamSpec>() {
        parameter.evaluate_default_slot()
    } else if let Some(parameter) = parameter.downcast_exact::<TypeVarTuple>() {
        parameter.evaluate_default_slot()
    } else {
        return Err(py.bad_internal_call());
    };
    drop(slot.replace(Some(default.to_ref())));
    Ok(parameter.to_ref())
}

/// `origin[item]` of a builtin generic class.
pub fn generic_alias(py: Attached<'_>, origin: &Object, item: &Object) -> PyResult<Ref<Object>> {
    Ok(GenericAlias::new(py, origin, item)?.upcast())
}

/// Fills `_typing`.
pub fn fill_module(py: Attached<'_>, module: &Module) -> PyResult<()> {
    for ty in [
        TypeVar::type_object(),
        ParamSpec::type_object(),
        ParamSpecArgs::type_object(),
        ParamSpecKwargs::type_object(),
        TypeVarTuple::type_object(),
        TypeAliasType::type_object(),
        Generic::type_object(),
    ] {
        module.add(py, &ty.short_name(), ty.as_object())?;
    }
    module.add(py, "Union", krait_object::unionobject::Union::type_object().as_object())?;
    module.add(py, "NoDefault", params::no_default())?;
    let functions = krait_object::functions! {
        o "_idfunc" => |_: Attached<'_>, _: &Object, value: &Object| value.to_ref(), "($module, x, /)", "Returns its argument.";
    };
    module.add_functions(py, functions)
}
