//! `wrapper_descriptor` (slot wrappers) and `method-wrapper` (bound ones).
use super::{Descr, c_text, docs};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Visit};
use crate::layout::*;
use crate::protocols::call::steal_result;
use crate::typedef::{CompareOp, member};
use crate::{Dict, Object, PyResult, Str, Tuple, Type, mem, pytype, raise};
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr::{self, NonNull};

/// A special method that stands for a type slot.
#[repr(transparent)]
pub struct WrapperDescr(pub(crate) PyWrapperDescrObject);

impl Descr for WrapperDescr {
    const KIND: &'static str = "slot wrapper";
}

/// The layout of a bound slot wrapper; opaque to C.
#[repr(C)]
pub struct MethodWrapperObject {
    pub ob_base: PyObject,
    pub descr: crate::Slot<WrapperDescr>,
    pub this: crate::Slot,
}

/// A slot wrapper bound to an object.
#[repr(transparent)]
pub struct MethodWrapper(pub(crate) MethodWrapperObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyWrapperDescr_Type: "wrapper_descriptor" for WrapperDescr {
        base: Object,
        flags: [HAVE_GC, METHOD_DESCRIPTOR],
        slots: {
            tp_dealloc = WrapperDescr::descr_dealloc,
            tp_repr = WrapperDescr::descr_repr,
            tp_traverse = WrapperDescr::descr_traverse,
            tp_call = WrapperDescr::call_args,
            tp_descr_get = WrapperDescr::bind,
        },
        methods: {
            noargs "__reduce__" => WrapperDescr::reduce, "($self, /)", "";
        },
        getset: {
            "__doc__" => WrapperDescr::get_doc, "";
            "__qualname__" => WrapperDescr::get_qualname, "";
            "__text_signature__" => WrapperDescr::get_text_signature, "";
        },
        members: [
            member("__objclass__\0", _Py_T_OBJECT, offset_of!(PyDescrObject, d_type), Py_READONLY, c""),
            member("__name__\0", _Py_T_OBJECT, offset_of!(PyDescrObject, d_name), Py_READONLY, c""),
        ],
    }
}

impl WrapperDescr {
    /// A wrapper of the slot function `wrapped` of `owner`.
    pub fn new(
        py: Attached<'_>,
        owner: &Type,
        row: *const wrapperbase,
        wrapped: *mut c_void,
    ) -> PyResult<Ref<WrapperDescr>> {
        // SAFETY: the caller passes a live row.
        let name = c_text(unsafe { &*row }.name.get());
        super::new_descr::<WrapperDescr>(py, owner, &name, |descr| {
            descr.0.d_base.set(row.cast_mut());
            descr.0.d_wrapped.set(wrapped);
        })
    }

    #[inline]
    pub fn row(&self) -> &wrapperbase {
        // SAFETY: rows are static, or outlive the descriptor by the C API's contract.
        unsafe { &*self.0.d_base.get() }
    }

    /// The slot function.
    #[inline]
    pub fn wrapped(&self) -> *mut c_void {
        self.0.d_wrapped.get()
    }

    fn get_doc(py: Attached<'_>, this: &WrapperDescr) -> PyResult<Ref<Object>> {
        let doc = c_text(this.row().doc.get());
        let text = docs::doc_without_signature(&c_text(this.row().name.get()), &doc).to_owned();
        Ok(Str::new(py, &text)?.upcast())
    }

    fn get_text_signature(py: Attached<'_>, this: &WrapperDescr) -> PyResult<Ref<Object>> {
        let doc = c_text(this.row().doc.get());
        match docs::text_signature(&c_text(this.row().name.get()), &doc) {
            Some(text) => Ok(Str::new(py, text)?.upcast()),
            None => Ok(crate::none()),
        }
    }

    /// Calls the wrapper on `this`, which the descriptor applies to.
    pub fn call_on(
        &self,
        py: Attached<'_>,
        this: &Object,
        args: &Tuple,
        kwargs: Option<&Dict>,
    ) -> PyResult<Ref<Object>> {
        let row = self.row();
        let Some(wrapper) = row.wrapper.get() else { return Err(py.bad_internal_call()) };
        let raw_kwargs = kwargs.map_or(ptr::null_mut(), Layout::as_ptr);
        if row.flags.get() & PyWrapperFlag_KEYWORDS != 0 {
            // SAFETY: the flag says that the function takes keywords.
            let wrapper = unsafe { std::mem::transmute::<wrapperfunc, wrapperfunc_kwds>(wrapper) };
            // SAFETY: [slot-contract].
            return unsafe { steal_result(py, wrapper(this.as_ptr(), args.as_ptr(), self.wrapped(), raw_kwargs)) };
        }
        if kwargs.is_some_and(|kwargs| !kwargs.is_empty()) {
            return Err(raise!(py, TypeError, "wrapper {}() takes no keyword arguments", c_text(row.name.get())));
        }
        // SAFETY: [slot-contract].
        unsafe { steal_result(py, wrapper(this.as_ptr(), args.as_ptr(), self.wrapped())) }
    }

