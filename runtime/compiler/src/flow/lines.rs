//! Lines of instructions that the source does not show.

use super::{BlockIx, Cfg};
use crate::ir::Op;
use krait_bytecode::Location;

impl Cfg {
    /// Gives lines to instructions without one where control shows which.
    pub(super) fn resolve_lines(&mut self) {
        self.duplicate_exits();
        self.propagate_lines();
    }

    fn is_exit_without_line(&self, ix: BlockIx) -> bool {
        let block = &self.blocks[ix];
        let checks_signals = block.instrs.iter().any(|i| {
            matches!(i.op, Op::JUMP | Op::JUMP_BACKWARD | Op::CALL | Op::CALL_KW | Op::CALL_FUNCTION_EX | Op::RESUME)
        });
        (block.exits_scope() || checks_signals) && block.has_no_line()
    }

    /// Copies exits without a line that several jumps share, so that each copy can take its jump's line.
    fn duplicate_exits(&mut self) {
        let mut at = Some(0);
        while let Some(ix) = at {
            if let Some(last) = self.last(ix).copied()
                && last.op.has_jump()
                && let Some(target) = self.next_nonempty(last.target)
                && self.is_exit_without_line(target)
                && self.blocks[target].predecessors > 1
            {
                let mut copy = self.blocks[target].clone();
                copy.instrs[0].loc = last.loc;
                copy.predecessors = 1;
                copy.is_target = true;
                copy.ghosts.clear();
                self.blocks.push(copy);
                let new = self.blocks.len() - 1;
                self.blocks[target].next = Some(new);
                self.blocks[target].predecessors -= 1;
                if let Some(jump) = self.blocks[ix].instrs.last_mut() {
                    jump.target = Some(new);
                }
            }
            at = self.blocks[ix].next;
        }
        for ix in self.order() {
            let block = &self.blocks[ix];
            if let Some(next) = block.next
                && block.falls_through()
                && let Some(last) = block.instrs.last()
                && self.is_exit_without_line(next)
                && !self.blocks[next].instrs.is_empty()
            {
                self.blocks[next].instrs[0].loc = last.loc;
            }
        }
    }

    fn propagate_lines(&mut self) {
        for ix in self.order() {
            let mut previous = Location::NONE;
            for instr in &mut self.blocks[ix].instrs {
                if instr.loc.line == Location::NONE.line {
                    instr.loc = previous;
                } else {
                    previous = instr.loc;
                }
            }
            let Some(last) = self.last(ix).copied() else { continue };
            let next = self.blocks[ix].next.filter(|_| self.blocks[ix].falls_through());
            let target = last.target.filter(|_| last.op.has_jump());
            for to in next.into_iter().chain(target) {
                if self.blocks[to].predecessors == 1
                    && let Some(first) = self.blocks[to].instrs.first_mut()
                    && first.loc.line == Location::NONE.line
                {
                    first.loc = previous;
                }
            }
        }
    }
}
