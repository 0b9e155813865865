//! Types from specifications: `PyType_FromMetaclass`, `PyType_GetSlot` and their kin.
use super::{Type, instance};
use crate::builtins::descrobject::c_text;
use crate::handle::{Attached, Layout, Ref, Slot};
use crate::layout::*;
use crate::{Module, Object, PyResult, Str, Tuple, exc, hooks, id, raise};
use std::ffi::{CStr, c_int, c_void};
use std::mem::offset_of;
use std::ptr;

macro_rules! offset {
    (tp $slot:ident) => {
        offset_of!(PyTypeObject, $slot)
    };
    (am $slot:ident) => {
        offset_of!(PyHeapTypeObject, as_async) + offset_of!(PyAsyncMethods, $slot)
    };
    (nb $slot:ident) => {
        offset_of!(PyHeapTypeObject, as_number) + offset_of!(PyNumberMethods, $slot)
    };
    (mp $slot:ident) => {
        offset_of!(PyHeapTypeObject, as_mapping) + offset_of!(PyMappingMethods, $slot)
    };
    (sq $slot:ident) => {
        offset_of!(PyHeapTypeObject, as_sequence) + offset_of!(PySequenceMethods, $slot)
    };
    (bf $slot:ident) => {
        offset_of!(PyHeapTypeObject, as_buffer) + offset_of!(PyBufferProcs, $slot)
    };
}

macro_rules! slot_ids {
    ($($id:ident => $table:ident $slot:ident;)*) => {
        /// The offset in `PyHeapTypeObject` of the slot with a `Py_*` id.
        fn slot_offset(id: c_int) -> Option<usize> {
            match id {
                $($id => Some(offset!($table $slot)),)*
                Py_tp_base => Some(offset_of!(PyTypeObject, tp_base)),
                Py_tp_bases => Some(offset_of!(PyTypeObject, tp_bases)),
                Py_tp_doc => Some(offset_of!(PyTypeObject, tp_doc)),
                Py_tp_members => Some(offset_of!(PyTypeObject, tp_members)),
                Py_tp_token => Some(offset_of!(PyHeapTypeObject, ht_token)),
                _ => None,
            }
        }
    };
}

