//! Parsing, and the parser's errors as the reference words them.

use crate::ast::Mod;
use crate::depth;
use crate::error::{RawError, Res, Warning};
use crate::lower::Lower;
use crate::source::Source;
use crate::type_comments::{self, TypeComments};
use crate::{Flags, Mode};
use krait_bytecode::flags::CO_FUTURE_BARRY_AS_BDFL;
use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ruff, PythonVersion};
use ruff_python_parser::{Mode as ParserMode, ParseOptions, Parsed};
use ruff_text_size::Ranged;

/// Parses source to our tree.
pub(crate) fn parse(
    source: &Source,
    mode: Mode,
    flags: Flags,
    warnings: &mut Vec<Warning>,
) -> Res<(Mod, TypeComments)> {
    if mode == Mode::FuncType {
        return Ok((func_type(source, flags, warnings)?, TypeComments::default()));
    }
    let parser_mode = match mode {
        Mode::Exec | Mode::Single => ParserMode::Module,
        Mode::Eval | Mode::FuncType => ParserMode::Expression,
    };
    let options = ParseOptions::from(parser_mode).with_target_version(PythonVersion::PY314);
    // Trees can be as deep as the text is long, and dropping them recurses.
    depth::roomy(source.text.len(), || {
        let parsed = ruff_python_parser::parse_unchecked(&source.text, options.clone());
        if let Some(changed) = barry(source, &parsed, flags)? {
            let flags = Flags { future: flags.future & !CO_FUTURE_BARRY_AS_BDFL, ..flags };
            return parse(&Source::new(&changed), mode, flags, warnings);
        }
        let parsed = with_whole_fields(source, parsed, &options);
        let scan = crate::syntax::scan(source, mode);
        if let Some((at, error)) = crate::syntax::report(source, &scan, &parsed, source.text.len() > 200_000) {
            let mut error = incomplete(source, flags, Some(at), error);
            if flags.from_file {
                at_end_of_file(source, &mut error);
            }
            error.last_block = Some(last_block(source, &parsed, at));
            escape_warnings(source, &parsed, at, warnings);
            return Err(error);
        }
        for (loc, msg) in crate::syntax::number_warnings(source, &parsed) {
            warnings.push(Warning { kind: crate::WarningKind::Syntax, msg, loc });
        }
        let mut lower = Lower::new(source, warnings, flags.max_int_digits);
        if flags.feature_version != 0 && flags.feature_version < 14 {
            crate::feature_version::check(source, &parsed, flags.feature_version)?;
        }
        let comments =
            if flags.type_comments { type_comments::find(source, &parsed)? } else { TypeComments::default() };
        let tree = match parsed.syntax() {
            ruff::Mod::Module(module) => {
                if mode == Mode::Single {
                    check_single(source, module, &parsed, flags)?;
                }
                lower.module(module, mode == Mode::Single)
            }
            ruff::Mod::Expression(expression) => lower.expression(expression),
        };
        Ok((tree?, comments))
    })
}

/// How many line ends in broken fields are looked behind.
const MOST_JOINED: usize = 50;

/// The tree and errors of a text in which a field of an f-string goes wrong: the parser takes what stands behind the
/// field's next line end for text, the reference reads on to the closing brace. So the text is parsed again with
/// blanks for such line ends; every place in it stays the same.
fn with_whole_fields(source: &Source, parsed: Parsed<ruff::Mod>, options: &ParseOptions) -> Parsed<ruff::Mod> {
    let mut text = None;
    let mut parsed = parsed;
    for _ in 0..MOST_JOINED {
        let Some(broken) = line_end_in_field(text.as_deref().unwrap_or(&source.text), &parsed) else { break };
        let joined = text.get_or_insert_with(|| source.text.clone());
        joined.replace_range(broken.clone(), &" ".repeat(broken.len()));
        parsed = ruff_python_parser::parse_unchecked(joined, options.clone());
    }
    parsed
}

