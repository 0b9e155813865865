//! From the parser's tree to ours: places as lines and columns, literals decoded, `elif` nested, strings joined.

mod expr;
mod stmt;
mod strings;

use crate::ast::{Expr, Mod, Name};
use crate::depth;
use crate::error::{ErrorKind, RawError, Res, Warning, WarningKind};
use crate::source::Source;
use krait_bytecode::Location;
use ruff_python_ast as ruff;
use ruff_text_size::{Ranged, TextRange};

/// What a lowering needs and collects.
pub(crate) struct Lower<'a> {
    pub(crate) source: &'a Source,
    pub(crate) warnings: &'a mut Vec<Warning>,
    max_int_digits: usize,
    depth: usize,
}

impl<'a> Lower<'a> {
    pub(crate) fn new(source: &'a Source, warnings: &'a mut Vec<Warning>, max_int_digits: usize) -> Self {
        Lower { source, warnings, max_int_digits, depth: 0 }
    }

    /// A module; `interactive` makes it one of the REPL.
    pub(crate) fn module(&mut self, tree: &ruff::ModModule, interactive: bool) -> Res<Mod> {
        let body = self.body(&tree.body)?;
        Ok(if interactive { Mod::Interactive(body) } else { Mod::Module(body) })
    }

    /// An expression tree.
    pub(crate) fn expression(&mut self, tree: &ruff::ModExpression) -> Res<Mod> {
        Ok(Mod::Expression(Box::new(self.expr(&tree.body)?)))
    }

    fn loc(&self, range: TextRange) -> Location {
        self.source.location(range.start().to_u32(), range.end().to_u32())
    }

    fn text(&self, range: TextRange) -> &'a str {
        &self.source.text[range.start().to_usize()..range.end().to_usize()]
    }

    fn name(&self, identifier: &ruff::Identifier) -> Name {
        Name::from(identifier.id.as_str())
    }

    fn opt_name(&self, identifier: &Option<ruff::Identifier>) -> Option<Name> {
        identifier.as_ref().map(|i| self.name(i))
    }

    fn warn(&mut self, loc: Location, msg: String) {
        self.warnings.push(Warning { kind: WarningKind::Syntax, msg, loc });
    }

    fn exprs<'b>(&mut self, list: impl IntoIterator<Item = &'b ruff::Expr>) -> Res<Vec<Expr>> {
        list.into_iter().map(|e| self.expr(e)).collect()
    }

    fn opt(&mut self, expr: &Option<Box<ruff::Expr>>) -> Res<Option<Expr>> {
        expr.as_ref().map(|e| self.expr(e)).transpose()
    }

    fn opt_box(&mut self, expr: &Option<Box<ruff::Expr>>) -> Res<Option<Box<Expr>>> {
        Ok(self.opt(expr)?.map(Box::new))
    }

    fn boxed(&mut self, expr: &ruff::Expr) -> Res<Box<Expr>> {
        Ok(Box::new(self.expr(expr)?))
    }

    /// An expression.
    pub(crate) fn expr(&mut self, expr: &ruff::Expr) -> Res<Expr> {
        // A power is read on two levels.
        let levels = 1 + usize::from(matches!(expr, ruff::Expr::BinOp(e) if e.op == ruff::Operator::Pow));
        self.depth += levels;
        let loc = self.loc(expr.range());
        // What nests to the right exhausts the reference's parser, not its compiler.
        let out = if self.depth > depth::PARSED && !grows_leftwards(expr) {
            Err(too_complex())
        } else {
            depth::guard(self.depth, || Ok(Expr { kind: self.expr_kind(expr)?, loc }))
        };
        self.depth -= levels;
        out
    }
}

/// The error for texts that are nested too deeply for the parser.
pub(crate) fn too_complex() -> Box<RawError> {
    RawError::new(ErrorKind::Memory, "Parser stack overflowed - Python source too complex to parse")
}

/// Whether nested expressions of a kind are read in a loop.
fn grows_leftwards(expr: &ruff::Expr) -> bool {
    use ruff::Expr as R;
    match expr {
        R::BinOp(e) => e.op != ruff::Operator::Pow,
        _ => matches!(expr, R::Call(_) | R::Attribute(_) | R::Subscript(_) | R::BoolOp(_) | R::Compare(_)),
    }
}
