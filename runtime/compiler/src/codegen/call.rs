//! Calls.

use super::assign::attribute_loc;
use super::{Codegen, STACK_GUIDELINE};
use crate::ast::*;
use crate::error::Res;
use crate::ir::{Label, Op};
use crate::symtable::{Scope, def};
use krait_bytecode::oparg::{CommonConstant, Intrinsic1};
use krait_bytecode::{Constant, Location};

impl<'a> Codegen<'a> {
    pub(super) fn call(&mut self, e: &'a Expr, func: &'a Expr, args: &'a [Expr], keywords: &'a [Keyword]) -> Res {
        self.check_keywords(keywords)?;
        if self.method_call(e, func, args, keywords)? {
            return Ok(());
        }
        let skip = self.label();
        self.check_called(func)?;
        self.expr(func)?;
        self.consumer_call(e.loc, func, args, keywords, skip)?;
        self.op(func.loc, Op::PUSH_NULL);
        self.call_helper(e.loc, 0, args, None, keywords)?;
        self.place(skip);
        Ok(())
    }

    fn check_keywords(&self, keywords: &[Keyword]) -> Res {
        for (index, keyword) in keywords.iter().enumerate() {
            let Some(name) = &keyword.arg else { continue };
            if &**name == "__debug__" {
                return self.error(keyword.loc, "cannot assign to __debug__");
            }
            if let Some(again) = keywords[index + 1..].iter().find(|k| k.arg.as_ref() == Some(name)) {
                return self.error(again.loc, format!("keyword argument repeated: {name}"));
            }
        }
        Ok(())
    }

    /// Whether an expression is a name that the module imports: its attributes are functions, not methods.
    fn is_import(&self, e: &Expr) -> bool {
        let ExprKind::Name { id, .. } = &e.kind else { return false };
        if self.block_id() == 0 && self.unit_ref().in_inlined_comp > 0 {
            return false;
        }
        self.table.blocks[0].symbol(id).flags & def::IMPORT != 0
    }

    /// `object.name(...)` without making a bound method.
    fn method_call(&mut self, e: &'a Expr, func: &'a Expr, args: &'a [Expr], keywords: &'a [Keyword]) -> Res<bool> {
        let ExprKind::Attribute { value: object, attr, ctx: Ctx::Load } = &func.kind else { return Ok(false) };
        if self.is_import(object) {
            return Ok(false);
        }
        let count = args.len() + keywords.len() + usize::from(!keywords.is_empty());
        let plain = args.iter().all(|a| !matches!(a.kind, ExprKind::Starred { .. }))
            && keywords.iter().all(|k| k.arg.is_some());
        if count >= STACK_GUIDELINE || !plain {
            return Ok(false);
        }
        let mut loc = func.loc;
        if self.is_super_access(object, attr) {
            let two = self.load_super_args(object)?;
            let index = self.attr_index(attr);
            self.op_i(loc, Op::LOAD_SUPER_ATTR, index << 2 | 1 | if two { 2 } else { 0 });
            loc = attribute_loc(loc, func);
            self.op(loc, Op::NOP);
        } else {
            self.expr(object)?;
            loc = attribute_loc(loc, func);
            self.load_method(loc, attr);
        }
        self.exprs(args)?;
        let call_loc = attribute_loc(e.loc, func);
        if keywords.is_empty() {
            self.op_i(call_loc, Op::CALL, args.len());
        } else {
            self.keyword_values(loc, keywords)?;
            self.op_i(call_loc, Op::CALL_KW, args.len() + keywords.len());
        }
        Ok(true)
    }

    fn attr_index(&mut self, attr: &Name) -> usize {
        let mangled = self.mangled(attr);
        self.name_index(&mangled)
    }

    /// Values of keyword arguments, then the tuple of their names.
    fn keyword_values(&mut self, loc: Location, keywords: &'a [Keyword]) -> Res {
        let names = keywords.iter().map(|k| Constant::str(k.arg.as_deref().unwrap_or_default())).collect();
        keywords.iter().try_for_each(|k| self.expr(&k.value))?;
        self.konst(loc, Constant::Tuple(names));
        Ok(())
    }

