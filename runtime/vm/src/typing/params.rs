//! `TypeVar`, `ParamSpec`, `TypeVarTuple`, `NoDefault`.
use super::{caller, evaluator, helper, lazy, unpack};
use krait_object::args::{Args, Signature};
use krait_object::layout::{Field, PyObject};
use krait_object::typedef::{CompareOp, member};
use krait_object::{Attached, Bool, Dict, Layout, Object, PyResult, Ref, Slot, Str, Tuple, Type, Visit};
use krait_object::{id, mem, none, not_implemented, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout that the three kinds of type parameters share.
#[repr(C)]
pub struct ParamObject {
    head: PyObject,
    name: Slot,
    bound: Slot,
    evaluate_bound: Slot,
    constraints: Slot,
    evaluate_constraints: Slot,
    default: Slot,
    evaluate_default: Slot,
    dict: Slot<Dict>,
    weakrefs: Field<*mut PyObject>,
    covariant: Field<u8>,
    contravariant: Field<u8>,
    infer_variance: Field<u8>,
}

/// A type variable.
#[repr(transparent)]
pub struct TypeVar(ParamObject);
/// A parameter specification.
#[repr(transparent)]
pub struct ParamSpec(ParamObject);
/// A type variable tuple.
#[repr(transparent)]
pub struct TypeVarTuple(ParamObject);

krait_object::pytype! {
    pub static TypeVar_Type: "typing.TypeVar" for TypeVar {
        base: Object,
        flags: [HAVE_GC],
        doc: "A type variable: stands for one type in generic classes, functions and aliases.",
        slots: {
            tp_dealloc = TypeVar::dealloc,
            tp_traverse = TypeVar::traverse,
            tp_clear = TypeVar::clear,
            tp_repr = TypeVar::repr,
            tp_new = TypeVar::construct,
            nb_or = krait_object::unionobject::union_or,
            raw tp_dictoffset = offset_of!(ParamObject, dict) as isize,
            raw tp_weaklistoffset = offset_of!(ParamObject, weakrefs) as isize,
        },
        methods: {
            o "__typing_subst__" => TypeVar::subst, "($self, arg, /)", "Checks an argument for this parameter.";
            raw "__typing_prepare_subst__" => TypeVar::prepare_subst, "($self, alias, args, /)", "Fills in a default.";
            noargs "__reduce__" => TypeVar::reduce, "($self, /)", "Pickled by name.";
            noargs "has_default" => TypeVar::has_default, "($self, /)", "Whether there is a default.";
            raw "__mro_entries__" => TypeVar::mro_entries, "($self, object, /)", "Refuses to be a base.";
        },
        getset: {
            "__bound__" => TypeVar::bound, "The upper bound, or None.";
            "__constraints__" => TypeVar::constraints, "The types that it is limited to.";
            "__default__" => TypeVar::default, "The default, or NoDefault.";
            "evaluate_bound" => TypeVar::evaluate_bound, "The function that gives the bound.";
            "evaluate_constraints" => TypeVar::evaluate_constraints, "The function that gives the constraints.";
            "evaluate_default" => TypeVar::evaluate_default, "The function that gives the default.";
        },
        members: [
            member("__name__\0", T_OBJECT, offset_of!(ParamObject, name), READONLY, c""),
            member("__covariant__\0", T_BOOL, offset_of!(ParamObject, covariant), READONLY, c""),
            member("__contravariant__\0", T_BOOL, offset_of!(ParamObject, contravariant), READONLY, c""),
            member("__infer_variance__\0", T_BOOL, offset_of!(ParamObject, infer_variance), READONLY, c""),
        ],
    }
}

krait_object::pytype! {
    pub static ParamSpec_Type: "typing.ParamSpec" for ParamSpec {
        base: Object,
        flags: [HAVE_GC],
        doc: "A parameter specification: stands for the parameters of a callable.\n\n    >>> P = ParamSpec('P')\n    >>> P.__name__\n    'P'\n    >>> Callable[P, int][[str, bytes]]\n    typing.Callable[[str, bytes], int]",
        slots: {
            tp_dealloc = ParamSpec::dealloc,
            tp_traverse = ParamSpec::traverse,
            tp_clear = ParamSpec::clear,
            tp_repr = ParamSpec::repr,
            tp_new = ParamSpec::construct,
            nb_or = krait_object::unionobject::union_or,
            raw tp_dictoffset = offset_of!(ParamObject, dict) as isize,
            raw tp_weaklistoffset = offset_of!(ParamObject, weakrefs) as isize,
        },
        methods: {
            o "__typing_subst__" => ParamSpec::subst, "($self, arg, /)", "Checks an argument for this parameter.";
            raw "__typing_prepare_subst__" => ParamSpec::prepare_subst, "($self, alias, args, /)", "Fills in a default.";
            noargs "__reduce__" => ParamSpec::reduce, "($self, /)", "Pickled by name.";
            noargs "has_default" => ParamSpec::has_default, "($self, /)", "Whether there is a default.";
            raw "__mro_entries__" => ParamSpec::mro_entries, "($self, object, /)", "Refuses to be a base.";
        },
        getset: {
            "args" => ParamSpec::args, "Its positional arguments.";
            "kwargs" => ParamSpec::kwargs, "Its keyword arguments.";
            "__default__" => ParamSpec::default, "The default, or NoDefault.";
            "evaluate_default" => ParamSpec::evaluate_default, "The function that gives the default.";
        },
        members: [
            member("__name__\0", T_OBJECT, offset_of!(ParamObject, name), READONLY, c""),
            member("__bound__\0", T_OBJECT, offset_of!(ParamObject, bound), READONLY, c""),
            member("__covariant__\0", T_BOOL, offset_of!(ParamObject, covariant), READONLY, c""),
            member("__contravariant__\0", T_BOOL, offset_of!(ParamObject, contravariant), READONLY, c""),
            member("__infer_variance__\0", T_BOOL, offset_of!(ParamObject, infer_variance), READONLY, c""),
        ],
    }
}

krait_object::pytype! {
    pub static TypeVarTuple_Type: "typing.TypeVarTuple" for TypeVarTuple {
        base: Object,
        flags: [HAVE_GC],
        doc: "A type variable tuple: stands for any number of types.",
        slots: {
            tp_dealloc = TypeVarTuple::dealloc,
            tp_traverse = TypeVarTuple::traverse,
            tp_clear = TypeVarTuple::clear,
            tp_repr = TypeVarTuple::repr,
            tp_new = TypeVarTuple::construct,
            tp_iter = TypeVarTuple::iter,
            raw tp_dictoffset = offset_of!(ParamObject, dict) as isize,
            raw tp_weaklistoffset = offset_of!(ParamObject, weakrefs) as isize,
        },
        methods: {
            o "__typing_subst__" => TypeVarTuple::subst, "($self, arg, /)", "Refuses to be substituted bare.";
            raw "__typing_prepare_subst__" => TypeVarTuple::prepare_subst, "($self, alias, args, /)", "Packs the arguments that it takes.";
            noargs "__reduce__" => TypeVarTuple::reduce, "($self, /)", "Pickled by name.";
            noargs "has_default" => TypeVarTuple::has_default, "($self, /)", "Whether there is a default.";
            raw "__mro_entries__" => TypeVarTuple::mro_entries, "($self, object, /)", "Refuses to be a base.";
        },
        getset: {
            "__default__" => TypeVarTuple::default, "The default, or NoDefault.";
            "evaluate_default" => TypeVarTuple::evaluate_default, "The function that gives the default.";
        },
        members: [member("__name__\0", T_OBJECT, offset_of!(ParamObject, name), READONLY, c"")],
    }
}

macro_rules! common {
    ($ty:ident) => {
        impl $ty {
            fn make(py: Attached<'_>, name: &Object, module: Option<&Object>) -> PyResult<Ref<$ty>> {
                let made = mem::new_instance::<$ty>(py, $ty::type_object(), |this| {
                    drop(this.0.name.replace(Some(name.to_ref())));
                })?;
                if let Some(module) = module {
                    made.as_object().set_attr(py, id!(py, __module__), Some(module))?;
                }
                Ok(made)
            }

            pub(super) fn evaluate_default_slot(&self) -> &Slot {
                &self.0.evaluate_default
            }

            fn default(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
                let value = lazy(py, &this.0.default, &this.0.evaluate_default)?;
                Ok(value.unwrap_or_else(|| no_default().to_ref()))
            }

            fn evaluate_default(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
                evaluator(py, &this.0.default, &this.0.evaluate_default)
            }

            fn has_default(_py: Attached<'_>, this: &Self) -> bool {
                !this.0.evaluate_default.is_null() || !this.0.default.is_null()
            }

            /// Stores a default given to the constructor.
            fn set_default(&self, default: Option<&Object>) {
                if let Some(default) = default.filter(|default| !default.is(no_default())) {
                    drop(self.0.default.replace(Some(default.to_ref())));
                }
            }

            fn reduce(_py: Attached<'_>, this: &Self) -> Option<Ref<Object>> {
                this.0.name.get()
            }

            fn mro_entries(py: Attached<'_>, _this: &Self, _args: Args<'_>) -> PyResult<()> {
                Err(raise!(py, TypeError, "Cannot subclass an instance of {}", stringify!($ty)))
            }

            fn text(&self, py: Attached<'_>) -> PyResult<String> {
                match self.0.name.get() {
                    Some(name) => Ok(name.str(py)?.to_string_lossy().into_owned()),
                    None => Ok(String::new()),
                }
            }

            fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
                this.0.slots().into_iter().try_for_each(|slot| visit.slot(slot))?;
                visit.slot(&this.0.dict)
            }

            fn clear(_py: Attached<'_>, this: &Self) {
                this.0.slots().into_iter().for_each(|slot| drop(slot.take()));
                drop(this.0.dict.take());
            }

            unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
                // SAFETY: [slot-contract].
                unsafe { mem::dealloc_with(py, this, |this| Self::clear(py, this)) }
            }
        }
    };
}

