//! What `_asyncio` keeps per interpreter and per thread.
use super::task::Task;
use krait_object::hooks::hooks;
use krait_object::layout::PyObject;
use krait_object::{Attached, Layout, Object, PyResult, Ref, Set, Str, Tuple, mode};
use krait_vm::interp::{self, current};
use std::sync::{Arc, Mutex, PoisonError};

/// Python objects that the module uses, found once per interpreter.
#[derive(Clone, Copy)]
#[repr(usize)]
pub enum Known {
    GetPolicy,
    FutureRepr,
    CancelledError,
    InvalidStateError,
    TaskRepr,
    TaskGetStack,
    TaskPrintStack,
    IsCoroutine,
    ExtractStack,
    CopyContext,
    /// Tasks of other classes: a `WeakSet`.
    OtherTasks,
    /// Tasks in their first, eager step: a set.
    EagerTasks,
}

const SOURCES: [(&str, &str); 10] = [
    ("asyncio.events", "_get_event_loop_policy"),
    ("asyncio.base_futures", "_future_repr"),
    ("asyncio.exceptions", "CancelledError"),
    ("asyncio.exceptions", "InvalidStateError"),
    ("asyncio.base_tasks", "_task_repr"),
    ("asyncio.base_tasks", "_task_get_stack"),
    ("asyncio.base_tasks", "_task_print_stack"),
    ("asyncio.coroutines", "iscoroutine"),
    ("traceback", "extract_stack"),
    ("_contextvars", "copy_context"),
];

#[cold]
fn find(py: Attached<'_>) -> PyResult<()> {
    let import = |module: &str, name: &str| {
        let module = (hooks().import)(py, module)?;
        module.get_attr(py, &*Str::new(py, name)?)
    };
    let mut found = Vec::with_capacity(12);
    for (module, name) in SOURCES {
        found.push(import(module, name)?);
    }
    found.push(import("weakref", "WeakSet")?.call0(py)?);
    found.push(Set::new(py)?.upcast());
    let found = Tuple::from_vec(py, found)?;
    let slot = &current(py).asyncio;
    if slot.is_null() {
        // Of two threads that get here the slower one wins; what the faster one took stays with the interpreter.
        if let Some(lost) = slot.replace(Some(found)) {
            std::mem::forget(lost);
        }
    }
    Ok(())
}

/// One of the objects that the module uses.
pub fn known<'py>(py: Attached<'py>, which: Known) -> PyResult<&'py Object> {
    let slot = &current(py).asyncio;
    loop {
        // SAFETY: [frozen]: set once, and kept until the interpreter ends.
        if let Some(found) = unsafe { slot.borrow() } {
            let found: &'py Tuple = found;
            return found.get(which as usize).ok_or_else(|| py.bad_internal_call());
        }
        find(py)?;
    }
}

/// The tasks that one thread made, for `all_tasks`. A task leaves its list before its memory is freed.
#[derive(Default)]
pub struct TaskList(Mutex<Vec<*mut PyObject>>);

// SAFETY: the pointers are only followed under the lock, where the objects are not freed.
unsafe impl Send for TaskList {}
// SAFETY: as above.
unsafe impl Sync for TaskList {}

/// The calling thread's list.
fn own_list(py: Attached<'_>) -> Arc<TaskList> {
    let slot = &py.ext().tasks;
    if let Some(list) = slot.borrow().as_ref().and_then(|list| list.clone().downcast::<TaskList>().ok()) {
        return list;
    }
    let list = Arc::new(TaskList::default());
    let mut all = current(py).task_lists.lock().unwrap_or_else(PoisonError::into_inner);
    // Lists of threads and tasks that are gone.
    all.retain(|list| Arc::strong_count(list) > 1);
    all.push(list.clone());
    drop(all);
    *slot.borrow_mut() = Some(list.clone());
    list
}

/// Puts a task on the calling thread's list.
pub fn link(py: Attached<'_>, task: &Task) {
    if !task.list.get().is_null() {
        return;
    }
    let list = own_list(py);
    // SAFETY: a live task. Other threads may find it from now on.
    unsafe { mode::publish(task.as_ptr()) };
    let mut tasks = list.0.lock().unwrap_or_else(PoisonError::into_inner);
    task.index.set(tasks.len());
    tasks.push(task.as_ptr());
    task.list.set(Arc::into_raw(list.clone()).cast_mut());
}

/// Takes a task off its list.
pub fn unlink(task: &Task) {
    let raw = task.list.swap(std::ptr::null_mut(), std::sync::atomic::Ordering::AcqRel);
    if raw.is_null() {
        return;
    }
    // SAFETY: made by `into_raw` in `link`; the swap gave it to us alone.
    let list = unsafe { Arc::from_raw(raw.cast_const()) };
    let mut tasks = list.0.lock().unwrap_or_else(PoisonError::into_inner);
    let at = task.index.get();
    if tasks.get(at).is_some_and(|found| std::ptr::eq(*found, task.as_ptr())) {
        tasks.swap_remove(at);
        if let Some(moved) = tasks.get(at) {
            // SAFETY: a listed task, not freed under the lock.
            unsafe { &*moved.cast::<Task>() }.index.set(at);
        }
    }
}

/// Every listed task of the interpreter.
pub fn listed(py: Attached<'_>) -> Vec<Ref<Task>> {
    let lists: Vec<_> = current(py).task_lists.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut found = Vec::new();
    for list in lists.into_iter().filter_map(|list| list.downcast::<TaskList>().ok()) {
        let tasks = list.0.lock().unwrap_or_else(PoisonError::into_inner);
        for &raw in tasks.iter() {
            // SAFETY: a listed task: its memory is not freed under the lock, but its count may be zero.
            unsafe {
                if mode::try_incref(raw) {
                    found.push(Ref::from_raw(raw));
                }
            }
        }
    }
    found
}

/// The task that `event_loop` runs in any thread of the interpreter.
pub fn running_task_of(py: Attached<'_>, event_loop: &Object) -> Option<Ref<Object>> {
    let mut found = None;
    interp::current(py).visit_threads(&mut |thread| {
        if found.is_none() && std::ptr::eq(thread.running_loop.raw(), event_loop.as_ptr()) {
            found = thread.running_task.get();
        }
    });
    found
}
