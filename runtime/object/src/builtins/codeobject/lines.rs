//! Lines, columns and branches of code objects.
use super::Code;
use crate::handle::{Attached, Layout, Ref};
use crate::hooks::hooks;
use crate::layout::PyObject;
use crate::mem;
use crate::{Bytes, Int, Object, PyResult, Slot, Tuple, error::exc, none};
use std::cell::UnsafeCell;
use std::ptr::NonNull;

/// Line, end line, column, end column; negative numbers are "unknown".
pub(super) type Range = (i32, i32, i32, i32);
const NO_RANGE: Range = (-1, -1, -1, -1);

/// Reads a location table: one range and its length in code units at a time.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    at: usize,
    line: i32,
}

impl Reader {
    pub(super) fn new(code: &Code) -> Self {
        Reader { at: 0, line: code.0.co_firstlineno.get() }
    }

    fn byte(&mut self, table: &[u8]) -> Option<u8> {
        let byte = *table.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self, table: &[u8]) -> Option<i32> {
        let (mut value, mut shift) = (0u32, 0);
        loop {
            let byte = self.byte(table)?;
            value |= u32::from(byte & 0x3f).checked_shl(shift)?;
            if byte & 0x40 == 0 {
                return Some(value as i32);
            }
            shift += 6;
        }
    }

    fn signed(&mut self, table: &[u8]) -> Option<i32> {
        let value = self.varint(table)? as u32;
        let magnitude = (value >> 1) as i32;
        Some(if value & 1 != 0 { magnitude.wrapping_neg() } else { magnitude })
    }

    pub(super) fn next(&mut self, table: &[u8]) -> Option<(Range, usize)> {
        let head = self.byte(table)?;
        let units = usize::from(head & 7) + 1;
        let form = i32::from(head >> 3 & 15);
        let range = match form {
            15 => NO_RANGE,
            14 => {
                self.line = self.line.wrapping_add(self.signed(table)?);
                let end = self.line.wrapping_add(self.varint(table)?);
                let column = self.varint(table)?.wrapping_sub(1);
                (self.line, end, column, self.varint(table)?.wrapping_sub(1))
            }
            13 => {
                self.line = self.line.wrapping_add(self.signed(table)?);
                (self.line, self.line, -1, -1)
            }
            10..=12 => {
                self.line = self.line.wrapping_add(form - 10);
                let column = i32::from(self.byte(table)?);
                (self.line, self.line, column, i32::from(self.byte(table)?))
            }
            _ => {
                let second = i32::from(self.byte(table)?);
                let column = form << 3 | second >> 4;
                (self.line, self.line, column, column + (second & 15))
            }
        };
        Some((range, units))
    }
}

/// What a [`CodeIter`] yields.
#[derive(Clone, Copy)]
enum Kind {
    Lines,
    Branches,
    Positions,
}

struct State {
    kind: Kind,
    reader: Reader,
    /// Code unit that comes next.
    unit: usize,
    /// Positions: the current range and how many units of it are left.
    range: Range,
    left: usize,
}

/// Iterator over lines, branches or positions of a code object.
#[repr(C)]
pub struct CodeIter {
    head: PyObject,
    code: Slot<Code>,
    state: UnsafeCell<Option<State>>,
}

/// The layout of `positions_iterator`.
#[repr(transparent)]
pub struct PositionsIter(CodeIter);

crate::pytype! {
    pub static LineIterator_Type: "line_iterator" for CodeIter {
        base: Object,
        flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = CodeIter::dealloc, tp_iter = CodeIter::iter, tp_iternext = CodeIter::next, },
    }
}

crate::pytype! {
    pub static PositionsIterator_Type: "positions_iterator" for PositionsIter {
        base: Object,
        flags: [DISALLOW_INSTANTIATION],
        slots: { tp_dealloc = PositionsIter::dealloc, tp_iter = PositionsIter::iter, tp_iternext = PositionsIter::next, },
    }
}

impl PositionsIter {
    fn iter<'a>(_py: Attached<'_>, this: &'a PositionsIter) -> &'a PositionsIter {
        this
    }
    fn next(py: Attached<'_>, this: &PositionsIter) -> PyResult<Option<Ref<Tuple>>> {
        CodeIter::next(py, &this.0)
    }
    unsafe fn dealloc(py: Attached<'_>, this: NonNull<PositionsIter>) {
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, |this| drop(this.0.code.take())) }
    }
}

fn int_or_none(py: Attached<'_>, value: i32) -> PyResult<Ref<Object>> {
    if value < 0 { Ok(none()) } else { Ok(Int::from_i64(py, value.into())?.upcast()) }
}

impl CodeIter {
    fn iter<'a>(_py: Attached<'_>, this: &'a CodeIter) -> &'a CodeIter {
        this
    }

    fn start<T: Layout>(py: Attached<'_>, code: &Code, kind: Kind) -> PyResult<Ref<T>> {
        mem::new_instance::<T>(py, T::type_object(), |this| {
            // SAFETY: both layouts are this struct; nobody else has the object yet.
            let this = unsafe { &*std::ptr::from_ref(this).cast::<CodeIter>() };
            drop(this.code.replace(Some(code.to_ref())));
            let state = State { kind, reader: Reader::new(code), unit: 0, range: NO_RANGE, left: 0 };
            // SAFETY: as above.
            unsafe { *this.state.get() = Some(state) };
        })
    }

