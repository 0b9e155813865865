//! State words and pauses.

use crate::world::World;
use crate::{Model, Protected, cover, spawn, together};
use krait_sync::breaker::Breaker;
use krait_sync::parking_lot::lot;
use krait_sync::stop_the_world::{PauseScopes, Scope, StopTheWorld};
use krait_sync::thread_state::{ATTACHED, DETACHED, Pauses, SHUTTING_DOWN, SUSPENDED, StateWord};
use loom::sync::{Arc, Mutex};

pub const MODELS: [Model; 7] = [
    Model::loom("M14", "stop_the_world", "nobody runs in a pause; no detach is missed; all go on", 2, one)
        .bounds(3, Some(4))
        .least(30)
        .covers(&["was attached", "was detached"])
        .bugs(&[
            "thread_state/attach_by_store",
            "thread_state/attach_relaxed",
            "thread_state/detach_ignores_stop",
            "thread_state/detach_relaxed",
            "stop_the_world/start_relaxed",
            "stop_the_world/start_wakes_nobody",
            "stop_the_world/count_relaxed",
            "stop_the_world/count_down_relaxed",
            "stop_the_world/no_wait",
        ]),
    Model::loom("M14", "stop_the_world_two", "the same with two threads to stop", 3, two)
        .bounds(2, Some(2))
        .least(300),
    Model::loom("M15", "two_scopes", "pauses of an interpreter and of the process do not overlap", 2, two_scopes)
        .least(50)
        .bugs(&["stop_the_world/no_scopes"]),
    Model::loom("M16", "birth_and_death", "a thread that comes or goes during a pause does not run in it", 2, birth)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["born in a pause"])
        .bugs(&["stop_the_world/born_detached"]),
    Model::loom("M17", "stop_the_world_ticket", "a thread that waits to attach is in before the next pause", 2, ticket)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["waiting", "let in"])
        .bugs(&["stop_the_world/no_ticket"]),
    Model::loom("M47", "shut_down", "a thread that comes late is refused, and touches nothing", 2, shut_down)
        .bounds(3, Some(4))
        .least(50)
        .covers(&["in time", "refused"])
        .bugs(&["thread_state/attach_after_shut_down", "thread_state/shut_down_wakes_nobody"]),
    Model::loom("M22", "borrow", "a pause that meets a borrowed thread keeps it out", 3, borrow)
        .bounds(2, Some(2))
        .least(100)
        .covers(&["borrowed"])
        .bugs(&["thread_state/borrower_ignores_stop"]),
];

struct Env {
    world: World,
    heaps: Vec<Protected>,
}

fn new(threads: usize) -> Env {
    Env { world: World::new(threads), heaps: (0..threads).map(|_| Protected::new(0)).collect() }
}

fn mutate(n: usize) -> impl Fn(&Env) {
    move |env| {
        env.world.enter(n);
        env.heaps[n].add();
        env.world.safe_point(n);
        env.heaps[n].add();
        env.world.leave(n);
    }
}

fn pause(env: &Env) {
    env.world.enter(0);
    let pause = env.world.stop(0);
    for (n, thread) in env.world.threads.iter().enumerate().skip(1) {
        assert_eq!(thread.state.state(), SUSPENDED);
        cover(if env.heaps[n].get() == 1 { "was attached" } else { "was detached" });
        env.heaps[n].set(env.heaps[n].get() + 10);
    }
    pause.start();
    env.world.leave(0);
}

fn one() {
    let env = together!(new(2); mutate(1); pause);
    assert_eq!(env.heaps[1].get(), 12);
}

fn two() {
    let env = together!(new(3); mutate(1), mutate(2); pause);
    assert_eq!((env.heaps[1].get(), env.heaps[2].get()), (12, 12));
}

fn ticket() {
    let comes_in = |env: &Env| {
        env.world.enter(1);
        env.heaps[1].add();
        env.world.leave(1);
    };
    let pauses = |env: &Env| {
        env.world.enter(0);
        let first = env.world.stop(0);
        let waits = lot().has_waiters(&raw const env.world.threads[1].state as usize);
        first.start();
        if waits {
            cover("waiting");
            let second = env.world.stop(0);
            assert_eq!(env.heaps[1].get(), 1, "paused again before the thread was in");
            cover("let in");
            second.start();
        }
        env.world.leave(0);
    };
    together!(new(2); comes_in; pauses);
}

