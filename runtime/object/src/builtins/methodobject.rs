//! `builtin_function_or_method`: functions written in C or Rust.
//!
//! A call reads `ml_meth` and `ml_flags` from the definition each time, because some packages replace them.
use crate::args::Args;
use crate::builtins::descrobject::{self, c_text};
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::*;
use crate::protocols::call::{ARGUMENTS_OFFSET, steal_result};
use crate::typedef::{CompareOp, arg, member};
use crate::{Dict, Module, Object, PyResult, Raised, Str, Tuple, Type, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::{offset_of, transmute};
use std::ptr::{self, NonNull};

/// A built-in function or bound built-in method.
#[repr(transparent)]
pub struct CFunction(pub(crate) PyCFunctionObject);
/// A built-in method that also gets its defining class.
#[repr(transparent)]
pub struct CMethod(pub(crate) PyCMethodObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyCFunction_Type: "builtin_function_or_method" for CFunction {
        base: Object,
        flags: [HAVE_GC, HAVE_VECTORCALL],
        slots: {
            tp_dealloc = CFunction::dealloc,
            tp_repr = CFunction::repr,
            tp_hash = CFunction::hash,
            tp_call = CFunction::call_args,
            tp_traverse = CFunction::traverse,
            tp_richcompare = CFunction::richcompare,
            raw tp_vectorcall_offset = offset_of!(PyCFunctionObject, vectorcall) as isize,
            raw tp_weaklistoffset = offset_of!(PyCFunctionObject, m_weakreflist) as isize,
        },
        methods: {
            noargs "__reduce__" => CFunction::reduce, "($self, /)", "";
        },
        getset: {
            "__doc__" => |py: Attached<'_>, this: &CFunction| crate::builtins::descrobject::method_doc(py, this.definition()), "";
            "__name__" => |py: Attached<'_>, this: &CFunction| Str::new(py, &c_text(this.definition().ml_name.get())), "";
            "__qualname__" => CFunction::qualname, "";
            "__self__" => CFunction::get_self, "";
            "__text_signature__" => |py: Attached<'_>, this: &CFunction| crate::builtins::descrobject::method_signature(py, this.definition()), "";
        },
        members: [
            member("__module__\0", _Py_T_OBJECT, offset_of!(PyCFunctionObject, m_module), 0, c""),
        ],
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyCMethod_Type: "builtin_method" for CMethod {
        base: CFunction,
        flags: [HAVE_GC, HAVE_VECTORCALL],
        basicsize: size_of::<PyCMethodObject>() as isize,
        slots: {
            raw tp_vectorcall_offset = offset_of!(PyCFunctionObject, vectorcall) as isize,
            raw tp_weaklistoffset = offset_of!(PyCFunctionObject, m_weakreflist) as isize,
        },
    }
}

const KINDS: c_int = METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD;

/// The vectorcall entry of built-in functions.
unsafe extern "C" fn function_vectorcall(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, this) = (Attached::from_tls(), arg::<CFunction>(this));
        let nargs = nargsf & !ARGUMENTS_OFFSET;
        call_method_def(
            py,
            this.definition(),
            this.as_object(),
            this.receiver(),
            this.defining_class(),
            args,
            nargs,
            names,
        )
    }
}

/// How messages name a function: `module.qualname()` without `builtins.`.
pub(crate) fn display_name(py: Attached<'_>, function: &Object) -> String {
    let text = |name: &Str| match function.get_attr_opt(py, name) {
        Ok(found) => found?.downcast::<Str>().ok().map(|text| text.to_string_lossy().into_owned()),
        Err(raised) => {
            raised.clear(py);
            None
        }
    };
    match (text(id!(py, __qualname__)), text(id!(py, __module__))) {
        (None, _) => function.str(py).map_or_else(
            |raised| {
                raised.clear(py);
                "?".to_owned()
            },
            |text| text.to_string_lossy().into_owned(),
        ),
        (Some(qualname), Some(module)) if module != "builtins" => format!("{module}.{qualname}()"),
        (Some(qualname), _) => format!("{qualname}()"),
    }
}

#[cold]
fn no_keywords(py: Attached<'_>, function: &Object) -> Raised {
    raise!(py, TypeError, "{} takes no keyword arguments", display_name(py, function))
}

#[cold]
fn wrong_count(py: Attached<'_>, function: &Object, wants: &str, given: usize) -> Raised {
    raise!(py, TypeError, "{} takes {wants} ({given} given)", display_name(py, function))
}

