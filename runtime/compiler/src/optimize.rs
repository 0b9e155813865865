//! What `PyCF_OPTIMIZED_AST` does to a tree: docstrings of level 2, `__debug__`, `%` formats, constants of patterns.

use crate::ast::*;
use crate::codegen::Percent;
use crate::codegen::parse_percent;
use crate::{fold, symtable};
use krait_bytecode::{Constant, Location, Wtf8};

/// Optimizes a tree for a level.
pub(crate) fn tree(tree: &mut Mod, level: u8) {
    let mut o = Optimizer { level };
    match tree {
        Mod::Module(body) => o.documented(body),
        Mod::Interactive(body) => o.stmts(body),
        Mod::Expression(body) => o.expr(body),
        Mod::FunctionType(arguments, result) => {
            o.exprs(arguments);
            o.expr(result);
        }
    }
}

struct Optimizer {
    level: u8,
}

fn constant(value: Constant) -> ExprKind {
    ExprKind::Constant { value, unicode_prefix: false }
}

/// `'...' % (a, b)` as an f-string, if every field of the format is simple.
fn format(left: &Expr, right: &mut Expr) -> Option<ExprKind> {
    let ExprKind::Constant { value: Constant::Str(text), .. } = &left.kind else { return None };
    let ExprKind::Tuple { elts, .. } = &mut right.kind else { return None };
    if elts.iter().any(|e| matches!(e.kind, ExprKind::Starred { .. })) {
        return None;
    }
    let pieces = parse_percent(text)?;
    if pieces.iter().filter(|p| matches!(p, Percent::Field { .. })).count() != elts.len() {
        return None;
    }
    let mut values = std::mem::take(elts).into_iter();
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Percent::Text(text) => out.push(Expr { kind: constant(Constant::Str(text)), loc: left.loc }),
            Percent::Field { conversion, spec } => {
                let value = Box::new(values.next()?);
                let loc = value.loc;
                let format_spec = spec.map(|spec| {
                    let text = Expr { kind: constant(Constant::Str(Wtf8::from(spec))), loc };
                    Box::new(Expr { kind: ExprKind::JoinedStr(vec![text]), loc })
                });
                let kind = ExprKind::FormattedValue { value, conversion: i32::from(conversion), format_spec };
                out.push(Expr { kind, loc });
            }
        }
    }
    Some(ExprKind::JoinedStr(out))
}

impl Optimizer {
    /// A body that may begin with a docstring.
    fn documented(&mut self, body: &mut Vec<Stmt>) {
        if self.level >= 2 && symtable::docstring(body).is_some() {
            let first = body.remove(0);
            if body.is_empty() {
                let loc = Location { end_line: first.loc.line, end_column: first.loc.column + 4, ..first.loc };
                body.push(Stmt { kind: StmtKind::Pass, loc });
            }
        }
        self.stmts(body);
    }

    fn stmts(&mut self, body: &mut [Stmt]) {
        body.iter_mut().for_each(|s| self.stmt(s));
    }

    fn exprs(&mut self, list: &mut [Expr]) {
        list.iter_mut().for_each(|e| self.expr(e));
    }

    fn opt(&mut self, e: &mut Option<Expr>) {
        e.iter_mut().for_each(|e| self.expr(e));
    }

    fn type_params(&mut self, params: &mut [TypeParam]) {
        for param in params {
            self.opt(&mut param.bound);
            self.opt(&mut param.default);
        }
    }

    fn arguments(&mut self, a: &mut Arguments) {
        let named = a.posonlyargs.iter_mut().chain(&mut a.args).chain(&mut a.kwonlyargs);
        for arg in named.chain(&mut a.vararg).chain(&mut a.kwarg) {
            self.opt(&mut arg.annotation);
        }
        a.kw_defaults.iter_mut().for_each(|d| self.opt(d));
        self.exprs(&mut a.defaults);
    }

