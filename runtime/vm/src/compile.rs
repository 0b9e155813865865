//! From source objects to code objects: what `compile`, `exec`, `eval`, import and the command line share.
use crate::codegen_glue::code_object;
use crate::shared_constants::made_by_import;
use krait_bytecode::flags;
pub use krait_compiler::Mode;
use krait_compiler::{CompileError, ErrorKind, Flags, Warning, WarningKind};
use krait_object::exceptions::{SyntaxDetails, raise_syntax_error};
use krait_object::{
    Attached, ByteArray, Bytes, Code, FREE_THREADED, Layout, Object, PyResult, Raised, Ref, Str, Tuple, exc, id, raise,
};

/// Options of a compilation.
#[derive(Clone, Copy, Default)]
pub struct CompileFlags {
    /// `CO_FUTURE_*` bits that are on from the start.
    pub future: u32,
    /// The calling code's future features count too.
    pub inherit: bool,
    /// 0 to 2; `None` for the interpreter's level.
    pub optimize: Option<u8>,
    /// The code stays for good, so threads may share its constants.
    pub stays: bool,
    /// Further `PyCF_*` bits.
    pub cf_flags: u32,
    /// The minor version whose syntax is allowed; 0 for this one.
    pub feature_version: u8,
    /// The source is a file that is run.
    pub from_file: bool,
}

impl CompileFlags {
    pub(crate) fn resolve(&self, py: Attached<'_>) -> Flags {
        let mut future = self.future;
        if self.inherit
            && let Some(frame) = crate::frame::Frame::current(py)
        {
            future |= frame.code().raw().co_flags.get() as u32 & flags::FUTURE_MASK;
        }
        let level = crate::interp::current(py).config.optimization_level.clamp(0, 2) as u8;
        Flags {
            optimize: self.optimize.unwrap_or(level),
            future,
            top_level_await: self.cf_flags & flags::PYCF_ALLOW_TOP_LEVEL_AWAIT != 0,
            dont_imply_dedent: self.cf_flags & flags::PYCF_DONT_IMPLY_DEDENT != 0,
            allow_incomplete_input: self.cf_flags & flags::PYCF_ALLOW_INCOMPLETE_INPUT != 0,
            ignore_cookie: self.cf_flags & flags::PYCF_IGNORE_COOKIE != 0,
            type_comments: self.cf_flags & flags::PYCF_TYPE_COMMENTS != 0,
            from_file: self.from_file,
            feature_version: self.feature_version,
            max_int_digits: py.state().int_max_str_digits.load(std::sync::atomic::Ordering::Relaxed),
        }
    }
}

/// Fails when there is no memory to compile a source of `length` bytes.
fn room_for(py: Attached<'_>, length: usize) -> PyResult<()> {
    /// What the parser's tree, ours and the instructions take together for a byte of the standard library, and half as
    /// much again.
    const MEMORY: usize = 45;
    krait_object::reserve::need(py, length.saturating_mul(MEMORY))
}

/// Compiles the bytes of a file: byte order mark and encoding cookie are honoured.
///
/// # Errors
/// `SyntaxError` and what else `compile()` raises.
pub fn compile_source(
    py: Attached<'_>,
    source: &[u8],
    filename: &Str,
    mode: Mode,
    flags: &CompileFlags,
) -> PyResult<Ref<Code>> {
    room_for(py, source.len())?;
    let name = filename.to_string_lossy();
    let options = flags.resolve(py);
    if let Some(text) = decode_by_codec(py, source, filename, options.ignore_cookie, flags.from_file)? {
        return finish(py, krait_compiler::compile(text.to_utf8(py)?, &name, mode, options), filename, flags);
    }
    if options.ignore_cookie && std::str::from_utf8(source).is_err() {
        let text = krait_object::codecs::decode(py, source, Some("utf-8"), None)?;
        return finish(py, krait_compiler::compile(text.to_utf8(py)?, &name, mode, options), filename, flags);
    }
    finish(py, krait_compiler::compile_bytes(source, &name, mode, options), filename, flags)
}

