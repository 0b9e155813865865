//! Parser of `[[fill]align][sign][z][#][0][width][grouping][.precision[grouping]][type]`.

use super::{Unit, read_integer};
use crate::textbuf::TextBuf;

/// Alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// `<`
    Left,
    /// `>`
    Right,
    /// `^`
    Center,
    /// `=`: the padding goes after the sign.
    AfterSign,
}

/// Sign policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `-`
    Minus,
    /// `+`
    Plus,
    /// ` `
    Space,
}

/// Digit grouping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// `,` by threes
    Comma,
    /// `_` by threes, by fours in bases 2, 8 and 16
    Underscore,
}

impl Grouping {
    fn char(self) -> char {
        match self {
            Grouping::Comma => ',',
            Grouping::Underscore => '_',
        }
    }
}

/// A parsed format specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Padding character.
    pub fill: u32,
    /// Alignment, or the default of the type.
    pub align: Align,
    /// Sign policy, if given.
    pub sign: Option<Sign>,
    /// `z`: no negative zero.
    pub no_negative_zero: bool,
    /// `#`
    pub alternate: bool,
    /// Minimal width.
    pub width: usize,
    /// Grouping of the integer part.
    pub grouping: Option<Grouping>,
    /// Digits after the point, or the longest text.
    pub precision: Option<usize>,
    /// Grouping of the fraction.
    pub fraction_grouping: Option<Grouping>,
    /// Presentation type, or the default given to [`parse_spec`]; 0 is none.
    pub kind: u32,
}

/// Why a specification cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// Width, precision or index beyond `Py_ssize_t`.
    TooManyDigits,
    /// A point with nothing after it.
    MissingPrecision,
    /// Both `,` and `_`.
    BothGroupings,
    /// Text after the type; the whole specification.
    Invalid(Vec<u32>),
    /// A type that the object does not have.
    UnknownCode(u32),
    /// Grouping with a type that has none.
    GroupingWith(char, u32),
    /// Precision beyond a C `int`.
    PrecisionTooBig,
    /// A flag that the type refuses; the whole message.
    NotAllowed(&'static str),
    /// The result does not fit in memory (`MemoryError`).
    NoMemory,
}

impl SpecError {
    /// The message of the `ValueError` (`MemoryError` for [`SpecError::NoMemory`]); `type_name` is the object's.
    pub fn message(&self, type_name: &str) -> TextBuf {
        let code = |c: u32| match char::from_u32(c) {
            Some(c @ '!'..='\x7f') => c.to_string(),
            _ => format!("\\x{c:x}"),
        };
        let text = match self {
            SpecError::TooManyDigits => "Too many decimal digits in format string".into(),
            SpecError::MissingPrecision => "Format specifier missing precision".into(),
            SpecError::BothGroupings => "Cannot specify both ',' and '_'.".into(),
            SpecError::Invalid(spec) => {
                let mut out = TextBuf::from("Invalid format specifier '");
                out.extend(spec.iter().copied());
                out.push_str("' for object of type '");
                out.push_str(type_name);
                out.push_str("'");
                return out;
            }
            SpecError::UnknownCode(c) => {
                format!("Unknown format code '{}' for object of type '{type_name}'", code(*c))
            }
            SpecError::GroupingWith(sep, c) => format!("Cannot specify '{sep}' with '{}'.", code(*c)),
            SpecError::PrecisionTooBig => "precision too big".into(),
            SpecError::NotAllowed(message) => (*message).into(),
            SpecError::NoMemory => String::new(),
        };
        TextBuf::from(text.as_str())
    }
}

fn alignment(cp: u32) -> Option<Align> {
    Some(match char::from_u32(cp)? {
        '<' => Align::Left,
        '>' => Align::Right,
        '^' => Align::Center,
        '=' => Align::AfterSign,
        _ => return None,
    })
}

/// Parse a specification; `kind` and `align` are the defaults of the type formatted.
pub fn parse_spec<U: Unit>(text: &[U], kind: char, align: Align) -> Result<Spec, SpecError> {
    let get = |at: usize| text.get(at).map(|&u| u.into());
    let is = |at: usize, c: char| get(at) == Some(c as u32);
    let mut spec = Spec {
        fill: ' ' as u32,
        align,
        sign: None,
        no_negative_zero: false,
        alternate: false,
        width: 0,
        grouping: None,
        precision: None,
        fraction_grouping: None,
        kind: kind as u32,
    };
    let (mut at, mut fill_given, mut align_given) = (0, false, false);
    if let Some(a) = get(1).and_then(alignment) {
        spec.fill = get(0).unwrap_or(spec.fill);
        (spec.align, at, fill_given, align_given) = (a, 2, true, true);
    } else if let Some(a) = get(0).and_then(alignment) {
        (spec.align, at, align_given) = (a, 1, true);
    }
    spec.sign = match get(at).and_then(char::from_u32) {
        Some('+') => Some(Sign::Plus),
        Some('-') => Some(Sign::Minus),
        Some(' ') => Some(Sign::Space),
        _ => None,
    };
    at += usize::from(spec.sign.is_some());
    if is(at, 'z') {
        spec.no_negative_zero = true;
        at += 1;
    }
    if is(at, '#') {
        spec.alternate = true;
        at += 1;
    }
    if !fill_given && is(at, '0') {
        spec.fill = '0' as u32;
        if !align_given && align == Align::Right {
            spec.align = Align::AfterSign;
        }
        at += 1;
    }
    spec.width = read_integer(text, &mut at)?.unwrap_or(0);
    spec.grouping = read_grouping(text, &mut at)?;
    if is(at, '.') {
        at += 1;
        spec.precision = read_integer(text, &mut at)?;
        spec.fraction_grouping = read_grouping(text, &mut at)?;
        if spec.precision.is_none() && spec.fraction_grouping.is_none() {
            return Err(SpecError::MissingPrecision);
        }
    }
    if text.len() - at > 1 {
        return Err(SpecError::Invalid(text.iter().map(|&u| u.into()).collect()));
    }
    spec.kind = get(at).unwrap_or(spec.kind);
    let kind = char::from_u32(spec.kind).unwrap_or('?');
    if let Some(g) = spec.grouping {
        let fits = matches!(kind, 'd' | 'e' | 'f' | 'g' | 'E' | 'G' | '%' | 'F' | '\0')
            || (g == Grouping::Underscore && matches!(kind, 'b' | 'o' | 'x' | 'X'));
        if !fits {
            return Err(SpecError::GroupingWith(g.char(), spec.kind));
        }
    }
    if let (Some(g), 'n') = (spec.fraction_grouping, kind) {
        return Err(SpecError::GroupingWith(g.char(), spec.kind));
    }
    Ok(spec)
}

fn read_grouping<U: Unit>(text: &[U], at: &mut usize) -> Result<Option<Grouping>, SpecError> {
    let get = |at: usize| text.get(at).and_then(|&u| char::from_u32(u.into()));
    let (found, other) = match get(*at) {
        Some(',') => (Grouping::Comma, '_'),
        Some('_') => (Grouping::Underscore, ','),
        _ => return Ok(None),
    };
    *at += 1;
    if get(*at) == Some(other) { Err(SpecError::BothGroupings) } else { Ok(Some(found)) }
}
