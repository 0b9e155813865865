//! References on the evaluation stack and in fast locals.
//!
//! A [`StackRef`] is one word: an object pointer, whose lowest bit says that no reference count is owned (the object
//! is kept alive by a local variable further down, by the code's constants, by a caller or because it is immortal),
//! or a small tagged integer. The word with only the tag bit set stands for "nothing".
use krait_object::layout::{_PyStackRef, Py_INT_TAG, Py_TAG_REFCNT, PyObject};
use krait_object::{Layout, Object, Ref, mode};

/// One word of the evaluation stack.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct StackRef(pub usize);

impl StackRef {
    pub const NULL: Self = StackRef(Py_TAG_REFCNT);

    /// Takes over a reference.
    #[inline(always)]
    pub fn owned<T: Layout>(object: Ref<T>) -> Self {
        StackRef(object.into_raw().addr())
    }

    /// Refers to an object that something else keeps alive for as long as this word is in use.
    #[inline(always)]
    pub fn borrowed(object: *mut PyObject) -> Self {
        StackRef(object.expose_provenance() | Py_TAG_REFCNT)
    }

    #[inline(always)]
    pub fn from_layout(word: _PyStackRef) -> Self {
        StackRef(word.bits)
    }

    #[inline(always)]
    pub fn to_layout(self) -> _PyStackRef {
        _PyStackRef { bits: self.0 }
    }

    /// A tagged integer.
    #[inline(always)]
    pub fn int(value: usize) -> Self {
        StackRef(value << 2 | Py_INT_TAG)
    }

    #[inline(always)]
    pub fn is_int(self) -> bool {
        self.0 & Py_INT_TAG == Py_INT_TAG
    }

    #[inline(always)]
    pub fn to_int(self) -> usize {
        self.0 >> 2
    }

    #[inline(always)]
    pub fn is_null(self) -> bool {
        self.0 == Py_TAG_REFCNT
    }

    /// Whether no count is owned.
    #[inline(always)]
    pub fn is_borrowed(self) -> bool {
        self.0 & Py_TAG_REFCNT != 0
    }

    #[inline(always)]
    pub fn as_ptr(self) -> *mut PyObject {
        std::ptr::with_exposed_provenance_mut(self.0 & !Py_TAG_REFCNT)
    }

    /// The object.
    ///
    /// # Safety
    /// Not null and not a tagged integer; the word stays in use, so the object alive, for `'a` ([owned]).
    #[inline(always)]
    pub unsafe fn object<'a>(self) -> &'a Object {
        let raw = self.as_ptr();
        // SAFETY: by the contract. Said aloud, since the optimiser does not see it behind the bits.
        unsafe {
            std::hint::assert_unchecked(!raw.is_null());
            Object::from_ptr(raw)
        }
    }

    /// The same word, known not to own.
    #[inline(always)]
    pub fn borrow(self) -> Self {
        StackRef(self.0 | Py_TAG_REFCNT)
    }

    /// Gives up the word for a reference.
    ///
    /// # Safety
    /// Not null and not a tagged integer; the word is not used afterwards.
    #[inline(always)]
    pub unsafe fn into_ref(self) -> Ref<Object> {
        let raw = self.as_ptr();
        if self.is_borrowed() {
            // SAFETY: the object is alive.
            unsafe { mode::incref(raw) };
        }
        // SAFETY: the word owned a count, or one was just made.
        unsafe { Ref::from_raw(raw) }
    }

    /// A new reference to the object.
    ///
    /// # Safety
    /// As [`StackRef::object`].
    #[inline(always)]
    pub unsafe fn to_ref(self) -> Ref<Object> {
        // SAFETY: by the contract.
        unsafe { self.object() }.to_ref()
    }

    /// The word as one that owns its object; null and integers stay as they are.
    #[inline(always)]
    pub fn into_owned(self) -> Self {
        if !self.is_borrowed() || self.is_null() || self.is_int() {
            return self;
        }
        // SAFETY: not null, so the object is alive.
        unsafe { mode::incref(self.as_ptr()) };
        StackRef(self.0 & !Py_TAG_REFCNT)
    }

    /// A second word for the same object, owning a count unless the object needs none.
    #[inline(always)]
    pub fn duplicate(self) -> Self {
        if self.is_int() || self.is_null() {
            return self;
        }
        // SAFETY: the object is alive.
        unsafe { mode::incref(self.as_ptr()) };
        StackRef(self.0 & !Py_TAG_REFCNT)
    }

    /// Gives up what the word owns. The word is not used afterwards.
    #[inline(always)]
    pub fn close(self) {
        if !self.is_borrowed() {
            // SAFETY: the word owned one count.
            unsafe { mode::decref(self.as_ptr()) };
        }
    }
}
