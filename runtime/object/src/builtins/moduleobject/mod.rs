//! `module`: a namespace with a name, and the state of an extension module.
//!
//! Concurrency: attributes live in the module's dict and follow its contract. Definition and state are set before the
//! module is shared.
mod def;
mod errors;

pub use def::{ModuleDef, module_exec_def, module_from_def, module_from_def_and_spec};
pub use errors::{is_shadowing, is_stdlib_name};

use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Visit};
use crate::layout::{PyMethodDef, PyModuleDef};
use crate::typedef::member;
use crate::{Dict, Object, PyResult, Str, Type, id, mem, pytype, raise};
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout of a module; opaque to C.
#[repr(C)]
pub struct ModuleObject {
    pub ob_base: crate::layout::PyObject,
    pub md_dict: crate::Slot<crate::Dict>,
    pub md_def: crate::Field<*mut crate::layout::PyModuleDef>,
    pub md_state: crate::Field<*mut std::ffi::c_void>,
    pub md_weaklist: crate::Field<*mut crate::layout::PyObject>,
    pub md_name: crate::Slot,
    pub md_gil: crate::Field<*mut std::ffi::c_void>,
}

/// A module.
#[repr(transparent)]
pub struct Module(pub(crate) ModuleObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyModule_Type: "module" for Module {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        doc: "module(name, doc=None)\n--\n\nA module: the namespace of a file or an extension.",
        slots: {
            tp_dealloc = Module::dealloc,
            tp_repr = Module::repr,
            tp_getattro = Module::getattro,
            raw tp_setattro = Some(crate::typeobject::slots::PyObject_GenericSetAttr),
            tp_traverse = Module::traverse,
            tp_clear = Module::clear,
            tp_init = Module::init,
            tp_new = Module::tp_new,
            raw tp_dictoffset = offset_of!(ModuleObject, md_dict) as isize,
            raw tp_weaklistoffset = offset_of!(ModuleObject, md_weaklist) as isize,
        },
        methods: {
            noargs "__dir__" => Module::dir, "($self, /)", "The names that the module defines.";
        },
        getset: {
            "__annotations__" => Module::get_annotations, Module::set_annotations, "";
            "__annotate__" => Module::get_annotate, Module::set_annotate, "";
        },
        members: [
            member("__dict__\0", crate::layout::_Py_T_OBJECT, offset_of!(ModuleObject, md_dict), crate::layout::Py_READONLY, c""),
        ],
    }
}

impl Module {
    #[inline(always)]
    pub fn raw(&self) -> &ModuleObject {
        &self.0
    }

    /// An empty module (`PyModule_New`).
    pub fn new(py: Attached<'_>, name: &str) -> PyResult<Ref<Module>> {
        Self::with_name(py, &*Str::new(py, name)?)
    }

    /// An empty module with the standard attributes set.
    pub fn with_name(py: Attached<'_>, name: &Str) -> PyResult<Ref<Module>> {
        let module = Self::alloc(py, Self::type_object())?;
        module.set_standard(py, name, crate::none_borrowed())?;
        Ok(module)
    }

