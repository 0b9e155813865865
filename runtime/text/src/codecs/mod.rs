//! Kernels of the built-in codecs.
//!
//! A decoder reads `input` from `*at` on, appends to a [`Sink`] and moves `*at` past what it has used.
//! It returns a [`Problem`] where the error handler has to act: the caller appends the replacement,
//! sets `*at` to where the handler wants to go on, and calls again.
//! When it returns `Ok`, either all input is used or, if `last` is false, the rest is the beginning of
//! something that more input may complete.
//! An encoder works the same way from code units to bytes.

mod ascii;
mod escape;
pub mod handlers;
pub mod multibyte;
mod utf16;
mod utf7;
mod utf8;

pub use ascii::{EncodingMap, ascii_decode, charmap_decode, latin1_decode, narrow_encode};
pub use escape::{
    BytesEscape, InvalidEscape, OnBadHex, escape_decode, escape_encode, raw_unicode_escape_decode,
    raw_unicode_escape_encode, unicode_escape_decode, unicode_escape_encode,
};
pub use utf7::{utf7_decode, utf7_encode};
pub use utf8::{ascii_prefix, utf8_decode, utf8_encode};
pub use utf16::{Endian, utf16_bom, utf16_decode, utf16_encode, utf32_bom, utf32_decode, utf32_encode};

/// Input that a codec cannot handle: `input[start..end]` and the reason in the reference's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// `UnicodeError.reason`
    pub reason: &'static str,
}

impl Problem {
    fn new(start: usize, end: usize, reason: &'static str) -> Self {
        Problem { start, end, reason }
    }
}

/// Where decoded text goes.
pub trait Sink {
    /// Append a code point.
    fn push(&mut self, cp: u32);
    /// Append bytes that are code points below 256 each.
    fn push_latin1(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.push(b.into());
        }
    }
    /// Append code points below U+10000.
    fn push_ucs2(&mut self, units: &[u16]) {
        for &unit in units {
            self.push(unit.into());
        }
    }
    /// Append ASCII.
    fn push_ascii(&mut self, bytes: &[u8]) {
        self.push_latin1(bytes);
    }
    /// Append text.
    fn push_str(&mut self, text: &str) {
        for c in text.chars() {
            self.push(c.into());
        }
    }
    /// Make room for `more` code points, if that is worth it.
    fn reserve(&mut self, more: usize) {
        let _ = more;
    }
    /// Length so far.
    fn len(&self) -> usize;
    /// Whether nothing has come yet.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Drop all beyond `len`.
    fn truncate(&mut self, len: usize);
}

impl Sink for Vec<u32> {
    fn push(&mut self, cp: u32) {
        Vec::push(self, cp);
    }
    fn push_latin1(&mut self, bytes: &[u8]) {
        self.extend(bytes.iter().map(|&b| u32::from(b)));
    }
    fn reserve(&mut self, more: usize) {
        Vec::reserve(self, more);
    }
    fn len(&self) -> usize {
        Vec::len(self)
    }
    fn truncate(&mut self, len: usize) {
        Vec::truncate(self, len);
    }
}

/// Decoded text in the narrowest units that hold it, as Python's strings are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Units {
    /// All below U+0100.
    One(Vec<u8>),
    /// All below U+10000.
    Two(Vec<u16>),
    /// Any.
    Four(Vec<u32>),
}

impl Default for Units {
    fn default() -> Self {
        Units::One(Vec::new())
    }
}

impl Units {
    /// Empty text with room for `capacity` narrow characters.
    pub fn with_capacity(capacity: usize) -> Self {
        Units::One(Vec::with_capacity(capacity))
    }

    #[cold]
    fn widen(&mut self, cp: u32) {
        self.widen_to(cp);
        self.push(cp);
    }

