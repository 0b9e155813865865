//! Interpreters and thread states: who exists, who is attached, and what the evaluation loop does between instructions.
//!
//! `Runtime` (one per process) -> [`Interpreter`] -> [`ThreadExt`]. A thread attaches in this order: the GIL (`gil`
//! mode), the thread-local pointer, the state word (which waits for a pause to end), QSBR (`nogil` mode), the topmost
//! critical section; it detaches in the reverse order.
use krait_object::layout::{Field, PyInterpreterState, PyObject, PyThreadState, ThreadStatus};
use krait_object::mode::{self, FREE_THREADED, breaker, state_word};
use krait_object::state::{ObjectState, ThreadExt};
use krait_object::{Attached, Dict, Object, PyResult, Ref, Slot, gc};
use krait_sync::block::BlockHooks;
use krait_sync::breaker::{
    ASYNC_EXCEPTION, Breaker, CALLS_TO_DO, EXPLICIT_MERGE, GC_SCHEDULED, GIL_DROP_REQUEST, PLEASE_STOP, SIGNALS_PENDING,
};
use krait_sync::gil::GilRef;
use krait_sync::pending::{Call, PendingCalls};
use krait_sync::stop_the_world::{PauseScopes, Scope, StopTheWorld};
use krait_sync::thread_state::{Pauses, StateWord};
use std::any::Any;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Calls into Python nest this deep by default (`sys.getrecursionlimit()`).
pub const DEFAULT_RECURSION_LIMIT: i32 = 1000;

/// The version in a thread's breaker while tools watch its interpreter.
const INSTRUMENTED: usize = 1 << krait_sync::breaker::EVENT_BITS;

/// What the process has once.
pub struct Runtime {
    interpreters: Mutex<Vec<NonNull<Interpreter>>>,
    next_interpreter: AtomicI64,
    next_thread: AtomicU64,
    scopes: PauseScopes,
    world: StopTheWorld,
    /// Identifier of the thread that initialised the runtime.
    pub main_thread: AtomicUsize,
    pub finalizing: AtomicBool,
    /// Whether a main interpreter has ended: threads may come back to a runtime that is not there any more.
    pub has_ended: AtomicBool,
    /// The main interpreter that ended last.
    retired: AtomicPtr<Interpreter>,
    main: AtomicPtr<Interpreter>,
}

// SAFETY: interpreters are shared; their lists are locked.
unsafe impl Sync for Runtime {}

/// The one runtime.
pub static RUNTIME: Runtime = Runtime {
    interpreters: Mutex::new(Vec::new()),
    next_interpreter: AtomicI64::new(0),
    next_thread: AtomicU64::new(1),
    scopes: PauseScopes::new(),
    world: StopTheWorld::new(Scope::Process),
    main_thread: AtomicUsize::new(0),
    finalizing: AtomicBool::new(false),
    has_ended: AtomicBool::new(false),
    retired: AtomicPtr::new(ptr::null_mut()),
    main: AtomicPtr::new(ptr::null_mut()),
};

/// What an interpreter may do (`PyInterpreterConfig`).
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub fork: bool,
    pub exec: bool,
    pub threads: bool,
    pub daemons: bool,
    /// Extensions that do not say that they support several interpreters may be loaded.
    pub any_extension: bool,
    /// The interpreter asked for a GIL of its own.
    pub own_gil: bool,
    /// The interpreter asked to use the main interpreter's small-object allocator. It is shared by all in any case.
    pub main_allocator: bool,
    /// Who makes the interpreter.
    pub whence: Whence,
}

/// Who made an interpreter: the numbers of `_interpreters.WHENCE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// Nobody said.
    Unknown = 0,
    /// The start of the runtime.
    Runtime = 1,
    /// `Py_NewInterpreter`.
    LegacyApi = 2,
    /// `Py_NewInterpreterFromConfig`.
    Api = 3,
    /// The functions that carry values between interpreters.
    Crossing = 4,
    /// The module `_interpreters`.
    Stdlib = 5,
}

impl Whence {
    /// From the number that Python code uses.
    pub fn from_number(number: i32) -> Option<Whence> {
        [Whence::Unknown, Whence::Runtime, Whence::LegacyApi, Whence::Api, Whence::Crossing, Whence::Stdlib]
            .into_iter()
            .find(|whence| *whence as i32 == number)
    }
}

impl Default for Rules {
    /// Everything, as the main interpreter and those of `Py_NewInterpreter` may.
    fn default() -> Self {
        Rules {
            fork: true,
            exec: true,
            threads: true,
            daemons: true,
            any_extension: !FREE_THREADED,
            own_gil: false,
            main_allocator: true,
            whence: Whence::LegacyApi,
        }
    }
}

