//! Calls of C functions: how arguments become C values, the call itself, and what becomes of the result.
use crate::cdata::{CData, as_cdata, extend_error};
use crate::codes;
use crate::ffi::FfiType;
use crate::info::{Kind, desc_of};
use crate::libffi::{self, ffi_cif, ffi_type};
use krait_object::layout::Field;
use krait_object::native::{Fixed, Part, Trace, alloc};
use krait_object::typedef::member;
use krait_object::{
    Attached, Bytes, Int, Layout, Object, PyResult, Raised, Ref, Slot, Str, Tuple, Type, id, native, none, pytype,
    raise,
};
use krait_vm::interp::without;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr;

/// The most arguments of a call.
pub const MAX_ARGUMENTS: usize = 1024;

pub const FLAG_CDECL: c_int = 1;
/// The call keeps the thread attached, and checks for a Python exception.
pub const FLAG_PYTHONAPI: c_int = 4;
/// The thread's own copy of `errno` is swapped in for the call.
pub const FLAG_USE_ERRNO: c_int = 8;
pub const FLAG_USE_LASTERROR: c_int = 16;

thread_local! {
    /// The copy of `errno` that `get_errno` and `set_errno` work on.
    static ERRNO: Cell<c_int> = const { Cell::new(0) };
}

/// The thread's copy of `errno`.
pub fn errno_copy() -> c_int {
    ERRNO.get()
}

/// Replaces the thread's copy of `errno`.
pub fn set_errno_copy(value: c_int) -> c_int {
    ERRNO.replace(value)
}

/// Exchanges `errno` with the thread's copy.
pub fn swap_errno() {
    // SAFETY: the thread's own `errno`.
    unsafe {
        let cell = libc::__errno_location();
        *cell = ERRNO.replace(*cell);
    }
}

/// The bytes of one argument, aligned for every C type.
pub struct Value(Box<[u128]>);

impl Trace for Value {}

impl Value {
    pub fn new(bytes: &[u8]) -> Value {
        let mut words = vec![0u128; bytes.len().div_ceil(16).max(1)].into_boxed_slice();
        // SAFETY: the words have room for the bytes.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), words.as_mut_ptr().cast(), bytes.len()) };
        Value(words)
    }

    fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr().cast_mut().cast()
    }

    fn first_word(&self) -> u64 {
        self.0[0] as u64
    }
}

native! {
    /// A converted argument: what `from_param` and `byref` give.
    pub struct CArg {
        tag: Field<u8>,
        kind: Field<*mut ffi_type>,
        value: Fixed<Value>,
        object: Slot<Object>,
    }
}

pytype! {
    pub static CARG_TYPE: "_ctypes.CArgObject" for CArg {
        base: Object,
        flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = CArg::dealloc,
            tp_traverse = CArg::traverse,
            tp_clear = |_: Attached<'_>, this: &CArg| this.object.release(),
            tp_repr = CArg::repr,
        },
        members: [member("_obj\0", _Py_T_OBJECT, offset_of!(CArg, object), Py_READONLY, c"the wrapped object")],
    }
}

impl CArg {
    /// An argument of a type; `object` is kept alive with it.
    pub fn new(
        py: Attached<'_>,
        tag: u8,
        kind: *mut ffi_type,
        value: Value,
        object: Option<Ref<Object>>,
    ) -> PyResult<Ref<CArg>> {
        let this = alloc::<CArg>(py, Self::type_object())?;
        this.tag.set(tag);
        this.kind.set(kind);
        this.value.init(value);
        drop(this.object.replace(object));
        Ok(this)
    }

    /// What `byref(object, offset)` gives.
    pub fn by_reference(py: Attached<'_>, object: &Object, offset: isize) -> PyResult<Ref<CArg>> {
        let Some(data) = as_cdata(object) else {
            return Err(raise!(
                py,
                TypeError,
                "byref() argument must be a ctypes instance, not '{}'",
                object.ty().name()
            ));
        };
        let address = data.data().wrapping_offset(offset) as usize;
        Self::new(py, b'P', FfiType::pointer().as_ptr(), Value::new(&address.to_ne_bytes()), Some(object.to_ref()))
    }

