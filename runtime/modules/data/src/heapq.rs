//! `_heapq`: lists as priority queues. Each function is one critical section of its list.
use krait_object::native::{Arg, required};
use krait_object::typedef::CompareOp;
use krait_object::{
    Attached, IntoObject, Layout, List, Locked, Module, Object, PyResult, Raised, Ref, exc, functions, raise,
};

type Heap<'a> = Locked<'a, List>;

fn list<'a>(py: Attached<'_>, heap: &'a Object, function: &str) -> PyResult<&'a List> {
    match heap.downcast::<List>() {
        Some(list) => Ok(list),
        None => Err(raise!(
            py,
            TypeError,
            "{function}() argument must be list, not {}",
            krait_object::builtins::textargs::arg_type(heap)
        )),
    }
}

/// The first argument of a function of two.
fn first_list<'a>(py: Attached<'_>, heap: &'a Object, function: &str) -> PyResult<&'a List> {
    match heap.downcast::<List>() {
        Some(list) => Ok(list),
        None => Err(raise!(
            py,
            TypeError,
            "{function}() argument 1 must be list, not {}",
            krait_object::builtins::textargs::arg_type(heap)
        )),
    }
}

fn out_of_range(py: Attached<'_>) -> Raised {
    py.raise(exc::IndexError(), "index out of range")
}

fn item(py: Attached<'_>, heap: &Heap<'_>, at: usize) -> PyResult<Ref<Object>> {
    heap.item(at).ok_or_else(|| out_of_range(py))
}

fn swap(py: Attached<'_>, heap: &Heap<'_>, first: usize, second: usize) -> PyResult<()> {
    if heap.swap(first, second) { Ok(()) } else { Err(out_of_range(py)) }
}

/// Puts `value` at the root and takes what was there.
fn exchange(py: Attached<'_>, heap: &Heap<'_>, value: Ref<Object>) -> PyResult<Ref<Object>> {
    heap.replace(0, value).ok().flatten().ok_or_else(|| out_of_range(py))
}

/// Whether `a` comes out before `b`.
fn before(py: Attached<'_>, a: &Object, b: &Object, max: bool) -> PyResult<bool> {
    if max { b.compare_bool(py, a, CompareOp::Lt) } else { a.compare_bool(py, b, CompareOp::Lt) }
}

fn unchanged(py: Attached<'_>, heap: &Heap<'_>, len: usize) -> PyResult<()> {
    if heap.len() != len {
        return Err(raise!(py, RuntimeError, "list changed size during iteration"));
    }
    Ok(())
}

/// Moves the item at `at` towards the root `start` as far as it belongs.
fn rise(py: Attached<'_>, heap: &Heap<'_>, start: usize, mut at: usize, max: bool) -> PyResult<()> {
    let len = heap.len();
    let moved = item(py, heap, at)?;
    while at > start {
        let parent = (at - 1) / 2;
        let other = item(py, heap, parent)?;
        let less = before(py, &moved, &other, max)?;
        unchanged(py, heap, len)?;
        if !less {
            break;
        }
        swap(py, heap, at, parent)?;
        at = parent;
    }
    Ok(())
}

/// Moves the item at `start` to a leaf and back up to where it belongs.
fn sink(py: Attached<'_>, heap: &Heap<'_>, start: usize, max: bool) -> PyResult<()> {
    let len = heap.len();
    let mut at = start;
    while at < len / 2 {
        let mut child = 2 * at + 1;
        if child + 1 < len {
            let (left, right) = (item(py, heap, child)?, item(py, heap, child + 1)?);
            let left_first = before(py, &left, &right, max)?;
            unchanged(py, heap, len)?;
            child += usize::from(!left_first);
        }
        swap(py, heap, child, at)?;
        at = child;
    }
    rise(py, heap, start, at, max)
}

fn push(py: Attached<'_>, [heap, value]: [Arg<'_>; 2], name: &str, max: bool) -> PyResult<()> {
    let heap = first_list(py, required(py, heap)?, name)?.lock(py);
    heap.push(py, required(py, value)?.to_ref())?;
    rise(py, &heap, 0, heap.len() - 1, max)
}

