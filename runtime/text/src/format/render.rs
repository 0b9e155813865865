//! Applying a format specification to integers, floats, complex numbers and text.

use super::spec::{Align, Grouping, Sign, Spec, SpecError};
use crate::float::{self, Options, Style};
use crate::textbuf::TextBuf;

/// What the `n` type takes from the locale.
#[derive(Clone, Debug, Default)]
pub struct Locale {
    /// Decimal point; empty means `.`.
    pub decimal_point: Vec<u32>,
    /// Separator of groups.
    pub thousands_sep: Vec<u32>,
    /// Group sizes from the right as in `struct lconv`: the last repeats, 127 ends grouping.
    pub grouping: Vec<u8>,
}

/// How digits are separated.
struct Separators<'a> {
    point: &'a [u32],
    sep: &'a [u32],
    groups: &'a [u8],
    fraction: Option<u32>,
}

const POINT: &[u32] = &['.' as u32];

impl<'a> Separators<'a> {
    fn new(spec: &Spec, locale: Option<&'a Locale>) -> Self {
        let fraction = spec.fraction_grouping.map(|g| match g {
            Grouping::Comma => ',' as u32,
            Grouping::Underscore => '_' as u32,
        });
        if is_kind(spec, "n")
            && let Some(l) = locale
        {
            let point = if l.decimal_point.is_empty() { POINT } else { &l.decimal_point };
            return Separators { point, sep: &l.thousands_sep, groups: &l.grouping, fraction };
        }
        let (sep, groups): (&[u32], &[u8]) = match spec.grouping {
            None => (&[], &[]),
            Some(Grouping::Comma) => (&[',' as u32], &[3]),
            Some(Grouping::Underscore) if is_kind(spec, "boxX") => (&['_' as u32], &[4]),
            Some(Grouping::Underscore) => (&['_' as u32], &[3]),
        };
        Separators { point: POINT, sep, groups, fraction }
    }
}

fn is_kind(spec: &Spec, kinds: &str) -> bool {
    kinds.chars().any(|k| k as u32 == spec.kind)
}

/// Lengths of the groups, leftmost first, that hold `digits` digits and `min_width` characters.
fn group_lengths(digits: usize, min_width: i64, sep_len: usize, groups: &[u8]) -> Vec<usize> {
    let (mut left, mut width) = (digits as i64, min_width);
    let mut lengths = Vec::new();
    let mut at = 0;
    loop {
        let size = match groups.get(at.min(groups.len().saturating_sub(1))) {
            None | Some(0 | 127) => i64::MAX,
            Some(&size) => i64::from(size),
        };
        at += 1;
        let len = size.min(left.max(width).max(1));
        lengths.push(len as usize);
        left -= len.min(left.max(0));
        width -= len;
        if left <= 0 && width <= 0 {
            break;
        }
        width -= sep_len as i64;
    }
    lengths.reverse();
    lengths
}

/// A number cut into its parts; all ASCII.
struct Parts<'a> {
    sign: Option<u8>,
    prefix: &'a str,
    digits: &'a str,
    /// Digits after the point, if there is a point.
    fraction: Option<&'a str>,
    rest: &'a str,
}

