//! `writer`: sequences of fields to text.
use super::dialect::{Dialect, Params, Quoting};
use super::{dialect_of, fail};
use krait_object::args::Args;
use krait_object::builtins::StrBuilder;
use krait_object::layout::PyNumberMethods;
use krait_object::native::{alloc, part, type_name};
use krait_object::{Attached, Layout, Object, PyResult, Ref, Slot, Str, exc, id, pytype, raise};

krait_object::native! {
    /// `writer`.
    pub struct Writer { write: Slot, dialect: Slot<Dialect> }
}
pytype! {
    pub static WRITER: "_csv.writer" for Writer {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        doc: "CSV writer\n\nWriter objects turn sequences into lines of a CSV file.",
        slots: { tp_dealloc = Writer::dealloc, tp_traverse = Writer::traverse },
        methods: {
            o "writerow" => Writer::writerow, "($self, row, /)", "Write one row, an iterable of fields.\n\nFields that are not strings are written as str() gives them.";
            o "writerows" => Writer::writerows, "($self, rows, /)", "Write all rows of an iterable.";
        },
        getset: {
            "dialect" => |_: Attached<'_>, this: &Writer| this.dialect.get(), "The dialect of the writer.";
        },
    }
}

/// A line under way.
struct Line<'a> {
    params: &'a Params,
    terminator: Vec<u32>,
    text: StrBuilder,
    fields: usize,
}

fn number_methods(object: &Object) -> Option<&PyNumberMethods> {
    // SAFETY: a ready type's tables live as long as the type, and the object keeps its type alive.
    unsafe { object.ty().as_type().tp_as_number.get().as_ref() }
}

/// Whether the type converts to numbers, as `PyNumber_Check` tells it.
fn is_number(object: &Object) -> bool {
    number_methods(object).is_some_and(|methods| {
        methods.nb_index.get().is_some() || methods.nb_int.get().is_some() || methods.nb_float.get().is_some()
    }) || object.downcast::<krait_object::Complex>().is_some()
}

impl Line<'_> {
    fn push(&mut self, py: Attached<'_>, field: Option<&Str>, null: bool, mut quoted: bool) -> PyResult<()> {
        let params = self.params;
        let is_empty = field.is_none_or(Str::is_empty);
        if is_empty && params.delimiter == 32 && params.skip_space {
            let bare = null && matches!(params.quoting, Quoting::Strings | Quoting::NotNull);
            if params.quoting == Quoting::None || bare {
                return Err(fail(
                    py,
                    "empty field must be quoted if delimiter is a space and skipinitialspace is true",
                ));
            }
            quoted = true;
        }
        let mut body = StrBuilder::with_capacity(field.map_or(0, Str::len) + 2);
        if let Some(field) = field {
            for point in field.code_points() {
                let (quote, escape) = (Some(point) == params.quote, Some(point) == params.escape);
                if quote
                    || escape
                    || point == params.delimiter
                    || matches!(point, 10 | 13)
                    || self.terminator.contains(&point)
                {
                    let mut needs_escape = params.quoting == Quoting::None || escape;
                    if !needs_escape && quote {
                        match params.quote {
                            Some(quote) if params.double_quote => body.push(quote),
                            _ => needs_escape = true,
                        }
                    }
                    if !needs_escape {
                        quoted = true;
                    } else if let Some(escape) = params.escape {
                        body.push(escape);
                    } else {
                        return Err(fail(py, "need to escape, but no escapechar set"));
                    }
                }
                body.push(point);
            }
        }
        if self.fields > 0 {
            self.text.push(params.delimiter);
        }
        let quote = params.quote.filter(|_| quoted);
        if let Some(quote) = quote {
            self.text.push(quote);
        }
        self.text.push_obj(&*body.finish(py)?);
        if let Some(quote) = quote {
            self.text.push(quote);
        }
        self.fields += 1;
        Ok(())
    }
}

impl Writer {
    pub fn make(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Writer>> {
        krait_object::args::check_positional(py, "writer", args.pos.len(), 1, 2)?;
        let write = args.pos[0].get_attr_opt(py, id!(py, write))?;
        let Some(write) = write.filter(|write| write.is_callable()) else {
            return Err(raise!(py, TypeError, "argument 1 must have a \"write\" method"));
        };
        let dialect = dialect_of(py, args)?;
        let this = alloc::<Writer>(py, Self::type_object())?;
        drop(this.write.replace(Some(write)));
        drop(this.dialect.replace(Some(dialect)));
        Ok(this)
    }

    fn writerow(py: Attached<'_>, this: &Writer, row: &Object) -> PyResult<Ref<Object>> {
        let iter = row.iter(py).map_err(|raised| {
            if !raised.matches(py, exc::TypeError()) {
                return raised;
            }
            raised.clear(py);
            fail(py, format_args!("iterable expected, not {}", type_name(row)))
        })?;
        let dialect = part(py, &this.dialect)?;
        let params = dialect.params(py)?;
        let terminator = params.terminator.to_code_points();
        let mut line = Line { params, terminator, text: StrBuilder::with_capacity(64), fields: 0 };
        let mut null = false;
        while let Some(field) = iter.iter_next(py)? {
            null = field.is_none();
            let text = field.as_object().downcast::<Str>();
            let quoted = match params.quoting {
                Quoting::NonNumeric => !is_number(&field),
                Quoting::All => true,
                Quoting::Strings => text.is_some(),
                Quoting::NotNull => !null,
                Quoting::Minimal | Quoting::None => false,
            };
            match text {
                Some(text) => line.push(py, Some(text), false, quoted)?,
                None if null => line.push(py, None, true, quoted)?,
                None => line.push(py, Some(&*field.str(py)?), false, quoted)?,
            }
        }
        if line.fields > 0 && line.text.is_empty() {
            let bare = null && matches!(params.quoting, Quoting::Strings | Quoting::NotNull);
            if params.quoting == Quoting::None || bare {
                return Err(fail(py, "single empty field record must be quoted"));
            }
            line.fields -= 1;
            line.push(py, None, false, true)?;
        }
        line.text.push_obj(&params.terminator);
        let text = line.text.finish(py)?;
        part(py, &this.write)?.call_pos(py, &[text.as_object()])
    }

    fn writerows(py: Attached<'_>, this: &Writer, rows: &Object) -> PyResult<()> {
        let iter = rows.iter(py)?;
        while let Some(row) = iter.iter_next(py)? {
            Writer::writerow(py, this, &row)?;
        }
        Ok(())
    }
}
