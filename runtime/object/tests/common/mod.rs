//! One attached thread and ready types, without an evaluation loop.
use krait_object::hooks::{self, Hooks};
use krait_object::layout::{PyInterpreterState, PyObject, PyThreadState};
use krait_object::mode;
use krait_object::state::{ObjectState, ThreadExt, init_types};
use krait_object::{Attached, Dict, Object, PyResult, Ref, Str};
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock};

unsafe extern "C" fn no_vectorcall(
    _: *mut PyObject,
    _: *const *mut PyObject,
    _: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    unreachable!("tests have no Python functions")
}

unsafe fn free_nothing(_: *mut std::ffi::c_void) {}

fn test_hooks() -> Hooks {
    Hooks {
        import: |_, name| unreachable!("import of {name}"),
        warn: |_, _, _, _| Ok(()),
        unraisable: |py, message, _| {
            drop(py.take_raised());
            panic!("unraisable: {message:?}")
        },
        function_vectorcall: no_vectorcall,
        adaptive_code: |code| code.code().to_vec(),
        free_executable: free_nothing,
        generator_send: |_, _, _, _| unreachable!("tests have no generators"),
        super_context: |_| unreachable!("tests have no frames"),
        handled_exception: |_| None,
        sys_attr: |_, _| None,
        first_path: |_| None,
        stop_the_world: |_, body| body(),
        visit_roots: |_, _| {},
        visit_lines: |_, _| 0,
        check_signals: |_| Ok(()),
        current_globals: |_| None,
        current_builtins: |py| Dict::new(py).expect("memory").upcast(),
        codec: |_, _, _, _, _| unreachable!("tests have no codecs"),
        codec_error_handler: |_, _| unreachable!("tests have no codecs"),
    }
}

static SERIAL: Mutex<()> = Mutex::new(());
static STATE: OnceLock<usize> = OnceLock::new();

/// Runs `body` on an attached thread; tests of one binary run one after the other.
pub fn attached(body: impl FnOnce(Attached<'_>)) {
    let _serial: MutexGuard<'_, ()> = SERIAL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let fresh = STATE.get().is_none();
    let state = *STATE.get_or_init(|| Box::leak(Box::new(ObjectState::new())) as *const ObjectState as usize);
    // SAFETY: leaked.
    let state = unsafe { &*(state as *const ObjectState) };
    let py = enter(state);
    if fresh {
        // Threads of tests use objects without a pause before it.
        (0..2).for_each(|_| mode::first_use(|end| end()));
        hooks::install(test_hooks());
        init_types(py);
    }
    body(py);
    if let Some(left) = py.take_raised() {
        panic!("an exception is left: {}", text(py, left.as_object().repr(py)));
    }
}

/// Runs `body` on several attached threads at once, each with its number; the caller is attached, too, and waits.
#[allow(dead_code)]
pub fn in_parallel(py: Attached<'_>, threads: usize, body: impl Fn(Attached<'_>, usize) + Sync) {
    let state = ptr::from_ref(py.state()) as usize;
    let body = &body;
    std::thread::scope(|scope| {
        for number in 0..threads {
            scope.spawn(move || {
                // SAFETY: the state is leaked.
                let py = enter(unsafe { &*(state as *const ObjectState) });
                body(py, number);
            });
        }
    });
}

/// Makes a thread state for the calling thread and attaches it for good.
fn enter<'py>(state: &'static ObjectState) -> Attached<'py> {
    let thread = Box::leak(ThreadExt::new(state));
    thread.public.interp.set(ptr::from_ref(state).cast_mut().cast::<PyInterpreterState>());
    thread.public.py_recursion_limit.set(1000);
    thread.public.py_recursion_remaining.set(1000);
    thread.public.exc_info.set(&raw const thread.public.exc_state as *mut _);
    Attached::set_current_raw(ptr::from_ref(&thread.public).cast_mut().cast::<PyThreadState>());
    // SAFETY: just set.
    unsafe { mode::register_thread(state, &thread.public) };
    if mode::FREE_THREADED {
        thread.qsbr.attach();
    }
    // SAFETY: as above.
    unsafe { Attached::from_tls() }
}

/// A `str` result as Rust text.
pub fn text(py: Attached<'_>, result: PyResult<Ref<Str>>) -> String {
    match result {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(error) => panic!("{}", complaint(py, error)),
    }
}

/// `Type: message` of a pending exception, which is cleared.
pub fn complaint(py: Attached<'_>, error: krait_object::Raised) -> String {
    let exception = error.take(py);
    let name = exception.as_object().ty().name().into_owned();
    let message = exception.as_object().str(py).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{name}: {message}")
}

/// `repr` of a result, or the complaint about it.
#[allow(dead_code)]
pub fn show(py: Attached<'_>, result: PyResult<Ref<Object>>) -> String {
    match result {
        Ok(object) => text(py, object.as_object().repr(py)),
        Err(error) => complaint(py, error),
    }
}

use krait_object::Layout as _;
