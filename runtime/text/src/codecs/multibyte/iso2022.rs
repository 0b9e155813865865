//! ISO 2022 in seven bits: escape sequences designate sets to G0, G1 and G2 (RFC 1468, 1554, 1557, 2237).

use super::maps::{Map, Set, Text};
use super::{State, Step, Stop, push_code, run, seven_bits};
use crate::codecs::{Sink, Unit};

const ESC: u8 = 0x1B;
const SO: u8 = 0x0E;
const SI: u8 = 0x0F;
const ASCII: u8 = b'B';
/// Marks sets of two bytes in the state.
const DOUBLE: u8 = 0x80;

// Where the state has the designations, and its flags.
const G2: usize = 2;
const FLAGS: usize = 4;
/// G1 is in use.
const SHIFTED: u8 = 1;
/// An unknown escape sequence passes through.
const PASSING: u8 = 2;

pub(super) const ENCODER: State = State([ASCII, ASCII, 0, 0, 0, 0, 0, 0]);
pub(super) const DECODER: State = State([ASCII, ASCII, ASCII, 0, 0, 0, 0, 0]);

/// A set that a codec may designate.
struct Designation {
    /// The escape sequence's last byte, with [`DOUBLE`].
    mark: u8,
    escape: &'static [u8],
    set: Set,
    /// Whether encoders use it.
    encodes: bool,
}

impl Designation {
    fn width(&self) -> usize {
        if self.mark & DOUBLE != 0 { 2 } else { 1 }
    }

    /// The code that the map has for bytes at `rest`.
    fn text(&self, rest: &[u8]) -> Text {
        let map = self.set.map();
        match *rest {
            [lead, trail, ..] if self.mark & DOUBLE != 0 && (lead | trail) < 0x80 => {
                map.text(u16::from_be_bytes([lead, trail]) | 0x8080)
            }
            [byte, ..] if self.mark & DOUBLE == 0 => map.text(self.single(byte).into()),
            _ => Text::None,
        }
    }

    /// Half-width letters have their codes in the upper half.
    fn single(&self, byte: u8) -> u8 {
        if self.set == Set::IsoJisx0201Kana { byte ^ 0x80 } else { byte }
    }
}

/// A codec's sets, in the order in which the encoder tries them.
pub(super) struct Scheme {
    sets: &'static [Designation],
    /// Where the sets go: Korean has its one in G1.
    shifts: bool,
    /// Whether G2 is known.
    g2: bool,
}

const fn designation(mark: u8, escape: &'static [u8], set: Set) -> Designation {
    Designation { mark, escape, set, encodes: true }
}

const JISX0208: Designation = designation(b'B' | DOUBLE, b"\x1b$B", Set::IsoJisx0208);
/// The edition of 1978, which is only read.
const JISX0208_OLD: Designation =
    Designation { mark: b'@' | DOUBLE, escape: b"\x1b$@", set: Set::IsoJisx0208, encodes: false };
const JISX0212: Designation = designation(b'D' | DOUBLE, b"\x1b$(D", Set::IsoJisx0212);
const JISX0201_ROMAN: Designation = designation(b'J', b"\x1b(J", Set::IsoJisx0201Roman);
const JISX0201_KANA: Designation = designation(b'I', b"\x1b(I", Set::IsoJisx0201Kana);
const GB2312: Designation = designation(b'A' | DOUBLE, b"\x1b$(A", Set::IsoGb2312);
const KSX1001_G0: Designation = designation(b'C' | DOUBLE, b"\x1b$(C", Set::IsoKsx1001);
const KSX1001_G1: Designation = designation(b'C' | DOUBLE, b"\x1b$)C", Set::IsoKsx1001);
const JISX0213_2004: Designation = designation(b'Q' | DOUBLE, b"\x1b$(Q", Set::IsoJisx0213First2004);
const JISX0213_2000: Designation = designation(b'O' | DOUBLE, b"\x1b$(O", Set::IsoJisx0213First2000);
const JISX0213_SECOND_2004: Designation = designation(b'P' | DOUBLE, b"\x1b$(P", Set::IsoJisx0213Second2004);
const JISX0213_SECOND_2000: Designation = designation(b'P' | DOUBLE, b"\x1b$(P", Set::IsoJisx0213Second2000);

/// The sets of G2, by their marks.
const LATIN: u8 = b'A';
const GREEK: u8 = b'F';

