//! `_thread`: locks, thread handles, thread-local data, and the start of threads.
use crate::interp::{self, Interpreter, RUNTIME, current, thread_ident};
use crate::timing::seconds_arg;
use crate::{errors, signals, sysmodule};
use krait_object::args::Args;
use krait_object::layout::PyObject;
use krait_object::native::{Part, State, Trace};
use krait_object::structseq::StructSeq;
use krait_object::{
    Attached, BaseException, Dict, Float, Int, IntoObject, Layout, Module, Object, PyResult, Ref, Slot, Str, Tuple,
    Type, Visit, exc, functions, id, mem, none, pytype, raise,
};
use krait_sync::block::{Acquired, Wait};
use krait_sync::event::Event;
use krait_sync::mutex::ByteMutex;
use krait_sync::recursive::RecursiveMutex;
use std::collections::HashMap;
use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// `threading.TIMEOUT_MAX`: seconds that fit the clock.
const TIMEOUT_MAX: f64 = 9_223_372_036.0;
/// How many bytes of a thread's name the system keeps.
const NAME_MAX: usize = 15;
/// The timeout -1 in nanoseconds.
const FOREVER: i128 = -1_000_000_000;
/// Native stack of new threads unless `stack_size()` says otherwise.
const DEFAULT_STACK: usize = 16 << 20;

/// A timeout argument: `None` for ever, which -1 stands for too.
fn timeout_arg(py: Attached<'_>, timeout: Option<&Object>, blocking: bool) -> PyResult<Option<Duration>> {
    let nanos = match timeout.filter(|timeout| !timeout.is_none()) {
        None => FOREVER,
        Some(timeout) => seconds_arg(py, timeout)?,
    };
    if !blocking && nanos != FOREVER {
        return Err(raise!(py, ValueError, "can't specify a timeout for a non-blocking call"));
    }
    if nanos < 0 && nanos != FOREVER {
        return Err(raise!(py, ValueError, "timeout value must be a non-negative number"));
    }
    if nanos > TIMEOUT_MAX as i128 * 1_000_000_000 {
        return Err(raise!(py, OverflowError, "timeout value is too large"));
    }
    Ok(match (blocking, u64::try_from(nanos)) {
        (false, _) => Some(Duration::ZERO),
        (true, Ok(nanos)) => Some(Duration::from_nanos(nanos)),
        (true, Err(_)) => None,
    })
}

/// Waits with `attempt` until it succeeds or time is up; signal handlers run in between.
fn wait_interruptibly(
    py: Attached<'_>,
    timeout: Option<Duration>,
    mut attempt: impl FnMut(Wait) -> Acquired,
) -> PyResult<bool> {
    let end = timeout.map(|timeout| Instant::now() + timeout);
    // A signal that came since the last instruction would not end the wait.
    signals::check(py)?;
    loop {
        let wait = match end {
            None => Wait::DETACH,
            Some(end) => match end.saturating_duration_since(Instant::now()) {
                Duration::ZERO => Wait::POLL,
                left => Wait::DETACH.at_most(left),
            },
        };
        match attempt(wait.interruptible()) {
            Acquired::Yes => return Ok(true),
            Acquired::TimedOut => return Ok(false),
            Acquired::Interrupted => signals::check(py)?,
        }
    }
}

/// Argument order of `acquire`.
const ACQUIRE: krait_object::args::Signature =
    krait_object::args::Signature::parse("acquire", "(blocking=True, timeout=-1)");

fn acquire_args(py: Attached<'_>, args: Args<'_>) -> PyResult<Option<Duration>> {
    let [blocking, timeout]: [Option<&Object>; 2] = ACQUIRE.bind(py, args)?;
    let blocking = blocking.map_or(Ok(true), |blocking| blocking.is_true(py))?;
    timeout_arg(py, timeout, blocking)
}

/// `_thread.lock`.
#[repr(C)]
pub struct Lock {
    ob_base: PyObject,
    mutex: ManuallyDrop<ByteMutex>,
    weaklist: Slot,
}

pytype! {
    pub static LOCK_TYPE: "_thread.lock" for Lock {
        base: Object,
        flags: [],
        doc: "lock()\n--\n\nA mutual exclusion lock that any thread may release.",
        slots: {
            constructor = Lock::new_object,
            tp_repr = Lock::repr,
            tp_dealloc = Lock::dealloc,
            raw tp_weaklistoffset = std::mem::offset_of!(Lock, weaklist) as isize,
        },
        methods: {
            raw "acquire" => Lock::acquire, "($self, /, blocking=True, timeout=-1)", "Waits for the lock and takes it; whether it was got.";
            raw "acquire_lock" => Lock::acquire, "($self, /, blocking=True, timeout=-1)", "The same as acquire().";
            noargs "release" => Lock::release, "($self, /)", "Frees the lock.";
            noargs "release_lock" => Lock::release, "($self, /)", "The same as release().";
            noargs "locked" => Lock::locked, "($self, /)", "Whether somebody has the lock.";
            noargs "locked_lock" => Lock::locked, "($self, /)", "The same as locked().";
            noargs "_at_fork_reinit" => Lock::reinit, "($self, /)", "Frees the lock in the child of a fork.";
            raw "__enter__" => Lock::enter, "($self, /)", "Takes the lock.";
            raw "__exit__" => Lock::exit, "($self, /, *exc_info)", "Frees the lock.";
        },
    }
}

