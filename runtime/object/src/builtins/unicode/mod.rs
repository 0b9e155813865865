//! `str`: immutable text in the storage kinds of PEP 393.
//!
//! A string has the narrowest kind that holds its largest character, except while a C extension fills it.
//! Exact strings are compact (the characters follow the header); instances of subclasses keep them in a block of
//! their own. The UTF-8 form and the hash are caches that any thread may fill: both are published whole.
mod base;
mod builder;
mod intern;
mod predicates;
mod search;
mod statics;
mod transform;

pub use builder::StrBuilder;

use crate::handle::{Attached, Ref};
use crate::layout::PyASCIIObject;
use crate::pytype;
use crate::{Object, PyResult};
use std::ptr::NonNull;

/// A string of code points in one of three kinds.
#[repr(transparent)]
pub struct Str(pub(crate) PyASCIIObject);

pytype! {
    #[unsafe(no_mangle)]
    pub static PyUnicode_Type: "str" for Str {
        base: Object,
        flags: [BASETYPE, UNICODE_SUBCLASS, MATCH_SELF],
        fast: UNICODE_SUBCLASS,
        basicsize: size_of::<PyUnicodeObject>() as isize,
        slots: {
            tp_dealloc = Str::dealloc,
        },
    }
}

/// The characters of a string in their storage kind. `Ascii` and `Latin1` are one byte a character.
#[derive(Clone, Copy)]
pub enum StrData<'a> {
    Ascii(&'a [u8]),
    Latin1(&'a [u8]),
    Ucs2(&'a [u16]),
    Ucs4(&'a [u32]),
}

impl StrData<'_> {
    /// The memory of the characters.
    pub fn as_bytes(&self) -> &[u8] {
        match *self {
            StrData::Ascii(units) | StrData::Latin1(units) => units,
            // SAFETY: any initialised memory can be read as bytes.
            StrData::Ucs2(units) => unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), units.len() * 2) },
            // SAFETY: as above.
            StrData::Ucs4(units) => unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), units.len() * 4) },
        }
    }
}

impl Str {
    /// # Safety
    /// As a `tp_dealloc`: the last reference is gone.
    unsafe fn dealloc(_py: Attached<'_>, this: NonNull<Str>) {
        // SAFETY: by the contract.
        unsafe {
            this.as_ref().free_blocks();
            crate::mem::free_instance(this.cast());
        }
    }

    /// The string itself when it is an exact `str`, else an exact copy.
    pub fn to_exact(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        use crate::Layout;
        if std::ptr::eq(self.as_object().ty(), Str::type_object()) {
            return Ok(self.to_ref());
        }
        self.copy_exact(py)
    }
}

impl std::fmt::Display for Str {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}