pub(super) const KR: Scheme = Scheme { sets: &[KSX1001_G1], shifts: true, g2: false };
pub(super) const JP: Scheme = Scheme { sets: &[JISX0208, JISX0201_ROMAN, JISX0208_OLD], shifts: false, g2: false };
pub(super) const JP_1: Scheme =
    Scheme { sets: &[JISX0208, JISX0212, JISX0201_ROMAN, JISX0208_OLD], shifts: false, g2: false };
pub(super) const JP_2: Scheme =
    Scheme { sets: &[JISX0208, JISX0212, KSX1001_G0, GB2312, JISX0201_ROMAN, JISX0208_OLD], shifts: false, g2: true };
pub(super) const JP_2004: Scheme =
    Scheme { sets: &[JISX0208, JISX0213_2004, JISX0213_SECOND_2004], shifts: false, g2: false };
pub(super) const JP_3: Scheme =
    Scheme { sets: &[JISX0208, JISX0213_2000, JISX0213_SECOND_2000], shifts: false, g2: false };
pub(super) const JP_EXT: Scheme =
    Scheme { sets: &[JISX0208, JISX0212, JISX0201_ROMAN, JISX0201_KANA, JISX0208_OLD], shifts: false, g2: false };

pub(super) fn reset_encoder(state: &mut State, out: &mut Vec<u8>) {
    to_ascii(state, out);
}

pub(super) fn reset_decoder(state: &mut State) {
    state.0[0] = ASCII;
    state.0[FLAGS] &= !SHIFTED;
}

/// Appends what makes the next byte ASCII.
fn to_ascii(state: &mut State, out: &mut Vec<u8>) {
    if state.0[FLAGS] & SHIFTED != 0 {
        out.push(SI);
        state.0[FLAGS] &= !SHIFTED;
    }
    if state.0[0] != ASCII {
        out.extend_from_slice(b"\x1b(B");
        state.0[0] = ASCII;
    }
}

/// Whether a byte behind ESC begins a sequence that is looked into.
fn introduces(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'$' | b'.' | b'&')
}

/// Whether a byte ends an escape sequence.
fn ends(byte: u8) -> bool {
    matches!(byte, b'@'..=b'Z')
}

/// Escape sequences are looked through so far.
const LONGEST: usize = 16;

impl Scheme {
    pub(super) fn decode(&self, state: &mut State, input: &[u8], at: &mut usize, out: &mut impl Sink) -> Stop {
        let mut units = [0; 64];
        while *at < input.len() {
            self.run(state, input, at, out, &mut units);
            if *at == input.len() {
                break;
            }
            if let Some(stop) = self.step(state, &input[*at..]).apply(at, out) {
                return stop;
            }
        }
        Stop::End
    }

    /// Decodes as far as the set in use goes.
    #[inline]
    fn run(&self, state: &State, input: &[u8], at: &mut usize, out: &mut impl Sink, units: &mut [u16; 64]) {
        match (state.0[FLAGS], state.0[0]) {
            (0, ASCII) => run(input, at, out, units, |rest| match *rest {
                [ESC | SO | SI, ..] => None,
                [byte @ ..0x80, ..] => Some((byte.into(), 1)),
                _ => None,
            }),
            (flags @ (0 | SHIFTED), first) => {
                let mark = if flags == 0 { first } else { state.0[1] };
                if let Some(set) = self.designated(mark).filter(|set| set.width() == 2) {
                    run(input, at, out, units, seven_bits(set.set.map()));
                }
            }
            _ => {}
        }
    }

    #[inline]
    fn step(&self, state: &mut State, rest: &[u8]) -> Step {
        let byte = rest[0];
        if state.0[FLAGS] & PASSING != 0 {
            if ends(byte) {
                state.0[FLAGS] &= !PASSING;
            }
            return Step::Char(byte.into(), 1);
        }
        match byte {
            ESC => return self.escape(state, rest),
            SO | SI if self.shifts => {
                state.0[FLAGS] = state.0[FLAGS] & !SHIFTED | if byte == SO { SHIFTED } else { 0 };
                return Step::Skip(1);
            }
            b'\n' => state.0[FLAGS] &= !SHIFTED,
            _ => {}
        }
        if byte < 0x20 {
            return Step::Char(byte.into(), 1);
        }
        if byte >= 0x80 {
            return Step::Bad(1);
        }
        let mark = state.0[usize::from(state.0[FLAGS] & SHIFTED)];
        if mark == ASCII {
            return Step::Char(byte.into(), 1);
        }
        let Some(set) = self.designated(mark) else { return Step::Bad(1) };
        if rest.len() < set.width() {
            return Step::Short;
        }
        match set.text(rest) {
            Text::One(point) => Step::Char(point, set.width()),
            Text::Pair(pair) => Step::Pair(pair, set.width()),
            Text::None | Text::Hole => Step::Bad(set.width()),
        }
    }

