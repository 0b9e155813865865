//! UTF-7 (RFC 2152).

use super::{Problem, Sink, Unit};

fn from_base64(b: u8) -> Option<u32> {
    Some(u32::from(match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

fn to_base64(value: u32) -> u8 {
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(value & 63) as usize]
}

/// Decode UTF-7; every problem ends a shifted section.
pub fn utf7_decode(input: &[u8], at: &mut usize, out: &mut impl Sink, last: bool) -> Result<(), Problem> {
    while let Some(&b) = input.get(*at) {
        if b == b'+' {
            shifted(input, at, out, last)?;
            if !last && *at < input.len() && input[*at] == b'+' && unfinished(&input[*at..]) {
                return Ok(());
            }
        } else if b < 0x80 {
            out.push(b.into());
            *at += 1;
        } else {
            return Err(Problem::new(*at, *at + 1, "unexpected special character"));
        }
    }
    Ok(())
}

/// Whether all of a shifted section's input is still base 64.
fn unfinished(section: &[u8]) -> bool {
    section[1..].iter().all(|&b| from_base64(b).is_some())
}

/// A section from `+` on; when it is not finished and more input may come, nothing is used.
fn shifted(input: &[u8], at: &mut usize, out: &mut impl Sink, last: bool) -> Result<(), Problem> {
    let start = *at;
    match input.get(start + 1) {
        Some(b'-') => {
            out.push('+' as u32);
            *at += 2;
            return Ok(());
        }
        Some(&b) if from_base64(b).is_none() => {
            return Err(Problem::new(start, start + 2, "ill-formed sequence"));
        }
        _ => {}
    }
    if !last && unfinished(&input[start..]) {
        return Ok(());
    }
    let (mut bits, mut buffer, mut high) = (0, 0u32, None::<u32>);
    let mut here = start + 1;
    while let Some(value) = input.get(here).and_then(|&b| from_base64(b)) {
        here += 1;
        buffer = buffer << 6 | value;
        bits += 6;
        if bits < 16 {
            continue;
        }
        bits -= 16;
        let unit = buffer >> bits;
        buffer &= (1 << bits) - 1;
        if let Some(h) = high.take() {
            if (0xDC00..0xE000).contains(&unit) {
                out.push(0x10000 + ((h - 0xD800) << 10) + (unit - 0xDC00));
                continue;
            }
            out.push(h);
        }
        if (0xD800..0xDC00).contains(&unit) {
            high = Some(unit);
        } else {
            out.push(unit);
        }
    }
    *at = here;
    let Some(&b) = input.get(here) else {
        if high.is_some() || bits >= 6 || buffer != 0 {
            return Err(Problem::new(start, here, "unterminated shift sequence"));
        }
        return Ok(());
    };
    if bits >= 6 {
        return Err(Problem::new(start, here + 1, "partial character in shift sequence"));
    }
    if buffer != 0 {
        return Err(Problem::new(start, here + 1, "non-zero padding bits in shift sequence"));
    }
    if let Some(h) = high
        && b < 0x80
    {
        out.push(h);
    }
    if b == b'-' {
        *at += 1;
    }
    Ok(())
}

/// Whether the encoder writes a character as it is.
fn is_direct(cp: u32) -> bool {
    match u8::try_from(cp) {
        Ok(b'\t' | b'\n' | b'\r' | b' ') => true,
        Ok(b'+' | b'\\' | b'~') => false,
        Ok(b) => b.is_ascii_graphic(),
        Err(_) => false,
    }
}

/// Encode UTF-7, which cannot fail.
pub fn utf7_encode<U: Unit>(text: &[U]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut shifted, mut bits, mut buffer) = (false, 0, 0u64);
    for &unit in text {
        let cp: u32 = unit.into();
        if is_direct(cp) {
            if shifted {
                if bits > 0 {
                    out.push(to_base64((buffer << (6 - bits)) as u32));
                }
                (shifted, bits, buffer) = (false, 0, 0);
                if from_base64(cp as u8).is_some() || cp == '-' as u32 {
                    out.push(b'-');
                }
            }
            out.push(cp as u8);
            continue;
        }
        if !shifted {
            out.push(b'+');
            if cp == '+' as u32 {
                out.push(b'-');
                continue;
            }
            shifted = true;
        }
        let mut put = |unit: u32| {
            buffer = buffer << 16 | u64::from(unit);
            bits += 16;
            while bits >= 6 {
                bits -= 6;
                out.push(to_base64((buffer >> bits) as u32));
            }
            buffer &= (1 << bits) - 1;
        };
        if cp >= 0x10000 {
            put(0xD800 + ((cp - 0x10000) >> 10));
            put(0xDC00 + ((cp - 0x10000) & 0x3FF));
        } else {
            put(cp);
        }
    }
    if bits > 0 {
        out.push(to_base64((buffer << (6 - bits)) as u32));
    }
    if shifted {
        out.push(b'-');
    }
    out
}
