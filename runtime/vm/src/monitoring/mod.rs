//! Monitoring of running code: `sys.monitoring` (PEP 669), with `sys.settrace` and `sys.setprofile` on top of it.
//!
//! Eight tools may watch events: six of Python code, one for profile functions and one for trace functions. Which tool
//! wants which event is kept for each interpreter and for each code object. Code that runs while somebody watches is
//! instrumented ([`marks`]): its instructions get instrumented opcodes, whose handlers call [`fire`]. Code is brought
//! up to date when a frame begins or resumes and when events change while it is on a stack.
//!
//! A thread's breaker has a version above its events while any tool watches the whole interpreter, so that `RESUME`
//! looks whether its code is up to date.
//!
//! Concurrency: masks are single atomic bytes; a thread that runs code while another one changes events sees either
//! state for each event. Changing events is serialised by a lock, and stops the world to look at other stacks.
pub mod marks;
pub mod module;

use crate::exec::Exec;
use crate::frame::Frame;
use crate::interp::{Interpreter, current};
use krait_bytecode::Opcode;
use krait_object::layout::{Field, PyMonitoringState};
use krait_object::{Attached, BaseException, Code, Int, Layout, Object, PyResult, Raised, Ref, Slot, exc, raise};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

pub const TOOLS: usize = 8;
/// Tools that Python code may use.
pub const PYTHON_TOOLS: usize = 6;
/// The tool behind `sys.setprofile`.
pub const PROFILE_TOOL: usize = 6;
/// The tool behind `sys.settrace`.
pub const TRACE_TOOL: usize = 7;

/// What may be watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Event {
    PyStart,
    PyResume,
    PyReturn,
    PyYield,
    Call,
    Line,
    Instruction,
    Jump,
    BranchLeft,
    BranchRight,
    StopIteration,
    Raise,
    ExceptionHandled,
    PyUnwind,
    PyThrow,
    Reraise,
    CReturn,
    CRaise,
    Branch,
}

/// Events of single instructions, which code objects may watch too.
pub const LOCAL_EVENTS: usize = 11;
/// Events that may be watched by themselves.
pub const UNGROUPED_EVENTS: usize = 16;
/// All events; the last one stands for both directions of a branch.
pub const EVENTS: usize = 19;

/// Names of the events, by number.
pub const EVENT_NAMES: [&str; EVENTS] = [
    "PY_START",
    "PY_RESUME",
    "PY_RETURN",
    "PY_YIELD",
    "CALL",
    "LINE",
    "INSTRUCTION",
    "JUMP",
    "BRANCH_LEFT",
    "BRANCH_RIGHT",
    "STOP_ITERATION",
    "RAISE",
    "EXCEPTION_HANDLED",
    "PY_UNWIND",
    "PY_THROW",
    "RERAISE",
    "C_RETURN",
    "C_RAISE",
    "BRANCH",
];

/// `what_event` of a thread that reports nothing.
pub const NO_EVENT: i32 = -1;

/// What an interpreter knows about its tools.
pub struct Monitoring {
    /// Grows whenever the events change.
    version: AtomicU64,
    /// The version at which disabled places were enabled again.
    restarted: AtomicU64,
    /// The version at which each tool was cleared.
    cleared: [AtomicU64; TOOLS],
    /// For each event, the tools that watch the whole interpreter.
    global: [Field<u8>; UNGROUPED_EVENTS],
    names: [Slot; PYTHON_TOOLS],
    callbacks: [[Slot; EVENTS]; PYTHON_TOOLS],
    /// For each tool, whether its callbacks of either direction of a branch were given for `BRANCH`.
    legacy: [Field<u8>; PYTHON_TOOLS],
    lock: std::sync::Mutex<()>,
}

