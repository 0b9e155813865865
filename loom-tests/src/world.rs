//! A small runtime for the models: threads with state words and critical sections, hooks, a list of threads, pauses.

use krait_sync::block::{self, BlockHooks};
use krait_sync::breaker::Breaker;
use krait_sync::critical_section::{self as cs, ThreadCtx};
use krait_sync::stop_the_world::{Pause, PauseScopes, Scope, StopTheWorld, Threads};
use krait_sync::thread_state::{DETACHED, Pauses, StateWord};
use std::cell::Cell;

/// A thread's state.
pub struct Thread {
    pub sections: Cell<usize>,
    pub state: StateWord,
    pub breaker: Breaker,
}

/// An interpreter with a fixed list of threads.
pub struct World {
    pub scopes: PauseScopes,
    pub interpreter: StopTheWorld,
    pub global: StopTheWorld,
    pub threads: Vec<Thread>,
}

loom::thread_local! {
    static CURRENT: Cell<Option<(*const World, usize)>> = Cell::new(None);
}

static HOOKS: BlockHooks = BlockHooks { detach: hook_detach, attach: hook_attach };

fn hook_detach() -> *mut () {
    let Some((world, n)) = CURRENT.with(Cell::get) else { return std::ptr::null_mut() };
    // SAFETY: `enter` put it there, and `leave` takes it away before the world goes.
    let world = unsafe { &*world };
    let thread = &world.threads[n];
    if !thread.state.is_attached() {
        return std::ptr::null_mut();
    }
    world.detach(n);
    (&raw const *thread).cast_mut().cast()
}

unsafe fn hook_attach(_thread: *mut ()) {
    let (world, n) = CURRENT.with(Cell::get).expect("entered");
    // SAFETY: as above.
    unsafe { &*world }.attach(n);
}

impl World {
    /// A world of `n` detached threads, with the hooks in place.
    pub fn new(n: usize) -> World {
        let _ = block::install(&HOOKS);
        World {
            scopes: PauseScopes::new(),
            interpreter: StopTheWorld::new(Scope::Interpreter),
            global: StopTheWorld::new(Scope::Process),
            threads: (0..n)
                .map(|_| Thread { sections: Cell::new(0), state: StateWord::new(DETACHED), breaker: Breaker::new() })
                .collect(),
        }
    }

    pub fn pauses(&self) -> Pauses<'_> {
        Pauses { interpreter: &self.interpreter, global: &self.global }
    }

    pub fn ctx(&self, n: usize) -> ThreadCtx<'_> {
        ThreadCtx { sections: &self.threads[n].sections, state: &self.threads[n].state }
    }

    fn attach(&self, n: usize) {
        self.threads[n].state.attach().unwrap();
        // SAFETY: this thread's context, attached.
        unsafe { cs::resume_top(self.ctx(n)) };
    }

    fn detach(&self, n: usize) {
        // SAFETY: this thread's context.
        unsafe { cs::suspend_all(self.ctx(n)) };
        self.threads[n].state.detach(self.pauses());
    }

    /// The calling thread becomes thread `n`, attached.
    pub fn enter(&self, n: usize) {
        CURRENT.with(|current| current.set(Some((self, n))));
        self.attach(n);
    }

    /// The calling thread stops being thread `n`.
    pub fn leave(&self, n: usize) {
        self.detach(n);
        CURRENT.with(|current| current.set(None));
    }

    /// A safe point of thread `n`.
    pub fn safe_point(&self, n: usize) {
        if self.threads[n].state.stop_requested() {
            // SAFETY: this thread's context.
            unsafe { cs::suspend_all(self.ctx(n)) };
            self.threads[n].state.safe_point(self.pauses()).unwrap();
            // SAFETY: this thread's context, attached.
            unsafe { cs::resume_top(self.ctx(n)) };
        }
    }

    /// All threads but `n`.
    pub fn others(&self, n: usize) -> impl Threads {
        move |visit: &mut dyn FnMut(&StateWord, &Breaker)| {
            for (i, thread) in self.threads.iter().enumerate() {
                if i != n {
                    visit(&thread.state, &thread.breaker);
                }
            }
        }
    }

    /// Thread `n` stops the others.
    pub fn stop(&self, n: usize) -> Pause<'_, impl Threads> {
        self.interpreter.stop(&self.scopes, &self.threads[n].state, self.others(n))
    }
}
