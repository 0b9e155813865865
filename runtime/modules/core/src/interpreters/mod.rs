//! `_interpreters`, `_interpqueues` and `_interpchannels`: interpreters from Python code, and what passes between them.
//!
//! Each interpreter is run by one thread at a time, which enters it with a thread state of its own (`session`). Nothing
//! but [`data::Shared`] crosses. Queues and channels belong to the process.
pub mod channels;
mod config;
pub(crate) mod data;
pub mod queues;
mod session;
pub mod testing;

use config::Config;
use data::{BufferView, Fallback};
use krait_object::native::{Arg, add_type, new_exception, required, type_name};
use krait_object::{
    Attached, BaseException, Code, Dict, Function, Int, IntoObject, Layout, List, Module, Object, PyResult, Raised,
    Ref, Str, Tuple, Type, exc, functions, id, raise,
};
use krait_vm::interp::{self, Interpreter, Rules, Whence, current};
use krait_vm::{compile, import, lifecycle};
use session::Uncaught;
use std::sync::atomic::Ordering;

/// Raises an exception class of a module of this family.
pub(crate) fn error_of(py: Attached<'_>, module: &str, class: &str, message: &str) -> Raised {
    match registered(py, &format!("{module}.{class}"), Some(module)) {
        Ok(Some(class)) => py.raise(&class, message),
        Ok(None) => py.bad_internal_call(),
        Err(raised) => raised,
    }
}

/// Makes an exception class, adds it to its module and remembers it for [`error_of`].
///
/// # Errors
/// `MemoryError`.
pub(crate) fn add_error(
    py: Attached<'_>,
    module: &Module,
    public: &str,
    name: &str,
    base: &Type,
) -> PyResult<Ref<Type>> {
    let class = new_exception(py, public, name, base)?;
    module.add(py, name, &class)?;
    let own = module.as_object().get_attr(py, id!(py, __name__))?.str(py)?;
    interpreter_dict(py)?.set_str(py, &format!("{own}.{name}"), &class)?;
    class.downcast().map_err(|_| py.bad_internal_call())
}

/// Raises an exception class of `_interpreters`.
pub(crate) fn error(py: Attached<'_>, class: &str, message: &str) -> Raised {
    error_of(py, "_interpreters", class, message)
}

/// The current interpreter's dict for such things as classes that Python code registers.
///
/// # Errors
/// `MemoryError`.
pub(crate) fn interpreter_dict(py: Attached<'_>) -> PyResult<Ref<Dict>> {
    let slot = &current(py).dict;
    match slot.get() {
        Some(dict) => Ok(dict),
        None => {
            let dict = Dict::new(py)?;
            drop(slot.replace(Some(dict.clone())));
            Ok(dict)
        }
    }
}

/// A class that Python code registered in the current interpreter; `module` is imported when it has not yet.
///
/// # Errors
/// What the import raises.
pub(crate) fn registered(py: Attached<'_>, key: &str, module: Option<&str>) -> PyResult<Option<Ref<Type>>> {
    let dict = interpreter_dict(py)?;
    let mut found = dict.get_str(py, key);
    if let (None, Some(module)) = (&found, module) {
        import::import_module(py, module)?;
        found = dict.get_str(py, key);
    }
    Ok(found.and_then(|class| class.downcast().ok()))
}

/// An id argument: a number that is not negative. `what` names it in messages.
///
/// # Errors
/// `TypeError`, `ValueError`, `OverflowError`.
pub(crate) fn id_arg(py: Attached<'_>, object: &Object, what: &str) -> PyResult<i64> {
    if !object.has_index() {
        return Err(raise!(py, TypeError, "{what} ID must be an int, got {}", type_name(object)));
    }
    let number = object.index(py)?;
    match number.to_i64() {
        Some(id) if id < 0 => {
            Err(raise!(py, ValueError, "{what} ID must be a non-negative int, got {}", object.repr(py)?))
        }
        Some(id) => Ok(id),
        None if what == "queue" => {
            let shown = object.repr(py)?;
            Err(raise!(py, OverflowError, "max {what} ID is {}, got {shown}", i64::MAX))
        }
        None => Err(raise!(py, OverflowError, "int too big to convert")),
    }
}

