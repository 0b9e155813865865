//! `typing.Union`: what `int | str` makes.
use crate::builtins::genericaliasobject::{GenericAlias, make_parameters, substitute, type_repr};
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::protocols::number::BinaryOp;
use crate::typedef::{CompareOp, member};
use crate::{FrozenSet, Object, PyResult, Set, Str, Tuple, Type, hooks, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout of a union; opaque to C.
#[repr(C)]
pub struct UnionObject {
    pub ob_base: PyObject,
    pub args: Slot<Tuple>,
    pub parameters: Slot<Tuple>,
    /// The members that could be hashed when the union was made.
    hashable: Slot<FrozenSet>,
    /// The others, if there are any.
    unhashable: Slot<Tuple>,
    pub weaklist: Field<*mut PyObject>,
}

/// A union of types; its members are distinct and at least two.
#[repr(transparent)]
pub struct Union(pub(crate) UnionObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyUnion_Type: "typing.Union" for Union {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "A union of types.\n\nFor example, int | str.",
        slots: {
            tp_dealloc = Union::dealloc,
            tp_repr = Union::repr,
            tp_hash = Union::hash,
            tp_getattro = Union::getattro,
            tp_traverse = Union::traverse,
            tp_richcompare = Union::richcompare,
            nb_or = union_or,
            mp_subscript = Union::get_item,
            raw tp_weaklistoffset = offset_of!(UnionObject, weaklist) as isize,
        },
        methods: {
            o "__mro_entries__" => |py: Attached<'_>, this: &Union, _: &Object| -> PyResult<()> { Err(raise!(py, TypeError, "Cannot subclass {}", this.as_object().repr(py)?)) }, "($self, object, /)", "";
            class o "__class_getitem__" => class_getitem, "($type, object, /)", "Union[X, Y]: either X or Y.";
        },
        getset: {
            "__name__" => |py: Attached<'_>, _: &Union| id!(py, "Union"), "";
            "__qualname__" => |py: Attached<'_>, _: &Union| id!(py, "Union"), "";
            "__origin__" => |_: Attached<'_>, _: &Union| Union::type_object().to_ref(), "";
            "__parameters__" => |py: Attached<'_>, this: &Union| this.parameters(py), "type variables in the union";
        },
        members: [
            member("__args__\0", _Py_T_OBJECT, offset_of!(UnionObject, args), Py_READONLY, c""),
        ],
    }
}

/// Whether `|` takes the operand without asking `typing`.
fn is_unionable(object: &Object) -> bool {
    object.is_none()
        || object.downcast::<Type>().is_some()
        || object.downcast::<GenericAlias>().is_some()
        || object.downcast_exact::<Union>().is_some()
        || object.ty().name() == "typing.TypeAliasType"
}

/// Collects distinct members.
#[derive(Default)]
struct Builder {
    members: Vec<Ref<Object>>,
    hashable: Option<Ref<Set>>,
    unhashable: Vec<Ref<Object>>,
}

impl Builder {
    fn add(&mut self, py: Attached<'_>, member: &Object) -> PyResult<()> {
        if let Some(union) = member.downcast_exact::<Union>() {
            for member in union.args().as_slice() {
                self.add_one(py, member)?;
            }
            return Ok(());
        }
        if member.is_none() {
            return self.add_one(py, member.ty().as_object());
        }
        self.add_one(py, member)
    }

    fn add_one(&mut self, py: Attached<'_>, member: &Object) -> PyResult<()> {
        match member.hash(py) {
            Ok(_) => {
                let known = match &self.hashable {
                    Some(known) => known.clone(),
                    None => self.hashable.insert(Set::new(py)?).clone(),
                };
                if known.contains(py, member)? {
                    return Ok(());
                }
                known.add(py, member)?;
            }
            Err(raised) => {
                raised.clear(py);
                for known in &self.unhashable {
                    if known.eq(py, member)? {
                        return Ok(());
                    }
                }
                self.unhashable.push(member.to_ref());
            }
        }
        self.members.push(member.to_ref());
        Ok(())
    }

    /// As `add`, for anything that `typing` accepts as a type.
    fn add_checked(&mut self, py: Attached<'_>, member: &Object) -> PyResult<()> {
        if is_unionable(member) {
            return self.add(py, member);
        }
        let typing = (hooks::hooks().import)(py, "typing")?;
        let message = id!(py, "Union[arg, ...]: each arg must be a type.");
        let converted = typing.call_method(py, id!(py, _type_check), &[member, message.as_object()])?;
        self.add(py, &converted)
    }

    fn finish(mut self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        if self.members.len() == 1
            && let Some(only) = self.members.pop()
        {
            return Ok(only);
        }
        let args = Tuple::from_vec(py, self.members)?;
        let hashable = match &self.hashable {
            Some(known) => FrozenSet::type_object().as_object().call_pos(py, &[known.as_object()])?,
            None => FrozenSet::type_object().as_object().call0(py)?,
        };
        let hashable = hashable.downcast::<FrozenSet>().map_err(|_| py.bad_internal_call())?;
        let unhashable = if self.unhashable.is_empty() { None } else { Some(Tuple::from_vec(py, self.unhashable)?) };
        let made = mem::new_instance::<Union>(py, Union::type_object(), |union| {
            drop(union.0.args.replace(Some(args)));
            drop(union.0.hashable.replace(Some(hashable)));
            drop(union.0.unhashable.replace(unhashable));
        })?;
        Ok(made.upcast())
    }
}

/// `|` of classes (`_Py_union_type_or`).
pub fn type_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    if !is_unionable(left) || !is_unionable(right) {
        return Ok(crate::not_implemented());
    }
    let mut builder = Builder::default();
    builder.add(py, left)?;
    builder.add(py, right)?;
    builder.finish(py)
}

