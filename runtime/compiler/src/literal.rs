//! String, bytes and integer literals, decoded from their source text.
//!
//! The parser's own values are not used because they cannot hold lone surrogates and say nothing of invalid escapes.

use krait_bytecode::Wtf8;
use krait_bytecode::wtf8::Wtf8Buf;
use num_bigint::BigInt;

/// Something worth telling about a literal, with the byte offset in its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// `\c` means nothing: (offset of the backslash, the character).
    InvalidEscape(usize, char),
    /// An octal escape above `\377`: (offset of the backslash, digits).
    LargeOctal(usize, String),
}

/// An escape that cannot be decoded: message of the codec's error and the range of bytes it names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadEscape {
    pub(crate) reason: &'static str,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What the text of a literal is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `"..."`
    Str,
    /// The literal part of an f-string or t-string, where doubled braces stand for one.
    Middle,
}

/// Decodes the text between the quotes.
pub(crate) fn decode_str(text: &str, raw: bool, form: Form, notes: &mut Vec<Note>) -> Result<Wtf8, BadEscape> {
    let mut out = Wtf8Buf::new();
    let bytes = text.as_bytes();
    let (mut at, mut from) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if !raw => {
                out.push_str(&text[from..at]);
                // A backslash before a brace is one, and the brace means what it means.
                let next = bytes.get(at + 1).copied().unwrap_or(b'{');
                if matches!(next, b'{' | b'}') && (form == Form::Middle || at + 1 == bytes.len()) {
                    notes.push(Note::InvalidEscape(at, next as char));
                    from = at;
                    at += 1;
                    continue;
                }
                at = escape(text, at, &mut out, notes)?;
                from = at;
            }
            b'{' | b'}' if form == Form::Middle => {
                out.push_str(&text[from..=at]);
                at += if bytes.get(at + 1) == Some(&bytes[at]) { 2 } else { 1 };
                from = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(&text[from..]);
    Ok(out.finish())
}

/// Decodes the escape at `at`; returns the offset after it.
fn escape(text: &str, at: usize, out: &mut Wtf8Buf, notes: &mut Vec<Note>) -> Result<usize, BadEscape> {
    let Some(c) = text[at + 1..].chars().next() else {
        out.push_str("\\");
        return Ok(at + 1);
    };
    let after = at + 1 + c.len_utf8();
    if let Some(plain) = simple_escape(c) {
        out.push_str(plain);
        return Ok(after);
    }
    match c {
        '0'..='7' => {
            let (value, end) = octal(text.as_bytes(), at, notes);
            out.push_code_point(value);
            Ok(end)
        }
        'x' => hex(text, at, 2, "truncated \\xXX escape", out),
        'u' => hex(text, at, 4, "truncated \\uXXXX escape", out),
        'U' => hex(text, at, 8, "truncated \\UXXXXXXXX escape", out),
        'N' => named(text, at, out),
        _ => {
            notes.push(Note::InvalidEscape(at, c));
            out.push_str(&text[at..after]);
            Ok(after)
        }
    }
}

fn simple_escape(c: char) -> Option<&'static str> {
    Some(match c {
        '\n' => "",
        '\\' => "\\",
        '\'' => "'",
        '"' => "\"",
        'a' => "\x07",
        'b' => "\x08",
        'f' => "\x0c",
        'n' => "\n",
        'r' => "\r",
        't' => "\t",
        'v' => "\x0b",
        _ => return None,
    })
}

fn octal(bytes: &[u8], at: usize, notes: &mut Vec<Note>) -> (u32, usize) {
    let (mut value, mut end) = (0, at + 1);
    while end < at + 4 && matches!(bytes.get(end), Some(b'0'..=b'7')) {
        value = value * 8 + u32::from(bytes[end] - b'0');
        end += 1;
    }
    if value > 0o377 {
        notes.push(Note::LargeOctal(at, String::from_utf8_lossy(&bytes[at + 1..end]).into_owned()));
    }
    (value, end)
}

