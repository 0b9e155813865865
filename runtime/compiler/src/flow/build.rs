//! From a sequence to blocks, and which handler covers which instruction.

use super::{Block, BlockIx, Cfg, Instr};
use crate::ir::{Op, Sequence};
use krait_bytecode::oparg::RESUME_DEPTH1;

/// A sequence with its annotations in place: instructions, and the index that each target has.
fn flatten(seq: Sequence) -> (Vec<crate::ir::Instr>, Vec<Option<usize>>) {
    let (mut out, mut targets) = (Vec::with_capacity(seq.instrs.len()), Vec::new());
    // Labels are turned into indices of the result; those past the placeholder move.
    let hole = seq.instrs.iter().position(|i| i.op == Op::ANNOTATIONS_PLACEHOLDER);
    let inner = seq.annotations.map(|b| *b);
    let inner_len = inner.as_ref().map_or(0, |s| s.instrs.len());
    let moved = |at: usize| match hole {
        Some(hole) if at > hole => at - 1 + inner_len,
        _ => at,
    };
    for (index, instr) in seq.instrs.iter().enumerate() {
        if Some(index) == hole {
            if let Some(inner) = &inner {
                for instr in &inner.instrs {
                    let target = instr.op.has_target().then(|| index + inner.labels[instr.arg as usize]);
                    out.push(*instr);
                    targets.push(target);
                }
            }
            continue;
        }
        let target = instr.op.has_target().then(|| moved(seq.labels[instr.arg as usize]));
        out.push(*instr);
        targets.push(target);
    }
    (out, targets)
}

impl Cfg {
    /// Splits a sequence into blocks.
    pub(crate) fn build(seq: Sequence) -> Cfg {
        let (instrs, targets) = flatten(seq);
        let mut is_target = vec![false; instrs.len() + 1];
        for target in targets.iter().flatten() {
            is_target[*target] = true;
        }
        let mut cfg = Cfg { blocks: vec![Block::default()] };
        let mut block_at = vec![0; instrs.len() + 1];
        let mut current = 0;
        for (index, instr) in instrs.iter().enumerate() {
            let block = &cfg.blocks[current];
            let ended = block.instrs.last().is_some_and(|i: &Instr| i.op.is_terminator());
            let split = is_target[index] && (!block.instrs.is_empty() || block.is_target);
            if ended || split {
                cfg.blocks.push(Block::default());
                let new = cfg.blocks.len() - 1;
                cfg.blocks[current].next = Some(new);
                current = new;
            }
            if is_target[index] {
                cfg.blocks[current].is_target = true;
                block_at[index] = current;
            }
            cfg.blocks[current].instrs.push(Instr::new(instr.op, instr.arg, instr.loc));
        }
        let mut index = 0;
        for ix in 0..cfg.blocks.len() {
            for at in 0..cfg.blocks[ix].instrs.len() {
                cfg.blocks[ix].instrs[at].target = targets[index].map(|t| block_at[t]);
                index += 1;
            }
        }
        cfg
    }

    pub(super) fn mark_handlers(&mut self) {
        for ix in 0..self.blocks.len() {
            for at in 0..self.blocks[ix].instrs.len() {
                let instr = self.blocks[ix].instrs[at];
                if let Some(target) = instr.target
                    && instr.op.is_block_push()
                {
                    self.blocks[target].is_handler = true;
                }
            }
        }
    }

    /// Notes the handler of each instruction.
    pub(super) fn label_handlers(&mut self) {
        self.clear_visited();
        let mut todo: Vec<(BlockIx, Vec<BlockIx>)> = vec![(0, Vec::new())];
        self.blocks[0].visited = true;
        while let Some((ix, mut stack)) = todo.pop() {
            let mut yield_depth = None;
            for at in 0..self.blocks[ix].instrs.len() {
                let instr = self.blocks[ix].instrs[at];
                if !instr.op.is_block_push() && instr.op != Op::POP_BLOCK {
                    self.blocks[ix].instrs[at].except = stack.last().copied();
                }
                match instr.target {
                    Some(target) => {
                        if !self.blocks[target].visited {
                            self.blocks[target].visited = true;
                            todo.push((target, stack.clone()));
                        }
                        if instr.op.is_block_push() {
                            stack.push(target);
                            if instr.op != Op::SETUP_FINALLY {
                                self.blocks[target].preserve_lasti = true;
                            }
                        }
                    }
                    None if instr.op == Op::POP_BLOCK => {
                        stack.pop();
                        self.blocks[ix].instrs[at].set_nop();
                    }
                    None if instr.op == Op::YIELD_VALUE => yield_depth = Some(stack.len()),
                    None if instr.op == Op::RESUME && instr.arg != 0 && yield_depth.take() == Some(1) => {
                        self.blocks[ix].instrs[at].arg |= RESUME_DEPTH1;
                    }
                    None => {}
                }
            }
            if let Some(next) = self.blocks[ix].next
                && self.blocks[ix].falls_through()
                && !self.blocks[next].visited
            {
                self.blocks[next].visited = true;
                todo.push((next, stack));
            }
        }
    }
}
