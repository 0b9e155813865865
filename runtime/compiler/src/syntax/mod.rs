//! The parser's errors in the reference's words, at the reference's places.
//!
//! The parser goes on after an error; only the first one counts here. Brackets that do not match are looked for
//! first, because the reference's tokenizer finds them before its parser sees anything wrong.

mod hints;
mod scan;

pub(crate) use hints::number_warnings;
pub(crate) use scan::{Scan, scan};

use crate::error::{ErrorKind, RawError};
use crate::source::Source;
use krait_bytecode::Location;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr};
use ruff_python_ast::{Expr, Mod, UnaryOp};
use ruff_python_parser::{InterpolatedStringErrorType, LexicalErrorType, ParseError, ParseErrorType, Parsed};
use ruff_python_parser::{Mode as ParserMode, ParseOptions};
use ruff_text_size::{Ranged, TextLen, TextRange, TextSize};
use std::borrow::Cow;

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
    comments: Vec<TextRange>,
    exprs: Vec<&'a Expr>,
    /// The innermost bracket that the text leaves open.
    open: Option<TextRange>,
}

impl Reporter<'_> {
    /// Where the reference would find an error, and whether what is wrong there itself counts more: targets and
    /// arguments are looked at after all of them was read.
    fn found_at(&self, error: &ParseError) -> (TextSize, bool) {
        use ParseErrorType as E;
        let range = error.range();
        let next = || self.tokens.iter().find(|t| t.1.start() >= range.end()).map_or(range.end(), |t| t.1.start());
        match &error.error {
            E::InvalidAnnotatedAssignmentTarget => (next(), true),
            E::OtherError(msg) if msg.starts_with("Only single target") => (next(), true),
            // The targets of a loop count before what follows them.
            E::InvalidAssignmentTarget
                if self.token_before(range.start()) == Some(TokenKind::For) && !self.inside_brackets(range.start()) =>
            {
                (range.end(), false)
            }
            E::InvalidAssignmentTarget
            | E::InvalidDeleteTarget
            | E::UnparenthesizedNamedExpression
            | E::PositionalAfterKeywordArgument
            | E::PositionalAfterKeywordUnpacking
            | E::UnparenthesizedGeneratorExpression => (next(), true),
            E::InvalidNamedAssignmentTarget | E::InvalidAugmentedAssignmentTarget => {
                let value = self.tokens.iter().skip_while(|t| t.1.start() < range.end()).nth(1);
                (value.map_or(range.end(), |t| t.1.start()), true)
            }
            _ => (range.start(), false),
        }
    }

    /// Whether an error is one to the reference too.
    fn is_real(&self, error: &ParseError) -> bool {
        match &error.error {
            // The parser does not know the newest names of characters.
            ParseErrorType::Lexical(LexicalErrorType::UnicodeError) => !escapes_are_good(self.source, error.range()),
            ParseErrorType::InvalidAssignmentTarget => !error.range().is_empty(),
            // Something else is wrong behind the generator.
            ParseErrorType::UnparenthesizedGeneratorExpression => {
                if self.token_before(error.range().start()) == Some(TokenKind::Comma) {
                    return true;
                }
                let next = self.tokens.iter().find(|t| t.1.start() >= error.range().end());
                next.is_none_or(|t| matches!(t.0, TokenKind::Comma | TokenKind::Rpar))
            }
            _ => true,
        }
    }

    /// The token that the reference's parser had read last when it raised an error.
    fn read_last(&self, at: TextSize, error: &RawError) -> Option<usize> {
        let here = self.token_at(at)?;
        if error.msg == "invalid syntax" && self.after_expression(here) {
            let mut last = self.reads_to(here);
            // A name begins what may be a statement of old, whose argument is read like a whole expression.
            while self.tokens[here - 1].0 == TokenKind::Name
                && self.after_expression(last)
                && last > here
                && self.open_bracket(last) == self.open_bracket(here)
            {
                let next = self.reads_to(last);
                if next == last {
                    break;
                }
                last = next;
            }
            return Some(last);
        }
        // An assignment that may be meant as a comparison was read with what is assigned.
        let target = error.msg.starts_with("cannot assign to ") && error.msg.ends_with("instead of '='?");
        if target && let Some(equal) = self.tokens[here..].iter().position(|t| t.0 == TokenKind::Equal) {
            return Some(self.reads_to((here + equal + 1).min(self.tokens.len() - 1)));
        }
        // These may be meant as an expression, if an `if` follows.
        let words = matches!(self.tokens[here].0, TokenKind::Pass | TokenKind::Break | TokenKind::Continue);
        if words && error.msg == "invalid syntax" && !self.after_operand(here) {
            return Some((here + 1).min(self.tokens.len() - 1));
        }
        if error.msg.ends_with("forgot a comma?") {
            return Some(self.reads_to(here));
        }
        let only_here = error.msg == "invalid syntax" || error.msg.starts_with("expected '");
        let Some(loc) = error.loc.filter(|_| !only_here) else { return Some(here) };
        let end = self.source.line_start(loc.end_line) + loc.end_column.max(0) as usize;
        let next = self.tokens.partition_point(|t| t.1.start().to_usize() < end);
        Some(here.max(next.min(self.tokens.len() - 1)))
    }

    /// Completes what [`Reporter::describe`] says: a bracket that stays open counts more than a mistake on a later
    /// line, and a line that was read completely is shown without its end.
    fn complete(&self, at: TextSize, mut error: Box<RawError>) -> Box<RawError> {
        let Some(last) = self.read_last(at, &error) else { return error };
        let (kind, range) = self.tokens[last];
        let start = match kind {
            TokenKind::FStringMiddle | TokenKind::TStringMiddle if error.msg.ends_with("forgot a comma?") => {
                range.end() - self.text(range).trim_start().text_len()
            }
            _ => range.start(),
        };
        let line = self.source.position(start.to_u32()).0.min(self.source.last_line());
        if error.kind == ErrorKind::Syntax
            && let Some(open) = self.open.filter(|open| open.start() < start)
            && (line > self.source.position(open.start().to_u32()).0 || self.is_end(last))
            && !error.msg.ends_with("was never closed")
        {
            error = self.open(open.start(), format!("'{}' was never closed", self.text(open)));
        }
        if error.loc.is_some_and(|loc| loc.line < line.max(loc.end_line)) {
            error.stale_line = true;
        }
        error
    }

    fn token_before(&self, at: TextSize) -> Option<TokenKind> {
        let next = self.tokens.partition_point(|t| t.1.start() < at);
        Some(self.tokens[next.checked_sub(1)?].0)
    }

    /// The token at which an expression that begins with a token cannot go on.
    pub(super) fn reads_to(&self, index: usize) -> usize {
        let start = self.tokens[index].1.start();
        let end = self.tokens.len() - 1;
        let stop = self.expression_stop(index).and_then(|stop| self.token_at(stop));
        let stop = stop.map_or(end, |stop| stop.max(index));
        let (mut open, inside) = (0usize, self.inside_brackets(start));
        for at in index..stop {
            match self.tokens[at].0 {
                TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => open += 1,
                TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => open = open.saturating_sub(1),
                TokenKind::Newline if open == 0 && !inside => return at,
                TokenKind::Comma if open == 0 => return at,
                _ => {}
            }
        }
        stop
    }

    /// The first place that does not belong to an expression which begins with a token; `None` for the end of the text.
    fn expression_stop(&self, index: usize) -> Option<TextSize> {
        let start = self.tokens[index].1.start();
        let rest = &self.source.text[start.to_usize()..];
        // No line ends in a field.
        let rest = if self.in_interpolation(index) { one_line(rest) } else { Cow::Borrowed(rest) };
        let parsed = ruff_python_parser::parse_unchecked(&rest, ParseOptions::from(ParserMode::Expression));
        parsed.errors().iter().map(|e| start + e.range().start()).min()
    }

    /// Whether a token may begin an expression right behind another one.
    fn after_expression(&self, index: usize) -> bool {
        use TokenKind as K;
        let first = self.tokens[self.line_start_token(index).unwrap_or(index)].0;
        let names = matches!(first, K::Global | K::Nonlocal | K::Import | K::From | K::Def | K::Class);
        let operand = self.after_operand(index);
        let called = matches!(self.tokens[index].0, K::Lpar | K::Lsqb);
        operand && !called && !(names && self.open_bracket(index).is_none())
    }

    /// Whether an operand may end before a token.
    fn after_operand(&self, index: usize) -> bool {
        use TokenKind as K;
        index.checked_sub(1).map(|at| self.tokens[at].0).is_some_and(|before| {
            matches!(before, K::Rpar | K::Rsqb | K::Rbrace | K::FStringEnd | K::TStringEnd | K::Name | K::String)
                || matches!(before, K::Int | K::Float | K::Complex | K::None | K::True | K::False | K::Ellipsis)
        })
    }

    /// Whether nothing but the end of the text comes with a token.
    fn is_end(&self, index: usize) -> bool {
        let (kind, range) = self.tokens[index];
        kind == TokenKind::EndOfFile || range.start().to_usize() >= self.source.text.trim_end().len()
    }
}

