//! `frame.f_lineno = line`: makes a traced frame go on at another line.
//!
//! What is on the stack at each instruction is found by following all paths through the code. The frame may go on at
//! the start of a line whose stack is a part of the present one, kind by kind: a loop's iterator or a handled
//! exception may be left, but not made up.
use crate::frame::Frame;
use crate::frameobject::FrameObject;
use crate::monitoring::{Event, NO_EVENT};
use crate::stackref::StackRef;
use krait_bytecode::{ExceptionEntry, Instruction, Instructions, Opcode, exception_table};
use krait_object::hooks::hooks;
use krait_object::{Attached, Code, Int, Object, PyResult, Ref, exc, none, raise};

/// What a word of the stack is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Object,
    Null,
    Iterator,
    /// An exception that is handled, or was before.
    Except,
    /// The position to raise at again.
    Position,
}

/// Deeper stacks are not followed.
const MAX_DEPTH: usize = 200;

/// The kinds on the stack before each unit; `None` where control does not get.
fn stacks(code: &Code) -> Vec<Option<Vec<Kind>>> {
    let bytes = code.code();
    let len = bytes.len() / 2;
    let instructions: Vec<Instruction> = Instructions::new(bytes).collect();
    let mut index = vec![usize::MAX; len];
    for (at, instruction) in instructions.iter().enumerate() {
        index[instruction.start..=instruction.offset].fill(at);
    }
    let entries = exception_table::decode(code.exceptiontable().as_slice());
    let mut known: Vec<Option<Vec<Kind>>> = vec![None; len];
    let mut work = vec![(0, Vec::new())];
    while let Some((unit, stack)) = work.pop() {
        let Some(&at) = index.get(unit) else { continue };
        if at == usize::MAX || stack.len() > MAX_DEPTH {
            continue;
        }
        let instruction = &instructions[at];
        if known[instruction.offset].is_some() {
            continue;
        }
        known[instruction.start..=instruction.offset].fill(Some(stack.clone()));
        if let Some(handler) = exception_table::lookup(&entries, instruction.offset as u32) {
            work.push((handler.target as usize, handler_stack(handler, &stack)));
        }
        follow(instruction, stack, &mut work);
    }
    known
}

fn handler_stack(handler: &ExceptionEntry, stack: &[Kind]) -> Vec<Kind> {
    let mut stack = stack[..stack.len().min(handler.depth as usize)].to_vec();
    if handler.lasti {
        stack.push(Kind::Position);
    }
    stack.push(Kind::Except);
    stack
}

