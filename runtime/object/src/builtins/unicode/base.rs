//! Creation, access, hash and equality of strings.
use super::{Str, StrData, statics};
use crate::builtins::codecs::encode_error;
use crate::builtins::stringlib::Unit;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::{PyASCIIObject, PyCompactUnicodeObject, PyUnicodeObject, UnicodeState};
use crate::{PyResult, mem, mode, raise};
use std::alloc;
use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// Runs `$body` with `$units` bound to the characters as `&[u8]`, `&[u16]` or `&[u32]`.
#[macro_export]
macro_rules! with_units {
    ($text:expr, |$units:ident| $body:expr) => {
        match $text.data() {
            $crate::StrData::Ascii($units) | $crate::StrData::Latin1($units) => $body,
            $crate::StrData::Ucs2($units) => $body,
            $crate::StrData::Ucs4($units) => $body,
        }
    };
}

/// The bitwise "or" of all units: bounds the largest character well enough to choose a kind.
#[inline]
pub(super) fn or_all<T: Unit>(units: &[T]) -> u32 {
    units.iter().fold(0, |all, unit| all | unit.to_u32())
}

/// The largest character, or at least one of the same class.
pub(super) fn max_char<T: Unit>(units: &[T]) -> u32 {
    match T::as_bytes(units) {
        Some(bytes) if bytes.is_ascii() => 0x7F,
        Some(_) => 0xFF,
        None => or_all(units),
    }
}

/// Bytes per character for a largest character.
#[inline]
pub fn kind_for(max: u32) -> usize {
    match max {
        0..=0xFF => 1,
        0x100..=0xFFFF => 2,
        _ => 4,
    }
}

/// Copies `count` bytes. Up to 16 take two words that may overlap, which is faster than a call of `memcpy`.
///
/// # Safety
/// As [`ptr::copy_nonoverlapping`].
#[inline(always)]
unsafe fn copy_bytes(from: *const u8, to: *mut u8, count: usize) {
    // SAFETY: [caller]; each word lies inside the `count` bytes.
    unsafe {
        macro_rules! two {
            ($word:ty) => {{
                let last = count - size_of::<$word>();
                let (head, tail) =
                    (from.cast::<$word>().read_unaligned(), from.add(last).cast::<$word>().read_unaligned());
                to.cast::<$word>().write_unaligned(head);
                to.add(last).cast::<$word>().write_unaligned(tail);
            }};
        }
        match count {
            0 => {}
            1 => *to = *from,
            2..=3 => two!(u16),
            4..=7 => two!(u32),
            8..=16 => two!(u64),
            _ => ptr::copy_nonoverlapping(from, to, count),
        }
    }
}

/// Copies characters, which all fit the target.
#[inline]
pub(super) fn copy_units<S: Unit, D: Unit>(from: &[S], to: &mut [D]) {
    if S::SIZE == D::SIZE {
        let len = from.len().min(to.len());
        // SAFETY: units of one size are the same type, and both slices have `len` of them.
        return unsafe { copy_bytes(from.as_ptr().cast(), to.as_mut_ptr().cast(), len * S::SIZE) };
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = D::truncate(from.to_u32());
    }
}

impl Str {
    #[inline(always)]
    pub fn raw(&self) -> &PyASCIIObject {
        &self.0
    }

    /// The empty string.
    #[inline]
    pub fn empty() -> Ref<Str> {
        statics::empty().to_ref()
    }

