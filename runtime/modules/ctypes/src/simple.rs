//! `_SimpleCData`: numbers, characters, pointers without a type, and Python objects.
use crate::call::{CArg, Value};
use crate::cdata::{CData, as_cdata, as_function, get_simple, is_plain_simple, item_class_of};
use crate::codes;
use crate::ffi::FfiType;
use crate::info::{Desc, IS_POINTER, Kind, SimpleType, class_namespace, desc_of, info_of, init_info};
use krait_object::args::Args;
use krait_object::builtins::descrobject::ClassMethodDescr;
use krait_object::layout::{Py_buffer, PyMethodDef};
use krait_object::typedef::Table;
use krait_object::{
    Attached, Bytes, Int, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, Tuple, Type, id, mem, method_def,
    none, pytype, raise,
};
use std::ffi::{CString, c_int};
use std::ptr::{self, NonNull};

type Opt<'a> = Option<&'a Object>;

/// `_ctypes._SimpleCData`.
#[repr(transparent)]
pub struct CSimple(CData);

pytype! {
    pub static SIMPLE_BASE_TYPE: "_ctypes._SimpleCData" for CSimple {
        base: CData,
        flags: [HAVE_GC, BASETYPE],
        doc: "XXX to be provided",
        slots: {
            tp_dealloc = CSimple::dealloc,
            tp_traverse = |this: &CSimple, visit| CData::traverse(&this.0, visit),
            tp_clear = |py: Attached<'_>, this: &CSimple| CData::clear(py, &this.0),
            tp_new = |py: Attached<'_>, ty: &Type, _: Args<'_>| CData::construct(py, ty),
            tp_init = CSimple::init,
            tp_repr = CSimple::repr,
            nb_bool = CSimple::truth,
            bf_getbuffer = CSimple::getbuffer,
        },
        methods: { noargs "__ctypes_from_outparam__" => CSimple::from_outparam, "($self, /)", ""; },
        getset: { "value" => CSimple::value, CSimple::set_value, "current value"; },
    }
}

/// `from_param` of the types of pointers, which their classes have for themselves.
static POINTER_PARAMS: Table<PyMethodDef, 3> = Table([
    method_def!(Object; class o "from_param" => void_pointer_param, "($type, value, /)", "Converts an object for a function call."),
    method_def!(Object; class o "from_param" => bytes_param, "($type, value, /)", "Converts an object for a function call."),
    method_def!(Object; class o "from_param" => text_param, "($type, value, /)", "Converts an object for a function call."),
]);

/// The type code that a class's `_type_` names.
fn type_code(py: Attached<'_>, ty: &Type) -> PyResult<u8> {
    let Some(code) = ty.as_object().get_attr_opt(py, id!(py, _type_))? else {
        return Err(raise!(py, AttributeError, "class must define a '_type_' attribute"));
    };
    let Some(text) = (*code).downcast::<Str>() else {
        return Err(raise!(py, TypeError, "class must define a '_type_' string attribute"));
    };
    if text.len() != 1 {
        return Err(raise!(
            py,
            ValueError,
            "class must define a '_type_' attribute which must be a string of length 1"
        ));
    }
    match u8::try_from(text.char_at(0)) {
        Ok(code) if codes::CODES.as_bytes().contains(&code) => Ok(code),
        _ => Err(raise!(
            py,
            AttributeError,
            "class must define a '_type_' attribute which must be\na single character string containing one of the\nsupported types: '{}'.",
            codes::CODES
        )),
    }
}

fn facts(code: u8, swapped: bool) -> Option<Desc> {
    let ffi = FfiType::of_code(if code == b'v' { b'h' } else { code })?;
    let order = if swapped != cfg!(target_endian = "big") { '>' } else { '<' };
    let format = CString::new(format!("{order}{}", codes::buffer_letter(code) as char)).unwrap_or_default();
    Some(Desc {
        size: codes::size_of_code(code),
        align: ffi.align(),
        length: 0,
        flags: if b"zZPO".contains(&code) { IS_POINTER } else { 0 },
        code,
        swapped,
        ffi,
        ..Desc::word(Kind::Simple, format)
    })
}