/// Puts the places that control reaches from an instruction on the list.
fn follow(instruction: &Instruction, mut stack: Vec<Kind>, work: &mut Vec<(usize, Vec<Kind>)>) {
    let (op, arg, next) = (instruction.op.base(), instruction.arg, instruction.end());
    let pop = |stack: &mut Vec<Kind>, count: usize| stack.truncate(stack.len().saturating_sub(count));
    match op {
        Opcode::JUMP_FORWARD | Opcode::JUMP_BACKWARD | Opcode::JUMP_BACKWARD_NO_INTERRUPT => {
            return work.extend(instruction.jump_target().map(|target| (target, stack)));
        }
        Opcode::RETURN_VALUE | Opcode::RAISE_VARARGS | Opcode::RERAISE | Opcode::INTERPRETER_EXIT => return,
        Opcode::POP_JUMP_IF_TRUE
        | Opcode::POP_JUMP_IF_FALSE
        | Opcode::POP_JUMP_IF_NONE
        | Opcode::POP_JUMP_IF_NOT_NONE => pop(&mut stack, 1),
        Opcode::FOR_ITER | Opcode::GET_ANEXT | Opcode::WITH_EXCEPT_START => stack.push(Kind::Object),
        Opcode::GET_ITER | Opcode::GET_AITER => {
            pop(&mut stack, 1);
            stack.push(Kind::Iterator);
        }
        Opcode::PUSH_EXC_INFO => stack.push(Kind::Except),
        Opcode::CHECK_EXC_MATCH => {
            pop(&mut stack, 1);
            stack.push(Kind::Object);
        }
        Opcode::SEND | Opcode::CHECK_EG_MATCH => {}
        Opcode::END_ASYNC_FOR => pop(&mut stack, 2),
        Opcode::LOAD_FAST_AND_CLEAR | Opcode::PUSH_NULL => stack.push(Kind::Null),
        Opcode::LOAD_GLOBAL | Opcode::LOAD_ATTR if arg & 1 != 0 => {
            pop(&mut stack, usize::from(op == Opcode::LOAD_ATTR));
            stack.extend([Kind::Object, Kind::Null]);
        }
        Opcode::COPY => {
            let word = stack.len().checked_sub(arg as usize).and_then(|at| stack.get(at)).copied();
            stack.push(word.unwrap_or(Kind::Object));
        }
        Opcode::SWAP => {
            let top = stack.len().saturating_sub(1);
            if let Some(other) = stack.len().checked_sub(arg as usize).filter(|other| *other <= top) {
                stack.swap(top, other);
            }
        }
        Opcode::LIST_APPEND | Opcode::LIST_EXTEND | Opcode::SET_ADD | Opcode::SET_UPDATE => pop(&mut stack, 1),
        Opcode::DICT_UPDATE | Opcode::DICT_MERGE => pop(&mut stack, 1),
        Opcode::MAP_ADD => pop(&mut stack, 2),
        _ => {
            pop(&mut stack, op.pops(arg) as usize);
            stack.extend(std::iter::repeat_n(Kind::Object, op.pushes(arg) as usize));
        }
    }
    if let Some(target) = instruction.jump_target().filter(|_| op != Opcode::END_ASYNC_FOR) {
        work.push((target, stack.clone()));
    }
    work.push((next, stack));
}

/// Whether a stack may be cut down to another one.
fn fits(from: &[Kind], to: &[Kind]) -> bool {
    to.len() <= from.len()
        && from.iter().zip(to).all(|(from, to)| match to {
            Kind::Object => *from != Kind::Null,
            Kind::Null => true,
            kind => from == kind,
        })
}

fn explain(target: Option<&Vec<Kind>>) -> &'static str {
    match target.map(|stack| stack.last()) {
        None => "can't jump to unreachable code",
        Some(Some(Kind::Except)) => "can't jump into an 'except' block as there's no exception",
        Some(Some(Kind::Position)) => "can't jump into a re-raising block as there's no location",
        Some(Some(Kind::Iterator)) => "can't jump into the body of a for loop",
        Some(_) => "incompatible stacks",
    }
}

fn check_event(py: Attached<'_>, frame: &FrameObject) -> PyResult<()> {
    const ALLOWED: [Event; 7] = [
        Event::Line,
        Event::Instruction,
        Event::PyResume,
        Event::PyYield,
        Event::Jump,
        Event::BranchLeft,
        Event::BranchRight,
    ];
    let event = py.tstate().what_event.get();
    if event == NO_EVENT {
        return Err(raise!(py, ValueError, "f_lineno can only be set in a trace function"));
    }
    if event == Event::PyStart as i32 {
        return Err(raise!(py, ValueError, "can't jump from the 'call' trace event of a new frame"));
    }
    if event == Event::Call as i32 || event == Event::CReturn as i32 {
        return Err(raise!(py, ValueError, "can't jump during a call"));
    }
    if !ALLOWED.iter().any(|allowed| *allowed as i32 == event) {
        return Err(raise!(py, ValueError, "can only jump from a 'line' trace event"));
    }
    // Only the frame that waits for the end of the report looks where it is to go on.
    if !std::ptr::eq(py.ext().event_frame.get(), &raw const frame.frame().0) {
        return Err(raise!(py, ValueError, "f_lineno can only be set in a trace function"));
    }
    Ok(())
}

