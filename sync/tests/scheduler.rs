//! A controlled scheduler plugged in: it runs one thread at a time, chooses the next one by a seed, and its clock stands still
//! until nobody can run. Every wait, wake and switch of the crate goes through it, so a seed is a schedule, and time-outs
//! of hours take no time.
//!
//! (One process has one scheduler for good, so these tests are a program of their own.)

use krait_sync::block::{self, BlockHooks, Wait};
use krait_sync::breaker::{Breaker, GIL_DROP_REQUEST};
use krait_sync::condvar::Condvar;
use krait_sync::event::Event;
use krait_sync::gil::Gil;
use krait_sync::mutex::{ByteMutex, Mutex};
use krait_sync::prim::sched::{self, Scheduler};
use krait_sync::prim::{Deadline, Wake, switch_point};
use krait_sync::rwlock::RwLock;
use krait_sync::semaphore::Semaphore;
use krait_sync::stop_the_world::{PauseScopes, Scope, StopTheWorld};
use krait_sync::thread_state::{DETACHED, Pauses, StateWord};
use krait_sync::xqueue::{CrossQueue, Received, Unbind};
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar as StdCondvar, Mutex as StdMutex, MutexGuard};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    Ready,
    /// Parked here, until this moment.
    Parked(usize, Deadline),
    Over,
}

struct State {
    tasks: Vec<Task>,
    running: Option<usize>,
    /// Wakes that came before their park.
    early: HashSet<usize, Zero>,
    random: u64,
    clock: u64,
    /// Who ran, in order: the schedule.
    trace: Vec<usize>,
    parks: usize,
    wakes: usize,
}

struct Controlled {
    state: StdMutex<State>,
    turn: StdCondvar,
}

static CONTROLLED: Controlled = Controlled { state: StdMutex::new(State::new()), turn: StdCondvar::new() };

thread_local!(static ME: Cell<Option<usize>> = const { Cell::new(None) });

impl State {
    const fn new() -> State {
        State {
            tasks: Vec::new(),
            running: None,
            early: HashSet::with_hasher(Zero),
            random: 1,
            clock: 1_000_000_000,
            trace: Vec::new(),
            parks: 0,
            wakes: 0,
        }
    }

    /// Chooses who runs next. When nobody can, time passes to the next deadline.
    fn choose(&mut self) {
        let ready: Vec<usize> = (0..self.tasks.len()).filter(|&n| self.tasks[n] == Task::Ready).collect();
        self.running = if ready.is_empty() {
            let next = (0..self.tasks.len())
                .filter_map(|n| match self.tasks[n] {
                    Task::Parked(_, deadline) if !deadline.is_never() => Some((deadline.as_ns(), n)),
                    _ => None,
                })
                .min();
            if let Some((moment, n)) = next {
                self.clock = self.clock.max(moment);
                self.tasks[n] = Task::Ready;
            }
            next.map(|(_, n)| n)
        } else {
            // xorshift64
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            Some(ready[(self.random >> 33) as usize % ready.len()])
        };
        match self.running {
            Some(n) => self.trace.push(n),
            None => assert!(self.tasks.iter().all(|task| *task == Task::Over), "deadlock: {:?}", self.tasks),
        }
    }
}

impl Controlled {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Lets another thread run, and waits for this one's next turn.
    fn switch(&self, mut state: MutexGuard<'_, State>, me: usize) {
        state.choose();
        self.turn.notify_all();
        while state.running != Some(me) {
            state = self.turn.wait(state).unwrap();
        }
    }
}

impl Scheduler for Controlled {
    fn park(&self, id: usize, deadline: Deadline, _interruptible: bool) -> Wake {
        let me = ME.get().expect("only the scheduler's threads wait");
        let mut state = self.lock();
        state.parks += 1;
        if state.early.remove(&id) {
            return Wake::Notified;
        }
        if state.clock >= deadline.as_ns() {
            return Wake::TimedOut;
        }
        state.tasks[me] = Task::Parked(id, deadline);
        self.switch(state, me);
        if self.lock().clock >= deadline.as_ns() { Wake::TimedOut } else { Wake::Notified }
    }

