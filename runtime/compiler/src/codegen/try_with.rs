//! `try`, `except`, `except*`, `finally`, `with`.

use super::Codegen;
use super::unwind::FrameBlockKind;
use crate::ast::*;
use crate::error::Res;
use crate::ir::{Label, Op};
use krait_bytecode::oparg::{Intrinsic2, SpecialMethod};
use krait_bytecode::{Constant, Location};

const NONE: Location = Location::NONE;

impl<'a> Codegen<'a> {
    pub(super) fn try_stmt(
        &mut self,
        loc: Location,
        body: &'a [Stmt],
        handlers: &'a [ExceptHandler],
        orelse: &'a [Stmt],
        finalbody: &'a [Stmt],
        star: bool,
    ) -> Res {
        if finalbody.is_empty() {
            return self.try_except(loc, body, handlers, orelse, star);
        }
        let (start, end, exit, cleanup) = (self.label(), self.label(), self.label(), self.label());
        self.jump(loc, Op::SETUP_FINALLY, end);
        self.place(start);
        self.push_block(FrameBlockKind::FinallyTry(finalbody), Some(start), Some(end))?;
        if handlers.is_empty() {
            self.stmts(body)?;
        } else {
            self.try_except(loc, body, handlers, orelse, star)?;
        }
        self.op(NONE, Op::POP_BLOCK);
        self.pop_block();
        self.stmts(finalbody)?;
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, exit);
        self.place(end);
        self.push_block(FrameBlockKind::FinallyEnd, Some(end), None)?;
        self.jump(NONE, Op::SETUP_CLEANUP, cleanup);
        self.op(NONE, Op::PUSH_EXC_INFO);
        self.stmts(finalbody)?;
        self.op_i(NONE, Op::RERAISE, 0);
        self.pop_block();
        self.place(cleanup);
        self.pop_except_and_reraise();
        self.place(exit);
        Ok(())
    }

    fn pop_except_and_reraise(&mut self) {
        self.op_i(NONE, Op::COPY, 3);
        self.op(NONE, Op::POP_EXCEPT);
        self.op_i(NONE, Op::RERAISE, 1);
    }

    fn try_except(
        &mut self,
        loc: Location,
        body: &'a [Stmt],
        handlers: &'a [ExceptHandler],
        orelse: &'a [Stmt],
        star: bool,
    ) -> Res {
        if star {
            return self.try_star(loc, body, handlers, orelse);
        }
        let (start, except, end, cleanup) = (self.label(), self.label(), self.label(), self.label());
        self.jump(loc, Op::SETUP_FINALLY, except);
        self.place(start);
        self.push_block(FrameBlockKind::TryExcept, Some(start), None)?;
        self.stmts(body)?;
        self.pop_block();
        self.op(NONE, Op::POP_BLOCK);
        self.stmts(orelse)?;
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
        self.place(except);
        self.jump(NONE, Op::SETUP_CLEANUP, cleanup);
        self.op(NONE, Op::PUSH_EXC_INFO);
        self.push_block(FrameBlockKind::ExceptionHandler, None, None)?;
        for (index, handler) in handlers.iter().enumerate() {
            if handler.typ.is_none() && index + 1 < handlers.len() {
                return self.error(handler.loc, "default 'except:' must be last");
            }
            self.handler(handler, end)?;
        }
        self.op_i(NONE, Op::RERAISE, 0);
        self.pop_block();
        self.place(cleanup);
        self.pop_except_and_reraise();
        self.place(end);
        Ok(())
    }

    fn handler(&mut self, handler: &'a ExceptHandler, end: Label) -> Res {
        let loc = handler.loc;
        let next = self.label();
        if let Some(typ) = &handler.typ {
            self.expr(typ)?;
            self.op(loc, Op::CHECK_EXC_MATCH);
            self.jump(loc, Op::POP_JUMP_IF_FALSE, next);
        }
        let start = self.label();
        match &handler.name {
            Some(name) => {
                let cleanup = self.label();
                self.name_op(loc, name, Ctx::Store)?;
                self.jump(loc, Op::SETUP_CLEANUP, cleanup);
                self.place(start);
                self.push_block(FrameBlockKind::HandlerCleanup(Some(name)), Some(start), None)?;
                self.stmts(&handler.body)?;
                self.pop_block();
                self.op(NONE, Op::POP_BLOCK);
                self.op(NONE, Op::POP_BLOCK);
                self.op(NONE, Op::POP_EXCEPT);
                self.forget_name(NONE, name)?;
                self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
                self.place(cleanup);
                self.forget_name(NONE, name)?;
                self.op_i(NONE, Op::RERAISE, 1);
            }
            None => {
                self.op(loc, Op::POP_TOP);
                self.place(start);
                self.push_block(FrameBlockKind::HandlerCleanup(None), Some(start), None)?;
                self.stmts(&handler.body)?;
                self.pop_block();
                self.op(NONE, Op::POP_BLOCK);
                self.op(NONE, Op::POP_EXCEPT);
                self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
            }
        }
        self.place(next);
        Ok(())
    }

    fn try_star(&mut self, loc: Location, body: &'a [Stmt], handlers: &'a [ExceptHandler], orelse: &'a [Stmt]) -> Res {
        let (start, except, or_else, end) = (self.label(), self.label(), self.label(), self.label());
        let (cleanup, reraise_star, reraise) = (self.label(), self.label(), self.label());
        self.jump(loc, Op::SETUP_FINALLY, except);
        self.place(start);
        self.push_block(FrameBlockKind::TryExcept, Some(start), None)?;
        self.stmts(body)?;
        self.pop_block();
        self.op(NONE, Op::POP_BLOCK);
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, or_else);
        self.place(except);
        self.jump(NONE, Op::SETUP_CLEANUP, cleanup);
        self.op(NONE, Op::PUSH_EXC_INFO);
        self.push_block(FrameBlockKind::ExceptionGroupHandler, None, None)?;
        for (index, handler) in handlers.iter().enumerate() {
            self.star_handler(handler, index == 0)?;
            if index + 1 == handlers.len() {
                self.op_i(NONE, Op::LIST_APPEND, 1);
                self.jump(NONE, Op::JUMP_NO_INTERRUPT, reraise_star);
            }
        }
        self.pop_block();
        self.place(reraise_star);
        self.op_i(NONE, Op::CALL_INTRINSIC_2, Intrinsic2::PrepReraiseStar as usize);
        self.op_i(NONE, Op::COPY, 1);
        self.jump(NONE, Op::POP_JUMP_IF_NOT_NONE, reraise);
        self.op(NONE, Op::POP_TOP);
        self.op(NONE, Op::POP_BLOCK);
        self.op(NONE, Op::POP_EXCEPT);
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
        self.place(reraise);
        self.op(NONE, Op::POP_BLOCK);
        self.op_i(NONE, Op::SWAP, 2);
        self.op(NONE, Op::POP_EXCEPT);
        self.op_i(NONE, Op::RERAISE, 0);
        self.place(cleanup);
        self.pop_except_and_reraise();
        self.place(or_else);
        self.stmts(orelse)?;
        self.place(end);
        Ok(())
    }

    /// One `except*`; ends where the next one begins, with the unhandled rest on the stack.
    fn star_handler(&mut self, handler: &'a ExceptHandler, first: bool) -> Res {
        let loc = handler.loc;
        let (next, with_error, no_match) = (self.label(), self.label(), self.label());
        if first {
            // The list of exceptions raised by handlers, and the original below it.
            self.op_i(loc, Op::BUILD_LIST, 0);
            self.op_i(loc, Op::COPY, 2);
        }
        if let Some(typ) = &handler.typ {
            self.expr(typ)?;
            self.op(loc, Op::CHECK_EG_MATCH);
            self.op_i(loc, Op::COPY, 1);
            self.jump(loc, Op::POP_JUMP_IF_NONE, no_match);
        }
        let (start, cleanup) = (self.label(), self.label());
        match &handler.name {
            Some(name) => self.name_op(loc, name, Ctx::Store)?,
            None => self.op(loc, Op::POP_TOP),
        }
        self.jump(loc, Op::SETUP_CLEANUP, cleanup);
        self.place(start);
        self.push_block(FrameBlockKind::HandlerCleanup(handler.name.as_ref()), Some(start), None)?;
        self.stmts(&handler.body)?;
        self.pop_block();
        self.op(NONE, Op::POP_BLOCK);
        if let Some(name) = &handler.name {
            self.forget_name(NONE, name)?;
        }
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, next);
        self.place(cleanup);
        if let Some(name) = &handler.name {
            self.forget_name(NONE, name)?;
        }
        self.op_i(NONE, Op::LIST_APPEND, 3);
        self.op(NONE, Op::POP_TOP);
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, with_error);
        self.place(next);
        self.op(NONE, Op::NOP);
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, with_error);
        self.place(no_match);
        self.op(loc, Op::POP_TOP);
        self.place(with_error);
        Ok(())
    }

    /// `exit(None, None, None)`, with the exit function on the stack.
    pub(super) fn call_exit_with_nones(&mut self, loc: Location) {
        for _ in 0..3 {
            self.konst(loc, Constant::None);
        }
        self.op_i(loc, Op::CALL, 3);
    }

    pub(super) fn with(&mut self, stmt: Location, items: &'a [WithItem], body: &'a [Stmt], is_async: bool) -> Res {
        if is_async && !self.allows_async() {
            return self.error(stmt, "'async with' outside async function");
        }
        let Some((item, rest)) = items.split_first() else { return Ok(()) };
        let loc = item.context_expr.loc;
        let (start, handler, exit, cleanup) = (self.label(), self.label(), self.label(), self.label());
        self.expr(&item.context_expr)?;
        let (enter, leave) = if is_async {
            (SpecialMethod::AEnter, SpecialMethod::AExit)
        } else {
            (SpecialMethod::Enter, SpecialMethod::Exit)
        };
        self.op_i(loc, Op::COPY, 1);
        self.op_i(loc, Op::LOAD_SPECIAL, leave as usize);
        self.op_i(loc, Op::SWAP, 2);
        self.op_i(loc, Op::SWAP, 3);
        self.op_i(loc, Op::LOAD_SPECIAL, enter as usize);
        self.op_i(loc, Op::CALL, 0);
        if is_async {
            self.await_special(loc, 1)?;
        }
        self.jump(loc, Op::SETUP_WITH, handler);
        self.place(start);
        let kind = if is_async { FrameBlockKind::AsyncWith(loc) } else { FrameBlockKind::With(loc) };
        self.push_block(kind, Some(start), Some(handler))?;
        match &item.optional_vars {
            Some(target) => self.expr(target)?,
            None => self.op(loc, Op::POP_TOP),
        }
        if rest.is_empty() {
            self.stmts(body)?;
        } else {
            self.with(stmt, rest, body, is_async)?;
        }
        self.op(NONE, Op::POP_BLOCK);
        self.pop_block();
        self.call_exit_with_nones(loc);
        if is_async {
            self.await_special(loc, 2)?;
        }
        self.op(loc, Op::POP_TOP);
        self.jump(loc, Op::JUMP_NO_INTERRUPT, exit);
        self.place(handler);
        self.jump(loc, Op::SETUP_CLEANUP, cleanup);
        self.op(loc, Op::PUSH_EXC_INFO);
        self.op(loc, Op::WITH_EXCEPT_START);
        if is_async {
            self.await_special(loc, 2)?;
        }
        self.with_except_finish(cleanup, exit);
        Ok(())
    }

    fn await_special(&mut self, loc: Location, which: usize) -> Res {
        self.op_i(loc, Op::GET_AWAITABLE, which);
        self.konst(loc, Constant::None);
        self.yield_from(loc, true, None)
    }

    fn with_except_finish(&mut self, cleanup: Label, exit: Label) {
        let (suppress, out) = (self.label(), self.label());
        self.op(NONE, Op::TO_BOOL);
        self.jump(NONE, Op::POP_JUMP_IF_TRUE, suppress);
        self.op_i(NONE, Op::RERAISE, 2);
        self.place(suppress);
        self.op(NONE, Op::POP_TOP);
        self.op(NONE, Op::POP_BLOCK);
        self.op(NONE, Op::POP_EXCEPT);
        for _ in 0..3 {
            self.op(NONE, Op::POP_TOP);
        }
        self.jump(NONE, Op::JUMP_NO_INTERRUPT, out);
        self.place(cleanup);
        self.pop_except_and_reraise();
        self.place(out);
        self.place(exit);
    }
}
