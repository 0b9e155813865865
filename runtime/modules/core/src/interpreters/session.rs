//! Stays of the calling thread in another interpreter, and what comes back from them.
use super::data::{Fallback, Shared, caused_by};
use super::error;
use krait_bytecode::codeunit::emit;
use krait_bytecode::opcode::Opcode;
use krait_object::namespaceobject::Namespace;
use krait_object::state::ThreadExt;
use krait_object::{
    Attached, BaseException, Bytes, Code, Dict, IntoObject, Layout, Object, PyResult, Raised, Ref, Str, Tuple, exc, id,
    none, raise,
};
use krait_vm::interp::{self, Interpreter, current};
use krait_vm::{bltinmodule, compile, errors, eval, import, lifecycle, marshal};
use std::ptr::NonNull;

/// What is known of an exception that nobody caught.
pub struct Uncaught {
    name: String,
    qualname: String,
    module: Option<String>,
    message: Option<String>,
    formatted: String,
    display: Option<String>,
}

/// The text of an attribute.
fn text_attr(py: Attached<'_>, object: &Object, name: &'static Str) -> Option<String> {
    match object.get_attr_opt(py, name) {
        Ok(value) => value?.downcast::<Str>().ok().map(|text| text.to_string_lossy().into_owned()),
        Err(raised) => {
            raised.clear(py);
            None
        }
    }
}

/// `text` or nothing, with a pending exception cleared.
fn or_none(py: Attached<'_>, text: PyResult<Ref<Str>>) -> Option<String> {
    match text {
        Ok(text) => Some(text.to_string_lossy().into_owned()),
        Err(raised) => {
            raised.clear(py);
            None
        }
    }
}

/// An exception as the interpreter would show it.
fn displayed(py: Attached<'_>, exception: &BaseException) -> PyResult<Ref<Str>> {
    let class = import::import_module(py, "traceback")?.get_attr(py, id!(py, TracebackException))?;
    let summary = class.call_method(py, id!(py, from_exception), &[exception.as_object()])?;
    let lines = summary.call_method(py, id!(py, format), &[])?;
    let text = Str::new(py, "")?.as_object().call_method(py, id!(py, join), &[&lines])?;
    let text = text.call_method(py, id!(py, rstrip), &[id!(py, "\n").as_object()])?;
    text.downcast::<Str>().map_err(|_| py.bad_internal_call())
}

impl Uncaught {
    /// Describes an exception.
    pub fn new(py: Attached<'_>, exception: &BaseException) -> Uncaught {
        let class = exception.as_object().ty().as_object();
        let message = or_none(py, exception.as_object().str(py));
        let name = text_attr(py, class, id!(py, __name__)).unwrap_or_default();
        let qualname = text_attr(py, class, id!(py, __qualname__)).unwrap_or_else(|| name.clone());
        let module = text_attr(py, class, id!(py, __module__));
        let full = match module.as_deref() {
            None | Some("builtins" | "__main__") => qualname.clone(),
            Some(module) => format!("{module}.{qualname}"),
        };
        let formatted = match &message {
            Some(message) => format!("{full}: {message}"),
            None => full,
        };
        let display = or_none(py, displayed(py, exception));
        Uncaught { name, qualname, module, message, formatted, display }
    }

    /// The description as a namespace object.
    pub fn into_namespace(self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let class = Dict::new(py)?;
        class.set_str(py, "__name__", &*self.name.as_str().into_object(py)?)?;
        class.set_str(py, "__qualname__", &*self.qualname.as_str().into_object(py)?)?;
        class.set_str(py, "__module__", &*self.module.as_deref().into_object(py)?)?;
        let all = Dict::new(py)?;
        all.set_str(py, "type", Namespace::new(py, Some(&class))?.as_object())?;
        all.set_str(py, "msg", &*self.message.as_deref().into_object(py)?)?;
        all.set_str(py, "formatted", &*self.formatted.as_str().into_object(py)?)?;
        all.set_str(py, "errdisplay", &*self.display.as_deref().into_object(py)?)?;
        Ok(Namespace::new(py, Some(&all))?.upcast())
    }

