//! Passes over single blocks: constants, jumps to jumps, swaps.

use super::{BlockIx, Cfg, Instr};
use crate::fold;
use crate::ir::Op;
use indexmap::IndexSet;
use krait_bytecode::oparg::{COMPARE_TO_BOOL, Intrinsic1};
use krait_bytecode::{Constant, Location};
use num_traits::ToPrimitive;
use rustc_hash::FxBuildHasher;

/// Collections longer than this are built piece by piece.
const STACK_GUIDELINE: usize = 30;

/// The constants while they are folded.
pub(super) struct Pool {
    consts: IndexSet<Constant, FxBuildHasher>,
}

impl Pool {
    pub(super) fn new(consts: Vec<Constant>) -> Pool {
        Pool { consts: consts.into_iter().collect() }
    }

    /// What a loading instruction loads.
    fn value(&self, instr: &Instr) -> Option<Constant> {
        match instr.op {
            Op::LOAD_CONST => self.consts.get_index(instr.arg as usize).cloned(),
            Op::LOAD_SMALL_INT => Some(Constant::Int(instr.arg.into())),
            _ => None,
        }
    }

    fn load(&mut self, instr: &mut Instr, value: Constant) {
        if let Constant::Int(int) = &value
            && let Some(small) = int.to_u8()
        {
            instr.set(Op::LOAD_SMALL_INT, small.into());
            return;
        }
        let index = self.consts.insert_full(value).0;
        instr.set(Op::LOAD_CONST, index as u32);
    }

    /// The constants that are loaded, renumbered; the first one stays because it may be the docstring.
    pub(super) fn into_used(self, cfg: &mut Cfg) -> Vec<Constant> {
        let mut used = vec![false; self.consts.len()];
        if let Some(first) = used.first_mut() {
            *first = true;
        }
        let loads = |i: &Instr| i.op == Op::LOAD_CONST;
        for instr in cfg.order().into_iter().flat_map(|ix| &cfg.blocks[ix].instrs).filter(|i| loads(i)) {
            used[instr.arg as usize] = true;
        }
        let mut renumbered = vec![0u32; used.len()];
        let mut next = 0;
        for (index, used) in used.iter().enumerate() {
            renumbered[index] = next;
            next += u32::from(*used);
        }
        for instr in cfg.blocks.iter_mut().flat_map(|b| &mut b.instrs).filter(|i| loads(i)) {
            instr.arg = renumbered[instr.arg as usize];
        }
        self.consts.into_iter().zip(used).filter(|(_, used)| *used).map(|(c, _)| c).collect()
    }
}

fn loads_const(op: Op) -> bool {
    matches!(op, Op::LOAD_CONST | Op::LOAD_SMALL_INT)
}

fn swappable(op: Op) -> bool {
    matches!(op, Op::STORE_FAST | Op::STORE_FAST_MAYBE_NULL | Op::POP_TOP)
}

fn stores_to(instr: &Instr) -> Option<u32> {
    matches!(instr.op, Op::STORE_FAST | Op::STORE_FAST_MAYBE_NULL).then_some(instr.arg)
}