#[cold]
fn bad_flags(py: Attached<'_>, def: &PyMethodDef) -> Raised {
    raise!(py, SystemError, "{}() method: bad call flags", c_text(def.ml_name.get()))
}

/// Calls the function of a definition with vectorcall arguments, by whichever convention its flags name.
///
/// # Safety
/// [slot-contract]: `args` points to `nargs` positional and then the keyword values; `receiver` is what the function
/// gets as its first argument, possibly null.
#[inline]
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe fn call_method_def(
    py: Attached<'_>,
    def: &PyMethodDef,
    function: &Object,
    receiver: *mut PyObject,
    defining: Option<&Type>,
    args: *const *mut PyObject,
    nargs: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    let Some(meth) = def.ml_meth.get() else {
        let _ = bad_flags(py, def);
        return ptr::null_mut();
    };
    let kind = def.ml_flags.get() & KINDS;
    let has_keywords = !names.is_null()
        // SAFETY: [slot-contract]: a tuple.
        && !unsafe { arg::<Tuple>(names) }.is_empty();
    if crate::stack::is_low(py) {
        let _ = py.enter_recursive(" while calling a Python object");
        return ptr::null_mut();
    }
    // SAFETY: the flags say what the function takes.
    unsafe {
        match kind {
            METH_NOARGS | METH_O if has_keywords => {
                let _ = no_keywords(py, function);
                ptr::null_mut()
            }
            METH_NOARGS => {
                if nargs != 0 {
                    let _ = wrong_count(py, function, "no arguments", nargs);
                    return ptr::null_mut();
                }
                meth(receiver, ptr::null_mut())
            }
            METH_O => {
                if nargs != 1 {
                    let _ = wrong_count(py, function, "exactly one argument", nargs);
                    return ptr::null_mut();
                }
                meth(receiver, *args)
            }
            METH_FASTCALL => {
                if has_keywords {
                    let _ = no_keywords(py, function);
                    return ptr::null_mut();
                }
                transmute::<PyCFunction, PyCFunctionFast>(meth)(receiver, args, nargs as isize)
            }
            FASTCALL_KEYWORDS => {
                transmute::<PyCFunction, PyCFunctionFastWithKeywords>(meth)(receiver, args, nargs as isize, names)
            }
            FASTCALL_KEYWORDS_METHOD => {
                let class = defining.map_or(ptr::null_mut(), Type::as_type_ptr);
                transmute::<PyCFunction, PyCMethod>(meth)(receiver, class, args, nargs as isize, names)
            }
            METH_VARARGS if has_keywords => {
                let _ = no_keywords(py, function);
                ptr::null_mut()
            }
            METH_VARARGS | VARARGS_KEYWORDS => {
                let all = Args::from_vectorcall(args, nargs, names);
                let (Ok(pos), Ok(kwargs)) = (all.pos_tuple(py), all.kw_dict(py)) else { return ptr::null_mut() };
                call_varargs(meth, kind, receiver, &pos, kwargs.as_deref())
            }
            _ => {
                let _ = bad_flags(py, def);
                ptr::null_mut()
            }
        }
    }
}

const FASTCALL_KEYWORDS: c_int = METH_FASTCALL | METH_KEYWORDS;
const FASTCALL_KEYWORDS_METHOD: c_int = METH_FASTCALL | METH_KEYWORDS | METH_METHOD;
const VARARGS_KEYWORDS: c_int = METH_VARARGS | METH_KEYWORDS;

/// # Safety
/// [slot-contract]; `kind` names one of the two tuple conventions, which `meth` follows.
unsafe fn call_varargs(
    meth: PyCFunction,
    kind: c_int,
    receiver: *mut PyObject,
    pos: &Tuple,
    kwargs: Option<&Dict>,
) -> *mut PyObject {
    // SAFETY: by the contract.
    unsafe {
        if kind == METH_VARARGS {
            meth(receiver, pos.as_ptr())
        } else {
            let kwargs = kwargs.map_or(ptr::null_mut(), Layout::as_ptr);
            transmute::<PyCFunction, PyCFunctionWithKeywords>(meth)(receiver, pos.as_ptr(), kwargs)
        }
    }
}

/// Calls the function of a definition with unpacked arguments.
pub(crate) fn call_definition(
    py: Attached<'_>,
    def: &PyMethodDef,
    function: &Object,
    receiver: &Object,
    defining: Option<&Type>,
    args: Args<'_>,
) -> PyResult<Ref<Object>> {
    let all: Vec<&Object> = args.pos.iter().chain(args.values).copied().collect();
    let names = if args.names.is_empty() { None } else { Some(Tuple::from_slice(py, args.names)?) };
    let names = names.as_ref().map_or(ptr::null_mut(), |names| names.as_ptr());
    // SAFETY: borrowed arguments, live for the call.
    unsafe {
        let raw =
            call_method_def(py, def, function, receiver.as_ptr(), defining, all.as_ptr().cast(), args.pos.len(), names);
        crate::protocols::call::steal_call_result(py, function, raw)
    }
}

