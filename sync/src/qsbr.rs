//! QSBR: memory that lock-free readers may still look at is freed only after each of them has passed a quiescent state.
//!
//! # Protocol
//!
//! The domain has a write sequence (odd, from 1, in steps of two) and each thread a slot with the last write sequence it
//! has seen, or [`OFFLINE`] while it is detached.
//!
//! * **attach**: store the write sequence in the slot, Release, then `fence(SeqCst)`.
//! * **quiescent** (the thread holds no pointer it found without a lock or a reference): store the write sequence,
//!   Release.
//! * **detach**: store `OFFLINE`, Release.
//! * **retire** a block that has been made unreachable: tag it with a goal, which is the write sequence after its next
//!   step, and make that step now ([`Domain::advance`]) or, for few small blocks, later.
//! * **poll** a goal: `fence(SeqCst)`, then the minimum over the slots that are online; all blocks whose goal is not
//!   beyond it can be freed.
//!
//! Attach and poll are the two sides of a store-buffering pattern: *I am here, then I look at data* against *I have
//! unlinked data, then I look who is here*. The two SeqCst fences decide it. (CPython uses a SeqCst store in attach,
//! which is only right because its protected loads are SeqCst too; with the fence they can be Acquire or Relaxed.)
//!
//! Slots live in blocks that are only ever appended, so a thread gets one without stopping anybody and its address never
//! changes (gh-129732, gh-116480, gh-153363), each on its own cache line (gh-144438).
//!
//! Invariants:
//! * **QS1** No block is freed while a thread that could have loaded a pointer to it is online with an older sequence.
//! * **QS2** The write sequence only advances; the read sequence never passes an online slot.
//! * **QS3** A block is tagged after it was unlinked, with a sequence that no thread has seen before the unlinking.
//! * **QS4** Every retired block is freed, if threads keep passing quiescent states: by its thread, or if that has ended,
//!   by any other (gh-130794).
//!
//! Sequences are compared by wrapping difference; `OFFLINE` is even and so never one of them.
//!
//! Orderings: attach and poll as above; quiescent and detach are Release and the poll's loads Acquire, so that what a reader
//! did with a block happens before the block is freed.
//! Never blocks. Freeing runs the blocks' functions, without any lock held; they may retire more.
//! `retire`, `quiescent` and `process` run attached; `attach` and `detach` are parts of attaching and detaching; polling may run
//! anywhere.
//! Checked by the models `qsbr`, `qsbr_wrap`, `qsbr_grow`, `qsbr_exit` (M27 to M30).
//!
//! ```
//! use krait_sync::qsbr::Domain;
//!
//! let domain = Domain::new();
//! // SAFETY: the domain outlives them.
//! let (reader, writer) = unsafe { (domain.register(), domain.register()) };
//! reader.attach();
//! let goal = domain.advance();
//! assert!(!domain.poll(goal), "the reader may hold what was unlinked before");
//! reader.quiescent();
//! assert!(domain.poll(goal));
//! # drop(writer);
//! ```

use crate::prim::{
    AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Cell, Ordering::*, PreLoad, RefCell, fence, ord, planted,
};
use crate::raw_mutex::Lock;
use core::ptr;
use std::collections::VecDeque;

/// The slot of a thread that is detached.
pub const OFFLINE: u64 = 0;
const STEP: u64 = 2;

/// With this many blocks or bytes retired since the last step, the write sequence advances.
const STEP_AFTER_BLOCKS: usize = 64;
/// See [`STEP_AFTER_BLOCKS`].
const STEP_AFTER_BYTES: usize = 1 << 20;

/// A write sequence number that all readers must have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal(u64);

fn before(a: u64, b: u64) -> bool {
    if planted("qsbr/naive_compare") { a < b } else { (a.wrapping_sub(b) as i64) < 0 }
}

/// Frees a block: its address and the size given to [`Participant::retire`].
pub type FreeFn = unsafe fn(*mut (), usize);

struct Retired {
    block: *mut (),
    size: usize,
    free: FreeFn,
    goal: u64,
}

// SAFETY: who retires a block allows any thread to free it.
unsafe impl Send for Retired {}

#[repr(align(128))]
struct Slot {
    sequence: AtomicU64,
    taken: AtomicBool,
}

