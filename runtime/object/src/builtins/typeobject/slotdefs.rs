//! The one table that relates special methods to type slots.
//!
//! Each row: the method's name, the slot, the C function that calls the Python method (`-` where another row's slot
//! does), the wrapper that calls the slot for Python (`-` where the method is not exposed), signature and doc.
//! Rows of one slot stand together.
use super::{slot_functions as f, wrappers as w};
use crate::handle::Attached;
use crate::layout::*;
use crate::typedef::{Table, cstr};
use crate::{Layout, Str};
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Release};

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

macro_rules! function {
    (-) => {
        ptr::null_mut()
    };
    ($function:ident) => {
        f::$function as *mut c_void
    };
}

macro_rules! wrapper {
    (-) => {
        None
    };
    ($wrapper:ident) => {
        // SAFETY: all wrappers are C functions; the KEYWORDS flag tells the caller the true signature.
        Some(unsafe { std::mem::transmute::<*const (), wrapperfunc>(w::$wrapper as *const ()) })
    };
}

macro_rules! slotdefs {
    ($($name:literal $table:ident $slot:ident $function:tt $wrapper:tt $flags:literal $sig:literal $doc:literal;)*) => {
        static SLOTDEFS: Table<wrapperbase, { [$($name),*].len() }> = Table([$(
            wrapperbase {
                name: Field::new(cstr(concat!($name, "\0")).as_ptr()),
                offset: Field::new(offset!($table $slot) as c_int),
                function: Field::new(function!($function)),
                wrapper: Field::new(wrapper!($wrapper)),
                doc: Field::new(cstr(concat!($name, $sig, "\n--\n\n", $doc, "\0")).as_ptr()),
                flags: Field::new($flags),
                name_strobj: Field::new(ptr::null_mut()),
            },
        )*]);
        static WRAPPERS: [&str; SLOTDEFS.0.len()] = [$(stringify!($wrapper)),*];
    };
}

