//! Syntax that an older version, asked for by `feature_version`, does not have.

use crate::error::{RawError, Res};
use crate::source::Source;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::source_order::{
    SourceOrderVisitor, TraversalSignal, walk_comprehension, walk_except_handler, walk_expr, walk_parameters,
    walk_stmt, walk_type_param, walk_type_params,
};
use ruff_python_ast::{
    AnyNodeRef, Comprehension, ExceptHandler, Expr, Mod, Operator, Parameters, Stmt, TypeParam, TypeParams,
};
use ruff_python_parser::Parsed;
use ruff_text_size::{Ranged, TextRange, TextSize};

struct Checker<'a> {
    source: &'a Source,
    version: u8,
    error: Option<(TextRange, String)>,
}

/// Checks a tree against a minor version.
///
/// # Errors
/// `SyntaxError` for the first thing that came later.
pub(crate) fn check(source: &Source, parsed: &Parsed<Mod>, version: u8) -> Res {
    let mut checker = Checker { source, version, error: None };
    match parsed.syntax() {
        Mod::Module(module) => module.body.iter().for_each(|s| checker.visit_stmt(s)),
        Mod::Expression(expression) => checker.visit_expr(&expression.body),
    }
    let number = |kind| matches!(kind, TokenKind::Int | TokenKind::Float | TokenKind::Complex);
    if version < 6
        && let Some(token) = parsed.tokens().iter().find(|token| {
            number(token.kind())
                && source.text[token.range().start().to_usize()..token.range().end().to_usize()].contains('_')
        })
    {
        checker.need(6, token.range(), "Underscores in numeric literals are");
    }
    match checker.error {
        None => Ok(()),
        Some((range, msg)) => Err(RawError::syntax(source.location(range.start().to_u32(), range.end().to_u32()), msg)),
    }
}

impl Checker<'_> {
    fn need(&mut self, version: u8, range: TextRange, what: &str) {
        if self.version < version && self.error.as_ref().is_none_or(|(first, _)| range.start() < first.start()) {
            self.error = Some((range, format!("{what} only supported in Python 3.{version} and greater")));
        }
    }

    /// The last character of a node, where the reference's parser stands when it finds out.
    fn need_at_end(&mut self, version: u8, range: TextRange, what: &str) {
        let text = &self.source.text[range.start().to_usize()..range.end().to_usize()];
        let width = text.chars().next_back().map_or(0, char::len_utf8) as u32;
        self.need(version, TextRange::new(range.end() - TextSize::new(width), range.end()), what);
    }
}

impl<'a> SourceOrderVisitor<'a> for Checker<'_> {
    fn enter_node(&mut self, _: AnyNodeRef<'a>) -> TraversalSignal {
        if self.version >= 14 { TraversalSignal::Skip } else { TraversalSignal::Traverse }
    }

    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let range = stmt.range();
        match stmt {
            Stmt::FunctionDef(s) if s.is_async => self.need_at_end(5, range, "Async functions are"),
            Stmt::For(s) if s.is_async => self.need_at_end(5, range, "Async for loops are"),
            Stmt::With(s) if s.is_async => self.need_at_end(5, range, "Async with statements are"),
            Stmt::AugAssign(s) if s.op == Operator::MatMult => self.need_at_end(5, range, "The '@' operator is"),
            Stmt::AnnAssign(_) => self.need_at_end(6, range, "Variable annotation syntax is"),
            Stmt::Match(_) => self.need_at_end(10, range, "Pattern matching is"),
            Stmt::Try(s) if s.is_star => self.need_at_end(11, range, "Exception groups are"),
            Stmt::TypeAlias(_) => self.need_at_end(12, range, "Type statement is"),
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        let range = expr.range();
        match expr {
            Expr::BinOp(e) if e.op == Operator::MatMult => self.need_at_end(5, range, "The '@' operator is"),
            Expr::Await(_) => self.need_at_end(5, range, "Await expressions are"),
            Expr::Named(_) => self.need_at_end(8, range, "Assignment expressions are"),
            Expr::TString(_) => self.need_at_end(14, range, "t-strings are"),
            _ => {}
        }
        walk_expr(self, expr);
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        if comprehension.is_async {
            self.need_at_end(6, comprehension.range, "Async comprehensions are");
        }
        walk_comprehension(self, comprehension);
    }

    fn visit_parameters(&mut self, parameters: &'a Parameters) {
        if let Some(last) = parameters.posonlyargs.last() {
            self.need_at_end(8, last.range(), "Positional-only parameters are");
        }
        walk_parameters(self, parameters);
    }

    fn visit_type_params(&mut self, params: &'a TypeParams) {
        self.need_at_end(12, params.range, "Type parameter lists are");
        walk_type_params(self, params);
    }

    fn visit_type_param(&mut self, param: &'a TypeParam) {
        if param.default().is_some() {
            self.need_at_end(13, param.range(), "Type parameter defaults are");
        }
        walk_type_param(self, param);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(Expr::Tuple(tuple)) = inner.type_.as_deref()
            && !tuple.parenthesized
        {
            self.need_at_end(14, handler.range(), "except expressions without parentheses are");
        }
        walk_except_handler(self, handler);
    }
}