    /// Calls with `pushed` arguments on the stack, `args`, a name as last positional argument, and keywords.
    pub(super) fn call_helper(
        &mut self,
        loc: Location,
        pushed: usize,
        args: &'a [Expr],
        injected: Option<&Name>,
        keywords: &'a [Keyword],
    ) -> Res {
        if pushed > 0 {
            self.check_keywords(keywords)?;
        }
        let starred = args.iter().any(|a| matches!(a.kind, ExprKind::Starred { .. }));
        let unpacked = keywords.iter().any(|k| k.arg.is_none());
        let mut count = args.len();
        if count + keywords.len() * 2 <= STACK_GUIDELINE && !starred && !unpacked {
            self.exprs(args)?;
            if let Some(name) = injected {
                self.name_op(loc, name, Ctx::Load)?;
                count += 1;
            }
            if keywords.is_empty() {
                self.op_i(loc, Op::CALL, pushed + count);
            } else {
                self.keyword_values(loc, keywords)?;
                self.op_i(loc, Op::CALL_KW, pushed + count + keywords.len());
            }
            return Ok(());
        }
        match args {
            [Expr { kind: ExprKind::Starred { value, .. }, .. }] if pushed == 0 && injected.is_none() => {
                self.expr(value)?;
            }
            _ => self.star_unpack(loc, args, injected, pushed, super::expr::TUPLE)?,
        }
        if keywords.is_empty() {
            self.op(loc, Op::PUSH_NULL);
        } else {
            self.keyword_dict(loc, keywords)?;
        }
        self.op(loc, Op::CALL_FUNCTION_EX);
        Ok(())
    }

    fn keyword_dict(&mut self, loc: Location, keywords: &'a [Keyword]) -> Res {
        let (mut have, mut pending) = (false, 0);
        for (index, keyword) in keywords.iter().enumerate() {
            if keyword.arg.is_some() {
                pending += 1;
                continue;
            }
            if pending > 0 {
                self.sub_keywords(loc, &keywords[index - pending..index])?;
                if have {
                    self.op_i(loc, Op::DICT_MERGE, 1);
                }
                have = true;
                pending = 0;
            }
            if !have {
                self.op_i(loc, Op::BUILD_MAP, 0);
                have = true;
            }
            self.expr(&keyword.value)?;
            self.op_i(loc, Op::DICT_MERGE, 1);
        }
        if pending > 0 {
            self.sub_keywords(loc, &keywords[keywords.len() - pending..])?;
            if have {
                self.op_i(loc, Op::DICT_MERGE, 1);
            }
        }
        Ok(())
    }

    fn sub_keywords(&mut self, loc: Location, keywords: &'a [Keyword]) -> Res {
        let big = keywords.len() * 2 > STACK_GUIDELINE;
        if big {
            self.op_i(Location::NONE, Op::BUILD_MAP, 0);
        }
        for keyword in keywords {
            self.konst_str(loc, keyword.arg.as_deref().unwrap_or_default());
            self.expr(&keyword.value)?;
            if big {
                self.op_i(Location::NONE, Op::MAP_ADD, 1);
            }
        }
        if !big {
            self.op_i(loc, Op::BUILD_MAP, keywords.len());
        }
        Ok(())
    }