/// `|` with a union: also takes what `typing` can make a type of.
pub fn union_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let mut builder = Builder::default();
    builder.add_checked(py, left)?;
    builder.add_checked(py, right)?;
    builder.finish(py)
}

/// `Union[...]` (`_Py_union_from_tuple` for a tuple).
pub fn union_from_items(py: Attached<'_>, items: &Object) -> PyResult<Ref<Object>> {
    let mut builder = Builder::default();
    match items.downcast::<Tuple>() {
        Some(items) if items.is_empty() => {
            return Err(raise!(py, TypeError, "Cannot take a Union of no types."));
        }
        Some(items) => {
            for item in items.as_slice() {
                builder.add_checked(py, item)?;
            }
        }
        None => builder.add_checked(py, items)?,
    }
    builder.finish(py)
}

fn class_getitem(py: Attached<'_>, _class: &Type, items: &Object) -> PyResult<Ref<Object>> {
    union_from_items(py, items)
}

impl Union {
    /// The members.
    pub fn args(&self) -> &Tuple {
        // SAFETY: [frozen]: set at creation.
        unsafe { self.0.args.borrow().unwrap_unchecked() }
    }

    fn parameters(&self, py: Attached<'_>) -> PyResult<Ref<Tuple>> {
        if let Some(found) = self.0.parameters.get() {
            return Ok(found);
        }
        let made = make_parameters(py, self.args())?;
        drop(self.0.parameters.replace(Some(made.clone())));
        Ok(made)
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Union>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.0.args.take());
                drop(this.0.parameters.take());
                drop(this.0.hashable.take());
                drop(this.0.unhashable.take());
            });
        }
    }

    fn traverse(this: &Union, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.0.args)?;
        visit.slot(&this.0.hashable)?;
        visit.slot(&this.0.unhashable)?;
        visit.slot(&this.0.parameters)
    }

    fn repr(py: Attached<'_>, this: &Union) -> PyResult<Ref<Str>> {
        let mut parts = Vec::new();
        for member in this.args().as_slice() {
            parts.push(type_repr(py, member)?);
        }
        Str::new(py, &parts.join(" | "))
    }

    fn hash(py: Attached<'_>, this: &Union) -> PyResult<isize> {
        if let Some(unhashable) = this.0.unhashable.get() {
            for member in unhashable.as_slice() {
                member.hash(py)?;
            }
            let count = unhashable.len();
            let plural = if count == 1 { "" } else { "s" };
            return Err(raise!(py, TypeError, "union contains {count} unhashable element{plural}"));
        }
        match this.0.hashable.get() {
            Some(members) => members.as_object().hash(py),
            None => Err(py.bad_internal_call()),
        }
    }

    fn equals(&self, py: Attached<'_>, other: &Union) -> PyResult<bool> {
        if let (Some(ours), Some(theirs)) = (self.0.hashable.get(), other.0.hashable.get())
            && !ours.as_object().eq(py, theirs.as_object())?
        {
            return Ok(false);
        }
        let (ours, theirs) = match (self.0.unhashable.get(), other.0.unhashable.get()) {
            (None, None) => return Ok(true),
            (Some(ours), Some(theirs)) if ours.len() == theirs.len() => (ours, theirs),
            _ => return Ok(false),
        };
        for member in ours.as_slice() {
            let mut found = false;
            for candidate in theirs.as_slice() {
                if candidate.eq(py, member)? {
                    found = true;
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn richcompare(py: Attached<'_>, this: &Union, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast_exact::<Union>(), op) else {
            return Ok(crate::not_implemented());
        };
        crate::IntoObject::into_object(this.equals(py, other)? == (op == CompareOp::Eq), py)
    }

    fn getattro(py: Attached<'_>, this: &Union, name: &Object) -> PyResult<Ref<Object>> {
        let name = crate::protocols::attributes::checked_name(py, name)?;
        if name.eq_str("__module__") {
            return this.as_object().ty().as_object().get_attr(py, name);
        }
        this.as_object().generic_get_attr(py, name)
    }

    fn get_item(py: Attached<'_>, this: &Union, item: &Object) -> PyResult<Ref<Object>> {
        let parameters = this.parameters(py)?;
        let args = substitute(py, this.as_object(), this.args(), &parameters, item)?;
        let mut members = args.as_slice().iter();
        let Some(first) = members.next() else { return Err(py.bad_internal_call()) };
        members.try_fold(first.to_ref(), |union, member| union.binary_op(py, member, BinaryOp::Or))
    }
}
