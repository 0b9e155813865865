//! The smaller halves of `pystate.h` and `pylifecycle.h`: interpreters by hand, forks, signals, exit callbacks, perf maps.
use crate::capi::*;
use krait_layout::*;
use krait_object::{Attached, Layout, Module, Object, Ref, raise};
use krait_vm::eval::foreign;
use krait_vm::interp::{self, Interpreter};
use krait_vm::{lifecycle, signals};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io::Write;
use std::ptr;
use std::sync::Mutex;

fn current() -> *mut PyThreadState {
    Attached::current_raw()
}

/// Signature of signal handlers.
type Handler = libc::sighandler_t;

thread_local! {
    /// What `PyOS_BeforeFork` stopped, until the fork has happened.
    static FORKING: std::cell::Cell<Option<interp::Forking>> = const { std::cell::Cell::new(None) };
}

capi_raw! {
    fn PyInterpreterState_New() -> *mut PyInterpreterState {
        let config = crate::pystate::default_config();
        ptr::from_ref(Interpreter::create(config)).cast_mut().cast()
    }
    fn PyInterpreterState_Clear(raw: *mut PyInterpreterState) {
        let interpreter = &*raw.cast::<Interpreter>();
        drop(interpreter.dict.take());
    }
    fn PyInterpreterState_Delete(raw: *mut PyInterpreterState) {
        let interpreter: &'static Interpreter = &*raw.cast::<Interpreter>();
        if let Some(py) = Attached::try_from_tls()
            && ptr::eq(interp::current(py), interpreter) { interp::detach(py); }
        for thread in interpreter.threads() { interp::delete_thread(thread) }
        interpreter.delete()
    }
    fn PyThreadState_Next(tstate: *mut PyThreadState) -> *mut PyThreadState {
        let threads = (*(*tstate).interp.get().cast::<Interpreter>()).threads();
        let at = threads.iter().position(|one| one.as_ptr().cast() == tstate);
        at.and_then(|at| at.checked_sub(1)).map_or(ptr::null_mut(), |at| threads[at].as_ptr().cast())
    }
    fn _PyThreadState_Prealloc(raw: *mut PyInterpreterState) -> *mut PyThreadState { crate::pystate::PyThreadState_New(raw) }
    fn _PyThreadState_Init(_tstate: *mut PyThreadState) { krait_vm::fatal("_PyThreadState_Init: do not call this function") }
    // Before 3.2 this was the way to attach; only a single interpreter could be meant.
    fn PyEval_AcquireLock() {
        let own = interp::own_thread();
        if own.is_null() { krait_vm::fatal("PyEval_AcquireLock: current thread state is NULL") }
        crate::pystate::PyEval_AcquireThread(own.cast())
    }
    fn PyEval_ReleaseLock() { if !current().is_null() { crate::pystate::PyEval_ReleaseThread(current()) } }

    fn PyOS_BeforeFork() {
        if let Some(py) = Attached::try_from_tls() {
            krait_modules_os::fork::before(py);
            FORKING.set(Some(interp::Forking::begin(py)));
        }
    }
    fn PyOS_AfterFork_Parent() {
        if let Some(forking) = FORKING.take() { forking.end_parent() }
        if let Some(py) = Attached::try_from_tls() { krait_modules_os::fork::after_in_parent(py) }
    }
    fn PyOS_AfterFork_Child() {
        let Some(py) = Attached::try_from_tls() else { krait_vm::fatal("PyOS_AfterFork_Child: the function must be called by the thread that forked") };
        match FORKING.take() {
            Some(forking) => forking.end_child(py),
            None => interp::repair_child(py),
        }
        krait_modules_os::fork::after_in_child(py);
    }
    fn PyOS_AfterFork() { PyOS_AfterFork_Child() }
    fn PyOS_getsig(signal: c_int) -> Handler {
        let mut now: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, ptr::null(), &mut now) == 0 { now.sa_sigaction } else { libc::SIG_ERR }
    }
    fn PyOS_setsig(signal: c_int, handler: Handler) -> Handler {
        let old = PyOS_getsig(signal);
        if old == libc::SIG_ERR { return old }
        match signals::install(signal, handler) { Ok(()) => old, Err(_) => libc::SIG_ERR }
    }
    fn PyOS_InterruptOccurred() -> c_int {
        match Attached::try_from_tls() {
            Some(py) if signals::is_main_thread(py) => c_int::from(signals::take(libc::SIGINT)),
            _ => 0,
        }
    }
    fn PySignal_SetWakeupFd(fd: c_int) -> c_int { signals::set_wakeup_fd(if fd < 0 { -1 } else { fd }) }

    fn PyUnstable_AtExit(raw: *mut PyInterpreterState, call: unsafe extern "C" fn(*mut c_void), data: *mut c_void) -> c_int {
        match (*raw.cast::<Interpreter>()).atexit.lock() {
            Ok(mut calls) => { calls.push(lifecycle::ExitCall::WithData(call, data.expose_provenance())); 0 }
            Err(_) => -1,
        }
    }
    fn PyUnstable_ThreadState_SetStackProtection(tstate: *mut PyThreadState, start: *mut c_void, size: usize) -> c_int {
        if size < 64 << 10 {
            if let Some(py) = Attached::try_from_tls() { let _ = raise!(py, ValueError, "stack_size must be at least {} bytes", 64 << 10); }
            return -1;
        }
        // The limit belongs to the native thread, which is the caller's own.
        if tstate == interp::own_thread().cast() || tstate == current() { krait_object::stack::set_limit(start.addr()) }
        0
    }
    fn PyUnstable_ThreadState_ResetStackProtection(tstate: *mut PyThreadState) {
        if tstate == interp::own_thread().cast() || tstate == current() { krait_object::stack::reset_limit() }
    }
    fn _PyInterpreterState_GetEvalFrameFunc(raw: *mut PyInterpreterState) -> *mut c_void {
        match foreign::get(&*raw.cast::<Interpreter>()) {
            Some(function) => function as *mut c_void,
            None => _PyEval_EvalFrameDefault as *mut c_void,
        }
    }
    fn _PyInterpreterState_SetEvalFrameFunc(raw: *mut PyInterpreterState, function: *mut c_void) {
        let is_own = function.is_null() || function == _PyEval_EvalFrameDefault as *mut c_void;
        // SAFETY: the host's function has that signature.
        let function = (!is_own).then(|| std::mem::transmute::<*mut c_void, foreign::Evaluate>(function));
        foreign::set(&*raw.cast::<Interpreter>(), function);
    }
}

