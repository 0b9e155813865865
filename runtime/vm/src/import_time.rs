//! `-X importtime`: a line on standard error for each import, with the time it took itself and with what it imported.
use krait_object::{PyResult, Str};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Instant;

/// The times of one interpreter's imports.
pub struct Clock {
    /// Whether the heading is written.
    begun: AtomicBool,
    /// How many imports are under way.
    depth: AtomicUsize,
    /// Microseconds of the imports that the one under way has made so far.
    inner: AtomicU64,
}

impl Clock {
    pub(crate) const fn new() -> Clock {
        Clock { begun: AtomicBool::new(false), depth: AtomicUsize::new(0), inner: AtomicU64::new(0) }
    }

    /// Imports a module by `find` and writes how long that took.
    pub(crate) fn time<R>(&self, name: &Str, find: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
        self.begin();
        let before = self.inner.swap(0, Relaxed);
        let depth = self.depth.fetch_add(1, Relaxed);
        let start = Instant::now();
        let result = find();
        let total = start.elapsed().as_micros() as u64;
        self.depth.store(depth, Relaxed);
        let own = total.saturating_sub(self.inner.swap(before + total, Relaxed));
        let (indent, name) = (2 * depth, shown(name));
        eprintln!("import time: {own:>9} | {total:>10} | {:indent$}{name}", "");
        result
    }

    /// Tells of an import of a module that was there.
    pub(crate) fn cached(&self, name: &Str) {
        self.begin();
        let (indent, name) = (2 * self.depth.load(Relaxed), shown(name));
        eprintln!("import time: {:<9} | {:<10} | {:indent$}{name}", "cached", "cached", "");
    }

    fn begin(&self) {
        if !self.begun.swap(true, Relaxed) {
            eprintln!("import time: self [us] | cumulative | imported package");
        }
    }
}

/// A module's name, with escapes for what cannot be printed.
fn shown(name: &Str) -> String {
    let mut out = String::new();
    for point in name.code_points() {
        match char::from_u32(point) {
            Some(ch) => out.push(ch),
            None => out.push_str(&format!("\\u{point:04x}")),
        }
    }
    out
}
