//! `unicode_escape`, `raw_unicode_escape` and the escapes of bytes.

use super::{Problem, Sink, Unit};
use crate::unicode::names::{Found, lookup};

/// The first escape that is not one, for the warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidEscape {
    /// A character that has no meaning after a backslash; its position.
    Char(usize),
    /// An octal escape above `\377`; the position of its first digit.
    Octal(usize),
}

const HEX_X: &str = "truncated \\xXX escape";
const HEX_U: &str = "truncated \\uXXXX escape";
const HEX_LONG: &str = "truncated \\UXXXXXXXX escape";

/// Up to `count` hexadecimal digits at `from`: the value and how many there are.
fn hex(input: &[u8], from: usize, count: usize) -> (u32, usize) {
    let mut value = 0;
    for k in 0..count {
        match input.get(from + k).and_then(|&b| (b as char).to_digit(16)) {
            Some(d) => value = value << 4 | d,
            None => return (value, k),
        }
    }
    (value, count)
}

/// What a backslash with one plain character stands for.
fn plain(b: u8) -> Option<u8> {
    Some(match b {
        b'\\' | b'\'' | b'"' => b,
        b'b' => 8,
        b'f' => 12,
        b't' => 9,
        b'n' => 10,
        b'r' => 13,
        b'v' => 11,
        b'a' => 7,
        _ => return None,
    })
}

/// Up to three octal digits at `from`, the first of which is one.
fn octal(input: &[u8], from: usize) -> (u32, usize) {
    let digits = input[from..].iter().take(3).take_while(|b| (b'0'..=b'7').contains(b));
    digits.fold((0, 0), |(value, len), &b| (value * 8 + u32::from(b - b'0'), len + 1))
}

/// Decode `unicode_escape`; `invalid` remembers the first escape that is not one.
pub fn unicode_escape_decode(
    input: &[u8],
    at: &mut usize,
    out: &mut impl Sink,
    last: bool,
    invalid: &mut Option<InvalidEscape>,
) -> Result<(), Problem> {
    while *at < input.len() {
        let start = *at;
        let run = memchr::memchr(b'\\', &input[start..]).unwrap_or(input.len() - start);
        if run > 0 {
            out.push_latin1(&input[start..start + run]);
            *at += run;
            continue;
        }
        let Some(&kind) = input.get(start + 1) else {
            return if last { Err(Problem::new(start, start + 1, "\\ at end of string")) } else { Ok(()) };
        };
        if let Some(b) = plain(kind) {
            out.push(b.into());
            *at += 2;
            continue;
        }
        let (count, reason) = match kind {
            b'\n' => {
                *at += 2;
                continue;
            }
            b'0'..=b'7' => {
                let (value, len) = octal(input, start + 1);
                if value > 0o377 {
                    invalid.get_or_insert(InvalidEscape::Octal(start + 1));
                }
                out.push(value);
                *at += 1 + len;
                continue;
            }
            b'N' => {
                if !named(input, at, out, last)? {
                    return Ok(());
                }
                continue;
            }
            b'x' => (2, HEX_X),
            b'u' => (4, HEX_U),
            b'U' => (8, HEX_LONG),
            other => {
                invalid.get_or_insert(InvalidEscape::Char(start + 1));
                out.push('\\' as u32);
                out.push(other.into());
                *at += 2;
                continue;
            }
        };
        let (value, len) = hex(input, start + 2, count);
        if len < count {
            if !last && start + 2 + len == input.len() {
                return Ok(());
            }
            return Err(Problem::new(start, start + 2 + len, reason));
        }
        if value >= 0x110000 {
            return Err(Problem::new(start, start + 10, "illegal Unicode character"));
        }
        out.push(value);
        *at += 2 + count;
    }
    Ok(())
}

/// `\N{name}`; `false` if more input is needed.
fn named(input: &[u8], at: &mut usize, out: &mut impl Sink, last: bool) -> Result<bool, Problem> {
    let start = *at;
    let mut here = start + 2;
    if input.get(here) == Some(&b'{') {
        here += 1;
        let name = here;
        here += memchr::memchr(b'}', &input[here..]).unwrap_or(input.len() - here);
        if here > name && here < input.len() {
            let found = std::str::from_utf8(&input[name..here]).ok().and_then(lookup);
            let Some(Found::Char(cp)) = found else {
                return Err(Problem::new(start, here + 1, "unknown Unicode character name"));
            };
            out.push(cp);
            *at = here + 1;
            return Ok(true);
        }
    }
    if !last && here == input.len() {
        return Ok(false);
    }
    Err(Problem::new(start, here, "malformed \\N character escape"))
}

