//! `types.GenericAlias`: `list[int]`.
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::typedef::{CompareOp, member};
use crate::{List, Object, PyResult, Str, Tuple, Type, exc, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout of a generic alias; opaque to C.
#[repr(C)]
pub struct GenericAliasObject {
    pub ob_base: PyObject,
    pub origin: Slot,
    pub args: Slot<Tuple>,
    pub parameters: Slot<Tuple>,
    pub weaklist: Field<*mut PyObject>,
    /// 1 for `*list[int]`.
    pub starred: Field<u8>,
}

/// A parameterised class.
#[repr(transparent)]
pub struct GenericAlias(pub(crate) GenericAliasObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static Py_GenericAliasType: "types.GenericAlias" for GenericAlias {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        doc: "GenericAlias(origin, args, /)\n--\n\nA class with its type arguments, such as list[int].",
        slots: {
            tp_dealloc = GenericAlias::dealloc,
            tp_repr = GenericAlias::repr,
            tp_hash = GenericAlias::hash,
            tp_call = GenericAlias::call_args,
            tp_getattro = GenericAlias::getattro,
            tp_traverse = GenericAlias::traverse,
            tp_richcompare = GenericAlias::richcompare,
            tp_iter = GenericAlias::iter,
            constructor = GenericAlias::make,
            nb_or = crate::builtins::unionobject::type_or,
            mp_subscript = GenericAlias::get_item,
            raw tp_weaklistoffset = offset_of!(GenericAliasObject, weaklist) as isize,
        },
        methods: {
            o "__mro_entries__" => |py: Attached<'_>, this: &GenericAlias, _: &Object| Tuple::from_slice(py, &[this.origin()]), "($self, object, /)", "";
            o "__instancecheck__" => |py: Attached<'_>, _: &GenericAlias, _: &Object| -> PyResult<()> { Err(raise!(py, TypeError, "isinstance() argument 2 cannot be a parameterized generic")) }, "($self, object, /)", "";
            o "__subclasscheck__" => |py: Attached<'_>, _: &GenericAlias, _: &Object| -> PyResult<()> { Err(raise!(py, TypeError, "issubclass() argument 2 cannot be a parameterized generic")) }, "($self, object, /)", "";
            noargs "__reduce__" => GenericAlias::reduce, "($self, /)", "";
            noargs "__dir__" => GenericAlias::dir, "($self, /)", "";
        },
        getset: {
            "__parameters__" => |py: Attached<'_>, this: &GenericAlias| this.parameters(py), "type variables in the arguments";
            "__typing_unpacked_tuple_args__" => GenericAlias::unpacked_tuple_args, "";
        },
        members: [
            member("__origin__\0", _Py_T_OBJECT, offset_of!(GenericAliasObject, origin), Py_READONLY, c""),
            member("__args__\0", _Py_T_OBJECT, offset_of!(GenericAliasObject, args), Py_READONLY, c""),
            member("__unpacked__\0", Py_T_BOOL, offset_of!(GenericAliasObject, starred), Py_READONLY, c""),
        ],
    }
}

/// `__class_getitem__` of generic builtin classes.
pub fn class_getitem(py: Attached<'_>, class: &Type, item: &Object) -> PyResult<Ref<Object>> {
    Ok(GenericAlias::new(py, class.as_object(), item)?.upcast())
}

/// Attributes that the alias itself has; all others are the origin's.
const OWN_ATTRIBUTES: [&str; 9] = [
    "__class__",
    "__origin__",
    "__args__",
    "__unpacked__",
    "__parameters__",
    "__typing_unpacked_tuple_args__",
    "__mro_entries__",
    "__reduce_ex__",
    "__reduce__",
];
/// Attributes that the alias pretends not to have.
const BLOCKED_ATTRIBUTES: [&str; 3] = ["__bases__", "__copy__", "__deepcopy__"];

impl GenericAlias {
    /// `origin[args]` (`Py_GenericAlias`); a single argument need not be in a tuple.
    pub fn new(py: Attached<'_>, origin: &Object, args: &Object) -> PyResult<Ref<GenericAlias>> {
        Self::with_type(py, Self::type_object(), origin, args)
    }

    fn with_type(py: Attached<'_>, ty: &Type, origin: &Object, args: &Object) -> PyResult<Ref<GenericAlias>> {
        let args = match args.downcast::<Tuple>() {
            Some(args) => args.to_ref(),
            None => Tuple::from_slice(py, &[args])?,
        };
        mem::new_instance::<GenericAlias>(py, ty, |alias| {
            drop(alias.0.origin.replace(Some(origin.to_ref())));
            drop(alias.0.args.replace(Some(args)));
        })
    }

    fn make(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<GenericAlias>> {
        args.no_keywords(py, "GenericAlias")?;
        crate::args::check_positional(py, "GenericAlias", args.pos.len(), 2, 2)?;
        Self::with_type(py, ty, args.pos[0], args.pos[1])
    }

    pub fn origin(&self) -> &Object {
        // SAFETY: [frozen]: set at creation.
        unsafe { self.0.origin.borrow().unwrap_unchecked() }
    }

    pub fn args(&self) -> &Tuple {
        // SAFETY: [frozen]: set at creation.
        unsafe { self.0.args.borrow().unwrap_unchecked() }
    }

    /// The type variables in the arguments.
    pub fn parameters(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        if let Some(found) = self.0.parameters.get() {
            return Ok(found);
        }
        let made = make_parameters(py, self.args())?;
        drop(self.0.parameters.replace(Some(made.clone())));
        Ok(made)
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<GenericAlias>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.0.origin.take());
                drop(this.0.args.take());
                drop(this.0.parameters.take());
            });
        }
    }

    fn traverse(this: &GenericAlias, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.0.origin)?;
        visit.slot(&this.0.args)?;
        visit.slot(&this.0.parameters)
    }

    fn repr(py: Attached<'_>, this: &GenericAlias) -> PyResult<Ref<Str>> {
        let mut text = String::new();
        if this.0.starred.get() != 0 {
            text.push('*');
        }
        text.push_str(&type_repr(py, this.origin())?);
        text.push('[');
        let args = this.args().as_slice();
        for (at, arg) in args.iter().enumerate() {
            if at > 0 {
                text.push_str(", ");
            }
            match arg.downcast::<List>() {
                Some(list) => text.push_str(&list_repr(py, list)?),
                None => text.push_str(&type_repr(py, arg)?),
            }
        }
        if args.is_empty() {
            text.push_str("()");
        }
        text.push(']');
        Str::new(py, &text)
    }

    fn hash(py: Attached<'_>, this: &GenericAlias) -> PyResult<isize> {
        Ok(this.origin().hash(py)? ^ this.args().as_object().hash(py)?)
    }

    fn richcompare(py: Attached<'_>, this: &GenericAlias, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast::<GenericAlias>(), op) else {
            return Ok(crate::not_implemented());
        };
        let equal = this.0.starred.get() == other.0.starred.get()
            && this.origin().eq(py, other.origin())?
            && this.args().as_object().eq(py, other.args().as_object())?;
        crate::IntoObject::into_object(equal == (op == CompareOp::Eq), py)
    }

    fn call_args(py: Attached<'_>, this: &GenericAlias, args: Args<'_>) -> PyResult<Ref<Object>> {
        let made = this.origin().call(py, args)?;
        match made.set_attr(py, id!(py, __orig_class__), Some(this.as_object())) {
            Err(raised) if raised.matches(py, exc::AttributeError()) || raised.matches(py, exc::TypeError()) => {
                raised.clear(py);
            }
            other => other?,
        }
        Ok(made)
    }

    fn getattro(py: Attached<'_>, this: &GenericAlias, name: &Object) -> PyResult<Ref<Object>> {
        let name = crate::protocols::attributes::checked_name(py, name)?;
        let own = OWN_ATTRIBUTES.iter().chain(&BLOCKED_ATTRIBUTES).any(|own| name.eq_str(own));
        if own { this.as_object().generic_get_attr(py, name) } else { this.origin().get_attr(py, name) }
    }

    fn dir(py: Attached<'_>, this: &GenericAlias) -> PyResult<Ref<Object>> {
        let names = this.origin().dir(py)?;
        if let Some(list) = names.as_object().downcast::<List>() {
            for own in OWN_ATTRIBUTES {
                let own = Str::intern_static(py, own).as_object();
                if !list.as_object().contains(py, own)? {
                    list.push(py, own.to_ref())?;
                }
            }
        }
        Ok(names)
    }

    fn get_item(py: Attached<'_>, this: &GenericAlias, item: &Object) -> PyResult<Ref<GenericAlias>> {
        let parameters = this.parameters(py)?;
        let args = substitute(py, this.as_object(), this.args(), &parameters, item)?;
        let made = Self::with_type(py, Self::type_object(), this.origin(), args.as_object())?;
        made.0.starred.set(this.0.starred.get());
        Ok(made)
    }

    fn iter(py: Attached<'_>, this: &GenericAlias) -> PyResult<Ref<AliasIter>> {
        mem::new_instance::<AliasIter>(py, AliasIter::type_object(), |iterator| {
            drop(iterator.0.alias.replace(Some(this.to_ref())));
        })
    }

    fn starred(&self, py: Attached<'_>) -> PyResult<Ref<GenericAlias>> {
        let made = Self::new(py, self.origin(), self.args().as_object())?;
        made.0.starred.set(1);
        Ok(made)
    }

    fn unpacked_tuple_args(_py: Attached<'_>, this: &GenericAlias) -> Option<Ref<Tuple>> {
        let is_tuple = this.origin().is(Tuple::type_object());
        (this.0.starred.get() != 0 && is_tuple).then(|| this.args().to_ref())
    }

    fn reduce(py: Attached<'_>, this: &GenericAlias) -> PyResult<Ref<Tuple>> {
        if this.0.starred.get() != 0 {
            let plain = Self::new(py, this.origin(), this.args().as_object())?;
            let next = crate::builtins::descrobject::builtin(py, "next")?;
            let iterator = plain.as_object().iter(py)?;
            let args = Tuple::from_slice(py, &[&iterator])?;
            return Tuple::from_slice(py, &[&next, args.as_object()]);
        }
        let args = Tuple::from_slice(py, &[this.origin(), this.args().as_object()])?;
        Tuple::from_slice(py, &[Self::type_object().as_object(), args.as_object()])
    }
}