/// `__init__` of the metaclass.
pub fn init_class(py: Attached<'_>, this: &SimpleType, args: Args<'_>) -> PyResult<()> {
    class_namespace(py, args)?;
    let ty = this.as_type();
    let code = type_code(py, ty)?;
    let desc = facts(code, false).ok_or_else(|| py.bad_internal_call())?;
    init_info(py, ty, desc)?;
    let direct = ty.base().is_some_and(|base| ptr::eq(base, CSimple::type_object()));
    let method = match code {
        b'P' => Some(0),
        b'z' => Some(1),
        b'Z' => Some(2),
        _ => None,
    };
    if let Some(at) = method.filter(|_| direct) {
        let descr = ClassMethodDescr::new(py, ty, (&raw const POINTER_PARAMS.0[at]).cast_mut())?;
        crate::structs::put_in_class(py, ty, "from_param", descr.as_object())?;
    }
    let exact = ptr::eq(ty.as_object().ty(), SimpleType::type_object());
    if exact && codes::SWAPPABLE.contains(&code) {
        make_swapped(py, ty, code, args)?;
    }
    Ok(())
}

/// Makes the twin of the other byte order, and makes the two know each other.
fn make_swapped(py: Attached<'_>, ty: &Type, code: u8, args: Args<'_>) -> PyResult<()> {
    let (suffix, other, own) = match cfg!(target_endian = "big") {
        true => ("_le", id!(py, __ctype_le__), id!(py, __ctype_be__)),
        false => ("_be", id!(py, __ctype_be__), id!(py, __ctype_le__)),
    };
    let [name, bases, namespace] = args.pos else { return Err(py.bad_internal_call()) };
    let name = format!("{}{suffix}", name.str(py)?.to_string_lossy()).into_object(py)?;
    let metaclass = SimpleType::type_object();
    let Some(new) = Type::type_object().as_type().tp_new.get() else { return Err(py.bad_internal_call()) };
    let arguments = Tuple::from_slice(py, &[&name, bases, namespace])?;
    // SAFETY: [slot-contract].
    let made = unsafe {
        let raw = new(metaclass.as_type_ptr(), arguments.as_ptr(), ptr::null_mut());
        krait_object::protocols::call::steal_result(py, raw)?
    };
    let Some(twin) = (*made).downcast::<Type>() else { return Err(py.bad_internal_call()) };
    let desc = facts(code, true).ok_or_else(|| py.bad_internal_call())?;
    init_info(py, twin, desc)?;
    for (class, name, value) in [(ty, other, twin), (ty, own, ty), (twin, own, ty), (twin, other, twin)] {
        class.as_object().set_attr(py, name, Some(value.as_object()))?;
    }
    Ok(())
}

/// `class.from_param(value)` of types without an own way.
pub fn from_param(py: Attached<'_>, this: &SimpleType, value: &Object) -> PyResult<Ref<Object>> {
    let ty = this.as_type();
    if value.is_instance(py, ty.as_object())? {
        return Ok(value.to_ref());
    }
    let Some(info) = info_of(ty) else { return Err(raise!(py, TypeError, "abstract class")) };
    let desc = info.desc();
    match codes::encode(py, desc.code, desc.swapped, value) {
        Ok(encoded) => {
            let value = Value::new(encoded.as_slice());
            Ok(CArg::new(py, desc.code, desc.ffi.as_ptr(), value, encoded.keep)?.upcast())
        }
        Err(raised) => by_stand_in(py, ty.as_object(), value, raised),
    }
}

/// Converts what stands in for `value` as a parameter, or raises what was raised for `value` itself.
fn by_stand_in(py: Attached<'_>, class: &Object, value: &Object, raised: Raised) -> PyResult<Ref<Object>> {
    let error = raised.take(py);
    match value.get_attr_opt(py, id!(py, _as_parameter_))? {
        Some(stand_in) => {
            let _depth = py.enter_recursive(" while processing _as_parameter_")?;
            class.call_method(py, id!(py, from_param), &[&stand_in])
        }
        None => Err(py.restore(error)),
    }
}

fn pointer_arg(py: Attached<'_>, code: u8, value: &Object) -> PyResult<Ref<Object>> {
    let encoded = codes::encode(py, code, false, value)?;
    let bytes = Value::new(encoded.as_slice());
    Ok(CArg::new(py, code, FfiType::pointer().as_ptr(), bytes, encoded.keep)?.upcast())
}

fn wrong_param(py: Attached<'_>, class: &Object, value: &Object, what: &str) -> PyResult<Ref<Object>> {
    let kind = value.ty().name();
    let raised = raise!(py, TypeError, "'{kind}' object cannot be interpreted as ctypes.{what}");
    by_stand_in(py, class, value, raised)
}

