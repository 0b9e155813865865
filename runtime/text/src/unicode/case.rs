//! Full case mappings (SpecialCasing.txt, CaseFolding.txt), including the final sigma.

use super::{ctype, is_case_ignorable, is_cased, is_lower, is_title, is_upper, t};

/// Which mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `str.upper`
    Upper,
    /// `str.lower` without context; see [`lower_at`] for the final sigma.
    Lower,
    /// the first letter of a word in `str.title`
    Title,
    /// `str.casefold`
    Fold,
}

/// One to three code points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    len: u8,
    buf: [u32; 3],
}

impl Mapped {
    #[inline]
    fn one(cp: u32) -> Self {
        Mapped { len: 1, buf: [cp, 0, 0] }
    }
    fn many(list: &[u32]) -> Self {
        let mut buf = [0; 3];
        buf[..list.len()].copy_from_slice(list);
        Mapped { len: list.len() as u8, buf }
    }
    /// The code points.
    #[inline]
    pub fn as_slice(&self) -> &[u32] {
        &self.buf[..self.len as usize]
    }
}

/// The full mapping of one character without context.
#[inline]
pub fn to_full(case: Case, cp: u32) -> Mapped {
    let c = ctype(cp);
    if c.flags & t::SPECIAL_CASE != 0 {
        return special(case, cp);
    }
    let delta = match case {
        Case::Upper => c.upper,
        Case::Lower => c.lower,
        Case::Title => c.title,
        Case::Fold => c.fold,
    };
    Mapped::one(cp.wrapping_add_signed(delta))
}

#[cold]
fn special(case: Case, cp: u32) -> Mapped {
    let Ok(at) = t::SPECIAL.binary_search_by_key(&cp, |s| s.cp) else { return Mapped::one(cp) };
    let s = &t::SPECIAL[at];
    Mapped::many(match case {
        Case::Upper => s.upper,
        Case::Lower => s.lower,
        Case::Title => s.title,
        Case::Fold => s.fold,
    })
}

/// Full case folding of one character (`str.casefold`).
pub fn casefold(cp: u32) -> Mapped {
    to_full(Case::Fold, cp)
}

/// Lower-case the character at `at` of a text of `len` characters read through `get`.
/// A capital sigma becomes final (ς) when a cased letter precedes it and none follows, case-ignorable
/// characters skipped (Unicode 3.13, Final_Sigma).
#[inline]
pub fn lower_at(get: impl Fn(usize) -> u32, len: usize, at: usize) -> Mapped {
    let cp = get(at);
    if cp != 0x3A3 {
        return to_full(Case::Lower, cp);
    }
    let before = (0..at).rev().map(&get).find(|&c| !is_case_ignorable(c)).is_some_and(is_cased);
    let after = before && (at + 1..len).map(&get).find(|&c| !is_case_ignorable(c)).is_some_and(is_cased);
    Mapped::one(if before && !after { 0x3C2 } else { 0x3C3 })
}

/// `str.lower` of a text.
pub fn map_lower(text: &[u32]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    for at in 0..text.len() {
        out.extend_from_slice(lower_at(|i| text[i], text.len(), at).as_slice());
    }
    out
}

/// `str.swapcase` of a text.
pub fn swap_case(text: &[u32]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    for (at, &cp) in text.iter().enumerate() {
        let mapped = if is_upper(cp) {
            lower_at(|i| text[i], text.len(), at)
        } else if is_lower(cp) {
            to_full(Case::Upper, cp)
        } else {
            Mapped::one(cp)
        };
        out.extend_from_slice(mapped.as_slice());
    }
    out
}

/// `str.title` of a text: a cased character after an uncased one gets title case, others lower case.
pub fn title_text(text: &[u32]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    let mut in_word = false;
    for (at, &cp) in text.iter().enumerate() {
        let mapped = if in_word { lower_at(|i| text[i], text.len(), at) } else { to_full(Case::Title, cp) };
        out.extend_from_slice(mapped.as_slice());
        in_word = is_upper(cp) || is_lower(cp) || is_title(cp) || is_cased(cp);
    }
    out
}
