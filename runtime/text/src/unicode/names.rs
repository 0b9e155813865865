//! Character names (`unicodedata.name`, `lookup`, `"\N{...}"`).
//!
//! Names are stored as words: `names.bin` has a dictionary and, for each name, one or two bytes a
//! word; an open-addressing table leads from the hash of a name to its number.
//! Hangul syllables and ideographs are computed.

use super::t;

static BLOB: &[u8] = include_bytes!("names.bin");

const HANGUL_L: [&str; 19] =
    ["G", "GG", "N", "D", "DD", "R", "M", "B", "BB", "S", "SS", "", "J", "JJ", "C", "K", "T", "P", "H"];
const HANGUL_V: [&str; 21] = [
    "A", "AE", "YA", "YAE", "EO", "E", "YEO", "YE", "O", "WA", "WAE", "OE", "YO", "U", "WEO", "WE", "WI", "YU", "EU",
    "YI", "I",
];
const HANGUL_T: [&str; 28] = [
    "", "G", "GG", "GS", "N", "NJ", "NH", "D", "L", "LG", "LM", "LB", "LS", "LT", "LP", "LH", "M", "B", "BS", "S",
    "SS", "NG", "J", "C", "K", "T", "P", "H",
];
const HANGUL: &str = "HANGUL SYLLABLE ";
const S_BASE: u32 = 0xAC00;
const S_COUNT: u32 = 11172;
/// Longest name, alias or sequence name; anything longer is not a name.
pub const MAX_NAME: usize = 256;

fn u32_at(section: usize, index: usize) -> usize {
    let at = section + index * 4;
    u32::from_le_bytes([BLOB[at], BLOB[at + 1], BLOB[at + 2], BLOB[at + 3]]) as usize
}

fn cp_at(index: usize) -> u32 {
    u32_at(t::NAME_CPS_AT, index) as u32
}

/// The name of a character, or `None` if it has none.
pub fn name(cp: u32) -> Option<String> {
    if (S_BASE..S_BASE + S_COUNT).contains(&cp) {
        let s = (cp - S_BASE) as usize;
        return Some(format!("{HANGUL}{}{}{}", HANGUL_L[s / 588], HANGUL_V[s % 588 / 28], HANGUL_T[s % 28]));
    }
    if let Some((prefix, ..)) = t::NAME_DERIVED.iter().find(|r| (r.1..=r.2).contains(&cp)) {
        return Some(format!("{prefix}{cp:04X}"));
    }
    let (mut lo, mut hi) = (0, t::NAME_COUNT);
    while lo < hi {
        let mid = (lo + hi) / 2;
        if cp_at(mid) < cp { lo = mid + 1 } else { hi = mid }
    }
    (lo < t::NAME_COUNT && cp_at(lo) == cp).then(|| expand(lo))
}

fn expand(index: usize) -> String {
    let mut at = t::NAME_NAMES_AT + u32_at(t::NAME_OFFSETS_AT, index / 16);
    for _ in 0..index % 16 {
        let words = BLOB[at];
        at += 1;
        for _ in 0..words {
            at += if (BLOB[at] as usize) < t::NAME_ONE { 1 } else { 2 };
        }
    }
    let mut out = String::with_capacity(t::NAME_MAX);
    let words = BLOB[at];
    at += 1;
    for k in 0..words {
        let mut word = BLOB[at] as usize;
        at += 1;
        if word >= t::NAME_ONE {
            word = t::NAME_ONE + (word - t::NAME_ONE) * 256 + BLOB[at] as usize;
            at += 1;
        }
        if k != 0 {
            out.push(' ');
        }
        let (from, to) = (u32_at(t::NAME_WORD_OFFSETS_AT, word), u32_at(t::NAME_WORD_OFFSETS_AT, word + 1));
        out.extend(BLOB[t::NAME_WORDS_AT + from..t::NAME_WORDS_AT + to].iter().map(|&b| b as char));
    }
    out
}

fn hash(name: &str) -> u32 {
    let mut h = 0x811C_9DC5_u32;
    for b in name.bytes() {
        h = (h ^ u32::from(b)).wrapping_mul(0x0100_0193);
    }
    h ^ h >> 15
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A character.
    Char(u32),
    /// A named sequence of characters.
    Sequence(&'static [u32]),
}

/// Look up a character name, alias or named sequence; ASCII case does not matter.
pub fn lookup(name: &str) -> Option<Found> {
    if name.len() > MAX_NAME || !name.is_ascii() {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    if let Some(rest) = upper.strip_prefix(HANGUL) {
        return hangul(rest).map(Found::Char);
    }
    let prefixed = t::NAME_DERIVED.iter().chain(&t::NAME_LOOKUP_ONLY);
    for &(prefix, lo, hi) in prefixed {
        if let Some(hex) = upper.strip_prefix(prefix)
            && let Ok(cp) = u32::from_str_radix(hex, 16)
            && (lo..=hi).contains(&cp)
            && format!("{cp:04X}") == hex
        {
            return Some(Found::Char(cp));
        }
    }
    let mut slot = hash(&upper) as usize & 0xFFFF;
    loop {
        let at = t::NAME_SLOTS_AT + slot * 2;
        let index = u16::from_le_bytes([BLOB[at], BLOB[at + 1]]) as usize;
        if index == 0 {
            break;
        }
        if expand(index - 1) == upper {
            return Some(Found::Char(cp_at(index - 1)));
        }
        slot = (slot + 1) & 0xFFFF;
    }
    let at = t::NAME_EXTRA.binary_search_by_key(&upper.as_str(), |r| r.0).ok()?;
    Some(match t::NAME_EXTRA[at].1 {
        [one] => Found::Char(*one),
        many => Found::Sequence(many),
    })
}

fn longest(parts: &[&str], text: &str) -> Option<(usize, usize)> {
    let (index, part) = parts.iter().enumerate().filter(|(_, p)| text.starts_with(**p)).max_by_key(|(_, p)| p.len())?;
    Some((index, part.len()))
}

fn hangul(text: &str) -> Option<u32> {
    let (l, n) = longest(&HANGUL_L, text)?;
    let (v, m) = longest(&HANGUL_V, &text[n..])?;
    let (t, k) = longest(&HANGUL_T, &text[n + m..])?;
    (n + m + k == text.len()).then(|| S_BASE + ((l * 21 + v) * 28 + t) as u32)
}
