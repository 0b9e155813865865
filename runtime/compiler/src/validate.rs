//! Rules for trees that did not come from the parser.

use crate::ast::*;
use crate::depth;
use crate::error::{ErrorKind, RawError, Res};
use krait_bytecode::{Constant, Location};

/// Checks a tree that was made by hand.
///
/// # Errors
/// `ValueError` and `TypeError` for what the grammar's types allow but the language does not.
pub(crate) fn tree(tree: &Mod) -> Res {
    let mut v = Validator { depth: 0 };
    match tree {
        Mod::Module(body) | Mod::Interactive(body) => v.stmts(body),
        Mod::Expression(body) => v.load(body),
        Mod::FunctionType(arguments, result) => {
            v.loads(arguments)?;
            v.load(result)
        }
    }
}

fn fail<T>(msg: impl Into<String>) -> Res<T> {
    Err(RawError::new(ErrorKind::Value, msg))
}

fn place(loc: Location) -> Res {
    let Location { line, end_line, column, end_column } = loc;
    if line > end_line {
        return fail(format!("AST node line range ({line}, {end_line}) is not valid"));
    }
    if (line < 0 && end_line != line) || (column < 0 && column != end_column) {
        return fail(format!(
            "AST node column range ({column}, {end_column}) for line range ({line}, {end_line}) is not valid"
        ));
    }
    if line == end_line && column > end_column {
        return fail(format!("line {line}, column {column}-{end_column} is not a valid range"));
    }
    Ok(())
}

fn name(name: &str) -> Res {
    match name {
        "None" | "True" | "False" => fail(format!("identifier field can't represent '{name}' constant")),
        _ => Ok(()),
    }
}

fn capture(captured: &Option<Name>) -> Res {
    match captured.as_deref() {
        Some("_") => fail("can't capture name '_' in patterns"),
        Some(other) => name(other),
        None => Ok(()),
    }
}

fn not_empty<T>(list: &[T], what: &str, owner: &str) -> Res {
    if list.is_empty() { fail(format!("empty {what} on {owner}")) } else { Ok(()) }
}

fn aliases(names: &[Alias], owner: &str) -> Res {
    not_empty(names, "names", owner)?;
    names.iter().flat_map(|alias| std::iter::once(&alias.name).chain(&alias.asname)).try_for_each(|n| name(n))
}

fn ctx_name(ctx: Ctx) -> &'static str {
    match ctx {
        Ctx::Load => "Load",
        Ctx::Store => "Store",
        Ctx::Del => "Del",
    }
}

struct Validator {
    depth: usize,
}

impl Validator {
    fn nested(&mut self, body: impl FnOnce(&mut Self) -> Res) -> Res {
        self.depth += 1;
        let out = depth::guard(self.depth, || body(self));
        self.depth -= 1;
        out
    }

    fn load(&mut self, e: &Expr) -> Res {
        self.expr(e, Ctx::Load)
    }

    fn loads(&mut self, list: &[Expr]) -> Res {
        list.iter().try_for_each(|e| self.load(e))
    }

