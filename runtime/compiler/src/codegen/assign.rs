//! Targets: attributes, subscripts, unpacking, augmented assignment.

use super::Codegen;
use super::unit::ScopeKind;
use crate::ast::*;
use crate::error::Res;
use crate::ir::Op;
use krait_bytecode::oparg::BinaryOp;
use krait_bytecode::{Constant, Location};

/// The operator's number in `BINARY_OP`.
pub(super) fn binary_op(op: Operator) -> BinaryOp {
    match op {
        Operator::Add => BinaryOp::Add,
        Operator::Sub => BinaryOp::Subtract,
        Operator::Mult => BinaryOp::Multiply,
        Operator::MatMult => BinaryOp::MatrixMultiply,
        Operator::Div => BinaryOp::TrueDivide,
        Operator::Mod => BinaryOp::Remainder,
        Operator::Pow => BinaryOp::Power,
        Operator::LShift => BinaryOp::LShift,
        Operator::RShift => BinaryOp::RShift,
        Operator::BitOr => BinaryOp::Or,
        Operator::BitXor => BinaryOp::Xor,
        Operator::BitAnd => BinaryOp::And,
        Operator::FloorDiv => BinaryOp::FloorDivide,
    }
}

/// The place of an attribute access that spans lines: that of the attribute's name.
pub(super) fn attribute_loc(mut loc: Location, attribute: &Expr) -> Location {
    let ExprKind::Attribute { attr, .. } = &attribute.kind else { return loc };
    let at = attribute.loc;
    if loc.line != at.end_line {
        loc.line = at.end_line;
        let len = attr.chars().count() as i32;
        if len <= at.end_column {
            loc.column = at.end_column - len;
        } else {
            loc.column = -1;
            loc.end_column = -1;
        }
        loc.end_line = loc.end_line.max(loc.line);
        if loc.line == loc.end_line {
            loc.end_column = loc.end_column.max(loc.column);
        }
    }
    loc
}

impl<'a> Codegen<'a> {
    pub(super) fn aug_assign(&mut self, loc: Location, target: &'a Expr, op: Operator, value: &'a Expr) -> Res {
        let at = target.loc;
        let mut two_parts = false;
        match &target.kind {
            ExprKind::Attribute { value: object, attr, .. } => {
                self.expr(object)?;
                self.op_i(at, Op::COPY, 1);
                self.op_attr(attribute_loc(at, target), Op::LOAD_ATTR, attr);
            }
            ExprKind::Subscript { value: object, slice, .. } => {
                self.expr(object)?;
                two_parts = self.is_two_part_slice(slice);
                if two_parts {
                    self.slice_parts(slice)?;
                    for _ in 0..3 {
                        self.op_i(at, Op::COPY, 3);
                    }
                    self.op(at, Op::BINARY_SLICE);
                } else {
                    self.expr(slice)?;
                    self.op_i(at, Op::COPY, 2);
                    self.op_i(at, Op::COPY, 2);
                    self.op_i(at, Op::BINARY_OP, BinaryOp::Subscr as usize);
                }
            }
            ExprKind::Name { id, .. } => self.name_op(at, id, Ctx::Load)?,
            _ => return self.error(at, "invalid node type for augmented assignment"),
        }
        self.expr(value)?;
        let op = binary_op(op);
        self.op_i(loc, Op::BINARY_OP, op.inplace().unwrap_or(op) as usize);
        match &target.kind {
            ExprKind::Attribute { attr, .. } => {
                let at = attribute_loc(at, target);
                self.op_i(at, Op::SWAP, 2);
                self.op_attr(at, Op::STORE_ATTR, attr);
            }
            ExprKind::Name { id, .. } => self.name_op(at, id, Ctx::Store)?,
            _ if two_parts => {
                for n in [4, 3, 2] {
                    self.op_i(at, Op::SWAP, n);
                }
                self.op(at, Op::STORE_SLICE);
            }
            _ => {
                self.op_i(at, Op::SWAP, 3);
                self.op_i(at, Op::SWAP, 2);
                self.op(at, Op::STORE_SUBSCR);
            }
        }
        Ok(())
    }