fn put_number(spec: &Spec, parts: &Parts, seps: &Separators) -> Result<TextBuf, SpecError> {
    let fraction_len = parts.fraction.map_or(0, |f| {
        let groups = if seps.fraction.is_some() { f.len().saturating_sub(1) / 3 } else { 0 };
        seps.point.len() + f.len() + groups
    });
    let fixed = usize::from(parts.sign.is_some()) + parts.prefix.len() + fraction_len + parts.rest.len();
    let zero_pad = spec.fill == '0' as u32 && spec.align == Align::AfterSign;
    let min_width = if zero_pad { spec.width as i64 - fixed as i64 } else { 0 };
    if isize::try_from(spec.width).is_err() {
        return Err(SpecError::NoMemory);
    }
    let mut out =
        TextBuf::try_with_capacity(spec.width.max(fixed + parts.digits.len() * 2)).ok_or(SpecError::NoMemory)?;
    let lengths = if parts.digits.is_empty() {
        Vec::new()
    } else if seps.groups.is_empty() {
        vec![parts.digits.len().max(usize::try_from(min_width).unwrap_or(0))]
    } else {
        group_lengths(parts.digits.len(), min_width, seps.sep.len(), seps.groups)
    };
    let body: usize = lengths.iter().sum::<usize>() + seps.sep.len() * lengths.len().saturating_sub(1);
    let padding = spec.width.saturating_sub(fixed + body);
    let (left, middle, right) = match spec.align {
        Align::Left => (0, 0, padding),
        Align::Right => (padding, 0, 0),
        Align::Center => (padding / 2, 0, padding - padding / 2),
        Align::AfterSign => (0, padding, 0),
    };
    out.fill(spec.fill, left);
    if let Some(sign) = parts.sign {
        out.push(sign.into());
    }
    out.push_str(parts.prefix);
    out.fill(spec.fill, middle);
    let total: usize = lengths.iter().sum();
    let mut zeros = total - parts.digits.len().min(total);
    let mut at = 0;
    for (k, &len) in lengths.iter().enumerate() {
        if k != 0 {
            out.extend(seps.sep.iter().copied());
        }
        let pad = len.min(zeros);
        out.fill('0' as u32, pad);
        zeros -= pad;
        out.push_str(&parts.digits[at..at + len - pad]);
        at += len - pad;
    }
    if let Some(fraction) = parts.fraction {
        out.extend(seps.point.iter().copied());
        match seps.fraction {
            None => out.push_str(fraction),
            Some(sep) => {
                for (k, digit) in fraction.bytes().enumerate() {
                    if k != 0 && k % 3 == 0 {
                        out.push(sep);
                    }
                    out.push(digit.into());
                }
            }
        }
    }
    out.push_str(parts.rest);
    out.fill(spec.fill, right);
    Ok(out)
}

/// Lays out a number that the caller has turned into digits: sign, digits before the point, digits after it if there is a
/// point, and what follows. The locale counts for the type `n`.
///
/// # Errors
/// [`SpecError::NoMemory`].
pub fn layout_number(
    spec: &Spec,
    sign: Option<u8>,
    digits: &str,
    fraction: Option<&str>,
    rest: &str,
    locale: Option<&Locale>,
) -> Result<TextBuf, SpecError> {
    put_number(spec, &Parts { sign, prefix: "", digits, fraction, rest }, &Separators::new(spec, locale))
}

fn sign_of(spec: &Spec, negative: bool) -> Option<u8> {
    match spec.sign {
        _ if negative => Some(b'-'),
        Some(Sign::Plus) => Some(b'+'),
        Some(Sign::Space) => Some(b' '),
        Some(Sign::Minus) | None => None,
    }
}

fn check_int(spec: &Spec) -> Result<(), SpecError> {
    if spec.precision.is_some() {
        return Err(SpecError::NotAllowed("Precision not allowed in integer format specifier"));
    }
    if spec.no_negative_zero {
        return Err(SpecError::NotAllowed("Negative zero coercion (z) not allowed in integer format specifier"));
    }
    Ok(())
}

/// The base in which an integer of this specification is written; `None` if the type is not one of
/// an integer (`c` has no base either: see [`format_char`]; `e f g E F G %` are for the value as a float).
pub(super) fn int_base(spec: &Spec) -> Option<u32> {
    Some(match char::from_u32(spec.kind)? {
        'd' | 'n' => 10,
        'b' => 2,
        'o' => 8,
        'x' | 'X' => 16,
        _ => return None,
    })
}

impl Spec {
    /// The base to write an integer in, if the type is one of `b d n o x X`.
    pub fn int_base(&self) -> Option<u32> {
        int_base(self)
    }
    /// Whether the type is one of a float: `e E f F g G %`.
    pub fn is_float(&self) -> bool {
        is_kind(self, "eEfFgG%")
    }
    /// Whether the type is `c`.
    pub fn is_char(&self) -> bool {
        is_kind(self, "c")
    }
    /// The error for a type that the object does not know.
    pub fn unknown(&self) -> SpecError {
        SpecError::UnknownCode(self.kind)
    }
}

