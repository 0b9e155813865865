//! Functions, methods, descriptors, cells, weak references, code, frames, generators.
use crate::capi::*;
use krait_layout::*;
use krait_object::classmethod::{ClassMethod, StaticMethod};
use krait_object::classobject::InstanceMethod;
use krait_object::codeobject::CodeParts;
use krait_object::descrobject::{
    ClassMethodDescr, GetSetDescr, MemberDescr, MethodDescr, WrapperDescr, read_member, write_member,
};
use krait_object::methodobject::CFunction;
use krait_object::{
    Attached, Bytes, Cell, Code, Function, Layout, Method, Object, Ref, Str, Tuple, Type, WeakRef, raise,
};
use krait_vm::frameobject::FrameObject;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

capi! {
    fn PyCMethod_New(py, def: *mut PyMethodDef, this: Option<&Object>, module: Option<&Object>, class: Option<&Type>) -> Ref<CFunction> { CFunction::new(py, def, this, module, class) }
    fn PyCFunction_New(py, def: *mut PyMethodDef, this: Option<&Object>) -> Ref<CFunction> { CFunction::new(py, def, this, None, None) }
    fn PyCFunction_NewEx(py, def: *mut PyMethodDef, this: Option<&Object>, module: Option<&Object>) -> Ref<CFunction> { CFunction::new(py, def, this, module, None) }
    fn PyCFunction_GetFlags(py, o: &CFunction) -> c_int { Ok(o.definition().ml_flags.get()) }
    fn PyCFunction_GetSelf(py, o: &CFunction) -> Lent { Ok(Lent(o.this().map_or(ptr::null_mut(), Layout::as_ptr))) }
    fn PyCFunction_GetFunction(py, o: &CFunction) -> *mut c_void { Ok(std::mem::transmute_copy(&o.definition().ml_meth.get())) }

    fn PyMethod_New(py, function: &Object, this: &Object) -> Ref<Method> { Method::new(py, function, this) }
    fn PyMethod_Function(py, o: &Method) -> Lent { Ok(Lent(o.function().as_ptr())) }
    fn PyMethod_Self(py, o: &Method) -> Lent { Ok(Lent(o.instance().as_ptr())) }
    fn PyInstanceMethod_New(py, function: &Object) -> Ref<InstanceMethod> { InstanceMethod::new(py, function) }
    fn PyInstanceMethod_Function(py, o: &InstanceMethod) -> Lent { Ok(Lent(o.function().as_ptr())) }
    fn PyClassMethod_New(py, callable: &Object) -> Ref<ClassMethod> { ClassMethod::new(py, callable) }
    fn PyStaticMethod_New(py, callable: &Object) -> Ref<StaticMethod> { StaticMethod::new(py, callable) }

    fn PyDescr_NewMethod(py, ty: &Type, def: *mut PyMethodDef) -> Ref<MethodDescr> { MethodDescr::new(py, ty, def) }
    fn PyDescr_NewClassMethod(py, ty: &Type, def: *mut PyMethodDef) -> Ref<ClassMethodDescr> { ClassMethodDescr::new(py, ty, def) }
    fn PyDescr_NewGetSet(py, ty: &Type, def: *mut PyGetSetDef) -> Ref<GetSetDescr> { GetSetDescr::new(py, ty, def) }
    fn PyDescr_NewMember(py, ty: &Type, def: *mut PyMemberDef) -> Ref<MemberDescr> { MemberDescr::new(py, ty, def) }
    fn PyDescr_NewWrapper(py, ty: &Type, row: *mut wrapperbase, wrapped: *mut c_void) -> Ref<WrapperDescr> { WrapperDescr::new(py, ty, row, wrapped) }
    fn PyMember_GetOne(py, base: *const c_char, def: *mut PyMemberDef) -> Ref<Object> {
        if (*def).flags & Py_RELATIVE_OFFSET != 0 { return Err(raise!(py, SystemError, "PyMember_GetOne used with Py_RELATIVE_OFFSET")); }
        read_member(py, base.cast_mut(), &*def)
    }
    fn PyMember_SetOne(py, base: *mut c_char, def: *mut PyMemberDef, value: Option<&Object>) -> () {
        if (*def).flags & Py_RELATIVE_OFFSET != 0 { return Err(raise!(py, SystemError, "PyMember_SetOne used with Py_RELATIVE_OFFSET")); }
        write_member(py, base, &*def, value)
    }

    fn PyCell_New(py, value: Option<&Object>) -> Ref<Cell> { Cell::new(py, value.map(Layout::to_ref)) }
    fn PyCell_Get(py, cell: &Cell) -> Option<Ref<Object>> { Ok(cell.get()) }
    fn PyCell_Set(py, cell: &Cell, value: Option<&Object>) -> () { drop(cell.replace(value.map(Layout::to_ref))); Ok(()) }

    fn PyWeakref_NewRef(py, o: &Object, callback: Option<&Object>) -> Ref<WeakRef> { WeakRef::new(py, o, callback.filter(|callback| !callback.is_none())) }
    fn PyWeakref_NewProxy(py, o: &Object, callback: Option<&Object>) -> Ref<Object> {
        Ok(krait_object::weakrefobject::new_proxy(py, o, callback.filter(|callback| !callback.is_none()))?.upcast())
    }
    fn PyWeakref_GetRef(py, o: &Object, out: Out) -> bool {
        let Some(found) = weak(o) else { return Err(raise!(py, TypeError, "expected a weakref")) };
        Ok(out.set(found.get()))
    }
    fn PyWeakref_GetObject(py, o: &Object) -> Lent {
        let Some(found) = weak(o) else { return Err(py.bad_internal_call()) };
        Ok(Lent(found.get().map_or(krait_object::none_borrowed().as_ptr(), |target| target.as_ptr())))
    }
    fn PyWeakref_IsDead(py, o: &Object) -> bool {
        match weak(o) { Some(found) => Ok(found.is_dead()), None => Err(raise!(py, TypeError, "expected a weakref")) }
    }

    fn PyFunction_New(py, code: &Code, globals: &Object) -> Ref<Function> { Function::new(py, code, globals, None) }
    fn PyFunction_NewWithQualName(py, code: &Code, globals: &Object, name: Option<&Str>) -> Ref<Function> { Function::new(py, code, globals, name) }
    fn PyFunction_GetCode(py, o: &Function) -> Lent { Ok(Lent(o.code().as_ptr())) }
    fn PyFunction_GetGlobals(py, o: &Function) -> Lent { Ok(Lent(o.globals().as_ptr())) }
    fn PyFunction_GetModule(py, o: &Function) -> Lent { Ok(Lent(o.raw().func_module.get())) }
    fn PyFunction_GetDefaults(py, o: &Function) -> Lent { Ok(Lent(o.raw().func_defaults.get())) }
    fn PyFunction_GetKwDefaults(py, o: &Function) -> Lent { Ok(Lent(o.raw().func_kwdefaults.get())) }
    fn PyFunction_GetClosure(py, o: &Function) -> Lent { Ok(Lent(o.raw().func_closure.get())) }

    fn PyFrame_GetCode(py, frame: &FrameObject) -> Ref<Code> { Ok(frame.frame().code().to_ref()) }
    fn PyFrame_GetLineNumber(py, frame: &FrameObject) -> c_int { Ok(crate::pyerrors::frame_line(frame)) }
    fn PyFrame_GetGlobals(py, frame: &FrameObject) -> Ref<Object> { Ok(frame.frame().globals().to_ref()) }
    fn PyFrame_GetBuiltins(py, frame: &FrameObject) -> Ref<Object> { Ok(frame.frame().builtins().to_ref()) }
    fn PyFrame_GetLocals(py, frame: &FrameObject) -> Ref<Object> { FrameObject::locals(py, frame) }
    fn PyFrame_GetLasti(py, frame: &FrameObject) -> c_int { Ok(frame.frame().lasti() as c_int * 2) }
    fn PyCode_GetCode(py, code: &Code) -> Ref<krait_object::Bytes> { krait_object::Bytes::new(py, code.code()) }
    fn PyCode_GetVarnames(py, code: &Code) -> Ref<Tuple> { Code::varnames(py, code) }
    fn PyCode_GetCellvars(py, code: &Code) -> Ref<Tuple> { Code::cellvars(py, code) }
    fn PyCode_GetFreevars(py, code: &Code) -> Ref<Tuple> { Code::freevars(py, code) }
    fn PyCode_Addr2Line(py, code: &Code, offset: c_int) -> c_int {
        if offset < 0 { return Ok(code.raw().co_firstlineno.get()); }
        Ok(code.line_of(offset / 2).unwrap_or(-1))
    }
    fn PyCode_NewEmpty(py, file: Text<'_>, name: Text<'_>, line: c_int) -> Ref<Code> { empty_code(py, file.0, name.0, line) }
}

