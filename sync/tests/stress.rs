//! Every primitive under real threads: short enough for every run, and what ThreadSanitizer is pointed at.
//! `KRAIT_STRESS=20` makes it twenty times as long.

use krait_sync::block::Wait;
use krait_sync::brc::{self, BrcTable, CountRef, Objects, Outcome};
use krait_sync::breaker::{Breaker, EXPLICIT_MERGE, GIL_DROP_REQUEST};
use krait_sync::critical_section::{self as cs, CriticalSection, CriticalSection2, ThreadCtx};
use krait_sync::event::Event;
use krait_sync::gil::Gil;
use krait_sync::inline_cache::InlineCache;
use krait_sync::mutex::{ByteMutex, Mutex};
use krait_sync::once::OnceFlag;
use krait_sync::page::RemoteFree;
use krait_sync::pending::PendingCalls;
use krait_sync::prim::{Deadline, thread_id};
use krait_sync::qsbr::Domain;
use krait_sync::recursive::RecursiveMutex;
use krait_sync::rwlock::RwLock;
use krait_sync::semaphore::Semaphore;
use krait_sync::seqlock::SeqLock;
use krait_sync::slot::Seen;
use krait_sync::snapshot::Snapshot;
use krait_sync::stats;
use krait_sync::stop_the_world::{PauseScopes, Scope, StopTheWorld};
use krait_sync::table::{Lookup, SharedKeys, SharedTable};
use krait_sync::thread_state::{DETACHED, Pauses, StateWord};
use krait_sync::weak::{WeakCell, WeakList, WeakLocks};
use krait_sync::xchannel::{CrossChannel, End};
use krait_sync::xqueue::{CrossQueue, NotDone, Received, Unbind};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, AtomicUsize, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

fn rounds(n: usize) -> usize {
    n * std::env::var("KRAIT_STRESS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1)
}

/// As `thread::scope`, with every thread joined by its handle: ThreadSanitizer sees that, but not what the precompiled
/// standard library does at the end of a scope.
fn scope<'env, T>(f: impl for<'scope> FnOnce(&Joining<'scope, 'env>) -> T) -> T {
    thread::scope(|s| {
        let joining = Joining { scope: s, handles: RefCell::new(Vec::new()) };
        let result = f(&joining);
        joining.handles.into_inner().into_iter().for_each(|handle| handle.join().unwrap());
        result
    })
}

struct Joining<'scope, 'env> {
    scope: &'scope thread::Scope<'scope, 'env>,
    handles: RefCell<Vec<thread::ScopedJoinHandle<'scope, ()>>>,
}

impl<'scope> Joining<'scope, '_> {
    fn spawn(&self, f: impl FnOnce() + Send + 'scope) {
        self.handles.borrow_mut().push(self.scope.spawn(f));
    }
}

#[test]
fn mutex_excludes() {
    let total = Mutex::new(0usize);
    scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..rounds(20_000) {
                    *total.lock() += 1;
                }
            });
        }
    });
    assert_eq!(*total.lock(), 4 * rounds(20_000));
    assert!(!total.raw().is_locked());
}

