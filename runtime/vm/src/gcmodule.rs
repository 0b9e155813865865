//! `gc`.
use krait_object::args::Args;
use krait_object::gc::{self, Generation};
use krait_object::{
    Attached, Dict, Int, IntoObject, List, Module, Object, PyResult, Ref, Str, Tuple, functions, raise,
};
use std::sync::atomic::Ordering::Relaxed;

fn enable(py: Attached<'_>, _: &Object) {
    py.state().gc.enabled.store(true, Relaxed);
}

fn disable(py: Attached<'_>, _: &Object) {
    py.state().gc.enabled.store(false, Relaxed);
}

fn is_enabled(py: Attached<'_>, _: &Object) -> bool {
    py.state().gc.enabled.load(Relaxed)
}

fn collect(py: Attached<'_>, _: &Object, [generation]: [Option<&Object>; 1]) -> PyResult<usize> {
    let generation = match generation.map_or(Ok(2), |generation| generation.as_i32(py))? {
        0 => Generation::Young,
        1 => Generation::Middle,
        2 => Generation::Full,
        _ => return Err(raise!(py, ValueError, "invalid generation")),
    };
    callbacks(py, "start", generation, gc::Collected::default())?;
    let found = gc::collect(py, generation);
    callbacks(py, "stop", generation, found)?;
    Ok(found.collected + found.uncollectable)
}

/// Calls `gc.callbacks` around an explicit collection.
fn callbacks(py: Attached<'_>, phase: &str, generation: Generation, found: gc::Collected) -> PyResult<()> {
    let Some(list) = py.state().gc.callbacks.get().and_then(|list| list.downcast::<List>().ok()) else { return Ok(()) };
    if list.is_empty() {
        return Ok(());
    }
    let info = Dict::new(py)?;
    for (name, value) in
        [("generation", generation as usize), ("collected", found.collected), ("uncollectable", found.uncollectable)]
    {
        let value = value.into_object(py)?;
        info.set_str(py, name, &value)?;
    }
    let phase = phase.into_object(py)?;
    for callback in list.to_vec(py)? {
        if callback.call_pos(py, &[&phase, krait_object::Layout::as_object(&*info)]).is_err() {
            crate::sysmodule::report_unraisable(py, None, Some(&callback));
        }
    }
    Ok(())
}

/// At the end: warns of objects that could not be collected, and shows them if `gc.DEBUG_UNCOLLECTABLE` is set.
pub fn report_garbage(py: Attached<'_>) {
    let state = &py.state().gc;
    let debug = state.debug.load(Relaxed);
    let Some(garbage) = state.garbage.get().and_then(|list| list.downcast::<List>().ok()) else { return };
    if garbage.is_empty() || debug & gc::DEBUG_SAVEALL != 0 {
        return;
    }
    let show = debug & gc::DEBUG_UNCOLLECTABLE != 0;
    let hint = if show { "" } else { "; use gc.set_debug(gc.DEBUG_UNCOLLECTABLE) to list them" };
    let message = format!("gc: {} uncollectable objects at shutdown{hint}", garbage.len());
    let warned = Str::new(py, "gc").and_then(|name| {
        crate::warnings::warn_explicit(py, krait_object::exc::ResourceWarning(), &message, &name, 0, Some(&name))
    });
    if warned.is_err() {
        crate::sysmodule::report_unraisable(py, None, None);
    }
    if show {
        match krait_object::Layout::as_object(&*garbage).repr(py) {
            Ok(text) => eprintln!("      {text}"),
            Err(_) => crate::sysmodule::report_unraisable(py, None, Some(krait_object::Layout::as_object(&*garbage))),
        }
    }
}

fn get_count(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let state = &py.state().gc;
    let young = (state.count.load(Relaxed).max(0) + py.ext().gc_allocations.get() as isize).max(0);
    let (first, second) = (state.young_collections.load(Relaxed), state.middle_collections.load(Relaxed));
    Tuple::from_vec(py, vec![young.into_object(py)?, first.into_object(py)?, second.into_object(py)?])
}

fn get_threshold(py: Attached<'_>, _: &Object) -> PyResult<Ref<Tuple>> {
    let thresholds = &py.state().gc.thresholds;
    let values = thresholds.iter().map(|one| one.load(Relaxed).into_object(py)).collect::<PyResult<Vec<_>>>()?;
    Tuple::from_vec(py, values)
}

