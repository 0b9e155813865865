//! Owned and borrowed references and the attached-thread token.
//!
//! [`Attached`] is the first parameter of everything that can touch Python. [`Ref<T>`] owns a reference, `&T`
//! borrows one, [`Locked`] holds an object's critical section and carries the mutators, [`Slot`] is an owned,
//! nullable reference stored inside an object.
use crate::layout::{Field, PyObject, PyThreadState, visitproc};
use crate::mode::{self, BriefSection, CriticalSection};
use crate::state::ObjectState;
use crate::{Object, Type};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::{self, NonNull};

thread_local! {
    static CURRENT: Cell<*mut PyThreadState> = const { Cell::new(ptr::null_mut()) };
}

/// Proof that this OS thread is attached to an interpreter ([attached]). `Copy`, one register, `!Send`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Attached<'py>(NonNull<PyThreadState>, PhantomData<(*mut (), fn(&'py ()) -> &'py ())>);

impl<'py> Attached<'py> {
    /// The token of the calling thread.
    ///
    /// # Safety
    /// The calling thread is attached for all of `'py` ([attached]).
    #[inline(always)]
    pub unsafe fn from_tls() -> Self {
        let tstate = Self::current_raw();
        debug_assert!(!tstate.is_null(), "the calling thread is not attached");
        // SAFETY: the caller promises an attached thread, whose pointer is set.
        Attached(unsafe { NonNull::new_unchecked(tstate) }, PhantomData)
    }

    /// The token of the calling thread, or `None` when it is not attached.
    #[inline]
    pub fn try_from_tls() -> Option<Self> {
        NonNull::new(Self::current_raw()).map(|tstate| Attached(tstate, PhantomData))
    }

    /// # Safety
    /// `tstate` is the attached thread state of the calling thread for all of `'py`.
    #[inline(always)]
    pub unsafe fn from_raw(tstate: NonNull<PyThreadState>) -> Self {
        Attached(tstate, PhantomData)
    }

    /// The calling thread's attached thread state, or null.
    #[inline(always)]
    pub fn current_raw() -> *mut PyThreadState {
        CURRENT.get()
    }

    /// Records which thread state the calling thread is attached to. Only attach and detach call this.
    #[inline]
    pub fn set_current_raw(tstate: *mut PyThreadState) {
        CURRENT.set(tstate);
    }

    #[inline(always)]
    pub fn tstate(self) -> &'py PyThreadState {
        // SAFETY: [attached]: the thread state lives while its thread is attached.
        unsafe { self.0.as_ref() }
    }

    /// The object-level state of the current interpreter.
    #[inline(always)]
    pub fn state(self) -> &'py ObjectState {
        // SAFETY: `interp` of an attached thread state is live, and an interpreter begins with its `ObjectState`.
        unsafe { &*self.tstate().interp.get().cast::<ObjectState>() }
    }
}

/// A struct that begins with `PyObject` and belongs to one type object.
///
/// # Safety
/// [layout] holds for `Self` and the type that `type_object` returns.
pub unsafe trait Layout: Sized + 'static {
    /// The type object whose instances (and subtypes' instances) have this layout.
    fn type_object() -> &'static Type;

    /// Whether `ty` is this layout's type or a subtype. Types with a fast-subclass flag override it.
    #[inline]
    fn is_type_of(ty: &Type) -> bool {
        ty.is_subtype_of(Self::type_object())
    }

    #[inline(always)]
    fn as_object(&self) -> &Object {
        // SAFETY: [layout]: the head is the first field.
        unsafe { &*ptr::from_ref(self).cast() }
    }

    /// The object as C sees it: a borrowed pointer.
    #[inline(always)]
    fn as_ptr(&self) -> *mut PyObject {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// A new strong reference.
    #[inline(always)]
    fn to_ref(&self) -> Ref<Self> {
        // SAFETY: [owned]: `&self` proves that the object is alive.
        unsafe { mode::incref(self.as_ptr()) };
        Ref(NonNull::from(self))
    }

    /// Enters the object's critical section. Blocking detaches the thread and suspends outer sections.
    #[inline]
    fn lock<'a>(&'a self, py: Attached<'_>) -> Locked<'a, Self> {
        Locked { _section: CriticalSection::enter(py, self.as_object()).into(), obj: self }
    }

    /// As [`Layout::lock`] for work that neither runs Python code, nor waits, nor locks anything else: see
    /// [`mode::BriefSection`].
    #[inline(always)]
    fn lock_briefly<'a>(&'a self, py: Attached<'_>) -> Locked<'a, Self> {
        Locked { _section: BriefSection::enter(py, self.as_object()), obj: self }
    }
}

