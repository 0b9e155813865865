//! Larger programs under shuttle: many threads, many rounds, random schedules. Atomics are sequentially consistent here.

use crate::{Model, cover};
use krait_sync_random::block::Wait;
use krait_sync_random::brc::{self, BrcTable, CountRef, Objects, Outcome};
use krait_sync_random::breaker::{Breaker, EXPLICIT_MERGE, GIL_DROP_REQUEST};
use krait_sync_random::gil::Gil;
use krait_sync_random::mutex::Mutex;
use krait_sync_random::prim::{AtomicIsize, AtomicU32, AtomicUsize, Deadline, Ordering::*};
use krait_sync_random::stop_the_world::{PauseScopes, Scope, StopTheWorld};
use krait_sync_random::thread_state::{DETACHED, Pauses, StateWord};
use krait_sync_random::xchannel::{CrossChannel, End};
use krait_sync_random::xqueue::{NotDone, Received, Unbind};
use shuttle::thread;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic;

pub const MODELS: [Model; 5] = [
    Model::shuttle("M4", "random_mutex", "locks with and without deadlines among five threads", 6, mutex)
        .covers(&["gave up", "got it"])
        .bugs(&["mutex/drop_parked_bit", "lot/timeout_no_handshake"]),
    Model::shuttle("M14", "random_pauses", "two requesters of either scope, and three threads", 6, pauses)
        .bugs(&["thread_state/detach_ignores_stop", "stop_the_world/start_wakes_nobody"]),
    Model::shuttle("M22", "random_counts", "every object dies once, while owners come, go and sleep", 5, counts)
        .bugs(&["brc/exit_without_recheck", "brc/queue_subtracts", "brc/merge_by_store"]),
    Model::shuttle("M41", "random_gil", "four threads take turns", 5, gil)
        .bugs(&["gil/release_forgets_waiters", "gil/hand_over_unlocked"]),
    Model::shuttle("M46", "random_channel", "values are received once or given back, among impatient senders", 6, channel)
        .covers(&["received", "given back"])
        .bugs(&["xchannel/settle_by_store", "xqueue/close_wakes_nobody", "condvar/no_counter"]),
];

