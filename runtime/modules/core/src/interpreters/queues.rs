//! `_interpqueues`: queues that belong to the process.
//!
//! A queue lives while some `Queue` object of some interpreter is bound to it. When an interpreter ends, what it put
//! into queues goes or leaves a mark, as each item says.
use super::data::{Fallback, Shared};
use super::{DEFAULT_FALLBACK, add_error, error_of, id_arg, registered};
use krait_object::native::{Arg, required};
use krait_object::{
    Attached, Int, IntoObject, Layout, List, Module, Object, PyResult, Raised, Ref, Tuple, Type, exc, functions, id,
    none, raise,
};
use krait_vm::interp::current;
use krait_vm::lifecycle::ExitCall;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

const MODULE: &str = "_interpqueues";
/// Where the classes for queues are defined.
const CLASSES: &str = "concurrent.interpreters._queues";

/// What becomes of an item whose interpreter ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unbound {
    Remove = 1,
    Error = 2,
    Replace = 3,
}

impl Unbound {
    /// From an argument; -1 stands for `default`.
    ///
    /// # Errors
    /// `ValueError`.
    pub fn from_number(py: Attached<'_>, number: i64, default: Unbound) -> PyResult<Unbound> {
        match number {
            -1 => Ok(default),
            1 => Ok(Unbound::Remove),
            2 => Ok(Unbound::Error),
            3 => Ok(Unbound::Replace),
            other => Err(raise!(py, ValueError, "unsupported unboundop {other}")),
        }
    }
}

/// An optional number argument, -1 when it is missing.
///
/// # Errors
/// `TypeError`, `OverflowError`.
pub(super) fn number_arg(py: Attached<'_>, object: Arg<'_>) -> PyResult<i64> {
    match object {
        None => Ok(-1),
        Some(object) => match object.index(py)?.to_i64() {
            Some(number) => Ok(number),
            None => Err(raise!(py, OverflowError, "Python int too large to convert to C int")),
        },
    }
}

struct Item {
    /// `None` when its interpreter has ended.
    value: Option<Shared>,
    interpreter: i64,
    unbound: Unbound,
}

struct Queue {
    maxsize: i64,
    unbound: Unbound,
    fallback: Fallback,
    items: VecDeque<Item>,
    bound: usize,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.maxsize > 0 && self.items.len() as i64 >= self.maxsize
    }
}

#[derive(Default)]
struct Queues {
    by_id: BTreeMap<i64, Queue>,
    last: i64,
}

// SAFETY: `Shared` belongs to no interpreter.
unsafe impl Send for Item {}

static QUEUES: Mutex<Queues> = Mutex::new(Queues { by_id: BTreeMap::new(), last: 0 });

fn queues() -> MutexGuard<'static, Queues> {
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value's hold on a queue: it stays bound while the value is on its way.
pub struct QueueRef(i64);

impl QueueRef {
    fn new(id: i64) -> Option<QueueRef> {
        queues().by_id.get_mut(&id).map(|queue| {
            queue.bound += 1;
            QueueRef(id)
        })
    }

    /// The `Queue` object of the current interpreter.
    ///
    /// # Errors
    /// What making it raises.
    pub fn rebuild(&self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let Some(class) = class(py, "Queue")? else {
            return Err(raise!(py, RuntimeError, "queue type is not registered"));
        };
        class.as_object().call_pos(py, &[Int::from_i64(py, self.0)?.as_object()])
    }
}

impl Drop for QueueRef {
    fn drop(&mut self) {
        let gone = unbind(self.0);
        drop(gone);
    }
}

/// Takes one binding off a queue; the queue itself when that was the last. `Err` when it was never bound.
fn unbind(id: i64) -> Option<Result<Option<Queue>, ()>> {
    let mut queues = queues();
    let queue = queues.by_id.get_mut(&id)?;
    if queue.bound == 0 {
        return Some(Err(()));
    }
    queue.bound -= 1;
    let last = queue.bound == 0;
    Some(Ok(if last { queues.by_id.remove(&id) } else { None }))
}

fn key(name: &str) -> String {
    format!("{MODULE}.{name}")
}

fn class(py: Attached<'_>, name: &str) -> PyResult<Option<Ref<Type>>> {
    registered(py, &key(name), Some(CLASSES))
}

/// Whether an object is a queue of the class that the current interpreter registered.
///
/// # Errors
/// `MemoryError`.
pub fn is_queue(py: Attached<'_>, object: &Object) -> PyResult<bool> {
    let class = registered(py, &key("Queue"), None)?;
    Ok(class.is_some_and(|class| std::ptr::eq(&raw const *class, object.ty())))
}