slotdefs! {
    "__getattribute__" tp tp_getattr - - 0 "" "";
    "__getattr__" tp tp_getattr - - 0 "" "";
    "__setattr__" tp tp_setattr - - 0 "" "";
    "__delattr__" tp tp_setattr - - 0 "" "";
    "__repr__" tp tp_repr slot_tp_repr wrap_unaryfunc 0 "($self, /)" "Return repr(self).";
    "__hash__" tp tp_hash slot_tp_hash wrap_hashfunc 0 "($self, /)" "Return hash(self).";
    "__call__" tp tp_call slot_tp_call wrap_call 1 "($self, /, *args, **kwargs)" "Call self as a function.";
    "__str__" tp tp_str slot_tp_str wrap_unaryfunc 0 "($self, /)" "Return str(self).";
    "__getattribute__" tp tp_getattro slot_tp_getattr_hook wrap_binaryfunc 0 "($self, name, /)" "Return getattr(self, name).";
    "__getattr__" tp tp_getattro slot_tp_getattr_hook - 0 "" "Called when an attribute is not found.";
    "__setattr__" tp tp_setattro slot_tp_setattro wrap_setattr 0 "($self, name, value, /)" "Implement setattr(self, name, value).";
    "__delattr__" tp tp_setattro slot_tp_setattro wrap_delattr 0 "($self, name, /)" "Implement delattr(self, name).";
    "__lt__" tp tp_richcompare slot_tp_richcompare richcmp_lt 0 "($self, value, /)" "Return self<value.";
    "__le__" tp tp_richcompare slot_tp_richcompare richcmp_le 0 "($self, value, /)" "Return self<=value.";
    "__eq__" tp tp_richcompare slot_tp_richcompare richcmp_eq 0 "($self, value, /)" "Return self==value.";
    "__ne__" tp tp_richcompare slot_tp_richcompare richcmp_ne 0 "($self, value, /)" "Return self!=value.";
    "__gt__" tp tp_richcompare slot_tp_richcompare richcmp_gt 0 "($self, value, /)" "Return self>value.";
    "__ge__" tp tp_richcompare slot_tp_richcompare richcmp_ge 0 "($self, value, /)" "Return self>=value.";
    "__iter__" tp tp_iter slot_tp_iter wrap_unaryfunc 0 "($self, /)" "Implement iter(self).";
    "__next__" tp tp_iternext slot_tp_iternext wrap_next 0 "($self, /)" "Implement next(self).";
    "__get__" tp tp_descr_get slot_tp_descr_get wrap_descr_get 0 "($self, instance, owner=None, /)" "Return an attribute of instance, which is of type owner.";
    "__set__" tp tp_descr_set slot_tp_descr_set wrap_descr_set 0 "($self, instance, value, /)" "Set an attribute of instance to value.";
    "__delete__" tp tp_descr_set slot_tp_descr_set wrap_descr_delete 0 "($self, instance, /)" "Delete an attribute of instance.";
    "__init__" tp tp_init slot_tp_init wrap_init 1 "($self, /, *args, **kwargs)" "Initialize self.  See help(type(self)) for accurate signature.";
    "__new__" tp tp_new slot_tp_new - 0 "($type, /, *args, **kwargs)" "Create and return new object.";
    "__del__" tp tp_finalize slot_tp_finalize wrap_del 0 "($self, /)" "Called when the instance is about to be destroyed.";
    "__await__" am am_await slot_am_await wrap_unaryfunc 0 "($self, /)" "Return an iterator to be used in await expression.";
    "__aiter__" am am_aiter slot_am_aiter wrap_unaryfunc 0 "($self, /)" "Return an awaitable that resolves to an asynchronous iterator.";
    "__anext__" am am_anext slot_am_anext wrap_unaryfunc 0 "($self, /)" "Return a value or raise StopAsyncIteration.";
    "__add__" nb nb_add slot_nb_add wrap_binaryfunc_l 0 "($self, value, /)" "Return self+value.";
    "__radd__" nb nb_add slot_nb_add wrap_binaryfunc_r 0 "($self, value, /)" "Return value+self.";
    "__sub__" nb nb_subtract slot_nb_subtract wrap_binaryfunc_l 0 "($self, value, /)" "Return self-value.";
    "__rsub__" nb nb_subtract slot_nb_subtract wrap_binaryfunc_r 0 "($self, value, /)" "Return value-self.";
    "__mul__" nb nb_multiply slot_nb_multiply wrap_binaryfunc_l 0 "($self, value, /)" "Return self*value.";
    "__rmul__" nb nb_multiply slot_nb_multiply wrap_binaryfunc_r 0 "($self, value, /)" "Return value*self.";
    "__mod__" nb nb_remainder slot_nb_remainder wrap_binaryfunc_l 0 "($self, value, /)" "Return self%value.";
    "__rmod__" nb nb_remainder slot_nb_remainder wrap_binaryfunc_r 0 "($self, value, /)" "Return value%self.";
    "__divmod__" nb nb_divmod slot_nb_divmod wrap_binaryfunc_l 0 "($self, value, /)" "Return divmod(self, value).";
    "__rdivmod__" nb nb_divmod slot_nb_divmod wrap_binaryfunc_r 0 "($self, value, /)" "Return divmod(value, self).";
    "__pow__" nb nb_power slot_nb_power wrap_ternaryfunc 0 "($self, value, mod=None, /)" "Return pow(self, value, mod).";
    "__rpow__" nb nb_power slot_nb_power wrap_ternaryfunc_r 0 "($self, value, mod=None, /)" "Return pow(value, self, mod).";
    "__neg__" nb nb_negative slot_nb_negative wrap_unaryfunc 0 "($self, /)" "-self";
    "__pos__" nb nb_positive slot_nb_positive wrap_unaryfunc 0 "($self, /)" "+self";
    "__abs__" nb nb_absolute slot_nb_absolute wrap_unaryfunc 0 "($self, /)" "abs(self)";
    "__bool__" nb nb_bool slot_nb_bool wrap_inquirypred 0 "($self, /)" "True if self else False";
    "__invert__" nb nb_invert slot_nb_invert wrap_unaryfunc 0 "($self, /)" "~self";
    "__lshift__" nb nb_lshift slot_nb_lshift wrap_binaryfunc_l 0 "($self, value, /)" "Return self<<value.";
    "__rlshift__" nb nb_lshift slot_nb_lshift wrap_binaryfunc_r 0 "($self, value, /)" "Return value<<self.";
    "__rshift__" nb nb_rshift slot_nb_rshift wrap_binaryfunc_l 0 "($self, value, /)" "Return self>>value.";
    "__rrshift__" nb nb_rshift slot_nb_rshift wrap_binaryfunc_r 0 "($self, value, /)" "Return value>>self.";
    "__and__" nb nb_and slot_nb_and wrap_binaryfunc_l 0 "($self, value, /)" "Return self&value.";
    "__rand__" nb nb_and slot_nb_and wrap_binaryfunc_r 0 "($self, value, /)" "Return value&self.";
    "__xor__" nb nb_xor slot_nb_xor wrap_binaryfunc_l 0 "($self, value, /)" "Return self^value.";
    "__rxor__" nb nb_xor slot_nb_xor wrap_binaryfunc_r 0 "($self, value, /)" "Return value^self.";
    "__or__" nb nb_or slot_nb_or wrap_binaryfunc_l 0 "($self, value, /)" "Return self|value.";
    "__ror__" nb nb_or slot_nb_or wrap_binaryfunc_r 0 "($self, value, /)" "Return value|self.";
    "__int__" nb nb_int slot_nb_int wrap_unaryfunc 0 "($self, /)" "int(self)";
    "__float__" nb nb_float slot_nb_float wrap_unaryfunc 0 "($self, /)" "float(self)";
    "__iadd__" nb nb_inplace_add slot_nb_inplace_add wrap_binaryfunc 0 "($self, value, /)" "Return self+=value.";
    "__isub__" nb nb_inplace_subtract slot_nb_inplace_subtract wrap_binaryfunc 0 "($self, value, /)" "Return self-=value.";
    "__imul__" nb nb_inplace_multiply slot_nb_inplace_multiply wrap_binaryfunc 0 "($self, value, /)" "Return self*=value.";
    "__imod__" nb nb_inplace_remainder slot_nb_inplace_remainder wrap_binaryfunc 0 "($self, value, /)" "Return self%=value.";
    "__ipow__" nb nb_inplace_power slot_nb_inplace_power wrap_ternaryfunc 0 "($self, value, /)" "Return self**=value.";
    "__ilshift__" nb nb_inplace_lshift slot_nb_inplace_lshift wrap_binaryfunc 0 "($self, value, /)" "Return self<<=value.";
    "__irshift__" nb nb_inplace_rshift slot_nb_inplace_rshift wrap_binaryfunc 0 "($self, value, /)" "Return self>>=value.";
    "__iand__" nb nb_inplace_and slot_nb_inplace_and wrap_binaryfunc 0 "($self, value, /)" "Return self&=value.";
    "__ixor__" nb nb_inplace_xor slot_nb_inplace_xor wrap_binaryfunc 0 "($self, value, /)" "Return self^=value.";
    "__ior__" nb nb_inplace_or slot_nb_inplace_or wrap_binaryfunc 0 "($self, value, /)" "Return self|=value.";
    "__floordiv__" nb nb_floor_divide slot_nb_floor_divide wrap_binaryfunc_l 0 "($self, value, /)" "Return self//value.";
    "__rfloordiv__" nb nb_floor_divide slot_nb_floor_divide wrap_binaryfunc_r 0 "($self, value, /)" "Return value//self.";
    "__truediv__" nb nb_true_divide slot_nb_true_divide wrap_binaryfunc_l 0 "($self, value, /)" "Return self/value.";
    "__rtruediv__" nb nb_true_divide slot_nb_true_divide wrap_binaryfunc_r 0 "($self, value, /)" "Return value/self.";
    "__ifloordiv__" nb nb_inplace_floor_divide slot_nb_inplace_floor_divide wrap_binaryfunc 0 "($self, value, /)" "Return self//=value.";
    "__itruediv__" nb nb_inplace_true_divide slot_nb_inplace_true_divide wrap_binaryfunc 0 "($self, value, /)" "Return self/=value.";
    "__index__" nb nb_index slot_nb_index wrap_unaryfunc 0 "($self, /)" "Return self converted to an integer, if self is suitable for use as an index into a list.";
    "__matmul__" nb nb_matrix_multiply slot_nb_matrix_multiply wrap_binaryfunc_l 0 "($self, value, /)" "Return self@value.";
    "__rmatmul__" nb nb_matrix_multiply slot_nb_matrix_multiply wrap_binaryfunc_r 0 "($self, value, /)" "Return value@self.";
    "__imatmul__" nb nb_inplace_matrix_multiply slot_nb_inplace_matrix_multiply wrap_binaryfunc 0 "($self, value, /)" "Return self@=value.";
    "__len__" mp mp_length slot_mp_length wrap_lenfunc 0 "($self, /)" "Return len(self).";
    "__getitem__" mp mp_subscript slot_mp_subscript wrap_binaryfunc 0 "($self, key, /)" "Return self[key].";
    "__setitem__" mp mp_ass_subscript slot_mp_ass_subscript wrap_objobjargproc 0 "($self, key, value, /)" "Set self[key] to value.";
    "__delitem__" mp mp_ass_subscript slot_mp_ass_subscript wrap_delitem 0 "($self, key, /)" "Delete self[key].";
    "__len__" sq sq_length slot_sq_length wrap_lenfunc 0 "($self, /)" "Return len(self).";
    "__add__" sq sq_concat - wrap_binaryfunc 0 "($self, value, /)" "Return self+value.";
    "__mul__" sq sq_repeat - wrap_indexargfunc 0 "($self, value, /)" "Return self*value.";
    "__rmul__" sq sq_repeat - wrap_indexargfunc 0 "($self, value, /)" "Return value*self.";
    "__getitem__" sq sq_item slot_sq_item wrap_sq_item 0 "($self, key, /)" "Return self[key].";
    "__setitem__" sq sq_ass_item slot_sq_ass_item wrap_sq_setitem 0 "($self, key, value, /)" "Set self[key] to value.";
    "__delitem__" sq sq_ass_item slot_sq_ass_item wrap_sq_delitem 0 "($self, key, /)" "Delete self[key].";
    "__contains__" sq sq_contains slot_sq_contains wrap_objobjproc 0 "($self, key, /)" "Return bool(key in self).";
    "__iadd__" sq sq_inplace_concat - wrap_binaryfunc 0 "($self, value, /)" "Implement self+=value.";
    "__imul__" sq sq_inplace_repeat - wrap_indexargfunc 0 "($self, value, /)" "Implement self*=value.";
    "__buffer__" bf bf_getbuffer slot_bf_getbuffer wrap_buffer 0 "($self, flags, /)" "Return a buffer object that exposes the underlying memory of the object.";
    "__release_buffer__" bf bf_releasebuffer slot_bf_releasebuffer wrap_releasebuffer 0 "($self, buffer, /)" "Release the buffer object that exposes the underlying memory of the object.";
}