common!(TypeVar);
common!(ParamSpec);
common!(TypeVarTuple);

impl ParamObject {
    fn slots(&self) -> [&Slot; 7] {
        [
            &self.name,
            &self.bound,
            &self.evaluate_bound,
            &self.constraints,
            &self.evaluate_constraints,
            &self.default,
            &self.evaluate_default,
        ]
    }

    fn set_variance(&self, py: Attached<'_>, flags: [Option<&Object>; 3]) -> PyResult<()> {
        let mut given = [false; 3];
        for (given, flag) in given.iter_mut().zip(flags) {
            *given = flag.map_or(Ok(false), |flag| flag.is_true(py))?;
        }
        let [covariant, contravariant, infer] = given;
        if covariant && contravariant {
            return Err(raise!(py, ValueError, "Bivariant types are not supported."));
        }
        if infer && (covariant || contravariant) {
            return Err(raise!(py, ValueError, "Variance cannot be specified with infer_variance."));
        }
        self.covariant.set(covariant.into());
        self.contravariant.set(contravariant.into());
        self.infer_variance.set(infer.into());
        Ok(())
    }

    fn variance_mark(&self) -> &'static str {
        match () {
            () if self.infer_variance.get() != 0 => "",
            () if self.covariant.get() != 0 => "+",
            () if self.contravariant.get() != 0 => "-",
            () => "~",
        }
    }
}