/// What the reference says of the first error of a text, and where its parser stopped.
pub(crate) fn report(source: &Source, scan: &Scan, parsed: &Parsed<Mod>, deep: bool) -> Option<(usize, Box<RawError>)> {
    let lexical = |e: &ParseError| match &e.error {
        ParseErrorType::FStringError(e) | ParseErrorType::TStringError(e) => matches!(
            e,
            InterpolatedStringErrorType::NewlineInFormatSpec
                | InterpolatedStringErrorType::UnterminatedString
                | InterpolatedStringErrorType::UnterminatedTripleQuotedString
        ),
        other => matches!(other, ParseErrorType::Lexical(_)),
    };
    let trivia = |k: TokenKind| matches!(k, TokenKind::Comment | TokenKind::NonLogicalNewline);
    let mut comments = Vec::new();
    let mut tokens = Vec::new();
    if !parsed.errors().is_empty() {
        let all = || parsed.tokens().iter().map(|t| (t.kind(), t.range()));
        comments.extend(all().filter(|t| t.0 == TokenKind::Comment).map(|t| t.1));
        tokens.extend(without_made_up(all().filter(|t| !trivia(t.0))));
    }
    // Where the tokenizer stops, it does not come to miss a bracket.
    let open =
        scan.open.filter(|_| scan.fault.is_none()).map(|at| TextRange::at(TextSize::new(at as u32), TextSize::new(1)));
    let mut reporter = Reporter { source, tokens, comments, exprs: Vec::new(), open };
    let errors = parsed.errors().iter().filter(|error| reporter.is_real(error));
    let error = errors.min_by_key(|e| (reporter.found_at(e).0, !lexical(e), reporter.found_at(e).1));
    if let Some(operator) = yield_operand(parsed)
        && error.is_none_or(|error| reporter.found_at(error).0 > operator.start())
        && scan.fault.is_none()
    {
        return Some((operator.start().to_usize(), reporter.at(operator, "invalid syntax")));
    }
    let Some(error) = error else {
        return scan.fault.as_ref().map(|fault| (fault.at, fault.error.clone()));
    };
    let mut collect = Collect(Vec::new());
    // Trees of long texts may be too deep to walk without a guard.
    if !deep {
        match parsed.syntax() {
            Mod::Module(m) => m.body.iter().for_each(|s| collect.visit_stmt(s)),
            Mod::Expression(e) => collect.visit_expr(&e.body),
        }
    }
    reporter.exprs = collect.0;
    let at = error.range().start();
    if let Some(fault) = scan.fault.as_ref().filter(|fault| fault.wins || reporter.hint_before(at, fault.at).is_none())
        && (fault.wins || lexical(error) || fault.at <= at.to_usize() || reporter.juxtaposed_until(at, fault.at))
    {
        let own = reporter.describe(error);
        let indent = own.kind == ErrorKind::Indentation && own.msg == "unexpected indent";
        if !indent || fault.at <= at.to_usize() {
            return Some((fault.at, fault.error.clone()));
        }
        return Some((at.to_usize(), own));
    }
    Some((at.to_usize(), reporter.complete(at, reporter.describe(error))))
}

