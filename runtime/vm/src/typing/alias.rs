//! `TypeAliasType` and `Generic`.
use super::{caller, evaluator, helper, lazy, unpack, unpacked};
use krait_object::args::{Args, Signature};
use krait_object::genericaliasobject::GenericAlias;
use krait_object::layout::PyObject;
use krait_object::typedef::member;
use krait_object::{
    Attached, Function, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit, id, mem, none, raise,
};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// What a `type` statement makes.
#[repr(C)]
pub struct TypeAliasType {
    head: PyObject,
    name: Slot,
    params: Slot<Tuple>,
    compute: Slot,
    value: Slot,
    module: Slot,
}

krait_object::pytype! {
    pub static TypeAliasType_Type: "typing.TypeAliasType" for TypeAliasType {
        base: Object,
        flags: [HAVE_GC],
        doc: "A type alias, as the type statement makes it.",
        slots: {
            tp_dealloc = TypeAliasType::dealloc,
            tp_traverse = TypeAliasType::traverse,
            tp_clear = TypeAliasType::clear,
            tp_repr = TypeAliasType::repr,
            tp_new = TypeAliasType::construct,
            tp_iter = TypeAliasType::iter,
            mp_subscript = TypeAliasType::subscript,
            nb_or = krait_object::unionobject::type_or,
        },
        methods: {
            noargs "__reduce__" => TypeAliasType::reduce, "($self, /)", "Pickled by name.";
        },
        getset: {
            "__parameters__" => TypeAliasType::parameters, "The type parameters, unpacked.";
            "__type_params__" => TypeAliasType::type_params, "The type parameters.";
            "__value__" => TypeAliasType::get_value, "The aliased type.";
            "evaluate_value" => TypeAliasType::evaluate_value, "The function that gives the aliased type.";
            "__module__" => TypeAliasType::module, "The module of the statement.";
        },
        members: [member("__name__\0", 6, offset_of!(TypeAliasType, name), 1, c"")],
    }
}

