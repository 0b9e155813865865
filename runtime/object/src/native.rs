//! Classes of native modules: their structs, and Rust state that lives in an object.
use crate::layout::Field;
use crate::typedef::{StaticType, link_static};
use crate::{Attached, Layout, Module, Object, PyResult, Ref, Slot, Str, Type, Visit, gc, mem, raise};
use krait_sync::mutex::{Mutex, ValueGuard};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::fmt::Display;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

pub type Arg<'a> = Option<&'a Object>;

/// A part of an object: what the collector visits and the deallocator drops.
pub trait Part {
    fn visit(&self, visit: Visit<'_>) -> Result<(), c_int>;
    fn release(&self);
}

impl<T: Layout> Part for Slot<T> {
    fn visit(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.slot(self)
    }
    fn release(&self) {
        drop(self.take());
    }
}

impl<T: Copy> Part for Field<T> {
    fn visit(&self, _: Visit<'_>) -> Result<(), c_int> {
        Ok(())
    }
    fn release(&self) {}
}

/// Rust state that may hold references.
pub trait Trace {
    fn trace(&self, _visit: Visit<'_>) -> Result<(), c_int> {
        Ok(())
    }
}

impl<T: Layout> Trace for Ref<T> {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        visit.raw(self.as_ptr())
    }
}
impl<T: Trace> Trace for Option<T> {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.as_ref().map_or(Ok(()), |value| value.trace(visit))
    }
}
/// What is shared is not traced: a reference in it would be counted once but visited by every sharer.
impl<T> Trace for std::sync::Arc<T> {}
impl<T: Trace> Trace for Vec<T> {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.iter().try_for_each(|item| item.trace(visit))
    }
}
impl<T: Trace> Trace for VecDeque<T> {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.iter().try_for_each(|item| item.trace(visit))
    }
}

/// Boxed Rust state of an object, behind a short lock under which no Python code runs. Null until it is set.
///
/// A waiter stays attached, if it was: the collector takes the lock in a pause, so no thread that is stopped may have it,
/// or be given it. For the same reason holders neither attach nor detach.
#[repr(transparent)]
pub struct State<T>(Field<*mut Mutex<T>>, PhantomData<T>);

// SAFETY: access goes through the mutex.
unsafe impl<T> Sync for State<T> {}

impl<T> State<T> {
    /// Fills the field of a fresh object.
    pub fn init(&self, value: T) {
        self.0.set(Box::into_raw(Box::new(Mutex::new(value))));
    }

    /// The state. Its holder must not run Python code, and drops references after the guard.
    #[inline]
    pub fn lock(&self) -> ValueGuard<'_, T> {
        // SAFETY: [frozen]: the constructor sets the field before the object can be reached.
        unsafe { &*self.0.get() }.lock_no_detach()
    }

    pub fn is_set(&self) -> bool {
        !self.0.get().is_null()
    }

    /// Bytes of the memory that the field points to.
    pub fn size(&self) -> usize {
        if self.is_set() { size_of::<Mutex<T>>() } else { 0 }
    }
}

/// Moves a counter on in one step and returns what it was; `None` where `next` says so, which changes nothing.
pub fn advance(counter: &Field<isize>, next: impl Fn(isize) -> Option<isize>) -> Option<isize> {
    let mut now = counter.get();
    loop {
        match counter.compare_exchange(now, next(now)?, Relaxed, Relaxed) {
            Ok(_) => return Some(now),
            Err(other) => now = other,
        }
    }
}

impl<T: Trace> Part for State<T> {
    fn visit(&self, visit: Visit<'_>) -> Result<(), c_int> {
        if !self.is_set() {
            return Ok(());
        }
        self.lock().trace(visit)
    }
    fn release(&self) {
        let raw = self.0.get();
        self.0.set(ptr::null_mut());
        if !raw.is_null() {
            // SAFETY: made by `init`; the object dies, so nobody else has it.
            drop(unsafe { Box::from_raw(raw) });
        }
    }
}

/// Constant Rust state of an object. Null until it is set.
#[repr(transparent)]
pub struct Fixed<T>(Field<*mut T>, PhantomData<T>);

// SAFETY: shared references only, to `Sync` data by the users' care.
unsafe impl<T> Sync for Fixed<T> {}

impl<T> Fixed<T> {
    pub fn init(&self, value: T) {
        self.0.set(Box::into_raw(Box::new(value)));
    }

    pub fn get(&self) -> Option<&T> {
        // SAFETY: [frozen]: set before the object can be reached, freed with it.
        unsafe { self.0.get().as_ref() }
    }
}