/// How annotations show a type: its qualified name, without `builtins.`.
pub fn type_repr(py: Attached<'_>, object: &Object) -> PyResult<String> {
    if object.is(crate::object::ellipsis_borrowed()) {
        return Ok("...".to_owned());
    }
    if std::ptr::addr_eq(object, crate::none_borrowed().ty()) {
        return Ok("None".to_owned());
    }
    let is_alias = object.get_attr_opt(py, id!(py, __origin__))?.is_some()
        && object.get_attr_opt(py, id!(py, __args__))?.is_some();
    if !is_alias {
        let qualname = object.get_attr_opt(py, id!(py, __qualname__))?.filter(|name| !name.is_none());
        let module = object.get_attr_opt(py, id!(py, __module__))?.filter(|module| !module.is_none());
        if let (Some(qualname), Some(module)) = (qualname, module) {
            let qualname = qualname.str(py)?;
            return Ok(match module.as_object().downcast::<Str>() {
                Some(module) if module.eq_str("builtins") => qualname.to_string(),
                _ => format!("{}.{qualname}", module.str(py)?),
            });
        }
    }
    Ok(object.repr(py)?.to_string())
}

fn list_repr(py: Attached<'_>, list: &List) -> PyResult<String> {
    let mut parts = Vec::new();
    for at in 0..list.len() {
        // The `__repr__` of an item may shorten the list.
        let Some(item) = list.get(py, at) else { return Err(raise!(py, IndexError, "list index out of range")) };
        parts.push(type_repr(py, &item)?);
    }
    Ok(format!("[{}]", parts.join(", ")))
}

