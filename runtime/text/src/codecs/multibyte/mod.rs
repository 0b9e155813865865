//! The East Asian codecs: character sets as maps, and three kinds of machine that run over them.
//!
//! - [`stateless`] codecs take a code of one to four bytes for each character (the EUC, Shift JIS, Big5, GB
//!   and Johab families).
//! - [`hz`] and [`iso2022`] switch between sets with escape sequences and keep a [`State`].
//!
//! What the sets contain is data, made by `gen_multibyte.py` from the reference's answers; see [`maps`].
//! As in the other kernels, a decoder or encoder stops where the error handler has to act. With `last` false
//! it also stops before what more input may complete.

mod hz;
mod iso2022;
mod maps;
mod stateless;

use super::{Problem, Sink, Unit};
use iso2022::Scheme;
use maps::{Map, Set};
use stateless::{Extra, Table};

const ILLEGAL: &str = "illegal multibyte sequence";
/// Why input that ends within a character cannot be decoded.
pub const INCOMPLETE: &str = "incomplete multibyte sequence";

/// What a codec remembers between calls, in the bytes that the reference's `getstate` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State(pub [u8; 8]);

enum Kind {
    Stateless(Table),
    Hz,
    Iso2022(Scheme),
}

/// One codec.
pub struct Codec {
    /// The name that errors show.
    pub name: &'static str,
    /// The module that gives it to Python code, without `_codecs_`.
    pub family: &'static str,
    kind: Kind,
}

const fn table(name: &'static str, family: &'static str, set: Set, extra: Extra) -> Codec {
    Codec { name, family, kind: Kind::Stateless(Table::new(set, extra)) }
}

const fn iso2022(name: &'static str, scheme: Scheme) -> Codec {
    Codec { name, family: "iso2022", kind: Kind::Iso2022(scheme) }
}

static CODECS: [Codec; 24] = [
    table("gb2312", "cn", Set::Gb2312, Extra::None),
    table("gbk", "cn", Set::Gbk, Extra::None),
    table("gb18030", "cn", Set::Gb18030, Extra::FourBytes),
    Codec { name: "hz", family: "cn", kind: Kind::Hz },
    table("big5hkscs", "hk", Set::Big5Hkscs, Extra::None),
    iso2022("iso2022_kr", iso2022::KR),
    iso2022("iso2022_jp", iso2022::JP),
    iso2022("iso2022_jp_1", iso2022::JP_1),
    iso2022("iso2022_jp_2", iso2022::JP_2),
    iso2022("iso2022_jp_2004", iso2022::JP_2004),
    iso2022("iso2022_jp_3", iso2022::JP_3),
    iso2022("iso2022_jp_ext", iso2022::JP_EXT),
    table("shift_jis", "jp", Set::ShiftJis, Extra::None),
    table("cp932", "jp", Set::Cp932, Extra::None),
    table("euc_jp", "jp", Set::EucJp, Extra::Second(Set::EucJp2)),
    table("shift_jis_2004", "jp", Set::ShiftJis2004, Extra::None).without_ascii(),
    table("euc_jis_2004", "jp", Set::EucJis2004, Extra::Second(Set::EucJis2004Second)),
    table("euc_jisx0213", "jp", Set::EucJisx0213, Extra::Second(Set::EucJisx0213Second)),
    table("shift_jisx0213", "jp", Set::ShiftJisx0213, Extra::None).without_ascii(),
    table("euc_kr", "kr", Set::EucKr, Extra::Composed),
    table("cp949", "kr", Set::Cp949, Extra::None),
    table("johab", "kr", Set::Johab, Extra::None),
    table("big5", "tw", Set::Big5, Extra::None),
    table("cp950", "tw", Set::Cp950, Extra::None),
];

impl Codec {
    const fn without_ascii(mut self) -> Self {
        if let Kind::Stateless(table) = &mut self.kind {
            table.ascii = false;
        }
        self
    }

