//! `super`.
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::PyObject;
use crate::protocols::call::steal_result;
use crate::typedef::member;
use crate::{Object, PyResult, Str, Type, hooks, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::{self, NonNull};

/// The layout of a `super` object; opaque to C.
#[repr(C)]
pub struct SuperObject {
    pub ob_base: PyObject,
    pub class: Slot<Type>,
    pub object: Slot,
    pub object_type: Slot<Type>,
}

/// Attribute access that begins after a class in the MRO.
#[repr(transparent)]
pub struct Super(pub(crate) SuperObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PySuper_Type: "super" for Super {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        doc: "super() -> as super(__class__, <first argument>)\nsuper(type) -> unbound super object\nsuper(type, obj) -> bound super object; requires isinstance(obj, type)\nsuper(type, type2) -> bound super object; requires issubclass(type2, type)\n\nLooks attributes up in the classes that follow a class in the method resolution order.",
        slots: {
            tp_dealloc = Super::dealloc,
            tp_repr = Super::repr,
            tp_getattro = Super::getattro,
            tp_traverse = Super::traverse,
            tp_descr_get = Super::descr_get,
            tp_init = Super::init,
            raw tp_new = Some(crate::typeobject::PyType_GenericNew),
            raw tp_vectorcall = Some(super_vectorcall),
        },
        members: [
            member("__thisclass__\0", _Py_T_OBJECT, offset_of!(SuperObject, class), Py_READONLY, c"the class that called super()"),
            member("__self__\0", _Py_T_OBJECT, offset_of!(SuperObject, object), Py_READONLY, c"the object that called super(); None while unbound"),
            member("__self_class__\0", _Py_T_OBJECT, offset_of!(SuperObject, object_type), Py_READONLY, c"the type of the object that called super(); None while unbound"),
        ],
    }
}

/// `super(...)` without tuple and `__init__`.
unsafe extern "C" fn super_vectorcall(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, ty) = (Attached::from_tls(), crate::typedef::arg::<Type>(this));
        let args = Args::from_vectorcall(args, nargsf & (usize::MAX >> 1), names);
        let result = ty.alloc(py, 0).and_then(|made| {
            Super::init(py, made.as_object().cast_unchecked::<Super>(), args)?;
            Ok(made)
        });
        crate::typedef::ret_object(py, result)
    }
}

/// The type in whose MRO `super(class, object)` looks: `object` itself for class methods, else its type.
pub fn check(py: Attached<'_>, class: &Type, object: &Object) -> PyResult<Ref<Type>> {
    let object_class = object.downcast::<Type>();
    // A custom `mro()` may have left a class out of its own MRO.
    if let Some(candidate) = object_class
        && candidate.derives_from(class)
    {
        return Ok(candidate.to_ref());
    }
    if object.is_instance_of(class) {
        return Ok(object.ty().to_ref());
    }
    if let Some(claimed) = object.get_attr_opt(py, id!(py, __class__))?
        && let Ok(claimed) = claimed.downcast::<Type>()
        && !ptr::eq(&raw const *claimed, object.ty())
        && claimed.is_subtype_of(class)
    {
        return Ok(claimed);
    }
    let (kind, name) = match object_class {
        Some(given) => ("type", given.name()),
        None => ("instance of", object.ty().name()),
    };
    Err(raise!(
        py,
        TypeError,
        "super(type, obj): obj ({kind} {name}) is not an instance or subtype of type ({}).",
        class.name()
    ))
}

/// Looks `name` up after `class` in the MRO of `start`. With `unbound_method`, a method descriptor is returned as it
/// is and the flag set; otherwise what is found is bound to `object`.
pub fn lookup_after(
    py: Attached<'_>,
    class: &Type,
    object: &Object,
    start: &Type,
    name: &Str,
    unbound_method: Option<&mut bool>,
) -> PyResult<Option<Ref<Object>>> {
    let mro = start.mro();
    let Some(at) = mro.iter().position(|entry| ptr::eq(*entry, class)) else { return Ok(None) };
    for entry in &mro[at + 1..] {
        let Some(dict) = entry.dict() else { continue };
        let Some(found) = dict.get(py, name.as_object())? else { continue };
        if let Some(flag) = unbound_method
            && crate::protocols::call::is_method_descriptor(&found)
        {
            *flag = true;
            return Ok(Some(found));
        }
        let Some(get) = found.ty().as_type().tp_descr_get.get() else { return Ok(Some(found)) };
        // A class method sees no instance.
        let instance = if ptr::addr_eq(object, start) { ptr::null_mut() } else { object.as_ptr() };
        // SAFETY: [slot-contract].
        return unsafe { steal_result(py, get(found.as_ptr(), instance, start.as_ptr())).map(Some) };
    }
    Ok(None)
}

