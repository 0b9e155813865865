//! `types.SimpleNamespace`.
use crate::args::Args;
use crate::builtins::container::ReprGuard;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::PyObject;
use crate::typedef::{CompareOp, member};
use crate::{Dict, Object, PyResult, Str, Tuple, Type, mem, pytype, raise};
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout of a namespace; opaque to C.
#[repr(C)]
pub struct NamespaceObject {
    pub ob_base: PyObject,
    pub dict: Slot<Dict>,
}

/// An object with attributes and nothing else. Attributes follow the contract of the dict that holds them.
#[repr(transparent)]
pub struct Namespace(pub(crate) NamespaceObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyNamespace_Type: "types.SimpleNamespace" for Namespace {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        doc: "SimpleNamespace(mapping_or_iterable=(), /, **kwargs)\n--\n\nAn object whose attributes are what it is made from.",
        slots: {
            tp_dealloc = Namespace::dealloc,
            tp_repr = Namespace::repr,
            tp_traverse = |this: &Namespace, visit: Visit<'_>| visit.slot(&this.0.dict),
            tp_clear = |_: Attached<'_>, this: &Namespace| drop(this.0.dict.take()),
            tp_richcompare = Namespace::richcompare,
            tp_init = Namespace::init,
            tp_new = Namespace::tp_new,
            raw tp_dictoffset = offset_of!(NamespaceObject, dict) as isize,
        },
        methods: {
            noargs "__reduce__" => Namespace::reduce, "($self, /)", "Describes the namespace for pickling.";
            raw "__replace__" => Namespace::replace, "($self, /, **changes)", "A copy with new values for the given attributes.";
        },
        members: [
            member("__dict__\0", _Py_T_OBJECT, offset_of!(NamespaceObject, dict), Py_READONLY, c""),
        ],
    }
}

impl Namespace {
    /// A namespace with the items of `dict` (`_PyNamespace_New`).
    pub fn new(py: Attached<'_>, dict: Option<&Dict>) -> PyResult<Ref<Namespace>> {
        let made = Self::alloc(py, Self::type_object())?;
        if let Some(dict) = dict {
            made.dict(py)?.merge(py, dict.as_object(), true)?;
        }
        Ok(made)
    }

    fn alloc(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Namespace>> {
        let dict = Dict::new(py)?;
        let made = ty.alloc(py, 0)?;
        // SAFETY: [layout]: an instance of a subtype.
        let made = unsafe { made.cast_unchecked::<Namespace>() };
        drop(made.0.dict.replace(Some(dict)));
        Ok(made)
    }

    fn tp_new(py: Attached<'_>, ty: &Type, _args: Args<'_>) -> PyResult<Ref<Namespace>> {
        Self::alloc(py, ty)
    }

    fn dict(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        crate::typeobject::instance::get_dict(py, self.as_object())
    }

    fn init(py: Attached<'_>, this: &Namespace, args: Args<'_>) -> PyResult<()> {
        let name = this.as_object().ty().short_name().into_owned();
        crate::args::check_positional(py, &name, args.pos.len(), 0, 1)?;
        let target = this.dict(py)?;
        if let Some(source) = args.pos.first() {
            let dict = match source.downcast_exact::<Dict>() {
                Some(dict) => dict.to_ref(),
                None => {
                    let made = Dict::type_object().as_object().call_pos(py, &[source])?;
                    made.downcast::<Dict>().map_err(|_| py.bad_internal_call())?
                }
            };
            if dict.items_snapshot(py)?.iter().any(|(key, _)| key.as_object().downcast::<Str>().is_none()) {
                return Err(raise!(py, TypeError, "keywords must be strings"));
            }
            target.merge(py, dict.as_object(), true)?;
        }
        for (name, value) in args.names.iter().zip(args.values) {
            if name.downcast::<Str>().is_none() {
                return Err(raise!(py, TypeError, "keywords must be strings"));
            }
            target.set(py, name, value)?;
        }
        Ok(())
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Namespace>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.0.dict.take())) };
    }

    fn repr(py: Attached<'_>, this: &Namespace) -> PyResult<Ref<Str>> {
        let ty = this.as_object().ty();
        let name =
            if std::ptr::eq(ty, Self::type_object()) { "namespace".to_owned() } else { ty.short_name().into_owned() };
        let Some(_guard) = ReprGuard::enter(py, this.as_object())? else {
            return Str::new(py, &format!("{name}(...)"));
        };
        let mut parts = Vec::new();
        for (key, value) in this.dict(py)?.items_snapshot(py)? {
            if let Some(key) = key.as_object().downcast::<Str>().filter(|key| !key.is_empty()) {
                parts.push(format!("{}={}", key, value.repr(py)?));
            }
        }
        Str::new(py, &format!("{name}({})", parts.join(", ")))
    }

    fn richcompare(py: Attached<'_>, this: &Namespace, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<Namespace>() else { return Ok(crate::not_implemented()) };
        this.dict(py)?.as_object().rich_compare(py, other.dict(py)?.as_object(), op)
    }

    fn reduce(py: Attached<'_>, this: &Namespace) -> PyResult<Ref<Tuple>> {
        let class = this.as_object().ty().as_object();
        Tuple::from_slice(py, &[class, Tuple::empty(py).as_object(), this.dict(py)?.as_object()])
    }

    fn replace(py: Attached<'_>, this: &Namespace, args: Args<'_>) -> PyResult<Ref<Object>> {
        if !args.pos.is_empty() {
            return Err(raise!(py, TypeError, "__replace__() takes no positional arguments"));
        }
        let made = this.as_object().ty().as_object().call0(py)?;
        let Some(namespace) = made.as_object().downcast::<Namespace>() else {
            return Err(raise!(
                py,
                TypeError,
                "expect {} type, but {}() returned '{}' object",
                Self::type_object().name(),
                this.as_object().ty().full_name(),
                made.ty().full_name()
            ));
        };
        let dict = namespace.dict(py)?;
        dict.merge(py, this.dict(py)?.as_object(), true)?;
        for (name, value) in args.names.iter().zip(args.values) {
            dict.set(py, name, value)?;
        }
        Ok(made)
    }
}
