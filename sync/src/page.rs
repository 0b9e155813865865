//! Free blocks and pages of type-stable memory, between threads.
//!
//! Readers without a lock may look at the head of an object that has died ([`brc::try_incref`](crate::brc::try_incref)), so
//! a block stays a block of its kind as long as such readers may be under way. This module has the three steps in which
//! several threads meet; an allocator is built around them.
//!
//! # Protocol
//!
//! **[`RemoteFree`]**: a page's owner frees to a plain list of its own. Other threads push onto a stack, by
//! compare-exchange; the owner takes the whole stack at once, by a swap. Nobody pops a single block, so there is no ABA.
//!
//! **[`PageTag`]**: an empty page may be used again for the same kind of blocks at once. For another kind it may be used when
//! every reader that could look at its old blocks has passed a quiescent state: it is tagged with a
//! [goal](crate::qsbr::Goal), made after the last block was freed.
//!
//! **[`IdlePool`]**: heaps of threads that have ended. A new thread adopts one whole; a collector visits them all.
//!
//! Invariants:
//! * **PG1** A page that ever held blocks of a kind keeps it until its goal has passed.
//! * **PG2** A block is in one place: in use, on the owner's list, or on the remote stack.
//! * **PG3** A heap has at most one owner; what its last owner wrote is seen by the next.
//! * **PG4** A collector that visits the pool while no thread adopts or leaves (in a pause) sees every heap without owner.
//!
//! Orderings: a push is Release, so that the owner, whose swap is Acquire, sees the block's link and all uses before. The tag
//! of a page belongs to its owner, like the page. The pool has a lock.
//!
//! Never blocks, but for the pool's lock. May run attached or detached; a page's owner is attached, or the world stopped.
//! Checked by the models `page_remote_free` (M32), `page_repurpose` (M31) and `page_adopt` (M33).
//!
//! ```
//! use krait_sync::page::PageTag;
//! use krait_sync::qsbr::Domain;
//!
//! let domain = Domain::new();
//! // SAFETY: the domain outlives it.
//! let reader = unsafe { domain.register() };
//! let page = PageTag::new();
//! assert!(page.use_for(16, &domain));
//! reader.attach();
//! page.emptied(&domain);
//! assert!(!page.use_for(32, &domain), "the reader may look at an old block");
//! reader.detach();
//! assert!(page.use_for(32, &domain));
//! page.emptied(&domain);
//! assert!(page.use_for(32, &domain), "the same kind at once");
//! ```

use crate::prim::{AtomicPtr, Cell, Ordering::*, PreLoad, const_new, ord, planted};
use crate::qsbr::{Domain, Goal};
use crate::raw_mutex::Lock;
use core::ptr;

/// Blocks that threads other than the page's owner have freed. All zero bytes are an empty one.
#[repr(transparent)]
pub struct RemoteFree {
    top: AtomicPtr<u8>,
}

impl RemoteFree {
    const_new! {
        /// Empty.
        pub const fn new() -> RemoteFree {
            RemoteFree { top: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Adds a block. `link` writes the pointer that it is given into the block's link.
    ///
    /// # Safety
    /// PG2: the caller frees the block, and nobody else uses its link.
    #[inline]
    pub unsafe fn push(&self, block: *mut u8, mut link: impl FnMut(*mut u8)) {
        let mut top = self.top.pre_load(Relaxed);
        loop {
            link(top);
            if planted("page/push_by_store") {
                self.top.swap(block, Release);
                return;
            }
            let release = ord!("page/push_relaxed", Release => Relaxed);
            match self.top.compare_exchange(top, block, release, Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Takes all blocks; they are linked, and null ends them. For the owner of the page.
    #[inline]
    pub fn take_all(&self) -> *mut u8 {
        if planted("page/take_leaves") {
            return self.top.pre_load(Acquire);
        }
        self.top.swap(ptr::null_mut(), ord!("page/take_relaxed", Acquire => Relaxed))
    }

    /// The blocks, linked, which stay where they are: the owner may walk them, since nobody else takes any.
    #[inline]
    pub fn peek(&self) -> *mut u8 {
        self.top.load(Acquire)
    }

    /// Is it empty? A guess, but for the owner in a pause.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.top.load(Relaxed).is_null()
    }
}

impl Default for RemoteFree {
    fn default() -> Self {
        RemoteFree::new()
    }
}

/// What a page is used for. It belongs to the page's owner.
#[derive(Default)]
pub struct PageTag {
    kind: Cell<usize>,
    goal: Cell<Option<Goal>>,
}

impl PageTag {
    /// A page that has never been used.
    pub const fn new() -> PageTag {
        PageTag { kind: Cell::new(0), goal: Cell::new(None) }
    }

    /// The kind of its blocks; 0 before the first use.
    pub fn kind(&self) -> usize {
        self.kind.get()
    }

    /// All its blocks are free now.
    pub fn emptied(&self, domain: &Domain) {
        // [PG1] After the last free, so that no thread which attaches from here on can find one of the old blocks.
        self.goal.set(Some(domain.advance()));
    }

    /// Makes it a page of `kind` (not 0) if that can be done now. The page is empty.
    pub fn use_for(&self, kind: usize, domain: &Domain) -> bool {
        let old = self.kind.get();
        let free = old == 0
            || old == kind
            || planted("page/repurpose_now")
            || self.goal.get().is_some_and(|goal| domain.poll(goal));
        if free {
            self.kind.set(kind);
            self.goal.set(None);
        }
        free
    }
}

/// Heaps without owner. `T` names one.
pub struct IdlePool<T>(Lock<Vec<T>>);

impl<T: Copy> IdlePool<T> {
    const_new! {
        /// None.
        pub const fn new() -> IdlePool<T> {
            IdlePool(Lock::new(Vec::new()))
        }
    }

    /// A thread that ends gives its heap up.
    pub fn abandon(&self, heap: T) {
        self.0.lock().push(heap);
    }

    /// A new thread takes a heap, if there is one.
    pub fn adopt(&self) -> Option<T> {
        if planted("page/adopt_in_two_steps") {
            let top = self.0.lock().last().copied();
            let _ = self.0.lock().pop();
            return top;
        }
        self.0.lock().pop()
    }

    /// Shows `visit` every heap without owner, under the lock.
    pub fn each(&self, visit: impl FnMut(T)) {
        self.0.lock().iter().copied().for_each(visit)
    }

    /// The pool, unlocked, in the child of a fork.
    ///
    /// # Safety
    /// No other thread of this process exists.
    pub unsafe fn reset_after_fork(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.reset_after_fork() }
    }
}

impl<T: Copy> Default for IdlePool<T> {
    fn default() -> Self {
        IdlePool::new()
    }
}