    fn designated(&self, mark: u8) -> Option<&Designation> {
        self.sets.iter().find(|set| set.mark == mark)
    }

    /// Reads an escape sequence.
    fn escape(&self, state: &mut State, rest: &[u8]) -> Step {
        let Some(&next) = rest.get(1) else { return Step::Short };
        if next == b'N' && self.g2 {
            return match rest.get(2) {
                Some(&byte) => single_shift(state.0[G2], byte),
                None => Step::Short,
            };
        }
        if !introduces(next) {
            state.0[FLAGS] |= PASSING;
            return Step::Char(ESC.into(), 1);
        }
        let mut len = 1;
        loop {
            match rest.get(len) {
                _ if len >= LONGEST => return Step::Bad(1),
                None => return Step::Short,
                Some(byte) if ends(*byte) => break,
                // An announcement belongs to the sequence behind it.
                Some(_) if !self.shifts && rest[len..].starts_with(b"&@") => len += 3,
                Some(_) => len += 1,
            }
        }
        len += 1;
        let (place, mark) = match rest[..len] {
            [_, b'$', mark] => (0, mark | DOUBLE),
            [_, b'(', mark] => (0, mark),
            [_, b')', mark] => (1, mark),
            [_, b'.', mark] if self.g2 => (G2, mark),
            [_, b'$', b'(', mark] => (0, mark | DOUBLE),
            [_, b'$', b')', mark] => (1, mark | DOUBLE),
            [_, b'&', b'@', ESC, b'$', b'B'] => (0, b'B' | DOUBLE),
            _ => return Step::Bad(len),
        };
        let known = mark == ASCII || self.g2 && matches!(mark, LATIN | GREEK) || self.designated(mark).is_some();
        if !known {
            return Step::Bad(len);
        }
        state.0[place] = mark;
        Step::Skip(len)
    }

    pub(super) fn encode<U: Unit>(
        &self,
        state: &mut State,
        text: &[U],
        at: &mut usize,
        out: &mut Vec<u8>,
        last: bool,
    ) -> Stop {
        let maps: Vec<(&Designation, &Map)> =
            self.sets.iter().filter(|set| set.encodes).map(|set| (set, set.set.map())).collect();
        let paired: &[_] = if maps.iter().any(|(_, map)| map.has_pairs()) { &maps } else { &[] };
        while let Some(&unit) = text.get(*at) {
            let point: u32 = unit.into();
            if point < 0x80 {
                to_ascii(state, out);
                out.push(point as u8);
                *at += 1;
                continue;
            }
            let next = text.get(*at + 1).map(|&unit| unit.into());
            let mut found = None;
            for &(set, map) in paired {
                match map.pair(point, next) {
                    Ok(code) => found = Some((set, code, 2)),
                    Err(true) if next.is_none() && !last => return Stop::Short,
                    Err(_) => {}
                }
            }
            let found = found.or_else(|| {
                let mut codes = maps.iter().map(|&(set, map)| (set, map.code(point), 1));
                codes.find(|(_, code, _)| *code != 0)
            });
            let Some((set, code, used)) = found else { return Stop::Bad(1) };
            self.designate(set, state, out);
            push_code(code & 0x7F7F, out);
            *at += used;
        }
        Stop::End
    }

    /// Appends what makes the next code one of the set.
    fn designate(&self, set: &Designation, state: &mut State, out: &mut Vec<u8>) {
        let place = usize::from(self.shifts);
        if state.0[place] != set.mark {
            out.extend_from_slice(set.escape);
            state.0[place] = set.mark;
        }
        if self.shifts && state.0[FLAGS] & SHIFTED == 0 {
            out.push(SO);
            state.0[FLAGS] |= SHIFTED;
        }
    }
}

/// One character of G2, behind `ESC N`.
fn single_shift(mark: u8, byte: u8) -> Step {
    let point = match mark {
        _ if byte >= 0x80 => None,
        LATIN => Some(u32::from(byte) + 0x80),
        GREEK => match Set::Iso8859Greek.map().text(u16::from(byte) | 0x80) {
            Text::One(point) => Some(point),
            _ => None,
        },
        ASCII => Some(byte.into()),
        _ => None,
    };
    point.map_or(Step::Bad(3), |point| Step::Char(point, 3))
}