    fn stmt(&mut self, s: &mut Stmt) {
        match &mut s.kind {
            StmtKind::FunctionDef(f) => {
                self.type_params(&mut f.type_params);
                self.arguments(&mut f.args);
                self.documented(&mut f.body);
                self.exprs(&mut f.decorators);
                self.opt(&mut f.returns);
            }
            StmtKind::ClassDef(c) => {
                self.type_params(&mut c.type_params);
                self.exprs(&mut c.bases);
                c.keywords.iter_mut().for_each(|k| self.expr(&mut k.value));
                self.documented(&mut c.body);
                self.exprs(&mut c.decorators);
            }
            StmtKind::Return(value) => self.opt(value),
            StmtKind::Delete(targets) => self.exprs(targets),
            StmtKind::Assign { targets, value } => {
                self.exprs(targets);
                self.expr(value);
            }
            StmtKind::TypeAlias { name, type_params, value } => {
                self.expr(name);
                self.type_params(type_params);
                self.expr(value);
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target);
                self.expr(value);
            }
            StmtKind::AnnAssign { target, annotation, value, .. } => {
                self.expr(target);
                self.expr(annotation);
                self.opt(value);
            }
            StmtKind::For { target, iter, body, orelse, .. } => {
                self.expr(target);
                self.expr(iter);
                self.stmts(body);
                self.stmts(orelse);
            }
            StmtKind::While { test, body, orelse } | StmtKind::If { test, body, orelse } => {
                self.expr(test);
                self.stmts(body);
                self.stmts(orelse);
            }
            StmtKind::With { items, body, .. } => {
                for item in items {
                    self.expr(&mut item.context_expr);
                    self.opt(&mut item.optional_vars);
                }
                self.stmts(body);
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject);
                for case in cases {
                    self.pattern(&mut case.pattern);
                    self.opt(&mut case.guard);
                    self.stmts(&mut case.body);
                }
            }
            StmtKind::Raise { exc, cause } => {
                self.opt(exc);
                self.opt(cause);
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                self.stmts(body);
                for handler in handlers {
                    self.opt(&mut handler.typ);
                    self.stmts(&mut handler.body);
                }
                self.stmts(orelse);
                self.stmts(finalbody);
            }
            StmtKind::Assert { test, msg } => {
                self.expr(test);
                self.opt(msg);
            }
            StmtKind::Expr(value) => self.expr(value),
            StmtKind::Import(_)
            | StmtKind::ImportFrom { .. }
            | StmtKind::Global(_)
            | StmtKind::Nonlocal(_)
            | StmtKind::Pass
            | StmtKind::Break
            | StmtKind::Continue => {}
        }
    }

    fn generators(&mut self, generators: &mut [Comprehension]) {
        for g in generators {
            self.expr(&mut g.target);
            self.expr(&mut g.iter);
            self.exprs(&mut g.ifs);
        }
    }

    fn expr(&mut self, e: &mut Expr) {
        let _ = crate::depth::guard(0, || {
            self.expr_inner(e);
            Ok(())
        });
    }

    fn expr_inner(&mut self, e: &mut Expr) {
        use ExprKind as E;
        match &mut e.kind {
            E::BoolOp { values, .. } | E::JoinedStr(values) | E::TemplateStr(values) | E::Set(values) => {
                self.exprs(values);
            }
            E::List { elts, .. } | E::Tuple { elts, .. } => self.exprs(elts),
            E::NamedExpr { target, value } => {
                self.expr(target);
                self.expr(value);
            }
            E::BinOp { left, op, right } => {
                self.expr(left);
                self.expr(right);
                if *op == Operator::Mod
                    && let Some(kind) = format(left, right)
                {
                    e.kind = kind;
                }
            }
            E::UnaryOp { operand, .. } => self.expr(operand),
            E::Lambda { args, body } => {
                self.arguments(args);
                self.expr(body);
            }
            E::IfExp { test, body, orelse } => {
                self.expr(test);
                self.expr(body);
                self.expr(orelse);
            }
            E::Dict { keys, values } => {
                keys.iter_mut().for_each(|k| self.opt(k));
                self.exprs(values);
            }
            E::ListComp { elt, generators } | E::SetComp { elt, generators } | E::GeneratorExp { elt, generators } => {
                self.expr(elt);
                self.generators(generators);
            }
            E::DictComp { key, value, generators } => {
                self.expr(key);
                self.expr(value);
                self.generators(generators);
            }
            E::Yield(value) => value.iter_mut().for_each(|value| self.expr(value)),
            E::Await(value) | E::YieldFrom(value) | E::Attribute { value, .. } | E::Starred { value, .. } => {
                self.expr(value);
            }
            E::Compare { left, comparators, .. } => {
                self.expr(left);
                self.exprs(comparators);
            }
            E::Call { func, args, keywords } => {
                self.expr(func);
                self.exprs(args);
                keywords.iter_mut().for_each(|k| self.expr(&mut k.value));
            }
            E::FormattedValue { value, format_spec, .. } | E::Interpolation { value, format_spec, .. } => {
                self.expr(value);
                format_spec.iter_mut().for_each(|spec| self.expr(spec));
            }
            E::Subscript { value, slice, .. } => {
                self.expr(value);
                self.expr(slice);
            }
            E::Slice { lower, upper, step } => {
                lower.iter_mut().chain(upper).chain(step).for_each(|part| self.expr(part));
            }
            E::Name { id, ctx: Ctx::Load } if &**id == "__debug__" => {
                e.kind = constant(Constant::bool(self.level == 0));
            }
            E::Name { .. } | E::Constant { .. } => {}
        }
    }

    fn pattern(&mut self, p: &mut Pattern) {
        match &mut p.kind {
            PatternKind::Value(value) => self.pattern_value(value),
            PatternKind::Singleton(_) | PatternKind::Star(_) => {}
            PatternKind::Sequence(patterns) | PatternKind::Or(patterns) => {
                patterns.iter_mut().for_each(|p| self.pattern(p));
            }
            PatternKind::Mapping { keys, patterns, .. } => {
                keys.iter_mut().for_each(|key| self.pattern_value(key));
                patterns.iter_mut().for_each(|p| self.pattern(p));
            }
            PatternKind::Class { cls, patterns, kwd_patterns, .. } => {
                self.expr(cls);
                patterns.iter_mut().chain(kwd_patterns).for_each(|p| self.pattern(p));
            }
            PatternKind::As { pattern, .. } => pattern.iter_mut().for_each(|p| self.pattern(p)),
        }
    }

    fn pattern_value(&mut self, e: &mut Expr) {
        match fold::pattern_constant(e) {
            Some(value) if !matches!(e.kind, ExprKind::Constant { .. }) => e.kind = constant(value),
            Some(_) => {}
            None => self.expr(e),
        }
    }
}