/// The evaluation loop in the form of a frame evaluation function (PEP 523).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyEval_EvalFrameDefault(
    _: *mut PyThreadState,
    frame: *mut _PyInterpreterFrame,
    raise: c_int,
) -> *mut PyObject {
    guard("_PyEval_EvalFrameDefault", || {
        // SAFETY: the caller is attached and passes a live frame.
        let py = unsafe { Attached::from_tls() };
        match ptr::NonNull::new(frame) {
            Some(frame) => krait_vm::eval::run_frame(py, frame, raise != 0),
            None => Err(py.bad_internal_call()),
        }
    })
}

/// The file in which profilers look up addresses of code.
static PERF_MAP: Mutex<Option<std::fs::File>> = Mutex::new(None);

fn perf_map<R>(body: impl FnOnce(&mut std::fs::File) -> std::io::Result<R>) -> Option<R> {
    let mut map = PERF_MAP.lock().ok()?;
    if map.is_none() {
        let path = format!("/tmp/perf-{}.map", std::process::id());
        *map = Some(std::fs::OpenOptions::new().append(true).create(true).open(path).ok()?);
    }
    body(map.as_mut()?).ok()
}

capi_raw! {
    fn PyUnstable_PerfMapState_Init() -> c_int { if perf_map(|_| Ok(())).is_some() { 0 } else { -1 } }
    fn PyUnstable_PerfMapState_Fini() {
        if let Ok(mut map) = PERF_MAP.lock() { *map = None }
    }
    fn PyUnstable_WritePerfMapEntry(address: *const c_void, size: c_uint, name: *const c_char) -> c_int {
        let name = CStr::from_ptr(name).to_string_lossy();
        let written = perf_map(|file| writeln!(file, "{:x} {size:x} {name}", address.addr()));
        if written.is_some() { 0 } else { -1 }
    }
    fn PyUnstable_CopyPerfMapFile(parent: *const c_char) -> c_int {
        let Ok(text) = std::fs::read(&*CStr::from_ptr(parent).to_string_lossy()) else { return 0 };
        if perf_map(|file| file.write_all(&text)).is_some() { 0 } else { -1 }
    }
    // There is no trampoline to compile code for.
    fn PyUnstable_PerfTrampoline_CompileCode(_code: *mut PyCodeObject) -> c_int { 0 }
    fn PyUnstable_PerfTrampoline_SetPersistAfterFork(_enable: c_int) -> c_int { 0 }
}