const SLOTS: usize = if cfg!(feature = "loom") { 1 } else { 16 };

impl Slot {
    fn claim(&self) -> bool {
        if planted("qsbr/claim_by_store") {
            let free = !self.taken.load(Relaxed);
            self.taken.swap(true, Acquire);
            return free;
        }
        !self.taken.load(Relaxed) && self.taken.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }
}

struct Slots {
    slots: [Slot; SLOTS],
    next: AtomicPtr<Slots>,
}

impl Slots {
    fn new() -> Slots {
        Slots {
            slots: core::array::from_fn(|_| Slot { sequence: AtomicU64::new(OFFLINE), taken: AtomicBool::new(false) }),
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }
}

/// The threads that share lock-free data: one for each interpreter.
pub struct Domain {
    write: AtomicU64,
    /// A sequence that every online thread is known to have reached.
    read: AtomicU64,
    first: Slots,
    /// Blocks of threads that have ended.
    orphans: Lock<VecDeque<Retired>>,
    orphan_count: AtomicUsize,
}

impl Domain {
    /// A domain without threads.
    pub fn new() -> Domain {
        Domain::starting_at(1)
    }

    /// A domain whose write sequence starts here; for models of its wrapping. It must be odd.
    pub fn starting_at(sequence: u64) -> Domain {
        assert!(sequence & 1 == 1);
        Domain {
            write: AtomicU64::new(sequence),
            read: AtomicU64::new(sequence),
            first: Slots::new(),
            orphans: Lock::new(VecDeque::new()),
            orphan_count: AtomicUsize::new(0),
        }
    }

    /// Enters a thread, detached.
    ///
    /// # Safety
    /// The domain outlives the participant, and stays in place.
    pub unsafe fn register(&self) -> Participant {
        let mut block = &self.first;
        loop {
            for slot in &block.slots {
                if slot.claim() {
                    return Participant {
                        domain: self,
                        slot,
                        retired: RefCell::new(VecDeque::new()),
                        blocks_since_step: Cell::new(0),
                        bytes_since_step: Cell::new(0),
                    };
                }
            }
            let mut next = block.next.load(Acquire);
            if next.is_null() {
                let new = Box::into_raw(Box::new(Slots::new()));
                match block.next.compare_exchange(ptr::null_mut(), new, AcqRel, Acquire) {
                    Ok(_) => next = new,
                    Err(other) => {
                        // SAFETY: ours, and never published.
                        drop(unsafe { Box::from_raw(new) });
                        next = other;
                    }
                }
            }
            // SAFETY: published blocks live as long as the domain.
            block = unsafe { &*next };
        }
    }

    /// Makes a step of the write sequence, and returns the goal for what was unlinked before.
    pub fn advance(&self) -> Goal {
        if planted("qsbr/goal_current") {
            return Goal(self.write.load(Acquire));
        }
        Goal(self.write.fetch_add(STEP, AcqRel).wrapping_add(STEP))
    }

    /// The goal for what was unlinked before, without a step: somebody must make one later.
    pub fn next_goal(&self) -> Goal {
        let current = self.write.pre_load(Acquire);
        Goal(if planted("qsbr/deferred_goal_current") { current } else { current.wrapping_add(STEP) })
    }

    /// Has the last [`poll`](Self::poll) of any thread found this goal reached? One load.
    #[inline]
    pub fn reached(&self, goal: Goal) -> bool {
        !before(self.read.load(Acquire), goal.0)
    }

    /// Has every thread reached the goal? Looks at all slots if needed.
    pub fn poll(&self, goal: Goal) -> bool {
        if self.reached(goal) {
            return true;
        }
        if !planted("qsbr/no_poll_fence") {
            fence(SeqCst);
        }
        let mut minimum = self.write.load(Acquire);
        let mut block = &self.first;
        loop {
            for slot in &block.slots {
                let sequence = slot.sequence.load(ord!("qsbr/scan_relaxed", Acquire => Relaxed));
                if sequence != OFFLINE && before(sequence, minimum) {
                    minimum = sequence;
                }
            }
            match block.next.load(Acquire) {
                next if next.is_null() || planted("qsbr/scan_first_block_only") => break,
                // SAFETY: published blocks live as long as the domain.
                next => block = unsafe { &*next },
            }
        }
        let mut read = self.read.pre_load(Relaxed);
        while before(read, minimum) {
            match self.read.compare_exchange_weak(read, minimum, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(now) => read = now,
            }
        }
        !before(minimum, goal.0)
    }