/// The first line end at which the parser gave a field up, with the comment before it.
fn line_end_in_field(text: &str, parsed: &Parsed<ruff::Mod>) -> Option<std::ops::Range<usize>> {
    use ruff_python_parser::{InterpolatedStringErrorType as E, ParseErrorType as P};
    let unclosed = |error: &&ruff_python_parser::ParseError| {
        matches!(error.error, P::FStringError(E::UnclosedLbrace) | P::TStringError(E::UnclosedLbrace))
    };
    parsed.errors().first().filter(unclosed).and_then(|error| {
        use TokenKind as T;
        let tokens = &parsed.tokens()[..];
        let first = tokens.partition_point(|token| token.end() <= error.range().start());
        let ends =
            |kind| matches!(kind, T::FStringEnd | T::TStringEnd | T::Rbrace | T::FStringMiddle | T::TStringMiddle);
        let at = first + tokens[first..].iter().position(|token| ends(token.kind()))?;
        let middle = matches!(tokens[at].kind(), T::FStringMiddle | T::TStringMiddle);
        let start = tokens[at].start().to_usize();
        let end = start + text[start..].len() - text[start..].trim_start_matches(['\r', '\n']).len();
        let comment = at.checked_sub(1).map(|at| tokens[at]).filter(|token| token.kind() == T::Comment);
        (middle && end > start).then(|| comment.map_or(start, |token| token.start().to_usize())..end)
    })
}

/// The end of a file that is being read has no column.
fn at_end_of_file(source: &Source, error: &mut RawError) {
    let Some(loc) = error.loc.as_mut().filter(|loc| loc.end_column == -2) else { return };
    let text = source.line(loc.line).trim_end_matches('\n');
    let missing = error.msg.starts_with("expected ") && loc.line == source.last_line();
    if missing || error.msg == "unexpected EOF while parsing" && text == "\\" {
        loc.column = -1;
    }
}

/// Place of the last compound statement other than functions that ends before the byte `limit`; zeros without one.
fn last_block(source: &Source, parsed: &Parsed<ruff::Mod>, limit: usize) -> (i32, i32) {
    struct Last {
        limit: usize,
        start: Option<u32>,
    }
    impl<'a> StatementVisitor<'a> for Last {
        fn visit_stmt(&mut self, stmt: &'a ruff::Stmt) {
            use ruff::Stmt as S;
            if stmt.start().to_usize() >= self.limit {
                return;
            }
            let block = matches!(
                stmt,
                S::ClassDef(_) | S::If(_) | S::While(_) | S::For(_) | S::With(_) | S::Try(_) | S::Match(_)
            );
            if block && stmt.end().to_usize() <= self.limit {
                self.start = self.start.max(Some(stmt.start().to_u32()));
            }
            walk_stmt(self, stmt);
        }
    }
    let mut last = Last { limit, start: None };
    if let ruff::Mod::Module(module) = parsed.syntax() {
        last.visit_body(&module.body);
    }
    last.start.map_or((0, 0), |start| source.position(start))
}

/// Warnings of the string literals that were read before an error.
fn escape_warnings(source: &Source, parsed: &Parsed<ruff::Mod>, limit: usize, warnings: &mut Vec<Warning>) {
    use crate::literal::{Form, decode_bytes, decode_str};
    let mut lower = Lower::new(source, warnings, 0);
    for token in parsed.tokens().iter().filter(|t| t.kind() == TokenKind::String && t.end().to_usize() <= limit) {
        let text = &source.text[token.range()];
        if !text.contains('\\') {
            continue;
        }
        let Some(quote) = text.find(['\'', '"']) else { continue };
        let prefix = text[..quote].to_ascii_lowercase();
        let width =
            if text[quote..].len() >= 6 && text[quote..].starts_with(&text[quote..=quote].repeat(3)) { 3 } else { 1 };
        let (start, end) = (quote + width, text.len().saturating_sub(width));
        if prefix.contains('r') || start > end {
            continue;
        }
        let mut notes = Vec::new();
        let decoded = if prefix.contains('b') {
            decode_bytes(&text[start..end], false, &mut notes).is_ok()
        } else {
            decode_str(&text[start..end], false, Form::Str, &mut notes).is_ok()
        };
        if decoded {
            lower.notes(notes, token.start().to_u32() + start as u32);
        }
    }
}

