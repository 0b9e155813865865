//! The uncontended and the shared paths, beside the usual crates.
//!
//! `cargo bench -p krait-sync --bench primitives [-- FILTER]`

use criterion::{Criterion, criterion_group, criterion_main};
use krait_sync::brc::{self, CountRef, IMMORTAL, MAYBE_WEAKREF};
use krait_sync::breaker::Breaker;
use krait_sync::critical_section::{self as cs, CriticalSection, CriticalSection2, ThreadCtx};
use krait_sync::gil::Gil;
use krait_sync::mutex::{ByteMutex, Mutex};
use krait_sync::once::OnceFlag;
use krait_sync::prim::thread_id;
use krait_sync::qsbr::Domain;
use krait_sync::raw_mutex::Lock;
use krait_sync::rwlock::RwLock;
use krait_sync::seqlock::SeqLock;
use krait_sync::snapshot::Snapshot;
use krait_sync::stop_the_world::{PauseScopes, Scope, StopTheWorld};
use krait_sync::thread_state::{DETACHED, Pauses, StateWord};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, AtomicUsize, Ordering::*};
use std::time::Duration;

fn locks(c: &mut Criterion) {
    let mut group = c.benchmark_group("lock and unlock, uncontended");
    let mutex = std::sync::Mutex::new(0u64);
    group.bench_function("std::sync::Mutex", |b| b.iter(|| *black_box(&mutex).lock().unwrap() += 1));
    let mutex = parking_lot::Mutex::new(0u64);
    group.bench_function("parking_lot::Mutex", |b| b.iter(|| *black_box(&mutex).lock() += 1));
    let mutex = Mutex::new(0u64);
    group.bench_function("ByteMutex", |b| b.iter(|| *black_box(&mutex).lock() += 1));
    let mutex = Lock::new(0u64);
    group.bench_function("RawMutex", |b| b.iter(|| *black_box(&mutex).lock() += 1));
    let lock = RwLock::new();
    group.bench_function("RwLock, read", |b| {
        b.iter(|| {
            black_box(&lock).read();
            // SAFETY: entered above.
            unsafe { black_box(&lock).unread() }
        })
    });
    let lock = parking_lot::RwLock::new(0u64);
    group.bench_function("parking_lot::RwLock, read", |b| b.iter(|| black_box(*black_box(&lock).read())));
    let (gil, breaker) = (Gil::new(), Breaker::new());
    group.bench_function("Gil", |b| {
        // SAFETY: the breaker outlives it.
        b.iter(|| unsafe {
            black_box(&gil).acquire(&breaker);
            black_box(&gil).release(&breaker);
        })
    });
    let flag = OnceFlag::new();
    flag.call_once(|| ());
    group.bench_function("OnceFlag, done", |b| b.iter(|| black_box(&flag).call_once(|| ())));
    group.finish();

    let mut group = c.benchmark_group("critical section, uncontended");
    let (mutex, other, value) = (ByteMutex::new(), ByteMutex::new(), Cell::new(0u64));
    group.bench_function("bare ByteMutex", |b| {
        b.iter(|| {
            black_box(&mutex).lock();
            value.set(value.get() + 1);
            // SAFETY: locked above.
            unsafe { black_box(&mutex).unlock() }
        })
    });
    let (sections, state) = (Cell::new(0), StateWord::new(DETACHED));
    assert!(state.try_attach());
    let ctx = ThreadCtx { sections: &sections, state: &state };
    group.bench_function("one object", |b| {
        b.iter(|| {
            let frame = CriticalSection::new();
            // SAFETY: this thread's context; the frame stays and ends here.
            unsafe {
                cs::begin(ctx, &frame, black_box(&mutex));
                value.set(value.get() + 1);
                cs::end(ctx, &frame);
            }
        })
    });
    group.bench_function("two objects", |b| {
        b.iter(|| {
            let frame = CriticalSection2::new();
            // SAFETY: as above.
            unsafe {
                cs::begin2(ctx, &frame, black_box(&mutex), black_box(&other));
                value.set(value.get() + 1);
                cs::end2(ctx, &frame);
            }
        })
    });
    group.finish();
}

struct Header {
    tid: AtomicUsize,
    local: AtomicU32,
    shared: AtomicIsize,
}

impl Header {
    fn new(tid: usize, local: u32, shared: isize) -> Header {
        Header { tid: AtomicUsize::new(tid), local: AtomicU32::new(local), shared: AtomicIsize::new(shared) }
    }
    #[inline(always)]
    fn counts(&self) -> CountRef<'_> {
        CountRef { tid: &self.tid, local: &self.local, shared: &self.shared }
    }
}