    /// Frees what threads that have ended left behind, as far as it may be freed.
    pub fn process_orphans(&self) {
        if self.orphan_count.load(Relaxed) == 0 {
            return;
        }
        loop {
            let block = {
                let mut orphans = self.orphans.lock();
                // Queues of several threads are mixed: every goal must be looked at.
                let index = orphans.iter().position(|block| self.poll(Goal(block.goal)));
                let block = index.and_then(|index| orphans.swap_remove_back(index));
                self.orphan_count.store(orphans.len(), Relaxed);
                block
            };
            match block {
                // SAFETY: [QS1] its goal is reached.
                Some(block) => unsafe { (block.free)(block.block, block.size) },
                None => return,
            }
        }
    }

    /// Number of slots that have been allocated.
    pub fn capacity(&self) -> usize {
        let mut count = SLOTS;
        let mut block = &self.first;
        while let next = block.next.load(Acquire)
            && !next.is_null()
        {
            count += SLOTS;
            // SAFETY: published blocks live as long as the domain.
            block = unsafe { &*next };
        }
        count
    }

    /// In the child of a fork: gives the slots of all other threads back.
    ///
    /// # Safety
    /// No other thread of this process exists, and the other participants are forgotten, not used.
    pub unsafe fn reset_after_fork(&self, me: &Participant) {
        let mut block = &self.first;
        loop {
            for slot in &block.slots {
                if !ptr::eq(slot, me.slot) {
                    slot.sequence.store(OFFLINE, Relaxed);
                    slot.taken.store(false, Relaxed);
                }
            }
            match block.next.load(Acquire) {
                next if next.is_null() => break,
                // SAFETY: published blocks live as long as the domain.
                next => block = unsafe { &*next },
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.orphans.reset_after_fork() };
    }
}

impl Default for Domain {
    fn default() -> Self {
        Domain::new()
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        for block in self.orphans.lock().drain(..) {
            // SAFETY: no thread is left that could look at it.
            unsafe { (block.free)(block.block, block.size) }
        }
        let mut next = self.first.next.load(Acquire);
        while !next.is_null() {
            // SAFETY: made by `register`, and nobody uses the domain any more.
            let block = unsafe { Box::from_raw(next) };
            next = block.next.load(Acquire);
        }
    }
}

/// A thread's place in a [`Domain`], and the blocks that it retired. It belongs to its thread.
pub struct Participant {
    domain: *const Domain,
    slot: *const Slot,
    retired: RefCell<VecDeque<Retired>>,
    blocks_since_step: Cell<usize>,
    bytes_since_step: Cell<usize>,
}

// SAFETY: the pointers are to shared, atomic data that outlives it; the rest goes with its one user.
unsafe impl Send for Participant {}

impl Participant {
    /// Its domain.
    #[inline(always)]
    pub fn domain(&self) -> &Domain {
        // SAFETY: the promise of `register`.
        unsafe { &*self.domain }
    }

    #[inline(always)]
    fn slot(&self) -> &Slot {
        // SAFETY: slots live as long as the domain.
        unsafe { &*self.slot }
    }

    /// The thread will look at shared data. Part of attaching, after the state word.
    #[inline]
    pub fn attach(&self) {
        let sequence = self.domain().write.load(Acquire);
        if planted("qsbr/attach_seqcst_store") {
            return self.slot().sequence.store(sequence, SeqCst);
        }
        self.slot().sequence.store(sequence, ord!("qsbr/attach_relaxed", Release => Relaxed));
        if !planted("qsbr/no_attach_fence") {
            fence(SeqCst);
        }
    }

    /// The thread looks at no shared data any more. Part of detaching, before the state word.
    #[inline]
    pub fn detach(&self) {
        self.slot().sequence.store(OFFLINE, ord!("qsbr/detach_relaxed", Release => Relaxed));
    }

