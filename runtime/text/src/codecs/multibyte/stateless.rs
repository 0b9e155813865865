//! Codecs whose every code stands for itself.

use super::maps::{Map, Set, Text};
use super::{Step, Stop, push_code, run};
use crate::codecs::{Sink, Unit, ascii_prefix};

/// What a codec has beside its codes of one and two bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    None,
    /// A set of two bytes behind the byte 0x8F.
    Second(Set),
    /// Four bytes for all that has no shorter code (GB 18030).
    FourBytes,
    /// Syllables written as a sign and three letters (KS X 1001).
    Composed,
}

/// A stateless codec.
pub(super) struct Table {
    set: Set,
    extra: Extra,
    /// Whether bytes below 0x80 are ASCII, every one.
    pub(super) ascii: bool,
}

impl Table {
    pub(super) const fn new(set: Set, extra: Extra) -> Self {
        Table { set, extra, ascii: true }
    }

    pub(super) fn decode(&self, input: &[u8], at: &mut usize, out: &mut impl Sink) -> Stop {
        let (map, mut units) = (self.set.map(), [0; 64]);
        while let Some(&lead) = input.get(*at) {
            if lead < 0x80 && self.ascii {
                let run = ascii_prefix(&input[*at..]);
                out.push_ascii(&input[*at..*at + run]);
                *at += run;
                continue;
            }
            run(input, at, out, &mut units, |rest| self.plain(map, rest));
            self.longer(map, input, at, out);
            let Some(&lead) = input.get(*at) else { break };
            if let Some(stop) = self.step(map, &input[*at..], lead).apply(at, out) {
                return stop;
            }
        }
        Stop::End
    }

    /// The character of one to three bytes that `rest` begins with, if it is a plain one.
    #[inline(always)]
    fn plain(&self, map: &Map, rest: &[u8]) -> Option<(u16, usize)> {
        let (&lead, behind) = rest.split_first()?;
        let unit = map.single(lead);
        if unit != 0 || lead == 0 {
            // Long runs of ASCII go faster elsewhere.
            let long = lead < 0x80 && self.ascii && rest.first_chunk::<8>().is_some_and(|bytes| bytes.is_ascii());
            return (!long).then_some((unit, 1));
        }
        if lead == 0x8F
            && let Extra::Second(set) = self.extra
        {
            let unit = set.map().unit(u16::from_be_bytes(*behind.first_chunk()?));
            return (unit != 0).then_some((unit, 3));
        }
        let pair = [lead, *behind.first()?];
        let unit = map.unit(u16::from_be_bytes(pair));
        (unit != 0 && (pair != COMPOSED || self.extra != Extra::Composed)).then_some((unit, 2))
    }

    /// Decodes longer codes as long as there are some.
    #[inline(always)]
    fn longer(&self, map: &Map, input: &[u8], at: &mut usize, out: &mut impl Sink) {
        loop {
            let step = match (self.extra, &input[*at..]) {
                (Extra::FourBytes, rest @ [_, b'0'..=b'9', ..]) => four_bytes(rest),
                (Extra::Composed, rest @ [0xA4, 0xD4, ..]) => composed(map, rest),
                _ => return,
            };
            let Step::Char(point, used) = step else { return };
            out.push(point);
            *at += used;
        }
    }

    /// Reads one code.
    #[inline(always)]
    fn step(&self, map: &Map, rest: &[u8], lead: u8) -> Step {
        // In most codes of two bytes there is no character of the leading one.
        match map.text(lead.into()) {
            Text::None if lead < 0x80 => return Step::Char(lead.into(), 1),
            Text::None => {}
            Text::One(point) => return Step::Char(point, 1),
            Text::Hole | Text::Pair(_) => return Step::Bad(1),
        }
        let &[_, trail, ..] = rest else { return Step::Short };
        match map.text(u16::from_be_bytes([lead, trail])) {
            Text::One(point) => match (self.extra, rest) {
                (Extra::Composed, [0xA4, 0xD4, ..]) => composed(map, rest),
                _ => Step::Char(point, 2),
            },
            Text::Pair(pair) => Step::Pair(pair, 2),
            Text::Hole => Step::Bad(2),
            Text::None => match self.extra {
                Extra::Second(set) if lead == 0x8F => second(set, rest),
                Extra::FourBytes if trail.is_ascii_digit() => four_bytes(rest),
                Extra::Composed if [lead, trail] == COMPOSED => composed(map, rest),
                _ => Step::Bad(1),
            },
        }
    }

    pub(super) fn encode<U: Unit>(&self, text: &[U], at: &mut usize, out: &mut Vec<u8>, last: bool) -> Stop {
        let map = self.set.map();
        out.reserve(2 * (text.len() - *at));
        while let Some(&unit) = text.get(*at) {
            let point: u32 = unit.into();
            if point < 0x80 && self.ascii {
                out.push(point as u8);
                *at += 1;
                continue;
            }
            if map.has_pairs() {
                let next = text.get(*at + 1).map(|&unit| unit.into());
                match map.pair(point, next) {
                    Ok(code) => {
                        push_code(code, out);
                        *at += 2;
                        continue;
                    }
                    Err(true) if next.is_none() && !last => return Stop::Short,
                    Err(_) => {}
                }
            }
            let code = map.code(point);
            if code != 0 {
                push_code(code, out);
            } else if point < 0x80 && map.text(point as u16) == Text::None {
                out.push(point as u8);
            } else if !self.encode_extra(map, point, out) {
                return Stop::Bad(1);
            }
            *at += 1;
        }
        Stop::End
    }