impl Cfg {
    /// Small integers, and tests of constants.
    pub(super) fn fold_loads(&mut self, ix: BlockIx, pool: &mut Pool) {
        let mut instrs = std::mem::take(&mut self.blocks[ix].instrs);
        let mut loaded = Instr::new(Op::NOP, 0, Location::NONE);
        for at in 0..instrs.len() {
            if instrs[at].op == Op::LOAD_CONST
                && let Some(value @ Constant::Int(_)) = pool.value(&instrs[at])
            {
                let mut instr = instrs[at];
                pool.load(&mut instr, value);
                instrs[at] = instr;
            }
            let copies = loads_const(loaded.op) && instrs[at].op == Op::COPY && instrs[at].arg == 1;
            if !copies {
                loaded = instrs[at];
            }
            let Some(value) = pool.value(&loaded) else { continue };
            let Some(next) = instrs.get(at + 1).copied() else { continue };
            match next.op {
                Op::POP_JUMP_IF_FALSE | Op::POP_JUMP_IF_TRUE | Op::JUMP_IF_FALSE | Op::JUMP_IF_TRUE => {
                    if matches!(next.op, Op::POP_JUMP_IF_FALSE | Op::POP_JUMP_IF_TRUE) {
                        instrs[at].set_nop();
                    }
                    let on = matches!(next.op, Op::POP_JUMP_IF_TRUE | Op::JUMP_IF_TRUE);
                    if value.truth() == on {
                        instrs[at + 1].op = Op::JUMP;
                    } else {
                        instrs[at + 1].set_nop();
                    }
                }
                Op::IS_OP if value == Constant::None => fold_is_none(&mut instrs, at),
                Op::TO_BOOL => {
                    instrs[at].set_nop();
                    let index = pool.consts.insert_full(Constant::bool(value.truth())).0;
                    instrs[at + 1].set(Op::LOAD_CONST, index as u32);
                }
                _ => {}
            }
        }
        self.blocks[ix].instrs = instrs;
    }

    /// The instruction that a jump leads to, past empty blocks.
    fn jump_target(&mut self, ix: BlockIx, at: usize) -> Option<Instr> {
        let target = self.next_nonempty(self.blocks[ix].instrs[at].target)?;
        self.blocks[ix].instrs[at].target = Some(target);
        self.blocks[target].instrs.first().copied()
    }

    /// Replaces a jump to a jump; returns whether it did.
    fn thread_jump(&mut self, ix: BlockIx, at: usize, target: &Instr, op: Op) -> bool {
        if self.blocks[ix].instrs[at].target == target.target {
            return false;
        }
        let mut jump = Instr::new(op, 0, target.loc);
        jump.target = target.target;
        self.blocks[ix].instrs[at].set_nop();
        self.blocks[ix].push(jump);
        true
    }

    pub(super) fn optimize_block(&mut self, ix: BlockIx, pool: &mut Pool) {
        let mut at = 0;
        while at < self.blocks[ix].instrs.len() {
            let instr = self.blocks[ix].instrs[at];
            let target = if instr.op.has_target() { self.jump_target(ix, at) } else { None };
            let again = match target {
                Some(target) => self.optimize_jump(ix, at, &target),
                None => {
                    let instrs = &mut self.blocks[ix].instrs;
                    let skip = optimize_instr(instrs, at, pool);
                    at += skip;
                    false
                }
            };
            if !again {
                at += 1;
            }
        }
    }

    /// Returns whether the same place has to be looked at again.
    fn optimize_jump(&mut self, ix: BlockIx, at: usize, target: &Instr) -> bool {
        let op = self.blocks[ix].instrs[at].op;
        match (op, target.op) {
            (
                Op::POP_JUMP_IF_NOT_NONE | Op::POP_JUMP_IF_NONE | Op::POP_JUMP_IF_FALSE | Op::POP_JUMP_IF_TRUE,
                Op::JUMP,
            ) => self.thread_jump(ix, at, target, op),
            (Op::JUMP_IF_FALSE, Op::JUMP | Op::JUMP_IF_FALSE) | (Op::JUMP_IF_TRUE, Op::JUMP | Op::JUMP_IF_TRUE) => {
                self.thread_jump(ix, at, target, op)
            }
            (Op::JUMP_IF_FALSE, Op::JUMP_IF_TRUE) | (Op::JUMP_IF_TRUE, Op::JUMP_IF_FALSE) => {
                let over = self.blocks[ix].instrs[at].target.and_then(|t| self.blocks[t].next);
                self.blocks[ix].instrs[at].target = over;
                over.is_some()
            }
            (Op::JUMP | Op::JUMP_NO_INTERRUPT, Op::JUMP) => self.thread_jump(ix, at, target, Op::JUMP),
            (Op::JUMP | Op::JUMP_NO_INTERRUPT, Op::JUMP_NO_INTERRUPT) => self.thread_jump(ix, at, target, op),
            _ => false,
        }
    }
}