    /// Raises `NotShareableError(message)` caused by an `Exception` that shows this one.
    fn raise(self, py: Attached<'_>, message: &str) -> Raised {
        let text = self.display.unwrap_or(self.formatted);
        let cause = Str::new(py, &text)
            .and_then(|text| krait_object::exceptions::make_exception(py, exc::Exception(), text.as_object()));
        match cause {
            Ok(cause) => caused_by(py, error(py, "NotShareableError", message), cause),
            Err(failed) => failed,
        }
    }
}

/// Runs `body` attached to `target` through a thread state of its own.
fn stay<R>(py: Attached<'_>, target: &'static Interpreter, body: impl FnOnce(Attached<'_>) -> R) -> R {
    if std::ptr::eq(current(py), target) {
        return body(py);
    }
    stay_with(py, target.new_thread(), body)
}

/// Runs `body` attached through `thread`, a fresh thread state of another interpreter, which ends then.
fn stay_with<R>(py: Attached<'_>, thread: NonNull<ThreadExt>, body: impl FnOnce(Attached<'_>) -> R) -> R {
    let back = interp::detach(py);
    // SAFETY: a fresh thread state; this thread has just detached.
    let there: Attached<'_> = unsafe {
        interp::bind(thread);
        interp::attach(thread)
    };
    let result = body(there);
    interp::end_thread(there);
    // SAFETY: this thread detached it above.
    let _: Attached<'_> = unsafe { interp::attach(back) };
    result
}

/// Runs `body` in the interpreter `id` without running its `__main__`, if it still exists and nobody runs it.
pub fn visit(py: Attached<'_>, id: i64, body: &mut dyn FnMut(Attached<'_>)) {
    if let Some(Ok(target)) = Interpreter::begin_main(id, py.tstate().id.get()) {
        stay(py, target, &mut *body);
        target.end_main();
        return;
    }
    // Somebody runs it, so it does not end before that is over; it is entered all the same.
    let busy = Interpreter::look_up(id, |found| NonNull::from(found));
    if let Some(target) = busy {
        // SAFETY: as above.
        stay(py, unsafe { target.as_ref() }, body);
    }
}

/// `InterpreterNotFoundError` for an id.
pub fn not_found(py: Attached<'_>, id: i64) -> Raised {
    error(py, "InterpreterNotFoundError", &format!("unrecognized interpreter ID {id}"))
}

/// Runs `body` as the `__main__` of an interpreter.
///
/// # Errors
/// `InterpreterNotFoundError`, `InterpreterError` when the interpreter runs already.
fn as_main<R>(py: Attached<'_>, id: i64, body: impl FnOnce(Attached<'_>) -> R) -> PyResult<R> {
    let target = match Interpreter::begin_main(id, py.tstate().id.get()) {
        None => return Err(not_found(py, id)),
        Some(Err(())) => return Err(error(py, "InterpreterError", "interpreter already running")),
        Some(Ok(target)) => target,
    };
    let result = stay(py, target, body);
    target.end_main();
    Ok(result)
}

/// The names that a caller wants in another `__main__`.
pub type Names = Vec<(String, Shared)>;

/// Takes the items of a dict out of the current interpreter.
///
/// # Errors
/// `NotShareableError`, and `TypeError` or `ValueError` for a bad name.
pub fn names_of(py: Attached<'_>, dict: Option<&Dict>) -> PyResult<Names> {
    let mut names = Names::new();
    for (name, value) in dict.map(|dict| dict.items_snapshot(py)).transpose()?.unwrap_or_default() {
        let Some(name) = (*name).downcast::<Str>() else {
            return Err(raise!(py, TypeError, "bad argument type for built-in operation"));
        };
        let name = name.to_utf8(py)?;
        if name.contains('\0') {
            return Err(raise!(py, ValueError, "found embedded NULL character"));
        }
        names.push((name.to_owned(), Shared::new(py, &value, Fallback::None)?));
    }
    Ok(names)
}

