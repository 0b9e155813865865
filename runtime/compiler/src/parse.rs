//! Parsing, and the parser's errors as the reference words them.

use crate::Mode;
use crate::ast::Mod;
use crate::depth;
use crate::error::{RawError, Res, Warning};
use crate::lower::Lower;
use crate::source::Source;
use ruff_python_ast::{self as ruff, PythonVersion};
use ruff_python_parser::{Mode as ParserMode, ParseOptions};

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
            ruff::Mod::Module(module) => lower.module(module, mode == Mode::Single),
            ruff::Mod::Expression(expression) => lower.expression(expression),
        }
    })
}
