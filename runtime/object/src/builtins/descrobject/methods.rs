//! `method_descriptor` and `classmethod_descriptor`.
use super::{Descr, c_text, docs, new_descr};
use crate::args::Args;
use crate::builtins::methodobject::{CFunction, call_method_def};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::typedef::{arg, member};
use crate::{Object, PyResult, Str, Type, pytype, raise};
use std::mem::offset_of;

/// An unbound built-in method.
#[repr(transparent)]
pub struct MethodDescr(pub(crate) PyMethodDescrObject);
/// An unbound built-in class method.
#[repr(transparent)]
pub struct ClassMethodDescr(pub(crate) PyMethodDescrObject);

impl Descr for MethodDescr {
    const KIND: &'static str = "method";
}
impl Descr for ClassMethodDescr {
    const KIND: &'static str = "method";
}

/// The definition behind a method descriptor.
trait HasMethod: Descr {
    #[inline(always)]
    fn method(&self) -> &PyMethodDef {
        // SAFETY: [layout] of both types; the definition lives as long as its type.
        unsafe { &*(*self.as_ptr().cast::<PyMethodDescrObject>()).d_method.get() }
    }
    fn get_doc(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        method_doc(py, this.method())
    }
    fn get_text_signature(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        method_signature(py, this.method())
    }
}
impl HasMethod for MethodDescr {}
impl HasMethod for ClassMethodDescr {}

/// `__doc__` of a built-in function.
pub(crate) fn method_doc(py: Attached<'_>, def: &PyMethodDef) -> PyResult<Ref<Object>> {
    let doc = c_text(def.ml_doc.get());
    let text = docs::doc_without_signature(&c_text(def.ml_name.get()), &doc).to_owned();
    if text.is_empty() {
        return Ok(crate::none());
    }
    Ok(Str::new(py, &text)?.upcast())
}

/// `__text_signature__` of a built-in function: from its doc, or else from a calling convention that leaves no choice.
pub(crate) fn method_signature(py: Attached<'_>, def: &PyMethodDef) -> PyResult<Ref<Object>> {
    let doc = c_text(def.ml_doc.get());
    let flags = def.ml_flags.get();
    let stated = docs::text_signature(&c_text(def.ml_name.get()), &doc);
    let text = stated.or(match flags & !METH_COEXIST {
        METH_NOARGS => Some("($self, /)"),
        METH_O => Some("($self, object, /)"),
        kind if kind == METH_NOARGS | METH_CLASS => Some("($type, /)"),
        kind if kind == METH_O | METH_CLASS => Some("($type, object, /)"),
        kind if kind == METH_NOARGS | METH_STATIC => Some("()"),
        kind if kind == METH_O | METH_STATIC => Some("(object, /)"),
        _ => None,
    });
    match text {
        Some(text) => Ok(Str::new(py, text)?.upcast()),
        None => Ok(crate::none()),
    }
}

const DESCR_TYPE: PyMemberDef =
    member("__objclass__\0", _Py_T_OBJECT, offset_of!(PyDescrObject, d_type), Py_READONLY, c"");
const DESCR_NAME: PyMemberDef = member("__name__\0", _Py_T_OBJECT, offset_of!(PyDescrObject, d_name), Py_READONLY, c"");

pytype! {
    #[unsafe(no_mangle)]
    pub static PyMethodDescr_Type: "method_descriptor" for MethodDescr {
        base: Object,
        flags: [HAVE_GC, HAVE_VECTORCALL, METHOD_DESCRIPTOR],
        slots: {
            tp_dealloc = MethodDescr::descr_dealloc,
            tp_repr = MethodDescr::descr_repr,
            tp_traverse = MethodDescr::descr_traverse,
            tp_call = MethodDescr::call_args,
            tp_descr_get = MethodDescr::bind,
            raw tp_vectorcall_offset = offset_of!(PyMethodDescrObject, vectorcall) as isize,
        },
        methods: {
            noargs "__reduce__" => MethodDescr::reduce, "($self, /)", "";
        },
        getset: {
            "__doc__" => MethodDescr::get_doc, "";
            "__qualname__" => MethodDescr::get_qualname, "";
            "__text_signature__" => MethodDescr::get_text_signature, "";
        },
        members: [DESCR_TYPE, DESCR_NAME],
    }
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyClassMethodDescr_Type: "classmethod_descriptor" for ClassMethodDescr {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = ClassMethodDescr::descr_dealloc,
            tp_repr = ClassMethodDescr::descr_repr,
            tp_traverse = ClassMethodDescr::descr_traverse,
            tp_call = ClassMethodDescr::call_args,
            tp_descr_get = ClassMethodDescr::bind,
        },
        getset: {
            "__doc__" => ClassMethodDescr::get_doc, "";
            "__qualname__" => ClassMethodDescr::get_qualname, "";
            "__text_signature__" => ClassMethodDescr::get_text_signature, "";
        },
        members: [DESCR_TYPE, DESCR_NAME],
    }
}

