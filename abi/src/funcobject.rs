//! `funcobject.h`, `code.h`: the writing half of functions, and code objects from parts.
use crate::capi::*;
use krait_layout::*;
use krait_object::codeobject::CodeParts;
use krait_object::{Attached, Bytes, Code, Dict, Function, Layout, Object, PyResult, Ref, Str, Tuple, Type, id, raise};
use std::ffi::{c_int, c_void};
use std::ptr;

fn function<'a>(py: Attached<'_>, o: &'a Object) -> PyResult<&'a Function> {
    o.downcast::<Function>().ok_or_else(|| py.bad_internal_call())
}

/// None stands for no value.
fn given(value: Option<&Object>) -> Option<&Object> {
    value.filter(|value| !value.is_none())
}

/// The names and kinds of a frame's variables: arguments and locals, cells that are no arguments, free variables.
fn variables(py: Attached<'_>, names: &Tuple, cells: &Tuple, free: &Tuple) -> PyResult<(Ref<Tuple>, Ref<Bytes>)> {
    const LOCAL: u8 = 0x20;
    const CELL: u8 = 0x40;
    const FREE: u8 = 0x80;
    let mut all: Vec<Ref<Object>> = names.as_slice().iter().map(|name| name.to_ref()).collect();
    let mut kinds = vec![LOCAL; all.len()];
    for cell in cells.as_slice() {
        let mut place = None;
        for (at, name) in all.iter().enumerate() {
            if name.compare_bool(py, cell, krait_object::typedef::CompareOp::from_raw(2))? {
                place = Some(at);
                break;
            }
        }
        match place {
            Some(at) => kinds[at] |= CELL,
            None => {
                all.push(cell.to_ref());
                kinds.push(CELL);
            }
        }
    }
    for name in free.as_slice() {
        all.push(name.to_ref());
        kinds.push(FREE);
    }
    Ok((Tuple::from_vec(py, all)?, Bytes::new(py, &kinds)?))
}

/// The arguments of `PyUnstable_Code_New` behind the first six numbers.
struct Rest<'a> {
    code: &'a Bytes,
    consts: &'a Tuple,
    names: &'a Tuple,
    varnames: &'a Tuple,
    freevars: &'a Tuple,
    cellvars: &'a Tuple,
    filename: &'a Str,
    name: &'a Str,
    qualname: &'a Str,
    firstlineno: c_int,
    linetable: &'a Bytes,
    exceptiontable: &'a Bytes,
}

fn build(
    py: Attached<'_>,
    [argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize, flags]: [c_int; 6],
    rest: Rest<'_>,
) -> PyResult<Ref<Code>> {
    if [argcount, posonlyargcount, kwonlyargcount, nlocals].iter().any(|count| *count < 0) || argcount < posonlyargcount
    {
        return Err(py.bad_internal_call());
    }
    if rest.varnames.len() != nlocals as usize {
        return Err(raise!(py, ValueError, "code: co_nlocals != len(co_varnames)"));
    }
    let (localsplusnames, localspluskinds) = variables(py, rest.varnames, rest.cellvars, rest.freevars)?;
    Code::from_parts(
        py,
        CodeParts {
            argcount,
            posonlyargcount,
            kwonlyargcount,
            stacksize,
            flags,
            code: rest.code.to_ref(),
            consts: rest.consts.to_ref(),
            names: rest.names.to_ref(),
            localsplusnames,
            localspluskinds,
            filename: rest.filename.to_ref(),
            name: rest.name.to_ref(),
            qualname: rest.qualname.to_ref(),
            firstlineno: rest.firstlineno,
            linetable: rest.linetable.to_ref(),
            exceptiontable: rest.exceptiontable.to_ref(),
        },
    )
}

