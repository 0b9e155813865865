//! Values on their way from one interpreter to another.
//!
//! [`Shared`] holds no object of either side: it is plain bytes, ids, or memory that stays lent by its owner. Making one
//! needs the sender's interpreter, [`Shared::rebuild`] the receiver's; in between it belongs to nobody.
use super::channels::ChannelRef;
use super::queues::QueueRef;
use super::{channels, error, queues, session};
use krait_bytecode::opcode::Opcode;
use krait_object::layout::{
    CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_VARARGS, CO_VARKEYWORDS, Py_buffer, PyBUF_FULL_RO,
};
use krait_object::native::{Fixed, alloc};
use krait_object::protocols::buffer::Buffer;
use krait_object::{
    Attached, Bool, Bytes, Code, Dict, Float, Function, Int, Layout, MemoryView, Module, Object, PyResult, Raised, Ref,
    Str, Tuple, id, pytype, raise,
};
use krait_vm::interp::current;
use krait_vm::{compile, import, lifecycle, marshal};
use std::sync::{Arc, Mutex, PoisonError};

/// The name of the module that stands in for a sender's `__main__`.
const FAKE_MAIN: &str = "<fake __main__>";

/// What may be shared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Only types that say so.
    None,
    /// Also functions without state, and what `pickle` can handle.
    Full,
}

impl Fallback {
    /// The number that Python code uses.
    pub fn number(self) -> i64 {
        (self == Fallback::Full).into()
    }

    /// From an argument; -1 stands for `default`.
    ///
    /// # Errors
    /// `ValueError`.
    pub fn from_number(py: Attached<'_>, number: i64, default: Fallback) -> PyResult<Fallback> {
        match number {
            -1 => Ok(default),
            0 => Ok(Fallback::None),
            1 => Ok(Fallback::Full),
            other => Err(raise!(py, ValueError, "unsupported fallback {other}")),
        }
    }
}

/// The ways to take a value out of an interpreter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As queues and channels do.
    Known(Fallback),
    Pickle,
    Marshal,
    /// A code object.
    Code,
    /// A function without state.
    Function,
    /// The code of a script; a pure one uses no globals.
    Script {
        pure: bool,
    },
}

/// A value between interpreters.
pub enum Shared {
    /// A marshalled `None`, `bool`, `int`, `float`, `str` or `bytes`.
    Plain(Vec<u8>),
    /// Anything that `marshal` can handle, code included.
    Marshalled(Vec<u8>),
    Tuple(Vec<Shared>),
    /// The memory behind a memoryview.
    Memory(Arc<Lent>),
    /// A queue object.
    Queue(QueueRef),
    /// A channel's id.
    Channel(ChannelRef),
    /// An object for one end of a channel.
    ChannelEnd(ChannelRef),
    /// The marshalled code of a function without state.
    Function(Vec<u8>),
    /// A pickle, and the file of the sender's `__main__`.
    Pickle(Vec<u8>, Option<String>),
}

/// Memory that an object of the interpreter `owner` lends.
pub struct Lent {
    owner: i64,
    buffer: Mutex<Option<Buffer>>,
}

// SAFETY: the view is only read, and released in its owner's interpreter.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl Lent {
    /// Asks `object` for its memory.
    ///
    /// # Errors
    /// What the exporter raises.
    pub fn new(py: Attached<'_>, object: &Object) -> PyResult<Arc<Lent>> {
        let buffer = Buffer::get(py, object, PyBUF_FULL_RO)?;
        Ok(Arc::new(Lent { owner: current(py).id, buffer: Mutex::new(Some(buffer)) }))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(buffer) = self.buffer.get_mut().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let Some(py) = Attached::try_from_tls() else { return std::mem::forget(buffer) };
        if current(py).id == self.owner {
            return drop(buffer);
        }
        // The exporter must be told by a thread of its own interpreter; when that is gone, so is the exporter.
        let mut buffer = Some(buffer);
        session::visit(py, self.owner, &mut |_| drop(buffer.take()));
        std::mem::forget(buffer);
    }
}

