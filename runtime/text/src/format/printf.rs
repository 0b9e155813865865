//! `%` formatting of `str` and `bytes`: the directives, and laying out what they ask for.

use super::Unit;
use crate::float::{self, Options, Style};
use std::ops::Range;

/// Why a format cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintfError {
    /// The string ends inside a directive.
    Incomplete,
    /// `%(` without `)`.
    IncompleteKey,
    /// Width beyond `Py_ssize_t`.
    WidthTooBig,
    /// Precision beyond a C `int`.
    PrecisionTooBig,
    /// A conversion that does not exist: the character and where it is.
    Unsupported(u32, usize),
}

impl PrintfError {
    /// The message of the `ValueError`.
    pub fn message(self) -> String {
        match self {
            PrintfError::Incomplete => "incomplete format".into(),
            PrintfError::IncompleteKey => "incomplete format key".into(),
            PrintfError::WidthTooBig => "width too big".into(),
            PrintfError::PrecisionTooBig => "precision too big".into(),
            PrintfError::Unsupported(c, at) => {
                let shown = char::from_u32(c).filter(|c| (' '..='\x7f').contains(c)).unwrap_or('?');
                format!("unsupported format character '{shown}' ({c:#x}) at index {at}")
            }
        }
    }
}

/// A width or precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Given in the format.
    Value(usize),
    /// `*`: the next argument.
    Argument,
}

/// Flags of a directive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `-`
    pub left: bool,
    /// `+`
    pub plus: bool,
    /// ` `
    pub space: bool,
    /// `#`
    pub alternate: bool,
    /// `0`
    pub zero: bool,
}

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Mapping key, as a range of the format.
    pub key: Option<Range<usize>>,
    /// Flags.
    pub flags: Flags,
    /// Minimal width.
    pub width: Option<Amount>,
    /// Precision.
    pub precision: Option<Amount>,
    /// Conversion character, not checked.
    pub conversion: u32,
    /// Where the conversion character is.
    pub at: usize,
}

impl Directive {
    /// The error for a conversion that does not exist.
    pub fn unsupported(&self) -> PrintfError {
        PrintfError::Unsupported(self.conversion, self.at)
    }
}

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text to copy.
    Literal(Range<usize>),
    /// `%%`
    Percent,
    /// Something to fill in.
    Directive(Directive),
}

/// Iterator over the pieces of a format.
/// An error can come after pieces whose arguments are then already used, as in the reference.
pub struct Pieces<'a, U> {
    text: &'a [U],
    at: usize,
}

impl<'a, U: Unit> Pieces<'a, U> {
    /// Read `text`.
    pub fn new(text: &'a [U]) -> Self {
        Pieces { text, at: 0 }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).map(|&u| char::from_u32(u.into()).unwrap_or('\u{FFFD}'))
    }

    fn amount(&mut self, max: usize, error: PrintfError) -> Result<Option<Amount>, PrintfError> {
        if self.peek() == Some('*') {
            self.at += 1;
            return Ok(Some(Amount::Argument));
        }
        let mut value = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            let next = value.unwrap_or(0usize).checked_mul(10).and_then(|v| v.checked_add(digit as usize));
            value = Some(next.filter(|&v| v <= max).ok_or(error)?);
            self.at += 1;
        }
        Ok(value.map(Amount::Value))
    }

    fn directive(&mut self) -> Result<Directive, PrintfError> {
        let mut key = None;
        if self.peek() == Some('(') {
            let start = self.at + 1;
            let mut depth = 0;
            loop {
                match self.peek() {
                    None => return Err(PrintfError::IncompleteKey),
                    Some('(') => depth += 1,
                    Some(')') => depth -= 1,
                    Some(_) => {}
                }
                self.at += 1;
                if depth == 0 {
                    break;
                }
            }
            key = Some(start..self.at - 1);
        }
        let mut flags = Flags::default();
        loop {
            match self.peek() {
                Some('-') => flags.left = true,
                Some('+') => flags.plus = true,
                Some(' ') => flags.space = true,
                Some('#') => flags.alternate = true,
                Some('0') => flags.zero = true,
                _ => break,
            }
            self.at += 1;
        }
        let width = self.amount(isize::MAX as usize, PrintfError::WidthTooBig)?;
        let mut precision = None;
        if self.peek() == Some('.') {
            self.at += 1;
            let found = self.amount(i32::MAX as usize, PrintfError::PrecisionTooBig)?;
            precision = Some(found.unwrap_or(Amount::Value(0)));
        }
        if let Some('h' | 'l' | 'L') = self.peek() {
            self.at += 1;
        }
        let Some(&conversion) = self.text.get(self.at) else { return Err(PrintfError::Incomplete) };
        self.at += 1;
        Ok(Directive { key, flags, width, precision, conversion: conversion.into(), at: self.at - 1 })
    }
}

