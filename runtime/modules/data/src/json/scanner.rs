//! `make_scanner`: JSON text to objects.
use krait_object::args::{Args, Signature};
use krait_object::builtins::StrBuilder;
use krait_object::layout::Field;
use krait_object::native::{alloc, part, required, type_name};
use krait_object::{
    Attached, Bool, Dict, Float, Int, IntoObject, Layout, List, Object, PyResult, Raised, Ref, Slot, Str, StrData,
    Tuple, Type, exc, hooks, id, none, pytype, raise,
};
use std::collections::HashMap;
use std::hash::Hash;

/// Raises `json.JSONDecodeError`.
fn fail(py: Attached<'_>, message: &str, text: &Str, at: isize) -> Raised {
    let build = || {
        let class = (hooks::hooks().import)(py, "json.decoder")?.get_attr(py, id!(py, JSONDecodeError))?;
        let message = message.into_object(py)?;
        let error = class.call_pos(py, &[&message, text.as_object(), &*at.into_object(py)?])?;
        match class.downcast::<Type>() {
            Ok(class) => Ok(py.raise_value(&class, &error)),
            Err(_) => Err(py.bad_internal_call()),
        }
    };
    build().unwrap_or_else(|raised| raised)
}

/// Raises `StopIteration(at)`: there is no value here.
fn stop(py: Attached<'_>, at: usize) -> Raised {
    match at.into_object(py) {
        Ok(at) => py.raise_value(exc::StopIteration(), &at),
        Err(raised) => raised,
    }
}

/// A unit of a string's memory.
trait Unit: Copy + Into<u32> + Eq + Hash {
    fn text(py: Attached<'_>, units: &[Self]) -> PyResult<Ref<Str>>;
    fn push(out: &mut StrBuilder, units: &[Self]);
}

impl Unit for u8 {
    fn text(py: Attached<'_>, units: &[u8]) -> PyResult<Ref<Str>> {
        Str::from_latin1(py, units)
    }
    fn push(out: &mut StrBuilder, units: &[u8]) {
        out.push_latin1(units);
    }
}

macro_rules! wide {
    ($($ty:ty),*) => {$(
        impl Unit for $ty {
            fn text(py: Attached<'_>, units: &[$ty]) -> PyResult<Ref<Str>> {
                Str::from_units(py, units)
            }
            fn push(out: &mut StrBuilder, units: &[$ty]) {
                units.iter().for_each(|unit| out.push((*unit).into()));
            }
        }
    )*};
}
wide!(u16, u32);

/// What a number of four hexadecimal digits stands for.
fn hex<T: Unit>(units: Option<&[T]>) -> Option<u32> {
    let mut value = 0;
    for unit in units? {
        value = value << 4 | char::from_u32((*unit).into())?.to_digit(16)?;
    }
    Some(value)
}

/// A string whose opening quote is before `at`: the plain units, or the text with its escapes resolved.
enum Read<'a, T> {
    Plain(&'a [T]),
    Built(StrBuilder),
}

/// Reads up to the closing quote; also returns the index after it.
fn read_string<'a, T: Unit>(
    py: Attached<'_>,
    text: &Str,
    units: &'a [T],
    start: usize,
    strict: bool,
) -> PyResult<(Read<'a, T>, usize)> {
    let unterminated = || fail(py, "Unterminated string starting at", text, start as isize - 1);
    let mut built: Option<StrBuilder> = None;
    let mut at = start;
    loop {
        let rest = &units[at..];
        let end = rest.iter().position(|&unit| matches!(unit.into(), 34 | 92 | 0..32));
        let mut end = end.ok_or_else(unterminated)?;
        let mut point: u32 = rest[end].into();
        if point < 32 {
            if strict {
                return Err(fail(py, "Invalid control character at", text, (at + end) as isize));
            }
            end = match rest.iter().position(|&unit| matches!(unit.into(), 34 | 92)) {
                Some(end) => end,
                None => return Err(unterminated()),
            };
            point = rest[end].into();
        }
        if point == 34 {
            let next = at + end + 1;
            return Ok(match built {
                None => (Read::Plain(&rest[..end]), next),
                Some(mut built) => {
                    T::push(&mut built, &rest[..end]);
                    (Read::Built(built), next)
                }
            });
        }
        let built = built.get_or_insert_with(|| StrBuilder::with_capacity(end + 16));
        T::push(built, &rest[..end]);
        // The backslash, and what is escaped.
        at += end;
        let escaped: u32 = (*units.get(at + 1).ok_or_else(unterminated)?).into();
        let simple = match escaped {
            34 | 47 | 92 => escaped,
            98 => 8,
            102 => 12,
            110 => 10,
            114 => 13,
            116 => 9,
            117 => {
                let bad = |at: usize| fail(py, "Invalid \\uXXXX escape", text, at as isize);
                let mut point = hex(units.get(at + 2..at + 6)).ok_or_else(|| bad(at + 1))?;
                at += 6;
                if (0xD800..0xDC00).contains(&point)
                    && units.len() > at + 6
                    && units[at].into() == 92
                    && units[at + 1].into() == 117
                {
                    let low = hex(units.get(at + 2..at + 6)).ok_or_else(|| bad(at + 1))?;
                    if (0xDC00..0xE000).contains(&low) {
                        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
                        at += 6;
                    }
                }
                built.push(point);
                continue;
            }
            _ => return Err(fail(py, "Invalid \\escape", text, at as isize)),
        };
        built.push(simple);
        at += 2;
    }
}