#[test]
fn a_waiter_is_handed_the_lock() {
    // One thread takes the lock again at once after each unlock; without hand-over the other may starve.
    let mutex = ByteMutex::new();
    let done = AtomicBool::new(false);
    scope(|s| {
        s.spawn(|| {
            while !done.load(Relaxed) {
                let guard = mutex.guard();
                thread::sleep(Duration::from_micros(200));
                drop(guard);
            }
        });
        let start = Instant::now();
        for _ in 0..20 {
            drop(mutex.guard());
        }
        done.store(true, Relaxed);
        assert!(start.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn timed_lock_gives_up_and_leaves_no_trace() {
    let mutex = ByteMutex::new();
    mutex.lock();
    let start = Instant::now();
    assert!(!mutex.lock_timed(Wait::DETACH.at_most(Duration::from_millis(20))).ok());
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert!(!mutex.lock_timed(Wait::DETACH.until(Deadline::POLL)).ok());
    assert!(mutex.try_unlock());
    assert!(!mutex.try_unlock());
    assert!(mutex.try_lock());
}

#[test]
fn timed_locks_among_others() {
    let mutex = ByteMutex::new();
    let (got, gave_up) = (AtomicUsize::new(0), AtomicUsize::new(0));
    scope(|s| {
        for n in 0..4u64 {
            let (mutex, got, gave_up) = (&mutex, &got, &gave_up);
            s.spawn(move || {
                for i in 0..rounds(400) as u64 {
                    if mutex.lock_timed(Wait::DETACH.at_most(Duration::from_micros((i * 7 + n) % 120))).ok() {
                        thread::sleep(Duration::from_micros(i % 50));
                        // SAFETY: locked above.
                        unsafe { mutex.unlock() };
                        got.fetch_add(1, Relaxed);
                    } else {
                        gave_up.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(got.into_inner() + gave_up.into_inner(), 4 * rounds(400));
    assert!(mutex.try_lock());
}

#[test]
fn event_once_semaphore_rwlock_recursive() {
    let (event, once, permits, rw, recursive) =
        (Event::new(), OnceFlag::new(), Semaphore::new(2), RwLock::new(), RecursiveMutex::new());
    let (value, inside, attempts) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let (mut plain, cell) = (0usize, AtomicUsize::new(0));
    let plain = &Plain(&raw mut plain);
    scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                event.wait();
                assert_eq!(value.load(Relaxed), 7);
                while once.call_once_try(|| if attempts.fetch_add(1, Relaxed) < 2 { Err(()) } else { Ok(()) }).is_err()
                {
                }
                for i in 0..rounds(2_000) {
                    assert!(permits.acquire(Wait::DETACH).ok());
                    assert!(inside.fetch_add(1, Relaxed) < 2);
                    inside.fetch_sub(1, Relaxed);
                    permits.release(1);
                    if i % 8 == 0 {
                        rw.write();
                        plain.add();
                        // SAFETY: entered above.
                        unsafe { rw.unwrite() };
                    } else {
                        rw.read();
                        cell.store(plain.get(), Relaxed);
                        // SAFETY: entered above.
                        unsafe { rw.unread() };
                    }
                    recursive.lock(thread_id());
                    recursive.lock(thread_id());
                    assert_eq!(recursive.depth(thread_id()), 2);
                    assert!(recursive.try_unlock(thread_id()));
                    assert!(recursive.try_unlock(thread_id()));
                }
            });
        }
        value.store(7, Relaxed);
        event.set();
    });
    assert_eq!(attempts.into_inner(), 3);
    assert_eq!(plain.get(), 4 * rounds(2_000).div_ceil(8));
}

/// A number that only its lock protects.
struct Plain(*mut usize);
// SAFETY: the tests use it under a lock.
unsafe impl Sync for Plain {}
impl Plain {
    fn add(&self) {
        // SAFETY: the lock is held.
        unsafe { *self.0 += 1 }
    }
    fn get(&self) -> usize {
        // SAFETY: the lock is held.
        unsafe { *self.0 }
    }
}

#[test]
fn seqlock_reads_are_whole() {
    let lock = SeqLock::new();
    let (a, b, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    scope(|s| {
        s.spawn(|| {
            for i in 1..=rounds(50_000) {
                let guard = lock.write();
                a.store(i, Relaxed);
                b.store(i, Relaxed);
                drop(guard);
            }
            done.store(true, Relaxed);
        });
        while !done.load(Relaxed) {
            let sequence = lock.read_begin();
            let (x, y) = (a.load(Relaxed), b.load(Relaxed));
            if lock.validate(sequence) {
                assert_eq!(x, y);
            }
        }
    });
}

#[test]
fn snapshots_are_dropped_late_and_once() {
    static LIVE: AtomicIsize = AtomicIsize::new(0);
    struct Value(usize);
    impl Value {
        fn new(n: usize) -> Value {
            LIVE.fetch_add(1, Relaxed);
            Value(n)
        }
    }
    impl Drop for Value {
        fn drop(&mut self) {
            self.0 = usize::MAX;
            LIVE.fetch_sub(1, Relaxed);
        }
    }
    let domain = Domain::new();
    let snapshot = Snapshot::new(Value::new(0));
    let done = AtomicBool::new(false);
    scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                // SAFETY: the domain outlives the scope.
                let me = unsafe { domain.register() };
                while !done.load(Relaxed) {
                    me.attach();
                    for _ in 0..100 {
                        // SAFETY: attached, and no quiescent state while the reference is used.
                        assert_ne!(unsafe { snapshot.read(&me) }.0, usize::MAX);
                        me.quiescent();
                    }
                    me.detach();
                }
            });
        }
        // SAFETY: the domain outlives the scope.
        let me = unsafe { domain.register() };
        me.attach();
        for i in 1..=rounds(20_000) {
            snapshot.replace(Value::new(i), &me);
            if i % 64 == 0 {
                me.quiescent();
                me.process();
            }
        }
        me.detach();
        done.store(true, Relaxed);
    });
    drop(snapshot);
    drop(domain);
    assert_eq!(LIVE.load(Relaxed), 0);
}

#[test]
fn qsbr_slots_grow_and_come_back() {
    let domain = Domain::new();
    // SAFETY: the domain outlives them.
    let many: Vec<_> = (0..100).map(|_| unsafe { domain.register() }).collect();
    let capacity = domain.capacity();
    assert!(capacity >= 100);
    drop(many);
    // SAFETY: as above.
    let again: Vec<_> = (0..100).map(|_| unsafe { domain.register() }).collect();
    assert_eq!(domain.capacity(), capacity);
    drop(again);
}

/// An object with a header, in memory that is kept to the end.
struct Object {
    tid: AtomicUsize,
    local: AtomicU32,
    shared: AtomicIsize,
    deaths: AtomicUsize,
}

impl Object {
    fn new(owner: usize, local: u32) -> Object {
        Object {
            tid: AtomicUsize::new(owner),
            local: AtomicU32::new(local),
            shared: AtomicIsize::new(0),
            deaths: AtomicUsize::new(0),
        }
    }
    fn counts(&self) -> CountRef<'_> {
        CountRef { tid: &self.tid, local: &self.local, shared: &self.shared }
    }
}

struct Heap;
impl Objects for Heap {
    unsafe fn counts<'a>(&self, object: NonNull<()>) -> CountRef<'a> {
        // SAFETY: the tests queue `Object`s only, and keep them.
        unsafe { object.cast::<Object>().as_ref() }.counts()
    }
    unsafe fn dealloc(&self, object: NonNull<()>) {
        // SAFETY: as above.
        assert_eq!(unsafe { object.cast::<Object>().as_ref() }.deaths.fetch_add(1, AcqRel), 0, "died twice");
    }
}

fn drop_reference(table: &BrcTable, object: &Object, me: usize) {
    let pointer = NonNull::from(object).cast();
    match brc::decref(object.counts(), me) {
        Outcome::Alive => {}
        // SAFETY: the decrement found zero.
        Outcome::Dead => unsafe { Heap.dealloc(pointer) },
        // SAFETY: the decrement was ours.
        Outcome::Queue => unsafe { table.queue(&Heap, pointer, me) },
    }
}

#[test]
fn every_object_dies_once() {
    const OBJECTS: usize = 64;
    const THREADS: usize = 4;
    for round in 0..rounds(30) {
        let table = BrcTable::new();
        let (ready, finished): (Vec<Event>, Vec<Event>) = (0..THREADS).map(|_| (Event::new(), Event::new())).unzip();
        // One reference for each thread, all counted by the owner, who enters when it runs.
        let heaps: Vec<Vec<Object>> =
            (0..THREADS).map(|_| (0..OBJECTS).map(|_| Object::new(0, THREADS as u32)).collect()).collect();
        scope(|s| {
            for n in 0..THREADS {
                let (table, ready, finished, heaps) = (&table, &ready, &finished, &heaps);
                s.spawn(move || {
                    let me = thread_id();
                    let (breaker, state) = (Breaker::new(), StateWord::new(DETACHED));
                    assert!(state.try_attach());
                    // SAFETY: before it owns objects; both outlive `unregister`.
                    unsafe { table.register(me, &breaker, &state) };
                    heaps[n].iter().for_each(|object| object.tid.store(me, Relaxed));
                    ready[n].set();
                    ready.iter().for_each(Event::wait);
                    for i in 0..OBJECTS {
                        for heap in heaps {
                            let object = &heap[(i * 7 + n * 13) % OBJECTS];
                            brc::incref(object.counts(), me);
                            drop_reference(table, object, me);
                            drop_reference(table, object, me);
                        }
                        if breaker.take(EXPLICIT_MERGE) != 0 {
                            // SAFETY: attached and registered.
                            unsafe { table.merge_own(&Heap, me) };
                        }
                    }
                    if round % 2 == 0 {
                        finished[n].set();
                        finished.iter().for_each(Event::wait);
                    }
                    // SAFETY: it owns nothing it still uses.
                    unsafe { table.unregister(&Heap, me, &breaker, &state) };
                });
            }
        });
        for heap in &heaps {
            for object in heap {
                assert_eq!(object.deaths.load(Acquire), 1);
            }
        }
    }
}

struct World {
    scopes: PauseScopes,
    interpreter: StopTheWorld,
    global: StopTheWorld,
    threads: Vec<(StateWord, Breaker, AtomicUsize)>,
}

#[test]
fn nobody_runs_in_a_pause() {
    const THREADS: usize = 4;
    let world = World {
        scopes: PauseScopes::new(),
        interpreter: StopTheWorld::new(Scope::Interpreter),
        global: StopTheWorld::new(Scope::Process),
        threads: (0..=THREADS).map(|_| (StateWord::new(DETACHED), Breaker::new(), AtomicUsize::new(0))).collect(),
    };
    let done = AtomicBool::new(false);
    scope(|s| {
        for n in 1..=THREADS {
            let (world, done) = (&world, &done);
            s.spawn(move || {
                let (state, breaker, progress) = &world.threads[n];
                let pauses = Pauses { interpreter: &world.interpreter, global: &world.global };
                while !done.load(Relaxed) {
                    state.attach().unwrap();
                    for _ in 0..50 {
                        progress.fetch_add(1, Relaxed);
                        if breaker.word() != 0 {
                            state.safe_point(pauses).unwrap();
                        }
                    }
                    state.detach(pauses);
                }
            });
        }
        let me = &world.threads[0].0;
        assert!(me.try_attach());
        for i in 0..rounds(300) {
            let others = |visit: &mut dyn FnMut(&StateWord, &Breaker)| {
                world.threads[1..].iter().for_each(|(state, breaker, _)| visit(state, breaker))
            };
            let stw = if i % 3 == 0 { &world.global } else { &world.interpreter };
            let pause = stw.stop(&world.scopes, me, others);
            let before: Vec<_> = world.threads.iter().map(|t| t.2.load(Relaxed)).collect();
            thread::yield_now();
            assert!(world.threads[1..].iter().all(|t| !t.0.is_attached()));
            let after: Vec<_> = world.threads.iter().map(|t| t.2.load(Relaxed)).collect();
            assert_eq!(before, after);
            pause.start();
        }
        done.store(true, Relaxed);
    });
    assert!(world.threads[1..].iter().all(|t| t.2.load(Relaxed) > 0), "a thread starved");
}

#[test]
fn critical_sections_do_not_deadlock_or_lose() {
    // Without hooks nothing is suspended, so the sections nest in one order; pairs may come in any order.
    let mutexes: Vec<ByteMutex> = (0..4).map(|_| ByteMutex::new()).collect();
    let mut counts = [0usize; 4];
    let plain: Vec<Plain> = counts.iter_mut().map(|n| Plain(n)).collect();
    scope(|s| {
        for n in 0..4usize {
            let (mutexes, plain) = (&mutexes, &plain);
            s.spawn(move || {
                let (sections, state) = (Cell::new(0), StateWord::new(DETACHED));
                assert!(state.try_attach());
                let ctx = ThreadCtx { sections: &sections, state: &state };
                for i in 0..rounds(5_000) {
                    let (a, b) = ((i + n) % 4, (i * 3 + n) % 4);
                    let (pair, inner) = (CriticalSection2::new(), CriticalSection::new());
                    // SAFETY: this thread's context; the frames stay and end in reverse order.
                    unsafe {
                        cs::begin2(ctx, &pair, &mutexes[a], &mutexes[b]);
                        plain[a].add();
                        cs::begin(ctx, &inner, &mutexes[a]);
                        plain[a].add();
                        cs::end(ctx, &inner);
                        cs::end2(ctx, &pair);
                    }
                    assert_eq!(sections.get(), 0);
                }
            });
        }
    });
    assert_eq!(counts.iter().sum::<usize>(), 4 * 2 * rounds(5_000));
}

#[test]
fn the_gil_goes_round() {
    let gil = Gil::new();
    gil.set_interval(Duration::from_micros(200));
    let total = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let shares = [const { AtomicUsize::new(0) }; 4];
    scope(|s| {
        for share in &shares {
            let (gil, total, stop) = (&gil, &total, &stop);
            s.spawn(move || {
                let breaker = Breaker::new();
                // SAFETY: the breaker outlives the release.
                unsafe { gil.acquire(&breaker) };
                while !stop.load(Relaxed) {
                    let n = total.load(Relaxed);
                    total.store(n + 1, Relaxed);
                    share.fetch_add(1, Relaxed);
                    if breaker.is_set(GIL_DROP_REQUEST) {
                        // SAFETY: held.
                        unsafe { gil.switch(&breaker) };
                    }
                }
                // SAFETY: held.
                unsafe { gil.release(&breaker) };
            });
        }
        // As long as it takes on a busy machine, within reason.
        for _ in 0..200 {
            thread::sleep(Duration::from_millis(100));
            if shares.iter().all(|share| share.load(Relaxed) > 0) {
                break;
            }
        }
        stop.store(true, Relaxed);
    });
    let shares = shares.map(AtomicUsize::into_inner);
    assert_eq!(total.into_inner(), shares.iter().sum::<usize>());
    assert!(shares.iter().all(|&n| n > 0), "{shares:?}");
    assert!(!gil.is_held());
}

#[test]
fn pending_calls_run_once_and_in_order() {
    let queue = PendingCalls::new(32);
    let received = Mutex::new([0usize; 3]);
    let count = AtomicUsize::new(0);
    let n = rounds(3_000);
    scope(|s| {
        for producer in 0..3usize {
            let queue = &queue;
            s.spawn(move || {
                for i in 1..=n {
                    while queue.push((producer, i)).is_err() {
                        thread::yield_now();
                    }
                }
            });
        }
        for _ in 0..2 {
            s.spawn(|| {
                while count.load(Relaxed) < 3 * n {
                    let Some(mut drain) = queue.drain() else {
                        thread::yield_now();
                        continue;
                    };
                    while let Some((producer, i)) = drain.pop() {
                        let mut last = received.lock();
                        assert_eq!(last[producer] + 1, i);
                        last[producer] = i;
                        count.fetch_add(1, Relaxed);
                    }
                    drop(drain);
                    thread::yield_now();
                }
            });
        }
    });
    assert!(queue.is_empty());
}

#[test]
fn cross_queue_blocks_wakes_unbinds_and_closes() {
    let queue = CrossQueue::new(4);
    let n = rounds(5_000);
    let sum = AtomicUsize::new(0);
    scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                loop {
                    match queue.recv(Wait::DETACH) {
                        Ok(Received::Item(i)) => sum.fetch_add(i, Relaxed),
                        Ok(Received::Unbound) => unreachable!(),
                        Err(NotDone::Closed) => break,
                        Err(other) => panic!("{other:?}"),
                    };
                }
            });
        }
        scope(|s| {
            for _ in 0..2 {
                s.spawn(|| (1..=n).for_each(|i| queue.send(1, Unbind::Drop, i, Wait::DETACH).unwrap()));
            }
        });
        queue.close();
    });
    assert_eq!(sum.into_inner(), n * (n + 1));

    let queue = CrossQueue::new(0);
    queue.send(1, Unbind::Mark, 'a', Wait::POLL).unwrap();
    queue.send(2, Unbind::Drop, 'b', Wait::POLL).unwrap();
    queue.send(1, Unbind::Drop, 'c', Wait::POLL).unwrap();
    assert_eq!(queue.unbind(1), ['a', 'c']);
    assert_eq!(queue.recv(Wait::POLL), Ok(Received::Unbound));
    assert_eq!(queue.recv(Wait::POLL), Ok(Received::Item('b')));
    assert_eq!(queue.recv(Wait::DETACH.at_most(Duration::from_millis(5))), Err(NotDone::TimedOut));
}

