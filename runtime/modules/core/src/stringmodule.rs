//! `_string`: the parser of format strings for `string.Formatter`.
use krait_object::layout::Field;
use krait_object::native::{alloc, ready};
use krait_object::{
    Attached, IntoObject, Layout, Module, Object, PyResult, Ref, Slot, Str, Tuple, functions, none, pytype, raise,
};

krait_object::native! {
    /// Pairs of literal text and replacement field.
    pub struct FormatterIter { text: Slot<Str>, at: Field<usize> }
}
pytype! {
    static FORMATTER_ITERATOR: "formatteriterator" for FormatterIter {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = FormatterIter::dealloc,
            tp_traverse = FormatterIter::traverse,
            tp_iter = |_: Attached<'_>, this: &FormatterIter| this.to_ref(),
            tp_iternext = FormatterIter::next,
        },
    }
}

impl FormatterIter {
    fn next(py: Attached<'_>, this: &FormatterIter) -> PyResult<Option<Ref<Tuple>>> {
        let Some(text) = this.text.get() else { return Ok(None) };
        let points = text.to_code_points();
        let mut at = this.at.get();
        if at >= points.len() {
            return Ok(None);
        }
        let sub = |from: usize, to: usize| text.substring(py, from, to);
        let (open, close) = ('{' as u32, '}' as u32);
        let start = at;
        while at < points.len() && points[at] != open && points[at] != close {
            at += 1;
        }
        if at == points.len() {
            this.at.set(at);
            let literal = sub(start, at)?.upcast();
            return Tuple::from_vec(py, vec![literal, none(), none(), none()]).map(Some);
        }
        let brace = points[at];
        if points.get(at + 1) == Some(&brace) {
            // A doubled brace stands for itself and ends the piece.
            this.at.set(at + 2);
            let literal = sub(start, at + 1)?.upcast();
            return Tuple::from_vec(py, vec![literal, none(), none(), none()]).map(Some);
        }
        if brace == close {
            return Err(raise!(py, ValueError, "Single '}}' encountered in format string"));
        }
        if at + 1 == points.len() {
            return Err(raise!(py, ValueError, "Single '{{' encountered in format string"));
        }
        let literal = sub(start, at)?.upcast();
        let field = at + 1;
        let (mut depth, mut end, mut bracket) = (1, field, false);
        while end < points.len() {
            let point = points[end];
            if point == '[' as u32 && depth == 1 {
                bracket = true;
            } else if point == ']' as u32 {
                bracket = false;
            } else if point == open && !bracket {
                depth += 1;
            } else if point == close && !bracket {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            end += 1;
        }
        if depth != 0 || end == points.len() {
            return Err(raise!(py, ValueError, "expected '}}' before end of string"));
        }
        this.at.set(end + 1);
        let mut name_end = field;
        let mut bracket = false;
        while name_end < end {
            let point = points[name_end];
            if point == '{' as u32 {
                return Err(raise!(py, ValueError, "unexpected '{{' in field name"));
            } else if point == '[' as u32 {
                bracket = true;
            } else if point == ']' as u32 {
                bracket = false;
            } else if !bracket && (point == ':' as u32 || point == '!' as u32) {
                break;
            }
            name_end += 1;
        }
        let name = sub(field, name_end)?.upcast();
        let mut conversion = none();
        let mut spec = name_end;
        if points.get(spec) == Some(&('!' as u32)) && spec < end {
            if spec + 1 >= end {
                return Err(raise!(py, ValueError, "end of string while looking for conversion specifier"));
            }
            conversion = sub(spec + 1, spec + 2)?.upcast();
            spec += 2;
            if spec < end && points[spec] != ':' as u32 {
                return Err(raise!(py, ValueError, "expected ':' after conversion specifier"));
            }
        }
        let spec = if spec < end { sub(spec + 1, end)? } else { Str::empty() };
        Tuple::from_vec(py, vec![literal, name, spec.upcast(), conversion]).map(Some)
    }
}

krait_object::native! {
    pub struct FieldNameIter { text: Slot<Str>, at: Field<usize> }
}
pytype! {
    static FIELD_NAME_ITERATOR: "fieldnameiterator" for FieldNameIter {
        base: Object, flags: [HAVE_GC, DISALLOW_INSTANTIATION],
        slots: {
            tp_dealloc = FieldNameIter::dealloc,
            tp_traverse = FieldNameIter::traverse,
            tp_iter = |_: Attached<'_>, this: &FieldNameIter| this.to_ref(),
            tp_iternext = FieldNameIter::next,
        },
    }
}

/// A run of decimal digits as an int, anything else as text.
fn number_or_text(py: Attached<'_>, text: &Str, from: usize, to: usize) -> PyResult<Ref<Object>> {
    let part = text.substring(py, from, to)?;
    let digits = part.to_string_lossy();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match digits.parse::<isize>() {
            Ok(value) => value.into_object(py),
            Err(_) => Err(raise!(py, ValueError, "Too many decimal digits in format string")),
        };
    }
    Ok(part.upcast())
}