impl Lock {
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Lock>) {
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, |_| {}) };
    }

    fn new(py: Attached<'_>) -> PyResult<Ref<Lock>> {
        // Zeroed memory is a free mutex.
        mem::new_instance(py, Self::type_object(), |_: &Lock| {})
    }

    fn new_object(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<Lock>> {
        args.unpack(py, "lock", 0, 0)?;
        Self::new(py)
    }

    fn acquire(py: Attached<'_>, this: &Lock, args: Args<'_>) -> PyResult<bool> {
        if args.is_empty() && this.mutex.try_lock_fast() {
            return Ok(true);
        }
        let timeout = acquire_args(py, args)?;
        wait_interruptibly(py, timeout, |wait| this.mutex.lock_timed(wait))
    }

    fn enter(py: Attached<'_>, this: &Lock, _: Args<'_>) -> PyResult<bool> {
        Self::acquire(py, this, Args::EMPTY)
    }

    fn release(py: Attached<'_>, this: &Lock) -> PyResult<()> {
        if this.mutex.try_unlock() {
            return Ok(());
        }
        Err(raise!(py, RuntimeError, "release unlocked lock"))
    }

    fn exit(py: Attached<'_>, this: &Lock, _: Args<'_>) -> PyResult<()> {
        Self::release(py, this)
    }

    fn locked(_: Attached<'_>, this: &Lock) -> bool {
        this.mutex.is_locked()
    }

    fn reinit(_: Attached<'_>, this: &Lock) {
        // SAFETY: called in the only thread of a forked child.
        unsafe { this.mutex.reset_after_fork() };
    }

    fn repr(_: Attached<'_>, this: &Lock) -> String {
        let state = if this.mutex.is_locked() { "locked" } else { "unlocked" };
        format!("<{state} {} object at {:p}>", this.as_object().ty().full_name(), this.as_ptr())
    }
}

/// `_thread.RLock`.
#[repr(C)]
pub struct RLock {
    ob_base: PyObject,
    mutex: ManuallyDrop<RecursiveMutex>,
    /// How often the owner has it, for other threads to show: written by the owner only.
    shown_depth: AtomicUsize,
    weaklist: Slot,
}

pytype! {
    pub static RLOCK_TYPE: "_thread.RLock" for RLock {
        base: Object,
        flags: [BASETYPE],
        doc: "RLock()\n--\n\nA lock that its owner may take again; it is free after as many releases.",
        slots: {
            tp_new = RLock::new_object,
            tp_repr = RLock::repr,
            tp_dealloc = RLock::dealloc,
            raw tp_weaklistoffset = std::mem::offset_of!(RLock, weaklist) as isize,
        },
        methods: {
            raw "acquire" => RLock::acquire, "($self, /, blocking=True, timeout=-1)", "Waits for the lock and takes it; whether it was got.";
            noargs "release" => RLock::release, "($self, /)", "Frees the lock once.";
            noargs "locked" => RLock::locked, "($self, /)", "Whether somebody has the lock.";
            noargs "_is_owned" => RLock::is_owned, "($self, /)", "Whether the calling thread has the lock.";
            noargs "_recursion_count" => RLock::depth, "($self, /)", "How often the calling thread has the lock.";
            noargs "_release_save" => RLock::release_save, "($self, /)", "For condition variables: frees the lock wholly.";
            o "_acquire_restore" => RLock::acquire_restore, "($self, state, /)", "For condition variables: takes the lock as often as before.";
            noargs "_at_fork_reinit" => RLock::reinit, "($self, /)", "Frees the lock in the child of a fork.";
            raw "__enter__" => RLock::enter, "($self, /)", "Takes the lock.";
            raw "__exit__" => RLock::exit, "($self, /, *exc_info)", "Frees the lock.";
        },
    }
}

impl RLock {
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<RLock>) {
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, |_| {}) };
    }

    fn new_object(py: Attached<'_>, ty: &Type, _: Args<'_>) -> PyResult<Ref<Object>> {
        ty.alloc(py, 0)
    }

    fn acquire(py: Attached<'_>, this: &RLock, args: Args<'_>) -> PyResult<bool> {
        let (timeout, me) = (acquire_args(py, args)?, thread_ident());
        let acquired = wait_interruptibly(py, timeout, |wait| this.mutex.lock_timed(me, wait))?;
        if acquired {
            this.shown_depth.store(this.mutex.depth(me), Ordering::Relaxed);
        }
        Ok(acquired)
    }

    fn enter(py: Attached<'_>, this: &RLock, _: Args<'_>) -> PyResult<bool> {
        Self::acquire(py, this, Args::EMPTY)
    }

    fn release(py: Attached<'_>, this: &RLock) -> PyResult<()> {
        let me = thread_ident();
        match this.mutex.depth(me) {
            0 => return Err(raise!(py, RuntimeError, "cannot release un-acquired lock")),
            depth => this.shown_depth.store(depth - 1, Ordering::Relaxed),
        }
        this.mutex.try_unlock(me);
        Ok(())
    }

    fn exit(py: Attached<'_>, this: &RLock, _: Args<'_>) -> PyResult<()> {
        Self::release(py, this)
    }

    fn locked(_: Attached<'_>, this: &RLock) -> bool {
        this.mutex.is_locked()
    }

    fn is_owned(_: Attached<'_>, this: &RLock) -> bool {
        this.mutex.is_owned_by(thread_ident())
    }

    fn depth(_: Attached<'_>, this: &RLock) -> usize {
        this.mutex.depth(thread_ident())
    }

    fn release_save(py: Attached<'_>, this: &RLock) -> PyResult<Ref<Tuple>> {
        let me = thread_ident();
        let depth = this.mutex.depth(me);
        if depth == 0 {
            return Err(raise!(py, RuntimeError, "cannot release un-acquired lock"));
        }
        this.shown_depth.store(0, Ordering::Relaxed);
        this.mutex.release_save(me);
        Tuple::from_vec(py, vec![depth.into_object(py)?, me.into_object(py)?])
    }

    fn acquire_restore(py: Attached<'_>, this: &RLock, state: &Object) -> PyResult<()> {
        let Some([depth, _owner]) = state.downcast::<Tuple>().map(Tuple::as_slice) else {
            return Err(raise!(py, TypeError, "_acquire_restore() expects the result of _release_save()"));
        };
        let depth = depth.as_isize(py)?.max(0) as usize;
        this.mutex.acquire_restore(thread_ident(), depth);
        this.shown_depth.store(depth, Ordering::Relaxed);
        Ok(())
    }

    fn reinit(_: Attached<'_>, this: &RLock) {
        let me = thread_ident();
        // SAFETY: called in the only thread of a forked child; `threading` wants the lock free.
        unsafe { this.mutex.reset_after_fork(me, me) };
        while this.mutex.try_unlock(me) {}
        this.shown_depth.store(0, Ordering::Relaxed);
    }

    fn repr(_: Attached<'_>, this: &RLock) -> String {
        let state = if this.mutex.is_locked() { "locked" } else { "unlocked" };
        let (owner, count) = (this.mutex.owner(), this.shown_depth.load(Ordering::Relaxed));
        let name = this.as_object().ty().full_name();
        format!("<{state} {name} object owner={owner} count={count} at {:p}>", this.as_ptr())
    }
}

