//! What the reference's tokenizer finds wrong with a text.
//!
//! The parser has a tokenizer of its own that goes on after errors and has other limits. This one reads the whole
//! text, makes no tokens, and stops at the first thing that the reference's tokenizer would not accept.

use crate::Mode;
use crate::error::{ErrorKind, RawError};
use crate::source::Source;
use krait_bytecode::Location;
use krait_text::unicode::{is_identifier_continue, is_identifier_start, is_printable};

/// Most brackets that may be open at once.
const MAX_BRACKETS: usize = 200;
/// Most levels of indentation.
const MAX_INDENTS: usize = 100;
/// Most replacement fields inside each other's format specifications.
const MAX_FIELDS: i32 = 3;
/// Most f-strings inside each other.
const MAX_FORMATS: usize = 149;

/// What the tokenizer stopped at.
#[derive(Clone)]
pub(crate) struct Fault {
    /// Where the token begins that is wrong.
    pub(crate) at: usize,
    /// Whether the parser's own error gives way to this one even when it comes earlier in the text.
    pub(crate) wins: bool,
    pub(crate) error: Box<RawError>,
}

/// The outcome of reading a text.
pub(crate) struct Scan {
    pub(crate) fault: Option<Fault>,
    /// The innermost bracket that is still open where reading stopped.
    pub(crate) open: Option<usize>,
}

/// An f-string or t-string that is being read.
struct Format {
    quote: u8,
    width: usize,
    raw: bool,
    template: bool,
    start: usize,
    /// Brackets open inside the string.
    depth: i32,
    /// `depth` outside the innermost replacement field; -1 outside all of them.
    field: i32,
    in_spec: bool,
    /// Text comes next, not the tokens of an expression.
    text: bool,
}

impl Format {
    fn letter(&self) -> char {
        if self.template { 't' } else { 'f' }
    }
}

struct Scanner<'a> {
    source: &'a Source,
    bytes: &'a [u8],
    at: usize,
    line_start: bool,
    brackets: Vec<(u8, usize)>,
    indents: Vec<(usize, usize)>,
    formats: Vec<Format>,
    mode: Mode,
}

type Step = Result<(), Fault>;

/// Reads a text.
pub(crate) fn scan(source: &Source, mode: Mode) -> Scan {
    let mut scanner = Scanner {
        source,
        bytes: source.text.as_bytes(),
        at: 0,
        line_start: true,
        brackets: Vec::new(),
        indents: vec![(0, 0)],
        formats: Vec::new(),
        mode,
    };
    let fault = loop {
        match scanner.step() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(fault) => break Some(fault),
        }
    };
    Scan { fault, open: scanner.brackets.last().map(|bracket| bracket.1) }
}

/// An error of the tokenizer proper.
fn bare(loc: Location, msg: impl Into<String>) -> Box<RawError> {
    let mut error = RawError::syntax(loc, msg);
    error.bare_line = true;
    error
}

