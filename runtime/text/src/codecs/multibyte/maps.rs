//! Character sets as two-way maps, expanded from `maps.bin` when a codec first needs them.
//!
//! `gen_multibyte.py` tells how the file is laid out. Expanded, a map has rows of 256 values for the leading
//! bytes that occur and pages of 256 codes for the code points that occur, so that each way is two loads.

use std::sync::OnceLock;

static DATA: &[u8] = include_bytes!("maps.bin");

/// The sets in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    Gb2312,
    Gbk,
    Gb18030,
    /// The codes of four bytes, numbered from 1.
    Gb18030Four,
    Big5,
    Cp950,
    Big5Hkscs,
    EucKr,
    Cp949,
    Johab,
    EucJp,
    /// What follows the byte 0x8F, here and below.
    EucJp2,
    ShiftJis,
    Cp932,
    EucJis2004,
    EucJis2004Second,
    EucJisx0213,
    EucJisx0213Second,
    ShiftJis2004,
    ShiftJisx0213,
    IsoKsx1001,
    IsoJisx0208,
    IsoJisx0201Roman,
    IsoJisx0212,
    IsoGb2312,
    IsoJisx0213First2004,
    IsoJisx0213Second2004,
    IsoJisx0213First2000,
    IsoJisx0213Second2000,
    IsoJisx0201Kana,
    Hz,
    Iso8859Greek,
}

const COUNT: usize = Set::Iso8859Greek as usize + 1;

static MAPS: [OnceLock<Map>; COUNT] = [const { OnceLock::new() }; COUNT];

impl Set {
    /// The expanded map.
    #[inline]
    pub(super) fn map(self) -> &'static Map {
        MAPS[self as usize].get_or_init(|| Map::expand(self as usize))
    }
}

/// No text: a value of a row.
const NONE: u16 = 0;
/// The whole code is refused.
const HOLE: u16 = 0xFFFF;
/// Values from here on (no character of any set is a surrogate) stand for text that is not one unit, and for U+FFFF.
const WIDE: u16 = 0xD800;
const WIDE_END: u16 = 0xE000;

/// What a code stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    None,
    Hole,
    One(u32),
    Pair([u32; 2]),
}

/// A set, both ways.
pub(super) struct Map {
    rows: [u16; 256],
    values: Vec<u16>,
    /// What [`Map::unit`] says of single bytes, and ASCII where the set has nothing.
    singles: [u16; 256],
    wide: Vec<[u32; 2]>,
    pages: Vec<u16>,
    codes: Vec<u16>,
    pairs: Vec<([u32; 2], u16)>,
    /// A bit for each remainder by 64 of what pairs begin with, and of what they end with.
    firsts: u64,
    seconds: u64,
}

impl Map {
    /// The text of a code.
    #[inline(always)]
    pub(super) fn text(&self, code: u16) -> Text {
        match self.value(code) {
            NONE => Text::None,
            value @ (WIDE..WIDE_END | HOLE) => self.wide_text(value),
            value => Text::One(value.into()),
        }
    }

    #[cold]
    fn wide_text(&self, value: u16) -> Text {
        match self.wide.get(usize::from(value - WIDE)) {
            None => Text::Hole,
            Some(&[point, 0]) => Text::One(point),
            Some(&pair) => Text::Pair(pair),
        }
    }

    /// The character below U+10000 that a code stands for; 0 if that is another text or none.
    #[inline(always)]
    pub(super) fn unit(&self, code: u16) -> u16 {
        match self.value(code) {
            WIDE..WIDE_END | HOLE => 0,
            unit => unit,
        }
    }

    /// The character below U+10000 that a byte stands for in a codec that has ASCII beside the set; 0 as above.
    #[inline(always)]
    pub(super) fn single(&self, byte: u8) -> u16 {
        self.singles[usize::from(byte)]
    }

    #[inline(always)]
    fn value(&self, code: u16) -> u16 {
        self.values[usize::from(self.rows[usize::from(code >> 8)]) << 8 | usize::from(code & 0xFF)]
    }

    /// The code of a code point; 0 if it has none.
    #[inline(always)]
    pub(super) fn code(&self, point: u32) -> u16 {
        let page = self.pages.get((point >> 8) as usize).map_or(0, |&page| usize::from(page));
        self.codes[page << 8 | (point & 0xFF) as usize]
    }

