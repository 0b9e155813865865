//! What the lexer checks beyond finding tokens.
use super::lexer::{Lexer, Stop};
use krait_text::unicode;

/// How many brackets may be open.
const MAX_BRACKETS: usize = 200;

/// Words that may follow a number without a space.
const AFTER_NUMBERS: [&str; 8] = ["and", "else", "for", "if", "in", "is", "not", "or"];

/// Two letters of a string prefix that do not go together, in the order in which they are reported; `None` for a word
/// that is no prefix.
pub fn clash(prefix: &[u32]) -> Option<(char, char)> {
    const PAIRS: [(char, char); 7] =
        [('u', 'b'), ('u', 'r'), ('u', 'f'), ('u', 't'), ('b', 'f'), ('b', 't'), ('f', 't')];
    let mut seen = String::new();
    for &point in prefix {
        let letter = char::from_u32(point)?.to_ascii_lowercase();
        if !"ubrft".contains(letter) || seen.contains(letter) {
            return None;
        }
        seen.push(letter);
    }
    PAIRS.into_iter().find(|(a, b)| seen.contains(*a) && seen.contains(*b))
}

impl Lexer {
    /// Checks that a name from `from` to here has only characters of names.
    pub(super) fn check_name<E>(&self, from: usize) -> Result<(), Stop<E>> {
        let name = &self.line[from..self.at];
        if !self.strict || name.iter().all(|&point| point < 128) {
            return Ok(());
        }
        let bad = name.iter().enumerate().find(|&(at, &point)| match at {
            0 => !unicode::is_identifier_start(point),
            _ => !unicode::is_identifier_continue(point),
        });
        let Some((at, &point)) = bad else { return Ok(()) };
        let message = match char::from_u32(point).filter(|_| unicode::is_printable(point)) {
            Some(shown) => format!("invalid character '{shown}' (U+{point:04X})"),
            None => format!("invalid non-printable character U+{point:04X}"),
        };
        Err(self.problem(message, (self.row, from + at + 1)))
    }

    /// Checks that no name begins right after a number.
    pub(super) fn check_number_end<E>(&self, kind: &str) -> Result<(), Stop<E>> {
        let point = self.peek(0);
        let name = point == u32::from('_') || unicode::is_identifier_continue(point);
        let rest = &self.line[self.at..];
        let word =
            AFTER_NUMBERS.iter().any(|word| rest.iter().copied().take(word.len()).eq(word.bytes().map(u32::from)));
        if !self.strict || !name || word {
            return Ok(());
        }
        Err(self.problem(format!("invalid {kind} literal"), (self.row, self.at)))
    }

    /// Checks that a whole number from `from` to `to` does not begin with a zero unless it is one.
    pub(super) fn check_zeros<E>(&self, from: usize, to: usize) -> Result<(), Stop<E>> {
        let number = &self.line[from..to];
        let zero = |point: u32| point == u32::from('0') || point == u32::from('_');
        let lead = number.iter().take_while(|&&point| zero(point)).count();
        if !self.strict || lead == 0 || lead == number.len() {
            return Ok(());
        }
        let message =
            "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers";
        Err(self.problem_to(message, (self.row, from + 1), (self.row, from + lead + 1)))
    }

    /// Notes an open bracket, whose end is here.
    pub(super) fn open_bracket<E>(&mut self, bracket: u32) -> Result<(), Stop<E>> {
        if self.brackets.len() >= MAX_BRACKETS {
            return Err(self.problem("too many nested parentheses", (self.row, self.at)));
        }
        self.brackets.push((bracket, self.row));
        Ok(())
    }

    /// Checks that a bracket closes the one that was opened last.
    pub(super) fn close_bracket<E>(&mut self, closer: char) -> Result<(), Stop<E>> {
        let opened = self.brackets.pop();
        if !self.strict {
            return Ok(());
        }
        let Some((opener, row)) = opened else {
            return Err(self.problem(format!("unmatched '{closer}'"), (self.row, self.at)));
        };
        let opener = char::from_u32(opener).unwrap_or_default();
        if matches!((opener, closer), ('(', ')') | ('[', ']') | ('{', '}')) {
            return Ok(());
        }
        let on = if row == self.row { String::new() } else { format!(" on line {row}") };
        let message = format!("closing parenthesis '{closer}' does not match opening parenthesis '{opener}'{on}");
        Err(self.problem(message, (self.row, self.at)))
    }
}