/// Raises that a source cannot be decoded, which has no place in it.
fn encoding_problem(py: Attached<'_>, filename: &Str, message: &str) -> Raised {
    let build = || {
        let numbers = [krait_object::Int::from_i64(py, 0)?, krait_object::Int::from_i64(py, -1)?];
        let none = krait_object::none();
        let place = [filename.as_object(), numbers[0].as_object(), numbers[1].as_object(), &none];
        let place = Tuple::from_slice(py, &place)?;
        let message = Str::new(py, message)?;
        let args = Tuple::from_slice(py, &[message.as_object(), place.as_object()])?;
        Ok(py.raise_value(exc::SyntaxError(), args.as_object()))
    };
    build().unwrap_or_else(|raised| raised)
}

/// The text of bytes whose cookie names an encoding that only the registry of codecs knows.
fn decode_by_codec(
    py: Attached<'_>,
    source: &[u8],
    filename: &Str,
    ignore_cookie: bool,
    from_file: bool,
) -> PyResult<Option<Ref<Str>>> {
    use krait_compiler::source::{cookie_end, find_cookie, is_known_encoding};
    if ignore_cookie || source.starts_with(b"\xef\xbb\xbf") || source.contains(&0) {
        return Ok(None);
    }
    let Some(name) = find_cookie(source).filter(|name| !is_known_encoding(name)) else { return Ok(None) };
    let encoding = Str::new(py, &name)?;
    let decode =
        |bytes: &[u8]| Bytes::new(py, bytes)?.as_object().call_method(py, id!(py, decode), &[encoding.as_object()]);
    let decoded = match decode(source) {
        // A file is read through the codec from the cookie on.
        Err(raised) if from_file && raised.matches(py, exc::UnicodeDecodeError()) => {
            let whole = raised.take(py);
            decode(&source[cookie_end(source)..]).and_then(|_| Err(py.restore(whole)))
        }
        decoded => decoded,
    };
    match decoded {
        Ok(text) => text.downcast::<Str>().map(Some).map_err(|_| py.bad_internal_call()),
        Err(raised) if raised.matches(py, exc::LookupError()) => {
            let error = raised.take(py);
            let text = error.as_object().str(py)?.to_string_lossy().into_owned();
            if text.contains("is not a text encoding") {
                let shown = if from_file { text.split(';').next().unwrap_or_default() } else { &text };
                return Err(encoding_problem(py, filename, shown));
            }
            Err(encoding_problem(py, filename, &format!("unknown encoding: {name}")))
        }
        Err(raised) if raised.matches(py, exc::UnicodeDecodeError()) => {
            let error = raised.take(py);
            let text = error.as_object().str(py)?.to_string_lossy().into_owned();
            Err(encoding_problem(py, filename, &text))
        }
        Err(raised) => Err(raised),
    }
}

fn finish(
    py: Attached<'_>,
    result: Result<krait_compiler::Compiled, CompileError>,
    filename: &Str,
    flags: &CompileFlags,
) -> PyResult<Ref<Code>> {
    match result {
        Ok(compiled) => {
            issue_warnings(py, &compiled.warnings, filename)?;
            let share = FREE_THREADED && flags.stays || made_by_import(py);
            code_object(py, &compiled.code, share)
        }
        Err(error) => {
            issue_warnings(py, &error.warnings, filename)?;
            Err(raise_compile_error(py, &error, filename))
        }
    }
}

/// Issues what the compiler warned of.
pub(crate) fn issue_warnings(py: Attached<'_>, warnings: &[Warning], filename: &Str) -> PyResult<()> {
    warnings.iter().try_for_each(|warning| issue(py, warning, filename))
}

/// Issues a compiler warning; one that the filters turn into an error is a `SyntaxError` at its place.
fn issue(py: Attached<'_>, warning: &Warning, filename: &Str) -> PyResult<()> {
    let category = match warning.kind {
        WarningKind::Syntax => exc::SyntaxWarning(),
        WarningKind::Deprecation => exc::DeprecationWarning(),
    };
    let Err(raised) = crate::warnings::warn_explicit(py, category, &warning.msg, filename, warning.loc.line, None)
    else {
        return Ok(());
    };
    if !raised.matches(py, category) {
        return Err(raised);
    }
    raised.clear(py);
    let text = file_line(py, filename, warning.loc.line);
    let details = SyntaxDetails {
        filename: Some(filename.as_object()),
        lineno: warning.loc.line.max(0) as usize,
        offset: (warning.loc.column + 1).max(0) as usize,
        text: text.as_deref(),
        end_lineno: warning.loc.end_line.max(0) as usize,
        end_offset: i64::from(warning.loc.end_column + 1).max(0),
        context: None,
    };
    Err(raise_syntax_error(py, exc::SyntaxError(), &warning.error_message(), &details))
}