impl Monitoring {
    pub fn new() -> Self {
        Monitoring {
            version: AtomicU64::new(1),
            restarted: AtomicU64::new(0),
            cleared: [const { AtomicU64::new(0) }; TOOLS],
            global: [const { Field::new(0) }; UNGROUPED_EVENTS],
            names: [const { Slot::NULL }; PYTHON_TOOLS],
            callbacks: [const { [const { Slot::NULL }; EVENTS] }; PYTHON_TOOLS],
            legacy: [const { Field::new(0) }; PYTHON_TOOLS],
            lock: std::sync::Mutex::new(()),
        }
    }

    /// The tools that watch an event in the whole interpreter.
    #[inline]
    pub fn watchers(&self, event: Event) -> u8 {
        self.global.get(event as usize).map_or(0, Field::get)
    }

    /// Whether any tool watches the whole interpreter.
    pub fn is_active(&self) -> bool {
        self.global.iter().any(|tools| tools.get() != 0)
    }

    #[inline]
    fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    fn events_of(&self, tool: usize) -> u32 {
        self.global
            .iter()
            .enumerate()
            .filter(|(_, tools)| tools.get() >> tool & 1 != 0)
            .fold(0, |set, (event, _)| set | 1 << event)
    }

    fn store_events(&self, tool: usize, events: u32) {
        for (event, tools) in self.global.iter().enumerate() {
            let bit = 1 << tool;
            let now = tools.get() & !bit;
            tools.set(if events >> event & 1 != 0 { now | bit } else { now });
        }
    }

    /// Drops names and callbacks when the interpreter ends.
    pub fn clear(&self) {
        for slot in self.names.iter().chain(self.callbacks.iter().flatten()) {
            drop(slot.take());
        }
        for tools in &self.global {
            tools.set(0);
        }
    }
}

impl Default for Monitoring {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes a tool watch these events in the whole interpreter.
pub fn set_events(py: Attached<'_>, tool: usize, events: u32) {
    let interpreter = current(py);
    let monitoring = &interpreter.monitoring;
    {
        let _guard = monitoring.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if monitoring.events_of(tool) == events {
            return;
        }
        monitoring.store_events(tool, events);
        monitoring.version.fetch_add(1, AcqRel);
    }
    changed(py, interpreter);
}

/// Places that were disabled report again.
pub fn restart_events(py: Attached<'_>) {
    let interpreter = current(py);
    let monitoring = &interpreter.monitoring;
    let before = monitoring.version.fetch_add(1, AcqRel);
    monitoring.restarted.store(before, std::sync::atomic::Ordering::Release);
    changed(py, interpreter);
}

/// Brings what runs up to date after a change of events.
fn changed(py: Attached<'_>, interpreter: &Interpreter) {
    interpreter.set_instrumented(interpreter.monitoring.is_active());
    // Code on a stack is found while the world is stopped, and kept alive by its frame until it is instrumented.
    let mut found: Vec<Ref<Code>> = Vec::new();
    interpreter.stop_the_world(py, &mut || {
        interpreter.visit_threads(&mut |thread| {
            let mut at: *mut Frame = thread.public.current_frame.get().cast();
            // SAFETY: frames of a stopped (or the own) thread are live.
            while let Some(frame) = unsafe { at.as_ref() } {
                if frame.owner() != krait_object::layout::FRAME_OWNED_BY_INTERPRETER {
                    let code = frame.code();
                    if !found.iter().any(|other| std::ptr::eq(&**other, code)) {
                        found.push(code.to_ref());
                    }
                }
                at = frame.previous();
            }
        });
    });
    for code in &found {
        update(py, code);
    }
}

/// Instruments code as the present events ask for, if that has not been done yet.
#[inline]
pub fn update(py: Attached<'_>, code: &Code) {
    let monitoring = &current(py).monitoring;
    if Exec::marks(code).is_some_and(|marks| marks.is_current(monitoring)) {
        return;
    }
    Exec::instrument(code, monitoring, false);
}

/// The tools that watch an event of a running instruction.
#[inline]
pub fn tools_at(frame: &Frame, unit: usize) -> u8 {
    Exec::marks(frame.code()).map_or(0, |marks| marks.tools(unit))
}

/// An event of the instruction at `unit`.
pub struct Site<'a> {
    pub frame: &'a Frame,
    pub unit: usize,
    pub event: Event,
}