    /// Make the units wide enough for `cp`.
    fn widen_to(&mut self, cp: u32) {
        fn wide<T: Copy, U: From<T>>(v: &Vec<T>) -> Vec<U> {
            let mut out = Vec::with_capacity(v.capacity());
            out.extend(v.iter().map(|&u| U::from(u)));
            out
        }
        match self {
            Units::One(v) if (0x100..0x10000).contains(&cp) => *self = Units::Two(wide(v)),
            Units::One(v) if cp >= 0x10000 => *self = Units::Four(wide(v)),
            Units::Two(v) if cp >= 0x10000 => *self = Units::Four(wide(v)),
            _ => {}
        }
    }

    /// The code points.
    pub fn to_code_points(&self) -> Vec<u32> {
        match self {
            Units::One(v) => v.iter().map(|&u| u.into()).collect(),
            Units::Two(v) => v.iter().map(|&u| u.into()).collect(),
            Units::Four(v) => v.clone(),
        }
    }
}

impl Sink for Units {
    #[inline]
    fn push(&mut self, cp: u32) {
        match self {
            Units::One(v) if cp < 0x100 => v.push(cp as u8),
            Units::Two(v) if cp < 0x10000 => v.push(cp as u16),
            Units::Four(v) => v.push(cp),
            _ => self.widen(cp),
        }
    }
    fn push_latin1(&mut self, bytes: &[u8]) {
        match self {
            Units::One(v) => v.extend_from_slice(bytes),
            Units::Two(v) => v.extend(bytes.iter().map(|&b| u16::from(b))),
            Units::Four(v) => v.extend(bytes.iter().map(|&b| u32::from(b))),
        }
    }
    fn push_str(&mut self, text: &str) {
        // The largest lead byte tells the largest code point.
        match text.bytes().fold(0, u8::max) {
            0xF0.. => self.widen_to(0x10000),
            0xC4.. => self.widen_to(0x100),
            _ => {}
        }
        /// Append `count` units; a slice of known length has no capacity to check for each.
        fn fill<T: Copy + Default + From<u8>>(v: &mut Vec<T>, text: &str, count: usize, unit: impl Fn(char) -> T) {
            let len = v.len();
            v.resize(len + count, T::default());
            let mut slots = &mut v[len..];
            let mut chars = text.chars();
            loop {
                let rest = chars.as_str();
                // Long runs of ASCII need no decoding.
                let ascii = if rest.as_bytes().first_chunk::<16>().is_some_and(|c| c.is_ascii()) {
                    ascii_prefix(rest.as_bytes())
                } else {
                    0
                };
                for (slot, &b) in slots.iter_mut().zip(&rest.as_bytes()[..ascii]) {
                    *slot = T::from(b);
                }
                slots = &mut slots[ascii..];
                chars = rest[ascii..].chars();
                let step = slots.len().min(16);
                for (slot, c) in slots[..step].iter_mut().zip(&mut chars) {
                    *slot = unit(c);
                }
                slots = &mut slots[step..];
                if slots.is_empty() {
                    break;
                }
            }
        }
        let count = text.chars().count();
        match self {
            Units::One(v) => fill(v, text, count, |c| c as u8),
            Units::Two(v) => fill(v, text, count, |c| c as u16),
            Units::Four(v) => fill(v, text, count, u32::from),
        }
    }
    fn reserve(&mut self, more: usize) {
        match self {
            Units::One(v) => v.reserve(more),
            Units::Two(v) => v.reserve(more),
            Units::Four(v) => v.reserve(more),
        }
    }
    fn len(&self) -> usize {
        match self {
            Units::One(v) => v.len(),
            Units::Two(v) => v.len(),
            Units::Four(v) => v.len(),
        }
    }
    fn truncate(&mut self, len: usize) {
        match self {
            Units::One(v) => v.truncate(len),
            Units::Two(v) => v.truncate(len),
            Units::Four(v) => v.truncate(len),
        }
    }
}

/// A code unit of text to encode.
pub trait Unit: Copy + Into<u32> {}
impl<T: Copy + Into<u32>> Unit for T {}

#[inline(always)]
fn is_surrogate(cp: u32) -> bool {
    (0xD800..0xE000).contains(&cp)
}

const SURROGATES: &str = "surrogates not allowed";
