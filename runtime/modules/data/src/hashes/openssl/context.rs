//! What hashes and keyed hashes under way have in common.
use super::super::{digest_input, in_background};
use super::{MAX_SIZE, Ptr, failed, name_of, sizes_of};
use krait_object::native::{State, Trace};
use krait_object::{Attached, Object, PyResult};
use std::ffi::{c_int, c_uchar, c_uint};
use std::marker::PhantomData;

/// The library's functions on one kind of state.
///
/// # Safety
/// The functions are those of the kind: states that `make` gave are good for all of them.
pub unsafe trait Kind: 'static {
    fn make() -> unsafe extern "C" fn() -> Ptr;
    fn free() -> unsafe extern "C" fn(Ptr);
    fn copy() -> unsafe extern "C" fn(Ptr, Ptr) -> c_int;
    fn update() -> unsafe extern "C" fn(Ptr, *const u8, usize) -> c_int;
    fn finish() -> unsafe extern "C" fn(Ptr, *mut c_uchar, *mut c_uint) -> c_int;
    /// The hash function that a state computes, borrowed.
    fn function() -> unsafe extern "C" fn(Ptr) -> Ptr;
}

/// The library's state of a hash.
pub struct Context<K: Kind>(Ptr, PhantomData<K>);

// SAFETY: one thread at a time uses it, under the lock of its object.
unsafe impl<K: Kind> Send for Context<K> {}
impl<K: Kind> Trace for Context<K> {}

impl<K: Kind> Drop for Context<K> {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { K::free()(self.0) };
    }
}

impl<K: Kind> Context<K> {
    /// A state that `begin` makes ready; it says 1 when it could.
    pub fn new(begin: impl FnOnce(Ptr) -> c_int) -> Option<Self> {
        // SAFETY: no precondition.
        let raw = unsafe { K::make()() };
        let this = (!raw.is_null()).then_some(Context(raw, PhantomData))?;
        (begin(raw) == 1).then_some(this)
    }

    pub fn raw(&self) -> Ptr {
        self.0
    }

    fn duplicate(&self) -> Option<Self> {
        // SAFETY: live states.
        Self::new(|raw| unsafe { K::copy()(raw, self.0) })
    }

    fn update(&mut self, data: &[u8]) -> bool {
        // SAFETY: a live state; as many bytes as stated.
        unsafe { K::update()(self.0, data.as_ptr(), data.len()) == 1 }
    }

    /// Adds data.
    pub fn add(&mut self, py: Attached<'_>, data: &[u8]) -> PyResult<()> {
        absorb(py, data, |data| self.update(data))
    }

    fn finish(self) -> Option<Vec<u8>> {
        let (mut out, mut size) = (vec![0; MAX_SIZE], 0);
        // SAFETY: a live state; room for the longest digest.
        let done = unsafe { K::finish()(self.0, out.as_mut_ptr(), &mut size) };
        out.truncate(size as usize);
        (done == 1).then_some(out)
    }
}

/// Hands data to `update`, detached when there is much of it.
fn absorb(py: Attached<'_>, data: &[u8], update: impl FnOnce(&[u8]) -> bool) -> PyResult<()> {
    let mut done = true;
    in_background(data, |data| done = update(data));
    if done { Ok(()) } else { Err(failed(py)) }
}

/// What the objects do with the state that they keep.
pub trait Running {
    type Kind: Kind;

    fn state(&self) -> &State<Context<Self::Kind>>;

    /// The name of the hash function.
    fn hash_name(&self) -> String {
        let state = self.state().lock();
        // SAFETY: the state keeps its function.
        unsafe { name_of(Self::Kind::function()(state.raw())) }
    }

    /// Lengths of digest and block.
    fn sizes(&self) -> (c_int, c_int) {
        let state = self.state().lock();
        // SAFETY: the state keeps its function.
        unsafe { sizes_of(Self::Kind::function()(state.raw())) }
    }

    /// Adds what an object gives. The state is locked behind the detaching, not around it.
    fn add(&self, py: Attached<'_>, data: &Object) -> PyResult<()> {
        absorb(py, digest_input(py, data)?.as_slice(), |data| self.state().lock().update(data))
    }

    fn duplicate(&self, py: Attached<'_>) -> PyResult<Context<Self::Kind>> {
        let copy = self.state().lock().duplicate();
        copy.ok_or_else(|| failed(py))
    }

    fn finish(&self, py: Attached<'_>) -> PyResult<Vec<u8>> {
        self.duplicate(py)?.finish().ok_or_else(|| failed(py))
    }
}