fn join(threads: Vec<thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn mutex() {
    let total = Arc::new((Mutex::new(0usize), atomic::AtomicUsize::new(0)));
    let threads = (0..5).map(|n| {
        let total = total.clone();
        thread::spawn(move || {
            for _ in 0..3 {
                if n < 2 {
                    if !total.0.raw().lock_timed(Wait::DETACH.until(Deadline::at_ns(5))).ok() {
                        cover("gave up");
                        continue;
                    }
                    cover("got it");
                    assert_eq!(total.1.fetch_add(1, Relaxed), 0);
                    thread::yield_now();
                    total.1.fetch_sub(1, Relaxed);
                    // SAFETY: locked above.
                    unsafe { total.0.raw().unlock() };
                } else {
                    let mut count = total.0.lock();
                    assert_eq!(total.1.fetch_add(1, Relaxed), 0);
                    *count += 1;
                    thread::yield_now();
                    total.1.fetch_sub(1, Relaxed);
                }
            }
        })
    });
    join(threads.collect());
    assert_eq!(*total.0.lock(), 9);
}

struct World {
    scopes: PauseScopes,
    interpreter: StopTheWorld,
    global: StopTheWorld,
    threads: Vec<(StateWord, Breaker)>,
    running: atomic::AtomicUsize,
}

fn pauses() {
    let world = Arc::new(World {
        scopes: PauseScopes::new(),
        interpreter: StopTheWorld::new(Scope::Interpreter),
        global: StopTheWorld::new(Scope::Process),
        threads: (0..5).map(|_| (StateWord::new(DETACHED), Breaker::new())).collect(),
        running: atomic::AtomicUsize::new(0),
    });
    let threads = (0..5).map(|n| {
        let world = world.clone();
        thread::spawn(move || {
            let (state, breaker) = &world.threads[n];
            let pauses = Pauses { interpreter: &world.interpreter, global: &world.global };
            for _ in 0..3 {
                if n < 2 {
                    // Hooks are the process's, so these requesters are detached while they wait, and attach for the pause:
                    // the list is their own threads only.
                    let others = |visit: &mut dyn FnMut(&StateWord, &Breaker)| {
                        world.threads[2..].iter().for_each(|(state, breaker)| visit(state, breaker));
                    };
                    let stw = if n == 0 { &world.interpreter } else { &world.global };
                    let pause = stw.stop(&world.scopes, state, others);
                    assert_eq!(world.running.load(Relaxed), 0, "somebody runs in a pause");
                    thread::yield_now();
                    assert_eq!(world.running.load(Relaxed), 0, "somebody runs in a pause");
                    pause.start();
                } else {
                    state.attach().unwrap();
                    for _ in 0..2 {
                        world.running.fetch_add(1, Relaxed);
                        thread::yield_now();
                        world.running.fetch_sub(1, Relaxed);
                        if breaker.word() != 0 {
                            state.safe_point(pauses).unwrap();
                        }
                    }
                    state.detach(pauses);
                }
            }
        })
    });
    join(threads.collect());
}

struct Object {
    tid: AtomicUsize,
    local: AtomicU32,
    shared: AtomicIsize,
    deaths: atomic::AtomicUsize,
}

struct Heap;

impl Objects for Heap {
    unsafe fn counts<'a>(&self, object: NonNull<()>) -> CountRef<'a> {
        // SAFETY: objects live to the end of the execution.
        let object = unsafe { object.cast::<Object>().as_ref() };
        assert_eq!(object.deaths.load(Relaxed), 0, "used after its death");
        CountRef { tid: &object.tid, local: &object.local, shared: &object.shared }
    }

    unsafe fn dealloc(&self, object: NonNull<()>) {
        // SAFETY: as above.
        let object = unsafe { object.cast::<Object>().as_ref() };
        assert_eq!(object.deaths.fetch_add(1, Relaxed), 0, "died twice");
    }
}

fn counts() {
    const THREADS: usize = 3;
    let table = Arc::new(BrcTable::new());
    let pauses = Arc::new((StopTheWorld::new(Scope::Interpreter), StopTheWorld::new(Scope::Process)));
    // Each thread (its id is its index plus one) owns one object, and everybody has two references to it.
    let objects: Arc<Vec<Object>> = Arc::new(
        (1..=THREADS)
            .map(|tid| Object {
                tid: AtomicUsize::new(tid),
                local: AtomicU32::new(2 * THREADS as u32),
                shared: AtomicIsize::new(0),
                deaths: atomic::AtomicUsize::new(0),
            })
            .collect(),
    );
    let owners: Arc<Vec<(StateWord, Breaker)>> =
        Arc::new((0..THREADS).map(|_| (StateWord::new(DETACHED), Breaker::new())).collect());
    for (n, (state, breaker)) in owners.iter().enumerate() {
        assert!(state.try_attach());
        // SAFETY: both outlive the table, and nobody has used the objects.
        unsafe { table.register(n + 1, breaker, state) };
    }
    let threads = (0..THREADS).map(|n| {
        let (table, objects, owners, stw) = (table.clone(), objects.clone(), owners.clone(), pauses.clone());
        thread::spawn(move || {
            let me = n + 1;
            let (state, breaker) = &owners[n];
            let pauses = Pauses { interpreter: &stw.0, global: &stw.1 };
            for round in 0..2 {
                for i in 0..THREADS {
                    let pointer = NonNull::from(&objects[(n + i) % THREADS]).cast();
                    // SAFETY: this thread has a reference, which it gives up.
                    unsafe {
                        match brc::decref(Heap.counts(pointer), me) {
                            Outcome::Alive => {}
                            Outcome::Dead => Heap.dealloc(pointer),
                            Outcome::Queue => table.queue(&Heap, pointer, me),
                        }
                    }
                }
                if round == 0 && n == 1 {
                    state.detach(pauses);
                    thread::yield_now();
                    state.attach().unwrap();
                }
                if breaker.take(EXPLICIT_MERGE) != 0 {
                    // SAFETY: the owner.
                    unsafe { table.merge_own(&Heap, me) };
                }
            }
            // SAFETY: the owner, which owns nothing it still uses.
            unsafe { table.unregister(&Heap, me, breaker, state) };
        })
    });
    join(threads.collect());
    assert!(objects.iter().all(|object| object.deaths.load(Relaxed) == 1), "never died");
}

fn gil() {
    let shared = Arc::new((Gil::new(), atomic::AtomicUsize::new(0)));
    let threads = (0..4).map(|_| {
        let shared = shared.clone();
        thread::spawn(move || {
            let breaker = Breaker::new();
            let hold = || {
                assert_eq!(shared.1.fetch_add(1, Relaxed), 0, "two holders");
                thread::yield_now();
                shared.1.fetch_sub(1, Relaxed);
            };
            // SAFETY: the breaker outlives the release.
            unsafe {
                shared.0.acquire(&breaker);
                for _ in 0..3 {
                    hold();
                    if breaker.is_set(GIL_DROP_REQUEST) {
                        shared.0.switch(&breaker);
                    }
                }
                shared.0.release(&breaker);
            }
        })
    });
    join(threads.collect());
}

fn channel() {
    let shared = Arc::new((CrossChannel::new(), atomic::AtomicUsize::new(0), atomic::AtomicUsize::new(0)));
    let receivers = (0..2).map(|n| {
        let shared = shared.clone();
        thread::spawn(move || {
            loop {
                match shared.0.recv(10 + n, Wait::KEEP) {
                    Ok(Received::Item(())) => shared.1.fetch_add(1, Relaxed),
                    Ok(Received::Unbound) => unreachable!(),
                    Err(why) => break assert_eq!(why, NotDone::Closed),
                };
            }
        })
    });
    let receivers = receivers.collect();
    // In the list of users before any of them goes.
    (0..3).for_each(|n| shared.0.send(n, Unbind::Drop, ()).unwrap());
    let senders = (0..3).map(|n| {
        let shared = shared.clone();
        thread::spawn(move || {
            for _ in 0..2 {
                let wait = Wait::KEEP.until(Deadline::at_ns(5));
                match shared.0.send_and_wait(n, Unbind::Drop, (), wait) {
                    Ok(()) => cover("received"),
                    Err((NotDone::TimedOut, Some(()))) => {
                        cover("given back");
                        shared.2.fetch_add(1, Relaxed);
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            shared.0.release(n, End::Send);
        })
    });
    join(senders.collect());
    join(receivers);
    assert_eq!(shared.1.load(Relaxed) + shared.2.load(Relaxed), 9);
}
