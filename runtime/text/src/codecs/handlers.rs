//! Replacements that the built-in error handlers make.

use super::Endian;
use crate::unicode::names;

/// `surrogateescape` on decoding: up to four bytes from 0x80 on become U+DC80 to U+DCFF; `None` (the error
/// stands) if the first is ASCII.
pub fn surrogateescape_decode(bytes: &[u8]) -> Option<Vec<u32>> {
    let out: Vec<u32> = bytes.iter().take(4).take_while(|b| **b >= 0x80).map(|&b| 0xDC00 + u32::from(b)).collect();
    (!out.is_empty()).then_some(out)
}

/// `surrogateescape` on encoding: U+DC80 to U+DCFF become bytes; `None` if another character is there.
pub fn surrogateescape_encode(text: &[u32]) -> Option<Vec<u8>> {
    text.iter().map(|&c| (0xDC80..=0xDCFF).contains(&c).then(|| (c - 0xDC00) as u8)).collect()
}

/// An encoding that `surrogatepass` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utf {
    /// UTF-8
    Eight,
    /// UTF-16
    Sixteen(Endian),
    /// UTF-32
    ThirtyTwo(Endian),
}

/// `surrogatepass` on decoding: a surrogate at the start of `rest` and how many bytes it has.
pub fn surrogatepass_decode(rest: &[u8], utf: Utf) -> Option<(u32, usize)> {
    let (cp, len) = match (utf, rest) {
        (Utf::Eight, &[a, b, c, ..]) if a & 0xF0 == 0xE0 && b & 0xC0 == 0x80 && c & 0xC0 == 0x80 => {
            (u32::from(a & 0xF) << 12 | u32::from(b & 0x3F) << 6 | u32::from(c & 0x3F), 3)
        }
        (Utf::Sixteen(Endian::Little), &[a, b, ..]) => (u16::from_le_bytes([a, b]).into(), 2),
        (Utf::Sixteen(Endian::Big), &[a, b, ..]) => (u16::from_be_bytes([a, b]).into(), 2),
        (Utf::ThirtyTwo(Endian::Little), &[a, b, c, d, ..]) => (u32::from_le_bytes([a, b, c, d]), 4),
        (Utf::ThirtyTwo(Endian::Big), &[a, b, c, d, ..]) => (u32::from_be_bytes([a, b, c, d]), 4),
        _ => return None,
    };
    super::is_surrogate(cp).then_some((cp, len))
}

/// `surrogatepass` on encoding; `None` if another character than a surrogate is there.
pub fn surrogatepass_encode(text: &[u32], utf: Utf) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for &cp in text {
        if !super::is_surrogate(cp) {
            return None;
        }
        match utf {
            Utf::Eight => {
                out.extend([0xE0 | (cp >> 12) as u8, 0x80 | (cp >> 6 & 0x3F) as u8, 0x80 | (cp & 0x3F) as u8])
            }
            Utf::Sixteen(Endian::Little) => out.extend((cp as u16).to_le_bytes()),
            Utf::Sixteen(Endian::Big) => out.extend((cp as u16).to_be_bytes()),
            Utf::ThirtyTwo(Endian::Little) => out.extend(cp.to_le_bytes()),
            Utf::ThirtyTwo(Endian::Big) => out.extend(cp.to_be_bytes()),
        }
    }
    Some(out)
}

/// `backslashreplace` on decoding.
pub fn backslashreplace_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("\\x{b:02x}")).collect()
}

/// `backslashreplace` on encoding.
pub fn backslashreplace(text: &[u32]) -> String {
    let one = |&cp: &u32| match cp {
        ..0x100 => format!("\\x{cp:02x}"),
        0x100..0x10000 => format!("\\u{cp:04x}"),
        _ => format!("\\U{cp:08x}"),
    };
    text.iter().map(one).collect()
}

/// `xmlcharrefreplace`
pub fn xmlcharrefreplace(text: &[u32]) -> String {
    text.iter().map(|cp| format!("&#{cp};")).collect()
}

/// `namereplace`
pub fn namereplace(text: &[u32]) -> String {
    let one = |&cp: &u32| names::name(cp).map_or_else(|| backslashreplace(&[cp]), |name| format!("\\N{{{name}}}"));
    text.iter().map(one).collect()
}
