//! Construction, pickling and size of strings, and `encode`.
use super::Str;
use crate::args::{Args, Signature, check_positional};
use crate::builtins::codecs;
use crate::builtins::textargs::name_arg;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{PyASCIIObject, PyCompactUnicodeObject, PyUnicodeObject};
use crate::{Object, PyResult, Tuple, Type};
use std::ptr;

static SIGNATURE: Signature = Signature::parse("str", "(object='', encoding='utf-8', errors='strict')");

impl Str {
    /// `str(object='', encoding=..., errors=...)`.
    pub(super) fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        if args.names.is_empty() && ptr::eq(ty, Str::type_object()) {
            check_positional(py, "str", args.pos.len(), 0, 3)?;
        }
        let [object, encoding, errors] = SIGNATURE.bind::<3>(py, args)?;
        let encoding = name_arg(py, "str", "argument 'encoding'", encoding)?;
        let errors = name_arg(py, "str", "argument 'errors'", errors)?;
        let text = match object {
            None => Str::empty(),
            Some(object) if encoding.is_none() && errors.is_none() => object.str(py)?,
            Some(object) => codecs::decode_object(py, object, encoding, errors)?,
        };
        if ptr::eq(ty, Str::type_object()) {
            return Ok(text.upcast());
        }
        Self::new_subclass(py, ty, &text)
    }

    /// An instance of the subclass `ty` with the characters of `text`.
    pub fn new_subclass(py: Attached<'_>, ty: &Type, text: &Str) -> PyResult<Ref<Object>> {
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `str`.
        unsafe { Object::cast_unchecked::<Str>(&object) }.fill_subclass(py, text)?;
        Ok(object)
    }

    pub(super) fn getnewargs(py: Attached<'_>, this: &Str) -> PyResult<Ref<Tuple>> {
        Tuple::from_slice(py, &[this.copy_exact(py)?.as_object()])
    }

    pub(super) fn sizeof(_: Attached<'_>, this: &Str) -> usize {
        let state = this.raw().state.get();
        let characters = (this.len() + 1) * this.kind();
        let size = match (state.compact(), state.ascii()) {
            (true, true) => return size_of::<PyASCIIObject>() + characters,
            (true, false) => size_of::<PyCompactUnicodeObject>() + characters,
            (false, _) => size_of::<PyUnicodeObject>() + characters,
        };
        // SAFETY: [layout]: not compact ASCII, so the longer header is there.
        let head = unsafe { &*ptr::from_ref(this).cast::<PyCompactUnicodeObject>() };
        let utf8 = head.utf8.get();
        let own = !utf8.is_null() && utf8.cast() != this.data_ptr();
        size + if own { head.utf8_length.get() as usize + 1 } else { 0 }
    }

    pub(super) fn py_encode(
        py: Attached<'_>,
        this: &Str,
        [encoding, errors]: [Option<&Object>; 2],
    ) -> PyResult<Ref<Object>> {
        let encoding = name_arg(py, "encode", "argument 'encoding'", encoding)?;
        let errors = name_arg(py, "encode", "argument 'errors'", errors)?;
        codecs::encode_method(py, this, encoding, errors)
    }
}