    fn next(py: Attached<'_>, this: &CodeIter) -> PyResult<Option<Ref<Tuple>>> {
        let Some(code) = this.code.get() else { return Ok(None) };
        let values: Option<(usize, [i32; 4])> = {
            let _locked = code.lock(py);
            // SAFETY: [locked]: whoever steps the iterator holds the code object's section, and nothing below runs
            // Python code.
            match unsafe { &mut *this.state.get() } {
                Some(state) => match state.kind {
                    Kind::Lines => state.next_line(&code).map(|v| (3, v)),
                    Kind::Branches => state.next_branch(&code).map(|v| (3, v)),
                    Kind::Positions => state.next_position(&code).map(|v| (4, v)),
                },
                None => None,
            }
        };
        let Some((count, values)) = values else { return Ok(None) };
        let items = values[..count].iter().map(|value| int_or_none(py, *value)).collect::<PyResult<Vec<_>>>()?;
        Ok(Some(Tuple::from_vec(py, items)?))
    }

    unsafe fn dealloc(py: Attached<'_>, this: NonNull<CodeIter>) {
        // SAFETY: [slot-contract].
        unsafe { mem::dealloc_with(py, this, |this| drop(this.code.take())) }
    }
}

impl State {
    fn next_line(&mut self, code: &Code) -> Option<[i32; 4]> {
        let table = code.linetable().as_slice();
        let (range, units) = self.reader.next(table)?;
        let (start, line) = (self.unit, range.0);
        self.unit += units;
        loop {
            let before = self.reader;
            match self.reader.next(table) {
                Some((range, units)) if range.0 == line => self.unit += units,
                _ => {
                    self.reader = before;
                    break;
                }
            }
        }
        Some([start as i32 * 2, self.unit as i32 * 2, line, 0])
    }

    fn next_position(&mut self, code: &Code) -> Option<[i32; 4]> {
        if self.unit * 2 >= code.code().len() {
            return None;
        }
        if self.left == 0 {
            (self.range, self.left) = self.reader.next(code.linetable().as_slice())?;
        }
        self.left -= 1;
        self.unit += 1;
        let (a, b, c, d) = self.range;
        Some([a, b, c, d])
    }

    fn next_branch(&mut self, code: &Code) -> Option<[i32; 4]> {
        let rest = code.code().get(self.unit * 2..)?;
        for instruction in krait_bytecode::Instructions::new(rest) {
            use krait_bytecode::Opcode;
            let base = self.unit as i32;
            let (at, next) = (base + instruction.offset as i32, base + instruction.end() as i32);
            let arg = instruction.arg as i32;
            let (triple, resume) = match instruction.op.base() {
                Opcode::FOR_ITER => ([at, next, next + arg + 2], next),
                Opcode::POP_JUMP_IF_TRUE
                | Opcode::POP_JUMP_IF_FALSE
                | Opcode::POP_JUMP_IF_NONE
                | Opcode::POP_JUMP_IF_NOT_NONE => ([at, next + 1, next + arg], next + 1),
                Opcode::END_ASYNC_FOR => ([next - arg, next - arg + 2, next], next),
                _ => continue,
            };
            self.unit = resume as usize;
            return Some([triple[0] * 2, triple[1] * 2, triple[2] * 2, 0]);
        }
        None
    }
}

impl Code {
    /// The source range of a code unit.
    pub fn location_of(&self, unit: usize) -> Option<Range> {
        let (mut reader, mut start) = (Reader::new(self), 0);
        let table = self.linetable().as_slice();
        while let Some((range, units)) = reader.next(table) {
            if unit < start + units {
                return Some(range);
            }
            start += units;
        }
        None
    }

    /// The line of each code unit; negative for none.
    pub fn lines_by_unit(&self) -> Vec<i32> {
        let (mut reader, mut lines) = (Reader::new(self), Vec::new());
        let table = self.linetable().as_slice();
        while let Some((range, units)) = reader.next(table) {
            lines.resize(lines.len() + units, range.0);
        }
        lines
    }

    pub(super) fn lines(py: Attached<'_>, this: &Code) -> PyResult<Ref<CodeIter>> {
        CodeIter::start(py, this, Kind::Lines)
    }

    pub(super) fn branches(py: Attached<'_>, this: &Code) -> PyResult<Ref<CodeIter>> {
        CodeIter::start(py, this, Kind::Branches)
    }

    pub(super) fn positions(py: Attached<'_>, this: &Code) -> PyResult<Ref<PositionsIter>> {
        CodeIter::start(py, this, Kind::Positions)
    }

    /// `co_lnotab`: pairs of unsigned bytecode steps and signed line steps.
    pub(super) fn lnotab(py: Attached<'_>, this: &Code) -> PyResult<Ref<Bytes>> {
        let text = "co_lnotab is deprecated, use co_lines instead.";
        (hooks().warn)(py, exc::DeprecationWarning(), text, 1)?;
        let mut out: Vec<u8> = Vec::new();
        let mut reader = Reader::new(this);
        let (mut start, mut unit, mut line) = (0usize, 0usize, this.0.co_firstlineno.get());
        while let Some((range, units)) = reader.next(this.linetable().as_slice()) {
            if range.0 >= 0 && range.0 != line {
                let (mut step, mut lines) = ((unit - start) * 2, range.0 - line);
                while step > 254 {
                    out.extend([254, 0]);
                    step -= 254;
                }
                while !(-128..=127).contains(&lines) {
                    let part = lines.clamp(-128, 127);
                    out.extend([step as u8, part as i8 as u8]);
                    lines -= part;
                    step = 0;
                }
                out.extend([step as u8, lines as i8 as u8]);
                (start, line) = (unit, range.0);
            }
            unit += units;
        }
        Bytes::new(py, &out)
    }
}
