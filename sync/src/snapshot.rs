//! `Snapshot`: a table that is read without locks and replaced as a whole.
//!
//! # Protocol
//!
//! A pointer to an immutable value. Readers load it (Acquire) and may use the value until their next quiescent state;
//! a writer swaps in a new one (AcqRel) and retires the old one through [`qsbr`](crate::qsbr).
//!
//! Invariant: **SN1** a value is dropped only after every thread that could have loaded it has passed a quiescent state;
//! it follows from QS1, because the swap comes before the retirement.
//!
//! Reading costs one load and writes nothing.
//! (`arc-swap` gives out references that outlive a quiescent state, for about forty times the price of a read, and its
//! ordering has been repaired several times; use it where there is no participant at hand, not for objects.)
//!
//! Never blocks.
//! Readers and writers run attached.
//! Checked by the model `snapshot`.
//!
//! ```
//! use krait_sync::{qsbr::Domain, snapshot::Snapshot};
//!
//! let domain = Domain::new();
//! // SAFETY: the domain outlives the participant.
//! let me = unsafe { domain.register() };
//! let table = Snapshot::new(vec![1, 2]);
//! me.attach();
//! // SAFETY: attached, and no quiescent state while the reference is used.
//! assert_eq!(unsafe { table.read(&me) }[1], 2);
//! table.replace(vec![3], &me);
//! me.flush();
//! assert_eq!(me.pending(), 0);
//! me.detach();
//! ```

use crate::prim::{AtomicPtr, Ordering::*, ord, planted};
use crate::qsbr::Participant;
use core::marker::PhantomData;

/// See the [module](self).
pub struct Snapshot<T> {
    value: AtomicPtr<T>,
    owns: PhantomData<T>,
}

// SAFETY: values are shared by reference and dropped by whichever thread frees them.
unsafe impl<T: Send + Sync> Send for Snapshot<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Snapshot<T> {}

impl<T: Send + Sync> Snapshot<T> {
    /// Holds `value`.
    pub fn new(value: T) -> Snapshot<T> {
        Snapshot { value: AtomicPtr::new(Box::into_raw(Box::new(value))), owns: PhantomData }
    }

    /// The value at this moment.
    ///
    /// # Safety
    /// The calling thread is attached to the participant's domain (the one that `replace` is called with), and passes no
    /// quiescent state while it uses the reference.
    #[inline(always)]
    pub unsafe fn read<'a>(&'a self, _reader: &'a Participant) -> &'a T {
        // SAFETY: [SN1]
        unsafe { &*self.value.load(ord!("snapshot/read_relaxed", Acquire => Relaxed)) }
    }

    /// Replaces the value; the old one is dropped when nobody can look at it any more.
    pub fn replace(&self, value: T, participant: &Participant) {
        let new = Box::into_raw(Box::new(value));
        let old = self.value.swap(new, ord!("snapshot/replace_relaxed", AcqRel => Relaxed));
        unsafe fn free<T>(value: *mut (), _size: usize) {
            // SAFETY: made by `Box::into_raw`, and retired once.
            drop(unsafe { Box::from_raw(value.cast::<T>()) })
        }
        if planted("snapshot/free_at_once") {
            // SAFETY: none; this is the planted bug.
            unsafe { free::<T>(old.cast(), 0) };
            return;
        }
        // SAFETY: [QS3] the swap made it unreachable.
        unsafe { participant.retire(old.cast(), size_of::<T>(), free::<T>) };
    }
}

impl<T> Drop for Snapshot<T> {
    fn drop(&mut self) {
        // SAFETY: no reader is left.
        drop(unsafe { Box::from_raw(self.value.load(Relaxed)) })
    }
}