/// All rows.
#[inline]
pub fn all() -> &'static [wrapperbase] {
    &SLOTDEFS.0
}

/// Interns the names of all rows; later calls cost one load.
pub fn intern_names(py: Attached<'_>) {
    let all = all();
    if !all[all.len() - 1].name_strobj.load(Acquire).is_null() {
        return;
    }
    for def in all {
        // SAFETY: the rows' names are C strings in ASCII.
        let text = unsafe { std::ffi::CStr::from_ptr(def.name.get()) }.to_string_lossy();
        def.name_strobj.store(Str::intern_static(py, &text).as_ptr(), Release);
    }
}

/// The interned name of a row.
#[inline]
pub fn name(def: &wrapperbase) -> &'static Str {
    // SAFETY: [immortal]: set by `intern_names` before any type is ready; extensions' own rows never come here.
    unsafe { &*def.name_strobj.get().cast::<Str>() }
}

/// Whether two rows share their wrapper. Names are compared: an optimised build may give wrappers that do the same one
/// address, though their slots differ in what they may be handed.
pub fn same_wrapper(a: &wrapperbase, b: &wrapperbase) -> bool {
    let wrapper = |def: &wrapperbase| {
        let place = all().iter().position(|row| ptr::eq(row, def))?;
        Some(WRAPPERS[place])
    };
    wrapper(a).is_some_and(|name| wrapper(b) == Some(name))
}

/// The rows of one name.
pub fn rows_named<'a>(name: &'a Str) -> impl Iterator<Item = &'static wrapperbase> + 'a {
    all().iter().filter(move |def| def.name_strobj.get() == name.as_ptr())
}