krait_object::native! {
    /// `CrossInterpreterBufferView`: exports memory of another interpreter.
    pub struct BufferView { lent: Fixed<Arc<Lent>> }
}
pytype! {
    static BUFFER_VIEW: "_interpreters.CrossInterpreterBufferView" for BufferView {
        base: Object, flags: [DISALLOW_INSTANTIATION],
        doc: "A buffer of an object that belongs to another interpreter.",
        slots: {
            tp_dealloc = BufferView::dealloc,
            bf_getbuffer = BufferView::get_buffer,
        },
    }
}

impl BufferView {
    fn get_buffer(py: Attached<'_>, this: &BufferView, view: &mut Py_buffer, flags: i32) -> PyResult<()> {
        let Some(lent) = this.lent.get() else { return Err(py.bad_internal_call()) };
        let buffer = lent.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(buffer) = buffer.as_ref() else { return Err(raise!(py, BufferError, "the buffer is released")) };
        let lender = buffer.view();
        if flags & krait_object::layout::PyBUF_WRITABLE != 0 && lender.readonly != 0 {
            return Err(raise!(py, BufferError, "Object is not writable."));
        }
        // SAFETY: plain data; what it points to is lent as long as this object lives, which the view holds.
        *view = unsafe { std::ptr::read(lender) };
        view.obj = this.as_object().to_ref().into_raw();
        Ok(())
    }
}

/// `NotShareableError` for `object`, caused by the pending exception if `cause` is given.
fn not_shareable(py: Attached<'_>, object: &Object, cause: Option<Raised>) -> Raised {
    let cause = cause.map(|cause| cause.take(py));
    let text = match object.repr(py) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(raised) => return raised,
    };
    let raised = error(py, "NotShareableError", &format!("{text} does not support cross-interpreter data"));
    match cause {
        Some(cause) => caused_by(py, raised, cause),
        None => raised,
    }
}

/// Sets the cause of a pending exception.
pub fn caused_by(py: Attached<'_>, raised: Raised, cause: Ref<krait_object::BaseException>) -> Raised {
    let exception = raised.take(py);
    exception.replace_cause(Some(cause));
    py.restore(exception)
}

/// Whether objects like this one can be shared without a fallback.
pub fn is_shareable(py: Attached<'_>, object: &Object) -> PyResult<bool> {
    let plain = object.is_none()
        || object.downcast_exact::<Bool>().is_some()
        || object.downcast_exact::<Int>().is_some()
        || object.downcast_exact::<Float>().is_some()
        || object.downcast_exact::<Str>().is_some()
        || object.downcast_exact::<Bytes>().is_some()
        || object.downcast_exact::<Tuple>().is_some()
        || object.downcast_exact::<MemoryView>().is_some();
    Ok(plain || channels::is_channel(py, object)? || queues::is_queue(py, object)?)
}

impl Shared {
    /// Takes a value out of the current interpreter.
    ///
    /// # Errors
    /// `NotShareableError`.
    pub fn new(py: Attached<'_>, object: &Object, fallback: Fallback) -> PyResult<Shared> {
        if is_shareable(py, object)? {
            return match (Self::of_known(py, object, fallback), fallback) {
                (Ok(shared), _) => Ok(shared),
                (Err(raised), Fallback::Full) if object.downcast::<Int>().is_some() => {
                    raised.clear(py);
                    Self::pickled(py, object)
                }
                (Err(raised), _) => Err(not_shareable(py, object, Some(raised))),
            };
        }
        if fallback == Fallback::None {
            return Err(not_shareable(py, object, None));
        }
        if let Some(function) = object.downcast_exact::<Function>()
            && state_of(py, function)?.is_none()
        {
            return Self::function(py, function);
        }
        Self::pickled(py, object)
    }

