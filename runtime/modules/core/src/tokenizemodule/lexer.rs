//! The tokens of Python source, line by line, as `tokenize` reports them.
//!
//! A strict lexer is one that checks what the compiler's own would: it reports no comments and blank lines, and neither
//! the text nor the place of indentation.
use super::strict;
use krait_text::unicode;
use std::collections::VecDeque;

/// Numbers of token types, as in the module `token`.
pub mod kind {
    pub const ENDMARKER: u8 = 0;
    pub const NAME: u8 = 1;
    pub const NUMBER: u8 = 2;
    pub const STRING: u8 = 3;
    pub const NEWLINE: u8 = 4;
    pub const INDENT: u8 = 5;
    pub const DEDENT: u8 = 6;
    pub const OP: u8 = 55;
    pub const FSTRING_START: u8 = 59;
    pub const FSTRING_MIDDLE: u8 = 60;
    pub const FSTRING_END: u8 = 61;
    pub const TSTRING_START: u8 = 62;
    pub const TSTRING_MIDDLE: u8 = 63;
    pub const TSTRING_END: u8 = 64;
    pub const COMMENT: u8 = 65;
    pub const NL: u8 = 66;
}

/// A place: line from 1, column from 0.
pub type Place = (usize, usize);

#[derive(Default)]
pub struct Token {
    pub kind: u8,
    pub text: Vec<u32>,
    pub start: Place,
    pub end: Place,
    pub line: Vec<u32>,
    /// Whether only its row is known.
    pub placeless: bool,
}

/// The class of error that a problem is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Syntax,
    Indentation,
    Tab,
}

/// What is wrong with the source, and where.
pub struct Problem {
    pub message: String,
    pub fault: Fault,
    /// Its start, if it has a place.
    pub place: Option<Place>,
    pub end: Option<Place>,
    pub line: Vec<u32>,
}

/// An f-string or t-string that is open.
struct Format {
    quote: u32,
    triple: bool,
    raw: bool,
    template: bool,
    start: Place,
    /// The line of its start.
    line: Vec<u32>,
    /// How many brackets are open outside each replacement field that is being read.
    fields: Vec<usize>,
    /// Whether the text part of the string (or of a format spec) comes next.
    text: bool,
}

/// Where the lexer is. Lines come through a callback; `None` is the end.
#[derive(Default)]
pub struct Lexer {
    pub(super) line: Vec<u32>,
    pub(super) row: usize,
    pub(super) at: usize,
    started: bool,
    ended: bool,
    /// The columns of open blocks, with tabs to the next multiple of eight and with tabs as one column.
    indents: Vec<(usize, usize)>,
    at_line_start: bool,
    level: usize,
    /// The open brackets, with their rows.
    pub(super) brackets: Vec<(u32, usize)>,
    formats: Vec<Format>,
    pub(super) strict: bool,
    /// Where the comment of the present line begins, which a strict lexer passes over.
    comment: Option<usize>,
    /// Whether the last line held no statement.
    blank: bool,
    /// What to report when the tokens before it are taken.
    pending: Option<Problem>,
    ready: VecDeque<Token>,
    finished: bool,
    /// The missing line end of an open bracket was reported.
    nl_at_end: bool,
}

/// The outcome of reading: the source's fault, or an exception of the callback.
pub enum Stop<E> {
    Problem(Problem),
    Raised(E),
}

type Next<'a, E> = &'a mut dyn FnMut() -> Result<Option<Vec<u32>>, E>;

fn is(point: u32, ch: char) -> bool {
    point == ch as u32
}

fn is_name_start(point: u32) -> bool {
    point == '_' as u32 || point >= 128 || (point as u8).is_ascii_alphabetic()
}

fn is_name(point: u32) -> bool {
    is_name_start(point) || (point as u8).is_ascii_digit() || unicode::is_alnum(point)
}

const THREE: [&str; 5] = ["**=", "//=", ">>=", "<<=", "..."];
const TWO: [&str; 20] = [
    "!=", "%=", "&=", "**", "*=", "+=", "-=", "->", "//", "/=", ":=", "<<", "<=", "==", ">=", ">>", "@=", "^=", "|=",
    "<>",
];

/// How many blocks may be open.
const MAX_INDENT: usize = 100;

impl Lexer {
    pub fn new(strict: bool) -> Self {
        Lexer { indents: vec![(0, 0)], at_line_start: true, strict, ..Lexer::default() }
    }