    /// The codec of a family's module with exactly this name.
    pub fn find(family: &str, name: &str) -> Option<&'static Codec> {
        CODECS.iter().find(|codec| codec.family == family && codec.name == name)
    }

    /// All codecs.
    pub fn all() -> &'static [Codec] {
        &CODECS
    }

    /// The state in which encoding begins.
    pub fn encoder_state(&self) -> State {
        match self.kind {
            Kind::Iso2022(_) => iso2022::ENCODER,
            _ => State::default(),
        }
    }

    /// The state in which decoding begins.
    pub fn decoder_state(&self) -> State {
        match self.kind {
            Kind::Iso2022(_) => iso2022::DECODER,
            _ => State::default(),
        }
    }

    /// Ends encoded text: appends what leads back to ASCII.
    pub fn reset_encoder(&self, state: &mut State, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Stateless(_) => {}
            Kind::Hz => hz::reset_encoder(state, out),
            Kind::Iso2022(_) => iso2022::reset_encoder(state, out),
        }
    }

    /// Begins with new input.
    pub fn reset_decoder(&self, state: &mut State) {
        match self.kind {
            Kind::Stateless(_) => {}
            Kind::Hz => hz::reset_decoder(state),
            Kind::Iso2022(_) => iso2022::reset_decoder(state),
        }
    }

    /// Decodes `input` from `*at` on.
    ///
    /// # Errors
    /// Bytes that the error handler has to replace; `*at` is where they start.
    pub fn decode(
        &self,
        state: &mut State,
        input: &[u8],
        at: &mut usize,
        out: &mut impl Sink,
        last: bool,
    ) -> Result<(), Problem> {
        let step = match &self.kind {
            Kind::Stateless(table) => table.decode(input, at, out),
            Kind::Hz => hz::decode(state, input, at, out),
            Kind::Iso2022(scheme) => scheme.decode(state, input, at, out),
        };
        match step {
            Stop::End => Ok(()),
            Stop::Short if last => Err(Problem::new(*at, input.len(), INCOMPLETE)),
            Stop::Short => Ok(()),
            Stop::Bad(len) => Err(Problem::new(*at, *at + len, ILLEGAL)),
        }
    }

    /// Encodes `text` from `*at` on.
    ///
    /// # Errors
    /// A character that the error handler has to replace; `*at` is where it is.
    pub fn encode<U: Unit>(
        &self,
        state: &mut State,
        text: &[U],
        at: &mut usize,
        out: &mut Vec<u8>,
        last: bool,
    ) -> Result<(), Problem> {
        let step = match &self.kind {
            Kind::Stateless(table) => table.encode(text, at, out, last),
            Kind::Hz => hz::encode(state, text, at, out),
            Kind::Iso2022(scheme) => scheme.encode(state, text, at, out, last),
        };
        match step {
            Stop::End | Stop::Short => Ok(()),
            Stop::Bad(len) => Err(Problem::new(*at, *at + len, ILLEGAL)),
        }
    }
}

/// Why a machine stopped. It stands before what it did not use.
enum Stop {
    /// All is used.
    End,
    /// More input may complete what is there.
    Short,
    /// So many bytes or characters are refused.
    Bad(usize),
}

/// What the bytes at a place mean.
enum Step {
    /// A character of so many bytes.
    Char(u32, usize),
    /// Two characters of so many bytes.
    Pair([u32; 2], usize),
    /// No text, but so many bytes are used.
    Skip(usize),
    /// There is more to come.
    Short,
    /// So many bytes are refused.
    Bad(usize),
}

impl Step {
    /// Does what the step says; `Some` ends the run.
    #[inline(always)]
    fn apply(self, at: &mut usize, out: &mut impl Sink) -> Option<Stop> {
        match self {
            Step::Char(point, len) => {
                out.push(point);
                *at += len;
            }
            Step::Pair([first, second], len) => {
                out.push(first);
                out.push(second);
                *at += len;
            }
            Step::Skip(len) => *at += len,
            Step::Short => return Some(Stop::Short),
            Step::Bad(len) => return Some(Stop::Bad(len)),
        }
        None
    }
}

/// Decodes what is plain: `next` tells the character below U+10000 that input begins with, and how many bytes it has. The
/// characters go to `out` by `units`, many at a time. Where there is no such character it stops, for a [`Step`] to look
/// closer.
#[inline(always)]
fn run(
    input: &[u8],
    at: &mut usize,
    out: &mut impl Sink,
    units: &mut [u16; 64],
    next: impl Fn(&[u8]) -> Option<(u16, usize)>,
) {
    loop {
        let (mut rest, mut len) = (&input[*at..], 0);
        while let Some(slot) = units.get_mut(len)
            && let Some((unit, used)) = next(rest)
        {
            *slot = unit;
            rest = &rest[used..];
            len += 1;
        }
        *at = input.len() - rest.len();
        if len > 0 {
            out.push_ucs2(&units[..len]);
        }
        if len < units.len() {
            return;
        }
    }
}

/// The character that two bytes of seven bits begin with, for [`run`]. Sets have none for those that the codecs look into.
#[inline(always)]
fn seven_bits(map: &Map) -> impl Fn(&[u8]) -> Option<(u16, usize)> {
    |rest| match *rest {
        [lead, trail, ..] if (lead | trail) < 0x80 => {
            let unit = map.unit(u16::from_be_bytes([lead, trail]) | 0x8080);
            (unit != 0).then_some((unit, 2))
        }
        _ => None,
    }
}

/// Appends a code of one or two bytes.
#[inline(always)]
fn push_code(code: u16, out: &mut Vec<u8>) {
    match code {
        ..0x100 => out.push(code as u8),
        _ => out.extend_from_slice(&code.to_be_bytes()),
    }
}
