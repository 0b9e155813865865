//! ASCII, Latin-1 and character maps.

use super::{Problem, Sink, Unit, ascii_prefix};

/// Decode ASCII.
pub fn ascii_decode(input: &[u8], at: &mut usize, out: &mut impl Sink) -> Result<(), Problem> {
    let rest = &input[*at..];
    let ascii = ascii_prefix(rest);
    out.push_ascii(&rest[..ascii]);
    *at += ascii;
    if ascii < rest.len() { Err(Problem::new(*at, *at + 1, "ordinal not in range(128)")) } else { Ok(()) }
}

/// Decode Latin-1, which cannot fail.
pub fn latin1_decode(input: &[u8], out: &mut impl Sink) {
    out.push_latin1(input);
}

/// Encode ASCII (`limit` 128) or Latin-1 (`limit` 256); a run that does not fit is one problem.
pub fn narrow_encode<U: Unit>(text: &[U], at: &mut usize, out: &mut Vec<u8>, limit: u32) -> Result<(), Problem> {
    let reason = if limit == 128 { "ordinal not in range(128)" } else { "ordinal not in range(256)" };
    while let Some(&unit) = text.get(*at) {
        let cp: u32 = unit.into();
        if cp >= limit {
            let run = text[*at..].iter().take_while(|&&u| u.into() >= limit).count();
            return Err(Problem::new(*at, *at + run, reason));
        }
        out.push(cp as u8);
        *at += 1;
    }
    Ok(())
}

/// Decode by a table of code points, in which U+FFFE means that there is none.
pub fn charmap_decode<U: Unit>(input: &[u8], at: &mut usize, out: &mut impl Sink, table: &[U]) -> Result<(), Problem> {
    while let Some(&b) = input.get(*at) {
        match table.get(b as usize).map(|&u| u.into()) {
            None | Some(0xFFFE) => return Err(Problem::new(*at, *at + 1, "character maps to <undefined>")),
            Some(cp) => out.push(cp),
        }
        *at += 1;
    }
    Ok(())
}

/// The inverse of a decoding table (`codecs.charmap_build`).
#[derive(Clone, Debug)]
pub struct EncodingMap {
    narrow: [Option<u8>; 256],
    wide: Vec<(u32, u8)>,
}

impl EncodingMap {
    /// From a table of at most 256 code points; the last byte for a code point counts.
    pub fn new<U: Unit>(table: &[U]) -> Self {
        let mut map = EncodingMap { narrow: [None; 256], wide: Vec::new() };
        for (byte, &unit) in (0..=255u8).zip(table) {
            let cp: u32 = unit.into();
            match map.narrow.get_mut(cp as usize) {
                Some(slot) => *slot = Some(byte),
                None if cp == 0xFFFE => {}
                None => match map.wide.binary_search_by_key(&cp, |w| w.0) {
                    Ok(k) => map.wide[k].1 = byte,
                    Err(k) => map.wide.insert(k, (cp, byte)),
                },
            }
        }
        map
    }

    /// The byte of a code point.
    pub fn get(&self, cp: u32) -> Option<u8> {
        match self.narrow.get(cp as usize) {
            Some(byte) => *byte,
            None => self.wide.binary_search_by_key(&cp, |w| w.0).ok().map(|k| self.wide[k].1),
        }
    }

    /// Encode; a run of characters without a byte is one problem.
    pub fn encode<U: Unit>(&self, text: &[U], at: &mut usize, out: &mut Vec<u8>) -> Result<(), Problem> {
        while let Some(&unit) = text.get(*at) {
            let Some(byte) = self.get(unit.into()) else {
                let run = text[*at..].iter().take_while(|&&u| self.get(u.into()).is_none()).count();
                return Err(Problem::new(*at, *at + run, "character maps to <undefined>"));
            };
            out.push(byte);
            *at += 1;
        }
        Ok(())
    }
}