/// `x is None` before a jump.
fn fold_is_none(instrs: &mut [Instr], at: usize) {
    let mut jump_at = at + 2;
    if instrs.get(jump_at).is_some_and(|i| i.op == Op::TO_BOOL) {
        instrs[jump_at].set_nop();
        jump_at += 1;
    }
    let Some(jump) = instrs.get(jump_at) else { return };
    let invert = instrs[at + 1].arg != 0;
    let invert = match jump.op {
        Op::POP_JUMP_IF_FALSE => !invert,
        Op::POP_JUMP_IF_TRUE => invert,
        _ => return,
    };
    instrs[at].set_nop();
    instrs[at + 1].set_nop();
    instrs[jump_at].op = if invert { Op::POP_JUMP_IF_NOT_NONE } else { Op::POP_JUMP_IF_NONE };
}

/// One instruction that does not jump; returns how many of the following ones are done too.
fn optimize_instr(instrs: &mut [Instr], at: usize, pool: &mut Pool) -> usize {
    let instr = instrs[at];
    let next = instrs.get(at + 1).map_or(Op::NOP, |i| i.op);
    match instr.op {
        Op::BUILD_TUPLE => {
            if next == Op::UNPACK_SEQUENCE && instrs[at + 1].arg == instr.arg && (1..=3).contains(&instr.arg) {
                instrs[at].set_nop();
                if instr.arg == 1 {
                    instrs[at + 1].set_nop();
                } else {
                    instrs[at + 1].op = Op::SWAP;
                }
            } else {
                fold_tuple(instrs, at, pool);
            }
        }
        Op::BUILD_LIST | Op::BUILD_SET => fold_list(instrs, at, next, pool),
        Op::COMPARE_OP if next == Op::TO_BOOL => {
            instrs[at].set_nop();
            instrs[at + 1].set(Op::COMPARE_OP, instr.arg | COMPARE_TO_BOOL);
        }
        Op::CONTAINS_OP | Op::IS_OP if next == Op::TO_BOOL => {
            instrs[at].set_nop();
            instrs[at + 1].set(instr.op, instr.arg);
        }
        Op::CONTAINS_OP | Op::IS_OP if next == Op::UNARY_NOT => {
            instrs[at].set_nop();
            instrs[at + 1].set(instr.op, instr.arg ^ 1);
        }
        Op::TO_BOOL if next == Op::TO_BOOL => instrs[at].set_nop(),
        Op::UNARY_NOT if next == Op::TO_BOOL => {
            instrs[at].set_nop();
            instrs[at + 1].set(Op::UNARY_NOT, 0);
        }
        Op::UNARY_NOT if next == Op::UNARY_NOT => {
            instrs[at].set_nop();
            instrs[at + 1].set_nop();
        }
        Op::UNARY_NOT | Op::UNARY_NEGATIVE | Op::UNARY_INVERT => fold_unary(instrs, at, pool),
        Op::BINARY_OP => fold_binary(instrs, at, pool),
        Op::CALL_INTRINSIC_1 if instr.arg == Intrinsic1::ListToTuple as u32 => {
            if next == Op::GET_ITER {
                instrs[at].set_nop();
            } else {
                fold_list_to_tuple(instrs, at, pool);
            }
        }
        Op::CALL_INTRINSIC_1 if instr.arg == Intrinsic1::UnaryPositive as u32 => fold_unary(instrs, at, pool),
        Op::LOAD_GLOBAL if next == Op::PUSH_NULL && instr.arg & 1 == 0 => {
            instrs[at].arg |= 1;
            instrs[at + 1].set_nop();
        }
        Op::STORE_FAST
            if next == Op::STORE_FAST
                && instrs[at + 1].arg == instr.arg
                && instrs[at + 1].loc.line == instr.loc.line =>
        {
            instrs[at].set(Op::POP_TOP, 0);
        }
        Op::SWAP if instr.arg == 1 => instrs[at].set_nop(),
        Op::SWAP => {
            let skip = shorten_swaps(instrs, at);
            apply_swaps(instrs, at + skip);
            return skip;
        }
        _ => {}
    }
    0
}