    pub(super) fn peek(&self, ahead: usize) -> u32 {
        self.line.get(self.at + ahead).copied().unwrap_or(0)
    }

    pub(super) fn problem<E>(&self, message: impl Into<String>, place: Place) -> Stop<E> {
        self.problem_to(message, place, place)
    }

    /// A problem from one place to another.
    pub(super) fn problem_to<E>(&self, message: impl Into<String>, place: Place, end: Place) -> Stop<E> {
        Stop::Problem(Problem {
            message: message.into(),
            fault: Fault::Syntax,
            place: Some(place),
            end: Some(end),
            line: self.line.clone(),
        })
    }

    /// The source ends where it must not.
    fn early_end<E>() -> Stop<E> {
        let message = "unexpected EOF in multi-line statement".to_owned();
        Stop::Problem(Problem { message, fault: Fault::Syntax, place: None, end: None, line: Vec::new() })
    }

    /// A problem of the whole present line.
    fn line_problem<E>(&self, fault: Fault, message: &str) -> Stop<E> {
        let place = Some((self.row, self.line.len()));
        Stop::Problem(Problem { message: message.to_owned(), fault, place, end: None, line: self.line.clone() })
    }

    /// Loads the next line; false at the end of the source.
    fn load<E>(&mut self, next: Next<'_, E>) -> Result<bool, Stop<E>> {
        if self.ended {
            return Ok(false);
        }
        match next().map_err(Stop::Raised)? {
            Some(line) if !line.is_empty() => {
                self.line = line;
                self.row += 1;
                self.at = 0;
                self.started = true;
                self.comment = None;
                if let Some(at) = self.line.iter().position(|&point| point == 0) {
                    self.line.truncate(at);
                    return Err(self.problem("source code cannot contain null bytes", (self.row, 0)));
                }
                Ok(true)
            }
            _ => {
                self.ended = true;
                Ok(false)
            }
        }
    }

    fn token(&mut self, kind: u8, from: usize) {
        let token = Token {
            kind,
            text: self.line[from..self.at].to_vec(),
            start: (self.row, from),
            end: (self.row, self.at),
            line: self.line.clone(),
            placeless: false,
        };
        self.ready.push_back(token);
    }

    /// The start or end of a block; its text is the white space from the start of the line to `to`.
    fn block(&mut self, kind: u8, from: usize) {
        if !self.strict {
            return self.token(kind, from);
        }
        let place = (self.row, 0);
        let line = self.line.clone();
        self.ready.push_back(Token { kind, text: Vec::new(), start: place, end: place, line, placeless: true });
    }

    /// The end of the present line as a token. A missing line end counts one column.
    fn line_end(&mut self, kind: u8) {
        let from = self.at;
        let text = self.line[from..].to_vec();
        let width = text.len().max(1);
        self.at = self.line.len();
        self.ready.push_back(Token {
            kind,
            text,
            start: (self.row, from),
            end: (self.row, from + width),
            line: self.line.clone(),
            placeless: false,
        });
    }

    fn at_line_end(&self) -> bool {
        self.at >= self.line.len()
            || is(self.peek(0), '\n')
            || (is(self.peek(0), '\r') && (is(self.peek(1), '\n') || self.at + 1 == self.line.len()))
    }

    /// The next token; `None` after the end marker.
    pub fn next<E>(&mut self, next: Next<'_, E>) -> Result<Option<Token>, Stop<E>> {
        loop {
            if let Some(token) = self.ready.pop_front() {
                return Ok(Some(token));
            }
            if let Some(problem) = self.pending.take() {
                self.finished = true;
                return Err(Stop::Problem(problem));
            }
            if self.finished {
                return Ok(None);
            }
            match self.step(next) {
                Ok(()) => {}
                Err(Stop::Problem(problem)) => self.pending = Some(problem),
                Err(raised) => return Err(raised),
            }
        }
    }

