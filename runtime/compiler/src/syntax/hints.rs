//! What the reference says where the parser only knows that something is wrong: hints for usual mistakes.

use super::{Reporter, expression_name};
use crate::error::RawError;
use crate::source::Source;
use krait_bytecode::Location;
use ruff_python_ast::token::TokenKind as T;
use ruff_python_ast::{Expr, Mod};
use ruff_python_parser::Parsed;
use ruff_text_size::{Ranged, TextRange, TextSize};

/// The reference's name for the kind of a number literal.
pub(super) fn number_kind(text: &str) -> &'static str {
    match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => "hexadecimal",
        [b'0', b'o' | b'O', ..] => "octal",
        [b'0', b'b' | b'B', ..] => "binary",
        _ if text.ends_with(['j', 'J']) => "imaginary",
        _ => "decimal",
    }
}

fn is_number(kind: T) -> bool {
    matches!(kind, T::Int | T::Float | T::Complex)
}

/// Numbers that run into a keyword: legal, but the reference warns of them.
pub(crate) fn number_warnings(source: &Source, parsed: &Parsed<Mod>) -> Vec<(Location, String)> {
    let mut out = Vec::new();
    let mut before: Option<TextRange> = None;
    for token in parsed.tokens() {
        let range = token.range();
        if let Some(number) = before.filter(|number| number.end() == range.start()) {
            let word = matches!(token.kind(), T::And | T::Else | T::For | T::If | T::In | T::Is | T::Or | T::Not);
            if word {
                let kind = number_kind(&source.text[number.start().to_usize()..number.end().to_usize()]);
                let loc = source.location(number.start().to_u32(), number.end().to_u32());
                out.push((loc, format!("invalid {kind} literal")));
            }
        }
        before = is_number(token.kind()).then_some(range);
    }
    out
}

