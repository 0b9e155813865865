//! `member_descriptor`, and reading and writing C fields by their definition (`PyMember_GetOne`, `PyMember_SetOne`).
use super::{Descr, c_text, doc_or_none, new_descr};
use crate::handle::{Attached, Layout, Ref, Slot};
use crate::layout::*;
use crate::typedef::member;
use crate::{Bool, Int, IntoObject, Object, PyResult, Str, Type, exc, hooks, mode, pytype, raise};
use std::ffi::{CStr, c_char};
use std::mem::offset_of;

/// An attribute at a fixed offset of a built-in or `__slots__` class.
#[repr(transparent)]
pub struct MemberDescr(pub(crate) PyMemberDescrObject);

impl Descr for MemberDescr {
    const KIND: &'static str = "member";
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyMemberDescr_Type: "member_descriptor" for MemberDescr {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = MemberDescr::descr_dealloc,
            tp_repr = MemberDescr::descr_repr,
            tp_traverse = MemberDescr::descr_traverse,
            tp_descr_get = MemberDescr::get,
            tp_descr_set = MemberDescr::set,
        },
        methods: {
            noargs "__reduce__" => MemberDescr::reduce, "($self, /)", "";
        },
        getset: {
            "__doc__" => MemberDescr::get_doc, "";
            "__qualname__" => MemberDescr::get_qualname, "";
        },
        members: [
            member("__objclass__\0", _Py_T_OBJECT, offset_of!(PyDescrObject, d_type), Py_READONLY, c""),
            member("__name__\0", _Py_T_OBJECT, offset_of!(PyDescrObject, d_name), Py_READONLY, c""),
        ],
    }
}

impl MemberDescr {
    /// A descriptor of `def`, which lives as long as `owner`.
    pub fn new(py: Attached<'_>, owner: &Type, def: *mut PyMemberDef) -> PyResult<Ref<MemberDescr>> {
        // SAFETY: the caller passes a live definition.
        let definition = unsafe { &*def };
        if definition.flags & Py_RELATIVE_OFFSET != 0 {
            return Err(raise!(py, SystemError, "PyDescr_NewMember used with Py_RELATIVE_OFFSET"));
        }
        new_descr::<MemberDescr>(py, owner, &c_text(definition.name), |descr| descr.0.d_member.set(def))
    }

    /// The definition behind it.
    #[inline(always)]
    pub fn definition(&self) -> &PyMemberDef {
        // SAFETY: the definition lives as long as the owning type.
        unsafe { &*self.0.d_member.get() }
    }

    fn get_doc(py: Attached<'_>, this: &MemberDescr) -> PyResult<Ref<Object>> {
        let doc = this.definition().doc;
        if c_text(doc).is_empty() {
            return Ok(crate::none());
        }
        doc_or_none(py, doc)
    }

    fn get(
        py: Attached<'_>,
        this: &MemberDescr,
        instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let Some(instance) = instance else { return Ok(this.as_object().to_ref()) };
        this.check_object(py, instance)?;
        // SAFETY: the descriptor applies to the object.
        unsafe { read_member(py, instance.as_ptr().cast(), this.definition()) }
    }

    fn set(py: Attached<'_>, this: &MemberDescr, instance: &Object, value: Option<&Object>) -> PyResult<()> {
        this.check_object(py, instance)?;
        // SAFETY: the descriptor applies to the object.
        unsafe { write_member(py, instance.as_ptr().cast(), this.definition(), value) }
    }
}

/// Reads the field that `def` describes.
///
/// # Safety
/// `base` is the address of a live object that has the field.
pub unsafe fn read_member(py: Attached<'_>, base: *mut c_char, def: &PyMemberDef) -> PyResult<Ref<Object>> {
    // SAFETY: by the contract.
    unsafe {
        let at = base.byte_offset(def.offset);
        macro_rules! number {
            ($ty:ty) => {
                (*at.cast::<Field<$ty>>()).get()
            };
        }
        match def.r#type {
            Py_T_BOOL => (number!(u8) != 0).into_object(py),
            Py_T_BYTE => number!(i8).into_object(py),
            Py_T_UBYTE => number!(u8).into_object(py),
            Py_T_SHORT => number!(i16).into_object(py),
            Py_T_USHORT => number!(u16).into_object(py),
            Py_T_INT => number!(i32).into_object(py),
            Py_T_UINT => number!(u32).into_object(py),
            Py_T_LONG | Py_T_LONGLONG | Py_T_PYSSIZET => number!(i64).into_object(py),
            Py_T_ULONG | Py_T_ULONGLONG => number!(u64).into_object(py),
            Py_T_FLOAT => f64::from(number!(f32)).into_object(py),
            Py_T_DOUBLE => number!(f64).into_object(py),
            Py_T_STRING => {
                let text: *const c_char = number!(*const c_char);
                if text.is_null() {
                    return Ok(crate::none());
                }
                Ok(Str::new(py, &CStr::from_ptr(text).to_string_lossy())?.upcast())
            }
            Py_T_STRING_INPLACE => Ok(Str::new(py, &CStr::from_ptr(at).to_string_lossy())?.upcast()),
            Py_T_CHAR => Ok(Str::latin1_char(number!(u8)).as_object().to_ref()),
            _Py_T_OBJECT => Ok(read_object(py, base.cast(), &*at.cast()).unwrap_or_else(crate::none)),
            Py_T_OBJECT_EX => match read_object(py, base.cast(), &*at.cast()) {
                Some(value) => Ok(value),
                None => {
                    let object = Object::from_ptr(base.cast());
                    Err(raise!(
                        py,
                        AttributeError,
                        "'{}' object has no attribute '{}'",
                        object.ty().full_name(),
                        c_text(def.name)
                    ))
                }
            },
            _Py_T_NONE => Ok(crate::none()),
            _ => Err(raise!(py, SystemError, "bad memberdescr type for {}", c_text(def.name))),
        }
    }
}

