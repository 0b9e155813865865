//! Code units: two bytes, an instruction's number and eight bits of its argument.
//!
//! Larger arguments are spread over up to three `EXTENDED_ARG` prefixes, most significant byte first.

use crate::Opcode;

/// One two-byte unit of `co_code`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct CodeUnit {
    /// Instruction number.
    pub op: u8,
    /// Low eight bits of the argument.
    pub arg: u8,
}

/// A decoded instruction with its whole argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// Index of the first unit that belongs to it (the first `EXTENDED_ARG`, if any), in code units.
    pub start: usize,
    /// Index of the unit with the opcode, in code units.
    pub offset: usize,
    /// The instruction.
    pub op: Opcode,
    /// Its argument, prefixes included.
    pub arg: u32,
}

impl Instruction {
    /// Index of the unit after the instruction and its caches.
    pub fn end(&self) -> usize {
        self.offset + 1 + self.op.cache_entries()
    }

    /// Where the instruction jumps to (in code units), if it jumps.
    pub fn jump_target(&self) -> Option<usize> {
        if !self.op.has_jump() {
            return None;
        }
        let (end, arg) = (self.end(), self.arg as usize);
        if self.op.jumps_backward() { end.checked_sub(arg) } else { Some(end + arg) }
    }
}

/// Appends an instruction with as many `EXTENDED_ARG`s as its argument needs and zeroed caches.
pub fn emit(code: &mut Vec<u8>, op: Opcode, arg: u32) {
    for shift in [24, 16, 8] {
        if arg >> shift != 0 {
            code.extend([Opcode::EXTENDED_ARG as u8, (arg >> shift) as u8]);
        }
    }
    code.extend([op as u8, arg as u8]);
    code.extend(std::iter::repeat_n(0, 2 * op.cache_entries()));
}

/// Size in code units of an instruction with this argument, prefixes and caches included.
pub fn instruction_size(op: Opcode, arg: u32) -> usize {
    let prefixes = usize::from(arg > 0xff) + usize::from(arg > 0xffff) + usize::from(arg > 0xff_ffff);
    prefixes + 1 + op.cache_entries()
}

/// Iterator over the instructions of `co_code`; stops at an undefined opcode or a truncated unit.
pub struct Instructions<'a> {
    code: &'a [u8],
    next: usize,
}

impl<'a> Instructions<'a> {
    /// Decodes from the first unit.
    pub fn new(code: &'a [u8]) -> Self {
        Instructions { code, next: 0 }
    }
}

impl Iterator for Instructions<'_> {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        let start = self.next;
        let (mut offset, mut arg) = (start, 0u32);
        loop {
            let unit = self.code.get(offset * 2..offset * 2 + 2)?;
            arg = arg << 8 | u32::from(unit[1]);
            let op = Opcode::from_u8(unit[0])?;
            if op != Opcode::EXTENDED_ARG {
                let found = Instruction { start, offset, op, arg };
                self.next = found.end();
                return Some(found);
            }
            offset += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let mut code = Vec::new();
        let list =
            [(Opcode::RESUME, 0), (Opcode::LOAD_ATTR, 0x12345), (Opcode::LOAD_CONST, 0xff), (Opcode::CALL, 0x100)];
        for (op, arg) in list {
            let before = code.len() / 2;
            emit(&mut code, op, arg);
            assert_eq!(code.len() / 2 - before, instruction_size(op, arg));
        }
        let seen: Vec<_> = Instructions::new(&code).map(|i| (i.op, i.arg)).collect();
        assert_eq!(seen, list);
    }
}