impl<U: Unit> Iterator for Pieces<'_, U> {
    type Item = Result<Piece, PrintfError>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.peek()?;
        if first != '%' {
            let start = self.at;
            let rest = &self.text[start..];
            self.at += rest.iter().position(|&u| u.into() == '%' as u32).unwrap_or(rest.len());
            return Some(Ok(Piece::Literal(start..self.at)));
        }
        self.at += 1;
        if self.peek() == Some('%') {
            self.at += 1;
            return Some(Ok(Piece::Percent));
        }
        let found = self.directive().map(Piece::Directive);
        if found.is_err() {
            self.at = self.text.len();
        }
        Some(found)
    }
}

/// A number as text: `sign`, `prefix` and `body` padded to `width` as the flags say.
fn lay_out(flags: Flags, width: usize, negative: bool, prefix: &str, zeros: usize, body: &str) -> Option<String> {
    let sign = match flags {
        _ if negative => "-",
        Flags { plus: true, .. } => "+",
        Flags { space: true, .. } => " ",
        _ => "",
    };
    let padding = width.saturating_sub(sign.len() + prefix.len() + zeros + body.len());
    let mut out = String::new();
    out.try_reserve(width.max(sign.len() + prefix.len() + zeros + body.len())).ok()?;
    let put = |out: &mut String, c: char, n: usize| out.extend(std::iter::repeat_n(c, n));
    let inner = flags.zero && !flags.left;
    if !inner && !flags.left {
        put(&mut out, ' ', padding);
    }
    out.push_str(sign);
    out.push_str(prefix);
    if inner {
        put(&mut out, '0', padding);
    }
    put(&mut out, '0', zeros);
    out.push_str(body);
    if flags.left {
        put(&mut out, ' ', padding);
    }
    Some(out)
}

/// `%d`, `%i`, `%u`, `%o`, `%x`, `%X` of an integer given as lower-case digits in the base of the conversion.
/// `None` if there is no memory for the result.
pub fn format_int(
    conversion: char,
    flags: Flags,
    width: usize,
    precision: Option<usize>,
    negative: bool,
    digits: &str,
) -> Option<String> {
    let prefix = match conversion {
        'o' if flags.alternate => "0o",
        'x' if flags.alternate => "0x",
        'X' if flags.alternate => "0X",
        _ => "",
    };
    let zeros = precision.unwrap_or(0).saturating_sub(digits.len());
    if conversion == 'X' {
        return lay_out(flags, width, negative, prefix, zeros, &digits.to_ascii_uppercase());
    }
    lay_out(flags, width, negative, prefix, zeros, digits)
}

/// `%e`, `%f`, `%g` and their upper-case forms.
/// `None` if there is no memory for the result.
pub fn format_float(conversion: char, flags: Flags, width: usize, precision: Option<usize>, x: f64) -> Option<String> {
    let style = match conversion.to_ascii_lowercase() {
        'e' => Style::Exp,
        'f' => Style::Fixed,
        _ => Style::General,
    };
    let mut options = Options::new(style, precision.unwrap_or(6));
    options.upper = conversion.is_ascii_uppercase();
    options.alternate = flags.alternate;
    let text = float::format(x, &options);
    let (negative, body) = text.strip_prefix('-').map_or((false, text.as_str()), |body| (true, body));
    lay_out(flags, width, negative, "", 0, body)
}

/// How many blanks go before and after a text of `len` characters.
pub fn pad_text(flags: Flags, width: usize, len: usize) -> (usize, usize) {
    let padding = width.saturating_sub(len);
    if flags.left { (0, padding) } else { (padding, 0) }
}
