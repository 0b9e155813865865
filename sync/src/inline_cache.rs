//! `InlineCache`: a specialised instruction and its operands, shared by the threads that run the code.
//!
//! # Protocol
//!
//! One word says which form of the instruction is in place; a few words hold what that form has found out (a version, an
//! index, an address).
//!
//! | word | meaning |
//! |---|---|
//! | form 0 | the general form; the operands mean nothing |
//! | `BUSY` | a thread writes operands; others run the general form |
//! | form `k` | specialised: the operands are form `k`'s |
//!
//! The rest of the word counts the times that the cache was given up, so no two states of the operands have the same word;
//! when the count is used up the instruction stays general (as VE2 in [`version`](crate::version)).
//!
//! * **specialise**: compare-exchange general to `BUSY`, fence, write the operands, then store the form, Release.
//! * **run**: load the word, Acquire; if it is specialised, read the operands, fence, load the word again. If it is the same
//!   the operands are one specialisation's, whole.
//! * **give up** (deoptimise): compare-exchange the word that was run with to general, with a higher count.
//!
//! That the operands still hold for the objects at hand is their own guard's matter: a version among them.
//!
//! Invariants:
//! * **IC1** A form is run only with the operands of its own specialisation.
//! * **IC2** At most one thread writes operands.
//! * **IC3** Who gives up a form gives up the one that failed, not one that came after it.
//!
//! Orderings: those of [`seqlock`](crate::seqlock), with the word as sequence; the operands are Relaxed.
//!
//! Never blocks: a thread that meets `BUSY` runs the general form. May run attached.
//! Checked by the model `inline_cache` (M36).
//!
//! ```
//! use krait_sync::inline_cache::InlineCache;
//!
//! let cache = InlineCache::<2>::new();
//! assert!(cache.read().is_none());
//! assert!(cache.specialise(1, [17, 4]));
//! let (form, operands, seen) = cache.read().unwrap();
//! assert_eq!((form, operands), (1, [17, 4]));
//! assert!(cache.give_up(seen));
//! assert!(!cache.give_up(seen));
//! ```

use crate::prim::{AtomicU32, AtomicUsize, Ordering::*, PreLoad, RacingStore, fence, ord, planted};

/// A form of an instruction: 1 to 254; 0 is the general one.
pub type Form = u8;

const BUSY: u32 = 255;
const FORM: u32 = 255;
const GIVEN_UP: u32 = 256;

/// The state in which a specialised form was found, for [`InlineCache::give_up`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(u32);

/// See the [module](self). It has `N` operands.
pub struct InlineCache<const N: usize> {
    word: AtomicU32,
    operands: [AtomicUsize; N],
}

impl<const N: usize> InlineCache<N> {
    /// The general form.
    pub fn new() -> InlineCache<N> {
        InlineCache { word: AtomicU32::new(0), operands: core::array::from_fn(|_| AtomicUsize::new(0)) }
    }

    /// The form in place and its operands; `None` for the general one, also while another thread changes it.
    #[inline(always)]
    pub fn read(&self) -> Option<(Form, [usize; N], Seen)> {
        let word = self.word.load(ord!("inline_cache/form_relaxed", Acquire => Relaxed));
        let form = word & FORM;
        if form == 0 || form == BUSY {
            return None;
        }
        let operands = core::array::from_fn(|i| self.operands[i].load(Relaxed));
        fence(Acquire);
        // [IC1]
        let same = self.word.load(Relaxed) == word || planted("inline_cache/no_second_look");
        same.then_some((form as Form, operands, Seen(word)))
    }

    /// Puts a specialised form in place of the general one; false if it is not there (any more).
    pub fn specialise(&self, form: Form, operands: [usize; N]) -> bool {
        debug_assert!(form != 0 && u32::from(form) != BUSY);
        let word = self.word.pre_load(Relaxed);
        // The last count stays general.
        if word & FORM != 0 || word >= u32::MAX - FORM {
            return false;
        }
        let special = word | u32::from(form);
        if planted("inline_cache/form_first") {
            if self.word.compare_exchange(word, special, Release, Relaxed).is_err() {
                return false;
            }
        } else if self.word.compare_exchange(word, word | BUSY, Acquire, Relaxed).is_err() {
            // [IC2]
            return false;
        }
        if !planted("inline_cache/no_write_fence") {
            // Who sees a new operand also sees that the word it came with is gone.
            fence(Release);
        }
        for (to, operand) in self.operands.iter().zip(operands) {
            to.store(operand, Relaxed);
        }
        if !planted("inline_cache/form_first") {
            self.word.store_racing_rmw(special, ord!("inline_cache/publish_relaxed", Release => Relaxed));
        }
        true
    }

    /// Goes back to the general form, if the form that was seen is still in place. True if the caller did it.
    pub fn give_up(&self, seen: Seen) -> bool {
        // [IC3]
        let general =
            if planted("inline_cache/reuse_word") { seen.0 & !FORM } else { (seen.0 & !FORM).wrapping_add(GIVEN_UP) };
        self.word.pre_load(Relaxed) == seen.0 && self.word.compare_exchange(seen.0, general, Relaxed, Relaxed).is_ok()
    }
}

impl<const N: usize> Default for InlineCache<N> {
    fn default() -> Self {
        InlineCache::new()
    }
}
