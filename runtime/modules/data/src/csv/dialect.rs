//! `Dialect`: what separates and quotes fields.
use super::registered;
use krait_object::args::{Args, Signature};
use krait_object::native::{Arg, Fixed, Trace, alloc, character, type_name};
use krait_object::{Attached, Int, Layout, Object, PyResult, Ref, Str, Type, Visit, pytype, raise};
use std::ffi::c_int;

/// When fields are quoted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quoting {
    Minimal,
    All,
    NonNumeric,
    None,
    Strings,
    NotNull,
}

const QUOTINGS: [Quoting; 6] =
    [Quoting::Minimal, Quoting::All, Quoting::NonNumeric, Quoting::None, Quoting::Strings, Quoting::NotNull];

/// The attributes of a dialect.
pub struct Params {
    pub delimiter: u32,
    pub quote: Option<u32>,
    pub escape: Option<u32>,
    pub terminator: Ref<Str>,
    pub quoting: Quoting,
    pub double_quote: bool,
    pub skip_space: bool,
    pub strict: bool,
}

impl Trace for Params {
    fn trace(&self, visit: Visit<'_>) -> Result<(), c_int> {
        self.terminator.trace(visit)
    }
}

krait_object::native! {
    /// `Dialect`.
    pub struct Dialect { params: Fixed<Params> }
}
pytype! {
    pub static DIALECT: "_csv.Dialect" for Dialect {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "CSV dialect\n\nThe attributes of a dialect, checked.",
        slots: {
            tp_dealloc = Dialect::dealloc,
            tp_traverse = Dialect::traverse,
            tp_new = Dialect::construct,
        },
        methods: {
            noargs "__reduce__" => Dialect::reduce, "($self, /)", "Refuse to be pickled.";
            sig "__reduce_ex__" => |py: Attached<'_>, this: &Dialect, _: [Arg<'_>; 1]| Dialect::reduce(py, this), "($self, protocol, /)", "Refuse to be pickled.";
        },
        getset: {
            "delimiter" => |py: Attached<'_>, this: &Dialect| this.params(py).and_then(|params| Str::from_char(py, params.delimiter)), "What separates fields.";
            "doublequote" => |py: Attached<'_>, this: &Dialect| this.params(py).map(|params| params.double_quote), "Whether a quote within a field is doubled.";
            "escapechar" => |py: Attached<'_>, this: &Dialect| this.params(py).and_then(|params| params.escape.map(|point| Str::from_char(py, point)).transpose()), "What takes the meaning from the next character.";
            "lineterminator" => |py: Attached<'_>, this: &Dialect| this.params(py).map(|params| params.terminator.clone()), "What ends a written line.";
            "quotechar" => |py: Attached<'_>, this: &Dialect| this.params(py).and_then(|params| params.quote.map(|point| Str::from_char(py, point)).transpose()), "What stands around quoted fields.";
            "quoting" => |py: Attached<'_>, this: &Dialect| this.params(py).map(|params| params.quoting as i32), "When fields are quoted.";
            "skipinitialspace" => |py: Attached<'_>, this: &Dialect| this.params(py).map(|params| params.skip_space), "Whether blanks after a delimiter are skipped.";
            "strict" => |py: Attached<'_>, this: &Dialect| this.params(py).map(|params| params.strict), "Whether bad input is an error.";
        },
    }
}

const NAMES: [&str; 8] =
    ["delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting", "skipinitialspace", "strict"];

fn single(py: Attached<'_>, name: &str, value: &Object, or_none: &str) -> PyResult<u32> {
    character(py, value, format_args!("\"{name}\" must be a unicode character{or_none}"))
}

fn char_or_none(py: Attached<'_>, name: &str, value: Arg<'_>, default: Option<u32>) -> PyResult<Option<u32>> {
    match value {
        None => Ok(default),
        Some(value) if value.is_none() => Ok(None),
        Some(value) => single(py, name, value, " or None").map(Some),
    }
}

fn flag(py: Attached<'_>, value: Arg<'_>, default: bool) -> PyResult<bool> {
    value.map_or(Ok(default), |value| value.is_true(py))
}

impl Dialect {
    pub fn params(&self, py: Attached<'_>) -> PyResult<&Params> {
        self.params.get().ok_or_else(|| py.bad_internal_call())
    }

    fn reduce(py: Attached<'_>, this: &Dialect) -> PyResult<Ref<Object>> {
        let name = this.as_object().ty().short_name().into_owned();
        Err(raise!(py, TypeError, "cannot pickle '{name}' instances"))
    }

    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Object>> {
        const SIG: Signature = Signature::parse(
            "Dialect",
            "(dialect=None, delimiter=None, doublequote=None, escapechar=None, lineterminator=None, quotechar=None, quoting=None, skipinitialspace=None, strict=None)",
        );
        for name in args.names {
            if let Some(name) = name.downcast::<Str>()
                && !name.eq_str("dialect")
                && !NAMES.iter().any(|known| name.eq_str(known))
            {
                return Err(raise!(py, TypeError, "this function got an unexpected keyword argument '{name}'"));
            }
        }
        let [dialect, given @ ..] = SIG.bind::<9>(py, args)?;
        Self::build(py, ty, dialect, given)
    }

