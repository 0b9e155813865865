//! Strings in their three forms, and the packed state word.

use crate::prelude::*;

pub type PyUnicode_Kind = c_int;

/// Private string builder of older extensions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct _PyUnicodeWriter {
    pub buffer: *mut PyObject,
    pub data: *mut c_void,
    pub kind: c_int,
    pub maxchar: Py_UCS4,
    pub size: Py_ssize_t,
    pub pos: Py_ssize_t,
    pub min_length: Py_ssize_t,
    pub min_char: Py_UCS4,
    pub overallocate: u8,
    pub readonly: u8,
}

zeroed!(_PyUnicodeWriter);

/// Head of every string; the whole header of a compact ASCII one, whose data follows.
#[repr(C)]
pub struct PyASCIIObject {
    pub ob_base: PyObject,
    pub length: Field<Py_ssize_t>,
    pub hash: Field<Py_hash_t>,
    pub state: Field<UnicodeState>,
}

zeroed!(PyASCIIObject);

/// Header of a compact string beyond ASCII; the data follows.
#[repr(C)]
pub struct PyCompactUnicodeObject {
    pub _base: PyASCIIObject,
    pub utf8_length: Field<Py_ssize_t>,
    pub utf8: Field<*mut c_char>,
}

zeroed!(PyCompactUnicodeObject);

/// A string whose data is allocated apart.
#[repr(C)]
pub struct PyUnicodeObject {
    pub _base: PyCompactUnicodeObject,
    pub data: Field<*mut c_void>,
}

zeroed!(PyUnicodeObject);

opaque!(
    /// Opaque here; its layout belongs to the object crate.
    PyUnicodeWriter
);

/// The packed state of a string: interning, kind, and three flags.
///
/// In `nogil` the interning state has a byte of its own, so the shifts come from the mode.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnicodeState(pub u32);

/// The name C gives the state struct.
pub type _PyUnicodeObject_state = UnicodeState;

impl UnicodeState {
    pub const INTERNED_SHIFT: u32 = 0;
    pub const INTERNED_WIDTH: u32 = crate::mode::UNICODE_INTERNED_WIDTH;
    pub const KIND_SHIFT: u32 = crate::mode::UNICODE_KIND_SHIFT;
    pub const KIND_WIDTH: u32 = 3;
    pub const COMPACT_SHIFT: u32 = Self::KIND_SHIFT + 3;
    pub const COMPACT_WIDTH: u32 = 1;
    pub const ASCII_SHIFT: u32 = Self::KIND_SHIFT + 4;
    pub const ASCII_WIDTH: u32 = 1;
    pub const STATICALLY_ALLOCATED_SHIFT: u32 = Self::KIND_SHIFT + 5;
    pub const STATICALLY_ALLOCATED_WIDTH: u32 = 1;

    /// The zero state: no kind yet, nothing set.
    pub const EMPTY: Self = Self(0);

    const fn bits(self, shift: u32, width: u32) -> u32 {
        (self.0 >> shift) & ((1 << width) - 1)
    }

    const fn with_bits(self, shift: u32, width: u32, value: u32) -> Self {
        let mask = ((1 << width) - 1) << shift;
        Self((self.0 & !mask) | ((value << shift) & mask))
    }

    /// A state that is not interned and not static.
    pub const fn new(kind: u32, compact: bool, ascii: bool) -> Self {
        Self::EMPTY.with_kind(kind).with_compact(compact).with_ascii(ascii)
    }

    /// One of the `SSTATE_*` values.
    pub const fn interned(self) -> u32 {
        self.bits(Self::INTERNED_SHIFT, Self::INTERNED_WIDTH)
    }

    /// Bytes per character: 1, 2 or 4.
    pub const fn kind(self) -> u32 {
        self.bits(Self::KIND_SHIFT, Self::KIND_WIDTH)
    }

    /// Whether the data follows the header.
    pub const fn compact(self) -> bool {
        self.bits(Self::COMPACT_SHIFT, 1) != 0
    }

    /// Whether all characters are below U+0080.
    pub const fn ascii(self) -> bool {
        self.bits(Self::ASCII_SHIFT, 1) != 0
    }

    /// Whether the string is static data and never freed.
    pub const fn statically_allocated(self) -> bool {
        self.bits(Self::STATICALLY_ALLOCATED_SHIFT, 1) != 0
    }

    /// The state with another `SSTATE_*` value.
    #[must_use]
    pub const fn with_interned(self, value: u32) -> Self {
        self.with_bits(Self::INTERNED_SHIFT, Self::INTERNED_WIDTH, value)
    }

    /// The state with another kind.
    #[must_use]
    pub const fn with_kind(self, value: u32) -> Self {
        self.with_bits(Self::KIND_SHIFT, Self::KIND_WIDTH, value)
    }

    /// The state with the compact flag set or cleared.
    #[must_use]
    pub const fn with_compact(self, value: bool) -> Self {
        self.with_bits(Self::COMPACT_SHIFT, 1, value as u32)
    }

    /// The state with the ASCII flag set or cleared.
    #[must_use]
    pub const fn with_ascii(self, value: bool) -> Self {
        self.with_bits(Self::ASCII_SHIFT, 1, value as u32)
    }

    /// The state with the static flag set or cleared.
    #[must_use]
    pub const fn with_statically_allocated(self, value: bool) -> Self {
        self.with_bits(Self::STATICALLY_ALLOCATED_SHIFT, 1, value as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_state_do_not_overlap() {
        let state = UnicodeState::new(4, true, false).with_interned(3).with_statically_allocated(true);
        assert_eq!((state.interned(), state.kind(), state.compact()), (3, 4, true));
        assert!(!state.ascii() && state.statically_allocated());
        let state = state.with_kind(1).with_ascii(true).with_interned(0).with_statically_allocated(false);
        assert_eq!(state, UnicodeState::new(1, true, true));
    }
}
