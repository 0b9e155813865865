//! The empty string and the 256 strings of one Latin-1 character: static, immortal, interned.
use super::{PyUnicode_Type, Str};
use crate::layout::{
    Field, PyASCIIObject, PyCompactUnicodeObject, PyObject, SSTATE_INTERNED_IMMORTAL_STATIC, UnicodeState,
};
use std::ptr;

#[repr(C)]
struct AsciiChar {
    head: PyASCIIObject,
    data: [u8; 2],
}

#[repr(C)]
struct Latin1Char {
    head: PyCompactUnicodeObject,
    data: [u8; 2],
    /// The UTF-8 form: two bytes and a NUL.
    utf8: [u8; 3],
}

struct Statics {
    empty: AsciiChar,
    ascii: [AsciiChar; 128],
    latin1: [Latin1Char; 128],
}

// SAFETY: [immortal]: only the hash caches are written, atomically.
unsafe impl Sync for Statics {}

#[allow(clippy::declare_interior_mutable_const)]
const fn header(length: isize, ascii: bool) -> PyASCIIObject {
    PyASCIIObject {
        ob_base: PyObject::immortal((&raw const PyUnicode_Type).cast_mut()),
        length: Field::new(length),
        hash: Field::new(if length == 0 { 0 } else { -1 }),
        state: Field::new(
            UnicodeState::new(1, true, ascii)
                .with_interned(SSTATE_INTERNED_IMMORTAL_STATIC as u32)
                .with_statically_allocated(true),
        ),
    }
}

const fn utf8_of(index: usize) -> *mut std::ffi::c_char {
    // SAFETY: `index` is below 128, so the address is inside the static.
    unsafe {
        (&raw const STATICS.latin1).cast::<Latin1Char>().add(index).byte_add(std::mem::offset_of!(Latin1Char, utf8))
    }
    .cast_mut()
    .cast()
}

static STATICS: Statics = {
    #[allow(clippy::declare_interior_mutable_const)]
    const EMPTY: AsciiChar = AsciiChar { head: header(0, true), data: [0; 2] };
    #[allow(clippy::declare_interior_mutable_const)]
    const WIDE: Latin1Char = Latin1Char {
        head: PyCompactUnicodeObject {
            _base: header(1, false),
            utf8_length: Field::new(2),
            utf8: Field::new(ptr::null_mut()),
        },
        data: [0; 2],
        utf8: [0; 3],
    };
    let mut ascii = [const { EMPTY }; 128];
    let mut latin1 = [const { WIDE }; 128];
    let mut at = 0;
    while at < 128 {
        ascii[at].head = header(1, true);
        ascii[at].data[0] = at as u8;
        let point = 128 + at;
        latin1[at].data[0] = point as u8;
        latin1[at].utf8 = [0xC0 | (point >> 6) as u8, 0x80 | (point & 0x3F) as u8, 0];
        latin1[at].head.utf8 = Field::new(utf8_of(at));
        at += 1;
    }
    Statics { empty: EMPTY, ascii, latin1 }
};

/// The empty string.
#[inline(always)]
pub(super) fn empty() -> &'static Str {
    // SAFETY: [layout]: `Str` is transparent over the header.
    unsafe { &*ptr::from_ref(&STATICS.empty).cast() }
}

/// The string of one character below 256.
#[inline(always)]
pub(super) fn latin1_char(byte: u8) -> &'static Str {
    let at = (byte & 0x7F) as usize;
    // SAFETY: [layout], as above.
    unsafe {
        if byte < 128 {
            &*ptr::from_ref(&STATICS.ascii[at]).cast()
        } else {
            &*ptr::from_ref(&STATICS.latin1[at]).cast()
        }
    }
}