    fn step<E>(&mut self, next: Next<'_, E>) -> Result<(), Stop<E>> {
        if self.formats.last().is_some_and(|format| format.text) {
            return self.format_text(next);
        }
        if self.at >= self.line.len() {
            let open = self.level > 0 && self.line.last().is_some_and(|&point| !is(point, '\n'));
            if !self.load(next)? {
                if open && !self.nl_at_end && !self.strict {
                    // The line end that the source lacks.
                    self.nl_at_end = true;
                    self.line_end(kind::NL);
                    return Ok(());
                }
                return self.finish();
            }
            if self.at_line_start && self.level == 0 && self.formats.is_empty() {
                return self.indentation(next);
            }
        }
        while matches!(char::from_u32(self.peek(0)), Some(' ' | '\t' | '\x0C')) {
            self.at += 1;
        }
        let from = self.at;
        let point = self.peek(0);
        if is(point, '#') {
            while !self.at_line_end() {
                self.at += 1;
            }
            if self.strict {
                self.comment = Some(from);
            } else {
                self.token(kind::COMMENT, from);
            }
            if self.at >= self.line.len() {
                self.end_line();
            }
            return Ok(());
        }
        if self.at_line_end() {
            self.end_line();
            return Ok(());
        }
        if is(point, '\\') {
            self.at += 1;
            if self.at >= self.line.len() {
                return Err(Self::early_end());
            }
            if !self.at_line_end() {
                return Err(Stop::Problem(Problem {
                    message: "unexpected character after line continuation character".to_owned(),
                    fault: Fault::Syntax,
                    place: Some((self.row, self.at + 3)),
                    end: None,
                    line: self.line.clone(),
                }));
            }
            if !self.load(next)? {
                return Err(Self::early_end());
            }
            return Ok(());
        }
        if is_name_start(point) {
            return self.name_or_string(next);
        }
        if is(point, '"') || is(point, '\'') {
            return self.string(from, next);
        }
        let digit = |point: u32| (point as u8).is_ascii_digit() && point < 128;
        if digit(point) || (is(point, '.') && digit(self.peek(1))) {
            return self.number();
        }
        self.operator()
    }

    fn end_line(&mut self) {
        let statement = self.level == 0 && self.formats.is_empty() && !self.at_line_start;
        self.blank = !statement;
        if !self.strict {
            self.line_end(if statement { kind::NEWLINE } else { kind::NL });
        } else {
            self.at = self.comment.take().unwrap_or(self.at);
            let from = self.at;
            self.at = self.line.len() - usize::from(self.line.last().is_some_and(|&point| is(point, '\n')));
            if statement {
                self.token(kind::NEWLINE, from);
            }
            self.at = self.line.len();
        }
        if self.level == 0 && self.formats.is_empty() {
            self.at_line_start = true;
        }
    }

    /// The white space at the start of a line.
    fn indentation<E>(&mut self, next: Next<'_, E>) -> Result<(), Stop<E>> {
        let (mut column, mut narrow, mut first) = (0, 0, None);
        loop {
            match char::from_u32(self.peek(0)) {
                Some(' ') => (column, narrow) = (column + 1, narrow + 1),
                Some('\t') => (column, narrow) = ((column / 8 + 1) * 8, narrow + 1),
                Some('\x0C') => (column, narrow) = (0, 0),
                Some('\\') if is(self.peek(1), '\n') || (is(self.peek(1), '\r') && is(self.peek(2), '\n')) => {
                    // What goes on in the next line is indented as here.
                    first.get_or_insert((column, narrow));
                    if !self.load(next)? {
                        return Err(Self::early_end());
                    }
                    (column, narrow) = (0, 0);
                    continue;
                }
                _ => break,
            }
            self.at += 1;
        }
        if self.at_line_end() || is(self.peek(0), '#') {
            if self.at_line_end() {
                self.end_line();
            }
            return Ok(());
        }
        self.at_line_start = false;
        (column, narrow) = first.unwrap_or((column, narrow));
        if is(self.peek(0), '\\') {
            return Ok(());
        }
        let top = |this: &Self| this.indents.last().copied().unwrap_or((0, 0));
        let tabs = |this: &Self| this.line_problem(Fault::Tab, "inconsistent use of tabs and spaces in indentation");
        if column > top(self).0 {
            if self.indents.len() >= MAX_INDENT {
                return Err(self.line_problem(Fault::Indentation, "too many levels of indentation"));
            }
            if narrow <= top(self).1 {
                return Err(tabs(self));
            }
            self.indents.push((column, narrow));
            self.block(kind::INDENT, 0);
            return Ok(());
        }
        while column < top(self).0 {
            self.indents.pop();
            let from = self.at;
            self.block(kind::DEDENT, from);
        }
        if column != top(self).0 {
            self.ready.clear();
            let message = "unindent does not match any outer indentation level";
            return Err(self.line_problem(Fault::Indentation, message));
        }
        if narrow != top(self).1 {
            self.ready.clear();
            return Err(tabs(self));
        }
        Ok(())
    }