impl Reporter<'_> {
    fn kind(&self, index: usize) -> T {
        self.tokens.get(index).map_or(T::EndOfFile, |token| token.0)
    }

    fn range(&self, index: usize) -> TextRange {
        self.tokens.get(index).map_or_else(|| TextRange::empty(TextSize::of(&*self.source.text)), |token| token.1)
    }

    /// The bracket that closes the one at `index`.
    pub(super) fn closing(&self, index: usize) -> Option<usize> {
        let mut depth = 0usize;
        for (at, token) in self.tokens.iter().enumerate().skip(index) {
            match token.0 {
                T::Lpar | T::Lsqb | T::Lbrace => depth += 1,
                T::Rpar | T::Rsqb | T::Rbrace => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(at);
                    }
                }
                T::Newline | T::EndOfFile => return None,
                _ => {}
            }
        }
        None
    }

    /// The first token from `index` on, outside brackets, that `stop` accepts; the end of the line stops too.
    pub(super) fn find_until(&self, index: usize, stop: impl Fn(T) -> bool) -> usize {
        let mut depth = 0usize;
        let mut at = index;
        while at < self.tokens.len() {
            let kind = self.tokens[at].0;
            if depth == 0 && (stop(kind) || matches!(kind, T::Rpar | T::Rsqb | T::Rbrace)) {
                break;
            }
            match kind {
                T::Lpar | T::Lsqb | T::Lbrace => depth += 1,
                T::Rpar | T::Rsqb | T::Rbrace => depth -= 1,
                T::Newline | T::EndOfFile => break,
                _ => {}
            }
            at += 1;
        }
        at
    }

    /// What kind of expression tokens make, parsed for themselves.
    fn expression_of(&self, first: usize, last: usize) -> Option<(&'static str, TextRange)> {
        if first >= last {
            return None;
        }
        let range = TextRange::new(self.range(first).start(), self.range(last - 1).end());
        let parsed = ruff_python_parser::parse_expression(self.text(range)).ok()?;
        let body = &parsed.syntax().body;
        // Parentheses around an expression are not part of it.
        Some((expression_name(body), body.range() + range.start()))
    }

    /// First token of the logical line of a token.
    fn line_start(&self, index: usize) -> usize {
        self.line_start_token(index).unwrap_or(index)
    }

    /// Whether a token stands in the parameters of a function, and then whether of a `lambda`.
    pub(super) fn in_parameters(&self, index: usize) -> Option<bool> {
        let mut depth = 0usize;
        for at in (0..index).rev() {
            match self.kind(at) {
                T::Rpar | T::Rsqb | T::Rbrace => depth += 1,
                T::Lpar | T::Lsqb | T::Lbrace if depth > 0 => depth -= 1,
                T::Lpar => {
                    let named = at >= 2 && self.kind(at - 2) == T::Def;
                    let generic = at >= 1 && self.kind(at - 1) == T::Rsqb && self.kind(self.line_start(at)) == T::Def;
                    return (named || generic).then_some(false);
                }
                T::Lambda if depth == 0 => return Some(true),
                T::Colon | T::Newline | T::Lsqb | T::Lbrace if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    /// A better word for an error at a token that is "invalid syntax" so far.
    pub(super) fn hint(&self, offset: TextSize) -> Option<Box<RawError>> {
        let index = self.token_at(offset)?;
        let (kind, range) = self.tokens[index];
        let before = index.checked_sub(1).map_or(T::Newline, |at| self.kind(at));
        if let Some(error) = self.parameter_hint(index) {
            return Some(error);
        }
        if let Some(error) = self.line_hint(index).or_else(|| self.old_statement(index)) {
            return Some(error);
        }
        if let Some(error) = self.condition_hint(index) {
            return Some(error);
        }
        match kind {
            T::Pass | T::Break | T::Continue if self.kind(index + 1) == T::If && self.line_start(index) < index => {
                return Some(self.at(range, "expected expression before 'if', but statement is given"));
            }
            _ if before == T::Else && kind != T::Colon && self.line_start(index) != index - 1 => {
                return Some(self.at(range, "expected expression after 'else', but statement is given"));
            }
            T::Elif if before == T::Dedent => {
                return Some(self.at(range, "'elif' block follows an 'else' block"));
            }
            T::FStringStart | T::TStringStart
                if self.kind(self.line_start(index)) == T::Case
                    && self.open_bracket(index).is_some_and(|open| open.0 == T::Lbrace) =>
            {
                let open = self.index_of(self.open_bracket(index)?.1.start())?;
                let whole = TextRange::new(self.range(open).start(), self.range(self.closing(open)?).end());
                let msg = "mapping pattern keys may only match literals and attribute lookups";
                return Some(self.at(whole, msg));
            }
            T::Not if is_operator(before) => {
                let end = self.starting_at(index).or_else(|| self.starting_at(index + 1))?.end();
                let end = end.max(self.range(index + 1).end());
                let msg = "'not' after an operator must be parenthesized";
                return Some(self.at(TextRange::new(range.start(), end), msg));
            }
            T::Star if before == T::Lpar => {
                let close = self.closing(index - 1)?;
                let commas = self.find_until(index, |kind| kind == T::Comma);
                if commas == close {
                    let whole = TextRange::new(range.start(), self.range(close - 1).end());
                    return Some(self.at(whole, "cannot use starred expression here"));
                }
            }
            T::For if self.open_bracket(index).is_some_and(|open| open.0 == T::Lpar) => {
                let first = (0..index).rev().find(|at| matches!(self.kind(*at), T::Lpar | T::Comma))? + 1;
                if self.kind(first) == T::Name && self.kind(first + 1) == T::Equal {
                    let whole = TextRange::new(self.range(first).start(), self.range(index - 1).end());
                    let msg = "invalid syntax. Maybe you meant '==' or ':=' instead of '='?";
                    return Some(self.at(whole, msg));
                }
            }
            T::Equal
                if matches!(before, T::String | T::Int | T::Float | T::Complex)
                    && self.open_bracket(index).is_some_and(|open| open.0 == T::Lbrace) =>
            {
                let msg = "cannot assign to literal here. Maybe you meant '==' instead of '='?";
                return Some(self.at(self.range(index - 1), msg));
            }
            T::Unknown if self.in_interpolation(index) && matches!(before, T::Name | T::Rpar | T::Rsqb | T::Int) => {
                let kind = match self.tokens[..index]
                    .iter()
                    .rev()
                    .find(|t| matches!(t.0, T::FStringStart | T::TStringStart))
                {
                    Some((T::TStringStart, _)) => "t",
                    _ => "f",
                };
                let msg = format!("{kind}-string: expecting '=', or '!', or ':', or '}}'");
                return Some(self.at(range, msg));
            }
            T::For if matches!(self.open_bracket(index).map(|open| open.0), Some(T::Lsqb | T::Lbrace)) => {
                let open = self.open_bracket(index)?;
                let first = self.index_of(open.1.start())? + 1;
                let comma = self.find_until(first, |kind| kind == T::Comma);
                if comma < index {
                    let end = self.range(index - 1).end();
                    let whole = TextRange::new(self.range(first).start(), end);
                    let msg = "did you forget parentheses around the comprehension target?";
                    return Some(self.at(whole, msg));
                }
            }
            T::PlusEqual
            | T::MinusEqual
            | T::StarEqual
            | T::SlashEqual
            | T::PercentEqual
            | T::AmperEqual
            | T::VbarEqual
            | T::CircumflexEqual
            | T::LeftShiftEqual
            | T::RightShiftEqual
            | T::DoubleStarEqual
            | T::DoubleSlashEqual
            | T::AtEqual => {
                let (name, range) = self.expression_of(self.line_start(index), index)?;
                if !matches!(name, "name" | "attribute" | "subscript") {
                    let msg = format!("'{name}' is an illegal expression for augmented assignment");
                    return Some(self.at(range, msg));
                }
            }
            _ if before == T::Star
                && index >= 2
                && matches!(self.kind(index - 2), T::Lpar | T::Lsqb | T::Lbrace | T::Comma)
                && self.open_bracket(index).is_some()
                && self.in_parameters(index).is_none() =>
            {
                return Some(self.at(range, "Invalid star expression"));
            }
            T::Equal
                if before == T::Name
                    && index >= 2
                    && self.kind(index - 2) == T::DoubleStar
                    && self.inside_brackets(range.start()) =>
            {
                let after = self.starting_at(index + 1)?;
                let whole = TextRange::new(self.range(index - 2).start(), after.end());
                return Some(self.at(whole, "cannot assign to keyword argument unpacking"));
            }
            T::ColonEqual if self.open_bracket(index).is_none() => {
                let (name, range) = self.expression_of(self.line_start(index), index)?;
                if !matches!(name, "name" | "tuple") && self.reads_to(index + 1) > index + 1 {
                    return Some(self.at(range, format!("cannot use assignment expressions with {name}")));
                }
            }
            T::Colon => {
                if let Some(error) = self.type_parameter_hint(index) {
                    return Some(error);
                }
            }
            T::Equal if index > 0 && self.inside_brackets(range.start()) && before == T::Name => {
                let after = self.starting_at(index + 1)?;
                let whole = TextRange::new(self.range(index - 1).start(), after.end());
                let prefix = index.checked_sub(2).map_or(T::Newline, |at| self.kind(at));
                if matches!(prefix, T::Lpar | T::Comma | T::Lsqb | T::Lbrace) {
                    let msg = "invalid syntax. Maybe you meant '==' or ':=' instead of '='?";
                    return Some(self.at(whole, msg));
                }
            }
            _ => {}
        }
        self.string_hint(index)
    }

    /// The condition of an `if` expression, if something else than `else` follows what can be read of it.
    fn condition_hint(&self, index: usize) -> Option<Box<RawError>> {
        let mut depth = 0usize;
        let word = (0..index).rev().find(|at| {
            match self.kind(*at) {
                T::Rpar | T::Rsqb | T::Rbrace => depth += 1,
                T::Lpar | T::Lsqb | T::Lbrace if depth > 0 => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(self.kind(*at), T::If | T::Else | T::Newline | T::Semi | T::Colon | T::Comma)
        });
        let word = word.filter(|word| self.kind(*word) == T::If && self.line_word(*word) != "case")?;
        let first = self.operand_before(word)?;
        let last = (word + 2..=index).rev().find(|last| self.expression_of(word + 1, *last).is_some())?;
        if matches!(self.kind(last), T::Else | T::Colon) {
            return None;
        }
        let whole = TextRange::new(first.start(), self.range(last - 1).end());
        Some(self.at(whole, "expected 'else' after 'if' expression"))
    }

    fn index_of(&self, start: TextSize) -> Option<usize> {
        self.tokens.iter().position(|token| token.1.start() == start && !token.1.is_empty())
    }

    /// Mistakes in the parameters of functions.
    fn parameter_hint(&self, index: usize) -> Option<Box<RawError>> {
        let (kind, range) = self.tokens[index];
        let lambda = self.in_parameters(index)?;
        let before = self.kind(index.checked_sub(1)?);
        match kind {
            T::Slash if matches!(before, T::Lpar | T::Lambda) && self.kind(index + 1) == T::Comma => {
                Some(self.at(range, "at least one argument must precede /"))
            }
            T::Slash => {
                let mut at = index;
                let mut depth = 0usize;
                while at > 0 {
                    at -= 1;
                    match self.kind(at) {
                        T::Rpar | T::Rsqb | T::Rbrace => depth += 1,
                        T::Lpar | T::Lsqb | T::Lbrace if depth > 0 => depth -= 1,
                        T::Lpar | T::Lambda if depth == 0 => return None,
                        T::Star if depth == 0 && matches!(self.kind(at - 1), T::Comma | T::Lpar | T::Lambda) => {
                            return Some(self.at(range, "/ must be ahead of *"));
                        }
                        T::Slash if depth == 0 => return Some(self.at(range, "/ may appear only once")),
                        _ => {}
                    }
                }
                None
            }
            T::Star if before == T::Slash => Some(self.at(range, "expected comma between / and *")),
            T::Lpar if matches!(before, T::Comma | T::Lpar | T::Lambda) => {
                let close = self.closing(index)?;
                let simple = self.kind(index + 1) == T::Name
                    && self.tokens[index + 1..close].iter().all(|t| matches!(t.0, T::Name | T::Comma));
                let what = if lambda { "Lambda expression parameters" } else { "Function parameters" };
                let whole = TextRange::new(range.start(), self.range(close).end());
                simple.then(|| self.at(whole, format!("{what} cannot be parenthesized")))
            }
            T::Comma | T::Rpar if before == T::Equal => {
                Some(self.at(self.range(index - 1), "expected default value expression"))
            }
            T::Equal => {
                let mut at = index;
                while at > 0 && !matches!(self.kind(at), T::Comma | T::Lpar | T::Lambda) {
                    match self.kind(at) {
                        // A starred annotation is no parameter that could have a default.
                        T::Star if self.kind(at - 1) == T::Colon => return None,
                        T::Star => {
                            return Some(self.at(range, "var-positional argument cannot have default value"));
                        }
                        T::DoubleStar => return Some(self.at(range, "var-keyword argument cannot have default value")),
                        _ => at -= 1,
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// Mistakes that the first word of the line explains.
    fn line_hint(&self, index: usize) -> Option<Box<RawError>> {
        let start = self.line_start(index);
        match self.kind(start) {
            T::Except => {
                let star = self.kind(start + 1) == T::Star;
                let first = start + 1 + usize::from(star);
                let colon = self.find_until(first, |kind| kind == T::Colon);
                let target = self.find_until(first, |kind| kind == T::As);
                let comma = self.find_until(first, |kind| kind == T::Comma);
                if self.kind(target) != T::As || target > colon {
                    return None;
                }
                if comma < target {
                    let whole = TextRange::new(self.range(first).start(), self.range(colon - 1).end());
                    let msg = "multiple exception types must be parenthesized when using 'as'";
                    return Some(self.at(whole, msg));
                }
                let (name, range) = self.expression_of(target + 1, colon)?;
                let word = if star { "except*" } else { "except" };
                let plain = matches!(name, "name" | "None" | "True" | "False");
                (!plain).then(|| self.at(range, format!("cannot use {word} statement with {name}")))
            }
            T::Import | T::From => {
                let mut at = start;
                while at < self.tokens.len() && !matches!(self.kind(at), T::Newline | T::EndOfFile) {
                    if self.kind(at) == T::As
                        && at < index
                        && let Some(error) = self.import_target(at + 1)
                    {
                        return Some(error);
                    }
                    at += 1;
                }
                if self.kind(start) == T::From && at > 0 && self.kind(at - 1) == T::Comma {
                    let loc = self.line_end(self.range(at).start());
                    let msg = "trailing comma not allowed without surrounding parentheses";
                    return Some(RawError::syntax(loc, msg));
                }
                None
            }
            T::Case => {
                let named =
                    |at: usize| self.kind(at) == T::Name && !matches!(self.kind(at + 1), T::Dot | T::Lpar | T::Lsqb);
                let line = start..self.tokens.len();
                let target = line
                    .take_while(|at| !matches!(self.kind(*at), T::Newline | T::EndOfFile))
                    .find(|at| self.kind(*at) == T::As && !named(at + 1))?;
                let end = self.find_until(target + 1, |kind| matches!(kind, T::Comma | T::Colon | T::If | T::Vbar));
                let (name, range) = self.expression_of(target + 1, end)?;
                (name != "name").then(|| self.at(range, format!("cannot use {name} as pattern target")))
            }
            _ => None,
        }
    }

    /// `print a`, where an expression may begin with `print`: what is wrong at the token behind it.
    pub(super) fn old_statement(&self, index: usize) -> Option<Box<RawError>> {
        let at = index.checked_sub(1).filter(|at| self.kind(*at) == T::Name)?;
        let word = self.text(self.range(at));
        let begins = match at.checked_sub(1).map_or(T::Newline, |before| self.kind(before)) {
            T::Newline | T::Indent | T::Dedent | T::Semi | T::Colon | T::Equal | T::Comma => true,
            T::Lpar | T::Lsqb | T::Lbrace | T::Return | T::Yield | T::Elif | T::While | T::Assert => true,
            T::If => self.line_start(at) == at - 1,
            _ => false,
        };
        if !begins || !matches!(word, "print" | "exec") || self.kind(index) == T::Lpar {
            return None;
        }
        let mut last = self.reads_to(index).max(index);
        while self.kind(last) == T::Comma && self.reads_to(last + 1) > last + 1 {
            last = self.reads_to(last + 1);
        }
        while last > index && self.expression_of(index, last).is_none() {
            last -= 1;
        }
        let (_, argument) = self.expression_of(index, last)?;
        let whole = TextRange::new(self.range(at).start(), argument.end().max(self.range(last - 1).end()));
        Some(self.at(whole, format!("Missing parentheses in call to '{word}'. Did you mean {word}(...)?")))
    }

    /// What follows the targets of a comprehension's `for` in place of `in`.
    pub(super) fn comprehension_target(&self, index: usize) -> Option<Box<RawError>> {
        let mut depth = 0usize;
        let mut word = None;
        for at in (0..index).rev() {
            match self.kind(at) {
                T::Rpar | T::Rsqb | T::Rbrace => depth += 1,
                T::Lpar | T::Lsqb | T::Lbrace if depth == 0 => break,
                T::Lpar | T::Lsqb | T::Lbrace => depth -= 1,
                T::In | T::Newline | T::Semi if depth == 0 => break,
                T::For if depth == 0 => {
                    word = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let first = word? + 1;
        self.open_bracket(first)?;
        let stop = self.find_until(first, |kind| {
            use T as K;
            let compares = matches!(kind, K::Less | K::Greater | K::LessEqual | K::GreaterEqual | K::EqEqual);
            let joins = matches!(kind, K::NotEqual | K::Is | K::In | K::Not | K::And | K::Or | K::If | K::Else);
            compares || joins || matches!(kind, K::Equal | K::ColonEqual | K::Lambda | K::For | K::Async)
        });
        let stop = stop.min(index);
        if stop == first || self.kind(stop) == T::In {
            return None;
        }
        Some(self.at(self.range(stop), "'in' expected after for-loop variables"))
    }

    /// What an f-string says of an expression in it that goes wrong.
    pub(super) fn field_hint(&self, index: usize) -> Option<Box<RawError>> {
        let start = self.tokens[..index].iter().rposition(|t| matches!(t.0, T::FStringStart | T::TStringStart))?;
        if self.tokens[start..index].iter().any(|t| matches!(t.0, T::FStringEnd | T::TStringEnd)) {
            return None;
        }
        // The outermost bracket that is open there is the field's.
        let mut open = Vec::new();
        for at in start + 1..index {
            match self.kind(at) {
                T::Lpar | T::Lsqb | T::Lbrace => open.push(at),
                T::Rpar | T::Rsqb | T::Rbrace => drop(open.pop()),
                _ => {}
            }
        }
        let first = *open.first()? + 1;
        let marks = |at: usize| {
            let top = self.open_bracket(at).is_some_and(|open| open.1 == self.range(first - 1));
            top && matches!(self.kind(at), T::Equal | T::Exclamation | T::Colon)
        };
        let letter = if self.kind(start) == T::TStringStart { "t" } else { "f" };
        if let Some(mark) = (first..index).find(|at| marks(*at)) {
            let done = self.kind(mark) == T::Exclamation && mark + 2 == index;
            return done.then(|| self.at(self.range(index), format!("{letter}-string: expecting ':' or '}}'")));
        }
        match (first + 1..=index).rev().find(|last| self.expression_of(first, *last).is_some()) {
            Some(last) if last < index && self.after_expression(last) && self.expression_from(last).is_some() => {
                let before = self.operand_before(last).unwrap_or_else(|| self.range(last - 1));
                let whole = before.cover(self.expression_from(last)?);
                Some(self.at(whole, "invalid syntax. Perhaps you forgot a comma?"))
            }
            Some(last) => {
                let msg = format!("{letter}-string: expecting '=', or '!', or ':', or '}}'");
                Some(self.at(self.range(last), msg))
            }
            None => {
                Some(self.at(self.range(first), format!("{letter}-string: expecting a valid expression after '{{'")))
            }
        }
    }

    /// The token of a mistake that is not explained: in a sum that begins with one string literal the reference looks
    /// for no explanations.
    pub(super) fn unexplained(&self, found: &RawError, range: TextRange) -> Option<TextRange> {
        let index = self.token_at(range.start())?;
        let later = |wanted: T| (index..self.tokens.len()).find(|at| self.kind(*at) == wanted);
        let place = match found.msg.as_str() {
            msg if msg.ends_with("forgot a comma?") || msg.starts_with("iterable argument") => index,
            msg if msg.starts_with("positional argument follows") => {
                self.token_at(range.end())?.min(self.tokens.len() - 1)
            }
            msg if msg.starts_with("expression cannot contain assignment") => later(T::Equal)?,
            msg if msg.contains("':=' instead of '='") => later(T::Equal)?,
            msg if msg.starts_with("Generator expression must") => match self.kind(index.checked_sub(1)?) {
                T::Comma => later(T::For)?,
                _ => self.tokens.iter().position(|t| t.1.start() >= range.end())?,
            },
            _ => return None,
        };
        self.in_string_sum(index).then(|| self.range(place))
    }

    /// Whether a token is inside what is added to a string literal.
    fn in_string_sum(&self, index: usize) -> bool {
        let literal = |at: usize| matches!(self.kind(at), T::String | T::FStringEnd | T::TStringEnd);
        let (mut depth, mut apart) = (0usize, false);
        for at in (0..index).rev() {
            match self.kind(at) {
                T::Rpar | T::Rsqb | T::Rbrace => depth += 1,
                T::Lpar | T::Lsqb | T::Lbrace if depth > 0 => depth -= 1,
                // What is around the bracket may be such a sum.
                T::Lpar | T::Lsqb | T::Lbrace => apart = false,
                T::Newline => return false,
                T::Comma | T::Colon | T::Equal | T::ColonEqual | T::And | T::Or | T::Not | T::If | T::Else | T::In
                    if depth == 0 =>
                {
                    apart = true;
                }
                T::Plus | T::Minus
                    if depth == 0
                        && at > 0
                        && !apart
                        && self.kind(at - 1) == T::String
                        && (at < 2 || !literal(at - 2)) =>
                {
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// What is wrong with the name behind the `as` of an import.
    fn import_target(&self, index: usize) -> Option<Box<RawError>> {
        let end = self.find_until(index, |kind| matches!(kind, T::Comma | T::Semi));
        let (last, (name, range)) =
            (index + 1..=end).rev().find_map(|last| self.expression_of(index, last).map(|found| (last, found)))?;
        if name == "name" && last == end {
            return None;
        }
        if self.open_bracket(index).is_some()
            && let Some((_, after)) = self.expression_of(last, last + 1)
        {
            let whole = TextRange::new(range.start(), after.end());
            return Some(self.at(whole, "invalid syntax. Perhaps you forgot a comma?"));
        }
        Some(self.at(range, format!("cannot use {name} as import target")))
    }

    /// `**P: bound`
    fn type_parameter_hint(&self, index: usize) -> Option<Box<RawError>> {
        let star = self.kind(index.checked_sub(2)?);
        let name = match star {
            T::DoubleStar => "ParamSpec",
            T::Star => "TypeVarTuple",
            _ => return None,
        };
        if self.kind(index - 1) != T::Name || self.open_bracket(index)?.0 != T::Lsqb {
            return None;
        }
        let end = self.find_until(index + 1, |kind| matches!(kind, T::Comma | T::Equal));
        let (kind, range) = self.expression_of(index + 1, end)?;
        let what = if kind == "tuple" { "constraints" } else { "bound" };
        let whole = TextRange::new(self.range(index).start(), range.end());
        Some(self.at(whole, format!("cannot use {what} with {name}")))
    }

    /// The end of a string literal that begins at a token: the index after it.
    fn string_end(&self, index: usize) -> Option<usize> {
        let (start, end) = match self.kind(index) {
            T::String => return Some(index + 1),
            T::FStringStart => (T::FStringStart, T::FStringEnd),
            T::TStringStart => (T::TStringStart, T::TStringEnd),
            _ => return None,
        };
        let mut depth = 0usize;
        for at in index..self.tokens.len() {
            if self.kind(at) == start {
                depth += 1;
            } else if self.kind(at) == end {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
        }
        None
    }

    fn string_hint(&self, index: usize) -> Option<Box<RawError>> {
        let (kind, range) = self.tokens[index];
        if matches!(kind, T::String | T::FStringStart | T::TStringStart) {
            let (mut at, mut templates, mut others) = (index, false, false);
            while let Some(end) = self.string_end(at) {
                if self.kind(at) == T::TStringStart {
                    templates = true
                } else {
                    others = true
                }
                at = end;
            }
            if templates && others {
                let whole = TextRange::new(range.start(), self.range(at - 1).end());
                return Some(self.at(whole, "cannot mix t-string literals with string or bytes literals"));
            }
            return None;
        }
        self.split_string(index)
    }

    /// `"a "word" b"`: words between two strings, in a row of expressions that lack something between them.
    pub(super) fn split_string(&self, index: usize) -> Option<Box<RawError>> {
        let mut opened = None;
        for at in index.saturating_sub(1)..self.tokens.len() {
            match self.kind(at) {
                T::String => match opened {
                    Some(first) if at > first + 1 => {
                        let whole = TextRange::new(self.range(first + 1).start(), self.range(at - 1).end());
                        return Some(self.at(whole, "invalid syntax. Is this intended to be part of the string?"));
                    }
                    _ => opened = Some(at),
                },
                T::Name | T::Not | T::Int | T::Float | T::Complex => {}
                _ => return None,
            }
        }
        None
    }

    /// `for` targets that swallowed what follows them: the token after them.
    pub(super) fn for_target(&self, expr: &Expr) -> Option<Box<RawError>> {
        let mut first = self.index_of(expr.start())?;
        while first > 0 && self.kind(first - 1) != T::For {
            let targets = matches!(self.kind(first - 1), T::Comma | T::Name | T::Star | T::Dot);
            first = targets.then(|| first - 1)?;
        }
        if first == 0 {
            return None;
        }
        let stop = self.find_until(first, |kind| {
            matches!(
                kind,
                T::If
                    | T::Less
                    | T::Greater
                    | T::LessEqual
                    | T::GreaterEqual
                    | T::EqEqual
                    | T::NotEqual
                    | T::Is
                    | T::In
            )
        });
        let range = self.range(stop);
        if self.open_bracket(first).is_some() {
            return Some(self.at(range, "'in' expected after for-loop variables"));
        }
        Some(self.at(range, "invalid syntax"))
    }
}

/// Whether `not` behind an operator is explained.
fn is_operator(kind: T) -> bool {
    matches!(kind, T::Plus | T::Minus | T::Star | T::Slash | T::DoubleSlash | T::Percent | T::At | T::Tilde)
}