/// The `count` instructions before `at` that load constants, first one first, past no-operations.
fn const_loads(instrs: &[Instr], at: usize, count: usize) -> Option<Vec<usize>> {
    let (mut found, mut i) = (Vec::with_capacity(count), at);
    while found.len() < count {
        i = i.checked_sub(1)?;
        match instrs[i].op {
            Op::NOP => {}
            op if loads_const(op) => found.push(i),
            _ => return None,
        }
    }
    found.reverse();
    Some(found)
}

fn nop_out(instrs: &mut [Instr], list: &[usize]) {
    for at in list {
        instrs[*at].set_nop();
        instrs[*at].loc = Location::NONE;
    }
}

fn values(instrs: &[Instr], loads: &[usize], pool: &Pool) -> Option<Vec<Constant>> {
    loads.iter().map(|at| pool.value(&instrs[*at])).collect()
}

fn fold_tuple(instrs: &mut [Instr], at: usize, pool: &mut Pool) {
    let size = instrs[at].arg as usize;
    if size > STACK_GUIDELINE {
        return;
    }
    let Some(loads) = const_loads(instrs, at, size) else { return };
    let Some(items) = values(instrs, &loads, pool) else { return };
    nop_out(instrs, &loads);
    pool.load(&mut instrs[at], Constant::Tuple(items));
}

fn fold_list(instrs: &mut [Instr], at: usize, next: Op, pool: &mut Pool) {
    let instr = instrs[at];
    let size = instr.arg as usize;
    let consumed = matches!(next, Op::GET_ITER | Op::CONTAINS_OP);
    if size > STACK_GUIDELINE || (size < 3 && !consumed) {
        return;
    }
    let loads = const_loads(instrs, at, size);
    let items = loads.as_ref().and_then(|l| values(instrs, l, pool));
    let (Some(loads), Some(items)) = (loads, items) else {
        if consumed && instr.op == Op::BUILD_LIST {
            instrs[at].op = Op::BUILD_TUPLE;
        }
        return;
    };
    let value = if instr.op == Op::BUILD_SET { fold::frozenset(items) } else { Constant::Tuple(items) };
    if consumed {
        nop_out(instrs, &loads);
        pool.load(&mut instrs[at], value);
        return;
    }
    let (rest, last) = loads.split_at(size - 2);
    nop_out(instrs, rest);
    instrs[last[0]].set(instr.op, 0);
    instrs[last[0]].loc = instr.loc;
    pool.load(&mut instrs[last[1]], value);
    instrs[last[1]].loc = instr.loc;
    instrs[at].set(if instr.op == Op::BUILD_LIST { Op::LIST_EXTEND } else { Op::SET_UPDATE }, 1);
}

/// A long tuple of constants that was built as a list.
fn fold_list_to_tuple(instrs: &mut [Instr], at: usize, pool: &mut Pool) {
    let (mut used, mut items, mut append) = (Vec::new(), Vec::new(), true);
    for i in (0..at).rev() {
        let instr = instrs[i];
        match instr.op {
            Op::NOP => continue,
            Op::BUILD_LIST if instr.arg == 0 && append => {
                used.push(i);
                items.reverse();
                nop_out(instrs, &used);
                pool.load(&mut instrs[at], Constant::Tuple(items));
                return;
            }
            Op::LIST_APPEND if append && instr.arg == 1 => append = false,
            op if !append && loads_const(op) => {
                let Some(value) = pool.value(&instr) else { return };
                items.push(value);
                append = true;
            }
            _ => return,
        }
        used.push(i);
    }
}