/// One interpreter: everything that is not shared by all of the process. C sees it as `PyInterpreterState`.
#[repr(C)]
pub struct Interpreter {
    /// First: the object model finds it at the address of the interpreter.
    pub object: ObjectState,
    pub id: i64,
    threads: Mutex<Vec<NonNull<ThreadExt>>>,
    world: StopTheWorld,
    /// The interpreter's own, or the main interpreter's: as `rules.own_gil` says. It is enabled always in `gil` mode, in
    /// `nogil` mode once something needed it.
    pub gil: GilRef,
    pub pending: PendingCalls<Call>,
    /// Calls that only the main thread makes (`Py_AddPendingCall`).
    pub main_pending: PendingCalls<Call>,
    pub signals: crate::signals::Signals,
    pub modules: Slot<Dict>,
    pub sys_dict: Slot<Dict>,
    pub builtins: Slot<Dict>,
    /// `all` and `any` as they were at the start, which compiled code compares with.
    pub common: [Slot; 2],
    pub importlib: Slot,
    pub import_func: Slot,
    /// `_PyInterpreterState_GetDict`: storage for extensions.
    pub dict: Slot<Dict>,
    pub config: crate::config::Config,
    pub rules: Rules,
    /// How many objects of `concurrent.interpreters` keep it alive; it ends with the last one if `owned` is set.
    pub owners: AtomicI64,
    /// Whether it ends when nobody owns it any more.
    pub owned: AtomicBool,
    /// The id of the thread state that runs `__main__`, or 0.
    pub main_runner: AtomicU64,
    pub finalizing: AtomicBool,
    pub import: crate::import::ImportState,
    pub warnings: crate::warnings::State,
    /// Threads that have handles.
    pub handles: crate::threadmodule::Threads,
    /// Threads that `_thread` started and that still run.
    pub running_threads: AtomicUsize,
    /// Flags of `dlopen` for extension modules.
    pub dlopen_flags: std::sync::atomic::AtomicI32,
    pub audit_hooks: Slot,
    pub monitoring: crate::monitoring::Monitoring,
    /// The host's frame evaluation function (PEP 523); only an attached thread changes it.
    pub evaluate: krait_object::Field<Option<crate::eval::foreign::Evaluate>>,
    pub before_forkers: Slot,
    pub after_forkers_parent: Slot,
    pub after_forkers_child: Slot,
    pub ast: crate::ast::Kept,
    pub atexit: Mutex<Vec<crate::lifecycle::ExitCall>>,
    /// Python objects that `_asyncio` uses.
    pub asyncio: Slot<krait_object::Tuple>,
    /// Python objects that `_decimal` uses.
    pub decimal: Slot<krait_object::Tuple>,
    /// The tasks of `asyncio`, by the thread that made them.
    pub task_lists: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
    /// Modules of single-phase initialisation, by the address of their definition (`PyState_FindModule`).
    pub module_states: Mutex<std::collections::HashMap<usize, Ref<Object>>>,
}

// SAFETY: shared parts are atomic or locked; slots are atomic.
unsafe impl Sync for Interpreter {}
// SAFETY: as above.
unsafe impl Send for Interpreter {}