/// Format an integer given as lower-case `digits` in the base of the specification, without sign or prefix.
pub fn format_int(spec: &Spec, negative: bool, digits: &str, locale: Option<&Locale>) -> Result<TextBuf, SpecError> {
    check_int(spec)?;
    if int_base(spec).is_none() {
        return Err(spec.unknown());
    }
    let prefix = match char::from_u32(spec.kind) {
        Some('b') if spec.alternate => "0b",
        Some('o') if spec.alternate => "0o",
        Some('x') if spec.alternate => "0x",
        Some('X') if spec.alternate => "0X",
        _ => "",
    };
    let upper;
    let digits = if is_kind(spec, "X") {
        upper = digits.to_ascii_uppercase();
        &upper
    } else {
        digits
    };
    let parts = Parts { sign: sign_of(spec, negative), prefix, digits, fraction: None, rest: "" };
    put_number(spec, &parts, &Separators::new(spec, locale))
}

/// Whether the specification suits an integer as a character, whatever its value.
pub fn check_char(spec: &Spec) -> Result<(), SpecError> {
    check_int(spec)?;
    if spec.sign.is_some() {
        return Err(SpecError::NotAllowed("Sign not allowed with integer format specifier 'c'"));
    }
    if spec.alternate {
        return Err(SpecError::NotAllowed("Alternate form (#) not allowed with integer format specifier 'c'"));
    }
    Ok(())
}

/// Format an integer as a character (type `c`).
pub fn format_char(spec: &Spec, cp: u32) -> Result<TextBuf, SpecError> {
    check_char(spec)?;
    pad(spec, &[cp])
}

fn pad(spec: &Spec, text: &[u32]) -> Result<TextBuf, SpecError> {
    let padding = spec.width.saturating_sub(text.len());
    let left = match spec.align {
        Align::Left => 0,
        Align::Right | Align::AfterSign => padding,
        Align::Center => padding / 2,
    };
    let mut out = TextBuf::try_with_capacity(text.len() + padding).ok_or(SpecError::NoMemory)?;
    out.fill(spec.fill, left);
    out.extend(text.iter().copied());
    out.fill(spec.fill, padding - left);
    Ok(out)
}

const INT_MAX: usize = i32::MAX as usize;

/// The largest precision of a float: what it needs besides has to fit into a C `int` too.
pub const MAX_FLOAT_PRECISION: usize = INT_MAX - 1024;

fn float_options(spec: &Spec) -> Result<(Options, bool), SpecError> {
    if spec.precision.is_some_and(|p| p > MAX_FLOAT_PRECISION) {
        return Err(SpecError::PrecisionTooBig);
    }
    let precision = spec.precision.unwrap_or(6);
    let kind = char::from_u32(spec.kind).unwrap_or('?');
    let mut options = match kind {
        '\0' | 'r' => match spec.precision {
            None => Options::new(Style::Repr, 0),
            Some(p) => Options::new(Style::General, p),
        },
        'e' | 'E' => Options::new(Style::Exp, precision),
        'f' | 'F' | '%' => Options::new(Style::Fixed, precision),
        'g' | 'G' | 'n' => Options::new(Style::General, precision),
        _ => return Err(spec.unknown()),
    };
    options.upper = kind.is_ascii_uppercase();
    options.alternate = spec.alternate;
    options.add_dot_0 = kind == '\0';
    Ok((options, kind == '%'))
}