fn set_names(py: Attached<'_>, names: &Names) -> PyResult<Ref<Dict>> {
    let main = lifecycle::main_dict(py)?;
    for (name, value) in names {
        main.set_str(py, name, &*value.rebuild(py)?)?;
    }
    Ok(main)
}

/// Binds names in the `__main__` of an interpreter.
///
/// # Errors
/// As [`run`].
pub fn bind(py: Attached<'_>, id: i64, names: &Names) -> PyResult<()> {
    let failed =
        as_main(py, id, |there| set_names(there, names).err().map(|raised| Uncaught::new(there, &raised.take(there))))?;
    match failed {
        None => Ok(()),
        Some(uncaught) => Err(uncaught.raise(py, "failed to bind names in __main__")),
    }
}

/// Runs code in the `__main__` of an interpreter; what it did not catch.
///
/// # Errors
/// `InterpreterNotFoundError`, `InterpreterError` when the interpreter runs already.
pub fn run(py: Attached<'_>, id: i64, code: &Code, names: &Names) -> PyResult<Option<Uncaught>> {
    let code = marshal::dumps(py, code.as_object(), marshal::VERSION, true)?;
    as_main(py, id, |there| {
        let run = || -> PyResult<()> {
            let main = set_names(there, names)?;
            let (code, _) = marshal::loads(there, &code, true)?;
            let code = code.downcast::<Code>().map_err(|_| there.bad_internal_call())?;
            eval::eval_code(there, &code, main.as_object(), None, None).map(drop)
        };
        let uncaught = run().err().map(|raised| Uncaught::new(there, &raised.take(there)));
        lifecycle::flush_streams(there);
        uncaught
    })
}

/// Runs code in the `__main__` namespace of an interpreter, which shows what the code does not catch; whether that was
/// nothing. With `as_main` the run counts as that of `__main__`.
///
/// # Errors
/// `InterpreterNotFoundError`, `InterpreterError` when `__main__` runs already and `as_main` is asked for.
pub fn run_shown(py: Attached<'_>, id: i64, code: &Code, main: bool) -> PyResult<bool> {
    let code = marshal::dumps(py, code.as_object(), marshal::VERSION, true)?;
    let body = |there: Attached<'_>| {
        let run = || -> PyResult<()> {
            let main = lifecycle::main_dict(there)?;
            let (code, _) = marshal::loads(there, &code, true)?;
            let code = code.downcast::<Code>().map_err(|_| there.bad_internal_call())?;
            eval::eval_code(there, &code, main.as_object(), None, None).map(drop)
        };
        let fine = match run() {
            Ok(()) => true,
            Err(raised) => {
                let _raised = raised;
                errors::report_pending(there);
                false
            }
        };
        lifecycle::flush_streams(there);
        fine
    };
    if main {
        return as_main(py, id, body);
    }
    // SAFETY: an interpreter with a thread state in it is not freed.
    let thread = Interpreter::look_up(id, |found| unsafe { &*std::ptr::from_ref(found) }.new_thread());
    let Some(thread) = thread else { return Err(not_found(py, id)) };
    Ok(stay_with(py, thread, body))
}

