//! `pylifecycle.h`, `pystate.h`: the runtime, interpreters, thread states.
use krait_layout::*;
use krait_object::state::ThreadExt;
use krait_object::{Attached, Dict, Object, Ref, raise};
use krait_vm::config::Config;
use krait_vm::interp::{self, Interpreter, RUNTIME};
use krait_vm::{lifecycle, platform};
use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

/// Starts the main interpreter and attaches the calling thread.
pub(crate) fn initialize(config: Config) -> Result<(), String> {
    krait::register_modules();
    crate::import::install();
    crate::sysmodule::write_flags(&config);
    lifecycle::start(config).map(drop)
}

/// Whether there is a main interpreter that can import. A program that did not start through the C API has one too.
pub(crate) fn is_initialized() -> bool {
    Interpreter::main().is_some_and(|main| !main.sys_dict.is_null())
}

/// The thread state of the calling native thread.
fn own() -> *mut PyThreadState {
    interp::own_thread().cast()
}

/// What a program without arguments would be configured with.
pub(crate) fn default_config() -> Config {
    let mut config = Config::default();
    krait_vm::paths::fill(&mut config, platform::program_name().as_ref());
    config
}

fn current() -> *mut PyThreadState {
    Attached::current_raw()
}

fn needs(name: &str) -> Attached<'static> {
    match Attached::try_from_tls() {
        Some(py) => py,
        None => krait_vm::fatal(&format!(
            "{name}: the function must be called with the GIL held, after Python initialization and before Python finalization, but the GIL is released (the current Python thread state is NULL)"
        )),
    }
}

unsafe fn ext(tstate: *mut PyThreadState) -> NonNull<ThreadExt> {
    match NonNull::new(tstate.cast()) {
        Some(thread) => thread,
        None => krait_vm::fatal("attaching a NULL thread state"),
    }
}

unsafe fn interpreter<'a>(raw: *mut PyInterpreterState) -> &'a Interpreter {
    // SAFETY: C got the pointer from us.
    unsafe { &*raw.cast::<Interpreter>() }
}

/// Detaches the calling thread if it is attached; gives back its state.
fn leave() -> *mut PyThreadState {
    match Attached::try_from_tls() {
        Some(py) => interp::detach(py).as_ptr().cast(),
        None => ptr::null_mut(),
    }
}

/// Attaches through a thread state, which belongs to the calling OS thread from now on.
unsafe fn enter(tstate: *mut PyThreadState) {
    // SAFETY: by the contract the state is live and detached.
    unsafe {
        let thread = ext(tstate);
        if (*tstate).thread_id.get() == 0 {
            interp::bind(thread);
        }
        interp::attach(thread);
    }
}

/// A further interpreter, to which the calling thread is attached afterwards.
pub(crate) fn new_interpreter(rules: interp::Rules) -> Result<*mut PyThreadState, String> {
    let old = leave();
    let mut config = default_config();
    config.install_signal_handlers = false;
    match lifecycle::start_sub_with(config, rules) {
        Ok(py) => Ok(ptr::from_ref(py.tstate()).cast_mut()),
        Err(message) => {
            if let Some(py) = Attached::try_from_tls() {
                lifecycle::finish_sub(py);
            }
            if !old.is_null() {
                // SAFETY: it was the thread's own a moment ago.
                unsafe { enter(old) };
            }
            Err(message)
        }
    }
}

fn finalize() -> c_int {
    if !is_initialized() {
        return 0;
    }
    let py = needs("Py_FinalizeEx");
    let status = lifecycle::finish(py);
    if status == 0 { 0 } else { -1 }
}

fn version() -> &'static CStr {
    static TEXT: OnceLock<std::ffi::CString> = OnceLock::new();
    TEXT.get_or_init(|| std::ffi::CString::new(platform::version_text()).unwrap_or_default())
}