impl Interpreter {
    /// A new interpreter without threads, registered with the runtime. It lives until [`Interpreter::delete`].
    pub fn create(config: crate::config::Config) -> &'static Interpreter {
        Interpreter::create_with(config, Rules::default())
    }

    /// As [`Interpreter::create`] with what it may do.
    pub fn create_with(config: crate::config::Config, rules: Rules) -> &'static Interpreter {
        let interpreter = Box::leak(Box::new(Interpreter {
            object: ObjectState::new(),
            id: RUNTIME.next_interpreter.fetch_add(1, Ordering::Relaxed),
            threads: Mutex::default(),
            world: StopTheWorld::new(Scope::Interpreter),
            gil: GilRef::new(!FREE_THREADED || config.gil == Some(true)),
            pending: PendingCalls::new(300),
            main_pending: PendingCalls::new(32),
            signals: crate::signals::Signals::new(),
            modules: Slot::NULL,
            sys_dict: Slot::NULL,
            builtins: Slot::NULL,
            common: [Slot::NULL, Slot::NULL],
            importlib: Slot::NULL,
            import_func: Slot::NULL,
            dict: Slot::NULL,
            config,
            rules,
            owners: AtomicI64::new(0),
            owned: AtomicBool::new(false),
            main_runner: AtomicU64::new(0),
            finalizing: AtomicBool::new(false),
            import: crate::import::ImportState::new(),
            warnings: crate::warnings::State::default(),
            handles: crate::threadmodule::Threads::default(),
            running_threads: AtomicUsize::new(0),
            dlopen_flags: std::sync::atomic::AtomicI32::new(libc::RTLD_NOW),
            audit_hooks: Slot::NULL,
            monitoring: crate::monitoring::Monitoring::new(),
            evaluate: krait_object::Field::new(None),
            before_forkers: Slot::NULL,
            after_forkers_parent: Slot::NULL,
            after_forkers_child: Slot::NULL,
            ast: crate::ast::Kept::EMPTY,
            atexit: Mutex::default(),
            asyncio: Slot::NULL,
            decimal: Slot::NULL,
            task_lists: Mutex::default(),
            module_states: Mutex::default(),
        }));
        RUNTIME.interpreters.lock().expect("no panic under this lock").push(NonNull::from(&*interpreter));
        let _ = RUNTIME.main.compare_exchange(
            ptr::null_mut(),
            ptr::from_ref(interpreter).cast_mut(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if !interpreter.is_main() {
            interpreter.check_extensions(0);
            if let Some(main) = Interpreter::main().filter(|_| !rules.own_gil) {
                // SAFETY: no thread is in it yet; a main interpreter is not freed while others share its GIL.
                unsafe { interpreter.gil.share(&main.gil) };
            }
        }
        interpreter
    }

    /// Lets only extensions in that support several interpreters (above 0), all (below 0), or what the rules say (0).
    pub fn check_extensions(&self, forced: i32) {
        let check = if forced == 0 { !self.rules.any_extension } else { forced > 0 };
        let needed = if self.rules.own_gil { 2 } else { 1 };
        self.object.extension_check.store(if check { needed } else { 0 }, Ordering::Relaxed);
    }

    /// The main interpreter, once it exists.
    pub fn main() -> Option<&'static Interpreter> {
        // SAFETY: the main interpreter lives until the runtime ends.
        unsafe { RUNTIME.main.load(Ordering::Acquire).as_ref() }
    }

    /// Takes the interpreter off the runtime's list and frees it.
    ///
    /// # Safety
    /// No thread state is left and nobody uses the interpreter any more.
    pub unsafe fn delete(&'static self) {
        RUNTIME.interpreters.lock().expect("no panic under this lock").retain(|other| !ptr::eq(other.as_ptr(), self));
        let _ = RUNTIME.main.compare_exchange(
            ptr::from_ref(self).cast_mut(),
            ptr::null_mut(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        self.object.retire_heaps();
        // SAFETY: by the contract; `create` leaked it.
        drop(unsafe { Box::from_raw(ptr::from_ref(self).cast_mut()) });
    }

    /// Makes room for another main interpreter after this one has ended. Threads may still sleep in it, or have just
    /// looked it up, so it is freed when the next one has ended, if no thread is left in it and nobody shares its GIL then.
    pub fn retire_main(&self) {
        RUNTIME.has_ended.store(true, Ordering::Release);
        self.object.retire_heaps();
        let mut listed = RUNTIME.interpreters.lock().expect("no panic under this lock");
        listed.retain(|other| !ptr::eq(other.as_ptr(), self));
        let this = ptr::from_ref(self).cast_mut();
        let _ = RUNTIME.main.compare_exchange(this, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed);
        let before = RUNTIME.retired.swap(this, Ordering::AcqRel);
        // SAFETY: listed interpreters are live while the list is locked.
        let shares = |gil: &GilRef| listed.iter().any(|one| unsafe { one.as_ref() }.gil.is_shared_with(gil));
        // SAFETY: `create` leaked it, and nobody frees it but this.
        if unsafe { before.as_ref() }.is_some_and(|before| before.thread_count() == 0 && !shares(&before.gil)) {
            // SAFETY: as above; its runtime has ended long ago.
            drop(unsafe { Box::from_raw(before) });
        }
    }

    /// Every interpreter, in order of creation.
    pub fn all() -> Vec<&'static Interpreter> {
        // SAFETY: listed interpreters are live.
        RUNTIME
            .interpreters
            .lock()
            .expect("no panic under this lock")
            .iter()
            .map(|one| unsafe { one.as_ref() })
            .collect()
    }

    /// The id that the next interpreter will have.
    pub fn next_id() -> i64 {
        RUNTIME.next_interpreter.load(Ordering::Relaxed)
    }

    /// Calls `look` with the interpreter of this id, which cannot be freed meanwhile; `None` when there is none or it ends.
    /// `look` must not wait for anything.
    pub fn look_up<R>(id: i64, look: impl FnOnce(&Interpreter) -> R) -> Option<R> {
        let all = RUNTIME.interpreters.lock().expect("no panic under this lock");
        // SAFETY: listed interpreters are live while the list is locked.
        let mut all = all.iter().map(|one| unsafe { one.as_ref() });
        all.find(|one| one.id == id && !one.finalizing.load(Ordering::Acquire)).map(look)
    }

    /// Reserves `__main__` of the interpreter of this id for the thread state `runner`, which keeps the interpreter alive
    /// until [`Interpreter::end_main`]. `None` when there is no such interpreter, an error when somebody runs it.
    pub fn begin_main(id: i64, runner: u64) -> Option<Result<&'static Interpreter, ()>> {
        Interpreter::look_up(id, |found| {
            let free = found.main_runner.compare_exchange(0, runner, Ordering::AcqRel, Ordering::Relaxed);
            // SAFETY: whoever deletes an interpreter reserves it first.
            free.map(|_| unsafe { &*ptr::from_ref(found) }).map_err(|_| ())
        })
    }

    /// Gives up what [`Interpreter::begin_main`] reserved.
    pub fn end_main(&self) {
        self.main_runner.store(0, Ordering::Release);
    }

    /// Who made it.
    pub fn whence(&self) -> Whence {
        if self.is_main() { Whence::Runtime } else { self.rules.whence }
    }

    /// Whether it is the main interpreter.
    pub fn is_main(&self) -> bool {
        ptr::eq(RUNTIME.main.load(Ordering::Relaxed), self)
    }

    fn pauses(&self) -> Pauses<'_> {
        Pauses { interpreter: &self.world, global: &RUNTIME.world }
    }

    /// A new thread state, detached and not bound to an operating-system thread yet.
    pub fn new_thread(&'static self) -> NonNull<ThreadExt> {
        // Held while the thread's parts are made, so that a fork finds all of it or nothing.
        let mut threads = self.threads.lock().expect("no panic under this lock");
        let thread = Box::leak(ThreadExt::new(&self.object));
        let public = &thread.public;
        public.interp.set(ptr::from_ref(self).cast_mut().cast::<PyInterpreterState>());
        public.id.set(RUNTIME.next_thread.fetch_add(1, Ordering::Relaxed));
        public.py_recursion_limit.set(self.config.recursion_limit.load(Ordering::Relaxed));
        public.py_recursion_remaining.set(public.py_recursion_limit.get());
        public.exc_info.set(&raw const public.exc_state as *mut _);
        public.gilstate_counter.set(1);
        public._status.set(public._status.get().with(ThreadStatus::INITIALIZED_SHIFT, true));
        let initial = self.world.initial_state() | RUNTIME.world.initial_state();
        public.state.set(initial as i32);
        breaker(public).set_version(if self.monitoring.is_active() { INSTRUMENTED } else { 0 });
        public.what_event.set(crate::monitoring::NO_EVENT);
        let thread = NonNull::from(thread);
        threads.push(thread);
        thread
    }

    /// The interpreter's thread states. They may end at any time; [`Interpreter::visit_threads`] keeps them.
    pub fn threads(&self) -> Vec<NonNull<ThreadExt>> {
        self.threads.lock().expect("no panic under this lock").clone()
    }

    /// Visits the thread states.
    pub fn visit_threads(&self, visit: &mut dyn FnMut(&ThreadExt)) {
        for thread in self.threads.lock().expect("no panic under this lock").iter() {
            // SAFETY: listed thread states are live while the list is locked.
            visit(unsafe { thread.as_ref() });
        }
    }

    /// Visits the thread states, the newest first, if that is possible without waiting: for signal handlers.
    pub fn peek_threads(&self, visit: &mut dyn FnMut(&PyThreadState)) -> bool {
        let Ok(threads) = self.threads.try_lock() else { return false };
        for thread in threads.iter().rev() {
            // SAFETY: listed thread states are live while the list is locked.
            visit(unsafe { &thread.as_ref().public });
        }
        true
    }

    /// How many thread states it has.
    pub fn thread_count(&self) -> usize {
        self.threads.lock().expect("no panic under this lock").len()
    }

    fn visit_others(&self, me: *const ThreadExt, visit: &mut dyn FnMut(&StateWord, &Breaker)) {
        for thread in self.threads.lock().expect("no panic under this lock").iter() {
            if !ptr::eq(thread.as_ptr(), me) {
                // SAFETY: listed thread states are live while the list is locked.
                let public = unsafe { &thread.as_ref().public };
                visit(state_word(public), breaker(public));
            }
        }
    }

    /// Stops the interpreter's other threads, runs `body`, and lets them go on. Nested calls only run `body`.
    pub fn stop_the_world(&self, py: Attached<'_>, body: &mut dyn FnMut()) {
        let me = state_word(py.tstate());
        if !FREE_THREADED || me.holds_pause() {
            return body();
        }
        let this = ptr::from_ref(py.ext());
        let pause = self
            .world
            .stop(&RUNTIME.scopes, me, |visit: &mut dyn FnMut(&StateWord, &Breaker)| self.visit_others(this, visit));
        body();
        pause.start();
    }

    /// Stops the threads of every interpreter, runs `body`, and lets them go on. Nested calls only run `body`.
    fn stop_all(py: Attached<'_>, body: &mut dyn FnMut()) {
        let me = state_word(py.tstate());
        if !FREE_THREADED || me.holds_pause() {
            return body();
        }
        let this = ptr::from_ref(py.ext());
        let pause = RUNTIME.world.stop(&RUNTIME.scopes, me, |visit: &mut dyn FnMut(&StateWord, &Breaker)| {
            // An interpreter that is listed later has no thread before the pause is announced to it.
            for one in RUNTIME.interpreters.lock().expect("no panic under this lock").iter() {
                // SAFETY: listed interpreters are live while the list is locked.
                unsafe { one.as_ref() }.visit_others(this, visit);
            }
        });
        body();
        pause.start();
    }

    /// Makes every thread look at each `RESUME` whether its code is instrumented as it should be, or ends that.
    pub fn set_instrumented(&self, on: bool) {
        self.visit_others(ptr::null(), &mut |_, breaker| breaker.set_version(if on { INSTRUMENTED } else { 0 }));
    }

    /// Whether some thread has a trace function or profile function.
    pub fn any_traced(&self, profile: bool) -> bool {
        let threads = self.threads.lock().expect("no panic under this lock");
        threads.iter().any(|thread| {
            // SAFETY: listed thread states are live while the list is locked.
            let public = unsafe { &thread.as_ref().public };
            if profile { public.c_profilefunc.get().is_some() } else { public.c_tracefunc.get().is_some() }
        })
    }

    /// Sets event bits in the breaker of every thread.
    pub fn signal_all(&self, events: usize) {
        self.visit_others(ptr::null(), &mut |_, breaker| breaker.set(events));
    }
}

