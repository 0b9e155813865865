//! The last passes: pseudo instructions, jump directions, stack depth, slots of cells.

use super::{Block, BlockIx, Cfg, Instr};
use crate::ir::Op;
use krait_bytecode::Location;

/// What goes before the first instruction.
pub(crate) struct Prefix {
    pub(crate) firstlineno: i32,
    pub(crate) generator: bool,
    /// Slot of each cell and free variable.
    pub(crate) slots: Vec<usize>,
    pub(crate) ncells: usize,
    pub(crate) nfree: usize,
}

impl Cfg {
    /// Makes the graph ready for assembly; returns the stack depth.
    pub(crate) fn finish(&mut self, prefix: &Prefix) -> usize {
        self.convert_conditional_jumps();
        self.insert_prefix(prefix);
        let depth = self.stack_depth();
        self.convert_pseudo_ops();
        self.normalize_jumps();
        self.borrow_loads();
        depth
    }

    /// `JUMP_IF_*` keep the value: copy, test, jump.
    fn convert_conditional_jumps(&mut self) {
        for block in &mut self.blocks {
            let Some(last) = block.instrs.last_mut() else { continue };
            let op = match last.op {
                Op::JUMP_IF_FALSE => Op::POP_JUMP_IF_FALSE,
                Op::JUMP_IF_TRUE => Op::POP_JUMP_IF_TRUE,
                _ => continue,
            };
            last.op = op;
            let jump = *last;
            block.instrs.pop();
            let consumed = block.ghosts.len().min(2);
            block.ghosts.drain(..consumed);
            for (op, arg) in [(Op::COPY, 1), (Op::TO_BOOL, 0)] {
                block.instrs.push(Instr { op, arg, target: None, ..jump });
            }
            block.instrs.push(jump);
        }
    }

    fn insert_prefix(&mut self, prefix: &Prefix) {
        let mut front = Vec::new();
        if prefix.nfree > 0 {
            front.push(Instr::new(Op::COPY_FREE_VARS, prefix.nfree as u32, Location::NONE));
        }
        let mut cells: Vec<usize> = (0..prefix.ncells).collect();
        cells.sort_by_key(|c| prefix.slots[*c]);
        for cell in cells {
            front.push(Instr::new(Op::MAKE_CELL, cell as u32, Location::NONE));
        }
        if prefix.generator {
            let line = prefix.firstlineno;
            let loc = Location { line, end_line: line, column: -1, end_column: -1 };
            front.push(Instr::new(Op::RETURN_GENERATOR, 0, loc));
            front.push(Instr::new(Op::POP_TOP, 0, loc));
        }
        self.blocks[0].instrs.splice(0..0, front);
        for instr in self.blocks.iter_mut().flat_map(|b| &mut b.instrs) {
            if matches!(
                instr.op,
                Op::LOAD_CLOSURE
                    | Op::LOAD_DEREF
                    | Op::STORE_DEREF
                    | Op::DELETE_DEREF
                    | Op::LOAD_FROM_DICT_OR_DEREF
                    | Op::MAKE_CELL
            ) {
                instr.arg = prefix.slots.get(instr.arg as usize).map_or(instr.arg, |s| *s as u32);
            }
        }
    }

    fn convert_pseudo_ops(&mut self) {
        for instr in self.blocks.iter_mut().flat_map(|b| &mut b.instrs) {
            match instr.op {
                op if op.is_block_push() => instr.set_nop(),
                Op::LOAD_CLOSURE => instr.op = Op::LOAD_FAST,
                Op::STORE_FAST_MAYBE_NULL => instr.op = Op::STORE_FAST,
                _ => {}
            }
        }
        self.remove_nops_and_jumps();
    }

    fn stack_depth(&mut self) -> usize {
        let (mut max, mut todo) = (0, vec![0]);
        self.blocks.iter_mut().for_each(|b| b.start_depth = None);
        self.blocks[0].start_depth = Some(0);
        while let Some(ix) = todo.pop() {
            let mut depth = self.blocks[ix].start_depth.unwrap_or(0);
            let mut reaches_end = true;
            for at in 0..self.blocks[ix].instrs.len() {
                let instr = self.blocks[ix].instrs[at];
                let (pops, pushes) = instr.op.effect(instr.arg);
                let after = (depth + pushes as usize).saturating_sub(pops as usize);
                max = max.max(after);
                // `END_ASYNC_FOR` only names the send that it belongs to.
                if let Some(target) = instr.target.filter(|_| instr.op != Op::END_ASYNC_FOR) {
                    self.note_depth(target, after, &mut todo);
                }
                if !instr.op.is_block_push() {
                    depth = after;
                }
                max = max.max(depth);
                if instr.op.no_fallthrough() {
                    reaches_end = false;
                    break;
                }
            }
            if let Some(next) = self.blocks[ix].next
                && reaches_end
            {
                self.note_depth(next, depth, &mut todo);
            }
        }
        max
    }

    fn note_depth(&mut self, ix: BlockIx, depth: usize, todo: &mut Vec<BlockIx>) {
        let block = &mut self.blocks[ix];
        debug_assert!(block.start_depth.is_none_or(|d| d == depth), "stack depth differs by path");
        if block.start_depth.is_none() {
            block.start_depth = Some(depth);
            todo.push(ix);
        }
    }

    /// Conditional jumps go forward only; both ways out of them are marked for branch events.
    fn normalize_jumps(&mut self) {
        self.clear_visited();
        let mut at = Some(0);
        while let Some(ix) = at {
            self.blocks[ix].visited = true;
            self.normalize_block(ix);
            at = self.blocks[ix].next;
        }
    }

    fn normalize_block(&mut self, ix: BlockIx) {
        let Some(last) = self.last(ix).copied() else { return };
        let Some(target) = last.target.filter(|_| last.op.is_conditional_jump()) else { return };
        let not_taken = Instr::new(Op::NOT_TAKEN, 0, last.loc);
        if !self.blocks[target].visited {
            self.blocks[ix].push(not_taken);
            return;
        }
        let reversed = match last.op {
            Op::POP_JUMP_IF_FALSE => Op::POP_JUMP_IF_TRUE,
            Op::POP_JUMP_IF_TRUE => Op::POP_JUMP_IF_FALSE,
            Op::POP_JUMP_IF_NONE => Op::POP_JUMP_IF_NOT_NONE,
            _ => Op::POP_JUMP_IF_NONE,
        };
        let mut jump = Instr::new(Op::JUMP, 0, last.loc);
        jump.target = Some(target);
        let next = self.blocks[ix].next;
        let block = Block {
            instrs: vec![not_taken, jump],
            next,
            visited: true,
            cold: self.blocks[ix].cold,
            start_depth: self.blocks[target].start_depth,
            ..Block::default()
        };
        self.blocks.push(block);
        let new = self.blocks.len() - 1;
        self.blocks[ix].next = Some(new);
        if let Some(instr) = self.blocks[ix].instrs.last_mut() {
            instr.op = reversed;
            instr.target = next;
        }
    }
}