/// The modules of single-phase definitions: one for each definition in an interpreter.
fn state_of(py: Attached<'_>, def: *mut PyModuleDef) -> Option<Ref<Object>> {
    let table = interp::current(py).module_states.lock().ok()?;
    table.get(&def.addr()).cloned()
}

/// Remembers the module of a definition; whether there was none.
pub(crate) fn add_state(py: Attached<'_>, def: *mut PyModuleDef, module: &Object) -> bool {
    let Ok(mut table) = interp::current(py).module_states.lock() else { return false };
    let old = table.insert(def.addr(), module.to_ref());
    drop(table);
    old.is_none()
}

capi! {
    fn PyState_AddModule(py, module: Option<&Object>, def: *mut PyModuleDef) -> () {
        if def.is_null() { krait_vm::fatal("PyState_AddModule: module definition is NULL") }
        let Some(module) = module else { return Err(raise!(py, SystemError, "module object is NULL")) };
        if !(*def).m_slots.get().is_null() { return Err(raise!(py, SystemError, "PyState_AddModule called on module with slots")); }
        if state_of(py, def).is_some_and(|old| ptr::eq(&*old, module)) { krait_vm::fatal("PyState_AddModule: module already added") }
        add_state(py, def, module);
        Ok(())
    }
    fn _PyState_AddModule(py, _tstate: *mut PyThreadState, module: Option<&Object>, def: *mut PyModuleDef) -> () {
        let Some(module) = module else { return Err(raise!(py, SystemError, "module object is NULL")) };
        add_state(py, def, module);
        Ok(())
    }
    fn PyState_RemoveModule(py, def: *mut PyModuleDef) -> () {
        if !(*def).m_slots.get().is_null() { return Err(raise!(py, SystemError, "PyState_RemoveModule called on module with slots")); }
        let old = interp::current(py).module_states.lock().ok().and_then(|mut table| table.remove(&def.addr()));
        if old.is_none() { krait_vm::fatal("PyState_RemoveModule: Module has no index or was not added") }
        Ok(())
    }
}

capi_raw! {
    fn PyState_FindModule(def: *mut PyModuleDef) -> *mut PyObject {
        if def.is_null() || !(*def).m_slots.get().is_null() { return ptr::null_mut() }
        // The interpreter keeps it.
        state_of(Attached::from_tls(), def).map_or(ptr::null_mut(), |module| module.as_ptr())
    }
}

/// Whether a module belongs to a definition of single-phase initialisation.
pub(crate) fn is_single_phase(module: &Module) -> bool {
    let def = module.definition();
    // SAFETY: the definition of a module outlives it.
    !def.is_null() && unsafe { (*def).m_slots.get() }.is_null()
}
