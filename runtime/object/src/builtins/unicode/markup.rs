//! `str.format` and `str.format_map`.
use super::{Str, StrBuilder};
use crate::args::Args;
use crate::builtins::format::Conversion;
use crate::builtins::stringlib::Unit;
use crate::handle::{Attached, Layout, Ref};
use crate::{Int, Object, PyResult, Raised, exc, raise, with_units};
use krait_text::format::markup::{AutoNumber, Field, Key, Markup, MarkupError, Step, split_field_name};
use std::ops::Range;

/// Where field values come from.
enum Source<'a> {
    Args(Args<'a>),
    Map(&'a Object),
}

struct Formatter<'py, 'a> {
    py: Attached<'py>,
    source: Source<'a>,
    numbers: AutoNumber,
}

impl Str {
    pub(super) fn py_format(py: Attached<'_>, this: &Str, args: Args<'_>) -> PyResult<Ref<Str>> {
        Formatter::new(py, Source::Args(args)).run(this)
    }

    pub(super) fn py_format_map(py: Attached<'_>, this: &Str, map: &Object) -> PyResult<Ref<Str>> {
        Formatter::new(py, Source::Map(map)).run(this)
    }

    pub(super) fn dunder_format(py: Attached<'_>, this: &Str, spec: &Object) -> PyResult<Ref<Str>> {
        let spec = crate::builtins::textargs::str_arg(py, "__format__", "argument", spec)?;
        // A subclass may have its own `__str__`.
        if spec.is_empty() { this.as_object().str(py) } else { this.format_spec(py, spec) }
    }
}

#[cold]
fn fail(py: Attached<'_>, error: MarkupError) -> Raised {
    raise!(py, ValueError, "{}", error.message())
}

impl<'py, 'a> Formatter<'py, 'a> {
    fn new(py: Attached<'py>, source: Source<'a>) -> Self {
        Formatter { py, source, numbers: AutoNumber::default() }
    }

    fn run(mut self, text: &Str) -> PyResult<Ref<Str>> {
        let mut out = StrBuilder::with_capacity(text.len() + 32);
        with_units!(text, |units| self.build(units, text, &mut out, 2))?;
        out.finish(self.py)
    }

    /// Formats the markup `units`, which are part of `text`.
    fn build<T: Unit + Into<u32>>(
        &mut self,
        units: &[T],
        text: &Str,
        out: &mut StrBuilder,
        depth: u32,
    ) -> PyResult<()> {
        if depth == 0 {
            return Err(raise!(self.py, ValueError, "Max string recursion exceeded"));
        }
        for piece in Markup::new(units) {
            let piece = piece.map_err(|error| fail(self.py, error))?;
            if piece.literal.len() == text.len() {
                // All of it, so the result may be the text itself.
                out.push_obj(text);
                continue;
            }
            for unit in &units[piece.literal] {
                out.push(unit.to_u32());
            }
            if let Some(field) = piece.field {
                self.field(units, text, &field, out, depth)?;
            }
        }
        Ok(())
    }

    fn field<T: Unit + Into<u32>>(
        &mut self,
        units: &[T],
        text: &Str,
        field: &Field,
        out: &mut StrBuilder,
        depth: u32,
    ) -> PyResult<()> {
        let py = self.py;
        let mut value = self.value(&units[field.name.clone()])?;
        if let Some(letter) = field.conversion {
            let Some(conversion) = Conversion::from_letter(letter) else {
                return Err(match letter {
                    33..=126 => {
                        raise!(py, ValueError, "Unknown conversion specifier {}", char::from(letter as u8))
                    }
                    _ => raise!(py, ValueError, "Unknown conversion specifier \\x{letter:x}"),
                });
            };
            value = conversion.apply(py, &value)?.upcast();
        }
        let spec_units = &units[field.spec.clone()];
        let spec = if field.nested {
            let mut spec = StrBuilder::new();
            self.build(spec_units, text, &mut spec, depth - 1)?;
            spec.finish(py)?
        } else if spec_units.is_empty() {
            if let Some(text) = value.as_object().downcast_exact::<Str>() {
                out.push_obj(text);
                return Ok(());
            }
            Str::empty()
        } else {
            Str::from_units(py, spec_units)?
        };
        out.push_obj(&*value.format(py, Some(&spec))?);
        Ok(())
    }

    /// The object that a field name refers to.
    fn value<T: Unit + Into<u32>>(&mut self, name: &[T]) -> PyResult<Ref<Object>> {
        let py = self.py;
        let (key, steps) = split_field_name(name).map_err(|error| fail(py, error))?;
        let mut value = self.first(name, key)?;
        for step in steps {
            value = match step.map_err(|error| fail(py, error))? {
                Step::Attribute(range) => value.get_attr(py, &*text_of(py, name, range)?)?,
                Step::Item(Key::Index(index)) => value.get_item(py, Int::from_u64(py, index as u64)?.as_object())?,
                Step::Item(Key::Name(range)) => value.get_item(py, text_of(py, name, range)?.as_object())?,
            };
        }
        Ok(value)
    }

    fn first<T: Unit + Into<u32>>(&mut self, name: &[T], key: Key) -> PyResult<Ref<Object>> {
        let py = self.py;
        let index = match key {
            Key::Index(index) => {
                self.numbers.manual().map_err(|error| fail(py, error))?;
                index
            }
            Key::Name(range) if range.is_empty() => self.numbers.automatic().map_err(|error| fail(py, error))?,
            Key::Name(range) => {
                let key = text_of(py, name, range)?;
                let found = match &self.source {
                    Source::Map(map) => return map.get_item(py, key.as_object()),
                    Source::Args(args) => args
                        .names
                        .iter()
                        .position(|name| name.downcast::<Str>().is_some_and(|name| Str::eq(name, &key)))
                        .map(|at| args.values[at].to_ref()),
                };
                return found.ok_or_else(|| py.raise_value(exc::KeyError(), key.as_object()));
            }
        };
        match &self.source {
            Source::Map(_) => Err(raise!(py, ValueError, "Format string contains positional fields")),
            Source::Args(args) => match args.pos.get(index) {
                Some(value) => Ok(value.to_ref()),
                None => Err(raise!(py, IndexError, "Replacement index {index} out of range for positional args tuple")),
            },
        }
    }
}

fn text_of<T: Unit>(py: Attached<'_>, units: &[T], range: Range<usize>) -> PyResult<Ref<Str>> {
    Str::from_units(py, &units[range])
}