    fn unpark(&self, id: usize) {
        let mut state = self.lock();
        state.wakes += 1;
        match state.tasks.iter().position(|task| matches!(task, Task::Parked(at, _) if *at == id)) {
            Some(n) => state.tasks[n] = Task::Ready,
            None => drop(state.early.insert(id)),
        }
    }

    fn switch_point(&self) {
        if let Some(me) = ME.get() {
            self.switch(self.lock(), me);
        }
    }

    fn now_ns(&self) -> u64 {
        self.lock().clock
    }
}

/// Runs the threads under the schedule of a seed; returns it, with the numbers of waits and wakes.
fn run(seed: u64, threads: Vec<Box<dyn FnOnce() + Send>>) -> (Vec<usize>, usize, usize) {
    let _ = sched::install(&CONTROLLED);
    *CONTROLLED.lock() = State {
        tasks: vec![Task::Ready; threads.len()],
        random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        ..State::new()
    };
    let handles: Vec<_> = threads
        .into_iter()
        .enumerate()
        .map(|(me, thread)| {
            std::thread::spawn(move || {
                ME.set(Some(me));
                {
                    let mut state = CONTROLLED.lock();
                    while state.running != Some(me) {
                        state = CONTROLLED.turn.wait(state).unwrap();
                    }
                }
                thread();
                let mut state = CONTROLLED.lock();
                state.tasks[me] = Task::Over;
                state.choose();
                CONTROLLED.turn.notify_all();
            })
        })
        .collect();
    CONTROLLED.lock().choose();
    CONTROLLED.turn.notify_all();
    handles.into_iter().for_each(|handle| handle.join().expect("a thread failed"));
    let state = CONTROLLED.lock();
    (state.trace.clone(), state.parks, state.wakes)
}

/// One test at a time: there is one scheduler.
static ALONE: StdMutex<()> = StdMutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn boxed(f: impl FnOnce() + Send + 'static) -> Box<dyn FnOnce() + Send> {
    Box::new(f)
}

/// Every primitive that waits, in one program.
fn everything(seed: u64) -> (Vec<usize>, usize, usize) {
    #[derive(Default)]
    struct Shared {
        mutex: Mutex<usize>,
        condvar: Condvar,
        guard: ByteMutex,
        ready: Event,
        permits: Option<Semaphore>,
        rw: RwLock,
        gil: Gil,
        queue: Option<CrossQueue<usize>>,
        in_gil: AtomicUsize,
    }
    let shared =
        Arc::new(Shared { permits: Some(Semaphore::new(1)), queue: Some(CrossQueue::new(1)), ..Default::default() });
    let threads = (0..3).map(|n| {
        let shared = shared.clone();
        boxed(move || {
            if n == 0 {
                switch_point();
                shared.ready.set();
            }
            shared.ready.wait();
            for _ in 0..2 {
                let mut count = shared.mutex.lock();
                switch_point();
                *count += 1;
                drop(count);
                let permits = shared.permits.as_ref().unwrap();
                assert!(permits.acquire(Wait::KEEP).ok());
                switch_point();
                permits.release(1);
                shared.rw.read();
                switch_point();
                // SAFETY: entered above.
                unsafe { shared.rw.unread() };
                shared.rw.write();
                // SAFETY: entered above.
                unsafe { shared.rw.unwrite() };
                let breaker = Breaker::new();
                // SAFETY: the breaker outlives the release.
                unsafe {
                    shared.gil.acquire(&breaker);
                    assert_eq!(shared.in_gil.fetch_add(1, Relaxed), 0);
                    switch_point();
                    shared.in_gil.fetch_sub(1, Relaxed);
                    if breaker.is_set(GIL_DROP_REQUEST) {
                        shared.gil.switch(&breaker);
                    }
                    shared.gil.release(&breaker);
                }
            }
            let queue = shared.queue.as_ref().unwrap();
            match n {
                0 => (0..4).for_each(|i| queue.send(1, Unbind::Drop, i, Wait::KEEP).unwrap()),
                1 => (0..4).for_each(|i| assert_eq!(queue.recv(Wait::KEEP), Ok(Received::Item(i)))),
                _ => {
                    // Nobody notifies: an hour passes when all the others are done or asleep.
                    shared.guard.lock();
                    // SAFETY: locked above; `wait` returns with it locked.
                    unsafe {
                        let _ = shared.condvar.wait(&shared.guard, Wait::KEEP.at_most(Duration::from_secs(3600)));
                        shared.guard.unlock();
                    }
                }
            }
        })
    });
    let result = run(seed, threads.collect());
    assert_eq!(*shared.mutex.lock(), 6);
    result
}

