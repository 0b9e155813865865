//! What `_testinternalcapi` offers of interpreters: values on their way between two, and interpreters that do not come
//! from `_interpreters`.
use super::data::{Fallback, Mode, Shared};
use super::{config_arg, end, error, id_arg, make, not_created, session};
use krait_object::builtins::capsule::Capsule;
use krait_object::native::{Arg, required};
use krait_object::{Attached, Bool, Dict, Int, Layout, Module, Object, PyResult, Ref, Str, functions, raise};
use krait_vm::compile;
use krait_vm::interp::{Interpreter, Rules, Whence, current};
use std::ffi::CStr;
use std::sync::atomic::Ordering;

/// Name of the capsules that hold a [`Shared`].
const NAME: &CStr = c"_testinternalcapi.crossinterp_data";

fn mode_arg(py: Attached<'_>, mode: Arg<'_>) -> PyResult<Mode> {
    let Some(mode) = mode.filter(|mode| !mode.is_none()) else { return Ok(Mode::Known(Fallback::None)) };
    let Some(text) = mode.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "expected mode str, got {}", mode.repr(py)?));
    };
    Ok(match text.to_utf8(py)? {
        "xidata" => Mode::Known(Fallback::None),
        "fallback" => Mode::Known(Fallback::Full),
        "pickle" => Mode::Pickle,
        "marshal" => Mode::Marshal,
        "code" => Mode::Code,
        "func" => Mode::Function,
        "script" => Mode::Script { pure: false },
        "script-pure" => Mode::Script { pure: true },
        _ => return Err(raise!(py, ValueError, "unsupported mode {}", mode.repr(py)?)),
    })
}

/// Frees what a capsule of [`take_out`] holds.
unsafe extern "C" fn free(capsule: *mut krait_object::layout::PyObject) {
    // SAFETY: called once, with a capsule that `take_out` made.
    drop(unsafe { Box::from_raw((*capsule.cast::<Capsule>()).raw().pointer.get().cast::<Shared>()) });
}

fn take_out(py: Attached<'_>, _: &Object, [object, mode]: [Arg<'_>; 2]) -> PyResult<Ref<Capsule>> {
    let mode = mode_arg(py, mode)?;
    let shared = Box::into_raw(Box::new(Shared::by(py, required(py, object)?, mode)?));
    Capsule::new(py, shared.cast(), NAME.as_ptr(), Some(free)).inspect_err(|_| {
        // SAFETY: made above, and nobody else has it.
        drop(unsafe { Box::from_raw(shared) });
    })
}

fn restore(py: Attached<'_>, _: &Object, capsule: &Object) -> PyResult<Ref<Object>> {
    // SAFETY: the name is a C string.
    let Some(capsule) = capsule.downcast::<Capsule>().filter(|capsule| unsafe { capsule.is_named(NAME.as_ptr()) })
    else {
        return Err(raise!(py, ValueError, "PyCapsule_GetPointer called with invalid PyCapsule object"));
    };
    // SAFETY: by its name `take_out` made it, and it owns the value while it lives.
    unsafe { &*capsule.raw().pointer.get().cast::<Shared>() }.rebuild(py)
}

/// The rules that a configuration stands for, as those of `Py_NewInterpreterFromConfig`.
fn rules_arg(py: Attached<'_>, config: Arg<'_>, whence: Whence) -> PyResult<Rules> {
    let Some(config) = config.filter(|config| !config.is_none()) else {
        return Ok(Rules { whence, ..Rules::default() });
    };
    match config_arg(py, Some(config))?.rules() {
        Some(rules) => Ok(Rules { whence, ..rules }),
        None => Err(not_created(py, "sub-interpreter creation failed")),
    }
}

fn create(py: Attached<'_>, _: &Object, [config, whence]: [Arg<'_>; 2]) -> PyResult<i64> {
    let whence = whence.filter(|whence| !whence.is_none()).map(|whence| whence.as_i32(py)).transpose()?;
    let default = if config.is_some_and(|config| !config.is_none()) { Whence::Crossing } else { Whence::LegacyApi };
    let whence = match whence {
        None => default,
        Some(number) => match Whence::from_number(number) {
            Some(whence) => whence,
            None => return Err(raise!(py, ValueError, "unsupported whence {number}")),
        },
    };
    make(py, rules_arg(py, config, whence)?, false)
}

fn destroy(py: Attached<'_>, _: &Object, [id, _basic]: [Arg<'_>; 2]) -> PyResult<()> {
    let id = id_arg(py, required(py, id)?, "interpreter")?;
    if id == current(py).id {
        return Err(error(py, "InterpreterError", "cannot destroy the current interpreter"));
    }
    end(py, id)
}

/// Runs source text in an interpreter and shows what it does not catch; 0, or -1 if there was that.
fn run(py: Attached<'_>, id: i64, source: &Object, as_main: bool) -> PyResult<i32> {
    if source.downcast::<Str>().is_none() {
        return Err(raise!(py, TypeError, "the code must be str, not {}", source.ty().name()));
    }
    let name = Str::new(py, "<string>")?;
    let code = compile::compile_object(py, source, "exec", &name, compile::Mode::Exec, &Default::default())?;
    session::run_shown(py, id, &code, as_main).map(|fine| if fine { 0 } else { -1 })
}