    pub fn tag(&self) -> u8 {
        self.tag.get()
    }

    pub fn object(&self) -> Option<Ref<Object>> {
        self.object.get()
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<String> {
        let code = this.tag.get();
        let word = this.value.get().map_or(0, Value::first_word);
        let bytes = word.to_ne_bytes();
        let tag = code as char;
        Ok(match code {
            b'b' | b'B' | b'h' | b'H' | b'i' | b'I' | b'l' | b'L' | b'q' | b'Q' => {
                let number = codes::integer(code, false, &bytes[..codes::size_of_code(code)]);
                format!("<cparam '{tag}' ({})>", codes::integer_object(py, code, number)?.repr(py)?)
            }
            b'f' | b'd' => {
                // SAFETY: a number.
                let number = unsafe { codes::decode(py, code, false, &bytes)? };
                format!("<cparam '{tag}' ({})>", number.repr(py)?)
            }
            b'c' if (0x20..0x7f).contains(&bytes[0]) => format!("<cparam 'c' ('{}')>", bytes[0] as char),
            b'c' => format!("<cparam 'c' ('\\x{:02x}')>", bytes[0]),
            b'z' | b'Z' | b'P' => format!("<cparam '{tag}' ({word:#x})>"),
            _ if code.is_ascii_graphic() => format!("<cparam '{tag}' at {this:p}>"),
            _ => format!("<cparam {code:#04x} at {this:p}>"),
        })
    }
}

/// An argument that is ready for the call.
struct Argument {
    kind: *mut ffi_type,
    value: Value,
    /// Keeps memory that the value points to.
    _keep: Option<Ref<Object>>,
    /// A value that an argument object holds.
    shared: Option<Ref<CArg>>,
}

impl Argument {
    fn pointer(address: usize, keep: Option<Ref<Object>>) -> Argument {
        let value = Value::new(&address.to_ne_bytes());
        Argument { kind: FfiType::pointer().as_ptr(), value, _keep: keep, shared: None }
    }