fn set_threshold(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<()> {
    let pos = args.unpack(py, "set_threshold", 1, 3)?;
    for (slot, value) in py.state().gc.thresholds.iter().zip(pos) {
        slot.store(value.as_i32(py)?.max(0) as usize, Relaxed);
    }
    Ok(())
}

fn get_debug(py: Attached<'_>, _: &Object) -> u32 {
    py.state().gc.debug.load(Relaxed)
}

fn set_debug(py: Attached<'_>, _: &Object, flags: &Object) -> PyResult<()> {
    py.state().gc.debug.store(flags.as_i32(py)? as u32, Relaxed);
    Ok(())
}

fn get_objects(py: Attached<'_>, _: &Object, [generation]: [Option<&Object>; 1]) -> PyResult<Ref<List>> {
    if let Some(generation) = generation.filter(|generation| !generation.is_none()) {
        match generation.as_isize(py)? {
            0..=2 => {}
            negative if negative < 0 => return Err(raise!(py, ValueError, "generation parameter cannot be negative")),
            _ => {
                return Err(raise!(
                    py,
                    ValueError,
                    "generation parameter must be less than the number of available generations (3)"
                ));
            }
        }
    }
    List::from_vec(py, gc::objects(py)?)
}

fn get_referents(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<List>> {
    args.no_keywords(py, "get_referents")?;
    List::from_vec(py, args.pos.iter().flat_map(|object| gc::referents(object)).collect())
}

fn get_referrers(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<List>> {
    args.no_keywords(py, "get_referrers")?;
    List::from_vec(py, gc::referrers(py, args.pos)?)
}

fn is_tracked(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    gc::is_tracked(object)
}

fn is_finalized(_: Attached<'_>, _: &Object, object: &Object) -> bool {
    gc::is_finalized(object)
}

fn freeze(py: Attached<'_>, _: &Object) -> PyResult<()> {
    gc::freeze(py)
}

fn unfreeze(py: Attached<'_>, _: &Object) {
    gc::unfreeze(py);
}

fn get_freeze_count(py: Attached<'_>, _: &Object) -> usize {
    py.state().gc.frozen.lock().expect("no panic under this lock").len()
}

fn get_stats(py: Attached<'_>, _: &Object) -> PyResult<Ref<List>> {
    let stats = *py.state().gc.stats.lock().expect("no panic under this lock");
    let mut list = Vec::new();
    for one in stats {
        let dict = Dict::new(py)?;
        for (name, value) in
            [("collections", one.collections), ("collected", one.collected), ("uncollectable", one.uncollectable)]
        {
            let value = value.into_object(py)?;
            dict.set_str(py, name, &value)?;
        }
        list.push(dict.upcast());
    }
    List::from_vec(py, list)
}

/// Fills `gc`.
///
/// # Errors
/// `MemoryError`.
pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    module.add_functions(py, functions! {
        noargs "enable" => enable, "($module, /)", "Turns automatic collection on.";
        noargs "disable" => disable, "($module, /)", "Turns automatic collection off.";
        noargs "isenabled" => is_enabled, "($module, /)", "Whether automatic collection is on.";
        sig "collect" => collect, "($module, /, generation=2)", "Collects garbage; how many unreachable objects were found.";
        noargs "get_count" => get_count, "($module, /)", "The collection counts.";
        noargs "get_threshold" => get_threshold, "($module, /)", "The collection thresholds.";
        raw "set_threshold" => set_threshold, "", "set_threshold(threshold0, [threshold1, [threshold2]])\n\nSets the collection thresholds; zero turns collection off.";
        noargs "get_debug" => get_debug, "($module, /)", "The debugging flags.";
        o "set_debug" => set_debug, "($module, flags, /)", "Sets the debugging flags.";
        sig "get_objects" => get_objects, "($module, /, generation=None)", "All objects that the collector visits.";
        raw "get_referents" => get_referents, "($module, /, *objs)", "get_referents(*objs) -> list\n\nWhat the objects refer to directly.";
        raw "get_referrers" => get_referrers, "($module, /, *objs)", "get_referrers(*objs) -> list\n\nThe objects that refer to any of the arguments directly.";
        o "is_tracked" => is_tracked, "($module, obj, /)", "Whether the collector visits an object.";
        o "is_finalized" => is_finalized, "($module, obj, /)", "Whether an object's finalizer has run.";
        noargs "freeze" => freeze, "($module, /)", "Leaves all present objects out of later collections.";
        noargs "unfreeze" => unfreeze, "($module, /)", "Undoes freeze().";
        noargs "get_freeze_count" => get_freeze_count, "($module, /)", "How many objects are left out.";
        noargs "get_stats" => get_stats, "($module, /)", "Statistics of each generation.";
    })?;
    let state = &py.state().gc;
    for (name, slot) in [("garbage", &state.garbage), ("callbacks", &state.callbacks)] {
        let list = List::new(py)?;
        drop(slot.replace(Some(list.clone().upcast())));
        module.add(py, name, krait_object::Layout::as_object(&*list))?;
    }
    for (name, value) in [
        ("DEBUG_STATS", 1),
        ("DEBUG_COLLECTABLE", 2),
        ("DEBUG_UNCOLLECTABLE", 4),
        ("DEBUG_SAVEALL", 32),
        ("DEBUG_LEAK", 38),
    ] {
        module.add(py, name, krait_object::Layout::as_object(&*Int::from_i64(py, value)?))?;
    }
    Ok(())
}