    /// Notes `self.attr = ...` for `__static_attributes__` of the class around.
    fn note_static_attribute(&mut self, object: &Expr, attr: &Name) {
        if !matches!(&object.kind, ExprKind::Name { id, .. } if &**id == "self") {
            return;
        }
        let outer = self.units.len() - 1;
        if let Some(unit) = self.units[..outer].iter_mut().rev().find(|u| u.kind == ScopeKind::Class) {
            unit.static_attributes.insert(attr.clone());
        }
    }

    pub(super) fn attribute(&mut self, e: &'a Expr, object: &'a Expr, attr: &Name, ctx: Ctx) -> Res {
        if ctx == Ctx::Load && self.is_super_access(object, attr) {
            return self.super_attribute(e, object, attr);
        }
        self.expr(object)?;
        let loc = attribute_loc(e.loc, e);
        let op = match ctx {
            Ctx::Load => Op::LOAD_ATTR,
            Ctx::Store => {
                self.note_static_attribute(object, attr);
                Op::STORE_ATTR
            }
            Ctx::Del => Op::DELETE_ATTR,
        };
        self.op_attr(loc, op, attr);
        Ok(())
    }

    pub(super) fn subscript(&mut self, e: &'a Expr, object: &'a Expr, slice: &'a Expr, ctx: Ctx) -> Res {
        let loc = e.loc;
        if ctx == Ctx::Load {
            self.check_subscripted(object)?;
            self.check_index(object, slice)?;
        }
        self.expr(object)?;
        if ctx != Ctx::Del && self.is_two_part_slice(slice) {
            self.slice_parts(slice)?;
            self.op(loc, if ctx == Ctx::Load { Op::BINARY_SLICE } else { Op::STORE_SLICE });
            return Ok(());
        }
        self.expr(slice)?;
        match ctx {
            Ctx::Load => self.op_i(loc, Op::BINARY_OP, BinaryOp::Subscr as usize),
            Ctx::Store => self.op(loc, Op::STORE_SUBSCR),
            Ctx::Del => self.op(loc, Op::DELETE_SUBSCR),
        }
        Ok(())
    }

    /// The value of a slice of constants.
    fn constant_slice(&self, e: &Expr) -> Option<Constant> {
        let ExprKind::Slice { lower, upper, step } = &e.kind else { return None };
        let part = |e: &Option<Box<Expr>>| match e {
            None => Some(Constant::None),
            Some(e) => self.constant_of(e),
        };
        Some(Constant::Slice(Box::new([part(lower)?, part(upper)?, part(step)?])))
    }

    fn is_two_part_slice(&self, e: &Expr) -> bool {
        matches!(&e.kind, ExprKind::Slice { step: None, .. }) && self.constant_slice(e).is_none()
    }

    fn slice_parts(&mut self, e: &'a Expr) -> Res {
        let ExprKind::Slice { lower, upper, .. } = &e.kind else { return Ok(()) };
        for part in [lower, upper] {
            match part {
                Some(part) => self.expr(part)?,
                None => self.konst(e.loc, Constant::None),
            }
        }
        Ok(())
    }

    pub(super) fn slice(&mut self, e: &'a Expr) -> Res {
        if let Some(value) = self.constant_slice(e) {
            self.konst(e.loc, value);
            return Ok(());
        }
        self.slice_parts(e)?;
        let mut count = 2;
        if let ExprKind::Slice { step: Some(step), .. } = &e.kind {
            self.expr(step)?;
            count = 3;
        }
        self.op_i(e.loc, Op::BUILD_SLICE, count);
        Ok(())
    }

    /// Stores the items of the value on the stack.
    pub(super) fn unpack(&mut self, loc: Location, elts: &'a [Expr]) -> Res {
        let mut star = false;
        for (index, elt) in elts.iter().enumerate() {
            if !matches!(elt.kind, ExprKind::Starred { .. }) {
                continue;
            }
            if star {
                return self.error(loc, "multiple starred expressions in assignment");
            }
            let after = elts.len() - index - 1;
            if index >= 1 << 8 || after >= 1 << 23 {
                return self.error(loc, "too many expressions in star-unpacking assignment");
            }
            star = true;
            self.op_i(loc, Op::UNPACK_EX, index | after << 8);
        }
        if !star {
            self.op_i(loc, Op::UNPACK_SEQUENCE, elts.len());
        }
        elts.iter().try_for_each(|elt| match &elt.kind {
            ExprKind::Starred { value, .. } => self.expr(value),
            _ => self.expr(elt),
        })
    }
}