/// Forks by `call` while the interpreter's other threads stand still, and repairs what they left in the child, where
/// only the calling thread goes on. Returns what `call` returned.
pub fn fork(py: Attached<'_>, call: &mut dyn FnMut() -> i32) -> i32 {
    let before = Forking::begin(py);
    let pid = call();
    if pid != 0 {
        before.end_parent();
        return pid;
    }
    // SAFETY: the child has this thread only.
    unsafe { before.end_child(py) };
    0
}

/// Other threads stand still for a fork: those of the interpreter are stopped, and nobody is changing the lists of
/// interpreters and threads.
pub struct Forking {
    interpreter: &'static Interpreter,
    /// The thread that stopped the others, if it had to.
    paused: Option<&'static ThreadExt>,
    threads: Vec<MutexGuard<'static, Vec<NonNull<ThreadExt>>>>,
    interpreters: MutexGuard<'static, Vec<NonNull<Interpreter>>>,
}

impl Forking {
    /// Stops the others until one of the ends.
    pub fn begin(py: Attached<'_>) -> Forking {
        // SAFETY: the interpreter of an attached thread lives until that has ended, which is after the fork.
        let interpreter: &'static Interpreter = unsafe { &*ptr::from_ref(current(py)) };
        // SAFETY: as above.
        let me: &'static ThreadExt = unsafe { &*ptr::from_ref(py.ext()) };
        interpreter.import.lock_for_fork();
        let word = state_word(&me.public);
        let paused = (FREE_THREADED && !word.holds_pause()).then(|| {
            let others = |visit: &mut dyn FnMut(&StateWord, &Breaker)| interpreter.visit_others(me, visit);
            interpreter.world.stop_raw(&RUNTIME.scopes, word, &others);
            me
        });
        let interpreters = RUNTIME.interpreters.lock().expect("no panic under this lock");
        // SAFETY: listed interpreters are live while the list is locked.
        let listed = interpreters.iter().map(|one| unsafe { one.as_ref() });
        let threads = listed.map(|one| one.threads.lock().expect("no panic under this lock")).collect();
        Forking { interpreter, paused, threads, interpreters }
    }

