//! Comprehensions, inlined (PEP 709) or as functions, and generator expressions.

use super::Codegen;
use super::unit::ScopeKind;
use super::unwind::FrameBlockKind;
use crate::ast::*;
use crate::error::Res;
use crate::ir::{Label, Op};
use crate::symtable::{BlockId, BlockKind, CompKind, Scope, Symbol, def, key};
use krait_bytecode::{Constant, Location};

const NONE: Location = Location::NONE;

/// A comprehension's parts.
struct Parts<'a> {
    kind: CompKind,
    generators: &'a [Comprehension],
    elt: &'a Expr,
    value: Option<&'a Expr>,
}

/// What an inlined comprehension changed and has to put back.
#[derive(Default)]
struct Inlined {
    pushed: Vec<Name>,
    symbols: Vec<(Name, Option<Symbol>)>,
    hidden: Vec<Name>,
    cleanup: Option<Label>,
    end: Option<Label>,
}

impl<'a> Codegen<'a> {
    pub(super) fn comprehension(&mut self, e: &'a Expr) -> Res {
        use ExprKind as E;
        let parts = match &e.kind {
            E::ListComp { elt, generators } => Parts { kind: CompKind::List, generators, elt, value: None },
            E::SetComp { elt, generators } => Parts { kind: CompKind::Set, generators, elt, value: None },
            E::DictComp { key, value, generators } => {
                Parts { kind: CompKind::Dict, generators, elt: key, value: Some(value) }
            }
            E::GeneratorExp { elt, generators } => Parts { kind: CompKind::Generator, generators, elt, value: None },
            _ => return Ok(()),
        };
        let id = self.table.block_of(key(e));
        if self.table.blocks[id].comp_inlined {
            return self.inlined_comprehension(e.loc, id, &parts);
        }
        let name = self.table.blocks[id].name.clone();
        let is_async = self.table.blocks[id].coroutine;
        self.enter(&name, ScopeKind::Comprehension, key(e), e.loc.line, None);
        self.unit().argcount = 1;
        self.start_collection(e.loc, parts.kind);
        self.generator(e.loc, &parts, 0, 0, false)?;
        if parts.kind == CompKind::Generator {
            self.wrap_stop_iteration();
        } else {
            self.op(parts.elt.loc, Op::RETURN_VALUE);
        }
        let code = self.finish(true)?;
        self.make_closure(e.loc, code, 0);
        self.outermost_iter(e.loc, &parts.generators[0])?;
        self.op_i(e.loc, Op::CALL, 0);
        if is_async && parts.kind != CompKind::Generator {
            self.op_i(e.loc, Op::GET_AWAITABLE, 0);
            self.konst(e.loc, Constant::None);
            self.yield_from(e.loc, true, None)?;
        }
        Ok(())
    }

    fn outermost_iter(&mut self, loc: Location, generator: &'a Comprehension) -> Res {
        self.expr(&generator.iter)?;
        let op = if generator.is_async { Op::GET_AITER } else { Op::GET_ITER };
        let _ = loc;
        self.op(generator.iter.loc, op);
        Ok(())
    }

    fn start_collection(&mut self, loc: Location, kind: CompKind) {
        let op = match kind {
            CompKind::List => Op::BUILD_LIST,
            CompKind::Set => Op::BUILD_SET,
            CompKind::Dict => Op::BUILD_MAP,
            CompKind::Generator | CompKind::None => return,
        };
        self.op_i(loc, op, 0);
    }

    fn inlined_comprehension(&mut self, loc: Location, id: BlockId, parts: &Parts<'a>) -> Res {
        self.outermost_iter(loc, &parts.generators[0])?;
        self.check_blocks(loc)?;
        let state = self.push_inlined(loc, id);
        self.unit().in_inlined_comp += 1;
        self.start_collection(loc, parts.kind);
        self.op_i(loc, Op::SWAP, 2);
        self.generator(loc, parts, 0, 0, true)?;
        self.unit().in_inlined_comp -= 1;
        self.pop_inlined(loc, state);
        Ok(())
    }

