//! The parser's errors in the reference's words, at the reference's places.
//!
//! The parser goes on after an error; only the first one counts here. Brackets that do not match are looked for
//! first, because the reference's tokenizer finds them before its parser sees anything wrong.

mod hints;

pub(crate) use hints::number_warnings;

use crate::error::{ErrorKind, RawError};
use crate::source::Source;
use krait_bytecode::Location;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr};
use ruff_python_ast::{Expr, Mod, UnaryOp};
use ruff_python_parser::{InterpolatedStringErrorType, LexicalErrorType, ParseError, ParseErrorType, Parsed};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// Expressions of a tree, outer ones first.
struct Collect<'a>(Vec<&'a Expr>);

impl<'a> SourceOrderVisitor<'a> for Collect<'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        self.0.push(expr);
        if self.0.len() < 100_000 {
            walk_expr(self, expr);
        }
    }
}

struct Reporter<'a> {
    source: &'a Source,
    tokens: Vec<(TokenKind, TextRange)>,
    exprs: Vec<&'a Expr>,
}

/// Where the reference would find an error: targets of annotations are looked at after all of them was read.
fn found_at(error: &ParseError) -> TextSize {
    match &error.error {
        ParseErrorType::InvalidAnnotatedAssignmentTarget => error.range().end(),
        ParseErrorType::OtherError(msg) if msg.starts_with("Only single target") => error.range().end(),
        _ => error.range().start(),
    }
}

/// What the reference says of the first error of a tree.
pub(crate) fn report(source: &Source, parsed: &Parsed<Mod>, deep: bool) -> Option<(usize, Box<RawError>)> {
    let lexical = |e: &ParseError| matches!(e.error, ParseErrorType::Lexical(_));
    let error = parsed.errors().iter().min_by_key(|e| (found_at(e), !lexical(e)))?;
    let mut collect = Collect(Vec::new());
    // Trees of long texts may be too deep to walk without a guard.
    if !deep {
        match parsed.syntax() {
            Mod::Module(m) => m.body.iter().for_each(|s| collect.visit_stmt(s)),
            Mod::Expression(e) => collect.visit_expr(&e.body),
        }
    }
    let trivia = |k: TokenKind| matches!(k, TokenKind::Comment | TokenKind::NonLogicalNewline);
    let tokens = parsed.tokens().iter().map(|t| (t.kind(), t.range())).filter(|t| !trivia(t.0)).collect();
    let reporter = Reporter { source, tokens, exprs: collect.0 };
    Some((error.range().start().to_usize(), reporter.describe(error)))
}

/// Limits and rules of the reference's tokenizer that the parser does not have: depth of brackets and indentation,
/// tabs.
pub(crate) fn check_tokens(source: &Source, parsed: &Parsed<Mod>) -> Option<Box<RawError>> {
    let (mut brackets, mut indents, mut line_begins) = (0usize, vec![(0usize, 0usize)], true);
    for token in parsed.tokens() {
        let range = token.range();
        match token.kind() {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                brackets += 1;
                if brackets > 200 {
                    let loc = source.location(range.start().to_u32(), range.start().to_u32());
                    return Some(RawError::syntax(loc, "too many nested parentheses"));
                }
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        match token.kind() {
            TokenKind::Newline => line_begins = true,
            TokenKind::Indent | TokenKind::Dedent | TokenKind::Comment | TokenKind::NonLogicalNewline => {}
            TokenKind::EndOfFile => {}
            _ if line_begins => {
                line_begins = false;
                let line = source.position(range.start().to_u32()).0;
                if let Some(error) = check_indent(source.line(line), line, &mut indents) {
                    return Some(error);
                }
            }
            _ => {}
        }
    }
    None
}

/// One logical line's indentation, with tabs to eight columns and to one.
fn check_indent(text: &str, line: i32, indents: &mut Vec<(usize, usize)>) -> Option<Box<RawError>> {
    let (mut wide, mut narrow) = (0, 0);
    for byte in text.bytes() {
        match byte {
            b' ' => (wide, narrow) = (wide + 1, narrow + 1),
            b'\t' => (wide, narrow) = ((wide / 8 + 1) * 8, narrow + 1),
            0x0c => (wide, narrow) = (0, 0),
            _ => break,
        }
    }
    while indents.len() > 1 && indents.last().is_some_and(|i| i.0 > wide) {
        indents.pop();
    }
    let (top_wide, top_narrow) = *indents.last()?;
    let consistent = if wide == top_wide { narrow == top_narrow } else { narrow > top_narrow };
    if !consistent {
        let loc = Location { line, end_line: line, column: 0, end_column: -1 };
        let msg = "inconsistent use of tabs and spaces in indentation".into();
        return Some(Box::new(RawError { kind: ErrorKind::Tab, msg, loc: Some(loc) }));
    }
    if wide > top_wide {
        indents.push((wide, narrow));
        if indents.len() > 100 {
            let column = text.len() as i32;
            let loc = Location { line, end_line: line, column, end_column: -2 };
            let msg = "too many levels of indentation".into();
            return Some(Box::new(RawError { kind: ErrorKind::Indentation, msg, loc: Some(loc) }));
        }
    }
    None
}

/// How the reference calls a kind of expression that cannot be assigned to.
fn expression_name(e: &Expr) -> &'static str {
    match e {
        Expr::Attribute(_) => "attribute",
        Expr::Subscript(_) => "subscript",
        Expr::Starred(_) => "starred",
        Expr::Name(_) => "name",
        Expr::List(_) => "list",
        Expr::Tuple(_) => "tuple",
        Expr::Lambda(_) => "lambda",
        Expr::Call(_) => "function call",
        Expr::Generator(_) => "generator expression",
        Expr::Yield(_) | Expr::YieldFrom(_) => "yield expression",
        Expr::Await(_) => "await expression",
        Expr::ListComp(_) => "list comprehension",
        Expr::SetComp(_) => "set comprehension",
        Expr::DictComp(_) => "dict comprehension",
        Expr::Dict(_) => "dict literal",
        Expr::Set(_) => "set display",
        Expr::FString(_) => "f-string expression",
        Expr::TString(_) => "t-string expression",
        Expr::BooleanLiteral(b) if b.value => "True",
        Expr::BooleanLiteral(_) => "False",
        Expr::NoneLiteral(_) => "None",
        Expr::EllipsisLiteral(_) => "ellipsis",
        Expr::Compare(_) => "comparison",
        Expr::If(_) => "conditional expression",
        Expr::Named(_) => "named expression",
        Expr::StringLiteral(_) | Expr::BytesLiteral(_) | Expr::NumberLiteral(_) => "literal",
        _ => "expression",
    }
}