    /// `all(...)`, `any(...)` and `tuple(...)` of a generator expression run it in place, if the name still means the
    /// builtin.
    fn consumer_call(
        &mut self,
        loc: Location,
        func: &'a Expr,
        args: &'a [Expr],
        keywords: &'a [Keyword],
        end: Label,
    ) -> Res {
        let ExprKind::Name { id, .. } = &func.kind else { return Ok(()) };
        let [generator @ Expr { kind: ExprKind::GeneratorExp { .. }, .. }] = args else { return Ok(()) };
        let constant = match &**id {
            "all" => CommonConstant::All,
            "any" => CommonConstant::Any,
            "tuple" => CommonConstant::Tuple,
            _ => return Ok(()),
        };
        if !keywords.is_empty() {
            return Ok(());
        }
        let loc_f = func.loc;
        let _ = loc;
        let skip = self.label();
        self.op_i(loc_f, Op::COPY, 1);
        self.op_i(loc_f, Op::LOAD_COMMON_CONSTANT, constant as usize);
        self.op_i(loc_f, Op::IS_OP, 0);
        self.jump(loc_f, Op::POP_JUMP_IF_FALSE, skip);
        self.op(loc_f, Op::POP_TOP);
        let is_tuple = constant == CommonConstant::Tuple;
        if is_tuple {
            self.op_i(loc_f, Op::BUILD_LIST, 0);
        }
        self.expr(generator)?;
        let (start, cleanup) = (self.label(), self.label());
        self.place(start);
        self.jump(loc_f, Op::FOR_ITER, cleanup);
        let is_all = constant == CommonConstant::All;
        if is_tuple {
            self.op_i(loc_f, Op::LIST_APPEND, 2);
            self.jump(loc_f, Op::JUMP, start);
        } else {
            self.op(loc_f, Op::TO_BOOL);
            self.jump(loc_f, if is_all { Op::POP_JUMP_IF_TRUE } else { Op::POP_JUMP_IF_FALSE }, start);
        }
        self.op(Location::NONE, Op::POP_ITER);
        if !is_tuple {
            self.konst(loc_f, Constant::bool(!is_all));
        }
        self.jump(loc_f, Op::JUMP_NO_INTERRUPT, end);
        self.place(cleanup);
        self.op(Location::NONE, Op::END_FOR);
        self.op(Location::NONE, Op::POP_ITER);
        if is_tuple {
            self.op_i(loc_f, Op::CALL_INTRINSIC_1, Intrinsic1::ListToTuple as usize);
        } else {
            self.konst(loc_f, Constant::bool(is_all));
        }
        self.jump(loc_f, Op::JUMP_NO_INTERRUPT, end);
        self.place(skip);
        Ok(())
    }

    /// Whether an expression is `super()` or `super(a, b)` in a place where it can be taken apart.
    pub(super) fn is_super_access(&self, e: &Expr, attr: &Name) -> bool {
        // The proxy has a class of its own.
        if &**attr == "__class__" {
            return false;
        }
        let ExprKind::Call { func, args, keywords } = &e.kind else { return false };
        if !matches!(&func.kind, ExprKind::Name { id, .. } if &**id == "super") || !keywords.is_empty() {
            return false;
        }
        if self.block().symbol("super").scope != Scope::GlobalImplicit {
            return false;
        }
        if self.table.blocks[0].symbol("super").scope != Scope::None {
            return false;
        }
        if args.len() == 2 {
            return args.iter().all(|a| !matches!(a.kind, ExprKind::Starred { .. }));
        }
        if !args.is_empty() || !self.in_function() || self.unit_ref().argcount == 0 {
            return false;
        }
        self.block().symbol("__class__").scope == Scope::Free
    }

    /// Pushes `super`, the class and the object; returns whether they were given.
    fn load_super_args(&mut self, e: &'a Expr) -> Res<bool> {
        let ExprKind::Call { func, args, .. } = &e.kind else { return Ok(false) };
        self.expr(func)?;
        if let [class, object] = &args[..] {
            self.expr(class)?;
            self.expr(object)?;
            return Ok(true);
        }
        let class = self.deref_index(&"__class__".into());
        self.op_i(e.loc, Op::LOAD_DEREF, class);
        let first = self.unit_ref().varnames[0].clone();
        self.name_op(e.loc, &first, Ctx::Load)?;
        Ok(false)
    }

    pub(super) fn super_attribute(&mut self, e: &'a Expr, object: &'a Expr, attr: &Name) -> Res {
        let two = self.load_super_args(object)?;
        let index = self.attr_index(attr);
        self.op_i(e.loc, Op::LOAD_SUPER_ATTR, index << 2 | if two { 2 } else { 0 });
        self.op(attribute_loc(e.loc, e), Op::NOP);
        Ok(())
    }
}
