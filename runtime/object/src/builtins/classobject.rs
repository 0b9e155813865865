//! Bound methods: `method` and `instancemethod`.
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::*;
use crate::protocols::call::{ARGUMENTS_OFFSET, call_prepended, steal_result};
use crate::typedef::{CompareOp, arg, member};
use crate::{Object, PyResult, Str, Tuple, Type, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::{self, NonNull};

/// A function bound to an instance.
#[repr(transparent)]
pub struct Method(pub(crate) PyMethodObject);
/// A callable that binds like a Python function.
#[repr(transparent)]
pub struct InstanceMethod(pub(crate) PyInstanceMethodObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyMethod_Type: "method" for Method {
        base: Object,
        flags: [HAVE_GC, HAVE_VECTORCALL],
        doc: "method(function, instance, /)\n--\n\nA function bound to an instance.",
        slots: {
            tp_dealloc = Method::dealloc,
            tp_repr = Method::repr,
            tp_hash = Method::hash,
            tp_call = Method::call_args,
            tp_getattro = Method::getattro,
            raw tp_setattro = Some(crate::typeobject::slots::PyObject_GenericSetAttr),
            tp_traverse = Method::traverse,
            tp_richcompare = Method::richcompare,
            tp_descr_get = Method::descr_get,
            constructor = Method::make,
            raw tp_vectorcall_offset = offset_of!(PyMethodObject, vectorcall) as isize,
            raw tp_weaklistoffset = offset_of!(PyMethodObject, im_weakreflist) as isize,
        },
        methods: {
            noargs "__reduce__" => Method::reduce, "($self, /)", "";
        },
        getset: {
            "__doc__" => |py: Attached<'_>, this: &Method| this.function().get_attr(py, id!(py, __doc__)), "";
        },
        members: [
            member("__func__\0", _Py_T_OBJECT, offset_of!(PyMethodObject, im_func), Py_READONLY, c"the function behind the method"),
            member("__self__\0", _Py_T_OBJECT, offset_of!(PyMethodObject, im_self), Py_READONLY, c"the instance that the method is bound to"),
        ],
    }
}

/// Calls the function with the instance in front, in the caller's array when it lends a slot.
unsafe extern "C" fn method_vectorcall(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, this) = (Attached::from_tls(), arg::<Method>(this));
        // Methods may be bound to methods without end.
        let _guard = match py.enter_recursive(" while calling a Python object") {
            Ok(guard) => guard,
            Err(raised) => return crate::typedef::ret_object(py, Err::<Ref<Object>, _>(raised)),
        };
        let (function, instance) = (this.function(), this.instance());
        let nargs = nargsf & !ARGUMENTS_OFFSET;
        let result = if nargsf & ARGUMENTS_OFFSET != 0 {
            let lent = args.cast_mut().sub(1);
            let saved = *lent;
            *lent = instance.as_ptr();
            let result = function.vectorcall(py, lent, nargs + 1, names);
            *lent = saved;
            result
        } else {
            let total = nargs + names.cast::<Tuple>().as_ref().map_or(0, Tuple::len);
            let mut small = [instance.as_ptr(); 9];
            let mut large = Vec::new();
            let all: &mut [*mut PyObject] = if total < small.len() {
                &mut small[..=total]
            } else {
                large.resize(total + 1, instance.as_ptr());
                &mut large
            };
            if total != 0 {
                ptr::copy_nonoverlapping(args, all.as_mut_ptr().add(1), total);
            }
            function.vectorcall(py, all.as_ptr(), nargs + 1, names)
        };
        crate::typedef::ret_object(py, result)
    }
}

impl Method {
    #[inline(always)]
    pub fn raw(&self) -> &PyMethodObject {
        &self.0
    }

    /// `function` with `instance` as its first argument.
    pub fn new(py: Attached<'_>, function: &Object, instance: &Object) -> PyResult<Ref<Method>> {
        mem::new_instance::<Method>(py, Self::type_object(), |method| {
            method.0.im_func.set(function.to_ref().into_raw());
            method.0.im_self.set(instance.to_ref().into_raw());
            method.0.vectorcall.set(Some(method_vectorcall));
        })
    }