/// What a thread and its handles share.
struct Shared {
    ident: AtomicUsize,
    started: AtomicBool,
    done: Event,
}

/// `_thread._ThreadHandle`.
#[repr(C)]
pub struct ThreadHandle {
    ob_base: PyObject,
    shared: Option<Arc<Shared>>,
}

pytype! {
    pub static THREAD_HANDLE_TYPE: "_thread._ThreadHandle" for ThreadHandle {
        base: Object,
        flags: [],
        doc: "A handle of a thread, for waiting until it ends.",
        slots: { constructor = ThreadHandle::new_object, tp_repr = ThreadHandle::repr, tp_dealloc = ThreadHandle::dealloc },
        methods: {
            sig "join" => ThreadHandle::join, "($self, /, timeout=None)", "Waits until the thread ends.";
            noargs "_set_done" => ThreadHandle::set_done, "($self, /)", "Marks the thread as ended.";
            noargs "is_done" => ThreadHandle::is_done, "($self, /)", "Whether the thread has ended.";
        },
        getset: { "ident" => ThreadHandle::get_ident, "The thread's identifier."; },
    }
}

impl ThreadHandle {
    fn new(py: Attached<'_>) -> PyResult<Ref<ThreadHandle>> {
        let raw = mem::alloc_instance(py, Self::type_object(), 0)?;
        // SAFETY: fresh memory of this layout, which nobody else sees yet.
        unsafe {
            let shared = Shared { ident: AtomicUsize::new(0), started: AtomicBool::new(false), done: Event::new() };
            (&raw mut (*raw.as_ptr().cast::<ThreadHandle>()).shared).write(Some(Arc::new(shared)));
            Ok(Ref::from_raw(raw.as_ptr()))
        }
    }

    fn new_object(py: Attached<'_>, _: &Type, args: Args<'_>) -> PyResult<Ref<ThreadHandle>> {
        args.unpack(py, "_ThreadHandle", 0, 0)?;
        Self::new(py)
    }

    unsafe fn dealloc(py: Attached<'_>, mut this: NonNull<ThreadHandle>) {
        // SAFETY: the last reference: nobody else uses the field.
        let shared = unsafe { this.as_mut().shared.take() };
        drop(shared);
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, |_| {}) };
    }

    fn shared(&self) -> &Arc<Shared> {
        self.shared.as_ref().expect("set when the handle is made")
    }

    fn join(py: Attached<'_>, this: &ThreadHandle, [timeout]: [Option<&Object>; 1]) -> PyResult<()> {
        let nanos = timeout.filter(|timeout| !timeout.is_none()).map(|timeout| seconds_arg(py, timeout)).transpose()?;
        // A negative timeout is for ever here.
        let timeout = nanos.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos);
        let shared = this.shared();
        if !shared.started.load(Ordering::Acquire) {
            return Err(raise!(py, RuntimeError, "thread not started"));
        }
        if !shared.done.is_set() && shared.ident.load(Ordering::Relaxed) == thread_ident() {
            return Err(raise!(py, RuntimeError, "Cannot join current thread"));
        }
        if !shared.done.is_set() && current(py).finalizing.load(Ordering::Acquire) {
            return Err(raise!(py, PythonFinalizationError, "cannot join thread at interpreter shutdown"));
        }
        wait_interruptibly(py, timeout, |wait| shared.done.wait_for(wait)).map(drop)
    }

    fn set_done(py: Attached<'_>, this: &ThreadHandle) -> PyResult<()> {
        if !this.shared().started.load(Ordering::Acquire) {
            return Err(raise!(py, RuntimeError, "thread not started"));
        }
        this.shared().done.set();
        Ok(())
    }

    fn is_done(_: Attached<'_>, this: &ThreadHandle) -> bool {
        this.shared().done.is_set()
    }

    fn get_ident(_: Attached<'_>, this: &ThreadHandle) -> usize {
        this.shared().ident.load(Ordering::Relaxed)
    }

    fn repr(_: Attached<'_>, this: &ThreadHandle) -> String {
        format!("<_thread._ThreadHandle object: ident={}>", this.shared().ident.load(Ordering::Relaxed))
    }
}

