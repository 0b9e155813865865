//! UTF-8.

use super::{Problem, SURROGATES, Sink, Unit, is_surrogate};

/// How many bytes at the start of `bytes` are ASCII.
#[inline]
pub fn ascii_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Chunks without a branch inside, which the compiler turns into vector code.
    for chunk in bytes.chunks_exact(32) {
        if chunk.iter().fold(0, |all, &b| all | b) >= 0x80 {
            break;
        }
        at += 32;
    }
    at + bytes[at..].iter().take_while(|b| b.is_ascii()).count()
}

/// One sequence at the start of `rest`: the code point and its length; else how many bytes are wrong and
/// whether more input could mend it.
#[inline]
fn sequence(rest: &[u8]) -> Result<(u32, usize), (usize, &'static str, bool)> {
    const CONTINUATION: &str = "invalid continuation byte";
    let first = rest[0];
    let (len, low, high) = match first {
        0xC2..=0xDF => (2, 0x80, 0xBF),
        0xE0 => (3, 0xA0, 0xBF),
        0xED => (3, 0x80, 0x9F),
        0xE1..=0xEF => (3, 0x80, 0xBF),
        0xF0 => (4, 0x90, 0xBF),
        0xF1..=0xF3 => (4, 0x80, 0xBF),
        0xF4 => (4, 0x80, 0x8F),
        _ => return Err((1, "invalid start byte", false)),
    };
    let mut cp = u32::from(first) & (0x7F >> len);
    for k in 1..len {
        let Some(&b) = rest.get(k) else { return Err((k, "unexpected end of data", true)) };
        let ok = if k == 1 { (low..=high).contains(&b) } else { b & 0xC0 == 0x80 };
        if !ok {
            return Err((k, CONTINUATION, false));
        }
        cp = cp << 6 | u32::from(b & 0x3F);
    }
    Ok((cp, len))
}

/// Decode UTF-8.
pub fn utf8_decode(input: &[u8], at: &mut usize, out: &mut impl Sink, last: bool) -> Result<(), Problem> {
    let ascii = ascii_prefix(&input[*at..]);
    out.push_ascii(&input[*at..*at + ascii]);
    *at += ascii;
    while *at < input.len() {
        // The standard library validates fast; only what it refuses is looked at here.
        let rest = &input[*at..];
        let (valid, rest) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &[][..]),
            Err(error) => {
                let (valid, rest) = rest.split_at(error.valid_up_to());
                (std::str::from_utf8(valid).unwrap_or_default(), rest)
            }
        };
        out.push_str(valid);
        *at += valid.len();
        if rest.is_empty() {
            break;
        }
        match sequence(rest) {
            Ok((cp, len)) => {
                out.push(cp);
                *at += len;
            }
            Err((_, _, true)) if !last => return Ok(()),
            // The first two bytes of an encoded surrogate, which the handler `surrogatepass` wants whole.
            Err(_) if !last && matches!(rest, [0xED, 0xA0..=0xBF]) => return Ok(()),
            Err((len, reason, _)) => return Err(Problem::new(*at, *at + len, reason)),
        }
    }
    Ok(())
}

/// Bytes that are gathered before they move to the output.
const BLOCK: usize = 256;

/// Encode UTF-8; a run of surrogates is one problem.
pub fn utf8_encode<U: Unit>(text: &[U], at: &mut usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    out.reserve(text.len() - *at);
    let mut bytes = [0; BLOCK];
    while *at < text.len() {
        let units = &text[*at..text.len().min(*at + BLOCK / 4)];
        let (done, len) = encode_block(units, &mut bytes);
        out.extend_from_slice(&bytes[..len]);
        *at += done;
        if done < units.len() {
            let run = text[*at..].iter().take_while(|&&unit| is_surrogate(unit.into())).count();
            return Err(Problem::new(*at, *at + run, SURROGATES));
        }
    }
    Ok(())
}

/// Encodes at most a quarter of [`BLOCK`] units, at most to the first surrogate: how many there were, and how many
/// bytes they took.
#[inline]
fn encode_block<U: Unit>(units: &[U], bytes: &mut [u8; BLOCK]) -> (usize, usize) {
    let mut len = 0;
    for (done, &unit) in units.iter().enumerate() {
        let cp: u32 = unit.into();
        let mut put = |byte: u32| {
            // The remainder changes nothing, since there is room for four bytes a unit: it stands for a check.
            bytes[len % BLOCK] = byte as u8;
            len += 1;
        };
        let tail = |shift: u32| 0x80 | cp >> shift & 0x3F;
        match cp {
            0..0x80 => put(cp),
            0x80..0x800 => {
                put(0xC0 | cp >> 6);
                put(tail(0));
            }
            _ if is_surrogate(cp) => return (done, len),
            0x800..0x10000 => {
                put(0xE0 | cp >> 12);
                put(tail(6));
                put(tail(0));
            }
            _ => {
                put(0xF0 | cp >> 18);
                put(tail(12));
                put(tail(6));
                put(tail(0));
            }
        }
    }
    (units.len(), len)
}
