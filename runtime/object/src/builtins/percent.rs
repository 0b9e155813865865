//! `%` formatting of `str` and `bytes`.
use crate::builtins::stringlib::Unit;
use crate::builtins::unicode::StrBuilder;
use crate::handle::{Attached, Layout, Ref};
use crate::protocols::buffer::Buffer;
use crate::{
    ByteArray, Bytes, Complex, Float, Int, IntoObject, Object, PyResult, Raised, Str, Tuple, exc, raise, with_units,
};
use krait_text::format::printf::{self, Amount, Directive, Flags, Piece, Pieces, PrintfError};

/// The right operand of `%`, as the directives use it up.
struct Values<'a> {
    operand: &'a Object,
    tuple: Option<&'a Tuple>,
    next: usize,
    mapping: bool,
    /// After a directive with a key: its value, until it is used.
    keyed: Option<Option<Ref<Object>>>,
}

impl<'a> Values<'a> {
    fn new(operand: &'a Object, not_mapping: bool) -> Self {
        let tuple = operand.downcast::<Tuple>();
        let table = operand.ty().as_type().tp_as_mapping.get();
        // SAFETY: a ready type's tables live as long as the type.
        let has_items = unsafe { table.as_ref() }.is_some_and(|table| table.mp_subscript.get().is_some());
        let mapping = has_items && tuple.is_none() && !not_mapping;
        Values { operand, tuple, next: 0, mapping, keyed: None }
    }

    fn take(&mut self, py: Attached<'_>) -> PyResult<Ref<Object>> {
        let value = match &mut self.keyed {
            Some(keyed) => keyed.take(),
            None => {
                self.next += 1;
                match self.tuple {
                    Some(tuple) => tuple.as_slice().get(self.next - 1).map(|value| value.to_ref()),
                    None if self.next == 1 => Some(self.operand.to_ref()),
                    None => None,
                }
            }
        };
        value.ok_or_else(|| raise!(py, TypeError, "not enough arguments for format string"))
    }

    /// Looks up the key of a directive.
    fn key(&mut self, py: Attached<'_>, key: &Object) -> PyResult<()> {
        if !self.mapping {
            return Err(raise!(py, TypeError, "format requires a mapping"));
        }
        self.keyed = Some(Some(self.operand.get_item(py, key)?));
        Ok(())
    }

    fn amount(&mut self, py: Attached<'_>, amount: Option<Amount>) -> PyResult<Option<isize>> {
        match amount {
            None => Ok(None),
            Some(Amount::Value(value)) => Ok(Some(value as isize)),
            Some(Amount::Argument) => match self.take(py)?.as_object().downcast::<Int>() {
                Some(value) => Ok(Some(value.as_isize(py)?)),
                None => Err(raise!(py, TypeError, "* wants int")),
            },
        }
    }

    /// Flags, width and precision, with `*` filled in.
    fn layout(&mut self, py: Attached<'_>, directive: &Directive) -> PyResult<(Flags, usize, Option<usize>)> {
        let mut flags = directive.flags;
        let width = self.amount(py, directive.width)?.unwrap_or(0);
        if width == isize::MIN {
            return Err(raise!(py, OverflowError, "width too big"));
        }
        flags.left |= width < 0;
        let precision = self.amount(py, directive.precision)?;
        if precision.is_some_and(|precision| i32::try_from(precision).is_err()) {
            return Err(raise!(py, OverflowError, "Python int too large to convert to C int"));
        }
        Ok((flags, width.unsigned_abs(), precision.map(|precision| precision.max(0) as usize)))
    }

    fn finish(&self, py: Attached<'_>, what: &str) -> PyResult<()> {
        let count = self.tuple.map_or(1, Tuple::len);
        if !self.mapping && self.keyed.is_none() && self.next < count {
            return Err(raise!(py, TypeError, "not all arguments converted during {what} formatting"));
        }
        Ok(())
    }
}

#[cold]
fn fail(py: Attached<'_>, error: PrintfError) -> Raised {
    raise!(py, ValueError, "{}", error.message())
}

/// Whether the object converts to a number at all (`PyNumber_Check`).
fn is_number(value: &Object) -> bool {
    // SAFETY: a ready type's tables live as long as the type.
    let table = unsafe { value.ty().as_type().tp_as_number.get().as_ref() };
    value.downcast::<Complex>().is_some()
        || table.is_some_and(|table| {
            table.nb_index.get().is_some() || table.nb_int.get().is_some() || table.nb_float.get().is_some()
        })
}

/// The integer that `%d` and its like show.
fn integer(py: Attached<'_>, conversion: char, value: &Object) -> PyResult<Ref<Int>> {
    if let Some(int) = value.downcast::<Int>() {
        return Ok(int.to_ref());
    }
    let exact = matches!(conversion, 'x' | 'X' | 'o');
    let wrong = || {
        let needs = if exact { "an integer" } else { "a real number" };
        raise!(py, TypeError, "%{conversion} format: {needs} is required, not {}", value.ty().tp_name())
    };
    if !is_number(value) {
        return Err(wrong());
    }
    let result = if exact { value.index(py) } else { value.to_int(py) };
    result.map_err(|raised| {
        if raised.matches(py, exc::TypeError()) {
            raised.clear(py);
            return wrong();
        }
        raised
    })
}

