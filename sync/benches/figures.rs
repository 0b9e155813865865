//! The figures that the crate promises, each a ratio of two loops measured in turns in one run.
//!
//! `cargo bench -p krait-sync --bench figures`
//!
//! The two loops of a ratio take turns in short batches, and the ratio is that of each pair's times: its median. So what else
//! the machine does, which hits both alike, changes it little; the last column says how much it varied.

use krait_sync::brc::{self, CountRef, Outcome};
use krait_sync::critical_section::{self as cs, CriticalSection, ThreadCtx};
use krait_sync::mutex::{ByteMutex, Mutex};
use krait_sync::prim::thread_id;
use krait_sync::thread_state::{DETACHED, StateWord};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicIsize, AtomicU32, AtomicUsize};
use std::time::Instant;

const BATCH: u32 = 20_000;
const PAIRS: usize = 301;

fn batch(f: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..BATCH {
        f();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
}

/// A line of the table; true if the median is within the bound.
fn compare(
    what: &str,
    bound: f64,
    (ours_name, mut ours): (&str, impl FnMut()),
    (other_name, mut other): (&str, impl FnMut()),
) -> bool {
    let (mut ratios, mut times) = (Vec::new(), (Vec::new(), Vec::new()));
    for n in 0..PAIRS {
        // Who goes first takes turns too.
        let (a, b) = if n % 2 == 0 {
            let a = batch(&mut ours);
            (a, batch(&mut other))
        } else {
            let b = batch(&mut other);
            (batch(&mut ours), b)
        };
        ratios.push(a / b);
        times.0.push(a);
        times.1.push(b);
    }
    let middle = |values: &mut Vec<f64>, part: usize| {
        values.sort_by(f64::total_cmp);
        values[values.len() * part / 100]
    };
    let (low, ratio, high) = (middle(&mut ratios, 25), middle(&mut ratios, 50), middle(&mut ratios, 75));
    let (ours, other) = (middle(&mut times.0, 50), middle(&mut times.1, 50));
    let met = ratio <= bound;
    println!(
        "| {what} | {ours_name} {ours:.2} ns | {other_name} {other:.2} ns | {ratio:.3} | {bound:.2} | {} | {low:.3} to {high:.3} |",
        if met { "yes" } else { "no" },
    );
    met
}

/// As an object has it.
struct Header {
    tid: AtomicUsize,
    local: AtomicU32,
    shared: AtomicIsize,
}

impl Header {
    #[inline(always)]
    fn counts(&self) -> CountRef<'_> {
        CountRef { tid: &self.tid, local: &self.local, shared: &self.shared }
    }
}

#[cold]
fn cold() {
    black_box(0);
}

fn main() {
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    println!("| figure | ours | beside | ratio | bound | met | middle half |");
    println!("|---|---|---|---|---|---|---|");
    let mut met = true;

    let (mine, theirs) = (Mutex::new(0u64), parking_lot::Mutex::new(0u64));
    met &= compare(
        "lock and unlock, uncontended",
        // No slower, as far as the measurement can tell.
        1.02,
        ("`ByteMutex`", || *black_box(&mine).lock() += 1),
        ("`parking_lot::Mutex`", || *black_box(&theirs).lock() += 1),
    );

    let (mutex, value) = (ByteMutex::new(), Cell::new(0u64));
    let (sections, state) = (Cell::new(0), StateWord::new(DETACHED));
    assert!(state.try_attach());
    let ctx = ThreadCtx { sections: &sections, state: &state };
    met &= compare(
        "critical section, uncontended",
        1.3,
        ("`CriticalSection`", || {
            let frame = CriticalSection::new();
            // SAFETY: this thread's context; the frame stays and ends here.
            unsafe {
                cs::begin(ctx, &frame, black_box(&mutex));
                value.set(value.get() + 1);
                cs::end(ctx, &frame);
            }
        }),
        ("bare `ByteMutex`", || {
            black_box(&mutex).lock();
            value.set(value.get() + 1);
            // SAFETY: locked above.
            unsafe { black_box(&mutex).unlock() }
        }),
    );

    let me = thread_id();
    let header = Header { tid: AtomicUsize::new(me), local: AtomicU32::new(1), shared: AtomicIsize::new(0) };
    let plain = Cell::new(1u64);
    met &= compare(
        "incref and decref by the owner",
        1.2,
        ("`brc`", || {
            brc::incref(black_box(&header).counts(), me);
            if brc::decref(black_box(&header).counts(), me) != Outcome::Alive {
                cold();
            }
        }),
        ("plain counter", || {
            let count = black_box(&plain);
            count.set(count.get() + 1);
            // The body of the loop lies between the two.
            let count = black_box(&plain);
            count.set(count.get() - 1);
            if count.get() == 0 {
                cold();
            }
        }),
    );
    if !met {
        println!("\nnot all are met");
    }
}
