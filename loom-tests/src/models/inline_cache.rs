//! [`InlineCache`].

use crate::{Model, cover, together};
use krait_sync::inline_cache::InlineCache;

pub const MODELS: [Model; 2] = [
    Model::loom("M36", "inline_cache", "a form is run with its own operands", 2, specialise)
        .bounds(3, Some(4))
        .least(20)
        .covers(&["general", "first", "second"])
        .bugs(&[
            "inline_cache/form_first",
            "inline_cache/form_relaxed",
            "inline_cache/publish_relaxed",
            "inline_cache/no_second_look",
            "inline_cache/no_write_fence",
            "inline_cache/reuse_word",
        ]),
    Model::loom("M36", "inline_cache_two", "one thread specialises, and gives up what it saw only", 3, two)
        .bounds(2, Some(3))
        .least(50)
        .covers(&["specialised", "too late"]),
];

/// A form gives up and comes back with other operands, while another thread runs it.
fn specialise() {
    let cache = InlineCache::<2>::new();
    assert!(cache.specialise(1, [10, 10]));
    // Not on the thread itself: loom would take its own look for the last one.
    let (_, _, seen) = cache.read().expect("specialised");
    let change = move |cache: &InlineCache<2>| {
        assert!(cache.give_up(seen));
        // The same form: nothing but the count of changes tells the two apart.
        assert!(cache.specialise(1, [20, 20]));
    };
    let run = |cache: &InlineCache<2>| match cache.read() {
        None => cover("general"),
        Some((1, [10, 10], _)) => cover("first"),
        Some((1, [20, 20], _)) => cover("second"),
        Some(other) => panic!("operands of two specialisations: {other:?}"),
    };
    together!(cache; change; run);
}

/// Two threads specialise the same instruction; a third one runs it and gives it up.
fn two() {
    let by = |n: usize| {
        move |cache: &InlineCache<2>| {
            cover(if cache.specialise(n as u8, [n, n]) { "specialised" } else { "too late" });
        }
    };
    let gives_up = |cache: &InlineCache<2>| {
        if let Some((form, operands, seen)) = cache.read() {
            assert_eq!(operands, [form as usize; 2]);
            cache.give_up(seen);
        }
    };
    let cache = together!(InlineCache::<2>::new(); by(1), by(2); gives_up);
    if let Some((form, operands, seen)) = cache.read() {
        assert_eq!(operands, [form as usize; 2]);
        assert!(cache.give_up(seen) && cache.read().is_none() && !cache.give_up(seen));
    }
    assert!(cache.specialise(3, [3, 3]));
}