/// Reads an object field of `owner`. C code may have written it without publishing the value, so a reader that cannot
/// take a reference locks the owner, as writers do.
///
/// # Safety
/// `owner` is live and has `field`.
unsafe fn read_object(py: Attached<'_>, owner: *mut PyObject, field: &Field<*mut PyObject>) -> Option<Ref<Object>> {
    // SAFETY: by the contract; under the lock the field keeps its reference while a new one is made.
    unsafe {
        if let Some(value) = mode::try_load_ref(field) {
            return Ref::from_raw_opt(value);
        }
        let _section = Object::from_ptr(owner).lock(py);
        let value = Slot::of(field).borrow().map(Object::to_ref)?;
        mode::publish(value.as_ptr());
        Some(value)
    }
}

/// Writes (or deletes, for `None`) the field that `def` describes.
///
/// # Safety
/// As [`read_member`].
pub unsafe fn write_member(
    py: Attached<'_>,
    base: *mut c_char,
    def: &PyMemberDef,
    value: Option<&Object>,
) -> PyResult<()> {
    if def.flags & Py_READONLY != 0 {
        return Err(raise!(py, AttributeError, "readonly attribute"));
    }
    // SAFETY: by the contract.
    unsafe {
        let at = base.byte_offset(def.offset);
        let Some(value) = value else {
            return match def.r#type {
                Py_T_OBJECT_EX => match (*at.cast::<Slot>()).take() {
                    Some(old) => {
                        drop(old);
                        Ok(())
                    }
                    None => Err(raise!(py, AttributeError, "{}", c_text(def.name))),
                },
                _Py_T_OBJECT => {
                    drop((*at.cast::<Slot>()).take());
                    Ok(())
                }
                _ => Err(raise!(py, TypeError, "can't delete numeric/char attribute")),
            };
        };
        write_value(py, at, def, value)
    }
}

fn truncated(py: Attached<'_>, what: &str) -> PyResult<()> {
    (hooks::hooks().warn)(py, exc::RuntimeWarning(), &format!("Truncation of value to {what}"), 1)
}

/// # Safety
/// As [`write_member`], with the field's address.
unsafe fn write_value(py: Attached<'_>, at: *mut c_char, def: &PyMemberDef, value: &Object) -> PyResult<()> {
    // SAFETY: by the contract.
    unsafe {
        macro_rules! store {
            ($ty:ty, $value:expr) => {
                (*at.cast::<Field<$ty>>()).set($value)
            };
        }
        macro_rules! narrow {
            ($ty:ty, $what:literal) => {{
                let wide = value.as_i64(py)?;
                store!($ty, wide as $ty);
                if wide as $ty as i64 != wide {
                    truncated(py, $what)?;
                }
            }};
        }
        match def.r#type {
            Py_T_BOOL => {
                let Some(value) = value.downcast::<Bool>() else {
                    return Err(raise!(py, TypeError, "attribute value type must be bool"));
                };
                store!(u8, u8::from(value.as_object().is_true(py)?));
            }
            Py_T_BYTE => narrow!(i8, "char"),
            Py_T_UBYTE => narrow!(u8, "unsigned char"),
            Py_T_SHORT => narrow!(i16, "short"),
            Py_T_USHORT => narrow!(u16, "unsigned short"),
            Py_T_INT => narrow!(i32, "int"),
            Py_T_UINT => {
                let index = value.index(py)?;
                let wide = match index.to_u64() {
                    Some(wide) => wide,
                    None => value.as_i64(py)? as u64,
                };
                store!(u32, wide as u32);
                if index.is_negative() {
                    (hooks::hooks().warn)(py, exc::RuntimeWarning(), "Writing negative value into unsigned field", 1)?;
                } else if u64::from(wide as u32) != wide {
                    truncated(py, "unsigned int")?;
                }
            }
            Py_T_LONG | Py_T_LONGLONG => store!(i64, value.as_i64(py)?),
            Py_T_PYSSIZET => match value.downcast::<Int>() {
                Some(_) => store!(isize, value.as_isize(py)?),
                None => return Err(raise!(py, TypeError, "an integer is required")),
            },
            Py_T_ULONG | Py_T_ULONGLONG => {
                let index = value.index(py)?;
                match index.to_u64() {
                    Some(wide) => store!(u64, wide),
                    None if index.is_negative() => {
                        store!(u64, value.as_i64(py)? as u64);
                        (hooks::hooks().warn)(
                            py,
                            exc::RuntimeWarning(),
                            "Writing negative value into unsigned field",
                            1,
                        )?;
                    }
                    None => {
                        return Err(raise!(py, OverflowError, "Python int too large to convert to C unsigned long"));
                    }
                }
            }
            Py_T_FLOAT => store!(f32, value.as_f64(py)? as f32),
            Py_T_DOUBLE => store!(f64, value.as_f64(py)?),
            _Py_T_OBJECT | Py_T_OBJECT_EX => drop((*at.cast::<Slot>()).replace(Some(value.to_ref()))),
            Py_T_CHAR => match value.downcast::<Str>() {
                Some(text) if text.len() == 1 && text.char_at(0) < 256 => store!(u8, text.char_at(0) as u8),
                _ => return Err(raise!(py, TypeError, "bad argument type for built-in operation")),
            },
            Py_T_STRING | Py_T_STRING_INPLACE => return Err(raise!(py, TypeError, "readonly attribute")),
            _ => return Err(raise!(py, SystemError, "bad memberdescr type for {}", c_text(def.name))),
        }
        Ok(())
    }
}