/// The code of the simple class that a pointer or array is made of, or that `byref` was given.
fn pointed_code(value: &Object) -> Option<u8> {
    if let Some(item) = item_class_of(value) {
        return desc_of(&item).map(|desc| desc.code);
    }
    let argument = value.downcast_exact::<CArg>()?;
    let object = argument.object()?;
    desc_of(object.ty().as_object()).map(|desc| desc.code)
}

fn void_pointer_param(py: Attached<'_>, class: &Type, value: &Object) -> PyResult<Ref<Object>> {
    if value.is_none() {
        return Ok(none());
    }
    if value.downcast::<Int>().is_some() {
        return pointer_arg(py, b'P', value);
    }
    if value.downcast::<Bytes>().is_some() {
        return pointer_arg(py, b'z', value);
    }
    if value.downcast::<Str>().is_some() {
        return pointer_arg(py, b'Z', value);
    }
    if value.is_instance(py, class.as_object())? || item_class_of(value).is_some() {
        return Ok(value.to_ref());
    }
    if value.downcast_exact::<CArg>().is_some_and(|argument| argument.tag() == b'P') {
        return Ok(value.to_ref());
    }
    let word = |data: &CData, code| {
        let bytes = Value::new(&data.word(py).to_ne_bytes());
        CArg::new(py, code, FfiType::pointer().as_ptr(), bytes, Some(value.to_ref())).map(Ref::upcast)
    };
    if let Some(function) = as_function(value) {
        return word(function.head(), b'P');
    }
    if let (Some(data), Some(desc)) = (as_cdata(value), desc_of(value.ty().as_object()))
        && desc.kind == Kind::Simple
        && matches!(desc.code, b'z' | b'Z')
    {
        return word(data, b'Z');
    }
    wrong_param(py, class.as_object(), value, "c_void_p")
}

fn bytes_param(py: Attached<'_>, class: &Type, value: &Object) -> PyResult<Ref<Object>> {
    if value.is_none() {
        return Ok(none());
    }
    if value.downcast::<Bytes>().is_some() {
        return pointer_arg(py, b'z', value);
    }
    if value.is_instance(py, class.as_object())? || pointed_code(value) == Some(b'c') {
        return Ok(value.to_ref());
    }
    wrong_param(py, class.as_object(), value, "c_char_p")
}

fn text_param(py: Attached<'_>, class: &Type, value: &Object) -> PyResult<Ref<Object>> {
    if value.is_none() {
        return Ok(none());
    }
    if value.downcast::<Str>().is_some() {
        return pointer_arg(py, b'Z', value);
    }
    if value.is_instance(py, class.as_object())? || pointed_code(value) == Some(b'u') {
        return Ok(value.to_ref());
    }
    wrong_param(py, class.as_object(), value, "c_wchar_p")
}

impl CSimple {
    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Self>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| this.0.release()) }
    }

    fn getbuffer(py: Attached<'_>, this: &Self, view: &mut Py_buffer, flags: c_int) -> PyResult<()> {
        CData::getbuffer(py, &this.0, view, flags)
    }

    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        match Args::positional(args.pos).unpack(py, "__init__", 0, 1)? {
            [value] => Self::set_value(py, this, Some(value)),
            _ => Ok(()),
        }
    }

    fn value(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        get_simple(py, this.0.desc(py)?, &this.0, this.0.data())
    }

    fn set_value(py: Attached<'_>, this: &Self, value: Opt<'_>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(py, TypeError, "can't delete attribute")) };
        let desc = this.0.desc(py)?;
        let encoded = codes::encode(py, desc.code, desc.swapped, value)?;
        this.0.store(py, this.0.data(), encoded.as_slice());
        this.0.keep(py, 0, encoded.keep)
    }

    fn from_outparam(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        if is_plain_simple(this.as_object().ty().as_object()) {
            return this.as_object().get_attr(py, id!(py, value));
        }
        Ok(this.as_object().to_ref())
    }

    fn repr(py: Attached<'_>, this: &Self) -> PyResult<String> {
        let ty = this.as_object().ty();
        if !is_plain_simple(ty.as_object()) {
            return Ok(format!("<{} object at {this:p}>", ty.name()));
        }
        let value = Self::value(py, this)?;
        Ok(format!("{}({})", ty.name(), value.repr(py)?))
    }

    fn truth(py: Attached<'_>, this: &Self) -> PyResult<bool> {
        let mut bytes = krait_object::reserve::zeros(py, this.0.size())?;
        this.0.load(py, this.0.data(), &mut bytes);
        Ok(bytes.iter().any(|byte| *byte != 0))
    }
}