slot_ids! {
    Py_am_aiter => am am_aiter;
    Py_am_anext => am am_anext;
    Py_am_await => am am_await;
    Py_am_send => am am_send;
    Py_bf_getbuffer => bf bf_getbuffer;
    Py_bf_releasebuffer => bf bf_releasebuffer;
    Py_mp_ass_subscript => mp mp_ass_subscript;
    Py_mp_length => mp mp_length;
    Py_mp_subscript => mp mp_subscript;
    Py_nb_absolute => nb nb_absolute;
    Py_nb_add => nb nb_add;
    Py_nb_and => nb nb_and;
    Py_nb_bool => nb nb_bool;
    Py_nb_divmod => nb nb_divmod;
    Py_nb_float => nb nb_float;
    Py_nb_floor_divide => nb nb_floor_divide;
    Py_nb_index => nb nb_index;
    Py_nb_inplace_add => nb nb_inplace_add;
    Py_nb_inplace_and => nb nb_inplace_and;
    Py_nb_inplace_floor_divide => nb nb_inplace_floor_divide;
    Py_nb_inplace_lshift => nb nb_inplace_lshift;
    Py_nb_inplace_matrix_multiply => nb nb_inplace_matrix_multiply;
    Py_nb_inplace_multiply => nb nb_inplace_multiply;
    Py_nb_inplace_or => nb nb_inplace_or;
    Py_nb_inplace_power => nb nb_inplace_power;
    Py_nb_inplace_remainder => nb nb_inplace_remainder;
    Py_nb_inplace_rshift => nb nb_inplace_rshift;
    Py_nb_inplace_subtract => nb nb_inplace_subtract;
    Py_nb_inplace_true_divide => nb nb_inplace_true_divide;
    Py_nb_inplace_xor => nb nb_inplace_xor;
    Py_nb_int => nb nb_int;
    Py_nb_invert => nb nb_invert;
    Py_nb_lshift => nb nb_lshift;
    Py_nb_matrix_multiply => nb nb_matrix_multiply;
    Py_nb_multiply => nb nb_multiply;
    Py_nb_negative => nb nb_negative;
    Py_nb_or => nb nb_or;
    Py_nb_positive => nb nb_positive;
    Py_nb_power => nb nb_power;
    Py_nb_remainder => nb nb_remainder;
    Py_nb_rshift => nb nb_rshift;
    Py_nb_subtract => nb nb_subtract;
    Py_nb_true_divide => nb nb_true_divide;
    Py_nb_xor => nb nb_xor;
    Py_sq_ass_item => sq sq_ass_item;
    Py_sq_concat => sq sq_concat;
    Py_sq_contains => sq sq_contains;
    Py_sq_inplace_concat => sq sq_inplace_concat;
    Py_sq_inplace_repeat => sq sq_inplace_repeat;
    Py_sq_item => sq sq_item;
    Py_sq_length => sq sq_length;
    Py_sq_repeat => sq sq_repeat;
    Py_tp_alloc => tp tp_alloc;
    Py_tp_call => tp tp_call;
    Py_tp_clear => tp tp_clear;
    Py_tp_dealloc => tp tp_dealloc;
    Py_tp_del => tp tp_del;
    Py_tp_descr_get => tp tp_descr_get;
    Py_tp_descr_set => tp tp_descr_set;
    Py_tp_finalize => tp tp_finalize;
    Py_tp_free => tp tp_free;
    Py_tp_getattr => tp tp_getattr;
    Py_tp_getattro => tp tp_getattro;
    Py_tp_getset => tp tp_getset;
    Py_tp_hash => tp tp_hash;
    Py_tp_init => tp tp_init;
    Py_tp_is_gc => tp tp_is_gc;
    Py_tp_iter => tp tp_iter;
    Py_tp_iternext => tp tp_iternext;
    Py_tp_methods => tp tp_methods;
    Py_tp_new => tp tp_new;
    Py_tp_repr => tp tp_repr;
    Py_tp_richcompare => tp tp_richcompare;
    Py_tp_setattr => tp tp_setattr;
    Py_tp_setattro => tp tp_setattro;
    Py_tp_str => tp tp_str;
    Py_tp_traverse => tp tp_traverse;
    Py_tp_vectorcall => tp tp_vectorcall;
}

const LAST_SLOT: c_int = 83;

/// What a specification says before the type exists.
struct Plan<'a> {
    members: &'a [PyMemberDef],
    bases: Ref<Tuple>,
    doc: Option<&'a CStr>,
    weaklist: Option<isize>,
    dict: Option<isize>,
    vectorcall: Option<isize>,
    token: *mut c_void,
}

/// The entries of a slot table.
///
/// # Safety
/// `table` is null or ends with a zero entry and lives for `'a`.
unsafe fn slot_entries<'a>(table: *const PyType_Slot) -> &'a [PyType_Slot] {
    if table.is_null() {
        return &[];
    }
    let mut len = 0;
    // SAFETY: by the contract.
    unsafe {
        while (*table.add(len)).slot != 0 {
            len += 1;
        }
        std::slice::from_raw_parts(table, len)
    }
}

/// # Safety
/// `table` is null or ends with an entry without a name and lives for `'a`.
unsafe fn member_entries<'a>(table: *const PyMemberDef) -> &'a [PyMemberDef] {
    if table.is_null() {
        return &[];
    }
    let mut len = 0;
    // SAFETY: by the contract.
    unsafe {
        while !(*table.add(len)).name.is_null() {
            len += 1;
        }
        std::slice::from_raw_parts(table, len)
    }
}

