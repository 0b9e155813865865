//! `object.h`, `refcount.h`: objects, reference counts, types.
use crate::capi::*;
use krait_layout::*;
use krait_object::typedef::CompareOp;
use krait_object::{Attached, Dict, Layout, Object, PyResult, Ref, Slot, Str, Type, id, mode, raise};
use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};

/// The object behind a non-null pointer.
unsafe fn obj<'a>(raw: *mut PyObject) -> &'a Object {
    // SAFETY: the caller passes a live object.
    unsafe { Object::from_ptr(raw) }
}

/// Swallows an error: the functions that cannot report one.
pub(crate) fn or_clear<T>(py: Attached<'_>, result: PyResult<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(raised) => {
            raised.clear(py);
            None
        }
    }
}

/// Reports an error as unraisable: the functions that cannot report one, but should not be used for that reason.
pub(crate) fn or_report<T>(py: Attached<'_>, result: PyResult<Option<T>>, function: &str, better: &str) -> Option<T> {
    result.unwrap_or_else(|_raised| {
        let message = format!("Exception ignored in {function}(); consider using {better}");
        (krait_object::hooks::hooks().unraisable)(py, Some(&message), None);
        None
    })
}

/// `None` for a missing attribute.
fn optional(py: Attached<'_>, object: &Object, name: &Object) -> PyResult<Option<Ref<Object>>> {
    object.get_attr_opt(py, krait_object::protocols::attributes::checked_name(py, name)?)
}

capi_raw! {
    fn Py_IncRef(o: *mut PyObject) { if !o.is_null() { mode::incref(o) } }
    fn Py_DecRef(o: *mut PyObject) { if !o.is_null() { mode::decref(o) } }
    fn _Py_IncRef(o: *mut PyObject) { mode::incref(o) }
    fn _Py_DecRef(o: *mut PyObject) { mode::decref(o) }
    fn Py_NewRef(o: *mut PyObject) -> *mut PyObject { mode::incref(o); o }
    fn Py_XNewRef(o: *mut PyObject) -> *mut PyObject { if !o.is_null() { mode::incref(o) } o }
    fn _Py_Dealloc(o: *mut PyObject) { mode::dealloc(o) }
    fn Py_REFCNT(o: *mut PyObject) -> isize { mode::refcount(obj(o)) }
    fn Py_TYPE(o: *mut PyObject) -> *mut PyTypeObject { obj(o).ty().as_type_ptr() }
    fn Py_Is(a: *mut PyObject, b: *mut PyObject) -> c_int { c_int::from(a == b) }
    fn Py_IsNone(a: *mut PyObject) -> c_int { c_int::from(obj(a).is_none()) }
    fn Py_IsTrue(a: *mut PyObject) -> c_int { c_int::from(a == krait_object::Bool::of(true).as_ptr()) }
    fn Py_IsFalse(a: *mut PyObject) -> c_int { c_int::from(a == krait_object::Bool::of(false).as_ptr()) }
    fn PyUnstable_Object_IsUniquelyReferenced(o: *mut PyObject) -> c_int { c_int::from(mode::is_uniquely_referenced(obj(o))) }
    fn PyUnstable_IsImmortal(o: *mut PyObject) -> c_int { c_int::from(mode::is_immortal(obj(o))) }
    fn PyUnstable_EnableTryIncRef(o: *mut PyObject) { mode::publish(o) }
    fn PyUnstable_TryIncRef(o: *mut PyObject) -> c_int {
        // Under the GIL the caller may hold a pointer to an object that is being freed.
        let is_gone = !krait_object::FREE_THREADED && mode::refcount(obj(o)) == 0;
        c_int::from(!is_gone && mode::try_incref(o))
    }
    fn PyType_GetFlags(ty: *mut PyTypeObject) -> c_ulong { (*ty).tp_flags.get() }
    fn PyType_IsSubtype(a: *mut PyTypeObject, b: *mut PyTypeObject) -> c_int {
        c_int::from(a == b || Type::from_type_ptr(a).is_subtype_of(Type::from_type_ptr(b)))
    }
    fn PyCallable_Check(o: *mut PyObject) -> c_int { c_int::from(!o.is_null() && obj(o).is_callable()) }
    fn Py_GetConstantBorrowed(id: u32) -> *mut PyObject { constant(id) }
    fn Py_GetConstant(id: u32) -> *mut PyObject { constant(id) }
    fn PyObject_HasAttr(o: *mut PyObject, name: *mut PyObject) -> c_int {
        let py = Attached::from_tls();
        let found = <&Object>::from_c(py, o).and_then(|o| optional(py, o, <&Object>::from_c(py, name)?));
        let better = "PyObject_HasAttrWithError(), PyObject_GetOptionalAttr() or PyObject_GetAttr()";
        c_int::from(or_report(py, found, "PyObject_HasAttr", better).is_some())
    }
    fn PyObject_HasAttrString(o: *mut PyObject, name: *const c_char) -> c_int {
        let py = Attached::from_tls();
        let found = <&Object>::from_c(py, o).and_then(|o| o.get_attr_opt(py, &*Text::from_c(py, name)?.obj(py)?));
        let better = "PyObject_HasAttrStringWithError(), PyObject_GetOptionalAttrString() or PyObject_GetAttrString()";
        c_int::from(or_report(py, found, "PyObject_HasAttrString", better).is_some())
    }
}

