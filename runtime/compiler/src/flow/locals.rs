//! Locals that may be unbound, and pairs of local accesses.

use super::{BlockIx, Cfg};
use crate::ir::Op;

/// Locals that are followed between blocks.
const TRACKED: usize = 64;

impl Cfg {
    /// Makes loads of locals that may be unbound check that.
    pub(super) fn check_uninitialized(&mut self, mut nlocals: usize, nparams: usize) {
        if nlocals == 0 {
            return;
        }
        if nlocals > TRACKED {
            self.check_many(nlocals);
            nlocals = TRACKED;
        }
        for block in &mut self.blocks {
            block.unsafe_locals = 0;
            block.on_stack = false;
        }
        let mut stack = Vec::new();
        let mut start = 0u64;
        for local in nparams..nlocals {
            start |= 1 << local;
        }
        self.spread(0, start, &mut stack);
        for ix in self.order() {
            self.scan_locals(ix, &mut stack);
        }
        while let Some(ix) = stack.pop() {
            self.blocks[ix].on_stack = false;
            self.scan_locals(ix, &mut stack);
        }
    }

    fn spread(&mut self, ix: BlockIx, mask: u64, stack: &mut Vec<BlockIx>) {
        let block = &mut self.blocks[ix];
        let both = block.unsafe_locals | mask;
        if both != block.unsafe_locals {
            block.unsafe_locals = both;
            if !block.on_stack {
                block.on_stack = true;
                stack.push(ix);
            }
        }
    }

    fn scan_locals(&mut self, ix: BlockIx, stack: &mut Vec<BlockIx>) {
        let mut mask = self.blocks[ix].unsafe_locals;
        for at in 0..self.blocks[ix].instrs.len() {
            let instr = self.blocks[ix].instrs[at];
            if let Some(handler) = instr.except {
                self.spread(handler, mask, stack);
            }
            if instr.arg as usize >= TRACKED {
                continue;
            }
            let bit = 1u64 << instr.arg;
            match instr.op {
                Op::DELETE_FAST | Op::LOAD_FAST_AND_CLEAR | Op::STORE_FAST_MAYBE_NULL => mask |= bit,
                Op::STORE_FAST | Op::LOAD_FAST_CHECK => mask &= !bit,
                Op::LOAD_FAST => {
                    if mask & bit != 0 {
                        self.blocks[ix].instrs[at].op = Op::LOAD_FAST_CHECK;
                    }
                    mask &= !bit;
                }
                _ => {}
            }
        }
        if let Some(next) = self.blocks[ix].next
            && self.blocks[ix].falls_through()
        {
            self.spread(next, mask, stack);
        }
        if let Some(last) = self.last(ix).copied()
            && last.op.has_jump()
            && let Some(target) = last.target
        {
            self.spread(target, mask, stack);
        }
    }

    /// Locals past the tracked ones are followed inside a block only.
    fn check_many(&mut self, nlocals: usize) {
        let mut bound_in = vec![0usize; nlocals - TRACKED];
        for (number, ix) in self.order().into_iter().enumerate() {
            let number = number + 1;
            for instr in &mut self.blocks[ix].instrs {
                let Some(slot) = (instr.arg as usize).checked_sub(TRACKED) else { continue };
                match instr.op {
                    Op::DELETE_FAST | Op::LOAD_FAST_AND_CLEAR | Op::STORE_FAST_MAYBE_NULL => {
                        bound_in[slot] = number - 1;
                    }
                    Op::STORE_FAST => bound_in[slot] = number,
                    Op::LOAD_FAST => {
                        if bound_in[slot] != number {
                            instr.op = Op::LOAD_FAST_CHECK;
                        }
                        bound_in[slot] = number;
                    }
                    _ => {}
                }
            }
        }
    }

    /// Joins accesses to two locals in one instruction.
    pub(super) fn superinstructions(&mut self) {
        for ix in self.order() {
            let instrs = &mut self.blocks[ix].instrs;
            for at in 0..instrs.len().saturating_sub(1) {
                let (first, second) = (instrs[at], instrs[at + 1]);
                let op = match (first.op, second.op) {
                    (Op::LOAD_FAST, Op::LOAD_FAST) => Op::LOAD_FAST_LOAD_FAST,
                    (Op::STORE_FAST, Op::LOAD_FAST) => Op::STORE_FAST_LOAD_FAST,
                    (Op::STORE_FAST, Op::STORE_FAST) => Op::STORE_FAST_STORE_FAST,
                    _ => continue,
                };
                let (a, b) = (first.loc.line, second.loc.line);
                if (a >= 0 && b >= 0 && a != b) || first.arg >= 16 || second.arg >= 16 {
                    continue;
                }
                instrs[at].set(op, first.arg << 4 | second.arg);
                instrs[at + 1].set_nop();
            }
        }
        self.remove_nops();
    }
}