impl FieldNameIter {
    fn next(py: Attached<'_>, this: &FieldNameIter) -> PyResult<Option<Ref<Tuple>>> {
        let Some(text) = this.text.get() else { return Ok(None) };
        let at = this.at.get();
        if at >= text.len() {
            return Ok(None);
        }
        let find = |from: usize, stop: &[char]| {
            (from..text.len())
                .find(|&at| stop.iter().any(|&stop| text.char_at(at) == stop as u32))
                .unwrap_or(text.len())
        };
        let (attribute, value, next) = match char::from_u32(text.char_at(at)) {
            Some('.') => {
                let end = find(at + 1, &['.', '[']);
                (true, text.substring(py, at + 1, end)?.upcast(), end)
            }
            Some('[') => {
                let end = find(at + 1, &[']']);
                if end == text.len() {
                    return Err(raise!(py, ValueError, "Missing ']' in format string"));
                }
                (false, number_or_text(py, &text, at + 1, end)?, end + 1)
            }
            _ => {
                return Err(raise!(py, ValueError, "Only '.' or '[' may follow ']' in format field specifier"));
            }
        };
        if value.as_object().downcast::<Str>().is_some_and(Str::is_empty) {
            return Err(raise!(py, ValueError, "Empty attribute in format string"));
        }
        this.at.set(next);
        Tuple::pair(py, attribute.into_object(py)?, value).map(Some)
    }
}

fn text_arg<'a>(py: Attached<'_>, text: &'a Object) -> PyResult<&'a Str> {
    text.downcast::<Str>().ok_or_else(|| raise!(py, TypeError, "expected str, got {}", text.ty().name()))
}

fn formatter_parser(py: Attached<'_>, _: &Object, text: &Object) -> PyResult<Ref<FormatterIter>> {
    let text = text_arg(py, text)?;
    let this = alloc::<FormatterIter>(py, FormatterIter::type_object())?;
    drop(this.text.replace(Some(text.to_ref())));
    Ok(this)
}

fn field_name_split(py: Attached<'_>, _: &Object, text: &Object) -> PyResult<Ref<Tuple>> {
    let text = text_arg(py, text)?;
    let end =
        (0..text.len()).find(|&at| matches!(char::from_u32(text.char_at(at)), Some('.' | '['))).unwrap_or(text.len());
    let first = number_or_text(py, text, 0, end)?;
    let rest = alloc::<FieldNameIter>(py, FieldNameIter::type_object())?;
    drop(rest.text.replace(Some(text.to_ref())));
    rest.at.set(end);
    Tuple::pair(py, first, rest.upcast())
}

pub fn exec(py: Attached<'_>, module: &Module) -> PyResult<()> {
    ready::<FormatterIter>(py)?;
    ready::<FieldNameIter>(py)?;
    module.add_functions(
        py,
        functions! {
            o "formatter_parser" => formatter_parser, "($self, object, /)", "Iterate over the pieces of a format string.";
            o "formatter_field_name_split" => field_name_split, "($self, object, /)", "Split a field name into its first part and an iterator over the rest.";
        },
    )
}
