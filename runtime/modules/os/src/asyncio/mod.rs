//! `_asyncio`: futures, tasks, and which loop and task a thread runs.
mod future;
mod iter;
mod state;
mod task;

use crate::util::{add_type, need};
use future::Future;
use krait_object::args::Args;
use krait_object::{Attached, Layout, Module, Object, PyResult, Ref, Set, functions, id, raise};
use state::{Known, known};
use task::Task;

type Opt<'a> = Option<&'a Object>;

/// The loop that the calling thread runs.
fn running_loop(py: Attached<'_>) -> Option<Ref<Object>> {
    py.ext().running_loop.get()
}

fn require_running_loop(py: Attached<'_>) -> PyResult<Ref<Object>> {
    running_loop(py).ok_or_else(|| raise!(py, RuntimeError, "no running event loop"))
}

/// `get_event_loop`: the running loop, or the policy's.
fn get_event_loop(py: Attached<'_>) -> PyResult<Ref<Object>> {
    match running_loop(py) {
        Some(running) => Ok(running),
        None => known(py, Known::GetPolicy)?.call0(py)?.call_method(py, id!(py, get_event_loop), &[]),
    }
}

fn check_loop(py: Attached<'_>, event_loop: &Object) -> PyResult<()> {
    if running_loop(py).is_some_and(|running| running.is(event_loop)) {
        return Ok(());
    }
    Err(raise!(py, RuntimeError, "loop {} is not the running loop", event_loop.repr(py)?))
}

/// Makes `task` the thread's current one.
fn enter_task(py: Attached<'_>, event_loop: &Object, task: &Object) -> PyResult<()> {
    check_loop(py, event_loop)?;
    let slot = &py.ext().running_task;
    if let Some(other) = slot.get() {
        let (task, other) = (task.repr(py)?, other.repr(py)?);
        return Err(raise!(
            py,
            RuntimeError,
            "Cannot enter into task {task} while another task {other} is being executed."
        ));
    }
    drop(slot.replace(Some(task.to_ref())));
    Ok(())
}

fn leave_task(py: Attached<'_>, event_loop: &Object, task: &Object) -> PyResult<()> {
    check_loop(py, event_loop)?;
    let slot = &py.ext().running_task;
    if !std::ptr::eq(slot.raw(), task.as_ptr()) {
        let other = slot.get().unwrap_or_else(krait_object::none).repr(py)?;
        let task = task.repr(py)?;
        return Err(raise!(py, RuntimeError, "Invalid attempt to leave task {task} while task {other} is entered."));
    }
    drop(slot.take());
    Ok(())
}

fn swap_task(py: Attached<'_>, event_loop: &Object, task: Opt<'_>) -> PyResult<Option<Ref<Object>>> {
    check_loop(py, event_loop)?;
    Ok(py.ext().running_task.replace(task.map(Layout::to_ref)))
}

/// Adds a task of another class to the weak set of those, or removes it.
fn register_other(py: Attached<'_>, task: &Object, add: bool) -> PyResult<()> {
    let method = if add { id!(py, add) } else { id!(py, discard) };
    known(py, Known::OtherTasks)?.call_method(py, method, &[task]).map(drop)
}

fn py_enter_task(py: Attached<'_>, _: &Object, [event_loop, task]: [Opt<'_>; 2]) -> PyResult<()> {
    enter_task(py, need(py, event_loop)?, need(py, task)?)
}

fn py_leave_task(py: Attached<'_>, _: &Object, [event_loop, task]: [Opt<'_>; 2]) -> PyResult<()> {
    leave_task(py, need(py, event_loop)?, need(py, task)?)
}

fn py_swap_task(py: Attached<'_>, _: &Object, [event_loop, task]: [Opt<'_>; 2]) -> PyResult<Option<Ref<Object>>> {
    swap_task(py, need(py, event_loop)?, task.filter(|task| !task.is_none()))
}

fn eager_set(py: Attached<'_>) -> PyResult<&Set> {
    known(py, Known::EagerTasks)?.downcast::<Set>().ok_or_else(|| py.bad_internal_call())
}

fn set_running_loop(py: Attached<'_>, _: &Object, event_loop: &Object) {
    let event_loop = (!event_loop.is_none()).then(|| event_loop.to_ref());
    drop(py.ext().running_loop.replace(event_loop));
}