/// One owned strong reference. `&T` is the borrowed one.
#[repr(transparent)]
pub struct Ref<T: Layout>(NonNull<T>);

impl<T: Layout> Ref<T> {
    /// Takes over a strong reference.
    ///
    /// # Safety
    /// `raw` is non-null, points to a live `T`, and the caller gives up one strong reference to it.
    #[inline(always)]
    pub unsafe fn from_raw(raw: *mut PyObject) -> Self {
        debug_assert!(!raw.is_null());
        // SAFETY: by the contract.
        Ref(unsafe { NonNull::new_unchecked(raw.cast()) })
    }

    /// Takes over a strong reference, or nothing for null.
    ///
    /// # Safety
    /// As [`Ref::from_raw`] when `raw` is not null.
    #[inline(always)]
    pub unsafe fn from_raw_opt(raw: *mut PyObject) -> Option<Self> {
        NonNull::new(raw.cast()).map(Ref)
    }

    /// A new reference to what a borrowed pointer points to, or `None` for null.
    ///
    /// # Safety
    /// `raw` is null or points to a `T` that is alive.
    #[inline]
    pub unsafe fn from_borrowed_opt(raw: *mut PyObject) -> Option<Self> {
        // SAFETY: by the contract.
        unsafe { raw.cast::<T>().as_ref() }.map(T::to_ref)
    }

    /// Gives the reference away as a raw pointer; the receiver owns it.
    #[inline(always)]
    pub fn into_raw(self) -> *mut PyObject {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    #[inline(always)]
    pub fn upcast(self) -> Ref<Object> {
        Ref(ManuallyDrop::new(self).0.cast())
    }

    /// Treats the reference as one to a `U`.
    ///
    /// # Safety
    /// The object is an instance of `U`'s type.
    #[inline(always)]
    pub unsafe fn cast_unchecked<U: Layout>(self) -> Ref<U> {
        Ref(ManuallyDrop::new(self).0.cast())
    }

    /// The reference as one to a `U` if the object is an instance of `U`'s type or a subtype.
    #[inline]
    pub fn downcast<U: Layout>(self) -> Result<Ref<U>, Self> {
        if U::is_type_of(self.as_object().ty()) {
            // SAFETY: just checked.
            Ok(unsafe { self.cast_unchecked() })
        } else {
            Err(self)
        }
    }

    /// As [`Ref::downcast`], but refuses subtypes.
    #[inline]
    pub fn downcast_exact<U: Layout>(self) -> Result<Ref<U>, Self> {
        if ptr::eq(self.as_object().ty(), U::type_object()) {
            // SAFETY: just checked.
            Ok(unsafe { self.cast_unchecked() })
        } else {
            Err(self)
        }
    }
}

impl<T: Layout> Deref for Ref<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: [owned].
        unsafe { self.0.as_ref() }
    }
}

impl<T: Layout + std::fmt::Display> std::fmt::Display for Ref<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Layout> Clone for Ref<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        (**self).to_ref()
    }
}

impl<T: Layout> Drop for Ref<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: [owned]: the reference given up here is ours.
        unsafe { mode::decref(self.0.as_ptr().cast()) };
    }
}

/// The object's critical section is held ([locked]); mutators live on this type.
///
/// They take no `Attached`, so they cannot run Python code while they hold `&mut` into the object, and they return
/// what they displace for the caller to drop after unlocking.
pub struct Locked<'a, T: Layout> {
    pub(crate) _section: BriefSection<'a>,
    pub(crate) obj: &'a T,
}

impl<T: Layout> Deref for Locked<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        self.obj
    }
}