    /// `descr(receiver, *args, **kwargs)`.
    pub(crate) fn call_args(py: Attached<'_>, this: &WrapperDescr, args: Args<'_>) -> PyResult<Ref<Object>> {
        let Some((receiver, rest)) = args.pos.split_first() else {
            return Err(raise!(
                py,
                TypeError,
                "descriptor '{}' of '{}' object needs an argument",
                this.name(),
                this.owner().name()
            ));
        };
        if !receiver.is_instance_of(this.owner()) {
            return Err(raise!(
                py,
                TypeError,
                "descriptor '{}' requires a '{}' object but received a '{}'",
                this.name(),
                this.owner().name(),
                receiver.ty().name()
            ));
        }
        let rest = Args { pos: rest, ..args };
        this.call_on(py, receiver, &*rest.pos_tuple(py)?, rest.kw_dict(py)?.as_deref())
    }

    fn bind(
        py: Attached<'_>,
        this: &WrapperDescr,
        instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let Some(instance) = instance else { return Ok(this.as_object().to_ref()) };
        this.check_object(py, instance)?;
        Ok(MethodWrapper::new(py, this, instance)?.upcast())
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static _PyMethodWrapper_Type: "method-wrapper" for MethodWrapper {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = MethodWrapper::dealloc,
            tp_repr = MethodWrapper::repr,
            tp_hash = MethodWrapper::hash,
            tp_call = MethodWrapper::call_args,
            tp_traverse = MethodWrapper::traverse,
            tp_richcompare = MethodWrapper::richcompare,
        },
        methods: {
            noargs "__reduce__" => MethodWrapper::reduce, "($self, /)", "";
        },
        getset: {
            "__objclass__" => |_: Attached<'_>, this: &MethodWrapper| this.descr().owner().to_ref(), "";
            "__name__" => |_: Attached<'_>, this: &MethodWrapper| this.descr().name().to_ref(), "";
            "__qualname__" => |py: Attached<'_>, this: &MethodWrapper| WrapperDescr::get_qualname(py, this.descr()), "";
            "__doc__" => |py: Attached<'_>, this: &MethodWrapper| WrapperDescr::get_doc(py, this.descr()), "";
            "__text_signature__" => |py: Attached<'_>, this: &MethodWrapper| WrapperDescr::get_text_signature(py, this.descr()), "";
        },
        members: [
            member("__self__\0", _Py_T_OBJECT, offset_of!(MethodWrapperObject, this), Py_READONLY, c""),
        ],
    }
}

impl MethodWrapper {
    /// `descr` bound to `this` (`PyWrapper_New`).
    pub fn new(py: Attached<'_>, descr: &WrapperDescr, this: &Object) -> PyResult<Ref<MethodWrapper>> {
        mem::new_instance::<MethodWrapper>(py, Self::type_object(), |wrapper| {
            drop(wrapper.0.descr.replace(Some(descr.to_ref())));
            drop(wrapper.0.this.replace(Some(this.to_ref())));
        })
    }

    fn descr(&self) -> &WrapperDescr {
        // SAFETY: [frozen]: set at creation.
        unsafe { self.0.descr.borrow().unwrap_unchecked() }
    }

    fn this(&self) -> &Object {
        // SAFETY: [frozen]: set at creation.
        unsafe { self.0.this.borrow().unwrap_unchecked() }
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<MethodWrapper>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.0.descr.take());
                drop(this.0.this.take());
            });
        }
    }

    fn traverse(this: &MethodWrapper, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.0.descr)?;
        visit.slot(&this.0.this)
    }

    fn repr(py: Attached<'_>, this: &MethodWrapper) -> PyResult<Ref<Str>> {
        Str::new(
            py,
            &format!(
                "<method-wrapper '{}' of {} object at {:p}>",
                this.descr().name(),
                this.this().ty().name(),
                this.this()
            ),
        )
    }

    fn hash(_py: Attached<'_>, this: &MethodWrapper) -> PyResult<isize> {
        use crate::builtins::object::hash_pointer;
        Ok(hash_pointer(this.this()) ^ hash_pointer(this.descr()))
    }

    fn call_args(py: Attached<'_>, this: &MethodWrapper, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.descr().call_on(py, this.this(), &*args.pos_tuple(py)?, args.kw_dict(py)?.as_deref())
    }

    fn richcompare(py: Attached<'_>, this: &MethodWrapper, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast_exact::<MethodWrapper>() else { return Ok(crate::not_implemented()) };
        let equal = ptr::eq(this.descr(), other.descr()) && this.this().is(other.this());
        match op {
            CompareOp::Eq => crate::IntoObject::into_object(equal, py),
            CompareOp::Ne => crate::IntoObject::into_object(!equal, py),
            _ => Ok(crate::not_implemented()),
        }
    }

    fn reduce(py: Attached<'_>, this: &MethodWrapper) -> PyResult<Ref<Tuple>> {
        let getattr = super::builtin(py, "getattr")?;
        let args = Tuple::from_slice(py, &[this.this(), this.descr().name().as_object()])?;
        Tuple::from_slice(py, &[&getattr, args.as_object()])
    }
}