/// What other threads held when the process forked is free in the child, after the resets.
#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_starts_afresh() {
    use krait_sync::parking_lot::lot;
    let (mutex, recursive, rw, gil, seq) =
        (ByteMutex::new(), RecursiveMutex::new(), RwLock::new(), Gil::new(), SeqLock::new());
    let (held, breaker, over) = (Event::new(), Breaker::new(), AtomicBool::new(false));
    let table = BrcTable::new();
    let domain = Domain::new();
    // SAFETY: the domain outlives it.
    let me = unsafe { domain.register() };
    scope(|s| {
        s.spawn(|| {
            // Held, with a waiter, at the moment of the fork.
            let _guard = mutex.guard();
            recursive.lock(thread_id());
            rw.write();
            let write = seq.write();
            // SAFETY: the domain outlives it.
            let other = unsafe { domain.register() };
            other.attach();
            held.set();
            while !over.load(Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            drop(write);
            other.detach();
            // SAFETY: entered above.
            unsafe { rw.unwrite() };
            assert!(recursive.try_unlock(thread_id()));
        });
        held.wait();
        s.spawn(|| drop(mutex.guard()));
        thread::sleep(Duration::from_millis(20));
        // SAFETY: the child calls nothing but what follows, which allocates nothing that another thread may have locked.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let me_tid = thread_id();
            // SAFETY: the child has one thread.
            let fine = unsafe {
                lot().reset_after_fork();
                mutex.reset_after_fork();
                recursive.reset_after_fork(me_tid, me_tid);
                rw.reset_after_fork();
                gil.reset_after_fork(Some(&breaker));
                table.reset_after_fork(me_tid, me_tid);
                domain.reset_after_fork(&me);
                let writer = seq.reset_after_fork();
                me.attach();
                let goal = domain.advance();
                me.quiescent();
                writer
                    && mutex.try_lock()
                    && recursive.lock_timed(me_tid, Wait::POLL).ok()
                    && rw.try_write()
                    && gil.is_held_by(&breaker)
                    && seq.try_read_begin().is_some()
                    && domain.poll(goal)
            };
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(if fine { 0 } else { 1 }) };
        }
        let mut status = -1;
        // SAFETY: waits for our child.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        over.store(true, Relaxed);
        assert_eq!(status, 0);
    });
}

