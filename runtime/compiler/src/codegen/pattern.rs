//! `match` (PEP 634).

use super::Codegen;
use crate::ast::*;
use crate::depth;
use crate::error::Res;
use crate::ir::{Label, Op};
use krait_bytecode::oparg::BinaryOp;
use krait_bytecode::{Constant, Location};

/// State of a pattern's code.
#[derive(Default)]
struct Context {
    /// Captured names, whose values are on the stack in this order.
    stores: Vec<Name>,
    /// Whether a pattern that always matches may stand here.
    allow_irrefutable: bool,
    /// Labels to jump to on failure, by how many values are to be dropped.
    fail: Vec<Label>,
    /// Values on the stack above the captured ones.
    on_top: usize,
}

fn is_wildcard(p: &Pattern) -> bool {
    matches!(p.kind, PatternKind::As { name: None, .. })
}

fn is_star_wildcard(p: &Pattern) -> bool {
    matches!(p.kind, PatternKind::Star(None))
}

impl<'a> Codegen<'a> {
    pub(super) fn match_stmt(&mut self, subject: &'a Expr, cases: &'a [MatchCase]) -> Res {
        self.expr(subject)?;
        let end = self.label();
        let Some(last) = cases.last() else { return Ok(()) };
        let has_default = is_wildcard(&last.pattern) && cases.len() > 1;
        let count = cases.len() - usize::from(has_default);
        for (index, case) in cases[..count].iter().enumerate() {
            let loc = case.pattern.loc;
            let keep = index + 1 != count;
            if keep {
                self.op_i(loc, Op::COPY, 1);
            }
            let allow_irrefutable = case.guard.is_some() || index + 1 == cases.len();
            let mut pc = Context { allow_irrefutable, ..Context::default() };
            self.pattern(&case.pattern, &mut pc)?;
            for name in std::mem::take(&mut pc.stores) {
                self.name_op(loc, &name, Ctx::Store)?;
            }
            if let Some(guard) = &case.guard {
                self.ensure_fail(&mut pc, 0);
                self.jump_if(guard, pc.fail[0], false)?;
            }
            if keep {
                self.op(Location::NEXT, Op::POP_TOP);
            }
            self.stmts(&case.body)?;
            self.jump(Location::NONE, Op::JUMP, end);
            self.reset_fail(loc, &mut pc);
        }
        if has_default {
            self.op(last.pattern.loc, Op::NOP);
            if let Some(guard) = &last.guard {
                self.jump_if(guard, end, false)?;
            }
            self.stmts(&last.body)?;
        }
        self.place(end);
        Ok(())
    }

    fn ensure_fail(&mut self, pc: &mut Context, pops: usize) {
        while pc.fail.len() <= pops {
            let label = self.label();
            pc.fail.push(label);
        }
    }

    fn fail_jump(&mut self, loc: Location, pc: &mut Context, op: Op) {
        let pops = pc.on_top + pc.stores.len();
        self.ensure_fail(pc, pops);
        self.jump(loc, op, pc.fail[pops]);
    }

    /// Places the failure labels, dropping one value between each.
    fn reset_fail(&mut self, loc: Location, pc: &mut Context) {
        let labels = std::mem::take(&mut pc.fail);
        for (index, label) in labels.iter().enumerate().rev() {
            self.place(*label);
            if index > 0 {
                self.op(loc, Op::POP_TOP);
            }
        }
    }

    fn rotate(&mut self, loc: Location, mut count: usize) {
        while count > 1 {
            self.op_i(loc, Op::SWAP, count);
            count -= 1;
        }
    }

    fn capture(&mut self, loc: Location, name: Option<&Name>, pc: &mut Context) -> Res {
        let Some(name) = name else {
            self.op(loc, Op::POP_TOP);
            return Ok(());
        };
        if pc.stores.contains(name) {
            return self.error(loc, format!("multiple assignments to name '{name}' in pattern"));
        }
        self.rotate(loc, pc.on_top + pc.stores.len() + 1);
        pc.stores.push(name.clone());
        Ok(())
    }

    fn pattern(&mut self, p: &'a Pattern, pc: &mut Context) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.pattern_inner(p, pc));
        self.depth -= 1;
        out
    }