/// Tokens as the reference has them: its tokenizer ends no line inside brackets, be there a statement.
fn without_made_up(
    tokens: impl Iterator<Item = (TokenKind, TextRange)>,
) -> impl Iterator<Item = (TokenKind, TextRange)> {
    use TokenKind as K;
    let mut depth = 0usize;
    tokens.filter(move |(kind, _)| {
        match kind {
            K::Lpar | K::Lsqb | K::Lbrace => depth += 1,
            K::Rpar | K::Rsqb | K::Rbrace => depth = depth.saturating_sub(1),
            K::Newline | K::Indent | K::Dedent => return depth == 0,
            _ => {}
        }
        true
    })
}

/// A text with blanks for line ends.
fn one_line(text: &str) -> Cow<'_, str> {
    text.replace(['\n', '\r'], " ").into()
}

/// Whether a token stands between two operands only; a star may stand before one too, if it is no target.
fn is_binary(kind: TokenKind) -> bool {
    use TokenKind as K;
    matches!(kind, K::Star | K::Slash | K::DoubleSlash | K::Percent | K::At | K::Vbar | K::Amper | K::CircumFlex)
        || matches!(kind, K::LeftShift | K::RightShift | K::DoubleStar | K::Less | K::Greater | K::LessEqual)
        || matches!(kind, K::GreaterEqual | K::EqEqual | K::NotEqual | K::And | K::Or | K::Is | K::In | K::If)
}

/// An operator right behind `yield`, to which the parser takes a bare `yield` for an operand.
fn yield_operand(parsed: &Parsed<Mod>) -> Option<TextRange> {
    use TokenKind as K;
    let mut after = false;
    for token in parsed.tokens() {
        let kind = token.kind();
        if after && kind != K::Star && is_binary(kind) {
            return Some(token.range());
        }
        after = kind == K::Yield;
    }
    None
}