    /// Whether any code stands for two code points.
    #[inline(always)]
    pub(super) fn has_pairs(&self) -> bool {
        !self.pairs.is_empty()
    }

    /// The code of two code points. `Err` tells whether a pair begins with `first` when `second` is not known.
    #[inline(always)]
    pub(super) fn pair(&self, first: u32, second: Option<u32>) -> Result<u16, bool> {
        if self.may_pair(first, second) { self.find_pair(first, second) } else { Err(false) }
    }

    /// Whether two code points look like a pair, if the second one is known.
    #[inline(always)]
    pub(super) fn may_pair(&self, first: u32, second: Option<u32>) -> bool {
        let has = |known: u64, point: u32| known >> (point & 63) & 1 != 0;
        has(self.firsts, first) && second.is_none_or(|second| has(self.seconds, second))
    }

    fn find_pair(&self, first: u32, second: Option<u32>) -> Result<u16, bool> {
        let start = self.pairs.partition_point(|(pair, _)| pair[0] < first);
        let mut known = self.pairs[start..].iter().take_while(|(pair, _)| pair[0] == first).peekable();
        let begins = known.peek().is_some();
        known.find(|(pair, _)| Some(pair[1]) == second).map(|(_, code)| *code).ok_or(begins)
    }

    fn expand(index: usize) -> Map {
        let (plain, exceptions) = Plain::read(index);
        let (mut rows, mut values, mut wide) = ([0; 256], vec![NONE; 256], Vec::new());
        let (mut pages, mut codes, mut pairs) = (vec![0; 0x1100], vec![0; 256], Vec::new());
        let mut put = |point: u32, code: u16, always: bool| {
            let page = &mut pages[(point >> 8) as usize];
            if *page == 0 {
                *page = (codes.len() >> 8) as u16;
                codes.resize(codes.len() + 256, 0);
            }
            let slot = &mut codes[usize::from(*page) << 8 | (point & 0xFF) as usize];
            if always || *slot == 0 {
                *slot = code;
            }
        };
        for (code, &value) in plain.values.iter().enumerate().filter(|(_, value)| **value != 0) {
            let row = &mut rows[code >> 8];
            if *row == 0 {
                *row = (values.len() >> 8) as u16;
                values.resize(values.len() + 256, NONE);
            }
            values[usize::from(*row) << 8 | code & 0xFF] = match value {
                Plain::HOLE => HOLE,
                0xFFFF.. => {
                    let text = match value.checked_sub(Plain::PAIR) {
                        Some(at) => plain.pairs[at as usize],
                        None => [value, 0],
                    };
                    wide.push(text);
                    WIDE + (wide.len() - 1) as u16
                }
                point => point as u16,
            };
            match value.checked_sub(Plain::PAIR) {
                Some(at) => pairs.push((plain.pairs[at as usize], code as u16)),
                None if value == Plain::HOLE => {}
                None => put(value, code as u16, false),
            }
        }
        for (point, code) in exceptions {
            put(point, code, true);
        }
        pairs.sort_unstable();
        let known = |at: usize| pairs.iter().fold(0, |known, (pair, _)| known | 1 << (pair[at] & 63));
        let (firsts, seconds) = (known(0), known(1));
        let mut map = Map { rows, values, singles: [0; 256], wide, pages, codes, pairs, firsts, seconds };
        for byte in 0..=0xFF {
            map.singles[usize::from(byte)] = match map.text(byte) {
                Text::None if byte < 0x80 => byte,
                _ => map.unit(byte),
            };
        }
        map
    }
}

/// A map as the file has it: for each code 0, a code point, `HOLE`, or `PAIR` and a place in `pairs`.
struct Plain {
    values: Vec<u32>,
    pairs: Vec<[u32; 2]>,
}