/// How a call in another interpreter went wrong.
enum Failure {
    /// The function, the arguments or the result cannot cross.
    Crossing(&'static str, Box<Uncaught>),
    /// The function raised.
    Uncaught(Box<Uncaught>),
}

/// Calls a function in an interpreter with the arguments given; its result, or what it did not catch.
///
/// # Errors
/// `NotShareableError`, and as [`run`].
pub fn call(
    py: Attached<'_>,
    id: i64,
    callable: &Object,
    args: Option<&Tuple>,
    keywords: Option<&Dict>,
) -> PyResult<Result<Ref<Object>, Uncaught>> {
    if Interpreter::look_up(id, |_| ()).is_none() {
        return Err(not_found(py, id));
    }
    let function = Shared::new(py, callable, Fallback::Full)?;
    let share = |object: Option<&Object>| object.map(|object| Shared::new(py, object, Fallback::Full)).transpose();
    let args = share(args.filter(|args| !args.is_empty()).map(Layout::as_object))?;
    let keywords = share(keywords.filter(|keywords| !keywords.is_empty()).map(Layout::as_object))?;
    let result = as_main(py, id, |there| {
        let result = call_there(there, &function, args.as_ref(), keywords.as_ref());
        lifecycle::flush_streams(there);
        result
    })?;
    match result {
        Ok(result) => result.rebuild(py).map(Ok),
        Err(Failure::Uncaught(uncaught)) => Ok(Err(*uncaught)),
        Err(Failure::Crossing(what, uncaught)) => Err(uncaught.raise(py, what)),
    }
}

fn call_there(
    py: Attached<'_>,
    function: &Shared,
    args: Option<&Shared>,
    keywords: Option<&Shared>,
) -> Result<Shared, Failure> {
    let describe = |raised: Raised| Box::new(Uncaught::new(py, &raised.take(py)));
    let crossing = |what: &'static str| move |raised: Raised| (what, raised);
    let failed = |(what, raised)| Failure::Crossing(what, describe(raised));
    let function = function.rebuild(py).map_err(crossing("func not shareable")).map_err(failed)?;
    let rebuild = |part: Option<&Shared>, what| match part {
        Some(part) => part.rebuild(py).map(Some).map_err(crossing(what)).map_err(failed),
        None => Ok(None),
    };
    let args = rebuild(args, "args not shareable")?;
    let keywords = rebuild(keywords, "kwargs not shareable")?;
    let positional =
        args.as_ref().and_then(|args| args.as_object().downcast::<Tuple>()).map_or(&[][..], Tuple::as_slice);
    let keywords = keywords.as_ref().and_then(|keywords| keywords.as_object().downcast::<Dict>());
    let result =
        call_in_main(py, &function, positional, keywords).map_err(|raised| Failure::Uncaught(describe(raised)))?;
    Shared::new(py, &result, Fallback::Full)
        .map_err(crossing("object does not support cross-interpreter data"))
        .map_err(failed)
}

/// Calls a function such that those which need a frame (`globals`, `exec`) find that of `__main__`.
fn call_in_main(
    py: Attached<'_>,
    function: &Object,
    positional: &[&Object],
    keywords: Option<&Dict>,
) -> PyResult<Ref<Object>> {
    if function.downcast_exact::<krait_object::Function>().is_some() {
        return bltinmodule::call_with(py, function, positional, keywords);
    }
    let (args, none) = (Tuple::from_slice(py, positional)?, none());
    let name = Str::new(py, "<call>")?;
    let blank = compile::compile_source(py, b"None", &name, compile::Mode::Eval, &Default::default())?;
    let mut parts = blank.parts(py)?;
    let mut code = Vec::new();
    for (op, arg) in [(Opcode::RESUME, 0), (Opcode::LOAD_CONST, 0), (Opcode::PUSH_NULL, 0), (Opcode::LOAD_CONST, 1)] {
        emit(&mut code, op, arg);
    }
    match keywords {
        Some(_) => emit(&mut code, Opcode::LOAD_CONST, 2),
        None => emit(&mut code, Opcode::PUSH_NULL, 0),
    }
    emit(&mut code, Opcode::CALL_FUNCTION_EX, 0);
    emit(&mut code, Opcode::RETURN_VALUE, 0);
    let keywords = keywords.map_or(&*none, Layout::as_object);
    parts.consts = Tuple::from_slice(py, &[function, args.as_object(), keywords])?;
    parts.code = Bytes::new(py, &code)?;
    parts.stacksize = 4;
    let code = Code::from_parts(py, parts)?;
    let main = lifecycle::main_dict(py)?;
    eval::eval_code(py, &code, main.as_object(), None, None)
}
