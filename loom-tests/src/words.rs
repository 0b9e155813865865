//! Counted things that are named by words, in memory that is used again: what readers without a lock may meet.

use krait_sync::prim::{AtomicUsize, Ordering::*};

/// The things 1 and 2. When the first dies its memory becomes another thing, which is alive and has the same name.
pub struct Words {
    counts: [AtomicUsize; 2],
    /// What lives in the memory of the first: 1, and later another.
    first: AtomicUsize,
}

/// What lives in the memory of the first thing after its death.
const ANOTHER: usize = 9;

impl Default for Words {
    fn default() -> Self {
        Words::new()
    }
}

impl Words {
    /// Each with one reference.
    pub fn new() -> Words {
        Words { counts: [AtomicUsize::new(1), AtomicUsize::new(1)], first: AtomicUsize::new(1) }
    }

    /// Takes a reference to a thing, or what its memory has become, if that is not dying.
    pub fn try_incref(&self, word: usize) -> Option<usize> {
        assert_ne!(word, usize::MAX, "read a freed block");
        let count = &self.counts[word - 1];
        let mut seen = count.fetch_add(0, Relaxed);
        while seen != 0 {
            match count.compare_exchange(seen, seen + 1, Acquire, Relaxed) {
                Ok(_) => return Some(word),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Gives up a reference of a reader; it is never the last one.
    pub fn undo(&self, word: usize) {
        self.counts[word - 1].fetch_sub(1, AcqRel);
    }

    /// Gives up the first reference. If the thing dies, `dying` runs, and then its memory becomes another thing.
    pub fn let_go_with(&self, word: usize, dying: impl FnOnce()) {
        if self.counts[word - 1].fetch_sub(1, AcqRel) == 1 {
            dying();
            self.first.store(ANOTHER, Relaxed);
            self.counts[word - 1].fetch_add(1, Release);
        }
    }

    /// See [`let_go_with`](Self::let_go_with).
    pub fn let_go(&self, word: usize) {
        self.let_go_with(word, || ());
    }

    /// The caller has a reference to the first thing, and not to what came after it.
    pub fn is_first(&self) {
        assert_eq!(self.first.load(Relaxed), 1, "found another object");
    }
}