struct Reader(&'static [u8]);

impl Reader {
    fn number(&mut self) -> u32 {
        let (mut value, mut shift) = (0, 0);
        while let [byte, rest @ ..] = self.0 {
            self.0 = rest;
            value |= u32::from(byte & 127) << shift;
            shift += 7;
            if *byte < 128 {
                break;
            }
        }
        value
    }

    fn step(&mut self, from: u32) -> u32 {
        let number = self.number();
        let size = number >> 1;
        from.wrapping_add(if number & 1 == 0 { size } else { !size })
    }

    fn take(&mut self, len: usize) -> Reader {
        let (part, rest) = self.0.split_at(len);
        self.0 = rest;
        Reader(part)
    }
}

impl Plain {
    const HOLE: u32 = 0x11_0000;
    const GONE: u32 = 0x11_0001;
    const PAIR: u32 = 0x11_0002;

    /// The map at `index` of the file, and the exceptions to its inverse.
    fn read(index: usize) -> (Plain, Vec<(u32, u16)>) {
        let mut file = Reader(DATA);
        let count = file.number() as usize;
        debug_assert_eq!(count, COUNT);
        let (mut base, mut transform, mut body) = (0, 0, Reader(&[]));
        for _ in 0..=index {
            (base, transform) = (file.number() as usize, file.number());
            let len = file.number() as usize;
            body = file.take(len);
        }
        let mut plain = match base.checked_sub(1) {
            Some(base) => Plain::read(base).0.moved(transform),
            None => Plain { values: vec![0; 0x1_0000], pairs: Vec::new() },
        };
        let (mut code, mut value) = (0, 0);
        loop {
            code += body.number() as usize;
            let head = body.number();
            if head == 0 {
                break;
            }
            for at in 0..head >> 1 {
                value = if head & 1 == 1 || at == 0 { body.step(value) } else { value + 1 };
                plain.values[code] = if value == Self::GONE { 0 } else { value };
                code += 1;
            }
        }
        for _ in 0..body.number() {
            let (code, pair) = (body.number() as usize, [body.number(), body.number()]);
            plain.values[code] = Self::PAIR + plain.pairs.len() as u32;
            plain.pairs.push(pair);
        }
        let (mut exceptions, mut point) = (Vec::new(), 0);
        for _ in 0..body.number() {
            point += body.number();
            exceptions.push((point, body.number() as u16));
        }
        (plain, exceptions)
    }

    /// The codes of two bytes where another form of the same rows and cells has them. What has one byte stays behind.
    fn moved(self, transform: u32) -> Plain {
        let place = match transform {
            1 => shift_jis,
            2 => johab,
            _ => return self,
        };
        let mut values = vec![0; self.values.len()];
        for row in 0..94 {
            for cell in 0..94 {
                if let Some(code) = place(row, cell) {
                    values[code] = self.values[(row + 0xA1) << 8 | (cell + 0xA1)];
                }
            }
        }
        Plain { values, pairs: self.pairs }
    }
}

/// Two rows share a leading byte, which skips the half-width letters; the trailing byte skips 0x7F.
fn shift_jis(row: usize, cell: usize) -> Option<usize> {
    let lead = 0x81 + row / 2;
    let trail = if row % 2 == 1 { cell + 0x9F } else { cell + 0x40 + usize::from(cell >= 0x3F) };
    Some((if lead > 0x9F { lead + 0x40 } else { lead }) << 8 | trail)
}

/// The rows of symbols and of Chinese characters, without the letters that Johab composes.
fn johab(row: usize, cell: usize) -> Option<usize> {
    let lead = match row {
        3 => return None,
        0..13 => 0xD9 + row / 2,
        41.. => 0xE0 + (row - 41) / 2,
        _ => return None,
    };
    let at = cell + 94 * if row < 13 { row % 2 } else { (row - 41) % 2 };
    Some(lead << 8 | if at < 78 { at + 0x31 } else { at - 78 + 0x91 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_in_the_order_of_the_file() {
        for (set, code, point) in [
            (Set::Gb18030Four, 1, 0x80),
            (Set::Johab, 0x8861, 0xAC00),
            (Set::Cp932, 0x8740, 0x2460),
            (Set::ShiftJisx0213, 0x5C, 0xA5),
            (Set::IsoJisx0201Kana, 0xA1, 0xFF61),
            (Set::Hz, 0xB0A1, 0x554A),
            (Set::Iso8859Greek, 0xE1, 0x3B1),
        ] {
            assert_eq!(set.map().text(code), Text::One(point), "{set:?}");
            assert_eq!(set.map().code(point), code, "{set:?}");
        }
        // No byte is a character and begins another one, too.
        for set in [Set::Gb18030, Set::Johab, Set::EucJis2004, Set::ShiftJis2004, Set::Cp932, Set::Big5Hkscs] {
            let map = set.map();
            assert!((0..=0xFF).all(|byte| map.rows[usize::from(byte)] == 0 || map.text(byte) == Text::None), "{set:?}");
        }
        assert_eq!(Set::EucJis2004.map().pair(0x304B, Some(0x309A)), Ok(0xA4F7));
    }
}