/// `_thread._local`: an object whose attributes each thread has for itself.
///
/// The local owns the dicts, so that the collector finds cycles through them; each thread state knows those of its thread
/// by the local's address. A thread's dict dies with the thread or with the local, whichever comes first.
#[repr(C)]
pub struct Local {
    ob_base: PyObject,
    dicts: State<Dicts>,
    args: Slot<Tuple>,
    kwargs: Slot<Dict>,
    weaklist: Slot,
}

/// The dicts of a local, by the identifiers of thread states.
#[derive(Default)]
struct Dicts(HashMap<u64, Ref<Dict>>);

impl Trace for Dicts {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.0.values().try_for_each(|dict| dict.trace(visit))
    }
}

pytype! {
    pub static LOCAL_TYPE: "_thread._local" for Local {
        base: Object,
        flags: [BASETYPE, HAVE_GC],
        doc: "_local()\n--\n\nData that each thread has for itself.",
        slots: {
            tp_new = Local::new_object,
            tp_dealloc = Local::dealloc,
            tp_traverse = Local::traverse,
            tp_clear = Local::clear,
            tp_getattro = Local::getattro,
            tp_setattro = Local::setattro,
            raw tp_weaklistoffset = std::mem::offset_of!(Local, weaklist) as isize,
        },
        getset: { "__dict__" => Local::dict_of, "The calling thread's attributes."; },
    }
}

/// A slot over the thread state's dict of thread-local data.
fn thread_dict(thread: &krait_object::state::ThreadExt) -> &Slot<Dict> {
    // SAFETY: the field owns a dict or is null; only its thread, or one that has stopped the world, uses it.
    unsafe { &*std::ptr::from_ref(&thread.public.dict).cast::<Slot<Dict>>() }
}

/// The calling thread's dict for extensions and thread-local data (`PyThreadState_GetDict`).
///
/// # Errors
/// `MemoryError`.
pub fn current_thread_dict(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    let slot = thread_dict(py.ext());
    match slot.get() {
        Some(dict) => Ok(dict),
        None => {
            let dict = Dict::new(py)?;
            drop(slot.replace(Some(dict.clone())));
            Ok(dict)
        }
    }
}

impl Local {
    fn new_object(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        let object_init = Object::type_object().as_type().tp_init.get().map(|init| init as usize);
        if !args.is_empty() && ty.as_type().tp_init.get().map(|init| init as usize) == object_init {
            return Err(raise!(py, TypeError, "Initialization arguments are not supported"));
        }
        let object = ty.alloc(py, 0)?;
        // SAFETY: [layout]: `ty` derives from `_local`.
        let this: &Local = unsafe { (*object).cast_unchecked() };
        this.dicts.init(Dicts::default());
        drop(this.args.replace(Some(args.pos_tuple(py)?)));
        drop(this.kwargs.replace(args.kw_dict(py)?));
        // The creating thread's `__init__` is the one that the call of the type runs.
        drop(this.make_dict(py)?);
        Ok(object)
    }

    /// Makes the calling thread's dict.
    fn make_dict(&self, py: Attached<'_>) -> PyResult<Ref<Dict>> {
        let dict = Dict::new(py)?;
        let old = self.dicts.lock().0.insert(py.tstate().id.get(), dict.clone());
        py.ext().locals.borrow_mut().insert(self.as_ptr().expose_provenance(), NonNull::from(&*dict));
        drop(old);
        Ok(dict)
    }

    fn dict_of(py: Attached<'_>, this: &Local) -> PyResult<Ref<Dict>> {
        if let Some(dict) = py.ext().locals.borrow().get(&this.as_ptr().addr()) {
            // SAFETY: the local owns the dict, and takes it out of the table before it drops it.
            return Ok(unsafe { dict.as_ref() }.to_ref());
        }
        let dict = this.make_dict(py)?;
        // This thread sees the local for the first time: it initialises its own attributes.
        let ty = this.as_object().ty();
        let object_init = Object::type_object().as_type().tp_init.get().map(|init| init as usize);
        if let Some(init) = ty.as_type().tp_init.get().filter(|init| Some(*init as usize) != object_init) {
            let args = this.args.get().unwrap_or_else(|| Tuple::empty(py));
            let kwargs = this.kwargs.get();
            let raw_kwargs = kwargs.as_ref().map_or(std::ptr::null_mut(), |kwargs| kwargs.as_ptr());
            // SAFETY: [slot-contract].
            if unsafe { init(this.as_ptr(), args.as_ptr(), raw_kwargs) } < 0 {
                let pending = krait_object::Raised::assume().take(py);
                py.ext().locals.borrow_mut().remove(&this.as_ptr().addr());
                let gone = this.dicts.lock().0.remove(&py.tstate().id.get());
                drop(gone);
                return Err(py.restore(pending));
            }
        }
        Ok(dict)
    }

