//! Critical sections.

use crate::world::World;
use crate::{Model, Protected, cover, together};
use krait_sync::critical_section::{self as cs, CriticalSection, CriticalSection2};
use krait_sync::mutex::ByteMutex;

pub const MODELS: [Model; 6] = [
    Model::loom("M11", "critical_section", "a detach lets go of all sections, a return takes the top one again", 2, nest)
        .least(100)
        .bugs(&[
            "critical_section/no_suspend",
            "critical_section/no_resume",
            "critical_section/suspend_top_only",
        ]),
    Model::loom("M11", "critical_section_fair", "the same with locks handed over", 2, nest).fair().least(100),
    Model::loom("M12", "critical_section2", "pairs in opposite orders do not deadlock", 2, pairs)
        .least(50)
        .bugs(&["critical_section/unsorted"]),
    Model::loom("M12", "critical_section2_inner", "a pair inside a section on one of the two", 2, inner)
        .fair()
        .least(50),
    Model::loom("M13", "critical_section_pause", "in a pause no section waits for a lock", 2, pause)
        .fair()
        .least(20)
        .covers(&["waiter"])
        .bugs(&["critical_section/lock_in_pause"]),
    Model::loom("M13", "no_hand_over_in_pause", "what is unlocked in a pause stays free", 2, no_hand_over)
        .fair()
        .least(20)
        .bugs(&["lot/hand_over_in_pause"]),
];

struct Env {
    world: World,
    mutexes: [ByteMutex; 2],
    data: [Protected; 2],
}

fn new() -> Env {
    Env {
        world: World::new(2),
        mutexes: [ByteMutex::new(), ByteMutex::new()],
        data: [Protected::new(0), Protected::new(0)],
    }
}

impl Env {
    /// Runs `f` in a section of thread `n` on mutex `m`.
    fn section(&self, n: usize, m: usize, f: impl FnOnce()) {
        let frame = CriticalSection::new();
        // SAFETY: this thread's context; the frame stays and ends in order.
        unsafe { cs::begin(self.world.ctx(n), &frame, &self.mutexes[m]) };
        self.data[m].add();
        f();
        // Whatever happened inside, the top section's lock is held again.
        self.data[m].add();
        // SAFETY: begun above.
        unsafe { cs::end(self.world.ctx(n), &frame) };
    }

    fn pair(&self, n: usize, a: usize, b: usize) {
        let frame = CriticalSection2::new();
        // SAFETY: this thread's context; the frame stays and ends in order.
        unsafe { cs::begin2(self.world.ctx(n), &frame, &self.mutexes[a], &self.mutexes[b]) };
        self.data[a].add();
        self.data[b].add();
        // SAFETY: begun above.
        unsafe { cs::end2(self.world.ctx(n), &frame) };
    }

    fn check(&self, counts: [usize; 2]) {
        assert_eq!([self.data[0].get(), self.data[1].get()], counts);
        assert!(self.mutexes.iter().all(|mutex| !mutex.is_locked()));
        assert!(self.world.threads.iter().all(|thread| thread.sections.get() == 0));
    }
}

fn nest() {
    let work = |n: usize, outer: usize, inner: usize| {
        move |env: &Env| {
            env.world.enter(n);
            env.section(n, outer, || env.section(n, inner, || ()));
            env.world.leave(n);
        }
    };
    together!(new(); work(1, 1, 0); work(0, 0, 1)).check([4, 4]);
}

fn pairs() {
    let work = |n: usize, a: usize, b: usize| {
        move |env: &Env| {
            env.world.enter(n);
            env.pair(n, a, b);
            env.world.leave(n);
        }
    };
    together!(new(); work(1, 1, 0); work(0, 0, 1)).check([2, 2]);
}

fn inner() {
    let work = |n: usize, outer: usize| {
        move |env: &Env| {
            env.world.enter(n);
            env.section(n, outer, || env.pair(n, 0, 1));
            env.world.leave(n);
        }
    };
    together!(new(); work(1, 1); work(0, 0)).check([4, 4]);
}

fn pause() {
    let env = together!(new();
        |env: &Env| {
            env.world.enter(1);
            env.section(1, 0, || ());
            env.world.leave(1);
        };
        |env: &Env| {
            env.world.enter(0);
            env.section(0, 0, || ());
            // The other may have been handed the lock, and may not get back in before the pause ends.
            let pause = env.world.stop(0);
            if env.mutexes[0].is_locked() {
                cover("waiter");
            }
            let frame = CriticalSection::new();
            // SAFETY: this thread's context; the frame stays.
            unsafe { cs::begin(env.world.ctx(0), &frame, &env.mutexes[0]) };
            env.data[0].get();
            // SAFETY: begun above.
            unsafe { cs::end(env.world.ctx(0), &frame) };
            pause.start();
            env.world.leave(0);
        });
    env.check([4, 0]);
}

fn no_hand_over() {
    let env = together!(new();
        |env: &Env| {
            env.world.enter(1);
            env.section(1, 0, || ());
            env.world.leave(1);
        };
        |env: &Env| {
            env.world.enter(0);
            let frame = CriticalSection::new();
            // SAFETY: this thread's context; the frame stays.
            unsafe { cs::begin(env.world.ctx(0), &frame, &env.mutexes[0]) };
            let pause = env.world.stop(0);
            // SAFETY: begun above.
            unsafe { cs::end(env.world.ctx(0), &frame) };
            assert!(!env.mutexes[0].is_locked(), "handed to a suspended thread");
            pause.start();
            env.world.leave(0);
        });
    env.check([2, 0]);
}
