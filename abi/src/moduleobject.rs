//! `moduleobject.h`, `pycapsule.h`, and the module half of `modsupport.h`.
use crate::capi::*;
use krait_layout::*;
use krait_object::capsule::Capsule;
use krait_object::moduleobject::{ModuleDef, module_exec_def, module_from_def, module_from_def_and_spec};
use krait_object::{Attached, Int, Layout, Module, Object, PyResult, Ref, Str, Type, id, raise};
use std::ffi::{CStr, c_char, c_int, c_long, c_void};

fn module<'a>(py: Attached<'_>, o: &'a Object) -> PyResult<&'a Module> {
    o.downcast::<Module>().ok_or_else(|| raise!(py, TypeError, "bad argument type for built-in operation"))
}

fn add(py: Attached<'_>, o: &Object, name: &str, value: Option<&Object>) -> PyResult<()> {
    let Some(module) = o.downcast::<Module>() else {
        return Err(raise!(py, TypeError, "PyModule_AddObjectRef() first argument must be a module"));
    };
    match value {
        Some(value) => module.dict().set_str(py, name, value),
        None if py.pending().is_some() => Err(krait_object::Raised::assume()),
        None => Err(raise!(
            py,
            SystemError,
            "PyModule_AddObjectRef() must be called with an exception raised if value is NULL"
        )),
    }
}

fn name_of(py: Attached<'_>, o: &Object) -> PyResult<Ref<Object>> {
    let name = module(py, o)?.dict().get_str(py, "__name__").filter(|name| (**name).downcast::<Str>().is_some());
    name.ok_or_else(|| raise!(py, SystemError, "nameless module"))
}

fn filename_of(py: Attached<'_>, o: &Object) -> PyResult<Ref<Object>> {
    let name = module(py, o)?.dict().get_str(py, "__file__").filter(|name| (**name).downcast::<Str>().is_some());
    name.ok_or_else(|| raise!(py, SystemError, "module filename missing"))
}