    /// After the fork, in the parent.
    pub fn end_parent(self) {
        drop((self.threads, self.interpreters));
        if let Some(me) = self.paused {
            let interpreter = of_thread(me);
            let others = |visit: &mut dyn FnMut(&StateWord, &Breaker)| interpreter.visit_others(me, visit);
            // SAFETY: `begin` stopped them, on this thread.
            unsafe { interpreter.world.start_raw(&RUNTIME.scopes, state_word(&me.public), &others) };
        }
        self.interpreter.import.unlock_after_fork();
    }

    /// After the fork, in the child.
    ///
    /// # Safety
    /// The process was just forked, by the calling thread.
    pub unsafe fn end_child(self, py: Attached<'_>) {
        drop((self.threads, self.interpreters));
        // SAFETY: by the contract.
        unsafe { repair_child(py) };
        self.interpreter.import.unlock_after_fork();
    }
}

/// Makes the runtime whole again in the child of a fork, where only the calling thread goes on.
///
/// # Safety
/// The process was just forked, by the calling thread.
pub unsafe fn repair_child(py: Attached<'_>) {
    let interpreter = current(py);
    let me = state_word(py.tstate());
    let this = ptr::from_ref(py.ext());
    let breaker = breaker(py.tstate());
    // SAFETY: in the child of a fork only the calling thread exists; the pause is forgotten.
    unsafe {
        krait_sync::parking_lot::lot().reset_after_fork();
        interpreter.world.reset_after_fork(&RUNTIME.scopes, me);
        RUNTIME.world.reset_after_fork(&RUNTIME.scopes, me);
        interpreter.object.qsbr.reset_after_fork(&py.ext().qsbr);
        mode::reset_after_fork(&interpreter.object);
        interpreter.object.idle_heaps.reset_after_fork();
        interpreter.object.type_refs.reset_after_fork(&py.ext().type_refs);
        for other in Interpreter::all() {
            let mine = other.gil.is_shared_with(&interpreter.gil) && py.tstate().holds_gil.get() != 0;
            other.gil.gil().reset_after_fork(mine.then_some(breaker));
        }
        interpreter.import.reset_after_fork();
        interpreter.warnings.reset_after_fork();
    }
    for other in Interpreter::all() {
        other.handles.after_fork();
    }
    let mut gone = Vec::new();
    interpreter.threads.lock().expect("no panic under this lock").retain(|thread| {
        let stays = ptr::eq(thread.as_ptr(), this);
        if !stays {
            gone.push(*thread);
        }
        stays
    });
    py.tstate().native_thread_id.set(native_thread_id());
    RUNTIME.main_thread.store(thread_ident(), Ordering::Relaxed);
    crate::signals::after_fork(breaker);
    // The parent's event loop does not run here.
    drop((py.ext().running_task.take(), py.ext().running_loop.take()));
    // The states of the threads that are gone are not freed: the frames on their stacks may hold objects that live on.
    for thread in gone {
        // SAFETY: nobody frees it, and its thread does not exist here.
        let thread = unsafe { thread.as_ref() };
        crate::threadmodule::drop_locals(thread);
        drop_owned(&[&thread.public.dict, &thread.public.async_exc, &thread.public.context]);
        drop((thread.running_task.take(), thread.running_loop.take()));
    }
}

