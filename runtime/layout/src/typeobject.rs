//! Type objects, their method tables and type specifications.

use crate::prelude::*;

/// Per heap type cache of specialised special methods.
#[repr(C)]
pub struct _specialization_cache {
    pub getitem: Field<*mut PyObject>,
    pub getitem_version: Field<u32>,
    pub init: Field<*mut PyObject>,
}

zeroed!(_specialization_cache);

/// Slots of awaitables and asynchronous iterators.
#[repr(C)]
pub struct PyAsyncMethods {
    pub am_await: Field<Option<unaryfunc>>,
    pub am_aiter: Field<Option<unaryfunc>>,
    pub am_anext: Field<Option<unaryfunc>>,
    pub am_send: Field<Option<sendfunc>>,
}

zeroed!(PyAsyncMethods);

/// Slots of buffer exporters.
#[repr(C)]
pub struct PyBufferProcs {
    pub bf_getbuffer: Field<Option<getbufferproc>>,
    pub bf_releasebuffer: Field<Option<releasebufferproc>>,
}

zeroed!(PyBufferProcs);

/// A type made at run time; member definitions follow it.
#[repr(C)]
pub struct PyHeapTypeObject {
    pub ht_type: PyTypeObject,
    pub as_async: PyAsyncMethods,
    pub as_number: PyNumberMethods,
    pub as_mapping: PyMappingMethods,
    pub as_sequence: PySequenceMethods,
    pub as_buffer: PyBufferProcs,
    pub ht_name: Field<*mut PyObject>,
    pub ht_slots: Field<*mut PyObject>,
    pub ht_qualname: Field<*mut PyObject>,
    pub ht_cached_keys: Field<*mut PyDictKeysObject>,
    pub ht_module: Field<*mut PyObject>,
    pub _ht_tpname: Field<*mut c_char>,
    pub ht_token: Field<*mut c_void>,
    pub _spec_cache: _specialization_cache,
    pub unique_id: NogilOnly<Field<Py_ssize_t>>,
}

zeroed!(PyHeapTypeObject);

/// Slots of mappings.
#[repr(C)]
pub struct PyMappingMethods {
    pub mp_length: Field<Option<lenfunc>>,
    pub mp_subscript: Field<Option<binaryfunc>>,
    pub mp_ass_subscript: Field<Option<objobjargproc>>,
}

zeroed!(PyMappingMethods);

/// Slots of numbers.
#[repr(C)]
pub struct PyNumberMethods {
    pub nb_add: Field<Option<binaryfunc>>,
    pub nb_subtract: Field<Option<binaryfunc>>,
    pub nb_multiply: Field<Option<binaryfunc>>,
    pub nb_remainder: Field<Option<binaryfunc>>,
    pub nb_divmod: Field<Option<binaryfunc>>,
    pub nb_power: Field<Option<ternaryfunc>>,
    pub nb_negative: Field<Option<unaryfunc>>,
    pub nb_positive: Field<Option<unaryfunc>>,
    pub nb_absolute: Field<Option<unaryfunc>>,
    pub nb_bool: Field<Option<inquiry>>,
    pub nb_invert: Field<Option<unaryfunc>>,
    pub nb_lshift: Field<Option<binaryfunc>>,
    pub nb_rshift: Field<Option<binaryfunc>>,
    pub nb_and: Field<Option<binaryfunc>>,
    pub nb_xor: Field<Option<binaryfunc>>,
    pub nb_or: Field<Option<binaryfunc>>,
    pub nb_int: Field<Option<unaryfunc>>,
    pub nb_reserved: Field<*mut c_void>,
    pub nb_float: Field<Option<unaryfunc>>,
    pub nb_inplace_add: Field<Option<binaryfunc>>,
    pub nb_inplace_subtract: Field<Option<binaryfunc>>,
    pub nb_inplace_multiply: Field<Option<binaryfunc>>,
    pub nb_inplace_remainder: Field<Option<binaryfunc>>,
    pub nb_inplace_power: Field<Option<ternaryfunc>>,
    pub nb_inplace_lshift: Field<Option<binaryfunc>>,
    pub nb_inplace_rshift: Field<Option<binaryfunc>>,
    pub nb_inplace_and: Field<Option<binaryfunc>>,
    pub nb_inplace_xor: Field<Option<binaryfunc>>,
    pub nb_inplace_or: Field<Option<binaryfunc>>,
    pub nb_floor_divide: Field<Option<binaryfunc>>,
    pub nb_true_divide: Field<Option<binaryfunc>>,
    pub nb_inplace_floor_divide: Field<Option<binaryfunc>>,
    pub nb_inplace_true_divide: Field<Option<binaryfunc>>,
    pub nb_index: Field<Option<unaryfunc>>,
    pub nb_matrix_multiply: Field<Option<binaryfunc>>,
    pub nb_inplace_matrix_multiply: Field<Option<binaryfunc>>,
}