fn put_float(spec: &Spec, x: f64, options: &Options, percent: bool, seps: &Separators) -> Result<TextBuf, SpecError> {
    let mut text = float::format(if percent { x * 100.0 } else { x }, options);
    if percent {
        text.push('%');
    }
    let (mut negative, text) = text.strip_prefix('-').map_or((false, text.as_str()), |t| (true, t));
    if spec.no_negative_zero && negative {
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        negative = mantissa.bytes().any(|b| !matches!(b, b'0' | b'.' | b'%'));
    }
    let run = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(run(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => {
            let (fraction, rest) = after.split_at(run(after));
            (Some(fraction), rest)
        }
        None => (None, rest),
    };
    let parts = Parts { sign: sign_of(spec, negative), prefix: "", digits, fraction, rest };
    put_number(spec, &parts, seps)
}

/// Format a float.
pub fn format_float(spec: &Spec, x: f64, locale: Option<&Locale>) -> Result<TextBuf, SpecError> {
    let (options, percent) = float_options(spec)?;
    put_float(spec, x, &options, percent, &Separators::new(spec, locale))
}

/// Format a complex number.
pub fn format_complex(spec: &Spec, re: f64, im: f64, locale: Option<&Locale>) -> Result<TextBuf, SpecError> {
    if !is_kind(spec, "eEfFgGn\0") {
        return Err(spec.unknown());
    }
    if spec.fill == '0' as u32 {
        return Err(SpecError::NotAllowed("Zero padding is not allowed in complex format specifier"));
    }
    if spec.align == Align::AfterSign {
        return Err(SpecError::NotAllowed("'=' alignment flag is not allowed in complex format specifier"));
    }
    let (mut options, _) = float_options(spec)?;
    options.add_dot_0 = false;
    let plain = spec.kind == 0;
    let skip_re = plain && re == 0.0 && re.is_sign_positive();
    let seps = Separators::new(spec, locale);
    let mut part = Spec { width: 0, align: Align::Left, ..*spec };
    let mut text = Vec::new();
    if plain && !skip_re {
        text.push('(' as u32);
    }
    if !skip_re {
        text.extend(put_float(&part, re, &options, false, &seps)?.into_code_points());
        part.sign = Some(Sign::Plus);
    }
    text.extend(put_float(&part, im, &options, false, &seps)?.into_code_points());
    text.push('j' as u32);
    if plain && !skip_re {
        text.push(')' as u32);
    }
    pad(spec, &text)
}

/// How a text is cut and padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrLayout {
    /// Padding before.
    pub left: usize,
    /// How many characters of the text are kept.
    pub take: usize,
    /// Padding after.
    pub right: usize,
    /// Padding character.
    pub fill: u32,
}

/// The layout of a text of `len` characters.
pub fn layout_str(spec: &Spec, len: usize) -> Result<StrLayout, SpecError> {
    let refuse = |message| Err(SpecError::NotAllowed(message));
    if !is_kind(spec, "s") {
        return Err(spec.unknown());
    }
    match spec.sign {
        Some(Sign::Space) => return refuse("Space not allowed in string format specifier"),
        Some(_) => return refuse("Sign not allowed in string format specifier"),
        None => {}
    }
    if spec.no_negative_zero {
        return refuse("Negative zero coercion (z) not allowed in string format specifier");
    }
    if spec.alternate {
        return refuse("Alternate form (#) not allowed in string format specifier");
    }
    if spec.align == Align::AfterSign {
        return refuse("'=' alignment not allowed in string format specifier");
    }
    let take = spec.precision.map_or(len, |p| p.min(len));
    let padding = spec.width.saturating_sub(take);
    let left = match spec.align {
        Align::Left | Align::AfterSign => 0,
        Align::Right => padding,
        Align::Center => padding / 2,
    };
    Ok(StrLayout { left, take, right: padding - left, fill: spec.fill })
}

/// Format a text.
pub fn format_str(spec: &Spec, text: &[u32]) -> Result<TextBuf, SpecError> {
    let layout = layout_str(spec, text.len())?;
    let length = layout.left + layout.take + layout.right;
    let mut out = TextBuf::try_with_capacity(length).ok_or(SpecError::NoMemory)?;
    out.fill(layout.fill, layout.left);
    out.extend(text[..layout.take].iter().copied());
    out.fill(layout.fill, layout.right);
    Ok(out)
}
