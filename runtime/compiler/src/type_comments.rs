//! Type comments (PEP 484): which statement or parameter a `# type:` comment belongs to.

use crate::error::{RawError, Res};
use crate::source::Source;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_parameters, walk_stmt};
use ruff_python_ast::{Expr, Mod, Parameter, Parameters, Stmt};
use ruff_python_parser::Parsed;
use ruff_text_size::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashMap;

/// The type comments of a text, by line and column of what they belong to.
#[derive(Default, Debug)]
pub struct TypeComments {
    /// Of assignments, loops, `with` statements and functions.
    pub stmts: FxHashMap<(i32, i32), String>,
    /// Of parameters.
    pub args: FxHashMap<(i32, i32), String>,
    /// Lines and tags of `# type: ignore`.
    pub ignores: Vec<(i32, String)>,
}

/// A token: its kind, its range, and its text if it is a type comment.
struct Token {
    kind: TokenKind,
    range: TextRange,
    comment: Option<String>,
}

struct Finder<'a> {
    source: &'a Source,
    tokens: Vec<Token>,
    used: Vec<bool>,
    out: TypeComments,
    error: Option<Box<RawError>>,
}

/// What follows `type:` in a comment.
fn type_text(comment: &str) -> Option<&str> {
    let blank = [' ', '\t'];
    let rest = comment.strip_prefix('#')?.trim_start_matches(blank);
    Some(rest.strip_prefix("type:")?.trim_start_matches(blank))
}

/// The tag after `ignore`, if that is what the comment says.
fn ignore_tag(text: &str) -> Option<&str> {
    let tag = text.strip_prefix("ignore")?;
    let first = tag.chars().next();
    (!first.is_some_and(|c| !c.is_ascii() || c.is_ascii_alphanumeric())).then_some(tag)
}

/// Finds the comments of a tree.
///
/// # Errors
/// `SyntaxError` for a type comment that belongs to nothing.
pub(crate) fn find(source: &Source, parsed: &Parsed<Mod>) -> Res<TypeComments> {
    let mut finder = Finder { source, tokens: Vec::new(), used: Vec::new(), out: TypeComments::default(), error: None };
    for token in parsed.tokens() {
        let range = token.range();
        let mut comment = None;
        match token.kind() {
            TokenKind::NonLogicalNewline => continue,
            TokenKind::Comment => {
                let text = &source.text[range.start().to_usize()..range.end().to_usize()];
                let Some(text) = type_text(text) else { continue };
                if let Some(tag) = ignore_tag(text) {
                    let line = source.position(range.start().to_u32()).0;
                    finder.out.ignores.push((line, tag.to_owned()));
                    continue;
                }
                comment = Some(text.to_owned());
            }
            _ => {}
        }
        finder.tokens.push(Token { kind: token.kind(), range, comment });
    }
    for window in finder.tokens.windows(4) {
        let kinds = [window[0].kind, window[1].kind, window[2].kind];
        if window[3].comment.is_some()
            && matches!(kinds, [TokenKind::Lpar | TokenKind::Comma, TokenKind::Star, TokenKind::Comma])
        {
            let (start, end) = (window[1].range.start().to_u32(), window[1].range.end().to_u32());
            return Err(RawError::syntax(source.location(start, end), "bare * has associated type comment"));
        }
    }
    finder.used = vec![false; finder.tokens.len()];
    match parsed.syntax() {
        Mod::Module(module) => module.body.iter().for_each(|s| finder.visit_stmt(s)),
        Mod::Expression(expression) => finder.visit_expr(&expression.body),
    }
    if let Some(error) = finder.error {
        return Err(error);
    }
    let lost = finder.tokens.iter().zip(&finder.used).find(|(token, used)| token.comment.is_some() && !**used);
    match lost {
        None => Ok(finder.out),
        Some((token, _)) => {
            let loc = source.location(token.range.start().to_u32(), token.range.end().to_u32());
            Err(RawError::syntax(loc, "invalid syntax"))
        }
    }
}