fn hex(text: &str, at: usize, digits: usize, reason: &'static str, out: &mut Wtf8Buf) -> Result<usize, BadEscape> {
    let bytes = text.as_bytes();
    let (mut value, mut end) = (0u32, at + 2);
    while end < at + 2 + digits {
        match bytes.get(end).and_then(|b| (*b as char).to_digit(16)) {
            Some(digit) => value = value << 4 | digit,
            None => return Err(BadEscape { reason, start: at, end }),
        }
        end += 1;
    }
    if value > 0x10ffff {
        return Err(BadEscape { reason: "illegal Unicode character", start: at, end });
    }
    out.push_code_point(value);
    Ok(end)
}

fn named(text: &str, at: usize, out: &mut Wtf8Buf) -> Result<usize, BadEscape> {
    let malformed = |end| BadEscape { reason: "malformed \\N character escape", start: at, end };
    let rest = &text[at + 2..];
    if !rest.starts_with('{') {
        return Err(malformed(at + 2));
    }
    let Some(close) = rest.find('}') else { return Err(malformed(text.len())) };
    if close == 1 {
        return Err(malformed(at + 3));
    }
    let end = at + 2 + close + 1;
    match krait_text::unicode::names::lookup(&rest[1..close]) {
        Some(krait_text::unicode::names::Found::Char(c)) => out.push_code_point(c),
        _ => return Err(BadEscape { reason: "unknown Unicode character name", start: at, end }),
    }
    Ok(end)
}

/// Decodes the text between the quotes of a bytes literal.
pub(crate) fn decode_bytes(text: &str, raw: bool, notes: &mut Vec<Note>) -> Result<Vec<u8>, BadEscape> {
    let bytes = text.as_bytes();
    if raw {
        return Ok(bytes.to_vec());
    }
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        if bytes[at] != b'\\' || at + 1 == bytes.len() {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let c = bytes[at + 1] as char;
        if let Some(plain) = simple_escape(c) {
            out.extend(plain.as_bytes());
            at += 2;
        } else if c.is_digit(8) {
            let (value, end) = octal(bytes, at, notes);
            out.push(value as u8);
            at = end;
        } else if c == 'x' {
            let digit = |i: usize| bytes.get(i).and_then(|b| (*b as char).to_digit(16));
            match (digit(at + 2), digit(at + 3)) {
                (Some(high), Some(low)) => out.push((high << 4 | low) as u8),
                _ => return Err(BadEscape { reason: "invalid \\x escape", start: at, end: at + 1 }),
            }
            at += 4;
        } else {
            notes.push(Note::InvalidEscape(at, c));
            out.extend([b'\\', bytes[at + 1]]);
            at += 2;
        }
    }
    Ok(out)
}

/// Most decimal digits that an integer literal may have.
pub(crate) const MAX_INT_DIGITS: usize = 4300;

/// The value of an integer literal; `Err` holds the digit count of a decimal one that is too long.
pub(crate) fn parse_int(text: &str, max_digits: usize) -> Result<BigInt, usize> {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'_').collect();
    let (radix, digits) = match digits.as_slice() {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        all => (10, all),
    };
    if radix == 10 && max_digits > 0 && digits.len() > max_digits {
        return Err(digits.len());
    }
    Ok(BigInt::parse_bytes(digits, radix).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        let mut notes = Vec::new();
        let text = decode_str(r"a\x41\ud800\N{BULLET}\101\q", false, Form::Str, &mut notes).unwrap();
        assert_eq!(text.code_points().collect::<Vec<_>>(), [0x61, 0x41, 0xd800, 0x2022, 0x41, 0x5c, 0x71]);
        assert_eq!(notes, [Note::InvalidEscape(25, 'q')]);
        let middle = decode_str("{{a}}", false, Form::Middle, &mut notes).unwrap();
        assert_eq!(middle.as_str(), Some("{a}"));
        assert_eq!(decode_str(r"\x1", false, Form::Str, &mut notes).unwrap_err().end, 3);
        assert_eq!(decode_bytes(r"\x00\ta\z", false, &mut notes).unwrap(), b"\0\ta\\z");
    }

    #[test]
    fn integers() {
        assert_eq!(parse_int("0x_ff", 0), Ok(BigInt::from(255)));
        assert_eq!(parse_int("1_000", 0), Ok(BigInt::from(1000)));
        assert_eq!(parse_int(&"1".repeat(4301), 4300), Err(4301));
    }
}
