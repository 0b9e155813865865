//! What the object model needs from the layers above: one table of functions, installed once at start.
use crate::handle::{Attached, Ref};
use crate::layout::PyObject;
use crate::{Object, PyResult, Str, Type};
use std::sync::OnceLock;

/// Functions of the VM that this crate calls. Add a field rather than a second way up.
pub struct Hooks {
    /// Imports a module by absolute name and returns the module itself (the leaf, not the package).
    pub import: fn(py: Attached<'_>, name: &str) -> PyResult<Ref<Object>>,
    /// Issues a warning of class `category`; an error if the filters turn it into one.
    pub warn: fn(py: Attached<'_>, category: &Type, message: &str, stack_level: isize) -> PyResult<()>,
    /// Reports an exception that nobody can catch through `sys.unraisablehook`; takes the pending exception.
    pub unraisable: fn(py: Attached<'_>, message: Option<&str>, object: Option<&Object>),
    /// `vectorcall` of a Python function.
    pub function_vectorcall:
        unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject,
    /// The code units with the opcodes as they are now specialised (`_co_code_adaptive`).
    pub adaptive_code: fn(code: &crate::Code) -> Vec<u8>,
    /// Frees what the VM stored in a code object's `co_executors`.
    pub free_executable: unsafe fn(*mut std::ffi::c_void),
    /// Resumes a generator, coroutine or asynchronous generator. `Ok(Err(value))` is a return.
    pub generator_send: fn(
        py: Attached<'_>,
        generator: &Object,
        value: Option<&Object>,
        raise: bool,
    ) -> PyResult<Result<Ref<Object>, Ref<Object>>>,
    /// First argument and `__class__` cell content of the calling frame, for `super()` without arguments.
    pub super_context: fn(py: Attached<'_>) -> PyResult<(Ref<Object>, Ref<Object>)>,
    /// The exception being handled by the running code (`sys.exception()`), for implicit chaining.
    pub handled_exception: fn(py: Attached<'_>) -> Option<Ref<Object>>,
    /// Looks up an attribute of the `sys` module.
    pub sys_attr: fn(py: Attached<'_>, name: &str) -> Option<Ref<Object>>,
    /// The directory that the program put in front of `sys.path` when it began, as text.
    pub first_path: fn(py: Attached<'_>) -> Option<String>,
    /// Stops the other threads of the interpreter, runs `body`, and lets them go on. In `gil` mode it only runs it.
    pub stop_the_world: fn(py: Attached<'_>, body: &mut dyn FnMut()),
    /// Visits what is alive for sure and refers to most of the rest: the interpreter's modules, and what the frames of its
    /// threads refer to, counted or not ([stopped-world]).
    pub visit_roots: fn(py: Attached<'_>, visit: &mut dyn FnMut(*mut PyObject)),
    /// Visits file and line of the calling thread's frames, the innermost first; how many there are.
    pub visit_lines: fn(py: Attached<'_>, visit: &mut dyn FnMut(&Str, u32)) -> usize,
    /// Runs pending work of the evaluation loop (signals, calls, a stop request) from a long native loop.
    pub check_signals: fn(py: Attached<'_>) -> PyResult<()>,
    /// The current frame's `f_globals`, borrowed as a new reference, or `None` without a frame.
    pub current_globals: fn(py: Attached<'_>) -> Option<Ref<Object>>,
    /// The current frame's `__builtins__` dict.
    pub current_builtins: fn(py: Attached<'_>) -> Ref<Object>,
    /// `codecs.lookup` of a codec that is not built in: returns the codec's `encode` or `decode` result.
    pub codec: fn(
        py: Attached<'_>,
        encode: bool,
        object: &Object,
        encoding: &str,
        errors: Option<&str>,
    ) -> PyResult<Ref<Object>>,
    /// The registered codec error handler of a name.
    pub codec_error_handler: fn(py: Attached<'_>, name: &Str) -> PyResult<Ref<Object>>,
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Installs the table; the first caller wins.
pub fn install(hooks: Hooks) {
    let _ = HOOKS.set(hooks);
}

/// The installed table. The VM installs it before the first interpreter exists.
#[inline]
pub fn hooks() -> &'static Hooks {
    HOOKS.get().expect("the VM installs its hooks before it creates an interpreter")
}
