//! [`CrossChannel`].

use crate::{Model, cover, together};
use krait_sync::block::Wait;
use krait_sync::prim::Deadline;
use krait_sync::xchannel::{CrossChannel, End};
use krait_sync::xqueue::{NotDone, Received, Unbind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub const MODELS: [Model; 2] = [
    Model::loom("M46", "xchannel", "a value is received or given back, and the sender knows which", 2, patience)
        .least(50)
        .covers(&["received", "given back"])
        .bugs(&["xchannel/settle_by_store"]),
    Model::loom("M46", "xchannel_close", "a sender that waits is woken by receipt and by close", 2, close)
        .least(20)
        .covers(&["received", "lost"])
        .bugs(&["xchannel/receipt_wakes_nobody"]),
];

type Env = (CrossChannel<u32>, AtomicUsize);

fn new() -> Env {
    (CrossChannel::new(), AtomicUsize::new(0))
}

/// The sender's patience may end at the moment of receipt.
fn patience() {
    let receive = |(channel, received): &Env| {
        // It comes: a wait with a deadline must not be the last one to go in a model.
        assert!(matches!(channel.recv(2, Wait::KEEP), Ok(Received::Item(_))));
        received.fetch_add(1, Relaxed);
    };
    let env = together!(new(); receive; |(channel, _): &Env| {
        let wait = Wait::KEEP.until(Deadline::at_ns(5));
        match channel.send_and_wait(1, Unbind::Drop, 7, wait) {
            Ok(()) => cover("received"),
            Err((NotDone::TimedOut, Some(7))) => {
                cover("given back");
                channel.send(1, Unbind::Drop, 8).unwrap();
            }
            Err(other) => panic!("{other:?}"),
        }
    });
    // Of two values the first one was given back.
    assert_eq!(env.1.load(Relaxed), 1);
    assert_eq!(env.0.recv(3, Wait::POLL), Err(NotDone::TimedOut), "both given back and there still");
}

/// The last receiver goes, perhaps before it has received.
fn close() {
    let receive = |(channel, received): &Env| {
        if channel.recv(2, Wait::POLL) == Ok(Received::Item(7)) {
            received.fetch_add(1, Relaxed);
        }
        channel.release(2, End::Recv);
    };
    let env = together!(new(); receive; |(channel, _): &Env| {
        match channel.send_and_wait(1, Unbind::Drop, 7, Wait::KEEP) {
            Ok(()) => cover("received"),
            Err((NotDone::Closed, _)) => cover("lost"),
            Err(other) => panic!("{other:?}"),
        }
    });
    assert!(env.0.is_empty());
}