    /// The empty string, borrowed.
    #[inline]
    pub fn empty_static() -> &'static Str {
        statics::empty()
    }

    /// The immortal string of one character below 256.
    #[inline]
    pub fn latin1_char(byte: u8) -> &'static Str {
        statics::latin1_char(byte)
    }

    /// A string of one character.
    #[inline]
    pub fn from_char(py: Attached<'_>, point: u32) -> PyResult<Ref<Str>> {
        match u8::try_from(point) {
            Ok(byte) => Ok(statics::latin1_char(byte).to_ref()),
            Err(_) => Self::from_units_max(py, &[point], point),
        }
    }

    /// A fresh exact string of `len` characters, all zero, that can hold characters up to `max` (`PyUnicode_New`).
    ///
    /// The caller fills it before anyone else sees it. An empty string is the shared one.
    ///
    /// # Errors
    /// `MemoryError` for an impossible size, too.
    pub fn alloc(py: Attached<'_>, len: usize, max: u32) -> PyResult<Ref<Str>> {
        if len == 0 {
            return Ok(Self::empty());
        }
        let (ascii, kind) = (max < 0x80, kind_for(max));
        let header = if ascii { size_of::<PyASCIIObject>() } else { size_of::<PyCompactUnicodeObject>() };
        let size =
            len.checked_add(1).and_then(|units| units.checked_mul(kind)).and_then(|size| size.checked_add(header));
        let Some(size) = size.filter(|&size| size <= isize::MAX as usize) else {
            return Err(py.no_memory());
        };
        let text = Self::alloc_block(py, size)?;
        text.0.length.set(len as isize);
        text.0.hash.set(-1);
        text.0.state.set(UnicodeState::new(kind as u32, true, ascii));
        // SAFETY: [exact-size]: the block has room for a longer header, and for the end mark, which begins here.
        unsafe {
            if !ascii {
                let head = &*text.as_ptr().cast::<PyCompactUnicodeObject>();
                head.utf8_length.set(0);
                head.utf8.set(ptr::null_mut());
            }
            ptr::write_bytes(text.data_ptr().cast::<u8>().add(len * kind), 0, kind);
        }
        Ok(text)
    }

    /// A block for an exact string; only the object head is set.
    #[inline]
    fn alloc_block(py: Attached<'_>, size: usize) -> PyResult<Ref<Str>> {
        if size > mem::MAX_SMALL {
            let raw = mem::alloc_sized(py, Self::type_object(), size)?;
            // SAFETY: [layout]: fresh zeroed memory of an exact string.
            return Ok(unsafe { Ref::<Str>::from_raw(raw.as_ptr()) });
        }
        let raw = mem::alloc_leaf(py, Self::type_object(), size)?;
        // SAFETY: [layout]: memory of an exact string that nobody else uses.
        Ok(unsafe { Ref::<Str>::from_raw(raw.as_ptr()) })
    }

    /// The address of the characters.
    #[inline(always)]
    pub fn data_ptr(&self) -> *mut c_void {
        let state = self.0.state.get();
        let this = ptr::from_ref(self).cast_mut();
        // SAFETY: [exact-size]: the characters of a compact string follow its header; others point to them.
        unsafe {
            if state.compact() {
                if state.ascii() {
                    this.cast::<PyASCIIObject>().add(1).cast()
                } else {
                    this.cast::<PyCompactUnicodeObject>().add(1).cast()
                }
            } else {
                (*this.cast::<PyUnicodeObject>()).data.get()
            }
        }
    }

    /// The characters of a string under construction.
    ///
    /// # Safety
    /// The caller has the only reference, and `T` is the string's kind.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn units_mut<T: Unit>(&self) -> &mut [T] {
        debug_assert_eq!(self.kind(), T::SIZE);
        // SAFETY: [exact-size], and the caller is the only user.
        unsafe { std::slice::from_raw_parts_mut(self.data_ptr().cast(), self.len()) }
    }

    /// From units whose largest character is `max` (or another of the same class).
    pub fn from_units_max<T: Unit>(py: Attached<'_>, units: &[T], max: u32) -> PyResult<Ref<Str>> {
        match units {
            [] => return Ok(Self::empty()),
            [one] if one.to_u32() < 256 => return Ok(statics::latin1_char(one.to_u32() as u8).to_ref()),
            _ => {}
        }
        let text = Self::alloc(py, units.len(), max)?;
        // SAFETY: fresh, and of the kind just asked for.
        unsafe {
            match kind_for(max) {
                1 => copy_units(units, text.units_mut::<u8>()),
                2 => copy_units(units, text.units_mut::<u16>()),
                _ => copy_units(units, text.units_mut::<u32>()),
            }
        }
        Ok(text)
    }

    /// From units; the narrowest kind is chosen.
    pub fn from_units<T: Unit>(py: Attached<'_>, units: &[T]) -> PyResult<Ref<Str>> {
        Self::from_units_max(py, units, max_char(units))
    }

    pub fn new(py: Attached<'_>, text: &str) -> PyResult<Ref<Str>> {
        if text.is_ascii() {
            return Self::from_units_max(py, text.as_bytes(), 0x7F);
        }
        let (mut len, mut max) = (0, 0);
        for ch in text.chars() {
            len += 1;
            max |= ch as u32;
        }
        if let (1, point) = (len, max) {
            return Self::from_char(py, point);
        }
        let new = Self::alloc(py, len, max)?;
        // SAFETY: fresh, and of the kind just asked for.
        unsafe {
            match kind_for(max) {
                1 => fill_chars(new.units_mut::<u8>(), text),
                2 => fill_chars(new.units_mut::<u16>(), text),
                _ => fill_chars(new.units_mut::<u32>(), text),
            }
        }
        Ok(new)
    }

    /// From ASCII bytes.
    ///
    /// Bytes beyond ASCII are taken as Latin-1.
    pub fn from_ascii(py: Attached<'_>, text: &[u8]) -> PyResult<Ref<Str>> {
        Self::from_units(py, text)
    }

    /// From Latin-1 bytes (code points 0 to 255).
    pub fn from_latin1(py: Attached<'_>, text: &[u8]) -> PyResult<Ref<Str>> {
        Self::from_units(py, text)
    }

    /// From code points, lone surrogates included; the narrowest kind is chosen.
    pub fn from_code_points(py: Attached<'_>, points: &[u32]) -> PyResult<Ref<Str>> {
        Self::from_units(py, points)
    }

    /// An exact copy.
    pub fn copy_exact(&self, py: Attached<'_>) -> PyResult<Ref<Str>> {
        match self.data() {
            StrData::Ascii(units) => Self::from_units_max(py, units, 0x7F),
            StrData::Latin1(units) => Self::from_units_max(py, units, 0xFF),
            StrData::Ucs2(units) => Self::from_units_max(py, units, 0xFFFF),
            StrData::Ucs4(units) => Self::from_units_max(py, units, 0x10_FFFF),
        }
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
    /// Bytes per character: 1, 2 or 4.
    #[inline(always)]
    pub fn kind(&self) -> usize {
        self.0.state.get().kind() as usize
    }
    #[inline(always)]
    pub fn is_ascii(&self) -> bool {
        self.0.state.get().ascii()
    }
    /// A bound of the largest character: the end of its class.
    #[inline]
    pub fn max_char(&self) -> u32 {
        match self.kind() {
            1 if self.is_ascii() => 0x7F,
            1 => 0xFF,
            2 => 0xFFFF,
            _ => 0x10_FFFF,
        }
    }

    /// The characters in their storage kind.
    #[inline]
    pub fn data(&self) -> StrData<'_> {
        let (state, data, len) = (self.0.state.get(), self.data_ptr(), self.len());
        // SAFETY: [exact-size] and [frozen]: a published string never changes.
        unsafe {
            match state.kind() {
                1 if state.ascii() => StrData::Ascii(std::slice::from_raw_parts(data.cast(), len)),
                1 => StrData::Latin1(std::slice::from_raw_parts(data.cast(), len)),
                2 => StrData::Ucs2(std::slice::from_raw_parts(data.cast(), len)),
                _ => StrData::Ucs4(std::slice::from_raw_parts(data.cast(), len)),
            }
        }
    }

    /// The character at `index`.
    ///
    /// # Panics
    /// When `index` is out of range.
    #[inline]
    pub fn char_at(&self, index: usize) -> u32 {
        with_units!(self, |units| units[index].to_u32())
    }

    /// All characters as code points.
    pub fn to_code_points(&self) -> Vec<u32> {
        with_units!(self, |units| units.iter().map(|unit| unit.to_u32()).collect())
    }

    /// The code points in turn.
    pub fn code_points(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
        (0..self.len()).map(|at| self.char_at(at))
    }

    /// The characters `start..end`, which lie in range.
    pub fn substring(&self, py: Attached<'_>, start: usize, end: usize) -> PyResult<Ref<Str>> {
        if start >= end {
            return Ok(Self::empty());
        }
        if start == 0 && end == self.len() {
            return self.to_exact(py);
        }
        match self.data() {
            StrData::Ascii(units) => Self::from_units_max(py, &units[start..end], 0x7F),
            StrData::Latin1(units) => Self::from_units(py, &units[start..end]),
            StrData::Ucs2(units) => Self::from_units(py, &units[start..end]),
            StrData::Ucs4(units) => Self::from_units(py, &units[start..end]),
        }
    }

    /// `self + other`.
    pub fn concat(&self, py: Attached<'_>, other: &Str) -> PyResult<Ref<Str>> {
        if other.is_empty() {
            return self.to_exact(py);
        }
        if self.is_empty() {
            return other.to_exact(py);
        }
        Self::concat_all(py, &[self, other])
    }

    /// The concatenation of all parts.
    pub fn concat_all(py: Attached<'_>, parts: &[&Str]) -> PyResult<Ref<Str>> {
        Self::concat_iter(py, parts.iter().copied())
    }

    /// The concatenation of all parts with `self` between them.
    pub fn join_all(&self, py: Attached<'_>, parts: &[&Str]) -> PyResult<Ref<Str>> {
        let (Some((first, rest)), false) = (parts.split_first(), self.is_empty()) else {
            return Self::concat_all(py, parts);
        };
        if rest.is_empty() {
            return first.to_exact(py);
        }
        let between = self.len().checked_mul(rest.len()).map(|len| (len, self.max_char()));
        let extent = between.and_then(|between| extent(between, parts.iter().copied()));
        let Some((len, max)) = extent else { return Err(too_long(py)) };
        if len == 1 {
            return Self::from_char(py, self.char_at(0));
        }
        let text = Self::alloc(py, len, max)?;
        // SAFETY: fresh, and of the kind just asked for.
        unsafe {
            match kind_for(max) {
                1 => join_into(text.units_mut::<u8>(), self, first, rest),
                2 => join_into(text.units_mut::<u16>(), self, first, rest),
                _ => join_into(text.units_mut::<u32>(), self, first, rest),
            }
        }
        Ok(text)
    }

    /// The concatenation of all parts, which are gone through twice (`BUILD_STRING`).
    pub fn concat_iter<'a>(py: Attached<'_>, mut parts: impl Iterator<Item = &'a Str> + Clone) -> PyResult<Ref<Str>> {
        let Some((len, max)) = extent((0, 0), parts.clone()) else { return Err(too_long(py)) };
        if len <= 1 {
            return match parts.find(|part| !part.is_empty()) {
                Some(one) => Self::from_char(py, one.char_at(0)),
                None => Ok(Self::empty()),
            };
        }
        let text = Self::alloc(py, len, max)?;
        // SAFETY: fresh, and of the kind just asked for.
        unsafe {
            match kind_for(max) {
                1 => concat_into(text.units_mut::<u8>(), parts),
                2 => concat_into(text.units_mut::<u16>(), parts),
                _ => concat_into(text.units_mut::<u32>(), parts),
            }
        }
        Ok(text)
    }

    /// `left += right` for a variable that holds the only reference to `left`.
    ///
    /// The characters go into the slack of `left`'s block, or into a new block with slack for more; so a string
    /// built piece by piece takes linear time. The result is equal to `left + right` in every case.
    pub fn append_in_place(py: Attached<'_>, left: Ref<Str>, right: &Str) -> PyResult<Ref<Str>> {
        if left.is_empty() || right.is_empty() {
            return left.concat(py, right);
        }
        let state = left.0.state.get();
        let (len, add, kind) = (left.len(), right.len(), left.kind());
        let appendable = ptr::eq(left.as_object().ty(), Str::type_object())
            && state.compact()
            && state.interned() == 0
            && right.kind() <= kind
            && (!left.is_ascii() || right.is_ascii())
            && (left.is_ascii() || kind != 1 || right.max_char() <= 0xFF)
            && !ptr::eq::<Str>(&*left, right)
            && mode::is_uniquely_referenced(left.as_object());
        if !appendable || len.checked_add(add).is_none_or(|total| total > isize::MAX as usize / 8) {
            return left.concat(py, right);
        }
        let total = len + add;
        let header = if left.is_ascii() { size_of::<PyASCIIObject>() } else { size_of::<PyCompactUnicodeObject>() };
        // SAFETY: exact strings come from the object allocator.
        let text = if header + (total + 1) * kind <= unsafe { mem::usable_size(left.as_ptr()) } {
            if !left.is_ascii() {
                left.drop_utf8();
            }
            left
        } else {
            let slack = if total > 64 { total / 8 } else { 0 };
            let raw = mem::alloc_sized(py, Self::type_object(), header + (total + slack + 1) * kind)?;
            // SAFETY: [layout]: fresh zeroed memory of an exact string, large enough.
            let new = unsafe { Ref::<Str>::from_raw(raw.as_ptr()) };
            new.0.state.set(state);
            // SAFETY: both blocks hold that many bytes of characters.
            unsafe { ptr::copy_nonoverlapping(left.data_ptr().cast::<u8>(), new.data_ptr().cast::<u8>(), len * kind) };
            new
        };
        text.0.length.set(total as isize);
        text.0.hash.set(-1);
        // SAFETY: nobody else sees the string, and the block has room for the characters and the end.
        unsafe {
            match kind {
                1 => text.append_units::<u8>(len, right),
                2 => text.append_units::<u16>(len, right),
                _ => text.append_units::<u32>(len, right),
            }
        }
        Ok(text)
    }

    /// Writes `right` and the end mark behind the first `len` characters.
    ///
    /// # Safety
    /// As [`Str::units_mut`], and there is room for the end mark.
    unsafe fn append_units<T: Unit>(&self, len: usize, right: &Str) {
        // SAFETY: by the contract.
        unsafe {
            with_units!(right, |units| copy_units(units, &mut self.units_mut::<T>()[len..]));
            self.data_ptr().cast::<T>().add(self.len()).write(T::default());
        }
    }

    /// Forgets the cached UTF-8 form of a string that is about to change.
    fn drop_utf8(&self) {
        // SAFETY: [layout]: not ASCII, so the longer header is there.
        let head = unsafe { &*ptr::from_ref(self).cast::<PyCompactUnicodeObject>() };
        if let Some(utf8) = NonNull::new(head.utf8.get().cast::<u8>()) {
            head.utf8.set(ptr::null_mut());
            free_block(utf8, head.utf8_length.get() as usize + 1);
        }
    }

    /// The text as `&str` without conversion: ASCII strings and those with a cached UTF-8 form.
    #[inline]
    pub fn as_str(&self) -> Option<&str> {
        if let StrData::Ascii(bytes) = self.data() {
            // SAFETY: ASCII is UTF-8.
            return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
        }
        self.cached_utf8()
    }

    fn cached_utf8(&self) -> Option<&str> {
        // SAFETY: [layout]: not compact ASCII, so the longer header is there.
        let head = unsafe { &*ptr::from_ref(self).cast::<PyCompactUnicodeObject>() };
        let utf8 = head.utf8.load(Acquire);
        // SAFETY: [published]: the length was stored before the pointer, and neither changes any more.
        (!utf8.is_null()).then(|| unsafe {
            std::str::from_utf8_unchecked(std::slice::from_raw_parts(utf8.cast(), head.utf8_length.get() as usize))
        })
    }

    /// UTF-8, cached in the object and followed by a NUL; `UnicodeEncodeError` for surrogates.
    #[inline]
    pub fn to_utf8(&self, py: Attached<'_>) -> PyResult<&str> {
        match self.as_str() {
            Some(text) => Ok(text),
            None => self.cache_utf8(py),
        }
    }

    fn cache_utf8(&self, py: Attached<'_>) -> PyResult<&str> {
        // The usual room, and what doubling it may ask for.
        crate::reserve::need(py, self.len().saturating_mul(6))?;
        let mut buffer = String::with_capacity(self.len() * 2 + 1);
        for (at, point) in self.code_points().enumerate() {
            match char::from_u32(point) {
                Some(ch) => buffer.push(ch),
                None => {
                    let end = (at..self.len()).find(|&at| !(0xD800..0xE000).contains(&self.char_at(at)));
                    let end = end.unwrap_or(self.len());
                    return Err(encode_error(py, "utf-8", self, at, end, "surrogates not allowed"));
                }
            }
        }
        let Some(copy) = alloc_block::<u8>(buffer.len() + 1) else {
            return Err(py.no_memory());
        };
        // SAFETY: the block has room for the text; zeroed, so the NUL is there.
        unsafe { ptr::copy_nonoverlapping(buffer.as_ptr(), copy.as_ptr(), buffer.len()) };
        // SAFETY: [layout]: not ASCII, so the longer header is there.
        let head = unsafe { &*ptr::from_ref(self).cast::<PyCompactUnicodeObject>() };
        head.utf8_length.set(buffer.len() as isize);
        if head.utf8.compare_exchange(ptr::null_mut(), copy.as_ptr().cast(), AcqRel, Relaxed).is_err() {
            free_block(copy, buffer.len() + 1);
        }
        self.cached_utf8().ok_or_else(|| py.no_memory())
    }

    /// For messages and paths: lone surrogates become U+FFFD.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        match self.as_str() {
            Some(text) => Cow::Borrowed(text),
            None => {
                self.code_points().map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
            }
        }
    }

    /// Equality with a literal.
    #[inline]
    pub fn eq_str(&self, text: &str) -> bool {
        match self.data() {
            StrData::Ascii(bytes) => bytes == text.as_bytes(),
            _ => text.chars().map(|ch| ch as u32).eq(self.code_points()),
        }
    }

    /// Equality of two strings, without Python code.
    #[inline]
    pub fn eq(&self, other: &Str) -> bool {
        if ptr::eq(self, other) {
            return true;
        }
        if self.len() != other.len() || self.kind() != other.kind() {
            return false;
        }
        let (a, b) = (self.0.hash.get(), other.0.hash.get());
        if a != b && a != -1 && b != -1 {
            return false;
        }
        self.same_units(other)
    }

    /// Whether the characters are the same, of strings of one length and kind. Out of line: handlers of instructions
    /// compare strings, and must not have the view's memory.
    #[inline(never)]
    fn same_units(&self, other: &Str) -> bool {
        self.data().as_bytes() == other.data().as_bytes()
    }

    /// The order of two strings by code points.
    pub fn cmp(&self, other: &Str) -> std::cmp::Ordering {
        if let (Ok(a), Ok(b)) = (self.bytes_1(), other.bytes_1()) {
            return a.cmp(b);
        }
        with_units!(self, |a| with_units!(other, |b| {
            a.iter().map(|unit| unit.to_u32()).cmp(b.iter().map(|unit| unit.to_u32()))
        }))
    }

    /// The characters of a one-byte string.
    #[inline]
    fn bytes_1(&self) -> Result<&[u8], ()> {
        match self.data() {
            StrData::Ascii(units) | StrData::Latin1(units) => Ok(units),
            _ => Err(()),
        }
    }

    /// The (cached) hash.
    #[inline]
    pub fn hash(&self) -> isize {
        match self.0.hash.get() {
            -1 => self.compute_hash(),
            hash => hash,
        }
    }

    #[cold]
    fn compute_hash(&self) -> isize {
        let hash = crate::hash::hash_bytes(self.data().as_bytes());
        self.0.hash.set(hash);
        hash
    }

    /// Gives an instance of a `str` subclass, fresh from `tp_alloc`, the characters of `text`.
    pub(super) fn fill_subclass(&self, py: Attached<'_>, text: &Str) -> PyResult<()> {
        // SAFETY: [layout]: instances of subclasses have the longest header.
        let this = unsafe { &*ptr::from_ref(self).cast::<PyUnicodeObject>() };
        let bytes = text.data();
        let bytes = bytes.as_bytes();
        let Some(block) = alloc_block::<u8>(bytes.len() + text.kind()) else {
            return Err(py.no_memory());
        };
        // SAFETY: the block is large enough; zeroed, so the end is marked.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), block.as_ptr(), bytes.len()) };
        this.data.set(block.as_ptr().cast());
        if text.is_ascii() {
            this._base.utf8_length.set(text.len() as isize);
            this._base.utf8.set(block.as_ptr().cast());
        }
        self.0.length.set(text.len() as isize);
        self.0.hash.set(text.0.hash.get());
        self.0.state.set(UnicodeState::new(text.kind() as u32, false, text.is_ascii()));
        Ok(())
    }

    /// Frees the blocks that the string owns besides its own memory.
    ///
    /// # Safety
    /// The string is being freed.
    pub(super) unsafe fn free_blocks(&self) {
        let state = self.0.state.get();
        if state.compact() && state.ascii() {
            return;
        }
        // SAFETY: [layout]: not compact ASCII, so the longer header is there.
        let head = unsafe { &*ptr::from_ref(self).cast::<PyCompactUnicodeObject>() };
        let utf8 = head.utf8.get().cast::<u8>();
        let data = self.data_ptr().cast::<u8>();
        if let Some(utf8) = NonNull::new(utf8).filter(|utf8| utf8.as_ptr() != data) {
            free_block(utf8, head.utf8_length.get() as usize + 1);
        }
        if !state.compact()
            && let Some(data) = NonNull::new(data)
        {
            free_block(data, (self.len() + 1) * self.kind());
        }
    }
}

