//! `str`.
use crate::handle::{Attached, Ref};
use crate::layout::PyASCIIObject;
use crate::{Object, PyResult};

/// A string of code points in one of three kinds.
#[repr(transparent)]
pub struct Str(pub(crate) PyASCIIObject);

pytype_stub!(PyUnicode_Type: Str);

impl Str {
    #[inline(always)]
    pub fn raw(&self) -> &PyASCIIObject {
        &self.0
    }

    pub fn new(py: Attached<'_>, text: &str) -> PyResult<Ref<Str>> {
        let _ = (py, text);
        todo!()
    }
    /// From Latin-1 bytes (code points 0 to 255).
    pub fn from_latin1(py: Attached<'_>, text: &[u8]) -> PyResult<Ref<Str>> {
        let _ = (py, text);
        todo!()
    }
    /// From code points, lone surrogates included; the narrowest kind is chosen.
    pub fn from_code_points(py: Attached<'_>, points: &[u32]) -> PyResult<Ref<Str>> {
        let _ = (py, points);
        todo!()
    }
    /// The interned string equal to a literal; immortal.
    pub fn intern_static(py: Attached<'_>, text: &str) -> &'static Str {
        let _ = (py, text);
        todo!()
    }
    /// The interned, immortal string equal to `self` (`sys.intern`).
    pub fn intern(py: Attached<'_>, text: Ref<Str>) -> &'static Str {
        let _ = (py, text);
        todo!()
    }
    pub fn is_interned(&self) -> bool {
        todo!()
    }
    /// Length in code points.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.0.length.get() as usize
    }
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The characters in their storage kind.
    #[inline]
    pub fn data(&self) -> StrData<'_> {
        todo!()
    }
    pub fn char_at(&self, index: usize) -> u32 {
        let _ = index;
        todo!()
    }
    /// The text as `&str` without conversion: ASCII strings and those with a cached UTF-8 form.
    pub fn as_str(&self) -> Option<&str> {
        todo!()
    }
    /// UTF-8, cached in the object; `UnicodeEncodeError` for surrogates.
    pub fn to_utf8(&self, py: Attached<'_>) -> PyResult<&str> {
        let _ = py;
        todo!()
    }
    /// For messages and paths: lone surrogates become U+FFFD.
    pub fn to_string_lossy(&self) -> std::borrow::Cow<'_, str> {
        todo!()
    }
    /// Equality with a literal.
    pub fn eq_str(&self, text: &str) -> bool {
        let _ = text;
        todo!()
    }
    /// Equality of two strings, without Python code.
    pub fn eq(&self, other: &Str) -> bool {
        let _ = other;
        todo!()
    }
    /// The (cached) hash.
    #[inline]
    pub fn hash(&self) -> isize {
        todo!()
    }
    /// UTF-8 decoding with `surrogateescape`, as for file names (`os.fsdecode`).
    pub fn from_fs_bytes(py: Attached<'_>, bytes: &[u8]) -> PyResult<Ref<Str>> {
        let _ = (py, bytes);
        todo!()
    }
    /// UTF-8 encoding with `surrogateescape` (`os.fsencode`).
    pub fn to_fs_bytes(&self, py: Attached<'_>) -> PyResult<Vec<u8>> {
        let _ = py;
        todo!()
    }
}
impl std::fmt::Display for Str {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_string_lossy())
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