capi! {
    fn PyUnstable_Code_New(py, argcount: c_int, kwonly: c_int, nlocals: c_int, stacksize: c_int, flags: c_int, code: &Bytes, consts: &Tuple, names: &Tuple, varnames: &Tuple, freevars: &Tuple, cellvars: &Tuple, filename: &Str, name: &Str, qualname: &Str, firstlineno: c_int, linetable: &Bytes, exceptiontable: &Bytes) -> Ref<Code> {
        build(py, [argcount, 0, kwonly, nlocals, stacksize, flags], Rest { code, consts, names, varnames, freevars, cellvars, filename, name, qualname, firstlineno, linetable, exceptiontable })
    }
    fn PyUnstable_Code_NewWithPosOnlyArgs(py, argcount: c_int, posonly: c_int, kwonly: c_int, nlocals: c_int, stacksize: c_int, flags: c_int, code: &Bytes, consts: &Tuple, names: &Tuple, varnames: &Tuple, freevars: &Tuple, cellvars: &Tuple, filename: &Str, name: &Str, qualname: &Str, firstlineno: c_int, linetable: &Bytes, exceptiontable: &Bytes) -> Ref<Code> {
        build(py, [argcount, posonly, kwonly, nlocals, stacksize, flags], Rest { code, consts, names, varnames, freevars, cellvars, filename, name, qualname, firstlineno, linetable, exceptiontable })
    }
    fn PyCode_Addr2Location(py, code: &Code, offset: c_int, line: *mut c_int, column: *mut c_int, end_line: *mut c_int, end_column: *mut c_int) -> Truth {
        let mut out = [-1; 4];
        if offset < 0 {
            out = [code.raw().co_firstlineno.get(), 0, -1, -1];
        } else if let Some(found) = code.location_of(offset as usize / 2) {
            out = [found.0, found.2, found.1, found.3];
        }
        (*line, *column, *end_line, *end_column) = (out[0], out[1], out[2], out[3]);
        Ok(Truth(1))
    }
    fn PyCode_Optimize(py, code: &Object, consts: &Object, names: &Object, linetable: &Object) -> Ref<Object> { Ok(code.to_ref()) }

    fn PyFunction_SetDefaults(py, o: &Object, value: Option<&Object>) -> () {
        let function = function(py, o)?;
        match given(value) {
            Some(value) if value.downcast::<Tuple>().is_none() => Err(raise!(py, SystemError, "non-tuple default args")),
            value => function.as_object().set_attr(py, id!(py, __defaults__), Some(value.unwrap_or(krait_object::none_borrowed()))),
        }
    }
    fn PyFunction_SetKwDefaults(py, o: &Object, value: Option<&Object>) -> () {
        let function = function(py, o)?;
        match given(value) {
            Some(value) if value.downcast::<Dict>().is_none() => Err(raise!(py, SystemError, "non-dict keyword only default args")),
            value => function.as_object().set_attr(py, id!(py, __kwdefaults__), Some(value.unwrap_or(krait_object::none_borrowed()))),
        }
    }
    fn PyFunction_SetAnnotations(py, o: &Object, value: Option<&Object>) -> () {
        let function = function(py, o)?;
        match given(value) {
            Some(value) if value.downcast::<Dict>().is_none() => Err(raise!(py, SystemError, "non-dict annotations")),
            value => function.as_object().set_attr(py, id!(py, __annotations__), Some(value.unwrap_or(krait_object::none_borrowed()))),
        }
    }
    fn PyFunction_SetClosure(py, o: &Object, value: Option<&Object>) -> () {
        let function = function(py, o)?;
        let closure = match given(value) {
            None => None,
            Some(value) => match value.downcast::<Tuple>() {
                Some(closure) => Some(closure.to_ref()),
                None => return Err(raise!(py, SystemError, "expected tuple for closure, got '{}'", value.ty().name())),
            },
        };
        function.raw().func_version.set(0);
        drop(function.closure_slot().replace(closure));
        Ok(())
    }
    fn PyFunction_GetAnnotations(py, o: &Object) -> Lent {
        if !function(py, o)?.has_annotations() { return Ok(Lent::of(krait_object::none())); }
        // The function keeps what it computed.
        Function::annotations(py, function(py, o)?).map(Lent::of)
    }
    fn PyWrapper_New(py, descriptor: &Object, this: &Object) -> Ref<Object> {
        let Some(wrapper) = descriptor.downcast::<krait_object::descrobject::WrapperDescr>() else { return Err(py.bad_internal_call()) };
        let get = wrapper.as_object().ty().as_type().tp_descr_get.get();
        let Some(get) = get else { return Err(py.bad_internal_call()) };
        Ref::from_raw_opt(get(descriptor.as_ptr(), this.as_ptr(), this.ty().as_type_ptr().cast())).ok_or_else(krait_object::Raised::assume)
    }
}

capi_raw! {
    fn PyFunction_SetVectorcall(o: *mut PyFunctionObject, call: Option<vectorcallfunc>) {
        (*o).func_version.set(0);
        (*o).vectorcall.set(call);
    }
    fn PyDescr_IsData(o: *mut PyObject) -> c_int {
        c_int::from((*(*o).ob_type.get()).tp_descr_set.get().is_some())
    }
    fn PyType_SUPPORTS_WEAKREFS(ty: *mut PyTypeObject) -> c_int { c_int::from((*ty).tp_weaklistoffset.get() != 0) }
    fn PyObject_GET_WEAKREFS_LISTPTR(o: *mut PyObject) -> *mut *mut PyObject {
        let offset = (*(*o).ob_type.get()).tp_weaklistoffset.get();
        o.byte_offset(offset).cast()
    }
    fn PyObject_GetItemData(o: *mut PyObject) -> *mut c_void {
        let ty = Type::from_type_ptr((*o).ob_type.get());
        if ty.as_type().tp_flags.get() & krait_object::typedef::type_flag("ITEMS_AT_END") == 0 {
            let _ = raise!(Attached::from_tls(), TypeError, "type '{}' does not have Py_TPFLAGS_ITEMS_AT_END", ty.tp_name());
            return ptr::null_mut();
        }
        o.byte_offset(ty.as_type().tp_basicsize.get()).cast()
    }
}
