//! Statements and patterns.

use super::{Lower, expr::operator};
use crate::ast::*;
use crate::depth;
use crate::error::{RawError, Res};
use krait_bytecode::{Constant, Location};
use ruff_python_ast as ruff;
use ruff_text_size::{Ranged, TextRange, TextSize};

impl Lower<'_> {
    pub(super) fn body(&mut self, body: &[ruff::Stmt]) -> Res<Vec<Stmt>> {
        body.iter().map(|s| self.stmt(s)).collect()
    }

    fn stmt(&mut self, stmt: &ruff::Stmt) -> Res<Stmt> {
        self.depth += 1;
        let out = depth::guard(self.depth, || self.stmt_inner(stmt));
        self.depth -= 1;
        out
    }

    /// The place of a definition, which begins after its decorators.
    fn definition_loc(&self, range: TextRange, decorators: &[ruff::Decorator]) -> Location {
        let Some(last) = decorators.last() else { return self.loc(range) };
        let bytes = self.source.text.as_bytes();
        let mut at = last.range.end().to_usize();
        while at < bytes.len() {
            match bytes[at] {
                b'#' => {
                    while at < bytes.len() && bytes[at] != b'\n' {
                        at += 1;
                    }
                }
                b if b.is_ascii_alphabetic() => break,
                _ => at += 1,
            }
        }
        self.loc(TextRange::new(TextSize::new(at as u32).min(range.end()), range.end()))
    }

    fn stmt_inner(&mut self, stmt: &ruff::Stmt) -> Res<Stmt> {
        use ruff::Stmt as R;
        let mut loc = self.loc(stmt.range());
        let kind = match stmt {
            R::FunctionDef(s) => {
                loc = self.definition_loc(s.range, &s.decorator_list);
                StmtKind::FunctionDef(Box::new(FunctionDef {
                    decorators: self.exprs(s.decorator_list.iter().map(|d| &d.expression))?,
                    name: self.name(&s.name),
                    type_params: self.type_params(&s.type_params)?,
                    args: self.arguments(&s.parameters)?,
                    returns: self.opt(&s.returns)?,
                    body: self.body(&s.body)?,
                    is_async: s.is_async,
                }))
            }
            R::ClassDef(s) => {
                loc = self.definition_loc(s.range, &s.decorator_list);
                self.class(s)?
            }
            R::Return(s) => StmtKind::Return(self.opt(&s.value)?),
            R::Delete(s) => StmtKind::Delete(self.exprs(&s.targets)?),
            R::TypeAlias(s) => StmtKind::TypeAlias {
                name: self.expr(&s.name)?,
                type_params: self.type_params(&s.type_params)?,
                value: self.expr(&s.value)?,
            },
            R::Assign(s) => StmtKind::Assign { targets: self.exprs(&s.targets)?, value: self.expr(&s.value)? },
            R::AugAssign(s) => {
                StmtKind::AugAssign { target: self.expr(&s.target)?, op: operator(s.op), value: self.expr(&s.value)? }
            }
            R::AnnAssign(s) => StmtKind::AnnAssign {
                target: self.expr(&s.target)?,
                annotation: self.expr(&s.annotation)?,
                value: self.opt(&s.value)?,
                simple: s.simple,
            },
            R::For(s) => StmtKind::For {
                target: self.expr(&s.target)?,
                iter: self.expr(&s.iter)?,
                body: self.body(&s.body)?,
                orelse: self.body(&s.orelse)?,
                is_async: s.is_async,
            },
            R::While(s) => {
                StmtKind::While { test: self.expr(&s.test)?, body: self.body(&s.body)?, orelse: self.body(&s.orelse)? }
            }
            R::If(s) => StmtKind::If {
                test: self.expr(&s.test)?,
                body: self.body(&s.body)?,
                orelse: self.else_clauses(&s.elif_else_clauses)?,
            },
            R::With(s) => self.with(s)?,
            R::Match(s) => self.match_stmt(s)?,
            R::Raise(s) => StmtKind::Raise { exc: self.opt(&s.exc)?, cause: self.opt(&s.cause)? },
            R::Try(s) => self.try_stmt(s)?,
            R::Assert(s) => StmtKind::Assert { test: self.expr(&s.test)?, msg: self.opt(&s.msg)? },
            R::Import(s) => StmtKind::Import(self.aliases(&s.names)),
            R::ImportFrom(s) => {
                StmtKind::ImportFrom { module: self.opt_name(&s.module), names: self.aliases(&s.names), level: s.level }
            }
            R::Global(s) => StmtKind::Global(s.names.iter().map(|n| self.name(n)).collect()),
            R::Nonlocal(s) => StmtKind::Nonlocal(s.names.iter().map(|n| self.name(n)).collect()),
            R::Expr(s) => StmtKind::Expr(self.expr(&s.value)?),
            R::Pass(_) => StmtKind::Pass,
            R::Break(_) => StmtKind::Break,
            R::Continue(_) => StmtKind::Continue,
            R::IpyEscapeCommand(_) => return Err(RawError::syntax(loc, "invalid syntax")),
        };
        Ok(Stmt { kind, loc })
    }

    fn class(&mut self, s: &ruff::StmtClassDef) -> Res<StmtKind> {
        let decorators = self.exprs(s.decorator_list.iter().map(|d| &d.expression))?;
        let type_params = self.type_params(&s.type_params)?;
        let (bases, keywords) = match &s.arguments {
            Some(arguments) => (self.exprs(arguments.args.iter())?, self.keywords(arguments)?),
            None => (Vec::new(), Vec::new()),
        };
        let name = self.name(&s.name);
        let body = self.body(&s.body)?;
        Ok(StmtKind::ClassDef(Box::new(ClassDef { name, bases, keywords, body, decorators, type_params })))
    }

    /// `elif` and `else` as nested `if`s.
    fn else_clauses(&mut self, clauses: &[ruff::ElifElseClause]) -> Res<Vec<Stmt>> {
        // Each one is inside the one before.
        if self.depth + clauses.len() > depth::PARSED {
            return Err(super::too_complex());
        }
        let mut orelse = Vec::new();
        for clause in clauses.iter().rev() {
            let body = self.body(&clause.body)?;
            match &clause.test {
                None => orelse = body,
                Some(test) => {
                    let end = clauses.last().map_or(clause.range.end(), |c| c.range.end());
                    let loc = self.loc(TextRange::new(clause.range.start(), end));
                    let test = self.expr(test)?;
                    orelse = vec![Stmt { kind: StmtKind::If { test, body, orelse }, loc }];
                }
            }
        }
        Ok(orelse)
    }

    fn with(&mut self, s: &ruff::StmtWith) -> Res<StmtKind> {
        let mut items = Vec::new();
        for item in &s.items {
            items.push(WithItem {
                context_expr: self.expr(&item.context_expr)?,
                optional_vars: self.opt(&item.optional_vars)?,
            });
        }
        Ok(StmtKind::With { items, body: self.body(&s.body)?, is_async: s.is_async })
    }

    fn match_stmt(&mut self, s: &ruff::StmtMatch) -> Res<StmtKind> {
        let subject = self.expr(&s.subject)?;
        let mut cases = Vec::new();
        for case in &s.cases {
            cases.push(MatchCase {
                pattern: self.pattern(&case.pattern)?,
                guard: self.opt(&case.guard)?,
                body: self.body(&case.body)?,
            });
        }
        Ok(StmtKind::Match { subject, cases })
    }

    fn try_stmt(&mut self, s: &ruff::StmtTry) -> Res<StmtKind> {
        let body = self.body(&s.body)?;
        let mut handlers = Vec::new();
        for ruff::ExceptHandler::ExceptHandler(h) in &s.handlers {
            handlers.push(ExceptHandler {
                typ: self.opt(&h.type_)?,
                name: self.opt_name(&h.name),
                body: self.body(&h.body)?,
                loc: self.loc(h.range),
            });
        }
        let orelse = self.body(&s.orelse)?;
        let finalbody = self.body(&s.finalbody)?;
        Ok(StmtKind::Try { body, handlers, orelse, finalbody, is_star: s.is_star })
    }

    fn aliases(&mut self, names: &[ruff::Alias]) -> Vec<Alias> {
        names
            .iter()
            .map(|a| Alias { name: self.name(&a.name), asname: self.opt_name(&a.asname), loc: self.loc(a.range) })
            .collect()
    }

    fn type_params(&mut self, params: &Option<Box<ruff::TypeParams>>) -> Res<Vec<TypeParam>> {
        let mut out = Vec::new();
        for param in params.iter().flat_map(|p| &p.type_params) {
            let (kind, name, bound, default) = match param {
                ruff::TypeParam::TypeVar(p) => (TypeParamKind::TypeVar, &p.name, self.opt(&p.bound)?, &p.default),
                ruff::TypeParam::TypeVarTuple(p) => (TypeParamKind::TypeVarTuple, &p.name, None, &p.default),
                ruff::TypeParam::ParamSpec(p) => (TypeParamKind::ParamSpec, &p.name, None, &p.default),
            };
            let default = self.opt(default)?;
            out.push(TypeParam { kind, name: self.name(name), bound, default, loc: self.loc(param.range()) });
        }
        Ok(out)
    }

    fn patterns<'b>(&mut self, list: impl IntoIterator<Item = &'b ruff::Pattern>) -> Res<Vec<Pattern>> {
        list.into_iter().map(|p| self.pattern(p)).collect()
    }

    fn pattern(&mut self, pattern: &ruff::Pattern) -> Res<Pattern> {
        self.depth += 1;
        let loc = self.loc(pattern.range());
        let out = depth::guard(self.depth, || Ok(Pattern { kind: self.pattern_kind(pattern)?, loc }));
        self.depth -= 1;
        out
    }

    fn pattern_kind(&mut self, pattern: &ruff::Pattern) -> Res<PatternKind> {
        use ruff::Pattern as R;
        Ok(match pattern {
            R::MatchValue(p) => PatternKind::Value(self.expr(&p.value)?),
            R::MatchSingleton(p) => PatternKind::Singleton(match p.value {
                ruff::Singleton::None => Constant::None,
                ruff::Singleton::True => Constant::True,
                ruff::Singleton::False => Constant::False,
            }),
            R::MatchSequence(p) => PatternKind::Sequence(self.patterns(&p.patterns)?),
            R::MatchMapping(p) => PatternKind::Mapping {
                keys: self.exprs(&p.keys)?,
                patterns: self.patterns(&p.patterns)?,
                rest: self.opt_name(&p.rest),
            },
            R::MatchClass(p) => {
                let keywords = &p.arguments.keywords;
                PatternKind::Class {
                    cls: self.expr(&p.cls)?,
                    patterns: self.patterns(&p.arguments.patterns)?,
                    kwd_attrs: keywords.iter().map(|k| (self.name(&k.attr), self.loc(k.range))).collect(),
                    kwd_patterns: self.patterns(keywords.iter().map(|k| &k.pattern))?,
                }
            }
            R::MatchStar(p) => PatternKind::Star(self.opt_name(&p.name)),
            R::MatchAs(p) => {
                let inner = p.pattern.as_ref().map(|i| self.pattern(i)).transpose()?;
                PatternKind::As { pattern: inner.map(Box::new), name: self.opt_name(&p.name) }
            }
            R::MatchOr(p) => PatternKind::Or(self.patterns(&p.patterns)?),
        })
    }
}
