//! The fork protocol: hooks run before and after, other threads stand still, and the child repairs what they held.
use crate::util::errno;
use krait_object::exceptions::raise_os_error;
use krait_object::hooks::hooks;
use krait_object::{Attached, Layout, List, Object, PyResult, Ref, Slot, raise};
use krait_vm::interp::{self, current};

/// The list in a slot, made when it is missing.
fn list(py: Attached<'_>, slot: &Slot) -> PyResult<Ref<List>> {
    if let Some(Ok(list)) = slot.get().map(Ref::downcast::<List>) {
        return Ok(list);
    }
    let list = List::new(py)?;
    drop(slot.replace(Some(list.clone().upcast())));
    Ok(list)
}

/// Registers hooks of `os.register_at_fork`.
pub fn register(
    py: Attached<'_>,
    before: Option<&Object>,
    child: Option<&Object>,
    parent: Option<&Object>,
) -> PyResult<()> {
    let interpreter = current(py);
    for (slot, function) in [
        (&interpreter.before_forkers, before),
        (&interpreter.after_forkers_child, child),
        (&interpreter.after_forkers_parent, parent),
    ] {
        if let Some(function) = function {
            list(py, slot)?.push(py, function.to_ref())?;
        }
    }
    Ok(())
}

/// Calls the hooks that are there at the start: the list only grows, so there is no need of a copy, nor of memory for it.
fn run(py: Attached<'_>, slot: &Slot, backwards: bool) {
    let Some(Ok(list)) = slot.get().map(Ref::downcast::<List>) else { return };
    let count = list.len();
    for at in 0..count {
        let Some(call) = list.get(py, if backwards { count - 1 - at } else { at }) else { return };
        if call.call0(py).is_err() {
            (hooks().unraisable)(py, Some("Exception ignored in fork hook"), Some(&call));
        }
    }
}

/// Runs the hooks that come before a fork.
pub fn before(py: Attached<'_>) {
    run(py, &current(py).before_forkers, true);
}

/// Runs the hooks of the parent.
pub fn after_in_parent(py: Attached<'_>) {
    run(py, &current(py).after_forkers_parent, false);
}

/// Runs the hooks of the child.
pub fn after_in_child(py: Attached<'_>) {
    run(py, &current(py).after_forkers_child, false);
}

/// How many threads the process has, those that the runtime does not know among them; nothing where the system does
/// not tell.
fn process_threads() -> Option<usize> {
    let stat = std::fs::read("/proc/self/stat").ok()?;
    // The second field is a name in parentheses, which may hold anything; the 20th counts threads.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace().nth(17)?.parse().ok()
}

/// Forks by `call` with the whole protocol around it.
pub fn fork(py: Attached<'_>, mut call: impl FnMut() -> i32) -> PyResult<i32> {
    if current(py).finalizing.load(std::sync::atomic::Ordering::Acquire) {
        return Err(raise!(py, PythonFinalizationError, "can't fork at interpreter shutdown"));
    }
    if !current(py).rules.fork {
        return Err(raise!(py, RuntimeError, "fork not supported for isolated subinterpreters"));
    }
    before(py);
    let mut error = 0;
    let pid = interp::fork(py, &mut || {
        let pid = call();
        if pid < 0 {
            error = errno();
        }
        pid
    });
    if pid == 0 {
        after_in_child(py);
        return Ok(0);
    }
    after_in_parent(py);
    if pid > 0 && process_threads().unwrap_or_else(|| current(py).thread_count()) > 1 {
        // SAFETY: no memory is involved.
        let own = unsafe { libc::getpid() };
        let message =
            format!("This process (pid={own}) is multi-threaded, use of fork() may lead to deadlocks in the child.");
        (hooks().warn)(py, krait_object::exc::DeprecationWarning(), &message, 1)?;
    }
    if pid < 0 { Err(raise_os_error(py, error)) } else { Ok(pid) }
}
