//! The code generator's instructions: those of the instruction set and the pseudo instructions, with labels for
//! targets and constants out of line.

use krait_bytecode::{Location, Opcode};

/// An instruction or a pseudo instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Op(pub(crate) u16);

macro_rules! real_ops {
    ($(($name:ident, $num:literal, $cache:literal, [$($flag:ident)*], $base:ident, $n:ident, $pops:expr, $pushes:expr))*) => {
        #[allow(dead_code)]
        impl Op { $(pub(crate) const $name: Op = Op($num);)* }
    };
}
krait_bytecode::for_each_opcode!(real_ops);

macro_rules! pseudo_ops {
    ($(($name:ident, $num:literal, $cache:literal, [$($flag:ident)*], $base:ident, $n:ident, $pops:expr, $pushes:expr))*) => {
        #[allow(dead_code)]
        impl Op { $(pub(crate) const $name: Op = Op($num);)* }

        fn pseudo_effect(op: Op, oparg: u32) -> (u32, u32) {
            match op.0 { $($num => { #[allow(unused_variables)] let $n = oparg; ($pops, $pushes) })* _ => (0, 0) }
        }

        fn pseudo_name(op: Op) -> &'static str {
            match op.0 { $($num => stringify!($name),)* _ => "?" }
        }
    };
}
krait_bytecode::for_each_pseudo_opcode!(pseudo_ops);

impl Op {
    /// The instruction, unless it is a pseudo one.
    pub(crate) fn real(self) -> Option<Opcode> {
        u8::try_from(self.0).ok().and_then(Opcode::from_u8)
    }

    /// Values taken and left.
    pub(crate) fn effect(self, oparg: u32) -> (u32, u32) {
        match self.real() {
            Some(op) => (op.pops(oparg), op.pushes(oparg)),
            None => pseudo_effect(self, oparg),
        }
    }

    /// Whether a label is its target, exception handlers included.
    pub(crate) fn has_target(self) -> bool {
        self.has_jump() || self.is_block_push()
    }

    /// Whether it jumps.
    pub(crate) fn has_jump(self) -> bool {
        match self.real() {
            Some(op) => op.has_jump(),
            None => matches!(self, Op::JUMP | Op::JUMP_NO_INTERRUPT | Op::JUMP_IF_FALSE | Op::JUMP_IF_TRUE),
        }
    }

    /// Whether it opens a block with a handler.
    pub(crate) fn is_block_push(self) -> bool {
        matches!(self, Op::SETUP_FINALLY | Op::SETUP_WITH | Op::SETUP_CLEANUP)
    }

    /// Whether it always jumps.
    pub(crate) fn is_unconditional_jump(self) -> bool {
        matches!(
            self,
            Op::JUMP | Op::JUMP_NO_INTERRUPT | Op::JUMP_FORWARD | Op::JUMP_BACKWARD | Op::JUMP_BACKWARD_NO_INTERRUPT
        )
    }

    /// Whether it jumps on a condition.
    pub(crate) fn is_conditional_jump(self) -> bool {
        matches!(self, Op::POP_JUMP_IF_FALSE | Op::POP_JUMP_IF_TRUE | Op::POP_JUMP_IF_NONE | Op::POP_JUMP_IF_NOT_NONE)
    }

    /// Whether control leaves the code.
    pub(crate) fn is_scope_exit(self) -> bool {
        matches!(self, Op::RETURN_VALUE | Op::RAISE_VARARGS | Op::RERAISE)
    }

    /// Whether a basic block ends after it.
    pub(crate) fn is_terminator(self) -> bool {
        self.has_jump() || self.is_scope_exit()
    }

    /// Whether control never reaches the next instruction.
    pub(crate) fn no_fallthrough(self) -> bool {
        self.is_unconditional_jump() || self.is_scope_exit()
    }
}

impl std::fmt::Debug for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.real().map_or_else(|| pseudo_name(*self), |op| op.name()))
    }
}

/// A place in a sequence that jumps name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Label(pub(crate) u32);

/// An instruction of a sequence; the argument of jumps and block pushes is a label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instr {
    pub(crate) op: Op,
    pub(crate) arg: u32,
    pub(crate) loc: Location,
}

/// Instructions with labels.
#[derive(Default)]
pub(crate) struct Sequence {
    pub(crate) instrs: Vec<Instr>,
    /// Index of the instruction that each label names.
    pub(crate) labels: Vec<usize>,
    /// What replaces `ANNOTATIONS_PLACEHOLDER`.
    pub(crate) annotations: Option<Box<Sequence>>,
}

impl Sequence {
    /// A label without a place.
    pub(crate) fn new_label(&mut self) -> Label {
        self.labels.push(usize::MAX);
        Label(self.labels.len() as u32 - 1)
    }

    /// Puts a label here.
    pub(crate) fn place(&mut self, label: Label) {
        self.labels[label.0 as usize] = self.instrs.len();
    }

    /// Appends an instruction.
    pub(crate) fn push(&mut self, op: Op, arg: u32, loc: Location) {
        self.instrs.push(Instr { op, arg, loc });
    }

    /// Puts an instruction at the front.
    pub(crate) fn insert_first(&mut self, op: Op, arg: u32, loc: Location) {
        self.instrs.insert(0, Instr { op, arg, loc });
        self.labels.iter_mut().filter(|l| **l != usize::MAX).for_each(|l| *l += 1);
    }
}
