//! Statements.

use super::Codegen;
use super::unit::ScopeKind;
use super::unwind::FrameBlockKind;
use crate::ast::*;
use crate::depth;
use crate::error::Res;
use crate::ir::{Label, Op};
use krait_bytecode::oparg::{CommonConstant, Intrinsic1};
use krait_bytecode::{Constant, Location};

const NONE: Location = Location::NONE;

impl<'a> Codegen<'a> {
    pub(super) fn stmts(&mut self, body: &'a [Stmt]) -> Res {
        body.iter().try_for_each(|s| self.stmt(s))
    }

    fn stmt(&mut self, stmt: &'a Stmt) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.stmt_inner(stmt));
        self.depth -= 1;
        out
    }

    /// Emits what may or may not run.
    fn conditional(&mut self, f: impl FnOnce(&mut Self) -> Res) -> Res {
        let before = std::mem::replace(&mut self.unit().in_conditional_block, true);
        f(self)?;
        self.unit().in_conditional_block = before;
        Ok(())
    }

    fn stmt_inner(&mut self, stmt: &'a Stmt) -> Res {
        use StmtKind as S;
        let loc = stmt.loc;
        self.stmt_loc = loc;
        match &stmt.kind {
            S::FunctionDef(f) => self.function(stmt, f),
            S::ClassDef(c) => self.class(stmt, c),
            S::TypeAlias { name, type_params, value } => self.type_alias(stmt, name, type_params, value),
            S::Return(value) => self.return_stmt(loc, value.as_ref()),
            S::Delete(targets) => self.exprs(targets),
            S::Assign { targets, value } => {
                self.expr(value)?;
                for (index, target) in targets.iter().enumerate() {
                    if index + 1 < targets.len() {
                        self.op_i(loc, Op::COPY, 1);
                    }
                    self.expr(target)?;
                }
                Ok(())
            }
            S::AugAssign { target, op, value } => self.aug_assign(loc, target, *op, value),
            S::AnnAssign { .. } => self.ann_assign(stmt),
            S::For { target, iter, body, orelse, is_async } => self.conditional(|c| {
                if *is_async {
                    c.async_for(loc, target, iter, body, orelse)
                } else {
                    c.for_loop(target, iter, body, orelse)
                }
            }),
            S::While { test, body, orelse } => self.conditional(|c| c.while_loop(test, body, orelse)),
            S::If { test, body, orelse } => self.conditional(|c| c.if_stmt(test, body, orelse)),
            S::With { items, body, is_async } => self.conditional(|c| c.with(loc, items, body, *is_async)),
            S::Match { subject, cases } => self.conditional(|c| c.match_stmt(subject, cases)),
            S::Raise { exc, cause } => {
                let count = usize::from(exc.is_some()) + usize::from(cause.is_some());
                exc.iter().chain(cause).try_for_each(|e| self.expr(e))?;
                self.op_i(loc, Op::RAISE_VARARGS, count);
                Ok(())
            }
            S::Try { body, handlers, orelse, finalbody, is_star } => {
                self.conditional(|c| c.try_stmt(loc, body, handlers, orelse, finalbody, *is_star))
            }
            S::Assert { test, msg } => self.assert(loc, test, msg.as_ref()),
            S::Import(names) => self.import(loc, names),
            S::ImportFrom { module, names, level } => self.import_from(loc, module.as_ref(), names, *level),
            S::Global(_) | S::Nonlocal(_) => Ok(()),
            S::Expr(value) => self.expr_stmt(loc, value),
            S::Pass => {
                self.op(loc, Op::NOP);
                Ok(())
            }
            S::Break => self.break_stmt(loc),
            S::Continue => self.continue_stmt(loc),
        }
    }