/// A poll of a held lock neither sleeps nor spins (gh-135871): many of them take little time.
#[test]
fn a_poll_does_not_wait() {
    let mutex = ByteMutex::new();
    mutex.lock();
    let before = stats_here();
    let start = Instant::now();
    for _ in 0..100_000 {
        assert!(!mutex.try_lock());
        assert!(!mutex.lock_timed(Wait::DETACH.until(Deadline::POLL)).ok());
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(stats_here(), before);
}

fn stats_here() -> u64 {
    stats::thread_totals().waits
}

/// A lock that is handed to a waiter may be released by a third thread before the waiter has woken (gh-143424).
#[test]
fn any_thread_may_unlock() {
    let mutex = ByteMutex::new();
    let (got, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                for _ in 0..rounds(300) {
                    mutex.lock();
                    got.fetch_add(1, Relaxed);
                }
            });
        }
        // The lockers never unlock; this one does it for them, when they have it or are about to get it.
        s.spawn(|| {
            while !done.load(Relaxed) {
                mutex.try_unlock();
                thread::sleep(Duration::from_micros(20));
            }
        });
        s.spawn(|| {
            let end = Instant::now() + Duration::from_secs(60);
            while got.load(Relaxed) < 2 * rounds(300) && Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
            }
            done.store(true, Relaxed);
        });
    });
    assert_eq!(got.into_inner(), 2 * rounds(300));
}

