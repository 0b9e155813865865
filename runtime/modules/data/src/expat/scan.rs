//! Pieces of XML text: names, quoted values, references.

pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a character may begin a name; bytes above ASCII are taken as part of one.
pub fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || byte >= 0x80
}

pub fn in_name(byte: u8) -> bool {
    starts_name(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
}

/// The length of the name that a text begins with.
pub fn name_len(text: &[u8]) -> usize {
    match text.first() {
        Some(&first) if starts_name(first) => text.iter().position(|&byte| !in_name(byte)).unwrap_or(text.len()),
        _ => 0,
    }
}

pub fn space_len(text: &[u8]) -> usize {
    text.iter().position(|&byte| !is_space(byte)).unwrap_or(text.len())
}

pub fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

/// Where a tag or declaration ends: the position of its `>`, quotes skipped.
pub fn tag_end(text: &[u8]) -> Option<usize> {
    let mut quote = 0;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'"' | b'\'' if quote == 0 => quote = byte,
            _ if byte == quote => quote = 0,
            b'>' if quote == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// The end of a document type declaration with its internal subset: the position of its `>`.
pub fn doctype_end(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' | b'\'' => at += 1 + text[at + 1..].iter().position(|&other| other == byte)?,
            b'<' if text[at..].starts_with(b"<!--") => at += 4 + find(&text[at + 4..], b"-->")? + 2,
            b'<' if text[at..].starts_with(b"<?") => at += 2 + find(&text[at + 2..], b"?>")? + 1,
            b'[' => depth += 1,
            b']' => depth -= 1,
            b'>' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The character of `&#...;` without its frame.
pub fn char_ref(body: &str) -> Option<char> {
    let code = match body.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => body.parse().ok()?,
    };
    char::from_u32(code)
        .filter(|&c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..))
}

pub fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// Line ends as one newline.
pub fn normalize_lines(text: &str) -> String {
    if !text.contains('\r') {
        return text.to_owned();
    }
    text.replace("\r\n", "\n").replace('\r', "\n")
}
