//! Algorithms on runs of code units, shared by `str` (one, two and four bytes a character), `bytes` and `bytearray`.
//!
//! Nothing here knows a Python object.
mod find;
mod split;

pub use find::{count, each_match, find, find_unit, rfind, rfind_unit};
pub use split::{rsplit, rsplit_space, split, split_space, splitlines, strip};

use std::fmt::Debug;

/// One stored character: a byte, a UCS-2 unit or a UCS-4 unit. Each unit is a whole character.
pub trait Unit: Copy + Ord + Eq + Default + Debug + 'static {
    /// Largest character that fits.
    const MAX: u32;
    /// Bytes of one unit: the kind.
    const SIZE: usize = size_of::<Self>();
    fn to_u32(self) -> u32;
    /// The unit of a character that fits; others are truncated.
    fn truncate(point: u32) -> Self;
    /// Views a text of this kind when `Self` is a byte.
    fn as_bytes(units: &[Self]) -> Option<&[u8]>;
}

macro_rules! unit {
    ($ty:ty, $max:expr, |$units:ident| $bytes:expr) => {
        impl Unit for $ty {
            const MAX: u32 = $max;
            #[inline(always)]
            fn to_u32(self) -> u32 {
                self as u32
            }
            #[inline(always)]
            fn truncate(point: u32) -> Self {
                point as $ty
            }
            #[inline(always)]
            fn as_bytes($units: &[Self]) -> Option<&[u8]> {
                $bytes
            }
        }
    };
}
unit!(u8, 0xFF, |units| Some(units));
unit!(u16, 0xFFFF, |_units| None);
unit!(u32, 0x10_FFFF, |_units| None);

/// `start` and `end` of a search as `str.find` takes them: clamped to `0..=len`, negative ones from the end.
/// `start` may lie beyond `end`.
pub fn clamp_range(start: isize, end: isize, len: usize) -> (usize, usize) {
    let len = len as isize;
    let fix = |at: isize| if at < 0 { (at + len).max(0) } else { at };
    let end = if end > len { len } else { fix(end) };
    (fix(start) as usize, end as usize)
}

/// Expanded tabs: `tab_size` columns, counted from the last line break.
/// `None` when the result has more than `isize::MAX` units.
pub fn expand_tabs<T: Unit>(text: &[T], tab_size: isize) -> Option<Vec<T>> {
    let [tab, space] = [9, 32].map(T::truncate);
    let fill = |column: isize| if tab_size > 0 { tab_size - column % tab_size } else { 0 };
    let is_break = |unit: T| matches!(unit.to_u32(), 10 | 13);
    let (mut len, mut column) = (0isize, 0isize);
    for &unit in text {
        if unit == tab {
            len = len.checked_add(fill(column))?;
            column = column.checked_add(fill(column))?;
        } else {
            len = len.checked_add(1)?;
            column = if is_break(unit) { 0 } else { column + 1 };
        }
    }
    let mut out = Vec::new();
    out.try_reserve_exact(len as usize).ok()?;
    column = 0;
    for &unit in text {
        if unit == tab {
            let blanks = fill(column);
            out.extend(std::iter::repeat_n(space, blanks as usize));
            column += blanks;
        } else {
            out.push(unit);
            column = if is_break(unit) { 0 } else { column + 1 };
        }
    }
    Some(out)
}

/// Where the first `max` matches of `needle` begin, for a replacement: non-overlapping, an empty needle matches
/// before each unit and at the end. `None` if there is no memory for them.
pub fn matches<T: Unit>(text: &[T], needle: &[T], max: usize) -> Option<Vec<usize>> {
    let mut out = Vec::new();
    if needle.is_empty() {
        out.try_reserve_exact(max.min(text.len() + 1)).ok()?;
        out.extend((0..=text.len()).take(max));
        return Some(out);
    }
    let mut whole = true;
    each_match(text, needle, max, |at| {
        whole = out.try_reserve(1).is_ok();
        if whole {
            out.push(at);
        }
        whole
    });
    whole.then_some(out)
}

/// The ASCII letter in the other case.
#[inline]
pub fn swap_ascii(byte: u8) -> u8 {
    if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { byte }
}
