//! Annotations, type parameters and type aliases: code that runs when it is asked for (PEP 649, 695, 749).

use super::unit::ScopeKind;
use super::{Codegen, strings};
use crate::ast::*;
use crate::error::Res;
use crate::ir::Op;
use crate::symtable::{BlockId, BlockKind, key, key_n};
use krait_bytecode::oparg::{CommonConstant, CompareOp, Intrinsic1, Intrinsic2};
use krait_bytecode::{CodeObject, Constant, Location};

impl<'a> Codegen<'a> {
    /// Opens a unit that takes a format and refuses those it does not know.
    fn enter_lazy(&mut self, loc: Location, name: &str, id: BlockId) {
        self.enter_block(name, ScopeKind::Annotations, id, loc.line, None);
        self.unit().posonlyargcount = 1;
        self.unit().argcount = 1;
        self.op_i(loc, Op::LOAD_FAST, 0);
        self.konst_int(loc, 2);
        self.op_i(loc, Op::COMPARE_OP, CompareOp::Gt.oparg() as usize);
        let body = self.label();
        self.jump(loc, Op::POP_JUMP_IF_FALSE, body);
        self.op_i(loc, Op::LOAD_COMMON_CONSTANT, CommonConstant::NotImplementedError as usize);
        self.op_i(loc, Op::RAISE_VARARGS, 1);
        self.place(body);
    }

    fn leave_lazy(&mut self, loc: Location) -> Res<CodeObject> {
        self.op(loc, Op::RETURN_VALUE);
        self.finish(true)
    }

    /// An annotation: its value, or its text under `from __future__ import annotations`.
    fn annotation(&mut self, e: &'a Expr) -> Res {
        if self.options.future_annotations() {
            let text = strings::unparse(e)?;
            self.konst(e.loc, Constant::Str(text));
            return Ok(());
        }
        self.expr(e)
    }

    fn has_annotations(f: &FunctionDef) -> bool {
        f.returns.is_some() || f.args.all().any(|a| a.annotation.is_some())
    }

    /// Pushes names and annotations; returns how many.
    fn annotation_pairs(&mut self, loc: Location, f: &'a FunctionDef) -> Res<usize> {
        let a = &f.args;
        let all = a.args.iter().chain(&a.posonlyargs).chain(&a.vararg).chain(&a.kwonlyargs).chain(&a.kwarg);
        let mut count = 0;
        for arg in all {
            let Some(annotation) = &arg.annotation else { continue };
            let mangled = self.mangled(&arg.name);
            self.konst_str(loc, &mangled);
            match &annotation.kind {
                ExprKind::Starred { value, .. } if !self.options.future_annotations() => {
                    self.expr(value)?;
                    self.op_i(loc, Op::UNPACK_SEQUENCE, 1);
                }
                _ => self.annotation(annotation)?,
            }
            count += 1;
        }
        if let Some(returns) = &f.returns {
            self.konst_str(loc, "return");
            self.annotation(returns)?;
            count += 1;
        }
        Ok(count)
    }

    /// Pushes what a function's annotations need; returns the attribute bits.
    pub(super) fn function_annotations(&mut self, loc: Location, f: &'a FunctionDef) -> Res<u32> {
        if !Self::has_annotations(f) {
            return Ok(0);
        }
        let id = self.table.block_of(key(&f.args));
        self.enter_lazy(loc, "__annotate__", id);
        let count = self.annotation_pairs(loc, f)?;
        self.op_i(loc, Op::BUILD_MAP, count);
        let code = self.leave_lazy(loc)?;
        self.make_closure(loc, code, 0);
        Ok(16)
    }

    /// Notes a variable's annotation for later and marks it as reached when that is in question.
    pub(super) fn defer_annotation(&mut self, stmt: &'a Stmt) {
        let in_class = self.unit_ref().kind == ScopeKind::Class;
        if in_class && !self.unit_ref().in_conditional_block {
            self.unit().deferred.push((stmt, None));
            return;
        }
        let unit = self.unit();
        let index = unit.next_conditional;
        unit.next_conditional += 1;
        unit.deferred.push((stmt, Some(index)));
        let name = Name::from("__conditional_annotations__");
        if in_class {
            let cell = self.deref_index(&name);
            self.op_i(stmt.loc, Op::LOAD_DEREF, cell);
        } else {
            self.op_name(stmt.loc, Op::LOAD_NAME, &name);
        }
        self.konst_int(stmt.loc, index);
        self.op_i(stmt.loc, Op::SET_ADD, 1);
        self.op(stmt.loc, Op::POP_TOP);
    }

