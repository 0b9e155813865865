//! `object`, `None`, `Ellipsis`, `NotImplemented`, and what can be asked of any object without a protocol.
mod class;
mod reduce;
mod singletons;

pub use singletons::*;

use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Py_TPFLAGS_IS_ABSTRACT, PyObject, PyTypeObject};
use crate::typedef::{CompareOp, arg, arg_opt, ret_object, ret_status};
use crate::typeobject::PyType_GenericAlloc;
use crate::typeobject::slots::{PyObject_GenericGetAttr, PyObject_GenericSetAttr};
use crate::{Dict, PyResult, Str, Tuple, Type, id, pytype, raise};
use std::ffi::c_int;
use std::ptr::NonNull;

/// Any object.
#[repr(transparent)]
pub struct Object(pub(crate) PyObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyBaseObject_Type: "object" for Object {
        base: Object,
        flags: [BASETYPE],
        fast: EVERY,
        doc: "object()\n--\n\nThe base of all classes.\n\nInstances have no attributes of their own and take no arguments.",
        slots: {
            tp_dealloc = object_dealloc,
            tp_repr = object_repr,
            tp_str = object_str,
            tp_hash = object_hash,
            tp_richcompare = object_richcompare,
            raw tp_getattro = Some(PyObject_GenericGetAttr),
            raw tp_setattro = Some(PyObject_GenericSetAttr),
            raw tp_init = Some(slot_object_init),
            raw tp_new = Some(slot_object_new),
            raw tp_alloc = Some(PyType_GenericAlloc),
            raw tp_free = Some(crate::mem::object_free),
        },
        methods: {
            o "__reduce_ex__" => reduce::object_reduce_ex, "($self, protocol, /)", "Describe the object for pickling with a protocol.";
            noargs "__reduce__" => reduce::object_reduce, "($self, /)", "Describe the object for pickling.";
            noargs "__getstate__" => reduce::object_getstate, "($self, /)", "The state that pickling saves.";
            class raw "__subclasshook__" => subclasshook, "($type, object, /)", "Abstract base classes override this to decide issubclass().\n\nNotImplemented means: decide by inheritance.";
            class raw "__init_subclass__" => init_subclass, "($type, /)", "Called on the class when it is subclassed.\n\nDoes nothing unless overridden.";
            o "__format__" => object_format, "($self, format_spec, /)", "Format the object; only an empty format is supported.";
            noargs "__sizeof__" => object_sizeof, "($self, /)", "Size of the object in memory, in bytes.";
            noargs "__dir__" => object_dir, "($self, /)", "Default implementation of dir().";
        },
        getset: {
            "__class__" => get_class, class::set_class, "the class of the object";
        },
    }
}

impl Object {
    #[inline(always)]
    pub fn raw(&self) -> &PyObject {
        &self.0
    }

    /// Borrows a raw pointer.
    ///
    /// # Safety
    /// `raw` is non-null and points to an object that outlives `'a`.
    #[inline(always)]
    pub unsafe fn from_ptr<'a>(raw: *mut PyObject) -> &'a Object {
        // SAFETY: by the contract.
        unsafe { &*raw.cast() }
    }

    /// The object's type. `__class__` assignment may replace it, but a type outlives its instances.
    #[inline(always)]
    pub fn ty(&self) -> &Type {
        // SAFETY: [layout]: `ob_type` is set for every object and the object keeps its type alive.
        unsafe { &*self.0.ob_type.get().cast() }
    }

    /// Identity: `self is other`.
    #[inline(always)]
    pub fn is<T: Layout>(&self, other: &T) -> bool {
        std::ptr::eq(self, other.as_object())
    }

    #[inline(always)]
    pub fn is_none(&self) -> bool {
        std::ptr::eq(self, none_borrowed())
    }

    #[inline(always)]
    pub fn is_not_implemented(&self) -> bool {
        std::ptr::eq(self, not_implemented_borrowed())
    }

    /// Views the object as a `T` if it is an instance of `T`'s type or a subtype.
    #[inline(always)]
    pub fn downcast<T: Layout>(&self) -> Option<&T> {
        // SAFETY: [layout], just checked.
        T::is_type_of(self.ty()).then(|| unsafe { self.cast_unchecked() })
    }

    /// As [`Object::downcast`], but refuses subtypes.
    #[inline(always)]
    pub fn downcast_exact<T: Layout>(&self) -> Option<&T> {
        // SAFETY: [layout], just checked.
        std::ptr::eq(self.ty(), T::type_object()).then(|| unsafe { self.cast_unchecked() })
    }