fn explicit_bases(py: Attached<'_>, bases: &Object) -> PyResult<Ref<Tuple>> {
    match bases.downcast::<Tuple>() {
        Some(bases) => Ok(bases.to_ref()),
        None => Tuple::from_slice(py, &[bases]),
    }
}

/// # Safety
/// The specification's tables are valid.
unsafe fn read_spec<'a>(py: Attached<'_>, spec: &'a PyType_Spec, bases: Option<&Object>) -> PyResult<Plan<'a>> {
    let mut plan = Plan {
        members: &[],
        bases: Tuple::empty(py),
        doc: None,
        weaklist: None,
        dict: None,
        vectorcall: None,
        token: ptr::null_mut(),
    };
    let (mut base_slot, mut bases_slot): (Option<&Object>, Option<&Object>) = (None, None);
    // SAFETY: by the contract.
    for slot in unsafe { slot_entries(spec.slots) } {
        let repeated = match slot.slot {
            Py_tp_doc if plan.doc.is_some() => Some("Py_tp_doc"),
            Py_tp_members if !plan.members.is_empty() => Some("Py_tp_members"),
            _ => None,
        };
        if let Some(name) = repeated {
            return Err(raise!(py, SystemError, "Multiple {name} slots are not supported."));
        }
        if slot.slot < 0 || slot.slot > LAST_SLOT {
            return Err(raise!(py, RuntimeError, "invalid slot offset"));
        }
        // SAFETY: the slot's value is of the kind that its id names.
        unsafe {
            match slot.slot {
                Py_tp_base => base_slot = slot.pfunc.cast::<Object>().as_ref(),
                Py_tp_bases => bases_slot = slot.pfunc.cast::<Object>().as_ref(),
                Py_tp_doc if plan.doc.is_some() => {
                    return Err(raise!(py, SystemError, "Multiple Py_tp_doc slots are not supported."));
                }
                Py_tp_members if !plan.members.is_empty() => {
                    return Err(raise!(py, SystemError, "Multiple Py_tp_members slots are not supported."));
                }
                Py_tp_doc => plan.doc = (!slot.pfunc.is_null()).then(|| CStr::from_ptr(slot.pfunc.cast())),
                Py_tp_members => plan.members = member_entries(slot.pfunc.cast()),
                Py_tp_token => plan.token = slot.pfunc,
                _ => {}
            }
        }
    }
    for member in plan.members {
        if member.flags & Py_RELATIVE_OFFSET != 0 {
            let own = -(spec.basicsize as isize);
            if own <= 0 {
                return Err(raise!(py, SystemError, "With Py_RELATIVE_OFFSET, basicsize must be negative."));
            }
            if !(0..own).contains(&member.offset) {
                return Err(raise!(py, SystemError, "Member offset out of range (0..-basicsize)"));
            }
        }
        let name = c_text(member.name);
        let place = match &*name {
            "__weaklistoffset__" => &mut plan.weaklist,
            "__dictoffset__" => &mut plan.dict,
            "__vectorcalloffset__" => &mut plan.vectorcall,
            _ => continue,
        };
        if member.r#type != Py_T_PYSSIZET {
            return Err(raise!(py, SystemError, "type of {name} must be Py_T_PYSSIZET"));
        }
        if member.flags & !Py_RELATIVE_OFFSET != Py_READONLY {
            return Err(raise!(
                py,
                SystemError,
                "flags for {name} must be Py_READONLY or (Py_READONLY | Py_RELATIVE_OFFSET)"
            ));
        }
        *place = Some(member.offset);
    }
    plan.bases = match (bases, bases_slot, base_slot) {
        (Some(bases), ..) => explicit_bases(py, bases)?,
        (None, Some(bases), _) => match bases.downcast::<Tuple>() {
            Some(bases) => bases.to_ref(),
            None => return Err(raise!(py, SystemError, "Py_tp_bases is not a tuple")),
        },
        (None, None, Some(base)) => Tuple::from_slice(py, &[base])?,
        (None, None, None) => Tuple::from_slice(py, &[Object::type_object().as_object()])?,
    };
    Ok(plan)
}

