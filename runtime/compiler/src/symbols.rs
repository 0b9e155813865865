//! The symbol table in a form for others: what the module `symtable` shows.

use crate::ast::Name;
use crate::error::{CompileError, Res, Warning};
use crate::source::{self, Source};
use crate::symtable::{self, BlockKind, SymbolTable};
use crate::{Flags, Mode, future, parse};
use krait_bytecode::flags::CO_FUTURE_ANNOTATIONS;

/// A block and what it does with its names.
#[derive(Clone, Debug)]
pub struct SymbolBlock {
    /// Name of the function or class; `top` for the module.
    pub name: Name,
    /// Its kind, with the numbers of `_symtable.TYPE_*`.
    pub kind: u8,
    /// The line where it begins.
    pub line: i32,
    /// Whether a function is around it.
    pub nested: bool,
    /// Names with their `DEF_*` and `USE` bits, and the scope above [`SCOPE_OFFSET`].
    pub symbols: Vec<(Name, u32)>,
    /// Parameters and names declared for fast locals, in order.
    pub varnames: Vec<Name>,
    /// Indices of the blocks directly inside.
    pub children: Vec<usize>,
}

/// Where the scope begins in the bits of a symbol.
pub const SCOPE_OFFSET: u32 = 12;

/// The blocks of a source text, the module's first, with the parser's warnings.
///
/// # Errors
/// What parsing and the scope rules raise.
pub fn symbols_text(text: &str, mode: Mode, flags: Flags) -> Result<(Vec<SymbolBlock>, Vec<Warning>), CompileError> {
    let source = Source::of(text, mode);
    let mut warnings = Vec::new();
    match run(&source, mode, flags, &mut warnings) {
        Ok(table) => Ok((public(&table), warnings)),
        Err(error) => Err(source.public(*error)),
    }
}

/// The same of bytes of a file.
///
/// # Errors
/// As [`symbols_text`], and for bytes that do not decode.
pub fn symbols_bytes(
    bytes: &[u8],
    filename: &str,
    mode: Mode,
    flags: Flags,
) -> Result<(Vec<SymbolBlock>, Vec<Warning>), CompileError> {
    symbols_text(&source::decode_source(bytes, flags.from_file.then_some(filename), flags.ignore_cookie)?, mode, flags)
}

fn run(source: &Source, mode: Mode, flags: Flags, warnings: &mut Vec<Warning>) -> Res<SymbolTable> {
    let (tree, _) = parse::parse(source, mode, flags, warnings)?;
    let future = flags.future | future::features(&tree)?;
    let options = symtable::Options {
        top_level_await: flags.top_level_await,
        future_annotations: future & CO_FUTURE_ANNOTATIONS != 0,
    };
    symtable::build(&tree, options)
}

fn public(table: &SymbolTable) -> Vec<SymbolBlock> {
    let blocks = table.blocks.iter().map(|block| SymbolBlock {
        name: block.name.clone(),
        kind: match block.kind {
            BlockKind::Function => 0,
            BlockKind::Class => 1,
            BlockKind::Module => 2,
            BlockKind::Annotation => 3,
            BlockKind::TypeAlias => 4,
            BlockKind::TypeParameters => 5,
            BlockKind::TypeVariable => 6,
        },
        line: block.loc.line,
        nested: block.nested,
        symbols: block
            .symbols
            .iter()
            .map(|(name, symbol)| (name.clone(), symbol.flags | (symbol.scope as u32) << SCOPE_OFFSET))
            .collect(),
        varnames: block.varnames.clone(),
        children: block.children.clone(),
    });
    blocks.collect()
}
