//! Normalisation forms (Unicode Standard Annex 15) with the quick check.

use super::{raw_decomposition, record, t, v3_2};

/// A normalisation form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Canonical composition.
    Nfc,
    /// Compatibility composition.
    Nfkc,
    /// Canonical decomposition.
    Nfd,
    /// Compatibility decomposition.
    Nfkd,
}

impl Form {
    /// `"NFC"` and so on.
    pub fn parse(name: &str) -> Option<Form> {
        Some(match name {
            "NFC" => Form::Nfc,
            "NFKC" => Form::Nfkc,
            "NFD" => Form::Nfd,
            "NFKD" => Form::Nfkd,
            _ => return None,
        })
    }
    fn compat(self) -> bool {
        matches!(self, Form::Nfkc | Form::Nfkd)
    }
    fn composes(self) -> bool {
        matches!(self, Form::Nfc | Form::Nfkc)
    }
    fn no_bit(self) -> u8 {
        match self {
            Form::Nfc => t::NFC_NO,
            Form::Nfkc => t::NFKC_NO,
            Form::Nfd => t::NFD_NO,
            Form::Nfkd => t::NFKD_NO,
        }
    }
}

#[derive(PartialEq)]
enum Quick {
    Yes,
    Maybe,
    No,
}

fn quick_check(form: Form, text: impl Iterator<Item = u32>) -> Quick {
    let no = form.no_bit();
    let mut last = 0;
    let mut answer = Quick::Yes;
    for cp in text {
        if cp < 0xA0 {
            last = 0;
            continue;
        }
        let r = record(cp);
        if (r.combining != 0 && last > r.combining) || r.bits & no != 0 {
            return Quick::No;
        }
        last = r.combining;
        if form.composes() && r.bits & t::COMPOSE_MAYBE != 0 {
            answer = Quick::Maybe;
        }
    }
    answer
}

/// Whether `text` is in `form`.
pub fn is_normalized(form: Form, text: &[u32]) -> bool {
    match quick_check(form, text.iter().copied()) {
        Quick::Yes => true,
        Quick::No => false,
        Quick::Maybe => build(form, text, false) == text,
    }
}

/// `text` in `form`, or `None` if the quick check says that it already is.
pub fn normalize(form: Form, text: &[u32]) -> Option<Vec<u32>> {
    (quick_check(form, text.iter().copied()) != Quick::Yes).then(|| build(form, text, false))
}

/// `text` in `form` by the data of Unicode 3.2.0.
pub fn normalize_3_2(form: Form, text: &[u32]) -> Vec<u32> {
    build(form, text, true)
}

const S_BASE: u32 = 0xAC00;
const L_BASE: u32 = 0x1100;
const V_BASE: u32 = 0x1161;
const T_BASE: u32 = 0x11A7;
const L_COUNT: u32 = 19;
const V_COUNT: u32 = 21;
const T_COUNT: u32 = 28;
const S_COUNT: u32 = L_COUNT * V_COUNT * T_COUNT;

/// The jamo of a Hangul syllable; the third is zero when there is none.
pub(super) fn hangul(cp: u32) -> Option<[u32; 3]> {
    let s = cp.checked_sub(S_BASE).filter(|&s| s < S_COUNT)?;
    let trail = s % T_COUNT;
    Some([
        L_BASE + s / (V_COUNT * T_COUNT),
        V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT,
        if trail == 0 { 0 } else { T_BASE + trail },
    ])
}

fn decompose(cp: u32, compat: bool, old: bool, out: &mut Vec<u32>) {
    if cp < 0xA0 {
        return out.push(cp);
    }
    if let Some(parts) = hangul(cp) {
        return out.extend(parts.into_iter().filter(|&p| p != 0));
    }
    if old {
        if let Some(&(_, to)) = t::NORMALIZE_32.iter().find(|p| p.0 == cp) {
            return out.push(to);
        }
        if v3_2::is_unassigned(cp) {
            return out.push(cp);
        }
    }
    let (tag, body) = raw_decomposition(cp);
    if body.is_empty() || (tag != 0 && !compat) {
        return out.push(cp);
    }
    for &part in body {
        decompose(part, compat, old, out);
    }
}

/// The combining class, also of text of version 3.2: the reference orders by the present classes.
fn class(cp: u32) -> u8 {
    record(cp).combining
}

fn build(form: Form, text: &[u32], old: bool) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for &cp in text {
        decompose(cp, form.compat(), old, &mut out);
    }
    // Canonical ordering: a stable sort of each run of non-starters.
    let mut at = 0;
    while at < out.len() {
        if class(out[at]) == 0 {
            at += 1;
            continue;
        }
        let from = at;
        while at < out.len() && class(out[at]) != 0 {
            at += 1;
        }
        if at - from > 1 {
            out[from..at].sort_by_key(|&cp| class(cp));
        }
    }
    if form.composes() {
        compose(&mut out);
    }
    out
}

fn compose(text: &mut Vec<u32>) {
    let mut starter: Option<usize> = None;
    let mut last = 0;
    let mut to = 0;
    for from in 0..text.len() {
        let cp = text[from];
        let cc = class(cp);
        if let Some(s) = starter {
            // Blocked when something with the same or a higher class lies between.
            let adjacent = s + 1 == to;
            if (adjacent || (last < cc && last != 0))
                && let Some(c) = pair(text[s], cp)
            {
                text[s] = c;
                continue;
            }
        }
        if cc == 0 {
            starter = Some(to);
        }
        last = cc;
        text[to] = cp;
        to += 1;
    }
    text.truncate(to);
}

fn pair(a: u32, b: u32) -> Option<u32> {
    if (L_BASE..L_BASE + L_COUNT).contains(&a) && (V_BASE..V_BASE + V_COUNT).contains(&b) {
        return Some(S_BASE + ((a - L_BASE) * V_COUNT + (b - V_BASE)) * T_COUNT);
    }
    if (S_BASE..S_BASE + S_COUNT).contains(&a)
        && (a - S_BASE).is_multiple_of(T_COUNT)
        && (T_BASE + 1..T_BASE + T_COUNT).contains(&b)
    {
        return Some(a + b - T_BASE);
    }
    if record(b).bits & t::COMPOSE_MAYBE == 0 {
        return None;
    }
    let key = u64::from(a) << 32 | u64::from(b);
    // Also in the old form: the reference composes what it had not taken apart.
    t::PAIRS.binary_search_by_key(&key, |p| p.0).ok().map(|at| t::PAIRS[at].1)
}
