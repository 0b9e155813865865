//! `bytes`: immutable bytes, followed by a NUL.
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{Field, PyBytesObject, PyObject, PyVarObject};
use crate::{Object, PyResult, mem, pytype};
use std::mem::offset_of;
use std::ptr;

/// Immutable bytes.
#[repr(transparent)]
pub struct Bytes(pub(crate) PyBytesObject);

/// Bytes of the header and the closing NUL.
const HEADER: usize = offset_of!(PyBytesObject, ob_sval) + 1;

pytype! {
    #[unsafe(no_mangle)]
    pub static PyBytes_Type: "bytes" for Bytes {
        base: Object,
        flags: [BASETYPE, BYTES_SUBCLASS, MATCH_SELF],
        fast: BYTES_SUBCLASS,
        basicsize: HEADER as isize,
        itemsize: 1,
    }
}

#[repr(C)]
struct StaticBytes {
    ob_base: PyVarObject,
    ob_shash: Field<isize>,
    data: [u8; 8],
}

/// The empty bytes object, then those of one byte.
static STATICS: [StaticBytes; 257] = {
    let mut all = [const {
        StaticBytes {
            ob_base: PyVarObject::immortal((&raw const PyBytes_Type).cast_mut(), 1),
            ob_shash: Field::new(-1),
            data: [0; 8],
        }
    }; 257];
    all[256].ob_base = PyVarObject::immortal((&raw const PyBytes_Type).cast_mut(), 0);
    let mut at = 0;
    while at < 256 {
        all[at].data[0] = at as u8;
        at += 1;
    }
    all
};

impl Bytes {
    #[inline(always)]
    pub fn raw(&self) -> &PyBytesObject {
        &self.0
    }

    /// The empty object.
    #[inline]
    pub fn empty() -> Ref<Bytes> {
        Self::static_at(256).to_ref()
    }

    /// The immortal object of one byte.
    #[inline]
    pub fn one(byte: u8) -> &'static Bytes {
        Self::static_at(byte as usize)
    }

    fn static_at(at: usize) -> &'static Bytes {
        // SAFETY: [layout]: the static has the layout of a bytes object with up to seven bytes.
        unsafe { &*ptr::from_ref(&STATICS[at]).cast() }
    }

    /// A fresh exact object of `len` zero bytes, for the caller to fill before anyone else sees it.
    pub fn alloc(py: Attached<'_>, len: usize) -> PyResult<Ref<Bytes>> {
        if len == 0 {
            return Ok(Self::empty());
        }
        if len > isize::MAX as usize - HEADER {
            return Err(crate::raise!(py, OverflowError, "byte string is too large"));
        }
        let raw = mem::alloc_sized(py, Self::type_object(), HEADER + len)?;
        // SAFETY: [layout]: fresh zeroed memory of an exact object, large enough for header, bytes and NUL.
        let bytes = unsafe { Ref::<Bytes>::from_raw(raw.as_ptr()) };
        bytes.0.ob_base.ob_size.set(len as isize);
        bytes.0.ob_shash.set(-1);
        Ok(bytes)
    }

    /// The content of an object under construction.
    ///
    /// # Safety
    /// The caller has the only reference.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn as_mut_slice(&self) -> &mut [u8] {
        // SAFETY: [exact-size], and the caller is the only user.
        unsafe { std::slice::from_raw_parts_mut(self.data_ptr(), self.len()) }
    }

    pub fn new(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Bytes>> {
        if let [byte] = bytes {
            return Ok(Self::one(*byte).to_ref());
        }
        let new = Self::alloc(py, bytes.len())?;
        if !bytes.is_empty() {
            // SAFETY: fresh.
            unsafe { new.as_mut_slice() }.copy_from_slice(bytes);
        }
        Ok(new)
    }

    /// The address of the first byte.
    #[inline(always)]
    pub fn data_ptr(&self) -> *mut u8 {
        // SAFETY: [layout]: the bytes begin there.
        unsafe { ptr::from_ref(self).cast_mut().cast::<u8>().add(offset_of!(PyBytesObject, ob_sval)) }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.ob_base.ob_size.get() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: [exact-size] and [frozen].
        unsafe { std::slice::from_raw_parts(self.data_ptr(), self.len()) }
    }

    /// The (cached) hash.
    pub fn hash_value(&self) -> isize {
        match self.0.ob_shash.get() {
            -1 => {
                let hash = crate::hash::hash_bytes(self.as_slice());
                self.0.ob_shash.set(hash);
                hash
            }
            hash => hash,
        }
    }
}

const _: () = assert!(size_of::<StaticBytes>() >= HEADER + 1 && offset_of!(StaticBytes, data) == HEADER - 1);
const _: () = assert!(size_of::<PyObject>() <= HEADER);