impl<'a> Reporter<'a> {
    fn text(&self, range: TextRange) -> &'a str {
        &self.source.text[range.start().to_usize()..range.end().to_usize()]
    }

    fn loc(&self, range: TextRange) -> Location {
        self.source.location(range.start().to_u32(), range.end().to_u32())
    }

    fn at(&self, range: TextRange, msg: impl Into<String>) -> Box<RawError> {
        RawError::syntax(self.loc(range), msg)
    }

    /// An error at one column; the reference's tokenizer gives no range.
    fn point(&self, offset: TextSize, msg: impl Into<String>) -> Box<RawError> {
        let loc = self.source.location(offset.to_u32(), offset.to_u32());
        RawError::syntax(loc, msg)
    }

    /// The same with an unknown end.
    fn open(&self, offset: TextSize, msg: impl Into<String>) -> Box<RawError> {
        let mut loc = self.source.location(offset.to_u32(), offset.to_u32());
        loc.end_column = -1;
        RawError::syntax(loc, msg)
    }

    /// The token that contains an offset or comes after it.
    fn token_at(&self, offset: TextSize) -> Option<usize> {
        let index = self.tokens.partition_point(|t| t.1.end() <= offset && t.1.start() < offset);
        (index < self.tokens.len()).then_some(index)
    }

    fn invalid(&self, range: TextRange) -> Box<RawError> {
        let index = self.token_at(range.start());
        let token = index.and_then(|i| self.tokens.get(i)).map_or((TokenKind::EndOfFile, range), |t| *t);
        if let Some(error) = self.indentation(token) {
            return error;
        }
        if let Some(open) = self.unclosed() {
            let line = self.source.position(token.1.start().to_u32()).0;
            if line > self.source.position(open.1.start().to_u32()).0 || token.0 == TokenKind::EndOfFile {
                return self.never_closed(open);
            }
        }
        if token.0 == TokenKind::Newline || token.1.is_empty() {
            let loc = self.source.location(token.1.start().to_u32(), token.1.start().to_u32());
            return RawError::syntax(Location { end_column: loc.column + 1, ..loc }, "invalid syntax");
        }
        self.at(token.1, "invalid syntax")
    }

    fn indentation(&self, token: (TokenKind, TextRange)) -> Option<Box<RawError>> {
        if token.0 != TokenKind::Indent {
            return None;
        }
        let (line, column) = self.source.position(token.1.end().to_u32());
        let loc = Location { line, end_line: line, column: (column - 1).max(0), end_column: -2 };
        Some(Box::new(RawError { kind: ErrorKind::Indentation, msg: "unexpected indent".into(), loc: Some(loc) }))
    }

    fn never_closed(&self, open: (TokenKind, TextRange)) -> Box<RawError> {
        self.open(open.1.start(), format!("'{}' was never closed", self.text(open.1)))
    }

    /// The innermost bracket that the text leaves open.
    fn unclosed(&self) -> Option<(TokenKind, TextRange)> {
        let mut stack = Vec::new();
        for token in &self.tokens {
            match token.0 {
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => stack.push(*token),
                TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                    stack.pop();
                }
                _ => {}
            }
        }
        stack.pop()
    }

    /// A closing bracket before `limit` that does not match.
    fn mismatched(&self, limit: TextSize) -> Option<Box<RawError>> {
        let mut stack: Vec<(TokenKind, TextRange)> = Vec::new();
        for token in self.tokens.iter().take_while(|t| t.1.start() <= limit) {
            let wanted = match token.0 {
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => {
                    stack.push(*token);
                    if stack.len() > 200 {
                        return Some(self.point(token.1.start(), "too many nested parentheses"));
                    }
                    continue;
                }
                TokenKind::Rpar => TokenKind::Lpar,
                TokenKind::Rsqb => TokenKind::Lsqb,
                TokenKind::Rbrace => TokenKind::Lbrace,
                _ => continue,
            };
            let close = self.text(token.1);
            match stack.pop() {
                None => return Some(self.point(token.1.start(), format!("unmatched '{close}'"))),
                Some(open) if open.0 != wanted && self.opens_field(open.1) => {
                    let kind = if self.tokens.iter().any(|t| t.0 == TokenKind::TStringStart) { "t" } else { "f" };
                    return Some(self.point(token.1.start(), format!("{kind}-string: unmatched '{close}'")));
                }
                Some(open) if open.0 != wanted => {
                    let line = self.source.position(open.1.start().to_u32()).0;
                    let here = self.source.position(token.1.start().to_u32()).0;
                    let place = if line == here { String::new() } else { format!(" on line {line}") };
                    let msg = format!(
                        "closing parenthesis '{close}' does not match opening parenthesis '{}'{place}",
                        self.text(open.1)
                    );
                    return Some(self.point(token.1.start(), msg));
                }
                Some(_) => {}
            }
        }
        None
    }

    /// Whether a bracket is the brace of a replacement field.
    fn opens_field(&self, open: TextRange) -> bool {
        let Some(index) = self.tokens.iter().position(|token| token.1 == open) else { return false };
        self.tokens[index].0 == TokenKind::Lbrace
            && index > 0
            && matches!(
                self.tokens[index - 1].0,
                TokenKind::FStringStart | TokenKind::FStringMiddle | TokenKind::TStringStart | TokenKind::TStringMiddle
            )
    }

    /// The outermost expression with exactly this range.
    fn expr_at(&self, range: TextRange) -> Option<&'a Expr> {
        self.exprs.iter().find(|e| e.range() == range).copied()
    }

    fn describe(&self, error: &ParseError) -> Box<RawError> {
        let range = error.range();
        if let Some(error) = self.mismatched(range.start()) {
            return error;
        }
        if let Some(error) = self.bad_token(range.start()) {
            return error;
        }
        if let Some(error) = self.dangling_backslash(range) {
            return error;
        }
        let found = self.describe_parser(error, range);
        if found.msg == "invalid syntax"
            && found.kind == ErrorKind::Syntax
            && let Some(better) = self.hint(range.start())
        {
            return better;
        }
        found
    }

    /// A text that ends in a continuation of its last line.
    fn dangling_backslash(&self, range: TextRange) -> Option<Box<RawError>> {
        let text = &self.source.text;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let at = line.strip_suffix('\\')?.len();
        let start = range.start().to_usize().min(at);
        if !text[start..at].trim().is_empty() {
            return None;
        }
        let at = TextSize::new(at as u32);
        if line.len() == text.len() {
            return Some(self.open(at, "unexpected character after line continuation character"));
        }
        if let Some(open) = self.unclosed() {
            return Some(self.never_closed(open));
        }
        let mut error = self.open(at + TextSize::new(1), "unexpected EOF while parsing");
        if let Some(loc) = &mut error.loc {
            loc.end_column = -2;
        }
        Some(error)
    }

    fn describe_parser(&self, error: &ParseError, range: TextRange) -> Box<RawError> {
        match &error.error {
            ParseErrorType::Lexical(lexical) => self.lexical(lexical, range),
            ParseErrorType::FStringError(e) => self.interpolated(e, range, "f-string"),
            ParseErrorType::TStringError(e) => self.interpolated(e, range, "t-string"),
            ParseErrorType::InvalidAssignmentTarget => self.assignment(range),
            ParseErrorType::InvalidAugmentedAssignmentTarget => {
                self.at(range, format!("'{}' is an illegal expression for augmented assignment", self.name(range)))
            }
            ParseErrorType::InvalidDeleteTarget => self.at(range, format!("cannot delete {}", self.name(range))),
            ParseErrorType::InvalidNamedAssignmentTarget => {
                self.at(range, format!("cannot use assignment expressions with {}", self.name(range)))
            }
            ParseErrorType::InvalidAnnotatedAssignmentTarget => self.at(range, "illegal target for annotation"),
            ParseErrorType::NonDefaultParamAfterDefaultParam if self.text(range).ends_with('=') => {
                let equal = TextRange::new(range.end() - TextSize::new(1), range.end());
                self.at(equal, "expected default value expression")
            }
            ParseErrorType::NonDefaultParamAfterDefaultParam => {
                self.at(range, "parameter without a default follows parameter with a default")
            }
            ParseErrorType::ExpectedKeywordParam => {
                let index = self.token_at(range.start()).unwrap_or(0);
                let star = self.tokens[..=index.min(self.tokens.len() - 1)].iter().rev();
                let star = star.into_iter().find(|t| t.0 == TokenKind::Star);
                let lambda = star.and_then(|star| {
                    let at = self.tokens.iter().position(|t| t == star)?;
                    (self.tokens.get(at.checked_sub(1)?)?.0 == TokenKind::Lambda).then(|| self.tokens[at + 1])
                });
                let star = lambda.as_ref().or(star);
                self.at(star.map_or(range, |t| t.1), "named arguments must follow bare *")
            }
            ParseErrorType::ParamAfterVarKeywordParam => self.at(range, "arguments cannot follow var-keyword argument"),
            ParseErrorType::VarParameterWithDefault => self.default_of_star(range),
            ParseErrorType::UnparenthesizedGeneratorExpression
                if self
                    .token_at(range.start())
                    .and_then(|index| self.line_start_token(index))
                    .is_some_and(|start| self.tokens[start].0 == TokenKind::Class) =>
            {
                let word = self.tokens.iter().find(|t| t.0 == TokenKind::For && range.contains_range(t.1));
                self.at(word.map_or(range, |t| t.1), "invalid syntax")
            }
            ParseErrorType::UnparenthesizedGeneratorExpression => {
                self.at(range, "Generator expression must be parenthesized")
            }
            ParseErrorType::PositionalAfterKeywordArgument => {
                self.after(range, "positional argument follows keyword argument")
            }
            ParseErrorType::PositionalAfterKeywordUnpacking => {
                self.after(range, "positional argument follows keyword argument unpacking")
            }
            ParseErrorType::InvalidArgumentUnpackingOrder => {
                // The reference's place begins after the unpacking of keywords.
                let index = self.token_at(range.start()).unwrap_or(0);
                let comma = self.tokens[..index].iter().rev().take(3).find(|t| t.0 == TokenKind::Comma);
                let range = TextRange::new(comma.map_or(range.start(), |t| t.1.start()), range.end());
                self.at(range, "iterable argument unpacking follows keyword argument unpacking")
            }
            ParseErrorType::IterableUnpackingInComprehension => {
                self.at(range, "iterable unpacking cannot be used in comprehension")
            }
            ParseErrorType::EmptyImportNames if range.is_empty() || self.text(range).trim().is_empty() => {
                let start = self.source.location(range.start().to_u32(), range.start().to_u32());
                let loc = start;
                RawError::syntax(loc, "Expected one or more names after 'import'")
            }
            ParseErrorType::ExpectedRealNumber => self.at(range, "real number required in complex literal"),
            ParseErrorType::ExpectedImaginaryNumber => self.at(range, "imaginary number required in complex literal"),
            ParseErrorType::EmptyTypeParams => {
                let bracket = self.tokens.iter().position(|t| t.0 == TokenKind::Rsqb && t.1.end() >= range.end());
                let Some(index) = bracket else { return self.at(range, "Type parameter list cannot be empty") };
                let first = self.line_start_token(index).map_or(TokenKind::Name, |start| self.tokens[start].0);
                let last = if first == TokenKind::Type { index + 1 } else { index };
                let end = self.tokens.get(last).map_or(range.end(), |t| t.1.end()) - TextSize::new(1);
                self.at(TextRange::new(self.tokens[index].1.start(), end), "Type parameter list cannot be empty")
            }
            ParseErrorType::InvalidMatchPatternTarget
                if self.text(range) == "_" && self.source.text[..range.start().to_usize()].ends_with("**") =>
            {
                self.at(range, "invalid syntax")
            }
            ParseErrorType::InvalidMatchPatternTarget => self.at(range, "cannot use '_' as a target"),
            ParseErrorType::UnexpectedIndentation => {
                let indent = self.tokens.iter().find(|t| t.0 == TokenKind::Indent && t.1.end() >= range.start());
                indent.and_then(|t| self.indentation(*t)).unwrap_or_else(|| self.invalid(range))
            }
            ParseErrorType::SimpleStatementsOnSameLine => self.juxtaposed(range),
            ParseErrorType::ExpectedExpression => self.no_expression(range),
            ParseErrorType::UnparenthesizedTupleExpression => {
                let comma = self.tokens.iter().find(|t| t.0 == TokenKind::Comma && range.contains_range(t.1));
                self.invalid(comma.map_or(range, |t| t.1))
            }
            ParseErrorType::InvalidStarredExpressionUsage if self.after_dict_colon(range) => {
                self.at(range, "cannot use a starred expression in a dictionary value")
            }
            ParseErrorType::ExpectedToken { expected, found } => self.expected(*expected, *found, range),
            ParseErrorType::OtherError(msg) => self.other(msg, range),
            _ => self.invalid(range),
        }
    }

    fn name(&self, range: TextRange) -> &'static str {
        self.expr_at(range).map_or("expression", expression_name)
    }

    /// An error at the token after the range's.
    fn after(&self, range: TextRange, msg: &str) -> Box<RawError> {
        let next = self.tokens.iter().find(|t| t.1.start() >= range.end()).map_or(range, |t| t.1);
        self.at(next, msg)
    }

    fn after_dict_colon(&self, range: TextRange) -> bool {
        let index = self.token_at(range.start()).unwrap_or(0);
        index > 0
            && self.tokens[index - 1].0 == TokenKind::Colon
            && self.open_bracket(index).is_some_and(|t| t.0 == TokenKind::Lbrace)
    }

    /// An expression is missing before a token.
    fn no_expression(&self, range: TextRange) -> Box<RawError> {
        let index = self.token_at(range.start()).unwrap_or(0);
        let Some(before) = index.checked_sub(1).map(|i| self.tokens[i]) else { return self.invalid(range) };
        let token = self.tokens[index];
        let closes = matches!(token.0, TokenKind::Rpar | TokenKind::Comma);
        match before.0 {
            TokenKind::Lbrace if self.in_interpolation(index) => {
                let kind = if self.tokens[..index].iter().rev().any(|t| t.0 == TokenKind::TStringStart) {
                    "t-string"
                } else {
                    "f-string"
                };
                let shown = self.text(token.1);
                match token.0 {
                    TokenKind::FStringEnd | TokenKind::TStringEnd | TokenKind::EndOfFile => {
                        self.point(token.1.start(), format!("{kind}: expecting '}}'"))
                    }
                    TokenKind::Equal | TokenKind::Exclamation | TokenKind::Colon | TokenKind::Rbrace => {
                        self.at(token.1, format!("{kind}: valid expression required before '{shown}'"))
                    }
                    _ => self.at(token.1, format!("{kind}: expecting a valid expression after '{{'")),
                }
            }
            TokenKind::Colon
                if matches!(token.0, TokenKind::Rbrace | TokenKind::Comma) && self.after_dict_colon(range) =>
            {
                self.at(before.1, "expression expected after dictionary key and ':'")
            }
            TokenKind::Less if token.0 == TokenKind::Greater && before.1.end() == token.1.start() => {
                let whole = before.1.cover(token.1);
                self.at(whole, "invalid syntax.  Maybe you meant '!=' instead of '<>'?")
            }
            TokenKind::Equal if closes && index >= 2 && self.tokens[index - 2].0 == TokenKind::Name => {
                let first = self.line_start_token(index).map(|t| self.tokens[t].0);
                if matches!(first, Some(TokenKind::Def | TokenKind::Async)) {
                    return self.at(before.1, "expected default value expression");
                }
                self.at(self.tokens[index - 2].1.cover(before.1), "expected argument value expression")
            }
            TokenKind::Star if token.0 == TokenKind::Rpar => self.at(token.1, "Invalid star expression"),
            TokenKind::Else if token.0 == TokenKind::Newline => {
                let error = self.invalid(range);
                let msg = "expected expression after 'else', but statement is given";
                RawError::syntax(error.loc.unwrap_or(Location::NONE), msg)
            }
            _ => self.invalid(range),
        }
    }

    fn in_interpolation(&self, index: usize) -> bool {
        let mut depth = 0;
        for token in &self.tokens[..index] {
            match token.0 {
                TokenKind::FStringStart | TokenKind::TStringStart => depth += 1,
                TokenKind::FStringEnd | TokenKind::TStringEnd => depth -= 1,
                _ => {}
            }
        }
        depth > 0
    }

    fn default_of_star(&self, range: TextRange) -> Box<RawError> {
        let equal_at = self.tokens.iter().position(|t| t.0 == TokenKind::Equal && t.1.end() > range.start());
        let stars = |t: &&(TokenKind, TextRange)| {
            matches!(t.0, TokenKind::Star | TokenKind::DoubleStar | TokenKind::Comma | TokenKind::Lambda)
        };
        let two = equal_at
            .and_then(|i| self.tokens[..i].iter().rev().find(stars))
            .is_some_and(|t| t.0 == TokenKind::DoubleStar);
        let msg = if two {
            "var-keyword argument cannot have default value"
        } else {
            "var-positional argument cannot have default value"
        };
        let equal = self.tokens.iter().find(|t| t.0 == TokenKind::Equal && t.1.end() > range.start());
        self.at(equal.map_or(range, |t| t.1), msg)
    }

    fn assignment(&self, range: TextRange) -> Box<RawError> {
        let Some(expr) = self.expr_at(range) else { return self.invalid(range) };
        if matches!(expr, Expr::If(_) | Expr::Compare(_))
            && let Some(error) = self.for_target(expr)
        {
            return error;
        }
        let parenthesized = self.source.text[..range.start().to_usize()].trim_end().ends_with('(');
        if matches!(expr, Expr::Yield(_) | Expr::YieldFrom(_)) && !parenthesized {
            return self.at(range, "assignment to yield expression not possible");
        }
        let name = expression_name(expr);
        let holds = |e: &&Expr| {
            matches!(e, Expr::Tuple(_) | Expr::List(_)) && e.range() != range && e.range().contains_range(range)
        };
        let simple = !self.exprs.iter().any(holds)
            && match expr {
                Expr::UnaryOp(e) => e.op != UnaryOp::Not,
                Expr::Compare(_) | Expr::BoolOp(_) | Expr::If(_) | Expr::Lambda(_) => false,
                Expr::BooleanLiteral(_) | Expr::NoneLiteral(_) | Expr::Generator(_) => false,
                Expr::List(_) | Expr::Tuple(_) | Expr::Starred(_) => false,
                _ => true,
            };
        let mut after = self.tokens.iter().skip_while(|t| t.1.start() < range.end());
        let mut next = after.next().map(|t| t.0);
        while next == Some(TokenKind::Rpar) {
            next = after.next().map(|t| t.0);
        }
        let statement_end = |k: TokenKind| matches!(k, TokenKind::Newline | TokenKind::Semi | TokenKind::EndOfFile);
        let more = after.take_while(|t| !statement_end(t.0)).any(|t| t.0 == TokenKind::Equal);
        if simple && next == Some(TokenKind::Equal) && !more {
            return self.at(range, format!("cannot assign to {name} here. Maybe you meant '==' instead of '='?"));
        }
        self.at(range, format!("cannot assign to {name}"))
    }

    /// Two expressions beside each other outside brackets.
    fn juxtaposed(&self, range: TextRange) -> Box<RawError> {
        let Some(index) = self.token_at(range.start()) else { return self.invalid(range) };
        let number = index.checked_sub(1).map(|i| self.tokens[i]);
        if let Some((TokenKind::Int | TokenKind::Float | TokenKind::Complex, before)) = number
            && before.end() == self.tokens[index].1.start()
            && self.text(self.tokens[index].1).starts_with(|c: char| c.is_alphanumeric() || c == '_')
        {
            return self.bad_number(before, self.tokens[index].1);
        }
        let inline = |at: &usize| {
            matches!(self.text(self.tokens[*at].1), "print" | "exec")
                && *at > 0
                && self.tokens[*at - 1].0 == TokenKind::Colon
        };
        if let Some(start) = index.checked_sub(1).filter(inline).or_else(|| self.line_start_token(index)) {
            let word = self.text(self.tokens[start].1);
            let last = self.statement_end(index);
            if index == start + 1 && matches!(word, "print" | "exec") {
                let msg = format!("Missing parentheses in call to '{word}'. Did you mean {word}(...)?");
                return self.at(TextRange::new(self.tokens[start].1.start(), last), msg);
            }
            if word == "import" && self.tokens[index].0 == TokenKind::From {
                let msg = "Did you mean to use 'from ... import ...' instead?";
                let alias = self.tokens[index..].iter().position(|t| t.0 == TokenKind::As).map(|n| index + n - 1);
                let last = alias.map_or(last, |at| (self.tokens[at + 1].1.end() - TextSize::new(1)).min(last));
                return self.at(TextRange::new(self.tokens[start].1.start(), last), msg);
            }
        }
        // `a not b`: the reference reads on, expecting `in`.
        if self.tokens[index].0 == TokenKind::Not && index + 1 < self.tokens.len() {
            return self.invalid(self.tokens[index + 1].1);
        }
        self.invalid(range)
    }

    fn line_start_token(&self, index: usize) -> Option<usize> {
        let boundary =
            |k: TokenKind| matches!(k, TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent | TokenKind::Semi);
        let before = self.tokens[..index].iter().rposition(|t| boundary(t.0));
        Some(before.map_or(0, |b| b + 1)).filter(|s| *s < index)
    }

    fn statement_end(&self, index: usize) -> TextSize {
        let ends = |k: TokenKind| matches!(k, TokenKind::Newline | TokenKind::Semi | TokenKind::EndOfFile);
        let end = self.tokens[index..].iter().position(|t| ends(t.0)).map_or(self.tokens.len(), |n| index + n);
        self.tokens[end.max(1) - 1].1.end()
    }

    fn bad_number(&self, number: TextRange, next: TextRange) -> Box<RawError> {
        let kind = hints::number_kind(self.text(number));
        let following = self.text(next).chars().next().unwrap_or(' ');
        if following.is_ascii_digit() && matches!(kind, "octal" | "binary") {
            return self.point(next.start(), format!("invalid digit '{following}' in {kind} literal"));
        }
        if following == '_' && matches!(kind, "octal" | "binary") {
            let digit = self.text(next).chars().nth(1).filter(char::is_ascii_digit);
            if let Some(digit) = digit {
                let at = next.start() + TextSize::new(1);
                return self.point(at, format!("invalid digit '{digit}' in {kind} literal"));
            }
        }
        let rest = &self.source.text[number.end().to_usize()..];
        if kind == "decimal" && (rest.starts_with("e+") || rest.starts_with("e-")) {
            return self.point(number.end() + TextSize::new(1), format!("invalid {kind} literal"));
        }
        let inside = (following == '_' || rest.starts_with('_')) && kind != "imaginary";
        let next = TextRange::empty(number.end());
        let at = if inside { next.start() } else { number.end() - TextSize::new(1) };
        self.point(at, format!("invalid {kind} literal"))
    }

    fn expected(&self, expected: TokenKind, found: TokenKind, range: TextRange) -> Box<RawError> {
        let index = self.token_at(range.start()).unwrap_or(0);
        match (expected, found) {
            (TokenKind::Colon, TokenKind::Newline) if !self.inside_brackets(range.start()) => {
                let loc = self.source.location(range.start().to_u32(), range.start().to_u32());
                RawError::syntax(Location { end_column: loc.column + 1, ..loc }, "expected ':'")
            }
            (TokenKind::Colon, TokenKind::Equal) => {
                // `if x = 1`
                let (before, after) = (self.ending_at(index), self.starting_at(index + 1));
                if let (Some(before), Some(after)) = (before, after) {
                    let msg = if self.is_name(before) {
                        "invalid syntax. Maybe you meant '==' or ':=' instead of '='?".to_string()
                    } else {
                        let name = self.name(before);
                        return self
                            .at(before, format!("cannot assign to {name} here. Maybe you meant '==' instead of '='?"));
                    };
                    return self.at(TextRange::new(before.start(), after.end()), msg);
                }
                self.invalid(range)
            }
            (TokenKind::Colon, TokenKind::Rbrace | TokenKind::Comma)
                if index > 0 && self.inside_brackets(range.start()) =>
            {
                self.open(self.tokens[index - 1].1.start(), "':' expected after dictionary key")
            }
            (TokenKind::Lpar, _) => self.at(range, "expected '('"),
            (TokenKind::Else, TokenKind::Colon) => self.invalid(range),
            (TokenKind::Else, _) => match self.ending_at(index) {
                Some(before) => {
                    let start = self.line_start_token(index).map_or(before.start(), |t| self.tokens[t].1.start());
                    let first = self.exprs.iter().find(|e| e.end() == before.end() && e.start() >= start);
                    let start = first.map_or(start, |e| e.start());
                    self.at(TextRange::new(start, before.end()), "expected 'else' after 'if' expression")
                }
                None => self.invalid(range),
            },
            (TokenKind::Comma, _) if self.inside_brackets(range.start()) => self.missing_comma(index, range),
            _ => self.invalid(range),
        }
    }

    fn is_name(&self, range: TextRange) -> bool {
        matches!(self.expr_at(range), Some(Expr::Name(_)))
    }

    fn inside_brackets(&self, offset: TextSize) -> bool {
        let mut depth = 0i32;
        for token in self.tokens.iter().take_while(|t| t.1.start() < offset) {
            match token.0 {
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => depth += 1,
                TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => depth -= 1,
                _ => {}
            }
        }
        depth > 0
    }

    /// The innermost bracket that is open before a token.
    fn open_bracket(&self, index: usize) -> Option<(TokenKind, TextRange)> {
        let mut closed = 0;
        for token in self.tokens[..index].iter().rev() {
            match token.0 {
                TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => closed += 1,
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace if closed == 0 => return Some(*token),
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => closed -= 1,
                _ => {}
            }
        }
        None
    }

    /// The outermost expression that ends before a token, inside the same brackets.
    fn ending_at(&self, index: usize) -> Option<TextRange> {
        let end = self.tokens.get(index.checked_sub(1)?)?.1.end();
        let from = self.open_bracket(index).map_or(TextSize::new(0), |t| t.1.end());
        let inside = |e: &&&Expr| e.start() >= from && !matches!(e, Expr::Starred(_));
        let found = self.exprs.iter().filter(|e| e.end() == end).filter(inside);
        found.map(|e| e.range()).max_by_key(|r| r.len())
    }

    /// The outermost expression that starts with a token, or the token if it is a name, number or string.
    fn starting_at(&self, index: usize) -> Option<TextRange> {
        let token = self.tokens.get(index)?;
        let found = self.exprs.iter().filter(|e| e.start() == token.1.start());
        let starts = matches!(
            token.0,
            TokenKind::Name | TokenKind::Int | TokenKind::Float | TokenKind::String | TokenKind::None | TokenKind::True
        );
        found.map(|e| e.range()).max_by_key(|r| r.len()).or(starts.then_some(token.1))
    }

    fn missing_comma(&self, index: usize, range: TextRange) -> Box<RawError> {
        let before_kind = index.checked_sub(1).map(|i| self.tokens[i].0);
        let next_kind = self.tokens.get(index).map(|t| t.0);
        let prefixed = before_kind == Some(TokenKind::Name) && next_kind == Some(TokenKind::String);
        if let (Some(before), Some(after)) = (self.ending_at(index), self.starting_at(index))
            && !prefixed
        {
            if let Some(open) = self.unclosed()
                && self.source.position(open.1.start().to_u32()).0 < self.source.position(range.start().to_u32()).0
            {
                return self.never_closed(open);
            }
            let whole = TextRange::new(before.start().min(after.start()), after.end());
            return self.at(whole, "invalid syntax. Perhaps you forgot a comma?");
        }
        self.invalid(range)
    }

    fn lexical(&self, error: &LexicalErrorType, range: TextRange) -> Box<RawError> {
        match error {
            LexicalErrorType::UnclosedStringError => self.unterminated(range, "string"),
            LexicalErrorType::FStringError(e) => self.interpolated(e, range, "f-string"),
            LexicalErrorType::TStringError(e) => self.interpolated(e, range, "t-string"),
            LexicalErrorType::UnicodeError
            | LexicalErrorType::MissingUnicodeLbrace
            | LexicalErrorType::MissingUnicodeRbrace => self.bad_literal(range),
            LexicalErrorType::InvalidByteLiteral => {
                let whole = self.string_around(range.start());
                self.at(whole, "bytes can only contain ASCII literal characters")
            }
            LexicalErrorType::IndentationError => {
                let (line, _) = self.source.position(range.end().to_u32());
                let text = self.source.line(line).trim_end_matches('\n');
                let column = text.len() as i32;
                let loc = Location { line, end_line: line, column, end_column: -2 };
                let msg = "unindent does not match any outer indentation level".into();
                Box::new(RawError { kind: ErrorKind::Indentation, msg, loc: Some(loc) })
            }
            LexicalErrorType::LineContinuationError => {
                let after = range.start() + TextSize::new(1);
                if after.to_usize() == self.source.text.len() {
                    return self.open(range.start(), "unexpected character after line continuation character");
                }
                if after.to_usize() >= self.source.text.trim_end().len() {
                    let mut error = self.open(after, "unexpected EOF while parsing");
                    if let Some(loc) = &mut error.loc {
                        loc.end_column = -2;
                    }
                    return error;
                }
                self.open(after, "unexpected character after line continuation character")
            }
            LexicalErrorType::UnrecognizedToken { tok } if !tok.is_ascii() || tok.is_ascii_control() => {
                let format = matches!(tok, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
                let printable = !tok.is_control() && !tok.is_whitespace() && !format;
                let msg = if printable {
                    format!("invalid character '{tok}' (U+{:04X})", *tok as u32)
                } else {
                    format!("invalid non-printable character U+{:04X}", *tok as u32)
                };
                self.point(range.start(), msg)
            }
            LexicalErrorType::Eof => match self.unclosed() {
                Some(open) => self.never_closed(open),
                None => self.invalid(range),
            },
            LexicalErrorType::OtherError(msg) if msg.contains("decimal integer") => {
                let zeros = self.text(range).trim_end_matches(|c: char| c != '0').len().max(1);
                let leading = self.text(range).bytes().take_while(|b| matches!(b, b'0' | b'_')).count().min(zeros);
                let end = range.start() + TextSize::new(leading as u32);
                let msg = "leading zeros in decimal integer literals are not permitted; \
                           use an 0o prefix for octal integers";
                self.at(TextRange::new(range.start(), end), msg)
            }
            LexicalErrorType::OtherError(msg) if msg.contains("ParseIntError") => {
                let next = TextRange::empty(range.end());
                let digit = self.source.text[range.end().to_usize()..].chars().next();
                match digit.filter(char::is_ascii_digit) {
                    Some(_) => self.bad_number(range, TextRange::new(next.start(), next.start() + TextSize::new(1))),
                    None => self.bad_number(range, next),
                }
            }
            _ => self.invalid(range),
        }
    }

    /// The string literal around an offset, as well as it can be found in the text.
    fn string_around(&self, offset: TextSize) -> TextRange {
        let found = self.tokens.iter().find(|t| t.1.contains(offset) || t.1.end() == offset);
        found.map_or(TextRange::empty(offset), |t| t.1)
    }

    /// A string whose escapes cannot be decoded.
    fn bad_literal(&self, range: TextRange) -> Box<RawError> {
        let middle = |k: TokenKind| matches!(k, TokenKind::FStringMiddle | TokenKind::TStringMiddle);
        if let Some(token) = self.tokens.iter().find(|t| middle(t.0) && t.1.contains_inclusive(range.start()))
            && let Err(e) =
                crate::literal::decode_str(self.text(token.1), false, crate::literal::Form::Middle, &mut Vec::new())
        {
            let msg = format!(
                "(unicode error) 'unicodeescape' codec can't decode bytes in position {}-{}: {}",
                e.start,
                e.end.saturating_sub(1),
                e.reason
            );
            return self.at(token.1, msg);
        }
        let line_start = self.source.text[..range.start().to_usize()].rfind(['\'', '"']);
        let Some(quote) = line_start else { return self.invalid(range) };
        let mut start = quote;
        let bytes = self.source.text.as_bytes();
        while start > 0 && matches!(bytes[start - 1], b'\'' | b'"') {
            start -= 1;
        }
        let quotes = quote + 1 - start;
        let inner_start = quote + 1;
        while start > 0 && bytes[start - 1].is_ascii_alphabetic() {
            start -= 1;
        }
        let prefix = self.source.text[start..quote].to_ascii_lowercase();
        let closing = if quotes >= 3 { &self.source.text[quote - 2..=quote] } else { &self.source.text[quote..=quote] };
        let inner_end = self.source.text[range.start().to_usize()..]
            .find(closing)
            .map_or(self.source.text.len(), |n| range.start().to_usize() + n);
        let inner = &self.source.text[inner_start.min(inner_end)..inner_end];
        let end = (inner_end + closing.len()).min(self.source.text.len());
        let whole = TextRange::new(TextSize::new(start as u32), TextSize::new(end as u32));
        let (mut notes, loc) = (Vec::new(), self.loc(whole));
        if prefix.contains('b') {
            return match crate::literal::decode_bytes(inner, false, &mut notes) {
                Err(e) => RawError::syntax(loc, format!("(value error) {} at position {}", e.reason, e.start)),
                Ok(_) => RawError::syntax(loc, "invalid syntax"),
            };
        }
        match crate::literal::decode_str(inner, false, crate::literal::Form::Str, &mut notes) {
            Err(e) => RawError::syntax(
                loc,
                format!(
                    "(unicode error) 'unicodeescape' codec can't decode bytes in position {}-{}: {}",
                    e.start,
                    e.end.saturating_sub(1),
                    e.reason
                ),
            ),
            Ok(_) => RawError::syntax(loc, "invalid syntax"),
        }
    }

    fn unterminated(&self, range: TextRange, kind: &str) -> Box<RawError> {
        // A comment or the end of the line hides the end of a replacement field.
        if kind != "string" {
            let field = |t: &&(TokenKind, TextRange)| t.1.start() >= range.start() && t.0 == TokenKind::Lbrace;
            if let Some(open) = self.tokens.iter().rev().find(field)
                && !self.tokens.iter().any(|t| t.0 == TokenKind::Rbrace && t.1.start() > open.1.start())
            {
                let rest = self.source.text[open.1.end().to_usize()..].lines().next().unwrap_or_default();
                if rest.is_empty() || rest.contains('#') {
                    return self.never_closed(*open);
                }
            }
        }
        let text = &self.source.text[range.start().to_usize()..];
        let body = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        if body.starts_with("\"\"\"") || body.starts_with("'''") {
            let trimmed = self.source.text.trim_end_matches('\n').len();
            let line = self.source.position(trimmed as u32).0;
            let msg = format!("unterminated triple-quoted {kind} literal (detected at line {line})");
            return self.point(range.start(), msg);
        }
        let end = body.find('\n').map_or(self.source.text.len(), |n| self.source.text.len() - body.len() + n);
        let line = self.source.position(end as u32).0;
        let quote = body.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let line_text = &body[..body.find('\n').unwrap_or(body.len())];
        let escaped = kind == "string" && quote.is_some_and(|quote| line_text.contains(&format!("\\{quote}")));
        let more = if escaped { "; perhaps you escaped the end quote?" } else { "" };
        self.point(range.start(), format!("unterminated {kind} literal (detected at line {line}){more}"))
    }

    fn interpolated(&self, error: &InterpolatedStringErrorType, range: TextRange, kind: &str) -> Box<RawError> {
        use InterpolatedStringErrorType as E;
        match error {
            E::UnterminatedString | E::UnterminatedTripleQuotedString => {
                let starts = [TokenKind::FStringStart, TokenKind::TStringStart];
                let start = self.tokens.iter().rev().find(|t| starts.contains(&t.0) && t.1.start() <= range.start());
                self.unterminated(start.map_or(range, |t| t.1), kind)
            }
            E::SingleRbrace => self.point(range.start(), format!("{kind}: single '}}' is not allowed")),
            E::InvalidConversionFlag => {
                let text = self.text(range);
                if !text.starts_with(['}', ':', '\'', '"'])
                    && !text.starts_with(|c: char| c.is_alphabetic() || c == '_')
                {
                    return self.at(range, format!("{kind}: invalid conversion character"));
                }
                if text.starts_with(['}', ':']) || text.is_empty() {
                    return self.at(range, format!("{kind}: missing conversion character"));
                }
                let msg = format!("{kind}: invalid conversion character '{text}': expected 's', 'r', or 'a'");
                self.at(range, msg)
            }
            E::ConversionFlagNotImmediatelyAfterExclamation => {
                self.at(range, format!("{kind}: conversion type must come right after the exclamation mark"))
            }
            E::LambdaWithoutParentheses => {
                self.at(range, format!("{kind}: lambda expressions are not allowed without parentheses"))
            }
            E::UnclosedLbrace => {
                let index = self.token_at(range.start()).unwrap_or(0);
                let next = self.tokens.get(index).map(|t| t.0);
                let ends = matches!(next, Some(TokenKind::FStringEnd | TokenKind::TStringEnd | TokenKind::EndOfFile));
                if !ends && self.starting_at(index).is_some() {
                    return self.missing_comma(index, range);
                }
                self.unclosed_field(index, range, ends, kind)
            }
            E::NewlineInFormatSpec => self.point(
                range.start() + TextSize::new(1),
                format!("{kind}: newlines are not allowed in format specifiers for single quoted {kind}s"),
            ),
        }
    }

    /// A replacement field that goes on with something it must not.
    fn unclosed_field(&self, index: usize, range: TextRange, ends: bool, kind: &str) -> Box<RawError> {
        let mut at = index;
        let (mut depth, mut seen) = (0usize, None);
        while at > 0 {
            at -= 1;
            match self.tokens[at].0 {
                TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => depth += 1,
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace if depth > 0 => depth -= 1,
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => break,
                mark @ (TokenKind::Colon | TokenKind::Exclamation | TokenKind::Equal) if depth == 0 => {
                    seen.get_or_insert(mark);
                }
                _ => {}
            }
        }
        let token = self.tokens.get(index).map_or(range, |token| token.1);
        match seen {
            Some(TokenKind::Colon) => self.at(token, format!("{kind}: expecting '}}', or format specs")),
            _ if ends => self.point(range.start(), format!("{kind}: expecting '}}'")),
            Some(TokenKind::Exclamation) => self.at(token, format!("{kind}: expecting ':' or '}}'")),
            Some(_) => self.at(token, format!("{kind}: expecting '!', or ':', or '}}'")),
            None => self.at(token, format!("{kind}: expecting '=', or '!', or ':', or '}}'")),
        }
    }

    /// Line of the last keyword before an offset.
    fn keyword_line(&self, word: &str, offset: TextSize) -> i32 {
        let before = self.tokens.iter().rev().filter(|t| t.1.start() < offset);
        let found = before.filter(|t| !t.1.is_empty()).find(|t| self.text(t.1) == word);
        found.map_or(1, |t| self.source.position(t.1.start().to_u32()).0)
    }

    fn other(&self, msg: &str, range: TextRange) -> Box<RawError> {
        if let Some(rest) = msg.strip_prefix("Expected an indented block after ") {
            let word = match rest {
                "function definition" => "def",
                r if r.contains("class") => "class",
                r => r.split('`').nth(1).unwrap_or("if"),
            };
            let line = self.keyword_line(word, range.start());
            let rest = if word == "class" {
                "class definition".to_string()
            } else {
                rest.replace('`', "'").replace(" clause", " statement").replace("'case' block", "'case' statement")
            };
            let mut index = self.token_at(range.start()).unwrap_or(0);
            while self.tokens.get(index).is_some_and(|t| t.0 == TokenKind::Newline) {
                index += 1;
            }
            let loc = match self.tokens.get(index) {
                Some((TokenKind::Dedent, token)) if token.end().to_usize() < self.source.text.trim_end().len() => {
                    let line = self.source.position(token.end().to_u32()).0;
                    Location { line, end_line: line, column: -1, end_column: -2 }
                }
                Some((kind, token)) if *kind != TokenKind::EndOfFile && !token.is_empty() => self.loc(*token),
                _ => {
                    let line = self.source.last_line();
                    let column = self.source.line(line).len() as i32 - 1;
                    Location { line, end_line: line, column, end_column: -2 }
                }
            };
            let rest = match word {
                "except"
                    if self.tokens.iter().any(|t| {
                        t.0 == TokenKind::Except
                            && self.source.position(t.1.start().to_u32()).0 == line
                            && self.source.text[t.1.end().to_usize()..].trim_start().starts_with('*')
                    }) =>
                {
                    rest.replace("'except'", "'except*'")
                }
                _ => rest,
            };
            let msg = format!("expected an indented block after {rest} on line {line}");
            return Box::new(RawError { kind: ErrorKind::Indentation, msg, loc: Some(loc) });
        }
        match msg {
            "Expected `except` or `finally` after `try` block" => {
                let error = self.invalid(range);
                let mut loc = error.loc.unwrap_or(Location::NONE);
                if range.end().to_usize() >= self.source.text.trim_end().len() {
                    let line = self.source.last_line();
                    let column = self.source.line(line).len() as i32 - 1;
                    loc = Location { line, end_line: line, column, end_column: -2 };
                }
                RawError::syntax(loc, "expected 'except' or 'finally' block")
            }
            "Only one '*' parameter allowed" => {
                let star = TextRange::at(range.start(), TextSize::new(1));
                self.at(star, "* argument may appear only once")
            }
            "Only one '/' separator allowed" => self.at(range, "/ may appear only once"),
            "Expected one or more exception types" => self.at(range, "expected one or more exception types"),
            "Positional patterns cannot follow keyword patterns" => {
                self.at(range, "positional patterns follow keyword patterns")
            }
            "Only single target (not tuple) can be annotated" => {
                let first = self.tokens.iter().find(|t| t.1.start() == range.start()).map_or(range, |t| t.1);
                let paren = self.text(range).starts_with('(');
                self.at(if paren { range } else { first }, "only single target (not tuple) can be annotated")
            }
            "Only single target (not list) can be annotated" => {
                self.at(range, "only single target (not list) can be annotated")
            }
            "Expected a parameter name" => self.keyword_target(range),
            m if m.starts_with("Bytes literal cannot be mixed") => {
                let after = self.tokens.iter().find(|t| t.1.start() >= range.end()).map_or(range, |t| t.1);
                let loc = self.source.location(after.start().to_u32(), after.start().to_u32());
                let loc = Location { end_column: loc.column + 1, ..loc };
                RawError::syntax(loc, "cannot mix bytes and nonbytes literals")
            }
            m if m.starts_with("Cannot have both 'except'") => {
                let word = |t: &(TokenKind, TextRange)| t.0 == TokenKind::Except && t.1.end() > range.start();
                let Some(index) = self.tokens.iter().position(word) else { return self.invalid(range) };
                let word = self.tokens[index].1;
                let star = self.tokens.get(index + 1).filter(|t| t.0 == TokenKind::Star);
                let whole = TextRange::new(range.start(), star.map_or(word.end(), |t| t.1.end()));
                self.at(whole, "cannot have both 'except' and 'except*' on the same 'try'")
            }
            _ => self.invalid(range),
        }
    }

    /// `f(expression=value)`
    fn keyword_target(&self, range: TextRange) -> Box<RawError> {
        let equal = self.tokens.iter().find(|t| t.0 == TokenKind::Equal && t.1.start() >= range.end());
        let whole = TextRange::new(range.start(), equal.map_or(range.end(), |t| t.1.end()));
        if self.text(range).starts_with('*') {
            let index = equal.and_then(|equal| self.tokens.iter().position(|t| t.1 == equal.1));
            if let Some(value) = index.and_then(|index| self.starting_at(index + 1)) {
                let whole = TextRange::new(range.start(), value.end());
                return self.at(whole, "cannot assign to iterable argument unpacking");
            }
        }
        match self.text(range) {
            word @ ("True" | "False" | "None") => self.at(whole, format!("cannot assign to {word}")),
            _ => self.at(whole, "expression cannot contain assignment, perhaps you meant \"==\"?"),
        }
    }
}