/// The interpreter that an argument names. With `restrict` it must come from this module; `doing` tells what failed.
fn target(py: Attached<'_>, object: Arg<'_>, restrict: Arg<'_>, doing: &str) -> PyResult<i64> {
    let id = id_arg(py, required(py, object)?, "interpreter")?;
    let restrict = restrict.map_or(Ok(false), |restrict| restrict.is_true(py))?;
    match Interpreter::look_up(id, Interpreter::whence) {
        None => Err(session::not_found(py, id)),
        Some(whence) if restrict && whence != Whence::Stdlib => {
            Err(error(py, "InterpreterError", &format!("cannot {doing} unrecognized interpreter {id}")))
        }
        Some(_) => Ok(id),
    }
}

/// The configuration that an argument describes.
fn config_arg(py: Attached<'_>, object: Arg<'_>) -> PyResult<Config> {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Config::named(py, "") };
    if let Some(name) = object.downcast::<Str>() {
        return Config::named(py, name.to_utf8(py)?);
    }
    let dict = object.get_attr_opt(py, id!(py, __dict__))?.and_then(|dict| dict.downcast::<Dict>().ok());
    let Some(dict) = dict else { return Err(raise!(py, TypeError, "bad config {}", object.repr(py)?)) };
    let mut config = Config::named(py, "empty")?;
    config.update(py, &dict, false)?;
    Ok(config)
}

fn new_config(py: Attached<'_>, _: &Object, args: krait_object::args::Args<'_>) -> PyResult<Ref<Object>> {
    let name = match args.pos {
        [] => "",
        [name] => match name.downcast::<Str>() {
            Some(name) => name.to_utf8(py)?,
            None => {
                let got = type_name(name);
                return Err(raise!(py, TypeError, "_interpreters.new_config() argument 1 must be str, not {got}"));
            }
        },
        more => {
            let given = more.len();
            let message = format!("_interpreters.new_config() takes at most 1 argument ({given} given)");
            return Err(raise!(py, TypeError, "{message}"));
        }
    };
    let mut config = Config::named(py, name)?;
    if let Some(changes) = args.kw_dict(py)? {
        config.update(py, &changes, true)?;
    }
    config.into_namespace(py)
}

fn create(py: Attached<'_>, _: &Object, [config, reqrefs]: [Arg<'_>; 2]) -> PyResult<i64> {
    let config = config_arg(py, config)?;
    let owned = reqrefs.map_or(Ok(false), |reqrefs| reqrefs.is_true(py))?;
    let Some(rules) = config.rules() else { return Err(not_created(py, "sub-interpreter creation failed")) };
    make(py, rules, owned)
}

/// `InterpreterError` that says why no interpreter was made.
fn not_created(py: Attached<'_>, why: &str) -> Raised {
    let cause = error(py, "InterpreterError", why).take(py);
    let raised = error(py, "InterpreterError", "interpreter creation failed");
    let exception = raised.take(py);
    exception.replace_context(Some(cause));
    py.restore(exception)
}

/// Makes an interpreter that may do what `rules` say; its id. It ends with its last owner if it is `owned`.
fn make(py: Attached<'_>, rules: Rules, owned: bool) -> PyResult<i64> {
    let mut settings = current(py).config.clone();
    settings.install_signal_handlers = false;
    let back = interp::detach(py);
    let made = match lifecycle::start_sub_with(settings, rules) {
        Ok(there) => {
            let interpreter = current(there);
            interpreter.owned.store(owned, Ordering::Relaxed);
            let id = interpreter.id;
            interp::end_thread(there);
            Ok(id)
        }
        Err(why) => {
            if let Some(there) = Attached::try_from_tls() {
                lifecycle::finish_sub(there);
            }
            Err(why)
        }
    };
    // SAFETY: this thread detached it above.
    let py: Attached<'_> = unsafe { interp::attach(back) };
    made.map_err(|why| not_created(py, &why))
}

/// Ends an interpreter that nobody runs.
fn end(py: Attached<'_>, id: i64) -> PyResult<()> {
    let target = match Interpreter::begin_main(id, py.tstate().id.get()) {
        None => return Err(session::not_found(py, id)),
        Some(Err(())) => return Err(error(py, "InterpreterError", "interpreter running")),
        Some(Ok(target)) => target,
    };
    let back = interp::detach(py);
    let thread = target.new_thread();
    // SAFETY: a fresh thread state, and this thread has just detached; `back` is its own again afterwards.
    unsafe {
        interp::bind(thread);
        lifecycle::finish_sub(interp::attach(thread));
        let _: Attached<'_> = interp::attach(back);
    }
    Ok(())
}