/// The vectorcall entry of method descriptors: the first argument is the receiver.
unsafe extern "C" fn method_vectorcall(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract].
    unsafe {
        let (py, this) = (Attached::from_tls(), arg::<MethodDescr>(this));
        let nargs = nargsf & (usize::MAX >> 1);
        match this.check_receiver(py, args, nargs) {
            Ok(receiver) => call_method_def(
                py,
                this.method(),
                this.as_object(),
                receiver.as_ptr(),
                Some(this.owner()),
                args.add(1),
                nargs - 1,
                names,
            ),
            Err(_) => std::ptr::null_mut(),
        }
    }
}

impl MethodDescr {
    /// A descriptor of `def`, which lives as long as `owner`.
    pub fn new(py: Attached<'_>, owner: &Type, def: *mut PyMethodDef) -> PyResult<Ref<MethodDescr>> {
        // SAFETY: the caller passes a live definition.
        let name = c_text(unsafe { &*def }.ml_name.get());
        new_descr::<MethodDescr>(py, owner, &name, |descr| {
            descr.0.d_method.set(def);
            descr.0.vectorcall.set(Some(method_vectorcall));
        })
    }

    /// The definition behind it.
    pub fn definition(&self) -> &PyMethodDef {
        self.method()
    }

    /// The error of a call without a receiver.
    #[cold]
    fn unbound(&self, py: Attached<'_>) -> crate::Raised {
        let name = crate::builtins::methodobject::display_name(py, self.as_object());
        raise!(py, TypeError, "unbound method {name} needs an argument")
    }

    #[inline]
    unsafe fn check_receiver<'a>(
        &self,
        py: Attached<'_>,
        args: *const *mut PyObject,
        nargs: usize,
    ) -> PyResult<&'a Object> {
        if nargs == 0 {
            return Err(self.unbound(py));
        }
        // SAFETY: [slot-contract]: the array holds `nargs` live objects.
        let receiver = unsafe { Object::from_ptr(*args) };
        self.check_object(py, receiver)?;
        Ok(receiver)
    }

    fn call_args(py: Attached<'_>, this: &MethodDescr, args: Args<'_>) -> PyResult<Ref<Object>> {
        let Some((receiver, rest)) = args.pos.split_first() else {
            return Err(this.unbound(py));
        };
        this.check_object(py, receiver)?;
        let rest = Args { pos: rest, ..args };
        crate::builtins::methodobject::call_definition(
            py,
            this.method(),
            this.as_object(),
            receiver,
            Some(this.owner()),
            rest,
        )
    }

    fn bind(
        py: Attached<'_>,
        this: &MethodDescr,
        instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let Some(instance) = instance else { return Ok(this.as_object().to_ref()) };
        this.check_object(py, instance)?;
        let defining = (this.method().ml_flags.get() & METH_METHOD != 0).then(|| this.owner());
        Ok(CFunction::new(py, this.0.d_method.get(), Some(instance), None, defining)?.upcast())
    }
}

impl ClassMethodDescr {
    /// A descriptor of `def`, which lives as long as `owner`.
    pub fn new(py: Attached<'_>, owner: &Type, def: *mut PyMethodDef) -> PyResult<Ref<ClassMethodDescr>> {
        // SAFETY: the caller passes a live definition.
        let name = c_text(unsafe { &*def }.ml_name.get());
        new_descr::<ClassMethodDescr>(py, owner, &name, |descr| descr.0.d_method.set(def))
    }

    fn bind(
        py: Attached<'_>,
        this: &ClassMethodDescr,
        instance: Option<&Object>,
        owner: Option<&Object>,
    ) -> PyResult<Ref<CFunction>> {
        let owner = match (owner, instance) {
            (Some(owner), _) => owner,
            (None, Some(instance)) => instance.ty().as_object(),
            (None, None) => {
                return Err(raise!(
                    py,
                    TypeError,
                    "descriptor '{}' for type '{}' needs either an object or a type",
                    this.name(),
                    this.owner().name()
                ));
            }
        };
        let Some(class) = owner.downcast::<Type>() else {
            return Err(raise!(
                py,
                TypeError,
                "descriptor '{}' for type '{}' needs a type, not a '{}' as arg 2",
                this.name(),
                this.owner().name(),
                owner.ty().name()
            ));
        };
        if !class.is_subtype_of(this.owner()) {
            return Err(raise!(
                py,
                TypeError,
                "descriptor '{}' requires a subtype of '{}' but received '{}'",
                this.name(),
                this.owner().name(),
                class.name()
            ));
        }
        let defining = (this.method().ml_flags.get() & METH_METHOD != 0).then(|| this.owner());
        CFunction::new(py, this.0.d_method.get(), Some(class.as_object()), None, defining)
    }

    fn call_args(py: Attached<'_>, this: &ClassMethodDescr, args: Args<'_>) -> PyResult<Ref<Object>> {
        let Some((class, rest)) = args.pos.split_first() else {
            return Err(raise!(
                py,
                TypeError,
                "descriptor '{}' of '{}' object needs an argument",
                this.name(),
                this.owner().name()
            ));
        };
        let bound = Self::bind(py, this, None, Some(class))?;
        bound.as_object().call(py, Args { pos: rest, ..args })
    }
}
