//! `object`, `None`, `Ellipsis`, `NotImplemented`, and what can be asked of any object without a protocol.
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PyObject;
use crate::{PyResult, Type};

/// Any object.
#[repr(transparent)]
pub struct Object(pub(crate) PyObject);

pytype_stub!(PyBaseObject_Type: Object);

impl Object {
    #[inline(always)]
    pub fn raw(&self) -> &PyObject {
        &self.0
    }

    /// Borrows a raw pointer.
    ///
    /// # Safety
    /// `raw` is non-null and points to an object that outlives `'a`.
    #[inline(always)]
    pub unsafe fn from_ptr<'a>(raw: *mut PyObject) -> &'a Object {
        // SAFETY: by the contract.
        unsafe { &*raw.cast() }
    }

    /// The object's type. `__class__` assignment may replace it, but a type outlives its instances.
    #[inline(always)]
    pub fn ty(&self) -> &Type {
        // SAFETY: [layout]: `ob_type` is set for every object and the object keeps its type alive.
        unsafe { &*self.0.ob_type.get().cast() }
    }

    /// Identity: `self is other`.
    #[inline(always)]
    pub fn is<T: Layout>(&self, other: &T) -> bool {
        std::ptr::eq(self, other.as_object())
    }

    #[inline(always)]
    pub fn is_none(&self) -> bool {
        std::ptr::eq(self, none_borrowed())
    }

    #[inline(always)]
    pub fn is_not_implemented(&self) -> bool {
        std::ptr::eq(self, not_implemented_borrowed())
    }

    /// Views the object as a `T` if it is an instance of `T`'s type or a subtype.
    #[inline(always)]
    pub fn downcast<T: Layout>(&self) -> Option<&T> {
        // SAFETY: [layout], just checked.
        T::is_type_of(self.ty()).then(|| unsafe { self.cast_unchecked() })
    }

    /// As [`Object::downcast`], but refuses subtypes.
    #[inline(always)]
    pub fn downcast_exact<T: Layout>(&self) -> Option<&T> {
        // SAFETY: [layout], just checked.
        std::ptr::eq(self.ty(), T::type_object()).then(|| unsafe { self.cast_unchecked() })
    }

    /// # Safety
    /// The object is an instance of `T`'s type.
    #[inline(always)]
    pub unsafe fn cast_unchecked<T: Layout>(&self) -> &T {
        // SAFETY: by the contract.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// Whether the type of the object is `ty` or a subtype (no `__instancecheck__`).
    #[inline]
    pub fn is_instance_of(&self, ty: &Type) -> bool {
        self.ty().is_subtype_of(ty)
    }
}

/// `None`, borrowed.
#[inline(always)]
pub fn none_borrowed() -> &'static Object {
    todo!()
}
/// A reference to `None`.
#[inline(always)]
pub fn none() -> Ref<Object> {
    none_borrowed().to_ref()
}
pub fn not_implemented_borrowed() -> &'static Object {
    todo!()
}
/// A reference to `NotImplemented`.
#[inline]
pub fn not_implemented() -> Ref<Object> {
    not_implemented_borrowed().to_ref()
}
/// A reference to `Ellipsis`.
pub fn ellipsis() -> Ref<Object> {
    todo!()
}

/// `object.__new__` for `ty` without arguments: allocates a plain instance.
pub fn object_new(py: Attached<'_>, ty: &Type) -> PyResult<Ref<Object>> {
    let _ = (py, ty);
    todo!()
}
