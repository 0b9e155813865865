//! A runtime for unit tests: one interpreter, one attached thread, no evaluation loop.
use crate::handle::{Attached, Layout, Ref};
use crate::hooks::{self, Hooks};
use crate::state::{ObjectState, ThreadExt};
use crate::{Object, PyResult, raise};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

fn hooks_for_tests() -> Hooks {
    unsafe extern "C" fn no_functions(
        _: *mut crate::layout::PyObject,
        _: *const *mut crate::layout::PyObject,
        _: usize,
        _: *mut crate::layout::PyObject,
    ) -> *mut crate::layout::PyObject {
        std::ptr::null_mut()
    }
    unsafe fn nothing_to_free(_: *mut std::ffi::c_void) {}
    Hooks {
        import: |py, name| Err(raise!(py, ImportError, "no module {name} in tests")),
        warn: |_, _, _, _| Ok(()),
        unraisable: |py, _, _| drop(py.take_raised()),
        function_vectorcall: no_functions,
        adaptive_code: |code| code.code().to_vec(),
        free_executable: nothing_to_free,
        generator_send: |py, _, _, _| Err(raise!(py, SystemError, "no generators in tests")),
        super_context: |py| Err(raise!(py, RuntimeError, "super(): no current frame")),
        handled_exception: |_| None,
        sys_attr: |_, _| None,
        first_path: |_| None,
        stop_the_world: |_, body| body(),
        visit_roots: |_, _| {},
        visit_lines: |_, _| 0,
        check_signals: |_| Ok(()),
        current_globals: |_| None,
        current_builtins: |py| crate::Dict::new(py).map_or_else(|_| crate::none(), Ref::upcast),
        codec: |py, _, _, name, _| Err(raise!(py, LookupError, "unknown encoding: {name}")),
        codec_error_handler: |py, name| Err(raise!(py, LookupError, "unknown error handler name '{name}'")),
    }
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `body` on an attached thread of a fresh interpreter; types are made ready once per process.
pub(crate) fn with_runtime(body: impl FnOnce(Attached<'_>)) {
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    static STARTED: std::sync::Once = std::sync::Once::new();
    let state = Box::leak(Box::new(ObjectState::new()));
    let thread = Box::leak(ThreadExt::new(state));
    thread.public.interp.set(std::ptr::from_ref(state).cast_mut().cast());
    let raw = NonNull::from(&thread.public);
    #[cfg(feature = "nogil")]
    // SAFETY: the thread state is leaked.
    unsafe {
        crate::mode::state_word(&thread.public);
        crate::mode::register_thread(state, &thread.public);
    }
    Attached::set_current_raw(raw.as_ptr());
    // SAFETY: this thread uses the state for the rest of the test.
    let py = unsafe { Attached::from_raw(raw) };
    STARTED.call_once(|| {
        hooks::install(hooks_for_tests());
        crate::state::init_types(py);
    });
    body(py);
    Attached::set_current_raw(std::ptr::null_mut());
    #[cfg(feature = "nogil")]
    // SAFETY: the thread is done with it.
    unsafe {
        crate::mode::unregister_thread(state, &thread.public);
    }
}

/// The pending exception as text.
pub(crate) fn error_text(py: Attached<'_>, result: PyResult<Ref<Object>>) -> String {
    match result {
        Ok(value) => format!("no error: {}", text(py, &value)),
        Err(raised) => {
            let error = raised.take(py);
            let ty = error.as_object().ty().name().into_owned();
            match error.as_object().str(py) {
                Ok(message) => format!("{ty}: {message}"),
                Err(_) => ty,
            }
        }
    }
}

/// The `repr` of an object.
pub(crate) fn text(py: Attached<'_>, object: &Object) -> String {
    match object.repr(py) {
        Ok(text) => text.to_string(),
        Err(raised) => {
            let error = raised.take(py);
            format!("error in repr: {}", error.as_object().ty().name())
        }
    }
}