const fn align(size: isize) -> isize {
    (size + 15) & !15
}

/// A heap type from a specification (`PyType_FromMetaclass`).
///
/// # Safety
/// The specification and its tables are valid; methods, getters and strings in them outlive the type.
pub unsafe fn type_from_spec(
    py: Attached<'_>,
    metatype: Option<&Type>,
    module: Option<&Object>,
    spec: &PyType_Spec,
    bases: Option<&Object>,
) -> PyResult<Ref<Type>> {
    if spec.name.is_null() {
        return Err(raise!(py, SystemError, "Type spec does not define the name field."));
    }
    // SAFETY: by the contract.
    let plan = unsafe { read_spec(py, spec, bases)? };
    if u64::from(spec.flags) & Py_TPFLAGS_IMMUTABLETYPE != 0 {
        for base in plan.bases.as_slice().iter().filter_map(|base| base.downcast::<Type>()) {
            if !base.is_immutable() {
                // SAFETY: by the contract.
                let name = unsafe { CStr::from_ptr(spec.name) }.to_string_lossy();
                let base = base.short_name();
                return Err(raise!(py, TypeError, "Creating immutable type {name} from mutable base {base}"));
            }
        }
    }
    let metatype = super::calculate_metaclass(py, metatype.unwrap_or(Type::type_object()), &plan.bases)?;
    let new = metatype.0.tp_new.get().map(|f| f as usize);
    if new.is_some() && new != Type::type_object().0.tp_new.get().map(|f| f as usize) {
        return Err(raise!(py, TypeError, "Metaclasses with custom tp_new are not supported."));
    }
    let base = super::new::best_base(py, &plan.bases)?;
    let base_size = base.0.tp_basicsize.get();
    let (basicsize, data_offset) = match spec.basicsize as isize {
        0 => (base_size, base_size),
        own if own > 0 => (own, own),
        extra => {
            let start = align(base_size);
            if base.0.tp_itemsize.get() != 0 && !base.has_feature(Py_TPFLAGS_ITEMS_AT_END) {
                return Err(raise!(
                    py,
                    SystemError,
                    "Cannot extend variable-size class without Py_TPFLAGS_ITEMS_AT_END."
                ));
            }
            (start + align(-extra), start)
        }
    };
    let ty = metatype.alloc(py, plan.members.len())?;
    // SAFETY: a metatype's instance is a type.
    let ty = unsafe { ty.cast_unchecked::<Type>() };
    ty.0.tp_flags.set(std::ffi::c_ulong::from(spec.flags) | Py_TPFLAGS_HEAPTYPE);
    // SAFETY: by the contract.
    unsafe { fill(py, &ty, module, spec, &plan, base, (basicsize, data_offset))? };
    ty.ready(py)?;
    set_module_name(py, &ty, spec)?;
    Ok(ty)
}