impl Site<'_> {
    /// Tells the tools about the event. Arguments of callbacks are the code, `first` (the offset by default) and `rest`.
    ///
    /// # Errors
    /// What a callback raised.
    #[cold]
    pub fn fire(&self, py: Attached<'_>, mut tools: u8, first: Option<i32>, rest: &[&Object]) -> PyResult<()> {
        let tstate = py.tstate();
        if tools == 0 || tstate.tracing.get() != 0 {
            return Ok(());
        }
        let code = self.frame.code();
        let before = tstate.what_event.get();
        tstate.what_event.set(self.event as i32);
        let outer = py.ext().event_frame.get();
        py.ext().event_frame.set((&raw const self.frame.0).cast_mut());
        let result = (|| {
            let first = Int::from_i64(py, i64::from(first.unwrap_or(self.unit as i32 * 2)))?;
            let mut args: Vec<&Object> = vec![code.as_object(), first.as_object()];
            args.extend(rest);
            while tools != 0 {
                let tool = 7 - tools.leading_zeros() as usize;
                tools &= !(1 << tool);
                if tool >= PYTHON_TOOLS {
                    crate::tracing::report_event(py, tool == PROFILE_TOOL, self, rest)?;
                } else {
                    self.call(py, tool, &args)?;
                }
            }
            Ok(())
        })();
        py.ext().event_frame.set(outer);
        tstate.what_event.set(before);
        result
    }

    fn call(&self, py: Attached<'_>, tool: usize, args: &[&Object]) -> PyResult<()> {
        let monitoring = &current(py).monitoring;
        let tstate = py.tstate();
        let Some(callback) = monitoring.callbacks[tool][self.event as usize].get() else { return Ok(()) };
        let branch = matches!(self.event, Event::BranchLeft | Event::BranchRight);
        let legacy = branch && monitoring.legacy[tool].get() & direction(self.event) != 0;
        tstate.tracing.set(tstate.tracing.get() + 1);
        let result = callback.call_pos(py, args);
        tstate.tracing.set(tstate.tracing.get() - 1);
        let result = result?;
        if !result.is(module::disable(py)?.as_object()) {
            return Ok(());
        }
        if (self.event as usize) < LOCAL_EVENTS {
            if let Some(marks) = Exec::marks(self.frame.code()) {
                let exec = Exec::of(self.frame.code());
                if legacy {
                    for unit in marks.directions(self.unit) {
                        marks.disable(exec, unit, Event::BranchLeft, tool);
                    }
                }
                marks.disable(exec, self.unit, self.event, tool);
            }
            return Ok(());
        }
        drop(monitoring.callbacks[tool][self.event as usize].take());
        let name = EVENT_NAMES[self.event as usize];
        Err(raise!(py, ValueError, "Cannot disable {name} events. Callback removed."))
    }
}

/// The bit of a direction in [`Monitoring::legacy`].
fn direction(event: Event) -> u8 {
    if event == Event::BranchLeft { 1 } else { 2 }
}

/// Reports an event about the pending exception, which stays pending unless a callback raises another one.
pub fn fire_exception(py: Attached<'_>, frame: &Frame, unit: usize, event: Event) {
    let tools = current(py).monitoring.watchers(event);
    if tools == 0 || py.tstate().tracing.get() != 0 {
        return;
    }
    let Some(exception) = py.take_raised() else { return };
    fire_with(py, frame, unit, event, tools, &exception);
    if py.pending().is_none() {
        let _raised = py.restore(exception);
    }
}

/// As [`fire_exception`] with the exception at hand and none pending. A callback's own is pending afterwards.
fn fire_with(py: Attached<'_>, frame: &Frame, unit: usize, event: Event, tools: u8, exception: &BaseException) {
    let site = Site { frame, unit, event };
    let _raised = site.fire(py, tools, None, &[exception.as_object()]);
}

