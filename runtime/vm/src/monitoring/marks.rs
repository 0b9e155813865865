//! What instrumented code stands for, and which tools watch each of its instructions.
//!
//! The table is made once for a code object, on its first instrumentation, and kept. Its fixed part (opcodes, lines,
//! places where lines begin) is [frozen]; the masks of tools are atomic bytes. Instrumented opcodes are written after
//! the masks that they stand for.
use super::{Event, LOCAL_EVENTS, Monitoring, TOOLS, UNGROUPED_EVENTS};
use crate::exec::{Exec, Unit};
use krait_bytecode::opcode::MIN_INSTRUMENTED_OPCODE;
use krait_bytecode::{Instruction, Instructions, Opcode};
use krait_object::Code;
use krait_object::layout::Field;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

/// No instruction, or one that reports no event of its own.
const NO_EVENT: u8 = 0xff;
/// A place where a line may begin.
const LINE: u8 = 1;
/// A place from which on there is no line.
const NO_LINE: u8 = 2;
/// An instruction that may report itself.
const INSTRUCTION: u8 = 4;

/// One unit of the code.
struct Mark {
    /// The plain opcode.
    op: u8,
    /// The event of its instrumented form.
    event: u8,
    /// `LINE`, `NO_LINE`, `INSTRUCTION`.
    kind: u8,
    line: i32,
    /// The branch whose direction the instruction reports.
    source: u32,
    event_tools: Field<u8>,
    line_tools: Field<u8>,
    instruction_tools: Field<u8>,
}

/// The table of a code object.
pub struct Marks {
    marks: Box<[Mark]>,
    /// The version of events that the instrumented opcodes follow.
    version: AtomicU64,
    /// The tools that watch each event in this code, in the whole interpreter or only here.
    active: [Field<u8>; UNGROUPED_EVENTS],
    /// The tools that watch each event only here.
    local: [Field<u8>; LOCAL_EVENTS],
    lock: Mutex<()>,
}

/// The event of an instruction, and its instrumented form.
fn instrumented(instruction: &Instruction) -> Option<(Event, Opcode)> {
    Some(match instruction.op.base() {
        Opcode::RESUME if instruction.arg & 3 == 0 => (Event::PyStart, Opcode::INSTRUMENTED_RESUME),
        Opcode::RESUME => (Event::PyResume, Opcode::INSTRUMENTED_RESUME),
        Opcode::RETURN_VALUE => (Event::PyReturn, Opcode::INSTRUMENTED_RETURN_VALUE),
        Opcode::YIELD_VALUE => (Event::PyYield, Opcode::INSTRUMENTED_YIELD_VALUE),
        Opcode::CALL => (Event::Call, Opcode::INSTRUMENTED_CALL),
        Opcode::CALL_KW => (Event::Call, Opcode::INSTRUMENTED_CALL_KW),
        Opcode::CALL_FUNCTION_EX => (Event::Call, Opcode::INSTRUMENTED_CALL_FUNCTION_EX),
        Opcode::LOAD_SUPER_ATTR => (Event::Call, Opcode::INSTRUMENTED_LOAD_SUPER_ATTR),
        Opcode::JUMP_FORWARD => (Event::Jump, Opcode::INSTRUMENTED_JUMP_FORWARD),
        Opcode::JUMP_BACKWARD => (Event::Jump, Opcode::INSTRUMENTED_JUMP_BACKWARD),
        Opcode::POP_JUMP_IF_TRUE => (Event::BranchRight, Opcode::INSTRUMENTED_POP_JUMP_IF_TRUE),
        Opcode::POP_JUMP_IF_FALSE => (Event::BranchRight, Opcode::INSTRUMENTED_POP_JUMP_IF_FALSE),
        Opcode::POP_JUMP_IF_NONE => (Event::BranchRight, Opcode::INSTRUMENTED_POP_JUMP_IF_NONE),
        Opcode::POP_JUMP_IF_NOT_NONE => (Event::BranchRight, Opcode::INSTRUMENTED_POP_JUMP_IF_NOT_NONE),
        Opcode::NOT_TAKEN => (Event::BranchLeft, Opcode::INSTRUMENTED_NOT_TAKEN),
        Opcode::FOR_ITER => (Event::BranchLeft, Opcode::INSTRUMENTED_FOR_ITER),
        Opcode::POP_ITER => (Event::BranchRight, Opcode::INSTRUMENTED_POP_ITER),
        Opcode::END_ASYNC_FOR => (Event::BranchRight, Opcode::INSTRUMENTED_END_ASYNC_FOR),
        Opcode::END_FOR => (Event::StopIteration, Opcode::INSTRUMENTED_END_FOR),
        Opcode::END_SEND => (Event::StopIteration, Opcode::INSTRUMENTED_END_SEND),
        _ => return None,
    })
}

