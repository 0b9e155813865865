//! `classmethod` and `staticmethod`.
use crate::args::Args;
use crate::builtins::classobject::Method;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::*;
use crate::typedef::member;
use crate::{Dict, Object, PyResult, Str, Type, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout of both wrappers; opaque to C.
#[repr(C)]
pub struct WrapperObject {
    pub ob_base: PyObject,
    pub callable: Slot,
    pub dict: Slot<Dict>,
}

/// A method that gets the class.
#[repr(transparent)]
pub struct ClassMethod(pub(crate) WrapperObject);
/// A function in a class that is not bound.
#[repr(transparent)]
pub struct StaticMethod(pub(crate) WrapperObject);

/// What both have in common.
trait Wraps: Layout {
    const NAME: &'static str;

    #[inline(always)]
    fn fields(&self) -> &WrapperObject {
        // SAFETY: [layout] of both types.
        unsafe { &*self.as_ptr().cast() }
    }

    fn make(py: Attached<'_>, callable: &Object) -> PyResult<Ref<Self>> {
        let made = mem::new_instance::<Self>(py, Self::type_object(), |this| {
            drop(this.fields().callable.replace(Some(callable.to_ref())));
        })?;
        crate::mode::set_deferred(made.as_object());
        Ok(made)
    }

    fn new(py: Attached<'_>, ty: &Type, _args: Args<'_>) -> PyResult<Ref<Object>> {
        let made = ty.alloc(py, 0)?;
        // SAFETY: [layout]: an instance of a subtype.
        drop(unsafe { made.as_object().cast_unchecked::<Self>() }.fields().callable.replace(Some(crate::none())));
        crate::mode::set_deferred(&made);
        Ok(made)
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, Self::NAME)?;
        let args = args.unpack(py, Self::NAME, 1, 1)?;
        drop(this.fields().callable.replace(Some(args[0].to_ref())));
        copy_function_attributes(py, this.as_object(), args[0])
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.fields().callable.take());
                drop(this.fields().dict.take());
            });
        }
    }

    fn traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.fields().callable)?;
        visit.slot(&this.fields().dict)
    }

    fn clear(_py: Attached<'_>, this: &Self) {
        drop(this.fields().callable.take());
        drop(this.fields().dict.take());
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let inner = this.fields().callable.get().unwrap_or_else(crate::none).repr(py)?;
        Str::new(py, &format!("<{}({})>", Self::NAME, inner.to_string_lossy()))
    }

    fn is_abstract(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        match this.fields().callable.get() {
            Some(callable) => is_abstract(py, &callable),
            None => Ok(false),
        }
    }

    /// An attribute that is read from the wrapped callable once and kept.
    fn cached(py: Attached<'_>, this: &Self, name: &Str) -> PyResult<Ref<Object>> {
        let dict = crate::typeobject::instance::get_dict(py, this.as_object())?;
        if let Some(found) = dict.get(py, name.as_object())? {
            return Ok(found);
        }
        let callable = this.fields().callable.get().unwrap_or_else(crate::none);
        let value = callable.get_attr(py, name)?;
        dict.set(py, name.as_object(), &value)?;
        Ok(value)
    }

    fn set_cached(py: Attached<'_>, this: &Self, name: &Str, value: Option<&Object>) -> PyResult<()> {
        let dict = crate::typeobject::instance::get_dict(py, this.as_object())?;
        match value {
            Some(value) => dict.set(py, name.as_object(), value),
            None => match dict.remove(py, name.as_object())? {
                Some(_) => Ok(()),
                None => Err(raise!(
                    py,
                    AttributeError,
                    "'{}' object has no attribute '{name}'",
                    this.as_object().ty().name()
                )),
            },
        }
    }
}

impl Wraps for ClassMethod {
    const NAME: &'static str = "classmethod";
}
impl Wraps for StaticMethod {
    const NAME: &'static str = "staticmethod";
}

/// Whether `__isabstractmethod__` of the object is true.
pub(crate) fn is_abstract(py: Attached<'_>, object: &Object) -> PyResult<bool> {
    match object.get_attr_opt(py, id!(py, __isabstractmethod__))? {
        Some(flag) => flag.is_true(py),
        None => Ok(false),
    }
}