fn is_name_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn location(&self, from: usize, to: usize) -> Location {
        self.source.location(from as u32, to as u32)
    }

    /// An error at a character, without a range.
    fn fault<T>(&self, token: usize, place: usize, msg: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { at: token, wins: self.formats.is_empty(), error: bare(self.location(place, place), msg) })
    }

    /// An error before the character that the tokenizer would read next; at the start of a line that is no column.
    fn fault_before<T>(&self, token: usize, next: usize, msg: impl Into<String>) -> Result<T, Fault> {
        let mut loc = self.location(next, next);
        (loc.column, loc.end_column) = (loc.column - 1, loc.end_column - 1);
        Err(Fault { at: token, wins: self.formats.is_empty(), error: bare(loc, msg) })
    }

    fn fault_range<T>(&self, from: usize, to: usize, msg: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { at: from, wins: self.formats.is_empty(), error: bare(self.location(from, to), msg) })
    }

    /// One step: a token, blanks, or a piece of text; false at the end.
    fn step(&mut self) -> Result<bool, Fault> {
        if self.formats.last().is_some_and(|format| format.text) {
            return self.format_text().map(|()| true);
        }
        if std::mem::take(&mut self.line_start) {
            self.indentation()?;
        }
        while matches!(self.peek(0), b' ' | b'\t' | 0x0c) {
            self.at += 1;
        }
        if self.at_end() {
            return Ok(false);
        }
        let byte = self.peek(0);
        match byte {
            b'#' => self.at = self.source.text[self.at..].find('\n').map_or(self.bytes.len(), |n| self.at + n),
            b'\n' => {
                self.at += 1;
                self.line_start = true;
            }
            b'\\' => self.continuation()?,
            b'"' | b'\'' => self.string(self.at)?,
            b'0'..=b'9' => self.number()?,
            b'.' if self.peek(1).is_ascii_digit() => self.number()?,
            b'(' | b'[' | b'{' | b')' | b']' | b'}' => self.bracket(byte)?,
            _ if is_name_byte(byte) => self.name()?,
            b':' => {
                self.at += 1;
                if let Some(format) = self.formats.last_mut().filter(|f| f.depth - 1 == f.field) {
                    (format.text, format.in_spec) = (true, true);
                }
            }
            0..0x20 | 0x7f => {
                return self.fault(self.at, self.at, format!("invalid non-printable character U+{byte:04X}"));
            }
            _ => self.at += 1,
        }
        Ok(true)
    }

    /// The blanks at the start of a line, with tabs to eight columns and to one.
    fn indentation(&mut self) -> Step {
        let (mut wide, mut narrow, mut continued) = (0, 0, None);
        loop {
            match self.peek(0) {
                b' ' => (wide, narrow) = (wide + 1, narrow + 1),
                b'\t' => (wide, narrow) = ((wide / 8 + 1) * 8, narrow + 1),
                0x0c => (wide, narrow) = (0, 0),
                b'\\' => {
                    // The first of the joined lines counts.
                    continued = continued.filter(|c: &(usize, usize)| c.0 > 0).or(Some((wide, narrow)));
                    self.continuation()?;
                    continue;
                }
                _ => break,
            }
            self.at += 1;
        }
        let blank_end = self.at_end() && self.mode == Mode::Eval && wide > 0;
        if !self.brackets.is_empty() || matches!(self.peek(0), b'#' | b'\n') || (self.at_end() && !blank_end) {
            return Ok(());
        }
        if let Some(first) = continued.filter(|c| c.0 > 0) {
            (wide, narrow) = first;
        }
        let (line, column) = self.source.position(self.at as u32);
        let at = self.at - column as usize;
        let length = self.source.line(line).trim_end_matches('\n').len() as i32;
        let fault = |kind, column, end_column, msg: &str| {
            let loc = Location { line, end_line: line, column, end_column };
            let error = Box::new(RawError {
                kind,
                msg: msg.into(),
                loc: Some(loc),
                bare_line: false,
                stale_line: false,
                last_block: None,
            });
            Err(Fault { at, wins: false, error })
        };
        if blank_end {
            // Blanks at the end of an expression's text are an indented line.
            return fault(ErrorKind::Indentation, column - 1, -2, "unexpected indent");
        }
        let grows = self.indents.last().is_some_and(|top| wide > top.0);
        if grows && self.mode == Mode::Eval {
            return fault(ErrorKind::Indentation, column - 1, -2, "unexpected indent");
        }
        while self.indents.len() > 1 && self.indents.last().is_some_and(|top| top.0 > wide) {
            self.indents.pop();
        }
        let (top_wide, top_narrow) = self.indents.last().copied().unwrap_or_default();
        if !grows && wide != top_wide {
            let msg = "unindent does not match any outer indentation level";
            return fault(ErrorKind::Indentation, length, -2, msg);
        }
        if grows && self.indents.len() >= MAX_INDENTS {
            return fault(ErrorKind::Indentation, length + 1, -2, "too many levels of indentation");
        }
        if if grows { narrow <= top_narrow } else { narrow != top_narrow } {
            return fault(ErrorKind::Tab, 0, -1, "inconsistent use of tabs and spaces in indentation");
        }
        if grows {
            self.indents.push((wide, narrow));
        }
        Ok(())
    }

    /// A backslash: only the end of a line may follow, and then another line.
    fn continuation(&mut self) -> Step {
        let at = self.at;
        let soft = |loc, msg: &str| Err(Fault { at, wins: false, error: RawError::syntax(loc, msg) });
        if self.peek(1) != b'\n' || at + 1 >= self.bytes.len() {
            let after = (at + 1).min(self.bytes.len() - 1);
            let loc = Location { end_column: -1, ..self.location(after, after) };
            return soft(loc, "unexpected character after line continuation character");
        }
        self.at += 2;
        if self.at_end() {
            if let Some((bracket, place)) = self.brackets.last() {
                let loc = Location { end_column: -1, ..self.location(*place, *place) };
                return soft(loc, &format!("'{}' was never closed", *bracket as char));
            }
            let loc = Location { end_column: -2, ..self.location(at + 1, at + 1) };
            return soft(loc, "unexpected EOF while parsing");
        }
        Ok(())
    }

    fn name(&mut self) -> Step {
        let from = self.at;
        while is_name_byte(self.peek(0)) {
            self.at += 1;
        }
        let text = &self.source.text[from..self.at];
        if matches!(self.peek(0), b'"' | b'\'') && text.len() <= 5 {
            let mut letters: Vec<u8> = text.to_ascii_lowercase().into_bytes();
            letters.sort_unstable();
            let has = |letter: u8| letters.contains(&letter);
            let prefix = letters.windows(2).all(|pair| pair[0] != pair[1])
                && letters.iter().all(|letter| b"burft".contains(letter));
            if prefix {
                let pairs =
                    [(b'u', b'b'), (b'u', b'r'), (b'u', b'f'), (b'u', b't'), (b'b', b'f'), (b'b', b't'), (b'f', b't')];
                if let Some((a, b)) = pairs.into_iter().find(|(a, b)| has(*a) && has(*b)) {
                    let msg = format!("'{}' and '{}' prefixes are incompatible", a as char, b as char);
                    return self.fault_range(from, self.at, msg);
                }
                if has(b'f') || has(b't') {
                    return self.format_start(from, has(b'r'), has(b't'));
                }
                return self.string(from);
            }
        }
        if text.is_ascii() {
            return Ok(());
        }
        let bad = text.char_indices().find(|(at, c)| {
            let valid = if *at == 0 { is_identifier_start } else { is_identifier_continue };
            !valid(*c as u32)
        });
        let Some((at, c)) = bad else { return Ok(()) };
        let msg = if is_printable(c as u32) {
            format!("invalid character '{c}' (U+{:04X})", c as u32)
        } else {
            format!("invalid non-printable character U+{:04X}", c as u32)
        };
        self.fault(from, from + at, msg)
    }

    /// How many equal quotes open a string here: one or three; two are an empty string.
    fn quotes(&self) -> usize {
        let quote = self.peek(0);
        if self.peek(1) == quote && self.peek(2) == quote { 3 } else { 1 }
    }

    /// A string literal whose quotes come next.
    fn string(&mut self, from: usize) -> Step {
        let (quote, width) = (self.peek(0), self.quotes());
        let (mut found, mut escaped) = (0, false);
        self.at += width;
        while found < width {
            let byte = self.peek(0);
            if self.at_end() || (width == 1 && byte == b'\n') {
                return self.unterminated(from, quote, width, escaped);
            }
            self.at += 1;
            if byte == quote {
                found += 1;
                continue;
            }
            found = 0;
            if byte == b'\\' && !self.at_end() {
                escaped |= self.peek(0) == quote;
                self.at += 1;
            }
        }
        Ok(())
    }

    fn unterminated(&self, from: usize, quote: u8, width: usize, escaped: bool) -> Step {
        if let Some(format) = self.formats.last()
            && format.quote == quote
            && format.width == width
        {
            return self.fault(from, from, format!("{}-string: expecting '}}'", format.letter()));
        }
        let quotes = if width == 3 { "triple-quoted " } else { "" };
        let hint = if escaped && width == 1 { "; perhaps you escaped the end quote?" } else { "" };
        let line = self.line_read();
        self.fault(from, from, format!("unterminated {quotes}string literal (detected at line {line}){hint}"))
    }

    /// The line that has been read last.
    fn line_read(&self) -> i32 {
        if self.at_end() { self.source.last_line() } else { self.source.position(self.at as u32).0 }
    }

    fn format_start(&mut self, from: usize, raw: bool, template: bool) -> Step {
        if self.formats.len() >= MAX_FORMATS {
            return self.fault(from, self.at, "too many nested f-strings or t-strings");
        }
        let (quote, width) = (self.peek(0), self.quotes());
        self.at += width;
        let format =
            Format { quote, width, raw, template, start: from, depth: 0, field: -1, in_spec: false, text: true };
        self.formats.push(format);
        Ok(())
    }

    /// Text of an f-string, up to a field, the end of a specification or the end of the string.
    fn format_text(&mut self) -> Step {
        let Some(format) = self.formats.last() else { return Ok(()) };
        let (quote, width, raw, letter) = (format.quote, format.width, format.raw, format.letter());
        let in_spec = format.in_spec && format.field >= 0;
        let (mut found, mut named, start) = (0, false, format.start);
        loop {
            if found == width {
                self.formats.pop();
                return Ok(());
            }
            let byte = self.peek(0);
            if self.at_end() || (width == 1 && byte == b'\n') {
                if in_spec && !self.at_end() {
                    let msg = format!(
                        "{letter}-string: newlines are not allowed in format specifiers for single quoted \
                         {letter}-strings"
                    );
                    return self.fault(self.at, self.at, msg);
                }
                let quotes = if width == 3 { "triple-quoted " } else { "" };
                let line = self.line_read();
                let msg = format!("unterminated {quotes}{letter}-string literal (detected at line {line})");
                return self.fault(start, start, msg);
            }
            self.at += 1;
            found = if byte == quote { found + 1 } else { 0 };
            match byte {
                b'{' if self.peek(0) == b'{' && !in_spec => self.at += 1,
                b'{' => {
                    self.at -= 1;
                    return self.field();
                }
                b'}' if named => named = false,
                b'}' if self.peek(0) == b'}' && !in_spec && self.formats.last().is_some_and(|f| f.depth == 0) => {
                    self.at += 1;
                }
                b'}' => {
                    self.at -= 1;
                    return self.bracket(b'}');
                }
                b'\\' if matches!(self.peek(0), b'{' | b'}') || self.at_end() => {}
                b'\\' => {
                    named = !raw && self.peek(0) == b'N' && self.peek(1) == b'{';
                    self.at += if named { 2 } else { 1 };
                }
                _ => {}
            }
        }
    }

    /// The opening brace of a replacement field.
    fn field(&mut self) -> Step {
        let at = self.at;
        let Some(format) = self.formats.last_mut() else { return Ok(()) };
        format.field += 1;
        format.text = false;
        if format.field >= MAX_FIELDS {
            let msg = format!("{}-string: expressions nested too deeply", format.letter());
            return self.fault_before(at, at, msg);
        }
        self.bracket(b'{')
    }

    fn bracket(&mut self, bracket: u8) -> Step {
        let at = self.at;
        self.at += 1;
        let shown = bracket as char;
        let wanted = match bracket {
            b')' => b'(',
            b']' => b'[',
            b'}' => b'{',
            _ => {
                if self.brackets.len() >= MAX_BRACKETS {
                    return self.fault(at, at, "too many nested parentheses");
                }
                self.brackets.push((bracket, at));
                if let Some(format) = self.formats.last_mut() {
                    format.depth += 1;
                }
                return Ok(());
            }
        };
        let format = self.formats.last().map(|format| (format.letter(), format.depth, format.field));
        if let Some((letter, 0, _)) = format
            && bracket == b'}'
        {
            return self.fault(at, at, format!("{letter}-string: single '}}' is not allowed"));
        }
        let Some((opening, place)) = self.brackets.pop() else {
            return self.fault(at, at, format!("unmatched '{shown}'"));
        };
        if opening != wanted {
            if let Some((letter, depth, field)) = format
                && opening == b'{'
                && depth - 1 == field
            {
                return self.fault(at, at, format!("{letter}-string: unmatched '{shown}'"));
            }
            let (line, here) = (self.source.position(place as u32).0, self.source.position(at as u32).0);
            let place = if line == here { String::new() } else { format!(" on line {line}") };
            let opening = opening as char;
            let msg = format!("closing parenthesis '{shown}' does not match opening parenthesis '{opening}'{place}");
            return self.fault(at, at, msg);
        }
        if let Some(format) = self.formats.last_mut() {
            format.depth -= 1;
            if format.depth < 0 {
                let msg = format!("{}-string: unmatched '{shown}'", format.letter());
                return self.fault(at, at, msg);
            }
            if bracket == b'}' && format.depth == format.field {
                format.field -= 1;
                format.text = true;
                // A field inside a specification goes back to it.
                format.in_spec = format.field >= 0;
            }
        }
        Ok(())
    }

    /// Digits with single underscores between them, the first of them already checked.
    fn decimals(&mut self, from: usize) -> Step {
        loop {
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            if self.peek(0) != b'_' {
                return Ok(());
            }
            self.at += 1;
            if !self.peek(0).is_ascii_digit() {
                return self.fault_before(from, self.at, "invalid decimal literal");
            }
        }
    }

    /// What follows a number must not be a name, except some keywords.
    fn number_end(&self, from: usize, kind: &str) -> Step {
        let byte = self.peek(0);
        if byte >= 0x80 || !is_name_byte(byte) {
            return Ok(());
        }
        let rest = &self.bytes[self.at..];
        let keyword = ["if", "in", "is"].iter().any(|word| rest.starts_with(word.as_bytes()))
            || ["and", "else", "for", "not", "or"]
                .iter()
                .any(|word| rest.starts_with(word.as_bytes()) && !is_name_byte(self.peek(word.len())));
        if keyword { Ok(()) } else { self.fault_before(from, self.at, format!("invalid {kind} literal")) }
    }

    /// A number with a prefix for its base.
    fn based(&mut self, from: usize, kind: &str, digit: fn(u8) -> bool) -> Step {
        self.at += 2;
        loop {
            if self.peek(0) == b'_' {
                self.at += 1;
            }
            let byte = self.peek(0);
            if !digit(byte) {
                if byte.is_ascii_digit() {
                    return self.fault(from, self.at, format!("invalid digit '{}' in {kind} literal", byte as char));
                }
                return self.fault_before(from, self.at, format!("invalid {kind} literal"));
            }
            while digit(self.peek(0)) {
                self.at += 1;
            }
            if self.peek(0) != b'_' {
                break;
            }
        }
        let byte = self.peek(0);
        if byte.is_ascii_digit() {
            return self.fault(from, self.at, format!("invalid digit '{}' in {kind} literal", byte as char));
        }
        self.number_end(from, kind)
    }

    fn number(&mut self) -> Step {
        let from = self.at;
        let mut octal = None;
        if self.peek(0) == b'0' {
            match self.peek(1).to_ascii_lowercase() {
                b'x' => return self.based(from, "hexadecimal", |b| b.is_ascii_hexdigit()),
                b'o' => return self.based(from, "octal", |b| matches!(b, b'0'..=b'7')),
                b'b' => return self.based(from, "binary", |b| matches!(b, b'0' | b'1')),
                _ => {}
            }
            let zeros = self.bytes[from..].iter().take_while(|b| matches!(b, b'0' | b'_')).count();
            self.decimals(from)?;
            octal = (self.at > from + zeros).then_some(from + zeros);
        } else {
            self.decimals(from)?;
        }
        if self.peek(0) == b'.' {
            octal = None;
            self.at += 1;
            if self.peek(0).is_ascii_digit() {
                self.decimals(from)?;
            }
        }
        if matches!(self.peek(0), b'e' | b'E') {
            let signed = matches!(self.peek(1), b'+' | b'-');
            if self.peek(1 + usize::from(signed)).is_ascii_digit() {
                octal = None;
                self.at += 1 + usize::from(signed);
                self.decimals(from)?;
            } else if signed {
                return self.fault_before(from, self.at + 2, "invalid decimal literal");
            } else {
                return self.number_end(from, "decimal");
            }
        }
        if matches!(self.peek(0), b'j' | b'J') {
            self.at += 1;
            return self.number_end(from, "imaginary");
        }
        if let Some(end) = octal {
            let msg = "leading zeros in decimal integer literals are not permitted; \
                       use an 0o prefix for octal integers";
            return self.fault_range(from, end, msg);
        }
        self.number_end(from, "decimal")
    }
}