    /// Makes `__annotate__` of the variables of a module or class.
    pub(super) fn deferred_annotations(&mut self, loc: Location) -> Res {
        let deferred = std::mem::take(&mut self.unit().deferred);
        if deferred.is_empty() {
            return Ok(());
        }
        let is_class = self.block().kind == BlockKind::Class;
        // A module's function is made at its start, so that half-run modules have annotations.
        let main = if is_class { None } else { Some(std::mem::take(&mut self.unit().seq)) };
        let id = self.block().annotation_block.expect("annotations have a block");
        self.enter_lazy(loc, "__annotate__", id);
        self.op_i(loc, Op::BUILD_MAP, 0);
        for (stmt, condition) in deferred {
            self.deferred_annotation(loc, stmt, condition, is_class)?;
        }
        let code = self.leave_lazy(loc)?;
        self.make_closure(loc, code, 0);
        let target = if is_class { "__annotate_func__" } else { "__annotate__" };
        self.name_op(loc, &target.into(), Ctx::Store)?;
        if let Some(main) = main {
            let annotations = std::mem::replace(&mut self.unit().seq, main);
            self.unit().seq.annotations = Some(Box::new(annotations));
        }
        Ok(())
    }

    fn deferred_annotation(&mut self, loc: Location, stmt: &'a Stmt, condition: Option<usize>, is_class: bool) -> Res {
        let StmtKind::AnnAssign { target, annotation, .. } = &stmt.kind else { return Ok(()) };
        let ExprKind::Name { id, .. } = &target.kind else { return Ok(()) };
        let mangled = self.mangled(id);
        let skip = self.label();
        if let Some(condition) = condition {
            self.konst_int(stmt.loc, condition);
            let name = Name::from("__conditional_annotations__");
            if is_class {
                let free = self.deref_index(&name);
                self.op_i(stmt.loc, Op::LOAD_DEREF, free);
            } else {
                let index = self.name_index(&name);
                self.op_i(stmt.loc, Op::LOAD_GLOBAL, index << 1);
            }
            self.op_i(stmt.loc, Op::CONTAINS_OP, 0);
            self.jump(stmt.loc, Op::POP_JUMP_IF_FALSE, skip);
        }
        self.expr(annotation)?;
        self.op_i(stmt.loc, Op::COPY, 2);
        self.konst_str(stmt.loc, &mangled);
        self.op(loc, Op::STORE_SUBSCR);
        self.place(skip);
        Ok(())
    }

    /// An annotated assignment.
    pub(super) fn ann_assign(&mut self, stmt: &'a Stmt) -> Res {
        let StmtKind::AnnAssign { target, annotation, value, simple } = &stmt.kind else { return Ok(()) };
        let loc = stmt.loc;
        if let Some(value) = value {
            self.expr(value)?;
            self.expr(target)?;
        }
        let evaluated = matches!(self.unit_ref().kind, ScopeKind::Module | ScopeKind::Class);
        match &target.kind {
            ExprKind::Name { id, .. } => {
                if *simple && evaluated {
                    if self.options.future_annotations() {
                        self.annotation(annotation)?;
                        self.op_name(loc, Op::LOAD_NAME, "__annotations__");
                        let mangled = self.mangled(id);
                        self.konst_str(loc, &mangled);
                        self.op(loc, Op::STORE_SUBSCR);
                    } else {
                        self.defer_annotation(stmt);
                    }
                }
            }
            ExprKind::Attribute { value: object, .. } => {
                if value.is_none() {
                    self.expr_and_pop(object)?;
                }
            }
            ExprKind::Subscript { value: object, slice, .. } => {
                if value.is_none() {
                    self.expr_and_pop(object)?;
                    self.check_slice(slice)?;
                }
            }
            _ => return self.error(loc, "invalid node type for annotated assignment"),
        }
        Ok(())
    }

