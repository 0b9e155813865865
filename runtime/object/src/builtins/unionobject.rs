//! `typing.Union`: what `int | str` makes.
use crate::builtins::genericaliasobject::{GenericAlias, make_parameters, substitute, type_repr};
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::{Field, PyObject};
use crate::protocols::number::BinaryOp;
use crate::typedef::{CompareOp, member};
use crate::{FrozenSet, Object, PyResult, Str, Tuple, Type, hooks, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout of a union; opaque to C.
#[repr(C)]
pub struct UnionObject {
    pub ob_base: PyObject,
    pub args: Slot<Tuple>,
    pub parameters: Slot<Tuple>,
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
            o "__mro_entries__" => |py: Attached<'_>, this: &Union, _: &Object| -> PyResult<()> { Err(raise!(py, TypeError, "Cannot subclass {}", this.as_object().repr(py)?)) }, "", "";
            class o "__class_getitem__" => class_getitem, "", "Union[X, Y]: either X or Y.";
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
struct Builder(Vec<Ref<Object>>);

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
        for known in &self.0 {
            if known.eq(py, member)? {
                return Ok(());
            }
        }
        self.0.push(member.to_ref());
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
        if self.0.len() == 1
            && let Some(only) = self.0.pop()
        {
            return Ok(only);
        }
        let args = Tuple::from_vec(py, self.0)?;
        let made = mem::new_instance::<Union>(py, Union::type_object(), |union| {
            drop(union.0.args.replace(Some(args)));
        })?;
        Ok(made.upcast())
    }
}

/// `|` of classes (`_Py_union_type_or`).
pub fn type_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    if !is_unionable(left) || !is_unionable(right) {
        return Ok(crate::not_implemented());
    }
    let mut builder = Builder(Vec::new());
    builder.add(py, left)?;
    builder.add(py, right)?;
    builder.finish(py)
}

/// `|` with a union: also takes what `typing` can make a type of.
fn union_or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    let mut builder = Builder(Vec::new());
    builder.add_checked(py, left)?;
    builder.add_checked(py, right)?;
    builder.finish(py)
}

/// `Union[...]` (`_Py_union_from_tuple` for a tuple).
pub fn union_from_items(py: Attached<'_>, items: &Object) -> PyResult<Ref<Object>> {
    let mut builder = Builder(Vec::new());
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
            });
        }
    }

    fn traverse(this: &Union, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.0.args)?;
        visit.slot(&this.0.parameters)
    }

    fn repr(py: Attached<'_>, this: &Union) -> PyResult<Ref<Str>> {
        let mut parts = Vec::new();
        for member in this.args().as_slice() {
            parts.push(type_repr(py, member)?);
        }
        Str::new(py, &parts.join(" | "))
    }

    fn member_set(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        FrozenSet::type_object().as_object().call_pos(py, &[self.args().as_object()])
    }

    fn hash(py: Attached<'_>, this: &Union) -> PyResult<isize> {
        let mut unhashable = 0;
        for member in this.args().as_slice() {
            if let Err(raised) = member.hash(py) {
                if !raised.matches(py, crate::exc::TypeError()) {
                    return Err(raised);
                }
                raised.clear(py);
                unhashable += 1;
            }
        }
        if unhashable > 0 {
            let plural = if unhashable == 1 { "" } else { "s" };
            return Err(raise!(py, TypeError, "union contains {unhashable} unhashable element{plural}"));
        }
        this.member_set(py)?.hash(py)
    }

    fn richcompare(py: Attached<'_>, this: &Union, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast_exact::<Union>(), op) else {
            return Ok(crate::not_implemented());
        };
        let (ours, theirs) = (this.args().as_slice(), other.args().as_slice());
        let mut equal = ours.len() == theirs.len();
        for member in ours {
            if !equal {
                break;
            }
            equal = false;
            for candidate in theirs {
                if member.eq(py, candidate)? {
                    equal = true;
                    break;
                }
            }
        }
        crate::IntoObject::into_object(equal == (op == CompareOp::Eq), py)
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