zeroed!(PyNumberMethods);

/// Slots of sequences.
#[repr(C)]
pub struct PySequenceMethods {
    pub sq_length: Field<Option<lenfunc>>,
    pub sq_concat: Field<Option<binaryfunc>>,
    pub sq_repeat: Field<Option<ssizeargfunc>>,
    pub sq_item: Field<Option<ssizeargfunc>>,
    pub was_sq_slice: Field<*mut c_void>,
    pub sq_ass_item: Field<Option<ssizeobjargproc>>,
    pub was_sq_ass_slice: Field<*mut c_void>,
    pub sq_contains: Field<Option<objobjproc>>,
    pub sq_inplace_concat: Field<Option<binaryfunc>>,
    pub sq_inplace_repeat: Field<Option<ssizeargfunc>>,
}

zeroed!(PySequenceMethods);

/// One slot of a type specification.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyType_Slot {
    pub slot: c_int,
    pub pfunc: *mut c_void,
}

zeroed!(PyType_Slot);

/// Declaration of a heap type.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PyType_Spec {
    pub name: *const c_char,
    pub basicsize: c_int,
    pub itemsize: c_int,
    pub flags: c_uint,
    pub slots: *mut PyType_Slot,
}

zeroed!(PyType_Spec);

/// A type.
#[repr(C)]
pub struct PyTypeObject {
    pub ob_base: PyVarObject,
    pub tp_name: Field<*const c_char>,
    pub tp_basicsize: Field<Py_ssize_t>,
    pub tp_itemsize: Field<Py_ssize_t>,
    pub tp_dealloc: Field<Option<destructor>>,
    pub tp_vectorcall_offset: Field<Py_ssize_t>,
    pub tp_getattr: Field<Option<getattrfunc>>,
    pub tp_setattr: Field<Option<setattrfunc>>,
    pub tp_as_async: Field<*mut PyAsyncMethods>,
    pub tp_repr: Field<Option<reprfunc>>,
    pub tp_as_number: Field<*mut PyNumberMethods>,
    pub tp_as_sequence: Field<*mut PySequenceMethods>,
    pub tp_as_mapping: Field<*mut PyMappingMethods>,
    pub tp_hash: Field<Option<hashfunc>>,
    pub tp_call: Field<Option<ternaryfunc>>,
    pub tp_str: Field<Option<reprfunc>>,
    pub tp_getattro: Field<Option<getattrofunc>>,
    pub tp_setattro: Field<Option<setattrofunc>>,
    pub tp_as_buffer: Field<*mut PyBufferProcs>,
    pub tp_flags: Field<c_ulong>,
    pub tp_doc: Field<*const c_char>,
    pub tp_traverse: Field<Option<traverseproc>>,
    pub tp_clear: Field<Option<inquiry>>,
    pub tp_richcompare: Field<Option<richcmpfunc>>,
    pub tp_weaklistoffset: Field<Py_ssize_t>,
    pub tp_iter: Field<Option<getiterfunc>>,
    pub tp_iternext: Field<Option<iternextfunc>>,
    pub tp_methods: Field<*mut PyMethodDef>,
    pub tp_members: Field<*mut PyMemberDef>,
    pub tp_getset: Field<*mut PyGetSetDef>,
    pub tp_base: Field<*mut PyTypeObject>,
    pub tp_dict: Field<*mut PyObject>,
    pub tp_descr_get: Field<Option<descrgetfunc>>,
    pub tp_descr_set: Field<Option<descrsetfunc>>,
    pub tp_dictoffset: Field<Py_ssize_t>,
    pub tp_init: Field<Option<initproc>>,
    pub tp_alloc: Field<Option<allocfunc>>,
    pub tp_new: Field<Option<newfunc>>,
    pub tp_free: Field<Option<freefunc>>,
    pub tp_is_gc: Field<Option<inquiry>>,
    pub tp_bases: Field<*mut PyObject>,
    pub tp_mro: Field<*mut PyObject>,
    pub tp_cache: Field<*mut PyObject>,
    pub tp_subclasses: Field<*mut c_void>,
    pub tp_weaklist: Field<*mut PyObject>,
    pub tp_del: Field<Option<destructor>>,
    pub tp_version_tag: Field<c_uint>,
    pub tp_finalize: Field<Option<destructor>>,
    pub tp_vectorcall: Field<Option<vectorcallfunc>>,
    pub tp_watched: Field<u8>,
    pub tp_versions_used: Field<u16>,
}

zeroed!(PyTypeObject);
