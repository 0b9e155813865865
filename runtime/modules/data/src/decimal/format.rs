//! `Decimal.__format__`.
use super::context;
use super::kernel::number::MAX_PREC;
use super::kernel::{Ctx, Dec, Kind, Rounding, limbs};
use krait_object::hooks::hooks;
use krait_object::{Attached, Dict, Object, PyResult, Raised, Ref, Str, exc, raise};
use krait_text::format::{Align, Grouping, Locale, Sign, Spec, layout_number};

fn invalid(py: Attached<'_>) -> Raised {
    raise!(py, ValueError, "invalid format string")
}

/// The specification; its kind is 0 if none is given.
fn parse(py: Attached<'_>, text: &Str) -> PyResult<Spec> {
    let points = text.to_code_points();
    let get = |at: usize| points.get(at).copied().and_then(char::from_u32);
    let align = |at: usize| match get(at)? {
        '<' => Some(Align::Left),
        '>' => Some(Align::Right),
        '^' => Some(Align::Center),
        '=' => Some(Align::AfterSign),
        _ => None,
    };
    let mut spec = Spec {
        fill: u32::from(' '),
        align: Align::Right,
        sign: None,
        no_negative_zero: false,
        alternate: false,
        width: 0,
        grouping: None,
        precision: None,
        fraction_grouping: None,
        kind: 0,
    };
    let mut at = 0;
    let mut aligned = true;
    if let Some(align) = align(1) {
        (spec.fill, spec.align, at) = (points[0], align, 2);
        // The fill character must have a UTF-8 form.
        Str::from_char(py, points[0])?.to_utf8(py)?;
    } else if let Some(align) = align(0) {
        (spec.align, at) = (align, 1);
    } else {
        aligned = false;
    }
    spec.sign = match get(at) {
        Some('+') => Some(Sign::Plus),
        Some('-') => Some(Sign::Minus),
        Some(' ') => Some(Sign::Space),
        _ => None,
    };
    at += usize::from(spec.sign.is_some());
    let flag = |at: &mut usize, mark: char| {
        let found = get(*at) == Some(mark);
        *at += usize::from(found);
        found
    };
    spec.no_negative_zero = flag(&mut at, 'z');
    spec.alternate = flag(&mut at, '#');
    if flag(&mut at, '0') {
        if aligned {
            return Err(invalid(py));
        }
        (spec.fill, spec.align) = (u32::from('0'), Align::AfterSign);
    }
    let integer = |at: &mut usize| -> PyResult<Option<usize>> {
        let start = *at;
        let mut value = 0usize;
        while let Some(digit) = get(*at).and_then(|digit| digit.to_digit(10)) {
            value = value.saturating_mul(10).saturating_add(digit as usize);
            *at += 1;
        }
        if value > isize::MAX as usize {
            return Err(raise!(py, OverflowError, "cannot fit 'int' into an index-sized integer"));
        }
        if value > MAX_PREC as usize {
            return Err(raise!(py, ValueError, "format specification exceeds internal limits of _decimal"));
        }
        Ok((*at > start).then_some(value))
    };
    let grouping = |at: &mut usize| {
        let found = match get(*at) {
            Some(',') => Some(Grouping::Comma),
            Some('_') => Some(Grouping::Underscore),
            _ => None,
        };
        *at += usize::from(found.is_some());
        found
    };
    spec.width = integer(&mut at)?.unwrap_or(0);
    spec.grouping = grouping(&mut at);
    if get(at) == Some('.') {
        at += 1;
        spec.precision = integer(&mut at)?;
        spec.fraction_grouping = grouping(&mut at);
        if spec.precision.is_none() && spec.fraction_grouping.is_none() {
            return Err(invalid(py));
        }
    }
    spec.kind = match get(at) {
        None => 0,
        Some(kind @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' | 'n' | 'N')) => {
            at += 1;
            u32::from(kind)
        }
        Some(_) => return Err(invalid(py)),
    };
    if at != points.len() || matches!(spec.kind, 0x6E | 0x4E) && spec.grouping.is_some() {
        return Err(invalid(py));
    }
    Ok(spec)
}

/// The conventions that a mapping overrides.
fn locale(py: Attached<'_>, overrides: Option<&Object>) -> PyResult<Locale> {
    let mut found = match overrides {
        None => {
            krait_object::builtins::format::locale_of(&Spec { kind: u32::from('n'), ..parse(py, Str::empty_static())? })
                .unwrap_or_default()
        }
        Some(_) => Locale { decimal_point: vec![u32::from('.')], thousands_sep: Vec::new(), grouping: Vec::new() },
    };
    let Some(overrides) = overrides else { return Ok(found) };
    let Some(overrides) = overrides.downcast::<Dict>() else {
        return Err(raise!(py, TypeError, "optional argument must be a dict"));
    };
    let text = |name: &str| -> PyResult<Option<Vec<u32>>> {
        match overrides.get_str(py, name) {
            None => Ok(None),
            Some(value) => match (*value).downcast::<Str>() {
                Some(text) => Ok(Some(text.to_code_points())),
                None => Err(raise!(py, TypeError, "invalid override dict")),
            },
        }
    };
    if let Some(point) = text("decimal_point")? {
        found.decimal_point = point;
    }
    if let Some(separator) = text("thousands_sep")? {
        found.thousands_sep = separator;
    }
    if let Some(grouping) = text("grouping")? {
        if grouping.iter().any(|size| *size > 127) {
            return Err(raise!(py, ValueError, "invalid override dict"));
        }
        found.grouping = grouping.iter().take_while(|size| **size != 0).map(|size| *size as u8).collect();
    }
    if found.decimal_point.len() != 1 || found.thousands_sep.len() > 1 {
        return Err(raise!(py, ValueError, "invalid override dict"));
    }
    Ok(found)
}

