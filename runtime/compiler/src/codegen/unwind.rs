//! Blocks of a frame that `return`, `break` and `continue` have to leave.

use super::Codegen;
use crate::ast::*;
use crate::error::Res;
use crate::ir::{Label, Op};
use krait_bytecode::{Constant, Location};

/// Why a block is open.
#[derive(Clone, Copy)]
pub(super) enum FrameBlockKind<'a> {
    WhileLoop,
    ForLoop,
    AsyncForLoop,
    TryExcept,
    FinallyTry(&'a [Stmt]),
    FinallyEnd,
    With(Location),
    AsyncWith(Location),
    HandlerCleanup(Option<&'a Name>),
    ExceptionHandler,
    ExceptionGroupHandler,
    AsyncComprehension,
    StopIteration,
    PopValue,
}

/// Most blocks that may be nested in one code object.
const MAX_BLOCKS: usize = 21;

/// An open block; loops have a place to continue and one to leave.
#[derive(Clone, Copy)]
pub(super) struct FrameBlock<'a> {
    pub(super) kind: FrameBlockKind<'a>,
    pub(super) start: Option<Label>,
    pub(super) exit: Option<Label>,
}

impl<'a> Codegen<'a> {
    pub(super) fn push_block(&mut self, kind: FrameBlockKind<'a>, start: Option<Label>, exit: Option<Label>) -> Res {
        if !matches!(kind, FrameBlockKind::PopValue) {
            self.check_blocks(self.stmt_loc)?;
        }
        self.unit().frame_blocks.push(FrameBlock { kind, start, exit });
        Ok(())
    }

    /// Fails where another block would be one too many; inlined comprehensions count as blocks.
    pub(super) fn check_blocks(&self, loc: Location) -> Res {
        let unit = self.unit_ref();
        if unit.frame_blocks.len() + unit.in_inlined_comp as usize >= MAX_BLOCKS {
            return self.error(loc, "too many statically nested blocks");
        }
        Ok(())
    }

    pub(super) fn pop_block(&mut self) {
        self.unit().frame_blocks.pop();
    }

    /// Emits what leaving a block takes; `keep` preserves the value on top of the stack.
    pub(super) fn unwind_block(&mut self, loc: &mut Location, block: FrameBlock<'a>, keep: bool) -> Res {
        use FrameBlockKind as K;
        match block.kind {
            K::WhileLoop
            | K::ExceptionHandler
            | K::ExceptionGroupHandler
            | K::AsyncComprehension
            | K::StopIteration => {}
            K::ForLoop | K::AsyncForLoop | K::PopValue => {
                if keep {
                    self.op_i(*loc, Op::SWAP, 2);
                }
                self.op(*loc, Op::POP_TOP);
            }
            K::TryExcept => self.op(*loc, Op::POP_BLOCK),
            K::FinallyTry(body) => {
                self.op(*loc, Op::POP_BLOCK);
                if keep {
                    self.push_block(K::PopValue, None, None)?;
                }
                self.stmts(body)?;
                if keep {
                    self.pop_block();
                }
                *loc = Location::NONE;
            }
            K::FinallyEnd => {
                if keep {
                    self.op_i(*loc, Op::SWAP, 2);
                }
                self.op(*loc, Op::POP_TOP);
                if keep {
                    self.op_i(*loc, Op::SWAP, 2);
                }
                self.op(*loc, Op::POP_BLOCK);
                self.op(*loc, Op::POP_EXCEPT);
            }
            K::With(place) | K::AsyncWith(place) => {
                *loc = place;
                self.op(*loc, Op::POP_BLOCK);
                if keep {
                    self.op_i(*loc, Op::SWAP, 3);
                    self.op_i(*loc, Op::SWAP, 2);
                }
                self.call_exit_with_nones(*loc);
                if matches!(block.kind, K::AsyncWith(_)) {
                    self.op_i(*loc, Op::GET_AWAITABLE, 2);
                    self.konst(*loc, Constant::None);
                    self.yield_from(*loc, true, None)?;
                }
                self.op(*loc, Op::POP_TOP);
                *loc = Location::NONE;
            }
            K::HandlerCleanup(name) => {
                if name.is_some() {
                    self.op(*loc, Op::POP_BLOCK);
                }
                if keep {
                    self.op_i(*loc, Op::SWAP, 2);
                }
                self.op(*loc, Op::POP_BLOCK);
                self.op(*loc, Op::POP_EXCEPT);
                if let Some(name) = name {
                    self.forget_name(*loc, name)?;
                }
            }
        }
        Ok(())
    }

    /// `name = None; del name`
    pub(super) fn forget_name(&mut self, loc: Location, name: &Name) -> Res {
        self.konst(loc, Constant::None);
        self.name_op(loc, name, Ctx::Store)?;
        self.name_op(loc, name, Ctx::Del)
    }

    /// Leaves all blocks, or those inside the innermost loop, which is returned.
    pub(super) fn unwind(&mut self, loc: &mut Location, keep: bool, to_loop: bool) -> Res<Option<FrameBlock<'a>>> {
        use FrameBlockKind as K;
        let Some(&top) = self.unit_ref().frame_blocks.last() else { return Ok(None) };
        if matches!(top.kind, K::ExceptionGroupHandler) {
            return self.error(*loc, "'break', 'continue' and 'return' cannot appear in an except* block");
        }
        if to_loop && matches!(top.kind, K::WhileLoop | K::ForLoop | K::AsyncForLoop) {
            return Ok(Some(top));
        }
        self.pop_block();
        self.unwind_block(loc, top, keep)?;
        let found = self.unwind(loc, keep, to_loop)?;
        self.unit().frame_blocks.push(top);
        Ok(found)
    }
}
