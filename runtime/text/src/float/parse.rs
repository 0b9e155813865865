//! Reading floats and complex numbers.

use crate::unicode;

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | 0x09..=0x0D)
}

pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// Text as `int` and `float` read it: every decimal digit as an ASCII one, every space as a blank;
/// at the first other character outside ASCII the result gets a `?` and ends.
pub fn to_ascii_number(text: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut out = Vec::new();
    for cp in text {
        if cp < 127 {
            out.push(cp as u8);
        } else if unicode::is_space(cp) {
            out.push(b' ');
        } else if let Some(digit) = unicode::decimal(cp) {
            out.push(b'0' + digit);
        } else {
            out.push(b'?');
            break;
        }
    }
    out
}

/// Take out underscores, which may only stand between two digits; `None` if one stands elsewhere.
pub fn remove_underscores(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut previous = 0u8;
    for &b in text {
        if b == b'_' {
            if !previous.is_ascii_digit() {
                return None;
            }
        } else {
            if previous == b'_' && !b.is_ascii_digit() {
                return None;
            }
            out.push(b);
        }
        previous = b;
    }
    (previous != b'_').then_some(out)
}

/// `inf`, `infinity` or `nan` in any case.
pub(super) fn special(body: &[u8]) -> Option<f64> {
    if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
        Some(f64::INFINITY)
    } else if body.eq_ignore_ascii_case(b"nan") {
        Some(f64::NAN)
    } else {
        None
    }
}

/// `float(text)`; `None` if it is not a float.
pub fn parse(text: &[u8]) -> Option<f64> {
    let text = trim(text);
    if text.contains(&b'_') {
        let clean = remove_underscores(text)?;
        return std::str::from_utf8(&clean).ok()?.parse().ok();
    }
    // The standard library reads the same grammar and rounds correctly.
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The longest float at the start of `text`, and its length.
fn prefix(text: &[u8]) -> Option<(f64, usize)> {
    let mut at = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let word = text[at..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    for len in [8, 3] {
        if word >= len && special(&text[at..at + len]).is_some() {
            let x = special(&text[at..at + len])?;
            return Some((if text[0] == b'-' { -x } else { x }, at + len));
        }
    }
    let run = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = run(at);
    at += whole;
    let mut digits = whole;
    if text.get(at) == Some(&b'.') {
        let fraction = run(at + 1);
        digits += fraction;
        at += 1 + fraction;
    }
    if digits == 0 {
        return None;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let signed = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let power = run((at + 1 + signed).min(text.len()));
        if power > 0 {
            at += 1 + signed + power;
        }
    }
    Some((std::str::from_utf8(&text[..at]).ok()?.parse().ok()?, at))
}

/// `complex(text)`; `None` if it is malformed.
pub fn parse_complex(text: &[u8]) -> Option<(f64, f64)> {
    let clean;
    let mut text = trim(text);
    if text.contains(&b'_') {
        clean = remove_underscores(text)?;
        text = &clean;
    }
    if let [b'(', inner @ .., b')'] = text {
        text = trim(inner);
    }
    let is_j = |at: usize| matches!(text.get(at), Some(b'j' | b'J')) && at + 1 == text.len();
    match prefix(text) {
        Some((x, at)) if at == text.len() => Some((x, 0.0)),
        Some((y, at)) if is_j(at) => Some((0.0, y)),
        Some((x, at)) if matches!(text[at], b'+' | b'-') => {
            let (y, len) = prefix(&text[at..]).unwrap_or((if text[at] == b'-' { -1.0 } else { 1.0 }, 1));
            is_j(at + len).then_some((x, y))
        }
        Some(_) => None,
        None => {
            let (y, at) = match text.first() {
                Some(b'-') => (-1.0, 1),
                Some(b'+') => (1.0, 1),
                _ => (1.0, 0),
            };
            is_j(at).then_some((0.0, y))
        }
    }
}