/// Setter of `f_lineno`.
///
/// # Errors
/// `ValueError` where the frame cannot go on at that line.
pub fn set(py: Attached<'_>, object: &FrameObject, value: Option<&Object>) -> PyResult<()> {
    let Some(value) = value else {
        return Err(raise!(py, AttributeError, "attribute 'f_lineno' of 'frame' objects cannot be deleted"));
    };
    let Some(line) = value.downcast_exact::<Int>() else {
        return Err(raise!(py, ValueError, "lineno must be an integer"));
    };
    check_event(py, object)?;
    let Some(wanted) = line.to_i64().and_then(|line| i32::try_from(line).ok()) else {
        return Err(raise!(py, ValueError, "lineno out of range"));
    };
    let frame = object.frame();
    let code = frame.code();
    if wanted < code.raw().co_firstlineno.get() {
        return Err(raise!(py, ValueError, "line {wanted} comes before the current code block"));
    }
    let starts = line_starts(code);
    let Some(line) = starts.iter().map(|(_, line)| *line).filter(|line| *line >= wanted).min() else {
        return Err(raise!(py, ValueError, "line {wanted} comes after the current code block"));
    };
    let stacks = stacks(code);
    let Some(start) = stacks.get(frame.lasti()).cloned().flatten() else {
        return Err(raise!(py, ValueError, "can't jump from unreachable code"));
    };
    let mut best: Option<(usize, usize)> = None;
    let mut failure = None;
    for (unit, _) in starts.iter().filter(|(_, at)| *at == line) {
        match &stacks[*unit] {
            Some(stack) if fits(&start, stack) => {
                if best.is_none_or(|(_, depth)| stack.len() > depth) {
                    best = Some((*unit, stack.len()));
                }
            }
            target => failure = failure.or(Some(explain(target.as_ref()))),
        }
    }
    let Some((unit, depth)) = best else {
        return Err(raise!(py, ValueError, "{}", failure.unwrap_or("can't jump to unreachable code")));
    };
    bind_locals(py, frame)?;
    for kind in start[depth..].iter().rev() {
        pop(py, frame, *kind);
    }
    object.raw().f_lineno.set(0);
    frame.set_lasti(unit as isize);
    Ok(())
}

/// The units at which lines begin, with their lines.
fn line_starts(code: &Code) -> Vec<(usize, i32)> {
    let lines = code.lines_by_unit();
    let first = code.raw()._co_firsttraceable.get() as usize;
    let mut previous = -1;
    let mut starts = Vec::new();
    for (unit, &line) in lines.iter().enumerate() {
        if line != previous && line >= 0 && unit >= first {
            starts.push((unit, line));
        }
        previous = line;
    }
    starts
}

/// Locals that are not bound become `None`: the code may rely on what it has passed by.
fn bind_locals(py: Attached<'_>, frame: &Frame) -> PyResult<()> {
    let count = frame.code().raw().co_nlocalsplus.get() as usize;
    let local = |at: usize| Frame::locals(frame).wrapping_add(at);
    // SAFETY: the locals of a frame are initialised words.
    let unbound: Vec<usize> = (0..count).filter(|at| unsafe { local(*at).read() }.is_null()).collect();
    if unbound.is_empty() {
        return Ok(());
    }
    let (many, s) = (unbound.len(), if unbound.len() == 1 { "" } else { "s" });
    let text = format!("assigning None to {many} unbound local{s}");
    (hooks().warn)(py, exc::RuntimeWarning(), &text, 1)?;
    for at in unbound {
        // SAFETY: as above; the frame stands still while its event is reported.
        unsafe {
            if local(at).read().is_null() {
                local(at).write(StackRef::owned(none()));
            }
        }
    }
    Ok(())
}

/// Takes a word off the stack; an exception that was handled before is handled again.
fn pop(py: Attached<'_>, frame: &Frame, kind: Kind) {
    // SAFETY: the stack is as deep as the kinds say.
    let word = unsafe {
        frame.set_sp(frame.sp().sub(1));
        frame.sp().read()
    };
    if kind != Kind::Except {
        return word.close();
    }
    // SAFETY: the thread state points to a live item; the word is a value.
    let (info, previous) = unsafe { (&*py.tstate().exc_info.get(), word.into_ref()) };
    let previous = if previous.is_none() { std::ptr::null_mut() } else { previous.into_raw() };
    let old = info.exc_value.get();
    info.exc_value.set(previous);
    // SAFETY: the item owned it.
    drop(unsafe { Ref::<Object>::from_raw_opt(old) });
}
