//! `reader`: text to lists of fields.
use super::dialect::{Dialect, Params, Quoting};
use super::{FIELD_LIMIT, dialect_of, fail};
use krait_object::args::Args;
use krait_object::builtins::StrBuilder;
use krait_object::layout::Field;
use krait_object::native::{alloc, part, type_name};
use krait_object::{Attached, Float, Layout, List, Object, PyResult, Ref, Slot, Str, StrData, none, pytype};
use std::ffi::c_int;
use std::sync::atomic::Ordering;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum At {
    #[default]
    StartRecord,
    StartField,
    Escaped,
    InField,
    InQuoted,
    EscapeInQuoted,
    QuoteInQuoted,
    EatNewline,
    AfterEscapedNewline,
}

/// How far the present record is read.
#[derive(Default)]
struct Record {
    fields: Vec<Ref<Object>>,
    field: Option<StrBuilder>,
    at: At,
    /// The field began without a quote.
    unquoted: bool,
}

/// The end of a line as a character.
const END: u32 = u32::MAX;

impl Record {
    fn len(&self) -> usize {
        self.field.as_ref().map_or(0, StrBuilder::len)
    }

    #[inline]
    fn push(&mut self, py: Attached<'_>, point: u32, limit: i64) -> PyResult<()> {
        let field = self.field.get_or_insert_with(|| StrBuilder::with_capacity(16));
        if field.len() as i64 >= limit {
            return Err(fail(py, format_args!("field larger than field limit ({limit})")));
        }
        field.push(point);
        Ok(())
    }

    /// Ends the present field.
    fn save(&mut self, py: Attached<'_>, params: &Params) -> PyResult<()> {
        let field = self.field.take();
        let plain = std::mem::take(&mut self.unquoted);
        let value = match field {
            None if plain && matches!(params.quoting, Quoting::NotNull | Quoting::Strings) => none(),
            None => Str::empty().upcast(),
            Some(field) => {
                let text = field.finish(py)?.upcast();
                match params.quoting {
                    Quoting::NonNumeric | Quoting::Strings if plain => {
                        Float::type_object().as_object().call_pos(py, &[&text])?
                    }
                    _ => text,
                }
            }
        };
        self.fields.push(value);
        Ok(())
    }

    /// Ends the present field and the line behind it.
    fn end_line(&mut self, py: Attached<'_>, params: &Params, point: u32) -> PyResult<()> {
        self.save(py, params)?;
        self.at = if point == END { At::StartRecord } else { At::EatNewline };
        Ok(())
    }

    fn take(&mut self, py: Attached<'_>, params: &Params, point: u32, limit: i64) -> PyResult<()> {
        let newline = matches!(point, 10 | 13 | END);
        let quotes = params.quoting != Quoting::None && Some(point) == params.quote;
        let escapes = Some(point) == params.escape;
        let or_newline = if point == END { 10 } else { point };
        match self.at {
            At::StartRecord if point == END => {}
            At::StartRecord if newline => self.at = At::EatNewline,
            At::StartRecord | At::StartField => {
                self.unquoted = true;
                if newline {
                    return self.end_line(py, params, point);
                }
                self.at = At::StartField;
                if quotes {
                    self.unquoted = false;
                    self.at = At::InQuoted;
                } else if escapes {
                    self.at = At::Escaped;
                } else if point == 32 && params.skip_space {
                } else if point == params.delimiter {
                    self.save(py, params)?;
                } else {
                    self.at = At::InField;
                    self.push(py, point, limit)?;
                }
            }
            At::Escaped => {
                self.at = if matches!(point, 10 | 13) { At::AfterEscapedNewline } else { At::InField };
                self.push(py, or_newline, limit)?;
            }
            At::AfterEscapedNewline if point == END => {}
            At::AfterEscapedNewline | At::InField => {
                self.at = At::InField;
                if newline {
                    return self.end_line(py, params, point);
                } else if escapes {
                    self.at = At::Escaped;
                } else if point == params.delimiter {
                    self.save(py, params)?;
                    self.at = At::StartField;
                } else {
                    self.push(py, point, limit)?;
                }
            }
            At::InQuoted if point == END => {}
            At::InQuoted => {
                if escapes {
                    self.at = At::EscapeInQuoted;
                } else if quotes {
                    self.at = if params.double_quote { At::QuoteInQuoted } else { At::InField };
                } else {
                    self.push(py, point, limit)?;
                }
            }
            At::EscapeInQuoted => {
                self.push(py, or_newline, limit)?;
                self.at = At::InQuoted;
            }
            At::QuoteInQuoted => {
                if quotes {
                    self.push(py, point, limit)?;
                    self.at = At::InQuoted;
                } else if point == params.delimiter {
                    self.save(py, params)?;
                    self.at = At::StartField;
                } else if newline {
                    return self.end_line(py, params, point);
                } else if params.strict {
                    let shown = |point: Option<u32>| point.and_then(char::from_u32).unwrap_or('?');
                    let (delimiter, quote) = (shown(Some(params.delimiter)), shown(params.quote));
                    return Err(fail(py, format_args!("'{delimiter}' expected after '{quote}'")));
                } else {
                    self.push(py, point, limit)?;
                    self.at = At::InField;
                }
            }
            At::EatNewline if point == END => self.at = At::StartRecord,
            At::EatNewline if newline => {}
            At::EatNewline => {
                return Err(fail(
                    py,
                    "new-line character seen in unquoted field - do you need to open the file with newline=''?",
                ));
            }
        }
        Ok(())
    }