/// The name argument of a constructor.
fn check_name<'a>(py: Attached<'_>, what: &str, name: Option<&'a Object>) -> PyResult<&'a Object> {
    match name {
        Some(name) if name.downcast::<Str>().is_some() => Ok(name),
        Some(name) => {
            let given = krait_object::builtins::textargs::arg_type(name);
            Err(raise!(py, TypeError, "{what}() argument 'name' must be str, not {given}"))
        }
        None => Err(raise!(py, TypeError, "{what}() missing required argument 'name' (pos 1)")),
    }
}

/// Checks a bound by the rules of `typing`.
fn checked_type(py: Attached<'_>, bound: &Object) -> PyResult<Ref<Object>> {
    let message = Str::new(py, "Bound must be a type.")?;
    helper(py, "_type_check", &[bound, message.as_object()])
}

impl TypeVar {
    /// A type variable of the new syntax.
    pub(super) fn lazy(
        py: Attached<'_>,
        name: &Object,
        bound: Option<&Object>,
        constraints: Option<&Object>,
    ) -> PyResult<Ref<TypeVar>> {
        let module = caller(py)?;
        let made = Self::make(py, name, Some(&module))?;
        drop(made.0.evaluate_bound.replace(bound.map(Object::to_ref)));
        drop(made.0.evaluate_constraints.replace(constraints.map(Object::to_ref)));
        made.0.infer_variance.set(1);
        Ok(made)
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<TypeVar>> {
        static SIG: Signature = Signature::parse(
            "typevar",
            "(name, *, bound=None, default=NoDefault, covariant=False, contravariant=False, infer_variance=False)",
        );
        let (head, constraints) = args.pos.split_at(args.pos.len().min(1));
        let [name, bound, default, covariant, contravariant, infer] =
            SIG.bind::<6>(py, Args { pos: head, names: args.names, values: args.values })?;
        let name = check_name(py, "typevar", name)?;
        let bound = match bound.filter(|bound| !bound.is_none()) {
            Some(bound) => Some(checked_type(py, bound)?),
            None => None,
        };
        if constraints.len() == 1 {
            return Err(raise!(py, TypeError, "A single constraint is not allowed"));
        }
        if !constraints.is_empty() && bound.is_some() {
            return Err(raise!(py, TypeError, "Constraints cannot be combined with bound=..."));
        }
        let module = caller(py)?;
        let made = Self::make(py, name, Some(&module))?;
        made.0.set_variance(py, [covariant, contravariant, infer])?;
        drop(made.0.bound.replace(Some(bound.unwrap_or_else(none))));
        drop(made.0.constraints.replace(Some(Tuple::from_slice(py, constraints)?.upcast())));
        made.set_default(default);
        Ok(made)
    }

    fn repr(py: Attached<'_>, this: &TypeVar) -> PyResult<String> {
        Ok(format!("{}{}", this.0.variance_mark(), this.text(py)?))
    }

    fn bound(py: Attached<'_>, this: &TypeVar) -> PyResult<Option<Ref<Object>>> {
        lazy(py, &this.0.bound, &this.0.evaluate_bound)
    }

    fn constraints(py: Attached<'_>, this: &TypeVar) -> PyResult<Ref<Object>> {
        let value = lazy(py, &this.0.constraints, &this.0.evaluate_constraints)?;
        Ok(value.unwrap_or_else(|| Tuple::empty(py).upcast()))
    }

    fn evaluate_bound(py: Attached<'_>, this: &TypeVar) -> PyResult<Ref<Object>> {
        if this.0.bound.get().is_some_and(|bound| bound.is_none()) {
            return Ok(none());
        }
        evaluator(py, &this.0.bound, &this.0.evaluate_bound)
    }

    fn evaluate_constraints(py: Attached<'_>, this: &TypeVar) -> PyResult<Ref<Object>> {
        let empty = |value: Ref<Object>| value.as_object().downcast::<Tuple>().is_some_and(Tuple::is_empty);
        if this.0.constraints.get().is_some_and(empty) {
            return Ok(none());
        }
        evaluator(py, &this.0.constraints, &this.0.evaluate_constraints)
    }

    fn subst(py: Attached<'_>, this: &TypeVar, arg: &Object) -> PyResult<Ref<Object>> {
        helper(py, "_typevar_subst", &[this.as_object(), arg])
    }

    fn prepare_subst(py: Attached<'_>, this: &TypeVar, args: Args<'_>) -> PyResult<Ref<Object>> {
        let pos = args.unpack(py, "__typing_prepare_subst__", 2, 2)?;
        let (alias, given) = (pos[0], pos[1]);
        let params = alias.get_attr(py, id!(py, __parameters__))?;
        let len = given.sequence_len(py)?;
        let Some(index) = params.collect(py)?.iter().position(|param| param.is(this)) else {
            return Err(raise!(py, ValueError, "sequence.index(x): x not in sequence"));
        };
        if index < len {
            return Ok(given.to_ref());
        }
        let default = Self::default(py, this)?;
        if index > len || default.is(no_default()) {
            let alias = alias.str(py)?;
            return Err(raise!(
                py,
                TypeError,
                "Too few arguments for {alias}; actual {len}, expected at least {}",
                index + 1
            ));
        }
        given.sequence_concat(py, Tuple::from_vec(py, vec![default])?.as_object())
    }
}

impl ParamSpec {
    pub(super) fn lazy(py: Attached<'_>, name: &Object) -> PyResult<Ref<ParamSpec>> {
        let module = caller(py)?;
        let made = Self::make(py, name, Some(&module))?;
        made.0.infer_variance.set(1);
        Ok(made)
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<ParamSpec>> {
        static SIG: Signature = Signature::parse(
            "paramspec",
            "(name, *, bound=None, default=NoDefault, covariant=False, contravariant=False, infer_variance=False)",
        );
        let [name, bound, default, covariant, contravariant, infer] = SIG.bind::<6>(py, args)?;
        let name = check_name(py, "paramspec", name)?;
        let module = caller(py)?;
        let made = Self::make(py, name, Some(&module))?;
        made.0.set_variance(py, [covariant, contravariant, infer])?;
        drop(made.0.bound.replace(Some(bound.map_or_else(none, Layout::to_ref))));
        made.set_default(default);
        Ok(made)
    }

    fn repr(py: Attached<'_>, this: &ParamSpec) -> PyResult<String> {
        Ok(format!("{}{}", this.0.variance_mark(), this.text(py)?))
    }

    fn args(py: Attached<'_>, this: &ParamSpec) -> PyResult<Ref<ParamSpecArgs>> {
        ParamSpecArgs::new(py, this.as_object())
    }

    fn kwargs(py: Attached<'_>, this: &ParamSpec) -> PyResult<Ref<ParamSpecKwargs>> {
        ParamSpecKwargs::new(py, this.as_object())
    }

    fn subst(py: Attached<'_>, this: &ParamSpec, arg: &Object) -> PyResult<Ref<Object>> {
        helper(py, "_paramspec_subst", &[this.as_object(), arg])
    }

    fn prepare_subst(py: Attached<'_>, this: &ParamSpec, args: Args<'_>) -> PyResult<Ref<Object>> {
        let pos = args.unpack(py, "__typing_prepare_subst__", 2, 2)?;
        helper(py, "_paramspec_prepare_subst", &[this.as_object(), pos[0], pos[1]])
    }
}

impl TypeVarTuple {
    pub(super) fn lazy(py: Attached<'_>, name: &Object) -> PyResult<Ref<TypeVarTuple>> {
        let module = caller(py)?;
        Self::make(py, name, Some(&module))
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<TypeVarTuple>> {
        static SIG: Signature = Signature::parse("typevartuple", "(name, *, default=NoDefault)");
        let [name, default] = SIG.bind::<2>(py, args)?;
        let name = check_name(py, "typevartuple", name)?;
        let module = caller(py)?;
        let made = Self::make(py, name, Some(&module))?;
        made.set_default(default);
        Ok(made)
    }

    fn repr(py: Attached<'_>, this: &TypeVarTuple) -> PyResult<String> {
        this.text(py)
    }

    fn iter(py: Attached<'_>, this: &TypeVarTuple) -> PyResult<Ref<Object>> {
        let items = Tuple::from_vec(py, vec![unpack(py, this.as_object())?])?;
        items.as_object().iter(py)
    }

    fn subst(py: Attached<'_>, _this: &TypeVarTuple, _arg: &Object) -> PyResult<()> {
        Err(raise!(py, TypeError, "Substitution of bare TypeVarTuple is not supported"))
    }

    fn prepare_subst(py: Attached<'_>, this: &TypeVarTuple, args: Args<'_>) -> PyResult<Ref<Object>> {
        let pos = args.unpack(py, "__typing_prepare_subst__", 2, 2)?;
        helper(py, "_typevartuple_prepare_subst", &[this.as_object(), pos[0], pos[1]])
    }
}

/// Layout of `ParamSpec.args` and `.kwargs`.
#[repr(C)]
pub struct PartObject {
    head: PyObject,
    origin: Slot,
    weakrefs: Field<*mut PyObject>,
}

macro_rules! part {
    ($ty:ident, $symbol:ident, $name:literal, $word:literal, $suffix:literal, $doc:literal) => {
        /// One half of a parameter specification.
        #[repr(transparent)]
        pub struct $ty(PartObject);

        krait_object::pytype! {
            pub static $symbol: $name for $ty {
                base: Object,
                flags: [HAVE_GC],
                doc: $doc,
                slots: {
                    tp_dealloc = $ty::dealloc,
                    tp_traverse = $ty::traverse,
                    tp_clear = $ty::clear,
                    tp_repr = $ty::repr,
                    tp_richcompare = $ty::richcompare,
                    tp_new = $ty::construct,
                    raw tp_weaklistoffset = offset_of!(PartObject, weakrefs) as isize,
                },
                methods: {
                    raw "__mro_entries__" => $ty::mro_entries, "($self, object, /)", "Refuses to be a base.";
                },
                members: [member("__origin__\0", T_OBJECT, offset_of!(PartObject, origin), READONLY, c"")],
            }
        }

        impl $ty {
            fn new(py: Attached<'_>, origin: &Object) -> PyResult<Ref<$ty>> {
                mem::new_instance::<$ty>(py, $ty::type_object(), |this| {
                    drop(this.0.origin.replace(Some(origin.to_ref())));
                })
            }

            fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<$ty>> {
                static SIG: Signature = Signature::parse($word, "(origin)");
                let [origin] = SIG.bind::<1>(py, args)?;
                let Some(origin) = origin else { return Err(py.bad_internal_call()) };
                Self::new(py, origin)
            }

            fn repr(py: Attached<'_>, this: &Self) -> PyResult<String> {
                let Some(origin) = this.0.origin.get() else { return Ok(String::new()) };
                let text = match origin.as_object().downcast_exact::<ParamSpec>() {
                    Some(spec) => spec.text(py)?,
                    None => origin.repr(py)?.to_string_lossy().into_owned(),
                };
                Ok(format!(concat!("{}", $suffix), text))
            }

            fn richcompare(py: Attached<'_>, this: &Self, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
                let Some(other) = other.downcast_exact::<$ty>() else { return Ok(not_implemented()) };
                if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
                    return Ok(not_implemented());
                }
                match (this.0.origin.get(), other.0.origin.get()) {
                    (Some(a), Some(b)) => a.rich_compare(py, &b, op),
                    _ => Ok(Bool::of(false).as_object().to_ref()),
                }
            }

            fn mro_entries(py: Attached<'_>, _this: &Self, _args: Args<'_>) -> PyResult<()> {
                Err(raise!(py, TypeError, "Cannot subclass an instance of {}", stringify!($ty)))
            }

            fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
                visit.slot(&this.0.origin)
            }

            fn clear(_py: Attached<'_>, this: &Self) {
                drop(this.0.origin.take());
            }

            unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
                // SAFETY: [slot-contract].
                unsafe { mem::dealloc_with(py, this, |this| Self::clear(py, this)) }
            }
        }
    };
}

