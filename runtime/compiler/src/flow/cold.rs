//! Exception handlers and what only they reach move to the end.

use super::{Block, Cfg, Instr};
use crate::ir::Op;
use krait_bytecode::Location;

impl Cfg {
    pub(super) fn push_cold_to_end(&mut self) {
        if self.blocks[0].next.is_none() {
            return;
        }
        self.mark_warm();
        self.mark_cold();
        // A cold block that runs into a warm one needs a jump.
        for ix in self.order() {
            let block = &self.blocks[ix];
            let Some(next) = block.next else { continue };
            if block.cold && block.falls_through() && self.blocks[next].warm {
                let mut jump = Instr::new(Op::JUMP_NO_INTERRUPT, 0, Location::NONE);
                jump.target = Some(next);
                let block =
                    Block { instrs: vec![jump], next: Some(next), cold: true, predecessors: 1, ..Block::default() };
                self.blocks.push(block);
                let new = self.blocks.len() - 1;
                self.blocks[ix].next = Some(new);
                self.blocks[next].is_target = true;
            }
        }
        let order = self.order();
        let (cold, warm): (Vec<_>, Vec<_>) = order.into_iter().partition(|ix| self.blocks[*ix].cold);
        let any_cold = !cold.is_empty();
        let all: Vec<_> = warm.into_iter().chain(cold).collect();
        for pair in all.windows(2) {
            self.blocks[pair[0]].next = Some(pair[1]);
        }
        if let Some(last) = all.last() {
            self.blocks[*last].next = None;
        }
        if any_cold {
            self.remove_nops_and_jumps();
        }
    }

    fn mark_warm(&mut self) {
        self.clear_visited();
        let mut stack = vec![0];
        self.blocks[0].visited = true;
        while let Some(ix) = stack.pop() {
            self.blocks[ix].warm = true;
            for to in self.successors(ix) {
                if !self.blocks[to].visited {
                    self.blocks[to].visited = true;
                    stack.push(to);
                }
            }
        }
    }

    fn mark_cold(&mut self) {
        self.clear_visited();
        let mut stack = Vec::new();
        for ix in self.order() {
            if self.blocks[ix].is_handler {
                self.blocks[ix].visited = true;
                stack.push(ix);
            }
        }
        while let Some(ix) = stack.pop() {
            self.blocks[ix].cold = true;
            for to in self.successors(ix) {
                if !self.blocks[to].warm && !self.blocks[to].visited {
                    self.blocks[to].visited = true;
                    stack.push(to);
                }
            }
        }
    }

    /// Where control goes without an exception.
    fn successors(&self, ix: usize) -> Vec<usize> {
        let block = &self.blocks[ix];
        let next = block.next.filter(|_| block.falls_through());
        let jumps = block.instrs.iter().filter(|i| i.op.has_jump()).filter_map(|i| i.target);
        next.into_iter().chain(jumps).collect()
    }
}
