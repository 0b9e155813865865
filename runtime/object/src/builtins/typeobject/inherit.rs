//! What a type takes over from its bases: sizes, flags and slots.
use super::{Type, flags};
use crate::handle::Attached;
use crate::layout::*;
use crate::{PyResult, id};

/// Flags, sizes and offsets, from the one base that determines the layout.
pub(super) fn inherit_special(ty: &Type, base: &Type) {
    let (t, b) = (&ty.0, &base.0);
    if base.is_gc() && t.tp_traverse.get().is_none() && t.tp_clear.get().is_none() {
        ty.add_flags(Py_TPFLAGS_HAVE_GC);
        t.tp_traverse.set(b.tp_traverse.get());
        t.tp_clear.set(b.tp_clear.get());
    }
    if t.tp_basicsize.get() == 0 {
        t.tp_basicsize.set(b.tp_basicsize.get());
    }
    if t.tp_itemsize.get() == 0 {
        t.tp_itemsize.set(b.tp_itemsize.get());
    }
    if t.tp_weaklistoffset.get() == 0 {
        t.tp_weaklistoffset.set(b.tp_weaklistoffset.get());
        ty.add_flags(b.tp_flags.get() & flags::MANAGED_WEAKREF);
    }
    if t.tp_dictoffset.get() == 0 {
        t.tp_dictoffset.set(b.tp_dictoffset.get());
        ty.add_flags(b.tp_flags.get() & flags::MANAGED_DICT);
    }
    let inherited = flags::ANY_SUBCLASS | Py_TPFLAGS_ITEMS_AT_END | _Py_TPFLAGS_MATCH_SELF;
    ty.add_flags(b.tp_flags.get() & inherited);
}

/// `Sequence` or `Mapping` for `match`, from the first base in the MRO that says so.
pub(super) fn inherit_match_flags(ty: &Type, base: &Type) {
    let kinds = flags::SEQUENCE | flags::MAPPING;
    if ty.0.tp_flags.get() & kinds == 0 {
        ty.add_flags(base.0.tp_flags.get() & kinds);
    }
}

/// Whether the class body says how instances compare or hash.
fn overrides_hash(py: Attached<'_>, ty: &Type) -> bool {
    ty.dict().is_some_and(|dict| {
        [id!(py, __eq__), id!(py, __hash__)]
            .iter()
            .any(|name| dict.get_known(py, crate::Layout::as_object(*name), name.hash()).is_ok_and(|v| v.is_some()))
    })
}

/// Copies the slots that `base` itself defines and `ty` lacks.
pub(super) fn inherit_slots(py: Attached<'_>, ty: &Type, base: &Type) -> PyResult<()> {
    let (t, b) = (&ty.0, &base.0);
    // A slot that `base` merely inherited comes from a later entry of the MRO.
    macro_rules! copy {
        ($($slot:ident)*) => {$(
            if t.$slot.get().is_none()
                && let Some(function) = b.$slot.get()
                && base.base().is_none_or(|bb| bb.0.$slot.get().is_none_or(|inherited| inherited as usize != function as usize))
            {
                t.$slot.set(Some(function));
            }
        )*};
    }
    macro_rules! copy_table {
        ($table:ident: $($slot:ident)*) => {
            // SAFETY: protocol tables live as long as their types.
            let tables = unsafe { (t.$table.get().as_ref(), b.$table.get().as_ref()) };
            if let (Some(own), Some(theirs)) = tables && !std::ptr::eq(own, theirs) {
                // SAFETY: as above.
                let basebase = base.base().and_then(|bb| unsafe { bb.0.$table.get().as_ref() });
                $(
                    if own.$slot.get().is_none()
                        && let Some(function) = theirs.$slot.get()
                        && basebase.is_none_or(|bb| bb.$slot.get().is_none_or(|inherited| inherited as usize != function as usize))
                    {
                        own.$slot.set(Some(function));
                    }
                )*
            }
        };
    }
    copy_table!(tp_as_number: nb_add nb_subtract nb_multiply nb_remainder nb_divmod nb_power nb_negative nb_positive
        nb_absolute nb_bool nb_invert nb_lshift nb_rshift nb_and nb_xor nb_or nb_int nb_float nb_inplace_add
        nb_inplace_subtract nb_inplace_multiply nb_inplace_remainder nb_inplace_power nb_inplace_lshift
        nb_inplace_rshift nb_inplace_and nb_inplace_xor nb_inplace_or nb_true_divide nb_floor_divide
        nb_inplace_true_divide nb_inplace_floor_divide nb_index nb_matrix_multiply nb_inplace_matrix_multiply);
    copy_table!(tp_as_async: am_await am_aiter am_anext am_send);
    copy_table!(tp_as_sequence: sq_length sq_concat sq_repeat sq_item sq_ass_item sq_contains sq_inplace_concat
        sq_inplace_repeat);
    copy_table!(tp_as_mapping: mp_length mp_subscript mp_ass_subscript);
    copy_table!(tp_as_buffer: bf_getbuffer bf_releasebuffer);
    copy!(tp_dealloc);
    if t.tp_getattr.get().is_none() && t.tp_getattro.get().is_none() {
        t.tp_getattr.set(b.tp_getattr.get());
        t.tp_getattro.set(b.tp_getattro.get());
    }
    if t.tp_setattr.get().is_none() && t.tp_setattro.get().is_none() {
        t.tp_setattr.set(b.tp_setattr.get());
        t.tp_setattro.set(b.tp_setattro.get());
    }
    copy!(tp_repr);
    if t.tp_vectorcall_offset.get() == 0 {
        t.tp_vectorcall_offset.set(b.tp_vectorcall_offset.get());
    }
    if t.tp_call.get().is_none() && base.has_feature(Py_TPFLAGS_HAVE_VECTORCALL) {
        ty.add_flags(Py_TPFLAGS_HAVE_VECTORCALL);
    }
    copy!(tp_call tp_str);
    if t.tp_richcompare.get().is_none() && t.tp_hash.get().is_none() && !overrides_hash(py, ty) {
        t.tp_richcompare.set(b.tp_richcompare.get());
        t.tp_hash.set(b.tp_hash.get());
    }
    copy!(tp_iter tp_iternext tp_descr_get);
    if let (Some(inherited), Some(own)) = (b.tp_descr_get.get(), t.tp_descr_get.get())
        && inherited as usize == own as usize
        && ty.is_immutable()
        && base.has_feature(Py_TPFLAGS_METHOD_DESCRIPTOR)
    {
        ty.add_flags(Py_TPFLAGS_METHOD_DESCRIPTOR);
    }
    copy!(tp_descr_set tp_init tp_alloc tp_is_gc tp_finalize tp_free);
    Ok(())
}

/// Shares the protocol tables of the base where a static type has none.
pub(super) fn inherit_tables(ty: &Type, base: &Type) {
    macro_rules! share {
        ($($table:ident)*) => {$(
            if ty.0.$table.get().is_null() {
                ty.0.$table.set(base.0.$table.get());
            }
        )*};
    }
    share!(tp_as_async tp_as_number tp_as_sequence tp_as_mapping tp_as_buffer);
}
