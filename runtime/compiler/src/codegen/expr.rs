//! Expressions.

use super::assign::binary_op;
use super::unit::ScopeKind;
use super::{Codegen, STACK_GUIDELINE};
use crate::ast::*;
use crate::depth;
use crate::error::Res;
use crate::ir::{Label, Op};
use krait_bytecode::oparg::{CompareOp, Intrinsic1, ResumeAt};
use krait_bytecode::{Constant, Location};

/// The instructions that build a kind of collection: whole, an item, many items.
#[derive(Clone, Copy)]
pub(super) struct Builder {
    build: Op,
    add: Op,
    extend: Op,
    tuple: bool,
}

pub(super) const LIST: Builder =
    Builder { build: Op::BUILD_LIST, add: Op::LIST_APPEND, extend: Op::LIST_EXTEND, tuple: false };
pub(super) const TUPLE: Builder = Builder { tuple: true, ..LIST };
const SET: Builder = Builder { build: Op::BUILD_SET, add: Op::SET_ADD, extend: Op::SET_UPDATE, tuple: false };

impl<'a> Codegen<'a> {
    pub(super) fn exprs(&mut self, list: &'a [Expr]) -> Res {
        list.iter().try_for_each(|e| self.expr(e))
    }

    pub(super) fn expr(&mut self, e: &'a Expr) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.expr_inner(e));
        self.depth -= 1;
        out
    }

    /// The value of a literal, `__debug__` included.
    pub(super) fn constant_of(&self, e: &Expr) -> Option<Constant> {
        match &e.kind {
            ExprKind::Constant { value, .. } => Some(value.clone()),
            ExprKind::Name { id, ctx: Ctx::Load } if &**id == "__debug__" => {
                Some(Constant::bool(self.options.optimize == 0))
            }
            _ => None,
        }
    }