/// A generator that was delegated to returned a value: `StopIteration` without an exception.
///
/// # Errors
/// What a callback raised.
pub fn fire_stop(py: Attached<'_>, frame: &Frame, unit: usize, tools: u8, value: &Object) -> PyResult<()> {
    let raised = crate::generator::raise_stop(py, value);
    let exception = raised.take(py);
    Site { frame, unit, event: Event::StopIteration }.fire(py, tools, None, &[exception.as_object()])
}

/// Something that the current `SEND` sent to has raised `StopIteration`.
#[cold]
pub fn note_stop(py: Attached<'_>, raised: &Raised) {
    if current(py).monitoring.watchers(Event::Raise) == 0 || !raised.matches(py, exc::StopIteration()) {
        return;
    }
    let Some(frame) = Frame::current(py) else { return };
    let unit = frame.lasti();
    let op = frame.code().code().get(2 * unit).copied().and_then(Opcode::from_u8);
    if op.is_some_and(|op| op.base() == Opcode::SEND) {
        fire_exception(py, frame, unit, Event::Raise);
    }
}

/// Brings what native code keeps about its events up to date (`PyMonitoring_EnterScope`).
pub fn enter_scope(py: Attached<'_>, states: &[PyMonitoringState], events: &[u8], version: &mut u64) {
    let monitoring = &current(py).monitoring;
    let now = monitoring.version();
    if *version == now {
        return;
    }
    for (state, event) in states.iter().zip(events) {
        state.active.set(monitoring.global.get(usize::from(*event)).map_or(0, Field::get));
    }
    *version = now;
}

/// Fires an event of a function that native code runs. `first` is the offset by default.
///
/// # Errors
/// What a callback raised.
pub fn fire_from_native(
    py: Attached<'_>,
    state: &PyMonitoringState,
    code: &Object,
    offset: i32,
    event: Event,
    first: Option<i32>,
    rest: &[&Object],
) -> PyResult<()> {
    let tstate = py.tstate();
    if tstate.tracing.get() != 0 {
        return Ok(());
    }
    if offset < 0 {
        return Err(raise!(py, ValueError, "offset must be non-negative"));
    }
    let first = Int::from_i64(py, i64::from(first.unwrap_or(offset)))?;
    let mut args: Vec<&Object> = vec![code, first.as_object()];
    args.extend(rest);
    let monitoring = &current(py).monitoring;
    let mut tools = state.active.get() & ((1 << PYTHON_TOOLS) - 1);
    while tools != 0 {
        let tool = 7 - tools.leading_zeros() as usize;
        tools &= !(1 << tool);
        let Some(callback) = monitoring.callbacks[tool][event as usize].get() else { continue };
        tstate.tracing.set(tstate.tracing.get() + 1);
        let result = callback.call_pos(py, &args);
        tstate.tracing.set(tstate.tracing.get() - 1);
        if !result?.is(module::disable(py)?.as_object()) {
            continue;
        }
        if (event as usize) >= LOCAL_EVENTS {
            drop(monitoring.callbacks[tool][event as usize].take());
            let name = EVENT_NAMES[event as usize];
            return Err(raise!(py, ValueError, "Cannot disable {name} events. Callback removed."));
        }
        state.active.set(state.active.get() & !(1 << tool));
    }
    Ok(())
}

/// As [`fire_from_native`] for an event about the pending exception, which stays pending.
///
/// # Errors
/// What a callback raised; `ValueError` without an exception.
pub fn fire_exception_from_native(
    py: Attached<'_>,
    state: &PyMonitoringState,
    code: &Object,
    offset: i32,
    event: Event,
) -> PyResult<()> {
    let Some(exception) = py.take_raised() else {
        return Err(raise!(py, ValueError, "Firing event {} with no exception set", event as u8));
    };
    fire_from_native(py, state, code, offset, event, None, &[exception.as_object()])?;
    let _raised = py.restore(exception);
    Ok(())
}