impl Finder<'_> {
    fn index_at(&self, offset: TextSize) -> usize {
        self.tokens.partition_point(|token| token.range.start() < offset)
    }

    fn comment_at(&mut self, index: usize) -> Option<String> {
        let text = self.tokens.get(index)?.comment.clone()?;
        self.used[index] = true;
        Some(text)
    }

    fn key(&self, offset: TextSize) -> (i32, i32) {
        self.source.position(offset.to_u32())
    }

    /// The token after the colon that ends a header, whose last part ends at `from`.
    fn after_colon(&self, from: TextSize) -> usize {
        let mut index = self.index_at(from);
        while self.tokens.get(index).is_some_and(|token| token.kind != TokenKind::Colon) {
            index += 1;
        }
        index + 1
    }

    fn block_comment(&mut self, start: TextSize, header_end: TextSize) {
        let index = self.after_colon(header_end);
        if let Some(text) = self.comment_at(index) {
            let key = self.key(start);
            self.out.stmts.insert(key, text);
        }
    }

    /// A function's comment follows the colon, or stands alone on the next line.
    fn function_comment(&mut self, start: TextSize, header_end: TextSize, body: TextSize) {
        let index = self.after_colon(header_end);
        let first = self.comment_at(index);
        let next = index + usize::from(first.is_some());
        let mut second = None;
        if self.tokens.get(next).is_some_and(|token| token.kind == TokenKind::Newline) {
            // The tokenizer may put the indentation before or behind the comment.
            let skip = usize::from(self.tokens.get(next + 1).is_some_and(|token| token.kind == TokenKind::Indent));
            let at = next + 1 + skip;
            if self.tokens.get(at).is_some_and(|token| token.range.start() < body) {
                second = self.comment_at(at);
            }
        }
        if first.is_some() && second.is_some() {
            let range = self.tokens[next].range;
            let loc = self.source.location(range.start().to_u32(), range.end().to_u32());
            self.error.get_or_insert_with(|| RawError::syntax(loc, "Cannot have two type comments on def"));
            return;
        }
        if let Some(text) = first.or(second) {
            let key = self.key(start);
            self.out.stmts.insert(key, text);
        }
    }

    fn parameter(&mut self, parameter: &Parameter, end: TextSize) {
        let mut index = self.index_at(end);
        while self.tokens.get(index).is_some_and(|token| token.kind == TokenKind::Rpar && token.range.start() < end) {
            index += 1;
        }
        let comma = self.tokens.get(index).is_some_and(|token| token.kind == TokenKind::Comma);
        let at = index + usize::from(comma);
        let closes = self.tokens.get(at + 1).is_some_and(|token| token.kind == TokenKind::Rpar);
        if (comma || closes)
            && let Some(text) = self.comment_at(at)
        {
            let key = self.key(parameter.name.range.start());
            self.out.args.insert(key, text);
        }
    }

    /// Where a definition begins after its decorators.
    fn definition_start(&self, range: TextRange, decorators: &[ruff_python_ast::Decorator]) -> TextSize {
        let Some(last) = decorators.last() else { return range.start() };
        let mut index = self.index_at(last.range.end());
        let words = [TokenKind::Def, TokenKind::Async];
        while self.tokens.get(index).is_some_and(|token| !words.contains(&token.kind)) {
            index += 1;
        }
        self.tokens.get(index).map_or(range.start(), |token| token.range.start())
    }
}

impl<'a> SourceOrderVisitor<'a> for Finder<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Assign(s) => {
                let index = self.index_at(s.range.end());
                if let Some(text) = self.comment_at(index) {
                    let key = self.key(s.range.start());
                    self.out.stmts.insert(key, text);
                }
            }
            Stmt::For(s) => self.block_comment(s.range.start(), s.iter.range().end()),
            Stmt::With(s) => {
                let end = s.items.last().map_or(s.range.start(), |item| item.range.end());
                self.block_comment(s.range.start(), end);
            }
            Stmt::FunctionDef(s) => {
                let end = s.returns.as_ref().map_or(s.parameters.range.end(), |returns| returns.range().end());
                let start = self.definition_start(s.range, &s.decorator_list);
                let body = s.body.first().map_or(s.range.end(), |first| first.range().start());
                self.function_comment(start, end, body);
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        walk_expr(self, expr);
    }

    fn visit_parameters(&mut self, parameters: &'a Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            self.parameter(&parameter.parameter, parameter.range.end());
        }
        for parameter in parameters.vararg.iter().chain(&parameters.kwarg) {
            self.parameter(parameter, parameter.range.end());
        }
        walk_parameters(self, parameters);
    }
}