part!(
    ParamSpecArgs,
    ParamSpecArgs_Type,
    "typing.ParamSpecArgs",
    "paramspecargs",
    ".args",
    "The positional arguments of a parameter specification.\n\n    >>> P = ParamSpec('P')\n    >>> P.args\n    P.args\n    >>> P.args.__origin__ == P\n    True"
);
part!(
    ParamSpecKwargs,
    ParamSpecKwargs_Type,
    "typing.ParamSpecKwargs",
    "paramspeckwargs",
    ".kwargs",
    "The keyword arguments of a parameter specification.\n\n    >>> P = ParamSpec('P')\n    >>> P.kwargs\n    P.kwargs\n    >>> P.kwargs.__origin__ == P\n    True"
);

/// A function that gives a known value.
#[repr(C)]
pub struct ConstEvaluator {
    head: PyObject,
    value: Slot,
}

krait_object::pytype! {
    pub static ConstEvaluator_Type: "_typing._ConstEvaluator" for ConstEvaluator {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = ConstEvaluator::dealloc,
            tp_traverse = ConstEvaluator::traverse,
            tp_repr = ConstEvaluator::repr,
            tp_call = ConstEvaluator::call,
        },
    }
}

impl ConstEvaluator {
    pub fn new(py: Attached<'_>, value: &Object) -> PyResult<Ref<ConstEvaluator>> {
        mem::new_instance::<ConstEvaluator>(py, Self::type_object(), |this| {
            drop(this.value.replace(Some(value.to_ref())));
        })
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<String> {
        let value = this.value.get().unwrap_or_else(none);
        Ok(format!("<constevaluator {}>", value.repr(py)?))
    }

    fn call(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<Ref<Object>> {
        static SIG: Signature = Signature::parse("constevaluator.__call__", "(format)");
        let [format] = SIG.bind::<1>(py, args)?;
        let value = this.value.get().unwrap_or_else(none);
        if format.map_or(Ok(1), |format| format.as_i32(py))? != 4 {
            return Ok(value);
        }
        // The source form: a tuple shows its items.
        let text = match value.as_object().downcast::<Tuple>() {
            Some(tuple) => {
                let items = tuple.as_slice().iter().map(|item| krait_object::genericaliasobject::type_repr(py, item));
                let items = items.collect::<PyResult<Vec<_>>>()?;
                let comma = if items.len() == 1 { "," } else { "" };
                format!("({}{comma})", items.join(", "))
            }
            None => krait_object::genericaliasobject::type_repr(py, &value)?,
        };
        Ok(Str::new(py, &text)?.upcast())
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.value)
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, |this| drop(this.value.take())) }
    }
}

/// The singleton that stands for "no default".
#[repr(C)]
pub struct NoDefaultObject {
    head: PyObject,
}

krait_object::pytype! {
    pub static NoDefault_Type: "NoDefaultType" for NoDefaultObject {
        base: Object,
        flags: [],
        doc: "The type of NoDefault.",
        slots: {
            tp_repr = |_: Attached<'_>, _: &NoDefaultObject| "typing.NoDefault",
            tp_new = NoDefaultObject::construct,
        },
        methods: {
            noargs "__reduce__" => |_: Attached<'_>, _: &NoDefaultObject| "NoDefault", "($self, /)", "Pickled by name.";
        },
    }
}

static NO_DEFAULT: NoDefaultObject =
    NoDefaultObject { head: PyObject::immortal((&raw const NoDefault_Type).cast_mut()) };

/// `NoDefault`.
pub fn no_default() -> &'static Object {
    NO_DEFAULT.as_object()
}

impl NoDefaultObject {
    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        if !args.is_empty() {
            return Err(raise!(py, TypeError, "NoDefaultType takes no arguments"));
        }
        Ok(no_default().to_ref())
    }
}