capi! {
    fn PyModuleDef_Init(py, def: *mut PyModuleDef) -> Lent {
        let head = &(*def).m_base;
        if head.ob_base.ob_type.get().is_null() { head.ob_base.ob_type.set(ModuleDef::type_object().as_type_ptr()) }
        Ok(Lent(def.cast()))
    }
    fn PyModule_Create2(py, def: *mut PyModuleDef, version: c_int) -> Ref<Module> {
        PyModuleDef_Init(def);
        let context = crate::import::package_context();
        module_from_def(py, def, context.as_deref())
    }
    fn PyModule_FromDefAndSpec2(py, def: *mut PyModuleDef, spec: &Object, version: c_int) -> Ref<Object> {
        PyModuleDef_Init(def);
        module_from_def_and_spec(py, def, spec)
    }
    fn PyModule_ExecDef(py, o: &Object, def: *mut PyModuleDef) -> () { module_exec_def(py, o, def) }
    fn PyModule_New(py, name: Text<'_>) -> Ref<Module> { Module::new(py, name.0) }
    fn PyModule_NewObject(py, name: &Str) -> Ref<Module> { Module::with_name(py, name) }
    fn PyModule_GetDict(py, o: &Module) -> Lent { Ok(Lent(o.dict().as_ptr())) }
    fn PyModule_GetNameObject(py, o: &Object) -> Ref<Object> { name_of(py, o) }
    fn PyModule_GetName(py, o: &Object) -> *const c_char {
        let name = name_of(py, o)?;
        let text = (*name).downcast::<Str>().ok_or_else(|| py.bad_internal_call())?;
        Ok(text.to_utf8(py)?.as_ptr().cast())
    }
    fn PyModule_GetFilenameObject(py, o: &Object) -> Ref<Object> { filename_of(py, o) }
    fn PyModule_GetFilename(py, o: &Object) -> *const c_char {
        let name = filename_of(py, o)?;
        let text = (*name).downcast::<Str>().ok_or_else(|| py.bad_internal_call())?;
        Ok(text.to_utf8(py)?.as_ptr().cast())
    }
    fn PyModule_GetDef(py, o: &Object) -> *mut PyModuleDef { Ok(module(py, o)?.definition()) }
    fn PyModule_GetState(py, o: &Object) -> *mut c_void { Ok(module(py, o)?.state()) }
    fn PyModule_AddObjectRef(py, o: &Object, name: Text<'_>, value: Option<&Object>) -> () { add(py, o, name.0, value) }
    fn PyModule_Add(py, o: &Object, name: Text<'_>, value: Stolen) -> () { add(py, o, name.0, value.as_deref()) }
    fn PyModule_AddObject(py, o: &Object, name: Text<'_>, value: *mut PyObject) -> () {
        // Only success consumes the reference.
        add(py, o, name.0, value.cast::<Object>().as_ref())?;
        drop(Ref::<Object>::from_raw_opt(value));
        Ok(())
    }
    fn PyModule_AddIntConstant(py, o: &Object, name: Text<'_>, value: c_long) -> () { add(py, o, name.0, Some(Int::from_i64(py, value)?.as_object())) }
    fn PyModule_AddStringConstant(py, o: &Object, name: Text<'_>, value: Text<'_>) -> () { add(py, o, name.0, Some(value.obj(py)?.as_object())) }
    fn PyModule_AddType(py, o: &Object, ty: *mut PyTypeObject) -> () {
        let ty = Type::from_type_ptr(ty);
        if !ty.is_ready() { ty.ready(py)? }
        add(py, o, &ty.short_name(), Some(ty.as_object()))
    }
    fn PyModule_AddFunctions(py, o: &Object, table: *mut PyMethodDef) -> () { module(py, o)?.add_raw_functions(py, table) }
    fn PyModule_SetDocString(py, o: &Object, doc: Text<'_>) -> () { o.set_attr(py, id!(py, __doc__), Some(doc.obj(py)?.as_object())) }

    fn PyCapsule_New(py, pointer: *mut c_void, name: *const c_char, destructor: *mut c_void) -> Ref<Capsule> {
        Capsule::new(py, pointer, name, std::mem::transmute::<*mut c_void, Option<krait_object::capsule::Destructor>>(destructor))
    }
    fn PyCapsule_GetPointer(py, o: Option<&Object>, name: *const c_char) -> *mut c_void {
        let found = capsule(py, o, "PyCapsule_GetPointer")?;
        if !found.is_named(name) { return Err(raise!(py, ValueError, "PyCapsule_GetPointer called with incorrect name")); }
        Ok(found.raw().pointer.get())
    }
    fn PyCapsule_GetName(py, o: Option<&Object>) -> *const c_char { Ok(capsule(py, o, "PyCapsule_GetName")?.name()) }
    fn PyCapsule_GetContext(py, o: Option<&Object>) -> *mut c_void { Ok(capsule(py, o, "PyCapsule_GetContext")?.raw().context.get()) }
    fn PyCapsule_SetContext(py, o: Option<&Object>, context: *mut c_void) -> () { capsule(py, o, "PyCapsule_SetContext")?.raw().context.set(context); Ok(()) }
    fn PyCapsule_SetName(py, o: Option<&Object>, name: *const c_char) -> () { capsule(py, o, "PyCapsule_SetName")?.raw().name.set(name); Ok(()) }
    fn PyCapsule_SetPointer(py, o: Option<&Object>, pointer: *mut c_void) -> () {
        if pointer.is_null() { return Err(raise!(py, ValueError, "PyCapsule_SetPointer called with null pointer")); }
        capsule(py, o, "PyCapsule_SetPointer")?.raw().pointer.set(pointer);
        Ok(())
    }
    fn PyCapsule_SetDestructor(py, o: Option<&Object>, destructor: *mut c_void) -> () {
        let destructor = std::mem::transmute::<*mut c_void, Option<krait_object::capsule::Destructor>>(destructor);
        capsule(py, o, "PyCapsule_SetDestructor")?.raw().destructor.set(destructor);
        Ok(())
    }
    fn PyCapsule_GetDestructor(py, o: Option<&Object>) -> *mut c_void {
        Ok(std::mem::transmute::<Option<krait_object::capsule::Destructor>, *mut c_void>(capsule(py, o, "PyCapsule_GetDestructor")?.raw().destructor.get()))
    }
    fn PyCapsule_Import(py, name: &CStr, no_block: c_int) -> *mut c_void {
        // The name of the module alone may be no UTF-8; it is the one that is not found then.
        let text = match utf8(py, name.to_bytes()) {
            Ok(text) => text,
            Err(raised) => {
                let first = name.to_bytes().split(|byte| *byte == b'.').next().unwrap_or_default();
                if std::str::from_utf8(first).is_ok() { return Err(raised); }
                raised.clear(py);
                return Err(raise!(py, ImportError, "PyCapsule_Import could not import module \"{}\"", String::from_utf8_lossy(first)));
            }
        };
        let mut parts = text.split('.');
        let first = parts.next().unwrap_or_default();
        // Whatever went wrong in the module, its import failed.
        let mut at = match krait_vm::import::import_module(py, first) {
            Ok(module) => module,
            Err(raised) => {
                raised.clear(py);
                return Err(raise!(py, ImportError, "PyCapsule_Import could not import module \"{first}\""));
            }
        };
        for part in parts {
            at = at.get_attr(py, &*Str::new(py, part)?)?;
        }
        match (*at).downcast::<Capsule>() {
            Some(found) if found.is_named(name.as_ptr()) => Ok(found.raw().pointer.get()),
            _ => Err(raise!(py, AttributeError, "PyCapsule_Import \"{text}\" is not valid")),
        }
    }
}

/// A capsule that holds a pointer.
fn capsule<'a>(py: Attached<'_>, o: Option<&'a Object>, function: &str) -> PyResult<&'a Capsule> {
    let found = o.and_then(|o| o.downcast::<Capsule>()).filter(|found| !found.raw().pointer.get().is_null());
    found.ok_or_else(|| raise!(py, ValueError, "{function} called with invalid PyCapsule object"))
}

capi_raw! {
    fn PyCapsule_IsValid(o: *mut PyObject, name: *const c_char) -> c_int {
        let Some(o) = o.cast::<Object>().as_ref() else { return 0 };
        c_int::from(o.downcast::<Capsule>().is_some_and(|found| !found.raw().pointer.get().is_null() && found.is_named(name)))
    }

}

#[cfg(feature = "nogil")]
capi_raw! {
    fn PyUnstable_Module_SetGIL(o: *mut PyObject, gil: *mut c_void) -> c_int {
        let Some(module) = Object::from_ptr(o).downcast::<Module>() else {
            let _ = Attached::from_tls().bad_internal_call();
            return -1;
        };
        // The import of the module looks at it.
        module.raw().md_gil.set(gil);
        0
    }
}
