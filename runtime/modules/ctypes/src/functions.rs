//! The functions of `_ctypes`, and the module itself.
use crate::array::CArray;
use crate::call::{
    CArg, FLAG_CDECL, FLAG_PYTHONAPI, FLAG_USE_ERRNO, FLAG_USE_LASTERROR, MAX_ARGUMENTS, Target, call_function,
    errno_copy, set_errno_copy,
};
use crate::callback::Thunk;
use crate::cdata::{CData, as_cdata, c_name};
use crate::cfield::CField;
use crate::codes;
use crate::funcptr::CFuncPtr;
use crate::info::{ArrayType, CType, FunctionType, Kind, PointerType, SimpleType, StructType, UnionType, desc_of};
use crate::pointer::CPointer;
use crate::simple::CSimple;
use crate::structs::{CStruct, CUnion};
use krait_object::layout::PyObject;
use krait_object::native::new_exception;
use krait_object::typedef::{StaticType, link_static, ret_object};
use krait_object::{
    Attached, Bytes, Dict, Int, IntoObject, Layout, List, MemoryView, Module, Object, PyResult, Ref, Str, Tuple, Type,
    exc, functions, id, raise,
};
use krait_vm::library::{complaint, symbol};
use krait_vm::sysmodule::audit_event as audit;
use std::ffi::{CStr, CString, c_int, c_void};

type Opt<'a> = Option<&'a Object>;

fn need<'a>(py: Attached<'_>, argument: Opt<'a>) -> PyResult<&'a Object> {
    argument.ok_or_else(|| py.bad_internal_call())
}

/// The argument as an instance with C layout.
fn instance<'a>(py: Attached<'_>, object: &'a Object, place: &str) -> PyResult<&'a CData> {
    match as_cdata(object) {
        Some(data) => Ok(data),
        None => Err(raise!(py, TypeError, "{place} must be _ctypes._CData, not {}", object.ty().name())),
    }
}

fn get_errno(py: Attached<'_>, _: &Object) -> PyResult<c_int> {
    audit(py, "ctypes.get_errno", &[])?;
    Ok(errno_copy())
}

fn set_errno(py: Attached<'_>, _: &Object, value: &Object) -> PyResult<c_int> {
    let value_int = value.as_i32(py)?;
    audit(py, "ctypes.set_errno", &[value])?;
    Ok(set_errno_copy(value_int))
}