/// One large block is enough for a step (gh-132519): many of them do not pile up until there are sixty-four.
#[test]
fn large_blocks_go_soon() {
    static FREED: AtomicUsize = AtomicUsize::new(0);
    unsafe fn free(_: *mut (), _: usize) {
        FREED.fetch_add(1, Relaxed);
    }
    let domain = Domain::new();
    // SAFETY: the domain outlives it.
    let me = unsafe { domain.register() };
    me.attach();
    for _ in 0..10 {
        // SAFETY: nothing is freed in truth.
        if unsafe { me.retire(std::ptr::dangling_mut::<()>(), 2 << 20, free) } {
            me.quiescent();
            me.process();
        }
    }
    assert_eq!(FREED.load(Relaxed), 10);
    me.detach();
}

/// Two threads that pass quiescent states write different cache lines (gh-144438).
#[test]
fn slots_lie_on_lines_of_their_own() {
    let domain = Domain::new();
    // SAFETY: the domain outlives them.
    let (one, other) = unsafe { (domain.register(), domain.register()) };
    assert!(one.slot_address().abs_diff(other.slot_address()) >= 128);
}

#[test]
fn contention_is_counted() {
    static OWNERS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());
    fn observe(event: &stats::WaitEvent) {
        if event.woken && ON_ME.load(Relaxed) == event.address {
            OWNERS.lock().push((event.address, event.owner));
        }
    }
    static ON_ME: AtomicUsize = AtomicUsize::new(0);
    stats::enable();
    assert!(stats::observe(observe));
    let mutex = ByteMutex::new();
    ON_ME.store(&raw const mutex as usize, Relaxed);
    mutex.lock();
    scope(|s| {
        s.spawn(|| {
            stats::take_thread();
            drop(mutex.guard());
            let mine = stats::take_thread();
            assert_eq!(mine.waits, 1);
            assert!(mine.ns >= 5_000_000 && mine.longest_ns == mine.ns, "{mine:?}");
            assert_eq!(stats::thread_totals(), stats::Totals::default());
        });
        thread::sleep(Duration::from_millis(30));
        // SAFETY: locked above.
        unsafe { mutex.unlock() };
    });
    assert!(stats::totals().waits >= 1);
    assert_eq!(*OWNERS.lock(), [(&raw const mutex as usize, thread_id())]);
    stats::disable();
}