    #[inline(always)]
    pub fn function(&self) -> &Object {
        // SAFETY: [frozen]: set at creation.
        unsafe { Object::from_ptr(self.0.im_func.get()) }
    }

    #[inline(always)]
    pub fn instance(&self) -> &Object {
        // SAFETY: [frozen]: set at creation.
        unsafe { Object::from_ptr(self.0.im_self.get()) }
    }

    fn make(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Method>> {
        let args = {
            args.no_keywords(py, &ty.name())?;
            args.unpack(py, "method", 2, 2)?
        };
        if !args[0].is_callable() {
            return Err(raise!(py, TypeError, "first argument must be callable"));
        }
        if args[1].is_none() {
            return Err(raise!(py, TypeError, "instance must not be None"));
        }
        Self::new(py, args[0], args[1])
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Method>) {
        // SAFETY: by the contract; the fields are owned.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(Slot::<Object>::of(&this.0.im_func).take());
                drop(Slot::<Object>::of(&this.0.im_self).take());
            });
        }
    }

    fn traverse(this: &Method, visit: Visit<'_>) -> Result<(), c_int> {
        visit.field(&this.0.im_func)?;
        visit.field(&this.0.im_self)
    }

    fn repr(py: Attached<'_>, this: &Method) -> PyResult<Ref<Str>> {
        let function = this.function();
        let name = match function.get_attr_opt(py, id!(py, __qualname__))? {
            Some(name) => Some(name),
            None => function.get_attr_opt(py, id!(py, __name__))?,
        };
        let name = name.as_ref().and_then(|name| name.as_object().downcast::<Str>());
        let instance = this.instance().repr(py)?;
        let name = name.unwrap_or(id!(py, "?"));
        Str::concat_all(py, &[id!(py, "<bound method "), name, id!(py, " of "), &instance, id!(py, ">")])
    }

    fn hash(py: Attached<'_>, this: &Method) -> PyResult<isize> {
        Ok(crate::builtins::object::hash_pointer(this.instance()) ^ this.function().hash(py)?)
    }

    fn richcompare(py: Attached<'_>, this: &Method, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast_exact::<Method>() else { return Ok(crate::not_implemented()) };
        let equal = match op {
            CompareOp::Eq | CompareOp::Ne => {
                this.instance().is(other.instance()) && this.function().eq(py, other.function())?
            }
            _ => return Ok(crate::not_implemented()),
        };
        crate::IntoObject::into_object(equal == (op == CompareOp::Eq), py)
    }

    fn call_args(py: Attached<'_>, this: &Method, args: Args<'_>) -> PyResult<Ref<Object>> {
        call_prepended(py, this.function(), this.instance(), args)
    }

    fn descr_get(_py: Attached<'_>, this: &Method, _instance: Option<&Object>, _owner: Option<&Object>) -> Ref<Object> {
        this.as_object().to_ref()
    }

    /// Attributes of `method` itself first, then those of the function.
    fn getattro(py: Attached<'_>, this: &Method, name: &Object) -> PyResult<Ref<Object>> {
        let name = crate::protocols::attributes::checked_name(py, name)?;
        if let Some(descr) = this.as_object().ty().lookup(py, name) {
            return match descr.ty().as_type().tp_descr_get.get() {
                // SAFETY: [slot-contract].
                Some(get) => unsafe {
                    steal_result(py, get(descr.as_ptr(), this.as_ptr(), this.as_object().ty().as_ptr()))
                },
                None => Ok(descr),
            };
        }
        this.function().get_attr(py, name)
    }

    fn reduce(py: Attached<'_>, this: &Method) -> PyResult<Ref<Tuple>> {
        let name = this.function().get_attr(py, id!(py, __name__))?;
        let getattr = crate::builtins::descrobject::builtin(py, "getattr")?;
        let args = Tuple::from_slice(py, &[this.instance(), &name])?;
        Tuple::from_slice(py, &[&getattr, args.as_object()])
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyInstanceMethod_Type: "instancemethod" for InstanceMethod {
        base: Object,
        flags: [HAVE_GC],
        doc: "instancemethod(function)\n--\n\nMakes a callable bind to instances as functions do.",
        slots: {
            tp_dealloc = InstanceMethod::dealloc,
            tp_repr = InstanceMethod::repr,
            tp_call = InstanceMethod::call_args,
            tp_getattro = InstanceMethod::getattro,
            tp_traverse = InstanceMethod::traverse,
            tp_richcompare = InstanceMethod::richcompare,
            tp_descr_get = InstanceMethod::descr_get,
            constructor = InstanceMethod::make,
        },
        getset: {
            "__doc__" => |py: Attached<'_>, this: &InstanceMethod| this.function().get_attr(py, id!(py, __doc__)), "";
        },
        members: [
            member("__func__\0", _Py_T_OBJECT, offset_of!(PyInstanceMethodObject, func), Py_READONLY, c"the callable behind the method"),
        ],
    }
}