    fn getattro(py: Attached<'_>, this: &Local, name: &Object) -> PyResult<Ref<Object>> {
        let Some(text) = name.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "attribute name must be string, not '{}'", name.ty().name()));
        };
        let dict = Self::dict_of(py, this)?;
        if text.eq_str("__dict__") {
            return Ok(dict.upcast());
        }
        local_get(py, this.as_object(), text, &dict)
    }

    fn setattro(py: Attached<'_>, this: &Local, name: &Object, value: Option<&Object>) -> PyResult<()> {
        if name.eq(py, id!(py, __dict__).as_object())? {
            let class = this.as_object().ty().name().into_owned();
            return Err(raise!(py, AttributeError, "'{class}' object attribute '__dict__' is read-only"));
        }
        let Some(text) = name.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "attribute name must be string, not '{}'", name.ty().name()));
        };
        let dict = Self::dict_of(py, this)?;
        local_set(py, this.as_object(), text, value, &dict)
    }

    fn traverse(this: &Local, visit: Visit<'_>) -> Result<(), c_int> {
        this.dicts.visit(visit)?;
        visit.slot(&this.args)?;
        visit.slot(&this.kwargs)
    }

    fn clear(py: Attached<'_>, this: &Local) {
        let address = this.as_ptr().addr();
        let only_own = {
            let dicts = this.dicts.lock();
            dicts.0.keys().all(|thread| *thread == py.tstate().id.get())
        };
        if only_own {
            py.ext().locals.borrow_mut().remove(&address);
        } else {
            let interpreter = current(py);
            interpreter.stop_the_world(py, &mut || {
                interpreter.visit_threads(&mut |thread| {
                    thread.locals.borrow_mut().remove(&address);
                });
            });
        }
        let gone = std::mem::take(&mut *this.dicts.lock());
        drop(gone);
        drop(this.args.take());
        drop(this.kwargs.take());
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<Local>) {
        let drop_fields = |this: &Local| {
            if this.dicts.is_set() {
                Self::clear(py, this);
                this.dicts.release();
            }
        };
        // SAFETY: the count is zero.
        unsafe { mem::dealloc_with(py, this, drop_fields) };
    }
}

/// Drops the thread-local data of a thread that ends, by which it is called, or that a fork left behind.
pub(crate) fn drop_locals(thread: &krait_object::state::ThreadExt) {
    // What is dropped may make new data.
    loop {
        let locals = std::mem::take(&mut *thread.locals.borrow_mut());
        if locals.is_empty() {
            return;
        }
        let id = thread.public.id.get();
        let gone: Vec<Option<Ref<Dict>>> = locals
            .keys()
            .map(|address| {
                // SAFETY: a local takes itself out of the table before it goes, for which it stops the world.
                let local = unsafe { &*std::ptr::with_exposed_provenance::<Local>(*address) };
                local.dicts.lock().0.remove(&id)
            })
            .collect();
        drop(gone);
    }
}

/// What a data or other descriptor of the type gives for `object`.
fn describe(object: &Object, descr: &Object) -> Option<PyResult<Ref<Object>>> {
    let get = descr.ty().as_type().tp_descr_get.get()?;
    // SAFETY: [slot-contract].
    let value = unsafe { Ref::from_raw_opt(get(descr.as_ptr(), object.as_ptr(), object.ty().as_ptr())) };
    Some(value.ok_or_else(krait_object::Raised::assume))
}

/// Attribute lookup with `dict` in the place of the instance's own.
fn local_get(py: Attached<'_>, object: &Object, name: &Str, dict: &Dict) -> PyResult<Ref<Object>> {
    let descr = object.ty().lookup(py, name);
    if let Some(descr) = &descr
        && descr.ty().as_type().tp_descr_set.get().is_some()
        && let Some(value) = describe(object, descr)
    {
        return value;
    }
    if let Some(value) = dict.get(py, name.as_object())? {
        return Ok(value);
    }
    let Some(descr) = descr else {
        let class = object.ty().name().into_owned();
        let message = format_args!("'{class}' object has no attribute '{name}'");
        return Err(krait_object::exceptions::raise_attribute_error(py, object, name, message));
    };
    describe(object, &descr).unwrap_or(Ok(descr))
}

/// Attribute assignment with `dict` in the place of the instance's own.
fn local_set(py: Attached<'_>, object: &Object, name: &Str, value: Option<&Object>, dict: &Dict) -> PyResult<()> {
    if let Some(descr) = object.ty().lookup(py, name)
        && let Some(set) = descr.ty().as_type().tp_descr_set.get()
    {
        let raw = value.map_or(std::ptr::null_mut(), Layout::as_ptr);
        // SAFETY: [slot-contract].
        return match unsafe { set(descr.as_ptr(), object.as_ptr(), raw) } {
            0 => Ok(()),
            _ => Err(krait_object::Raised::assume()),
        };
    }
    match value {
        Some(value) => dict.set(py, name.as_object(), value),
        None if dict.remove(py, name.as_object())?.is_some() => Ok(()),
        None => {
            let class = object.ty().name().into_owned();
            let message = format_args!("'{class}' object has no attribute '{name}'");
            Err(krait_object::exceptions::raise_attribute_error(py, object, name, message))
        }
    }
}

static EXCEPT_HOOK_ARGS: StructSeq = StructSeq::new(
    "_thread._ExceptHookArgs",
    "What `threading.excepthook` gets.",
    &[
        ("exc_type", "Exception type"),
        ("exc_value", "Exception value"),
        ("exc_traceback", "Exception traceback"),
        ("thread", "Thread"),
    ],
);

/// The threads of an interpreter that have handles. The lists are locked by attached threads only, and not across
/// anything that waits, so a fork finds them free.
#[derive(Default)]
pub struct Threads {
    /// Those that the end of the interpreter waits for.
    joinable: std::sync::Mutex<Vec<Arc<Shared>>>,
    /// All, for the child of a fork.
    all: std::sync::Mutex<Vec<Weak<Shared>>>,
}