    fn of_known(py: Attached<'_>, object: &Object, fallback: Fallback) -> PyResult<Shared> {
        if let Some(tuple) = object.downcast_exact::<Tuple>() {
            let items: PyResult<Vec<Shared>> =
                tuple.as_slice().iter().map(|item| Shared::new(py, item, fallback)).collect();
            return Ok(Shared::Tuple(items?));
        }
        if object.downcast_exact::<MemoryView>().is_some() {
            return Ok(Shared::Memory(Lent::new(py, object)?));
        }
        if let Some(queue) = queues::share(py, object)? {
            return Ok(Shared::Queue(queue));
        }
        if let Some(shared) = channels::share(py, object)? {
            return Ok(shared);
        }
        if let Some(number) = object.downcast_exact::<Int>()
            && number.to_i64().is_none()
        {
            return Err(raise!(py, OverflowError, "try sending as bytes"));
        }
        Ok(Shared::Plain(marshal::dumps(py, object, marshal::VERSION, false)?))
    }

    fn pickled(py: Attached<'_>, object: &Object) -> PyResult<Shared> {
        Self::pickle(py, object).map_err(|raised| {
            raised.clear(py);
            not_shareable(py, object, None)
        })
    }

    fn pickle(py: Attached<'_>, object: &Object) -> PyResult<Shared> {
        let pickle = import::import_module(py, "pickle")?;
        let data = pickle.call_method(py, id!(py, dumps), &[object])?;
        match data.downcast::<Bytes>() {
            Ok(data) => Ok(Shared::Pickle(data.as_slice().to_vec(), main_file(py))),
            Err(_) => Err(py.bad_internal_call()),
        }
    }

    fn function(py: Attached<'_>, function: &Function) -> PyResult<Shared> {
        Ok(Shared::Function(marshal::dumps(py, function.code().as_object(), marshal::VERSION, true)?))
    }

    fn marshalled(py: Attached<'_>, object: &Object) -> PyResult<Shared> {
        Ok(Shared::Marshalled(marshal::dumps(py, object, marshal::VERSION, true)?))
    }

    /// Takes a value out of the current interpreter in the one way that `mode` names.
    ///
    /// # Errors
    /// `NotShareableError`, with what went wrong as its cause.
    pub fn by(py: Attached<'_>, object: &Object, mode: Mode) -> PyResult<Shared> {
        let refused = |raised: Raised, message: &str| {
            let cause = raised.take(py);
            caused_by(py, error(py, "NotShareableError", message), cause)
        };
        let unexpected = |what: &str| match object.repr(py) {
            Ok(shown) => error(py, "NotShareableError", &format!("expected {what}, got {shown}")),
            Err(raised) => raised,
        };
        match mode {
            Mode::Known(fallback) => Shared::new(py, object, fallback),
            Mode::Pickle => Self::pickle(py, object).map_err(|raised| refused(raised, "object could not be pickled")),
            Mode::Marshal => {
                Self::marshalled(py, object).map_err(|raised| refused(raised, "object could not be marshalled"))
            }
            Mode::Code if object.downcast::<Code>().is_some() => Self::marshalled(py, object),
            Mode::Code => Err(unexpected("code")),
            Mode::Function => {
                let Some(function) = object.downcast::<Function>() else { return Err(unexpected("a function")) };
                match state_of(py, function)? {
                    None => Self::function(py, function),
                    Some(why) => {
                        Err(refused(raise!(py, ValueError, "{why}"), "only stateless functions are shareable"))
                    }
                }
            }
            Mode::Script { pure } => {
                let pure = if pure { check_pure(py, object) } else { Ok(()) };
                let code = pure.and_then(|()| super::script(py, object));
                let code = code.map_err(|raised| refused(raised, "object not a valid script"))?;
                Self::marshalled(py, code.as_object())
            }
        }
    }