capi_raw! {
    fn Py_Initialize() { Py_InitializeEx(1) }
    fn Py_InitializeEx(signals: c_int) {
        if is_initialized() { return }
        let mut config = default_config();
        crate::sysmodule::read_flags(&mut config);
        config.install_signal_handlers = signals != 0;
        if let Err(message) = initialize(config) { krait_vm::fatal(&message) }
    }
    fn Py_IsInitialized() -> c_int { c_int::from(is_initialized()) }
    fn Py_IsFinalizing() -> c_int { c_int::from(RUNTIME.finalizing.load(Ordering::Acquire)) }
    fn Py_Finalize() { finalize(); }
    fn Py_FinalizeEx() -> c_int { finalize() }
    fn Py_Exit(status: c_int) {
        let status = if finalize() < 0 { 120 } else { status };
        libc::exit(status)
    }
    fn Py_AtExit(call: Option<unsafe extern "C" fn()>) -> c_int {
        let (Some(call), Some(main)) = (call, Interpreter::main()) else { return -1 };
        match main.atexit.lock() {
            Ok(mut calls) if calls.len() < 32 => { calls.push(lifecycle::ExitCall::Native(call)); 0 }
            _ => -1,
        }
    }
    fn Py_FatalError(message: *const c_char) { krait_vm::fatal(&CStr::from_ptr(message).to_string_lossy()) }
    fn _Py_FatalErrorFunc(function: *const c_char, message: *const c_char) {
        krait_vm::fatal(&format!("{}: {}", CStr::from_ptr(function).to_string_lossy(), CStr::from_ptr(message).to_string_lossy()))
    }
    fn Py_GetVersion() -> *const c_char { version().as_ptr() }
    fn Py_GetPlatform() -> *const c_char { c"linux".as_ptr() }
    fn Py_GetCopyright() -> *const c_char { krait_vm::sysmodule::COPYRIGHT.as_ptr() }
    fn Py_GetCompiler() -> *const c_char { c"[Rust]".as_ptr() }
    fn Py_GetBuildInfo() -> *const c_char { c"main, Jan  1 2026, 00:00:00".as_ptr() }

    fn PyThreadState_Get() -> *mut PyThreadState { needs("PyThreadState_Get").tstate() as *const PyThreadState as *mut PyThreadState }
    fn PyThreadState_GetUnchecked() -> *mut PyThreadState { current() }
    fn PyThreadState_Swap(new: *mut PyThreadState) -> *mut PyThreadState {
        let old = leave();
        if !new.is_null() { enter(new) }
        old
    }
    fn PyThreadState_New(raw: *mut PyInterpreterState) -> *mut PyThreadState {
        let thread = (*raw.cast::<Interpreter>()).new_thread();
        thread.as_ptr().cast()
    }
    fn PyThreadState_Clear(tstate: *mut PyThreadState) {
        let here = current();
        if here == tstate || here.is_null() {
            if here.is_null() { return }
            return interp::clear_thread(Attached::from_tls());
        }
        for field in [&(*tstate).dict, &(*tstate).async_exc, &(*tstate).context, &(*tstate).current_exception] {
            drop(Ref::<Object>::from_raw_opt(field.swap(ptr::null_mut(), Ordering::AcqRel)));
        }
    }
    fn PyThreadState_Delete(tstate: *mut PyThreadState) {
        if current() == tstate { krait_vm::fatal("PyThreadState_Delete: the thread state is in use") }
        let thread = ext(tstate);
        thread.as_ref().release(&interp::of_thread(thread.as_ref()).object);
        interp::delete_thread(thread)
    }
    fn PyThreadState_DeleteCurrent() {
        let py = needs("PyThreadState_DeleteCurrent");
        interp::end_thread(py)
    }
    fn PyThreadState_GetInterpreter(tstate: *mut PyThreadState) -> *mut PyInterpreterState { (*tstate).interp.get() }
    fn PyThreadState_GetID(tstate: *mut PyThreadState) -> u64 { (*tstate).id.get() }
    fn PyThreadState_GetDict() -> *mut PyObject {
        let Some(py) = Attached::try_from_tls() else { return ptr::null_mut() };
        let field = &py.tstate().dict;
        if field.get().is_null() {
            match Dict::new(py) {
                Ok(dict) => field.set(dict.into_raw()),
                Err(raised) => raised.clear(py),
            }
        }
        field.get()
    }
    fn PyThreadState_GetFrame(tstate: *mut PyThreadState) -> *mut PyObject {
        let py = Attached::from_tls();
        if tstate != current() { return ptr::null_mut() }
        match krait_vm::frameobject::current(py) {
            Ok(frame) => frame.map_or(ptr::null_mut(), Ref::into_raw),
            Err(raised) => { raised.clear(py); ptr::null_mut() }
        }
    }
    fn PyThreadState_SetAsyncExc(id: c_ulong, exception: *mut PyObject) -> c_int {
        let py = Attached::from_tls();
        let mut old = None;
        interp::current(py).visit_threads(&mut |thread| {
            let public = &thread.public;
            if old.is_none() && public.thread_id.get() == id {
                let new = Ref::<Object>::from_borrowed_opt(exception).map_or(ptr::null_mut(), Ref::into_raw);
                old = Some(public.async_exc.swap(new, Ordering::AcqRel));
                krait_object::mode::breaker(public).set(krait_sync::breaker::ASYNC_EXCEPTION);
            }
        });
        let Some(old) = old else { return 0 };
        drop(Ref::<Object>::from_raw_opt(old));
        1
    }
    fn PyInterpreterState_Get() -> *mut PyInterpreterState { needs("PyInterpreterState_Get").tstate().interp.get() }
    fn PyInterpreterState_Main() -> *mut PyInterpreterState { Interpreter::main().map_or(ptr::null_mut(), |main| ptr::from_ref(main).cast_mut().cast()) }
    fn PyInterpreterState_GetID(raw: *mut PyInterpreterState) -> i64 { interpreter(raw).id }
    fn PyInterpreterState_Head() -> *mut PyInterpreterState { Interpreter::all().last().map_or(ptr::null_mut(), |one| ptr::from_ref(*one).cast_mut().cast()) }
    fn PyInterpreterState_Next(raw: *mut PyInterpreterState) -> *mut PyInterpreterState {
        let all = Interpreter::all();
        let at = all.iter().position(|one| ptr::eq(*one, raw.cast()));
        at.and_then(|at| at.checked_sub(1)).map_or(ptr::null_mut(), |at| ptr::from_ref(all[at]).cast_mut().cast())
    }
    fn PyInterpreterState_GetDict(raw: *mut PyInterpreterState) -> *mut PyObject {
        let py = Attached::from_tls();
        let slot = &interpreter(raw).dict;
        if slot.is_null() {
            match Dict::new(py) {
                Ok(dict) => drop(slot.replace(Some(dict))),
                Err(raised) => raised.clear(py),
            }
        }
        slot.raw()
    }
    fn PyInterpreterState_ThreadHead(raw: *mut PyInterpreterState) -> *mut PyThreadState {
        interpreter(raw).threads().last().map_or(ptr::null_mut(), |thread| thread.as_ptr().cast())
    }

    fn PyGILState_Ensure() -> c_int {
        let auto = own();
        if auto.is_null() {
            let Some(main) = Interpreter::main() else {
                // A thread that comes too late sleeps until the process ends.
                if interp::RUNTIME.has_ended.load(Ordering::Acquire) { interp::hang() }
                krait_vm::fatal("PyGILState_Ensure: Python is not initialized")
            };
            if main.finalizing.load(Ordering::Acquire) { interp::hang() }
            let thread = main.new_thread();
            interp::bind(thread);
            let tstate: *mut PyThreadState = thread.as_ptr().cast();
            // A state that `PyGILState_Release` takes down has the count 0 before its first use.
            (*tstate).gilstate_counter.set(1);
            interp::attach(thread);
            return 1;
        }
        let attached = current() == auto;
        if !attached {
            if !current().is_null() { leave(); }
            enter(auto);
        }
        (*auto).gilstate_counter.set((*auto).gilstate_counter.get() + 1);
        c_int::from(!attached)
    }
    fn PyGILState_Release(old: c_int) {
        let tstate = own();
        if tstate.is_null() { krait_vm::fatal("PyGILState_Release: auto-releasing thread-state, but no thread-state for this thread") }
        if current() != tstate { krait_vm::fatal("PyGILState_Release: thread state must be current when releasing") }
        let count = (*tstate).gilstate_counter.get() - 1;
        if count == 0 {
            // Finalizers of what the state holds may ask for the state again: it stays counted until it is gone.
            interp::clear_thread(Attached::from_tls());
        }
        (*tstate).gilstate_counter.set(count);
        if count == 0 {
            interp::end_thread(Attached::from_tls());
        } else if old == 1 {
            leave();
        }
    }
    fn PyGILState_Check() -> c_int { c_int::from(!current().is_null()) }
    fn PyGILState_GetThisThreadState() -> *mut PyThreadState {
        // A state that was swapped in is the thread's until another one is.
        if current().is_null() { own() } else { current() }
    }

    fn PyEval_SaveThread() -> *mut PyThreadState { interp::detach(needs("PyEval_SaveThread")).as_ptr().cast() }
    fn PyEval_RestoreThread(tstate: *mut PyThreadState) {
        let number = *libc::__errno_location();
        enter(tstate);
        *libc::__errno_location() = number;
    }
    fn PyEval_AcquireThread(tstate: *mut PyThreadState) { enter(tstate) }
    fn PyEval_ReleaseThread(tstate: *mut PyThreadState) {
        if current() != tstate { krait_vm::fatal("PyEval_ReleaseThread: wrong thread state") }
        leave();
    }
    fn PyEval_InitThreads() {}
    fn Py_AddPendingCall(call: Option<unsafe extern "C" fn(*mut c_void) -> c_int>, argument: *mut c_void) -> c_int {
        let (Some(function), Some(main)) = (call, Interpreter::main()) else { return -1 };
        let queued = main.main_pending.push(krait_sync::pending::Call { function, argument });
        main.signal_all(krait_sync::breaker::CALLS_TO_DO);
        if queued.is_ok() { 0 } else { -1 }
    }
    fn Py_NewInterpreter() -> *mut PyThreadState {
        new_interpreter(interp::Rules::default()).unwrap_or(ptr::null_mut())
    }
}

capi! {
    fn Py_MakePendingCalls(py) -> () { interp::run_pending_calls(py) }
    fn PyUnstable_InterpreterState_GetMainModule(py, raw: *mut PyInterpreterState) -> Ref<Object> {
        krait_vm::import::modules(py)?.get_str(py, "__main__").ok_or_else(|| raise!(py, RuntimeError, "lost __main__"))
    }
}