    /// # Safety
    /// The object is an instance of `T`'s type.
    #[inline(always)]
    pub unsafe fn cast_unchecked<T: Layout>(&self) -> &T {
        // SAFETY: by the contract.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// Whether the type of the object is `ty` or a subtype (no `__instancecheck__`).
    #[inline]
    pub fn is_instance_of(&self, ty: &Type) -> bool {
        self.ty().is_subtype_of(ty)
    }
}

/// `object.__new__` for `ty` without arguments: allocates a plain instance.
pub fn object_new(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Object>> {
    object_new_args(py, ty, Args::EMPTY)
}

fn is_slot(slot: Option<usize>, function: usize) -> bool {
    slot == Some(function)
}

fn overrides_new(ty: &Type) -> bool {
    !is_slot(ty.as_type().tp_new.get().map(|f| f as usize), slot_object_new as *const () as usize)
}

fn overrides_init(ty: &Type) -> bool {
    !is_slot(ty.as_type().tp_init.get().map(|f| f as usize), slot_object_init as *const () as usize)
}

/// `object.__new__(ty, ...)`: refuses surplus arguments and abstract classes.
pub fn object_new_args(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
    if !args.is_empty() {
        if overrides_new(ty) {
            return Err(raise!(py, TypeError, "object.__new__() takes exactly one argument (the type to instantiate)"));
        }
        if !overrides_init(ty) {
            return Err(raise!(py, TypeError, "{}() takes no arguments", ty.name()));
        }
    }
    if ty.has_feature(Py_TPFLAGS_IS_ABSTRACT) {
        return Err(abstract_instance(py, ty));
    }
    ty.alloc(py, 0)
}

#[cold]
fn abstract_instance(py: Attached<'_>, ty: &Type) -> crate::Raised {
    let names = ty.as_object().get_attr(py, id!(py, __abstractmethods__)).and_then(|names| {
        let list = names.sequence_list(py)?;
        list.sort(py, None, false)?;
        list.to_vec(py)
    });
    let names = match names {
        Ok(names) => names,
        Err(raised) => return raised,
    };
    let quoted: Vec<String> = names
        .iter()
        .map(|name| {
            name.as_object().downcast::<Str>().map_or_else(String::new, |text| format!("'{}'", text.to_string_lossy()))
        })
        .collect();
    let plural = if names.len() > 1 { "s" } else { "" };
    raise!(
        py,
        TypeError,
        "Can't instantiate abstract class {} without an implementation for abstract method{plural} {}",
        ty.name(),
        quoted.join(", ")
    )
}

/// `tp_new` of `object`.
///
/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_object_new(
    ty: *mut PyTypeObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, ty) = (Attached::from_tls(), Type::from_type_ptr(ty));
        let buf = crate::args::ArgsBuf::new(py, arg::<Tuple>(args), arg_opt::<Dict>(kwargs));
        ret_object(py, object_new_args(py, ty, buf.args()))
    }
}

/// `tp_init` of `object`.
///
/// # Safety
/// [slot-contract].
pub unsafe extern "C" fn slot_object_init(this: *mut PyObject, args: *mut PyObject, kwargs: *mut PyObject) -> c_int {
    // SAFETY: [slot-contract].
    let (py, this, args, kwargs) =
        unsafe { (Attached::from_tls(), arg::<Object>(this), arg::<Tuple>(args), arg_opt::<Dict>(kwargs)) };
    let surplus = !args.is_empty() || kwargs.is_some_and(|kwargs| !kwargs.is_empty());
    ret_status(if surplus { check_init(py, this.ty()) } else { Ok(()) })
}

#[cold]
fn check_init(py: Attached<'_>, ty: &Type) -> PyResult<()> {
    if overrides_init(ty) {
        return Err(raise!(py, TypeError, "object.__init__() takes exactly one argument (the instance to initialize)"));
    }
    if !overrides_new(ty) {
        return Err(raise!(
            py,
            TypeError,
            "{}.__init__() takes exactly one argument (the instance to initialize)",
            ty.name()
        ));
    }
    Ok(())
}

/// # Safety
/// As `tp_dealloc`.
unsafe fn object_dealloc(_py: Attached<'_>, this: NonNull<Object>) {
    // SAFETY: a plain object owns nothing; the collector forgot it in the subtype's deallocator.
    unsafe {
        let ty = this.as_ref().ty();
        if ty.is_gc() {
            crate::gc::untrack(this.as_ref());
        }
        crate::mem::free_by_type(this.cast());
    }
}