fn shut_down() {
    let comes = |env: &Env| {
        let state = &env.world.threads[1].state;
        if state.attach().is_ok() {
            cover("in time");
            env.heaps[1].get();
            state.detach(env.world.pauses());
        } else {
            cover("refused");
        }
    };
    let ends = |env: &Env| {
        env.world.enter(0);
        let pause = env.world.stop(0);
        // SAFETY: the world is stopped.
        unsafe { env.world.threads[1].state.shut_down() };
        pause.start();
        // What the runtime frees.
        env.heaps[1].set(99);
        env.world.leave(0);
    };
    let env = together!(new(2); comes; ends);
    assert_eq!(env.world.threads[1].state.state(), SHUTTING_DOWN);
}

fn two_scopes() {
    let scoped = |n: usize, global: bool| {
        move |env: &Env| {
            env.world.enter(n);
            let stw = if global { &env.world.global } else { &env.world.interpreter };
            let pause = stw.stop(&env.world.scopes, &env.world.threads[n].state, env.world.others(n));
            // A race here is an overlap.
            env.heaps[0].add();
            pause.start();
            env.world.leave(n);
        }
    };
    let env = together!(new(2); scoped(1, true); scoped(0, false));
    assert_eq!(env.heaps[0].get(), 2);
    assert!(env.world.threads.iter().all(|t| t.state.state() == DETACHED));
}

/// An interpreter whose list of threads changes.
fn birth() {
    type List = Arc<Mutex<Vec<Arc<(StateWord, Breaker, Protected)>>>>;
    type Shared = Arc<(PauseScopes, StopTheWorld, StopTheWorld)>;
    let shared: Shared = Arc::new((
        PauseScopes::new(),
        StopTheWorld::new(Scope::Interpreter),
        StopTheWorld::new(Scope::Process),
    ));
    let list: List = Arc::new(Mutex::new(Vec::new()));
    let thread = {
        let (shared, list) = (shared.clone(), list.clone());
        spawn(move || {
            let pauses = Pauses { interpreter: &shared.1, global: &shared.2 };
            let me = {
                let mut list = list.lock().unwrap();
                let state = shared.1.initial_state().max(shared.2.initial_state());
                if state == SUSPENDED {
                    cover("born in a pause");
                }
                let me = Arc::new((StateWord::new(state), Breaker::new(), Protected::new(0)));
                list.push(me.clone());
                me
            };
            me.0.attach().unwrap();
            me.2.add();
            me.0.detach(pauses);
            list.lock().unwrap().clear();
        })
    };
    let (me, breaker) = (StateWord::new(ATTACHED), Breaker::new());
    let _ = breaker;
    let others = |visit: &mut dyn FnMut(&StateWord, &Breaker)| {
        list.lock().unwrap().iter().for_each(|thread| visit(&thread.0, &thread.1));
    };
    let pause = shared.1.stop(&shared.0, &me, others);
    if let Some(thread) = list.lock().unwrap().first() {
        assert_eq!(thread.0.state(), SUSPENDED);
        thread.2.get();
    }
    pause.start();
    thread.join().unwrap();
}

fn borrow() {
    let comes_back = |env: &Env| {
        env.world.enter(1);
        env.heaps[1].add();
        env.world.leave(1);
    };
    let borrows = |env: &Env| {
        env.world.enter(2);
        let state = &env.world.threads[1].state;
        if state.try_suspend_detached() {
            cover("borrowed");
            env.heaps[1].add();
            // SAFETY: suspended above.
            unsafe { state.resume_detached() };
        }
        env.world.leave(2);
    };
    let pauses = |env: &Env| {
        env.world.enter(0);
        let pause = env.world.stop(0);
        env.heaps[1].add();
        pause.start();
        env.world.leave(0);
    };
    let env = together!(new(3); comes_back, borrows; pauses);
    assert!(env.heaps[1].get() >= 2);
    assert!(env.world.threads.iter().all(|t| t.state.state() == DETACHED));
}