fn destroy(py: Attached<'_>, _: &Object, [id, restrict]: [Arg<'_>; 2]) -> PyResult<()> {
    let id = target(py, id, restrict, "destroy")?;
    if id == current(py).id {
        return Err(error(py, "InterpreterError", "cannot destroy the current interpreter"));
    }
    end(py, id)
}

fn list_all(py: Attached<'_>, _: &Object, [_ready]: [Arg<'_>; 1]) -> PyResult<Ref<List>> {
    let mut ids: Vec<i64> = Interpreter::all().iter().map(|one| one.id).collect();
    ids.sort_unstable();
    let known = ids.into_iter().filter_map(|id| Some((id, Interpreter::look_up(id, Interpreter::whence)?)));
    let pairs: PyResult<Vec<Ref<Object>>> = known.map(|(id, whence)| pair(py, id, whence)).collect();
    List::from_vec(py, pairs?)
}

fn pair(py: Attached<'_>, id: i64, whence: Whence) -> PyResult<Ref<Object>> {
    let items = vec![id.into_object(py)?, (whence as i64).into_object(py)?];
    Ok(Tuple::from_vec(py, items)?.upcast())
}

fn get_current(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    pair(py, current(py).id, current(py).whence())
}

fn get_main(py: Attached<'_>, _: &Object) -> PyResult<Ref<Object>> {
    let Some(main) = Interpreter::main() else { return Err(py.bad_internal_call()) };
    pair(py, main.id, Whence::Runtime)
}

fn whence(py: Attached<'_>, _: &Object, [id]: [Arg<'_>; 1]) -> PyResult<i64> {
    let id = id_arg(py, required(py, id)?, "interpreter")?;
    match Interpreter::look_up(id, Interpreter::whence) {
        Some(whence) => Ok(whence as i64),
        None => Err(session::not_found(py, id)),
    }
}

fn get_config(py: Attached<'_>, _: &Object, [id, restrict]: [Arg<'_>; 2]) -> PyResult<Ref<Object>> {
    let id = target(py, id, restrict, "get the config of")?;
    match Interpreter::look_up(id, Config::of) {
        Some(config) => config.into_namespace(py),
        None => Err(session::not_found(py, id)),
    }
}

fn is_running(py: Attached<'_>, _: &Object, [id, restrict]: [Arg<'_>; 2]) -> PyResult<bool> {
    let id = target(py, id, restrict, "check if running for")?;
    Ok(Interpreter::look_up(id, |found| found.main_runner.load(Ordering::Relaxed) != 0).unwrap_or(false))
}

fn is_shareable(py: Attached<'_>, _: &Object, [object]: [Arg<'_>; 1]) -> PyResult<bool> {
    data::is_shareable(py, required(py, object)?)
}

fn incref(py: Attached<'_>, _: &Object, [id, implies, restrict]: [Arg<'_>; 3]) -> PyResult<()> {
    let id = target(py, id, restrict, "incref")?;
    let implies = implies.map_or(Ok(false), |implies| implies.is_true(py))?;
    Interpreter::look_up(id, |found| {
        found.owners.fetch_add(1, Ordering::AcqRel);
        if implies {
            found.owned.store(true, Ordering::Relaxed);
        }
    });
    Ok(())
}

fn decref(py: Attached<'_>, _: &Object, [id, restrict]: [Arg<'_>; 2]) -> PyResult<()> {
    let id = target(py, id, restrict, "decref")?;
    let last = Interpreter::look_up(id, |found| {
        found.owners.fetch_sub(1, Ordering::AcqRel) == 1 && found.owned.load(Ordering::Relaxed) && !found.is_main()
    });
    if last == Some(true) && id != current(py).id {
        return end(py, id);
    }
    Ok(())
}

/// A dict argument; `None` counts as none given.
fn dict_arg<'a>(py: Attached<'_>, object: Arg<'a>, function: &str, position: usize) -> PyResult<Option<&'a Dict>> {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(None) };
    match object.downcast::<Dict>() {
        Some(dict) => Ok(Some(dict)),
        None => Err(bad_argument(py, object, function, position, "dict")),
    }
}

