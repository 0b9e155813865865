//! `_abc`: the caches behind `abc.ABCMeta`.
//!
//! Classes that answered once are remembered by weak reference. Each new registration makes the negative answers of
//! all classes stale, by a counter.
use krait_object::layout::{Field, Py_TPFLAGS_MAPPING, Py_TPFLAGS_SEQUENCE};
use krait_object::native::{Arg, State, Trace, alloc, ready, required};
use krait_object::{
    Attached, FrozenSet, Layout, List, Module, Object, PyResult, Ref, Set, Str, Tuple, Type, WeakRef, functions, id,
    pytype, raise,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts registrations.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Sets of weak references, made when first needed.
#[derive(Default)]
struct Caches {
    registry: Option<Ref<Set>>,
    positive: Option<Ref<Set>>,
    negative: Option<Ref<Set>>,
}

impl Trace for Caches {
    fn trace(&self, visit: krait_object::Visit<'_>) -> Result<(), std::ffi::c_int> {
        self.registry.trace(visit)?;
        self.positive.trace(visit)?;
        self.negative.trace(visit)
    }
}

krait_object::native! {
    /// What an abstract class keeps under `_abc_impl`.
    pub struct AbcData { caches: State<Caches>, version: Field<u64> }
}

pytype! {
    static ABC_DATA: "_abc._abc_data" for AbcData {
        base: Object,
        flags: [HAVE_GC],
        doc: "Internal state held by ABC machinery.",
        slots: {
            tp_dealloc = AbcData::dealloc,
            tp_traverse = AbcData::traverse,
            tp_new = |py: Attached<'_>, ty: &Type, _: krait_object::args::Args<'_>| AbcData::new(py, ty),
        },
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Registry,
    Positive,
    Negative,
}

impl Caches {
    fn get(&mut self, kind: Kind) -> &mut Option<Ref<Set>> {
        match kind {
            Kind::Registry => &mut self.registry,
            Kind::Positive => &mut self.positive,
            Kind::Negative => &mut self.negative,
        }
    }
}

impl AbcData {
    fn new(py: Attached<'_>, ty: &Type) -> PyResult<Ref<AbcData>> {
        let this = alloc::<AbcData>(py, ty)?;
        this.caches.init(Caches::default());
        this.version.set(COUNTER.load(Ordering::Relaxed));
        Ok(this)
    }

    fn of(py: Attached<'_>, class: &Object) -> PyResult<Ref<AbcData>> {
        class
            .get_attr(py, id!(py, _abc_impl))?
            .downcast::<AbcData>()
            .map_err(|_| raise!(py, TypeError, "_abc_impl is set to a wrong type"))
    }

    fn set(&self, kind: Kind) -> Option<Ref<Set>> {
        self.caches.lock().get(kind).clone()
    }

    fn has(&self, py: Attached<'_>, kind: Kind, class: &Object) -> PyResult<bool> {
        match self.set(kind).filter(|set| !set.is_empty()) {
            None => Ok(false),
            Some(set) => match WeakRef::new(py, class, None) {
                Ok(reference) => set.contains(py, reference.as_object()),
                // Only classes without weak references fail.
                Err(raised) if raised.matches(py, krait_object::exc::TypeError()) => {
                    raised.clear(py);
                    Ok(false)
                }
                Err(raised) => Err(raised),
            },
        }
    }

    fn add(&self, py: Attached<'_>, kind: Kind, class: &Object) -> PyResult<()> {
        let set = match self.set(kind) {
            Some(set) => set,
            None => {
                let new = Set::new(py)?;
                self.caches.lock().get(kind).get_or_insert(new).clone()
            }
        };
        // The entry leaves the set when the class goes; the callback keeps the set only weakly.
        let weak = WeakRef::new(py, set.as_object(), None)?;
        let destroy = module_function(py, weak.as_object())?;
        let reference = WeakRef::new(py, class, Some(&destroy))?;
        set.add(py, reference.as_object()).map(drop)
    }

    fn clear(&self, kind: Kind) {
        if let Some(set) = self.set(kind) {
            // SAFETY: [attached]: called from module functions.
            set.clear(unsafe { Attached::from_tls() });
        }
    }

    fn fresh_negatives(&self) -> bool {
        self.version.get() >= COUNTER.load(Ordering::Acquire)
    }
}

fn destroy(py: Attached<'_>, set: &Object, reference: &Object) -> PyResult<()> {
    if let Some(set) = set.downcast::<WeakRef>().and_then(WeakRef::get)
        && let Some(set) = set.as_object().downcast::<Set>()
    {
        set.discard(py, reference)?;
    }
    Ok(())
}

/// The callback that removes a reference from a set, bound to a weak reference to the set.
fn module_function(py: Attached<'_>, set: &Object) -> PyResult<Ref<Object>> {
    let table = functions! { o "_destroy" => destroy, "", ""; };
    let def = (&raw const table[0]).cast_mut();
    Ok(krait_object::builtins::methodobject::CFunction::new(py, def, Some(set), None, None)?.upcast())
}

/// Whether a value is abstract (`__isabstractmethod__`).
fn is_abstract(py: Attached<'_>, value: &Object) -> PyResult<bool> {
    match value.get_attr_opt(py, id!(py, __isabstractmethod__))? {
        Some(flag) => flag.is_true(py),
        None => Ok(false),
    }
}

fn compute_abstract_methods(py: Attached<'_>, class: &Object) -> PyResult<()> {
    let abstracts = Set::new(py)?;
    let namespace = class.get_attr(py, id!(py, __dict__))?;
    for pair in namespace.mapping_items(py)?.to_vec(py)? {
        let Some(pair) = pair.as_object().downcast::<Tuple>().map(Tuple::as_slice) else {
            return Err(raise!(py, TypeError, "Iteration over dict items did not give pairs"));
        };
        if is_abstract(py, pair[1])? {
            abstracts.add(py, pair[0])?;
        }
    }
    let bases = class.get_attr(py, id!(py, __bases__))?;
    let Some(bases) = bases.as_object().downcast::<Tuple>() else {
        return Err(raise!(py, TypeError, "__bases__ is not tuple"));
    };
    for base in bases.as_slice() {
        let Some(inherited) = base.get_attr_opt(py, id!(py, __abstractmethods__))? else { continue };
        for name in inherited.collect(py)? {
            let Some(text) = name.as_object().downcast::<Str>() else { continue };
            let Some(value) = class.get_attr_opt(py, text)? else { continue };
            if is_abstract(py, &value)? {
                abstracts.add(py, &name)?;
            }
        }
    }
    let frozen = FrozenSet::from_iterable(py, abstracts.as_object())?;
    class.set_attr(py, id!(py, __abstractmethods__), Some(frozen.as_object()))
}

const COLLECTION_FLAGS: std::ffi::c_ulong = (Py_TPFLAGS_MAPPING | Py_TPFLAGS_SEQUENCE) as std::ffi::c_ulong;

fn abc_init(py: Attached<'_>, _: &Object, class: &Object) -> PyResult<()> {
    compute_abstract_methods(py, class)?;
    let data = AbcData::new(py, AbcData::type_object())?;
    class.set_attr(py, id!(py, _abc_impl), Some(data.as_object()))?;
    // Classes of `collections.abc` choose how patterns match their subclasses.
    if let Some(ty) = class.downcast::<Type>() {
        let Some(dict) = ty.dict() else { return Ok(()) };
        if let Some(flags) = dict.get(py, id!(py, __abc_tpflags__).as_object())? {
            if let Some(flags) =
                flags.as_object().downcast_exact::<krait_object::Int>().and_then(|flags| flags.to_i64())
            {
                let flags = flags as std::ffi::c_ulong & COLLECTION_FLAGS;
                if flags == COLLECTION_FLAGS {
                    return Err(raise!(
                        py,
                        TypeError,
                        "__abc_tpflags__ cannot be both Py_TPFLAGS_SEQUENCE and Py_TPFLAGS_MAPPING"
                    ));
                }
                let field = &ty.as_type().tp_flags;
                field.set((field.get() & !COLLECTION_FLAGS) | flags);
            }
            drop(dict.remove(py, id!(py, __abc_tpflags__).as_object())?);
        }
    }
    Ok(())
}

fn register(py: Attached<'_>, _: &Object, [class, subclass]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let (class, subclass) = (required(py, class)?, required(py, subclass)?);
    let Some(subtype) = subclass.downcast::<Type>() else {
        return Err(raise!(py, TypeError, "Can only register classes"));
    };
    if subclass.is_subclass(py, class)? {
        return Ok(subclass.to_ref());
    }
    if class.is_subclass(py, subclass)? {
        return Err(raise!(py, RuntimeError, "Refusing to create an inheritance cycle"));
    }
    AbcData::of(py, class)?.add(py, Kind::Registry, subclass)?;
    COUNTER.fetch_add(1, Ordering::AcqRel);
    if let Some(ty) = class.downcast::<Type>() {
        let flags = ty.as_type().tp_flags.get() & COLLECTION_FLAGS;
        if flags != 0 {
            subtype.set_flags_recursive(py, COLLECTION_FLAGS, flags);
        }
    }
    Ok(subclass.to_ref())
}

fn instance_check(py: Attached<'_>, _: &Object, [class, instance]: [Arg<'_>; 2]) -> PyResult<bool> {
    let (class, instance) = (required(py, class)?, required(py, instance)?);
    let data = AbcData::of(py, class)?;
    // The checks may give the instance another class.
    let own = instance.ty().as_object().to_ref();
    let subclass = instance.get_attr_opt(py, id!(py, __class__))?.unwrap_or_else(|| own.clone());
    if data.has(py, Kind::Positive, &subclass)? {
        return Ok(true);
    }
    let check = |candidate: &Object| -> PyResult<bool> {
        class.call_method(py, id!(py, __subclasscheck__), &[candidate])?.is_true(py)
    };
    if own.is(&*subclass) {
        if data.fresh_negatives() && data.has(py, Kind::Negative, &subclass)? {
            return Ok(false);
        }
        return check(&subclass);
    }
    Ok(check(&subclass)? || check(&own)?)
}

fn subclass_check(py: Attached<'_>, _: &Object, [class, subclass]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let answer = check_subclass(py, required(py, class)?, required(py, subclass)?)?;
    krait_object::IntoObject::into_object(answer, py)
}

fn check_subclass(py: Attached<'_>, class: &Object, subclass: &Object) -> PyResult<bool> {
    let Some(subtype) = subclass.downcast::<Type>() else {
        return Err(raise!(py, TypeError, "issubclass() arg 1 must be a class"));
    };
    let data = AbcData::of(py, class)?;
    if data.has(py, Kind::Positive, subclass)? {
        return Ok(true);
    }
    if !data.fresh_negatives() {
        data.clear(Kind::Negative);
        data.version.set(COUNTER.load(Ordering::Acquire));
    } else if data.has(py, Kind::Negative, subclass)? {
        return Ok(false);
    }
    let answer = class.call_method(py, id!(py, __subclasshook__), &[subclass])?;
    if !answer.is_not_implemented() {
        let yes = answer.is(krait_object::Bool::of(true));
        if !yes && !answer.is(krait_object::Bool::of(false)) {
            return Err(raise!(
                py,
                AssertionError,
                "__subclasshook__ must return either False, True, or NotImplemented"
            ));
        }
        data.add(py, if yes { Kind::Positive } else { Kind::Negative }, subclass)?;
        return Ok(yes);
    }
    let mut found = class.downcast::<Type>().is_some_and(|class| subtype.is_subtype_of(class));
    if !found && let Some(registry) = data.set(Kind::Registry) {
        for entry in registry.to_vec(py)? {
            let Some(registered) = entry.as_object().downcast::<WeakRef>().and_then(WeakRef::get) else { continue };
            if subclass.is_subclass(py, &registered)? {
                found = true;
                break;
            }
        }
    }
    if !found {
        let subclasses = class.call_method(py, id!(py, __subclasses__), &[])?;
        let Some(list) = subclasses.as_object().downcast::<List>() else {
            return Err(raise!(py, TypeError, "__subclasses__() must return a list"));
        };
        for candidate in list.to_vec(py)? {
            if subclass.is_subclass(py, &candidate)? {
                found = true;
                break;
            }
        }
    }
    data.add(py, if found { Kind::Positive } else { Kind::Negative }, subclass)?;
    Ok(found)
}

fn get_dump(py: Attached<'_>, _: &Object, class: &Object) -> PyResult<Ref<Tuple>> {
    let data = AbcData::of(py, class)?;
    let copy = |kind: Kind| -> PyResult<Ref<Object>> {
        let set = Set::new(py)?;
        for entry in data.set(kind).map(|set| set.to_vec(py)).transpose()?.unwrap_or_default() {
            set.add(py, &entry)?;
        }
        Ok(set.upcast())
    };
    let version = krait_object::Int::from_u64(py, data.version.get())?.upcast();
    Tuple::from_vec(py, vec![copy(Kind::Registry)?, copy(Kind::Positive)?, copy(Kind::Negative)?, version])
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<AbcData>(py)?;
    module.add_functions(
        py,
        functions! {
            noargs "get_cache_token" => |_: Attached<'_>, _: &Object| COUNTER.load(Ordering::Acquire), "($module, /)", "Return a number that changes with every registration.";
            o "_abc_init" => abc_init, "($module, self, /)", "Set up the state of an abstract class.";
            sig "_abc_register" => register, "($module, self, subclass, /)", "Register a virtual subclass.";
            sig "_abc_instancecheck" => instance_check, "($module, self, instance, /)", "What isinstance() does for an abstract class.";
            sig "_abc_subclasscheck" => subclass_check, "($module, self, subclass, /)", "What issubclass() does for an abstract class.";
            o "_get_dump" => get_dump, "($module, self, /)", "Return registry, both caches and their version.";
            o "_reset_registry" => |py: Attached<'_>, _: &Object, class: &Object| AbcData::of(py, class).map(|data| data.clear(Kind::Registry)), "($module, self, /)", "Forget registered classes.";
            o "_reset_caches" => |py: Attached<'_>, _: &Object, class: &Object| AbcData::of(py, class).map(|data| { data.clear(Kind::Positive); data.clear(Kind::Negative); }), "($module, self, /)", "Forget cached answers.";
        },
    )
}
