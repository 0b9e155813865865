//! Reachability, inlining of small blocks, redundant jumps and no-operations.

use super::{BlockIx, Cfg};
use crate::ir::Op;
use krait_bytecode::Location;

/// Exit blocks up to this size are copied to where they are jumped to.
const MAX_COPY_SIZE: usize = 4;

impl Cfg {
    /// Empties blocks that control does not reach and counts predecessors.
    pub(super) fn remove_unreachable(&mut self) {
        for block in &mut self.blocks {
            block.visited = false;
            block.predecessors = 0;
        }
        self.blocks[0].predecessors = 1;
        self.blocks[0].visited = true;
        let mut stack = vec![0];
        while let Some(ix) = stack.pop() {
            let mut targets: Vec<BlockIx> = Vec::new();
            if self.blocks[ix].falls_through() {
                targets.extend(self.blocks[ix].next);
            }
            targets.extend(self.blocks[ix].instrs.iter().filter_map(|i| i.target));
            for target in targets {
                let block = &mut self.blocks[target];
                block.predecessors += 1;
                if !block.visited {
                    block.visited = true;
                    stack.push(target);
                }
            }
        }
        for block in self.blocks.iter_mut().filter(|b| !b.visited) {
            block.instrs.clear();
            block.is_handler = false;
        }
    }

    /// Copies small exits and code without lines to where it is jumped to.
    pub(super) fn inline_small_blocks(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for ix in self.order() {
                changed |= self.inline_target(ix);
            }
        }
    }

    fn inline_target(&mut self, ix: BlockIx) -> bool {
        let Some(last) = self.last(ix).copied() else { return false };
        if !last.op.is_unconditional_jump() {
            return false;
        }
        let Some(target) = last.target else { return false };
        let block = &self.blocks[target];
        let small_exit = block.exits_scope() && block.instrs.len() <= MAX_COPY_SIZE;
        let no_line = block.has_no_line() && !block.falls_through();
        if !small_exit && !no_line {
            return false;
        }
        let copied = block.instrs.clone();
        let consumed = copied.len().min(self.blocks[ix].ghosts.len());
        self.blocks[ix].ghosts.drain(..consumed);
        let instrs = &mut self.blocks[ix].instrs;
        if let Some(jump) = instrs.last_mut() {
            jump.set_nop();
        }
        instrs.extend(copied);
        if no_line
            && let Some(jump) = instrs.last_mut()
            && jump.op.is_unconditional_jump()
            && last.op == Op::JUMP
        {
            // A loop must keep its check for signals.
            jump.op = Op::JUMP;
        }
        self.blocks[target].predecessors = self.blocks[target].predecessors.saturating_sub(1);
        true
    }

    /// Removes no-operations that tracing does not need.
    pub(super) fn remove_nops(&mut self) -> usize {
        self.order().into_iter().map(|ix| self.remove_block_nops(ix)).sum()
    }

    fn remove_block_nops(&mut self, ix: BlockIx) -> usize {
        let mut instrs = self.blocks[ix].instrs.clone();
        let (mut kept, mut previous) = (0, -1);
        for at in 0..instrs.len() {
            let instr = instrs[at];
            let line = instr.loc.line;
            if instr.op == Op::NOP {
                if line < 0 || previous == line {
                    continue;
                }
                if at + 1 < instrs.len() {
                    let next = instrs[at + 1].loc.line;
                    if next == line {
                        continue;
                    }
                    if next < 0 {
                        instrs[at + 1].loc = instr.loc;
                        continue;
                    }
                } else if self.line_after(ix) == Some(line) {
                    continue;
                }
            }
            instrs[kept] = instrs[at];
            kept += 1;
            previous = line;
        }
        let removed = instrs.len() - kept;
        if removed > 0 {
            let block = &mut self.blocks[ix];
            block.truncate(kept);
            block.instrs.copy_from_slice(&instrs[..kept]);
        } else {
            self.blocks[ix].instrs = instrs;
        }
        removed
    }

    /// The line of the first instruction after a block that will stay.
    fn line_after(&self, ix: BlockIx) -> Option<i32> {
        let next = self.next_nonempty(self.blocks[ix].next)?;
        let staying = self.blocks[next].instrs.iter().find(|i| i.op != Op::NOP || i.loc.line >= 0);
        Some(staying.map_or(Location::NONE.line, |i| i.loc.line))
    }

    fn remove_redundant_jumps(&mut self) -> usize {
        let mut count = 0;
        for ix in self.order() {
            let Some(last) = self.last(ix).copied() else { continue };
            if last.op.is_unconditional_jump()
                && self.next_nonempty(last.target) == self.next_nonempty(self.blocks[ix].next)
                && let Some(jump) = self.blocks[ix].instrs.last_mut()
            {
                jump.set_nop();
                count += 1;
            }
        }
        count
    }

    pub(super) fn remove_nops_and_jumps(&mut self) {
        while self.remove_nops() + self.remove_redundant_jumps() > 0 {}
    }

    /// Removes values that are pushed and dropped at once, and no-operations.
    pub(super) fn remove_nops_and_pairs(&mut self) {
        let mut done = false;
        while !done {
            done = true;
            let mut before: Option<(BlockIx, usize)> = None;
            for ix in self.order() {
                self.remove_block_nops(ix);
                if self.blocks[ix].is_target {
                    before = None;
                }
                for at in 0..self.blocks[ix].instrs.len() {
                    if self.blocks[ix].instrs[at].op == Op::POP_TOP
                        && let Some((b, i)) = before
                    {
                        let previous = self.blocks[b].instrs[i];
                        let copy = previous.op == Op::COPY && previous.arg == 1;
                        if copy || matches!(previous.op, Op::LOAD_CONST | Op::LOAD_SMALL_INT) {
                            self.blocks[b].instrs[i].set_nop();
                            self.blocks[ix].instrs[at].set_nop();
                            done = false;
                        }
                    }
                    before = Some((ix, at));
                }
                let jumps = before.is_some_and(|(b, i)| self.blocks[b].instrs[i].op.has_jump());
                if jumps || !self.blocks[ix].falls_through() {
                    before = None;
                }
            }
        }
    }
}
