//! Parsing, and the parser's errors as the reference words them.

use crate::Mode;
use crate::ast::Mod;
use crate::depth;
use crate::error::{RawError, Res, Warning};
use crate::lower::Lower;
use crate::source::Source;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ruff, PythonVersion};
use ruff_python_parser::{Mode as ParserMode, ParseOptions, Parsed};
use ruff_text_size::Ranged;

/// Parses source to our tree.
pub(crate) fn parse(source: &Source, mode: Mode, warnings: &mut Vec<Warning>) -> Res<Mod> {
    let parser_mode = match mode {
        Mode::Exec | Mode::Single => ParserMode::Module,
        Mode::Eval => ParserMode::Expression,
        Mode::FuncType => return Err(RawError::new(crate::ErrorKind::Value, "func_type mode is not supported yet")),
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
        let mut lower = Lower::new(source, warnings);
        match parsed.syntax() {
            ruff::Mod::Module(module) => {
                if mode == Mode::Single {
                    check_single(source, module, &parsed)?;
                }
                lower.module(module, mode == Mode::Single)
            }
            ruff::Mod::Expression(expression) => lower.expression(expression),
        }
    })
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