    fn expr_inner(&mut self, e: &'a Expr) -> Res {
        use ExprKind as E;
        let loc = e.loc;
        match &e.kind {
            E::NamedExpr { target, value } => {
                self.expr(value)?;
                self.op_i(loc, Op::COPY, 1);
                self.expr(target)
            }
            E::BoolOp { op, values } => self.bool_op(loc, *op, values),
            E::BinOp { left, op, right } => {
                if *op == Operator::Mod && self.percent_format(loc, left, right)? {
                    return Ok(());
                }
                self.expr(left)?;
                self.expr(right)?;
                self.op_i(loc, Op::BINARY_OP, binary_op(*op) as usize);
                Ok(())
            }
            E::UnaryOp { op, operand } => {
                self.expr(operand)?;
                match op {
                    UnaryOp::Invert => self.op(loc, Op::UNARY_INVERT),
                    UnaryOp::USub => self.op(loc, Op::UNARY_NEGATIVE),
                    UnaryOp::UAdd => self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::UnaryPositive as usize),
                    UnaryOp::Not => {
                        self.op(loc, Op::TO_BOOL);
                        self.op(loc, Op::UNARY_NOT);
                    }
                }
                Ok(())
            }
            E::Lambda { args, body } => self.lambda(e, args, body),
            E::IfExp { test, body, orelse } => {
                let (end, next) = (self.label(), self.label());
                self.jump_if(test, next, false)?;
                self.expr(body)?;
                self.jump(Location::NONE, Op::JUMP_NO_INTERRUPT, end);
                self.place(next);
                self.expr(orelse)?;
                self.place(end);
                Ok(())
            }
            E::Dict { keys, values } => self.dict(loc, keys, values),
            E::Set(elts) => self.star_unpack(loc, elts, None, 0, SET),
            E::ListComp { .. } | E::SetComp { .. } | E::DictComp { .. } | E::GeneratorExp { .. } => {
                self.comprehension(e)
            }
            E::Yield(value) => {
                self.check_yield(loc, "yield")?;
                match value {
                    Some(value) => self.expr(value)?,
                    None => self.konst(loc, Constant::None),
                }
                self.yield_value(loc);
                Ok(())
            }
            E::YieldFrom(value) => {
                self.check_yield(loc, "yield from")?;
                if self.unit_ref().kind == ScopeKind::AsyncFunction {
                    return self.error(loc, "'yield from' inside async function");
                }
                self.expr(value)?;
                self.op(loc, Op::GET_YIELD_FROM_ITER);
                self.konst(loc, Constant::None);
                self.yield_from(loc, false, None)
            }
            E::Await(value) => {
                self.expr(value)?;
                self.op_i(loc, Op::GET_AWAITABLE, 0);
                self.konst(loc, Constant::None);
                self.yield_from(loc, true, None)
            }
            E::Compare { left, ops, comparators } => {
                self.check_compare(e)?;
                self.compare(loc, left, ops, comparators)
            }
            E::Call { func, args, keywords } => self.call(e, func, args, keywords),
            E::FormattedValue { .. } => self.formatted_value(e),
            E::Interpolation { .. } => self.interpolation(e),
            E::JoinedStr(values) => self.joined_str(loc, values),
            E::TemplateStr(values) => self.template_str(loc, values),
            E::Constant { value, .. } => {
                self.konst(loc, value.clone());
                Ok(())
            }
            E::Attribute { value, attr, ctx } => self.attribute(e, value, attr, *ctx),
            E::Subscript { value, slice, ctx } => self.subscript(e, value, slice, *ctx),
            E::Starred { ctx, .. } => match ctx {
                // Targets and elements are taken apart by what holds them.
                Ctx::Store => self.error(loc, "starred assignment target must be in a list or tuple"),
                _ => self.error(loc, "can't use starred expression here"),
            },
            E::Name { id, ctx } => match self.constant_of(e) {
                Some(value) => {
                    self.konst(loc, value);
                    Ok(())
                }
                None => self.name_op(loc, id, *ctx),
            },
            E::List { elts, ctx } => match ctx {
                Ctx::Store => self.unpack(loc, elts),
                Ctx::Load => self.star_unpack(loc, elts, None, 0, LIST),
                Ctx::Del => self.exprs(elts),
            },
            E::Tuple { elts, ctx } => match ctx {
                Ctx::Store => self.unpack(loc, elts),
                Ctx::Load => self.star_unpack(loc, elts, None, 0, TUPLE),
                Ctx::Del => self.exprs(elts),
            },
            E::Slice { .. } => self.slice(e),
        }
    }

    fn check_yield(&self, loc: Location, word: &str) -> Res {
        if self.block().kind != crate::symtable::BlockKind::Function {
            return self.error(loc, format!("'{word}' outside function"));
        }
        Ok(())
    }

    fn bool_op(&mut self, loc: Location, op: BoolOp, values: &'a [Expr]) -> Res {
        let end = self.label();
        let jump = if op == BoolOp::And { Op::JUMP_IF_FALSE } else { Op::JUMP_IF_TRUE };
        let (last, rest) = values.split_last().expect("boolean operators have operands");
        for value in rest {
            self.expr(value)?;
            self.jump(loc, jump, end);
            self.op(loc, Op::POP_TOP);
        }
        self.expr(last)?;
        self.place(end);
        Ok(())
    }

    pub(super) fn compare_op(&mut self, loc: Location, op: CmpOp) {
        let compare = match op {
            CmpOp::Is => return self.op_i(loc, Op::IS_OP, 0),
            CmpOp::IsNot => return self.op_i(loc, Op::IS_OP, 1),
            CmpOp::In => return self.op_i(loc, Op::CONTAINS_OP, 0),
            CmpOp::NotIn => return self.op_i(loc, Op::CONTAINS_OP, 1),
            CmpOp::Eq => CompareOp::Eq,
            CmpOp::NotEq => CompareOp::Ne,
            CmpOp::Lt => CompareOp::Lt,
            CmpOp::LtE => CompareOp::Le,
            CmpOp::Gt => CompareOp::Gt,
            CmpOp::GtE => CompareOp::Ge,
        };
        self.op_i(loc, Op::COMPARE_OP, compare.oparg() as usize);
    }

    fn compare(&mut self, loc: Location, left: &'a Expr, ops: &[CmpOp], comparators: &'a [Expr]) -> Res {
        self.expr(left)?;
        let last = ops.len() - 1;
        if last == 0 {
            self.expr(&comparators[0])?;
            self.compare_op(loc, ops[0]);
            return Ok(());
        }
        let (cleanup, end) = (self.label(), self.label());
        for (op, right) in ops.iter().zip(comparators).take(last) {
            self.expr(right)?;
            self.op_i(loc, Op::SWAP, 2);
            self.op_i(loc, Op::COPY, 2);
            self.compare_op(loc, *op);
            self.op_i(loc, Op::COPY, 1);
            self.op(loc, Op::TO_BOOL);
            self.jump(loc, Op::POP_JUMP_IF_FALSE, cleanup);
            self.op(loc, Op::POP_TOP);
        }
        self.expr(&comparators[last])?;
        self.compare_op(loc, ops[last]);
        self.jump(Location::NONE, Op::JUMP_NO_INTERRUPT, end);
        self.place(cleanup);
        self.op_i(loc, Op::SWAP, 2);
        self.op(loc, Op::POP_TOP);
        self.place(end);
        Ok(())
    }

    pub(super) fn yield_value(&mut self, loc: Location) {
        let block = self.block();
        if block.generator && block.coroutine {
            self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::AsyncGenWrap as usize);
        }
        self.op_i(loc, Op::YIELD_VALUE, 0);
        self.op_i(loc, Op::RESUME, ResumeAt::AfterYield as usize);
    }

    /// Delegates to the iterator below the value on the stack; `sent` is placed where the result is.
    pub(super) fn yield_from(&mut self, loc: Location, awaits: bool, sent: Option<Label>) -> Res {
        let (send, fail) = (self.label(), self.label());
        let exit = match sent {
            Some(label) => label,
            None => self.label(),
        };
        self.place(send);
        self.jump(loc, Op::SEND, exit);
        // Catches StopIteration from close() and throw().
        self.jump(loc, Op::SETUP_FINALLY, fail);
        self.op_i(loc, Op::YIELD_VALUE, 1);
        self.op(Location::NONE, Op::POP_BLOCK);
        let resume = if awaits { ResumeAt::AfterAwait } else { ResumeAt::AfterYieldFrom };
        self.op_i(loc, Op::RESUME, resume as usize);
        self.jump(loc, Op::JUMP_NO_INTERRUPT, send);
        self.place(fail);
        self.op(loc, Op::CLEANUP_THROW);
        self.place(exit);
        self.op(loc, Op::END_SEND);
        Ok(())
    }

    /// Builds a collection of elements, some of them starred; `pushed` values on the stack belong to it already, and
    /// `injected` is a name that comes last.
    pub(super) fn star_unpack(
        &mut self,
        loc: Location,
        elts: &'a [Expr],
        injected: Option<&Name>,
        pushed: usize,
        how: Builder,
    ) -> Res {
        let total = elts.len() + usize::from(injected.is_some());
        let big = total + pushed > STACK_GUIDELINE;
        let starred = elts.iter().any(|e| matches!(e.kind, ExprKind::Starred { .. }));
        if !starred && !big {
            self.exprs(elts)?;
            if let Some(name) = injected {
                self.name_op(loc, name, Ctx::Load)?;
            }
            self.op_i(loc, if how.tuple { Op::BUILD_TUPLE } else { how.build }, total + pushed);
            return Ok(());
        }
        let mut built = false;
        if big {
            self.op_i(loc, how.build, pushed);
            built = true;
        }
        for (index, elt) in elts.iter().enumerate() {
            match &elt.kind {
                ExprKind::Starred { value, .. } => {
                    if !built {
                        self.op_i(loc, how.build, index + pushed);
                        built = true;
                    }
                    self.expr(value)?;
                    self.op_i(loc, how.extend, 1);
                }
                _ => {
                    self.expr(elt)?;
                    if built {
                        self.op_i(loc, how.add, 1);
                    }
                }
            }
        }
        if let Some(name) = injected {
            self.name_op(loc, name, Ctx::Load)?;
            self.op_i(loc, how.add, 1);
        }
        if how.tuple {
            self.op_i(loc, Op::CALL_INTRINSIC_1, Intrinsic1::ListToTuple as usize);
        }
        Ok(())
    }

    fn dict(&mut self, loc: Location, keys: &'a [Option<Expr>], values: &'a [Expr]) -> Res {
        let (mut have, mut pending) = (false, 0);
        for (index, key) in keys.iter().enumerate() {
            if key.is_none() {
                if pending > 0 {
                    self.sub_dict(loc, &keys[index - pending..index], &values[index - pending..index])?;
                    if have {
                        self.op_i(loc, Op::DICT_UPDATE, 1);
                    }
                    have = true;
                    pending = 0;
                }
                if !have {
                    self.op_i(loc, Op::BUILD_MAP, 0);
                    have = true;
                }
                self.expr(&values[index])?;
                self.op_i(loc, Op::DICT_UPDATE, 1);
            } else if pending * 2 > STACK_GUIDELINE {
                self.sub_dict(loc, &keys[index - pending..=index], &values[index - pending..=index])?;
                if have {
                    self.op_i(loc, Op::DICT_UPDATE, 1);
                }
                have = true;
                pending = 0;
            } else {
                pending += 1;
            }
        }
        if pending > 0 {
            let from = keys.len() - pending;
            self.sub_dict(loc, &keys[from..], &values[from..])?;
            if have {
                self.op_i(loc, Op::DICT_UPDATE, 1);
            }
            have = true;
        }
        if !have {
            self.op_i(loc, Op::BUILD_MAP, 0);
        }
        Ok(())
    }

    fn sub_dict(&mut self, loc: Location, keys: &'a [Option<Expr>], values: &'a [Expr]) -> Res {
        let big = keys.len() * 2 > STACK_GUIDELINE;
        if big {
            self.op_i(loc, Op::BUILD_MAP, 0);
        }
        for (key, value) in keys.iter().zip(values) {
            key.iter().try_for_each(|k| self.expr(k))?;
            self.expr(value)?;
            if big {
                self.op_i(loc, Op::MAP_ADD, 1);
            }
        }
        if !big {
            self.op_i(loc, Op::BUILD_MAP, keys.len());
        }
        Ok(())
    }

    // Warnings about code that cannot work.

    fn type_name(e: &Expr) -> Option<&'static str> {
        Some(match &e.kind {
            ExprKind::Tuple { .. } => "tuple",
            ExprKind::List { .. } | ExprKind::ListComp { .. } => "list",
            ExprKind::Dict { .. } | ExprKind::DictComp { .. } => "dict",
            ExprKind::Set(_) | ExprKind::SetComp { .. } => "set",
            ExprKind::GeneratorExp { .. } => "generator",
            ExprKind::Lambda { .. } => "function",
            ExprKind::TemplateStr(_) | ExprKind::Interpolation { .. } => "string.templatelib.Template",
            ExprKind::JoinedStr(_) | ExprKind::FormattedValue { .. } => "str",
            ExprKind::Constant { value, .. } => match value {
                Constant::None => "NoneType",
                Constant::True | Constant::False => "bool",
                Constant::Ellipsis => "ellipsis",
                Constant::Int(_) => "int",
                Constant::Float(_) => "float",
                Constant::Complex(..) => "complex",
                Constant::Str(_) => "str",
                Constant::Bytes(_) => "bytes",
                _ => return None,
            },
            _ => return None,
        })
    }

    pub(super) fn check_called(&mut self, func: &Expr) -> Res {
        let callable = matches!(func.kind, ExprKind::Lambda { .. });
        if let Some(name) = Self::type_name(func)
            && !callable
        {
            self.warn(func.loc, format!("'{name}' object is not callable; perhaps you missed a comma?"));
        }
        Ok(())
    }

    pub(super) fn check_subscripted(&mut self, object: &Expr) -> Res {
        let bad = match &object.kind {
            ExprKind::Constant { value, .. } => !matches!(value, Constant::Str(_) | Constant::Bytes(_)),
            ExprKind::Set(_)
            | ExprKind::SetComp { .. }
            | ExprKind::GeneratorExp { .. }
            | ExprKind::TemplateStr(_)
            | ExprKind::Interpolation { .. }
            | ExprKind::Lambda { .. } => true,
            _ => false,
        };
        if let Some(name) = Self::type_name(object)
            && bad
        {
            self.warn(object.loc, format!("'{name}' object is not subscriptable; perhaps you missed a comma?"));
        }
        Ok(())
    }

    pub(super) fn check_index(&mut self, object: &Expr, index: &Expr) -> Res {
        let sequence = matches!(
            &object.kind,
            ExprKind::Tuple { .. }
                | ExprKind::List { .. }
                | ExprKind::ListComp { .. }
                | ExprKind::JoinedStr(_)
                | ExprKind::FormattedValue { .. }
                | ExprKind::Constant { value: Constant::Str(_) | Constant::Bytes(_), .. }
        );
        let Some(index_type) = Self::type_name(index) else { return Ok(()) };
        if sequence && !matches!(index_type, "int" | "bool") {
            let name = Self::type_name(object).unwrap_or_default();
            let msg =
                format!("{name} indices must be integers or slices, not {index_type}; perhaps you missed a comma?");
            self.warn(object.loc, msg);
        }
        Ok(())
    }

    /// Warns about `is` with a literal.
    pub(super) fn check_compare(&mut self, e: &Expr) -> Res {
        let ExprKind::Compare { left, ops, comparators } = &e.kind else { return Ok(()) };
        let literal = |e: &Expr| match &e.kind {
            ExprKind::Constant { value, .. } => {
                !matches!(value, Constant::None | Constant::True | Constant::False | Constant::Ellipsis)
            }
            ExprKind::Tuple { .. } | ExprKind::JoinedStr(_) | ExprKind::TemplateStr(_) => true,
            _ => false,
        };
        let mut before: &Expr = left;
        for (op, right) in ops.iter().zip(comparators) {
            if matches!(op, CmpOp::Is | CmpOp::IsNot) && (literal(before) || literal(right)) {
                let which = if literal(before) { before } else { right };
                let name = Self::type_name(which).unwrap_or_default();
                let msg = if *op == CmpOp::Is {
                    format!("\"is\" with '{name}' literal. Did you mean \"==\"?")
                } else {
                    format!("\"is not\" with '{name}' literal. Did you mean \"!=\"?")
                };
                self.warn(e.loc, msg);
                return Ok(());
            }
            before = right;
        }
        Ok(())
    }
}