/// The instrumented form of a plain opcode that reports an event.
fn instrumented_opcode(op: u8) -> u8 {
    let op = Opcode::from_u8(op).unwrap_or(Opcode::NOP);
    instrumented(&Instruction { start: 0, offset: 0, op, arg: 0 }).map_or(op as u8, |(_, op)| op as u8)
}

impl Marks {
    /// The table of uninstrumented code.
    pub fn new(code: &Code, handlers: impl Iterator<Item = usize>) -> Self {
        let bytes = code.code();
        let len = bytes.len() / 2;
        let mut lines = code.lines_by_unit();
        lines.resize(len, -1);
        let instructions: Vec<Instruction> = Instructions::new(bytes).collect();
        let mut targets = vec![false; len];
        let jumps = instructions.iter().filter_map(Instruction::jump_target);
        for target in jumps.chain(handlers) {
            if let Some(target) = targets.get_mut(target) {
                *target = true;
            }
        }
        let mut marks: Vec<Mark> = lines
            .iter()
            .enumerate()
            .map(|(unit, line)| Mark {
                source: unit as u32,
                op: 0,
                event: NO_EVENT,
                kind: 0,
                line: *line,
                event_tools: Field::new(0),
                line_tools: Field::new(0),
                instruction_tools: Field::new(0),
            })
            .collect();
        let first = code.raw()._co_firsttraceable.get() as usize;
        let mut previous = -1;
        for instruction in &instructions {
            let (base, line) = (instruction.op.base(), lines[instruction.offset]);
            let mark = &mut marks[instruction.offset];
            mark.op = base as u8;
            mark.event = instrumented(instruction).map_or(NO_EVENT, |(event, _)| event as u8);
            // These are skipped on some way into the line they belong to.
            let skipped = matches!(
                base,
                Opcode::RESUME | Opcode::END_FOR | Opcode::POP_ITER | Opcode::END_SEND | Opcode::END_ASYNC_FOR
            );
            if instruction.offset > first && !matches!(base, Opcode::RESUME | Opcode::END_FOR) {
                mark.kind = INSTRUCTION;
            }
            if instruction.offset < first || skipped {
                continue;
            }
            if line != previous || targets[instruction.start] {
                mark.kind |= if line >= 0 { LINE } else { NO_LINE };
            }
            previous = line;
        }
        find_sources(&instructions, &mut marks);
        Marks {
            marks: marks.into_boxed_slice(),
            version: AtomicU64::new(0),
            active: [const { Field::new(0) }; UNGROUPED_EVENTS],
            local: [const { Field::new(0) }; LOCAL_EVENTS],
            lock: Mutex::new(()),
        }
    }

    /// Whether the instrumented opcodes follow the present events.
    #[inline]
    pub fn is_current(&self, monitoring: &Monitoring) -> bool {
        self.version.load(Acquire) == monitoring.version()
    }

    /// The tools that watch the event of an instruction.
    #[inline]
    pub fn tools(&self, unit: usize) -> u8 {
        self.marks.get(unit).map_or(0, |mark| mark.event_tools.get())
    }

    /// The tools that watch the line that begins at an instruction.
    pub fn line_tools(&self, unit: usize) -> u8 {
        self.marks.get(unit).map_or(0, |mark| mark.line_tools.get())
    }

    /// The tools that watch the instruction itself.
    pub fn instruction_tools(&self, unit: usize) -> u8 {
        self.marks.get(unit).map_or(0, |mark| mark.instruction_tools.get())
    }

    /// Whether a line, or a stretch without one, may begin at a unit.
    pub fn begins_line(&self, unit: usize) -> bool {
        self.marks.get(unit).is_some_and(|mark| mark.kind & (LINE | NO_LINE) != 0)
    }

    /// The branch whose direction is reported at a unit.
    pub fn source(&self, unit: usize) -> usize {
        self.marks.get(unit).map_or(unit, |mark| mark.source as usize)
    }

    /// The places that report a direction of the same branch as `unit`.
    pub fn directions(&self, unit: usize) -> Vec<usize> {
        let source = self.source(unit) as u32;
        let directions = [Event::BranchLeft as u8, Event::BranchRight as u8];
        let marks = self.marks.iter().enumerate();
        marks
            .filter(|(_, mark)| mark.source == source && directions.contains(&mark.event))
            .map(|(unit, _)| unit)
            .collect()
    }

    /// The line of a unit, -1 for none.
    pub fn line(&self, unit: usize) -> i32 {
        self.marks.get(unit).map_or(-1, |mark| mark.line)
    }

    /// What is executed at a unit after its line and the instruction were reported.
    pub fn inner_opcode(&self, unit: usize) -> Option<u8> {
        let mark = self.marks.get(unit)?;
        Some(if self.reports_event(mark) { instrumented_opcode(mark.op) } else { mark.op })
    }

    /// Whether an instruction gets the instrumented opcode of its event.
    fn reports_event(&self, mark: &Mark) -> bool {
        if mark.event == NO_EVENT {
            return false;
        }
        // Code that is watched at all looks for changes whenever it begins or resumes.
        mark.event_tools.get() != 0
            || mark.op == Opcode::RESUME as u8 && self.active.iter().any(|tools| tools.get() != 0)
    }