/// Code that only has a name and a place, for tracebacks of native functions. Where it runs, it raises `AssertionError`.
fn empty_code(py: Attached<'_>, file: &str, name: &str, line: c_int) -> krait_object::PyResult<Ref<Code>> {
    use krait_bytecode::Opcode::{LOAD_COMMON_CONSTANT, RAISE_VARARGS, RESUME};
    let name = Str::new(py, name)?;
    // All three instructions stand on the first line: one entry without columns.
    let places = [0x80 | 13 << 3 | 2, 0];
    let none = Bytes::new(py, b"")?;
    Code::from_parts(
        py,
        CodeParts {
            argcount: 0,
            posonlyargcount: 0,
            kwonlyargcount: 0,
            stacksize: 1,
            flags: 0,
            code: Bytes::new(py, &[RESUME as u8, 0, LOAD_COMMON_CONSTANT as u8, 0, RAISE_VARARGS as u8, 1])?,
            consts: Tuple::empty(py),
            names: Tuple::empty(py),
            localsplusnames: Tuple::empty(py),
            localspluskinds: none.clone(),
            filename: Str::from_fs_bytes(py, file.as_bytes())?,
            name: name.clone(),
            qualname: name,
            firstlineno: line,
            linetable: Bytes::new(py, &places)?,
            exceptiontable: none,
        },
    )
}

fn weak(o: &Object) -> Option<&WeakRef> {
    if let Some(found) = o.downcast::<WeakRef>() {
        return Some(found);
    }
    let is_proxy = o.downcast::<krait_object::weakrefobject::Proxy>().is_some()
        || o.downcast::<krait_object::weakrefobject::CallableProxy>().is_some();
    // SAFETY: proxies have the layout of references.
    is_proxy.then(|| unsafe { o.cast_unchecked() })
}