    fn place(&self) -> *mut c_void {
        self.shared.as_ref().and_then(|shared| shared.value.get()).unwrap_or(&self.value).as_ptr()
    }
}

/// An instance as an argument: pointers, arrays and functions by address, others by value.
fn instance_argument(py: Attached<'_>, data: &CData) -> PyResult<Argument> {
    let desc = data.desc(py)?;
    let keep = Some(data.to_ref().upcast());
    Ok(match desc.kind {
        Kind::Pointer | Kind::Function => Argument::pointer(data.word(py), keep),
        Kind::Array => Argument::pointer(data.data() as usize, keep),
        Kind::Simple | Kind::Struct | Kind::Union => {
            let mut bytes = krait_object::reserve::zeros(py, desc.size)?;
            data.load(py, data.data(), &mut bytes);
            Argument { kind: desc.ffi.as_ptr(), value: Value::new(&bytes), _keep: keep, shared: None }
        }
    })
}

fn int_argument(py: Attached<'_>, number: &Int) -> PyResult<c_int> {
    match (number.to_i64(), number.to_u64()) {
        (Some(value), _) => Ok(value as c_int),
        (None, Some(value)) => Ok(value as c_int),
        (None, None) => Err(raise!(py, OverflowError, "int too long to convert")),
    }
}

/// Any object as an argument.
fn argument(py: Attached<'_>, object: &Object, number: usize) -> PyResult<Argument> {
    if let Some(data) = as_cdata(object) {
        return instance_argument(py, data);
    }
    if let Some(converted) = object.downcast_exact::<CArg>() {
        let kind = converted.kind.get();
        return Ok(Argument { kind, value: Value::new(&[]), _keep: None, shared: Some(converted.to_ref()) });
    }
    if object.is_none() {
        return Ok(Argument::pointer(0, None));
    }
    if let Some(value) = object.downcast::<Int>() {
        let bytes = int_argument(py, value)?.to_ne_bytes();
        return Ok(Argument {
            kind: libffi::of(&libffi::SINT32),
            value: Value::new(&bytes),
            _keep: None,
            shared: None,
        });
    }
    if let Some(bytes) = object.downcast::<Bytes>() {
        return Ok(Argument::pointer(bytes.data_ptr() as usize, Some(object.to_ref())));
    }
    if let Some(text) = object.downcast::<Str>() {
        let (address, keep) = codes::wide_copy(py, text)?;
        return Ok(Argument::pointer(address, Some(keep)));
    }
    if let Some(stand_in) = object.get_attr_opt(py, id!(py, _as_parameter_))? {
        let _depth = py.enter_recursive(" while converting a parameter")?;
        // The stand-in may be all that keeps the memory.
        let mut made = argument(py, &stand_in, number)?;
        if made._keep.is_none() {
            made._keep = Some(stand_in);
        }
        return Ok(made);
    }
    Err(raise!(py, TypeError, "Don't know how to convert parameter {number}"))
}

/// `ArgumentError`.
pub fn argument_error(py: Attached<'_>) -> PyResult<Ref<Object>> {
    krait_vm::import::import_module(py, "_ctypes")?.get_attr(py, id!(py, ArgumentError))
}

/// Raises `ArgumentError` with a text.
pub fn raise_argument_error(py: Attached<'_>, text: &str) -> Raised {
    match argument_error(py) {
        Ok(class) => match (*class).downcast::<Type>() {
            Some(class) => py.raise(class, text),
            None => py.bad_internal_call(),
        },
        Err(raised) => raised,
    }
}

fn wrap_argument_error(py: Attached<'_>, number: usize, raised: Raised) -> Raised {
    let error = raised.take(py);
    match argument_error(py) {
        Ok(class) => match (*class).downcast::<Type>() {
            Some(class) => extend_error(py, class, &format!("argument {number}: "), py.restore(error)),
            None => py.restore(error),
        },
        Err(raised) => raised,
    }
}

/// The C type of a result.
fn result_type(restype: Option<&Object>) -> *mut ffi_type {
    match restype.and_then(desc_of) {
        // Arrays cannot be returned; as arguments of callbacks they are addresses.
        Some(desc) if desc.kind == Kind::Array => FfiType::pointer().as_ptr(),
        Some(desc) => desc.ffi.as_ptr(),
        None if restype.is_some_and(Object::is_none) => libffi::of(&libffi::VOID),
        None => libffi::of(&libffi::SINT32),
    }
}

/// The C type of a callback's argument.
pub fn argument_type(class: &Object) -> *mut ffi_type {
    result_type(Some(class).filter(|class| !class.is_none()))
}

/// How a function is called.
pub struct Target<'a> {
    pub address: usize,
    pub flags: c_int,
    pub converters: Option<&'a Tuple>,
    /// `None` means `int`, as it does where a class says nothing.
    pub restype: Option<&'a Object>,
    pub checker: Option<&'a Object>,
}