/// The constants by number: all immortal.
fn constant(id: u32) -> *mut PyObject {
    let py = Attached::try_from_tls();
    match id {
        0 => krait_object::none_borrowed().as_ptr(),
        1 => krait_object::Bool::of(false).as_ptr(),
        2 => krait_object::Bool::of(true).as_ptr(),
        3 => krait_object::object::ellipsis_borrowed().as_ptr(),
        4 => krait_object::not_implemented_borrowed().as_ptr(),
        5 | 6 => krait_object::Int::small(i64::from(id) - 5).map_or(std::ptr::null_mut(), |zero| zero.as_ptr()),
        7 => krait_object::Str::empty().as_ptr(),
        8 => krait_object::Bytes::empty().as_ptr(),
        9 => py.map_or(std::ptr::null_mut(), |py| krait_object::Tuple::empty(py).as_ptr()),
        _ => {
            if let Some(py) = py {
                let _ = py.bad_internal_call();
            }
            std::ptr::null_mut()
        }
    }
}

#[cfg(feature = "nogil")]
capi_raw! {
    fn _Py_DecRefShared(o: *mut PyObject) { mode::decref(o) }
    // The memory of a dead object stays a valid header for readers without a lock, so nothing has to wait.
    fn _PyObject_XDecRefDelayed(o: *mut PyObject) { if !o.is_null() { mode::decref(o) } }
    fn _Py_MergeZeroLocalRefcount(o: *mut PyObject) {
        let head = &(*o).head;
        let counts = krait_sync::brc::CountRef { tid: &head.ob_tid, local: &head.ob_ref_local, shared: &head.ob_ref_shared };
        if krait_sync::brc::merge_zero_local(counts) == krait_sync::brc::Outcome::Dead {
            mode::dealloc(o);
        }
    }
}