impl Threads {
    fn joinable(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Shared>>> {
        self.joinable.lock().expect("no panic under this lock")
    }

    fn register(&self, shared: &Arc<Shared>) {
        let mut all = self.all.lock().expect("no panic under this lock");
        if all.len() == all.capacity() {
            all.retain(|thread| thread.strong_count() > 0);
        }
        all.push(Arc::downgrade(shared));
    }

    /// In the child of a fork, after the parking lot is repaired: all threads but the calling one have ended.
    pub fn after_fork(&self) {
        let me = thread_ident();
        let mut all = self.all.lock().expect("no panic under this lock");
        all.retain(|thread| {
            let Some(thread) = thread.upgrade() else { return false };
            let stays = thread.ident.load(Ordering::Relaxed) == me;
            if !stays {
                thread.started.store(true, Ordering::Release);
                thread.done.set();
            }
            stays
        });
    }
}

/// Native stack size of new threads.
static STACK_SIZE: AtomicUsize = AtomicUsize::new(0);

/// A reference that changes its thread.
struct Carried(*mut PyObject);
// SAFETY: the receiving thread attaches before it touches the object.
unsafe impl Send for Carried {}

impl Carried {
    fn take(self) -> Ref<Object> {
        // SAFETY: made from a reference, taken once.
        unsafe { Ref::from_raw(self.0) }
    }
}

struct ThreadPointer(NonNull<krait_object::state::ThreadExt>);
// SAFETY: a fresh thread state is handed to the one thread that will use it.
unsafe impl Send for ThreadPointer {}

/// Starts a thread that calls `call`.
fn spawn(
    py: Attached<'_>,
    shared: Arc<Shared>,
    daemon: bool,
    call: Ref<Object>,
    args: Ref<Object>,
    kwargs: Option<Ref<Object>>,
) -> PyResult<()> {
    let interpreter: &'static Interpreter = interp::of_thread(py.ext());
    if !interpreter.rules.threads {
        return Err(raise!(py, RuntimeError, "thread is not supported for isolated subinterpreters"));
    }
    if daemon && !interpreter.rules.daemons {
        return Err(raise!(py, RuntimeError, "daemon thread is not supported for isolated subinterpreters"));
    }
    if interpreter.finalizing.load(Ordering::Acquire) {
        return Err(raise!(py, PythonFinalizationError, "can't create new thread at interpreter shutdown"));
    }
    let state = ThreadPointer(interpreter.new_thread());
    let joinable = (!daemon).then(|| shared.clone());
    if let Some(shared) = &joinable {
        interpreter.handles.joinable().push(shared.clone());
    }
    interpreter.handles.register(&shared);
    interpreter.running_threads.fetch_add(1, Ordering::Relaxed);
    let work = (Carried(call.into_raw()), Carried(args.into_raw()), kwargs.map(|kwargs| Carried(kwargs.into_raw())));
    let size = match STACK_SIZE.load(Ordering::Relaxed) {
        0 => DEFAULT_STACK,
        size => size,
    };
    let ready = Arc::new(Event::new());
    let started = ready.clone();
    let in_thread = shared.clone();
    let pointer = state.0;
    let result = std::thread::Builder::new().stack_size(size).spawn(move || {
        let state = state;
        in_thread.ident.store(thread_ident(), Ordering::Relaxed);
        in_thread.started.store(true, Ordering::Release);
        ready.set();
        run_thread(state.0, work);
        in_thread.done.set();
    });
    if result.is_err() {
        interpreter.running_threads.fetch_sub(1, Ordering::Relaxed);
        interpreter.handles.joinable().retain(|other| !Arc::ptr_eq(other, &shared));
        // SAFETY: no thread uses the state.
        unsafe { interp::delete_thread(pointer) };
        return Err(raise!(py, RuntimeError, "can't start new thread"));
    }
    let _ = started.wait_for(Wait::DETACH);
    Ok(())
}

/// The body of a new operating-system thread.
fn run_thread(
    state: NonNull<krait_object::state::ThreadExt>,
    (call, args, kwargs): (Carried, Carried, Option<Carried>),
) {
    // SAFETY: a fresh thread state, used by this thread only.
    let py = unsafe {
        interp::bind(state);
        interp::attach(state)
    };
    let (call, args, kwargs) = (call.take(), args.take(), kwargs.map(Carried::take));
    let run = || -> PyResult<Ref<Object>> {
        let args = (*args).downcast::<Tuple>().ok_or_else(|| py.bad_internal_call())?;
        let kwargs = kwargs.as_ref().and_then(|kwargs| (**kwargs).downcast::<Dict>());
        crate::bltinmodule::call_with(py, &call, args.as_slice(), kwargs)
    };
    match run() {
        Ok(result) => drop(result),
        Err(raised) if raised.matches(py, exc::SystemExit()) => raised.clear(py),
        Err(raised) => report(py, raised, &call),
    }
    drop((call, args, kwargs));
    current(py).running_threads.fetch_sub(1, Ordering::Relaxed);
    interp::end_thread(py);
}

/// Reports the exception that ended a thread.
fn report(py: Attached<'_>, raised: krait_object::Raised, call: &Object) {
    let exception = raised.take(py);
    let text = match call.repr(py) {
        Ok(repr) => repr.to_string_lossy().into_owned(),
        Err(second) => {
            second.clear(py);
            String::from("a function")
        }
    };
    let _raised = py.restore(exception);
    sysmodule::report_unraisable(py, Some(&format!("Exception ignored in thread started by {text}")), None);
}

fn start_args<'a>(
    py: Attached<'_>,
    name: &str,
    function: &'a Object,
    args: &'a Object,
    kwargs: Option<&'a Object>,
) -> PyResult<()> {
    if !function.is_callable() {
        return Err(raise!(py, TypeError, "first arg must be callable"));
    }
    if args.downcast::<Tuple>().is_none() {
        return Err(raise!(py, TypeError, "2nd arg must be a tuple"));
    }
    if kwargs.is_some_and(|kwargs| kwargs.downcast::<Dict>().is_none()) {
        return Err(raise!(py, TypeError, "optional 3rd arg must be a dictionary"));
    }
    sysmodule::audit_event(py, name, &[function, args, kwargs.unwrap_or(&none())])
}

