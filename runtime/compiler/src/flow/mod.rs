//! The control flow graph and the passes over it.
//!
//! Blocks form a list (`next`); an instruction that jumps or opens a handler ends in a target block. The passes keep
//! CPython 3.14's results: which jumps are threaded, which no-operations stay for tracing, where cold code goes.

mod basic;
mod borrow;
mod build;
mod cold;
mod finish;
mod lines;
mod locals;
mod reach;

pub(crate) use finish::Prefix;

use crate::ir::Op;
use krait_bytecode::{Constant, Location};

/// Number of a block.
pub(crate) type BlockIx = usize;

/// An instruction of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instr {
    pub(crate) op: Op,
    pub(crate) arg: u32,
    pub(crate) loc: Location,
    pub(crate) target: Option<BlockIx>,
    /// The handler that covers it.
    pub(crate) except: Option<BlockIx>,
}

impl Instr {
    fn new(op: Op, arg: u32, loc: Location) -> Instr {
        Instr { op, arg, loc, target: None, except: None }
    }

    fn set(&mut self, op: Op, arg: u32) {
        self.op = op;
        self.arg = arg;
        if !op.has_target() {
            self.target = None;
        }
    }

    fn set_nop(&mut self) {
        self.set(Op::NOP, 0);
    }
}

/// A basic block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) instrs: Vec<Instr>,
    pub(crate) next: Option<BlockIx>,
    /// Whether a jump names it.
    is_target: bool,
    predecessors: usize,
    visited: bool,
    pub(crate) start_depth: Option<usize>,
    is_handler: bool,
    pub(crate) preserve_lasti: bool,
    warm: bool,
    cold: bool,
    /// Handlers of instructions that stood past the end: CPython gives them to instructions that are appended later,
    /// and so does [`Block::push`], for the sake of equal exception tables.
    ghosts: std::collections::VecDeque<Option<BlockIx>>,
    unsafe_locals: u64,
    on_stack: bool,
}

impl Block {
    /// Appends an instruction, which takes the handler of the one that stood there before.
    fn push(&mut self, mut instr: Instr) {
        instr.except = self.ghosts.pop_front().flatten();
        self.instrs.push(instr);
    }

    /// Drops instructions from the end.
    fn truncate(&mut self, len: usize) {
        for instr in self.instrs.drain(len..).rev() {
            self.ghosts.push_front(instr.except);
        }
    }

    fn falls_through(&self) -> bool {
        self.instrs.last().is_none_or(|i| !i.op.no_fallthrough())
    }

    fn exits_scope(&self) -> bool {
        self.instrs.last().is_some_and(|i| i.op.is_scope_exit())
    }

    fn has_no_line(&self) -> bool {
        self.instrs.iter().all(|i| i.loc.line < 0)
    }
}

/// The graph; block 0 is the entry.
pub(crate) struct Cfg {
    pub(crate) blocks: Vec<Block>,
}

/// What the passes need to know of the code object.
pub(crate) struct Facts {
    pub(crate) nlocals: usize,
    pub(crate) nparams: usize,
}

impl Cfg {
    /// Blocks in order.
    pub(crate) fn order(&self) -> Vec<BlockIx> {
        let (mut list, mut at) = (Vec::with_capacity(self.blocks.len()), Some(0));
        while let Some(ix) = at {
            list.push(ix);
            at = self.blocks[ix].next;
        }
        list
    }

    fn next_nonempty(&self, mut at: Option<BlockIx>) -> Option<BlockIx> {
        while let Some(ix) = at {
            if !self.blocks[ix].instrs.is_empty() {
                return Some(ix);
            }
            at = self.blocks[ix].next;
        }
        None
    }

    fn last(&self, ix: BlockIx) -> Option<&Instr> {
        self.blocks[ix].instrs.last()
    }

    fn clear_visited(&mut self) {
        self.blocks.iter_mut().for_each(|b| b.visited = false);
    }

    /// Everything that happens before slots are laid out.
    pub(crate) fn optimize(&mut self, consts: &mut Vec<Constant>, facts: &Facts) {
        self.mark_handlers();
        self.label_handlers();
        self.inline_small_blocks();
        self.remove_unreachable();
        self.resolve_lines();
        let mut pool = basic::Pool::new(std::mem::take(consts));
        for ix in self.order() {
            self.fold_loads(ix, &mut pool);
        }
        for ix in self.order() {
            self.optimize_block(ix, &mut pool);
        }
        self.remove_nops_and_pairs();
        self.remove_unreachable();
        self.remove_nops_and_jumps();
        *consts = pool.into_used(self);
        self.check_uninitialized(facts.nlocals, facts.nparams);
        self.superinstructions();
        self.push_cold_to_end();
        self.resolve_lines();
    }
}