/// What a read without a lock found, as a word of a frame: an object whose lowest bit says that no count is owned. The
/// second bit says that nothing good was found: nothing at all, nothing that can be had without a lock, or an object
/// whose place changed meanwhile. One test tells, and handlers need no other.
#[must_use]
pub struct Read(usize);

const BORROWED: usize = crate::layout::Py_TAG_REFCNT;
const BAD: usize = 2;

impl Read {
    /// Nothing is there, or nothing that can be had without a lock.
    pub const NOTHING: Self = Read(BAD);

    /// An object that needs no count while a frame holds it ([`mode::needs_no_count`]).
    #[inline(always)]
    pub fn borrowed(raw: *mut PyObject) -> Self {
        Read(raw.expose_provenance() | BORROWED)
    }

    /// An object with a reference of its own.
    #[inline(always)]
    pub fn counted(object: Ref<Object>) -> Self {
        Read(object.into_raw().expose_provenance())
    }

    /// As [`Read::counted`], but the place changed meanwhile: it is to be read in another way.
    #[inline(always)]
    fn stale(object: Ref<Object>) -> Self {
        Read(object.into_raw().expose_provenance() | BAD)
    }

    /// The word of a frame that takes over what was found; else the reference that is to be dropped, if there is one.
    #[inline(always)]
    pub fn into_word(self) -> Result<usize, Option<Ref<Object>>> {
        if self.0 & BAD == 0 {
            return Ok(self.0);
        }
        let raw = std::ptr::with_exposed_provenance_mut(self.0 & !BAD);
        // SAFETY: null, or the reference that was taken over.
        Err(unsafe { Ref::from_raw_opt(raw) })
    }

    /// A reference to what was found.
    ///
    /// # Safety
    /// [attached]; no safe point was passed since the read.
    #[inline(always)]
    pub unsafe fn into_ref(self) -> Option<Ref<Object>> {
        let word = self.into_word().ok()?;
        let raw: *mut PyObject = std::ptr::with_exposed_provenance_mut(word & !BORROWED);
        // SAFETY: by the contract; a word without the bit owns a count.
        unsafe {
            if word & BORROWED != 0 {
                mode::incref(raw);
            }
            Some(Ref::from_raw(raw))
        }
    }

    /// Takes an object that was read from a place, if that is `unchanged` after a reference was made.
    ///
    /// # Safety
    /// [attached] and [quiescent]: `raw` is null or still an object head.
    #[inline(always)]
    pub unsafe fn checked(raw: *mut PyObject, unchanged: impl FnOnce() -> bool) -> Self {
        if raw.is_null() {
            return Read::NOTHING;
        }
        // SAFETY: by the contract.
        unsafe {
            if mode::needs_no_count(raw) {
                return if !mode::FREE_THREADED || unchanged() { Read::borrowed(raw) } else { Read::NOTHING };
            }
            if !mode::FREE_THREADED {
                mode::incref(raw);
                return Read::counted(Ref::from_raw(raw));
            }
            if !mode::try_incref(raw) {
                return Read::NOTHING;
            }
            let object = Ref::from_raw(raw);
            if unchanged() { Read::counted(object) } else { Read::stale(object) }
        }
    }

    /// Reads a field that owns its object.
    ///
    /// # Safety
    /// [attached] and [quiescent]; the field owns a published reference, or null.
    #[inline(always)]
    pub unsafe fn of(cell: &Field<*mut PyObject>, unchanged: impl FnOnce() -> bool) -> Self {
        let load = || cell.load(std::sync::atomic::Ordering::Acquire);
        let raw = load();
        // SAFETY: by the contract.
        unsafe { Self::checked(raw, || load() == raw && unchanged()) }
    }
}

/// An owned, nullable reference that lives inside an object and may be replaced while other threads read it.
#[repr(transparent)]
pub struct Slot<T: Layout = Object>(Field<*mut PyObject>, PhantomData<Ref<T>>);

// SAFETY: all access is by atomic word operations; ownership follows [owned].
unsafe impl<T: Layout> Sync for Slot<T> {}
// SAFETY: as above.
unsafe impl<T: Layout> Send for Slot<T> {}

impl<T: Layout> Slot<T> {
    pub const NULL: Self = Slot(Field::new(ptr::null_mut()), PhantomData);