/// A queue object as a value on its way; `None` for other objects.
///
/// # Errors
/// `QueueNotFoundError`.
pub fn share(py: Attached<'_>, object: &Object) -> PyResult<Option<QueueRef>> {
    if !is_queue(py, object)? {
        return Ok(None);
    }
    let id = id_arg(py, &*object.get_attr(py, id!(py, _id))?, "queue")?;
    match QueueRef::new(id) {
        Some(queue) => Ok(Some(queue)),
        None => Err(not_found(py, id)),
    }
}

fn not_found(py: Attached<'_>, id: i64) -> Raised {
    error_of(py, MODULE, "QueueNotFoundError", &format!("queue {id} not found"))
}

/// Raises `QueueEmpty` or `QueueFull`.
fn state_error(py: Attached<'_>, name: &str, message: &str) -> Raised {
    match class(py, name) {
        Ok(Some(class)) => py.raise(&class, message),
        Ok(None) => error_of(py, MODULE, "QueueError", message),
        Err(raised) => raised,
    }
}

/// Looks at a queue.
fn with<R>(py: Attached<'_>, object: Arg<'_>, look: impl FnOnce(&mut Queue) -> R) -> PyResult<R> {
    let id = id_arg(py, required(py, object)?, "queue")?;
    let found = queues().by_id.get_mut(&id).map(look);
    found.ok_or_else(|| not_found(py, id))
}

fn create(py: Attached<'_>, _: &Object, [maxsize, unbound, fallback]: [Arg<'_>; 3]) -> PyResult<i64> {
    let maxsize = number_arg(py, maxsize)?;
    let (unbound, fallback) = (number_arg(py, unbound)?, number_arg(py, fallback)?);
    let unbound = Unbound::from_number(py, unbound, Unbound::Replace)?;
    let fallback = Fallback::from_number(py, fallback, DEFAULT_FALLBACK)?;
    let mut queues = queues();
    queues.last += 1;
    let id = queues.last;
    queues.by_id.insert(id, Queue { maxsize, unbound, fallback, items: VecDeque::new(), bound: 0 });
    Ok(id)
}

fn destroy(py: Attached<'_>, _: &Object, [id]: [Arg<'_>; 1]) -> PyResult<()> {
    let id = id_arg(py, required(py, id)?, "queue")?;
    let gone = queues().by_id.remove(&id);
    match gone {
        Some(_) => Ok(()),
        None => Err(not_found(py, id)),
    }
}

fn list_all(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    let all: Vec<(i64, Unbound, Fallback)> =
        queues().by_id.iter().rev().map(|(id, queue)| (*id, queue.unbound, queue.fallback)).collect();
    let rows: PyResult<Vec<Ref<Object>>> = all
        .into_iter()
        .map(|(id, unbound, fallback)| {
            let row = vec![id.into_object(py)?, (unbound as i64).into_object(py)?, fallback.number().into_object(py)?];
            Ok(Tuple::from_vec(py, row)?.upcast())
        })
        .collect();
    List::from_vec(py, rows?)
}

fn put(py: Attached<'_>, _: &Object, [queue, object, unbound, fallback]: [Arg<'_>; 4]) -> PyResult<()> {
    let object = required(py, object)?;
    let (of_queue, default_fallback) = with(py, queue, |queue| (queue.unbound, queue.fallback))?;
    let unbound = Unbound::from_number(py, number_arg(py, unbound)?, of_queue)?;
    let fallback = Fallback::from_number(py, number_arg(py, fallback)?, default_fallback)?;
    let item = Item { value: Some(Shared::new(py, object, fallback)?), interpreter: current(py).id, unbound };
    let refused = with(py, queue, |queue| {
        if queue.is_full() {
            return Some(item);
        }
        queue.items.push_back(item);
        None
    })?;
    if refused.is_some() {
        let id = id_arg(py, required(py, queue)?, "queue")?;
        return Err(state_error(py, "QueueFull", &format!("queue {id} is full")));
    }
    Ok(())
}

fn get(py: Attached<'_>, _: &Object, [queue]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
    let Some(item) = with(py, queue, |queue| queue.items.pop_front())? else {
        let id = id_arg(py, required(py, queue)?, "queue")?;
        return Err(state_error(py, "QueueEmpty", &format!("queue {id} is empty")));
    };
    let pair = match item.value {
        Some(value) => vec![value.rebuild(py)?, none()],
        None => vec![none(), (item.unbound as i64).into_object(py)?],
    };
    Ok(Tuple::from_vec(py, pair)?.upcast())
}

fn bind(py: Attached<'_>, _: &Object, [queue]: [Arg<'_>; 1]) -> PyResult<()> {
    with(py, queue, |queue| queue.bound += 1)
}

fn release(py: Attached<'_>, _: &Object, [id]: [Arg<'_>; 1]) -> PyResult<()> {
    let id = id_arg(py, required(py, id)?, "queue")?;
    match unbind(id) {
        None => Err(not_found(py, id)),
        Some(Err(())) => Err(error_of(py, MODULE, "QueueError", &format!("queue {id} never bound"))),
        Some(Ok(_)) => Ok(()),
    }
}