/// Whether the literal around a place can be decoded after all.
fn escapes_are_good(source: &Source, range: TextRange) -> bool {
    let reporter = Reporter { source, tokens: Vec::new(), comments: Vec::new(), exprs: Vec::new(), open: None };
    reporter.bad_literal(range).msg == "invalid syntax"
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
        let mut index = self.tokens.partition_point(|t| t.1.end() <= offset && t.1.start() < offset);
        while self.tokens.get(index).is_some_and(|t| t.0 == TokenKind::Dedent)
            && self.tokens.get(index + 1).is_some_and(|t| t.1.start() == offset && t.0 != TokenKind::EndOfFile)
        {
            index += 1;
        }
        (index < self.tokens.len()).then_some(index)
    }

    fn invalid(&self, range: TextRange) -> Box<RawError> {
        // After an operand `in` may follow `not`.
        let in_after = |index: &usize| self.tokens[*index].0 == TokenKind::Not && self.after_operand(*index);
        let index = self.token_at(range.start()).map(|index| index + usize::from(in_after(&index)));
        let token = index.and_then(|i| self.tokens.get(i)).map_or((TokenKind::EndOfFile, range), |t| *t);
        if let Some(error) = self.indentation(token) {
            return error;
        }
        let size = self.source.text.len();
        let at_end = token.0 == TokenKind::EndOfFile || (token.1.is_empty() && token.1.end().to_usize() == size);
        if let Some(error) = self.never_closed(token.1.start(), at_end) {
            return error;
        }
        if at_end && self.source.text.ends_with('\n') && token.0 != TokenKind::Newline {
            return self.at_file_end(token);
        }
        if at_end && !self.source.text.ends_with('\n') {
            // The end of an expression's text has no place in its line.
            let line = if self.source.text.is_empty() { 0 } else { self.source.line_count() };
            return RawError::syntax(Location::new(line, line, -1, -1), "invalid syntax");
        }
        if token.0 == TokenKind::Newline || token.1.is_empty() {
            return RawError::syntax(self.line_end(token.1.start()), "invalid syntax");
        }
        self.at(token.1, "invalid syntax")
    }

    /// Something is missing at the end of a file: after a block, or at all.
    fn at_file_end(&self, token: (TokenKind, TextRange)) -> Box<RawError> {
        let line = self.source.last_line();
        if token.0 != TokenKind::Dedent {
            return RawError::syntax(Location::new(line, line, -1, -1), "invalid syntax");
        }
        let column = self.source.line(line).trim_end_matches('\n').len() as i32;
        let mut error = RawError::new(ErrorKind::Indentation, "unexpected unindent");
        error.loc = Some(Location { line, end_line: line, column, end_column: -2 });
        error
    }

    /// The place of the end of a line, which begins with the comment before it.
    fn line_end(&self, at: TextSize) -> Location {
        let loc = self.source.location(at.to_u32(), at.to_u32());
        let comment = self.comments.iter().find(|comment| comment.end() == at);
        let column = comment.map_or(loc.column, |c| self.source.position(c.start().to_u32()).1);
        Location { column, end_column: loc.column + 1, ..loc }
    }

    fn indentation(&self, token: (TokenKind, TextRange)) -> Option<Box<RawError>> {
        if token.0 != TokenKind::Indent {
            return None;
        }
        let (line, column) = self.source.position(token.1.end().to_u32());
        let loc = Location { line, end_line: line, column: (column - 1).max(0), end_column: -2 };
        Some(Box::new(RawError {
            kind: ErrorKind::Indentation,
            msg: "unexpected indent".into(),
            loc: Some(loc),
            bare_line: false,
            stale_line: false,
            last_block: None,
        }))
    }

    /// A bracket that stays open, if the parser stopped on a later line or at the end.
    fn never_closed(&self, stopped: TextSize, at_end: bool) -> Option<Box<RawError>> {
        let open = self.open?;
        let line = |at: TextSize| self.source.position(at.to_u32()).0;
        (at_end || line(stopped) > line(open.start()))
            .then(|| self.open(open.start(), format!("'{}' was never closed", self.text(open))))
    }

    /// A mistake that explains itself before the tokenizer stops.
    fn hint_before(&self, from: TextSize, to: usize) -> Option<Box<RawError>> {
        let error = self.split_string(self.token_at(from)?)?;
        (from.to_usize() < to).then_some(error)
    }

    /// Whether only names and literals stand between two places of a line: the reference tries to read them as
    /// expressions that lack something between them.
    fn juxtaposed_until(&self, from: TextSize, to: usize) -> bool {
        use TokenKind as K;
        let between = self.tokens.iter().filter(|t| t.1.start() >= from && t.1.end().to_usize() <= to);
        let mut kinds = between.map(|t| t.0).filter(|kind| *kind != K::Unknown);
        kinds.all(|kind| matches!(kind, K::Name | K::String | K::Int | K::Float | K::Complex))
    }

    /// The outermost expression with exactly this range.
    fn expr_at(&self, range: TextRange) -> Option<&'a Expr> {
        self.exprs.iter().find(|e| e.range() == range).copied()
    }

    fn describe(&self, error: &ParseError) -> Box<RawError> {
        let range = error.range();
        let found = self.describe_parser(error, range);
        if let Some(place) = self.unexplained(&found, range) {
            return self.invalid(place);
        }
        if matches!(error.error, ParseErrorType::ExpectedKeywordParam)
            || (matches!(error.error, ParseErrorType::InvalidStarredExpressionUsage) && self.sliced_star(range))
        {
            return found;
        }
        let other = found.msg.ends_with("forgot a comma?") || found.msg.starts_with("expected 'else'");
        if (other || found.msg == "invalid syntax")
            && let Some(error) = self.token_at(range.start()).and_then(|index| self.comprehension_target(index))
        {
            return error;
        }
        if found.msg == "invalid syntax" && found.kind == ErrorKind::Syntax {
            let better = self.hint(range.start()).or_else(|| self.field_hint(self.token_at(range.start())?));
            return better.unwrap_or(found);
        }
        found
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
            ParseErrorType::InvalidNamedAssignmentTarget if self.is_argument(range) => {
                let next = self.tokens.iter().find(|t| t.1.start() >= range.end());
                self.invalid(next.map_or(range, |t| t.1))
            }
            ParseErrorType::InvalidNamedAssignmentTarget => {
                self.at(range, format!("cannot use assignment expressions with {}", self.name(range)))
            }
            ParseErrorType::InvalidAnnotatedAssignmentTarget if self.no_annotation(range).is_some() => {
                self.invalid(self.no_annotation(range).unwrap_or(range))
            }
            ParseErrorType::InvalidAnnotatedAssignmentTarget => self.at(range, "illegal target for annotation"),
            ParseErrorType::NonDefaultParamAfterDefaultParam if self.text(range).ends_with('=') => {
                let equal = TextRange::new(range.end() - TextSize::new(1), range.end());
                self.at(equal, "expected default value expression")
            }
            ParseErrorType::NonDefaultParamAfterDefaultParam => {
                self.at(range, "parameter without a default follows parameter with a default")
            }
            ParseErrorType::ExpectedKeywordParam if self.bare_star_needs(range).is_some() => {
                self.invalid(self.bare_star_needs(range).unwrap_or(range))
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
            ParseErrorType::InvalidArgumentUnpackingOrder | ParseErrorType::InvalidStarredExpressionUsage
                if self.lone_star(range).is_some() =>
            {
                self.at(self.lone_star(range).unwrap_or(range), "Invalid star expression")
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
                let loc = self.line_end(range.start());
                let loc = Location { end_column: loc.end_column - 1, ..loc };
                RawError::syntax(loc, "Expected one or more names after 'import'")
            }
            ParseErrorType::ExpectedRealNumber => self.at(range, "real number required in complex literal"),
            ParseErrorType::ExpectedImaginaryNumber => self.at(range, "imaginary number required in complex literal"),
            ParseErrorType::EmptyTypeParams if self.unclosed_type_parameters(range).is_some() => {
                self.at(self.unclosed_type_parameters(range).unwrap_or(range), "expected '('")
            }
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
            ParseErrorType::InvalidStarredExpressionUsage if self.sliced_star(range) => {
                self.invalid(TextRange::at(range.end(), TextSize::new(1)))
            }
            ParseErrorType::InvalidStarredExpressionUsage if self.after_dict_colon(range) => {
                self.at(range, "cannot use a starred expression in a dictionary value")
            }
            ParseErrorType::InvalidLambdaExpressionUsage => self
                .token_at(range.start())
                .and_then(|index| self.bad_field(index))
                .unwrap_or_else(|| self.invalid(range)),
            ParseErrorType::UnexpectedExpressionToken => self.juxtaposed(range),
            ParseErrorType::ExpectedToken { expected, found } => self.expected(*expected, *found, range),
            ParseErrorType::OtherError(msg) => self.other(msg, range),
            _ => self.invalid(range),
        }
    }

    /// Whether a place is in the arguments of a call.
    fn is_argument(&self, range: TextRange) -> bool {
        let open = self.token_at(range.start()).and_then(|index| self.open_bracket(index));
        let Some(open) = open.filter(|open| open.0 == TokenKind::Lpar) else { return false };
        matches!(self.token_before(open.1.start()), Some(TokenKind::Name | TokenKind::Rpar | TokenKind::Rsqb))
    }

    /// What must not follow a bare `*` of parameters, if that is not the end of them.
    fn bare_star_needs(&self, range: TextRange) -> Option<TextRange> {
        let found = self.token_at(range.start())?;
        let star = (0..=found).rev().find(|at| self.tokens[*at].0 == TokenKind::Star)?;
        let mut at = star + 1;
        if self.tokens.get(at)?.0 == TokenKind::Comma {
            at += 1;
        }
        let (kind, range) = *self.tokens.get(at)?;
        let lambda = self.in_parameters(at) == Some(true);
        let ends = matches!(kind, TokenKind::Rpar | TokenKind::DoubleStar) || lambda && kind == TokenKind::Colon;
        (!ends && kind != TokenKind::Name).then_some(range)
    }

    /// The colon after an expression, if what follows is no annotation.
    fn no_annotation(&self, range: TextRange) -> Option<TextRange> {
        use TokenKind as K;
        let colon = self.tokens.iter().position(|t| t.0 == K::Colon && t.1.start() >= range.end())?;
        let next = self.tokens.get(colon + 1)?.0;
        matches!(next, K::Newline | K::EndOfFile | K::Percent | K::Colon | K::Comma | K::Semi | K::Rpar | K::Slash)
            .then(|| self.tokens[colon].1)
    }

    /// The token behind the brace of the innermost replacement field that is open before a token.
    fn field_start(&self, index: usize) -> Option<TextRange> {
        use TokenKind as K;
        let opens = |at: usize| {
            self.tokens[at].0 == K::Lbrace
                && at > 0
                && matches!(
                    self.tokens[at - 1].0,
                    K::FStringStart | K::FStringMiddle | K::TStringStart | K::TStringMiddle | K::Rbrace | K::Colon
                )
        };
        let brace = (0..index).rev().find(|at| opens(*at))?;
        let operand = matches!(self.tokens[brace + 1].0, K::Name | K::Int | K::Float | K::Complex | K::String);
        (!operand && self.in_interpolation(index)).then(|| self.tokens[brace + 1].1)
    }

    /// What an f-string says of a field that does not begin with an expression.
    fn bad_field(&self, index: usize) -> Option<Box<RawError>> {
        let first = self.field_start(index)?;
        let template = self.tokens[..index]
            .iter()
            .rev()
            .find(|t| matches!(t.0, TokenKind::FStringStart | TokenKind::TStringStart))?;
        let kind = if template.0 == TokenKind::TStringStart { "t" } else { "f" };
        Some(self.at(first, format!("{kind}-string: expecting a valid expression after '{{'")))
    }

    /// Whether a starred expression is the lower end of a slice.
    fn sliced_star(&self, range: TextRange) -> bool {
        self.tokens.iter().any(|t| t.0 == TokenKind::Colon && t.1.start() == range.end())
    }

    /// What follows a `*` that stars nothing, or a slice.
    fn lone_star(&self, range: TextRange) -> Option<TextRange> {
        let star = self.tokens.iter().position(|t| t.0 == TokenKind::Star && t.1.start() == range.start())?;
        let (kind, next) = *self.tokens.get(star + 1)?;
        if star > 0 && self.tokens[star - 1].0 == TokenKind::Colon {
            return None;
        }
        match kind {
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Comma | TokenKind::Colon => Some(next),
            TokenKind::Lpar => {
                let close = self.closing(star + 1)?;
                let colon = self.find_until(star + 2, |kind| kind == TokenKind::Colon);
                (colon < close).then(|| self.tokens[colon].1)
            }
            _ => None,
        }
    }

    fn name(&self, range: TextRange) -> &'static str {
        self.expr_at(range).map_or("expression", expression_name)
    }

    /// An error at the token after the range's.
    fn after(&self, range: TextRange, msg: &str) -> Box<RawError> {
        let mut before = self.tokens.iter().rev().skip_while(|t| t.1.start() >= range.start());
        let mut after = self.tokens.iter().skip_while(|t| t.1.start() < range.end());
        let mut next = after.next();
        // Parentheses around the expression are its own.
        while next.is_some_and(|t| t.0 == TokenKind::Rpar) && before.next().is_some_and(|t| t.0 == TokenKind::Lpar) {
            next = after.next();
        }
        self.at(next.map_or(range, |t| t.1), msg)
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
            TokenKind::Equal
                if closes
                    && self.inside_brackets(before.1.start())
                    && index >= 2
                    && self.tokens[index - 2].0 == TokenKind::Name =>
            {
                let first = self.line_start_token(index).map(|t| self.tokens[t].0);
                let def = matches!(first, Some(TokenKind::Def | TokenKind::Async));
                if def || self.in_parameters(index).is_some() {
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
            TokenKind::Colon if matches!(token.0, TokenKind::FStringMiddle | TokenKind::TStringMiddle) => {
                let lambda = self.tokens[..index].iter().rposition(|t| t.0 == TokenKind::Lambda);
                let Some(lambda) = lambda else { return self.invalid(range) };
                let whole = TextRange::new(self.tokens[lambda].1.start(), before.1.end());
                let letter = if token.0 == TokenKind::TStringMiddle { "t" } else { "f" };
                self.at(whole, format!("{letter}-string: lambda expressions are not allowed without parentheses"))
            }
            _ => self.bad_field(index).unwrap_or_else(|| self.invalid(range)),
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
        // A starred annotation is no parameter that could have a default.
        let parameter = equal_at.map_or(&[][..], |at| &self.tokens[..at]);
        let parameter = parameter.rsplit(|t| matches!(t.0, TokenKind::Comma | TokenKind::Lpar)).next();
        let starred = parameter.is_some_and(|tokens| {
            tokens.windows(2).any(|pair| pair[0].0 == TokenKind::Colon && pair[1].0 == TokenKind::Star)
        });
        self.at(equal.map_or(range, |t| t.1), if starred { "invalid syntax" } else { msg })
    }

    fn assignment(&self, range: TextRange) -> Box<RawError> {
        let Some(expr) = self.expr_at(range) else { return self.invalid(range) };
        if let Expr::Await(e) = expr
            && e.value.range().is_empty()
        {
            let next = self.tokens.iter().find(|t| t.1.start() >= range.start() + TextSize::of("await"));
            return self.invalid(next.map_or(range, |t| t.1));
        }
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
        let equal = self.tokens.iter().position(|t| t.0 == TokenKind::Equal && t.1.start() >= range.end());
        let value = equal.is_some_and(|equal| {
            use TokenKind as K;
            let ends = |k: K| matches!(k, K::Equal | K::ColonEqual | K::Comma | K::Semi);
            let end = self.find_until(equal + 1, ends);
            let none = |k: K| {
                matches!(k, K::Newline | K::EndOfFile | K::Unknown | K::Yield | K::Lambda | K::Not) || is_binary(k)
            };
            end > equal + 1
                && !self.tokens.get(equal + 1).is_none_or(|t| none(t.0))
                && !self.tokens.get(end).is_some_and(|t| matches!(t.0, K::Equal | K::ColonEqual))
        });
        if simple && next == Some(TokenKind::Equal) && value {
            return self.at(range, format!("cannot assign to {name} here. Maybe you meant '==' instead of '='?"));
        }
        self.at(range, format!("cannot assign to {name}"))
    }

    /// Two expressions beside each other outside brackets.
    fn juxtaposed(&self, range: TextRange) -> Box<RawError> {
        let Some(index) = self.token_at(range.start()) else { return self.invalid(range) };
        if let Some(error) = self.old_statement(index) {
            return error;
        }
        if let Some(start) = self.line_start_token(index) {
            let word = self.text(self.tokens[start].1);
            let last = self.statement_end(index);
            if word == "import" && self.tokens[index].0 == TokenKind::From {
                let msg = "Did you mean to use 'from ... import ...' instead?";
                let alias = self.tokens[index..].iter().position(|t| t.0 == TokenKind::As).map(|n| index + n - 1);
                let last = alias.map_or(last, |at| (self.tokens[at + 1].1.end() - TextSize::new(1)).min(last));
                return self.at(TextRange::new(self.tokens[start].1.start(), last), msg);
            }
        }
        // A name may follow `type`, but that is not all.
        if self.line_word(index) == "type"
            && self.line_start_token(index) == index.checked_sub(1)
            && self.tokens[index].0 == TokenKind::Name
        {
            return self.invalid(self.tokens.get(index + 1).map_or(range, |t| t.1));
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

    fn expected(&self, expected: TokenKind, found: TokenKind, range: TextRange) -> Box<RawError> {
        let index = self.token_at(range.start()).unwrap_or(0);
        match (expected, found) {
            (TokenKind::Colon, TokenKind::Newline) if !self.inside_brackets(range.start()) => {
                RawError::syntax(self.line_end(range.start()), "expected ':'")
            }
            (TokenKind::Colon, _) if self.needs_colon(index) => self.at(self.tokens[index].1, "expected ':'"),
            (TokenKind::In, _) if self.inside_brackets(range.start()) => {
                self.at(self.tokens[index].1, "'in' expected after for-loop variables")
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
            (TokenKind::Colon, _)
                if index > 0
                    && self.open_bracket(index).is_some_and(|open| open.0 == TokenKind::Lbrace)
                    && self.line_word(index) != "case" =>
            {
                self.open(self.tokens[index - 1].1.end() - TextSize::new(1), "':' expected after dictionary key")
            }
            (TokenKind::Lpar, TokenKind::Newline) => RawError::syntax(self.line_end(range.start()), "expected '('"),
            (TokenKind::Lpar, _) => self.at(range, "expected '('"),
            (TokenKind::Else, TokenKind::Colon) => self.invalid(range),
            (TokenKind::Else, _) => match self.ending_at(index) {
                Some(before) => {
                    let word = (0..index).rev().find(|at| self.tokens[*at].0 == TokenKind::If);
                    let first = word.and_then(|word| self.operand_before(word));
                    let start = first.map_or(before.start(), |e| e.start());
                    self.at(TextRange::new(start, before.end()), "expected 'else' after 'if' expression")
                }
                None => self.invalid(range),
            },
            (TokenKind::Comma | TokenKind::Rsqb, _)
                if found != TokenKind::Colon && self.type_parameters_of_def(index).is_some() =>
            {
                self.at(self.type_parameters_of_def(index).unwrap_or(range), "expected '('")
            }
            (TokenKind::Comma | TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Colon, _)
                if self.inside_brackets(range.start()) =>
            {
                self.missing_comma(index, range)
            }
            _ => self.invalid(range),
        }
    }

    /// The bracket of a function's type parameters, for a token inside it.
    fn type_parameters_of_def(&self, index: usize) -> Option<TextRange> {
        let open = self.open_bracket(index).filter(|open| open.0 == TokenKind::Lsqb)?;
        let at = self.tokens.iter().position(|t| t.1 == open.1)?;
        (self.tokens.get(at.checked_sub(2)?)?.0 == TokenKind::Def).then_some(open.1)
    }

    /// The bracket of a function's type parameters, if it is not closed at once.
    fn unclosed_type_parameters(&self, range: TextRange) -> Option<TextRange> {
        let open = self.tokens.iter().rposition(|t| t.0 == TokenKind::Lsqb && t.1.start() <= range.start())?;
        let def = self.tokens.get(open.checked_sub(2)?)?.0 == TokenKind::Def;
        (def && self.tokens.get(open + 1)?.0 != TokenKind::Rsqb).then_some(self.tokens[open].1)
    }

    /// Whether nothing but a colon may come at a token, outside brackets: what the first word of the line begins has
    /// no other form.
    fn needs_colon(&self, index: usize) -> bool {
        let start = self.line_start_token(index).unwrap_or(index);
        let first = match self.tokens[start].0 {
            TokenKind::Async => self.tokens.get(start + 1).map_or(TokenKind::Async, |t| t.0),
            kind => kind,
        };
        matches!(first, TokenKind::Def | TokenKind::Else | TokenKind::Try | TokenKind::Finally)
            && !self.inside_brackets(self.tokens[index].1.start())
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

    /// The operand that ends before a token, if an expression begins with it: operands alone are no expressions where
    /// the grammar asks for less.
    fn operand_before(&self, index: usize) -> Option<TextRange> {
        use TokenKind as K;
        let last = index.checked_sub(1)?;
        let end = self.tokens[last].1.end();
        let from = self.open_bracket(index).map_or(TextSize::new(0), |t| t.1.end());
        let operand = |e: &&&Expr| {
            let more = matches!(
                e,
                Expr::Slice(_) | Expr::If(_) | Expr::Lambda(_) | Expr::Named(_) | Expr::Yield(_) | Expr::YieldFrom(_)
            );
            let open =
                matches!(e, Expr::Tuple(t) if !t.parenthesized) || matches!(e, Expr::Generator(g) if !g.parenthesized);
            e.end() == end && e.start() >= from && !more && !open && !matches!(e, Expr::Starred(_))
        };
        let found = self.exprs.iter().filter(operand).map(|e| e.range()).max_by_key(|r| r.len());
        let range = match found {
            Some(range) => range,
            None if self.tokens[last].0 == K::Rpar => {
                let open =
                    (0..last).rev().find(|at| self.tokens[*at].0 == K::Lpar && self.closing(*at) == Some(last))?;
                TextRange::new(self.tokens[open].1.start(), end)
            }
            None if self.tokens[last].0 == K::Name && self.line_word(index) == "type" => self.tokens[last].1,
            None => return None,
        };
        let first = self.tokens.iter().position(|t| t.1.start() == range.start())?;
        if matches!(self.text(self.tokens[first].1), "match" | "case" | "type" | "_") {
            return None;
        }
        match first.checked_sub(1).map(|at| self.tokens[at].0) {
            Some(K::In | K::If | K::For) => None,
            Some(K::DoubleStar) if self.open_bracket(index).is_some_and(|open| open.0 == K::Lbrace) => None,
            _ => Some(range),
        }
    }

    /// The first word of the line of a token.
    pub(super) fn line_word(&self, index: usize) -> &'a str {
        self.line_start_token(index).map_or("", |start| self.text(self.tokens[start].1))
    }

    /// The longest expression without mistakes that begins with a token.
    fn expression_from(&self, index: usize) -> Option<TextRange> {
        let start = self.tokens.get(index)?.1.start();
        let whole = |e: &&&Expr| {
            e.start() == start
                && !matches!(e, Expr::Named(_) | Expr::Starred(_) | Expr::Yield(_) | Expr::YieldFrom(_))
                && !matches!(e, Expr::Tuple(t) if !t.parenthesized)
                && !matches!(e, Expr::Generator(g) if !g.parenthesized)
        };
        let mut found: Vec<TextRange> = self.exprs.iter().filter(whole).map(|e| e.range()).collect();
        found.sort_by_key(|range| std::cmp::Reverse(range.len()));
        let good = |range: &TextRange| ruff_python_parser::parse_expression(self.text(*range)).is_ok();
        let found = found.into_iter().find(good).or_else(|| {
            use TokenKind as K;
            let (kind, range) = self.tokens[index];
            matches!(kind, K::Name | K::Int | K::Float | K::Complex | K::String | K::None | K::True | K::False)
                .then_some(range)
        })?;
        if !self.in_interpolation(index) {
            return Some(found);
        }
        // The tree has not all of a field that goes wrong.
        let Some(stop) = self.expression_stop(index) else { return Some(found) };
        let whole = self.text(TextRange::new(start, stop)).trim_end();
        let good = ruff_python_parser::parse_expression(&one_line(whole))
            .is_ok_and(|parsed| !matches!(parsed.expr(), Expr::Tuple(t) if !t.parenthesized));
        let whole = TextRange::at(start, whole.text_len());
        Some(if whole.len() > found.len() && good { whole } else { found })
    }

    fn missing_comma(&self, index: usize, range: TextRange) -> Box<RawError> {
        let before_kind = index.checked_sub(1).map(|i| self.tokens[i].0);
        let next_kind = self.tokens.get(index).map(|t| t.0);
        let prefixed = before_kind == Some(TokenKind::Name) && next_kind == Some(TokenKind::String);
        if let (Some(before), Some(after)) = (self.operand_before(index), self.expression_from(index))
            && !prefixed
        {
            if let Some(error) = self.never_closed(range.start(), false) {
                return error;
            }
            let whole = TextRange::new(before.start().min(after.start()), after.end());
            if let Some(error) = self.old_statement(index) {
                return error;
            }
            return self.at(whole, "invalid syntax. Perhaps you forgot a comma?");
        }
        self.invalid(range)
    }

    fn lexical(&self, error: &LexicalErrorType, range: TextRange) -> Box<RawError> {
        match error {
            LexicalErrorType::UnrecognizedToken { .. } if self.colon_was_due(range.start()) => {
                self.at(range, "expected ':'")
            }
            LexicalErrorType::UnrecognizedToken { .. } if self.bracket_was_due(range.start()) => {
                self.at(range, "expected '('")
            }
            LexicalErrorType::Eof => self.never_closed(range.start(), true).unwrap_or_else(|| self.invalid(range)),
            LexicalErrorType::FStringError(e) => self.interpolated(e, range, "f-string"),
            LexicalErrorType::TStringError(e) => self.interpolated(e, range, "t-string"),
            LexicalErrorType::UnicodeError
            | LexicalErrorType::MissingUnicodeLbrace
            | LexicalErrorType::MissingUnicodeRbrace => self.bad_literal(range),
            LexicalErrorType::InvalidByteLiteral => {
                let whole = self.string_around(range.start());
                self.at(whole, "bytes can only contain ASCII literal characters")
            }
            _ => self.invalid(range),
        }
    }

    /// Whether the head of a compound statement is complete but for its colon before a character that begins no token.
    fn colon_was_due(&self, at: TextSize) -> bool {
        let Some(index) = self.token_at(at).filter(|index| *index > 0) else { return false };
        let before = self.tokens[index - 1].0;
        let word = matches!(before, TokenKind::Else | TokenKind::Try | TokenKind::Finally);
        (word || before == TokenKind::Rpar) && self.needs_colon(index)
    }

    /// Whether only the name of a function stands before a character that begins no token.
    fn bracket_was_due(&self, at: TextSize) -> bool {
        let before = self.tokens.partition_point(|t| t.1.start() < at);
        before >= 2 && self.tokens[before - 1].0 == TokenKind::Name && self.tokens[before - 2].0 == TokenKind::Def
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

    fn interpolated(&self, error: &InterpolatedStringErrorType, range: TextRange, kind: &str) -> Box<RawError> {
        use InterpolatedStringErrorType as E;
        match error {
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
                let mark = index.checked_sub(1).map(|at| self.tokens[at].0);
                let marked = matches!(mark, Some(TokenKind::Equal | TokenKind::Exclamation | TokenKind::Colon));
                if !ends && !marked && self.starting_at(index).is_some() {
                    return self.missing_comma(index, range);
                }
                self.unclosed_field(index, range, ends, kind)
            }
            _ => self.invalid(range),
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
            return Box::new(RawError {
                kind: ErrorKind::Indentation,
                msg,
                loc: Some(loc),
                bare_line: false,
                stale_line: false,
                last_block: None,
            });
        }
        match msg {
            "Expected `except` or `finally` after `try` block" => {
                let error = self.invalid(range);
                let mut loc = error.loc.unwrap_or(Location::NONE);
                if let Some(word) = self.early_else(range.start()) {
                    loc = self.loc(word);
                } else if range.start().to_usize() >= self.source.text.trim_end().len() {
                    let line = self.source.last_line();
                    let column = self.source.line(line).len() as i32 - 1;
                    loc = Location { line, end_line: line, column, end_column: -2 };
                }
                RawError::syntax(loc, "expected 'except' or 'finally' block")
            }
            "Trailing comma not allowed" => {
                let next = self.tokens.iter().find(|t| t.1.start() >= range.end());
                self.invalid(next.map_or(range, |t| t.1))
            }
            "Star import must be the only import" => {
                let next = self.tokens.iter().find(|t| t.1.start() > range.start());
                self.invalid(next.map_or(range, |t| t.1))
            }
            "Only one '*' parameter allowed" => {
                let star = TextRange::at(range.start(), TextSize::new(1));
                self.at(star, "* argument may appear only once")
            }
            "Only one '/' separator allowed" => self.at(range, "/ may appear only once"),
            "Expected one or more exception types" => self.at(range, "expected one or more exception types"),
            "Positional patterns cannot follow keyword patterns" if self.open.is_some() => {
                self.never_closed(range.start(), true).unwrap_or_else(|| self.invalid(range))
            }
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
                RawError::syntax(self.line_end(after.start()), "cannot mix bytes and nonbytes literals")
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

    /// The `else` of a `try` that has no handlers before it, for a place behind its block.
    fn early_else(&self, at: TextSize) -> Option<TextRange> {
        let before = self.tokens.partition_point(|t| t.1.start() < at);
        let first_of_line = |word: &usize| {
            word.checked_sub(1).is_none_or(|before| {
                matches!(self.tokens[before].0, TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent)
            })
        };
        let column = |index: usize| self.source.position(self.tokens[index].1.start().to_u32()).1;
        let word = (0..before).rev().find(|word| self.tokens[*word].0 == TokenKind::Else && first_of_line(word))?;
        let begin = (0..word).rev().find(|start| first_of_line(start) && column(*start) == column(word))?;
        (self.tokens[begin].0 == TokenKind::Try).then_some(self.tokens[word].1)
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
