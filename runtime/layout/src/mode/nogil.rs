//! Layout choices of the `nogil` mode.

use core::sync::atomic::{AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicUsize};

use crate::{_Py_IMMORTAL_REFCNT_LOCAL, _Py_STATICALLY_ALLOCATED_FLAG};

/// Whether threads run Python code at the same time.
pub const FREE_THREADED: bool = true;

pub(crate) const UNICODE_INTERNED_WIDTH: u32 = 8;
pub(crate) const UNICODE_KIND_SHIFT: u32 = 8;

/// The words of biased reference counting.
#[repr(C)]
pub struct Head {
    /// The owning thread's id, or zero.
    pub ob_tid: AtomicUsize,
    pub ob_flags: AtomicU16,
    /// The object's lock byte.
    pub ob_mutex: AtomicU8,
    pub ob_gc_bits: AtomicU8,
    /// The owner's count; all ones when immortal.
    pub ob_ref_local: AtomicU32,
    /// Everyone else's count, shifted over two state bits.
    pub ob_ref_shared: AtomicIsize,
}

#[allow(clippy::declare_interior_mutable_const)]
impl Head {
    /// All bits zero.
    pub const ZERO: Self = Self {
        ob_tid: AtomicUsize::new(0),
        ob_flags: AtomicU16::new(0),
        ob_mutex: AtomicU8::new(0),
        ob_gc_bits: AtomicU8::new(0),
        ob_ref_local: AtomicU32::new(0),
        ob_ref_shared: AtomicIsize::new(0),
    };
    /// The head of a statically allocated immortal object.
    pub const IMMORTAL_STATIC: Self = Self {
        ob_flags: AtomicU16::new(_Py_STATICALLY_ALLOCATED_FLAG as u16),
        ob_ref_local: AtomicU32::new(_Py_IMMORTAL_REFCNT_LOCAL),
        ..Self::ZERO
    };
}

/// A field that only `nogil` has: the field itself here.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct NogilOnly<T>(T);

impl<T> NogilOnly<T> {
    /// The field with `value` in it.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The field, if this mode has it.
    #[inline(always)]
    pub const fn as_ref(&self) -> Option<&T> {
        Some(&self.0)
    }

    /// The field, if this mode has it.
    #[inline(always)]
    pub const fn as_mut(&mut self) -> Option<&mut T> {
        Some(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering::Relaxed;

    #[test]
    fn immortal_bits_lie_where_the_headers_put_them() {
        let head = Head::IMMORTAL_STATIC;
        assert_eq!(head.ob_tid.load(Relaxed), 0);
        assert_eq!(head.ob_flags.load(Relaxed), 4);
        assert_eq!(head.ob_ref_local.load(Relaxed), u32::MAX);
        assert_eq!(head.ob_ref_shared.load(Relaxed), 0);
    }
}
