//! `type`.
use crate::handle::{Attached, Ref};
use crate::layout::PyTypeObject;
use crate::{Object, PyResult};

/// A type object.
#[repr(transparent)]
pub struct Type(pub(crate) PyTypeObject);

pytype_stub!(PyType_Type: Type);

impl Type {
    #[inline(always)]
    pub fn raw(&self) -> &PyTypeObject {
        &self.0
    }

    #[inline(always)]
    pub fn as_type(&self) -> &PyTypeObject {
        &self.0
    }
    pub fn as_type_ptr(&self) -> *mut PyTypeObject {
        std::ptr::from_ref(&self.0).cast_mut()
    }
    /// Views a raw type pointer.
    ///
    /// # Safety
    /// `raw` points to a live type.
    #[inline(always)]
    pub unsafe fn from_type_ptr<'a>(raw: *mut PyTypeObject) -> &'a Type {
        // SAFETY: by the contract.
        unsafe { &*raw.cast() }
    }
    #[inline(always)]
    pub fn has_feature(&self, flag: std::ffi::c_ulong) -> bool {
        self.0.tp_flags.get() & flag != 0
    }
    #[inline(always)]
    pub fn is_gc(&self) -> bool {
        self.has_feature(crate::layout::Py_TPFLAGS_HAVE_GC)
    }
    #[inline(always)]
    pub fn is_heap(&self) -> bool {
        self.has_feature(crate::layout::Py_TPFLAGS_HEAPTYPE)
    }
    /// Whether `self` is `base` or derives from it, by the MRO.
    pub fn is_subtype_of(&self, base: &Type) -> bool {
        let _ = base;
        todo!()
    }
    /// The name for messages: `__name__` of heap types, the part after the last dot of `tp_name` else.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        todo!()
    }
    /// `module.qualname` without `builtins.`, as messages use it.
    pub fn full_name(&self) -> String {
        todo!()
    }
    /// Fills in what a static type inherits and makes it usable (`PyType_Ready`).
    pub fn ready(&self, py: Attached<'_>) -> PyResult<()> {
        let _ = py;
        todo!()
    }
    /// Finds `name` along the MRO (`_PyType_LookupRef`); raises nothing. Uses the per-thread method cache.
    pub fn lookup(&self, py: Attached<'_>, name: &crate::Str) -> Option<Ref<Object>> {
        let _ = (py, name);
        todo!()
    }
    /// The version tag for inline caches, assigned on demand; 0 when none can be had.
    pub fn version(&self, py: Attached<'_>) -> u32 {
        let _ = py;
        todo!()
    }
    /// The type was changed: drops its version and those of its subclasses (`PyType_Modified`).
    pub fn modified(&self, py: Attached<'_>) {
        let _ = py;
        todo!()
    }
    /// Calls the type: `tp_vectorcall`, or `tp_new` then `tp_init`.
    pub fn instantiate(&self, py: Attached<'_>, args: crate::args::Args<'_>) -> PyResult<Ref<Object>> {
        let _ = (py, args);
        todo!()
    }
    /// Allocates a zeroed instance through `tp_alloc`.
    pub fn alloc(&self, py: Attached<'_>, items: usize) -> PyResult<Ref<Object>> {
        let _ = (py, items);
        todo!()
    }
}
/// The address of `type`, for static initialisers.
pub const fn type_type_ptr() -> *mut PyTypeObject {
    (&raw const PyType_Type).cast_mut()
}
