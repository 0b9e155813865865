//! Functions of CPython's internal headers that its own extension modules import, the test modules among them.
use crate::capi::*;
use krait_layout::*;
use krait_object::args::Args;
use krait_object::{Attached, Dict, Int, Layout, Object, PyResult, Ref, Str, Tuple, Type, raise};
use krait_sync::once::OnceFlag;
use std::ffi::{CStr, c_char, c_int, c_void};

/// The interned string of an identifier: immortal.
unsafe fn identifier(py: Attached<'_>, id: *const _Py_Identifier) -> PyResult<&'static Str> {
    // SAFETY: by the contract, an identifier begins with its text.
    let text: Text<'_> = unsafe { CArg::from_c(py, (*id).string.get())? };
    Str::try_intern(py, text.obj(py)?)
}

/// A non-negative integer of at most `bits` bits for a C type of the name `what`.
fn unsigned(py: Attached<'_>, value: &Object, bits: u32, what: &str) -> PyResult<u64> {
    let value = value.index(py)?;
    if value.is_negative() {
        return Err(raise!(py, ValueError, "value must be positive"));
    }
    match value.to_u64() {
        Some(wide) if bits == 64 || wide >> bits == 0 => Ok(wide),
        _ => Err(raise!(py, OverflowError, "Python int too large for C {what}")),
    }
}

macro_rules! converters {
    ($($name:ident: $ty:ty = $what:literal;)*) => {
        capi! { $(
            fn $name(py, value: &Object, out: *mut $ty) -> Truth {
                *out = unsigned(py, value, <$ty>::BITS, $what)? as $ty;
                Ok(Truth(1))
            }
        )* }
    };
}
converters! {
    _PyLong_UnsignedShort_Converter: u16 = "unsigned short";
    _PyLong_UnsignedInt_Converter: u32 = "unsigned int";
    _PyLong_UnsignedLong_Converter: u64 = "unsigned long";
    _PyLong_UnsignedLongLong_Converter: u64 = "unsigned long long";
    _PyLong_Size_t_Converter: usize = "size_t";
    _PyLong_UInt8_Converter: u8 = "uint8_t";
    _PyLong_UInt16_Converter: u16 = "uint16_t";
    _PyLong_UInt32_Converter: u32 = "uint32_t";
    _PyLong_UInt64_Converter: u64 = "uint64_t";
}

capi! {
    fn _PyUnicode_FromId(py, id: *const _Py_Identifier) -> Lent { Ok(Lent(identifier(py, id)?.as_ptr())) }
    fn _PyObject_GetAttrId(py, o: &Object, id: *const _Py_Identifier) -> Ref<Object> { o.get_attr(py, identifier(py, id)?) }
    fn _PyNamespace_New(py, values: Option<&Dict>) -> Ref<Object> { Ok(krait_object::namespaceobject::Namespace::new(py, values)?.upcast()) }
    fn _PyNumber_Index(py, o: &Object) -> Ref<Int> { o.index(py) }
    fn _PyTuple_FromArray(py, items: *const *mut PyObject, count: isize) -> Ref<Tuple> {
        Tuple::from_slice(py, Args::from_vectorcall(items, count.max(0) as usize, std::ptr::null_mut()).pos)
    }
    fn _Py_convert_optional_to_ssize_t(py, o: &Object, out: *mut isize) -> Truth {
        if o.is_none() { return Ok(Truth(1)); }
        if !o.has_index() {
            return Err(raise!(py, TypeError, "argument should be integer or None, not {}", o.ty().tp_name()));
        }
        *out = o.as_isize(py)?;
        Ok(Truth(1))
    }
    fn _PyUnicode_AsUTF8NoNUL(py, text: &Str) -> *const c_char {
        let data = text.to_utf8(py)?;
        if data.as_bytes().contains(&0) { return Err(raise!(py, ValueError, "embedded null character")); }
        Ok(data.as_ptr().cast())
    }
    fn _PyWeakref_IsDead(py, reference: &krait_object::weakrefobject::WeakRef) -> bool { Ok(reference.is_dead()) }
    fn _PyType_Name(py, ty: &Type) -> *const c_char {
        // What stands behind the last dot.
        let name = CStr::from_ptr(ty.as_type().tp_name.get());
        let start = name.to_bytes().iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
        Ok(name.as_ptr().add(start))
    }
}

capi_raw! {
    /// The reference that a finalizer needs, for an object without any.
    fn _Py_ResurrectReference(o: *mut PyObject) { krait_object::mode::resurrect_start(Object::from_ptr(o)) }
    fn _Py_GetBuiltWithAssert() -> c_int { c_int::from(cfg!(debug_assertions)) }
    fn _Py_IsValidFD(fd: c_int) -> c_int { c_int::from(libc::fcntl(fd, libc::F_GETFD) >= 0) }
    fn _PyThreadState_GetCurrent() -> *mut PyThreadState { Attached::current_raw() }
    fn _Py_IsInterpreterFinalizing(interpreter: *mut PyInterpreterState) -> c_int {
        c_int::from((*interpreter.cast::<krait_vm::interp::Interpreter>()).finalizing.load(std::sync::atomic::Ordering::Acquire))
    }
    /// Runs `function` once for the flag; 0 when it has succeeded, now or before.
    fn _PyOnceFlag_CallOnceSlow(flag: *mut _PyOnceFlag, function: unsafe extern "C" fn(*mut c_void) -> c_int, argument: *mut c_void) -> c_int {
        // The flag of the headers is this one's byte.
        let flag = &*flag.cast::<OnceFlag>();
        match flag.call_once_try(|| match function(argument) { 0 => Ok(()), code => Err(code) }) {
            Ok(()) => 0,
            Err(code) => code,
        }
    }
}