/// # Safety
/// As [`type_from_spec`].
unsafe fn fill(
    py: Attached<'_>,
    ty: &Type,
    module: Option<&Object>,
    spec: &PyType_Spec,
    plan: &Plan<'_>,
    base: &Type,
    (basicsize, data_offset): (isize, isize),
) -> PyResult<()> {
    // SAFETY: [layout]: an instance of a metatype has the heap part.
    let heap = unsafe { &*ty.as_type_ptr().cast::<PyHeapTypeObject>() };
    let raw = &ty.0;
    raw.tp_as_async.set((&raw const heap.as_async).cast_mut());
    raw.tp_as_number.set((&raw const heap.as_number).cast_mut());
    raw.tp_as_sequence.set((&raw const heap.as_sequence).cast_mut());
    raw.tp_as_mapping.set((&raw const heap.as_mapping).cast_mut());
    raw.tp_as_buffer.set((&raw const heap.as_buffer).cast_mut());
    let full_name = c_text(spec.name);
    let short = Str::new(py, full_name.rsplit('.').next().unwrap_or(&full_name))?;
    heap.ht_name.set(short.clone().into_raw());
    heap.ht_qualname.set(short.into_raw());
    // SAFETY: a copy that the type owns.
    let name = unsafe { libc::strdup(spec.name) };
    raw.tp_name.set(name);
    heap._ht_tpname.set(name);
    heap.ht_module.set(module.map_or(ptr::null_mut(), |module| module.to_ref().into_raw()));
    heap.ht_token.set(plan.token);
    raw.tp_bases.set(plan.bases.clone().into_raw());
    raw.tp_base.set(base.to_ref().into_raw().cast());
    raw.tp_basicsize.set(basicsize);
    raw.tp_itemsize.set(spec.itemsize as isize);
    if let Some(doc) = plan.doc {
        // SAFETY: a copy that the type owns.
        raw.tp_doc.set(unsafe { libc::strdup(doc.as_ptr()) });
    }
    // SAFETY: the specification's table is valid.
    for slot in unsafe { slot_entries(spec.slots) } {
        if matches!(slot.slot, Py_tp_base | Py_tp_bases | Py_tp_doc | Py_tp_members | Py_tp_token) {
            continue;
        }
        let Some(offset) = slot_offset(slot.slot) else { continue };
        // SAFETY: [layout]: a pointer-sized slot of the heap type lies there.
        unsafe { *ty.as_ptr().byte_add(offset).cast::<*mut c_void>() = slot.pfunc };
    }
    if raw.tp_dealloc.get().is_none() {
        raw.tp_dealloc.set(Some(instance::subtype_dealloc));
    }
    let metatype = ty.as_object().ty();
    // SAFETY: [exact-size]: `alloc` left room for the definitions and an end entry.
    let members = unsafe { ty.as_ptr().byte_offset(metatype.0.tp_basicsize.get()).cast::<PyMemberDef>() };
    for (index, member) in plan.members.iter().enumerate() {
        let mut own = *member;
        if own.flags & Py_RELATIVE_OFFSET != 0 {
            if spec.basicsize >= 0 {
                return Err(raise!(py, SystemError, "With Py_RELATIVE_OFFSET, basicsize must be negative."));
            }
            own.flags &= !Py_RELATIVE_OFFSET;
            own.offset += data_offset;
        }
        // SAFETY: as above.
        unsafe { *members.add(index) = own };
    }
    raw.tp_members.set(members);
    let relative = |name: &str, offset: isize| {
        let is_relative =
            plan.members.iter().any(|member| c_text(member.name) == name && member.flags & Py_RELATIVE_OFFSET != 0);
        if is_relative { offset + data_offset } else { offset }
    };
    if let Some(offset) = plan.weaklist {
        raw.tp_weaklistoffset.set(relative("__weaklistoffset__", offset));
    }
    if let Some(offset) = plan.dict {
        raw.tp_dictoffset.set(relative("__dictoffset__", offset));
    }
    if let Some(offset) = plan.vectorcall {
        raw.tp_vectorcall_offset.set(relative("__vectorcalloffset__", offset));
    }
    if heap.ht_token.get() == Py_TP_USE_SPEC.cast_mut() && has_token_slot(spec) {
        heap.ht_token.set(ptr::from_ref(spec).cast_mut().cast());
    }
    Ok(())
}

/// The value of a `Py_tp_token` slot that stands for the specification itself.
const Py_TP_USE_SPEC: *const c_void = ptr::null();

fn has_token_slot(spec: &PyType_Spec) -> bool {
    // SAFETY: the specification's table is valid.
    unsafe { slot_entries(spec.slots) }.iter().any(|slot| slot.slot == Py_tp_token)
}