fn push_unique(found: &mut Vec<Ref<Object>>, item: &Object) {
    if !found.iter().any(|known| known.is(item)) {
        found.push(item.to_ref());
    }
}

/// The type variables in `args`, each once, in order (`_Py_make_parameters`).
pub fn make_parameters(py: Attached<'_>, args: &Tuple) -> PyResult<Ref<Tuple>> {
    let _depth = py.enter_recursive(" in __parameter__ calculation")?;
    let mut found = Vec::new();
    for arg in args.as_slice() {
        // The attributes of a bare class are descriptors of its instances.
        if arg.downcast::<Type>().is_some() {
            continue;
        }
        if arg.get_attr_opt(py, id!(py, __typing_subst__))?.is_some() {
            push_unique(&mut found, arg);
            continue;
        }
        let nested = match (arg.downcast::<Tuple>(), arg.downcast::<List>()) {
            (Some(nested), _) => Some(make_parameters(py, nested)?),
            (_, Some(nested)) => Some(make_parameters(py, &*nested.to_tuple(py)?)?),
            _ => arg.get_attr_opt(py, id!(py, __parameters__))?.and_then(|found| found.downcast::<Tuple>().ok()),
        };
        for parameter in nested.iter().flat_map(|nested| nested.as_slice()) {
            push_unique(&mut found, parameter);
        }
    }
    Tuple::from_vec(py, found)
}