/// Runs a generic function over the units of a string.
macro_rules! with_units {
    ($text:expr, $units:ident => $body:expr) => {
        match $text.data() {
            StrData::Ascii($units) | StrData::Latin1($units) => $body,
            StrData::Ucs2($units) => $body,
            StrData::Ucs4($units) => $body,
        }
    };
}

/// `scanstring`.
pub fn scanstring(py: Attached<'_>, _: &Object, args: Args<'_>) -> PyResult<Ref<Tuple>> {
    const SIG: Signature = Signature::parse("scanstring", "(string, end, strict=True, /)");
    let [text, end, strict] = SIG.bind::<3>(py, args)?;
    let (text, end) = (required(py, text)?, required(py, end)?.as_isize(py)?);
    let strict = strict.map_or(Ok(true), |strict| strict.is_true(py))?;
    let Some(text) = text.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "first argument must be a string, not {}", type_name(text)));
    };
    let Some(start) = usize::try_from(end).ok().filter(|&start| start <= text.len()) else {
        return Err(raise!(py, ValueError, "end is out of bounds"));
    };
    with_units!(text, units => {
        let (read, next) = read_string(py, text, units, start, strict)?;
        let value = match read {
            Read::Plain(units) => Unit::text(py, units)?,
            Read::Built(built) => built.finish(py)?,
        };
        Tuple::pair(py, value.upcast(), next.into_object(py)?)
    })
}

krait_object::native! {
    /// `make_scanner`.
    pub struct Scanner { strict: Field<bool>, object_hook: Slot, pairs_hook: Slot, parse_float: Slot, parse_int: Slot, parse_constant: Slot }
}
pytype! {
    pub static SCANNER: "_json.Scanner" for Scanner {
        base: Object, flags: [HAVE_GC, BASETYPE],
        doc: "Reads the JSON value at an index of a string.",
        slots: {
            tp_dealloc = Scanner::dealloc,
            tp_traverse = Scanner::traverse,
            tp_new = Scanner::construct,
            tp_call = Scanner::call,
        },
        getset: {
            "strict" => |_: Attached<'_>, this: &Scanner| this.strict.get(), "Whether control characters are refused in strings.";
            "object_hook" => |_: Attached<'_>, this: &Scanner| this.object_hook.get(), "What dicts are handed to.";
            "object_pairs_hook" => |_: Attached<'_>, this: &Scanner| this.pairs_hook.get(), "What lists of pairs are handed to.";
            "parse_float" => |_: Attached<'_>, this: &Scanner| this.parse_float.get(), "What makes numbers with a fraction or exponent.";
            "parse_int" => |_: Attached<'_>, this: &Scanner| this.parse_int.get(), "What makes other numbers.";
            "parse_constant" => |_: Attached<'_>, this: &Scanner| this.parse_constant.get(), "What makes NaN and infinities.";
        },
    }
}

impl Scanner {
    fn construct(py: Attached<'_>, ty: &Type, args: Args<'_>) -> PyResult<Ref<Scanner>> {
        const SIG: Signature = Signature::parse("make_scanner", "(context)");
        let [context] = SIG.bind::<1>(py, args)?;
        let context = required(py, context)?;
        let strict = context.get_attr(py, id!(py, strict))?.is_true(py)?;
        let hook = |name: &Str| -> PyResult<Option<Ref<Object>>> {
            Ok(Some(context.get_attr(py, name)?).filter(|hook| !hook.is_none()))
        };
        let this = alloc::<Scanner>(py, ty)?;
        this.strict.set(strict);
        drop(this.object_hook.replace(hook(id!(py, object_hook))?));
        drop(this.pairs_hook.replace(hook(id!(py, object_pairs_hook))?));
        drop(this.parse_float.replace(hook(id!(py, parse_float))?));
        drop(this.parse_int.replace(hook(id!(py, parse_int))?));
        drop(this.parse_constant.replace(hook(id!(py, parse_constant))?));
        Ok(this)
    }

