//! Functions and lambdas.

use super::unit::ScopeKind;
use super::unwind::FrameBlockKind;
use super::{Codegen, STACK_GUIDELINE, strings};
use crate::ast::*;
use crate::error::Res;
use crate::ir::Op;
use crate::symtable::{docstring, key, key_n};
use krait_bytecode::oparg::Intrinsic1;
use krait_bytecode::{CodeObject, Constant, Location};

const _: () = assert!(STACK_GUIDELINE == 30);

impl<'a> Codegen<'a> {
    /// Pushes defaults; returns the attribute bits.
    fn default_arguments(&mut self, loc: Location, args: &'a Arguments) -> Res<u32> {
        let mut bits = 0;
        if !args.defaults.is_empty() {
            self.exprs(&args.defaults)?;
            self.op_i(loc, Op::BUILD_TUPLE, args.defaults.len());
            bits |= 1;
        }
        let mut count = 0;
        for (arg, default) in args.kwonlyargs.iter().zip(&args.kw_defaults) {
            if let Some(default) = default {
                let mangled = self.mangled(&arg.name);
                self.konst_str(loc, &mangled);
                self.expr(default)?;
                count += 1;
            }
        }
        if count > 0 {
            self.op_i(loc, Op::BUILD_MAP, count);
            bits |= 2;
        }
        Ok(bits)
    }

    fn set_counts(&mut self, args: &Arguments) {
        let unit = self.unit();
        unit.argcount = args.posonlyargs.len() + args.args.len();
        unit.posonlyargcount = args.posonlyargs.len();
        unit.kwonlyargcount = args.kwonlyargs.len();
    }

    /// Evaluates decorators; they are called later.
    pub(super) fn decorators(&mut self, decorators: &'a [Expr]) -> Res {
        self.exprs(decorators)
    }

    pub(super) fn apply_decorators(&mut self, decorators: &[Expr]) {
        for decorator in decorators.iter().rev() {
            self.op_i(decorator.loc, Op::CALL, 0);
        }
    }

    pub(super) fn function(&mut self, stmt: &'a Stmt, f: &'a FunctionDef) -> Res {
        let loc = stmt.loc;
        self.decorators(&f.decorators)?;
        let firstlineno = f.decorators.first().map_or(loc.line, |d| d.loc.line);
        let mut bits = self.default_arguments(loc, &f.args)?;
        let generic = !f.type_params.is_empty();
        let inherited = (bits & 3).count_ones() as usize;
        if generic {
            if inherited == 2 {
                self.op_i(loc, Op::SWAP, 2);
            }
            let name = format!("<generic parameters of {}>", f.name);
            self.enter(&name, ScopeKind::Annotations, key_n(&f.type_params[0], 1), firstlineno, None);
            self.unit().argcount = inherited;
            self.type_params(&f.type_params)?;
            for index in 0..inherited {
                self.op_i(loc, Op::LOAD_FAST, index);
            }
        }
        bits |= self.function_annotations(loc, f)?;
        self.function_body(stmt, f, bits, firstlineno)?;
        if generic {
            self.op_i(loc, Op::SWAP, 2);
            self.op_i(loc, Op::CALL_INTRINSIC_2, 4);
            let code = self.finish(false)?;
            self.make_closure(loc, code, 0);
            if inherited > 0 {
                self.op_i(loc, Op::SWAP, inherited + 1);
                self.op_i(loc, Op::CALL, inherited - 1);
            } else {
                self.op(loc, Op::PUSH_NULL);
                self.op_i(loc, Op::CALL, 0);
            }
        }
        self.apply_decorators(&f.decorators);
        self.name_op(loc, &f.name, Ctx::Store)
    }

    fn function_body(&mut self, stmt: &'a Stmt, f: &'a FunctionDef, bits: u32, firstlineno: i32) -> Res {
        let kind = if f.is_async { ScopeKind::AsyncFunction } else { ScopeKind::Function };
        self.enter(&f.name, kind, key(stmt), firstlineno, None);
        self.set_counts(&f.args);
        let mut body = &f.body[..];
        if let Some(doc) = docstring(&f.body) {
            body = &body[1..];
            if self.options.optimize < 2 {
                let text = strings::clean_docstring(doc);
                self.unit().consts.insert(Constant::Str(text));
            } else if body.is_empty() {
                self.op(f.body[0].loc, Op::NOP);
            }
        }
        let guarded = self.block().coroutine || self.block().generator;
        if guarded {
            let start = self.label();
            self.place(start);
            self.push_block(FrameBlockKind::StopIteration, Some(start), None)?;
        }
        self.stmts(body)?;
        if guarded {
            self.wrap_stop_iteration();
            self.pop_block();
        }
        let code = self.finish(true)?;
        self.make_closure(stmt.loc, code, bits);
        Ok(())
    }

    /// Turns `StopIteration` that leaves a generator into `RuntimeError` (PEP 479).
    pub(super) fn wrap_stop_iteration(&mut self) {
        let none = Location::NONE;
        let handler = self.label();
        self.unit().seq.insert_first(Op::SETUP_CLEANUP, handler.0, none);
        self.konst(none, Constant::None);
        self.op(none, Op::RETURN_VALUE);
        self.place(handler);
        self.op_i(none, Op::CALL_INTRINSIC_1, Intrinsic1::StopIterationError as usize);
        self.op_i(none, Op::RERAISE, 1);
    }

    pub(super) fn lambda(&mut self, e: &'a Expr, args: &'a Arguments, body: &'a Expr) -> Res {
        let bits = self.default_arguments(e.loc, args)?;
        self.enter("<lambda>", ScopeKind::Lambda, key(e), e.loc.line, None);
        self.set_counts(args);
        self.expr(body)?;
        let code: CodeObject = if self.block().generator {
            self.finish(false)?
        } else {
            self.op(body.loc, Op::RETURN_VALUE);
            self.finish(true)?
        };
        self.make_closure(e.loc, code, bits);
        Ok(())
    }
}