    fn subpattern(&mut self, p: &'a Pattern, pc: &mut Context) -> Res {
        let before = std::mem::replace(&mut pc.allow_irrefutable, true);
        self.pattern(p, pc)?;
        pc.allow_irrefutable = before;
        Ok(())
    }

    fn pattern_inner(&mut self, p: &'a Pattern, pc: &mut Context) -> Res {
        let loc = p.loc;
        match &p.kind {
            PatternKind::Value(value) => {
                self.pattern_value(value)?;
                self.compare_op(loc, CmpOp::Eq);
                self.op(loc, Op::TO_BOOL);
                self.fail_jump(loc, pc, Op::POP_JUMP_IF_FALSE);
                Ok(())
            }
            PatternKind::Singleton(value) => {
                self.konst(loc, value.clone());
                self.compare_op(loc, CmpOp::Is);
                self.fail_jump(loc, pc, Op::POP_JUMP_IF_FALSE);
                Ok(())
            }
            PatternKind::Sequence(patterns) => self.pattern_sequence(loc, patterns, pc),
            PatternKind::Mapping { keys, patterns, rest } => {
                self.pattern_mapping(loc, keys, patterns, rest.as_ref(), pc)
            }
            PatternKind::Class { .. } => self.pattern_class(p, pc),
            PatternKind::Star(name) => self.capture(loc, name.as_ref(), pc),
            PatternKind::As { pattern: None, name } => {
                if !pc.allow_irrefutable {
                    let msg = match name {
                        Some(name) => format!("name capture '{name}' makes remaining patterns unreachable"),
                        None => "wildcard makes remaining patterns unreachable".into(),
                    };
                    return self.error(loc, msg);
                }
                self.capture(loc, name.as_ref(), pc)
            }
            PatternKind::As { pattern: Some(inner), name } => {
                pc.on_top += 1;
                self.op_i(loc, Op::COPY, 1);
                self.pattern(inner, pc)?;
                pc.on_top -= 1;
                self.capture(loc, name.as_ref(), pc)
            }
            PatternKind::Or(patterns) => self.pattern_or(loc, patterns, pc),
        }
    }

    /// A value to compare with: literals are folded.
    fn pattern_value(&mut self, value: &'a Expr) -> Res {
        if let Some(constant) = crate::fold::pattern_constant(value) {
            self.konst(value.loc, constant);
            return Ok(());
        }
        match &value.kind {
            ExprKind::Attribute { .. } => self.expr(value),
            _ => self.error(value.loc, "patterns may only match literals and attribute lookups"),
        }
    }

    fn pattern_sequence(&mut self, loc: Location, patterns: &'a [Pattern], pc: &mut Context) -> Res {
        let (mut star, mut only_wildcard, mut star_wildcard) = (None, true, false);
        for (index, p) in patterns.iter().enumerate() {
            if matches!(p.kind, PatternKind::Star(_)) {
                if star.is_some() {
                    return self.error(loc, "multiple starred names in sequence pattern");
                }
                star_wildcard = is_star_wildcard(p);
                only_wildcard &= star_wildcard;
                star = Some(index);
            } else {
                only_wildcard &= is_wildcard(p);
            }
        }
        let size = patterns.len();
        pc.on_top += 1;
        self.op(loc, Op::MATCH_SEQUENCE);
        self.fail_jump(loc, pc, Op::POP_JUMP_IF_FALSE);
        if star.is_none() || size > 1 {
            let (length, op) = if star.is_none() { (size, CmpOp::Eq) } else { (size - 1, CmpOp::GtE) };
            self.op(loc, Op::GET_LEN);
            self.konst_int(loc, length);
            self.compare_op(loc, op);
            self.fail_jump(loc, pc, Op::POP_JUMP_IF_FALSE);
        }
        pc.on_top -= 1;
        match star {
            _ if only_wildcard => {
                self.op(loc, Op::POP_TOP);
                Ok(())
            }
            Some(star) if star_wildcard => self.sequence_by_index(loc, patterns, star, pc),
            _ => self.sequence_unpack(loc, patterns, pc),
        }
    }