fn start_new_thread(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<usize> {
    let pos = args.unpack(py, "start_new_thread", 2, 3)?;
    start_args(py, "_thread.start_new_thread", pos[0], pos[1], pos.get(2).copied())?;
    let handle = ThreadHandle::new(py)?;
    spawn(
        py,
        handle.shared().clone(),
        true,
        pos[0].to_ref(),
        pos[1].to_ref(),
        pos.get(2).map(|kwargs| kwargs.to_ref()),
    )?;
    Ok(handle.shared().ident.load(Ordering::Relaxed))
}

fn start_joinable_thread(
    py: Attached<'_>,
    _: &Object,
    [function, handle, daemon]: [Option<&Object>; 3],
) -> PyResult<Ref<ThreadHandle>> {
    let function = function.ok_or_else(|| py.bad_internal_call())?;
    if !function.is_callable() {
        return Err(raise!(py, TypeError, "thread function must be callable"));
    }
    let handle = match handle.filter(|handle| !handle.is_none()) {
        None => ThreadHandle::new(py)?,
        Some(handle) => match handle.downcast::<ThreadHandle>() {
            Some(handle) => handle.to_ref(),
            None => return Err(raise!(py, TypeError, "'handle' must be a _ThreadHandle")),
        },
    };
    let daemon = daemon.map_or(Ok(true), |daemon| daemon.is_true(py))?;
    sysmodule::audit_event(py, "_thread.start_joinable_thread", &[function])?;
    if handle.shared().started.load(Ordering::Acquire) {
        return Err(raise!(py, RuntimeError, "thread already started"));
    }
    spawn(py, handle.shared().clone(), daemon, function.to_ref(), Tuple::empty(py).upcast(), None)?;
    Ok(handle)
}

fn allocate_lock(py: Attached<'_>, _: &Object) -> PyResult<Ref<Lock>> {
    Lock::new(py)
}

fn get_ident(_: Attached<'_>, _: &Object) -> usize {
    thread_ident()
}

fn get_native_id(_: Attached<'_>, _: &Object) -> u64 {
    interp::native_thread_id()
}

fn count(py: Attached<'_>, _: &Object) -> usize {
    current(py).running_threads.load(Ordering::Relaxed)
}

fn stack_size(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<usize> {
    let pos = args.unpack(py, "stack_size", 0, 1)?;
    let old = STACK_SIZE.load(Ordering::Relaxed);
    if let Some(size) = pos.first() {
        let size = size.as_isize(py)?;
        if size < 0 {
            return Err(raise!(py, ValueError, "size must be 0 or a positive value"));
        }
        if size != 0 && size < 32 << 10 {
            return Err(raise!(py, ValueError, "size not valid: {size} bytes"));
        }
        STACK_SIZE.store(size as usize, Ordering::Relaxed);
    }
    Ok(old)
}

fn exit(py: Attached<'_>, _: &Object) -> PyResult<()> {
    Err(py.raise_value(exc::SystemExit(), &none()))
}

fn interrupt_main(py: Attached<'_>, _: &Object, [signal]: [Option<&Object>; 1]) -> PyResult<()> {
    let signal = signal.map_or(Ok(libc::SIGINT), |signal| signal.as_i32(py))?;
    if !(1..signals::COUNT as i32).contains(&signal) {
        return Err(raise!(py, ValueError, "signal number out of range"));
    }
    // A signal that Python ignores or leaves to the system is not simulated.
    if signals::handler(py, signal as usize).is_none_or(|handler| handler.is_callable()) {
        signals::trip(signal);
    }
    Ok(())
}

fn main_thread_ident(_: Attached<'_>, _: &Object) -> usize {
    RUNTIME.main_thread.load(Ordering::Relaxed)
}

fn is_main_interpreter(py: Attached<'_>, _: &Object) -> bool {
    current(py).is_main()
}

fn daemon_threads_allowed(py: Attached<'_>, _: &Object) -> bool {
    current(py).rules.daemons
}

fn make_thread_handle(py: Attached<'_>, _: &Object, ident: &Object) -> PyResult<Ref<ThreadHandle>> {
    let handle = ThreadHandle::new(py)?;
    handle.shared().ident.store(ident.as_u64_mask(py)? as usize, Ordering::Relaxed);
    handle.shared().started.store(true, Ordering::Release);
    current(py).handles.register(handle.shared());
    Ok(handle)
}

/// Waits for all threads that are not daemons.
fn shutdown(py: Attached<'_>, _: &Object) -> PyResult<()> {
    let me = thread_ident();
    loop {
        let next = {
            let mut threads = current(py).handles.joinable();
            threads.retain(|thread| !thread.done.is_set());
            threads.iter().find(|thread| thread.ident.load(Ordering::Relaxed) != me).cloned()
        };
        let Some(next) = next else { return Ok(()) };
        wait_interruptibly(py, None, |wait| next.done.wait_for(wait))?;
    }
}

/// Prints the end of a thread by an exception.
fn excepthook(py: Attached<'_>, _: &Object, args: &Object) -> PyResult<()> {
    let [class, value, thread] =
        [id!(py, exc_type), id!(py, exc_value), id!(py, thread)].map(|name| args.get_attr(py, name));
    let (class, value, thread) = (class?, value?, thread?);
    if class.is(exc::SystemExit()) {
        return Ok(());
    }
    let name = match thread.is_none() {
        true => get_ident(py, args).to_string(),
        false => match thread.get_attr_opt(py, id!(py, _name))? {
            Some(name) => name.str(py)?.to_string(),
            None => get_ident(py, args).to_string(),
        },
    };
    errors::write_stderr(py, &format!("Exception in thread {name}:\n"));
    if let Some(exception) = (*value).downcast::<BaseException>() {
        errors::display(py, exception);
    }
    Ok(())
}

fn set_name(py: Attached<'_>, _: &Object, [name]: [Option<&Object>; 1]) -> PyResult<()> {
    let name = name.ok_or_else(|| py.bad_internal_call())?;
    let Some(name) = name.downcast::<Str>() else {
        return Err(raise!(
            py,
            TypeError,
            "set_name() argument 'name' must be str, not {}",
            krait_object::builtins::textargs::arg_type(name)
        ));
    };
    // What the file system's encoding lacks is shown as a question mark; the system's limit is one of bytes.
    let mut bytes = Vec::with_capacity(name.len());
    for point in name.code_points() {
        let shown = char::from_u32(point).unwrap_or('?');
        bytes.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes());
    }
    bytes.truncate(NAME_MAX);
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    if let Ok(name) = std::ffi::CString::new(bytes) {
        // SAFETY: the calling thread and a short, terminated name.
        unsafe { libc::pthread_setname_np(libc::pthread_self(), name.as_ptr()) };
    }
    Ok(())
}

fn get_name(py: Attached<'_>, _: &Object) -> PyResult<Ref<Str>> {
    let mut name = [0u8; NAME_MAX + 1];
    // SAFETY: the buffer is as long as stated.
    unsafe { libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr().cast(), name.len()) };
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    Str::from_fs_bytes(py, &name[..end])
}