capi! {
    fn PyUnstable_Object_EnableDeferredRefcount(py, o: &Object) -> bool {
        if !mode::FREE_THREADED || mode::is_immortal(o) || !o.ty().is_gc() || !krait_object::gc::is_tracked(o) { return Ok(false); }
        Ok(mode::set_deferred(o))
    }
    fn PyUnstable_Object_IsUniqueReferencedTemporary(py, o: &Object) -> bool { Ok(krait_vm::frame::is_unique_temporary(py, o)) }

    fn PyObject_Repr(py, o: Option<&Object>) -> Ref<Str> {
        match o { Some(o) => o.repr(py), None => Str::new(py, "<NULL>") }
    }
    fn PyObject_Str(py, o: Option<&Object>) -> Ref<Str> {
        match o { Some(o) => o.str(py), None => Str::new(py, "<NULL>") }
    }
    fn PyObject_ASCII(py, o: Option<&Object>) -> Ref<Str> {
        match o { Some(o) => o.ascii(py), None => Str::new(py, "<NULL>") }
    }
    fn PyObject_Bytes(py, o: Option<&Object>) -> Ref<krait_object::Bytes> {
        match o { Some(o) => o.bytes(py), None => krait_object::Bytes::new(py, b"<NULL>") }
    }
    fn PyObject_Hash(py, o: &Object) -> isize { o.hash(py) }
    fn PyObject_IsTrue(py, o: &Object) -> bool { o.is_true(py) }
    fn PyObject_Not(py, o: &Object) -> bool { Ok(!o.is_true(py)?) }
    fn PyObject_RichCompare(py, a: &Object, b: &Object, op: c_int) -> Ref<Object> {
        check_op(py, op)?;
        a.rich_compare(py, b, CompareOp::from_raw(op))
    }
    fn PyObject_RichCompareBool(py, a: &Object, b: &Object, op: c_int) -> bool {
        check_op(py, op)?;
        if std::ptr::eq(a, b) {
            match op { 2 => return Ok(true), 3 => return Ok(false), _ => {} }
        }
        a.compare_bool(py, b, CompareOp::from_raw(op))
    }
    fn PyObject_GetAttr(py, o: &Object, name: &Object) -> Ref<Object> {
        o.get_attr(py, krait_object::protocols::attributes::checked_name(py, name)?)
    }
    fn PyObject_GetAttrString(py, o: &Object, name: Text<'_>) -> Ref<Object> { o.get_attr(py, &*name.obj(py)?) }
    fn PyObject_GetOptionalAttr(py, o: &Object, name: &Object, out: Out) -> bool {
        Ok(out.set(optional(py, o, name)?))
    }
    fn PyObject_GetOptionalAttrString(py, o: &Object, name: Text<'_>, out: Out) -> bool {
        Ok(out.set(o.get_attr_opt(py, &*name.obj(py)?)?))
    }
    fn PyObject_HasAttrWithError(py, o: &Object, name: &Object) -> bool { Ok(optional(py, o, name)?.is_some()) }
    fn PyObject_HasAttrStringWithError(py, o: &Object, name: Text<'_>) -> bool { Ok(o.get_attr_opt(py, &*name.obj(py)?)?.is_some()) }
    fn PyObject_SetAttr(py, o: &Object, name: &Object, value: Option<&Object>) -> () {
        o.set_attr(py, krait_object::protocols::attributes::checked_name(py, name)?, value)
    }
    fn PyObject_SetAttrString(py, o: &Object, name: Text<'_>, value: Option<&Object>) -> () { o.set_attr(py, &*name.obj(py)?, value) }
    fn PyObject_DelAttr(py, o: &Object, name: &Object) -> () {
        o.set_attr(py, krait_object::protocols::attributes::checked_name(py, name)?, None)
    }
    fn PyObject_DelAttrString(py, o: &Object, name: Text<'_>) -> () { o.set_attr(py, &*name.obj(py)?, None) }
    fn PyObject_Dir(py, o: Option<&Object>) -> Ref<Object> {
        match o {
            Some(o) => o.dir(py),
            None => krait_vm::import::import_module(py, "builtins")?.get_attr(py, id!(py, dir))?.call0(py),
        }
    }
    fn PyObject_GenericGetDict(py, o: &Object, closure: *mut c_void) -> Ref<Dict> { krait_object::typeobject::instance::get_dict(py, o) }
    fn PyObject_GenericSetDict(py, o: &Object, value: Option<&Object>, closure: *mut c_void) -> () {
        krait_object::typeobject::instance::set_dict(py, o, value)
    }
    fn PyObject_ClearManagedDict(py, o: &Object) -> Void {
        krait_object::dictobject::clear_instance_dict(py, o);
        Ok(Void)
    }
    fn _PyObject_GetDictPtr(py, o: &Object) -> *mut *mut PyObject {
        Ok(krait_object::dictobject::dict_slot(o).map_or(std::ptr::null_mut(), |slot| std::ptr::from_ref(slot).cast_mut().cast()))
    }
    fn PyObject_GetTypeData(py, o: &Object, ty: &Type) -> *mut c_void {
        let base = ty.base().map_or(size_of::<PyObject>() as isize, |base| base.as_type().tp_basicsize.get());
        Ok(o.as_ptr().cast::<u8>().offset((base + 15) & !15).cast())
    }
    fn PyType_GetTypeDataSize(py, ty: &Type) -> isize {
        let base = ty.base().map_or(size_of::<PyObject>() as isize, |base| base.as_type().tp_basicsize.get());
        Ok((ty.as_type().tp_basicsize.get() - ((base + 15) & !15)).max(0))
    }

    fn PyType_Ready(py, ty: *mut PyTypeObject) -> () {
        // An extension's own static type has no metatype yet, which `&Type` would look at.
        let ty = Type::from_type_ptr(ty);
        if ty.is_ready() { return Ok(()); }
        ty.ready(py)
    }
    fn PyType_Modified(py, ty: &Type) -> Void { ty.modified(py); Ok(Void) }
    fn PyType_FromSpec(py, spec: *mut PyType_Spec) -> Ref<Type> { krait_object::typeobject::spec::type_from_spec(py, None, None, &*spec, None) }
    fn PyType_FromSpecWithBases(py, spec: *mut PyType_Spec, bases: Option<&Object>) -> Ref<Type> {
        krait_object::typeobject::spec::type_from_spec(py, None, None, &*spec, bases)
    }
    fn PyType_FromModuleAndSpec(py, module: Option<&Object>, spec: *mut PyType_Spec, bases: Option<&Object>) -> Ref<Type> {
        krait_object::typeobject::spec::type_from_spec(py, None, module, &*spec, bases)
    }
    fn PyType_FromMetaclass(py, metaclass: Option<&Type>, module: Option<&Object>, spec: *mut PyType_Spec, bases: Option<&Object>) -> Ref<Type> {
        krait_object::typeobject::spec::type_from_spec(py, metaclass, module, &*spec, bases)
    }
    fn PyType_GetSlot(py, ty: &Type, slot: c_int) -> *mut c_void { ty.get_slot(py, slot) }
    fn PyType_GetModule(py, ty: &Type) -> Lent { ty.defining_module(py).map(Lent::of) }
    fn PyType_GetModuleState(py, ty: &Type) -> *mut c_void {
        let module = ty.defining_module(py)?;
        Ok(module.downcast::<krait_object::Module>().map_or(std::ptr::null_mut(), |module| module.state()))
    }
    fn PyType_GetModuleByDef(py, ty: &Type, def: *mut PyModuleDef) -> Lent { ty.module_by_def(py, def).map(Lent::of) }
    fn PyType_GetBaseByToken(py, ty: &Object, token: *mut c_void, out: Out) -> bool {
        if token.is_null() {
            return Err(raise!(py, SystemError, "PyType_GetBaseByToken called with token=NULL"));
        }
        let Some(ty) = ty.downcast::<Type>() else {
            return Err(raise!(py, TypeError, "expected a type, got a '{}' object", ty.ty().name()));
        };
        Ok(out.set(ty.base_by_token(token)))
    }
    fn PyType_Freeze(py, ty: &Type) -> () { ty.freeze(py) }
    fn PyType_GetName(py, ty: &Type) -> Ref<Object> { ty.as_object().get_attr(py, id!(py, __name__)) }
    fn PyType_GetQualName(py, ty: &Type) -> Ref<Object> { ty.as_object().get_attr(py, id!(py, __qualname__)) }
    fn PyType_GetModuleName(py, ty: &Type) -> Ref<Object> { ty.as_object().get_attr(py, id!(py, __module__)) }
    fn PyType_GetFullyQualifiedName(py, ty: &Type) -> Ref<Str> {
        let module = ty.as_object().get_attr(py, id!(py, __module__))?;
        let name = ty.as_object().get_attr(py, id!(py, __qualname__))?.str(py)?;
        match (*module).downcast::<Str>() {
            Some(module) if !module.eq_str("builtins") && !module.eq_str("__main__") => Str::new(py, &format!("{module}.{name}")),
            _ => Ok(name),
        }
    }
    fn PyType_GetDict(py, ty: &Type) -> Ref<Dict> { Ok(ty.dict().ok_or_else(|| py.bad_internal_call())?.to_ref()) }
    fn _PyType_Lookup(py, ty: &Type, name: &Str) -> Lent { Ok(ty.lookup(py, name).map_or(Lent(std::ptr::null_mut()), Lent::of)) }
    fn _PyType_LookupRef(py, ty: &Type, name: &Str) -> Option<Ref<Object>> { Ok(ty.lookup(py, name)) }
    fn PyType_ClearCache(py) -> u32 { Ok(0) }

    fn PyObject_ClearWeakRefs(py, o: &Object) -> Void {
        krait_object::weakrefobject::clear_all(py, o);
        Ok(Void)
    }
    fn PyObject_CallFinalizer(py, o: &Object) -> Void { krait_object::gc::call_finalizer(o); Ok(Void) }
    fn PyObject_Print(py, o: *mut PyObject, file: *mut libc::FILE, flags: c_int) -> () {
        libc::clearerr(file);
        if !o.is_null() && mode::refcount(obj(o)) == 0 {
            // It is being freed: nothing of it may be asked.
            let text = format!("<refcnt 0 at {o:p}>");
            libc::fwrite(text.as_ptr().cast(), 1, text.len(), file);
            return Ok(());
        }
        let o = (!o.is_null()).then(|| obj(o));
        let text = match o {
            None => Str::new(py, "<nil>")?,
            Some(o) if flags & 1 != 0 => o.str(py)?,
            Some(o) => o.repr(py)?,
        };
        let text = text.to_string_lossy();
        libc::fwrite(text.as_ptr().cast(), 1, text.len(), file);
        if libc::ferror(file) != 0 {
            let raised = crate::pyerrors::os_error(py, krait_object::exc::OSError().as_object(), &[]);
            libc::clearerr(file);
            return Err(raised);
        }
        Ok(())
    }
    fn Py_ReprEnter(py, o: &Object) -> bool {
        match krait_object::container::ReprGuard::enter(py, o)? {
            Some(guard) => { guard.forget(); Ok(false) }
            None => Ok(true),
        }
    }
    fn Py_ReprLeave(py, o: &Object) -> Void { krait_object::container::ReprGuard::leave(py, o); Ok(Void) }
    fn Py_GenericAlias(py, origin: &Object, args: &Object) -> Ref<krait_object::genericaliasobject::GenericAlias> { krait_object::genericaliasobject::GenericAlias::new(py, origin, args) }
}

capi_raw! {
    fn PyObject_CallFinalizerFromDealloc(o: *mut PyObject) -> c_int {
        let py = Attached::from_tls();
        if krait_object::gc::finalize_from_dealloc(py, obj(o)) { -1 } else { 0 }
    }
    fn PyObject_VisitManagedDict(o: *mut PyObject, visit: visitproc, arg: *mut c_void) -> c_int {
        match krait_object::dictobject::visit_instance_dict(obj(o), krait_object::Visit::new(visit, arg)) {
            Ok(()) => 0,
            Err(code) => code,
        }
    }
    fn _Py_SetRefcnt(o: *mut PyObject, count: isize) {
        let _ = Slot::<Object>::NULL;
        set_refcount(o, count)
    }
    fn _Py_NegativeRefcount(filename: *const c_char, line: c_int, o: *mut PyObject) {
        let file = if filename.is_null() { c"?" } else { CStr::from_ptr(filename) };
        krait_vm::fatal(&format!("{}:{line}: negative reference count of {o:?}", file.to_string_lossy()))
    }
}

/// Overwrites a reference count.
unsafe fn set_refcount(o: *mut PyObject, count: isize) {
    // SAFETY: a live object.
    let object = unsafe { obj(o) };
    if mode::is_immortal(object) {
        return;
    }
    let now = mode::refcount(object);
    for _ in now..count {
        // SAFETY: as above.
        unsafe { mode::incref(o) };
    }
    for _ in count.max(0)..now {
        // SAFETY: the caller disposes of the references.
        unsafe { mode::decref(o) };
    }
}

fn check_op(py: Attached<'_>, op: c_int) -> PyResult<()> {
    if (0..=5).contains(&op) {
        return Ok(());
    }
    Err(py.bad_internal_call())
}
