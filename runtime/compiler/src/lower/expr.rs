//! Expressions.

use super::Lower;
use crate::ast::*;
use crate::error::{RawError, Res};
use crate::literal;
use krait_bytecode::Constant;
use ruff_python_ast as ruff;
use ruff_text_size::Ranged;

pub(super) fn ctx(ctx: ruff::ExprContext) -> Ctx {
    match ctx {
        ruff::ExprContext::Store => Ctx::Store,
        ruff::ExprContext::Del => Ctx::Del,
        _ => Ctx::Load,
    }
}

pub(super) fn operator(op: ruff::Operator) -> Operator {
    match op {
        ruff::Operator::Add => Operator::Add,
        ruff::Operator::Sub => Operator::Sub,
        ruff::Operator::Mult => Operator::Mult,
        ruff::Operator::MatMult => Operator::MatMult,
        ruff::Operator::Div => Operator::Div,
        ruff::Operator::Mod => Operator::Mod,
        ruff::Operator::Pow => Operator::Pow,
        ruff::Operator::LShift => Operator::LShift,
        ruff::Operator::RShift => Operator::RShift,
        ruff::Operator::BitOr => Operator::BitOr,
        ruff::Operator::BitXor => Operator::BitXor,
        ruff::Operator::BitAnd => Operator::BitAnd,
        ruff::Operator::FloorDiv => Operator::FloorDiv,
    }
}

fn comparison(op: ruff::CmpOp) -> CmpOp {
    match op {
        ruff::CmpOp::Eq => CmpOp::Eq,
        ruff::CmpOp::NotEq => CmpOp::NotEq,
        ruff::CmpOp::Lt => CmpOp::Lt,
        ruff::CmpOp::LtE => CmpOp::LtE,
        ruff::CmpOp::Gt => CmpOp::Gt,
        ruff::CmpOp::GtE => CmpOp::GtE,
        ruff::CmpOp::Is => CmpOp::Is,
        ruff::CmpOp::IsNot => CmpOp::IsNot,
        ruff::CmpOp::In => CmpOp::In,
        ruff::CmpOp::NotIn => CmpOp::NotIn,
    }
}

fn constant(value: Constant) -> ExprKind {
    ExprKind::Constant { value, unicode_prefix: false }
}

