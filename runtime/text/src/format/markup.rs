//! The markup of `str.format`: literals and replacement fields, field names, automatic numbers.

use super::{Unit, read_integer};
use std::ops::Range;

/// Why a format string is malformed (`ValueError`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkupError {
    /// A lone `}`.
    SingleClose,
    /// A lone `{` at the end.
    SingleOpen,
    /// `{` inside a field name.
    OpenInName,
    /// The string ends inside a field.
    ExpectedClose,
    /// Nothing after `!`.
    NoConversion,
    /// Something else than `:` or `}` after the conversion.
    ExpectedColon,
    /// The format specification does not end.
    UnmatchedOpen,
    /// An index without `]`.
    MissingBracket,
    /// Text right after `]`.
    AfterBracket,
    /// An empty attribute or index.
    EmptyAttribute,
    /// An index beyond `Py_ssize_t`.
    TooManyDigits,
    /// `{}` after `{0}`.
    ManualToAuto,
    /// `{0}` after `{}`.
    AutoToManual,
}

impl MarkupError {
    /// The reference's wording.
    pub fn message(self) -> &'static str {
        match self {
            MarkupError::SingleClose => "Single '}' encountered in format string",
            MarkupError::SingleOpen => "Single '{' encountered in format string",
            MarkupError::OpenInName => "unexpected '{' in field name",
            MarkupError::ExpectedClose => "expected '}' before end of string",
            MarkupError::NoConversion => "end of string while looking for conversion specifier",
            MarkupError::ExpectedColon => "expected ':' after conversion specifier",
            MarkupError::UnmatchedOpen => "unmatched '{' in format spec",
            MarkupError::MissingBracket => "Missing ']' in format string",
            MarkupError::AfterBracket => "Only '.' or '[' may follow ']' in format field specifier",
            MarkupError::EmptyAttribute => "Empty attribute in format string",
            MarkupError::TooManyDigits => "Too many decimal digits in format string",
            MarkupError::ManualToAuto => "cannot switch from manual field specification to automatic field numbering",
            MarkupError::AutoToManual => "cannot switch from automatic field numbering to manual field specification",
        }
    }
}

/// A replacement field; the ranges are into the format string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Field name.
    pub name: Range<usize>,
    /// The character after `!`.
    pub conversion: Option<u32>,
    /// Format specification.
    pub spec: Range<usize>,
    /// Whether the specification has fields of its own.
    pub nested: bool,
}

/// A literal and the field that follows it, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Literal text, escapes already undone.
    pub literal: Range<usize>,
    /// The field after it.
    pub field: Option<Field>,
}

/// Iterator over the pieces of a format string.
pub struct Markup<'a, U> {
    text: &'a [U],
    at: usize,
}

impl<'a, U: Unit> Markup<'a, U> {
    /// Read `text`.
    pub fn new(text: &'a [U]) -> Self {
        Markup { text, at: 0 }
    }

    fn take(&mut self) -> Option<char> {
        let unit = *self.text.get(self.at)?;
        self.at += 1;
        Some(char::from_u32(unit.into()).unwrap_or('?'))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).map(|&u| char::from_u32(u.into()).unwrap_or('?'))
    }

    fn piece(&mut self) -> Result<Piece, MarkupError> {
        let start = self.at;
        let mut brace = None;
        while let Some(c) = self.take() {
            if matches!(c, '{' | '}') {
                brace = Some(c);
                break;
            }
        }
        let Some(brace) = brace else { return Ok(Piece { literal: start..self.at, field: None }) };
        if self.peek() == Some(brace) {
            self.at += 1;
            return Ok(Piece { literal: start..self.at - 1, field: None });
        }
        if brace == '}' {
            return Err(MarkupError::SingleClose);
        }
        if self.peek().is_none() {
            return Err(MarkupError::SingleOpen);
        }
        let literal = start..self.at - 1;
        Ok(Piece { literal, field: Some(self.field()?) })
    }

    fn field(&mut self) -> Result<Field, MarkupError> {
        let start = self.at;
        let end = loop {
            match self.take() {
                None => return Err(MarkupError::ExpectedClose),
                Some('{') => return Err(MarkupError::OpenInName),
                Some('[') => {
                    while self.peek().is_some_and(|c| c != ']') {
                        self.at += 1;
                    }
                }
                Some(c @ ('}' | ':' | '!')) => break c,
                Some(_) => {}
            }
        };
        let name = start..self.at - 1;
        let mut field = Field { name, conversion: None, spec: self.at..self.at, nested: false };
        if end == '}' {
            return Ok(field);
        }
        if end == '!' {
            let Some(&conversion) = self.text.get(self.at) else { return Err(MarkupError::NoConversion) };
            self.at += 1;
            field.conversion = Some(conversion.into());
            match self.take() {
                Some('}') => {
                    field.spec = self.at..self.at;
                    return Ok(field);
                }
                Some(':') => {}
                Some(_) => return Err(MarkupError::ExpectedColon),
                None => return Err(MarkupError::UnmatchedOpen),
            }
        }
        let start = self.at;
        let mut depth = 1;
        loop {
            match self.take() {
                Some('{') => {
                    field.nested = true;
                    depth += 1;
                }
                Some('}') => {
                    depth -= 1;
                    if depth == 0 {
                        field.spec = start..self.at - 1;
                        return Ok(field);
                    }
                }
                Some(_) => {}
                None => return Err(MarkupError::UnmatchedOpen),
            }
        }
    }
}