fn sizeof(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<usize> {
    if let Some(desc) = desc_of(object) {
        return Ok(desc.size);
    }
    match as_cdata(object) {
        Some(data) => Ok(data.size()),
        None => Err(raise!(py, TypeError, "this type has no size")),
    }
}

fn alignment(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<usize> {
    match desc_of(object).or_else(|| desc_of(object.ty().as_object())) {
        Some(desc) => Ok(desc.align),
        None => Err(raise!(py, TypeError, "no alignment info")),
    }
}

fn byref(py: Attached<'_>, _: &Object, [object, offset]: [Opt<'_>; 2]) -> PyResult<Ref<CArg>> {
    let object = need(py, object)?;
    let offset = offset.map_or(Ok(0), |offset| offset.as_index(py))?;
    instance(py, object, "byref() argument 1")?;
    CArg::by_reference(py, object, offset)
}

fn addressof(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<u64> {
    let data = instance(py, object, "addressof() argument")?;
    audit(py, "ctypes.addressof", &[object])?;
    Ok(data.data() as usize as u64)
}

fn resize(py: Attached<'_>, _: &Object, [object, size]: [Opt<'_>; 2]) -> PyResult<()> {
    let (object, size) = (need(py, object)?, need(py, size)?);
    let data = instance(py, object, "resize() argument 1")?;
    data.resize(py, size.as_index(py)?)
}

fn buffer_info(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<Ref<Tuple>> {
    let Some(desc) = desc_of(object).or_else(|| desc_of(object.ty().as_object())) else {
        return Err(raise!(py, TypeError, "not a ctypes type or object"));
    };
    let shape = desc.shape.iter().map(|size| size.into_object(py)).collect::<PyResult<Vec<_>>>()?;
    let format = desc.format.to_string_lossy().into_owned().into_object(py)?;
    let dims = desc.shape.len().into_object(py)?;
    Tuple::from_vec(py, vec![format, dims, Tuple::from_vec(py, shape)?.upcast()])
}

fn unpickle(py: Attached<'_>, _: &Object, [class, state]: [Opt<'_>; 2]) -> PyResult<Ref<Object>> {
    let (class, state) = (need(py, class)?, need(py, state)?);
    let Some(state) = state.downcast::<Tuple>() else {
        return Err(raise!(py, TypeError, "_unpickle() argument 2 must be tuple, not {}", state.ty().name()));
    };
    let object = class.call_method(py, id!(py, __new__), &[class])?;
    let method = object.get_attr(py, id!(py, __setstate__))?;
    method.call_pos(py, state.as_slice())?;
    Ok(object)
}

/// A library's name for the linker.
fn library_name(py: Attached<'_>, name: &Object) -> PyResult<CString> {
    let path = match name.downcast::<Str>().is_some() || name.downcast::<Bytes>().is_some() {
        true => name.to_ref(),
        false => krait_vm::import::import_module(py, "os")?.call_method(py, id!(py, fspath), &[name])?,
    };
    match (*path).downcast::<Str>() {
        Some(text) => c_name(py, &text.to_fs_bytes(py)?),
        None => c_name(py, (*path).downcast::<Bytes>().map_or(&[][..], Bytes::as_slice)),
    }
}

fn dlopen(py: Attached<'_>, _: &Object, [name, mode]: [Opt<'_>; 2]) -> PyResult<u64> {
    let name = need(py, name)?;
    let mode = mode.map_or(Ok(libc::RTLD_NOW), |mode| mode.as_i32(py))? | libc::RTLD_NOW;
    audit(py, "ctypes.dlopen", &[name])?;
    let text = if name.is_none() { None } else { Some(library_name(py, name)?) };
    let pointer = text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
    // The library's constructors may call back into Python.
    // SAFETY: a C string or null.
    let handle = unsafe { libc::dlopen(pointer, mode) };
    if handle.is_null() {
        return Err(py.raise(exc::OSError(), complaint()));
    }
    Ok(handle as usize as u64)
}

fn handle_arg(py: Attached<'_>, handle: Opt<'_>) -> PyResult<*mut c_void> {
    let handle = need(py, handle)?;
    if handle.downcast::<Int>().is_none() {
        return Err(raise!(py, TypeError, "an integer is required"));
    }
    Ok(codes::address(py, handle)? as *mut c_void)
}

fn dlclose(py: Attached<'_>, _: &Object, [handle]: [Opt<'_>; 1]) -> PyResult<()> {
    let handle = handle_arg(py, handle)?;
    if handle.is_null() {
        return Err(raise!(py, SystemError, "dlclose() argument 1 (unspecified)"));
    }
    // SAFETY: the handle is the caller's responsibility, as with C's function.
    match unsafe { libc::dlclose(handle) } {
        0 => Ok(()),
        _ => Err(py.raise(exc::OSError(), complaint())),
    }
}

fn dlsym(py: Attached<'_>, _: &Object, [handle, name]: [Opt<'_>; 2]) -> PyResult<u64> {
    let (number, name) = (need(py, handle)?, need(py, name)?);
    let handle = handle_arg(py, handle)?;
    let Some(text) = name.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "dlsym() argument 2 must be str, not {}", name.ty().name()));
    };
    audit(py, "ctypes.dlsym/handle", &[number, name])?;
    match symbol(handle, &c_name(py, text.to_utf8(py)?.as_bytes())?, "symbol") {
        Ok(address) => Ok(address as usize as u64),
        Err(text) => Err(py.raise(exc::OSError(), text)),
    }
}