#[test]
fn words_are_found_in_a_table() {
    // Values are even numbers with the key in them, so a reader can tell a wrong one.
    let (domain, lock) = (Domain::new(), ByteMutex::new());
    let keys = SharedKeys::new(4);
    let tables = [SharedTable::new(1), SharedTable::split(&keys)];
    let done = AtomicBool::new(false);
    scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                // SAFETY: the domain outlives it.
                let me = unsafe { domain.register() };
                while !done.load(Relaxed) {
                    me.attach();
                    for (key, table) in (1..20).flat_map(|key| tables.iter().map(move |table| (key, table))) {
                        // SAFETY: attached.
                        match unsafe { table.get(key, &me, Some, drop) } {
                            Lookup::Found(value) => assert_eq!(value >> 32, key),
                            Lookup::Absent => {}
                            Lookup::Locked => {
                                let _guard = lock.guard();
                                // SAFETY: under the lock.
                                let value = unsafe { table.get_locked(key) };
                                assert!(value.is_none_or(|value| value >> 32 == key));
                            }
                        }
                    }
                    me.detach();
                }
            });
        }
        // SAFETY: the domain outlives it.
        let me = unsafe { domain.register() };
        me.attach();
        for n in 1..rounds(3_000) {
            for table in &tables {
                let key = 1 + n * 7 % 19;
                let _guard = lock.guard();
                // SAFETY: under the lock, attached.
                unsafe {
                    table.insert(key, key << 32 | n, &me);
                    if n % 5 == 0 {
                        table.remove(1 + n % 19);
                    }
                    if n % 500 == 0 {
                        table.resize(32, &me);
                    }
                }
            }
            me.quiescent();
            me.process();
        }
        me.detach();
        done.store(true, Relaxed);
    });
}