impl CFunction {
    fn get_self(_py: Attached<'_>, this: &CFunction) -> Option<Ref<Object>> {
        if this.receiver().is_null() { None } else { this.self_slot().get() }
    }

    /// What the C function gets as its first argument, borrowed: a static method is bound to nothing, though it
    /// remembers its class.
    #[inline(always)]
    pub fn receiver(&self) -> *mut PyObject {
        if self.definition().ml_flags.get() & METH_STATIC != 0 { ptr::null_mut() } else { self.0.m_self.get() }
    }

    /// A function of `def` bound to `this`, as `PyCMethod_New`: `defining` is given exactly for `METH_METHOD`.
    pub fn new(
        py: Attached<'_>,
        def: *mut PyMethodDef,
        this: Option<&Object>,
        module: Option<&Object>,
        defining: Option<&Type>,
    ) -> PyResult<Ref<CFunction>> {
        // SAFETY: the caller passes a live definition that outlives the function.
        let definition = unsafe { &*def };
        let kind = definition.ml_flags.get() & KINDS;
        let known = matches!(
            kind,
            METH_VARARGS
                | VARARGS_KEYWORDS
                | METH_FASTCALL
                | FASTCALL_KEYWORDS
                | METH_NOARGS
                | METH_O
                | FASTCALL_KEYWORDS_METHOD
        );
        if !known {
            return Err(bad_flags(py, definition));
        }
        let vectorcall = if kind & METH_VARARGS != 0 { None } else { Some(function_vectorcall as vectorcallfunc) };
        let init = |function: &PyCFunctionObject| {
            let raw = |object: Option<&Object>| object.map_or(ptr::null_mut(), |object| object.to_ref().into_raw());
            function.m_ml.set(def);
            function.m_self.set(raw(this));
            function.m_module.set(raw(module));
            function.vectorcall.set(vectorcall);
        };
        if kind & METH_METHOD != 0 {
            let Some(class) = defining else {
                return Err(raise!(
                    py,
                    SystemError,
                    "attempting to create PyCMethod with a METH_METHOD flag but no class"
                ));
            };
            let method = mem::new_instance::<CMethod>(py, CMethod::type_object(), |method| {
                init(&method.0.func);
                method.0.mm_class.set(class.to_ref().into_raw().cast());
            })?;
            // SAFETY: `builtin_method` derives from `builtin_function_or_method`.
            return Ok(unsafe { method.upcast().cast_unchecked() });
        }
        if defining.is_some() {
            return Err(raise!(py, SystemError, "attempting to create PyCFunction with class but no METH_METHOD flag"));
        }
        mem::new_instance::<CFunction>(py, Self::type_object(), |function| init(&function.0))
    }

    #[inline(always)]
    pub fn raw(&self) -> &PyCFunctionObject {
        &self.0
    }

    /// The definition that calls go through.
    #[inline(always)]
    pub fn definition(&self) -> &PyMethodDef {
        // SAFETY: the definition outlives the function.
        unsafe { &*self.0.m_ml.get() }
    }

    /// The address of the definition.
    #[inline(always)]
    pub fn raw_method(&self) -> *mut PyMethodDef {
        self.0.m_ml.get()
    }

    fn self_slot(&self) -> &Slot {
        // SAFETY: the field owns null or a reference.
        unsafe { Slot::of(&self.0.m_self) }
    }

    /// What it is bound to.
    pub fn this(&self) -> Option<&Object> {
        // SAFETY: [frozen]: set at creation.
        unsafe { self.self_slot().borrow() }
    }

