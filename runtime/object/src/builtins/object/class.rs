//! `__class__` assignment.
use crate::builtins::dictobject;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::Py_TPFLAGS_IMMUTABLETYPE;
use crate::typeobject::{check_compatible_base, flags};
use crate::{Module, Object, PyResult, Type, raise};
use std::sync::atomic::Ordering::AcqRel;

/// Setter of `__class__`.
pub(super) fn set_class(py: Attached<'_>, this: &Object, value: Option<&Object>) -> PyResult<()> {
    let Some(value) = value else {
        return Err(raise!(py, TypeError, "can't delete __class__ attribute"));
    };
    let Some(new) = value.downcast::<Type>() else {
        return Err(raise!(py, TypeError, "__class__ must be set to a class, not '{}' object", value.ty().name()));
    };
    let old = this.ty();
    let module = Module::type_object();
    let both_modules = old.is_subtype_of(module) && new.is_subtype_of(module);
    if !both_modules && (new.has_feature(Py_TPFLAGS_IMMUTABLETYPE) || old.has_feature(Py_TPFLAGS_IMMUTABLETYPE)) {
        return Err(raise!(
            py,
            TypeError,
            "__class__ assignment only supported for mutable types or ModuleType subclasses"
        ));
    }
    check_compatible_base(py, old, new, "__class__")?;
    if old.has_feature(flags::INLINE_VALUES) {
        // The values are keyed by the old class's table: they move into a dict of their own.
        let dict = dictobject::materialize_dict(py, this)?;
        dictobject::set_instance_dict(py, this, Some(dict))?;
    }
    let _section = this.lock(py);
    if new.is_heap() {
        let _ = new.to_ref().into_raw();
    }
    let displaced = this.raw().ob_type.swap(new.as_type_ptr(), AcqRel);
    // SAFETY: the object owned its heap type. Other threads may still be reading through it: the type's memory keeps a
    // valid head ([quiescent]), and its last reference goes only here.
    unsafe {
        let displaced = Type::from_type_ptr(displaced);
        if displaced.is_heap() {
            drop(Ref::<Type>::from_raw(displaced.as_ptr()));
        }
    }
    Ok(())
}