#[test]
fn weak_cells_come_and_go() {
    let locks = WeakLocks::new();
    for _ in 0..rounds(300) {
        let (list, count) = (WeakList::new(), AtomicUsize::new(3));
        let taken = AtomicUsize::new(0);
        scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    let cells = [const { WeakCell::new() }; 8];
                    for cell in &cells {
                        let held = locks.lock(16);
                        // SAFETY: this thread has one of the three references.
                        unsafe { list.insert(cell, 16, &held) };
                    }
                    // Some are detached before the reference is given up, the others by the death or afterwards.
                    for cell in &cells[..4] {
                        // SAFETY: inserted above.
                        taken.fetch_add(usize::from(unsafe { cell.detach(&locks, |_| &list) }), Relaxed);
                    }
                    if count.fetch_sub(1, AcqRel) == 1 {
                        // SAFETY: the last reference.
                        unsafe { list.clear(&locks, 16, |_| count_one(&taken)) };
                    }
                    for cell in &cells {
                        // SAFETY: as above.
                        taken.fetch_add(usize::from(unsafe { cell.detach(&locks, |_| &list) }), Relaxed);
                        assert_eq!(cell.follow(Some, drop), Seen::Empty);
                    }
                });
            }
        });
        assert_eq!((taken.into_inner(), list.is_empty()), (24, true));
    }
}