/// The number rounded as the specification wants it, and how many of its digits stand before the point.
fn shaped(value: &Dec, spec: &Spec, kind: char, rounding: Rounding) -> Option<(Dec, i64)> {
    let mut number = value.clone();
    if kind == '%' {
        number.exp += 2;
    }
    let cut = |number: Dec, digits: i64| match number.digits() > digits {
        true => {
            let mut status = 0;
            number.finish(&Ctx { rounding, ..Ctx::MAX.with_prec(digits) }, &mut status)
        }
        false => number,
    };
    if let Some(precision) = spec.precision.map(|precision| precision as i64) {
        number = match kind {
            'e' | 'E' if number.is_zero() => Dec::zero(number.negative, number.exp),
            'e' | 'E' if number.digits() <= precision => {
                let exp = number.exp - (precision + 1 - number.digits());
                number.rescaled(exp, rounding)?.0
            }
            'e' | 'E' => cut(number, precision + 1),
            'f' | 'F' | '%' => number.rescaled(-precision, rounding)?.0,
            _ => cut(number, precision.max(1)),
        };
    }
    if number.is_zero() && number.exp > 0 && matches!(kind, 'f' | 'F' | '%') {
        number.exp = 0;
    }
    let left = number.exp + number.digits();
    let point = match kind {
        'e' | 'E' if number.is_zero() => 1 - spec.precision.unwrap_or(0) as i64,
        'e' | 'E' => 1,
        'f' | 'F' | '%' => left,
        _ if number.exp <= 0 && left > -6 => left,
        _ => 1,
    };
    Some((number, point))
}

/// `value.__format__(spec, overrides)`.
pub fn format(py: Attached<'_>, value: &Dec, text: &Object, overrides: Option<&Object>) -> PyResult<Ref<Str>> {
    let Some(text) = text.downcast::<Str>() else {
        return Err(raise!(py, TypeError, "format arg must be str"));
    };
    let context = context::current(py)?;
    let mut spec = parse(py, text)?;
    if spec.kind == u32::from('N') {
        let message = "Format specifier 'N' is deprecated and slated for removal in Python 3.18";
        (hooks().warn)(py, exc::DeprecationWarning(), message, 1)?;
    }
    let overrides = overrides.filter(|overrides| !overrides.is_none());
    let locale = match overrides.is_some() || matches!(spec.kind, 0x6E | 0x4E) {
        true => Some(locale(py, overrides)?),
        false => None,
    };
    let kind = match char::from_u32(spec.kind) {
        Some('N') => 'G',
        Some('n') => 'g',
        Some('\0') | None => {
            if context.capitals() {
                'G'
            } else {
                'g'
            }
        }
        Some(kind) => kind,
    };
    if locale.is_some() && matches!(spec.kind, 0x6E | 0x4E) {
        spec.kind = u32::from('n');
    }
    let sign = |negative: bool| match spec.sign {
        _ if negative => Some(b'-'),
        Some(Sign::Plus) => Some(b'+'),
        Some(Sign::Space) => Some(b' '),
        _ => None,
    };
    let percent = if kind == '%' { "%" } else { "" };
    let built = if value.kind != Kind::Finite {
        let body = super::kernel::text::to_text(&value.clone().with_sign(false), false, true);
        if spec.fill == u32::from('0') && spec.align == Align::AfterSign {
            (spec.fill, spec.align) = (u32::from(' '), Align::Right);
        }
        layout_number(&spec, sign(value.negative), "", None, &format!("{body}{percent}"), None)
    } else {
        let Some((number, point)) = shaped(value, &spec, kind, context.view().rounding) else {
            return Err(py.no_memory());
        };
        let negative = number.negative && !(spec.no_negative_zero && number.is_zero());
        let mut digits = Vec::new();
        limbs::push_text(&number.coeff, &mut digits);
        let digits = String::from_utf8(digits).unwrap_or_default();
        let count = digits.len() as i64;
        let (whole, fraction) = if point <= 0 {
            ("0".to_owned(), "0".repeat(-point as usize) + &digits)
        } else if point >= count {
            (digits + &"0".repeat((point - count) as usize), String::new())
        } else {
            let (whole, fraction) = digits.split_at(point as usize);
            (whole.to_owned(), fraction.to_owned())
        };
        let exponent = number.exp + count - point;
        let mut rest = String::new();
        if exponent != 0 || matches!(kind, 'e' | 'E') {
            let letter = if matches!(kind, 'E' | 'G') { 'E' } else { 'e' };
            rest = format!("{letter}{exponent:+}");
        }
        rest += percent;
        let fraction = (!fraction.is_empty() || spec.alternate).then_some(fraction.as_str());
        layout_number(&spec, sign(negative), &whole, fraction, &rest, locale.as_ref())
    };
    match built {
        Ok(text) => Str::from_text(py, text),
        Err(_) => Err(py.no_memory()),
    }
}
