//! Algorithms on runs of code units, shared by `str` (one, two and four bytes a character), `bytes` and `bytearray`.
//!
//! Nothing here knows a Python object.
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
