//! `getset_descriptor`.
use super::{Descr, c_text, doc_or_none, new_descr};
use crate::handle::{Attached, Layout, Ref};
use crate::layout::*;
use crate::protocols::call::check_status;
use crate::typedef::member;
use crate::{Object, PyResult, Type, pytype, raise};
use std::mem::offset_of;
use std::ptr;

/// A computed attribute of a built-in type.
#[repr(transparent)]
pub struct GetSetDescr(pub(crate) PyGetSetDescrObject);

impl Descr for GetSetDescr {
    const KIND: &'static str = "attribute";
}

pytype! {
    #[unsafe(no_mangle)]
    pub static PyGetSetDescr_Type: "getset_descriptor" for GetSetDescr {
        base: Object,
        flags: [HAVE_GC],
        slots: {
            tp_dealloc = GetSetDescr::descr_dealloc,
            tp_repr = GetSetDescr::descr_repr,
            tp_traverse = GetSetDescr::descr_traverse,
            tp_descr_get = GetSetDescr::get,
            tp_descr_set = GetSetDescr::set,
        },
        getset: {
            "__doc__" => GetSetDescr::get_doc, "";
            "__qualname__" => GetSetDescr::get_qualname, "";
        },
        members: [
            member("__objclass__\0", _Py_T_OBJECT, offset_of!(PyDescrObject, d_type), Py_READONLY, c""),
            member("__name__\0", _Py_T_OBJECT, offset_of!(PyDescrObject, d_name), Py_READONLY, c""),
        ],
    }
}

impl GetSetDescr {
    /// A descriptor of `def`, which lives as long as `owner`.
    pub fn new(py: Attached<'_>, owner: &Type, def: *mut PyGetSetDef) -> PyResult<Ref<GetSetDescr>> {
        // SAFETY: the caller passes a live definition.
        let name = c_text(unsafe { &*def }.name);
        new_descr::<GetSetDescr>(py, owner, &name, |descr| descr.0.d_getset.set(def))
    }

    fn definition(&self) -> &PyGetSetDef {
        // SAFETY: the definition lives as long as the owning type.
        unsafe { &*self.0.d_getset.get() }
    }

    fn get_doc(py: Attached<'_>, this: &GetSetDescr) -> PyResult<Ref<Object>> {
        let doc = this.definition().doc;
        if c_text(doc).is_empty() {
            return Ok(crate::none());
        }
        doc_or_none(py, doc)
    }

    fn get(
        py: Attached<'_>,
        this: &GetSetDescr,
        instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let Some(instance) = instance else { return Ok(this.as_object().to_ref()) };
        this.check_object(py, instance)?;
        let def = this.definition();
        let Some(get) = def.get else {
            return Err(raise!(
                py,
                AttributeError,
                "attribute '{}' of '{}' objects is not readable",
                this.name(),
                this.owner().name()
            ));
        };
        // SAFETY: [slot-contract]. NULL without an error goes on as it is: who asked for the attribute judges it.
        unsafe { Ref::from_raw_opt(get(instance.as_ptr(), def.closure)) }.ok_or_else(crate::Raised::assume)
    }

    fn set(py: Attached<'_>, this: &GetSetDescr, instance: &Object, value: Option<&Object>) -> PyResult<()> {
        this.check_object(py, instance)?;
        let def = this.definition();
        let Some(set) = def.set else {
            return Err(raise!(
                py,
                AttributeError,
                "attribute '{}' of '{}' objects is not writable",
                this.name(),
                this.owner().name()
            ));
        };
        let raw = value.map_or(ptr::null_mut(), Layout::as_ptr);
        // SAFETY: [slot-contract].
        check_status(py, unsafe { set(instance.as_ptr(), raw, def.closure) })
    }
}
