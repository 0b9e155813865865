//! Models of `krait-sync`, and the machinery that runs them.
//!
//! A [`Model`] is a small concurrent program on the crate's real code, built on loom (or shuttle) instead of the
//! machine. The checker runs it under every interleaving, within a bound on preemptions, and fails on a broken
//! assertion, a data race, a deadlock or a leak.
//!
//! A model that passes proves little by itself: it may not reach what it is about. So
//! * each model names **planted bugs**, weakened orderings and dropped steps in the crate's code, and must fail with
//!   each of them;
//! * each model has a least number of executions, and may name places it must have reached ([`cover`]);
//! * every planted bug in the crate belongs to a model (`tests/models.rs` looks for the names).
//!
//! Each run is a process of its own, because a failing model often aborts.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub mod design;
pub mod models;
pub mod object;
pub mod words;
pub mod world;

/// How a model is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Every interleaving with at most this many preemptions: in CI, and in the full run (`None`: no bound).
    Loom { ci: usize, full: Option<usize> },
    /// This many random schedules: in CI, and in the full run.
    Shuttle { ci: usize, full: usize },
}

/// A model. See the [crate](crate).
pub struct Model {
    /// Row of the design's list of models.
    pub row: &'static str,
    /// File of the model, in `src/models`, and of its primitive.
    pub file: &'static str,
    /// Name on the command line: the primitive, and a variant.
    pub name: &'static str,
    /// What it shows.
    pub property: &'static str,
    /// Number of threads, the main one included.
    pub threads: usize,
    /// How it is explored.
    pub engine: Engine,
    /// Are locks handed over at each unlock?
    pub fair: bool,
    /// Least number of executions in CI without a bug: fewer means that the model has lost its point.
    pub least: u64,
    /// Places that must be reached without a bug.
    pub covers: &'static [&'static str],
    /// Bugs that it must catch.
    pub bugs: &'static [&'static str],
    /// One execution.
    pub body: fn(),
}

impl Model {
    /// A model on loom with two preemptions in CI and three in the full run.
    pub const fn loom(
        row: &'static str,
        name: &'static str,
        property: &'static str,
        threads: usize,
        body: fn(),
    ) -> Model {
        let engine = Engine::Loom { ci: 2, full: Some(3) };
        Model { row, file: "", name, property, threads, engine, fair: false, least: 2, covers: &[], bugs: &[], body }
    }

    /// A model on shuttle.
    pub const fn shuttle(
        row: &'static str,
        name: &'static str,
        property: &'static str,
        threads: usize,
        body: fn(),
    ) -> Model {
        let engine = Engine::Shuttle { ci: 2_000, full: 50_000 };
        Model { row, file: "", name, property, threads, engine, fair: false, least: 2, covers: &[], bugs: &[], body }
    }

    /// With other bounds of loom's.
    pub const fn bounds(mut self, ci: usize, full: Option<usize>) -> Model {
        self.engine = Engine::Loom { ci, full };
        self
    }

    /// With other numbers of shuttle's schedules.
    pub const fn schedules(mut self, ci: usize, full: usize) -> Model {
        self.engine = Engine::Shuttle { ci, full };
        self
    }

    /// With locks handed over at each unlock.
    pub const fn fair(mut self) -> Model {
        self.fair = true;
        self
    }

    /// With at least this many executions.
    pub const fn least(mut self, least: u64) -> Model {
        self.least = least;
        self
    }

    /// With these places to reach.
    pub const fn covers(mut self, covers: &'static [&'static str]) -> Model {
        self.covers = covers;
        self
    }

    /// With these bugs to catch.
    pub const fn bugs(mut self, bugs: &'static [&'static str]) -> Model {
        self.bugs = bugs;
        self
    }

    /// Explores it in this process; returns the number of executions.
    pub fn explore(&self, full: bool) -> u64 {
        match self.engine {
            Engine::Loom { ci, full: more } => {
                use krait_sync::prim::model::{Fairness, set_fairness};
                set_fairness(if self.fair { Fairness::Always } else { Fairness::Never });
                let mut builder = loom::model::Builder::new();
                builder.preemption_bound = if full { more } else { Some(ci) };
                builder.max_branches = 50_000;
                let body = self.body;
                builder.check(move || {
                    EXECUTIONS.fetch_add(1, Relaxed);
                    // Made by the main thread, so that no model explores who makes it.
                    krait_sync::parking_lot::lot();
                    body();
                });
            }
            Engine::Shuttle { ci, full: more } => {
                let schedules = if full { more } else { ci };
                let body = self.body;
                let run = move || {
                    EXECUTIONS.fetch_add(1, Relaxed);
                    body();
                };
                shuttle::check_random(run, schedules / 2);
                shuttle::check_pct(run, schedules / 2, 3);
            }
        }
        executions()
    }
}

static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
static COVERED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Executions begun in this process.
pub fn executions() -> u64 {
    EXECUTIONS.load(Relaxed)
}

/// Says that some execution reached this place.
pub fn cover(place: &'static str) {
    COVERED.lock().unwrap().insert(place);
}

/// The places that were reached in this process.
pub fn covered() -> BTreeSet<&'static str> {
    COVERED.lock().unwrap().clone()
}

/// A number that the primitive under test protects; loom reports a race on it.
pub struct Protected(loom::cell::UnsafeCell<usize>);

// SAFETY: loom checks every access.
unsafe impl Sync for Protected {}
// SAFETY: as above.
unsafe impl Send for Protected {}

impl Protected {
    /// Holds `n`.
    pub fn new(n: usize) -> Protected {
        Protected(loom::cell::UnsafeCell::new(n))
    }

    /// Adds one.
    pub fn add(&self) {
        // SAFETY: loom checks that no other access races.
        self.0.with_mut(|n| unsafe { *n += 1 })
    }

    /// Changes it.
    pub fn set(&self, to: usize) {
        // SAFETY: loom checks that no other access races.
        self.0.with_mut(|n| unsafe { *n = to })
    }

    /// Reads it.
    pub fn get(&self) -> usize {
        // SAFETY: loom checks that no other access races.
        self.0.with(|n| unsafe { *n })
    }
}

/// Runs `f` on another thread of the model.
pub fn spawn<R: 'static>(f: impl FnOnce() -> R + 'static) -> loom::thread::JoinHandle<R> {
    loom::thread::spawn(f)
}

/// `together!(shared; |s| .., |s| ..; |s| ..)`: runs the first closures on threads of their own and the last one on this
/// thread, joins, and returns the shared value.
#[macro_export]
macro_rules! together {
    ($shared:expr; $($body:expr),+; $last:expr) => {{
        let shared = ::loom::sync::Arc::new($shared);
        let mut threads = Vec::new();
        $({
            let shared = shared.clone();
            threads.push($crate::spawn(move || ($body)(&*shared)));
        })+
        ($last)(&*shared);
        for thread in threads {
            thread.join().unwrap();
        }
        shared
    }};
}
