//! `Alone`: whether one thread alone has ever used what locks protect, so that it needs none of their atomic exchanges.
//!
//! # Protocol
//!
//! The flag begins as true and is cleared once, for good.
//! Each thread calls [`Alone::first_use`] once, attached, before it touches anything that is shared.
//! The first one gets on with its work; the second one stops the world, clears the flag and starts the world again.
//!
//! Invariants: **AL1** while a thread reads true, no other thread has touched what is shared, nor does before the reader's
//! next safe point; **AL2** the flag changes in pauses only, so it is one value between two safe points of a thread.
//!
//! Orderings: the flag is read Relaxed. The pause orders what the first thread stored plainly before what the second does.
//! Reading never blocks; the second [`Alone::first_use`] waits for a pause.
//! Runs attached, with or without the GIL.
//! Checked by the model `alone`, together with [`ByteMutex::try_lock_alone`] and [`ByteMutex::unlock_alone`].
//!
//! [`ByteMutex::try_lock_alone`]: crate::ByteMutex::try_lock_alone
//! [`ByteMutex::unlock_alone`]: crate::ByteMutex::unlock_alone
//!
//! ```
//! use krait_sync::alone::Alone;
//!
//! let alone = Alone::new();
//! alone.first_use(|_| unreachable!("nobody to stop"));
//! assert!(alone.is_alone());
//! // A second thread; here the world stands still without further ado.
//! alone.first_use(|end| end());
//! assert!(!alone.is_alone());
//! ```

use crate::prim::{AtomicBool, Ordering::*, const_new, planted};

/// See the [module](self).
pub struct Alone {
    alone: AtomicBool,
    used: AtomicBool,
}

impl Alone {
    const_new! {
        /// Nobody has used anything.
        pub const fn new() -> Alone {
            Alone { alone: AtomicBool::new(true), used: AtomicBool::new(false) }
        }
    }

    /// Whether the calling thread alone has used what is shared: [AL1].
    #[inline(always)]
    pub fn is_alone(&self) -> bool {
        self.alone.load(Relaxed)
    }

    /// The calling thread is about to use what is shared for the first time. `pause` stops all other threads, calls what
    /// it gets, and lets them go on.
    pub fn first_use(&self, pause: impl FnOnce(&mut dyn FnMut())) {
        let second = self.used.swap(true, AcqRel);
        let mut end = || self.alone.store(false, Relaxed);
        match second && self.is_alone() {
            true if planted("alone/no_pause") => end(),
            true => pause(&mut end),
            false => {}
        }
    }
}

impl Default for Alone {
    fn default() -> Alone {
        Alone::new()
    }
}