fn set_module_name(py: Attached<'_>, ty: &Type, spec: &PyType_Spec) -> PyResult<()> {
    let Some(dict) = ty.dict() else { return Ok(()) };
    let key = id!(py, __module__).as_object();
    if dict.contains(py, key)? {
        return Ok(());
    }
    let name = c_text(spec.name);
    match name.rsplit_once('.') {
        Some((module, _)) => {
            let module = Str::intern(py, Str::new(py, module)?);
            dict.set(py, key, module.as_object())
        }
        None => (hooks::hooks().warn)(
            py,
            exc::DeprecationWarning(),
            &format!("builtin type {name} has no __module__ attribute"),
            1,
        ),
    }
}

impl Type {
    /// What a slot holds (`PyType_GetSlot`); null when it is empty.
    pub fn get_slot(&self, py: Attached<'_>, id: c_int) -> PyResult<*mut c_void> {
        if id <= 0 || id > LAST_SLOT {
            return Err(py.bad_internal_call());
        }
        let Some(offset) = slot_offset(id) else { return Err(py.bad_internal_call()) };
        if id == Py_tp_token {
            return Ok(self.as_heap().map_or(ptr::null_mut(), |heap| heap.ht_token.get()));
        }
        Ok(super::slots::get(self, offset as c_int).unwrap_or(ptr::null_mut()))
    }

    /// The module that a heap type was defined with (`PyType_GetModule`).
    pub fn defining_module(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let Some(heap) = self.as_heap() else {
            return Err(raise!(py, TypeError, "PyType_GetModule: Type '{}' is not a heap type", self.name()));
        };
        // SAFETY: the heap type owns its module.
        match unsafe { Slot::<Object>::of(&heap.ht_module) }.get() {
            Some(module) => Ok(module),
            None => Err(raise!(py, TypeError, "PyType_GetModule: Type '{}' has no associated module", self.name())),
        }
    }

    /// The module made from `def` that a class in the MRO was defined with (`PyType_GetModuleByDef`).
    pub fn module_by_def(&self, py: Attached<'_>, def: *mut PyModuleDef) -> PyResult<Ref<Object>> {
        for class in self.mro() {
            let Some(heap) = class.as_heap() else { continue };
            // SAFETY: the heap type owns its module.
            let module = unsafe { Slot::<Object>::of(&heap.ht_module) }.get();
            if let Some(module) = module
                && module.as_object().downcast::<Module>().is_some_and(|module| module.definition() == def)
            {
                return Ok(module);
            }
        }
        Err(raise!(py, TypeError, "PyType_GetModuleByDef: No superclass of '{}' has the given module", self.name()))
    }

    /// The first class in the MRO with a token (`PyType_GetBaseByToken`).
    pub fn base_by_token(&self, token: *const c_void) -> Option<Ref<Type>> {
        let has_it = |class: &Type| class.as_heap().is_some_and(|heap| ptr::eq(heap.ht_token.get(), token));
        if !self.as_type().tp_mro.get().is_null() {
            return self.mro().iter().find(|class| has_it(class)).map(|class| class.to_ref());
        }
        // A class under construction has no method resolution order yet.
        if has_it(self) {
            return Some(self.to_ref());
        }
        // SAFETY: [layout]: `tp_bases` of a type is null or a tuple of types.
        let bases = unsafe { self.as_type().tp_bases.get().cast::<crate::Tuple>().as_ref()? };
        bases.as_slice().iter().find_map(|base| base.downcast::<Type>()?.base_by_token(token))
    }

    /// Makes the class immutable (`PyType_Freeze`); its bases have to be already.
    pub fn freeze(&self, py: Attached<'_>) -> PyResult<()> {
        if let Some(mutable) = self.mro().iter().skip(1).find(|base| !base.is_immutable()) {
            return Err(raise!(
                py,
                TypeError,
                "Creating immutable type {} from mutable base {}",
                self.short_name(),
                mutable.short_name()
            ));
        }
        self.add_flags(Py_TPFLAGS_IMMUTABLETYPE);
        self.modified(py);
        Ok(())
    }
}
