//! [`SharedArray`].

use crate::words::Words;
use crate::{Model, cover, together};
use krait_sync::array::SharedArray;
use krait_sync::qsbr::{Domain, Participant};

pub const MODELS: [Model; 3] = [
    Model::loom("M37", "array", "what is found was in the slot", 2, replace)
        .bounds(3, Some(4))
        .least(10)
        .covers(&["old", "new", "failed"])
        .bugs(&["slot/no_second_look"]),
    Model::loom("M38", "array_grow", "a reader sees written slots of a block that is not freed", 2, grow)
        .bounds(3, Some(4))
        .least(10)
        .covers(&["old", "new"])
        .bugs(&["array/publish_before_fill", "array/publish_relaxed", "array/block_relaxed", "array/free_at_once"]),
    Model::loom("M38", "array_shrink", "the length and the block may be of different moments", 2, shrink)
        .bounds(3, Some(4))
        .least(10),
];

struct Env {
    domain: Domain,
    array: SharedArray,
    words: Words,
}

fn new(capacity: usize) -> Env {
    Env { domain: Domain::new(), array: SharedArray::with_capacity(capacity), words: Words::new() }
}

impl Env {
    fn enter(&self) -> Participant {
        // SAFETY: the participants go before the domain.
        let me = unsafe { self.domain.register() };
        me.attach();
        me
    }

    fn push(&self, word: usize) {
        let me = self.enter();
        // SAFETY: one thread writes, attached.
        unsafe { self.array.push(word, &me) };
        me.flush();
        me.detach();
    }

    fn get(&self, index: usize) -> Option<usize> {
        let me = self.enter();
        // SAFETY: attached.
        let found = unsafe { self.array.get(index, &me, |word| self.words.try_incref(word), |word| self.words.undo(word)) };
        me.detach();
        found
    }
}

fn replace() {
    let env = new(1);
    env.push(1);
    let write = |env: &Env| {
        // SAFETY: one thread writes.
        let old = unsafe { env.array.replace(0, 2) };
        env.words.let_go(old);
    };
    let read = |env: &Env| match env.get(0) {
        Some(1) => {
            cover("old");
            env.words.is_first();
        }
        Some(2) => cover("new"),
        Some(_) => unreachable!(),
        None => cover("failed"),
    };
    together!(env; write; read);
}

fn grow() {
    let env = new(1);
    env.push(1);
    let write = |env: &Env| env.push(2);
    let read = |env: &Env| {
        if env.get(1) == Some(2) {
            cover("new");
        } else {
            cover("old");
        }
        assert_eq!(env.get(0), Some(1), "an element that nobody touched was not there");
    };
    together!(env; write; read);
}

fn shrink() {
    let env = new(2);
    env.push(1);
    env.push(2);
    let write = |env: &Env| {
        // SAFETY: one thread writes.
        assert_eq!(unsafe { env.array.pop() }, Some(2));
        env.words.undo(2);
        env.push(1);
    };
    let read = |env: &Env| {
        let found = env.get(1);
        assert!(matches!(found, None | Some(1 | 2)));
    };
    together!(env; write; read);
}