/// Empties fields of a thread state that own an object.
fn drop_owned(fields: &[&Field<*mut PyObject>]) {
    for field in fields {
        let old = field.get();
        field.set(ptr::null_mut());
        // SAFETY: these fields own what they point to.
        drop(unsafe { Ref::<Object>::from_raw_opt(old) });
    }
}

/// The interpreter of an attached thread.
#[inline(always)]
pub fn current(py: Attached<'_>) -> &Interpreter {
    // SAFETY: `interp` points to an `Interpreter`, which outlives its attached threads.
    unsafe { &*py.tstate().interp.get().cast::<Interpreter>() }
}

/// An object of the `builtins` module.
///
/// # Errors
/// `RuntimeError` when it is gone.
pub fn builtin(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>> {
    let found = current(py).builtins.get().and_then(|dict| dict.get_str(py, name));
    found.ok_or_else(|| krait_object::raise!(py, RuntimeError, "lost builtins.{name}"))
}

/// The interpreter of any thread state.
pub fn of_thread(thread: &ThreadExt) -> &'static Interpreter {
    // SAFETY: an interpreter outlives its thread states.
    unsafe { &*thread.public.interp.get().cast::<Interpreter>() }
}

/// An identifier of the calling operating-system thread, as `threading.get_ident()` shows it.
pub fn thread_ident() -> usize {
    // SAFETY: always succeeds.
    unsafe { libc::pthread_self() as usize }
}