impl TypeAliasType {
    pub(super) fn lazy(
        py: Attached<'_>,
        name: &Object,
        params: Option<&Tuple>,
        compute: &Object,
    ) -> PyResult<Ref<TypeAliasType>> {
        mem::new_instance::<TypeAliasType>(py, Self::type_object(), |this| {
            drop(this.name.replace(Some(name.to_ref())));
            drop(this.params.replace(params.filter(|params| !params.is_empty()).map(Layout::to_ref)));
            drop(this.compute.replace(Some(compute.to_ref())));
        })
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<TypeAliasType>> {
        static SIG: Signature = Signature::parse("typealias", "(name, value, *, type_params=())");
        let [Some(name), Some(value), params] = SIG.bind::<3>(py, args)? else { return Err(py.bad_internal_call()) };
        if name.downcast::<Str>().is_none() {
            let given = krait_object::builtins::textargs::arg_type(name);
            return Err(raise!(py, TypeError, "typealias() argument 'name' must be str, not {given}"));
        }
        let params = match params {
            None => None,
            Some(params) => match params.downcast::<Tuple>() {
                Some(params) => Some(params),
                None => return Err(raise!(py, TypeError, "type_params must be a tuple")),
            },
        };
        check_params(py, params)?;
        let module = caller(py)?;
        mem::new_instance::<TypeAliasType>(py, Self::type_object(), |this| {
            drop(this.name.replace(Some(name.to_ref())));
            drop(this.params.replace(params.filter(|params| !params.is_empty()).map(Layout::to_ref)));
            drop(this.value.replace(Some(value.to_ref())));
            drop(this.module.replace(Some(module)));
        })
    }

    fn repr(_py: Attached<'_>, this: &Self) -> Option<Ref<Object>> {
        this.name.get()
    }

    fn reduce(_py: Attached<'_>, this: &Self) -> Option<Ref<Object>> {
        this.name.get()
    }

    fn iter(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        let items = Tuple::from_vec(py, vec![unpack(py, this.as_object())?])?;
        items.as_object().iter(py)
    }

    fn subscript(py: Attached<'_>, this: &Self, args: &Object) -> PyResult<Ref<GenericAlias>> {
        if this.params.is_null() {
            return Err(raise!(py, TypeError, "Only generic type aliases are subscriptable"));
        }
        GenericAlias::new(py, this.as_object(), args)
    }

    fn parameters(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        match this.params.get() {
            Some(params) => unpacked(py, &params),
            None => Ok(Tuple::empty(py)),
        }
    }

    fn type_params(py: Attached<'_>, this: &Self) -> Ref<Tuple> {
        this.params.get().unwrap_or_else(|| Tuple::empty(py))
    }

    fn get_value(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        Ok(lazy(py, &this.value, &this.compute)?.unwrap_or_else(none))
    }

    fn evaluate_value(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        evaluator(py, &this.value, &this.compute)
    }

    fn module(py: Attached<'_>, this: &Self) -> PyResult<Option<Ref<Object>>> {
        if let Some(module) = this.module.get() {
            return Ok(Some(module));
        }
        match this.compute.get() {
            Some(compute) if compute.as_object().downcast::<Function>().is_some() => {
                compute.get_attr(py, id!(py, __module__)).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        [&this.name, &this.compute, &this.value, &this.module].into_iter().try_for_each(|slot| visit.slot(slot))?;
        visit.slot(&this.params)
    }

    fn clear(_py: Attached<'_>, this: &Self) {
        [&this.name, &this.compute, &this.value, &this.module].into_iter().for_each(|slot| drop(slot.take()));
        drop(this.params.take());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, |this| Self::clear(py, this)) }
    }
}

/// Only type parameters, and none without a default after one with.
fn check_params(py: Attached<'_>, params: Option<&Tuple>) -> PyResult<()> {
    let mut seen_default = false;
    for param in params.map_or(&[][..], Tuple::as_slice) {
        let known = param.downcast_exact::<super::TypeVar>().is_some()
            || param.downcast_exact::<super::ParamSpec>().is_some()
            || param.downcast_exact::<super::TypeVarTuple>().is_some();
        let default = match param.get_attr_opt(py, id!(py, has_default))? {
            Some(has_default) if known => has_default.call0(py)?.is_true(py)?,
            Some(_) | None if known => false,
            _ => {
                let shown = param.repr(py)?;
                return Err(raise!(py, TypeError, "Expected a type param, got {shown}"));
            }
        };
        if !default && seen_default {
            let shown = param.repr(py)?;
            return Err(raise!(py, TypeError, "non-default type parameter '{shown}' follows default type parameter"));
        }
        seen_default |= default;
    }
    Ok(())
}

/// The base of generic classes.
#[repr(C)]
pub struct Generic {
    head: PyObject,
}

krait_object::pytype! {
    pub static Generic_Type: "typing.Generic" for Generic {
        base: Object,
        flags: [BASETYPE],
        doc: "The base of generic classes; a class with type parameters has it implicitly.",
        slots: {
            raw tp_new = Some(krait_object::object::slot_object_new),
        },
        methods: {
            class raw "__class_getitem__" => Generic::class_getitem, "", "Parameterises the class.";
            class raw "__init_subclass__" => Generic::init_subclass, "", "Checks a subclass's parameters.";
        },
    }
}

impl Generic {
    fn class_getitem(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let mut pos = vec![class.as_object()];
        pos.extend(args.pos);
        helper(py, "_generic_class_getitem", &pos)
    }

    fn init_subclass(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let module = (krait_object::hooks::hooks().import)(py, "typing")?;
        let function = module.get_attr(py, id!(py, _generic_init_subclass))?;
        let mut pos = vec![class.as_object()];
        pos.extend(args.pos);
        function.call(py, Args { pos: &pos, names: args.names, values: args.values })
    }
}