    /// Events that a tool watches only in this code.
    pub fn local_events(&self, tool: usize) -> u32 {
        self.local
            .iter()
            .enumerate()
            .filter(|(_, tools)| tools.get() >> tool & 1 != 0)
            .fold(0, |set, (event, _)| set | 1 << event)
    }

    /// Sets the events that a tool watches only in this code.
    pub fn set_local_events(&self, tool: usize, events: u32) {
        for (event, tools) in self.local.iter().enumerate() {
            let bit = 1 << tool;
            let now = tools.get() & !bit;
            tools.set(if events >> event & 1 != 0 { now | bit } else { now });
        }
    }

    /// Brings masks and opcodes up to date.
    pub fn refresh(&self, exec: *const Exec, monitoring: &Monitoring, force: bool) {
        let _guard = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (before, now) = (self.version.load(Acquire), monitoring.version());
        if before == now && !force {
            return;
        }
        for tool in 0..TOOLS {
            if before < monitoring.cleared[tool].load(Acquire) {
                self.set_local_events(tool, 0);
            }
        }
        let restarted = before <= monitoring.restarted.load(Acquire);
        let (mut active, mut fresh) = ([0u8; UNGROUPED_EVENTS], [0u8; UNGROUPED_EVENTS]);
        for event in 0..UNGROUPED_EVENTS {
            active[event] = monitoring.global[event].get() | self.local.get(event).map_or(0, Field::get);
            fresh[event] = if restarted { active[event] } else { active[event] & !self.active[event].get() };
            self.active[event].set(active[event]);
        }
        for mark in &self.marks {
            let renew = |tools: &Field<u8>, event: usize| tools.set(tools.get() & active[event] | fresh[event]);
            if mark.event != NO_EVENT {
                renew(&mark.event_tools, mark.event as usize);
            }
            if mark.kind & LINE != 0 {
                renew(&mark.line_tools, Event::Line as usize);
            }
            if mark.kind & INSTRUCTION != 0 {
                renew(&mark.instruction_tools, Event::Instruction as usize);
            }
        }
        self.version.store(now, Release);
        self.write_all(exec);
    }

    fn write_all(&self, exec: *const Exec) {
        let lines = self.marks.iter().any(|mark| mark.line_tools.get() != 0);
        for (unit, mark) in self.marks.iter().enumerate() {
            if mark.op != 0 {
                self.write(exec, unit, mark, lines);
            }
        }
    }

    /// Gives a unit the opcode that its masks ask for. `lines`: whether any line of the code is watched.
    fn write(&self, exec: *const Exec, unit: usize, mark: &Mark, lines: bool) {
        let wanted = if mark.line_tools.get() != 0 || lines && mark.kind & NO_LINE != 0 {
            Some(Opcode::INSTRUMENTED_LINE as u8)
        } else if mark.instruction_tools.get() != 0 {
            Some(Opcode::INSTRUMENTED_INSTRUCTION as u8)
        } else if self.reports_event(mark) {
            Some(instrumented_opcode(mark.op))
        } else {
            None
        };
        // SAFETY: an instruction of the code that `exec` runs.
        let op = &unsafe { &*Exec::units(exec).add(unit) as &Unit }.op;
        match wanted {
            Some(wanted) => op.store(wanted, Release),
            None if op.get() >= MIN_INSTRUMENTED_OPCODE => op.store(mark.op, Release),
            None => {}
        }
    }

    /// A tool does not want to hear of an instruction's event any more.
    pub fn disable(&self, exec: *const Exec, unit: usize, event: Event, tool: usize) {
        let _guard = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(mark) = self.marks.get(unit) else { return };
        let tools = match event {
            Event::Line => &mark.line_tools,
            Event::Instruction => &mark.instruction_tools,
            _ => &mark.event_tools,
        };
        tools.set(tools.get() & !(1 << tool));
        if event == Event::Line && !self.marks.iter().any(|mark| mark.line_tools.get() != 0) {
            self.write_all(exec);
        } else {
            self.write(exec, unit, mark, true);
        }
    }
}

/// Notes the branch of each place that reports a direction somewhere else than at the branch.
fn find_sources(instructions: &[Instruction], marks: &mut [Mark]) {
    let mut previous = 0;
    for instruction in instructions {
        let (at, target) = (instruction.offset, instruction.jump_target());
        match instruction.op.base() {
            Opcode::NOT_TAKEN => marks[at].source = previous as u32,
            Opcode::END_ASYNC_FOR => marks[at].source = target.unwrap_or(at) as u32,
            // An exhausted loop goes on behind its END_FOR.
            Opcode::FOR_ITER => {
                if let Some(mark) = target.and_then(|target| marks.get_mut(target + 1)) {
                    mark.source = at as u32;
                }
            }
            _ => {}
        }
        previous = at;
    }
}