/// The class whose own lookup finds what `super(class, object)` finds, if the classes after `class` in the MRO of the
/// object's type are exactly that class's MRO, as with single inheritance.
///
/// `None` also for class objects and for objects that `super` would have to ask for their class.
pub fn next_class<'a>(class: &'a Type, object: &Object) -> Option<&'a Type> {
    let start = object.ty();
    let plain = |ty: &Type| ptr::eq(ty.as_object().ty(), Type::type_object());
    if !plain(class) || !plain(start) || object.downcast::<Type>().is_some() {
        return None;
    }
    let [base] = class.bases() else { return None };
    let (mro, own) = (start.mro(), class.mro());
    let at = mro.iter().position(|entry| ptr::eq(*entry, class))?;
    // The class's own tail keeps its order in that of a subclass, so equal lengths mean equal tails.
    (mro.len() - at == own.len()).then(|| base.downcast::<Type>()).flatten()
}

impl Super {
    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Super>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                drop(this.0.class.take());
                drop(this.0.object.take());
                drop(this.0.object_type.take());
            });
        }
    }

    fn traverse(this: &Super, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(&this.0.class)?;
        visit.slot(&this.0.object)?;
        visit.slot(&this.0.object_type)
    }

    fn init(py: Attached<'_>, this: &Super, args: Args<'_>) -> PyResult<()> {
        args.no_keywords(py, "super")?;
        crate::args::check_positional(py, "super()", args.pos.len(), 0, 2)?;
        let (class, object) = match args.pos {
            [] => {
                let (object, class) = (hooks::hooks().super_context)(py)?;
                match class.downcast::<Type>() {
                    Ok(class) => (class, Some(object)),
                    Err(other) => {
                        return Err(raise!(
                            py,
                            RuntimeError,
                            "super(): __class__ is not a type ({})",
                            other.ty().name()
                        ));
                    }
                }
            }
            [class, rest @ ..] => {
                let Some(class) = class.downcast::<Type>() else {
                    return Err(raise!(py, TypeError, "super() argument 1 must be a type, not {}", class.ty().name()));
                };
                (class.to_ref(), rest.first().filter(|object| !object.is_none()).map(|object| object.to_ref()))
            }
        };
        let object_type = match &object {
            Some(object) => Some(check(py, &class, object)?),
            None => None,
        };
        drop(this.0.class.replace(Some(class)));
        drop(this.0.object.replace(object));
        drop(this.0.object_type.replace(object_type));
        Ok(())
    }

    fn repr(py: Attached<'_>, this: &Super) -> PyResult<Ref<Str>> {
        let class = this.0.class.get().map_or_else(|| "NULL".to_owned(), |class| class.name().into_owned());
        match this.0.object_type.get() {
            Some(object_type) => Str::new(py, &format!("<super: <class '{class}'>, <{} object>>", object_type.name())),
            None => Str::new(py, &format!("<super: <class '{class}'>, NULL>")),
        }
    }

    fn getattro(py: Attached<'_>, this: &Super, name: &Object) -> PyResult<Ref<Object>> {
        let name = crate::protocols::attributes::checked_name(py, name)?;
        if let (Some(class), Some(object), Some(start)) =
            (this.0.class.get(), this.0.object.get(), this.0.object_type.get())
            && !name.eq_str("__class__")
            && let Some(found) = lookup_after(py, &class, &object, &start, name, None)?
        {
            return Ok(found);
        }
        this.as_object().generic_get_attr(py, name)
    }

    fn descr_get(
        py: Attached<'_>,
        this: &Super,
        instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let Some(instance) = instance.filter(|instance| !instance.is_none() && this.0.object.is_null()) else {
            return Ok(this.as_object().to_ref());
        };
        let Some(class) = this.0.class.get() else {
            return Err(raise!(py, RuntimeError, "super(): empty __class__ cell"));
        };
        let ty = this.as_object().ty();
        if !ptr::eq(ty, Self::type_object()) {
            return ty.as_object().call_pos(py, &[class.as_object(), instance]);
        }
        let object_type = check(py, &class, instance)?;
        let made = mem::new_instance::<Super>(py, ty, |made| {
            drop(made.0.class.replace(Some(class)));
            drop(made.0.object.replace(Some(instance.to_ref())));
            drop(made.0.object_type.replace(Some(object_type)));
        })?;
        Ok(made.upcast())
    }
}
