//! The compiler: source text to code objects of CPython 3.14's instruction set.
//!
//! `source` decodes bytes, `parse` and `lower` make the tree of `ast`, `symtable` decides where names live,
//! `codegen` emits instruction sequences, `flow` optimises them as a graph of blocks, `assemble` writes the
//! [`CodeObject`].
//! Must not know: objects of the runtime, the interpreter.
#![forbid(unsafe_code)]

mod assemble;
#[allow(missing_docs)]
pub mod ast;
mod codegen;
mod depth;
mod error;
mod feature_version;
mod finally_check;
mod flow;
mod fold;
mod future;
mod ir;
mod literal;
mod lower;
mod optimize;
mod parse;
pub mod source;
pub mod symbols;
mod symtable;
mod syntax;
mod type_comments;
mod unparse;
mod validate;

pub use error::{CompileError, ErrorContext, ErrorKind, Warning, WarningKind};
pub use krait_bytecode::{CodeObject, Constant, Wtf8};
pub use type_comments::TypeComments;

use error::Res;
use krait_bytecode::flags::FUTURE_MASK;
use source::Source;

/// What the source is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A file.
    Exec,
    /// An expression.
    Eval,
    /// One interactive statement, whose value is printed.
    Single,
    /// A function type comment.
    FuncType,
}

/// Options of [`compile`].
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    /// 1 drops assertions and makes `__debug__` false, 2 drops docstrings too.
    pub optimize: u8,
    /// Future features of the code that compiles, as `CO_FUTURE_*`.
    pub future: u32,
    /// `await` may stand at the top level.
    pub top_level_await: bool,
    /// Interactive input may end inside a block.
    pub dont_imply_dedent: bool,
    /// Input that only ends too early is [`ErrorKind::IncompleteInput`].
    pub allow_incomplete_input: bool,
    /// A coding cookie is not looked at.
    pub ignore_cookie: bool,
    /// `# type:` comments are part of the language.
    pub type_comments: bool,
    /// Decimal literals with more digits are errors; 0 for no limit.
    pub max_int_digits: usize,
    /// The source is a file that is run.
    pub from_file: bool,
    /// The minor version whose syntax is allowed; 0 for this one.
    pub feature_version: u8,
}

impl Default for Flags {
    fn default() -> Flags {
        Flags {
            optimize: 0,
            future: 0,
            top_level_await: false,
            dont_imply_dedent: false,
            allow_incomplete_input: false,
            ignore_cookie: false,
            type_comments: false,
            max_int_digits: literal::MAX_INT_DIGITS,
            from_file: false,
            feature_version: 0,
        }
    }
}

/// A compiled unit.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The module's (or expression's) code.
    pub code: CodeObject,
    /// Warnings, in the order of the source.
    pub warnings: Vec<Warning>,
}

/// Compiles bytes of a file or of a `bytes` argument: cookie and byte order mark are honoured.
///
/// # Errors
/// Whatever `compile()` raises for the source.
pub fn compile_bytes(source: &[u8], filename: &str, mode: Mode, flags: Flags) -> Result<Compiled, CompileError> {
    let text = source::decode_source(source, flags.from_file.then_some(filename), flags.ignore_cookie)?;
    compile(&text, filename, mode, flags)
}

/// Compiles text.
///
/// # Errors
/// Whatever `compile()` raises for the source.
pub fn compile(source: &str, filename: &str, mode: Mode, flags: Flags) -> Result<Compiled, CompileError> {
    if source.as_bytes().contains(&0) {
        return Err(CompileError::plain(ErrorKind::Syntax, "source code string cannot contain null bytes"));
    }
    let source = Source::of(source, mode);
    let mut warnings = Vec::new();
    let (tree, _) = match parse::parse(&source, mode, flags, &mut warnings) {
        Ok(parsed) => parsed,
        Err(error) => return Err(CompileError { warnings, ..source.public(*error) }),
    };
    finally_check::tree(&tree, &mut warnings);
    // Errors after parsing are those of a tree: the text is not known to them.
    match compile_tree(&tree, filename, flags, &mut warnings) {
        Ok(code) => Ok(Compiled { code, warnings }),
        Err(error) => Err(error.without_source()),
    }
}

/// A parsed text.
#[derive(Debug)]
pub struct Tree {
    /// The tree.
    pub tree: ast::Mod,
    /// Type comments, if they were asked for.
    pub comments: TypeComments,
    /// Warnings, in the order of the source.
    pub warnings: Vec<Warning>,
}

/// Parses bytes as [`compile_bytes`] does.
///
/// # Errors
/// Whatever `ast.parse()` raises for the source.
pub fn parse_bytes(source: &[u8], filename: &str, mode: Mode, flags: Flags) -> Result<Tree, CompileError> {
    let text = source::decode_source(source, flags.from_file.then_some(filename), flags.ignore_cookie)?;
    parse_text(&text, mode, flags)
}

/// Parses text.
///
/// # Errors
/// Whatever `ast.parse()` raises for the source.
pub fn parse_text(source: &str, mode: Mode, flags: Flags) -> Result<Tree, CompileError> {
    if source.as_bytes().contains(&0) {
        return Err(CompileError::plain(ErrorKind::Syntax, "source code string cannot contain null bytes"));
    }
    let source = Source::of(source, mode);
    let mut warnings = Vec::new();
    match parse::parse(&source, mode, flags, &mut warnings) {
        Ok((tree, comments)) => Ok(Tree { tree, comments, warnings }),
        Err(error) => Err(CompileError { warnings, ..source.public(*error) }),
    }
}

/// Checks a tree that was not parsed.
///
/// # Errors
/// `ValueError` and `TypeError` for trees that no source text has.
pub fn validate(tree: &ast::Mod) -> Result<(), CompileError> {
    validate::tree(tree).map_err(|error| error.without_source())
}

/// Does to a tree what `PyCF_OPTIMIZED_AST` asks for.
pub fn optimize(tree: &mut ast::Mod, level: u8) {
    optimize::tree(tree, level);
}

/// Compiles a tree that passed [`validate`].
///
/// # Errors
/// Whatever `compile()` raises for it.
pub fn compile_ast(tree: &ast::Mod, filename: &str, flags: Flags) -> Result<Compiled, CompileError> {
    let mut warnings = Vec::new();
    finally_check::tree(tree, &mut warnings);
    match compile_tree(tree, filename, flags, &mut warnings) {
        Ok(code) => Ok(Compiled { code, warnings }),
        Err(error) => Err(error.without_source()),
    }
}

/// Compiles a tree.
fn compile_tree(tree: &ast::Mod, filename: &str, flags: Flags, warnings: &mut Vec<Warning>) -> Res<CodeObject> {
    let future = (flags.future & FUTURE_MASK) | future::features(tree)?;
    let options = symtable::Options {
        top_level_await: flags.top_level_await,
        future_annotations: future & krait_bytecode::flags::CO_FUTURE_ANNOTATIONS != 0,
    };
    let table = symtable::build(tree, options)?;
    let options = codegen::Options {
        filename: filename.into(),
        optimize: flags.optimize,
        future,
        top_level_await: flags.top_level_await,
    };
    codegen::compile(tree, table, options, warnings)
}