impl Lower<'_> {
    pub(super) fn expr_kind(&mut self, expr: &ruff::Expr) -> Res<ExprKind> {
        use ruff::Expr as R;
        Ok(match expr {
            R::BoolOp(e) => {
                let op = if e.op == ruff::BoolOp::And { BoolOp::And } else { BoolOp::Or };
                ExprKind::BoolOp { op, values: self.exprs(&e.values)? }
            }
            R::Named(e) => ExprKind::NamedExpr { target: self.boxed(&e.target)?, value: self.boxed(&e.value)? },
            R::BinOp(e) => {
                ExprKind::BinOp { left: self.boxed(&e.left)?, op: operator(e.op), right: self.boxed(&e.right)? }
            }
            R::UnaryOp(e) => {
                let op = match e.op {
                    ruff::UnaryOp::Invert => UnaryOp::Invert,
                    ruff::UnaryOp::Not => UnaryOp::Not,
                    ruff::UnaryOp::UAdd => UnaryOp::UAdd,
                    ruff::UnaryOp::USub => UnaryOp::USub,
                };
                ExprKind::UnaryOp { op, operand: self.boxed(&e.operand)? }
            }
            R::Lambda(e) => {
                let args = match &e.parameters {
                    Some(parameters) => self.arguments(parameters)?,
                    None => Arguments::default(),
                };
                ExprKind::Lambda { args: Box::new(args), body: self.boxed(&e.body)? }
            }
            R::If(e) => ExprKind::IfExp {
                test: self.boxed(&e.test)?,
                body: self.boxed(&e.body)?,
                orelse: self.boxed(&e.orelse)?,
            },
            R::Dict(e) => {
                let (mut keys, mut values) = (Vec::new(), Vec::new());
                for item in &e.items {
                    keys.push(item.key.as_ref().map(|k| self.expr(k)).transpose()?);
                    values.push(self.expr(&item.value)?);
                }
                ExprKind::Dict { keys, values }
            }
            R::Set(e) => ExprKind::Set(self.exprs(&e.elts)?),
            R::ListComp(e) => {
                ExprKind::ListComp { elt: self.boxed(&e.elt)?, generators: self.generators(&e.generators)? }
            }
            R::SetComp(e) => {
                ExprKind::SetComp { elt: self.boxed(&e.elt)?, generators: self.generators(&e.generators)? }
            }
            R::DictComp(e) => {
                let Some(key) = &e.key else {
                    let start = e.value.range().start().to_u32().saturating_sub(2);
                    let loc = self.source.location(start, start + 2);
                    return Err(RawError::syntax(loc, "dict unpacking cannot be used in dict comprehension"));
                };
                ExprKind::DictComp {
                    key: self.boxed(key)?,
                    value: self.boxed(&e.value)?,
                    generators: self.generators(&e.generators)?,
                }
            }
            R::Generator(e) => {
                ExprKind::GeneratorExp { elt: self.boxed(&e.elt)?, generators: self.generators(&e.generators)? }
            }
            R::Await(e) => ExprKind::Await(self.boxed(&e.value)?),
            R::Yield(e) => ExprKind::Yield(self.opt_box(&e.value)?),
            R::YieldFrom(e) => ExprKind::YieldFrom(self.boxed(&e.value)?),
            R::Compare(e) => ExprKind::Compare {
                left: self.boxed(&e.left)?,
                ops: e.ops.iter().map(|op| comparison(*op)).collect(),
                comparators: self.exprs(e.comparators.iter())?,
            },
            R::Call(e) => self.call(e)?,
            R::FString(e) => self.fstring(e)?,
            R::TString(e) => self.tstring(e)?,
            R::StringLiteral(e) => self.string(e)?,
            R::BytesLiteral(e) => self.bytes(e)?,
            R::NumberLiteral(e) => constant(self.number(e)?),
            R::BooleanLiteral(e) => constant(Constant::bool(e.value)),
            R::NoneLiteral(_) => constant(Constant::None),
            R::EllipsisLiteral(_) => constant(Constant::Ellipsis),
            R::Attribute(e) => {
                ExprKind::Attribute { value: self.boxed(&e.value)?, attr: self.name(&e.attr), ctx: ctx(e.ctx) }
            }
            R::Subscript(e) => {
                ExprKind::Subscript { value: self.boxed(&e.value)?, slice: self.boxed(&e.slice)?, ctx: ctx(e.ctx) }
            }
            R::Starred(e) => ExprKind::Starred { value: self.boxed(&e.value)?, ctx: ctx(e.ctx) },
            // Other characters may be normalised to those of a keyword.
            R::Name(e) if matches!(e.id.as_str(), "None" | "True" | "False") => {
                let msg = format!("identifier field can't represent '{}' constant", e.id);
                return Err(RawError::new(crate::ErrorKind::Value, msg));
            }
            R::Name(e) => ExprKind::Name { id: Name::from(e.id.as_str()), ctx: ctx(e.ctx) },
            R::List(e) => ExprKind::List { elts: self.exprs(&e.elts)?, ctx: ctx(e.ctx) },
            R::Tuple(e) => ExprKind::Tuple { elts: self.exprs(&e.elts)?, ctx: ctx(e.ctx) },
            R::Slice(e) => ExprKind::Slice {
                lower: self.opt_box(&e.lower)?,
                upper: self.opt_box(&e.upper)?,
                step: self.opt_box(&e.step)?,
            },
            R::IpyEscapeCommand(e) => return Err(RawError::syntax(self.loc(e.range), "invalid syntax")),
        })
    }

    fn call(&mut self, e: &ruff::ExprCall) -> Res<ExprKind> {
        let func = self.boxed(&e.func)?;
        let mut args = self.exprs(e.arguments.args.iter())?;
        // A generator that is the only argument borrows the call's parentheses.
        if let [ruff::Expr::Generator(generator)] = &*e.arguments.args
            && !generator.parenthesized
        {
            args[0].loc = self.loc(e.arguments.range);
        }
        Ok(ExprKind::Call { func, args, keywords: self.keywords(&e.arguments)? })
    }

    pub(super) fn keywords(&mut self, arguments: &ruff::Arguments) -> Res<Vec<Keyword>> {
        let mut out = Vec::new();
        for keyword in &arguments.keywords {
            // `(name)=value` has a name that is an expression.
            if let Some(name) = &keyword.arg
                && name.range.start() > keyword.range.start()
            {
                let text = &self.source.text;
                let equal = text[name.range.end().to_usize()..].find('=').unwrap_or(0) as u32 + 1;
                let loc = self.source.location(name.range.start().to_u32(), name.range.end().to_u32() + equal);
                let msg = "expression cannot contain assignment, perhaps you meant \"==\"?";
                return Err(RawError::syntax(loc, msg));
            }
            out.push(Keyword {
                arg: self.opt_name(&keyword.arg),
                value: self.expr(&keyword.value)?,
                loc: self.loc(keyword.range),
            });
        }
        Ok(out)
    }

    fn generators(&mut self, list: &[ruff::Comprehension]) -> Res<Vec<Comprehension>> {
        let mut out = Vec::new();
        for item in list {
            out.push(Comprehension {
                target: self.expr(&item.target)?,
                iter: self.expr(&item.iter)?,
                ifs: self.exprs(&item.ifs)?,
                is_async: item.is_async,
            });
        }
        Ok(out)
    }

    fn number(&mut self, e: &ruff::ExprNumberLiteral) -> Res<Constant> {
        match &e.value {
            ruff::Number::Float(value) => Ok(Constant::Float(*value)),
            ruff::Number::Complex { real, imag } => Ok(Constant::Complex(*real, *imag)),
            ruff::Number::Int(_) => match literal::parse_int(self.text(e.range), self.max_int_digits) {
                Ok(value) => Ok(Constant::Int(value)),
                Err(digits) => {
                    let msg = format!(
                        "Exceeds the limit ({} digits) for integer string conversion: value has {digits} digits; \
                         use sys.set_int_max_str_digits() to increase the limit - Consider hexadecimal for huge \
                         integer literals to avoid decimal conversion limits.",
                        self.max_int_digits
                    );
                    Err(RawError::syntax(self.loc(e.range), msg))
                }
            },
        }
    }

    pub(super) fn arguments(&mut self, p: &ruff::Parameters) -> Res<Arguments> {
        let mut out = Arguments::default();
        for (list, target) in [(&p.posonlyargs, true), (&p.args, false)] {
            for parameter in list {
                let arg = self.arg(&parameter.parameter)?;
                if target {
                    out.posonlyargs.push(arg)
                } else {
                    out.args.push(arg)
                }
                if let Some(default) = self.opt(&parameter.default)? {
                    out.defaults.push(default);
                }
            }
        }
        out.vararg = p.vararg.as_ref().map(|a| self.arg(a)).transpose()?;
        for parameter in &p.kwonlyargs {
            out.kwonlyargs.push(self.arg(&parameter.parameter)?);
            out.kw_defaults.push(self.opt(&parameter.default)?);
        }
        out.kwarg = p.kwarg.as_ref().map(|a| self.arg(a)).transpose()?;
        Ok(out)
    }

    fn arg(&mut self, p: &ruff::Parameter) -> Res<Arg> {
        // The parser's range of `*args` includes the star, Python's does not.
        let end = p.annotation.as_ref().map_or(p.name.range.end(), |a| p.range.end().max(a.range().end()));
        let loc = self.source.location(p.name.range.start().to_u32(), end.to_u32());
        Ok(Arg { name: self.name(&p.name), annotation: self.opt(&p.annotation)?, loc })
    }
}
