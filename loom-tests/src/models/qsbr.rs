//! QSBR.

use crate::{Model, Protected, cover, together};
use krait_sync::prim::{AtomicUsize, Ordering::*, planted};
use krait_sync::qsbr::{Domain, Participant};
use std::cell::Cell;
use std::sync::atomic;

pub const MODELS: [Model; 7] = [
    Model::loom("M27", "qsbr", "no block is freed that a reader may look at", 2, two)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["freed at once", "not yet"])
        .bugs(&[
            "qsbr/no_attach_fence",
            "qsbr/attach_seqcst_store",
            "qsbr/no_poll_fence",
            "qsbr/quiescent_relaxed",
            "qsbr/detach_relaxed",
            "qsbr/scan_relaxed",
            "qsbr/goal_current",
            "qsbr/hold_across_quiescent",
        ]),
    Model::loom("M27", "qsbr_return", "a reader that leaves and comes back has finished its first visit", 2, come_back)
        .bounds(3, Some(4))
        .least(50)
        .bugs(&["qsbr/attach_relaxed"]),
    Model::loom("M27", "qsbr_three", "the same with two readers", 3, three).least(300),
    Model::loom("M27", "qsbr_defer", "a goal may lie beyond the write sequence", 2, defer)
        .bounds(3, Some(4))
        .least(20)
        .bugs(&["qsbr/deferred_goal_current"]),
    Model::loom("M28", "qsbr_wrap", "the sequence may wrap", 2, wrap)
        .bounds(3, Some(4))
        .least(50)
        .bugs(&["qsbr/naive_compare"]),
    Model::loom("M29", "qsbr_grow", "slots are added while others look at them", 3, grow)
        .bounds(2, Some(2))
        .least(100)
        .bugs(&["qsbr/claim_by_store", "qsbr/scan_first_block_only", "qsbr/attach_relaxed"]),
    Model::loom("M30", "qsbr_exit", "what a thread leaves behind is freed, and not too soon", 3, exit)
        .bounds(2, Some(2))
        .least(100)
        .bugs(&["qsbr/exit_drops_queue", "qsbr/adopt_with_old_goal"]),
];

struct Env {
    domain: Domain,
    participants: Vec<Cell<Option<Participant>>>,
    /// Which block is current.
    current: AtomicUsize,
    blocks: [Protected; 2],
    freed: atomic::AtomicUsize,
}

/// It stays in place, and so do the domain's slots.
type Boxed = Box<Env>;

fn new(sequence: u64, participants: usize) -> Boxed {
    let env = Box::new(Env {
        domain: Domain::starting_at(sequence),
        participants: (0..participants).map(|_| Cell::new(None)).collect(),
        current: AtomicUsize::new(0),
        blocks: [Protected::new(1), Protected::new(1)],
        freed: atomic::AtomicUsize::new(0),
    });
    for participant in &env.participants {
        // SAFETY: the domain is in a box, and goes after the participants have been taken by their threads.
        participant.set(Some(unsafe { env.domain.register() }));
    }
    env
}

impl Env {
    fn me(&self, n: usize) -> Participant {
        match self.participants.get(n) {
            Some(participant) => participant.take().expect("taken once"),
            // SAFETY: as above.
            None => unsafe { self.domain.register() },
        }
    }

    fn look(&self) {
        assert_eq!(self.blocks[self.current.load(Acquire)].get(), 1, "read a freed block");
    }

    fn unlink(&self) {
        self.current.store(1, Release);
    }

    fn retire(&self, me: &Participant) {
        unsafe fn free(env: *mut (), _size: usize) {
            // SAFETY: retired below; the environment lives to the end of the execution.
            let env = unsafe { &*env.cast::<Env>() };
            env.blocks[0].set(0);
            assert_eq!(env.freed.fetch_add(1, atomic::Ordering::Relaxed), 0, "freed twice");
        }
        // SAFETY: unlinked before.
        unsafe { me.retire((&raw const *self).cast_mut().cast(), 8, free) };
    }
}

fn read(n: usize, twice: bool) -> impl Fn(&Boxed) {
    move |env| {
        let me = env.me(n);
        me.attach();
        if planted("qsbr/hold_across_quiescent") {
            // A reader's bug: what it found is not its own any more.
            let found = env.current.load(Acquire);
            me.quiescent();
            assert_eq!(env.blocks[found].get(), 1, "read a freed block");
        }
        env.look();
        if twice {
            me.quiescent();
            env.look();
        }
        me.detach();
    }
}

fn replace(env: &Boxed) {
    let me = env.me(0);
    me.attach();
    env.unlink();
    let goal = env.domain.advance();
    me.quiescent();
    if env.domain.poll(goal) {
        cover("freed at once");
        env.blocks[0].set(0);
    } else {
        cover("not yet");
    }
    me.detach();
}

fn two() {
    together!(new(1, 2); read(1, true); replace);
}

fn come_back() {
    let visit_twice = |env: &Boxed| {
        let me = env.me(1);
        for _ in 0..2 {
            me.attach();
            env.look();
            me.detach();
        }
    };
    together!(new(1, 2); visit_twice; replace);
}

fn three() {
    together!(new(1, 3); read(1, true), read(2, false); replace);
}

fn wrap() {
    together!(new(u64::MAX, 2); read(1, true); replace);
}

fn retire_and_flush(n: usize) -> impl Fn(&Boxed) {
    move |env| {
        let me = env.me(n);
        me.attach();
        env.unlink();
        env.retire(&me);
        me.quiescent();
        me.process();
        me.flush();
        me.detach();
    }
}

fn defer() {
    let env = together!(new(1, 2); read(1, false); retire_and_flush(0));
    env.domain.advance();
    env.domain.process_orphans();
    assert_eq!(env.freed.load(atomic::Ordering::Relaxed), 1);
}

fn grow() {
    let env = together!(new(1, 0); read(usize::MAX, false), read(usize::MAX, false); retire_and_flush(usize::MAX));
    env.domain.process_orphans();
    assert_eq!(env.freed.load(atomic::Ordering::Relaxed), 1);
    assert!(env.domain.capacity() <= 3);
}

fn exit() {
    let env = together!(new(1, 3); read(1, false),
        |env: &Boxed| {
            let me = env.me(2);
            me.attach();
            env.unlink();
            env.retire(&me);
            me.detach();
        };
        |env: &Boxed| {
            let me = env.me(0);
            me.attach();
            me.quiescent();
            me.process();
            me.detach();
        });
    env.domain.process_orphans();
    assert_eq!(env.freed.load(atomic::Ordering::Relaxed), 1, "never freed");
}