    /// Appends a longer code; false if there is none.
    fn encode_extra(&self, map: &Map, point: u32, out: &mut Vec<u8>) -> bool {
        match self.extra {
            Extra::None => return false,
            Extra::Second(set) => match set.map().code(point) {
                0 => return false,
                code => {
                    out.push(0x8F);
                    push_code(code, out);
                }
            },
            Extra::FourBytes => {
                let number = match point {
                    0x1_0000.. => point - 0x1_0000 + SUPPLEMENTARY,
                    _ => match Set::Gb18030Four.map().code(point) {
                        0 => return false,
                        code => u32::from(code) - 1,
                    },
                };
                let digits = [
                    (number / 12600, 0x81),
                    (number / 1260 % 10, 0x30),
                    (number / 10 % 126, 0x81),
                    (number % 10, 0x30),
                ];
                out.extend_from_slice(&digits.map(|(digit, zero)| digit as u8 + zero));
            }
            Extra::Composed => {
                let Some(syllable) = point.checked_sub(FIRST_SYLLABLE).filter(|at| *at < SYLLABLES) else {
                    return false;
                };
                let (lead, vowel, tail) = (syllable / 28 / VOWELS, syllable / 28 % VOWELS, (syllable % 28) as usize);
                push_code(u16::from_be_bytes(COMPOSED), out);
                push_code(map.code(FIRST_LETTER + u32::from(LEADS[lead as usize])), out);
                push_code(map.code(FIRST_VOWEL + vowel), out);
                match tail.checked_sub(1) {
                    Some(tail) => push_code(map.code(FIRST_LETTER + u32::from(TAILS[tail])), out),
                    None => push_code(u16::from_be_bytes(COMPOSED), out),
                }
            }
        }
        true
    }
}

/// Three bytes, the first of them 0x8F.
fn second(set: Set, rest: &[u8]) -> Step {
    let &[_, lead, trail, ..] = rest else { return Step::Short };
    match set.map().text(u16::from_be_bytes([lead, trail])) {
        Text::One(point) => Step::Char(point, 3),
        Text::Pair(pair) => Step::Pair(pair, 3),
        Text::Hole => Step::Bad(3),
        Text::None => Step::Bad(1),
    }
}

/// The number of the first code of four bytes beyond U+FFFF: 90 30 81 30.
const SUPPLEMENTARY: u32 = 15 * 12600;

/// Four bytes, a number whose digits have the bases 126, 10, 126, 10.
fn four_bytes(rest: &[u8]) -> Step {
    let &[a, b, c, d, ..] = rest else { return Step::Short };
    if !(0x81..=0xFE).contains(&a) || !(0x81..=0xFE).contains(&c) || !d.is_ascii_digit() {
        return Step::Bad(1);
    }
    let digit = |byte: u8, zero: u8| u32::from(byte - zero);
    let number = ((digit(a, 0x81) * 10 + digit(b, 0x30)) * 126 + digit(c, 0x81)) * 10 + digit(d, 0x30);
    if let Some(point) = number.checked_sub(SUPPLEMENTARY).map(|at| at + 0x1_0000).filter(|point| *point < 0x11_0000) {
        return Step::Char(point, 4);
    }
    match u16::try_from(number + 1).map(|number| Set::Gb18030Four.map().text(number)) {
        Ok(Text::One(point)) => Step::Char(point, 4),
        _ => Step::Bad(1),
    }
}

/// The filler, which begins a composed syllable and stands for a missing last letter.
const COMPOSED: [u8; 2] = [0xA4, 0xD4];
const FIRST_SYLLABLE: u32 = 0xAC00;
const SYLLABLES: u32 = 11172;
const VOWELS: u32 = 21;
const FIRST_LETTER: u32 = 0x3131;
const FIRST_VOWEL: u32 = 0x314F;
/// Leading and last consonants in the order of the syllables, as distances from U+3131.
const LEADS: [u8; 19] = [0, 1, 3, 6, 7, 8, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];
const TAILS: [u8; 27] =
    [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29];

/// A syllable in eight bytes.
fn composed(map: &Map, rest: &[u8]) -> Step {
    let Some(bytes) = rest.first_chunk::<8>() else { return Step::Short };
    let letter = |at: usize, first: u32| match map.text(u16::from_be_bytes([bytes[at], bytes[at + 1]])) {
        Text::One(point) if bytes[at] == 0xA4 => point.checked_sub(first),
        _ => None,
    };
    let place = |letters: &[u8], letter: u32| letters.iter().position(|known| u32::from(*known) == letter);
    let lead = letter(2, FIRST_LETTER).and_then(|letter| place(&LEADS, letter));
    let vowel = letter(4, FIRST_VOWEL).filter(|vowel| *vowel < VOWELS);
    let tail = match [bytes[6], bytes[7]] {
        COMPOSED => Some(0),
        _ => letter(6, FIRST_LETTER).and_then(|letter| place(&TAILS, letter)).map(|tail| tail + 1),
    };
    match (lead, vowel, tail) {
        (Some(lead), Some(vowel), Some(tail)) => {
            Step::Char(FIRST_SYLLABLE + (lead as u32 * VOWELS + vowel) * 28 + tail as u32, 8)
        }
        _ => Step::Bad(1),
    }
}