/// The text of a numeric conversion, or `None` when the conversion is not numeric. Always ASCII.
fn number(
    py: Attached<'_>,
    directive: &Directive,
    (flags, width, precision): (Flags, usize, Option<usize>),
    value: &Object,
    bytes: bool,
) -> PyResult<Option<String>> {
    let conversion = char::from_u32(directive.conversion).unwrap_or('?');
    let text = match conversion {
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
            let int = integer(py, conversion, value)?;
            let base = match conversion {
                'o' => 8,
                'x' | 'X' => 16,
                _ => 10,
            };
            let digits = int.magnitude_text(py, base)?;
            printf::format_int(conversion, flags, width, precision, int.is_negative(), &digits)
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let float = match value.downcast_exact::<Float>() {
                Some(float) => float.value(),
                None => value.as_f64(py).map_err(|raised| {
                    if bytes && raised.matches(py, exc::TypeError()) {
                        raised.clear(py);
                        return raise!(py, TypeError, "float argument required, not {}", value.ty().tp_name());
                    }
                    raised
                })?,
            };
            if precision.is_some_and(|digits| digits > krait_text::format::MAX_FLOAT_PRECISION) {
                return Err(fail(py, PrintfError::PrecisionTooBig));
            }
            printf::format_float(conversion, flags, width, precision, float)
        }
        _ => return Ok(None),
    };
    text.map(Some).ok_or_else(|| py.no_memory())
}

/// `format % operand` of a string; `NotImplemented` when the left operand is none.
pub fn str_remainder(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    match left.downcast::<Str>() {
        Some(text) => Ok(format_str(py, text, right)?.upcast()),
        None => Ok(crate::object::not_implemented()),
    }
}

/// `text % operand`.
pub fn format_str(py: Attached<'_>, text: &Str, operand: &Object) -> PyResult<Ref<Str>> {
    let mut values = Values::new(operand, operand.downcast::<Str>().is_some());
    let mut out = StrBuilder::with_capacity(text.len() + 64);
    with_units!(text, |units| fill_str(py, text, units, &mut values, &mut out))?;
    values.finish(py, "string")?;
    out.finish(py)
}

fn fill_str<T: Unit + Into<u32>>(
    py: Attached<'_>,
    text: &Str,
    units: &[T],
    values: &mut Values<'_>,
    out: &mut StrBuilder,
) -> PyResult<()> {
    for piece in Pieces::new(units) {
        let directive = match piece.map_err(|error| fail(py, error))? {
            Piece::Literal(range) => {
                out.push_slice(text, range.start, range.end);
                continue;
            }
            Piece::Percent => {
                out.push('%' as u32);
                continue;
            }
            Piece::Directive(directive) => directive,
        };
        if let Some(key) = directive.key.clone() {
            values.key(py, text.substring(py, key.start, key.end)?.as_object())?;
        }
        let layout @ (flags, width, precision) = values.layout(py, &directive)?;
        let value = values.take(py)?;
        let shown = match char::from_u32(directive.conversion) {
            Some('s') => value.str(py)?,
            Some('r') => value.repr(py)?,
            Some('a') => value.ascii(py)?,
            Some('c') => char_of(py, &value)?,
            _ => match number(py, &directive, layout, &value, false)? {
                Some(number) => {
                    out.try_reserve(py, number.len())?;
                    out.push_latin1(number.as_bytes());
                    continue;
                }
                None => return Err(fail(py, directive.unsupported())),
            },
        };
        let is_char = directive.conversion == 'c' as u32;
        let take = precision.filter(|_| !is_char).unwrap_or(usize::MAX).min(shown.len());
        let (left, right) = printf::pad_text(flags, width, take);
        out.try_reserve(py, left.saturating_add(right).saturating_add(take))?;
        out.push_many(0x20, left);
        out.push_slice(&shown, 0, take);
        out.push_many(0x20, right);
    }
    Ok(())
}

fn char_of(py: Attached<'_>, value: &Object) -> PyResult<Ref<Str>> {
    let expected = "%c requires an int or a unicode character, not";
    if let Some(text) = value.downcast::<Str>() {
        if text.len() == 1 {
            return text.to_exact(py);
        }
        return Err(raise!(py, TypeError, "{expected} a string of length {}", text.len()));
    }
    if !value.has_index() {
        return Err(raise!(py, TypeError, "{expected} {}", value.ty().full_name()));
    }
    match value.index(py)?.to_i64() {
        Some(point @ 0..=0x10_FFFF) => Str::from_char(py, point as u32),
        _ => Err(raise!(py, OverflowError, "%c arg not in range(0x110000)")),
    }
}

