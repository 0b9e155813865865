//! `property`.
//!
//! Concurrency: getter, setter and deleter are set by `__init__`; calling `__init__` again while others use the
//! property shows them the old or the new function of each kind.
use crate::args::{Args, Signature};
use crate::builtins::classmethod::is_abstract;
use crate::handle::{Attached, Layout, Ref, Slot, Visit};
use crate::layout::*;
use crate::typedef::member;
use crate::{Object, PyResult, Raised, id, mem, pytype, raise};
use std::ffi::c_int;
use std::mem::offset_of;
use std::ptr::NonNull;

/// The layout of a property; opaque to C.
#[repr(C)]
pub struct PropertyObject {
    pub ob_base: PyObject,
    pub get: Slot,
    pub set: Slot,
    pub del: Slot,
    pub doc: Slot,
    pub name: Slot,
    pub getter_doc: Field<c_int>,
}

/// A computed attribute.
#[repr(transparent)]
pub struct Property(pub(crate) PropertyObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyProperty_Type: "property" for Property {
        base: Object,
        flags: [HAVE_GC, BASETYPE],
        doc: "property(fget=None, fset=None, fdel=None, doc=None)\n--\n\nAn attribute that functions compute, store and delete.\n\nUsually used as a decorator of the getter; its methods getter(), setter()\nand deleter() decorate the others.",
        slots: {
            tp_dealloc = Property::dealloc,
            tp_traverse = Property::traverse,
            tp_clear = Property::clear,
            tp_descr_get = Property::descr_get,
            tp_descr_set = Property::descr_set,
            tp_init = Property::init,
            raw tp_new = Some(crate::typeobject::PyType_GenericNew),
        },
        methods: {
            o "getter" => |py: Attached<'_>, this: &Property, f: &Object| Property::copy_with(py, this, Some(f), None, None), "($self, object, /)", "Makes a copy with another getter.";
            o "setter" => |py: Attached<'_>, this: &Property, f: &Object| Property::copy_with(py, this, None, Some(f), None), "($self, object, /)", "Makes a copy with another setter.";
            o "deleter" => |py: Attached<'_>, this: &Property, f: &Object| Property::copy_with(py, this, None, None, Some(f)), "($self, object, /)", "Makes a copy with another deleter.";
            raw "__set_name__" => Property::set_name_method, "($self, owner, name, /)", "Tells the property the name it has in its class.";
        },
        getset: {
            "__name__" => Property::get_name, Property::set_name, "";
            "__isabstractmethod__" => Property::is_abstract, "";
        },
        members: [
            member("fget\0", _Py_T_OBJECT, offset_of!(PropertyObject, get), Py_READONLY, c""),
            member("fset\0", _Py_T_OBJECT, offset_of!(PropertyObject, set), Py_READONLY, c""),
            member("fdel\0", _Py_T_OBJECT, offset_of!(PropertyObject, del), Py_READONLY, c""),
            member("__doc__\0", _Py_T_OBJECT, offset_of!(PropertyObject, doc), 0, c""),
        ],
    }
}

impl Property {
    fn slots(&self) -> [&Slot; 5] {
        [&self.0.get, &self.0.set, &self.0.del, &self.0.doc, &self.0.name]
    }

    /// The getter, for inline caches.
    pub fn getter(&self) -> Option<Ref<Object>> {
        self.0.get.get()
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Property>) {
        // SAFETY: by the contract.
        unsafe { mem::dealloc_with(py, this, |this| this.slots().iter().for_each(|slot| drop(slot.take()))) };
    }

    fn traverse(this: &Property, visit: Visit<'_>) -> Result<(), c_int> {
        this.slots().iter().try_for_each(|slot| visit.slot(slot))
    }

    fn clear(_py: Attached<'_>, this: &Property) {
        drop(this.0.doc.take());
    }

    fn init(py: Attached<'_>, this: &Property, args: Args<'_>) -> PyResult<()> {
        static SIG: Signature = Signature::parse("property", "(fget=None, fset=None, fdel=None, doc=None)");
        let [get, set, del, doc] = SIG.bind::<4>(py, args)?;
        let given = |value: Option<&Object>| value.filter(|value| !value.is_none()).map(Layout::to_ref);
        drop(this.0.get.replace(given(get)));
        drop(this.0.set.replace(given(set)));
        drop(this.0.del.replace(given(del)));
        drop(this.0.doc.take());
        drop(this.0.name.take());
        this.0.getter_doc.set(0);
        let mut text = given(doc);
        if text.is_none()
            && let Some(get) = given(get)
            && let Some(found) = get.get_attr_opt(py, id!(py, __doc__))?.filter(|found| !found.is_none())
        {
            this.0.getter_doc.set(1);
            text = Some(found);
        }
        if std::ptr::eq(this.as_object().ty(), Self::type_object()) {
            drop(this.0.doc.replace(text));
            return Ok(());
        }
        // A subclass has a `__doc__` of its own; the instance's must hide it.
        let value = text.unwrap_or_else(crate::none);
        match this.as_object().set_attr(py, id!(py, __doc__), Some(&value)) {
            // A class without room for the text does without, unless the text is the getter's.
            Err(raised) if this.0.getter_doc.get() == 0 && raised.matches(py, crate::exc::AttributeError()) => {
                raised.clear(py);
                Ok(())
            }
            other => other,
        }
    }

