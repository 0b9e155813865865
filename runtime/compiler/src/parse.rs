//! Parsing, and the parser's errors as the reference words them.

use crate::ast::Mod;
use crate::depth;
use crate::error::{RawError, Res, Warning};
use crate::lower::Lower;
use crate::source::Source;
use crate::type_comments::{self, TypeComments};
use crate::{Flags, Mode};
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
        let parsed = ruff_python_parser::parse_unchecked(&source.text, options);
        let limits = crate::syntax::check_tokens(source, &parsed);
        if let Some(error) = &limits
            && (parsed.errors().is_empty() || error.kind != crate::ErrorKind::Syntax)
        {
            return Err(error.clone());
        }
        if let Some(error) = crate::syntax::report(source, &parsed, source.text.len() > 200_000) {
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
                    check_single(source, module, &parsed)?;
                }
                lower.module(module, mode == Mode::Single)
            }
            ruff::Mod::Expression(expression) => lower.expression(expression),
        };
        Ok((tree?, comments))
    })
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
    for (at, byte) in text.bytes().enumerate().skip(open) {
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

/// Interactive input is one compound statement or one line of simple ones.
fn check_single(source: &Source, module: &ruff::ModModule, parsed: &Parsed<ruff::Mod>) -> Res {
    use ruff::Stmt as S;
    let Some(first) = module.body.first() else {
        let nowhere = krait_bytecode::Location::new(0, 0, -1, -1);
        return Err(RawError::syntax(nowhere, "invalid syntax"));
    };
    let compound = matches!(
        first,
        S::FunctionDef(_) | S::ClassDef(_) | S::If(_) | S::While(_) | S::For(_) | S::With(_) | S::Try(_) | S::Match(_)
    );
    let mut after = parsed.tokens().iter().skip_while(|t| t.start() < first.end());
    let line_end = after.find(|t| t.kind() == TokenKind::Newline).map(|t| t.end());
    let second = module.body.iter().skip(1).find(|s| compound || line_end.is_some_and(|end| s.start() >= end));
    let Some(second) = second else { return Ok(()) };
    let (start, text) = (second.start(), &source.text[second.range()]);
    let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len()).max(1);
    let loc = source.location(start.to_u32(), start.to_u32() + word as u32);
    let msg = if compound { "invalid syntax" } else { "multiple statements found while compiling a single statement" };
    Err(RawError::syntax(loc, msg))
}