fn bad_argument(py: Attached<'_>, object: &Object, function: &str, position: usize, wanted: &str) -> Raised {
    let got = if object.is_none() { "None".to_owned() } else { type_name(object) };
    raise!(py, TypeError, "_interpreters.{function}() argument {position} must be {wanted}, not {got}")
}

fn set_main_attrs(py: Attached<'_>, _: &Object, [id, updates, restrict]: [Arg<'_>; 3]) -> PyResult<()> {
    let updates = required(py, updates)?;
    let Some(dict) = updates.downcast::<Dict>() else {
        return Err(bad_argument(py, updates, "set___main___attrs", 2, "dict"));
    };
    let id = target(py, id, restrict, "update __main__ for")?;
    if dict.is_empty() {
        return Err(raise!(py, ValueError, "arg 2 must be a non-empty dict"));
    }
    let names = session::names_of(py, Some(dict))?;
    session::bind(py, id, &names)
}

/// The code of a script: source, code, or a function that is no more than code.
fn script(py: Attached<'_>, object: &Object) -> PyResult<Ref<Code>> {
    let code = if let Some(function) = object.downcast::<Function>() {
        function.code().to_ref()
    } else if let Some(code) = object.downcast::<Code>() {
        code.to_ref()
    } else if object.downcast::<Str>().is_some() || object.downcast::<krait_object::Bytes>().is_some() {
        let name = Str::new(py, "<script>")?;
        return compile::compile_object(py, object, "exec", &name, compile::Mode::Exec, &Default::default());
    } else {
        return Err(raise!(py, TypeError, "unsupported script {}", object.repr(py)?));
    };
    data::check_script(py, &code)?;
    Ok(code)
}

fn finish(py: Attached<'_>, uncaught: Option<Uncaught>) -> PyResult<Ref<Object>> {
    match uncaught {
        Some(uncaught) => uncaught.into_namespace(py),
        None => Ok(krait_object::none()),
    }
}

fn exec_code(py: Attached<'_>, _: &Object, [id, code, shared, restrict]: [Arg<'_>; 4]) -> PyResult<Ref<Object>> {
    let shared = dict_arg(py, shared, "exec", 3)?;
    let id = target(py, id, restrict, "exec code for")?;
    let code = script(py, required(py, code)?)?;
    let names = session::names_of(py, shared)?;
    finish(py, session::run(py, id, &code, &names)?)
}

fn run_string(py: Attached<'_>, _: &Object, [id, text, shared, restrict]: [Arg<'_>; 4]) -> PyResult<Ref<Object>> {
    let text = required(py, text)?;
    if text.downcast::<Str>().is_none() {
        return Err(bad_argument(py, text, "run_string", 2, "str"));
    }
    let shared = dict_arg(py, shared, "run_string", 3)?;
    let id = target(py, id, restrict, "run a string in")?;
    let code = script(py, text)?;
    let names = session::names_of(py, shared)?;
    finish(py, session::run(py, id, &code, &names)?)
}

fn run_func(py: Attached<'_>, _: &Object, [id, function, shared, restrict]: [Arg<'_>; 4]) -> PyResult<Ref<Object>> {
    let function = required(py, function)?;
    let shared = dict_arg(py, shared, "run_func", 3)?;
    let id = target(py, id, restrict, "run a function in")?;
    if function.downcast::<Function>().is_none() && function.downcast::<Code>().is_none() {
        return Err(bad_argument(py, function, "run_func", 2, "a function"));
    }
    let code = script(py, function)?;
    let names = session::names_of(py, shared)?;
    finish(py, session::run(py, id, &code, &names)?)
}

fn call(py: Attached<'_>, _: &Object, args: [Arg<'_>; 5]) -> PyResult<Ref<Object>> {
    let [id, callable, args, keywords, restrict] = args;
    let callable = required(py, callable)?;
    let args = match args.filter(|args| !args.is_none()) {
        None => None,
        Some(args) => Some(args.downcast::<Tuple>().ok_or_else(|| bad_argument(py, args, "call", 3, "tuple"))?),
    };
    let keywords = dict_arg(py, keywords, "call", 4)?;
    let id = target(py, id, restrict, "make a call in")?;
    if !callable.is_callable() {
        return Err(raise!(py, TypeError, "expected a callable, got {}", callable.repr(py)?));
    }
    let items = match session::call(py, id, callable, args, keywords)? {
        Ok(result) => vec![result, krait_object::none()],
        Err(uncaught) => vec![krait_object::none(), uncaught.into_namespace(py)?],
    };
    Ok(Tuple::from_vec(py, items)?.upcast())
}