fn counts(c: &mut Criterion) {
    let mut group = c.benchmark_group("incref and decref");
    // The work of a plain count: up; down, and die at zero.
    let plain = Cell::new(1u64);
    group.bench_function("plain counter", |b| {
        b.iter(|| {
            let count = black_box(&plain);
            count.set(count.get() + 1);
            // The body of the loop lies between the two.
            let count = black_box(&plain);
            count.set(count.get() - 1);
            if count.get() == 0 {
                cold();
            }
        })
    });
    let me = thread_id();
    for (name, header) in
        [("owned", Header::new(me, 1, 0)), ("shared", Header::new(1, 1, 8)), ("immortal", Header::new(0, IMMORTAL, 0))]
    {
        group.bench_function(name, |b| {
            b.iter(|| {
                brc::incref(black_box(&header).counts(), me);
                assert_eq!(brc::decref(black_box(&header).counts(), me), brc::Outcome::Alive);
            })
        });
    }
    let header = Header::new(me, 1, 0);
    group.bench_function("owned, id read each time", |b| {
        b.iter(|| {
            brc::incref(black_box(&header).counts(), thread_id());
            assert_eq!(brc::decref(black_box(&header).counts(), thread_id()), brc::Outcome::Alive);
        })
    });
    let arc = Arc::new(0u64);
    group.bench_function("std::sync::Arc", |b| b.iter(|| black_box(Arc::clone(black_box(&arc)))));
    let header = Header::new(1, 1, 8 | MAYBE_WEAKREF);
    group.bench_function("try_incref and decref, shared", |b| {
        b.iter(|| {
            assert!(brc::try_incref(black_box(&header).counts(), me));
            assert_eq!(brc::decref(black_box(&header).counts(), me), brc::Outcome::Alive);
        })
    });
    group.finish();
}

#[cold]
fn cold() {
    black_box(0);
}

fn readers(c: &mut Criterion) {
    let mut group = c.benchmark_group("read a shared table");
    let domain = Domain::new();
    // SAFETY: the domain outlives it.
    let me = unsafe { domain.register() };
    me.attach();
    let table = Snapshot::new([1u64; 8]);
    group.bench_function("Snapshot", |b| {
        // SAFETY: attached, and no quiescent state while the reference is used.
        b.iter(|| unsafe { black_box(&table).read(&me)[3] })
    });
    group.bench_function("Snapshot and a quiescent state", |b| {
        b.iter(|| {
            // SAFETY: as above.
            let value = unsafe { black_box(&table).read(&me)[3] };
            me.quiescent();
            value
        })
    });
    group.bench_function("attach and detach", |b| {
        b.iter(|| {
            me.detach();
            me.attach();
        })
    });
    let pointer = crossbeam_epoch::Atomic::new([1u64; 8]);
    group.bench_function("crossbeam-epoch, pinned each time", |b| {
        b.iter(|| {
            let guard = crossbeam_epoch::pin();
            // SAFETY: never null, and never retired.
            unsafe { black_box(&pointer).load(Acquire, &guard).deref()[3] }
        })
    });
    let swap = arc_swap::ArcSwap::from_pointee([1u64; 8]);
    group.bench_function("arc-swap", |b| b.iter(|| black_box(&swap).load()[3]));
    let lock = SeqLock::new();
    let value = AtomicUsize::new(1);
    group.bench_function("SeqLock", |b| {
        b.iter(|| {
            let sequence = black_box(&lock).read_begin();
            let value = value.load(Relaxed);
            assert!(black_box(&lock).validate(sequence));
            value
        })
    });
    let lock = parking_lot::RwLock::new([1u64; 8]);
    group.bench_function("parking_lot::RwLock", |b| b.iter(|| black_box(&lock).read()[3]));
    group.bench_function("retire and free", |b| {
        unsafe fn free(_: *mut (), _: usize) {}
        b.iter(|| {
            // SAFETY: nothing is freed.
            if unsafe { me.retire(black_box(8) as *mut (), 64, free) } {
                me.quiescent();
                me.process();
            }
        })
    });
    group.finish();
}

fn pauses(c: &mut Criterion) {
    let mut group = c.benchmark_group("stop the world and go on");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    for threads in [1usize, 2, 4, 8, 16] {
        let scopes = PauseScopes::new();
        let world = StopTheWorld::new(Scope::Interpreter);
        let global = StopTheWorld::new(Scope::Process);
        let states: Vec<(StateWord, Breaker)> =
            (0..=threads).map(|_| (StateWord::new(DETACHED), Breaker::new())).collect();
        let done = AtomicBool::new(false);
        std::thread::scope(|s| {
            for n in 1..=threads {
                let (states, world, global, done) = (&states, &world, &global, &done);
                s.spawn(move || {
                    let (state, breaker) = &states[n];
                    let pauses = Pauses { interpreter: world, global };
                    state.attach().unwrap();
                    while !done.load(Relaxed) {
                        if breaker.word() != 0 {
                            state.safe_point(pauses).unwrap();
                        }
                        std::hint::spin_loop();
                    }
                    state.detach(pauses);
                });
            }
            let me = &states[0].0;
            me.attach().unwrap();
            group.bench_function(format!("{threads} running threads"), |b| {
                b.iter(|| {
                    let others = |visit: &mut dyn FnMut(&StateWord, &Breaker)| {
                        states[1..].iter().for_each(|(state, breaker)| visit(state, breaker))
                    };
                    world.stop(&scopes, me, others).start();
                })
            });
            done.store(true, Relaxed);
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = locks, counts, readers, pauses
}
criterion_main!(benches);