    fn finish<E>(&mut self) -> Result<(), Stop<E>> {
        if self.level > 0 || !self.formats.is_empty() {
            return Err(Self::early_end());
        }
        self.finished = true;
        if !self.at_line_start {
            self.end_line();
        } else if self.strict && !self.started {
            return Ok(());
        }
        let strict = self.strict;
        let place = if strict { (self.row, 0) } else { (self.row + 1, 0) };
        let line = if strict && !self.blank { self.line.clone() } else { Vec::new() };
        let empty =
            |kind| Token { kind, text: Vec::new(), start: place, end: place, line: line.clone(), placeless: strict };
        for _ in 1..self.indents.len() {
            self.ready.push_back(empty(kind::DEDENT));
        }
        self.ready.push_back(empty(kind::ENDMARKER));
        Ok(())
    }

    fn name_or_string<E>(&mut self, next: Next<'_, E>) -> Result<(), Stop<E>> {
        let from = self.at;
        while is_name(self.peek(0)) {
            self.at += 1;
        }
        let quoted = is(self.peek(0), '"') || is(self.peek(0), '\'');
        if quoted && let Some((a, b)) = strict::clash(&self.line[from..self.at]) {
            let message = format!("'{a}' and '{b}' prefixes are incompatible");
            return Err(self.problem_to(message, (self.row, from + 1), (self.row, self.at + 1)));
        }
        if quoted && self.at - from <= 2 {
            let prefix: String = self.line[from..self.at]
                .iter()
                .filter_map(|&point| char::from_u32(point))
                .collect::<String>()
                .to_ascii_lowercase();
            match prefix.as_str() {
                "r" | "b" | "u" | "br" | "rb" => return self.string(from, next),
                "f" | "fr" | "rf" | "t" | "tr" | "rt" => {
                    self.format_start(from, prefix.contains('r'), prefix.contains('t'));
                    return Ok(());
                }
                _ => {}
            }
        }
        self.check_name(from)?;
        self.token(kind::NAME, from);
        Ok(())
    }

    /// Whether three quotes stand here.
    fn triple(&self) -> bool {
        self.peek(1) == self.peek(0) && self.peek(2) == self.peek(0)
    }

    fn string<E>(&mut self, from: usize, next: Next<'_, E>) -> Result<(), Stop<E>> {
        let (quote, triple, start) = (self.peek(0), self.triple(), (self.row, from));
        let open = self.formats.last().filter(|format| format.quote == quote && format.triple == triple);
        let what = match open {
            Some(format) if format.template => Err("t-string: expecting '}'"),
            Some(_) => Err("f-string: expecting '}'"),
            None => Ok("string"),
        };
        // A string that does not end in a field was meant as the end of the string around it.
        let unended = |this: &Self, first: Vec<u32>| match what {
            Ok(what) => this.unterminated(what, triple, start, first),
            Err(message) => this.problem(message, (start.0, start.1 + 1)),
        };
        let first = self.line.clone();
        let (mut text, mut lines) = (Vec::new(), self.line.clone());
        let mut piece = from;
        self.at += if triple { 3 } else { 1 };
        loop {
            if self.at >= self.line.len() {
                text.extend_from_slice(&self.line[piece..]);
                if !self.load(next)? {
                    return Err(unended(self, first));
                }
                lines.extend_from_slice(&self.line);
                piece = 0;
                continue;
            }
            let point = self.peek(0);
            if is(point, '\\') {
                self.at += if is(self.peek(1), '\r') && is(self.peek(2), '\n') { 3 } else { 2 };
                self.at = self.at.min(self.line.len());
                continue;
            }
            if !triple && is(point, '\n') {
                return Err(unended(self, first));
            }
            if point == quote && (!triple || self.triple()) {
                self.at += if triple { 3 } else { 1 };
                text.extend_from_slice(&self.line[piece..self.at]);
                let end = (self.row, self.at);
                self.ready.push_back(Token { kind: kind::STRING, text, start, end, line: lines, placeless: false });
                return Ok(());
            }
            self.at += 1;
        }
    }

    fn unterminated<E>(&self, what: &str, triple: bool, start: Place, line: Vec<u32>) -> Stop<E> {
        let quotes = if triple { "triple-quoted " } else { "" };
        let message = format!("unterminated {quotes}{what} literal (detected at line {})", self.row);
        let place = Some((start.0, start.1 + 1));
        Stop::Problem(Problem { message, fault: Fault::Syntax, place, end: place, line })
    }

