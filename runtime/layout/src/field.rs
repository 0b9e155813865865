//! [`Field`]: one field of a struct that threads, and C code, may read and write at any time.

use core::cell::UnsafeCell;
use core::mem::transmute_copy;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, Ordering};

/// A cell with the layout of `T` and single-instruction atomic access.
///
/// `T` is a scalar: an integer, float, raw pointer, optional function pointer, or a transparent wrapper of one.
/// For these the accessors are relaxed atomics, so a reader may see an old value but never a torn one.
/// A larger `T` has only [`Field::as_ptr`], and its users agree on a lock.
#[repr(transparent)]
pub struct Field<T: Copy>(UnsafeCell<T>);

// SAFETY: scalars are accessed atomically; anything else only through a raw pointer, whose user vouches.
unsafe impl<T: Copy> Sync for Field<T> {}
// SAFETY: a field is data; what a pointer in it refers to is the concern of whoever follows it.
unsafe impl<T: Copy> Send for Field<T> {}

/// Runs `$body` with `$atomic` naming the atomic of `T`'s size.
///
/// Words go through `AtomicPtr`, which keeps the provenance of pointers and serves integers as well.
macro_rules! by_size {
    ($t:ident, $atomic:ident, $body:expr) => {{
        const {
            assert!(matches!(size_of::<$t>(), 1 | 2 | 4 | 8), "not a scalar");
            assert!(align_of::<$t>() == size_of::<$t>(), "not naturally aligned");
        }
        match size_of::<$t>() {
            1 => {
                type $atomic = AtomicU8;
                $body
            }
            2 => {
                type $atomic = AtomicU16;
                $body
            }
            4 => {
                type $atomic = AtomicU32;
                $body
            }
            _ => {
                type $atomic = AtomicPtr<()>;
                $body
            }
        }
    }};
}

impl<T: Copy> Field<T> {
    /// A field that holds `value`.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The address of the value, for C code and for larger types.
    #[inline(always)]
    pub const fn as_ptr(&self) -> *mut T {
        self.0.get()
    }

    /// The value, through exclusive access.
    #[inline(always)]
    pub const fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// The value (relaxed).
    #[inline(always)]
    pub fn get(&self) -> T {
        self.load(Ordering::Relaxed)
    }

    /// Replaces the value (relaxed).
    #[inline(always)]
    pub fn set(&self, value: T) {
        self.store(value, Ordering::Relaxed);
    }

    /// The value, with the given ordering.
    #[inline(always)]
    pub fn load(&self, order: Ordering) -> T {
        by_size!(T, Atomic, {
            // SAFETY: the cell has the size and alignment of `Atomic` (checked above) and lives as long as `self`.
            let atomic = unsafe { &*self.as_ptr().cast::<Atomic>() };
            let raw = atomic.load(order);
            // SAFETY: equal sizes, and only values of `T` are ever stored.
            unsafe { transmute_copy(&raw) }
        })
    }

    /// Replaces the value, with the given ordering.
    #[inline(always)]
    pub fn store(&self, value: T, order: Ordering) {
        by_size!(T, Atomic, {
            // SAFETY: as in `load`.
            let atomic = unsafe { &*self.as_ptr().cast::<Atomic>() };
            // SAFETY: equal sizes; a scalar has no padding.
            atomic.store(unsafe { transmute_copy(&value) }, order);
        })
    }

    /// Replaces the value and returns the old one.
    #[inline(always)]
    pub fn swap(&self, value: T, order: Ordering) -> T {
        by_size!(T, Atomic, {
            // SAFETY: as in `load`.
            let atomic = unsafe { &*self.as_ptr().cast::<Atomic>() };
            // SAFETY: as in `store`.
            let old = atomic.swap(unsafe { transmute_copy(&value) }, order);
            // SAFETY: as in `load`.
            unsafe { transmute_copy(&old) }
        })
    }

    /// Stores `new` if the value is bit for bit `current`; gives the value found, as `Err` if it differed.
    #[inline(always)]
    pub fn compare_exchange(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T> {
        by_size!(T, Atomic, {
            // SAFETY: as in `load`.
            let atomic = unsafe { &*self.as_ptr().cast::<Atomic>() };
            // SAFETY: as in `store`, for both values.
            let (current, new) = unsafe { (transmute_copy(&current), transmute_copy(&new)) };
            match atomic.compare_exchange(current, new, success, failure) {
                // SAFETY: as in `load`.
                Ok(raw) => Ok(unsafe { transmute_copy(&raw) }),
                // SAFETY: as in `load`.
                Err(raw) => Err(unsafe { transmute_copy(&raw) }),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering::{AcqRel, Relaxed};

    fn exercise<T: Copy + PartialEq + core::fmt::Debug>(a: T, b: T) {
        let mut field = Field::new(a);
        assert_eq!(field.get(), a);
        field.set(b);
        assert_eq!(field.get(), b);
        assert_eq!(field.swap(a, AcqRel), b);
        assert_eq!(field.compare_exchange(b, b, AcqRel, Relaxed), Err(a));
        assert_eq!(field.compare_exchange(a, b, AcqRel, Relaxed), Ok(a));
        assert_eq!(*field.get_mut(), b);
    }

    #[test]
    fn every_size_reads_back_what_it_wrote() {
        exercise(1u8, 255);
        exercise(-1i8, 7);
        exercise(1u16, 65535);
        exercise(-1i32, i32::MAX);
        exercise(u64::MAX, 1);
        exercise(-1isize, 5);
        exercise(1.5f64, -0.25);
        let (mut x, mut y) = (1, 2);
        exercise(&raw mut x, &raw mut y);
        // SAFETY: the pointer keeps its provenance through the cell.
        assert_eq!(unsafe { *Field::new(&raw mut x).get() }, 1);
    }
}
