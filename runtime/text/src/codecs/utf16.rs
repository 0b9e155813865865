//! UTF-16 and UTF-32.

use super::{Problem, SURROGATES, Sink, Unit, is_surrogate};

/// Byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Endian {
    /// The machine's.
    pub const NATIVE: Endian = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };

    fn u16(self, bytes: &[u8]) -> u32 {
        let pair = [bytes[0], bytes[1]];
        match self {
            Endian::Little => u16::from_le_bytes(pair).into(),
            Endian::Big => u16::from_be_bytes(pair).into(),
        }
    }

    fn u32(self, bytes: &[u8]) -> u32 {
        let four = [bytes[0], bytes[1], bytes[2], bytes[3]];
        match self {
            Endian::Little => u32::from_le_bytes(four),
            Endian::Big => u32::from_be_bytes(four),
        }
    }
}

/// The byte order that a mark at the start of UTF-16 gives; the mark has two bytes.
pub fn utf16_bom(input: &[u8]) -> Option<Endian> {
    match input {
        [0xFF, 0xFE, ..] => Some(Endian::Little),
        [0xFE, 0xFF, ..] => Some(Endian::Big),
        _ => None,
    }
}

/// The byte order that a mark at the start of UTF-32 gives; the mark has four bytes.
pub fn utf32_bom(input: &[u8]) -> Option<Endian> {
    match input {
        [0xFF, 0xFE, 0, 0, ..] => Some(Endian::Little),
        [0, 0, 0xFE, 0xFF, ..] => Some(Endian::Big),
        _ => None,
    }
}

/// Decode UTF-16.
pub fn utf16_decode(
    input: &[u8],
    at: &mut usize,
    out: &mut impl Sink,
    endian: Endian,
    last: bool,
) -> Result<(), Problem> {
    while *at < input.len() {
        let rest = &input[*at..];
        let wrong = |len: usize, reason| Err(Problem::new(*at, *at + len, reason));
        if rest.len() < 2 {
            return if last { wrong(1, "truncated data") } else { Ok(()) };
        }
        let unit = endian.u16(rest);
        if !is_surrogate(unit) {
            out.push(unit);
            *at += 2;
            continue;
        }
        if unit >= 0xDC00 {
            return wrong(2, "illegal encoding");
        }
        if rest.len() < 4 {
            return if last { wrong(rest.len(), "unexpected end of data") } else { Ok(()) };
        }
        let low = endian.u16(&rest[2..]);
        if !(0xDC00..0xE000).contains(&low) {
            return wrong(2, "illegal UTF-16 surrogate");
        }
        out.push(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
        *at += 4;
    }
    Ok(())
}

/// Decode UTF-32.
pub fn utf32_decode(
    input: &[u8],
    at: &mut usize,
    out: &mut impl Sink,
    endian: Endian,
    last: bool,
) -> Result<(), Problem> {
    while *at < input.len() {
        let rest = &input[*at..];
        let wrong = |len: usize, reason| Err(Problem::new(*at, *at + len, reason));
        if rest.len() < 4 {
            return if last { wrong(rest.len(), "truncated data") } else { Ok(()) };
        }
        let cp = endian.u32(rest);
        if is_surrogate(cp) {
            return wrong(4, "code point in surrogate code point range(0xd800, 0xe000)");
        }
        if cp >= 0x110000 {
            return wrong(4, "code point not in range(0x110000)");
        }
        out.push(cp);
        *at += 4;
    }
    Ok(())
}

/// Encode UTF-16 without a mark.
pub fn utf16_encode<U: Unit>(text: &[U], at: &mut usize, out: &mut Vec<u8>, endian: Endian) -> Result<(), Problem> {
    let mut put = |unit: u32| {
        let unit = unit as u16;
        out.extend(if endian == Endian::Little { unit.to_le_bytes() } else { unit.to_be_bytes() });
    };
    while let Some(&unit) = text.get(*at) {
        let cp: u32 = unit.into();
        if is_surrogate(cp) {
            return Err(Problem::new(*at, *at + 1, SURROGATES));
        }
        if cp < 0x10000 {
            put(cp);
        } else {
            put(0xD800 + ((cp - 0x10000) >> 10));
            put(0xDC00 + ((cp - 0x10000) & 0x3FF));
        }
        *at += 1;
    }
    Ok(())
}

/// Encode UTF-32 without a mark.
pub fn utf32_encode<U: Unit>(text: &[U], at: &mut usize, out: &mut Vec<u8>, endian: Endian) -> Result<(), Problem> {
    while let Some(&unit) = text.get(*at) {
        let cp: u32 = unit.into();
        if is_surrogate(cp) {
            return Err(Problem::new(*at, *at + 1, SURROGATES));
        }
        out.extend(if endian == Endian::Little { cp.to_le_bytes() } else { cp.to_be_bytes() });
        *at += 1;
    }
    Ok(())
}