fn get_maxsize(py: Attached<'_>, _: &Object, [queue]: [Arg<'_>; 1]) -> PyResult<i64> {
    with(py, queue, |queue| queue.maxsize)
}

fn get_queue_defaults(py: Attached<'_>, _: &Object, [queue]: [Arg<'_>; 1]) -> PyResult<Ref<Object>> {
    let (unbound, fallback) = with(py, queue, |queue| (queue.unbound, queue.fallback))?;
    let pair = vec![(unbound as i64).into_object(py)?, fallback.number().into_object(py)?];
    Ok(Tuple::from_vec(py, pair)?.upcast())
}

fn is_full(py: Attached<'_>, _: &Object, [queue]: [Arg<'_>; 1]) -> PyResult<bool> {
    with(py, queue, |queue| queue.is_full())
}

fn get_count(py: Attached<'_>, _: &Object, [queue]: [Arg<'_>; 1]) -> PyResult<usize> {
    with(py, queue, |queue| queue.items.len())
}

fn register(py: Attached<'_>, _: &Object, classes: [Arg<'_>; 3]) -> PyResult<()> {
    register_classes(
        py,
        MODULE,
        classes,
        [("queuetype", "Queue"), ("emptyerror", "QueueEmpty"), ("fullerror", "QueueFull")],
    )
}

/// Remembers classes that Python code made for the current interpreter.
///
/// # Errors
/// `TypeError` for what is no class.
pub(super) fn register_classes<const N: usize>(
    py: Attached<'_>,
    module: &str,
    classes: [Arg<'_>; N],
    names: [(&str, &str); N],
) -> PyResult<()> {
    let dict = super::interpreter_dict(py)?;
    for (class, (argument, _)) in classes.iter().zip(names) {
        if required(py, *class)?.downcast::<Type>().is_none() {
            return Err(raise!(py, TypeError, "expected a type for '{argument}'"));
        }
    }
    for (class, (_, name)) in classes.into_iter().zip(names) {
        dict.set_str(py, &format!("{module}.{name}"), required(py, class)?)?;
    }
    Ok(())
}

/// Marks or drops what an interpreter that ends has put into queues.
unsafe extern "C" fn interpreter_ends(id: *mut c_void) {
    let id = id.addr() as i64;
    let mut dropped = Vec::new();
    for queue in queues().by_id.values_mut() {
        for mut item in std::mem::take(&mut queue.items) {
            if item.interpreter == id && item.value.is_some() {
                dropped.push(item.value.take());
                if item.unbound == Unbound::Remove {
                    continue;
                }
            }
            queue.items.push_back(item);
        }
    }
    drop(dropped);
}

/// Calls `function` with the interpreter's id when the current interpreter ends.
pub(super) fn at_end(py: Attached<'_>, function: unsafe extern "C" fn(*mut c_void)) {
    let interpreter = current(py);
    let mut calls = interpreter.atexit.lock().unwrap_or_else(PoisonError::into_inner);
    calls.push(ExitCall::WithData(function, interpreter.id as usize));
}

/// Fills `_interpqueues`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "create" => create, "($module, maxsize, unboundop=-1, fallback=-1)", "Makes a queue and returns its id.";
        sig "destroy" => destroy, "($module, qid)", "Removes a queue with all that is in it.";
        noargs "list_all" => list_all, "($module, /)", "Id and defaults of every queue.";
        sig "put" => put, "($module, qid, obj, unboundop=-1, fallback=-1)", "Puts an object into a queue.";
        sig "get" => get, "($module, qid)", "Takes an object out of a queue.\n\nReturns it and None, or None and what its sender wants in its place.";
        sig "bind" => bind, "($module, qid)", "Takes a hold on a queue.";
        sig "release" => release, "($module, qid)", "Gives up a hold on a queue; the last one takes the queue along.";
        sig "get_maxsize" => get_maxsize, "($module, qid)", "How many objects a queue takes; 0 for any number.";
        sig "get_queue_defaults" => get_queue_defaults, "($module, qid)", "What put() uses when nothing else is said.";
        sig "is_full" => is_full, "($module, qid)", "Whether a queue takes no more objects now.";
        sig "get_count" => get_count, "($module, qid)", "How many objects are in a queue.";
        sig "_register_heap_types" => register, "($module, queuetype, emptyerror, fullerror)", "Tells which classes stand for queues and their states.";
    })?;
    let public = "concurrent.interpreters";
    let base = add_error(py, module, public, "QueueError", exc::RuntimeError())?;
    add_error(py, module, public, "QueueNotFoundError", &base)?;
    at_end(py, interpreter_ends);
    Ok(())
}