fn pop(py: Attached<'_>, heap: &Object, name: &str, max: bool) -> PyResult<Ref<Object>> {
    let heap = list(py, heap, name)?.lock(py);
    let last = match heap.len() {
        0 => None,
        len => heap.remove(py, len - 1),
    };
    let Some(last) = last else { return Err(out_of_range(py)) };
    if heap.is_empty() {
        return Ok(last);
    }
    let top = exchange(py, &heap, last)?;
    sink(py, &heap, 0, max)?;
    Ok(top)
}

fn replace(py: Attached<'_>, [heap, value]: [Arg<'_>; 2], name: &str, max: bool) -> PyResult<Ref<Object>> {
    let heap = first_list(py, required(py, heap)?, name)?.lock(py);
    let top = exchange(py, &heap, required(py, value)?.to_ref())?;
    sink(py, &heap, 0, max)?;
    Ok(top)
}

fn push_pop(py: Attached<'_>, [heap, value]: [Arg<'_>; 2], name: &str, max: bool) -> PyResult<Ref<Object>> {
    let (heap, value) = (first_list(py, required(py, heap)?, name)?.lock(py), required(py, value)?);
    if heap.is_empty() {
        return Ok(value.to_ref());
    }
    let top = item(py, &heap, 0)?;
    if !before(py, &top, value, max)? {
        return Ok(value.to_ref());
    }
    let top = exchange(py, &heap, value.to_ref())?;
    sink(py, &heap, 0, max)?;
    Ok(top)
}

fn heapify(py: Attached<'_>, heap: &Object, name: &str, max: bool) -> PyResult<()> {
    let heap = list(py, heap, name)?.lock(py);
    (0..heap.len() / 2).rev().try_for_each(|at| sink(py, &heap, at, max))
}

type Two<'a> = [Arg<'a>; 2];

/// Fills `_heapq`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        sig "heappush" => |py: Attached<'_>, _: &Object, args: Two<'_>| push(py, args, "heappush", false), "($module, heap, item, /)", "Adds an item to a heap.";
        sig "heappushpop" => |py: Attached<'_>, _: &Object, args: Two<'_>| push_pop(py, args, "heappushpop", false), "($module, heap, item, /)", "Adds an item, then takes the least.";
        o "heappop" => |py: Attached<'_>, _: &Object, heap: &Object| pop(py, heap, "heappop", false), "($module, heap, /)", "Takes the least item.";
        sig "heapreplace" => |py: Attached<'_>, _: &Object, args: Two<'_>| replace(py, args, "heapreplace", false), "($module, heap, item, /)", "Takes the least item, then adds one.";
        o "heapify" => |py: Attached<'_>, _: &Object, heap: &Object| heapify(py, heap, "heapify", false), "($module, heap, /)", "Makes a list a heap.";
        sig "heappush_max" => |py: Attached<'_>, _: &Object, args: Two<'_>| push(py, args, "heappush_max", true), "($module, heap, item, /)", "Adds an item to a max-heap.";
        sig "heappushpop_max" => |py: Attached<'_>, _: &Object, args: Two<'_>| push_pop(py, args, "heappushpop_max", true), "($module, heap, item, /)", "Adds an item, then takes the greatest.";
        o "heappop_max" => |py: Attached<'_>, _: &Object, heap: &Object| pop(py, heap, "heappop_max", true), "($module, heap, /)", "Takes the greatest item.";
        sig "heapreplace_max" => |py: Attached<'_>, _: &Object, args: Two<'_>| replace(py, args, "heapreplace_max", true), "($module, heap, item, /)", "Takes the greatest item, then adds one.";
        o "heapify_max" => |py: Attached<'_>, _: &Object, heap: &Object| heapify(py, heap, "heapify_max", true), "($module, heap, /)", "Makes a list a max-heap.";
    })?;
    module.add(py, "__about__", &*"Heaps are lists whose item k is not above items 2k+1 and 2k+2.".into_object(py)?)
}