fn capture_exception(py: Attached<'_>, _: &Object, [exception]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
    let handled = krait_object::exceptions::handled_exception(py);
    let exception = match exception.filter(|exception| !exception.is_none()) {
        None => match &handled {
            Some(handled) => handled,
            None => return Ok(krait_object::none()),
        },
        Some(given) => match given.downcast::<BaseException>() {
            Some(given) => given,
            None => return Err(raise!(py, TypeError, "expected exception, got {}", given.repr(py)?)),
        },
    };
    Uncaught::new(py, exception).into_namespace(py)
}

/// Fills `_interpreters`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        raw "new_config" => new_config, "", "new_config(name='isolated', /, **overrides)\n\nMakes a configuration for create(): 'isolated', 'legacy' or 'empty', with changes.";
        sig "create" => create, "($module, config='isolated', *, reqrefs=False)", "Makes an interpreter and returns its id.";
        sig "destroy" => destroy, "($module, id, *, restrict=False)", "Ends an interpreter that is not running.";
        sig "list_all" => list_all, "($module, *, require_ready=False)", "Id and origin of every interpreter.";
        noargs "get_current" => get_current, "($module, /)", "Id and origin of the current interpreter.";
        noargs "get_main" => get_main, "($module, /)", "Id and origin of the main interpreter.";
        sig "whence" => whence, "($module, id)", "Where an interpreter comes from, one of WHENCE_*.";
        sig "get_config" => get_config, "($module, id, *, restrict=False)", "The configuration that an interpreter was made with.";
        sig "is_running" => is_running, "($module, id, *, restrict=False)", "Whether a thread runs the interpreter's __main__.";
        sig "is_shareable" => is_shareable, "($module, obj)", "Whether objects like this one can be sent without being pickled.";
        sig "incref" => incref, "($module, id, *, implieslink=False, restrict=False)", "Counts one more owner of an interpreter.";
        sig "decref" => decref, "($module, id, *, restrict=False)", "Counts one owner less; without owners an interpreter made with reqrefs ends.";
        sig "set___main___attrs" => set_main_attrs, "($module, id, updates, *, restrict=False)", "Binds shareable values in the interpreter's __main__.";
        sig "exec" => exec_code, "($module, id, code, shared=None, *, restrict=False)", "Runs a script in the interpreter's __main__.\n\nReturns None, or a description of the exception that it did not catch.";
        sig "run_string" => run_string, "($module, id, script, shared=None, *, restrict=False)", "As exec(), for source text only.";
        sig "run_func" => run_func, "($module, id, func, shared=None, *, restrict=False)", "As exec(), for a function without parameters only.";
        sig "call" => call, "($module, id, callable, args=None, kwargs=None, *, restrict=False)", "Calls something in the interpreter.\n\nReturns the result and None, or None and a description of the exception.";
        sig "capture_exception" => capture_exception, "($module, exc=None)", "A description of an exception, by default of the one being handled.";
    })?;
    for (name, number) in [
        ("WHENCE_UNKNOWN", 0),
        ("WHENCE_RUNTIME", Whence::Runtime as i64),
        ("WHENCE_LEGACY_CAPI", Whence::LegacyApi as i64),
        ("WHENCE_CAPI", Whence::Api as i64),
        ("WHENCE_XI", Whence::Crossing as i64),
        ("WHENCE_STDLIB", Whence::Stdlib as i64),
    ] {
        module.add(py, name, Int::from_i64(py, number)?.as_object())?;
    }
    let public = "concurrent.interpreters";
    let base = add_error(py, module, public, "InterpreterError", exc::Exception())?;
    add_error(py, module, public, "InterpreterNotFoundError", &base)?;
    add_error(py, module, public, "NotShareableError", exc::TypeError())?;
    add_type::<BufferView>(py, module, "CrossInterpreterBufferView")
}

/// How a value that is put somewhere may be converted when nothing else is said.
pub(crate) const DEFAULT_FALLBACK: Fallback = Fallback::Full;