/// Decode `raw_unicode_escape`.
pub fn raw_unicode_escape_decode(input: &[u8], at: &mut usize, out: &mut impl Sink, last: bool) -> Result<(), Problem> {
    while *at < input.len() {
        let start = *at;
        let run = memchr::memchr(b'\\', &input[start..]).unwrap_or(input.len() - start);
        if run > 0 {
            out.push_latin1(&input[start..start + run]);
            *at += run;
            continue;
        }
        let (count, reason) = match input.get(start + 1) {
            None if !last => return Ok(()),
            None => {
                out.push('\\' as u32);
                *at += 1;
                continue;
            }
            Some(b'u') => (4, HEX_U),
            Some(b'U') => (8, HEX_LONG),
            Some(&other) => {
                out.push('\\' as u32);
                out.push(other.into());
                *at += 2;
                continue;
            }
        };
        let (value, len) = hex(input, start + 2, count);
        if len < count {
            if !last && start + 2 + len == input.len() {
                return Ok(());
            }
            return Err(Problem::new(start, start + 2 + len, reason));
        }
        if value >= 0x110000 {
            return Err(Problem::new(start, start + 10, "\\Uxxxxxxxx out of range"));
        }
        out.push(value);
        *at += 2 + count;
    }
    Ok(())
}

fn push_long(out: &mut Vec<u8>, cp: u32) {
    let text = if cp < 0x10000 { format!("\\u{cp:04x}") } else { format!("\\U{cp:08x}") };
    out.extend(text.bytes());
}

/// Encode `unicode_escape`, which cannot fail.
pub fn unicode_escape_encode<U: Unit>(text: &[U]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &unit in text {
        match unit.into() {
            0x5C => out.extend(b"\\\\"),
            9 => out.extend(b"\\t"),
            10 => out.extend(b"\\n"),
            13 => out.extend(b"\\r"),
            cp @ 0x20..0x7F => out.push(cp as u8),
            cp @ ..0x100 => out.extend(format!("\\x{cp:02x}").bytes()),
            cp => push_long(&mut out, cp),
        }
    }
    out
}

/// Encode `raw_unicode_escape`, which cannot fail.
pub fn raw_unicode_escape_encode<U: Unit>(text: &[U]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &unit in text {
        match unit.into() {
            cp @ ..0x100 => out.push(cp as u8),
            cp => push_long(&mut out, cp),
        }
    }
    out
}

/// What [`escape_decode`] does with `\x` and fewer than two digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBadHex {
    /// Stop.
    Strict,
    /// Write `?`.
    Replace,
    /// Write nothing.
    Ignore,
}

/// Why bytes with escapes cannot be read (`ValueError`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesEscape {
    /// A backslash at the end.
    Trailing,
    /// `\x` without two digits, at a position.
    Hex(usize),
}

impl BytesEscape {
    /// The reference's wording.
    pub fn message(self) -> String {
        match self {
            BytesEscape::Trailing => "Trailing \\ in string".into(),
            BytesEscape::Hex(at) => format!("invalid \\x escape at position {at}"),
        }
    }
}

/// Undo the escapes of a bytes literal (`codecs.escape_decode`); also the first escape that is not one.
pub fn escape_decode(input: &[u8], on_bad: OnBadHex) -> Result<(Vec<u8>, Option<InvalidEscape>), BytesEscape> {
    let mut out = Vec::with_capacity(input.len());
    let (mut at, mut invalid) = (0, None);
    while at < input.len() {
        let run = memchr::memchr(b'\\', &input[at..]).unwrap_or(input.len() - at);
        out.extend_from_slice(&input[at..at + run]);
        at += run;
        if at == input.len() {
            break;
        }
        let Some(&kind) = input.get(at + 1) else { return Err(BytesEscape::Trailing) };
        if let Some(b) = plain(kind) {
            out.push(b);
            at += 2;
            continue;
        }
        match kind {
            b'\n' => at += 2,
            b'0'..=b'7' => {
                let (value, len) = octal(input, at + 1);
                if value > 0o377 {
                    invalid.get_or_insert(InvalidEscape::Octal(at + 1));
                }
                out.push(value as u8);
                at += 1 + len;
            }
            b'x' => {
                let (value, len) = hex(input, at + 2, 2);
                if len == 2 {
                    out.push(value as u8);
                } else {
                    match on_bad {
                        OnBadHex::Strict => return Err(BytesEscape::Hex(at)),
                        OnBadHex::Replace => out.push(b'?'),
                        OnBadHex::Ignore => {}
                    }
                }
                at += 2 + len;
            }
            other => {
                invalid.get_or_insert(InvalidEscape::Char(at + 1));
                out.extend([b'\\', other]);
                at += 2;
            }
        }
    }
    Ok((out, invalid))
}

/// `codecs.escape_encode`.
pub fn escape_encode(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len());
    for &b in input {
        match b {
            b'\'' | b'\\' => out.extend([b'\\', b]),
            b'\t' => out.extend(b"\\t"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b' '..=b'~' => out.push(b),
            _ => out.extend(format!("\\x{b:02x}").bytes()),
        }
    }
    out
}