/// The given items with `*tuple[..]` spread out.
fn spread_items(py: Attached<'_>, item: &Object) -> PyResult<Vec<Ref<Object>>> {
    let one = [item];
    let items = item.downcast::<Tuple>().map_or(&one[..], Tuple::as_slice);
    let mut spread = Vec::new();
    for item in items {
        if item.downcast::<Type>().is_none()
            && let Some(inner) = item.get_attr_opt(py, id!(py, __typing_unpacked_tuple_args__))?
            && let Some(inner) = inner.as_object().downcast::<Tuple>()
            && !inner.as_slice().last().is_some_and(|last| last.is(crate::object::ellipsis_borrowed()))
        {
            spread.extend(inner.as_slice().iter().map(|item| item.to_ref()));
            continue;
        }
        spread.push(item.to_ref());
    }
    Ok(spread)
}

fn is_unpacked_typevartuple(py: Attached<'_>, arg: &Object) -> PyResult<bool> {
    if arg.downcast::<Type>().is_some() {
        return Ok(false);
    }
    match arg.get_attr_opt(py, id!(py, __typing_is_unpacked_typevartuple__))? {
        Some(flag) => flag.is_true(py),
        None => Ok(false),
    }
}

/// Replaces the parameters inside `object`, which has parameters of its own.
fn substitute_inside(
    py: Attached<'_>,
    object: &Object,
    parameters: &[&Object],
    items: &[Ref<Object>],
) -> PyResult<Ref<Object>> {
    let Some(inner) = object.get_attr_opt(py, id!(py, __parameters__))? else { return Ok(object.to_ref()) };
    let Some(inner) = inner.as_object().downcast::<Tuple>().filter(|inner| !inner.is_empty()) else {
        return Ok(object.to_ref());
    };
    let mut args: Vec<Ref<Object>> = Vec::new();
    for wanted in inner.as_slice() {
        match parameters.iter().position(|parameter| parameter.is(*wanted)) {
            Some(at) => {
                let spreads = parameters[at].ty().as_type().tp_iter.get().is_some();
                match items[at].as_object().downcast::<Tuple>() {
                    Some(many) if spreads => args.extend(many.as_slice().iter().map(|item| item.to_ref())),
                    _ => args.push(items[at].clone()),
                }
            }
            None => args.push(wanted.to_ref()),
        }
    }
    object.get_item(py, Tuple::from_vec(py, args)?.as_object())
}

/// `args` with `item` for `parameters` (`_Py_subs_parameters`).
pub fn substitute(
    py: Attached<'_>,
    this: &Object,
    args: &Tuple,
    parameters: &Tuple,
    item: &Object,
) -> PyResult<Ref<Tuple>> {
    if parameters.is_empty() {
        return Err(raise!(py, TypeError, "{} is not a generic class", this.repr(py)?));
    }
    let mut items = Tuple::from_vec(py, spread_items(py, item)?)?;
    for parameter in parameters.as_slice() {
        let prepare = parameter.get_attr_opt(py, id!(py, __typing_prepare_subst__))?;
        if let Some(prepare) = prepare.filter(|prepare| !prepare.is_none()) {
            let prepared = prepare.call_pos(py, &[this, items.as_object()])?;
            items = match prepared.downcast::<Tuple>() {
                Ok(items) => items,
                Err(single) => Tuple::from_slice(py, &[&single])?,
            };
        }
    }
    let (given, wanted) = (items.len(), parameters.len());
    if given != wanted {
        let many = if given > wanted { "many" } else { "few" };
        return Err(raise!(
            py,
            TypeError,
            "Too {many} arguments for {}; actual {given}, expected {wanted}",
            this.repr(py)?
        ));
    }
    let items: Vec<Ref<Object>> = items.as_slice().iter().map(|item| item.to_ref()).collect();
    let made = substitute_each(py, args.as_slice(), parameters, &items)?;
    Tuple::from_vec(py, made)
}