    fn format_start(&mut self, from: usize, raw: bool, template: bool) {
        let (quote, triple) = (self.peek(0), self.triple());
        self.at += if triple { 3 } else { 1 };
        self.token(if template { kind::TSTRING_START } else { kind::FSTRING_START }, from);
        self.formats.push(Format {
            quote,
            triple,
            raw,
            template,
            start: (self.row, from),
            line: self.line.clone(),
            fields: Vec::new(),
            text: true,
        });
    }

    /// A text part of an f-string, up to a field, the end of a format spec, or the end.
    fn format_text<E>(&mut self, next: Next<'_, E>) -> Result<(), Stop<E>> {
        let Some(format) = self.formats.last() else { return Ok(()) };
        let (quote, triple, raw, template) = (format.quote, format.triple, format.raw, format.template);
        let (in_spec, opened, first) = (!format.fields.is_empty(), format.start, format.line.clone());
        let middle = if template { kind::TSTRING_MIDDLE } else { kind::FSTRING_MIDDLE };
        let what = if template { "t-string" } else { "f-string" };
        let (start, mut text, mut lines) = ((self.row, self.at), Vec::new(), self.line.clone());
        loop {
            let point = self.peek(0);
            if self.at >= self.line.len() {
                if !self.load(next)? {
                    return Err(self.unterminated(what, triple, opened, first));
                }
                lines.extend_from_slice(&self.line);
                continue;
            }
            let closes = point == quote && (!triple || self.triple());
            if !triple && is(point, '\n') && !in_spec {
                return Err(self.unterminated(what, triple, opened, first));
            }
            let brace = is(point, '{') || is(point, '}');
            if brace && !in_spec && self.peek(1) == point {
                // A doubled brace ends the piece with one of them.
                text.push(point);
                self.at += 1;
                let end = (self.row, self.at);
                self.ready.push_back(Token { kind: middle, text, start, end, line: lines, placeless: false });
                self.at += 1;
                return Ok(());
            }
            if in_spec && !triple && is(point, '\n') {
                let message =
                    format!("{what}: newlines are not allowed in format specifiers for single quoted {what}s");
                return Err(self.problem(message, (self.row, self.at + 1)));
            }
            if brace || closes {
                break;
            }
            if is(point, '\\') && !raw && is(self.peek(1), 'N') && is(self.peek(2), '{') {
                while self.at < self.line.len() && !is(self.peek(0), '}') {
                    text.push(self.peek(0));
                    self.at += 1;
                }
                text.extend(self.line.get(self.at));
                self.at += 1;
                continue;
            }
            text.push(point);
            self.at += 1;
            // A backslash protects what follows, except braces.
            if is(point, '\\') && self.at < self.line.len() && !is(self.peek(0), '{') && !is(self.peek(0), '}') {
                text.push(self.peek(0));
                self.at += 1;
            }
        }
        let end = (self.row, self.at);
        let after_field =
            in_spec && is(self.peek(0), '}') && start == end && self.at > 0 && is(self.line[self.at - 1], '}');
        let lone = !in_spec && is(self.peek(0), '}');
        if !text.is_empty() || after_field || lone {
            self.ready.push_back(Token { kind: middle, text, start, end, line: lines, placeless: false });
        }
        let from = self.at;
        let point = self.peek(0);
        let level = self.level;
        let Some(format) = self.formats.last_mut() else { return Ok(()) };
        if is(point, '{') {
            format.fields.push(level);
            format.text = false;
            self.level += 1;
            self.brackets.push((point, self.row));
            self.at += 1;
            self.token(kind::OP, from);
        } else if in_spec && is(point, '}') {
            format.fields.pop();
            // Back in the text of the string, or of the spec around the field.
            self.level = self.level.saturating_sub(1);
            self.brackets.pop();
            self.at += 1;
            self.token(kind::OP, from);
        } else if is(point, '}') {
            return Err(self.problem(format!("{what}: single '}}' is not allowed"), (self.row, self.at + 1)));
        } else if in_spec {
            format.text = false;
        } else {
            self.formats.pop();
            self.at += if triple { 3 } else { 1 };
            self.token(if template { kind::TSTRING_END } else { kind::FSTRING_END }, from);
        }
        self.at_line_start = false;
        Ok(())
    }