/// Fills `_thread`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        raw "start_new_thread" => start_new_thread, "($module, function, args, kwargs={}, /)", "start_new_thread(function, args[, kwargs])\n\nStarts a thread that calls the function; its identifier.";
        raw "start_new" => start_new_thread, "($module, function, args, kwargs={}, /)", "start_new(function, args[, kwargs])\n\nAn old name of start_new_thread().";
        sig "start_joinable_thread" => start_joinable_thread, "($module, /, function, handle=None, daemon=True)", "Starts a thread that can be joined.";
        noargs "daemon_threads_allowed" => daemon_threads_allowed, "($module, /)", "Whether the interpreter may have daemon threads.";
        noargs "allocate_lock" => allocate_lock, "($module, /)", "A new lock.";
        noargs "allocate" => allocate_lock, "($module, /)", "An old name of allocate_lock().";
        noargs "exit" => exit, "($module, /)", "Ends the thread by SystemExit.";
        noargs "exit_thread" => exit, "($module, /)", "An old name of exit().";
        sig "interrupt_main" => interrupt_main, "($module, signum=2, /)", "Simulates a signal in the main thread.";
        noargs "get_ident" => get_ident, "($module, /)", "The calling thread's identifier.";
        noargs "get_native_id" => get_native_id, "($module, /)", "The kernel's identifier of the calling thread.";
        noargs "_count" => count, "($module, /)", "How many threads this module started that still run.";
        raw "stack_size" => stack_size, "($module, size=0, /)", "stack_size([size])\n\nThe native stack size of new threads; sets it if one is given.";
        o "_excepthook" => excepthook, "($module, args, /)", "Prints the exception that ended a thread.";
        noargs "_is_main_interpreter" => is_main_interpreter, "($module, /)", "Whether this is the main interpreter.";
        noargs "_shutdown" => shutdown, "($module, /)", "Waits for all threads that are not daemons.";
        o "_make_thread_handle" => make_thread_handle, "($module, ident, /)", "A handle of a running thread.";
        noargs "_get_main_thread_ident" => main_thread_ident, "($module, /)", "The main thread's identifier.";
        sig "set_name" => set_name, "($module, /, name)", "Sets the calling thread's name in the system.";
        noargs "_get_name" => get_name, "($module, /)", "The calling thread's name in the system.";
    })?;
    for (name, ty) in [
        ("lock", krait_object::typedef::link_static::<Lock>()),
        ("RLock", krait_object::typedef::link_static::<RLock>()),
        ("_ThreadHandle", krait_object::typedef::link_static::<ThreadHandle>()),
        ("_local", krait_object::typedef::link_static::<Local>()),
    ] {
        ty.ready(py)?;
        module.add(py, name, ty.as_object())?;
    }
    module.add(py, "LockType", Lock::type_object().as_object())?;
    module.add(py, "_ExceptHookArgs", EXCEPT_HOOK_ARGS.ty(py)?.as_object())?;
    module.add(py, "error", exc::RuntimeError().as_object())?;
    module.add(py, "TIMEOUT_MAX", Float::new(py, TIMEOUT_MAX)?.as_object())?;
    module.add(py, "_NAME_MAXLEN", Int::from_i64(py, NAME_MAX as i64)?.as_object())
}
