//! Loads of locals that need not count a reference.
//!
//! A load may borrow when its value is consumed in the same block, before the local is changed, and is not itself
//! stored in a local.

use super::{BlockIx, Cfg};
use crate::ir::Op;

/// A value on the stack: which instruction of the block made it, and the local it came from.
#[derive(Clone, Copy)]
struct Value {
    made_by: Option<usize>,
    local: Option<u32>,
}

impl Value {
    fn made(at: usize) -> Value {
        Value { made_by: Some(at), local: None }
    }
}

struct Walk {
    stack: Vec<Value>,
    /// Instructions whose values must be owned.
    owned: Vec<bool>,
}

impl Walk {
    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value { made_by: None, local: None })
    }

    fn load(&mut self, at: usize, local: u32) {
        self.stack.push(Value { made_by: Some(at), local: Some(local) });
    }

    fn push(&mut self, at: usize, count: usize) {
        self.stack.extend(std::iter::repeat_n(Value::made(at), count));
    }

    fn kill(&mut self, local: u32) {
        for value in &self.stack {
            if value.local == Some(local)
                && let Some(at) = value.made_by
            {
                self.owned[at] = true;
            }
        }
    }

    fn store(&mut self, local: u32) {
        let value = self.pop();
        self.kill(local);
        if let Some(at) = value.made_by {
            self.owned[at] = true;
        }
    }
}

impl Cfg {
    /// Turns loads into borrowing loads where that is safe.
    pub(super) fn borrow_loads(&mut self) {
        self.clear_visited();
        let mut todo = Vec::new();
        self.visit_later(0, 0, &mut todo);
        while let Some((ix, depth)) = todo.pop() {
            self.borrow_block(ix, depth, &mut todo);
        }
    }

    fn visit_later(&mut self, ix: BlockIx, depth: usize, todo: &mut Vec<(BlockIx, usize)>) {
        if !self.blocks[ix].visited {
            self.blocks[ix].visited = true;
            todo.push((ix, depth));
        }
    }

    fn borrow_block(&mut self, ix: BlockIx, depth: usize, todo: &mut Vec<(BlockIx, usize)>) {
        let count = self.blocks[ix].instrs.len();
        let unknown = Value { made_by: None, local: None };
        let mut walk = Walk { stack: vec![unknown; depth], owned: vec![false; count] };
        for at in 0..count {
            let instr = self.blocks[ix].instrs[at];
            let (op, arg) = (instr.op, instr.arg);
            match op {
                Op::DELETE_FAST => walk.kill(arg),
                Op::LOAD_FAST => walk.load(at, arg),
                Op::LOAD_FAST_AND_CLEAR => {
                    walk.kill(arg);
                    walk.push(at, 1);
                }
                Op::LOAD_FAST_LOAD_FAST => {
                    walk.load(at, arg >> 4);
                    walk.load(at, arg & 15);
                }
                Op::STORE_FAST => walk.store(arg),
                Op::STORE_FAST_LOAD_FAST => {
                    walk.store(arg >> 4);
                    walk.load(at, arg & 15);
                }
                Op::STORE_FAST_STORE_FAST => {
                    walk.store(arg >> 4);
                    walk.store(arg & 15);
                }
                Op::COPY => {
                    let from = walk.stack.len().checked_sub(arg as usize);
                    let value = from.map_or(unknown, |f| walk.stack[f]);
                    walk.stack.push(value);
                }
                Op::SWAP => {
                    let top = walk.stack.len();
                    if arg >= 2 && top >= arg as usize {
                        walk.stack.swap(top - 1, top - arg as usize);
                    }
                }
                _ => self.borrow_other(instr, at, &mut walk, todo),
            }
        }
        // Control is not followed through empty blocks; that costs a few borrows and is what CPython does.
        if let Some(next) = self.blocks[ix].next
            && count > 0
            && self.blocks[ix].falls_through()
        {
            self.visit_later(next, walk.stack.len(), todo);
        }
        for value in &walk.stack {
            if let Some(at) = value.made_by {
                walk.owned[at] = true;
            }
        }
        for (instr, owned) in self.blocks[ix].instrs.iter_mut().zip(walk.owned) {
            if owned {
                continue;
            }
            match instr.op {
                Op::LOAD_FAST => instr.op = Op::LOAD_FAST_BORROW,
                Op::LOAD_FAST_LOAD_FAST => instr.op = Op::LOAD_FAST_BORROW_LOAD_FAST_BORROW,
                _ => {}
            }
        }
    }

    fn borrow_other(&mut self, instr: super::Instr, at: usize, walk: &mut Walk, todo: &mut Vec<(BlockIx, usize)>) {
        let (op, arg) = (instr.op, instr.arg);
        let (pops, pushes) = op.effect(arg);
        let (pops, pushes) = (pops as usize, pushes as usize);
        match op {
            // These leave all their inputs.
            Op::FORMAT_SIMPLE
            | Op::GET_ANEXT
            | Op::GET_LEN
            | Op::GET_YIELD_FROM_ITER
            | Op::IMPORT_FROM
            | Op::MATCH_KEYS
            | Op::MATCH_MAPPING
            | Op::MATCH_SEQUENCE
            | Op::WITH_EXCEPT_START => walk.push(at, pushes - pops),
            // These consume some and push nothing new.
            Op::DICT_MERGE
            | Op::DICT_UPDATE
            | Op::LIST_APPEND
            | Op::LIST_EXTEND
            | Op::MAP_ADD
            | Op::RERAISE
            | Op::SET_ADD
            | Op::SET_UPDATE => {
                for _ in 0..pops - pushes {
                    walk.pop();
                }
            }
            Op::END_SEND | Op::SET_FUNCTION_ATTRIBUTE => {
                let top = walk.pop();
                walk.pop();
                walk.stack.push(top);
            }
            Op::END_ASYNC_FOR => {
                walk.pop();
                walk.pop();
            }
            Op::CHECK_EXC_MATCH => {
                walk.pop();
                walk.push(at, 1);
            }
            Op::FOR_ITER => {
                if let Some(target) = instr.target {
                    self.visit_later(target, walk.stack.len() + 1, todo);
                }
                walk.push(at, 1);
            }
            Op::LOAD_ATTR | Op::LOAD_SUPER_ATTR => {
                let object = walk.pop();
                if op == Op::LOAD_SUPER_ATTR {
                    walk.pop();
                    walk.pop();
                }
                walk.push(at, 1);
                if arg & 1 != 0 {
                    walk.stack.push(object);
                }
            }
            Op::LOAD_SPECIAL | Op::PUSH_EXC_INFO => {
                let top = walk.pop();
                walk.push(at, 1);
                walk.stack.push(top);
            }
            Op::SEND => {
                if let Some(target) = instr.target {
                    self.visit_later(target, walk.stack.len(), todo);
                }
                walk.pop();
                walk.push(at, 1);
            }
            _ => {
                if let Some(target) = instr.target {
                    let depth = (walk.stack.len() + pushes).saturating_sub(pops);
                    self.visit_later(target, depth, todo);
                }
                if !op.is_block_push() {
                    for _ in 0..pops {
                        walk.pop();
                    }
                    walk.push(at, pushes);
                }
            }
        }
    }
}