    fn number<E>(&mut self) -> Result<(), Stop<E>> {
        let from = self.at;
        let lower = |point: u32| char::from_u32(point).map_or('\0', |ch| ch.to_ascii_lowercase());
        let radix = if is(self.peek(0), '0') {
            match lower(self.peek(1)) {
                'x' => Some((16, "hexadecimal")),
                'o' => Some((8, "octal")),
                'b' => Some((2, "binary")),
                _ => None,
            }
        } else {
            None
        };
        if let Some((radix, name)) = radix {
            self.at += 2;
            let begin = self.at;
            loop {
                let at = usize::from(is(self.peek(0), '_'));
                if !char::from_u32(self.peek(at)).is_some_and(|ch| ch.is_digit(radix)) {
                    break;
                }
                self.at += at + 1;
            }
            let skipped = usize::from(is(self.peek(0), '_'));
            if let Some(digit) = char::from_u32(self.peek(skipped)).filter(char::is_ascii_digit) {
                let place = (self.row, self.at + skipped + 1);
                return Err(self.problem(format!("invalid digit '{digit}' in {name} literal"), place));
            }
            if self.at == begin || skipped != 0 {
                return Err(self.problem(format!("invalid {name} literal"), (self.row, self.at + skipped)));
            }
            self.check_number_end(name)?;
            self.token(kind::NUMBER, from);
            return Ok(());
        }
        let digit = |point: u32| char::from_u32(point).is_some_and(|ch| ch.is_ascii_digit());
        let digits = |this: &mut Self| -> Result<(), Stop<E>> {
            while digit(this.peek(0)) || (is(this.peek(0), '_') && digit(this.peek(1))) {
                this.at += 1;
            }
            if is(this.peek(0), '_') {
                return Err(this.problem("invalid decimal literal", (this.row, this.at + 1)));
            }
            Ok(())
        };
        digits(self)?;
        let (mut whole, whole_end) = (true, self.at);
        if is(self.peek(0), '.') {
            whole = false;
            self.at += 1;
            if digit(self.peek(0)) {
                digits(self)?;
            }
        }
        if lower(self.peek(0)) == 'e' {
            let sign = usize::from(is(self.peek(1), '+') || is(self.peek(1), '-'));
            if digit(self.peek(1 + sign)) {
                whole = false;
                self.at += 1 + sign;
                digits(self)?;
            } else if sign != 0 {
                return Err(self.problem("invalid decimal literal", (self.row, self.at + 2)));
            }
        }
        let imaginary = lower(self.peek(0)) == 'j';
        self.at += usize::from(imaginary);
        if whole && !imaginary {
            self.check_zeros(from, whole_end)?;
        }
        self.check_number_end(if imaginary { "imaginary" } else { "decimal" })?;
        self.token(kind::NUMBER, from);
        Ok(())
    }

    fn operator<E>(&mut self) -> Result<(), Stop<E>> {
        let from = self.at;
        let starts = |text: &str| text.chars().enumerate().all(|(at, ch)| is(self.peek(at), ch));
        let innermost = self.formats.last().and_then(|format| format.fields.last()).map(|level| level + 1);
        let at_field = innermost == Some(self.level);
        // In a field, a colon on its own begins the format spec, and `!=` is an operator but `!r` a conversion.
        let spec = at_field && is(self.peek(0), ':');
        let width = if spec {
            1
        } else if THREE.iter().any(|op| starts(op)) {
            3
        } else if TWO.iter().any(|op| *op != "<>" && starts(op)) {
            2
        } else {
            1
        };
        let point = self.peek(0);
        self.at += width;
        match char::from_u32(point) {
            Some('(' | '[' | '{') => {
                self.level += 1;
                self.open_bracket(point)?;
            }
            Some(closer @ (')' | ']' | '}')) => {
                if at_field && closer != '}' {
                    let template = self.formats.last().is_some_and(|format| format.template);
                    let what = if template { "t-string" } else { "f-string" };
                    return Err(self.problem(format!("{what}: unmatched '{closer}'"), (self.row, self.at)));
                }
                self.close_bracket(closer)?;
                self.level = self.level.saturating_sub(1);
                if at_field
                    && is(point, '}')
                    && let Some(format) = self.formats.last_mut()
                {
                    format.fields.pop();
                    format.text = true;
                }
            }
            _ if spec => {
                if let Some(format) = self.formats.last_mut() {
                    format.text = true;
                }
            }
            _ => {}
        }
        self.token(kind::OP, from);
        Ok(())
    }
}