    fn opt<'a>(&mut self, e: impl Into<Option<&'a Expr>>) -> Res {
        e.into().map_or(Ok(()), |e| self.load(e))
    }

    fn exprs(&mut self, list: &[Expr], ctx: Ctx) -> Res {
        list.iter().try_for_each(|e| self.expr(e, ctx))
    }

    fn body(&mut self, body: &[Stmt], owner: &str) -> Res {
        not_empty(body, "body", owner)?;
        self.stmts(body)
    }

    fn stmts(&mut self, body: &[Stmt]) -> Res {
        body.iter().try_for_each(|s| self.nested(|v| v.stmt(s)))
    }

    fn stmt(&mut self, s: &Stmt) -> Res {
        place(s.loc)?;
        match &s.kind {
            StmtKind::FunctionDef(f) => {
                let owner = if f.is_async { "AsyncFunctionDef" } else { "FunctionDef" };
                not_empty(&f.body, "body", owner)?;
                name(&f.name)?;
                self.stmts(&f.body)?;
                self.type_params(&f.type_params)?;
                self.arguments(&f.args)?;
                self.loads(&f.decorators)?;
                self.opt(&f.returns)
            }
            StmtKind::ClassDef(c) => {
                not_empty(&c.body, "body", "ClassDef")?;
                name(&c.name)?;
                self.stmts(&c.body)?;
                self.type_params(&c.type_params)?;
                self.loads(&c.bases)?;
                self.keywords(&c.keywords)?;
                self.loads(&c.decorators)
            }
            StmtKind::Return(value) => self.opt(value),
            StmtKind::Delete(targets) => {
                not_empty(targets, "targets", "Delete")?;
                self.exprs(targets, Ctx::Del)
            }
            StmtKind::Assign { targets, value } => {
                not_empty(targets, "targets", "Assign")?;
                self.exprs(targets, Ctx::Store)?;
                self.load(value)
            }
            StmtKind::TypeAlias { name, type_params, value } => {
                if !matches!(name.kind, ExprKind::Name { .. }) {
                    return Err(RawError::new(ErrorKind::Type, "TypeAlias with non-Name name"));
                }
                self.expr(name, Ctx::Store)?;
                self.type_params(type_params)?;
                self.load(value)
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target, Ctx::Store)?;
                self.load(value)
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                if *simple && !matches!(target.kind, ExprKind::Name { .. }) {
                    return Err(RawError::new(ErrorKind::Type, "AnnAssign with simple non-Name target"));
                }
                self.expr(target, Ctx::Store)?;
                self.opt(value)?;
                self.load(annotation)
            }
            StmtKind::For { target, iter, body, orelse, is_async } => {
                self.expr(target, Ctx::Store)?;
                self.load(iter)?;
                self.body(body, if *is_async { "AsyncFor" } else { "For" })?;
                self.stmts(orelse)
            }
            StmtKind::While { test, body, orelse } => {
                self.load(test)?;
                self.body(body, "While")?;
                self.stmts(orelse)
            }
            StmtKind::If { test, body, orelse } => {
                self.load(test)?;
                self.body(body, "If")?;
                self.stmts(orelse)
            }
            StmtKind::With { items, body, is_async } => {
                let owner = if *is_async { "AsyncWith" } else { "With" };
                not_empty(items, "items", owner)?;
                for item in items {
                    self.load(&item.context_expr)?;
                    if let Some(vars) = &item.optional_vars {
                        self.expr(vars, Ctx::Store)?;
                    }
                }
                self.body(body, owner)
            }
            StmtKind::Match { subject, cases } => {
                self.load(subject)?;
                not_empty(cases, "cases", "Match")?;
                for case in cases {
                    self.pattern(&case.pattern, false)?;
                    self.opt(&case.guard)?;
                    self.body(&case.body, "match_case")?;
                }
                Ok(())
            }
            StmtKind::Raise { exc, cause } => {
                if exc.is_none() && cause.is_some() {
                    return fail("Raise with cause but no exception");
                }
                self.opt(exc)?;
                self.opt(cause)
            }
            StmtKind::Try { body, handlers, orelse, finalbody, is_star } => {
                let owner = if *is_star { "TryStar" } else { "Try" };
                self.body(body, owner)?;
                if handlers.is_empty() && finalbody.is_empty() {
                    return fail(format!("{owner} has neither except handlers nor finalbody"));
                }
                if handlers.is_empty() && !orelse.is_empty() {
                    return fail(format!("{owner} has orelse but no except handlers"));
                }
                for handler in handlers {
                    place(handler.loc)?;
                    self.opt(&handler.typ)?;
                    handler.name.iter().try_for_each(|n| name(n))?;
                    self.body(&handler.body, "ExceptHandler")?;
                }
                self.stmts(finalbody)?;
                self.stmts(orelse)
            }
            StmtKind::Assert { test, msg } => {
                self.load(test)?;
                self.opt(msg)
            }
            StmtKind::Import(names) => aliases(names, "Import"),
            StmtKind::ImportFrom { names, .. } => aliases(names, "ImportFrom"),
            StmtKind::Global(names) => not_empty(names, "names", "Global"),
            StmtKind::Nonlocal(names) => not_empty(names, "names", "Nonlocal"),
            StmtKind::Expr(value) => self.load(value),
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => Ok(()),
        }
    }

    fn keywords(&mut self, keywords: &[Keyword]) -> Res {
        keywords.iter().try_for_each(|k| self.load(&k.value))
    }

    fn arguments(&mut self, a: &Arguments) -> Res {
        for arg in a.all() {
            place(arg.loc)?;
            self.opt(&arg.annotation)?;
        }
        if a.defaults.len() > a.posonlyargs.len() + a.args.len() {
            return fail("more positional defaults than args on arguments");
        }
        if a.kw_defaults.len() != a.kwonlyargs.len() {
            return fail("length of kwonlyargs is not the same as kw_defaults on arguments");
        }
        self.loads(&a.defaults)?;
        a.kw_defaults.iter().try_for_each(|d| self.opt(d))
    }

    fn type_params(&mut self, params: &[TypeParam]) -> Res {
        for param in params {
            place(param.loc)?;
            name(&param.name)?;
            self.opt(&param.bound)?;
            self.opt(&param.default)?;
        }
        Ok(())
    }

    fn generators(&mut self, generators: &[Comprehension]) -> Res {
        if generators.is_empty() {
            return fail("comprehension with no generators");
        }
        for g in generators {
            self.expr(&g.target, Ctx::Store)?;
            self.load(&g.iter)?;
            self.loads(&g.ifs)?;
        }
        Ok(())
    }

    fn expr(&mut self, e: &Expr, ctx: Ctx) -> Res {
        self.nested(|v| v.expr_inner(e, ctx))
    }

    fn expr_inner(&mut self, e: &Expr, ctx: Ctx) -> Res {
        use ExprKind as E;
        place(e.loc)?;
        let own = match &e.kind {
            E::Attribute { ctx, .. }
            | E::Subscript { ctx, .. }
            | E::Starred { ctx, .. }
            | E::Name { ctx, .. }
            | E::List { ctx, .. }
            | E::Tuple { ctx, .. } => *ctx,
            _ if ctx != Ctx::Load => {
                return fail(format!("expression which can't be assigned to in {} context", ctx_name(ctx)));
            }
            _ => Ctx::Load,
        };
        if let E::Name { id, .. } = &e.kind {
            name(id)?;
        }
        if own != ctx {
            return fail(format!("expression must have {} context but has {} instead", ctx_name(ctx), ctx_name(own)));
        }
        match &e.kind {
            E::BoolOp { values, .. } => {
                if values.len() < 2 {
                    return fail("BoolOp with less than 2 values");
                }
                self.loads(values)
            }
            E::NamedExpr { target, value } => {
                if !matches!(target.kind, E::Name { .. }) {
                    return Err(RawError::new(ErrorKind::Type, "NamedExpr target must be a Name"));
                }
                self.load(value)
            }
            E::BinOp { left, right, .. } => {
                self.load(left)?;
                self.load(right)
            }
            E::UnaryOp { operand, .. } => self.load(operand),
            E::Lambda { args, body } => {
                self.arguments(args)?;
                self.load(body)
            }
            E::IfExp { test, body, orelse } => {
                self.load(test)?;
                self.load(body)?;
                self.load(orelse)
            }
            E::Dict { keys, values } => {
                if keys.len() != values.len() {
                    return fail("Dict doesn't have the same number of keys as values");
                }
                keys.iter().try_for_each(|k| self.opt(k))?;
                self.loads(values)
            }
            E::Set(elts) => self.loads(elts),
            E::ListComp { elt, generators } | E::SetComp { elt, generators } | E::GeneratorExp { elt, generators } => {
                self.generators(generators)?;
                self.load(elt)
            }
            E::DictComp { key, value, generators } => {
                self.generators(generators)?;
                self.load(key)?;
                self.load(value)
            }
            E::Yield(value) => self.opt(value.as_deref()),
            E::YieldFrom(value) | E::Await(value) => self.load(value),
            E::Compare { left, ops, comparators } => {
                if comparators.is_empty() {
                    return fail("Compare with no comparators");
                }
                if comparators.len() != ops.len() {
                    return fail("Compare has a different number of comparators and operands");
                }
                self.loads(comparators)?;
                self.load(left)
            }
            E::Call { func, args, keywords } => {
                self.load(func)?;
                self.loads(args)?;
                self.keywords(keywords)
            }
            E::FormattedValue { value, format_spec, .. } | E::Interpolation { value, format_spec, .. } => {
                self.load(value)?;
                self.opt(format_spec.as_deref())
            }
            E::JoinedStr(values) | E::TemplateStr(values) => self.loads(values),
            E::Constant { .. } => Ok(()),
            E::Attribute { value, .. } => self.load(value),
            E::Subscript { value, slice, .. } => {
                self.load(slice)?;
                self.load(value)
            }
            E::Starred { value, .. } => self.expr(value, ctx),
            E::List { elts, .. } | E::Tuple { elts, .. } => self.exprs(elts, ctx),
            E::Slice { lower, upper, step } => {
                self.opt(lower.as_deref())?;
                self.opt(upper.as_deref())?;
                self.opt(step.as_deref())
            }
            E::Name { .. } => Ok(()),
        }
    }

    fn patterns(&mut self, list: &[Pattern], star: bool) -> Res {
        list.iter().try_for_each(|p| self.pattern(p, star))
    }

    fn pattern(&mut self, p: &Pattern, star: bool) -> Res {
        self.nested(|v| v.pattern_inner(p, star))
    }

    fn pattern_inner(&mut self, p: &Pattern, star: bool) -> Res {
        place(p.loc)?;
        match &p.kind {
            PatternKind::Value(value) => self.pattern_value(value),
            PatternKind::Singleton(value) => match value {
                Constant::None | Constant::True | Constant::False => Ok(()),
                _ => fail("MatchSingleton can only contain True, False and None"),
            },
            PatternKind::Sequence(patterns) => self.patterns(patterns, true),
            PatternKind::Mapping { keys, patterns, rest } => {
                if keys.len() != patterns.len() {
                    return fail("MatchMapping doesn't have the same number of keys as patterns");
                }
                capture(rest)?;
                for key in keys {
                    if matches!(&key.kind, ExprKind::Constant { value, .. }
                        if matches!(value, Constant::None | Constant::True | Constant::False))
                    {
                        continue;
                    }
                    self.pattern_value(key)?;
                }
                self.patterns(patterns, false)
            }
            PatternKind::Class { cls, patterns, kwd_attrs, kwd_patterns } => {
                if kwd_attrs.len() != kwd_patterns.len() {
                    return fail("MatchClass doesn't have the same number of keyword attributes as patterns");
                }
                self.load(cls)?;
                let mut at = cls;
                loop {
                    match &at.kind {
                        ExprKind::Name { .. } => break,
                        ExprKind::Attribute { value, .. } => at = value,
                        _ => return fail("MatchClass cls field can only contain Name or Attribute nodes."),
                    }
                }
                kwd_attrs.iter().try_for_each(|(attr, _)| name(attr))?;
                self.patterns(patterns, false)?;
                self.patterns(kwd_patterns, false)
            }
            PatternKind::Star(_) if !star => fail("can't use MatchStar here"),
            PatternKind::Star(target) => capture(target),
            PatternKind::As { pattern, name } => {
                capture(name)?;
                match pattern {
                    None => Ok(()),
                    Some(_) if name.is_none() => fail("MatchAs must specify a target name if a pattern is given"),
                    Some(pattern) => self.pattern(pattern, false),
                }
            }
            PatternKind::Or(patterns) => {
                if patterns.len() < 2 {
                    return fail("MatchOr requires at least 2 patterns");
                }
                self.patterns(patterns, false)
            }
        }
    }

    /// Values that patterns compare with: literals, signed and complex numbers, dotted names.
    fn pattern_value(&mut self, e: &Expr) -> Res {
        self.load(e)?;
        let bad = || fail("patterns may only match literals and attribute lookups");
        let number = |e: &Expr, complex: Option<bool>| match &e.kind {
            ExprKind::Constant { value: Constant::Complex(..), .. } => complex != Some(false),
            ExprKind::Constant { value: Constant::Int(_) | Constant::Float(_), .. } => complex != Some(true),
            _ => false,
        };
        match &e.kind {
            ExprKind::Constant { value, .. } => match value {
                Constant::Int(_)
                | Constant::Float(_)
                | Constant::Complex(..)
                | Constant::Str(_)
                | Constant::Bytes(_) => Ok(()),
                _ => fail("unexpected constant inside of a literal pattern"),
            },
            ExprKind::Attribute { .. } | ExprKind::JoinedStr(_) | ExprKind::TemplateStr(_) => Ok(()),
            ExprKind::UnaryOp { op: UnaryOp::USub, operand } if number(operand, None) => Ok(()),
            ExprKind::BinOp { left, op: Operator::Add | Operator::Sub, right } => {
                let left_ok = match &left.kind {
                    ExprKind::UnaryOp { op: UnaryOp::USub, operand } => number(operand, Some(false)),
                    _ => number(left, Some(false)),
                };
                if left_ok && number(right, Some(true)) { Ok(()) } else { bad() }
            }
            _ => bad(),
        }
    }
}