    fn call(py: Attached<'_>, this: &Scanner, args: Args<'_>) -> PyResult<Ref<Tuple>> {
        const SIG: Signature = Signature::parse("scan_once", "(string, idx)");
        let [text, at] = SIG.bind::<2>(py, args)?;
        let (text, at) = (required(py, text)?, required(py, at)?.as_isize(py)?);
        let Some(text) = text.downcast::<Str>() else {
            return Err(raise!(py, TypeError, "first argument must be a string, not {}", type_name(text)));
        };
        let Ok(at) = usize::try_from(at) else {
            return Err(raise!(py, ValueError, "idx cannot be negative"));
        };
        with_units!(text, units => {
            let mut reader = Reader {
                py,
                text,
                units,
                strict: this.strict.get(),
                object_hook: this.object_hook.get(),
                pairs_hook: this.pairs_hook.get(),
                parse_float: this.number_hook(&this.parse_float, Float::type_object()),
                parse_int: this.number_hook(&this.parse_int, Int::type_object()),
                scanner: this,
                keys: HashMap::new(),
            };
            let (value, next) = reader.value(at)?;
            Tuple::pair(py, value, next.into_object(py)?)
        })
    }

    /// A hook that is not the builtin class itself.
    fn number_hook(&self, slot: &Slot, builtin: &Type) -> Option<Ref<Object>> {
        slot.get().filter(|hook| !hook.is(builtin))
    }
}

/// One call of the scanner.
struct Reader<'a, 'py, T: Unit> {
    py: Attached<'py>,
    text: &'a Str,
    units: &'a [T],
    strict: bool,
    object_hook: Option<Ref<Object>>,
    pairs_hook: Option<Ref<Object>>,
    parse_float: Option<Ref<Object>>,
    parse_int: Option<Ref<Object>>,
    scanner: &'a Scanner,
    /// Keys that were seen before: equal ones are one object.
    keys: HashMap<&'a [T], Ref<Object>>,
}