    fn take_all<T: Copy + Into<u32>>(&mut self, py: Attached<'_>, params: &Params, units: &[T]) -> PyResult<()> {
        let limit = FIELD_LIMIT.load(Ordering::Relaxed);
        for unit in units {
            self.take(py, params, (*unit).into(), limit)?;
        }
        self.take(py, params, END, limit)
    }
}

krait_object::native! {
    /// `reader`.
    pub struct Reader { lines: Slot, dialect: Slot<Dialect>, line_num: Field<usize>, calls: Field<usize> }
}
pytype! {
    pub static READER: "_csv.reader" for Reader {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "CSV reader\n\nReader objects give the rows of a CSV file one by one.",
        slots: {
            tp_dealloc = Reader::dealloc,
            tp_traverse = Reader::traverse,
            tp_iter = |_: Attached<'_>, this: &Reader| this.to_ref(),
            tp_iternext = Reader::next,
        },
        getset: {
            "dialect" => |_: Attached<'_>, this: &Reader| this.dialect.get(), "The dialect of the reader.";
        },
        members: [
            krait_object::typedef::member("line_num\0", krait_object::layout::Py_T_PYSSIZET as c_int, std::mem::offset_of!(Reader, line_num), krait_object::layout::Py_READONLY as c_int, c"How many lines were read."),
        ],
    }
}

impl Reader {
    pub fn make(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Reader>> {
        krait_object::args::check_positional(py, "reader", args.pos.len(), 1, 2)?;
        let (lines, dialect) = (args.pos[0], dialect_of(py, args)?);
        let lines = lines.iter(py)?;
        let this = alloc::<Reader>(py, Self::type_object())?;
        drop(this.lines.replace(Some(lines)));
        drop(this.dialect.replace(Some(dialect)));
        Ok(this)
    }

    fn next(py: Attached<'_>, this: &Reader) -> PyResult<Option<Ref<List>>> {
        let (lines, dialect) = (part(py, &this.lines)?, part(py, &this.dialect)?);
        let params = dialect.params(py)?;
        // Fetching a line runs Python code, which must not ask this reader for a row meanwhile.
        let call = this.calls.get().wrapping_add(1);
        this.calls.set(call);
        let mut record = Record::default();
        loop {
            let line = lines.iter_next(py)?;
            if this.calls.get() != call {
                return Err(fail(py, "iterator has already advanced the reader"));
            }
            let Some(line) = line else {
                if record.len() == 0 && record.at != At::InQuoted {
                    return Ok(None);
                }
                if params.strict {
                    return Err(fail(py, "unexpected end of data"));
                }
                record.save(py, params)?;
                break;
            };
            let Some(text) = line.as_object().downcast::<Str>() else {
                let name = type_name(&line);
                return Err(fail(
                    py,
                    format_args!("iterator should return strings, not {name} (the file should be opened in text mode)"),
                ));
            };
            this.line_num.set(this.line_num.get() + 1);
            match text.data() {
                StrData::Ascii(units) | StrData::Latin1(units) => record.take_all(py, params, units)?,
                StrData::Ucs2(units) => record.take_all(py, params, units)?,
                StrData::Ucs4(units) => record.take_all(py, params, units)?,
            }
            if record.at == At::StartRecord {
                break;
            }
        }
        List::from_vec(py, record.fields).map(Some)
    }
}