    fn sequence_unpack(&mut self, loc: Location, patterns: &'a [Pattern], pc: &mut Context) -> Res {
        let size = patterns.len();
        match patterns.iter().position(|p| matches!(p.kind, PatternKind::Star(_))) {
            Some(star) => {
                let after = size - star - 1;
                if star >= 1 << 8 || after >= 1 << 23 {
                    return self.error(loc, "too many expressions in star-unpacking sequence pattern");
                }
                self.op_i(loc, Op::UNPACK_EX, star | after << 8);
            }
            None => self.op_i(loc, Op::UNPACK_SEQUENCE, size),
        }
        pc.on_top += size;
        for p in patterns {
            pc.on_top -= 1;
            self.subpattern(p, pc)?;
        }
        Ok(())
    }

    fn sequence_by_index(&mut self, loc: Location, patterns: &'a [Pattern], star: usize, pc: &mut Context) -> Res {
        pc.on_top += 1;
        let size = patterns.len();
        for (index, p) in patterns.iter().enumerate() {
            if is_wildcard(p) || index == star {
                continue;
            }
            self.op_i(loc, Op::COPY, 1);
            if index < star {
                self.konst_int(loc, index);
            } else {
                // The subject may not know negative indices.
                self.op(loc, Op::GET_LEN);
                self.konst_int(loc, size - index);
                self.op_i(loc, Op::BINARY_OP, BinaryOp::Subtract as usize);
            }
            self.op_i(loc, Op::BINARY_OP, BinaryOp::Subscr as usize);
            self.subpattern(p, pc)?;
        }
        pc.on_top -= 1;
        self.op(loc, Op::POP_TOP);
        Ok(())
    }

    fn pattern_class(&mut self, p: &'a Pattern, pc: &mut Context) -> Res {
        let PatternKind::Class { cls, patterns, kwd_attrs, kwd_patterns } = &p.kind else { return Ok(()) };
        let loc = p.loc;
        for (index, (name, _)) in kwd_attrs.iter().enumerate() {
            if let Some((again, at)) = kwd_attrs[index + 1..].iter().find(|(other, _)| other == name) {
                let at = kwd_patterns.get(index + 1).map_or(*at, |p| p.loc);
                return self.error(at, format!("attribute name repeated in class pattern: {again}"));
            }
        }
        self.expr(cls)?;
        let names = kwd_attrs.iter().map(|(n, _)| Constant::str(n)).collect();
        self.konst(loc, Constant::Tuple(names));
        self.op_i(loc, Op::MATCH_CLASS, patterns.len());
        self.op_i(loc, Op::COPY, 1);
        self.konst(loc, Constant::None);
        self.op_i(loc, Op::IS_OP, 1);
        pc.on_top += 1;
        self.fail_jump(loc, pc, Op::POP_JUMP_IF_FALSE);
        let total = patterns.len() + kwd_patterns.len();
        self.op_i(loc, Op::UNPACK_SEQUENCE, total);
        pc.on_top += total;
        pc.on_top -= 1;
        for inner in patterns.iter().chain(kwd_patterns) {
            pc.on_top -= 1;
            if is_wildcard(inner) && matches!(inner.kind, PatternKind::As { pattern: None, .. }) {
                self.op(loc, Op::POP_TOP);
                continue;
            }
            self.subpattern(inner, pc)?;
        }
        Ok(())
    }