#[test]
fn a_seed_is_a_schedule() {
    let _alone = alone();
    let start = Instant::now();
    let schedules: Vec<_> = (1..=20).map(everything).collect();
    let again: Vec<_> = (1..=20).map(everything).collect();
    assert!(schedules == again, "a seed gave two schedules: something waits or wakes behind the scheduler's back");
    let different: HashSet<_> = schedules.iter().map(|(trace, ..)| trace).collect();
    assert!(different.len() > 10, "{} schedules", different.len());
    assert!(schedules.iter().any(|(_, parks, wakes)| *parks > 0 && *wakes > 0));
    assert!(start.elapsed() < Duration::from_secs(120), "somebody waits in true time");
}

/// A bug that needs a switch between two sections is found by some schedule, and found again with its seed.
#[test]
fn it_finds_a_lost_update() {
    let _alone = alone();
    let lost = |seed: u64| {
        let number = Arc::new(Mutex::new(0usize));
        let threads = (0..2).map(|_| {
            let number = number.clone();
            boxed(move || {
                let seen = *number.lock();
                switch_point();
                *number.lock() = seen + 1;
            })
        });
        run(seed, threads.collect());
        *number.lock() != 2
    };
    let seed = (1..200).find(|&seed| lost(seed)).expect("a schedule that loses an update");
    assert!((0..5).all(|_| lost(seed)), "the schedule was not repeated");
}

/// Pauses, with threads that wait in all the ways there are.
#[test]
fn pauses_go_through_it() {
    let _alone = alone();
    struct World {
        scopes: PauseScopes,
        interpreter: StopTheWorld,
        global: StopTheWorld,
        threads: Vec<(StateWord, Breaker)>,
        running: AtomicUsize,
    }
    static HOOKS: BlockHooks = BlockHooks { detach: std::ptr::null_mut, attach: no_attach };
    unsafe fn no_attach(_: *mut ()) {}
    let _ = block::install(&HOOKS);
    let program = |seed: u64| {
        let world = Arc::new(World {
            scopes: PauseScopes::new(),
            interpreter: StopTheWorld::new(Scope::Interpreter),
            global: StopTheWorld::new(Scope::Process),
            threads: (0..4).map(|_| (StateWord::new(DETACHED), Breaker::new())).collect(),
            running: AtomicUsize::new(0),
        });
        let threads = (0..4).map(|n| {
            let world = world.clone();
            boxed(move || {
                let (state, breaker) = &world.threads[n];
                let pauses = Pauses { interpreter: &world.interpreter, global: &world.global };
                if n == 0 {
                    state.attach().unwrap();
                    for _ in 0..3 {
                        let others = |visit: &mut dyn FnMut(&StateWord, &Breaker)| {
                            world.threads[1..].iter().for_each(|(state, breaker)| visit(state, breaker));
                        };
                        let pause = world.interpreter.stop(&world.scopes, state, others);
                        switch_point();
                        assert_eq!(world.running.load(Relaxed), 0, "somebody runs in a pause");
                        pause.start();
                        switch_point();
                    }
                    state.detach(pauses);
                    return;
                }
                for _ in 0..3 {
                    state.attach().unwrap();
                    for _ in 0..3 {
                        world.running.fetch_add(1, Relaxed);
                        switch_point();
                        world.running.fetch_sub(1, Relaxed);
                        if breaker.word() != 0 {
                            state.safe_point(pauses).unwrap();
                        }
                    }
                    state.detach(pauses);
                }
            })
        });
        run(seed, threads.collect())
    };
    for seed in 1..=20 {
        assert_eq!(program(seed), program(seed));
    }
}

/// A hasher without a random start, which also can be made in a constant.
#[derive(Clone, Copy, Default)]
struct Zero;

impl std::hash::BuildHasher for Zero {
    type Hasher = std::hash::DefaultHasher;
    fn build_hasher(&self) -> Self::Hasher {
        std::hash::DefaultHasher::new()
    }
}
