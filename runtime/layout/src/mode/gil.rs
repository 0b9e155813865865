//! Layout choices of the `gil` mode.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU16, AtomicU32};

use crate::{_Py_STATIC_IMMORTAL_INITIAL_REFCNT, Field};

/// Whether threads run Python code at the same time.
pub const FREE_THREADED: bool = false;

pub(crate) const UNICODE_INTERNED_WIDTH: u32 = 2;
pub(crate) const UNICODE_KIND_SHIFT: u32 = 2;

/// The reference count word: count (32 bits), overflow (16), flags (16), from the low end.
#[repr(C)]
pub struct Head {
    pub ob_refcnt_full: Field<i64>,
}

#[allow(clippy::declare_interior_mutable_const)]
impl Head {
    /// All bits zero.
    pub const ZERO: Self = Self { ob_refcnt_full: Field::new(0) };
    /// The head of a statically allocated immortal object.
    pub const IMMORTAL_STATIC: Self = Self { ob_refcnt_full: Field::new(_Py_STATIC_IMMORTAL_INITIAL_REFCNT) };

    /// The 32-bit count.
    #[inline(always)]
    pub const fn ob_refcnt(&self) -> &AtomicU32 {
        // SAFETY: the low half of the aligned word, which is only ever accessed atomically.
        unsafe { &*self.ob_refcnt_full.as_ptr().cast::<AtomicU32>() }
    }

    /// The half-word above the count.
    #[inline(always)]
    pub const fn ob_overflow(&self) -> &AtomicU16 {
        // SAFETY: bytes 4 and 5 of the aligned word.
        unsafe { &*self.ob_refcnt_full.as_ptr().cast::<AtomicU16>().add(2) }
    }

    /// The object's flags.
    #[inline(always)]
    pub const fn ob_flags(&self) -> &AtomicU16 {
        // SAFETY: bytes 6 and 7 of the aligned word.
        unsafe { &*self.ob_refcnt_full.as_ptr().cast::<AtomicU16>().add(3) }
    }
}

/// A field that only `nogil` has: nothing here.
#[repr(C)]
pub struct NogilOnly<T>(PhantomData<T>);

impl<T> Clone for NogilOnly<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NogilOnly<T> {}

impl<T> NogilOnly<T> {
    /// Drops `value`: this mode has no such field.
    pub const fn new(value: T) -> Self {
        core::mem::forget(value);
        Self(PhantomData)
    }

    /// The field, if this mode has it.
    #[inline(always)]
    pub const fn as_ref(&self) -> Option<&T> {
        None
    }

    /// The field, if this mode has it.
    #[inline(always)]
    pub const fn as_mut(&mut self) -> Option<&mut T> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering::Relaxed;

    #[test]
    fn immortal_bits_lie_where_the_headers_put_them() {
        let head = Head::IMMORTAL_STATIC;
        assert_eq!(head.ob_refcnt().load(Relaxed), 3 << 30);
        assert_eq!(head.ob_overflow().load(Relaxed), 0);
        assert_eq!(head.ob_flags().load(Relaxed), 5);
    }
}