/// `object.__repr__`.
pub fn object_repr(py: Attached<'_>, this: &Object) -> PyResult<Ref<Str>> {
    let ty = this.ty();
    let module = match ty.as_object().get_attr_opt(py, id!(py, __module__)) {
        Ok(module) => module,
        Err(raised) => {
            raised.clear(py);
            None
        }
    };
    let qualname = ty.qualified_name(py)?;
    let module = module.as_ref().and_then(|module| module.as_object().downcast::<Str>());
    match module {
        Some(module) if !module.eq_str("builtins") => {
            Str::new(py, &format!("<{module}.{qualname} object at {:p}>", this))
        }
        _ => Str::new(py, &format!("<{} object at {:p}>", ty.name(), this)),
    }
}

fn object_str(py: Attached<'_>, this: &Object) -> PyResult<Ref<Str>> {
    this.repr(py)
}

/// The hash of an address: its low four bits rotate away.
#[inline]
pub fn hash_pointer<T>(pointer: *const T) -> isize {
    let hash = (pointer.addr()).rotate_right(4) as isize;
    if hash == -1 { -2 } else { hash }
}

fn object_hash(_py: Attached<'_>, this: &Object) -> PyResult<isize> {
    Ok(hash_pointer(this))
}

fn object_richcompare(py: Attached<'_>, this: &Object, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
    match op {
        CompareOp::Eq if this.is(other) => Ok(crate::Bool::of(true).as_object().to_ref()),
        CompareOp::Ne => {
            let Some(compare) = this.ty().as_type().tp_richcompare.get() else {
                return Ok(if this.is(other) {
                    crate::Bool::of(false).as_object().to_ref()
                } else {
                    not_implemented()
                });
            };
            // SAFETY: [slot-contract].
            let equal = unsafe {
                let raw = compare(this.as_ptr(), other.as_ptr(), CompareOp::Eq as c_int);
                crate::protocols::call::steal_result(py, raw)?
            };
            if equal.is_not_implemented() {
                return Ok(equal);
            }
            Ok(crate::Bool::of(!equal.is_true(py)?).as_object().to_ref())
        }
        _ => Ok(not_implemented()),
    }
}

fn subclasshook(_py: Attached<'_>, _class: &Type, _args: Args<'_>) -> Ref<Object> {
    not_implemented()
}

fn init_subclass(py: Attached<'_>, class: &Type, args: Args<'_>) -> PyResult<()> {
    let name = class.qualified_name(py)?;
    args.no_keywords(py, &format!("{name}.__init_subclass__"))?;
    if !args.pos.is_empty() {
        return Err(raise!(py, TypeError, "{name}.__init_subclass__() takes no arguments ({} given)", args.pos.len()));
    }
    Ok(())
}

fn object_format(py: Attached<'_>, this: &Object, spec: &Object) -> PyResult<Ref<Str>> {
    let Some(spec) = spec.downcast::<Str>() else {
        return Err(crate::builtins::textargs::bad_argument(py, "__format__", "argument", "str", spec));
    };
    if !spec.is_empty() {
        return Err(raise!(py, TypeError, "unsupported format string passed to {}.__format__", this.ty().name()));
    }
    this.str(py)
}

/// What an object takes without memory that it points to: `object.__sizeof__`.
pub fn object_sizeof(_py: Attached<'_>, this: &Object) -> usize {
    let ty = this.ty().as_type();
    let itemsize = ty.tp_itemsize.get() as usize;
    let mut size = ty.tp_basicsize.get() as usize;
    if itemsize > 0 {
        // SAFETY: [layout]: variable-size objects begin with `PyVarObject`.
        let items = unsafe { (*this.as_ptr().cast::<crate::layout::PyVarObject>()).ob_size.get() };
        size += items.unsigned_abs() * itemsize;
    }
    size
}

fn object_dir(py: Attached<'_>, this: &Object) -> PyResult<Ref<Object>> {
    let names = match this.get_attr_opt(py, id!(py, __dict__))? {
        Some(dict) => match dict.downcast::<Dict>() {
            Ok(dict) => dict.copy(py)?,
            Err(_) => Dict::new(py)?,
        },
        None => Dict::new(py)?,
    };
    if let Some(class) = this.get_attr_opt(py, id!(py, __class__))? {
        crate::typeobject::merge_class_dict(py, &names, &class)?;
    }
    crate::protocols::abstract_object::keys_list(py, &names).map(Ref::upcast)
}

fn get_class(_py: Attached<'_>, this: &Object) -> Ref<Type> {
    this.ty().to_ref()
}
