//! `_tracemalloc`: the traces of memory that the `tracemalloc` module shows.
use krait_object::native::Arg;
use krait_object::{
    Attached, IntoObject, Layout, List, Module, Object, PyResult, Ref, Tuple, functions, raise, tracemalloc,
};

fn start(py: Attached<'_>, _: &Object, [limit]: [Arg<'_>; 1]) -> PyResult<()> {
    let limit = limit.map_or(Ok(1), |limit| limit.as_i32(py))?;
    match usize::try_from(limit) {
        Ok(limit @ 1..=tracemalloc::MAX_FRAMES) => {
            tracemalloc::start(limit);
            Ok(())
        }
        _ => Err(raise!(py, ValueError, "the number of frames must be in range [1; {}]", tracemalloc::MAX_FRAMES)),
    }
}

fn memory(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let (now, peak) = tracemalloc::memory();
    Tuple::pair(py, now.into_object(py)?, peak.into_object(py)?)
}

fn traces(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    tracemalloc::traces(py)
}

fn object_traceback(py: Attached<'_>, _: &Object, object: &Object) -> PyResult<Option<Ref<Tuple>>> {
    tracemalloc::traceback_of_object(py, object.as_ptr())
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(
        py,
        functions! {
            noargs "is_tracing" => |_: Attached<'_>, _: &Object| tracemalloc::is_on(), "($module, /)", "Whether memory is traced.";
            noargs "clear_traces" => |py: Attached<'_>, _: &Object| tracemalloc::clear(py), "($module, /)", "Forget the traces collected so far.";
            noargs "_get_traces" => traces, "($module, /)", "All traces: a list of tuples (domain, size, frames, number of all frames).";
            o "_get_object_traceback" => object_traceback, "($module, obj, /)", "The frames in which an object was made, or None.";
            sig "start" => start, "($module, nframe=1, /)", "Begin to trace memory, with up to nframe frames for each block.";
            noargs "stop" => |py: Attached<'_>, _: &Object| tracemalloc::stop(py), "($module, /)", "Stop tracing and forget the traces.";
            noargs "get_traceback_limit" => |_: Attached<'_>, _: &Object| tracemalloc::limit(), "($module, /)", "How many frames a traceback has at most.";
            noargs "get_tracemalloc_memory" => |_: Attached<'_>, _: &Object| tracemalloc::own_memory(), "($module, /)", "How many bytes the traces take.";
            noargs "get_traced_memory" => memory, "($module, /)", "How many bytes are in use, and how many were at most: a tuple.";
            noargs "reset_peak" => |_: Attached<'_>, _: &Object| tracemalloc::reset_peak(), "($module, /)", "Let the peak be what is in use now.";
        },
    )
}