    /// A dialect of a name, class or instance, with some attributes replaced.
    pub fn make(py: Attached<'_>, dialect: Arg<'_>, params: &[(&Object, &Object)]) -> PyResult<Ref<Dialect>> {
        let pos: Vec<&Object> = dialect.into_iter().collect();
        let (names, values): (Vec<&Object>, Vec<&Object>) = params.iter().copied().unzip();
        let new = Self::construct(py, Self::type_object(), Args { pos: &pos, names: &names, values: &values })?;
        new.downcast::<Dialect>().map_err(|_| py.bad_internal_call())
    }

    fn build(py: Attached<'_>, ty: &Type, dialect: Arg<'_>, given: [Arg<'_>; 8]) -> PyResult<Ref<Object>> {
        let mut base = None;
        if let Some(dialect) = dialect.filter(|dialect| !dialect.is_none()) {
            let dialect = match dialect.downcast::<Str>() {
                Some(_) => registered(py, dialect)?,
                None => dialect.to_ref(),
            };
            if std::ptr::eq(ty, Self::type_object())
                && dialect.as_object().downcast_exact::<Dialect>().is_some()
                && given.iter().all(Option::is_none)
            {
                return Ok(dialect);
            }
            base = Some(dialect);
        }
        let mut values: [Option<Ref<Object>>; 8] = given.map(|value| value.map(Layout::to_ref));
        if let Some(base) = &base {
            for (value, name) in values.iter_mut().zip(NAMES) {
                if value.is_none() {
                    *value = match base.get_attr(py, Str::intern_static(py, name)) {
                        Ok(value) => Some(value),
                        Err(raised) => {
                            raised.clear(py);
                            None
                        }
                    };
                }
            }
        }
        let params = Self::check(py, values.each_ref().map(|value| value.as_deref()))?;
        let this = alloc::<Dialect>(py, ty)?;
        this.params.init(params);
        Ok(this.upcast())
    }

    fn check(py: Attached<'_>, values: [Arg<'_>; 8]) -> PyResult<Params> {
        let [delimiter, double_quote, escape, terminator, quote, quoting, skip_space, strict] = values;
        let delimiter = delimiter.map_or(Ok(u32::from(b',')), |value| single(py, "delimiter", value, ""))?;
        let double_quote = flag(py, double_quote, true)?;
        let escape = char_or_none(py, "escapechar", escape, None)?;
        let terminator = match terminator {
            None => Str::new(py, "\r\n")?,
            Some(value) => match value.downcast::<Str>() {
                Some(text) => text.to_ref(),
                None => {
                    let given = type_name(value);
                    return Err(raise!(py, TypeError, "\"lineterminator\" must be a string, not {given}"));
                }
            },
        };
        let no_quote = quote.is_some_and(Object::is_none);
        let quote = char_or_none(py, "quotechar", quote, Some(u32::from(b'"')))?;
        let quoting = match quoting {
            None if no_quote => Quoting::None,
            None => Quoting::Minimal,
            Some(value) => match value.downcast_exact::<Int>() {
                Some(int) => match int.to_i64().and_then(|at| QUOTINGS.get(usize::try_from(at).ok()?)) {
                    Some(quoting) => *quoting,
                    None => return Err(raise!(py, TypeError, "bad \"quoting\" value")),
                },
                None => {
                    let given = type_name(value);
                    return Err(raise!(py, TypeError, "\"quoting\" must be an integer, not {given}"));
                }
            },
        };
        let (skip_space, strict) = (flag(py, skip_space, false)?, flag(py, strict, false)?);
        if quoting != Quoting::None && quote.is_none() {
            return Err(raise!(py, TypeError, "quotechar must be set if quoting enabled"));
        }
        let ends = terminator.to_code_points();
        let chars = [
            ("delimiter", Some(delimiter), true),
            ("escapechar", escape, !skip_space),
            ("quotechar", quote, !skip_space),
        ];
        for (name, point, space) in chars {
            let Some(point) = point else { continue };
            if point == 10 || point == 13 || point == 32 && !space {
                return Err(raise!(py, ValueError, "bad {name} value"));
            }
            if ends.contains(&point) {
                return Err(raise!(py, ValueError, "bad {name} or lineterminator value"));
            }
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            if chars[a].1.is_some() && chars[a].1 == chars[b].1 {
                return Err(raise!(py, ValueError, "bad {} or {} value", chars[a].0, chars[b].0));
            }
        }
        Ok(Params { delimiter, quote, escape, terminator, quoting, double_quote, skip_space, strict })
    }
}