/// The kernel's identifier of the calling thread.
pub fn native_thread_id() -> u64 {
    // SAFETY: always succeeds.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

thread_local! {
    /// The thread state that `PyGILState_Ensure` uses on this native thread: the first that was bound to it.
    static AUTO: std::cell::Cell<*mut ThreadExt> = const { std::cell::Cell::new(ptr::null_mut()) };
}

/// The thread state that belongs to the calling native thread, attached or not; null when it has none.
pub fn own_thread() -> *mut ThreadExt {
    AUTO.get()
}

/// Changes what [`own_thread`] gives.
pub fn set_own_thread(thread: *mut ThreadExt) {
    AUTO.set(thread);
}

/// Binds a thread state to the calling operating-system thread, before it attaches for the first time.
///
/// # Safety
/// `thread` is live and not bound; it stays live until it is unbound.
pub unsafe fn bind(thread: NonNull<ThreadExt>) {
    // SAFETY: by the contract.
    let (state, public) = unsafe { (&of_thread(thread.as_ref()).object, &thread.as_ref().public) };
    public.thread_id.set(thread_ident() as u64);
    public.native_thread_id.set(native_thread_id());
    public._status.set(public._status.get().with(ThreadStatus::BOUND_SHIFT, true));
    // SAFETY: the thread owns no object yet.
    unsafe { mode::register_thread(state, public) };
    if AUTO.get().is_null() {
        AUTO.set(thread.as_ptr());
    }
}

/// Attaches the calling thread through `thread`. Waits for the GIL and for the end of a pause.
///
/// A thread that comes while the runtime shuts down never returns: it sleeps until the process ends.
///
/// # Safety
/// `thread` is live, bound to the calling thread and detached; the calling thread is attached through no other.
pub unsafe fn attach<'py>(thread: NonNull<ThreadExt>) -> Attached<'py> {
    // SAFETY: by the contract.
    let ext = unsafe { thread.as_ref() };
    let public = &ext.public;
    let interpreter = of_thread(ext);
    let is_late = || interpreter.finalizing.load(Ordering::Acquire) && !finalizes(interpreter);
    if is_late() {
        hang();
    }
    let step = |begin| {
        let pointer = if begin { thread.as_ptr().cast::<PyThreadState>() } else { ptr::null_mut() };
        Attached::set_current_raw(pointer);
        !begin || !is_late()
    };
    // SAFETY: by the contract; the breaker lives as long as the thread state.
    let held =
        unsafe { interpreter.gil.optional().attach(state_word(public), interpreter.pauses(), breaker(public), step) };
    match held {
        Ok(held) => public.holds_gil.set(held.into()),
        // The runtime ends.
        Err(_) => hang(),
    }
    if FREE_THREADED {
        ext.qsbr.attach();
    }
    public._status.set(public._status.get().with(ThreadStatus::ACTIVE_SHIFT, true));
    // SAFETY: attached above.
    let py = unsafe { Attached::from_tls() };
    if !ext.has_attached.replace(true) {
        mode::first_use(|end| Interpreter::stop_all(py, end));
    }
    mode::resume_sections(py);
    py
}

/// Turns the interpreter's GIL on for good; whether it was off. The calling thread holds it afterwards.
pub fn enable_gil(py: Attached<'_>) -> bool {
    let gil = current(py).gil.optional();
    let mut turned = false;
    // Of every interpreter, because others may share it.
    Interpreter::stop_all(py, &mut || {
        if !gil.is_enabled() {
            // SAFETY: the breaker lives as long as the thread state, and nobody takes the GIL before it is enabled; everybody
            // else stands still.
            unsafe {
                gil.gil().acquire(breaker(py.tstate()));
                gil.set_enabled_in_pause(true);
            }
            py.tstate().holds_gil.set(1);
            turned = true;
        }
    });
    turned
}

/// Whether the calling thread is the one that ends the interpreter.
fn finalizes(interpreter: &Interpreter) -> bool {
    interpreter.import.finalizer.load(Ordering::Relaxed) == thread_ident()
}

/// Detaches the calling thread; it may block now. Returns its thread state for [`attach`].
pub fn detach(py: Attached<'_>) -> NonNull<ThreadExt> {
    mode::suspend_sections(py);
    let thread = NonNull::from(py.ext());
    let public = py.tstate();
    let interpreter = current(py);
    public._status.set(public._status.get().with(ThreadStatus::ACTIVE_SHIFT, false));
    if FREE_THREADED {
        py.ext().qsbr.detach();
    }
    Attached::set_current_raw(ptr::null_mut());
    let held = public.holds_gil.get() != 0;
    public.holds_gil.set(0);
    // SAFETY: attached, and `holds_gil` says whether with the GIL.
    unsafe { interpreter.gil.optional().detach(state_word(public), interpreter.pauses(), breaker(public), held) };
    thread
}

/// Runs `f` with the thread detached (`Py_BEGIN_ALLOW_THREADS`).
pub fn without<R>(py: Attached<'_>, f: impl FnOnce() -> R) -> R {
    struct Back(NonNull<ThreadExt>);
    impl Drop for Back {
        fn drop(&mut self) {
            // SAFETY: this thread detached it and the state is kept by its owner.
            unsafe { attach(self.0) };
        }
    }
    let _back = Back(detach(py));
    f()
}

/// Runs `f` attached, whatever the thread was before: for C code that calls back into Python. A thread that Python does
/// not know gets a state of the main interpreter for the time of the call.
///
/// A thread that comes while the runtime shuts down, or before it started, never returns.
pub fn with_attached<R>(f: impl FnOnce(Attached<'_>) -> R) -> R {
    if let Some(py) = Attached::try_from_tls() {
        return f(py);
    }
    if let Some(own) = NonNull::new(own_thread()) {
        // SAFETY: bound to this thread, and detached.
        let py = unsafe { attach(own) };
        let result = f(py);
        detach(py);
        return result;
    }
    let Some(main) = Interpreter::main().filter(|main| !main.finalizing.load(Ordering::Acquire)) else { hang() };
    let thread = main.new_thread();
    // SAFETY: fresh, and this thread has no other.
    let py = unsafe {
        bind(thread);
        attach(thread)
    };
    // `PyGILState_Release` inside must not take the state down.
    py.tstate().gilstate_counter.set(1);
    let result = f(py);
    end_thread(py);
    result
}

/// Sleeps until the process ends.
pub fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

/// Deletes the calling thread's state after clearing it; the thread is detached and unbound afterwards.
pub fn end_thread(py: Attached<'_>) {
    clear_thread(py);
    let interpreter = current(py);
    // SAFETY: the thread runs no more Python code through this state.
    unsafe { mode::unregister_thread(&interpreter.object, py.tstate()) };
    py.ext().release(&interpreter.object);
    let thread = detach(py);
    // SAFETY: detached; nobody else refers to it after it left the list.
    unsafe { delete_thread(thread) };
}

/// Drops what a thread state owns.
pub fn clear_thread(py: Attached<'_>) {
    crate::tracing::thread_ends(py);
    crate::threadmodule::drop_locals(py.ext());
    let public = py.tstate();
    drop_owned(&[
        &public.dict,
        &public.async_exc,
        &public.c_profileobj,
        &public.c_traceobj,
        &public.async_gen_firstiter,
        &public.async_gen_finalizer,
        &public.context,
        &public.threading_local_key,
        &public.threading_local_sentinel,
        &public.current_exception,
        &public.exc_state.exc_value,
    ]);
    drop((py.ext().running_task.take(), py.ext().running_loop.take()));
    mode::merge_own(py);
    py.ext().qsbr.flush();
}

/// Takes a thread state off its interpreter's list and frees it.
///
/// # Safety
/// It is detached, cleared, and nobody uses it any more.
pub unsafe fn delete_thread(thread: NonNull<ThreadExt>) {
    if AUTO.get() == thread.as_ptr() {
        AUTO.set(ptr::null_mut());
    }
    // SAFETY: by the contract.
    let interpreter = of_thread(unsafe { thread.as_ref() });
    // Held while its parts go, for the sake of a fork.
    let mut threads = interpreter.threads.lock().expect("no panic under this lock");
    threads.retain(|other| *other != thread);
    // SAFETY: by the contract.
    crate::frame::free_data_stack(unsafe { &thread.as_ref().public });
    // SAFETY: `new_thread` leaked it.
    drop(unsafe { Box::from_raw(thread.as_ptr()) });
}

/// Serves the events of the thread's breaker. The evaluation loop calls it between instructions when a bit is set.
///
/// # Errors
/// What signal handlers, pending calls and asynchronous exceptions raise.
#[cold]
pub fn serve_breaker(py: Attached<'_>) -> PyResult<()> {
    let events = breaker(py.tstate());
    let interpreter = current(py);
    if events.is_set(PLEASE_STOP) || state_word(py.tstate()).stop_requested() {
        events.clear(PLEASE_STOP);
        safe_point(py);
    }
    crate::remote::run_pending(py);
    // Before objects are merged, which may run callbacks that would swallow what a signal's handler raises.
    if events.is_set(SIGNALS_PENDING) {
        crate::signals::run_handlers(py)?;
    }
    if events.is_set(EXPLICIT_MERGE) {
        events.clear(EXPLICIT_MERGE);
        mode::merge_own(py);
        py.ext().qsbr.flush();
    }
    if events.is_set(CALLS_TO_DO) {
        run_pending_calls(py)?;
    }
    if events.is_set(GC_SCHEDULED) {
        events.clear(GC_SCHEDULED);
        gc::run_scheduled(py);
    }
    if events.is_set(GIL_DROP_REQUEST) {
        if py.tstate().holds_gil.get() == 0 {
            events.clear(GIL_DROP_REQUEST);
        } else {
            switch_gil(py, interpreter);
        }
    }
    if events.is_set(ASYNC_EXCEPTION) {
        events.clear(ASYNC_EXCEPTION);
        let pending = py.tstate().async_exc.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: the field owned it.
        if let Some(exception) = unsafe { Ref::<Object>::from_raw_opt(pending) } {
            return Err(match exception.downcast::<krait_object::Type>() {
                Ok(class) => py.raise_value(&class, &krait_object::none()),
                Err(value) => py.raise_value(value.ty(), &value),
            });
        }
    }
    Ok(())
}

/// Stops while a pause lasts. `nogil` mode.
fn safe_point(py: Attached<'_>) {
    let thread = detach(py);
    // SAFETY: this thread detached it.
    unsafe { attach(thread) };
}

/// Hands the GIL to a waiting thread and waits for it to come back.
fn switch_gil(py: Attached<'_>, interpreter: &Interpreter) {
    let public = py.tstate();
    let thread = ptr::from_ref(public).cast_mut();
    mode::suspend_sections(py);
    if FREE_THREADED {
        py.ext().qsbr.detach();
    }
    Attached::set_current_raw(ptr::null_mut());
    state_word(public).detach(interpreter.pauses());
    // SAFETY: an attached thread holds it with this breaker.
    unsafe { interpreter.gil.gil().switch(breaker(public)) };
    Attached::set_current_raw(thread);
    if state_word(public).attach().is_err() || interpreter.finalizing.load(Ordering::Acquire) && !finalizes(interpreter)
    {
        public.holds_gil.set(0);
        // SAFETY: held since the switch, with this breaker.
        unsafe { interpreter.gil.gil().release(breaker(public)) };
        hang();
    }
    if FREE_THREADED {
        py.ext().qsbr.attach();
    }
    mode::resume_sections(py);
}

/// Makes the calls that were queued for the interpreter and, in the main thread, for that one.
///
/// # Errors
/// What the first failing call raised.
pub fn run_pending_calls(py: Attached<'_>) -> PyResult<()> {
    let interpreter = current(py);
    // SAFETY: who queued the call promised that it may be made on an attached thread.
    let make = |call: Call| match unsafe { (call.function)(call.argument) } {
        0 => Ok(()),
        _ => Err(krait_object::Raised::assume()),
    };
    if crate::signals::is_main_thread(py) {
        interpreter.main_pending.run(breaker(py.tstate()), 32, make)?;
    }
    interpreter.pending.run(breaker(py.tstate()), 100, make)
}

static BLOCK_HOOKS: BlockHooks = BlockHooks {
    detach: || match Attached::try_from_tls() {
        Some(py) => detach(py).as_ptr().cast(),
        None => ptr::null_mut(),
    },
    attach: |thread| {
        if let Some(thread) = NonNull::new(thread) {
            // SAFETY: `detach` above returned it to this thread.
            unsafe { attach(thread.cast()) };
        }
    },
};

/// Makes blocking waits of the sync crate detach. Once per process; repeating it is harmless.
pub fn install_block_hooks() {
    let _ = krait_sync::block::install(&BLOCK_HOOKS);
}
