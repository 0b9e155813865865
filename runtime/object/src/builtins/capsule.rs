//! `PyCapsule`: a C pointer with a name, a context and a destructor.
use crate::handle::{Attached, Layout, Ref, Visit};
use crate::layout::{Field, PyObject, inquiry, traverseproc};
use crate::{Object, PyResult, Str, mem, pytype, raise};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;

/// What a capsule calls when it dies.
pub type Destructor = unsafe extern "C" fn(*mut PyObject);

/// The layout of a capsule; opaque to C.
#[repr(C)]
pub struct CapsuleObject {
    pub ob_base: PyObject,
    pub pointer: Field<*mut c_void>,
    pub name: Field<*const c_char>,
    pub context: Field<*mut c_void>,
    pub destructor: Field<Option<Destructor>>,
    pub traverse: Field<Option<traverseproc>>,
    pub clear: Field<Option<inquiry>>,
}

/// A C pointer that Python code can carry. Its fields are single words: each read sees an old or the new value.
#[repr(transparent)]
pub struct Capsule(pub(crate) CapsuleObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyCapsule_Type: "PyCapsule" for Capsule {
        base: Object,
        flags: [HAVE_GC],
        doc: "A C pointer that one extension module hands to another.\n\nOnly C code can make one or read the pointer.",
        slots: {
            tp_dealloc = Capsule::dealloc,
            tp_repr = Capsule::repr,
            tp_traverse = Capsule::traverse,
            tp_clear = Capsule::clear,
        },
    }
}

impl Capsule {
    /// A capsule of a non-null pointer (`PyCapsule_New`). The name, if any, outlives it.
    pub fn new(
        py: Attached<'_>,
        pointer: *mut c_void,
        name: *const c_char,
        destructor: Option<Destructor>,
    ) -> PyResult<Ref<Capsule>> {
        if pointer.is_null() {
            return Err(raise!(py, ValueError, "PyCapsule_New called with null pointer"));
        }
        let raw = mem::alloc_instance(py, Self::type_object(), 0)?;
        // SAFETY: fresh, zeroed memory of this type. It is tracked only when it gets a traverse function.
        let capsule = unsafe { Ref::<Capsule>::from_raw(raw.as_ptr()) };
        capsule.0.pointer.set(pointer);
        capsule.0.name.set(name);
        capsule.0.destructor.set(destructor);
        Ok(capsule)
    }

    #[inline(always)]
    pub fn raw(&self) -> &CapsuleObject {
        &self.0
    }

    /// The name as C sees it; null for none.
    pub fn name(&self) -> *const c_char {
        self.0.name.get()
    }

    /// Whether the capsule has this name (both may be null).
    ///
    /// # Safety
    /// `name` is null or a C string.
    pub unsafe fn is_named(&self, name: *const c_char) -> bool {
        let own = self.0.name.get();
        if own.is_null() || name.is_null() {
            return own == name;
        }
        // SAFETY: by the contract, for both.
        unsafe { CStr::from_ptr(own) == CStr::from_ptr(name) }
    }

    /// Makes the collector see what the pointer refers to (`_PyCapsule_SetTraverse`).
    pub fn set_traverse(&self, traverse: traverseproc, clear: inquiry) {
        self.0.traverse.set(Some(traverse));
        self.0.clear.set(Some(clear));
        if !crate::gc::is_tracked(self.as_object()) {
            crate::gc::track(self.as_object());
        }
    }

    /// # Safety
    /// As `tp_dealloc`.
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Capsule>) {
        // SAFETY: by the contract; the destructor gets the capsule as it was.
        unsafe {
            mem::dealloc_with(py, this, |this| {
                if let Some(destructor) = this.0.destructor.get() {
                    destructor(this.as_ptr());
                }
            });
        }
    }

    fn traverse(this: &Capsule, visit: Visit<'_>) -> Result<(), c_int> {
        let Some(traverse) = this.0.traverse.get() else { return Ok(()) };
        let (proc, arg) = visit.as_raw();
        // SAFETY: [slot-contract].
        match unsafe { traverse(this.as_ptr(), proc, arg) } {
            0 => Ok(()),
            stop => Err(stop),
        }
    }

    fn clear(_py: Attached<'_>, this: &Capsule) {
        if let Some(clear) = this.0.clear.get() {
            // SAFETY: [slot-contract].
            unsafe { clear(this.as_ptr()) };
        }
    }

    fn repr(py: Attached<'_>, this: &Capsule) -> PyResult<Ref<Str>> {
        let name = this.0.name.get();
        if name.is_null() {
            return Str::new(py, &format!("<capsule object NULL at {this:p}>"));
        }
        // SAFETY: the name outlives the capsule.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        Str::new(py, &format!("<capsule object \"{name}\" at {this:p}>"))
    }
}