    fn expr_stmt(&mut self, loc: Location, value: &'a Expr) -> Res {
        if self.interactive && self.units.len() == 1 {
            self.expr(value)?;
            self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::Print as usize);
            self.op(NONE, Op::POP_TOP);
            return Ok(());
        }
        if self.constant_of(value).is_some() {
            self.op(loc, Op::NOP);
            return Ok(());
        }
        self.expr(value)?;
        self.op(NONE, Op::POP_TOP);
        Ok(())
    }

    fn return_stmt(&mut self, loc: Location, value: Option<&'a Expr>) -> Res {
        let block = self.block();
        if block.kind != crate::symtable::BlockKind::Function {
            return self.error(loc, "'return' outside function");
        }
        if value.is_some() && block.coroutine && block.generator {
            return self.error(loc, "'return' with value in async generator");
        }
        let constant = value.and_then(|v| self.constant_of(v));
        let keep = value.is_some() && constant.is_none();
        let mut place = loc;
        if let Some(value) = value {
            if keep {
                self.expr(value)?;
            } else {
                place = value.loc;
                self.op(place, Op::NOP);
            }
        }
        if value.is_none_or(|v| v.loc.line != loc.line) {
            place = loc;
            self.op(place, Op::NOP);
        }
        self.unwind(&mut place, keep, false)?;
        if !keep {
            self.konst(place, constant.unwrap_or(Constant::None));
        }
        self.op(place, Op::RETURN_VALUE);
        Ok(())
    }

    fn break_stmt(&mut self, loc: Location) -> Res {
        let mut place = loc;
        self.op(place, Op::NOP);
        let Some(found) = self.unwind(&mut place, false, true)? else {
            return self.error(loc, "'break' outside loop");
        };
        self.unwind_block(&mut place, found, false)?;
        if let Some(exit) = found.exit {
            self.jump(place, Op::JUMP, exit);
        }
        Ok(())
    }

    fn continue_stmt(&mut self, loc: Location) -> Res {
        let mut place = loc;
        self.op(place, Op::NOP);
        let Some(found) = self.unwind(&mut place, false, true)? else {
            return self.error(loc, "'continue' not properly in loop");
        };
        if let Some(start) = found.start {
            self.jump(place, Op::JUMP, start);
        }
        Ok(())
    }

    fn if_stmt(&mut self, test: &'a Expr, body: &'a [Stmt], orelse: &'a [Stmt]) -> Res {
        let end = self.label();
        let next = if orelse.is_empty() { end } else { self.label() };
        self.jump_if(test, next, false)?;
        self.stmts(body)?;
        if !orelse.is_empty() {
            self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
            self.place(next);
            self.stmts(orelse)?;
        }
        self.place(end);
        Ok(())
    }

    fn while_loop(&mut self, test: &'a Expr, body: &'a [Stmt], orelse: &'a [Stmt]) -> Res {
        let (start, anchor, end) = (self.label(), self.label(), self.label());
        self.place(start);
        self.push_block(FrameBlockKind::WhileLoop, Some(start), Some(end))?;
        self.jump_if(test, anchor, false)?;
        self.stmts(body)?;
        self.jump(NONE, Op::JUMP, start);
        self.pop_block();
        self.place(anchor);
        self.stmts(orelse)?;
        self.place(end);
        Ok(())
    }

    fn for_loop(&mut self, target: &'a Expr, iter: &'a Expr, body: &'a [Stmt], orelse: &'a [Stmt]) -> Res {
        let (start, cleanup, end) = (self.label(), self.label(), self.label());
        self.push_block(FrameBlockKind::ForLoop, Some(start), Some(end))?;
        self.expr(iter)?;
        self.op(iter.loc, Op::GET_ITER);
        self.place(start);
        self.jump(iter.loc, Op::FOR_ITER, cleanup);
        // Lets tracing see a new iteration of a loop whose header has several lines; dropped when redundant.
        self.op(target.loc, Op::NOP);
        self.expr(target)?;
        self.stmts(body)?;
        self.jump(NONE, Op::JUMP, start);
        self.place(cleanup);
        self.op(NONE, Op::END_FOR);
        self.op(NONE, Op::POP_ITER);
        self.pop_block();
        self.stmts(orelse)?;
        self.place(end);
        Ok(())
    }

    fn async_for(
        &mut self,
        loc: Location,
        target: &'a Expr,
        iter: &'a Expr,
        body: &'a [Stmt],
        orelse: &'a [Stmt],
    ) -> Res {
        if !self.allows_async() {
            return self.error(loc, "'async for' outside async function");
        }
        let (start, except, end, sent) = (self.label(), self.label(), self.label(), self.label());
        self.expr(iter)?;
        self.op(iter.loc, Op::GET_AITER);
        self.place(start);
        self.push_block(FrameBlockKind::AsyncForLoop, Some(start), Some(end))?;
        self.jump(loc, Op::SETUP_FINALLY, except);
        self.op(loc, Op::GET_ANEXT);
        self.konst(loc, Constant::None);
        self.yield_from(loc, true, Some(sent))?;
        self.op(loc, Op::POP_BLOCK);
        self.op(loc, Op::NOT_TAKEN);
        self.expr(target)?;
        self.stmts(body)?;
        self.jump(NONE, Op::JUMP, start);
        self.pop_block();
        self.place(except);
        self.jump(iter.loc, Op::END_ASYNC_FOR, sent);
        self.stmts(orelse)?;
        self.place(end);
        Ok(())
    }

    fn assert(&mut self, loc: Location, test: &'a Expr, msg: Option<&'a Expr>) -> Res {
        if let ExprKind::Tuple { elts, .. } = &test.kind
            && !elts.is_empty()
        {
            self.warn(loc, "assertion is always true, perhaps remove parentheses?");
        }
        if self.options.optimize > 0 {
            return Ok(());
        }
        let end = self.label();
        self.jump_if(test, end, true)?;
        self.op_i(loc, Op::LOAD_COMMON_CONSTANT, CommonConstant::AssertionError as usize);
        if let Some(msg) = msg {
            self.expr(msg)?;
            self.op_i(loc, Op::CALL, 0);
        }
        self.op_i(test.loc, Op::RAISE_VARARGS, 1);
        self.place(end);
        Ok(())
    }

    fn import(&mut self, loc: Location, names: &'a [Alias]) -> Res {
        for alias in names {
            self.konst_int(loc, 0);
            self.konst(loc, Constant::None);
            self.import_name(loc, &alias.name);
            match &alias.asname {
                Some(asname) => self.import_as(loc, &alias.name, asname)?,
                None => {
                    let first = alias.name.split('.').next().unwrap_or_default();
                    self.name_op(loc, &first.into(), Ctx::Store)?;
                }
            }
        }
        Ok(())
    }

    /// Module names are never mangled.
    fn import_name(&mut self, loc: Location, name: &Name) {
        let index = self.name_index(name);
        self.op_i(loc, Op::IMPORT_NAME, index);
    }

    fn import_as(&mut self, loc: Location, name: &Name, asname: &Name) -> Res {
        let parts: Vec<&str> = name.split('.').skip(1).collect();
        if parts.is_empty() {
            return self.name_op(loc, asname, Ctx::Store);
        }
        for (index, part) in parts.iter().enumerate() {
            let name = self.name_index(&(*part).into());
            self.op_i(loc, Op::IMPORT_FROM, name);
            if index + 1 < parts.len() {
                self.op_i(loc, Op::SWAP, 2);
                self.op(loc, Op::POP_TOP);
            }
        }
        self.name_op(loc, asname, Ctx::Store)?;
        self.op(loc, Op::POP_TOP);
        Ok(())
    }

    fn import_from(&mut self, loc: Location, module: Option<&'a Name>, names: &'a [Alias], level: u32) -> Res {
        self.konst_int(loc, level as usize);
        self.konst(loc, Constant::Tuple(names.iter().map(|a| Constant::str(&a.name)).collect()));
        self.import_name(loc, module.unwrap_or(&"".into()));
        for (index, alias) in names.iter().enumerate() {
            if index == 0 && &*alias.name == "*" {
                self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::ImportStar as usize);
                self.op(NONE, Op::POP_TOP);
                return Ok(());
            }
            let name = self.name_index(&alias.name);
            self.op_i(loc, Op::IMPORT_FROM, name);
            self.name_op(loc, alias.asname.as_ref().unwrap_or(&alias.name), Ctx::Store)?;
        }
        self.op(loc, Op::POP_TOP);
        Ok(())
    }

    /// Jumps to `next` when the truth of an expression is `on`.
    pub(super) fn jump_if(&mut self, e: &'a Expr, next: Label, on: bool) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.jump_if_inner(e, next, on));
        self.depth -= 1;
        out
    }

    fn jump_if_inner(&mut self, e: &'a Expr, next: Label, on: bool) -> Res {
        match &e.kind {
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } => return self.jump_if(operand, next, !on),
            ExprKind::BoolOp { op, values } => {
                let early = *op == BoolOp::Or;
                let inner = if early != on { self.label() } else { next };
                let (last, rest) = values.split_last().expect("boolean operators have operands");
                rest.iter().try_for_each(|v| self.jump_if(v, inner, early))?;
                self.jump_if(last, next, on)?;
                if inner != next {
                    self.place(inner);
                }
                return Ok(());
            }
            ExprKind::IfExp { test, body, orelse } => {
                let (end, other) = (self.label(), self.label());
                self.jump_if(test, other, false)?;
                self.jump_if(body, next, on)?;
                self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
                self.place(other);
                self.jump_if(orelse, next, on)?;
                self.place(end);
                return Ok(());
            }
            ExprKind::Compare { left, ops, comparators } if ops.len() > 1 => {
                self.check_compare(e)?;
                return self.jump_if_chain(e.loc, left, ops, comparators, next, on);
            }
            _ => {}
        }
        self.expr(e)?;
        self.op(e.loc, Op::TO_BOOL);
        self.jump(e.loc, if on { Op::POP_JUMP_IF_TRUE } else { Op::POP_JUMP_IF_FALSE }, next);
        Ok(())
    }

    fn jump_if_chain(
        &mut self,
        loc: Location,
        left: &'a Expr,
        ops: &[CmpOp],
        comparators: &'a [Expr],
        next: Label,
        on: bool,
    ) -> Res {
        let (cleanup, end) = (self.label(), self.label());
        self.expr(left)?;
        for (op, right) in ops.iter().zip(comparators).take(ops.len() - 1) {
            self.expr(right)?;
            self.op_i(loc, Op::SWAP, 2);
            self.op_i(loc, Op::COPY, 2);
            self.compare_op(loc, *op);
            self.op(loc, Op::TO_BOOL);
            self.jump(loc, Op::POP_JUMP_IF_FALSE, cleanup);
        }
        self.expr(&comparators[ops.len() - 1])?;
        self.compare_op(loc, ops[ops.len() - 1]);
        self.op(loc, Op::TO_BOOL);
        self.jump(loc, if on { Op::POP_JUMP_IF_TRUE } else { Op::POP_JUMP_IF_FALSE }, next);
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
        self.place(cleanup);
        self.op(loc, Op::POP_TOP);
        if !on {
            self.jump(NONE, Op::JUMP_NO_INTERRUPT, next);
        }
        self.place(end);
        Ok(())
    }

    /// Whether `async for` and `async with` may stand here.
    pub(super) fn allows_async(&self) -> bool {
        match self.unit_ref().kind {
            ScopeKind::AsyncFunction => true,
            ScopeKind::Module => self.options.top_level_await,
            _ => false,
        }
    }

    /// Whether the current unit is a function's.
    pub(super) fn in_function(&self) -> bool {
        matches!(
            self.unit_ref().kind,
            ScopeKind::Function | ScopeKind::AsyncFunction | ScopeKind::Lambda | ScopeKind::Comprehension
        )
    }
}