    /// The thread holds no pointer that it found without a lock or a reference. Two plain accesses.
    #[inline(always)]
    pub fn quiescent(&self) {
        let sequence = self.domain().write.load(Acquire);
        self.slot().sequence.store(sequence, ord!("qsbr/quiescent_relaxed", Release => Relaxed));
    }

    /// Is it attached?
    pub fn is_attached(&self) -> bool {
        self.slot().sequence.load(Relaxed) != OFFLINE
    }

    /// Frees `block` with `free` when no reader can look at it any more.
    ///
    /// `size` (bytes, approximately) makes large blocks go sooner.
    /// True if enough has gathered for [`process`](Self::process) to be called at the next quiescent state.
    ///
    /// # Safety
    /// QS3: The block has been made unreachable for threads that do not hold a pointer to it yet.
    /// `free` may be called with it on any thread, once.
    pub unsafe fn retire(&self, block: *mut (), size: usize, free: FreeFn) -> bool {
        let blocks = self.blocks_since_step.get() + 1;
        let bytes = self.bytes_since_step.get().saturating_add(size);
        let step = blocks >= STEP_AFTER_BLOCKS || bytes >= STEP_AFTER_BYTES;
        let goal = if step {
            self.blocks_since_step.set(0);
            self.bytes_since_step.set(0);
            self.domain().advance()
        } else {
            self.blocks_since_step.set(blocks);
            self.bytes_since_step.set(bytes);
            self.domain().next_goal()
        };
        self.retired.borrow_mut().push_back(Retired { block, size, free, goal: goal.0 });
        step
    }

    /// Where its slot lies; slots of two participants lie on different cache lines.
    pub fn slot_address(&self) -> usize {
        self.slot.addr()
    }

    /// Number of blocks that wait.
    pub fn pending(&self) -> usize {
        self.retired.borrow().len()
    }

    /// Frees what may be freed, of this thread and of those that have ended. Call it in a quiescent state.
    pub fn process(&self) {
        // The oldest block has the lowest goal. One is taken at a time: freeing it may retire more, or come back here.
        loop {
            let mut retired = self.retired.borrow_mut();
            let Some(front) = retired.front() else { break };
            if !self.domain().poll(Goal(front.goal)) {
                break;
            }
            let block = retired.pop_front().expect("a front");
            drop(retired);
            // SAFETY: [QS1] its goal is reached.
            unsafe { (block.free)(block.block, block.size) };
        }
        self.domain().process_orphans();
    }

    /// Makes a step if one is due, passes a quiescent state, and frees what may be freed.
    pub fn flush(&self) {
        if self.blocks_since_step.replace(0) != 0 {
            self.bytes_since_step.set(0);
            self.domain().advance();
        }
        if self.is_attached() {
            self.quiescent();
        }
        self.process();
    }

    /// Frees everything that this thread and those that have ended have retired.
    ///
    /// # Safety
    /// No other thread looks at shared data: the world is stopped, or nobody else is attached.
    pub unsafe fn free_all_in_pause(&self) {
        loop {
            let block = self.retired.borrow_mut().pop_front();
            let block = block.or_else(|| self.domain().orphans.lock().pop_front());
            match block {
                // SAFETY: the caller's promise.
                Some(block) => unsafe { (block.free)(block.block, block.size) },
                None => break,
            }
        }
        self.domain().orphan_count.store(0, Relaxed);
    }
}

impl Drop for Participant {
    /// Leaves the domain; what still waits is left to the others (gh-130794).
    fn drop(&mut self) {
        let domain = self.domain();
        let mut mine = core::mem::take(&mut *self.retired.borrow_mut());
        self.slot().sequence.store(OFFLINE, Release);
        if !mine.is_empty() && !planted("qsbr/exit_drops_queue") {
            // A goal beyond the write sequence needs a step, which this thread will not make any more.
            domain.advance();
            if planted("qsbr/adopt_with_old_goal") {
                mine.iter_mut().for_each(|block| block.goal = block.goal.wrapping_sub(2 * STEP));
            }
            let mut orphans = domain.orphans.lock();
            orphans.extend(mine);
            domain.orphan_count.store(orphans.len(), Relaxed);
        }
        self.slot().taken.store(false, Release);
    }
}