    fn pattern_mapping(
        &mut self,
        loc: Location,
        keys: &'a [Expr],
        patterns: &'a [Pattern],
        rest: Option<&'a Name>,
        pc: &mut Context,
    ) -> Res {
        pc.on_top += 1;
        self.op(loc, Op::MATCH_MAPPING);
        self.fail_jump(loc, pc, Op::POP_JUMP_IF_FALSE);
        let size = keys.len();
        if size == 0 && rest.is_none() {
            pc.on_top -= 1;
            self.op(loc, Op::POP_TOP);
            return Ok(());
        }
        if size > 0 {
            self.op(loc, Op::GET_LEN);
            self.konst_int(loc, size);
            self.compare_op(loc, CmpOp::GtE);
            self.fail_jump(loc, pc, Op::POP_JUMP_IF_FALSE);
        }
        self.mapping_keys(loc, keys)?;
        self.op_i(loc, Op::BUILD_TUPLE, size);
        self.op(loc, Op::MATCH_KEYS);
        pc.on_top += 2;
        self.op_i(loc, Op::COPY, 1);
        self.konst(loc, Constant::None);
        self.op_i(loc, Op::IS_OP, 1);
        self.fail_jump(loc, pc, Op::POP_JUMP_IF_FALSE);
        self.op_i(loc, Op::UNPACK_SEQUENCE, size);
        pc.on_top += size;
        pc.on_top -= 1;
        for p in patterns {
            pc.on_top -= 1;
            self.subpattern(p, pc)?;
        }
        pc.on_top -= 2;
        match rest {
            None => {
                self.op(loc, Op::POP_TOP);
                self.op(loc, Op::POP_TOP);
                Ok(())
            }
            Some(_) => {
                // rest = dict(subject); for key in keys: del rest[key]
                self.op_i(loc, Op::BUILD_MAP, 0);
                self.op_i(loc, Op::SWAP, 3);
                self.op_i(loc, Op::DICT_UPDATE, 2);
                self.op_i(loc, Op::UNPACK_SEQUENCE, size);
                for left in (1..=size).rev() {
                    self.op_i(loc, Op::COPY, 1 + left);
                    self.op_i(loc, Op::SWAP, 2);
                    self.op(loc, Op::DELETE_SUBSCR);
                }
                self.capture(loc, rest, pc)
            }
        }
    }

    fn mapping_keys(&mut self, loc: Location, keys: &'a [Expr]) -> Res {
        let mut seen: Vec<Constant> = Vec::new();
        for key in keys {
            if let Some(constant) = crate::fold::pattern_constant(key) {
                if seen.iter().any(|other| crate::fold::python_eq(other, &constant)) {
                    let shown = crate::unparse::constant_text(&constant);
                    return self.error(loc, format!("mapping pattern checks duplicate key ({shown})"));
                }
                seen.push(constant.clone());
                self.konst(key.loc, constant);
            } else if matches!(key.kind, ExprKind::Attribute { .. }) {
                self.expr(key)?;
            } else {
                return self.error(loc, "mapping pattern keys may only match literals and attribute lookups");
            }
        }
        Ok(())
    }

    fn pattern_or(&mut self, loc: Location, patterns: &'a [Pattern], pc: &mut Context) -> Res {
        let end = self.label();
        let mut control: Vec<Name> = Vec::new();
        for (index, alt) in patterns.iter().enumerate() {
            let last = index + 1 == patterns.len();
            let mut inner = Context { allow_irrefutable: last && pc.allow_irrefutable, ..Context::default() };
            self.op_i(alt.loc, Op::COPY, 1);
            self.pattern(alt, &mut inner)?;
            if index == 0 {
                control = inner.stores.clone();
            } else {
                self.match_order(alt.loc, loc, &control, &mut inner.stores)?;
            }
            self.jump(alt.loc, Op::JUMP_NO_INTERRUPT, end);
            self.reset_fail(alt.loc, &mut inner);
        }
        self.op(loc, Op::POP_TOP);
        self.fail_jump(loc, pc, Op::JUMP);
        self.place(end);
        let rotations = control.len() + 1 + pc.on_top + pc.stores.len();
        for name in control {
            self.rotate(loc, rotations);
            if pc.stores.contains(&name) {
                return self.error(loc, format!("multiple assignments to name '{name}' in pattern"));
            }
            pc.stores.push(name);
        }
        self.op(loc, Op::POP_TOP);
        Ok(())
    }

    /// Brings captured values into the order of the first alternative.
    fn match_order(&mut self, at: Location, whole: Location, control: &[Name], stores: &mut Vec<Name>) -> Res {
        let differs = "alternative patterns bind different names";
        if stores.len() != control.len() {
            return self.error(whole, differs);
        }
        for wanted in (0..control.len()).rev() {
            let Some(found) = stores.iter().position(|n| *n == control[wanted]) else {
                return self.error(whole, differs);
            };
            if found == wanted {
                continue;
            }
            let rotations = found + 1;
            let rotated: Vec<Name> = stores.drain(..rotations).collect();
            let insert = wanted - found;
            stores.splice(insert..insert, rotated);
            for _ in 0..rotations {
                self.rotate(at, wanted + 1);
            }
        }
        Ok(())
    }
}