impl InstanceMethod {
    pub fn new(py: Attached<'_>, function: &Object) -> PyResult<Ref<InstanceMethod>> {
        mem::new_instance::<InstanceMethod>(py, Self::type_object(), |method| {
            method.0.func.set(function.to_ref().into_raw());
        })
    }

    #[inline(always)]
    pub fn function(&self) -> &Object {
        // SAFETY: [frozen]: set at creation.
        unsafe { Object::from_ptr(self.0.func.get()) }
    }

    fn make(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<InstanceMethod>> {
        let args = args.unpack(py, "instancemethod", 1, 1)?;
        if !args[0].is_callable() {
            return Err(raise!(py, TypeError, "first argument must be callable"));
        }
        Self::new(py, args[0])
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<InstanceMethod>) {
        // SAFETY: by the contract; the field is owned.
        unsafe { mem::dealloc_with(py, this, |this| drop(Slot::<Object>::of(&this.0.func).take())) };
    }

    fn traverse(this: &InstanceMethod, visit: Visit<'_>) -> Result<(), c_int> {
        visit.field(&this.0.func)
    }

    fn repr(py: Attached<'_>, this: &InstanceMethod) -> PyResult<Ref<Str>> {
        let name = match this.function().get_attr_opt(py, id!(py, __name__))? {
            Some(name) => name.downcast::<Str>().map_or_else(|_| "?".to_owned(), |name| name.to_string()),
            None => "?".to_owned(),
        };
        Str::new(py, &format!("<instancemethod {name} at {this:p}>"))
    }

    fn call_args(py: Attached<'_>, this: &InstanceMethod, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.function().call(py, args)
    }

    fn getattro(py: Attached<'_>, this: &InstanceMethod, name: &Object) -> PyResult<Ref<Object>> {
        let name = crate::protocols::attributes::checked_name(py, name)?;
        if let Some(descr) = this.as_object().ty().lookup(py, name) {
            return match descr.ty().as_type().tp_descr_get.get() {
                // SAFETY: [slot-contract].
                Some(get) => unsafe {
                    steal_result(py, get(descr.as_ptr(), this.as_ptr(), this.as_object().ty().as_ptr()))
                },
                None => Ok(descr),
            };
        }
        this.function().get_attr(py, name)
    }

    fn richcompare(py: Attached<'_>, this: &InstanceMethod, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast_exact::<InstanceMethod>() else { return Ok(crate::not_implemented()) };
        match op {
            CompareOp::Eq | CompareOp::Ne => {
                let equal = this.function().eq(py, other.function())?;
                crate::IntoObject::into_object(equal == (op == CompareOp::Eq), py)
            }
            _ => Ok(crate::not_implemented()),
        }
    }

    fn descr_get(
        py: Attached<'_>,
        this: &InstanceMethod,
        instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        match instance {
            Some(instance) => Ok(Method::new(py, this.function(), instance)?.upcast()),
            None => Ok(this.function().to_ref()),
        }
    }
}