/// What `functools.wraps` would copy.
fn copy_function_attributes(py: Attached<'_>, wrapper: &Object, wrapped: &Object) -> PyResult<()> {
    for name in [id!(py, __module__), id!(py, __name__), id!(py, __qualname__), id!(py, __doc__)] {
        if let Some(value) = wrapped.get_attr_opt(py, name)? {
            wrapper.set_attr(py, name, Some(&value))?;
        }
    }
    Ok(())
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyClassMethod_Type: "classmethod" for ClassMethod {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        doc: "classmethod(function, /)\n--\n\nMakes a function in a class get the class as its first argument.\n\nIt can be called on the class and on an instance.",
        slots: {
            tp_dealloc = ClassMethod::dealloc,
            tp_repr = ClassMethod::repr,
            tp_traverse = ClassMethod::traverse,
            tp_clear = ClassMethod::clear,
            tp_descr_get = ClassMethod::bind,
            tp_init = ClassMethod::init,
            tp_new = <ClassMethod as Wraps>::new,
            raw tp_dictoffset = offset_of!(WrapperObject, dict) as isize,
        },
        methods: {
            class o "__class_getitem__" => crate::builtins::genericaliasobject::class_getitem, "($type, object, /)", "Generic types: classmethod[T, P, R].";
        },
        getset: {
            "__isabstractmethod__" => ClassMethod::is_abstract, "";
            "__dict__" => |py: Attached<'_>, this: &ClassMethod| crate::typeobject::instance::get_dict(py, this.as_object()), |py: Attached<'_>, this: &ClassMethod, value: Option<&Object>| crate::typeobject::instance::set_dict(py, this.as_object(), value), "";
            "__annotations__" => |py: Attached<'_>, this: &ClassMethod| ClassMethod::cached(py, this, id!(py, __annotations__)), |py: Attached<'_>, this: &ClassMethod, value: Option<&Object>| ClassMethod::set_cached(py, this, id!(py, __annotations__), value), "";
            "__annotate__" => |py: Attached<'_>, this: &ClassMethod| ClassMethod::cached(py, this, id!(py, __annotate__)), |py: Attached<'_>, this: &ClassMethod, value: Option<&Object>| ClassMethod::set_cached(py, this, id!(py, __annotate__), value), "";
        },
        members: [
            member("__func__\0", _Py_T_OBJECT, offset_of!(WrapperObject, callable), Py_READONLY, c""),
            member("__wrapped__\0", _Py_T_OBJECT, offset_of!(WrapperObject, callable), Py_READONLY, c""),
        ],
    }
}

impl ClassMethod {
    /// A class method of `callable`.
    pub fn new(py: Attached<'_>, callable: &Object) -> PyResult<Ref<ClassMethod>> {
        Self::make(py, callable)
    }

    fn bind(
        py: Attached<'_>,
        this: &ClassMethod,
        instance: Option<&Object>,
        owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let Some(callable) = this.0.callable.get() else {
            return Err(raise!(py, RuntimeError, "uninitialized classmethod object"));
        };
        let class = match (owner, instance) {
            (Some(owner), _) => owner,
            (None, Some(instance)) => instance.ty().as_object(),
            (None, None) => return Err(raise!(py, TypeError, "__get__(None, None) is invalid")),
        };
        Ok(Method::new(py, &callable, class)?.upcast())
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyStaticMethod_Type: "staticmethod" for StaticMethod {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        doc: "staticmethod(function, /)\n--\n\nKeeps a function in a class from being bound.\n\nIt can be called on the class and on an instance, and gets neither.",
        slots: {
            tp_dealloc = StaticMethod::dealloc,
            tp_repr = StaticMethod::repr,
            tp_call = StaticMethod::call_args,
            tp_traverse = StaticMethod::traverse,
            tp_clear = StaticMethod::clear,
            tp_descr_get = StaticMethod::bind,
            tp_init = StaticMethod::init,
            tp_new = <StaticMethod as Wraps>::new,
            raw tp_dictoffset = offset_of!(WrapperObject, dict) as isize,
        },
        methods: {
            class o "__class_getitem__" => crate::builtins::genericaliasobject::class_getitem, "($type, object, /)", "Generic types: staticmethod[P, R].";
        },
        getset: {
            "__isabstractmethod__" => StaticMethod::is_abstract, "";
            "__dict__" => |py: Attached<'_>, this: &StaticMethod| crate::typeobject::instance::get_dict(py, this.as_object()), |py: Attached<'_>, this: &StaticMethod, value: Option<&Object>| crate::typeobject::instance::set_dict(py, this.as_object(), value), "";
            "__annotations__" => |py: Attached<'_>, this: &StaticMethod| StaticMethod::cached(py, this, id!(py, __annotations__)), |py: Attached<'_>, this: &StaticMethod, value: Option<&Object>| StaticMethod::set_cached(py, this, id!(py, __annotations__), value), "";
            "__annotate__" => |py: Attached<'_>, this: &StaticMethod| StaticMethod::cached(py, this, id!(py, __annotate__)), |py: Attached<'_>, this: &StaticMethod, value: Option<&Object>| StaticMethod::set_cached(py, this, id!(py, __annotate__), value), "";
        },
        members: [
            member("__func__\0", _Py_T_OBJECT, offset_of!(WrapperObject, callable), Py_READONLY, c""),
            member("__wrapped__\0", _Py_T_OBJECT, offset_of!(WrapperObject, callable), Py_READONLY, c""),
        ],
    }
}

impl StaticMethod {
    /// A static method of `callable`.
    pub fn new(py: Attached<'_>, callable: &Object) -> PyResult<Ref<StaticMethod>> {
        Self::make(py, callable)
    }

    /// What it wraps.
    pub fn callable(&self) -> Option<Ref<Object>> {
        self.0.callable.get()
    }

    fn bind(
        py: Attached<'_>,
        this: &StaticMethod,
        _instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        match this.0.callable.get() {
            Some(callable) => Ok(callable),
            None => Err(raise!(py, RuntimeError, "uninitialized staticmethod object")),
        }
    }

    fn call_args(py: Attached<'_>, this: &StaticMethod, args: Args<'_>) -> PyResult<Ref<Object>> {
        match this.0.callable.get() {
            Some(callable) => callable.call(py, args),
            None => Err(raise!(py, RuntimeError, "uninitialized staticmethod object")),
        }
    }
}