    /// Gives the comprehension's names the meaning they have inside, saving locals on the stack.
    fn push_inlined(&mut self, loc: Location, id: BlockId) -> Inlined {
        let mut state = Inlined::default();
        let outer_id = self.block_id();
        let in_class = self.block().kind == BlockKind::Class && self.unit_ref().in_inlined_comp == 0;
        let function_like = self.block().is_function_like();
        let symbols: Vec<(Name, Symbol)> = self.table.blocks[id].symbols.iter().map(|(n, s)| (n.clone(), *s)).collect();
        for (name, symbol) in symbols {
            let bound = symbol.flags & def::LOCAL != 0 && symbol.flags & def::NONLOCAL == 0;
            let outer = self.table.blocks[outer_id].symbols.get(&name).copied();
            let outer_scope = outer.unwrap_or_default().scope;
            if !bound && !in_class {
                // Another comprehension's variable of that name is none of this one's.
                if matches!(symbol.scope, Scope::GlobalImplicit | Scope::GlobalExplicit)
                    && matches!(outer_scope, Scope::Local | Scope::Cell)
                {
                    self.table.blocks[outer_id].symbols.insert(name.clone(), symbol);
                    state.symbols.push((name, outer));
                }
                continue;
            }
            let differs = symbol.scope != outer_scope
                && symbol.scope != Scope::Free
                && !(symbol.scope == Scope::Cell && outer_scope == Scope::Free);
            if differs || in_class {
                self.table.blocks[outer_id].symbols.insert(name.clone(), symbol);
                state.symbols.push((name.clone(), outer));
            }
            if !bound {
                continue;
            }
            if !function_like && self.unit_ref().fasthidden.get(&name) != Some(&true) {
                self.unit().fasthidden.insert(name.clone(), true);
                state.hidden.push(name.clone());
            }
            let index = self.varname_index(&name);
            self.op_i(loc, Op::LOAD_FAST_AND_CLEAR, index);
            if symbol.scope == Scope::Cell {
                let scope = self.block().symbol(&name).scope;
                let cell = self.scoped_index(&name, scope);
                self.op_i(loc, Op::MAKE_CELL, cell);
            }
            state.pushed.push(name);
        }
        if !state.pushed.is_empty() {
            self.op_i(loc, Op::SWAP, state.pushed.len() + 1);
            let (cleanup, end) = (self.label(), self.label());
            self.jump(loc, Op::SETUP_FINALLY, cleanup);
            (state.cleanup, state.end) = (Some(cleanup), Some(end));
        }
        state
    }

    fn pop_inlined(&mut self, loc: Location, state: Inlined) {
        if let (Some(cleanup), Some(end)) = (state.cleanup, state.end) {
            self.op(NONE, Op::POP_BLOCK);
            self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
            self.place(cleanup);
            // Drops the unfinished result below the exception.
            self.op_i(NONE, Op::SWAP, 2);
            self.op(NONE, Op::POP_TOP);
            self.restore_locals(loc, &state.pushed);
            self.op_i(NONE, Op::RERAISE, 0);
            self.place(end);
            self.restore_locals(loc, &state.pushed);
        }
        let outer_id = self.block_id();
        for (name, symbol) in state.symbols {
            match symbol {
                Some(symbol) => {
                    self.table.blocks[outer_id].symbols.insert(name, symbol);
                }
                None => {
                    self.table.blocks[outer_id].symbols.shift_remove(&name);
                }
            }
        }
        for name in state.hidden {
            self.unit().fasthidden.insert(name, false);
        }
    }

    fn restore_locals(&mut self, loc: Location, names: &[Name]) {
        self.op_i(loc, Op::SWAP, names.len() + 1);
        for name in names.iter().rev() {
            let index = self.varname_index(name);
            self.op_i(loc, Op::STORE_FAST_MAYBE_NULL, index);
        }
    }