impl<'a, T: Unit> Reader<'a, '_, T> {
    #[inline]
    fn at(&self, at: usize) -> Option<u32> {
        self.units.get(at).map(|unit| (*unit).into())
    }

    fn skip_space(&self, mut at: usize) -> usize {
        while matches!(self.at(at), Some(32 | 9 | 10 | 13)) {
            at += 1;
        }
        at
    }

    fn fail(&self, message: &str, at: usize) -> Raised {
        fail(self.py, message, self.text, at as isize)
    }

    /// Whether a word stands here.
    fn word(&self, at: usize, word: &str) -> bool {
        let units = self.units.get(at..at + word.len());
        units.is_some_and(|units| units.iter().zip(word.bytes()).all(|(unit, byte)| (*unit).into() == u32::from(byte)))
    }

    fn value(&mut self, at: usize) -> PyResult<(Ref<Object>, usize)> {
        let py = self.py;
        let Some(first) = self.at(at) else { return Err(stop(py, at)) };
        match char::from_u32(first) {
            Some('"') => {
                let (read, next) = read_string(py, self.text, self.units, at + 1, self.strict)?;
                let text = match read {
                    Read::Plain(units) => T::text(py, units)?,
                    Read::Built(built) => built.finish(py)?,
                };
                Ok((text.upcast(), next))
            }
            Some('{') => {
                let _guard = py.enter_recursive(" while decoding a JSON object from a unicode string")?;
                self.object(at + 1)
            }
            Some('[') => {
                let _guard = py.enter_recursive(" while decoding a JSON array from a unicode string")?;
                self.array(at + 1)
            }
            Some('n') if self.word(at, "null") => Ok((none(), at + 4)),
            Some('t') if self.word(at, "true") => Ok((Bool::of(true).to_ref().upcast(), at + 4)),
            Some('f') if self.word(at, "false") => Ok((Bool::of(false).to_ref().upcast(), at + 5)),
            Some('N') if self.word(at, "NaN") => self.constant("NaN", at),
            Some('I') if self.word(at, "Infinity") => self.constant("Infinity", at),
            Some('-') if self.word(at, "-Infinity") => self.constant("-Infinity", at),
            _ => self.number(at),
        }
    }

    fn constant(&self, name: &str, at: usize) -> PyResult<(Ref<Object>, usize)> {
        let py = self.py;
        let value = part(py, &self.scanner.parse_constant)?.call_pos(py, &[&*name.into_object(py)?])?;
        Ok((value, at + name.len()))
    }

    fn digits(&self, mut at: usize) -> usize {
        while matches!(self.at(at), Some(48..=57)) {
            at += 1;
        }
        at
    }

    fn number(&self, start: usize) -> PyResult<(Ref<Object>, usize)> {
        let py = self.py;
        let mut at = start;
        if self.at(at) == Some(45) {
            at += 1;
        }
        at = match self.at(at) {
            Some(48) => at + 1,
            Some(49..=57) => self.digits(at),
            _ => return Err(stop(py, start)),
        };
        let mut float = false;
        if self.at(at) == Some(46) && matches!(self.at(at + 1), Some(48..=57)) {
            float = true;
            at = self.digits(at + 1);
        }
        if matches!(self.at(at), Some(69 | 101)) {
            let sign = usize::from(matches!(self.at(at + 1), Some(43 | 45)));
            let end = self.digits(at + 1 + sign);
            if end > at + 1 + sign {
                float = true;
                at = end;
            }
        }
        let units = &self.units[start..at];
        let hook = if float { &self.parse_float } else { &self.parse_int };
        if let Some(hook) = hook {
            return Ok((hook.call_pos(py, &[T::text(py, units)?.as_object()])?, at));
        }
        let bytes: Vec<u8> = units.iter().map(|unit| (*unit).into() as u8).collect();
        let value = if float {
            match krait_text::float::parse(&bytes) {
                Some(value) => value.into_object(py)?,
                None => return Err(stop(py, start)),
            }
        } else if bytes.len() < 18 {
            let (negative, digits) = match bytes.split_first() {
                Some((b'-', digits)) => (true, digits),
                _ => (false, &bytes[..]),
            };
            let value = digits.iter().fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
            (if negative { -value } else { value }).into_object(py)?
        } else {
            match Int::parse(py, std::str::from_utf8(&bytes).unwrap_or_default(), 10)? {
                Some(value) => value.upcast(),
                None => return Err(stop(py, start)),
            }
        };
        Ok((value, at))
    }

    fn key(&mut self, at: usize) -> PyResult<(Ref<Object>, usize)> {
        let py = self.py;
        let (read, next) = read_string(py, self.text, self.units, at, self.strict)?;
        let key = match read {
            Read::Plain(units) => match self.keys.get(units) {
                Some(key) => key.clone(),
                None => {
                    let key = T::text(py, units)?.upcast();
                    self.keys.insert(units, key.clone());
                    key
                }
            },
            Read::Built(built) => built.finish(py)?.upcast(),
        };
        Ok((key, next))
    }

    fn object(&mut self, start: usize) -> PyResult<(Ref<Object>, usize)> {
        let py = self.py;
        let mut at = self.skip_space(start);
        let dict = if self.pairs_hook.is_none() { Some(Dict::new(py)?) } else { None };
        let mut pairs = Vec::new();
        if self.at(at) != Some(125) {
            loop {
                if self.at(at) != Some(34) {
                    return Err(self.fail("Expecting property name enclosed in double quotes", at));
                }
                let (key, next) = self.key(at + 1)?;
                at = self.skip_space(next);
                if self.at(at) != Some(58) {
                    return Err(self.fail("Expecting ':' delimiter", at));
                }
                let (value, next) = self.value(self.skip_space(at + 1))?;
                match &dict {
                    Some(dict) => dict.set(py, &key, &value)?,
                    None => pairs.push(Tuple::pair(py, key, value)?.upcast()),
                }
                at = self.skip_space(next);
                match self.at(at) {
                    Some(125) => break,
                    Some(44) => {}
                    _ => return Err(self.fail("Expecting ',' delimiter", at)),
                }
                let comma = at;
                at = self.skip_space(at + 1);
                if self.at(at) == Some(125) {
                    return Err(self.fail("Illegal trailing comma before end of object", comma));
                }
            }
        }
        let value = match (dict, &self.pairs_hook, &self.object_hook) {
            (None, Some(hook), _) => hook.call_pos(py, &[List::from_vec(py, pairs)?.as_object()])?,
            (Some(dict), _, Some(hook)) => hook.call_pos(py, &[dict.as_object()])?,
            (Some(dict), ..) => dict.upcast(),
            (None, ..) => return Err(py.bad_internal_call()),
        };
        Ok((value, at + 1))
    }

    fn array(&mut self, start: usize) -> PyResult<(Ref<Object>, usize)> {
        let py = self.py;
        let mut at = self.skip_space(start);
        let mut items = Vec::new();
        if self.at(at) != Some(93) {
            loop {
                let (value, next) = self.value(at)?;
                items.push(value);
                at = self.skip_space(next);
                match self.at(at) {
                    Some(93) => break,
                    Some(44) => {}
                    _ => return Err(self.fail("Expecting ',' delimiter", at)),
                }
                let comma = at;
                at = self.skip_space(at + 1);
                if self.at(at) == Some(93) {
                    return Err(self.fail("Illegal trailing comma before end of array", comma));
                }
            }
        }
        Ok((List::from_vec(py, items)?.upcast(), at + 1))
    }
}