/// Calls a C function.
///
/// # Errors
/// `ArgumentError` for arguments that cannot be converted, and what the conversion of the result raises.
pub fn call_function(py: Attached<'_>, target: &Target<'_>, args: &[&Object]) -> PyResult<Ref<Object>> {
    if args.len() > MAX_ARGUMENTS {
        let given = args.len();
        let text = format!("too many arguments ({given}), maximum is {MAX_ARGUMENTS}");
        return Err(raise_argument_error(py, &text));
    }
    let mut converted = Vec::with_capacity(args.len());
    let mut arguments = Vec::with_capacity(args.len());
    for (at, object) in args.iter().enumerate() {
        let number = at + 1;
        let made = match target.converters.and_then(|converters| converters.get(at)) {
            Some(converter) => converter.call_pos(py, &[object]).and_then(|value| {
                let made = argument(py, &value, number);
                converted.push(value);
                made
            }),
            None => argument(py, object, number),
        };
        arguments.push(made.map_err(|raised| wrap_argument_error(py, number, raised))?);
    }
    let fixed = target.converters.map_or(0, Tuple::len);
    let mut kinds: Vec<*mut ffi_type> = arguments.iter().map(|argument| argument.kind).collect();
    let mut places: Vec<*mut c_void> = arguments.iter().map(Argument::place).collect();
    let rtype = result_type(target.restype);
    // SAFETY: a description of a type.
    let size = unsafe { (*rtype).size }.max(size_of::<usize>());
    let result = Value::new(&krait_object::reserve::zeros(py, size)?);
    let mut cif = ffi_cif::default();
    let variable = fixed != 0 && kinds.len() > fixed;
    if variable {
        promote(&mut kinds[fixed..], &arguments[fixed..]);
    }
    // SAFETY: the array lives until the end of the call.
    let status = unsafe { libffi::prepare(&mut cif, variable.then_some(fixed), rtype, &mut kinds) };
    if status != libffi::OK {
        return Err(raise!(py, RuntimeError, "ffi_prep_cif failed"));
    }
    // SAFETY: function pointers and addresses have one representation; zero is no function, and faults as in C.
    let function = unsafe { std::mem::transmute::<usize, Option<unsafe extern "C" fn()>>(target.address) };
    let mut invoke = || {
        if target.flags & FLAG_USE_ERRNO != 0 {
            swap_errno();
        }
        // SAFETY: the description fits the arrays; that it fits the function is the caller's promise, as with every
        // use of `ctypes`.
        unsafe { libffi::call(&mut cif, function, result.as_ptr(), places.as_mut_ptr()) };
        if target.flags & FLAG_USE_ERRNO != 0 {
            swap_errno();
        }
    };
    if target.flags & FLAG_PYTHONAPI != 0 {
        invoke();
        if py.pending().is_some() {
            return Err(Raised::assume());
        }
    } else {
        without(py, invoke);
    }
    let value = convert_result(py, target, &result);
    drop((converted, arguments));
    value
}

/// Variable arguments travel at least as wide as C's default promotions make them.
fn promote(kinds: &mut [*mut ffi_type], arguments: &[Argument]) {
    for (kind, argument) in kinds.iter_mut().zip(arguments) {
        // SAFETY: a description of a type; values have 16 bytes, and small integers are zero-extended in them.
        let (size, number) = unsafe { ((**kind).size, (**kind).type_) };
        let integer = matches!(number, libffi::TYPE_SINT8 | libffi::TYPE_UINT8)
            || matches!(number, libffi::TYPE_SINT16 | libffi::TYPE_UINT16);
        if !integer || argument.shared.is_some() {
            continue;
        }
        let place = argument.value.as_ptr();
        // SAFETY: the argument's own bytes, of that many.
        unsafe {
            let wide = match (number, size) {
                (libffi::TYPE_SINT8, _) => c_int::from(place.cast::<i8>().read()),
                (libffi::TYPE_SINT16, _) => c_int::from(place.cast::<i16>().read()),
                (libffi::TYPE_UINT8, _) => c_int::from(place.cast::<u8>().read()),
                _ => c_int::from(place.cast::<u16>().read()),
            };
            place.cast::<c_int>().write(wide);
        }
        *kind = libffi::of(&libffi::SINT32);
    }
}

fn convert_result(py: Attached<'_>, target: &Target<'_>, result: &Value) -> PyResult<Ref<Object>> {
    let data = result.as_ptr().cast::<u8>();
    let int = || {
        // SAFETY: results are at least a word.
        let value = unsafe { data.cast::<c_int>().read() };
        Int::from_i64(py, i64::from(value)).map(Ref::upcast)
    };
    let Some(restype) = target.restype else { return int() };
    if restype.is_none() {
        return Ok(none());
    }
    let Some(desc) = desc_of(restype) else { return restype.call_pos(py, &[&*int()?]) };
    let value = if crate::cdata::is_plain_simple(restype) {
        // SAFETY: the result has room for its type.
        let bytes = unsafe { std::slice::from_raw_parts(data, desc.size) };
        // SAFETY: pointers that C functions return are their users' care.
        let value = unsafe { codes::decode(py, desc.code, desc.swapped, bytes)? };
        if desc.code == b'O' {
            // The function gave its reference away, and `decode` made another one.
            // SAFETY: by the function's contract.
            unsafe { krait_object::mode::decref(value.as_ptr()) };
        }
        value
    } else {
        CData::part_of(py, restype, None, 0, data)?.upcast()
    };
    match target.checker {
        Some(checker) => checker.call_pos(py, &[&value]),
        None => Ok(value),
    }
}