impl<T: Trace> Part for Fixed<T> {
    fn visit(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.get().map_or(Ok(()), |value| value.trace(visit))
    }
    fn release(&self) {
        let raw = self.0.get();
        self.0.set(ptr::null_mut());
        if !raw.is_null() {
            // SAFETY: made by `init`; the object dies, so nobody else has it.
            drop(unsafe { Box::from_raw(raw) });
        }
    }
}

/// Declares the struct of a native class with its `dealloc`, `traverse` and `clear`. Every field is a [`Part`].
#[macro_export]
macro_rules! native {
    ($(#[$meta:meta])* $vis:vis struct $Ty:ident { $($(#[$fmeta:meta])* $field:ident: $ft:ty),* $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        $vis struct $Ty {
            ob_base: $crate::layout::PyObject,
            $($(#[$fmeta])* $field: $ft,)*
        }
        #[allow(dead_code)]
        impl $Ty {
            /// # Safety
            /// The `tp_dealloc` of the type.
            unsafe fn dealloc(py: $crate::Attached<'_>, this: ::std::ptr::NonNull<$Ty>) {
                // SAFETY: by the contract.
                unsafe { $crate::mem::dealloc_with(py, this, |this| { let _ = this; $($crate::native::Part::release(&this.$field);)* }) }
            }
            fn traverse(&self, visit: $crate::Visit<'_>) -> Result<(), ::std::ffi::c_int> {
                let _ = visit;
                $($crate::native::Part::visit(&self.$field, visit)?;)*
                Ok(())
            }
        }
    };
}

/// A fresh instance of `ty`, a subtype of `T`'s type.
pub fn alloc<T: Layout>(py: Attached<'_>, ty: &Type) -> PyResult<Ref<T>> {
    if ty.is_heap() {
        // SAFETY: [layout]: a fresh instance of a subtype.
        return Ok(unsafe { ty.alloc(py, 0)?.cast_unchecked() });
    }
    let raw = mem::alloc_instance(py, ty, 0)?;
    // SAFETY: [layout]: a fresh instance.
    let object = unsafe { Ref::<T>::from_raw(raw.as_ptr()) };
    if ty.is_gc() {
        gc::track(object.as_object());
    }
    Ok(object)
}

/// Makes a type ready and adds it to the module.
pub fn add_type<T: StaticType>(py: Attached<'_>, module: &Module, name: &str) -> PyResult<()> {
    let ty = ready::<T>(py)?;
    module.add(py, name, ty.as_object())
}

/// Makes a type ready.
pub fn ready<T: StaticType>(py: Attached<'_>) -> PyResult<&'static Type> {
    let ty = link_static::<T>();
    ty.ready(py)?;
    // Instances find the name of the module through the class, as with classes that modules make at import.
    let name = ty.full_name();
    if let (Some(dict), Some((module, _))) = (ty.dict(), name.rsplit_once('.'))
        && dict.get_str(py, "__module__").is_none()
    {
        dict.set_str(py, "__module__", Str::intern_static(py, module).as_object())?;
    }
    Ok(ty)
}

/// `ty.__name__` for messages.
pub fn type_name(object: &Object) -> String {
    object.ty().name().into_owned()
}

/// The code point of a string of one character. `expected` begins the message for anything else, such as
/// "sep must be a unicode character".
///
/// # Errors
/// `TypeError`.
pub fn character(py: Attached<'_>, value: &Object, expected: impl Display) -> PyResult<u32> {
    match value.downcast::<Str>() {
        Some(text) if text.len() == 1 => Ok(text.char_at(0)),
        Some(text) => Err(raise!(py, TypeError, "{expected}, not a string of length {}", text.len())),
        None => Err(raise!(py, TypeError, "{expected}, not {}", type_name(value))),
    }
}

/// A required argument of a bound signature.
pub fn required<'a>(py: Attached<'_>, arg: Arg<'a>) -> PyResult<&'a Object> {
    arg.ok_or_else(|| py.bad_internal_call())
}

/// The present value of a slot that the constructor fills.
pub fn part<T: Layout>(py: Attached<'_>, slot: &Slot<T>) -> PyResult<Ref<T>> {
    slot.get().ok_or_else(|| py.bad_internal_call())
}

/// A new exception class, as a `class` statement in module `module` makes it.
pub fn new_exception(py: Attached<'_>, module: &str, name: &str, base: &Type) -> PyResult<Ref<Object>> {
    use crate::{Dict, IntoObject, Tuple};
    let namespace = Dict::new(py)?;
    namespace.set_str(py, "__module__", &*module.into_object(py)?)?;
    let bases = Tuple::from_slice(py, &[base.as_object()])?;
    let name = name.into_object(py)?;
    Type::type_object().as_object().call_pos(py, &[&name, bases.as_object(), namespace.as_object()])
}
