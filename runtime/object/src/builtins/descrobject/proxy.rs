//! `mappingproxy`: a read-only view of a mapping.
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::PyObject;
use crate::protocols::number::BinaryOp;
use crate::typedef::CompareOp;
use crate::{Object, PyResult, Str, Type, id, mem, pytype, raise};
use std::ptr::NonNull;

/// The layout of a mapping proxy; opaque to C.
#[repr(C)]
pub struct MappingProxyObject {
    pub ob_base: PyObject,
    pub mapping: Slot,
}

/// A read-only view of a mapping.
#[repr(transparent)]
pub struct MappingProxy(pub(crate) MappingProxyObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyDictProxy_Type: "mappingproxy" for MappingProxy {
        base: Object,
        flags: [HAVE_GC, MAPPING],
        doc: "mappingproxy(mapping)\n--\n\nA read-only view of a mapping.",
        slots: {
            tp_dealloc = MappingProxy::dealloc,
            tp_repr = MappingProxy::repr,
            tp_str = |py: Attached<'_>, this: &MappingProxy| this.mapping().str(py),
            tp_hash = |py: Attached<'_>, this: &MappingProxy| this.mapping().hash(py),
            tp_traverse = |this: &MappingProxy, visit: Visit<'_>| visit.slot(&this.0.mapping),
            tp_richcompare = |py: Attached<'_>, this: &MappingProxy, other: &Object, op: CompareOp| this.mapping().rich_compare(py, other, op),
            tp_iter = |py: Attached<'_>, this: &MappingProxy| this.mapping().iter(py),
            constructor = MappingProxy::make,
            nb_or = MappingProxy::or,
            nb_inplace_or = MappingProxy::inplace_or,
            length = |py: Attached<'_>, this: &MappingProxy| this.mapping().len(py),
            mp_subscript = |py: Attached<'_>, this: &MappingProxy, key: &Object| this.mapping().get_item(py, key),
            sq_contains = |py: Attached<'_>, this: &MappingProxy, key: &Object| this.mapping().contains(py, key),
        },
        methods: {
            raw "get" => MappingProxy::get, "($self, key, default=None, /)", "The value of a key, or a default.";
            noargs "keys" => |py: Attached<'_>, this: &MappingProxy| this.mapping().call_method(py, id!(py, keys), &[]), "($self, /)", "A view of the keys.";
            noargs "values" => |py: Attached<'_>, this: &MappingProxy| this.mapping().call_method(py, id!(py, values), &[]), "($self, /)", "A view of the values.";
            noargs "items" => |py: Attached<'_>, this: &MappingProxy| this.mapping().call_method(py, id!(py, items), &[]), "($self, /)", "A view of the items.";
            noargs "copy" => |py: Attached<'_>, this: &MappingProxy| this.mapping().call_method(py, id!(py, copy), &[]), "($self, /)", "A shallow copy of the mapping.";
            class o "__class_getitem__" => crate::builtins::genericaliasobject::class_getitem, "($type, object, /)", "Generic types: mappingproxy[key, value].";
            noargs "__reversed__" => |py: Attached<'_>, this: &MappingProxy| this.mapping().call_method(py, id!(py, __reversed__), &[]), "($self, /)", "A reverse iterator over the keys.";
        },
    }
}

impl MappingProxy {
    /// A proxy of `mapping` (`PyDictProxy_New`).
    pub fn new(py: Attached<'_>, mapping: &Object) -> PyResult<Ref<MappingProxy>> {
        let raw = mapping.ty().as_type();
        // SAFETY: the protocol table lives as long as the type.
        let subscript = unsafe { raw.tp_as_mapping.get().as_ref() }.and_then(|table| table.mp_subscript.get());
        let is_mapping = subscript.is_some()
            && mapping.downcast::<crate::List>().is_none()
            && mapping.downcast::<crate::Tuple>().is_none();
        if !is_mapping {
            return Err(raise!(
                py,
                TypeError,
                "mappingproxy() argument must be a mapping, not {}",
                mapping.ty().name()
            ));
        }
        mem::new_instance::<MappingProxy>(py, Self::type_object(), |proxy| {
            drop(proxy.0.mapping.replace(Some(mapping.to_ref())));
        })
    }

    /// What the proxy shows.
    #[inline]
    pub fn mapping(&self) -> &Object {
        // SAFETY: [frozen]: set at creation.
        unsafe { self.0.mapping.borrow().unwrap_unchecked() }
    }

    fn make(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<MappingProxy>> {
        static SIG: crate::args::Signature = crate::args::Signature::parse("mappingproxy", "(mapping)");
        match SIG.bind::<1>(py, args)? {
            [Some(mapping)] => Self::new(py, mapping),
            _ => Err(py.bad_internal_call()),
        }
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<MappingProxy>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| drop(this.0.mapping.take())) };
    }

    fn repr(py: Attached<'_>, this: &MappingProxy) -> PyResult<Ref<Str>> {
        let inner = this.mapping().repr(py)?;
        Str::concat_all(py, &[id!(py, "mappingproxy("), &inner, id!(py, ")")])
    }

    fn unwrap(object: &Object) -> &Object {
        object.downcast_exact::<MappingProxy>().map_or(object, MappingProxy::mapping)
    }

    fn or(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
        Self::unwrap(left).binary_op(py, Self::unwrap(right), BinaryOp::Or)
    }

    fn inplace_or(py: Attached<'_>, this: &Object, _other: &Object) -> PyResult<Ref<Object>> {
        Err(raise!(py, TypeError, "'|=' is not supported by {}; use '|' instead", this.ty().name()))
    }

    fn get(py: Attached<'_>, this: &MappingProxy, args: Args<'_>) -> PyResult<Ref<Object>> {
        let args = args.unpack(py, "get", 1, 2)?;
        let default = args.get(1).copied().unwrap_or(crate::none_borrowed());
        this.mapping().call_method(py, id!(py, get), &[args[0], default])
    }
}