    /// The name that messages use.
    fn shown_name(&self, py: Attached<'_>) -> PyResult<Option<Ref<Object>>> {
        if let Some(name) = self.0.name.get() {
            return Ok(Some(name));
        }
        match self.0.get.get() {
            Some(get) => get.get_attr_opt(py, id!(py, __name__)),
            None => Ok(None),
        }
    }

    #[cold]
    fn missing(&self, py: Attached<'_>, object: &Object, what: &str) -> Raised {
        let text = || -> PyResult<String> {
            let qualname = object.ty().as_object().get_attr(py, id!(py, __qualname__))?.repr(py)?;
            Ok(match self.shown_name(py)? {
                Some(name) => format!("property {} of {qualname} object has no {what}", name.repr(py)?),
                None => format!("property of {qualname} object has no {what}"),
            })
        };
        match text() {
            Ok(text) => raise!(py, AttributeError, "{text}"),
            Err(raised) => raised,
        }
    }

    fn descr_get(
        py: Attached<'_>,
        this: &Property,
        instance: Option<&Object>,
        _owner: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let Some(instance) = instance.filter(|instance| !instance.is_none()) else {
            return Ok(this.as_object().to_ref());
        };
        match this.0.get.get() {
            Some(get) => get.call_pos(py, &[instance]),
            None => Err(this.missing(py, instance, "getter")),
        }
    }

    fn descr_set(py: Attached<'_>, this: &Property, instance: &Object, value: Option<&Object>) -> PyResult<()> {
        match value {
            Some(value) => match this.0.set.get() {
                Some(set) => set.call_pos(py, &[instance, value]).map(drop),
                None => Err(this.missing(py, instance, "setter")),
            },
            None => match this.0.del.get() {
                Some(del) => del.call_pos(py, &[instance]).map(drop),
                None => Err(this.missing(py, instance, "deleter")),
            },
        }
    }

    fn copy_with(
        py: Attached<'_>,
        this: &Property,
        get: Option<&Object>,
        set: Option<&Object>,
        del: Option<&Object>,
    ) -> PyResult<Ref<Object>> {
        let or_old = |new: Option<&Object>, old: &Slot| match new.filter(|new| !new.is_none()) {
            Some(new) => new.to_ref(),
            None => old.get().unwrap_or_else(crate::none),
        };
        let (get, set, del) = (or_old(get, &this.0.get), or_old(set, &this.0.set), or_old(del, &this.0.del));
        let doc = if this.0.getter_doc.get() != 0 && !get.is_none() {
            crate::none()
        } else {
            this.0.doc.get().unwrap_or_else(crate::none)
        };
        let copy = this.as_object().ty().as_object().call_pos(py, &[&get, &set, &del, &doc])?;
        if let Some(copied) = copy.as_object().downcast::<Property>() {
            drop(copied.0.name.replace(this.0.name.get()));
        }
        Ok(copy)
    }

    fn set_name_method(py: Attached<'_>, this: &Property, args: Args<'_>) -> PyResult<()> {
        if args.pos.len() != 2 {
            return Err(raise!(
                py,
                TypeError,
                "__set_name__() takes 2 positional arguments but {} were given",
                args.pos.len()
            ));
        }
        drop(this.0.name.replace(Some(args.pos[1].to_ref())));
        Ok(())
    }

    fn get_name(py: Attached<'_>, this: &Property) -> PyResult<Ref<Object>> {
        match this.shown_name(py)? {
            Some(name) => Ok(name),
            None => {
                Err(raise!(py, AttributeError, "'{}' object has no attribute '__name__'", this.as_object().ty().name()))
            }
        }
    }

    fn set_name(_py: Attached<'_>, this: &Property, value: Option<&Object>) -> PyResult<()> {
        drop(this.0.name.replace(value.map(Layout::to_ref)));
        Ok(())
    }

    fn is_abstract(py: Attached<'_>, this: &Property) -> PyResult<bool> {
        for slot in [&this.0.get, &this.0.set, &this.0.del] {
            if let Some(function) = slot.get()
                && is_abstract(py, &function)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