/// A line of the file that a code object would come from, if there is such a file.
fn file_line(py: Attached<'_>, filename: &Str, line: i32) -> Option<String> {
    let name = filename.to_string_lossy();
    if name.starts_with('<') {
        return None;
    }
    let bytes = std::fs::read(&*name).ok()?;
    let text = match decode_by_codec(py, &bytes, filename, false, false) {
        Ok(Some(text)) => text.to_string_lossy().into_owned(),
        Ok(None) => krait_compiler::source::decode_source(&bytes, None, false)
            .unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned()),
        Err(raised) => {
            raised.clear(py);
            return None;
        }
    };
    let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text };
    text.split_inclusive('\n').nth(usize::try_from(line - 1).ok()?).map(str::to_owned)
}

/// Raises what a failed compilation stands for.
pub fn raise_compile_error(py: Attached<'_>, error: &CompileError, filename: &Str) -> Raised {
    let class = match error.kind {
        ErrorKind::Syntax => exc::SyntaxError(),
        ErrorKind::Indentation => exc::IndentationError(),
        ErrorKind::Tab => exc::TabError(),
        ErrorKind::IncompleteInput => exc::_IncompleteInputError(),
        ErrorKind::Type => return raise!(py, TypeError, "{}", error.msg),
        ErrorKind::Value => return raise!(py, ValueError, "{}", error.msg),
        ErrorKind::Overflow => return raise!(py, OverflowError, "{}", error.msg),
        ErrorKind::Recursion => return raise!(py, RecursionError, "{}", error.msg),
        ErrorKind::Memory if error.msg.is_empty() => return py.no_memory(),
        ErrorKind::Memory => return raise!(py, MemoryError, "{}", error.msg),
        ErrorKind::System => return raise!(py, SystemError, "{}", error.msg),
    };
    let Some(lineno) = error.lineno else { return py.raise(class, &error.msg) };
    if error.is_encoding() {
        return encoding_problem(py, filename, &error.msg);
    }
    let in_file = if error.line_of_file { file_line(py, filename, lineno) } else { None };
    let known = in_file
        .map(krait_compiler::Wtf8::from)
        .or_else(|| error.text.clone())
        .or_else(|| Some(file_line(py, filename, lineno)?.into()));
    let text = known.as_ref().map(|text| match text.as_str() {
        Some(text) => text.to_owned(),
        None => text.code_points().map(|point| char::from_u32(point).unwrap_or('\u{fffd}')).collect(),
    });
    let number = |value: Option<i32>, default: i32| value.unwrap_or(default).max(0) as usize;
    let details = SyntaxDetails {
        filename: Some(filename.as_object()),
        lineno: lineno.max(0) as usize,
        offset: number(error.offset, 0),
        text: text.as_deref(),
        end_lineno: number(error.end_lineno, lineno),
        end_offset: i64::from(error.end_offset.unwrap_or(0)),
        context: error.context.as_ref().map(|context| {
            let (line, column) = context.last_block;
            (line.max(0) as usize, column.max(0) as usize, context.source.as_str())
        }),
    };
    raise_syntax_error(py, class, &error.msg, &details)
}

/// A source argument: text, or the bytes of something.
enum SourceText<'a> {
    Text(&'a str),
    Bytes(Vec<u8>),
}