    fn alloc(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Module>> {
        let dict = Dict::new(py)?;
        let module = ty.alloc(py, 0)?;
        // SAFETY: [layout]: an instance of a subtype.
        let module = unsafe { module.cast_unchecked::<Module>() };
        drop(module.0.md_dict.replace(Some(dict)));
        crate::mode::set_deferred(module.as_object());
        Ok(module)
    }

    fn tp_new(py: Attached<'_>, ty: &Type, _args: Args<'_>) -> PyResult<Ref<Module>> {
        Self::alloc(py, ty)
    }

    fn init(py: Attached<'_>, this: &Module, args: Args<'_>) -> PyResult<()> {
        static SIG: crate::args::Signature = crate::args::Signature::parse("module", "(name, doc=None)");
        let [name, doc] = SIG.bind::<2>(py, args)?;
        let Some(name) = name else { return Err(py.bad_internal_call()) };
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(
                py,
                TypeError,
                "module() argument 'name' must be str, not {}",
                crate::builtins::textargs::arg_type(name)
            ));
        };
        if this.0.md_dict.is_null() {
            drop(this.0.md_dict.replace(Some(Dict::new(py)?)));
        }
        this.set_standard(py, name, doc.unwrap_or(crate::none_borrowed()))
    }

    fn set_standard(&self, py: Attached<'_>, name: &Str, doc: &Object) -> PyResult<()> {
        let dict = self.dict();
        dict.set(py, id!(py, __name__).as_object(), name.as_object())?;
        dict.set(py, id!(py, __doc__).as_object(), doc)?;
        for key in [id!(py, __package__), id!(py, __loader__), id!(py, __spec__)] {
            dict.set(py, key.as_object(), crate::none_borrowed())?;
        }
        if name.as_object().downcast_exact::<Str>().is_some() {
            drop(self.0.md_name.replace(Some(name.as_object().to_ref())));
        }
        Ok(())
    }

    /// The namespace.
    #[inline(always)]
    pub fn dict(&self) -> &Dict {
        // SAFETY: [frozen]: set when the module is made, never replaced.
        unsafe { self.0.md_dict.borrow().unwrap_unchecked() }
    }

    /// `__name__` when it is a `str`.
    pub fn name(&self, py: Attached<'_>) -> Option<Ref<Str>> {
        self.dict_str(py, id!(py, __name__))
    }

    fn dict_str(&self, py: Attached<'_>, key: &Str) -> Option<Ref<Str>> {
        match self.dict().get(py, key.as_object()) {
            Ok(found) => found?.downcast::<Str>().ok(),
            Err(raised) => {
                raised.clear(py);
                None
            }
        }
    }

    /// The definition of an extension module, or null.
    pub fn definition(&self) -> *mut PyModuleDef {
        self.0.md_def.get()
    }

    /// The extension module's own memory, or null.
    pub fn state(&self) -> *mut c_void {
        self.0.md_state.get()
    }

    /// Adds an attribute.
    pub fn add(&self, py: Attached<'_>, name: &str, value: &Object) -> PyResult<()> {
        self.dict().set_str(py, name, value)
    }

    /// Adds the functions of a table made by [`functions!`](crate::functions), bound to the module.
    pub fn add_functions(&self, py: Attached<'_>, table: &'static [PyMethodDef]) -> PyResult<()> {
        // SAFETY: a static table with its end entry.
        unsafe { self.add_raw_functions(py, table.as_ptr().cast_mut()) }
    }

    /// As [`Module::add_functions`] for a C table.
    ///
    /// # Safety
    /// `table` ends with an entry without a name and lives as long as the functions.
    pub unsafe fn add_raw_functions(&self, py: Attached<'_>, mut table: *mut PyMethodDef) -> PyResult<()> {
        let name = self.name(py);
        let module_name = name.as_ref().map(|name| name.as_object());
        // SAFETY: by the contract.
        while let Some(def) = unsafe { table.as_ref() }.filter(|def| !def.ml_name.get().is_null()) {
            use crate::layout::{METH_CLASS, METH_STATIC};
            if def.ml_flags.get() & (METH_CLASS | METH_STATIC) != 0 {
                return Err(raise!(py, ValueError, "module functions cannot set METH_CLASS or METH_STATIC"));
            }
            let function =
                crate::builtins::methodobject::CFunction::new(py, table, Some(self.as_object()), module_name, None)?;
            crate::mode::set_deferred(function.as_object());
            let text = crate::builtins::descrobject::c_text(def.ml_name.get());
            let key = Str::intern(py, Str::new(py, &text)?);
            self.dict().set(py, key.as_object(), function.as_object())?;
            // SAFETY: not the end yet.
            table = unsafe { table.add(1) };
        }
        Ok(())
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Module>) {
        // SAFETY: by the contract.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                // SAFETY: the definition outlives its modules.
                if let Some(def) = this.0.md_def.get().as_ref()
                    && let Some(free) = def.m_free.get()
                    && (def.m_size.get() <= 0 || !this.0.md_state.get().is_null())
                {
                    free(this.as_ptr().cast());
                }
                drop(this.0.md_dict.take());
                drop(this.0.md_name.take());
                libc::free(this.0.md_state.get());
            });
        }
    }

    fn traverse(this: &Module, visit: Visit<'_>) -> Result<(), c_int> {
        // SAFETY: the definition outlives its modules.
        if let Some(def) = unsafe { this.0.md_def.get().as_ref() }
            && let Some(traverse) = def.m_traverse.get()
            && (def.m_size.get() <= 0 || !this.0.md_state.get().is_null())
        {
            let (proc, arg) = visit.as_raw();
            // SAFETY: [slot-contract].
            let stop = unsafe { traverse(this.as_ptr(), proc, arg) };
            if stop != 0 {
                return Err(stop);
            }
        }
        visit.slot(&this.0.md_dict)
    }

    /// The dict stays: functions may live on with it, and as part of a cycle it is cleared itself.
    fn clear(_py: Attached<'_>, this: &Module) {
        // SAFETY: the definition outlives its modules; [slot-contract].
        unsafe {
            if let Some(def) = this.0.md_def.get().as_ref()
                && let Some(clear) = def.m_clear.get()
                && (def.m_size.get() <= 0 || !this.0.md_state.get().is_null())
            {
                clear(this.as_ptr());
            }
        }
    }

    fn getattro(py: Attached<'_>, this: &Module, name: &Object) -> PyResult<Ref<Object>> {
        let name = crate::protocols::attributes::checked_name(py, name)?;
        match crate::protocols::attributes::generic_get_attr_opt(py, this.as_object(), name)? {
            Some(value) => Ok(value),
            None => errors::missing(py, this, name),
        }
    }

    /// `object.__getattribute__` of modules with `None` in place of `AttributeError`, `__getattr__` included.
    pub fn get_opt(&self, py: Attached<'_>, name: &Str) -> PyResult<Option<Ref<Object>>> {
        self.as_object().get_attr_opt(py, name)
    }

    fn repr(py: Attached<'_>, this: &Module) -> PyResult<Ref<Str>> {
        let quoted = |name: Option<Ref<Object>>| match name {
            Some(name) if !name.is_none() => name.repr(py).map(|text| text.to_string()),
            _ => Ok("'?'".to_owned()),
        };
        let object = this.as_object();
        let spec = object.get_attr_opt(py, id!(py, __spec__))?.filter(|spec| !spec.is_none());
        let Some(spec) = spec else {
            let name = quoted(object.get_attr_opt(py, id!(py, __name__))?)?;
            if let Some(file) = object.get_attr_opt(py, id!(py, __file__))? {
                return Str::new(py, &format!("<module {name} from {}>", file.repr(py)?));
            }
            let loader = object.get_attr_opt(py, id!(py, __loader__))?.filter(|loader| !loader.is_none());
            return match loader {
                Some(loader) => Str::new(py, &format!("<module {name} ({})>", loader.repr(py)?)),
                None => Str::new(py, &format!("<module {name}>")),
            };
        };
        let name = quoted(spec.get_attr_opt(py, id!(py, name))?)?;
        let origin = spec.get_attr_opt(py, id!(py, origin))?.filter(|origin| !origin.is_none());
        let Some(origin) = origin else {
            let loader = spec.get_attr_opt(py, id!(py, loader))?.filter(|loader| !loader.is_none());
            return match loader {
                None => Str::new(py, &format!("<module {name}>")),
                Some(loader) if loader.ty().short_name() == "NamespaceLoader" => {
                    let path = loader.get_attr(py, id!(py, _path))?.sequence_list(py)?;
                    Str::new(py, &format!("<module {name} (namespace) from {}>", path.as_object().repr(py)?))
                }
                Some(loader) => Str::new(py, &format!("<module {name} ({})>", loader.repr(py)?)),
            };
        };
        let located = match spec.get_attr_opt(py, id!(py, has_location))? {
            Some(flag) => flag.is_true(py)?,
            None => false,
        };
        if located {
            return Str::new(py, &format!("<module {name} from {}>", origin.repr(py)?));
        }
        Str::new(py, &format!("<module {name} ({})>", origin.str(py)?))
    }

    fn dir(py: Attached<'_>, this: &Module) -> PyResult<Ref<Object>> {
        let dict = this.as_object().get_attr(py, id!(py, __dict__))?;
        let dict = match dict.downcast::<Dict>() {
            Ok(dict) => dict,
            Err(_) => return Err(raise!(py, TypeError, "<module>.__dict__ is not a dictionary")),
        };
        match dict.get(py, id!(py, __dir__).as_object())? {
            Some(function) => function.call0(py),
            None => crate::protocols::abstract_object::keys_list(py, &dict).map(Ref::upcast),
        }
    }

    fn get_annotate(py: Attached<'_>, this: &Module) -> PyResult<Ref<Object>> {
        let key = id!(py, __annotate__).as_object();
        match this.dict().get(py, key)? {
            Some(found) => Ok(found),
            None => {
                this.dict().set(py, key, crate::none_borrowed())?;
                Ok(crate::none())
            }
        }
    }

    fn set_annotate(py: Attached<'_>, this: &Module, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "cannot delete __annotate__ attribute"));
        };
        if !value.is_none() && !value.is_callable() {
            return Err(raise!(py, TypeError, "__annotate__ must be callable or None"));
        }
        this.dict().set(py, id!(py, __annotate__).as_object(), value)?;
        if !value.is_none() {
            drop(this.dict().remove(py, id!(py, __annotations__).as_object())?);
        }
        Ok(())
    }

    fn get_annotations(py: Attached<'_>, this: &Module) -> PyResult<Ref<Object>> {
        let key = id!(py, __annotations__).as_object();
        if let Some(found) = this.dict().get(py, key)? {
            return Ok(found);
        }
        let annotate = this.dict().get(py, id!(py, __annotate__).as_object())?;
        let result = match annotate.filter(|annotate| annotate.is_callable()) {
            Some(annotate) => {
                let format = crate::Int::from_i64(py, 1)?;
                let result = annotate.call_pos(py, &[format.as_object()])?;
                if result.as_object().downcast::<Dict>().is_none() {
                    return Err(raise!(
                        py,
                        TypeError,
                        "__annotate__ returned non-dict of type '{}'",
                        result.ty().name()
                    ));
                }
                result
            }
            None => Dict::new(py)?.upcast(),
        };
        if !errors::is_initializing(py, this) {
            this.dict().set(py, key, &result)?;
        }
        Ok(result)
    }

    fn set_annotations(py: Attached<'_>, this: &Module, value: Option<&Object>) -> PyResult<()> {
        let key = id!(py, __annotations__).as_object();
        match value {
            Some(value) => this.dict().set(py, key, value)?,
            None => {
                if this.dict().remove(py, key)?.is_none() {
                    return Err(raise!(py, AttributeError, "__annotations__"));
                }
            }
        }
        drop(this.dict().remove(py, id!(py, __annotate__).as_object())?);
        Ok(())
    }
}
