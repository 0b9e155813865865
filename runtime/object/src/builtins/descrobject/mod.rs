//! Descriptors of built-in types: methods, class methods, members, computed attributes and slot wrappers; and the
//! read-only mapping proxy.
mod docs;
mod getset;
mod members;
mod methods;
mod proxy;
mod slot_wrappers;

pub use docs::{doc_without_signature, text_signature};
pub use getset::GetSetDescr;
pub use members::{MemberDescr, read_member, write_member};
pub use methods::{ClassMethodDescr, MethodDescr, PyMethodDescr_Type};
pub(crate) use methods::{method_doc, method_signature};
pub use proxy::MappingProxy;
pub use slot_wrappers::{MethodWrapper, WrapperDescr};

use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::PyDescrObject;
use crate::{Object, PyResult, Str, Tuple, Type, id, raise};
use std::ffi::c_int;

/// What all descriptor layouts begin with.
pub trait Descr: Layout {
    /// What `repr` calls it.
    const KIND: &'static str;

    #[inline(always)]
    fn common(&self) -> &PyDescrObject {
        // SAFETY: [layout]: every descriptor begins with `PyDescrObject`.
        unsafe { &*self.as_ptr().cast() }
    }

    /// The class whose attribute it is.
    #[inline(always)]
    fn owner(&self) -> &Type {
        // SAFETY: [frozen]: set at creation, owned.
        unsafe { Type::from_type_ptr(self.common().d_type.get()) }
    }

    #[inline(always)]
    fn name(&self) -> &Str {
        // SAFETY: [frozen]: set at creation, owned.
        unsafe { &*self.common().d_name.get().cast::<Str>() }
    }

    /// Sets the common fields of a fresh descriptor. The name is interned.
    fn init_common(&self, owner: &Type, name: &Str) {
        let common = self.common();
        common.d_type.set(owner.to_ref().into_raw().cast());
        common.d_name.set(name.to_ref().into_raw());
    }

    fn descr_repr(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        Str::new(py, &format!("<{} '{}' of '{}' objects>", Self::KIND, this.name(), this.owner().name()))
    }

    fn descr_traverse(this: &Self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.raw(this.common().d_type.get().cast())
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn descr_dealloc(py: Attached<'_>, this: std::ptr::NonNull<Self>) {
        // SAFETY: by the contract; the fields are owned.
        unsafe {
            crate::mem::dealloc_with(py, this, |this| {
                let common = this.common();
                drop(Ref::<Object>::from_raw_opt(common.d_type.get().cast()));
                drop(Ref::<Object>::from_raw_opt(common.d_name.get()));
                drop(Ref::<Object>::from_raw_opt(common.d_qualname.get()));
            });
        }
    }

    /// Raises unless the descriptor applies to `object`.
    #[inline]
    fn check_object(&self, py: Attached<'_>, object: &Object) -> PyResult<()> {
        if object.is_instance_of(self.owner()) {
            return Ok(());
        }
        Err(raise!(
            py,
            TypeError,
            "descriptor '{}' for '{}' objects doesn't apply to a '{}' object",
            self.name(),
            self.owner().name(),
            object.ty().name()
        ))
    }

    fn get_name(_py: Attached<'_>, this: &Self) -> Ref<Str> {
        this.name().to_ref()
    }

    fn get_objclass(_py: Attached<'_>, this: &Self) -> Ref<Type> {
        this.owner().to_ref()
    }

    fn get_qualname(py: Attached<'_>, this: &Self) -> PyResult<Ref<Object>> {
        // SAFETY: the field owns null or a string.
        let cached = unsafe { Slot::<Object>::of(&this.common().d_qualname) };
        if let Some(found) = cached.get() {
            return Ok(found);
        }
        let qualname = this.owner().as_object().get_attr(py, id!(py, __qualname__))?;
        let Some(text) = qualname.as_object().downcast::<Str>() else {
            return Err(raise!(py, TypeError, "<descriptor>.__objclass__.__qualname__ is not a unicode object"));
        };
        let made = Str::new(py, &format!("{text}.{}", this.name()))?.upcast();
        drop(cached.replace(Some(made.clone())));
        Ok(made)
    }

    fn reduce(py: Attached<'_>, this: &Self) -> PyResult<Ref<Tuple>> {
        let getattr = builtin(py, "getattr")?;
        let args = Tuple::from_slice(py, &[this.owner().as_object(), this.name().as_object()])?;
        Tuple::from_slice(py, &[&getattr, args.as_object()])
    }
}

/// A function of the `builtins` module.
pub(crate) fn builtin(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    let name = Str::intern_static(py, name);
    let builtins = (crate::hooks::hooks().current_builtins)(py);
    match builtins.downcast::<crate::Dict>() {
        Ok(dict) => match dict.get(py, name.as_object())? {
            Some(found) => Ok(found),
            None => Err(raise!(py, AttributeError, "{name}")),
        },
        Err(other) => other.get_attr(py, name),
    }
}

/// A fresh descriptor of type `T`.
fn new_descr<T: Descr>(py: Attached<'_>, owner: &Type, name: &str, init: impl FnOnce(&T)) -> PyResult<Ref<T>> {
    let name = Str::intern_static(py, name);
    crate::mem::new_instance::<T>(py, T::type_object(), |descr| {
        descr.init_common(owner, name);
        init(descr);
    })
}

/// Reads a C string field; empty for null.
pub(crate) fn c_text<'a>(text: *const std::ffi::c_char) -> std::borrow::Cow<'a, str> {
    if text.is_null() {
        return std::borrow::Cow::Borrowed("");
    }
    // SAFETY: definition tables hold NUL-terminated strings that live as long as their type.
    unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy()
}

/// A getter result from a definition's doc: `None` for null.
fn doc_or_none(py: Attached<'_>, doc: *const std::ffi::c_char) -> PyResult<Ref<Object>> {
    if doc.is_null() {
        return Ok(crate::none());
    }
    Ok(Str::new(py, &c_text(doc))?.upcast())
}