/// The text of a source argument: `str`, `bytes`, or anything with a buffer.
fn source_text<'a>(py: Attached<'_>, source: &'a Object, function: &str, mode: Mode) -> PyResult<SourceText<'a>> {
    if let Some(text) = source.downcast::<Str>() {
        // A text is what it is: a coding cookie in it means nothing.
        let text = text.to_utf8(py)?;
        room_for(py, text.len())?;
        return Ok(SourceText::Text(if function == "eval" { trim_eval(text, mode) } else { text }));
    }
    let bytes = if let Some(bytes) = source.downcast::<Bytes>() {
        bytes.as_slice().to_vec()
    } else if let Some(bytes) = source.downcast::<ByteArray>() {
        bytes.to_vec(py)?
    } else {
        let view = krait_object::MemoryView::new(py, source);
        match view {
            Ok(view) => view.as_object().bytes(py)?.as_slice().to_vec(),
            Err(raised) => {
                raised.clear(py);
                let (number, kinds) = match function {
                    "compile" => ("compile() arg 1", "a string, bytes or AST object"),
                    "eval" => ("eval() arg 1", "a string, bytes or code object"),
                    "symtable" => ("symtable() arg 1", "a string or bytes object"),
                    _ => ("exec() arg 1", "a string, bytes or code object"),
                };
                return Err(raise!(py, TypeError, "{number} must be {kinds}"));
            }
        }
    };
    if bytes.contains(&0) {
        return Err(raise!(py, SyntaxError, "source code string cannot contain null bytes"));
    }
    room_for(py, bytes.len())?;
    Ok(SourceText::Bytes(bytes))
}

/// Compiles a source argument: text, bytes, or anything with a buffer.
///
/// # Errors
/// `TypeError` for other objects, and what `compile()` raises.
pub fn compile_object(
    py: Attached<'_>,
    source: &Object,
    function: &str,
    filename: &Str,
    mode: Mode,
    flags: &CompileFlags,
) -> PyResult<Ref<Code>> {
    match source_text(py, source, function, mode)? {
        SourceText::Text(text) => {
            let options = flags.resolve(py);
            finish(py, krait_compiler::compile(text, &filename.to_string_lossy(), mode, options), filename, flags)
        }
        SourceText::Bytes(bytes) => compile_source(py, &bytes, filename, mode, flags),
    }
}

/// Parses a source argument to `ast` objects.
pub fn parse_object(
    py: Attached<'_>,
    source: &Object,
    filename: &Str,
    mode: Mode,
    options: &CompileFlags,
) -> PyResult<Ref<Object>> {
    let resolved = options.resolve(py);
    let name = filename.to_string_lossy();
    let parsed = match source_text(py, source, "compile", mode)? {
        SourceText::Text(text) => krait_compiler::parse_text(text, mode, resolved),
        SourceText::Bytes(bytes) => match decode_by_codec(py, &bytes, filename, resolved.ignore_cookie, false)? {
            Some(text) => krait_compiler::parse_text(text.to_utf8(py)?, mode, resolved),
            None => krait_compiler::parse_bytes(&bytes, &name, mode, resolved),
        },
    };
    let tree = match parsed {
        Ok(tree) => tree,
        Err(error) => {
            issue_warnings(py, &error.warnings, filename)?;
            return Err(raise_compile_error(py, &error, filename));
        }
    };
    let optimized = options.cf_flags & flags::PYCF_OPTIMIZED_AST == flags::PYCF_OPTIMIZED_AST;
    crate::ast::nodes(py, tree, optimized.then_some(resolved.optimize), filename)
}

/// The symbol table of a source argument.
pub(crate) fn parse_symbols(
    py: Attached<'_>,
    source: &Object,
    filename: &Str,
    mode: Mode,
) -> PyResult<Vec<krait_compiler::symbols::SymbolBlock>> {
    use krait_compiler::symbols::{symbols_bytes, symbols_text};
    let options = CompileFlags::default().resolve(py);
    let result = match source_text(py, source, "symtable", mode)? {
        SourceText::Text(text) => symbols_text(text, mode, options),
        SourceText::Bytes(bytes) => match decode_by_codec(py, &bytes, filename, options.ignore_cookie, false)? {
            Some(text) => symbols_text(text.to_utf8(py)?, mode, options),
            None => symbols_bytes(&bytes, &filename.to_string_lossy(), mode, options),
        },
    };
    let (blocks, warnings) = result.map_err(|error| raise_compile_error(py, &error, filename))?;
    issue_warnings(py, &warnings, filename)?;
    Ok(blocks)
}