#[allow(clippy::only_used_in_recursion)]
fn substitute_each(
    py: Attached<'_>,
    args: &[&Object],
    parameters: &Tuple,
    items: &[Ref<Object>],
) -> PyResult<Vec<Ref<Object>>> {
    let mut made = Vec::new();
    for arg in args {
        if arg.downcast::<Type>().is_some() {
            made.push(arg.to_ref());
            continue;
        }
        if let Some(nested) = arg.downcast::<Tuple>() {
            let inner = substitute_each(py, nested.as_slice(), parameters, items)?;
            made.push(Tuple::from_vec(py, inner)?.upcast());
            continue;
        }
        if let Some(nested) = arg.downcast::<List>() {
            let nested = nested.to_vec(py)?;
            let inner = substitute_each(py, crate::args::as_borrowed(&nested), parameters, items)?;
            made.push(List::from_vec(py, inner)?.upcast());
            continue;
        }
        let unpack = is_unpacked_typevartuple(py, arg)?;
        let value = match arg.get_attr_opt(py, id!(py, __typing_subst__))? {
            Some(subst) => match parameters.as_slice().iter().position(|parameter| parameter.is(*arg)) {
                Some(at) => subst.call_pos(py, &[&items[at]])?,
                None => {
                    let shown = arg.repr(py)?;
                    return Err(raise!(
                        py,
                        TypeError,
                        "argument {shown} with __typing_subst__ was not found in __parameters__"
                    ));
                }
            },
            None => substitute_inside(py, arg, parameters.as_slice(), items)?,
        };
        if !unpack {
            made.push(value);
            continue;
        }
        match value.as_object().downcast::<Tuple>() {
            Some(many) => made.extend(many.as_slice().iter().map(|item| item.to_ref())),
            None => {
                return Err(raise!(
                    py,
                    TypeError,
                    "expected __typing_subst__ of {} objects to return a tuple, not {}",
                    arg.ty().name(),
                    value.ty().name()
                ));
            }
        }
    }
    Ok(made)
}

/// Layout of [`AliasIter`]; opaque to C.
#[repr(C)]
pub struct AliasIterObject {
    pub ob_base: PyObject,
    pub alias: Slot<GenericAlias>,
}

/// What `*list[int]` iterates: the starred alias, once.
#[repr(transparent)]
pub struct AliasIter(pub(crate) AliasIterObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static _Py_GenericAliasIterType: "generic_alias_iterator" for AliasIter {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = AliasIter::dealloc,
            raw tp_iter = Some(crate::typeobject::slots::PyObject_SelfIter),
            tp_iternext = AliasIter::next,
            tp_traverse = |this: &AliasIter, visit: Visit<'_>| visit.slot(&this.0.alias),
        },
        methods: {
            noargs "__reduce__" => AliasIter::reduce, "($self, /)", "";
        },
    }
}

impl AliasIter {
    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<AliasIter>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.0.alias.take())) };
    }

    fn next(py: Attached<'_>, this: &AliasIter) -> PyResult<Option<Ref<Object>>> {
        match this.0.alias.take() {
            Some(alias) => Ok(Some(alias.starred(py)?.upcast())),
            None => Ok(None),
        }
    }

    fn reduce(py: Attached<'_>, this: &AliasIter) -> PyResult<Ref<Tuple>> {
        let iter = crate::builtins::descrobject::builtin(py, "iter")?;
        let arg = match this.0.alias.get() {
            Some(alias) => alias.upcast(),
            None => Tuple::empty(py).upcast(),
        };
        let args = Tuple::from_slice(py, &[&arg])?;
        Tuple::from_slice(py, &[&iter, args.as_object()])
    }
}