/// `(types) -> type`. The two halves are parsed each for itself, with blanks in the other's place.
fn func_type(source: &Source, flags: Flags, warnings: &mut Vec<Warning>) -> Res<Mod> {
    let text = &source.text;
    let invalid = |at: usize| RawError::syntax(source.location(at as u32, at as u32 + 1), "invalid syntax");
    let open = text.len() - text.trim_start().len();
    if !text[open..].starts_with('(') {
        return Err(invalid(open));
    }
    let (mut depth, mut close) = (0usize, None);
    let (mut head, mut starts) = (text.clone().into_bytes(), false);
    // The number of stars of the last starred type: `*` comes once, then `**` once, then nothing.
    let mut stars = 0;
    for (at, byte) in text.bytes().enumerate().skip(open) {
        if depth == 1 && starts && !matches!(byte, b' ' | b'\n' | b')') && text.as_bytes()[at - 1] != b'*' {
            let here = text[at..].bytes().take_while(|b| *b == b'*').count();
            if stars > 0 && here <= stars {
                return Err(invalid(at));
            }
            stars = here;
        }
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    close = Some(at);
                    break;
                }
            }
            // `**kwargs` and `*args` are types like others here.
            b'*' if depth == 1 && starts => {
                head[at] = b' ';
                continue;
            }
            _ => {}
        }
        starts = (depth == 1 && matches!(byte, b'(' | b',')) || (starts && byte == b' ');
    }
    let Some(close) = close else { return Err(invalid(open)) };
    let after = &text[close + 1..];
    let arrow = close + 1 + (after.len() - after.trim_start().len());
    if !text[arrow..].starts_with("->") {
        return Err(invalid(arrow.min(text.len().saturating_sub(1))));
    }
    (head[open], head[close]) = (b'[', b']');
    head.truncate(close + 1);
    // Parentheses keep the blanks before the result from being indentation.
    let mut tail: String = text[..arrow + 2].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
    tail.replace_range(open..=open, "(");
    tail.push_str(&text[arrow + 2..]);
    tail.push_str("\n)");
    let half = |text: &str, warnings: &mut Vec<Warning>| match parse(&Source::new(text), Mode::Eval, flags, warnings)?.0
    {
        Mod::Expression(body) => Ok(*body),
        _ => Err(invalid(open)),
    };
    let arguments = half(&String::from_utf8_lossy(&head), warnings)?;
    let result = half(&tail, warnings)?;
    match arguments.kind {
        crate::ast::ExprKind::List { elts, .. } => Ok(Mod::FunctionType(elts, Box::new(result))),
        _ => Err(invalid(open)),
    }
}

/// The line on which the last block of a compound statement begins.
fn last_header_line(source: &Source, stmt: &ruff::Stmt) -> i32 {
    use ruff::Stmt as S;
    let body = match stmt {
        S::FunctionDef(s) => &s.body,
        S::ClassDef(s) => &s.body,
        S::If(s) => s.elif_else_clauses.last().map_or(&s.body, |clause| &clause.body),
        S::For(s) => {
            if s.orelse.is_empty() {
                &s.body
            } else {
                &s.orelse
            }
        }
        S::While(s) => {
            if s.orelse.is_empty() {
                &s.body
            } else {
                &s.orelse
            }
        }
        S::With(s) => &s.body,
        S::Try(s) => {
            let handler = s.handlers.last().map(|ruff::ExceptHandler::ExceptHandler(h)| &h.body);
            if !s.finalbody.is_empty() { &s.finalbody } else { handler.unwrap_or(&s.body) }
        }
        S::Match(s) => match s.cases.last() {
            Some(case) => &case.body,
            None => return 0,
        },
        _ => return 0,
    };
    let Some(first) = body.first() else { return 0 };
    // A block on lines of its own begins with blanks only.
    let (line, column) = source.position(first.start().to_u32());
    if source.line(line)[..column as usize].trim().is_empty() { 0 } else { line }
}

/// With `PyCF_ALLOW_INCOMPLETE_INPUT`, an error that more input could mend.
fn incomplete(source: &Source, flags: Flags, at: Option<usize>, error: Box<RawError>) -> Box<RawError> {
    if !flags.allow_incomplete_input || error.kind == crate::ErrorKind::Tab {
        return error;
    }
    let text = &source.text;
    let last_line = text.rfind('\n').map_or(0, |newline| newline + 1);
    let unfinished = error.msg.starts_with("unterminated ") || error.msg.contains("-string: expecting");
    let tokenizer = error.msg.starts_with("unexpected EOF")
        || error.msg.starts_with("unterminated triple-quoted")
        || (unfinished && (!text.ends_with('\n') || text.ends_with("\\\n")));
    // The tokenizer has seen the end of the text if the last token that was read lies there.
    let reaches_end = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        text.ends_with('\n') || rest.chars().all(|c| c.is_alphanumeric() || c == '_') || rest.len() == 1
    };
    let parser = at.is_some_and(|at| at >= last_line && reaches_end(at))
        && !unfinished
        && !error.msg.starts_with("unindent")
        && !error.msg.starts_with("unexpected character after")
        && !error.msg.starts_with("closing parenthesis")
        && !error.msg.starts_with("unmatched");
    // A block or a clause that is missing at the end of the text.
    let clause = error.loc.is_some_and(|loc| loc.end_column == -2 && loc.line >= source.last_line())
        && error.msg.starts_with("expected ");
    if !tokenizer && !parser && !clause {
        return error;
    }
    let (line, column) = source.position(text.len() as u32);
    let loc = krait_bytecode::Location { line, end_line: line, column: (column - 1).max(0), end_column: -2 };
    let msg = "incomplete input".to_owned();
    Box::new(RawError {
        kind: crate::ErrorKind::IncompleteInput,
        msg,
        loc: Some(loc),
        bare_line: false,
        stale_line: false,
        last_block: None,
    })
}

