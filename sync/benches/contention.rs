//! Contended locks: throughput, the longest wait, and how evenly the threads share. A table on standard output.
//!
//! `cargo bench -p krait-sync --bench contention`

use krait_sync::ByteMutex;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

trait Locks: Sync {
    const NAME: &'static str;
    fn new() -> Self;
    fn with(&self, f: impl FnOnce());
}

impl Locks for ByteMutex {
    const NAME: &'static str = "ByteMutex";
    fn new() -> Self {
        ByteMutex::new()
    }
    fn with(&self, f: impl FnOnce()) {
        let _guard = self.guard();
        f()
    }
}

impl Locks for std::sync::Mutex<()> {
    const NAME: &'static str = "std::sync::Mutex";
    fn new() -> Self {
        std::sync::Mutex::new(())
    }
    fn with(&self, f: impl FnOnce()) {
        let _guard = self.lock().unwrap();
        f()
    }
}

impl Locks for parking_lot::Mutex<()> {
    const NAME: &'static str = "parking_lot::Mutex";
    fn new() -> Self {
        parking_lot::Mutex::new(())
    }
    fn with(&self, f: impl FnOnce()) {
        let _guard = self.lock();
        f()
    }
}

fn work(n: u64) {
    for i in 0..n {
        black_box(i);
    }
}

fn measure<L: Locks>(threads: usize, inside: u64, outside: u64) {
    const TIME: Duration = Duration::from_millis(700);
    let lock = L::new();
    let (start, stop) = (Barrier::new(threads + 1), AtomicBool::new(false));
    let results: Vec<(u64, Duration)> = std::thread::scope(|s| {
        let handles: Vec<_> = (0..threads)
            .map(|_| {
                s.spawn(|| {
                    start.wait();
                    let (mut count, mut longest) = (0, Duration::ZERO);
                    while !stop.load(Relaxed) {
                        let before = Instant::now();
                        lock.with(|| {
                            longest = longest.max(before.elapsed());
                            work(inside);
                        });
                        work(outside);
                        count += 1;
                    }
                    (count, longest)
                })
            })
            .collect();
        start.wait();
        std::thread::sleep(TIME);
        stop.store(true, Relaxed);
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    let total: u64 = results.iter().map(|r| r.0).sum();
    let (least, most) = (results.iter().map(|r| r.0).min().unwrap(), results.iter().map(|r| r.0).max().unwrap());
    println!(
        "| {:18} | {threads:7} | {inside:6} | {:11.2} | {:15.3} | {:14.2} |",
        L::NAME,
        total as f64 / TIME.as_secs_f64() / 1e6,
        results.iter().map(|r| r.1).max().unwrap().as_secs_f64() * 1e3,
        least as f64 / most as f64,
    );
}

fn main() {
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    println!("| lock               | threads | inside | million/s   | longest wait ms | least to most  |");
    println!("|--------------------|---------|--------|-------------|-----------------|----------------|");
    for (inside, outside) in [(5, 50), (500, 500)] {
        for threads in [2, 4, 8] {
            measure::<std::sync::Mutex<()>>(threads, inside, outside);
            measure::<parking_lot::Mutex<()>>(threads, inside, outside);
            measure::<ByteMutex>(threads, inside, outside);
        }
    }
}