/// Length and largest character of `start` and all parts; `None` when no string is so long.
fn extent<'a>(start: (usize, u32), mut parts: impl Iterator<Item = &'a Str>) -> Option<(usize, u32)> {
    let all = parts.try_fold(start, |(len, max), part| {
        Some((len.checked_add(part.len())?, if part.is_empty() { max } else { max.max(part.max_char()) }))
    });
    all.filter(|&(len, _)| len <= isize::MAX as usize)
}

fn concat_into<'a, T: Unit>(out: &mut [T], parts: impl Iterator<Item = &'a Str>) {
    parts.fold(out, put);
}

/// Writes the parts with `between` between them.
fn join_into<T: Unit>(out: &mut [T], between: &Str, first: &Str, rest: &[&Str]) {
    rest.iter().fold(put(out, first), |out, part| put(put(out, between), part));
}

/// Writes a part and returns what is left of the room.
#[inline(always)]
fn put<'a, T: Unit>(out: &'a mut [T], part: &Str) -> &'a mut [T] {
    let (here, rest) = out.split_at_mut(part.len());
    with_units!(part, |units| copy_units(units, here));
    rest
}

fn fill_chars<T: Unit>(out: &mut [T], text: &str) {
    for (unit, ch) in out.iter_mut().zip(text.chars()) {
        *unit = T::truncate(ch as u32);
    }
}

#[cold]
fn too_long(py: Attached<'_>) -> crate::Raised {
    raise!(py, OverflowError, "strings are too large to concat")
}

/// Zeroed memory that a string owns apart from itself.
fn alloc_block<T>(len: usize) -> Option<NonNull<T>> {
    let layout = alloc::Layout::array::<u64>(len.div_ceil(8)).ok()?;
    // SAFETY: `len` is at least one.
    NonNull::new(unsafe { alloc::alloc_zeroed(layout) }.cast())
}

fn free_block(block: NonNull<u8>, len: usize) {
    if let Ok(layout) = alloc::Layout::array::<u64>(len.div_ceil(8)) {
        // SAFETY: the block came from `alloc_block` with this length.
        unsafe { alloc::dealloc(block.as_ptr(), layout) };
    }
}