impl<U: Unit> Iterator for Markup<'_, U> {
    type Item = Result<Piece, MarkupError>;
    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.text.len()).then(|| {
            let piece = self.piece();
            if piece.is_err() {
                self.at = self.text.len();
            }
            piece
        })
    }
}

/// The first part of a field name, or an index in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A number.
    Index(usize),
    /// A name, as a range of the text given.
    Name(Range<usize>),
}

/// A step after the first part of a field name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `.name`
    Attribute(Range<usize>),
    /// `[key]`
    Item(Key),
}

fn key<U: Unit>(text: &[U], range: Range<usize>) -> Result<Key, MarkupError> {
    let mut at = 0;
    let index = read_integer(&text[range.clone()], &mut at);
    match index {
        Ok(Some(index)) if at == range.len() => Ok(Key::Index(index)),
        Err(_) => Err(MarkupError::TooManyDigits),
        _ => Ok(Key::Name(range)),
    }
}

/// Split a field name into its first part (an empty name means automatic numbering) and the steps.
pub fn split_field_name<U: Unit>(text: &[U]) -> Result<(Key, Steps<'_, U>), MarkupError> {
    let is_end = |u: &U| matches!(char::from_u32((*u).into()), Some('.' | '['));
    let end = text.iter().position(is_end).unwrap_or(text.len());
    Ok((key(text, 0..end)?, Steps { text, at: end }))
}

/// Iterator over the steps of a field name.
pub struct Steps<'a, U> {
    text: &'a [U],
    at: usize,
}

impl<U: Unit> Steps<'_, U> {
    fn step(&mut self) -> Result<Step, MarkupError> {
        let is = |at: usize, c: char| self.text.get(at).is_some_and(|&u| u.into() == c as u32);
        let start = self.at + 1;
        let mut at = start;
        if is(self.at, '.') {
            while at < self.text.len() && !is(at, '.') && !is(at, '[') {
                at += 1;
            }
            self.at = at;
            return if at == start { Err(MarkupError::EmptyAttribute) } else { Ok(Step::Attribute(start..at)) };
        }
        if !is(self.at, '[') {
            return Err(MarkupError::AfterBracket);
        }
        while at < self.text.len() && !is(at, ']') {
            at += 1;
        }
        if at == self.text.len() {
            return Err(MarkupError::MissingBracket);
        }
        self.at = at + 1;
        let item = key(self.text, start..at)?;
        if at == start { Err(MarkupError::EmptyAttribute) } else { Ok(Step::Item(item)) }
    }
}

impl<U: Unit> Iterator for Steps<'_, U> {
    type Item = Result<Step, MarkupError>;
    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.text.len()).then(|| {
            let step = self.step();
            if step.is_err() {
                self.at = self.text.len();
            }
            step
        })
    }
}

/// Numbers for empty field names; a string may not mix them with explicit ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct AutoNumber {
    state: Option<bool>,
    next: usize,
}

impl AutoNumber {
    /// The number of an empty field name.
    pub fn automatic(&mut self) -> Result<usize, MarkupError> {
        if self.state == Some(false) {
            return Err(MarkupError::ManualToAuto);
        }
        self.state = Some(true);
        self.next += 1;
        Ok(self.next - 1)
    }
    /// Note that a field name is a number.
    pub fn manual(&mut self) -> Result<(), MarkupError> {
        if self.state == Some(true) {
            return Err(MarkupError::AutoToManual);
        }
        self.state = Some(false);
        Ok(())
    }
}