    /// One `for` and all inside it; `depth` is the number of iterators above the collection.
    fn generator(&mut self, loc: Location, parts: &Parts<'a>, index: usize, depth: usize, on_stack: bool) -> Res {
        if parts.generators[index].is_async {
            return self.async_generator(loc, parts, index, depth, on_stack);
        }
        let g = &parts.generators[index];
        let (start, anchor, if_cleanup) = (self.label(), self.label(), self.label());
        let mut loops = true;
        if !on_stack {
            if index == 0 {
                self.op_i(loc, Op::LOAD_FAST, 0);
            } else {
                // `for y in [f(x)]` is an assignment.
                let single = match &g.iter.kind {
                    ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => match &elts[..] {
                        [elt] if !matches!(elt.kind, ExprKind::Starred { .. }) => Some(elt),
                        _ => None,
                    },
                    _ => None,
                };
                match single {
                    Some(elt) => {
                        self.expr(elt)?;
                        loops = false;
                    }
                    None => {
                        self.expr(&g.iter)?;
                        self.op(g.iter.loc, Op::GET_ITER);
                    }
                }
            }
        }
        let mut depth = depth;
        if loops {
            depth += 1;
            self.place(start);
            self.jump(g.iter.loc, Op::FOR_ITER, anchor);
        }
        self.expr(&g.target)?;
        g.ifs.iter().try_for_each(|test| self.jump_if(test, if_cleanup, false))?;
        let elt_loc = if index + 1 < parts.generators.len() {
            self.generator(loc, parts, index + 1, depth, false)?;
            parts.elt.loc
        } else {
            self.element(parts, depth)?
        };
        self.place(if_cleanup);
        if loops {
            self.jump(elt_loc, Op::JUMP, start);
            self.place(anchor);
            self.op(NONE, Op::END_FOR);
            self.op(NONE, Op::POP_ITER);
        }
        Ok(())
    }

    fn async_generator(&mut self, loc: Location, parts: &Parts<'a>, index: usize, depth: usize, on_stack: bool) -> Res {
        let g = &parts.generators[index];
        let (start, except, if_cleanup, sent) = (self.label(), self.label(), self.label(), self.label());
        if !on_stack {
            if index == 0 {
                self.op_i(loc, Op::LOAD_FAST, 0);
            } else {
                self.expr(&g.iter)?;
                self.op(g.iter.loc, Op::GET_AITER);
            }
        }
        self.place(start);
        self.push_block(FrameBlockKind::AsyncComprehension, Some(start), None)?;
        self.jump(loc, Op::SETUP_FINALLY, except);
        self.op(loc, Op::GET_ANEXT);
        self.konst(loc, Constant::None);
        self.yield_from(loc, true, Some(sent))?;
        self.op(loc, Op::POP_BLOCK);
        self.expr(&g.target)?;
        g.ifs.iter().try_for_each(|test| self.jump_if(test, if_cleanup, false))?;
        let elt_loc = if index + 1 < parts.generators.len() {
            self.generator(loc, parts, index + 1, depth + 1, false)?;
            parts.elt.loc
        } else {
            self.element(parts, depth + 1)?
        };
        self.place(if_cleanup);
        self.jump(elt_loc, Op::JUMP, start);
        self.pop_block();
        self.place(except);
        self.jump(loc, Op::END_ASYNC_FOR, sent);
        Ok(())
    }

    /// Adds an element to the collection, or yields it; returns its place.
    fn element(&mut self, parts: &Parts<'a>, depth: usize) -> Res<Location> {
        let mut loc = parts.elt.loc;
        if matches!(parts.elt.kind, ExprKind::Starred { .. }) {
            return self.error(loc, "iterable unpacking cannot be used in comprehension");
        }
        self.expr(parts.elt)?;
        match parts.kind {
            CompKind::Generator => {
                self.yield_value(loc);
                self.op(loc, Op::POP_TOP);
            }
            CompKind::Set => self.op_i(loc, Op::SET_ADD, depth + 1),
            CompKind::Dict => {
                if let Some(value) = parts.value {
                    self.expr(value)?;
                    loc = Location::new(loc.line, value.loc.end_line, loc.column, value.loc.end_column);
                }
                self.op_i(loc, Op::MAP_ADD, depth + 1);
            }
            _ => self.op_i(loc, Op::LIST_APPEND, depth + 1),
        }
        Ok(loc)
    }
}
