//! Numbers as text.
use super::limbs;
use super::number::{Dec, Kind};

/// An exponent that no context holds; larger ones in texts count as this.
const FAR: i64 = 4_000_000_000_000_000_000;

/// The number that an ASCII text states, or `None` if it states none.
pub fn parse(text: &[u8]) -> Option<Dec> {
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    match body.first()? {
        b'0'..=b'9' | b'.' => parse_finite(negative, body),
        _ => parse_special(negative, body),
    }
}

fn parse_special(negative: bool, body: &[u8]) -> Option<Dec> {
    if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
        return Some(Dec::infinity(negative));
    }
    let (kind, payload) = match body {
        [s, rest @ ..] if s.eq_ignore_ascii_case(&b's') => (Kind::Signaling, rest),
        _ => (Kind::Nan, body),
    };
    let payload = match payload.split_at_checked(3) {
        Some((word, payload)) if word.eq_ignore_ascii_case(b"nan") => payload,
        _ => return None,
    };
    if !payload.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(Dec { kind, ..Dec::new(negative, limbs::from_text(payload), 0) })
}

fn parse_finite(negative: bool, body: &[u8]) -> Option<Dec> {
    let end = body.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(body.len());
    let (digits, exponent) = body.split_at(end);
    let mut exp = match exponent {
        [] => 0,
        [_, exponent @ ..] => parse_exponent(exponent)?,
    };
    let coeff = match digits.iter().position(|byte| *byte == b'.') {
        None if digits.iter().all(u8::is_ascii_digit) => limbs::from_text(digits),
        None => return None,
        Some(point) => {
            let (whole, fraction) = (&digits[..point], &digits[point + 1..]);
            let all = [whole, fraction].concat();
            if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
                return None;
            }
            exp -= fraction.len() as i64;
            limbs::from_text(&all)
        }
    };
    Some(Dec::new(negative, coeff, exp))
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')))
        .min(FAR);
    Some(if negative { -value } else { value })
}

/// Scientific or engineering notation, with the exponent's letter in the given case.
pub fn to_text(a: &Dec, engineering: bool, capitals: bool) -> String {
    let mut out = Vec::with_capacity(48);
    if a.negative {
        out.push(b'-');
    }
    match a.kind {
        Kind::Infinite => out.extend_from_slice(b"Infinity"),
        Kind::Nan | Kind::Signaling => {
            out.extend_from_slice(if a.kind == Kind::Nan { b"NaN" } else { b"sNaN" });
            if !a.coeff.is_empty() {
                limbs::push_text(&a.coeff, &mut out);
            }
        }
        Kind::Finite => push_finite(a, engineering, capitals, &mut out),
    }
    // Only ASCII was written.
    String::from_utf8(out).unwrap_or_default()
}

fn push_finite(a: &Dec, engineering: bool, capitals: bool, out: &mut Vec<u8>) {
    let start = out.len();
    limbs::push_text(&a.coeff, out);
    let digits = (out.len() - start) as i64;
    let left = a.exp + digits;
    // How many digits stand before the point.
    let point = if a.exp <= 0 && left > -6 {
        left
    } else if !engineering {
        1
    } else if a.coeff.is_empty() {
        (left + 1).rem_euclid(3) - 1
    } else {
        (left - 1).rem_euclid(3) + 1
    };
    if point <= 0 {
        let zeros = [b"0.".as_slice(), &vec![b'0'; -point as usize]].concat();
        out.splice(start..start, zeros);
    } else if point >= digits {
        out.resize(out.len() + (point - digits) as usize, b'0');
    } else {
        out.insert(start + point as usize, b'.');
    }
    if left != point {
        out.push(if capitals { b'E' } else { b'e' });
        out.extend_from_slice(format!("{:+}", left - point).as_bytes());
    }
}