/// The names of the loaded libraries.
fn dllist(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: usize, names: *mut c_void) -> c_int {
        // SAFETY: the linker passes a live description, and `names` is the vector below.
        unsafe {
            let name = (*info).dlpi_name;
            if !name.is_null() {
                (*names.cast::<Vec<Vec<u8>>>()).push(CStr::from_ptr(name).to_bytes().to_vec());
            }
        }
        0
    }
    let mut names: Vec<Vec<u8>> = Vec::new();
    // SAFETY: the function fits, and the vector outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut names).cast()) };
    let names = names.iter().map(|name| Str::from_fs_bytes(py, name).map(Ref::upcast)).collect::<PyResult<Vec<_>>>()?;
    List::from_vec(py, names)
}

fn call_plain(py: Attached<'_>, [address, args]: [Opt<'_>; 2], flags: c_int) -> PyResult<Ref<Object>> {
    let (number, args) = (need(py, address)?, need(py, args)?);
    let address = codes::address(py, number)?;
    let Some(args) = args.downcast::<Tuple>() else {
        return Err(raise!(py, TypeError, "argument 2 must be tuple, not {}", args.ty().name()));
    };
    audit(py, "ctypes.call_function", &[number, args.as_object()])?;
    let target = Target { address, flags, converters: None, restype: None, checker: None };
    call_function(py, &target, args.as_slice())
}

fn object_at(py: Attached<'_>, _: &Object, address: &Object) -> PyResult<Ref<Object>> {
    if address.downcast::<Int>().is_none() {
        return Err(raise!(py, TypeError, "an integer is required"));
    }
    let address_value = codes::address(py, address)?;
    audit(py, "ctypes.PyObj_FromPtr", &[address])?;
    // SAFETY: the caller vouches for the address.
    unsafe { Ref::from_borrowed_opt(address_value as *mut PyObject) }.ok_or_else(|| py.bad_internal_call())
}

fn incref(_: Attached<'_>, _: &Object, object: &Object) -> Ref<Object> {
    let _ = object.to_ref().into_raw();
    object.to_ref()
}

fn decref(_: Attached<'_>, _: &Object, object: &Object) -> Ref<Object> {
    let result = object.to_ref();
    // SAFETY: the caller vouches for a reference to give up.
    unsafe { krait_object::mode::decref(object.as_ptr()) };
    result
}

/// What `string_at` calls.
unsafe extern "C" fn string_at(start: *const c_void, size: c_int) -> *mut PyObject {
    // SAFETY: called through a function of Python's kind, so the thread is attached.
    let py = unsafe { Attached::from_tls() };
    let make = || {
        let address = (start as usize as u64).into_object(py)?;
        audit(py, "ctypes.string_at", &[&address, &*size.into_object(py)?])?;
        // SAFETY: the caller vouches for the memory.
        let bytes = unsafe {
            match size {
                -1 => CStr::from_ptr(start.cast()).to_bytes(),
                size if size >= 0 => std::slice::from_raw_parts(start.cast(), size as usize),
                _ => return Err(raise!(py, SystemError, "Negative size passed to PyBytes_FromStringAndSize")),
            }
        };
        Bytes::new(py, bytes)
    };
    ret_object(py, make())
}

/// What `wstring_at` calls.
unsafe extern "C" fn wstring_at(start: *const c_void, size: c_int) -> *mut PyObject {
    // SAFETY: as above.
    let py = unsafe { Attached::from_tls() };
    let make = || {
        let address = (start as usize as u64).into_object(py)?;
        audit(py, "ctypes.wstring_at", &[&address, &*size.into_object(py)?])?;
        let len = match size {
            -1 => None,
            size if size >= 0 => Some(size as usize),
            _ => return Err(raise!(py, SystemError, "Negative size passed to PyUnicode_FromWideChar")),
        };
        // SAFETY: the caller vouches for the memory.
        unsafe { codes::wide_text(py, start, len) }
    };
    ret_object(py, make())
}