    #[inline]
    pub fn new(value: Option<Ref<T>>) -> Self {
        Slot(Field::new(value.map_or(ptr::null_mut(), Ref::into_raw)), PhantomData)
    }

    /// Views a raw object-pointer field of a `layout` struct as a slot.
    ///
    /// # Safety
    /// The field holds null or an owned reference to a `T`, for as long as the object lives.
    #[inline(always)]
    pub unsafe fn of(field: &Field<*mut PyObject>) -> &Self {
        // SAFETY: `repr(transparent)`.
        unsafe { &*ptr::from_ref(field).cast() }
    }

    /// A new reference to the present value. Lock-free: retries when another thread replaces it meanwhile.
    #[inline]
    pub fn get(&self) -> Option<Ref<T>> {
        // SAFETY: the slot owns what it points to; see `mode::load_ref`.
        unsafe { Ref::from_raw_opt(mode::load_ref(&self.0)) }
    }

    /// Reads the value once, for a word of a frame.
    #[inline(always)]
    pub fn read(&self) -> Read {
        // SAFETY: the slot owns what it points to.
        unsafe { Read::of(&self.0, || true) }
    }

    /// Borrows the present value.
    ///
    /// # Safety
    /// The value is not replaced while the borrow lives ([frozen] or [locked]).
    #[inline(always)]
    pub unsafe fn borrow(&self) -> Option<&T> {
        // SAFETY: by the contract.
        unsafe { self.0.get().cast::<T>().as_ref() }
    }

    #[inline(always)]
    pub fn is_null(&self) -> bool {
        self.0.get().is_null()
    }

    /// The raw pointer, borrowed; only its address may be relied on.
    #[inline(always)]
    pub fn raw(&self) -> *mut PyObject {
        self.0.get()
    }

    /// Stores `value` and returns what was there, for the caller to drop.
    #[inline]
    pub fn replace(&self, value: Option<Ref<T>>) -> Option<Ref<T>> {
        if let Some(value) = &value {
            // SAFETY: we own a reference to it.
            unsafe { mode::publish(value.as_ptr()) };
        }
        let raw = value.map_or(ptr::null_mut(), Ref::into_raw);
        let old = if !mode::is_alone() {
            self.0.swap(raw, std::sync::atomic::Ordering::AcqRel)
        } else {
            let old = self.0.get();
            self.0.set(raw);
            old
        };
        // SAFETY: the slot owned `old`.
        unsafe { Ref::from_raw_opt(old) }
    }

    #[inline]
    pub fn take(&self) -> Option<Ref<T>> {
        self.replace(None)
    }
}

impl<T: Layout> Drop for Slot<T> {
    fn drop(&mut self) {
        // SAFETY: the slot owns its value.
        drop(unsafe { Ref::<T>::from_raw_opt(self.0.get()) });
    }
}

/// What a `tp_traverse` slot calls for each object it owns.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    proc: visitproc,
    arg: *mut c_void,
    _scope: PhantomData<&'a ()>,
}

impl<'a> Visit<'a> {
    #[doc(hidden)]
    pub fn new(proc: visitproc, arg: *mut c_void) -> Self {
        Visit { proc, arg, _scope: PhantomData }
    }

    /// The C function and its argument, to hand on to another `tp_traverse`.
    pub fn as_raw(self) -> (visitproc, *mut c_void) {
        (self.proc, self.arg)
    }

    /// Visits one raw owned pointer; null is skipped. `Err` carries the visitor's stop value.
    #[inline]
    pub fn raw(self, object: *mut PyObject) -> Result<(), c_int> {
        if object.is_null() {
            return Ok(());
        }
        // SAFETY: the collector passes a visitor that accepts live objects; the caller owns `object`.
        match unsafe { (self.proc)(object, self.arg) } {
            0 => Ok(()),
            stop => Err(stop),
        }
    }

    #[inline]
    pub fn field(self, field: &Field<*mut PyObject>) -> Result<(), c_int> {
        self.raw(field.get())
    }

    #[inline]
    pub fn slot<T: Layout>(self, slot: &Slot<T>) -> Result<(), c_int> {
        self.raw(slot.raw())
    }
}