fn fold_unary(instrs: &mut [Instr], at: usize, pool: &mut Pool) {
    let Some(loads) = const_loads(instrs, at, 1) else { return };
    let Some(value) = pool.value(&instrs[loads[0]]) else { return };
    let op = match instrs[at].op {
        Op::UNARY_NOT => fold::Unary::Not,
        Op::UNARY_NEGATIVE => fold::Unary::Negative,
        Op::UNARY_INVERT => fold::Unary::Invert,
        _ => fold::Unary::Positive,
    };
    if let Some(result) = fold::unary(op, &value) {
        nop_out(instrs, &loads);
        pool.load(&mut instrs[at], result);
    }
}

fn fold_binary(instrs: &mut [Instr], at: usize, pool: &mut Pool) {
    let Some(loads) = const_loads(instrs, at, 2) else { return };
    let Some(operands) = values(instrs, &loads, pool) else { return };
    if let Some(result) = fold::binary(instrs[at].arg, &operands[0], &operands[1]) {
        nop_out(instrs, &loads);
        pool.load(&mut instrs[at], result);
    }
}

/// Replaces a run of swaps by the shortest one with the same effect; returns the length of the run less one.
fn shorten_swaps(instrs: &mut [Instr], at: usize) -> usize {
    const VISITED: usize = usize::MAX;
    let (mut depth, mut len, mut more) = (instrs[at].arg as usize, 1, false);
    while let Some(instr) = instrs.get(at + len) {
        match instr.op {
            Op::SWAP => {
                depth = depth.max(instr.arg as usize);
                more = true;
            }
            Op::NOP => {}
            _ => break,
        }
        len += 1;
    }
    if !more {
        return 0;
    }
    let mut stack: Vec<usize> = (0..depth).collect();
    for instr in instrs[at..at + len].iter().filter(|i| i.op == Op::SWAP) {
        stack.swap(0, instr.arg as usize - 1);
    }
    // Each cycle of the permutation is walked through the top, from the end of the run backwards.
    let mut current = len;
    for i in 0..depth {
        if stack[i] == VISITED || stack[i] == i {
            continue;
        }
        let mut j = i;
        loop {
            if j != 0 {
                current -= 1;
                instrs[at + current].set(Op::SWAP, j as u32 + 1);
            }
            if stack[j] == VISITED {
                break;
            }
            j = std::mem::replace(&mut stack[j], VISITED);
        }
    }
    instrs[at..at + current].iter_mut().for_each(Instr::set_nop);
    len - 1
}

fn next_swappable(instrs: &[Instr], mut at: usize, line: i32) -> Option<usize> {
    loop {
        at += 1;
        let instr = instrs.get(at)?;
        if line >= 0 && instr.loc.line != line {
            return None;
        }
        if instr.op == Op::NOP {
            continue;
        }
        return swappable(instr.op).then_some(at);
    }
}

/// Exchanges stores instead of values where that is the same.
fn apply_swaps(instrs: &mut [Instr], from: usize) {
    for at in (0..=from).rev() {
        let swap = instrs[at];
        if swap.op != Op::SWAP {
            if swap.op == Op::NOP || swappable(swap.op) {
                continue;
            }
            return;
        }
        let Some(j) = next_swappable(instrs, at, -1) else { return };
        let line = instrs[j].loc.line;
        let mut k = j;
        for _ in 1..swap.arg {
            match next_swappable(instrs, k, line) {
                Some(next) => k = next,
                None => return,
            }
        }
        let (a, b) = (stores_to(&instrs[j]), stores_to(&instrs[k]));
        if a.is_some() || b.is_some() {
            if a == b {
                return;
            }
            let between = instrs[j + 1..k].iter().filter_map(stores_to);
            if between.into_iter().any(|s| Some(s) == a || Some(s) == b) {
                return;
            }
        }
        instrs[at].set_nop();
        instrs.swap(j, k);
    }
}
