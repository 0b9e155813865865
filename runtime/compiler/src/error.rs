//! What goes wrong in compilation, and warnings.

use krait_bytecode::{Location, Wtf8};

/// The exception that an error becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// `SyntaxError`
    Syntax,
    /// `IndentationError`
    Indentation,
    /// `TabError`
    Tab,
    /// `_IncompleteInputError`, a subclass of `SyntaxError`
    IncompleteInput,
    /// `ValueError`
    Value,
    /// `TypeError`
    Type,
    /// `OverflowError`
    Overflow,
    /// `RecursionError`
    Recursion,
    /// `MemoryError`
    Memory,
    /// `SystemError`
    System,
}

/// Why source could not be compiled.
///
/// Positions are those of `SyntaxError`'s attributes: lines from 1, offsets in characters from 1; `None` where the
/// exception has `None`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompileError {
    /// The exception.
    pub kind: ErrorKind,
    /// Its message.
    pub msg: String,
    /// First line.
    pub lineno: Option<i32>,
    /// First column.
    pub offset: Option<i32>,
    /// Last line.
    pub end_lineno: Option<i32>,
    /// Column after the last character.
    pub end_offset: Option<i32>,
    /// The source line.
    pub text: Option<Wtf8>,
    /// Whether the line as it is in the file counts, where there is a file of that name: the parser says so, the
    /// tokenizer shows what it has read.
    pub line_of_file: bool,
    /// What was parsed, for errors of the parser.
    pub context: Option<Box<ErrorContext>>,
    /// What was warned of before the error was found.
    pub warnings: Vec<Warning>,
}

/// What helps to suggest how a syntax error could be mended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorContext {
    /// Line and column, from 1 and 0, of the last compound statement before the error, other than functions; 0 and 0
    /// when there is none.
    pub last_block: (i32, i32),
    /// The whole source.
    pub source: String,
}

impl CompileError {
    /// An error without a place.
    pub fn plain(kind: ErrorKind, msg: impl Into<String>) -> CompileError {
        CompileError {
            kind,
            msg: msg.into(),
            lineno: None,
            offset: None,
            end_lineno: None,
            end_offset: None,
            text: None,
            line_of_file: false,
            context: None,
            warnings: Vec::new(),
        }
    }

    /// An error of the encoding of a text, which has no place.
    pub fn encoding(msg: impl Into<String>) -> CompileError {
        CompileError { lineno: Some(0), offset: Some(-1), ..CompileError::plain(ErrorKind::Syntax, msg) }
    }

    /// Whether the text could not be decoded.
    pub fn is_encoding(&self) -> bool {
        self.lineno == Some(0) && self.offset == Some(-1)
    }

    /// The error for trees that are nested too deeply.
    pub fn recursion() -> CompileError {
        CompileError::plain(ErrorKind::Recursion, "maximum recursion depth exceeded during compilation")
    }
}

/// An error whose place is still in bytes; [`crate::source::Source`] turns it into a [`CompileError`].
#[derive(Clone, Debug)]
pub(crate) struct RawError {
    pub(crate) kind: ErrorKind,
    pub(crate) msg: String,
    pub(crate) loc: Option<Location>,
    /// The tokenizer's own errors show their line without its end.
    pub(crate) bare_line: bool,
    /// So do errors in a line that the tokenizer has left behind.
    pub(crate) stale_line: bool,
    /// [`ErrorContext::last_block`], for errors of the parser.
    pub(crate) last_block: Option<(i32, i32)>,
}

impl RawError {
    /// A `SyntaxError` at a node.
    pub(crate) fn syntax(loc: Location, msg: impl Into<String>) -> Box<RawError> {
        Box::new(RawError {
            kind: ErrorKind::Syntax,
            msg: msg.into(),
            loc: Some(loc),
            bare_line: false,
            stale_line: false,
            last_block: None,
        })
    }

    /// Another error.
    pub(crate) fn new(kind: ErrorKind, msg: impl Into<String>) -> Box<RawError> {
        Box::new(RawError { kind, msg: msg.into(), loc: None, bare_line: false, stale_line: false, last_block: None })
    }

    /// The public form of an error in a tree whose text is not known.
    pub(crate) fn without_source(self) -> CompileError {
        let mut out = CompileError::plain(self.kind, self.msg);
        if let Some(loc) = self.loc {
            out.lineno = Some(loc.line);
            out.offset = Some(loc.column + 1);
            out.end_lineno = Some(loc.end_line);
            out.end_offset = Some(loc.end_column + 1);
        }
        out
    }

    /// The error for trees that are nested too deeply.
    pub(crate) fn recursion() -> Box<RawError> {
        RawError::new(ErrorKind::Recursion, "maximum recursion depth exceeded during compilation")
    }

    /// The error for a stack that could not be had; without a message, as the reference's.
    pub(crate) fn memory() -> Box<RawError> {
        RawError::new(ErrorKind::Memory, "")
    }
}

/// Result inside the compiler.
pub(crate) type Res<T = ()> = Result<T, Box<RawError>>;

/// The category of a warning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WarningKind {
    /// `SyntaxWarning`
    Syntax,
    /// `DeprecationWarning`
    Deprecation,
}

/// A warning.
///
/// If the warnings filter turns it into an error, the caller raises `SyntaxError` with the same message and place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// Category.
    pub kind: WarningKind,
    /// Message.
    pub msg: String,
    /// Place in bytes (columns from 0).
    pub loc: Location,
}

impl Warning {
    /// The message where the warning is an error: that something will not work later has no place there.
    pub fn error_message(&self) -> String {
        self.msg.replace(" Such sequences will not work in the future.", "")
    }
}
