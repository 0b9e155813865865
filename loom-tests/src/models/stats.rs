//! [`Counters`].

use crate::{Model, together};
use krait_sync::stats::{Counters, Totals};

pub const MODELS: [Model; 1] = [Model::loom("-", "stats", "every wait is in one sum, and the longest is known", 3, model)
    .bounds(3, Some(4))
    .least(100)
    .bugs(&["stats/add_by_store", "stats/longest_by_store", "stats/take_by_store"])];

fn model() {
    let taken = loom::sync::Mutex::new(Totals::default());
    let env = together!((Counters::new(), taken);
        |(counters, _): &(Counters, _)| counters.add(3),
        |(counters, _): &(Counters, _)| counters.add(5);
        |(counters, taken): &(Counters, loom::sync::Mutex<Totals>)| *taken.lock().unwrap() = counters.take());
    let (taken, left) = (*env.1.lock().unwrap(), env.0.take());
    assert_eq!(taken.waits + left.waits, 2);
    assert_eq!(taken.ns + left.ns, 8);
    assert_eq!(taken.longest_ns.max(left.longest_ns), 5);
    assert_eq!(env.0.totals(), Totals::default());
}