#[test]
fn forms_run_with_their_operands() {
    let cache = InlineCache::<3>::new();
    scope(|s| {
        for n in 1..=4usize {
            let cache = &cache;
            s.spawn(move || {
                for i in 0..rounds(20_000) {
                    match cache.read() {
                        Some((form, operands, seen)) => {
                            assert_eq!(operands, [operands[0]; 3]);
                            assert_eq!(operands[0] % 8, form as usize);
                            if i % 3 == 0 {
                                cache.give_up(seen);
                            }
                        }
                        None => drop(cache.specialise(n as u8, [8 * i + n; 3])),
                    }
                }
            });
        }
    });
}

#[test]
fn freed_blocks_come_back_once() {
    struct Block(AtomicUsize, AtomicUsize);
    let blocks: Vec<Block> = (0..64).map(|_| Block(AtomicUsize::new(0), AtomicUsize::new(0))).collect();
    let (stack, returned) = (RemoteFree::new(), AtomicUsize::new(0));
    let n = rounds(200);
    scope(|s| {
        for thread in 0..4 {
            let (stack, blocks) = (&stack, &blocks);
            s.spawn(move || {
                for round in 1..=n {
                    for block in &blocks[thread * 16..][..16] {
                        // Wait until the owner has it again.
                        while block.1.load(Acquire) != round - 1 {
                            thread::yield_now();
                        }
                        let address = std::ptr::from_ref(block).cast_mut().cast::<u8>();
                        // SAFETY: this thread frees it, once in a round.
                        unsafe { stack.push(address, |top| block.0.store(top as usize, Relaxed)) };
                    }
                }
            });
        }
        while returned.load(Relaxed) < 64 * n {
            let mut at = stack.take_all();
            // SAFETY: the stack holds blocks.
            while let Some(block) = unsafe { at.cast::<Block>().as_ref() } {
                at = std::ptr::with_exposed_provenance_mut(block.0.load(Relaxed));
                block.1.fetch_add(1, Release);
                returned.fetch_add(1, Relaxed);
            }
        }
    });
    assert!(stack.is_empty());
}

#[test]
fn a_channel_delivers_or_gives_back() {
    let channel = CrossChannel::new();
    let (sent, back) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let received = AtomicUsize::new(0);
    scope(|s| {
        for to in 0..2 {
            let (channel, received) = (&channel, &received);
            s.spawn(move || {
                loop {
                    match channel.recv(10 + to, Wait::DETACH) {
                        Ok(Received::Item(())) => received.fetch_add(1, Relaxed),
                        Ok(Received::Unbound) => unreachable!(),
                        Err(why) => break assert_eq!(why, NotDone::Closed),
                    };
                }
            });
        }
        scope(|s| {
            for from in 0..3u64 {
                let (channel, sent, back) = (&channel, &sent, &back);
                s.spawn(move || {
                    for i in 0..rounds(1_000) as u64 {
                        let wait = Wait::DETACH.at_most(Duration::from_micros((i * 7 + from) % 60));
                        match channel.send_and_wait(from as i64, Unbind::Drop, (), wait) {
                            Ok(()) => sent.fetch_add(1, Relaxed),
                            Err((NotDone::TimedOut, Some(()))) => back.fetch_add(1, Relaxed),
                            Err(other) => panic!("{other:?}"),
                        };
                    }
                    channel.release(from as i64, End::Send);
                });
            }
        });
    });
    assert_eq!(sent.load(Relaxed) + back.load(Relaxed), 3 * rounds(1_000));
    assert_eq!(sent.into_inner(), received.into_inner());
}

fn count_one(count: &AtomicUsize) {
    count.fetch_add(1, Relaxed);
}
