//! [`CrossQueue`].

use crate::{Model, together};
use krait_sync::block::Wait;
use krait_sync::xqueue::{CrossQueue, NotDone, Received, Unbind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub const MODELS: [Model; 2] = [
    Model::loom("M46", "xqueue", "a blocked receiver is woken by an item and by close", 2, close)
        .least(20)
        .bugs(&["xqueue/close_wakes_nobody"]),
    Model::loom("M46", "xqueue_unbind", "an item is received once or dropped once", 3, unbind).least(50),
];

fn close() {
    type Env = (CrossQueue<u32>, AtomicUsize);
    let env = together!((CrossQueue::new(1), AtomicUsize::new(0));
        |(queue, received): &Env| {
            loop {
                match queue.recv(Wait::DETACH) {
                    Ok(Received::Item(_)) => received.fetch_add(1, Relaxed),
                    Ok(Received::Unbound) => unreachable!(),
                    Err(why) => break assert_eq!(why, NotDone::Closed),
                };
            }
        };
        |(queue, _): &Env| {
            queue.send(1, Unbind::Drop, 7, Wait::DETACH).unwrap();
            queue.close();
        });
    assert_eq!(env.1.load(Relaxed), 1);
}

fn unbind() {
    type Env = (CrossQueue<u32>, AtomicUsize);
    let env = together!((CrossQueue::new(0), AtomicUsize::new(0));
        |(queue, count): &Env| {
            if let Ok(Received::Item(_)) = queue.recv(Wait::POLL) {
                count.fetch_add(1, Relaxed);
            }
        },
        |(queue, count): &Env| {
            count.fetch_add(queue.unbind(1).len(), Relaxed);
        };
        |(queue, _): &Env| queue.send(1, Unbind::Drop, 7, Wait::POLL).unwrap());
    assert_eq!(env.1.load(Relaxed) + env.0.len(), 1);
}
