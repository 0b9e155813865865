//! [`RemoteFree`], [`PageTag`] and [`IdlePool`].

use crate::{Model, Protected, cover, together};
use krait_sync::page::{IdlePool, PageTag, RemoteFree};
use krait_sync::prim::{AtomicPtr, Ordering::*, UnsafeCell};
use krait_sync::qsbr::{Domain, Participant};
use std::ptr;
use std::sync::atomic;

pub const MODELS: [Model; 3] = [
    Model::loom("M31", "page_repurpose", "a page changes its kind when no reader can look at its old blocks", 2, kind)
        .bounds(3, Some(4))
        .least(10)
        .covers(&["read a free block", "repurposed", "not yet"])
        .bugs(&["page/repurpose_now", "qsbr/no_attach_fence"]),
    Model::loom("M32", "page_remote_free", "a block that others free comes back once", 3, remote)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["collected while they free"])
        .bugs(&["page/push_by_store", "page/push_relaxed", "page/take_leaves", "page/take_relaxed"]),
    Model::loom("M33", "page_adopt", "a heap has one owner at a time, and a collector sees those that have none", 3, adopt)
        .bounds(2, Some(3))
        .least(50)
        .covers(&["adopted", "visited"])
        .bugs(&["page/adopt_in_two_steps"]),
];

const ONE: usize = 1;
const OTHER: usize = 2;

/// A page with one block, which a table refers to.
struct Page {
    domain: Domain,
    tag: PageTag,
    slot: AtomicPtr<Protected>,
    /// The block: as an object's head, which free blocks keep; and as anything else.
    head: Protected,
}

// SAFETY: one thread uses the tag.
unsafe impl Sync for Page {}
// SAFETY: the pointer is to `head`.
unsafe impl Send for Page {}

impl Page {
    fn enter(&self) -> Participant {
        // SAFETY: the participants go before the domain.
        let me = unsafe { self.domain.register() };
        me.attach();
        me
    }
}

fn kind() {
    let page = Page {
        domain: Domain::new(),
        tag: PageTag::new(),
        slot: AtomicPtr::new(ptr::null_mut()),
        head: Protected::new(0),
    };
    assert!(page.tag.use_for(ONE, &page.domain));
    let read = |page: &Page| {
        let me = page.enter();
        if !page.slot.load(Acquire).is_null() {
            // The block may be free by now; it still has a head.
            cover("read a free block");
            page.head.get();
        }
        me.detach();
    };
    let owner = |page: &Page| {
        let me = page.enter();
        page.slot.swap(ptr::null_mut(), AcqRel);
        page.tag.emptied(&page.domain);
        me.quiescent();
        if page.tag.use_for(OTHER, &page.domain) {
            cover("repurposed");
            assert_eq!(page.tag.kind(), OTHER);
            // What was a head is anything now.
            page.head.set(77);
        } else {
            cover("not yet");
            assert!(page.tag.use_for(ONE, &page.domain), "not even for the same kind");
        }
        me.detach();
    };
    page.slot.store((&raw const page.head).cast_mut(), Release);
    together!(page; read; owner);
}

struct Block {
    link: UnsafeCell<*mut u8>,
    /// What its last user wrote.
    body: Protected,
    /// Ghost state: how often it came back.
    back: atomic::AtomicUsize,
}

struct Remote {
    stack: RemoteFree,
    blocks: [Block; 2],
}

// SAFETY: loom checks the links.
unsafe impl Sync for Remote {}
// SAFETY: as above.
unsafe impl Send for Remote {}

impl Remote {
    fn free(&self, n: usize) {
        let block = &self.blocks[n];
        block.body.add();
        // SAFETY: freed once.
        unsafe {
            self.stack.push(ptr::from_ref(block).cast_mut().cast(), |top| block.link.with_mut(|link| *link = top));
        }
    }

    fn collect(&self) -> usize {
        let mut count = 0;
        let mut at = self.stack.take_all();
        // SAFETY: the stack holds blocks.
        while let Some(block) = unsafe { at.cast::<Block>().as_ref() } {
            block.body.add();
            assert_eq!(block.back.fetch_add(1, atomic::Ordering::Relaxed), 0, "a block came back twice");
            count += 1;
            // SAFETY: loom checks the link.
            at = block.link.with(|link| unsafe { *link });
        }
        count
    }
}

fn remote() {
    let block = || Block {
        link: UnsafeCell::new(ptr::null_mut()),
        body: Protected::new(0),
        back: atomic::AtomicUsize::new(0),
    };
    let remote = Remote { stack: RemoteFree::new(), blocks: [block(), block()] };
    let early = atomic::AtomicUsize::new(0);
    let both = together!((remote, early); |(remote, _): &(Remote, _)| remote.free(0), |(remote, _): &(Remote, _)| remote.free(1);
        |(remote, early): &(Remote, atomic::AtomicUsize)| early.store(remote.collect(), atomic::Ordering::Relaxed));
    let early = both.1.load(atomic::Ordering::Relaxed);
    if early == 1 {
        cover("collected while they free");
    }
    assert_eq!(early + both.0.collect(), 2, "a block was lost");
}

fn adopt() {
    type Env = (IdlePool<usize>, [Protected; 2]);
    let thread = |(pool, heaps): &Env| {
        if let Some(heap) = pool.adopt() {
            cover("adopted");
            heaps[heap].add();
            pool.abandon(heap);
        }
    };
    let env = (IdlePool::new(), [Protected::new(0), Protected::new(0)]);
    env.0.abandon(0);
    env.0.abandon(1);
    let env = together!(env; thread, thread; |(pool, heaps): &Env| {
        // A collector may look at what has no owner while it holds the pool.
        pool.each(|heap| {
            cover("visited");
            heaps[heap].get();
        });
    });
    let mut seen = [0; 2];
    env.0.each(|heap| seen[heap] += 1);
    assert_eq!(seen, [1, 1], "a heap is lost, or has two places");
}
