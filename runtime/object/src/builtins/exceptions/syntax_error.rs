//! `SyntaxError` and its subclasses.
use super::{BaseException, Exception, ExceptionFields, exception, object_member};
use crate::args::Args;
use crate::handle::{Attached, Layout, Ref};
use crate::layout::PySyntaxErrorObject;
use crate::{Int, Object, PyResult, Raised, Str, Tuple, Type, raise};
use std::mem::offset_of;

const MSG: usize = offset_of!(PySyntaxErrorObject, msg);
const FILENAME: usize = offset_of!(PySyntaxErrorObject, filename);
const LINENO: usize = offset_of!(PySyntaxErrorObject, lineno);
const OFFSET: usize = offset_of!(PySyntaxErrorObject, offset);
const TEXT: usize = offset_of!(PySyntaxErrorObject, text);
const END_LINENO: usize = offset_of!(PySyntaxErrorObject, end_lineno);
const END_OFFSET: usize = offset_of!(PySyntaxErrorObject, end_offset);
const PRINT_FILE_AND_LINE: usize = offset_of!(PySyntaxErrorObject, print_file_and_line);
const METADATA: usize = offset_of!(PySyntaxErrorObject, metadata);
const FIELDS: &[usize] = &[MSG, FILENAME, LINENO, OFFSET, TEXT, END_LINENO, END_OFFSET, PRINT_FILE_AND_LINE, METADATA];

exception!(
    SyntaxError(Exception), PySyntaxErrorObject, FIELDS,
    "The source is not valid Python.",
    slots: { tp_init = SyntaxError::init, tp_str = SyntaxError::str },
    members: [
        object_member("msg\0", MSG, c"The message."),
        object_member("filename\0", FILENAME, c"The file's name."),
        object_member("lineno\0", LINENO, c"The line, from 1."),
        object_member("offset\0", OFFSET, c"The column, from 1."),
        object_member("text\0", TEXT, c"The source line."),
        object_member("end_lineno\0", END_LINENO, c"The last line."),
        object_member("end_offset\0", END_OFFSET, c"The column after the end."),
        object_member("print_file_and_line\0", PRINT_FILE_AND_LINE, c"Whether the position is part of the report."),
        object_member("_metadata\0", METADATA, c"What helps to suggest a correction."),
    ]
);
exception!(IndentationError(SyntaxError), PySyntaxErrorObject, FIELDS, "The indentation is wrong.");
exception!(TabError(IndentationError), PySyntaxErrorObject, FIELDS, "Tabs and spaces are mixed.");
exception!(_IncompleteInputError(SyntaxError), PySyntaxErrorObject, FIELDS, "The source may go on.");

impl SyntaxError {
    fn init(py: Attached<'_>, this: &Self, args: Args<'_>) -> PyResult<()> {
        BaseException::init(py, this.base_exception(), args)?;
        if let Some(msg) = args.pos.first() {
            drop(this.field(MSG).replace(Some(msg.to_ref())));
        }
        let [_, info] = args.pos else { return Ok(()) };
        let info = info.sequence_tuple(py)?;
        let items = info.as_slice();
        if !(4..=7).contains(&items.len()) {
            let (word, bound) = if items.len() < 4 { ("at least", 4) } else { ("at most", 7) };
            return Err(raise!(py, TypeError, "function takes {word} {bound} arguments ({} given)", items.len()));
        }
        if items.len() == 5 {
            return Err(raise!(py, TypeError, "end_offset must be provided when end_lineno is provided"));
        }
        let fields = [FILENAME, LINENO, OFFSET, TEXT, END_LINENO, END_OFFSET, METADATA];
        for (at, field) in fields.into_iter().enumerate() {
            drop(this.field(field).replace(items.get(at).map(|item| item.to_ref())));
        }
        Ok(())
    }

    /// The message, with the file's base name and the line when they are known.
    fn str(py: Attached<'_>, this: &Self) -> PyResult<Ref<Str>> {
        let message = match this.field(MSG).get() {
            Some(message) => message.str(py)?.to_string(),
            None => "None".to_owned(),
        };
        let file = this.field(FILENAME).get().and_then(|file| file.downcast::<Str>().ok());
        let file = file.as_ref().map(|file| file.to_string());
        let file = file.as_deref().map(|file| file.rsplit('/').next().unwrap_or(file));
        let line =
            this.field(LINENO).get().and_then(|line| line.downcast_exact::<Int>().ok()).and_then(|line| line.to_i64());
        let text = match (file, line) {
            (Some(file), Some(line)) => format!("{message} ({file}, line {line})"),
            (Some(file), None) => format!("{message} ({file})"),
            (None, Some(line)) => format!("{message} (line {line})"),
            (None, None) => message,
        };
        Str::new(py, &text)
    }
}

/// Where a syntax error is; lines and columns count from 1, `None` for unknown.
pub struct SyntaxDetails<'a> {
    pub filename: Option<&'a Object>,
    pub lineno: usize,
    pub offset: usize,
    pub text: Option<&'a str>,
    pub end_lineno: usize,
    /// Below 1 where the end is not known.
    pub end_offset: i64,
    /// For errors of the parser: place of the last compound statement before, and the whole source.
    pub context: Option<(usize, usize, &'a str)>,
}

/// Raises `ty(message, (filename, lineno, offset, text, end_lineno, end_offset))`.
pub fn raise_syntax_error(py: Attached<'_>, ty: &Type, message: &str, details: &SyntaxDetails<'_>) -> Raised {
    fn build(py: Attached<'_>, ty: &Type, message: &str, details: &SyntaxDetails<'_>) -> PyResult<Raised> {
        let none = crate::none();
        let number = |value: usize| Int::from_u64(py, value as u64).map(Ref::upcast);
        let text = match details.text {
            Some(text) => Str::new(py, text)?.upcast(),
            None => none.clone(),
        };
        let [lineno, offset] = [number(details.lineno)?, number(details.offset)?];
        let end_lineno = number(details.end_lineno)?;
        let end_offset = Int::from_i64(py, details.end_offset)?.upcast();
        let filename = details.filename.unwrap_or(&none);
        let info = Tuple::from_slice(py, &[filename, &lineno, &offset, &text, &end_lineno, &end_offset])?;
        let message = Str::new(py, message)?;
        let args = Tuple::from_slice(py, &[message.as_object(), info.as_object()])?;
        let raised = py.raise_value(ty, args.as_object());
        let Some((line, column, source)) = details.context else { return Ok(raised) };
        let exception = raised.take(py);
        if let Some(error) = exception.as_object().downcast::<SyntaxError>() {
            let parts = vec![number(line)?, number(column)?, Str::new(py, source)?.upcast()];
            drop(error.field(METADATA).replace(Some(Tuple::from_vec(py, parts)?.upcast())));
        }
        Ok(py.restore(exception))
    }
    build(py, ty, message, details).unwrap_or_else(|raised| raised)
}