/// The bytes of `format % operand`, where `format` is a copy that nobody changes.
pub fn format_bytes(py: Attached<'_>, text: &[u8], operand: &Object) -> PyResult<Vec<u8>> {
    let not_mapping = operand.downcast::<Bytes>().is_some()
        || operand.downcast::<ByteArray>().is_some()
        || operand.downcast::<Str>().is_some();
    let mut values = Values::new(operand, not_mapping);
    let mut out = Vec::with_capacity(text.len() + 64);
    for piece in Pieces::new(text) {
        let directive = match piece.map_err(|error| fail(py, error))? {
            Piece::Literal(range) => {
                out.extend_from_slice(&text[range]);
                continue;
            }
            Piece::Percent => {
                out.push(b'%');
                continue;
            }
            Piece::Directive(directive) => directive,
        };
        if let Some(key) = directive.key.clone() {
            values.key(py, Bytes::new(py, &text[key])?.as_object())?;
        }
        let layout @ (flags, width, precision) = values.layout(py, &directive)?;
        let value = values.take(py)?;
        let mut take = precision.unwrap_or(usize::MAX);
        let shown = match char::from_u32(directive.conversion) {
            Some('r' | 'a') => value.ascii(py)?.to_utf8(py)?.as_bytes().to_vec(),
            Some('s' | 'b') => bytes_of(py, &value)?,
            Some('c') => {
                take = usize::MAX;
                vec![byte_of(py, &value)?]
            }
            _ => match number(py, &directive, layout, &value, true)? {
                Some(number) => {
                    out.try_reserve(number.len()).map_err(|_| py.no_memory())?;
                    out.extend_from_slice(number.as_bytes());
                    continue;
                }
                None => return Err(fail(py, directive.unsupported())),
            },
        };
        take = take.min(shown.len());
        let (left, right) = printf::pad_text(flags, width, take);
        out.try_reserve(left.saturating_add(right).saturating_add(take)).map_err(|_| py.no_memory())?;
        out.resize(out.len() + left, b' ');
        out.extend_from_slice(&shown[..take]);
        out.resize(out.len() + right, b' ');
    }
    values.finish(py, "bytes")?;
    Ok(out)
}

fn byte_of(py: Attached<'_>, value: &Object) -> PyResult<u8> {
    let expected = "%c requires an integer in range(256) or a single byte, not";
    let single = |bytes: &[u8], kind| match bytes {
        [byte] => Ok(*byte),
        _ => Err(raise!(py, TypeError, "{expected} a {kind} object of length {}", bytes.len())),
    };
    if let Some(bytes) = value.downcast::<Bytes>() {
        return single(bytes.as_slice(), "bytes");
    }
    if let Some(array) = value.downcast::<ByteArray>() {
        return single(&array.to_vec(py)?, "bytearray");
    }
    if !value.has_index() {
        return Err(raise!(py, TypeError, "{expected} {}", value.ty().full_name()));
    }
    match value.index(py)?.to_i64() {
        Some(byte @ 0..=255) => Ok(byte as u8),
        _ => Err(raise!(py, OverflowError, "%c arg not in range(256)")),
    }
}

fn bytes_of(py: Attached<'_>, value: &Object) -> PyResult<Vec<u8>> {
    if let Some(bytes) = value.downcast_exact::<Bytes>() {
        return crate::reserve::copied(py, bytes.as_slice());
    }
    if let Some(method) = value.lookup_special(py, crate::id!(py, __bytes__))? {
        let result = method.call0(py)?;
        return match result.as_object().downcast::<Bytes>() {
            Some(bytes) => crate::reserve::copied(py, bytes.as_slice()),
            None => Err(raise!(py, TypeError, "__bytes__ returned non-bytes (type {})", result.ty().tp_name())),
        };
    }
    if Buffer::is_exporter(value) {
        return Buffer::contiguous(py, value)?.to_vec(py);
    }
    let given = value.ty().tp_name();
    Err(raise!(py, TypeError, "%b requires a bytes-like object, or an object that implements __bytes__, not '{given}'"))
}

/// `format % operand` of bytes as the object it makes.
pub fn bytes_remainder(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    if let Some(bytes) = left.downcast::<Bytes>() {
        return Bytes::new(py, &format_bytes(py, bytes.as_slice(), right)?).into_object(py);
    }
    Ok(crate::object::not_implemented())
}

/// `format % operand` of a bytearray.
pub fn bytearray_remainder(py: Attached<'_>, left: &Object, right: &Object) -> PyResult<Ref<Object>> {
    if let Some(array) = left.downcast::<ByteArray>() {
        let _pin = crate::bytearrayobject::Pin::new(py, array);
        return ByteArray::new(py, &format_bytes(py, &array.to_vec(py)?, right)?).into_object(py);
    }
    Ok(crate::object::not_implemented())
}