    fn expr_and_pop(&mut self, e: &'a Expr) -> Res {
        self.expr(e)?;
        self.op(e.loc, Op::POP_TOP);
        Ok(())
    }

    fn check_slice(&mut self, e: &'a Expr) -> Res {
        match &e.kind {
            ExprKind::Slice { lower, upper, step } => {
                [lower, upper, step].into_iter().flatten().try_for_each(|e| self.expr_and_pop(e))
            }
            ExprKind::Tuple { elts, .. } => elts.iter().try_for_each(|e| self.check_slice(e)),
            _ => self.expr_and_pop(e),
        }
    }

    /// Makes the type parameters, stores them, and leaves their tuple.
    pub(super) fn type_params(&mut self, params: &'a [TypeParam]) -> Res {
        for param in params {
            let loc = param.loc;
            self.konst_str(loc, &param.name);
            match param.kind {
                TypeParamKind::TypeVar => match &param.bound {
                    Some(bound) => {
                        self.lazy_expr(bound, &param.name, param, 2, false)?;
                        let tuple = matches!(bound.kind, ExprKind::Tuple { .. });
                        let intrinsic =
                            if tuple { Intrinsic2::TypeVarWithConstraints } else { Intrinsic2::TypeVarWithBound };
                        self.op_i(loc, Op::CALL_INTRINSIC_2, intrinsic as usize);
                    }
                    None => self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::TypeVar as usize),
                },
                TypeParamKind::TypeVarTuple => {
                    self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::TypeVarTuple as usize);
                }
                TypeParamKind::ParamSpec => self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::ParamSpec as usize),
            }
            if let Some(default) = &param.default {
                let starred = param.kind == TypeParamKind::TypeVarTuple;
                self.lazy_expr(default, &param.name, param, 3, starred)?;
                self.op_i(loc, Op::CALL_INTRINSIC_2, Intrinsic2::SetTypeparamDefault as usize);
            }
            self.op_i(loc, Op::COPY, 1);
            self.name_op(loc, &param.name, Ctx::Store)?;
        }
        self.op_i(params[0].loc, Op::BUILD_TUPLE, params.len());
        Ok(())
    }

    fn lazy_defaults(&mut self, loc: Location) {
        self.konst(loc, Constant::Tuple(vec![Constant::Int(1.into())]));
    }

    fn lazy_expr(&mut self, e: &'a Expr, name: &str, param: &TypeParam, n: u8, starred: bool) -> Res {
        self.lazy_defaults(e.loc);
        let id = self.table.block_of(key_n(param, n));
        self.enter_lazy(e.loc, name, id);
        match &e.kind {
            ExprKind::Starred { value, .. } if starred => {
                self.expr(value)?;
                self.op_i(e.loc, Op::UNPACK_SEQUENCE, 1);
            }
            _ => self.expr(e)?,
        }
        let code = self.leave_lazy(e.loc)?;
        self.make_closure(e.loc, code, 1);
        Ok(())
    }

    pub(super) fn type_alias(
        &mut self,
        stmt: &'a Stmt,
        name: &'a Expr,
        params: &'a [TypeParam],
        value: &'a Expr,
    ) -> Res {
        let loc = stmt.loc;
        let ExprKind::Name { id, .. } = &name.kind else {
            return self.error(name.loc, "invalid type alias");
        };
        if params.is_empty() {
            self.konst_str(loc, id);
            self.konst(loc, Constant::None);
        } else {
            let scope = format!("<generic parameters of {id}>");
            self.enter(&scope, ScopeKind::Annotations, key_n(&params[0], 1), loc.line, None);
            self.konst_str(loc, id);
            self.type_params(params)?;
        }
        self.lazy_defaults(loc);
        let block = self.table.block_of(key(stmt));
        self.enter_lazy(loc, id, block);
        self.expr(value)?;
        let code = self.leave_lazy(loc)?;
        self.make_closure(loc, code, 1);
        self.op_i(loc, Op::BUILD_TUPLE, 3);
        self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::TypeAlias as usize);
        if !params.is_empty() {
            let code = self.finish(false)?;
            self.make_closure(loc, code, 0);
            self.op(loc, Op::PUSH_NULL);
            self.op_i(loc, Op::CALL, 0);
        }
        self.name_op(loc, id, Ctx::Store)
    }
}