/// What `memoryview_at` calls.
unsafe extern "C" fn memoryview_at(start: *mut c_void, size: isize, readonly: c_int) -> *mut PyObject {
    // SAFETY: as above.
    let py = unsafe { Attached::from_tls() };
    let make = || {
        let address = (start as usize as u64).into_object(py)?;
        let readonly_flag = (readonly != 0).into_object(py)?;
        audit(py, "ctypes.memoryview_at", &[&address, &*size.into_object(py)?, &readonly_flag])?;
        if size < 0 {
            return Err(raise!(py, ValueError, "memoryview_at: size is negative (or overflowed): {size}"));
        }
        let mut view = krait_object::layout::Py_buffer::EMPTY;
        // SAFETY: the caller vouches for the memory; the description is copied.
        unsafe {
            let flags = krait_object::layout::PyBUF_FULL_RO;
            krait_object::protocols::buffer::fill_info(py, &mut view, None, start, size, readonly != 0, flags)?;
            MemoryView::from_buffer(py, &view)
        }
    };
    ret_object(py, make())
}

/// What `cast` calls: an instance of a pointer class that holds an address, and keeps what the source keeps.
unsafe extern "C" fn cast(address: *mut c_void, source: *mut PyObject, class: *mut PyObject) -> *mut PyObject {
    // SAFETY: as above, with live objects.
    let (py, source, class) = unsafe {
        (
            Attached::from_tls(),
            krait_object::typedef::arg::<Object>(source),
            krait_object::typedef::arg::<Object>(class),
        )
    };
    ret_object(py, cast_to(py, address as usize, source, class))
}

fn cast_to(py: Attached<'_>, address: usize, source: &Object, class: &Object) -> PyResult<Ref<Object>> {
    let fits = desc_of(class).is_some_and(|desc| match desc.kind {
        Kind::Pointer | Kind::Function => true,
        Kind::Simple => b"sPzUZXO".contains(&desc.code),
        _ => false,
    });
    if !fits {
        let name = match class.downcast::<Type>() {
            Some(ty) => ty.name().into_owned(),
            None => class.ty().name().into_owned(),
        };
        return Err(raise!(py, TypeError, "cast() argument 2 must be a pointer type, not {name}"));
    }
    let result = class.call0(py)?;
    let Some(data) = as_cdata(&result) else { return Err(py.bad_internal_call()) };
    if let Some(origin) = as_cdata(source) {
        let kept = origin.kept(py)?;
        if let Some(dict) = (*kept).downcast::<Dict>() {
            let key = Int::from_u64(py, source.as_ptr() as usize as u64)?;
            dict.set(py, key.as_object(), source)?;
        }
        data.replace_kept(Some(kept));
    }
    data.set_word(py, address);
    Ok(result)
}