/// `from __future__ import barry_as_FLUFL`: `<>` is the operator, and `!=` is not.
fn barry(source: &Source, parsed: &Parsed<ruff::Mod>, flags: Flags) -> Res<Option<String>> {
    let asked = |s: &ruff::Stmt| match s {
        ruff::Stmt::ImportFrom(s) => {
            s.level == 0
                && s.module.as_ref().is_some_and(|m| m.id.as_str() == "__future__")
                && s.names.iter().any(|a| a.name.id.as_str() == "barry_as_FLUFL")
        }
        _ => false,
    };
    let on = flags.future & CO_FUTURE_BARRY_AS_BDFL != 0
        || (source.text.contains("barry_as_FLUFL")
            && matches!(parsed.syntax(), ruff::Mod::Module(module) if module.body.iter().any(asked)));
    if !on {
        return Ok(None);
    }
    let (mut changed, mut less) = (None, None);
    for token in parsed.tokens() {
        match token.kind() {
            TokenKind::NotEqual => {
                let loc = source.location(token.start().to_u32(), token.end().to_u32());
                return Err(RawError::syntax(loc, "with Barry as BDFL, use '<>' instead of '!='"));
            }
            TokenKind::Less => less = Some(token.range()),
            TokenKind::Greater if less.is_some_and(|less| less.end() == token.start()) => {
                let text: &mut String = changed.get_or_insert_with(|| source.text.clone());
                let at = token.start().to_usize() - 1;
                text.replace_range(at..at + 2, "!=");
            }
            _ => {}
        }
    }
    Ok(changed.map(|text| text.replace("barry_as_FLUFL", "generator_stop")))
}

/// Interactive input is one compound statement or one line of simple ones.
fn check_single(source: &Source, module: &ruff::ModModule, parsed: &Parsed<ruff::Mod>, flags: Flags) -> Res {
    use ruff::Stmt as S;
    let at_end = || {
        let line = if source.text.is_empty() { 0 } else { source.last_line() };
        let nowhere = krait_bytecode::Location::new(line, line, -1, -1);
        Err(incomplete(source, flags, Some(source.text.len()), RawError::syntax(nowhere, "invalid syntax")))
    };
    let Some(first) = module.body.first() else { return at_end() };
    let compound = matches!(
        first,
        S::FunctionDef(_) | S::ClassDef(_) | S::If(_) | S::While(_) | S::For(_) | S::With(_) | S::Try(_) | S::Match(_)
    );
    let mut after = parsed.tokens().iter().skip_while(|t| t.start() < first.end());
    let line_end = after.find(|t| t.kind() == TokenKind::Newline).map(|t| t.end());
    let second = module.body.iter().skip(1).find(|s| compound || line_end.is_some_and(|end| s.start() >= end));
    let Some(second) = second else {
        // A compound statement ends with an empty line, which a last line without newline can stand for.
        let open = compound && !source.text.ends_with('\n');
        let last = source.line(source.last_line());
        let one_line = source.position(first.end().to_u32()).0 == last_header_line(source, first);
        if open && (one_line || flags.dont_imply_dedent || last.trim().is_empty()) {
            return at_end();
        }
        return Ok(());
    };
    if !compound {
        let loc = source.location(first.end().to_u32(), first.end().to_u32());
        let mut loc = krait_bytecode::Location { end_column: loc.column + 1, ..loc };
        let rest = &source.line(loc.line)[loc.column as usize..];
        if let Some(comment) = rest.trim_end().find('#') {
            loc.end_column = loc.column + rest.trim_end().len() as i32 + 1;
            loc.column += comment as i32;
        }
        return Err(RawError::syntax(loc, "multiple statements found while compiling a single statement"));
    }
    let (start, text) = (second.start(), &source.text[second.range()]);
    let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len()).max(1);
    let loc = source.location(start.to_u32(), start.to_u32() + word as u32);
    Err(RawError::syntax(loc, "invalid syntax"))
}