    /// Makes the value in the current interpreter.
    ///
    /// # Errors
    /// `NotShareableError` when it cannot be unpickled here.
    pub fn rebuild(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        match self {
            Shared::Plain(data) => marshal::loads(py, data, false).map(|(object, _)| object),
            Shared::Marshalled(data) => marshal::loads(py, data, true).map(|(object, _)| object),
            Shared::Tuple(items) => {
                let items: PyResult<Vec<Ref<Object>>> = items.iter().map(|item| item.rebuild(py)).collect();
                Ok(Tuple::from_vec(py, items?)?.upcast())
            }
            Shared::Memory(lent) => {
                let view = alloc::<BufferView>(py, krait_object::native::ready::<BufferView>(py)?)?;
                view.lent.init(lent.clone());
                Ok(MemoryView::new(py, view.as_object())?.upcast())
            }
            Shared::Queue(queue) => queue.rebuild(py),
            Shared::Channel(channel) => channel.rebuild(py),
            Shared::ChannelEnd(channel) => channel.rebuild_end(py),
            Shared::Function(code) => {
                let (code, _) = marshal::loads(py, code, true)?;
                let code = code.downcast::<Code>().map_err(|_| py.bad_internal_call())?;
                let main = lifecycle::main_dict(py)?;
                Ok(Function::new(py, &code, main.as_object(), None)?.upcast())
            }
            Shared::Pickle(data, file) => unpickle(py, data, file.as_deref()),
        }
    }
}

/// The file that `__main__` was run from.
fn main_file(py: Attached<'_>) -> Option<String> {
    let main = lifecycle::main_dict(py).map_err(|raised| raised.clear(py)).ok()?;
    let file = main.get_str(py, "__file__")?;
    file.downcast::<Str>().ok().map(|file| file.to_string_lossy().into_owned())
}

/// Loads a pickle. Names that the sender's `__main__` defines are looked for in a hidden module made from its file.
fn unpickle(py: Attached<'_>, data: &[u8], file: Option<&str>) -> PyResult<Ref<Object>> {
    let pickle = import::import_module(py, "pickle")?;
    let bytes = Bytes::new(py, data)?;
    let first = match pickle.call_method(py, id!(py, loads), &[bytes.as_object()]) {
        Ok(object) => return Ok(object),
        Err(raised) => raised,
    };
    let of_main = data.windows(8).any(|part| part == b"__main__");
    let second = match file.filter(|_| of_main && first.matches(py, krait_object::exc::AttributeError())) {
        None => first,
        Some(file) => {
            first.clear(py);
            let loaded = fake_main(py, file).and_then(|fake| {
                let modules = import::modules(py)?;
                let real = modules.get_str(py, "__main__");
                modules.set_str(py, "__main__", fake.as_object())?;
                let loaded = pickle.call_method(py, id!(py, loads), &[bytes.as_object()]);
                if let Some(real) = real {
                    modules.set_str(py, "__main__", &real)?;
                }
                loaded
            });
            match loaded {
                Ok(object) => return Ok(object),
                Err(raised) => raised,
            }
        }
    };
    let cause = second.take(py);
    Err(caused_by(py, error(py, "NotShareableError", "object could not be unpickled"), cause))
}

/// The module that stands in for another interpreter's `__main__`, made once for a file.
fn fake_main(py: Attached<'_>, file: &str) -> PyResult<Ref<Module>> {
    let kept = super::interpreter_dict(py)?;
    let key = format!("_interpreters.__main__ of {file}");
    if let Some(module) = kept.get_str(py, &key)
        && let Ok(module) = module.downcast::<Module>()
    {
        return Ok(module);
    }
    let name = Str::new(py, file)?;
    let source = std::fs::read(file)
        .map_err(|error| krait_object::exceptions::raise_os_error(py, error.raw_os_error().unwrap_or(2)))?;
    let code = compile::compile_source(py, &source, &name, compile::Mode::Exec, &Default::default())?;
    let module = Module::new(py, FAKE_MAIN)?;
    module.add(py, "__file__", name.as_object())?;
    let builtins = current(py).builtins.get().ok_or_else(|| py.bad_internal_call())?;
    module.add(py, "__builtins__", builtins.as_object())?;
    krait_vm::eval::eval_code(py, &code, module.dict().as_object(), None, None)?;
    kept.set_str(py, &key, module.as_object())?;
    Ok(module)
}