    #[inline]
    fn defining_class(&self) -> Option<&Type> {
        if self.definition().ml_flags.get() & METH_METHOD == 0 {
            return None;
        }
        // SAFETY: the flag says that it is a `builtin_method`, whose class is set at creation.
        unsafe { (*self.as_ptr().cast::<PyCMethodObject>()).mm_class.get().cast::<Type>().as_ref() }
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<CFunction>) {
        // SAFETY: by the contract; the fields are owned.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                if let Some(class) = this.defining_class() {
                    drop(Ref::<Type>::from_raw(class.as_ptr()));
                }
                drop(this.self_slot().take());
                drop(Slot::<Object>::of(&this.0.m_module).take());
            });
        }
    }

    fn traverse(this: &CFunction, visit: Visit<'_>) -> Result<(), c_int> {
        if let Some(class) = this.defining_class() {
            visit.raw(class.as_ptr())?;
        }
        visit.field(&this.0.m_self)?;
        visit.field(&this.0.m_module)
    }

    /// Whether messages show it as a plain function: unbound, or bound to its module.
    fn is_plain(&self) -> bool {
        self.this().is_none_or(|this| this.downcast::<Module>().is_some())
    }

    fn repr(py: Attached<'_>, this: &CFunction) -> PyResult<Ref<Str>> {
        let name = c_text(this.definition().ml_name.get());
        match this.this() {
            Some(object) if !this.is_plain() => {
                Str::new(py, &format!("<built-in method {name} of {} object at {object:p}>", object.ty().name()))
            }
            _ => Str::new(py, &format!("<built-in function {name}>")),
        }
    }

    fn qualname(py: Attached<'_>, this: &CFunction) -> PyResult<Ref<Str>> {
        let name = c_text(this.definition().ml_name.get());
        let Some(object) = this.this().filter(|_| !this.is_plain()) else { return Str::new(py, &name) };
        let class = object.downcast::<Type>().unwrap_or(object.ty());
        let qualname = class.as_object().get_attr(py, id!(py, __qualname__))?;
        match qualname.as_object().downcast::<Str>() {
            Some(qualname) => Str::new(py, &format!("{qualname}.{name}")),
            None => Err(raise!(py, TypeError, "<method>.__class__.__qualname__ is not a unicode object")),
        }
    }

    fn hash(_py: Attached<'_>, this: &CFunction) -> PyResult<isize> {
        use crate::builtins::object::hash_pointer;
        let function = this.definition().ml_meth.get().map_or(0, |f| f as usize);
        Ok(hash_pointer(this.0.m_self.get()) ^ hash_pointer(function as *const u8))
    }

    fn richcompare(py: Attached<'_>, this: &CFunction, other: &Object, op: CompareOp) -> PyResult<Ref<Object>> {
        let Some(other) = other.downcast::<CFunction>() else { return Ok(crate::not_implemented()) };
        let function = |function: &CFunction| function.definition().ml_meth.get().map_or(0, |f| f as usize);
        let equal = this.0.m_self.get() == other.0.m_self.get() && function(this) == function(other);
        match op {
            CompareOp::Eq => crate::IntoObject::into_object(equal, py),
            CompareOp::Ne => crate::IntoObject::into_object(!equal, py),
            _ => Ok(crate::not_implemented()),
        }
    }

    fn reduce(py: Attached<'_>, this: &CFunction) -> PyResult<Ref<Object>> {
        let name = Str::new(py, &c_text(this.definition().ml_name.get()))?;
        match this.this() {
            Some(object) if !this.is_plain() => {
                let getattr = descrobject::builtin(py, "getattr")?;
                let args = Tuple::from_slice(py, &[object, name.as_object()])?;
                Ok(Tuple::from_slice(py, &[&getattr, args.as_object()])?.upcast())
            }
            _ => Ok(name.upcast()),
        }
    }

    fn call_args(py: Attached<'_>, this: &CFunction, args: Args<'_>) -> PyResult<Ref<Object>> {
        let def = this.definition();
        let kind = def.ml_flags.get() & KINDS;
        if let (METH_VARARGS | VARARGS_KEYWORDS, Some(meth)) = (kind, def.ml_meth.get()) {
            if kind == METH_VARARGS {
                args.no_keywords(py, &c_text(def.ml_name.get()))?;
            }
            let (pos, kwargs) = (args.pos_tuple(py)?, args.kw_dict(py)?);
            // SAFETY: [slot-contract]; `tp_call` counts the recursion.
            return unsafe { steal_result(py, call_varargs(meth, kind, this.receiver(), &pos, kwargs.as_deref())) };
        }
        let all: Vec<&Object> = args.pos.iter().chain(args.values).copied().collect();
        let names = if args.names.is_empty() { None } else { Some(Tuple::from_slice(py, args.names)?) };
        let names = names.as_ref().map_or(ptr::null_mut(), |names| names.as_ptr());
        // SAFETY: borrowed arguments, live for the call.
        unsafe {
            let raw = function_vectorcall(this.as_ptr(), all.as_ptr().cast(), args.pos.len(), names);
            steal_result(py, raw)
        }
    }
}