/// `eval` ignores blanks before an expression.
fn trim_eval(text: &str, mode: Mode) -> &str {
    if mode == Mode::Eval { text.trim_start_matches([' ', '\t']) } else { text }
}

/// A file name argument: text, bytes or a path object, as text (`PyUnicode_FSDecoder`).
///
/// # Errors
/// `TypeError` for other objects, `ValueError` for embedded null characters.
pub fn filename(py: Attached<'_>, object: &Object) -> PyResult<Ref<Str>> {
    let path = match object.downcast::<Str>().is_some() || object.downcast::<Bytes>().is_some() {
        true => object.to_ref(),
        false => match object.lookup_special(py, id!(py, __fspath__))? {
            Some(method) => method.call0(py)?,
            None => {
                return Err(raise!(
                    py,
                    TypeError,
                    "expected str, bytes or os.PathLike object, not {}",
                    object.ty().name()
                ));
            }
        },
    };
    let text = match (*path).downcast::<Bytes>() {
        Some(bytes) => Str::from_fs_bytes(py, bytes.as_slice())?,
        None => path.downcast::<Str>().map_err(|path| {
            raise!(py, TypeError, "expected str, bytes or os.PathLike object, not {}", path.ty().name())
        })?,
    };
    if text.code_points().any(|point| point == 0) {
        return Err(raise!(py, ValueError, "embedded null character"));
    }
    Ok(text)
}

/// `compile()`.
///
/// # Errors
/// `ValueError` for unknown modes, flags and levels, and what the compilation raises.
pub fn compile_builtin(
    py: Attached<'_>,
    source: &Object,
    filename: &Str,
    mode: &Str,
    cf_flags: i32,
    dont_inherit: bool,
    optimize: i32,
    feature_version: i32,
) -> PyResult<Ref<Object>> {
    let cf_flags = cf_flags as u32;
    let known = flags::FUTURE_MASK
        | flags::PYCF_SOURCE_IS_UTF8
        | flags::PYCF_DONT_IMPLY_DEDENT
        | flags::PYCF_IGNORE_COOKIE
        | flags::PYCF_TYPE_COMMENTS
        | flags::PYCF_ALLOW_TOP_LEVEL_AWAIT
        | flags::PYCF_ALLOW_INCOMPLETE_INPUT
        | flags::PYCF_OPTIMIZED_AST
        | 0x10;
    if cf_flags & !known != 0 {
        return Err(raise!(py, ValueError, "compile(): unrecognised flags"));
    }
    if !(-1..=2).contains(&optimize) {
        return Err(raise!(py, ValueError, "compile(): invalid optimize value"));
    }
    let only_ast = cf_flags & flags::PYCF_ONLY_AST != 0;
    let kind = match &*mode.to_string_lossy() {
        "exec" => Mode::Exec,
        "eval" => Mode::Eval,
        "single" => Mode::Single,
        "func_type" if only_ast => Mode::FuncType,
        "func_type" => return Err(raise!(py, ValueError, "compile() mode 'func_type' requires flag PyCF_ONLY_AST")),
        _ => {
            let kinds = if only_ast { "'exec', 'eval', 'single' or 'func_type'" } else { "'exec', 'eval' or 'single'" };
            return Err(raise!(py, ValueError, "compile() mode must be {kinds}"));
        }
    };
    crate::sysmodule::audit_event(py, "compile", &[source, filename.as_object()])?;
    let options = CompileFlags {
        future: cf_flags & flags::FUTURE_MASK,
        inherit: !dont_inherit,
        stays: false,
        optimize: u8::try_from(optimize).ok(),
        cf_flags,
        feature_version: if only_ast { feature_version.clamp(0, 255) as u8 } else { 0 },
        from_file: false,
    };
    if crate::ast::is_tree(py, source)? {
        return crate::ast::compile_tree(py, source, filename, kind, &options);
    }
    if only_ast {
        return parse_object(py, source, filename, kind, &options);
    }
    Ok(compile_object(py, source, "compile", filename, kind, &options)?.upcast())
}
