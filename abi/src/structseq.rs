//! `structseq.h`: tuples with named items.
use crate::capi::*;
use krait_layout::*;
use krait_object::structseq::StructSeq;
use krait_object::{Attached, PyResult, Ref, Tuple, Type, raise};
use std::ffi::{CStr, c_char};
use std::mem::offset_of;

/// A pointer that never changes.
#[repr(transparent)]
pub struct Constant(*const c_char);
// SAFETY: it points to constant text.
unsafe impl Sync for Constant {}

/// Stands for the name of a field that has none.
#[unsafe(no_mangle)]
pub static PyStructSequence_UnnamedField: Constant = Constant(c"unnamed field".as_ptr());

unsafe fn text(raw: *const c_char) -> &'static str {
    if raw.is_null() {
        return "";
    }
    // SAFETY: a C string; the copy lives as long as the type, which is for ever.
    String::leak(unsafe { CStr::from_ptr(raw) }.to_string_lossy().into_owned())
}

/// The runtime's form of a declaration.
unsafe fn declare(py: Attached<'_>, desc: *const PyStructSequence_Desc) -> PyResult<&'static StructSeq> {
    // SAFETY: the description and its fields are live; a field without a name ends them.
    unsafe {
        let desc = &*desc;
        let mut fields: Vec<(&'static str, &'static str)> = Vec::new();
        let mut at = desc.fields;
        while !at.is_null() && !(*at).name.is_null() {
            let unnamed = (*at).name == PyStructSequence_UnnamedField.0;
            fields.push((if unnamed { "" } else { text((*at).name) }, text((*at).doc)));
            at = at.add(1);
        }
        let visible = usize::try_from(desc.n_in_sequence).ok().filter(|visible| *visible <= fields.len());
        let Some(visible) = visible else { return Err(py.bad_internal_call()) };
        let made = StructSeq::new(text(desc.name), text(desc.doc), Vec::leak(fields)).visible(visible);
        Ok(Box::leak(Box::new(made)))
    }
}

unsafe fn install(py: Attached<'_>, ty: *mut PyTypeObject, desc: *const PyStructSequence_Desc) -> PyResult<()> {
    // SAFETY: by the contract.
    unsafe {
        if (*ty).tp_name.get().is_null() || (*ty).tp_dict.get().is_null() {
            return declare(py, desc)?.install(py, ty);
        }
        Err(raise!(py, SystemError, "struct sequence type is initialized already"))
    }
}

unsafe fn item(o: *mut PyObject, at: isize) -> *mut *mut PyObject {
    // SAFETY: the caller gives an instance and an index of one of its fields.
    unsafe { o.byte_add(offset_of!(PyTupleObject, ob_item)).cast::<*mut PyObject>().offset(at) }
}

capi! {
    fn PyStructSequence_NewType(py, desc: *mut PyStructSequence_Desc) -> Ref<Type> { declare(py, desc)?.new_type(py) }
    fn PyStructSequence_InitType2(py, ty: *mut PyTypeObject, desc: *mut PyStructSequence_Desc) -> () { install(py, ty, desc) }
    fn PyStructSequence_InitType(py, ty: *mut PyTypeObject, desc: *mut PyStructSequence_Desc) -> Void { install(py, ty, desc)?; Ok(Void) }
    fn PyStructSequence_New(py, ty: &Type) -> Ref<Tuple> { StructSeq::make_empty(py, ty) }
}

capi_raw! {
    fn PyStructSequence_GetItem(o: *mut PyObject, at: isize) -> *mut PyObject { *item(o, at) }
    fn PyStructSequence_SetItem(o: *mut PyObject, at: isize, value: *mut PyObject) {
        // The instance is new: the item has no old value.
        *item(o, at) = value;
    }
}
