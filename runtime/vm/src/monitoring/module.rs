//! The functions of `sys.monitoring`.
use super::{EVENT_NAMES, EVENTS, Event, LOCAL_EVENTS, PYTHON_TOOLS, UNGROUPED_EVENTS, restart_events, set_events};
use crate::exec::Exec;
use crate::interp::{Interpreter, current};
use krait_object::{
    Attached, Code, Dict, IntoObject, Layout, Module, Object, PyResult, Ref, Str, functions, mode, raise,
};
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

const C_EVENTS: u32 = 1 << Event::CReturn as u32 | 1 << Event::CRaise as u32;
const CALL_EVENTS: u32 = C_EVENTS | 1 << Event::Call as u32;
const BRANCH: u32 = 1 << Event::Branch as u32;
const DIRECTIONS: u32 = 1 << Event::BranchLeft as u32 | 1 << Event::BranchRight as u32;

/// A plain object that lives as long as the process.
fn sentinel(py: Attached<'_>, place: &AtomicPtr<Object>) -> PyResult<&'static Object> {
    // SAFETY: [immortal]: never freed once made.
    if let Some(found) = unsafe { place.load(Acquire).as_ref() } {
        return Ok(found);
    }
    let made = Object::type_object().as_object().call0(py)?;
    mode::make_immortal(&made);
    let raw = made.into_raw().cast::<Object>();
    let raw = match place.compare_exchange(null_mut(), raw, AcqRel, Acquire) {
        Ok(_) => raw,
        Err(other) => other,
    };
    // SAFETY: as above.
    Ok(unsafe { &*raw })
}

/// `sys.monitoring.DISABLE`.
///
/// # Errors
/// `MemoryError`.
pub fn disable(py: Attached<'_>) -> PyResult<&'static Object> {
    static DISABLE: AtomicPtr<Object> = AtomicPtr::new(null_mut());
    sentinel(py, &DISABLE)
}

/// `sys.monitoring.MISSING`.
///
/// # Errors
/// `MemoryError`.
pub fn missing(py: Attached<'_>) -> PyResult<&'static Object> {
    static MISSING: AtomicPtr<Object> = AtomicPtr::new(null_mut());
    sentinel(py, &MISSING)
}

fn tool_of(py: Attached<'_>, tool: &Object) -> PyResult<usize> {
    let tool = tool.as_i32(py)?;
    match usize::try_from(tool) {
        Ok(tool) if tool < PYTHON_TOOLS => Ok(tool),
        _ => Err(raise!(py, ValueError, "invalid tool {tool} (must be between 0 and 5)")),
    }
}

fn used_tool(py: Attached<'_>, tool: &Object) -> PyResult<usize> {
    let tool = tool_of(py, tool)?;
    if current(py).monitoring.names[tool].is_null() {
        return Err(raise!(py, ValueError, "tool {tool} is not in use"));
    }
    Ok(tool)
}

fn use_tool_id(py: Attached<'_>, _: &Object, [tool, name]: [Option<&Object>; 2]) -> PyResult<()> {
    let (Some(tool), Some(name)) = (tool, name) else { return Err(py.bad_internal_call()) };
    let tool = tool_of(py, tool)?;
    if name.downcast::<Str>().is_none() {
        return Err(raise!(py, ValueError, "tool name must be a str"));
    }
    let slot = &current(py).monitoring.names[tool];
    if !slot.is_null() {
        return Err(raise!(py, ValueError, "tool {tool} is already in use"));
    }
    drop(slot.replace(Some(name.to_ref())));
    Ok(())
}

fn clear(py: Attached<'_>, tool: usize) {
    let monitoring = &current(py).monitoring;
    for callback in &monitoring.callbacks[tool] {
        drop(callback.take());
    }
    monitoring.legacy[tool].set(0);
    set_events(py, tool, 0);
    let version = monitoring.version.fetch_add(1, AcqRel) + 1;
    monitoring.cleared[tool].store(version, std::sync::atomic::Ordering::Release);
    super::changed(py, current(py));
}

fn clear_tool_id(py: Attached<'_>, _: &Object, tool: &Object) -> PyResult<()> {
    let tool = tool_of(py, tool)?;
    if !current(py).monitoring.names[tool].is_null() {
        clear(py, tool);
    }
    Ok(())
}

fn free_tool_id(py: Attached<'_>, _: &Object, tool: &Object) -> PyResult<()> {
    let tool = tool_of(py, tool)?;
    if !current(py).monitoring.names[tool].is_null() {
        clear(py, tool);
    }
    drop(current(py).monitoring.names[tool].take());
    Ok(())
}

fn get_tool(py: Attached<'_>, _: &Object, tool: &Object) -> PyResult<Option<Ref<Object>>> {
    Ok(current(py).monitoring.names[tool_of(py, tool)?].get())
}

fn register_callback(
    py: Attached<'_>,
    _: &Object,
    [tool, event, function]: [Option<&Object>; 3],
) -> PyResult<Option<Ref<Object>>> {
    let (Some(tool), Some(event), Some(function)) = (tool, event, function) else {
        return Err(py.bad_internal_call());
    };
    let (tool, set) = (tool_of(py, tool)?, event.as_i32(py)?);
    if set <= 0 || set.count_ones() != 1 {
        return Err(raise!(py, ValueError, "The callback can only be set for one event at a time"));
    }
    let event = set.trailing_zeros() as usize;
    if event >= EVENTS {
        return Err(raise!(py, ValueError, "invalid event {set}"));
    }
    crate::sysmodule::audit_event(py, "sys.monitoring.register_callback", &[function])?;
    let new = || (!function.is_none()).then(|| function.to_ref());
    let monitoring = &current(py).monitoring;
    let (callbacks, legacy) = (&monitoring.callbacks[tool], &monitoring.legacy[tool]);
    if event == Event::Branch as usize {
        legacy.set(3);
        for direction in [Event::BranchLeft, Event::BranchRight] {
            drop(callbacks[direction as usize].replace(new()));
        }
    } else if event == Event::BranchLeft as usize {
        legacy.set(legacy.get() & !1);
    } else if event == Event::BranchRight as usize {
        legacy.set(legacy.get() & !2);
    }
    Ok(callbacks[event].replace(new()))
}

/// A set of events as given by Python code, with the groups resolved.
fn resolve(py: Attached<'_>, set: i32) -> PyResult<u32> {
    let mut events = set as u32;
    if events >> EVENTS != 0 {
        return Err(raise!(py, ValueError, "invalid event set 0x{events:x}"));
    }
    if events & C_EVENTS != 0 && events & CALL_EVENTS != CALL_EVENTS {
        return Err(raise!(py, ValueError, "cannot set C_RETURN or C_RAISE events independently"));
    }
    events &= !C_EVENTS;
    if events & BRANCH != 0 {
        events = events & !BRANCH | DIRECTIONS;
    }
    Ok(events)
}

fn get_events(py: Attached<'_>, _: &Object, tool: &Object) -> PyResult<u32> {
    Ok(current(py).monitoring.events_of(tool_of(py, tool)?))
}

fn set_global(py: Attached<'_>, _: &Object, [tool, set]: [Option<&Object>; 2]) -> PyResult<()> {
    let (Some(tool), Some(set)) = (tool, set) else { return Err(py.bad_internal_call()) };
    let (number, set) = (tool_of(py, tool)?, set.as_i32(py)?);
    let events = resolve(py, set)?;
    used_tool(py, tool)?;
    set_events(py, number, events);
    Ok(())
}

fn code_of<'a>(py: Attached<'_>, code: &'a Object) -> PyResult<&'a Code> {
    code.downcast::<Code>().ok_or_else(|| raise!(py, TypeError, "code must be a code object"))
}

fn get_local_events(py: Attached<'_>, _: &Object, [tool, code]: [Option<&Object>; 2]) -> PyResult<u32> {
    let (Some(tool), Some(code)) = (tool, code) else { return Err(py.bad_internal_call()) };
    let (tool, code) = (tool_of(py, tool)?, code_of(py, code)?);
    Ok(Exec::marks(code).map_or(0, |marks| marks.local_events(tool)))
}

fn set_local(py: Attached<'_>, _: &Object, [tool, code, set]: [Option<&Object>; 3]) -> PyResult<()> {
    let (Some(tool), Some(code), Some(set)) = (tool, code, set) else { return Err(py.bad_internal_call()) };
    let (number, set) = (tool_of(py, tool)?, set.as_i32(py)?);
    let code = code_of(py, code)?;
    let events = resolve(py, set)?;
    if events >> LOCAL_EVENTS != 0 {
        return Err(raise!(py, ValueError, "invalid local event set 0x{events:x}"));
    }
    used_tool(py, tool)?;
    set_local_events(py, number, code, events);
    Ok(())
}

/// Makes a tool watch these events in one code object.
pub fn set_local_events(py: Attached<'_>, tool: usize, code: &Code, events: u32) {
    let monitoring = &current(py).monitoring;
    // What the tool watched before it was cleared is forgotten first.
    let marks = Exec::instrument(code, monitoring, false);
    if marks.local_events(tool) != events {
        marks.set_local_events(tool, events);
        Exec::instrument(code, monitoring, true);
    }
}

fn all_events(py: Attached<'_>, _: &Object) -> PyResult<Ref<Dict>> {
    let dict = Dict::new(py)?;
    for (event, tools) in current(py).monitoring.global.iter().enumerate() {
        if tools.get() != 0 {
            dict.set_str(py, EVENT_NAMES[event], &*tools.get().into_object(py)?)?;
        }
    }
    Ok(dict)
}

/// Makes `sys.monitoring`.
///
/// # Errors
/// `MemoryError`.
pub fn create(py: Attached<'_>) -> PyResult<Ref<Module>> {
    let module = Module::new(py, "sys.monitoring")?;
    module.add_functions(py, functions! {
        sig "use_tool_id" => use_tool_id, "($module, tool_id, name, /)", "Takes a tool identifier into use.";
        o "clear_tool_id" => clear_tool_id, "($module, tool_id, /)", "Removes the tool's callbacks and events.";
        o "free_tool_id" => free_tool_id, "($module, tool_id, /)", "Gives a tool identifier back.";
        o "get_tool" => get_tool, "($module, tool_id, /)", "The name of a tool, or None.";
        sig "register_callback" => register_callback, "($module, tool_id, event, func, /)", "Sets a tool's callback for an event and returns the one before.";
        o "get_events" => get_events, "($module, tool_id, /)", "The events that a tool watches.";
        sig "set_events" => set_global, "($module, tool_id, event_set, /)", "Sets the events that a tool watches.";
        sig "get_local_events" => get_local_events, "($module, tool_id, code, /)", "The events that a tool watches in a code object.";
        sig "set_local_events" => set_local, "($module, tool_id, code, event_set, /)", "Sets the events that a tool watches in a code object.";
        noargs "restart_events" => |py: Attached<'_>, _: &Object| restart_events(py), "($module, /)", "Enables what callbacks have disabled.";
        noargs "_all_events" => all_events, "($module, /)", "The tools of each event that is watched.";
    })?;
    module.add(py, "DISABLE", disable(py)?)?;
    module.add(py, "MISSING", missing(py)?)?;
    let events = Dict::new(py)?;
    for (event, name) in EVENT_NAMES.iter().enumerate() {
        events.set_str(py, name, &*(1u32 << event).into_object(py)?)?;
    }
    events.set_str(py, "NO_EVENTS", &*0.into_object(py)?)?;
    let events = krait_object::namespaceobject::Namespace::new(py, Some(&events))?;
    module.add(py, "events", events.as_object())?;
    for (name, tool) in [("DEBUGGER_ID", 0), ("COVERAGE_ID", 1), ("PROFILER_ID", 2), ("OPTIMIZER_ID", 5)] {
        module.add(py, name, &*tool.into_object(py)?)?;
    }
    Ok(module)
}

/// The interpreter ends: tools hear of nothing any more.
pub fn finish(interpreter: &Interpreter) {
    interpreter.set_instrumented(false);
    interpreter.monitoring.clear();
}

const _: () = assert!(UNGROUPED_EVENTS == Event::CReturn as usize);