fn exec_in(py: Attached<'_>, _: &Object, [id, code, main]: [Arg<'_>; 3]) -> PyResult<i32> {
    let id = id_arg(py, required(py, id)?, "interpreter")?;
    let as_main = main.map_or(Ok(false), |main| main.is_true(py))?;
    run(py, id, required(py, code)?, as_main)
}

fn run_once(py: Attached<'_>, _: &Object, [code, config, xi]: [Arg<'_>; 3]) -> PyResult<i32> {
    let code = required(py, code)?;
    let crossing = xi.map_or(Ok(false), |xi| xi.is_true(py))?;
    let whence = if crossing { Whence::Crossing } else { Whence::Api };
    let id = make(py, rules_arg(py, Some(required(py, config)?), whence)?, false)?;
    let result = run(py, id, code, true);
    match result {
        Ok(code) => end(py, id).map(|()| code),
        Err(raised) => {
            let pending = raised.take(py);
            let ended = end(py, id);
            let raised = py.restore(pending);
            ended.and(Err(raised))
        }
    }
}

fn normalize(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<i64> {
    id_arg(py, id, "interpreter")
}

fn unused_id(_: Attached<'_>, _: &Object) -> i64 {
    i64::MAX
}

fn exists(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<bool> {
    Ok(Interpreter::look_up(id_arg(py, id, "interpreter")?, |_| ()).is_some())
}

/// Asks an interpreter that must be there.
fn ask<R>(py: Attached<'_>, id: &Object, look: impl FnOnce(&Interpreter) -> R) -> PyResult<R> {
    let id = id_arg(py, id, "interpreter")?;
    Interpreter::look_up(id, look)
        .ok_or_else(|| error(py, "InterpreterNotFoundError", &format!("unrecognized interpreter ID {id}")))
}

fn owners(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<i64> {
    ask(py, id, |found| found.owners.load(Ordering::Acquire))
}

fn is_owned(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<bool> {
    ask(py, id, |found| found.owned.load(Ordering::Relaxed))
}

fn set_owned(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<()> {
    ask(py, id, |found| found.owned.store(true, Ordering::Relaxed))
}

fn set_unowned(py: Attached<'_>, _: &Object, id: &Object) -> PyResult<()> {
    ask(py, id, |found| found.owned.store(false, Ordering::Relaxed))
}

/// The rules of this interpreter, as the bits of `Py_RTFLAGS_*`, and whether it has a GIL of its own.
fn settings(py: Attached<'_>, _: &Object) -> PyResult<Ref<Dict>> {
    let rules = &current(py).rules;
    let flags = [
        (rules.main_allocator, 5),
        (!rules.any_extension, 8),
        (rules.threads, 10),
        (rules.daemons, 11),
        (rules.fork, 15),
        (rules.exec, 16),
    ];
    let bits = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| 1 << bit).sum();
    let dict = Dict::new(py)?;
    dict.set_str(py, "feature_flags", Int::from_i64(py, bits)?.as_object())?;
    dict.set_str(py, "own_gil", Bool::of(rules.own_gil).as_object())?;
    Ok(dict)
}

fn next_id(_: Attached<'_>, _: &Object) -> i64 {
    Interpreter::next_id()
}

/// Adds the functions to `_testinternalcapi`.
///
/// # Errors
/// `MemoryError`.
pub fn add_to(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            sig "get_crossinterp_data" => take_out, "(obj, mode=None)", "Takes a value out of this interpreter.";
            o "restore_crossinterp_data" => restore, "", "Makes a value that was taken out.";
            sig "create_interpreter" => create, "(config=None, *, whence=None)", "Makes an interpreter that _interpreters does not own.";
            sig "destroy_interpreter" => destroy, "(id, *, basic=False)", "Ends an interpreter.";
            sig "exec_interpreter" => exec_in, "(id, code, *, main=False)", "Runs source text in an interpreter.";
            sig "run_in_subinterp_with_config" => run_once, "(code, config, *, xi=False)", "Runs source text in an interpreter that lives as long.";
            o "normalize_interp_id" => normalize, "", "The number that an id stands for.";
            noargs "unused_interpreter_id" => unused_id, "", "An id that no interpreter has.";
            o "interpreter_exists" => exists, "", "Whether there is an interpreter with an id.";
            o "get_interpreter_refcount" => owners, "", "How many owners an interpreter has.";
            o "interpreter_refcount_linked" => is_owned, "", "Whether an interpreter ends with its last owner.";
            o "link_interpreter_refcount" => set_owned, "", "Lets an interpreter end with its last owner.";
            o "unlink_interpreter_refcount" => set_unowned, "", "Lets an interpreter outlive its owners.";
            noargs "get_interp_settings" => settings, "", "The rules of this interpreter.";
            noargs "next_interpreter_id" => next_id, "", "The id that the next interpreter will have.";
        },
    )
}