/// The instructions of code with their arguments.
pub fn instructions(code: &Code) -> Vec<(Opcode, u32)> {
    let units = code.code();
    let (mut found, mut at, mut arg) = (Vec::new(), 0, 0u32);
    while at + 1 < units.len() {
        let Some(op) = Opcode::from_u8(units[at]).map(Opcode::base) else { break };
        arg = arg << 8 | u32::from(units[at + 1]);
        at += 2 + 2 * op.cache_entries();
        if op == Opcode::EXTENDED_ARG {
            continue;
        }
        found.push((op, std::mem::take(&mut arg)));
    }
    found
}

/// Whether code reads a global variable that is not a builtin; without `globals` only the builtins count.
///
/// # Errors
/// What comparing names raises.
pub fn reads_globals(py: Attached<'_>, code: &Code, globals: Option<&Dict>) -> PyResult<bool> {
    let builtins = current(py).builtins.get().ok_or_else(|| py.bad_internal_call())?;
    for (op, arg) in instructions(code) {
        let index = match op {
            Opcode::LOAD_GLOBAL => arg >> 1,
            Opcode::LOAD_NAME => arg,
            _ => continue,
        };
        let Some(name) = code.names().as_slice().get(index as usize) else { return Ok(true) };
        let own = globals.map_or(Ok(None), |globals| globals.get(py, name))?;
        if own.is_some() || builtins.get(py, name)?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a function needs besides builtins, as an error message: a closure, defaults or globals.
fn state_of(py: Attached<'_>, function: &Function) -> PyResult<Option<&'static str>> {
    if !function.closure_slot().raw().is_null() || function.code().raw().co_nfreevars.get() != 0 {
        return Ok(Some("closures not supported"));
    }
    if !function.defaults_slot().raw().is_null() {
        return Ok(Some("defaults not supported"));
    }
    if !function.kwdefaults_slot().raw().is_null() {
        return Ok(Some("keyword defaults not supported"));
    }
    let Some(globals) = function.globals().downcast::<Dict>() else { return Ok(Some("globals not supported")) };
    Ok(reads_globals(py, function.code(), Some(globals))?.then_some("globals not supported"))
}

/// Checks that a script needs nothing of where it comes from.
///
/// # Errors
/// `ValueError`.
pub fn check_pure(py: Attached<'_>, object: &Object) -> PyResult<()> {
    let state = match (object.downcast::<Function>(), object.downcast::<Code>()) {
        (Some(function), _) => state_of(py, function)?,
        (_, Some(code)) => reads_globals(py, code, None)?.then_some("globals not supported"),
        _ => None,
    };
    state.map_or(Ok(()), |why| Err(raise!(py, ValueError, "{why}")))
}

/// Checks that code can run as a script: it takes nothing, returns nothing and closes over nothing.
///
/// # Errors
/// `ValueError`.
pub fn check_script(py: Attached<'_>, code: &Code) -> PyResult<()> {
    let raw = code.raw();
    let flags = raw.co_flags.get();
    if raw.co_argcount.get() > 0 || raw.co_kwonlyargcount.get() > 0 || flags & (CO_VARARGS | CO_VARKEYWORDS) != 0 {
        return Err(raise!(py, ValueError, "code with args not supported"));
    }
    if raw.co_nfreevars.get() > 0 {
        return Err(raise!(py, ValueError, "closures not supported"));
    }
    let generates = flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) != 0;
    match generates || !returns_only_none(code) {
        true => Err(raise!(py, ValueError, "code that returns a value is not a script")),
        false => Ok(()),
    }
}

/// Whether each return of code gives None.
pub fn returns_only_none(code: &Code) -> bool {
    let (mut returns_value, mut before) = (false, None);
    for (op, arg) in instructions(code) {
        if op == Opcode::RETURN_VALUE {
            let constant = match before {
                Some((Opcode::LOAD_CONST, index)) => code.consts().as_slice().get(index as usize).copied(),
                _ => None,
            };
            returns_value |= !constant.is_some_and(Object::is_none);
        }
        before = Some((op, arg));
    }
    !returns_value
}