fn current_task(py: Attached<'_>, _: &Object, [event_loop]: [Opt<'_>; 1]) -> PyResult<Option<Ref<Object>>> {
    let own = match event_loop.filter(|event_loop| !event_loop.is_none()) {
        None => require_running_loop(py)?,
        Some(event_loop) => event_loop.to_ref(),
    };
    if std::ptr::eq(py.ext().running_loop.raw(), own.as_ptr()) {
        return Ok(py.ext().running_task.get());
    }
    Ok(state::running_task_of(py, &own))
}

fn all_tasks(py: Attached<'_>, _: &Object, [event_loop]: [Opt<'_>; 1]) -> PyResult<Ref<Set>> {
    let event_loop = match event_loop.filter(|event_loop| !event_loop.is_none()) {
        None => require_running_loop(py)?,
        Some(event_loop) => event_loop.to_ref(),
    };
    let found = Set::new(py)?;
    // Eager tasks first: one that becomes an ordinary task meanwhile is found at least once.
    let mut others = eager_set(py)?.to_vec(py)?;
    for task in state::listed(py) {
        let future = task.future();
        if future.state() == future::PENDING && std::ptr::eq(future.event_loop.raw(), event_loop.as_ptr()) {
            found.add(py, task.as_object())?;
        }
    }
    others.extend(known(py, Known::OtherTasks)?.collect(py)?);
    for task in others {
        let is_done = task.call_method(py, id!(py, done), &[])?.is_true(py)?;
        if !is_done && task::loop_of(py, &task)?.is(&*event_loop) {
            found.add(py, &task)?;
        }
    }
    Ok(found)
}

/// Fills the module.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "current_task" => current_task, "($module, /, loop=None)", "The task that runs, or None.";
        noargs "get_event_loop" => |py: Attached<'_>, _: &Object| get_event_loop(py), "($module, /)", "The running event loop, or the policy's.";
        noargs "get_running_loop" => |py: Attached<'_>, _: &Object| require_running_loop(py), "($module, /)", "The running event loop; an error if there is none.";
        noargs "_get_running_loop" => |py: Attached<'_>, _: &Object| running_loop(py), "($module, /)", "The running event loop or None.";
        o "_set_running_loop" => set_running_loop, "($module, loop, /)", "Sets the running event loop.";
        sig "_register_task" => |py: Attached<'_>, _: &Object, [task]: [Opt<'_>; 1]| -> PyResult<()> { task::register(py, need(py, task)?) }, "($module, /, task)", "Makes a task known to all_tasks().";
        sig "_unregister_task" => |py: Attached<'_>, _: &Object, [task]: [Opt<'_>; 1]| -> PyResult<()> { task::unregister(py, need(py, task)?) }, "($module, /, task)", "Undoes _register_task().";
        sig "_register_eager_task" => |py: Attached<'_>, _: &Object, [task]: [Opt<'_>; 1]| -> PyResult<()> { eager_set(py)?.add(py, need(py, task)?).map(drop) }, "($module, /, task)", "Makes a task in its eager step known to all_tasks().";
        sig "_unregister_eager_task" => |py: Attached<'_>, _: &Object, [task]: [Opt<'_>; 1]| -> PyResult<()> { eager_set(py)?.discard(py, need(py, task)?).map(drop) }, "($module, /, task)", "Undoes _register_eager_task().";
        sig "_enter_task" => py_enter_task, "($module, /, loop, task)", "Makes a task the one that runs.";
        sig "_leave_task" => py_leave_task, "($module, /, loop, task)", "Undoes _enter_task().";
        sig "_swap_current_task" => py_swap_task, "($module, /, loop, task)", "Replaces the task that runs; returns the old one.";
        sig "all_tasks" => all_tasks, "($module, /, loop=None)", "The tasks of a loop that are not done.";
        raw "future_add_to_awaited_by" => |py: Attached<'_>, _: &Object, args: Args<'_>| future::awaited_by_function(py, args, true), "($module, fut, waiter, /)", "Notes that a future is awaited by another.";
        raw "future_discard_from_awaited_by" => |py: Attached<'_>, _: &Object, args: Args<'_>| future::awaited_by_function(py, args, false), "($module, fut, waiter, /)", "Undoes future_add_to_awaited_by().";
    })?;
    add_type::<Future>(py, module, "Future")?;
    iter::exec(py)?;
    task::exec(py)?;
    module.add(py, "Task", Task::type_object().as_object())
}