/// Makes a class ready; `metaclass` is what its instances are classes of.
fn ready<T: StaticType>(py: Attached<'_>, metaclass: Option<&Type>) -> PyResult<&'static Type> {
    let ty = link_static::<T>();
    if let Some(metaclass) = metaclass {
        ty.as_object().raw().ob_type.set(metaclass.as_type_ptr());
    }
    krait_object::native::ready::<T>(py)
}

fn add_types(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<CType>(py, None)?;
    ready::<CData>(py, None)?;
    ready::<CArg>(py, None)?;
    ready::<Thunk>(py, None)?;
    let classes = [
        ("Structure", ready::<CStruct>(py, Some(ready::<StructType>(py, None)?))?),
        ("Union", ready::<CUnion>(py, Some(ready::<UnionType>(py, None)?))?),
        ("_Pointer", ready::<CPointer>(py, Some(ready::<PointerType>(py, None)?))?),
        ("Array", ready::<CArray>(py, Some(ready::<ArrayType>(py, None)?))?),
        ("_SimpleCData", ready::<CSimple>(py, Some(ready::<SimpleType>(py, None)?))?),
        ("CFuncPtr", ready::<CFuncPtr>(py, Some(ready::<FunctionType>(py, None)?))?),
        ("CField", ready::<CField>(py, None)?),
    ];
    classes.iter().try_for_each(|(name, class)| module.add(py, name, class.as_object()))
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    if let Err(text) = crate::libffi::open() {
        return Err(py.raise(exc::ImportError(), text));
    }
    module.add_functions(
        py,
        functions! {
            noargs "get_errno" => get_errno, "($module, /)", "The thread's copy of errno.";
            o "set_errno" => set_errno, "($module, value, /)", "Sets the thread's copy of errno; the old value.";
            o "sizeof" => sizeof, "($module, obj, /)", "Bytes of a C type or instance.";
            o "alignment" => alignment, "($module, obj, /)", "The alignment of a C type or instance.";
            sig "byref" => byref, "($module, obj, offset=0, /)", "A pointer to an instance, for calls only.";
            o "addressof" => addressof, "($module, obj, /)", "The address of an instance's memory.";
            sig "resize" => resize, "($module, obj, size, /)", "Changes the size of an instance's own memory.";
            o "buffer_info" => buffer_info, "($module, obj, /)", "Format, dimensions and shape of a C type or instance.";
            sig "_unpickle" => unpickle, "($module, typ, state, /)", "";
            sig "dlopen" => dlopen, "($module, name, flag=2, /)", "Opens a shared library.";
            sig "dlclose" => dlclose, "($module, handle, /)", "Closes a library.";
            sig "dlsym" => dlsym, "($module, handle, name, /)", "The address of a library's symbol.";
            noargs "dllist" => dllist, "($module, /)", "The names of the loaded libraries.";
            sig "call_function" => |py: Attached<'_>, _: &Object, args: [Opt<'_>; 2]| call_plain(py, args, 0), "($module, address, args, /)", "Calls a function by its address.";
            sig "call_cdeclfunction" => |py: Attached<'_>, _: &Object, args: [Opt<'_>; 2]| call_plain(py, args, FLAG_CDECL), "($module, address, args, /)", "Calls a function by its address.";
            o "PyObj_FromPtr" => object_at, "($module, address, /)", "The object at an address.";
            o "Py_INCREF" => incref, "($module, object, /)", "Adds a reference.";
            o "Py_DECREF" => decref, "($module, object, /)", "Gives up a reference.";
        },
    )?;
    add_types(py, module)?;
    let error = new_exception(py, "ctypes", "ArgumentError", exc::Exception())?;
    module.add(py, "ArgumentError", &error)?;
    module.add(py, "__version__", &*"1.1.0".into_object(py)?)?;
    let numbers: [(&str, u64); 14] = [
        ("FUNCFLAG_CDECL", FLAG_CDECL as u64),
        ("FUNCFLAG_PYTHONAPI", FLAG_PYTHONAPI as u64),
        ("FUNCFLAG_USE_ERRNO", FLAG_USE_ERRNO as u64),
        ("FUNCFLAG_USE_LASTERROR", FLAG_USE_LASTERROR as u64),
        ("RTLD_LOCAL", libc::RTLD_LOCAL as u64),
        ("RTLD_GLOBAL", libc::RTLD_GLOBAL as u64),
        ("CTYPES_MAX_ARGCOUNT", MAX_ARGUMENTS as u64),
        ("SIZEOF_TIME_T", size_of::<libc::time_t>() as u64),
        ("_memmove_addr", libc::memmove as *const () as usize as u64),
        ("_memset_addr", libc::memset as *const () as usize as u64),
        ("_string_at_addr", string_at as *const () as usize as u64),
        ("_wstring_at_addr", wstring_at as *const () as usize as u64),
        ("_memoryview_at_addr", memoryview_at as *const () as usize as u64),
        ("_cast_addr", cast as *const () as usize as u64),
    ];
    numbers.iter().try_for_each(|(name, value)| module.add(py, name, &*value.into_object(py)?))
}
