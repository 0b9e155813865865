//! `function`: a code object with its globals, defaults and closure.
//!
//! Concurrency: each attribute is replaced atomically; a call in progress goes on with what it read. Replacing
//! `__code__`, `__defaults__` or `__kwdefaults__` resets the version that call sites guard on.
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::hooks::hooks;
use crate::layout::*;
use crate::mem;
use crate::watch::{self, function_event};
use crate::{Cell, Code, Dict, Object, PyResult, Str, Tuple, Type, id, none, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// A Python function.
#[repr(transparent)]
pub struct Function(pub(crate) PyFunctionObject);

/// An object member; `flags` 1 makes it read-only.
const fn object(name: &'static str, offset: usize, flags: c_int) -> PyMemberDef {
    crate::typedef::member(name, 6, offset, flags, c"")
}

crate::pytype! {
    #[unsafe(no_mangle)]
    pub static PyFunction_Type: "function" for Function {
        base: Object,
        flags: [HAVE_GC, HAVE_VECTORCALL, METHOD_DESCRIPTOR],
        doc: "function(code, globals, name=None, argdefs=None, closure=None,\n         kwdefaults=None)\n--\n\nMakes a function from a code object and a dict of globals.",
        slots: {
            tp_dealloc = Function::dealloc,
            tp_repr = Function::repr,
            tp_call = Function::call_slot,
            tp_descr_get = Function::descr_get,
            tp_traverse = Function::traverse,
            tp_clear = Function::clear_slot,
            tp_new = Function::construct,
            raw tp_vectorcall_offset = offset_of!(PyFunctionObject, vectorcall) as isize,
            raw tp_weaklistoffset = offset_of!(PyFunctionObject, func_weakreflist) as isize,
            raw tp_dictoffset = offset_of!(PyFunctionObject, func_dict) as isize,
        },
        getset: {
            "__code__" => Function::get_code, Function::set_code, "The code object.";
            "__defaults__" => Function::get_defaults, Function::set_defaults, "Defaults of positional parameters.";
            "__kwdefaults__" => Function::get_kwdefaults, Function::set_kwdefaults, "Defaults of keyword-only parameters.";
            "__annotations__" => Function::annotations, Function::set_annotations, "Annotations by parameter name.";
            "__annotate__" => Function::get_annotate, Function::set_annotate, "The function that computes the annotations.";
            "__dict__" => Function::get_dict, Function::set_dict, "Attributes.";
            "__name__" => Function::get_name, Function::set_name, "The name.";
            "__qualname__" => Function::get_qualname, Function::set_qualname, "The qualified name.";
            "__type_params__" => Function::get_type_params, Function::set_type_params, "Type parameters.";
        },
        members: [
            object("__closure__\0", offset_of!(PyFunctionObject, func_closure), 1),
            object("__doc__\0", offset_of!(PyFunctionObject, func_doc), 0),
            object("__globals__\0", offset_of!(PyFunctionObject, func_globals), 1),
            object("__module__\0", offset_of!(PyFunctionObject, func_module), 0),
            object("__builtins__\0", offset_of!(PyFunctionObject, func_builtins), 1),
        ],
    }
}

// Never inlined or merged with another: its address says that a function calls itself.
#[inline(never)]
unsafe extern "C" fn vectorcall(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: [slot-contract], handed on.
    unsafe { (hooks().function_vectorcall)(this, args, nargsf, names) }
}

/// Accessors of the owned object fields: `name() -> &Slot<T>`.
macro_rules! slots {
    ($($name:ident : $field:ident as $ty:ty),* $(,)?) => {
        $(#[inline(always)]
        pub fn $name(&self) -> &Slot<$ty> {
            // SAFETY: the field owns null or a reference of this type; setters check it.
            unsafe { Slot::of(&self.0.$field) }
        })*
    };
}

impl Function {
    /// Whether calls run the function's code: no extension has replaced its vectorcall function.
    #[inline(always)]
    pub fn runs_code(&self) -> bool {
        self.0.vectorcall.get().is_some_and(|calls| std::ptr::fn_addr_eq(calls, vectorcall as vectorcallfunc))
    }

    slots!(
        globals_slot: func_globals as Object,
        builtins_slot: func_builtins as Object,
        name_slot: func_name as Str,
        qualname_slot: func_qualname as Str,
        code_slot: func_code as Code,
        defaults_slot: func_defaults as Tuple,
        kwdefaults_slot: func_kwdefaults as Dict,
        closure_slot: func_closure as Tuple,
        doc_slot: func_doc as Object,
        dict_slot: func_dict as Dict,
        module_slot: func_module as Object,
        annotations_slot: func_annotations as Object,
        annotate_slot: func_annotate as Object,
        typeparams_slot: func_typeparams as Object,
    );

    #[inline(always)]
    pub fn raw(&self) -> &PyFunctionObject {
        &self.0
    }

    /// The code object, borrowed: replaced code objects live on, see [`Function::set_code`].
    #[inline(always)]
    pub fn code(&self) -> &Code {
        // SAFETY: [layout]: always set; a replaced code object is never freed.
        unsafe { &*self.0.func_code.get().cast::<Code>() }
    }

    /// The globals, borrowed: never replaced.
    #[inline(always)]
    pub fn globals(&self) -> &Object {
        // SAFETY: [frozen]: set at creation and never replaced.
        unsafe { Object::from_ptr(self.0.func_globals.get()) }
    }

    /// A function of `code` without defaults or closure; `qualname` defaults to the code's.
    pub fn new(py: Attached<'_>, code: &Code, globals: &Object, qualname: Option<&Str>) -> PyResult<Ref<Function>> {
        let globals_dict = globals.downcast::<Dict>();
        let builtins = match globals_dict.and_then(|dict| dict.get(py, id!(py, __builtins__).as_object()).ok()?) {
            Some(builtins) => match builtins.downcast::<crate::Module>() {
                Ok(module) => module.dict().as_object().to_ref(),
                Err(other) => other,
            },
            None => (hooks().current_builtins)(py),
        };
        let module = match globals_dict {
            Some(dict) => dict.get(py, id!(py, __name__).as_object())?,
            None => globals.get_item_opt(py, id!(py, __name__).as_object())?,
        };
        Self::with_parts(py, code, globals, builtins, module, qualname)
    }

    /// As [`Function::new`] with the builtins and the module name given.
    pub fn with_parts(
        py: Attached<'_>,
        code: &Code,
        globals: &Object,
        builtins: Ref<Object>,
        module: Option<Ref<Object>>,
        qualname: Option<&Str>,
    ) -> PyResult<Ref<Function>> {
        let function = mem::new_instance::<Function>(py, Function::type_object(), |this| {
            let raw = &this.0;
            raw.func_globals.set(globals.to_ref().into_raw());
            raw.func_builtins.set(builtins.into_raw());
            raw.func_name.set(code.name().to_ref().into_raw());
            raw.func_qualname.set(qualname.unwrap_or(code.qualname()).to_ref().into_raw());
            raw.func_code.set(code.to_ref().into_raw());
            raw.func_doc.set(code.doc().into_raw());
            raw.func_module.set(module.map_or(std::ptr::null_mut(), Ref::into_raw));
            raw.vectorcall.set(Some(vectorcall));
            raw.func_version.set(code.raw().co_version.get());
            for field in [
                &raw.func_globals,
                &raw.func_builtins,
                &raw.func_name,
                &raw.func_qualname,
                &raw.func_code,
                &raw.func_doc,
                &raw.func_module,
            ] {
                let value = field.get();
                if !value.is_null() {
                    // SAFETY: the field owns it. Other threads may read it as soon as they see the function.
                    unsafe { crate::mode::publish(value) };
                }
            }
        })?;
        // Inner functions are often short-lived and hold variables, so they are freed promptly.
        if code.raw().co_flags.get() as u32 & krait_bytecode::flags::CO_NESTED == 0 {
            crate::mode::set_deferred(function.as_object());
        }
        watch::function(py, function_event::CREATE, function.as_object(), None);
        Ok(function)
    }

    /// Call sites may no longer rely on what they know about the function.
    fn changed(&self, py: Attached<'_>, event: i32, value: Option<&Object>) {
        watch::function(py, event, self.as_object(), value);
        self.0.func_version.set(0);
    }

    fn construct(py: Attached<'_>, _ty: &Type, args: Args<'_>) -> PyResult<Ref<Function>> {
        static SIG: crate::args::Signature = crate::args::Signature::parse(
            "function",
            "(code, globals, name=None, argdefs=None, closure=None, kwdefaults=None)",
        );
        let [code, globals, name, defaults, closure, kwdefaults] = SIG.bind::<6>(py, args)?;
        let (Some(code), Some(globals)) = (code, globals) else { return Err(py.bad_internal_call()) };
        let Some(code) = code.downcast_exact::<Code>() else {
            let given = crate::builtins::textargs::arg_type(code);
            return Err(raise!(py, TypeError, "function() argument 'code' must be code, not {given}"));
        };
        if globals.downcast::<Dict>().is_none() {
            let given = crate::builtins::textargs::arg_type(globals);
            return Err(raise!(py, TypeError, "function() argument 'globals' must be dict, not {given}"));
        }
        let given = |arg: Option<&'_ Object>| arg.filter(|arg| !arg.is_none()).map(Object::to_ref);
        let name = given(name);
        if name.as_ref().is_some_and(|name| name.as_object().downcast::<Str>().is_none()) {
            return Err(raise!(py, TypeError, "arg 3 (name) must be None or string"));
        }
        let Ok(defaults) = given(defaults).map(Ref::downcast::<Tuple>).transpose() else {
            return Err(raise!(py, TypeError, "arg 4 (defaults) must be None or tuple"));
        };
        let free = code.raw().co_nfreevars.get() as usize;
        let closure = match given(closure).map(Ref::downcast::<Tuple>) {
            Some(Ok(closure)) => Some(closure),
            None if free == 0 => None,
            None => return Err(raise!(py, TypeError, "arg 5 (closure) must be tuple")),
            Some(Err(_)) => return Err(raise!(py, TypeError, "arg 5 (closure) must be None or tuple")),
        };
        let Ok(kwdefaults) = given(kwdefaults).map(Ref::downcast::<Dict>).transpose() else {
            return Err(raise!(py, TypeError, "arg 6 (kwdefaults) must be None or dict"));
        };
        let cells = closure.as_ref().map_or(0, |closure| closure.len());
        if cells != free {
            let name = code.name();
            return Err(raise!(py, ValueError, "{name} requires closure of length {free}, not {cells}"));
        }
        if let Some(closure) = &closure
            && let Some(bad) = closure.as_slice().iter().find(|cell| cell.downcast_exact::<Cell>().is_none())
        {
            let given = bad.ty().name();
            return Err(raise!(py, TypeError, "arg 5 (closure) expected cell, found {given}"));
        }
        let function = Function::new(py, code, globals, None)?;
        if let Some(name) = name {
            // SAFETY: checked above.
            drop(function.name_slot().replace(Some(unsafe { name.cast_unchecked() })));
        }
        drop(function.defaults_slot().replace(defaults));
        drop(function.closure_slot().replace(closure));
        drop(function.kwdefaults_slot().replace(kwdefaults));
        Ok(function)
    }

    fn repr(_py: Attached<'_>, this: &Function) -> String {
        let name = this.qualname_slot().get();
        let name = name.as_ref().map(|name| name.to_string_lossy()).unwrap_or_default();
        format!("<function {name} at {:#x}>", this.as_ptr().addr())
    }

    fn call_slot(_py: Attached<'_>, this: &Function, args: Args<'_>) -> PyResult<Ref<Object>> {
        this.as_object().call(_py, args)
    }

    fn descr_get(
        py: Attached<'_>,
        this: &Function,
        instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        match instance.filter(|instance| !instance.is_none()) {
            None => Ok(this.as_object().to_ref()),
            Some(instance) => Ok(crate::Method::new(py, this.as_object(), instance)?.upcast()),
        }
    }

    fn get_code(_py: Attached<'_>, this: &Function) -> Option<Ref<Code>> {
        this.code_slot().get()
    }

    /// Frames borrow the code object from their function, so a replaced one is kept for good.
    fn set_code(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        let Some(code) = value.and_then(|value| value.downcast_exact::<Code>()) else {
            return Err(raise!(py, TypeError, "__code__ must be set to a code object"));
        };
        let free = code.raw().co_nfreevars.get() as usize;
        let cells = this.closure_slot().get().map_or(0, |closure| closure.len());
        if free != cells {
            let name = this.name_slot().get();
            let name = name.as_ref().map(|name| name.to_string_lossy()).unwrap_or_default();
            return Err(raise!(py, ValueError, "{name}() requires a code object with {cells} free vars, not {free}"));
        }
        const KINDS: c_int = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
        let kind = |code: &Code| code.raw().co_flags.get() & KINDS;
        if this.code_slot().get().is_some_and(|old| kind(&old) != kind(code)) {
            let text = "Assigning a code object of non-matching type is deprecated (e.g., from a generator to a plain function)";
            (crate::hooks::hooks().warn)(py, crate::exc::DeprecationWarning(), text, 1)?;
        }
        this.changed(py, function_event::MODIFY_CODE, Some(code.as_object()));
        if let Some(old) = this.code_slot().replace(Some(code.to_ref())) {
            let _kept = old.into_raw();
        }
        Ok(())
    }

    fn get_defaults(_py: Attached<'_>, this: &Function) -> Option<Ref<Tuple>> {
        this.defaults_slot().get()
    }

    fn set_defaults(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        let value = match value.filter(|value| !value.is_none()).map(|value| value.downcast::<Tuple>()) {
            None => None,
            Some(Some(tuple)) => Some(tuple.to_ref()),
            Some(None) => return Err(raise!(py, TypeError, "__defaults__ must be set to a tuple object")),
        };
        this.changed(py, function_event::MODIFY_DEFAULTS, value.as_deref().map(Layout::as_object));
        this.swap_defaults(py, value);
        Ok(())
    }

    /// Replaces the defaults while no other thread is reading them, see [`Function::defaults`].
    fn swap_defaults(&self, py: Attached<'_>, mut value: Option<Ref<Tuple>>) {
        let mut swap = || value = self.defaults_slot().replace(value.take());
        if crate::FREE_THREADED {
            (crate::hooks::hooks().stop_the_world)(py, &mut swap);
        } else {
            swap();
        }
    }

    /// The defaults of positional parameters, without a count that all callers would write.
    ///
    /// # Safety
    /// [attached], and the borrow ends before the thread may stop: a setter replaces the tuple in a stopped world.
    #[inline(always)]
    pub unsafe fn defaults(&self) -> &[&Object] {
        // SAFETY: by the contract.
        unsafe { self.defaults_slot().borrow() }.map_or(&[], Tuple::as_slice)
    }

    fn get_kwdefaults(_py: Attached<'_>, this: &Function) -> Option<Ref<Dict>> {
        this.kwdefaults_slot().get()
    }

    fn set_kwdefaults(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        let value = match value.filter(|value| !value.is_none()).map(|value| value.downcast::<Dict>()) {
            None => None,
            Some(Some(dict)) => Some(dict.to_ref()),
            Some(None) => return Err(raise!(py, TypeError, "__kwdefaults__ must be set to a dict object")),
        };
        this.changed(py, function_event::MODIFY_KWDEFAULTS, value.as_deref().map(Layout::as_object));
        drop(this.kwdefaults_slot().replace(value));
        Ok(())
    }

    /// Whether there are annotations, computed or not.
    pub fn has_annotations(&self) -> bool {
        self.annotations_slot().get().is_some()
            || self.annotate_slot().get().is_some_and(|annotate| annotate.is_callable())
    }

    /// `__annotations__`, computed by `__annotate__` on first use.
    pub fn annotations(py: Attached<'_>, this: &Function) -> PyResult<Ref<Object>> {
        if let Some(present) = this.annotations_slot().get() {
            let pairs = match present.downcast::<Tuple>() {
                Err(dict) => return Ok(dict),
                Ok(pairs) => pairs,
            };
            let dict = Dict::new(py)?;
            for pair in pairs.as_slice().chunks_exact(2) {
                dict.set(py, pair[0], pair[1])?;
            }
            drop(this.annotations_slot().replace(Some(dict.clone().upcast())));
            return Ok(dict.upcast());
        }
        let computed = match this.annotate_slot().get().filter(|annotate| annotate.is_callable()) {
            None => Dict::new(py)?.upcast(),
            Some(annotate) => {
                let format = crate::Int::from_i64(py, 1)?;
                let result = annotate.call_pos(py, &[format.as_object()])?;
                if result.as_object().downcast::<Dict>().is_none() {
                    let given = result.ty().name();
                    return Err(raise!(py, TypeError, "__annotate__ returned non-dict of type '{given}'"));
                }
                result
            }
        };
        drop(this.annotations_slot().replace(Some(computed.clone())));
        Ok(computed)
    }

    fn set_annotations(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        let value = value.filter(|value| !value.is_none());
        if value.is_some_and(|value| value.downcast::<Dict>().is_none()) {
            return Err(raise!(py, TypeError, "__annotations__ must be set to a dict object"));
        }
        drop(this.annotations_slot().replace(value.map(Object::to_ref)));
        drop(this.annotate_slot().take());
        Ok(())
    }

    fn get_annotate(_py: Attached<'_>, this: &Function) -> Option<Ref<Object>> {
        this.annotate_slot().get()
    }

    fn set_annotate(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        match value {
            None => Err(raise!(py, TypeError, "__annotate__ cannot be deleted")),
            Some(value) if value.is_none() => {
                drop(this.annotate_slot().replace(Some(none())));
                Ok(())
            }
            Some(value) if value.is_callable() => {
                drop(this.annotate_slot().replace(Some(value.to_ref())));
                drop(this.annotations_slot().take());
                Ok(())
            }
            Some(_) => Err(raise!(py, TypeError, "__annotate__ must be callable or None")),
        }
    }

    fn get_dict(py: Attached<'_>, this: &Function) -> PyResult<Ref<Dict>> {
        if let Some(dict) = this.dict_slot().get() {
            return Ok(dict);
        }
        let _locked = this.lock(py);
        if let Some(dict) = this.dict_slot().get() {
            return Ok(dict);
        }
        let dict = Dict::new(py)?;
        drop(this.dict_slot().replace(Some(dict.clone())));
        Ok(dict)
    }

    fn set_dict(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(py, TypeError, "cannot delete __dict__"));
        };
        let Some(dict) = value.downcast::<Dict>() else {
            let given = value.ty().name();
            return Err(raise!(py, TypeError, "__dict__ must be set to a dictionary, not a '{given}'"));
        };
        drop(this.dict_slot().replace(Some(dict.to_ref())));
        Ok(())
    }

    fn get_name(_py: Attached<'_>, this: &Function) -> Option<Ref<Str>> {
        this.name_slot().get()
    }

    fn set_name(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        let Some(name) = value.and_then(|value| value.downcast::<Str>()) else {
            return Err(raise!(py, TypeError, "__name__ must be set to a string object"));
        };
        drop(this.name_slot().replace(Some(name.to_ref())));
        Ok(())
    }

    fn get_qualname(_py: Attached<'_>, this: &Function) -> Option<Ref<Str>> {
        this.qualname_slot().get()
    }

    fn set_qualname(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        let Some(name) = value.and_then(|value| value.downcast::<Str>()) else {
            return Err(raise!(py, TypeError, "__qualname__ must be set to a string object"));
        };
        watch::function(py, function_event::MODIFY_QUALNAME, this.as_object(), Some(name.as_object()));
        drop(this.qualname_slot().replace(Some(name.to_ref())));
        Ok(())
    }

    fn get_type_params(py: Attached<'_>, this: &Function) -> Ref<Object> {
        this.typeparams_slot().get().unwrap_or_else(|| Tuple::empty(py).upcast())
    }

    fn set_type_params(py: Attached<'_>, this: &Function, value: Option<&Object>) -> PyResult<()> {
        let Some(params) = value.and_then(|value| value.downcast::<Tuple>()) else {
            return Err(raise!(py, TypeError, "__type_params__ must be set to a tuple"));
        };
        drop(this.typeparams_slot().replace(Some(params.as_object().to_ref())));
        Ok(())
    }

    fn owned(&self) -> [&Field<*mut PyObject>; 14] {
        let raw = &self.0;
        [
            &raw.func_code,
            &raw.func_globals,
            &raw.func_builtins,
            &raw.func_name,
            &raw.func_qualname,
            &raw.func_defaults,
            &raw.func_kwdefaults,
            &raw.func_closure,
            &raw.func_doc,
            &raw.func_dict,
            &raw.func_module,
            &raw.func_annotations,
            &raw.func_annotate,
            &raw.func_typeparams,
        ]
    }

    fn traverse(this: &Function, visit: Visit<'_>) -> Result<(), c_int> {
        this.owned().into_iter().try_for_each(|field| visit.field(field))
    }

    /// Breaks cycles. Code, names, globals and builtins stay: a function that is still reachable from a finalizer
    /// must remain callable.
    fn clear_slot(_py: Attached<'_>, this: &Function) {
        this.0.func_version.set(0);
        drop(this.module_slot().take());
        drop(this.defaults_slot().take());
        drop(this.kwdefaults_slot().take());
        drop(this.doc_slot().take());
        drop(this.dict_slot().take());
        drop(this.closure_slot().take());
        drop(this.annotations_slot().take());
        drop(this.annotate_slot().take());
        drop(this.typeparams_slot().take());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Function>) {
        // SAFETY: [slot-contract].
        if unsafe { watch::function_goes(py, this.as_ref().as_object()) } {
            return;
        }
        let drop_fields = |this: &Function| {
            for field in this.owned() {
                // SAFETY: the fields own their objects; nobody else sees the object any more.
                drop(unsafe { Slot::<Object>::of(field) }.take());
            }
        };
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, drop_fields) }
    }
}
